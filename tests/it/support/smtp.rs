//! A real mail server that fails as it is told: aiosmtpd, driven by `tests/servers/smtp.py`.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::{python, root};

pub struct Smtp {
    child: Child,
    pub port: u16,
    pub mails: tempfile::TempDir,
}

impl Smtp {
    /// Starts it; `mode` says how it fails (see the script).
    pub fn start(mode: &str) -> Self {
        let mails = tempfile::tempdir().unwrap();
        let script = root().join("tests/servers/smtp.py");
        let mut command = Command::new(python());
        command.arg(script).arg(mode).arg(mails.path()).stdin(Stdio::null()).stdout(Stdio::piped());
        if let Ok(settings) = std::env::var("LEGWORK_TEST_MAIL") {
            command.arg(settings);
        }
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().parse().unwrap_or_else(|_| panic!("the mail server did not start: {line}"));
        Self { child, port, mails }
    }

    /// Mails received: one file each.
    pub fn received(&self) -> Vec<PathBuf> {
        let mut mails: Vec<PathBuf> =
            std::fs::read_dir(self.mails.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        mails.retain(|mail| mail.extension().is_some_and(|extension| extension == "eml"));
        mails.sort();
        mails
    }

    /// A relay of this server for a config.
    pub fn relay(&self, more: &str) -> String {
        format!(
            "[relay.main]\nhost = \"localhost\"\nport = {}\nfrom = \"Legwork <r@centre.example>\"\n{more}\n",
            self.port
        )
    }
}

impl Drop for Smtp {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
