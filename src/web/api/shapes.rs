//! Bodies of requests and answers. The document's schemas come from these types.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::daemon::doctor::Examined;
use crate::daemon::listing::{ListedMailingList, ListedSource, Verdict};
use crate::domain::access::Role;
use crate::domain::criteria::Criterion;
use crate::store::access::{ApiToken, Audited};
use crate::store::answers::ListedDelivery;
use crate::store::deliveries::ToldDelivery;
use crate::store::overview::ToldOccurrence;
use crate::store::segments::write::Tally;

/// A report in the list.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Report {
    /// Its name.
    pub(super) name: String,
    /// active, paused or retired.
    pub(super) state: &'static str,
    /// Whether a whole file was made in the last 24 hours.
    pub(super) generated_in_last_24_h: bool,
    /// When the newest whole file was made.
    pub(super) generated_at: Option<Timestamp>,
    /// What stands beside the dot.
    pub(super) verdict: Verdict,
    /// Rows of the newest whole file.
    pub(super) rows: Option<i64>,
    /// When it is due next.
    pub(super) next_at: Option<Timestamp>,
    /// The zone that rules it.
    pub(super) time_zone: Option<String>,
    /// The report's type.
    #[serde(rename = "type")]
    pub(super) kind: Option<&'static str>,
    /// The period's rule.
    pub(super) period: Option<String>,
    /// The job file that it comes from.
    pub(super) file: Option<String>,
    /// Who made it on the page or over the API.
    pub(super) made_by: Option<String>,
    /// Whether only they see it.
    pub(super) private: bool,
}

/// A page of reports.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ReportPage {
    /// The reports by name.
    pub(super) reports: Vec<Report>,
    /// What `after` is for the next page; null on the last one.
    pub(super) next: Option<String>,
}

/// A report with its text.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ReportWhole {
    /// As in the list.
    pub(super) report: Report,
    /// The version in force.
    pub(super) version: i64,
    /// Its text.
    pub(super) toml: String,
    /// The coming instants.
    pub(super) coming: Vec<Coming>,
}

/// A coming instant.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Coming {
    /// The report.
    pub(super) name: String,
    /// The instant.
    pub(super) at: Timestamp,
    /// Its schedule's zone.
    pub(super) time_zone: String,
    /// What is odd about it.
    pub(super) note: String,
}

/// A report to be made.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewReport {
    /// 1 to 100 of a-z, 0-9, `-`, `_` and `.`, beginning with a letter or digit.
    #[schemars(regex(pattern = r"^[a-z0-9][a-z0-9._-]{0,99}$"))]
    pub(super) name: String,
    /// What a job file would hold.
    pub(super) toml: String,
    /// Whether only its maker sees it.
    #[serde(default)]
    pub(super) private: bool,
}

/// A report's new text.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Draft {
    /// What a job file would hold.
    pub(super) toml: String,
    /// Whether only its maker sees it; as it was when absent.
    pub(super) private: Option<bool>,
}

/// A report's text.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Text {
    /// Its name.
    pub(super) name: String,
    /// What a job file would hold.
    pub(super) toml: String,
}

/// What is wrong with a text, or what it would do.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Checked {
    /// Errors and warnings, a line each.
    pub(super) problems: Vec<String>,
    /// Whether it could be put in force.
    pub(super) good: bool,
    /// The coming instants.
    pub(super) coming: Vec<Coming>,
}

/// A run by hand.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RunWish {
    /// Another period: a rule such as `yesterday`, or FROM..TO with TO exclusive.
    pub(super) period: Option<String>,
    /// Send to this address instead of the report's destinations.
    pub(super) to: Option<String>,
    /// Make the file, send nothing.
    #[serde(default)]
    pub(super) no_send: bool,
}

/// A run that was asked for.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Asked {
    /// What `/occurrences/{occurrence}` follows.
    pub(super) occurrence_id: i64,
    /// Whether an earlier request waits already; it is that one then.
    pub(super) waits_already: bool,
}

/// What happened to a report's last occurrence.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Why {
    /// The last occurrence; null where it was never due.
    pub(super) occurrence: Option<ToldOccurrence>,
    /// The deliveries of its newest run.
    pub(super) deliveries: Vec<ToldDelivery>,
    /// What a person can do next.
    pub(super) next: String,
}

/// A span of the past that is to be made, or made again.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BackfillWish {
    /// First instant or local date inside.
    pub(super) from: String,
    /// First instant or local date outside.
    pub(super) to: String,
    /// Deliver the files, too; else they are only kept.
    #[serde(default)]
    pub(super) send: bool,
}

/// A span of a vendor's rows.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SpanWish {
    /// First instant inside; a day before the end when absent.
    pub(super) from: Option<Timestamp>,
    /// First instant outside; now when absent.
    pub(super) to: Option<Timestamp>,
}

/// Runs with what became of them.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Runs {
    /// The newest first.
    pub(super) runs: Vec<ToldOccurrence>,
}

/// What became of an instant or a request.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Occurrence {
    /// The occurrence with its newest run.
    pub(super) occurrence: ToldOccurrence,
    /// The run's deliveries.
    pub(super) deliveries: Vec<ToldDelivery>,
    /// What a person can do next.
    pub(super) next: String,
}

/// Deliveries.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Deliveries {
    /// The newest first.
    pub(super) deliveries: Vec<ListedDelivery>,
}

/// What is due.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Upcoming {
    /// The next first.
    pub(super) upcoming: Vec<Coming>,
}

/// The vendors.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Sources {
    /// By name.
    pub(super) sources: Vec<ListedSource>,
}

/// A report that can be made.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Type {
    /// Its name in a job.
    pub(super) name: &'static str,
    /// What it is.
    pub(super) about: &'static str,
    /// What a row is.
    pub(super) rows: &'static str,
    /// The filters that make sense for it.
    pub(super) filters: Vec<&'static str>,
    /// Every column that it can have; none where its vendor names them.
    pub(super) columns: Vec<&'static str>,
    /// What its vendor can be asked for it, if only its vendor makes it.
    pub(super) criteria: &'static [Criterion],
}

/// The reports that can be made.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Types {
    /// As `legwork reports` lists them.
    pub(super) types: Vec<Type>,
}

/// The mailing lists.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Lists {
    /// By name.
    pub(super) lists: Vec<ListedMailingList>,
}

/// A mailing list's addresses.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewList {
    /// At least one.
    #[schemars(length(min = 1, max = 1000))]
    pub(super) addresses: Vec<String>,
}

/// The tokens.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Tokens {
    /// By name.
    pub(super) tokens: Vec<ApiToken>,
}

/// A token to be made.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewToken {
    /// Its name.
    #[schemars(length(min = 1, max = 100), regex(pattern = "^[A-Za-z0-9_.@-]+$"))]
    pub(super) name: String,
    /// What it may do.
    pub(super) role: Role,
    /// The accounts that it may read; all of them when absent.
    #[schemars(length(min = 1))]
    pub(super) accounts: Option<Vec<String>>,
}

/// A token, shown once.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ShownToken {
    /// Its name.
    pub(super) name: String,
    /// What a program shows.
    pub(super) token: String,
}

/// Somebody who logs in.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Person {
    /// Their name.
    pub(super) name: String,
    /// What they may do.
    pub(super) role: Role,
    /// Since when they are known.
    pub(super) created_at: Timestamp,
}

/// The users.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Users {
    /// By name.
    pub(super) users: Vec<Person>,
}

/// A user to be made or changed.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewUser {
    /// What they may do.
    pub(super) role: Role,
    /// 12 characters or more. Absent, the proxy of the config logs them in.
    #[schemars(length(min = 12, max = 1000))]
    pub(super) password: Option<String>,
}

/// What was looked at.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Health {
    /// Whether everything would go out.
    pub(super) good: bool,
    /// The state folder, each secret, each destination and each source.
    pub(super) examined: Vec<Examined>,
}

/// How the jobs folder may be taken up.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ApplyWish {
    /// Also when it retires more than half of the definitions.
    #[serde(default)]
    pub(super) allow_retire: bool,
    /// Run at once what a `once` names that is past.
    #[serde(default)]
    pub(super) now: bool,
}

/// A copy of the database.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Copied {
    /// The file on the daemon's host.
    pub(super) file: String,
}

/// A line that is no record.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct RejectedLine {
    /// The line, counted from 1.
    pub(super) line: u64,
    /// What is wrong and what would be right.
    pub(super) reason: String,
    /// The beginning of the line.
    pub(super) text: String,
}

/// What came of an import.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ImportDone {
    /// Lines that were read.
    pub(super) lines: u64,
    /// Of them, those that are no records.
    pub(super) bad: u64,
    /// What became of the others.
    #[serde(flatten)]
    pub(super) tally: Tally,
    /// The first hundred of the bad ones.
    pub(super) bad_lines: Vec<RejectedLine>,
}

/// Who did what.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct AuditPage {
    /// The newest first.
    pub(super) audit: Vec<Audited>,
}

/// A run that is made again.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Rerun {
    /// What `/occurrences/{occurrence}` follows.
    pub(super) occurrence_id: i64,
}

/// How many deliveries were meant.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Done {
    /// How many.
    pub(super) deliveries: usize,
}

/// Who gets a file anew.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Recipient {
    /// Only by mail to this address; everyone again when absent.
    pub(super) to: Option<String>,
    /// Only to this address, of this file, or by this destination.
    pub(super) only: Option<String>,
}

/// Which deliveries of a run are meant.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Only {
    /// Only to this address, of this file, or by this destination; all of them when absent.
    pub(super) only: Option<String>,
}

/// Why deliveries are let be.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Reason {
    /// For whoever reads it later.
    #[schemars(length(min = 1))]
    pub(super) reason: String,
    /// Only to this address, of this file, or by this destination.
    pub(super) only: Option<String>,
}
