//! Sealed blocks: whatever is sealed when, reports say the same; what is damaged is named.

use std::collections::BTreeMap;
use std::fs;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use legwork::clock::Stopwatch;
use legwork::store::segments::sealed::compact::{Compactor, GENTLE};
use legwork::store::segments::sealed::examine::examine;
use legwork::store::segments::write::SegmentWriter;
use legwork::store::{Store, housekeeping};

use crate::support::{Legwork, dice, generated, job, records, root, segment, small, store, variable};

/// Midnight of 2026-06-10.
const DAY_MS: i64 = 1_781_049_600_000;
const HOUR_MS: i64 = 3_600_000;

/// A segment as the model has it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    version: i64,
    start: i64,
    interaction: u64,
    queue: u64,
    talk_s: u64,
}

/// Of interactions with even numbers the segments say everything, the end included: those can be folded.
fn line(id: u64, known: &Known) -> String {
    let even = known.interaction.is_multiple_of(2);
    let customer = if even { "customer" } else { "customer_name" };
    let mut line = serde_json::json!({
        "kind": "segment", "id": format!("s{id}"), "interaction_id": format!("c{}", known.interaction),
        "agent_email": "jane@x.example", "queue_name": format!("Queue {}", known.queue),
        "start": known.start, "end": known.start + 1_000, "talk_ms": known.talk_s * 1_000,
        "updated_at": known.version,
    });
    line[customer] = format!("Customer \"{}\"", known.interaction).into();
    if even {
        line["disconnecting_event"] = "Agent left".into();
    }
    line.to_string()
}

fn write(writer: &mut SegmentWriter, lines: &str) {
    writer.write(records(lines), 0).unwrap();
}

/// As rows, or closed hours straight into blocks.
fn write_either(writer: &mut SegmentWriter, lines: &str, until: Option<i64>) {
    match until {
        Some(until) => drop(writer.write_sealed(&records(lines).into_iter().collect(), 0, until).unwrap()),
        None => write(writer, lines),
    }
}

/// A segment as chance has it.
fn known(roll: &mut impl FnMut(u64) -> u64) -> Known {
    Known {
        version: i64::try_from(roll(10)).unwrap(),
        start: DAY_MS + i64::try_from(roll(6)).unwrap() * HOUR_MS + i64::try_from(roll(50)).unwrap(),
        interaction: roll(30),
        queue: roll(4),
        talk_s: roll(60),
    }
}

/// Seals a few pieces of the hours before an instant; returns how many interactions were folded.
fn seal(store: &Store, until: i64, pieces: u64) -> u64 {
    let mut compactor = Compactor::open(store, until, GENTLE, Stopwatch::start().reader()).unwrap();
    for _ in 0..pieces {
        if !compactor.step().unwrap() {
            break;
        }
    }
    compactor.sealed().folded
}

fn at(ms: i64) -> String {
    Timestamp::from_millisecond(ms).unwrap().to_string()
}

/// Id, interaction, queue and talk time of the rows of some hours, in the order of the report.
fn reported(store: &Store, legwork: &Legwork, from: i64, to: i64, more: &str) -> Vec<[String; 5]> {
    let period = format!("{{ from = \"{}\", to = \"{}\" }}", &at(from)[..16], &at(to)[..16]);
    let job = job(&period, &format!("in_progress = true\n{more}"));
    let text = generated(store, &job, Timestamp::from_millisecond(to).unwrap(), &legwork.path("out/report"));
    let mut reader = csv::Reader::from_reader(&text[..]);
    let header = reader.headers().unwrap().clone();
    let place = |name: &str| header.iter().position(|header| header == name).unwrap();
    let places = ["Segment ID", "Session ID", "Queue Name", "Talk Time", "Customer"].map(place);
    reader.records().map(|row| places.map(|place| row.as_ref().unwrap()[place].to_owned())).collect()
}

fn expected(model: &BTreeMap<u64, Known>, from: i64, to: i64, queue: Option<u64>) -> Vec<[String; 5]> {
    let inside = |known: &Known| {
        from <= known.start && known.start < to && queue.is_none_or(|queue| queue == known.queue)
    };
    let mut rows: Vec<(i64, String, &Known)> = model
        .iter()
        .filter(|(_, known)| inside(known))
        .map(|(id, known)| (known.start, format!("s{id}"), known))
        .collect();
    rows.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    let row = |(_, id, known): (i64, String, &Known)| {
        [
            id,
            format!("c{}", known.interaction),
            format!("Queue {}", known.queue),
            format!("00:00:{:02}", known.talk_s),
            format!("Customer \"{}\"", known.interaction),
        ]
    };
    rows.into_iter().map(row).collect()
}

/// Imports, corrections, moves to another interaction, compaction and retention in any order, against a map.
#[test]
fn in_whatever_order_segments_come_change_and_are_sealed_reports_say_what_is_known() {
    let rounds = variable("LEGWORK_TEST_ROUNDS", 300);
    let mut folded = 0;
    for round in 0..rounds {
        let mut state = variable("LEGWORK_TEST_SEED", 1).wrapping_mul(1_000_003).wrapping_add(round);
        let legwork = Legwork::new("");
        let store = store(&legwork);
        let mut writer = SegmentWriter::open(&store).unwrap();
        let mut model: BTreeMap<u64, Known> = BTreeMap::new();
        let mut kept_from = DAY_MS;
        for step in 0..16 {
            let mut roll = |sides: u64| dice(&mut state) % sides;
            match roll(8) {
                0..5 => {
                    let mut lines = Vec::new();
                    for _ in 0..=roll(40) {
                        let id = roll(120);
                        let known = known(&mut roll);
                        if known.start < kept_from {
                            continue;
                        }
                        lines.push(line(id, &known));
                        if model.get(&id).is_none_or(|before| before.version <= known.version) {
                            model.insert(id, known);
                        }
                    }
                    let until = (roll(2) == 0).then(|| DAY_MS + i64::try_from(roll(8)).unwrap() * HOUR_MS);
                    write_either(&mut writer, &lines.join("\n"), until);
                }
                5 | 6 => {
                    let until = DAY_MS + i64::try_from(roll(8)).unwrap() * HOUR_MS;
                    folded += seal(&store, until, 1 + roll(12));
                }
                _ => {
                    // Whole hours at a time: what is sealed goes by the block.
                    kept_from = kept_from.max(DAY_MS + i64::try_from(roll(3)).unwrap() * HOUR_MS);
                    let before = kept_from;
                    let expire = move |tx: &rusqlite::Transaction<'_>| {
                        housekeeping::expire_segments(tx, before, 1_000)
                    };
                    while 0 < store.write_blocking("expire", expire).unwrap() {}
                    while 0 < writer.expire_interactions(before, 1_000).unwrap() {}
                    model.retain(|_, known| before <= known.start);
                }
            }
            let to = DAY_MS + 6 * HOUR_MS;
            let seed = format!("round {round}, step {step}");
            assert_eq!(
                reported(&store, &legwork, kept_from, to, ""),
                expected(&model, kept_from, to, None),
                "{seed}"
            );
            if model.values().any(|known| known.queue == 1) {
                let filter = "[report.filters]\nqueues = [\"Queue 1\"]\n";
                assert_eq!(
                    reported(&store, &legwork, kept_from, to, filter),
                    expected(&model, kept_from, to, Some(1)),
                    "{seed}"
                );
            }
        }
        drop(writer);
        store.close();
    }
    assert!(rounds <= folded, "{folded} interactions were folded in {rounds} rounds");
}

/// Two keys that have one hash.
const TWINS: [&str; 2] = ["95899137", "37221476"];

/// A line as chance has it: most say something of their interaction, of its agent, and when they were changed.
fn any_line(roll: &mut impl FnMut(u64) -> u64) -> String {
    let mut key = |letter: char, sides: u64| match roll(sides + 2) {
        0 => TWINS[0].to_owned(),
        1 => TWINS[1].to_owned(),
        rolled => format!("{letter}{rolled}"),
    };
    let (interaction, id) = (key('c', 12), key('s', 40));
    if roll(25) == 0 {
        let at = DAY_MS + i64::try_from(roll(9_000)).unwrap() * 1_000;
        return serde_json::json!({
            "kind": "message", "id": format!("m{}", roll(20)), "interaction_id": interaction, "at": at,
            "sender": if roll(2) == 0 { "agent" } else { "customer" },
        })
        .to_string();
    }
    let start =
        DAY_MS + i64::try_from(roll(3)).unwrap() * HOUR_MS + i64::try_from(roll(900)).unwrap() * 1_000;
    let mut line = serde_json::json!({
        "kind": "segment", "id": id, "interaction_id": interaction, "start": start,
        "end": start + 60_000, "agent_id": format!("a{}", roll(4)), "queue_name": format!("Queue {}", roll(3)),
    });
    let may: [(&str, [serde_json::Value; 2]); 15] = [
        ("agent_name", ["Ann".into(), "Bob".into()]),
        ("status", ["Open".into(), "Closed".into()]),
        ("customer", ["Zo\u{eb}".into(), "Max".into()]),
        ("customer_email", ["a@x.example".into(), "b@x.example".into()]),
        ("channel_type", ["voice".into(), "chat".into()]),
        ("direction", ["Inbound".into(), "Outbound".into()]),
        ("disconnecting_event", ["User Hangup".into(), "Agent left".into()]),
        ("interaction_end", [(start + 60_000).into(), (start + 90_000).into()]),
        ("end_reason", ["transferred".into(), "completed".into()]),
        ("transfer_reason", ["Overdue".into(), "Asked".into()]),
        ("queue_entry", [(start - 5_000).into(), (start - 9_000).into()]),
        ("skills", [serde_json::json!(["a", "b"]), serde_json::json!(["b"])]),
        ("holds", [serde_json::json!([{"start": start, "end": start + 500}]), serde_json::json!([])]),
        ("updated_at", [1.into(), 2.into()]),
        ("agent_session_id", ["n1".into(), "n2".into()]),
    ];
    for (field, values) in may {
        // What blocks have no room for, and what is mostly not kept as said, comes seldom.
        let sides = match field {
            "customer_email" | "agent_session_id" => 40,
            "interaction_end" => 12,
            _ => 5,
        };
        if let Some(value) = values.get(usize::try_from(roll(sides)).unwrap()) {
            line[field] = value.clone();
        }
    }
    line.to_string()
}

/// The same lines; of some interactions something else is said.
fn said_again(lines: &str, roll: &mut impl FnMut(u64) -> u64) -> String {
    let mut again = String::new();
    for line in lines.lines() {
        let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
        if line["kind"] == "segment" && roll(6) == 0 {
            let field = ["status", "customer", "direction", "agent_name"];
            let value = ["Closed", "Max", "Outbound", "Bob"];
            let which = usize::try_from(roll(4)).unwrap();
            line[field[which]] = value[which].into();
        }
        again.push_str(&line.to_string());
        again.push('\n');
    }
    again
}

/// What comes of records does not depend on whether they come as rows or by column, nor do the counts of what became of
/// them.
#[test]
fn by_column_the_same_comes_of_records_as_one_by_one() {
    for round in 0..variable("LEGWORK_TEST_ROUNDS", 100) {
        let mut state = variable("LEGWORK_TEST_SEED", 1).wrapping_mul(1_000_033).wrapping_add(round);
        let mut roll = |sides: u64| dice(&mut state) % sides;
        let (one, other) = (Legwork::new(""), Legwork::new(""));
        let stores = [store(&one), store(&other)];
        let [mut rows, mut columns] = [0, 1].map(|at| SegmentWriter::open(&stores[at]).unwrap());
        let mut before = String::new();
        for step in 0..6 {
            // Some of it comes again, more or less as it was, with more behind it.
            let again = if roll(2) == 0 { said_again(&before, &mut roll) } else { String::new() };
            let lines = if again.is_empty() || roll(2) == 0 { 1 + roll(30) } else { 0 };
            let fresh: Vec<String> = (0..lines).map(|_| any_line(&mut roll)).collect();
            before = again + &fresh.join("\n");
            let until = DAY_MS + i64::try_from(1 + roll(4)).unwrap() * HOUR_MS;
            let expected = rows.write(records(&before), 7).unwrap();
            let found = columns.write_sealed(&records(&before).into_iter().collect(), 7, until).unwrap();
            assert_eq!(found, expected, "round {round}, step {step}");
            if roll(3) == 0 {
                seal(&stores[1], until, 1 + roll(6));
            }
            for report in
                ["interaction-details-by-segment", "inbound-agent-segment-metadata", "agent-segments"]
            {
                let period = format!(
                    "{{ from = \"{}\", to = \"{}\" }}",
                    &at(DAY_MS)[..16],
                    &at(DAY_MS + 4 * HOUR_MS)[..16]
                );
                let job = job(&period, "").replace("interaction-details-by-segment", report);
                let made = [(&stores[0], &one), (&stores[1], &other)].map(|(store, legwork)| {
                    let nominal = Timestamp::from_millisecond(DAY_MS + 5 * HOUR_MS).unwrap();
                    String::from_utf8(generated(store, &job, nominal, &legwork.path("out/report"))).unwrap()
                });
                assert_eq!(made[1], made[0], "round {round}, step {step}, {report}");
            }
        }
        drop((rows, columns));
        stores.iter().for_each(Store::close);
    }
}

/// Among millions of keys there are some of one hash: the later one is new all the same.
#[test]
fn a_new_key_that_has_the_hash_of_a_sealed_one_is_sealed_at_once() {
    let legwork = Legwork::new("");
    let store = own(&legwork);
    let mut writer = SegmentWriter::open(&store).unwrap();
    let of = |id: &str, interaction: &str| {
        segment(id, &at(DAY_MS)).replace(&format!("\"cc-{id}\""), &format!("\"{interaction}\""))
    };
    let all = [of(TWINS[0], "c1"), of(TWINS[1], "c2"), of("s1", TWINS[0]), of("s2", TWINS[1])];
    for (lines, sealed) in all.iter().zip(["1", "2", "3", "4"]) {
        write_either(&mut writer, lines, Some(DAY_MS + 2 * HOUR_MS));
        assert_eq!(legwork.ask("select sum(rows) from segment_block"), sealed);
        assert_eq!(legwork.ask("select count(*) from interaction"), "0");
    }
    drop(writer);
    store.close();
    assert_eq!(legwork.ask("select count(*) from segment"), "0");
    assert_eq!(lines(&whole(&legwork)), 5);
}

/// An end that is the one which follows from the segments is kept as said: a later segment does not move it.
#[test]
fn an_end_that_was_said_stays() {
    for until in [None, Some(i64::MAX >> 1)] {
        let legwork = Legwork::new("");
        let store = store(&legwork);
        let mut writer = SegmentWriter::open(&store).unwrap();
        let said = DAY_MS + 60_000;
        let first = serde_json::json!({
            "kind": "segment", "id": "s1", "interaction_id": "c", "agent_id": "a", "start": DAY_MS, "end": said,
            "disconnecting_event": "Agent Hangup", "interaction_end": said,
        });
        let second = serde_json::json!({
            "kind": "segment", "id": "s2", "interaction_id": "c", "agent_id": "a", "start": said, "end": said + 60_000,
        });
        for lines in [first.to_string(), second.to_string(), first.to_string()] {
            write_either(&mut writer, &lines, until);
            let ends = store.read_blocking("look", |connection| {
                connection.query_row("select group_concat(ended_at) from interaction", [], |row| {
                    row.get::<_, String>(0)
                })
            });
            assert_eq!(ends.unwrap(), said.to_string());
        }
        drop(writer);
        store.close();
    }
}

/// Every transaction gives all segments one talk time: a report that mixed two of them would show both.
#[test]
fn reports_beside_import_and_compaction_are_of_one_snapshot() {
    let legwork = Legwork::new("");
    let store = store(&legwork);
    let all = |talk_s: u64, version: i64| {
        let known = |id: u64| Known {
            version,
            start: DAY_MS + i64::try_from(id % 4).unwrap() * HOUR_MS + i64::try_from(id).unwrap(),
            interaction: id / 2,
            queue: 0,
            talk_s,
        };
        (0..400).map(|id| line(id, &known(id))).collect::<Vec<_>>().join("\n")
    };
    let mut writer = SegmentWriter::open(&store).unwrap();
    write(&mut writer, &all(0, 0));
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for version in 1..=40 {
                write(&mut writer, &all(u64::try_from(version).unwrap(), version));
            }
            ended.store(true, Ordering::SeqCst);
        });
        scope.spawn(|| {
            while !ended.load(Ordering::SeqCst) {
                seal(&store, DAY_MS + 4 * HOUR_MS, 2);
                thread::park_timeout(Duration::from_millis(1));
            }
        });
        let mut seen = Vec::new();
        while !ended.load(Ordering::SeqCst) {
            let rows = reported(&store, &legwork, DAY_MS, DAY_MS + 4 * HOUR_MS, "");
            assert_eq!(rows.len(), 400);
            let times: Vec<&String> = rows.iter().map(|row| &row[3]).collect();
            assert!(times.iter().all(|time| *time == times[0]), "{times:?}");
            seen.push(times[0].clone());
        }
        assert!(seen.is_sorted(), "a later report is of a later snapshot");
    });
    store.close();
}

/// A database with sealed segments of four hours.
fn sealed() -> (Legwork, String) {
    let legwork = Legwork::new("");
    let lines: String =
        (0..800).map(|n| segment(&format!("s{n:04}"), &at(DAY_MS + i64::from(n) * 18_000))).collect();
    legwork.import(&lines);
    legwork.job("day", &job("{ from = \"2026-06-10\", to = \"2026-06-11\" }", ""));
    legwork.run(&["apply"]).ok();
    legwork.run(&["compact"]).ok();
    assert_eq!(
        legwork.ask("select (select count(*) from segment) || ' ' || (select sum(rows) from segment_block)"),
        "0 800"
    );
    (legwork, lines)
}

#[test]
fn a_bit_that_flips_is_told_with_its_hour_and_nothing_is_passed_over() {
    let (legwork, lines) = sealed();
    legwork.run(&["run", "day"]).ok();
    let whole = legwork.ask("select rows from artifact order by artifact_id desc limit 1");
    assert_eq!(whole, "800");
    let ledger = legwork.ledger();
    let data: Vec<u8> = ledger
        .query_row("select data from segment_block order by first_start limit 1 offset 1", [], |row| {
            row.get(0)
        })
        .unwrap();
    let mut damaged = data.clone();
    damaged[data.len() / 2] ^= 4;
    let damage = "update segment_block set data = ?1
                  where first_start = (select first_start from segment_block order by first_start limit 1 offset 1)";
    assert_eq!(ledger.execute(damage, [&damaged]).unwrap(), 1);
    let said = legwork.run(&["run", "day"]).fails(1);
    assert!(said.contains("the sealed segments from 2026-06-10T01:00:00Z on are damaged"), "{said}");
    assert_eq!(legwork.ask("select count(*) from artifact"), "1");
    let said = legwork.run(&["compact", "--check"]).fails(1);
    assert!(said.contains("2026-06-10T01:00:00Z") && said.contains("checksum"), "{said}");
    // The cure that is told works.
    legwork.run(&["compact", "--drop-damaged"]).ok();
    assert!(legwork.run(&["compact", "--check"]).ok().contains("every sealed block is whole"));
    legwork.import(&lines);
    legwork.run(&["run", "day"]).ok();
    assert_eq!(legwork.ask("select rows from artifact order by artifact_id desc limit 1"), "800");
    assert_eq!(legwork.ask("select count(distinct sha256) from artifact"), "1");
    // Readers go by what a block says of its rows before they read it.
    legwork.run(&["compact", "--now"]).ok();
    let bounds = ["first_start", "last_start", "min_end", "max_end", "min_ended", "max_ended"];
    for bound in bounds {
        let beside = |sum: &str| {
            let sql = format!(
                "update segment_block set {bound} = {bound} {sum}
                 where block_id = (select min(block_id) from segment_block where {bound} is not null)"
            );
            assert_eq!(legwork.ledger().execute(&sql, []).unwrap(), 1, "{bound}");
        };
        beside("+ 1");
        let said = legwork.run(&["compact", "--check"]).fails(1);
        assert!(said.contains("its bounds are not those of its rows"), "{bound}: {said}");
        beside("- 1");
        assert!(legwork.run(&["compact", "--check"]).ok().contains("every sealed block is whole"));
    }
    // By their keys, segments and interactions are found again.
    let hashes = "update segment_block_interactions set hashes = zeroblob(length(hashes))";
    legwork.ledger().execute_batch(hashes).unwrap();
    let said = legwork.run(&["compact", "--check"]).fails(1);
    assert!(said.contains("its keys are not those of its rows"), "{said}");
    // A report does not look at all of that, but at this.
    let bounds = "update segment_block set first_start = first_start + 1
                  where first_start = (select min(first_start) from segment_block)";
    legwork.ledger().execute_batch(bounds).unwrap();
    let said = legwork.run(&["run", "day"]).fails(1);
    assert!(said.contains("a row lies before its block's bounds"), "{said}");
}

#[test]
fn killed_while_it_seals_nothing_is_lost_and_nothing_doubled() {
    let legwork = Legwork::new("");
    // In halves: a large import would seal them itself.
    for half in [0..3_000, 3_000..6_000] {
        let line = |n: i32| segment(&format!("s{n:05}"), &at(DAY_MS + i64::from(n) * 6_000));
        legwork.import(&half.map(line).collect::<String>());
    }
    legwork.job("day", &job("{ from = \"2026-06-10\", to = \"2026-06-11\" }", ""));
    legwork.run(&["apply"]).ok();
    legwork.run(&["run", "day"]).ok();
    let mut state = variable("LEGWORK_TEST_SEED", 1);
    let mut rounds = 0;
    while legwork.ask("select count(*) from segment") != "0" && rounds < 60 {
        let mut child =
            legwork.command(&["compact"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        thread::park_timeout(Duration::from_millis(5 + dice(&mut state) % 60));
        drop(child.kill());
        child.wait().unwrap();
        rounds += 1;
        let there =
            "select (select count(*) from segment) + (select coalesce(sum(rows), 0) from segment_block)
                            - (select count(*) from segment_gone)";
        assert_eq!(legwork.ask(there), "6000");
    }
    legwork.run(&["compact"]).ok();
    legwork.run(&["run", "day"]).ok();
    assert_eq!(legwork.ask("select count(*) || ' ' || count(distinct sha256) from artifact"), "2 1");
    assert_eq!(legwork.ask("pragma integrity_check"), "ok");
}

#[test]
fn a_full_disk_leaves_rows_as_they_were() {
    let small = small();
    let legwork = Legwork::new("");
    let lines: String =
        (0..90).map(|n| segment(&format!("s{n:04}"), &at(DAY_MS + i64::from(n) * 5_000))).collect();
    legwork.import(&lines);
    // The database on a disk on which there is room for itself and little more.
    legwork.ledger().execute_batch("pragma wal_checkpoint(truncate); vacuum").unwrap();
    fs::copy(legwork.path("state/legwork.db"), small.join("legwork.db")).unwrap();
    let store = Store::open(&small.join("legwork.db"), Timestamp::UNIX_EPOCH).unwrap();
    small.fill_up_to(24 << 10);
    let mut compactor =
        Compactor::open(&store, DAY_MS + 24 * HOUR_MS, GENTLE, Stopwatch::start().reader()).unwrap();
    let failed = compactor.step().unwrap_err();
    assert_eq!(
        legwork::chain::chain(&failed),
        "seal segments: the disk is full; make room there and try again: nothing is written by half"
    );
    let rows = "select (select count(*) from segment) || ' ' || (select count(*) from segment_block)";
    let count = |store: &Store| {
        store.read_blocking("count", |c| c.query_row(rows, [], |row| row.get::<_, String>(0))).unwrap()
    };
    assert_eq!(count(&store), "90 0");
    fs::remove_file(small.join("filler")).unwrap();
    drop(compactor);
    seal(&store, DAY_MS + 24 * HOUR_MS, 100);
    assert_eq!(count(&store), "0 1");
    assert_eq!(examine(&store, false).unwrap(), [""; 0]);
    store.close();
}

fn at_end() -> Timestamp {
    Timestamp::from_millisecond(DAY_MS + 30 * 24 * HOUR_MS).unwrap()
}

/// The database that commands work on.
fn own(legwork: &Legwork) -> Store {
    Store::open(&legwork.path("state/legwork.db"), at_end()).unwrap()
}

/// The bytes of a report over all that is there.
fn whole(legwork: &Legwork) -> Vec<u8> {
    all(legwork, "in_progress = true\n")
}

fn all(legwork: &Legwork, more: &str) -> Vec<u8> {
    let store = own(legwork);
    let job = job("{ from = \"2026-06-01\", to = \"2026-07-01\" }", more);
    let text = generated(&store, &job, at_end(), &legwork.path("out/all"));
    store.close();
    text
}

fn lines(text: &[u8]) -> usize {
    String::from_utf8_lossy(text).lines().count()
}

/// A large import that no daemon works beside goes straight into blocks, and says the same as one that does not.
#[test]
fn a_large_import_is_sealed_at_once_and_is_nothing_the_second_time() {
    let many = |of: std::ops::Range<u32>| -> String {
        let line = |n: u32| segment(&format!("s{n:05}"), &at(DAY_MS + i64::from(n) * 20_000));
        of.map(line).collect()
    };
    // What no segment says, and messages, keep an interaction's row.
    let more = "{\"kind\":\"interaction\",\"id\":\"cc-s00003\",\"customer_email\":\"ann@x.example\"}\n\
                {\"kind\":\"message\",\"id\":\"m\",\"interaction_id\":\"cc-s00004\",\"at\":1781049690000,\
                 \"sender\":\"agent\",\"agent_id\":\"jane@x.example\"}\n";
    let (large, small) = (Legwork::new(""), Legwork::new(""));
    large.import(&(many(0..6_000) + more));
    for from in (0..6_000).step_by(2_000) {
        small.import(&many(from..from + 2_000));
    }
    small.import(more);
    assert_eq!(small.ask("select count(*) from segment"), "6000");
    // Those whose interactions have rows were rows, and went into the blocks of their hours with the others.
    assert_eq!(large.ask("select count(*) from segment"), "0");
    assert_eq!(large.ask("select count(*) from interaction"), "2");
    assert_eq!(large.ask("select sum(rows) from segment_block"), "6000");
    let said = whole(&small);
    assert_eq!(lines(&said), 6_001);
    assert_eq!(whole(&large), said);
    let blocks = "select group_concat(block_id) from segment_block";
    let before = large.ask(blocks);
    let file = large.path("again.ndjson");
    fs::write(&file, many(0..6_000)).unwrap();
    let told = large.run(&["import", file.to_str().unwrap()]).ok();
    assert!(told.contains("0 new, 0 changed, 6,000 there already"), "{told}");
    assert_eq!(large.ask(blocks), before);
    // One that is folded is found by its name, and has a row again when something of it changes.
    let of_one = "in_progress = true\n[report.filters]\nconversations = [\"cc-s01000\"]\n";
    assert_eq!(lines(&all(&large, of_one)), 2);
    large.import("{\"kind\":\"interaction\",\"id\":\"cc-s01000\",\"customer\":\"Ann\"}\n");
    assert_eq!(large.ask("select count(*) from interaction"), "3");
    assert_eq!(large.ask("select customer from segment where record_id = 's01000'"), "Ann");
}

#[test]
fn what_another_writer_wrote_meanwhile_is_known_to_a_large_import() {
    let legwork = Legwork::new("");
    let store = own(&legwork);
    let (mut one, mut other) = (SegmentWriter::open(&store).unwrap(), SegmentWriter::open(&store).unwrap());
    let of = |id: &str, customer: &str| {
        segment(id, &at(DAY_MS))
            .replace("\"kind\":\"segment\"", &format!("\"kind\":\"segment\",\"customer\":\"{customer}\""))
    };
    let until = Some(DAY_MS + 2 * HOUR_MS);
    write_either(&mut one, &of("a", "Ann"), until);
    write(&mut other, &of("b", "Ben"));
    write_either(&mut one, &of("b", "Bea"), until);
    write(&mut one, &of("c", "Cem"));
    write_either(&mut one, &of("c", "Cleo"), until);
    write_either(&mut one, &of("a", "Ada"), until);
    // What one knows of an agent may be old by the time it says more.
    let agent = |said: &str| format!("{{\"kind\":\"agent\",\"id\":\"n\",{said}}}\n");
    write(&mut one, &agent("\"name\":\"Nora\""));
    write(&mut other, &agent("\"email\":\"nora@x.example\",\"team\":\"Night\""));
    write(&mut one, &agent("\"name\":\"Nora B.\""));
    drop((one, other));
    store.close();
    assert_eq!(
        legwork.ask("select name || ' ' || email || ' ' || text from agent join term on term_id = team"),
        "Nora B. nora@x.example Night"
    );
    let said = String::from_utf8(whole(&legwork)).unwrap();
    assert_eq!(said.lines().count(), 4, "{said}");
    for customer in ["Ada", "Bea", "Cleo"] {
        assert_eq!(said.matches(customer).count(), 1, "{customer}: {said}");
    }
}

#[test]
fn interactions_of_which_nothing_is_left_go_whether_they_ended_or_not() {
    let legwork = Legwork::new("");
    let line = |kind: &str, id: &str, said: &str| {
        format!("{{\"kind\":\"{kind}\",\"id\":\"{id}\",\"updated_at\":{DAY_MS},{said}}}\n")
    };
    let late = DAY_MS + 3 * HOUR_MS;
    let message = |id: &str, at: i64| {
        format!(
            "{{\"kind\":\"message\",\"id\":\"{id}\",\"interaction_id\":\"{id}\",\"at\":{at},\"sender\":\"customer\"}}\n"
        )
    };
    let lines = [
        line("interaction", "ended", &format!("\"customer_name\":\"A\",\"interaction_end\":{DAY_MS}")),
        line("interaction", "never-ended", "\"customer_name\":\"B\""),
        message("only-messages", DAY_MS),
        line("interaction", "ends-later", &format!("\"customer_name\":\"C\",\"interaction_end\":{late}")),
        line("interaction", "goes-on", "\"customer_name\":\"D\""),
        message("goes-on", late),
        line(
            "segment",
            "s",
            &format!("\"interaction_id\":\"has-a-segment\",\"customer_name\":\"E\",\"start\":{late}"),
        ),
    ];
    legwork.import(&lines.concat());
    let store = own(&legwork);
    let mut writer = SegmentWriter::open(&store).unwrap();
    assert_eq!(writer.expire_interactions(DAY_MS + HOUR_MS, 2).unwrap(), 2);
    assert_eq!(writer.expire_interactions(DAY_MS + HOUR_MS, 2).unwrap(), 1);
    assert_eq!(writer.expire_interactions(DAY_MS + HOUR_MS, 2).unwrap(), 0);
    writer.finish().unwrap();
    store.close();
    assert_eq!(
        legwork.ask("select group_concat(record_id) from interaction"),
        "ends-later,goes-on,has-a-segment"
    );
    assert_eq!(legwork.ask("select group_concat(record_id) from message"), "goes-on");
}

/// Blocks of the version before, whose interactions all have rows.
#[test]
fn a_database_of_the_version_before_keeps_its_blocks() {
    let legwork = Legwork::new("");
    let line = |id: &str, talk: u32| {
        format!(
            "{{\"kind\":\"segment\",\"id\":\"{id}\",\"interaction_id\":\"c-{id}\",\"start\":{DAY_MS},\"talk_ms\":{talk},\
             \"customer_name\":\"Ann\",\"agent_name\":\"Jane\",\"end\":{}}}\n",
            DAY_MS + 60_000
        )
    };
    legwork.import(&(line("a", 1_000) + &line("b", 2_000)));
    legwork.run(&["compact", "--now"]).ok();
    assert_eq!(
        legwork.ask("select sum(rows) || ' ' || (select count(*) from interaction) from segment_block"),
        "2 2"
    );
    let said = whole(&legwork);
    let before =
        "drop table segment_block_interactions; alter table segment_changes drop column next_interaction;
                  alter table segment_changes drop column folded_from; alter table occurrence drop column other_period;
                  pragma user_version = 10";
    legwork.ledger().execute_batch(before).unwrap();
    assert_eq!(whole(&legwork), said);
    legwork.import(&(line("b", 3_000) + &line("c", 4_000)));
    legwork.run(&["compact", "--now"]).ok();
    assert_eq!(legwork.ask("select group_concat(interaction_id) from interaction"), "1,2,3");
    let text = String::from_utf8(whole(&legwork)).unwrap();
    assert!(text.contains("00:00:03") && !text.contains("00:00:02"), "{text}");
}

/// Blocks that programs before this format have written.
#[test]
fn blocks_of_earlier_formats_are_read_as_they_are() {
    for format in [2, 3] {
        blocks_are_read_as_they_are(format);
    }
}

fn blocks_are_read_as_they_are(format: u32) {
    let legwork = Legwork::new("");
    legwork.run(&["list"]).ok();
    let golden = |name: &str| fs::read_to_string(root().join("tests/golden/blocks").join(name)).unwrap();
    legwork.ledger().execute_batch(&golden(&format!("format-{format}.sql"))).unwrap();
    assert!(legwork.run(&["compact", "--check"]).ok().contains("every sealed block is whole"));
    let said = String::from_utf8(whole(&legwork)).unwrap();
    assert_eq!(said, golden("report.csv"));
    // Fewer than half of a block's rows, and more.
    for queues in ["\"Night\"", "\"Night\", \"Sales\""] {
        let some = all(&legwork, &format!("in_progress = true\nfilters = {{ queues = [{queues}] }}\n"));
        let wanted = said.lines().enumerate().filter(|(line, text)| {
            let of = |queue: &str| queues.contains(queue) && text.contains(&format!(",{queue},"));
            *line == 0 || of("Night") || of("Sales")
        });
        let wanted: Vec<&str> = wanted.map(|(_, text)| text).collect();
        assert_eq!(String::from_utf8(some).unwrap().lines().collect::<Vec<_>>(), wanted);
    }
    // A record of an hour has its block written anew, and the others stay.
    legwork.import(&segment("new", &at(DAY_MS + 60_000)));
    legwork.run(&["compact", "--now"]).ok();
    assert_eq!(
        legwork.ask("select group_concat(format, ' ') from segment_block"),
        format!("{format} {format} 4")
    );
    let after = String::from_utf8(whole(&legwork)).unwrap();
    let after: Vec<&str> = after.lines().filter(|line| !line.contains(",new,")).collect();
    assert_eq!(after, said.lines().collect::<Vec<_>>());
    // In format 2, no checksum has the number of rows: the keys are counted in any.
    let rows = format!("update segment_block set rows = 9223372036854775807 where format = {format}");
    legwork.ledger().execute_batch(&rows).unwrap();
    let why = legwork.run(&["compact", "--check"]).fails(1);
    assert!(why.contains("it has not as many keys as rows"), "{why}");
}

/// What a narrow filter does not find in a block's directory, it does not look for in the block.
#[test]
fn a_block_without_a_wanted_agent_is_not_unpacked() {
    let legwork = Legwork::new("");
    let line = |n: i64, agent: &str| {
        let start = DAY_MS + n * HOUR_MS;
        format!(
            "{{\"kind\":\"segment\",\"id\":\"{n}-{agent}\",\"interaction_id\":\"c\",\"start\":{start},\
             \"agent_name\":\"{agent}\",\"end\":{}}}\n",
            start + 1_000
        )
    };
    // Jane lies between the two of the second hour.
    legwork.import(
        &[(0, "Ann"), (0, "Jane"), (1, "Ann"), (0, "Zoe"), (1, "Zoe")]
            .map(|(n, agent)| line(n, agent))
            .concat(),
    );
    legwork.run(&["compact", "--now"]).ok();
    let of = |agent: &str| format!("in_progress = true\nfilters = {{ agents = [\"{agent}\"] }}\n");
    assert_eq!(lines(&all(&legwork, &of("Zoe"))), 3);
    let damage = format!("update segment_block set data = x'' where first_start = {}", DAY_MS + HOUR_MS);
    legwork.ledger().execute_batch(&damage).unwrap();
    assert_eq!(lines(&all(&legwork, &of("Jane"))), 2);
    // What it is told by has a checksum.
    legwork.job("day", &job("{ from = \"2026-06-10\", to = \"2026-06-11\" }", ""));
    legwork.run(&["apply"]).ok();
    let directory: Vec<u8> = legwork
        .ledger()
        .query_row("select directory from segment_block order by first_start limit 1", [], |row| row.get(0))
        .unwrap();
    for at in [0, directory.len() / 2, directory.len() - 1] {
        let mut damaged = directory.clone();
        damaged[at] ^= 1;
        let damage = "update segment_block set directory = ?1 where first_start = ?2";
        legwork.ledger().execute(damage, rusqlite::params![damaged, DAY_MS]).unwrap();
        let said = legwork.run(&["compact", "--check"]).fails(1);
        assert!(
            said.contains("its directory's checksum is wrong") && said.contains("2026-06-10T01:00:00Z"),
            "{said}"
        );
        let said = legwork.run(&["run", "day"]).fails(1);
        assert!(said.contains("its directory's checksum is wrong"), "{said}");
    }
    // In the formats before it had none.
    for format in [1, 2] {
        let damage = "update segment_block set directory = ?1, format = ?2 where first_start = ?3";
        legwork.ledger().execute(damage, rusqlite::params![directory, format, DAY_MS]).unwrap();
        let said = legwork.run(&["run", "day"]).fails(1);
        assert!(said.contains("its directory has not the form of its format"), "{said}");
    }
    // A program that had not told of all would have reports pass them over.
    let mut untold = directory[..directory.len() - 4].to_vec();
    untold[1 + usize::from(directory[0]) * 37..].fill(0);
    let rows: i64 = legwork
        .ledger()
        .query_row("select rows from segment_block where first_start = ?1", [DAY_MS], |row| row.get(0))
        .unwrap();
    let crc = crc32fast::hash(&[&4_i64.to_le_bytes(), &rows.to_le_bytes(), &untold[..]].concat());
    untold.extend(crc.to_le_bytes());
    let damage = "update segment_block set directory = ?1, format = 4 where first_start = ?2";
    legwork.ledger().execute(damage, rusqlite::params![untold, DAY_MS]).unwrap();
    let said = legwork.run(&["compact", "--check"]).fails(1);
    assert!(said.contains("its directory says that it has not what it has"), "{said}");
    // Both blocks are named, and both go.
    legwork.run(&["compact", "--drop-damaged"]).ok();
    assert!(legwork.run(&["compact", "--check"]).ok().contains("every sealed block is whole"));
    assert_eq!(legwork.ask("select count(*) from segment_block"), "0");
}

/// A segment that a chunk moves away and back stays where it was.
#[test]
fn a_segment_that_is_moved_away_and_back_stays_its_interactions_own() {
    for folded in [false, true] {
        let legwork = Legwork::new("");
        let line = |id: &str, interaction: &str, start: i64| {
            format!(
                "{{\"kind\":\"segment\",\"id\":\"{id}\",\"interaction_id\":\"{interaction}\",\"start\":{start},\
                 \"end\":{},\"agent_name\":\"Jane\",\"disconnecting_event\":\"Agent left\",\"updated_at\":1}}\n",
                start + 60_000
            )
        };
        let both = line("a", "one", DAY_MS) + &line("b", "one", DAY_MS + 60_000);
        legwork.import(&both);
        if folded {
            legwork.run(&["compact", "--now"]).ok();
            assert_eq!(legwork.ask("select count(*) from interaction"), "0");
        }
        // By their interaction's end, rows are found through the places that it names.
        let by_end = || all(&legwork, "rows_by = \"interaction-end\"\n");
        let said = by_end();
        assert_eq!(lines(&said), 3);
        legwork.import(&(line("a", "one", DAY_MS) + &line("a", "two", DAY_MS) + &line("a", "one", DAY_MS)));
        assert_eq!(by_end(), said, "folded: {folded}");
        legwork.import(&both);
        assert_eq!(by_end(), said, "folded: {folded}");
    }
}

/// Damage in one hour keeps no other from being sealed and folded, and is told all the same.
#[test]
fn an_hour_that_is_damaged_holds_up_no_other() {
    for part in ["data", "directory"] {
        let legwork = Legwork::new("");
        let hour = |id: &str, hours: i64| segment(id, &at(DAY_MS + hours * HOUR_MS));
        legwork.import(&(hour("a", 1) + &hour("b", 2)));
        legwork.run(&["compact", "--now"]).ok();
        let damage = format!(
            "update segment_block set {part} = zeroblob(length({part})) where first_start = {}",
            DAY_MS + HOUR_MS
        );
        legwork.ledger().execute_batch(&damage).unwrap();
        legwork.import(&(hour("c", 1) + &hour("d", 2)));
        let said = legwork.run(&["compact", "--now"]).fails(1);
        assert!(said.contains("2026-06-10T01:00:00Z on are damaged"), "{said}");
        assert_eq!(legwork.ask("select group_concat(record_id) from segment"), "c");
        assert_eq!(legwork.ask("select group_concat(record_id) from interaction"), "cc-c");
    }
}
