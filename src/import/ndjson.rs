//! NDJSON → records.

use std::io::{BufRead, Read};

use super::{BadLine, ImportError, LINE_BYTES_MAX, Line, clip};
use crate::domain::record::Record;

pub(super) fn read(input: &mut dyn BufRead, sink: &mut dyn FnMut(Line) -> bool) -> Result<(), ImportError> {
    let mut line = Vec::new();
    let mut number = 0;
    loop {
        line.clear();
        let limit = u64::try_from(LINE_BYTES_MAX).unwrap_or(u64::MAX);
        let read = (&mut *input).take(limit).read_until(b'\n', &mut line).map_err(ImportError::Read)?;
        if read == 0 {
            return Ok(());
        }
        number += 1;
        let whole = line.ends_with(b"\n") || line.len() < LINE_BYTES_MAX;
        let item = if whole {
            let text = line.trim_ascii();
            if text.is_empty() {
                continue;
            }
            parse(text, number)
        } else {
            let reason = format!("the line is longer than {} MiB", LINE_BYTES_MAX >> 20);
            let bad = BadLine { line: number, reason, text: clip(&String::from_utf8_lossy(&line)) };
            skip_line(input).map_err(ImportError::Read)?;
            Line::Bad(bad)
        };
        if !sink(item) {
            return Ok(());
        }
    }
}

fn skip_line(input: &mut dyn BufRead) -> std::io::Result<()> {
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        let (taken, done) = match buffer.iter().position(|byte| *byte == b'\n') {
            Some(at) => (at + 1, true),
            None => (buffer.len(), false),
        };
        input.consume(taken);
        if done {
            return Ok(());
        }
    }
}

fn parse(text: &[u8], line: u64) -> Line {
    let bad =
        |reason: String| Line::Bad(BadLine { line, reason, text: clip(&String::from_utf8_lossy(text)) });
    match serde_json::from_slice::<Record>(text) {
        Ok(record) => match record.validate() {
            Ok(()) => Line::Good(record, line),
            Err(reason) => bad(reason),
        },
        Err(error) => {
            // serde counts the line within the text it was given, which is always the first.
            let reason = error.to_string().replace(" at line 1 column ", " at column ");
            bad(reason)
        }
    }
}
