//! What people answer about deliveries that did not simply go well.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::definitions::Eyes;
use super::deliveries::{NewDelivery, ToldDelivery, of_run};
use super::instant;
use crate::domain::text::stamp;

/// The address of a delivery that waits until a person says whom it is for.
pub const NOBODY: &str = "-";

/// Which deliveries of a run are meant: all, or those to one address or place.
#[derive(Debug, Clone)]
pub struct Which {
    /// The run.
    pub run_id: i64,
    /// An address, a file's name here or at the far end, or the destination's name or folder.
    pub only: Option<String>,
}

impl Which {
    /// The deliveries that are meant.
    pub fn deliveries(&self, connection: &Connection) -> rusqlite::Result<Vec<ToldDelivery>> {
        let mut found = of_run(connection, self.run_id)?;
        let meant = |delivery: &ToldDelivery| {
            let Some(only) = &self.only else { return true };
            delivery.address.eq_ignore_ascii_case(only)
                || delivery.target == *only
                || delivery.file_name == *only
        };
        found.retain(meant);
        Ok(found)
    }
}

/// Has deliveries that ended in a state tried again, as if for the first time; returns how many.
pub fn try_again(
    tx: &Transaction<'_>,
    which: &Which,
    state: &str,
    now: Timestamp,
) -> rusqlite::Result<usize> {
    let mut tried = 0;
    for delivery in which.deliveries(tx)?.iter().filter(|delivery| delivery.state == state) {
        tried += tx.execute(
            "update delivery set state = 'pending', next_attempt_at = ?2, ended_at = null,
                    forgiven = (select count(*) from attempt t where t.delivery_id = delivery.delivery_id)
             where delivery_id = ?1 and state = ?3",
            params![delivery.delivery_id, stamp(now), state],
        )?;
    }
    Ok(tried)
}

/// Sends what was held, as if it had just been made, and takes the run's files as good; returns how many deliveries.
/// What waits for a recipient's address goes on waiting.
pub fn release(tx: &Transaction<'_>, which: &Which, now: Timestamp) -> rusqlite::Result<usize> {
    let mut released = 0;
    for delivery in which.deliveries(tx)?.iter().filter(|delivery| delivery.address != NOBODY) {
        released += tx.execute(
            "update delivery set state = 'pending', reason = null, next_attempt_at = ?2
             where delivery_id = ?1 and state = 'held'",
            params![delivery.delivery_id, stamp(now)],
        )?;
    }
    if which.only.is_none() {
        tx.execute(
            "update artifact set verdict = 'released' where run_id = ?1 and verdict = 'held'",
            [which.run_id],
        )?;
    }
    Ok(released)
}

/// Lets deliveries be that are held, failed, or whose outcome nobody knows; returns how many. A held file that is let be
/// as a whole never counts as generated.
pub fn discard(tx: &Transaction<'_>, which: &Which, reason: &str, now: Timestamp) -> rusqlite::Result<usize> {
    let mut discarded = 0;
    for delivery in which.deliveries(tx)? {
        discarded += tx.execute(
            "update delivery set state = 'discarded', reason = ?2, ended_at = ?3
             where delivery_id = ?1 and state in ('held', 'failed', 'unknown')",
            params![delivery.delivery_id, reason, stamp(now)],
        )?;
    }
    if which.only.is_none() {
        tx.execute(
            "update artifact set verdict = 'discarded' where run_id = ?1 and verdict = 'held'",
            [which.run_id],
        )?;
    }
    Ok(discarded)
}

/// Has the occurrence of a run made again over today's data. `None` where it is under way; else its key.
pub fn rerun(tx: &Transaction<'_>, run_id: i64) -> rusqlite::Result<Option<i64>> {
    let occurrence_id: Option<i64> = tx
        .query_row(
            "select occurrence_id from run join occurrence using (occurrence_id)
             where run_id = ?1 and occurrence.state in ('done', 'failed')",
            [run_id],
            |row| row.get(0),
        )
        .optional()?;
    if let Some(occurrence_id) = occurrence_id {
        tx.execute(
            "update occurrence set state = 'due', rerun = 1, ended_at = null, interruptions = 0, failures = 0,
                    retry_at = null
             where occurrence_id = ?1",
            [occurrence_id],
        )?;
    }
    Ok(occurrence_id)
}

/// Adds deliveries of kept files beside those that they have, each with the next number of its address.
pub fn send_anew(
    tx: &Transaction<'_>,
    deliveries: &[(i64, NewDelivery)],
    now: Timestamp,
) -> rusqlite::Result<usize> {
    let mut added = 0;
    for (artifact_id, new) in deliveries {
        added += tx.execute(
            "insert into delivery (artifact_id, kind, target, address, number, details, state, next_attempt_at, message_id,
                                   created_at)
             select a.artifact_id, ?2, ?3, ?4,
                    1 + coalesce((select max(number) from delivery d where d.artifact_id = a.artifact_id
                                  and d.kind = ?2 and d.target = ?3 and d.address = ?4), 0),
                    ?5, 'pending', ?6, ?7, ?6
             from artifact a where a.artifact_id = ?1 and a.removed_at is null",
            params![artifact_id, new.kind, new.target, new.address, new.details, stamp(now), new.message_id],
        )?;
    }
    Ok(added)
}

/// Ends held deliveries that were answered another way.
pub fn settle(tx: &Transaction<'_>, deliveries: &[i64], told: &str, now: Timestamp) -> rusqlite::Result<()> {
    for delivery_id in deliveries {
        tx.execute(
            "update delivery set state = 'discarded', reason = ?2, ended_at = ?3 where delivery_id = ?1 and state = 'held'",
            params![delivery_id, told, stamp(now)],
        )?;
    }
    Ok(())
}

/// A delivery in a list.
#[derive(Debug, Clone, serde::Serialize, schemars::JsonSchema)]
pub struct ListedDelivery {
    /// The run whose file it carries; none for a notice.
    pub run_id: Option<i64>,
    /// The definition.
    pub name: Option<String>,
    /// email, directory, http, webdav, s3, gcs, azure, sftp, webhook or notice.
    pub kind: String,
    /// The relay's or endpoint's name, or the folder.
    pub target: String,
    /// One address, or the file's name at the far end.
    pub address: String,
    /// pending, held, delivered, outbox, failed, unknown or discarded.
    pub state: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Attempts.
    pub attempts: i64,
    /// The far end's last words, or why it was discarded.
    pub reply: Option<String>,
}

/// The newest deliveries, of one definition or of all, in one state or in any.
pub fn list(
    connection: &Connection,
    eyes: Eyes<'_>,
    name: Option<&str>,
    state: Option<&str>,
    most: u32,
) -> rusqlite::Result<Vec<ListedDelivery>> {
    let mut statement = connection.prepare_cached(
        "select r.run_id, n.name, d.kind, d.target, d.address, d.state, d.created_at,
                (select count(*) from attempt t where t.delivery_id = d.delivery_id),
                coalesce(d.reason, (select reply from attempt t where t.delivery_id = d.delivery_id
                                    order by number desc limit 1))
         from delivery d left join artifact a using (artifact_id) left join run r using (run_id)
         left join definition n on n.definition_id = coalesce(a.definition_id, d.definition_id)
         where (?1 is null or n.name = ?1) and (?2 is null or d.state = ?2)
           and (?5 or n.name is null or n.private = 0 or n.made_by = ?4)
         order by d.delivery_id desc limit ?3",
    )?;
    let listed = |row: &Row<'_>| {
        Ok(ListedDelivery {
            run_id: row.get(0)?,
            name: row.get(1)?,
            kind: row.get(2)?,
            target: row.get(3)?,
            address: row.get(4)?,
            state: row.get(5)?,
            created_at: instant(row, 6)?,
            attempts: row.get(7)?,
            reply: row.get(8)?,
        })
    };
    statement.query_map(params![name, state, most, eyes.who, eyes.see_all], listed)?.collect()
}
