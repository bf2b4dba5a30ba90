//! What a report says: column definitions over batches. Pure.
//!
//! A report is one file here and one line in [`CATALOGUE`].

pub mod agent_segments;
pub mod agent_session_raw;
pub mod interaction_details_by_segment;
pub mod messaging_agent_segments;
pub mod metrics;
pub mod ranks;
pub mod segment_metadata;
pub mod segments;
mod shared;
pub mod vendors_own;

use crate::domain::report::{ReportKind, ReportType};

/// The reports there are.
pub static CATALOGUE: [&ReportType; 10] = [
    &interaction_details_by_segment::REPORT,
    &segment_metadata::INBOUND,
    &segment_metadata::OUTBOUND,
    &agent_session_raw::REPORT,
    &agent_segments::REPORT,
    &messaging_agent_segments::REPORT,
    &segments::REPORT,
    &vendors_own::DIALER_RESULT,
    &vendors_own::CLOUD_CALL_DETAIL,
    &vendors_own::GLOBAL_CALL_TYPE,
];

/// The report of a name.
pub fn by_name(name: &str) -> Option<ReportKind> {
    CATALOGUE.iter().find(|report| report.name == name).map(|report| ReportKind(report))
}
