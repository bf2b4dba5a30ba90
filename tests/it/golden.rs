//! Golden files, byte for byte: records in, CSV out. `LEGWORK_BLESS=1` writes the expected files anew; the change is
//! then reviewed as text.

use std::fs;

use crate::support::{Legwork, root};

fn generate(case: &str) -> Vec<u8> {
    let folder = root().join("tests/golden/interaction-details-by-segment").join(case);
    let legwork = Legwork::new("");
    legwork.import(&fs::read_to_string(folder.join("segments.ndjson")).unwrap());
    legwork.job("golden", &fs::read_to_string(folder.join("job.toml")).unwrap());
    legwork.run(&["apply"]).ok();
    legwork.run(&["run", "golden"]).ok();
    let path = legwork.ask("select path from artifact");
    fs::read(legwork.path("state/artifacts").join(path)).unwrap()
}

fn check(case: &str) {
    let expected = root().join("tests/golden/interaction-details-by-segment").join(case).join("expected.csv");
    let made = generate(case);
    if std::env::var_os("LEGWORK_BLESS").is_some() {
        fs::write(&expected, &made).unwrap();
    }
    let expected = fs::read(expected).unwrap();
    assert_eq!(String::from_utf8_lossy(&made), String::from_utf8_lossy(&expected), "{case}");
}

#[test]
fn the_vendors_example_row_comes_out_cell_for_cell() {
    check("vendor-example");
    let text = String::from_utf8(generate("vendor-example")).unwrap();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header: Vec<String> = reader.headers().unwrap().iter().map(ToOwned::to_owned).collect();
    assert_eq!(header.len(), 27);
    let row: Vec<String> = reader.records().next().unwrap().unwrap().iter().map(ToOwned::to_owned).collect();
    // The examples that the vendor's page prints beside its fields; the first of several at Support.
    let example = [
        "cc-2024feb20-85421",
        "Inbound",
        "Voice",
        "John Smith",
        "+1-800-SUPPORT",
        "Sales_Queue_US",
        "2024-02-20 09:15:30",
        "2024-02-20 09:17:45",
        "00:02:15",
        "Jane Doe",
        "Jane D.",
        "jane.doe@company.com",
        "seg-20240220-1234",
        "2024-02-20 09:17:45",
        "2024-02-20 09:32:15",
        "00:14:30",
        "00:01:45",
        "00:00:00",
        "00:00:15",
        "tech.lead@company.com|supervisor@company.com",
        "quality.analyst@company.com|trainer@company.com",
        "Technical Support L2",
        "Bot",
        "Overdue",
        "Resolved",
        "Technical Issue Fixed",
        "Agent Hangup",
    ];
    assert_eq!(row, example);
}

#[test]
fn a_normal_day_and_an_empty_day() {
    check("normal-day-new-york");
    check("empty-day");
}

#[test]
fn days_with_a_gap_or_a_fold() {
    for case in ["gap-day-new-york", "fold-day-new-york", "gap-day-lord-howe", "fold-day-lord-howe"] {
        check(case);
    }
}

#[test]
fn every_rule_of_the_27_columns() {
    check("every-rule");
}

#[test]
fn net_talk_time_filters_and_another_dialect() {
    check("net-talk-time-and-dialect");
}

#[test]
fn rows_by_the_end_of_their_interaction() {
    check("rows-by-interaction-end");
}

#[test]
fn the_order_of_arrival_changes_nothing() {
    let folder = root().join("tests/golden/interaction-details-by-segment/every-rule");
    let text = fs::read_to_string(folder.join("segments.ndjson")).unwrap();
    let expected = fs::read(folder.join("expected.csv")).unwrap();
    // The last three lines are versions of one record; what has no version counts by arrival.
    let mut lines: Vec<&str> = text.lines().collect();
    lines.reverse();
    let legwork = Legwork::new("");
    for pack in lines.chunks(3) {
        legwork.import(&pack.join("\n"));
    }
    legwork.job("golden", &fs::read_to_string(folder.join("job.toml")).unwrap());
    legwork.run(&["apply"]).ok();
    legwork.run(&["run", "golden"]).ok();
    let path = legwork.ask("select path from artifact");
    let made = fs::read(legwork.path("state/artifacts").join(path)).unwrap();
    assert_eq!(String::from_utf8_lossy(&made), String::from_utf8_lossy(&expected));
}

#[test]
fn the_run_counts_what_it_left_out_and_what_it_clamped() {
    let folder = root().join("tests/golden/interaction-details-by-segment/every-rule");
    let legwork = Legwork::new("");
    legwork.import(&fs::read_to_string(folder.join("segments.ndjson")).unwrap());
    legwork.job("golden", &fs::read_to_string(folder.join("job.toml")).unwrap());
    legwork.run(&["apply"]).ok();
    legwork.run(&["run", "golden"]).ok();
    assert_eq!(legwork.ask("select rows_left_out || ' ' || clamped from run"), "1 1");
    let why = legwork.run(&["why", "golden"]).ok();
    assert!(why.contains("1 rows left out: their interactions had not ended"), "{why}");
    assert!(why.contains("completeness: not declared, newest record 2026-06-11 00:10:00 +00:00"), "{why}");
}
