//! RingCentral Engage Voice, today RingCX.
//!
//! Its segment and session reports come from `reportsStreaming`, which was deprecated in July 2024 and still answers: one
//! request, one stream, no paging. Its successor `interaction-metadata` answers JSON, three hours at most, with less in it.

mod login;
mod metadata;
mod report;
mod rows;

use std::io::{Seek, Write};
use std::path::PathBuf;

use jiff::Timestamp;
use reqwest::Response;

use self::login::RingcentralLogin;
use super::link::{Ask, Link, id};
use super::{Sink, SourceError, Wish};
use crate::config;
use crate::domain::period::Period;
use crate::domain::report::Report;
use crate::domain::source::Feed;

/// RingCentral's own cure for the most frequent complaint.
const PERMISSION: &str = "the login needs READ on the account, and the newer reports the role WFO_ACCESS (\"WEM Access\"), \
                          which RingCentral's account manager switches on: name the main and the sub-account, the user's \
                          mail address and the time";

/// An answer on the disk until it is whole: a day of a large centre is no matter for memory.
struct Spool {
    file: std::fs::File,
    last: u8,
}

impl Spool {
    fn new() -> Result<Self, SourceError> {
        Ok(Self { file: tempfile::tempfile().map_err(|error| unkept(&error))?, last: b'\n' })
    }

    fn push(&mut self, piece: &[u8]) -> Result<(), SourceError> {
        self.last = piece.last().copied().unwrap_or(self.last);
        tokio::task::block_in_place(|| self.file.write_all(piece)).map_err(|error| unkept(&error))
    }

    /// The whole of it, from its beginning.
    fn whole(mut self, ends_by_length: bool) -> Result<std::fs::File, SourceError> {
        if !ends_by_length && self.last != b'\n' {
            return Err(SourceError::Malformed("the answer ends inside of a row".to_owned()));
        }
        self.file.rewind().map_err(|error| unkept(&error))?;
        Ok(self.file)
    }
}

fn unkept(error: &std::io::Error) -> SourceError {
    SourceError::Here(format!("keep the answer while it comes: {error}"))
}

#[derive(Debug)]
pub(super) struct Ringcentral {
    at: config::Ringcentral,
    login: RingcentralLogin,
    /// The sub-account, once it was found.
    account: tokio::sync::OnceCell<String>,
}

/// A sub-account, as `admin/accounts` lists it.
#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct AccountView {
    // A string in the guide's sample and a number in others.
    account_id: serde_json::Value,
    #[serde(default)]
    account_name: Option<String>,
}

impl AccountView {
    fn id(&self) -> String {
        id(Some(&self.account_id)).map(|id| id.to_string()).unwrap_or_default()
    }
}

impl Ringcentral {
    pub(super) fn new(at: &config::Ringcentral, kept: PathBuf) -> Self {
        let login = RingcentralLogin::new(at.clone(), kept);
        let account = tokio::sync::OnceCell::new_with(at.account.clone());
        Self { at: at.clone(), login, account }
    }

    fn ask<'a>(link: &'a Link, what: &'static str) -> Ask<'a> {
        Ask { what, budget: &link.budget, permission: PERMISSION }
    }

    /// The sub-account: as the config says, else the only one that the login sees.
    pub(super) async fn account(&self, link: &Link) -> Result<String, SourceError> {
        let found = self.account.get_or_try_init(|| async {
            let accounts = self.accounts(link).await?;
            match accounts.as_slice() {
                [one] => Ok(one.id()),
                several => {
                    let known: Vec<String> = several
                        .iter()
                        .map(|one| {
                            format!("{} ({})", one.id(), one.account_name.as_deref().unwrap_or("no name"))
                        })
                        .collect();
                    Err(SourceError::Lasting(format!(
                        "the login sees {} accounts: {}; name one in the config as `account`",
                        several.len(),
                        known.join(", ")
                    )))
                }
            }
        });
        found.await.cloned()
    }

    async fn accounts(&self, link: &Link) -> Result<Vec<AccountView>, SourceError> {
        let url = format!("{}/v1/admin/accounts", self.at.api);
        link.json(Self::ask(link, "accounts"), &self.login, &|| link.http.get(&url)).await
    }

    pub(super) async fn report(
        &self,
        link: &Link,
        report: &Report,
        period: Period,
        wish: Wish,
    ) -> Result<Response, SourceError> {
        let account = self.account(link).await?;
        let body = report::body(report, period, wish);
        self.ask_report(link, &account, &body).await
    }

    async fn ask_report(
        &self,
        link: &Link,
        account: &str,
        body: &serde_json::Value,
    ) -> Result<Response, SourceError> {
        let url = format!("{}/v1/admin/accounts/{account}/reportsStreaming", self.at.api);
        let text = body.to_string();
        let make = || {
            link.http.post(&url).header("content-type", "application/json;charset=UTF-8").body(text.clone())
        };
        link.talk(Self::ask(link, "report"), &self.login, &make).await
    }

    pub(super) async fn fetch(
        &self,
        link: &Link,
        source: &str,
        feed: Feed,
        span: Period,
        sink: Sink<'_>,
    ) -> Result<(), SourceError> {
        let account = self.account(link).await?;
        if feed == Feed::InteractionMetadata {
            return self.metadata(link, (source, &account), span, sink).await;
        }
        for direction in report::Direction::BOTH {
            let body = report::body_for_rows(direction, span);
            let response = self.ask_report(link, &account, &body).await?;
            let mut pieces = link.pieces(response);
            let mut spool = Spool::new()?;
            while let Some(piece) = pieces.next().await? {
                spool.push(&piece)?;
            }
            let text = spool.whole(pieces.ends_by_length)?;
            rows::records(text, (source, &account), (direction, span), sink)?;
        }
        Ok(())
    }

    pub(super) async fn greet(&self, link: &Link) -> Result<String, SourceError> {
        let accounts = self.accounts(link).await?;
        let known: Vec<String> = accounts.iter().map(AccountView::id).collect();
        match &self.at.account {
            Some(account) if !known.contains(account) => Err(SourceError::Permission(format!(
                "the login does not see the account {account}; it sees {}",
                known.join(", ")
            ))),
            _ => Ok(format!("{}: logged in; it sees the accounts {}", self.at.api, known.join(", "))),
        }
    }

    pub(super) fn login_ends(&self) -> Option<Timestamp> {
        self.login.ends()
    }
}
