//! How `LivePerson` is logged in to: OAuth 2 client credentials; OAuth 1 for accounts that still have keys of it

use std::fmt::Write;
use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use reqwest::RequestBuilder;
use reqwest::header::AUTHORIZATION;
use ring::hmac;
use serde::Deserialize;

use crate::config::{self, LivepersonLogin as Way};
use crate::network::escaped;
use crate::secret::Secret;
use crate::sources::SourceError;
use crate::sources::link::{Ask, LOGIN, Link, Login, Nobody, form, secret, sensitive};
use crate::sources::tokens::{Token, Tokens};

/// A token's life where it does not say it (3600 s in the vendor's sample).
const LIFE_S: i64 = 3_600;

#[derive(Debug)]
pub(super) struct LivepersonLogin {
    at: config::Liveperson,
    sentinel: OnceLock<String>,
    tokens: Tokens,
}

#[derive(Deserialize)]
struct Answer {
    access_token: String,
    #[serde(default)]
    expires_in: Option<i64>,
}

/// What a token says of itself; it is not verified, its vendor will.
#[derive(Deserialize)]
struct Claims {
    exp: i64,
}

impl Login for LivepersonLogin {
    async fn sign(
        &self,
        link: &Link,
        request: RequestBuilder,
    ) -> Result<(RequestBuilder, Option<u64>), SourceError> {
        let (value, number) = match &self.at.login {
            Way::Client { .. } => {
                let (token, number) = self.token(link).await?;
                (format!("Bearer {}", token.expose()), Some(number))
            }
            Way::Signed { key, secret: app, token, token_secret } => {
                let keys = Keys { key, secret: &secret(app)?, token, token_secret: &secret(token_secret)? };
                (signed(&request, &keys, link.errand.now())?, None)
            }
        };
        Ok((request.header(AUTHORIZATION, sensitive(&value)?), number))
    }

    async fn refused(&self, number: u64) {
        self.tokens.refused(number).await;
    }
}

impl LivepersonLogin {
    pub(super) fn new(at: config::Liveperson) -> Self {
        Self { at, sentinel: OnceLock::new(), tokens: Tokens::default() }
    }

    pub(super) fn needs_token(&self) -> bool {
        matches!(self.at.login, Way::Client { .. })
    }

    pub(super) fn set_sentinel(&self, url: String) {
        // The first answer stands: hosts of one account do not move while it is logged in to.
        self.sentinel.get_or_init(|| url);
    }

    pub(super) async fn try_login(&self, link: &Link) -> Result<(), SourceError> {
        match self.at.login {
            Way::Client { .. } => self.token(link).await.map(drop),
            Way::Signed { .. } => Ok(()),
        }
    }

    pub(super) fn ends(&self) -> Option<Timestamp> {
        self.tokens.ends()
    }

    async fn token(&self, link: &Link) -> Result<(Secret, u64), SourceError> {
        let fetch = async |_: Option<Token>| {
            let Way::Client { id, secret: name, scope } = &self.at.login else {
                return Err(SourceError::Login("requests are signed one by one".to_owned()));
            };
            let host = self.sentinel.get().map_or("", String::as_str);
            let url = format!("{host}/sentinel/api/v2/account/{}/app/token?v=2.0", self.at.account);
            let value = secret(name)?;
            let mut fields = vec![
                ("client_id", id.as_str()),
                ("client_secret", value.expose()),
                ("grant_type", "client_credentials"),
            ];
            fields.extend(scope.as_deref().map(|scope| ("scope", scope)));
            let form = form(&fields);
            let make = || link.post_form(&url, &form);
            let ask = Ask { what: LOGIN, budget: &link.budget, permission: super::PERMISSION };
            let answer: Answer = link.json(ask, &Nobody, &make).await?;
            let now = link.errand.now();
            let told = expiry(&answer.access_token);
            let life = SignedDuration::from_secs(answer.expires_in.unwrap_or(LIFE_S).max(0));
            let ends = told.or_else(|| now.checked_add(life).ok());
            Ok(Token { access: answer.access_token.into(), refresh: None, ends })
        };
        self.tokens.get(link.errand.now(), fetch).await
    }
}

/// When a JWT ends, by its own word.
fn expiry(token: &str) -> Option<Timestamp> {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Claims = serde_json::from_slice(&claims).ok()?;
    Timestamp::from_second(claims.exp).ok()
}

/// Escaped as a signature counts on it (RFC 5849, 3.6).
fn encoded(text: &str) -> String {
    escaped(text, "")
}

/// The four values of an OAuth 1 key.
struct Keys<'a> {
    key: &'a str,
    secret: &'a Secret,
    token: &'a str,
    token_secret: &'a Secret,
}

/// The `Authorization` header of a request (RFC 5849, 3.4).
fn signed(request: &RequestBuilder, keys: &Keys<'_>, now: Timestamp) -> Result<String, SourceError> {
    let unfit = || SourceError::Lasting("the request cannot be signed".to_owned());
    let built = request.try_clone().and_then(|request| request.build().ok()).ok_or_else(unfit)?;
    let nonce = format!(
        "{:032x}",
        u128::from(getrandom::u64().map_err(|_| unfit())?) << 64
            | u128::from(getrandom::u64().map_err(|_| unfit())?)
    );
    let at = now.as_second().to_string();
    let own = [
        ("oauth_consumer_key", keys.key),
        ("oauth_nonce", &nonce),
        ("oauth_signature_method", "HMAC-SHA1"),
        ("oauth_timestamp", &at),
        ("oauth_token", keys.token),
        ("oauth_version", "1.0"),
    ];
    let signature = signature(built.method().as_str(), built.url(), &own, keys);
    let mut header = String::from("OAuth ");
    for (name, value) in own.iter().chain([&("oauth_signature", signature.as_str())]) {
        write!(header, "{name}=\"{}\", ", encoded(value)).unwrap_or_default();
    }
    Ok(header.trim_end_matches(", ").to_owned())
}

/// HMAC-SHA1 over method, URL and every parameter, sorted after escaping. A JSON body is not part of it.
fn signature(method: &str, url: &reqwest::Url, own: &[(&str, &str)], keys: &Keys<'_>) -> String {
    let mut parameters: Vec<(String, String)> =
        url.query_pairs().map(|(key, value)| (encoded(&key), encoded(&value))).collect();
    parameters.extend(own.iter().map(|(key, value)| (encoded(key), encoded(value))));
    parameters.sort_unstable();
    let parameters: Vec<String> = parameters.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let mut plain = url.clone();
    plain.set_query(None);
    plain.set_fragment(None);
    let base = format!("{method}&{}&{}", encoded(plain.as_str()), encoded(&parameters.join("&")));
    let key = format!("{}&{}", encoded(keys.secret.expose()), encoded(keys.token_secret.expose()));
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key.as_bytes());
    STANDARD.encode(hmac::sign(&key, base.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::{Keys, encoded, expiry, signature};

    #[test]
    fn a_request_is_signed_as_in_the_standards_example() {
        // RFC 5849, 1.2: the photo that is printed.
        let keys = Keys {
            key: "dpf43f3p2l4k3l03",
            secret: &"kd94hf93k423kf44".to_owned().into(),
            token: "nnch734d00sl2jdk",
            token_secret: &"pfkkdhi9sl3r4s00".to_owned().into(),
        };
        let url =
            reqwest::Url::parse("http://photos.example.net/photos?file=vacation.jpg&size=original").unwrap();
        let own = [
            ("oauth_consumer_key", keys.key),
            ("oauth_token", keys.token),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "137131202"),
            ("oauth_nonce", "chapoH"),
        ];
        assert_eq!(signature("GET", &url, &own, &keys), "MdpQcU8iPSUjWoN/UDMsK2sui9I=");
    }

    #[test]
    fn what_means_something_in_a_query_is_escaped_and_a_tokens_end_is_read() {
        assert_eq!(encoded("2026-06-10T00:00:00+02:00,/ä"), "2026-06-10T00%3A00%3A00%2B02%3A00%2C%2F%C3%A4");
        // {"exp":1700003600}
        let ends = expiry("e30.eyJleHAiOjE3MDAwMDM2MDB9.x").unwrap();
        assert_eq!(ends.as_second(), 1_700_003_600);
        assert_eq!(expiry("opaque"), None);
    }
}
