-- Who may do what over HTTP, what they made there, and what they did.

-- People who log in. Without any, only loopback is served, and whoever reaches it may do everything.
create table user (
    user_id            integer primary key,
    name               text not null unique check (name <> ''),
    -- argon2id, in PHC's string form.
    password           text not null,
    role               text not null check (role in ('view', 'run', 'edit', 'admin')),
    created_at         text not null check (created_at glob '????-??-??T??:??:??.???Z')
) strict;

-- A browser that has logged in. The cookie's value stands nowhere, only its digest.
create table web_session (
    digest             text primary key check (length(digest) = 64),
    user_id            integer not null references user (user_id) on delete cascade,
    created_at         text not null check (created_at glob '????-??-??T??:??:??.???Z'),
    seen_at            text not null check (seen_at glob '????-??-??T??:??:??.???Z')
) strict, without rowid;

-- What a program shows instead of a login. It is shown once; only its digest is kept.
create table api_token (
    api_token_id       integer primary key,
    name               text not null unique check (name <> ''),
    digest             text not null unique check (length(digest) = 64),
    role               text not null check (role in ('view', 'run', 'edit', 'admin')),
    -- The accounts of the segment store that it may read, as a JSON list; all of them when null.
    accounts           text,
    created_by         text not null,
    created_at         text not null check (created_at glob '????-??-??T??:??:??.???Z'),
    seen_at            text check (seen_at glob '????-??-??T??:??:??.???Z')
) strict;

-- Every change and every download.
create table audit (
    audit_id           integer primary key,
    at                 text not null check (at glob '????-??-??T??:??:??.???Z'),
    who                text not null,
    action             text not null,
    subject            text not null,
    detail             text
) strict;
create index audit_at on audit (at);

-- Reports that somebody marked.
create table favourite (
    who                text not null,
    definition_id      integer not null references definition (definition_id),
    primary key (who, definition_id)
) strict, without rowid;

-- Who made a definition on the page; null for one of a job file.
alter table definition add column made_by text;
-- Whether only its maker sees it.
alter table definition add column private integer not null default 0 check (private in (0, 1));

-- Address lists made on the page; those of the config stand in the config.
create table mailing_list (
    name               text primary key check (name <> ''),
    -- A JSON list.
    addresses          text not null,
    changed_by         text not null,
    changed_at         text not null check (changed_at glob '????-??-??T??:??:??.???Z')
) strict, without rowid;

-- Answers to requests that change something, by the key that their sender gave them: the same request again gets the
-- same answer, and nothing is done twice.
create table idempotent_request (
    who                text not null,
    key                text not null,
    -- Of method, path and body: another request under the same key is a mistake.
    digest             text not null check (length(digest) = 64),
    -- Null while the first one is being answered.
    status             integer,
    body               text,
    at                 text not null check (at glob '????-??-??T??:??:??.???Z'),
    primary key (who, key)
) strict, without rowid;
