//! Mailing lists, and who may do what.

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;

use super::{Answer, OfSite, json, limit, nothing};
use crate::daemon::Core;
use crate::daemon::listing::ListedMailingList;
use crate::store::access;
use crate::web::Shared;
use crate::web::api::shapes::{
    AuditPage, Lists, NewList, NewToken, NewUser, Person, ShownToken, Tokens, Users,
};
use crate::web::api::{Caller, answer};
use crate::web::fields::Fields;
use crate::web::people;
use crate::web::refused::Refused;

fn all_lists(site: &Shared) -> Lists {
    Lists { lists: ListedMailingList::all(&site.core) }
}

pub(in crate::web::api) async fn lists(State(site): OfSite, axum::Extension(_): Caller) -> Answer {
    answer(StatusCode::OK, &all_lists(&site))
}

pub(in crate::web::api) async fn put_list(
    State(site): OfSite,
    axum::Extension(who): Caller,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Answer {
    let new: NewList = json(request).await?;
    if new.addresses.is_empty() {
        return Err(Refused::wrong("a list has at least one address; DELETE removes it"));
    }
    people::set_list(&site, &who, &name, &new.addresses).await?;
    answer(StatusCode::OK, &all_lists(&site))
}

pub(in crate::web::api) async fn delete_list(
    State(site): OfSite,
    axum::Extension(who): Caller,
    Path(name): Path<String>,
) -> Answer {
    if !site.core.lists().contains_key(&name) {
        return Err(Refused::absent(format!("there is no mailing list `{name}`")));
    }
    people::set_list(&site, &who, &name, &[]).await?;
    Ok(nothing())
}

pub(in crate::web::api) async fn tokens(State(site): OfSite, axum::Extension(_): Caller) -> Answer {
    let read = |core: &Core| Ok(core.store.read_blocking("read the tokens", access::tokens)?);
    answer(StatusCode::OK, &Tokens { tokens: site.block(read).await? })
}

pub(in crate::web::api) async fn make_token(
    State(site): OfSite,
    axum::Extension(who): Caller,
    request: Request<Body>,
) -> Answer {
    let new: NewToken = json(request).await?;
    let token = people::make_token(&site, &who, &new.name, new.role, new.accounts).await?;
    answer(StatusCode::CREATED, &ShownToken { name: new.name, token })
}

pub(in crate::web::api) async fn remove_token(
    State(site): OfSite,
    axum::Extension(who): Caller,
    Path(name): Path<String>,
) -> Answer {
    people::remove_token(&site, &who, &name).await?;
    Ok(nothing())
}

pub(in crate::web::api) async fn users(State(site): OfSite, axum::Extension(_): Caller) -> Answer {
    let read = |core: &Core| Ok(core.store.read_blocking("read the users", access::users)?);
    let person =
        |user: access::User| Person { name: user.name, role: user.role, created_at: user.created_at };
    let users = site.block(read).await?.into_iter().map(person).collect();
    answer(StatusCode::OK, &Users { users })
}

pub(in crate::web::api) async fn put_user(
    State(site): OfSite,
    axum::Extension(who): Caller,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Answer {
    let new: NewUser = json(request).await?;
    people::put_user(&site, &who, &name, new.role, new.password).await?;
    Ok(nothing())
}

pub(in crate::web::api) async fn remove_user(
    State(site): OfSite,
    axum::Extension(who): Caller,
    Path(name): Path<String>,
) -> Answer {
    people::remove_user(&site, &who, &name).await?;
    Ok(nothing())
}

pub(in crate::web::api) async fn audit(
    State(site): OfSite,
    axum::Extension(_): Caller,
    request: Request<Body>,
) -> Answer {
    let most = limit(&Fields::of_query(&request), 500)?;
    let read =
        move |core: &Core| Ok(core.store.read_blocking("read the audit", |c| access::audit(c, most))?);
    answer(StatusCode::OK, &AuditPage { audit: site.block(read).await? })
}
