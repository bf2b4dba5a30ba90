//! Outcomes of attempts, and what follows from them.

use jiff::SignedDuration;

use super::backoff;
use super::definition::OnUnknown;

/// How one attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The far end took it.
    Done {
        /// The far end's own words.
        reply: String,
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

    /// What happened, in words.
    pub fn reply(&self) -> &str {
        match self {
            Self::Done { reply }
            | Self::Written { reply }
            | Self::Passing { reply, .. }
            | Self::Lasting { reply }
            | Self::Unsure { reply } => reply,
        }
    }
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
            OnUnknown::Resend => again(None, DeliveryState::Unknown),
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
