//! From a finished file to its deliveries: one an address or place.

use jiff::Timestamp;

use super::Core;
use super::changes::Changes;
use crate::artifacts::hex;
use crate::destinations::details::{Details, EmailDetails, FileDetails, Link, PAGE, Preview, WebhookDetails};
use crate::domain::address::Address;
use crate::domain::checks::Usual;
use crate::domain::definition::{Definition, Destination, EmailDestination, FileDestination, OnUnknown};
use crate::domain::output::Empty;
use crate::domain::template::{TemplateError, TemplateValues};
use crate::domain::{text, units};
use crate::store::answers::NOBODY;
use crate::store::deliveries::{Begin, NewDelivery, ToldDelivery};
use crate::store::occurrences::OpenOccurrence;
use crate::store::runs::{NewArtifact, RunCounts};

/// How long a link to our own page works, in seconds from the sending: three days, as a bucket's.
const PAGE_LINK_S: u64 = 3 * 24 * 3_600;

/// What a run made, for the texts of its deliveries.
#[derive(Debug, Clone, Copy)]
pub(super) struct Made<'a> {
    pub(super) run_id: i64,
    pub(super) definition: &'a Definition,
    pub(super) occurrence: &'a OpenOccurrence,
    pub(super) artifact: &'a NewArtifact,
    /// Column and value of a file for some recipients.
    pub(super) part: Option<(&'a str, &'a str)>,
    pub(super) counts: &'a RunCounts,
    /// What is known of the completeness of the data, as a sentence.
    pub(super) completeness: &'a str,
    /// Rows of earlier reports.
    pub(super) usual: Option<Usual>,
    /// What the checks found.
    pub(super) findings: &'a [String],
    /// The first rows' cells.
    pub(super) first_rows: &'a [Vec<String>],
    /// What is other than in the revision before it.
    pub(super) changes: Option<&'a Changes>,
    /// Whether a new revision waits until a person sends it.
    pub(super) kept: bool,
}

impl Made<'_> {
    fn values(&self) -> TemplateValues<'_> {
        TemplateValues {
            name: &self.definition.name,
            description: &self.definition.description,
            report: self.definition.report.kind.name,
            zone: &self.definition.report.zone,
            period: self.occurrence.period,
            nominal: self.occurrence.nominal_at,
            rows: self.artifact.rows,
            run: self.run_id,
            part: self.part.map_or("", |(_, value)| value),
        }
    }

    /// Whether the report has no rows and its job wants that said without a file.
    fn notice_only(&self) -> bool {
        self.artifact.rows == 0 && self.definition.output.empty == Empty::Notice
    }

    /// The deliveries of the file; none where sending was not asked for, or the job skips empty reports.
    pub(super) fn deliveries(&self, core: &Core) -> Result<Vec<NewDelivery>, TemplateError> {
        let empty = self.artifact.rows == 0;
        if !self.occurrence.send || empty && self.definition.output.empty == Empty::Skip {
            return Ok(Vec::new());
        }
        let notice = self.notice_only();
        let mut deliveries = Vec::new();
        if let Some(address) = &self.occurrence.send_to {
            if self.part.is_none() {
                self.by_hand(core, address, &mut deliveries)?;
            }
            return Ok(self.held(deliveries));
        }
        for destination in &self.definition.destinations {
            match (destination, self.part) {
                (Destination::Email(email), part) => match (&email.split_by, part) {
                    (None, None) => self.email(core, email, &mut deliveries)?,
                    // Without rows there are no parts: everybody hears that, with nothing of anybody else's.
                    (Some(split), None) if empty => {
                        let to = split.to.values().flatten().chain(&split.other).cloned().collect();
                        let email = EmailDestination { to, ..email.clone() };
                        self.email(core, &email, &mut deliveries)?;
                    }
                    (Some(split), Some((column, value))) if split.column == column => {
                        let to = split.to.get(value).unwrap_or(&split.other).clone();
                        let email = EmailDestination { to, ..email.clone() };
                        self.email(core, &email, &mut deliveries)?;
                    }
                    _ => {}
                },
                (Destination::File(file), None) if !notice => deliveries.push(self.file(file)?),
                // Only mails go to those whom a part is for, and only mails say that there was nothing.
                (Destination::File(_), _) | (Destination::Webhook(_), Some(_)) => {}
                (Destination::Webhook(webhook), None) => {
                    let (target, told) = (&webhook.target, webhook.on_unknown);
                    deliveries.push(event_of(self.run_id, target, "generated", self.manifest(), told));
                }
            }
        }
        Ok(self.held(deliveries))
    }

    /// With a file that is held everything of it is.
    fn held(&self, mut deliveries: Vec<NewDelivery>) -> Vec<NewDelivery> {
        if let Some(reason) = &self.artifact.held {
            for delivery in &mut deliveries {
                if delivery.begin == Begin::Due {
                    delivery.begin = Begin::Held(reason.clone());
                }
            }
        }
        if self.kept {
            let reason = format!("a new revision, kept; to send it: legwork resend {}", self.run_id);
            for delivery in &mut deliveries {
                delivery.begin = Begin::Kept(reason.clone());
            }
        }
        deliveries
    }

    fn file(&self, file: &FileDestination) -> Result<NewDelivery, TemplateError> {
        let details = FileDetails {
            place: file.place.clone(),
            exists: file.exists,
            on_unknown: file.on_unknown,
            media_type: self.definition.output.media_type().to_owned(),
            idempotency_key: event_id(self.run_id),
            marker: file.marker,
            manifest: file.manifest.then(|| format!("{:#}\n", self.manifest())),
        };
        Ok(NewDelivery {
            kind: file.place.name(),
            target: file.target.clone(),
            address: match &file.path {
                None => self.artifact.file_name.clone(),
                Some(path) => path.render_path(&self.values())?,
            },
            details: Details::File(details).to_json(),
            message_id: None,
            begin: Begin::Due,
        })
    }

    /// What a file holds, for programs that receive it.
    fn manifest(&self) -> serde_json::Value {
        let (report, output) = (&self.definition.report, &self.definition.output);
        let columns = (report.kind.pick)(report, output.format);
        let headers: Vec<&str> = columns.iter().map(|picked| picked.header.as_ref()).collect();
        serde_json::json!({
            "report": self.definition.name.as_str(),
            "type": report.kind.name,
            "period": {
                "start": text::rfc3339(self.occurrence.period.start),
                "end": text::rfc3339(self.occurrence.period.end),
            },
            "time_zone": report.zone.name(),
            "nominal": text::rfc3339(self.occurrence.nominal_at),
            "file": self.artifact.file_name,
            "media_type": output.media_type(),
            "rows": self.artifact.rows,
            "bytes": self.artifact.bytes,
            "sha256": self.artifact.sha256,
            "columns": headers,
            "run": self.run_id,
            "revision": self.artifact.revision,
            "generated_at": text::rfc3339(self.artifact.generated_at),
            "program": concat!("legwork ", env!("CARGO_PKG_VERSION")),
        })
    }

    /// A run by hand to one address: the definition's first email destination gives relay and subject.
    fn by_hand(
        &self,
        core: &Core,
        address: &str,
        deliveries: &mut Vec<NewDelivery>,
    ) -> Result<(), TemplateError> {
        let email = self.definition.destinations.iter().find_map(|destination| match destination {
            Destination::Email(email) => Some(email.clone()),
            Destination::File(_) | Destination::Webhook(_) => None,
        });
        let Some(email) = email else { return Ok(()) };
        let to: Vec<Address> = address.parse().into_iter().collect();
        self.email(core, &EmailDestination { to, cc: Vec::new(), bcc: Vec::new(), ..email }, deliveries)
    }

    fn email(
        &self,
        core: &Core,
        email: &EmailDestination,
        deliveries: &mut Vec<NewDelivery>,
    ) -> Result<(), TemplateError> {
        let texts = |addresses: &[Address]| addresses.iter().map(ToString::to_string).collect();
        let mut subject = email.subject.render(&self.values())?;
        if self.changes.is_some() {
            subject = format!("Correction: {subject}");
        }
        let link = match &email.link {
            // Where the page is reached by others, it hands out what is too large.
            None => core.config.web.public_url.as_ref().map(|url| Link {
                place: PAGE.to_owned(),
                target: url.clone(),
                address: self.artifact.path.clone(),
                expires_s: PAGE_LINK_S,
            }),
            Some(link) => Some(Link {
                place: link.place.name().to_owned(),
                target: link.target.clone(),
                address: match &link.path {
                    None => self.artifact.file_name.clone(),
                    Some(path) => path.render_path(&self.values())?,
                },
                expires_s: u64::try_from(link.expires.as_secs()).unwrap_or(0),
            }),
        };
        let details = Details::Email(Box::new(EmailDetails {
            to: texts(&email.to),
            cc: texts(&email.cc),
            reply_to: texts(&email.reply_to),
            subject,
            lead: self.lead(email)?,
            facts: self.facts(),
            rows: self.preview(email),
            date: self.artifact.generated_at,
            list_id: list_id(core, &email.relay, self.definition),
            on_unknown: email.on_unknown,
            media_type: self.definition.output.media_type().to_owned(),
            without_file: self.notice_only(),
            link,
        }))
        .to_json();
        let message_id = message_id(core, &email.relay, self.run_id);
        let new = |address: &str, begin: Begin| NewDelivery {
            kind: "email",
            target: email.relay.clone(),
            address: address.to_owned(),
            details: details.clone(),
            message_id: Some(message_id.clone()),
            begin,
        };
        let mut nobody = true;
        for address in email.to.iter().chain(&email.cc).chain(&email.bcc) {
            nobody = false;
            deliveries.push(new(address.bare(), Begin::Due));
        }
        if nobody {
            let value = self.part.map_or("", |(_, value)| value);
            let (run, file) = (self.run_id, &self.artifact.file_name);
            let cure = format!("legwork resend {run} --only '{file}' --to ADDRESS");
            let reason = format!("nobody receives `{value}`; say to whom: {cure}");
            deliveries.push(new(NOBODY, Begin::Held(reason)));
        }
        Ok(())
    }

    fn preview(&self, email: &EmailDestination) -> Option<Preview> {
        if email.first_rows == 0 || self.first_rows.is_empty() || self.part.is_some() {
            return None;
        }
        let (report, output) = (&self.definition.report, &self.definition.output);
        let columns = (report.kind.pick)(report, output.format);
        Some(Preview {
            headers: columns.into_iter().map(|picked| picked.header.into_owned()).collect(),
            rows: self.first_rows.iter().take(email.first_rows).cloned().collect(),
        })
    }

    fn lead(&self, email: &EmailDestination) -> Result<Vec<String>, TemplateError> {
        let mut lead = Vec::new();
        if let Some(changes) = self.changes {
            lead.push(changes.sentence());
        }
        match &email.body {
            Some(body) => {
                let text = body.render_lines(&self.values())?;
                let paragraphs = text.split("\n\n").map(|paragraph| paragraph.trim().replace('\n', " "));
                lead.extend(paragraphs.filter(|paragraph| !paragraph.is_empty()));
            }
            None if self.definition.description.is_empty() => {}
            None => lead.push(self.definition.description.clone()),
        }
        if self.artifact.rows == 0 {
            lead.push(if self.notice_only() {
                "This report has no rows, so there is no file.".to_owned()
            } else {
                "This report has no rows: the attached file holds its header only.".to_owned()
            });
        }
        if !self.findings.is_empty() {
            lead.push(format!("Checked before it was sent, this was found: {}.", self.findings.join("; ")));
        }
        Ok(lead)
    }

    fn facts(&self) -> Vec<(String, String)> {
        let (zone, period) = (&self.definition.report.zone, self.occurrence.period);
        let mut facts = vec![
            ("Report", self.definition.name.to_string()),
            (
                "Period",
                format!(
                    "{} to {} (end not included), {}",
                    text::local(period.start, zone),
                    text::local(period.end, zone),
                    zone.name()
                ),
            ),
            ("Rows", units::grouped(self.artifact.rows)),
        ];
        if let Some((column, value)) = self.part {
            facts.insert(1, ("Only", format!("{column} is {value}")));
        }
        if let Some(usual) = self.usual.filter(|_| self.part.is_none()) {
            facts.push(("Usual rows", format!("{usual} (the last {} like it)", usual.of)));
        }
        if 0 < self.counts.rows_left_out {
            let left_out = units::grouped(self.counts.rows_left_out);
            facts.push(("Left out", format!("{left_out} rows of interactions that had not ended")));
        }
        facts.extend([
            ("Completeness", self.completeness.to_owned()),
            ("File", format!("{} ({} bytes)", self.artifact.file_name, units::grouped(self.artifact.bytes))),
            ("SHA-256", self.artifact.sha256.clone()),
            ("Run", self.run_id.to_string()),
        ]);
        if 1 < self.artifact.revision {
            facts.push(("Revision", self.artifact.revision.to_string()));
        }
        facts.into_iter().map(|(label, value)| (label.to_owned(), value)).collect()
    }

    /// What recipients of mail are told while a file is held.
    pub(super) fn delayed(&self, core: &Core, held: &[NewDelivery]) -> Vec<NewDelivery> {
        let period = self.occurrence.period;
        let zone = &self.definition.report.zone;
        let body = format!(
            "The report {} of {} to {} is delayed: it has been made, and is looked at before it is sent.\n\n\
             There is nothing you need to do.\n",
            self.definition.name,
            text::local(period.start, zone),
            text::local(period.end, zone),
        );
        let mails = held.iter().filter(|delivery| delivery.kind == "email" && delivery.address != NOBODY);
        let notices = mails.filter_map(|delivery| {
            let Ok(Details::Email(email)) = Details::from_json(&delivery.details) else { return None };
            let to: Address = delivery.address.parse().ok()?;
            let subject = format!("Delayed: {}", email.subject);
            Some(notice_by(core, &delivery.target, &to, &subject, &body, self.artifact.generated_at))
        });
        notices.collect()
    }
}

/// A delivery made before, anew: under a Message-ID or key of its own, and to another address where one is given.
/// `None` where the ledger's row cannot be read.
pub fn anew(core: &Core, run_id: i64, delivery: &ToldDelivery, to: Option<&Address>) -> Option<NewDelivery> {
    let mut details = Details::from_json(&delivery.details).ok()?;
    let mut address = delivery.address.clone();
    let (kind, message_id) = match &mut details {
        Details::Email(email) => {
            if let Some(to) = to {
                to.bare().clone_into(&mut address);
                (email.to, email.cc) = (vec![to.to_string()], Vec::new());
            }
            ("email", Some(message_id(core, &delivery.target, run_id)))
        }
        Details::File(file) => {
            file.idempotency_key = event_id(run_id);
            (file.place.name(), None)
        }
        Details::Webhook(webhook) => {
            webhook.id = event_id(run_id);
            ("webhook", None)
        }
        Details::Notice { .. } => return None,
    };
    let target = delivery.target.clone();
    Some(NewDelivery { kind, target, address, details: details.to_json(), message_id, begin: Begin::Due })
}

/// A key that is never given twice.
fn event_id(run_id: i64) -> String {
    format!("legwork-{run_id}-{}", random())
}

fn domain(core: &Core, relay: &str) -> String {
    let domain = core.config.relays.get(relay).and_then(|relay| relay.from.bare().split('@').nth(1));
    domain.unwrap_or("legwork").to_owned()
}

/// A Message-ID that is never given twice, at the sender's domain.
fn message_id(core: &Core, relay: &str, run_id: i64) -> String {
    format!("<{}.{run_id}@{}>", random(), domain(core, relay))
}

/// By which mail programs sort the mails of one report (RFC 2919): an id below the sender's domain, so letters, digits,
/// and what a label may hold.
fn list_id(core: &Core, relay: &str, definition: &Definition) -> Option<String> {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' };
    let label: String = definition.name.as_str().chars().map(plain).take(63).collect();
    let domain = domain(core, relay);
    domain.is_ascii().then(|| format!("<{label}.legwork.{domain}>"))
}

fn random() -> String {
    let mut bytes = [0_u8; 16];
    // Without random numbers nothing on this host works; the run's number still keeps keys apart.
    getrandom::fill(&mut bytes).unwrap_or_default();
    hex(&bytes)
}

/// A notice for an owner, through the default relay; `None` when the config has no relay to send it by.
pub(super) fn notice(
    core: &Core,
    owner: &Address,
    subject: &str,
    body: &str,
    now: Timestamp,
) -> Option<NewDelivery> {
    let relays = &core.config.relays;
    let named = core.config.alerts.relay.as_ref();
    let default = || relays.keys().find(|name| *name == "default").or_else(|| relays.keys().next());
    let relay = named.or_else(default)?;
    Some(notice_by(core, relay, owner, subject, body, now))
}

fn notice_by(
    core: &Core,
    relay: &str,
    to: &Address,
    subject: &str,
    body: &str,
    now: Timestamp,
) -> NewDelivery {
    NewDelivery {
        kind: "notice",
        target: relay.to_owned(),
        address: to.bare().to_owned(),
        details: Details::Notice { subject: subject.to_owned(), text: body.to_owned(), date: now }.to_json(),
        message_id: Some(message_id(core, relay, 0)),
        begin: Begin::Due,
    }
}

/// An event about a definition, for a webhook of the config.
pub(super) fn event(target: &str, event: &str, body: serde_json::Value) -> NewDelivery {
    event_of(0, target, event, body, OnUnknown::Resend)
}

/// A JSON object as an event; `run_id` is 0 where no run is behind it.
fn event_of(
    run_id: i64,
    target: &str,
    event: &str,
    mut body: serde_json::Value,
    on_unknown: OnUnknown,
) -> NewDelivery {
    let id = event_id(run_id);
    if let Some(body) = body.as_object_mut() {
        body.insert("event".to_owned(), event.into());
        body.insert("id".to_owned(), id.as_str().into());
        body.remove("columns");
    }
    NewDelivery {
        kind: "webhook",
        target: target.to_owned(),
        address: event.to_owned(),
        details: Details::Webhook(WebhookDetails { body: body.to_string(), id, on_unknown }).to_json(),
        message_id: None,
        begin: Begin::Due,
    }
}
