//! Conditions on segments, for rows and for blocks alike: as SQL, and as tests of columns.

use std::fmt::Write;

/// What is asked of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Is {
    /// One of these.
    In(OneOf),
    /// Absent.
    Null,
    /// Anything but this, absent included.
    Not(i64),
}

/// Some numbers, of which is asked whether they are among them: for every row of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OneOf {
    /// In order.
    all: Vec<i64>,
    /// Of each number from 0 on whether it is one of them; numbers of the database are mostly small.
    small: Vec<bool>,
    /// Whether some of them do not stand there.
    others: bool,
}

/// Numbers from here on are not small.
const SMALL: usize = 1 << 16;

impl OneOf {
    fn new(mut all: Vec<i64>) -> Self {
        all.sort_unstable();
        all.dedup();
        let places = || all.iter().filter_map(|number| usize::try_from(*number).ok());
        let mut small = vec![false; places().filter(|place| *place < SMALL).max().map_or(0, |most| most + 1)];
        for place in places() {
            if let Some(slot) = small.get_mut(place) {
                *slot = true;
            }
        }
        let others = small.iter().filter(|is| **is).count() < all.len();
        Self { all, small, others }
    }

    /// All of them, in order.
    pub(super) fn all(&self) -> &[i64] {
        &self.all
    }

    #[inline]
    pub(super) fn has(&self, number: i64) -> bool {
        match usize::try_from(number).ok().and_then(|place| self.small.get(place)) {
            Some(is) => *is,
            None => self.others && self.all.binary_search(&number).is_ok(),
        }
    }
}

/// A test of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Test {
    pub(super) column: &'static str,
    pub(super) is: Is,
}

impl Test {
    pub(super) fn one_of(column: &'static str, values: Vec<i64>) -> Self {
        Self { column, is: Is::In(OneOf::new(values)) }
    }

    pub(super) fn null(column: &'static str) -> Self {
        Self { column, is: Is::Null }
    }

    pub(super) fn not(column: &'static str, value: i64) -> Self {
        Self { column, is: Is::Not(value) }
    }

    fn sql(&self) -> String {
        let column = self.column;
        match &self.is {
            Is::In(values) => {
                let values: Vec<String> = values.all().iter().map(ToString::to_string).collect();
                format!("s.{column} in ({})", values.join(","))
            }
            Is::Null => format!("s.{column} is null"),
            Is::Not(value) => format!("s.{column} is not {value}"),
        }
    }
}

/// Met by a row that passes all tests of one clause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Condition(pub(super) Vec<Vec<Test>>);

impl Condition {
    /// That one of these columns has one of these values.
    pub(super) fn any_of(columns: &[&'static str], values: &[i64]) -> Self {
        Self(columns.iter().map(|column| vec![Test::one_of(column, values.to_vec())]).collect())
    }

    /// That all of these hold.
    pub(super) fn all(tests: Vec<Test>) -> Self {
        Self(vec![tests])
    }

    /// Has every clause pass one more test.
    pub(super) fn require(&mut self, test: &Test) {
        self.0.iter_mut().for_each(|clause| clause.push(test.clone()));
    }

    /// A condition on `segment s`, with ` and ` before it. All values are our own numbers: no user's text is in it.
    pub(super) fn sql(&self) -> String {
        let clause = |tests: &Vec<Test>| tests.iter().map(Test::sql).collect::<Vec<_>>().join(" and ");
        let mut sql = String::from(" and (");
        for (at, tests) in self.0.iter().enumerate() {
            let or = if at == 0 { "" } else { " or " };
            write!(sql, "{or}({})", clause(tests)).unwrap_or_default();
        }
        sql.push(')');
        sql
    }
}

/// Conditions one after the other.
pub(super) fn sql(conditions: &[Condition]) -> String {
    conditions.iter().map(Condition::sql).collect()
}

#[cfg(test)]
mod tests {
    use super::OneOf;

    #[test]
    fn numbers_small_large_and_absent_are_told_apart() {
        let some = [i64::MIN, -1, 0, 3, 65_535, 65_536, i64::MAX];
        for all in [&some[..], &some[2..5], &some[5..], &[3, 3]] {
            let one_of = OneOf::new(all.iter().rev().copied().collect());
            for number in
                some.iter().flat_map(|number| [number.wrapping_sub(1), *number, number.wrapping_add(1)])
            {
                assert_eq!(one_of.has(number), all.contains(&number), "{number} of {all:?}");
            }
        }
    }
}
