//! Real servers that files are delivered to: OpenSSH, object stores, `WebDAV`. Each has a folder and a port
//! of its own and is killed when it goes out of scope.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::{free_port, python, root, wait_for};

/// A program that listens on a port.
struct Server {
    child: Child,
    folder: tempfile::TempDir,
    port: u16,
}

impl Server {
    /// Starts what `command` makes of a folder and a port, and waits until it listens. Somebody else can take
    /// the port first: then the program ends, and another port will do.
    fn start(mut command: impl FnMut(&Path, u16) -> Command) -> Self {
        let folder = tempfile::Builder::new().prefix("legwork-it-").tempdir().unwrap();
        for _ in 0..5 {
            let port = free_port();
            let log = fs::File::create(folder.path().join("server.log")).unwrap();
            let mut command = command(folder.path(), port);
            command.current_dir(folder.path()).env("HOME", folder.path()).stdin(Stdio::null());
            command.stdout(log.try_clone().unwrap()).stderr(log);
            let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
            let listens = wait_for("a server", || {
                let connected = TcpStream::connect(("127.0.0.1", port));
                match child.try_wait().unwrap() {
                    Some(_) => Ok(false),
                    None => connected.map(|_| true).map_err(|error| format!("{command:?}: {error}")),
                }
            });
            if listens {
                return Self { child, folder, port };
            }
        }
        panic!("the server did not start:\n{}", log(folder.path()));
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn log(folder: &Path) -> String {
    fs::read_to_string(folder.join("server.log")).unwrap_or_default()
}

/// A program that came with the packages of `tests/requirements.txt`.
fn python_program(name: &str) -> Command {
    Command::new(Path::new(&python()).with_file_name(name))
}

/// A program that came with the packages of `tests/servers/package.json`.
fn node_program(name: &str) -> Command {
    let node =
        std::env::var("LEGWORK_TEST_NODE").expect("run the tests by tests/run: it installs what they need");
    Command::new(Path::new(&node).join("node_modules/.bin").join(name))
}

/// Status and body of an HTTP answer.
fn curl(arguments: &[&str], url: &str) -> (u16, Vec<u8>) {
    let mut command = Command::new("curl");
    command
        .args(["-q", "-sS", "--noproxy", "*", "-m", "60", "-w", "%{stderr}%{http_code}"])
        .args(arguments)
        .arg(url);
    let output = command.output().unwrap();
    let status = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{url}: {status}");
    (status.parse().unwrap(), output.stdout)
}

/// A key as it stands in a URL.
fn encoded(key: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    key.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// What stands between `<name>` and `</name>`, each time.
fn elements(xml: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let texts = xml.split(&open).skip(1).filter_map(|rest| rest.split(&close).next());
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    texts
        .map(|text| entities.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to)))
        .collect()
}

/// All files below a folder, with `/` between the names.
fn below(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() {
            names.extend(below(&entry.path()).iter().map(|inner| format!("{name}/{inner}")));
        } else {
            names.push(name);
        }
    }
    names.sort();
    names
}

/// OpenSSH's sshd with SFTP only. Its host key is known as `localhost`, for clients with
/// `HostKeyAlias=localhost`: an alias is looked up without the port. Sessions outlive the server.
pub struct Sshd {
    server: Server,
    pub port: u16,
    /// The user's private key; others are refused, and so are passwords.
    pub key: PathBuf,
    pub known_hosts: PathBuf,
    pub user: String,
}

impl Sshd {
    pub fn start() -> Self {
        // Only root can make it, and only root needs it.
        drop(fs::create_dir_all("/run/sshd"));
        let server = Server::start(|folder, port| {
            let path = folder.display();
            let files = folder.join("files");
            if !files.exists() {
                fs::create_dir(&files).unwrap();
                key_pair(&folder.join("host_key"));
                key_pair(&folder.join("key"));
            }
            let conf = format!(
                "ListenAddress 127.0.0.1:{port}\nHostKey {path}/host_key\nPidFile none\nUsePAM no\n\
                 StrictModes no\nAuthorizedKeysFile {path}/key.pub\nPermitRootLogin prohibit-password\n\
                 PubkeyAuthentication yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
                 MaxStartups 1000\nLogLevel VERBOSE\nSubsystem sftp internal-sftp -d {path}/files\n\
                 ForceCommand internal-sftp -d {path}/files\n"
            );
            fs::write(folder.join("sshd_config"), conf).unwrap();
            // It starts itself anew for each connection and wants its whole path for that.
            let mut command = Command::new("/usr/sbin/sshd");
            command.args(["-D", "-e", "-f"]).arg(folder.join("sshd_config"));
            command
        });
        let host_key = fs::read_to_string(server.folder("host_key.pub")).unwrap();
        let known_hosts = server.folder("known_hosts");
        fs::write(&known_hosts, format!("localhost {host_key}")).unwrap();
        let user = String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
        let (port, key) = (server.port, server.folder("key"));
        Self { server, port, key, known_hosts, user: user.trim().to_owned() }
    }

    /// Where a session begins and files land.
    pub fn folder(&self) -> PathBuf {
        self.server.folder("files")
    }

    /// A key that opens nothing here.
    pub fn wrong_key(&self) -> PathBuf {
        let path = self.server.folder("wrong_key");
        if !path.exists() {
            key_pair(&path);
        }
        path
    }
}

fn key_pair(path: &Path) {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "legwork", "-f"])
        .arg(path)
        .status();
    assert!(made.unwrap().success());
}

/// moto's S3. It takes any key and any signature, but anonymous requests get 403.
pub struct Moto {
    server: Server,
    pub port: u16,
}

impl Moto {
    pub fn start() -> Self {
        let server = Server::start(|_, port| {
            let mut command = python_program("moto_server");
            command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
            command
        });
        Self { port: server.port, server }
    }

    fn ask(&self, arguments: &[&str], path: &str) -> (u16, Vec<u8>) {
        let signed = ["--user", "test:test", "--aws-sigv4", "aws:amz:us-east-1:s3"];
        curl(&[&signed, arguments].concat(), &format!("http://127.0.0.1:{}/{path}", self.server.port))
    }

    pub fn make_bucket(&self, bucket: &str) {
        let (status, body) = self.ask(&["-X", "PUT"], bucket);
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    }

    pub fn object(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        let (status, body) = self.ask(&[], &format!("{bucket}/{}", encoded(key)));
        found(status, body)
    }

    /// Keys of all objects (the first thousand).
    pub fn objects(&self, bucket: &str) -> Vec<String> {
        self.elements(bucket, "list-type=2", "Key")
    }

    /// Uploads in parts that are neither completed nor aborted.
    pub fn uploads(&self, bucket: &str) -> usize {
        self.elements(bucket, "uploads=", "UploadId").len()
    }

    fn elements(&self, bucket: &str, query: &str, name: &str) -> Vec<String> {
        let (status, body) = self.ask(&[], &format!("{bucket}?{query}"));
        let text = String::from_utf8(body).unwrap();
        assert_eq!(status, 200, "{text}");
        elements(&text, name)
    }
}

/// The body of an object; none when there is no such object.
fn found(status: u16, body: Vec<u8>) -> Option<Vec<u8>> {
    assert!(matches!(status, 200 | 404), "{status}: {}", String::from_utf8_lossy(&body));
    (status == 200).then_some(body)
}

/// `S3rver` with the bucket `reports`. An unknown access key gets 403; the secret and the signature it does
/// not look at. What a cut PUT has brought stays as the object, which no S3 does.
pub struct S3rver {
    server: Server,
    pub port: u16,
}

impl S3rver {
    /// Access key and secret.
    pub const KEY: &str = "S3RVER";

    pub fn start() -> Self {
        let server = Server::start(|folder, port| {
            let mut command = node_program("s3rver");
            command.arg("-d").arg(folder.join("buckets"));
            command.args(["-a", "127.0.0.1", "-p", &port.to_string(), "--configure-bucket", "reports"]);
            command
        });
        Self { port: server.port, server }
    }

    pub fn object(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        fs::read(self.server.folder("buckets").join(bucket).join(format!("{key}{S3RVER_OBJECT}"))).ok()
    }

    /// Keys of all objects.
    pub fn objects(&self, bucket: &str) -> Vec<String> {
        let names = below(&self.server.folder("buckets").join(bucket));
        names.iter().filter_map(|name| name.strip_suffix(S3RVER_OBJECT)).map(str::to_owned).collect()
    }

    /// Uploads in parts that are neither completed nor aborted.
    pub fn uploads(&self, bucket: &str) -> usize {
        let folder = self.server.folder("buckets").join(bucket).join("._S3rver_uploads");
        fs::read_dir(folder).map_or(0, Iterator::count)
    }
}

/// How the file of an object ends on the disk.
const S3RVER_OBJECT: &str = "._S3rver_object";

/// An OAuth 2 server that gives tokens for client credentials, as JWTs of its own.
pub struct OauthServer {
    #[expect(dead_code, reason = "kept until the end")]
    server: Server,
    pub port: u16,
}

impl OauthServer {
    pub fn start() -> Self {
        let server = Server::start(|_, port| {
            let modules = std::env::var("LEGWORK_TEST_NODE").expect("run the tests by tests/run");
            let mut command = Command::new("node");
            command.arg(root().join("tests/servers/oauth.mjs")).arg(modules).arg(port.to_string());
            command
        });
        Self { port: server.port, server }
    }
}

/// Azurite's blobs, below `http://127.0.0.1:PORT/devstoreaccount1`. It verifies signatures: a wrong key gets
/// 403.
pub struct Azurite {
    server: Server,
    pub port: u16,
}

impl Azurite {
    pub const ACCOUNT: &str = "devstoreaccount1";
    /// The account's key; it is the same in every Azurite.
    pub const KEY: &str =
        "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

    pub fn start() -> Self {
        let server = Server::start(|folder, port| {
            let mut command = node_program("azurite-blob");
            command.args(["--blobHost", "127.0.0.1", "--blobPort", &port.to_string(), "--location"]);
            command.arg(folder.join("blobs")).args([
                "--silent",
                "--disableTelemetry",
                "--skipApiVersionCheck",
            ]);
            command
        });
        Self { port: server.port, server }
    }

    /// Runs `tests/servers/azure.py`; none when it says that there is no such blob.
    fn ask(&self, arguments: &[&str]) -> Option<Vec<u8>> {
        let mut command = Command::new(python());
        command.arg(root().join("tests/servers/azure.py")).arg(self.server.port.to_string()).args(arguments);
        let output = command.output().unwrap();
        if output.status.code() == Some(4) {
            return None;
        }
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Some(output.stdout)
    }

    pub fn make_container(&self, container: &str) {
        self.ask(&["create", container]);
    }

    pub fn object(&self, container: &str, blob: &str) -> Option<Vec<u8>> {
        self.ask(&["get", container, blob])
    }

    /// Names of all blobs.
    pub fn objects(&self, container: &str) -> Vec<String> {
        let names = String::from_utf8(self.ask(&["list", container]).unwrap()).unwrap();
        names.lines().map(str::to_owned).collect()
    }
}

/// gcp-storage-emulator with the bucket `reports`, driven by `gcs.py` beside this file. Nobody has to log in.
pub struct Gcs {
    server: Server,
    pub port: u16,
}

impl Gcs {
    pub fn start() -> Self {
        let server = Server::start(|_, port| {
            let mut command = Command::new(python());
            command.arg(root().join("tests/it/support/gcs.py")).args([&port.to_string(), "reports"]);
            command
        });
        Self { port: server.port, server }
    }

    fn ask(&self, path: &str) -> (u16, Vec<u8>) {
        curl(&[], &format!("http://127.0.0.1:{}/{path}", self.server.port))
    }

    pub fn object(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        let (status, body) = self.ask(&format!("{bucket}/{}", encoded(key)));
        found(status, body)
    }

    /// Keys of all objects.
    pub fn objects(&self, bucket: &str) -> Vec<String> {
        let (status, body) = self.ask(&format!("storage/v1/b/{bucket}/o"));
        let text = String::from_utf8(body).unwrap();
        assert_eq!(status, 200, "{text}");
        let listed: serde_json::Value = serde_json::from_str(&text).unwrap();
        let items = listed["items"].as_array().cloned().unwrap_or_default();
        items.iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
    }

    /// Uploads in parts that are neither completed nor aborted.
    pub fn uploads(&self, bucket: &str) -> usize {
        let (_, body) = self.ask(&format!("{bucket}?uploads"));
        elements(&String::from_utf8(body).unwrap(), "Upload").len()
    }
}

/// rclone's `WebDAV` without TLS; it asks for the user `u` and the password `p`. What a cut PUT has brought
/// stays as the file.
pub struct Rclone {
    server: Server,
    pub port: u16,
}

impl Rclone {
    pub fn start() -> Self {
        let server = Server::start(|folder, port| {
            let files = folder.join("files");
            fs::create_dir_all(&files).unwrap();
            let mut command = Command::new("rclone");
            command.args(["serve", "webdav"]).arg(files);
            command.args(["--addr", &format!("127.0.0.1:{port}"), "--user", "u", "--pass", "p"]);
            // What a test changes in the folder shows at once.
            command.args(["--dir-cache-time", "0s"]);
            command
        });
        Self { port: server.port, server }
    }

    /// Where files land.
    pub fn folder(&self) -> PathBuf {
        self.server.folder("files")
    }
}
