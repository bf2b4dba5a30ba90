//! Segments counted in groups: the sums behind the messaging metrics.
//!
//! A group keeps counts and sums only; a total is the sum of its groups, and what is divided is divided last. Memory
//! holds the groups of the intervals that something can still come for, never the segments.

use std::collections::{BTreeMap, HashMap, VecDeque};

use foldhash::fast::RandomState;

use super::ranks::{Key, Ranked, Ranks};
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

/// Groups of an interval while they grow, by skill and agent.
type Open = HashMap<(Code, Code), Counted, RandomState>;

/// Groups while they grow. An interval is let go as soon as nothing can come for it any more.
#[derive(Debug)]
pub struct Counting {
    start_ms: Millis,
    end_ms: Millis,
    step_ms: Option<Millis>,
    response: ResponseRule,
    /// The intervals from [`Self::settled`] on, as far as there is something in them.
    open: VecDeque<Open>,
    /// How many intervals have been handed out, from the first one on.
    settled: usize,
    dictionaries: Dictionaries,
    by_skill: bool,
    skills: Ranks,
    agents: Ranks,
}

/// A group as it is printed.
#[derive(Debug, Clone, Copy)]
pub struct Group<'a> {
    /// The start of its interval, UTC milliseconds.
    pub start: Millis,
    /// Its skill, or nothing where skills are put together.
    pub skill: &'a Ranked,
    /// Its agent.
    pub agent: &'a Ranked,
    /// What was counted.
    pub sums: Sums,
}

impl Counting {
    /// Nothing counted yet; skills are put together unless `by_skill`.
    pub fn begin(period: Period, choice: &MetricsChoice, by_skill: bool) -> Self {
        Self {
            start_ms: period.start.as_millisecond(),
            end_ms: period.end.as_millisecond(),
            step_ms: choice.interval_minutes.map(|minutes| i64::from(minutes) * MINUTE_MS),
            response: choice.response,
            open: VecDeque::new(),
            settled: 0,
            dictionaries: Dictionaries::default(),
            by_skill,
            skills: Ranks::default(),
            agents: Ranks::default(),
        }
    }

    /// The groups of the interval in which an instant of the period lies; none outside.
    fn interval(&mut self, at: Millis) -> Option<&mut Open> {
        if !(self.start_ms..self.end_ms).contains(&at) {
            return None;
        }
        let interval = usize::try_from((at - self.start_ms) / self.step()).ok()?;
        debug_assert!(self.settled <= interval, "what comes for this interval comes too late");
        let place = interval.checked_sub(self.settled)?;
        if self.open.len() <= place {
            self.open.resize_with(place + 1, Open::default);
        }
        self.open.get_mut(place)
    }

    /// Counts the segments of a batch that has [`FIELDS`]. Batches must come in the order they were read in.
    pub fn count(&mut self, mut batch: Batch) {
        self.dictionaries.absorb(&mut batch);
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
            let agent = agents.get(row).copied().filter(|agent| *agent != BLANK).unwrap_or(BOT);
            let Some(groups) = self.interval(end) else { continue };
            let counted = groups.entry((skills.get(row).copied().unwrap_or(BLANK), agent)).or_default();
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

    /// Hands out the groups of the intervals that end by `until`, by interval, skill and agent, and lets go of them;
    /// nothing that ends earlier may be counted behind that. False as soon as `sink` says no.
    pub fn settle(&mut self, until: Millis, sink: &mut dyn FnMut(Group<'_>) -> bool) -> bool {
        while let Some((start, open)) = self.let_go(until) {
            let mut order: Vec<(u32, u32, &Counted)> = open
                .iter()
                .map(|((skill, agent), counted)| {
                    (self.skills.rank(*skill), self.agents.rank(*agent), counted)
                })
                .collect();
            order.sort_unstable_by_key(|(skill, agent, _)| (*skill, *agent));
            // Two codes may print alike: a bot without an id and an agent of that name.
            for alike in order.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
                let Some((skill, agent, _)) = alike.first() else { continue };
                let ranked = self.skills.ranked(*skill).zip(self.agents.ranked(*agent));
                let Some((skill, agent)) = ranked else { continue };
                let mut sums = Sums::default();
                for (.., counted) in alike {
                    sums.add(&counted.sums());
                }
                if !sink(Group { start, skill, agent, sums }) {
                    return false;
                }
            }
        }
        true
    }

    /// The same, interval by interval, those without a segment included: each one's start and its groups.
    pub fn settle_intervals(&mut self, until: Millis, sink: &mut dyn FnMut(Millis, Groups) -> bool) -> bool {
        while let Some((start, open)) = self.let_go(until) {
            let mut groups = Groups::default();
            for ((skill, agent), counted) in &open {
                let skill = self.skills.ranked(self.skills.rank(*skill));
                let Some((skill, agent)) = skill.zip(self.agents.ranked(self.agents.rank(*agent))) else {
                    continue;
                };
                let agents = groups.skills.entry(skill.key.clone()).or_default();
                agents.entry(agent.key.clone()).or_default().add(&counted.sums());
            }
            if !sink(start, groups) {
                return false;
            }
        }
        true
    }

    /// The next interval, where it ends by `until`; its codes are ranked then.
    fn let_go(&mut self, until: Millis) -> Option<(Millis, Open)> {
        let start = self.start_of(self.settled)?;
        if until < start.saturating_add(self.step()).min(self.end_ms) {
            return None;
        }
        self.settled += 1;
        self.rank();
        Some((start, self.open.pop_front().unwrap_or_default()))
    }

    /// Takes up into the order what is new in the dictionaries.
    fn rank(&mut self) {
        let by_skill = self.by_skill;
        self.skills
            .follow(&self.dictionaries.terms, |text| if by_skill { or_else(text, NO_SKILL) } else { "" });
        self.agents.follow(self.dictionaries.agents(AgentFact::Id), |text| or_else(text, "BOT"));
    }

    fn step(&self) -> Millis {
        self.step_ms.unwrap_or(self.end_ms - self.start_ms).max(1)
    }

    /// Where an interval of the period begins; nowhere behind the last one.
    fn start_of(&self, interval: usize) -> Option<Millis> {
        let start = self.start_ms + i64::try_from(interval).ok()?.checked_mul(self.step())?;
        (start < self.end_ms.max(self.start_ms + 1)).then_some(start)
    }
}

fn or_else<'t>(text: &'t str, or: &'t str) -> &'t str {
    if text.is_empty() { or } else { text }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use jiff::Timestamp;

    use super::{Counting, FIELDS, Sums};
    use crate::domain::batch::{Batch, Data, Field, NONE};
    use crate::domain::period::Period;
    use crate::domain::report::MetricsChoice;

    const STEP_MS: i64 = 60_000;

    /// End, duration, skill and agent.
    type Closed = (i64, i64, u32, u32);

    fn batch(closed: &[Closed]) -> Batch {
        let mut batch = Batch::of(&FIELDS);
        for (end, duration, skill, agent) in closed {
            for (place, field) in FIELDS.iter().enumerate() {
                match batch.column_mut(place).unwrap() {
                    Data::Code(codes) => codes.push(if *field == Field::Agent { *agent } else { *skill }),
                    Data::Number(numbers) => numbers.push(if *field == Field::Start {
                        end - duration
                    } else if *field == Field::End {
                        *end
                    } else if [Field::Responses, Field::Outcome].contains(field) {
                        1
                    } else {
                        NONE
                    }),
                    Data::Text(_) => unreachable!("no field of theirs is a text"),
                }
            }
            batch.rows += 1;
        }
        batch
    }

    /// Three skills, and three agents of whom one is called as bots are.
    fn named(mut batch: Batch) -> Batch {
        batch.fresh_terms = ["b", "10", "9"].map(Into::into).into();
        batch.fresh_agents = ["7", "BOT", "x"].map(|id| std::array::from_fn(|_| id.into())).into();
        batch
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
        fn what_is_handed_out_early_is_what_is_handed_out_at_the_end(
            closed in prop::collection::vec((0..10 * STEP_MS, -500..9_000_i64, 0..4_u32, 0..5_u32), 0..60),
            sizes in prop::collection::vec(1..9_usize, 1..30),
            steps in 0..4_u32,
        ) {
            let at = |ms| Timestamp::from_millisecond(ms).unwrap();
            // The last interval is cut short.
            let period = Period { start: at(0), end: at(10 * STEP_MS - 7) };
            let choice = MetricsChoice { interval_minutes: (0 < steps).then_some(steps), ..MetricsChoice::default() };
            let groups = |batches: Vec<Batch>| {
                let mut counting = Counting::begin(period, &choice, true);
                let mut groups = Vec::new();
                let mut take = |counting: &mut Counting, until| counting.settle(until, &mut |group| {
                    groups.push((group.start, group.skill.key.clone(), group.agent.key.clone(), group.sums));
                    true
                });
                for batch in batches {
                    let until = batch.ends_from;
                    counting.count(batch);
                    until.map(|until| take(&mut counting, until));
                }
                take(&mut counting, i64::MAX);
                groups
            };
            let mut rest = &closed[..];
            let mut batches = vec![named(Batch::of(&FIELDS))];
            for size in sizes.into_iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (now, later) = rest.split_at(size.min(rest.len()));
                let mut batch = batch(now);
                batch.ends_from = later.iter().map(|(end, ..)| *end).min().filter(|_| size % 3 != 0);
                batches.push(batch);
                rest = later;
            }
            let streamed = groups(batches);
            prop_assert_eq!(&streamed, &groups(vec![named(batch(&closed))]));
            let mut counting = Counting::begin(period, &choice, true);
            counting.count(named(batch(&closed)));
            let (mut starts, mut each) = (Vec::new(), Vec::new());
            counting.settle_intervals(i64::MAX, &mut |start, groups| {
                for (skill, agents) in groups.skills {
                    each.extend(agents.into_iter().map(|(agent, sums)| (start, skill.clone(), agent, sums)));
                }
                starts.push(start);
                true
            });
            prop_assert_eq!(&streamed, &each);
            let intervals = match i64::from(steps) { 0 => 1, steps => (10 + steps - 1) / steps };
            prop_assert_eq!(starts.len(), usize::try_from(intervals).unwrap());
        }

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
