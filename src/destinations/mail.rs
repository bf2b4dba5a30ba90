//! A mail: headers, a text part and an HTML part that say the same, the file.

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use lettre::Message;
use lettre::address::Envelope;
use lettre::message::header::{ContentType, HeaderName, HeaderValue, Headers, To};
use lettre::message::{Attachment, Mailbox, Mailboxes, MultiPart, SinglePart};

use super::details::{Details, EmailDetails, Preview};
use super::{Parcel, from_io};
use crate::domain::address::Address;
use crate::domain::delivery::Outcome;

/// Builds the mail for one address. Its envelope has that address only; its headers are the same for all.
pub(super) async fn build(from: &Address, parcel: &Parcel, link: Option<&str>) -> Result<Message, Outcome> {
    let lasting = |reply: String| Outcome::lasting(reply);
    let to: Address = parcel.address.parse().map_err(lasting)?;
    let envelope = Envelope::new(Some(from.mailbox().email.clone()), vec![to.mailbox().email.clone()])
        .map_err(|error| lasting(error.to_string()))?;
    let base = Message::builder()
        .from(from.mailbox().clone())
        .envelope(envelope)
        .message_id(parcel.message_id.clone())
        // No mailing list or answering machine should reply (RFC 3834).
        .raw_header(header("Auto-Submitted", "auto-generated"));
    let message = match &parcel.details {
        Details::Email(email) => {
            let mut base = base.subject(email.subject.clone()).date(system_time(email.date));
            let to = if email.to.is_empty() { vec![to.mailbox().clone()] } else { mailboxes(&email.to) };
            let lists = [("To", to), ("Cc", mailboxes(&email.cc)), ("Reply-To", mailboxes(&email.reply_to))];
            for (name, mailboxes) in lists {
                if !mailboxes.is_empty() {
                    base = base.raw_header(addresses(name, mailboxes));
                }
            }
            if let Some(list_id) = &email.list_id {
                base = base.raw_header(header("List-Id", list_id));
            }
            let both = alternatives(&text(email, link), &html(email, link));
            if email.without_file || link.is_some() {
                base.multipart(both)
            } else {
                base.multipart(
                    MultiPart::mixed().multipart(both).singlepart(attachment(parcel, email).await?),
                )
            }
        }
        Details::Notice { subject, text, date } => base
            .to(to.mailbox().clone())
            .subject(subject.clone())
            .date(system_time(*date))
            .singlepart(SinglePart::plain(text.clone())),
        Details::File(_) | Details::Webhook(_) => {
            return Err(lasting("this is no mail".to_owned()));
        }
    };
    message.map_err(|error| lasting(format!("build the mail: {error}")))
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

async fn attachment(parcel: &Parcel, email: &EmailDetails) -> Result<SinglePart, Outcome> {
    let file = parcel.file.as_ref().ok_or_else(|| Outcome::lasting("there is no file to attach"))?;
    let bytes = tokio::fs::read(&file.path).await.map_err(|error| from_io("open", &file.path, &error))?;
    let media_type =
        ContentType::parse(&email.media_type).map_err(|error| Outcome::lasting(error.to_string()))?;
    // Bytes, not text: the transfer must give back the very file.
    Ok(Attachment::new(file.name.clone()).body(bytes, media_type))
}

fn alternatives(text: &str, html: &str) -> MultiPart {
    MultiPart::alternative()
        .singlepart(SinglePart::plain(text.to_owned()))
        .singlepart(SinglePart::html(html.to_owned()))
}

fn mailboxes(texts: &[String]) -> Vec<Mailbox> {
    let addresses = texts.iter().filter_map(|text| text.parse::<Address>().ok());
    addresses.map(|address| address.mailbox().clone()).collect()
}

/// A list of addresses, one a line: lettre folds names and leaves bare addresses in one line, which is longer than the
/// 998 characters of RFC 5322 (2.1.1) from some fifty of them on. Servers refuse that.
fn addresses(name: &'static str, mailboxes: Vec<Mailbox>) -> HeaderValue {
    let encoded = mailboxes.into_iter().map(|mailbox| {
        let mut headers = Headers::new();
        headers.set(To::from(Mailboxes::from(mailbox)));
        let line = headers.to_string();
        line.trim_end().strip_prefix("To: ").unwrap_or_default().to_owned()
    });
    let encoded: Vec<String> = encoded.collect();
    let encoded = encoded.join(",\r\n ");
    HeaderValue::dangerous_new_pre_encoded(HeaderName::new_from_ascii_str(name), encoded.clone(), encoded)
}

fn system_time(at: jiff::Timestamp) -> SystemTime {
    let seconds = u64::try_from(at.as_second()).unwrap_or(0);
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn text(email: &EmailDetails, link: Option<&str>) -> String {
    let width = email.facts.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    for line in &email.lead {
        out.push_str(line);
        out.push_str("\n\n");
    }
    if let Some(url) = link {
        write!(out, "{}\n{url}\n\n", too_large_to_attach(email)).unwrap_or_default();
    }
    for (label, value) in &email.facts {
        let padding = " ".repeat(width - label.chars().count());
        writeln!(out, "{label}:{padding} {value}").unwrap_or_default();
    }
    if let Some(preview) = &email.rows {
        write!(out, "\n{}\n", first_rows(preview)).unwrap_or_default();
        for row in std::iter::once(&preview.headers).chain(&preview.rows) {
            writeln!(out, "{}", row.join(" | ")).unwrap_or_default();
        }
    }
    out
}

fn too_large_to_attach(email: &EmailDetails) -> String {
    let hours = email.link.as_ref().map_or(0, |link| link.expires_s / 3_600);
    let span = if hours < 48 { format!("{hours} hours") } else { format!("{} days", hours / 24) };
    format!("The file is too large for a mail. This link to it works for {span}, for whoever has it:")
}

fn first_rows(preview: &Preview) -> String {
    match preview.rows.len() {
        1 => "The first row:".to_owned(),
        rows => format!("The first {rows} rows:"),
    }
}

fn html(email: &EmailDetails, link: Option<&str>) -> String {
    let mut out = String::from(
        "<!doctype html><html lang=\"en\"><body style=\"font-family:sans-serif;font-size:14px;color:#222\">",
    );
    for line in &email.lead {
        write!(out, "<p>{}</p>", escape(line)).unwrap_or_default();
    }
    if let Some(url) = link {
        let (words, url) = (escape(&too_large_to_attach(email)), escape(url));
        write!(out, "<p>{words}<br><a href=\"{url}\">{url}</a></p>").unwrap_or_default();
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
    out.push_str("</table>");
    if let Some(preview) = &email.rows {
        write!(
            out,
            "<p>{}</p><table style=\"border-collapse:collapse;font-size:12px\"><tr>",
            first_rows(preview)
        )
        .unwrap_or_default();
        for cell in &preview.headers {
            write!(out, "<th scope=\"col\" style=\"{CELL};background:#eee\">{}</th>", escape(cell))
                .unwrap_or_default();
        }
        out.push_str("</tr>");
        for row in &preview.rows {
            out.push_str("<tr>");
            for cell in row {
                write!(out, "<td style=\"{CELL}\">{}</td>", escape(cell)).unwrap_or_default();
            }
            out.push_str("</tr>");
        }
        out.push_str("</table>");
    }
    out.push_str("</body></html>");
    out
}

/// How a cell of the first rows looks.
const CELL: &str = "border:1px solid #ccc;padding:2px 6px;text-align:left;white-space:nowrap";

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
