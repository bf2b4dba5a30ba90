//! Mailing lists, tokens and users: what pages and the API change of them alike, and note.

use axum::http::StatusCode;

use super::access::{Who, new_token};
use super::refused::Refused;
use super::{Shared, password_hash};
use crate::daemon::ask::AskError;
use crate::domain::access::{Role, check_password, check_user_name};
use crate::domain::address::Address;
use crate::store::access::{self, ApiToken};
use crate::store::mailing_lists;

/// Makes, changes or, without addresses, removes a mailing list.
pub(super) async fn set_list(
    site: &Shared,
    who: &Who,
    name: &str,
    addresses: &[String],
) -> Result<(), Refused> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || 100 < name.len() || !name.chars().all(plain) {
        return Err(Refused::wrong("name the list with letters, digits, `-`, `_` and `.`"));
    }
    if site.core.config.lists.contains_key(name) {
        let cure = format!("`{name}` is a list of the config; change it there, or take another name");
        return Err(Refused::wrong(cure));
    }
    let parsed = addresses.iter().map(|text| {
        let parsed: Result<Address, String> = text.trim().parse();
        parsed
            .map(|address| address.to_string())
            .map_err(|error| Refused::wrong(format!("`{text}`: {error}")))
    });
    let parsed: Vec<String> = parsed.collect::<Result<_, _>>()?;
    let detail = format!("{} addresses", parsed.len());
    let (asker, listed, now) = (who.clone(), name.to_owned(), site.core.now());
    site.block(move |core| {
        if parsed.is_empty() {
            let used = core
                .store
                .read_blocking("look who uses a list", |c| mailing_lists::uses(c, asker.eyes(), &listed))?;
            if !used.is_empty() {
                let cure = format!("`{listed}` is used by {}; change them first", used.join(", "));
                return Err(AskError::Wrong(cure));
            }
        }
        let write =
            move |tx: &rusqlite::Transaction<'_>| mailing_lists::set(tx, &listed, &parsed, &asker.name, now);
        core.store.write_blocking("write a mailing list", write)?;
        core.refresh_lists().map_err(AskError::from)
    })
    .await?;
    site.note(who, "change list", name, Some(detail)).await;
    Ok(())
}

/// Makes a token, which is shown to whoever asks and never again. `Err` with a status of 409 where the name is taken.
pub(super) async fn make_token(
    site: &Shared,
    who: &Who,
    name: &str,
    role: Role,
    accounts: Option<Vec<String>>,
) -> Result<String, Refused> {
    if accounts.as_ref().is_some_and(Vec::is_empty) {
        let cure =
            "a token that is kept to no account reads nothing; name accounts, or leave them out for all";
        return Err(Refused::wrong(cure));
    }
    check_user_name(name).map_err(Refused::wrong)?;
    let token = ApiToken {
        name: name.to_owned(),
        role,
        accounts,
        created_by: who.name.clone(),
        created_at: site.core.now(),
        seen_at: None,
    };
    let (value, digest) = new_token().map_err(Refused::broken)?;
    let add = move |tx: &rusqlite::Transaction<'_>| access::add_token(tx, &token, &digest);
    if !site.core.store.write("keep a token", add).await.map_err(AskError::from)? {
        let taken = format!("there is a token `{name}` already; remove it, or take another name");
        return Err(Refused::new(StatusCode::CONFLICT, taken));
    }
    site.note(who, "make token", name, Some(format!("role {role}"))).await;
    Ok(value)
}

/// Takes a token away: it opens nothing from now on.
pub(super) async fn remove_token(site: &Shared, who: &Who, name: &str) -> Result<(), Refused> {
    let removed = name.to_owned();
    let remove = move |tx: &rusqlite::Transaction<'_>| access::remove_token(tx, &removed);
    if !site.core.store.write("remove a token", remove).await.map_err(AskError::from)? {
        return Err(Refused::absent(format!("there is no token `{name}`")));
    }
    site.note(who, "remove token", name, None).await;
    Ok(())
}

/// Makes a user, or gives one a new role and password; without one the proxy of the config logs them in.
pub(super) async fn put_user(
    site: &Shared,
    who: &Who,
    name: &str,
    role: Role,
    password: Option<String>,
) -> Result<(), Refused> {
    check_user_name(name).map_err(Refused::wrong)?;
    if let Some(password) = &password {
        check_password(password).map_err(Refused::wrong)?;
    }
    let (put, now) = (name.to_owned(), site.core.now());
    let done = site.block(move |core| {
        let hash = password.map(|password| password_hash(&password)).transpose();
        let hash = hash.map_err(AskError::Wrong)?;
        Ok(core.store.write_blocking("make a user", move |tx| {
            access::put_user(tx, &put, hash.as_deref().unwrap_or(access::NO_PASSWORD), role, now)
        })?)
    });
    done.await?;
    site.note(who, "make user", name, Some(format!("role {role}"))).await;
    Ok(())
}

/// Removes a user and ends their sessions.
pub(super) async fn remove_user(site: &Shared, who: &Who, name: &str) -> Result<(), Refused> {
    let removed = name.to_owned();
    let remove = move |tx: &rusqlite::Transaction<'_>| access::remove_user(tx, &removed);
    if !site.core.store.write("remove a user", remove).await.map_err(AskError::from)? {
        return Err(Refused::absent(format!("there is no user `{name}`")));
    }
    site.note(who, "remove user", name, None).await;
    Ok(())
}
