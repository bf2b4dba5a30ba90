-- Sources: what was asked of vendors, how far each has been collected, and spans that a person asked for.

create table source_request (
    request_id         integer primary key,
    source             text not null,
    -- login, accounts, domain, report or rows.
    what               text not null,
    -- The run that asked; null for collecting.
    run_id             integer references run (run_id) on delete set null,
    at                 text not null check (at glob '????-??-??T??:??:??.???Z'),
    -- The HTTP status of the answer; null where there was none.
    status             integer,
    -- Milliseconds until the answer began.
    took_ms            integer not null check (0 <= took_ms),
    -- Not before this instant again: the vendor said so.
    again_at           text check (again_at glob '????-??-??T??:??:??.???Z')
) strict;
create index source_request_recent on source_request (at);
create index source_request_run on source_request (run_id) where run_id is not null;

create table collection (
    source             text not null,
    feed               text not null,
    -- Everything before this instant has been fetched at least once.
    whole_until        text check (whole_until glob '????-??-??T??:??:??.???Z'),
    good_at            text check (good_at glob '????-??-??T??:??:??.???Z'),
    -- The last failure; both are null while the last pass went well.
    failed_at          text check (failed_at glob '????-??-??T??:??:??.???Z'),
    failure            text,
    -- When the login in use ends, where it says so.
    login_ends         text check (login_ends glob '????-??-??T??:??:??.???Z'),
    primary key (source, feed),
    check ((failed_at is null) = (failure is null))
) strict, without rowid;

create table collect_request (
    collect_request_id integer primary key,
    source             text not null,
    from_at            text not null check (from_at glob '????-??-??T??:??:??.???Z'),
    to_at              text not null check (to_at glob '????-??-??T??:??:??.???Z'),
    state              text not null default 'waiting' check (state in ('waiting', 'working', 'done', 'failed')),
    -- How far it has come.
    reached_at         text check (reached_at glob '????-??-??T??:??:??.???Z'),
    records            integer not null default 0 check (0 <= records),
    requests           integer not null default 0 check (0 <= requests),
    failure            text,
    check (from_at < to_at)
) strict;
create index collect_request_open on collect_request (collect_request_id) where state in ('waiting', 'working');

-- Metrics that a vendor forgets after a day, an interval a row, as it counted them.
create table kept_metrics (
    source             text not null,
    account            text not null,
    -- The interval [start, start + minutes).
    start_at           text not null check (start_at glob '????-??-??T??:??:??.???Z'),
    minutes            integer not null check (0 < minutes),
    -- The vendor's document.
    document           text not null,
    primary key (source, account, start_at, minutes)
) strict, without rowid;
