//! What is known of the store's completeness for a period.

use rusqlite::{Connection, OptionalExtension, params};

use super::read::NEWEST;
use crate::domain::period::Period;
use crate::domain::record::Millis;
use crate::domain::text;
use crate::domain::zone::Zone;

/// A sentence on the completeness of a period, for mail and `why`.
///
/// A store that was never told of coverage is not judged: a night without calls is no fault. What the sources `aside` are
/// covered for says nothing of this report.
pub fn completeness(
    connection: &Connection,
    period: &Period,
    zone: &Zone,
    aside: &[&str],
) -> rusqlite::Result<String> {
    let newest: Option<Millis> = connection.query_row(NEWEST, [], |row| row.get(0))?;
    let print =
        |ms| jiff::Timestamp::from_millisecond(ms).map(|at| text::local(at, zone)).unwrap_or_default();
    let newest =
        newest.map_or_else(|| "the store is empty".to_owned(), |ms| format!("newest record {}", print(ms)));
    let accounts: Vec<(i64, String)> = connection
        .prepare(
            "select distinct account_id, source from coverage join account using (account_id) order by 1",
        )?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let accounts: Vec<i64> = accounts
        .into_iter()
        .filter(|(_, source)| !aside.contains(&source.as_str()))
        .map(|(id, _)| id)
        .collect();
    if accounts.is_empty() {
        return Ok(format!("not declared, {newest}"));
    }
    let missing = missing(connection, &accounts, period.start.as_millisecond(), period.end.as_millisecond())?;
    if missing.is_empty() {
        return Ok("the store is declared whole for this period".to_owned());
    }
    let spans: Vec<String> =
        missing.iter().take(5).map(|(from, to)| format!("{} to {}", print(*from), print(*to))).collect();
    let more = if 5 < missing.len() { format!(" and {} more", missing.len() - 5) } else { String::new() };
    Ok(format!("NOT declared whole: missing {}{more}; {newest}", spans.join(", ")))
}

/// Spans of `[start, end)` that some account which declares coverage has not declared.
fn missing(
    connection: &Connection,
    accounts: &[i64],
    start: Millis,
    end: Millis,
) -> rusqlite::Result<Vec<(Millis, Millis)>> {
    let mut statement = connection.prepare_cached(
        "select from_at, to_at from coverage where account_id = ?1 and to_at > ?2 and from_at < ?3 order by from_at",
    )?;
    let mut missing = Vec::new();
    for account in accounts {
        let spans =
            statement.query_map(params![account, start, end], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let mut reached = start;
        for span in spans {
            let (from, to): (Millis, Millis) = span?;
            if reached < from {
                missing.push((reached, from));
            }
            reached = reached.max(to);
        }
        if reached < end {
            missing.push((reached, end));
        }
    }
    Ok(missing)
}

/// Spans of a period that a source's account has not declared.
pub fn missing_of(
    connection: &Connection,
    source: &str,
    account: &str,
    period: Period,
) -> rusqlite::Result<Vec<Period>> {
    let known: Option<i64> = connection
        .prepare_cached("select account_id from account where source = ?1 and account = ?2")?
        .query_row([source, account], |row| row.get(0))
        .optional()?;
    // Of an account that has never been heard of everything is missing.
    let Some(known) = known else { return Ok(vec![period]) };
    let missing = missing(connection, &[known], period.start.as_millisecond(), period.end.as_millisecond())?;
    let at = |ms| jiff::Timestamp::from_millisecond(ms).unwrap_or(period.end);
    Ok(missing.into_iter().map(|(from, to)| Period { start: at(from), end: at(to) }).collect())
}
