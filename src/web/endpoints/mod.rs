//! The vendors' own endpoints.
use super::Shared;
use axum::Router;
pub(super) fn routes(_site: &Shared) -> Router<Shared> {
    Router::new()
}
