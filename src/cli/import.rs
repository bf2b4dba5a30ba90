//! `legwork import`: records into the store, while a second thread parses.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, IsTerminal, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use flate2::read::MultiGzDecoder;

use super::Kind;
use super::compact::seal;
use super::context::Context;
use super::exit::{Exit, told};
use super::out::{StatusLine, json, say};
use crate::clock::Stopwatch;
use crate::domain::instant::parse_instant;
use crate::domain::record::{CoverageRecord, Record};
use crate::domain::units::grouped;
use crate::import::{self, BadLine, ImportError, Line};
use crate::store::segments::sealed::compact::QUIET;
use crate::store::segments::write::{SegmentWriter, Tally};

/// How long one transaction should hold the writer: well below the 50 ms after which a daemon would notice.
const HOLD: Duration = Duration::from_millis(20);
/// Lines of a transaction: the first one's, and the bounds of those that follow.
const LINES: (usize, usize, usize) = (500, 50, 8_000);
/// A pause between transactions while a daemon runs: it finds the database free.
const PAUSE: Duration = Duration::from_millis(2);
/// Transactions between two checkpoints.
const CHECKPOINT_EVERY: u64 = 64;
/// Lines that travel together from the parsing thread.
const PACK: usize = 512;
/// New records from which on an import seals closed hours at its end.
const SEALED_FROM: u64 = 100_000;
/// Packs that wait between the threads.
const PACKS: usize = 8;

/// Arguments of `import`.
#[derive(Debug, Args)]
pub(super) struct ImportArguments {
    /// NDJSON or CSV, plain or gzip; `-` for standard input.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The kind of a CSV whose header does not tell.
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    /// Import only if no line is bad.
    #[arg(long)]
    strict: bool,
    /// Declare that the store is whole for this span now: FROM..TO in RFC 3339, TO exclusive.
    #[arg(long, value_name = "FROM..TO")]
    covers: Option<String>,
    /// The source that `--covers` speaks of.
    #[arg(long, requires = "covers")]
    source: Option<String>,
    /// The account that `--covers` speaks of.
    #[arg(long, requires = "covers")]
    account: Option<String>,
    /// Where bad lines go, with file, line and reason; `FILE.rejects` when absent.
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
}

#[derive(Debug, Default, serde::Serialize)]
struct Summary {
    lines: u64,
    bad: u64,
    #[serde(flatten)]
    tally: Tally,
    seconds: f64,
    rows_per_second: u64,
    longest_transaction_ms: u64,
    sealed: u64,
    rejects: Option<PathBuf>,
}

pub(super) fn import(context: &Context, arguments: &ImportArguments) -> anyhow::Result<Exit> {
    let covers = arguments.covers.as_deref().map(|text| coverage(arguments, text)).transpose()?;
    let (config, store) = context.store()?;
    let served = Context::lock_unless_served(&config)?.is_none();
    let mut job = Job {
        writer: SegmentWriter::open(&store)?,
        pause: if served { PAUSE } else { Duration::ZERO },
        arrived: context.now().as_millisecond(),
        summary: Summary::default(),
        watch: Stopwatch::start(),
        line: StatusLine::new(),
        lines: LINES.0,
        transactions: 0,
    };
    for path in &arguments.files {
        job.file(arguments, path)?;
    }
    job.line.clear();
    if let Some(covers) = &covers
        && job.summary.bad == 0
    {
        job.writer.cover(covers)?;
    }
    let Job { writer, mut summary, watch, arrived, .. } = job;
    writer.finish()?;
    // So many are not left to be rows until the daemon finds the time.
    if !served && SEALED_FROM <= summary.tally.added {
        summary.sealed = seal(&store, arrived - QUIET, served)?.rows;
    }
    summary.seconds = watch.elapsed().as_secs_f64();
    summary.rows_per_second = rate(summary.lines, watch.elapsed());
    tell(context, &summary, covers.is_some())
}

fn tell(context: &Context, summary: &Summary, covers: bool) -> anyhow::Result<Exit> {
    if context.json {
        json(summary)?;
    } else {
        let tally = &summary.tally;
        let contradicting = if 0 < tally.contradicting {
            format!(" ({} of one version with other content)", grouped(tally.contradicting))
        } else {
            String::new()
        };
        say!(
            "{} lines in {:.1} s ({}/s): {} new, {} changed{contradicting}, {} there already, {} older than the store",
            grouped(summary.lines),
            summary.seconds,
            grouped(summary.rows_per_second),
            grouped(tally.added),
            grouped(tally.changed),
            grouped(tally.unchanged),
            grouped(tally.older)
        )?;
        if 0 < summary.sealed {
            say!("{} segments of closed hours sealed", grouped(summary.sealed))?;
        }
        if let Some(rejects) = &summary.rejects {
            say!("{} bad lines, each with its reason in {}", grouped(summary.bad), rejects.display())?;
        }
        if covers && 0 < summary.bad {
            say!("the span of --covers is not declared: lines are missing")?;
        }
    }
    Ok(if summary.bad == 0 { Exit::Done } else { Exit::Failed })
}

fn coverage(arguments: &ImportArguments, text: &str) -> anyhow::Result<CoverageRecord> {
    let wrong = |error: String| told(Exit::Wrong, format!("--covers: {error}"));
    let (from, to) = text.split_once("..").ok_or_else(|| wrong("write FROM..TO".to_owned()))?;
    let record = CoverageRecord {
        source: arguments.source.as_deref().map(Into::into),
        account: arguments.account.as_deref().map(Into::into),
        from: parse_instant(from.trim()).map_err(wrong)?,
        to: parse_instant(to.trim()).map_err(wrong)?,
    };
    Record::Coverage(record.clone()).validate().map_err(wrong)?;
    Ok(record)
}

fn rate(lines: u64, elapsed: Duration) -> u64 {
    let ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
    lines.saturating_mul(1_000) / ms
}

struct Job {
    writer: SegmentWriter,
    pause: Duration,
    arrived: i64,
    summary: Summary,
    watch: Stopwatch,
    line: StatusLine,
    /// Lines of the next transaction.
    lines: usize,
    transactions: u64,
}

/// A file that can be read from its beginning twice.
enum Input {
    File(PathBuf),
    /// Standard input, kept on disk for a second reading.
    Spooled(File),
    Stdin,
}

impl Input {
    fn open(&mut self) -> anyhow::Result<Box<dyn BufRead + Send>> {
        let raw: Box<dyn Read + Send> = match self {
            Self::File(path) => {
                Box::new(File::open(&*path).with_context(|| format!("open `{}`", path.display()))?)
            }
            Self::Spooled(file) => {
                file.rewind()?;
                Box::new(file.try_clone()?)
            }
            Self::Stdin => Box::new(std::io::stdin()),
        };
        let mut buffered = BufReader::with_capacity(1 << 20, raw);
        let gzip = buffered.fill_buf()?.starts_with(&[0x1f, 0x8b]);
        Ok(if gzip {
            Box::new(BufReader::with_capacity(1 << 20, MultiGzDecoder::new(buffered)))
        } else {
            Box::new(buffered)
        })
    }
}

impl Job {
    fn file(&mut self, arguments: &ImportArguments, path: &Path) -> anyhow::Result<()> {
        let stdin = path == Path::new("-");
        let name = if stdin { "standard input".to_owned() } else { path.display().to_string() };
        let mut input = match (stdin, arguments.strict) {
            (false, _) => Input::File(path.to_owned()),
            (true, false) => {
                if std::io::stdin().is_terminal() {
                    return Err(told(Exit::Wrong, "standard input is a terminal; pipe records in"));
                }
                Input::Stdin
            }
            (true, true) => {
                let mut spool = tempfile::tempfile().context("make a spool file")?;
                std::io::copy(&mut std::io::stdin().lock(), &mut spool).context("spool standard input")?;
                Input::Spooled(spool)
            }
        };
        let mut rejects = Rejects::new(arguments, path, stdin);
        if arguments.strict {
            let bad = Self::inspect(&mut input, arguments.kind, &name, &mut rejects)?;
            if 0 < bad {
                self.summary.bad += bad;
                self.summary.rejects = rejects.finish()?;
                return Err(told(
                    Exit::Failed,
                    format!(
                        "{name}: {} bad lines, nothing imported; see {}",
                        grouped(bad),
                        rejects.path.display()
                    ),
                ));
            }
        }
        let reader = input.open()?;
        let kind = arguments.kind;
        std::thread::scope(|scope| {
            let (sender, packs) = sync_channel::<Vec<Line>>(PACKS);
            // Records go back to the thread that made them to be dropped there: memory that is given back by another
            // thread than took it makes both wait for each other.
            let (spent, returned) = sync_channel::<Vec<Record>>(PACKS);
            let parsing = scope.spawn(move || parse(reader, kind, &sender, &returned));
            let written = self.write_all(&packs, &spent, &name, &mut rejects);
            drop((packs, spent));
            let parsed = parsing.join().map_err(|_| anyhow::anyhow!("parsing {name} panicked"))?;
            written?;
            parsed.map_err(|error| header_error(error, &name))
        })?;
        if let Some(path) = rejects.finish()? {
            self.summary.rejects = Some(path);
        }
        Ok(())
    }

    /// Reads everything and writes nothing.
    fn inspect(
        input: &mut Input,
        kind: Option<Kind>,
        name: &str,
        rejects: &mut Rejects,
    ) -> anyhow::Result<u64> {
        let mut bad = 0;
        let mut failed = None;
        let mut reader = input.open()?;
        let read = import::read(&mut reader, kind, &mut |line| {
            if let Line::Bad(line) = line {
                bad += 1;
                failed = rejects.add(name, &line).err();
            }
            failed.is_none()
        });
        read.map_err(|error| header_error(error, name))?;
        failed.map_or(Ok(bad), Err)
    }

    fn write_all(
        &mut self,
        packs: &Receiver<Vec<Line>>,
        spent: &SyncSender<Vec<Record>>,
        name: &str,
        rejects: &mut Rejects,
    ) -> anyhow::Result<()> {
        let mut records = Vec::with_capacity(self.lines);
        for pack in packs {
            for line in pack {
                self.summary.lines += 1;
                match line {
                    Line::Good(record, _) => records.push(record),
                    Line::Bad(bad) => {
                        self.summary.bad += 1;
                        rejects.add(name, &bad)?;
                    }
                }
                if self.lines <= records.len() {
                    self.write(&records)?;
                    // Full or gone, the other end does not matter: then they are dropped here.
                    drop(spent.try_send(std::mem::take(&mut records)));
                }
            }
        }
        if records.is_empty() { Ok(()) } else { self.write(&records) }
    }

    /// One transaction; the next one's size follows from how long this one took.
    fn write(&mut self, records: &[Record]) -> anyhow::Result<()> {
        let count = records.len();
        let watch = Stopwatch::start();
        self.transactions += 1;
        self.summary.tally.add(self.writer.write(records, self.arrived)?);
        let took = watch.elapsed();
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.summary.longest_transaction_ms = self.summary.longest_transaction_ms.max(took_ms);
        let (_, least, most) = LINES;
        let fitting = u128::try_from(count).unwrap_or(1) * HOLD.as_micros() / took.as_micros().max(1);
        // Half way each time, so that one slow sync does not make the next transactions tiny.
        let fitting = usize::try_from(fitting).unwrap_or(most);
        self.lines = usize::midpoint(self.lines, fitting).clamp(least, most);
        let rate = rate(self.summary.lines, self.watch.elapsed());
        self.line.show(&format!("{} lines, {}/s", grouped(self.summary.lines), grouped(rate)));
        if self.transactions.is_multiple_of(CHECKPOINT_EVERY) {
            self.writer.checkpoint()?;
        }
        if !self.pause.is_zero() {
            std::thread::sleep(self.pause);
        }
        Ok(())
    }
}

fn header_error(error: ImportError, name: &str) -> anyhow::Error {
    match error {
        ImportError::Header(message) => told(Exit::Wrong, format!("{name}: {message}")),
        ImportError::Read(source) => anyhow::Error::new(source).context(format!("read {name}")),
    }
}

fn parse(
    mut reader: Box<dyn BufRead + Send>,
    kind: Option<Kind>,
    packs: &SyncSender<Vec<Line>>,
    returned: &Receiver<Vec<Record>>,
) -> Result<(), ImportError> {
    let mut pack = Vec::with_capacity(PACK);
    import::read(&mut reader, kind, &mut |line| {
        pack.push(line);
        if pack.len() == PACK {
            returned.try_iter().for_each(drop);
        }
        pack.len() < PACK || packs.send(std::mem::replace(&mut pack, Vec::with_capacity(PACK))).is_ok()
    })?;
    if !pack.is_empty() {
        // The other side ends early only after an error of its own, which is told there.
        packs.send(pack).unwrap_or_default();
    }
    Ok(())
}

/// The file of bad lines; made with the first of them.
struct Rejects {
    path: PathBuf,
    file: Option<BufWriter<File>>,
}

impl Rejects {
    fn new(arguments: &ImportArguments, input: &Path, stdin: bool) -> Self {
        let beside = if stdin {
            PathBuf::from("import.rejects")
        } else {
            PathBuf::from(format!("{}.rejects", input.display()))
        };
        Self { path: arguments.rejects.clone().unwrap_or(beside), file: None }
    }

    fn add(&mut self, name: &str, bad: &BadLine) -> anyhow::Result<()> {
        let file = if let Some(file) = &mut self.file {
            file
        } else {
            let file =
                File::create(&self.path).with_context(|| format!("create `{}`", self.path.display()))?;
            self.file.insert(BufWriter::new(file))
        };
        let row =
            serde_json::json!({ "file": name, "line": bad.line, "reason": bad.reason, "text": bad.text });
        writeln!(file, "{row}")?;
        Ok(())
    }

    fn finish(&mut self) -> anyhow::Result<Option<PathBuf>> {
        match self.file.take() {
            Some(mut file) => {
                file.flush()?;
                Ok(Some(self.path.clone()))
            }
            None => Ok(None),
        }
    }
}
