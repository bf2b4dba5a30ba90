//! How often somebody may be asked: several windows at once, as a vendor's "3 in 60 s and 9 in 15 min".
//!
//! Every request of the longest window is remembered, so that no window of that length, wherever it begins, holds more
//! than its number. A bucket that refills steadily would let twice the number through at a boundary.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};

use super::units;

/// So many requests in a span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Requests at the most.
    pub count: usize,
    /// The span, `[t, t + span)` for every t.
    pub span: SignedDuration,
}

impl Rate {
    /// Reads "3 per 60s" or "9 per 15m".
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no rate; write it as \"3 per 60s\" or \"9 per 15m\"");
        let (count, span) = text.split_once(" per ").ok_or_else(wrong)?;
        let count: usize = count.trim().parse().map_err(|_| wrong())?;
        let span = units::duration(span.trim())?;
        if count == 0 || span <= SignedDuration::ZERO { Err(wrong()) } else { Ok(Self { count, span }) }
    }
}

impl std::fmt::Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} per {}", self.count, units::duration_text(self.span))
    }
}

/// What has been asked, and what may be asked now.
#[derive(Debug, Clone, Default)]
pub struct Budget {
    rates: Vec<Rate>,
    /// Instants of requests, ascending.
    taken: VecDeque<Timestamp>,
    /// Nothing before this instant: the far end asked for it.
    closed_until: Option<Timestamp>,
}

impl Budget {
    /// Nothing asked yet. Without rates everything may be asked at once.
    pub fn new(rates: Vec<Rate>) -> Self {
        Self { rates, ..Self::default() }
    }

    /// Takes the right to one request at `now`, or says when the next one is to be had.
    pub fn take(&mut self, now: Timestamp) -> Result<(), Timestamp> {
        self.forget(now);
        if let Some(at) = self.next(now) {
            return Err(at);
        }
        self.note(now);
        Ok(())
    }

    /// Counts a request that was made at `at`.
    pub fn note(&mut self, at: Timestamp) {
        // A clock that was set back must not make the past look empty.
        let place = self.taken.partition_point(|taken| *taken <= at);
        self.taken.insert(place, at);
    }

    /// Closes it until an instant: the far end said so.
    pub fn close(&mut self, until: Timestamp) {
        self.closed_until = self.closed_until.max(Some(until));
    }

    /// Whether the far end has closed it.
    pub fn is_closed(&self, now: Timestamp) -> bool {
        self.closed_until.is_some_and(|until| now < until)
    }

    /// Each rate with what is left of it.
    pub fn left(&self, now: Timestamp) -> Vec<(Rate, usize)> {
        let of = |rate: &Rate| {
            let inside = self.taken.iter().filter(|at| now < **at + rate.span).count();
            (*rate, rate.count.saturating_sub(inside))
        };
        self.rates.iter().map(of).collect()
    }

    /// When the next request may be made, if not now.
    fn next(&self, now: Timestamp) -> Option<Timestamp> {
        let full = self.rates.iter().filter_map(|rate| {
            let oldest = self.taken.len().checked_sub(rate.count)?;
            self.taken.get(oldest).map(|at| *at + rate.span)
        });
        full.chain(self.closed_until).filter(|at| now < *at).max()
    }

    fn forget(&mut self, now: Timestamp) {
        let longest = self.rates.iter().map(|rate| rate.span).max().unwrap_or(SignedDuration::ZERO);
        while self.taken.front().is_some_and(|at| *at + longest <= now) {
            self.taken.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};
    use proptest::prelude::*;

    use super::{Budget, Rate};

    fn rates() -> Vec<Rate> {
        ["3 per 60s", "9 per 15m"].map(|text| Rate::parse(text).unwrap()).to_vec()
    }

    proptest! {
        /// Fifty jobs of a day, each with a burst of requests that waits as long as it is told to.
        #[test]
        fn no_window_of_a_day_holds_more_than_its_number(
            jobs in prop::collection::vec((0_i64..86_400_000, 1_usize..9), 50),
        ) {
            let mut wanted: Vec<(i64, usize)> = jobs;
            wanted.sort_unstable();
            let (mut budget, mut asked, mut now) = (Budget::new(rates()), Vec::new(), 0);
            for (at, requests) in wanted {
                now = now.max(at);
                for _ in 0..requests {
                    while let Err(later) = budget.take(Timestamp::from_millisecond(now).unwrap()) {
                        prop_assert!(now < later.as_millisecond());
                        now = later.as_millisecond();
                    }
                    asked.push(now);
                }
            }
            for rate in rates() {
                let span = i64::try_from(rate.span.as_millis()).unwrap();
                for window in asked.windows(rate.count + 1) {
                    prop_assert!(span <= window[rate.count] - window[0], "{rate}: {window:?}");
                }
            }
        }
    }

    #[test]
    fn a_far_end_that_asks_for_a_pause_gets_it_and_words_are_read() {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let mut budget = Budget::new(rates());
        assert_eq!(budget.take(at(0)), Ok(()));
        budget.close(at(120));
        assert_eq!(budget.take(at(1)), Err(at(120)));
        assert_eq!(budget.take(at(120)), Ok(()));
        assert_eq!(budget.left(at(121)).iter().map(|(_, left)| *left).collect::<Vec<_>>(), [2, 7]);
        assert_eq!(Rate::parse("3 per 60s").unwrap().span, SignedDuration::from_secs(60));
        for wrong in ["3", "0 per 60s", "x per 1m", "3 per "] {
            assert!(Rate::parse(wrong).is_err(), "{wrong}");
        }
    }
}
