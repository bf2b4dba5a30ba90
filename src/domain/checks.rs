//! Checks of a report before it is sent: what a job asks, and what was found.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Time, Weekday};
use jiff::{SignedDuration, Timestamp};

use super::period::Period;
use super::text::local;
use super::units::grouped;
use super::zone::Zone;

/// Half hours told one by one; the others are counted.
const TOLD_MAX: usize = 5;
/// Earlier reports that a usual range needs.
const USUAL_MIN: usize = 3;
/// A half hour in seconds.
const HALF_HOUR: i64 = 1_800;

/// What a job asks of a report before it is sent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Checks {
    /// Rows at least.
    pub rows_min: Option<u64>,
    /// Rows at the most.
    pub rows_max: Option<u64>,
    /// How far rows may leave the range of earlier reports.
    pub volume: Option<Volume>,
    /// Half hours that must have rows.
    pub half_hours: Option<HalfHours>,
    /// Headers of columns that together tell each row from every other.
    pub unique: Vec<String>,
    /// Rules for cells, by header.
    pub columns: BTreeMap<String, ColumnRule>,
    /// How old the newest record may be at the period's end.
    pub fresh: Option<SignedDuration>,
    /// What happens when something is found.
    pub on_fail: OnFail,
    /// Whether recipients are told that a held report is delayed.
    pub tell: bool,
}

/// What happens when a check finds something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnFail {
    /// The file is kept and nothing is sent until a person looks.
    #[default]
    Hold,
    /// It is sent, and says what was found.
    Send,
}

/// Rows against those of earlier reports of the same weekday and time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Volume {
    /// How far below the lowest and above the highest, as a share of them.
    pub band: f64,
    /// How many earlier reports count.
    pub back: usize,
}

/// Half hours of the day that must have rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HalfHours {
    /// The header of the column of instants.
    pub column: String,
    /// The first local time.
    pub from: Time,
    /// The first local time that does not count any more; midnight is the end of the day.
    pub to: Time,
    /// On these days.
    pub days: Vec<Weekday>,
}

/// A rule for the cells of a column.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ColumnRule {
    /// Whether it must not be blank.
    pub required: bool,
    /// What it may be, where it is not blank.
    pub one_of: Vec<String>,
    /// The lowest number; durations in seconds.
    pub min: Option<f64>,
    /// The highest number.
    pub max: Option<f64>,
}

impl ColumnRule {
    /// The part of the rule that a cell breaks.
    pub fn broken_by(&self, text: &str, number: Option<f64>) -> Option<&'static str> {
        if text.is_empty() {
            return self.required.then_some("blank");
        }
        if !self.one_of.is_empty() && !self.one_of.iter().any(|allowed| allowed == text) {
            return Some("not among the allowed");
        }
        let number = number?;
        if self.min.is_some_and(|min| number < min) {
            return Some("below the lowest");
        }
        self.max.is_some_and(|max| max < number).then_some("above the highest")
    }
}

/// What was seen of the rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// By header and part of its rule: cells that broke it, and the first of them.
    pub broken: BTreeMap<String, BTreeMap<&'static str, (u64, String)>>,
    /// Rows whose key another row has, too.
    pub repeated_keys: u64,
    /// UTC half hours, counted from 1970, that have rows.
    pub half_hours: BTreeSet<i64>,
}

/// Rows of earlier reports: the lowest and the highest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usual {
    /// The lowest.
    pub lowest: u64,
    /// The highest.
    pub highest: u64,
    /// Of how many.
    pub of: usize,
}

impl Usual {
    /// The range of the newest `back` earlier reports whose instant has the local weekday and time of `nominal`;
    /// `None` where there are fewer than three. `earlier`: instants and rows, the newest first.
    pub fn of(earlier: &[(Timestamp, u64)], nominal: Timestamp, zone: &Zone, back: usize) -> Option<Self> {
        let like = |at: Timestamp| {
            let at = zone.zoned(at);
            (at.weekday(), at.hour(), at.minute())
        };
        let wanted = like(nominal);
        let rows: Vec<u64> =
            earlier.iter().filter(|(at, _)| like(*at) == wanted).map(|(_, rows)| *rows).take(back).collect();
        let (lowest, highest) = (rows.iter().min().copied()?, rows.iter().max().copied()?);
        (USUAL_MIN <= rows.len()).then_some(Self { lowest, highest, of: rows.len() })
    }
}

impl std::fmt::Display for Usual {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} to {}", grouped(self.lowest), grouped(self.highest))
    }
}

/// What a report was checked with besides its rows.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// Its rows.
    pub rows: u64,
    /// Its period.
    pub period: Period,
    /// Its zone.
    pub zone: &'a Zone,
    /// Rows of earlier reports.
    pub usual: Option<Usual>,
    /// The newest record of the store.
    pub newest_at: Option<Timestamp>,
}

impl Checks {
    /// Whether nothing is asked.
    pub fn is_empty(&self) -> bool {
        *self == Self { on_fail: self.on_fail, tell: self.tell, ..Self::default() }
    }

    /// What is wrong with a report, a sentence each; nothing when it is as asked.
    pub fn findings(&self, seen: &Seen, facts: &Facts<'_>) -> Vec<String> {
        let mut findings = Vec::new();
        let rows = facts.rows;
        if let Some(min) = self.rows_min.filter(|min| rows < *min) {
            findings.push(format!("{} rows are fewer than {}", grouped(rows), grouped(min)));
        }
        if let Some(max) = self.rows_max.filter(|max| *max < rows) {
            findings.push(format!("{} rows are more than {}", grouped(rows), grouped(max)));
        }
        findings.extend(self.volume_finding(facts));
        if 0 < seen.repeated_keys {
            let (count, columns) = (grouped(seen.repeated_keys), self.unique.join(", "));
            findings.push(format!("{count} rows repeat the {columns} of another"));
        }
        for (header, rules) in &seen.broken {
            for (rule, (count, first)) in rules {
                let example = if first.is_empty() { String::new() } else { format!(", such as `{first}`") };
                findings.push(format!("{header}: {} cells are {rule}{example}", grouped(*count)));
            }
        }
        if let Some(rule) = &self.half_hours {
            findings.extend(rule.finding(seen, facts));
        }
        if let Some(fresh) = self.fresh {
            let late = |newest: Timestamp| facts.period.end.duration_since(newest);
            match facts.newest_at {
                None => findings.push("the store has no record at all".to_owned()),
                Some(newest) if fresh < late(newest) => {
                    let newest = local(newest, facts.zone);
                    findings.push(format!("the newest record is of {newest}, long before the period's end"));
                }
                Some(_) => {}
            }
        }
        findings
    }

    fn volume_finding(&self, facts: &Facts<'_>) -> Option<String> {
        let (volume, usual) = (self.volume?, facts.usual?);
        #[expect(clippy::cast_precision_loss, clippy::as_conversions, reason = "rows are far below 2^53")]
        let (rows, lowest, highest) = (facts.rows as f64, usual.lowest as f64, usual.highest as f64);
        let words = if rows < lowest * (1.0 - volume.band) {
            format!("far below {}, the lowest", grouped(usual.lowest))
        } else if highest * (1.0 + volume.band) < rows {
            format!("far above {}, the highest", grouped(usual.highest))
        } else {
            return None;
        };
        Some(format!("{} rows are {words} of the last {} like it", grouped(facts.rows), usual.of))
    }
}

impl HalfHours {
    /// Half hours of the period inside the rule's times that have no row.
    fn finding(&self, seen: &Seen, facts: &Facts<'_>) -> Option<String> {
        let mut empty = Vec::new();
        let mut at = facts.period.start.as_second().div_euclid(HALF_HOUR);
        while let Ok(start) = Timestamp::from_second(at * HALF_HOUR) {
            if facts.period.end <= start {
                break;
            }
            let civil = facts.zone.zoned(start);
            let inside = self.from <= civil.time() && (self.to == Time::midnight() || civil.time() < self.to);
            let whole = facts.period.start <= start;
            if whole && inside && self.days.contains(&civil.weekday()) && !seen.half_hours.contains(&at) {
                empty.push(civil.strftime("%Y-%m-%d %H:%M").to_string());
            }
            at += 1;
        }
        if empty.is_empty() {
            return None;
        }
        let told = empty.iter().take(TOLD_MAX).cloned().collect::<Vec<_>>().join(", ");
        let more = empty.len().saturating_sub(TOLD_MAX);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        Some(format!("no row has its {} in the half hours from {told}{more}", self.column))
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::Weekday;
    use jiff::tz::TimeZone;

    use super::{Checks, ColumnRule, Facts, HalfHours, Seen, Usual, Volume};
    use crate::domain::period::Period;
    use crate::domain::zone::{Zone, ZoneOrigin};

    fn zone() -> Zone {
        Zone::new("Europe/Berlin", TimeZone::get("Europe/Berlin").unwrap(), ZoneOrigin::Host)
    }

    fn facts(zone: &Zone, rows: u64) -> Facts<'_> {
        Facts {
            rows,
            period: Period {
                start: "2026-11-18T23:00:00Z".parse().unwrap(),
                end: "2026-11-19T23:00:00Z".parse().unwrap(),
            },
            zone,
            usual: Some(Usual { lowest: 858, highest: 1_310, of: 8 }),
            newest_at: None,
        }
    }

    #[test]
    fn rows_are_held_against_bounds_and_against_days_like_it() {
        let zone = zone();
        let checks =
            Checks { rows_min: Some(500), volume: Some(Volume { band: 0.1, back: 8 }), ..Checks::default() };
        assert!(checks.findings(&Seen::default(), &facts(&zone, 900)).is_empty());
        let found = checks.findings(&Seen::default(), &facts(&zone, 331));
        assert_eq!(
            found,
            ["331 rows are fewer than 500", "331 rows are far below 858, the lowest of the last 8 like it"]
        );
        assert_eq!(checks.findings(&Seen::default(), &facts(&zone, 1_500)).len(), 1);
    }

    #[test]
    fn usual_is_the_same_weekday_and_local_time_across_a_clock_change() {
        let zone = zone();
        // Thursdays at 07:00: 05:00Z in summer time, 06:00Z behind it.
        let earlier: Vec<_> = [
            ("2026-11-12T06:00:00Z", 3),
            ("2026-11-11T06:00:00Z", 99),
            ("2026-10-29T06:00:00Z", 2),
            ("2026-10-22T05:00:00Z", 1),
            ("2026-10-15T05:00:00Z", 50),
        ]
        .map(|(at, rows)| (at.parse().unwrap(), rows))
        .into();
        let nominal = "2026-11-19T06:00:00Z".parse().unwrap();
        assert_eq!(Usual::of(&earlier, nominal, &zone, 3), Some(Usual { lowest: 1, highest: 3, of: 3 }));
        assert_eq!(Usual::of(&earlier[..2], nominal, &zone, 8), None);
    }

    #[test]
    fn an_empty_half_hour_inside_the_hours_is_found() {
        let zone = zone();
        let days: Vec<Weekday> = Weekday::Monday.cycle_forward().take(7).collect();
        let rule = HalfHours {
            column: "Start Time".to_owned(),
            from: jiff::civil::time(8, 0, 0, 0),
            to: jiff::civil::time(10, 0, 0, 0),
            days,
        };
        let mut seen = Seen::default();
        for at in ["2026-11-19T07:00:00Z", "2026-11-19T07:30:00Z", "2026-11-19T08:30:00Z"] {
            let at: jiff::Timestamp = at.parse().unwrap();
            seen.half_hours.insert(at.as_second() / 1_800);
        }
        let checks = Checks { half_hours: Some(rule), ..Checks::default() };
        let found = checks.findings(&seen, &facts(&zone, 3));
        assert_eq!(found, ["no row has its Start Time in the half hours from 2026-11-19 09:00"]);
    }

    #[test]
    fn cells_are_held_against_their_columns_rule() {
        let rule = ColumnRule {
            required: true,
            one_of: vec!["1".into(), "2".into()],
            min: Some(2.0),
            max: Some(3.0),
        };
        assert_eq!(rule.broken_by("", None), Some("blank"));
        assert_eq!(rule.broken_by("7", Some(7.0)), Some("not among the allowed"));
        assert_eq!(rule.broken_by("1", Some(1.0)), Some("below the lowest"));
        assert_eq!(rule.broken_by("2", Some(2.0)), None);
    }
}
