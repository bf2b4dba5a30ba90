//! Whether the rows of a file that a vendor makes are those that were asked for.

use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp};

use super::generate::Order;
use crate::domain::report::{Direction, Reads, SegmentRows};
use crate::domain::table::Picked;

/// How far from the period a row's start may lie: nobody says which of its stamps a vendor goes by.
const NEAR: SignedDuration = SignedDuration::from_hours(3 * 24);

/// Whether rows are what was asked for: of the period's days, and of the report's direction.
pub(super) struct AsAsked {
    /// Where a row says when it began, and between what it may.
    start: Option<usize>,
    between: (DateTime, DateTime),
    /// Where a row says its direction, and the one that was asked for.
    direction: Option<(usize, &'static str)>,
}

impl AsAsked {
    pub(super) fn new(order: &Order<'_>, columns: &[Picked]) -> Self {
        let report = &order.definition.report;
        let place = |names: &[&str]| columns.iter().position(|picked| names.contains(&&*picked.header));
        let local = |at: Timestamp| report.zone.civil(at);
        let direction = match report.kind.reads {
            Reads::Segments(SegmentRows::Legs(Direction::Inbound)) => Some("INBOUND"),
            Reads::Segments(SegmentRows::Legs(Direction::Outbound)) => Some("OUTBOUND"),
            Reads::Segments(_) | Reads::Sessions | Reads::Metrics(_) | Reads::Vendor(_) => None,
        };
        let from = order.period.start.checked_sub(NEAR).unwrap_or(Timestamp::MIN);
        let to = order.period.end.checked_add(NEAR).unwrap_or(Timestamp::MAX);
        Self {
            start: place(&["Start Dts", "start_dts", "Login DTS", "enqueue_time", "call_start"]),
            between: (local(from), local(to)),
            direction: place(&["Call Type", "call_type"]).zip(direction),
        }
    }

    pub(super) fn look_at(&self, record: &csv::ByteRecord) -> Result<(), String> {
        let cell = |at: usize| std::str::from_utf8(record.get(at).unwrap_or_default()).unwrap_or("").trim();
        if let Some((at, asked)) = self.direction
            && !cell(at).eq_ignore_ascii_case(asked)
        {
            return Err(format!("it is `{}`, and {asked} was asked for", cell(at)));
        }
        // A stamp in a form that nobody has published proves nothing.
        let stamp =
            self.start.and_then(|at| FORMS.iter().find_map(|form| DateTime::strptime(form, cell(at)).ok()));
        match stamp {
            Some(stamp) if stamp < self.between.0 || self.between.1 < stamp => {
                Err(format!("it began at {stamp}, far from the period that was asked for"))
            }
            _ => Ok(()),
        }
    }
}

/// Stamps of the guide, of its older page, and of the session report's sample.
const FORMS: [&str; 3] = ["%m/%d/%Y %H:%M:%S", "%Y-%m-%d %H:%M:%S", "%m/%d/%y %I:%M %p"];
