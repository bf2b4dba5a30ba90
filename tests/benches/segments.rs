//! Figures of size, of whole processes: every report in its formats, and the start of the daemon.
//!
//! `cargo bench --bench segments -- [SEGMENTS]` (500,000 unless said) makes a contact centre of 30 days with messages and
//! login sessions, imports it, runs every report over all of it, the detail report in every format, and starts the daemon
//! on it. Each line is one process: wall seconds, CPU seconds (user + sys), peak heap (the highest `RssAnon`, sampled every
//! 2 ms). Other engines stand beside Legwork in the bench `reports`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot go on ends"
)]

#[path = "shared/measured.rs"]
mod measured;

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use measured::{Measured, legwork, measure};

fn report(what: &str, rows: u64, measured: &Measured) {
    println!(
        "{what:<34} {rows:>9} rows  {:>7.2} s wall  {:>7.2} s CPU  {:>9.0} rows/s  {:>6.1} MiB heap",
        measured.wall,
        measured.cpu,
        rows as f64 / measured.wall,
        measured.heap_mib
    );
}

/// Milliseconds until the daemon says READY, by the socket that systemd would listen on.
fn start_to_ready(folder: &Path) -> f64 {
    let notify = folder.join("notify");
    drop(fs::remove_file(&notify));
    let socket = std::os::unix::net::UnixDatagram::bind(&notify).unwrap();
    let begun = Instant::now();
    let mut command = legwork(folder, &["serve"]);
    let mut child = command.env("NOTIFY_SOCKET", &notify).stderr(Stdio::null()).spawn().unwrap();
    let mut heard = String::new();
    while !heard.contains("READY=1") {
        let mut bytes = [0; 512];
        let length = socket.recv(&mut bytes).unwrap();
        heard.push_str(&String::from_utf8_lossy(&bytes[..length]));
    }
    let ready = begun.elapsed().as_secs_f64() * 1_000.0;
    child.kill().unwrap();
    child.wait().unwrap();
    ready
}

/// Every report over a period of all days, and the detail report in every format: records with messages and sessions.
fn all_reports(folder: &Path, segments: u64) {
    let feed = folder.join("centre.ndjson").display().to_string();
    let count = segments.to_string();
    let export = legwork(folder, &["demo", "--days", "30", "--segments", &count, "--export", &feed]).status();
    assert!(export.unwrap().success());
    let lines = fs::read(&feed).unwrap().split(|byte| *byte == b'\n').count() as u64;
    report("import, NDJSON (lines)", lines, &measure(&mut legwork(folder, &["import", &feed])));
    let details = "interaction-details-by-segment";
    let mut jobs: Vec<(&str, &str)> = legwork::reports::CATALOGUE
        .iter()
        .filter(|report| report.vendors_own().is_none())
        .map(|report| (report.name, "csv"))
        .collect();
    jobs.extend(["xml", "json", "xlsx"].map(|format| (details, format)));
    jobs.extend([("agent-segments", "json"), ("messaging-agent-segments", "json")]);
    for (name, format) in &jobs {
        let job = format!(
            "[report]\ntype = \"{name}\"\ntime_zone = \"America/New_York\"\n\
             period = {{ from = \"2026-10-31\", to = \"2026-12-01\" }}\n\
             [output]\nformat = \"{format}\"\nfile_name = \"report.{format}\"\n"
        );
        fs::write(folder.join(format!("jobs/{name}-{format}.toml")), job).unwrap();
    }
    assert!(legwork(folder, &["apply"]).status().unwrap().success());
    for (name, format) in &jobs {
        let measured = measure(&mut legwork(folder, &["run", &format!("{name}-{format}"), "--no-send"]));
        let text =
            legwork(folder, &["-o", "json", "runs", "-n", "1"]).stdout(Stdio::piped()).output().unwrap();
        let runs: serde_json::Value = serde_json::from_slice(&text.stdout).unwrap();
        let rows = runs[0]["run"]["file"]["rows"].as_u64().unwrap_or(0);
        report(&format!("{name}, {format}"), rows, &measured);
    }
}

fn main() {
    let segments: u64 = std::env::args().skip(1).find_map(|text| text.parse().ok()).unwrap_or(500_000);
    let folder = tempfile::Builder::new().prefix("legwork-bench-").tempdir().unwrap();
    let folder = folder.path();
    fs::create_dir(folder.join("jobs")).unwrap();
    fs::write(
        folder.join("legwork.toml"),
        "[paths]\njobs = \"jobs\"\nstate = \"state\"\nruntime = \"run\"\n",
    )
    .unwrap();
    all_reports(folder, segments);
    println!(
        "database {:.0} MiB",
        fs::metadata(folder.join("state/legwork.db")).unwrap().len() as f64 / 1_048_576.0
    );
    println!("start to ready: {:.0} ms", start_to_ready(folder));
    println!(
        "binary: {:.1} MiB",
        fs::metadata(env!("CARGO_BIN_EXE_legwork")).unwrap().len() as f64 / 1_048_576.0
    );
}
