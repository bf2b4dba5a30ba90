//! Figures of the planner: memory and CPU while idle, lateness of a burst, start, take-up, simulation.
//!
//! `cargo bench --bench planner -- [DEFINITIONS]` (1,000,000 unless said). The definitions are put into the ledger
//! through the library; the daemon is the real one, a process of its own for memory, CPU and start, and inside this
//! process for the lateness of bursts: due instant to the hand-over into the run queue. `-- peers` runs
//! tokio-cron-scheduler and `APScheduler` with 100,000 jobs in the same way (`PYTHON` names one that has apscheduler).
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot go on ends"
)]

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use legwork::clock::Clock;
use legwork::daemon::planner::next_instants;
use legwork::daemon::{Core, Stop, Wake, serve};
use legwork::store::definitions::{self, Revision};
use tokio_cron_scheduler::{Job, JobScheduler};

/// Definitions due in the same second of a burst.
const BURST: usize = 1_000;
const BURSTS: usize = 10;
/// Seconds of idling that are measured.
const IDLE: u64 = 30;

fn config(folder: &Path) {
    fs::create_dir_all(folder.join("jobs")).unwrap();
    let text = "[paths]\njobs = \"jobs\"\nstate = \"state\"\nruntime = \"run\"\n";
    fs::write(folder.join("legwork.toml"), text).unwrap();
}

fn core(folder: &Path) -> Arc<Core> {
    let config = legwork::config::load(Some(&folder.join("legwork.toml"))).unwrap();
    Arc::new(Core::open(config, Clock::System).unwrap())
}

fn job(cron: &str) -> String {
    format!(
        "[report]\ntype = \"interaction-details-by-segment\"\ntime_zone = \"America/New_York\"\nperiod = \"yesterday\"\n\
         [[schedule]]\ncron = \"{cron}\"\n"
    )
}

/// Puts definitions into the ledger, as if made on the web page: a name and a pattern each.
fn put(core: &Arc<Core>, definitions: impl Iterator<Item = (String, String)>) {
    let now = core.now();
    let mut revisions = Vec::new();
    let write = |revisions: Vec<Revision>| {
        let written = core.store.write_blocking("put", move |tx| {
            revisions.iter().try_for_each(|revision| definitions::put(tx, revision, now))
        });
        written.unwrap();
    };
    for (name, cron) in definitions {
        let text = job(&cron);
        let definition = core.parse(&name, &text).unwrap();
        let next = next_instants(core, &definition, now);
        let replanned = Box::new(|_| None);
        revisions.push(Revision { name, file: None, text, next, replanned, at_once: Vec::new() });
        if revisions.len() == 2_000 {
            write(std::mem::take(&mut revisions));
        }
    }
    write(revisions);
}

fn legwork(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_legwork"));
    command.arg("--config").arg(folder.join("legwork.toml")).args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// CPU time of each thread of a process so far, nanoseconds.
fn cpu_of_threads(pid: u32) -> HashMap<String, f64> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let of = |task: fs::DirEntry| {
        let text = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        let ns = text.split(' ').next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or(0.0);
        (task.file_name().to_string_lossy().into_owned(), ns)
    };
    tasks.map(|task| of(task.unwrap())).collect()
}

fn rss_mib(pid: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}

/// Waits for READY on the socket that systemd would listen on; milliseconds since the start.
fn start(folder: &Path) -> (Child, f64) {
    let notify = folder.join("notify");
    drop(fs::remove_file(&notify));
    let socket = std::os::unix::net::UnixDatagram::bind(&notify).unwrap();
    let begun = Instant::now();
    let child = legwork(folder, &["serve"]).env("NOTIFY_SOCKET", &notify).spawn().unwrap();
    let mut heard = String::new();
    while !heard.contains("READY=1") {
        let mut bytes = [0; 512];
        let length = socket.recv(&mut bytes).unwrap();
        heard.push_str(&String::from_utf8_lossy(&bytes[..length]));
    }
    (child, begun.elapsed().as_secs_f64() * 1_000.0)
}

/// CPU per second and memory of a process that has nothing to do.
fn idle(what: &str, pid: u32) {
    std::thread::sleep(Duration::from_secs(5));
    let (mut before, begun, mut used) = (cpu_of_threads(pid), Instant::now(), 0.0);
    // Threads come and go: looked at each second, hardly anything of one that ends is missed.
    for _ in 0..IDLE {
        std::thread::sleep(Duration::from_secs(1));
        let now = cpu_of_threads(pid);
        used += now.iter().map(|(thread, ns)| ns - before.get(thread).unwrap_or(&0.0)).sum::<f64>();
        before = now;
    }
    let per_second = used / 1e6 / begun.elapsed().as_secs_f64();
    println!("{what:<44} {per_second:>8.3} ms CPU/s idle  {:>7.1} MiB RSS", rss_mib(pid));
}

/// Lateness of bursts with a daemon inside this process.
fn bursts(folder: &Path, stored: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let core = core(folder);
    let stop = Stop::default();
    let handle = runtime.spawn(serve(core.clone(), Wake::default(), stop.clone()));
    std::thread::sleep(Duration::from_secs(2));
    for burst in 0..BURSTS {
        let at = core.now() + SignedDuration::from_secs(5);
        let zoned = at.to_zoned(jiff::tz::TimeZone::get("America/New_York").unwrap());
        let (second, minute, hour) = (zoned.second(), zoned.minute(), zoned.hour());
        let cron = format!("{second} {minute} {hour} {} {} *", zoned.day(), zoned.month());
        put(&core, (0..BURST).map(|n| (format!("burst-{burst}-{n}"), cron.clone())));
        // What a command does after a change.
        legwork::daemon::control::wake(&core.config.socket());
        let begun = Instant::now();
        while core.lateness.noted() < BURST as u64 * (burst as u64 + 1) {
            assert!(begun.elapsed() < Duration::from_mins(1), "burst {burst} was not handed over");
            std::thread::sleep(Duration::from_millis(20));
        }
        std::thread::sleep(Duration::from_secs(3));
    }
    let ms = |share| core.lateness.quantile(share).unwrap().as_secs_f64() * 1_000.0;
    let (p50, p99, most) = (ms(0.5), ms(0.99), ms(1.0));
    println!(
        "{:<44} {p50:>8.2} ms p50  {p99:>7.2} ms p99  {most:>7.2} ms most, {} values",
        format!("lateness, {BURST} at once, {stored} stored"),
        core.lateness.noted()
    );
    stop.gently.cancel();
    stop.now.cancel();
    drop(runtime.block_on(handle));
    runtime.shutdown_timeout(Duration::from_secs(5));
    let lost = core.store.read_blocking("count", |connection| {
        connection.query_row(
            "select count(*) from definition d where name like 'burst-%' and
             (select count(*) from occurrence o where o.definition_id = d.definition_id) <> 1",
            [],
            |row| row.get::<_, i64>(0),
        )
    });
    println!("{:<44} {:>8} lost or doubled", "bursts", lost.unwrap());
}

fn take_up(folder: &Path, files: usize) {
    config(folder);
    for n in 0..files {
        let cron = format!("{} {} * * *", n % 60, n / 60 % 24);
        fs::write(folder.join(format!("jobs/job-{n}.toml")), job(&cron)).unwrap();
    }
    let begun = Instant::now();
    assert!(legwork(folder, &["apply"]).status().unwrap().success());
    println!("{:<44} {:>8.2} s", format!("apply, {files} new job files"), begun.elapsed().as_secs_f64());
}

fn simulate(folder: &Path) {
    config(folder);
    let core = core(folder);
    put(&core, (0..1_000).map(|n| (format!("daily-{n}"), format!("{} {} * * *", n % 60, n / 60 % 24))));
    drop(core);
    let begun = Instant::now();
    let year = ["simulate", "--from", "2026-01-01T00:00Z", "--to", "2027-01-01T00:00Z"];
    assert!(legwork(folder, &year).status().unwrap().success());
    println!("{:<44} {:>8.2} s", "simulate, 1,000 jobs, a year", begun.elapsed().as_secs_f64());
}

/// The same with tokio-cron-scheduler: jobs that never fire, and a thousand that fire in the same second.
fn tokio_cron_scheduler(stored: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let fired: Arc<std::sync::Mutex<Vec<Timestamp>>> = Arc::default();
    let due = Timestamp::now() + SignedDuration::from_secs(60 + i64::try_from(stored / 1_000).unwrap());
    let due = Timestamp::from_second(due.as_second()).unwrap();
    let zoned = due.to_zoned(jiff::tz::TimeZone::UTC);
    let burst = format!("{} {} {} * * *", zoned.second(), zoned.minute(), zoned.hour());
    let scheduler = runtime.block_on(async {
        let scheduler = JobScheduler::new_with_channel_size(8_192).await.unwrap();
        for n in 0..stored {
            let cron = if n < BURST { burst.clone() } else { "0 0 0 1 1 *".to_owned() };
            let fired = fired.clone();
            let job = Job::new_async(cron.as_str(), move |_, _| {
                let fired = fired.clone();
                Box::pin(async move { fired.lock().unwrap().push(Timestamp::now()) })
            });
            scheduler.add(job.unwrap()).await.unwrap();
        }
        scheduler.start().await.unwrap();
        scheduler
    });
    assert!(Timestamp::now() < due, "adding took longer than expected");
    let what = format!("tokio-cron-scheduler, {stored} jobs");
    if (IDLE + 8) < u64::try_from(due.duration_since(Timestamp::now()).as_secs()).unwrap() {
        idle(&what, std::process::id());
    }
    while Timestamp::now() < due + SignedDuration::from_secs(5) {
        std::thread::sleep(Duration::from_millis(100));
    }
    let mut late: Vec<f64> =
        fired.lock().unwrap().iter().map(|at| at.duration_since(due).as_secs_f64() * 1_000.0).collect();
    late.sort_by(f64::total_cmp);
    let at = |share: f64| late.get((late.len() as f64 * share) as usize).copied().unwrap_or(f64::NAN);
    println!(
        "{:<44} {:>8.2} ms p50  {:>7.2} ms p99, {} of {BURST} fired",
        "lateness of 1,000 at once",
        at(0.5),
        at(0.99),
        late.len()
    );
    drop(scheduler);
    runtime.shutdown_timeout(Duration::from_secs(5));
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let stored: usize = arguments.iter().find_map(|text| text.parse().ok()).unwrap_or(1_000_000);
    let folder = || tempfile::Builder::new().prefix("legwork-bench-").tempdir().unwrap();
    if arguments.iter().any(|argument| argument == "peers") {
        tokio_cron_scheduler(100_000);
        let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/benches/apscheduler_peer.py");
        assert!(Command::new(python).arg(script).arg("100000").status().unwrap().success());
        return;
    }
    let main = folder();
    config(main.path());
    let opened = core(main.path());
    let begun = Instant::now();
    // Due in eight months: nothing of them is planned meanwhile.
    let cron = |n: usize| format!("{} {} 1 {} *", n % 60, n / 60 % 24, 1 + (n / 1_440) % 6);
    put(&opened, (0..stored).map(|n| (format!("report-{n}"), cron(n))));
    drop(opened);
    println!("{:<44} {:>8.1} s", format!("put {stored} definitions"), begun.elapsed().as_secs_f64());
    let size = fs::metadata(main.path().join("state/legwork.db")).unwrap().len();
    println!("{:<44} {:>8.0} MiB", "database", size as f64 / 1_048_576.0);
    let (mut child, ready) = start(main.path());
    println!("{:<44} {ready:>8.0} ms", "start to ready");
    idle(&format!("daemon, {stored} definitions"), child.id());
    child.kill().unwrap();
    child.wait().unwrap();
    bursts(main.path(), stored);
    drop(main);
    take_up(folder().path(), stored.min(100_000));
    simulate(folder().path());
}
