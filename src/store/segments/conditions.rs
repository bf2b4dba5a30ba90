//! Conditions on segments, for rows and for blocks alike: as SQL, and as tests of columns.

use std::fmt::Write;

/// What is asked of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Is {
    /// One of these, in order.
    In(Vec<i64>),
    /// Absent.
    Null,
    /// Anything but this, absent included.
    Not(i64),
}

/// A test of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Test {
    pub(super) column: &'static str,
    pub(super) is: Is,
}

impl Test {
    pub(super) fn one_of(column: &'static str, mut values: Vec<i64>) -> Self {
        values.sort_unstable();
        Self { column, is: Is::In(values) }
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
                let values: Vec<String> = values.iter().map(ToString::to_string).collect();
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
