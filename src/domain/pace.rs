//! How much to do at once, so that nobody waits long for what is shared.

use std::time::Duration;

/// The size of the next piece of work, when one of `size` did `done` in `took` and one should take `hold`; within
/// `(least, most)`.
///
/// A piece that ended for another reason than its size tells nothing. It goes half way each time, so that one slow sync
/// does not make the next pieces tiny.
pub fn next_size(
    size: usize,
    done: usize,
    (took, hold): (Duration, Duration),
    (least, most): (usize, usize),
) -> usize {
    if done < size {
        return size;
    }
    let fitting =
        u128::try_from(done).unwrap_or(u128::MAX).saturating_mul(hold.as_micros()) / took.as_micros().max(1);
    let fitting = usize::try_from(fitting).unwrap_or(most).min(most);
    usize::midpoint(size, fitting).clamp(least, most)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::next_size;

    #[test]
    fn pieces_become_smaller_and_larger_half_way_and_a_short_one_tells_nothing() {
        let next = |size, done, took_ms| {
            next_size(size, done, (Duration::from_millis(took_ms), Duration::from_millis(20)), (100, 2_000))
        };
        assert_eq!(next(1_000, 1_000, 40), 750, "500 would have fitted");
        assert_eq!(next(1_000, 1_000, 10), 1_500);
        assert_eq!(next(1_000, 1_000, 0), 1_500, "no clock is that fast: the most would fit");
        assert_eq!(next(1_000, 52, 6), 1_000, "an hour's tail");
        assert_eq!(next(150, 160, 10_000), 100);
    }
}
