//! Rows as reports read them: batches of columns.
//!
//! Low-cardinality text travels as codes into dictionaries that grow over a report; the rest as text columns. Absent
//! instants, durations and numbers are [`NONE`]. A batch holds only the fields that its report asked for; a report
//! never sees a row.

use super::record::Millis;

/// An absent instant, duration or number.
pub const NONE: Millis = Millis::MIN;

/// Rows of a batch at the most: its columns, what is kept of them and the text then lie in a processor's own cache together.
pub const BATCH_ROWS: usize = 1_024;

/// A code into a [`Dictionary`]; 0 is the blank.
pub type Code = u32;

/// The code of the blank.
pub const BLANK: Code = 0;

/// The agent code of a bot of whom nothing else is known.
pub const BOT: Code = 1;

/// What a field's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// Text of its own for each row.
    Text,
    /// A code into [`Dictionaries::terms`].
    Term,
    /// A code into [`Dictionaries::agents`].
    Agent,
    /// An instant, a duration, a count, or a word by its number.
    Number,
}

macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident: $kind:ident,)+) => {
        /// What can be asked of a segment, or of a login session.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Field { $($(#[$doc])* $name,)+ }

        impl Field {
            /// Every field.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// What its values are.
            pub fn kind(self) -> FieldKind {
                match self { $(Self::$name => FieldKind::$kind,)+ }
            }
        }
    };
}

fields! {
    /// The account's id.
    Account: Term,
    /// The system it comes from.
    Source: Term,
    /// The interaction's id.
    InteractionId: Text,
    /// The segment's id, or the queue stint's.
    SegmentId: Text,
    /// The call id of the telephone platform.
    Uii: Text,
    /// The leg's number within the call.
    Leg: Number,
    /// The customer as reports print it.
    Customer: Text,
    /// The number of the caller.
    Ani: Text,
    /// The number dialled.
    Dnis: Text,
    /// The subject of a mail.
    EmailSubject: Text,
    /// Tags of the interaction, joined with `, `.
    SessionTags: Term,
    /// Tags of the customer, joined with `, `.
    UserTags: Term,
    /// Where the conversation started.
    IntegrationSource: Term,
    /// Who had it: 1 agent, 2 queue, 3 bot, 4 the outside party.
    Participant: Number,
    /// 1 human, 2 bot, 3 system; absent where it follows from the participant.
    UserType: Number,
    /// 1 on the last segment of its whole interaction, period and filters aside.
    Last: Number,
    /// 1 inbound, 2 outbound.
    Direction: Number,
    /// The channel's name.
    Channel: Term,
    /// 1 voice, 2 sms, 3 email, 4 chat.
    ChannelType: Number,
    /// The Support column.
    Support: Term,
    /// The queue's name.
    Queue: Term,
    /// The queue's id.
    QueueId: Term,
    /// The group of queues.
    QueueGroup: Term,
    /// The campaign's name.
    Campaign: Term,
    /// The campaign's id.
    CampaignId: Term,
    /// The group of campaigns.
    DialGroup: Term,
    /// Entry into the queue, UTC.
    QueueEntry: Number,
    /// Exit from the queue, UTC.
    QueueExit: Number,
    /// The agent; a bot's name is `BOT`.
    Agent: Agent,
    /// The agent group's name.
    AgentGroup: Term,
    /// The agent group's id.
    AgentGroupId: Term,
    /// The agent's login session.
    AgentSession: Text,
    /// Start of the portion, UTC.
    Start: Number,
    /// End of the portion, UTC, exclusive.
    End: Number,
    /// Gross talk time where the source gave it.
    TalkMs: Number,
    /// Union of hold and mute, clipped to the segment.
    HoldMuteMs: Number,
    /// Hold alone.
    HoldMs: Number,
    /// Snoozed time.
    SnoozeMs: Number,
    /// When it began to ring at the agent.
    RingStart: Number,
    /// Ringing time where the source gave it.
    RingMs: Number,
    /// Time of wrapping up.
    WrapMs: Number,
    /// Idle time of the agent before it: as said, else from the call before in the login session.
    AgentWaitMs: Number,
    /// Acceptance to first message; absent where the agent sent none.
    FirstResponseMs: Number,
    /// The agent's public messages.
    MessagesSent: Number,
    /// Mail addresses, joined with `|`.
    Consultants: Term,
    /// Mail addresses, joined with `|`.
    JoinedUsers: Term,
    /// Skills, joined with `|`.
    Skills: Term,
    /// The skill that routed it.
    SkillId: Term,
    /// `System`, `Bot` or a mail address.
    TransferredInBy: Term,
    /// Why it was transferred here.
    TransferredInStatus: Term,
    /// Why it was transferred on.
    TransferReason: Term,
    /// Who ended the leg.
    TerminationParty: Term,
    /// Why it ended.
    TerminationReason: Term,
    /// The code that the agent gave the outcome.
    Disposition: Term,
    /// The recording's file name.
    RecordingFile: Text,
    /// Where the recording lies.
    RecordingUrl: Text,
    /// 1 new, 2 transfer, 3 takeover, 4 resume.
    StartReason: Number,
    /// How the portion ended, by its number among the end reasons.
    CloseReason: Number,
    /// 1 interactive, 2 abandoned, 3 non-responsive consumer, 4 non-responsive agent.
    Outcome: Number,
    /// Assignment to first message, for the averages.
    FirstMessageMs: Number,
    /// Counted responses.
    Responses: Number,
    /// Their times together.
    ResponsesMs: Number,
    /// Counted turns.
    Turns: Number,
    /// Their times together.
    TurnsMs: Number,
    /// Handle time.
    HandleMs: Number,
    /// 1 focus, 2 reported, 3 estimate.
    HandleSource: Number,
    /// Final status of the interaction.
    Status: Term,
    /// Reason of the final status.
    Reason: Term,
    /// Who ended the interaction.
    DisconnectingEvent: Term,
    /// When the interaction ended, UTC; absent while it goes on.
    EndedAt: Number,
    /// The login session's id.
    SessionId: Text,
    /// Login, UTC.
    Login: Number,
    /// Logout, UTC; absent while it goes on.
    Logout: Number,
    /// The phone used to log in.
    Phone: Text,
    /// The group of campaigns logged in to.
    SessionDialGroup: Text,
    /// The team.
    Team: Term,
    /// Length of the session.
    LoginMs: Number,
    /// Calls offered.
    Presented: Number,
    /// Calls taken.
    Accepted: Number,
    /// Calls that rang unanswered.
    RingNoAnswer: Number,
    /// Numbers dialled by hand that did not connect.
    ManualNoConnect: Number,
    /// Calls transferred by a disposition.
    DispositionTransfers: Number,
    /// Connected talk.
    SessionTalkMs: Number,
    /// The agent's audio line was up.
    OffHookMs: Number,
    /// At work: logged in, and not in a break, away, at lunch or in training.
    WorkMs: Number,
    /// In a break.
    BreakMs: Number,
    /// Away.
    AwayMs: Number,
    /// At lunch.
    LunchMs: Number,
    /// In training.
    TrainingMs: Number,
    /// Wrapping up.
    PendingDispositionMs: Number,
    /// Calls placed on hold.
    CallsOnHold: Number,
    /// Time on hold.
    SessionHoldMs: Number,
    /// Ringing at the agent.
    SessionRingMs: Number,
    /// Engaged.
    EngagedMs: Number,
    /// In the state after a ring that nobody answered.
    RingNoAnswerMs: Number,
    /// Ready.
    AvailableMs: Number,
    /// Sessions of a supervisor listening in.
    Monitorings: Number,
    /// The interval's start, UTC.
    IntervalStart: Number,
    /// The skill of a group of segments.
    GroupSkill: Term,
    /// The agent of a group of segments.
    GroupAgent: Term,
    /// Segments of a group.
    Segments: Number,
    /// Counted messages of a group.
    Messages: Number,
    /// Average segment duration of a group.
    AverageDurationMs: Number,
    /// Interactive segments of a group.
    Interactive: Number,
    /// Abandoned segments of a group.
    Abandoned: Number,
    /// Segments of a group whose consumer did not respond.
    NonResponsiveConsumers: Number,
    /// Segments of a group whose agent did not respond.
    NonResponsiveAgents: Number,
    /// Average time to the first message; -1 without one.
    AverageFirstMs: Number,
    /// The same after a transfer.
    AverageFirstTransferMs: Number,
    /// The same in a new conversation.
    AverageFirstNewMs: Number,
    /// Average time to a response; -1 without one.
    AverageResponseMs: Number,
}

/// What is known of an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentFact {
    /// Full name; else the address, else the id.
    Name,
    /// The name that customers see.
    CustomName,
    /// Mail address.
    Email,
    /// The id.
    Id,
    /// First name; else the full name up to its last blank.
    FirstName,
    /// Last name; else the full name behind its last blank.
    LastName,
    /// The name to log in with.
    Username,
    /// The customer's own id.
    ExternalId,
    /// The number in the brand's own books.
    EmployeeId,
    /// The team.
    Team,
}

/// How many facts of an agent there are.
pub const AGENT_FACTS: usize = 10;

impl AgentFact {
    /// Its place among the facts.
    pub fn place(self) -> usize {
        match self {
            Self::Name => 0,
            Self::CustomName => 1,
            Self::Email => 2,
            Self::Id => 3,
            Self::FirstName => 4,
            Self::LastName => 5,
            Self::Username => 6,
            Self::ExternalId => 7,
            Self::EmployeeId => 8,
            Self::Team => 9,
        }
    }
}

/// The facts of an agent met for the first time in a report.
pub type AgentTexts = [Box<str>; AGENT_FACTS];

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
    /// Agents, one dictionary a fact: one code space; code 1 is `BOT`.
    agents: [Dictionary; AGENT_FACTS],
}

impl Default for Dictionaries {
    fn default() -> Self {
        let mut agents: [Dictionary; AGENT_FACTS] = std::array::from_fn(|_| Dictionary::default());
        for (place, dictionary) in agents.iter_mut().enumerate() {
            dictionary.push(if place == AgentFact::Name.place() { "BOT" } else { "" });
        }
        Self { terms: Dictionary::default(), agents }
    }
}

impl Dictionaries {
    /// One fact of every agent.
    pub fn agents(&self, fact: AgentFact) -> &Dictionary {
        self.agents.get(fact.place()).unwrap_or(&self.terms)
    }

    /// Takes up what a batch brings for the first time. Batches must come in the order they were read in.
    pub fn absorb(&mut self, batch: &mut Batch) {
        for text in batch.fresh_terms.drain(..) {
            self.terms.push(text);
        }
        for agent in batch.fresh_agents.drain(..) {
            for (dictionary, text) in self.agents.iter_mut().zip(agent) {
                dictionary.push(text);
            }
        }
    }
}

/// A column of texts in one buffer.
#[derive(Debug, Clone, Default)]
pub struct TextColumn {
    bytes: String,
    ends: Vec<usize>,
    /// Whether some text may need quotes or a guard in delimited text.
    odd: bool,
}

impl TextColumn {
    /// Adds a text that may be anything.
    pub fn push(&mut self, text: &str) {
        self.extend(text, std::iter::once(text.len()), false);
    }

    /// Adds texts that stand one behind the other, by their lengths; `plain` where each is known to stand in delimited text
    /// as it is.
    pub fn extend(&mut self, texts: &str, lengths: impl Iterator<Item = usize>, plain: bool) {
        let mut end = self.bytes.len();
        self.bytes.push_str(texts);
        self.ends.extend(lengths.map(|length| {
            end += length;
            end
        }));
        self.odd |= !plain;
    }

    /// Whether it is known that no text needs quotes or a guard ([`is_plain`](super::output::is_plain)).
    pub fn is_plain(&self) -> bool {
        !self.odd
    }

    /// All texts, one behind the other.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.as_bytes()
    }

    /// Where the text of a row stands among them; nowhere outside the column.
    #[inline]
    pub fn span(&self, row: usize) -> std::ops::Range<usize> {
        let end = self.ends.get(row).copied().unwrap_or(0);
        let start = row.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        start.min(end)..end
    }

    /// The text of a row; the blank outside the column.
    pub fn text(&self, row: usize) -> &str {
        self.bytes.get(self.span(row)).unwrap_or("")
    }
}

/// A column of a batch.
#[derive(Debug, Clone)]
pub enum Data {
    /// Texts.
    Text(TextColumn),
    /// Codes of terms or agents.
    Code(Vec<Code>),
    /// Numbers; [`NONE`] is absent.
    Number(Vec<i64>),
}

/// Up to [`BATCH_ROWS`] rows in report order.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Rows in every column.
    pub rows: usize,
    /// Terms whose codes appear here for the first time, in the order of their codes.
    pub fresh_terms: Vec<Box<str>>,
    /// Agents whose codes appear here for the first time, in the order of their codes.
    pub fresh_agents: Vec<AgentTexts>,
    /// No row of a later batch ends before this instant, where that is known; UTC milliseconds.
    pub ends_from: Option<Millis>,
    columns: Vec<(Field, Data)>,
}

impl Batch {
    /// An empty batch of these fields.
    pub fn of(fields: &[Field]) -> Self {
        let data = |field: &Field| match field.kind() {
            FieldKind::Text => Data::Text(TextColumn::default()),
            FieldKind::Term | FieldKind::Agent => Data::Code(Vec::with_capacity(BATCH_ROWS)),
            FieldKind::Number => Data::Number(Vec::with_capacity(BATCH_ROWS)),
        };
        Self { columns: fields.iter().map(|field| (*field, data(field))).collect(), ..Self::default() }
    }

    /// The column at a place of the fields that the batch was made of.
    pub fn column_mut(&mut self, place: usize) -> Option<&mut Data> {
        self.columns.get_mut(place).map(|(_, data)| data)
    }

    /// The column of a field; `None` when the batch was made without it.
    pub fn column(&self, field: Field) -> Option<&Data> {
        self.columns.iter().find(|(known, _)| *known == field).map(|(_, data)| data)
    }

    /// A column of numbers; empty when the batch was made without it.
    pub fn numbers(&self, field: Field) -> &[i64] {
        match self.column(field) {
            Some(Data::Number(numbers)) => numbers,
            Some(Data::Text(_) | Data::Code(_)) | None => &[],
        }
    }

    /// A column of codes; empty when the batch was made without it.
    pub fn codes(&self, field: Field) -> &[Code] {
        match self.column(field) {
            Some(Data::Code(codes)) => codes,
            Some(Data::Text(_) | Data::Number(_)) | None => &[],
        }
    }

    /// A column of texts, when the batch was made with it.
    pub fn texts(&self, field: Field) -> Option<&TextColumn> {
        match self.column(field) {
            Some(Data::Text(texts)) => Some(texts),
            Some(Data::Code(_) | Data::Number(_)) | None => None,
        }
    }
}

/// A number of a column that may be absent.
pub fn known(column: &[i64], row: usize) -> Option<i64> {
    column.get(row).copied().filter(|value| *value != NONE)
}
