//! A run's file: segments → columns → text, in two threads with a short queue between them.
//!
//! One thread steps through the store, the other encodes and writes. Memory holds a few batches, however long the
//! report is.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;

use rusqlite::Connection;

use crate::artifacts::csv::CsvEncoder;
use crate::artifacts::{ArtifactError, Finished, PartFile};
use crate::domain::definition::Definition;
use crate::domain::period::Period;
use crate::domain::segment::SegmentBatch;
use crate::reports;
use crate::store::segments::read::{ReadCounts, SegmentQuery, read};

/// Batches between the two threads.
const QUEUED_BATCHES: usize = 2;

/// Why a file could not be made.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// The segments could not be read.
    #[error("read the segments")]
    Read(#[source] rusqlite::Error),
    /// The rows could not be written.
    #[error("write the report")]
    Write(#[source] io::Error),
    /// The file could not be begun or ended.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// A stop was asked for.
    #[error("stopped before the file was whole")]
    Stopped,
    /// A thread ended without a word.
    #[error("the reading thread panicked")]
    Panicked,
}

/// A file and what was counted while it was made.
#[derive(Debug)]
pub struct Generated {
    /// The file.
    pub file: Finished,
    /// Its rows, the header not counted.
    pub rows: u64,
    /// Durations that came out negative.
    pub clamped: u64,
    /// What the reading counted.
    pub counts: ReadCounts,
}

/// How far a generation is, and how it is stopped.
#[derive(Debug, Default)]
pub struct Progress {
    /// Rows written so far.
    pub rows: AtomicU64,
    /// Set to end early; the file then vanishes.
    pub stop: AtomicBool,
}

/// Makes the file of a definition for a period. Blocks.
pub fn generate(
    connection: Connection,
    definition: &Definition,
    period: Period,
    target: &Path,
    progress: &Progress,
) -> Result<Generated, GenerateError> {
    let columns = reports::columns(definition.report.kind);
    let part = PartFile::create(target)?;
    let mut encoder = CsvEncoder::begin(part, columns, &definition.report, &definition.output.csv)
        .map_err(GenerateError::Write)?;
    let query = SegmentQuery {
        start_ms: period.start.as_millisecond(),
        end_ms: period.end.as_millisecond(),
        rows_by: definition.report.rows_by,
        filters: &definition.report.filters,
    };
    let counts = std::thread::scope(|scope| {
        let (sender, batches) = sync_channel::<SegmentBatch>(QUEUED_BATCHES);
        let reader = scope.spawn(move || {
            connection.set_prepared_statement_cache_capacity(16);
            read(&connection, &query, &mut |batch| {
                !progress.stop.load(Ordering::Relaxed) && sender.send(batch).is_ok()
            })
        });
        for mut batch in batches {
            encoder.write(&mut batch).map_err(GenerateError::Write)?;
            progress.rows.fetch_add(u64::try_from(batch.rows).unwrap_or(0), Ordering::Relaxed);
        }
        reader.join().map_err(|_| GenerateError::Panicked)?.map_err(GenerateError::Read)
    })?;
    if progress.stop.load(Ordering::Relaxed) {
        return Err(GenerateError::Stopped);
    }
    let (rows, clamped, part) = encoder.finish().map_err(GenerateError::Write)?;
    Ok(Generated { file: part.finish()?, rows, clamped, counts })
}
