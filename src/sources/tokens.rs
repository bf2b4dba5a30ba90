//! A token that is fetched once for everybody who waits for it, and renewed before it ends.

use std::sync::PoisonError;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use super::SourceError;
use crate::secret::Secret;

/// A token in use.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) access: Secret,
    /// What the next one is to be had for.
    pub(super) refresh: Option<Secret>,
    /// When it ends, where that is known.
    pub(super) ends: Option<Timestamp>,
}

/// The one token of a vendor's account.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    state: Mutex<State>,
    /// When the token in use ends, for whoever only wants to know: the state is locked while one is fetched.
    ends: std::sync::Mutex<Option<Timestamp>>,
}

#[derive(Debug, Default)]
struct State {
    token: Option<Token>,
    /// Counts them, so that a refusal of an old one does not throw away a new one.
    number: u64,
    /// Why none was to be had, and until when nobody need ask again.
    failed: Option<(SourceError, Timestamp)>,
}

/// A failed login is not repeated for so long: vendors lock accounts that try again and again.
const REST: SignedDuration = SignedDuration::from_secs(30);
/// Tokens are renewed so long before they end.
const EARLY: SignedDuration = SignedDuration::from_secs(60);

impl Tokens {
    /// The token, fetched by `fetch` where there is none that lasts; everybody else waits for that one.
    pub(super) async fn get(
        &self,
        now: Timestamp,
        fetch: impl AsyncFnOnce(Option<Token>) -> Result<Token, SourceError>,
    ) -> Result<(Secret, u64), SourceError> {
        let mut state = self.state.lock().await;
        if let Some(token) = state.token.as_ref().filter(|token| lasts(token, now)) {
            return Ok((token.access.clone(), state.number));
        }
        if let Some((error, until)) = &state.failed
            && now < *until
        {
            return Err(error.clone());
        }
        let before = state.token.take();
        match fetch(before.clone()).await {
            Ok(token) => {
                let access = token.access.clone();
                *self.ends.lock().unwrap_or_else(PoisonError::into_inner) = token.ends;
                *state = State { token: Some(token), number: state.number + 1, failed: None };
                Ok((access, state.number))
            }
            Err(error) => {
                if matches!(error, SourceError::Login(_) | SourceError::Permission(_)) {
                    state.failed = Some((error.clone(), now.checked_add(REST).unwrap_or(now)));
                } else {
                    state.token = before;
                }
                Err(error)
            }
        }
    }

    /// A token was refused: it has ended, whatever it said. What renews it stays.
    pub(super) async fn refused(&self, number: u64) {
        let mut state = self.state.lock().await;
        if state.number == number
            && let Some(token) = &mut state.token
        {
            token.ends = Some(Timestamp::UNIX_EPOCH);
        }
    }

    /// When the token ends.
    pub(super) fn ends(&self) -> Option<Timestamp> {
        *self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lasts(token: &Token, now: Timestamp) -> bool {
    token.ends.is_none_or(|ends| now < ends.checked_sub(EARLY).unwrap_or(ends))
}
