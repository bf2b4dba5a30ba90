//! Texts in delimited files: quotes around what needs them, and a guard before what a spreadsheet program would compute.

use super::cells::Ending;
use crate::domain::output::{CsvDialect, FormulaGuard};

/// Bytes that are looked through at once for what needs quotes.
const LOOKED: usize = 1 << 10;

/// How texts are quoted and guarded.
#[derive(Debug)]
pub(super) struct Quoting {
    delimiter: u8,
    guard: bool,
}

impl Quoting {
    pub(super) fn new(dialect: &CsvDialect) -> Self {
        Self { delimiter: dialect.delimiter.byte(), guard: dialect.formula_guard == FormulaGuard::Text }
    }

    /// Whether a text needs quotes.
    pub(super) fn is_special(&self, text: &[u8]) -> bool {
        let special = |byte: u8| byte == self.delimiter || matches!(byte, b'"' | b'\r' | b'\n');
        // Without an end inside of a piece, many bytes are compared at once.
        text.chunks(LOOKED).any(|piece| piece.iter().fold(false, |found, byte| found | special(*byte)))
    }

    /// Whether a text stands in the file as it is.
    pub(super) fn is_plain(&self, text: &str) -> bool {
        !(self.guard && is_formula(text))
    }

    /// Adds a text that may be anything.
    pub(super) fn push_text(&self, out: &mut Vec<u8>, text: &str) {
        let prefix: &[u8] = if self.is_plain(text) { b"" } else { b"'" };
        self.push(out, prefix, text.as_bytes());
    }

    /// The same with what ends the cell.
    pub(super) fn push_cell(&self, out: &mut Vec<u8>, text: &str, ending: Ending) {
        self.push_text(out, text);
        out.extend_from_slice(ending.text());
    }

    pub(super) fn push(&self, out: &mut Vec<u8>, prefix: &[u8], text: &[u8]) {
        if !self.is_special(text) {
            out.extend_from_slice(prefix);
            out.extend_from_slice(text);
            return;
        }
        out.push(b'"');
        out.extend_from_slice(prefix);
        for byte in text {
            if *byte == b'"' {
                out.push(b'"');
            }
            out.push(*byte);
        }
        out.push(b'"');
    }
}

/// Whether spreadsheet programs would compute a text (CWE-1236). A negative whole number, such as the skill `-1`,
/// computes to itself.
pub(super) fn is_formula(text: &str) -> bool {
    let begins = matches!(text.as_bytes().first(), Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r' | 0));
    let number = || {
        text.strip_prefix('-')
            .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
    };
    begins && !number()
}

#[cfg(test)]
mod tests {
    use super::is_formula;

    #[test]
    fn text_that_begins_like_a_formula_is_guarded() {
        for (text, guarded) in [
            ("=1+1", true),
            ("+1-800", true),
            ("@x", true),
            ("-1", false),
            ("-1+1", true),
            ("-", true),
            ("a=b", false),
            ("", false),
        ] {
            assert_eq!(is_formula(text), guarded, "{text}");
        }
    }
}
