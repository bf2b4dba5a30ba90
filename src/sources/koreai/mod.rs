//! Kore.ai Contact Center AI: `interactionDetails`, session by session.
//!
//! One query gives 1,100 sessions at most, so a window whose last page is full is cut in two. Windows are asked for in UTC:
//! an offset in minutes cannot describe one that spans a change of the clocks.

mod sessions;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use reqwest::RequestBuilder;
use serde::Deserialize;
use serde_json::json;
use sha2::Sha256;

use self::sessions::Session;
use super::link::{Ask, Link, Login, secret, sensitive};
use super::{Sink, SourceError, halves};
use crate::config;
use crate::domain::period::Period;
use crate::domain::record::{Millis, Text};

/// Sessions a page: the vendor's limit.
const LIMIT: usize = 100;
/// The last page that may be asked for; pages count from 0.
const LAST_PAGE: usize = 10;
/// The shortest window that is still cut in two: stamps are whole seconds.
const WINDOW_MIN: SignedDuration = SignedDuration::from_secs(2);
/// How long a login of ours is good.
const LIFE_S: i64 = 600;

const PERMISSION: &str =
    "attach the scope \"SmartAssist Analytics\" to the JWT app and publish it: scopes work only then";

#[derive(Debug)]
pub(super) struct Koreai {
    at: config::Koreai,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    // Of the page or of all of them: the vendor does not say.
    #[serde(default)]
    num_results: Option<usize>,
    data: Vec<Session>,
}

/// The transfers of a conversation, by when.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Conversation {
    #[serde(default)]
    transfer_details: Vec<Transfer>,
}

/// Who handed a conversation on, and why.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Transfer {
    #[serde(default)]
    transferred_at: Option<Text>,
    #[serde(default)]
    transferred_by_agent_name: Option<Text>,
    #[serde(default)]
    transferred_by: Option<Text>,
    #[serde(default)]
    system_transfer: bool,
    #[serde(default)]
    system_transfer_reason: Option<Text>,
    #[serde(default)]
    transferred_type: Option<Text>,
}

impl Login for Koreai {
    async fn sign(
        &self,
        link: &Link,
        request: RequestBuilder,
    ) -> Result<(RequestBuilder, Option<u64>), SourceError> {
        let token = self.token(link.errand.now())?;
        // A header of its own, not Authorization.
        let request = request.header("auth", sensitive(&token)?).header("accountId", &self.at.account);
        Ok((request.header("iId", &self.at.app), None))
    }

    async fn refused(&self, _: u64) {}
}

impl Koreai {
    pub(super) fn new(at: &config::Koreai) -> Self {
        Self { at: at.clone() }
    }

    fn ask(link: &Link) -> Ask<'_> {
        Ask { what: "rows", budget: &link.budget, permission: PERMISSION }
    }

    /// An app JWT (RFC 7519) signed with HS256 (RFC 7515); the vendor is strict about how `appId` is spelled.
    fn token(&self, now: Timestamp) -> Result<String, SourceError> {
        let secret = secret(&self.at.client_secret)?;
        let issued = now.as_second();
        let claims = json!({
            "sub": self.at.client_id, "appId": self.at.client_id, "iat": issued, "exp": issued + LIFE_S,
        });
        let head = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
        let text = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes())
            .map_err(|error| SourceError::Login(error.to_string()))?;
        mac.update(text.as_bytes());
        Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())))
    }

    pub(super) async fn greet(&self, link: &Link) -> Result<String, SourceError> {
        let now = link.errand.now();
        let span = Period { start: now.checked_sub(SignedDuration::from_mins(1)).unwrap_or(now), end: now };
        self.page(link, span, 0, 1).await?;
        Ok(format!("{}: answers for the account {}", self.at.url, self.at.account))
    }

    async fn page(&self, link: &Link, span: Period, page: usize, limit: usize) -> Result<Page, SourceError> {
        let url = format!(
            "{}/agentassist/api/public/analytics/account/{}/v2/interactionDetails?offset={page}&limit={limit}",
            self.at.url, self.at.account
        );
        let stamp = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M:%S").to_string();
        let body = json!({
            "startDate": stamp(span.start),
            "endDate": stamp(span.end),
            "timeZoneOffset": 0,
            "selectedFields": ["skills", "customerinfo", "userleveltags", "sessionleveltags", "snoozeinfo"],
            "queues": [],
            "direction": "Both",
        });
        let text = body.to_string();
        let make = || link.post_json(&url, &text);
        link.json(Self::ask(link), self, &make).await
    }

    pub(super) async fn fetch(
        &self,
        link: &Link,
        source: &str,
        span: Period,
        sink: Sink<'_>,
    ) -> Result<(), SourceError> {
        let scope = (Text::from(source), Text::from(self.at.account.as_str()));
        let mut open = vec![span];
        while let Some(window) = open.pop() {
            let Some(sessions) = self.window(link, window).await? else {
                let length = window.end.duration_since(window.start);
                if length < WINDOW_MIN {
                    return Err(SourceError::Lasting(format!(
                        "more than {} sessions in {} s from {}: the vendor's pages end there",
                        LIMIT * (LAST_PAGE + 1),
                        length.as_secs(),
                        window.start
                    )));
                }
                open.extend(halves(window));
                continue;
            };
            let mut records = Vec::new();
            for session in sessions {
                let transfers = self.transfers(link, &session).await?;
                let of = sessions::records(&session, &transfers, &scope);
                records.extend(of.map_err(|error| {
                    SourceError::Malformed(format!("session {}: {error}", session.session_id))
                })?);
            }
            sink(records)?;
        }
        Ok(())
    }

    /// The sessions of a window; `None` where there are more than its pages can show.
    async fn window(&self, link: &Link, window: Period) -> Result<Option<Vec<Session>>, SourceError> {
        let mut sessions = Vec::new();
        for page in 0..=LAST_PAGE {
            let found = self.page(link, window, page, LIMIT).await?;
            let full = LIMIT <= found.data.len();
            sessions.extend(found.data);
            if !full && found.num_results.is_some_and(|count| sessions.len() < count) {
                let count = found.num_results.unwrap_or_default();
                return Err(SourceError::Malformed(format!(
                    "the vendor counts {count} sessions and gives {}",
                    sessions.len()
                )));
            }
            if !full {
                return Ok(Some(sessions));
            }
        }
        Ok(None)
    }

    /// Who handed it on: one request more for each conversation, so it must be asked for.
    async fn transfers(
        &self,
        link: &Link,
        session: &Session,
    ) -> Result<Vec<(Millis, Transfer)>, SourceError> {
        let (true, Some(conversation)) = (self.at.transfers, &session.conversation_id) else {
            return Ok(Vec::new());
        };
        if conversation.contains(|c: char| !(c.is_ascii_alphanumeric() || "-_".contains(c))) {
            return Err(SourceError::Malformed(format!("`{conversation}` is no conversation's id")));
        }
        let url =
            format!("{}/agentassist/api/v1/public/{}/conversations/{conversation}", self.at.url, self.at.app);
        let found: Conversation = link.json(Self::ask(link), self, &|| link.http.get(&url)).await?;
        let each = found.transfer_details.into_iter();
        Ok(each
            .filter_map(|one| Some((sessions::stamp(one.transferred_at.as_deref()?).ok()?, one)))
            .collect())
    }
}
