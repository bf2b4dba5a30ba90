//! Tables `run` and `artifact`.
//!
//! Invariants: one running run per occurrence (a partial unique index); the transaction that ends a run makes its
//! artifact and its deliveries, so a file without deliveries or a delivery without a file cannot be.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::deliveries::{NewDelivery, add_deliveries};
use super::instant;
use super::occurrences::{OpenOccurrence, open_one};
use crate::domain::period::Period;
use crate::domain::text::stamp;

/// Interruptions after which an occurrence is not run again.
const INTERRUPTIONS_MAX: i64 = 3;

/// Claims an occurrence for a run, once: `None` when another claim or an end came first, or an edit put it off. What to
/// make stands in its row now; the run's key comes with it.
pub fn claim(
    tx: &Transaction<'_>,
    occurrence_id: i64,
    now: Timestamp,
) -> rusqlite::Result<Option<(i64, OpenOccurrence)>> {
    let claimed = tx
        .prepare_cached(
            "update occurrence set state = 'running', retry_at = null
             where occurrence_id = ?1 and (state = 'due' or (state = 'planned' and due_at <= ?2))",
        )?
        .execute(params![occurrence_id, stamp(now)])?;
    if claimed == 0 {
        return Ok(None);
    }
    tx.prepare_cached(
        "insert into run (occurrence_id, number, state, started_at)
         select ?1, coalesce(max(number), 0) + 1, 'running', ?2 from run where occurrence_id = ?1",
    )?
    .execute(params![occurrence_id, stamp(now)])?;
    let run_id = tx.last_insert_rowid();
    Ok(open_one(tx, occurrence_id)?.map(|occurrence| (run_id, occurrence)))
}

/// Begins the period `since last run` of an occurrence that was claimed, at its first claim: where the last scheduled
/// occurrence before it that has a whole file ended, else where the definition began. Older ones that wait for a retry
/// have failed then: this one covers their time, and periods never overlap.
pub fn begin_since_last_run(
    tx: &Transaction<'_>,
    occurrence_id: i64,
    now: Timestamp,
) -> rusqlite::Result<Period> {
    tx.execute(
        "update occurrence set state = 'failed', retry_at = null, ended_at = ?2
         where state = 'due' and retry_at is not null and manual = 0
           and (definition_id, nominal_at) in
               (select o.definition_id, o.nominal_at from occurrence o
                join occurrence mine on mine.definition_id = o.definition_id and o.nominal_at < mine.nominal_at
                where mine.occurrence_id = ?1)",
        params![occurrence_id, stamp(now)],
    )?;
    tx.execute(
        "update occurrence as o set period_start = min(period_end, coalesce(
             (select max(b.period_end) from occurrence b join run r using (occurrence_id) join artifact a using (run_id)
              where b.definition_id = o.definition_id and b.manual = 0 and b.nominal_at < o.nominal_at
                and a.part = '' and a.verdict <> 'discarded'),
             (select created_at from definition d where d.definition_id = o.definition_id)))
         where occurrence_id = ?1 and period_start = period_end",
        [occurrence_id],
    )?;
    tx.query_row(
        "select period_start, period_end from occurrence where occurrence_id = ?1",
        [occurrence_id],
        |row| Ok(Period { start: instant(row, 0)?, end: instant(row, 1)? }),
    )
}

/// A whole file, renamed into place and synced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewArtifact {
    /// `COLUMN=VALUE` of a file for some recipients; empty for the whole report.
    pub part: String,
    /// Counted within the occurrence.
    pub revision: u32,
    /// Why a person is to look at it before it is sent.
    pub held: Option<String>,
    /// The file's name.
    pub file_name: String,
    /// Its place below the artifacts folder.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// Its rows, the header not counted.
    pub rows: u64,
    /// Its digest in hex.
    pub sha256: String,
    /// The instant of the rename.
    pub generated_at: Timestamp,
}

/// What a run counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunCounts {
    /// Rows left out because their interaction had not ended.
    pub rows_left_out: u64,
    /// Durations set to zero because they came out negative.
    pub clamped: u64,
    /// The newest record of the store.
    pub newest_at: Option<Timestamp>,
}

/// A file and the deliveries that follow from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeFile {
    /// The file.
    pub artifact: NewArtifact,
    /// What follows.
    pub deliveries: Vec<NewDelivery>,
}

/// The newest file of an occurrence, the whole report's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlierFile {
    /// The run that made it.
    pub run_id: i64,
    /// Counted within the occurrence.
    pub revision: u32,
    /// Its rows.
    pub rows: u64,
    /// Its digest in hex.
    pub sha256: String,
    /// Its place below the artifacts folder; retention may have removed it.
    pub path: String,
    /// Whether it is kept, and no person has discarded it.
    pub kept: bool,
    /// Whether anybody may have got it.
    pub sent: bool,
}

/// The newest file of an occurrence.
pub fn earlier_file(connection: &Connection, occurrence_id: i64) -> rusqlite::Result<Option<EarlierFile>> {
    connection
        .prepare_cached(
            "select r.run_id, a.revision, a.rows, a.sha256, a.path, a.removed_at is null and a.verdict <> 'discarded',
                    exists (select 1 from delivery d join artifact p using (artifact_id)
                            where p.run_id = r.run_id and d.state not in ('held', 'discarded'))
             from run r join artifact a using (run_id)
             where r.occurrence_id = ?1 and a.part = '' order by r.number desc limit 1",
        )?
        .query_row([occurrence_id], |row| {
            Ok(EarlierFile {
                run_id: row.get(0)?,
                revision: row.get(1)?,
                rows: u64::try_from(row.get::<_, i64>(2)?).unwrap_or(0),
                sha256: row.get(3)?,
                path: row.get(4)?,
                kept: row.get(5)?,
                sent: row.get(6)?,
            })
        })
        .optional()
}

/// Instants and rows of a definition's scheduled files that went well since an instant, the newest first.
pub fn earlier_rows(
    connection: &Connection,
    definition_id: i64,
    since: Timestamp,
    before: Timestamp,
) -> rusqlite::Result<Vec<(Timestamp, u64)>> {
    let mut statement = connection.prepare_cached(
        "select o.nominal_at, a.rows from occurrence o join run r using (occurrence_id) join artifact a using (run_id)
         where o.definition_id = ?1 and o.nominal_at >= ?2 and o.nominal_at < ?3 and o.manual = 0 and a.part = ''
           and a.verdict in ('good', 'released')
           and r.number = (select max(n.number) from run n join artifact using (run_id)
                           where n.occurrence_id = o.occurrence_id)
         order by o.nominal_at desc limit 5000",
    )?;
    let each = |row: &Row<'_>| Ok((instant(row, 0)?, u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0)));
    statement.query_map(params![definition_id, stamp(since), stamp(before)], each)?.collect()
}

/// Ends a run that made the same bytes as an earlier one: nothing changes.
pub fn finish_same(tx: &Transaction<'_>, run_id: i64, as_run: i64, now: Timestamp) -> rusqlite::Result<()> {
    tx.execute(
        "update run set state = 'done', ended_at = ?2, same_as = ?3 where run_id = ?1 and state = 'running'",
        params![run_id, stamp(now), as_run],
    )?;
    tx.execute(
        "update occurrence set state = 'done', ended_at = ?2, rerun = 0
         where occurrence_id = (select occurrence_id from run where run_id = ?1)",
        params![run_id, stamp(now)],
    )?;
    Ok(())
}

/// Ends a run with its files and the deliveries that follow. Where it `replaces` earlier revisions, what of those has not
/// gone out stays at home.
pub fn finish(
    tx: &Transaction<'_>,
    run_id: i64,
    files: &[MadeFile],
    counts: &RunCounts,
    replaces: bool,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let ended = tx.execute(
        "update run set state = 'done', ended_at = ?2, rows_left_out = ?3, clamped = ?4, newest_at = ?5
         where run_id = ?1 and state = 'running'",
        params![
            run_id,
            stamp(now),
            signed(counts.rows_left_out),
            signed(counts.clamped),
            counts.newest_at.map(stamp)
        ],
    )?;
    if ended == 0 {
        return Ok(());
    }
    tx.execute(
        "update occurrence set state = 'done', ended_at = ?2, rerun = 0
         where occurrence_id = (select occurrence_id from run where run_id = ?1)",
        params![run_id, stamp(now)],
    )?;
    if replaces {
        let earlier = "select artifact_id from artifact join run r using (run_id)
                       where r.run_id <> ?1 and r.occurrence_id = (select occurrence_id from run where run_id = ?1)";
        tx.execute(
            &format!(
                "update delivery set state = 'discarded', reason = 'replaced by run ' || ?1, next_attempt_at = null,
                        ended_at = ?2
                 where artifact_id in ({earlier}) and state in ('held', 'pending', 'failed')
                   and not exists (select 1 from attempt t where t.delivery_id = delivery.delivery_id and t.ended_at is null)"
            ),
            params![run_id, stamp(now)],
        )?;
        tx.execute(
            &format!("update artifact set verdict = 'discarded' where artifact_id in ({earlier}) and verdict = 'held'"),
            [run_id],
        )?;
    }
    for MadeFile { artifact, deliveries } in files {
        tx.prepare_cached(
            "insert into artifact (run_id, part, revision, verdict, findings, definition_id, file_name, path, bytes, rows,
                                   sha256, generated_at)
             select ?1, ?2, ?3, iif(?4 is null, 'good', 'held'), ?4, o.definition_id, ?5, ?6, ?7, ?8, ?9, ?10
             from run r join occurrence o using (occurrence_id) where r.run_id = ?1",
        )?
        .execute(params![
            run_id,
            artifact.part,
            artifact.revision,
            artifact.held,
            artifact.file_name,
            artifact.path,
            signed(artifact.bytes),
            signed(artifact.rows),
            artifact.sha256,
            stamp(artifact.generated_at)
        ])?;
        add_deliveries(tx, tx.last_insert_rowid(), deliveries, now)?;
    }
    Ok(())
}

/// Ends a run that could not make its file. Its occurrence waits for `retry_at`, or has failed where there is none.
pub fn fail(
    tx: &Transaction<'_>,
    run_id: i64,
    error: &str,
    retry_at: Option<Timestamp>,
    now: Timestamp,
) -> rusqlite::Result<()> {
    tx.execute(
        "update run set state = 'failed', ended_at = ?2, error = ?3 where run_id = ?1 and state = 'running'",
        params![run_id, stamp(now), error],
    )?;
    tx.execute(
        "update occurrence
         -- Of a report that is made again the earlier file still stands, if there is one.
         set state = case when rerun = 1 and exists (select 1 from artifact join run r using (run_id)
                                                     where r.occurrence_id = occurrence.occurrence_id) then 'done'
                          when rerun = 1 or ?3 is null then 'failed' else 'due' end,
             failures = failures + 1, retry_at = iif(rerun = 1, null, ?3),
             ended_at = iif(rerun = 1 or ?3 is null, ?2, null), rerun = 0
         where occurrence_id = (select occurrence_id from run where run_id = ?1) and state = 'running'",
        params![run_id, stamp(now), retry_at.map(stamp)],
    )?;
    Ok(())
}

/// Whether the newest `count` scheduled occurrences of a definition that ran to an end have all failed, since its
/// schedules last began.
pub fn all_failed(connection: &Connection, definition_id: i64, count: u32) -> rusqlite::Result<bool> {
    let failed: u32 = connection
        .prepare_cached(
            "select count(*) from
                 (select state from occurrence
                  where definition_id = ?1 and manual = 0 and backfill_id is null and state in ('done', 'failed')
                    and nominal_at > coalesce((select max(to_at) from unplanned
                                               where definition_id = ?1 and rule = 'paused'), '')
                  order by nominal_at desc limit ?2)
             where state = 'failed'",
        )?
        .query_row(params![definition_id, count], |row| row.get(0))?;
    Ok(failed == count)
}

/// Ends runs that a stop or crash cut short. Their occurrences wait again; after the third time they have failed.
/// Returns how many runs there were.
pub fn interrupt(tx: &Transaction<'_>, now: Timestamp) -> rusqlite::Result<usize> {
    let interrupted = tx.execute(
        "update run set state = 'interrupted', ended_at = ?1 where state = 'running'",
        [stamp(now)],
    )?;
    tx.execute(
        "update occurrence set interruptions = interruptions + 1, state = 'due' where state = 'running'",
        [],
    )?;
    tx.execute(
        "update run set state = 'failed', error = 'interrupted for the third time'
         where state = 'interrupted' and occurrence_id in
             (select occurrence_id from occurrence where state = 'due' and ?1 <= interruptions)
           and number = (select max(number) from run r where r.occurrence_id = run.occurrence_id)",
        [INTERRUPTIONS_MAX],
    )?;
    tx.execute(
        "update occurrence
         set state = iif(exists (select 1 from artifact join run r using (run_id)
                                 where r.occurrence_id = occurrence.occurrence_id), 'done', 'failed'),
             ended_at = ?2, rerun = 0
         where state = 'due' and ?1 <= interruptions",
        params![INTERRUPTIONS_MAX, stamp(now)],
    )?;
    Ok(interrupted)
}

/// A file that may be removed by retention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptArtifact {
    /// Its key.
    pub artifact_id: i64,
    /// Its place below the artifacts folder.
    pub path: String,
    /// Its length.
    pub bytes: i64,
    /// When it was made.
    pub generated_at: Timestamp,
}

/// Files that no open or unknown delivery needs, the oldest first.
pub fn removable(connection: &Connection) -> rusqlite::Result<Vec<KeptArtifact>> {
    let mut statement = connection.prepare_cached(
        "select artifact_id, path, bytes, generated_at from artifact a
         where removed_at is null and not exists
             (select 1 from delivery d where d.artifact_id = a.artifact_id and d.state in ('pending', 'held', 'unknown'))
           and verdict <> 'held'
         order by generated_at",
    )?;
    let kept = |row: &Row<'_>| {
        Ok(KeptArtifact {
            artifact_id: row.get(0)?,
            path: row.get(1)?,
            bytes: row.get(2)?,
            generated_at: instant(row, 3)?,
        })
    };
    statement.query_map([], kept)?.collect()
}

/// Bytes of all files that are kept.
pub fn kept_bytes(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("select coalesce(sum(bytes), 0) from artifact where removed_at is null", [], |row| {
        row.get(0)
    })
}

/// Notes that a file was removed.
pub fn removed(tx: &Transaction<'_>, artifact_id: i64, now: Timestamp) -> rusqlite::Result<()> {
    tx.execute(
        "update artifact set removed_at = ?2 where artifact_id = ?1",
        params![artifact_id, stamp(now)],
    )?;
    Ok(())
}

/// Paths of all files that the ledger knows and has not removed.
pub fn known_paths(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare_cached("select path from artifact where removed_at is null")?;
    statement.query_map([], |row| row.get(0))?.collect()
}

/// Forgets up to `most` ended occurrences older than `before` whose file is gone, with all that hangs on them. A
/// definition's newest scheduled one that went well is remembered: periods since the last run begin at its end.
/// Returns how many.
pub fn forget(tx: &Transaction<'_>, before: Timestamp, most: u32) -> rusqlite::Result<usize> {
    let mut statement = tx.prepare_cached(
        "select occurrence_id from occurrence o
         where ended_at < ?1 and not exists
             (select 1 from run r join artifact a using (run_id)
              where r.occurrence_id = o.occurrence_id and a.removed_at is null)
           and (state <> 'done' or manual = 1 or exists
               (select 1 from occurrence n where n.definition_id = o.definition_id and n.nominal_at > o.nominal_at
                and n.state = 'done' and n.manual = 0))
         limit ?2",
    )?;
    let old: Vec<i64> =
        statement.query_map(params![stamp(before), most], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let artifacts = "select artifact_id from artifact join run using (run_id) where occurrence_id = ?1";
    for occurrence_id in &old {
        for sql in [
            format!(
                "delete from attempt where delivery_id in (select delivery_id from delivery where artifact_id in ({artifacts}))"
            ),
            format!("delete from delivery where artifact_id in ({artifacts})"),
            "delete from artifact where run_id in (select run_id from run where occurrence_id = ?1)"
                .to_owned(),
            "delete from run where occurrence_id = ?1".to_owned(),
            "delete from occurrence where occurrence_id = ?1".to_owned(),
        ] {
            tx.prepare_cached(&sql)?.execute([occurrence_id])?;
        }
    }
    // Notices and events hang on nothing.
    let loose = "select delivery_id from delivery where artifact_id is null and ended_at < ?1 limit ?2";
    tx.execute(&format!("delete from attempt where delivery_id in ({loose})"), params![stamp(before), most])?;
    let loose = tx.execute(
        &format!("delete from delivery where delivery_id in ({loose})"),
        params![stamp(before), most],
    )?;
    Ok(old.len() + loose)
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
