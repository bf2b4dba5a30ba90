//! `[[deliver]]` of a job file as written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::words::{ExistsWord, MethodWord, OnUnknownWord};

/// Where the report goes to: exactly one of these.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeliverTable {
    /// Mail to people.
    pub email: Option<EmailTable>,
    /// A folder of this machine.
    pub directory: Option<DirectoryTable>,
    /// A bucket of Amazon S3, or of what speaks like it.
    pub s3: Option<ObjectTable>,
    /// A bucket of Google Cloud Storage.
    pub gcs: Option<ObjectTable>,
    /// A container of Azure Blob Storage.
    pub azure: Option<ObjectTable>,
    /// A host that speaks SFTP.
    pub sftp: Option<SftpFileTable>,
    /// A `WebDAV` server.
    pub webdav: Option<WebdavFileTable>,
    /// An HTTP endpoint.
    pub http: Option<HttpTable>,
    /// A program that is told that the file is there.
    pub webhook: Option<WebhookUseTable>,
}

/// Mail to people.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EmailTable {
    /// The relay's name in the config; the only one, or the one named default, when absent.
    #[serde(rename = "use")]
    pub relay: Option<String>,
    /// Addresses and names of address lists.
    pub to: Option<Vec<String>>,
    /// Visible copies.
    #[serde(default)]
    pub cc: Vec<String>,
    /// Copies that stand in no header.
    #[serde(default)]
    pub bcc: Vec<String>,
    /// Where answers go; the relay's sender when absent.
    #[serde(default)]
    pub reply_to: Vec<String>,
    /// A template, as "{{ name }} of {{ period.start | date }}".
    pub subject: Option<String>,
    /// A template for the text above the facts, in the place of the description; an empty line begins a paragraph.
    pub body: Option<String>,
    /// How many rows of the file stand in the mail, 50 at the most; none when absent.
    pub first_rows: Option<u32>,
    /// A bucket of the same job from which the recipient fetches what is too large to be attached.
    pub link: Option<LinkTable>,
    /// One file for each value of a column, each to its own recipients. `to`, `cc` and `bcc` get none of them.
    pub split_by: Option<SplitTable>,
    /// When nobody can know whether it was sent: hold (the default), or resend.
    pub on_unknown: Option<OnUnknownWord>,
}

/// From where a file is fetched that is too large to be attached.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkTable {
    /// The name of an s3, gcs or azure destination of this job.
    #[serde(rename = "use")]
    #[schemars(required)]
    pub target: Option<String>,
    /// How long a link works, as "3d", the default; "7d" at the most.
    pub expires: Option<String>,
}

/// One file for each value of a column.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SplitTable {
    /// The column's header.
    #[schemars(required)]
    pub column: Option<String>,
    /// Addresses and names of address lists, by value.
    #[serde(default)]
    pub to: BTreeMap<String, Vec<String>>,
    /// What happens with every other value: "hold" (the default), or the name of an address list.
    pub other: Option<String>,
}

/// A folder.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DirectoryTable {
    /// An absolute path. The folder must be there.
    #[schemars(required)]
    pub path: Option<String>,
    /// Permission bits of the file; "0640" when absent. The group comes from a setgid folder.
    pub mode: Option<String>,
    /// When the name is taken: replace (the default), same-is-fine, or fail.
    pub exists: Option<ExistsWord>,
    /// When nobody can know whether it was written: resend (the default), check, or hold.
    pub on_unknown: Option<OnUnknownWord>,
    /// Whether an empty file NAME.ok follows when everything else is there; false when absent.
    pub marker: Option<bool>,
    /// Whether NAME.json follows with period, zone, rows, columns and digest; false when absent.
    pub manifest: Option<bool>,
}

/// A bucket of the config.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ObjectTable {
    /// Its name in the config.
    #[serde(rename = "use")]
    #[schemars(required)]
    pub target: Option<String>,
    /// Key of the object there, a template; the file's name when absent.
    pub key: Option<String>,
    /// When the name is taken: replace (the default), same-is-fine, or fail.
    pub exists: Option<ExistsWord>,
    /// When nobody can know whether it arrived: resend (the default), check, or hold.
    pub on_unknown: Option<OnUnknownWord>,
    /// Whether an empty file NAME.ok follows when everything else is there; false when absent.
    pub marker: Option<bool>,
    /// Whether NAME.json follows with period, zone, rows, columns and digest; false when absent.
    pub manifest: Option<bool>,
}

/// A `WebDAV` server of the config.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebdavFileTable {
    /// Its name in the config.
    #[serde(rename = "use")]
    #[schemars(required)]
    pub target: Option<String>,
    /// Path of the file there, a template; the file's name when absent.
    pub path: Option<String>,
    /// When the name is taken: replace (the default), same-is-fine, or fail.
    pub exists: Option<ExistsWord>,
    /// When nobody can know whether it arrived: check (the default), resend, or hold.
    pub on_unknown: Option<OnUnknownWord>,
    /// Whether an empty file NAME.ok follows when everything else is there; false when absent.
    pub marker: Option<bool>,
    /// Whether NAME.json follows with period, zone, rows, columns and digest; false when absent.
    pub manifest: Option<bool>,
}

/// A host of the config that speaks SFTP.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SftpFileTable {
    /// The host's name in the config.
    #[serde(rename = "use")]
    #[schemars(required)]
    pub target: Option<String>,
    /// Path of the file below the host's folder, a template; the file's name when absent.
    pub path: Option<String>,
    /// Permission bits of the file, where the host lets them be set; "0640" when absent.
    pub mode: Option<String>,
    /// When the name is taken: replace (the default), same-is-fine, or fail.
    pub exists: Option<ExistsWord>,
    /// When nobody can know whether it arrived: check (the default), resend, or hold.
    pub on_unknown: Option<OnUnknownWord>,
    /// Whether an empty file NAME.ok follows when everything else is there; false when absent.
    pub marker: Option<bool>,
    /// Whether NAME.json follows with period, zone, rows, columns and digest; false when absent.
    pub manifest: Option<bool>,
}

/// An HTTP endpoint of the config.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpTable {
    /// The endpoint's name in the config.
    #[serde(rename = "use")]
    #[schemars(required)]
    pub endpoint: Option<String>,
    /// Path below the endpoint's URL, a template; the file's name when absent.
    pub path: Option<String>,
    /// PUT (the default) or POST.
    pub method: Option<MethodWord>,
    /// Headers besides our own, as { "X-Tenant" = "north" }; logins stand in the config.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// When a PUT's name is taken: replace (the default), same-is-fine, or fail.
    pub exists: Option<ExistsWord>,
    /// When nobody can know whether it arrived: resend (the default for PUT), check (PUT only), or hold (the default
    /// for POST).
    pub on_unknown: Option<OnUnknownWord>,
    /// Whether an empty file NAME.ok follows when everything else is there; false when absent.
    pub marker: Option<bool>,
    /// Whether NAME.json follows with period, zone, rows, columns and digest; false when absent.
    pub manifest: Option<bool>,
}

/// A program of the config that is told that the file is there.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookUseTable {
    /// The webhook's name in the config.
    #[serde(rename = "use")]
    #[schemars(required)]
    pub target: Option<String>,
    /// When nobody can know whether it arrived: resend (the default; the event keeps its id), or hold.
    pub on_unknown: Option<OnUnknownWord>,
}
