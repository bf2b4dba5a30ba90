//! Tables `delivery` and `attempt`: the ledger of what went out.
//!
//! Invariants: one open attempt per delivery (a partial unique index); an attempt's row is durable before the network
//! is touched, its `body_begun_at` before the first byte of the body.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::{instant, optional_instant};
use crate::domain::definition::OnUnknown;
use crate::domain::delivery::{DeliveryState, Next, Outcome, Receipt, next};
use crate::domain::text::stamp;

/// A delivery to be made: one address or place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDelivery {
    /// email, directory, http, webdav, s3, gcs, azure, sftp, webhook or notice.
    pub kind: &'static str,
    /// The relay's or endpoint's name, or the folder.
    pub target: String,
    /// One address, or the file's name at the far end.
    pub address: String,
    /// What the destination is, as JSON.
    pub details: String,
    /// The Message-ID of a mail.
    pub message_id: Option<String>,
    /// What happens first.
    pub begin: Begin,
}

/// How a delivery begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begin {
    /// Its first attempt is due.
    Due,
    /// It waits for a person before its first attempt: why.
    Held(String),
    /// Nothing is tried unless a person asks for it: why.
    Kept(String),
}

impl Begin {
    /// The state in the ledger, and the reason.
    fn state(&self) -> (DeliveryState, Option<&str>) {
        match self {
            Self::Due => (DeliveryState::Pending, None),
            Self::Held(reason) => (DeliveryState::Held, Some(reason)),
            Self::Kept(reason) => (DeliveryState::Discarded, Some(reason)),
        }
    }
}

/// Adds the deliveries of an artifact. An address that stands in two destinations of one kind is served once.
pub(super) fn add_deliveries(
    tx: &Transaction<'_>,
    artifact_id: i64,
    deliveries: &[NewDelivery],
    now: Timestamp,
) -> rusqlite::Result<()> {
    let mut insert = tx.prepare_cached(
        "insert into delivery (artifact_id, kind, target, address, details, state, next_attempt_at, message_id, created_at,
                               reason, ended_at)
         values (?1, ?2, ?3, ?4, ?5, ?8, iif(?8 = 'pending', ?6, null), ?7, ?6, ?9, iif(?8 = 'discarded', ?6, null))
         on conflict do nothing",
    )?;
    for new in deliveries {
        let (state, reason) = new.begin.state();
        insert.execute(params![
            artifact_id,
            new.kind,
            new.target,
            new.address,
            new.details,
            stamp(now),
            new.message_id,
            state.name(),
            reason
        ])?;
    }
    Ok(())
}

/// Adds a notice, or an event, about a definition; it carries no file.
pub fn add_notice(
    tx: &Transaction<'_>,
    definition_id: Option<i64>,
    notice: &NewDelivery,
    now: Timestamp,
) -> rusqlite::Result<()> {
    tx.execute(
        "insert into delivery (kind, target, address, details, state, next_attempt_at, message_id, created_at, definition_id)
         values (?6, ?1, ?2, ?3, 'pending', ?4, ?5, ?4, ?7)",
        params![
            notice.target,
            notice.address,
            notice.details,
            stamp(now),
            notice.message_id,
            notice.kind,
            definition_id
        ],
    )?;
    Ok(())
}

/// A delivery with an attempt due, and its file.
#[derive(Debug, Clone)]
pub struct PendingDelivery {
    /// Its key.
    pub delivery_id: i64,
    /// email, directory, http, webdav, s3, gcs, azure, sftp, webhook or notice.
    pub kind: String,
    /// The relay's or endpoint's name, or the folder.
    pub target: String,
    /// One address, or the file's name at the far end.
    pub address: String,
    /// What the destination is, as JSON.
    pub details: String,
    /// The Message-ID of a mail.
    pub message_id: Option<String>,
    /// The file: its run, its name, its place below the artifacts folder, its length and digest.
    pub file: Option<DeliveredFile>,
}

/// What earlier attempts of a delivery may have left at the far end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Earlier {
    /// Whether the body of one of them had begun.
    pub begun: bool,
    /// Whether nobody knows how the last of them ended.
    pub unsure: bool,
    /// Uploads in parts that they began.
    pub uploads: Vec<String>,
}

/// The file that a delivery carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveredFile {
    /// The run that made it.
    pub run_id: i64,
    /// The version of the definition that its schedule made it for; none where a person asked for it.
    pub version_id: Option<i64>,
    /// Its name.
    pub file_name: String,
    /// Its place below the artifacts folder.
    pub path: String,
    /// Its length.
    pub bytes: i64,
    /// Its rows.
    pub rows: i64,
    /// Its digest in hex.
    pub sha256: String,
}

/// Deliveries with an attempt due now, the oldest first.
pub fn due(connection: &Connection, now: Timestamp, most: usize) -> rusqlite::Result<Vec<PendingDelivery>> {
    let mut statement = connection.prepare_cached(
        "select d.delivery_id, d.kind, d.target, d.address, d.details, d.message_id,
                a.run_id, a.file_name, a.path, a.bytes, a.rows, a.sha256,
                (select iif(o.manual = 0 and o.backfill_id is null and a.revision = 1, o.version_id, null)
                 from run r join occurrence o using (occurrence_id) where r.run_id = a.run_id)
         from delivery d left join artifact a using (artifact_id)
         where d.state = 'pending' and d.next_attempt_at <= ?1
           and not exists (select 1 from attempt t where t.delivery_id = d.delivery_id and t.ended_at is null)
         order by d.next_attempt_at, d.delivery_id limit ?2",
    )?;
    let pending = |row: &Row<'_>| {
        let file = match row.get::<_, Option<i64>>(6)? {
            None => None,
            Some(run_id) => Some(DeliveredFile {
                run_id,
                file_name: row.get(7)?,
                path: row.get(8)?,
                bytes: row.get(9)?,
                rows: row.get(10)?,
                sha256: row.get(11)?,
                version_id: row.get(12)?,
            }),
        };
        Ok(PendingDelivery {
            delivery_id: row.get(0)?,
            kind: row.get(1)?,
            target: row.get(2)?,
            address: row.get(3)?,
            details: row.get(4)?,
            message_id: row.get(5)?,
            file,
        })
    };
    statement.query_map(params![stamp(now), i64::try_from(most).unwrap_or(i64::MAX)], pending)?.collect()
}

/// What earlier attempts of a delivery may have left.
pub fn earlier(connection: &Connection, delivery_id: i64) -> rusqlite::Result<Earlier> {
    let mut earlier = Earlier::default();
    let mut statement = connection.prepare_cached(
        "select body_begun_at is not null, class = 'unsure', upload from attempt
         where delivery_id = ?1 and ended_at is not null order by number",
    )?;
    let mut rows = statement.query([delivery_id])?;
    while let Some(row) = rows.next()? {
        earlier.begun |= row.get::<_, bool>(0)?;
        earlier.unsure = row.get(1)?;
        earlier.uploads.extend(row.get::<_, Option<String>>(2)?);
    }
    Ok(earlier)
}

/// The instant of the next attempt of all.
pub fn next_attempt(connection: &Connection) -> rusqlite::Result<Option<Timestamp>> {
    connection
        .prepare_cached("select min(next_attempt_at) from delivery where state = 'pending'")?
        .query_row([], |row| optional_instant(row, 0))
}

/// An attempt that has been written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenAttempt {
    /// Its key.
    pub attempt_id: i64,
    /// Its delivery.
    pub delivery_id: i64,
    /// Its number, counted from 1.
    pub number: u32,
    /// The same without attempts before a person had it tried again: what the end of trying is counted by.
    pub tries: u32,
}

/// Writes an attempt before anything is sent; `None` when the delivery has ended or another attempt is open.
pub fn start_attempt(
    tx: &Transaction<'_>,
    delivery_id: i64,
    now: Timestamp,
) -> rusqlite::Result<Option<OpenAttempt>> {
    let number: Option<(u32, u32)> = tx
        .prepare_cached(
            "select coalesce((select max(number) from attempt where delivery_id = ?1), 0) + 1, forgiven from delivery
             where delivery_id = ?1 and state = 'pending'
               and not exists (select 1 from attempt where delivery_id = ?1 and ended_at is null)",
        )?
        .query_row([delivery_id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((number, forgiven)) = number else { return Ok(None) };
    tx.prepare_cached("insert into attempt (delivery_id, number, started_at) values (?1, ?2, ?3)")?
        .execute(params![delivery_id, number, stamp(now)])?;
    let tries = number.saturating_sub(forgiven).max(1);
    Ok(Some(OpenAttempt { attempt_id: tx.last_insert_rowid(), delivery_id, number, tries }))
}

/// Marks that the body begins: from here on only the far end can know.
pub fn body_begins(
    tx: &Transaction<'_>,
    attempt_id: i64,
    upload: Option<&str>,
    now: Timestamp,
) -> rusqlite::Result<()> {
    tx.prepare_cached("update attempt set body_begun_at = ?2, upload = ?3 where attempt_id = ?1")?
        .execute(params![attempt_id, stamp(now), upload])?;
    Ok(())
}

/// The run of a newer occurrence of the same definition that has put its file under the same name at the same place; a
/// person who sends a file anew means it.
pub fn superseded_by(connection: &Connection, delivery_id: i64) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached(
            "select nr.run_id from delivery d join artifact a using (artifact_id) join run r using (run_id)
             join occurrence o using (occurrence_id)
             join artifact na on na.definition_id = a.definition_id
             join delivery n on n.artifact_id = na.artifact_id and n.kind = d.kind and n.target = d.target
                             and n.address = d.address and n.state = 'delivered'
             join run nr on nr.run_id = na.run_id join occurrence no on no.occurrence_id = nr.occurrence_id
             where d.delivery_id = ?1 and d.number = 1
               and (no.period_end > o.period_end or (no.occurrence_id = o.occurrence_id and na.revision > a.revision))
             limit 1",
        )?
        .query_row([delivery_id], |row| row.get(0))
        .optional()
}

/// Closes an attempt before anything of it was sent, and lets its delivery be.
pub fn let_be(
    tx: &Transaction<'_>,
    attempt: OpenAttempt,
    reason: &str,
    now: Timestamp,
) -> rusqlite::Result<()> {
    tx.execute(
        "update attempt set ended_at = ?2, class = 'lasting', reply = ?3 where attempt_id = ?1",
        params![attempt.attempt_id, stamp(now), reason],
    )?;
    tx.execute(
        "update delivery set state = 'discarded', reason = ?2, next_attempt_at = null, ended_at = ?3
         where delivery_id = ?1 and state = 'pending'",
        params![attempt.delivery_id, reason, stamp(now)],
    )?;
    Ok(())
}

/// The state of the newest delivery of the same file to another place.
pub fn state_beside(
    connection: &Connection,
    delivery_id: i64,
    kind: &str,
    target: &str,
    address: &str,
) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached(
            "select state from delivery where artifact_id = (select artifact_id from delivery where delivery_id = ?1)
             and kind = ?2 and target = ?3 and address = ?4 order by number desc limit 1",
        )?
        .query_row(params![delivery_id, kind, target, address], |row| row.get(0))
        .optional()
}

/// How an attempt ended, and what follows.
#[derive(Debug, Clone)]
pub struct EndedAttempt {
    /// The attempt.
    pub attempt: OpenAttempt,
    /// How it ended.
    pub outcome: Outcome,
    /// What follows.
    pub next: Next,
}

/// Closes an attempt and settles its delivery.
pub fn finish_attempt(tx: &Transaction<'_>, ended: &EndedAttempt, now: Timestamp) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "update attempt set ended_at = ?2, class = ?3, reply = ?4 where attempt_id = ?1 and ended_at is null",
    )?
    .execute(params![
        ended.attempt.attempt_id,
        stamp(now),
        ended.outcome.class(),
        ended.outcome.reply()
    ])?;
    let (state, again, end) = match ended.next {
        Next::End(state) => (state.name(), None, Some(stamp(now))),
        Next::Again(wait) => ("pending", Some(stamp(now.checked_add(wait).unwrap_or(now))), None),
    };
    tx.prepare_cached(
        "update delivery set state = ?2, next_attempt_at = ?3, ended_at = ?4, receipt = ?5
         where delivery_id = ?1 and state = 'pending'",
    )?
    .execute(params![ended.attempt.delivery_id, state, again, end, receipt(&ended.outcome)])?;
    Ok(())
}

/// What the far end calls a delivery that it took, as JSON; none where it said nothing of the kind.
fn receipt(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Done { receipt, .. } => {
            serde_json::to_string(receipt).ok().filter(|_| *receipt != Receipt::default())
        }
        Outcome::Written { .. }
        | Outcome::Passing { .. }
        | Outcome::Lasting { .. }
        | Outcome::Unsure { .. } => None,
    }
}

/// Attempts that a crash left open, with their delivery's details and whether their body had begun.
pub fn left_open(connection: &Connection) -> rusqlite::Result<Vec<(OpenAttempt, String, bool)>> {
    let mut statement = connection.prepare_cached(
        "select t.attempt_id, t.delivery_id, t.number, d.details, t.body_begun_at is not null, d.forgiven
         from attempt t join delivery d using (delivery_id) where t.ended_at is null",
    )?;
    let open = |row: &Row<'_>| {
        let (number, forgiven): (u32, u32) = (row.get(2)?, row.get(5)?);
        let tries = number.saturating_sub(forgiven).max(1);
        let attempt = OpenAttempt { attempt_id: row.get(0)?, delivery_id: row.get(1)?, number, tries };
        Ok((attempt, row.get(3)?, row.get(4)?))
    };
    statement.query_map([], open)?.collect()
}

/// Settles attempts that a crash left open: unsure when their body had begun, else nothing was sent.
pub fn settle_left_open(
    tx: &Transaction<'_>,
    on_unknown: fn(&str) -> OnUnknown,
    now: Timestamp,
) -> rusqlite::Result<usize> {
    let open = left_open(tx)?;
    for (attempt, details, body_begun) in &open {
        let outcome = if *body_begun {
            Outcome::Unsure { reply: "the daemon ended while the body was under way".to_owned() }
        } else {
            Outcome::Passing {
                reply: "the daemon ended before anything was sent".to_owned(),
                retry_after: None,
            }
        };
        let mut then = next(&outcome, attempt.tries, on_unknown(details));
        // Nothing was wrong with the far end: no reason to wait.
        if matches!(then, Next::Again(_)) {
            then = Next::Again(jiff::SignedDuration::ZERO);
        }
        finish_attempt(tx, &EndedAttempt { attempt: *attempt, outcome, next: then }, now)?;
    }
    Ok(open.len())
}

/// An attempt as told.
#[derive(Debug, Clone, serde::Serialize, schemars::JsonSchema)]
pub struct ToldAttempt {
    /// Its number.
    pub number: u32,
    /// Its start.
    pub started_at: Timestamp,
    /// Its end.
    pub ended_at: Option<Timestamp>,
    /// done, passing, lasting or unsure.
    pub class: Option<String>,
    /// The far end's own words.
    pub reply: Option<String>,
}

/// A delivery as told.
#[derive(Debug, Clone, serde::Serialize, schemars::JsonSchema)]
pub struct ToldDelivery {
    /// Its key.
    pub delivery_id: i64,
    /// The file's key.
    #[serde(skip)]
    pub artifact_id: i64,
    /// The file's name.
    pub file_name: String,
    /// email, directory, http, webdav, s3, gcs, azure, sftp, webhook or notice.
    pub kind: String,
    /// The relay's or endpoint's name, or the folder.
    pub target: String,
    /// One address, or the file's name at the far end.
    pub address: String,
    /// pending, held, delivered, outbox, failed, unknown or discarded.
    pub state: String,
    /// Why it was discarded.
    pub reason: Option<String>,
    /// What the destination is, as JSON.
    #[serde(skip)]
    pub details: String,
    /// When it is tried next.
    pub next_attempt_at: Option<Timestamp>,
    /// The Message-ID of a mail.
    pub message_id: Option<String>,
    /// What the far end calls it.
    pub receipt: Option<Receipt>,
    /// What was tried.
    pub attempts: Vec<ToldAttempt>,
}

/// The deliveries of a run.
pub fn of_run(connection: &Connection, run_id: i64) -> rusqlite::Result<Vec<ToldDelivery>> {
    let mut statement = connection.prepare_cached(
        "select d.delivery_id, d.kind, d.target, d.address, d.state, d.next_attempt_at, d.message_id, d.reason, d.details, d.receipt,
                d.artifact_id, a.file_name
         from delivery d join artifact a using (artifact_id) where a.run_id = ?1 order by d.delivery_id",
    )?;
    let told = |row: &Row<'_>| {
        Ok(ToldDelivery {
            delivery_id: row.get(0)?,
            kind: row.get(1)?,
            target: row.get(2)?,
            address: row.get(3)?,
            state: row.get(4)?,
            next_attempt_at: optional_instant(row, 5)?,
            message_id: row.get(6)?,
            reason: row.get(7)?,
            details: row.get(8)?,
            receipt: row.get::<_, Option<String>>(9)?.and_then(|text| serde_json::from_str(&text).ok()),
            artifact_id: row.get(10)?,
            file_name: row.get(11)?,
            attempts: Vec::new(),
        })
    };
    let mut deliveries: Vec<ToldDelivery> = statement.query_map([run_id], told)?.collect::<Result<_, _>>()?;
    for delivery in &mut deliveries {
        delivery.attempts = attempts(connection, delivery.delivery_id)?;
    }
    Ok(deliveries)
}

fn attempts(connection: &Connection, delivery_id: i64) -> rusqlite::Result<Vec<ToldAttempt>> {
    let mut statement = connection.prepare_cached(
        "select number, started_at, ended_at, class, reply from attempt where delivery_id = ?1 order by number",
    )?;
    let told = |row: &Row<'_>| {
        Ok(ToldAttempt {
            number: row.get(0)?,
            started_at: instant(row, 1)?,
            ended_at: optional_instant(row, 2)?,
            class: row.get(3)?,
            reply: row.get(4)?,
        })
    };
    statement.query_map([delivery_id], told)?.collect()
}
