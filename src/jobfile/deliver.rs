//! `[[deliver]]` → [`Destination`].

use std::collections::BTreeMap;

use super::headers::Headers;
use super::lower::Lowering;
use super::schema_deliver::{
    DeliverTable, DirectoryTable, HttpTable, ObjectTable, SftpFileTable, WebdavFileTable, WebhookUseTable,
};
use super::words::{ExistsWord, MethodWord, OnUnknownWord};
use crate::domain::definition::{
    Destination, Exists, FileDestination, HttpMethod, OnUnknown, Place, WebhookDestination,
};
use crate::domain::nearest::nearest;
use crate::domain::template::{Template, TemplateValues};

/// The keys of a `[[deliver]]`, for messages.
const KINDS: &str = "email, directory, s3, gcs, azure, sftp, webdav, http, webhook";

/// What the tables of all places have in common.
struct Common<'a> {
    target: Option<&'a String>,
    path: Option<&'a String>,
    exists: Option<ExistsWord>,
    on_unknown: Option<OnUnknownWord>,
    marker: Option<bool>,
    manifest: Option<bool>,
}

macro_rules! common {
    ($($table:ident: $target:ident, $path:ident;)+) => {
        $(impl<'a> From<&'a $table> for Common<'a> {
            fn from(table: &'a $table) -> Self {
                Self {
                    target: table.$target.as_ref(),
                    path: table.$path.as_ref(),
                    exists: table.exists,
                    on_unknown: table.on_unknown,
                    marker: table.marker,
                    manifest: table.manifest,
                }
            }
        })+
    };
}
common! {
    ObjectTable: target, key;
    WebdavFileTable: target, path;
    SftpFileTable: target, path;
    HttpTable: endpoint, path;
}

impl Lowering<'_> {
    pub(super) fn destinations(
        &mut self,
        tables: &[DeliverTable],
        sample: &TemplateValues<'_>,
        headers: &Headers,
    ) -> Vec<Destination> {
        let mut destinations = Vec::new();
        for (at, table) in tables.iter().enumerate() {
            let path = format!("deliver[{at}]");
            let mut found: Vec<Option<Destination>> = Vec::new();
            if let Some(email) = &table.email {
                found.push(
                    self.email(&format!("{path}.email"), email, sample, headers).map(Destination::Email),
                );
            }
            if let Some(webhook) = &table.webhook {
                found.push(self.webhook(&format!("{path}.webhook"), webhook));
            }
            found.extend(self.files(&path, table, sample));
            match found.as_slice() {
                [_] => {}
                several => {
                    let (message, help) = if several.is_empty() {
                        ("a [[deliver]] says where to", format!("add one of {KINDS}"))
                    } else {
                        (
                            "a [[deliver]] has exactly one place",
                            "keep one; add a [[deliver]] for another".to_owned(),
                        )
                    };
                    self.wrong(&path, message, help);
                    continue;
                }
            }
            let destination = found.into_iter().flatten().next();
            if destination.as_ref().is_some_and(|destination| destinations.contains(destination)) {
                self.wrong(&path, "this destination stands here twice", "remove one of them");
            }
            destinations.extend(destination);
        }
        for (at, table) in tables.iter().enumerate() {
            if let Some(link) = table.email.as_ref().and_then(|email| email.link.as_ref()) {
                self.link(&format!("deliver[{at}].email"), at, link, &mut destinations);
            }
        }
        destinations
    }

    /// The places of a table that keep files.
    fn files(
        &mut self,
        path: &str,
        table: &DeliverTable,
        sample: &TemplateValues<'_>,
    ) -> Vec<Option<Destination>> {
        let mut found = Vec::new();
        if let Some(directory) = &table.directory {
            found.push(self.directory(&format!("{path}.directory"), directory));
        }
        if let Some(http) = &table.http {
            found.push(self.http(&format!("{path}.http"), http, sample));
        }
        if let Some(sftp) = &table.sftp {
            found.push(self.sftp(&format!("{path}.sftp"), sftp, sample));
        }
        // What overwrites the same thing is repeated; a rename is asked for.
        for (table, place) in [(&table.s3, Place::S3), (&table.gcs, Place::Gcs), (&table.azure, Place::Azure)]
        {
            if let Some(table) = table {
                let path = format!("{path}.{}", place.name());
                found.push(self.file(&path, place, &table.into(), OnUnknown::Resend, sample));
            }
        }
        if let Some(webdav) = &table.webdav {
            let path = format!("{path}.webdav");
            found.push(self.file(&path, Place::Webdav, &webdav.into(), OnUnknown::Check, sample));
        }
        found
    }

    fn file(
        &mut self,
        path: &str,
        place: Place,
        table: &Common<'_>,
        default: OnUnknown,
        sample: &TemplateValues<'_>,
    ) -> Option<Destination> {
        let target = self.named(path, place.name(), table.target?)?;
        let key = if matches!(place, Place::S3 | Place::Gcs | Place::Azure) { "key" } else { "path" };
        let template = match table.path {
            None => None,
            Some(text) => {
                let template = Template::parse(text, sample).and_then(|t| t.render_path(sample).map(|_| t));
                Some(self.take(&format!("{path}.{key}"), template)?)
            }
        };
        Some(Destination::File(FileDestination {
            place,
            target,
            path: template,
            exists: exists(table.exists),
            on_unknown: on_unknown(table.on_unknown, default),
            marker: table.marker.unwrap_or(false),
            manifest: table.manifest.unwrap_or(false),
        }))
    }

    /// A name that the config must have in its table of a kind.
    pub(super) fn named(&mut self, path: &str, kind: &str, name: &str) -> Option<String> {
        let names = self.surroundings.places(kind);
        if names.contains(&name) {
            return Some(name.to_owned());
        }
        let help = match nearest(name, names) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("add [{kind}.{name}] to the config"),
        };
        let key = if kind == "ping" { kind } else { "use" };
        self.wrong(&format!("{path}.{key}"), format!("the config has no [{kind}.{name}]"), help);
        None
    }

    fn directory(&mut self, path: &str, table: &DirectoryTable) -> Option<Destination> {
        let folder = table.path.clone()?;
        let plain = folder.starts_with('/') && folder.split('/').all(|part| part != ".." && part != ".");
        if !plain || folder.chars().any(char::is_control) {
            self.wrong(
                &format!("{path}.path"),
                "the folder is not an absolute path",
                "write it from `/` on, without `..`",
            );
            return None;
        }
        let mode = self.mode(path, table.mode.as_deref())?;
        Some(Destination::File(FileDestination {
            place: Place::Directory { mode },
            target: folder,
            path: None,
            exists: exists(table.exists),
            on_unknown: on_unknown(table.on_unknown, OnUnknown::Resend),
            marker: table.marker.unwrap_or(false),
            manifest: table.manifest.unwrap_or(false),
        }))
    }

    fn mode(&mut self, path: &str, mode: Option<&str>) -> Option<u32> {
        let mode = mode.unwrap_or("0640");
        let bits = u32::from_str_radix(mode, 8).ok().filter(|bits| *bits <= 0o777 && 0o400 & bits != 0);
        let wrong = || format!("`{mode}` is not a file mode; write octal digits, as \"0640\"");
        self.take(&format!("{path}.mode"), bits.ok_or_else(wrong))
    }

    fn sftp(
        &mut self,
        path: &str,
        table: &SftpFileTable,
        sample: &TemplateValues<'_>,
    ) -> Option<Destination> {
        let mode = self.mode(path, table.mode.as_deref())?;
        self.file(path, Place::Sftp { mode }, &table.into(), OnUnknown::Check, sample)
    }

    fn http(&mut self, path: &str, table: &HttpTable, sample: &TemplateValues<'_>) -> Option<Destination> {
        let (method, default) = match table.method.unwrap_or(MethodWord::Put) {
            MethodWord::Put => (HttpMethod::Put, OnUnknown::Resend),
            MethodWord::Post => (HttpMethod::Post, OnUnknown::Hold),
        };
        if method == HttpMethod::Post {
            if matches!(table.on_unknown, Some(OnUnknownWord::Check)) {
                let help = "use \"hold\", or \"resend\" where the far end looks at the Idempotency-Key";
                self.wrong(&format!("{path}.on_unknown"), "nobody can ask whether a POST arrived", help);
            }
            for (key, set) in [("marker", table.marker), ("manifest", table.manifest)] {
                if set == Some(true) {
                    let help =
                        "remove it, or use method = \"PUT\": a repeat for its sake would post the file again";
                    self.wrong(&format!("{path}.{key}"), format!("a POST has no {key}"), help);
                }
            }
            if table.exists.is_some() {
                let help = "remove it, or use method = \"PUT\"";
                self.wrong(&format!("{path}.exists"), "a POST has no name that could be taken", help);
            }
        }
        let headers = self.headers(path, &table.headers);
        self.file(path, Place::Http { method, headers }, &table.into(), default, sample)
    }

    /// Headers that a job may set: no login, and none that the transfer itself needs.
    fn headers(&mut self, path: &str, headers: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        const OURS: [&str; 9] = [
            "authorization",
            "proxy-authorization",
            "cookie",
            "host",
            "content-length",
            "content-type",
            "transfer-encoding",
            "connection",
            "idempotency-key",
        ];
        for (name, value) in headers {
            let place = format!("{path}.headers.{name}");
            let word = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
            if name.is_empty()
                || !name.chars().all(word)
                || value.chars().any(|c| c.is_control() || !c.is_ascii())
            {
                self.wrong(
                    &place,
                    "this cannot be a header",
                    "use letters, digits and `-`; the value in ASCII",
                );
            } else if OURS.contains(&name.to_ascii_lowercase().as_str()) {
                let help = "remove it; logins stand in the config, by name";
                self.wrong(&place, format!("`{name}` is not a job's to set"), help);
            }
        }
        headers.clone()
    }

    fn webhook(&mut self, path: &str, table: &WebhookUseTable) -> Option<Destination> {
        let target = self.named(path, "webhook", table.target.as_ref()?)?;
        let check = matches!(table.on_unknown, Some(OnUnknownWord::Check));
        if check {
            let help = "use \"resend\" (the event keeps its id) or \"hold\"";
            self.wrong(&format!("{path}.on_unknown"), "nobody can ask whether an event arrived", help);
        }
        let on_unknown = on_unknown(table.on_unknown, OnUnknown::Resend);
        Some(Destination::Webhook(WebhookDestination { target, on_unknown }))
    }
}

fn exists(word: Option<ExistsWord>) -> Exists {
    match word {
        Some(ExistsWord::Fail) => Exists::Fail,
        Some(ExistsWord::SameIsFine) => Exists::SameIsFine,
        Some(ExistsWord::Replace) | None => Exists::Replace,
    }
}

pub(super) fn on_unknown(word: Option<OnUnknownWord>, default: OnUnknown) -> OnUnknown {
    match word {
        Some(OnUnknownWord::Hold) => OnUnknown::Hold,
        Some(OnUnknownWord::Resend) => OnUnknown::Resend,
        Some(OnUnknownWord::Check) => OnUnknown::Check,
        None => default,
    }
}
