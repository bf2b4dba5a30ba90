//! One contract for every place that keeps files, against a real server behind a proxy that breaks connections:
//! whole file or none, `unsure` exactly when nobody but the far end can know, nothing left behind after the next try.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use legwork::artifacts::digest_of;
use legwork::clock::Clock;
use legwork::destinations::details::{Details, FileDetails};
use legwork::destinations::{Destinations, Parcel, ParcelFile};
use legwork::domain::definition::{Exists, OnUnknown};
use legwork::domain::delivery::Outcome;

use crate::support::far::{
    Far, azure, directory, gcs, http_post, http_put, s3_moto, s3_s3rver, sftp, webdav_nginx, webdav_rclone,
};
use crate::support::proxy::Fault;
use crate::support::{dice, files, small, variable, wait_for};

/// What attempts have marked: how often a body began, and uploads in parts.
#[derive(Clone, Default)]
struct Marks(Arc<Mutex<(u32, Vec<String>)>>);

struct Bench {
    far: Far,
    folder: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
    destinations: Destinations,
    /// Uploads in parts that may have begun without our hearing their id: only the bucket's own rules end them.
    nameless: std::cell::Cell<usize>,
}

impl Bench {
    fn new(make: fn(&Path) -> Far) -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let folder = tempfile::tempdir().unwrap();
        let far = make(folder.path());
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let destinations = ways(&far.config);
        Self { far, folder, runtime, destinations, nameless: std::cell::Cell::new(0) }
    }

    /// A file of ours with bytes that follow from a seed.
    fn file(&self, name: &str, seed: u64, length: usize) -> ParcelFile {
        let path = self.folder.path().join(format!("{name}-{seed}-{length}"));
        let mut state = seed;
        let bytes: Vec<u8> =
            (0..length.div_ceil(8)).flat_map(|_| dice(&mut state).to_le_bytes()).take(length).collect();
        fs::write(&path, bytes).unwrap();
        let sha256 = digest_of(&path).unwrap();
        ParcelFile { path, name: name.to_owned(), bytes: u64::try_from(length).unwrap(), sha256 }
    }

    fn parcel(&self, name: &str, file: &ParcelFile, exists: Exists) -> Parcel {
        Parcel {
            delivery_id: 7,
            target: self.far.target.clone(),
            address: name.to_owned(),
            details: Details::File(FileDetails {
                place: self.far.place.clone(),
                exists,
                on_unknown: OnUnknown::Check,
                media_type: "text/csv; charset=utf-8".to_owned(),
                idempotency_key: "key".to_owned(),
                marker: false,
                manifest: None,
            }),
            message_id: None,
            file: Some(file.clone()),
            repeated: false,
            unsure: false,
            uploads: Vec::new(),
            now: Clock::System.now(),
        }
    }

    fn send(&self, parcel: &Parcel) -> (Outcome, Marks) {
        self.send_by(&self.destinations, parcel)
    }

    fn send_by(&self, destinations: &Destinations, parcel: &Parcel) -> (Outcome, Marks) {
        let marks = Marks::default();
        let mark =
            |upload: Option<&str>| -> std::pin::Pin<Box<dyn Future<Output = Result<(), String>> + Send>> {
                let mut marks = marks.0.lock().unwrap();
                marks.0 += 1;
                marks.1.extend(upload.map(ToOwned::to_owned));
                Box::pin(std::future::ready(Ok(())))
            };
        let outcome = self.runtime.block_on(destinations.send(parcel, &mark));
        (outcome, marks)
    }

    fn fault(&self, fault: Fault) {
        if let Some(proxy) = &self.far.proxy {
            proxy.set(fault);
        }
    }

    fn done(&self, parcel: &Parcel) {
        let (outcome, _) = self.send(parcel);
        assert!(matches!(outcome, Outcome::Done { .. }), "{}: {outcome:?}", self.far.kind);
        self.holds(parcel);
    }

    fn holds(&self, parcel: &Parcel) {
        let ours = fs::read(&parcel.file.as_ref().unwrap().path).unwrap();
        let theirs = self.far.end.bytes(&parcel.address);
        assert!(theirs.as_ref() == Some(&ours), "{}: {} is not ours", self.far.kind, parcel.address);
    }

    /// Nothing is there but these names.
    fn clean(&self, names: &[&str]) {
        let there: BTreeSet<String> = self.far.end.names().into_iter().collect();
        let wanted: BTreeSet<String> = names.iter().map(ToString::to_string).collect();
        assert_eq!(there, wanted, "{}", self.far.kind);
        let nameless = self.nameless.get();
        assert!(self.far.end.uploads() <= nameless, "{}: uploads in parts are left", self.far.kind);
    }
}

fn ways(config: &str) -> Destinations {
    let config =
        legwork::config::parse("legwork.toml", config).unwrap_or_else(|problems| panic!("{problems:?}"));
    Destinations::new(&config)
}

/// What holds everywhere, whatever the server.
fn keeps_the_contract(make: fn(&Path) -> Far) {
    let bench = Bench::new(make);
    let file = bench.file("a", 1, 200_000);
    let other = bench.file("b", 2, 200_000);

    // Whole, with what belongs to it.
    let mut with_more = bench.parcel("one.csv", &file, Exists::Replace);
    if let Details::File(details) = &mut with_more.details {
        (details.marker, details.manifest) = (true, Some("{\"rows\": 1}\n".to_owned()));
    }
    bench.done(&with_more);
    assert_eq!(bench.far.end.bytes("one.csv.ok"), Some(Vec::new()));
    assert_eq!(bench.far.end.bytes("one.csv.json"), Some(b"{\"rows\": 1}\n".to_vec()));

    // The name is taken.
    let said = |parcel: &Parcel| bench.send(parcel).0;
    let taken = bench.parcel("one.csv", &other, Exists::Fail);
    assert!(matches!(said(&taken), Outcome::Lasting { .. }), "{}: {:?}", bench.far.kind, said(&taken));
    let same = bench.parcel("one.csv", &file, Exists::SameIsFine);
    bench.done(&same);
    assert!(matches!(said(&bench.parcel("one.csv", &file, Exists::Fail)), Outcome::Lasting { .. }));
    assert!(matches!(said(&bench.parcel("one.csv", &other, Exists::SameIsFine)), Outcome::Lasting { .. }));
    bench.holds(&same);
    // What an earlier try of the same delivery left is no clash.
    let mut repeated = bench.parcel("one.csv", &file, Exists::Fail);
    repeated.repeated = true;
    bench.done(&repeated);
    bench.done(&bench.parcel("one.csv", &other, Exists::Replace));
    bench.done(&bench.parcel("free.csv", &file, Exists::Fail));

    // Asked after an outcome that nobody knows, the far end answers.
    let mut unsure = bench.parcel("free.csv", &file, Exists::Replace);
    (unsure.unsure, unsure.repeated) = (true, true);
    let (outcome, marks) = bench.send(&unsure);
    assert!(
        matches!(&outcome, Outcome::Done { reply, .. } if reply.contains("asked")),
        "{}: {outcome:?}",
        bench.far.kind
    );
    assert_eq!(marks.0.lock().unwrap().0, 0, "nothing was sent again");
    let mut absent = bench.parcel("absent.csv", &file, Exists::Replace);
    absent.unsure = true;
    bench.done(&absent);

    // A slow far end is waited for.
    bench.fault(Fault::Delay(Duration::from_millis(5)));
    bench.done(&bench.parcel("slow.csv", &file, Exists::Replace));
    bench.fault(Fault::Throttle(400_000));
    bench.done(&bench.parcel("slow.csv", &file, Exists::Replace));
    bench.fault(Fault::None);

    // Wrong credentials are final, and nothing is there.
    if let Some(wrong) = &bench.far.wrong {
        let (outcome, _) = bench.send_by(&ways(wrong), &bench.parcel("wrong.csv", &file, Exists::Replace));
        assert!(matches!(outcome, Outcome::Lasting { .. }), "{}: {outcome:?}", bench.far.kind);
    }
    // A kept file that was changed is not sent.
    let mut changed = file.clone();
    changed.sha256.clone_from(&other.sha256);
    let (outcome, marks) = bench.send(&bench.parcel("changed.csv", &changed, Exists::Replace));
    assert!(matches!(outcome, Outcome::Lasting { .. }), "{}: {outcome:?}", bench.far.kind);
    assert_eq!(marks.0.lock().unwrap().0, 0);
    bench.clean(&["absent.csv", "free.csv", "one.csv", "one.csv.json", "one.csv.ok", "slow.csv"]);
}

/// Cuts the connection at random places, then lets the next try through.
fn survives_cuts(make: fn(&Path) -> Far, length: usize) {
    let bench = Bench::new(make);
    let Some(proxy) = &bench.far.proxy else { panic!("there is nothing to cut") };
    let mut state = variable("LEGWORK_TEST_SEED", 11);
    // A file in parts is large: a few rounds of it take as long.
    let rounds = variable("LEGWORK_TEST_ROUNDS", 10).div_ceil(if length < 1 << 20 { 1 } else { 4 });
    let first = bench.file("first", 1, length);
    proxy.reset_counts();
    bench.done(&bench.parcel("cut.csv", &first, Exists::Replace));
    let (up, down) = (proxy.up().max(2), proxy.down().max(2));
    for _ in 0..rounds {
        for fault in [
            Fault::ResetUp(1 + dice(&mut state) % up),
            Fault::ResetDown(1 + dice(&mut state) % down),
            Fault::TruncateDown(1 + dice(&mut state) % down),
            Fault::HalfCloseUp(1 + dice(&mut state) % up),
        ] {
            let told = format!("{}, {fault:?}", bench.far.kind);
            let file = bench.file("next", 100 + dice(&mut state) % 1_000_000, length);
            let before = bench.far.end.bytes("cut.csv").unwrap();
            let mut parcel = bench.parcel("cut.csv", &file, Exists::Replace);
            proxy.set(fault);
            let (outcome, marks) = bench.send(&parcel);
            proxy.set(Fault::None);
            let (ours, theirs) = (fs::read(&file.path).unwrap(), bench.far.end.bytes("cut.csv"));
            let whole = theirs.as_ref() == Some(&ours);
            assert!(
                whole || theirs.as_ref() == Some(&before) || !bench.far.atomic,
                "{told}: neither the file nor the one before it"
            );
            match &outcome {
                Outcome::Done { .. } => assert!(whole, "{told}: done, and it is not there"),
                Outcome::Passing { .. } => assert!(!whole, "{told}: it is there: {outcome:?}"),
                Outcome::Unsure { .. } => assert!(0 < marks.0.lock().unwrap().0, "{told}: {outcome:?}"),
                // The far end judges a body that only it saw cut.
                Outcome::Lasting { reply } if matches!(fault, Fault::HalfCloseUp(_)) => {
                    assert!(reply.contains("400"), "{told}: {outcome:?}");
                }
                Outcome::Lasting { .. } | Outcome::Written { .. } => panic!("{told}: {outcome:?}"),
            }
            // The next try, as the courier makes it.
            let marks = marks.0.lock().unwrap().clone();
            if length >= 1 << 20 && marks.1.is_empty() {
                bench.nameless.set(bench.nameless.get() + 1);
            }
            parcel.repeated = 0 < marks.0;
            parcel.unsure = matches!(outcome, Outcome::Unsure { .. });
            parcel.uploads = marks.1;
            bench.done(&parcel);
            bench.clean(&["cut.csv"]);
        }
    }
}

/// A far end that says nothing more ends the attempt, not the daemon.
fn gives_up_on_silence(make: fn(&Path) -> Far) {
    let bench = Bench::new(make);
    let file = bench.file("a", 3, 200_000);
    bench.fault(Fault::Stall(20_000));
    let begun = std::time::Instant::now();
    let (outcome, _) = bench.send(&bench.parcel("still.csv", &file, Exists::Replace));
    assert!(begun.elapsed() < Duration::from_mins(1));
    assert!(
        matches!(outcome, Outcome::Passing { .. } | Outcome::Unsure { .. }),
        "{}: {outcome:?}",
        bench.far.kind
    );
    bench.fault(Fault::None);
    if let Some(proxy) = &bench.far.proxy {
        proxy.hang_up();
    }
    let mut again = bench.parcel("still.csv", &file, Exists::Replace);
    (again.repeated, again.unsure) = (true, true);
    // A server may hold its lock for a moment longer.
    wait_for("the far end", || {
        let outcome = bench.send(&again).0;
        if outcome.is_done() { Ok(()) } else { Err(outcome.reply().to_owned()) }
    });
    bench.holds(&again);
    bench.clean(&["still.csv"]);
}

macro_rules! contract {
    ($($module:ident: $make:expr, $length:expr;)+) => {
        $(mod $module {
            use super::*;

            #[test]
            fn keeps_the_contract() {
                super::keeps_the_contract($make);
            }

            #[test]
            fn survives_cuts_of_the_connection() {
                super::survives_cuts($make, $length);
            }

            #[test]
            fn gives_up_on_silence() {
                super::gives_up_on_silence($make);
            }
        })+
    };
}
contract! {
    over_sftp: sftp, 120_000;
    over_webdav_rclone: webdav_rclone, 120_000;
    over_webdav_nginx: webdav_nginx, 120_000;
    over_http_put: http_put, 120_000;
    over_s3_moto: s3_moto, 120_000;
    over_s3_s3rver: s3_s3rver, 120_000;
    over_azure: azure, 120_000;
    over_gcs: gcs, 120_000;
}

#[test]
fn a_directory_keeps_the_contract() {
    keeps_the_contract(directory);
}

#[test]
fn an_upload_in_parts_survives_cuts_of_the_connection_and_leaves_no_parts() {
    for make in [s3_moto, azure, gcs] {
        survives_cuts(make, 20 << 20);
    }
}

#[test]
fn a_post_is_unsure_exactly_when_its_body_had_begun() {
    let bench = Bench::new(http_post);
    let file = bench.file("a", 5, 120_000);
    let mut state = variable("LEGWORK_TEST_SEED", 12);
    for _ in 0..variable("LEGWORK_TEST_ROUNDS", 10) {
        for fault in
            [Fault::ResetUp(1 + dice(&mut state) % 120_000), Fault::ResetDown(1 + dice(&mut state) % 1_500)]
        {
            bench.fault(fault);
            let (outcome, marks) = bench.send(&bench.parcel("post.csv", &file, Exists::Replace));
            let begun = 0 < marks.0.lock().unwrap().0;
            // Broken off during the handshake of TLS, nothing was sent.
            let before = matches!(&outcome, Outcome::Passing { .. });
            // nginx takes no POST for a file, and says so before it has read all of it: an answer is an answer.
            let answered = matches!(&outcome, Outcome::Lasting { reply } if reply.contains("404"));
            assert!(
                matches!(&outcome, Outcome::Unsure { .. }) && begun || before || answered,
                "{fault:?}: {outcome:?}"
            );
        }
    }
    bench.fault(Fault::None);
    let (outcome, _) = bench.send(&bench.parcel("post.csv", &file, Exists::Replace));
    assert!(matches!(outcome, Outcome::Lasting { .. }), "{outcome:?}");
}

#[test]
fn a_full_far_end_is_tried_again_and_keeps_nothing_of_the_file() {
    let small = small();
    let folder = small.join("far-end");
    fs::create_dir(&folder).unwrap();
    for make in [directory, sftp, webdav_nginx, http_put, webdav_rclone] {
        let bench = Bench::new(make);
        let file = bench.file("large", 9, 2 << 20);
        let (config, target) = match bench.far.kind {
            "directory" => (String::new(), folder.display().to_string()),
            "sftp" => (format!("{}folder = \"{}\"\n", bench.far.config, folder.display()), "far".to_owned()),
            _ => {
                assert!(bench.far.end.move_to(&folder), "{}", bench.far.kind);
                (bench.far.config.clone(), "far".to_owned())
            }
        };
        let mut parcel = bench.parcel("large.csv", &file, Exists::Replace);
        parcel.target = target;
        let (outcome, _) = bench.send_by(&ways(&config), &parcel);
        assert!(matches!(outcome, Outcome::Passing { .. }), "{}: {outcome:?}", bench.far.kind);
        assert_eq!(files(&folder), Vec::<String>::new(), "{}", bench.far.kind);
    }
    fs::remove_dir_all(small.join("aside")).unwrap();
    fs::remove_dir(&folder).unwrap();
}
