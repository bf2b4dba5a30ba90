//! An event for a program: JSON by POST, signed.

use hmac::{Hmac, KeyInit, Mac};
use reqwest::header::CONTENT_TYPE;
use sha2::Sha256;

use super::client::Client;
use super::details::WebhookDetails;
use super::places::{Item, Source};
use super::{Mark, Parcel};
use crate::artifacts::hex;
use crate::chain::chain;
use crate::domain::delivery::Outcome;
use crate::secret::SecretName;

/// A webhook of the config.
#[derive(Debug)]
pub(super) struct Webhook {
    pub(super) client: Client,
    pub(super) secret: Option<SecretName>,
}

impl Webhook {
    pub(super) async fn send(&self, parcel: &Parcel, details: &WebhookDetails, mark: Mark<'_>) -> Outcome {
        let url = self.client.base().to_owned();
        let mut request = match self.client.request("POST", &url) {
            Ok(request) => {
                request.header(CONTENT_TYPE, "application/json").header("Legwork-Event", &details.id)
            }
            Err(outcome) => return outcome,
        };
        if let Some(name) = &self.secret {
            let secret = match name.read() {
                Ok(secret) => secret,
                Err(error) => return Outcome::passing(chain(&error)),
            };
            let at = parcel.now.as_second();
            let signature = signature(secret.expose(), at, &details.body);
            request = request.header("Legwork-Signature", format!("t={at},v1={signature}"));
        }
        if let Err(reply) = mark(None).await {
            return Outcome::passing(reply);
        }
        let item = Item {
            path: "",
            source: Source::Bytes(details.body.as_bytes()),
            media_type: "application/json",
            create_only: false,
        };
        match self.client.talk(request, Some(&item)).await {
            Err(silent) => silent.outcome(),
            Ok(response) => self.client.judge(response, &url, false).await,
        }
    }
}

/// HMAC-SHA-256 over the instant, a dot and the body: a receiver that compares it knows who sent it, and when.
pub(super) fn signature(secret: &str, at: i64, body: &str) -> String {
    // A key of any length fits.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return String::new() };
    mac.update(format!("{at}.{body}").as_bytes());
    hex(&mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::signature;

    #[test]
    fn the_signature_covers_instant_and_body() {
        // Computed with OpenSSL over `7.what do ya want for nothing?`.
        let expected = "239f4b39fd23f4376db46b239fae471e7c6824b3931bc60f4c0b745bef8de34f";
        assert_eq!(signature("Jefe", 7, "what do ya want for nothing?"), expected);
    }
}
