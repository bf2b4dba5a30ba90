-- What people answer about deliveries: try again, send anew, or let it be.

create table delivery_new (
    delivery_id        integer primary key,
    -- Null for a notice to an owner, which carries no file.
    artifact_id        integer references artifact (artifact_id),
    kind               text not null check (kind in ('email', 'directory', 'http', 'notice')),
    -- The relay's or endpoint's name, or the folder.
    target             text not null,
    -- One address, or the name of the file at the far end.
    address            text not null,
    -- 1 is the run's own; a person who sends it anew makes the next one.
    number             integer not null default 1 check (0 < number),
    -- What the destination was when the run ended, as JSON.
    details            text not null,
    state              text not null
                       check (state in ('pending', 'delivered', 'outbox', 'failed', 'unknown', 'discarded')),
    -- Why it was discarded.
    reason             text,
    next_attempt_at    text check (next_attempt_at glob '????-??-??T??:??:??.???Z'),
    -- Attempts before a person had it tried again: they do not bring the last one nearer.
    forgiven           integer not null default 0,
    -- Kept over all attempts of the delivery.
    message_id         text,
    created_at         text not null check (created_at glob '????-??-??T??:??:??.???Z'),
    ended_at           text check (ended_at glob '????-??-??T??:??:??.???Z'),
    unique (artifact_id, kind, target, address, number),
    check ((state = 'pending') = (next_attempt_at is not null)),
    check ((state = 'pending') = (ended_at is null)),
    check ((state = 'discarded') = (reason is not null)),
    check ((kind = 'notice') = (artifact_id is null))
) strict;
insert into delivery_new (delivery_id, artifact_id, kind, target, address, details, state, next_attempt_at, message_id,
                          created_at, ended_at)
select delivery_id, artifact_id, kind, target, address, details, state, next_attempt_at, message_id, created_at, ended_at
from delivery;
drop table delivery;
alter table delivery_new rename to delivery;
create index delivery_pending on delivery (next_attempt_at) where state = 'pending';
