//! Cells → text: the same in every format that is text.

use jiff::Timestamp;

use super::page::WIDE;
use crate::domain::batch::NONE;
use crate::domain::output::DATE_FORMAT;
use crate::domain::record::Millis;
use crate::domain::table::{Cell, DurationStyle, InstantStyle};
use crate::domain::zone::{OffsetCursor, Zone};

/// Prints cells. Keeps the text of the last local day.
#[derive(Debug)]
pub(super) struct CellText<'a> {
    instants: InstantText<'a>,
}

impl<'a> CellText<'a> {
    pub(super) fn new(zone: &'a Zone, date_format: &'a str) -> Self {
        Self { instants: InstantText::new(zone, date_format) }
    }

    /// Adds a cell's text.
    pub(super) fn push(&mut self, text: &mut Vec<u8>, cell: Cell<'_>) {
        match cell {
            Cell::Blank => {}
            Cell::Text(value) | Cell::Id(value) | Cell::Digits(value) => {
                text.extend_from_slice(value.as_bytes());
            }
            Cell::Instant(ms, InstantStyle::Local) => self.instants.push(text, ms),
            Cell::Instant(ms, InstantStyle::Rfc3339) => {
                let at = Timestamp::from_millisecond(ms).unwrap_or_default();
                text.extend_from_slice(at.to_string().as_bytes());
            }
            Cell::Duration(ms, DurationStyle::Clock) => push_duration(text, ms),
            Cell::Duration(ms, DurationStyle::Seconds) => push_integer(text, ms.max(0) / 1_000),
            Cell::Number(number) => push_integer(text, number),
            Cell::Hundredths(hundredths) => push_hundredths(text, hundredths),
            Cell::Percent(hundredths) => {
                push_hundredths(text, hundredths);
                text.push(b'%');
            }
            Cell::Double(double) => push_double(text, double),
            Cell::Flag(flag) => text.extend_from_slice(if flag { b"true" } else { b"false" }),
        }
    }

    /// UTC milliseconds as local ones.
    pub(super) fn local_ms(&mut self, ms: Millis) -> Millis {
        ms + self.instants.offsets.offset_ms(ms)
    }
}

fn push_integer(text: &mut Vec<u8>, number: i64) {
    text.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

fn push_hundredths(text: &mut Vec<u8>, hundredths: i64) {
    push_integer(text, hundredths / 100);
    text.push(b'.');
    push_number(text, (hundredths % 100).abs());
}

/// The shortest text that reads back as the same double; whole ones print without a fraction.
fn push_double(text: &mut Vec<u8>, double: f64) {
    text.extend_from_slice(double.to_string().as_bytes());
}

/// HH:MM:SS in whole seconds, truncated; hours do not wrap at 24.
fn push_duration(text: &mut Vec<u8>, ms: Millis) {
    if ms == NONE {
        return;
    }
    let seconds = ms.max(0) / 1_000;
    push_number(text, seconds / 3_600);
    text.push(b':');
    push_number(text, seconds / 60 % 60);
    text.push(b':');
    push_number(text, seconds % 60);
}

/// At least two digits.
fn push_number(text: &mut Vec<u8>, number: i64) {
    if number < 100 {
        let digit = |n: i64| b'0' + u8::try_from(n).unwrap_or(0);
        text.extend_from_slice(&[digit(number / 10), digit(number % 10)]);
    } else {
        push_integer(text, number);
    }
}

const DAY_MS: i64 = 86_400_000;

/// Instants in the report's zone. The default format keeps the text of the last local day.
#[derive(Debug)]
struct InstantText<'a> {
    zone: &'a Zone,
    format: &'a str,
    offsets: OffsetCursor<'a>,
    day: i64,
    date: Vec<u8>,
}

impl<'a> InstantText<'a> {
    fn new(zone: &'a Zone, format: &'a str) -> Self {
        Self { zone, format, offsets: OffsetCursor::new(zone), day: i64::MIN, date: Vec::new() }
    }

    fn push(&mut self, cell: &mut Vec<u8>, ms: Millis) {
        if ms == NONE {
            return;
        }
        if self.format == DATE_FORMAT {
            self.push_default(cell, ms);
        } else if let Ok(at) = Timestamp::from_millisecond(ms) {
            // The format was checked with the job.
            let text = jiff::fmt::strtime::format(self.format, &self.zone.zoned(at)).unwrap_or_default();
            cell.extend_from_slice(text.as_bytes());
        }
    }

    fn push_default(&mut self, cell: &mut Vec<u8>, ms: Millis) {
        let local = ms + self.offsets.offset_ms(ms);
        let day = local.div_euclid(DAY_MS);
        if day != self.day {
            // A civil date has no offset: the local day counted from 1970 names it.
            let date = Timestamp::from_second(day * 86_400).map(|at| at.strftime("%Y-%m-%d ").to_string());
            self.date = date.unwrap_or_default().into_bytes();
            self.day = day;
        }
        cell.extend_from_slice(&self.date);
        let seconds = local.rem_euclid(DAY_MS) / 1_000;
        push_number(cell, seconds / 3_600);
        cell.push(b':');
        push_number(cell, seconds / 60 % 60);
        cell.push(b':');
        push_number(cell, seconds % 60);
    }
}

/// `00` to `99`, one behind the other.
static PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let mut at = 0;
    while at < 100 {
        #[expect(
            clippy::as_conversions,
            clippy::cast_possible_truncation,
            reason = "below 100, and there is no other way in a constant"
        )]
        let number = at as u8;
        #[expect(clippy::indexing_slicing, reason = "checked when it is compiled")]
        {
            pairs[at] = [b'0' + number / 10, b'0' + number % 10];
        }
        at += 1;
    }
    pairs
};

#[inline]
fn pair(number: u32) -> [u8; 2] {
    usize::try_from(number).ok().and_then(|number| PAIRS.get(number)).copied().unwrap_or(*b"??")
}

/// `HH:MM:SS` of seconds below 100 hours.
#[inline]
fn clock(seconds: u32) -> [u8; 8] {
    let (hours, minutes, seconds) = (pair(seconds / 3_600), pair(seconds / 60 % 60), pair(seconds % 60));
    [hours[0], hours[1], b':', minutes[0], minutes[1], b':', seconds[0], seconds[1]]
}

/// What stands behind a cell: one byte, or the two of a line's end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ending {
    pub(super) bytes: [u8; 2],
    pub(super) length: u8,
}

impl Ending {
    pub(super) fn text(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }

    /// Alone, as the cell that is blank.
    #[inline]
    fn alone(self, room: &mut [u8; WIDE]) -> usize {
        room[..2].copy_from_slice(&self.bytes);
        usize::from(self.length)
    }
}

/// Writes a duration as HH:MM:SS with its ending, and says how long that is; `None` from 100 hours on.
#[inline]
pub(super) fn write_duration(room: &mut [u8; WIDE], ms: Millis, ending: Ending) -> Option<usize> {
    if ms == NONE {
        return Some(ending.alone(room));
    }
    let seconds = u32::try_from(ms.max(0) / 1_000).ok().filter(|seconds| *seconds < 360_000)?;
    room[..8].copy_from_slice(&clock(seconds));
    room[8..10].copy_from_slice(&ending.bytes);
    Some(8 + usize::from(ending.length))
}

/// Writes a whole number with its ending, and says how long that is.
#[inline]
pub(super) fn write_integer(room: &mut [u8; WIDE], number: i64, ending: Ending) -> Option<usize> {
    if number == NONE {
        return Some(ending.alone(room));
    }
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(number).as_bytes();
    room.get_mut(..digits.len())?.copy_from_slice(digits);
    room.get_mut(digits.len()..)?.first_chunk_mut().map(|end| *end = ending.bytes)?;
    Some(digits.len() + usize::from(ending.length))
}

/// Instants of one column in the default format, with the text of its last local day.
#[derive(Debug)]
pub(super) struct DayText<'a> {
    offsets: OffsetCursor<'a>,
    /// The local day's first instant, as local milliseconds.
    day: i64,
    date: Option<[u8; 11]>,
}

impl<'a> DayText<'a> {
    pub(super) fn new(zone: &'a Zone) -> Self {
        Self { offsets: OffsetCursor::new(zone), day: i64::MIN / 2, date: None }
    }

    /// Writes an instant with its ending, and says how long that is; `None` where the year has not four digits.
    #[inline]
    pub(super) fn write(&mut self, room: &mut [u8; WIDE], ms: Millis, ending: Ending) -> Option<usize> {
        if ms == NONE {
            return Some(ending.alone(room));
        }
        let local = ms + self.offsets.offset_ms(ms);
        if !(0..DAY_MS).contains(&local.wrapping_sub(self.day)) {
            self.begin_day(local);
        }
        let seconds = u32::try_from(local.wrapping_sub(self.day) / 1_000).ok()?;
        room[..11].copy_from_slice(&self.date?);
        room[11..19].copy_from_slice(&clock(seconds));
        room[19..21].copy_from_slice(&ending.bytes);
        Some(19 + usize::from(ending.length))
    }

    #[cold]
    fn begin_day(&mut self, local: Millis) {
        self.day = local.wrapping_sub(local.rem_euclid(DAY_MS));
        // A civil date has no offset: the local day counted from 1970 names it.
        let date = Timestamp::from_millisecond(self.day).map(|at| at.strftime("%Y-%m-%d ").to_string());
        self.date = date.ok().and_then(|date| date.into_bytes().try_into().ok());
    }
}

#[cfg(test)]
mod tests {
    use super::{push_double, push_duration, push_hundredths};
    use crate::domain::batch::NONE;

    fn printed<T>(push: fn(&mut Vec<u8>, T), value: T) -> String {
        let mut text = Vec::new();
        push(&mut text, value);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn durations_truncate_and_never_wrap() {
        let texts =
            [0, 999, 59_999, 3_600_000, 90_061_000, 1_162_883_000, NONE].map(|ms| printed(push_duration, ms));
        assert_eq!(texts, ["00:00:00", "00:00:00", "00:00:59", "01:00:00", "25:01:01", "323:01:23", ""]);
    }

    #[test]
    fn decimals_have_two_places_and_whole_doubles_none() {
        assert_eq!(
            [0, 5, 117, 4_545].map(|h| printed(push_hundredths, h)),
            ["0.00", "0.05", "1.17", "45.45"]
        );
        assert_eq!([1.4, 1.0, 1.25].map(|double| printed(push_double, double)), ["1.4", "1", "1.25"]);
    }
}
