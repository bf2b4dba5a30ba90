//! What recipients read: subjects, texts, tables, files of their own, and links.

use std::fs;

use crate::support::letters::{letters, to};
use crate::support::places::Moto;
use crate::support::smtp::Smtp;
use crate::support::{Legwork, job, segment};

const DAY: &str = "{ from = \"2026-06-10\", to = \"2026-06-11\" }";
const OUTBOX: &str = "[relay.main]\noutbox = \"outbox\"\nfrom = \"Légwork <reports@centre.example>\"\n";

fn of_queue(id: &str, queue: &str) -> String {
    format!(
        "{{\"kind\":\"segment\",\"id\":\"{id}\",\"interaction_id\":\"cc-{id}\",\"participant\":\"queue\",\
         \"queue_name\":\"{queue}\",\"queue_entry\":\"2026-06-10T08:00:00Z\",\"queue_exit\":\"2026-06-10T08:01:00Z\",\
         \"start\":\"2026-06-10T08:00:00Z\",\"end\":\"2026-06-10T08:01:00Z\",\"status\":\"Resolved\",\
         \"disconnecting_event\":\"Agent Hangup\"}}\n"
    )
}

#[test]
fn text_and_html_say_the_same_with_names_of_any_alphabet() {
    let legwork = Legwork::new(OUTBOX);
    legwork.import(&segment("s1", "2026-06-10T08:00:00Z"));
    let text = format!(
        "description = \"unused where there is a body\"\n{}",
        job(
            DAY,
            "[output]\nfile_name = \"Gespräche_日本_{{ period.start | date }}.csv\"\n\
             [[deliver]]\nemail = { to = [\"Zoë <zoe@x.example>\"], reply_to = [\"boss@x.example\"], first_rows = 3,\n\
             subject = \"Täglich 日報 {{ period.start | date }}: {{ rows }}\",\n\
             body = \"Guten Morgen <b>Zoë</b> & alle,\\n\\nanbei {{ rows }} Zeile(n).\" }\n"
        )
    );
    legwork.job("daily", &text);
    legwork.run(&["apply"]).ok();
    legwork.run(&["run", "daily"]).ok();
    let letters = letters(&legwork.path("outbox"));
    let letter = &letters[0];
    assert_eq!(letter["headers"]["subject"], "Täglich 日報 2026-06-10: 1");
    assert_eq!(letter["headers"]["auto-submitted"], "auto-generated");
    assert_eq!(letter["headers"]["list-id"], "<daily.legwork.centre.example>");
    assert!(letter["headers"]["reply-to"].as_str().unwrap().contains("boss@x.example"));
    let (text, html) = (letter["text"].as_str().unwrap(), letter["html_text"].to_string());
    for said in [
        "Guten Morgen <b>Zoë</b> & alle,",
        "anbei 1 Zeile(n).",
        "2026-06-10 00:00:00 +00:00",
        "SHA-256",
        "Jane",
    ] {
        assert!(text.contains(said), "{said}: {text}");
        assert!(html.contains(&said.replace('"', "\\\"")), "{said}: {html}");
    }
    assert_eq!(letter["html_tables"][1][1].as_array().unwrap().len(), 27, "the first row of the file");
    let file = &letter["attachments"][0];
    assert_eq!(file["filename"], "Gespräche_日本_2026-06-10.csv");
    assert_eq!(file["sha256"], legwork.ask("select sha256 from artifact").as_str());
}

#[test]
fn each_queue_gets_its_own_rows_and_what_nobody_gets_waits_for_a_person() {
    let legwork = Legwork::new(OUTBOX);
    let rows = [("a", "Sales_Queue_US"), ("b", "Sales_Queue_US"), ("c", "Billing/EU"), ("d", "Ghost")];
    legwork.import(&rows.map(|(id, queue)| of_queue(id, queue)).concat());
    let out = legwork.path("out").display().to_string();
    legwork.job(
        "daily",
        &job(
            DAY,
            &format!(
                "[[deliver]]\nemail = {{ subject = \"{{{{ part }}}}: {{{{ rows }}}}\", split_by = {{ column = \"Queue Name\",\
                 to = {{ \"Sales_Queue_US\" = [\"sales@x.example\"], \"Billing/EU\" = [\"b1@x.example\", \"b2@x.example\"] }} }} }}\n\
                 [[deliver]]\ndirectory = {{ path = \"{out}\" }}\n"
            ),
        ),
    );
    legwork.run(&["apply"]).ok();
    let said = legwork.run(&["run", "daily"]).fails(5);
    assert!(said.contains("nobody receives `Ghost`"), "{said}");
    let letters_ = letters(&legwork.path("outbox"));
    assert_eq!(letters_.len(), 3);
    let sales = to(&letters_, "sales@x.example");
    assert_eq!(sales["headers"]["subject"], "Sales_Queue_US: 2");
    assert_eq!(sales["attachments"][0]["filename"], "daily_2026-06-10_Sales_Queue_US.csv");
    assert!(sales["text"].as_str().unwrap().contains("Queue Name is Sales_Queue_US"));
    assert_eq!(
        to(&letters_, "b1@x.example")["attachments"][0]["filename"],
        "daily_2026-06-10_Billing_EU.csv"
    );
    // The parts together are the whole, which only the folder got.
    let lines = |path: &str| {
        let text = fs::read_to_string(path).unwrap();
        let mut lines: Vec<String> = text.lines().skip(1).map(ToOwned::to_owned).collect();
        lines.sort();
        lines
    };
    let whole = lines(&format!("{out}/daily_2026-06-10.csv"));
    let parts = legwork.path("state/artifacts/1");
    let mut together: Vec<String> = ["Sales_Queue_US", "Billing_EU", "Ghost"]
        .iter()
        .flat_map(|part| lines(&parts.join(format!("daily_2026-06-10_{part}.csv")).display().to_string()))
        .collect();
    together.sort();
    assert_eq!(whole, together);
    assert_eq!(whole.len(), 4);

    let file = "daily_2026-06-10_Ghost.csv";
    legwork.run(&["resend", "1", "--only", file, "--to", "me@x.example"]).ok();
    let letters_ = letters(&legwork.path("outbox"));
    assert_eq!(to(&letters_, "me@x.example")["attachments"][0]["filename"], file);
    assert_eq!(legwork.ask("select count(*) from delivery where state = 'held'"), "0");
}

#[test]
fn no_rows_can_be_a_notice_without_a_file() {
    let legwork = Legwork::new(OUTBOX);
    let out = legwork.path("out").display().to_string();
    legwork.job(
        "daily",
        &job(
            DAY,
            &format!(
                "[output]\nempty = \"notice\"\n[[deliver]]\nemail = {{ to = [\"a@x.example\"] }}\n\
                 [[deliver]]\ndirectory = {{ path = \"{out}\" }}\n"
            ),
        ),
    );
    legwork.run(&["apply"]).ok();
    legwork.run(&["run", "daily"]).ok();
    let letters = letters(&legwork.path("outbox"));
    assert_eq!(letters[0]["attachments"], serde_json::json!([]));
    assert!(letters[0]["text"].as_str().unwrap().contains("no rows, so there is no file"));
    assert!(legwork.out().is_empty());
}

#[test]
fn what_is_too_large_to_attach_is_fetched_by_a_link_that_works_for_a_while() {
    let moto = Moto::start();
    moto.make_bucket("reports");
    let config = format!(
        "{OUTBOX}size_limit = \"30kB\"\n[s3.lake]\nbucket = \"reports\"\nendpoint = \"http://localhost:{}\"\n\
         access_key_id = \"any\"\nsecret_access_key = {{ env = \"LAKE\" }}\n",
        moto.port
    );
    let legwork = Legwork::new(&config);
    let many: String = (0..300).map(|n| segment(&format!("m{n}"), "2026-06-10T09:00:00Z")).collect();
    legwork.import(&many);
    legwork.job(
        "daily",
        &job(
            DAY,
            "[[deliver]]\nemail = { to = [\"a@x.example\"], link = { use = \"lake\", expires = \"2d\" } }\n\
             [[deliver]]\ns3 = { use = \"lake\", key = \"d/{{ period.start | date }}.csv\" }\n",
        ),
    );
    legwork.run(&["apply"]).ok();
    // The mail stands first in the job and waits for the upload all the same.
    let output = legwork.command(&["run", "daily"]).env("LAKE", "pla-nt-ed").output().unwrap();
    let ran: crate::support::Ran = output.into();
    assert!([0, 75].contains(&ran.code), "{ran:?}");
    legwork
        .ledger()
        .execute(
            "update delivery set next_attempt_at = '2026-01-01T00:00:00.000Z' where state = 'pending'",
            [],
        )
        .unwrap();
    drop(legwork.command(&["resend", "1", "--to", "b@x.example"]).env("LAKE", "pla-nt-ed").output().unwrap());
    let letters = letters(&legwork.path("outbox"));
    let letter = to(&letters, "b@x.example");
    assert_eq!(letter["attachments"], serde_json::json!([]));
    let text = letter["text"].as_str().unwrap();
    assert!(text.contains("works for 2 days"), "{text}");
    let url = text.lines().find(|line| line.starts_with("http://")).unwrap();
    assert!(url.contains("X-Amz-Expires=172800") && url.contains("d/2026-06-10.csv"), "{url}");
    // The link stands in the mail and nowhere in the ledger.
    assert_eq!(
        legwork.ask("select count(*) from delivery where details like '%X-Amz%' or receipt like '%X-Amz%'"),
        "0"
    );
    assert_eq!(legwork.ask("select count(*) from attempt where reply like '%X-Amz%'"), "0");
    let made = legwork.path("state/artifacts").join(legwork.ask("select path from artifact"));
    assert_eq!(moto.object("reports", "d/2026-06-10.csv"), fs::read(made).ok());
}

#[test]
fn of_a_hundred_recipients_three_are_refused_and_the_others_served_once() {
    let smtp = Smtp::start("plain");
    let legwork = Legwork::new(&smtp.relay("tls = \"none\"\n"));
    legwork.import(&segment("s1", "2026-06-10T08:00:00Z"));
    let addresses: Vec<String> = (0..100)
        .map(|n| if n % 40 == 7 { format!("\"550@x{n}.example\"") } else { format!("\"r{n}@x.example\"") })
        .collect();
    legwork.job("daily", &job(DAY, &format!("[[deliver]]\nemail = {{ to = [{}] }}\n", addresses.join(", "))));
    legwork.run(&["apply"]).ok();
    legwork.run(&["run", "daily"]).fails(1);
    let states =
        "select group_concat(state || ' ' || n) from (select state, count(*) n from delivery group by state)";
    assert_eq!(legwork.ask(states), "delivered 97,failed 3", "{}", legwork.ask("select reply from attempt"));
    assert_eq!(legwork.ask("select count(*) from attempt"), "100");
    let received = smtp.received();
    assert_eq!(received.len(), 97);
    let letters = letters(smtp.mails.path());
    let ids: std::collections::BTreeSet<String> =
        letters.iter().map(|l| l["headers"]["message-id"].to_string()).collect();
    assert_eq!(ids.len(), 1, "all carry the same Message-ID");
    assert_eq!(letters[0]["to"].as_array().unwrap().len(), 100);
}
