//! Golden files, byte for byte: records in, a report out; and the vendors' own examples, figure for figure.
//! `LEGWORK_BLESS=1` writes the expected files anew; the change is then reviewed as text.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::support::{Legwork, files, root};

/// The file that a case's job makes of its records, and the ending of its name.
fn generate(case: &Path) -> (Vec<u8>, String) {
    let legwork = Legwork::new("");
    legwork.import(&fs::read_to_string(case.join("segments.ndjson")).unwrap());
    legwork.job("golden", &fs::read_to_string(case.join("job.toml")).unwrap());
    legwork.run(&["apply"]).ok();
    legwork.run(&["run", "golden"]).ok();
    let path = legwork.ask("select path from artifact");
    let ending = path.rsplit('.').next().unwrap().to_owned();
    (fs::read(legwork.path("state/artifacts").join(path)).unwrap(), ending)
}

fn case(report: &str, case: &str) -> PathBuf {
    root().join("tests/golden").join(report).join(case)
}

fn check(report: &str, name: &str) {
    let case = case(report, name);
    let (made, ending) = generate(&case);
    let expected = case.join(format!("expected.{ending}"));
    if std::env::var_os("LEGWORK_BLESS").is_some() {
        fs::write(&expected, &made).unwrap();
    }
    let expected = fs::read(expected).unwrap();
    assert_eq!(String::from_utf8_lossy(&made), String::from_utf8_lossy(&expected), "{report}/{name}");
}

/// Checks every case of a report.
fn check_all(report: &str) {
    let cases = files(&root().join("tests/golden").join(report));
    assert!(!cases.is_empty(), "no case of {report}");
    for name in cases {
        check(report, &name);
    }
}

fn rows(report: &str, name: &str) -> (Vec<String>, Vec<Vec<String>>) {
    let (text, _) = generate(&case(report, name));
    let mut reader = csv::Reader::from_reader(text.as_slice());
    let cells = |record: &csv::StringRecord| record.iter().map(ToOwned::to_owned).collect::<Vec<_>>();
    let header = cells(reader.headers().unwrap());
    (header, reader.records().map(|record| cells(&record.unwrap())).collect())
}

fn document(report: &str, name: &str) -> serde_json::Value {
    serde_json::from_slice(&generate(&case(report, name)).0).unwrap()
}

const DETAILS: &str = "interaction-details-by-segment";

#[test]
fn the_vendors_example_row_comes_out_cell_for_cell() {
    let (header, rows) = rows(DETAILS, "vendor-example");
    assert_eq!(header.len(), 27);
    let row = &rows[0];
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
    assert_eq!(row, &example);
}

#[test]
fn interaction_details_byte_for_byte() {
    check_all(DETAILS);
}

#[test]
fn segment_metadata_byte_for_byte() {
    check_all("inbound-agent-segment-metadata");
    check_all("outbound-agent-segment-metadata");
}

#[test]
fn agent_sessions_byte_for_byte() {
    check_all("agent-session-raw");
}

#[test]
fn agent_segments_byte_for_byte() {
    check_all("agent-segments");
}

#[test]
fn messaging_metrics_byte_for_byte() {
    check_all("messaging-agent-segments");
}

#[test]
fn segments_byte_for_byte() {
    check_all("segments");
}

#[test]
fn the_vendors_sample_session_comes_out_but_for_its_work_time() {
    let (header, rows) = rows("agent-session-raw", "vendor-sample");
    let sample = "1111111,Smiths,John,john.smith@gmail.,6505550100,4/27/20 12:02 PM,4/27/20 12:47 PM,,0,0,0,0,0,0.00%,\
                  0.00,0.00,45.45,0.00%,0.00,0.00,0.00%,0.00%,0.00,0.00,0.00,0.00,0.00,0.00,0.00,,0,0.00,0.00,0.00,\
                  0.00,0.00,[No Team Name],111222333,0";
    let mut sample: Vec<String> = sample.split(',').map(ToOwned::to_owned).collect();
    let work = header.iter().position(|name| name == "Work Time (min)").unwrap();
    assert_eq!(sample[work], "0.00");
    // The sample is all zeros but for the login; rows from real centres have login minus break, away, lunch, training.
    "45.45".clone_into(&mut sample[work]);
    assert_eq!(header.len(), 39);
    assert_eq!(rows, [sample]);
}

#[test]
fn the_segment_metadata_have_the_corrected_header() {
    let (header, rows) = rows("inbound-agent-segment-metadata", "every-rule");
    assert_eq!(
        header.join(","),
        "Account ID,UII,Session ID,ANI,DNIS,Call Type,Agent ID,Agent Login ID,Agent First Name,Agent Last Name,\
         Agent Username,Product Type,Product ID,Product Name,Enqueue Dts,Dequeue Dts,Queue Duration,Start Dts,End Dts,\
         Duration,Wrap Time,Dial Dts,Dial Duration,Hold Duration,Agent Wait Duration,Term Party,Term Reason,\
         Agent Disposition,Segment Recording File Name,Segment Recording URL"
    );
    assert!(rows.iter().all(|row| row[2] != "1"), "the outside party is no row");
}

#[test]
fn the_documented_handle_times_come_out_with_consistent_epochs() {
    let made = document("agent-segments", "vendor-example");
    let pairs = [("startTime", "startTimeL"), ("endTime", "endTimeL")];
    let objects = made["segments"].as_array().unwrap().iter().chain([&made["timeframe"]]);
    for object in objects {
        for (text, millis) in pairs {
            let at: jiff::Timestamp = object[text].as_str().unwrap().parse().unwrap();
            assert_eq!(object[millis], at.as_millisecond(), "{object}");
        }
    }
    // The documented example but for its epochs, which are seconds that match no other field.
    let first = &made["segments"][1];
    assert_eq!(made["timeframe"]["startTime"], "2021-11-21T12:09:40.84Z");
    assert_eq!(first["startTime"], "2021-11-20T18:45:49.082Z");
    assert_eq!(first["endTime"], "2021-11-21T12:32:01.326Z");
    assert_eq!(first["agentId"], 1_974_446_030);
    assert_eq!(first["employeeId"], "720395");
    assert_eq!([&first["skillId"], &first["groupId"]], [24_837_230, 1_622_030]);
    assert_eq!(first["endReason"], "closedBySystem");
    assert_eq!(first["totalHandleTimeMillis"], 62_708_047);
    assert_eq!(made["segments"][0]["totalHandleTimeMillis"], 7_563_862);
    assert_eq!(made["segments"][0]["endReason"], "backToQueue");
    assert_eq!(first.as_object().unwrap().len(), 12, "no key that the vendor does not document");
}

/// The figures of the vendor's examples: segments, messages, duration, first message (all, transfer, new), response.
fn figures(metrics: &serde_json::Value) -> serde_json::Value {
    let names = [
        "totalAgentConversationSegments",
        "avgAgentMessagesinAgentSegment",
        "avgAgentSegmentDuration",
        "avgTimetoFirstAgentMessageFromAgentAssignment",
        "avgTimetoFirstAgentMessageFromAgentAssignment_AfterTransfer",
        "avgTimetoFirstAgentMessageFromAgentAssignment_NewConversation",
        "avgTimeToResponseFromAgentAssignment",
    ];
    names.map(|name| metrics[name].clone()).to_vec().into()
}

#[test]
fn raw_events_give_every_figure_of_the_vendors_first_two_examples() {
    let by_agent = document("messaging-agent-segments", "vendor-example-by-agent");
    let by_skill = document("messaging-agent-segments", "vendor-example-by-skill");
    let agent_12 = json!([5, 1.4, 13_000, 1_800, 1_800, -1, 2_428]);
    let agent_13 = json!([3, 1, 14_000, 4_000, -1, 4_000, 4_000]);
    for made in [&by_agent, &by_skill] {
        assert_eq!(figures(&made["agentsMetrics"]["metricsPerAgent"]["12"]), agent_12);
        assert_eq!(figures(&made["agentsMetrics"]["metricsPerAgent"]["13"]), agent_13);
        assert_eq!(figures(&made["metricsTotal"]), json!([8, 1.25, 13_375, 2_625, 1_800, 4_000, 2_900]));
        assert_eq!(made["metricsTotal"]["interactiveAgentSegments"], 8);
    }
    let skills = &by_skill["metricsPerSkill"];
    assert_eq!(figures(&skills["333"]["metricsPerAgent"]["12"]), agent_12);
    assert_eq!(figures(&skills["444"]["metricsPerAgent"]["13"]), agent_13);
    let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&by_agent), ["agentsMetrics", "metricsTotal"]);
    assert_eq!(keys(&by_skill), ["metricsPerSkill", "agentsMetrics", "metricsTotal"]);
}

#[test]
fn raw_events_give_every_figure_of_the_vendors_third_example() {
    let made = document("messaging-agent-segments", "vendor-example-by-interval");
    let intervals = made["metricsByIntervals"].as_array().unwrap();
    // The vendor shows two of the twelve intervals that its request asks for; the others are empty here.
    assert_eq!(intervals.len(), 12);
    assert_eq!(
        [&intervals[0]["timestamp"], &intervals[1]["timestamp"]],
        [1_556_798_050_118_i64, 1_556_798_350_118]
    );
    let shown = |metrics: &serde_json::Value| {
        let figures = figures(metrics);
        json!([figures[0], figures[4], figures[5], figures[6]])
    };
    let agents = |body: &serde_json::Value| {
        let agents = &body["agentsMetrics"]["metricsPerAgent"];
        json!([shown(&agents["12"]), shown(&agents["13"]), shown(&body["metricsTotal"])])
    };
    assert_eq!(
        agents(&intervals[0]["metricsData"]),
        json!([[3, 1_000, -1, 1_000], [1, -1, 8_000, 8_000], [4, 1_000, 8_000, 2_750]])
    );
    assert_eq!(
        agents(&intervals[1]["metricsData"]),
        json!([[2, 3_000, -1, 3_500], [2, -1, 2_000, 2_000], [4, 3_000, 2_000, 3_000]])
    );
    assert_eq!(
        agents(&made["timeframeSummary"]),
        json!([[5, 1_800, -1, 2_428], [3, -1, 4_000, 4_000], [8, 1_800, 4_000, 2_900]])
    );
    for interval in &intervals[2..] {
        let body = &interval["metricsData"];
        assert_eq!(body["metricsPerSkill"], serde_json::json!({}));
        assert_eq!(shown(&body["metricsTotal"]), json!([0, 0, 0, 0]));
    }
    // The vendor's rows by skill repeat both agents under both skills, so that they add up to 16 of 8 segments; its
    // second example partitions, and so does this.
    let skills = &made["timeframeSummary"]["metricsPerSkill"];
    assert_eq!(skills["333"]["metricsPerAgent"].as_object().unwrap().keys().collect::<Vec<_>>(), ["12"]);
    assert_eq!(skills["444"]["metricsPerAgent"].as_object().unwrap().keys().collect::<Vec<_>>(), ["13"]);
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
