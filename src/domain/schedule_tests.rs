//! Facts about clock changes, one a test. The zones come from the host.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{ClockChange, Schedule, When};
use crate::domain::cron::CronPattern;
use crate::domain::zone::{Zone, ZoneOrigin};

fn schedule(pattern: &str, zone: &str, clock_change: ClockChange) -> Schedule {
    let zone = Zone::new(zone, TimeZone::get(zone).unwrap(), ZoneOrigin::Host);
    Schedule { clock_change, ..Schedule::new(When::Cron(CronPattern::parse(pattern).unwrap()), zone) }
}

fn check_with(pattern: &str, zone: &str, clock_change: ClockChange, after: &str, expected: &[&str]) {
    let schedule = schedule(pattern, zone, clock_change);
    let mut at: Timestamp = after.parse().unwrap();
    let mut seen = Vec::new();
    for _ in expected {
        let Some(next) = schedule.next(at) else { break };
        assert!(at < next, "{next} is not after {at}");
        seen.push(next.to_string());
        at = next;
    }
    assert_eq!(seen, expected, "{pattern} {zone}");
}

fn check(pattern: &str, zone: &str, after: &str, expected: &[&str]) {
    check_with(pattern, zone, ClockChange::Cron, after, expected);
}

#[test]
fn a_fixed_time_in_a_gap_runs_at_the_first_instant_after_it() {
    check(
        "30 2 * * *",
        "America/New_York",
        "2026-03-08T05:00:00Z",
        &["2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"],
    );
}

#[test]
fn two_fixed_times_in_one_gap_are_one_occurrence() {
    check(
        "0,30 2 * * *",
        "America/New_York",
        "2026-03-08T05:00:00Z",
        &["2026-03-08T07:00:00Z", "2026-03-09T06:00:00Z", "2026-03-09T06:30:00Z"],
    );
}

#[test]
fn a_fixed_time_in_a_fold_runs_at_the_first_reading_only() {
    check(
        "30 1 * * *",
        "America/New_York",
        "2026-11-01T04:00:00Z",
        &["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"],
    );
    check(
        "0 1,2,3 * * *",
        "America/New_York",
        "2026-11-01T04:00:00Z",
        &["2026-11-01T05:00:00Z", "2026-11-01T07:00:00Z", "2026-11-01T08:00:00Z"],
    );
}

#[test]
fn a_starred_minute_follows_real_time() {
    check(
        "*/30 1 * * *",
        "America/New_York",
        "2026-11-01T04:59:00Z",
        &["2026-11-01T05:00:00Z", "2026-11-01T05:30:00Z", "2026-11-01T06:00:00Z", "2026-11-01T06:30:00Z"],
    );
    check("*/30 2 * * *", "America/New_York", "2026-03-08T05:00:00Z", &["2026-03-09T06:00:00Z"]);
}

#[test]
fn half_hour_changes_and_midnight_changes_hold() {
    check(
        "15 2 * * *",
        "Australia/Lord_Howe",
        "2026-10-03T10:00:00Z",
        &["2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"],
    );
    check(
        "0 0 * * *",
        "America/Havana",
        "2026-03-08T00:00:00Z",
        &["2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z"],
    );
    check("0 0 * * *", "Asia/Beirut", "2026-03-28T00:00:00Z", &["2026-03-28T22:00:00Z"]);
}

#[test]
fn a_day_that_a_zone_skipped_makes_nothing_up() {
    check(
        "0 10 * * *",
        "Pacific/Apia",
        "2011-12-29T00:00:00Z",
        &["2011-12-29T20:00:00Z", "2011-12-30T20:00:00Z"],
    );
    let evenings = ["2011-12-29T09:30:00Z", "2011-12-30T09:30:00Z", "2011-12-31T09:30:00Z"];
    check("30 23 * * *", "Pacific/Apia", "2011-12-29T00:00:00Z", &evenings);
}

#[test]
fn skip_passes_over_gaps_and_wall_repeats_folds() {
    let zone = "America/New_York";
    check_with("30 2 * * *", zone, ClockChange::Skip, "2026-03-08T05:00:00Z", &["2026-03-09T06:30:00Z"]);
    check_with(
        "*/30 1 * * *",
        zone,
        ClockChange::Skip,
        "2026-11-01T05:15:00Z",
        &["2026-11-01T05:30:00Z", "2026-11-02T06:00:00Z"],
    );
    check_with(
        "30 1 * * *",
        zone,
        ClockChange::Wall,
        "2026-11-01T04:00:00Z",
        &["2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z"],
    );
}

#[test]
fn restricted_day_fields_match_either_and_a_star_asks_for_both() {
    check("0 0 13 * fri", "UTC", "2026-11-01T00:00:00Z", &["2026-11-06T00:00:00Z", "2026-11-13T00:00:00Z"]);
    check("0 0 */2 * fri", "UTC", "2026-11-01T00:00:00Z", &["2026-11-13T00:00:00Z", "2026-11-27T00:00:00Z"]);
}

#[test]
fn rare_patterns_are_found_and_impossible_ones_end() {
    check(
        "0 0 29 2 *",
        "Europe/London",
        "2026-11-01T00:00:00Z",
        &["2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"],
    );
    assert_eq!(schedule("0 0 31 2 *", "Europe/London", ClockChange::Cron).next(Timestamp::UNIX_EPOCH), None);
}

#[test]
fn every_counts_elapsed_time_from_its_start() {
    let mut schedule = schedule("* * * * *", "UTC", ClockChange::Cron);
    let start: Timestamp = "2026-11-01T00:10:00Z".parse().unwrap();
    schedule.when = When::Every { step: jiff::SignedDuration::from_mins(45), start };
    assert_eq!(schedule.next("2026-11-01T00:00:00Z".parse().unwrap()), Some(start));
    assert_eq!(schedule.next(start).unwrap().to_string(), "2026-11-01T00:55:00Z");
}

#[test]
fn once_in_a_gap_runs_after_it_and_is_gone_afterwards() {
    let mut schedule = schedule("* * * * *", "America/New_York", ClockChange::Cron);
    schedule.when = When::Once("2026-03-08T02:30:00".parse().unwrap());
    let at = schedule.next("2026-01-01T00:00:00Z".parse().unwrap()).unwrap();
    assert_eq!(at.to_string(), "2026-03-08T07:00:00Z");
    assert_eq!(schedule.next(at), None);
}

#[test]
fn the_wall_clock_shows_a_time_again_after_a_fold_that_ends_before_the_next_match() {
    check_with(
        "59 1 * * *",
        "Australia/Lord_Howe",
        ClockChange::Wall,
        "2004-03-27T00:00:00Z",
        &["2004-03-27T14:59:00Z", "2004-03-27T15:29:00Z", "2004-03-28T15:29:00Z"],
    );
}

#[test]
fn instants_at_the_edges_of_the_years_are_found_though_their_local_year_is_another() {
    check("45 20 * * *", "America/Havana", "1970-01-01T01:40:10Z", &["1970-01-01T01:45:00Z"]);
    check("30 4 1 * *", "Asia/Pyongyang", "2199-12-26T00:00:00Z", &["2199-12-31T19:30:00Z"]);
}

#[test]
fn start_end_and_enabled_bound_a_schedule_and_jitter_is_the_same_each_time() {
    let hourly = Schedule {
        start: Some("2026-11-01T10:00:00Z".parse().unwrap()),
        end: Some("2026-11-01T12:00:00Z".parse().unwrap()),
        jitter: jiff::SignedDuration::from_mins(5),
        ..schedule("0 * * * *", "UTC", ClockChange::Cron)
    };
    let first = hourly.next(Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!(first.to_string(), "2026-11-01T10:00:00Z");
    let second = hourly.next(first).unwrap();
    assert_eq!((second.to_string().as_str(), hourly.next(second)), ("2026-11-01T11:00:00Z", None));
    let name = "daily".parse().unwrap();
    let put_off = hourly.jitter_of(&name, first);
    assert_eq!(put_off, hourly.jitter_of(&name, first));
    assert!(put_off < hourly.jitter && put_off != hourly.jitter_of(&name, second));
    assert_eq!(Schedule { enabled: false, ..hourly }.next(Timestamp::UNIX_EPOCH), None);
}

mod fuzz {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::{ClockChange, CronPattern, schedule};

    /// Texts that look like patterns more often than not.
    fn field() -> impl Strategy<Value = String> {
        prop_oneof![
            6 => "[0-9]{1,2}",
            4 => Just("*".to_owned()),
            2 => "\\*/[1-9]{1,2}",
            2 => "[0-9]{1,2}-[0-9]{1,2}(/[0-9])?",
            1 => "(mon|tue|fri|sun|jan|feb|dec|L|LW|15W|5L|1#5|\\?)",
            1 => "[0-9*,/#LWa-z?-]{1,6}",
        ]
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_hang_or_go_back(
            fields in prop::collection::vec(field(), 4..8),
            zone in prop::sample::select(["UTC", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"].as_slice()),
            rule in prop::sample::select([ClockChange::Cron, ClockChange::Skip, ClockChange::Wall].as_slice()),
            after in -1_000_000_i64..7_300_000_000,
        ) {
            let text = fields.join(" ");
            if CronPattern::parse(&text).is_ok() {
                let mut at = Timestamp::from_second(after).unwrap();
                for _ in 0..3 {
                    let Some(next) = schedule(&text, zone, rule).next(at) else { break };
                    prop_assert!(at < next, "{} after {}", text, at);
                    at = next;
                }
            }
        }
    }
}
