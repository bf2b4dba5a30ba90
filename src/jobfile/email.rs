//! `email` of a `[[deliver]]` → [`EmailDestination`].

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::deliver::on_unknown;
use super::headers::Headers;
use super::lower::Lowering;
use super::schema_deliver::{EmailTable, LinkTable, SplitTable};
use super::words::OnUnknownWord;
use crate::domain::address::Address;
use crate::domain::definition::{Destination, EmailDestination, LinkTo, OnUnknown, Place, SplitBy};
use crate::domain::nearest::nearest;
use crate::domain::template::{Template, TemplateValues};
use crate::domain::units;

/// Rows of a file in a mail at the most.
const FIRST_ROWS_MAX: u32 = 50;
/// Signed links of the object stores work no longer.
const LINK_MAX: SignedDuration = SignedDuration::from_hours(7 * 24);

impl Lowering<'_> {
    pub(super) fn email(
        &mut self,
        path: &str,
        table: &EmailTable,
        sample: &TemplateValues<'_>,
        headers: &Headers,
    ) -> Option<EmailDestination> {
        let relay = self.relay(path, table.relay.as_deref());
        let to = self.addresses(&format!("{path}.to"), table.to.as_deref().unwrap_or_default());
        let cc = self.addresses(&format!("{path}.cc"), &table.cc);
        let bcc = self.addresses(&format!("{path}.bcc"), &table.bcc);
        let reply_to = self.addresses(&format!("{path}.reply_to"), &table.reply_to);
        let split_by = table.split_by.as_ref().and_then(|split| self.split_by(path, split, headers));
        match (&table.to, &table.split_by) {
            (None, None) => {
                self.wrong(path, "`to` is missing", "add to = [\"ops@example.com\"] or `split_by`");
            }
            (Some(to), None) if to.is_empty() => {
                self.wrong(
                    &format!("{path}.to"),
                    "there is no recipient",
                    "add an address or the name of a list",
                );
            }
            (_, Some(_)) if !(cc.is_empty() && bcc.is_empty() && to.is_empty()) => {
                let help =
                    "move them to `split_by`, or to a [[deliver]] of their own that gets the whole file";
                self.wrong(path, "`to`, `cc` and `bcc` get none of the files of `split_by`", help);
            }
            _ => {}
        }
        if matches!(table.on_unknown, Some(OnUnknownWord::Check)) {
            let help = "use \"hold\", or \"resend\" where a mail twice is better than none";
            self.wrong(&format!("{path}.on_unknown"), "nobody can ask whether a mail arrived", help);
        }
        let first_rows = table.first_rows.unwrap_or(0);
        if FIRST_ROWS_MAX < first_rows {
            let help = format!("use {FIRST_ROWS_MAX} at the most; the file has them all");
            self.wrong(&format!("{path}.first_rows"), "too many rows for a mail", help);
        }
        if 0 < first_rows && table.split_by.is_some() {
            let help = "remove it: the rows of one are not for the others";
            self.wrong(
                &format!("{path}.first_rows"),
                "files of `split_by` show no rows in their mails",
                help,
            );
        }
        if 0 < first_rows {
            self.take(&format!("{path}.first_rows"), headers.any());
        }
        let subject = table.subject.as_deref().unwrap_or("{{ name }} {{ period.start | date }}");
        let subject = self.take(&format!("{path}.subject"), Template::parse(subject, sample));
        let body = table
            .body
            .as_deref()
            .map(|body| self.take(&format!("{path}.body"), Template::parse(body, sample)));
        Some(EmailDestination {
            relay: relay?,
            to,
            cc,
            bcc,
            reply_to,
            subject: subject?,
            body: body.flatten(),
            first_rows: usize::try_from(first_rows).unwrap_or(0),
            link: None,
            split_by,
            on_unknown: on_unknown(table.on_unknown, OnUnknown::Hold),
        })
    }

    fn split_by(&mut self, path: &str, table: &SplitTable, headers: &Headers) -> Option<SplitBy> {
        let path = format!("{path}.split_by");
        let column = table.column.clone()?;
        self.take(&format!("{path}.column"), headers.find(&column))?;
        let mut to = BTreeMap::new();
        for (value, texts) in &table.to {
            let place = format!("{path}.to.{value}");
            let addresses = self.addresses(&place, texts);
            if texts.is_empty() {
                self.wrong(&place, "there is no recipient", "add one, or leave the value to `other`");
            }
            to.insert(value.clone(), addresses);
        }
        let other = match table.other.as_deref() {
            None | Some("hold") => Vec::new(),
            Some(name) => self.addresses(&format!("{path}.other"), &[name.to_owned()]),
        };
        Some(SplitBy { column, to, other })
    }

    /// A link leads to a bucket that the same job fills.
    pub(super) fn link(
        &mut self,
        path: &str,
        at: usize,
        table: &LinkTable,
        destinations: &mut [Destination],
    ) {
        let Some(name) = &table.target else { return };
        let expires = table.expires.as_deref().unwrap_or("3d");
        let Some(expires) = self.take(&format!("{path}.link.expires"), units::duration(expires)) else {
            return;
        };
        if LINK_MAX < expires || expires < SignedDuration::from_hours(1) {
            self.wrong(&format!("{path}.link.expires"), "a link works for an hour to 7 days", "write \"3d\"");
        }
        let bucket = destinations.iter().find_map(|destination| match destination {
            Destination::File(file)
                if matches!(file.place, Place::S3 | Place::Gcs | Place::Azure) && file.target == *name =>
            {
                Some((file.place.clone(), file.path.clone()))
            }
            Destination::File(_) | Destination::Email(_) | Destination::Webhook(_) => None,
        });
        let Some((place, template)) = bucket else {
            let help = format!("add a [[deliver]] with s3, gcs or azure = {{ use = \"{name}\" }}");
            self.wrong(
                &format!("{path}.link.use"),
                format!("this job does not fill a bucket `{name}`"),
                help,
            );
            return;
        };
        // Where another destination is wrong, places have moved; the job is not taken up then.
        if let Some(Destination::Email(email)) = destinations.get_mut(at) {
            if email.split_by.is_some() {
                let help = "remove one of them";
                self.wrong(&format!("{path}.link"), "files of `split_by` go to no bucket", help);
            }
            email.link = Some(LinkTo { place, target: name.clone(), path: template, expires });
        }
    }

    fn relay(&mut self, path: &str, named: Option<&str>) -> Option<String> {
        let relays: Vec<String> = self.surroundings.relays().into_iter().map(ToOwned::to_owned).collect();
        let listed = relays.join(", ");
        match (named, relays.as_slice()) {
            (Some(name), _) if relays.iter().any(|relay| relay == name) => Some(name.to_owned()),
            (Some(name), _) => {
                let help = match nearest(name, relays.iter().map(String::as_str)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None if relays.is_empty() => format!("add [relay.{name}] to the config"),
                    None => format!("the config has {listed}"),
                };
                self.wrong(&format!("{path}.use"), format!("there is no relay `{name}`"), help);
                None
            }
            (None, [only]) => Some(only.clone()),
            (None, []) => {
                self.wrong(
                    path,
                    "the config has no mail relay",
                    "add one: [relay.main] with host, tls and from",
                );
                None
            }
            (None, _) if relays.iter().any(|relay| relay == "default") => Some("default".to_owned()),
            (None, _) => {
                self.wrong(
                    path,
                    "the config has several relays and none is named `default`",
                    format!("add use = one of {listed}"),
                );
                None
            }
        }
    }

    /// Addresses and lists, expanded; an address that stands twice is taken once.
    fn addresses(&mut self, path: &str, texts: &[String]) -> Vec<Address> {
        let mut addresses: Vec<Address> = Vec::new();
        for (at, text) in texts.iter().enumerate() {
            let place = format!("{path}[{at}]");
            let found = if text.contains('@') {
                self.take(&place, text.parse::<Address>()).into_iter().collect()
            } else {
                self.list(&place, text)
            };
            for address in found {
                if !addresses.iter().any(|known| known.bare().eq_ignore_ascii_case(address.bare())) {
                    addresses.push(address);
                }
            }
        }
        addresses
    }

    fn list(&mut self, path: &str, name: &str) -> Vec<Address> {
        let lists = self.surroundings.lists();
        match lists.get(name) {
            Some(list) if list.is_empty() => {
                self.wrong(path, format!("the list `{name}` is empty"), "add an address to it in the config");
                Vec::new()
            }
            Some(list) => list.clone(),
            None => {
                let help = match nearest(name, lists.keys().map(String::as_str)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "write an address, or add the list to [list] in the config".to_owned(),
                };
                self.wrong(path, format!("there is no list `{name}`"), help);
                Vec::new()
            }
        }
    }
}
