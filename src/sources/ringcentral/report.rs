//! What `reportsStreaming` is asked: the bodies of the vendor's guide, field by field.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::domain::criteria::Said;
use crate::domain::period::Period;
use crate::domain::report::{FilterKey, Report};
use crate::domain::zone::Zone;
use crate::sources::Wish;

/// Of the agent segment metadata.
#[derive(Debug, Clone, Copy)]
pub(super) enum Direction {
    Inbound,
    Outbound,
}

impl Direction {
    pub(super) const BOTH: [Self; 2] = [Self::Inbound, Self::Outbound];
}

/// The prefixed names are what the vendor's examples send; the name without prefix in its table is not accepted
const INBOUND: &str = "Inbound_Agent_Segment_Metadata_Report";
const OUTBOUND: &str = "Outbound_Agent_Segment_Metadata_Report";
const SESSIONS: &str = "Agent_Session_Report_Raw";
const CLOUD: &str = "Cloud_Call_Detail_Download";

/// The body for a job's report.
pub(super) fn body(report: &Report, period: Period, wish: Wish) -> Value {
    match report.kind.name {
        "dialer-result" => dialer(report, period, wish),
        "global-call-type" => global(report, period, wish),
        "cloud-call-detail" => cloud(report, period, wish),
        _ => casper(report, period, wish),
    }
}

/// Every dial attempt. The guide's sample has a colon inside of the name `systemDisposition`; its table has none.
fn dialer(report: &Report, period: Period, wish: Wish) -> Value {
    let schedule = json!({ "repeatOption": "ONCE", "scheduleTimezoneName": report.zone.name() });
    let criteria = between(report, period, "DIALER_RESULT_DOWNLOAD_CRITERIA", Some(schedule));
    json!({ "reportType": "DIALER_RESULT_DOWNLOAD", "delimiter": delimiter(wish), "reportCriteria": criteria })
}

/// All calls.
fn global(report: &Report, period: Period, wish: Wish) -> Value {
    let criteria = between(report, period, "GLOBAL_CALL_TYPE_CRITERIA", None);
    json!({ "reportType": "GLOBAL_CALL_TYPE_DELIMITED", "delimiter": delimiter(wish), "reportCriteria": criteria })
}

/// Criteria between two instants; whether the end is inside nobody says, and the millisecond before it asks for the same
/// calls either way.
fn between(report: &Report, period: Period, kind: &str, schedule: Option<Value>) -> Value {
    let form = "%Y-%m-%dT%H:%M:%S.%3f+0000";
    let last = period.end.checked_sub(SignedDuration::from_millis(1)).unwrap_or(period.end);
    let mut criteria = said(report);
    criteria.insert("criteriaType".to_owned(), kind.into());
    criteria.insert("startDate".to_owned(), period.start.strftime(form).to_string().into());
    criteria.insert("endDate".to_owned(), last.strftime(form).to_string().into());
    criteria.extend(schedule.map(|schedule| ("schedule".to_owned(), schedule)));
    criteria.into()
}

/// Calls that were routed in the cloud.
fn cloud(report: &Report, period: Period, wish: Wish) -> Value {
    let mut criteria = said(report);
    let (start, end) = bounds(period, &report.zone);
    let accounts = report.filters.lists.get(&FilterKey::Accounts).cloned().unwrap_or_default();
    let own = json!({
        "accountIds": accounts,
        "startTimestamp": start,
        "endTimestamp": end,
        "timezoneName": report.zone.name(),
        "criteriaType": "CASPER_CRITERIA",
        "reportName": CLOUD,
        "returnType": "CSV",
        "schedule": { "repeatOption": "ONCE" },
    });
    if let Value::Object(own) = own {
        criteria.extend(own);
    }
    json!({
        "delimiter": delimiter(wish),
        "reportType": "CASPER_REPORT",
        "reportTypeName": CLOUD,
        "reportCriteria": criteria,
    })
}

/// What a job says of the vendor's criteria.
fn said(report: &Report) -> serde_json::Map<String, Value> {
    let value = |said: &Said| match said {
        Said::Flag(flag) => Value::from(*flag),
        Said::Word(word) => Value::from(*word),
        Said::Ids(ids) => ids.iter().map(|id| id.map_or(Value::Null, Value::from)).collect(),
    };
    report.criteria.iter().map(|(key, said)| ((*key).to_owned(), value(said))).collect()
}

fn delimiter(wish: Wish) -> &'static str {
    match wish.delimiter {
        b'\t' => "TAB",
        b'|' => "PIPE",
        _ => "COMMA",
    }
}

fn casper(report: &Report, period: Period, wish: Wish) -> Value {
    let name = match report.kind.name {
        "inbound-agent-segment-metadata" => INBOUND,
        "outbound-agent-segment-metadata" => OUTBOUND,
        _ => SESSIONS,
    };
    let texts = |key: FilterKey| report.filters.lists.get(&key).cloned().unwrap_or_default();
    // Ids are integers, those of accounts strings: the guide says so, and `check` has seen that they are.
    let ids = |key: FilterKey| -> Value {
        texts(key).iter().filter_map(|text| text.parse::<u64>().ok()).collect::<Vec<_>>().into()
    };
    let delimiter = delimiter(wish);
    let own = match name {
        INBOUND => json!({
            "secureGateGroupIds": "", "gateGroupIds": ids(FilterKey::QueueGroups),
            "secureGateIds": "", "gateIds": ids(FilterKey::Queues),
        }),
        OUTBOUND => json!({
            "secureDialGroupIds": "", "dialGroupIds": ids(FilterKey::DialGroups),
            "secureCampaignIds": "", "campaignIds": ids(FilterKey::Campaigns),
        }),
        _ => json!({ "rollupAgent": "", "agentTeams": texts(FilterKey::Teams) }),
    };
    let agents = (ids(FilterKey::Groups), ids(FilterKey::Agents));
    // The guide of the session report offers XML, under a misspelt name; nobody has published an answer to it.
    let kind = if wish.xml && name == SESSIONS { "XML" } else { "CSV" };
    let form = Form { name, delimiter, kind };
    request(form, own, agents, &texts(FilterKey::Accounts), period, &report.zone)
}

/// The body for the rows of a direction, in UTC: stamps without an offset that no change of the clocks makes ambiguous.
pub(super) fn body_for_rows(direction: Direction, period: Period) -> Value {
    let (name, own) = match direction {
        Direction::Inbound => (
            INBOUND,
            json!({ "secureGateGroupIds": "", "gateGroupIds": [], "secureGateIds": "", "gateIds": [] }),
        ),
        Direction::Outbound => (
            OUTBOUND,
            json!({ "secureDialGroupIds": "", "dialGroupIds": [], "secureCampaignIds": "", "campaignIds": [] }),
        ),
    };
    let form = Form { name, delimiter: "COMMA", kind: "CSV" };
    request(form, own, (json!([]), json!([])), &[], period, &Zone::utc())
}

/// Which report, and in what form.
#[derive(Clone, Copy)]
struct Form<'a> {
    name: &'a str,
    delimiter: &'a str,
    kind: &'a str,
}

fn request(
    form: Form<'_>,
    own: Value,
    (groups, agents): (Value, Value),
    accounts: &[String],
    period: Period,
    zone: &Zone,
) -> Value {
    let Form { name, delimiter, kind } = form;
    let mut criteria = own;
    if let Value::Object(criteria) = &mut criteria {
        let segments = name != SESSIONS;
        let (start, end) = bounds(period, zone);
        let shared = json!({
            "secureAgentGroupIds": "", "agentGroupIds": groups,
            "secureAgentIds": "", "agentIds": agents,
            "startTimestamp": start,
            "endTimestamp": end,
            "timezoneName": zone.name(),
            "criteriaType": "CASPER_CRITERIA",
            "reportName": name,
            "returnType": kind,
            // `SINGLE` in the vendor's schema, `ONCE` in each of its examples.
            "schedule": { "repeatOption": "ONCE" },
            "accountIds": accounts,
        });
        if let Value::Object(shared) = shared {
            criteria.extend(shared);
        }
        if segments {
            criteria.insert("startUiiTableKey".to_owned(), "".into());
            criteria.insert("endUiiTableKey".to_owned(), "".into());
        }
    }
    json!({
        "reportId": null,
        "destination": null,
        "delimiter": delimiter,
        "reportType": "CASPER_REPORT",
        "cciReport": true,
        "reportTypeName": name,
        "reportCriteria": criteria,
    })
}

/// Both bounds by the wall clock; the end as the vendor takes it, with the fraction that its table shows. Nobody says whether its end is inside: stamps
/// are whole seconds, so the last tenth of a millisecond before the end asks for the same rows either way, where the
/// sample's `23:59:00` would lose a minute.
fn bounds(period: Period, zone: &Zone) -> (String, String) {
    let before = period.end.checked_sub(SignedDuration::from_nanos(100_000)).unwrap_or(period.end);
    let start = zone.civil(period.start).strftime("%Y-%m-%d %H:%M:%S").to_string();
    (start, zone.civil(before).strftime("%Y-%m-%d %H:%M:%S.%4f").to_string())
}
