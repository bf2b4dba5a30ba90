//! Who asks: a person with a session, a program with a token, a name that a trusted proxy vouches for, or whoever
//! reaches loopback while there are no users.

use axum::http::{HeaderMap, header};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::refused::Refused;
use super::serve::Peer;
use super::{Shared, Site};
use crate::artifacts::hex;
use crate::chain::chain;
use crate::daemon::ask::AskError;
use crate::domain::access::Role;
use crate::store::access::{self, Audited, User};
use crate::store::definitions::Eyes;

/// The cookie of a session.
pub(super) const COOKIE: &str = "legwork_session";
/// A session ends when it was not used for so long.
const IDLE: SignedDuration = SignedDuration::from_hours(12);
/// A session ends after so long.
const LONGEST: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How exactly the last use of a session or token is noted.
const SEEN_EVERY: SignedDuration = SignedDuration::from_mins(5);
/// In front of each token, so that one is known when it turns up where it should not.
const TOKEN_PREFIX: &str = "lwk_";
/// The name of whoever reaches loopback while there are no users.
const LOCAL: &str = "local";

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Who {
    /// The name, for the audit and for what they made.
    pub(super) name: String,
    /// What they may do.
    pub(super) role: Role,
    /// The accounts that they may read; all of them when absent.
    pub(super) accounts: Option<Vec<String>>,
    /// How we know.
    pub(super) by: By,
}

/// How we know who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum By {
    /// There are no users, and this is loopback.
    Loopback,
    /// A cookie, of this digest.
    Session(String),
    /// A token.
    Token,
    /// A trusted proxy.
    Proxy,
}

impl Who {
    /// Whether they may do what a role may.
    pub(super) fn may(&self, role: Role) -> bool {
        role <= self.role
    }

    /// Refuses who may not do what a role may on pages and in the API. Reports and files there are of no one account, so
    /// that a token which is kept to some is for the vendors' endpoints only.
    pub(super) fn needs_everywhere(&self, role: Role) -> Result<(), Refused> {
        if self.accounts.is_some() {
            let name = &self.name;
            return Err(Refused::forbidden(format!(
                "{name} is kept to accounts: it is for the vendors' endpoints only"
            )));
        }
        self.needs(role)
    }

    /// Refuses who may not do what a role may.
    pub(super) fn needs(&self, role: Role) -> Result<(), Refused> {
        if self.may(role) {
            return Ok(());
        }
        let (name, own) = (&self.name, self.role);
        Err(Refused::forbidden(format!("{name} has the role {own}; this needs the role {role}")))
    }

    /// Refuses who may not read an account.
    pub(super) fn reads(&self, account: &str) -> bool {
        self.accounts.as_ref().is_none_or(|accounts| accounts.iter().any(|own| own == account))
    }

    /// Whose eyes the store reads for.
    pub(super) fn eyes(&self) -> Eyes<'_> {
        Eyes { who: &self.name, see_all: self.may(Role::Admin) }
    }

    /// What a form of theirs is signed for.
    pub(super) fn form_text(&self) -> String {
        match &self.by {
            By::Session(digest) => format!("{}/{digest}", self.name),
            By::Loopback | By::Token | By::Proxy => self.name.clone(),
        }
    }
}

/// The digest under which a secret that somebody shows is known.
pub(super) fn digest(secret: &str) -> String {
    hex(&Sha256::digest(secret.as_bytes()))
}

/// 256 random bits in hex.
pub(super) fn random() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(hex(&bytes))
}

/// A token for a program, and its digest.
pub(super) fn new_token() -> Result<(String, String), getrandom::Error> {
    let token = format!("{TOKEN_PREFIX}{}", random()?);
    let digest = digest(&token);
    Ok((token, digest))
}

/// What a program shows: `Authorization: Bearer …` in any case, or `X-Auth-Token`.
fn shown_token(headers: &HeaderMap) -> Option<&str> {
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = authorization.and_then(|value| {
        let (scheme, token) = value.trim().split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    bearer.or_else(|| headers.get("x-auth-token")?.to_str().ok().map(str::trim))
}

fn shown_session(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    cookies
        .flat_map(|line| line.split(';'))
        .find_map(|cookie| cookie.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

impl Site {
    /// Who asks; `None` where nobody we know does. A token that is shown and not known is refused.
    pub(super) async fn who(self: &Shared, headers: &HeaderMap, peer: Peer) -> Result<Option<Who>, Refused> {
        let token = shown_token(headers).map(digest);
        let session = shown_session(headers).map(digest);
        let vouched = self.core.config.web.proxy.as_ref().and_then(|proxy| {
            let trusted = proxy.from.contains(&peer.0.ip());
            let name = headers.get(&proxy.user_header).filter(|_| trusted)?;
            name.to_str().ok().map(ToOwned::to_owned)
        });
        // Behind a proxy everybody comes from loopback: whoever names one has people elsewhere, and needs users.
        let web = &self.core.config.web;
        let only_here = web.public_url.is_none() && web.proxy.is_none() && web.hosts.is_empty();
        let loopback = self.loopback && only_here && peer.0.ip().is_loopback();
        let found = self.block(move |core| {
            let now = core.now();
            core.store
                .read_blocking("read who asks", |connection| {
                    let open = loopback && !access::has_users(connection)?;
                    let shown = Shown { token, session, vouched };
                    shown.look(connection, open, now)
                })
                .map_err(AskError::from)
        });
        let (who, shown_unknown) = found.await?;
        if let Some(seen) = who.as_ref().and_then(|(_, seen)| seen.clone()) {
            self.see(seen);
        }
        // Not counted as a guess: a token has 256 bits, and one that was removed must not lock its owner's colleagues out.
        if who.is_none() && shown_unknown {
            return Err(Refused::nobody("the token is not known; `legwork token add` makes one"));
        }
        Ok(who.map(|(who, _)| who))
    }

    /// Notes that a session or token was used, now and then.
    fn see(self: &Shared, seen: Seen) {
        let core = self.core.clone();
        self.work.spawn(async move {
            let now = core.now();
            let write = move |tx: &rusqlite::Transaction<'_>| match &seen {
                Seen::Session(digest) => access::see_session(tx, digest, now),
                Seen::Token(name) => access::see_token(tx, name, now),
            };
            drop(core.store.write("note a login's use", write).await);
        });
    }

    /// Writes a line of the audit about what was done. What is done stays done: a line that cannot be written is an error
    /// of ours in the log, and no reason for the sender to do it again.
    pub(super) async fn note(self: &Shared, who: &Who, action: &str, subject: &str, detail: Option<String>) {
        let line = Audited {
            at: self.core.now(),
            who: who.name.clone(),
            action: action.to_owned(),
            subject: subject.to_owned(),
            detail,
        };
        let write = move |tx: &rusqlite::Transaction<'_>| access::note(tx, &line);
        if let Err(error) = self.core.store.write("write the audit", write).await {
            let (who, action, subject) = (&who.name, action, subject);
            tracing::error!(
                error = chain(&error),
                who,
                action,
                subject,
                "a line of the audit was not written"
            );
        }
    }
}

/// What a request shows of who sends it.
struct Shown {
    token: Option<String>,
    session: Option<String>,
    vouched: Option<String>,
}

/// What is noted as used.
#[derive(Debug, Clone)]
enum Seen {
    Session(String),
    Token(String),
}

type Found = (Option<(Who, Option<Seen>)>, bool);

impl Shown {
    /// Who it is, and whether a token was shown that is not known.
    fn look(self, connection: &rusqlite::Connection, open: bool, now: Timestamp) -> rusqlite::Result<Found> {
        let stale = |seen: Option<Timestamp>| seen.is_none_or(|at| SEEN_EVERY < now.duration_since(at));
        if let Some(digest) = &self.token
            && let Some(token) = access::token(connection, digest)?
        {
            let seen = stale(token.seen_at).then(|| Seen::Token(token.name.clone()));
            let name = format!("token {}", token.name);
            let who = Who { name, role: token.role, accounts: token.accounts, by: By::Token };
            return Ok((Some((who, seen)), false));
        }
        let unknown = self.token.is_some();
        let as_user = |user: User, by| Who { name: user.name, role: user.role, accounts: None, by };
        if let Some(name) = &self.vouched
            && let Some(user) = access::user(connection, name)?
        {
            return Ok((Some((as_user(user, By::Proxy), None)), false));
        }
        if let Some(digest) = self.session
            && let Some((user, seen)) = access::session_user(connection, &digest, now - IDLE, now - LONGEST)?
        {
            let seen = stale(Some(seen)).then(|| Seen::Session(digest.clone()));
            return Ok((Some((as_user(user, By::Session(digest)), seen)), false));
        }
        // Vendors' clients show their vendor's token; where nobody has to log in it says nothing.
        let local = Who { name: LOCAL.to_owned(), role: Role::Admin, accounts: None, by: By::Loopback };
        Ok(if open { (Some((local, None)), false) } else { (None, unknown) })
    }
}
