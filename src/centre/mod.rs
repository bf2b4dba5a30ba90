//! A made-up contact centre, the same at every run: for the demo, for trials of size, for tests.
//!
//! Twenty agents, five queues, voice, chat, email and SMS, over days around the end of daylight-saving time in New
//! York: transfers, consults, joins, holds, snoozes, bots, queue stints that nobody answered, late corrections, and
//! names that break careless programs.

mod csv;
mod dice;
mod people;

use crate::domain::record::{
    AgentRecord, Audience, ChannelType, CoverageRecord, DirectionWord, EndReason, InteractionFields,
    InteractionRecord, MessageRecord, Millis, Participant, Record, SegmentRecord, Sender, Span,
};
pub use csv::{csv_header, csv_row};
use dice::Dice;
use people::{AGENTS, CUSTOMERS, QUEUES, REASONS, SKILLS, STATUSES, agent_email, agent_name};

/// The source that all records name.
pub const SOURCE: &str = "demo";
/// Midnight of 31 October 2026 in New York, UTC milliseconds: the clock goes back the day after.
pub const BEGIN_MS: Millis = 1_793_419_200_000;
/// The zone of the contact centre.
pub const ZONE: &str = "America/New_York";

const DAY_MS: Millis = 86_400_000;
/// Segments that an interaction has on average, in hundredths: measured over a large run.
const SEGMENTS_PER_100: u64 = 150;
/// Share of a day's traffic by local hour.
const HOURS: [u64; 24] =
    [2, 1, 1, 1, 2, 4, 10, 30, 70, 95, 100, 100, 90, 95, 98, 95, 88, 70, 50, 35, 22, 14, 8, 4];

/// The records of a contact centre, in the order in which a live feed would bring them.
#[derive(Debug)]
pub struct Centre {
    dice: Dice,
    interactions: u64,
    next: u64,
    days: u64,
    late: Vec<Record>,
    /// Segments and queue stints given out so far.
    pub segments: u64,
}

impl Centre {
    /// A contact centre of about this many segments over this many days from [`BEGIN_MS`] on.
    pub fn new(segments: u64, days: u64) -> Self {
        let interactions = (segments * 100 / SEGMENTS_PER_100).max(1);
        Self {
            dice: Dice::new(20_261_031),
            interactions,
            next: 0,
            days: days.max(1),
            late: Vec::new(),
            segments: 0,
        }
    }

    /// The agents, each once.
    pub fn agents() -> Vec<Record> {
        (0..AGENTS.len())
            .map(|agent| {
                Record::Agent(Box::new(AgentRecord {
                    source: Some(SOURCE.into()),
                    id: format!("a{agent:02}").into(),
                    name: Some(agent_name(agent).into()),
                    custom_name: AGENTS.get(agent).map(|(_, custom)| (*custom).into()),
                    email: Some(agent_email(agent).into()),
                    ..AgentRecord::default()
                }))
            })
            .collect()
    }

    /// The span of all the days: the store is whole for it when everything has been imported.
    pub fn coverage(&self) -> Record {
        Record::Coverage(CoverageRecord {
            source: Some(SOURCE.into()),
            account: None,
            from: BEGIN_MS,
            // The day on which the clock goes back has 25 hours.
            to: BEGIN_MS + i64::try_from(self.days).unwrap_or(0) * DAY_MS + 3_600_000,
        })
    }

    /// The records of the next interaction, in an order in which they could arrive.
    pub fn next_interaction(&mut self) -> Option<Vec<Record>> {
        if self.next == self.interactions {
            return if self.late.is_empty() { None } else { Some(std::mem::take(&mut self.late)) };
        }
        let begin = self.begin_of(self.next);
        let id = format!("cc-{:08}", self.next);
        self.next += 1;
        let mut story = Story::begin(id, begin, &mut self.dice);
        story.tell(&mut self.dice);
        let records = story.finish(&mut self.dice, &mut self.late);
        let is_segment = |record: &&Record| matches!(record, Record::Segment(_));
        self.segments += u64::try_from(records.iter().filter(is_segment).count()).unwrap_or(0);
        Some(records)
    }

    /// The start of an interaction: its place on the days' curve of traffic.
    fn begin_of(&mut self, number: u64) -> Millis {
        let per_day = self.interactions.div_ceil(self.days);
        let (day, place) = (number / per_day, number % per_day);
        let total: u64 = HOURS.iter().sum();
        let mut weight = place * total * 1_000 / per_day;
        for (hour, share) in (0_u64..).zip(HOURS) {
            if weight < share * 1_000 {
                let within = weight * 3_600 / share;
                let ms = (day * 24 + hour) * 3_600_000 + within + self.dice.below(1_000);
                return BEGIN_MS + i64::try_from(ms).unwrap_or(0);
            }
            weight -= share * 1_000;
        }
        BEGIN_MS
    }
}

/// One interaction while it happens.
struct Story {
    id: String,
    fields: InteractionFields,
    channel: ChannelType,
    inbound: bool,
    now: Millis,
    segments: Vec<SegmentRecord>,
    messages: Vec<MessageRecord>,
}

impl Story {
    fn begin(id: String, now: Millis, dice: &mut Dice) -> Self {
        let channel = match dice.below(100) {
            0..50 => ChannelType::Voice,
            50..75 => ChannelType::Chat,
            75..90 => ChannelType::Email,
            _ => ChannelType::Sms,
        };
        let inbound = dice.percent(82);
        let mut fields = InteractionFields {
            direction: Some(if inbound { DirectionWord::Inbound } else { DirectionWord::Outbound }),
            channel: Some(dice.pick(channel_names(channel)).into()),
            channel_type: Some(channel),
            bot_name: Some(dice.pick(&["SalesBot", "HelpBot"]).into()),
            support_number: Some(format!("+1-800-555-01{:02}", dice.below(10) * 11).into()),
            support_email: (!dice.percent(20)).then(|| "support@centre.example".into()),
            ..InteractionFields::default()
        };
        let customer = dice.below(400);
        match customer % 10 {
            0..6 => {
                fields.customer_name = Some(people::customer_name(customer, dice.pick(&CUSTOMERS)).into());
            }
            6..8 => fields.customer_email = Some(format!("customer{customer}@mail.example").into()),
            _ => fields.customer_phone = Some(format!("+1-555-01{:02}", customer % 100).into()),
        }
        Self { id, fields, channel, inbound, now, segments: Vec::new(), messages: Vec::new() }
    }

    fn tell(&mut self, dice: &mut Dice) {
        let digital = matches!(self.channel, ChannelType::Chat | ChannelType::Sms);
        if digital && self.inbound && dice.percent(40) && !self.bot(dice) {
            return;
        }
        let mut queue = dice.index(QUEUES.len());
        let mut direct = !self.inbound;
        for turn in 0..4 {
            if !direct && dice.percent(8) {
                // Nobody answers: the waiting time runs out and the next queue gets it, or the customer leaves.
                let overflows = dice.percent(50);
                self.unanswered(queue, overflows, dice);
                if !overflows {
                    self.end("Abandoned", "User Hangup", dice);
                    return;
                }
                queue = (queue + 1) % QUEUES.len();
            }
            let transfers = turn < 3 && dice.percent(28);
            self.answered(queue, direct, transfers, dice);
            if !transfers {
                break;
            }
            direct = dice.percent(30);
            queue = (queue + 2) % QUEUES.len();
        }
        let event = dice.pick(&["Agent Hangup", "User Hangup", "System Hangup"]);
        self.end("", event, dice);
    }

    fn next_id(&self) -> String {
        format!("seg-{}-{}", self.id.trim_start_matches("cc-"), self.segments.len() + 1)
    }

    fn blank(&self) -> SegmentRecord {
        SegmentRecord {
            source: Some(SOURCE.into()),
            id: self.next_id().into(),
            interaction_id: self.id.as_str().into(),
            ..SegmentRecord::default()
        }
    }

    /// A bot's portion; false when the bot could help and the interaction is over.
    fn bot(&mut self, dice: &mut Dice) -> bool {
        let (start, end) = (self.now, self.now + dice.between(20_000, 120_000));
        let helped = dice.percent(15);
        self.segments.push(SegmentRecord {
            participant: Some(Participant::Bot),
            start: Some(start),
            end: Some(end),
            end_reason: Some(if helped { EndReason::Completed } else { EndReason::Transferred }),
            transfer_reason: (!helped).then(|| "Agent Requested".into()),
            updated_at: Some(end),
            ..self.blank()
        });
        self.now = end;
        if helped {
            self.end("Resolved", "Bot Hangup", dice);
        }
        !helped
    }

    fn unanswered(&mut self, queue: usize, overflows: bool, dice: &mut Dice) {
        let (entry, exit) = (self.now, self.now + dice.between(30_000, 240_000));
        self.segments.push(SegmentRecord {
            participant: Some(Participant::Queue),
            queue_name: QUEUES.get(queue).map(|queue| (*queue).into()),
            queue_entry: Some(entry),
            queue_exit: Some(exit),
            end_reason: Some(if overflows { EndReason::Timeout } else { EndReason::Abandoned }),
            transfer_reason: overflows.then(|| "Overdue".into()),
            updated_at: Some(exit),
            ..self.blank()
        });
        self.now = exit;
    }

    fn answered(&mut self, queue: usize, direct: bool, transfers: bool, dice: &mut Dice) {
        let agent = dice.index(AGENTS.len());
        let entry = self.now;
        let start = if direct { entry } else { entry + dice.between(0, 120_000) };
        let end = start + dice.between(20_000, 900_000);
        let voice = self.channel == ChannelType::Voice;
        let part = |dice: &mut Dice, percent, most| {
            if !dice.percent(percent) {
                return Vec::new();
            }
            let from = dice.between(start, end);
            vec![Span { start: from, end: from + dice.between(1_000, most) }]
        };
        let segment = SegmentRecord {
            queue_name: (!direct).then(|| QUEUES.get(queue).map(|queue| (*queue).into())).flatten(),
            queue_entry: (!direct).then_some(entry),
            queue_exit: (!direct).then_some(start),
            agent_id: Some(format!("a{agent:02}").into()),
            start: Some(start),
            end: Some(end),
            holds: if voice { part(dice, 30, 120_000) } else { Vec::new() },
            mutes: if voice { part(dice, 15, 60_000) } else { Vec::new() },
            snoozes: if voice { Vec::new() } else { part(dice, 12, 300_000) },
            consultants: dice.some(7, agent_email),
            joined_users: dice.some(5, agent_email),
            skills: vec![dice.pick(&SKILLS).into()],
            end_reason: Some(if transfers { EndReason::Transferred } else { EndReason::Completed }),
            transfer_reason: transfers
                .then(|| dice.pick(&["Wrong Department", "Second Level", "Language"]).into()),
            disposition: (!transfers).then(|| dice.pick(&REASONS).into()),
            updated_at: Some(end),
            ..self.blank()
        };
        if !voice {
            self.message(Sender::Agent, Some(agent), start + dice.between(2_000, 60_000));
            self.message(Sender::Customer, None, start + dice.between(60_000, 90_000));
            self.message(Sender::Agent, Some(agent), start + dice.between(90_000, 180_000));
        }
        self.segments.push(segment);
        self.now = end;
    }

    fn message(&mut self, sender: Sender, agent: Option<usize>, at: Millis) {
        self.messages.push(MessageRecord {
            source: Some(SOURCE.into()),
            id: format!("msg-{}-{}", self.id.trim_start_matches("cc-"), self.messages.len() + 1).into(),
            interaction_id: self.id.as_str().into(),
            at,
            sender,
            agent_id: agent.map(|agent| format!("a{agent:02}").into()),
            audience: Audience::Public,
            ..MessageRecord::default()
        });
    }

    fn end(&mut self, status: &str, event: &str, dice: &mut Dice) {
        let status = if status.is_empty() { dice.pick(&STATUSES) } else { status };
        self.fields.status = Some(status.into());
        self.fields.reason = Some(dice.pick(&REASONS).into());
        self.fields.disconnecting_event = Some(event.into());
        self.fields.interaction_end = Some(self.now);
    }

    /// The records in an order of arrival: mostly the story's, sometimes the end first, now and then not ended yet.
    fn finish(mut self, dice: &mut Dice, late: &mut Vec<Record>) -> Vec<Record> {
        if dice.percent(1) {
            let f = &mut self.fields;
            (f.status, f.reason, f.disconnecting_event, f.interaction_end) = (None, None, None, None);
        }
        let interaction = Record::Interaction(Box::new(InteractionRecord {
            source: Some(SOURCE.into()),
            id: self.id.as_str().into(),
            updated_at: Some(self.now),
            facts: self.fields.clone(),
            ..InteractionRecord::default()
        }));
        if dice.percent(1)
            && let Some(last) = self.segments.last()
        {
            // A supervisor corrects the disposition hours later.
            let corrected = last.updated_at.map(|at| at + 7_200_000);
            let disposition = Some("Corrected: refund issued".into());
            late.push(Record::Segment(Box::new(SegmentRecord {
                updated_at: corrected,
                disposition,
                ..last.clone()
            })));
        }
        let segments = self.segments.into_iter().map(|segment| Record::Segment(Box::new(segment)));
        let messages = self.messages.into_iter().map(Record::Message);
        if dice.percent(10) {
            std::iter::once(interaction).chain(messages).chain(segments).collect()
        } else {
            segments.chain(messages).chain([interaction]).collect()
        }
    }
}

fn channel_names(channel: ChannelType) -> &'static [&'static str] {
    match channel {
        ChannelType::Voice => &["Voice", "Voice VIP"],
        ChannelType::Chat => &["Web Chat", "WhatsApp"],
        ChannelType::Email => &["Email"],
        ChannelType::Sms => &["SMS"],
    }
}
