//! Segments counted in groups: the sums behind the messaging metrics.
//!
//! A group keeps counts and sums only; a total is the sum of its groups, and what is divided is divided last. Memory
//! holds the groups, never the segments.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

use crate::domain::batch::{AgentFact, BLANK, BOT, Batch, Code, Dictionaries, Field, known};
use crate::domain::period::Period;
use crate::domain::record::Millis;
use crate::domain::report::{MetricsChoice, ResponseRule};

/// The fields that counting reads.
pub const FIELDS: [Field; 11] = [
    Field::Agent,
    Field::SkillId,
    Field::Start,
    Field::End,
    Field::StartReason,
    Field::Outcome,
    Field::FirstMessageMs,
    Field::Responses,
    Field::ResponsesMs,
    Field::Turns,
    Field::TurnsMs,
];

const MINUTE_MS: Millis = 60_000;

/// The skill of segments that none routed.
const NO_SKILL: &str = "-1";

/// Counts and sums of a group of segments.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// Segments.
    pub segments: i64,
    /// Their durations together.
    pub duration_ms: Millis,
    /// Counted messages.
    pub messages: i64,
    /// First messages in new conversations, and their times together.
    pub first_new: (i64, Millis),
    /// First messages after a transfer, and their times together.
    pub first_transfer: (i64, Millis),
    /// Responses, and their times together.
    pub responses: (i64, Millis),
    /// Segments by outcome class: interactive, abandoned, non-responsive consumer, non-responsive agent.
    pub outcomes: [i64; 4],
}

impl Sums {
    /// Adds a group.
    pub fn add(&mut self, other: &Self) {
        self.segments += other.segments;
        self.duration_ms += other.duration_ms;
        self.messages += other.messages;
        for (mine, theirs) in [
            (&mut self.first_new, other.first_new),
            (&mut self.first_transfer, other.first_transfer),
            (&mut self.responses, other.responses),
        ] {
            mine.0 += theirs.0;
            mine.1 += theirs.1;
        }
        for (mine, theirs) in self.outcomes.iter_mut().zip(other.outcomes) {
            *mine += theirs;
        }
    }

    /// First messages of all kinds.
    pub fn first(&self) -> (i64, Millis) {
        (self.first_new.0 + self.first_transfer.0, self.first_new.1 + self.first_transfer.1)
    }

    /// An average of a row: truncated, -1 without a value; in a total without any segment 0.
    pub fn average(&self, (count, sum): (i64, Millis)) -> i64 {
        match (self.segments, count) {
            (0, _) => 0,
            (_, 0) => -1,
            _ => sum / count,
        }
    }
}

/// An id as a key: numbers first, by size, then the others as bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key(pub String);

impl Key {
    fn number(&self) -> Option<u128> {
        self.0.bytes().all(|byte| byte.is_ascii_digit()).then(|| self.0.parse().ok()).flatten()
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_kind = match (self.number(), other.number()) {
            (Some(a), Some(b)) => a.cmp(&b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        };
        by_kind.then_with(|| self.0.as_bytes().cmp(other.0.as_bytes()))
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Groups by agent.
pub type Agents = BTreeMap<Key, Sums>;

/// The groups of an interval, or of the whole period.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Groups {
    /// By skill and agent: every segment is in one of them.
    pub skills: BTreeMap<Key, Agents>,
}

impl Groups {
    /// By agent alone.
    pub fn agents(&self) -> Agents {
        let mut agents = Agents::new();
        for (agent, sums) in self.skills.values().flatten() {
            agents.entry(agent.clone()).or_default().add(sums);
        }
        agents
    }

    /// All together.
    pub fn total(&self) -> Sums {
        let mut total = Sums::default();
        for sums in self.skills.values().flat_map(BTreeMap::values) {
            total.add(sums);
        }
        total
    }

    /// Adds the groups of another interval.
    pub fn add(&mut self, other: &Self) {
        for (skill, agents) in &other.skills {
            let mine = self.skills.entry(skill.clone()).or_default();
            for (agent, sums) in agents {
                mine.entry(agent.clone()).or_default().add(sums);
            }
        }
    }
}

/// Groups while they grow.
#[derive(Debug)]
pub struct Counting {
    start_ms: Millis,
    step_ms: Option<Millis>,
    response: ResponseRule,
    groups: HashMap<(i64, Code, Code), Sums>,
}

/// Start of an interval, UTC milliseconds, and its groups.
pub type Interval = (Millis, Groups);

impl Counting {
    /// Nothing counted yet.
    pub fn begin(period: Period, choice: &MetricsChoice) -> Self {
        Self {
            start_ms: period.start.as_millisecond(),
            step_ms: choice.interval_minutes.map(|minutes| i64::from(minutes) * MINUTE_MS),
            response: choice.response,
            groups: HashMap::new(),
        }
    }

    /// Counts the segments of a batch that has [`FIELDS`].
    pub fn count(&mut self, batch: &Batch) {
        let (agents, skills) = (batch.codes(Field::Agent), batch.codes(Field::SkillId));
        let (starts, ends) = (batch.numbers(Field::Start), batch.numbers(Field::End));
        let messages = batch.numbers(Field::Responses);
        let (responses, responses_ms) = match self.response {
            ResponseRule::Message => (messages, batch.numbers(Field::ResponsesMs)),
            ResponseRule::Turn => (batch.numbers(Field::Turns), batch.numbers(Field::TurnsMs)),
        };
        let (firsts, reasons) = (batch.numbers(Field::FirstMessageMs), batch.numbers(Field::StartReason));
        let outcomes = batch.numbers(Field::Outcome);
        for row in 0..batch.rows {
            let (Some(start), Some(end)) = (known(starts, row), known(ends, row)) else { continue };
            let interval = self.step_ms.map_or(0, |step| (end - self.start_ms).div_euclid(step));
            let agent = agents.get(row).copied().filter(|agent| *agent != BLANK).unwrap_or(BOT);
            let key = (interval, skills.get(row).copied().unwrap_or(BLANK), agent);
            let sums = self.groups.entry(key).or_default();
            sums.segments += 1;
            sums.duration_ms += (end - start).max(0);
            sums.messages += known(messages, row).unwrap_or(0);
            sums.responses.0 += known(responses, row).unwrap_or(0);
            sums.responses.1 += known(responses_ms, row).unwrap_or(0);
            if let Some(ms) = known(firsts, row) {
                // 1 is a new conversation; the only other one with a first message is a transfer.
                let new = known(reasons, row) == Some(1);
                let first = if new { &mut sums.first_new } else { &mut sums.first_transfer };
                first.0 += 1;
                first.1 += ms;
            }
            let class = known(outcomes, row).and_then(|number| usize::try_from(number - 1).ok());
            if let Some(count) = class.and_then(|class| sums.outcomes.get_mut(class)) {
                *count += 1;
            }
        }
    }

    /// The intervals in order, all of them; one for the whole period where none was asked for.
    pub fn finish(self, period: Period, dictionaries: &Dictionaries) -> Vec<Interval> {
        let length = period.end.as_millisecond() - self.start_ms;
        let step = self.step_ms.unwrap_or(length.max(1));
        let count = ((length.max(0) + step - 1) / step).max(1);
        let mut intervals: Vec<Interval> =
            (0..count).map(|at| (self.start_ms + at * step, Groups::default())).collect();
        let ids = dictionaries.agents(AgentFact::Id);
        for ((interval, skill, agent), sums) in &self.groups {
            let text = |text: &str, or: &str| Key(if text.is_empty() { or } else { text }.to_owned());
            let skill = text(dictionaries.terms.text(*skill), NO_SKILL);
            let agent = text(ids.text(*agent), "BOT");
            let place = usize::try_from(*interval).ok().and_then(|at| intervals.get_mut(at));
            if let Some((_, groups)) = place {
                groups.skills.entry(skill).or_default().entry(agent).or_default().add(sums);
            }
        }
        intervals
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Key, Sums};

    #[test]
    fn ids_sort_as_numbers_where_they_are() {
        let mut keys: Vec<Key> = ["b", "12", "-1", "9", "a", "0012"].map(|text| Key(text.to_owned())).into();
        keys.sort();
        assert_eq!(
            keys.iter().map(|key| key.0.as_str()).collect::<Vec<_>>(),
            ["9", "0012", "12", "-1", "a", "b"]
        );
    }

    #[test]
    fn averages_truncate_and_know_nothing_from_none() {
        let sums = Sums { segments: 5, responses: (7, 17_000), ..Sums::default() };
        assert_eq!(sums.average(sums.responses), 2_428);
        assert_eq!(sums.average(sums.first_new), -1, "a filled row without a value");
        assert_eq!(Sums::default().average((0, 0)), 0, "a total without a segment");
    }

    proptest! {
        #[test]
        fn totals_are_sums_in_any_order(parts in prop::collection::vec((0_i64..9, 0_i64..9_999, 0_i64..9), 0..9)) {
            let sums = |(segments, ms, count): &(i64, i64, i64)| Sums {
                segments: *segments, duration_ms: *ms, responses: (*count, *ms), ..Sums::default()
            };
            let (mut forwards, mut backwards) = (Sums::default(), Sums::default());
            for part in &parts {
                forwards.add(&sums(part));
            }
            for part in parts.iter().rev() {
                backwards.add(&sums(part));
            }
            prop_assert_eq!(forwards, backwards);
        }
    }
}
