//! An HTTP endpoint: one PUT or POST a file.

use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, IF_NONE_MATCH};

use super::client::{Client, header};
use super::places::{Item, Look, Put};
use super::{Mark, Parcel, details};
use crate::domain::definition::{HttpMethod, Place};
use crate::domain::delivery::Outcome;

/// An endpoint as one delivery uses it.
#[derive(Debug)]
pub(super) struct Http<'a> {
    pub(super) client: &'a Client,
}

impl Http<'_> {
    pub(super) async fn put(&self, item: Item<'_>, parcel: &Parcel, mark: Mark<'_>) -> Put {
        let details::Details::File(details) = &parcel.details else {
            return Outcome::lasting("this is no file's delivery").into();
        };
        let Place::Http { method, headers } = &details.place else {
            return Outcome::lasting("this is no HTTP endpoint's delivery").into();
        };
        let url = self.client.url(item.path);
        // Most servers overwrite whatever If-None-Match says, so they are asked as well.
        if item.create_only {
            match self.client.look(&url, 0, "").await {
                Look::Absent => {}
                Look::Mute(words) => {
                    let reply = format!("whether the name is taken could not be asked: {words}");
                    return Outcome::passing(reply).into();
                }
                Look::Same(_) | Look::Other(_) => return Put::Taken,
            }
        }
        let verb = if *method == HttpMethod::Post { "POST" } else { "PUT" };
        let mut request = match self.client.request(verb, &url) {
            Ok(request) => request,
            Err(outcome) => return outcome.into(),
        };
        for (name, value) in headers {
            if let Some((name, value)) = header(name, value) {
                request = request.header(name, value);
            }
        }
        request = request
            .header(CONTENT_TYPE, item.media_type)
            .header("Idempotency-Key", idempotency_key(&details.idempotency_key, item.path, parcel));
        if let Some(file) = parcel.file.as_ref().filter(|_| item.path == parcel.address) {
            request = request.header("X-Content-SHA256", &file.sha256);
        }
        if item.create_only && *method == HttpMethod::Put {
            request = request.header(IF_NONE_MATCH, "*");
        }
        if let Err(reply) = mark(None).await {
            return Outcome::passing(reply).into();
        }
        match self.client.talk(request, Some(&item)).await {
            Err(silent) => silent.outcome().into(),
            Ok(response) if item.create_only && response.status() == StatusCode::PRECONDITION_FAILED => {
                Put::Taken
            }
            Ok(response) => self.client.judge(response, &url, *method == HttpMethod::Put).await.into(),
        }
    }

    pub(super) async fn look(&self, path: &str, bytes: u64, sha256: &str) -> Look {
        self.client.look(&self.client.url(path), bytes, sha256).await
    }
}

/// Each file of a delivery is a thing of its own for far ends that look at the key.
fn idempotency_key(key: &str, path: &str, parcel: &Parcel) -> String {
    match path.strip_prefix(&parcel.address) {
        None | Some("") => key.to_owned(),
        Some(ending) => format!("{key}{ending}"),
    }
}
