//! Records into the segment store, as `legwork import` puts them there.

use std::fs::File;
use std::io::{Seek, Write};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use clap::ValueEnum;
use futures_util::StreamExt;

use super::{Answer, OfSite, wanted};
use crate::daemon::Core;
use crate::daemon::ask::AskError;
use crate::daemon::import::{Heard, Import, ImportFailure, inspect, not_empty, text};
use crate::domain::record::CoverageRecord;
use crate::import::{BadLine, CsvKind, ImportError};
use crate::web::Shared;
use crate::web::api::shapes::{ImportDone, RejectedLine};
use crate::web::api::{Caller, answer};
use crate::web::fields::Fields;
use crate::web::refused::Refused;

/// A larger body is one for the command, which reads files.
const BODY_MAX: u64 = 1 << 30;
/// A sender that is silent for so long is gone.
const SILENCE: Duration = Duration::from_secs(20);
/// How long a whole body may take: it holds the one place.
const BODY_LIMIT: Duration = Duration::from_mins(30);
/// Bad lines that an answer names.
const TOLD_MAX: usize = 100;

/// How the records are to be taken.
struct Wish {
    kind: Option<CsvKind>,
    strict: bool,
    covers: Option<CoverageRecord>,
}

/// The first bad lines.
#[derive(Default)]
struct Rejected(Vec<RejectedLine>);

impl Heard for Rejected {
    fn bad(&mut self, bad: &BadLine) -> std::io::Result<()> {
        if self.0.len() < TOLD_MAX {
            self.0.push(RejectedLine { line: bad.line, reason: bad.reason.clone(), text: bad.text.clone() });
        }
        Ok(())
    }

    fn lines(&mut self, _: u64) {}
}

pub(in crate::web::api) async fn import(
    State(site): OfSite,
    axum::Extension(who): Caller,
    request: Request<Body>,
) -> Answer {
    let wish = wish(&Fields::of_query(&request))?;
    let place = site.imports.clone().try_acquire_owned().map_err(|_| {
        Refused::new(
            StatusCode::CONFLICT,
            "another import is under way; send this one again when it has ended",
        )
    })?;
    let late = || Refused::new(StatusCode::REQUEST_TIMEOUT, "the request's body did not come in time");
    let spool = tokio::time::timeout(BODY_LIMIT, spool(&site, request.into_body()));
    let spool = spool.await.map_err(|_| late())??;
    // The work is not the connection's: whoever hangs up leaves no half of it.
    let core = site.core.clone();
    let work = tokio::task::spawn_blocking(move || {
        let done = take(&core, spool, &wish);
        drop(place);
        done
    });
    let done = work.await.map_err(Refused::broken)??;
    let lines = format!("{} lines, {} of them bad", done.lines, done.bad);
    site.wake.all();
    site.note(&who, "import", "segments", Some(lines)).await;
    answer(StatusCode::OK, &done)
}

fn wish(fields: &Fields) -> Result<Wish, Refused> {
    let kind = wanted(fields, "kind").map(|text| {
        CsvKind::from_str(&text, false).map_err(|_| Refused::wrong(format!("there is no kind `{text}`")))
    });
    let strict = match fields.get("strict") {
        "true" => true,
        "" | "false" => false,
        text => return Err(Refused::wrong(format!("strict is `{text}`; it may be true or false"))),
    };
    let covers = wanted(fields, "covers").map(|span| {
        let (source, account) = (wanted(fields, "source"), wanted(fields, "account"));
        CoverageRecord::of_span(&span, source.as_deref(), account.as_deref())
            .map_err(|error| Refused::wrong(format!("covers: {error}")))
    });
    Ok(Wish { kind: kind.transpose()?, strict, covers: covers.transpose()? })
}

/// The body as a file without a name: a slow sender must not hold the database.
async fn spool(site: &Shared, body: Body) -> Result<File, Refused> {
    let mut spool = tempfile::tempfile_in(&site.core.config.state).map_err(Refused::broken)?;
    let mut stream = body.into_data_stream();
    let mut bytes = 0_u64;
    loop {
        let piece = tokio::time::timeout(SILENCE, stream.next()).await;
        let piece = piece.map_err(|_| {
            Refused::new(StatusCode::REQUEST_TIMEOUT, "the request's body did not come in time")
        })?;
        let Some(piece) = piece else { break };
        let piece = piece.map_err(|_| Refused::wrong("the request's body broke off"))?;
        bytes += u64::try_from(piece.len()).unwrap_or(u64::MAX);
        if BODY_MAX < bytes {
            let cure =
                format!("the body is larger than {BODY_MAX} bytes; `legwork import` reads files of any size");
            return Err(Refused::new(StatusCode::PAYLOAD_TOO_LARGE, cure));
        }
        tokio::task::block_in_place(|| spool.write_all(&piece)).map_err(Refused::broken)?;
    }
    Ok(spool)
}

/// Takes the records of a file. Blocks.
fn take(core: &Core, mut spool: File, wish: &Wish) -> Result<ImportDone, Refused> {
    let mut rejected = Rejected::default();
    let mut text = || {
        spool.rewind().map_err(Refused::broken)?;
        text(spool.try_clone().map_err(Refused::broken)?).map_err(Refused::broken)
    };
    if wish.strict {
        let bad = inspect(text()?, wish.kind, &mut rejected).map_err(refused)?;
        if 0 < bad {
            let each = rejected.0.iter().map(|line| format!("line {}: {}", line.line, line.reason));
            let lines = each.collect::<Vec<_>>().join("\n");
            let detail = format!("{bad} bad lines, nothing imported\n{lines}");
            return Err(Refused::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
        }
    }
    let mut body = text()?;
    if wish.covers.is_some() {
        not_empty(&mut body).map_err(refused)?;
    }
    let mut import = Import::begin(&core.store, core.now(), true).map_err(AskError::from)?;
    import.take(body, wish.kind, &mut rejected).map_err(refused)?;
    if let Some(covers) = &wish.covers {
        import.cover(covers).map_err(AskError::from)?;
    }
    let imported = import.finish().map_err(AskError::from)?;
    Ok(ImportDone { lines: imported.lines, bad: imported.bad, tally: imported.tally, bad_lines: rejected.0 })
}

fn refused(failure: ImportFailure) -> Refused {
    match failure {
        ImportFailure::Text(ImportError::Unusable(message)) => Refused::wrong(message),
        ImportFailure::Text(ImportError::Read(error)) => Refused::wrong(format!("the body: {error}")),
        ImportFailure::Nothing => Refused::wrong(format!("the body {failure}")),
        ImportFailure::Store(error) => AskError::from(error).into(),
        ImportFailure::Rejects(_) | ImportFailure::Panicked => Refused::broken(failure),
    }
}
