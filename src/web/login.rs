//! Logging in: passwords, and how often one may be wrong.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{LazyLock, Mutex, PoisonError};

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Semaphore;

use super::access::{digest, random};
use super::refused::Refused;
use super::serve::Peer;
use super::{Shared, Site};
use crate::daemon::ask::AskError;
use crate::store::access::{self, Audited, User};

/// Failed logins from one address within [`FAILED_SPAN`].
const FAILED_MAX: usize = 10;
/// Failed logins from everywhere within [`FAILED_SPAN`].
const FAILED_ALL_MAX: usize = 200;
const FAILED_SPAN: SignedDuration = SignedDuration::from_mins(15);
/// Passwords looked at, at the same time: each takes 19 MiB.
const VERIFIED_AT_ONCE: usize = 2;

/// What the password of a name is compared with that is not known.
static NOBODY: LazyLock<String> = LazyLock::new(|| hash_password("nobody").unwrap_or_default());

/// Failed logins, so that nobody can go on guessing; and how many passwords are looked at.
#[derive(Debug)]
pub(super) struct Logins {
    failed: Mutex<HashMap<IpAddr, Vec<Timestamp>>>,
    places: Semaphore,
}

impl Default for Logins {
    fn default() -> Self {
        Self { failed: Mutex::new(HashMap::new()), places: Semaphore::new(VERIFIED_AT_ONCE) }
    }
}

impl Logins {
    fn too_many(&self, ip: IpAddr, now: Timestamp) -> bool {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.retain(|_, at| {
            at.retain(|at| now.duration_since(*at) < FAILED_SPAN);
            !at.is_empty()
        });
        let all: usize = failed.values().map(Vec::len).sum();
        FAILED_ALL_MAX <= all || failed.get(&ip).is_some_and(|at| FAILED_MAX <= at.len())
    }

    fn note(&self, ip: IpAddr, now: Timestamp) {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).entry(ip).or_default().push(now);
    }
}

/// argon2id with 19 MiB and two passes.
pub(super) fn hash_password(password: &str) -> Result<String, String> {
    let hashed = Argon2::default().hash_password(password.as_bytes());
    hashed.map(|hash| hash.to_string()).map_err(|error| error.to_string())
}

fn is_password(password: &str, hash: &str) -> bool {
    let known = PasswordHash::new(hash);
    known.is_ok_and(|known| Argon2::default().verify_password(password.as_bytes(), &known).is_ok())
}

impl Site {
    /// Logs somebody in; returns the cookie's value.
    pub(super) async fn log_in(
        self: &Shared,
        name: &str,
        password: &str,
        peer: Peer,
    ) -> Result<String, Refused> {
        let now = self.core.now();
        if self.logins.too_many(peer.0.ip(), now) {
            return Err(too_many());
        }
        let place = self.logins.places.acquire().await.map_err(Refused::broken)?;
        // Others may have failed while this one waited.
        if self.logins.too_many(peer.0.ip(), now) {
            return Err(too_many());
        }
        let (asked, given) = (name.to_owned(), password.to_owned());
        let user = self.block(move |core| {
            let user: Option<User> = core.store.read_blocking("read a user", |c| access::user(c, &asked))?;
            // A name that is not known takes as long as a password that is wrong.
            let hash = user.as_ref().map_or(NOBODY.as_str(), |user| user.password.as_str());
            let right = is_password(&given, hash);
            Ok(user.filter(|_| right))
        });
        let user = user.await?;
        drop(place);
        let Some(user) = user else {
            self.logins.note(peer.0.ip(), now);
            tracing::warn!(peer = %peer.0.ip(), "a login failed");
            return Err(Refused::nobody("name or password is wrong"));
        };
        let value = random().map_err(Refused::broken)?;
        let session = digest(&value);
        let line = Audited {
            at: now,
            who: user.name.clone(),
            action: "log in".to_owned(),
            subject: user.name,
            detail: None,
        };
        let open = move |tx: &rusqlite::Transaction<'_>| {
            access::open_session(tx, &session, user.user_id, now)?;
            access::note(tx, &line)
        };
        self.core.store.write("open a session", open).await.map_err(AskError::from)?;
        Ok(value)
    }
}

fn too_many() -> Refused {
    let detail = "too many failed logins; wait a quarter of an hour";
    let mut refused = Refused::new(StatusCode::TOO_MANY_REQUESTS, detail);
    refused.retry_after = Some(900);
    refused
}
