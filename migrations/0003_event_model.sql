-- The event model complete: legs, products, login sessions, offers, focus, and what messages say of a segment.

-- Which roles a term has been seen in, as bits: 1 queue, 2 channel, 4 skills, 8 status, 16 disposition, 32 queue group,
-- 64 campaign, 128 dial group, 256 agent group, 512 skill id, 1024 integration source, 2048 team.
alter table term add column roles integer not null default 0;

alter table agent add column first_name text;
alter table agent add column last_name text;
alter table agent add column username text;
alter table agent add column external_id text;
alter table agent add column employee_id text;
alter table agent add column phone text;
alter table agent add column team integer;
alter table agent add column agent_group integer;
alter table agent add column agent_group_id integer;

alter table interaction add column uii text;
alter table interaction add column integration_source integer;
alter table interaction add column ani text;
alter table interaction add column dnis text;
-- 1 customer, 2 agent, 3 system.
alter table interaction add column opened_by integer check (opened_by in (1, 2, 3));
alter table interaction add column email_subject text;
-- Tags: JSON lists.
alter table interaction add column session_tags text;
alter table interaction add column user_tags text;

alter table message add column seq integer not null default 0;
alter table message add column main integer not null default 1 check (main in (0, 1));

alter table agent_session add column dial_group text;
alter table agent_session add column phone text;
alter table agent_session add column team integer;
create index agent_session_login on agent_session (login_at, record_id, account_id);
create index agent_state_session on agent_state (agent_session_id, account_id);

create table offer (
    agent_session_key  text not null,
    record_id          text not null,
    account_id         integer not null references account (account_id),
    version            integer not null,
    agent_id           integer references agent (agent_id),
    at                 integer not null,
    end_at             integer,
    -- 1 accepted, 2 ring-no-answer, 3 declined.
    outcome            integer not null check (outcome in (1, 2, 3)),
    primary key (record_id, account_id)
) strict, without rowid;
create index offer_session on offer (agent_session_key, account_id);

create table manual_dial (
    agent_session_key  text not null,
    record_id          text not null,
    account_id         integer not null references account (account_id),
    version            integer not null,
    agent_id           integer references agent (agent_id),
    at                 integer not null,
    connected          integer not null check (connected in (0, 1)),
    primary key (record_id, account_id)
) strict, without rowid;
create index manual_dial_session on manual_dial (agent_session_key, account_id);

-- A table's checks cannot be changed in place: the segments move into a wider table.
create table segment_wide (
    row_start          integer not null,
    record_id          text not null,
    account_id         integer not null references account (account_id),
    interaction_id     integer not null references interaction (interaction_id),
    version            integer not null,
    -- Its own fields.
    participant        integer not null check (participant in (1, 2, 3, 4)),
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
    end_reason         integer check (end_reason between 1 and 12),
    transfer_reason    integer,
    disposition        integer,
    leg                integer,
    user_type          integer check (user_type in (1, 2, 3)),
    queue_id           integer,
    queue_group        integer,
    campaign_id        integer,
    campaign           integer,
    dial_group         integer,
    agent_session_key  text,
    agent_group        integer,
    agent_group_id     integer,
    skill_id           integer,
    ring_start         integer,
    ring_ms            integer,
    wrap_ms            integer,
    said_agent_wait_ms integer,
    termination_party  integer,
    termination_reason integer,
    transferred_by_disposition integer not null default 0 check (transferred_by_disposition in (0, 1)),
    recording_file     text,
    recording_url      text,
    said_start_reason  integer check (said_start_reason between 1 and 4),
    -- A JSON list of [start, end].
    focuses            text,
    said_handle_ms     integer,
    -- Resolved from its interaction, its neighbours and its messages.
    interaction_key    text not null,
    direction          integer,
    channel            integer,
    channel_type       integer,
    customer           text,
    support            integer,
    status             integer,
    reason             integer,
    disconnecting_event integer,
    uii                text,
    integration_source integer,
    ani                text,
    dnis               text,
    email_subject      text,
    session_tags       integer,
    user_tags          integer,
    ended_at           integer,
    last               integer not null check (last in (0, 1)),
    -- Who transferred it here: a term, or the agent, whose address may become known later.
    in_by              integer,
    in_by_agent        integer,
    in_status          integer,
    start_reason       integer,
    close_reason       integer,
    first_response_ms  integer,
    messages_sent      integer not null,
    -- Of closed segments of agents and bots on other channels than voice; null elsewhere.
    outcome            integer check (outcome between 1 and 4),
    first_message_ms   integer,
    responses          integer,
    responses_ms       integer,
    turns              integer,
    turns_ms           integer,
    handle_ms          integer,
    handle_source      integer check (handle_source between 1 and 3),
    primary key (row_start, record_id, account_id)
) strict, without rowid;

insert into segment_wide (
    row_start, record_id, account_id, interaction_id, version, participant, queue, queue_entry, queue_exit, agent_id,
    start_at, end_at, talk_ms, hold_mute_ms, hold_ms, mute_ms, snooze_ms, said_first_response_ms, consultants,
    joined_users, skills, said_in_by, said_in_status, end_reason, transfer_reason, disposition, interaction_key,
    direction, channel, customer, support, status, reason, disconnecting_event, ended_at, last, in_by, in_by_agent,
    in_status, first_response_ms, messages_sent)
select
    row_start, record_id, account_id, interaction_id, version, participant, queue, queue_entry, queue_exit, agent_id,
    start_at, end_at, talk_ms, hold_mute_ms, hold_ms, mute_ms, snooze_ms, said_first_response_ms, consultants,
    joined_users, skills, said_in_by, said_in_status, end_reason, transfer_reason, disposition, interaction_key,
    direction, channel, customer, support, status, reason, disconnecting_event, ended_at, last, in_by, in_by_agent,
    in_status, first_response_ms, messages_sent
from segment order by row_start, record_id, account_id;
drop table segment;
alter table segment_wide rename to segment;
create unique index segment_key on segment (record_id, account_id);
-- Agent segments belong to the period in which they end.
create index segment_end on segment (end_at) where outcome is not null;
-- What happened in a login session.
create index segment_agent_session on segment (agent_session_key, account_id, start_at)
    where agent_session_key is not null;

update term set roles =
      (term_id in (select queue from segment where queue is not null))
    | 2 * (term_id in (select channel from segment where channel is not null))
    | 4 * (term_id in (select skills from segment where skills is not null))
    | 8 * (term_id in (select status from segment where status is not null))
    | 16 * (term_id in (select disposition from segment where disposition is not null));

-- By which rules the rows were resolved; rows of older rules are resolved anew when the store is opened.
create table resolution (
    rules              integer not null
) strict;
insert into resolution values (1);
