//! `legwork sources` and `legwork collect`.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::context::{Context, daemon_ended, instant, runtime};
use super::exit::Exit;
use super::out::{StatusLine, json, say, table};
use crate::daemon::Core;
use crate::daemon::ask;
use crate::daemon::collect::{Come, work_off};
use crate::daemon::listing::ListedSource;
use crate::domain::units::{grouped, spoken};
use crate::store::sources::{self, CollectRequest, Collection};

/// Cells of a whole bar.
const BAR: u64 = 30;

/// Arguments of `collect`.
#[derive(Debug, Args)]
pub(super) struct CollectArguments {
    /// The source.
    pub(super) name: String,
    /// First instant inside, in RFC 3339; a day ago when absent.
    #[arg(long)]
    pub(super) from: Option<String>,
    /// First instant outside, in RFC 3339; now when absent.
    #[arg(long)]
    pub(super) to: Option<String>,
}

pub(super) fn list(context: &Context) -> anyhow::Result<Exit> {
    let core = context.core()?;
    let now = context.now();
    let listed = ListedSource::all(&core)?;
    if context.json {
        json(&listed)?;
        return Ok(Exit::Done);
    }
    if listed.is_empty() {
        say!("the config names no source but the store; add a vendor's table, as [source.NAME.ringcentral]")?;
        return Ok(Exit::Done);
    }
    let mut rows = Vec::new();
    for source in &listed {
        rows.extend(source.lines().iter().map(|feed| cells(source, feed, now)));
    }
    table(&["SOURCE", "KIND", "FEED", "WHOLE UNTIL", "BEHIND", "LAST GOOD", "LOGIN ENDS", "LEFT"], &rows)?;
    let failed = listed.iter().flat_map(|source| &source.feeds).filter(|feed| feed.failure.is_some());
    let mut exit = Exit::Done;
    for feed in failed {
        let at = feed.failed_at.map(|at| at.to_string()).unwrap_or_default();
        say!("! {} {} failed {at}: {}", feed.source, feed.feed, feed.failure.as_deref().unwrap_or_default())?;
        exit = Exit::Failed;
    }
    Ok(exit)
}

fn cells(source: &ListedSource, feed: &Collection, now: Timestamp) -> Vec<String> {
    let text = |at: Option<Timestamp>| at.map_or_else(|| "-".to_owned(), |at| at.to_string());
    let behind = feed.whole_until.map_or_else(|| "-".to_owned(), |at| spoken(now.duration_since(at)));
    let name = if feed.feed.is_empty() { "reports" } else { &feed.feed };
    vec![
        source.name.clone(),
        source.kind.to_owned(),
        if feed.source.is_empty() { source.collects.unwrap_or("-").to_owned() } else { name.to_owned() },
        text(feed.whole_until),
        behind,
        text(feed.good_at),
        text(feed.login_ends),
        source.left.join(", "),
    ]
}

pub(super) fn collect(context: &Context, arguments: &CollectArguments) -> anyhow::Result<Exit> {
    let core = Arc::new(context.core()?);
    let span =
        |text: &Option<String>, argument| text.as_deref().map(|text| instant(argument, text)).transpose();
    let span = (span(&arguments.from, "--from")?, span(&arguments.to, "--to")?);
    let lock = Context::lock_unless_served(&core.config)?;
    let request = ask::collect(&core, &arguments.name, span)?;
    let id = request.collect_request_id;
    let line = StatusLine::new();
    if lock.is_some() {
        let stop = CancellationToken::new();
        let mut told = |come: Come| line.show(&bar(&request, come));
        runtime()?.block_on(async {
            let interrupted = async {
                // Without a way to hear it the signal ends the process as ever.
                if tokio::signal::ctrl_c().await.is_ok() {
                    stop.cancel();
                }
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = work_off(&core, &request, stop.clone(), &mut told) => {}
                () = interrupted => {}
            }
        });
        if stop.is_cancelled() {
            let words = "interrupted";
            core.store.write_blocking("end what was asked for", move |tx| {
                sources::end_request(tx, id, Some(words))
            })?;
        }
    } else {
        Context::wake(&core.config);
        follow(&core, id, &line)?;
    }
    line.clear();
    let ended = core.store.read_blocking("read what was asked for", |c| sources::collect_request(c, id))?;
    let Some(ended) = ended else { return Ok(Exit::Failed) };
    tell(&ended, context.json)
}

/// Tells what came of a span that was asked for.
pub(super) fn tell(ended: &CollectRequest, as_json: bool) -> anyhow::Result<Exit> {
    if as_json {
        json(ended)?;
    } else {
        let reached = ended.reached_at.map_or_else(|| "nowhere".to_owned(), |at| at.to_string());
        let (records, requests) = (grouped(ended.records), grouped(ended.requests));
        say!("{}: {records} records in {requests} requests, whole until {reached}", ended.source)?;
        if let Some(failure) = &ended.failure {
            say!("! {failure}\n  what came is kept; the same command fetches the rest")?;
        }
    }
    Ok(if ended.failure.is_none() { Exit::Done } else { Exit::Failed })
}

/// Follows what the daemon does.
fn follow(core: &Core, id: i64, line: &StatusLine) -> anyhow::Result<()> {
    loop {
        let unserved = Context::is_unserved(&core.config)?;
        let seen =
            core.store.read_blocking("read what was asked for", |c| sources::collect_request(c, id))?;
        let Some(seen) = seen.filter(|seen| !seen.has_ended()) else { return Ok(()) };
        if unserved {
            return Err(daemon_ended());
        }
        line.show(&progress(&seen));
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// How far a span is that somebody else fetches.
pub(super) fn progress(request: &CollectRequest) -> String {
    let CollectRequest { reached_at: reached, records, requests, .. } = *request;
    bar(request, Come { reached, records, requests })
}

fn bar(CollectRequest { from, to, .. }: &CollectRequest, come: Come) -> String {
    let seconds =
        |from: Timestamp, to: Timestamp| u64::try_from(to.duration_since(from).as_secs()).unwrap_or(0);
    let whole = seconds(*from, *to).max(1);
    let done = come.reached.map_or(0, |reached| seconds(*from, reached)).min(whole);
    let full = usize::try_from(done * BAR / whole).unwrap_or(0);
    let empty = usize::try_from(BAR).unwrap_or(0).saturating_sub(full);
    format!(
        "[{}{}] {} %, {} records, {} requests",
        "█".repeat(full),
        "·".repeat(empty),
        done * 100 / whole,
        grouped(come.records),
        grouped(come.requests)
    )
}
