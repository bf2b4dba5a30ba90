//! Sources: how far each vendor is collected, its last failure, and what is left of its budget.

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use jiff::Timestamp;

use crate::daemon::Core;
use crate::domain::units::spoken;
use crate::sources::Source;
use crate::store::offered;
use crate::store::sources::{self, Collection};
use crate::web::Shared;
use crate::web::access::Who;
use crate::web::refused::Refused;
use crate::web::view::values;

#[derive(serde::Serialize)]
struct Line {
    name: String,
    account: Option<String>,
    kind: &'static str,
    feed: String,
    whole_until: String,
    behind: String,
    good_at: String,
    failed_at: String,
    failure: Option<String>,
    login_ends: String,
    left: String,
}

fn line(source: &Source, feed: &Collection, now: Timestamp) -> Line {
    let text = |at: Option<Timestamp>| at.map_or_else(|| "–".to_owned(), |at| at.to_string());
    let collects = source.config.collect.as_ref().map(|collect| collect.feed.name());
    let left: Vec<String> = source.left(now).iter().map(|(rate, left)| format!("{left} of {rate}")).collect();
    Line {
        name: source.name.clone(),
        account: source.config.account().map(ToOwned::to_owned),
        kind: source.config.kind().name(),
        feed: if feed.feed.is_empty() { collects.unwrap_or("reports").to_owned() } else { feed.feed.clone() },
        whole_until: text(feed.whole_until),
        behind: feed.whole_until.map_or_else(|| "–".to_owned(), |at| spoken(now.duration_since(at))),
        good_at: text(feed.good_at),
        failed_at: text(feed.failed_at),
        failure: feed.failure.clone(),
        login_ends: text(feed.login_ends),
        left: left.join(", "),
    }
}

fn lines(core: &Core, noted: &[Collection], now: Timestamp) -> Vec<Line> {
    let mut lines = Vec::new();
    for source in core.sources.all() {
        let own: Vec<&Collection> = noted.iter().filter(|feed| feed.source == source.name).collect();
        if own.is_empty() {
            lines.push(line(source, &Collection::default(), now));
        }
        lines.extend(own.into_iter().map(|feed| line(source, feed, now)));
    }
    lines
}

/// The page.
pub(super) async fn show(
    State(site): State<Shared>,
    Extension(who): Extension<Who>,
) -> Result<Response, Refused> {
    let values = site
        .block(|core| {
            let (noted, accounts) = core.store.read_blocking("read the sources", |connection| {
                Ok((sources::collections(connection)?, offered::accounts(connection)?))
            })?;
            let lines = lines(core, &noted, core.now());
            Ok(values! { title => "Sources", sources => lines, accounts => accounts })
        })
        .await?;
    site.page(Some(&who), "sources.html", values)
}
