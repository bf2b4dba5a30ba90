//! A definition: what to report, when, and to whom. Valid by construction; built by `jobfile` only.

use jiff::SignedDuration;

use super::address::Address;
use super::name::DefinitionName;
use super::output::Output;
use super::report::Report;
use super::schedule::Schedule;
use super::template::Template;

/// The checked meaning of a job file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// Its identity.
    pub name: DefinitionName,
    /// For people; empty when there is none.
    pub description: String,
    /// Told when the report fails or its file is withdrawn by mistake.
    pub owner: Option<Address>,
    /// What is reported.
    pub report: Report,
    /// How the file looks.
    pub output: Output,
    /// Limits and retries of a run.
    pub run: RunRules,
    /// When; none means on demand only.
    pub schedules: Vec<Schedule>,
    /// Where to; none means that the file is only kept.
    pub destinations: Vec<Destination>,
}

/// Limits and retries of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunRules {
    /// The longest that it may take.
    pub time_limit: Option<SignedDuration>,
    /// How often a scheduled run that failed is tried again.
    pub retries: u32,
    /// How long the first retry waits; each further one twice as long.
    pub retry_after: SignedDuration,
    /// The schedules are paused after so many occurrences in a row that failed.
    pub pause_after: Option<u32>,
}

impl Default for RunRules {
    fn default() -> Self {
        Self { time_limit: None, retries: 2, retry_after: SignedDuration::from_secs(60), pause_after: None }
    }
}

impl RunRules {
    /// How long the next retry waits after `failed` failures, an hour at the most; `None` when there is none left.
    pub fn wait_after(&self, failed: u32) -> Option<SignedDuration> {
        if self.retries < failed {
            return None;
        }
        let doubled = 2_i32.saturating_pow(failed.saturating_sub(1));
        Some(self.retry_after.saturating_mul(doubled).min(SignedDuration::from_hours(1)))
    }
}

/// A place that a report goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// Mail, one delivery an address.
    Email(EmailDestination),
    /// A folder of this machine or a mounted share.
    Directory(DirectoryDestination),
    /// An HTTP endpoint.
    Http(HttpDestination),
}

/// Mail to people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailDestination {
    /// The relay's name in the config.
    pub relay: String,
    /// Visible recipients.
    pub to: Vec<Address>,
    /// Visible copies.
    pub cc: Vec<Address>,
    /// Copies that stand in no header.
    pub bcc: Vec<Address>,
    /// The subject.
    pub subject: Template,
    /// What to do when nobody can know whether it was sent.
    pub on_unknown: OnUnknown,
}

/// A folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryDestination {
    /// An absolute path.
    pub path: String,
    /// Permission bits of the file.
    pub mode: u32,
    /// What to do when nobody can know whether it was written.
    pub on_unknown: OnUnknown,
}

/// An HTTP endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpDestination {
    /// The endpoint's name in the config.
    pub endpoint: String,
    /// Path below the endpoint's URL.
    pub path: Template,
    /// PUT or POST.
    pub method: HttpMethod,
    /// What to do when nobody can know whether it arrived.
    pub on_unknown: OnUnknown,
}

/// How a file is uploaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpMethod {
    /// The same URL holds the same file afterwards, however often it is repeated.
    Put,
    /// Each request may count.
    Post,
}

/// What to do with a delivery whose outcome cannot be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnUnknown {
    /// Try again: right where a repeat overwrites the same thing.
    Resend,
    /// Leave it to a person.
    Hold,
}
