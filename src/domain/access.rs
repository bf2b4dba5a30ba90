//! What somebody may do.

use std::str::FromStr;

/// What somebody may do; each role may what the ones before it may.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// See reports and download files.
    View,
    /// Run reports, and answer for deliveries.
    Run,
    /// Make, change, pause and delete reports and mailing lists.
    Edit,
    /// Make tokens, and read the audit.
    Admin,
}

impl Role {
    /// The word in TOML, SQL, pages and the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Run => "run",
            Self::Edit => "edit",
            Self::Admin => "admin",
        }
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "view" => Ok(Self::View),
            "run" => Ok(Self::Run),
            "edit" => Ok(Self::Edit),
            "admin" => Ok(Self::Admin),
            _ => Err(format!("there is no role `{text}`; there are view, run, edit and admin")),
        }
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// A shorter password is no secret.
const PASSWORD_MIN: usize = 12;
/// A longer one is a file that somebody took for a password.
const PASSWORD_MAX: usize = 1_000;

/// Whether a user or token may be called so. `Err` says what would be right.
pub fn check_user_name(name: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.@".contains(c);
    if name.is_empty() || 100 < name.len() || !name.chars().all(plain) {
        return Err(format!("the name `{name}` is none; use letters, digits, `-`, `_`, `.` and `@`"));
    }
    Ok(())
}

/// Whether a password is one. `Err` says what would be right.
pub fn check_password(password: &str) -> Result<(), String> {
    if password.chars().count() < PASSWORD_MIN {
        return Err(format!("the password is shorter than {PASSWORD_MIN} characters"));
    }
    if PASSWORD_MAX < password.chars().count() {
        return Err(format!("the password is longer than {PASSWORD_MAX} characters"));
    }
    Ok(())
}
