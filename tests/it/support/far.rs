//! Places that keep files, each a real server behind a proxy that breaks connections.

use std::fs;
use std::path::{Path, PathBuf};

use legwork::domain::definition::{HttpMethod, Place};

use super::files;
use super::nginx::Nginx;
use super::places::{Azurite, Gcs, Moto, Rclone, S3rver, Sshd};
use super::proxy::Proxy;

/// Reads the far end: names of everything that is there, and the bytes under a name.
pub trait FarEnd {
    fn names(&self) -> Vec<String>;
    fn bytes(&self, name: &str) -> Option<Vec<u8>>;
    /// Puts what it keeps into another folder from now on; false where it keeps no files.
    fn move_to(&self, _folder: &Path) -> bool {
        false
    }
    /// Uploads in parts that nobody has ended.
    fn uploads(&self) -> usize {
        0
    }
}

/// A place under test.
pub struct Far {
    pub kind: &'static str,
    pub place: Place,
    pub target: String,
    pub config: String,
    pub wrong: Option<String>,
    pub proxy: Option<Proxy>,
    pub end: Box<dyn FarEnd>,
    /// Whether the place shows a file under its name in one step, whatever breaks.
    pub atomic: bool,
}

pub struct Folder(
    PathBuf,
    #[expect(dead_code, reason = "kept until the end")] Option<Box<dyn std::any::Any>>,
);

impl FarEnd for Folder {
    fn names(&self) -> Vec<String> {
        files(&self.0)
    }

    fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        fs::read(self.0.join(name)).ok()
    }

    fn move_to(&self, folder: &Path) -> bool {
        fs::remove_dir(&self.0).unwrap();
        std::os::unix::fs::symlink(folder, &self.0).unwrap();
        // nginx puts a body aside first: on the same disk, as its manual advises.
        let temp = self.0.with_file_name("temp").join("client_body");
        if temp.exists() {
            let aside = folder.with_file_name("aside");
            fs::create_dir_all(&aside).unwrap();
            fs::remove_dir_all(&temp).unwrap();
            std::os::unix::fs::symlink(&aside, &temp).unwrap();
        }
        true
    }
}

macro_rules! far_end {
    ($server:ty, $bucket:literal, $uploads:expr) => {
        impl FarEnd for $server {
            fn names(&self) -> Vec<String> {
                self.objects($bucket)
            }

            fn bytes(&self, name: &str) -> Option<Vec<u8>> {
                self.object($bucket, name)
            }

            fn uploads(&self) -> usize {
                let count: fn(&Self) -> usize = $uploads;
                count(self)
            }
        }
    };
}
far_end!(Moto, "reports", |moto| moto.uploads("reports"));
far_end!(S3rver, "reports", |server| server.uploads("reports"));
far_end!(Azurite, "reports", |_| 0);
far_end!(Gcs, "reports", |gcs| gcs.uploads("reports"));

const SECRETS: &str = "contract-secrets";

/// A folder with a secret file for each value.
fn secret(folder: &Path, name: &str, value: &str) -> String {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.join(format!("{SECRETS}-{name}"));
    fs::write(&path, value).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    format!("{{ file = \"{}\" }}", path.display())
}

pub fn directory(folder: &Path) -> Far {
    let out = folder.join("far");
    fs::create_dir(&out).unwrap();
    Far {
        kind: "directory",
        place: Place::Directory { mode: 0o640 },
        target: out.display().to_string(),
        config: String::new(),
        wrong: None,
        proxy: None,
        end: Box::new(Folder(out, None)),
        atomic: true,
    }
}

pub fn sftp(_: &Path) -> Far {
    let sshd = Sshd::start();
    let proxy = Proxy::start(sshd.port);
    let config = |key: &Path| {
        format!(
            "[sftp.far]\nhost = \"localhost\"\nport = {}\nuser = \"{}\"\nkey = {{ file = \"{}\" }}\n\
             known_hosts = \"{}\"\ntimeout = \"3s\"\n",
            proxy.port,
            sshd.user,
            key.display(),
            sshd.known_hosts.display()
        )
    };
    let (right, wrong) = (config(&sshd.key), config(&sshd.wrong_key()));
    Far {
        kind: "sftp",
        place: Place::Sftp { mode: 0o640 },
        target: "far".to_owned(),
        config: right,
        wrong: Some(wrong),
        end: Box::new(Folder(sshd.folder(), Some(Box::new(sshd)))),
        proxy: Some(proxy),
        atomic: true,
    }
}

pub fn webdav_rclone(folder: &Path) -> Far {
    let rclone = Rclone::start();
    let proxy = Proxy::start(rclone.port);
    let config = |password: &str| {
        format!(
            "[webdav.far]\nurl = \"http://localhost:{}\"\nuser = \"u\"\npassword = {}\ntimeout = \"3s\"\n",
            proxy.port,
            secret(folder, password, password)
        )
    };
    Far {
        kind: "webdav (rclone)",
        place: Place::Webdav,
        target: "far".to_owned(),
        config: config("p"),
        wrong: Some(config("q")),
        end: Box::new(Folder(rclone.folder(), Some(Box::new(rclone)))),
        proxy: Some(proxy),
        atomic: true,
    }
}

fn nginx(table: &str, place: Place, kind: &'static str) -> Far {
    let nginx = Nginx::start();
    let proxy = Proxy::start(nginx.port);
    let config = |below: &str| {
        format!(
            "[{table}.far]\nurl = \"https://localhost:{}{below}\"\nca_file = \"{}\"\ntimeout = \"3s\"\n",
            proxy.port,
            nginx.ca.display()
        )
    };
    Far {
        kind,
        place,
        target: "far".to_owned(),
        config: config(""),
        wrong: Some(config("/401")),
        end: Box::new(Folder(nginx.folder.path().join("files"), Some(Box::new(nginx)))),
        proxy: Some(proxy),
        atomic: true,
    }
}

pub fn webdav_nginx(_: &Path) -> Far {
    nginx("webdav", Place::Webdav, "webdav (nginx over TLS)")
}

pub fn http_put(_: &Path) -> Far {
    let place = Place::Http {
        method: HttpMethod::Put,
        headers: [("X-Tenant".to_owned(), "north".to_owned())].into(),
    };
    nginx("http", place, "http PUT (nginx over TLS)")
}

pub fn http_post(_: &Path) -> Far {
    let place = Place::Http { method: HttpMethod::Post, headers: [].into() };
    nginx("http", place, "http POST (nginx over TLS)")
}

fn s3_config(folder: &Path, port: u16, secret_key: &str, id: &str) -> String {
    format!(
        "[s3.far]\nbucket = \"reports\"\nendpoint = \"http://localhost:{port}\"\naccess_key_id = \"{id}\"\n\
         secret_access_key = {}\ntimeout = \"3s\"\n",
        secret(folder, secret_key, secret_key)
    )
}

pub fn s3_moto(folder: &Path) -> Far {
    let moto = Moto::start();
    moto.make_bucket("reports");
    let proxy = Proxy::start(moto.port);
    Far {
        kind: "s3 (moto)",
        place: Place::S3,
        target: "far".to_owned(),
        config: s3_config(folder, proxy.port, "any", "any"),
        wrong: None,
        end: Box::new(moto),
        proxy: Some(proxy),
        // It stores what has come of a body that was cut, which no S3 does.
        atomic: false,
    }
}

pub fn s3_s3rver(folder: &Path) -> Far {
    let s3rver = S3rver::start();
    let proxy = Proxy::start(s3rver.port);
    Far {
        kind: "s3 (s3rver)",
        place: Place::S3,
        target: "far".to_owned(),
        config: s3_config(folder, proxy.port, S3rver::KEY, S3rver::KEY),
        wrong: Some(s3_config(folder, proxy.port, "wrong", "WRONG")),
        end: Box::new(s3rver),
        proxy: Some(proxy),
        atomic: false,
    }
}

pub fn azure(folder: &Path) -> Far {
    let azurite = Azurite::start();
    azurite.make_container("reports");
    let proxy = Proxy::start(azurite.port);
    let config = |name: &str, key: &str| {
        format!(
            "[azure.far]\naccount = \"{0}\"\ncontainer = \"reports\"\nendpoint = \"http://127.0.0.1:{1}/{0}\"\nkey = {2}\n\
             timeout = \"3s\"\n",
            Azurite::ACCOUNT,
            proxy.port,
            secret(folder, name, key)
        )
    };
    Far {
        kind: "azure",
        place: Place::Azure,
        target: "far".to_owned(),
        config: config("right", Azurite::KEY),
        wrong: Some(config("wrong", "d3Jvbmcgd3Jvbmcgd3Jvbmc=")),
        end: Box::new(azurite),
        proxy: Some(proxy),
        atomic: true,
    }
}

pub fn gcs(_: &Path) -> Far {
    let gcs = Gcs::start();
    let proxy = Proxy::start(gcs.port);
    Far {
        kind: "gcs",
        place: Place::Gcs,
        target: "far".to_owned(),
        config: format!(
            "[gcs.far]\nbucket = \"reports\"\nendpoint = \"http://localhost:{}\"\ntimeout = \"3s\"\n",
            proxy.port
        ),
        wrong: None,
        end: Box::new(gcs),
        proxy: Some(proxy),
        atomic: false,
    }
}
