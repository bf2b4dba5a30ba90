//! NDJSON → records.

use std::io::{BufRead, Read};

use super::{BadLine, Filling, ImportError, LINE_BYTES_MAX, clip};
use crate::domain::record::Record;

pub(super) fn read(input: &mut dyn BufRead, filling: &mut Filling<'_, '_>) -> Result<(), ImportError> {
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
            Err(bad)
        };
        let more = match item {
            Ok(record) => filling.good(record),
            Err(bad) => filling.bad(bad),
        };
        if !more {
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

fn parse(text: &[u8], line: u64) -> Result<Record, BadLine> {
    let bad = |reason: String| BadLine { line, reason, text: clip(&String::from_utf8_lossy(text)) };
    // serde counts the line within the text it was given, which is always the first.
    let reason = |error: serde_json::Error| error.to_string().replace(" at line 1 column ", " at column ");
    let record: Record = serde_json::from_slice(text).map_err(|error| bad(reason(error)))?;
    record.validate().map_err(bad)?;
    Ok(record)
}
