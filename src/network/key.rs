//! The key that signs links and forms: made once, kept beside the database, readable by its owner only.

use std::io::{ErrorKind, Read, Write};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;

const KEY_BYTES: usize = 32;

/// What a link to a file is signed for.
const LINK: &str = "link";

/// Signs short texts.
#[derive(Clone)]
pub struct Key([u8; KEY_BYTES]);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl Key {
    /// Reads the key, or makes it. Blocks.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        match std::fs::File::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => make(path)?,
            other => drop(other?),
        }
        let mut key = [0; KEY_BYTES];
        std::fs::File::open(path)?.read_exact(&mut key)?;
        Ok(Self(key))
    }

    fn mac(&self, purpose: &str, text: &str) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        // A signature for one purpose is none for another.
        mac.update(purpose.as_bytes());
        mac.update(&[0]);
        mac.update(text.as_bytes());
        Some(mac)
    }

    /// The signature of a text for a purpose.
    pub fn sign(&self, purpose: &str, text: &str) -> String {
        let signed = self.mac(purpose, text).map(|mac| mac.finalize().into_bytes());
        signed.map(|bytes| URL_SAFE_NO_PAD.encode(bytes)).unwrap_or_default()
    }

    /// Whether a signature is that of a text for a purpose; takes the same time for every wrong one.
    pub fn verifies(&self, purpose: &str, text: &str, signature: &str) -> bool {
        let Ok(bytes) = URL_SAFE_NO_PAD.decode(signature) else { return false };
        self.mac(purpose, text).is_some_and(|mac| mac.verify_slice(&bytes).is_ok())
    }

    /// What opens a file, by its path below the artifacts folder, until an instant: `PATH.SECONDS.SIGNATURE`.
    pub fn link(&self, path: &str, ends: Timestamp) -> String {
        let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(path), ends.as_second());
        let signature = self.sign(LINK, &text);
        format!("{text}.{signature}")
    }

    /// The path that a link opens now; `None` where it is not ours or has ended.
    pub fn open_link(&self, link: &str, now: Timestamp) -> Option<String> {
        let (text, signature) = link.rsplit_once('.')?;
        if !self.verifies(LINK, text, signature) {
            return None;
        }
        let (path, ends) = text.split_once('.')?;
        let ends: i64 = ends.parse().ok()?;
        let path = String::from_utf8(URL_SAFE_NO_PAD.decode(path).ok()?).ok()?;
        (now.as_second() < ends).then_some(path)
    }
}

/// Makes a key under its name, unless somebody else was first.
fn make(path: &Path) -> std::io::Result<()> {
    let mut key = [0; KEY_BYTES];
    getrandom::fill(&mut key).map_err(std::io::Error::other)?;
    // Its own name until it is whole, readable by its owner only.
    let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
    file.write_all(&key)?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Err(error) if error.error.kind() != ErrorKind::AlreadyExists => Err(error.error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::Key;

    #[test]
    fn a_link_opens_its_file_until_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let key = Key::open(&folder.path().join("web.key")).unwrap();
        let now: jiff::Timestamp = "2026-11-01T06:00:00Z".parse().unwrap();
        let link = key.link("17/daily ü.csv", now + SignedDuration::from_secs(60));
        let same = Key::open(&folder.path().join("web.key")).unwrap();
        assert_eq!(same.open_link(&link, now).as_deref(), Some("17/daily ü.csv"));
        assert_eq!(same.open_link(&link, now + SignedDuration::from_secs(60)), None);
        let longer =
            link.replacen(&(now.as_second() + 60).to_string(), &(now.as_second() + 600).to_string(), 1);
        assert_eq!(same.open_link(&longer, now), None);
        assert_eq!(same.open_link("", now), None);
        let other = Key::open(&folder.path().join("other.key")).unwrap();
        assert_eq!(other.open_link(&link, now), None);
    }
}
