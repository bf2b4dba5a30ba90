//! What every request passes: the host that it names, where it comes from, who sends it; and what every answer carries.

use axum::body::Body;
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::access::{By, Who};
use super::refused::Refused;
use super::serve::Peer;
use super::{Shared, Site};
use crate::clock::Stopwatch;

/// Only what we serve ourselves; nobody may frame us; forms go to us only.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Who asks, where that is known, as handlers find it.
#[derive(Debug, Clone)]
pub(super) struct Asker(pub(super) Option<Who>);

/// Why nobody is let in; each section tells it in its own shape.
#[derive(Debug, Clone)]
struct Denied(Refused);

/// Stands before every handler, inside of what gives a section's refusals their shape.
pub(super) async fn door(request: Request<Body>, next: Next) -> Response {
    match request.extensions().get::<Denied>() {
        Some(Denied(refused)) => refused.clone().into_response(),
        None => next.run(request).await,
    }
}

/// Everything passes here.
pub(super) async fn guard(State(site): State<Shared>, request: Request<Body>, next: Next) -> Response {
    let watch = Stopwatch::start();
    let (mut parts, body) = request.into_parts();
    let method = parts.method.clone();
    // Of a link only that it is one: its signature is what opens it.
    let path = if parts.uri.path().starts_with("/d/") { "/d/***" } else { parts.uri.path() }.to_owned();
    let mut name = None;
    match admit(&site, &parts).await {
        Ok(who) => {
            name = who.as_ref().map(|who| who.name.clone());
            parts.extensions.insert(Asker(who));
        }
        Err(refused) => {
            parts.extensions.insert(Asker(None));
            parts.extensions.insert(Denied(refused));
        }
    }
    let asked = parts.headers.clone();
    let mut response = next.run(Request::from_parts(parts, body)).await;
    if let Some(seconds) = response.extensions().get::<Refused>().and_then(|refused| refused.retry_after) {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    if matches!(method, Method::GET | Method::HEAD) {
        response = unless_known(&asked, response);
    }
    let status = response.status().as_u16();
    site.counts.request(status);
    let ms = watch.elapsed().as_millis();
    tracing::debug!(%method, path, status, ms, who = name, "request");
    protect(response.headers_mut());
    response
}

/// Whether whoever asks has what the tag names.
pub(super) fn is_known(asked: &HeaderMap, etag: &str) -> bool {
    let each = asked.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    each.flat_map(|value| value.split(',')).any(|one| one.trim().trim_start_matches("W/") == etag)
}

/// The answer, or only that whoever asks has it already.
fn unless_known(asked: &HeaderMap, mut response: Response) -> Response {
    let etag = response.headers().get(header::ETAG).and_then(|etag| etag.to_str().ok());
    if response.status() == StatusCode::OK && etag.is_some_and(|etag| is_known(asked, etag)) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = Body::empty();
        response.headers_mut().remove(header::CONTENT_TYPE);
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
    response
}

async fn admit(site: &Shared, request: &Parts) -> Result<Option<Who>, Refused> {
    let host = host(request)?;
    if !site.answers_to(&host) {
        let status = StatusCode::MISDIRECTED_REQUEST;
        let cure = "name it in `[web] hosts` if it is right";
        return Err(Refused::new(status, format!("this Legwork is not known as `{host}`; {cure}")));
    }
    let peer = request.extensions.get::<Peer>().copied();
    let peer = peer.ok_or_else(|| Refused::broken("a request without a peer"))?;
    let who = site.who(&request.headers, peer).await?;
    let changes = !matches!(request.method, Method::GET | Method::HEAD | Method::OPTIONS);
    // A browser adds cookies, and reaches loopback, by itself: what it sends must come from our own pages.
    if changes && who.as_ref().is_none_or(|who| who.by != By::Token) {
        let public_url = site.core.config.web.public_url.as_deref();
        same_origin(&request.headers, request_host(request), public_url)?;
    }
    Ok(who)
}

/// Host and port that the request names.
fn request_host(request: &Parts) -> &str {
    let named = request.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    named.or_else(|| Some(request.uri.authority()?.as_str())).unwrap_or_default()
}

/// The host that the request names, without port, in lower case.
fn host(request: &Parts) -> Result<String, Refused> {
    let host = request_host(request);
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    if name.is_empty() {
        return Err(Refused::wrong("the request names no host"));
    }
    Ok(name.to_ascii_lowercase())
}

/// A browser says where a request comes from; whoever says nothing is no browser.
fn same_origin(headers: &HeaderMap, host: &str, public_url: Option<&str>) -> Result<(), Refused> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let site = text(HeaderName::from_static("sec-fetch-site"));
    if site.is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return Err(Refused::forbidden("the request comes from another site"));
    }
    let bare = |url: &str| url.split_once("://").map_or(url, |(_, host)| host).to_ascii_lowercase();
    let origin = text(header::ORIGIN).map(bare);
    // A proxy may name us by another host than the one that its browsers know.
    let public = public_url.map(bare);
    if origin.is_some_and(|origin| origin != host.to_ascii_lowercase() && Some(origin) != public) {
        return Err(Refused::forbidden("the request comes from a page of another host"));
    }
    Ok(())
}

impl Site {
    /// Whether a host name is one of ours: else a page elsewhere could have its own name lead to loopback.
    fn answers_to(&self, host: &str) -> bool {
        let web = &self.core.config.web;
        let plain = host.trim_start_matches('[').trim_end_matches(']');
        let own = web.listen.is_some_and(|listen| listen.ip().to_string() == plain);
        own || matches!(plain, "localhost" | "127.0.0.1" | "::1") || web.hosts.contains(plain)
    }
}

fn protect(headers: &mut HeaderMap) {
    let always = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in always {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // What was not said to be kept is not: pages show customers' data.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}
