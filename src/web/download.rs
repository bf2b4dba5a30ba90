//! Files, streamed.

use std::fmt::Write;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio_util::io::ReaderStream;

use super::Site;
use super::guard::is_known;
use super::refused::Refused;
use crate::store::files::KeptFile;

/// Bytes read at once.
const PIECE: usize = 64 << 10;

/// The media type by a file's ending.
fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "csv" => "text/csv; charset=utf-8",
        "tsv" => "text/tab-separated-values; charset=utf-8",
        "xml" => "application/xml",
        "json" => "application/json",
        "jsonl" => "application/x-ndjson",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "gz" => "application/gzip",
        "zip" => "application/zip",
        _ => "application/octet-stream",
    }
}

/// `attachment` with the name in both of RFC 6266's forms.
fn disposition(name: &str) -> Option<HeaderValue> {
    let plain: String =
        name.chars().map(|c| if c.is_ascii_graphic() && !"\"\\".contains(c) { c } else { '_' }).collect();
    let mut encoded = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").unwrap_or_default();
        }
    }
    let text = format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}");
    HeaderValue::from_str(&text).ok()
}

impl Site {
    /// A kept file as an answer. Memory holds a piece of it at a time.
    pub(super) async fn send(&self, file: &KeptFile, asked: &HeaderMap) -> Result<Response, Refused> {
        if let Some(at) = file.removed_at {
            let gone =
                format!("retention removed the file at {at}; `legwork rerun {}` makes it again", file.run_id);
            return Err(Refused::new(StatusCode::GONE, gone));
        }
        let etag = format!("\"{}\"", file.sha256);
        let kept = [(header::ETAG, etag.clone()), (header::CACHE_CONTROL, "private, no-cache".to_owned())];
        // A file that is there already is neither opened nor noted as a download.
        if is_known(asked, &etag) {
            return Ok((StatusCode::NOT_MODIFIED, kept).into_response());
        }
        let path = self.core.config.artifacts().join(&file.path);
        let opened = tokio::fs::File::open(&path).await;
        let opened =
            opened.map_err(|error| Refused::broken(format!("open `{}`: {error}", path.display())))?;
        let body = Body::from_stream(ReaderStream::with_capacity(opened, PIECE));
        let mut response = (kept, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(&file.file_name)));
        headers.insert(header::CONTENT_LENGTH, file.bytes.into());
        headers.extend(disposition(&file.file_name).map(|value| (header::CONTENT_DISPOSITION, value)));
        Ok(response)
    }
}
