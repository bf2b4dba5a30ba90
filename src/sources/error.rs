//! Why a vendor gave no answer that can be believed.

use jiff::Timestamp;

/// Why a vendor gave no answer that can be believed. None of these is ever an empty report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// The login was refused.
    #[error("{0}")]
    Login(String),
    /// The login is good and has not the right.
    #[error("{0}")]
    Permission(String),
    /// Asked too often; not before this instant again.
    #[error("{words}; it may be asked again at {until}")]
    Throttled {
        /// What was said.
        words: String,
        /// When it may be asked again.
        until: Timestamp,
    },
    /// May go well later.
    #[error("{0}")]
    Passing(String),
    /// Will not go well by itself.
    #[error("{0}")]
    Lasting(String),
    /// An answer that is not what was asked for.
    #[error("{0}")]
    Malformed(String),
    /// What came could not be kept here.
    #[error("{0}")]
    Here(String),
    /// A stop was asked for.
    #[error("stopped before the source had answered")]
    Stopped,
}

impl SourceError {
    /// Whether the same may go well later, without anybody's doing.
    pub fn may_repeat(&self) -> bool {
        match self {
            // A page of an error, or half a file, is often gone a minute later.
            Self::Throttled { .. } | Self::Passing(_) | Self::Malformed(_) | Self::Here(_) => true,
            Self::Login(_) | Self::Permission(_) | Self::Lasting(_) | Self::Stopped => false,
        }
    }

    /// The word for its class, in ledger and metrics.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Login(_) => "login",
            Self::Permission(_) => "permission",
            Self::Throttled { .. } => "throttled",
            Self::Passing(_) => "passing",
            Self::Lasting(_) => "lasting",
            Self::Malformed(_) => "malformed",
            Self::Here(_) => "here",
            Self::Stopped => "stopped",
        }
    }
}
