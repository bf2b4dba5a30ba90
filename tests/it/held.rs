//! Checks before sending, and reports made again.

use crate::support::letters::{letters, to};
use crate::support::{Legwork, job, segment};

const DAY: &str = "{ from = \"2026-06-10\", to = \"2026-06-11\" }";
const OUTBOX: &str = "[relay.main]\noutbox = \"outbox\"\nfrom = \"reports@centre.example\"\n";

fn legwork(more: &str) -> Legwork {
    let legwork = Legwork::new(OUTBOX);
    legwork.import(&segment("s1", "2026-06-10T08:00:00Z"));
    let deliver = "[[deliver]]\nemail = { to = [\"a@x.example\"] }\n";
    legwork.job("daily", &job(DAY, &format!("{more}{deliver}")));
    legwork.run(&["apply"]).ok();
    legwork
}

#[test]
fn a_failed_check_holds_the_report_until_a_person_looks() {
    let legwork = legwork("[checks]\nrows = { min = 10 }\ntell = true\n");
    let said = legwork.run(&["run", "daily"]).fails(5);
    assert!(said.contains("held: 1 rows are fewer than 10"), "{said}");
    assert_eq!(
        legwork.ask("select group_concat(kind || ' ' || state) from delivery"),
        "email held,notice pending"
    );
    // The dot is dark, and the word is there.
    let list = legwork.run(&["list"]).ok();
    assert!(list.contains("held") && !list.contains("●"), "{list}");
    let why = legwork.run(&["why", "daily"]).fails(5);
    assert!(why.contains("legwork release 1") && why.contains("legwork discard 1"), "{why}");

    legwork.run(&["release", "1"]).ok();
    assert_eq!(legwork.ask("select state from delivery where kind = 'email'"), "outbox");
    assert_eq!(legwork.ask("select verdict from artifact"), "released");
    assert!(legwork.run(&["list"]).ok().contains("●"));
    assert_eq!(
        letters(&legwork.path("outbox")).iter().filter(|l| l["attachments"][0].is_object()).count(),
        1
    );
}

/// A look by hand at other days must neither hide what is open of the report nor stand for it.
#[test]
fn a_look_by_hand_hides_nothing() {
    let legwork = legwork("[checks]\nrows = { min = 10 }\n");
    legwork.run(&["run", "daily"]).fails(5);
    let held = legwork.run(&["why", "daily"]).fails(5);
    for id in 0..12 {
        legwork.import(&segment(&format!("t{id}"), "2026-06-11T08:00:00Z"));
    }
    legwork.run(&["run", "daily", "--period", "2026-06-11..2026-06-12", "--no-send"]).ok();
    assert_eq!(legwork.ask("select group_concat(rows || verdict) from artifact"), "1held,12good");
    let list = legwork.run(&["list"]).ok();
    assert!(list.contains("held") && !list.contains("●"), "{list}");
    let why = legwork.run(&["why", "daily"]).fails(5);
    assert!(why.contains("legwork release 1"), "{why}");
    assert!(why.contains("looked at by hand in run 2: legwork runs daily"), "{why}");
    assert_eq!(why.lines().next(), held.lines().next());
    let of = |what: &str| serde_json::from_str::<serde_json::Value>(what).unwrap();
    let json = of(&legwork.run(&["-o", "json", "why", "daily"]).out);
    assert_eq!(json["occurrence"]["run"]["run_id"], 1);
    // Where there is nothing but looks, the newest of them is told of.
    legwork.job("other", &job(DAY, ""));
    legwork.run(&["apply"]).ok();
    legwork.run(&["run", "other", "--period", "2026-06-11..2026-06-12", "--no-send"]).ok();
    assert!(legwork.run(&["why", "other"]).ok().contains("run    3"));
}

#[test]
fn recipients_are_told_of_a_delay_and_a_discarded_report_never_counts_as_generated() {
    let legwork = legwork("[checks]\ncolumns = { \"Agent Email\" = { one_of = [\"x\"] } }\ntell = true\n");
    legwork.run(&["run", "daily"]).fails(5);
    let daemon = legwork.serve();
    legwork.wait_until("select state from delivery where kind = 'notice'", "outbox");
    daemon.stop();
    let letters = letters(&legwork.path("outbox"));
    let told = to(&letters, "a@x.example");
    assert!(told["headers"]["subject"].as_str().unwrap().starts_with("Delayed: "), "{told:#}");
    legwork.run(&["discard", "1", "--reason", "the feed was broken"]).ok();
    assert_eq!(legwork.ask("select verdict from artifact"), "discarded");
    assert_eq!(legwork.ask("select reason from delivery where kind = 'email'"), "the feed was broken");
    assert!(!legwork.run(&["list"]).ok().contains("●"));
}

#[test]
fn every_check_finds_what_it_is_for_and_all_findings_are_told() {
    let legwork = legwork(
        "[checks]\nunique = [\"Agent Email\"]\non_fail = \"send\"\nfresh = \"1h\"\n\
         half_hours = { column = \"Segment Start Time\", from = \"08:00\", to = \"09:00\" }\n\
         columns = { \"Queue Name\" = { required = true } }\n",
    );
    legwork.import(&segment("s2", "2026-06-10T08:01:00Z"));
    legwork.run(&["run", "daily"]).ok();
    let letters = letters(&legwork.path("outbox"));
    let text = letters[0]["text"].as_str().unwrap();
    for said in [
        "1 rows repeat the Agent Email of another",
        "Queue Name: 2 cells are blank",
        "no row has its Segment Start Time in the half hours from 2026-06-10 08:30",
        "long before the period's end",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
}

#[test]
fn a_check_of_a_column_that_is_not_there_gets_the_nearest_one() {
    let legwork = Legwork::new(OUTBOX);
    legwork.job("daily", &job(DAY, "[checks]\nunique = [\"Agent Emial\"]\nrows = { min = 2, max = 1 }\n"));
    let said = legwork.run(&["check"]).fails(2);
    assert!(said.contains("did you mean `Agent Email`?") && said.contains("`max` is below `min`"), "{said}");
}

#[test]
fn the_same_report_again_changes_nothing_and_changed_data_is_a_new_revision() {
    for correction in ["keep", "send"] {
        let legwork = legwork(&format!("[output]\ncorrection = \"{correction}\"\n"));
        legwork.run(&["run", "daily"]).ok();
        let said = legwork.run(&["rerun", "1"]).ok();
        assert!(said.contains("the same bytes as before; nothing changes"), "{said}");
        assert_eq!(legwork.ask("select count(*) from artifact"), "1");
        assert_eq!(legwork.ask("select same_as from run order by run_id desc"), "1");

        legwork.import(&segment("s2", "2026-06-10T09:00:00Z"));
        legwork.run(&["rerun", "1"]).ok();
        assert_eq!(legwork.ask("select group_concat(revision || ':' || rows) from artifact"), "1:1,2:2");
        let letters = letters(&legwork.path("outbox"));
        if correction == "keep" {
            assert_eq!(letters.len(), 1);
            // A person may send it.
            let why = legwork.run(&["why", "daily"]).ok();
            assert!(why.contains("a new revision, kept; to send it: legwork resend 3"), "{why}");
            legwork.run(&["resend", "3"]).ok();
            let sent = crate::support::letters::letters(&legwork.path("outbox"));
            assert!(sent[1]["headers"]["subject"].as_str().unwrap().starts_with("Correction: "));
            continue;
        }
        assert_eq!(letters.len(), 2);
        let text = letters[1]["text"].as_str().unwrap();
        assert!(letters[1]["headers"]["subject"].as_str().unwrap().starts_with("Correction: "));
        assert!(
            text.contains("revision 2")
                && text.contains("2 rows instead of 1")
                && text.contains("1 lines are new"),
            "{text}"
        );
        assert_ne!(letters[0]["headers"]["message-id"], letters[1]["headers"]["message-id"]);
    }
}

#[test]
fn rows_are_held_against_earlier_reports_and_numbers_may_have_a_fraction() {
    let checks =
        "[checks]\nvolume = { band = 0.5, back = 3 }\ncolumns = { \"Talk Time\" = { max = 0.5, min = 0 } }\n";
    let legwork = legwork(checks);
    for _ in 0..4 {
        legwork.run(&["run", "daily"]).ok();
    }
    // As if the first three had been made on the Mondays before the fourth, with ten rows each.
    legwork
        .ledger()
        .execute_batch(
            "update occurrence set manual = 0, nominal_at =
                 strftime('%Y-%m-%dT05:00:00.000Z', '2026-06-01', '+' || (7 * occurrence_id - 7) || ' days');
             update artifact set rows = 10 where run_id < 4;",
        )
        .unwrap();
    legwork.import(&segment("s2", "2026-06-10T09:00:00Z"));
    let said = legwork.run(&["rerun", "4"]).fails(5);
    assert!(
        said.contains("held: ") && said.contains("far below 10, the lowest of the last 3 like it"),
        "{said}"
    );
    legwork.job("daily", &job(DAY, "[checks]\nvolume = { band = \"much\" }\n"));
    let said = legwork.run(&["check"]).fails(2);
    assert!(said.contains("a string") && said.contains("write a number"), "{said}");
}

#[test]
fn an_older_report_that_comes_late_does_not_replace_a_newer_one() {
    let legwork = Legwork::new("");
    let out = legwork.path("out");
    legwork.import(&segment("s1", "2026-06-10T08:00:00Z"));
    legwork.import(&segment("s2", "2026-06-11T08:00:00Z"));
    let deliver = format!(
        "[output]\nfile_name = \"latest.csv\"\n[[deliver]]\ndirectory = {{ path = \"{}\" }}\n",
        out.display()
    );
    legwork.job("daily", &job("\"yesterday\"", &deliver));
    legwork.run(&["apply"]).ok();
    // The folder is away when the first one is made.
    std::fs::rename(&out, legwork.path("away")).unwrap();
    legwork.run(&["run", "daily", "--period", "2026-06-10..2026-06-11"]).fails(75);
    std::fs::rename(legwork.path("away"), &out).unwrap();
    legwork.run(&["run", "daily", "--period", "2026-06-11..2026-06-12"]).ok();
    let newer = std::fs::read(out.join("latest.csv")).unwrap();
    legwork
        .ledger()
        .execute(
            "update delivery set next_attempt_at = '2026-01-01T00:00:00.000Z' where state = 'pending'",
            [],
        )
        .unwrap();
    let daemon = legwork.serve();
    legwork.wait_until(
        "select group_concat(state) from (select state from delivery order by delivery_id)",
        "discarded,delivered",
    );
    daemon.stop();
    assert_eq!(std::fs::read(out.join("latest.csv")).unwrap(), newer);
    assert!(
        legwork.ask("select reason from delivery order by delivery_id").contains("run 2, which is newer")
    );
    // Whoever means it can have it.
    legwork.run(&["resend", "1"]).ok();
    assert_ne!(std::fs::read(out.join("latest.csv")).unwrap(), newer);
}

#[test]
fn the_rerun_of_a_held_report_goes_out_and_replaces_it() {
    let legwork = legwork("[checks]\nrows = { min = 2 }\n");
    legwork.run(&["run", "daily"]).fails(5);
    legwork.import(&segment("s2", "2026-06-10T09:00:00Z"));
    legwork.run(&["rerun", "1"]).ok();
    assert_eq!(
        legwork.ask("select group_concat(verdict || ':' || revision) from artifact"),
        "discarded:1,good:2"
    );
    let states = "select group_concat(state || ' ' || ifnull(reason, '')) from (select * from delivery order by delivery_id)";
    assert_eq!(legwork.ask(states), "discarded replaced by run 2,outbox ");
    // Nobody got the first one, so nobody is told of a correction.
    let subject = letters(&legwork.path("outbox"))[0]["headers"]["subject"].clone();
    assert!(!subject.as_str().unwrap().starts_with("Correction"), "{subject}");
}

#[test]
fn a_rerun_that_fails_has_an_end_and_leaves_the_earlier_file() {
    let legwork = legwork("");
    legwork.run(&["run", "daily"]).ok();
    // As if a schedule had named it: those are tried again by themselves, and a rerun is not.
    legwork.ledger().execute("update occurrence set manual = 0", []).unwrap();
    let broken = job(
        DAY,
        "[report.filters]\nqueues = [\"Nowhere\"]\n[[deliver]]\nemail = { to = [\"a@x.example\"] }\n",
    );
    legwork.job("daily", &broken);
    legwork.run(&["apply"]).ok();
    legwork
        .ledger()
        .execute("update occurrence set version_id = (select version_id from definition)", [])
        .unwrap();
    let said = legwork.run(&["rerun", "1"]).fails(1);
    assert!(said.contains("Nowhere"), "{said}");
    assert_eq!(legwork.ask("select state || rerun || ifnull(retry_at, '-') from occurrence"), "done0-");
    assert_eq!(legwork.ask("select group_concat(state) from run"), "done,failed");
}

#[test]
fn a_report_of_nothing_that_is_split_is_told_to_everybody_it_is_split_for() {
    let legwork = Legwork::new(OUTBOX);
    let split =
        "split_by = { column = \"Queue Name\", to = { A = [\"a@x.example\"], B = [\"b@x.example\"] } }";
    legwork.job(
        "daily",
        &job(DAY, &format!("[output]\nempty = \"notice\"\n[[deliver]]\nemail = {{ {split} }}\n")),
    );
    legwork.run(&["apply"]).ok();
    legwork.run(&["run", "daily"]).ok();
    assert_eq!(
        legwork.ask("select group_concat(address || ' ' || state) from delivery"),
        "a@x.example outbox,b@x.example outbox"
    );
}
