//! Every format of every report, read back with other people's readers.

use std::fs;
use std::path::Path;
use std::process::Command;

use legwork::artifacts::encode::{FileSpec, ReportWriter};
use legwork::domain::batch::{Batch, Data};
use legwork::domain::period::Period;
use legwork::domain::table;
use legwork::reports::CATALOGUE;
use legwork::store::Store;

use crate::support::{Legwork, generated, parsed, python, root};

/// Formats and packings: the ending of the file's name, and what the job says.
const FORMS: [(&str, &str); 8] = [
    ("csv", "format = \"csv\""),
    ("tsv", "format = \"tsv\""),
    ("xml", "format = \"xml\""),
    ("json", "format = \"json\""),
    ("jsonl", "format = \"jsonl\""),
    ("xlsx", "format = \"xlsx\""),
    ("csv.gz", "compress = \"gzip\""),
    ("csv.zip", "compress = \"zip\""),
];

/// Records of every kind: those of the golden cases together.
fn records() -> String {
    let cases = [
        "interaction-details-by-segment/columns-32",
        "inbound-agent-segment-metadata/every-rule",
        "messaging-agent-segments/every-rule",
        "agent-segments/every-rule",
        "agent-session-raw/every-rule",
    ];
    let read = |case: &&str| {
        fs::read_to_string(root().join("tests/golden").join(case).join("segments.ndjson")).unwrap()
    };
    cases.iter().map(read).collect()
}

/// What a document of nested metrics says is as many rows as the flat forms have: checks and lists count them.
#[test]
fn a_document_of_metrics_counts_the_rows_of_the_flat_forms() {
    let legwork = Legwork::new("");
    let lines: Vec<String> = (0..40)
        .map(|at| {
            let start = 1_781_078_400_000_i64 + at * 700_000;
            format!(
                "{{\"kind\":\"segment\",\"id\":\"s{at}\",\"interaction_id\":\"c{at}\",\"channel_type\":\"chat\",\"agent_id\":\"a{}\",\
                 \"skill_id\":\"{}\",\"start\":{start},\"end\":{}}}\n",
                at % 2,
                at % 3,
                start + 60_000
            )
        })
        .collect();
    legwork.import(&lines.concat());
    for (skills, name) in [("[\"all\"]", "every"), ("[\"1\"]", "one")] {
        let report = format!(
            "[report]\ntype = \"messaging-agent-segments\"\ntime_zone = \"UTC\"\ninterval = \"30m\"\nby_skill = {skills}\n\
             period = {{ from = \"2026-06-10\", to = \"2026-06-11\" }}\n"
        );
        for format in ["csv", "json"] {
            legwork.job(&format!("{name}-{format}"), &format!("{report}[output]\nformat = \"{format}\"\n"));
        }
    }
    legwork.run(&["apply"]).ok();
    let mut rows = Vec::new();
    for name in ["every", "one"] {
        for format in ["csv", "json"] {
            legwork.run(&["run", &format!("{name}-{format}")]).ok();
            rows.push(legwork.ask("select rows from artifact order by artifact_id desc limit 1"));
        }
    }
    assert_eq!((&rows[0], &rows[2]), (&rows[1], &rows[3]));
    assert!(rows[0] != rows[2], "{rows:?}");
}

#[test]
fn every_format_of_every_report_holds_the_same_values_and_the_same_bytes_twice() {
    let legwork = Legwork::new("");
    legwork.import(&records());
    let out = legwork.path("out");
    for report in CATALOGUE.iter().filter(|report| report.vendors_own().is_none()) {
        let name = report.name;
        for (ending, says) in FORMS {
            // The vendor's JSON has shapes of its own, which the golden files hold.
            if ending == "json" && ["agent-segments", "messaging-agent-segments"].contains(&name) {
                continue;
            }
            let job = format!(
                "[report]\ntype = \"{name}\"\ntime_zone = \"America/New_York\"\n{}\
                 period = {{ from = \"2026-06-09\", to = \"2026-06-11\" }}\n\
                 [output]\nfile_name = \"report.{ending}\"\n{says}\ncsv = {{ formula_guard = \"off\" }}\n\
                 [[deliver]]\ndirectory = {{ path = \"{}\" }}\n",
                if name.ends_with("metadata") { "uii_apostrophe = false\n" } else { "" },
                out.display()
            );
            legwork.job("form", &job);
            legwork.run(&["apply"]).ok();
            legwork.run(&["run", "form"]).ok();
            let first = fs::read(out.join(format!("report.{ending}"))).unwrap();
            legwork.run(&["run", "form"]).ok();
            let second = fs::read(out.join(format!("report.{ending}"))).unwrap();
            // Packed files and spreadsheets carry the nominal instant, which two runs by hand do not share.
            if !["xlsx", "csv.gz", "csv.zip"].contains(&ending) {
                assert!(first == second, "{name}.{ending}");
            }
        }
        if ["agent-segments", "messaging-agent-segments"].contains(&name) {
            let lines = fs::read_to_string(out.join("report.jsonl")).unwrap();
            let rows: Vec<&str> = lines.lines().collect();
            fs::write(out.join("report.json"), format!("[{}]", rows.join(","))).unwrap();
        }
        let compared =
            Command::new(python()).arg(root().join("tests/readers/compare.py")).arg(&out).output().unwrap();
        assert!(compared.status.success(), "{name}: {}", String::from_utf8_lossy(&compared.stderr));
        let rows: usize = String::from_utf8(compared.stdout).unwrap().trim().parse().unwrap();
        assert!(0 < rows, "{name} has no rows to compare");
    }
}

#[test]
fn a_filter_that_the_store_does_not_know_fails_the_run_with_the_nearest_value() {
    let legwork = Legwork::new("");
    legwork.import(&records());
    for (report, filter, says) in [
        ("segments", "queues = [\"Sales, UK\"]", "did you mean `Sales, US`?"),
        ("agent-session-raw", "teams = [\"Bleu\"]", "did you mean `Blue`?"),
        ("inbound-agent-segment-metadata", "campaigns = [\"Renewals Q3\"]", "did you mean `Renewals Q4`?"),
    ] {
        let job = format!(
            "[report]\ntype = \"{report}\"\ntime_zone = \"UTC\"\nperiod = \"yesterday\"\nfilters = {{ {filter} }}\n"
        );
        legwork.job("filtered", &job);
        legwork.run(&["apply"]).ok();
        let told = legwork.run(&["run", "filtered"]).fails(1);
        assert!(told.contains(says), "{told}");
    }
}

#[test]
fn an_option_or_filter_of_another_report_is_refused_with_the_place() {
    let legwork = Legwork::new("");
    let job = "[report]\ntype = \"agent-session-raw\"\ntime_zone = \"UTC\"\nperiod = \"last 1 hours\"\ninterval = \"7m\"\n\
               talk_time = \"net\"\nfilters = { queues = [\"x\"] }\n[output]\nformat = \"tsv\"\n\
               csv = { delimiter = \"pipe\" }\nsplit_sheets = true\n";
    legwork.job("wrong", job);
    let told = legwork.run(&["check"]).fails(2);
    for says in [
        "`talk_time` is no option of agent-session-raw",
        "`queues` is no filter of agent-session-raw",
        "7 minutes do not divide the period's 60",
        "tsv is text with tabs",
        "only a spreadsheet has sheets",
    ] {
        assert!(told.contains(says), "{says}\n{told}");
    }
}

#[test]
fn what_is_made_twice_for_one_nominal_instant_is_the_same_in_every_format() {
    let legwork = Legwork::new("");
    legwork.import(&records());
    let store =
        Store::open(&legwork.path("state/legwork.db"), "2026-06-12T00:00:00Z".parse().unwrap()).unwrap();
    let nominal = "2026-06-12T10:20:30Z".parse().unwrap();
    for report in CATALOGUE.iter().filter(|report| report.vendors_own().is_none()) {
        for (ending, says) in FORMS {
            let job = format!(
                "[report]\ntype = \"{}\"\ntime_zone = \"America/New_York\"\n\
                 period = {{ from = \"2026-06-09\", to = \"2026-06-11\" }}\n[output]\n{says}\n",
                report.name
            );
            let made = || generated(&store, &job, nominal, &legwork.path(&format!("out/report.{ending}")));
            let first = made();
            assert!(first == made(), "{}.{ending}", report.name);
            // A time inside could be that of the clock and still be the same twice within its grain.
            match ending {
                "csv.gz" => assert_eq!(first[4..8], 1_781_259_630_u32.to_le_bytes(), "gzip's time"),
                "csv.zip" => assert_eq!(zip_time(&first), "2026-06-12T10:20:30"),
                "xlsx" => {
                    assert!(spreadsheet_part(&first, "docProps/core.xml").contains("2026-06-12T10:20:30Z"));
                }
                _ => {}
            }
        }
    }
}

fn zip_time(bytes: &[u8]) -> String {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    let time = archive.by_index(0).unwrap().last_modified().unwrap();
    let date = format!("{}-{:02}-{:02}", time.year(), time.month(), time.day());
    format!("{date}T{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second())
}

fn spreadsheet_part(bytes: &[u8], name: &str) -> String {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    std::io::read_to_string(archive.by_name(name).unwrap()).unwrap()
}

/// A spreadsheet of this many rows with one column, as the encoder ends it.
fn long_spreadsheet(rows: usize, split: bool, target: &Path) -> std::io::Result<Vec<u8>> {
    let job = format!(
        "[report]\ntype = \"segments\"\ntime_zone = \"UTC\"\nperiod = \"yesterday\"\ncolumns = [\"segment_id\"]\n\
         [output]\nformat = \"xlsx\"\nsplit_sheets = {split}\n"
    );
    let definition = parsed(&job);
    let (report, output) = (&definition.report, &definition.output);
    let columns = (report.kind.pick)(report, output.format);
    let nominal = "2026-06-12T10:20:30Z".parse().unwrap();
    let period = Period { start: nominal, end: nominal };
    let file =
        FileSpec { columns: &columns, report, output, period, nominal, scratch: target.parent().unwrap() };
    let mut writer = ReportWriter::begin(std::io::Cursor::new(Vec::new()), file)?;
    let fields = table::fields(&columns, report);
    for begin in (0..rows).step_by(100_000) {
        let mut batch = Batch::of(&fields);
        for row in begin..rows.min(begin + 100_000) {
            if let Some(Data::Text(texts)) = batch.column_mut(0) {
                texts.push(&row.to_string());
            }
            batch.rows += 1;
        }
        writer.write(&mut batch, &mut [])?;
    }
    Ok(writer.finish(0)?.out.into_inner())
}

#[test]
fn a_spreadsheet_above_the_programs_limit_is_refused_or_split() {
    const MOST: usize = 1_048_575;
    let legwork = Legwork::new("");
    let target = legwork.path("out/report.xlsx");
    let refused = long_spreadsheet(MOST + 1, false, &target).unwrap_err().to_string();
    assert!(refused.contains("1048575 rows") && refused.contains("split_sheets = true"), "{refused}");
    let split = long_spreadsheet(MOST + 1, true, &target).unwrap();
    let first = spreadsheet_part(&split, "xl/worksheets/sheet1.xml");
    assert!(first.contains("<row r=\"1048576\"") && !first.contains("<row r=\"1048577\""));
    let second = spreadsheet_part(&split, "xl/worksheets/sheet2.xml");
    assert!(second.contains("<row r=\"2\"") && !second.contains("<row r=\"3\""), "the header, and one row");
}
