//! The config file as written. The JSON Schema that `legwork schema config` prints comes from these types.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::web::WebTable;
use crate::secret::SecretName;

/// The config file as written.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfigFile {
    /// Folders; relative ones are below the config file's own.
    #[serde(default)]
    pub paths: PathsTable,
    /// What is kept, and how long.
    #[serde(default)]
    pub keep: KeepTable,
    /// How much is done at once.
    #[serde(default)]
    pub limits: LimitsTable,
    /// Mail relays by name.
    #[serde(default)]
    pub relay: BTreeMap<String, RelayTable>,
    /// Address lists by name.
    #[serde(default)]
    pub list: BTreeMap<String, Vec<String>>,
    /// Lists of days on which schedules may be silent, by name: "2026-12-25", or "2026-12-24..2027-01-02" with TO
    /// exclusive.
    #[serde(default)]
    pub blackout: BTreeMap<String, Vec<String>>,
    /// Where segments come from, by name; `store` is the segment store.
    #[serde(default)]
    pub source: BTreeMap<String, SourceTable>,
    /// Who is told of what goes wrong, besides each job's owner.
    #[serde(default)]
    pub alerts: AlertsTable,
    /// URLs that watch over runs, by name: told of start, success and failure.
    #[serde(default)]
    pub ping: BTreeMap<String, PingTable>,
    /// HTTP endpoints by name.
    #[serde(default)]
    pub http: BTreeMap<String, EndpointTable>,
    /// `WebDAV` servers by name.
    #[serde(default)]
    pub webdav: BTreeMap<String, EndpointTable>,
    /// Programs that are told of events, by name.
    #[serde(default)]
    pub webhook: BTreeMap<String, WebhookTable>,
    /// Buckets of Amazon S3, and of what speaks like it, by name.
    #[serde(default)]
    pub s3: BTreeMap<String, S3Table>,
    /// Buckets of Google Cloud Storage by name.
    #[serde(default)]
    pub gcs: BTreeMap<String, GcsTable>,
    /// Containers of Azure Blob Storage by name.
    #[serde(default)]
    pub azure: BTreeMap<String, AzureTable>,
    /// Hosts that speak SFTP, by name.
    #[serde(default)]
    pub sftp: BTreeMap<String, SftpTable>,
    /// The page and the API.
    #[serde(default)]
    pub web: WebTable,
}

/// Folders.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PathsTable {
    /// Job files.
    pub jobs: Option<PathBuf>,
    /// Database, artifacts and backups.
    pub state: Option<PathBuf>,
    /// The socket by which commands wake the daemon.
    pub runtime: Option<PathBuf>,
}

/// What is kept, and how long.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeepTable {
    /// Report files, counted from their making.
    pub files: Option<String>,
    /// Report files together; the oldest go first. No limit when absent.
    pub bytes: Option<String>,
    /// Runs with their deliveries and attempts.
    pub runs: Option<String>,
    /// Segments, counted from their start.
    pub segments: Option<String>,
    /// Backup copies of the database.
    pub backups: Option<u32>,
}

/// How much is done at once.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitsTable {
    /// Runs at the same time.
    pub runs: Option<u32>,
    /// Deliveries at the same time.
    pub deliveries: Option<u32>,
    /// How long running work may go on after a stop signal.
    pub stop: Option<String>,
}

/// Who is told of what goes wrong, besides each job's owner.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertsTable {
    /// Addresses and names of address lists that get one mail a day, also when all is well.
    #[serde(default)]
    pub summary_to: Vec<String>,
    /// The local time of that mail, as "07:00".
    pub summary_at: Option<String>,
    /// The zone of that time; UTC when absent.
    pub time_zone: Option<String>,
    /// How long after its due instant a run without a file is late, as "15m".
    pub late_after: Option<String>,
    /// How long after the last word an owner is reminded, as "1d".
    pub remind_after: Option<String>,
    /// The relay that notices go by; the one named default, or the first, when absent.
    pub relay: Option<String>,
    /// A webhook that gets each alert as an event.
    pub webhook: Option<String>,
}

/// A URL that watches over runs.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PingTable {
    /// The URL, by name, for it is a secret itself: { credential = "…" }, { file = "…" } or { env = "…" }. A start is
    /// told to URL/start, a failure to URL/fail.
    #[schemars(required)]
    pub url: Option<SecretName>,
    /// A file with certificates to trust besides the host's, in PEM.
    pub ca_file: Option<PathBuf>,
    /// Whether its name may lead into a private network; false when absent.
    pub private_network: Option<bool>,
}

/// Where segments come from.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceTable {
    /// Runs over it at the same time; no limit but that of all runs when absent.
    pub runs: Option<u32>,
    /// How long after its end a period of this source is complete, as "15m"; scheduled runs wait for it.
    pub lag: Option<String>,
    /// How often it may be asked, each as "3 per 60s": all of them hold, for all jobs over the account together.
    pub rates: Option<Vec<String>>,
    /// How long the far end may be silent.
    pub timeout: Option<String>,
    /// How long the first wait after a failure may be, as "2s"; each further one twice as long, a die says how much of it.
    pub retry_after: Option<String>,
    /// How long one run may wait for the far end in all, as "20m".
    pub patience: Option<String>,
    /// A file with certificates to trust besides the host's, in PEM.
    pub ca_file: Option<PathBuf>,
    /// Whether its name may lead into a private network; false when absent.
    pub private_network: Option<bool>,
    /// RingCentral Engage Voice, today RingCX.
    pub ringcentral: Option<RingcentralTable>,
    /// LivePerson Conversational Cloud.
    pub liveperson: Option<LivepersonTable>,
    /// Kore.ai Contact Center AI.
    pub koreai: Option<KoreaiTable>,
    /// Whether its rows are collected into the store, and when.
    pub collect: Option<CollectTable>,
}

/// RingCentral Engage Voice, today RingCX. Log in by `jwt`, by `code`, by `token`, or by `user` and `password`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RingcentralTable {
    /// The sub-account; found by itself where the login has exactly one.
    pub account: Option<String>,
    /// The RingCentral account that `interaction-metadata` asks for; found by itself when absent.
    pub rc_account: Option<String>,
    /// The host; <https://ringcx.ringcentral.com> when absent.
    pub url: Option<String>,
    /// What stands before `/v1` in paths: /voice/api when absent, /api on legacy hosts.
    pub path: Option<String>,
    /// Where tokens are exchanged and refreshed; `/api/auth` of the host when absent.
    pub auth_url: Option<String>,
    /// RingCentral's own platform; <https://platform.ringcentral.com> when absent.
    pub platform_url: Option<String>,
    /// The JWT of the developer console, by name.
    pub jwt: Option<SecretName>,
    /// The code that an authorization gave, by name; it is used once, and the tokens are kept below the state folder.
    pub code: Option<SecretName>,
    /// The redirect URI that the code was made for.
    pub redirect_uri: Option<String>,
    /// The app's client id.
    pub client_id: Option<String>,
    /// The app's client secret, by name.
    pub client_secret: Option<SecretName>,
    /// A permanent API token, by name.
    pub token: Option<SecretName>,
    /// The login name of an account that is not linked to RingCentral.
    pub user: Option<String>,
    /// Its password, by name.
    pub password: Option<SecretName>,
    /// The platform's id for such a login; a legacy host has none.
    pub platform_id: Option<String>,
    /// What `segmentEndTime` of interaction-metadata names: the start of the window (as documented) or its end.
    pub window: Option<WindowWord>,
}

/// What an instant names of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WindowWord {
    /// Its start.
    Start,
    /// Its end.
    End,
}

/// LivePerson Conversational Cloud. Log in by `client_id` and `client_secret`; legacy accounts by the four keys of OAuth 1.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LivepersonTable {
    /// The account.
    #[schemars(required)]
    pub account: Option<String>,
    /// The installed application's id.
    pub client_id: Option<String>,
    /// Its secret, by name.
    pub client_secret: Option<SecretName>,
    /// The scope to ask for, where the application needs it named.
    pub scope: Option<String>,
    /// OAuth 1: the app key.
    pub app_key: Option<String>,
    /// OAuth 1: its secret, by name.
    pub app_secret: Option<SecretName>,
    /// OAuth 1: the access token.
    pub access_token: Option<String>,
    /// OAuth 1: its secret, by name.
    pub access_token_secret: Option<SecretName>,
    /// Where hosts are looked up; <https://api.liveperson.net> when absent.
    pub domain_url: Option<String>,
    /// Hosts that are not looked up, by service, as { agentActivityDomain = "<https://va.example.com>" }.
    #[serde(default)]
    pub hosts: BTreeMap<String, String>,
    /// What requests call themselves, up to 20 of a-z, A-Z, 0-9 and _; legwork when absent.
    pub caller: Option<String>,
    /// Segments a page, 1 to 500; 100 when absent.
    pub page: Option<u32>,
}

/// Kore.ai Contact Center AI.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KoreaiTable {
    /// The host; <https://platform.kore.ai> when absent.
    pub url: Option<String>,
    /// The account.
    #[schemars(required)]
    pub account: Option<String>,
    /// The app's id, which requests carry as `iId`.
    #[schemars(required)]
    pub app: Option<String>,
    /// The JWT app's client id.
    #[schemars(required)]
    pub client_id: Option<String>,
    /// Its secret, by name.
    #[schemars(required)]
    pub client_secret: Option<SecretName>,
    /// Whether each conversation is asked for once more, for who transferred it; false when absent.
    pub transfers: Option<bool>,
}

/// Rows that go into the store on a schedule of their own.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CollectTable {
    /// What is collected: segment-reports or interaction-metadata (ringcentral), handle-time, messaging-operations or
    /// messaging-interactions (liveperson), interaction-details (koreai); the first of them when absent.
    pub feed: Option<String>,
    /// How often, on the clock: "15m" is at :00, :15, :30 and :45.
    #[schemars(required)]
    pub every: Option<String>,
    /// How far behind what is whole each pass begins again, for rows that come late and corrections.
    pub trail: Option<String>,
    /// Where the first pass begins, as "2026-11-01T00:00:00Z"; as far back as the vendor remembers, a week at the most,
    /// when absent.
    pub from: Option<String>,
}

/// A mail relay: a host, or an outbox folder.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RelayTable {
    /// A folder that gets `.eml` files instead of sending: for trials.
    pub outbox: Option<PathBuf>,
    /// The relay's host name, as its certificate has it.
    pub host: Option<String>,
    /// The port; 587 for starttls, 465 for implicit, 25 for none.
    pub port: Option<u16>,
    /// starttls (the default), implicit, or none (loopback hosts only).
    pub tls: Option<TlsWord>,
    /// The sender, as "Legwork <reports@example.com>".
    #[schemars(required)]
    pub from: Option<String>,
    /// The login name.
    pub user: Option<String>,
    /// The login's password, by name: { credential = "smtp" }, { file = "…" } or { env = "…" }.
    pub password: Option<SecretName>,
    /// A file with certificates to trust besides the host's, in PEM.
    pub ca_file: Option<PathBuf>,
    /// The largest message; the relay's own limit holds when it is smaller.
    pub size_limit: Option<String>,
    /// How the login is made: plain or login, whichever the relay offers, when absent; xoauth2 where the password is an
    /// access token. It is read at each login, so that a helper can renew its file.
    pub auth: Option<AuthWord>,
    /// How long one mail may take.
    pub timeout: Option<String>,
    /// Connections at the same time.
    pub connections: Option<u32>,
    /// Mails over one connection at the most; no limit when absent.
    pub mails_per_connection: Option<u32>,
    /// Mails in a span of time at the most, as "100/m" or "5/s"; no limit when absent.
    pub rate: Option<String>,
    /// Whether its name may lead into a private network; false when absent.
    pub private_network: Option<bool>,
}

/// How a login at a relay is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AuthWord {
    /// Name and password at once.
    Plain,
    /// Name and password one after the other.
    Login,
    /// An OAuth 2 access token in the place of the password.
    Xoauth2,
}

/// How a relay is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TlsWord {
    /// Plain first, then STARTTLS, which must be offered.
    Starttls,
    /// TLS from the first byte.
    Implicit,
    /// Not at all; loopback hosts only.
    None,
}

/// An HTTP endpoint.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointTable {
    /// The base, as "<https://files.example.com/incoming>".
    #[schemars(required)]
    pub url: Option<String>,
    /// The bearer token, by name.
    pub token: Option<SecretName>,
    /// The login name for basic authentication.
    pub user: Option<String>,
    /// Its password, by name.
    pub password: Option<SecretName>,
    /// A file with certificates to trust besides the host's, in PEM.
    pub ca_file: Option<PathBuf>,
    /// How long the far end may be silent.
    pub timeout: Option<String>,
    /// Whether its name may lead into a private network; false when absent.
    pub private_network: Option<bool>,
}

/// A program that is told of events by POST.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookTable {
    /// Where it listens, as "<https://ops.example.com/legwork>".
    #[schemars(required)]
    pub url: Option<String>,
    /// What events are signed with (HMAC-SHA-256), by name.
    pub secret: Option<SecretName>,
    /// The bearer token, by name.
    pub token: Option<SecretName>,
    /// A file with certificates to trust besides the host's, in PEM.
    pub ca_file: Option<PathBuf>,
    /// How long the far end may be silent.
    pub timeout: Option<String>,
    /// Whether its name may lead into a private network; false when absent.
    pub private_network: Option<bool>,
}

/// A bucket of Amazon S3, or of what speaks like it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct S3Table {
    /// The bucket's name.
    #[schemars(required)]
    pub bucket: Option<String>,
    /// Its region; us-east-1 when absent.
    pub region: Option<String>,
    /// The service's URL where it is not Amazon's.
    pub endpoint: Option<String>,
    /// Whether the bucket stands in the path instead of the host's name; true with an `endpoint`.
    pub path_style: Option<bool>,
    /// The access key's id.
    #[schemars(required)]
    pub access_key_id: Option<String>,
    /// The access key's secret, by name.
    #[schemars(required)]
    pub secret_access_key: Option<SecretName>,
    /// The token of a key that is lent, by name.
    pub session_token: Option<SecretName>,
    /// A file with certificates to trust besides the host's, in PEM.
    pub ca_file: Option<PathBuf>,
    /// How long a request may take; its body gets another second for each 10 kB.
    pub timeout: Option<String>,
    /// Whether its name may lead into a private network; false when absent.
    pub private_network: Option<bool>,
}

/// A bucket of Google Cloud Storage.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GcsTable {
    /// The bucket's name.
    #[schemars(required)]
    pub bucket: Option<String>,
    /// The service account's key file (JSON), by name.
    pub service_account: Option<SecretName>,
    /// The service's URL where it is not Google's.
    pub endpoint: Option<String>,
    /// A file with certificates to trust besides the host's, in PEM.
    pub ca_file: Option<PathBuf>,
    /// How long a request may take; its body gets another second for each 10 kB.
    pub timeout: Option<String>,
    /// Whether its name may lead into a private network; false when absent.
    pub private_network: Option<bool>,
}

/// A container of Azure Blob Storage.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AzureTable {
    /// The storage account.
    #[schemars(required)]
    pub account: Option<String>,
    /// The container's name.
    #[schemars(required)]
    pub container: Option<String>,
    /// The account's key, by name; or `sas`.
    pub key: Option<SecretName>,
    /// A shared access signature, by name; or `key`.
    pub sas: Option<SecretName>,
    /// The service's URL where it is not Microsoft's.
    pub endpoint: Option<String>,
    /// A file with certificates to trust besides the host's, in PEM.
    pub ca_file: Option<PathBuf>,
    /// How long a request may take; its body gets another second for each 10 kB.
    pub timeout: Option<String>,
    /// Whether its name may lead into a private network; false when absent.
    pub private_network: Option<bool>,
}

/// A host that speaks SFTP.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SftpTable {
    /// The host, as its key stands under in `known_hosts`.
    #[schemars(required)]
    pub host: Option<String>,
    /// The port; 22 when absent.
    pub port: Option<u16>,
    /// The login name.
    #[schemars(required)]
    pub user: Option<String>,
    /// The private key, by name: { credential = "…" } or { file = "…" }.
    #[schemars(required)]
    pub key: Option<SecretName>,
    /// The file with the keys of hosts that are trusted, as `ssh-keyscan` prints them.
    #[schemars(required)]
    pub known_hosts: Option<PathBuf>,
    /// The folder that paths are below; the login's own when absent.
    pub folder: Option<String>,
    /// How long the far end may take for an answer; a file gets another second for each 10 kB.
    pub timeout: Option<String>,
    /// Whether its name may lead into a private network; false when absent.
    pub private_network: Option<bool>,
}
