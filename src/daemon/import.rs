//! Records out of a text into the segment store: it is parsed while what was parsed before is written.
//!
//! Where a daemon works beside it, transactions are short, with a pause between them: it finds the database free. Else they
//! are large, and segments of closed hours go straight into blocks.

use std::io::{BufRead, BufReader, Read};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use flate2::read::MultiGzDecoder;
use jiff::Timestamp;

use crate::clock::Stopwatch;
use crate::domain::pace::next_size;
use crate::domain::record::CoverageRecord;
use crate::domain::record::gathered::Gathered;
use crate::import::{self, BadLine, CsvKind, ImportError, Pack};
use crate::store::checkpoint::Checkpointer;
use crate::store::segments::sealed::compact::QUIET;
use crate::store::segments::write::{SegmentWriter, Tally};
use crate::store::{Store, StoreError};

/// How long one transaction should hold the writer: well below the 50 ms after which a daemon would notice.
const HOLD: Duration = Duration::from_millis(20);
/// Records of a transaction of rows: the first one's, and the bounds of those that follow.
const ROWS: (usize, usize, usize) = (500, 50, 8_000);
/// Records that are gathered where somebody waits.
const GATHERED: usize = 8_000;
/// Records of a transaction where nobody waits: the first one's, for which all else waits, and how many they become. Their
/// segments go straight into blocks: the more, the fewer hours begin in one and are packed again for the next.
const SEALED: (usize, usize) = (16_384, 131_072);
/// Fewer of them become rows, and compaction seals them with what else comes: their blocks would be small.
const SEALED_MIN: usize = 4_096;
/// A longer one is made shorter the next time: a daemon that is started beside it would not wait for ever. They grow while
/// they take less than a quarter of it.
const SEALED_HOLD: Duration = Duration::from_secs(2);
/// A pause between transactions while a daemon runs.
const PAUSE: Duration = Duration::from_millis(2);
/// Transactions of rows between two checkpoints, each of which waits for the disk.
const CHECKPOINT_EVERY: u64 = 64;
/// The same of large ones, beside which the log is copied back.
const CHECKPOINT_EVERY_LARGE: u64 = 2;
/// A log of more pages (8 KiB each) is copied back while nothing is written: it begins anew then, unless somebody reads it.
const LOG_PAGES_MAX: i64 = 32_768;
/// Packs that wait between the threads: one, so that the next one is read meanwhile.
const PACKS: usize = 1;
/// What is read at once.
const BUFFER: usize = 256 << 10;

/// Why an import ended early; what was written before stays.
#[derive(Debug, thiserror::Error)]
pub enum ImportFailure {
    /// The text cannot be read, or its header fits no kind.
    #[error(transparent)]
    Text(#[from] ImportError),
    /// The store does not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A bad line could not be kept.
    #[error("keep a bad line")]
    Rejects(#[source] std::io::Error),
    /// A text of nothing would declare a span whole: it is rather an export that failed.
    #[error("is empty: nothing is declared whole. A CSV of its header alone says that there was nothing")]
    Nothing,
    /// A thread is gone.
    #[error("reading the records panicked")]
    Panicked,
}

/// Whoever hears how an import goes.
pub trait Heard {
    /// A line that is no record.
    fn bad(&mut self, line: &BadLine) -> std::io::Result<()>;
    /// So many lines have been read, and their records written.
    fn lines(&mut self, lines: u64);
}

/// What came of an import.
#[derive(Debug, Clone, Copy, Default, serde::Serialize)]
pub struct Imported {
    /// Lines that were read.
    pub lines: u64,
    /// Of them, those that are no records.
    pub bad: u64,
    /// What became of the others.
    #[serde(flatten)]
    pub tally: Tally,
    /// The longest time that the database was held.
    pub longest_transaction_ms: u64,
}

/// The text of an input that may be gzip.
pub fn text(raw: impl Read + Send + 'static) -> std::io::Result<Box<dyn BufRead + Send>> {
    let mut buffered = BufReader::with_capacity(BUFFER, raw);
    let gzip = buffered.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    Ok(if gzip {
        Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(buffered)))
    } else {
        Box::new(buffered)
    })
}

/// That a text by which a span is declared whole is there at all.
pub fn not_empty(text: &mut dyn BufRead) -> Result<(), ImportFailure> {
    let first = text.fill_buf().map_err(ImportError::Read)?;
    if first.is_empty() { Err(ImportFailure::Nothing) } else { Ok(()) }
}

/// Reads everything and writes nothing; returns how many lines are bad.
pub fn inspect(
    mut text: Box<dyn BufRead + Send>,
    kind: Option<CsvKind>,
    heard: &mut dyn Heard,
) -> Result<u64, ImportFailure> {
    let (mut bad, mut kept) = (0, Ok(()));
    import::read(&mut text, kind, Pack::of(GATHERED), &mut |mut pack| {
        bad += u64::try_from(pack.bad.len()).unwrap_or(0);
        kept = pack.bad.iter().try_for_each(|line| heard.bad(line));
        pack.clear();
        kept.is_ok().then_some(pack)
    })?;
    kept.map_err(ImportFailure::Rejects)?;
    Ok(bad)
}

/// An import of one or more texts.
#[derive(Debug)]
pub struct Import {
    /// Ends before the writer does.
    checkpointer: Checkpointer,
    writer: SegmentWriter,
    /// Where a daemon works beside it, pauses; else closed hours are sealed at once.
    served: bool,
    arrived: i64,
    imported: Imported,
    /// Records that are gathered before they are written.
    gather: usize,
    /// Records of the next transaction of rows.
    rows: usize,
    transactions: u64,
    /// Of them, those that went by column.
    large: u64,
}

impl Import {
    /// Begins one; `served` when a daemon works beside it.
    pub fn begin(store: &Store, now: Timestamp, served: bool) -> Result<Self, StoreError> {
        Ok(Self {
            checkpointer: Checkpointer::of(store),
            writer: SegmentWriter::open(store)?,
            served,
            arrived: now.as_millisecond(),
            imported: Imported::default(),
            gather: if served { GATHERED } else { SEALED.0 },
            rows: ROWS.0,
            transactions: 0,
            large: 0,
        })
    }

    /// Writes the records of a text. Blocks.
    pub fn take(
        &mut self,
        text: Box<dyn BufRead + Send>,
        kind: Option<CsvKind>,
        heard: &mut dyn Heard,
    ) -> Result<(), ImportFailure> {
        let most = AtomicUsize::new(self.gather);
        std::thread::scope(|scope| {
            let (sender, packs) = sync_channel::<Pack>(PACKS);
            // Packs go back to those who filled them, two at once: their memory is used again.
            let (spent, returned) = sync_channel::<Pack>(PACKS + 2);
            let most = &most;
            let parsing = scope.spawn(move || parse((text, kind), most, &sender, &returned));
            let written = self.write_all(&packs, (&spent, most), heard);
            drop((packs, spent));
            let parsed = parsing.join().map_err(|_| ImportFailure::Panicked)?;
            written?;
            Ok(parsed?)
        })
    }

    /// Declares a span as whole, unless lines are missing.
    pub fn cover(&mut self, covered: &CoverageRecord) -> Result<(), StoreError> {
        if self.imported.bad == 0 { self.writer.cover(covered) } else { Ok(()) }
    }

    /// Ends it: from here on it outlasts a power cut.
    pub fn finish(mut self) -> Result<Imported, StoreError> {
        let copied = self.checkpointer.end();
        drop(self.checkpointer);
        self.writer.finish()?;
        copied?;
        Ok(self.imported)
    }

    fn write_all(
        &mut self,
        packs: &Receiver<Pack>,
        (spent, most): (&SyncSender<Pack>, &AtomicUsize),
        heard: &mut dyn Heard,
    ) -> Result<(), ImportFailure> {
        for mut pack in packs {
            self.imported.lines += pack.lines;
            for bad in &pack.bad {
                self.imported.bad += 1;
                heard.bad(bad).map_err(ImportFailure::Rejects)?;
            }
            if !pack.records.is_empty() {
                self.write(&mut pack.records)?;
                most.store(self.gather, Ordering::Relaxed);
            }
            heard.lines(self.imported.lines);
            // Full or gone, the other end does not matter: then it is dropped here.
            drop(spent.try_send(pack));
        }
        Ok(())
    }

    /// Records on their way into the store. Where nobody waits, all of them are one transaction; else there are as many as
    /// it takes for each to be short.
    fn write(&mut self, records: &mut Gathered) -> Result<(), StoreError> {
        if self.served || records.len() < SEALED_MIN {
            return self.write_rows(std::mem::take(records));
        }
        let watch = Stopwatch::start();
        let until = self.arrived - QUIET;
        match self.writer.write_sealed(records, self.arrived, until) {
            Ok(tally) => self.wrote(tally, watch.elapsed()),
            // What cannot be put into a damaged block is a row, until that is mended.
            Err(error) if error.is_damage() => return self.write_rows(std::mem::take(records)),
            Err(error) => return Err(error),
        }
        self.keep_pace(records.len(), watch.elapsed());
        self.large += 1;
        if self.large.is_multiple_of(CHECKPOINT_EVERY_LARGE) {
            if LOG_PAGES_MAX < self.checkpointer.end()? {
                self.writer.checkpoint()?;
            } else {
                self.checkpointer.begin()?;
            }
        }
        Ok(())
    }

    /// How large the next packs are, by how long a large transaction of so many records took.
    fn keep_pace(&mut self, records: usize, took: Duration) {
        // The first one takes up what is in the store, too.
        if SEALED_HOLD < took && 0 < self.large {
            // A daemon may have been started meanwhile, and waits. The next pack may be on its way already: what counts is
            // how large this one was. Some lines of a pack may be none: what is left must still be enough.
            self.gather = self.gather.min((records / 2).max(2 * SEALED_MIN));
        } else if took < SEALED_HOLD / 4 {
            self.gather = SEALED.1.min(self.gather * 2);
        }
    }

    /// Transactions of rows; the next one's size follows from how long the last one took.
    fn write_rows(&mut self, records: Gathered) -> Result<(), StoreError> {
        let mut left = records.len();
        let mut records = records.into_records();
        while 0 < left {
            let now = left.min(self.rows);
            left -= now;
            let watch = Stopwatch::start();
            let tally = self.writer.write(records.by_ref().take(now), self.arrived)?;
            let took = watch.elapsed();
            self.wrote(tally, took);
            let (_, least, most) = ROWS;
            self.rows = next_size(self.rows, now, (took, HOLD), (least, most));
            if self.transactions.is_multiple_of(CHECKPOINT_EVERY) {
                self.writer.checkpoint()?;
            }
            if self.served {
                std::thread::sleep(PAUSE);
            }
        }
        Ok(())
    }

    fn wrote(&mut self, tally: Tally, took: Duration) {
        self.transactions += 1;
        self.imported.tally.add(tally);
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.imported.longest_transaction_ms = self.imported.longest_transaction_ms.max(took_ms);
    }
}

fn parse(
    (mut text, kind): (Box<dyn BufRead + Send>, Option<CsvKind>),
    most: &AtomicUsize,
    packs: &SyncSender<Pack>,
    returned: &Receiver<Pack>,
) -> Result<(), ImportError> {
    let next_size = || most.load(Ordering::Relaxed);
    import::read(&mut text, kind, Pack::of(next_size()), &mut |pack| {
        // The other side ends early only after an error of its own, which is told there.
        packs.send(pack).ok()?;
        let mut next = returned.try_recv().unwrap_or_default();
        next.clear();
        next.most = next_size();
        Some(next)
    })
}
