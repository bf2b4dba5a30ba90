//! Cron patterns: the text is checked here, evaluated by croner on civil time only.
//!
//! croner accepts texts that it should refuse (an empty list item costs it seconds, `1FEB` reads as 12), so every
//! pattern passes a strict grammar first; what reaches croner is a normalised text of seven fields. It never sees a
//! zone: how a civil time becomes an instant is [`super::schedule`]'s business.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::DateTime;

/// A checked cron pattern. Small: croner's parsed form is several kilobytes and is made on demand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CronPattern {
    text: String,
    normal: String,
    follows_clock: bool,
    both_days: bool,
}

/// What is wrong with a pattern, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CronError {
    /// What is wrong and what would be right.
    pub message: String,
    /// Byte range of the culprit within the pattern.
    pub start: usize,
    /// End of that range, exclusive.
    pub end: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FieldKind {
    Second,
    Minute,
    Hour,
    DayOfMonth,
    Month,
    DayOfWeek,
}

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

impl FieldKind {
    fn name(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::DayOfMonth => "day of month",
            Self::Month => "month",
            Self::DayOfWeek => "day of week",
        }
    }

    /// Smallest and largest value, both inclusive.
    fn bounds(self) -> (u8, u8) {
        match self {
            Self::Second | Self::Minute => (0, 59),
            Self::Hour => (0, 23),
            Self::DayOfMonth => (1, 31),
            Self::Month => (1, 12),
            Self::DayOfWeek => (0, 7),
        }
    }

    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Month => &MONTHS,
            Self::DayOfWeek => &WEEKDAYS,
            Self::Second | Self::Minute | Self::Hour | Self::DayOfMonth => &[],
        }
    }
}

struct Item<'a> {
    kind: FieldKind,
    text: &'a str,
    at: usize,
}

impl Item<'_> {
    fn wrong(&self, message: String) -> CronError {
        CronError { message, start: self.at, end: self.at + self.text.len().max(1) }
    }
}

fn nickname(text: &str) -> Option<&'static str> {
    Some(match text {
        "@yearly" | "@annually" => "0 0 1 1 *",
        "@monthly" => "0 0 1 * *",
        "@weekly" => "0 0 * * 0",
        "@daily" | "@midnight" => "0 0 * * *",
        "@hourly" => "0 * * * *",
        _ => return None,
    })
}

impl CronPattern {
    /// Checks a pattern of five fields, or six with seconds first, or a nickname such as `@daily`.
    pub fn parse(text: &str) -> Result<Self, CronError> {
        let whole = |message: String| CronError { message, start: 0, end: text.len() };
        let trimmed = text.trim().to_ascii_lowercase();
        let source = if trimmed.starts_with('@') {
            nickname(&trimmed).ok_or_else(|| {
                whole(format!(
                    "`{text}` is not a nickname; there are @yearly, @monthly, @weekly, @daily and @hourly"
                ))
            })?
        } else {
            text
        };
        let fields = split_fields(source);
        let kinds: &[FieldKind] = match fields.len() {
            5 => &[
                FieldKind::Minute,
                FieldKind::Hour,
                FieldKind::DayOfMonth,
                FieldKind::Month,
                FieldKind::DayOfWeek,
            ],
            6 => &[
                FieldKind::Second,
                FieldKind::Minute,
                FieldKind::Hour,
                FieldKind::DayOfMonth,
                FieldKind::Month,
                FieldKind::DayOfWeek,
            ],
            n => {
                return Err(whole(format!(
                    "{n} fields; write five (minute hour day-of-month month day-of-week), or six with seconds first"
                )));
            }
        };
        let mut normal = Vec::with_capacity(7);
        if kinds.len() == 5 {
            normal.push("0".to_owned());
        }
        let (mut follows_clock, mut both_days) = (false, false);
        for (&kind, (at, field)) in kinds.iter().zip(fields) {
            let starred = field.starts_with('*');
            match kind {
                FieldKind::Second | FieldKind::Minute | FieldKind::Hour => follows_clock |= starred,
                FieldKind::DayOfMonth | FieldKind::DayOfWeek => both_days |= starred || field == "?",
                FieldKind::Month => {}
            }
            normal.push(normal_field(kind, field, at)?);
        }
        // The year bounds croner's search: without it a pattern that never fires is searched to the year 5000. West and
        // east of Greenwich the first and last instants lie in the years around.
        normal.push("1969-2200".to_owned());
        let pattern = Self { text: text.to_owned(), normal: normal.join(" "), follows_clock, both_days };
        pattern.evaluator().map_err(|error| whole(error.to_string()))?;
        Ok(pattern)
    }

    /// The pattern as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a second, minute or hour field begins with `*`: such a pattern follows real time over a clock change,
    /// any other is fixed to civil times (cronie's distinction).
    pub fn follows_clock(&self) -> bool {
        self.follows_clock
    }

    /// croner's form, for one evaluation or many.
    pub fn evaluator(&self) -> Result<Evaluator, croner::errors::CronError> {
        // Vixie's day rule, which croner's own stars do not cover (`*/2` begins with a star): one starred day field
        // means that both must match, two restricted ones that either may.
        CronParser::builder()
            .seconds(Seconds::Required)
            .year(Year::Required)
            .dom_and_dow(self.both_days)
            .sloppy_ranges(true)
            .build()
            .parse(&self.normal)
            .map(Evaluator)
    }
}

/// A parsed pattern over civil time.
#[derive(Debug)]
pub struct Evaluator(Cron);

impl Evaluator {
    /// The first match at or after a civil time, to the second; `None` when there is none before the year 2200.
    pub fn next_from(&self, from: DateTime) -> Option<DateTime> {
        self.0.find_next_occurrence(&from, true).ok()
    }
}

fn split_fields(text: &str) -> Vec<(usize, &str)> {
    let mut fields = Vec::new();
    let mut rest = text;
    let mut at = 0;
    while let Some(skip) = rest.find(|c: char| !c.is_whitespace()) {
        let (_, tail) = rest.split_at(skip);
        at += skip;
        let length = tail.find(char::is_whitespace).unwrap_or(tail.len());
        let (field, after) = tail.split_at(length);
        fields.push((at, field));
        at += length;
        rest = after;
    }
    fields
}

fn normal_field(kind: FieldKind, field: &str, at: usize) -> Result<String, CronError> {
    let mut items = Vec::new();
    let mut offset = at;
    for text in field.split(',') {
        let item = Item { kind, text, at: offset };
        offset += text.len() + 1;
        if text.is_empty() {
            return Err(item.wrong(format!("the {} field has an empty item", kind.name())));
        }
        items.push(normal_item(&item)?);
    }
    // `*,5` means `*`; croner would read the star as one item among others.
    if items.iter().any(|item| item == "*") {
        return Ok("*".to_owned());
    }
    if 1 < items.len() && items.iter().any(|item| item == "?" || item == "LW") {
        let item = Item { kind, text: field, at };
        return Err(
            item.wrong(format!("`{field}` mixes `?` or `LW` with other days; give it a schedule of its own"))
        );
    }
    Ok(items.join(","))
}

fn normal_item(item: &Item) -> Result<String, CronError> {
    let (base, step) = match item.text.split_once('/') {
        Some((base, step)) => (base, Some(step)),
        None => (item.text, None),
    };
    let mut normal = normal_base(item, base, step.is_some())?;
    if let Some(step) = step {
        let (_, most) = item.kind.bounds();
        let number = digits(step).filter(|n| (1..=most).contains(n)).ok_or_else(|| {
            item.wrong(format!("step `{step}` of the {} field; use 1 to {most}", item.kind.name()))
        })?;
        normal.push('/');
        normal.push_str(&number.to_string());
    }
    Ok(normal)
}

fn normal_base(item: &Item, base: &str, stepped: bool) -> Result<String, CronError> {
    let name = item.kind.name();
    if base.is_empty() {
        return Err(item.wrong(format!("`{}` has no start; write `*{}`", item.text, item.text)));
    }
    if base == "*" {
        return Ok("*".to_owned());
    }
    if let Some(special) = special_day(item, base, stepped)? {
        return Ok(special);
    }
    let Some((from, to)) = base.split_once('-') else {
        return value(item, base).map(|n| n.to_string());
    };
    let (first, mut last) = (value(item, from)?, value(item, to)?);
    // Sunday is 0 and 7; `fri-sun` must read as 5-7.
    if item.kind == FieldKind::DayOfWeek && last == 0 && first != 0 {
        last = 7;
    }
    if last < first {
        return Err(
            item.wrong(format!("range `{base}` of the {name} field runs backwards; write it as two items"))
        );
    }
    if last == first && from.eq_ignore_ascii_case(to) {
        return Err(item.wrong(format!("range `{base}` of the {name} field holds one value; write `{from}`")));
    }
    Ok(format!("{first}-{last}"))
}

/// `?`, `L`, `LW`, `15W`, `5L`, `5#2` and `1-5#2`, each only in the field where it means something.
fn special_day(item: &Item, base: &str, stepped: bool) -> Result<Option<String>, CronError> {
    let upper = base.to_ascii_uppercase();
    let refuse = |cure: &str| Err(item.wrong(format!("`{base}` in the {} field; {cure}", item.kind.name())));
    let is_day = matches!(item.kind, FieldKind::DayOfMonth | FieldKind::DayOfWeek);
    let looks_special = upper == "?"
        || upper.contains('#')
        || upper == "L"
        || upper == "LW"
        || upper.starts_with("L-")
        || upper.strip_suffix(['L', 'W']).is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()));
    let last_by_name = item.kind == FieldKind::DayOfWeek && upper.len() == 4 && upper.ends_with('L');
    if !looks_special && !last_by_name {
        return Ok(None);
    }
    if !is_day || stepped {
        return refuse("only the day fields take `?`, `L`, `W` and `#`, and without a step");
    }
    if item.kind == FieldKind::DayOfMonth {
        match upper.as_str() {
            "?" | "L" | "LW" => Ok(Some(upper)),
            _ => match upper.strip_suffix('W').and_then(digits) {
                Some(day) if (1..=31).contains(&day) => Ok(Some(format!("{day}W"))),
                _ if upper.starts_with("L-") => {
                    refuse("days before the last are not offered; use `L`, `LW` or a day")
                }
                _ => refuse("use a day 1 to 31, `L` (last), `LW` (last weekday) or `15W` (nearest weekday)"),
            },
        }
    } else {
        if upper == "?" {
            return Ok(Some(upper));
        }
        if let Some(day) = upper.strip_suffix('L').filter(|day| !day.is_empty()) {
            return value(item, day).map(|day| Some(format!("{day}L")));
        }
        if let Some((days, nth)) = upper.split_once('#') {
            let Some(nth) = digits(nth).filter(|n| (1..=5).contains(n)) else {
                return refuse("the number behind `#` is 1 to 5");
            };
            let days = match days.split_once('-') {
                Some((from, to)) => format!("{}-{}", value(item, from)?, value(item, to)?),
                None => value(item, days)?.to_string(),
            };
            return Ok(Some(format!("{days}#{nth}")));
        }
        refuse("name the weekday, as `5L` (last Friday)")
    }
}

fn value(item: &Item, text: &str) -> Result<u8, CronError> {
    let (least, most) = item.kind.bounds();
    if let Some(number) = digits(text) {
        if (least..=most).contains(&number) {
            return Ok(number);
        }
        return Err(item.wrong(format!("{number} is no {}; use {least} to {most}", item.kind.name())));
    }
    let lower = text.to_ascii_lowercase();
    let position = item.kind.names().iter().position(|name| *name == lower);
    if let Some(index) = position.and_then(|index| u8::try_from(index).ok()) {
        Ok(index + u8::from(item.kind == FieldKind::Month))
    } else {
        let names = match item.kind.names() {
            [] => String::new(),
            [first, .., last] => format!(" or a name, {first} to {last}"),
            [only] => format!(" or {only}"),
        };
        Err(item.wrong(format!("`{text}` is no {}; use {least} to {most}{names}", item.kind.name())))
    }
}

/// A number of at most three digits, nothing else.
fn digits(text: &str) -> Option<u8> {
    let plain = !text.is_empty() && text.len() <= 3 && text.bytes().all(|b| b.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::CronPattern;

    fn refused(text: &str) -> String {
        CronPattern::parse(text).expect_err(text).message
    }

    #[test]
    fn texts_that_croner_would_misread_are_refused_with_a_cure() {
        for text in [
            ",",
            "1, * * * *",
            "1,,2 * * * *",
            "+ * * * *",
            ", * * * *",
            "0 0 1 MON *",
            "0 0 * * JAN",
            "0 0 1 1FEB *",
            "0 0 * * L",
            "0 0 15W15WW * *",
            "0 0 L,LW * *",
            "0 0 * * SUN-SUN",
            "*/100 * * * *",
            "/15 * * * *",
            "0 0 0 1 1 * 2030",
            "60 * * * *",
            "0 24 * * *",
            "0 0 0 * *",
            "0 0 L-3 * *",
            "@reboot",
            "0 0 32 * *",
            "0 0 * * 1#6",
            "5W * * * *",
            "fri-mon * * * *",
            "* * * * fri-mon",
            "1-1 * * * *",
            "999 * * * *",
            "",
        ] {
            assert!(!refused(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn an_error_marks_its_place() {
        let error = CronPattern::parse("0 6 * * Mon-Fry").unwrap_err();
        assert_eq!((error.start, error.end), (8, 15));
        assert_eq!(error.message, "`Fry` is no day of week; use 0 to 7 or a name, sun to sat");
    }

    #[test]
    fn good_texts_pass() {
        for text in [
            "0 6 * * Mon-Fri",
            "@daily",
            "*/15 * * * *",
            "0,30 8-18 * * 1-5",
            "0 0 L * *",
            "0 0 LW * ?",
            "0 0 15W * *",
            "0 0 * * 5L",
            "0 0 * * friL",
            "0 0 * * 5#2",
            "0 0 * * 1-5#2",
            "0 0 * * 0-7",
            "0 0 * * sat-sun",
            "*/10 * * * * *",
            "0 0 1,15 jan,jul *",
            "5/15 * * * *",
            "*,5 * * * *",
            "0 0 * * fri-0",
            "0 0 L,15W * *",
        ] {
            assert!(CronPattern::parse(text).is_ok(), "{text}: {:?}", CronPattern::parse(text));
        }
    }

    #[test]
    fn a_star_at_the_head_of_minute_or_hour_follows_the_clock() {
        let follows = |text| CronPattern::parse(text).unwrap().follows_clock();
        assert!(follows("*/30 2 * * *") && follows("0 */2 * * *") && follows("* 1 2 * * *"));
        assert!(!follows("0,30 2 * * *") && !follows("0-59 2 * * *") && !follows("0 2 */2 * *"));
    }
}
