//! A vendor's cloud: answers as the test says, and remembers what it was asked.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

/// A request that came.
#[derive(Debug, Clone)]
pub struct Call {
    pub method: String,
    /// With its query.
    pub path: String,
    /// By name in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Call {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// A value of the query, unescaped as far as tests need it.
    pub fn query(&self, key: &str) -> Option<String> {
        let query = self.path.split_once('?')?.1;
        let found = query.split('&').find_map(|pair| pair.split_once('=').filter(|(name, _)| *name == key));
        found.map(|(_, value)| value.replace("%3A", ":").replace("%2C", ",").replace("%2B", "+"))
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    /// Only so many bytes of the body are sent.
    cut: Option<usize>,
}

impl Reply {
    pub fn of(status: u16, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: vec![("Content-Type", kind.to_owned())], body: body.into(), cut: None }
    }

    pub fn csv(body: impl Into<Vec<u8>>) -> Self {
        Self::of(200, "text/csv;charset=UTF-8", body)
    }

    pub fn json(body: &serde_json::Value) -> Self {
        Self::of(200, "application/json", body.to_string())
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub fn cut(mut self, at: usize) -> Self {
        self.cut = Some(at);
        self
    }
}

type Handler = dyn Fn(&Call) -> Reply + Send + Sync;

/// A vendor's cloud.
pub struct Vendor {
    pub port: u16,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Vendor {
    /// Answers every request by `handler`.
    pub fn start(handler: impl Fn(&Call) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let calls: Arc<Mutex<Vec<Call>>> = Arc::default();
        let (seen, handler): (_, Arc<Handler>) = (calls.clone(), Arc::new(handler));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (seen, handler) = (seen.clone(), handler.clone());
                std::thread::spawn(move || serve(stream, &seen, &*handler));
            }
        });
        Self { port, calls }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What was asked of paths that contain `part`.
    pub fn calls(&self, part: &str) -> Vec<Call> {
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.iter().filter(|call| call.path.contains(part)).cloned().collect()
    }
}

fn serve(stream: TcpStream, seen: &Mutex<Vec<Call>>, handler: &Handler) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut out = stream;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let mut words = line.split_whitespace();
        let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let length = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let body = String::from_utf8(body).ok()?;
        let call = Call { method, path, headers, body };
        seen.lock().unwrap_or_else(PoisonError::into_inner).push(call.clone());
        let reply = handler(&call);
        write!(out, "HTTP/1.1 {} Said\r\nContent-Length: {}\r\n", reply.status, reply.body.len()).ok()?;
        for (name, value) in &reply.headers {
            write!(out, "{name}: {value}\r\n").ok()?;
        }
        write!(out, "\r\n").ok()?;
        let whole = reply.cut.is_none();
        out.write_all(&reply.body[..reply.cut.unwrap_or(reply.body.len()).min(reply.body.len())]).ok()?;
        out.flush().ok()?;
        if !whole {
            return None;
        }
    }
}
