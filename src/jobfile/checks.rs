//! `[checks]` → [`Checks`].

use jiff::civil::{Time, Weekday};

use super::headers::Headers;
use super::lower::Lowering;
use super::report::weekday;
use super::schema::{ChecksTable, ColumnTable, HalfHoursTable};
use super::words::OnFailWord;
use crate::domain::checks::{Checks, ColumnRule, HalfHours, OnFail, Volume};
use crate::domain::units;

/// Earlier reports that count unless the job says otherwise.
const BACK: u32 = 8;

impl Lowering<'_> {
    pub(super) fn checks(&mut self, table: &ChecksTable, headers: &Headers) -> Checks {
        let rows = table.rows.as_ref();
        let (rows_min, rows_max) = (rows.and_then(|rows| rows.min), rows.and_then(|rows| rows.max));
        if rows_min.zip(rows_max).is_some_and(|(min, max)| max < min) {
            self.wrong("checks.rows", "`max` is below `min`", "no number of rows fits; swap them");
        }
        let volume = table.volume.as_ref().and_then(|volume| {
            let band = volume.band?;
            if !(0.0..=100.0).contains(&band) {
                self.wrong("checks.volume.band", format!("{band} is no share"), "write 0.5 for half");
            }
            let back = usize::try_from(volume.back.unwrap_or(BACK).max(3)).unwrap_or(usize::MAX);
            Some(Volume { band, back })
        });
        for (at, header) in table.unique.iter().enumerate() {
            self.take(&format!("checks.unique[{at}]"), headers.find(header));
        }
        let columns =
            table.columns.iter().map(|(header, rule)| (header.clone(), self.column(header, rule, headers)));
        let columns = columns.collect();
        let fresh = table.fresh.as_deref().and_then(|text| self.take("checks.fresh", units::duration(text)));
        Checks {
            rows_min,
            rows_max,
            volume,
            half_hours: table.half_hours.as_ref().and_then(|rule| self.half_hours(rule, headers)),
            unique: table.unique.clone(),
            columns,
            fresh,
            on_fail: match table.on_fail {
                Some(OnFailWord::Send) => OnFail::Send,
                Some(OnFailWord::Hold) | None => OnFail::Hold,
            },
            tell: table.tell.unwrap_or(false),
        }
    }

    fn column(&mut self, header: &str, table: &ColumnTable, headers: &Headers) -> ColumnRule {
        let path = format!("checks.columns.{header}");
        self.take(&path, headers.find(header));
        let rule = ColumnRule {
            required: table.required.unwrap_or(false),
            one_of: table.one_of.clone(),
            min: table.min,
            max: table.max,
        };
        if rule == ColumnRule::default() {
            self.wrong(&path, "this rule asks nothing", "add `required`, `one_of`, `min` or `max`");
        }
        rule
    }

    fn half_hours(&mut self, table: &HalfHoursTable, headers: &Headers) -> Option<HalfHours> {
        let path = "checks.half_hours";
        let column = table.column.clone()?;
        self.take(&format!("{path}.column"), headers.find(&column));
        let from = self.half_hour(&format!("{path}.from"), table.from.as_deref()?)?;
        let to = self.half_hour(&format!("{path}.to"), table.to.as_deref()?)?;
        if to <= from && to != Time::midnight() {
            self.wrong(
                &format!("{path}.to"),
                "`to` is not behind `from`",
                "use \"00:00\" for the end of the day",
            );
        }
        let days: Vec<Weekday> = match &table.days {
            None => Weekday::Monday.cycle_forward().take(7).collect(),
            Some(days) => days.iter().map(|day| weekday(*day)).collect(),
        };
        Some(HalfHours { column, from, to, days })
    }

    fn half_hour(&mut self, path: &str, text: &str) -> Option<Time> {
        let time = Time::strptime("%H:%M", text).ok().filter(|time| time.minute() % 30 == 0);
        self.take(
            path,
            time.ok_or_else(|| format!("`{text}` begins no half hour; write \"08:00\" or \"08:30\"")),
        )
    }
}
