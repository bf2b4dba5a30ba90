//! A loopback TCP proxy that disturbs connections as it is told, exact to the byte.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a read, a write or a wait lasts before it looks whether the connection has ended.
const BEAT: Duration = Duration::from_millis(10);

/// What happens to a connection. A cut comes as soon as the bytes have passed; only one after 0 bytes from
/// the server waits for the server's first byte, which does not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Everything passes.
    None,
    /// Both directions: each piece waits so long.
    Delay(Duration),
    /// Each direction: bytes per second.
    Throttle(u64),
    /// The connection is reset on both sides after so many bytes from the client have been passed on.
    ResetUp(u64),
    /// The connection is reset on both sides after so many bytes from the server have been passed on.
    ResetDown(u64),
    /// After so many bytes from the client the server sees its orderly end; what else the client sends is
    /// swallowed, and the server's bytes go on.
    HalfCloseUp(u64),
    /// After so many bytes from the server the client sees its orderly end; what else the server sends is
    /// swallowed, and the client's bytes go on.
    TruncateDown(u64),
    /// After so many bytes from the client nothing passes any more in either direction; the connection stays
    /// open.
    Stall(u64),
}

/// Bytes and connections that were seen; a reset begins a new `era`.
#[derive(Default)]
struct Counts {
    era: u64,
    up: u64,
    down: u64,
    connections: u64,
}

struct Shared {
    target: u16,
    fault: Mutex<Fault>,
    counts: Mutex<Counts>,
    stop: AtomicBool,
    /// How often everything that was open had to end.
    hung_up: AtomicU64,
}

/// A proxy before a port of this host; when it goes out of scope it stops and closes what is open.
pub struct Proxy {
    pub port: u16,
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Listens on a free port of 127.0.0.1. A connection is reset when nothing listens on the target port.
    pub fn start(target_port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            target: target_port,
            fault: Mutex::new(Fault::None),
            counts: Mutex::default(),
            stop: AtomicBool::new(false),
            hung_up: AtomicU64::new(0),
        });
        let theirs = Arc::clone(&shared);
        let listener = Some(std::thread::spawn(move || accept(&listener, &theirs)));
        Self { port, shared, listener }
    }

    /// Holds for connections accepted from now on, counted for each from its beginning.
    pub fn set(&self, fault: Fault) {
        *self.shared.fault.lock().unwrap() = fault;
    }

    /// Most bytes passed from client to server on a single connection since the last `reset_counts`.
    pub fn up(&self) -> u64 {
        self.shared.counts.lock().unwrap().up
    }

    /// Most bytes passed from server to client on a single connection since the last `reset_counts`.
    pub fn down(&self) -> u64 {
        self.shared.counts.lock().unwrap().down
    }

    /// Ends every connection that is open, in both directions.
    pub fn hang_up(&self) {
        self.shared.hung_up.fetch_add(1, Ordering::SeqCst);
    }

    pub fn reset_counts(&self) {
        let mut counts = self.shared.counts.lock().unwrap();
        *counts = Counts { era: counts.era + 1, ..Counts::default() };
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        // Wakes `accept`.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        if let Some(listener) = self.listener.take() {
            drop(listener.join());
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut open: Vec<JoinHandle<()>> = Vec::new();
    for client in listener.incoming() {
        if shared.stop.load(Ordering::SeqCst) {
            break;
        }
        let Ok(client) = client else { continue };
        let fault = *shared.fault.lock().unwrap();
        shared.counts.lock().unwrap().connections += 1;
        let theirs = Arc::clone(shared);
        open.retain(|connection| !connection.is_finished());
        open.push(std::thread::spawn(move || connection(client, fault, &theirs)));
    }
    for connection in open {
        drop(connection.join());
    }
}

/// Serves a connection to its end; both sockets close here and nowhere else.
fn connection(client: TcpStream, fault: Fault, shared: &Shared) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", shared.target)) else {
        close_with_reset(client);
        return;
    };
    for side in [&client, &server] {
        side.set_nodelay(true).unwrap();
        side.set_read_timeout(Some(BEAT)).unwrap();
        side.set_write_timeout(Some(BEAT)).unwrap();
    }
    let state = State {
        shared,
        fault,
        hung_up: shared.hung_up.load(Ordering::SeqCst),
        reset: AtomicBool::new(false),
        stalled: AtomicBool::new(false),
    };
    std::thread::scope(|scope| {
        scope.spawn(|| Pump::new(&state, true, &client, &server).run());
        Pump::new(&state, false, &server, &client).run();
    });
    if state.reset.load(Ordering::SeqCst) {
        for side in [&client, &server] {
            wait_until_sent(side, shared);
        }
        close_with_reset(server);
        close_with_reset(client);
    }
}

/// RST instead of FIN: the standard library cannot ask for it yet.
fn close_with_reset(stream: TcpStream) {
    drop(tokio::net::TcpSocket::from_std_stream(stream).set_zero_linger());
}

/// A reset throws away what the other side has not taken yet; waits at most two seconds for it.
fn wait_until_sent(stream: &TcpStream, shared: &Shared) {
    let (Ok(here), Ok(there)) = (stream.local_addr(), stream.peer_addr()) else { return };
    let ends = (format!(":{:04X}", here.port()), format!(":{:04X}", there.port()));
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(2) && !shared.stop.load(Ordering::SeqCst) {
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap_or_default();
        let unsent = table.lines().any(|line| {
            let fields: Vec<&str> = line.split_whitespace().take(5).collect();
            matches!(fields[..], [_, local, remote, _, queues]
                if local.ends_with(&ends.0) && remote.ends_with(&ends.1) && !queues.starts_with("00000000:"))
        });
        if !unsent {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

/// What both directions of a connection know.
struct State<'a> {
    shared: &'a Shared,
    fault: Fault,
    hung_up: u64,
    reset: AtomicBool,
    stalled: AtomicBool,
}

impl State<'_> {
    fn ended(&self) -> bool {
        self.reset.load(Ordering::SeqCst)
            || self.shared.stop.load(Ordering::SeqCst)
            || self.shared.hung_up.load(Ordering::SeqCst) != self.hung_up
    }

    /// Waits, but not longer than the connection lasts.
    fn rest(&self, duration: Duration) {
        let begun = Instant::now();
        while let Some(left) = duration.checked_sub(begun.elapsed()).filter(|left| !left.is_zero()) {
            if self.ended() {
                return;
            }
            std::thread::park_timeout(left.min(BEAT));
        }
    }
}

/// How a direction goes on after a piece.
enum Next {
    Piece,
    End,
}

/// One direction of a connection.
struct Pump<'a> {
    state: &'a State<'a>,
    up: bool,
    from: &'a TcpStream,
    to: &'a TcpStream,
    /// Bytes that pass before the cut.
    limit: Option<u64>,
    passed: u64,
    /// Bytes counted since the last `reset_counts`, and when that was.
    counted: u64,
    era: u64,
}

impl<'a> Pump<'a> {
    fn new(state: &'a State<'a>, up: bool, from: &'a TcpStream, to: &'a TcpStream) -> Self {
        let limit = match state.fault {
            Fault::ResetUp(limit) | Fault::HalfCloseUp(limit) | Fault::Stall(limit) if up => Some(limit),
            Fault::ResetDown(limit) | Fault::TruncateDown(limit) if !up => Some(limit),
            Fault::None
            | Fault::Delay(_)
            | Fault::Throttle(_)
            | Fault::ResetUp(_)
            | Fault::ResetDown(_)
            | Fault::HalfCloseUp(_)
            | Fault::TruncateDown(_)
            | Fault::Stall(_) => None,
        };
        let era = state.shared.counts.lock().unwrap().era;
        Self { state, up, from, to, limit, passed: 0, counted: 0, era }
    }

    fn run(mut self) {
        let mut piece = vec![0; 64 * 1024];
        if self.up && self.limit == Some(0) {
            return self.cut(&mut piece);
        }
        while !self.state.ended() {
            self.hold();
            match self.pass(&mut piece) {
                Ok(Next::Piece) => {}
                // An end passes on as an end.
                Ok(Next::End) => return drop(self.to.shutdown(Shutdown::Write)),
                Err(error) if again(&error) => continue,
                // A connection that one side gave up is given up on both.
                Err(_) => return self.state.reset.store(true, Ordering::SeqCst),
            }
            if self.limit.is_some_and(|limit| self.passed >= limit) {
                return self.cut(&mut piece);
            }
        }
    }

    /// Takes one piece and passes it on.
    fn pass(&mut self, piece: &mut [u8]) -> std::io::Result<Next> {
        let mut room = piece.len();
        if let Some(limit) = self.limit {
            room = room.min(usize::try_from(limit - self.passed).unwrap_or(room));
        }
        if let Fault::Throttle(rate) = self.state.fault {
            room = room.min(usize::try_from((rate / 20).max(1)).unwrap_or(room));
        }
        // Before a cut at 0 the first byte is awaited and dropped.
        let size = self.from.read(&mut piece[..room.max(1)])?;
        if let Fault::Delay(wait) = self.state.fault
            && size > 0
        {
            self.state.rest(wait);
        }
        if let Fault::Throttle(rate) = self.state.fault {
            self.state.rest(Duration::from_nanos(size as u64 * 1_000_000_000 / rate.max(1)));
        }
        self.hold();
        if self.state.ended() {
            return Ok(Next::Piece);
        }
        if size == 0 {
            return Ok(Next::End);
        }
        if room == 0 {
            return Ok(Next::Piece);
        }
        if self.limit == Some(self.passed + size as u64) {
            self.bar();
        }
        // Whoever has an answer finds what led to it counted.
        self.count(size as u64);
        let mut rest = &piece[..size];
        while !rest.is_empty() && !self.state.ended() {
            match self.to.write(rest) {
                Ok(written) => rest = &rest[written..],
                Err(error) if again(&error) => {}
                Err(error) => return Err(error),
            }
        }
        self.passed += size as u64;
        Ok(Next::Piece)
    }

    /// Before the last bytes: what they lead to must not slip through.
    fn bar(&self) {
        if matches!(self.state.fault, Fault::ResetUp(_) | Fault::Stall(_)) {
            self.state.stalled.store(true, Ordering::SeqCst);
        }
    }

    /// Keeps what has come as long as the connection is stalled: to its end.
    fn hold(&self) {
        while self.state.stalled.load(Ordering::SeqCst) && !self.state.ended() {
            std::thread::park_timeout(BEAT);
        }
    }

    fn cut(&self, piece: &mut [u8]) {
        match self.state.fault {
            Fault::ResetUp(_) | Fault::ResetDown(_) => self.state.reset.store(true, Ordering::SeqCst),
            Fault::HalfCloseUp(_) | Fault::TruncateDown(_) => {
                drop(self.to.shutdown(Shutdown::Write));
                self.swallow(piece);
            }
            Fault::Stall(_) => {
                self.bar();
                self.hold();
            }
            Fault::None | Fault::Delay(_) | Fault::Throttle(_) => {}
        }
    }

    /// Reads to the end.
    fn swallow(&self, piece: &mut [u8]) {
        while !self.state.ended() {
            match (&mut &*self.from).read(piece) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if again(&error) => {}
                Err(_) => return self.state.reset.store(true, Ordering::SeqCst),
            }
        }
    }

    fn count(&mut self, size: u64) {
        let mut counts = self.state.shared.counts.lock().unwrap();
        if self.era != counts.era {
            self.era = counts.era;
            self.counted = 0;
        }
        self.counted += size;
        let most = if self.up { &mut counts.up } else { &mut counts.down };
        *most = (*most).max(self.counted);
    }
}

/// Nothing came or went within a beat.
fn again(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
