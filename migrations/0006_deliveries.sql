-- Deliveries to many places: receipts, uploads in parts, files that are held, files by recipient, and alerts.

create table artifact_new (
    artifact_id        integer primary key,
    run_id             integer not null references run (run_id),
    -- The value of the column by which recipients are told apart; empty for the whole file.
    part               text not null default '',
    definition_id      integer not null references definition (definition_id),
    file_name          text not null check (file_name <> '' and file_name not glob '*/*'),
    -- Below the artifacts folder.
    path               text not null unique,
    bytes              integer not null check (0 <= bytes),
    rows               integer not null check (0 <= rows),
    sha256             text not null check (length(sha256) = 64),
    -- The instant at which the whole file got its name: what the dot counts from.
    generated_at       text not null check (generated_at glob '????-??-??T??:??:??.???Z'),
    removed_at         text check (removed_at glob '????-??-??T??:??:??.???Z'),
    -- Counted within the occurrence: changed data makes a new one.
    revision           integer not null default 1 check (0 < revision),
    -- held: a check found something, and a person is to look.
    verdict            text not null default 'good' check (verdict in ('good', 'held', 'released', 'discarded')),
    -- What the checks found.
    findings           text,
    unique (run_id, part),
    check ((verdict = 'good') or (findings is not null))
) strict;
insert into artifact_new (artifact_id, run_id, definition_id, file_name, path, bytes, rows, sha256, generated_at, removed_at)
select artifact_id, run_id, definition_id, file_name, path, bytes, rows, sha256, generated_at, removed_at from artifact;
drop table artifact;
alter table artifact_new rename to artifact;
create index artifact_recency on artifact (definition_id, generated_at);
create index artifact_held on artifact (definition_id) where verdict = 'held';
create index artifact_kept on artifact (generated_at) where removed_at is null;

create table delivery_new (
    delivery_id        integer primary key,
    -- Null for what carries no file: a notice to an owner, an event.
    artifact_id        integer references artifact (artifact_id),
    -- The definition that a notice or an event is about.
    definition_id      integer references definition (definition_id),
    kind               text not null check (kind in ('email', 'directory', 's3', 'gcs', 'azure', 'sftp', 'webdav', 'http',
                                                     'webhook', 'notice')),
    -- The name in the config, or the folder.
    target             text not null,
    -- One address, the path of the file at the far end, or the event.
    address            text not null,
    -- 1 is the run's own; a person who sends it anew makes the next one.
    number             integer not null default 1 check (0 < number),
    -- What the destination was when the run ended, as JSON.
    details            text not null,
    state              text not null
                       check (state in ('pending', 'held', 'delivered', 'outbox', 'failed', 'unknown', 'discarded')),
    -- Why it is held or was discarded.
    reason             text,
    next_attempt_at    text check (next_attempt_at glob '????-??-??T??:??:??.???Z'),
    -- Attempts before a person had it tried again: they do not bring the last one nearer.
    forgiven           integer not null default 0,
    -- Kept over all attempts of the delivery.
    message_id         text,
    -- What the far end calls it, as JSON.
    receipt            text,
    created_at         text not null check (created_at glob '????-??-??T??:??:??.???Z'),
    ended_at           text check (ended_at glob '????-??-??T??:??:??.???Z'),
    unique (artifact_id, kind, target, address, number),
    check ((state = 'pending') = (next_attempt_at is not null)),
    check ((state in ('pending', 'held')) = (ended_at is null)),
    check ((state in ('held', 'discarded')) = (reason is not null)),
    check (artifact_id is not null or kind in ('notice', 'webhook'))
) strict;
insert into delivery_new (delivery_id, artifact_id, kind, target, address, number, details, state, reason, next_attempt_at,
                          forgiven, message_id, created_at, ended_at)
select delivery_id, artifact_id, kind, target, address, number,
       case json_extract(details, '$.kind')
           when 'directory' then json_object(
               'kind', 'file', 'place', json_object('kind', 'directory', 'mode', json_extract(details, '$.mode')),
               'on_unknown', iif(json_extract(details, '$.resend_unknown'), 'resend', 'hold'))
           when 'http' then json_object(
               'kind', 'file',
               'place', json_object('kind', 'http', 'method', iif(json_extract(details, '$.post'), 'post', 'put')),
               'on_unknown', iif(json_extract(details, '$.resend_unknown'), 'resend', 'hold'),
               'media_type', coalesce(json_extract(details, '$.media_type'), 'text/csv; charset=utf-8'),
               'idempotency_key', json_extract(details, '$.idempotency_key'))
           when 'email' then json_set(
               json_remove(details, '$.resend_unknown'),
               '$.on_unknown', iif(json_extract(details, '$.resend_unknown'), 'resend', 'hold'))
           else details end,
       state, reason, next_attempt_at, forgiven, message_id, created_at, ended_at
from delivery;
drop table delivery;
alter table delivery_new rename to delivery;
create index delivery_pending on delivery (next_attempt_at) where state = 'pending';
-- What waits for a person.
create index delivery_open on delivery (state) where state in ('held', 'failed', 'unknown');
-- Notices and events, by age.
create index delivery_loose on delivery (ended_at) where artifact_id is null;

-- A person asked for the same report again over today's data.
alter table occurrence add column rerun integer not null default 0 check (rerun in (0, 1));
-- The earlier run of the occurrence whose file has the same bytes: this one kept none.
alter table run add column same_as integer references run (run_id);
create index run_same on run (same_as) where same_as is not null;

-- An upload in parts that a crash could leave at the far end.
alter table attempt add column upload text;

create index occurrence_failed on occurrence (ended_at) where state = 'failed';

-- What an owner was told and not yet told the end of.
create table alert (
    definition_id      integer not null references definition (definition_id),
    kind               text not null check (kind in ('failed', 'late', 'held', 'unknown', 'ahead')),
    -- What it is about, in words.
    words              text not null,
    since              text not null check (since glob '????-??-??T??:??:??.???Z'),
    told_at            text not null check (told_at glob '????-??-??T??:??:??.???Z'),
    primary key (definition_id, kind)
) strict, without rowid;
