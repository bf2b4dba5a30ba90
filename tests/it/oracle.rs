//! Every report against a second implementation, written in Python from the rules alone (`tests/oracle`): random small
//! centres full of nasty cases, equal byte for byte.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::support::{Legwork, generated, python, records, root, store, variable};
use jiff::Timestamp;
use legwork::clock::Stopwatch;
use legwork::store::Store;
use legwork::store::segments::sealed::compact::Compactor;
use legwork::store::segments::write::SegmentWriter;

/// A centre as the generator prints it: its records, and what the reports over them are.
#[derive(serde::Deserialize)]
struct Centre {
    seed: u64,
    records: Vec<String>,
    reports: Vec<Expected>,
}

#[derive(serde::Deserialize)]
struct Expected {
    name: String,
    job: String,
    nominal: Timestamp,
    #[serde(default)]
    expected: String,
}

/// The second implementation at work on some centres.
fn second_implementation(seed: u64, centres: u64, more: &[&str]) -> (Child, impl Iterator<Item = Centre>) {
    let mut python = Command::new(python())
        .args(["-B", "-X", "utf8"])
        .arg(root().join("tests/oracle/main.py"))
        .args(["--seed", &seed.to_string(), "--centres", &centres.to_string()])
        .args(more)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(python.stdout.take().unwrap()).lines();
    (python, lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()))
}

/// A store that holds a centre.
fn open(centre: &Centre) -> (Legwork, Store) {
    let legwork = Legwork::new("");
    let store = store(&legwork);
    import_centre(&store, centre);
    (legwork, store)
}

/// Seals everything, or a few pieces of it.
fn seal(store: &Store, most: usize) {
    let mut compactor = Compactor::open(store, i64::MAX >> 1, 7, Stopwatch::start().reader()).unwrap();
    for _ in 0..most {
        if !compactor.step().unwrap() {
            return;
        }
    }
}

/// Imports a centre, in transactions of a size that follows from its seed. Of two centres out of three, segments are
/// sealed in between, so that later records meet them there.
fn import_centre(store: &Store, centre: &Centre) {
    let records = records(&centre.records.join("\n"));
    let at_once = [1, 3, 10, usize::MAX][usize::try_from(centre.seed % 4).unwrap()];
    let mut writer = SegmentWriter::open(store).unwrap();
    for (number, chunk) in records.chunks(at_once.min(records.len().max(1))).enumerate() {
        match centre.seed % 3 {
            1 if number % 2 == 1 => seal(store, usize::MAX),
            2 if number % 3 == 1 => seal(store, 2),
            _ => {}
        }
        // Records without a version are older than any that has one.
        // Two centres' of five go straight into blocks, as an import's that no daemon works beside.
        let written = if centre.seed % 5 < 2 {
            writer.write_sealed(&chunk.iter().cloned().collect(), 0, i64::MAX >> 1)
        } else {
            writer.write(chunk, 0)
        };
        written.unwrap();
    }
    writer.finish().unwrap();
}

fn report(store: &Store, job: &str, nominal: Timestamp, target: &Path) -> String {
    String::from_utf8(generated(store, job, nominal, target)).unwrap()
}

/// Where two texts begin to differ, with the line before.
fn difference(made: &str, expected: &str) -> String {
    let pairs = made.split_inclusive('\n').zip(expected.split_inclusive('\n')).enumerate();
    let mut different = pairs.filter(|(_, (made, expected))| made != expected);
    match different.next() {
        Some((line, (made, expected))) => format!("line {}:\n made     {made} expected {expected}", line + 1),
        None => format!("{} lines made, {} expected", made.lines().count(), expected.lines().count()),
    }
}

#[test]
fn every_report_equals_the_second_implementation_of_it() {
    let (seed, rounds) = (variable("LEGWORK_TEST_SEED", 1), variable("LEGWORK_TEST_ROUNDS", 1_000));
    let (mut python, all) = second_implementation(seed, rounds, &[]);
    let (mut centres, mut compared) = (0, 0);
    for centre in all {
        let (legwork, store) = open(&centre);
        // As it was imported, then from blocks alone, but for segments of login sessions.
        for sealed in [false, true] {
            if sealed {
                seal(&store, usize::MAX);
            }
            for expected in &centre.reports {
                let Expected { name, job, nominal, expected } = expected;
                let made = report(&store, job, *nominal, &legwork.path("out/report"));
                assert!(
                    made == *expected,
                    "LEGWORK_TEST_SEED={} sealed: {sealed}, {name}\n{job}\n{}",
                    centre.seed,
                    difference(&made, expected)
                );
                compared += 1;
            }
        }
        store.close();
        centres += 1;
    }
    assert!(python.wait().unwrap().success());
    assert_eq!(centres, rounds);
    assert!(centres * 10 < compared, "{compared} reports");
}

/// What a messaging report counts, over its rows together: segments, and the four classes.
fn counted(store: &Store, target: &Path, options: &str) -> [i64; 5] {
    let job = format!(
        "[report]\ntype = \"messaging-agent-segments\"\ntime_zone = \"America/New_York\"\n\
         period = {{ from = \"2026-03-01\", to = \"2026-12-01\" }}\n{options}"
    );
    let text = report(store, &job, "2026-12-01T06:00:00Z".parse().unwrap(), target);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().unwrap().clone();
    let place = |name: &str| header.iter().position(|header| header == name).unwrap();
    let places = [
        "totalAgentConversationSegments",
        "interactiveAgentSegments",
        "agentSegmentsAbandonedByConsumers",
        "agentSegmentsWithNonResponsiveConsumers",
        "agentSegmentsWithNonResponsiveAgents",
    ]
    .map(place);
    let mut sums = [0; 5];
    for row in reader.records() {
        let row = row.unwrap();
        let figures = places.map(|place| row[place].parse::<i64>().unwrap());
        assert_eq!(figures[0], figures[1..].iter().sum::<i64>(), "the classes of {row:?} add up");
        for (sum, figure) in sums.iter_mut().zip(figures) {
            *sum += figure;
        }
    }
    sums
}

#[test]
fn four_classes_add_up_and_skills_agents_and_intervals_partition() {
    let (mut python, all) = second_implementation(50_001, 150, &["--no-expected"]);
    let mut segments = 0;
    for centre in all {
        let (legwork, store) = open(&centre);
        let target = legwork.path("out/report");
        let whole = counted(&store, &target, "");
        for options in
            ["by_skill = [\"all\"]\n", "interval = \"1h\"\n", "by_skill = [\"all\"]\ninterval = \"30m\"\n"]
        {
            assert_eq!(
                counted(&store, &target, options),
                whole,
                "LEGWORK_TEST_SEED={} {options}",
                centre.seed
            );
        }
        segments += whole[0];
        store.close();
    }
    assert!(python.wait().unwrap().success());
    assert!(150 < segments, "{segments} segments counted");
}
