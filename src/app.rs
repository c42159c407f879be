//! The subcommands, a few lines each over the shared core.
//!
//! In: [`Cli`]. Out: the exit code; everything printed goes through `report`.

mod doctor;
mod ledger;
mod list;
mod operators;
mod process;
mod restore;
mod session;
mod spend;
mod verify;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use clap::ColorChoice;

use crate::cli::{Cli, Command, LedgerCommand, NotifyCommand, RestoreArgs, Typed};
use crate::config::{self, Host, Layers};
use crate::error::{Error, Kind, Result};
use crate::exit::Exit;
use crate::fastflow::{self, Access};
use crate::flow::Stop;
use crate::report::{Form, Report, Style};
use crate::time::{Clock, Timestamp};
use operators::Operators;
use process::watch_signals;
use session::Session;
use spend::Spending;

/// Freezes the clock, for tests (cli.md section 6).
const NOW_VARIABLE: &str = "FASTFLOW_ARCHIVE_NOW";

type Environment = BTreeMap<String, String>;

/// Runs the program with these arguments, the first of which is its name, and says how it ended.
pub fn main_with(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    match Cli::parse_typed(args) {
        Ok((cli, typed)) => ExitCode::from(run(&cli, typed).code()),
        Err(error) => {
            let style = Style::detect(&config::process_environment(), ColorChoice::Auto);
            if error.use_stderr() && style.journal {
                drop(write!(style.error_stream(), "{error}"));
            } else {
                drop(error.print());
            }
            ExitCode::from(if error.use_stderr() { Exit::Usage.code() } else { Exit::Done.code() })
        }
    }
}

fn run(cli: &Cli, typed: Typed) -> Exit {
    let environment = config::process_environment();
    let style = Style::detect(&environment, cli.global.color);
    let form = Form { json: cli.global.json, quiet: cli.global.quiet, verbose: cli.global.verbose };
    let clock = match environment.get(NOW_VARIABLE).map(|text| (text, Timestamp::from_rfc3339(text))) {
        None => Ok(Clock::System),
        Some((_, Some(at))) => Ok(Clock::Frozen(at)),
        Some((text, None)) => {
            let message =
                format!("use {NOW_VARIABLE} = `{}`: it is not a time of RFC 3339 in UTC", text.escape_debug());
            Err(Error::new(Kind::InvalidSetting, message).hint("it is meant for tests only; remove it"))
        }
    };
    let now = clock.as_ref().map_or_else(|_| Clock::System.now(), |clock| clock.now());
    let dry_run = cli.command.selecting().is_some_and(|selecting| selecting.dry_run);
    let mut report = Report::new(form, style, cli.command.name(), dry_run, now);
    let mut operators = Operators::new(cli, &environment);
    let ended_at = *clock.as_ref().unwrap_or(&Clock::System);
    let stop = Arc::new(Stop::default());
    let outcome = clock.and_then(|clock| {
        if cli.command.spends() {
            watch_signals(Arc::clone(&stop))?;
        }
        operators.begin(&environment)?;
        if matches!(cli.command, Command::Doctor(_)) {
            return doctor::run(cli, typed, environment, clock, &mut report);
        }
        let (layers, host) = read_configuration(cli, typed, environment, &mut report, &mut operators)?;
        match &cli.command {
            Command::Notify(NotifyCommand::Test) => operators.test(&mut report),
            Command::Verify(args) => verify::run(args, &layers, &host, clock, &mut report),
            Command::Ledger(LedgerCommand::Rebuild(args)) => {
                verify::rebuild(args, &cli.global, &layers, &host, clock, &mut report)
            }
            // Reads the configuration itself, and goes on where it cannot.
            Command::Doctor(_) => Ok(()),
            Command::List(args) => list::run(args, &layers, &host, &mut report),
            Command::Restore(args) => restore::run(args, cli, &layers, &host, clock, &mut report),
            Command::Ledger(command) => ledger::run(command, &layers, &host, &mut report),
            Command::Plan(_) => Session::open(cli, &layers, host, clock, &stop, &mut report)?.show(&mut report),
            Command::Backup(args) => {
                let spending = Spending {
                    accept_moved_logs: args.moved.accept_moved_logs,
                    bwlimit: args.transfer.bwlimit,
                    ..Spending::default()
                };
                let session = Session::open(cli, &layers, host, clock, &stop, &mut report)?;
                session.spend_or_show(cli, &mut report, args.dry_run, &spending)
            }
            Command::Cleanup(args) => {
                let spending = Spending {
                    max_delete: args.max_delete,
                    accept_moved_logs: args.moved.accept_moved_logs,
                    allow_missing_logs: args.allow_missing_logs,
                    delete: true,
                    bwlimit: args.transfer.bwlimit,
                };
                let session = Session::open(cli, &layers, host, clock, &stop, &mut report)?;
                session.spend_or_show(cli, &mut report, args.dry_run, &spending)
            }
        }
    });
    match outcome {
        Ok(()) => {}
        Err(error) if error.kind == Kind::Interrupted => report.stopped(stop.signal(), None),
        Err(error) => report.fatal(&error),
    }
    report.conclude();
    operators.tell(&mut report, ended_at.now());
    report.finish()
}

/// Reads every layer of the configuration; operators learn of each as soon as it is read.
fn read_configuration(
    cli: &Cli,
    typed: Typed,
    environment: Environment,
    report: &mut Report,
    operators: &mut Operators,
) -> Result<(Layers, Host)> {
    let (mut layers, warnings) = config::read_layers(&cli.global, typed, environment)?;
    warnings.iter().for_each(|warning| report.warning(warning));
    operators.learn(&layers, None);
    let host = Host::resolve(&layers, &cli.global)?;
    operators.learn(&layers, Some(&host));
    if host.ui_settings.value && (needs_instance(&cli.command) || host.database.value.is_there()) {
        layers.set_settings_page(fastflow::open(&host.database.value, Access::Read)?.settings_page()?);
        operators.learn(&layers, Some(&host));
    }
    Ok((layers, host))
}

/// Whether there must be an instance; the archive is also read where the machine was lost.
fn needs_instance(command: &Command) -> bool {
    !matches!(
        command,
        Command::Verify(_) | Command::Ledger(_) | Command::List(_) | Command::Restore(RestoreArgs { to: Some(_), .. })
    )
}
