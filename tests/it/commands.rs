//! The daily commands: what they print, and their exit codes.

use crate::support::{Legwork, job, segment};

const DAY: &str = "{ from = \"2026-06-10\", to = \"2026-06-11\" }";

#[test]
fn plan_shows_changes_and_exits_4_and_apply_makes_them() {
    let legwork = Legwork::new("");
    legwork.job("one", &job(DAY, ""));
    let said = legwork.run(&["plan"]).fails(4);
    assert!(said.contains("+ one  new"), "{said}");
    legwork.run(&["apply"]).ok();
    assert!(legwork.run(&["plan"]).ok().contains("no changes"));
    legwork.job("one", &job("\"today\"", ""));
    legwork.job("two", "x = 1\n");
    let said = legwork.run(&["plan"]).fails(2);
    assert!(said.contains("~ one  changed") && said.contains("two.toml:1:1: unknown key `x`"), "{said}");
}

#[test]
fn a_name_that_is_not_there_exits_3_with_the_nearest() {
    let legwork = Legwork::new("");
    legwork.job("segments-yesterday", &job(DAY, ""));
    legwork.run(&["apply"]).ok();
    for command in ["run", "why", "show", "pause", "resume", "export", "runs", "next"] {
        let said = legwork.run(&[command, "segment-yesterday"]).fails(3);
        assert!(said.contains("did you mean `segments-yesterday`?"), "{command}: {said}");
    }
}

#[test]
fn run_makes_a_file_for_another_period_and_why_tells_of_it() {
    let legwork = Legwork::new("");
    legwork.import(&segment("s1", "2026-06-12T08:00:00Z"));
    legwork.job("day", &job(DAY, ""));
    legwork.run(&["apply"]).ok();
    assert!(legwork.run(&["why", "day"]).ok().contains("has never been due"));
    legwork.run(&["pause", "day"]).ok();
    assert!(legwork.run(&["why", "day"]).ok().contains("next: legwork resume day"));
    legwork.run(&["resume", "day"]).ok();
    assert!(legwork.run(&["run", "day"]).ok().contains("(0 rows"));
    assert!(legwork.run(&["run", "day", "--period", "2026-06-12..2026-06-13"]).ok().contains("(1 rows"));
    assert!(
        legwork
            .run(&["run", "day", "--period", "2026-06-12T08:00:00Z..2026-06-12T08:00:01Z"])
            .ok()
            .contains("(1 rows")
    );
    legwork.run(&["run", "day", "--period", "2026-06-13..2026-06-12"]).fails(2);
    legwork.run(&["run", "day", "--period", "someday"]).fails(2);
    let why = legwork.run(&["why", "day"]).ok();
    assert!(why.contains("asked for by hand") && why.contains("sent   to nobody: no destination"), "{why}");
    let told: serde_json::Value =
        serde_json::from_str(&legwork.run(&["-o", "json", "why", "day"]).ok()).unwrap();
    assert_eq!(told["occurrence"]["run"]["file"]["rows"], 1);
    let shown = legwork.run(&["show", "2"]).ok();
    assert!(shown.contains("run    2 done"), "{shown}");
    legwork.run(&["show", "77"]).fails(3);
}

#[test]
fn an_empty_report_can_be_kept_without_sending() {
    let legwork = Legwork::new("");
    let out = format!(
        "[output]\nempty = \"skip\"\n[[deliver]]\ndirectory = {{ path = \"{}\" }}\n",
        legwork.path("out").display()
    );
    legwork.job("day", &job(DAY, &out));
    legwork.run(&["apply"]).ok();
    legwork.run(&["run", "day"]).ok();
    assert_eq!(legwork.out(), [""; 0]);
    assert_eq!(legwork.ask("select rows from artifact"), "0");
    assert!(legwork.run(&["why", "day"]).ok().contains("skips empty reports"));
}

#[test]
fn next_lists_instants_in_their_zone_and_schedules_that_meet_once() {
    let legwork = Legwork::new("");
    let twice = "[[schedule]]\ncron = \"0 6 * * *\"\n[[schedule]]\ncron = \"0 6 1 * *\"\n";
    legwork.job("day", &job(DAY, twice).replace("\"UTC\"", "\"America/New_York\""));
    legwork.run(&["apply"]).ok();
    let next: serde_json::Value =
        serde_json::from_str(&legwork.run(&["-o", "json", "next", "day", "-n", "40"]).ok()).unwrap();
    let instants: Vec<&str> =
        next.as_array().unwrap().iter().map(|row| row["at"].as_str().unwrap()).collect();
    assert_eq!(instants.len(), 40);
    assert!(instants.windows(2).all(|pair| pair[0] < pair[1]));
    assert!(next[0]["local"].as_str().unwrap().contains(" 06:00:00 -0"));
}

#[test]
fn export_gives_back_the_text_and_check_takes_it() {
    let legwork = Legwork::new("");
    let text = job(DAY, "");
    legwork.job("day", &text);
    legwork.run(&["apply"]).ok();
    assert_eq!(legwork.run(&["export", "day"]).ok(), text);
}

#[test]
fn completions_and_manual_pages_are_made() {
    let legwork = Legwork::new("");
    for shell in ["bash", "zsh", "fish"] {
        assert!(legwork.run(&["completions", shell]).ok().contains("legwork"));
    }
    let folder = legwork.path("man");
    legwork.run(&["man", &folder.display().to_string()]).ok();
    assert!(std::fs::read_to_string(folder.join("legwork-import.1")).unwrap().contains("rejects"));
}

#[test]
fn usage_exits_2_and_a_closed_pipe_exits_0() {
    let legwork = Legwork::new("");
    legwork.run(&["frobnicate"]).fails(2);
    legwork.run(&["run"]).fails(2);
    let program = crate::support::program().display().to_string();
    let piped = std::process::Command::new("sh")
        .args(["-c", &format!("'{program}' schema job | head -1 >&2; exit ${{PIPESTATUS:-0}}")])
        .output()
        .unwrap();
    assert!(piped.status.success(), "{piped:?}");
    assert!(!String::from_utf8_lossy(&piped.stderr).contains("Broken pipe"), "{piped:?}");
}

#[test]
fn a_delivered_file_replaces_an_older_one_of_its_name() {
    let legwork = Legwork::new("");
    legwork.import(&segment("s1", "2026-06-10T08:00:00Z"));
    legwork.job(
        "day",
        &job(DAY, &format!("[[deliver]]\ndirectory = {{ path = \"{}\" }}\n", legwork.path("out").display())),
    );
    legwork.run(&["apply"]).ok();
    legwork.run(&["run", "day"]).ok();
    let first = std::fs::read(legwork.path("out/day_2026-06-10.csv")).unwrap();
    legwork.run(&["run", "day"]).ok();
    assert_eq!(
        std::fs::read(legwork.path("out/day_2026-06-10.csv")).unwrap(),
        first,
        "the same data gives the same bytes"
    );
    assert_eq!(legwork.out(), ["day_2026-06-10.csv"]);
    std::fs::remove_dir_all(legwork.path("out")).unwrap();
    let ran = legwork.run(&["run", "day"]);
    assert_eq!(ran.code, 75, "a share that is not mounted comes back: {ran:?}");
}

#[test]
fn backfill_makes_what_is_missing_makes_again_what_is_there_and_goes_on_where_it_was_left() {
    let legwork = Legwork::new("");
    legwork.import(&segment("s1", "2026-06-10T09:00:00Z"));
    let text = job("\"yesterday\"", "[[schedule]]\ncron = \"0 6 * * *\"\n");
    let deliver = format!("[[deliver]]\ndirectory = {{ path = \"{}\" }}\n", legwork.path("out").display());
    legwork.job("daily", &format!("{text}{deliver}"));
    legwork.job("demand", &job("\"previous week\"", ""));
    legwork.run(&["apply"]).ok();
    let span = ["--from", "2026-06-08", "--to", "2026-06-15"];
    let backfill = |name: &str, more: &[&str]| legwork.run(&[&["backfill", name], &span[..], more].concat());
    assert!(backfill("daily", &[]).ok().contains("7 made, 0 failed, of 7 instants"));
    assert!(legwork.out().is_empty(), "nothing is sent unless asked");
    assert_eq!(legwork.ask("select sum(rows) from artifact"), "1");
    // Another record of the past: the same occurrences again, over their stored periods, with a daemon this time.
    legwork.import(&segment("s2", "2026-06-11T09:00:00Z"));
    let daemon = legwork.serve();
    assert!(backfill("daily", &["--send"]).ok().contains("7 made"));
    legwork.wait_until("select count(*) from delivery where state = 'delivered'", "7");
    assert_eq!(
        legwork.ask("select count(*) || ' ' || max(number) from occurrence join run using (occurrence_id)"),
        "14 2"
    );
    daemon.stop();
    // Interrupted in the middle: only the rest is made.
    let ledger = legwork.ledger();
    let open = "update backfill set ended_at = null where backfill_id = 2";
    ledger.execute(open, []).unwrap();
    let forgotten = "update occurrence set backfill_id = 1 where nominal_at like '2026-06-13%'";
    ledger.execute(forgotten, []).unwrap();
    backfill("daily", &["--send"]).ok();
    assert_eq!(legwork.ask("select count(*) from run"), "15");
    // Without schedules the period's own unit is the step.
    let weeks = legwork.run(&["backfill", "demand", "--from", "2026-06-01", "--to", "2026-06-29"]).ok();
    assert!(weeks.contains("4 made"), "{weeks}");
    let periods = "select min(period_start) || ' ' || max(period_end) from occurrence join definition using (definition_id) where name = 'demand'";
    assert_eq!(legwork.ask(periods), "2026-06-01T00:00:00.000Z 2026-06-29T00:00:00.000Z");
    backfill("nobody", &[]).fails(3);
    let future = legwork.run(&["backfill", "daily", "--from", "2026-06-08", "--to", "2199-01-01"]).fails(2);
    assert!(future.contains("in the future"), "{future}");
}

#[test]
fn what_people_answer_about_deliveries_is_done_and_written_down() {
    let legwork = Legwork::new("[relay.main]\noutbox = \"outbox\"\nfrom = \"Reports <r@x.example>\"\n");
    let mail = "[[deliver]]\nemail = { to = [\"a@x.example\", \"b@x.example\"] }\n";
    legwork.job("day", &job("{ from = \"2026-06-10\", to = \"2026-06-11\" }", mail));
    legwork.run(&["apply"]).ok();
    legwork.run(&["run", "day"]).ok();
    let ledger = legwork.ledger();
    let states = || {
        legwork
            .ask("select group_concat(substr(address, 1, 1) || number || ' ' || state, ', ') from delivery")
    };
    assert_eq!(states(), "a1 outbox, b1 outbox");
    // The relay refused one, and of the other nobody knows.
    let refused = "update delivery set state = 'failed' where address = 'a@x.example'";
    ledger.execute(refused, []).unwrap();
    ledger.execute("update delivery set state = 'unknown' where address = 'b@x.example'", []).unwrap();
    let why = legwork.run(&["why", "day"]).fails(1);
    assert!(why.contains("legwork release 1"), "{why}");
    legwork.run(&["deliver", "1"]).fails(6);
    assert_eq!(states(), "a1 outbox, b1 unknown", "only what failed is tried again");
    let ids = "select count(distinct message_id) from delivery";
    assert_eq!(legwork.ask(ids), "1", "a retry keeps the Message-ID");
    legwork.run(&["deliver", "1"]).fails(3);
    let listed = legwork.run(&["deliveries", "day", "--state", "unknown"]).ok();
    assert!(listed.contains("b@x.example") && !listed.contains("a@x.example"), "{listed}");
    legwork.run(&["release", "1", "--only", "b@x.example"]).ok();
    assert_eq!(states(), "a1 outbox, b1 outbox");
    // Sent anew: new mails under a Message-ID of their own; the old ones stay as they were.
    legwork.run(&["resend", "1", "--to", "boss@x.example"]).ok();
    legwork.run(&["resend", "1"]).ok();
    assert_eq!(states(), "a1 outbox, b1 outbox, b1 outbox, a2 outbox, b2 outbox, b2 outbox");
    assert_eq!(legwork.ask(ids), "5");
    ledger.execute(refused, []).unwrap();
    legwork.run(&["discard", "1", "--reason", " "]).fails(2);
    legwork.run(&["discard", "1", "--reason", "told by phone"]).ok();
    assert_eq!(
        legwork.ask("select count(*) from delivery where state = 'discarded' and reason = 'told by phone'"),
        "2"
    );
    assert!(legwork.run(&["why", "day"]).ok().contains("discarded: told by phone"));
    legwork.run(&["resend", "99"]).fails(3);
}
