//! The style and the script: ours, and nobody else's.

use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::web::access::digest;
use crate::web::refused::Refused;

const STYLE: &str = include_str!("../assets/style.css");
const ICON: &str = include_str!("../assets/icon.svg");
const SCRIPT: &str = include_str!("../assets/live.js");

/// An asset. A browser keeps it and asks whether it is still the same.
pub(super) async fn asset(Path(name): Path<String>) -> Result<Response, Refused> {
    let (text, media) = match name.as_str() {
        "style.css" => (STYLE, "text/css; charset=utf-8"),
        "icon.svg" => (ICON, "image/svg+xml"),
        "live.js" => (SCRIPT, "text/javascript; charset=utf-8"),
        _ => return Err(Refused::absent("there is no such asset")),
    };
    let etag = format!("\"{}\"", digest(text));
    let cache = "public, max-age=300";
    let headers = [
        (header::CONTENT_TYPE, media.to_owned()),
        (header::CACHE_CONTROL, cache.to_owned()),
        (header::ETAG, etag),
    ];
    Ok((headers, text).into_response())
}
