//! A `WebDAV` server: PUT under a temporary name, then MOVE.

use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;

use super::Mark;
use super::client::Client;
use super::places::{Item, Look, Put, part_path};
use crate::domain::delivery::Outcome;

/// A server as one delivery uses it.
#[derive(Debug)]
pub(super) struct Webdav<'a> {
    pub(super) client: &'a Client,
}

impl Webdav<'_> {
    pub(super) async fn put(&self, item: Item<'_>, delivery_id: i64, mark: Mark<'_>) -> Put {
        let (part, url) = (part_path(item.path, delivery_id), self.client.url(item.path));
        let part_url = self.client.url(&part);
        if item.create_only && !matches!(self.client.look(&url, 0, "").await, Look::Absent | Look::Mute(_)) {
            return Put::Taken;
        }
        if let Err(reply) = mark(None).await {
            return Outcome::passing(reply).into();
        }
        if let Err(outcome) = self.upload(&part_url, &item).await {
            self.remove(&part_url).await;
            return outcome.into();
        }
        let moved = self.rename(&part_url, &url, &item).await;
        if !matches!(&moved, Put::Ended(outcome) if outcome.is_done()) {
            self.remove(&part_url).await;
        }
        moved
    }

    /// The whole file under its temporary name. Whatever goes wrong here, nobody has seen it.
    async fn upload(&self, part_url: &str, item: &Item<'_>) -> Result<(), Outcome> {
        let mut made = false;
        loop {
            let request = self.client.request("PUT", part_url)?.header(CONTENT_TYPE, item.media_type);
            let response = match self.client.talk(request, Some(item)).await {
                Err(silent) => return Err(Outcome::passing(silent.reply)),
                Ok(response) => response,
            };
            // The folder is not there: 409 by RFC 4918, 404 of many servers.
            let missing = matches!(response.status(), StatusCode::CONFLICT | StatusCode::NOT_FOUND);
            if missing && !made && item.path.contains('/') {
                self.make_folders(item.path).await?;
                made = true;
                continue;
            }
            // Go's server, which is in many others, says 405 of a body that broke off.
            let broke_off = response.status() == StatusCode::METHOD_NOT_ALLOWED;
            let outcome = self.client.judge(response, part_url, true).await;
            return match outcome {
                outcome if outcome.is_done() => Ok(()),
                outcome if broke_off => Err(Outcome::passing(outcome.reply().to_owned())),
                outcome => Err(outcome),
            };
        }
    }

    async fn make_folders(&self, path: &str) -> Result<(), Outcome> {
        for (at, _) in path.match_indices('/') {
            let folder = self.client.url(path.get(..at).unwrap_or_default());
            let request = self.client.request("MKCOL", &format!("{folder}/"))?;
            // 405: it is there already. Anything else shows at the upload that follows.
            if let Err(silent) = self.client.talk(request, None).await {
                return Err(Outcome::passing(silent.reply));
            }
        }
        Ok(())
    }

    async fn rename(&self, part_url: &str, url: &str, item: &Item<'_>) -> Put {
        let request = match self.client.request("MOVE", part_url) {
            Ok(request) => request,
            Err(outcome) => return outcome.into(),
        };
        let overwrite = if item.create_only { "F" } else { "T" };
        let request = request.header("Destination", url).header("Overwrite", overwrite);
        match self.client.talk(request, None).await {
            Err(silent) => silent.outcome().into(),
            Ok(response) if item.create_only && response.status() == StatusCode::PRECONDITION_FAILED => {
                Put::Taken
            }
            // Some of it may have gone wrong (RFC 4918, 9.9.4).
            Ok(response) if response.status() == StatusCode::MULTI_STATUS => {
                Outcome::passing(format!("{url}: MOVE: 207 Multi-Status")).into()
            }
            // Moved once, it cannot be moved again: what a proxy says of its backend leaves it open.
            Ok(response) => {
                let mut outcome = self.client.judge(response, url, false).await;
                if let Outcome::Done { receipt, .. } = &mut outcome {
                    receipt.bytes = Some(item.bytes());
                }
                outcome.into()
            }
        }
    }

    /// Removes what an earlier try may have left. Best effort.
    pub(super) async fn clear(&self, path: &str, delivery_id: i64) {
        self.remove(&self.client.url(&part_path(path, delivery_id))).await;
    }

    /// Best effort: a leftover is overwritten by the next try.
    async fn remove(&self, part_url: &str) {
        if let Ok(request) = self.client.request("DELETE", part_url) {
            drop(self.client.talk(request, None).await);
        }
    }

    pub(super) async fn look(&self, path: &str, bytes: u64, sha256: &str) -> Look {
        self.client.look(&self.client.url(path), bytes, sha256).await
    }
}
