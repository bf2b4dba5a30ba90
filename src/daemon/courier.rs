//! Delivery → attempt → outcome.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::timer::Timer;
use super::{Core, CoreError, Wake, ping};
use crate::chain::chain;
use crate::destinations::details::{Details, PAGE};
use crate::destinations::{Parcel, ParcelFile};
use crate::domain::definition::OnUnknown;
use crate::domain::delivery::{Next, Outcome, next};
use crate::store::StoreError;
use crate::store::deliveries::{
    self, Earlier, EndedAttempt, OpenAttempt, PendingDelivery, due, next_attempt,
};

/// The ledger is looked at this often when nobody wakes the courier.
const LOOK_EVERY: SignedDuration = SignedDuration::from_secs(30);
/// What is due now is under way, or waits for a place: its end wakes the courier, and else it looks after this.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_millis(200);
/// How long places are gathered while more is due than there are.
const GATHER: Duration = Duration::from_millis(2);

/// Works off due deliveries until it is told to stop.
pub(super) async fn courier(core: Arc<Core>, wake: Wake, stop: CancellationToken, work: TaskTracker) {
    let under_way: Arc<Mutex<HashSet<i64>>> = Arc::default();
    let timer = Timer::new(core.clock.clone());
    let most = core.config.limits.deliveries;
    loop {
        let woken = wake.courier.notified();
        let mut backlog = false;
        match begin(&core, &under_way, most).await {
            Ok((begun, more)) => {
                backlog = more;
                for (delivery, attempt, earlier) in begun {
                    let (core, wake, under_way) = (core.clone(), wake.clone(), under_way.clone());
                    work.spawn(async move {
                        let delivery_id = delivery.delivery_id;
                        let _leave = Leave { under_way, delivery_id, wake };
                        if let Err(error) = attempt_it(&core, &delivery, attempt, &earlier).await {
                            tracing::error!(
                                delivery_id,
                                error = chain(&error),
                                "an attempt could not be recorded"
                            );
                            tokio::time::sleep(Duration::from_secs(1)).await;
                        }
                    });
                }
            }
            Err(error) => {
                tracing::error!(error = chain(&error), "deliveries could not be read; trying again");
            }
        }
        if backlog {
            // Places become free one by one; a few of them are filled together, so that their attempts share a sync.
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(GATHER) => continue,
            }
        }
        let until = next_look(&core).await;
        tokio::select! {
            () = stop.cancelled() => return,
            () = woken => {}
            () = timer.until(until) => {}
        }
    }
}

/// Gives a place free when its attempt ends, however that is.
struct Leave {
    under_way: Arc<Mutex<HashSet<i64>>>,
    delivery_id: i64,
    wake: Wake,
}

impl Drop for Leave {
    fn drop(&mut self) {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.delivery_id);
        self.wake.courier.notify_one();
    }
}

type Begun = (PendingDelivery, OpenAttempt, Earlier);

/// Writes down attempts for what is due and has a place, all of them at once; and whether more is due.
async fn begin(
    core: &Core,
    under_way: &Mutex<HashSet<i64>>,
    most: usize,
) -> Result<(Vec<Begun>, bool), StoreError> {
    let busy = under_way.lock().unwrap_or_else(PoisonError::into_inner).len();
    let free = most.saturating_sub(busy);
    let now = core.now();
    let found = core.store.read("read due deliveries", move |connection| due(connection, now, most)).await?;
    let more = free < found.len();
    let chosen: Vec<PendingDelivery> =
        found.into_iter().filter(|delivery| enter(under_way, delivery.delivery_id, most)).collect();
    if chosen.is_empty() {
        return Ok((Vec::new(), more));
    }
    let ids: Vec<i64> = chosen.iter().map(|delivery| delivery.delivery_id).collect();
    let start = move |tx: &rusqlite::Transaction<'_>| -> rusqlite::Result<Vec<Begun>> {
        chosen.into_iter().filter_map(|delivery| start(tx, delivery, now).transpose()).collect()
    };
    let begun = core.store.write("start attempts", start).await;
    let mut under_way = under_way.lock().unwrap_or_else(PoisonError::into_inner);
    match begun {
        Ok(begun) => {
            // What somebody else began, or ended, is not under way here.
            for id in ids.iter().filter(|id| !begun.iter().any(|(delivery, ..)| delivery.delivery_id == **id))
            {
                under_way.remove(id);
            }
            Ok((begun, more))
        }
        Err(error) => {
            for id in &ids {
                under_way.remove(id);
            }
            Err(error)
        }
    }
}

/// Writes down that an attempt begins; `None` where the delivery is not due any more.
fn start(
    tx: &rusqlite::Transaction<'_>,
    delivery: PendingDelivery,
    now: Timestamp,
) -> rusqlite::Result<Option<Begun>> {
    let earlier = deliveries::earlier(tx, delivery.delivery_id)?;
    let attempt = deliveries::start_attempt(tx, delivery.delivery_id, now)?;
    Ok(attempt.map(|attempt| (delivery, attempt, earlier)))
}

fn enter(under_way: &Mutex<HashSet<i64>>, delivery_id: i64, most: usize) -> bool {
    let mut under_way = under_way.lock().unwrap_or_else(PoisonError::into_inner);
    under_way.len() < most && under_way.insert(delivery_id)
}

async fn next_look(core: &Core) -> Timestamp {
    let next = core.store.read("read the next attempt", next_attempt).await.ok().flatten();
    let now = core.now();
    next.unwrap_or(Timestamp::MAX).clamp(now + LOOK_AGAIN, now + LOOK_EVERY)
}

/// Makes every attempt of a run that is due now, one after the other: for a command that works without the daemon.
pub async fn deliver_due(core: &Arc<Core>, run_id: i64) -> Result<(), CoreError> {
    loop {
        let now = core.now();
        let found =
            core.store.read("read due deliveries", move |connection| due(connection, now, usize::MAX)).await;
        let mut found = found.map_err(CoreError::store("deliver"))?;
        found.retain(|delivery| delivery.file.as_ref().is_some_and(|file| file.run_id == run_id));
        if found.is_empty() {
            return Ok(());
        }
        for delivery in found {
            let now = core.now();
            let begun = core.store.write("start an attempt", move |tx| start(tx, delivery, now)).await;
            if let Some((delivery, attempt, earlier)) = begun.map_err(CoreError::store("start an attempt"))? {
                attempt_it(core, &delivery, attempt, &earlier).await?;
            }
        }
    }
}

/// One attempt that was written down: marked when the body begins, closed after.
async fn attempt_it(
    core: &Arc<Core>,
    delivery: &PendingDelivery,
    attempt: OpenAttempt,
    earlier: &Earlier,
) -> Result<(), CoreError> {
    let (outcome, on_unknown) = match parcel(core, delivery, earlier) {
        Err(reply) => (Outcome::lasting(reply), OnUnknown::Hold),
        Ok(parcel) => {
            let mark =
                |upload: Option<&str>| -> std::pin::Pin<Box<dyn Future<Output = Result<(), String>> + Send>> {
                    let (core, upload) = (core.clone(), upload.map(ToOwned::to_owned));
                    Box::pin(async move {
                        let (attempt_id, now) = (attempt.attempt_id, core.now());
                        let marked = core.store.write("mark the body", move |tx| {
                            deliveries::body_begins(tx, attempt_id, upload.as_deref(), now)
                        });
                        marked.await.map_err(|error| chain(&error))
                    })
                };
            if let Details::File(_) = parcel.details
                && let Some(newer) = superseded(core, delivery).await.unwrap_or_default()
            {
                return let_be(core, delivery, attempt, newer).await;
            }
            let outcome = match not_there_yet(core, delivery, &parcel).await {
                // The attempt is open: it must have an end.
                Err(error) => Outcome::passing(chain(&error)),
                Ok(Some(outcome)) => outcome,
                Ok(None) => core.destinations.send(&parcel, &mark).await,
            };
            (outcome, parcel.details.on_unknown())
        }
    };
    let then = next(&outcome, attempt.tries, on_unknown);
    log(delivery, &outcome, then);
    finish(core, attempt, outcome, then).await?;
    if let (Next::End(_), Some(file)) = (then, &delivery.file) {
        told(core, file.run_id, file.version_id).await;
    }
    Ok(())
}

/// An older report that comes late does not replace a newer one under the same name.
async fn superseded(core: &Arc<Core>, delivery: &PendingDelivery) -> Result<Option<i64>, CoreError> {
    let delivery_id = delivery.delivery_id;
    let newer =
        core.store.read("look for a newer file", move |c| deliveries::superseded_by(c, delivery_id)).await;
    newer.map_err(CoreError::store("look for a newer file"))
}

/// Ends an attempt before anything of it was sent: a newer file stands at its place.
async fn let_be(
    core: &Arc<Core>,
    delivery: &PendingDelivery,
    attempt: OpenAttempt,
    newer: i64,
) -> Result<(), CoreError> {
    tracing::warn!(delivery_id = delivery.delivery_id, newer, "let be: a newer file stands there");
    let reason =
        format!("run {newer}, which is newer, has put its file there; legwork resend puts this one over it");
    let now = core.now();
    let close = move |tx: &rusqlite::Transaction<'_>| deliveries::let_be(tx, attempt, &reason, now);
    core.store.write("end an attempt", close).await.map_err(CoreError::store("end an attempt"))
}

/// A mail whose file is fetched by a link waits until the file is where the link leads.
async fn not_there_yet(
    core: &Arc<Core>,
    delivery: &PendingDelivery,
    parcel: &Parcel,
) -> Result<Option<Outcome>, CoreError> {
    let link = core.destinations.link_of(parcel).cloned();
    // Our own page has it already.
    let Some(link) = link.filter(|link| link.place != PAGE) else { return Ok(None) };
    let delivery_id = delivery.delivery_id;
    let wanted = link.clone();
    let read = move |connection: &rusqlite::Connection| {
        deliveries::state_beside(connection, delivery_id, &wanted.place, &wanted.target, &wanted.address)
    };
    let state = core.store.read("read the upload of a linked file", read).await;
    let state = state.map_err(CoreError::store("read the upload of a linked file"))?;
    let place = format!("{} `{}`", link.place, link.target);
    Ok(match state.as_deref() {
        Some("delivered") => None,
        Some("pending") => {
            Some(Outcome::passing(format!("the file is too large for a mail, and not at {place} yet")))
        }
        state => Some(Outcome::lasting(format!(
            "the file is too large for a mail, and it did not get to {place} ({}); mend that, then: legwork deliver",
            state.unwrap_or("it was not sent there")
        ))),
    })
}

/// Tells the job's ping once the last delivery of a scheduled run has ended.
async fn told(core: &Arc<Core>, run_id: i64, version_id: Option<i64>) {
    let Some(version_id) = version_id.filter(|_| !core.config.pings.is_empty()) else { return };
    let definition = tokio::task::block_in_place(|| core.definition(version_id));
    if let Ok(definition) = definition {
        ping::tell_when_settled(core, run_id, definition.run.ping.as_ref()).await;
    }
}

/// Writes how an attempt ended. What happened is known only here, so a full disk is waited out.
async fn finish(
    core: &Arc<Core>,
    attempt: OpenAttempt,
    outcome: Outcome,
    next: Next,
) -> Result<(), CoreError> {
    let ended = EndedAttempt { attempt, outcome, next };
    let mut wait = Duration::from_secs(1);
    loop {
        let (row, now) = (ended.clone(), core.now());
        let written =
            core.store.write("end an attempt", move |tx| deliveries::finish_attempt(tx, &row, now)).await;
        match written {
            Ok(()) => return Ok(()),
            Err(source @ StoreError::Closed { .. }) => {
                return Err(CoreError::Store { what: "end an attempt", source });
            }
            Err(error) => {
                tracing::error!(error = chain(&error), "an attempt's end could not be written; trying again");
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(Duration::from_mins(1));
            }
        }
    }
}

fn parcel(core: &Core, delivery: &PendingDelivery, earlier: &Earlier) -> Result<Parcel, String> {
    let details =
        Details::from_json(&delivery.details).map_err(|error| format!("read the delivery: {error}"))?;
    let file = delivery.file.as_ref().map(|file| ParcelFile {
        path: core.config.artifacts().join(&file.path),
        name: file.file_name.clone(),
        bytes: u64::try_from(file.bytes).unwrap_or(0),
        sha256: file.sha256.clone(),
    });
    Ok(Parcel {
        delivery_id: delivery.delivery_id,
        target: delivery.target.clone(),
        address: delivery.address.clone(),
        details,
        message_id: delivery.message_id.clone(),
        file,
        repeated: earlier.begun,
        unsure: earlier.unsure,
        uploads: earlier.uploads.clone(),
        now: core.now(),
    })
}

fn log(delivery: &PendingDelivery, outcome: &Outcome, then: Next) {
    let (delivery_id, kind, to) = (delivery.delivery_id, delivery.kind.as_str(), delivery.address.as_str());
    let reply = outcome.reply();
    match then {
        Next::End(state) if matches!(outcome, Outcome::Done { .. } | Outcome::Written { .. }) => {
            tracing::info!(delivery_id, kind, to, reply, state = state.name(), "delivered");
        }
        Next::End(state) => {
            tracing::error!(delivery_id, kind, to, reply, state = state.name(), "not delivered");
        }
        Next::Again(wait) => {
            tracing::warn!(delivery_id, kind, to, reply, again_in_s = wait.as_secs(), "not delivered yet");
        }
    }
}
