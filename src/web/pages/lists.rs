//! Mailing lists: those of the config to read, others to make here. One name space.

use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::to;
use crate::daemon::Core;
use crate::daemon::ask::AskError;
use crate::domain::address::Address;
use crate::store::faces;
use crate::web::Shared;
use crate::web::access::Who;
use crate::web::fields::Fields;
use crate::web::refused::Refused;
use crate::web::view::values;

#[derive(serde::Serialize)]
struct Listed {
    name: String,
    addresses: Vec<String>,
    of_config: bool,
}

fn page(site: &Shared, who: &Who, given: &Fields, wrong: Option<&str>) -> Result<Response, Refused> {
    let own = &site.core.config.lists;
    let lists = site.core.lists();
    let lists: Vec<Listed> = lists
        .iter()
        .map(|(name, addresses)| Listed {
            name: name.clone(),
            addresses: addresses.iter().map(ToString::to_string).collect(),
            of_config: own.contains_key(name),
        })
        .collect();
    let status = if wrong.is_none() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let values = values! {
        title => "Mailing lists", lists, wrong,
        name => given.get("name"), addresses => given.get("addresses"),
    };
    Ok((status, site.page(Some(who), "lists.html", values)?).into_response())
}

/// The page.
pub(super) async fn show(
    State(site): State<Shared>,
    Extension(who): Extension<Who>,
) -> Result<Response, Refused> {
    page(&site, &who, &Fields::default(), None)
}

/// Name and addresses of a list, or what is wrong with them. Pure.
fn read(core: &Core, fields: &Fields) -> Result<(String, Vec<String>), String> {
    let name = fields.get("name").to_owned();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || 100 < name.len() || !name.chars().all(plain) {
        return Err("name the list with letters, digits, `-`, `_` and `.`".to_owned());
    }
    if core.config.lists.contains_key(&name) {
        return Err(format!("`{name}` is a list of the config; change it there, or take another name"));
    }
    let texts = fields.get("addresses").lines().map(str::trim).filter(|text| !text.is_empty());
    let mut addresses = Vec::new();
    for text in texts {
        let parsed: Address = text.parse().map_err(|error| format!("`{text}`: {error}"))?;
        addresses.push(parsed.to_string());
    }
    Ok((name, addresses))
}

/// Makes, changes or removes a list.
pub(super) async fn change(
    State(site): State<Shared>,
    Extension(who): Extension<Who>,
    request: Request<Body>,
) -> Result<Response, Refused> {
    let fields = site.own_form(&who, request).await?;
    let (name, addresses) = match read(&site.core, &fields) {
        Ok(read) => read,
        Err(wrong) => return page(&site, &who, &fields, Some(&wrong)),
    };
    let (asker, listed, now) = (who.name.clone(), name.clone(), site.core.now());
    let detail = format!("{} addresses", addresses.len());
    site.block(move |core| {
        core.store.write_blocking("write a mailing list", move |tx| {
            faces::set_list(tx, &listed, &addresses, &asker, now)
        })?;
        core.refresh_lists().map_err(AskError::from)
    })
    .await?;
    site.note(&who, "change list", &name, Some(detail)).await?;
    Ok(to("/lists"))
}
