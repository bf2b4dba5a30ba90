//! An upload by PUT or POST.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use jiff::SignedDuration;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::{Body, Client, RequestBuilder, Response, StatusCode};
use tokio::sync::Notify;
use tokio_util::io::ReaderStream;

use super::details::Details;
use super::{Mark, Parcel, from_io};
use crate::chain::chain;
use crate::config::{Endpoint, EndpointLogin};
use crate::domain::definition::HttpMethod;
use crate::domain::delivery::Outcome;

/// What is kept of a refusal's body.
const REPLY_BYTES_MAX: usize = 300;

pub(super) async fn send(endpoint: &Endpoint, parcel: &Parcel, mark: Mark<'_>) -> Outcome {
    let Some(file) = &parcel.file else {
        return Outcome::Lasting { reply: "there is no file to deliver".to_owned() };
    };
    let url = format!("{}/{}", endpoint.url, escaped(&parcel.address));
    let request =
        match client(endpoint).and_then(|client| authorised(&client, endpoint, &parcel.details, &url)) {
            Ok(request) => request,
            Err(outcome) => return outcome,
        };
    if let Err(outcome) = super::check_digest(file).await {
        return outcome;
    }
    let moved = Arc::new(Notify::new());
    let body = match tokio::fs::File::open(&file.path).await {
        Ok(file) => {
            let moved = moved.clone();
            let pieces = ReaderStream::with_capacity(file, 256 << 10);
            Body::wrap_stream(pieces.inspect(move |_| moved.notify_one()))
        }
        Err(error) => return from_io("open", &file.path, &error),
    };
    if let Err(reply) = mark().await {
        return Outcome::Passing { reply, retry_after: None };
    }
    let request = request
        .header(CONTENT_TYPE, parcel.details.media_type())
        .header(CONTENT_LENGTH, file.bytes)
        .header("X-Content-SHA256", &file.sha256)
        .body(body);
    let silence = Duration::try_from(endpoint.timeout).unwrap_or(Duration::from_mins(1));
    let talk = async {
        let response = request.send().await?;
        Ok(judge(response, &url, parcel.details.method()).await)
    };
    tokio::pin!(talk);
    let ended: Result<Outcome, reqwest::Error> = loop {
        tokio::select! {
            ended = &mut talk => break ended,
            () = moved.notified() => {}
            () = tokio::time::sleep(silence) => {
                return Outcome::Unsure { reply: format!("{url}: nothing moved for {} s", silence.as_secs()) };
            }
        }
    };
    match ended {
        Ok(outcome) => outcome,
        Err(error) => {
            let connect = error.is_connect() || error.is_builder();
            // The URL is ours and known; without it no query or login can slip into a log.
            let reply = format!("{url}: {}", chain(&error.without_url()));
            if connect { Outcome::Passing { reply, retry_after: None } } else { Outcome::Unsure { reply } }
        }
    }
}

fn client(endpoint: &Endpoint) -> Result<Client, Outcome> {
    let passing = |reply: String| Outcome::Passing { reply, retry_after: None };
    let silence = Duration::try_from(endpoint.timeout).unwrap_or(Duration::from_mins(1));
    // No limit on the whole, nor reqwest's read_timeout, which counts the upload in: a large file over a slow line is
    // healthy as long as bytes move. `send` watches that they do.
    let mut builder = Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(silence)
        .user_agent(concat!("legwork/", env!("CARGO_PKG_VERSION")));
    if let Some(path) = &endpoint.ca_file {
        let unreadable =
            |error: String| passing(format!("read the certificates `{}`: {error}", path.display()));
        let pem = std::fs::read(path).map_err(|error| unreadable(error.to_string()))?;
        let certificates =
            reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| unreadable(error.to_string()))?;
        builder = builder.tls_certs_merge(certificates);
    }
    builder.build().map_err(|error| passing(format!("set up the HTTP client: {}", chain(&error))))
}

fn authorised(
    client: &Client,
    endpoint: &Endpoint,
    details: &Details,
    url: &str,
) -> Result<RequestBuilder, Outcome> {
    let request = match details.method() {
        HttpMethod::Put => client.put(url),
        HttpMethod::Post => client.post(url),
    };
    let request = match details {
        Details::Http { idempotency_key, .. } => request.header("Idempotency-Key", idempotency_key),
        Details::Email(_) | Details::Directory { .. } | Details::Notice { .. } => request,
    };
    let secret = |name: &crate::secret::SecretName| {
        name.read().map_err(|error| Outcome::Passing { reply: chain(&error), retry_after: None })
    };
    Ok(match &endpoint.login {
        EndpointLogin::None => request,
        EndpointLogin::Bearer(name) => {
            let mut value =
                reqwest::header::HeaderValue::from_str(&format!("Bearer {}", secret(name)?.expose()))
                    .map_err(|_| Outcome::Lasting {
                        reply: "the token cannot stand in a header".to_owned(),
                    })?;
            value.set_sensitive(true);
            request.header(AUTHORIZATION, value)
        }
        EndpointLogin::Basic(user, name) => request.basic_auth(user, Some(secret(name)?.expose())),
    })
}

/// The path with everything escaped that is not plainly part of a file name.
fn escaped(path: &str) -> String {
    use std::fmt::Write;
    path.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").unwrap_or_default();
        }
        out
    })
}

async fn judge(response: Response, url: &str, method: HttpMethod) -> Outcome {
    let status = response.status();
    if status.is_success() {
        return Outcome::Done { reply: format!("{url}: {status}") };
    }
    let retry_after = retry_after(response.headers());
    let location =
        response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).map(ToOwned::to_owned);
    let words = words(response).await;
    let reply = format!("{url}: {status}{words}");
    if status.is_redirection() {
        let to = location.map(|to| format!(" to {}", to.split('?').next().unwrap_or(""))).unwrap_or_default();
        return Outcome::Lasting {
            reply: format!("{reply}: a redirect{to} is not followed; correct the endpoint's url"),
        };
    }
    match status {
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
            Outcome::Passing { reply, retry_after }
        }
        // A proxy says these when its backend may have taken the file: for a POST nobody can know.
        StatusCode::INTERNAL_SERVER_ERROR | StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT
            if method == HttpMethod::Post =>
        {
            Outcome::Unsure { reply }
        }
        status if status.is_server_error() => Outcome::Passing { reply, retry_after },
        _ => Outcome::Lasting { reply },
    }
}

/// The beginning of a refusal's body, on one line.
async fn words(mut response: Response) -> String {
    let mut bytes = Vec::new();
    while bytes.len() < REPLY_BYTES_MAX {
        match response.chunk().await {
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) | Err(_) => break,
        }
    }
    bytes.truncate(REPLY_BYTES_MAX);
    let text = String::from_utf8_lossy(&bytes).split_whitespace().collect::<Vec<_>>().join(" ");
    if text.is_empty() { text } else { format!(": {text}") }
}

/// `Retry-After` in both forms, counted from the far end's own `Date` where it is an instant.
fn retry_after(headers: &HeaderMap) -> Option<SignedDuration> {
    let text = |name| headers.get(name).and_then(|value: &reqwest::header::HeaderValue| value.to_str().ok());
    let value = text(RETRY_AFTER)?.trim();
    if let Ok(seconds) = value.parse::<i64>() {
        return Some(SignedDuration::from_secs(seconds.max(0)));
    }
    let until = httpdate::parse_http_date(value).ok()?;
    let now = httpdate::parse_http_date(text(reqwest::header::DATE)?).ok()?;
    let wait = until.duration_since(now).unwrap_or_default();
    SignedDuration::try_from(wait).ok()
}
