//! Names of definitions.

use std::fmt;
use std::str::FromStr;

/// The name of a definition: its identity over edits, renamed files and restarts.
///
/// 1 to 100 of a-z, 0-9, `-`, `_` and `.`, beginning with a letter or digit: it stands in file names, mails, logs
/// and URLs without quoting.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DefinitionName(String);

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing at all.
    #[error("the name is empty; use a-z, 0-9, `-`, `_` and `.`")]
    Empty,
    /// More than 100 characters.
    #[error("the name has {0} characters; use at most 100")]
    Long(usize),
    /// A character that would need quoting somewhere.
    #[error("the name has `{0}`; use a-z, 0-9, `-`, `_` and `.`, beginning with a letter or digit")]
    Character(char),
}

impl DefinitionName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DefinitionName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let good = |(at, c): (usize, char)| {
            c.is_ascii_lowercase() || c.is_ascii_digit() || (0 < at && matches!(c, '-' | '_' | '.'))
        };
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if let Some((_, c)) = text.char_indices().find(|&at| !good(at)) {
            return Err(NameError::Character(c));
        }
        if 100 < text.len() {
            return Err(NameError::Long(text.len()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for DefinitionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
