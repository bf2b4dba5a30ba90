//! Whether what is to come could go out.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::nginx::Nginx;
use crate::support::places::{Moto, Rclone, Sshd};
use crate::support::smtp::Smtp;
use crate::support::{Legwork, files, free_port, job};

#[test]
fn every_destination_is_looked_at_and_nothing_is_left_there() {
    let (smtp, sshd, rclone, moto, nginx) =
        (Smtp::start("plain"), Sshd::start(), Rclone::start(), Moto::start(), Nginx::start());
    moto.make_bucket("reports");
    let config = format!(
        "{relay}[relay.gone]\nhost = \"localhost\"\nport = {closed}\ntls = \"none\"\nfrom = \"r@x.example\"\n\
         [sftp.partner]\nhost = \"localhost\"\nport = {ssh}\nuser = \"{user}\"\nkey = {{ file = \"{key}\" }}\n\
         known_hosts = \"{hosts}\"\n\
         [webdav.share]\nurl = \"http://localhost:{dav}\"\nuser = \"u\"\npassword = {{ file = \"p\" }}\n\
         [s3.lake]\nbucket = \"reports\"\nendpoint = \"http://localhost:{s3}\"\naccess_key_id = \"any\"\n\
         secret_access_key = {{ file = \"p\" }}\n{endpoints}",
        relay = smtp.relay("tls = \"none\"\n"),
        closed = free_port(),
        ssh = sshd.port,
        user = sshd.user,
        key = sshd.key.display(),
        hosts = sshd.known_hosts.display(),
        dav = rclone.port,
        s3 = moto.port,
        endpoints = nginx.endpoints(),
    );
    let legwork = Legwork::new(&config);
    fs::write(legwork.path("p"), "p").unwrap();
    fs::set_permissions(legwork.path("p"), fs::Permissions::from_mode(0o600)).unwrap();
    let out = legwork.path("out").display().to_string();
    let deliver = format!(
        "[[deliver]]\ndirectory = {{ path = \"{out}\" }}\n[[deliver]]\ndirectory = {{ path = \"/nowhere\" }}\n"
    );
    legwork.job("daily", &job("\"yesterday\"", &deliver));
    legwork.run(&["apply"]).ok();
    let said = legwork.run(&["doctor"]).fails(1);
    let line =
        |of: &str| said.lines().find(|line| line.contains(of)).unwrap_or_else(|| panic!("{of}: {said}"));
    for good in ["relay main", "sftp partner", "webdav share", "s3 lake", &format!("directory {out}")] {
        assert!(!line(good).starts_with("BAD"), "{}", line(good));
    }
    // The test's certificates end within days, and that is told.
    assert!(
        line("http files").starts_with("warn") && line("http files").contains("its certificate ends"),
        "{said}"
    );
    for bad in ["relay gone", "directory /nowhere"] {
        assert!(line(bad).starts_with("BAD"), "{}", line(bad));
    }
    assert!(
        files(&sshd.folder()).is_empty() && files(&rclone.folder()).is_empty() && legwork.out().is_empty()
    );
    assert!(moto.objects("reports").is_empty() && smtp.received().is_empty());
}
