//! The real daemon: schedules, the jobs folder, pauses, missed instants, the stop.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::{Legwork, files, job, segment, wait_for};

const EVERY_SECOND: &str = "[[schedule]]\ncron = \"* * * * * *\"\n";

fn directory(legwork: &Legwork) -> String {
    format!("[[deliver]]\ndirectory = {{ path = \"{}\", mode = \"0644\" }}\n", legwork.path("out").display())
}

fn instant(seconds: i64) -> String {
    let now =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs().cast_signed();
    jiff::Timestamp::from_second(now + seconds).unwrap().strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

#[test]
fn a_scheduled_report_is_made_delivered_and_lights_the_dot() {
    let legwork = Legwork::new("");
    legwork.import(&segment("s1", "2026-06-10T08:00:00Z"));
    let once = format!("[[schedule]]\nonce = \"{}\"\n{}", instant(2), directory(&legwork));
    legwork.job("day", &job("{ from = \"2026-06-10\", to = \"2026-06-11\" }", &once));
    let daemon = legwork.serve();
    legwork.wait_until("select state from delivery", "delivered");
    let list = legwork.run(&["list"]).ok();
    assert!(list.contains("● yes  day") && list.contains("fresh"), "{list}");
    assert_eq!(legwork.out(), ["day_2026-06-10.csv"]);
    let made =
        fs::read(legwork.path("state/artifacts").join(legwork.ask("select path from artifact"))).unwrap();
    assert_eq!(fs::read(legwork.path("out/day_2026-06-10.csv")).unwrap(), made);
    let mode = fs::metadata(legwork.path("out/day_2026-06-10.csv")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644);
    assert_eq!(fs::metadata(legwork.path("state/legwork.db")).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(daemon.stop(), 0);
    // A day later the dot is out: the same list, a ledger whose file is a day older.
    legwork.ledger().execute("update artifact set generated_at = '2026-01-01T00:00:00.000Z'", []).unwrap();
    let list = legwork.run(&["list"]).ok();
    assert!(list.contains("no  day") && !list.contains("fresh"), "{list}");
}

#[test]
fn the_folder_is_watched_and_a_broken_file_leaves_the_last_good_version_in_force() {
    let legwork = Legwork::new("");
    legwork.job("one", &job("\"yesterday\"", ""));
    let daemon = legwork.serve();
    legwork.wait_until("select count(*) from definition", "1");
    legwork.job("two", &job("\"yesterday\"", ""));
    legwork.wait_until("select count(*) from definition", "2");
    legwork.job("one", "broken = [");
    legwork.wait_until("select count(*) from load_problem", "1");
    let list = legwork.run(&["list"]).ok();
    assert!(list.contains("one.toml:1:") && list.contains(" !"), "{list}");
    assert_eq!(legwork.ask("select group_concat(state) from definition"), "active,active");
    legwork.run(&["run", "one"]).ok();
    legwork.job("one", &job("\"today\"", ""));
    legwork.wait_until("select number from definition_version order by version_id desc limit 1", "2");
    assert_eq!(legwork.ask("select count(*) from load_problem"), "0");
    let version =
        legwork.ask("select v.number from occurrence o join definition_version v using (version_id)");
    assert_eq!(version, "1", "a run keeps the version that it used");
    daemon.signal("HUP");
    wait_for("SIGHUP to be heard", || {
        let log = legwork.log();
        if log.contains("told to load the jobs again") { Ok(()) } else { Err(log) }
    });
    daemon.stop();
}

#[test]
fn a_removed_file_retires_its_definition_and_a_returning_name_has_its_history() {
    let legwork = Legwork::new("");
    for name in ["one", "two", "three"] {
        legwork.job(name, &job("\"yesterday\"", ""));
    }
    let daemon = legwork.serve();
    legwork.wait_until("select count(*) from definition", "3");
    legwork.run(&["run", "one"]).ok();
    fs::remove_file(legwork.path("jobs/one.toml")).unwrap();
    legwork.wait_until("select state from definition where name = 'one'", "retired");
    assert!(!legwork.run(&["list"]).ok().contains("one"));
    legwork.job("renamed", &format!("name = \"one\"\n{}", job("\"yesterday\"", "")));
    legwork.wait_until("select state from definition where name = 'one'", "active");
    assert!(legwork.run(&["runs", "one"]).ok().contains("done"));
    daemon.stop();
}

#[test]
fn a_folder_that_would_retire_most_definitions_retires_none_and_tells_the_owners() {
    let legwork = Legwork::new("[relay.main]\noutbox = \"outbox\"\nfrom = \"r@x.example\"\n");
    for name in ["one", "two", "three"] {
        legwork.job(name, &format!("owner = \"boss@x.example\"\n{}", job("\"yesterday\"", "")));
    }
    let daemon = legwork.serve();
    legwork.wait_until("select count(*) from definition", "3");
    fs::rename(legwork.path("jobs"), legwork.path("elsewhere")).unwrap();
    legwork.wait_until("select count(*) from load_problem", "1");
    assert_eq!(legwork.ask("select count(*) from definition where state = 'active'"), "3");
    assert!(legwork.run(&["list"]).ok().contains("cannot be read"));
    legwork.wait_until("select state from delivery where kind = 'notice'", "outbox");
    let mail = fs::read_to_string(legwork.path("outbox").join(&files(&legwork.path("outbox"))[0])).unwrap();
    assert!(mail.contains("To: boss@x.example") && mail.contains("cannot be read"), "{mail}");
    fs::create_dir(legwork.path("jobs")).unwrap();
    legwork.run(&["apply"]).fails(2);
    assert_eq!(legwork.ask("select count(*) from definition where state = 'active'"), "3");
    legwork.run(&["apply", "--allow-retire"]).ok();
    assert_eq!(legwork.ask("select count(*) from definition where state = 'active'"), "0");
    daemon.stop();
}

#[test]
fn pause_plans_nothing_and_resume_acts_forward_only() {
    let legwork = Legwork::new("");
    legwork.job("tick", &job("\"yesterday\"", EVERY_SECOND));
    let daemon = legwork.serve();
    legwork.wait_until("select count(*) >= 2 from occurrence where state = 'done'", "1");
    legwork.run(&["pause", "tick"]).ok();
    let paused = legwork.ask("select from_at from unplanned");
    assert!(legwork.run(&["list"]).ok().contains("paused"));
    legwork.run(&["run", "tick"]).ok();
    legwork.run(&["resume", "tick"]).ok();
    let resumed = legwork.ask("select to_at from unplanned");
    legwork.wait_until(
        &format!("select count(*) >= 2 from occurrence where nominal_at > '{resumed}' and state = 'done'"),
        "1",
    );
    daemon.stop();
    let between = format!(
        "select count(*) from occurrence where nominal_at > '{paused}' and nominal_at < '{resumed}' and manual = 0"
    );
    assert_eq!(legwork.ask(&between), "0");
    assert_eq!(legwork.ask("select rule from unplanned"), "paused");
}

/// Moves every next instant two hours into the past, as if nobody had looked since; returns the first
/// one that is not missed.
fn left_for_two_hours(legwork: &Legwork) -> String {
    let coming = legwork.ask("select next_at from schedule");
    legwork
        .ledger()
        .execute("update schedule set next_at = strftime('%Y-%m-%dT%H:%M:%fZ', next_at, '-120 minutes')", [])
        .unwrap();
    coming
}

/// How many of the eight quarters of an hour of two hours without a daemon ran, the newest of them, when it came
/// back; every older one has a row that says that it was skipped. The newest may have been less than 90 s old, which
/// is no missed one: then it ran anyway and is not counted.
fn ran_of_the_missed(missed: &str) -> usize {
    let legwork = Legwork::new("");
    legwork.job(
        "quarter",
        &job("\"yesterday\"", &format!("[[schedule]]\nevery = \"15m\"\nmissed = \"{missed}\"\n")),
    );
    legwork.run(&["apply"]).ok();
    let coming = left_for_two_hours(&legwork);
    let daemon = legwork.serve();
    let eight = format!("from occurrence where nominal_at < '{coming}'");
    legwork.wait_until(&format!("select count(*) {eight} and state in ('done', 'skipped')"), "8");
    daemon.stop();
    let rules = legwork.ask(&format!(
        "select group_concat(ifnull(rule, 'ran')) from (select rule {eight} order by nominal_at)"
    ));
    let rules: Vec<&str> = rules.split(',').collect();
    let ran = rules.iter().filter(|rule| **rule == "ran").count();
    let (skipped, latest) = rules.split_at(8 - ran);
    assert!(
        skipped.iter().all(|rule| *rule == "missed") && latest.iter().all(|rule| *rule == "ran"),
        "{rules:?}"
    );
    let newest = format!(
        "select julianday(started_at) - julianday(nominal_at) < 91.0 / 86400 from run
         join occurrence using (occurrence_id) where nominal_at < '{coming}' order by nominal_at desc limit 1"
    );
    let in_time = ran > 0 && legwork.ask(&newest) == "1";
    if in_time && ran > usize::from(missed == "latest") { ran - 1 } else { ran }
}

#[test]
fn of_missed_instants_the_latest_runs_and_every_other_has_a_row() {
    assert_eq!(ran_of_the_missed("latest"), 1);
}

#[test]
fn an_edit_while_the_daemon_is_down_loses_no_instant_of_the_old_version() {
    let legwork = Legwork::new("");
    let every = |period| job(period, "[[schedule]]\nevery = \"15m\"\n");
    legwork.job("quarter", &every("\"yesterday\""));
    legwork.run(&["apply"]).ok();
    let coming = left_for_two_hours(&legwork);
    legwork.job("quarter", &every("\"today\""));
    legwork.run(&["apply"]).ok();
    assert_eq!(legwork.ask(&format!("select count(*) from occurrence where nominal_at < '{coming}'")), "8");
}

#[test]
fn of_missed_instants_none_runs_when_the_job_says_so() {
    assert_eq!(ran_of_the_missed("none"), 0);
}

#[test]
fn a_second_daemon_names_the_first_and_a_crash_leaves_no_lock() {
    let legwork = Legwork::new("");
    let daemon = legwork.serve();
    let pid = daemon.child.id().to_string();
    let said = legwork.run(&["serve"]).fails(1);
    assert!(said.contains(&format!("process {pid} already serves")), "{said}");
    daemon.kill();
    fs::remove_file(legwork.path("run/legwork.sock")).unwrap();
    assert_eq!(legwork.serve().stop(), 0);
}

#[test]
fn readiness_status_and_watchdog_reach_systemd() {
    let legwork = Legwork::new("");
    let socket = std::os::unix::net::UnixDatagram::bind(legwork.path("notify")).unwrap();
    socket.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
    let mut command = legwork.command(&["serve"]);
    command.env("NOTIFY_SOCKET", legwork.path("notify")).env("WATCHDOG_USEC", "900000");
    let mut child = command.stderr(std::process::Stdio::null()).spawn().unwrap();
    let mut heard = String::new();
    while !(heard.contains("READY=1") && heard.contains("WATCHDOG=1")) {
        let mut bytes = [0; 1_024];
        let length = socket.recv(&mut bytes).unwrap();
        heard.push_str(std::str::from_utf8(&bytes[..length]).unwrap());
        heard.push('\n');
    }
    assert!(heard.contains("STATUS=serving"), "{heard}");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_stop_lets_a_delivery_end() {
    let smtp = crate::support::smtp::Smtp::start("hang");
    let legwork = Legwork::new(&smtp.relay("tls = \"none\"\ntimeout = \"3s\"\n"));
    legwork.job("slow", &job("\"yesterday\"", "[[deliver]]\nemail = { to = [\"a@x.example\"] }\n"));
    let daemon = legwork.serve();
    legwork.wait_until("select count(*) from definition", "1");
    let mut run = legwork.command(&["run", "slow"]).stdout(std::process::Stdio::null()).spawn().unwrap();
    legwork.wait_until("select count(*) from attempt where body_begun_at is not null", "1");
    assert_eq!(daemon.stop(), 0);
    assert_eq!(legwork.ask("select class from attempt"), "unsure");
    assert_eq!(legwork.ask("select state from delivery"), "unknown");
    assert_eq!(run.wait().unwrap().code(), Some(6));
}

#[test]
fn housekeeping_notes_its_success_and_the_crate_fires_in_real_time() {
    use std::sync::Arc;

    use legwork::clock::Clock;
    use legwork::daemon::Core;
    use legwork::daemon::housekeeping::{Task, add, run};
    use tokio_cron_scheduler::JobScheduler;

    let legwork = Legwork::new("[keep]\nfiles = \"2d\"\nruns = \"10d\"\nbackups = 2\n");
    legwork.import(&segment("s1", "2026-06-10T08:00:00Z"));
    legwork.job("day", &job("{ from = \"2026-06-10\", to = \"2026-06-11\" }", &directory(&legwork)));
    legwork.run(&["apply"]).ok();
    legwork.run(&["run", "day"]).ok();
    legwork.run(&["run", "day"]).ok();
    // One of the two files has a delivery that nobody can know of.
    legwork.ledger().execute("update delivery set state = 'unknown' where delivery_id = 1", []).unwrap();
    let config = legwork::config::load(Some(&legwork.path("legwork.toml"))).unwrap();
    let clock = Clock::settable(Clock::System.now());
    let core = Arc::new(Core::open(config, clock.clone()).unwrap());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let day = jiff::SignedDuration::from_hours(24);
    runtime.block_on(async {
        run(&core, Task::Retention).await;
        assert_eq!(legwork.ask("select count(*) from artifact where removed_at is null"), "2");
        clock.set(clock.now() + day * 3);
        for _ in 0..3 {
            run(&core, Task::Backup).await;
            clock.set(clock.now() + jiff::SignedDuration::from_secs(1));
        }
        for task in Task::ALL {
            run(&core, task).await;
        }
        assert_eq!(legwork.ask("select count(*) from artifact where removed_at is null"), "1", "the unknown one stays");
        assert_eq!(files(&legwork.path("state/artifacts")), ["1"]);
        assert_eq!(files(&legwork.path("state/backups")).len(), 2);
        clock.set(clock.now() + day * 10);
        run(&core, Task::Retention).await;
        assert_eq!(legwork.ask("select count(*) from run"), "1", "the run of the kept file stays");
        // Compaction has sealed it.
        let segments = "select (select count(*) from segment) || (select coalesce(sum(rows), 0) from segment_block)";
        assert_eq!(legwork.ask(segments), "01");
        clock.set(clock.now() + day * 600);
        run(&core, Task::Retention).await;
        assert_eq!(legwork.ask(&format!("{segments} || (select count(*) from interaction)")), "000");
        assert_eq!(legwork.ask("select group_concat(task) from housekeeping where last_error is null and last_success_at is not null"), "backup,checkpoint,compaction,retention,zone-data");
        legwork.ledger().execute("delete from housekeeping", []).unwrap();
        let scheduler = JobScheduler::new().await.unwrap();
        add(&scheduler, &core, Task::Checkpoint, "* * * * * *").await.unwrap();
        scheduler.start().await.unwrap();
    });
    wait_for("the scheduler to fire", || {
        let seen = legwork.ask("select count(*) from housekeeping where last_success_at is not null");
        if seen == "1" { Ok(()) } else { Err(seen) }
    });
}

#[test]
fn a_definition_that_changes_keeps_what_is_planned_if_it_names_the_instant_too() {
    let legwork = Legwork::new("");
    let in_10_s = instant(40);
    let in_20_s = instant(50);
    let both = format!("[[schedule]]\nonce = \"{in_10_s}\"\n[[schedule]]\nonce = \"{in_20_s}\"\n");
    legwork.job("day", &job("\"yesterday\"", &both));
    let daemon = legwork.serve();
    legwork.wait_until("select count(*) from occurrence where state = 'planned'", "2");
    legwork.job("day", &job("\"today\"", &format!("[[schedule]]\nonce = \"{in_20_s}\"\n")));
    legwork.wait_until("select count(*) from occurrence", "1");
    daemon.stop();
    assert_eq!(legwork.ask("select v.number || ' ' || (period_end = nominal_at) from occurrence join definition_version v using (version_id)"), "2 1");
}
