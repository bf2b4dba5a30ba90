//! What the repository says of itself is true.

use std::fs;
use std::process::Command;

use crate::support::{Legwork, files, program, root};

#[test]
fn every_shipped_job_loads_under_the_shipped_config() {
    let output = Command::new(program())
        .arg("--config")
        .arg(root().join("config/legwork.toml"))
        .arg("check")
        .arg(root().join("jobs"))
        .output()
        .unwrap();
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{text}");
    let jobs: Vec<String> =
        files(&root().join("jobs")).into_iter().filter(|name| name != "job.schema.json").collect();
    assert!(text.contains(&format!("{} job files, 0 errors", jobs.len())), "{text}");
    for file in jobs {
        let job = fs::read_to_string(root().join("jobs").join(&file)).unwrap();
        assert!(job.starts_with("#:schema ./job.schema.json\n"), "{file} has no schema hint");
    }
    let printed = Command::new(program()).args(["schema", "job"]).output().unwrap();
    let shipped = fs::read_to_string(root().join("jobs/job.schema.json")).unwrap();
    assert_eq!(String::from_utf8(printed.stdout).unwrap(), shipped, "write it with `legwork schema job`");
}

#[test]
fn the_shipped_config_shows_the_defaults() {
    let text = fs::read_to_string(root().join("config/legwork.toml")).unwrap();
    let printed = Command::new(program()).args(["schema", "defaults"]).output().unwrap();
    assert_eq!(String::from_utf8(printed.stdout).unwrap(), text);
    let shipped = legwork::config::parse("legwork.toml", &text).unwrap();
    let defaults = legwork::config::defaults();
    assert_eq!(shipped.keep, defaults.keep);
    assert_eq!(shipped.limits, defaults.limits);
    assert_eq!(
        (shipped.jobs, shipped.state, shipped.runtime),
        (defaults.jobs, defaults.state, defaults.runtime)
    );
    // A relay with nothing but what is required has the values that the file shows.
    let bare = legwork::config::parse(
        "bare",
        "[relay.main]\nhost = \"smtp.example.com\"\nfrom = \"Legwork <reports@example.com>\"\n",
    )
    .unwrap();
    assert_eq!(shipped.relays, bare.relays);
}

#[test]
fn the_unit_is_hardened() {
    let unit = root().join("systemd/legwork.service");
    let checked = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--threshold=15", "--no-pager"])
        .arg(unit)
        .output()
        .unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
}

/// Commands of README's shell blocks, by the heading they stand under.
fn readme_commands(heading: &str) -> Vec<String> {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let section =
        readme.split(&format!("## {heading}\n")).nth(1).unwrap().split("\n## ").next().unwrap().to_owned();
    let mut commands = Vec::new();
    for block in section.split("```sh\n").skip(1) {
        commands.extend(
            block
                .split("```")
                .next()
                .unwrap()
                .lines()
                .filter(|line| !line.trim().is_empty())
                .map(ToOwned::to_owned),
        );
    }
    commands
}

#[test]
fn readme_has_the_two_commands_and_every_daily_command_in_it_runs() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    assert!(readme.contains("cargo run --release -- demo") && readme.contains("tests/run"));
    let folder = tempfile::tempdir().unwrap();
    let demo = folder.path().join("demo");
    let made = Command::new(program()).arg("demo").arg("--folder").arg(&demo).output().unwrap();
    let told = String::from_utf8_lossy(&made.stdout).into_owned();
    assert!(
        made.status.success() && told.contains("● yes") && told.contains("written to outbox, not sent"),
        "{told}{made:?}"
    );
    fs::write(demo.join("password.txt"), "a password that is long\n").unwrap();
    let daily = readme_commands("Daily commands");
    assert!(daily.len() > 8, "{daily:?}");
    for command in daily.into_iter().chain(readme_commands("The page, the API, and the vendors' endpoints")) {
        let command =
            command.replace("segments-yesterday", "segments-three-days").replace("day.csv", "centre.ndjson");
        let ran = Command::new("sh")
            .args(["-c", &command.replacen("legwork", &program().display().to_string(), 1)])
            .env("LEGWORK_CONFIG", demo.join("legwork.toml"))
            .current_dir(&demo)
            .output()
            .unwrap();
        let code = ran.status.code().unwrap();
        // `plan` and `check` may have something to say; everything else must simply work.
        assert!(code == 0 || (code == 4 && command.contains(" plan")), "{command}: {ran:?}");
    }
}

#[test]
fn the_demo_is_the_same_at_every_run() {
    let legwork = Legwork::new("");
    let mut digests = Vec::new();
    for name in ["a.ndjson", "b.ndjson"] {
        let file = legwork.path(name);
        legwork.run(&["demo", "--segments", "2000", "--export", &file.display().to_string()]).ok();
        digests.push(fs::read(file).unwrap());
    }
    assert_eq!(digests[0], digests[1]);
}

#[test]
fn help_has_examples() {
    for command in ["demo", "check", "run", "import"] {
        let help = Command::new(program()).args([command, "--help"]).output().unwrap();
        assert!(String::from_utf8(help.stdout).unwrap().contains("Examples:"), "{command}");
    }
}
