//! Segments as reports read them: batches of columns.
//!
//! Low-cardinality text travels as codes into a dictionary that grows over a report; the rest as text columns. Absent
//! instants and durations are [`NONE`]. A report never sees a row.

use super::record::{Millis, Participant};

/// An absent instant or duration.
pub const NONE: Millis = Millis::MIN;

/// Rows of a batch at the most.
pub const BATCH_ROWS: usize = 4_096;

/// A code into a [`Dictionary`]; 0 is the blank.
pub type Code = u32;

/// The code of the blank.
pub const BLANK: Code = 0;

/// The agent code of a bot's portion.
pub const BOT: Code = 1;

/// Texts by code.
#[derive(Debug, Clone)]
pub struct Dictionary {
    texts: Vec<Box<str>>,
}

impl Default for Dictionary {
    fn default() -> Self {
        Self { texts: vec!["".into()] }
    }
}

impl Dictionary {
    /// The text of a code; the blank for one that was never given out.
    pub fn text(&self, code: Code) -> &str {
        usize::try_from(code).ok().and_then(|index| self.texts.get(index)).map_or("", |text| text)
    }

    /// Adds a text and returns its code.
    pub fn push(&mut self, text: impl Into<Box<str>>) -> Code {
        self.texts.push(text.into());
        Code::try_from(self.texts.len() - 1).unwrap_or(BLANK)
    }

    /// How many codes there are, the blank included.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Never: the blank is always there.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }
}

/// What the codes of a report's batches mean. Grows with each batch.
#[derive(Debug, Clone)]
pub struct Dictionaries {
    /// Queues, channels, skills, statuses and so on: one code space.
    pub terms: Dictionary,
    /// Agents' names; code 1 is `BOT`.
    pub agent_names: Dictionary,
    /// The names that customers see.
    pub agent_custom_names: Dictionary,
    /// Agents' mail addresses.
    pub agent_emails: Dictionary,
}

impl Default for Dictionaries {
    fn default() -> Self {
        let mut agents = [Dictionary::default(), Dictionary::default(), Dictionary::default()];
        for (dictionary, text) in agents.iter_mut().zip(["BOT", "", ""]) {
            dictionary.push(text);
        }
        let [agent_names, agent_custom_names, agent_emails] = agents;
        Self { terms: Dictionary::default(), agent_names, agent_custom_names, agent_emails }
    }
}

/// An agent met for the first time in a report.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AgentNames {
    /// Full name.
    pub name: String,
    /// The name that customers see.
    pub custom_name: String,
    /// Mail address.
    pub email: String,
}

impl Dictionaries {
    /// Takes up what a batch brings for the first time. Batches must come in the order they were read in.
    pub fn absorb(&mut self, batch: &mut SegmentBatch) {
        for text in batch.fresh_terms.drain(..) {
            self.terms.push(text);
        }
        for agent in batch.fresh_agents.drain(..) {
            self.agent_names.push(agent.name);
            self.agent_custom_names.push(agent.custom_name);
            self.agent_emails.push(agent.email);
        }
    }
}

/// A column of texts in one buffer.
#[derive(Debug, Clone, Default)]
pub struct TextColumn {
    bytes: String,
    ends: Vec<usize>,
}

impl TextColumn {
    /// Adds a text.
    pub fn push(&mut self, text: &str) {
        self.bytes.push_str(text);
        self.ends.push(self.bytes.len());
    }

    /// The text of a row; the blank outside the column.
    pub fn text(&self, row: usize) -> &str {
        let end = self.ends.get(row).copied().unwrap_or(0);
        let start = row.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.bytes.get(start..end).unwrap_or("")
    }
}

/// Up to [`BATCH_ROWS`] segments of ended interactions in report order (`row_start`, then key as bytes).
#[derive(Debug, Clone, Default)]
pub struct SegmentBatch {
    /// Rows in every column.
    pub rows: usize,
    /// Terms whose codes appear here for the first time, in the order of their codes.
    pub fresh_terms: Vec<Box<str>>,
    /// Agents whose codes appear here for the first time, in the order of their codes.
    pub fresh_agents: Vec<AgentNames>,
    /// The interaction's id.
    pub interaction_id: TextColumn,
    /// The segment's id, or the queue stint's.
    pub segment_id: TextColumn,
    /// The customer as reports print it.
    pub customer: TextColumn,
    /// Who had it.
    pub participant: Vec<Participant>,
    /// Whether it is the last segment of its whole interaction, period and filters aside.
    pub last: Vec<bool>,
    /// `Inbound`, `Outbound`.
    pub direction: Vec<Code>,
    /// The channel's name.
    pub channel: Vec<Code>,
    /// The Support column.
    pub support: Vec<Code>,
    /// The queue's name.
    pub queue: Vec<Code>,
    /// Entry into the queue, UTC.
    pub queue_entry: Vec<Millis>,
    /// Exit from the queue, UTC.
    pub queue_exit: Vec<Millis>,
    /// The agent; [`BOT`] for a bot's portion.
    pub agent: Vec<Code>,
    /// Start of the portion, UTC.
    pub start: Vec<Millis>,
    /// End of the portion, UTC, exclusive.
    pub end: Vec<Millis>,
    /// Gross talk time where the source gave it.
    pub talk_ms: Vec<Millis>,
    /// Union of hold and mute, clipped to the segment.
    pub hold_mute_ms: Vec<Millis>,
    /// Snoozed time.
    pub snooze_ms: Vec<Millis>,
    /// Acceptance to first message; [`NONE`] where the agent sent none.
    pub first_response_ms: Vec<Millis>,
    /// Mail addresses, joined with `|`.
    pub consultants: Vec<Code>,
    /// Mail addresses, joined with `|`.
    pub joined_users: Vec<Code>,
    /// Skills, joined with `|`.
    pub skills: Vec<Code>,
    /// `System`, `Bot` or a mail address.
    pub transferred_in_by: Vec<Code>,
    /// Why it was transferred here.
    pub transferred_in_status: Vec<Code>,
    /// Final status of the interaction.
    pub status: Vec<Code>,
    /// Reason of the final status.
    pub reason: Vec<Code>,
    /// Who ended the interaction.
    pub disconnecting_event: Vec<Code>,
}
