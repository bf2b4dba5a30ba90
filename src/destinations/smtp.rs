//! Mail servers: a small pool of connections, and one transaction an address.
//!
//! lettre's connection is driven step by step, because the ledger needs a durable mark between the server's 354 and the
//! first byte of the body: from there on only the server can know.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::SignedDuration;
use lettre::Message;
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Ehlo, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::Response;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use super::{Mark, too_large};
use crate::chain::chain;
use crate::clock::Stopwatch;
use crate::config::{AuthWord, SmtpServer, TlsWord};
use crate::domain::delivery::{Outcome, Receipt};
use crate::network::Guard;

/// An idle connection is kept this long: servers close theirs after 30 s and more.
const IDLE_MAX: Duration = Duration::from_secs(20);

/// Connections to one mail server.
#[derive(Debug)]
pub struct SmtpPool {
    server: SmtpServer,
    timeout: Duration,
    places: Semaphore,
    idle: Mutex<Vec<Idle>>,
    /// When the next mail may begin, where the relay has a rate.
    next: tokio::sync::Mutex<Option<tokio::time::Instant>>,
}

#[derive(Debug)]
struct Idle {
    session: Session,
    since: Stopwatch,
}

/// A connection that has been greeted and logged in to.
struct Session {
    connection: AsyncSmtpConnection,
    /// The largest message that the server takes, where it says so.
    size_limit: Option<u64>,
    /// Mails so far.
    mails: u32,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("size_limit", &self.size_limit).finish_non_exhaustive()
    }
}

/// What ended a transaction early.
enum Failure {
    /// An outcome of the transaction; the connection is still in order.
    Refused(Outcome),
    /// The connection is of no more use.
    Broken(Outcome),
    /// A connection of the pool that the server had closed meanwhile; nothing was said on it.
    Stale,
}

impl SmtpPool {
    pub(super) fn new(server: SmtpServer, timeout: SignedDuration) -> Self {
        let timeout = Duration::try_from(timeout).unwrap_or(Duration::from_mins(1));
        let places = Semaphore::new(server.connections);
        Self { server, timeout, places, idle: Mutex::new(Vec::new()), next: tokio::sync::Mutex::new(None) }
    }

    /// Sends a mail to the address of its envelope.
    pub(super) async fn send(&self, message: &Message, mark: Mark<'_>) -> Outcome {
        let Ok(_place) = self.places.acquire().await else {
            return Outcome::passing("the pool is closed".to_owned());
        };
        self.keep_pace().await;
        let body_begun = std::sync::atomic::AtomicBool::new(false);
        let talk = async {
            if let Some(session) = self.pooled() {
                match self.transact(session, message, mark, &body_begun, true).await {
                    Err(Failure::Stale) => {}
                    Ok(outcome) | Err(Failure::Refused(outcome) | Failure::Broken(outcome)) => {
                        return outcome;
                    }
                }
            }
            let session = match self.connect().await {
                Ok(session) => session,
                Err(outcome) => return outcome,
            };
            match self.transact(session, message, mark, &body_begun, false).await {
                Ok(outcome) | Err(Failure::Refused(outcome) | Failure::Broken(outcome)) => outcome,
                Err(Failure::Stale) => {
                    Outcome::passing("the server closed the connection at once".to_owned())
                }
            }
        };
        // lettre limits connecting only; a server that hangs would hang the delivery.
        if let Ok(outcome) = tokio::time::timeout(self.timeout, talk).await {
            outcome
        } else {
            let reply = format!("no answer of {} within {} s", self.place(), self.timeout.as_secs());
            if body_begun.load(std::sync::atomic::Ordering::SeqCst) {
                Outcome::Unsure { reply: format!("{reply}; the body was under way") }
            } else {
                Outcome::passing(reply)
            }
        }
    }

    /// Connects and logs in; says what was seen, and the server's certificate.
    pub(super) async fn examine(&self) -> Result<(String, Option<Vec<u8>>), Outcome> {
        let connected = tokio::time::timeout(self.timeout, self.connect()).await;
        let mut session = connected
            .map_err(|_| Outcome::passing(format!("no answer of {} within its timeout", self.place())))??;
        let certificate = session.connection.peer_certificate().ok();
        drop(session.connection.quit().await);
        let login = if self.server.login.is_some() { "logged in" } else { "answers" };
        let limit = session.size_limit.map(|limit| format!(", takes mails up to {} MiB", limit >> 20));
        Ok((format!("{}: {login}{}", self.place(), limit.unwrap_or_default()), certificate))
    }

    fn place(&self) -> String {
        format!("{}:{}", self.server.host, self.server.port)
    }

    fn pooled(&self) -> Option<Session> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|idle| idle.since.elapsed() < IDLE_MAX);
        idle.pop().map(|idle| idle.session)
    }

    /// Waits until the relay's rate allows another mail.
    async fn keep_pace(&self) {
        let Some(pace) = self.server.pace.and_then(|pace| Duration::try_from(pace).ok()) else { return };
        // Held while it waits: those behind wait for their turn.
        let mut next = self.next.lock().await;
        if let Some(at) = *next {
            tokio::time::sleep_until(at).await;
        }
        *next = Some(tokio::time::Instant::now() + pace);
    }

    async fn keep(&self, mut session: Session) {
        if self.server.mails_per_connection.is_some_and(|most| most <= session.mails) {
            drop(tokio::time::timeout(Duration::from_secs(2), session.connection.quit()).await);
            return;
        }
        let idle = Idle { session, since: Stopwatch::start() };
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(idle);
    }

    /// Ends idle connections politely.
    pub(super) async fn close(&self) {
        self.places.close();
        let idle = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        for mut idle in idle {
            drop(tokio::time::timeout(Duration::from_secs(2), idle.session.connection.quit()).await);
        }
    }

    async fn connect(&self) -> Result<Session, Outcome> {
        let server = &self.server;
        let hello = ClientId::default();
        let tls = if server.tls == TlsWord::None { None } else { Some(self.tls()?) };
        let (first, then) = if server.tls == TlsWord::Implicit { (tls, None) } else { (None, tls) };
        let guard = Guard { private_network: server.private_network };
        let addresses = guard.addresses(&server.host, server.port).await;
        let addresses = addresses.map_err(|error| Outcome::passing(chain(&error)))?;
        let mut connection = if first.is_some() {
            let connecting = AsyncSmtpConnection::connect_tokio1(
                addresses.as_slice(),
                Some(self.timeout),
                &hello,
                first,
                None,
            );
            connecting.await.map_err(|error| self.before_body("connect to", &error))?
        } else {
            let stream = self.reach(&addresses).await?;
            let greeted = AsyncSmtpConnection::connect_with_transport(Box::new(stream), &hello).await;
            greeted.map_err(|error| self.before_body("connect to", &error))?
        };
        if let Some(tls) = then {
            if !connection.can_starttls() {
                connection.abort().await;
                let reply = format!(
                    "{} offers no STARTTLS: nothing was sent; set tls = \"implicit\", or ask its administrator",
                    self.place()
                );
                return Err(Outcome::lasting(reply));
            }
            connection
                .starttls(tls, &hello)
                .await
                .map_err(|error| self.before_body("start TLS with", &error))?;
        }
        if let Some((user, password)) = &server.login {
            let password = password.read().map_err(|error| Outcome::passing(chain(&error)))?;
            let credentials = Credentials::new(user.clone(), password.expose().to_owned());
            let mechanisms: &[Mechanism] = match server.auth {
                None => &[Mechanism::Plain, Mechanism::Login],
                Some(AuthWord::Plain) => &[Mechanism::Plain],
                Some(AuthWord::Login) => &[Mechanism::Login],
                Some(AuthWord::Xoauth2) => &[Mechanism::Xoauth2],
            };
            let login = connection.auth(mechanisms, &credentials).await;
            login.map_err(|error| self.before_body("log in to", &error))?;
        }
        // lettre keeps only the extensions that it uses itself; SIZE has to be asked for once more.
        let greeting = connection.command(Ehlo::new(hello)).await;
        let greeting = greeting.map_err(|error| self.before_body("greet", &error))?;
        let size_limit = greeting.message().find_map(|line| line.strip_prefix("SIZE ")?.trim().parse().ok());
        Ok(Session { connection, size_limit: size_limit.filter(|limit| 0 < *limit), mails: 0 })
    }

    /// A connection that sends what it is given at once: lettre writes a mail's end by itself, and would wait 40 ms for
    /// the far end's acknowledgement of what stands before it.
    async fn reach(&self, addresses: &[SocketAddr]) -> Result<TcpStream, Outcome> {
        let mut last = "no address".to_owned();
        for address in addresses {
            match tokio::time::timeout(self.timeout, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    // Slower without it, and no worse.
                    drop(stream.set_nodelay(true));
                    return Ok(stream);
                }
                Ok(Err(error)) => last = error.to_string(),
                Err(_) => last = format!("no answer within {} s", self.timeout.as_secs()),
            }
        }
        Err(Outcome::passing(format!("connect to {}: {last}", self.place())))
    }

    fn tls(&self) -> Result<TlsParameters, Outcome> {
        let mut builder = TlsParameters::builder(self.server.host.clone());
        if let Some(path) = &self.server.ca_file {
            let unreadable = |error: String| {
                Outcome::passing(format!("read the certificates `{}`: {error}", path.display()))
            };
            let pem = std::fs::read(path).map_err(|error| unreadable(error.to_string()))?;
            let certificate = Certificate::from_pem(&pem).map_err(|error| unreadable(error.to_string()))?;
            builder = builder.add_root_certificate(certificate);
        }
        builder.build_rustls().map_err(|error| Outcome::passing(format!("set up TLS: {}", chain(&error))))
    }

    /// One transaction: envelope, mark, body. The connection goes back to the pool when it is in order.
    async fn transact(
        &self,
        mut session: Session,
        message: &Message,
        mark: Mark<'_>,
        body_begun: &std::sync::atomic::AtomicBool,
        pooled: bool,
    ) -> Result<Outcome, Failure> {
        let body = message.formatted();
        let result = self.envelope(&mut session, message, &body, pooled).await;
        if let Err(failure) = result {
            if matches!(failure, Failure::Refused(_)) && session.connection.command(Rset).await.is_ok() {
                self.keep(session).await;
            }
            return Err(failure);
        }
        if let Err(reply) = mark(None).await {
            // After 354 the server waits for a body; only closing the connection takes the transaction back.
            return Err(Failure::Broken(Outcome::passing(reply)));
        }
        body_begun.store(true, std::sync::atomic::Ordering::SeqCst);
        session.mails += 1;
        match session.connection.message(&body).await {
            Ok(response) => {
                self.keep(session).await;
                let reply = words(&response);
                let receipt = Receipt { queue_id: queue_id(&reply), ..Receipt::default() };
                Ok(Outcome::done(reply, receipt))
            }
            Err(error) => Err(Failure::Broken(self.after_body(&error))),
        }
    }

    async fn envelope(
        &self,
        session: &mut Session,
        message: &Message,
        body: &[u8],
        pooled: bool,
    ) -> Result<(), Failure> {
        let Session { connection, size_limit, .. } = session;
        let info = connection.server_info();
        if let Some(limit) = *size_limit
            && let Some(refusal) =
                too_large(u64::try_from(body.len()).unwrap_or(u64::MAX), limit, "the relay's limit")
        {
            return Err(Failure::Refused(refusal));
        }
        let envelope = message.envelope();
        let mut options = Vec::new();
        if envelope.to().iter().any(|to| !AsRef::<str>::as_ref(to).is_ascii()) {
            if !info.supports_feature(Extension::SmtpUtfEight) {
                let reply = format!("{} takes no addresses outside ASCII (no SMTPUTF8)", self.place());
                return Err(Failure::Refused(Outcome::lasting(reply)));
            }
            options.push(MailParameter::SmtpUtfEight);
        }
        if !body.is_ascii() {
            options.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        let refused = |error: &SmtpError, what: &str| {
            let outcome = self.before_body(what, error);
            if error.is_transient() || error.is_permanent() {
                Failure::Refused(outcome)
            } else {
                Failure::Broken(outcome)
            }
        };
        let from = connection.command(Mail::new(envelope.from().cloned(), options)).await;
        from.map_err(|error| {
            // A server that has had enough of a connection says 421 or nothing: the next one may hear more.
            let silent = !(error.is_transient() || error.is_permanent());
            let closing = error.status().is_some_and(|code| code.to_string() == "421");
            if pooled && (silent || closing) { Failure::Stale } else { refused(&error, "MAIL FROM to") }
        })?;
        for to in envelope.to() {
            let rcpt = connection.command(Rcpt::new(to.clone(), Vec::new())).await;
            rcpt.map_err(|error| refused(&error, "RCPT TO to"))?;
        }
        connection.command(Data).await.map_err(|error| refused(&error, "DATA to"))?;
        Ok(())
    }

    /// A failure before the first byte of the body: nothing was sent.
    fn before_body(&self, what: &str, error: &SmtpError) -> Outcome {
        let reply = format!("{what} {}: {}", self.place(), chain(error));
        if error.is_permanent() {
            Outcome::lasting(reply)
        } else {
            // Certificates are renewed and hosts come back: these are tried again.
            Outcome::passing(reply)
        }
    }

    /// A failure behind the first byte: an answer counts, silence says nothing.
    fn after_body(&self, error: &SmtpError) -> Outcome {
        let reply = format!("body to {}: {}", self.place(), chain(error));
        if error.is_permanent() {
            Outcome::lasting(reply)
        } else if error.is_transient() {
            Outcome::passing(reply)
        } else {
            Outcome::Unsure { reply }
        }
    }
}

/// The name under which the server queued a mail: what its administrator can search the log for.
fn queue_id(reply: &str) -> Option<String> {
    let (_, behind) = reply.split_once("queued as ")?;
    behind.split_whitespace().next().map(ToOwned::to_owned)
}

/// The server's own words, on one line.
fn words(response: &Response) -> String {
    let lines: Vec<&str> = response.message().collect();
    format!("{} {}", response.code(), lines.join(" "))
}
