//! A file that a vendor makes → a run's file: read as it comes, validated, kept as it is or put into the job's format.

use std::io::{self, Read, Write};
use std::sync::atomic::Ordering;

use jiff::{SignedDuration, Timestamp};
use tokio::runtime::Handle;

use super::Core;
use super::as_asked::AsAsked;
use super::generate::{GenerateError, Generated, Order, Out, begin, end};
use super::progress::Progress;
use super::watching::{Sights, Watching};
use crate::artifacts::Finished;
use crate::artifacts::encode::FileSpec;
use crate::artifacts::passed::{
    Dialect, PassedError, PassedText, SeeCells, TOLD_CHARS, TextRows, buffered, first_byte, xml,
};
use crate::domain::definition::{Definition, Destination};
use crate::domain::output::Format;
use crate::domain::report::{ColumnChoice, Reads, Report};
use crate::domain::source::Feed;
use crate::domain::table::Picked;
use crate::reports::vendors_own::{UII, named};
use crate::sources::{Passed, SourceError, Wish, operations};
use crate::store::segments::read::ReadCounts;
use crate::store::sources::{Pass, kept_metrics, note_pass, note_requests};

/// A whole report is asked for so often at the most.
const TRIES_MAX: u32 = 4;
/// Metrics count back from when they are asked for: a period that ended longer ago is another one.
const LATE: SignedDuration = SignedDuration::from_secs(60);
/// Metrics of a day are far below this.
const METRICS_BYTES_MAX: u64 = 64 << 20;

/// Makes the file of a report that its vendor makes. Blocks.
pub(super) fn pass_through(
    core: &Core,
    run_id: i64,
    order: Order<'_>,
    progress: &Progress,
) -> Result<Generated, GenerateError> {
    let name = &order.definition.report.source;
    let missing = || SourceError::Lasting(format!("the config in force has no source `{name}`"));
    let source = core.sources.get(name).ok_or_else(missing).map_err(GenerateError::Source)?;
    if source.config.collect.as_ref().is_some_and(|collect| collect.feed == Feed::MessagingOperations) {
        return kept(core, order, progress);
    }
    let errand = core.sources.errand(source, progress.halt.clone());
    let handle = Handle::current();
    let mut tries = 0;
    let mut wish = wish(order);
    let made = loop {
        progress.rows.store(0, Ordering::Relaxed);
        if let Err(error) = timely(core, order) {
            break Err(error);
        }
        // What can be tried again of the asking has been: only a body that broke is a reason to ask anew.
        let asked = source.pass(&errand, &order.definition.report, order.period, wish);
        let passed = match handle.block_on(asked) {
            Ok(passed) => passed,
            Err(error) => break Err(GenerateError::Source(error)),
        };
        let body = Body { passed, handle: handle.clone(), piece: bytes::Bytes::new() };
        let made = take(core, body, (order, wish), progress);
        tries += 1;
        match made {
            // Nobody has published this XML: what is not understood is asked for as text and made into XML here.
            Err(GenerateError::Source(SourceError::Malformed(words))) if wish.xml => {
                tracing::warn!(run_id, source = name, words, "the XML is not believed; asking for text");
                wish.xml = false;
            }
            Err(GenerateError::Source(error)) if error.may_repeat() && tries < TRIES_MAX => {
                tracing::warn!(run_id, source = name, %error, "the answer is not believed; asking again");
                if let Err(error) = handle.block_on(source.rest(&errand, tries, &error)) {
                    break Err(GenerateError::Source(error));
                }
            }
            made => break made,
        }
    };
    let failure = match &made {
        Err(GenerateError::Source(error)) => Some(error.to_string()),
        _ => None,
    };
    let pass = Pass { whole_until: None, failure, login_ends: source.login_ends() };
    let (asked, now) = (errand.take_asked(), core.now());
    let source = source.name.clone();
    // Told to stop is no failure of the source.
    let stopped = progress.halt.is_cancelled();
    let noted = core.store.write_blocking("note requests", move |tx| {
        note_requests(tx, &source, Some(run_id), &asked)?;
        if stopped { Ok(()) } else { note_pass(tx, &source, None, &pass, now) }
    });
    if let Err(error) = noted {
        tracing::warn!(run_id, %error, "requests could not be noted");
    }
    if progress.stop.load(Ordering::Relaxed) {
        return Err(GenerateError::Stopped);
    }
    made
}

/// Whether the vendor can still tell this period: metrics count back from now, and a wall clock names some hours twice.
fn timely(core: &Core, order: Order<'_>) -> Result<(), GenerateError> {
    let report = &order.definition.report;
    let lasting = |words: String| Err(GenerateError::Source(SourceError::Lasting(words)));
    if matches!(report.kind.reads, Reads::Metrics(_)) {
        let late = core.now().duration_since(order.period.end);
        if late.abs() <= LATE {
            return Ok(());
        }
        return lasting(format!(
            "the vendor counts back from now, and this period ended at {}: its metrics can only be had at its own time; \
             collect messaging-operations or messaging-interactions to have them later",
            local(order.period.end, order)
        ));
    }
    if report.kind.vendors_own().is_some_and(|own| !own.wall_clock) {
        return Ok(());
    }
    for bound in [order.period.start, order.period.end] {
        if report.zone.reading(bound).is_some() {
            return lasting(format!(
                "the vendor takes times of the wall clock, and {} comes twice when the clocks go back; choose a period with \
                 other bounds, or report over collected rows",
                local(bound, order)
            ));
        }
    }
    Ok(())
}

fn wish(order: Order<'_>) -> Wish {
    let definition = order.definition;
    let output = &definition.output;
    // XML has cells for nobody else: what wants to see them gets text.
    let mut mails = definition.destinations.iter().filter_map(|destination| match destination {
        Destination::Email(email) => Some(email),
        Destination::File(_) | Destination::Webhook(_) => None,
    });
    let watched =
        !definition.checks.is_empty() || mails.any(|email| 0 < email.first_rows || email.split_by.is_some());
    // What is put into another format is asked for with commas.
    let as_is = matches!(output.format, Format::Csv | Format::Tsv);
    Wish {
        delimiter: if as_is { output.csv.delimiter.byte() } else { b',' },
        xml: output.format == Format::Xml && !watched && definition.report.kind.name == "agent-session-raw",
    }
}

/// A body for a thread that blocks.
struct Body {
    passed: Passed,
    handle: Handle,
    piece: bytes::Bytes,
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.handle.block_on(self.passed.next()) {
                Ok(Some(piece)) => self.piece = piece,
                Ok(None) => return Ok(0),
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        let taken = self.piece.len().min(buffer.len());
        let piece = self.piece.split_to(taken);
        if let Some(place) = buffer.get_mut(..taken) {
            place.copy_from_slice(&piece);
        }
        Ok(taken)
    }
}

fn malformed(error: PassedError) -> GenerateError {
    match error {
        PassedError::Malformed(words) => GenerateError::Source(SourceError::Malformed(words)),
        PassedError::Io(error) => match error.get_ref().and_then(|inner| inner.downcast_ref::<SourceError>())
        {
            Some(cause) => GenerateError::Source(cause.clone()),
            None => GenerateError::Write(error),
        },
    }
}

fn take(
    core: &Core,
    body: Body,
    (order, wish): (Order<'_>, Wish),
    progress: &Progress,
) -> Result<Generated, GenerateError> {
    let report = &order.definition.report;
    let ends_by_length = body.passed.ends_by_length();
    if matches!(report.kind.reads, Reads::Metrics(_)) {
        let mut document = Vec::new();
        body.take(METRICS_BYTES_MAX).read_to_end(&mut document).map_err(|error| malformed(error.into()))?;
        // The answer may have been long in coming.
        timely(core, order)?;
        return metrics(&document, order, progress);
    }
    let mut input = buffered(body);
    let first = first_byte(&mut input).map_err(|error| malformed(error.into()))?;
    match (first, wish.xml) {
        (Some(b'<'), true) => {
            let width = report.kind.columns.len();
            let (out, rows) = xml(input, begin(&order, progress)?, width).map_err(malformed)?;
            Ok(made(end(out)?, rows, Sights::default()))
        }
        // An error's JSON, or a page, would fit no header either; its beginning says more than that.
        (Some(first @ (b'<' | b'{' | b'[')), _) => {
            let words = format!("the answer begins with `{}`: it is not the report", char::from(first));
            Err(GenerateError::Source(SourceError::Malformed(words)))
        }
        _ => {
            let dialect = Dialect { delimiter: wish.delimiter, ends_by_length };
            text(input, dialect, order, progress)
        }
    }
}

fn made(file: Finished, rows: u64, seen: Sights) -> Generated {
    let counts = ReadCounts { fit: rows, ..ReadCounts::default() };
    Generated { file, rows, clamped: 0, counts, seen }
}

fn text(
    input: io::BufReader<Body>,
    dialect: Dialect,
    order: Order<'_>,
    progress: &Progress,
) -> Result<Generated, GenerateError> {
    let output = &order.definition.output;
    let as_is = matches!(output.format, Format::Csv | Format::Tsv);
    let out = begin(&order, progress)?;
    let (copy, encoded) = if as_is { (Some(out), None) } else { (None, Some(out)) };
    let text = PassedText::begin(input, copy, dialect).map_err(malformed)?;
    let columns = columns(&text, &order)?;
    let file = spec(&order, &columns);
    let mut watching = Watching::new(&order, file, progress);
    let mut rows = TextRows::begin(encoded, &file).map_err(GenerateError::Write)?;
    let mut witnesses = watching.witnesses();
    let wanted = !as_is || !witnesses.is_empty();
    let mut cells = |record: &csv::ByteRecord| {
        rows.push(record.iter().map(|cell| std::str::from_utf8(cell).unwrap_or("")), &mut witnesses)
    };
    let looked: Option<SeeCells<'_>> = if wanted { Some(&mut cells) } else { None };
    let mut seen = |more: u64| {
        progress.rows.fetch_add(more, Ordering::Relaxed);
        !progress.stop.load(Ordering::Relaxed)
    };
    let asked = AsAsked::new(&order, &columns);
    let (copy, count) = text.rows(looked, &|record| asked.look_at(record), &mut seen).map_err(malformed)?;
    drop(witnesses);
    close(copy, rows, watching, count)
}

/// The report's columns, as a file's header shows them.
fn columns<R: Read, W: Write>(
    text: &PassedText<R, W>,
    order: &Order<'_>,
) -> Result<Vec<Picked>, GenerateError> {
    let (report, format) = (&order.definition.report, order.definition.output.format);
    if report.kind.columns.is_empty() {
        return of_vendor(&text.names(), order.definition);
    }
    // Two headers are documented of the segment reports: the true one, and the names of the first page.
    let fields = Report { columns: ColumnChoice::Fields, ..report.clone() };
    let sets: [Vec<Picked>; 2] = [(report.kind.pick)(report, format), (report.kind.pick)(&fields, format)];
    let headers: Vec<Vec<&str>> =
        sets.iter().map(|set| set.iter().map(|picked| &*picked.header).collect()).collect();
    let found = text.known(&headers).map_err(malformed)?;
    Ok(sets.into_iter().nth(found).unwrap_or_default())
}

/// The columns of a header that nobody has published. What the job names could not be held against it before.
fn of_vendor(headers: &[String], definition: &Definition) -> Result<Vec<Picked>, GenerateError> {
    if !headers.iter().any(|header| header.eq_ignore_ascii_case(UII)) {
        let begin: String = headers.join(",").chars().take(TOLD_CHARS).collect();
        let words = format!("the header has no column {UII}: it is not the report; it begins `{begin}`");
        return Err(malformed(PassedError::Malformed(words)));
    }
    let lasting = |words: String| Err(GenerateError::Source(SourceError::Lasting(words)));
    let of_mails = definition.destinations.iter().filter_map(|destination| match destination {
        Destination::Email(email) => email.split_by.as_ref().map(|split| &split.column),
        Destination::File(_) | Destination::Webhook(_) => None,
    });
    let checks = &definition.checks;
    let wanted: Vec<&String> = checks.unique.iter().chain(checks.columns.keys()).chain(of_mails).collect();
    if let Some(missing) = wanted.iter().find(|wanted| !headers.contains(wanted)) {
        return lasting(format!(
            "the job names a column `{missing}`; the vendor sent {}",
            headers.join(", ")
        ));
    }
    let count = |header: &String| headers.iter().filter(|other| *other == header).count();
    let as_is = matches!(definition.output.format, Format::Csv | Format::Tsv);
    let twice = headers.iter().find(|header| 1 < count(header) && (!as_is || wanted.contains(header)));
    if let Some(twice) = twice {
        return lasting(format!("the vendor sent two columns `{twice}`; only CSV and TSV can keep both"));
    }
    Ok(named(headers))
}

/// Ends a file, whether its bytes were copied or its rows encoded, and what was seen of the rows.
fn close<'a>(
    copy: Option<Out<'a>>,
    rows: TextRows<'a, Out<'a>>,
    mut watching: Watching<'a>,
    count: u64,
) -> Result<Generated, GenerateError> {
    let written = rows.finish(&mut watching.witnesses()).map_err(GenerateError::Write)?;
    let sights = watching.finish()?;
    let gone = || GenerateError::Write(io::Error::other("the file is gone"));
    let out = copy.or(written.map(|written| written.out)).ok_or_else(gone)?;
    Ok(made(end(out)?, count, sights))
}

fn spec<'a>(order: &Order<'a>, columns: &'a [Picked]) -> FileSpec<'a> {
    FileSpec {
        columns,
        report: &order.definition.report,
        output: &order.definition.output,
        period: order.period,
        nominal: order.nominal,
        scratch: order.target.parent().unwrap_or(order.target),
    }
}

/// Metrics as the vendor counted them just now: its own document, or flat.
fn metrics(document: &[u8], order: Order<'_>, progress: &Progress) -> Result<Generated, GenerateError> {
    let by_skill = order.definition.report.metrics.by_skill.is_some();
    let rows =
        operations::rows(document, by_skill).map_err(|words| malformed(PassedError::Malformed(words)))?;
    let as_is = order.definition.output.format == Format::Json;
    flat(&rows, as_is.then_some(document), order, progress)
}

/// Rows of metrics; `document` stands in the file instead of them where it is given.
fn flat(
    rows: &[operations::Row],
    document: Option<&[u8]>,
    order: Order<'_>,
    progress: &Progress,
) -> Result<Generated, GenerateError> {
    let (report, output) = (&order.definition.report, &order.definition.output);
    let columns = (report.kind.pick)(report, output.format);
    let file = spec(&order, &columns);
    let mut out = begin(&order, progress)?;
    let (copy, encoded) = match document {
        Some(document) => {
            out.write_all(document).map_err(GenerateError::Write)?;
            (Some(out), None)
        }
        None => (None, Some(out)),
    };
    let mut watching = Watching::new(&order, file, progress);
    let mut text = TextRows::begin(encoded, &file).map_err(GenerateError::Write)?;
    let mut witnesses = watching.witnesses();
    let mut count = 0;
    for row in rows {
        let at = row.interval.unwrap_or(order.period.start);
        let cells: Vec<String> = columns
            .iter()
            .map(|picked| match picked.column.header {
                "interval" => local(at, order),
                "skillId" => row.skill.clone().unwrap_or_default(),
                "agentId" => row.agent.clone(),
                metric => row.metrics.get(metric).map(ToString::to_string).unwrap_or_default(),
            })
            .collect();
        text.push(cells.iter().map(String::as_str), &mut witnesses).map_err(GenerateError::Write)?;
        count += 1;
    }
    drop(witnesses);
    close(copy, text, watching, count)
}

fn local(at: Timestamp, order: Order<'_>) -> String {
    let report = &order.definition.report;
    report.zone.zoned(at).strftime(&order.definition.output.date_format).to_string()
}

/// Metrics that were collected, interval by interval; a gap between them is no quiet time.
fn kept(core: &Core, order: Order<'_>, progress: &Progress) -> Result<Generated, GenerateError> {
    let report = &order.definition.report;
    let broken = |words: String| GenerateError::Source(SourceError::Malformed(words));
    let (name, span) = (report.source.clone(), order.period);
    let kept = core.store.read_blocking("read metrics", |c| kept_metrics(c, &name, span));
    let kept = kept.map_err(|error| GenerateError::Source(SourceError::Here(error.to_string())))?;
    let (mut rows, mut reached) = (Vec::new(), order.period.start);
    let gap = |from: Timestamp, to: Timestamp| {
        broken(format!("no metrics were collected from {} to {}", local(from, order), local(to, order)))
    };
    let skills = report.metrics.by_skill.as_ref();
    for (start, minutes, document) in kept {
        if reached < start {
            return Err(gap(reached, start));
        }
        let end = start.checked_add(SignedDuration::from_mins(minutes)).unwrap_or(start);
        if start < reached || order.period.end < end {
            return Err(broken(format!(
                "the interval of {minutes} minutes from {} does not fit: intervals were collected in different lengths",
                local(start, order)
            )));
        }
        let found = operations::rows(document.as_bytes(), skills.is_some()).map_err(broken)?;
        let wanted = |row: &operations::Row| {
            skills.is_none_or(|only| {
                only.is_empty() || row.skill.as_ref().is_some_and(|skill| only.contains(skill))
            })
        };
        let found = found.into_iter().filter(wanted);
        rows.extend(found.map(|row| operations::Row { interval: Some(start), ..row }));
        reached = end;
    }
    if reached < order.period.end {
        return Err(gap(reached, order.period.end));
    }
    flat(&rows, None, order, progress)
}
