//! Tables `user`, `web_session`, `api_token`, `audit`, `idempotent_request`: who may do what, who did, and what they were
//! answered.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::{instant, optional_instant};
use crate::domain::access::Role;
use crate::domain::text::stamp;

/// Somebody who logs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Their key.
    pub user_id: i64,
    /// Their name.
    pub name: String,
    /// argon2id, in PHC's string form.
    pub password: String,
    /// What they may do.
    pub role: Role,
    /// Since when they are known.
    pub created_at: Timestamp,
}

/// A hash that no password has: only the proxy opens.
pub const NO_PASSWORD: &str = "!";

fn role(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Role> {
    // The table admits no other words.
    Ok(row.get::<_, String>(column)?.parse().unwrap_or(Role::View))
}

fn user_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        user_id: row.get(0)?,
        name: row.get(1)?,
        password: row.get(2)?,
        role: role(row, 3)?,
        created_at: instant(row, 4)?,
    })
}

const USERS: &str = "select user_id, name, password, role, user.created_at from user";

/// All users by name.
pub fn users(connection: &Connection) -> rusqlite::Result<Vec<User>> {
    connection.prepare_cached(&format!("{USERS} order by name"))?.query_map([], user_of)?.collect()
}

/// Whether anybody has to log in.
pub fn has_users(connection: &Connection) -> rusqlite::Result<bool> {
    connection.prepare_cached("select exists (select 1 from user)")?.query_row([], |row| row.get(0))
}

/// One user.
pub fn user(connection: &Connection, name: &str) -> rusqlite::Result<Option<User>> {
    connection.prepare_cached(&format!("{USERS} where name = ?1"))?.query_row([name], user_of).optional()
}

/// Makes a user, or gives one a new password and role; sessions of theirs end.
pub fn put_user(
    tx: &Transaction<'_>,
    name: &str,
    password: &str,
    role: Role,
    now: Timestamp,
) -> rusqlite::Result<()> {
    tx.execute(
        "insert into user (name, password, role, created_at) values (?1, ?2, ?3, ?4)
         on conflict (name) do update set password = excluded.password, role = excluded.role",
        params![name, password, role.name(), stamp(now)],
    )?;
    tx.execute("delete from web_session where user_id = (select user_id from user where name = ?1)", [name])?;
    Ok(())
}

/// Removes a user and their sessions; false when there is none.
pub fn remove_user(tx: &Transaction<'_>, name: &str) -> rusqlite::Result<bool> {
    Ok(0 < tx.execute("delete from user where name = ?1", [name])?)
}

/// Opens a session.
pub fn open_session(
    tx: &Transaction<'_>,
    digest: &str,
    user_id: i64,
    now: Timestamp,
) -> rusqlite::Result<()> {
    tx.execute(
        "insert into web_session (digest, user_id, created_at, seen_at) values (?1, ?2, ?3, ?3)",
        params![digest, user_id, stamp(now)],
    )?;
    Ok(())
}

/// Whose session it is, if it was seen since `since` and opened since `opened`.
pub fn session_user(
    connection: &Connection,
    digest: &str,
    since: Timestamp,
    opened: Timestamp,
) -> rusqlite::Result<Option<(User, Timestamp)>> {
    let sql = "select user_id, name, password, role, user.created_at, seen_at from user
               join web_session using (user_id)
               where digest = ?1 and seen_at > ?2 and web_session.created_at > ?3";
    let found = |row: &rusqlite::Row<'_>| Ok((user_of(row)?, instant(row, 5)?));
    connection.prepare_cached(sql)?.query_row(params![digest, stamp(since), stamp(opened)], found).optional()
}

/// Notes that a session was used.
pub fn see_session(tx: &Transaction<'_>, digest: &str, now: Timestamp) -> rusqlite::Result<()> {
    tx.execute("update web_session set seen_at = ?2 where digest = ?1", params![digest, stamp(now)])?;
    Ok(())
}

/// Ends a session.
pub fn close_session(tx: &Transaction<'_>, digest: &str) -> rusqlite::Result<()> {
    tx.execute("delete from web_session where digest = ?1", [digest])?;
    Ok(())
}

/// Forgets sessions that nobody can use any more, and what the audit kept from before `kept_since`.
pub fn expire(tx: &Transaction<'_>, since: Timestamp, kept_since: Timestamp) -> rusqlite::Result<()> {
    tx.execute("delete from web_session where seen_at <= ?1", [stamp(since)])?;
    tx.execute("delete from audit where at < ?1", [stamp(kept_since)])?;
    Ok(())
}

/// What a program shows instead of a login.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct ApiToken {
    /// Its name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The accounts that it may read; all of them when absent.
    pub accounts: Option<Vec<String>>,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// When it was last used.
    pub seen_at: Option<Timestamp>,
}

fn token_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<ApiToken> {
    let accounts: Option<String> = row.get(2)?;
    Ok(ApiToken {
        name: row.get(0)?,
        role: role(row, 1)?,
        // A list that cannot be read lets nothing through.
        accounts: accounts.map(|json| serde_json::from_str(&json).unwrap_or_default()),
        created_by: row.get(3)?,
        created_at: instant(row, 4)?,
        seen_at: optional_instant(row, 5)?,
    })
}

const TOKENS: &str = "select name, role, accounts, created_by, created_at, seen_at from api_token";

/// All tokens by name.
pub fn tokens(connection: &Connection) -> rusqlite::Result<Vec<ApiToken>> {
    connection.prepare_cached(&format!("{TOKENS} order by name"))?.query_map([], token_of)?.collect()
}

/// The token of a digest.
pub fn token(connection: &Connection, digest: &str) -> rusqlite::Result<Option<ApiToken>> {
    connection
        .prepare_cached(&format!("{TOKENS} where digest = ?1"))?
        .query_row([digest], token_of)
        .optional()
}

/// Keeps a token's digest; false when the name is taken.
pub fn add_token(tx: &Transaction<'_>, token: &ApiToken, digest: &str) -> rusqlite::Result<bool> {
    let accounts =
        token.accounts.as_ref().map(|accounts| serde_json::Value::from(accounts.clone()).to_string());
    let added = tx.execute(
        "insert into api_token (name, digest, role, accounts, created_by, created_at) values (?1, ?2, ?3, ?4, ?5, ?6)
         on conflict (name) do nothing",
        params![token.name, digest, token.role.name(), accounts, token.created_by, stamp(token.created_at)],
    )?;
    Ok(0 < added)
}

/// Removes a token; false when there is none.
pub fn remove_token(tx: &Transaction<'_>, name: &str) -> rusqlite::Result<bool> {
    Ok(0 < tx.execute("delete from api_token where name = ?1", [name])?)
}

/// Notes that a token was used.
pub fn see_token(tx: &Transaction<'_>, name: &str, now: Timestamp) -> rusqlite::Result<()> {
    tx.execute("update api_token set seen_at = ?2 where name = ?1", params![name, stamp(now)])?;
    Ok(())
}

/// A line of the audit.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Audited {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub who: String,
    /// What was done, in a word.
    pub action: String,
    /// To what.
    pub subject: String,
    /// More about it.
    pub detail: Option<String>,
}

/// Writes a line of the audit.
pub fn note(tx: &Transaction<'_>, line: &Audited) -> rusqlite::Result<()> {
    tx.prepare_cached("insert into audit (at, who, action, subject, detail) values (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![stamp(line.at), line.who, line.action, line.subject, line.detail])?;
    Ok(())
}

/// The newest lines of the audit.
pub fn audit(connection: &Connection, most: u32) -> rusqlite::Result<Vec<Audited>> {
    connection
        .prepare_cached("select at, who, action, subject, detail from audit order by audit_id desc limit ?1")?
        .query_map([most], |row| {
            Ok(Audited {
                at: instant(row, 0)?,
                who: row.get(1)?,
                action: row.get(2)?,
                subject: row.get(3)?,
                detail: row.get(4)?,
            })
        })?
        .collect()
}

/// Forgets requests that a process before this one had not answered: whoever sends one again finds out by what it does.
pub fn forget_unanswered(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    tx.execute("delete from idempotent_request where status is null", [])?;
    Ok(())
}

/// What is known of a request under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Before {
    /// It is the first one, and noted as such.
    New,
    /// The same request was answered with this status and body.
    Answered(u16, String),
    /// The same request is being answered.
    UnderWay,
    /// Another request had this key.
    Another,
}

/// Notes a request under a key, or says what is known of it; keys from before `kept_since` are forgotten.
pub fn begin_idempotent(
    tx: &Transaction<'_>,
    who: &str,
    key: &str,
    digest: &str,
    (now, kept_since): (Timestamp, Timestamp),
) -> rusqlite::Result<Before> {
    tx.execute("delete from idempotent_request where at < ?1", [stamp(kept_since)])?;
    let known: Option<(String, Option<u16>, Option<String>)> = tx
        .query_row(
            "select digest, status, body from idempotent_request where who = ?1 and key = ?2",
            [who, key],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .optional()?;
    Ok(match known {
        Some((known, ..)) if known != digest => Before::Another,
        Some((_, Some(status), body)) => Before::Answered(status, body.unwrap_or_default()),
        Some(_) => Before::UnderWay,
        None => {
            tx.execute(
                "insert into idempotent_request (who, key, digest, at) values (?1, ?2, ?3, ?4)",
                params![who, key, digest, stamp(now)],
            )?;
            Before::New
        }
    })
}

/// Keeps the answer to a request under a key; one that was not done is forgotten, so that it can be asked again.
pub fn end_idempotent(
    tx: &Transaction<'_>,
    who: &str,
    key: &str,
    answer: Option<(u16, &str)>,
) -> rusqlite::Result<()> {
    match answer {
        Some((status, body)) => tx.execute(
            "update idempotent_request set status = ?3, body = ?4 where who = ?1 and key = ?2",
            params![who, key, status, body],
        )?,
        None => tx.execute("delete from idempotent_request where who = ?1 and key = ?2", [who, key])?,
    };
    Ok(())
}
