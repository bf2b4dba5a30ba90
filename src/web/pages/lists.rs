//! Mailing lists: those of the config to read, others to make here. One name space.

use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::to;
use crate::daemon::listing::ListedMailingList;
use crate::web::Shared;
use crate::web::access::Who;
use crate::web::fields::Fields;
use crate::web::people;
use crate::web::refused::Refused;
use crate::web::view::values;

fn page(site: &Shared, who: &Who, given: &Fields, wrong: Option<&str>) -> Result<Response, Refused> {
    let lists = ListedMailingList::all(&site.core);
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

/// Makes, changes or removes a list.
pub(super) async fn change(
    State(site): State<Shared>,
    Extension(who): Extension<Who>,
    request: Request<Body>,
) -> Result<Response, Refused> {
    let fields = site.own_form(&who, request).await?;
    let lines = fields.get("addresses").lines().map(str::trim).filter(|line| !line.is_empty());
    let addresses: Vec<String> = lines.map(ToOwned::to_owned).collect();
    let name = fields.get("name");
    if fields.get("new") == "1" && site.core.lists().contains_key(name) {
        return page(
            &site,
            &who,
            &fields,
            Some(&format!("there is a list `{name}` already; change it above")),
        );
    }
    match people::set_list(&site, &who, name, &addresses).await {
        Err(refused) if refused.status == StatusCode::BAD_REQUEST => {
            return page(&site, &who, &fields, Some(&refused.detail));
        }
        other => other?,
    }
    Ok(to("/lists"))
}
