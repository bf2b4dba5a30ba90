//! Figures of the faces: the list page, the API beside nginx, the scheduler beside downloads, a streamed report.
//!
//! `cargo bench --bench faces -- [DEFINITIONS] [SEGMENTS]` (10,000 and 1,000,000 unless said). Each figure is of the whole
//! daemon over loopback, with requests over connections that stay. The page's time is the client's, from the request's
//! first byte to the answer's last. nginx serves a file of the same length as the API's answer, in the same run. The
//! streamed report is read by a client that throws it away, and beside it stands `legwork run`, which writes the same
//! rows to a file with ledger, digest and sync.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot go on ends"
)]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;

/// Requests for the list.
const LIST_REQUESTS: usize = 1_000;
/// Connections for requests per second, and for how long.
const CONNECTIONS: usize = 8;
const SPAN: Duration = Duration::from_secs(5);
/// Downloads at the same time, and the file's length.
const DOWNLOADS: usize = 200;
const DOWNLOAD_BYTES: u64 = 100 << 20;

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn start(command: &mut Command, port: u16) -> Killed {
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let child = Killed(child);
    let begun = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(begun.elapsed() < Duration::from_mins(1), "{command:?} does not answer");
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}

fn legwork(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_legwork"));
    command.arg("--config").arg(folder.join("legwork.toml")).stderr(Stdio::null()).stdout(Stdio::null());
    command
}

fn done(mut command: Command) -> f64 {
    let begun = Instant::now();
    assert!(command.status().unwrap().success(), "{command:?}");
    begun.elapsed().as_secs_f64()
}

/// A connection that stays, over which one request goes after the other.
struct Client {
    stream: BufReader<TcpStream>,
    request: String,
}

impl Client {
    fn new(port: u16, path: &str) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream: BufReader::with_capacity(256 << 10, stream),
            request: format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"),
        }
    }

    /// Asks once and reads the whole answer; returns its body's length.
    fn ask(&mut self) -> u64 {
        self.stream.get_mut().write_all(self.request.as_bytes()).unwrap();
        let mut length = 0;
        let mut line = String::new();
        loop {
            line.clear();
            self.stream.read_line(&mut line).unwrap();
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        std::io::copy(&mut (&mut self.stream).take(length), &mut std::io::sink()).unwrap()
    }
}

fn quantile(sorted: &[f64], share: f64) -> f64 {
    sorted[((sorted.len() as f64 * share).ceil() as usize).saturating_sub(1)]
}

fn list_page(port: u16, path: &str, what: &str) {
    let mut client = Client::new(port, path);
    let mut bytes = 0;
    let mut times: Vec<f64> = (0..LIST_REQUESTS)
        .map(|_| {
            let begun = Instant::now();
            bytes = client.ask();
            begun.elapsed().as_secs_f64() * 1_000.0
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!(
        "{what:<44} p50 {:>6.2} ms  p99 {:>6.2} ms  ({bytes} bytes)",
        quantile(&times, 0.5),
        quantile(&times, 0.99)
    );
}

/// Requests per second over a few connections.
fn per_second(port: u16, path: &str) -> f64 {
    let stop = Arc::new(AtomicBool::new(false));
    let threads: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (stop, mut client) = (stop.clone(), Client::new(port, path));
            std::thread::spawn(move || {
                let mut count = 0_u64;
                while !stop.load(Ordering::Relaxed) {
                    client.ask();
                    count += 1;
                }
                count
            })
        })
        .collect();
    std::thread::sleep(SPAN);
    stop.store(true, Ordering::Relaxed);
    let count: u64 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    count as f64 / SPAN.as_secs_f64()
}

fn heap(child: &Killed) -> f64 {
    let text = fs::read_to_string(format!("/proc/{}/status", child.0.id())).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").trim().parse::<f64>().ok());
    kib.unwrap_or(0.0) / 1024.0
}

/// How late runs of the last seconds began, in milliseconds: p50 and p99, and how many there were.
fn lateness(ledger: &Connection, seconds: u64) -> (f64, f64, usize) {
    let mut statement = ledger
        .prepare(
            "select (julianday(r.started_at) - julianday(o.due_at)) * 86400000.0 from occurrence o join run r using (occurrence_id)
             where o.manual = 0 and julianday(r.started_at) > julianday('now') - ?1 / 86400.0",
        )
        .unwrap();
    let mut late: Vec<f64> =
        statement.query_map([seconds as f64], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
    late.sort_by(f64::total_cmp);
    if late.is_empty() {
        return (0.0, 0.0, 0);
    }
    (quantile(&late, 0.5), quantile(&late, 0.99), late.len())
}

fn nginx(folder: &Path, bytes: u64) -> (Killed, u16) {
    let (port, root) = (free_port(), folder.join("www"));
    fs::create_dir_all(&root).unwrap();
    fs::write(root.join("file.json"), vec![b'x'; usize::try_from(bytes).unwrap()]).unwrap();
    let config = folder.join("nginx.conf");
    let text = format!(
        "worker_processes 2; daemon off; pid {0}/nginx.pid; error_log /dev/null; events {{}}\n\
         http {{ access_log off; keepalive_requests 10000000; server {{ listen 127.0.0.1:{port}; root {0}/www; }} }}\n",
        folder.display()
    );
    fs::write(&config, text).unwrap();
    (start(Command::new("nginx").arg("-c").arg(&config), port), port)
}

fn small(definitions: usize) {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    fs::create_dir(folder.path().join("jobs")).unwrap();
    let config = format!(
        "[paths]\njobs = \"jobs\"\nstate = \"state\"\nruntime = \"run\"\n[web]\nlisten = \"127.0.0.1:{port}\"\n"
    );
    fs::write(folder.path().join("legwork.toml"), config).unwrap();
    for number in 0..definitions {
        let every = if number < 5 { "every = \"1s\"" } else { "cron = \"0 6 * * *\"" };
        let job = format!(
            "description = \"Report {number}\"\n[report]\ntype = \"interaction-details-by-segment\"\ntime_zone = \"UTC\"\n\
             period = \"yesterday\"\n[[schedule]]\n{every}\noverlap = \"allow\"\n"
        );
        fs::write(folder.path().join(format!("jobs/report-{number:05}.toml")), job).unwrap();
    }
    let mut apply = legwork(folder.path());
    apply.arg("apply");
    done(apply);
    let mut run = legwork(folder.path());
    run.args(["run", "report-00009"]);
    done(run);
    // The ledger has a small file; the download is of a large one under its name.
    let ledger = Connection::open(folder.path().join("state/legwork.db")).unwrap();
    ledger.busy_timeout(Duration::from_secs(10)).unwrap();
    let path: String = ledger.query_row("select path from artifact", [], |row| row.get(0)).unwrap();
    let file = fs::File::create(folder.path().join("state/artifacts").join(path)).unwrap();
    file.set_len(DOWNLOAD_BYTES).unwrap();
    ledger.execute("update artifact set bytes = ?1", [i64::try_from(DOWNLOAD_BYTES).unwrap()]).unwrap();
    let mut serve = legwork(folder.path());
    serve.arg("serve");
    let daemon = start(&mut serve, port);
    std::thread::sleep(Duration::from_secs(3));
    list_page(port, "/", &format!("list page, {definitions} definitions"));
    list_page(port, "/?q=report-00", "the same, searched");
    list_page(port, "/api/v1/reports?limit=50", "API, 50 reports");
    let bytes = Client::new(port, "/api/v1/reports?limit=1").ask();
    let (_nginx, peer) = nginx(folder.path(), bytes);
    for _ in 0..2 {
        let (own, other) = (per_second(port, "/api/v1/reports?limit=1"), per_second(peer, "/file.json"));
        println!(
            "API, one report: {own:>8.0} requests/s; nginx, a file of {bytes} bytes: {other:>8.0}; ratio {:.3}",
            own / other
        );
    }
    let before = heap(&daemon);
    std::thread::sleep(Duration::from_secs(10));
    let (p50, p99, runs) = lateness(&ledger, 10);
    println!("runs begin after their due instant, at rest: p50 {p50:.1} ms  p99 {p99:.1} ms  ({runs} runs)");
    downloads(port, &daemon, &ledger, before);
    let lost: i64 = ledger
        .query_row(
            "select count(*) from occurrence where manual = 0 and state in ('skipped', 'failed')",
            [],
            |row| row.get(0),
        )
        .unwrap();
    println!("occurrences skipped or failed meanwhile: {lost}");
}

fn downloads(port: u16, daemon: &Killed, ledger: &Connection, before: f64) {
    let begun = Instant::now();
    let threads: Vec<_> = (0..DOWNLOADS)
        .map(|_| std::thread::spawn(move || Client::new(port, "/reports/report-00009/file").ask()))
        .collect();
    let mut peak = 0.0_f64;
    while threads.iter().any(|thread| !thread.is_finished()) {
        peak = peak.max(heap(daemon));
        std::thread::sleep(Duration::from_millis(10));
    }
    let bytes: u64 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    let seconds = begun.elapsed().as_secs_f64();
    let (p50, p99, runs) = lateness(ledger, begun.elapsed().as_secs());
    println!(
        "{DOWNLOADS} downloads of {} MiB: {:.0} MB/s, heap {before:.1} MiB before, {peak:.1} MiB peak; runs meanwhile p50 {p50:.1} ms  p99 {p99:.1} ms  ({runs} runs)",
        DOWNLOAD_BYTES >> 20,
        bytes as f64 / 1e6 / seconds
    );
}

fn streamed(segments: u64) {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    fs::create_dir(folder.path().join("jobs")).unwrap();
    let config = format!(
        "[paths]\njobs = \"jobs\"\nstate = \"state\"\nruntime = \"run\"\n[web]\nlisten = \"127.0.0.1:{port}\"\n"
    );
    fs::write(folder.path().join("legwork.toml"), config).unwrap();
    let job = "[report]\ntype = \"inbound-agent-segment-metadata\"\ntime_zone = \"UTC\"\n\
               period = { from = \"2026-09-01\", to = \"2026-12-01\" }\n[output]\ncsv = { formula_guard = \"off\" }\n";
    fs::write(folder.path().join("jobs/legs.toml"), job).unwrap();
    let centre = folder.path().join("centre.ndjson");
    let mut demo = legwork(folder.path());
    // About half of a made-up centre's segments are legs of inbound calls.
    demo.args(["demo", "--segments", &segments.to_string(), "--days", "30", "--export"]).arg(&centre);
    done(demo);
    let mut import = legwork(folder.path());
    import.arg("import").arg(&centre);
    done(import);
    fs::remove_file(&centre).unwrap();
    let mut apply = legwork(folder.path());
    apply.arg("apply");
    done(apply);
    let mut serve = legwork(folder.path());
    serve.arg("serve");
    let daemon = start(&mut serve, port);
    let body = "{\"delimiter\":\"COMMA\",\"reportType\":\"CASPER_REPORT\",\"reportTypeName\":\"Inbound_Agent_Segment_Metadata_Report\",\
                \"reportCriteria\":{\"startTimestamp\":\"2026-09-01 00:00:00\",\"endTimestamp\":\"2026-12-01 00:00:00\",\
                \"timezoneName\":\"UTC\",\"returnType\":\"CSV\",\"schedule\":{\"repeatOption\":\"ONCE\"}}}";
    for _ in 0..3 {
        let begun = Instant::now();
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let head = format!(
            "POST /api/v1/admin/accounts/default/reportsStreaming HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut piece = vec![0; 256 << 10];
        let (mut bytes, mut first, mut rows, mut peak) = (0_u64, 0.0, 0_u64, 0.0_f64);
        while let Ok(read @ 1..) = stream.read(&mut piece) {
            if bytes == 0 {
                first = begun.elapsed().as_secs_f64() * 1_000.0;
            }
            bytes += read as u64;
            rows += piece[..read].split(|byte| *byte == b'\n').skip(1).count() as u64;
            peak = peak.max(heap(&daemon));
        }
        let seconds = begun.elapsed().as_secs_f64();
        let mut run = legwork(folder.path());
        run.args(["run", "legs"]);
        let written = done(run);
        println!(
            "streamed, about {rows} rows, {:.0} MB: first byte {first:.1} ms, {:.0} MB/s, heap {peak:.1} MiB; run to a file: {:.0} MB/s; ratio {:.2}",
            bytes as f64 / 1e6,
            bytes as f64 / 1e6 / seconds,
            bytes as f64 / 1e6 / written,
            written / seconds
        );
    }
}

fn main() {
    let numbers: Vec<u64> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    small(usize::try_from(numbers.first().copied().unwrap_or(10_000)).unwrap());
    streamed(numbers.get(1).copied().unwrap_or(2_000_000));
}
