//! What is asked of the host itself: its jobs folder, its ways out, its database, its schedules as a whole.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use jiff::SignedDuration;

use super::{Answer, OfSite, json_or_default, wanted};
use crate::daemon::ask::AskError;
use crate::daemon::doctor::{Examined, examine};
use crate::daemon::loader::{self, Allowed};
use crate::daemon::simulate::{Plot, outlook};
use crate::store::definitions::StoredDefinition;
use crate::store::shelf::{self, ListQuery};
use crate::web::acts::seen;
use crate::web::api::shapes::{ApplyWish, Copied, Health};
use crate::web::api::{Caller, answer};
use crate::web::fields::Fields;
use crate::web::refused::Refused;

/// A longer span is one for the command: a minute's schedule has 44,640 instants a month.
const SPAN_MAX: SignedDuration = SignedDuration::from_hours(93 * 24);
/// More instants are no answer that anybody reads.
const INSTANTS_MAX: usize = 100_000;

pub(in crate::web::api) async fn simulate(
    State(site): OfSite,
    axum::Extension(who): Caller,
    request: Request<Body>,
) -> Answer {
    let fields = Fields::of_query(&request);
    let down: Vec<String> = fields.all("down").map(ToOwned::to_owned).collect();
    let takes = wanted(&fields, "run_takes");
    let plot = Plot::read((fields.get("from"), fields.get("to")), &down, takes.as_deref())?;
    if SPAN_MAX < plot.to.duration_since(plot.from) {
        return Err(Refused::wrong("the span is longer than 93 days; ask for a shorter one"));
    }
    let names: Vec<String> = fields.all("name").map(ToOwned::to_owned).collect();
    let simulated = site.block(move |core| {
        let stored: Vec<StoredDefinition> = if names.is_empty() {
            let query = ListQuery::default();
            let shelf =
                core.store.read_blocking("read the list", |c| shelf::reports(c, who.eyes(), &query))?;
            shelf.into_iter().map(|shelved| shelved.stored).collect()
        } else {
            let each = names.iter().map(|name| Ok(seen(core, &who, name)?.stored));
            each.collect::<Result<_, AskError>>()?
        };
        outlook(core, &stored, &plot, INSTANTS_MAX)
    });
    answer(StatusCode::OK, &simulated.await?)
}

pub(in crate::web::api) async fn plan(State(site): OfSite, axum::Extension(_): Caller) -> Answer {
    answer(StatusCode::OK, &site.block(loader::look).await?)
}

pub(in crate::web::api) async fn apply(
    State(site): OfSite,
    axum::Extension(who): Caller,
    request: Request<Body>,
) -> Answer {
    let wish: ApplyWish = json_or_default(request).await?;
    let allowed = Allowed { retire: wish.allow_retire, past: wish.now };
    let jobs = site.core.config.jobs.clone();
    let changes = loader::take_up(&site.core, &jobs, allowed).await.map_err(AskError::from)?;
    site.wake.all();
    site.note(&who, "apply", "jobs", None).await;
    answer(StatusCode::OK, &changes)
}

pub(in crate::web::api) async fn doctor(State(site): OfSite, axum::Extension(_): Caller) -> Answer {
    let examined = examine(&site.core).await.map_err(AskError::from)?;
    answer(StatusCode::OK, &Health { good: !examined.iter().any(Examined::is_bad), examined })
}

pub(in crate::web::api) async fn backup(State(site): OfSite, axum::Extension(who): Caller) -> Answer {
    let copied = site.block(|core| {
        let file = core.config.backup_of(core.now());
        if file.exists() {
            let taken = format!("there is a copy of this second already: `{}`", file.display());
            return Err(AskError::Taken(taken));
        }
        core.store.backup(&file)?;
        Ok(file.display().to_string())
    });
    let file = copied.await?;
    site.note(&who, "backup", &file, None).await;
    answer(StatusCode::CREATED, &Copied { file })
}
