//! Who is told of what goes wrong: at the first sight, once a day, and once when it is over.

use std::fs;

use crate::support::letters::letters;
use crate::support::world::World;
use crate::support::{free_port, job, segment, wait_for};

fn config(more: &str) -> String {
    format!("[relay.main]\noutbox = \"outbox\"\nfrom = \"legwork@centre.example\"\n{more}")
}

fn daily(deliver: &str) -> String {
    let rest = format!(
        "[run]\nretries = 0\n[[schedule]]\ncron = \"0 6 * * *\"\n{deliver}\n[report.filters]\nqueues = [\"Nowhere\"]\n"
    );
    format!("owner = \"owner@x.example\"\n{}", job("\"yesterday\"", &rest))
}

/// Subjects of what the owner got so far.
fn subjects(world: &World) -> Vec<String> {
    let folder = world.legwork.path("outbox");
    if !folder.exists() {
        return Vec::new();
    }
    letters(&folder).iter().map(|letter| letter["headers"]["subject"].as_str().unwrap().to_owned()).collect()
}

fn told(world: &World, count: usize) {
    world.until(
        "select count(*) from delivery where kind = 'notice' and state = 'outbox'",
        &count.to_string(),
    );
}

#[test]
fn an_owner_hears_of_the_first_failure_once_a_day_and_of_the_recovery() {
    // A filter that the store has never seen fails each run.
    let mut world = World::with(&config(""), "2026-06-10T05:50:00Z", &[("daily", daily(""))]);
    world.set("2026-06-10T06:00:01Z");
    world.settled();
    world.pass(20);
    told(&world, 1);
    // The next day it fails again: that is the same, and told again only because a day has passed.
    world.set("2026-06-11T06:00:01Z");
    world.settled();
    world.pass(20);
    told(&world, 2);
    world.pass(3_600);
    world.settled();
    // A queue by this name makes the runs go well again.
    let seen = segment("s1", "2026-06-11T08:00:00Z")
        .replace("\"agent_email\"", "\"queue_name\":\"Nowhere\",\"agent_email\"");
    world.legwork.import(&seen);
    world.set("2026-06-12T06:00:01Z");
    world.settled();
    world.pass(20);
    told(&world, 3);
    assert_eq!(
        subjects(&world),
        ["Legwork: daily has failed", "Legwork: daily still has failed", "Legwork: daily is well again"]
    );
    assert_eq!(world.ask("select count(*) from alert"), "0");
    world.crash();
}

#[test]
fn a_delivery_that_failed_is_told_with_the_far_ends_words_and_a_webhook_hears_it() {
    let nothing = free_port();
    let config = config(&format!(
        "[alerts]\nwebhook = \"ops\"\nrelay = \"main\"\n[webhook.ops]\nurl = \"http://localhost:{nothing}\"\nsecret = {{ env = \"PATH\" }}\n"
    ));
    let job = daily("[[deliver]]\ndirectory = { path = \"/proc/no-such-folder\" }\n")
        .replace("queues = [\"Nowhere\"]", "");
    let world = World::with(&config, "2026-06-10T05:50:00Z", &[("daily", job)]);
    world.set("2026-06-10T06:00:01Z");
    world.settled();
    // A missing folder may come back, so it is tried for hours before it has failed.
    for _ in 0..14 {
        world.pass(3_700);
        world.settled();
    }
    told(&world, 1);
    let letter = &letters(&world.legwork.path("outbox"))[0];
    let text =
        letter["text"].as_str().unwrap_or_default().to_owned() + letter["html"].as_str().unwrap_or_default();
    assert!(text.contains("/proc/no-such-folder") && text.contains("legwork why daily"), "{letter:#}");
    let event = world.ask("select details from delivery where kind = 'webhook'");
    assert!(event.contains("\\\"event\\\":\\\"failed\\\""), "{event}");
}

#[test]
fn a_run_that_does_not_end_is_late() {
    let world = World::with(&config(""), "2026-06-10T05:50:00Z", &[("daily", daily(""))]);
    world.pass(1);
    // An occurrence that somebody works at and that never ends.
    let ledger = world.legwork.ledger();
    ledger
        .execute(
            "insert into occurrence (definition_id, version_id, nominal_at, due_at, manual, period_start, period_end, state)
             select definition_id, version_id, '2026-06-10T05:00:00.000Z', '2026-06-10T05:00:00.000Z', 0,
                    '2026-06-09T00:00:00.000Z', '2026-06-10T00:00:00.000Z', 'running' from definition",
            [],
        )
        .unwrap();
    // The daemon may have looked just before and look again a quarter of a minute later: time goes on until it has.
    wait_for("the word that it is late", || {
        world.pass(16);
        let told =
            world.legwork.ask("select count(*) from delivery where kind = 'notice' and state = 'outbox'");
        if told == "1" { Ok(()) } else { Err(told) }
    });
    assert_eq!(subjects(&world), ["Legwork: daily is late"]);
}

#[test]
fn one_mail_a_day_comes_also_when_all_is_well() {
    let config = config(
        "[alerts]\nsummary_to = [\"ops@x.example\"]\nsummary_at = \"07:00\"\ntime_zone = \"Europe/Berlin\"\n",
    );
    let world = World::with(&config, "2026-06-10T04:50:00Z", &[]);
    told(&world, 0);
    world.set("2026-06-10T05:00:20Z");
    told(&world, 1);
    world.set("2026-06-10T20:00:00Z");
    world.set("2026-06-11T05:00:20Z");
    told(&world, 2);
    let subjects = subjects(&world);
    assert_eq!(subjects[0], "Legwork 2026-06-10: all is well, 0 reports made");
    assert_eq!(subjects.len(), 2);
}

#[test]
fn an_hour_before_it_is_due_the_owner_hears_that_it_could_not_go_out() {
    let port = free_port();
    let config = config(&format!(
        "[alerts]\nrelay = \"main\"\n[http.far]\nurl = \"http://localhost:{port}\"\ntimeout = \"2s\"\n"
    ));
    let job = daily("[[deliver]]\nhttp = { use = \"far\" }\n");
    let world = World::with(&config, "2026-06-10T04:30:00Z", &[("daily", job)]);
    world.pass(20);
    assert_eq!(subjects(&world), Vec::<String>::new());
    world.set("2026-06-10T05:00:30Z");
    told(&world, 1);
    assert_eq!(subjects(&world), ["Legwork: daily would not go out"]);
}

#[test]
fn a_ping_hears_of_start_and_end() {
    // A server that notes what it is asked for.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = std::sync::Arc::new(std::sync::Mutex::new(Vec::<String>::new()));
    let noted = asked.clone();
    std::thread::spawn(move || {
        use std::io::{BufRead, BufReader, Write};
        for stream in listener.incoming().flatten() {
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).unwrap();
            noted.lock().unwrap().push(line.split_whitespace().nth(1).unwrap_or_default().to_owned());
            let mut stream = stream;
            drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
        }
    });
    let mut world =
        World::new(&config("[ping.nightly]\nurl = { file = \"ping\" }\n"), "2026-06-10T05:50:00Z");
    let secret = world.legwork.path("ping");
    fs::write(&secret, format!("http://localhost:{port}/pla-nt-ed")).unwrap();
    fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let job = daily("").replace("retries = 0", "retries = 0\nping = \"nightly\"");
    world.legwork.job("bad", &job);
    world.legwork.job("good", &job.replace("queues = [\"Nowhere\"]", ""));
    world.start();
    world.until("select count(*) from definition", "2");
    world.set("2026-06-10T06:00:01Z");
    world.settled();
    wait_for("the pings", || {
        let mut seen = asked.lock().unwrap().clone();
        seen.sort();
        let wanted = ["/pla-nt-ed", "/pla-nt-ed/fail", "/pla-nt-ed/start", "/pla-nt-ed/start"];
        if seen == wanted { Ok(()) } else { Err(format!("{seen:?}")) }
    });
}
