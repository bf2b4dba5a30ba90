//! What a destination was when its run ended: kept with the delivery, so that a later edit changes nothing about it.

use serde::{Deserialize, Serialize};

use crate::domain::definition::{Exists, OnUnknown, Place};

/// The destination of one delivery, as the ledger keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Details {
    /// Mail with the file attached.
    Email(Box<EmailDetails>),
    /// A place that keeps the file.
    File(FileDetails),
    /// A program that is told of something.
    Webhook(WebhookDetails),
    /// Mail to an owner, without a file.
    Notice {
        /// The subject.
        subject: String,
        /// The text.
        text: String,
        /// The Date header, RFC 3339.
        date: jiff::Timestamp,
    },
}

/// A mail with a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmailDetails {
    /// Visible recipients.
    pub to: Vec<String>,
    /// Visible copies.
    pub cc: Vec<String>,
    /// Where answers go; the sender when empty.
    #[serde(default)]
    pub reply_to: Vec<String>,
    /// The subject.
    pub subject: String,
    /// Lines of the body, the first of each pair in front.
    pub facts: Vec<(String, String)>,
    /// Sentences above the facts.
    pub lead: Vec<String>,
    /// The first rows of the file, below the facts.
    #[serde(default)]
    pub rows: Option<Preview>,
    /// The Date header, RFC 3339.
    pub date: jiff::Timestamp,
    /// By which mail programs sort a report's mails (RFC 2919).
    #[serde(default)]
    pub list_id: Option<String>,
    /// What to do when nobody can know whether it was sent.
    pub on_unknown: OnUnknown,
    /// The file's media type.
    #[serde(default = "csv")]
    pub media_type: String,
    /// Whether the file stays at home: the mail says what there is to say.
    #[serde(default)]
    pub without_file: bool,
    /// Where the recipient fetches a file that is too large to be attached.
    #[serde(default)]
    pub link: Option<Link>,
}

/// The first rows of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    /// The header's cells.
    pub headers: Vec<String>,
    /// The rows' cells.
    pub rows: Vec<Vec<String>>,
}

/// The kind of place that our own page is.
pub const PAGE: &str = "page";

/// Where a file lies that is too large to be attached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// s3, gcs, azure, or [`PAGE`].
    pub place: String,
    /// Its name in the config; of the page its URL.
    pub target: String,
    /// The file's path there.
    pub address: String,
    /// How long the link works, in seconds from the sending.
    pub expires_s: u64,
}

/// A file at a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileDetails {
    /// The kind of place.
    pub place: Place,
    /// What to do when the name is taken.
    #[serde(default)]
    pub exists: Exists,
    /// What to do when nobody can know whether it arrived.
    pub on_unknown: OnUnknown,
    /// The file's media type.
    #[serde(default = "csv")]
    pub media_type: String,
    /// The same over all tries, for far ends that look at it.
    #[serde(default)]
    pub idempotency_key: String,
    /// Whether an empty file `NAME.ok` follows.
    #[serde(default)]
    pub marker: bool,
    /// The text of `NAME.json`.
    #[serde(default)]
    pub manifest: Option<String>,
}

/// An event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookDetails {
    /// What happened, as JSON.
    pub body: String,
    /// The event's id: the same over all tries.
    pub id: String,
    /// What to do when nobody can know whether it arrived.
    pub on_unknown: OnUnknown,
}

/// What every file was before there were other formats.
fn csv() -> String {
    "text/csv; charset=utf-8".to_owned()
}

impl Details {
    /// As JSON, for the ledger.
    pub fn to_json(&self) -> String {
        // Plain strings and numbers: this cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// From the ledger.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// What to do when the outcome cannot be known.
    pub fn on_unknown(&self) -> OnUnknown {
        match self {
            Self::Email(email) => email.on_unknown,
            Self::File(file) => file.on_unknown,
            Self::Webhook(webhook) => webhook.on_unknown,
            // A notice twice is better than none.
            Self::Notice { .. } => OnUnknown::Resend,
        }
    }
}

/// What a ledger's row says about an unknowable outcome; a row that cannot be read is left to a person.
pub fn on_unknown(details: &str) -> OnUnknown {
    Details::from_json(details).map_or(OnUnknown::Hold, |details| details.on_unknown())
}
