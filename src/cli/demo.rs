//! `legwork demo`: the whole line, from segments to a file and a mail, by a real daemon on a real schedule.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Args;

use super::exit::{Exit, told};
use super::out::say;
use crate::centre::{Centre, csv_header};
use crate::clock::{Clock, Stopwatch};
use crate::domain::record::Record;
use crate::domain::units::grouped;
use crate::store::definitions::Eyes;
use crate::store::{Store, overview};

/// Segments and days of the demo.
const SEGMENTS: u64 = 5_000;
const DAYS: u64 = 3;
/// The schedule falls due this long after the jobs are written: the daemon has started by then.
const DUE_IN_S: i64 = 3;
/// How long the daemon may take for both reports.
const LIMIT: Duration = Duration::from_mins(1);

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub(super) struct DemoArguments {
    /// The folder in which everything happens; a new one below the system's temporary folder when absent.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Keep the daemon running until it is stopped with Ctrl-C.
    #[arg(long)]
    stay: bool,
    /// Write a contact centre of about this many segments to --export, and nothing else.
    #[arg(long, requires = "export")]
    segments: Option<u64>,
    /// Days over which --segments are spread.
    #[arg(long, requires = "export", default_value_t = DAYS)]
    days: u64,
    /// The file: NDJSON, or the flat CSV form when it ends in .csv.
    #[arg(long, value_name = "FILE", requires = "segments")]
    export: Option<PathBuf>,
}

pub(super) fn demo(arguments: &DemoArguments) -> anyhow::Result<Exit> {
    if let (Some(segments), Some(file)) = (arguments.segments, &arguments.export) {
        let written = export(segments, arguments.days, file)?;
        say!("{} segments over {} days in {}", grouped(written), arguments.days, file.display())?;
        return Ok(Exit::Done);
    }
    let folder = match &arguments.folder {
        Some(folder) => {
            std::fs::create_dir_all(folder).with_context(|| format!("make `{}`", folder.display()))?;
            let empty = std::fs::read_dir(folder)?.next().is_none();
            ensure!(empty, "the folder `{}` is not empty; name a new one", folder.display());
            std::path::absolute(folder)?
        }
        None => tempfile::Builder::new().prefix("legwork-demo-").tempdir()?.keep(),
    };
    let page = free_port().context("find a free port")?;
    Demo { folder, program: std::env::current_exe().context("find this program")?, page }.run(arguments.stay)
}

fn export(segments: u64, days: u64, file: &Path) -> anyhow::Result<u64> {
    let mut centre = Centre::new(segments, days);
    let mut out = BufWriter::with_capacity(
        1 << 20,
        File::create(file).with_context(|| format!("create `{}`", file.display()))?,
    );
    if file.extension().is_some_and(|extension| extension == "csv") {
        let mut out = csv::Writer::from_writer(out);
        out.write_record(csv_header())?;
        while let Some(records) = centre.next_interaction() {
            for row in Centre::flat(&records) {
                out.write_record(row)?;
            }
        }
        out.flush()?;
    } else {
        let mut write = |record: &Record| -> anyhow::Result<()> {
            serde_json::to_writer(&mut out, record)?;
            Ok(out.write_all(b"\n")?)
        };
        for record in centre.agents() {
            write(&record)?;
        }
        while let Some(records) = centre.next_interaction() {
            records.iter().try_for_each(&mut write)?;
        }
        write(&centre.coverage())?;
        out.flush()?;
    }
    Ok(centre.segments)
}

struct Demo {
    folder: PathBuf,
    program: PathBuf,
    /// Where its page is.
    page: SocketAddr,
}

/// A port of this host that nobody listens on now.
fn free_port() -> std::io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

const CONFIG: &str = "\
# Everything of this demo stays in this folder. Mail goes to `outbox/` as .eml files and is not sent.
[paths]
jobs    = \"jobs\"
state   = \"state\"
runtime = \"run\"

[relay.outbox]
outbox = \"outbox\"
from   = \"Legwork <reports@centre.example>\"

[list]
supervisors = [\"Supervisors <supervisors@centre.example>\", \"night.shift@centre.example\"]
";

impl Demo {
    fn run(&self, stay: bool) -> anyhow::Result<Exit> {
        let watch = Stopwatch::start();
        say!("Legwork demo: a contact centre of 20 agents and 5 queues, three days around a clock change.")?;
        say!("Everything happens in {}\n", self.folder.display())?;
        for name in ["jobs", "reports"] {
            std::fs::create_dir(self.folder.join(name)).with_context(|| format!("make `{name}`"))?;
        }
        let config = format!("{CONFIG}\n[web]\nlisten = \"{}\"\n", self.page);
        std::fs::write(self.folder.join("legwork.toml"), config)?;
        let feed = self.folder.join("centre.ndjson");
        export(SEGMENTS, DAYS, &feed)?;
        say!("1. import the segments")?;
        self.show(&["import", &feed.display().to_string()])?;
        say!("\n2. write two jobs that fall due in {DUE_IN_S} seconds, and start the daemon")?;
        self.write_jobs()?;
        let mut daemon = self.start()?;
        let waited = self.wait_for_files(&mut daemon);
        let told = waited.and_then(|files| self.tell(&files));
        if told.is_err() || !stay {
            stop(&mut daemon)?;
        }
        let rows = told?;
        say!("\nDone in {:.1} s: {} rows in two files.", watch.elapsed().as_secs_f64(), grouped(rows))?;
        self.tell_next(stay)?;
        if stay {
            daemon.wait()?;
        }
        Ok(Exit::Done)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--config").arg(self.folder.join("legwork.toml")).args(arguments);
        command
    }

    /// Runs a command of Legwork as a user would, and shows it.
    fn show(&self, arguments: &[&str]) -> anyhow::Result<()> {
        say!("$ legwork --config legwork.toml {}", arguments.join(" "))?;
        let status = self.command(arguments).stdin(Stdio::null()).status()?;
        ensure!(status.success(), "`legwork {}` ended with {status}", arguments.join(" "));
        Ok(())
    }

    fn write_jobs(&self) -> anyhow::Result<()> {
        let reports = self.folder.join("reports");
        let zone = jiff::tz::TimeZone::UTC;
        let due = (Clock::System.now() + jiff::SignedDuration::from_secs(DUE_IN_S)).to_zoned(zone);
        let due = due.strftime("%Y-%m-%dT%H:%M:%S");
        let jobs = [
            (
                "segments-three-days",
                "All segments of the three days, for the supervisors",
                "{ from = \"2026-10-31\", to = \"2026-11-03\" }",
                "",
                format!(
                    "[[deliver]]\nemail = {{ to = [\"supervisors\"], subject = \"Segments {{{{ period.start | date }}}}\" }}\n\n[[deliver]]\ndirectory = {{ path = \"{}\" }}\n",
                    reports.display()
                ),
            ),
            (
                "voice-on-the-long-day",
                "Inbound calls of 1 November 2026, a day of 25 hours",
                "{ from = \"2026-11-01\", to = \"2026-11-02\" }",
                "filters   = { channels = [\"Voice\", \"Voice VIP\"], direction = \"Inbound\" }\n",
                format!("[[deliver]]\ndirectory = {{ path = \"{}\" }}\n", reports.display()),
            ),
        ];
        for (name, description, period, filters, deliver) in jobs {
            let text = format!(
                "name        = \"{name}\"\ndescription = \"{description}\"\n\n[report]\ntype      = \"interaction-details-by-segment\"\n\
                 time_zone = \"America/New_York\"\nperiod    = {period}\n{filters}\n[[schedule]]\nonce      = \"{due}\"\n\
                 time_zone = \"UTC\"\n\n{deliver}"
            );
            std::fs::write(self.folder.join("jobs").join(format!("{name}.toml")), text)?;
        }
        Ok(())
    }

    fn start(&self) -> anyhow::Result<Child> {
        say!("$ legwork --config legwork.toml serve        (its log: serve.log)")?;
        let log = File::create(self.folder.join("serve.log"))?;
        let mut command = self.command(&["serve"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).env_remove("JOURNAL_STREAM");
        command.spawn().context("start the daemon")
    }

    /// Waits until both reports are made and delivered.
    fn wait_for_files(&self, daemon: &mut Child) -> anyhow::Result<Vec<PathBuf>> {
        let watch = Stopwatch::start();
        let log = self.folder.join("serve.log");
        let database = self.folder.join("state/legwork.db");
        let store = Store::open(&database, Clock::System.now())?;
        loop {
            if let Some(status) = daemon.try_wait()? {
                return Err(told(
                    Exit::Failed,
                    format!("the daemon ended with {status}; see {}", log.display()),
                ));
            }
            let occurrences =
                store.read_blocking("read the runs", |c| overview::occurrences(c, Eyes::ALL, None, 10))?;
            let mut files = Vec::new();
            for occurrence in &occurrences {
                if let Some(error) = occurrence.run.as_ref().and_then(|run| run.error.as_ref()) {
                    return Err(told(Exit::Failed, format!("{}: {error}", occurrence.name)));
                }
                let Some(run) = occurrence.run.as_ref().filter(|run| run.file.is_some()) else { continue };
                let sent = store.read_blocking("read the deliveries", |c| {
                    crate::store::deliveries::of_run(c, run.run_id)
                })?;
                let done = |state: &str| state == "delivered" || state == "outbox";
                if !sent.is_empty() && sent.iter().all(|delivery| done(&delivery.state)) {
                    let file = run.file.as_ref().map(|file| file.file_name.clone()).unwrap_or_default();
                    files.push(self.folder.join("reports").join(file));
                }
            }
            if files.len() == 2 {
                return Ok(files);
            }
            ensure!(watch.elapsed() < LIMIT, "the reports were not delivered in time; see {}", log.display());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Shows what came of it; fails when a file has no rows.
    fn tell(&self, files: &[PathBuf]) -> anyhow::Result<u64> {
        say!("\n3. what there is now")?;
        self.show(&["list"])?;
        say!("\n4. where it is")?;
        let mut rows = 0;
        for file in files {
            let count = csv::Reader::from_path(file)?.into_records().count();
            ensure!(0 < count, "`{}` has no rows", file.display());
            rows += u64::try_from(count).unwrap_or(0);
            say!("file    {}  ({} rows)", file.display(), grouped(u64::try_from(count).unwrap_or(0)))?;
        }
        let mut mails: Vec<PathBuf> =
            std::fs::read_dir(self.folder.join("outbox"))?.flatten().map(|mail| mail.path()).collect();
        mails.sort();
        for mail in &mails {
            say!("mail    {}  (written to outbox, not sent)", mail.display())?;
        }
        if let Some(file) = files.iter().find(|file| file.display().to_string().contains("three-days")) {
            say!("\n5. the first rows of {}", file.file_name().unwrap_or_default().display())?;
            for line in BufReader::new(File::open(file)?).lines().take(4) {
                let line = line?;
                let shown: String = line.chars().take(160).collect();
                say!("{shown}{}", if shown.len() < line.len() { "…" } else { "" })?;
            }
        }
        Ok(rows)
    }

    fn tell_next(&self, stay: bool) -> anyhow::Result<()> {
        let config = self.folder.join("legwork.toml");
        say!("\nWhat to try next:")?;
        say!("  export LEGWORK_CONFIG={}", config.display())?;
        say!("  legwork why segments-three-days            what happened, step by step")?;
        say!("  legwork run voice-on-the-long-day --period 2026-10-31..2026-11-01")?;
        say!(
            "  legwork check                              change a job in {} and see",
            self.folder.join("jobs").display()
        )?;
        say!(
            "  legwork serve                              the daemon, with its page at http://{}/",
            self.page
        )?;
        if stay {
            say!("\nThe daemon goes on, with its page at http://{}/; Ctrl-C stops it.", self.page)?;
        }
        Ok(())
    }
}

fn stop(daemon: &mut Child) -> anyhow::Result<()> {
    if let Some(pid) = i32::try_from(daemon.id()).ok().and_then(rustix::process::Pid::from_raw) {
        // It may have ended by itself.
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap_or_default();
    }
    daemon.wait()?;
    Ok(())
}
