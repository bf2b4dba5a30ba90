//! `/api/v1` and the operations pages, as other programs see them.

use std::fs;
use std::process::Command;

use crate::support::web::{Site, call};
use crate::support::world::World;
use crate::support::{Legwork, Ran, free_port, job, python, root, segment, variable};

const DAY: &str = "{ from = \"2026-06-10\", to = \"2026-06-11\" }";

fn site() -> Site {
    let mut site = Site::new("");
    site.legwork.import(&segment("s1", "2026-06-10T08:00:00Z"));
    site.legwork.job("daily", &job(DAY, "[[deliver]]\nemail = { to = [\"boss@x.example\"] }\n"));
    site.legwork.run(&["apply"]).ok();
    site.start();
    site
}

const JSON: (&str, &str) = ("Content-Type", "application/json");

#[test]
fn a_program_makes_runs_and_fetches_a_report() {
    let site = site();
    let made = serde_json::json!({ "name": "by-program", "toml": job(DAY, "") }).to_string();
    let key = ("Idempotency-Key", "make-1");
    let first = site.send("POST", "/api/v1/reports", &[JSON, key], &made).is(201);
    assert_eq!(first.json()["report"]["name"], "by-program");
    // The answer was lost, and the same request comes again.
    let again = site.send("POST", "/api/v1/reports", &[JSON, key], &made).is(201);
    assert_eq!(again.json(), first.json());
    site.send("POST", "/api/v1/reports", &[JSON], &made).is(409);
    site.send("POST", "/api/v1/reports", &[JSON, key], "{}").is(422);
    let asked = site.send("POST", "/api/v1/reports/by-program/run", &[JSON], "").is(202).json();
    site.legwork.wait_until("select count(*) from artifact", "1");
    let path = format!("/api/v1/occurrences/{}", asked["occurrence_id"]);
    let told = site.get(&path).is(200).json();
    assert_eq!(told["occurrence"]["state"], "done");
    let run = told["occurrence"]["run"]["run_id"].as_i64().unwrap();
    let file = site.get(&format!("/api/v1/runs/{run}/file")).is(200);
    let stored = site.legwork.path("state/artifacts").join(site.legwork.ask("select path from artifact"));
    assert_eq!(file.body, fs::read(stored).unwrap());
    assert!(
        file.header("content-disposition")
            .unwrap()
            .starts_with("attachment; filename=\"by-program_2026-06-10.csv\"")
    );
    // Whoever has it already is told so.
    let tag = file.header("etag").unwrap();
    let same = site.get_with("/api/v1/reports/by-program/file", &[("If-None-Match", tag)]).is(304);
    assert!(same.body.is_empty());
    // The same JSON as the command's.
    let by_command: serde_json::Value =
        serde_json::from_str(&site.legwork.run(&["-o", "json", "show", &run.to_string()]).out).unwrap();
    assert_eq!(site.get(&format!("/api/v1/runs/{run}")).is(200).json(), by_command);
    let changed = serde_json::json!({ "toml": job(DAY, "[output]\nformat = \"tsv\"\n") }).to_string();
    let put = site.send("PUT", "/api/v1/reports/by-program", &[JSON], &changed).is(200).json();
    assert_eq!(put["version"], 2);
    site.send("PUT", "/api/v1/reports/daily", &[JSON], &changed).is(409);
    let wrong = serde_json::json!({ "toml": "[report]\ntype = \"x\"\n" }).to_string();
    let problem = site.send("PUT", "/api/v1/reports/by-program", &[JSON], &wrong).is(422);
    assert_eq!(problem.header("content-type"), Some("application/problem+json"));
    assert!(problem.json()["detail"].as_str().unwrap().contains("toml:2:8"), "{problem:?}");
    site.send("DELETE", "/api/v1/reports/by-program", &[], "").is(204);
    site.send("DELETE", "/api/v1/reports/by-program", &[], "").is(404);
    let mut actions = site.legwork.ask("select group_concat(distinct action) from audit");
    for action in ["create", "run", "download", "change", "delete"] {
        assert!(actions.contains(action), "{action} in {actions}");
        actions = actions.replace(action, "");
    }
}

#[test]
fn a_report_of_the_page_and_a_job_file_share_one_name_space() {
    let site = site();
    let made = serde_json::json!({ "name": "daily", "toml": job(DAY, "") }).to_string();
    let clash = site.send("POST", "/api/v1/reports", &[JSON], &made).is(409);
    assert!(clash.json()["detail"].as_str().unwrap().contains("daily.toml"), "{clash:?}");
    let made = made.replace("daily", "ours");
    site.send("POST", "/api/v1/reports", &[JSON], &made).is(201);
    site.legwork.job("ours", &job(DAY, "[output]\nformat = \"tsv\"\n"));
    let told = site.legwork.run(&["apply"]).fails(2);
    assert!(told.contains("the name `ours` is that of a report made on the page"), "{told}");
    assert_eq!(site.get("/api/v1/reports/ours").json()["version"], 1);
    // It outlives a look at the folder, and the folder's own end.
    fs::remove_file(site.legwork.path("jobs/ours.toml")).unwrap();
    site.legwork.run(&["apply"]).ok();
    assert_eq!(site.get("/api/v1/reports/ours").json()["report"]["state"], "active");
    // A file that takes the name keeps what it defined before.
    site.legwork.job("daily", &format!("name = \"ours\"\n{}", job(DAY, "")));
    site.legwork.run(&["apply", "--allow-retire"]).fails(2);
    assert_eq!(site.get("/api/v1/reports/daily").json()["report"]["state"], "active");
    assert_eq!(site.get("/api/v1/reports/ours").json()["version"], 1);
}

#[test]
fn an_instant_that_has_had_its_turn_does_not_stand_in_the_way_of_an_edit() {
    let port = free_port();
    let config = format!("[web]\nlisten = \"127.0.0.1:{port}\"\n");
    let mut world = World::new(&config, "2026-06-11T07:00:00Z");
    world.start();
    let put = |method: &str, path: &str, body: &serde_json::Value| {
        call(port, method, &format!("/api/v1/reports{path}"), &[JSON], body.to_string().as_bytes())
    };
    let once = |at: &str| job("\"yesterday\"", &format!("[[schedule]]\nonce = \"{at}\"\n"));
    let new = serde_json::json!({ "name": "one-time", "toml": once("2026-06-11T08:00") });
    put("POST", "", &new).is(201);
    world.pass(2 * 60 * 60);
    world.until("select group_concat(state) from occurrence", "done");
    let text = once("2026-06-11T08:00");
    let described = format!("description = \"once\"\n{text}");
    let changed = put("PUT", "/one-time", &serde_json::json!({ "toml": described })).is(200).json();
    assert_eq!(changed["version"], 2);
    let past = serde_json::json!({ "toml": once("2026-06-11T08:30") });
    assert!(put("PUT", "/one-time", &past).is(422).text().contains("which is past"));
    world.until("select count(*) from occurrence", "1");
}

#[test]
fn the_form_that_changes_a_report_shows_what_it_would_do() {
    let site = site();
    let made = serde_json::json!({ "name": "ours", "toml": job(DAY, "") }).to_string();
    site.send("POST", "/api/v1/reports", &[JSON], &made).is(201);
    let text = job(DAY, "[[schedule]]\ncron = \"30 6 * * *\"\n");
    let form = site.form(&[]);
    let fields = [("form", form.as_str()), ("editing", "ours"), ("text", &text)];
    let shown = site.post("/new/check?part=coming", &[], &fields).is(200).text();
    assert!(shown.contains("Next runs") && shown.contains("cc-s1"), "{shown}");
    assert!(!shown.contains("class=\"wrong\""), "{shown}");
}

#[test]
fn a_list_made_on_the_page_is_one_that_jobs_may_name() {
    let site = site();
    let body = "{\"addresses\": [\"Boss <boss@x.example>\", \"other@x.example\"]}";
    site.send("PUT", "/api/v1/lists/bosses", &[JSON], body).is(200);
    site.legwork.job("weekly", &job(DAY, "[[deliver]]\nemail = { to = [\"bosses\"] }\n"));
    site.legwork.run(&["apply"]).ok();
    site.legwork.run(&["run", "weekly"]).ok();
    assert_eq!(
        site.legwork.ask("select group_concat(address order by address) from delivery"),
        "boss@x.example,other@x.example"
    );
    site.send("PUT", "/api/v1/lists/bosses", &[JSON], "{\"addresses\": [\"no address\"]}").is(400);
    assert!(site.send("DELETE", "/api/v1/lists/bosses", &[], "").is(400).text().contains("used by weekly"));
    fs::remove_file(site.legwork.path("jobs/weekly.toml")).unwrap();
    site.legwork.run(&["apply", "--allow-retire"]).ok();
    site.send("DELETE", "/api/v1/lists/bosses", &[], "").is(204);
    site.send("DELETE", "/api/v1/lists/bosses", &[], "").is(404);
}

#[test]
fn pages_of_a_list_follow_each_other() {
    let mut site = Site::new("");
    for number in 0..7 {
        site.legwork.job(&format!("r{number}"), &job(DAY, ""));
    }
    site.legwork.run(&["apply"]).ok();
    site.start();
    let (mut names, mut after) = (Vec::new(), String::new());
    loop {
        let page = site.get(&format!("/api/v1/reports?limit=3&after={after}")).is(200).json();
        names.extend(
            page["reports"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()),
        );
        match page["next"].as_str() {
            Some(next) => next.clone_into(&mut after),
            None => break,
        }
    }
    assert_eq!(names, ["r0", "r1", "r2", "r3", "r4", "r5", "r6"]);
    site.get("/api/v1/reports?limit=0").is(400);
}

#[test]
fn everything_that_the_document_allows_is_answered_as_it_says() {
    let site = site();
    site.legwork.run(&["run", "daily"]).ok();
    // With a token from the beginning: the first user that is made closes the door for everybody without one.
    site.user("jane", "admin");
    let token = format!("Authorization: Bearer {}", site.token(&["explorer", "--role", "admin"]));
    let url = format!("http://127.0.0.1:{}/api/v1/openapi.json", site.port);
    let examples = variable("LEGWORK_TEST_ROUNDS", 12).to_string();
    let checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                  response_schema_conformance";
    let asked = Command::new(python())
        .args(["-m", "schemathesis.cli", "run", &url, "--max-examples", &examples, "--checks", checks])
        // A stream has no end to wait for.
        .args(["--header", &token, "--exclude-path", "/api/v1/events", "--no-color", "--continue-on-failure"])
        .current_dir(site.legwork.folder.path())
        .env("HOME", site.legwork.folder.path())
        .output()
        .unwrap();
    assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stdout));
    let log = site.legwork.log();
    assert!(!log.contains("ERROR") && !log.contains("panicked"), "{log}");
}

#[test]
fn what_a_monitor_asks_is_answered() {
    let site = site();
    site.legwork.run(&["run", "daily"]).ok();
    assert_eq!(site.get("/healthz").is(200).text(), "ok\n");
    assert_eq!(site.get("/readyz").is(200).text(), "ready\n");
    let metrics = site.get("/metrics").is(200);
    let file = site.legwork.path("metrics");
    fs::write(&file, &metrics.body).unwrap();
    let reader = "import sys\nfrom prometheus_client.openmetrics.parser import text_string_to_metric_families as read\n\
                  for family in read(open(sys.argv[1]).read()):\n for sample in family.samples: print(sample.name, sample.labels, sample.value)";
    let read = Command::new(python()).args(["-c", reader]).arg(&file).output().unwrap();
    let read = String::from_utf8(read.stdout).unwrap() + &String::from_utf8_lossy(&read.stderr);
    for sample in [
        "legwork_report_last_generated_timestamp_seconds {'report': 'daily'}",
        "legwork_report_lateness_seconds {'report': 'daily'} 0.0",
        "legwork_occurrences {'class': 'running'} 0",
        "legwork_dispatch_lateness_seconds {'class': 'p99'}",
        "legwork_http_requests_answered_total {}",
    ] {
        assert!(read.contains(sample), "{sample} in\n{read}");
    }
    site.user("jane", "view");
    site.get("/metrics").is(401);
    let token = site.token(&["monitor", "--role", "view"]);
    site.get_with("/metrics", &[("Authorization", &format!("Bearer {token}"))]).is(200);
    site.get("/healthz").is(200);
}

#[test]
fn every_operation_says_its_role() {
    let site = site();
    let document = site.get("/api/v1/openapi.json").is(200).json();
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().unwrap();
    // Each operation says which role it needs; the sources hold as many as the document.
    let code = fs::read_to_string(root().join("src/web/api/operations.rs")).unwrap();
    let operations: usize = paths.values().map(|path| path.as_object().unwrap().len()).sum();
    assert_eq!(operations, code.matches("Operation::").count());
    for path in paths.values().flat_map(|path| path.as_object().unwrap().values()) {
        assert!(path["description"].as_str().unwrap().contains("Needs the role"), "{path}");
    }
}

/// Memory of a process of its own, in KiB.
fn heap(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn two_hundred_downloads_leave_memory_as_it_is_and_no_occurrence_out() {
    let mut site = Site::new("");
    site.legwork.import(&segment("s1", "2026-06-10T08:00:00Z"));
    site.legwork.job("daily", &job(DAY, ""));
    site.legwork.job("often", &job(DAY, "[[schedule]]\nevery = \"1s\"\noverlap = \"queue\"\n"));
    site.legwork.run(&["apply"]).ok();
    site.legwork.run(&["run", "daily"]).ok();
    let length = variable("LEGWORK_TEST_MIB", 10) << 20;
    let path = site.legwork.ask("select path from artifact where run_id = 1");
    fs::File::create(site.legwork.path("state/artifacts").join(path)).unwrap().set_len(length).unwrap();
    site.legwork
        .ledger()
        .execute("update artifact set bytes = ?1 where run_id = 1", [length.cast_signed()])
        .unwrap();
    site.start();
    site.get("/").is(200);
    let pid = site.pid();
    let (before, port) = (heap(pid), site.port);
    let downloads: Vec<_> = (0..200)
        .map(|_| {
            std::thread::spawn(move || {
                let url = format!("http://127.0.0.1:{port}/runs/1/file");
                let got = Command::new("curl")
                    .args(["-sS", "-o", "/dev/null", "-w", "%{size_download}", &url])
                    .output();
                String::from_utf8(got.unwrap().stdout).unwrap()
            })
        })
        .collect();
    let mut peak = before;
    while downloads.iter().any(|one| !one.is_finished()) {
        peak = peak.max(heap(pid));
        std::thread::park_timeout(std::time::Duration::from_millis(5));
    }
    for one in downloads {
        assert_eq!(one.join().unwrap(), length.to_string());
    }
    assert!(peak - before < 96 << 10, "{before} KiB before, {peak} KiB at most");
    // Every second from the first to the last has its occurrence, and each of them its end.
    let last = site.legwork.ask("select max(due_at) from occurrence where state <> 'planned'");
    let open =
        format!("select count(*) from occurrence where state in ('due', 'running') and due_at <= '{last}'");
    site.legwork.wait_until(&open, "0");
    assert_eq!(site.legwork.ask("select count(*) from occurrence where state in ('failed', 'skipped')"), "0");
    let gaps = "with each as (select unixepoch(nominal_at) as at, lag(unixepoch(nominal_at)) over (order by nominal_at) as before
                from occurrence where manual = 0) select count(*) from each where at - before > 1";
    assert_eq!(site.legwork.ask(gaps), "0");
}

#[test]
fn the_command_line_asks_a_daemon_elsewhere() {
    let site = site();
    let elsewhere = Legwork::new("");
    let url = format!("http://127.0.0.1:{}", site.port);
    site.user("jane", "admin");
    let token = site.token(&["operator", "--role", "run"]);
    let run = |token: &str, arguments: &[&str]| -> Ran {
        let mut command = elsewhere.command(&[&["--server", &url], arguments].concat());
        command.env("LEGWORK_TOKEN", token).output().unwrap().into()
    };
    assert!(run("wrong", &["list"]).fails(1).contains("$LEGWORK_TOKEN"));
    assert!(run(&token, &["list"]).ok().contains("daily"));
    let told = run(&token, &["run", "daily"]).ok();
    assert!(told.contains("daily run 1: done") && told.contains("email boss@x.example: outbox"), "{told}");
    assert!(run(&token, &["runs"]).ok().contains("daily_2026-06-10.csv"));
    assert!(run(&token, &["deliveries", "daily"]).ok().contains("boss@x.example"));
    assert!(run(&token, &["show", "daily"]).ok().contains("[[deliver]]"));
    assert_eq!(run(&token, &["export", "daily"]).ok(), site.legwork.run(&["export", "daily"]).ok());
    assert!(run(&token, &["run", "nowhere"]).fails(3).contains("there is no report `nowhere`"));
    assert!(run(&token, &["pause", "daily"]).fails(2).contains("this needs the role edit"));
    assert!(run(&token, &["user", "list"]).fails(2).contains("not asked over --server"));
    let json = run(&token, &["-o", "json", "list"]).ok();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap()[0]["name"], "daily");
    assert!(!elsewhere.path("state").exists(), "nothing is opened here");
}

#[test]
fn what_takes_its_time_elsewhere_is_followed_to_its_end() {
    let site = site();
    let elsewhere = Legwork::new("");
    let url = format!("http://127.0.0.1:{}", site.port);
    let run = |arguments: &[&str]| elsewhere.run(&[&["--server", &url], arguments].concat());
    assert!(run(&["why", "daily"]).ok().contains("next: legwork run daily"));
    site.legwork.job("weekly", &job("\"yesterday\"", "[[schedule]]\ncron = \"0 6 * * Mon\"\n"));
    assert!(run(&["plan"]).fails(4).contains("+ weekly"));
    assert!(run(&["apply"]).ok().contains("+ weekly"));
    run(&["plan"]).ok();
    let span = ["--from", "2026-05-04", "--to", "2026-06-01"];
    let made = run(&[&["backfill", "weekly"], &span[..]].concat()).ok();
    assert_eq!(made, "4 made, 0 failed, of 4 instants; `legwork runs weekly`\n");
    assert_eq!(
        site.legwork.ask("select count(*) from audit where action = 'backfill'"),
        "1",
        "asking how far it is does nothing"
    );
    assert_eq!(site.legwork.ask("select count(*) from artifact"), "4");
    let odd = [
        "--from",
        "2026-05-04T00:00Z",
        "--to",
        "2026-06-01T00:00Z",
        "--down",
        "2026-05-04T00:00Z..2026-05-05T00:00Z",
    ];
    let simulated = run(&[&["simulate", "weekly", "--odd"], &odd[..]].concat()).ok();
    assert_eq!(simulated.lines().count(), 2, "a header, and the one that is late\n{simulated}");
    assert_eq!(run(&["next", "weekly", "-n", "2"]).ok().lines().count(), 3, "a header and two instants");
    let here = site.legwork.run(&["-o", "json", "why", "weekly"]).ok();
    let there = run(&["-o", "json", "why", "weekly"]).ok();
    assert_eq!(here, there, "the same words");
    let file = elsewhere.path("more.ndjson");
    fs::write(&file, format!("{}not json\n", segment("s2", "2026-06-10T09:00:00Z"))).unwrap();
    let file = file.to_str().unwrap();
    let told = run(&["import", "--strict", file]).fails(2);
    assert!(told.contains("nothing imported") && told.contains("line 2"), "{told}");
    let told = run(&["import", file]).fails(1);
    assert!(told.contains("1 new") && told.contains("1 bad") && told.contains("! line 2"), "{told}");
    run(&["-o", "json", "import", file]).fails(1);
    assert!(run(&["import", "--rejects", "x", file]).fails(2).contains("first hundred"));
    assert_eq!(site.legwork.ask("select count(*) from segment"), "2");
    assert!(run(&["doctor"]).ok().contains("state"));
    run(&["backup"]).ok();
    assert_eq!(fs::read_dir(site.legwork.path("state/backups")).unwrap().count(), 1);
    assert!(run(&["collect", "nobody"]).fails(3).contains("there is no source `nobody`"));
}

#[test]
fn records_come_in_over_the_api() {
    let site = site();
    let csv =
        "id,interaction_id,participant,start,end\na,i,agent,2026-06-10T10:00:00Z,2026-06-10T10:05:00Z\n";
    let path = "/api/v1/import?kind=segment&covers=2026-06-10T00:00Z..2026-06-11T00:00Z";
    let done = site.send("POST", path, &[("Content-Type", "text/csv")], csv);
    let columns = done.text();
    let done = done.is(200).json();
    assert_eq!((&done["lines"], &done["bad"]), (&1.into(), &0.into()), "{columns}");
    assert_eq!(site.legwork.ask("select count(*) from coverage"), "1");
    for wrong in ["kind=horse", "strict=perhaps", "covers=now"] {
        site.send("POST", &format!("/api/v1/import?{wrong}"), &[], csv).is(400);
    }
    site.send("POST", "/api/v1/import", &[], "no,header\n").is(400);
    site.send("POST", path, &[("Content-Type", "text/csv")], "").is(400);
    assert_eq!(site.legwork.ask("select count(*) from audit where action = 'import'"), "1");
}

#[test]
fn people_are_made_and_removed_over_the_api() {
    let site = site();
    site.send("PUT", "/api/v1/reports/daily/favourite", &[], "").is(204);
    let marked = site.get("/api/v1/reports?view=favourites").is(200).json();
    assert_eq!(marked["reports"][0]["name"], "daily");
    site.send("DELETE", "/api/v1/reports/daily/favourite", &[], "").is(204);
    assert!(site.get("/api/v1/reports?view=favourites").json()["reports"].as_array().unwrap().is_empty());
    let token = site.token(&["root", "--role", "admin"]);
    let bearer = format!("Bearer {token}");
    let as_admin = [JSON, ("Authorization", bearer.as_str())];
    let put = |name: &str, body: &str| site.send("PUT", &format!("/api/v1/users/{name}"), &as_admin, body);
    put("anna", "{\"role\":\"view\",\"password\":\"short\"}").is(400);
    put("anna", "{\"role\":\"view\",\"password\":\"long enough it is\"}").is(204);
    site.get("/api/v1/reports").is(401);
    let users = site.get_with("/api/v1/users", &as_admin).is(200);
    assert!(!users.text().contains("argon2"), "a hash is nobody's business");
    assert_eq!(users.json()["users"][0]["role"], "view");
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    site.send("POST", "/login", &[form], "name=anna&password=long+enough+it+is").is(303);
    site.send("DELETE", "/api/v1/users/anna", &as_admin, "").is(204);
    site.send("DELETE", "/api/v1/users/anna", &as_admin, "").is(404);
    site.send("DELETE", "/api/v1/tokens/nobody", &as_admin, "").is(404);
    site.send("DELETE", "/api/v1/tokens/root", &as_admin, "").is(204);
    assert_eq!(site.legwork.ask("select count(*) from api_token"), "0");
}

#[test]
fn whoever_hangs_up_finds_the_answer_under_the_key() {
    use std::io::Write;
    let site = site();
    for round in 0..20 {
        let key = format!("run-{round}");
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", site.port)).unwrap();
        let head = format!(
            "POST /api/v1/reports/daily/run HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: {key}\r\nContent-Length: 0\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        drop(stream);
        // The same request again: the first one's answer, once it is there.
        crate::support::wait_for("the answer", || {
            let again = site.send("POST", "/api/v1/reports/daily/run", &[("Idempotency-Key", &key)], "");
            if again.status == 202 { Ok(()) } else { Err(format!("{again:?}")) }
        });
    }
    assert_eq!(
        site.legwork.ask("select count(*) from audit where action = 'run'"),
        "20",
        "each was done once"
    );
    let asked = site.send(
        "POST",
        "/api/v1/tokens",
        &[JSON, ("Idempotency-Key", "t")],
        "{\"name\":\"t\",\"role\":\"view\"}",
    );
    let token = asked.is(201).json()["token"].as_str().unwrap().to_owned();
    assert!(!site.legwork.ask("select group_concat(body) from idempotent_request").contains(&token));
}

#[test]
fn a_list_in_use_is_not_removed() {
    let site = site();
    site.send("PUT", "/api/v1/lists/team", &[JSON], "{\"addresses\": [\"boss@x.example\"]}").is(200);
    let toml = job(DAY, "[[deliver]]\nemail = { to = [\"team\"] }\n");
    let made = serde_json::json!({ "name": "uses-team", "toml": toml }).to_string();
    site.send("POST", "/api/v1/reports", &[JSON], &made).is(201);
    let told = site.send("DELETE", "/api/v1/lists/team", &[], "").is(400);
    assert!(told.json()["detail"].as_str().unwrap().contains("uses-team"), "{told:?}");
    let past = job(DAY, "[[schedule]]\nonce = \"2020-01-01T06:00\"\n");
    let made = serde_json::json!({ "name": "late", "toml": past }).to_string();
    assert!(site.send("POST", "/api/v1/reports", &[JSON], &made).is(422).text().contains("which is past"));
    let checked =
        site.send("POST", "/api/v1/check", &[JSON], &made.replace(",\"private\":false", "")).is(200).json();
    assert_eq!(checked["good"], false, "{checked}");
}
