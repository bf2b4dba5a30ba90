//! Who may do what over HTTP, and what nobody may.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::support::web::{Site, answer, call};
use crate::support::{Legwork, free_port, job, segment, wait_for};

const DAY: &str = "{ from = \"2026-06-10\", to = \"2026-06-11\" }";

/// A site with one report, one run and one file.
fn ran(config: &str) -> Site {
    let mut site = Site::new(config);
    site.legwork.import(&segment("s1", "2026-06-10T08:00:00Z"));
    site.legwork.job("daily", &job(DAY, ""));
    site.legwork.run(&["apply"]).ok();
    site.legwork.run(&["run", "daily"]).ok();
    site.start();
    site
}

#[test]
fn nothing_is_served_beyond_this_host_before_somebody_has_to_log_in() {
    let port = free_port();
    let legwork = Legwork::new(&format!("[web]\nlisten = \"0.0.0.0:{port}\"\n"));
    let told = legwork.run(&["serve"]).fails(1);
    assert!(told.contains("legwork user add"), "{told}");
    legwork.run_with(&["user", "add", "jane", "--role", "admin"], "a long password of hers").ok();
    let _daemon = legwork.serve();
    wait_for("the page", || TcpStream::connect(("127.0.0.1", port)).map_err(|error| error.to_string()));
    let answer = call(port, "GET", "/", &[("Host", "127.0.0.1")], b"").is(303);
    assert_eq!(answer.header("location"), Some("/login?to=%2F"));
    assert!(
        legwork
            .run_with(&["user", "add", "x", "--role", "admin"], "short")
            .fails(2)
            .contains("12 characters")
    );
}

#[test]
fn a_login_opens_what_its_role_may_and_ends() {
    let site = ran("");
    let cookie = site.user("jane", "view");
    let jane = [("Cookie", cookie.as_str())];
    let page = site.get_with("/", &jane).is(200).text();
    assert!(page.contains("daily") && page.contains("Log out") && !page.contains("New Report"), "{page}");
    site.get_with("/reports/daily/file", &jane).is(200);
    site.get_with("/new", &jane).is(403);
    assert_eq!(
        site.legwork.ask("select count(*) from audit where action = 'download' and who = 'jane'"),
        "1"
    );
    // A new password ends what the old one opened.
    site.user("jane", "view");
    site.get_with("/", &jane).is(303);
    // Somebody who guesses is held up.
    let guess = |site: &Site| site.send("POST", "/login", &[], "name=jane&password=wrong").status;
    let mut seen = Vec::new();
    for _ in 0..12 {
        seen.push(guess(&site));
    }
    assert_eq!(seen.iter().filter(|status| **status == 401).count(), 10, "{seen:?}");
    assert_eq!(seen.last(), Some(&429));
    let log = site.legwork.log();
    assert!(
        !log.contains("the password of jane") && !log.contains(&cookie["legwork_session=".len()..]),
        "{log}"
    );
    assert!(!site.legwork.ask("select group_concat(password) from user").contains("password of"));
}

/// What the API asks for where a mistake would cost the most: said once more here, for its document is made of the same
/// list as its routes.
const OF_API: [(&str, &str, &str); 24] = [
    ("GET", "/api/v1/reports", "view"),
    ("POST", "/api/v1/check", "view"),
    ("GET", "/api/v1/runs/1/file", "view"),
    ("POST", "/api/v1/reports/daily/run", "run"),
    ("POST", "/api/v1/reports/daily/backfill", "run"),
    ("POST", "/api/v1/runs/1/rerun", "run"),
    ("POST", "/api/v1/runs/1/resend", "run"),
    ("POST", "/api/v1/runs/1/discard", "run"),
    ("POST", "/api/v1/reports", "edit"),
    ("PUT", "/api/v1/reports/daily", "edit"),
    ("DELETE", "/api/v1/reports/daily", "edit"),
    ("POST", "/api/v1/reports/daily/pause", "edit"),
    ("PUT", "/api/v1/lists/daily", "edit"),
    ("DELETE", "/api/v1/lists/daily", "edit"),
    ("POST", "/api/v1/sources/daily/collect", "edit"),
    ("POST", "/api/v1/import", "edit"),
    ("GET", "/api/v1/tokens", "admin"),
    ("POST", "/api/v1/tokens", "admin"),
    ("DELETE", "/api/v1/tokens/daily", "admin"),
    ("GET", "/api/v1/users", "admin"),
    ("DELETE", "/api/v1/users/daily", "admin"),
    ("GET", "/api/v1/audit", "admin"),
    ("POST", "/api/v1/apply", "admin"),
    ("POST", "/api/v1/backup", "admin"),
];

/// Every route with the role that it needs; what is not here is open to all, and says so.
const MATRIX: [(&str, &str, &str); 30] = [
    ("GET", "/", "view"),
    ("GET", "/events", "view"),
    ("GET", "/reports/daily", "view"),
    ("GET", "/reports/daily/row", "view"),
    ("GET", "/reports/daily/file", "view"),
    ("GET", "/reports/daily/toml", "view"),
    ("GET", "/runs/1", "view"),
    ("GET", "/runs/1/file", "view"),
    ("GET", "/upcoming", "view"),
    ("GET", "/upcoming.ics", "view"),
    ("GET", "/sources", "view"),
    ("GET", "/deliveries", "view"),
    ("GET", "/lists", "view"),
    ("GET", "/metrics", "view"),
    ("POST", "/reports/daily/favourite", "view"),
    ("POST", "/reports", "run"),
    ("POST", "/reports/daily/run", "run"),
    ("POST", "/runs/1/answer", "run"),
    ("GET", "/new", "edit"),
    ("POST", "/new", "edit"),
    ("POST", "/new/check", "edit"),
    ("POST", "/reports/daily/pause", "edit"),
    ("POST", "/reports/daily/resume", "edit"),
    ("POST", "/reports/daily/delete", "edit"),
    ("GET", "/reports/daily/edit", "edit"),
    ("POST", "/reports/daily/edit", "edit"),
    ("GET", "/reports/daily/clone", "edit"),
    ("POST", "/lists", "edit"),
    ("GET", "/access", "admin"),
    ("POST", "/access", "admin"),
];

#[test]
fn each_role_may_what_the_ones_before_it_may_and_no_more() {
    let site = ran("");
    let roles = ["view", "run", "edit", "admin"];
    let cookies: Vec<String> = roles.iter().map(|role| site.user(role, role)).collect();
    // Of the API every operation, as its document says.
    let document = site.get_with("/api/v1/openapi.json", &[("Cookie", &cookies[0])]).is(200).json();
    let mut matrix: Vec<(String, String, String)> = MATRIX
        .iter()
        .map(|(method, path, role)| (method.to_string(), path.to_string(), role.to_string()))
        .collect();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let needed = operation["description"].as_str().unwrap().trim_start_matches("Needs the role ");
            let path = path.replace("{name}", "daily").replace("{run}", "1");
            let path = path.replace("{occurrence}", "1").replace("{collection}", "1");
            assert!(!path.contains('{'), "{path}");
            matrix.push((method.to_uppercase(), path, needed.trim_end_matches('.').to_owned()));
        }
    }
    for (method, path, role) in OF_API {
        let row = (method.to_owned(), path.to_owned(), role.to_owned());
        assert!(matrix.contains(&row), "{row:?}");
    }
    for (method, path, needed) in &matrix {
        let nobody = site.send(method, path, &[], "").status;
        assert!(matches!(nobody, 303 | 401), "{method} {path}: {nobody} for nobody");
        let needed = roles.iter().position(|role| role == needed).unwrap();
        for (at, cookie) in cookies.iter().enumerate() {
            // Forms without their signature and bodies that are none: nothing is done, but the role is asked first.
            let told = refusal(&site, method, path, cookie);
            let refused = told.contains("this needs the role");
            assert_eq!(refused, at < needed, "{method} {path} as {}: {told}", roles[at]);
        }
    }
    assert_eq!(
        site.legwork.ask("select count(*) from definition where state = 'active'"),
        "1",
        "what a file made is retired by that file only"
    );
}

/// What is said of a request; of a stream only its beginning is waited for.
fn refusal(site: &Site, method: &str, path: &str, cookie: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", site.port)).unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut all = Vec::new();
    if path.ends_with("/events") {
        let mut some = [0; 4_096];
        let read = stream.read(&mut some).unwrap();
        all.extend_from_slice(&some[..read]);
    } else {
        stream.read_to_end(&mut all).unwrap();
    }
    answer(&all).text()
}

#[test]
fn a_private_report_is_there_for_its_maker_only() {
    let site = ran("");
    let (anna, bert) = (site.user("anna", "edit"), site.user("bert", "edit"));
    let (anna, bert) = ([("Cookie", anna.as_str())], [("Cookie", bert.as_str())]);
    let fields = [
        ("type", "interaction-details-by-segment"),
        ("name", "Anna's own"),
        ("time_zone", "UTC"),
        ("period", "between"),
        ("from", "2026-06-10"),
        ("to", "2026-06-11"),
        ("format", "csv"),
        ("generation", "demand"),
        ("visibility", "private"),
    ];
    site.post("/new", &anna, &fields).is(303);
    site.post("/reports/anna-s-own/run", &anna, &[]).is(303);
    site.legwork.wait_until("select count(*) from artifact", "2");
    let run = site.legwork.ask("select max(run_id) from run");
    site.get_with("/reports/anna-s-own/file", &anna).is(200);
    assert!(site.get_with("/", &anna).text().contains("anna-s-own"));
    assert!(!site.get_with("/", &bert).text().contains("anna-s-own"));
    for path in ["/reports/anna-s-own", "/reports/anna-s-own/file", "/reports/anna-s-own/toml"] {
        site.get_with(path, &bert).is(404);
    }
    for path in [format!("/runs/{run}"), format!("/runs/{run}/file"), format!("/api/v1/runs/{run}")] {
        site.get_with(&path, &bert).is(404);
    }
    site.post("/reports/anna-s-own/run", &bert, &[]).is(404);
    site.post("/reports/anna-s-own/delete", &bert, &[("confirm", "DELETE")]).is(404);
    for path in
        ["/api/v1/runs", "/api/v1/deliveries", "/deliveries", "/api/v1/reports", "/upcoming", "/metrics"]
    {
        assert!(!site.get_with(path, &bert).is(200).text().contains("anna-s-own"), "{path}");
    }
}

#[test]
fn a_browser_cannot_be_made_to_do_it_from_elsewhere() {
    let site = ran("");
    let runs = || site.legwork.ask("select count(*) from occurrence");
    let path = "/reports/daily/run";
    let signed = format!("form={}", site.form(&[]));
    for headers in [
        [("Origin", "https://evil.example"), ("X", "")],
        [("Sec-Fetch-Site", "cross-site"), ("X", "")],
        [("Origin", "null"), ("Sec-Fetch-Site", "same-site")],
    ] {
        site.send("POST", path, &headers, &signed).is(403);
    }
    site.send("POST", path, &[], "form=0123").is(403);
    site.send("POST", path, &[], "").is(403);
    assert_eq!(runs(), "1");
    // A name elsewhere that leads to loopback is not ours.
    let rebound = site.get_with("/", &[("Host", "evil.example")]).is(421);
    assert!(rebound.text().contains("not known as `evil.example`"));
    site.get_with("/", &[("Host", "localhost:99999999")]).is(200);
    // Nobody frames it, and nothing else runs in it.
    let page = site.get("/").is(200);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(!policy.contains("unsafe") && page.header("x-frame-options") == Some("DENY"));
    assert!(
        !page.text().contains("<script>")
            && !page.text().contains("onclick")
            && !page.text().contains("style=")
    );
}

/// Markup, a script, an end of a quote, and a template, as anybody could write into a field.
const EVIL: &str = "</td><script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{ 7*7 }}";

/// A site in which everybody has written that wherever there is room for text; and the fields of such a report.
fn evil_site() -> (Site, [(&'static str, &'static str); 9]) {
    let mut site = Site::new("");
    let quoted = EVIL.replace('"', "\\\"");
    let names = format!("\"agent_name\":\"{quoted}\",\"queue_name\":\"{quoted}\"");
    site.legwork.import(&segment("s1", "2026-06-10T08:00:00Z").replace("\"agent_name\":\"Jane\"", &names));
    site.legwork.job("daily", &format!("description = '''{EVIL}'''\n{}", job(DAY, "")));
    site.legwork.run(&["apply"]).ok();
    site.legwork.run(&["run", "daily"]).ok();
    site.start();
    let made = [
        ("type", "interaction-details-by-segment"),
        ("name", "made"),
        ("description", EVIL),
        ("time_zone", "UTC"),
        ("period", "yesterday"),
        ("filter", "queues"),
        ("value", EVIL),
        ("format", "csv"),
        ("generation", "demand"),
    ];
    site.post("/new", &[], &made).is(303);
    (site, made)
}

#[test]
fn no_text_of_anybody_becomes_markup() {
    let (site, made) = evil_site();
    let mut all_wrong: Vec<(&str, &str)> = made.map(|(name, _)| (name, EVIL)).to_vec();
    let more = ["send_to", "owner", "repeat0", "cron0", "day0", "zone0", "minute0", "date_format"];
    all_wrong.extend(more.map(|name| (name, EVIL)));
    all_wrong.retain(|(name, _)| *name != "generation");
    all_wrong.push(("generation", "schedule"));
    let mut pages = vec![
        site.post("/new", &[], &all_wrong).is(422).text(),
        site.post("/new/check", &[], &made).is(200).text(),
        site.post("/lists", &[], &[("name", EVIL), ("addresses", EVIL)]).is(422).text(),
        site.post("/access", &[], &[("name", EVIL), ("role", "view"), ("accounts", EVIL)]).text(),
    ];
    let query = form_urlencoded::byte_serialize(EVIL.as_bytes()).collect::<String>();
    for path in [
        "/",
        "/new",
        "/reports/daily",
        "/reports/made",
        "/reports/made/edit",
        "/reports/daily/clone",
        "/runs/1",
        "/upcoming",
        "/deliveries",
        "/lists",
        "/access",
    ] {
        pages.push(site.get(path).is(200).text());
    }
    for path in ["/?q=", "/deliveries?name=", "/upcoming?zone=", "/reports/", "/login?to=", "/new?name="] {
        pages.push(site.get(&format!("{path}{query}")).text());
    }
    for page in &pages {
        assert!(
            !page.contains("<script>alert") && !page.contains("<img src=x") && !page.contains("\"'><"),
            "{page}"
        );
    }
    assert!(
        pages.iter().any(|page| page.contains("{{ 7*7 }}"))
            && !pages.iter().any(|page| page.contains("onerror=alert(1)>49"))
    );
}

#[test]
fn paths_heads_and_bodies_that_are_too_much_are_refused() {
    let site = ran("");
    for path in [
        "/assets/../../Cargo.toml",
        "/assets/..%2f..%2fCargo.toml",
        "/assets/%2e%2e/x",
        "/runs/../../etc/passwd",
    ] {
        let answer = site.get(path);
        assert_eq!(answer.status, 404, "{path}: {answer:?}");
    }
    let injected = site.get("/login?to=%2F%0d%0aSet-Cookie:%20a=b").is(303);
    assert!(injected.header("set-cookie").is_none(), "{injected:?}");
    for to in ["%2F%2Fevil.example", "/%09/evil.example", "/%5Cevil.example", "https://evil.example"] {
        let elsewhere = site.get(&format!("/login?to={to}")).is(303);
        assert_eq!(elsewhere.header("location"), Some("/"), "{to}");
    }
    let big = "x".repeat((1 << 20) + 1);
    site.send("POST", "/api/v1/check", &[], &big).is(413);
    site.send("POST", "/new", &[], &big).is(413);
    let long = format!("/?q={}", "x".repeat(100_000));
    assert!(matches!(site.get(&long).status, 414 | 431), "a head without an end");
    // A link that nobody signed, and one whose signature is another's.
    site.get("/d/1.9999999999.00").is(404);
    site.get("/d/x").is(404);
}

#[test]
fn a_thousand_idle_connections_keep_nobody_out() {
    let site = ran("connections = 1200\n");
    let mut idle = Vec::new();
    for _ in 0..1_000 {
        let mut stream = TcpStream::connect(("127.0.0.1", site.port)).unwrap();
        // Half a head, as a slow client has it.
        stream.write_all(b"GET / HTTP/1.1\r\nHost: loc").unwrap();
        idle.push(stream);
    }
    site.get("/").is(200);
    site.get("/healthz").is(200);
    assert_eq!(site.legwork.run(&["run", "daily"]).code, 0, "a run goes on beside them");
    // Each is let go when its head has not come.
    for mut stream in idle {
        let mut all = Vec::new();
        drop(stream.read_to_end(&mut all));
        assert!(all.is_empty() || all.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&all));
    }
}

#[test]
fn a_trusted_proxy_says_who_somebody_is_and_nobody_else_does() {
    let mut site = Site::new("proxy = { user_header = \"X-Remote-User\", from = [\"127.0.0.1\"] }\n");
    site.legwork.run(&["user", "add", "jane", "--role", "run", "--by-proxy"]).ok();
    site.start();
    let jane = [("X-Remote-User", "jane")];
    site.get_with("/", &jane).is(200);
    site.get_with("/new", &jane).is(403);
    site.get_with("/", &[("X-Remote-User", "nobody")]).is(303);
    site.send("POST", "/login", &[], "name=jane&password=%21").is(401);
    let mut other = Site::new("proxy = { user_header = \"X-Remote-User\", from = [\"127.0.0.9\"] }\n");
    other.legwork.run(&["user", "add", "jane", "--role", "admin", "--by-proxy"]).ok();
    other.start();
    other.get_with("/", &jane).is(303);
}

#[test]
fn a_file_too_large_for_a_mail_is_fetched_by_a_link_that_ends() {
    let port = free_port();
    let config = format!(
        "[relay.main]\noutbox = \"outbox\"\nfrom = \"Legwork <legwork@x.example>\"\nsize_limit = \"17KiB\"\n\
         [web]\nlisten = \"127.0.0.1:{port}\"\npublic_url = \"https://reports.x.example/\"\n"
    );
    let legwork = Legwork::new(&config);
    let records: String =
        (0..100).map(|number| segment(&format!("s{number}"), "2026-06-10T08:00:00Z")).collect();
    legwork.import(&records);
    legwork.job("daily", &job(DAY, "[[deliver]]\nemail = { to = [\"boss@x.example\"] }\n"));
    legwork.run(&["apply"]).ok();
    legwork.run(&["run", "daily"]).ok();
    let mails = crate::support::files(&legwork.path("outbox"));
    let mail = std::fs::read_to_string(legwork.path("outbox").join(&mails[0])).unwrap();
    let mail = mail.replace("=\r\n", "").replace("=3D", "=");
    assert!(!mail.contains("Content-Disposition: attachment"), "{mail}");
    let at = mail.find("https://reports.x.example/d/").unwrap_or_else(|| panic!("{mail}"));
    let link: String =
        mail[at + 25..].chars().take_while(|c| !c.is_whitespace() && *c != '"' && *c != '<').collect();
    let _daemon = legwork.serve();
    wait_for("the page", || TcpStream::connect(("127.0.0.1", port)).map_err(|error| error.to_string()));
    let made = legwork.path("state/artifacts").join(legwork.ask("select path from artifact"));
    let host = [("Host", "reports.x.example")];
    let fetched = call(port, "GET", &link, &host, b"").is(200);
    assert_eq!(fetched.body, std::fs::read(made).unwrap());
    assert_eq!(legwork.ask("select who || ' ' || subject from audit"), "link daily");
    let mut other = link.clone();
    other.replace_range(5..6, if &link[5..6] == "A" { "B" } else { "A" });
    call(port, "GET", &other, &host, b"").is(404);
    // A login asked of everybody else asks nothing of whoever has the link; and the log does not hand it on.
    legwork.run_with(&["user", "add", "jane", "--role", "admin"], "a password that is long").ok();
    call(port, "GET", "/", &host, b"").is(303);
    call(port, "GET", &link, &host, b"").is(200);
    assert!(!legwork.log().contains(&link[3..]));
    assert!(!legwork.ask("select details from delivery").contains("/d/"), "the ledger holds no key");
}

#[test]
fn systemd_may_hand_the_socket_over() {
    let port = free_port();
    let legwork = Legwork::new("");
    let mut daemon = std::process::Command::new("systemd-socket-activate")
        .args(["--listen", &format!("127.0.0.1:{port}"), "--"])
        .arg(crate::support::program())
        .arg("--config")
        .arg(legwork.path("legwork.toml"))
        .arg("serve")
        .env_remove("NOTIFY_SOCKET")
        .stdin(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    // The first connection starts it, and is answered by it.
    wait_for("the socket", || TcpStream::connect(("127.0.0.1", port)).map_err(|error| error.to_string()));
    call(port, "GET", "/healthz", &[], b"").is(200);
    call(port, "GET", "/", &[], b"").is(200);
    daemon.kill().unwrap();
    daemon.wait().unwrap();
}

#[test]
fn a_token_kept_to_accounts_opens_the_vendors_endpoints_only() {
    let site = ran("");
    site.user("jane", "admin");
    let token = site.token(&["partner", "--role", "admin", "--account", "default"]);
    let shown = [("Authorization", format!("Bearer {token}"))];
    let shown: Vec<(&str, &str)> = shown.iter().map(|(name, value)| (*name, value.as_str())).collect();
    site.get_with("/api/account/default/agent-segments?source=x", &shown).is(200);
    for path in
        ["/", "/new", "/reports/daily/file", "/metrics", "/access", "/api/v1/reports", "/api/v1/runs/1/file"]
    {
        let told = site.get_with(path, &shown).is(403).text();
        assert!(
            told.contains("the vendors&#x27; endpoints only") || told.contains("the vendors' endpoints only"),
            "{told}"
        );
    }
    site.send("POST", "/api/v1/tokens", &shown, "{\"name\":\"wide\",\"role\":\"admin\"}").is(403);
}

#[test]
fn a_name_that_comes_back_opens_nothing_of_its_former_maker() {
    let site = ran("");
    let (anna, bert) = (site.user("anna", "edit"), site.user("bert", "edit"));
    let (anna, bert) = ([("Cookie", anna.as_str())], [("Cookie", bert.as_str())]);
    let make = |who: &[(&str, &str)], private: bool| {
        let body =
            serde_json::json!({ "name": "secret", "toml": job(DAY, ""), "private": private }).to_string();
        site.send("POST", "/api/v1/reports", who, &body)
    };
    make(&anna, true).is(201);
    site.send("POST", "/api/v1/reports/secret/run", &anna, "").is(202);
    site.legwork.wait_until("select count(*) from artifact", "2");
    site.send("DELETE", "/api/v1/reports/secret", &anna, "").is(204);
    // What is deleted is not run any more, and its name opens its history to nobody else.
    site.send("POST", "/api/v1/reports/secret/run", &anna, "").is(400);
    assert!(make(&bert, false).is(409).text().contains("is taken"));
    make(&bert, true).is(409);
    make(&anna, true).is(201);
    // A change that says nothing of it leaves it private.
    let body = serde_json::json!({ "toml": job(DAY, "[output]\nformat = \"tsv\"\n") }).to_string();
    site.send("PUT", "/api/v1/reports/secret", &anna, &body).is(200);
    site.get_with("/api/v1/reports/secret", &bert).is(404);
    // Nobody hides somebody else's report.
    let public = serde_json::json!({ "name": "open", "toml": job(DAY, "") }).to_string();
    site.send("POST", "/api/v1/reports", &anna, &public).is(201);
    let hide = serde_json::json!({ "toml": job(DAY, ""), "private": true }).to_string();
    site.send("PUT", "/api/v1/reports/open", &bert, &hide).is(200);
    site.get_with("/api/v1/reports/open", &anna).is(200);
    site.get_with("/api/v1/reports/open", &bert).is(200);
    // A job file of that name makes it everybody's.
    site.send("DELETE", "/api/v1/reports/secret", &anna, "").is(204);
    site.legwork.job("secret", &job(DAY, ""));
    site.legwork.run(&["apply"]).ok();
    site.get_with("/api/v1/reports/secret", &bert).is(200);
}

#[test]
fn refusals_of_the_door_have_their_sections_shape() {
    let site = ran("");
    site.user("jane", "admin");
    let wrong = [("Authorization", "Bearer wrong")];
    let problem = site.get_with("/api/v1/reports", &wrong).is(401);
    assert_eq!(problem.header("content-type"), Some("application/problem+json"));
    assert_eq!(problem.header("www-authenticate"), Some("Bearer"));
    let vendor = site.get_with("/api/account/1/agent-segments?source=x", &wrong).is(401).json();
    assert_eq!(vendor["reason"], "unauthorized");
    let page = site.get_with("/", &[("Host", "evil.example")]).is(421).text();
    assert!(page.contains("<h1>"), "{page}");
    // Many at once get no more guesses than one after the other.
    let port = site.port;
    let guess = move || call(port, "POST", "/login", &[], b"name=jane&password=wrong").status;
    let guesses: Vec<_> = (0..40).map(|_| std::thread::spawn(guess)).collect();
    let heard: Vec<u16> = guesses.into_iter().map(|one| one.join().unwrap()).collect();
    let wrong = heard.iter().filter(|status| **status == 401).count();
    assert!((1..=11).contains(&wrong), "{heard:?}");
    assert_eq!(heard.iter().filter(|status| **status == 429).count(), 40 - wrong, "{heard:?}");
    // A stale token's owner is not locked out with them.
    let token = site.token(&["monitor", "--role", "view"]);
    site.get_with("/metrics", &[("X-Auth-Token", &token)]).is(200);
}

#[test]
fn whoever_names_a_proxy_needs_users() {
    let mut site = Site::new("public_url = \"https://reports.x.example\"\n");
    site.start();
    let redirected = site.get("/").is(303);
    assert_eq!(redirected.header("location"), Some("/login?to=%2F"));
    let cookie = site.user("jane", "admin");
    let jane =
        [("Cookie", cookie.as_str()), ("Host", "reports.x.example"), ("Origin", "https://reports.x.example")];
    site.post("/lists", &jane, &[("name", "team"), ("addresses", "a@x.example")]).is(303);
    // Through a proxy that names us otherwise.
    let behind = [("Cookie", cookie.as_str()), ("Origin", "https://reports.x.example")];
    site.post("/lists", &behind, &[("name", "team"), ("addresses", "b@x.example")]).is(303);
    let told =
        site.post("/lists", &jane, &[("new", "1"), ("name", "team"), ("addresses", "c@x.example")]).is(422);
    assert!(told.text().contains("there is a list `team` already"));
}
