//! HTTP as destinations speak it: our client, logins, silence, and what answers mean.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Body, Method, RequestBuilder, Response, StatusCode};
use sha2::{Digest, Sha256};
use tokio::sync::Notify;
use tokio_util::io::ReaderStream;

use super::from_io;
use super::places::{Item, Look, Source};
use crate::artifacts::hex;
use crate::chain::chain;
use crate::config::{Endpoint, EndpointLogin};
use crate::domain::delivery::{Outcome, Receipt};
use crate::network::{self, Content, Guard, escaped, retry_after, text, words};

/// A file is read in pieces of this size.
const PIECE: usize = 1 << 20;

/// An endpoint and the client that speaks to it.
#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    endpoint: Endpoint,
}

/// What an endpoint showed of itself.
#[derive(Debug)]
pub(super) struct Greeting {
    /// What it said.
    pub(super) words: String,
    /// What its clock shows.
    pub(super) date: Option<std::time::SystemTime>,
    /// Its certificate in DER.
    pub(super) certificate: Option<Vec<u8>>,
}

/// A request that got no answer.
#[derive(Debug)]
pub(super) struct Silent {
    /// What happened.
    pub(super) reply: String,
    /// Whether the far end can have got anything of it.
    pub(super) began: bool,
}

impl Silent {
    /// Where nothing can have happened yet, it is tried again; else nobody can know.
    pub(super) fn outcome(self) -> Outcome {
        if self.began { Outcome::Unsure { reply: self.reply } } else { Outcome::passing(self.reply) }
    }
}

/// A client whose failure to be set up may pass: its certificates are read from a file.
pub(super) fn build(
    ca_file: Option<&std::path::Path>,
    guard: Guard,
    silence: Duration,
) -> Result<reqwest::Client, Outcome> {
    network::client(ca_file, guard, silence, Content::AsItIs).map_err(Outcome::passing)
}

impl Client {
    pub(super) fn new(endpoint: &Endpoint) -> Result<Self, Outcome> {
        let guard = Guard { private_network: endpoint.private_network };
        let http = build(endpoint.ca_file.as_deref(), guard, silence(endpoint))?;
        Ok(Self { http, endpoint: endpoint.clone() })
    }

    /// The URL of a path below the endpoint's.
    pub(super) fn url(&self, path: &str) -> String {
        format!("{}/{}", self.endpoint.url, escaped(path, "/"))
    }

    /// The endpoint's own URL.
    pub(super) fn base(&self) -> &str {
        &self.endpoint.url
    }

    /// A request that carries the endpoint's login.
    pub(super) fn request(&self, method: &str, url: &str) -> Result<RequestBuilder, Outcome> {
        // The methods are ours, and plain words.
        let method = Method::from_bytes(method.as_bytes()).unwrap_or(Method::GET);
        let request = self.http.request(method, url);
        let secret =
            |name: &crate::secret::SecretName| name.read().map_err(|error| Outcome::passing(chain(&error)));
        Ok(match &self.endpoint.login {
            EndpointLogin::None => request,
            EndpointLogin::Bearer(name) => {
                let mut value = HeaderValue::from_str(&format!("Bearer {}", secret(name)?.expose()))
                    .map_err(|_| Outcome::lasting("the token cannot stand in a header"))?;
                value.set_sensitive(true);
                request.header(AUTHORIZATION, value)
            }
            EndpointLogin::Basic(user, name) => request.basic_auth(user, Some(secret(name)?.expose())),
        })
    }

    /// Sends a request with an item as its body, if there is one. Ends when nothing has moved for the endpoint's
    /// `timeout`.
    pub(super) async fn talk(
        &self,
        request: RequestBuilder,
        item: Option<&Item<'_>>,
    ) -> Result<Response, Silent> {
        let moved = Arc::new(Notify::new());
        let request = match item {
            None => request,
            Some(item) => {
                let body = body(item, &moved)
                    .await
                    .map_err(|outcome| Silent { reply: outcome.reply().to_owned(), began: false })?;
                request.header(reqwest::header::CONTENT_LENGTH, item.bytes()).body(body)
            }
        };
        let silence = silence(&self.endpoint);
        let talk = request.send();
        tokio::pin!(talk);
        let ended = loop {
            tokio::select! {
                ended = &mut talk => break ended,
                () = moved.notified() => {}
                () = tokio::time::sleep(silence) => {
                    let reply = format!("{}: nothing moved for {} s", self.endpoint.url, silence.as_secs());
                    return Err(Silent { reply, began: true });
                }
            }
        };
        ended.map_err(|error| {
            let began = !(error.is_connect() || error.is_builder());
            // The URL is ours and known; without it no query or login can slip into a log.
            Silent { reply: format!("{}: {}", self.endpoint.url, chain(&error.without_url())), began }
        })
    }

    /// Asks what stands at a URL: by its length, and by its bytes where the length is ours.
    pub(super) async fn look(&self, url: &str, bytes: u64, sha256: &str) -> Look {
        let asked = match self.request("HEAD", url) {
            Err(outcome) => return Look::Mute(outcome.reply().to_owned()),
            Ok(request) => self.talk(request, None).await,
        };
        let head = match asked {
            Err(silent) => return Look::Mute(silent.reply),
            Ok(head) => head,
        };
        let status = head.status();
        if matches!(status, StatusCode::NOT_FOUND | StatusCode::GONE) {
            return Look::Absent;
        }
        if !status.is_success() {
            return Look::Mute(format!("{url}: HEAD: {status}"));
        }
        match content_length(head.headers()) {
            Some(found) if found != bytes => return Look::Other(format!("{url} has {found} bytes")),
            Some(_) | None => {}
        }
        let etag = text(head.headers(), "etag");
        match self.digest(url, bytes).await {
            Ok(found) if found == sha256 => Look::Same(Receipt {
                path: Some(url.to_owned()),
                bytes: Some(bytes),
                etag,
                ..Receipt::default()
            }),
            Ok(_) => Look::Other(format!("{url} holds other bytes")),
            Err(reply) => Look::Mute(reply),
        }
    }

    async fn digest(&self, url: &str, most: u64) -> Result<String, String> {
        let request = self.request("GET", url).map_err(|outcome| outcome.reply().to_owned())?;
        let mut response = self.talk(request, None).await.map_err(|silent| silent.reply)?;
        if !response.status().is_success() {
            return Err(format!("{url}: GET: {}", response.status()));
        }
        let (mut digest, mut read) = (Sha256::new(), 0_u64);
        loop {
            let piece = tokio::time::timeout(silence(&self.endpoint), response.chunk()).await;
            let piece = piece.map_err(|_| format!("{url}: nothing moved"))?;
            let Some(piece) = piece.map_err(|error| format!("{url}: {}", chain(&error.without_url())))?
            else {
                return Ok(hex(&digest.finalize()));
            };
            digest.update(&piece);
            read += u64::try_from(piece.len()).unwrap_or(0);
            if most < read {
                return Ok("longer".to_owned());
            }
        }
    }

    /// Whether anybody is there who takes our login.
    pub(super) async fn greet(&self) -> Result<Greeting, Outcome> {
        let url = self.base().to_owned();
        let response = self.talk(self.request("HEAD", &url)?, None).await.map_err(Silent::outcome)?;
        let status = response.status();
        // Any other answer is one: the base of an endpoint need not be a page, nor open to a look.
        let broken = status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED;
        if status == StatusCode::UNAUTHORIZED || broken {
            return Err(self.judge(response, &url, true).await);
        }
        let date = text(response.headers(), "date").and_then(|date| httpdate::parse_http_date(&date).ok());
        let tls = response.extensions().get::<reqwest::tls::TlsInfo>();
        let certificate = tls.and_then(reqwest::tls::TlsInfo::peer_certificate).map(<[u8]>::to_vec);
        Ok(Greeting { words: format!("{url}: answers HEAD with {status}"), date, certificate })
    }

    /// Whether files may be put and removed.
    pub(super) async fn put_and_remove(&self, name: &str) -> Result<(), Outcome> {
        let url = self.url(name);
        let item = Item {
            path: name,
            source: Source::Bytes(b"legwork"),
            media_type: "text/plain",
            create_only: false,
        };
        for (method, item) in [("PUT", Some(&item)), ("DELETE", None)] {
            let response = self.talk(self.request(method, &url)?, item).await.map_err(Silent::outcome)?;
            let outcome = self.judge(response, &url, true).await;
            if !outcome.is_done() {
                return Err(outcome);
            }
        }
        Ok(())
    }

    /// Tells a URL that is a secret; nothing of it stands in an error.
    pub(super) async fn ping(&self) -> Result<(), String> {
        let request = self.request("GET", self.base()).map_err(|outcome| outcome.reply().to_owned())?;
        let answer = tokio::time::timeout(silence(&self.endpoint), request.send()).await;
        match answer {
            Err(_) => Err("no answer".to_owned()),
            Ok(Err(error)) => Err(chain(&error.without_url())),
            Ok(Ok(answer)) if answer.status().is_success() => Ok(()),
            Ok(Ok(answer)) => Err(answer.status().to_string()),
        }
    }

    /// What an answer to an upload means. `repeatable`: the same request again does the same thing.
    pub(super) async fn judge(&self, response: Response, url: &str, repeatable: bool) -> Outcome {
        let status = response.status();
        if status.is_success() {
            let receipt = Receipt {
                path: Some(url.to_owned()),
                etag: text(response.headers(), "etag"),
                version: text(response.headers(), "x-amz-version-id"),
                ..Receipt::default()
            };
            return Outcome::done(format!("{url}: {status}"), receipt);
        }
        let retry_after = retry_after(response.headers());
        let location = text(response.headers(), LOCATION.as_str());
        let words = words(response).await;
        let reply = format!("{url}: {status}{words}");
        if status.is_redirection() {
            let to =
                location.map(|to| format!(" to {}", to.split('?').next().unwrap_or(""))).unwrap_or_default();
            return Outcome::lasting(format!(
                "{reply}: a redirect{to} is not followed; correct the url in the config"
            ));
        }
        match status {
            StatusCode::REQUEST_TIMEOUT
            | StatusCode::LOCKED
            | StatusCode::TOO_EARLY
            | StatusCode::TOO_MANY_REQUESTS => Outcome::Passing { reply, retry_after },
            // A proxy says these when its backend may have taken the file: for a POST nobody can know.
            StatusCode::INTERNAL_SERVER_ERROR | StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT
                if !repeatable =>
            {
                Outcome::Unsure { reply }
            }
            // 507 is a full disk (RFC 4918), the other ones come back as well.
            status if status.is_server_error() => Outcome::Passing { reply, retry_after },
            _ => Outcome::lasting(reply),
        }
    }
}

fn silence(endpoint: &Endpoint) -> Duration {
    Duration::try_from(endpoint.timeout).unwrap_or(Duration::from_mins(1))
}

async fn body(item: &Item<'_>, moved: &Arc<Notify>) -> Result<Body, Outcome> {
    match item.source {
        Source::Bytes(bytes) => Ok(Body::from(bytes.to_vec())),
        Source::File(file) => {
            let opened = tokio::fs::File::open(&file.path).await;
            let opened = opened.map_err(|error| from_io("open", &file.path, &error))?;
            let moved = moved.clone();
            let pieces = ReaderStream::with_capacity(opened, PIECE);
            Ok(Body::wrap_stream(pieces.inspect(move |_| moved.notify_one())))
        }
    }
}

/// Headers of a job; `None` where one of them cannot be a header.
pub(super) fn header(name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(value).ok()?))
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    text(headers, "content-length")?.parse().ok()
}
