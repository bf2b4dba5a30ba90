//! Rows and reports in, from vendors.
//!
//! Each vendor is a folder: its login, its requests, and its words put into ours. What they share is the way there
//! (`link.rs`): budget, retries, classes of failure. An error never becomes zero rows: every reader here ends in a whole,
//! validated answer or in a [`SourceError`].

mod errand;
mod error;
mod koreai;
mod link;
mod liveperson;
mod ringcentral;
mod tokens;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::{self, Config, SourceAt};
use crate::domain::budget::{Budget, Rate};
use crate::domain::period::Period;
use crate::domain::record::Record;
use crate::domain::report::Report;
use crate::domain::source::{Feed, STORE};

pub use errand::Errand;
pub use error::SourceError;
pub use liveperson::operations;

use link::{Link, SharedBudget};

/// Every vendor of the config.
#[derive(Debug)]
pub struct Sources {
    vendors: BTreeMap<String, Arc<Source>>,
    clock: Clock,
}

/// A vendor of the config.
#[derive(Debug)]
pub struct Source {
    /// Its name in the config.
    pub name: String,
    /// What the config says of it.
    pub config: config::Source,
    budget: SharedBudget,
    /// Made at first use: what it needs may not be there before.
    http: OnceLock<reqwest::Client>,
    vendor: Vendor,
}

#[derive(Debug)]
enum Vendor {
    Ringcentral(Box<ringcentral::Ringcentral>),
    Liveperson(Box<liveperson::Liveperson>),
    Koreai(Box<koreai::Koreai>),
}

/// Takes records as they come. They are kept even if the rest of their span does not come: the span is covered only then.
pub type Sink<'a> = &'a mut (dyn FnMut(Vec<Record>) -> Result<(), SourceError> + Send);

/// How a file is wanted, as far as the vendor can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// Between two cells.
    pub delimiter: u8,
    /// Whether XML is wanted instead of text.
    pub xml: bool,
}

/// A file that a vendor makes.
#[derive(Debug)]
pub struct Passed {
    pieces: link::Pieces,
}

impl Sources {
    /// Those of a config; tokens that must outlive the process are kept below `state`.
    pub fn new(config: &Config, clock: Clock) -> Self {
        let mut budgets: BTreeMap<(&str, String), SharedBudget> = BTreeMap::new();
        let mut vendors = BTreeMap::new();
        for (name, source) in config.sources.iter().filter(|(name, _)| *name != STORE) {
            // Two names of one account share its budget.
            let account = source.account().map_or_else(|| format!("?{name}"), ToOwned::to_owned);
            let shared = budgets
                .entry((source.kind().name(), account))
                .or_insert_with(|| Arc::new(Mutex::new(Budget::new(source.rates.clone()))));
            let source = Source::new(name, source, shared.clone(), &config.state);
            vendors.extend(source.map(|source| (name.clone(), Arc::new(source))));
        }
        Self { vendors, clock }
    }

    /// A vendor by its name.
    pub fn get(&self, name: &str) -> Option<&Arc<Source>> {
        self.vendors.get(name)
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Source>> {
        self.vendors.values()
    }

    /// A new errand to a vendor.
    pub fn errand(&self, source: &Source, stop: CancellationToken) -> Arc<Errand> {
        Arc::new(Errand::new(stop, self.clock.clone(), source.config.patience))
    }

    /// Counts requests of earlier processes.
    pub fn recall(&self, name: &str, at: Timestamp, again_at: Option<Timestamp>) {
        if let Some(source) = self.vendors.get(name) {
            let mut budget = source.budget.lock().unwrap_or_else(PoisonError::into_inner);
            budget.note(at);
            budget.close(again_at.unwrap_or(at));
        }
    }

    /// A new errand that waits for nothing: the first failure is told.
    pub fn glance(&self, stop: CancellationToken) -> Arc<Errand> {
        Arc::new(Errand::new(stop, self.clock.clone(), SignedDuration::ZERO))
    }
}

impl Source {
    fn new(name: &str, config: &config::Source, budget: SharedBudget, state: &Path) -> Option<Self> {
        let kept = state.join("tokens").join(name);
        let vendor = match &config.at {
            SourceAt::Ringcentral(at) => {
                Vendor::Ringcentral(Box::new(ringcentral::Ringcentral::new(at, kept)))
            }
            SourceAt::Liveperson(at) => Vendor::Liveperson(Box::new(liveperson::Liveperson::new(at))),
            SourceAt::Koreai(at) => Vendor::Koreai(Box::new(koreai::Koreai::new(at))),
            SourceAt::Store => return None,
        };
        Some(Self { name: name.to_owned(), config: config.clone(), budget, http: OnceLock::new(), vendor })
    }

    fn link(&self, errand: &Arc<Errand>) -> Result<Link, SourceError> {
        let http = if let Some(http) = self.http.get() {
            http.clone()
        } else {
            let made = link::client(&self.config)?;
            self.http.get_or_init(|| made).clone()
        };
        Ok(Link::new(&self.config, http, self.budget.clone(), errand.clone()))
    }

    /// Each of its rates with what is left of it.
    pub fn left(&self, now: Timestamp) -> Vec<(Rate, usize)> {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner).left(now)
    }

    /// The account as records name it.
    pub async fn account(&self, errand: &Arc<Errand>) -> Result<String, SourceError> {
        match &self.vendor {
            Vendor::Ringcentral(ringcentral) => ringcentral.account(&self.link(errand)?).await,
            Vendor::Liveperson(_) | Vendor::Koreai(_) => {
                Ok(self.config.account().unwrap_or_default().to_owned())
            }
        }
    }

    /// Asks for a report that the vendor makes; its body is still to be read.
    pub async fn pass(
        &self,
        errand: &Arc<Errand>,
        report: &Report,
        period: Period,
        wish: Wish,
    ) -> Result<Passed, SourceError> {
        let link = self.link(errand)?;
        let response = match &self.vendor {
            Vendor::Ringcentral(ringcentral) => ringcentral.report(&link, report, period, wish).await?,
            Vendor::Liveperson(liveperson) => liveperson.operations(&link, report, period).await?,
            Vendor::Koreai(_) => {
                return Err(SourceError::Lasting("Kore.ai has no reports to be asked for".to_owned()));
            }
        };
        Ok(Passed { pieces: link.pieces(response) })
    }

    /// Rests before a whole report is asked for again.
    pub async fn rest(&self, errand: &Arc<Errand>, tries: u32, why: &SourceError) -> Result<(), SourceError> {
        errand.wait(self.link(errand)?.jittered(tries), why).await
    }

    /// Metrics of the minutes up to now, as the vendor's document; those of agents and of skills.
    pub async fn metrics(&self, errand: &Arc<Errand>, minutes: i64) -> Result<String, SourceError> {
        let Vendor::Liveperson(liveperson) = &self.vendor else {
            return Err(SourceError::Lasting("only LivePerson has these metrics".to_owned()));
        };
        liveperson.metrics(&self.link(errand)?, minutes).await
    }

    /// Fetches the rows of a span no longer than the feed's piece.
    pub async fn fetch(
        &self,
        errand: &Arc<Errand>,
        feed: Feed,
        span: Period,
        sink: Sink<'_>,
    ) -> Result<(), SourceError> {
        let link = self.link(errand)?;
        match &self.vendor {
            Vendor::Ringcentral(ringcentral) => ringcentral.fetch(&link, &self.name, feed, span, sink).await,
            Vendor::Liveperson(liveperson) => liveperson.fetch(&link, &self.name, feed, span, sink).await,
            Vendor::Koreai(koreai) => koreai.fetch(&link, &self.name, span, sink).await,
        }
    }

    /// Logs in, and asks for the least that shows whether the account is there.
    pub async fn greet(&self, errand: &Arc<Errand>) -> Result<String, SourceError> {
        let link = self.link(errand)?;
        match &self.vendor {
            Vendor::Ringcentral(ringcentral) => ringcentral.greet(&link).await,
            Vendor::Liveperson(liveperson) => liveperson.greet(&link).await,
            Vendor::Koreai(koreai) => koreai.greet(&link).await,
        }
    }

    /// When the login in use ends, where there is one and it says so.
    pub fn login_ends(&self) -> Option<Timestamp> {
        match &self.vendor {
            Vendor::Ringcentral(ringcentral) => ringcentral.login_ends(),
            Vendor::Liveperson(liveperson) => liveperson.login_ends(),
            Vendor::Koreai(_) => None,
        }
    }
}

impl Passed {
    /// The next piece; `None` behind the last one.
    pub async fn next(&mut self) -> Result<Option<bytes::Bytes>, SourceError> {
        self.pieces.next().await
    }

    /// Whether its end can be told from its being cut off.
    pub fn ends_by_length(&self) -> bool {
        self.pieces.ends_by_length
    }
}

/// A window that holds more than its vendor shows, cut in two; the earlier half is the last, to be taken first.
fn halves(window: Period) -> [Period; 2] {
    let half = SignedDuration::from_secs(window.end.duration_since(window.start).as_secs() / 2);
    let middle = window.start.checked_add(half).unwrap_or(window.end);
    [Period { start: middle, end: window.end }, Period { start: window.start, end: middle }]
}

/// A span cut into pieces of at most `most`, oldest first.
pub fn pieces(span: Period, most: SignedDuration) -> impl Iterator<Item = Period> {
    let mut from = span.start;
    std::iter::from_fn(move || {
        if span.end <= from {
            return None;
        }
        let end = from.checked_add(most).unwrap_or(span.end).min(span.end);
        let piece = Period { start: from, end };
        from = end;
        Some(piece)
    })
}
