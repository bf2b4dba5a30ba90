//! Instants as text for ledger, logs and people.

use jiff::Timestamp;

use super::zone::Zone;

/// The ledger's form: UTC, fixed width with milliseconds, so that text sorts as time does.
pub fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// For programs: RFC 3339 in UTC, whole seconds where there are no others.
pub fn rfc3339(at: Timestamp) -> String {
    if at.subsec_nanosecond() == 0 { at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string() } else { stamp(at) }
}

/// For people: local date, time and offset, as `2026-11-02 06:00:00 -05:00`.
pub fn local(at: Timestamp, zone: &Zone) -> String {
    zone.zoned(at).strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
}

/// A rough distance for people: `in 3 h`, `4 min ago`.
pub fn away(at: Timestamp, now: Timestamp) -> String {
    let seconds = at.duration_since(now).as_secs();
    let size = match seconds.abs() {
        0 => return "now".to_owned(),
        1..60 => format!("{} s", seconds.abs()),
        60..3_600 => format!("{} min", seconds.abs() / 60),
        3_600..172_800 => format!("{} h", seconds.abs() / 3_600),
        _ => format!("{} days", seconds.abs() / 86_400),
    };
    if seconds < 0 { format!("{size} ago") } else { format!("in {size}") }
}
