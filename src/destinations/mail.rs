//! A mail: headers, a text part and an HTML part that say the same, the file.

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use lettre::Message;
use lettre::address::Envelope;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, MultiPart, SinglePart};

use super::details::{Details, EmailDetails};
use super::{Parcel, from_io};
use crate::domain::address::Address;
use crate::domain::delivery::Outcome;

/// Builds the mail for one address. Its envelope has that address only; its headers are the same for all.
pub(super) async fn build(from: &Address, parcel: &Parcel) -> Result<Message, Outcome> {
    let lasting = |reply: String| Outcome::Lasting { reply };
    let to: Address = parcel.address.parse().map_err(lasting)?;
    let envelope = Envelope::new(Some(from.mailbox().email.clone()), vec![to.mailbox().email.clone()])
        .map_err(|error| lasting(error.to_string()))?;
    let base = Message::builder()
        .from(from.mailbox().clone())
        .envelope(envelope)
        .message_id(parcel.message_id.clone())
        // No mailing list or answering machine should reply (RFC 3834).
        .raw_header(HeaderValue::new(
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".to_owned(),
        ));
    let message = match &parcel.details {
        Details::Email(email) => {
            let mut base = base.subject(email.subject.clone()).date(system_time(email.date));
            for to in mailboxes(&email.to) {
                base = base.to(to);
            }
            for cc in mailboxes(&email.cc) {
                base = base.cc(cc);
            }
            if email.to.is_empty() {
                base = base.to(to.mailbox().clone());
            }
            let file =
                parcel.file.as_ref().ok_or_else(|| lasting("there is no file to attach".to_owned()))?;
            let bytes =
                tokio::fs::read(&file.path).await.map_err(|error| from_io("open", &file.path, &error))?;
            let media_type =
                ContentType::parse(&email.media_type).map_err(|error| lasting(error.to_string()))?;
            // Bytes, not text: the transfer must give back the very file.
            let attachment = Attachment::new(file.name.clone()).body(bytes, media_type);
            let parts =
                MultiPart::mixed().multipart(alternatives(&text(email), &html(email))).singlepart(attachment);
            base.multipart(parts)
        }
        Details::Notice { subject, text, date } => base
            .to(to.mailbox().clone())
            .subject(subject.clone())
            .date(system_time(*date))
            .singlepart(SinglePart::plain(text.clone())),
        Details::Directory { .. } | Details::Http { .. } => {
            return Err(lasting("this is no mail".to_owned()));
        }
    };
    message.map_err(|error| lasting(format!("build the mail: {error}")))
}

fn alternatives(text: &str, html: &str) -> MultiPart {
    MultiPart::alternative()
        .singlepart(SinglePart::plain(text.to_owned()))
        .singlepart(SinglePart::html(html.to_owned()))
}

fn mailboxes(texts: &[String]) -> impl Iterator<Item = Mailbox> {
    texts.iter().filter_map(|text| text.parse::<Address>().ok()).map(|address| address.mailbox().clone())
}

fn system_time(at: jiff::Timestamp) -> SystemTime {
    let seconds = u64::try_from(at.as_second()).unwrap_or(0);
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn text(email: &EmailDetails) -> String {
    let width = email.facts.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    for line in &email.lead {
        out.push_str(line);
        out.push_str("\n\n");
    }
    for (label, value) in &email.facts {
        let padding = " ".repeat(width - label.chars().count());
        writeln!(out, "{label}:{padding} {value}").unwrap_or_default();
    }
    out
}

fn html(email: &EmailDetails) -> String {
    let mut out = String::from(
        "<!doctype html><html lang=\"en\"><body style=\"font-family:sans-serif;font-size:14px;color:#222\">",
    );
    for line in &email.lead {
        write!(out, "<p>{}</p>", escape(line)).unwrap_or_default();
    }
    out.push_str("<table style=\"border-collapse:collapse\">");
    for (label, value) in &email.facts {
        write!(
            out,
            "<tr><th scope=\"row\" style=\"text-align:left;padding:2px 16px 2px 0;font-weight:600\">{}</th>\
             <td style=\"padding:2px 0\">{}</td></tr>",
            escape(label),
            escape(value)
        )
        .unwrap_or_default();
    }
    out.push_str("</table></body></html>");
    out
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
