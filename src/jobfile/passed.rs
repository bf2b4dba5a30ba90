//! What a job may ask of a report that a vendor makes: what its request can say, and nothing that would change the file.

use super::lower::Lowering;
use super::schema::{ChecksTable, CsvTable, ReportTable};
use super::words::DelimiterWord;
use crate::domain::output::Format;
use crate::domain::report::{FilterKey, Filters, Reads, Report};
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
