//! Vendors' rows → the segment store: on a schedule of their own, for a report that needs them, or for a span that a person
//! asks for.
//!
//! A span is fetched piece by piece, oldest first. A piece that came whole is declared as covered as far as the vendor is
//! complete; records that are there already change nothing, so pieces may be fetched again and again. Each pass begins
//! behind what is whole, for rows that come late and corrections; after an outage it begins where the last one ended.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::progress::Progress;
use super::timer::Timer;
use super::{Core, Stop, Wake};
use crate::chain::chain;
use crate::config::Collect;
use crate::domain::period::Period;
use crate::domain::record::{CoverageRecord, Record};
use crate::domain::source::Feed;
use crate::sources::{Errand, Source, SourceError, pieces};
use crate::store::StoreError;
use crate::store::segments::coverage::missing_of;
use crate::store::segments::write::SegmentWriter;
use crate::store::sources::{self, CollectRequest, Pass};

/// Records of one transaction: one that a daemon's writer can wait for.
const AT_ONCE: usize = 500;
/// Where the first pass begins unless the config says so.
const FIRST: SignedDuration = SignedDuration::from_hours(7 * 24);
/// A pass that failed is tried again after so long, or at its next instant if that is sooner.
const AGAIN: SignedDuration = SignedDuration::from_mins(5);
/// Metrics count back from when they are asked for: later than this they are another interval's.
const LATE: SignedDuration = SignedDuration::from_secs(30);
/// Requests of a person are looked for this often when nobody wakes the collector.
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_secs(30);

/// What has come so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Come {
    /// Everything of the span before this instant.
    pub reached: Option<Timestamp>,
    /// Records.
    pub records: u64,
    /// Requests.
    pub requests: u64,
}

/// What came could not be kept.
#[expect(clippy::needless_pass_by_value, reason = "the shape that `map_err` wants")]
fn here(error: StoreError) -> SourceError {
    SourceError::Here(chain(&error))
}

/// What a fetching is for.
struct Fetching<'a> {
    core: &'a Core,
    source: &'a Source,
    errand: &'a Arc<Errand>,
    feed: Feed,
    run_id: Option<i64>,
}

impl Fetching<'_> {
    /// Fetches a span piece by piece; `told` hears of each one that has come. It begins a margin before, for rows that the
    /// vendor files under an earlier instant than we do.
    async fn span(
        &self,
        span: Period,
        told: &mut (dyn FnMut(Come) -> Result<(), SourceError> + Send),
    ) -> Result<(), SourceError> {
        let account = self.source.account(self.errand).await?;
        let mut writer =
            tokio::task::block_in_place(|| SegmentWriter::open(&self.core.store)).map_err(here)?;
        let mut come = Come::default();
        let margin = SignedDuration::from_millis(self.feed.margin_ms());
        let wide = Period { start: span.start.checked_sub(margin).unwrap_or(span.start), ..span };
        for piece in pieces(wide, SignedDuration::from_millis(self.feed.piece_ms())) {
            let arrived = self.core.now();
            let mut records = 0_u64;
            let fetched = {
                let mut sink = |batch: Vec<Record>| {
                    // People who are only named along with their segments are no rows.
                    let rows = batch.iter().filter(|record| !matches!(record, Record::Agent(_))).count();
                    records += u64::try_from(rows).unwrap_or(0);
                    tokio::task::block_in_place(|| {
                        batch.chunks(AT_ONCE).try_for_each(|chunk| {
                            writer.write(chunk, arrived.as_millisecond()).map(drop).map_err(here)
                        })
                    })
                };
                self.source.fetch(self.errand, self.feed, piece, &mut sink).await
            };
            let asked = self.errand.take_asked();
            come.requests += u64::try_from(asked.len()).unwrap_or(0);
            let (name, run_id) = (self.source.name.clone(), self.run_id);
            let note =
                move |tx: &rusqlite::Transaction<'_>| sources::note_requests(tx, &name, run_id, &asked);
            self.core.store.write("note requests", note).await.map_err(here)?;
            fetched?;
            self.errand.renew();
            // As far as the vendor adds nothing any more, when it was asked.
            let settled = SignedDuration::from_millis(self.feed.settled_ms()).max(self.source.config.lag);
            let settled = arrived.checked_sub(settled).unwrap_or(arrived).min(piece.end);
            let from = piece.start.max(span.start);
            if from < settled {
                let covered = CoverageRecord {
                    source: Some(self.source.name.as_str().into()),
                    account: Some(account.as_str().into()),
                    from: from.as_millisecond(),
                    to: settled.as_millisecond(),
                };
                tokio::task::block_in_place(|| writer.cover(&covered)).map_err(here)?;
            }
            come.records += records;
            let reached = arrived.checked_sub(self.lag()).unwrap_or(arrived).min(piece.end);
            come.reached = Some(reached.max(from));
            told(come)?;
        }
        tokio::task::block_in_place(|| writer.finish()).map_err(here)
    }

    fn lag(&self) -> SignedDuration {
        self.source.config.lag.max(SignedDuration::from_millis(self.feed.lag_ms()))
    }

    /// Notes how it ended.
    async fn note(&self, whole_until: Option<Timestamp>, result: &Result<(), SourceError>) {
        let login_ends = self.source.login_ends();
        let failure = result.as_ref().err().map(ToString::to_string);
        let pass = Pass { whole_until, failure, login_ends };
        let (name, feed, now) = (self.source.name.clone(), self.feed, self.core.now());
        let asked = self.errand.take_asked();
        let run_id = self.run_id;
        // Told to stop is no failure of the source.
        let stopped = *result == Err(SourceError::Stopped);
        let note = move |tx: &rusqlite::Transaction<'_>| {
            sources::note_requests(tx, &name, run_id, &asked)?;
            if stopped { Ok(()) } else { sources::note_pass(tx, &name, Some(feed), &pass, now) }
        };
        if let Err(error) = self.core.store.write("note a pass", note).await {
            tracing::warn!(source = self.source.name, error = chain(&error), "a pass could not be noted");
        }
    }
}

/// Fetches what the store does not have of a report's period. Blocks.
pub(super) fn fetch_for(
    core: &Core,
    run_id: i64,
    name: &str,
    feed: Feed,
    period: Period,
    progress: &Progress,
) -> Result<(), SourceError> {
    let source = find(core, name)?;
    let errand = core.sources.errand(&source, progress.halt.clone());
    let fetching = Fetching { core, source: &source, errand: &errand, feed, run_id: Some(run_id) };
    Handle::current().block_on(async {
        let account = source.account(&errand).await?;
        let missing =
            core.store.read_blocking("read the coverage", |c| missing_of(c, name, &account, period));
        let missing = missing.map_err(here)?;
        let mut result = Ok(());
        for span in missing {
            result = remembered(feed, span, core.now()).map(drop);
            if result.is_ok() {
                result = fetching.span(span, &mut |_| Ok(())).await;
            }
            if result.is_err() {
                break;
            }
        }
        fetching.note(None, &result).await;
        result
    })
}

/// The span, if the vendor still remembers it.
fn remembered(feed: Feed, span: Period, now: Timestamp) -> Result<Period, SourceError> {
    let Some(memory) = feed.memory_ms() else { return Ok(span) };
    let oldest = now.checked_sub(SignedDuration::from_millis(memory)).unwrap_or(span.start);
    if oldest <= span.start {
        return Ok(span);
    }
    Err(SourceError::Lasting(format!(
        "the vendor remembers {} back to {oldest}; {} to {} is gone there and not in the store",
        feed.name(),
        span.start,
        span.end.min(oldest)
    )))
}

fn find(core: &Core, name: &str) -> Result<Arc<Source>, SourceError> {
    let missing = || SourceError::Lasting(format!("the config in force has no source `{name}`"));
    core.sources.get(name).cloned().ok_or_else(missing)
}

/// Collects until it is told to stop: each source on its own clock.
pub(super) async fn collector(core: Arc<Core>, wake: Wake, stop: Stop) {
    let mut tasks = tokio::task::JoinSet::new();
    for source in core.sources.all() {
        if let Some(collect) = source.config.collect.clone() {
            tasks.spawn(on_schedule(core.clone(), source.clone(), collect, stop.clone()));
        }
    }
    tasks.spawn(on_request(core, wake, stop));
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "collecting panicked; it goes on at the next start");
        }
    }
}

/// The passes of a source.
async fn on_schedule(core: Arc<Core>, source: Arc<Source>, collect: Collect, stop: Stop) {
    let timer = Timer::new(core.clock.clone());
    // What was missed while the daemon was down is fetched at once.
    let mut at = core.now();
    while !stop.gently.is_cancelled() {
        tokio::select! {
            () = stop.gently.cancelled() => return,
            () = timer.until(at) => {}
        }
        let began = core.now();
        let counts_back = collect.feed == Feed::MessagingOperations;
        let result = if counts_back {
            metrics(&core, &source, &collect, stop.gently.clone()).await
        } else {
            pass(&core, &source, &collect, stop.gently.clone()).await
        };
        let now = core.now();
        // Metrics of an interval that ended while the last one was asked for may still be in time; a pass takes in what
        // came meanwhile anyway.
        at = next(if counts_back { began } else { now }, collect.every);
        if let Err(error) = result {
            if error == SourceError::Stopped {
                return;
            }
            tracing::error!(source = source.name, feed = collect.feed.name(), %error, class = error.class(),
                "collecting failed; what is missing is fetched at the next pass");
            if error.may_repeat() && !counts_back {
                at = at.min(now.checked_add(AGAIN).unwrap_or(at));
            }
        }
    }
}

/// The next instant of the clock that `every` names.
fn next(now: Timestamp, every: SignedDuration) -> Timestamp {
    let seconds = every.as_secs().max(1);
    let at = (now.as_second().div_euclid(seconds) + 1) * seconds;
    Timestamp::from_second(at).unwrap_or(now)
}

/// One pass: from behind what is whole up to where the vendor is complete.
pub async fn pass(
    core: &Core,
    source: &Source,
    collect: &Collect,
    stop: CancellationToken,
) -> Result<(), SourceError> {
    let errand = core.sources.errand(source, stop);
    let fetching = Fetching { core, source, errand: &errand, feed: collect.feed, run_id: None };
    let (name, feed) = (source.name.clone(), collect.feed);
    let whole = core.store.read("read how far it is", move |c| sources::whole_until(c, &name, feed)).await;
    let whole = whole.map_err(here)?;
    let now = core.now();
    let end = now.checked_sub(fetching.lag()).unwrap_or(now);
    let end = Timestamp::from_second(end.as_second()).unwrap_or(end);
    let first = now.checked_sub(FIRST).unwrap_or(now);
    let start = match whole {
        Some(whole) => whole.checked_sub(collect.trail).unwrap_or(whole),
        None => collect.from.unwrap_or(first),
    };
    // Older than that it is gone: a hole in the coverage says so.
    let oldest = feed.memory_ms().and_then(|ms| now.checked_sub(SignedDuration::from_millis(ms)).ok());
    let start = oldest.map_or(start, |oldest| start.max(oldest));
    if end <= start {
        return Ok(());
    }
    if let Some(whole) = whole.filter(|whole| *whole < start) {
        tracing::error!(source = source.name, from = %whole, to = %start, "the vendor has forgotten a span that was never collected");
    }
    tracing::info!(source = source.name, feed = feed.name(), from = %start, until = %end, "collecting");
    let mut reached = whole;
    let mut told = |come: Come| {
        reached = reached.max(come.reached);
        let (name, reached) = (source.name.clone(), reached);
        let note = move |tx: &rusqlite::Transaction<'_>| sources::note_whole(tx, &name, feed, reached);
        let noted = tokio::task::block_in_place(|| core.store.write_blocking("note how far it is", note));
        noted.map_err(here)
    };
    let result = fetching.span(Period { start, end }, &mut told).await;
    fetching.note(reached, &result).await;
    if result.is_ok() {
        tracing::info!(source = source.name, feed = feed.name(), until = %end, "collected");
    }
    result
}

/// Metrics of the interval that has just ended; those of an interval that nobody asked for in time are gone.
async fn metrics(
    core: &Core,
    source: &Source,
    collect: &Collect,
    stop: CancellationToken,
) -> Result<(), SourceError> {
    let seconds = collect.every.as_secs().max(60);
    let now = core.now();
    let end = Timestamp::from_second(now.as_second().div_euclid(seconds) * seconds).unwrap_or(now);
    let interval = Period { start: end.checked_sub(collect.every).unwrap_or(end), end };
    // The vendor counts back from now: a question that comes late would tell of another interval.
    if LATE < now.duration_since(end) {
        return Ok(());
    }
    let errand = core.sources.errand(source, stop);
    let fetching = Fetching { core, source, errand: &errand, feed: collect.feed, run_id: None };
    let result = async {
        let account = source.account(&errand).await?;
        let document = source.metrics(&errand, seconds / 60).await?;
        if LATE < core.now().duration_since(end) {
            let words = "the answer came too late: it counts back from later than the interval's end";
            return Err(SourceError::Passing(words.to_owned()));
        }
        let name = source.name.clone();
        let keep = move |tx: &rusqlite::Transaction<'_>| {
            sources::keep_metrics(tx, (&name, &account), interval, &document)
        };
        core.store.write("keep metrics", keep).await.map_err(here)
    }
    .await;
    let reached = result.is_ok().then_some(end);
    fetching.note(reached, &result).await;
    result
}

/// Spans that people ask for.
async fn on_request(core: Arc<Core>, wake: Wake, stop: Stop) {
    while !stop.gently.is_cancelled() {
        match core.store.read("read what is asked for", sources::open_requests).await {
            Ok(open) => {
                for request in open {
                    if stop.gently.is_cancelled() {
                        return;
                    }
                    work_off(&core, &request, stop.gently.clone(), &mut |_| {}).await;
                }
            }
            Err(error) => tracing::error!(error = chain(&error), "what is asked for could not be read"),
        }
        tokio::select! {
            () = stop.gently.cancelled() => return,
            () = wake.collector.notified() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

/// Fetches a span that was asked for, and notes how far it is; a stop leaves it to be begun again.
pub async fn work_off(
    core: &Core,
    request: &CollectRequest,
    stop: CancellationToken,
    told: &mut (dyn FnMut(Come) + Send),
) {
    let id = request.collect_request_id;
    let before = (request.records, request.requests);
    let result = async {
        let source = find(core, &request.source)?;
        let feed = feed_of(&source)?;
        let errand = core.sources.errand(&source, stop);
        let fetching = Fetching { core, source: &source, errand: &errand, feed, run_id: None };
        // Where it was when the last process ended; and no further than the vendor is worth asking.
        let complete = core.now().checked_sub(fetching.lag()).unwrap_or(request.to);
        let complete = Timestamp::from_second(complete.as_second()).unwrap_or(complete);
        let start = request.reached_at.unwrap_or(request.from).max(request.from);
        let span = Period { start, end: request.to.min(complete) };
        if span.end <= span.start && request.reached_at.is_none() {
            let words = format!("the vendor is complete until {complete} only; ask for an earlier span");
            return Err(SourceError::Lasting(words));
        }
        let span = remembered(feed, span, core.now())?;
        let note = |come: Come| {
            let counts = (before.0 + come.records, before.1 + come.requests);
            let write =
                move |tx: &rusqlite::Transaction<'_>| sources::note_reached(tx, id, come.reached, counts);
            let noted = core.store.write_blocking("note how far it is", write);
            noted.map_err(here)
        };
        tokio::task::block_in_place(|| note(Come::default()))?;
        let mut hear = |come: Come| {
            told(come);
            tokio::task::block_in_place(|| note(come))
        };
        let result = fetching.span(span, &mut hear).await;
        fetching.note(None, &result).await;
        result
    };
    let result = result.await;
    if result == Err(SourceError::Stopped) {
        return;
    }
    let failure = result.err().map(|error| error.to_string());
    let end = move |tx: &rusqlite::Transaction<'_>| sources::end_request(tx, id, failure.as_deref());
    if let Err(error) = core.store.write("end what was asked for", end).await {
        tracing::error!(error = chain(&error), "the end of collecting could not be noted");
    }
}

/// What a source collects: as the config says, else the first that it can.
pub(super) fn feed_of(source: &Source) -> Result<Feed, SourceError> {
    let said = source.config.collect.as_ref().map(|collect| collect.feed);
    let feed = said.or_else(|| source.config.kind().feeds().first().copied());
    match feed {
        Some(Feed::MessagingOperations) => Err(SourceError::Lasting(
            "metrics are collected as time goes by: the vendor counts back from now only".to_owned(),
        )),
        Some(feed) => Ok(feed),
        None => Err(SourceError::Lasting("this source has no rows to be collected".to_owned())),
    }
}
