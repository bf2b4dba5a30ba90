//! Commands: arguments as written → a command → an exit code.

mod access;
mod admin;
mod backfill;
mod check;
mod compact;
mod context;
mod definitions;
mod deliveries;
mod demo;
mod doctor;
mod exit;
mod identity;
mod import;
mod out;
mod remote;
mod reports;
mod run;
mod schedule;
mod serve;
mod simulate;
mod sources;
mod status;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use crate::daemon::loader::Allowed;
use crate::import::CsvKind;
use crate::telemetry;
use exit::Exit;

/// Scheduled segment reports for contact centres.
///
/// Nothing is sent unless the command is `run` or the daemon's own schedule says so.
#[derive(Debug, Parser)]
#[command(name = "legwork", version, max_term_width = 100, after_help = EXAMPLES)]
pub struct Arguments {
    /// The config file; else $`LEGWORK_CONFIG`, else /etc/legwork/legwork.toml.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Tables for people, JSON for programs.
    #[arg(short, long, global = true, value_enum, default_value = "text")]
    output: Format,
    /// Ask the daemon at this URL instead of this host's; with a token of its in $`LEGWORK_TOKEN`.
    #[arg(long, global = true, value_name = "URL")]
    server: Option<String>,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  legwork demo                            see a report made, mailed and filed, in a folder of its own
  legwork check                           find every mistake in config and jobs
  legwork serve                           run the daemon
  legwork list                            what there is, how fresh it is, when it is due
  legwork run NAME --period yesterday     make a report now and send it
  legwork why NAME                        what happened to the last one, and what to type next

Exit codes: 0 done, 1 failed, 2 usage or definition wrong, 3 not found, 4 changes pending, 5 held,
6 outcome unknown, 75 try later.";

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon: jobs on schedule, deliveries, housekeeping.
    #[command(after_help = "Examples:\n  legwork serve\n  legwork --config /etc/legwork/legwork.toml serve")]
    Serve,
    /// Show the whole line in ten seconds, in a folder of its own.
    #[command(
        after_help = "Examples:\n  legwork demo\n  legwork demo --stay\n  legwork demo --segments 1000000 --export centre.ndjson"
    )]
    Demo(demo::DemoArguments),
    /// Find every mistake in config and jobs; sends nothing.
    #[command(
        after_help = "Examples:\n  legwork check\n  legwork check jobs/daily.toml\n  legwork -o json check"
    )]
    Check {
        /// Job files or folders; the config's jobs folder when absent.
        paths: Vec<PathBuf>,
    },
    /// Show what taking up the jobs folder would change; exits 4 when it would.
    #[command(after_help = "Examples:\n  legwork plan\n  legwork -o json plan")]
    Plan,
    /// Take up the jobs folder now.
    #[command(
        after_help = "Examples:\n  legwork apply\n  legwork apply --now\n  legwork apply --allow-retire"
    )]
    Apply {
        /// Also when it retires more than half of the definitions.
        #[arg(long)]
        allow_retire: bool,
        /// Run at once what a `once` names that is past.
        #[arg(long)]
        now: bool,
    },
    /// List definitions: freshness, last run, next due.
    #[command(after_help = "Examples:\n  legwork list\n  legwork -o json list")]
    List,
    /// Show one definition with its runs, or one run by its number.
    #[command(after_help = "Examples:\n  legwork show segments-yesterday\n  legwork show 17")]
    Show {
        /// A definition's name or a run's number.
        what: String,
    },
    /// List the coming instants of one definition or of all.
    #[command(after_help = "Examples:\n  legwork next\n  legwork next segments-yesterday --count 10")]
    Next {
        /// The definition.
        name: Option<String>,
        /// How many a definition.
        #[arg(short = 'n', long, default_value_t = 5)]
        count: u32,
    },
    /// Show what the schedules in force would do over a span: what runs, is skipped, moved or late.
    #[command(
        after_help = "Examples:\n  legwork simulate --from 2026-03-07T00:00Z --to 2026-03-10T00:00Z\n  legwork simulate --from 2026-11-01T00:00Z --to 2026-12-01T00:00Z --down 2026-11-03T04:00Z..2026-11-03T12:00Z --odd"
    )]
    Simulate(simulate::SimulateArguments),
    /// Compute the instants of a schedule that stands in no job.
    Schedule {
        /// What to compute.
        #[command(subcommand)]
        what: ScheduleCommand,
    },
    /// Compute the period of data of a rule.
    Period {
        /// What to compute.
        #[command(subcommand)]
        what: PeriodCommand,
    },
    /// Make a report now and deliver it.
    #[command(
        after_help = "Examples:\n  legwork run segments-yesterday\n  legwork run segments-yesterday --period 2026-11-01..2026-11-02 --no-send\n  legwork run segments-yesterday --to me@example.com"
    )]
    Run(run::RunArguments),
    /// Make what is past, or make it again: each instant of a span, without sending unless asked to.
    #[command(
        after_help = "Examples:\n  legwork backfill segments-yesterday --from 2026-10-01 --to 2026-11-01\n  legwork backfill segments-yesterday --from 2026-10-01 --to 2026-11-01 --send\n\nInterrupted, the same command goes on where it was left."
    )]
    Backfill(backfill::BackfillArguments),
    /// List runs, the newest first.
    #[command(after_help = "Examples:\n  legwork runs\n  legwork runs segments-yesterday --count 50")]
    Runs {
        /// The definition; all when absent.
        name: Option<String>,
        /// How many.
        #[arg(short = 'n', long, default_value_t = 20)]
        count: u32,
    },
    /// List deliveries, the newest first.
    #[command(
        after_help = "Examples:\n  legwork deliveries --state failed\n  legwork deliveries segments-yesterday"
    )]
    Deliveries {
        /// The definition; all when absent.
        name: Option<String>,
        /// Only in this state.
        #[arg(long, value_enum)]
        state: Option<deliveries::State>,
        /// How many.
        #[arg(short = 'n', long, default_value_t = 20)]
        count: u32,
    },
    /// Try the deliveries of a run again that failed; the others are left alone.
    #[command(after_help = "Examples:\n  legwork deliver 17\n  legwork deliver 17 --only boss@example.com")]
    Deliver(deliveries::WhichArguments),
    /// Send what a check holds; try again what nobody knows the outcome of, under the same Message-ID.
    #[command(after_help = "Examples:\n  legwork release 17\n  legwork release 17 --only boss@example.com")]
    Release(deliveries::WhichArguments),
    /// Send the file of a run anew: new mails, to everyone again or to one address.
    #[command(
        after_help = "Examples:\n  legwork resend 17 --to boss@example.com\n  legwork resend 17\n  legwork resend 17 --only day_Support.csv --to boss@example.com"
    )]
    Resend {
        /// Which deliveries.
        #[command(flatten)]
        which: deliveries::WhichArguments,
        /// Only by mail to this address, whoever got it before.
        #[arg(long, value_name = "ADDRESS")]
        to: Option<String>,
    },
    /// Make the report of a run again, over the same period and today's data; the same bytes change nothing.
    #[command(
        after_help = "Examples:\n  legwork rerun 17\n\nOther bytes are a new revision. It is sent where the job says correction = \"send\", else by\n`legwork resend`."
    )]
    Rerun {
        /// The run's number.
        run: i64,
    },
    /// Let deliveries of a run be that are held, failed, or whose outcome nobody knows.
    #[command(after_help = "Examples:\n  legwork discard 17 --reason 'it did arrive'")]
    Discard {
        /// Which deliveries.
        #[command(flatten)]
        which: deliveries::WhichArguments,
        /// Why, for whoever reads it later.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Tell what happened to a definition's last occurrence, and what to type next.
    #[command(
        after_help = "Examples:\n  legwork why segments-yesterday\n  legwork -o json why segments-yesterday\n\nA look by hand, which sends nothing, is told of only where there is nothing else."
    )]
    Why {
        /// The definition.
        name: String,
    },
    /// Look at every destination: name, certificate, login, the right to write, free space, clock. Sends nothing.
    #[command(
        after_help = "Examples:\n  legwork doctor\n  legwork -o json doctor\n\nThe daemon does the same for each report an hour before it is due, and tells its owner."
    )]
    Doctor,
    /// Stop a definition's schedules; it can still be run by hand.
    #[command(after_help = "Examples:\n  legwork pause segments-yesterday")]
    Pause {
        /// The definition.
        name: String,
    },
    /// Start a paused definition's schedules again, from now on.
    #[command(after_help = "Examples:\n  legwork resume segments-yesterday")]
    Resume {
        /// The definition.
        name: String,
    },
    /// Put segments and what belongs to them into the store.
    #[command(
        after_help = "Examples:\n  legwork import segments.csv\n  zcat feed.ndjson.gz | legwork import -\n  legwork import --strict --covers 2026-11-01T00:00Z..2026-11-02T00:00Z day.ndjson\n  legwork schema import        the format"
    )]
    Import(import::ImportArguments),
    /// Seal the segments of closed hours into column blocks now; the daemon does it by itself.
    #[command(
        after_help = "Examples:\n  legwork compact\n  legwork compact --check\n\nAn hour is sealed two hours after its end; with --now as soon as it has ended."
    )]
    Compact(compact::CompactArguments),
    /// List the vendors of the config: how far each is collected, its last failure, login and what is left of its budget.
    #[command(after_help = "Examples:\n  legwork sources\n  legwork -o json sources")]
    Sources,
    /// Fetch a span of a vendor's rows into the store; what is there already is left alone.
    #[command(
        after_help = "Examples:\n  legwork collect ringcx\n  legwork collect ringcx --from 2026-11-01T00:00Z --to 2026-11-08T00:00Z\n\nInterrupted, the same command goes on: rows that came are kept."
    )]
    Collect(sources::CollectArguments),
    /// Make, list and remove users of the page and the API.
    User {
        /// What to do.
        #[command(subcommand)]
        what: access::UserCommand,
    },
    /// Make, list and remove tokens for programs.
    Token {
        /// What to do.
        #[command(subcommand)]
        what: access::TokenCommand,
    },
    /// List the reports, or explain one column by column.
    #[command(after_help = "Examples:\n  legwork reports\n  legwork reports show agent-session-raw")]
    Reports {
        /// Explain one of them.
        #[command(subcommand)]
        what: Option<ReportsCommand>,
    },
    /// Print a definition's version in force as TOML.
    #[command(after_help = "Examples:\n  legwork export segments-yesterday > segments-yesterday.toml")]
    Export {
        /// The definition.
        name: String,
    },
    /// Print a JSON Schema, the import's CSV columns, or the config with all defaults.
    Schema {
        /// Of what.
        #[arg(value_enum, default_value = "job")]
        what: check::SchemaOf,
    },
    /// Write a whole copy of the database while the daemon goes on.
    #[command(after_help = "Examples:\n  legwork backup\n  legwork backup /srv/copies/legwork.db")]
    Backup {
        /// The copy; a dated file below the state folder's `backups` when absent.
        file: Option<PathBuf>,
    },
    /// Print completions for a shell.
    Completions {
        /// The shell.
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Write the manual pages into a folder.
    Man {
        /// The folder.
        folder: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
enum ScheduleCommand {
    /// Print the coming instants in UTC, a line each.
    #[command(
        after_help = "Examples:\n  legwork schedule next --cron '0 6 * * Mon-Fri' --time-zone America/New_York\n  legwork schedule next --cron '30 2 * * *' --time-zone America/New_York --after 2026-03-07T00:00Z --count 3\n  legwork schedule next --repeat monthly --on last --at 23:30 --time-zone Asia/Tokyo"
    )]
    Next(schedule::NextArguments),
}

#[derive(Debug, Subcommand)]
enum PeriodCommand {
    /// Print start and end of a period, in UTC and local.
    #[command(
        after_help = "Examples:\n  legwork period show yesterday --time-zone America/New_York\n  legwork period show 'previous week' --time-zone Europe/Berlin --at 2026-11-02T06:00Z"
    )]
    Show(schedule::PeriodArguments),
}

#[derive(Debug, Subcommand)]
enum ReportsCommand {
    /// Explain a report: its rows, filters, options, and each column with meaning, unit, blank rule and source.
    Show {
        /// The report's type.
        #[arg(value_name = "TYPE")]
        report: String,
    },
}

/// The program: runs a command and says how it went.
pub fn main() -> ExitCode {
    // One provider for every TLS connection; without it the first one would panic.
    drop(rustls::crypto::ring::default_provider().install_default());
    rustix::process::umask(rustix::fs::Mode::from_bits_truncate(0o077));
    let arguments = Arguments::parse();
    let loud = matches!(arguments.command, Command::Serve);
    telemetry::start(!loud);
    let result = run_command(arguments);
    exit::code(result)
}

fn run_command(arguments: Arguments) -> anyhow::Result<Exit> {
    let Arguments { config, output, server, command } = arguments;
    if let Some(server) = server {
        return remote::run(&server, &command, output == Format::Json);
    }
    let context = context::Context::new(config, output == Format::Json);
    match command {
        Command::Serve => serve::serve(&context),
        Command::Demo(arguments) => demo::demo(&arguments),
        Command::Check { paths } => check::check(&context, &paths),
        Command::Plan => definitions::plan(&context),
        Command::Apply { allow_retire, now } => {
            definitions::apply(&context, Allowed { retire: allow_retire, past: now })
        }
        Command::List => status::list(&context),
        Command::Show { what } => status::show(&context, &what),
        Command::Next { name, count } => status::next(&context, name.as_deref(), count),
        Command::Simulate(arguments) => simulate::run(&context, &arguments),
        Command::Schedule { what: ScheduleCommand::Next(arguments) } => schedule::next(&context, &arguments),
        Command::Period { what: PeriodCommand::Show(arguments) } => schedule::period(&context, &arguments),
        Command::Run(arguments) => run::run(&context, &arguments),
        Command::Backfill(arguments) => backfill::run(&context, &arguments),
        Command::Runs { name, count } => status::runs(&context, name.as_deref(), count),
        Command::Deliveries { name, state, count } => {
            deliveries::list(&context, name.as_deref(), state, count)
        }
        Command::Deliver(which) => deliveries::deliver(&context, &which),
        Command::Release(which) => deliveries::release(&context, &which),
        Command::Resend { which, to } => deliveries::resend(&context, &which, to.as_deref()),
        Command::Rerun { run } => run::rerun(&context, run),
        Command::Discard { which, reason } => deliveries::discard(&context, &which, &reason),
        Command::Why { name } => status::why(&context, &name),
        Command::Doctor => doctor::doctor(&context),
        Command::Pause { name } => definitions::pause(&context, &name),
        Command::Resume { name } => definitions::resume(&context, &name),
        Command::Sources => sources::list(&context),
        Command::Collect(arguments) => sources::collect(&context, &arguments),
        Command::Import(arguments) => import::import(&context, &arguments),
        Command::User { what } => access::user(&context, &what),
        Command::Token { what } => access::token(&context, &what),
        Command::Reports { what: None } => reports::list(&context),
        Command::Reports { what: Some(ReportsCommand::Show { report }) } => reports::show(&context, &report),
        Command::Export { name } => definitions::export(&context, &name),
        Command::Schema { what } => check::schema(what),
        Command::Compact(arguments) => compact::compact(&context, &arguments),
        Command::Backup { file } => admin::backup(&context, file),
        Command::Completions { shell } => admin::completions(shell),
        Command::Man { folder } => admin::man(&folder),
    }
}

/// The kinds of CSV files, for `import --kind`.
type Kind = CsvKind;
