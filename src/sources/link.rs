//! The way to a vendor: its budget, its login, what is tried again, and what is believed.
//!
//! A request waits for its place in the account's budget, which all jobs share. An answer 401 renews the login once. What
//! may pass is tried again after a wait that a die chooses below a limit which doubles (full jitter): fifty jobs that were
//! refused together do not come back together. What the vendor asks for by `Retry-After` closes the budget for all of them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, TRANSFER_ENCODING};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;

use super::{Errand, SourceError};
use crate::chain::chain;
use crate::config;
use crate::domain::budget::Budget;
use crate::domain::record::Text;
use crate::domain::source::Asked;
use crate::network::{self, Content, Guard, escaped, retry_after, text, words};
use crate::secret::{Secret, SecretName};

/// Tries of one request at the most.
const TRIES_MAX: u32 = 6;
/// What a body that is held in memory may have: pages, tokens, never a report.
const BODY_BYTES_MAX: usize = 64 << 20;
/// The longest that one wait for a vendor that says nothing of it becomes.
const WAIT_MAX: SignedDuration = SignedDuration::from_mins(5);

/// A client for a source's hosts.
pub(super) fn client(source: &config::Source) -> Result<reqwest::Client, SourceError> {
    let guard = Guard { private_network: source.private_network };
    network::client(source.ca_file.as_deref(), guard, silence(source), Content::Unpacked)
        .map_err(SourceError::Here)
}

fn silence(source: &config::Source) -> Duration {
    Duration::try_from(source.timeout).unwrap_or(Duration::from_mins(1))
}

/// A secret's value, for the request that needs it.
pub(super) fn secret(name: &SecretName) -> Result<Secret, SourceError> {
    name.read().map_err(|error| SourceError::Login(chain(&error)))
}

/// An id that vendors write as a number here and as a text there.
pub(super) fn id(value: Option<&serde_json::Value>) -> Option<Text> {
    let value = value.filter(|value| !value.is_null())?;
    let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
    Some(text).filter(|text| !text.is_empty()).map(Text::from)
}

/// Fields as a form or a query has them; every character that could mean something is escaped, for a signature counts on it.
pub(super) fn form<V: AsRef<str>>(fields: &[(&str, V)]) -> String {
    let each =
        fields.iter().map(|(key, value)| format!("{}={}", escaped(key, ""), escaped(value.as_ref(), "")));
    each.collect::<Vec<_>>().join("&")
}

/// A header that is never printed.
pub(super) fn sensitive(value: &str) -> Result<HeaderValue, SourceError> {
    let mut value = HeaderValue::from_str(value)
        .map_err(|_| SourceError::Login("the login cannot stand in a header".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// What a request for a token is for.
pub(super) const LOGIN: &str = "login";
/// A wait of our own that is told.
const NOTED: SignedDuration = SignedDuration::from_secs(5);
/// A pause that the far end asks for lasts from here to there, and so long where it does not say.
const CLOSED_MIN: SignedDuration = SignedDuration::from_secs(1);
const CLOSED_MAX: SignedDuration = SignedDuration::from_hours(24);
const CLOSED: SignedDuration = SignedDuration::from_secs(30);

/// What a refused login says of itself: the code of its error, and none of its words, which may repeat what was sent.
async fn login_words(response: Response) -> String {
    let body = words(response).await;
    let body = body.trim_start_matches(": ");
    let said: Option<serde_json::Value> = serde_json::from_str(body).ok();
    let code = said.as_ref().and_then(|said| said.get("error").or_else(|| said.get("errorCode")));
    let plain = |text: &&str| {
        text.len() <= 60 && text.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
    };
    code.and_then(serde_json::Value::as_str).filter(plain).map(|code| format!(": {code}")).unwrap_or_default()
}

/// An account's budget, shared by everything that asks it.
pub(super) type SharedBudget = Arc<Mutex<Budget>>;

/// Something that gives requests the right to be answered.
pub(super) trait Login {
    /// The request with what the vendor wants to see, and which login that was, if it is one that can be renewed.
    async fn sign(
        &self,
        link: &Link,
        request: RequestBuilder,
    ) -> Result<(RequestBuilder, Option<u64>), SourceError>;

    /// That login was refused: the next signature is of a new one.
    async fn refused(&self, login: u64);
}

/// No login at all.
pub(super) struct Nobody;

impl Login for Nobody {
    async fn sign(
        &self,
        _: &Link,
        request: RequestBuilder,
    ) -> Result<(RequestBuilder, Option<u64>), SourceError> {
        Ok((request, None))
    }

    async fn refused(&self, _: u64) {}
}

/// The way to a vendor.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) http: reqwest::Client,
    /// For whom it is asked.
    pub(super) errand: Arc<Errand>,
    silence: Duration,
    retry_after: SignedDuration,
    /// Requests for data.
    pub(super) budget: SharedBudget,
}

/// What a request is for, and what a refusal of the vendor means.
#[derive(Clone, Copy)]
pub(super) struct Ask<'a> {
    /// `login`, `report`, `rows`.
    pub(super) what: &'static str,
    /// Which budget it is counted in.
    pub(super) budget: &'a SharedBudget,
    /// The vendor's own cure where the right is missing.
    pub(super) permission: &'a str,
}

impl Link {
    pub(super) fn new(
        source: &config::Source,
        http: reqwest::Client,
        budget: SharedBudget,
        errand: Arc<Errand>,
    ) -> Self {
        Self { http, errand, silence: silence(source), retry_after: source.retry_after, budget }
    }

    pub(super) fn post_form(&self, url: &str, form: &str) -> RequestBuilder {
        self.http.post(url).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form.to_owned())
    }

    pub(super) fn post_json(&self, url: &str, text: &str) -> RequestBuilder {
        self.http.post(url).header(CONTENT_TYPE, "application/json").body(text.to_owned())
    }

    /// Makes a request until it is answered well, or until trying again is of no use.
    pub(super) async fn talk(
        &self,
        ask: Ask<'_>,
        login: &impl Login,
        make: &(dyn Fn() -> RequestBuilder + Sync),
    ) -> Result<Response, SourceError> {
        let (mut tries, mut renewed) = (0, false);
        let mut before = None;
        loop {
            // Signed last: a token of five minutes would not outlive the wait for a place.
            match (self.admit(ask).await, before.take()) {
                (Ok(()), _) => {}
                // There is no patience for the pause that was asked for: the vendor's own words say more of it.
                (Err(SourceError::Throttled { .. }), Some(said)) => return Err(said),
                (Err(error), _) => return Err(error),
            }
            let (request, by) = self.errand.unless_stopped(login.sign(self, make())).await??;
            let error = match self.once(ask, request).await {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            if let (SourceError::Login(_), Some(by), false) = (&error, by, renewed) {
                renewed = true;
                login.refused(by).await;
                continue;
            }
            tries += 1;
            if TRIES_MAX <= tries || !error.may_repeat() {
                return Err(error);
            }
            // A budget that is closed makes this request wait as all others.
            let throttled = matches!(error, SourceError::Throttled { .. });
            let wait = if throttled { SignedDuration::ZERO } else { self.jittered(tries) };
            tracing::warn!(%error, "a source is asked again");
            self.errand.wait(wait, &error).await?;
            before = Some(error);
        }
    }

    /// A body that is one JSON document.
    pub(super) async fn json<T: DeserializeOwned>(
        &self,
        ask: Ask<'_>,
        login: &impl Login,
        make: &(dyn Fn() -> RequestBuilder + Sync),
    ) -> Result<T, SourceError> {
        let mut tries = 0;
        loop {
            let response = self.talk(ask, login, make).await?;
            let read = match self.body(response).await {
                // An answer to a login has a token in it: nothing of it is told.
                Ok(body) if ask.what == LOGIN => serde_json::from_slice(&body).map_err(|error| {
                    let kind = error.classify();
                    SourceError::Malformed(format!("the login's answer is not what is documented ({kind:?})"))
                }),
                Ok(body) => serde_json::from_slice(&body).map_err(|error| {
                    let start: String = String::from_utf8_lossy(&body).chars().take(120).collect();
                    SourceError::Malformed(format!(
                        "the answer is not the JSON that is documented: {error}: {start}"
                    ))
                }),
                Err(error) => Err(error),
            };
            tries += 1;
            match read {
                Err(error) if error.may_repeat() && tries < TRIES_MAX => {
                    self.errand.wait(self.jittered(tries), &error).await?;
                }
                read => return read,
            }
        }
    }

    /// A whole body, as far as it may be held in memory.
    pub(super) async fn body(&self, response: Response) -> Result<Vec<u8>, SourceError> {
        let mut pieces = self.pieces(response);
        let mut body = Vec::new();
        while let Some(piece) = pieces.next().await? {
            if BODY_BYTES_MAX < body.len() + piece.len() {
                return Err(SourceError::Malformed(format!(
                    "the answer is longer than {} MiB",
                    BODY_BYTES_MAX >> 20
                )));
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }

    pub(super) fn pieces(&self, response: Response) -> Pieces {
        let ends_by_length = response.headers().contains_key(TRANSFER_ENCODING)
            || response.headers().contains_key(CONTENT_LENGTH)
            || response.version() == reqwest::Version::HTTP_2;
        Pieces { response, errand: self.errand.clone(), silence: self.silence, ends_by_length }
    }

    /// Waits for a place in the budget.
    async fn admit(&self, ask: Ask<'_>) -> Result<(), SourceError> {
        loop {
            let now = self.errand.now();
            let (taken, closed) = {
                let mut budget = ask.budget.lock().unwrap_or_else(PoisonError::into_inner);
                (budget.take(now), budget.is_closed(now))
            };
            let Err(until) = taken else { return Ok(()) };
            let wait = until.duration_since(now);
            if closed {
                tracing::warn!(%until, "waiting: the vendor asked for a pause");
                let words = "the vendor asked for a pause".to_owned();
                self.errand.wait(wait, &SourceError::Throttled { words, until }).await?;
            } else {
                // Our own pacing is no failure: it costs no patience.
                if NOTED <= wait {
                    tracing::warn!(%until, "waiting for a place in the source's rates");
                }
                self.errand.pause(wait).await?;
            }
        }
    }

    async fn once(&self, ask: Ask<'_>, request: RequestBuilder) -> Result<Response, SourceError> {
        let begun = self.errand.now();
        let request = request.build().map_err(|error| SourceError::Lasting(chain(&error.without_url())))?;
        // Without its query: a login may stand in it.
        let place = {
            let (mut url, method) = (request.url().clone(), request.method().clone());
            url.set_query(None);
            format!("{method} {url}")
        };
        let sending = tokio::time::timeout(self.silence, self.http.execute(request));
        // A refresh token is good for one use: a login that is under way is heard to its end.
        let sent =
            if ask.what == LOGIN { sending.await } else { self.errand.unless_stopped(sending).await? };
        let answer = sent.as_ref().ok().and_then(|sent| sent.as_ref().ok());
        let status = answer.map(|answer| answer.status().as_u16());
        let again_at = answer.and_then(|answer| self.again_at(answer));
        let took_ms = i64::try_from(self.errand.now().duration_since(begun).as_millis()).unwrap_or(i64::MAX);
        self.errand.note(Asked { what: ask.what, at: begun, status, took_ms, again_at });
        match sent {
            Err(_) => {
                Err(SourceError::Passing(format!("{place}: no answer within {} s", self.silence.as_secs())))
            }
            // Without its URL, so that no query with a login can slip into a log.
            Ok(Err(error)) => Err(SourceError::Passing(format!("{place}: {}", chain(&error.without_url())))),
            Ok(Ok(response))
                if response.status() == StatusCode::OK || response.status() == StatusCode::CREATED =>
            {
                let html =
                    text(response.headers(), "content-type").is_some_and(|kind| kind.contains("text/html"));
                if html {
                    // A wrong path is answered with the web page and 200.
                    let words = words(response).await;
                    let cure = "correct the url or path in the config";
                    return Err(SourceError::Lasting(format!(
                        "{place}: the answer is a web page{words}; {cure}"
                    )));
                }
                Ok(response)
            }
            Ok(Ok(response)) => Err(refusal(&place, ask, again_at, response).await),
        }
    }

    /// When it may be asked again, where the answer closes the budget.
    fn again_at(&self, response: &Response) -> Option<Timestamp> {
        let status = response.status();
        let asked = retry_after(response.headers()).map(|wait| wait.clamp(CLOSED_MIN, CLOSED_MAX));
        let wait = match status {
            StatusCode::TOO_MANY_REQUESTS => asked.unwrap_or(CLOSED),
            status if status.is_server_error() => asked?,
            _ => return None,
        };
        self.errand.now().checked_add(wait).ok()
    }

    /// Full jitter below a limit that doubles.
    pub(super) fn jittered(&self, tries: u32) -> SignedDuration {
        let limit = self.retry_after.saturating_mul(1 << tries.saturating_sub(1).min(16)).min(WAIT_MAX);
        let limit_ms = u64::try_from(limit.as_millis()).unwrap_or(0);
        let ms = getrandom::u64().unwrap_or(0) % limit_ms.saturating_add(1);
        SignedDuration::from_millis(i64::try_from(ms).unwrap_or(0))
    }
}

/// What a refusal means; one that asks for a pause closes the budget for everybody.
async fn refusal(place: &str, ask: Ask<'_>, again_at: Option<Timestamp>, response: Response) -> SourceError {
    let status = response.status();
    if let Some(until) = again_at {
        ask.budget.lock().unwrap_or_else(PoisonError::into_inner).close(until);
    }
    let login = ask.what == LOGIN;
    let said = if login { login_words(response).await } else { words(response).await };
    let said = format!("{place}: {status}{said}");
    if let (StatusCode::TOO_MANY_REQUESTS, Some(until)) = (status, again_at) {
        return SourceError::Throttled { words: said, until };
    }
    match status {
        _ if login && status.is_client_error() && again_at.is_none() => {
            SourceError::Login(format!("the login was refused: {said}"))
        }
        StatusCode::UNAUTHORIZED => SourceError::Login(format!("the token is not taken: {said}")),
        StatusCode::FORBIDDEN => SourceError::Permission(format!("{said}; {}", ask.permission)),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY => SourceError::Passing(said),
        status if status.is_server_error() => SourceError::Passing(said),
        status if status.is_success() => {
            // 204 is no report: an empty one has a header.
            SourceError::Malformed(format!("{said}: an answer without the content that was asked for"))
        }
        status if status.is_redirection() => {
            SourceError::Lasting(format!("{said}: a redirect is not followed; correct the url in the config"))
        }
        _ => SourceError::Lasting(said),
    }
}

/// A body piece by piece; no limit on the whole, only on silence.
#[derive(Debug)]
pub(super) struct Pieces {
    response: Response,
    errand: Arc<Errand>,
    silence: Duration,
    /// Whether its end can be told from its being cut off.
    pub(super) ends_by_length: bool,
}

impl Pieces {
    pub(super) async fn next(&mut self) -> Result<Option<bytes::Bytes>, SourceError> {
        let next = tokio::time::timeout(self.silence, self.response.chunk());
        match self.errand.unless_stopped(next).await? {
            Err(_) => Err(SourceError::Passing(format!("nothing came for {} s", self.silence.as_secs()))),
            Ok(Err(error)) => {
                Err(SourceError::Passing(format!("the answer was cut: {}", chain(&error.without_url()))))
            }
            Ok(Ok(piece)) => Ok(piece),
        }
    }
}
