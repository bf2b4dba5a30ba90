//! A definition: what to report, when, and to whom. Valid by construction; built by `jobfile` only.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::address::Address;
use super::checks::Checks;
use super::name::DefinitionName;
use super::output::Output;
use super::report::Report;
use super::schedule::Schedule;
use super::template::Template;

/// The checked meaning of a job file.
#[derive(Debug, Clone, PartialEq)]
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
    /// What is asked of the report before it is sent.
    pub checks: Checks,
    /// Limits and retries of a run.
    pub run: RunRules,
    /// When; none means on demand only.
    pub schedules: Vec<Schedule>,
    /// Where to; none means that the file is only kept.
    pub destinations: Vec<Destination>,
}

/// Limits and retries of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRules {
    /// The longest that it may take.
    pub time_limit: Option<SignedDuration>,
    /// How often a scheduled run that failed is tried again.
    pub retries: u32,
    /// How long the first retry waits; each further one twice as long.
    pub retry_after: SignedDuration,
    /// The schedules are paused after so many occurrences in a row that failed.
    pub pause_after: Option<u32>,
    /// The config's ping that is told of start, success and failure.
    pub ping: Option<String>,
}

impl Default for RunRules {
    fn default() -> Self {
        Self {
            time_limit: None,
            retries: 2,
            retry_after: SignedDuration::from_secs(60),
            pause_after: None,
            ping: None,
        }
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
    /// A place that keeps the file.
    File(FileDestination),
    /// A program that is told of the file.
    Webhook(WebhookDestination),
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
    /// Where answers go; the sender when empty.
    pub reply_to: Vec<Address>,
    /// The subject.
    pub subject: Template,
    /// Paragraphs of the body, in the place of the description.
    pub body: Option<Template>,
    /// How many rows of the file stand in the mail.
    pub first_rows: usize,
    /// The bucket of the job from which the recipient fetches what is too large to be attached.
    pub link: Option<LinkTo>,
    /// One file for each value of a column, each to its own recipients.
    pub split_by: Option<SplitBy>,
    /// What to do when nobody can know whether it was sent.
    pub on_unknown: OnUnknown,
}

/// A destination of the same job from which a file is fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkTo {
    /// The bucket.
    pub place: Place,
    /// Its name in the config.
    pub target: String,
    /// The file's path there; the artifact's own name when absent.
    pub path: Option<Template>,
    /// How long a link works.
    pub expires: SignedDuration,
}

/// One file for each value of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitBy {
    /// The column's header.
    pub column: String,
    /// Recipients by value.
    pub to: BTreeMap<String, Vec<Address>>,
    /// Recipients of every other value; held for a person where there are none.
    pub other: Vec<Address>,
}

/// A place that keeps the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileDestination {
    /// What kind of place.
    pub place: Place,
    /// Its name in the config; of a directory the absolute path.
    pub target: String,
    /// The file's path there; the artifact's own name when absent.
    pub path: Option<Template>,
    /// What to do when the name is taken.
    pub exists: Exists,
    /// What to do when nobody can know whether it arrived.
    pub on_unknown: OnUnknown,
    /// Whether an empty file `NAME.ok` follows when everything else is there.
    pub marker: bool,
    /// Whether `NAME.json` says what the file holds.
    pub manifest: bool,
}

/// A program that is told of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookDestination {
    /// Its name in the config.
    pub target: String,
    /// What to do when nobody can know whether it arrived.
    pub on_unknown: OnUnknown,
}

/// A kind of place that keeps files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Place {
    /// A folder of this machine or a mounted share.
    Directory {
        /// Permission bits of the file.
        mode: u32,
    },
    /// An HTTP endpoint.
    Http {
        /// PUT or POST.
        method: HttpMethod,
        /// Headers besides our own.
        #[serde(default)]
        headers: BTreeMap<String, String>,
    },
    /// A `WebDAV` server.
    Webdav,
    /// A bucket of Amazon S3 or of something that speaks like it.
    S3,
    /// A bucket of Google Cloud Storage.
    Gcs,
    /// A container of Azure Blob Storage.
    Azure,
    /// A host that speaks SFTP.
    Sftp {
        /// Permission bits of the file.
        mode: u32,
    },
}

impl Place {
    /// The word in TOML, SQL, logs and pages.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Directory { .. } => "directory",
            Self::Http { .. } => "http",
            Self::Webdav => "webdav",
            Self::S3 => "s3",
            Self::Gcs => "gcs",
            Self::Azure => "azure",
            Self::Sftp { .. } => "sftp",
        }
    }
}

/// How a file is uploaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HttpMethod {
    /// The same URL holds the same file afterwards, however often it is repeated.
    Put,
    /// Each request may count.
    Post,
}

/// What to do when the name is taken at the far end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exists {
    /// The delivery fails. A file that an earlier try of the same delivery left there is no clash.
    Fail,
    /// A file with the same bytes counts as delivered; another one makes the delivery fail.
    SameIsFine,
    /// It is replaced.
    #[default]
    Replace,
}

/// What to do with a delivery whose outcome cannot be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnUnknown {
    /// Ask the far end, and try again where it does not have the file.
    Check,
    /// Try again: right where a repeat overwrites the same thing.
    Resend,
    /// Leave it to a person.
    Hold,
}
