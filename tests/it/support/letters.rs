//! Mails read by Python's `email` with its strict policy: `tests/readers/mail.py`.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{files, python, root};

/// Every mail of a folder, in the order of their names.
pub fn letters(folder: &Path) -> Vec<Value> {
    let names =
        files(folder).into_iter().filter(|name| Path::new(name).extension().is_some_and(|it| it == "eml"));
    let paths: Vec<_> = names.map(|name| folder.join(name)).collect();
    let output =
        Command::new(python()).arg(root().join("tests/readers/mail.py")).args(&paths).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let letters: Value = serde_json::from_slice(&output.stdout).unwrap();
    let letters = letters.as_array().unwrap().clone();
    for letter in &letters {
        assert_eq!(letter["defects"], serde_json::json!([]), "{letter:#}");
        assert_eq!(letter["html_problems"], serde_json::json!([]), "{letter:#}");
    }
    letters
}

/// The mail to an address.
pub fn to<'a>(letters: &'a [Value], address: &str) -> &'a Value {
    let its = |letter: &&Value| letter["to"].as_array().unwrap().iter().any(|to| to == address);
    letters.iter().find(its).unwrap_or_else(|| panic!("no mail to {address}"))
}
