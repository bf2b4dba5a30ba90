//! A made-up contact centre, the same at every run: for the demo, for trials of size, for tests.
//!
//! Twenty agents with their login sessions, five queues, three campaigns, voice, chat, email and SMS, over days around
//! the end of daylight-saving time in New York: transfers, takeovers, consults, joins, holds, snoozes, bots, queue
//! stints that nobody answered, late corrections, and names that break careless programs.

mod csv;
mod dice;
mod people;
mod shifts;
mod story;

use self::dice::Dice;
use self::people::{AGENTS, TEAMS, agent_email, agent_name, agent_phone};
use self::story::Story;
use crate::domain::record::{AgentRecord, CoverageRecord, FORMAT_VERSION, FormatRecord, Millis, Record};
pub use csv::csv_header;

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

    /// What comes before the interactions: the format's version, the agents, their login sessions of all days.
    pub fn agents(&self) -> Vec<Record> {
        let mut records = vec![Record::Format(FormatRecord { version: FORMAT_VERSION })];
        for agent in 0..AGENTS.len() {
            records.push(Self::agent(agent));
            records.extend(shifts::sessions(agent, i64::try_from(self.days).unwrap_or(0)));
        }
        records
    }

    fn agent(agent: usize) -> Record {
        Record::Agent(Box::new(AgentRecord {
            source: Some(SOURCE.into()),
            id: format!("a{agent:02}").into(),
            name: Some(agent_name(agent).into()),
            custom_name: AGENTS.get(agent).map(|(_, custom)| (*custom).into()),
            email: Some(agent_email(agent).into()),
            username: Some(format!("agent{agent:02}").into()),
            external_id: (!agent.is_multiple_of(3)).then(|| format!("X-{agent:04}").into()),
            employee_id: Some(format!("{}", 720_000 + agent).into()),
            phone: Some(agent_phone(agent).into()),
            // Every fourth agent has no team.
            team: TEAMS.get(agent % 4).map(|team| (*team).into()),
            group: Some(if agent < 10 { "First Line" } else { "Second Line" }.into()),
            group_id: Some(if agent < 10 { "31" } else { "32" }.into()),
            ..AgentRecord::default()
        }))
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
