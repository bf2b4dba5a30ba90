//! Days on which a schedule's instants are skipped: holidays, a freeze.

use jiff::Timestamp;
use jiff::civil::Date;

use super::zone::Zone;

/// Spans of local days, each with its first day and the first day after it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Blackout(Vec<(Date, Date)>);

impl Blackout {
    /// Whether an instant's local day lies in it.
    pub fn covers(&self, at: Timestamp, zone: &Zone) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let day = zone.civil(at).date();
        self.0.iter().any(|(from, to)| *from <= day && day < *to)
    }

    /// Adds the days of another one.
    pub fn extend(&mut self, other: &Self) {
        self.0.extend_from_slice(&other.0);
    }

    /// Reads one day, or FROM..TO with TO exclusive as in periods.
    pub fn parse(text: &str) -> Result<Self, String> {
        let date = |text: &str| {
            let wrong = |_| {
                format!(
                    "`{text}` is no date; write days as \"2026-12-25\" or \"2026-12-24..2027-01-02\", TO exclusive"
                )
            };
            text.trim().parse::<Date>().map_err(wrong)
        };
        let (from, to) = if let Some((from, to)) = text.split_once("..") {
            (date(from)?, date(to)?)
        } else {
            let day = date(text)?;
            (day, day.tomorrow().map_err(|error| error.to_string())?)
        };
        if to <= from {
            return Err(format!("`{text}` ends before it begins; TO is the first day after it"));
        }
        Ok(Self(vec![(from, to)]))
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::Blackout;
    use crate::domain::zone::{Zone, ZoneOrigin};

    #[test]
    fn days_are_local_and_the_end_is_outside() {
        let zone = Zone::new("Asia/Tokyo", TimeZone::get("Asia/Tokyo").unwrap(), ZoneOrigin::Host);
        let mut days = Blackout::parse("2026-12-24..2026-12-26").unwrap();
        days.extend(&Blackout::parse("2027-01-01").unwrap());
        let covers = |at: &str| days.covers(at.parse().unwrap(), &zone);
        assert!(covers("2026-12-23T15:00:00Z") && covers("2026-12-25T14:59:59Z"));
        assert!(!covers("2026-12-25T15:00:00Z") && covers("2026-12-31T15:00:00Z"));
        assert!(Blackout::parse("2026-12-24..2026-12-24").is_err() && Blackout::parse("Christmas").is_err());
    }
}
