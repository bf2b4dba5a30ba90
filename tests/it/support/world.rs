//! A whole daemon inside the test, over a clock that the test sets and a real database file.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use legwork::clock::Clock;
use legwork::daemon::{Core, Stop, Wake, serve};
use tokio::runtime::Runtime;

use super::Legwork;

/// A daemon that lives in the test's time.
pub struct World {
    pub legwork: Legwork,
    pub clock: Clock,
    running: Option<(Runtime, Stop)>,
}

impl World {
    /// Not started yet.
    pub fn new(config: &str, at: &str) -> Self {
        let clock = Clock::settable(at.parse().unwrap());
        Self { legwork: Legwork::new(config), clock, running: None }
    }

    /// A started one with these jobs, everything taken up.
    pub fn with(config: &str, at: &str, jobs: &[(&str, String)]) -> Self {
        let mut world = Self::new(config, at);
        for (name, text) in jobs {
            world.legwork.job(name, text);
        }
        world.start();
        world.until("select count(*) from definition", &jobs.len().to_string());
        world
    }

    pub fn core(&self) -> Arc<Core> {
        // The program does so first thing in `main`.
        drop(rustls::crypto::ring::default_provider().install_default());
        let config = legwork::config::load(Some(&self.legwork.path("legwork.toml"))).unwrap();
        Arc::new(Core::open(config, self.clock.clone()).unwrap())
    }

    pub fn start(&mut self) {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (core, stop) = (self.core(), Stop::default());
        let halt = stop.clone();
        let (wake, page) = (Wake::default(), runtime.block_on(legwork::web::listen(&core)).unwrap());
        if let Some(page) = page {
            let (core, wake, gently) = (core.clone(), wake.clone(), halt.gently.clone());
            runtime.spawn(async move { legwork::web::serve(page, core, wake, gently).await });
        }
        runtime.spawn(async move { serve(core, wake, halt).await.unwrap() });
        self.running = Some((runtime, stop));
    }

    /// Ends the daemon between two steps of whatever it does.
    pub fn crash(&mut self) {
        if let Some((runtime, _)) = self.running.take() {
            runtime.shutdown_timeout(Duration::from_secs(10));
        }
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn set(&self, at: &str) {
        self.clock.set(at.parse().unwrap());
    }

    /// Lets time pass.
    pub fn pass(&self, seconds: i64) {
        self.clock.set(self.now() + SignedDuration::from_secs(seconds));
    }

    /// Waits until a question has this answer, looking often.
    pub fn until(&self, sql: &str, answer: &str) {
        let begun = Instant::now();
        let ledger = self.legwork.ledger_when_there();
        loop {
            let seen: String = ledger
                .query_row(&format!("select cast(({sql}) as text)"), [], |row| {
                    row.get::<_, Option<String>>(0)
                })
                .map_or_else(|error| error.to_string(), Option::unwrap_or_default);
            if seen == answer {
                return;
            }
            assert!(
                begun.elapsed() < Duration::from_mins(1),
                "waited for {answer} of {sql}; last seen: {seen}"
            );
            std::thread::park_timeout(Duration::from_millis(2));
        }
    }

    /// Waits until everything that has fallen due has come to an end.
    pub fn settled(&self) {
        let now = self.now().strftime("%Y-%m-%dT%H:%M:%S.999Z");
        // With the condition of the index: there may be many ended ones.
        let open = "select count(*) from occurrence where state in ('planned', 'due', 'running')";
        self.until(
            &format!(
                "select (select count(*) from schedule where next_at <= '{now}')
                      + ({open} and state = 'planned' and due_at <= '{now}')
                      + ({open} and state = 'running') + ({open} and state = 'due' and retry_at is null)
                      + ({open} and state = 'due' and retry_at <= '{now}')
                      + (select count(*) from delivery where state = 'pending' and next_attempt_at <= '{now}')"
            ),
            "0",
        );
    }

    pub fn ask(&self, sql: &str) -> String {
        self.legwork.ask(sql)
    }

    /// States of all occurrences in the order of their instants; a rule instead of `skipped`.
    pub fn states(&self) -> String {
        self.ask(
            "select group_concat(ifnull(rule, state), ' ') from
                 (select rule, state from occurrence where state <> 'planned' order by nominal_at)",
        )
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.crash();
    }
}
