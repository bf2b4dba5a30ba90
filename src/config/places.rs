//! Places of the config that files go to, and programs that are told.

use std::path::PathBuf;

use jiff::SignedDuration;

use crate::secret::SecretName;

/// Something that is spoken to over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The base, without a slash at its end.
    pub url: String,
    /// How requests are authorised.
    pub login: EndpointLogin,
    /// Certificates to trust besides the host's.
    pub ca_file: Option<PathBuf>,
    /// How long the far end may be silent.
    pub timeout: SignedDuration,
    /// Whether its name may lead into a private network.
    pub private_network: bool,
}

/// How requests are authorised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndpointLogin {
    /// Not at all.
    None,
    /// A bearer token.
    Bearer(SecretName),
    /// Basic authentication.
    Basic(String, SecretName),
}

/// A program that is told of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookTarget {
    /// Where it listens.
    pub endpoint: Endpoint,
    /// What its events are signed with.
    pub secret: Option<SecretName>,
}

/// A bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketTarget {
    /// Where it is.
    pub at: BucketAt,
    /// How requests are signed.
    pub login: BucketLogin,
    /// Certificates to trust besides the host's.
    pub ca_file: Option<PathBuf>,
    /// How long a request may take, its body at 10 kB/s not counted.
    pub timeout: SignedDuration,
    /// Whether its name may lead into a private network.
    pub private_network: bool,
}

/// Where a bucket is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BucketAt {
    /// Amazon S3, or something that speaks like it.
    S3 {
        /// The bucket's name.
        bucket: String,
        /// Its region.
        region: String,
        /// The service's URL where it is not Amazon's.
        endpoint: Option<String>,
        /// Whether the bucket stands in the path instead of the host's name.
        path_style: bool,
    },
    /// Google Cloud Storage.
    Gcs {
        /// The bucket's name.
        bucket: String,
        /// The service's URL where it is not Google's.
        endpoint: Option<String>,
    },
    /// Azure Blob Storage.
    Azure {
        /// The storage account.
        account: String,
        /// The container's name.
        container: String,
        /// The service's URL where it is not Microsoft's.
        endpoint: Option<String>,
    },
}

/// How requests to a bucket are signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BucketLogin {
    /// Not at all: a bucket that anybody may write to, or an emulator.
    None,
    /// An access key; for Azure the account's, without an id.
    Key {
        /// Its id.
        id: String,
        /// The key.
        secret: SecretName,
        /// The token that belongs to a key that is lent.
        session_token: Option<SecretName>,
    },
    /// A service account's key file.
    Account(SecretName),
    /// A shared access signature.
    Sas(SecretName),
}

/// A host that speaks SFTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SftpHost {
    /// Its name, as its key stands under in `known_hosts`.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The login name.
    pub user: String,
    /// The private key.
    pub key: SecretName,
    /// The keys of hosts that are trusted.
    pub known_hosts: PathBuf,
    /// The folder that paths are below; the login's own when absent.
    pub folder: Option<String>,
    /// How long the far end may take for an answer, files at 10 kB/s not counted.
    pub timeout: SignedDuration,
    /// Whether its name may lead into a private network.
    pub private_network: bool,
}

impl Endpoint {
    /// The secret of its login, with its key.
    pub(super) fn secret(&self) -> Option<(&'static str, &SecretName)> {
        match &self.login {
            EndpointLogin::None => None,
            EndpointLogin::Bearer(secret) => Some(("token", secret)),
            EndpointLogin::Basic(_, secret) => Some(("password", secret)),
        }
    }
}

impl BucketTarget {
    /// The secrets of its login, with their keys.
    pub(super) fn secrets(&self) -> impl Iterator<Item = (&'static str, &SecretName)> {
        let key = match self.at {
            BucketAt::S3 { .. } => "secret_access_key",
            BucketAt::Gcs { .. } | BucketAt::Azure { .. } => "key",
        };
        let (first, second) = match &self.login {
            BucketLogin::None => (None, None),
            BucketLogin::Key { secret, session_token, .. } => {
                (Some((key, secret)), session_token.as_ref().map(|token| ("session_token", token)))
            }
            BucketLogin::Account(secret) => (Some(("service_account", secret)), None),
            BucketLogin::Sas(secret) => (Some(("sas", secret)), None),
        };
        first.into_iter().chain(second)
    }
}
