//! `LivePerson` Conversational Cloud: where its services are, and what is asked of each.

mod handle_time;
mod interactions;
mod login;
pub mod operations;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use reqwest::Response;
use serde::Deserialize;
use tokio::sync::Mutex;

use self::login::LivepersonLogin;
use super::link::{Ask, Link, Nobody, form};
use super::{Sink, SourceError};
use crate::config;
use crate::domain::period::Period;
use crate::domain::report::Report;
use crate::domain::source::Feed;

/// Actual handle time and agent activity.
const ACTIVITY: &str = "agentActivityDomain";
/// Messaging Operations.
const OPERATIONS: &str = "leDataReporting";
/// Messaging Interactions.
const HISTORY: &str = "msgHist";
/// Where tokens come from.
const SENTINEL: &str = "sentinel";

/// How long a host that was looked up is believed.
const HOST_HOLDS: SignedDuration = SignedDuration::from_hours(24);

/// The permission has two names in the vendor's pages, and the API must be switched on.
const PERMISSION: &str = "the application or key needs \"Agent Activity API\" (also shown as \"Agent Status Changes\") under \
                          Data, Workforce Management, and LivePerson's account team must have switched the API on";

#[derive(Debug)]
pub(super) struct Liveperson {
    at: config::Liveperson,
    login: LivepersonLogin,
    /// Hosts by service, and until when they are believed.
    hosts: Mutex<BTreeMap<&'static str, (String, Timestamp)>>,
}

#[derive(Deserialize)]
struct Base {
    #[serde(rename = "baseURI")]
    base_uri: String,
}

impl Liveperson {
    pub(super) fn new(at: &config::Liveperson) -> Self {
        Self { at: at.clone(), login: LivepersonLogin::new(at.clone()), hosts: Mutex::default() }
    }

    fn ask<'a>(link: &'a Link, what: &'static str) -> Ask<'a> {
        Ask { what, budget: &link.budget, permission: PERMISSION }
    }

    /// The URL of a service: as the config says, else looked up. Regional names are never composed.
    async fn service(&self, link: &Link, service: &'static str) -> Result<String, SourceError> {
        if let Some(url) = self.at.hosts.get(service) {
            return Ok(url.clone());
        }
        // Held while it is looked up: everybody else waits for that answer.
        let mut hosts = self.hosts.lock().await;
        let now = link.errand.now();
        if let Some((url, until)) = hosts.get(service)
            && now < *until
        {
            return Ok(url.clone());
        }
        let (domain, account) = (&self.at.domain_url, &self.at.account);
        let url = format!("{domain}/api/account/{account}/service/{service}/baseURI.json?version=1.0");
        let found: Base = link.json(Self::ask(link, "domain"), &Nobody, &|| link.http.get(&url)).await?;
        let host = found.base_uri;
        // A name of the Internet's at large: an address, or a name without a dot, would lead back to this machine.
        let inside = !host.contains('.')
            || host.rsplit('.').next().is_some_and(|last| last.starts_with(|c: char| c.is_ascii_digit()));
        if inside || host.contains(|c: char| !(c.is_ascii_alphanumeric() || "-.:".contains(c))) {
            return Err(SourceError::Malformed(format!("the host of {service} is told as `{host}`")));
        }
        let url = format!("https://{host}");
        hosts.insert(service, (url.clone(), now.checked_add(HOST_HOLDS).unwrap_or(now)));
        Ok(url)
    }

    async fn sentinel(&self, link: &Link) -> Result<(), SourceError> {
        if self.login.needs_token() {
            let url = self.service(link, SENTINEL).await?;
            self.login.set_sentinel(url);
        }
        Ok(())
    }

    pub(super) async fn fetch(
        &self,
        link: &Link,
        source: &str,
        feed: Feed,
        span: Period,
        sink: Sink<'_>,
    ) -> Result<(), SourceError> {
        self.sentinel(link).await?;
        if feed == Feed::MessagingInteractions {
            return self.interactions(link, source, span, sink).await;
        }
        self.handle_time(link, source, span, sink).await
    }

    /// Metrics up to now, as the vendor counts them.
    pub(super) async fn operations(
        &self,
        link: &Link,
        report: &Report,
        period: Period,
    ) -> Result<Response, SourceError> {
        self.ask_metrics(link, &operations::query(report, period)).await
    }

    /// Everything of the minutes up to now: each agent, alone and by skill.
    pub(super) async fn metrics(&self, link: &Link, minutes: i64) -> Result<String, SourceError> {
        let all = || "all".to_owned();
        let query = [
            ("timeframe", minutes.to_string()),
            ("v", "1".to_owned()),
            ("agentIds", all()),
            ("skillIds", all()),
        ];
        let response = self.ask_metrics(link, &query).await?;
        let body = link.body(response).await?;
        operations::rows(&body, false).map_err(SourceError::Malformed)?;
        String::from_utf8(body).map_err(|_| SourceError::Malformed("the metrics are not UTF-8".to_owned()))
    }

    async fn ask_metrics(&self, link: &Link, query: &[(&str, String)]) -> Result<Response, SourceError> {
        self.sentinel(link).await?;
        let host = self.service(link, OPERATIONS).await?;
        let url = format!("{host}/operations/api/account/{}/msgagentsegments", self.at.account);
        let make = || link.http.get(with_query(&url, query));
        link.talk(Self::ask(link, "report"), &self.login, &make).await
    }

    pub(super) async fn greet(&self, link: &Link) -> Result<String, SourceError> {
        self.sentinel(link).await?;
        let host = self.service(link, ACTIVITY).await?;
        self.login.try_login(link).await?;
        Ok(format!("{host}: found, and logged in"))
    }

    pub(super) fn login_ends(&self) -> Option<Timestamp> {
        self.login.ends()
    }
}

fn with_query(url: &str, query: &[(&str, String)]) -> String {
    format!("{url}?{}", form(query))
}
