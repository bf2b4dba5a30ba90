//! `--server`: the same commands, asked of a daemon on another host over its API.
//!
//! What is asked for is done there; what is printed are the API's own words, as a table for people and as JSON for
//! programs. The token comes from `$LEGWORK_TOKEN`: as an argument it would stand in the process list.

mod follow;

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Context as _;
use reqwest::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::deliveries::exit_of_occurrence;
use super::exit::{Exit, told};
use super::out::{json as print_json, say, table};
use super::simulate::SimulateArguments;
use super::{Command, context, definitions};
use crate::network::escaped;
use crate::secret::environment;
use crate::web::COMING;

/// How long an answer may take.
const ANSWER_LIMIT: Duration = Duration::from_mins(1);

/// A daemon elsewhere.
struct Remote {
    base: String,
    token: Option<String>,
    client: reqwest::Client,
    json: bool,
}

/// Does a command on another host, if it is one that can be asked for there.
pub(super) fn run(server: &str, command: &Command, json: bool) -> anyhow::Result<Exit> {
    let base = server.trim_end_matches('/').to_owned();
    if !base.starts_with("https://") && !base.starts_with("http://") {
        return Err(told(
            Exit::Wrong,
            format!("`{server}` is no URL; write --server https://reports.example.com"),
        ));
    }
    let client = reqwest::Client::builder().timeout(ANSWER_LIMIT).build()?;
    let remote = Remote { base, token: environment("LEGWORK_TOKEN"), client, json };
    context::runtime()?.block_on(remote.dispatch(command))
}

impl Remote {
    #[expect(clippy::wildcard_enum_match_arm, reason = "what is not read is an act")]
    async fn dispatch(&self, command: &Command) -> anyhow::Result<Exit> {
        let and = |name: &Option<String>| {
            name.as_ref().map_or_else(String::new, |name| format!("&name={}", part(name)))
        };
        match command {
            Command::List => self.list().await,
            Command::Show { what } if what.parse::<i64>().is_ok() => {
                self.show(&format!("/runs/{what}")).await
            }
            Command::Show { what } => self.show(&format!("/reports/{}", part(what))).await,
            Command::Export { name } => {
                let text = self.get(&format!("/reports/{}/toml", part(name))).await?;
                say!("{}", words(at(&text, "/toml")).trim_end())?;
                Ok(Exit::Done)
            }
            Command::Runs { name, count } => {
                let found = self.get(&format!("/runs?limit={count}{}", and(name))).await?;
                self.rows(
                    at(&found, "/runs"),
                    &[
                        ("RUN", "/run/run_id"),
                        ("NAME", "/name"),
                        ("NOMINAL (UTC)", "/nominal_at"),
                        ("STATE", "/state"),
                        ("ROWS", "/run/file/rows"),
                        ("FILE", "/run/file/file_name"),
                    ],
                )
            }
            Command::Deliveries { name, count, state } => {
                let state = state.map_or_else(String::new, |state| format!("&state={}", state.name()));
                let found = self.get(&format!("/deliveries?limit={count}{}{state}", and(name))).await?;
                self.rows(
                    at(&found, "/deliveries"),
                    &[
                        ("RUN", "/run_id"),
                        ("NAME", "/name"),
                        ("BY", "/kind"),
                        ("TO", "/address"),
                        ("STATE", "/state"),
                        ("SINCE (UTC)", "/created_at"),
                        ("REPLY", "/reply"),
                    ],
                )
            }
            Command::Sources => {
                let found = self.get("/sources").await?;
                self.rows(
                    at(&found, "/sources"),
                    &[("SOURCE", "/name"), ("KIND", "/kind"), ("ACCOUNT", "/account"), ("LEFT", "/left")],
                )
            }
            Command::Why { name } => self.why(name).await,
            Command::Next { name, count } => self.next(name.as_deref(), *count).await,
            Command::Simulate(arguments) => self.simulate(arguments).await,
            Command::Doctor => self.doctor().await,
            Command::Plan => definitions::tell_plan(&self.read(self.get("/plan").await?)?, self.json),
            _ => self.act_on(command).await,
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "what is not named here is for the host itself")]
    async fn act_on(&self, command: &Command) -> anyhow::Result<Exit> {
        match command {
            Command::Run(arguments) => self.run(arguments).await,
            Command::Pause { name } => {
                self.act(&format!("/reports/{}/pause", part(name)), &Value::Null).await
            }
            Command::Resume { name } => {
                self.act(&format!("/reports/{}/resume", part(name)), &Value::Null).await
            }
            Command::Rerun { run } => {
                let asked = self.post(&format!("/runs/{run}/rerun"), &Value::Null).await?;
                self.follow(&asked).await
            }
            Command::Deliver(which) => {
                self.act(&format!("/runs/{}/deliver", which.run()), &json!({ "only": which.only() })).await
            }
            Command::Release(which) => {
                self.act(&format!("/runs/{}/release", which.run()), &json!({ "only": which.only() })).await
            }
            Command::Resend { which, to } => {
                self.act(&format!("/runs/{}/resend", which.run()), &json!({ "to": to, "only": which.only() }))
                    .await
            }
            Command::Discard { which, reason } => {
                let body = json!({ "reason": reason, "only": which.only() });
                self.act(&format!("/runs/{}/discard", which.run()), &body).await
            }
            Command::Backfill(arguments) => self.backfill(arguments).await,
            Command::Collect(arguments) => self.collect(arguments).await,
            Command::Import(arguments) => self.import(arguments).await,
            Command::Apply { allow_retire, now } => {
                let body = json!({ "allow_retire": allow_retire, "now": now });
                definitions::tell_applied(&self.read(self.post("/apply", &body).await?)?, self.json)
            }
            Command::Backup { file: None } => {
                let copied = self.post("/backup", &Value::Null).await?;
                say!("{} on that host", words(at(&copied, "/file")))?;
                Ok(Exit::Done)
            }
            _ => Err(told(
                Exit::Wrong,
                "this command is not asked over --server; there are list, show, why, next, simulate, export, \
                 runs, deliveries, sources, doctor, plan, apply, run, rerun, backfill, pause, resume, deliver, release, \
                 resend, discard, import, collect and backup",
            )),
        }
    }

    async fn simulate(&self, arguments: &SimulateArguments) -> anyhow::Result<Exit> {
        let mut query = vec![("from", arguments.from.as_str()), ("to", &arguments.to)];
        query.extend(arguments.names.iter().map(|name| ("name", name.as_str())));
        query.extend(arguments.down.iter().map(|down| ("down", down.as_str())));
        query.push(("run_takes", &arguments.run_takes));
        let query: Vec<String> =
            query.iter().map(|(name, value)| format!("{name}={}", part(value))).collect();
        let mut found = self.get(&format!("/simulate?{}", query.join("&"))).await?;
        let usual = |one: &Value| {
            at(one, "/skipped").is_null() && at(one, "/note").is_null() && *at(one, "/late_seconds") == 0
        };
        if let Some(all) = found.pointer_mut("/occurrences").and_then(Value::as_array_mut)
            && arguments.odd
        {
            all.retain(|one| !usual(one));
        }
        if self.json {
            print_json(&found)?;
            return Ok(Exit::Done);
        }
        let columns = [
            ("NOMINAL", "/local"),
            ("ZONE", "/time_zone"),
            ("NAME", "/name"),
            ("SKIPPED BY", "/skipped"),
            ("LATE (s)", "/late_seconds"),
            ("NOTE", "/note"),
        ];
        self.rows(at(&found, "/occurrences"), &columns)
    }

    async fn doctor(&self) -> anyhow::Result<Exit> {
        let found = self.post("/doctor", &Value::Null).await?;
        let columns = [("STATE", "/state"), ("KIND", "/kind"), ("TARGET", "/target"), ("WORDS", "/words")];
        self.rows(at(&found, "/examined"), &columns)?;
        Ok(if *at(&found, "/good") == true { Exit::Done } else { Exit::Failed })
    }

    async fn why(&self, name: &str) -> anyhow::Result<Exit> {
        let found = self.get(&format!("/reports/{}/why", part(name))).await?;
        if self.json {
            print_json(&found)?;
            return Ok(exit_of(&found));
        }
        if !at(&found, "/occurrence").is_null() {
            tell(&found)?;
        }
        say!("\nnext: {}", words(at(&found, "/next")))?;
        Ok(exit_of(&found))
    }

    async fn next(&self, name: Option<&str>, count: u32) -> anyhow::Result<Exit> {
        let columns =
            [("NEXT DUE (UTC)", "/at"), ("ZONE", "/time_zone"), ("NAME", "/name"), ("NOTE", "/note")];
        if usize::try_from(count).is_ok_and(|count| COMING < count) {
            let cure =
                format!("over --server the next {COMING} of a report are told; ask for no more of them");
            return Err(told(Exit::Wrong, cure));
        }
        let Some(name) = name else {
            let mut found = self.get("/upcoming?limit=2000").await?;
            if let Some(upcoming) = found.pointer_mut("/upcoming").and_then(Value::as_array_mut) {
                let mut each: HashMap<String, u32> = HashMap::new();
                upcoming.retain(|one| {
                    let told = each.entry(words(at(one, "/name"))).or_default();
                    *told += 1;
                    *told <= count
                });
            }
            let exit = self.rows(at(&found, "/upcoming"), &columns)?;
            if !self.json {
                say!("\nof the coming week; `next NAME` looks further ahead")?;
            }
            return Ok(exit);
        };
        let mut found = self.get(&format!("/reports/{}", part(name))).await?;
        if let Some(coming) = found.pointer_mut("/coming").and_then(Value::as_array_mut) {
            coming.truncate(usize::try_from(count).unwrap_or(usize::MAX));
        }
        self.rows(at(&found, "/coming"), &columns)
    }

    async fn ask(&self, method: Method, path: &str, body: &Value) -> anyhow::Result<Value> {
        let mut request = self.client.request(method, format!("{}/api/v1{path}", self.base));
        if !body.is_null() {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        self.send(request).await
    }

    async fn send(&self, mut request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let failed = |error: reqwest::Error| {
            let error = anyhow::Error::new(error.without_url());
            error.context(format!("ask `{}`", self.base))
        };
        let answer = request.send().await.map_err(failed)?;
        let status = answer.status();
        let text = answer.text().await.map_err(failed)?;
        let value: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        if status.is_success() {
            return Ok(value);
        }
        let detail =
            at(&value, "/detail").as_str().map_or_else(|| format!("it answered {status}"), ToOwned::to_owned);
        let detail = if status == StatusCode::UNAUTHORIZED {
            format!("{detail}; put a token of that host into $LEGWORK_TOKEN (`legwork token add` there)")
        } else {
            detail
        };
        Err(told(exit_of_status(status), detail))
    }

    /// An answer in the program's own shape.
    fn read<T: DeserializeOwned>(&self, answer: Value) -> anyhow::Result<T> {
        serde_json::from_value(answer)
            .with_context(|| format!("`{}` answered in another shape; is it another version?", self.base))
    }

    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.ask(Method::GET, path, &Value::Null).await
    }

    async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.ask(Method::POST, path, body).await
    }

    async fn act(&self, path: &str, body: &Value) -> anyhow::Result<Exit> {
        let done = self.post(path, body).await?;
        match at(&done, "/deliveries").as_i64() {
            Some(count) => say!("{count} deliveries")?,
            None => say!("done")?,
        }
        Ok(Exit::Done)
    }

    async fn list(&self) -> anyhow::Result<Exit> {
        let mut all = Vec::new();
        let mut after = String::new();
        loop {
            let mut page = self.get(&format!("/reports?limit=500&after={}", part(&after))).await?;
            if let Some(reports) = page.pointer_mut("/reports").and_then(Value::as_array_mut) {
                all.append(reports);
            }
            match at(&page, "/next").as_str() {
                Some(next) => next.clone_into(&mut after),
                None => break,
            }
        }
        let columns = [
            ("24 H", "/generated_in_last_24_h"),
            ("NAME", "/name"),
            ("VERDICT", "/verdict"),
            ("LAST FILE (UTC)", "/generated_at"),
            ("ROWS", "/rows"),
            ("NEXT DUE (UTC)", "/next_at"),
        ];
        self.rows(&Value::Array(all), &columns)
    }

    async fn show(&self, path: &str) -> anyhow::Result<Exit> {
        let found = self.get(path).await?;
        if self.json {
            print_json(&found)?;
        } else if let Some(toml) = at(&found, "/toml").as_str() {
            say!(
                "{}  {}  version {}\n\n{}",
                words(at(&found, "/report/name")),
                words(at(&found, "/report/state")),
                at(&found, "/version"),
                toml.trim_end()
            )?;
        } else {
            tell(&found)?;
        }
        Ok(exit_of(&found))
    }

    fn rows(&self, list: &Value, columns: &[(&str, &str)]) -> anyhow::Result<Exit> {
        if self.json {
            print_json(list)?;
            return Ok(Exit::Done);
        }
        let headers: Vec<&str> = columns.iter().map(|(header, _)| *header).collect();
        let cell = |one: &Value, path: &str| one.pointer(path).map_or_else(|| "-".to_owned(), words);
        let each = list.as_array().into_iter().flatten();
        let rows: Vec<Vec<String>> =
            each.map(|one| columns.iter().map(|(_, path)| cell(one, path)).collect()).collect();
        table(&headers, &rows)?;
        Ok(Exit::Done)
    }
}

/// The same code as on this host of an occurrence with its deliveries.
fn exit_of(found: &Value) -> Exit {
    let occurrence = at(found, "/occurrence");
    let sent = at(found, "/deliveries").as_array().into_iter().flatten();
    let held = *at(occurrence, "/run/file/verdict") == "held";
    let state = at(occurrence, "/state").as_str().unwrap_or_default();
    exit_of_occurrence(state, held, sent.filter_map(|one| at(one, "/state").as_str()))
}

fn exit_of_status(status: StatusCode) -> Exit {
    match status {
        StatusCode::NOT_FOUND => Exit::NotFound,
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY | StatusCode::FORBIDDEN => Exit::Wrong,
        StatusCode::CONFLICT | StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => Exit::Later,
        _ => Exit::Failed,
    }
}

static NULL: Value = Value::Null;

/// What stands at a JSON pointer; null where nothing does.
fn at<'a>(value: &'a Value, path: &str) -> &'a Value {
    value.pointer(path).unwrap_or(&NULL)
}

/// A part of a path or query.
fn part(text: &str) -> String {
    escaped(text, "")
}

/// A value for people.
fn words(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(all) => all.iter().map(words).collect::<Vec<_>>().join(", "),
        Value::Bool(true) => "● yes".to_owned(),
        Value::Bool(false) => "  no".to_owned(),
        Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

fn tell(found: &Value) -> anyhow::Result<()> {
    let (occurrence, run) = (at(found, "/occurrence"), at(found, "/occurrence/run"));
    say!(
        "{} run {}: {}",
        words(at(occurrence, "/name")),
        words(at(run, "/run_id")),
        words(at(occurrence, "/state"))
    )?;
    if let Some(error) = at(run, "/error").as_str() {
        say!("  {error}")?;
    }
    if let Some(file) = at(run, "/file/file_name").as_str() {
        say!("  {file} ({} rows, {} bytes)", at(run, "/file/rows"), at(run, "/file/bytes"))?;
    }
    for delivery in at(found, "/deliveries").as_array().into_iter().flatten() {
        let last = at(delivery, "/attempts").as_array().and_then(|attempts| attempts.last());
        let reply = last.map_or_else(|| "not tried yet".to_owned(), |attempt| words(at(attempt, "/reply")));
        say!(
            "  {} {}: {} ({reply})",
            words(at(delivery, "/kind")),
            words(at(delivery, "/address")),
            words(at(delivery, "/state"))
        )?;
    }
    Ok(())
}
