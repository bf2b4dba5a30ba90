//! What takes its time on the other host: it is asked for, and then asked about until it has ended.

use std::path::Path;
use std::time::Duration;

use clap::ValueEnum;
use serde_json::{Value, json};
use tokio_util::io::ReaderStream;

use super::{Remote, at, part, tell, words};
use crate::cli::backfill::BackfillArguments;
use crate::cli::deliveries::exit_of_states;
use crate::cli::exit::{Exit, told};
use crate::cli::import::ImportArguments;
use crate::cli::out::{StatusLine, json as print_json, say};
use crate::cli::run::RunArguments;
use crate::cli::sources::CollectArguments;

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
                return Ok(exit_of_run(&found));
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
            let state = self.post(&path, &body).await?;
            let (done, failed) = (at(&state, "/done"), at(&state, "/failed"));
            if *at(&state, "/left") == 0 && *at(&state, "/open") == 0 {
                line.clear();
                if self.json {
                    print_json(&state)?;
                } else {
                    say!("{done} made, {failed} failed, of {} instants", at(&state, "/instants"))?;
                }
                return Ok(if *failed == 0 { Exit::Done } else { Exit::Failed });
            }
            line.show(&format!("{done} of {}, {failed} failed", at(&state, "/instants")));
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    pub(super) async fn collect(&self, arguments: &CollectArguments) -> anyhow::Result<Exit> {
        let body = json!({ "from": arguments.from, "to": arguments.to });
        let asked = self.post(&format!("/sources/{}/collect", part(&arguments.name)), &body).await?;
        let path = format!("/collections/{}", at(&asked, "/collect_request_id"));
        let line = StatusLine::new();
        loop {
            let found = self.get(&path).await?;
            let counts =
                format!("{} records in {} requests", at(&found, "/records"), at(&found, "/requests"));
            let state = words(at(&found, "/state"));
            if !matches!(state.as_str(), "done" | "failed") {
                line.show(&counts);
                tokio::time::sleep(LOOK_EVERY).await;
                continue;
            }
            line.clear();
            if self.json {
                print_json(&found)?;
            } else {
                say!("{}: {counts}, whole until {}", arguments.name, words(at(&found, "/reached_at")))?;
                if let Some(failure) = at(&found, "/failure").as_str() {
                    say!("! {failure}\n  what came is kept; the same command fetches the rest")?;
                }
            }
            return Ok(if state == "done" { Exit::Done } else { Exit::Failed });
        }
    }

    pub(super) async fn import(&self, arguments: &ImportArguments) -> anyhow::Result<Exit> {
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
            if self.json {
                print_json(&done)?;
                continue;
            }
            say!(
                "{}: {} lines: {} new, {} changed, {} there already, {} older than the store",
                path.display(),
                at(&done, "/lines"),
                at(&done, "/added"),
                at(&done, "/changed"),
                at(&done, "/unchanged"),
                at(&done, "/older")
            )?;
            for bad in at(&done, "/bad_lines").as_array().into_iter().flatten() {
                say!("! line {}: {}", at(bad, "/line"), words(at(bad, "/reason")))?;
                exit = Exit::Failed;
            }
        }
        Ok(exit)
    }
}

/// The same code as that of a run on this host.
fn exit_of_run(found: &Value) -> Exit {
    let run = at(found, "/occurrence/run");
    if at(found, "/occurrence/state") != "done" || !at(run, "/error").is_null() {
        return Exit::Failed;
    }
    if at(run, "/file/verdict") == "held" {
        return Exit::Held;
    }
    let sent = at(found, "/deliveries").as_array().into_iter().flatten();
    exit_of_states(sent.filter_map(|one| at(one, "/state").as_str()))
}
