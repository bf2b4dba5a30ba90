//! Mail addresses, valid by construction.

use std::fmt;
use std::str::FromStr;

use lettre::message::Mailbox;

/// An address with an optional display name, as `Ops <ops@example.com>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address(Mailbox);

impl Address {
    /// The mailbox for a header.
    pub fn mailbox(&self) -> &Mailbox {
        &self.0
    }

    /// The bare address, `ops@example.com`: what an envelope carries and the ledger stores.
    pub fn bare(&self) -> &str {
        self.0.email.as_ref()
    }
}

impl FromStr for Address {
    type Err = String;

    /// Refuses control characters before anything else: a line break in an address would be a header of its own.
    fn from_str(text: &str) -> Result<Self, String> {
        if text.chars().any(char::is_control) {
            return Err("an address cannot hold line breaks or other control characters".to_owned());
        }
        let mailbox: Mailbox = text.parse().map_err(|error| {
            format!(
                "`{text}` is not a mail address ({error}); write `ops@example.com` or `Ops <ops@example.com>`"
            )
        })?;
        Ok(Self(mailbox))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
