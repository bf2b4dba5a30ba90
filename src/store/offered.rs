//! What the segment store knows: values that a filter may have, and accounts.

use rusqlite::{Connection, params};

/// Texts that the segment store has seen in a role (a bit of `term.roles`), in their order.
pub fn terms(connection: &Connection, role: u32, most: u32) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare_cached("select text from term where roles & ?1 <> 0 and text <> '' order by text limit ?2")?
        .query_map(params![role, most], |row| row.get(0))?
        .collect()
}

/// Email addresses of agents that the segment store knows.
pub fn agents(connection: &Connection, most: u32) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare_cached("select distinct email from agent where email is not null order by email limit ?1")?
        .query_map([most], |row| row.get(0))?
        .collect()
}

/// Accounts that the segment store knows.
pub fn accounts(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare_cached("select distinct account from account order by account")?
        .query_map([], |row| row.get(0))?
        .collect()
}

/// Whether the segment store knows an account.
pub fn has_account(connection: &Connection, account: &str) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("select exists (select 1 from account where account = ?1)")?
        .query_row([account], |row| row.get(0))
}
