//! The vendors' endpoints as integrators' scripts call them: with curl, with the bodies of the vendors' own pages.

use std::fs;
use std::process::Command;

use crate::support::web::Site;
use crate::support::{python, root, segment};

/// One voice leg of an agent, in a queue with an id.
fn leg(id: &str, at: &str, end: &str) -> String {
    format!(
        "{{\"kind\":\"interaction\",\"id\":\"cc-{id}\",\"account\":\"99990001\",\"direction\":\"Inbound\",\"channel\":\"Voice\",\
         \"channel_type\":\"voice\",\"uii\":\"2026{id}\",\"ani\":\"5550100\",\"dnis\":\"8005550100\",\"interaction_end\":\"{end}\"}}\n\
         {{\"kind\":\"segment\",\"id\":\"{id}\",\"account\":\"99990001\",\"interaction_id\":\"cc-{id}\",\"leg\":2,\
         \"queue_name\":\"=Sales\",\"queue_id\":\"3001\",\"agent_id\":\"7\",\"agent_name\":\"Jane Doe\",\
         \"start\":\"{at}\",\"end\":\"{end}\",\"end_reason\":\"closed_by_agent\"}}\n"
    )
}

fn body(name: &str) -> String {
    fs::read_to_string(root().join("tests/golden/endpoints").join(name)).unwrap()
}

/// What curl prints, with the status behind it.
fn curl(site: &Site, path: &str, arguments: &[&str]) -> String {
    let url = format!("http://127.0.0.1:{}{path}", site.port);
    let output =
        Command::new("curl").args(["-sS", "-w", "\n%{http_code}", &url]).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn streaming(site: &Site, account: &str, body: &str) -> String {
    curl(
        site,
        &format!("/api/v1/admin/accounts/{account}/reportsStreaming"),
        &[
            "-H",
            "Authorization: bearer <myAccessToken>",
            "-H",
            "Content-Type: application/json;charset=UTF-8",
            "--data-binary",
            body,
        ],
    )
}

/// Today and the day before it, in UTC: what is served reaches a month back from the real clock.
fn days() -> (String, String) {
    let now = legwork::clock::Clock::System.now();
    let day = |at: jiff::Timestamp| at.strftime("%Y-%m-%d").to_string();
    (day(now - jiff::SignedDuration::from_hours(24)), day(now))
}

/// Rows between header and status.
fn rows(answer: &str) -> usize {
    answer.lines().filter(|line| line.contains("99990001")).count()
}

fn site(config: &str) -> Site {
    // Of US/Arizona's August 2020: inside the page's window, and at its very end.
    let records = leg("s1", "2020-08-02T07:00:00Z", "2020-08-02T07:05:00Z")
        + &leg("s2", "2020-08-27T06:59:00Z", "2020-08-27T07:00:00Z");
    Site::with_data(config, &records)
}

#[test]
fn the_bodies_of_the_vendors_pages_get_the_true_columns() {
    let site = site("");
    let answer = streaming(&site, "99990001", &body("inbound.json"));
    let lines: Vec<&str> = answer.lines().collect();
    assert!(lines[0].starts_with("Account ID,UII,Session ID,ANI,DNIS,Call Type,Agent ID"), "{answer}");
    assert_eq!(lines[0].split(',').count(), 30);
    assert_eq!(rows(&answer), 1, "the end is exclusive: {answer}");
    // Off here: an apostrophe more than the vendor's own would be a wrong value for a program.
    assert!(lines[1].contains(",=Sales,") && lines[1].contains("'2026s1"), "{answer}");
    assert!(answer.ends_with("\n200"), "{answer}");
    let answer = streaming(&site, "99990001", &body("outbound.json"));
    assert!(answer.starts_with("Account ID,") && rows(&answer) == 0 && answer.ends_with("\n200"), "{answer}");
    // Without timestamps: today so far.
    let answer = streaming(&site, "99990001", &body("sessions.json"));
    assert!(answer.starts_with("Agent ID,Last Name,First Name,Username"), "{answer}");
    assert_eq!(answer.lines().next().unwrap().split(',').count(), 39);
    assert!(answer.ends_with("\n200"), "{answer}");
    assert_eq!(site.legwork.ask("select count(*) from occurrence"), "0", "an immediate call is no run");
    assert_eq!(site.legwork.ask("select count(*) from artifact"), "0");
    assert_eq!(site.legwork.ask("select count(*) from audit where action = 'immediate report'"), "3");
    let noted = site.legwork.ask("select detail from audit where audit_id = 1");
    assert!(
        noted.contains("account 99990001") && noted.contains(" 1 rows") && noted.contains("sha256 "),
        "{noted}"
    );
}

#[test]
fn the_endpoints_file_is_the_jobs_file() {
    let site = site("");
    site.legwork.job(
        "inbound",
        "[report]\ntype = \"inbound-agent-segment-metadata\"\ntime_zone = \"US/Arizona\"\n\
         period = { from = \"2020-08-01T00:00:00\", to = \"2020-08-26T23:59:00\" }\n[output]\ncsv = { formula_guard = \"off\" }\n",
    );
    site.legwork.run(&["apply"]).ok();
    site.legwork.run(&["run", "inbound"]).ok();
    let path = site.legwork.path("state/artifacts").join(site.legwork.ask("select path from artifact"));
    let made = fs::read_to_string(path).unwrap();
    assert_eq!(streaming(&site, "99990001", &body("inbound.json")), format!("{made}\n200"));
}

#[test]
fn words_are_read_as_the_pages_write_them() {
    let site = site("");
    let inbound = body("inbound.json");
    let with = |from: &str, to: &str| {
        assert!(inbound.contains(from), "{from}");
        streaming(&site, "99990001", &inbound.replace(from, to))
    };
    assert!(with("\"COMMA\"", "\"PIPE\"").starts_with("Account ID|UII|"));
    assert!(with("\"COMMA\"", "\"TAB\"").starts_with("Account ID\tUII\t"));
    let xml = with("\"returnType\":\"CSV\"", "\"returnTypes\":\"XML\"");
    assert!(xml.starts_with("<?xml") && xml.ends_with("</report>\n\n200"), "{xml}");
    // With a fraction; and one minute later the second leg is inside.
    assert_eq!(rows(&with("2020-08-26 23:59:00", "2020-08-26 23:59:00.0010")), 2);
    assert_eq!(rows(&with("\"gateIds\":[]", "\"gateIds\":[3001]")), 1);
    assert_eq!(rows(&with("\"gateIds\":[]", "\"gateIds\":[9]")), 0, "a queue that nobody has seen is empty");
    for (from, to, told) in [
        ("\"ONCE\"", "\"CALENDAR\"", "CALENDAR names no rule"),
        (
            "\"Inbound_Agent_Segment_Metadata_Report\",\n",
            "\"Agent_Segment_Metadata_Report\",\n",
            "the report is two",
        ),
        ("US/Arizona", "US/Arizonia", "timezoneName"),
        ("2020-08-01 00:00:00", "1 August", "startTimestamp is `1 August`"),
        ("2020-08-01 00:00:00", "2020-09-01 00:00:00", "the end is exclusive"),
        ("\"COMMA\"", "\"EXCEL\"", "COMMA, PIPE, TAB"),
        ("\"ONCE\"", "\"DAILY\"", "no destination is configured"),
        ("2020-08-01 00:00:00", "2020-08-01 05:00:00-09:00", "send it as"),
        ("\"secureAgentIds\":\"\"", "\"secureAgentIds\":[\"zz\"]", "secureAgentIds is not served"),
        ("\"agentIds\":[]", "\"agentIds\":[{\"id\":9}]", "which is no id"),
        ("{", "[", "no JSON"),
    ] {
        let answer = with(from, to);
        let (json, status) = answer.rsplit_once('\n').unwrap();
        let json: serde_json::Value =
            serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {answer}"));
        assert_eq!(status, "400", "{answer}");
        assert!(json["details"].as_str().unwrap().contains(told), "{answer}");
        assert_eq!(json["generalMessage"], "Bad Request");
        assert!(json["requestUri"].as_str().unwrap().ends_with("/reportsStreaming"));
    }
    assert!(streaming(&site, "1", &inbound).ends_with("\n404"));
}

#[test]
fn a_request_that_repeats_makes_a_definition_once() {
    let site = site("repeat_to = [\"ops@x.example\"]\n");
    let daily = body("inbound.json").replace("\"ONCE\"", "\"DAILY\", \"startTime\": \"06:30:00\"");
    let answer = streaming(&site, "99990001", &daily);
    assert!(answer.ends_with("\n201"), "{answer}");
    let name =
        serde_json::from_str::<serde_json::Value>(answer.lines().next().unwrap()).unwrap()["name"].clone();
    assert_eq!(streaming(&site, "99990001", &daily), answer, "the same request is the same report");
    assert_eq!(site.legwork.ask("select count(*) from definition"), "1");
    let text = site.legwork.run(&["export", name.as_str().unwrap()]).ok();
    let weekly = "\"WEEKLY\", \"daysOfWeek\": [\"MONDAY\", \"THURSDAY\"], \"startTime\": \"06:30:00\"";
    let answer = streaming(&site, "99990001", &body("inbound.json").replace("\"ONCE\"", weekly));
    let json: serde_json::Value = serde_json::from_str(answer.lines().next().unwrap()).unwrap();
    let days = site.legwork.run(&["export", json["name"].as_str().unwrap()]).ok();
    assert!(days.contains("on = \"monday\"") && days.contains("on = \"thursday\""), "{days}");
    for part in
        ["repeat = \"daily\"", "at = \"06:30\"", "period = \"yesterday\"", "ops@x.example", "99990001"]
    {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn whoever_is_nobody_is_told_how_to_be_somebody_in_the_vendors_shape() {
    let site = site("");
    let token = site.token(&["partner", "--role", "view", "--account", "99990001"]);
    let other = site.token(&["other", "--role", "view", "--account", "5"]);
    // From the first user on, nobody is let in without being known.
    site.legwork.run_with(&["user", "add", "jane", "--role", "admin"], "a password that is long").ok();
    let path = "/api/v1/admin/accounts/99990001/reportsStreaming";
    let inbound = body("inbound.json");
    let post = |headers: &[(&str, &str)], body: &str| site.send("POST", path, headers, body);
    let answer = post(&[], &inbound).is(401);
    assert!(answer.json()["details"].as_str().unwrap().contains("legwork token add"), "{answer:?}");
    post(&[("Authorization", "bearer wrong")], &inbound).is(401);
    post(&[("Authorization", &format!("bEaReR {token}"))], &inbound).is(200);
    post(&[("X-Auth-Token", &token)], &inbound).is(200);
    post(&[("X-Auth-Token", &other)], &inbound).is(404);
    let wide = inbound.replace("\"accountIds\":[]", "\"accountIds\":[\"5\"]");
    post(&[("X-Auth-Token", &token)], &wide).is(404);
    let daily = inbound.replace("\"ONCE\"", "\"DAILY\"");
    let refused = post(&[("X-Auth-Token", &token)], &daily).is(403);
    assert_eq!(refused.json()["errorCode"], "access.denied.exception");
    for path in ["/api/auth/login/rc/accesstoken", "/restapi/oauth/token", "/v1/auth/login"] {
        let answer = site.send("POST", path, &[], "rcAccessToken=x").is(401);
        assert!(answer.json()["details"].as_str().unwrap().contains("legwork token add"));
    }
    let oauth = [("Authorization", "OAuth oauth_consumer_key=\"k\", oauth_token=\"t\"")];
    let answer = site.get_with("/api/account/99990001/agent-segments?source=x", &oauth).is(401);
    assert!(answer.json()["message"].as_str().unwrap().contains("OAuth 1 is not spoken here"));
    site.send("POST", "/api/account/99990001/login?v=1.3", &[], "{}").is(401);
    assert!(!site.legwork.log().contains(&token), "a token stands in the log");
}

#[test]
fn agent_segments_are_paged_through_as_the_vendors_are() {
    let (mut records, (yesterday, today)) = (String::new(), days());
    for number in 0..7 {
        records += &segment(&format!("m{number}"), &format!("{yesterday}T08:00:00Z")).replace(
            "\"kind\":\"segment\"",
            "\"kind\":\"segment\",\"account\":\"1\",\"channel\":\"Web\",\"channel_type\":\"chat\",\"end_reason\":\"closed_by_agent\",\"user_type\":\"human\"",
        );
    }
    let site = Site::with_data("", &records);
    let base = format!(
        "/api/account/1/agent-segments?source=billing_sync&from={yesterday}T03:00:00%2B03:00&to={today}T00:00:00Z"
    );
    let mut seen = Vec::new();
    let mut next = Some(format!("{base}&limit=3"));
    while let Some(path) = next {
        let page = site.get(&path).is(200).json();
        assert_eq!(page["pagination"]["count"], 7);
        assert_eq!(page["timeframe"]["startTime"], format!("{yesterday}T03:00:00+03:00"));
        seen.extend(page["segments"].as_array().unwrap().iter().map(|one| one["segmentId"].to_string()));
        let references = page["pagination"]["references"].as_array().unwrap().clone();
        let of = |rel: &str| {
            references
                .iter()
                .find(|one| one["rel"] == rel)
                .map(|one| one["href"].as_str().unwrap().to_owned())
        };
        assert!(of("self").is_some() && of("first").is_some() && of("last").unwrap().ends_with("offset=6"));
        let origin = format!("http://127.0.0.1:{}", site.port);
        next = of("next").map(|href| href.strip_prefix(&origin).unwrap().to_owned());
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 7);
    let none = site.get(&format!("{base}&SkillId=nobody")).is(200).json();
    assert_eq!(none["segments"].as_array().unwrap().len(), 0);
    for (query, cause) in [
        ("limit=10", "source is required"),
        ("source=a-b", "source has at most 20"),
        ("source=x&limit=501", "limit is 501"),
        ("source=x&from=2026-11-01T00:00:00Z&fromMillis=1", "exclude each other"),
        ("source=x&from=2026-11-20T00:00:00Z&to=2026-11-19T00:00:00Z", "not behind"),
        ("source=x&from=2000-01-01T00:00:00Z&to=2000-01-02T00:00:00Z", "a month back"),
        ("source=x&from=yesterday", "send RFC 3339"),
        ("source=x&sort=colour", "colour"),
    ] {
        let answer = site.get(&format!("/api/account/1/agent-segments?{query}")).is(400).json();
        assert!(answer["causes"][0].as_str().unwrap().contains(cause), "{query}: {answer}");
    }
}

#[test]
fn metrics_are_counted_over_the_minutes_before_the_call() {
    let site = Site::with_data(
        "",
        &segment("s1", "2026-06-10T08:00:00Z")
            .replace("\"kind\":\"segment\"", "\"kind\":\"segment\",\"account\":\"1\""),
    );
    let path = "/operations/api/account/1/msgagentsegments";
    let whole = site
        .get(&format!("{path}?timeframe=60&v=1&interval=30&skillIds=all&agentIds=12,13&source=all"))
        .is(200)
        .json();
    assert_eq!(whole["metricsByIntervals"].as_array().unwrap().len(), 2);
    assert_eq!(whole["timeframeSummary"]["metricsTotal"]["totalAgentConversationSegments"], 0);
    assert!(whole["timeframeSummary"]["metricsPerSkill"].is_object());
    let plain = site.get(&format!("{path}?timeframe=180&v=1&metrics=avgAgentSegmentDuration")).is(200).json();
    assert!(plain.get("metricsPerSkill").is_none() && plain.get("agentsMetrics").is_some(), "{plain}");
    assert_eq!(plain["metricsTotal"].as_object().unwrap().len(), 2, "{plain}");
    for (query, cause) in [
        ("v=1", "timeframe is required"),
        ("timeframe=60", "v is required"),
        ("timeframe=1441&v=1", "1 to 1440"),
        ("timeframe=60&interval=31&v=1", "divide it"),
        ("timeframe=60&interval=4&v=1", "at least 5"),
        ("timeframe=60&v=1&metrics=speed", "speed"),
        ("timeframe=60&v=1&userType=robot", "human, bot or all"),
    ] {
        let answer = site.get(&format!("{path}?{query}")).is(400).json();
        assert!(answer["causes"][0].as_str().unwrap().contains(cause), "{query}: {answer}");
    }
    site.get("/operations/api/account/2/msgagentsegments?timeframe=60&v=1").is(404);
}

#[test]
fn an_error_behind_the_first_byte_breaks_the_connection() {
    let record = |number: u32| {
        let (hour, minute) = (number / 600, number / 10 % 60);
        let start = format!("2020-08-02T{hour:02}:{minute:02}:00Z");
        leg(&format!("s{number:05}"), &start, "2020-08-03T07:00:00Z")
    };
    let mut site = Site::new("");
    // In parts, so that they are rows that can be broken: a large import would seal them.
    for from in (0..12_000).step_by(1_500) {
        site.legwork.import(&(from..from + 1_500).map(record).collect::<String>());
    }
    site.start();
    let path = "/api/v1/admin/accounts/99990001/reportsStreaming";
    let post = || site.send("POST", path, &[], &body("inbound.json"));
    let whole = post().is(200);
    assert!(whole.whole && whole.text().lines().count() == 12_001);
    assert!(whole.header("content-length").is_none(), "it is streamed");
    let break_row = |which: &str| {
        let sql = format!(
            "update segment set queue = 99999999 where row_start = (select {which}(row_start) from segment)"
        );
        assert!(0 < site.legwork.ledger().execute(&sql, []).unwrap());
    };
    break_row("max");
    let cut = post();
    assert_eq!(cut.status, 200, "the beginning was on its way");
    assert!(!cut.whole && 250_000 < cut.body.len(), "{} bytes, whole: {}", cut.body.len(), cut.whole);
    // Before the first byte it is an answer of its own, which says where to look.
    break_row("min");
    let told = post().is(500).json();
    assert!(told["details"].as_str().unwrap().contains("the daemon's log says why"), "{told}");
    let curl = Command::new("curl")
        .args([
            "-sS",
            "-o",
            "/dev/null",
            &format!("http://127.0.0.1:{}{path}", site.port),
            "--data-binary",
            &body("inbound.json"),
        ])
        .output()
        .unwrap();
    assert!(curl.status.success(), "a 500 is an answer");
    assert_eq!(site.legwork.ask("select count(*) from audit where action = 'immediate report'"), "1");
}

#[test]
fn a_client_of_the_vendors_goes_through_its_documented_flows() {
    let messaging = "\"kind\":\"segment\",\"account\":\"99990001\",\"channel\":\"Web\",\"channel_type\":\"chat\",\
                     \"end_reason\":\"closed_by_agent\",\"user_type\":\"human\"";
    let (yesterday, today) = days();
    let chats: String = (0..5)
        .map(|number| {
            segment(&format!("m{number}"), &format!("{yesterday}T08:00:00Z"))
                .replace("\"kind\":\"segment\"", messaging)
        })
        .collect();
    let records = leg("s1", "2020-08-02T07:00:00Z", "2020-08-02T07:05:00Z") + &chats;
    let site = Site::with_data("", &records);
    let token = site.token(&["partner", "--role", "view", "--account", "99990001"]);
    site.legwork.run_with(&["user", "add", "jane", "--role", "admin"], "a password that is long").ok();
    let output = Command::new(python())
        .arg(root().join("tests/readers/vendor_client.py"))
        .args([&format!("http://127.0.0.1:{}", site.port), &token, "99990001"])
        .args([format!("{yesterday}T00:00:00Z"), format!("{today}T00:00:00Z")])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(told, "ringcentral 1 '2026s1\nliveperson 5 m0 m1 m2 m3 m4\nmetrics 48\nrefused 401 400\n");
}
