//! HTTP as Legwork speaks it to whoever is outside: checked addresses, no proxy, no redirect; what refusals say.

mod guard;
pub mod key;

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use jiff::SignedDuration;
use reqwest::Response;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use crate::chain::chain;

pub use guard::{Guard, GuardError};

/// What is kept of a refusal's body.
const REPLY_BYTES_MAX: usize = 300;

/// What is done with packed content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// The bytes are taken as they come: a file must be what it is.
    AsItIs,
    /// gzip is asked for and unpacked.
    Unpacked,
}

/// A client: no proxy, no redirect, addresses checked, its own certificates. `silence` is how long the far end may be
/// silent; what went wrong is told with what was tried.
pub fn client(
    ca_file: Option<&Path>,
    guard: Guard,
    silence: Duration,
    content: Content,
) -> Result<reqwest::Client, String> {
    // No limit on the whole, nor reqwest's read_timeout, which counts an upload in: a large file over a slow line is
    // healthy as long as bytes move. Whoever uses the client watches that they do.
    let mut builder = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .dns_resolver(guard.resolver())
        .tls_info(true)
        .gzip(content == Content::Unpacked)
        // Shorter than the silence that is waited for: what ends a connecting must be known as that.
        .connect_timeout(silence / 2)
        .user_agent(concat!("legwork/", env!("CARGO_PKG_VERSION")));
    if let Some(path) = ca_file {
        let unreadable = |error: String| format!("read the certificates `{}`: {error}", path.display());
        let pem = std::fs::read(path).map_err(|error| unreadable(error.to_string()))?;
        let certificates =
            reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| unreadable(error.to_string()))?;
        builder = builder.tls_certs_merge(certificates);
    }
    builder.build().map_err(|error| format!("set up the HTTP client: {}", chain(&error)))
}

/// Everything escaped but letters, digits, `-`, `.`, `_`, `~` (RFC 3986, 2.3) and what is `kept` besides.
pub fn escaped(text: &str, kept: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || kept.as_bytes().contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").unwrap_or_default();
        }
        out
    })
}

/// A header's text.
pub fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(ToOwned::to_owned)
}

/// The beginning of a refusal's body, on one line.
pub async fn words(mut response: Response) -> String {
    let mut bytes = Vec::new();
    let reading = async {
        while bytes.len() < REPLY_BYTES_MAX
            && let Ok(Some(chunk)) = response.chunk().await
        {
            bytes.extend_from_slice(&chunk);
        }
    };
    // A refusal that drips in byte by byte is told as far as it came.
    drop(tokio::time::timeout(Duration::from_secs(5), reading).await);
    bytes.truncate(REPLY_BYTES_MAX);
    let text = String::from_utf8_lossy(&bytes).split_whitespace().collect::<Vec<_>>().join(" ");
    if text.is_empty() { text } else { format!(": {text}") }
}

/// `Retry-After` in both forms, counted from the far end's own `Date` where it is an instant.
pub fn retry_after(headers: &HeaderMap) -> Option<SignedDuration> {
    let value = text(headers, RETRY_AFTER.as_str())?;
    let value = value.trim();
    if let Ok(seconds) = value.parse::<i64>() {
        return Some(SignedDuration::from_secs(seconds.max(0)));
    }
    let until = httpdate::parse_http_date(value).ok()?;
    let now = httpdate::parse_http_date(&text(headers, "date")?).ok()?;
    let wait = until.duration_since(now).unwrap_or_default();
    SignedDuration::try_from(wait).ok()
}
