//! Which columns a kind of record has in CSV.

/// The kind of a CSV file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum CsvKind {
    /// Accounts.
    Account,
    /// Agents.
    Agent,
    /// Interactions.
    Interaction,
    /// Segments and queue stints.
    Segment,
    /// Messages.
    Message,
    /// Agents' login sessions.
    AgentSession,
    /// Spans of login sessions.
    AgentState,
    /// Calls and conversations offered to agents.
    Offer,
    /// Numbers dialled by hand.
    ManualDial,
    /// Spans for which the store is whole.
    Coverage,
}

const INTERACTION_FIELDS: [&str; 23] = [
    "direction",
    "channel",
    "channel_type",
    "customer",
    "customer_name",
    "customer_email",
    "customer_phone",
    "support",
    "support_number",
    "support_email",
    "bot_name",
    "status",
    "reason",
    "disconnecting_event",
    "interaction_end",
    "uii",
    "integration_source",
    "ani",
    "dnis",
    "opened_by",
    "email_subject",
    "session_tags",
    "user_tags",
];

/// What a file of a kind cannot do without: of each of these, one column at the least.
pub(super) type Needed = &'static [&'static [&'static str]];

/// Columns of a kind, and what it needs.
type Columns = (&'static [&'static str], Needed);

const ACCOUNT: Columns = (&["source", "id", "name"], &[&["id"]]);
const AGENT: Columns = (
    &[
        "source",
        "account",
        "id",
        "updated_at",
        "name",
        "custom_name",
        "email",
        "first_name",
        "last_name",
        "username",
        "external_id",
        "employee_id",
        "phone",
        "team",
        "group",
        "group_id",
    ],
    &[&["id"]],
);
const INTERACTION: Columns = (&["source", "account", "id", "updated_at"], &[&["id"]]);
const SEGMENT: Columns = (
    &[
        "source",
        "account",
        "id",
        "interaction_id",
        "updated_at",
        "participant",
        "queue_name",
        "queue_entry",
        "queue_exit",
        "agent_id",
        "agent_name",
        "agent_custom_name",
        "agent_email",
        "start",
        "end",
        "talk_ms",
        "hold_ms",
        "mute_ms",
        "snooze_ms",
        "holds",
        "mutes",
        "snoozes",
        "first_response_ms",
        "consultants",
        "joined_users",
        "skills",
        "transferred_in_by",
        "transferred_in_status",
        "end_reason",
        "transfer_reason",
        "disposition",
        "leg",
        "user_type",
        "queue_id",
        "queue_group",
        "campaign_id",
        "campaign",
        "dial_group",
        "agent_session_id",
        "agent_group",
        "agent_group_id",
        "skill_id",
        "ring_start",
        "ring_ms",
        "wrap_ms",
        "agent_wait_ms",
        "termination_party",
        "termination_reason",
        "transferred_by_disposition",
        "recording_file",
        "recording_url",
        "start_reason",
        "focuses",
        "handle_ms",
    ],
    &[&["id"], &["interaction_id"], &["queue_entry", "start"]],
);
const MESSAGE: Columns = (
    &["source", "account", "id", "interaction_id", "at", "sender", "agent_id", "audience", "seq", "dialog"],
    &[&["id"], &["interaction_id"], &["at"], &["sender"]],
);
const AGENT_SESSION: Columns = (
    &["source", "account", "id", "updated_at", "agent_id", "login", "logout", "dial_group", "phone", "team"],
    &[&["id"], &["agent_id"], &["login"]],
);
const AGENT_STATE: Columns = (
    &["source", "account", "id", "updated_at", "agent_session_id", "state", "start", "end"],
    &[&["id"], &["agent_session_id"], &["state"], &["start"]],
);
const OFFER: Columns = (
    &["source", "account", "id", "updated_at", "agent_id", "agent_session_id", "at", "end", "outcome"],
    &[&["id"], &["agent_id"], &["agent_session_id"], &["at"], &["outcome"]],
);
const MANUAL_DIAL: Columns = (
    &["source", "account", "id", "updated_at", "agent_id", "agent_session_id", "at", "connected"],
    &[&["id"], &["agent_id"], &["agent_session_id"], &["at"], &["connected"]],
);
const COVERAGE: Columns = (&["source", "account", "from", "to"], &[&["from"], &["to"]]);

/// The columns of a kind, and what it needs.
pub fn columns(kind: CsvKind) -> (Vec<&'static str>, Needed) {
    let (own, needed) = match kind {
        CsvKind::Account => ACCOUNT,
        CsvKind::Agent => AGENT,
        CsvKind::Interaction => INTERACTION,
        CsvKind::Segment => SEGMENT,
        CsvKind::Message => MESSAGE,
        CsvKind::AgentSession => AGENT_SESSION,
        CsvKind::AgentState => AGENT_STATE,
        CsvKind::Offer => OFFER,
        CsvKind::ManualDial => MANUAL_DIAL,
        CsvKind::Coverage => COVERAGE,
    };
    let mut all = own.to_vec();
    if matches!(kind, CsvKind::Interaction | CsvKind::Segment) {
        all.extend(INTERACTION_FIELDS);
    }
    (all, needed)
}

/// Other names under which feeds know a column.
pub(super) fn canonical(kind: CsvKind, name: &str) -> &str {
    match (kind, name) {
        (CsvKind::Segment, "segment_id") | (CsvKind::Interaction, "interaction_id" | "session_id") => "id",
        (CsvKind::Segment | CsvKind::Message, "session_id") => "interaction_id",
        _ => name,
    }
}
