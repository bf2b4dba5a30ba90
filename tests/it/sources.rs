//! Vendors as sources: what each is asked, what of its answers is believed, and what becomes of the rows.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::{SignedDuration, Timestamp};
use legwork::clock::Clock;
use legwork::config;
use legwork::daemon::{Core, collect};
use legwork::domain::period::Period;
use legwork::domain::source::Feed;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::support::vendor::{Call, Reply, Vendor};
use crate::support::world::World;
use crate::support::{Legwork, files, root};

const HEADER: &str = "Account ID,UII,Session ID,ANI,DNIS,Call Type,Agent ID,Agent Login ID,Agent First Name,Agent Last Name,\
Agent Username,Product Type,Product ID,Product Name,Enqueue Dts,Dequeue Dts,Queue Duration,Start Dts,End Dts,Duration,\
Wrap Time,Dial Dts,Dial Duration,Hold Duration,Agent Wait Duration,Term Party,Term Reason,Agent Disposition,\
Segment Recording File Name,Segment Recording URL";

/// A leg of a call on a day, as the vendor writes it: an apostrophe, trailing blanks, a comma in quotes.
fn leg(day: &str, number: u32) -> String {
    format!(
        "99990001,'2026061008000000000000000000{number:02},2,6505550100,6505550101,INBOUND,111,222,Ann,O'Neil,ann@x.example,\
         Queue,7,Sales_US,{day} 08:00:00,{day} 08:00:05,00:00:05,{day} 08:00:10,{day} 08:01:40,00:01:30,00:00:20,\
         {day} 08:00:05,00:00:05,00:00:03,00:00:30,CALLER,HANGUP,\"Sold, {number}\",,   \r\n"
    )
}

pub fn golden(name: &str) -> Value {
    serde_json::from_slice(&fs::read(root().join("tests/golden/sources").join(name)).unwrap()).unwrap()
}

/// The vendor's sample of the session report, on the day that tests ask for.
fn sessions() -> String {
    let sample = fs::read_to_string(root().join("tests/golden/sources/sessions.csv")).unwrap();
    sample.replace("4/27/20", "6/10/26")
}

fn secret(legwork: &Legwork, name: &str) {
    let path = legwork.path(name);
    fs::write(&path, format!("pla-nt-ed-{name}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// A Legwork whose source `ringcx` is this vendor, logged in to by JWT.
pub fn ringcx(vendor: &Vendor, more: &str) -> Legwork {
    let url = vendor.url();
    let legwork = Legwork::new(&format!(
        "[source.ringcx]\nrates = [\"1000 per 1s\"]\nretry_after = \"0s\"\ntimeout = \"3s\"\n{more}\n\
         [source.ringcx.ringcentral]\naccount = \"99990001\"\nurl = \"{url}\"\nplatform_url = \"{url}\"\n\
         jwt = {{ file = \"jwt\" }}\nclient_id = \"app\"\nclient_secret = {{ file = \"app-secret\" }}\n"
    ));
    secret(&legwork, "jwt");
    secret(&legwork, "app-secret");
    legwork
}

/// The logins of RingCentral and RingCX; everything else by `data`.
pub fn with_login(data: impl Fn(&Call) -> Reply + Send + Sync + 'static) -> Vendor {
    let issued = AtomicUsize::new(0);
    Vendor::start(move |call| match call.path.split('?').next().unwrap() {
        "/restapi/oauth/token" => {
            assert!(call.headers["authorization"].starts_with("Basic "));
            assert!(call.body.contains("assertion=pla-nt-ed-jwt"), "{}", call.body);
            Reply::json(
                &json!({ "access_token": "rc-token", "expires_in": 7199, "refresh_token": "rc-refresh" }),
            )
        }
        "/api/auth/login/rc/accesstoken" | "/api/auth/token/refresh" => {
            let number = issued.fetch_add(1, Ordering::SeqCst) + 1;
            Reply::json(&json!({
                "accessToken": format!("cx-{number}"), "refreshToken": format!("re-{number}"), "tokenType": "Bearer",
            }))
        }
        _ => data(call),
    })
}

pub fn reports_job(kind: &str, rest: &str) -> String {
    format!(
        "[report]\ntype = \"{kind}\"\nsource = \"ringcx\"\ntime_zone = \"US/Arizona\"\n\
         period = {{ from = \"2026-06-10\", to = \"2026-06-11\" }}\n{rest}"
    )
}

#[test]
fn a_report_is_asked_for_with_the_bodies_of_the_vendors_guide() {
    let vendor = with_login(|call| {
        let session = call.body.contains("Agent_Session_Report_Raw");
        Reply::csv(if session { sessions() } else { format!("{HEADER}\r\n") })
    });
    let legwork = ringcx(&vendor, "");
    let filtered = "filters = { queues = [\"7\"], queue_groups = [\"8\"], agents = [\"111\"], accounts = [\"99990001\"] }\n";
    for (name, kind, filters) in [
        ("inbound", "inbound-agent-segment-metadata", ""),
        ("outbound", "outbound-agent-segment-metadata", ""),
        ("session", "agent-session-raw", ""),
        ("filtered", "inbound-agent-segment-metadata", filtered),
    ] {
        legwork.job(name, &reports_job(kind, filters));
        legwork.run(&["apply"]).ok();
        legwork.run(&["run", name]).ok();
        let calls = vendor.calls("/voice/api/v1/admin/accounts/99990001/reportsStreaming");
        let call = calls.last().unwrap();
        assert!(call.method == "POST" && call.headers["authorization"].starts_with("Bearer cx-"), "{call:?}");
        let mut asked = call.json();
        let criteria = asked["reportCriteria"].as_object_mut().unwrap();
        // Half-open, whichever way the vendor reads its end.
        assert_eq!(criteria["startTimestamp"], "2026-06-10 00:00:00");
        assert_eq!(criteria["endTimestamp"], "2026-06-10 23:59:59.9999");
        if name == "filtered" {
            assert_eq!(criteria["gateIds"], json!([7]));
            assert_eq!(criteria["gateGroupIds"], json!([8]));
            assert_eq!(criteria["agentIds"], json!([111]));
            assert_eq!(criteria["accountIds"], json!(["99990001"]));
            continue;
        }
        let mut example = golden(&format!("ringcentral-{name}.json"));
        for key in ["startTimestamp", "endTimestamp"] {
            criteria.remove(key);
            example["reportCriteria"].as_object_mut().unwrap().remove(key);
        }
        assert_eq!(asked, example, "{name}");
    }
    // One login for all four runs would need a daemon; each command logs in once.
    assert_eq!(vendor.calls("/restapi/oauth/token").len(), 4);
}

#[test]
fn the_vendors_bytes_are_the_artifact_and_other_formats_are_made_of_them() {
    let body = format!("{HEADER}\r\n{}{}", leg("06/10/2026", 1), leg("06/10/2026", 2));
    let sent = body.clone();
    let vendor = with_login(move |_| Reply::csv(sent.clone()));
    let legwork = ringcx(&vendor, "");
    legwork.job("plain", &reports_job("inbound-agent-segment-metadata", "[checks]\nrows = { min = 2 }\n"));
    legwork.job("lines", &reports_job("inbound-agent-segment-metadata", "[output]\nformat = \"jsonl\"\n"));
    legwork.run(&["apply"]).ok();
    legwork.run(&["run", "plain"]).ok();
    let made = |name: &str| {
        let path = legwork.ask(&format!(
            "select path from artifact join definition using (definition_id) where name = '{name}'"
        ));
        fs::read_to_string(legwork.path("state/artifacts").join(path)).unwrap()
    };
    assert_eq!(made("plain"), body);
    assert_eq!(legwork.ask("select rows from artifact"), "2");
    legwork.run(&["run", "lines"]).ok();
    let lines = made("lines");
    let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(lines.lines().count(), 2);
    assert_eq!(first["Agent Disposition"], "Sold, 1");
    // What was asked stands in the run's record, without a secret.
    assert_eq!(legwork.ask("select count(*) from source_request where run_id = 1"), "3");
    let why = legwork.run(&["why", "plain"]).ok();
    assert!(why.contains("as `ringcx` gave it, validated") && why.contains("3 requests"), "{why}");
}

#[test]
fn an_answer_that_is_no_report_never_becomes_an_empty_one() {
    let whole = format!("{HEADER}\r\n{}", leg("06/10/2026", 1));
    let wide = format!("{HEADER}\r\n{},one more\r\n", leg("06/10/2026", 1).trim_end());
    let refusal = json!({ "errorCode": "access.denied.exception", "generalMessage": "no" }).to_string();
    let cases: Vec<(&str, Reply, &str)> = vec![
        ("html", Reply::of(200, "text/html", "<html>app</html>"), "a web page"),
        ("hidden html", Reply::csv("<html>app</html>"), "begins with `<`"),
        ("json", Reply::csv("{\"error\":1}"), "begins with `{`"),
        ("nothing", Reply::csv(""), "not even a header"),
        ("no content", Reply::of(204, "text/csv", ""), "without the content"),
        ("not found", Reply::of(404, "application/json", "{}"), "404"),
        ("another header", Reply::csv("a,b,c\r\n"), "column 1 is `a` instead of `Account ID`"),
        ("a cell too many", Reply::csv(wide), "row 1: 31 cells under a header of 30"),
        (
            "another year",
            Reply::csv(whole.replace("06/10/2026", "06/10/2025")),
            "far from the period that was asked for",
        ),
        ("outbound", Reply::csv(whole.replace("INBOUND", "OUTBOUND")), "INBOUND was asked for"),
        ("open quote", Reply::csv(whole.replace(",,   \r\n", ",,\"open\r\n")), "never closed"),
        ("cut", Reply::csv(whole.clone()).cut(whole.len() - 10), "was cut"),
        ("forbidden", Reply::of(403, "application/json", refusal), "WFO_ACCESS"),
        ("broken", Reply::of(500, "text/plain", "oh"), "500"),
    ];
    for (name, reply, words) in cases {
        let vendor = with_login(move |_| reply.clone());
        let legwork = ringcx(&vendor, "");
        legwork.job("daily", &reports_job("inbound-agent-segment-metadata", "[run]\nretries = 0\n"));
        legwork.run(&["apply"]).ok();
        let said = legwork.run(&["run", "daily"]).fails(1);
        assert!(said.contains(words), "{name}: {said}");
        assert_eq!(legwork.ask("select count(*) from artifact"), "0", "{name}");
        let left = fs::read_dir(legwork.path("state/artifacts")).map_or(0, |files| {
            files.map(|run| fs::read_dir(run.unwrap().path()).unwrap().count()).sum::<usize>()
        });
        assert_eq!(left, 0, "{name}: nothing half-made stays");
        // Lasting refusals are not repeated, passing ones are.
        let asked = vendor.calls("reportsStreaming").len();
        assert_eq!(asked == 1, matches!(name, "html" | "not found" | "forbidden"), "{name}: {asked}");
    }
    let vendor = with_login(|_| Reply::csv(format!("\u{feff}{HEADER}\r\n")));
    let legwork = ringcx(&vendor, "");
    legwork.job("daily", &reports_job("inbound-agent-segment-metadata", ""));
    legwork.run(&["apply"]).ok();
    legwork.run(&["run", "daily"]).ok();
    assert_eq!(legwork.ask("select rows from artifact"), "0", "a header alone is a clean, empty answer");
}

#[test]
fn storms_of_refusals_and_cuts_are_outlived_and_an_expired_token_is_renewed_once() {
    let body = format!("{HEADER}\r\n{}", leg("06/10/2026", 1));
    let (sent, number) = (body.clone(), AtomicUsize::new(0));
    let vendor = with_login(move |call| match number.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::of(401, "text/plain", "Jwt is expired"),
        1 | 2 => Reply::of(429, "text/plain", "slow down").with("Retry-After", "0"),
        3 => Reply::of(503, "text/plain", "later")
            .with("Date", "Wed, 10 Jun 2026 08:00:00 GMT")
            .with("Retry-After", "Wed, 10 Jun 2026 07:59:00 GMT"),
        4 => Reply::csv(sent.clone()).cut(40),
        _ => {
            // The refresh replaced both tokens.
            assert_eq!(call.headers["authorization"], "Bearer cx-2");
            Reply::csv(sent.clone())
        }
    });
    let legwork = ringcx(&vendor, "");
    legwork.job("daily", &reports_job("inbound-agent-segment-metadata", ""));
    legwork.run(&["apply"]).ok();
    legwork.run(&["run", "daily"]).ok();
    assert_eq!(legwork.ask("select rows from artifact"), "1");
    assert_eq!(vendor.calls("reportsStreaming").len(), 6);
    let refreshed = vendor.calls("/token/refresh");
    assert_eq!(refreshed.len(), 1);
    assert!(refreshed[0].body.contains("refresh_token=re-1"), "{}", refreshed[0].body);
    assert_eq!(vendor.calls("/login/rc/accesstoken").len(), 1);
    assert_eq!(legwork.ask("select group_concat(distinct status) from source_request"), "200,401,429,503");
    // Nothing of a secret or a token is left anywhere.
    for name in files(&legwork.path("state")) {
        let Ok(bytes) = fs::read(legwork.path("state").join(&name)) else { continue };
        for word in ["pla-nt-ed", "rc-token", "rc-refresh", "cx-2", "re-1"] {
            assert!(!bytes.windows(word.len()).any(|found| found == word.as_bytes()), "{word} in {name}");
        }
    }
}

#[test]
fn a_pause_that_the_vendor_asks_for_outlives_the_process() {
    let vendor = with_login(|_| Reply::of(429, "text/plain", "slow down").with("Retry-After", "3600"));
    let legwork = ringcx(&vendor, "patience = \"5m\"\n");
    legwork.job("daily", &reports_job("inbound-agent-segment-metadata", ""));
    legwork.run(&["apply"]).ok();
    for words in ["slow down", "asked for a pause"] {
        let said = legwork.run(&["run", "daily"]).fails(1);
        assert!(said.contains(words) && said.contains("it may be asked again at"), "{said}");
    }
    assert_eq!(vendor.calls("reportsStreaming").len(), 1);
    let doctor = legwork.run(&["doctor"]);
    assert!(doctor.code == 1 && doctor.out.contains("the vendor asked for a pause"), "{doctor:?}");
}

/// A core over a config, in the test's own time.
fn core(legwork: &Legwork, at: &str) -> Arc<Core> {
    let config = config::load(Some(&legwork.path("legwork.toml"))).unwrap();
    drop(rustls::crypto::ring::default_provider().install_default());
    Arc::new(Core::open(config, Clock::settable(at.parse().unwrap())).unwrap())
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap()
}

#[test]
fn twenty_who_wait_are_served_by_one_login() {
    let vendor = with_login(|_| Reply::json(&json!([{ "accountId": 99_990_001, "accountName": "Main" }])));
    let legwork = ringcx(&vendor, "");
    let core = core(&legwork, "2026-06-10T12:00:00Z");
    runtime().block_on(async {
        let source = core.sources.get("ringcx").unwrap().clone();
        let greetings = (0..20).map(|_| {
            let (source, errand) = (source.clone(), core.sources.errand(&source, CancellationToken::new()));
            async move { source.greet(&errand).await }
        });
        for greeting in futures_util::future::join_all(greetings).await {
            assert!(greeting.unwrap().contains("99990001"));
        }
        // The five minutes are nearly over: the next one renews before they are.
        core.clock.set("2026-06-10T12:04:01Z".parse().unwrap());
        let errand = core.sources.errand(&source, CancellationToken::new());
        source.greet(&errand).await.unwrap();
        assert_eq!(source.login_ends(), Some("2026-06-10T12:09:01Z".parse().unwrap()));
    });
    assert_eq!(vendor.calls("/restapi/oauth/token").len(), 1);
    assert_eq!(vendor.calls("/login/rc/accesstoken").len(), 1);
    assert_eq!(vendor.calls("/token/refresh").len(), 1);
    assert_eq!(vendor.calls("/admin/accounts").len(), 21);
}

/// A config whose source `lp` is this vendor.
fn liveperson_config(vendor: &Vendor, more: &str) -> String {
    let url = vendor.url();
    format!(
        "[source.lp]\nrates = [\"1000 per 1s\"]\nretry_after = \"0s\"\ntimeout = \"3s\"\n\
         [source.lp.liveperson]\naccount = \"le1\"\nclient_id = \"app\"\nclient_secret = {{ file = \"app-secret\" }}\npage = 2\n\
         [source.lp.liveperson.hosts]\nsentinel = \"{url}\"\nagentActivityDomain = \"{url}\"\nleDataReporting = \"{url}\"\n\
         msgHist = \"{url}\"\n{more}"
    )
}

fn liveperson(vendor: &Vendor) -> Legwork {
    let legwork = Legwork::new(&liveperson_config(vendor, ""));
    secret(&legwork, "app-secret");
    legwork
}

fn token() -> Reply {
    Reply::json(&json!({ "access_token": "lp-token", "token_type": "Bearer" }))
}

fn handled(number: usize, minute: usize) -> Value {
    json!({
        "segmentId": format!("s{number}"), "conversationId": format!("c{number}"), "agentId": 12, "employeeId": "E12",
        "skillId": 7, "groupId": 9, "startTime": "2026-06-10T08:00:00.84Z",
        "endTime": format!("2026-06-10T10:{minute:02}:00.5+02:00"), "EndReason": "closedByConsumer",
        "totalHandleTimeMillis": 60_000,
    })
}

const SOON: &str = "2026-06-10T12:00:00Z";

fn fetch(core: &Arc<Core>, name: &str, feed: Feed, from: &str, to: &str) -> Result<usize, String> {
    let source = core.sources.get(name).unwrap().clone();
    let errand = core.sources.errand(&source, CancellationToken::new());
    let span = Period { start: from.parse().unwrap(), end: to.parse().unwrap() };
    let mut count = 0;
    let mut sink = |records: Vec<_>| {
        count += records.len();
        Ok(())
    };
    let fetched = runtime().block_on(source.fetch(&errand, feed, span, &mut sink));
    fetched.map(|()| count).map_err(|error| error.to_string())
}

#[test]
fn handle_times_are_paged_over_shifting_pages_and_read_in_both_shapes() {
    // A row arrives while the pages are turned: the newest stands first, so that a row comes twice and none is lost.
    let asked = AtomicUsize::new(0);
    let vendor = Vendor::start(move |call| {
        if call.path.contains("/app/token") {
            assert!(call.body.contains("grant_type=client_credentials"), "{}", call.body);
            return token();
        }
        assert_eq!(call.headers["authorization"], "Bearer lp-token");
        assert_eq!(call.query("source").as_deref(), Some("legwork"));
        let number = asked.fetch_add(1, Ordering::SeqCst);
        let rows: Vec<usize> = if number == 0 { (1..=5).rev().collect() } else { (1..=6).rev().collect() };
        let offset: usize = call.query("offset").unwrap().parse().unwrap();
        let page: Vec<Value> = rows.iter().skip(offset).take(2).map(|row| handled(*row, *row)).collect();
        Reply::json(&json!({ "timeframe": {}, "segments": page, "pagination": { "count": rows.len() } }))
    });
    let legwork = liveperson(&vendor);
    legwork.job(
        "handled",
        "[report]\ntype = \"agent-segments\"\nsource = \"lp\"\ntime_zone = \"UTC\"\nperiod = \"last 30 days\"\n",
    );
    let core = core(&legwork, SOON);
    runtime().block_on(async {
        let source = core.sources.get("lp").unwrap().clone();
        let collect = config::Collect {
            feed: Feed::HandleTime,
            every: SignedDuration::from_hours(1),
            trail: SignedDuration::from_hours(24),
            from: Some("2026-06-10T00:00:00Z".parse().unwrap()),
        };
        collect::pass(&core, &source, &collect, CancellationToken::new()).await.unwrap();
    });
    let found =
        legwork.ask("select group_concat(record_id) from (select record_id from segment order by record_id)");
    assert_eq!(found, "s1,s2,s3,s4,s5,s6");
    assert_eq!(legwork.ask("select handle_ms from segment where record_id = 's3'"), "60000");
    assert_eq!(legwork.ask("select employee_id from agent"), "E12");
    // 10:03 at +02:00.
    let end: Timestamp = "2026-06-10T08:03:00.5Z".parse().unwrap();
    assert_eq!(
        legwork.ask("select end_at from segment where record_id = 's3'"),
        end.as_millisecond().to_string()
    );

    // The sample of the vendor's older page: no pagination, epochs in seconds that match no text.
    let vendor = Vendor::start(|call| {
        if call.path.contains("/app/token") { token() } else { Reply::json(&golden("handle-time.json")) }
    });
    let legwork = liveperson(&vendor);
    let config = fs::read_to_string(legwork.path("legwork.toml")).unwrap().replace("page = 2", "page = 100");
    fs::write(legwork.path("legwork.toml"), config).unwrap();
    let core = self::core(&legwork, "2021-11-22T13:00:00Z");
    let count = fetch(&core, "lp", Feed::HandleTime, "2021-11-21T12:00:00Z", "2021-11-22T12:00:00Z").unwrap();
    assert_eq!(count, 4, "two segments and their people");
    assert_eq!(vendor.calls("agent-segments").len(), 1);

    // Pages that never add up to their count are no answer.
    let vendor = Vendor::start(|call| {
        if call.path.contains("/app/token") {
            return token();
        }
        let first = call.query("offset").as_deref() == Some("0");
        let page = if first { vec![handled(1, 1), handled(2, 2)] } else { Vec::new() };
        Reply::json(&json!({ "segments": page, "pagination": { "count": 3 } }))
    });
    let legwork = liveperson(&vendor);
    let core = self::core(&legwork, SOON);
    let said =
        fetch(&core, "lp", Feed::HandleTime, "2026-06-10T08:00:00Z", "2026-06-10T09:00:00Z").unwrap_err();
    assert!(said.contains("counts 3 segments") && said.contains("gives 2"), "{said}");
}

#[test]
fn metrics_pass_through_as_the_vendors_document_and_flat() {
    let vendor = Vendor::start(|call| {
        if call.path.contains("/app/token") {
            return token();
        }
        Reply::json(&golden(if call.query("interval").is_some() {
            "operations-3.json"
        } else {
            "operations-1.json"
        }))
    });
    let legwork = liveperson(&vendor);
    let job = |rest: &str| {
        format!(
            "[report]\ntype = \"messaging-agent-segments\"\nsource = \"lp\"\ntime_zone = \"UTC\"\nperiod = \"last 60 minutes\"\n{rest}"
        )
    };
    legwork.job("whole", &job("filters = { agents = [\"12\", \"13\"] }\n[output]\nformat = \"json\"\n"));
    legwork.job("flat", &job("interval = \"5m\"\n"));
    legwork.run(&["apply"]).ok();
    legwork.run(&["run", "whole"]).ok();
    let call = vendor.calls("msgagentsegments").pop().unwrap();
    assert!(
        call.path
            .starts_with("/operations/api/account/le1/msgagentsegments?timeframe=60&v=1&agentIds=12%2C13"),
        "{}",
        call.path
    );
    let path = |id: u32| {
        legwork
            .path("state/artifacts")
            .join(legwork.ask(&format!("select path from artifact where run_id = {id}")))
    };
    let kept: Value = serde_json::from_slice(&fs::read(path(1)).unwrap()).unwrap();
    assert_eq!(kept, golden("operations-1.json"));
    legwork.run(&["run", "flat"]).ok();
    let text = fs::read_to_string(path(2)).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("interval,skillId,agentId,totalAgentConversationSegments,"), "{text}");
    assert_eq!(lines.len(), 5, "two agents in two intervals: {text}");
    assert!(lines[1].contains(",,12,3,"), "{text}");
    // The vendor counts back from now: an hour ago is another hour's metrics.
    let said = legwork.run(&["run", "flat", "--period", "2026-06-10T08:00Z..2026-06-10T09:00Z"]).fails(1);
    assert!(said.contains("counts back from now"), "{said}");
    assert_eq!(vendor.calls("msgagentsegments").len(), 2, "it is not even asked");
    // A longer period is refused when the job is checked.
    legwork.job("long", &job("").replace("last 60 minutes", "last 2 days"));
    let said = legwork.run(&["check"]).fails(2);
    assert!(said.contains("the last 24 hours only"), "{said}");
}

#[test]
fn conversations_become_segments_whose_metrics_the_store_counts() {
    let at = |second: i64| 1_781_078_400_000 + second * 1_000;
    let vendor = Vendor::start(move |call| {
        if call.path.contains("/app/token") {
            return token();
        }
        assert_eq!(call.json()["latestUpdateTime"]["from"], json!(at(-1_800)));
        let message = |id: &str, second: i64, by: &str, agent: Value| json!({ "messageId": id, "timeL": at(second), "seq": 0, "dialogId": "c1", "participantId": agent, "sentBy": by, "audience": "ALL" });
        Reply::json(&json!({
            "_metadata": { "count": 1 },
            "conversationHistoryRecords": [{
                "info": { "conversationId": "c1", "startTimeL": at(0), "conversationEndTimeL": at(100),
                          "closeReason": "CONSUMER", "source": "APP", "latestSkillId": 8 },
                "agentParticipants": [
                    { "agentId": "12", "agentFullName": "Ann", "userType": 1, "permission": "ASSIGNED_AGENT", "timeL": at(10), "agentGroupId": 9 },
                    { "agentId": "13", "agentFullName": "Bob", "userType": 1, "permission": "ASSIGNED_AGENT", "timeL": at(50), "agentGroupId": 9 },
                ],
                "transfers": [{ "timeL": at(40), "reason": "Skill", "sourceSkillId": 7, "targetSkillId": 8 }],
                "messageRecords": [
                    message("m1", 1, "Consumer", json!("u")), message("m2", 14, "Agent", json!("12")),
                    message("m3", 20, "Consumer", json!("u")), message("m4", 58, "Agent", json!("13")),
                ],
            }],
        }))
    });
    let legwork = liveperson(&vendor);
    let core = core(&legwork, "2026-06-10T12:00:00Z");
    runtime().block_on(async {
        let source = core.sources.get("lp").unwrap().clone();
        let collect = config::Collect {
            feed: Feed::MessagingInteractions,
            every: SignedDuration::from_hours(1),
            trail: SignedDuration::ZERO,
            from: Some(Timestamp::from_millisecond(at(-1_800)).unwrap()),
        };
        collect::pass(&core, &source, &collect, CancellationToken::new()).await.unwrap();
    });
    let rows = legwork.ask(
        "select group_concat(agent || ' ' || skill || ' ' || (start_at / 1000 - 1781078400) || '..' || (end_at / 1000 - 1781078400), ' | ')
         from (select a.record_id as agent, t.text as skill, s.start_at, s.end_at from segment s
               join agent a using (agent_id) join term t on t.term_id = s.skill_id order by s.start_at)",
    );
    assert_eq!(rows, "12 7 10..40 | 13 8 50..100");
    legwork.job(
        "metrics",
        "[report]\ntype = \"messaging-agent-segments\"\ntime_zone = \"UTC\"\nperiod = { from = \"2026-06-10\", to = \"2026-06-11\" }\n",
    );
    legwork.run(&["apply"]).ok();
    legwork.run(&["run", "metrics"]).ok();
    let path = legwork.path("state/artifacts").join(legwork.ask("select path from artifact"));
    let text = fs::read_to_string(path).unwrap();
    // 12: new, first message after 4 s; 13: after transfer, 8 s.
    assert!(
        text.lines().any(|line| line.contains(",12,1,1,30000,") && line.contains(",4000,-1,4000,")),
        "{text}"
    );
    assert!(
        text.lines().any(|line| line.contains(",13,1,1,50000,") && line.contains(",8000,8000,-1,")),
        "{text}"
    );
}

/// Answers each window with one segment; refuses while the switch is 1.
fn metadata_vendor() -> (Vendor, Arc<AtomicUsize>) {
    let down = Arc::new(AtomicUsize::new(0));
    let broken = down.clone();
    let vendor = with_login(move |call| {
        if !call.path.contains("interaction-metadata") {
            return Reply::of(404, "text/plain", "");
        }
        if broken.load(Ordering::SeqCst) == 1 {
            return Reply::of(500, "text/plain", "down");
        }
        let start = call.json()["segmentEndTime"].as_str().unwrap().replace(' ', "T");
        Reply::json(&json!([{
            "segmentId": format!("seg-{start}"), "interactionId": format!("int-{start}"), "channelClass": "VOICE",
            "channelType": "Voice", "dialogOrigination": "INBOUND", "segmentType": "AGENT", "segmentParticipantId": 12,
            "segmentStartTimeMs": format!("{start}Z"), "segmentEndTimeMs": format!("{start}.500Z"),
            "dialogEndTimeMs": format!("{start}.500Z"), "agentDisposition": null,
        }]))
    });
    (vendor, down)
}

#[test]
fn a_week_is_collected_piece_by_piece_once_each_over_an_outage_and_a_change_of_the_clocks() {
    let (vendor, down) = metadata_vendor();
    let legwork = ringcx(&vendor, "");
    let config = fs::read_to_string(legwork.path("legwork.toml")).unwrap();
    fs::write(
        legwork.path("legwork.toml"),
        config.replace("account = \"99990001\"", "account = \"99990001\"\nrc_account = \"4711\""),
    )
    .unwrap();
    // New York leaves daylight saving time on 1 November 2026.
    let core = core(&legwork, "2026-11-05T00:15:00Z");
    let collect = config::Collect {
        feed: Feed::InteractionMetadata,
        every: SignedDuration::from_hours(1),
        trail: SignedDuration::ZERO,
        from: Some("2026-10-29T00:00:00Z".parse().unwrap()),
    };
    let source = core.sources.get("ringcx").unwrap().clone();
    let pass = |runtime: &tokio::runtime::Runtime| {
        runtime.block_on(collect::pass(&core, &source, &collect, CancellationToken::new()))
    };
    let runtime = runtime();
    pass(&runtime).unwrap();
    let windows = || -> Vec<String> {
        let calls = vendor.calls("interaction-metadata");
        calls.iter().map(|call| call.json()["segmentEndTime"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(windows().len(), 56, "seven days of three hours");
    let mut once = windows();
    once.dedup();
    assert_eq!(once.len(), 56);
    let call = vendor.calls("interaction-metadata").remove(0);
    assert_eq!(
        call.json(),
        json!({ "segmentEndTime": "2026-10-29 00:00:00", "timeInterval": 10_800, "timeZone": "UTC" })
    );
    assert!(call.path.starts_with("/voice/api/cx/integration/v1/accounts/4711/sub-accounts/99990001/"));
    assert_eq!(legwork.ask("select count(*) from segment"), "56");
    // An hour's outage: two passes fail, and the third goes on where the last good one ended.
    down.store(1, Ordering::SeqCst);
    for minute in [15, 45] {
        core.clock.set(format!("2026-11-05T01:{minute}:00Z").parse().unwrap());
        assert!(pass(&runtime).is_err());
    }
    down.store(0, Ordering::SeqCst);
    let before = windows().len();
    core.clock.set("2026-11-05T02:15:00Z".parse().unwrap());
    pass(&runtime).unwrap();
    assert_eq!(&windows()[before..], ["2026-11-05 00:00:00"]);
    assert_eq!(legwork.ask("select count(*) from segment"), "57");
    let covered = legwork.ask("select group_concat(from_at || '..' || to_at) from coverage");
    let (from, to): (Timestamp, Timestamp) =
        ("2026-10-29T00:00:00Z".parse().unwrap(), "2026-11-05T02:00:00Z".parse().unwrap());
    assert_eq!(
        covered,
        format!("{}..{}", from.as_millisecond(), to.as_millisecond()),
        "one span without a gap"
    );
    assert!(legwork.run(&["sources"]).ok().contains("2026-11-05T02:00:00Z"));
}

#[test]
fn a_command_collects_a_span_and_the_rows_make_the_segment_report() {
    let vendor = with_login(|call| {
        // Asked for with a margin before it: the day comes in two pieces, and the calls are in the first.
        let early = call.json()["reportCriteria"]["startTimestamp"] == "2026-06-09 20:00:00";
        let inbound = early && call.body.contains("Inbound_");
        let rows = if inbound { leg("06/10/2026", 1) + &leg("06/10/2026", 2) } else { String::new() };
        Reply::csv(format!("{HEADER}\r\n{rows}"))
    });
    let legwork = ringcx(&vendor, "");
    let span = ["--from", "2026-06-10T00:00Z", "--to", "2026-06-11T00:00Z"];
    let said = legwork.run(&[&["collect", "ringcx"], &span[..]].concat()).ok();
    assert!(said.contains("2 records"), "{said}");
    legwork.run(&[&["collect", "ringcx"], &span[..]].concat()).ok();
    assert_eq!(legwork.ask("select count(*) from segment"), "2", "the same legs are the same rows");
    legwork.job(
        "legs",
        "[report]\ntype = \"inbound-agent-segment-metadata\"\ntime_zone = \"UTC\"\nperiod = { from = \"2026-06-10\", to = \"2026-06-11\" }\n",
    );
    legwork.run(&["apply"]).ok();
    legwork.run(&["run", "legs"]).ok();
    let path = legwork.path("state/artifacts").join(legwork.ask("select path from artifact"));
    let made = fs::read_to_string(path).unwrap();
    let mut reader = csv::Reader::from_reader(made.as_bytes());
    let theirs = format!("{HEADER}\r\n{}", leg("06/10/2026", 1));
    let mut vendors = csv::Reader::from_reader(theirs.as_bytes());
    let (ours, theirs) =
        (reader.records().next().unwrap().unwrap(), vendors.records().next().unwrap().unwrap());
    for (at, name) in HEADER.split(',').enumerate() {
        assert_eq!(ours[at].trim(), theirs[at].trim(), "{name}");
    }
    let sources = legwork.run(&["sources"]).ok();
    assert!(sources.contains("ringcx") && sources.contains("ringcentral"), "{sources}");
    legwork.run(&["collect", "nobody"]).fails(3);
}

#[test]
fn metrics_that_the_vendor_forgets_are_kept_and_a_gap_is_no_quiet_time() {
    let vendor = Vendor::start(|call| {
        if call.path.contains("/app/token") { token() } else { Reply::json(&golden("operations-2.json")) }
    });
    let config =
        liveperson_config(&vendor, "[source.lp.collect]\nfeed = \"messaging-operations\"\nevery = \"30m\"\n");
    let mut world = World::new(&config, "2026-06-10T11:59:00Z");
    secret(&world.legwork, "app-secret");
    let job = |from: &str, to: &str| {
        format!(
            "[report]\ntype = \"messaging-agent-segments\"\nsource = \"lp\"\ntime_zone = \"UTC\"\n\
             period = {{ from = \"{from}\", to = \"{to}\" }}\n"
        )
    };
    world.legwork.job("whole", &job("2026-06-10T12:00", "2026-06-10T13:00"));
    world.legwork.job("gap", &job("2026-06-10T12:00", "2026-06-10T13:30"));
    world.start();
    for instant in ["12:30:00", "13:00:00"] {
        // Just before the boundary nothing is asked; at it the interval that has ended is.
        world.clock.set(format!("2026-06-10T{instant}Z").parse().unwrap());
        let count = if instant == "12:30:00" { "1" } else { "2" };
        world.until("select count(*) from kept_metrics", count);
    }
    world.crash();
    let legwork = &world.legwork;
    assert_eq!(legwork.ask("select group_concat(minutes) from kept_metrics"), "30,30");
    assert_eq!(vendor.calls("msgagentsegments?timeframe=30&v=1&agentIds=all&skillIds=all").len(), 2);
    legwork.run(&["apply"]).ok();
    legwork.run(&["run", "whole"]).ok();
    let path = legwork.path("state/artifacts").join(legwork.ask("select path from artifact"));
    let text = fs::read_to_string(path).unwrap();
    let starts: Vec<&str> = text.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(
        starts,
        ["2026-06-10 12:00:00", "2026-06-10 12:00:00", "2026-06-10 12:30:00", "2026-06-10 12:30:00"]
    );
    let said = legwork.run(&["run", "gap"]).fails(1);
    assert!(said.contains("no metrics were collected from 2026-06-10 13:00:00"), "{said}");
}

#[test]
fn xml_is_asked_for_where_the_vendor_offers_it_and_made_here_where_it_answers_otherwise() {
    // Its shape is published nowhere: rows of as many fields as the report has columns.
    let xml = format!("<report>\n<row>{}</row>\n<row{}/>\n</report>\n", "<a>1</a>".repeat(39), fields());
    for (answer, rows, begins) in
        [(Reply::of(200, "text/xml", xml.clone()), "2", xml.as_str()), (Reply::csv(sessions()), "1", "<?xml")]
    {
        let vendor = with_login(move |_| answer.clone());
        let legwork = ringcx(&vendor, "");
        legwork.job("sessions", &reports_job("agent-session-raw", "[output]\nformat = \"xml\"\n"));
        legwork.run(&["apply"]).ok();
        legwork.run(&["run", "sessions"]).ok();
        assert_eq!(vendor.calls("reportsStreaming")[0].json()["reportCriteria"]["returnType"], "XML");
        assert_eq!(legwork.ask("select rows from artifact"), rows);
        let path = legwork.path("state/artifacts").join(legwork.ask("select path from artifact"));
        let made = fs::read_to_string(path).unwrap();
        assert!(made.starts_with(begins), "{made}");
    }
    // Longer than what a row may have, and whole.
    let rows = format!("<row{}/>\n", fields()).repeat(20_000);
    let vendor = with_login(move |_| Reply::of(200, "text/xml", format!("<report>\n{rows}</report>\n")));
    let legwork = ringcx(&vendor, "");
    legwork.job("sessions", &reports_job("agent-session-raw", "[output]\nformat = \"xml\"\n"));
    legwork.run(&["apply"]).ok();
    legwork.run(&["run", "sessions"]).ok();
    assert_eq!(legwork.ask("select rows from artifact"), "20000");
    assert_eq!(vendor.calls("reportsStreaming").len(), 1);
    // An error in XML, rows of another width, a row that is not closed: the same is asked for as text.
    for broken in
        ["<Error><Message>no</Message></Error>", "<report><row><a/></row></report>", "<report><row></report>"]
    {
        let vendor = with_login(move |call| {
            if call.json()["reportCriteria"]["returnType"] == "XML" {
                return Reply::of(200, "text/xml", broken);
            }
            Reply::csv(sessions())
        });
        let legwork = ringcx(&vendor, "");
        legwork.job("sessions", &reports_job("agent-session-raw", "[output]\nformat = \"xml\"\n"));
        legwork.run(&["apply"]).ok();
        legwork.run(&["run", "sessions"]).ok();
        assert_eq!(legwork.ask("select rows from artifact"), "1", "{broken}");
        assert_eq!(vendor.calls("reportsStreaming").len(), 2, "{broken}");
    }
}

/// Attributes, as many as the session report has columns.
fn fields() -> String {
    use std::fmt::Write;
    (0..39).fold(String::new(), |mut text, at| {
        write!(text, " a{at}=\"1\"").unwrap();
        text
    })
}

/// A session of Kore.ai that began at a second of the day.
fn session(number: usize) -> Value {
    json!({
        "sessionId": format!("s{number}"), "conversationId": format!("c{number}"), "channel": "voice", "Direction": "Inbound",
        "sessionStartTime": "2026-06-10 07:40:30", "sessionEndTime": "2026-06-10T07:50:00.000Z", "smartStatus": "CLOSED",
        "reason": "Resolved", "disconnectingEvent": "Agent Hangup", "dispositions": [{ "name": "Sold" }],
        "customerinfo": { "CustomerPhone": "+1650", "CustomerFirstName": "Jo", "CustomerLastName": "Do" },
        "destinations": [
            { "destinationType": "QueueEntry", "queueId": "q1", "queueName": "Sales", "EnterTime": "2026-06-10 07:40:36",
              "respondingAgent": { "agentId": "a1", "name": "Ann", "email": "ann@x.example", "acceptedTime": "2026-06-10 07:41:00",
                                   "interactionEndTime": "2026-06-10 07:45:00", "interactionDuration": 241, "firstResponseDuration": 5,
                                   "JoinedUsers": [{ "email": "lead@x.example" }] } },
            { "destinationType": "QueueEntry", "queueId": "q2", "queueName": "Support", "EnterTime": "2026-06-10 07:45:10" },
        ],
    })
}

#[test]
fn windows_that_overflow_the_vendors_pages_are_cut_in_two() {
    let vendor = Vendor::start(|call| {
        if call.path.contains("/conversations/") {
            return Reply::json(&json!({ "transferDetails": [{
                "transferredAt": "2026-06-10T07:45:09.800Z", "transferredByAgentName": "Ann", "systemTransfer": false,
                "transferredType": "queue" }] }));
        }
        let body = call.json();
        let second = |key: &str| -> i64 {
            let at: jiff::civil::DateTime = body[key].as_str().unwrap().replace(' ', "T").parse().unwrap();
            at.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp().as_second()
        };
        let (from, to) = (second("startDate"), second("endDate"));
        // A session a second from 07:40 to 08:00: the hour has more than eleven pages of a hundred.
        let hour = 1_781_074_800;
        let (from, to) = (from.max(hour + 2_400), to.min(hour + 3_600));
        let page: i64 = call.query("offset").unwrap().parse().unwrap();
        assert!((0..=10).contains(&page), "page {page} does not exist");
        let sessions: Vec<Value> = (from + page * 100..to.min(from + (page + 1) * 100))
            .map(|at| session(usize::try_from(at).unwrap()))
            .collect();
        Reply::json(&json!({ "numResults": sessions.len(), "data": sessions }))
    });
    let legwork = Legwork::new(&format!(
        "[source.kore]\nrates = [\"100000 per 1s\"]\n[source.kore.koreai]\nurl = \"{}\"\naccount = \"k1\"\napp = \"st-1\"\nclient_id = \"cs-1\"\n\
         client_secret = {{ file = \"kore\" }}\n",
        vendor.url()
    ));
    secret(&legwork, "kore");
    let core = core(&legwork, SOON);
    let count =
        fetch(&core, "kore", Feed::InteractionDetails, "2026-06-10T07:00:00Z", "2026-06-10T08:00:00Z")
            .unwrap();
    assert_eq!(count, 2_400, "two rows a session, each session once");
    let call = vendor.calls("interactionDetails").remove(0);
    assert_eq!(call.headers["accountid"], "k1");
    assert_eq!(call.headers["iid"], "st-1");
    assert_eq!(call.headers["auth"].split('.').count(), 3);
    assert_eq!(call.json()["timeZoneOffset"], 0);
    // A report over the source fetches its period and has its rows only.
    legwork.import(&crate::support::segment("other", "2026-06-10T07:41:00Z"));
    legwork.job(
        "details",
        "[report]\ntype = \"interaction-details-by-segment\"\nsource = \"kore\"\ntime_zone = \"UTC\"\n\
         period = { from = \"2026-06-10T07:41\", to = \"2026-06-10T07:46\" }\n",
    );
    let config = fs::read_to_string(legwork.path("legwork.toml")).unwrap();
    fs::write(legwork.path("legwork.toml"), config + "transfers = true\n").unwrap();
    legwork.run(&["apply"]).ok();
    legwork.run(&["run", "details"]).ok();
    let path = legwork.path("state/artifacts").join(legwork.ask("select path from artifact"));
    let text = fs::read_to_string(path).unwrap();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let cell = |row: &csv::StringRecord, name: &str| {
        row[header.iter().position(|known| known == name).unwrap()].to_owned()
    };
    assert!(!rows.is_empty() && rows.iter().all(|row| cell(row, "Session ID") != "cc-other"));
    let last = &rows[0];
    assert_eq!(cell(last, "Queue Name"), "Support");
    assert_eq!(cell(last, "Transferred In By"), "Ann");
    assert_eq!(cell(last, "Status"), "CLOSED");
    assert_eq!(cell(last, "Agent Name"), "");
}

#[test]
fn what_cannot_be_asked_of_a_source_is_found_when_the_job_is_checked() {
    let vendor = with_login(|_| Reply::csv(""));
    let legwork = ringcx(&vendor, "");
    for (name, job, words) in [
        (
            "nobody",
            reports_job("agent-session-raw", "").replace("ringcx", "ringcy"),
            "did you mean `ringcx`?",
        ),
        ("details", reports_job("interaction-details-by-segment", ""), "does not make"),
        (
            "columns",
            reports_job("inbound-agent-segment-metadata", "columns = \"fields\"\n"),
            "cannot be asked",
        ),
        (
            "names",
            reports_job("inbound-agent-segment-metadata", "filters = { queues = [\"Sales\"] }\n"),
            "by id",
        ),
        (
            "channels",
            reports_job("inbound-agent-segment-metadata", "filters = { channels = [\"A\"] }\n"),
            "cannot be asked",
        ),
        ("fresh", reports_job("agent-session-raw", "[checks]\nfresh = \"2h\"\n"), "cannot be checked"),
        (
            "bom",
            reports_job("inbound-agent-segment-metadata", "[output]\ncsv = { bom = true }\n"),
            "bytes stay",
        ),
    ] {
        legwork.job("daily", &job);
        let said = legwork.run(&["check"]).fails(2);
        assert!(said.contains(words), "{name}: {said}");
    }
    let collects = Legwork::new(&liveperson_config(
        &vendor,
        "[source.lp.collect]\nfeed = \"messaging-interactions\"\nevery = \"1h\"\n",
    ));
    secret(&collects, "app-secret");
    collects.job("daily", &reports_job("agent-segments", "").replace("ringcx", "lp"));
    let said = collects.run(&["check"]).fails(2);
    assert!(said.contains("collects messaging-interactions and this report needs handle-time"), "{said}");
    for (more, words) in [
        ("[source.\"../x\"]\n[source.\"../x\".koreai]\naccount=\"a\"\n", "is no name"),
        ("[source.two]\n", "not one vendor's"),
        (
            "[source.x]\n[source.x.koreai]\naccount=\"a\"\napp=\"b\"\nclient_id=\"c\"\nclient_secret={}\n",
            "secret",
        ),
        ("[source.y.ringcentral]\naccount = \"1\"\n", "exactly one way to log in"),
        ("[source.store.collect]\nevery = \"15m\"\n", "collects nothing"),
        ("[source.store]\nrates = [\"often\"]\n", "no rate"),
    ] {
        let other = Legwork::new(more);
        let said = other.run(&["check"]).fails(2);
        assert!(said.contains(words), "{more}: {said}");
    }
}

#[test]
fn collecting_more_often_than_the_rates_allow_is_found_when_the_config_is_checked() {
    let vendor = with_login(|_| Reply::csv(""));
    // Fifteen requests in fifteen minutes of an account that answers nine; and 25 pieces each quarter of an hour.
    for (feed, every, cure) in [
        ("interaction-metadata", "1m", "use \"2m\""),
        ("interaction-metadata\"\ntrail = \"72h", "15m", "use \"45m\""),
    ] {
        let collect = format!("[source.ringcx.collect]\nfeed = \"{feed}\"\nevery = \"{every}\"");
        let often = ringcx(&vendor, &collect);
        let config = fs::read_to_string(often.path("legwork.toml")).unwrap();
        let own = "rates = [\"1000 per 1s\"]";
        assert!(config.contains(own));
        fs::write(often.path("legwork.toml"), config.replace(own, "rates = [\"9 per 15m\"]")).unwrap();
        let said = often.run(&["check"]).fails(2);
        assert!(said.contains("9 per 15m allows fewer") && said.contains(cure), "{said}");
    }
}

#[test]
fn a_command_that_follows_notices_that_its_daemon_has_ended() {
    let vendor = with_login(|_| {
        loop {
            std::thread::park();
        }
    });
    let legwork = ringcx(&vendor, "");
    legwork.job("stuck", &reports_job("agent-session-raw", ""));
    legwork.run(&["apply"]).ok();
    let daemon = legwork.serve();
    let following = legwork.command(&["run", "stuck"]).stderr(Stdio::piped()).spawn().unwrap();
    legwork.wait_until("select count(*) from run where state = 'running'", "1");
    daemon.kill();
    let ended = following.wait_with_output().unwrap();
    let told = String::from_utf8(ended.stderr).unwrap();
    assert!(ended.status.code() == Some(75) && told.contains("goes on at its next start"), "{told}");
}
