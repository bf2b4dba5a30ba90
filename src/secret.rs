//! Secrets: named in files, read at use, never printed.

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;

/// Where a secret is to be had; exactly one of the three.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretName {
    /// A systemd credential of the unit, as `LoadCredential=smtp:/etc/legwork/smtp.secret`.
    pub credential: Option<String>,
    /// A file that only its owner can read.
    pub file: Option<PathBuf>,
    /// An environment variable.
    pub env: Option<String>,
}

/// A secret's value. Prints as `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Self(value)
    }
}

impl Secret {
    /// The value, for the one call that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Why a secret could not be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Not exactly one of the three.
    #[error("name the secret by exactly one of `credential`, `file` and `env`")]
    Name,
    /// A credential outside the unit.
    #[error("credential `{0}` is only there inside the unit")]
    OutsideUnit(String),
    /// The file cannot be read.
    #[error("read the secret file `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Others can read the file.
    #[error("the secret file `{0}` can be read by others; run `chmod 600` on it")]
    Open(PathBuf),
    /// The variable is not set.
    #[error("the environment variable `{0}` is not set")]
    Env(String),
    /// Nothing in it.
    #[error("the secret {0} is empty")]
    Empty(String),
}

impl SecretName {
    /// Whether exactly one way is named.
    pub fn is_valid(&self) -> bool {
        [self.credential.is_some(), self.file.is_some(), self.env.is_some()]
            .into_iter()
            .filter(|set| *set)
            .count()
            == 1
    }

    /// The file that holds the value, for programs that read it themselves; it is looked at like any other.
    pub fn path(&self) -> Result<PathBuf, SecretError> {
        self.read()?;
        match (&self.credential, &self.file) {
            (Some(name), _) => {
                let folder = environment("CREDENTIALS_DIRECTORY");
                let folder = folder.ok_or_else(|| SecretError::OutsideUnit(name.clone()))?;
                Ok(Path::new(&folder).join(name))
            }
            (None, Some(path)) => Ok(path.clone()),
            (None, None) => Err(SecretError::Name),
        }
    }

    /// Reads the value. A trailing line break is not part of it.
    pub fn read(&self) -> Result<Secret, SecretError> {
        let (text, what) = match (&self.credential, &self.file, &self.env) {
            (Some(name), None, None) => {
                let folder = environment("CREDENTIALS_DIRECTORY")
                    .ok_or_else(|| SecretError::OutsideUnit(name.clone()))?;
                (read_file(&Path::new(&folder).join(name))?, format!("credential `{name}`"))
            }
            (None, Some(path), None) => {
                let metadata =
                    fs::metadata(path).map_err(|source| SecretError::Read { path: path.clone(), source })?;
                if metadata.mode() & 0o077 != 0 {
                    return Err(SecretError::Open(path.clone()));
                }
                (read_file(path)?, format!("file `{}`", path.display()))
            }
            (None, None, Some(name)) => (
                environment(name).ok_or_else(|| SecretError::Env(name.clone()))?,
                format!("variable `{name}`"),
            ),
            _ => return Err(SecretError::Name),
        };
        let value = text.trim_end_matches(['\r', '\n']);
        if value.is_empty() { Err(SecretError::Empty(what)) } else { Ok(Secret(value.to_owned())) }
    }
}

fn read_file(path: &Path) -> Result<String, SecretError> {
    fs::read_to_string(path).map_err(|source| SecretError::Read { path: path.to_owned(), source })
}

/// A variable of the environment, where it is set and not empty.
#[expect(clippy::disallowed_methods, reason = "the environment is read in config and here only")]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
