//! Reports against the engines that a user would reach for; whole processes, the ledger included on Legwork's side.
//!
//! `cargo bench --bench reports -- [SEGMENTS] [PYTHON]` (5,000,000 unless said) makes a contact centre of 30 days, puts it
//! into Legwork and into each peer, and runs the same reports in pairs A B A B: one local day of 20 queues, 30 days of 20
//! queues, 30 days of all. PYTHON is an interpreter with duckdb, polars, chdb and datafusion; without it only
//! Legwork runs. All outputs are compared after normalising quotes and line ends. `dd` writes the same bytes as the yardstick
//! of the disk. Figures are medians: wall seconds, CPU seconds (user + sys), peak heap (the highest `RssAnon`, sampled every
//! 2 ms). Every output is synced; Legwork's has its SHA-256 and its place in the ledger on top.
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
    for (name, rounds) in [("one-day", 7), ("some-queues", 3), ("everything", 3)] {
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

    fn run(&self, name: &str) -> Measured {
        measure(&mut legwork(&self.folder, &["run", name, "--no-send"]))
    }

    fn report(&self, name: &str, rounds: usize) {
        println!("{name}");
        self.run(name);
        let artifact = newest(&self.folder);
        let alone = median((0..rounds).map(|_| self.run(name)).collect());
        line("legwork", alone);
        let (from, to) =
            (format!("if={}", artifact.display()), format!("of={}", self.folder.join("dd.out").display()));
        let copy = || measure(Command::new("dd").args([&from, &to, "bs=1M", "conv=fsync", "status=none"]));
        let copied = median((0..3).map(|_| copy()).collect());
        println!(
            "  {:.1} MB; {:.2} times the wall of dd, synced alike ({:.2} s)",
            fs::metadata(&artifact).unwrap().len() as f64 / 1e6,
            alone.wall / copied.wall,
            copied.wall
        );
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
                "    ratios: wall {:.1}, against its own clock {:.1}, CPU {:.1}",
                theirs.wall / ours.wall,
                theirs.own / ours.wall,
                theirs.cpu / ours.cpu
            );
        }
        for run in fs::read_dir(self.folder.join("state/artifacts")).unwrap() {
            fs::remove_dir_all(run.unwrap().path()).unwrap();
        }
    }
}
