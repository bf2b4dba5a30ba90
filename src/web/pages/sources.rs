//! Sources: how far each vendor is collected, its last failure, and what is left of its budget.

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use jiff::Timestamp;

use crate::daemon::listing::ListedSource;
use crate::domain::units::spoken;
use crate::store::offered;
use crate::store::sources::Collection;
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

fn line(source: &ListedSource, feed: Collection, now: Timestamp) -> Line {
    let text = |at: Option<Timestamp>| at.map_or_else(|| "–".to_owned(), |at| at.to_string());
    Line {
        name: source.name.clone(),
        account: source.account.clone(),
        kind: source.kind,
        feed: if feed.feed.is_empty() { source.collects.unwrap_or("reports").to_owned() } else { feed.feed },
        whole_until: text(feed.whole_until),
        behind: feed.whole_until.map_or_else(|| "–".to_owned(), |at| spoken(now.duration_since(at))),
        good_at: text(feed.good_at),
        failed_at: text(feed.failed_at),
        failure: feed.failure,
        login_ends: text(feed.login_ends),
        left: source.left.join(", "),
    }
}

/// The page.
pub(super) async fn show(
    State(site): State<Shared>,
    Extension(who): Extension<Who>,
) -> Result<Response, Refused> {
    let values = site
        .block(|core| {
            let now = core.now();
            let sources = ListedSource::all(core)?;
            let own =
                |source| ListedSource::lines(source).into_iter().map(move |feed| line(source, feed, now));
            let lines: Vec<Line> = sources.iter().flat_map(own).collect();
            let accounts = core.store.read_blocking("read the accounts", offered::accounts)?;
            Ok(values! { title => "Sources", sources => lines, accounts => accounts })
        })
        .await?;
    site.page(Some(&who), "sources.html", values)
}
