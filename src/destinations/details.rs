//! What a destination was when its run ended: kept with the delivery, so that a later edit changes nothing about it.

use serde::{Deserialize, Serialize};

use crate::domain::definition::{HttpMethod, OnUnknown};

/// The destination of one delivery, as the ledger keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Details {
    /// Mail with the file attached.
    Email(EmailDetails),
    /// A file in a folder.
    Directory {
        /// Permission bits.
        mode: u32,
        /// Whether an unknowable outcome is tried again.
        resend_unknown: bool,
    },
    /// An upload.
    Http {
        /// Whether it is a POST; else a PUT.
        post: bool,
        /// The same over all tries, for far ends that look at it.
        idempotency_key: String,
        /// Whether an unknowable outcome is tried again.
        resend_unknown: bool,
        /// The file's media type.
        #[serde(default = "csv")]
        media_type: String,
    },
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
    /// The subject.
    pub subject: String,
    /// Lines of the body, the first of each pair in front.
    pub facts: Vec<(String, String)>,
    /// Sentences above the facts.
    pub lead: Vec<String>,
    /// The Date header, RFC 3339.
    pub date: jiff::Timestamp,
    /// Whether an unknowable outcome is tried again.
    pub resend_unknown: bool,
    /// The file's media type.
    #[serde(default = "csv")]
    pub media_type: String,
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
        let resend = match self {
            Self::Email(email) => email.resend_unknown,
            Self::Directory { resend_unknown, .. } | Self::Http { resend_unknown, .. } => *resend_unknown,
            // A notice twice is better than none.
            Self::Notice { .. } => true,
        };
        if resend { OnUnknown::Resend } else { OnUnknown::Hold }
    }

    /// The media type of an upload's file.
    pub fn media_type(&self) -> &str {
        match self {
            Self::Http { media_type, .. } => media_type,
            Self::Email(email) => &email.media_type,
            Self::Directory { .. } | Self::Notice { .. } => "application/octet-stream",
        }
    }

    /// The method of an upload.
    pub fn method(&self) -> HttpMethod {
        if matches!(self, Self::Http { post: true, .. }) { HttpMethod::Post } else { HttpMethod::Put }
    }
}

/// What a ledger's row says about an unknowable outcome; a row that cannot be read is left to a person.
pub fn on_unknown(details: &str) -> OnUnknown {
    Details::from_json(details).map_or(OnUnknown::Hold, |details| details.on_unknown())
}
