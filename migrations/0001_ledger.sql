-- The ledger: definitions, occurrences, runs, artifacts, deliveries, attempts.
-- Instants are UTC text of fixed width, so that they sort as time does and a person can read them in a shell.

create table definition (
    definition_id      integer primary key,
    name               text not null unique check (name <> ''),
    -- The job file; null for a definition made otherwise.
    file               text,
    state              text not null check (state in ('active', 'paused', 'retired')),
    -- The version in force.
    version_id         integer references definition_version (version_id),
    created_at         text not null check (created_at glob '????-??-??T??:??:??.???Z')
) strict;

-- A run keeps the version that it used, so a version is never changed and never removed before its runs.
create table definition_version (
    version_id         integer primary key,
    definition_id      integer not null references definition (definition_id),
    number             integer not null check (0 < number),
    text               text not null,
    created_at         text not null check (created_at glob '????-??-??T??:??:??.???Z'),
    unique (definition_id, number)
) strict;

create table schedule (
    definition_id      integer not null references definition (definition_id),
    ordinal            integer not null check (0 <= ordinal),
    -- The first instant that is not planned yet; null when there is none.
    next_at            text check (next_at glob '????-??-??T??:??:??.???Z'),
    primary key (definition_id, ordinal)
) strict, without rowid;
create index schedule_next on schedule (next_at) where next_at is not null;

-- Spans in which nothing was planned: a pause, or instants too many and too old to list one by one.
create table unplanned (
    unplanned_id       integer primary key,
    definition_id      integer not null references definition (definition_id),
    rule               text not null check (rule in ('paused', 'retired', 'missed')),
    from_at            text not null check (from_at glob '????-??-??T??:??:??.???Z'),
    to_at              text check (to_at glob '????-??-??T??:??:??.???Z')
) strict;
create index unplanned_definition on unplanned (definition_id);

-- The planned occurrence is stored first; one per definition and nominal instant.
create table occurrence (
    occurrence_id      integer primary key,
    definition_id      integer not null references definition (definition_id),
    version_id         integer not null references definition_version (version_id),
    nominal_at         text not null check (nominal_at glob '????-??-??T??:??:??.???Z'),
    manual             integer not null check (manual in (0, 1)),
    period_start       text not null check (period_start glob '????-??-??T??:??:??.???Z'),
    period_end         text not null check (period_end glob '????-??-??T??:??:??.???Z'),
    -- planned: not due yet; due: handed to the run queue; running; then an end.
    state              text not null check (state in ('planned', 'due', 'running', 'done', 'failed', 'skipped')),
    -- The rule that skipped it.
    rule               text check (rule in ('missed', 'overlap', 'paused', 'retired')),
    -- Whether deliveries are made; an address that replaces the definition's destinations.
    send               integer not null default 1 check (send in (0, 1)),
    send_to            text,
    -- Runs that a stop or crash cut short; the third ends the occurrence.
    interruptions      integer not null default 0,
    ended_at           text check (ended_at glob '????-??-??T??:??:??.???Z'),
    unique (definition_id, nominal_at),
    check (period_start <= period_end),
    check ((state = 'skipped') = (rule is not null)),
    check ((state in ('done', 'failed', 'skipped')) = (ended_at is not null))
) strict;
create index occurrence_open on occurrence (state, nominal_at) where state in ('planned', 'due', 'running');

create table run (
    run_id             integer primary key,
    occurrence_id      integer not null references occurrence (occurrence_id),
    number             integer not null check (0 < number),
    state              text not null check (state in ('running', 'done', 'failed', 'interrupted')),
    started_at         text not null check (started_at glob '????-??-??T??:??:??.???Z'),
    ended_at           text check (ended_at glob '????-??-??T??:??:??.???Z'),
    error              text,
    -- Rows left out because their interaction had not ended; durations set to zero because they came out negative.
    rows_left_out      integer,
    clamped            integer,
    -- The newest record of the segment store when the run read it.
    newest_at          text check (newest_at glob '????-??-??T??:??:??.???Z'),
    unique (occurrence_id, number),
    check ((state = 'running') = (ended_at is null)),
    check ((state = 'failed') <= (error is not null))
) strict;
-- Claimed once.
create unique index run_claimed on run (occurrence_id) where state = 'running';

create table artifact (
    artifact_id        integer primary key,
    run_id             integer not null unique references run (run_id),
    definition_id      integer not null references definition (definition_id),
    file_name          text not null check (file_name <> '' and file_name not glob '*/*'),
    -- Below the artifacts folder.
    path               text not null unique,
    bytes              integer not null check (0 <= bytes),
    rows               integer not null check (0 <= rows),
    sha256             text not null check (length(sha256) = 64),
    -- The instant at which the whole file got its name: what the dot counts from.
    generated_at       text not null check (generated_at glob '????-??-??T??:??:??.???Z'),
    removed_at         text check (removed_at glob '????-??-??T??:??:??.???Z')
) strict;
create index artifact_recency on artifact (definition_id, generated_at);
create index artifact_kept on artifact (generated_at) where removed_at is null;

create table delivery (
    delivery_id        integer primary key,
    -- Null for a notice to an owner, which carries no file.
    artifact_id        integer references artifact (artifact_id),
    kind               text not null check (kind in ('email', 'directory', 'http', 'notice')),
    -- The relay's or endpoint's name, or the folder.
    target             text not null,
    -- One address, or the name of the file at the far end.
    address            text not null,
    -- What the destination was when the run ended, as JSON.
    details            text not null,
    state              text not null check (state in ('pending', 'delivered', 'outbox', 'failed', 'unknown')),
    next_attempt_at    text check (next_attempt_at glob '????-??-??T??:??:??.???Z'),
    -- Kept over automatic retries.
    message_id         text,
    created_at         text not null check (created_at glob '????-??-??T??:??:??.???Z'),
    ended_at           text check (ended_at glob '????-??-??T??:??:??.???Z'),
    unique (artifact_id, kind, target, address),
    check ((state = 'pending') = (next_attempt_at is not null)),
    check ((state = 'pending') = (ended_at is null)),
    check ((kind = 'notice') = (artifact_id is null))
) strict;
create index delivery_pending on delivery (next_attempt_at) where state = 'pending';

-- Written before the network is touched, closed after it.
create table attempt (
    attempt_id         integer primary key,
    delivery_id        integer not null references delivery (delivery_id),
    number             integer not null check (0 < number),
    started_at         text not null check (started_at glob '????-??-??T??:??:??.???Z'),
    -- From here on nobody can know without the far end's answer.
    body_begun_at      text check (body_begun_at glob '????-??-??T??:??:??.???Z'),
    ended_at           text check (ended_at glob '????-??-??T??:??:??.???Z'),
    class              text check (class in ('done', 'passing', 'lasting', 'unsure')),
    reply              text,
    unique (delivery_id, number),
    check ((class is null) = (ended_at is null))
) strict;
create unique index attempt_open on attempt (delivery_id) where ended_at is null;

-- What the loader could not take up, by file; the folder itself stands under its own path.
create table load_problem (
    file               text primary key,
    name               text,
    problem            text not null,
    since              text not null check (since glob '????-??-??T??:??:??.???Z')
) strict, without rowid;

-- What the daemon remembers of its surroundings, such as the version of the zone data.
create table surrounding (
    name               text primary key,
    value              text not null
) strict, without rowid;

create table housekeeping (
    task               text primary key,
    last_success_at    text check (last_success_at glob '????-??-??T??:??:??.???Z'),
    last_error         text
) strict, without rowid;
