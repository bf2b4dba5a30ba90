//! Why a request is not answered as it was meant. Each section gives it its own shape.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::chain::chain;
use crate::daemon::CoreError;
use crate::daemon::ask::AskError;

/// Why a request is not answered as it was meant.
#[derive(Debug, Clone)]
pub(super) struct Refused {
    /// The status.
    pub(super) status: StatusCode,
    /// What is wrong and what would be right.
    pub(super) detail: String,
    /// Seconds until it may be asked again.
    pub(super) retry_after: Option<u64>,
}

impl Refused {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), retry_after: None }
    }

    /// 400.
    pub(super) fn wrong(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 401.
    pub(super) fn nobody(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, detail)
    }

    /// 403.
    pub(super) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, detail)
    }

    /// 404.
    pub(super) fn absent(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// 500; the log holds what the answer does not say.
    pub(super) fn broken(detail: impl std::fmt::Display) -> Self {
        tracing::error!(%detail, "a request failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "it failed on our side; the daemon's log says why")
    }
}

impl From<AskError> for Refused {
    fn from(error: AskError) -> Self {
        match error {
            AskError::NotFound(text) => Self::absent(text),
            AskError::Wrong(text) => Self::wrong(text),
            // What is wrong with a definition is for whoever asked for it.
            AskError::Taken(text) | AskError::Later(text) | AskError::Core(CoreError::Definition(text)) => {
                Self::new(StatusCode::CONFLICT, text)
            }
            AskError::Gone(text) => Self::new(StatusCode::GONE, text),
            AskError::Store(error) if error.is_busy() => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
            }
            AskError::Store(_) | AskError::Core(_) => Self::broken(chain(&error)),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.detail.clone()).into_response();
        response.extensions_mut().insert(self);
        response
    }
}
