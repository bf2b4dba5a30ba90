//! What a report says: column definitions over batches. Pure.

pub mod interaction_details_by_segment;

use crate::domain::definition::ReportKind;
use crate::domain::table::Column;

/// The columns of a report, in order.
pub fn columns(kind: ReportKind) -> &'static [Column] {
    match kind {
        ReportKind::InteractionDetailsBySegment => &interaction_details_by_segment::COLUMNS,
    }
}
