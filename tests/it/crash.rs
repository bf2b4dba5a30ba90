//! `kill -9` at random moments of a busy time: nothing is lost, nothing is doubled in silence.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use sha2::Digest;

use crate::support::smtp::Smtp;
use crate::support::{Legwork, dice, job, segment, variable, wait_for};

#[test]
fn kill_minus_nine_at_random_moments_loses_nothing_and_doubles_nothing_in_silence() {
    let rounds = variable("LEGWORK_TEST_ROUNDS", 50);
    let seed = variable("LEGWORK_TEST_SEED", 1);
    let smtp = Smtp::start("plain");
    let legwork = Legwork::new(&smtp.relay("tls = \"none\"\n"));
    let many: String = (0..400).map(|n| segment(&format!("m{n}"), "2026-06-10T09:00:00Z")).collect();
    legwork.import(&many);
    let deliver = |name: &str| {
        format!(
            "[output]\nfile_name = \"{{{{ name }}}}_{{{{ run }}}}.csv\"\n[[schedule]]\ncron = \"* * * * * *\"\n[[deliver]]\n\
             email = {{ to = [\"{name}-a@x.example\", \"{name}-b@x.example\"] }}\n[[deliver]]\ndirectory = {{ path = \"{}\" }}\n",
            legwork.path("out").display()
        )
    };
    for name in ["one", "two", "three"] {
        legwork.job(name, &job("{ from = \"2026-06-10\", to = \"2026-06-11\" }", &deliver(name)));
    }
    legwork.run(&["apply"]).ok();
    for round in 0..rounds {
        let mut state = seed.wrapping_add(round);
        let moment = Duration::from_millis(dice(&mut state) % 1_000);
        let daemon = legwork.serve_unready();
        // The moment is the test: there is no state to wait for.
        std::thread::park_timeout(moment);
        daemon.kill();
        eprintln!(
            "round {round} of {rounds}: killed after {} ms; go on with LEGWORK_TEST_SEED={}",
            moment.as_millis(),
            seed + round + 1
        );
    }
    let daemon = legwork.serve_unready();
    wait_for("everything to end", || {
        let open = legwork.ask(
            "select (select count(*) from occurrence where state in ('due', 'running'))
                    + (select count(*) from delivery where state = 'pending' and next_attempt_at > created_at)",
        );
        let ran = legwork.ask("select count(*) > 5 from occurrence where state = 'done'");
        if open == "0" && ran == "1" { Ok(()) } else { Err(format!("{open} open {}", legwork.log())) }
    });
    for name in ["one", "two", "three"] {
        legwork.run(&["pause", name]).ok();
    }
    legwork.wait_until("select (select count(*) from occurrence where state not in ('done', 'failed', 'skipped')) + (select count(*) from delivery where state = 'pending')", "0");
    assert_eq!(daemon.stop(), 0);
    check_instants(&legwork, seed);
    check_files(&legwork, seed);
    check_mails(&legwork, &smtp, seed);
}

/// Every second between the first and the last instant of a definition has one row that has ended.
fn check_instants(legwork: &Legwork, seed: u64) {
    let missing = "
        select count(*) from (
            select nominal_at, lag(nominal_at) over (partition by definition_id order by nominal_at) as before from occurrence
        ) where before is not null and round((julianday(nominal_at) - julianday(before)) * 86400) <> 1";
    assert_eq!(legwork.ask(missing), "0", "an instant has no row; seed {seed}");
    let doubled = "select count(*) - count(distinct definition_id || nominal_at) from occurrence";
    assert_eq!(legwork.ask(doubled), "0", "an instant has two rows; seed {seed}");
    let done_without_file = "
        select count(*) from occurrence o where state = 'done'
        and (select count(*) from run r join artifact a using (run_id) where r.occurrence_id = o.occurrence_id) <> 1";
    assert_eq!(legwork.ask(done_without_file), "0", "a done occurrence has not one file; seed {seed}");
    assert_eq!(legwork.ask("select count(*) from run where state = 'running'"), "0");
    assert_eq!(legwork.ask("select count(*) from attempt where ended_at is null"), "0");
}

/// Every kept and delivered file is whole, and nothing else lies about.
fn check_files(legwork: &Legwork, seed: u64) {
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    let ledger = legwork.ledger();
    let mut statement = ledger.prepare("select path, file_name, sha256 from artifact").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    for row in rows {
        let (path, name, sha256): (String, String, String) = row.unwrap();
        let bytes = fs::read(legwork.path("state/artifacts").join(&path)).unwrap();
        assert_eq!(legwork::artifacts::hex(&sha2::Sha256::digest(bytes)), sha256, "{path}; seed {seed}");
        known.insert(name, sha256);
    }
    for name in legwork.out() {
        let bytes = fs::read(legwork.path("out").join(&name)).unwrap();
        let digest = legwork::artifacts::hex(&sha2::Sha256::digest(bytes));
        assert_eq!(Some(&digest), known.get(&name), "{name} is not a whole file of a run; seed {seed}");
    }
    let undelivered = "select count(*) from delivery where kind = 'directory' and state <> 'delivered'";
    assert_eq!(legwork.ask(undelivered), "0", "seed {seed}");
}

/// No address got a mail twice, and none that the ledger calls delivered is missing.
fn check_mails(legwork: &Legwork, smtp: &Smtp, seed: u64) {
    let mut received: BTreeSet<(String, String)> = BTreeSet::new();
    for mail in smtp.received() {
        let name = mail.file_stem().unwrap().to_string_lossy().into_owned();
        let address = name.split_once('-').unwrap().1.to_owned();
        let text = fs::read_to_string(&mail).unwrap();
        let id = text.lines().find_map(|line| line.strip_prefix("Message-ID: ")).unwrap().trim().to_owned();
        let known = legwork
            .ask(&format!("select state from delivery where address = '{address}' and message_id = '{id}'"));
        assert!(known == "delivered" || known == "unknown", "{address} {id} is {known}; seed {seed}");
        assert!(received.insert((address.clone(), id.clone())), "{address} got {id} twice; seed {seed}");
    }
    let ledger = legwork.ledger();
    let mut statement = ledger
        .prepare("select address, message_id from delivery where kind = 'email' and state = 'delivered'")
        .unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    for row in rows {
        let row: (String, String) = row.unwrap();
        assert!(received.contains(&row), "{row:?} is said to be delivered and is not there; seed {seed}");
    }
}
