//! Mail over real servers: Postfix with Dovecot, and aiosmtpd where a server has to fail.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use crate::support::smtp::Smtp;
use crate::support::{Legwork, Ran, files, job, program, python, root, segment, wait_for};

fn settings(name: &str) -> String {
    let folder = std::env::var("LEGWORK_TEST_MAIL").expect("run the tests by tests/run: it starts Postfix");
    let text = fs::read_to_string(PathBuf::from(folder).join("settings")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).unwrap();
    line.to_owned()
}

/// A Legwork whose one job mails the segments of a day.
fn mailing(config: &str, to: &str) -> Legwork {
    let legwork = Legwork::new(config);
    legwork.import(&segment("s1", "2026-06-10T08:00:00Z"));
    legwork.job(
        "daily",
        &job("{ from = \"2026-06-10\", to = \"2026-06-11\" }", &format!("[[deliver]]\nemail = {{ {to} }}\n")),
    );
    legwork.run(&["apply"]).ok();
    legwork
}

fn states(legwork: &Legwork) -> String {
    legwork.ask("select group_concat(address || ' ' || state, ', ') from (select * from delivery order by delivery_id)")
}

fn run(config: &str, to: &str) -> (Legwork, Ran) {
    let legwork = mailing(config, to);
    let ran = legwork.run(&["run", "daily"]);
    (legwork, ran)
}

#[test]
fn postfix_delivers_and_imap_gives_back_the_very_file() {
    for (port, tls) in [("SUBMISSION", "starttls"), ("SMTPS", "implicit")] {
        let config = format!(
            "[relay.main]\nhost = \"localhost\"\nport = {}\ntls = \"{tls}\"\nfrom = \"Légwork <reports@centre.example>\"\n\
             user = \"legwork\"\npassword = {{ file = \"secret\" }}\nca_file = \"{}\"\n[list]\nteam = [\"Zoë <zoe-{tls}@centre.example>\"]\n",
            settings(port),
            settings("CA")
        );
        let legwork = mailing(
            &config,
            &format!(
                "to = [\"team\"], cc = [\"cc-{tls}@centre.example\"], bcc = [\"bcc-{tls}@centre.example\"], subject = \"Täglich {{{{ period.start | date }}}}\""
            ),
        );
        fs::write(legwork.path("secret"), "secret\n").unwrap();
        fs::set_permissions(legwork.path("secret"), fs::Permissions::from_mode(0o600)).unwrap();
        legwork.run(&["run", "daily"]).ok();
        assert_eq!(legwork.ask("select count(*) from delivery where state = 'delivered'"), "3");
        assert_eq!(legwork.ask("select count(*) from attempt where body_begun_at is null"), "0");
        let reply = legwork.ask("select reply from attempt limit 1");
        assert!(reply.contains("queued as"), "{reply}");
        let file = legwork.path("state/artifacts").join(legwork.ask("select path from artifact"));
        for user in ["zoe", "cc", "bcc"] {
            let checked = Command::new(python())
                .arg(root().join("tests/servers/imap_check.py"))
                .args([&settings("IMAP"), &format!("{user}-{tls}"), &file.display().to_string()])
                .output()
                .unwrap();
            assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
        }
    }
}

#[test]
fn one_refused_address_of_three_loses_nobody_else() {
    let smtp = Smtp::start("plain");
    let (legwork, ran) = run(
        &smtp.relay("tls = \"none\"\n"),
        "to = [\"a@x.example\", \"550@x.example\"], bcc = [\"c@x.example\"]",
    );
    assert_eq!(ran.code, 1, "{ran:?}");
    assert_eq!(states(&legwork), "a@x.example delivered, 550@x.example failed, c@x.example delivered");
    assert!(legwork.ask("select reply from attempt where class = 'lasting'").contains("550"));
    let mails = smtp.received();
    assert_eq!(mails.len(), 2);
    let texts: Vec<String> = mails.iter().map(|mail| fs::read_to_string(mail).unwrap()).collect();
    for text in &texts {
        assert!(
            text.contains("To: a@x.example,\r\n 550@x.example\r\n") && !text.contains("c@x.example"),
            "{text}"
        );
        assert!(text.contains("Auto-Submitted: auto-generated"));
    }
    let id = |text: &str| text.lines().find(|line| line.starts_with("Message-ID:")).unwrap().to_owned();
    assert_eq!(id(&texts[0]), id(&texts[1]));
    let why = legwork.run(&["why", "daily"]).fails(1);
    assert!(why.contains("(550)") && why.contains("no such user here") && why.contains("next: "), "{why}");
}

#[test]
fn a_deferred_address_is_tried_again_with_the_same_message_id() {
    let smtp = Smtp::start("plain");
    let (legwork, ran) = run(&smtp.relay("tls = \"none\"\n"), "to = [\"451once@x.example\"]");
    assert_eq!(ran.code, 75, "{ran:?}");
    let id = legwork.ask("select message_id from delivery");
    assert!(legwork.ask("select reply from attempt").contains("greylisted"));
    // The wait is 15 s by the ledger; a ledger whose time has come is what the daemon finds.
    legwork.ledger().execute("update delivery set next_attempt_at = '2026-01-01T00:00:00.000Z'", []).unwrap();
    let daemon = legwork.serve();
    legwork.wait_until("select state from delivery", "delivered");
    daemon.stop();
    let mail = fs::read_to_string(&smtp.received()[0]).unwrap();
    assert!(mail.contains(&id), "{id}");
    assert_eq!(legwork.ask("select group_concat(class) from attempt"), "passing,done");
}

#[test]
fn a_server_that_hangs_in_data_or_closes_after_it_leaves_the_outcome_unknown() {
    for (mode, words) in [("hang", "the body was under way"), ("cut", "body to localhost")] {
        let smtp = Smtp::start(mode);
        let (legwork, ran) = run(&smtp.relay("tls = \"none\"\ntimeout = \"2s\"\n"), "to = [\"a@x.example\"]");
        assert_eq!(ran.code, 6, "{ran:?}");
        assert_eq!(states(&legwork), "a@x.example unknown");
        assert_eq!(legwork.ask("select class || (body_begun_at is not null) from attempt"), "unsure1");
        assert!(
            legwork.ask("select reply from attempt").contains(words),
            "{}",
            legwork.ask("select reply from attempt")
        );
        let why = legwork.run(&["why", "daily"]).fails(6);
        assert!(why.contains("ask the recipient whether it arrived"), "{why}");
    }
}

#[test]
fn no_starttls_is_final_and_a_bad_certificate_is_tried_again_and_nothing_is_sent() {
    let plain = Smtp::start("plain");
    let (legwork, ran) = run(&plain.relay(""), "to = [\"a@x.example\"]");
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(legwork.ask("select reply from attempt").contains("offers no STARTTLS"));
    assert_eq!(legwork.ask("select class || coalesce(body_begun_at, '') from attempt"), "lasting");

    let selfsigned = Smtp::start("selfsigned");
    let (legwork, ran) = run(&selfsigned.relay(""), "to = [\"a@x.example\"]");
    assert_eq!(ran.code, 75, "{ran:?}");
    let reply = legwork.ask("select reply from attempt").to_lowercase();
    assert!(reply.contains("certificate"), "{reply}");
    assert_eq!(legwork.ask("select class || coalesce(body_begun_at, '') from attempt"), "passing");
    assert!(plain.received().is_empty() && selfsigned.received().is_empty());
}

#[test]
fn a_good_certificate_of_a_named_authority_is_trusted() {
    let smtp = Smtp::start("starttls");
    let (_, ran) = run(&smtp.relay(&format!("ca_file = \"{}\"\n", settings("CA"))), "to = [\"a@x.example\"]");
    ran.ok();
    assert_eq!(smtp.received().len(), 1);
}

#[test]
fn a_mail_above_the_relays_size_is_refused_before_anything_is_sent() {
    let smtp = Smtp::start("small");
    let legwork = mailing(&smtp.relay("tls = \"none\"\n"), "to = [\"a@x.example\"]");
    let many: String = (0..300).map(|n| segment(&format!("m{n}"), "2026-06-10T09:00:00Z")).collect();
    legwork.import(&many);
    let ran = legwork.run(&["run", "daily"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    let reply = legwork.ask("select reply from attempt");
    assert!(reply.contains("the relay's limit") && reply.contains("nothing was sent"), "{reply}");
    assert!(smtp.received().is_empty());
}

#[test]
fn a_relay_that_is_down_is_tried_again() {
    let (legwork, ran) = run(
        "[relay.main]\nhost = \"localhost\"\nport = 1\ntls = \"none\"\nfrom = \"r@x.example\"\n",
        "to = [\"a@x.example\"]",
    );
    assert_eq!(ran.code, 75, "{ran:?}");
    assert!(legwork.ask("select reply from attempt").contains("connect to localhost:1"));
}

#[test]
fn an_outbox_is_written_and_never_called_delivered() {
    let (legwork, ran) = run(
        "[relay.main]\noutbox = \"outbox\"\nfrom = \"r@x.example\"\n",
        "to = [\"a@x.example\", \"b@x.example\"]",
    );
    let out = ran.ok();
    assert!(out.contains("written to outbox, not sent") && !out.contains("delivered"), "{out}");
    assert_eq!(files(&legwork.path("outbox")), ["1-a@x.example.eml", "2-b@x.example.eml"]);
    assert_eq!(states(&legwork), "a@x.example outbox, b@x.example outbox");
}

#[test]
fn a_run_can_go_to_one_address_or_to_nobody() {
    let smtp = Smtp::start("plain");
    let legwork = mailing(&smtp.relay("tls = \"none\"\n"), "to = [\"a@x.example\"]");
    legwork.run(&["run", "daily", "--no-send"]).ok();
    assert_eq!(states(&legwork), "");
    legwork.run(&["run", "daily", "--to", "me@x.example"]).ok();
    assert_eq!(states(&legwork), "me@x.example delivered");
    let said = legwork.run(&["run", "daily", "--to", "me@x.example\nBcc: you@x.example"]).fails(2);
    assert!(said.contains("line breaks"), "{said}");
}

#[test]
fn no_secret_is_printed_stored_or_mailed() {
    let secret = "pla-nt-ed-s3cr3t";
    let config = format!(
        "[relay.main]\nhost = \"localhost\"\nport = {}\nfrom = \"r@centre.example\"\nuser = \"legwork\"\n\
         password = {{ env = \"PLANTED\" }}\nca_file = \"{}\"\n",
        settings("SUBMISSION"),
        settings("CA")
    );
    let legwork = mailing(&config, "to = [\"a@centre.example\"]");
    let output = legwork.command(&["run", "daily"]).env("PLANTED", secret).output().unwrap();
    let ran: Ran = output.into();
    // The password is wrong: the server's words are told, ours are not.
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(legwork.ask("select reply from attempt").contains("535"));
    let mut daemon = Command::new(program());
    daemon.arg("--config").arg(legwork.path("legwork.toml")).arg("serve").env("PLANTED", secret);
    let log = fs::File::create(legwork.path("serve.log")).unwrap();
    let mut child = daemon.stderr(log).spawn().unwrap();
    wait_for("the daemon", || {
        if legwork.path("run/legwork.sock").exists() { Ok(()) } else { Err(legwork.log()) }
    });
    let mut again = legwork.command(&["run", "daily"]);
    drop(again.env("PLANTED", secret).output().unwrap());
    child.kill().unwrap();
    child.wait().unwrap();
    let mut everything = format!("{ran:?}{}", legwork.log());
    for file in files(&legwork.path("state")) {
        if let Ok(bytes) = fs::read(legwork.path("state").join(file)) {
            everything.push_str(&String::from_utf8_lossy(&bytes));
        }
    }
    for hidden in [secret, "cGxhLW50LWVkLXMzY3IzdA", "AGxlZ3dvcmsAcGxhLW50LWVkLXMzY3IzdA"] {
        assert!(!everything.contains(hidden), "a secret was written somewhere");
    }
}

#[test]
fn a_relay_with_a_pace_gets_its_mails_one_after_the_other_over_few_connections() {
    let smtp = Smtp::start("plain");
    let more = "tls = \"none\"\nrate = \"20/s\"\nmails_per_connection = 2\nconnections = 3\n";
    let addresses: Vec<String> = (0..9).map(|n| format!("\"r{n}@x.example\"")).collect();
    let legwork = mailing(&smtp.relay(more), &format!("to = [{}]", addresses.join(", ")));
    let daemon = legwork.serve();
    legwork.run(&["run", "daily"]).ok();
    daemon.stop();
    assert_eq!(smtp.received().len(), 9);
    let span = "select cast(1000 * 86400 * (julianday(max(ended_at)) - julianday(min(started_at))) as integer) from attempt";
    let took: u32 = legwork.ask(span).parse().unwrap();
    assert!(400 <= took, "nine mails at twenty a second took {took} ms");
}

#[test]
fn a_token_in_the_place_of_a_password_is_sent_as_xoauth2() {
    let smtp = Smtp::start("oauth");
    let more = "tls = \"none\"\nuser = \"u@x.example\"\nauth = \"xoauth2\"\npassword = { env = \"TOKEN\" }\n";
    let legwork = mailing(&smtp.relay(more), "to = [\"a@x.example\"]");
    let run = |token: &str| -> Ran {
        legwork.command(&["run", "daily"]).env("TOKEN", token).output().unwrap().into()
    };
    run("good-token").ok();
    let ran = run("old-token");
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(!format!("{ran:?}").contains("old-token"));
    assert_eq!(smtp.received().len(), 1);
}
