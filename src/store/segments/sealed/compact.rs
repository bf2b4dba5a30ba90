//! Closed hours into blocks, a piece at a time: what is packed is read beside the writer, and only writing it and taking
//! the rows away holds the database.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::block::head;
use super::find::Finder;
use super::rows::{Packed, Rows};
use super::{BLOCK_ROWS, COLUMNS, HOUR_MS, SealedError, hour_of};
use crate::domain::pace::next_size;
use crate::domain::record::Millis;
use crate::store::checkpoint::checkpoint;
use crate::store::segments::fold;
use crate::store::segments::names::Names;
use crate::store::{Store, StoreError, open_beside};

/// How long after its end an hour is left alone, in milliseconds: most of what comes late has come then.
pub const QUIET: Millis = 2 * HOUR_MS;

/// Rows that one transaction takes away where others write, too: at the most, and at the least. A block is written whole
/// for however few of them, so fewer would not make it shorter.
pub const GENTLE: usize = 2_048;
const GENTLE_MIN: usize = 512;
/// How long one of these should hold the others up: less than they would notice.
const HOLD: Duration = Duration::from_millis(20);
/// The same where nobody waits.
pub const WHOLE: usize = BLOCK_ROWS;
/// How often a piece is packed anew because the segments changed meanwhile, before it is packed inside the transaction.
const TRIES: u32 = 4;

/// What was sealed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Sealed {
    /// Rows that are in blocks now.
    pub rows: u64,
    /// Interactions whose segments say everything now.
    pub folded: u64,
    /// Transactions.
    pub steps: u64,
    /// The longest time that the database was held.
    pub longest_transaction_ms: u64,
}

/// Seals segments, through a connection of its own.
pub struct Compactor {
    connection: Connection,
    /// Before which start nothing is left to do.
    from: Millis,
    /// The state of the segments that this is true of.
    known: i64,
    /// Damage that was met, and passed by: it must not keep later hours from being sealed.
    damaged: Option<SealedError>,
    /// Hours that begin from here on stay rows.
    until: Millis,
    /// How long it has been going on, by a clock that only goes forwards.
    elapsed: Box<dyn Fn() -> Duration + Send>,
    /// Rows that one transaction takes away, and the most that it may.
    step: usize,
    most: usize,
    sealed: Sealed,
    /// How far interactions have been looked at for folding.
    folded: fold::Place,
    finder: Finder,
    names: Names,
}

impl std::fmt::Debug for Compactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compactor")
            .field("until", &self.until)
            .field("sealed", &self.sealed)
            .finish_non_exhaustive()
    }
}

/// A piece of work, packed.
struct Piece {
    /// The state of the segments that it was made of.
    changes: i64,
    /// The block that it takes the place of.
    replaces: Option<i64>,
    blocks: Vec<Packed>,
    first: Millis,
    last: Millis,
    rows: usize,
}

impl Compactor {
    /// For segments that begin before `until`, of which only whole hours are sealed; a transaction takes about `step` rows.
    /// `elapsed` tells how long one holds the database.
    pub fn open(
        store: &Store,
        until: Millis,
        step: usize,
        elapsed: impl Fn() -> Duration + Send + 'static,
    ) -> Result<Self, StoreError> {
        let fail = |source| StoreError::Open { path: store.path().to_owned(), source };
        let connection = open_beside(store.path())?;
        connection
            .execute_batch(
                "pragma synchronous = normal; pragma foreign_keys = off; pragma wal_autocheckpoint = 0",
            )
            .map_err(fail)?;
        let until = hour_of(until);
        let (known, from) = left(&connection).map_err(fail)?;
        let folded = (Millis::MAX, 0);
        let (finder, names) = (Finder::default(), Names::default());
        let (damaged, sealed) = (None, Sealed::default());
        Ok(Self {
            connection,
            from,
            known,
            damaged,
            until,
            elapsed: Box::new(elapsed),
            step,
            most: step,
            sealed,
            folded,
            finder,
            names,
        })
    }

    /// Seals the next piece, or folds the next interactions; false when nothing is left. Damage that was passed by is told
    /// at the end. Blocks.
    pub fn step(&mut self) -> Result<bool, StoreError> {
        let done = self.piece();
        let more = done.map_err(|error| StoreError::sql("seal segments", error.into()))?
            || self.fold().map_err(|error| StoreError::sql("fold interactions", error))?;
        match self.damaged.take_if(|_| !more) {
            Some(damage) => Err(StoreError::sql("seal segments", damage.into())),
            None => Ok(more),
        }
    }

    /// Folds the next interactions; false when nothing is left. As a piece is packed, they are looked at beside the writer.
    fn fold(&mut self) -> rusqlite::Result<bool> {
        let mut tries = 0..TRIES;
        loop {
            let patient = tries.next().is_some();
            let behavior =
                if patient { TransactionBehavior::Deferred } else { TransactionBehavior::Immediate };
            let read = self.connection.transaction_with_behavior(behavior)?;
            let mut begun = (self.elapsed)();
            let (seen, from): (i64, Millis) = read
                .prepare_cached("select count, folded_from from segment_changes")?
                .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            if from < self.folded.0 {
                // Somebody wrote before what was looked at.
                self.folded = (from, 0);
            }
            let candidates = fold::candidates(&read, self.folded, self.until)?;
            let said = fold::said(&read, (&mut self.finder, &mut self.names), &candidates)?;
            let reached = candidates.last().copied();
            let tx = if patient {
                drop(read);
                let tx = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
                begun = (self.elapsed)();
                tx
            } else {
                read
            };
            if left(&tx)?.0 != seen {
                continue;
            }
            fold::remove(&tx, &said)?;
            tx.prepare_cached("update segment_changes set folded_from = max(folded_from, ?1)")?
                .execute([reached.map_or(self.until, |(ended_at, _)| ended_at)])?;
            tx.commit()?;
            self.held(begun, None);
            self.sealed.folded += u64::try_from(said.len()).unwrap_or(0);
            self.sealed.steps += u64::from(reached.is_some());
            self.folded = reached.unwrap_or(self.folded);
            return Ok(reached.is_some());
        }
    }

    /// What was sealed so far.
    pub fn sealed(&self) -> Sealed {
        self.sealed
    }

    /// Copies the write-ahead log back as far as readers allow.
    pub fn checkpoint(&self) -> Result<(), StoreError> {
        checkpoint(&self.connection).map(drop)
    }

    fn piece(&mut self) -> Result<bool, SealedError> {
        for _ in 0..TRIES {
            let read = self.connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
            let (seen, from) = left(&read)?;
            if seen != self.known && self.damaged.is_none() {
                // Somebody wrote meanwhile, perhaps before what was looked at.
                self.from = from;
            }
            self.known = seen;
            let packed = pack(&read, (self.from, self.until), self.step);
            drop(read);
            let piece = match packed {
                Err(damage @ SealedError::Damaged { .. }) => return self.pass_by(damage),
                packed => packed?,
            };
            let Some(piece) = piece else { return self.looked() };
            let tx = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let begun = (self.elapsed)();
            if left(&tx)?.0 == piece.changes {
                write(&tx, &piece)?;
                tx.commit()?;
                self.held(begun, Some(piece.rows));
                self.done(&piece);
                return Ok(true);
            }
        }
        // Whoever changes segments all the time waits once.
        let tx = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let begun = (self.elapsed)();
        if self.damaged.is_none() {
            self.from = left(&tx)?.1;
        }
        let piece = match pack(&tx, (self.from, self.until), self.step) {
            Err(damage @ SealedError::Damaged { .. }) => {
                drop(tx);
                return self.pass_by(damage);
            }
            packed => packed?,
        };
        let Some(piece) = piece else { return Ok(false) };
        write(&tx, &piece)?;
        tx.commit()?;
        self.held(begun, Some(piece.rows));
        self.done(&piece);
        Ok(true)
    }

    /// Remembers that nothing is left before `until`, unless something came meanwhile or was passed by.
    fn looked(&self) -> Result<bool, SealedError> {
        if self.damaged.is_none() {
            self.connection
                .prepare_cached("update segment_changes set from_at = ?1 where count = ?2 and from_at < ?1")?
                .execute(params![self.until, self.known])?;
        }
        Ok(false)
    }

    /// Goes on behind the hour of a damaged block.
    fn pass_by(&mut self, damage: SealedError) -> Result<bool, SealedError> {
        let first = first_row(&self.connection, self.from, self.until)?;
        self.damaged.get_or_insert(damage);
        match first {
            Some(first) => {
                self.from = hour_of(first) + HOUR_MS;
                Ok(true)
            }
            None => self.looked(),
        }
    }

    /// Notes how long the database was held; where others write, too, the next transaction takes as many rows as fit.
    fn held(&mut self, begun: Duration, rows: Option<usize>) {
        let took = (self.elapsed)().saturating_sub(begun);
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.sealed.longest_transaction_ms = self.sealed.longest_transaction_ms.max(took_ms);
        if let Some(rows) = rows.filter(|_| self.most == GENTLE) {
            self.step = next_size(self.step, rows, (took, HOLD), (GENTLE_MIN, GENTLE));
        }
    }

    fn done(&mut self, piece: &Piece) {
        self.from = piece.first;
        // What was written just now changed nothing for what is left.
        self.known = piece.changes + 1;
        self.sealed.rows += u64::try_from(piece.rows).unwrap_or(0);
        self.sealed.steps += 1;
    }
}

/// The state of the segments, and the least start that is left to look at.
fn left(connection: &Connection) -> rusqlite::Result<(i64, Millis)> {
    connection
        .prepare_cached("select count, from_at from segment_changes")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// The start of the first row that can be sealed.
fn first_row(connection: &Connection, from: Millis, until: Millis) -> rusqlite::Result<Option<Millis>> {
    connection
        .prepare_cached(
            "select row_start from segment where row_start >= ?1 and row_start < ?2 and agent_session_key is null
             order by row_start limit 1",
        )?
        .query_row(params![from, until], |row| row.get(0))
        .optional()
}

/// Notes that segments have changed, and from which start on there are new rows.
pub(in crate::store) fn note_change(tx: &Transaction<'_>, rows_from: Option<Millis>) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "update segment_changes
         set count = count + 1, from_at = min(from_at, coalesce(?1, from_at)),
             folded_from = min(folded_from, coalesce(?1, folded_from))",
    )?
    .execute([rows_from])
    .map(drop)
}

/// Packs the first rows that can be sealed, with the block that they belong into.
fn pack(
    connection: &Connection,
    (from, until): (Millis, Millis),
    step: usize,
) -> Result<Option<Piece>, SealedError> {
    let first = first_row(connection, from, until)?;
    let Some(first) = first else { return Ok(None) };
    let hour = hour_of(first);
    let Some((last, rows)) = reach(connection, first, hour + HOUR_MS, step)? else { return Ok(None) };
    // Of blocks that the rows lie between or in, the first one; rows from the next one on come later.
    let meets: Option<(i64, Millis)> = connection
        .prepare_cached(
            "select block_id, last_start from segment_block
             where first_start >= ?3 and first_start <= ?2 and last_start >= ?1 order by first_start limit 1",
        )?
        .query_row(params![first, last, hour], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let before = || -> rusqlite::Result<Option<i64>> {
        connection
            .prepare_cached(
                "select block_id from segment_block
                 where first_start >= ?1 and first_start < ?2 and rows + ?3 <= ?4
                   and not exists (select 1 from segment_block later
                                   where later.first_start > segment_block.first_start and later.first_start < ?2)
                 order by first_start desc limit 1",
            )?
            .query_row(params![hour, first, number(rows), number(BLOCK_ROWS)], |row| row.get(0))
            .optional()
    };
    let (replaces, reaches) = match meets {
        Some((block_id, block_last)) => (Some(block_id), block_last.max(first)),
        None => (before()?, first),
    };
    let next: Option<Millis> = connection
        .prepare_cached("select min(first_start) from segment_block where first_start > ?1")?
        .query_row([reaches], |row| row.get(0))?;
    let last = next.map_or(last, |next| last.min(next - 1));
    let mut all = Rows::new();
    if let Some(block_id) = replaces
        && let Some(head) = head(connection, block_id)?
    {
        all.push_block(&head.open(connection)?)?;
    }
    let rows = push_unsealed(connection, (first, last), &mut all)?;
    let blocks = cut(&all).iter().map(|rows| all.pack(rows)).collect();
    Ok(Some(Piece { changes: left(connection)?.0, replaces, blocks, first, last, rows }))
}

/// The rows of a span that can be sealed, its last instant included.
const UNSEALED: &str = "segment where row_start >= ?1 and row_start <= ?2 and agent_session_key is null";

/// How many rows of a span can be sealed, its last instant included; counted to one above `most`.
pub(super) fn unsealed(
    connection: &Connection,
    (first, last): (Millis, Millis),
    most: i64,
) -> rusqlite::Result<i64> {
    connection
        .prepare_cached(&format!("select count(*) from (select 1 from {UNSEALED} limit ?3 + 1)"))?
        .query_row([first, last, most], |row| row.get(0))
}

/// Adds the rows of a span that can be sealed, its last instant included; returns how many.
pub(super) fn push_unsealed(
    connection: &Connection,
    (first, last): (Millis, Millis),
    all: &mut Rows,
) -> rusqlite::Result<usize> {
    let before = all.count;
    let sql = format!("select {} from {UNSEALED}", COLUMNS.join(", "));
    let mut statement = connection.prepare_cached(&sql)?;
    let mut found = statement.query([first, last])?;
    while let Some(row) = found.next()? {
        all.push_row(row)?;
    }
    Ok(all.count - before)
}

/// Removes what [`push_unsealed`] has added.
pub(super) fn remove_unsealed(tx: &Transaction<'_>, (first, last): (Millis, Millis)) -> rusqlite::Result<()> {
    tx.prepare_cached(&format!("delete from {UNSEALED}"))?.execute([first, last]).map(drop)
}

/// The last instant of what one step takes, and how many rows that are: all that begin in one millisecond stay together.
fn reach(
    connection: &Connection,
    first: Millis,
    end: Millis,
    step: usize,
) -> rusqlite::Result<Option<(Millis, usize)>> {
    let mut statement = connection.prepare_cached(
        "select row_start from segment where row_start >= ?1 and row_start < ?2 and agent_session_key is null
         order by row_start",
    )?;
    let mut found = statement.query(params![first, end])?;
    let (mut last, mut rows) = (None, 0);
    while let Some(row) = found.next()? {
        let start: Millis = row.get(0)?;
        if step <= rows && Some(start) != last {
            break;
        }
        last = Some(start);
        rows += 1;
    }
    Ok(last.map(|last| (last, rows)))
}

fn number(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

/// Rows in order, cut into blocks of about one length where a new millisecond begins.
pub(super) fn cut(rows: &Rows) -> Vec<Vec<usize>> {
    let ordered = rows.ordered();
    let pieces = ordered.len().div_ceil(BLOCK_ROWS).max(1);
    let each = ordered.len().div_ceil(pieces);
    let mut blocks: Vec<Vec<usize>> = Vec::with_capacity(pieces);
    for row in ordered {
        match blocks.last_mut() {
            Some(block)
                if block.len() < each
                    || block.last().is_some_and(|last| rows.start(*last) == rows.start(row)) =>
            {
                block.push(row);
            }
            _ => blocks.push(vec![row]),
        }
    }
    blocks
}

fn write(tx: &Transaction<'_>, piece: &Piece) -> rusqlite::Result<()> {
    if let Some(block_id) = piece.replaces {
        remove(tx, block_id)?;
    }
    for block in &piece.blocks {
        block.write(tx)?;
    }
    remove_unsealed(tx, (piece.first, piece.last))?;
    note_change(tx, None)
}

pub(super) fn remove(tx: &Transaction<'_>, block_id: i64) -> rusqlite::Result<()> {
    tx.prepare_cached("delete from segment_gone where block_id = ?1")?.execute([block_id])?;
    tx.prepare_cached("delete from segment_block_interactions where block_id = ?1")?.execute([block_id])?;
    tx.prepare_cached("delete from segment_block where block_id = ?1")?.execute([block_id])?;
    Ok(())
}

/// Removes the blocks that end before an instant, up to so many; returns the rows that they had.
pub(in crate::store) fn expire(tx: &Transaction<'_>, before: Millis, most: u32) -> rusqlite::Result<usize> {
    let mut statement = tx.prepare_cached(
        "select block_id, rows from segment_block where first_start < ?1 and last_start < ?1
         order by first_start limit ?2",
    )?;
    let old: Vec<(i64, i64)> = statement
        .query_map(params![before, most], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let mut rows = 0;
    for (block_id, count) in &old {
        remove(tx, *block_id)?;
        rows += usize::try_from(*count).unwrap_or(0);
    }
    if !old.is_empty() {
        note_change(tx, None)?;
    }
    Ok(rows)
}
