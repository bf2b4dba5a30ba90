//! What the messages of an interaction say of its segments (the classes and clocks of LivePerson's agent segments).
//!
//! A message belongs to at most one segment. From a segment's messages follow the first response, the responses with
//! their clocks, the outcome class and the handle time.

use std::cmp::Ordering;

use super::record::{Millis, Participant, Span, StartReason};
use super::resolve::Portion;

/// A public message of the main dialog; in the order (`at`, `seq`, id).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<A> {
    /// When it was sent.
    pub at: Millis,
    /// Who sent it.
    pub by: Author<A>,
}

/// Who sent a message. The platform's own messages count nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Author<A> {
    /// The customer.
    Customer,
    /// An agent, where known which.
    Agent(Option<A>),
    /// A bot, where known which.
    Bot(Option<A>),
}

/// The four outcome classes: each closed segment is in exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The customer answered a message of the agent.
    Interactive,
    /// The customer closed before the agent wrote.
    Abandoned,
    /// The agent wrote, the customer did not answer.
    NonResponsiveConsumer,
    /// The agent wrote nothing, and it was not the customer who closed.
    NonResponsiveAgent,
}

/// Where a handle time comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandleSource {
    /// From the spans in which the agent had the conversation selected.
    Focus,
    /// The source said it.
    Reported,
    /// From the messages alone: an estimate.
    Estimate,
}

/// Responses and the sum of their times.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Responses {
    /// How many.
    pub count: i64,
    /// Their times together.
    pub sum_ms: Millis,
}

/// What is counted of a closed segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metrics {
    /// Its class.
    pub outcome: Outcome,
    /// Assignment to the first message; none after takeover or resume, or without a message.
    pub first_message_ms: Option<Millis>,
    /// Each counted message is a response.
    pub responses: Responses,
    /// Only the first one after assignment or after a customer's message is.
    pub turns: Responses,
    /// The time the agent spent on it.
    pub handle_ms: Millis,
    /// Where that comes from.
    pub handle_source: HandleSource,
}

/// One message of a segment, in order: the customer's or its agent's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    at: Millis,
    agent: bool,
}

/// The messages of one segment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Talk(Vec<Entry>);

/// What must be known of a segment beside its messages.
#[derive(Debug, Clone, Copy)]
pub struct Closing<'a> {
    /// Assignment.
    pub start: Millis,
    /// Close or transfer.
    pub end: Millis,
    /// How it came about.
    pub start_reason: StartReason,
    /// Whether the customer closed it.
    pub closed_by_consumer: bool,
    /// Spans in which the agent had it selected.
    pub focuses: &'a [Span],
    /// The handle time that the source gives.
    pub handle_ms: Option<Millis>,
}

/// Deals an interaction's messages out to its segments; the result stands in the order of the segments.
pub fn talks<A: Copy + PartialEq, T>(segments: &[Portion<'_, A, T>], messages: &[Message<A>]) -> Vec<Talk> {
    let mut talks = vec![Talk::default(); segments.len()];
    for message in messages {
        let entry = Entry { at: message.at, agent: message.by != Author::Customer };
        if let Some(talk) = segment_of(segments, message).and_then(|index| talks.get_mut(index)) {
            talk.0.push(entry);
        }
    }
    talks
}

/// The segment to which a message belongs.
///
/// At the very instant where one segment ends and the next starts it belongs to its author's, else to the ending
/// one. A message of an agent who had no segment then counts nowhere.
fn segment_of<A: Copy + PartialEq, T>(segments: &[Portion<'_, A, T>], message: &Message<A>) -> Option<usize> {
    let holds = |segment: &Portion<'_, A, T>| {
        segment.held()
            && segment.start.is_some_and(|start| start <= message.at)
            && segment.end.is_none_or(|end| message.at <= end)
    };
    let candidates = || segments.iter().enumerate().filter(|(_, segment)| holds(segment));
    let found = match message.by {
        // An author's own segment that ends here loses to one that goes on: the later start wins.
        Author::Agent(Some(agent)) => {
            candidates().filter(|(_, segment)| segment.agent == Some(agent)).max_by(by_place)
        }
        Author::Agent(None) => {
            candidates().filter(|(_, segment)| segment.participant == Participant::Agent).min_by(by_place)
        }
        Author::Bot(bot) => candidates()
            .filter(|(_, segment)| segment.participant == Participant::Bot)
            .filter(|(_, segment)| bot.is_none() || segment.agent.is_none() || segment.agent == bot)
            .max_by(by_place),
        Author::Customer => candidates().min_by(by_place),
    };
    found.map(|(index, _)| index)
}

fn by_place<A, T>((_, a): &(usize, &Portion<'_, A, T>), (_, b): &(usize, &Portion<'_, A, T>)) -> Ordering {
    (a.start, a.key.as_bytes()).cmp(&(b.start, b.key.as_bytes()))
}

impl Talk {
    /// Messages of its agent or bot.
    pub fn sent(&self) -> i64 {
        i64::try_from(self.0.iter().filter(|entry| entry.agent).count()).unwrap_or(i64::MAX)
    }

    /// Start to the first message of its agent or bot.
    pub fn first_response_ms(&self, start: Option<Millis>) -> Option<Millis> {
        let first = self.0.iter().find(|entry| entry.agent)?;
        start.map(|start| (first.at - start).max(0))
    }

    /// What is counted once the segment is closed.
    pub fn metrics(&self, closing: &Closing<'_>) -> Metrics {
        // The first message after a takeover or resume is left out of the averages; the classes see it.
        let whole = matches!(closing.start_reason, StartReason::New | StartReason::Transfer);
        let mut responses = Responses::default();
        let mut turns = Responses::default();
        let mut first_message_ms = None;
        let mut asked: Option<Millis> = None;
        let mut before: Option<Millis> = None;
        for entry in &self.0 {
            if !entry.agent {
                asked = asked.or(Some(entry.at));
                continue;
            }
            if let Some(before) = before {
                let took = (entry.at - asked.unwrap_or(before)).max(0);
                responses.add(took);
                if asked.is_some() {
                    turns.add(took);
                }
            } else if whole {
                let took = (entry.at - closing.start).max(0);
                first_message_ms = Some(took);
                responses.add(took);
                turns.add(took);
            }
            before = Some(entry.at);
            asked = None;
        }
        let (handle_ms, handle_source) = self.handle(closing);
        Metrics {
            outcome: self.outcome(closing),
            first_message_ms,
            responses,
            turns,
            handle_ms,
            handle_source,
        }
    }

    fn outcome(&self, closing: &Closing<'_>) -> Outcome {
        let Some(first) = self.0.iter().position(|entry| entry.agent) else {
            return if closing.closed_by_consumer { Outcome::Abandoned } else { Outcome::NonResponsiveAgent };
        };
        if self.0.iter().skip(first).any(|entry| !entry.agent) {
            Outcome::Interactive
        } else {
            Outcome::NonResponsiveConsumer
        }
    }

    /// Handle time: selected while an answer was awaited, plus the time between messages of the agent with none of the
    /// customer between. Without spans of focus all the awaiting counts: an estimate.
    fn handle(&self, closing: &Closing<'_>) -> (Millis, HandleSource) {
        if let Some(said) = closing.handle_ms {
            return (said, HandleSource::Reported);
        }
        let mut awaiting: Vec<Span> = Vec::new();
        let mut writing = 0;
        let mut pending = Some(closing.start);
        let mut before = closing.start;
        for entry in &self.0 {
            if !entry.agent {
                pending = pending.or(Some(entry.at));
                continue;
            }
            match pending.take() {
                Some(since) => awaiting.push(Span { start: since, end: entry.at }),
                None => writing += (entry.at - before).max(0),
            }
            before = entry.at;
        }
        if closing.focuses.is_empty() {
            let awaited: Millis = awaiting.iter().map(|span| (span.end - span.start).max(0)).sum();
            return (awaited + writing, HandleSource::Estimate);
        }
        awaiting.extend(pending.map(|since| Span { start: since, end: closing.end }));
        let selected = merged(closing.focuses, closing);
        let awaited = merged(&awaiting, closing);
        let mut both = 0;
        for (from, to) in &awaited {
            both += selected
                .iter()
                .map(|(start, end)| ((*to).min(*end) - (*from).max(*start)).max(0))
                .sum::<Millis>();
        }
        (both + writing, HandleSource::Focus)
    }
}

impl Responses {
    fn add(&mut self, took: Millis) {
        self.count += 1;
        self.sum_ms += took;
    }
}

/// Spans clipped to the segment, those that touch joined.
fn merged(spans: &[Span], closing: &Closing<'_>) -> Vec<(Millis, Millis)> {
    let mut clipped: Vec<(Millis, Millis)> = spans
        .iter()
        .map(|span| (span.start.max(closing.start), span.end.min(closing.end)))
        .filter(|(from, to)| from < to)
        .collect();
    clipped.sort_unstable();
    let mut joined: Vec<(Millis, Millis)> = Vec::with_capacity(clipped.len());
    for (from, to) in clipped {
        match joined.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => joined.push((from, to)),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::{Author, Closing, HandleSource, Message, Metrics, Outcome, Responses, talks};
    use crate::domain::record::{Span, StartReason};
    use crate::domain::resolve::Portion;

    const fn segment(key: &str, start: i64, end: i64, agent: u8) -> Portion<'_, u8, u8> {
        Portion::of_agent(key, start, end, agent)
    }

    fn agent(at: i64) -> Message<u8> {
        Message { at, by: Author::Agent(Some(1)) }
    }

    fn customer(at: i64) -> Message<u8> {
        Message { at, by: Author::Customer }
    }

    fn measure(messages: &[Message<u8>], start_reason: StartReason, focuses: &[Span]) -> Metrics {
        let closing =
            Closing { start: 0, end: 100, start_reason, closed_by_consumer: true, focuses, handle_ms: None };
        talks(&[segment("s", 0, 100, 1)], messages)[0].metrics(&closing)
    }

    #[test]
    fn a_message_at_the_seam_belongs_to_its_author_else_to_the_ending_segment() {
        let segments = [segment("1", 0, 10, 7), segment("2", 10, 20, 8)];
        let by = |by| Message { at: 10, by };
        let messages = [
            by(Author::Agent(Some(8))),
            by(Author::Agent(Some(7))),
            by(Author::Agent(None)),
            by(Author::Agent(Some(9))),
        ];
        let talks = talks(&segments, &messages);
        assert_eq!([talks[0].sent(), talks[1].sent()], [2, 1]);
        assert_eq!(talks[1].first_response_ms(Some(10)), Some(0));
    }

    #[test]
    fn the_clock_of_a_response_runs_from_the_earliest_question_since_the_message_before() {
        let messages = [customer(1), agent(10), customer(20), customer(25), agent(32), agent(40)];
        let metrics = measure(&messages, StartReason::New, &[]);
        assert_eq!(metrics.first_message_ms, Some(10));
        assert_eq!(metrics.responses, Responses { count: 3, sum_ms: 10 + 12 + 8 });
        assert_eq!(metrics.turns, Responses { count: 2, sum_ms: 10 + 12 });
        assert_eq!(metrics.outcome, Outcome::Interactive);
        assert_eq!((metrics.handle_ms, metrics.handle_source), (30, HandleSource::Estimate));
    }

    #[test]
    fn a_takeovers_first_message_is_in_no_average_but_the_classes_see_it() {
        let metrics = measure(&[agent(10), customer(20)], StartReason::Takeover, &[]);
        assert_eq!((metrics.first_message_ms, metrics.responses.count), (None, 0));
        assert_eq!(metrics.outcome, Outcome::Interactive);
        let later = measure(&[agent(10), customer(20), agent(26)], StartReason::Resume, &[]);
        assert_eq!(later.responses, Responses { count: 1, sum_ms: 6 });
    }

    #[test]
    fn each_closed_segment_is_in_one_class() {
        assert_eq!(measure(&[customer(5)], StartReason::New, &[]).outcome, Outcome::Abandoned);
        assert_eq!(
            measure(&[customer(5), agent(6)], StartReason::New, &[]).outcome,
            Outcome::NonResponsiveConsumer
        );
    }

    #[test]
    fn handle_time_is_focus_while_an_answer_is_awaited() {
        let focuses = [Span { start: 5, end: 30 }, Span { start: 20, end: 50 }, Span { start: 90, end: 200 }];
        // Awaited: [0, 10), [20, 32), and from the last question to the end [95, 100).
        let messages = [agent(10), customer(20), agent(32), agent(40), customer(95)];
        let metrics = measure(&messages, StartReason::New, &focuses);
        assert_eq!((metrics.handle_ms, metrics.handle_source), (5 + 12 + 5 + 8, HandleSource::Focus));
    }
}
