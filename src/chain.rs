//! Prints an error and its causes on one line.

use std::error::Error;
use std::fmt::Write;

/// The error's text, then each cause behind a colon; a cause that repeats the text before it is left out.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            // Writing to a String cannot fail.
            write!(text, ": {next}").unwrap_or_default();
        }
        cause = error.source();
    }
    text
}
