//! Segments counted in groups: the sums behind the messaging metrics.
//!
//! A group keeps counts and sums only; a total is the sum of its groups, and what is divided is divided last. Memory
//! holds the groups, never the segments.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap, HashSet};

use foldhash::fast::RandomState;

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

/// A group while it grows: counts are far below four thousand millions, and there may be very many groups.
#[derive(Debug, Clone, Copy, Default)]
struct Counted {
    segments: u32,
    messages: u32,
    outcomes: [u32; 4],
    /// First messages in new conversations, those after a transfer, and responses.
    counts: [u32; 3],
    /// Their times together.
    times: [Millis; 3],
    duration_ms: Millis,
}

impl Counted {
    fn sums(&self) -> Sums {
        let ([new, transfer, response], [new_ms, transfer_ms, response_ms]) = (self.counts, self.times);
        Sums {
            segments: self.segments.into(),
            duration_ms: self.duration_ms,
            messages: self.messages.into(),
            first_new: (new.into(), new_ms),
            first_transfer: (transfer.into(), transfer_ms),
            responses: (response.into(), response_ms),
            outcomes: self.outcomes.map(i64::from),
        }
    }
}

/// Interval, skill and agent.
type GroupKey = (i32, Code, Code);

/// Groups while they grow.
#[derive(Debug)]
pub struct Counting {
    start_ms: Millis,
    end_ms: Millis,
    step_ms: Option<Millis>,
    response: ResponseRule,
    places: HashMap<GroupKey, u32, RandomState>,
    groups: Vec<(GroupKey, Counted)>,
}

/// Start of an interval, UTC milliseconds, and its groups.
pub type Interval = (Millis, Groups);

/// A group as it is printed.
#[derive(Debug, Clone, Copy)]
pub struct Group<'a> {
    /// The place of its interval, counted from 0, and its start, UTC milliseconds.
    pub interval: (usize, Millis),
    /// Its skill, or nothing where skills are put together.
    pub skill: &'a Key,
    /// Its agent.
    pub agent: &'a Key,
    /// What was counted.
    pub sums: Sums,
}

impl Counting {
    /// Nothing counted yet.
    pub fn begin(period: Period, choice: &MetricsChoice) -> Self {
        Self {
            start_ms: period.start.as_millisecond(),
            end_ms: period.end.as_millisecond(),
            step_ms: choice.interval_minutes.map(|minutes| i64::from(minutes) * MINUTE_MS),
            response: choice.response,
            places: HashMap::default(),
            groups: Vec::new(),
        }
    }

    fn group(&mut self, key: GroupKey) -> Option<&mut Counted> {
        let next = self.groups.len();
        let place = *self.places.entry(key).or_insert(u32::try_from(next).unwrap_or(u32::MAX));
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        if place == next {
            self.groups.push((key, Counted::default()));
        }
        self.groups.get_mut(place).map(|(_, counted)| counted)
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
        let number =
            |numbers: &[i64], row| known(numbers, row).and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
        for row in 0..batch.rows {
            let (Some(start), Some(end)) = (known(starts, row), known(ends, row)) else { continue };
            let interval = self.step_ms.map_or(0, |step| (end - self.start_ms).div_euclid(step));
            let Ok(interval) = i32::try_from(interval) else { continue };
            let agent = agents.get(row).copied().filter(|agent| *agent != BLANK).unwrap_or(BOT);
            let key = (interval, skills.get(row).copied().unwrap_or(BLANK), agent);
            let Some(counted) = self.group(key) else { continue };
            counted.segments += 1;
            counted.duration_ms += (end - start).max(0);
            counted.messages += number(messages, row);
            counted.counts[2] += number(responses, row);
            counted.times[2] += known(responses_ms, row).unwrap_or(0);
            if let Some(ms) = known(firsts, row) {
                // 1 is a new conversation; the only other one with a first message is a transfer.
                let first = usize::from(known(reasons, row) != Some(1));
                if let (Some(count), Some(time)) =
                    (counted.counts.get_mut(first), counted.times.get_mut(first))
                {
                    *count += 1;
                    *time += ms;
                }
            }
            let class = known(outcomes, row).and_then(|number| usize::try_from(number - 1).ok());
            if let Some(count) = class.and_then(|class| counted.outcomes.get_mut(class)) {
                *count += 1;
            }
        }
    }

    /// Hands out the groups by interval, skill and agent until `sink` says no; skills put together unless `by_skill`.
    pub fn each(&self, dictionaries: &Dictionaries, by_skill: bool, sink: &mut dyn FnMut(Group<'_>) -> bool) {
        let agents = Ranks::of(self.groups.iter().map(|((.., agent), _)| *agent), |code| {
            or_else(dictionaries.agents(AgentFact::Id).text(code), "BOT")
        });
        let skills = Ranks::of(self.groups.iter().map(|((_, skill, _), _)| *skill), |code| {
            if by_skill { or_else(dictionaries.terms.text(code), NO_SKILL) } else { "" }
        });
        let intervals = 0..i32::try_from(self.intervals()).unwrap_or(i32::MAX);
        let mut order: Vec<(i32, u32, u32, u32)> = (0..)
            .zip(&self.groups)
            .filter(|(_, ((interval, ..), _))| intervals.contains(interval))
            .map(|(place, ((interval, skill, agent), _))| {
                (*interval, skills.rank(*skill), agents.rank(*agent), place)
            })
            .collect();
        order.sort_unstable();
        // Two codes may print alike: a bot without an id and an agent of that name.
        for alike in order.chunk_by(|a, b| (a.0, a.1, a.2) == (b.0, b.1, b.2)) {
            let mut sums = Sums::default();
            for (.., place) in alike {
                let counted = usize::try_from(*place).ok().and_then(|place| self.groups.get(place));
                if let Some((_, counted)) = counted {
                    sums.add(&counted.sums());
                }
            }
            let Some((interval, skill, agent, _)) = alike.first() else { continue };
            let place = usize::try_from(*interval).unwrap_or(0);
            let start = self.start_ms + i64::from(*interval) * self.step();
            let (Some(skill), Some(agent)) = (skills.key(*skill), agents.key(*agent)) else { continue };
            if !sink(Group { interval: (place, start), skill, agent, sums }) {
                return;
            }
        }
    }

    fn step(&self) -> Millis {
        self.step_ms.unwrap_or((self.end_ms - self.start_ms).max(1))
    }

    /// How many intervals there are; one for the whole period where none was asked for.
    fn intervals(&self) -> i64 {
        let step = self.step();
        (((self.end_ms - self.start_ms).max(0) + step - 1) / step).max(1)
    }

    /// The intervals in order, all of them.
    pub fn finish(&self, dictionaries: &Dictionaries) -> Vec<Interval> {
        let step = self.step();
        let mut intervals: Vec<Interval> =
            (0..self.intervals()).map(|at| (self.start_ms + at * step, Groups::default())).collect();
        self.each(dictionaries, true, &mut |group| {
            if let Some((_, groups)) = intervals.get_mut(group.interval.0) {
                let agents = groups.skills.entry(group.skill.clone()).or_default();
                agents.entry(group.agent.clone()).or_default().add(&group.sums);
            }
            true
        });
        intervals
    }
}

fn or_else<'t>(text: &'t str, or: &'t str) -> &'t str {
    if text.is_empty() { or } else { text }
}

/// Codes in the order of their texts, so that groups are sorted by numbers.
struct Ranks {
    keys: Vec<Key>,
    of_code: HashMap<Code, u32, RandomState>,
}

impl Ranks {
    fn of<'t>(codes: impl Iterator<Item = Code>, text: impl Fn(Code) -> &'t str) -> Self {
        let codes: HashSet<Code, RandomState> = codes.collect();
        let mut sorted: Vec<(Key, Code)> =
            codes.into_iter().map(|code| (Key(text(code).to_owned()), code)).collect();
        sorted.sort_unstable();
        let (mut keys, mut of_code) = (Vec::<Key>::new(), HashMap::default());
        for (key, code) in sorted {
            if keys.last() != Some(&key) {
                keys.push(key);
            }
            of_code.insert(code, u32::try_from(keys.len() - 1).unwrap_or(u32::MAX));
        }
        Self { keys, of_code }
    }

    fn rank(&self, code: Code) -> u32 {
        self.of_code.get(&code).copied().unwrap_or(u32::MAX)
    }

    fn key(&self, rank: u32) -> Option<&Key> {
        self.keys.get(usize::try_from(rank).ok()?)
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
