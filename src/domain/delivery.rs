//! Outcomes of attempts, and what follows from them.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::backoff;
use super::definition::OnUnknown;

/// How one attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The far end took it.
    Done {
        /// The far end's own words.
        reply: String,
        /// What the far end calls it.
        receipt: Receipt,
    },
    /// It stands in an outbox folder: written, not sent.
    Written {
        /// Where it stands.
        reply: String,
    },
    /// It may work later.
    Passing {
        /// What happened, with the far end's own words.
        reply: String,
        /// How long the far end asked to wait.
        retry_after: Option<SignedDuration>,
    },
    /// It will not work, however often it is tried.
    Lasting {
        /// What happened, with the far end's own words.
        reply: String,
    },
    /// The body was under way: nobody can know.
    Unsure {
        /// What happened.
        reply: String,
    },
}

impl Outcome {
    /// The word for the attempt's class in the ledger.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Done { .. } | Self::Written { .. } => "done",
            Self::Passing { .. } => "passing",
            Self::Lasting { .. } => "lasting",
            Self::Unsure { .. } => "unsure",
        }
    }

    /// The far end took it, and said so in these words.
    pub fn done(reply: String, receipt: Receipt) -> Self {
        Self::Done { reply, receipt }
    }

    /// Whether the far end has it.
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Done { .. })
    }

    /// It may work later; the far end said nothing of when.
    pub fn passing(reply: String) -> Self {
        Self::Passing { reply, retry_after: None }
    }

    /// It will not work, however often it is tried.
    pub fn lasting(reply: impl Into<String>) -> Self {
        Self::Lasting { reply: reply.into() }
    }

    /// What happened, in words.
    pub fn reply(&self) -> &str {
        match self {
            Self::Done { reply, .. }
            | Self::Written { reply }
            | Self::Passing { reply, .. }
            | Self::Lasting { reply }
            | Self::Unsure { reply } => reply,
        }
    }
}

/// What the far end calls a delivery that it took: what a person quotes when asking there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Receipt {
    /// The mail server's queue id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_id: Option<String>,
    /// The path or URL at the far end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The length at the far end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// The entity tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// The version of the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// The state of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// An attempt is due or waits for its time.
    Pending,
    /// The far end has it.
    Delivered,
    /// It stands in an outbox folder: written, not sent.
    Outbox,
    /// It will not be tried again by itself.
    Failed,
    /// Nobody can know; waits for a person.
    Unknown,
    /// Nothing was tried: a person is to look at the file first, or to say whom it is for.
    Held,
    /// A person let it be, or nothing is tried unless one asks.
    Discarded,
}

impl DeliveryState {
    /// The word in SQL, logs and pages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Outbox => "outbox",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Held => "held",
            Self::Discarded => "discarded",
        }
    }
}

/// What happens to a delivery after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The delivery has this state and no further attempt by itself.
    End(DeliveryState),
    /// Another attempt after this wait.
    Again(SignedDuration),
}

/// Decides what follows attempt number `attempt` (from 1) of a delivery.
pub fn next(outcome: &Outcome, attempt: u32, on_unknown: OnUnknown) -> Next {
    let again = |asked, end| backoff::wait_after(attempt, asked).map_or(Next::End(end), Next::Again);
    match outcome {
        Outcome::Done { .. } => Next::End(DeliveryState::Delivered),
        Outcome::Written { .. } => Next::End(DeliveryState::Outbox),
        Outcome::Passing { retry_after, .. } => again(*retry_after, DeliveryState::Failed),
        Outcome::Lasting { .. } => Next::End(DeliveryState::Failed),
        Outcome::Unsure { .. } => match on_unknown {
            OnUnknown::Hold => Next::End(DeliveryState::Unknown),
            OnUnknown::Resend | OnUnknown::Check => again(None, DeliveryState::Unknown),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::{DeliveryState, Next, Outcome, next};
    use crate::domain::definition::OnUnknown;

    #[test]
    fn an_unknowable_mail_waits_for_a_person_and_an_overwrite_is_repeated() {
        let unsure = Outcome::Unsure { reply: "cut".to_owned() };
        assert_eq!(next(&unsure, 1, OnUnknown::Hold), Next::End(DeliveryState::Unknown));
        assert!(matches!(next(&unsure, 1, OnUnknown::Resend), Next::Again(_)));
    }

    #[test]
    fn passing_failures_end_after_the_last_attempt() {
        let passing = Outcome::Passing { reply: "451".to_owned(), retry_after: None };
        assert!(matches!(next(&passing, 1, OnUnknown::Hold), Next::Again(_)));
        assert_eq!(next(&passing, 12, OnUnknown::Hold), Next::End(DeliveryState::Failed));
    }
}
