//! Agent Session Report Raw: one row per login session of an agent.
//!
//! The vendor defines none of the derived columns; their formulas were solved from real rows. Every figure is a sum of
//! milliseconds, cut to whole seconds once, and rounded once, half up, when it becomes minutes or a percentage.

use crate::domain::batch::{AgentFact, Field};
use crate::domain::record::Millis;
use crate::domain::report::{FilterKey, Reads, ReportType};
use crate::domain::table::{Bind, Binding, Column, Picked};

const HEADER: &str = "vendor's header";
const FORMAT: &str =
    "vendor's header; MM/DD/YYYY HH:MM:SS as in its other report, `sample` prints its sample's form";
const SOLVED: &str = "solved from real rows, the vendor gives no formula";

/// The report.
pub static REPORT: ReportType = ReportType {
    name: "agent-session-raw",
    about: "RingCentral Agent Session Report Raw",
    rows: "one per closed login session, by login; with `rollup` one per agent",
    reads: Reads::Sessions,
    filters: &[FilterKey::Agents, FilterKey::Groups, FilterKey::Teams, FilterKey::Accounts],
    options: &["in_progress", "rollup"],
    columns: &COLUMNS,
    pick: |_, _| Picked::all(&COLUMNS),
    date_format: |_| "%m/%d/%Y %H:%M:%S",
    envelope: None,
};

/// Whole seconds of a sum of milliseconds, truncated.
fn seconds(ms: Millis) -> i64 {
    ms.max(0) / 1_000
}

/// A quotient times a factor, rounded half up; 0 where the divisor is 0.
fn rounded(above: i64, factor: i64, below: i64) -> i64 {
    if below == 0 { 0 } else { (2 * above * factor + below) / (2 * below) }
}

fn minutes<'a>(b: &Bind<'a>, field: Field) -> Binding<'a> {
    b.hundredths([field], |[ms]| rounded(seconds(ms), 100, 60))
}

/// Minutes per accepted call.
fn average<'a>(b: &Bind<'a>, field: Field) -> Binding<'a> {
    b.hundredths([field, Field::Accepted], |[ms, accepted]| rounded(seconds(ms), 100, 60 * accepted))
}

fn percent_of_times<'a>(b: &Bind<'a>, part: Field, whole: Field) -> Binding<'a> {
    b.percent([part, whole], |[part, whole]| rounded(seconds(part), 10_000, seconds(whole)))
}

fn percent_of_counts<'a>(b: &Bind<'a>, part: Field, whole: Field) -> Binding<'a> {
    b.percent([part, whole], |[part, whole]| rounded(part, 10_000, whole))
}

/// The columns in order.
static COLUMNS: [Column; 39] = [
    Column {
        header: "Agent ID",
        meaning: "the agent",
        blank: "never",
        source: HEADER,
        bind: |b| b.agent(AgentFact::Id),
    },
    Column {
        header: "Last Name",
        meaning: "last name; else the full name behind its last blank",
        blank: "where no name is known",
        source: HEADER,
        bind: |b| b.agent(AgentFact::LastName),
    },
    Column {
        header: "First Name",
        meaning: "first name; else the full name up to its last blank",
        blank: "where no name is known",
        source: HEADER,
        bind: |b| b.agent(AgentFact::FirstName),
    },
    Column {
        header: "Username",
        meaning: "the name to log in with",
        blank: "where the source did not say",
        source: HEADER,
        bind: |b| b.agent(AgentFact::Username),
    },
    Column {
        header: "Phone",
        meaning: "the phone used to log in; else the agent's",
        blank: "where the source did not say",
        source: HEADER,
        bind: |b| b.text(Field::Phone),
    },
    Column {
        header: "Login DTS",
        meaning: "login, in the report's zone",
        blank: "never",
        source: FORMAT,
        bind: |b| b.instant(Field::Login),
    },
    Column {
        header: "Logout DTS",
        meaning: "logout, in the report's zone",
        blank: "while the session goes on",
        source: FORMAT,
        bind: |b| b.instant(Field::Logout),
    },
    Column {
        header: "Dial Group",
        meaning: "the group of campaigns logged in to",
        blank: "where the source did not say",
        source: HEADER,
        bind: |b| b.text(Field::SessionDialGroup),
    },
    Column {
        header: "Presented",
        meaning: "calls offered",
        blank: "never",
        source: HEADER,
        bind: |b| b.number(Field::Presented),
    },
    Column {
        header: "Accepted",
        meaning: "calls taken",
        blank: "never",
        source: HEADER,
        bind: |b| b.number(Field::Accepted),
    },
    Column {
        header: "Manual No Connect",
        meaning: "numbers dialled by hand that did not connect",
        blank: "never",
        source: HEADER,
        bind: |b| b.number(Field::ManualNoConnect),
    },
    Column {
        header: "RNA",
        meaning: "calls that rang unanswered",
        blank: "never",
        source: HEADER,
        bind: |b| b.number(Field::RingNoAnswer),
    },
    Column {
        header: "Disp Xfers",
        meaning: "calls transferred by a disposition",
        blank: "never",
        source: HEADER,
        bind: |b| b.number(Field::DispositionTransfers),
    },
    Column {
        header: "%Calls Xfered",
        meaning: "transferred by disposition ÷ accepted",
        blank: "never",
        source: SOLVED,
        bind: |b| percent_of_counts(b, Field::DispositionTransfers, Field::Accepted),
    },
    Column {
        header: "Talk Time (min)",
        meaning: "connected talk, minutes",
        blank: "never",
        source: HEADER,
        bind: |b| minutes(b, Field::SessionTalkMs),
    },
    Column {
        header: "Avg Talk Time (min)",
        meaning: "talk ÷ accepted, minutes",
        blank: "never: zero without an accepted call",
        source: SOLVED,
        bind: |b| average(b, Field::SessionTalkMs),
    },
    Column {
        header: "Login Time (min)",
        meaning: "logout minus login, minutes; up to the nominal instant while it goes on",
        blank: "never",
        source: SOLVED,
        bind: |b| minutes(b, Field::LoginMs),
    },
    Column {
        header: "Login Utilization",
        meaning: "talk ÷ login",
        blank: "never",
        source: SOLVED,
        bind: |b| percent_of_times(b, Field::SessionTalkMs, Field::LoginMs),
    },
    Column {
        header: "Off Hook Time (min)",
        meaning: "the agent's audio line was up, minutes",
        blank: "never",
        source: HEADER,
        bind: |b| minutes(b, Field::OffHookMs),
    },
    Column {
        header: "Rounded OH Time (min)",
        meaning: "off hook, rounded up once to whole minutes",
        blank: "never",
        source: SOLVED,
        bind: |b| b.hundredths([Field::OffHookMs], |[ms]| (seconds(ms) + 59) / 60 * 100),
    },
    Column {
        header: "Off Hook Utilization",
        meaning: "talk ÷ off hook",
        blank: "never",
        source: SOLVED,
        bind: |b| percent_of_times(b, Field::SessionTalkMs, Field::OffHookMs),
    },
    Column {
        header: "Off Hook to Login %",
        meaning: "off hook ÷ login",
        blank: "never",
        source: SOLVED,
        bind: |b| percent_of_times(b, Field::OffHookMs, Field::LoginMs),
    },
    Column {
        header: "Work Time (min)",
        meaning: "login minus break, away, lunch and training, minutes",
        blank: "never",
        source: SOLVED,
        // The vendor's sample row has 0.00 where this gives 45.45: its row is all zeros but for the login time, real rows
        // follow the formula.
        bind: |b| minutes(b, Field::WorkMs),
    },
    Column {
        header: "Break Time (min)",
        meaning: "in state break, minutes",
        blank: "never",
        source: HEADER,
        bind: |b| minutes(b, Field::BreakMs),
    },
    Column {
        header: "Away Time (min)",
        meaning: "in state away, minutes",
        blank: "never",
        source: HEADER,
        bind: |b| minutes(b, Field::AwayMs),
    },
    Column {
        header: "Lunch Time (min)",
        meaning: "in state lunch, minutes",
        blank: "never",
        source: HEADER,
        bind: |b| minutes(b, Field::LunchMs),
    },
    Column {
        header: "Training Time (min)",
        meaning: "in state training, minutes",
        blank: "never",
        source: HEADER,
        bind: |b| minutes(b, Field::TrainingMs),
    },
    Column {
        header: "Pending Disp Time (min)",
        meaning: "wrapping up, minutes",
        blank: "never",
        source: HEADER,
        bind: |b| minutes(b, Field::PendingDispositionMs),
    },
    Column {
        header: "Avg Pending Disp Time",
        meaning: "wrapping up ÷ accepted, minutes, though the header has no unit",
        blank: "never: zero without an accepted call",
        source: SOLVED,
        bind: |b| average(b, Field::PendingDispositionMs),
    },
    Column {
        header: "External Agent ID",
        meaning: "the customer's own id of the agent",
        blank: "where the source did not say",
        source: HEADER,
        bind: |b| b.agent(AgentFact::ExternalId),
    },
    Column {
        header: "Calls Placed On Hold",
        meaning: "calls with time on hold",
        blank: "never",
        source: HEADER,
        bind: |b| b.number(Field::CallsOnHold),
    },
    Column {
        header: "Time On Hold (min)",
        meaning: "on hold, minutes; mute is not in it",
        blank: "never",
        source: HEADER,
        bind: |b| minutes(b, Field::SessionHoldMs),
    },
    Column {
        header: "Ring Time (min)",
        meaning: "ringing at the agent, minutes",
        blank: "never",
        source: HEADER,
        bind: |b| minutes(b, Field::SessionRingMs),
    },
    Column {
        header: "EngagedTime (min)",
        meaning: "in state engaged, minutes",
        blank: "never",
        source: HEADER,
        bind: |b| minutes(b, Field::EngagedMs),
    },
    Column {
        header: "RNA Time (min)",
        meaning: "in state ring-no-answer, minutes",
        blank: "never",
        source: HEADER,
        bind: |b| minutes(b, Field::RingNoAnswerMs),
    },
    Column {
        header: "Available Time (min)",
        meaning: "in state available, minutes",
        blank: "never",
        source: HEADER,
        bind: |b| minutes(b, Field::AvailableMs),
    },
    Column {
        header: "Team",
        meaning: "the team; `[No Team Name]` without one",
        blank: "never",
        source: HEADER,
        bind: |b| b.codes(Field::Team),
    },
    Column {
        header: "Login Session ID",
        meaning: "the login session",
        blank: "in a rollup, whose rows are of several",
        source: HEADER,
        bind: |b| b.text(Field::SessionId),
    },
    Column {
        header: "Monitoring Sessions",
        meaning: "how often a supervisor listened in",
        blank: "never",
        source: HEADER,
        bind: |b| b.number(Field::Monitorings),
    },
];

#[cfg(test)]
mod tests {
    use super::rounded;

    #[test]
    fn figures_round_half_up_once() {
        assert_eq!(rounded(70, 100, 60), 117, "70 s are 1.17 minutes");
        assert_eq!(rounded(13, 10_000, 70), 1_857, "13 of 70 are 18.57 %");
        assert_eq!(rounded(68, 10_000, 70), 9_714);
        assert_eq!(rounded(1, 100, 200), 1, "half a hundredth goes up");
        assert_eq!(rounded(5, 100, 0), 0);
    }
}
