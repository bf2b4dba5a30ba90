//! `legwork import`: records of files into the store.

use std::fs::File;
use std::io::{BufRead, BufWriter, IsTerminal, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;

use super::Kind;
use super::compact::seal;
use super::context::Context;
use super::exit::{Exit, told};
use super::out::{StatusLine, json, say};
use crate::clock::Stopwatch;
use crate::daemon::import::{Heard, Import, ImportFailure, Imported, inspect, not_empty, text};
use crate::domain::record::CoverageRecord;
use crate::domain::units::grouped;
use crate::import::{BadLine, ImportError};
use crate::store::segments::sealed::compact::QUIET;

/// New records from which on an import seals closed hours at its end.
const SEALED_FROM: u64 = 100_000;

/// Arguments of `import`.
#[derive(Debug, Args)]
pub(super) struct ImportArguments {
    /// NDJSON or CSV, plain or gzip; `-` for standard input.
    #[arg(required = true)]
    pub(super) files: Vec<PathBuf>,
    /// The kind of a CSV whose header does not tell.
    #[arg(long, value_enum)]
    pub(super) kind: Option<Kind>,
    /// Import only if no line is bad.
    #[arg(long)]
    pub(super) strict: bool,
    /// Declare that the store is whole for this span now: FROM..TO in RFC 3339, TO exclusive.
    #[arg(long, value_name = "FROM..TO")]
    pub(super) covers: Option<String>,
    /// The source that `--covers` speaks of.
    #[arg(long, requires = "covers")]
    pub(super) source: Option<String>,
    /// The account that `--covers` speaks of.
    #[arg(long, requires = "covers")]
    pub(super) account: Option<String>,
    /// Where bad lines go, with file, line and reason; `FILE.rejects` when absent.
    #[arg(long, value_name = "FILE")]
    pub(super) rejects: Option<PathBuf>,
}

#[derive(Debug, Default, serde::Serialize)]
struct Summary {
    #[serde(flatten)]
    imported: Imported,
    seconds: f64,
    rows_per_second: u64,
    sealed: u64,
    rejects: Option<PathBuf>,
}

pub(super) fn import(context: &Context, arguments: &ImportArguments) -> anyhow::Result<Exit> {
    let (source, account) = (arguments.source.as_deref(), arguments.account.as_deref());
    let covers = arguments.covers.as_deref().map(|text| CoverageRecord::of_span(text, source, account));
    let covers = covers.transpose().map_err(|error| told(Exit::Wrong, format!("--covers: {error}")))?;
    let (config, store) = context.store()?;
    let served = Context::lock_unless_served(&config)?.is_none();
    let (now, watch) = (context.now(), Stopwatch::start());
    let mut import = Import::begin(&store, now, served)?;
    let mut summary = Summary::default();
    for path in &arguments.files {
        if let Some(rejects) = file(&mut import, arguments, path, &watch)? {
            summary.rejects = Some(rejects);
        }
    }
    if let Some(covers) = &covers {
        import.cover(covers)?;
    }
    summary.imported = import.finish()?;
    // So many are not left to be rows until the daemon finds the time.
    if !served && SEALED_FROM <= summary.imported.tally.added {
        summary.sealed = seal(&store, now.as_millisecond() - QUIET, served)?.rows;
    }
    summary.seconds = watch.elapsed().as_secs_f64();
    summary.rows_per_second = rate(summary.imported.lines, watch.elapsed());
    tell(context, &summary, arguments.covers.as_deref())
}

/// Imports a file; returns where its bad lines are.
fn file(
    import: &mut Import,
    arguments: &ImportArguments,
    path: &Path,
    watch: &Stopwatch,
) -> anyhow::Result<Option<PathBuf>> {
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
    let mut rejects = Rejects::new(arguments, path, &name, watch);
    if arguments.strict {
        let bad =
            inspect(input.open()?, arguments.kind, &mut rejects).map_err(|error| named(error, &name))?;
        if 0 < bad {
            rejects.finish()?;
            let (bad, path) = (grouped(bad), rejects.path.display());
            return Err(told(Exit::Wrong, format!("{name}: {bad} bad lines, nothing imported; see {path}")));
        }
    }
    let mut text = input.open()?;
    if arguments.covers.is_some() {
        not_empty(&mut text).map_err(|error| named(error, &name))?;
    }
    let taken = import.take(text, arguments.kind, &mut rejects);
    let rejected = rejects.finish()?;
    taken.map_err(|error| named(error, &name))?;
    Ok(rejected)
}

/// A failure with the name of the file.
fn named(failure: ImportFailure, name: &str) -> anyhow::Error {
    match failure {
        ImportFailure::Text(ImportError::Unusable(message)) => {
            told(Exit::Wrong, format!("{name}: {message}"))
        }
        ImportFailure::Text(ImportError::Read(source)) => {
            anyhow::Error::new(source).context(format!("read {name}"))
        }
        ImportFailure::Nothing => told(Exit::Wrong, format!("{name} {failure}")),
        ImportFailure::Store(_) | ImportFailure::Rejects(_) | ImportFailure::Panicked => {
            anyhow::Error::new(failure)
        }
    }
}

fn tell(context: &Context, summary: &Summary, covers: Option<&str>) -> anyhow::Result<Exit> {
    if context.json {
        json(summary)?;
    } else {
        let tally = &summary.imported.tally;
        let contradicting = if 0 < tally.contradicting {
            format!(" ({} of one version with other content)", grouped(tally.contradicting))
        } else {
            String::new()
        };
        say!(
            "{} lines in {:.1} s ({}/s): {} new, {} changed{contradicting}, {} there already, {} older than the store",
            grouped(summary.imported.lines),
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
            say!(
                "{} bad lines, each with its reason in {}",
                grouped(summary.imported.bad),
                rejects.display()
            )?;
        }
        match covers {
            Some(_) if 0 < summary.imported.bad => {
                say!("the span of --covers is not declared: lines are missing")?;
            }
            Some(covers) => say!("declared whole: {covers}")?,
            None => {}
        }
    }
    Ok(if summary.imported.bad == 0 { Exit::Done } else { Exit::Failed })
}

fn rate(lines: u64, elapsed: Duration) -> u64 {
    let ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
    lines.saturating_mul(1_000) / ms
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
        Ok(match self {
            Self::File(path) => {
                text(File::open(&*path).with_context(|| format!("open `{}`", path.display()))?)?
            }
            Self::Spooled(file) => {
                file.rewind()?;
                text(file.try_clone()?)?
            }
            Self::Stdin => text(std::io::stdin())?,
        })
    }
}

/// The file of bad lines, made with the first of them; and how far the import is, on the last line of the terminal.
struct Rejects<'a> {
    name: &'a str,
    path: PathBuf,
    file: Option<BufWriter<File>>,
    watch: &'a Stopwatch,
    line: StatusLine,
}

impl<'a> Rejects<'a> {
    fn new(arguments: &ImportArguments, input: &Path, name: &'a str, watch: &'a Stopwatch) -> Self {
        let beside = if input == Path::new("-") {
            PathBuf::from("import.rejects")
        } else {
            PathBuf::from(format!("{}.rejects", input.display()))
        };
        let path = arguments.rejects.clone().unwrap_or(beside);
        Self { name, path, file: None, watch, line: StatusLine::new() }
    }

    fn finish(&mut self) -> anyhow::Result<Option<PathBuf>> {
        self.line.clear();
        match self.file.take() {
            Some(mut file) => {
                file.flush()?;
                Ok(Some(self.path.clone()))
            }
            None => Ok(None),
        }
    }
}

impl Heard for Rejects<'_> {
    fn bad(&mut self, bad: &BadLine) -> std::io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(BufWriter::new(File::create(&self.path)?)),
        };
        let row = serde_json::json!({
            "file": self.name, "line": bad.line, "reason": bad.reason, "text": bad.text,
        });
        writeln!(file, "{row}")
    }

    fn lines(&mut self, lines: u64) {
        let rate = rate(lines, self.watch.elapsed());
        self.line.show(&format!("{} lines, {}/s", grouped(lines), grouped(rate)));
    }
}
