//! What a job may ask of a report that a vendor makes: what its request can say, and nothing that would change the file.

use super::lower::Lowering;
use super::schema::{ChecksTable, CriterionValue, CsvTable, IdValue, ReportTable};
use super::words::DelimiterWord;
use crate::domain::criteria::{Criterion, Said, Takes};
use crate::domain::nearest::nearest;
use crate::domain::output::Format;
use crate::domain::report::{FilterKey, Filters, Reads, Report, ReportKind};
use crate::domain::source::{Feed, SourceKind, Use};

/// Minutes that `LivePerson`'s metrics live.
const METRICS_MINUTES: u64 = 1_440;

const THEIRS: &str =
    "the vendor makes this file; to have it our way, collect the rows and write source = \"store\"";

impl Lowering<'_> {
    /// Options, filters and period of a report that a vendor makes.
    pub(super) fn passed_through(
        &mut self,
        table: &ReportTable,
        report: &Report,
        vendor: SourceKind,
        feed: Option<Feed>,
    ) {
        let said = [
            ("columns", table.columns.is_some()),
            ("rows_by", table.rows_by.is_some()),
            ("in_progress", table.in_progress.is_some()),
            ("uii_apostrophe", table.uii_apostrophe.is_some()),
            ("rollup", table.rollup.is_some()),
            ("response", table.response.is_some()),
        ];
        for (key, _) in said.into_iter().filter(|(_, said)| *said) {
            self.wrong(&format!("report.{key}"), format!("`{key}` cannot be asked of this source"), THEIRS);
        }
        let asks: &[FilterKey] = match (vendor, report.kind.name) {
            (SourceKind::Ringcentral, "inbound-agent-segment-metadata") => &[
                FilterKey::Queues,
                FilterKey::QueueGroups,
                FilterKey::Agents,
                FilterKey::Groups,
                FilterKey::Accounts,
            ],
            (SourceKind::Ringcentral, "outbound-agent-segment-metadata") => &[
                FilterKey::Campaigns,
                FilterKey::DialGroups,
                FilterKey::Agents,
                FilterKey::Groups,
                FilterKey::Accounts,
            ],
            (SourceKind::Ringcentral, _) if report.kind.vendors_own().is_some() => report.kind.filters,
            (SourceKind::Ringcentral, _) => {
                &[FilterKey::Agents, FilterKey::Groups, FilterKey::Teams, FilterKey::Accounts]
            }
            _ => &[FilterKey::Agents, FilterKey::Groups, FilterKey::IntegrationSources],
        };
        for (key, values) in &report.filters.lists {
            let path = format!("report.filters.{key}");
            if !asks.contains(key) {
                let known: Vec<&str> = asks.iter().map(|key| key.name()).collect();
                let help = format!("it can be asked for {}", known.join(", "));
                self.wrong(&path, format!("`{key}` cannot be asked of this source"), help);
            } else if !matches!(key, FilterKey::Teams | FilterKey::Accounts | FilterKey::IntegrationSources)
                && let Some(value) = values.iter().find(|value| value.parse::<u64>().is_err())
            {
                self.wrong(&path, format!("the vendor filters by id, and `{value}` is none"), "write the id");
            }
        }
        self.named_calls(report);
        if report.filters.direction.is_some() {
            self.wrong("report.filters.direction", "the report is of one direction already", "remove it");
        }
        // Metrics that are kept reach back as far as they were collected.
        let kept = feed == Some(Feed::MessagingOperations);
        if vendor == SourceKind::Liveperson && !kept {
            match report.period.elapsed_minutes() {
                Some(minutes) if (1..=METRICS_MINUTES).contains(&minutes) => {}
                _ => {
                    let help = "write \"last 24 hours\" or less; older ones: collect messaging-operations or messaging-interactions";
                    self.wrong("report.period", "the vendor tells the last 24 hours only, up to now", help);
                }
            }
        } else if kept {
            if table.interval.is_some() || report.filters != Filters::default() {
                let help = "remove `interval` and `filters`: each row is an interval as it was collected";
                self.wrong("report.source", "metrics that were collected cannot be counted anew", help);
            }
        } else if report.filters.user_type.is_some() {
            self.wrong("report.filters.user_type", "this cannot be asked of this source", THEIRS);
        }
    }

    /// What a job says of a vendor's criteria; what it does not say is said for it.
    pub(super) fn criteria(&mut self, table: &ReportTable, kind: ReportKind) -> Vec<(&'static str, Said)> {
        let Some(own) = kind.vendors_own() else { return Vec::new() };
        let keys = || own.criteria.iter().map(|criterion| criterion.key);
        for key in table.criteria.keys().filter(|key| !keys().any(|known| known == *key)) {
            let help = match nearest(key, keys()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are {}", keys().collect::<Vec<_>>().join(", ")),
            };
            self.wrong(
                &format!("report.criteria.{key}"),
                format!("{} has no criterion `{key}`", kind.name),
                help,
            );
        }
        let mut criteria = Vec::new();
        for Criterion { key, takes } in own.criteria {
            let said = match table.criteria.get(*key) {
                Some(value) => self.take(&format!("report.criteria.{key}"), said(takes, value)),
                None => Some(takes.unsaid()),
            };
            criteria.extend(said.map(|said| (*key, said)));
        }
        criteria
    }

    /// A list of ids that is empty is not all of them: the vendor wants each profile or destination named.
    fn named_calls(&mut self, report: &Report) {
        let said = |key: &str| report.criteria.iter().find(|(known, _)| *known == key).map(|(_, said)| said);
        let needs = match said("groupBy") {
            Some(Said::Word("DESTINATION")) => ["cloudDestinationGroupIds", "cloudDestinationIds"],
            Some(_) => ["cloudProfileGroupIds", "cloudProfileIds"],
            None => return,
        };
        for key in needs {
            if said(key).is_none_or(|said| *said == Said::Ids(Vec::new())) {
                let help = "name them, with \"none\" for those without a group; RingCentral's administration shows the ids";
                self.wrong(
                    "report.criteria",
                    format!("`{key}` names none, and the vendor gives no others"),
                    help,
                );
            }
        }
    }

    /// Checks that would never fire, or always: a vendor's cells are texts whose numbers and instants nobody promises.
    pub(super) fn passed_checks(&mut self, table: &ChecksTable, report: &Report) {
        if report.by != Use::PassThrough {
            return;
        }
        let mut said: Vec<String> = Vec::new();
        said.extend(table.half_hours.as_ref().map(|_| "half_hours".to_owned()));
        said.extend(table.fresh.as_ref().map(|_| "fresh".to_owned()));
        let bounded = table.columns.iter().filter(|(_, rule)| rule.min.is_some() || rule.max.is_some());
        said.extend(bounded.map(|(header, _)| format!("columns.{header}")));
        for key in said {
            let message = format!("`{key}` cannot be checked in a file that a vendor makes");
            self.wrong(&format!("checks.{key}"), message, THEIRS);
        }
    }

    /// The dialect of a file that a vendor writes.
    pub(super) fn passed_output(&mut self, table: &CsvTable, report: &Report, format: Format) {
        // Metrics come as JSON; their flat text is ours.
        let counted = matches!(report.kind.reads, Reads::Metrics(_));
        let known = self.surroundings.sources();
        let collected = known
            .iter()
            .any(|(name, _, feed)| *name == report.source && *feed == Some(Feed::MessagingOperations));
        if report.by == Use::PassThrough && counted && collected && format == Format::Json {
            let help = "use another format: averages of intervals cannot be put together to a summary";
            self.wrong("output.format", "metrics that were collected are flat", help);
        }
        if report.by != Use::PassThrough || counted || !matches!(format, Format::Csv | Format::Tsv) {
            return;
        }
        let said = [
            ("bom", table.bom.is_some()),
            ("line_ending", table.line_ending.is_some()),
            ("formula_guard", table.formula_guard.is_some()),
            ("delimiter", matches!(table.delimiter, Some(DelimiterWord::Semicolon))),
        ];
        for (key, _) in said.into_iter().filter(|(_, said)| *said) {
            self.wrong(&format!("output.csv.{key}"), "the vendor's bytes stay as they are", THEIRS);
        }
    }
}

fn said(takes: &Takes, value: &CriterionValue) -> Result<Said, String> {
    match (takes, value) {
        (Takes::Flag(_), CriterionValue::Flag(flag)) => Ok(Said::Flag(*flag)),
        (Takes::Flag(_), _) => Err("this is a question; write true or false".to_owned()),
        (Takes::Word(words), value) => {
            let word = if let CriterionValue::Word(word) = value { word.as_str() } else { "" };
            let known = words.iter().find(|known| **known == word);
            let cure = || format!("this is none of the vendor's words; use one of {}", words.join(", "));
            known.map(|known| Said::Word(known)).ok_or_else(cure)
        }
        (Takes::Ids, CriterionValue::Ids(ids)) => {
            let id = |id: &IdValue| match id {
                IdValue::Id(id) => {
                    u64::try_from(*id).map(Some).map_err(|_| format!("`{id}` is no id; ids are not negative"))
                }
                IdValue::Word(word) if word == "none" => Ok(None),
                IdValue::Word(word) => {
                    Err(format!("`{word}` is no id; write a number, or \"none\" for what has none"))
                }
            };
            Ok(Said::Ids(ids.iter().map(id).collect::<Result<_, _>>()?))
        }
        (Takes::Ids, _) => Err("this is no list; write ids as [111, \"none\"]".to_owned()),
    }
}
