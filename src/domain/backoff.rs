//! How long to wait before an attempt is repeated, and when to give up.

use jiff::SignedDuration;

/// Attempts made by themselves before a passing failure counts as lasting.
pub const ATTEMPTS_MAX: u32 = 12;

/// The wait after attempt number `attempt` (counted from 1) failed in passing, or `None` when that was the last.
///
/// 15 s, doubled each time, an hour at most: twelve attempts cover about five hours. `asked` is what the far end asked
/// for (`Retry-After`); it is kept up to a day and never shortens the wait.
pub fn wait_after(attempt: u32, asked: Option<SignedDuration>) -> Option<SignedDuration> {
    if ATTEMPTS_MAX <= attempt {
        return None;
    }
    let doublings = attempt.saturating_sub(1).min(8);
    let own = SignedDuration::from_secs(15 << doublings).min(SignedDuration::from_hours(1));
    let asked = asked.unwrap_or(SignedDuration::ZERO).min(SignedDuration::from_hours(24));
    Some(own.max(asked))
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::wait_after;

    #[test]
    fn waits_double_up_to_an_hour_and_end() {
        let seconds = |attempt| wait_after(attempt, None).map(|wait| wait.as_secs());
        assert_eq!(
            [seconds(1), seconds(2), seconds(9), seconds(11), seconds(12)],
            [Some(15), Some(30), Some(3_600), Some(3_600), None]
        );
    }

    #[test]
    fn the_far_end_can_ask_for_more_but_not_for_less() {
        assert_eq!(wait_after(1, Some(SignedDuration::from_secs(120))), Some(SignedDuration::from_secs(120)));
        assert_eq!(wait_after(1, Some(SignedDuration::from_secs(1))), Some(SignedDuration::from_secs(15)));
    }
}
