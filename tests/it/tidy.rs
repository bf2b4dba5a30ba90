//! The house rules that no other tool holds: which module may name which, and what must not stand in the source.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::root;

/// What each module of `src/` may name of the others. A module that is not here fails the test.
const MAY_NAME: &[(&str, &[&str])] = &[
    // Pure: text, rows, rules.
    ("domain", &[]),
    ("reports", &["domain"]),
    ("tomlfile", &["domain"]),
    ("jobfile", &["domain", "reports", "tomlfile"]),
    ("import", &["domain"]),
    ("centre", &["domain", "import"]),
    // Small shared tools.
    ("chain", &[]),
    ("clock", &[]),
    ("network", &["chain"]),
    ("secret", &[]),
    ("zones", &["domain", "secret"]),
    ("telemetry", &["clock", "domain", "secret"]),
    ("config", &["domain", "jobfile", "secret", "tomlfile", "zones"]),
    // Adapters: each speaks to one thing outside.
    ("store", &["domain", "chain"]),
    ("artifacts", &["domain"]),
    ("destinations", &["artifacts", "chain", "clock", "config", "domain", "network", "secret"]),
    ("sources", &["chain", "clock", "config", "domain", "network", "secret"]),
    // Wiring.
    (
        "daemon",
        &[
            "artifacts",
            "chain",
            "clock",
            "config",
            "destinations",
            "domain",
            "import",
            "jobfile",
            "reports",
            "secret",
            "sources",
            "store",
            "tomlfile",
            "zones",
        ],
    ),
    (
        "web",
        &[
            "artifacts",
            "chain",
            "clock",
            "daemon",
            "domain",
            "import",
            "jobfile",
            "network",
            "reports",
            "sources",
            "store",
            "tomlfile",
        ],
    ),
    (
        "cli",
        &[
            "artifacts",
            "centre",
            "chain",
            "clock",
            "config",
            "daemon",
            "domain",
            "import",
            "jobfile",
            "network",
            "reports",
            "secret",
            "sources",
            "store",
            "telemetry",
            "tomlfile",
            "web",
            "zones",
        ],
    ),
    ("main", &["cli"]),
    ("lib", &[]),
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The module of `src/` in which a file lies.
fn module(file: &Path) -> String {
    let relative = file.strip_prefix(root().join("src")).unwrap();
    let first = relative.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

/// Source without comments, and without tests, which may name what they like.
fn code(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let text = text.split("#[cfg(test)]").next().unwrap().to_owned();
    text.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n")
}

#[test]
fn no_layer_looks_up() {
    let modules: Vec<&str> = MAY_NAME.iter().map(|(module, _)| *module).collect();
    for file in sources(&root().join("src")) {
        let own = module(&file);
        let may = MAY_NAME.iter().find(|(module, _)| *module == own);
        let (_, may) = may.unwrap_or_else(|| panic!("{own} has no place in the layers"));
        let code = code(&file).replace("legwork::", "crate::");
        for named in modules.iter().filter(|named| **named != own && !may.contains(*named)) {
            let plain = format!("crate::{named}");
            let names = code.match_indices(&plain).any(|(at, _)| {
                !code[at + plain.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_')
            });
            assert!(!names, "{} names {named}", file.display());
        }
        assert!(
            !code.contains("crate::{"),
            "{}: name modules one by one, so that this test sees them",
            file.display()
        );
    }
}

#[test]
fn the_rules_have_no_clock_no_network_and_no_files() {
    for file in sources(&root().join("src")) {
        let own = module(&file);
        if !["domain", "reports", "tomlfile", "jobfile", "import", "centre"].contains(&own.as_str()) {
            continue;
        }
        let code = code(&file);
        for banned in ["async fn", "tokio", "std::fs", "std::net", "rusqlite", "Timestamp::now", "std::env"] {
            assert!(!code.contains(banned), "{} has {banned}", file.display());
        }
    }
}

#[test]
fn sql_stands_in_the_store_only() {
    for file in sources(&root().join("src")) {
        if module(&file) != "store" {
            let code = code(&file).to_lowercase();
            for word in ["insert into", "delete from", "update occurrence", "create table"] {
                assert!(!code.contains(word), "{} has SQL: {word}", file.display());
            }
        }
    }
}

#[test]
fn files_hold_one_idea_and_every_one_is_part_of_the_program() {
    for file in sources(&root().join("src")) {
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.lines().count() <= 600, "{} has {} lines", file.display(), text.lines().count());
        assert!(
            text.starts_with("//!") || text.starts_with("#!["),
            "{} does not say what it is for",
            file.display()
        );
        let stem = file.file_stem().unwrap().to_string_lossy().into_owned();
        if ["mod", "main", "lib"].contains(&stem.as_str()) || stem.ends_with("_tests") {
            continue;
        }
        let folder = file.parent().unwrap();
        let parents =
            ["mod.rs", "lib.rs"].map(|name| fs::read_to_string(folder.join(name)).unwrap_or_default());
        let named = parents.iter().any(|parent| parent.contains(&format!("mod {stem};")));
        assert!(named, "{} is in no module", file.display());
    }
}

#[test]
fn no_test_is_skipped_or_sleeps() {
    // Written so that this file does not find itself.
    let benches = root().join("tests/benches");
    let banned = [concat!("#[ig", "nore"), concat!("thread::sl", "eep"), concat!("time::sl", "eep")];
    for file in sources(&root().join("tests")).into_iter().filter(|file| !file.starts_with(&benches)) {
        let text = fs::read_to_string(&file).unwrap();
        for word in banned {
            assert!(!text.contains(word), "{} has {word}", file.display());
        }
    }
}
