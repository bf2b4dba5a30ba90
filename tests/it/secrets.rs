//! Secrets are names: planted values are searched for in everything that the program leaves behind.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::nginx::Nginx;
use crate::support::places::{Azurite, Moto, Rclone};
use crate::support::{Legwork, files, free_port, job, segment};

/// Plants a value of its own for each use; returns its name for the config.
fn plant(legwork: &Legwork, name: &str, planted: &mut Vec<String>) -> String {
    let value = match name {
        // A key of Azure is base64.
        "azure" => "cGxhLW50LWVkLWF6dXJl".to_owned(),
        "ping" => format!("http://localhost:{}/pla-nt-ed-ping", free_port()),
        _ => format!("pla-nt-ed-{name}"),
    };
    fs::write(legwork.path(name), format!("{value}\n")).unwrap();
    fs::set_permissions(legwork.path(name), fs::Permissions::from_mode(0o600)).unwrap();
    planted.push(value.rsplit('/').next().unwrap().to_owned());
    format!("{{ file = \"{name}\" }}")
}

/// A config that uses a planted secret in every way there is.
fn config(legwork: &Legwork, far: &(Moto, Azurite, Rclone, Nginx)) -> (String, Vec<String>) {
    let (moto, azurite, rclone, nginx) = far;
    let mut planted = Vec::new();
    let mut secret = |name: &str| plant(legwork, name, &mut planted);
    let config = format!(
        "[relay.main]\noutbox = \"outbox\"\nfrom = \"r@x.example\"\nsize_limit = \"1GB\"\n\
         [relay.shut]\nhost = \"localhost\"\nport = {shut}\nfrom = \"r@x.example\"\nuser = \"u\"\npassword = {}\n\
         [s3.good]\nbucket = \"reports\"\nendpoint = \"http://localhost:{}\"\naccess_key_id = \"any\"\nsecret_access_key = {}\n\
         session_token = {}\n\
         [azure.bad]\naccount = \"devstoreaccount1\"\ncontainer = \"reports\"\nendpoint = \"http://127.0.0.1:{}/devstoreaccount1\"\nkey = {}\n\
         [azure.sas]\naccount = \"devstoreaccount1\"\ncontainer = \"reports\"\nendpoint = \"http://127.0.0.1:{}/devstoreaccount1\"\nsas = {}\n\
         [webdav.bad]\nurl = \"http://localhost:{}\"\nuser = \"u\"\npassword = {}\n\
         [http.bad]\nurl = \"https://localhost:{}/401\"\nca_file = \"{}\"\ntoken = {}\n\
         [webhook.bad]\nurl = \"http://localhost:{shut}\"\nsecret = {}\ntoken = {}\n\
         [ping.bad]\nurl = {}\n[alerts]\nwebhook = \"bad\"\nrelay = \"main\"\n",
        secret("smtp"),
        moto.port,
        secret("s3"),
        secret("session"),
        azurite.port,
        secret("azure"),
        azurite.port,
        secret("sas"),
        rclone.port,
        secret("dav"),
        nginx.port,
        nginx.ca.display(),
        secret("token"),
        secret("hook"),
        secret("hooktoken"),
        secret("ping"),
        shut = free_port(),
    );
    (config, planted)
}

#[test]
fn no_planted_secret_is_found_in_logs_ledger_files_answers_or_mails() {
    let far = (Moto::start(), Azurite::start(), Rclone::start(), Nginx::start());
    far.0.make_bucket("reports");
    let legwork = Legwork::new("");
    let (config, planted) = config(&legwork, &far);
    let paths = fs::read_to_string(legwork.path("legwork.toml")).unwrap();
    fs::write(legwork.path("legwork.toml"), format!("{paths}{config}")).unwrap();
    legwork.import(&segment("s1", "2026-06-10T08:00:00Z"));
    let deliver = "[run]\nping = \"bad\"\n[[schedule]]\nevery = \"1s\"\nend = \"2026-01-01T00:00Z\"\n\
                   [[deliver]]\nemail = { use = \"shut\", to = [\"a@x.example\"] }\n\
                   [[deliver]]\nemail = { use = \"main\", to = [\"a@x.example\"], link = { use = \"good\" } }\n\
                   [[deliver]]\ns3 = { use = \"good\" }\n[[deliver]]\nazure = { use = \"bad\" }\n[[deliver]]\nazure = { use = \"sas\" }\n\
                   [[deliver]]\nwebdav = { use = \"bad\" }\n[[deliver]]\nhttp = { use = \"bad\" }\n[[deliver]]\nwebhook = { use = \"bad\" }\n";
    let text = format!(
        "owner = \"o@x.example\"\n{}",
        job("{ from = \"2026-06-10\", to = \"2026-06-11\" }", deliver)
    );
    legwork.job("daily", &text);
    legwork.run(&["apply"]).ok();
    let daemon = legwork.serve();
    let mut everything = String::new();
    for arguments in [
        &["run", "daily"][..],
        &["-o", "json", "why", "daily"],
        &["deliveries"],
        &["show", "1"],
        &["doctor"],
        &["check"],
        &["-o", "json", "list"],
        &["export", "daily"],
    ] {
        let ran = legwork.run(arguments);
        everything += &(ran.out + &ran.err);
    }
    daemon.stop();
    assert!(
        everything.contains("401") && everything.contains("AuthorizationFailure")
            || everything.contains("403"),
        "{everything}"
    );
    everything.push_str(&legwork.log());
    for folder in ["state", "state/artifacts/1", "outbox", "run"] {
        let Ok(_) = fs::metadata(legwork.path(folder)) else { continue };
        for file in files(&legwork.path(folder)) {
            if let Ok(bytes) = fs::read(legwork.path(folder).join(file)) {
                everything.push_str(&String::from_utf8_lossy(&bytes));
            }
        }
    }
    assert_eq!(planted.len(), 10);
    for value in &planted {
        assert!(!everything.contains(value.as_str()), "{value} was written somewhere");
    }
}
