//! The subcommands, a few lines each over the shared core; runtime and signals.
//!
//! In: [`Cli`]. Out: the exit code; everything printed goes through `report`.

mod operators;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::ColorChoice;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::archive::{Archiver, Bucket, Origin, Receipt};
use crate::bytes::ByteSize;
use crate::cleanup::{Remover, Truncator};
use crate::cli::{Cli, Command, NotifyCommand, Typed};
use crate::config::{self, Config, Host, Layers, Target};
use crate::error::{Error, Kind, Result, Warning};
use crate::exit::Exit;
use crate::fastflow::{self, Access, AuditEntry, LogsDir, Store};
use crate::flow::{self, Committer, Feeder, RunOutcome, Signal, Stop};
use crate::ledger::{Invocation, Ledger};
use crate::lock::Lock;
use crate::plan::{self, Guard, Narrowing, Plan, Rules};
use crate::report::{Form, Progress, Report, Style};
use crate::run::RunId;
use crate::time::{Clock, Timestamp};
use operators::Operators;

/// Freezes the clock, for tests (cli.md section 6).
const NOW_VARIABLE: &str = "FASTFLOW_ARCHIVE_NOW";

/// How often the bar learns what was sent.
const REDRAW: Duration = Duration::from_millis(125);

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
    let mut report = Report::new(form, style, cli.command.name(), cli.is_dry_run(), now);
    let mut operators = Operators::new(cli, &environment);
    let ended_at = *clock.as_ref().unwrap_or(&Clock::System);
    let outcome = clock.and_then(|clock| {
        operators.begin(&environment)?;
        let (layers, host) = read_configuration(cli, typed, environment, &mut report, &mut operators)?;
        if let Command::Notify(NotifyCommand::Test) = cli.command {
            return operators.test(&mut report);
        }
        let session = Session::open(cli, &layers, host, clock, &mut report)?;
        match &cli.command {
            Command::Notify(NotifyCommand::Test) => Ok(()),
            Command::Plan(_) => session.show(&mut report),
            Command::Backup(args) if args.dry_run => session.dry_run(&mut report, Guard::default()),
            Command::Cleanup(args) if args.dry_run => {
                session.dry_run(&mut report, Guard { max_delete: args.max_delete })
            }
            Command::Backup(_) => session.spend(cli, &mut report, &Spending::default()),
            Command::Cleanup(args) => {
                let guard = Guard { max_delete: args.max_delete };
                let spending = Spending { guard, delete: true, allow_missing_logs: args.allow_missing_logs };
                session.spend(cli, &mut report, &spending)
            }
        }
    });
    if let Err(error) = outcome {
        report.fatal(&error);
    }
    report.conclude();
    operators.tell(&mut report, ended_at.now());
    report.finish()
}

/// Reads every layer of the configuration; operators learn of each as soon as it is read.
fn read_configuration(
    cli: &Cli,
    typed: Typed,
    environment: BTreeMap<String, String>,
    report: &mut Report,
    operators: &mut Operators,
) -> Result<(Layers, Host)> {
    let (mut layers, warnings) = config::read_layers(&cli.global, typed, environment)?;
    warnings.iter().for_each(|warning| report.warning(warning));
    operators.learn(&layers, None);
    let host = Host::resolve(&layers, &cli.global)?;
    operators.learn(&layers, Some(&host));
    if host.ui_settings.value {
        layers.set_settings_page(fastflow::open(&host.database.value, Access::Read)?.settings_page()?);
        operators.learn(&layers, Some(&host));
    }
    Ok((layers, host))
}

/// What `backup` (the default) and `cleanup` differ in.
#[derive(Default)]
struct Spending {
    guard: Guard,
    delete: bool,
    allow_missing_logs: bool,
}

/// What every subcommand needs: the resolved configuration and what is asked for.
struct Session {
    config: Config,
    rules: Rules,
    narrowing: Narrowing,
    clock: Clock,
    now: Timestamp,
}

impl Session {
    fn open(cli: &Cli, layers: &Layers, host: Host, clock: Clock, report: &mut Report) -> Result<Session> {
        let config = Config::resolve(layers, cli, host)?;
        report.settings(&config.listing());
        config.archive.plain_http_warning().iter().for_each(|warning| report.warning(warning));
        let rules = Rules {
            keep_runs: config.retention.runs.value,
            keep_days: config.retention.days.value,
            // `backup` deletes nothing, and so cuts nothing.
            max_log: config.retention.log_max_size.value.filter(|_| !matches!(cli.command, Command::Backup(_))),
            min_age: config.retention.min_age.value,
            all: cli.all(),
        };
        if !config.retention.is_any_set() && !rules.all {
            let message =
                "no retention rule is set anywhere: nothing is due; set LOG_RETENTION_RUNS or LOG_RETENTION_DAYS";
            report.warning(&Warning::new("no_retention_rule", message));
        }
        let narrowing = cli.selection().map_or_else(Narrowing::default, |selection| Narrowing {
            pipelines: selection.pipeline.clone(),
            runs: selection.run.iter().filter_map(|id| id.parse().ok()).collect(),
            older_than: selection.older_than,
            limit: selection.limit,
        });
        Ok(Session { config, rules, narrowing, clock, now: clock.now() })
    }

    fn plan(&self) -> Result<(Plan, Option<LogsDir>)> {
        let host = &self.config.host;
        let mut store = fastflow::open(&host.database.value, Access::Read)?;
        let open_logs = || LogsDir::open(&host.logs_dir.value, &host.path_map.value);
        plan::build(store.as_mut(), &self.rules, &self.narrowing, self.now, open_logs)
    }

    /// `plan`: what is due, and nothing else.
    fn show(&self, report: &mut Report) -> Result<()> {
        self.config.archive.why_nothing_follows().iter().for_each(|warning| report.warning(warning));
        let (plan, logs) = self.plan()?;
        report.begin(&plan, logs.as_ref());
        Ok(())
    }

    /// `--dry-run`: the plan, as far as `backup` and `cleanup` would go with it.
    fn dry_run(&self, report: &mut Report, guard: Guard) -> Result<()> {
        self.config.archive.target()?;
        let (plan, logs) = self.plan()?;
        report.begin(&plan, logs.as_ref());
        match &logs {
            Some(logs) => plan::check_guards(&plan, logs, guard, |_| Ok(false)),
            None => Ok(()),
        }
    }

    /// `backup` and `cleanup`: spends the plan.
    fn spend(&self, cli: &Cli, report: &mut Report, spending: &Spending) -> Result<()> {
        let target = self.config.archive.target()?;
        let Host { database, state_dir, .. } = &self.config.host;
        let mut store = fastflow::open(&database.value, Access::Write)?;
        let command = cli.command.name();
        let _lock = Lock::acquire(&state_dir.value, cli.global.lock_wait, command, self.clock.now())?;
        let mut ledger = Ledger::open(&state_dir.value)?;
        let (plan, logs) = self.plan()?;
        report.begin(&plan, logs.as_ref());
        if let Some(logs) = &logs {
            plan::check_guards(&plan, logs, spending.guard, |planned| {
                let recorded = ledger.recorded(&planned.run.id)?;
                let is_proven = recorded.is_some_and(|recorded| recorded.receipts.iter().any(Receipt::is_log));
                Ok(is_proven || ledger.is_log_removed(&planned.run.id)?)
            })?;
        }
        let open_deletions = ledger.open_deletions()?;
        if plan.due.is_empty() && open_deletions.is_empty() {
            return Ok(());
        }
        let origin = Origin { host: host_name(), database: database.value.kind() };
        let (host, user) = (origin.host.clone(), user_name());
        ledger.begin(&Invocation { started_at: self.now, command, host, user })?;
        close_open_deletions(&mut ledger, store.as_mut(), open_deletions, self.clock.now())?;
        let Some(logs) = logs.map(Arc::new).filter(|_| !plan.due.is_empty()) else {
            return self.end(report, &mut ledger);
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| Error::caused(Kind::Internal, "start the runtime", error))?;
        let remover = Remover::new(store, Arc::clone(&logs));
        let truncator = Truncator::new(Arc::clone(&logs));
        let committer = Committer { ledger, remover, truncator, deletes: spending.delete, clock: self.clock };
        let sending = Sending { plan, logs, origin, allow_missing_logs: spending.allow_missing_logs };
        let mut committer = runtime.block_on(self.send_all(target, sending, committer, report))?;
        self.audit(report, &mut committer);
        self.end(report, &mut committer.ledger)
    }

    /// Sends the plan's runs and hands each outcome to the report.
    async fn send_all(
        &self,
        target: &Target,
        sending: Sending,
        committer: Committer,
        report: &mut Report,
    ) -> Result<Committer> {
        let Sending { plan, logs, origin, allow_missing_logs } = sending;
        let stop = Arc::new(Stop::default());
        watch_signals(Arc::clone(&stop))?;
        let bucket = Bucket::connect(target).await?;
        let sent = bucket.sent();
        let archiver = Arc::new(Archiver::new(bucket, target, Arc::clone(&logs), origin, self.clock));
        let mut progress = Progress::new(report.shows_progress(), plan.due.len(), plan.bytes());
        let feeder = Feeder {
            due: plan.due,
            store: fastflow::open(&self.config.host.database.value, Access::Read)?,
            ledger: Ledger::open(&self.config.host.state_dir.value)?,
            archiver: Arc::clone(&archiver),
            spool_dir: self.config.host.state_dir.value.clone(),
            allow_missing_logs,
        };
        let (sender, mut outcomes) = mpsc::unbounded_channel::<RunOutcome>();
        let in_flight = usize::from(target.concurrency.value);
        let work = tokio::spawn(flow::run(feeder, archiver, committer, in_flight, Arc::clone(&stop), sender));
        let mut tick = tokio::time::interval(REDRAW);
        loop {
            tokio::select! {
                outcome = outcomes.recv() => match outcome {
                    Some(outcome) => {
                        progress.run_ended();
                        report.run(outcome, Some(&logs));
                    }
                    None => break,
                },
                _ = tick.tick() => progress.sent(ByteSize(sent.load(Ordering::Relaxed))),
            }
        }
        progress.finish();
        let committer = work.await.map_err(|error| Error::caused(Kind::Internal, "finish the work", error))??;
        report.stopped(stop.signal(), stop.cause());
        Ok(committer)
    }

    /// Writes what was done onto Fast-Flow's audit page.
    fn audit(&self, report: &mut Report, committer: &mut Committer) {
        let counts = report.summary();
        if counts.runs_deleted + counts.logs_truncated > 0 {
            let entry = AuditEntry {
                at: self.clock.now(),
                action: "log_archive_cleanup",
                details: json!({
                    "tool": concat!("fastflow-archive ", env!("CARGO_PKG_VERSION")),
                    "ledger_invocation": committer.ledger.invocation(),
                    "runs_archived": counts.runs_archived,
                    "runs_deleted": counts.runs_deleted,
                    "runs_failed": counts.runs_failed,
                    "logs_truncated": counts.logs_truncated,
                    "bytes_uploaded": counts.bytes_uploaded.0,
                    "log_retention_runs": self.rules.keep_runs,
                    "log_retention_days": self.rules.keep_days,
                    "log_max_size_bytes": self.rules.max_log.map(|size| size.0),
                }),
            };
            if let Err(error) = committer.remover.audit(&entry) {
                report.problem(&error);
            }
        }
    }

    /// Writes how it ended into the ledger.
    fn end(&self, report: &Report, ledger: &mut Ledger) -> Result<()> {
        let exit = report.exit();
        ledger.end(exit.code(), &report.summary_json(exit), self.clock.now())
    }
}

/// What goes into [`Session::send_all`].
struct Sending {
    plan: Plan,
    logs: Arc<LogsDir>,
    origin: Origin,
    allow_missing_logs: bool,
}

/// Deletions that an invocation began and could not record as done: where the row is gone, they are done.
fn close_open_deletions(ledger: &mut Ledger, store: &mut dyn Store, open: Vec<RunId>, at: Timestamp) -> Result<()> {
    let mut done = Vec::new();
    for run in open {
        if store.paths(&run)?.is_none() {
            done.push(run);
        }
    }
    if done.is_empty() { Ok(()) } else { ledger.close_deletions(&done, at) }
}

/// The first signal lets what is in flight finish; the second ends the process at once.
fn watch_signals(stop: Arc<Stop>) -> Result<()> {
    let failed = |error| Error::caused(Kind::Internal, "listen for signals", error);
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    tokio::spawn(async move {
        loop {
            let received = tokio::select! {
                _ = interrupt.recv() => Signal::Interrupt,
                _ = terminate.recv() => Signal::Terminate,
            };
            if !stop.on_signal(received) {
                #[expect(clippy::exit, reason = "the operator asked twice; every state on the way can be resumed")]
                std::process::exit(Exit::Stopped(received).code().into());
            }
        }
    });
    Ok(())
}

fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

fn user_name() -> String {
    let id = rustix::process::geteuid().as_raw();
    let name = ["USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok()).unwrap_or_default();
    if name.is_empty() { id.to_string() } else { format!("{name} ({id})") }
}
