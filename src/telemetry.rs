//! Logs: what happened, to standard error; systemd keeps them.
//!
//! Message first, then fields. Error: somebody must look. Warning: it was dealt with, but look if it goes on. Info:
//! what an operator wants to see of a normal day. No field ever holds a secret: those have a type that prints `***`.

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use crate::clock::Clock;
use crate::domain::text::stamp;
use crate::secret::environment;

/// What a command waits for.
const WAITS: &str = concat!(env!("CARGO_PKG_NAME"), "::sources");

struct Line {
    /// systemd's journal stamps lines itself and reads the level from a `<N>` in front.
    journal: bool,
    clock: Clock,
}

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut out: Writer<'_>,
        event: &Event<'_>,
    ) -> std::fmt::Result {
        let level = *event.metadata().level();
        if self.journal {
            let number = match level {
                Level::ERROR => 3,
                Level::WARN => 4,
                Level::INFO => 6,
                _ => 7,
            };
            write!(out, "<{number}>")?;
        } else {
            write!(out, "{} {level:>5} ", stamp(self.clock.now()))?;
        }
        context.field_format().format_fields(out.by_ref(), event)?;
        writeln!(out)
    }
}

/// Starts logging. Other programs' libraries are heard from warnings on. A command is quiet: only what makes it wait for a
/// source is told.
pub fn start(quiet: bool) {
    let level = if quiet { LevelFilter::WARN } else { LevelFilter::INFO };
    let ours = tracing_subscriber::filter::filter_fn(move |metadata| {
        let target = metadata.target();
        if quiet {
            target.starts_with(WAITS)
        } else {
            target.starts_with("legwork") || *metadata.level() <= Level::WARN
        }
    });
    let journal = environment("JOURNAL_STREAM").is_some();
    let line = Line { journal, clock: Clock::System };
    let layer =
        fmt::layer().with_writer(std::io::stderr).event_format(line).with_filter(ours).with_filter(level);
    // A test may have started it already.
    drop(tracing_subscriber::registry().with(layer).try_init());
}
