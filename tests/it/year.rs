//! A year in a test: planner, runner and courier over a settable clock and a real database file, in four zones, with
//! crashes, outages, a disk that takes nothing and a far end that is down, all from one seed.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use jiff::{SignedDuration, Timestamp};

use crate::support::world::World;
use crate::support::{dice, files, parsed, variable};

const ZONES: [&str; 4] = ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia"];
const START: &str = "2026-01-01T00:30:00Z";
const END: &str = "2027-01-01T00:00:00Z";

fn text(zone: &str, out: &str) -> String {
    // 02:30 is swallowed by a gap or shown twice in some of them.
    format!(
        "[report]\ntype = \"interaction-details-by-segment\"\ntime_zone = \"{zone}\"\nperiod = \"yesterday\"\n\
         [output]\nfile_name = \"{{{{ name }}}}_{{{{ run }}}}.csv\"\n[[schedule]]\ncron = \"30 2 * * *\"\n\
         [[deliver]]\ndirectory = {{ path = \"{out}\" }}\n"
    )
}

/// Whatever stands in the way; each lasts a step or a few.
struct Troubles {
    dice: u64,
    /// Spans in which no daemon ran.
    outages: Vec<(Timestamp, Timestamp)>,
}

impl Troubles {
    fn percent(&mut self) -> u64 {
        dice(&mut self.dice) % 100
    }

    fn happen(&mut self, world: &mut World) {
        let (artifacts, out) = (world.legwork.path("state/artifacts"), world.legwork.path("out"));
        let away = world.legwork.path("away");
        // What was broken is mended by and by.
        if self.percent() < 50 {
            fs::set_permissions(&artifacts, fs::Permissions::from_mode(0o700)).unwrap();
            if away.exists() {
                fs::rename(&away, &out).unwrap();
            }
        }
        match self.percent() {
            0 => {
                let from = world.now();
                world.crash();
                world.pass(i64::try_from(3_600 + dice(&mut self.dice) % (60 * 3_600)).unwrap());
                self.outages.push((from, world.now()));
                world.start();
            }
            1 => {
                world.crash();
                world.start();
            }
            2 | 3 => fs::set_permissions(&artifacts, fs::Permissions::from_mode(0o500)).unwrap(),
            4 | 5 if !away.exists() => fs::rename(&out, &away).unwrap(),
            _ => {}
        }
    }
}

#[test]
fn a_year_loses_no_instant_doubles_none_and_skips_only_what_was_missed() {
    let seed = variable("LEGWORK_TEST_SEED", 1);
    let end: Timestamp = END.parse().unwrap();
    let mut world = World::new("", START);
    let out = world.legwork.path("out").display().to_string();
    let mut expected: BTreeSet<(String, Timestamp)> = BTreeSet::new();
    for zone in ZONES {
        let name = zone.to_ascii_lowercase().replace(['/', '_'], "-");
        world.legwork.job(&name, &text(zone, &out));
        let mut at = world.now();
        while let Some(next) = parsed(&text(zone, &out)).schedules[0].next(at).filter(|next| *next < end) {
            expected.insert((name.clone(), next));
            at = next;
        }
    }
    world.start();
    world.until("select count(*) from definition", "4");
    fs::create_dir_all(world.legwork.path("state/artifacts")).unwrap();
    let mut troubles = Troubles { dice: seed, outages: Vec::new() };
    while let Some((_, next)) = expected.iter().filter(|(_, at)| world.now() < *at).min_by_key(|(_, at)| *at)
    {
        world.clock.set(*next);
        troubles.happen(&mut world);
        world.settled();
    }
    troubles.dice = 0;
    for _ in 0..12 {
        fs::set_permissions(world.legwork.path("state/artifacts"), fs::Permissions::from_mode(0o700))
            .unwrap();
        drop(fs::rename(world.legwork.path("away"), world.legwork.path("out")));
        world.pass(3_600);
        world.settled();
    }
    check(&world, &expected, &troubles.outages, end, seed);
}

fn check(
    world: &World,
    expected: &BTreeSet<(String, Timestamp)>,
    outages: &[(Timestamp, Timestamp)],
    end: Timestamp,
    seed: u64,
) {
    let ledger = world.legwork.ledger();
    let mut statement = ledger
        .prepare(
            "select name, nominal_at, o.state, rule,
                    (select count(*) from run r join artifact a using (run_id) where r.occurrence_id = o.occurrence_id)
             from occurrence o join definition using (definition_id)",
        )
        .unwrap();
    let mut seen = BTreeSet::new();
    let mut rows = statement.query([]).unwrap();
    let (mut done, mut missed) = (0, 0);
    while let Some(row) = rows.next().unwrap() {
        let (name, at): (String, String) = (row.get(0).unwrap(), row.get(1).unwrap());
        let at: Timestamp = at.parse().unwrap();
        let (state, rule): (String, Option<String>) = (row.get(2).unwrap(), row.get(3).unwrap());
        let told = format!("LEGWORK_TEST_SEED={seed}: {name} {at} is {state} {rule:?}");
        if end <= at {
            continue;
        }
        assert!(seen.insert((name, at)), "{told}");
        match (state.as_str(), rule.as_deref()) {
            ("done", None) => {
                assert_eq!(row.get::<_, i64>(4).unwrap(), 1, "{told}");
                done += 1;
            }
            ("skipped", Some("missed")) => {
                let late = SignedDuration::from_secs(90);
                assert!(outages.iter().any(|(from, to)| *from <= at && at + late < *to), "{told}");
                missed += 1;
            }
            // A run may fail for good, and retries of the one before may still work.
            ("failed", None) | ("skipped", Some("overlap")) => {}
            _ => panic!("{told}"),
        }
    }
    assert!(&seen == expected, "LEGWORK_TEST_SEED={seed}: {:?}", expected.symmetric_difference(&seen).next());
    let delivered = world.ask("select count(*) from delivery where state = 'delivered'");
    let files = files(&world.legwork.path("out")).len();
    assert_eq!(delivered, files.to_string(), "LEGWORK_TEST_SEED={seed}");
    assert!(1_300 < done && 0 < missed, "LEGWORK_TEST_SEED={seed}: {done} done, {missed} missed");
}
