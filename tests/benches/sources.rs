//! Figures of a vendor's report that is passed through: CPU and peak heap, beside `curl` writing the same bytes.
//!
//! `cargo bench --bench sources -- [ROWS]` (1,000,000 unless said). A stub in this process serves one CSV of the inbound
//! agent segment metadata report from memory; `legwork run` asks for it, validates every row, and keeps it (digest, sync
//! and ledger included); `curl` only writes it. CPU is that of the whole process (user and system), start included; the
//! server's is not counted. The peak heap is the highest `RssAnon`, sampled every 10 ms. Needs root for nothing.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot go on ends"
)]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Rounds of each; the best counts.
const ROUNDS: usize = 3;

const HEADER: &str = "Account ID,UII,Session ID,ANI,DNIS,Call Type,Agent ID,Agent Login ID,Agent First Name,Agent Last Name,\
Agent Username,Product Type,Product ID,Product Name,Enqueue Dts,Dequeue Dts,Queue Duration,Start Dts,End Dts,Duration,\
Wrap Time,Dial Dts,Dial Duration,Hold Duration,Agent Wait Duration,Term Party,Term Reason,Agent Disposition,\
Segment Recording File Name,Segment Recording URL\r\n";

fn body(rows: usize) -> Vec<u8> {
    let mut body = HEADER.as_bytes().to_vec();
    for row in 0..rows {
        let (minute, second) = (row / 60 % 60, row % 60);
        write!(
            body,
            "99990001,'20260610080000000000000{row:09},2,6505550100,6505550101,INBOUND,1{agent},2{agent},Ann,O'Neil,\
             agent{agent}@x.example,Queue,7,Sales_US,06/10/2026 08:{minute:02}:{second:02},06/10/2026 08:{minute:02}:{second:02},\
             00:00:05,06/10/2026 08:{minute:02}:{second:02},06/10/2026 09:{minute:02}:{second:02},00:01:30,00:00:20,\
             06/10/2026 08:{minute:02}:{second:02},00:00:05,00:00:03,00:00:30,CALLER,HANGUP,\"Sold, {row}\",,https://x.example/{row}\r\n",
            agent = row % 300
        )
        .unwrap();
    }
    body
}

fn serve(stream: TcpStream, body: &[u8]) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut out = stream;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let login = line.contains("accesstoken") || line.contains("oauth");
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().ok()?;
            }
        }
        reader.read_exact(&mut vec![0; length]).ok()?;
        let token = br#"{"access_token":"a","accessToken":"a"}"#;
        let (kind, bytes): (&str, &[u8]) =
            if login { ("application/json", token) } else { ("text/csv", body) };
        write!(out, "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n", bytes.len())
            .ok()?;
        out.write_all(bytes).ok()?;
    }
}

/// CPU seconds, wall seconds and the peak heap in KiB of a command.
fn measured(command: &mut Command) -> (f64, f64, u64) {
    let begun = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let (mut peak, mut ticks) = (0, 0.0);
    loop {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let heap = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let heap = heap.and_then(|text| text.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0);
        peak = peak.max(heap);
        let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap_or_default();
        if let Some((_, rest)) = stat.rsplit_once(')') {
            let fields: Vec<f64> =
                rest.split_whitespace().map(|field| field.parse().unwrap_or(0.0)).collect();
            // Fields 14 and 15 of proc(5), a hundredth of a second each.
            ticks = f64::max(ticks, fields[11] + fields[12]);
        }
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success());
            return (ticks / 100.0, begun.elapsed().as_secs_f64(), peak);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn prepare(folder: &Path, port: u16) {
    let url = format!("http://127.0.0.1:{port}");
    let config = format!(
        "[paths]\njobs = \"jobs\"\nstate = \"state\"\nruntime = \"run\"\n[source.ringcx]\nrates = [\"1000 per 1s\"]\n\
         [source.ringcx.ringcentral]\naccount = \"1\"\nurl = \"{url}\"\nplatform_url = \"{url}\"\njwt = {{ file = \"secret\" }}\n\
         client_id = \"app\"\nclient_secret = {{ file = \"secret\" }}\n"
    );
    fs::write(folder.join("legwork.toml"), config).unwrap();
    fs::write(folder.join("secret"), "secret").unwrap();
    fs::set_permissions(folder.join("secret"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::create_dir(folder.join("jobs")).unwrap();
    let job = "[report]\ntype = \"inbound-agent-segment-metadata\"\nsource = \"ringcx\"\ntime_zone = \"UTC\"\n\
               period = { from = \"2026-06-10\", to = \"2026-06-11\" }\n";
    fs::write(folder.join("jobs/daily.toml"), job).unwrap();
}

fn main() {
    let rows = std::env::args().skip(1).find_map(|text| text.parse().ok()).unwrap_or(1_000_000);
    let body = Arc::new(body(rows));
    let gigabytes = body.len() as f64 / 1e9;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = body.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let served = served.clone();
            std::thread::spawn(move || serve(stream, &served));
        }
    });
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path(), port);
    let legwork = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_legwork"));
        command.arg("--config").arg(folder.path().join("legwork.toml"));
        command
    };
    assert!(legwork().arg("apply").stdout(Stdio::null()).status().unwrap().success());
    println!("{rows} rows, {:.0} MB", body.len() as f64 / 1e6);
    let (mut best, mut bare, mut heap) = ((f64::MAX, f64::MAX), (f64::MAX, f64::MAX), 0);
    for _ in 0..ROUNDS {
        let (cpu, wall, _) = measured(
            Command::new("curl")
                .args(["-s", "-o"])
                .arg(folder.path().join("bare"))
                .arg(format!("http://127.0.0.1:{port}/")),
        );
        bare = (bare.0.min(cpu), bare.1.min(wall));
        let (cpu, wall, peak) = measured(legwork().args(["run", "daily"]));
        best = (best.0.min(cpu), best.1.min(wall));
        heap = heap.max(peak);
    }
    let kept = Command::new("find")
        .arg(folder.path().join("state/artifacts"))
        .args(["-name", "*.csv"])
        .output()
        .unwrap();
    let kept = String::from_utf8(kept.stdout).unwrap();
    assert_eq!(fs::read(kept.lines().next().unwrap()).unwrap(), *body, "the vendor's bytes are the artifact");
    println!("legwork  {:.2} CPU s/GB, {:.2} s, peak heap {} MiB", best.0 / gigabytes, best.1, heap >> 10);
    println!("curl     {:.2} CPU s/GB, {:.2} s", bare.0 / gigabytes, bare.1);
    println!("ratio    CPU {:.2}, wall {:.2}", best.0 / bare.0.max(0.01), best.1 / bare.1);
}
