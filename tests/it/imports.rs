//! `legwork import`: both forms, idempotence, versions, bad lines, and a daemon beside it.

use std::fs;
use std::process::Command;

use crate::support::{Legwork, job, python, segment};

fn tally(legwork: &Legwork, input: &str) -> serde_json::Value {
    let ran = legwork.run_with(&["-o", "json", "import", "-"], input);
    serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
}

const FLAT: &str = "segment_id,session_id,queue_name,queue_entry,start,end,agent_name,agent_email,skills,consultants,holds,direction,channel,status,disconnecting_event\n\
    s1,c1,Q,2026-06-10T08:00:00Z,2026-06-10T08:01:00Z,2026-06-10T08:05:00Z,\"Doe, Jane\",jane@x.example,A|B,l@x.example|m@x.example,2026-06-10T08:02:00Z/2026-06-10T08:02:30Z|1781078600000/1781078610000,Inbound,Voice,,\n\
    s2,c1,,,2026-06-10T08:05:00Z,2026-06-10T08:09:00Z,Max,max@x.example,,,,Inbound,Voice,Resolved,Agent Hangup\n";

#[test]
fn csv_and_ndjson_of_one_truth_are_one() {
    let csv = Legwork::new("");
    csv.run_with(&["import", "-"], FLAT).ok();
    let ndjson = Legwork::new("");
    ndjson.import(
        r#"{"kind":"interaction","id":"c1","direction":"Inbound","channel":"Voice","status":"Resolved","disconnecting_event":"Agent Hangup"}
{"kind":"agent","id":"jane@x.example","name":"Doe, Jane","email":"jane@x.example"}
{"kind":"segment","id":"s2","interaction_id":"c1","start":1781078700000,"end":"2026-06-10T10:09:00+02:00","agent_email":"max@x.example","agent_name":"Max"}
{"kind":"segment","id":"s1","interaction_id":"c1","queue_name":"Q","queue_entry":"2026-06-10T08:00:00Z","start":"2026-06-10T08:01:00Z","end":"2026-06-10T08:05:00Z","agent_email":"jane@x.example","skills":["A","B"],"consultants":["l@x.example","m@x.example"],"holds":[{"start":"2026-06-10T08:02:00Z","end":"2026-06-10T08:02:30Z"},{"start":1781078600000,"end":1781078610000}]}
"#,
    );
    let mut seen = Vec::new();
    for legwork in [csv, ndjson] {
        legwork.job("day", &job("{ from = \"2026-06-10\", to = \"2026-06-11\" }", ""));
        legwork.run(&["apply"]).ok();
        legwork.run(&["run", "day"]).ok();
        let path = legwork.path("state/artifacts").join(legwork.ask("select path from artifact"));
        seen.push(fs::read_to_string(path).unwrap());
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0].lines().count(), 3);
    assert!(seen[0].contains("00:00:40"), "the holds add up: {}", seen[0]);
}

#[test]
fn the_same_file_again_changes_nothing() {
    let legwork = Legwork::new("");
    let first = tally(&legwork, FLAT);
    assert_eq!((first["added"].as_u64(), first["changed"].as_u64()), (Some(2), Some(0)));
    let before = legwork.ask("select group_concat(version || last || coalesce(status, '')) from segment");
    let again = tally(&legwork, FLAT);
    assert_eq!(
        (again["unchanged"].as_u64(), again["added"].as_u64(), again["changed"].as_u64()),
        (Some(2), Some(0), Some(0))
    );
    assert_eq!(
        legwork.ask("select group_concat(version || last || coalesce(status, '')) from segment"),
        before
    );
}

#[test]
fn an_older_version_never_replaces_a_newer_one_and_a_contradiction_is_counted() {
    let legwork = Legwork::new("");
    let line = |end: &str, version: &str| {
        format!(
            "{{\"kind\":\"segment\",\"id\":\"s\",\"interaction_id\":\"c\",\"agent_id\":\"a\",\"start\":0,\"end\":{end},\"updated_at\":{version}}}\n"
        )
    };
    legwork.import(&line("5000", "20"));
    assert_eq!(tally(&legwork, &line("9000", "10"))["older"], 1);
    assert_eq!(legwork.ask("select end_at from segment"), "5000");
    let seen = tally(&legwork, &line("7000", "20"));
    assert_eq!((seen["changed"].as_u64(), seen["contradicting"].as_u64()), (Some(1), Some(1)));
    assert_eq!(legwork.ask("select end_at from segment"), "7000");
    legwork.import(&line("8000", "30"));
    assert_eq!(legwork.ask("select end_at || ' ' || version from segment"), "8000 30");
}

#[test]
fn a_segment_that_moves_to_another_interaction_leaves_the_first() {
    let legwork = Legwork::new("");
    let line = |id: &str, interaction: &str, version: u32| {
        format!(
            "{{\"kind\":\"segment\",\"id\":\"{id}\",\"interaction_id\":\"{interaction}\",\"agent_id\":\"a\",\
             \"start\":{version},\"updated_at\":{version}}}\n"
        )
    };
    let last = |id: &str| {
        legwork.ask(&format!("select last || interaction_key from segment where record_id = '{id}'"))
    };
    legwork.import(&format!("{}{}", line("t", "c1", 1), line("s", "c1", 10)));
    assert_eq!(last("t"), "0c1");
    // Both interactions in one chunk, the taker first.
    let status = "{\"kind\":\"interaction\",\"id\":\"c1\",\"status\":\"Resolved\"}\n";
    legwork.import(&format!("{}{status}", line("s", "c2", 20)));
    assert_eq!((last("s"), last("t")), ("1c2".to_owned(), "1c1".to_owned()));
    // The older record comes again: nothing of either interaction changes.
    legwork.import(&line("s", "c1", 10));
    assert_eq!((last("s"), last("t")), ("1c2".to_owned(), "1c1".to_owned()));
    assert_eq!(legwork.ask("select segments from interaction where record_id = 'c1'"), "[[1,\"t\"]]");
    assert_eq!(legwork.ask("select count(*) from segment"), "2");
}

#[test]
fn a_later_record_of_an_older_date_undoes_nothing() {
    let legwork = Legwork::new("");
    let status = |status: &str, version: u32| {
        format!(
            "{{\"kind\":\"interaction\",\"id\":\"c\",\"status\":\"{status}\",\"updated_at\":{version}}}\n"
        )
    };
    legwork.import(&(status("X", 1) + &status("X", 3) + &status("Y", 2)));
    assert_eq!(legwork.ask("select t.text from interaction join term t on t.term_id = status"), "X");
}

#[test]
fn bad_lines_go_into_a_rejects_file_and_the_rest_goes_in() {
    let legwork = Legwork::new("");
    let file = legwork.path("feed.ndjson");
    let good = segment("s1", "2026-06-10T08:00:00Z");
    fs::write(&file, format!("{good}{{\"kind\":\"segmnt\"}}\nnot json\n{{\"kind\":\"segment\",\"id\":\"x\",\"interaction_id\":\"c\",\"talktime\":1}}\n{{\"kind\":\"segment\",\"id\":\"y\",\"interaction_id\":\"c\",\"start\":\"2026-13-01T00:00:00Z\"}}\n{{\"kind\":\"segment\",\"id\":\"\",\"interaction_id\":\"c\",\"start\":1}}\n{}", segment("s2", "2026-06-10T09:00:00Z"))).unwrap();
    let said = legwork.run(&["import", &file.display().to_string()]).fails(1);
    assert!(said.contains("5 bad lines"), "{said}");
    assert_eq!(legwork.ask("select count(*) from segment"), "2");
    let rejects = fs::read_to_string(legwork.path("feed.ndjson.rejects")).unwrap();
    for (line, reason) in [
        (2, "unknown variant `segmnt`"),
        (3, "expected ident"),
        (4, "unknown field `talktime`"),
        (5, "is not an instant"),
        (6, "`id` is empty"),
    ] {
        let row = rejects.lines().find(|row| row.contains(&format!("\"line\":{line},"))).unwrap();
        assert!(row.contains(reason) && row.contains("feed.ndjson"), "{row}");
    }
}

#[test]
fn a_cell_that_is_not_utf_8_is_a_bad_line_that_names_its_column() {
    let legwork = Legwork::new("");
    let mut text = b"id,interaction_id,start,agent_id,queue_name\n".to_vec();
    text.extend_from_slice("s1,c1,2026-06-10T08:00:00Z,Zo\u{eb},Q\n".as_bytes());
    text.extend_from_slice(b"s2,c1,2026-06-10T08:01:00Z,Zo\xeb,Q\n");
    // Two halves of a letter in two cells are no letter.
    text.extend_from_slice(b"s3,c1,2026-06-10T08:02:00Z,a\xc3,\xabb\n");
    let file = legwork.path("feed.csv");
    fs::write(&file, text).unwrap();
    legwork.run(&["import", file.to_str().unwrap()]).fails(1);
    assert_eq!(legwork.ask("select group_concat(record_id) from segment"), "s1");
    let rejects = fs::read_to_string(legwork.path("feed.csv.rejects")).unwrap();
    assert_eq!(rejects.lines().count(), 2, "{rejects}");
    assert!(rejects.contains("\"line\":3,\"reason\":\"`agent_id` is not UTF-8\""), "{rejects}");
    assert!(rejects.contains("\"line\":4,\"reason\":\"`queue_name` is not UTF-8\""), "{rejects}");
    assert_eq!(legwork.ask("select group_concat(record_id) from agent"), "Zo\u{eb}");
}

#[test]
fn strict_imports_all_or_nothing_also_from_standard_input() {
    let legwork = Legwork::new("");
    let bad = format!("{}oops\n", segment("s1", "2026-06-10T08:00:00Z"));
    let ran = legwork
        .run_with(&["import", "--strict", "--rejects", &legwork.path("r").display().to_string(), "-"], &bad);
    assert!(ran.fails(2).contains("nothing imported"));
    assert_eq!(legwork.ask("select count(*) from segment"), "0");
    legwork.run_with(&["import", "--strict", "-"], &segment("s1", "2026-06-10T08:00:00Z")).ok();
    assert_eq!(legwork.ask("select count(*) from segment"), "1");
}

#[test]
fn a_header_that_fits_nothing_says_which_column_is_wrong() {
    let legwork = Legwork::new("");
    let said =
        legwork.run_with(&["import", "--kind", "segment", "-"], "id,interaction_id,start,queue\n").fails(2);
    assert!(said.contains("unknown column `queue`"), "{said}");
    let said = legwork.run_with(&["import", "-"], "a,b\n1,2\n").fails(2);
    assert!(said.contains("fits no kind of record"), "{said}");
}

#[test]
fn a_header_that_fits_several_kinds_or_repeats_a_column_is_not_guessed_at() {
    let legwork = Legwork::new("");
    let said = legwork.run_with(&["import", "-"], "id,name\nv1,Vera\n").fails(2);
    assert!(said.contains("--kind account or --kind agent"), "{said}");
    assert_eq!(legwork.ask("select (select count(*) from agent) + (select count(*) from account)"), "0");
    legwork.run_with(&["import", "--kind", "agent", "-"], "id,name\nv1,Vera\n").ok();
    legwork.run_with(&["import", "-"], "id,name,email\nv1,Vera,vera@x.example\n").ok();
    assert_eq!(legwork.ask("select name || email from agent"), "Veravera@x.example");
    let said = legwork.run_with(&["import", "-"], "segment_id,id,interaction_id,start\n").fails(2);
    assert!(said.contains("the column `id` twice"), "{said}");
    // A stint in the queue that nobody answered has no start.
    let stint = "id,interaction_id,queue_name,queue_entry,queue_exit\nq1,c1,Q,1781078400000,1781078460000\n";
    legwork.run_with(&["import", "-"], stint).ok();
    assert_eq!(legwork.ask("select record_id from segment"), "q1");
}

#[test]
fn a_quote_that_is_never_closed_swallows_nothing_in_silence() {
    let legwork = Legwork::new("");
    let head = "id,interaction_id,start,disposition\n";
    let row = |id: &str, said: &str| format!("{id},c-{id},1781078400000,{said}\n");
    let open = format!(
        "{head}{}{}{}",
        row("s1", "\"said \"\"hi\"\"\nand went\""),
        row("s2", "\"said hi"),
        row("s3", "bye")
    );
    let rejects = legwork.path("rejects").display().to_string();
    let covers = ["--covers", "2026-06-10T00:00Z..2026-06-11T00:00Z"];
    let ran = legwork.run_with(&[&["import", "--rejects", &rejects, "-"], &covers[..]].concat(), &open);
    assert!(ran.out.contains("the span of --covers is not declared"), "{ran:?}");
    ran.fails(1);
    let told = fs::read_to_string(&rejects).unwrap();
    assert!(
        told.contains("\"line\":4,\"reason\":\"a quote is opened in this line and never closed"),
        "{told}"
    );
    assert_eq!(
        legwork.ask("select group_concat(record_id) || ' ' || (select count(*) from coverage) from segment"),
        "s1 0"
    );
    let said = legwork
        .run_with(&["import", "--strict", "--rejects", &rejects, "-"], &open.replace("s1", "s9"))
        .fails(2);
    assert!(said.contains("nothing imported"), "{said}");
    // A text may end without a line's end, and within quotes that are closed.
    let whole = format!("{head}{}s5,c-s5,1781078400000,\"so\"", row("s4", "x"));
    legwork.run_with(&["import", "-"], &whole).ok();
    // One that is longer than any record is not gathered to its end.
    let endless =
        format!("{head}{}{}{}", row("s6", "x"), row("s7", "\"said hi"), "words, words\n".repeat(500_000));
    let said = legwork.run_with(&["import", "-"], &endless).fails(2);
    assert!(said.contains("line 3: a record of more than 4 MiB"), "{said}");
    assert_eq!(legwork.ask("select count(*) from segment where record_id in ('s6', 's7')"), "1");
}

#[test]
fn a_text_of_nothing_declares_nothing_whole() {
    let legwork = Legwork::new("");
    let covers = ["import", "--covers", "2026-06-10T00:00Z..2026-06-11T00:00Z", "-"];
    let said = legwork.run_with(&covers, "").fails(2);
    assert!(said.contains("is empty"), "{said}");
    assert_eq!(legwork.ask("select count(*) from coverage"), "0");
    let ran = legwork.run_with(&covers, "id,interaction_id,start\n").ok();
    assert!(ran.contains("declared whole: 2026-06-10T00:00Z..2026-06-11T00:00Z"), "{ran}");
    assert_eq!(legwork.ask("select count(*) from coverage"), "1");
}

#[test]
fn an_agent_that_is_known_is_there_already() {
    let legwork = Legwork::new("");
    let agents = "id,name,email\na,Ann,ann@x.example\nb,Ben,ben@x.example\n";
    let counts =
        |tally: &serde_json::Value| ["added", "changed", "unchanged"].map(|key| tally[key].as_u64().unwrap());
    assert_eq!(counts(&tally(&legwork, agents)), [2, 0, 0]);
    assert_eq!(counts(&tally(&legwork, agents)), [0, 0, 2]);
    assert_eq!(counts(&tally(&legwork, &agents.replace("Ben", "Benno"))), [0, 1, 1]);
}

#[test]
fn gzip_is_seen_by_itself_and_every_kind_goes_in() {
    let legwork = Legwork::new("");
    let lines = concat!(
        r#"{"kind":"account","source":"x","id":"acc","name":"Account"}"#,
        "\n",
        r#"{"kind":"agent","source":"x","account":"acc","id":"a","name":"A"}"#,
        "\n",
        r#"{"kind":"interaction","source":"x","account":"acc","id":"c","channel":"Web Chat","interaction_end":100000}"#,
        "\n",
        r#"{"kind":"segment","source":"x","account":"acc","id":"s","interaction_id":"c","agent_id":"a","start":1000,"end":100000}"#,
        "\n",
        r#"{"kind":"message","source":"x","account":"acc","id":"m","interaction_id":"c","at":4000,"sender":"agent","agent_id":"a"}"#,
        "\n",
        r#"{"kind":"agent_session","source":"x","account":"acc","id":"l","agent_id":"a","login":0,"logout":200000}"#,
        "\n",
        r#"{"kind":"agent_state","source":"x","account":"acc","id":"t","agent_session_id":"l","state":"available","start":0}"#,
        "\n",
        r#"{"kind":"coverage","source":"x","account":"acc","from":0,"to":50000}"#,
        "\n",
        r#"{"kind":"coverage","source":"x","account":"acc","from":50000,"to":90000}"#,
        "\n",
    );
    let plain = legwork.path("feed.ndjson");
    fs::write(&plain, lines).unwrap();
    assert!(Command::new("gzip").arg(&plain).status().unwrap().success());
    legwork.run(&["import", &legwork.path("feed.ndjson.gz").display().to_string()]).ok();
    assert_eq!(
        legwork.ask("select first_response_ms || ' ' || messages_sent || ' ' || last from segment"),
        "3000 1 1"
    );
    assert_eq!(legwork.ask("select count(*) || ' ' || from_at || ' ' || to_at from coverage"), "1 0 90000");
    assert_eq!(
        legwork.ask("select (select count(*) from agent_session) || (select count(*) from agent_state)"),
        "11"
    );
}

#[test]
fn covers_declares_a_span_unless_lines_are_missing() {
    let legwork = Legwork::new("");
    let covers = "2026-06-10T00:00Z..2026-06-11T00:00Z";
    let rejects = legwork.path("r").display().to_string();
    legwork.run_with(&["import", "--covers", covers, "--rejects", &rejects, "-"], "{oops\n").fails(1);
    assert_eq!(legwork.ask("select count(*) from coverage"), "0");
    legwork.run_with(&["import", "--covers", covers, "-"], &segment("s", "2026-06-10T08:00:00Z")).ok();
    assert_eq!(legwork.ask("select to_at - from_at from coverage"), "86400000");
    legwork.job("day", &job("{ from = \"2026-06-10\", to = \"2026-06-12\" }", ""));
    legwork.run(&["apply"]).ok();
    legwork.run(&["run", "day"]).ok();
    let why = legwork.run(&["why", "day"]).ok();
    assert!(why.contains("NOT declared whole: missing 2026-06-11 00:00:00 +00:00 to 2026-06-12"), "{why}");
}

#[test]
fn the_schema_of_the_import_accepts_what_the_demo_feeds_it() {
    let legwork = Legwork::new("");
    let feed = legwork.path("centre.ndjson").display().to_string();
    legwork.run(&["demo", "--segments", "300", "--export", &feed]).ok();
    fs::write(legwork.path("schema.json"), legwork.run(&["schema", "import"]).ok()).unwrap();
    let script = "import json, sys, jsonschema\nv = jsonschema.Draft202012Validator(json.load(open(sys.argv[1])))\n\
                  n = 0\nfor line in open(sys.argv[2]):\n    v.validate(json.loads(line)); n += 1\nassert n > 300\n\
                  assert not v.is_valid({'kind': 'segment', 'id': 's', 'interaction_id': 'c', 'talktime': 1})";
    let checked = Command::new(python())
        .args(["-c", script])
        .arg(legwork.path("schema.json"))
        .arg(&feed)
        .output()
        .unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}

#[test]
fn beside_an_import_no_occurrence_is_late() {
    let legwork = Legwork::new("");
    let every = "[[schedule]]\ncron = \"* * * * * *\"\n";
    for name in ["a", "b", "c"] {
        legwork.job(name, &job("\"yesterday\"", every));
    }
    let feed = legwork.path("centre.csv").display().to_string();
    legwork.run(&["demo", "--segments", "30000", "--export", &feed]).ok();
    let daemon = legwork.serve();
    legwork.wait_until("select count(*) >= 3 from occurrence where state = 'done'", "1");
    let begun = legwork.ask("select strftime('%Y-%m-%dT%H:%M:%fZ')");
    let said = legwork.run(&["-o", "json", "import", &feed]).ok();
    let seen: serde_json::Value = serde_json::from_str(&said).unwrap();
    let ended = legwork.ask("select strftime('%Y-%m-%dT%H:%M:%fZ')");
    legwork.wait_until(&format!("select count(*) > 0 from run where started_at > '{ended}'"), "1");
    daemon.stop();
    assert!(seen["added"].as_u64().unwrap() > 20_000);
    // Late is what was handed over more than 90 s after its instant; it would be skipped as missed.
    assert_eq!(legwork.ask("select count(*) from occurrence where rule = 'missed'"), "0");
    let during = format!(
        "select count(*) from occurrence where nominal_at between '{begun}' and '{ended}' and state not in ('done', 'skipped')"
    );
    assert_eq!(legwork.ask(&during), "0");
}
