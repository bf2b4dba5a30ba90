//! How vendors are logged in to: each flow, what renews it, and what outlives the process.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use legwork::clock::Clock;
use legwork::config;
use legwork::daemon::Core;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::support::Legwork;
use crate::support::places::OauthServer;
use crate::support::vendor::{Reply, Vendor};

const NOON: &str = "2026-06-10T12:00:00Z";

fn core(config: &str, secrets: &[&str]) -> (Legwork, Arc<Core>) {
    let legwork = Legwork::new(config);
    for name in secrets {
        let path = legwork.path(name);
        fs::write(&path, format!("pla-nt-ed-{name}")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let core = opened(&legwork, NOON);
    (legwork, core)
}

fn opened(legwork: &Legwork, at: &str) -> Arc<Core> {
    drop(rustls::crypto::ring::default_provider().install_default());
    let config = config::load(Some(&legwork.path("legwork.toml"))).unwrap();
    Arc::new(Core::open(config, Clock::settable(at.parse().unwrap())).unwrap())
}

/// Asks the source `v` for what shows that it is there.
fn greet(core: &Core) -> Result<String, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let source = core.sources.get("v").unwrap();
    let errand = core.sources.errand(source, CancellationToken::new());
    runtime.block_on(source.greet(&errand)).map_err(|error| error.to_string())
}

fn ringcentral(url: &str, login: &str) -> String {
    format!(
        "[source.v]\nretry_after = \"0s\"\nrates = [\"100 per 1s\"]\n[source.v.ringcentral]\nurl = \"{url}\"\nplatform_url = \"{url}\"\n{login}\n"
    )
}

fn accounts() -> Reply {
    Reply::json(&json!([{ "accountId": "99990001", "accountName": "Main", "mainAccountId": "99990000" }]))
}

#[test]
fn a_code_is_used_once_and_its_refresh_token_outlives_the_process() {
    let vendor = Vendor::start(|call| match call.path.split('?').next().unwrap() {
        "/restapi/oauth/token" if call.body.contains("grant_type=authorization_code") => {
            assert!(
                call.body.contains("code=pla-nt-ed-code")
                    && call.body.contains("redirect_uri=https%3A%2F%2Fx")
            );
            Reply::json(
                &json!({ "access_token": "a1", "expires_in": 3600, "refresh_token": "first-refresh" }),
            )
        }
        "/restapi/oauth/token" => {
            // Good for one use: each answer brings the next one.
            let next = if call.body.contains("first-refresh") { "second-refresh" } else { "third-refresh" };
            Reply::json(&json!({ "access_token": "a2", "expires_in": 3600, "refresh_token": next }))
        }
        "/api/auth/login/rc/accesstoken" => Reply::json(&json!({ "accessToken": "cx" })),
        _ => accounts(),
    });
    let login = "code = { file = \"code\" }\nredirect_uri = \"https://x.example/\"\nclient_id = \"app\"\n\
                 client_secret = { file = \"app-secret\" }";
    let (legwork, core) = core(&ringcentral(&vendor.url(), login), &["code", "app-secret"]);
    assert!(greet(&core).unwrap().contains("99990001"));
    drop(core);
    let kept = legwork.path("state/tokens/v");
    assert_eq!(fs::read_to_string(&kept).unwrap(), "first-refresh");
    assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    for next in ["second-refresh", "third-refresh"] {
        greet(&opened(&legwork, NOON)).unwrap();
        assert_eq!(fs::read_to_string(&kept).unwrap(), next);
    }
    let codes =
        vendor.calls("/oauth/token").iter().filter(|call| call.body.contains("authorization_code")).count();
    assert_eq!(codes, 1);
}

#[test]
fn permanent_legacy_and_direct_logins_each_have_their_header() {
    let vendor = Vendor::start(|call| match call.path.split('?').next().unwrap() {
        "/api/v1/auth/login" => {
            assert_eq!(call.body, "username=me%40x.example&password=pla-nt-ed-password");
            Reply::json(&json!({ "authToken": "legacy" }))
        }
        "/api/auth/login/admin" => {
            assert_eq!(call.query("platformId").as_deref(), Some("aws80"));
            Reply::json(&json!({ "accessToken": "direct", "refreshToken": "r" }))
        }
        _ => accounts(),
    });
    let by_name = "user = \"me@x.example\"\npassword = { file = \"password\" }\n";
    for (login, header, value) in [
        ("token = { file = \"token\" }".to_owned(), "x-auth-token", "pla-nt-ed-token"),
        (format!("path = \"/api\"\n{by_name}"), "x-auth-token", "legacy"),
        (format!("platform_id = \"aws80\"\n{by_name}"), "authorization", "Bearer direct"),
    ] {
        let (_legwork, core) = core(&ringcentral(&vendor.url(), &login), &["token", "password"]);
        assert!(greet(&core).unwrap().contains("99990001"));
        let call = vendor.calls("/v1/admin/accounts").pop().unwrap();
        assert_eq!(call.headers.get(header).map(String::as_str), Some(value), "{login}");
    }
}

#[test]
fn a_login_that_is_refused_is_not_repeated_at_once() {
    // An error may repeat what was sent: only its code is told.
    let said =
        json!({ "error": "invalid_grant", "requestUri": "/x?password=pla-nt-ed-password" }).to_string();
    let vendor = Vendor::start(move |_| Reply::of(400, "application/json", said.clone()));
    let login = "jwt = { file = \"jwt\" }\nclient_id = \"app\"\nclient_secret = { file = \"app-secret\" }";
    let (_legwork, core) = core(&ringcentral(&vendor.url(), login), &["jwt", "app-secret"]);
    for _ in 0..3 {
        let said = greet(&core).unwrap_err();
        assert!(said.contains("the login was refused") && said.contains("invalid_grant"), "{said}");
        assert!(!said.contains("pla-nt-ed"), "{said}");
    }
    assert_eq!(vendor.calls("/oauth/token").len(), 1, "vendors lock accounts that try again and again");
    core.clock.set("2026-06-10T12:01:00Z".parse().unwrap());
    assert!(greet(&core).is_err());
    assert_eq!(vendor.calls("/oauth/token").len(), 2);
}

fn liveperson(login: &str, hosts: &str) -> String {
    format!(
        "[source.v]\nretry_after = \"0s\"\n[source.v.liveperson]\naccount = \"le1\"\n{login}\n[source.v.liveperson.hosts]\n{hosts}\n"
    )
}

#[test]
fn client_credentials_are_exchanged_with_an_oauth_server_and_the_tokens_own_end_is_read() {
    let server = OauthServer::start();
    let hosts = format!(
        "sentinel = \"http://127.0.0.1:{}\"\nagentActivityDomain = \"http://127.0.0.1:1\"",
        server.port
    );
    let login = "client_id = \"app\"\nclient_secret = { file = \"app-secret\" }";
    let (legwork, _) = core(&liveperson(login, &hosts), &["app-secret"]);
    // The server's clock is the host's.
    let now = Clock::System.now();
    let core = opened(&legwork, &now.to_string());
    assert!(greet(&core).unwrap().contains("logged in"));
    let ends = core.sources.get("v").unwrap().login_ends().unwrap();
    let life = ends.duration_since(now).as_secs();
    assert!((3_500..=3_700).contains(&life), "{life}");
}

#[test]
fn hosts_are_looked_up_and_legacy_requests_are_signed() {
    let vendor = Vendor::start(|call| {
        if call.path.contains("baseURI.json") {
            return Reply::json(
                &json!({ "service": "leDataReporting", "account": "le1", "baseURI": "va.example/evil" }),
            );
        }
        Reply::json(&json!({ "segments": [], "pagination": { "count": 0 } }))
    });
    let login = format!(
        "app_key = \"k\"\napp_secret = {{ file = \"a\" }}\naccess_token = \"t\"\naccess_token_secret = {{ file = \"b\" }}\ndomain_url = \"{}\"",
        vendor.url()
    );
    let hosts = format!("agentActivityDomain = \"{}\"", vendor.url());
    let (_legwork, core) = core(&liveperson(&login, &hosts), &["a", "b"]);
    let source = core.sources.get("v").unwrap().clone();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let errand = core.sources.errand(&source, CancellationToken::new());
    let span = legwork::domain::period::Period {
        start: "2026-06-10T08:00:00Z".parse().unwrap(),
        end: "2026-06-10T09:00:00Z".parse().unwrap(),
    };
    let mut sink = |_| Ok(());
    let feed = legwork::domain::source::Feed::HandleTime;
    runtime.block_on(source.fetch(&errand, feed, span, &mut sink)).unwrap();
    let call = vendor.calls("agent-segments").pop().unwrap();
    let signed = &call.headers["authorization"];
    for part in [
        "OAuth oauth_consumer_key=\"k\"",
        "oauth_token=\"t\"",
        "oauth_signature_method=\"HMAC-SHA1\"",
        "oauth_signature=\"",
    ] {
        assert!(signed.contains(part), "{signed}");
    }
    // A host that is told with a path would lead elsewhere.
    let feed = legwork::domain::source::Feed::MessagingInteractions;
    let said = runtime.block_on(source.fetch(&errand, feed, span, &mut sink)).unwrap_err().to_string();
    assert!(said.contains("va.example/evil"), "{said}");
    assert_eq!(vendor.calls("/service/msgHist/baseURI.json?version=1.0").len(), 1);
}
