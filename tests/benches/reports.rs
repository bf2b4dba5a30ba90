//! Reports against the engines that a user would reach for; whole processes, the ledger included on Legwork's side.
//!
//! `cargo bench --bench reports -- [SEGMENTS] [PYTHON]` (5,000,000 unless said) makes a contact centre of 30 days, puts it
//! into Legwork and into each peer, and runs the same reports in pairs A B A B: one local day of 20 queues, 30 days of 20
//! queues, 30 days of all; and segments and average durations by half-hour, skill and agent, of that day and of all. PYTHON
//! is an interpreter with duckdb, polars, chdb and datafusion; without it only Legwork runs. All outputs are compared after
//! normalising quotes and line ends. `dd` writes the same bytes as the yardstick of the disk, once like everybody and once
//! past the page cache, as Legwork does. Figures are medians: wall seconds, CPU seconds (user + sys), peak heap (the highest
//! `RssAnon`, sampled every 2 ms). Every output is synced; Legwork's has its SHA-256 and its place in the ledger on top. What
//! the digest alone takes is printed, too, and the ratio of CPU once more without it.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot go on ends"
)]

#[path = "shared/feed.rs"]
mod feed;
#[path = "shared/measured.rs"]
mod measured;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::Digest;

use measured::{Measured, legwork, measure};

const QUEUES: [&str; 20] = [
    "Sales_Queue_US",
    "Sales_Queue_CA",
    "Sales_Queue_UK",
    "Sales_Queue_DE",
    "Sales_Queue_FR",
    "Sales_Queue_ES",
    "Sales_Queue_IN",
    "Sales_Queue_AU",
    "Sales_Queue_BR",
    "Sales_Queue_JP",
    "Support_Queue_US",
    "Support_Queue_CA",
    "Support_Queue_UK",
    "Support_Queue_DE",
    "Support_Queue_FR",
    "Support_Queue_ES",
    "Support_Queue_IN",
    "Support_Queue_AU",
    "Support_Queue_BR",
    "Support_Queue_JP",
];

fn median(mut all: Vec<Measured>) -> Measured {
    let middle = |values: &mut Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let of = |pick: fn(&Measured) -> f64| middle(&mut all.iter().map(pick).collect());
    let (wall, cpu, own) = (of(|m| m.wall), of(|m| m.cpu), of(|m| m.own));
    all.sort_by(|a, b| a.heap_mib.total_cmp(&b.heap_mib));
    Measured { wall, cpu, own, heap_mib: all.last().unwrap().heap_mib }
}

fn newest(folder: &Path) -> PathBuf {
    let mut runs: Vec<_> =
        fs::read_dir(folder.join("state/artifacts")).unwrap().map(|run| run.unwrap().path()).collect();
    runs.sort_by_key(|run| run.file_name().unwrap().to_string_lossy().parse::<u64>().unwrap());
    fs::read_dir(runs.last().unwrap()).unwrap().next().unwrap().unwrap().path()
}

/// Seconds of one core for the digest of a file that is in the page cache.
fn digest_seconds(file: &Path) -> f64 {
    let bytes = fs::read(file).unwrap();
    let begun = std::time::Instant::now();
    assert_eq!(sha2::Sha256::digest(&bytes).len(), 32);
    begun.elapsed().as_secs_f64()
}

fn line(what: &str, m: Measured) {
    println!(
        "  {what:<12} {:>7.2} s wall  {:>7.2} s own clock  {:>7.2} s CPU  {:>7.1} MiB heap",
        m.wall, m.own, m.cpu, m.heap_mib
    );
}

/// A bench's folder, and the interpreter of the peers.
struct Bench {
    folder: PathBuf,
    python: Option<String>,
    segments: u64,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|text| text != "--bench").collect();
    let segments: u64 = arguments.iter().find_map(|text| text.parse().ok()).unwrap_or(5_000_000);
    let python = arguments.iter().find(|text| text.contains("python")).cloned();
    let folder = tempfile::Builder::new().prefix("legwork-bench-").tempdir().unwrap();
    let bench = Bench { folder: folder.path().to_owned(), python, segments };
    bench.jobs();
    bench.imports();
    bench.peers_imports();
    for (name, rounds) in
        [("one-day", 7), ("some-queues", 3), ("everything", 3), ("half-hours-of-a-day", 7), ("half-hours", 3)]
    {
        bench.report(name, rounds);
    }
}

impl Bench {
    fn jobs(&self) {
        let folder = &self.folder;
        fs::create_dir(folder.join("jobs")).unwrap();
        let config = "[paths]\njobs = \"jobs\"\nstate = \"state\"\nruntime = \"run\"\n";
        fs::write(folder.join("legwork.toml"), config).unwrap();
        let queues = format!("[report.filters]\nqueues = {QUEUES:?}\n");
        let days = "{ from = \"2026-10-15\", to = \"2026-11-14\" }";
        for (name, period, filters) in [
            ("one-day", "{ from = \"2026-11-02\", to = \"2026-11-03\" }", queues.as_str()),
            ("some-queues", days, queues.as_str()),
            ("everything", days, ""),
        ] {
            let job = format!(
                "[report]\ntype = \"interaction-details-by-segment\"\ntime_zone = \"America/New_York\"\n\
                 period = {period}\nin_progress = true\n{filters}[output.csv]\nformula_guard = \"off\"\n"
            );
            fs::write(folder.join(format!("jobs/{name}.toml")), job).unwrap();
        }
        for (name, period) in
            [("half-hours-of-a-day", "{ from = \"2026-11-02\", to = \"2026-11-03\" }"), ("half-hours", days)]
        {
            let job = format!(
                "[report]\ntype = \"messaging-agent-segments\"\ntime_zone = \"America/New_York\"\nperiod = {period}\n\
                 interval = \"30m\"\nby_skill = [\"all\"]\nmetrics = [\"avgAgentSegmentDuration\"]\n\
                 [output.csv]\nformula_guard = \"off\"\n"
            );
            fs::write(folder.join(format!("jobs/{name}.toml")), job).unwrap();
        }
        assert!(legwork(folder, &["apply"]).stdout(Stdio::null()).status().unwrap().success());
    }

    fn imports(&self) {
        let raw = self.folder.join("raw.csv");
        feed::write(&raw, self.segments);
        let bytes = fs::metadata(&raw).unwrap().len() as f64;
        println!("{} segments, {:.0} MB as CSV", self.segments, bytes / 1e6);
        for what in ["import", "import again"] {
            let m = measure(&mut legwork(&self.folder, &["import", raw.to_str().unwrap()]));
            println!(
                "{what}: {:.2} s wall, {:.2} s CPU, {:.0} segments/s, {:.0} MiB heap",
                m.wall,
                m.cpu,
                self.segments as f64 / m.wall,
                m.heap_mib
            );
        }
        let database = fs::metadata(self.folder.join("state/legwork.db")).unwrap().len() as f64;
        println!(
            "database {:.0} MB, {:.0} bytes a segment, free pages included",
            database / 1e6,
            database / self.segments as f64
        );
    }

    fn peer(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.python.as_deref().unwrap_or("python3"));
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/benches/peers.py");
        command.arg(script).args(arguments).current_dir(&self.folder);
        command
    }

    fn peers_imports(&self) {
        for store in ["parquet", "duckdb", "chdb"].iter().filter(|_| self.python.is_some()) {
            let m = measure(&mut self.peer(&["ingest", store]));
            println!("{store} takes it in: {:.2} s wall, {:.2} s CPU", m.wall, m.cpu);
        }
    }

    /// Runs a report; of its files only the newest stays, since the peers overwrite theirs: files that pile up would cost
    /// the page cache, and so the next run.
    fn run(&self, name: &str) -> Measured {
        for run in fs::read_dir(self.folder.join("state/artifacts")).into_iter().flatten() {
            fs::remove_dir_all(run.unwrap().path()).unwrap();
        }
        measure(&mut legwork(&self.folder, &["run", name, "--no-send"]))
    }

    fn report(&self, name: &str, rounds: usize) {
        println!("{name}");
        self.run(name);
        let artifact = self.folder.join("ours.csv");
        fs::rename(newest(&self.folder), &artifact).unwrap();
        let digest = digest_seconds(&artifact);
        let alone = median((0..rounds).map(|_| self.run(name)).collect());
        line("legwork", alone);
        let (from, to) =
            (format!("if={}", artifact.display()), format!("of={}", self.folder.join("dd.out").display()));
        let copied = |flags: &[&str]| {
            let copy = || {
                measure(
                    Command::new("dd").args([&*from, &to, "bs=1M", "conv=fsync", "status=none"]).args(flags),
                )
            };
            median((0..3).map(|_| copy()).collect())
        };
        let cached = copied(&[]);
        println!(
            "  {:.1} MB; {:.2} times the wall of dd, synced alike ({:.2} s); of the CPU, {digest:.2} s are the digest",
            fs::metadata(&artifact).unwrap().len() as f64 / 1e6,
            alone.wall / cached.wall,
            cached.wall,
        );
        // Some file systems refuse that.
        let mut first = Command::new("dd");
        first.args([&*from, &to, "bs=1M", "count=1", "oflag=direct", "status=none"]).stderr(Stdio::null());
        if first.status().unwrap().success() {
            let direct = copied(&["oflag=direct"]);
            println!(
                "  {:.2} times that of dd past the page cache ({:.2} s)",
                alone.wall / direct.wall,
                direct.wall
            );
        }
        let engines: &[&str] =
            if self.python.is_some() { &["duckdb", "polars", "chdb", "datafusion"] } else { &[] };
        for engine in engines {
            let out = format!("{engine}.csv");
            measure(&mut self.peer(&["run", engine, name, &out]));
            let same = self.peer(&["same", &out, artifact.to_str().unwrap()]).status().unwrap();
            assert!(same.success(), "{engine} {name}");
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            for _ in 0..rounds {
                theirs.push(measure(&mut self.peer(&["run", engine, name, &out])));
                ours.push(self.run(name));
            }
            let (ours, theirs) = (median(ours), median(theirs));
            line(engine, theirs);
            println!(
                "    ratios: wall {:.1}, against its own clock {:.1}, CPU {:.1}, without the digest {:.1}",
                theirs.wall / ours.wall,
                theirs.own / ours.wall,
                theirs.cpu / ours.cpu,
                theirs.cpu / (ours.cpu - digest)
            );
        }
    }
}
