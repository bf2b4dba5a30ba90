//! Object stores: from the config to the library's own types, over our HTTP client.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, Checksum};
use object_store::azure::MicrosoftAzureBuilder;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::multipart::MultipartStore;
use object_store::signer::Signer;
use object_store::{ClientOptions, Error, ObjectStore, RetryConfig};

use crate::chain::chain;
use crate::config::{BucketAt, BucketLogin, BucketTarget};
use crate::domain::delivery::Outcome;
use crate::secret::SecretName;

/// The slowest line that is waited for.
const BYTES_PER_SECOND_MIN: u64 = 10_000;
/// A service account for which no token is fetched: for emulators.
const NO_ACCOUNT: &str = r#"{"disable_oauth":true,"client_email":"","private_key":"","private_key_id":""}"#;

/// What all three kinds can do.
pub(super) trait Objects: ObjectStore + MultipartStore + Signer {}
impl<T: ObjectStore + MultipartStore + Signer> Objects for T {}

/// A bucket with its secrets read, for one attempt.
pub(super) struct Open {
    pub(super) store: Box<dyn Objects>,
    pub(super) wire: Arc<Wire>,
    pub(super) name: String,
    /// Whether objects carry the digest of what they hold.
    pub(super) labels: bool,
}

impl Open {
    /// A call with a limit of its own: the wire's ends where an answer begins, and an answer can stall.
    pub(super) async fn within<T>(
        &self,
        bytes: u64,
        call: impl Future<Output = object_store::Result<T>>,
    ) -> object_store::Result<T> {
        let limit = 2 * self.wire.timeout + Duration::from_secs(bytes / BYTES_PER_SECOND_MIN);
        let ended = tokio::time::timeout(limit, call).await;
        ended.unwrap_or_else(|elapsed| Err(Error::Generic { store: "the store", source: Box::new(elapsed) }))
    }
}

pub(super) fn timeout(target: &BucketTarget) -> Duration {
    Duration::try_from(target.timeout).unwrap_or(Duration::from_mins(1))
}

/// A bucket with its secrets read.
pub(super) fn open(target: &BucketTarget, http: &reqwest::Client) -> Result<Open, Outcome> {
    let wire = Arc::new(Wire { http: http.clone(), status: AtomicU16::new(0), timeout: timeout(target) });
    let connector = Connector(wire.clone());
    let (store, name) = match &target.at {
        BucketAt::S3 { .. } => s3(target, connector)?,
        BucketAt::Gcs { .. } => gcs(target, connector)?,
        BucketAt::Azure { .. } => azure(target, connector)?,
    };
    // Blocks of Azure take no labels with them.
    let labels = !matches!(target.at, BucketAt::Azure { .. });
    Ok(Open { store, wire, name, labels })
}

type Named = (Box<dyn Objects>, String);

/// Attempts are the ledger's business: a try that nobody sees is a try that nobody can explain.
fn no_retry() -> RetryConfig {
    RetryConfig { max_retries: 0, ..RetryConfig::default() }
}

fn secret(name: &SecretName) -> Result<String, Outcome> {
    let secret = name.read().map_err(|error| Outcome::passing(chain(&error)))?;
    Ok(secret.expose().to_owned())
}

fn named<T: Objects>(store: object_store::Result<T>, name: String) -> Result<Named, Outcome> {
    match store {
        Ok(store) => Ok((Box::new(store), name)),
        Err(error) => Err(Outcome::lasting(format!("set up {name}: {}", scrubbed(&chain(&error))))),
    }
}

fn s3(target: &BucketTarget, connector: Connector) -> Result<Named, Outcome> {
    let BucketAt::S3 { bucket, region, endpoint, path_style } = &target.at else { return Err(not_this()) };
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_region(region)
        .with_virtual_hosted_style_request(!path_style)
        .with_checksum_algorithm(Checksum::SHA256)
        .with_retry(no_retry())
        .with_http_connector(connector);
    if let Some(endpoint) = endpoint {
        builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http:"));
    }
    match &target.login {
        BucketLogin::Key { id, secret: key, session_token } => {
            builder = builder.with_access_key_id(id).with_secret_access_key(secret(key)?);
            if let Some(token) = session_token {
                builder = builder.with_token(secret(token)?);
            }
        }
        BucketLogin::Sas(_) | BucketLogin::Account(_) | BucketLogin::None => {
            builder = builder.with_skip_signature(true);
        }
    }
    named(builder.build(), format!("s3://{bucket}"))
}

fn gcs(target: &BucketTarget, connector: Connector) -> Result<Named, Outcome> {
    let BucketAt::Gcs { bucket, endpoint } = &target.at else { return Err(not_this()) };
    let mut builder = GoogleCloudStorageBuilder::new()
        .with_bucket_name(bucket)
        .with_retry(no_retry())
        .with_http_connector(connector);
    if let Some(endpoint) = endpoint {
        let options = ClientOptions::new().with_allow_http(endpoint.starts_with("http:"));
        builder = builder.with_base_url(endpoint).with_client_options(options);
    }
    builder = match &target.login {
        BucketLogin::Account(name) => builder.with_service_account_key(secret(name)?),
        // Without a key the library would ask the machine's metadata service for one.
        BucketLogin::Key { .. } | BucketLogin::Sas(_) | BucketLogin::None => {
            builder.with_service_account_key(NO_ACCOUNT)
        }
    };
    named(builder.build(), format!("gs://{bucket}"))
}

fn azure(target: &BucketTarget, connector: Connector) -> Result<Named, Outcome> {
    let BucketAt::Azure { account, container, endpoint } = &target.at else { return Err(not_this()) };
    let mut builder = MicrosoftAzureBuilder::new()
        .with_account(account)
        .with_container_name(container)
        .with_retry(no_retry())
        .with_http_connector(connector);
    if let Some(endpoint) = endpoint {
        builder = builder.with_endpoint(endpoint.clone()).with_allow_http(endpoint.starts_with("http:"));
    }
    builder = match &target.login {
        BucketLogin::Key { secret: key, .. } => builder.with_access_key(secret(key)?),
        BucketLogin::Sas(name) => builder.with_sas_authorization(pairs(&secret(name)?)),
        BucketLogin::Account(_) | BucketLogin::None => builder.with_skip_signature(true),
    };
    named(builder.build(), format!("azure://{account}/{container}"))
}

fn not_this() -> Outcome {
    Outcome::lasting("this is another kind of bucket")
}

/// A shared access signature as the pairs that it stands for.
fn pairs(sas: &str) -> Vec<(String, String)> {
    let sas = sas.trim_start_matches('?');
    reqwest::Url::parse(&format!("http://x/?{sas}"))
        .map(|url| url.query_pairs().into_owned().collect())
        .unwrap_or_default()
}

/// Without what stands behind a `?` of a URL: logins and signatures can be there.
pub(super) fn scrubbed(text: &str) -> String {
    let words = text.split_whitespace().map(|word| match word.split_once('?') {
        Some((url, _)) if url.contains("://") => format!("{url}?…"),
        _ => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Whether a request failed before anything of it was sent.
pub(super) fn is_connect(error: &Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        // The library takes a connect that timed out for a request that did.
        if error.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_connect) {
            return true;
        }
        if error.downcast_ref::<HttpError>().is_some_and(|http| http.kind() == HttpErrorKind::Connect) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Our client, as the library wants it, with the status of the last answer: the library's errors keep it to themselves.
#[derive(Debug)]
pub(super) struct Wire {
    http: reqwest::Client,
    status: AtomicU16,
    timeout: Duration,
}

impl Wire {
    /// The status of the last answer; 0 where there was none.
    pub(super) fn status(&self) -> u16 {
        self.status.load(Ordering::SeqCst)
    }
}

#[derive(Debug)]
struct Connector(Arc<Wire>);

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Shared(self.0.clone())))
    }
}

#[derive(Debug)]
struct Shared(Arc<Wire>);

impl HttpService for Shared {
    fn call<'a, 'b>(
        &'a self,
        request: HttpRequest,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move {
            let wire = &self.0;
            wire.status.store(0, Ordering::SeqCst);
            let bytes = u64::try_from(request.body().content_length()).unwrap_or(0);
            let limit = wire.timeout + Duration::from_secs(bytes / BYTES_PER_SECOND_MIN);
            let answer = tokio::time::timeout(limit, wire.http.call(request)).await;
            let answer =
                answer.unwrap_or_else(|elapsed| Err(HttpError::new(HttpErrorKind::Timeout, elapsed)))?;
            wire.status.store(answer.status().as_u16(), Ordering::SeqCst);
            Ok(answer)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::scrubbed;

    #[test]
    fn a_url_in_an_error_loses_its_query() {
        assert_eq!(scrubbed("error for https://x/y?sig=secret here"), "error for https://x/y?… here");
    }
}
