//! A run's file: segments → columns → text → file, in threads of their own with short queues between them.
//!
//! One steps through the store, one makes the text, one packs, digests and writes it; metrics are counted by one more.
//! Memory holds a few batches, however long the report is, and the groups of metrics that something can still come for.

use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use jiff::Timestamp;
use rusqlite::Connection;

use super::progress::Progress;
use super::watching::{Sights, Watching};
use crate::artifacts::behind::{Behind, PIECE};
use crate::artifacts::disk::BLOCK;
use crate::artifacts::encode::{FileSpec, ReportWriter, Witness, Written};
use crate::artifacts::pack::Packed;
use crate::artifacts::{ArtifactError, Finished, PartFile};
use crate::domain::batch::{Batch, Field};
use crate::domain::definition::Definition;
use crate::domain::output::{Compress, Format};
use crate::domain::period::Period;
use crate::domain::report::{Reads, SegmentRows, SegmentSort};
use crate::domain::source::STORE;
use crate::domain::table;
use crate::reports::messaging_agent_segments::{Document, Flat};
use crate::reports::metrics;
use crate::sources::SourceError;
use crate::store::segments::read::{self, ReadCounts, ReadError, SegmentQuery};
use crate::store::segments::sessions::{self, SessionQuery};

/// Batches between two threads.
const QUEUED_BATCHES: usize = 6;

/// Why a file could not be made.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// The segments could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The rows could not be written.
    #[error("write the report")]
    Write(#[source] io::Error),
    /// The file could not be begun or ended.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The vendor gave no answer that can be believed.
    #[error(transparent)]
    Source(SourceError),
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
    /// What was seen of the rows on their way.
    pub seen: Sights,
}

/// What a file is made for.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// The definition.
    pub definition: &'a Definition,
    /// The period of data.
    pub period: Period,
    /// The nominal instant.
    pub nominal: Timestamp,
    /// The file.
    pub target: &'a Path,
}

/// Makes the file of a definition for a period. Blocks.
pub fn generate(
    connection: Connection,
    order: Order<'_>,
    progress: &Progress,
) -> Result<Generated, GenerateError> {
    let out = begin(&order, progress)?;
    // Text that is packed does not go to the disk as it is.
    let piece = if order.definition.output.compress == Compress::None { BLOCK } else { PIECE };
    let (Written { out, rows, clamped }, counts, seen) = write_to(connection, order, progress, (out, piece))?;
    Ok(Generated { file: end(out)?, rows, clamped, counts, seen })
}

/// Writes the report of a definition for a period to wherever it is wanted, in pieces of a size, unpacked. The order's
/// target is only the place beside which files for some recipients stand, and where a format puts something aside. Blocks.
pub fn write_to<W: Write + Send>(
    connection: Connection,
    order: Order<'_>,
    progress: &Progress,
    (out, piece): (W, usize),
) -> Result<Wrote<W>, GenerateError> {
    let (report, output) = (&order.definition.report, &order.definition.output);
    let columns = (report.kind.pick)(report, output.format);
    let fields = table::fields(&columns, report);
    let scratch = order.target.parent().unwrap_or(order.target);
    let file =
        FileSpec { columns: &columns, report, output, period: order.period, nominal: order.nominal, scratch };
    connection.set_prepared_statement_cache_capacity(32);
    let made = match report.kind.reads {
        Reads::Segments(rows) => {
            let query = segment_query(&order, rows, &fields);
            stream((out, piece), file, &order, progress, move |sink| read::read(&connection, &query, sink))
        }
        Reads::Sessions => {
            let query = SessionQuery {
                start_ms: order.period.start.as_millisecond(),
                end_ms: order.period.end.as_millisecond(),
                in_progress_until: report.in_progress.then(|| order.nominal.as_millisecond()),
                rollup: report.rollup,
                filters: &report.filters,
                fields: &fields,
            };
            stream((out, piece), file, &order, progress, move |sink| {
                sessions::read(&connection, &query, sink)
            })
        }
        Reads::Vendor(_) => {
            let words = format!("only its vendor makes {}", report.kind.name);
            return Err(GenerateError::Source(SourceError::Lasting(words)));
        }
        Reads::Metrics(rows) => {
            let query =
                SegmentQuery { sort: SegmentSort::Any, ..segment_query(&order, rows, &metrics::FIELDS) };
            let choice = &report.metrics;
            if output.format == Format::Json {
                let written = document(out, (&connection, &query), &order, progress);
                written.map(|(written, counts)| (written, counts, Sights::default()))
            } else {
                let mut flat = Flat::begin(order.period, choice, &fields);
                stream((out, piece), file, &order, progress, move |sink| {
                    let read =
                        move |sink: &mut dyn FnMut(Batch) -> bool| read::read(&connection, &query, sink);
                    let counts = beside(read, progress, |batch| flat.count(batch, sink))?;
                    flat.finish(sink);
                    Ok(counts)
                })
            }
        }
    };
    // Asked for a stop, whatever went wrong is its consequence.
    if progress.stop.load(Ordering::Relaxed) {
        return Err(GenerateError::Stopped);
    }
    made
}

/// Begins an order's file, packed as its job says.
pub(super) fn begin<'a>(order: &Order<'_>, progress: &'a Progress) -> Result<Out<'a>, GenerateError> {
    let part = PartFile::create(order.target)?;
    begin_file(part, order.definition.output.compress, order.nominal, progress)
}

/// Begins to write into a file.
pub(super) fn begin_file(
    part: PartFile,
    compress: Compress,
    nominal: Timestamp,
    progress: &Progress,
) -> Result<Out<'_>, GenerateError> {
    let name = part.target().file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    // Inside an archive the file has its own name.
    let inner = name.strip_suffix(compress.suffix()).unwrap_or(&name);
    let part = Stoppable { out: part, stop: &progress.stop };
    Packed::begin(part, compress, inner, nominal).map_err(GenerateError::Write)
}

/// Ends it: synced, and under its name.
pub(super) fn end(out: Out<'_>) -> Result<Finished, GenerateError> {
    let part = out.finish().map_err(GenerateError::Write)?;
    Ok(part.out.finish()?)
}

/// A file that takes no more once a stop was asked for, whoever writes into it.
#[derive(Debug)]
pub(super) struct Stoppable<'a> {
    out: PartFile,
    stop: &'a AtomicBool,
}

impl Write for Stoppable<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(io::Error::other("stopped"));
        }
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

pub(super) type Out<'a> = Packed<Stoppable<'a>>;

fn segment_query<'a>(order: &Order<'a>, rows: SegmentRows, fields: &'a [Field]) -> SegmentQuery<'a> {
    let report = &order.definition.report;
    SegmentQuery {
        start_ms: order.period.start.as_millisecond(),
        end_ms: order.period.end.as_millisecond(),
        rows,
        rows_by: report.rows_by,
        in_progress: report.in_progress,
        filters: &report.filters,
        source: Some(report.source.as_str()).filter(|source| *source != STORE),
        fields,
        sort: report.sort,
        limit: report.limit,
        offset: report.offset,
    }
}

/// What was written, what the reading counted, and what was seen on the way.
pub type Wrote<W> = (Written<W>, ReadCounts, Sights);

/// One thread reads, this one makes the text, one writes it.
fn stream<'a, W: Write + Send + 'a>(
    (out, piece): (W, usize),
    file: FileSpec<'a>,
    order: &Order<'a>,
    progress: &'a Progress,
    read: impl FnOnce(&mut dyn FnMut(Batch) -> bool) -> Result<ReadCounts, ReadError> + Send,
) -> Result<Wrote<W>, GenerateError> {
    let mut watching = Watching::new(order, file, progress);
    let (written, counts) = std::thread::scope(|scope| {
        let (sender, batches) = sync_channel::<Batch>(QUEUED_BATCHES);
        let (behind, writing) = Behind::begin(scope, out, piece);
        let reader = scope.spawn(move || read(&mut handing(sender, progress)));
        let encoded = encode(behind, file, batches, &mut watching.witnesses(), progress, || {
            Ok(reader.join().map_err(|_| GenerateError::Panicked)??)
        });
        // What went wrong with the file itself is why nothing more could be written to it.
        let out = writing.join().map_err(|_| GenerateError::Panicked)?.map_err(GenerateError::Write);
        match (encoded, out) {
            (Err(GenerateError::Write(_)), Err(of_file)) => Err(of_file),
            (Err(error), _) | (Ok(_), Err(error)) => Err(error),
            (Ok((Written { rows, clamped, .. }, counts)), Ok(out)) => {
                Ok((Written { out, rows, clamped }, counts))
            }
        }
    })?;
    Ok((written, counts, watching.finish()?))
}

/// Hands batches on until nobody takes them or a stop is asked for.
fn handing(batches: SyncSender<Batch>, progress: &Progress) -> impl FnMut(Batch) -> bool {
    move |batch| !progress.stop.load(Ordering::Relaxed) && batches.send(batch).is_ok()
}

/// Reads in a thread of its own, and hands the batches to `sink` here until that says no.
fn beside(
    read: impl FnOnce(&mut dyn FnMut(Batch) -> bool) -> Result<ReadCounts, ReadError> + Send,
    progress: &Progress,
    mut sink: impl FnMut(Batch) -> bool,
) -> Result<ReadCounts, ReadError> {
    std::thread::scope(|scope| {
        let (sender, batches) = sync_channel::<Batch>(QUEUED_BATCHES);
        let reader = scope.spawn(move || read(&mut handing(sender, progress)));
        for batch in batches {
            if !sink(batch) {
                break;
            }
        }
        reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Batches → text. The file is let go at the end, so that its thread ends.
fn encode(
    out: Behind,
    file: FileSpec<'_>,
    batches: Receiver<Batch>,
    witnesses: &mut [&mut (dyn Witness + '_)],
    progress: &Progress,
    read: impl FnOnce() -> Result<ReadCounts, GenerateError>,
) -> Result<(Written<()>, ReadCounts), GenerateError> {
    let mut writer = ReportWriter::begin(out, file).map_err(GenerateError::Write)?;
    for mut batch in batches {
        writer.write(&mut batch, witnesses).map_err(GenerateError::Write)?;
        progress.rows.fetch_add(u64::try_from(batch.rows).unwrap_or(0), Ordering::Relaxed);
    }
    let counts = read()?;
    let Written { mut out, rows, clamped } = writer.finish(counts.fit).map_err(GenerateError::Write)?;
    out.flush().map_err(GenerateError::Write)?;
    Ok((Written { out: (), rows, clamped }, counts))
}

/// The documented JSON of metrics.
fn document<W: Write>(
    out: W,
    (connection, query): (&Connection, &SegmentQuery<'_>),
    order: &Order<'_>,
    progress: &Progress,
) -> Result<(Written<W>, ReadCounts), GenerateError> {
    let choice = &order.definition.report.metrics;
    let mut document =
        Document::begin(io::BufWriter::new(out), order.period, choice).map_err(GenerateError::Write)?;
    let mut written = Ok(());
    let counts = read::read(connection, query, &mut |batch| {
        written = document.count(batch);
        progress.rows.store(document.rows(), Ordering::Relaxed);
        written.is_ok() && !progress.stop.load(Ordering::Relaxed)
    })?;
    let (out, rows) = written.and_then(|()| document.finish()).map_err(GenerateError::Write)?;
    let out = out.into_inner().map_err(|error| GenerateError::Write(error.into_error()))?;
    Ok((Written { out, rows, clamped: 0 }, counts))
}
