//! HTTP as a plain program speaks it, and a Legwork that serves.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::{Daemon, Legwork, free_port, wait_for};

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
    /// Whether the body came to its end.
    pub whole: bool,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let line = self
            .head
            .lines()
            .find(|line| line.split_once(':').is_some_and(|(key, _)| key.eq_ignore_ascii_case(name)))?;
        line.split_once(':').map(|(_, value)| value.trim())
    }

    /// Asserts the status.
    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}\n{}", self.head, self.text());
        self
    }
}

/// Sends one request over a connection of its own.
pub fn call(port: u16, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        write!(head, "Host: 127.0.0.1:{port}\r\n").unwrap();
    }
    for (name, value) in headers {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    write!(head, "Content-Length: {}\r\n\r\n", body.len()).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    // An answer may come before the body is read.
    drop(stream.write_all(body));
    let mut all = Vec::new();
    let mut piece = vec![0; 64 << 10];
    // Some servers leave the connection open whatever they are asked for.
    while let Ok(read @ 1..) = stream.read(&mut piece) {
        all.extend_from_slice(&piece[..read]);
        if is_whole(&all) {
            break;
        }
    }
    answer(&all)
}

/// Whether everything that the head promises has come.
fn is_whole(all: &[u8]) -> bool {
    let Some(end) = all.windows(4).take(64 << 10).position(|four| four == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&all[..end]).to_lowercase();
    let told = |name: &str| head.lines().find_map(|line| line.strip_prefix(name));
    match told("content-length:").and_then(|length| length.trim().parse::<usize>().ok()) {
        Some(length) => length <= all.len() - end - 4,
        None => told("transfer-encoding:").is_some() && all.ends_with(b"0\r\n\r\n"),
    }
}

/// Reads an answer out of everything that came.
pub fn answer(all: &[u8]) -> Answer {
    let end = all.windows(4).position(|four| four == b"\r\n\r\n").map_or(all.len(), |at| at + 4);
    let head = String::from_utf8_lossy(&all[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let raw = &all[end..];
    let told = |name: &str| {
        head.lines()
            .find_map(|line| line.to_lowercase().strip_prefix(name).map(|rest| rest.trim().to_owned()))
    };
    let (body, whole) = if told("transfer-encoding:").is_some() {
        unchunked(raw)
    } else {
        let length: Option<usize> = told("content-length:").and_then(|length| length.parse().ok());
        (raw.to_vec(), length.is_none_or(|length| length == raw.len()))
    };
    Answer { status, head, body, whole: whole && status != 0 }
}

fn unchunked(mut raw: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some(at) = raw.windows(2).position(|two| two == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&raw[..at]).unwrap(), 16).unwrap();
        let rest = &raw[at + 2..];
        if size == 0 {
            return (body, true);
        }
        if rest.len() < size + 2 {
            body.extend_from_slice(rest);
            return (body, false);
        }
        body.extend_from_slice(&rest[..size]);
        raw = &rest[size + 2..];
    }
    (body, false)
}

/// A Legwork that serves its page and API.
pub struct Site {
    pub legwork: Legwork,
    pub port: u16,
    daemon: Option<Daemon>,
}

impl Site {
    /// Not started yet, with more of `[web]` and other tables behind it.
    pub fn new(config: &str) -> Self {
        let port = free_port();
        let relay = "[relay.main]\noutbox = \"outbox\"\nfrom = \"Legwork <legwork@x.example>\"\n";
        let text = format!("{relay}[web]\nlisten = \"127.0.0.1:{port}\"\n{config}");
        Self { legwork: Legwork::new(&text), port, daemon: None }
    }

    pub fn start(&mut self) {
        self.daemon = Some(self.legwork.serve());
        wait_for("the page", || {
            TcpStream::connect(("127.0.0.1", self.port))
                .map_err(|error| format!("{error}\n{}", self.legwork.log()))
        });
    }

    /// A started one with segments of one day.
    pub fn with_data(config: &str, records: &str) -> Self {
        let mut site = Self::new(config);
        site.legwork.import(records);
        site.start();
        site
    }

    pub fn pid(&self) -> u32 {
        self.daemon.as_ref().unwrap().child.id()
    }

    pub fn get(&self, path: &str) -> Answer {
        call(self.port, "GET", path, &[], b"")
    }

    pub fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        call(self.port, "GET", path, headers, b"")
    }

    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        call(self.port, method, path, headers, body.as_bytes())
    }

    /// The signature that a page's forms carry.
    pub fn form(&self, headers: &[(&str, &str)]) -> String {
        let page = self.get_with("/new", headers).text();
        let at = page.find("name=\"form\" value=\"").unwrap_or_else(|| panic!("{page}")) + 19;
        page[at..].split('"').next().unwrap().to_owned()
    }

    /// Sends a form as a page of ours does.
    pub fn post(&self, path: &str, headers: &[(&str, &str)], fields: &[(&str, &str)]) -> Answer {
        let form = self.form(headers);
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.append_pair("form", &form).extend_pairs(fields);
        let mut all = vec![("Content-Type", "application/x-www-form-urlencoded")];
        all.extend_from_slice(headers);
        call(self.port, "POST", path, &all, body.finish().as_bytes())
    }

    /// Makes a user with this role, and logs them in: the cookie's header.
    pub fn user(&self, name: &str, role: &str) -> String {
        let password = format!("the password of {name}");
        self.legwork.run_with(&["user", "add", name, "--role", role], &password).ok();
        let body = format!("name={name}&password={}", password.replace(' ', "+"));
        let answer = self.send("POST", "/login", &[], &body).is(303);
        answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
    }

    /// Makes a token.
    pub fn token(&self, arguments: &[&str]) -> String {
        self.legwork.run(&[&["token", "add"], arguments].concat()).ok().trim().to_owned()
    }
}
