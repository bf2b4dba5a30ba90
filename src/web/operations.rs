//! `/healthz`, `/readyz` and `/metrics`: for whoever watches over the daemon. They name no report's content.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::access::Who;
use super::guard::{Asker, door};
use super::refused::Refused;
use super::{Shared, Site};
use crate::daemon::ask::AskError;
use crate::daemon::{Core, CoreError};
use crate::domain::access::Role;
use crate::store::{gauges, offered, sources};

type Whole<L> = Family<L, Gauge<i64, AtomicI64>>;
type Real<L> = Family<L, Gauge<f64, AtomicU64>>;

/// What is counted of requests.
#[derive(Debug, Default)]
pub(super) struct Counts {
    answered: AtomicU64,
    refused: AtomicU64,
    broken: AtomicU64,
}

impl Counts {
    pub(super) fn request(&self, status: u16) {
        let count = match status {
            0..400 => &self.answered,
            400..500 => &self.refused,
            _ => &self.broken,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .layer(axum::middleware::from_fn(door))
}

/// Whether the store answers: then reports can be made and asked for.
async fn ready(State(site): State<Shared>) -> Result<&'static str, Refused> {
    site.block(|core| {
        Ok(core.store.read_blocking("look whether it answers", |c| offered::accounts(c).map(drop))?)
    })
    .await?;
    Ok("ready\n")
}

async fn metrics(
    State(site): State<Shared>,
    axum::Extension(Asker(who)): axum::Extension<Asker>,
) -> Result<Response, Refused> {
    let who: Who = who.ok_or_else(|| Refused::nobody("show a token with the role view"))?;
    who.needs_everywhere(Role::View)?;
    let asked = site.clone();
    let text = site.block(move |core| exposition(&asked, core, &who)).await?;
    let media = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, media)], text).into_response())
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Report {
    report: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Place {
    kind: String,
    state: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Feed {
    source: String,
    feed: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Budget {
    source: String,
    rate: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Answer {
    source: String,
    status: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Class {
    class: &'static str,
}

/// Everything as it is now, read from the ledger at each look: nothing is lost over a restart.
fn exposition(site: &Site, core: &Core, who: &Who) -> Result<String, AskError> {
    let now = core.now();
    let mut registry = Registry::with_prefix("legwork");
    let state = core.store.read_blocking("read the metrics", |c| gauges::read(c, who.eyes()))?;
    reports(&mut registry, &state, now);
    vendors(&mut registry, core, now)?;
    let handed: Real<Class> = Family::default();
    for (class, share) in [("p50", 0.5), ("p99", 0.99), ("max", 1.0)] {
        let lateness = core.lateness.quantile(share).unwrap_or_default();
        handed.get_or_create(&Class { class }).set(lateness.as_secs_f64());
    }
    registry.register_with_unit(
        "dispatch_lateness",
        "How late occurrences were handed over, since the start",
        Unit::Seconds,
        handed,
    );
    for (class, count) in [
        ("answered", &site.counts.answered),
        ("refused", &site.counts.refused),
        ("broken", &site.counts.broken),
    ] {
        let counter = ConstCounter::new(count.load(Ordering::Relaxed));
        registry.register(format!("http_requests_{class}"), "Requests since the start", counter);
    }
    let mut text = String::new();
    let encoded = prometheus_client::encoding::text::encode(&mut text, &registry);
    encoded.map_err(|error| CoreError::Housekeeping(error.to_string()))?;
    Ok(text)
}

fn reports(registry: &mut Registry, state: &gauges::Gauges, now: jiff::Timestamp) {
    let (success, late): (Real<Report>, Real<Report>) = Default::default();
    for report in &state.reports {
        let label = Report { report: report.name.clone() };
        if let Some(at) = report.generated_at {
            success.get_or_create(&label).set(at.as_duration().as_secs_f64());
        }
        let behind = report.due_at.map_or(0.0, |due| now.duration_since(due).as_secs_f64().max(0.0));
        late.get_or_create(&label).set(behind);
    }
    registry.register_with_unit(
        "report_last_generated_timestamp",
        "When the newest whole file was made, in Unix time",
        Unit::Seconds,
        success,
    );
    registry.register_with_unit(
        "report_lateness",
        "How long the oldest occurrence that is due has waited for its end",
        Unit::Seconds,
        late,
    );
    let deliveries: Whole<Place> = Family::default();
    for (kind, state, count) in &state.deliveries {
        deliveries.get_or_create(&Place { kind: kind.clone(), state: state.clone() }).set(*count);
    }
    registry.register("open_deliveries", "Deliveries that wait, are held, failed or unknown", deliveries);
    let runs: Whole<Class> = Family::default();
    runs.get_or_create(&Class { class: "due" }).set(state.due);
    runs.get_or_create(&Class { class: "running" }).set(state.running);
    registry.register("occurrences", "Occurrences that wait for their run or are run", runs);
}

fn vendors(registry: &mut Registry, core: &Core, now: jiff::Timestamp) -> Result<(), AskError> {
    let (good, behind): (Real<Feed>, Real<Feed>) = Default::default();
    for feed in core.store.read_blocking("read the sources", sources::collections)? {
        let label = Feed { source: feed.source.clone(), feed: feed.feed.clone() };
        if let Some(at) = feed.good_at {
            good.get_or_create(&label).set(at.as_duration().as_secs_f64());
        }
        if let Some(until) = feed.whole_until {
            behind.get_or_create(&label).set(now.duration_since(until).as_secs_f64());
        }
    }
    registry.register_with_unit(
        "source_last_success_timestamp",
        "When a vendor last answered as a whole, in Unix time",
        Unit::Seconds,
        good,
    );
    registry.register_with_unit(
        "source_behind",
        "How far the store is behind a vendor",
        Unit::Seconds,
        behind,
    );
    let left: Whole<Budget> = Family::default();
    for source in core.sources.all() {
        for (rate, places) in source.left(now) {
            let label = Budget { source: source.name.clone(), rate: rate.to_string() };
            left.get_or_create(&label).set(i64::try_from(places).unwrap_or(i64::MAX));
        }
    }
    registry.register("source_budget_left", "Requests that a vendor's rate allows now", left);
    let requests: Whole<Answer> = Family::default();
    for (source, status, count) in core.store.read_blocking("read requests", sources::request_counts)? {
        requests.get_or_create(&Answer { source, status }).set(count);
    }
    registry.register(
        "source_requests_kept",
        "Requests to vendors that the ledger keeps, by outcome",
        requests,
    );
    Ok(())
}
