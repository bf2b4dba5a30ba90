//! The reports list: what there is, how fresh it is, what it needs; run it, download it.

use std::convert::Infallible;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use tokio::time::MissedTickBehavior;

use super::back;
use super::report::to_destinations;
use super::row::{self, Row};
use crate::daemon::Core;
use crate::daemon::ask::AskError;
use crate::daemon::listing::{Listed, Verdict};
use crate::domain::access::Role;
use crate::store::shelf::{self, ListQuery, Shelved};
use crate::web::Shared;
use crate::web::access::Who;
use crate::web::acts::{self, seen};
use crate::web::fields::Fields;
use crate::web::refused::Refused;
use crate::web::view::values;

/// Rows on a page of the list.
const PAGE_ROWS: u32 = 50;
/// How often streams look for changes.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// A stream says something after so many looks, so that a proxy keeps it open.
const SILENT_MAX: u32 = 30;
/// A stream ends after so many looks: whoever has logged out meanwhile sees no more.
const LOOKS_MAX: u32 = 600;
/// What is under way is told up to so many.
const UNDER_WAY_MAX: u32 = 200;
/// Troubles are told up to so many.
const TROUBLES_MAX: u32 = 20;

/// How a list is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Name,
    State,
    Generated,
    Next,
}

impl Order {
    fn of(text: &str) -> Self {
        match text {
            "state" => Self::State,
            "generated" => Self::Generated,
            "next" => Self::Next,
            _ => Self::Name,
        }
    }
}

/// What a list's address asks for.
struct Asked {
    query: ListQuery,
    order: Order,
    verdict: Option<Verdict>,
    page: u32,
}

impl Asked {
    fn of(fields: &Fields) -> Self {
        let view = fields.get("view");
        let verdict = Verdict::ALL.into_iter().find(|verdict| verdict.name() == fields.get("state"));
        Self {
            query: ListQuery {
                mine: view == "mine",
                favourites: view == "favourites",
                search: fields.get("q").chars().take(200).collect(),
                after: String::new(),
                page: None,
            },
            order: Order::of(fields.get("sort")),
            verdict,
            page: fields.get("page").parse().ok().filter(|page| 0 < *page).unwrap_or(1),
        }
    }

    /// The reports of the page that was asked for, and how many there are on all pages. Blocks.
    fn find(&self, core: &Core, who: &Who) -> Result<(Vec<Shelved>, u64), AskError> {
        let behind = (self.page - 1).saturating_mul(PAGE_ROWS);
        let (eyes, now) = (who.eyes(), core.now());
        let found = core.store.read_blocking("read the list", |connection| {
            if self.order == Order::Name && self.verdict.is_none() {
                let query = ListQuery { page: Some((PAGE_ROWS, behind)), ..self.query.clone() };
                return Ok((
                    shelf::reports(connection, eyes, &query)?,
                    shelf::size(connection, eyes, &query)?,
                ));
            }
            // What a report needs is known only by looking at each.
            let mut all = Vec::new();
            for shelved in shelf::reports(connection, eyes, &self.query)? {
                let listed = Listed::look(connection, shelved.stored.clone(), now)?;
                if self.verdict.is_none_or(|verdict| verdict == listed.verdict) {
                    all.push((shelved, listed));
                }
            }
            let place = |verdict| Verdict::ALL.iter().position(|each| *each == verdict).unwrap_or(usize::MAX);
            match self.order {
                Order::Name => {}
                Order::State => all.sort_by_key(|(_, listed)| place(listed.verdict)),
                Order::Generated => {
                    all.sort_by_key(|(_, listed)| std::cmp::Reverse(listed.newest.generated_at));
                }
                Order::Next => {
                    all.sort_by_key(|(_, listed)| (listed.newest.next_at.is_none(), listed.newest.next_at));
                }
            }
            let size = u64::try_from(all.len()).unwrap_or(u64::MAX);
            let behind = usize::try_from(behind).unwrap_or(usize::MAX);
            let most = usize::try_from(PAGE_ROWS).unwrap_or(usize::MAX);
            Ok((all.into_iter().map(|(shelved, _)| shelved).skip(behind).take(most).collect(), size))
        });
        Ok(found?)
    }
}

/// The list.
pub(super) async fn list(
    State(site): State<Shared>,
    Extension(who): Extension<Who>,
    request: Request,
) -> Result<Response, Refused> {
    let fields = Fields::of_query(&request);
    let asked = Asked::of(&fields);
    let page = asked.page;
    let asker = who.clone();
    let (rows, size, troubles) = site
        .block(move |core| {
            let (found, size) = asked.find(core, &asker)?;
            let now = core.now();
            let read = |connection: &rusqlite::Connection| {
                let rows = found.into_iter().map(|shelved| row::row(core, connection, shelved, &asker, now));
                let rows: Vec<Row> = rows.collect::<Result<_, _>>()?;
                Ok((rows, shelf::troubles(connection, asker.eyes(), TROUBLES_MAX)?))
            };
            let (rows, troubles) = core.store.read_blocking("read the list", read)?;
            Ok((rows, size, troubles))
        })
        .await?;
    let pages = size.div_ceil(u64::from(PAGE_ROWS)).max(1);
    let link = |fields: &Fields| format!("/?{}", fields.to_query());
    let sorted = |sort: &str| link(&fields.with("sort", sort).with("page", ""));
    let values = values! {
        title => "Reports",
        here => link(&fields),
        view => fields.get("view"),
        search => fields.get("q"),
        state => fields.get("state"),
        sort => fields.get("sort"),
        states => Verdict::ALL.map(Verdict::name),
        by => values! {
            name => sorted("name"), state => sorted("state"), generated => sorted("generated"), next => sorted("next"),
        },
        views => [("", "All Reports"), ("mine", "My Reports"), ("favourites", "Favourites")]
            .map(|(view, text)| (view, text, link(&fields.with("view", view).with("page", "")))),
        rows => rows,
        size => size,
        page => page,
        pages => pages,
        earlier => (1 < page).then(|| link(&fields.with("page", &(page - 1).to_string()))),
        later => (u64::from(page) < pages).then(|| link(&fields.with("page", &(page + 1).to_string()))),
        troubles => troubles,
    };
    site.page(Some(&who), "reports.html", values)
}

/// One row, for the script.
pub(super) async fn row(
    State(site): State<Shared>,
    Extension(who): Extension<Who>,
    Path(name): Path<String>,
) -> Result<Response, Refused> {
    let asker = who.clone();
    let row = site
        .block(move |core| {
            let shelved = seen(core, &asker, &name)?;
            let now = core.now();
            Ok(core.store.read_blocking("read a row", |c| row::row(core, c, shelved, &asker, now))?)
        })
        .await?;
    site.page(Some(&who), "report_row.html", values! { row => row })
}

/// What the bulk form asks for: runs, or an end. A typed word confirms it.
pub(super) async fn bulk(
    State(site): State<Shared>,
    Extension(who): Extension<Who>,
    request: Request<Body>,
) -> Result<Response, Refused> {
    let fields = site.own_form(&who, request).await?;
    let (action, word) = match fields.get("action") {
        "run" => (Role::Run, "RUN"),
        "delete" => (Role::Edit, "DELETE"),
        _ => return Err(Refused::wrong("choose Run now or Delete")),
    };
    who.needs(action)?;
    let names: Vec<String> = fields.all("name").map(ToOwned::to_owned).collect();
    if names.is_empty() {
        return Err(Refused::wrong("no report is chosen; tick some in the list"));
    }
    if !fields.get("confirm").eq_ignore_ascii_case(word) {
        return Err(Refused::wrong(format!("type {word} to confirm it for {} reports", names.len())));
    }
    for name in &names {
        let (asker, asked) = (who.clone(), name.clone());
        let shelved = site.block(move |core| seen(core, &asker, &asked)).await?;
        if action == Role::Edit && shelved.stored.file.is_some() {
            return Err(Refused::wrong(format!(
                "{name} comes from a job file; remove that file, and it retires"
            )));
        }
    }
    for name in &names {
        if action == Role::Run {
            acts::run(&site, &who, name, to_destinations()).await.map(drop)?;
        } else {
            acts::end(&site, &who, name).await?;
        }
    }
    Ok(back(&fields, "/"))
}

/// Progress as it happens: a line whenever what is under way changes.
pub(in crate::web) async fn events(
    State(site): State<Shared>,
    Extension(who): Extension<Who>,
) -> Result<Response, Refused> {
    let place = site.streams.clone().try_acquire_owned();
    let place = place.map_err(|_| {
        Refused::new(axum::http::StatusCode::SERVICE_UNAVAILABLE, "too many pages follow the progress")
    })?;
    let (sender, receiver) = tokio::sync::mpsc::channel::<Bytes>(4);
    let followed = site.clone();
    site.work.spawn(async move {
        let _place = place;
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut last, mut silent, mut looks) = (None, 0, 0);
        loop {
            tokio::select! {
                () = followed.stop.cancelled() => return,
                () = sender.closed() => return,
                _ = ticks.tick() => {}
            }
            looks += 1;
            // The browser comes back by itself, and is looked at again.
            if LOOKS_MAX < looks {
                return;
            }
            let Ok(now) = under_way(&followed, &who).await else { return };
            let line = if last.as_ref() != Some(&now) {
                format!("data: {now}\n\n")
            } else if SILENT_MAX <= silent {
                ":\n\n".to_owned()
            } else {
                silent += 1;
                continue;
            };
            (last, silent) = (Some(now), 0);
            if sender.send(line.into()).await.is_err() {
                return;
            }
        }
    });
    let lines = futures_util::stream::unfold(receiver, async |mut receiver| {
        let line = receiver.recv().await?;
        Some((Ok::<_, Infallible>(line), receiver))
    });
    let headers = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, Body::from_stream(lines)).into_response())
}

/// What is under way, of the reports that somebody may see, as JSON.
async fn under_way(site: &Shared, who: &Who) -> Result<String, Refused> {
    let who = who.clone();
    let all = site.block(move |core| {
        let read = |c: &rusqlite::Connection| shelf::under_way(c, who.eyes(), UNDER_WAY_MAX);
        Ok(core.store.read_blocking("read what is under way", read)?)
    });
    let told: Vec<serde_json::Value> = all
        .await?
        .into_iter()
        .map(|one| {
            let rows = one.run_id.and_then(|run_id| site.core.running.rows(run_id));
            serde_json::json!({ "name": one.name, "state": one.state, "rows": rows })
        })
        .collect();
    Ok(serde_json::Value::from(told).to_string())
}
