//! Deliveries: what went out, and what has not.

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;

use crate::store::answers;
use crate::web::Shared;
use crate::web::access::Who;
use crate::web::fields::Fields;
use crate::web::refused::Refused;
use crate::web::view::values;

/// Deliveries on the page.
const SHOWN_MAX: u32 = 300;
const STATES: [&str; 7] = ["pending", "held", "delivered", "outbox", "failed", "unknown", "discarded"];

/// The page.
pub(super) async fn show(
    State(site): State<Shared>,
    Extension(who): Extension<Who>,
    request: Request,
) -> Result<Response, Refused> {
    let fields = Fields::of_query(&request);
    let (name, state) = (fields.get("name").to_owned(), fields.get("state").to_owned());
    let asker = who.clone();
    let values = site
        .block(move |core| {
            let wanted = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
            let (by_name, by_state) = (wanted(&name), wanted(&state));
            let found = core.store.read_blocking("read the deliveries", |connection| {
                answers::list(connection, asker.eyes(), by_name.as_deref(), by_state.as_deref(), SHOWN_MAX)
            })?;
            Ok(values! { title => "Deliveries", deliveries => found, states => STATES, name, state })
        })
        .await?;
    site.page(Some(&who), "deliveries.html", values)
}
