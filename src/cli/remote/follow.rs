//! What takes its time on the other host: it is asked for, and then asked about until it has ended.

use std::path::Path;
use std::time::Duration;

use clap::ValueEnum;
use serde_json::{Value, json};
use tokio_util::io::ReaderStream;

use super::{Remote, at, exit_of, part, tell, words};
use crate::cli::backfill::{self, BackfillArguments};
use crate::cli::exit::{Exit, told};
use crate::cli::import::ImportArguments;
use crate::cli::out::{StatusLine, json as print_json, say};
use crate::cli::run::RunArguments;
use crate::cli::sources::{self, CollectArguments};
use crate::daemon::backfill::Backfilled;
use crate::store::sources::CollectRequest;

/// How long records may take to travel and to be written.
const IMPORT_LIMIT: Duration = Duration::from_hours(1);
/// How often a run is looked at while it goes on.
const LOOK_EVERY: Duration = Duration::from_millis(500);

impl Remote {
    pub(super) async fn run(&self, arguments: &RunArguments) -> anyhow::Result<Exit> {
        let body =
            json!({ "period": arguments.period(), "to": arguments.to(), "no_send": arguments.no_send() });
        let asked = self.post(&format!("/reports/{}/run", part(arguments.name())), &body).await?;
        self.follow(&asked).await
    }

    /// Waits for a run's end and its first attempts, and tells how it went.
    pub(super) async fn follow(&self, asked: &Value) -> anyhow::Result<Exit> {
        let path = format!("/occurrences/{}", at(asked, "/occurrence_id"));
        let line = StatusLine::new();
        loop {
            let found = self.get(&path).await?;
            let state = words(at(&found, "/occurrence/state"));
            // The first attempt counts once it has ended.
            let ended = |attempt: &Value| !at(attempt, "/ended_at").is_null();
            let tried =
                |one: &Value| at(one, "/attempts").as_array().is_some_and(|all| all.iter().any(ended));
            let untried = |one: &Value| at(one, "/state") == "pending" && !tried(one);
            let open = at(&found, "/deliveries").as_array().is_some_and(|all| all.iter().any(untried));
            if matches!(state.as_str(), "done" | "failed" | "skipped") && !open {
                line.clear();
                if self.json {
                    print_json(&found)?;
                } else {
                    tell(&found)?;
                }
                let run = at(&found, "/occurrence/run");
                let failed = state == "skipped" || !at(run, "/error").is_null();
                return Ok(if failed { Exit::Failed } else { exit_of(&found) });
            }
            line.show(&format!("{state} …"));
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// What has ended is asked about, and what is left put into the run queue, until nothing is left.
    pub(super) async fn backfill(&self, arguments: &BackfillArguments) -> anyhow::Result<Exit> {
        let path = format!("/reports/{}/backfill", part(&arguments.name));
        let body = json!({ "from": arguments.from, "to": arguments.to, "send": arguments.send });
        let line = StatusLine::new();
        loop {
            let backfilled: Backfilled = self.read(self.post(&path, &body).await?)?;
            if backfilled.is_over() {
                line.clear();
                return backfill::tell(&backfilled, &arguments.name, self.json);
            }
            line.show(&backfill::progress(&backfilled));
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    pub(super) async fn collect(&self, arguments: &CollectArguments) -> anyhow::Result<Exit> {
        let body = json!({ "from": arguments.from, "to": arguments.to });
        let asked = self.post(&format!("/sources/{}/collect", part(&arguments.name)), &body).await?;
        let path = format!("/collections/{}", at(&asked, "/collect_request_id"));
        let line = StatusLine::new();
        loop {
            let request: CollectRequest = self.read(self.get(&path).await?)?;
            if request.has_ended() {
                line.clear();
                return sources::tell(&request, self.json);
            }
            line.show(&sources::progress(&request));
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    pub(super) async fn import(&self, arguments: &ImportArguments) -> anyhow::Result<Exit> {
        if arguments.rejects.is_some() {
            let cure = "--rejects writes a file beside the one that is read; the API tells the first hundred bad lines";
            return Err(told(Exit::Wrong, cure));
        }
        let mut query = vec![format!("strict={}", arguments.strict)];
        let more = [
            (
                "kind",
                arguments.kind.map(|kind| {
                    kind.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
                }),
            ),
            ("covers", arguments.covers.clone()),
            ("source", arguments.source.clone()),
            ("account", arguments.account.clone()),
        ];
        query.extend(more.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", part(&value?)))));
        let mut exit = Exit::Done;
        for path in &arguments.files {
            let file = if path == Path::new("-") { Path::new("/dev/stdin") } else { path.as_path() };
            let file = tokio::fs::File::open(file).await;
            let file =
                file.map_err(|error| told(Exit::Failed, format!("open `{}`: {error}", path.display())))?;
            let body = reqwest::Body::wrap_stream(ReaderStream::with_capacity(file, 1 << 16));
            let url = format!("{}/api/v1/import?{}", self.base, query.join("&"));
            // As long as it takes: the body may be large, and the records are written before the answer.
            let request = self.client.post(url).timeout(IMPORT_LIMIT).body(body);
            let done = self.send(request).await?;
            if *at(&done, "/bad") != 0 {
                exit = Exit::Failed;
            }
            if self.json {
                print_json(&done)?;
                continue;
            }
            say!(
                "{}: {} lines: {} new, {} changed, {} there already, {} older than the store, {} bad",
                path.display(),
                at(&done, "/lines"),
                at(&done, "/added"),
                at(&done, "/changed"),
                at(&done, "/unchanged"),
                at(&done, "/older"),
                at(&done, "/bad")
            )?;
            for bad in at(&done, "/bad_lines").as_array().into_iter().flatten() {
                say!("! line {}: {}", at(bad, "/line"), words(at(bad, "/reason")))?;
            }
        }
        Ok(exit)
    }
}
