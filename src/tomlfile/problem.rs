//! A problem in a text: where it is, what is wrong, what would be right.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde::Serialize;

/// Whether a problem stops the definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The definition does not start.
    Error,
    /// Worth a look.
    Warning,
}

/// A problem with its place. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Whether it stops the definition.
    pub severity: Severity,
    /// The file.
    pub file: String,
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
    #[serde(skip)]
    excerpt: Option<(String, Range<usize>)>,
}

/// A source line longer than this is not printed.
const LINE_BYTES_MAX: usize = 400;

impl Problem {
    pub(super) fn new(
        file: &str,
        text: &str,
        span: Range<usize>,
        path: &str,
        message: String,
        help: Option<String>,
    ) -> Self {
        let (line, column) = line_and_column(text, span.start);
        let excerpt = if is_secret(path) { None } else { excerpt(text, &span) };
        Self { severity: Severity::Error, file: file.to_owned(), line, column, message, help, excerpt }
    }

    /// A problem of a whole file or folder.
    pub fn of_file(file: impl Into<String>, message: impl Into<String>, help: impl Into<String>) -> Self {
        let help = Some(help.into()).filter(|help| !help.is_empty());
        let message = message.into();
        Self {
            severity: Severity::Error,
            file: file.into(),
            line: 1,
            column: 1,
            message,
            help,
            excerpt: None,
        }
    }

    /// The same as a warning.
    #[must_use]
    pub fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// One line for logs and lists: `jobs/a.toml:3:5: …`.
    pub fn one_line(&self) -> String {
        let help = self.help.as_deref().map(|help| format!("; {help}")).unwrap_or_default();
        format!("{}:{}:{}: {}{help}", self.file, self.line, self.column, self.message)
    }
}

/// A value under such a key may be a password that somebody wrote in the clear: its line is never printed.
fn is_secret(path: &str) -> bool {
    let key = path.rsplit('.').next().unwrap_or(path);
    ["password", "token", "secret", "jwt", "headers"].iter().any(|word| path.contains(word))
        || ["url", "code", "key", "sas", "service_account"].contains(&key)
}

fn excerpt(text: &str, span: &Range<usize>) -> Option<(String, Range<usize>)> {
    let start = span.start.min(text.len());
    let line_start = text.get(..start)?.rfind('\n').map_or(0, |at| at + 1);
    let line_end = text.get(start..)?.find('\n').map_or(text.len(), |at| start + at);
    let line = text.get(line_start..line_end)?.trim_end_matches('\r');
    if line.is_empty() || LINE_BYTES_MAX < line.len() {
        return None;
    }
    let boundary = |mut at: usize| {
        while !line.is_char_boundary(at) {
            at += 1;
        }
        at
    };
    let from = boundary((start - line_start).min(line.len()));
    let mut to = boundary(span.end.saturating_sub(line_start).clamp(from, line.len()));
    if to == from {
        to = line.get(from..).and_then(|rest| rest.chars().next()).map_or(from, |c| from + c.len_utf8());
    }
    Some((line.to_owned(), from..to))
}

pub(super) fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let before = text.get(..at).unwrap_or("");
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (line, column)
}

/// Prints problems for people, each with its source line and carets.
pub fn render(problems: &[Problem], colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let mut out = String::new();
    for problem in problems {
        let level = match problem.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let place = format!("{}:{}:{}", problem.file, problem.line, problem.column);
        let mut groups = Vec::new();
        if let Some((line, mark)) = &problem.excerpt {
            let snippet = Snippet::source(line.as_str())
                .line_start(problem.line)
                .path(problem.file.as_str())
                .annotation(AnnotationKind::Primary.span(mark.clone()));
            groups.push(level.primary_title(problem.message.as_str()).element(snippet));
        } else {
            let title = format!("{}\n  --> {place}", problem.message);
            groups.push(annotate_snippets::Group::with_title(level.primary_title(title)));
        }
        let rendered = renderer.render(&groups);
        out.push_str(&rendered);
        out.push('\n');
        if let Some(help) = &problem.help {
            out.push_str("  = help: ");
            out.push_str(help);
            out.push('\n');
        }
        out.push('\n');
    }
    out
}
