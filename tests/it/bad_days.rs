//! The rules for the bad days, and a year of them: the whole daemon over a settable clock and a real database file.

use std::fs;

use crate::support::world::World;
use crate::support::{job, segment, variable};

const NOON: &str = "2026-06-10T12:00:00Z";

/// A job over a fixed day with one schedule and more TOML.
fn scheduled(schedule: &str, rest: &str) -> String {
    job("{ from = \"2026-06-09\", to = \"2026-06-10\" }", &format!("[[schedule]]\n{schedule}\n{rest}"))
}

/// A report that takes a second a year to make without any data: a document of every five minutes.
fn slow(years: u32, schedule: &str, rest: &str) -> String {
    let to = 2_000 + years;
    format!(
        "[report]\ntype = \"messaging-agent-segments\"\ntime_zone = \"UTC\"\ninterval = \"5m\"\n\
         period = {{ from = \"2000-01-01\", to = \"{to}-01-01\" }}\n[output]\nformat = \"json\"\n{rest}\n[[schedule]]\n{schedule}\n"
    )
}

#[test]
fn settle_lag_and_jitter_put_a_run_off_and_leave_its_period_alone() {
    let text = job("\"previous hour\"", "").replace("[report]", "[report]\nsettle = \"10m\"")
        + "[[schedule]]\ncron = \"0 * * * *\"\njitter = \"2m\"\n";
    let world = World::with("[source.store]\nlag = \"12m\"\n", NOON, &[("hourly", text)]);
    world.set("2026-06-10T12:59:30Z");
    world.until("select count(*) from occurrence", "1");
    let put_off: f64 = world
        .ask("select cast(round((julianday(due_at) - julianday(nominal_at)) * 86400) as integer) from occurrence")
        .parse()
        .unwrap();
    assert!((720.0..840.0).contains(&put_off), "lag and up to two minutes of jitter: {put_off} s");
    let period = "select period_start || ' ' || period_end from occurrence";
    assert_eq!(world.ask(period), "2026-06-10T12:00:00.000Z 2026-06-10T13:00:00.000Z");
    world.set("2026-06-10T13:11:59Z");
    world.settled();
    assert_eq!(world.states(), "", "not due yet");
    world.set("2026-06-10T13:14:00Z");
    world.settled();
    assert_eq!(world.states(), "done");
}

#[test]
fn a_failed_run_is_tried_again_with_longer_waits_and_goes_well_when_it_can() {
    let text = scheduled("cron = \"5 12 10 6 *\"", "")
        .replace("[[schedule]]", "[report.filters]\nqueues = [\"Sales\"]\n[[schedule]]");
    let world = World::with("", NOON, &[("filtered", text)]);
    world.set("2026-06-10T12:05:00Z");
    world.until("select count(*) from run where state = 'failed'", "1");
    world.until("select retry_at from occurrence", "2026-06-10T12:06:00.000Z");
    world.set("2026-06-10T12:06:00Z");
    world.until("select retry_at from occurrence", "2026-06-10T12:08:00.000Z");
    let sales =
        segment("s1", "2026-06-09T09:00:00Z").replace("\"kind\"", "\"queue_name\":\"Sales\",\"kind\"");
    world.legwork.import(&sales);
    world.set("2026-06-10T12:08:00Z");
    world.settled();
    assert_eq!((world.states().as_str(), world.ask("select rows from artifact").as_str()), ("done", "1"));
    assert_eq!(world.ask("select group_concat(state) from run"), "failed,failed,done");
}

#[test]
fn after_its_last_retry_an_occurrence_has_failed_and_too_many_of_them_pause_the_schedules() {
    let text = scheduled("cron = \"0 * * * *\"", "")
        .replace("[[schedule]]", "[report.filters]\nqueues = [\"Nobody\"]\n[run]\nretries = 0\npause_after = { failures = 2 }\n[[schedule]]");
    let outbox = "[relay.main]\noutbox = \"outbox\"\nfrom = \"r@x.example\"\n";
    let world = World::with(outbox, NOON, &[("broken", format!("owner = \"boss@x.example\"\n{text}"))]);
    world.set("2026-06-10T13:00:00Z");
    world.settled();
    assert_eq!(
        (world.states().as_str(), world.ask("select state from definition").as_str()),
        ("failed", "active")
    );
    world.set("2026-06-10T14:00:00Z");
    world.settled();
    assert_eq!(
        (world.states().as_str(), world.ask("select state from definition").as_str()),
        ("failed failed", "paused")
    );
    world.until("select count(*) from delivery where details like '%is paused%' and state = 'outbox'", "1");
    let outbox = world.legwork.path("outbox");
    let mails =
        crate::support::files(&outbox).into_iter().map(|name| fs::read_to_string(outbox.join(name)).unwrap());
    let mail = mails.into_iter().find(|mail| mail.contains("is paused")).unwrap();
    assert!(mail.contains("boss@x.example") && mail.contains("has failed 2 times in a row"), "{mail}");
    world.set("2026-06-10T18:00:00Z");
    world.settled();
    assert_eq!(world.states(), "failed failed", "nothing is planned in a pause");
}

#[test]
fn a_run_ends_at_its_time_limit() {
    let world = World::with(
        "",
        NOON,
        &[("slow", slow(12, "cron = \"5 12 10 6 *\"", "[run]\ntime_limit = \"1s\"\nretries = 0"))],
    );
    world.set("2026-06-10T12:05:00Z");
    world.settled();
    assert_eq!(world.states(), "failed");
    assert_eq!(world.ask("select error from run"), "took longer than its time limit of 1 s");
    let parts = crate::support::files(&world.legwork.path("state/artifacts"));
    let left =
        parts.iter().flat_map(|run| crate::support::files(&world.legwork.path("state/artifacts").join(run)));
    assert_eq!(left.count(), 0, "nothing half written is left");
}

/// What becomes of two occurrences of a slow report of which the second falls due while the first works.
fn two_that_meet(overlap: &str) -> String {
    let schedule = format!("cron = \"5,6 12 10 6 *\"\noverlap = \"{overlap}\"");
    let world = World::with("", NOON, &[("slow", slow(1, &schedule, ""))]);
    world.set("2026-06-10T12:05:00Z");
    world.until("select count(*) from run where state = 'running'", "1");
    world.set("2026-06-10T12:06:00Z");
    if overlap == "allow" {
        world.until("select count(*) from run where state = 'running'", "2");
    }
    world.settled();
    world.states()
}

#[test]
fn an_occurrence_that_meets_a_run_is_skipped_queued_put_in_its_place_or_run_beside_it() {
    assert_eq!(two_that_meet("skip"), "done overlap");
    assert_eq!(two_that_meet("queue"), "done done");
    assert_eq!(two_that_meet("cancel-running"), "failed done");
    assert_eq!(two_that_meet("allow"), "done done");
}

#[test]
fn instants_of_a_blackout_are_rows_that_say_so() {
    let schedule = "cron = \"0 6 * * *\"\nblackout = [\"2026-06-12..2026-06-14\", \"holidays\"]";
    let config = "[blackout]\nholidays = [\"2026-06-15\"]\n";
    let world = World::with(config, NOON, &[("daily", scheduled(schedule, ""))]);
    for day in 11..=16 {
        world.set(&format!("2026-06-{day}T06:00:00Z"));
        world.settled();
    }
    assert_eq!(world.states(), "done blackout blackout done blackout done");
}

#[test]
fn all_missed_instants_run_within_window_and_cap() {
    let schedule = "cron = \"0 * * * *\"\nmissed = \"all\"\nmissed_window = \"6h\"\nmissed_cap = 4";
    let mut world = World::with("", NOON, &[("hourly", scheduled(schedule, ""))]);
    world.until("select count(*) from schedule", "1");
    world.crash();
    world.set("2026-06-10T22:30:00Z");
    world.start();
    world.until("select count(*) from occurrence where state in ('done', 'skipped')", "10");
    assert_eq!(world.states(), "missed missed missed missed missed missed done done done done");
}

#[test]
fn periods_since_the_last_run_meet_and_never_overlap() {
    let text = job("\"since last run\"", "[[schedule]]\ncron = \"0 * * * *\"\nmissed = \"none\"\n");
    let mut world = World::with("", NOON, &[("delta", text)]);
    let created = world.ask("select created_at from definition");
    world.set("2026-06-10T13:00:00Z");
    world.settled();
    world.legwork.run(&["run", "delta", "--no-send"]);
    world.crash();
    // Two instants are missed, none of them runs: the next one covers their time, too.
    world.set("2026-06-10T15:30:00Z");
    world.start();
    world.until("select count(*) from occurrence where rule = 'missed'", "2");
    world.set("2026-06-10T16:00:00Z");
    world.settled();
    let periods = world.ask(
        "select group_concat(period_start || '..' || period_end, ' ') from occurrence
         where state = 'done' and manual = 0 order by nominal_at",
    );
    let expected =
        format!("{created}..2026-06-10T13:00:00.000Z 2026-06-10T13:00:00.000Z..2026-06-10T16:00:00.000Z");
    assert_eq!(periods, expected);
}

#[test]
fn a_schedule_without_next_instant_and_end_is_repaired() {
    let world = World::with("", NOON, &[("daily", scheduled("cron = \"0 6 * * *\"", ""))]);
    world.legwork.ledger().execute("update schedule set next_at = null", []).unwrap();
    world.pass(31);
    world.until("select next_at from schedule", "2026-06-11T06:00:00.000Z");
    world.set("2026-06-11T06:00:00Z");
    world.settled();
    assert_eq!(world.states(), "done");
}

#[test]
fn a_clock_that_is_set_hours_back_or_ahead_makes_each_instant_one_row() {
    let world = World::with("", NOON, &[("hourly", scheduled("cron = \"0 * * * *\"", ""))]);
    for at in ["13:00:00", "14:00:00"] {
        world.set(&format!("2026-06-10T{at}Z"));
        world.settled();
    }
    // Ran three hours ahead, and is corrected.
    world.set("2026-06-10T17:10:00Z");
    world.settled();
    world.set("2026-06-10T14:20:00Z");
    world.until("select next_at from schedule", "2026-06-10T15:00:00.000Z");
    for at in ["15:00:00", "16:00:00", "17:00:00", "18:00:00"] {
        world.set(&format!("2026-06-10T{at}Z"));
        world.settled();
    }
    assert_eq!(
        world.ask(
            "select group_concat(substr(nominal_at, 12, 2), ' ') from occurrence where state <> 'planned'"
        ),
        "13 14 15 16 17 18"
    );
    assert_eq!(world.states(), "done done done done done done");
}

#[test]
fn a_once_that_is_past_is_refused_unless_it_is_to_run_now() {
    let legwork = crate::support::Legwork::new("");
    legwork.job("late", &scheduled("once = \"2026-01-01T06:00\"", ""));
    let refused = legwork.run(&["apply"]).fails(2);
    assert!(refused.contains("which is past") && refused.contains("--now"), "{refused}");
    assert_eq!(legwork.ask("select count(*) from definition"), "0");
    legwork.run(&["apply", "--now"]).ok();
    assert_eq!(legwork.ask("select nominal_at from occurrence"), "2026-01-01T06:00:00.000Z");
    let daemon = legwork.serve();
    legwork.wait_until("select state from occurrence", "done");
    daemon.stop();
    legwork.run(&["apply"]).ok();
    legwork
        .job("late", &format!("description = \"edited\"\n{}", scheduled("once = \"2026-01-01T06:00\"", "")));
    legwork.run(&["apply"]).ok();
    assert_eq!(legwork.ask("select count(*) from occurrence"), "1", "what has run is not run again");
}

#[test]
fn what_is_simulated_is_what_happens() {
    let jobs = [
        ("latest", scheduled("cron = \"0,30 * * * *\"", "")),
        ("all", scheduled("cron = \"0 * * * *\"\nmissed = \"all\"\nmissed_window = \"5h\"", "")),
        ("silent", scheduled("cron = \"0 */2 * * *\"\nmissed = \"none\"\nblackout = [\"2026-06-11\"]", "")),
    ];
    let mut world = World::with("", NOON, &jobs);
    world.crash();
    world.set("2026-06-10T22:10:00Z");
    world.start();
    world.settled();
    world.set("2026-06-10T22:30:00Z");
    world.settled();
    for hour in ["2026-06-10T23", "2026-06-11T00", "2026-06-11T01", "2026-06-11T02"] {
        for minute in ["00", "30"] {
            world.set(&format!("{hour}:{minute}:00Z"));
            world.settled();
        }
    }
    let simulated = world
        .legwork
        .run(&[
            "-o",
            "json",
            "simulate",
            "--from",
            "2026-06-10T12:00:01Z",
            "--to",
            "2026-06-11T02:30:01Z",
            "--down",
            "2026-06-10T12:00:01Z..2026-06-10T22:10:00Z",
        ])
        .ok();
    let simulated: serde_json::Value = serde_json::from_str(&simulated).unwrap();
    let mut said: Vec<String> = simulated["occurrences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            let what = one["skipped"].as_str().unwrap_or("done");
            format!("{} {} {what}", one["name"].as_str().unwrap(), one["nominal_at"].as_str().unwrap())
        })
        .collect();
    said.sort();
    let happened = world.ask(
        "select group_concat(name || ' ' || replace(nominal_at, '.000Z', 'Z') || ' ' || ifnull(rule, o.state), '|')
         from (select * from occurrence where state <> 'planned') o join definition using (definition_id)",
    );
    let mut happened: Vec<String> = happened.split('|').map(str::to_owned).collect();
    happened.sort();
    assert_eq!(said, happened);
    assert_eq!(simulated["counts"]["late"], 6);
}

#[test]
fn a_burst_of_runs_loses_none_and_doubles_none() {
    let (rounds, burst) = (variable("LEGWORK_TEST_ROUNDS", 1), variable("LEGWORK_TEST_BURST", 300));
    let jobs: Vec<String> = (0..burst).map(|n| format!("burst-{n}")).collect();
    let jobs: Vec<(&str, String)> =
        jobs.iter().map(|name| (name.as_str(), scheduled("cron = \"30 13 12 * * *\"", ""))).collect();
    let world = World::with("", NOON, &jobs);
    for round in 1..=rounds {
        let day = 9 + round;
        world.set(&format!("2026-06-{day}T12:13:29Z"));
        world.until("select count(*) from occurrence where state = 'planned'", &burst.to_string());
        world.set(&format!("2026-06-{day}T12:13:30Z"));
        world.settled();
        let all = (round * burst).to_string();
        assert_eq!(world.ask("select count(*) from occurrence where state = 'done'"), all, "round {round}");
        assert_eq!(world.ask("select count(*) from run"), all, "round {round}");
        assert_eq!(world.ask("select count(distinct definition_id) from occurrence"), burst.to_string());
    }
}

#[test]
fn changed_zone_data_moves_the_instants_that_are_to_come() {
    use std::sync::Arc;

    use legwork::clock::Clock;
    use legwork::daemon::Core;
    use legwork::daemon::housekeeping::{Task, run};
    use legwork::daemon::loader::{Allowed, take_up};
    use legwork::zones::Zones;

    let legwork = crate::support::Legwork::new("");
    let host = std::path::Path::new("/usr/share/zoneinfo");
    let folder = legwork.path("zoneinfo");
    let install = |rules: &str, version: &str| {
        fs::create_dir_all(folder.join("America")).unwrap();
        fs::copy(host.join(rules), folder.join("America/New_York")).unwrap();
        fs::write(folder.join("tzdata.zi"), format!("# version {version}\n")).unwrap();
    };
    install("America/New_York", "1");
    let text = scheduled("cron = \"0 6 * * *\"\ntime_zone = \"America/New_York\"", "");
    legwork.job("daily", &text);
    let config = legwork::config::load(Some(&legwork.path("legwork.toml"))).unwrap();
    let mut core = Core::open(config, Clock::settable(NOON.parse().unwrap())).unwrap();
    core.zones = Zones::from_folder(&folder);
    let core = Arc::new(core);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        run(&core, Task::ZoneData).await;
        take_up(&core, &core.config.jobs, Allowed::default()).await.unwrap();
    });
    let next = "select next_at || ' ' || version from schedule join zone_data using (zone_data_id)";
    assert!(legwork.ask(next).starts_with("2026-06-11T10:00:00.000Z 1 ("), "{}", legwork.ask(next));
    // The zone's rules change while the daemon runs.
    install("Asia/Tokyo", "2");
    runtime.block_on(run(&core, Task::ZoneData));
    assert!(legwork.ask(next).starts_with("2026-06-10T21:00:00.000Z 2 ("), "{}", legwork.ask(next));
    // A name that the folder lacks comes from the compiled-in tables.
    assert_eq!(core.zones.find("US/Arizona").unwrap().name(), "US/Arizona");
}

#[test]
fn definitions_that_cannot_be_planned_keep_nobody_from_being_planned() {
    let world = World::with("", NOON, &[("healthy", scheduled("cron = \"30 12 * * *\"", ""))]);
    let ledger = world.legwork.ledger();
    // More than a transaction of the planner holds, and all of them due before the healthy one.
    for n in 0..300 {
        for sql in [
            format!("insert into definition (name, state, created_at) values ('broken-{n}', 'active', '2026-01-01T00:00:00.000Z')"),
            "insert into definition_version (definition_id, number, text, created_at)
             select max(definition_id), 1, 'broken = [', '2026-01-01T00:00:00.000Z' from definition"
                .to_owned(),
            "update definition set version_id = (select max(version_id) from definition_version) where version_id is null"
                .to_owned(),
            "insert into schedule (definition_id, ordinal, next_at)
             select max(definition_id), 0, '2026-06-10T12:10:00.000Z' from definition"
                .to_owned(),
        ] {
            ledger.execute(&sql, []).unwrap();
        }
    }
    world.set("2026-06-10T12:29:00Z");
    world.until("select count(*) from occurrence where state = 'planned'", "1");
    world.set("2026-06-10T12:30:00Z");
    world.until("select state from occurrence", "done");
}

#[test]
fn an_edit_between_planning_and_the_instant_counts() {
    let world =
        World::with("[limits]\nruns = 2\n", NOON, &[("daily", scheduled("cron = \"0 13 * * *\"", ""))]);
    world.set("2026-06-10T12:59:30Z");
    world.until("select count(*) from occurrence", "1");
    // Planned already, and changed before it is due: the new version and its place.
    let out = world.legwork.path("out").display().to_string();
    let edited =
        scheduled("cron = \"0 13 * * *\"", &format!("[[deliver]]\ndirectory = {{ path = \"{out}\" }}\n"));
    world.legwork.job("daily", &edited);
    world.until("select count(*) from definition_version", "2");
    world.set("2026-06-10T13:00:00Z");
    world.settled();
    world.until("select state from delivery", "delivered");
    assert_eq!(
        world.ask("select v.number from occurrence join definition_version v using (version_id)"),
        "2"
    );
}

#[test]
fn an_instant_that_waits_for_late_data_is_in_the_span_of_the_pause_that_takes_it_back() {
    let text = scheduled("cron = \"0 13 * * *\"", "").replace("[report]", "[report]\nsettle = \"3h\"");
    let world = World::with("", NOON, &[("late", text)]);
    world.set("2026-06-10T13:30:00Z");
    world.until("select count(*) from occurrence", "1");
    // The command has the host's clock: the pause is told by the library, at the test's time.
    let (core, now) = (world.core(), world.now());
    core.store
        .write_blocking("pause", move |tx| {
            legwork::store::definitions::stop(
                tx,
                1,
                legwork::store::definitions::DefinitionState::Paused,
                now,
            )
        })
        .unwrap();
    assert_eq!(world.ask("select count(*) from occurrence"), "0");
    assert_eq!(world.ask("select from_at from unplanned"), "2026-06-10T13:00:00.000Z");
}

#[test]
fn a_period_that_is_not_over_yet_is_reported_at_its_instant_and_why_knows_of_a_pause() {
    let text = job("{ from = \"2026-06-01\", to = \"2026-07-01\" }", "[[schedule]]\ncron = \"0 13 * * *\"\n");
    let world = World::with("[source.store]\nlag = \"1h\"\n", NOON, &[("month", text)]);
    world.set("2026-06-10T13:00:00Z");
    world.settled();
    assert_eq!(world.states(), "done");
    world.legwork.run(&["pause", "month"]).ok();
    let why = world.legwork.run(&["why", "month"]).ok();
    assert!(why.contains("its schedules are paused: legwork resume month"), "{why}");
}
