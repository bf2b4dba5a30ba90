//! What tests share: a Legwork of their own in a folder of their own, and servers.

pub mod browser;
pub mod far;
pub mod letters;
pub mod nginx;
pub mod places;
pub mod proxy;
pub mod smtp;
pub mod vendor;
pub mod web;
pub mod world;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use legwork::clock::Clock;
use legwork::config::{Config, Referable};
use legwork::daemon::generate::{Order, generate};
use legwork::daemon::progress::Progress;
use legwork::domain::definition::Definition;
use legwork::domain::record::Record;
use legwork::import;
use legwork::store::Store;
use legwork::zones::Zones;
use rusqlite::Connection;
use tempfile::TempDir;

/// The repository, or the copy of it that the test user can read.
pub fn root() -> PathBuf {
    std::env::var_os("LEGWORK_TEST_ROOT").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from)
}

/// The program under test.
pub fn program() -> PathBuf {
    std::env::var_os("LEGWORK_TEST_BIN").map_or_else(|| env!("CARGO_BIN_EXE_legwork").into(), PathBuf::from)
}

/// A Python that has the packages of `tests/requirements.txt`.
pub fn python() -> String {
    std::env::var("LEGWORK_TEST_PYTHON").expect("run the tests by tests/run: it installs what they need")
}

/// A file system of one megabyte, for one test at a time.
pub fn small() -> Small {
    static SMALL: Mutex<()> = Mutex::new(());
    let folder =
        std::env::var_os("LEGWORK_TEST_SMALL").expect("run the tests by tests/run: it mounts a small tmpfs");
    Small { folder: folder.into(), _turn: SMALL.lock().unwrap_or_else(PoisonError::into_inner) }
}

/// The turn at the small file system.
pub struct Small {
    folder: PathBuf,
    _turn: MutexGuard<'static, ()>,
}

impl Small {
    /// Leaves so many bytes free; takes back the room that it took before.
    pub fn fill_up_to(&self, free: usize) {
        let filler = self.folder.join("filler");
        drop(fs::remove_file(&filler));
        let said = Command::new("df").args(["--output=avail", "-B1"]).arg(&self.folder).output().unwrap();
        let left: usize =
            String::from_utf8(said.stdout).unwrap().lines().last().unwrap().trim().parse().unwrap();
        fs::write(filler, vec![0; left.saturating_sub(free)]).unwrap();
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // The next one finds it empty, also after a test that failed.
        for name in files(&self.folder) {
            let path = self.folder.join(name);
            drop(fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path)));
        }
    }
}

impl std::ops::Deref for Small {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.folder
    }
}

/// A number from the environment: where a long form begins, how many rounds it makes.
pub fn variable(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// splitmix64: the moments follow from the seed.
pub fn dice(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A loopback port that was free a moment ago.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Waits for something to become true; says what was seen last when it does not within 60 s.
pub fn wait_for<T: std::fmt::Debug>(what: &str, mut look: impl FnMut() -> Result<T, String>) -> T {
    let begun = Instant::now();
    loop {
        match look() {
            Ok(value) => return value,
            Err(seen) if begun.elapsed() > Duration::from_mins(1) => {
                panic!("waited for {what}; last seen: {seen}")
            }
            Err(_) => std::thread::park_timeout(Duration::from_millis(20)),
        }
    }
}

/// A Legwork with config, jobs and state in a folder that vanishes with it.
pub struct Legwork {
    pub folder: TempDir,
}

/// What a command printed, and its exit code.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ran {
    /// Asserts the exit code and returns standard output.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }

    /// Asserts the exit code and returns everything that was printed.
    #[track_caller]
    pub fn fails(self, code: i32) -> String {
        assert_eq!(self.code, code, "{self:?}");
        format!("{}{}", self.out, self.err)
    }
}

impl Legwork {
    /// With this config behind the paths.
    pub fn new(config: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("legwork-it-").tempdir().unwrap();
        let paths = "[paths]\njobs = \"jobs\"\nstate = \"state\"\nruntime = \"run\"\n";
        fs::write(folder.path().join("legwork.toml"), format!("{paths}{config}")).unwrap();
        for name in ["jobs", "out"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        Self { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn job(&self, name: &str, text: &str) {
        fs::write(self.path("jobs").join(format!("{name}.toml")), text).unwrap();
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.arg("--config").arg(self.path("legwork.toml")).args(arguments);
        command.stdin(Stdio::null()).env_remove("JOURNAL_STREAM").env_remove("NOTIFY_SOCKET");
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.command(arguments).output().unwrap().into()
    }

    /// Runs a command with text as its standard input.
    pub fn run_with(&self, arguments: &[&str], input: &str) -> Ran {
        let input_file = self.path("input");
        fs::write(&input_file, input).unwrap();
        let mut command = self.command(arguments);
        command.stdin(fs::File::open(input_file).unwrap()).output().unwrap().into()
    }

    /// Imports records, one JSON object each.
    pub fn import(&self, lines: &str) {
        self.run_with(&["import", "-"], lines).ok();
    }

    /// The ledger, to look into.
    pub fn ledger(&self) -> Connection {
        let connection = Connection::open(self.path("state/legwork.db")).unwrap();
        connection.busy_timeout(Duration::from_secs(10)).unwrap();
        connection
    }

    /// The ledger, once the program has made it.
    pub fn ledger_when_there(&self) -> Connection {
        let path = self.path("state/legwork.db");
        wait_for("the ledger", || if path.exists() { Ok(()) } else { Err(String::new()) });
        self.ledger()
    }

    /// A single text or number out of the ledger; NULL is the empty text.
    pub fn ask(&self, sql: &str) -> String {
        self.ledger()
            .query_row(sql, [], |row| {
                Ok(match row.get_ref(0)? {
                    rusqlite::types::ValueRef::Integer(number) => number.to_string(),
                    rusqlite::types::ValueRef::Text(text) => String::from_utf8(text.to_vec()).unwrap(),
                    rusqlite::types::ValueRef::Null
                    | rusqlite::types::ValueRef::Real(_)
                    | rusqlite::types::ValueRef::Blob(_) => String::new(),
                })
            })
            .unwrap_or_else(|error| format!("{sql}: {error}"))
    }

    /// Waits until a question has this answer.
    pub fn wait_until(&self, sql: &str, answer: &str) {
        wait_for(sql, || {
            let seen = self.ask(sql);
            if seen == answer { Ok(()) } else { Err(format!("{seen}\n{}", self.log())) }
        });
    }

    /// Files of the `out` folder by name.
    pub fn out(&self) -> Vec<String> {
        files(&self.path("out"))
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.path("serve.log")).unwrap_or_default()
    }

    /// Starts the daemon and waits until it serves.
    pub fn serve(&self) -> Daemon {
        let daemon = self.serve_unready();
        wait_for(
            "the daemon",
            || if self.path("run/legwork.sock").exists() { Ok(()) } else { Err(self.log()) },
        );
        daemon
    }

    pub fn serve_unready(&self) -> Daemon {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.path("serve.log")).unwrap();
        let child = self.command(&["serve"]).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        Daemon { child }
    }
}

/// Files of a folder by name; hidden ones too.
pub fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The bytes of the file that a job makes at a nominal instant, made within the test.
pub fn generated(store: &Store, job: &str, nominal: Timestamp, target: &Path) -> Vec<u8> {
    let definition = parsed(job);
    let rules = &definition.report;
    let period = rules.period.resolve(nominal, &rules.zone, rules.week_start).unwrap();
    let order = Order { definition: &definition, period, nominal, target };
    generate(store.reader().unwrap(), order, &Progress::default())
        .unwrap_or_else(|error| panic!("{error}\n{job}"));
    fs::read(target).unwrap()
}

/// The definition of a job under the default config.
pub fn parsed(job: &str) -> Definition {
    static CONFIG: LazyLock<Config> = LazyLock::new(legwork::config::defaults);
    static ZONES: LazyLock<Zones> = LazyLock::new(Zones::default);
    let known = Referable::new(&CONFIG, &ZONES);
    let parsed = legwork::jobfile::parse("job", "job", job, &known);
    parsed.definition.unwrap_or_else(|| panic!("{:?}\n{job}", parsed.problems))
}

/// Records out of the lines of a feed, all of which are good.
pub fn records(lines: &str) -> Vec<Record> {
    let mut records = Vec::new();
    let read = import::read(&mut lines.as_bytes(), None, import::Pack::of(usize::MAX), &mut |pack| {
        assert_eq!(pack.bad, []);
        records.extend(pack.records.into_records());
        Some(import::Pack::of(usize::MAX))
    });
    read.unwrap();
    records
}

/// A store of its own in a Legwork's folder, opened within the test.
pub fn store(legwork: &Legwork) -> Store {
    Store::open(&legwork.path("legwork.db"), Clock::System.now()).unwrap()
}

/// A running daemon; killed when it goes out of scope.
pub struct Daemon {
    pub child: Child,
}

impl Daemon {
    /// Asks it to stop and waits for its end.
    pub fn stop(mut self) -> i32 {
        self.signal("TERM");
        self.child.wait().unwrap().code().unwrap_or(-1)
    }

    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A report job over the store for one UTC day, with more TOML behind it.
pub fn job(period: &str, rest: &str) -> String {
    format!(
        "[report]\ntype = \"interaction-details-by-segment\"\ntime_zone = \"UTC\"\nperiod = {period}\n{rest}"
    )
}

/// One ended interaction with one answered segment.
pub fn segment(id: &str, at: &str) -> String {
    format!(
        "{{\"kind\":\"segment\",\"id\":\"{id}\",\"interaction_id\":\"cc-{id}\",\"agent_email\":\"jane@x.example\",\
         \"agent_name\":\"Jane\",\"start\":\"{at}\",\"end\":\"{at}\",\"status\":\"Resolved\",\
         \"disconnecting_event\":\"Agent Hangup\"}}\n"
    )
}
