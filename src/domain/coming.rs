//! The coming instants of schedules, with what is odd about each. The same for command, page and API.

use jiff::Timestamp;

use super::schedule::Schedule;

/// A coming instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coming<'a> {
    /// The instant.
    pub at: Timestamp,
    /// The schedule that names it.
    pub schedule: &'a Schedule,
    /// What a clock change does to it, and whether a blackout skips it; empty on a usual day.
    pub note: String,
}

/// The next instants of schedules together, strictly after `now`, in order and `most` of them.
pub fn coming(schedules: &[Schedule], now: Timestamp, most: usize) -> Vec<Coming<'_>> {
    let own = |schedule| named(schedule, now).take(most);
    let mut instants: Vec<(Timestamp, bool, &Schedule)> = schedules.iter().flat_map(own).collect();
    // Schedules that meet make one occurrence: of one that no blackout silences, if there is such a one.
    instants.sort_by_key(|(at, silenced, _)| (*at, *silenced));
    instants.dedup_by_key(|(at, ..)| *at);
    let told = |(at, silenced, schedule): (Timestamp, bool, _)| Coming {
        at,
        schedule,
        note: note(schedule, at, silenced),
    };
    instants.into_iter().take(most).map(told).collect()
}

fn named(schedule: &Schedule, now: Timestamp) -> impl Iterator<Item = (Timestamp, bool, &Schedule)> {
    schedule.after(now).map(move |at| (at, schedule.blackout.covers(at, &schedule.zone), schedule))
}

fn note(schedule: &Schedule, at: Timestamp, silenced: bool) -> String {
    let silenced = silenced.then(|| "skipped: blackout".to_owned());
    schedule.note(at).into_iter().chain(silenced).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::blackout::Blackout;
    use crate::domain::cron::CronPattern;
    use crate::domain::schedule::When;
    use crate::domain::zone::Zone;

    fn daily(hours: &str, blackout: &str) -> Schedule {
        let pattern = CronPattern::parse(&format!("0 {hours} * * *")).unwrap();
        let mut schedule = Schedule::new(When::Cron(pattern), Zone::utc());
        if !blackout.is_empty() {
            schedule.blackout = Blackout::parse(blackout).unwrap();
        }
        schedule
    }

    fn told(schedules: &[Schedule], most: usize) -> Vec<String> {
        let now = "2026-11-21T00:00:00Z".parse().unwrap();
        coming(schedules, now, most).into_iter().map(|each| format!("{} {}", each.at, each.note)).collect()
    }

    #[test]
    fn schedules_are_told_together_and_in_order() {
        let off = Schedule { enabled: false, ..daily("8", "") };
        let told = told(&[daily("9", ""), daily("7", ""), off], 3);
        assert_eq!(told, ["2026-11-21T07:00:00Z ", "2026-11-21T09:00:00Z ", "2026-11-22T07:00:00Z "]);
    }

    #[test]
    fn where_schedules_meet_the_one_that_no_blackout_silences_is_told() {
        let silenced = daily("7", "2026-11-21");
        assert_eq!(told(std::slice::from_ref(&silenced), 1), ["2026-11-21T07:00:00Z skipped: blackout"]);
        assert_eq!(told(&[silenced, daily("7", "")], 1), ["2026-11-21T07:00:00Z "]);
    }
}
