//! The daemon is killed around a transfer: the file arrives once, whole, and nothing is left behind.

use std::path::Path;

use crate::support::far::{Far, azure, directory, http_put, s3_moto, sftp, webdav_rclone};
use crate::support::proxy::Fault;
use crate::support::{Legwork, job, segment, wait_for};

fn deliver(far: &Far) -> String {
    if far.kind == "directory" {
        return format!("directory = {{ path = \"{}\", on_unknown = \"check\" }}", far.target);
    }
    let key = if ["s3", "azure"].contains(&far.place.name()) { "key" } else { "path" };
    format!("{} = {{ use = \"far\", {key} = \"day.csv\", on_unknown = \"check\" }}", far.place.name())
}

fn name(far: &Far) -> &'static str {
    if far.kind == "directory" { "daily_2026-06-10.csv" } else { "day.csv" }
}

/// A Legwork with a report of some length, and the far end it goes to.
fn legwork(far: &Far) -> Legwork {
    let legwork = Legwork::new(&far.config);
    let many: String = (0..1_500).map(|n| segment(&format!("m{n}"), "2026-06-10T09:00:00Z")).collect();
    legwork.import(&many);
    let deliver = format!("[[deliver]]\n{}\n", deliver(far));
    legwork.job("daily", &job("{ from = \"2026-06-10\", to = \"2026-06-11\" }", &deliver));
    legwork.run(&["apply"]).ok();
    legwork
}

/// Starts the daemon again, and waits for the end.
fn arrives_once(far: &Far, legwork: &Legwork) {
    // What waits for its time need not be waited for.
    let soon = "update delivery set next_attempt_at = '2026-01-01T00:00:00.000Z' where state = 'pending'";
    legwork.ledger().execute(soon, []).unwrap();
    let daemon = legwork.serve_unready();
    legwork.wait_until("select state from delivery", "delivered");
    daemon.stop();
    let made = legwork.path("state/artifacts").join(legwork.ask("select path from artifact"));
    assert_eq!(far.end.bytes(name(far)), std::fs::read(made).ok(), "{}", far.kind);
    assert_eq!(far.end.names(), [name(far)], "{}", far.kind);
    assert_eq!(far.end.uploads(), 0, "{}", far.kind);
}

fn killed_at(make: fn(&Path) -> Far, bytes: u64) {
    let folder = tempfile::tempdir().unwrap();
    let far = make(folder.path());
    let Some(proxy) = &far.proxy else { panic!("there is nothing to stall") };
    let legwork = legwork(&far);
    proxy.set(Fault::Stall(bytes));
    let daemon = legwork.serve();
    let mut asking = legwork.command(&["run", "daily"]).spawn().unwrap();
    wait_for("the stall", || {
        if bytes <= proxy.up() { Ok(()) } else { Err(legwork.ask("select reply from attempt")) }
    });
    daemon.kill();
    asking.kill().unwrap();
    asking.wait().unwrap();
    proxy.set(Fault::None);
    proxy.hang_up();
    arrives_once(&far, &legwork);
}

/// A crash between the far end's answer and the ledger's: the ledger as such a crash leaves it.
fn killed_after(make: fn(&Path) -> Far) {
    let folder = tempfile::tempdir().unwrap();
    let far = make(folder.path());
    let legwork = legwork(&far);
    legwork.run(&["run", "daily"]).ok();
    legwork
        .ledger()
        .execute_batch(
            "update attempt set ended_at = null, class = null, reply = null;
             update delivery set state = 'pending', next_attempt_at = '2026-01-01T00:00:00.000Z', ended_at = null,
                                 receipt = null;",
        )
        .unwrap();
    arrives_once(&far, &legwork);
    assert_eq!(legwork.ask("select class from attempt where number = 1"), "unsure", "{}", far.kind);
    let asked = legwork.ask("select reply from attempt where number = 2");
    assert!(asked.contains("asked: the far end has the whole file"), "{}: {asked}", far.kind);
}

#[test]
fn killed_before_the_first_byte() {
    for make in [sftp, webdav_rclone, http_put, s3_moto, azure] {
        killed_at(make, 1);
    }
}

#[test]
fn killed_in_the_middle_of_the_file() {
    for make in [sftp, webdav_rclone, http_put, s3_moto, azure] {
        killed_at(make, 60_000);
    }
}

#[test]
fn killed_when_the_far_end_had_answered() {
    for make in [sftp, webdav_rclone, http_put, s3_moto, azure, directory] {
        killed_after(make);
    }
}
