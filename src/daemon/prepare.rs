//! From a finished file to its deliveries: one an address or place.

use jiff::Timestamp;

use super::Core;
use crate::artifacts::hex;
use crate::destinations::details::{Details, EmailDetails};
use crate::domain::address::Address;
use crate::domain::definition::{Definition, Destination, EmailDestination, HttpMethod, OnUnknown};
use crate::domain::output::Empty;
use crate::domain::template::{TemplateError, TemplateValues};
use crate::domain::{text, units};
use crate::store::deliveries::{NewDelivery, ToldDelivery};
use crate::store::occurrences::OpenOccurrence;
use crate::store::runs::{NewArtifact, RunCounts};

/// What a run made, for the texts of its deliveries.
#[derive(Debug)]
pub(super) struct Made<'a> {
    pub(super) run_id: i64,
    pub(super) definition: &'a Definition,
    pub(super) occurrence: &'a OpenOccurrence,
    pub(super) artifact: &'a NewArtifact,
    pub(super) counts: &'a RunCounts,
    /// What is known of the completeness of the data, as a sentence.
    pub(super) completeness: String,
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
        }
    }

    /// The deliveries of the file; none where sending was not asked for, or the job skips empty reports.
    pub(super) fn deliveries(&self, core: &Core) -> Result<Vec<NewDelivery>, TemplateError> {
        let skipped_empty = self.artifact.rows == 0 && self.definition.output.empty == Empty::Skip;
        if !self.occurrence.send || skipped_empty {
            return Ok(Vec::new());
        }
        if let Some(address) = &self.occurrence.send_to {
            return self.to_one(core, address);
        }
        let mut deliveries = Vec::new();
        for destination in &self.definition.destinations {
            match destination {
                Destination::Email(email) => self.email(core, email, &mut deliveries)?,
                Destination::Directory(directory) => deliveries.push(NewDelivery {
                    kind: "directory",
                    target: directory.path.clone(),
                    address: self.artifact.file_name.clone(),
                    details: Details::Directory {
                        mode: directory.mode,
                        resend_unknown: directory.on_unknown == OnUnknown::Resend,
                    }
                    .to_json(),
                    message_id: None,
                }),
                Destination::Http(http) => deliveries.push(NewDelivery {
                    kind: "http",
                    target: http.endpoint.clone(),
                    address: http.path.render_path(&self.values())?,
                    details: Details::Http {
                        post: http.method == HttpMethod::Post,
                        idempotency_key: format!("legwork-{}-{}", self.run_id, random()),
                        resend_unknown: http.on_unknown == OnUnknown::Resend,
                        media_type: self.definition.output.media_type().to_owned(),
                    }
                    .to_json(),
                    message_id: None,
                }),
            }
        }
        Ok(deliveries)
    }

    /// A run by hand to one address: the definition's first email destination gives relay and subject.
    fn to_one(&self, core: &Core, address: &str) -> Result<Vec<NewDelivery>, TemplateError> {
        let mut emails = self.definition.destinations.iter().filter_map(|destination| match destination {
            Destination::Email(email) => Some(email.clone()),
            Destination::Directory(_) | Destination::Http(_) => None,
        });
        let mut deliveries = Vec::new();
        let to: Vec<Address> = address.parse().into_iter().collect();
        if let Some(email) = emails.next_back() {
            let email = EmailDestination { to, cc: Vec::new(), bcc: Vec::new(), ..email };
            self.email(core, &email, &mut deliveries)?;
        }
        Ok(deliveries)
    }

    fn email(
        &self,
        core: &Core,
        email: &EmailDestination,
        deliveries: &mut Vec<NewDelivery>,
    ) -> Result<(), TemplateError> {
        let texts = |addresses: &[Address]| addresses.iter().map(ToString::to_string).collect();
        let details = Details::Email(EmailDetails {
            to: texts(&email.to),
            cc: texts(&email.cc),
            subject: email.subject.render(&self.values())?,
            lead: self.lead(),
            facts: self.facts(),
            date: self.artifact.generated_at,
            resend_unknown: email.on_unknown == OnUnknown::Resend,
            media_type: self.definition.output.media_type().to_owned(),
        })
        .to_json();
        let message_id = message_id(core, &email.relay, self.run_id);
        for address in email.to.iter().chain(&email.cc).chain(&email.bcc) {
            deliveries.push(NewDelivery {
                kind: "email",
                target: email.relay.clone(),
                address: address.bare().to_owned(),
                details: details.clone(),
                message_id: Some(message_id.clone()),
            });
        }
        Ok(())
    }

    fn lead(&self) -> Vec<String> {
        let mut lead = Vec::new();
        if !self.definition.description.is_empty() {
            lead.push(self.definition.description.clone());
        }
        if self.artifact.rows == 0 {
            lead.push("This report has no rows: the attached file holds its header only.".to_owned());
        }
        lead
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
        if 0 < self.counts.rows_left_out {
            let left_out = units::grouped(self.counts.rows_left_out);
            facts.push(("Left out", format!("{left_out} rows of interactions that had not ended")));
        }
        facts.extend([
            ("Completeness", self.completeness.clone()),
            ("File", format!("{} ({} bytes)", self.artifact.file_name, units::grouped(self.artifact.bytes))),
            ("SHA-256", self.artifact.sha256.clone()),
            ("Run", self.run_id.to_string()),
        ]);
        facts.into_iter().map(|(label, value)| (label.to_owned(), value)).collect()
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
        Details::Directory { .. } => ("directory", None),
        Details::Http { idempotency_key, .. } => {
            *idempotency_key = format!("legwork-{run_id}-{}", random());
            ("http", None)
        }
        Details::Notice { .. } => return None,
    };
    Some(NewDelivery {
        kind,
        target: delivery.target.clone(),
        address,
        details: details.to_json(),
        message_id,
    })
}

/// A Message-ID that is never given twice, at the sender's domain.
pub(super) fn message_id(core: &Core, relay: &str, run_id: i64) -> String {
    let domain = core
        .config
        .relays
        .get(relay)
        .and_then(|relay| relay.from.bare().split('@').nth(1))
        .unwrap_or("legwork");
    format!("<{}.{run_id}@{domain}>", random())
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
    let relay = relays.keys().find(|name| *name == "default").or_else(|| relays.keys().next())?;
    Some(NewDelivery {
        kind: "notice",
        target: relay.clone(),
        address: owner.bare().to_owned(),
        details: Details::Notice { subject: subject.to_owned(), text: body.to_owned(), date: now }.to_json(),
        message_id: Some(message_id(core, relay, 0)),
    })
}
