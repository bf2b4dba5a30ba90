//! `[report]` → [`Report`].

use jiff::SignedDuration;
use jiff::civil::Weekday;

use super::lower::Lowering;
use super::schema::{ColumnValue, ColumnsValue, FiltersTable, PeriodValue, ReportTable};
use super::words::{
    DirectionWord, ResponseWord, RowsByWord, SortWord, TalkTimeWord, UserTypeWord, WeekdayWord,
};
use crate::domain::nearest::nearest;
use crate::domain::period::PeriodRule;
use crate::domain::report::{
    ColumnChoice, Direction, FilterKey, Filters, MetricsChoice, Report, ReportKind, ResponseRule, RowsBy,
    SegmentSort, TalkTime, UserTypeFilter,
};
use crate::domain::source::{Feed, STORE, SourceKind, Use};
use crate::domain::units;
use crate::reports;
use crate::reports::messaging_agent_segments::metric_names;

/// The shortest interval, in minutes: the vendor's.
const INTERVAL_MIN: u32 = 5;
const DAY_MINUTES: u32 = 1_440;

impl Lowering<'_> {
    pub(super) fn report(&mut self, table: &ReportTable) -> Option<Report> {
        let zone = table.time_zone.as_deref().and_then(|name| self.zone("report.time_zone", name));
        let period = match &table.period {
            Some(PeriodValue::Name(name)) => self.take("report.period", name.parse::<PeriodRule>()),
            Some(PeriodValue::Bounds(bounds)) => match (&bounds.from, &bounds.to) {
                (Some(from), Some(to)) => self.take("report.period", PeriodRule::between(from, to)),
                _ => None,
            },
            None => None,
        };
        // A name that is none was found by the schema.
        let kind = reports::by_name(table.kind.as_deref()?)?;
        let source = table.source.clone().unwrap_or_else(|| STORE.to_owned());
        let (vendor, by, feed) = self.source(&source, kind)?;
        self.options(table, kind);
        let filters = self.filters(&table.filters, kind);
        let columns = self.columns(table.columns.as_ref(), kind);
        let metrics = self.metrics(table, period.as_ref());
        let criteria = self.criteria(table, kind);
        let report = Report {
            kind,
            source,
            by,
            zone: zone?,
            period: period?,
            settle: self.settle(table.settle.as_deref())?,
            week_start: weekday(table.week_starts.unwrap_or(WeekdayWord::Monday)),
            filters,
            talk_time: match table.talk_time {
                Some(TalkTimeWord::Net) => TalkTime::Net,
                Some(TalkTimeWord::Gross) | None => TalkTime::Gross,
            },
            rows_by: match table.rows_by {
                Some(RowsByWord::InteractionEnd) => RowsBy::InteractionEnd,
                Some(RowsByWord::Start) | None => RowsBy::Start,
            },
            in_progress: table.in_progress.unwrap_or(false),
            columns,
            uii_apostrophe: table.uii_apostrophe.unwrap_or(true),
            rollup: table.rollup.unwrap_or(false),
            sort: match table.sort {
                Some(SortWord::Date) | None => SegmentSort::Date,
                Some(SortWord::Conversation) => SegmentSort::Conversation,
                Some(SortWord::Agent) => SegmentSort::Agent,
                Some(SortWord::Employee) => SegmentSort::Employee,
                Some(SortWord::Skill) => SegmentSort::Skill,
                Some(SortWord::Group) => SegmentSort::Group,
            },
            limit: table.limit,
            offset: table.offset.unwrap_or(0),
            metrics,
            criteria,
            served_at: None,
        };
        if by == Use::PassThrough {
            self.passed_through(table, &report, vendor, feed);
        }
        Some(report)
    }

    /// The source's kind, how it makes the report, and what is collected of it.
    fn source(&mut self, name: &str, kind: ReportKind) -> Option<(SourceKind, Use, Option<Feed>)> {
        let sources = self.surroundings.sources();
        let Some((_, vendor, feed)) = sources.iter().find(|(known, ..)| *known == name) else {
            let known: Vec<&str> = sources.iter().map(|(known, ..)| *known).collect();
            let help = match nearest(name, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are {}; add it to the config as [source.{name}]", known.join(", ")),
            };
            self.wrong("report.source", format!("there is no source `{name}`"), help);
            return None;
        };
        if let (Some(Use::Fetch(needs)), Some(collects)) = (vendor.makes(kind.name), feed)
            && needs != *collects
        {
            // The same segments under two ids would be two segments.
            let help = format!(
                "add a second source of the same account, without `collect` or with feed = \"{}\"",
                needs.name()
            );
            self.wrong(
                "report.source",
                format!("`{name}` collects {} and this report needs {}", collects.name(), needs.name()),
                help,
            );
            return None;
        }
        if let Some(by) = vendor.makes(kind.name) {
            return Some((*vendor, by, *feed));
        }
        let makes: Vec<&str> = reports::CATALOGUE
            .iter()
            .map(|report| report.name)
            .filter(|name| vendor.makes(name).is_some())
            .collect();
        let help = if kind.vendors_own().is_some() {
            "only its vendor makes it: name a source of the config of that kind".to_owned()
        } else {
            format!("it makes {}; or collect its rows and write source = \"store\"", makes.join(", "))
        };
        self.wrong("report.source", format!("`{name}` does not make {}", kind.name), help);
        None
    }

    fn settle(&mut self, text: Option<&str>) -> Option<SignedDuration> {
        text.map_or(Some(SignedDuration::ZERO), |text| self.take("report.settle", units::duration(text)))
    }

    /// Options that belong to another report.
    fn options(&mut self, table: &ReportTable, kind: ReportKind) {
        let said = [
            ("talk_time", table.talk_time.is_some()),
            ("rows_by", table.rows_by.is_some()),
            ("in_progress", table.in_progress.is_some()),
            ("columns", table.columns.is_some()),
            ("uii_apostrophe", table.uii_apostrophe.is_some()),
            ("rollup", table.rollup.is_some()),
            ("sort", table.sort.is_some()),
            ("limit", table.limit.is_some()),
            ("offset", table.offset.is_some()),
            ("interval", table.interval.is_some()),
            ("by_skill", table.by_skill.is_some()),
            ("metrics", table.metrics.is_some()),
            ("response", table.response.is_some()),
            ("criteria", !table.criteria.is_empty()),
        ];
        for (key, said) in said {
            if said && !kind.options.contains(&key) {
                self.wrong(
                    &format!("report.{key}"),
                    format!("`{key}` is no option of {}", kind.name),
                    format!("its options are {}", kind.options.join(", ")),
                );
            }
        }
        if table.in_progress == Some(true) && matches!(table.rows_by, Some(RowsByWord::InteractionEnd)) {
            self.wrong(
                "report.in_progress",
                "rows that belong by the end of their interaction have ended",
                "remove `in_progress`, or `rows_by`",
            );
        }
    }

    fn filters(&mut self, table: &FiltersTable, kind: ReportKind) -> Filters {
        let mut filters = Filters {
            direction: table.direction.map(|word| match word {
                DirectionWord::Inbound => Direction::Inbound,
                DirectionWord::Outbound => Direction::Outbound,
            }),
            user_type: table.user_type.map(|word| match word {
                UserTypeWord::Human => UserTypeFilter::Human,
                UserTypeWord::Bot => UserTypeFilter::Bot,
            }),
            ..Filters::default()
        };
        for key in FilterKey::ALL {
            let values = list(table, key);
            let path = format!("report.filters.{key}");
            if values.is_empty() {
                continue;
            }
            if !kind.filters.contains(&key) {
                let known: Vec<&str> = kind.filters.iter().map(|key| key.name()).collect();
                self.wrong(
                    &path,
                    format!("`{key}` is no filter of {}", kind.name),
                    if known.is_empty() {
                        "it has none".to_owned()
                    } else {
                        format!("its filters are {}", known.join(", "))
                    },
                );
            } else if values.iter().any(String::is_empty) {
                let help = "remove it, or the whole key to let everything pass";
                self.wrong(&path, "an empty text filters nothing", help);
            } else {
                filters.lists.insert(key, values.clone());
            }
        }
        filters
    }

    fn columns(&mut self, value: Option<&ColumnsValue>, kind: ReportKind) -> ColumnChoice {
        let sets: &[(&str, ColumnChoice)] = match kind.name {
            "interaction-details-by-segment" => &[("27", ColumnChoice::Standard), ("32", ColumnChoice::Wide)],
            "inbound-agent-segment-metadata" | "outbound-agent-segment-metadata" => {
                &[("standard", ColumnChoice::Standard), ("fields", ColumnChoice::Fields)]
            }
            _ => &[],
        };
        match value {
            None => ColumnChoice::Standard,
            Some(ColumnsValue::Set(name)) => {
                if let Some((_, choice)) = sets.iter().find(|(known, _)| known == name) {
                    choice.clone()
                } else {
                    let known: Vec<String> = sets.iter().map(|(name, _)| format!("\"{name}\"")).collect();
                    let help = if known.is_empty() {
                        format!("write a list of names; `legwork reports show {}` has them", kind.name)
                    } else {
                        format!("use one of {}", known.join(", "))
                    };
                    self.wrong("report.columns", format!("there is no set of columns `{name}`"), help);
                    ColumnChoice::Standard
                }
            }
            Some(ColumnsValue::List(columns)) if kind.name == "segments" => self.picked(columns, kind),
            Some(ColumnsValue::List(_)) => {
                let known: Vec<&str> = sets.iter().map(|(name, _)| *name).collect();
                let help =
                    format!("this report has sets: {}; the report `segments` takes a list", known.join(", "));
                self.wrong("report.columns", "the columns of this report cannot be chosen one by one", help);
                ColumnChoice::Standard
            }
        }
    }

    fn picked(&mut self, columns: &[ColumnValue], kind: ReportKind) -> ColumnChoice {
        if columns.is_empty() {
            let help = "name at least one, or remove the key to have them all";
            self.wrong("report.columns", "a file without columns", help);
        }
        let mut picked: Vec<(String, String)> = Vec::new();
        for (at, column) in columns.iter().enumerate() {
            let path = format!("report.columns[{at}]");
            let (name, header) = match column {
                ColumnValue::Name(name) => (name.clone(), name.clone()),
                ColumnValue::Renamed(column) => {
                    let name = column.name.clone().unwrap_or_default();
                    (name.clone(), column.header.clone().unwrap_or(name))
                }
            };
            if !kind.columns.iter().any(|known| known.header == name) {
                let help = match nearest(&name, kind.columns.iter().map(|known| known.header)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("`legwork reports show {}` lists them", kind.name),
                };
                self.wrong(&path, format!("there is no column `{name}`"), help);
            } else if header.is_empty() || picked.iter().any(|(_, known)| *known == header) {
                let help = "give it another: { name = \"…\", header = \"…\" }";
                self.wrong(&path, format!("the header `{header}` is empty or stands there already"), help);
            } else {
                picked.push((name, header));
            }
        }
        ColumnChoice::Picked(picked)
    }

    fn metrics(&mut self, table: &ReportTable, period: Option<&PeriodRule>) -> MetricsChoice {
        let interval_minutes = table.interval.as_deref().and_then(|text| self.interval(text, period));
        let by_skill = table.by_skill.as_ref().map(|skills| {
            if skills.is_empty() {
                self.wrong("report.by_skill", "no skill is named", "write [\"all\"], or remove the key");
            }
            if skills.iter().any(|skill| skill == "all") { Vec::new() } else { skills.clone() }
        });
        let mut only = table.metrics.clone().unwrap_or_default();
        only.retain(|name| name != "all");
        for (at, name) in table.metrics.iter().flatten().enumerate() {
            if name != "all" && !metric_names().any(|known| known == name) {
                let help = match nearest(name, metric_names()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there are {}", metric_names().collect::<Vec<_>>().join(", ")),
                };
                self.wrong(&format!("report.metrics[{at}]"), format!("there is no metric `{name}`"), help);
            }
        }
        if table.metrics.iter().flatten().any(|name| name == "all") {
            only.clear();
        }
        let response = match table.response {
            Some(ResponseWord::Turn) => ResponseRule::Turn,
            Some(ResponseWord::Message) | None => ResponseRule::Message,
        };
        MetricsChoice { interval_minutes, by_skill, only, response }
    }

    /// The vendor's rules: whole minutes, at least five, and a divisor of the period. Of a calendar period, whose days
    /// can have 23 or 25 hours, a divisor of a day; its last interval ends with it.
    fn interval(&mut self, text: &str, period: Option<&PeriodRule>) -> Option<u32> {
        const KEY: &str = "report.interval";
        let length = self.take(KEY, units::duration(text))?;
        let minutes = u32::try_from(length.as_secs() / 60).ok().filter(|_| length.as_secs() % 60 == 0);
        let Some(minutes) = minutes.filter(|minutes| (INTERVAL_MIN..=DAY_MINUTES).contains(minutes)) else {
            let message = format!("an interval of `{text}`");
            self.wrong(KEY, message, "use whole minutes from \"5m\" to \"24h\"");
            return None;
        };
        let whole = match period {
            Some(period) => period.elapsed_minutes().unwrap_or(u64::from(DAY_MINUTES)),
            None => return Some(minutes),
        };
        if whole % u64::from(minutes) != 0 {
            let help = "choose a divisor, as \"5m\", \"15m\", \"30m\" or \"1h\"";
            self.wrong(KEY, format!("{minutes} minutes do not divide the period's {whole}"), help);
            return None;
        }
        Some(minutes)
    }
}

fn list(table: &FiltersTable, key: FilterKey) -> &Vec<String> {
    match key {
        FilterKey::Queues => &table.queues,
        FilterKey::QueueGroups => &table.queue_groups,
        FilterKey::Campaigns => &table.campaigns,
        FilterKey::DialGroups => &table.dial_groups,
        FilterKey::Agents => &table.agents,
        FilterKey::Groups => &table.groups,
        FilterKey::Teams => &table.teams,
        FilterKey::Employees => &table.employees,
        FilterKey::Channels => &table.channels,
        FilterKey::Skills => &table.skills,
        FilterKey::SkillIds => &table.skill_ids,
        FilterKey::Statuses => &table.statuses,
        FilterKey::Dispositions => &table.dispositions,
        FilterKey::Accounts => &table.accounts,
        FilterKey::Conversations => &table.conversations,
        FilterKey::IntegrationSources => &table.integration_sources,
    }
}

pub(super) fn weekday(word: WeekdayWord) -> Weekday {
    match word {
        WeekdayWord::Monday => Weekday::Monday,
        WeekdayWord::Tuesday => Weekday::Tuesday,
        WeekdayWord::Wednesday => Weekday::Wednesday,
        WeekdayWord::Thursday => Weekday::Thursday,
        WeekdayWord::Friday => Weekday::Friday,
        WeekdayWord::Saturday => Weekday::Saturday,
        WeekdayWord::Sunday => Weekday::Sunday,
    }
}
