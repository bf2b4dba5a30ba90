//! Uploads to nginx over TLS, and what its refusals lead to.

use std::fs;

use crate::support::nginx::Nginx;
use crate::support::{Legwork, job, segment};

fn uploading(nginx: &Nginx, deliver: &str) -> Legwork {
    let legwork = Legwork::new(&nginx.endpoints());
    legwork.import(&segment("s1", "2026-06-10T08:00:00Z"));
    legwork.job(
        "daily",
        &job(
            "{ from = \"2026-06-10\", to = \"2026-06-11\" }",
            &format!("[[deliver]]\nhttp = {{ {deliver} }}\n"),
        ),
    );
    legwork.run(&["apply"]).ok();
    legwork
}

#[test]
fn put_stores_the_very_file_and_overwrites_it() {
    let nginx = Nginx::start();
    let legwork = uploading(&nginx, "use = \"files\", path = \"seg ments/{{ period.start | date }}.csv\"");
    legwork.run(&["run", "daily"]).ok();
    let stored = nginx.folder.path().join("files/seg ments/2026-06-10.csv");
    let made = legwork.path("state/artifacts").join(legwork.ask("select path from artifact"));
    assert_eq!(fs::read(&stored).unwrap(), fs::read(made).unwrap());
    legwork.run(&["run", "daily"]).ok();
    assert_eq!(legwork.ask("select group_concat(state) from delivery"), "delivered,delivered");
    assert!(legwork.ask("select reply from attempt limit 1").contains("201"));
}

#[test]
fn refusals_are_classed_and_told_in_the_far_ends_words() {
    let nginx = Nginx::start();
    for (endpoint, code, class, words) in [
        ("401", 1, "lasting", "401"),
        ("429", 75, "passing", "429"),
        ("500", 75, "passing", "500"),
        ("redirect", 1, "lasting", "a redirect to https://localhost:1/elsewhere is not followed"),
        ("cut", 75, "unsure", "https://localhost"),
    ] {
        let legwork = uploading(&nginx, &format!("use = \"{endpoint}\""));
        let ran = legwork.run(&["run", "daily"]);
        assert_eq!(ran.code, code, "{endpoint}: {ran:?}");
        assert_eq!(legwork.ask("select class from attempt"), class, "{endpoint}");
        let reply = legwork.ask("select reply from attempt");
        assert!(reply.contains(words) && !reply.contains("token=x"), "{reply}");
    }
}

#[test]
fn retry_after_is_kept() {
    let nginx = Nginx::start();
    let legwork = uploading(&nginx, "use = \"429\"");
    legwork.run(&["run", "daily"]).fails(75);
    let wait = "select cast(round((julianday(next_attempt_at) - julianday(ended_at)) * 86400) as integer)
                from (select d.next_attempt_at, t.ended_at from delivery d join attempt t using (delivery_id))";
    assert_eq!(legwork.ask(wait), "120");
}

#[test]
fn an_unknowable_post_waits_for_a_person() {
    let nginx = Nginx::start();
    // After a 500 the far end may have the file as well as after a cut connection.
    for endpoint in ["cut", "500"] {
        let legwork = uploading(&nginx, &format!("use = \"{endpoint}\", method = \"POST\""));
        legwork.run(&["run", "daily"]).fails(6);
        assert_eq!(legwork.ask("select state from delivery"), "unknown", "{endpoint}");
    }
}

#[test]
fn a_kept_file_that_was_changed_is_not_sent() {
    let nginx = Nginx::start();
    let legwork = uploading(&nginx, "use = \"429\"");
    legwork.run(&["run", "daily"]).fails(75);
    let made = legwork.path("state/artifacts").join(legwork.ask("select path from artifact"));
    let text = fs::read_to_string(&made).unwrap().replace("Jane", "Joan");
    fs::write(&made, text).unwrap();
    let sql = "update delivery set target = 'files', next_attempt_at = '2026-01-01T00:00:00.000Z'";
    legwork.ledger().execute(sql, []).unwrap();
    let daemon = legwork.serve();
    legwork.wait_until("select state from delivery", "failed");
    daemon.stop();
    assert!(legwork.ask("select reply from attempt order by number desc").contains("its digest differs"));
    assert!(fs::read_dir(nginx.folder.path().join("files")).unwrap().next().is_none());
}

#[test]
fn a_certificate_that_nobody_signed_is_not_spoken_to() {
    let nginx = Nginx::start();
    let config =
        nginx.endpoints().lines().filter(|line| !line.starts_with("ca_file")).collect::<Vec<_>>().join("\n");
    let legwork = Legwork::new(&config);
    legwork.job("daily", &job("\"yesterday\"", "[[deliver]]\nhttp = { use = \"files\" }\n"));
    legwork.run(&["apply"]).ok();
    legwork.run(&["run", "daily"]).fails(75);
    assert_eq!(legwork.ask("select class from attempt"), "passing");
    assert!(fs::read_dir(nginx.folder.path().join("files")).unwrap().next().is_none());
}
