//! Tables `source_request`, `collection`, `collect_request` and `kept_metrics`.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::{instant, optional_instant};
use crate::domain::period::Period;
use crate::domain::source::{Asked, Feed};
use crate::domain::text::stamp;

/// How a feed of a source stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Collection {
    /// The source.
    pub source: String,
    /// The feed; empty where a source was only asked for reports.
    pub feed: String,
    /// Everything before this instant has been fetched at least once.
    pub whole_until: Option<Timestamp>,
    /// When a pass last went well.
    pub good_at: Option<Timestamp>,
    /// When the last pass failed, where it did.
    pub failed_at: Option<Timestamp>,
    /// Why.
    pub failure: Option<String>,
    /// When the login in use ends.
    pub login_ends: Option<Timestamp>,
}

/// What a pass came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pass {
    /// Everything before this instant has been fetched; `None` leaves it as it was.
    pub whole_until: Option<Timestamp>,
    /// Why it ended early.
    pub failure: Option<String>,
    /// When the login in use ends.
    pub login_ends: Option<Timestamp>,
}

/// Notes requests; those of a run stand in its record.
pub fn note_requests(
    tx: &Transaction<'_>,
    source: &str,
    run_id: Option<i64>,
    asked: &[Asked],
) -> rusqlite::Result<()> {
    let mut insert = tx.prepare_cached(
        "insert into source_request (source, what, run_id, at, status, took_ms, again_at)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for one in asked {
        insert.execute(params![
            source,
            one.what,
            run_id,
            stamp(one.at),
            one.status,
            one.took_ms.max(0),
            one.again_at.map(stamp)
        ])?;
    }
    Ok(())
}

/// A request: its source, when, and until when the vendor asked for a pause.
pub type Remembered = (String, Timestamp, Option<Timestamp>);

/// Requests for data since an instant, oldest first: what a budget must remember.
pub fn requests_since(connection: &Connection, since: Timestamp) -> rusqlite::Result<Vec<Remembered>> {
    let mut statement = connection.prepare(
        "select source, at, again_at from source_request where at >= ?1 and what <> 'login' order by at",
    )?;
    let found = statement
        .query_map([stamp(since)], |row| Ok((row.get(0)?, instant(row, 1)?, optional_instant(row, 2)?)))?;
    found.collect()
}

/// How many requests a run made.
pub fn requests_of(connection: &Connection, run_id: i64) -> rusqlite::Result<i64> {
    let sql = "select count(*) from source_request where run_id = ?1";
    connection.prepare_cached(sql)?.query_row([run_id], |row| row.get(0))
}

/// Forgets up to `most` requests before an instant. Returns how many.
pub fn forget_requests(tx: &Transaction<'_>, before: Timestamp, most: u32) -> rusqlite::Result<usize> {
    tx.prepare_cached(
        "delete from source_request
         where request_id in (select request_id from source_request where at < ?1 order by at limit ?2)",
    )?
    .execute(params![stamp(before), most])
}

/// Notes how a pass ended.
pub fn note_pass(
    tx: &Transaction<'_>,
    source: &str,
    feed: Option<Feed>,
    pass: &Pass,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let good = pass.failure.is_none().then(|| stamp(now));
    let failed = pass.failure.is_some().then(|| stamp(now));
    tx.prepare_cached(
        "insert into collection (source, feed, whole_until, good_at, failed_at, failure, login_ends)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         on conflict (source, feed) do update
         set whole_until = max(coalesce(excluded.whole_until, whole_until), coalesce(whole_until, excluded.whole_until)),
             good_at = coalesce(excluded.good_at, good_at), failed_at = excluded.failed_at,
             failure = excluded.failure, login_ends = coalesce(excluded.login_ends, login_ends)",
    )?
    .execute(params![
        source,
        feed.map_or("", Feed::name),
        pass.whole_until.map(stamp),
        good,
        failed,
        pass.failure,
        pass.login_ends.map(stamp)
    ])?;
    Ok(())
}

/// Notes how far a pass under way has come.
pub fn note_whole(
    tx: &Transaction<'_>,
    source: &str,
    feed: Feed,
    whole_until: Option<Timestamp>,
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "insert into collection (source, feed, whole_until) values (?1, ?2, ?3)
         on conflict (source, feed) do update set whole_until = coalesce(excluded.whole_until, whole_until)",
    )?
    .execute(params![source, feed.name(), whole_until.map(stamp)])?;
    Ok(())
}

/// How every feed stands.
pub fn collections(connection: &Connection) -> rusqlite::Result<Vec<Collection>> {
    let mut statement = connection.prepare_cached(
        "select source, feed, whole_until, good_at, failed_at, failure, login_ends from collection order by 1, 2",
    )?;
    let found = statement.query_map([], |row| {
        Ok(Collection {
            source: row.get(0)?,
            feed: row.get(1)?,
            whole_until: optional_instant(row, 2)?,
            good_at: optional_instant(row, 3)?,
            failed_at: optional_instant(row, 4)?,
            failure: row.get(5)?,
            login_ends: optional_instant(row, 6)?,
        })
    })?;
    found.collect()
}

/// Everything of a feed before this instant has been fetched.
pub fn whole_until(connection: &Connection, source: &str, feed: Feed) -> rusqlite::Result<Option<Timestamp>> {
    connection
        .prepare_cached("select whole_until from collection where source = ?1 and feed = ?2")?
        .query_row([source, feed.name()], |row| optional_instant(row, 0))
        .optional()
        .map(Option::flatten)
}

/// A span that a person asked for.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct CollectRequest {
    /// Its key.
    pub collect_request_id: i64,
    /// The source.
    pub source: String,
    /// The span, its end exclusive.
    pub from: Timestamp,
    /// First instant outside.
    pub to: Timestamp,
    /// waiting, working, done or failed.
    pub state: String,
    /// How far it has come.
    pub reached_at: Option<Timestamp>,
    /// Records that came.
    pub records: u64,
    /// Requests that were made.
    pub requests: u64,
    /// Why it failed.
    pub failure: Option<String>,
}

impl CollectRequest {
    /// Whether nothing more comes.
    pub fn has_ended(&self) -> bool {
        matches!(self.state.as_str(), "done" | "failed")
    }
}

/// Asks for a span.
pub fn ask_for(tx: &Transaction<'_>, source: &str, span: Period) -> rusqlite::Result<i64> {
    tx.execute(
        "insert into collect_request (source, from_at, to_at) values (?1, ?2, ?3)",
        params![source, stamp(span.start), stamp(span.end)],
    )?;
    Ok(tx.last_insert_rowid())
}

const REQUEST: &str =
    "select collect_request_id, source, from_at, to_at, state, reached_at, records, requests, failure
                       from collect_request";

fn request(row: &rusqlite::Row<'_>) -> rusqlite::Result<CollectRequest> {
    let count =
        |column| -> rusqlite::Result<u64> { Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap_or(0)) };
    Ok(CollectRequest {
        collect_request_id: row.get(0)?,
        source: row.get(1)?,
        from: instant(row, 2)?,
        to: instant(row, 3)?,
        state: row.get(4)?,
        reached_at: optional_instant(row, 5)?,
        records: count(6)?,
        requests: count(7)?,
        failure: row.get(8)?,
    })
}

/// A request by its key.
pub fn collect_request(connection: &Connection, id: i64) -> rusqlite::Result<Option<CollectRequest>> {
    let sql = format!("{REQUEST} where collect_request_id = ?1");
    connection.prepare_cached(&sql)?.query_row([id], request).optional()
}

/// Requests that have not ended, oldest first. One that was worked on when the last process ended begins again.
pub fn open_requests(connection: &Connection) -> rusqlite::Result<Vec<CollectRequest>> {
    let sql = format!("{REQUEST} where state in ('waiting', 'working') order by collect_request_id");
    let mut statement = connection.prepare_cached(&sql)?;
    statement.query_map([], request)?.collect()
}

/// Notes how far a request has come.
pub fn note_reached(
    tx: &Transaction<'_>,
    id: i64,
    reached: Option<Timestamp>,
    (records, requests): (u64, u64),
) -> rusqlite::Result<()> {
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    tx.execute(
        "update collect_request
         set state = 'working', reached_at = coalesce(?2, reached_at), records = ?3, requests = ?4
         where collect_request_id = ?1",
        params![id, reached.map(stamp), number(records), number(requests)],
    )?;
    Ok(())
}

/// Notes how a request ended.
pub fn end_request(tx: &Transaction<'_>, id: i64, failure: Option<&str>) -> rusqlite::Result<()> {
    tx.execute(
        "update collect_request set state = iif(?2 is null, 'done', 'failed'), failure = ?2
         where collect_request_id = ?1",
        params![id, failure],
    )?;
    Ok(())
}

/// Keeps metrics of an interval; those that are kept already stay: they were counted nearer to their time.
pub fn keep_metrics(
    tx: &Transaction<'_>,
    (source, account): (&str, &str),
    interval: Period,
    document: &str,
) -> rusqlite::Result<()> {
    let minutes = interval.end.duration_since(interval.start).as_secs() / 60;
    tx.execute(
        "insert into kept_metrics (source, account, start_at, minutes, document) values (?1, ?2, ?3, ?4, ?5)
         on conflict do nothing",
        params![source, account, stamp(interval.start), minutes, document],
    )?;
    Ok(())
}

/// Metrics of the intervals that begin in a span, oldest first.
pub fn kept_metrics(
    connection: &Connection,
    source: &str,
    span: Period,
) -> rusqlite::Result<Vec<(Timestamp, i64, String)>> {
    let mut statement = connection.prepare_cached(
        "select start_at, minutes, document from kept_metrics
         where source = ?1 and start_at >= ?2 and start_at < ?3 order by start_at, minutes, account",
    )?;
    let found = statement.query_map(params![source, stamp(span.start), stamp(span.end)], |row| {
        Ok((instant(row, 0)?, row.get(1)?, row.get(2)?))
    })?;
    found.collect()
}

/// Requests that are kept, by source and the answer's status (`none` where there was none).
pub fn request_counts(connection: &Connection) -> rusqlite::Result<Vec<(String, String, i64)>> {
    connection
        .prepare_cached(
            "select source, coalesce(cast(status as text), 'none'), count(*) from source_request group by 1, 2",
        )?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect()
}
