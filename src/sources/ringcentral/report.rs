//! What `reportsStreaming` is asked: the bodies of the vendor's guide, field by field.

use jiff::SignedDuration;
use serde_json::{Value, json};

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

/// The body for a job's report.
pub(super) fn body(report: &Report, period: Period, wish: Wish) -> Value {
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
    let delimiter = match wish.delimiter {
        b'\t' => "TAB",
        b'|' => "PIPE",
        _ => "COMMA",
    };
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
        let shared = json!({
            "secureAgentGroupIds": "", "agentGroupIds": groups,
            "secureAgentIds": "", "agentIds": agents,
            "startTimestamp": zone.civil(period.start).strftime("%Y-%m-%d %H:%M:%S").to_string(),
            "endTimestamp": last(period, zone),
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

/// The end as the vendor takes it, with the fraction that its table shows. Nobody says whether its end is inside: stamps
/// are whole seconds, so the last tenth of a millisecond before the end asks for the same rows either way, where the
/// sample's `23:59:00` would lose a minute.
fn last(period: Period, zone: &Zone) -> String {
    let before = period.end.checked_sub(SignedDuration::from_nanos(100_000)).unwrap_or(period.end);
    zone.civil(before).strftime("%Y-%m-%d %H:%M:%S.%4f").to_string()
}
