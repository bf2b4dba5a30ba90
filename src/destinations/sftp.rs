//! A host that speaks SFTP, through OpenSSH's own `sftp`: put under a temporary name, synced, renamed.
//!
//! The program brings keys, host keys and ciphers that its packagers keep up to date. It is talked to line by line, so
//! that the ledger's mark stands between the login and the first byte.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::places::{Item, Look, Put, Source, part_path};
use super::{Mark, from_io};
use crate::artifacts::digest_of;
use crate::chain::chain;
use crate::config::SftpHost;
use crate::domain::delivery::{Outcome, Receipt};
use crate::network::Guard;

/// What `sftp` prints when it has done everything before: its answer to `pwd`.
const FENCE: &str = "Remote working directory:";
/// The slowest line that is waited for.
const BYTES_PER_SECOND_MIN: u64 = 10_000;
/// Bytes of what `sftp` says that are kept.
const SAID_MAX: u64 = 16 << 10;

/// A host of the config.
#[derive(Debug)]
pub(super) struct Sftp {
    pub(super) host: SftpHost,
    /// Permission bits of the file.
    pub(super) mode: u32,
}

/// A session that has been logged in to.
struct Session {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    timeout: Duration,
}

/// Why a session ended early.
enum Ended {
    /// The far end refused something; it said this.
    Refused(String),
    /// The connection is gone, or hangs; this is known of it.
    Lost(String),
}

impl Sftp {
    pub(super) async fn put(&self, item: Item<'_>, delivery_id: i64, mark: Mark<'_>) -> Put {
        let target = self.remote(item.path);
        let part = self.remote(&part_path(item.path, delivery_id));
        let mut session = match self.open().await {
            Ok(session) => session,
            Err(outcome) => return outcome.into(),
        };
        if item.create_only {
            match session.length(&target).await {
                Ok(Some(_)) => return Put::Taken,
                Ok(None) => {}
                Err(ended) => return self.nothing_seen(ended).into(),
            }
        }
        let (local, _kept) = match local_file(&item) {
            Ok(local) => local,
            Err(outcome) => return outcome.into(),
        };
        if let Err(reply) = mark(None).await {
            return Outcome::passing(reply).into();
        }
        let slow = Duration::from_secs(item.bytes() / BYTES_PER_SECOND_MIN);
        for folder in folders(&target) {
            // It may be there already; a failure that matters shows at the upload.
            if let Err(ended) = session.say(&format!("-mkdir {}", quoted(&folder)), Duration::ZERO).await {
                return self.nothing_seen(ended).into();
            }
        }
        let upload = format!("put -f {} {}", quoted(&local), quoted(&part));
        let chmod = format!("-chmod {:o} {}", self.mode, quoted(&part));
        for (command, wait) in [(upload, slow), (chmod, Duration::ZERO)] {
            if let Err(ended) = session.say(&command, wait).await {
                self.clean_up(&ended, &part).await;
                return self.nothing_seen(ended).into();
            }
        }
        // The plain rename of the protocol fails where the name is taken; OpenSSH's replaces in one step.
        let how = if item.create_only { "rename -l" } else { "rename" };
        let renamed =
            session.say(&format!("{how} {} {}", quoted(&part), quoted(&target)), Duration::ZERO).await;
        match renamed {
            Ok(_) => {
                session.bye().await;
                let bytes = item.bytes();
                let place = format!("sftp://{}/{}", self.host.host, target.trim_start_matches('/'));
                let receipt = Receipt { path: Some(place.clone()), bytes: Some(bytes), ..Receipt::default() };
                Outcome::done(format!("{place} ({bytes} bytes)"), receipt).into()
            }
            Err(ended @ Ended::Refused(_)) => {
                let taken = item.create_only && matches!(self.length(&target).await, Ok(Some(_)));
                self.clean_up(&ended, &part).await;
                if taken { Put::Taken } else { self.nothing_seen(ended).into() }
            }
            Err(Ended::Lost(reply)) => Outcome::Unsure { reply: self.told(&reply) }.into(),
        }
    }

    pub(super) async fn look(&self, path: &str, bytes: u64, sha256: &str) -> Look {
        let target = self.remote(path);
        match self.length(&target).await {
            Err(outcome) => return Look::Mute(outcome.reply().to_owned()),
            Ok(None) => return Look::Absent,
            Ok(Some(found)) if found != bytes => return Look::Other(format!("it has {found} bytes")),
            Ok(Some(_)) => {}
        }
        match self.digest(&target, bytes).await {
            Ok(found) if found == sha256 => {
                let place = format!("sftp://{}/{}", self.host.host, target.trim_start_matches('/'));
                Look::Same(Receipt { path: Some(place), bytes: Some(bytes), ..Receipt::default() })
            }
            Ok(_) => Look::Other("it holds other bytes".to_owned()),
            Err(outcome) => Look::Mute(outcome.reply().to_owned()),
        }
    }

    /// Whether the folder can be written to: a file is put and removed.
    pub(super) async fn probe(&self, name: &str) -> Outcome {
        let name = self.remote(name);
        let mut session = match self.open().await {
            Ok(session) => session,
            Err(outcome) => return outcome,
        };
        let file = match tempfile::NamedTempFile::new() {
            Ok(file) => file,
            Err(error) => return from_io("write", &std::env::temp_dir(), &error),
        };
        let local = quoted(&file.path().display().to_string());
        for command in [format!("put {local} {}", quoted(&name)), format!("rm {}", quoted(&name))] {
            if let Err(ended) = session.say(&command, Duration::ZERO).await {
                return self.nothing_seen(ended);
            }
        }
        session.bye().await;
        Outcome::done("logged in; a file was put and removed".to_owned(), Receipt::default())
    }

    async fn length(&self, target: &str) -> Result<Option<u64>, Outcome> {
        let mut session = self.open().await?;
        let length = session.length(target).await.map_err(|ended| self.nothing_seen(ended));
        session.bye().await;
        length
    }

    async fn digest(&self, target: &str, bytes: u64) -> Result<String, Outcome> {
        let folder = tempfile::tempdir().map_err(|error| Outcome::passing(error.to_string()))?;
        let copy = folder.path().join("copy");
        let mut session = self.open().await?;
        let slow = Duration::from_secs(bytes / BYTES_PER_SECOND_MIN);
        let fetch = format!("get {} {}", quoted(target), quoted(&copy.display().to_string()));
        session.say(&fetch, slow).await.map_err(|ended| self.nothing_seen(ended))?;
        session.bye().await;
        let digest = tokio::task::spawn_blocking(move || digest_of(&copy)).await;
        let digest = digest.map_err(|error| Outcome::passing(error.to_string()))?;
        digest.map_err(|error| Outcome::passing(error.to_string()))
    }

    /// The path below the host's folder.
    fn remote(&self, path: &str) -> String {
        match &self.host.folder {
            None => path.to_owned(),
            Some(folder) => format!("{}/{path}", folder.trim_end_matches('/')),
        }
    }

    /// Logs in. Nothing of a file has been sent then.
    async fn open(&self) -> Result<Session, Outcome> {
        let host = &self.host;
        let timeout = Duration::try_from(host.timeout).unwrap_or(Duration::from_mins(1));
        let guard = Guard { private_network: host.private_network };
        let looked_up = guard.addresses(&host.host, host.port).await;
        let addresses = looked_up.map_err(|error| Outcome::passing(chain(&error)))?;
        let key = host.key.path().map_err(|error| Outcome::passing(chain(&error)))?;
        let mut outcome = Outcome::passing(self.told("there is no address"));
        for address in addresses {
            let mut session = self.start(&address.ip().to_string(), &key, timeout)?;
            match session.say("", Duration::ZERO).await {
                Ok(_) => return Ok(session),
                Err(Ended::Lost(reply) | Ended::Refused(reply)) => outcome = self.refused(&reply),
            }
        }
        Err(outcome)
    }

    fn start(&self, address: &str, key: &std::path::Path, timeout: Duration) -> Result<Session, Outcome> {
        let host = &self.host;
        let option = |name: &str, value: &str| format!("-o{name}={value}");
        let seconds = timeout.as_secs().clamp(1, 3_600).to_string();
        let mut command = Command::new("sftp");
        command
            // No file of the user's and none of the host's: what holds stands in the config.
            .args(["-F", "/dev/null", "-b", "-"])
            .arg(option("LogLevel", "ERROR"))
            .arg(option("BatchMode", "yes"))
            .arg(option("HostName", address))
            .arg(option("HostKeyAlias", &alias(host)))
            .arg(option("StrictHostKeyChecking", "yes"))
            .arg(option("UserKnownHostsFile", &host.known_hosts.display().to_string()))
            .arg(option("GlobalKnownHostsFile", "/dev/null"))
            .arg(option("UpdateHostKeys", "no"))
            .arg(option("IdentitiesOnly", "yes"))
            .arg(option("IdentityAgent", "none"))
            .arg(option("PreferredAuthentications", "publickey"))
            .arg(option("ConnectTimeout", &seconds))
            .arg(option("ServerAliveInterval", "15"))
            .arg(option("ServerAliveCountMax", "3"))
            .arg("-i")
            .arg(key)
            .args(["-P", &host.port.to_string()])
            .arg(format!("{}@{}", host.user, host.host))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| {
            Outcome::passing(format!("start `sftp`: {error}; install the package openssh-client"))
        })?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(input), Some(output)) => {
                Ok(Session { child, input, output: BufReader::new(output).lines(), timeout })
            }
            _ => Err(Outcome::passing("`sftp` has no input and output".to_owned())),
        }
    }

    /// A failure at which nobody has seen anything of the file under its name.
    fn nothing_seen(&self, ended: Ended) -> Outcome {
        match ended {
            Ended::Refused(reply) | Ended::Lost(reply) => self.refused(&reply),
        }
    }

    fn refused(&self, reply: &str) -> Outcome {
        let lasting = [
            ("Host key verification failed", "; the host's key must stand in known_hosts under its name"),
            (
                "REMOTE HOST IDENTIFICATION HAS CHANGED",
                "; ask the host's administrator before you take the new key",
            ),
            (
                "No user exists for uid",
                "; install the package libnss-systemd: ssh wants a name for the unit's user",
            ),
            ("Permission denied", ""),
            ("Operation unsupported", ""),
        ];
        match lasting.iter().find(|(words, _)| reply.contains(words)) {
            Some((_, cure)) => Outcome::lasting(format!("{}{cure}", self.told(reply))),
            None => Outcome::passing(self.told(reply)),
        }
    }

    fn told(&self, reply: &str) -> String {
        format!("{}@{}:{}: {reply}", self.host.user, self.host.host, self.host.port)
    }

    /// Removes what an earlier try may have left. Best effort.
    pub(super) async fn clear(&self, path: &str, delivery_id: i64) {
        let part = self.remote(&part_path(path, delivery_id));
        self.clean_up(&Ended::Refused(String::new()), &part).await;
    }

    /// Best effort, where the far end still answers: a leftover is overwritten by the next try.
    async fn clean_up(&self, ended: &Ended, part: &str) {
        if matches!(ended, Ended::Refused(_))
            && let Ok(mut session) = self.open().await
        {
            drop(session.say(&format!("-rm {}", quoted(part)), Duration::ZERO).await);
            session.bye().await;
        }
    }
}

impl Session {
    /// Says a command and waits until it is done; returns what was printed.
    async fn say(&mut self, command: &str, slow: Duration) -> Result<Vec<String>, Ended> {
        let lines = format!("{command}\npwd\n");
        let talk = async {
            // A broken pipe shows at the reading.
            drop(self.input.write_all(lines.as_bytes()).await);
            let mut printed = Vec::new();
            while let Ok(Some(line)) = self.output.next_line().await {
                if line.starts_with(FENCE) {
                    return Some(printed);
                }
                if !line.starts_with("sftp>") {
                    printed.push(line);
                }
            }
            None
        };
        match tokio::time::timeout(self.timeout + slow, talk).await {
            Ok(Some(printed)) => Ok(printed),
            Ok(None) => Err(self.ended().await),
            Err(_) => {
                drop(self.child.start_kill());
                Err(Ended::Lost(format!("no answer within {} s", (self.timeout + slow).as_secs())))
            }
        }
    }

    /// Why `sftp` is gone, in its own words.
    async fn ended(&mut self) -> Ended {
        let mut said = Vec::new();
        if let Some(error) = self.child.stderr.take() {
            let mut error = error.take(SAID_MAX);
            drop(tokio::time::timeout(Duration::from_secs(5), error.read_to_end(&mut said)).await);
        }
        let code = self.child.wait().await.ok().and_then(|status| status.code());
        let said = String::from_utf8_lossy(&said).split_whitespace().collect::<Vec<_>>().join(" ");
        let said = if said.is_empty() { "the connection was closed".to_owned() } else { said };
        // 1 is a command that the far end refused; 255 and signals are the connection's.
        if code == Some(1) && !said.contains("Connection closed") && !said.contains("Broken pipe") {
            Ended::Refused(said)
        } else {
            Ended::Lost(said)
        }
    }

    /// The length of a file, or `None` where there is none.
    async fn length(&mut self, target: &str) -> Result<Option<u64>, Ended> {
        let listed = self.say(&format!("-ls -ln {}", quoted(target)), Duration::ZERO).await?;
        let file = listed.iter().find(|line| line.starts_with('-'));
        Ok(file.and_then(|line| line.split_whitespace().nth(4)?.parse().ok()))
    }

    async fn bye(mut self) {
        drop(self.input);
        drop(tokio::time::timeout(Duration::from_secs(5), self.child.wait()).await);
    }
}

/// The name that a host's key stands under: `ssh-keyscan` writes `[HOST]:PORT` for other ports than 22.
fn alias(host: &SftpHost) -> String {
    let with_port = format!("[{}]:{}", host.host, host.port);
    let known = std::fs::read_to_string(&host.known_hosts).unwrap_or_default();
    if known.contains(&with_port) { with_port } else { host.host.clone() }
}

/// A name for `sftp`'s command line: in quotes nothing has a meaning but quotes themselves.
fn quoted(path: &str) -> String {
    format!("\"{}\"", path.replace('"', "\\\""))
}

/// Every folder on the way to a relative path.
fn folders(path: &str) -> Vec<String> {
    let ends = path.match_indices('/').map(|(at, _)| at).filter(|at| 0 < *at);
    ends.filter_map(|at| path.get(..at)).map(ToOwned::to_owned).collect()
}

/// Where an item's bytes can be read by name; what is made for it vanishes with the second value.
fn local_file(item: &Item<'_>) -> Result<(String, Option<tempfile::NamedTempFile>), Outcome> {
    match item.source {
        Source::File(file) => Ok((file.path.display().to_string(), None)),
        Source::Bytes(bytes) => {
            let failed = |error: std::io::Error| from_io("write", &std::env::temp_dir(), &error);
            let mut file = tempfile::NamedTempFile::new().map_err(failed)?;
            std::io::Write::write_all(&mut file, bytes).map_err(failed)?;
            Ok((file.path().display().to_string(), Some(file)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{folders, quoted};

    #[test]
    fn names_are_quoted_and_folders_found() {
        assert_eq!(quoted("a b\"c*.csv"), "\"a b\\\"c*.csv\"");
        assert_eq!(folders("in/2026/x.csv"), ["in", "in/2026"]);
        assert_eq!(folders("/in/x.csv"), ["/in"]);
        assert!(folders("x.csv").is_empty());
    }
}
