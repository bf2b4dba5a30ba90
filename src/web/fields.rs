//! The fields of a query or a form: names may come more than once, and their order counts.

use axum::body::Body;
use axum::http::{Request, StatusCode};

use super::refused::Refused;

/// A form or a vendor's request is never larger.
pub(super) const BODY_MAX: usize = 1 << 20;
/// How long a body may take to come.
const BODY_LIMIT: std::time::Duration = std::time::Duration::from_secs(20);

/// Fields in their order.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields(pub(super) Vec<(String, String)>);

impl Fields {
    /// Out of `a=b&c=d`.
    pub(super) fn parse(text: &[u8]) -> Self {
        Self(form_urlencoded::parse(text).into_owned().collect())
    }

    /// Those of a request's query.
    pub(super) fn of_query<B>(request: &Request<B>) -> Self {
        Self::parse(request.uri().query().unwrap_or_default().as_bytes())
    }

    /// The first value under a name, without blanks around it; the empty text when there is none.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.trim())
    }

    /// Whether the name is there at all.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| key == name)
    }

    /// Every value under a name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.trim())
    }

    /// As a query.
    pub(super) fn to_query(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.0.iter().filter(|(_, value)| !value.is_empty()));
        query.finish()
    }

    /// The same with another value under a name, which goes where that is empty.
    pub(super) fn with(&self, name: &str, value: &str) -> Self {
        let mut fields = self.clone();
        fields.0.retain(|(key, _)| key != name);
        if !value.is_empty() {
            fields.0.push((name.to_owned(), value.to_owned()));
        }
        fields
    }
}

/// The whole body of a request, which must be small and come soon.
pub(super) async fn body(body: Body) -> Result<Vec<u8>, Refused> {
    let read = axum::body::to_bytes(body, BODY_MAX);
    match tokio::time::timeout(BODY_LIMIT, read).await {
        Ok(Ok(bytes)) => Ok(bytes.to_vec()),
        Ok(Err(_)) => Err(Refused::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the request's body is larger than {BODY_MAX} bytes, or broke off"),
        )),
        Err(_) => Err(Refused::new(StatusCode::REQUEST_TIMEOUT, "the request's body did not come in time")),
    }
}

/// The fields of a form.
pub(super) async fn form(request: Request<Body>) -> Result<Fields, Refused> {
    Ok(Fields::parse(&body(request.into_body()).await?))
}
