//! What a new revision of a file has other than the one before it.

use std::collections::HashMap;
use std::fs::File;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use crate::domain::output::{Compress, Format, Output};
use crate::domain::units::grouped;
use crate::store::runs::EarlierFile;

/// Larger files are not compared line by line: each line would cost memory.
const COMPARED_MAX: u64 = 64 << 20;

/// What changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Changes {
    revision: u32,
    rows_before: u64,
    rows: u64,
    /// Lines that are new and lines that are gone, where they were compared.
    lines: Option<(u64, u64)>,
}

impl Changes {
    /// Against the earlier file, if retention has left it.
    pub(super) fn between(
        earlier: &EarlierFile,
        before: Option<&Path>,
        after: &Path,
        rows: u64,
        output: &Output,
    ) -> Self {
        let text = output.compress == Compress::None
            && matches!(output.format, Format::Csv | Format::Tsv | Format::Jsonl);
        let lines = before.filter(|_| text).and_then(|before| compare(before, after).ok()).flatten();
        Self { revision: earlier.revision + 1, rows_before: earlier.rows, rows, lines }
    }

    /// For the mail.
    pub(super) fn sentence(&self) -> String {
        let rows = if self.rows == self.rows_before {
            format!("it has {} rows as before", grouped(self.rows))
        } else {
            format!("it has {} rows instead of {}", grouped(self.rows), grouped(self.rows_before))
        };
        let lines = match self.lines {
            None => String::new(),
            Some((added, gone)) => {
                format!(
                    "; {} lines are new or changed, {} are gone or were changed",
                    grouped(added),
                    grouped(gone)
                )
            }
        };
        format!(
            "This is revision {} of a report that was sent before, and replaces it: {rows}{lines}.",
            self.revision
        )
    }
}

/// Lines of the second file that the first has not, and the other way round; order aside.
fn compare(before: &Path, after: &Path) -> io::Result<Option<(u64, u64)>> {
    if COMPARED_MAX < std::fs::metadata(before)?.len().max(std::fs::metadata(after)?.len()) {
        return Ok(None);
    }
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    let mut counts: HashMap<u64, i64> = HashMap::new();
    for (path, one) in [(before, -1), (after, 1)] {
        for line in BufReader::new(File::open(path)?).split(b'\n') {
            *counts.entry(hasher.hash_one(line?)).or_default() += one;
        }
    }
    let (mut added, mut gone) = (0, 0);
    for count in counts.into_values() {
        let size = count.unsigned_abs();
        if 0 < count { added += size } else { gone += size }
    }
    Ok(Some((added, gone)))
}

#[cfg(test)]
mod tests {
    use super::compare;

    #[test]
    fn lines_are_compared_whatever_their_order() {
        let folder = tempfile::tempdir().unwrap();
        let (before, after) = (folder.path().join("a"), folder.path().join("b"));
        std::fs::write(&before, "h\n1\n2\n2\n3\n").unwrap();
        std::fs::write(&after, "h\n3\n2\n4\n5\n").unwrap();
        assert_eq!(compare(&before, &after).unwrap(), Some((2, 2)));
    }
}
