//! Messaging Operations: metrics of the last 24 hours, counted by the vendor.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use crate::domain::period::Period;
use crate::domain::report::{FilterKey, Report, UserTypeFilter};

/// A metric by name, as the vendor prints it.
pub type Metrics = BTreeMap<String, serde_json::Number>;

/// The metric that is always there.
const SEGMENTS: &str = "totalAgentConversationSegments";

/// The four documented shapes in one; what is not there is absent.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    #[serde(default)]
    agents_metrics: Option<PerAgent>,
    #[serde(default, alias = "skillsMetrics")]
    metrics_per_skill: Option<BTreeMap<String, PerAgent>>,
    // The text calls it `metricsTotals`.
    #[serde(default, alias = "metricsTotals")]
    metrics_total: Option<Metrics>,
    #[serde(default)]
    metrics_by_intervals: Option<Vec<Interval>>,
    #[serde(default)]
    timeframe_summary: Option<Box<Body>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PerAgent {
    #[serde(default)]
    metrics_per_agent: BTreeMap<String, Metrics>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Interval {
    timestamp: i64,
    #[serde(default)]
    metrics_data: Option<Body>,
    // Sibling pages show intervals without `metricsData` around them.
    #[serde(flatten)]
    bare: BTreeMap<String, serde_json::Value>,
}

/// One row of the flat form: an agent's metrics in an interval, of one skill or of all.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Start of its interval; nothing where the answer has none.
    pub interval: Option<Timestamp>,
    /// The skill, where the answer has skills.
    pub skill: Option<String>,
    /// The agent.
    pub agent: String,
    /// The metrics by name.
    pub metrics: Metrics,
}

/// What is asked: `timeframe` counts back from the call.
pub(super) fn query(report: &Report, period: Period) -> Vec<(&'static str, String)> {
    let minutes = period.end.duration_since(period.start).as_secs() / 60;
    let list = |key: FilterKey| report.filters.lists.get(&key).map(|values| values.join(","));
    let choice = &report.metrics;
    let by_skill = choice.by_skill.as_ref();
    let user_type = report.filters.user_type.map(|kind| match kind {
        UserTypeFilter::Human => "human".to_owned(),
        UserTypeFilter::Bot => "bot".to_owned(),
    });
    let optional = [
        ("agentIds", Some(list(FilterKey::Agents).unwrap_or_else(|| "all".to_owned()))),
        (
            "skillIds",
            by_skill.map(|skills| if skills.is_empty() { "all".to_owned() } else { skills.join(",") }),
        ),
        ("groupIds", list(FilterKey::Groups)),
        ("interval", choice.interval_minutes.map(|minutes| minutes.to_string())),
        ("userType", user_type),
        ("source", list(FilterKey::IntegrationSources)),
        ("metrics", Some(choice.only.join(",")).filter(|metrics| !metrics.is_empty())),
    ];
    let mut query = vec![("timeframe", minutes.to_string()), ("v", "1".to_owned())];
    query.extend(optional.into_iter().filter_map(|(key, value)| Some((key, value?))));
    query
}

/// The rows of a document in the order of interval, skill and agent, by skill or of all skills together; or why it is none.
///
/// No rows are an answer only where the totals count no segment: a member that is missing is no quiet time.
pub fn rows(document: &[u8], by_skill: bool) -> Result<Vec<Row>, String> {
    let broken =
        |error: serde_json::Error| format!("the metrics are not the JSON that is documented: {error}");
    let body: Body = serde_json::from_slice(document).map_err(broken)?;
    let whole = body.agents_metrics.is_some()
        || body.metrics_total.is_some()
        || body.timeframe_summary.is_some()
        || body.metrics_by_intervals.is_some();
    if !whole {
        return Err("the answer has neither metrics nor totals".to_owned());
    }
    let summary = body.timeframe_summary.as_deref().unwrap_or(&body);
    let counted = summary.metrics_total.as_ref().and_then(|total| total.get(SEGMENTS)?.as_u64());
    let mut rows = Vec::new();
    match body.metrics_by_intervals {
        None => flatten(body, None, &mut rows),
        Some(mut intervals) => {
            // Prose and one example have the newest first, another the oldest.
            intervals.sort_by_key(|interval| interval.timestamp);
            for interval in intervals {
                let at = Timestamp::from_millisecond(interval.timestamp)
                    .map_err(|_| format!("`{}` is no instant", interval.timestamp))?;
                let data = if let Some(data) = interval.metrics_data {
                    data
                } else {
                    let bare = serde_json::to_value(interval.bare).map_err(broken)?;
                    serde_json::from_value(bare).map_err(broken)?
                };
                flatten(data, Some(at), &mut rows);
            }
        }
    }
    rows.retain(|row| row.skill.is_some() == by_skill);
    if rows.is_empty() && counted != Some(0) {
        let told =
            counted.map_or_else(|| "tells no total".to_owned(), |count| format!("counts {count} segments"));
        return Err(format!("the answer {told} and has no row of an agent"));
    }
    Ok(rows)
}

/// An agent's metrics of all skills first, then skill by skill.
fn flatten(body: Body, interval: Option<Timestamp>, rows: &mut Vec<Row>) {
    let all = body.agents_metrics.into_iter().map(|agents| (None, agents));
    let by_skill = body.metrics_per_skill.into_iter().flatten().map(|(skill, agents)| (Some(skill), agents));
    for (skill, agents) in all.chain(by_skill) {
        for (agent, metrics) in agents.metrics_per_agent {
            rows.push(Row { interval, skill: skill.clone(), agent, metrics });
        }
    }
}
