//! Schedules against a second implementation: brute force over civil days, written in Python (`tests/oracle/schedule.py`).

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use jiff::{SignedDuration, Timestamp};
use legwork::config::Referable;
use legwork::zones::Zones;

use crate::support::{Legwork, python, root, variable};

/// One `[[schedule]]` and what follows from it.
#[derive(serde::Deserialize)]
struct Case {
    seed: u64,
    schedule: String,
    after: Timestamp,
    expected: Vec<String>,
}

#[test]
fn every_instant_is_the_one_that_brute_force_finds() {
    let (seed, rounds) = (variable("LEGWORK_TEST_SEED", 1), variable("LEGWORK_TEST_ROUNDS", 2_000));
    let mut python = Command::new(python())
        .args(["-B", "-X", "utf8"])
        .arg(root().join("tests/oracle/schedule.py"))
        .args(["--seed", &seed.to_string(), "--cases", &rounds.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (config, zones) = (legwork::config::defaults(), Zones::default());
    let known = Referable::new(&config, &zones);
    let (mut cases, mut instants) = (0, 0);
    for line in BufReader::new(python.stdout.take().unwrap()).lines() {
        let case: Case = serde_json::from_str(&line.unwrap()).unwrap();
        let told = format!("LEGWORK_TEST_SEED={}\n{}\nafter {}", case.seed, case.schedule, case.after);
        cases += 1;
        let schedule = match legwork::jobfile::parse_schedule(&case.schedule, &known) {
            Ok(schedule) => schedule,
            Err(problems) => {
                let never = problems.iter().all(|problem| problem.message.contains("never fires"));
                assert!(never && case.expected.is_empty(), "{told}\n{problems:?}");
                continue;
            }
        };
        if case.expected.is_empty() {
            assert_eq!(schedule.next(case.after), None, "{told}");
        }
        let mut at = case.after;
        let mut found = Vec::new();
        while let Some(next) = schedule.next(at).filter(|_| found.len() < case.expected.len()) {
            assert!(at < next, "{told}");
            found.push(next.to_string());
            at = next;
        }
        assert_eq!(found, case.expected, "{told}");
        instants += found.len();
    }
    assert!(python.wait().unwrap().success());
    assert_eq!(cases, rounds);
    assert!(usize::try_from(rounds).unwrap() < instants, "{instants} instants");
}

#[test]
fn next_prints_instants_in_utc_and_marks_what_is_wrong() {
    let legwork = Legwork::new("");
    let arguments = ["schedule", "next", "--cron", "30 1 * * *", "--time-zone", "America/New_York"];
    let next = |more: &[&str]| legwork.run(&[&arguments, more].concat());
    let after = ["--after", "2026-10-31T12:00:00Z", "--count", "2"];
    assert_eq!(next(&after).ok(), "2026-11-01T05:30:00Z\n2026-11-02T06:30:00Z\n");
    let wall = next(&[&after[..], &["--clock-change", "wall"]].concat()).ok();
    assert_eq!(wall, "2026-11-01T05:30:00Z\n2026-11-01T06:30:00Z\n");
    let wrong = legwork.run(&["schedule", "next", "--cron", "0 6 * * Mon-Fry"]).fails(2);
    assert!(wrong.contains("`Fry` is no day of week") && wrong.contains("^^^"), "{wrong}");
    let never = legwork.run(&["schedule", "next", "--cron", "0 0 30 2 *"]).fails(2);
    assert!(never.contains("never fires"), "{never}");
    let week = legwork.run(&[
        "period",
        "show",
        "previous week",
        "--time-zone",
        "America/New_York",
        "--at",
        "2026-11-03T06:00Z",
    ]);
    assert!(week.ok().ends_with("169 h 0 min\n"), "the week of the change back");
}

#[test]
fn the_coming_instants_of_a_job_say_where_a_clock_change_moved_them() {
    let legwork = Legwork::new("");
    let now = Timestamp::now();
    let zone = jiff::tz::TimeZone::get("America/New_York").unwrap();
    // The next change of the clock, whenever this runs; in a gap 02:30 is missing, in a fold 01:30 is there twice.
    let change = zone.following(now).next().unwrap();
    let gap = zone.to_offset(change.timestamp() - SignedDuration::from_secs(1)) < change.offset();
    let local = change.timestamp().to_zoned(zone.clone()).date();
    let time = if gap { "30 2" } else { "30 1" };
    let (day, month) = (local.day(), local.month());
    let job = format!(
        "[report]\ntype = \"segments\"\ntime_zone = \"America/New_York\"\nperiod = \"yesterday\"\ncolumns = [\"segment_id\"]\n\
         [[schedule]]\ncron = \"{time} {day} {month} *\"\n"
    );
    legwork.job("changing", &job);
    legwork.run(&["apply"]).ok();
    let told = legwork.run(&["next", "changing", "-n", "1"]).ok();
    assert!(
        told.contains(if gap { "moved: the clock goes from 02:00" } else { "the first 01:30" }),
        "{told}"
    );
}
