//! Exit codes, and how an error is told.

use std::io::Write;
use std::process::ExitCode;

use crate::daemon::ask::AskError;
use crate::store::StoreError;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    Done,
    Failed,
    Wrong,
    NotFound,
    Pending,
    Held,
    Unknown,
    Later,
}

/// An error that carries its exit code.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(super) struct Told {
    message: String,
    exit: Exit,
}

/// Ends a command with a sentence and a code.
pub(super) fn told(exit: Exit, message: impl Into<String>) -> anyhow::Error {
    anyhow::Error::new(Told { message: message.into(), exit })
}

impl Exit {
    fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Wrong => 2,
            Self::NotFound => 3,
            Self::Pending => 4,
            Self::Held => 5,
            Self::Unknown => 6,
            Self::Later => 75,
        }
    }
}

pub(super) fn code(result: anyhow::Result<Exit>) -> ExitCode {
    let exit = match result {
        Ok(exit) => exit,
        // A reader that has seen enough is no error.
        Err(error) if is_broken_pipe(&error) => Exit::Done,
        Err(error) => {
            drop(writeln!(std::io::stderr(), "legwork: {}", text(&error)));
            exit_of(&error)
        }
    };
    ExitCode::from(exit.code())
}

fn text(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if text.is_empty() {
            text = cause;
        } else if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

fn exit_of(error: &anyhow::Error) -> Exit {
    if let Some(told) = error.downcast_ref::<Told>() {
        return told.exit;
    }
    if let Some(refused) = error.downcast_ref::<AskError>() {
        return match refused {
            AskError::NotFound(_) => Exit::NotFound,
            AskError::Wrong(_) | AskError::Taken(_) => Exit::Wrong,
            AskError::Later(_) => Exit::Later,
            AskError::Store(error) if error.is_busy() => Exit::Later,
            AskError::Gone(_) | AskError::Store(_) | AskError::Core(_) => Exit::Failed,
        };
    }
    match error.downcast_ref::<StoreError>() {
        Some(error) if error.is_busy() => Exit::Later,
        _ => Exit::Failed,
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    })
}
