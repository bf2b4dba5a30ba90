//! A report made for one request and streamed into its answer.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::StreamExt;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::artifacts::behind::PIECE;
use crate::artifacts::hex;
use crate::chain::chain;
use crate::daemon::Core;
use crate::daemon::ask::AskError;
use crate::daemon::generate::{Order, write_to};
use crate::daemon::progress::{GivenUp, Progress};
use crate::domain::definition::Definition;
use crate::domain::period::Period;
use crate::domain::report::Unseen;
use crate::store::access::{self, Audited};
use crate::web::Shared;
use crate::web::access::Who;
use crate::web::refused::Refused;

/// Pieces between the thread that writes and the connection.
const QUEUED_PIECES: usize = 4;

/// What is to be made.
pub(super) struct Immediate {
    pub(super) definition: Definition,
    pub(super) period: Period,
    pub(super) nominal: Timestamp,
    /// The account whose rows it has.
    pub(super) account: String,
}

impl Immediate {
    /// A definition out of the TOML that says the same. What is wrong with it is the caller's.
    pub(super) fn parse(core: &Core, job: &toml::Table) -> Result<Definition, Refused> {
        let text = toml::to_string(job).map_err(Refused::broken)?;
        let parsed = crate::jobfile::parse("request", "request", &text, &core.referable());
        let problems: Vec<String> = parsed.problems.iter().map(|problem| problem.message.clone()).collect();
        let mut definition = parsed.definition.ok_or_else(|| Refused::wrong(problems.join("; ")))?;
        definition.report.filters.unseen = Unseen::Nothing;
        Ok(definition)
    }
}

/// The beginning is held back until there is so much: a header that a writer flushes while it is dropped over an error
/// must not be the beginning of an answer.
const HELD_BYTES: usize = 16 << 10;

/// Takes the text of a report and hands it to a connection.
struct Pieces {
    sender: Sender<io::Result<Bytes>>,
    /// The beginning, until something was sent.
    held: Option<Vec<u8>>,
    digest: Sha256,
    bytes: u64,
}

impl Pieces {
    fn send(&self, piece: Bytes) -> io::Result<()> {
        let sent = self.sender.blocking_send(Ok(piece));
        sent.map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "the caller is gone"))
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.digest.update(bytes);
        self.bytes += u64::try_from(bytes.len()).unwrap_or(0);
        let piece = match self.held.take() {
            None => Bytes::copy_from_slice(bytes),
            Some(mut held) => {
                held.extend_from_slice(bytes);
                if held.len() < HELD_BYTES {
                    self.held = Some(held);
                    return Ok(bytes.len());
                }
                held.into()
            }
        };
        self.send(piece)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Makes the report and streams it. An error before the first byte is an answer of its own; one behind it breaks the
/// connection without the last chunk, so that no client takes a part for the whole.
pub(super) async fn answer(
    site: &Shared,
    who: &Who,
    immediate: Immediate,
    media_type: &'static str,
) -> Result<Response, Refused> {
    let place = site.immediate.clone().try_acquire_owned().map_err(|_| {
        let mut refused =
            Refused::new(StatusCode::TOO_MANY_REQUESTS, "too many reports are made at once; try again");
        refused.retry_after = Some(1);
        refused
    })?;
    let (sender, mut pieces) = channel(QUEUED_PIECES);
    let (core, who) = (site.core.clone(), who.name.clone());
    let progress = Arc::new(Progress::default());
    let (given_up, watched) = (GivenUp(progress.clone()), progress.clone());
    let making = tokio::task::spawn_blocking(move || {
        let failed = sender.clone();
        if let Err(error) = make(&core, &who, &immediate, &progress, sender) {
            drop(failed.blocking_send(Err(io::Error::other(error))));
        }
        drop(place);
    });
    let stop = site.stop.clone();
    site.work.spawn(async move {
        // Nobody waits for a report while the daemon stops.
        tokio::select! {
            () = stop.cancelled() => watched.end(),
            _ = making => {}
        }
    });
    match pieces.recv().await {
        None => Err(Refused::broken("a report ended without a byte")),
        Some(Err(error)) => Err(Refused::broken(error)),
        Some(Ok(first)) => {
            let body = Body::from_stream(stream(first, pieces, given_up));
            Ok(([(header::CONTENT_TYPE, media_type)], body).into_response())
        }
    }
}

fn stream(
    first: Bytes,
    pieces: Receiver<io::Result<Bytes>>,
    given_up: GivenUp,
) -> impl futures_util::Stream<Item = io::Result<Bytes>> {
    let rest =
        futures_util::stream::unfold((pieces, given_up, false), async |(mut pieces, given_up, ended)| {
            match pieces.recv().await {
                // A report says when it is whole: a thread that is gone without that word has left a part.
                Some(Ok(piece)) if piece.is_empty() => None,
                Some(piece) => Some((piece, (pieces, given_up, ended))),
                None if ended => None,
                None => Some((Err(io::Error::other("the report broke off")), (pieces, given_up, true))),
            }
        });
    futures_util::stream::once(async { Ok(first) }).chain(rest)
}

/// Writes the whole report, and its line of the audit. Blocks.
fn make(
    core: &Core,
    who: &str,
    immediate: &Immediate,
    progress: &Progress,
    sender: Sender<io::Result<Bytes>>,
) -> Result<(), String> {
    let Immediate { definition, period, nominal, account } = immediate;
    let reader = core.store.reader().map_err(|error| chain(&error))?;
    let order = Order { definition, period: *period, nominal: *nominal, target: Path::new("answer") };
    let out = Pieces { sender, held: Some(Vec::new()), digest: Sha256::new(), bytes: 0 };
    let (written, ..) = write_to(reader, order, progress, (out, PIECE)).map_err(|error| {
        tracing::warn!(account, error = chain(&error), "a report for a request broke off");
        chain(&error)
    })?;
    let mut out = written.out;
    let (last, digest, bytes) = (out.held.take(), std::mem::take(&mut out.digest), out.bytes);
    let line = Audited {
        at: core.now(),
        who: who.to_owned(),
        action: "immediate report".to_owned(),
        subject: definition.report.kind.name.to_owned(),
        detail: Some(format!(
            "account {account}, {} to {}, {} rows, {bytes} bytes, sha256 {}",
            period.start,
            period.end,
            written.rows,
            hex(&digest.finalize())
        )),
    };
    let note = move |tx: &rusqlite::Transaction<'_>| access::note(tx, &line);
    let noted = core.store.write_blocking("write the audit", note).map_err(AskError::from);
    // What nobody could note down is not handed over whole.
    noted.map_err(|error| chain(&error))?;
    let last = last.map_or(Ok(()), |last| out.send(last.into()));
    last.and_then(|()| out.send(Bytes::new())).map_err(|error| error.to_string())
}
