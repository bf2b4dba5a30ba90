//! The database file: versions, locks, full disks, backups.

use std::fs;

use rusqlite::Connection;

use crate::support::{Legwork, files, job, root, segment, small};

const DAY: &str = "{ from = \"2026-06-10\", to = \"2026-06-11\" }";

#[test]
fn a_database_from_the_future_is_refused_and_left_alone() {
    let legwork = Legwork::new("");
    legwork.run(&["list"]).ok();
    legwork.ledger().execute_batch("pragma user_version = 99").unwrap();
    let said = legwork.run(&["list"]).fails(1);
    assert!(said.contains("has version 99") && said.contains("install the newer program"), "{said}");
    assert_eq!(legwork.ask("pragma user_version"), "99");
}

#[test]
fn a_database_of_an_older_version_is_copied_and_brought_up_to_date() {
    let legwork = Legwork::new("");
    fs::create_dir_all(legwork.path("state")).unwrap();
    let old = Connection::open(legwork.path("state/legwork.db")).unwrap();
    old.execute_batch(&fs::read_to_string(root().join("migrations/0001_ledger.sql")).unwrap()).unwrap();
    old.execute_batch("insert into surrounding values ('kept', 'yes'); pragma user_version = 1").unwrap();
    drop(old);
    legwork.run(&["list"]).ok();
    assert_eq!(legwork.ask("pragma user_version"), legwork::store::VERSION.to_string());
    assert_eq!(legwork.ask("select value from surrounding where name = 'kept'"), "yes");
    let copy = files(&legwork.path("state"))
        .into_iter()
        .find(|name| name.contains(&format!("before-{}", legwork::store::VERSION)))
        .unwrap();
    let copy = Connection::open(legwork.path("state").join(copy)).unwrap();
    assert_eq!(copy.query_row("pragma user_version", [], |row| row.get::<_, i64>(0)).unwrap(), 1);
}

#[test]
fn segments_of_an_older_version_are_resolved_by_the_rules_of_this_one() {
    let legwork = Legwork::new("");
    fs::create_dir_all(legwork.path("state")).unwrap();
    let old = Connection::open(legwork.path("state/legwork.db")).unwrap();
    for name in ["0001_ledger.sql", "0002_segments.sql"] {
        old.execute_batch(&fs::read_to_string(root().join("migrations").join(name)).unwrap()).unwrap();
    }
    old.execute_batch(
        "insert into account values (1, 'default', 'default', null);
         insert into term values (1, 'Web'), (2, 'User Hangup'), (3, 'Sales');
         insert into agent values (1, 1, 'a1', 0, 'Jane', null, null);
         insert into interaction (interaction_id, account_id, record_id, version, channel, channel_type,
                                  disconnecting_event, said_end, ended_at, segments)
             values (1, 1, 'c1', 0, 1, 4, 2, 1780999209000, 1780999209000, '[[1780999200000,\"s1\"]]');
         insert into segment (row_start, record_id, account_id, interaction_id, version, participant, queue, agent_id,
                              start_at, end_at, end_reason, interaction_key, ended_at, last, messages_sent)
             values (1780999200000, 's1', 1, 1, 0, 1, 3, 1, 1780999200000, 1780999209000, 1, 'c1', 1780999209000, 1, 1);
         insert into message values (1, 'm1', 1, 1780999202000, 1, 1, 1);
         pragma user_version = 2",
    )
    .unwrap();
    drop(old);
    legwork.job(
        "handle",
        "[report]\ntype = \"agent-segments\"\ntime_zone = \"UTC\"\n\
         period = { from = \"2026-06-09\", to = \"2026-06-10\" }\nfilters = { queues = [\"Sales\"] }\n",
    );
    legwork.run(&["apply"]).ok();
    legwork.run(&["run", "handle"]).ok();
    let path = legwork.ask("select path from artifact");
    let text = fs::read_to_string(legwork.path("state/artifacts").join(path)).unwrap();
    assert!(text.contains("c1,a1,,,,closedByConsumer,2000,estimate"), "{text}");
}

#[test]
fn a_database_that_another_process_holds_is_waited_for_and_then_told_of() {
    let legwork = Legwork::new("");
    legwork.job("day", &job(DAY, ""));
    legwork.run(&["apply"]).ok();
    let other = legwork.ledger();
    other.execute_batch("begin immediate").unwrap();
    let ran = legwork.run(&["run", "day"]);
    assert_eq!(ran.code, 75, "{ran:?}");
    assert!(ran.err.contains("another process has held the database"), "{ran:?}");
    other.execute_batch("rollback").unwrap();
    legwork.run(&["run", "day"]).ok();
}

#[test]
fn the_database_refuses_nonsense() {
    let legwork = Legwork::new("");
    legwork.job("day", &job(DAY, ""));
    legwork.run(&["apply"]).ok();
    legwork.run(&["run", "day"]).ok();
    let ledger = legwork.ledger();
    for sql in [
        "update occurrence set state = 'maybe'",
        "update occurrence set ended_at = null",
        "update occurrence set rule = 'missed'",
        "update run set ended_at = 'yesterday'",
        "update artifact set sha256 = 'x'",
        "update artifact set bytes = 'many'",
        "insert into occurrence select null, definition_id, version_id, nominal_at, 0, period_start, period_end, 'planned', null, 1, null, 0, null from occurrence",
        "insert into run (occurrence_id, number, state, started_at) values (999, 1, 'running', '2026-01-01T00:00:00.000Z')",
    ] {
        ledger.execute_batch("pragma foreign_keys = on").unwrap();
        assert!(ledger.execute(sql, []).is_err(), "{sql}");
    }
}

#[test]
fn a_full_disk_fails_the_run_and_leaves_nothing_half_written() {
    let small = small();
    let legwork = Legwork::new("");
    let many: String = (0..9_000).map(|n| segment(&format!("m{n}"), "2026-06-10T09:00:00Z")).collect();
    legwork.import(&many);
    legwork
        .job("day", &job(DAY, &format!("[[deliver]]\ndirectory = {{ path = \"{}\" }}\n", small.display())));
    legwork.run(&["apply"]).ok();
    // First the folder of the artifacts is full, then the folder that the file goes to.
    std::os::unix::fs::symlink(&*small, legwork.path("state/artifacts")).unwrap();
    let said = legwork.run(&["run", "day"]).fails(1);
    assert!(said.contains("No space left on device") && said.contains("make room there"), "{said}");
    assert_eq!(legwork.ask("select state || (select count(*) from artifact) from run"), "failed0");
    let left: Vec<String> = files(&small).into_iter().flat_map(|run| files(&small.join(run))).collect();
    assert_eq!(left, [""; 0]);
    fs::remove_file(legwork.path("state/artifacts")).unwrap();
    for run in files(&small) {
        fs::remove_dir_all(small.join(run)).unwrap();
    }
    let said = legwork.run(&["run", "day"]).fails(75);
    assert!(said.contains("No space left on device"), "{said}");
    assert_eq!(legwork.ask("select class from attempt"), "passing");
    assert_eq!(files(&small), [""; 0]);
}

#[test]
fn a_store_that_a_full_disk_keeps_shut_says_so() {
    let small = small();
    let legwork = Legwork::new("");
    legwork.run(&["list"]).ok();
    let (state, database) = (legwork.path("state"), small.join("legwork.db"));
    fs::copy(state.join("legwork.db"), &database).unwrap();
    fs::remove_dir_all(&state).unwrap();
    std::os::unix::fs::symlink(&*small, &state).unwrap();
    small.fill_up_to(0);
    let said = legwork.run(&["list"]).fails(1);
    assert!(said.contains("needs room on its disk") && said.contains("open the database"), "{said}");
    // Room for the log's index, and none for the copy that is made before an upgrade.
    small.fill_up_to(128 << 10);
    Connection::open(&database).unwrap().execute_batch("pragma user_version = 12").unwrap();
    small.fill_up_to(64 << 10);
    let said = legwork.run(&["list"]).fails(1);
    assert!(
        said.contains("needs room on its disk")
            && said.contains("back up the database: the disk is full; make room there and try again"),
        "{said}"
    );
    assert!(files(&small).iter().all(|name| !name.contains(".part")));
}

#[test]
fn a_backup_is_whole_while_the_daemon_writes() {
    let legwork = Legwork::new("");
    legwork.job("tick", &job(DAY, "[[schedule]]\ncron = \"* * * * * *\"\n"));
    let daemon = legwork.serve();
    legwork.wait_until("select count(*) >= 1 from run where state = 'done'", "1");
    let copy = legwork.path("copy.db");
    legwork.run(&["backup", &copy.display().to_string()]).ok();
    daemon.stop();
    let copy = Connection::open(copy).unwrap();
    assert_eq!(copy.query_row("pragma integrity_check", [], |row| row.get::<_, String>(0)).unwrap(), "ok");
    assert!(copy.query_row("select count(*) from run", [], |row| row.get::<_, i64>(0)).unwrap() >= 1);
}

/// What stands in the folder of the database.
fn beside(legwork: &Legwork) -> Vec<String> {
    let files = fs::read_dir(legwork.path("state")).unwrap();
    let mut names: Vec<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name.starts_with("legwork.db"));
    names.sort();
    names
}

#[test]
fn whoever_ends_in_order_leaves_one_file() {
    let legwork = Legwork::new("");
    legwork.import(&segment("s", "2026-06-10T08:00:00Z"));
    legwork.job("day", &job(DAY, ""));
    legwork.run(&["apply"]).ok();
    legwork.run(&["run", "day"]).ok();
    assert_eq!(beside(&legwork), ["legwork.db"], "after a command");
    let daemon = legwork.serve();
    legwork.run(&["run", "day"]).ok();
    legwork.run(&["runs"]).ok();
    assert!(1 < beside(&legwork).len());
    assert_eq!(daemon.stop(), 0);
    assert_eq!(beside(&legwork), ["legwork.db"], "after the daemon");
}

#[test]
fn shipped_migrations_never_change() {
    // The digest of each shipped file; a new file gets a new line, a shipped line never changes.
    let shipped = fs::read_to_string(root().join("tests/golden/migrations.sha256")).unwrap();
    let mut seen = String::new();
    for name in files(&root().join("migrations")).into_iter().filter(|name| name.contains(".sql")) {
        use sha2::Digest;
        let digest = sha2::Sha256::digest(fs::read(root().join("migrations").join(&name)).unwrap());
        seen = format!("{seen}{}  {name}\n", legwork::artifacts::hex(&digest));
    }
    assert_eq!(seen, shipped);
}
