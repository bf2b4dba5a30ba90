//! Wrong jobs and configs: all problems at once, each with its place and its cure; nothing starts.

use std::fs;

use crate::support::{Legwork, job};

const DAY: &str = "\"yesterday\"";

/// Checks one job and returns what was said of it.
fn said(text: &str) -> String {
    let legwork = Legwork::new(
        "[relay.main]\nhost = \"smtp.example.com\"\nfrom = \"r@x.example\"\n[list]\nempty = []\nteam = [\"a@x.example\"]\n",
    );
    legwork.job("bad", text);
    legwork.run(&["check"]).fails(2)
}

#[track_caller]
fn check(text: &str, wanted: &[&str]) {
    let said = said(text);
    for part in wanted {
        assert!(said.contains(part), "wanted {part:?} in:\n{said}");
    }
}

#[test]
fn an_unknown_key_is_shown_with_its_place_and_the_nearest_name() {
    check(
        &job(DAY, "tiem_zone = \"UTC\"\n"),
        &["bad.toml:5:1", "unknown key `tiem_zone` in `report`", "did you mean `time_zone`?", "^^^^^^^^^"],
    );
}

#[test]
fn all_problems_of_all_files_are_told_at_once() {
    let legwork = Legwork::new("");
    legwork.job(
        "one",
        "colour = 1\n[report]\ntype = \"agent-sesion\"\ntime_zone = 7\n[[schedule]]\ncron = \"61 * * * *\"\n",
    );
    legwork.job("two", &job("\"yesteday\"", "[[deliver]]\nemail = { to = [\"nobody\"] }\n"));
    let said = legwork.run(&["check"]).fails(2);
    for part in [
        "one.toml:1:1",
        "unknown key `colour`",
        "`agent-sesion` is not offered here",
        "`report.time_zone` is a whole number",
        "`report` has no `period`",
        "two.toml:4:10",
        "`yesteday` is not a period",
        "there is no list `nobody`",
        "the config has no mail relay",
    ] {
        assert!(said.contains(part), "wanted {part:?} in:\n{said}");
    }
}

#[test]
fn a_wrong_type_and_a_wrong_unit_say_what_would_be_right() {
    check(
        &job(DAY, "[[schedule]]\ncron = 5\n"),
        &["`schedule[0].cron` is a whole number", "write a string in quotes"],
    );
    check(
        &job(DAY, "[[schedule]]\nevery = \"5 fortnights\"\n"),
        &["`5 fortnights` is not a duration", "s, m, h or d"],
    );
}

#[test]
fn impossible_dates_and_unknown_zones_are_refused() {
    check(&job("{ from = \"2026-02-30\", to = \"2026-03-01\" }", ""), &["`2026-02-30` is not a period"]);
    check(&job("{ from = \"2026-03-02\", to = \"2026-03-01\" }", ""), &["not after its start"]);
    check(&job(DAY, "[[schedule]]\nonce = \"2026-02-30T06:00\"\n"), &["is not a local date and time"]);
    let zone = job(DAY, "").replace("\"UTC\"", "\"America/New_Yrok\"");
    check(&zone, &["there is no time zone `America/New_Yrok`", "did you mean \"America/New_York\"?"]);
}

#[test]
fn a_schedule_that_never_fires_is_refused() {
    check(&job(DAY, "[[schedule]]\ncron = \"0 0 31 2 *\"\n"), &["this schedule never fires"]);
    let gap = "[[schedule]]\nonce = \"2026-03-08T02:30\"\ntime_zone = \"America/New_York\"\nclock_change = \"skip\"\n";
    check(&job(DAY, gap), &["this schedule never fires"]);
    check(
        &job(DAY, "[[schedule]]\ncron = \"0 6 * * Mon-Fry\"\n"),
        &["bad.toml:6:17", "`Fry` is no day of week", "^^^^^^^"],
    );
}

#[test]
fn unknown_reports_sources_lists_and_relays_get_suggestions() {
    check(
        &job(DAY, "").replace("-by-segment", "-by-segmnt"),
        &["did you mean \"interaction-details-by-segment\"?"],
    );
    check(&job(DAY, "source = \"ringcentral\"\n"), &["there is no source `ringcentral`"]);
    check(
        &job(DAY, "[[deliver]]\nemail = { to = [\"taem\"] }\n"),
        &["there is no list `taem`", "did you mean `team`?"],
    );
    check(
        &job(DAY, "[[deliver]]\nemail = { use = \"mian\", to = [\"team\"] }\n"),
        &["there is no relay `mian`", "did you mean `main`?"],
    );
    check(&job(DAY, "[[deliver]]\nhttp = { use = \"lake\" }\n"), &["the config has no [http.lake]"]);
}

#[test]
fn empty_recipients_and_addresses_with_line_breaks_are_refused() {
    check(&job(DAY, "[[deliver]]\nemail = { to = [] }\n"), &["there is no recipient"]);
    check(&job(DAY, "[[deliver]]\nemail = { to = [\"empty\"] }\n"), &["the list `empty` is empty"]);
    check(
        &job(DAY, "[[deliver]]\nemail = { to = [\"a@x.example\\r\\nBcc: b@x.example\"] }\n"),
        &["line breaks"],
    );
}

#[test]
fn a_file_name_that_climbs_out_of_its_folder_is_refused() {
    check(&job(DAY, "[output]\nfile_name = \"../{{ name }}.csv\"\n"), &["leads into another folder"]);
    check(&job(DAY, "[output]\nfile_name = \"{{ nam }}.csv\"\n"), &["undefined"]);
    check(&job(DAY, "[[deliver]]\ndirectory = { path = \"/srv/../etc\" }\n"), &["not an absolute path"]);
}

#[test]
fn two_jobs_with_one_name_are_both_refused() {
    let legwork = Legwork::new("");
    legwork.job("one", &format!("name = \"same\"\n{}", job(DAY, "")));
    legwork.job("two", &format!("name = \"same\"\n{}", job(DAY, "")));
    let said = legwork.run(&["check"]).fails(2);
    assert!(
        said.contains("the name `same` stands in") && said.contains("two.toml") && said.contains("one.toml"),
        "{said}"
    );
    legwork.run(&["apply"]).fails(2);
    assert_eq!(legwork.ask("select count(*) from definition"), "0");
}

#[test]
fn broken_utf_8_and_a_ten_megabyte_line_are_told_briefly() {
    let legwork = Legwork::new("");
    fs::write(legwork.path("jobs/broken.toml"), b"name = \"x\"\ndescription = \"\xff\xfe\"\n").unwrap();
    fs::write(legwork.path("jobs/long.toml"), format!("description = \"{}\"\n", "x".repeat(10_000_000)))
        .unwrap();
    let near = format!("[report]\ntype = \"{}\"\n", "y".repeat(500_000));
    fs::write(legwork.path("jobs/near.toml"), near).unwrap();
    let said = legwork.run(&["check"]).fails(2);
    assert!(said.contains("broken.toml:2:16") && said.contains("this is not UTF-8"), "{said}");
    assert!(said.contains("long.toml") && said.contains("use at most 1 MiB"), "{said}");
    assert!(said.len() < 5_000, "{} bytes", said.len());
}

#[test]
fn a_secret_file_that_others_can_read_is_refused_and_a_literal_one_is_never_printed() {
    use std::os::unix::fs::PermissionsExt;
    let config = "[relay.main]\nhost = \"smtp.example.com\"\nfrom = \"r@x.example\"\nuser = \"u\"\npassword = { file = \"secret\" }\n";
    let legwork = Legwork::new(config);
    legwork.job("good", &job(DAY, ""));
    let said = legwork.run(&["check"]);
    assert!(format!("{said:?}").contains("read the secret file"), "{said:?}");
    fs::write(legwork.path("secret"), "hunter2\n").unwrap();
    fs::set_permissions(legwork.path("secret"), fs::Permissions::from_mode(0o640)).unwrap();
    let said = format!("{:?}", legwork.run(&["check"]));
    assert!(said.contains("can be read by others") && !said.contains("hunter2"), "{said}");
    fs::set_permissions(legwork.path("secret"), fs::Permissions::from_mode(0o600)).unwrap();
    let said = legwork.run(&["check"]).ok();
    assert!(said.contains("0 errors, 0 warnings"), "{said}");

    let literal = Legwork::new(
        "[relay.main]\nhost = \"h\"\nfrom = \"r@x.example\"\nuser = \"u\"\npassword = \"hunter2\"\n",
    );
    let said = literal.run(&["check"]).fails(2);
    assert!(said.contains("`relay.main.password` is a string") && !said.contains("hunter2"), "{said}");
}

#[test]
fn a_credential_outside_the_unit_is_no_mistake_but_nothing_is_sent_without_it() {
    let config = "[relay.main]\nhost = \"smtp.example.com\"\nfrom = \"r@x.example\"\nuser = \"u\"\npassword = { credential = \"smtp\" }\n";
    let legwork = Legwork::new(config);
    legwork.job("good", &job(DAY, "[[deliver]]\nemail = { to = [\"a@x.example\"] }\n"));
    let ran = legwork.run(&["check"]);
    assert!(ran.err.contains("is only there inside the unit"), "{ran:?}");
    ran.ok();
    legwork.run(&["apply"]).ok();
    let said = legwork.run(&["run", "good"]).fails(2);
    assert!(said.contains("systemctl start legwork") && said.contains("--no-send"), "{said}");
    assert_eq!(legwork.ask("select count(*) from occurrence"), "0");
    legwork.run(&["run", "good", "--no-send"]).ok();
}

#[test]
fn mail_in_the_clear_is_for_loopback_hosts_only() {
    let legwork =
        Legwork::new("[relay.main]\nhost = \"smtp.example.com\"\ntls = \"none\"\nfrom = \"r@x.example\"\n");
    let said = legwork.run(&["check"]).fails(2);
    assert!(said.contains("would travel in the clear"), "{said}");
}

#[test]
fn check_warns_of_an_outbox_and_prints_the_units_lines_for_folders() {
    let legwork = Legwork::new("[relay.main]\noutbox = \"outbox\"\nfrom = \"r@x.example\"\n");
    legwork.job(
        "good",
        &job(DAY, &format!("[[deliver]]\ndirectory = {{ path = \"{}\" }}\n", legwork.path("out").display())),
    );
    let ran = legwork.run(&["check"]);
    assert!(ran.err.contains("sends nothing"), "{ran:?}");
    let out = ran.ok();
    assert!(out.contains(&format!("ReadWritePaths={}", legwork.path("out").display())), "{out}");
}

#[test]
fn a_wrong_word_in_a_schedule_is_one_mistake() {
    let text = job(DAY, "[[schedule]]\nrepeat = \"montly\"\non = \"last\"\nat = \"06:30\"\n");
    let legwork = Legwork::new("");
    legwork.job("bad", &text);
    let told = legwork.run(&["check"]).fails(2);
    assert!(told.contains("did you mean \"monthly\"?") && told.contains("1 errors"), "{told}");
    check(&job(DAY, "[[schedule]]\nmissed = \"all\"\n"), &["exactly one of", "add one, as cron"]);
}

#[test]
fn what_is_hardly_meant_is_a_warning() {
    let legwork = Legwork::new("");
    let deliver = "[[deliver]]\ndirectory = { path = \"/nowhere/at/all\" }\n";
    legwork.job("old", &job(DAY, &format!("[[schedule]]\nonce = \"2025-12-01T06:00\"\n{deliver}")));
    let told = legwork.run(&["check"]);
    assert_eq!(told.code, 0);
    let told = told.err;
    assert!(
        told.contains("schedule 1 never fires again") && told.contains("`/nowhere/at/all` is not there"),
        "{told}"
    );
}
