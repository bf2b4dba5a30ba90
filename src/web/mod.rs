//! The faces over HTTP: pages for people, an API for programs, and the endpoints that vendors' clients call.
//!
//! ```text
//!  connection ─► serve ─► guard (host, origin, who) ─┬─► pages       HTML, works without script
//!                                                    ├─► api         /api/v1, JSON
//!                                                    ├─► endpoints   the vendors' own shapes
//!                                                    └─► operations  /healthz, /readyz, /metrics
//! ```
//!
//! What somebody asks for is a row in the store, written by [`crate::daemon::ask`]; nothing here sends or makes anything
//! but the answer of an endpoint. Each section tells a refusal in its own shape: handlers return `refused::Refused`.

mod access;
mod acts;
mod api;
mod download;
mod endpoints;
mod fields;
mod guard;
mod login;
mod operations;
mod pages;
mod people;
mod refused;
mod serve;
mod view;

use std::sync::Arc;

use axum::Router;
use listenfd::ListenFd;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use self::acts::COMING;
use self::login::{Logins, hash_password};
use crate::daemon::ask::AskError;
use crate::daemon::{Core, Wake};
use crate::network::key::Key;
use crate::store::{StoreError, access as users};

/// Why nothing can be served.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// The address is taken, or not this host's.
    #[error("listen on `{address}` (`[web] listen`)")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The socket that systemd handed over.
    #[error("take the socket that systemd hands over (`legwork.socket`)")]
    Handed(#[source] std::io::Error),
    /// Others than this host would reach it, and nobody has to log in.
    #[error(
        "`[web] listen = \"{0}\"` is reached by others than this host, and nobody has to log in; make a user \
         (`legwork user add NAME --role admin`), or listen on 127.0.0.1"
    )]
    NoUsers(std::net::SocketAddr),
    /// The key that signs links and forms.
    #[error("keep the key `{path}`")]
    Key {
        /// The file.
        path: std::path::PathBuf,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Event streams at the same time: each is a connection that stays.
const STREAMS_MAX: usize = 256;

/// Reports that are made for a request, at the same time: each reads and writes on a thread of its own.
const IMMEDIATE_MAX: usize = 8;

/// How long work for requests may go on after a stop.
const WORK_LIMIT: std::time::Duration = std::time::Duration::from_secs(5);

/// What every handler shares.
#[derive(Debug)]
struct Site {
    core: Arc<Core>,
    wake: Wake,
    key: Key,
    logins: Logins,
    streams: Arc<Semaphore>,
    /// Reports that are made for a request.
    immediate: Arc<Semaphore>,
    /// Imports; a second one would only wait for the first.
    imports: Arc<Semaphore>,
    /// Cancelled when the daemon stops: streams end.
    stop: CancellationToken,
    /// Work that outlives a request's own future.
    work: TaskTracker,
    views: view::Views,
    counts: operations::Counts,
    /// Whether whoever reaches this address may do everything while there are no users.
    loopback: bool,
}

type Shared = Arc<Site>;

impl Site {
    /// Does blocking work, such as looking into the store, on a thread that may.
    async fn block<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Core) -> Result<T, AskError> + Send + 'static,
    ) -> Result<T, refused::Refused> {
        let core = self.core.clone();
        let joined = tokio::task::spawn_blocking(move || work(&core)).await;
        joined.map_err(|error| refused::Refused::broken(error.to_string()))?.map_err(Into::into)
    }
}

/// A place to serve at.
#[derive(Debug)]
pub struct Listening {
    listener: TcpListener,
    loopback: bool,
    key: Key,
}

impl Listening {
    /// The address; its port is the system's choice where the config said 0.
    pub fn address(&self) -> std::io::Result<std::net::SocketAddr> {
        self.listener.local_addr()
    }
}

/// Takes the socket that systemd hands over, else the config's address; `None` where there is neither.
pub async fn listen(core: &Core) -> Result<Option<Listening>, WebError> {
    let handed = ListenFd::from_env().take_tcp_listener(0).map_err(WebError::Handed)?;
    let (listener, address) = match (handed, core.config.web.listen) {
        (None, None) => return Ok(None),
        (Some(socket), _) => {
            socket.set_nonblocking(true).map_err(WebError::Handed)?;
            let listener = TcpListener::from_std(socket).map_err(WebError::Handed)?;
            let address = listener.local_addr().map_err(WebError::Handed)?;
            (listener, address)
        }
        (None, Some(address)) => {
            let bound = TcpListener::bind(address).await;
            (bound.map_err(|source| WebError::Listen { address, source })?, address)
        }
    };
    let loopback = address.ip().is_loopback();
    // Nothing is accepted before this is known.
    if !loopback && !core.store.read_blocking("read the users", users::has_users)? {
        return Err(WebError::NoUsers(address));
    }
    let path = core.config.web_key();
    let key = Key::open(&path).map_err(|source| WebError::Key { path, source })?;
    core.store.write_blocking("forget unanswered requests", users::forget_unanswered)?;
    Ok(Some(Listening { listener, loopback, key }))
}

/// Serves until it is told to stop; requests that are being answered then get a few seconds.
pub async fn serve(listening: Listening, core: Arc<Core>, wake: Wake, stop: CancellationToken) {
    let most = core.config.web.connections;
    let site = Arc::new(Site {
        core,
        wake,
        key: listening.key,
        logins: Logins::default(),
        streams: Arc::new(Semaphore::new(STREAMS_MAX)),
        immediate: Arc::new(Semaphore::new(IMMEDIATE_MAX)),
        imports: Arc::new(Semaphore::new(1)),
        stop: stop.clone(),
        work: TaskTracker::new(),
        views: view::Views::new(),
        counts: operations::Counts::default(),
        loopback: listening.loopback,
    });
    if let Ok(address) = listening.listener.local_addr() {
        tracing::info!(url = format!("http://{address}/"), "page and API");
    }
    serve::accept(listening.listener, router(&site), most, stop).await;
    site.work.close();
    if tokio::time::timeout(WORK_LIMIT, site.work.wait()).await.is_err() {
        tracing::warn!(left = site.work.len(), "work for requests was left");
    }
}

fn router(site: &Shared) -> Router {
    Router::new()
        .merge(pages::routes(site))
        .merge(api::routes(site))
        .merge(endpoints::routes(site))
        .merge(operations::routes())
        .layer(axum::middleware::from_fn_with_state(site.clone(), guard::guard))
        .with_state(site.clone())
}

/// The hash of a password, as the store keeps it. Takes a tenth of a second on purpose.
pub fn password_hash(password: &str) -> Result<String, String> {
    hash_password(password)
}

/// A token for a program, and the digest under which the store knows it.
pub fn new_token() -> Result<(String, String), getrandom::Error> {
    access::new_token()
}
