-- The recent tier of the segment store. Times are UTC milliseconds; low-cardinality text is a code into `term`.

create table account (
    account_id         integer primary key,
    source             text not null,
    account            text not null,
    name               text,
    unique (source, account)
) strict;

create table term (
    term_id            integer primary key,
    text               text not null unique
) strict;

create table agent (
    agent_id           integer primary key,
    account_id         integer not null references account (account_id),
    record_id          text not null,
    version            integer not null,
    name               text,
    custom_name        text,
    email              text,
    unique (record_id, account_id)
) strict;

create table interaction (
    interaction_id     integer primary key,
    account_id         integer not null references account (account_id),
    record_id          text not null,
    version            integer not null,
    -- What was said of it, null where nothing was.
    direction          integer check (direction in (1, 2)),
    channel            integer,
    channel_type       integer check (channel_type in (1, 2, 3, 4)),
    customer           text,
    customer_name      text,
    customer_email     text,
    customer_phone     text,
    support            text,
    support_number     text,
    support_email      text,
    bot_name           text,
    status             integer,
    reason             integer,
    disconnecting_event integer,
    said_end           integer,
    -- Resolved: when it ended, null while it goes on.
    ended_at           integer,
    -- Where its segments stand: a JSON list of [row_start, record_id]. They are few, and an index of their own would
    -- cost each import more than the list does.
    segments           text not null default '[]',
    unique (record_id, account_id)
) strict;
-- For reports whose rows belong to the period in which their interaction ended.
create index interaction_ended on interaction (ended_at) where ended_at is not null;

-- In report order, so that a detail report is one ordered pass.
create table segment (
    row_start          integer not null,
    record_id          text not null,
    account_id         integer not null references account (account_id),
    interaction_id     integer not null references interaction (interaction_id),
    version            integer not null,
    -- Its own fields.
    participant        integer not null check (participant in (1, 2, 3)),
    queue              integer,
    queue_entry        integer,
    queue_exit         integer,
    agent_id           integer references agent (agent_id),
    start_at           integer,
    end_at             integer,
    talk_ms            integer,
    hold_mute_ms       integer,
    hold_ms            integer,
    mute_ms            integer,
    snooze_ms          integer,
    said_first_response_ms integer,
    consultants        integer,
    joined_users       integer,
    skills             integer,
    said_in_by         integer,
    said_in_status     integer,
    end_reason         integer check (end_reason in (1, 2, 3, 4)),
    transfer_reason    integer,
    disposition        integer,
    -- Resolved from its interaction and its neighbours.
    interaction_key    text not null,
    direction          integer,
    channel            integer,
    customer           text,
    support            integer,
    status             integer,
    reason             integer,
    disconnecting_event integer,
    ended_at           integer,
    last               integer not null check (last in (0, 1)),
    -- Who transferred it here: a term, or the agent, whose address may become known later.
    in_by              integer,
    in_by_agent        integer,
    in_status          integer,
    first_response_ms  integer,
    messages_sent      integer not null,
    primary key (row_start, record_id, account_id)
) strict, without rowid;
create unique index segment_key on segment (record_id, account_id);

create table message (
    interaction_id     integer not null references interaction (interaction_id),
    record_id          text not null,
    account_id         integer not null references account (account_id),
    at                 integer not null,
    -- 1 agent, 2 customer, 3 bot, 4 system.
    sender             integer not null check (sender in (1, 2, 3, 4)),
    agent_id           integer references agent (agent_id),
    public             integer not null check (public in (0, 1)),
    primary key (interaction_id, record_id, account_id)
) strict, without rowid;

create table agent_session (
    agent_session_id   integer primary key,
    account_id         integer not null references account (account_id),
    record_id          text not null,
    version            integer not null,
    agent_id           integer not null references agent (agent_id),
    login_at           integer not null,
    logout_at          integer,
    unique (record_id, account_id)
) strict;

create table agent_state (
    account_id         integer not null references account (account_id),
    record_id          text not null,
    version            integer not null,
    agent_session_id   text not null,
    state              integer not null,
    start_at           integer not null,
    end_at             integer,
    primary key (record_id, account_id)
) strict, without rowid;

-- Spans for which the store was told to be whole; neighbours are joined.
create table coverage (
    account_id         integer not null references account (account_id),
    from_at            integer not null,
    to_at              integer not null check (from_at < to_at),
    primary key (account_id, from_at)
) strict, without rowid;
