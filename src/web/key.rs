//! The key that signs links and forms: made once, kept beside the database, readable by its owner only.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const KEY_BYTES: usize = 32;

/// Signs short texts.
#[derive(Clone)]
pub(super) struct Key([u8; KEY_BYTES]);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl Key {
    /// Reads the key, or makes it. Blocks.
    pub(super) fn open(path: &Path) -> std::io::Result<Self> {
        let mut key = [0; KEY_BYTES];
        match std::fs::File::open(path) {
            Ok(mut file) => file.read_exact(&mut key)?,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                getrandom::fill(&mut key).map_err(std::io::Error::other)?;
                let mut options = std::fs::OpenOptions::new();
                let mut file = options.write(true).create_new(true).mode(0o600).open(path)?;
                file.write_all(&key)?;
                file.sync_all()?;
            }
            Err(error) => return Err(error),
        }
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

    /// The signature of a text for a purpose, in hex.
    pub(super) fn sign(&self, purpose: &str, text: &str) -> String {
        let signed = self.mac(purpose, text).map(|mac| mac.finalize().into_bytes());
        signed.map(|bytes| crate::artifacts::hex(&bytes)).unwrap_or_default()
    }

    /// Whether a signature is that of a text for a purpose; takes the same time for every wrong one.
    pub(super) fn verifies(&self, purpose: &str, text: &str, signature: &str) -> bool {
        let Some(bytes) = unhex(signature) else { return false };
        self.mac(purpose, text).is_some_and(|mac| mac.verify_slice(&bytes).is_ok())
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect())
}
