-- Planning: when an occurrence falls due and which schedule named it, why a schedule has no next instant, which zone
-- data an instant was computed with, retries, and backfills.

create table zone_data (
    zone_data_id       integer primary key,
    version            text not null unique
) strict;

-- Why there is no next instant; null where there is one.
alter table schedule add column idle text check (idle in ('ended', 'disabled', 'paused', 'retired'));
-- The zone data that the next instant was computed with.
alter table schedule add column zone_data_id integer references zone_data (zone_data_id);
update schedule set idle = case (select state from definition d where d.definition_id = schedule.definition_id)
                               when 'paused' then 'paused' when 'retired' then 'retired' else 'ended' end
where next_at is null;
-- Empty: every enabled schedule has a next instant or an end.
create index schedule_lost on schedule (definition_id) where next_at is null and idle is null;

-- Occurrences of the past made or made again by hand, one row a request.
create table backfill (
    backfill_id        integer primary key,
    definition_id      integer not null references definition (definition_id),
    from_at            text not null check (from_at glob '????-??-??T??:??:??.???Z'),
    to_at              text not null check (to_at glob '????-??-??T??:??:??.???Z'),
    send               integer not null check (send in (0, 1)),
    created_at         text not null check (created_at glob '????-??-??T??:??:??.???Z'),
    ended_at           text check (ended_at glob '????-??-??T??:??:??.???Z')
) strict;

create table occurrence_new (
    occurrence_id      integer primary key,
    definition_id      integer not null references definition (definition_id),
    version_id         integer not null references definition_version (version_id),
    nominal_at         text not null check (nominal_at glob '????-??-??T??:??:??.???Z'),
    -- The nominal instant plus what settling, the source's lag and jitter put it off.
    due_at             text not null check (due_at glob '????-??-??T??:??:??.???Z'),
    manual             integer not null check (manual in (0, 1)),
    -- Which of the definition's schedules named it; null for a run by hand.
    ordinal            integer,
    -- The backfill that it was last made for.
    backfill_id        integer references backfill (backfill_id),
    period_start       text not null check (period_start glob '????-??-??T??:??:??.???Z'),
    period_end         text not null check (period_end glob '????-??-??T??:??:??.???Z'),
    -- planned: not due yet; due: handed to the run queue; running; then an end.
    state              text not null check (state in ('planned', 'due', 'running', 'done', 'failed', 'skipped')),
    -- The rule that skipped it.
    rule               text check (rule in ('missed', 'overlap', 'blackout')),
    -- Whether deliveries are made; an address that replaces the definition's destinations.
    send               integer not null default 1 check (send in (0, 1)),
    send_to            text,
    -- Runs that a stop or crash cut short; the third ends the occurrence.
    interruptions      integer not null default 0,
    -- Runs that failed, and when the next one may begin.
    failures           integer not null default 0,
    retry_at           text check (retry_at glob '????-??-??T??:??:??.???Z'),
    ended_at           text check (ended_at glob '????-??-??T??:??:??.???Z'),
    unique (definition_id, nominal_at),
    check (period_start <= period_end),
    check ((state = 'skipped') = (rule is not null)),
    check ((state in ('done', 'failed', 'skipped')) = (ended_at is not null)),
    check (retry_at is null or state = 'due')
) strict;
insert into occurrence_new (occurrence_id, definition_id, version_id, nominal_at, due_at, manual, period_start, period_end,
                            state, rule, send, send_to, interruptions, ended_at)
select occurrence_id, definition_id, version_id, nominal_at, nominal_at, manual, period_start, period_end,
       state, rule, send, send_to, interruptions, ended_at
from occurrence;
drop table occurrence;
alter table occurrence_new rename to occurrence;
-- A query must repeat the condition: SQLite does not see that one state is among three.
create index occurrence_open on occurrence (state, due_at) where state in ('planned', 'due', 'running');
create index occurrence_ended on occurrence (ended_at) where ended_at is not null;
