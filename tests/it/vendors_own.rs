//! Reports that only their vendor makes: what it is asked, which header is believed, and what a job may say.

use serde_json::Value;

use crate::sources::{golden, reports_job, ringcx, with_login};
use crate::support::vendor::{Reply, Vendor};
use crate::support::{Legwork, root};

const PROFILES: &str = "filters = { accounts = [\"13670001\", \"15300001\"] }\n\
                        criteria = { cloudProfileGroupIds = [111, \"none\"], cloudProfileIds = [1111, 2222, 3333, 4444] }\n";
/// As clients of the delimited form read it; the vendor publishes no header.
const GLOBAL: &str = "UII|ANI|DNIS|Agent Name|Call Duration\n20260610|6505550100|6505550101|Ann O'Neil|35\n";

fn sample(name: &str) -> String {
    std::fs::read_to_string(root().join("tests/golden/sources").join(name)).unwrap()
}

/// Every header cell quoted, as the vendor's sample has it, and two rows.
fn dialer() -> String {
    sample("dialer.csv")
}

/// The vendor's sample in shape, on a day: an apostrophe, padding, a stamp of twelve hours.
fn cloud(day: &str) -> String {
    sample("cloud.csv").replace("6/10/26", day)
}

fn vendor() -> Vendor {
    with_login(|call| {
        let asked = call.json();
        match asked["reportType"].as_str() {
            Some("DIALER_RESULT_DOWNLOAD") => Reply::csv(dialer()),
            Some("GLOBAL_CALL_TYPE_DELIMITED") => Reply::csv(GLOBAL),
            _ => Reply::csv(cloud("6/10/26")),
        }
    })
}

fn made(legwork: &Legwork, name: &str) -> String {
    let path =
        format!("select path from artifact where path like '%{name}%' order by artifact_id desc limit 1");
    std::fs::read_to_string(legwork.path("state/artifacts").join(legwork.ask(&path))).unwrap()
}

#[test]
fn each_is_asked_for_as_the_guide_says_and_kept_as_it_comes() {
    let vendor = vendor();
    let legwork = ringcx(&vendor, "");
    let piped = "[output.csv]\ndelimiter = \"pipe\"\n";
    for (name, kind, more, bytes) in [
        ("dialer", "dialer-result", "", dialer()),
        ("global", "global-call-type", piped, GLOBAL.to_owned()),
        ("cloud", "cloud-call-detail", PROFILES, cloud("6/10/26")),
    ] {
        legwork.job(name, &reports_job(kind, more));
        legwork.run(&["apply"]).ok();
        legwork.run(&["run", name]).ok();
        assert_eq!(made(&legwork, name), bytes);
        let mut asked = vendor.calls("reportsStreaming").last().unwrap().json();
        assert_eq!(asked["delimiter"], if name == "global" { "PIPE" } else { "COMMA" });
        asked.as_object_mut().unwrap().remove("delimiter");
        let criteria = asked["reportCriteria"].as_object_mut().unwrap();
        // Midnight in Arizona; whichever way the vendor reads its end, nothing of the next day.
        let bounds: Vec<Value> = ["startDate", "endDate", "startTimestamp", "endTimestamp"]
            .iter()
            .filter_map(|key| criteria.remove(*key))
            .collect();
        let expected = match name {
            "cloud" => ["2026-06-10 00:00:00", "2026-06-10 23:59:59.9999"],
            _ => ["2026-06-10T07:00:00.000+0000", "2026-06-11T06:59:59.999+0000"],
        };
        assert_eq!(bounds, expected, "{name}");
        assert_eq!(asked, golden(&format!("ringcentral-{name}.json")), "{name}");
    }
    // What a job says of the criteria is asked; the vendor's columns may be named, and other formats made of them.
    let said = "criteria = { systemDisposition = \"ANSWER\", includeAuxData = false }\n\
                [checks]\nunique = [\"callID\"]\n[output]\nformat = \"json\"\n";
    legwork.job("answered", &reports_job("dialer-result", said));
    legwork.run(&["apply"]).ok();
    assert!(legwork.run(&["run", "answered"]).fails(5).contains("callID"), "two rows of one call");
    let asked = vendor.calls("reportsStreaming").last().unwrap().json();
    assert_eq!(asked["reportCriteria"]["systemDisposition"], "ANSWER");
    assert_eq!(asked["reportCriteria"]["includeAuxData"], false);
    assert_eq!(asked["reportCriteria"]["includeXferData"], true);
    let rows: Value = serde_json::from_str(&made(&legwork, "answered")).unwrap();
    assert_eq!(rows[1]["callID"], "1", "{rows}");
}

#[test]
fn what_is_not_the_report_is_not_believed() {
    for (kind, more, answer, says) in [
        ("dialer-result", "", "\"callID\",\"id\"\n1,2\n".to_owned(), "column 2 is `id` instead of `ID`"),
        ("global-call-type", "", "ANI,DNIS\n1,2\n".to_owned(), "no column UII"),
        ("cloud-call-detail", PROFILES, cloud("6/30/26"), "far from the period"),
        ("global-call-type", "", "UII,ANI\n1\n".to_owned(), "1 cells under a header of 2"),
        // Nobody could say before that the vendor would send no such column.
        (
            "global-call-type",
            "[checks]\nunique = [\"Uii\"]\n",
            "UII,ANI\n1,2\n".to_owned(),
            "names a column `Uii`; the vendor sent UII, ANI",
        ),
        (
            "global-call-type",
            "[output]\nformat = \"json\"\n",
            "UII,Name,Name\n1,2,3\n".to_owned(),
            "two columns `Name`",
        ),
        ("dialer-result", "", String::new(), "the answer is empty"),
    ] {
        let vendor = with_login(move |_| Reply::csv(answer.clone()));
        let legwork = ringcx(&vendor, "");
        legwork.job("wrong", &reports_job(kind, more));
        legwork.run(&["apply"]).ok();
        let told = legwork.run(&["run", "wrong"]).fails(1);
        assert!(told.contains(says), "{kind}: {told}");
        assert_eq!(legwork.ask("select count(*) from artifact"), "0");
    }
}

#[test]
fn a_job_learns_what_can_be_asked() {
    let legwork = ringcx(&vendor(), "");
    for (kind, more, says) in [
        (
            "dialer-result",
            "criteria = { systemdisposition = \"ANSWER\" }\n",
            "did you mean `systemDisposition`?",
        ),
        ("dialer-result", "criteria = { systemDisposition = \"ANSWERED\" }\n", "use one of ALL, ANSWER,"),
        ("dialer-result", "criteria = { includeAuxData = \"yes\" }\n", "write true or false"),
        ("dialer-result", "filters = { queues = [\"7\"] }\n", "it has none"),
        ("cloud-call-detail", "", "`cloudProfileIds` names none"),
        (
            "cloud-call-detail",
            "criteria = { groupBy = \"DESTINATION\" }\n",
            "`cloudDestinationIds` names none",
        ),
        ("cloud-call-detail", "criteria = { cloudProfileIds = [\"all\"] }\n", "`all` is no id"),
        ("cloud-call-detail", "criteria = { cloudProfileIds = 5 }\n", "this is no list"),
        ("cloud-call-detail", "criteria = { cloudProfileIds = [-1] }\n", "`-1` is no id"),
        ("agent-session-raw", "criteria = { groupBy = \"PROFILE\" }\n", "`criteria` is no option"),
        ("global-call-type", "columns = [\"UII\"]\n", "`columns` is no option"),
    ] {
        legwork.job("asked", &reports_job(kind, more));
        let told = legwork.run(&["check"]).fails(2);
        assert!(told.contains(says) && told.contains("asked.toml:"), "{kind} {more}: {told}");
    }
    let stored = reports_job("dialer-result", "").replace("source = \"ringcx\"\n", "");
    legwork.job("asked", &stored);
    assert!(legwork.run(&["check"]).fails(2).contains("only its vendor makes it"));
    let shown = legwork.run(&["reports", "show", "dialer-result"]).ok();
    assert!(
        shown.contains("criteria.systemDisposition: ALL, ANSWER") && shown.contains("63. dial_group_name")
    );
}
