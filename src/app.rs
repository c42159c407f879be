//! The subcommands, a few lines each over the shared core; runtime and signals.
//!
//! In: [`Cli`]. Out: the exit code; everything printed goes through `report`.

mod ledger;
mod list;
mod operators;
mod restore;
mod verify;

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
use crate::cleanup::{Remover, Truncator, finish_open_deletions};
use crate::cli::{Cli, Command, LedgerCommand, NotifyCommand, RestoreArgs, Typed};
use crate::config::{self, Config, Host, Layers, Target};
use crate::error::{Error, Kind, Result, Warning};
use crate::exit::Exit;
use crate::fail_point;
use crate::fastflow::{self, Access, AuditEntry, LogsDir};
use crate::flow::{self, Committer, Feeder, RunOutcome, Signal, Stop};
use crate::ledger::{Anchor, Invocation, Ledger, LogsVolume};
use crate::lock::Lock;
use crate::plan::{self, Guard, Narrowing, Plan, Rules};
use crate::report::{Form, Progress, Report, Style};
use crate::time::{Clock, Timestamp};
use operators::Operators;

/// Freezes the clock, for tests (cli.md section 6).
const NOW_VARIABLE: &str = "FASTFLOW_ARCHIVE_NOW";

type Environment = BTreeMap<String, String>;

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
        let (layers, host) = read_configuration(cli, typed, environment, &mut report, &mut operators)?;
        match &cli.command {
            Command::Notify(NotifyCommand::Test) => operators.test(&mut report),
            Command::Verify(args) => verify::run(args, &layers, &host, clock, &mut report),
            Command::Ledger(LedgerCommand::Rebuild(args)) => {
                verify::rebuild(args, &cli.global, &layers, &host, clock, &mut report)
            }
            Command::List(args) => list::run(args, &layers, &host, &mut report),
            Command::Restore(args) => restore::run(args, cli, &layers, &host, clock, &mut report),
            Command::Ledger(command) => ledger::run(command, &layers, &host, &mut report),
            Command::Plan(_) => Session::open(cli, &layers, host, clock, &stop, &mut report)?.show(&mut report),
            Command::Backup(args) => {
                let spending = Spending { accept_moved_logs: args.moved.accept_moved_logs, ..Spending::default() };
                let session = Session::open(cli, &layers, host, clock, &stop, &mut report)?;
                session.spend_or_show(cli, &mut report, args.dry_run, &spending)
            }
            Command::Cleanup(args) => {
                let spending = Spending {
                    max_delete: args.max_delete,
                    accept_moved_logs: args.moved.accept_moved_logs,
                    allow_missing_logs: args.allow_missing_logs,
                    delete: true,
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
    !matches!(command, Command::List(_) | Command::Restore(RestoreArgs { to: Some(_), .. }))
}

/// What `backup` (the default) and `cleanup` differ in.
#[derive(Default)]
struct Spending {
    max_delete: Option<usize>,
    accept_moved_logs: bool,
    allow_missing_logs: bool,
    delete: bool,
}

/// What every subcommand needs: the resolved configuration and what is asked for.
struct Session {
    config: Config,
    rules: Rules,
    narrowing: Narrowing,
    clock: Clock,
    now: Timestamp,
    stop: Arc<Stop>,
}

impl Session {
    fn open(
        cli: &Cli,
        layers: &Layers,
        host: Host,
        clock: Clock,
        stop: &Arc<Stop>,
        report: &mut Report,
    ) -> Result<Session> {
        let given = cli.command.selecting().ok_or_else(|| Error::new(Kind::Internal, "select runs"))?;
        let config = Config::resolve(layers, &given, host)?;
        report.settings(&config.listing());
        config.archive.plain_http_warning().iter().for_each(|warning| report.warning(warning));
        let selection = given.selection;
        let rules = Rules {
            keep_runs: config.retention.runs.value,
            keep_days: config.retention.days.value,
            // `backup` deletes nothing, and so cuts nothing.
            max_log: config.retention.log_max_size.value.filter(|_| !matches!(cli.command, Command::Backup(_))),
            min_age: config.retention.min_age.value,
            all: given.all,
        };
        if !config.retention.is_any_set() && !rules.all {
            let message =
                "no retention rule is set anywhere: nothing is due; set LOG_RETENTION_RUNS or LOG_RETENTION_DAYS";
            report.warning(&Warning::new("no_retention_rule", message));
        }
        let narrowing = Narrowing {
            pipelines: selection.pipeline.clone(),
            runs: selection.run.iter().filter_map(|id| id.parse().ok()).collect(),
            older_than: selection.older_than,
            limit: selection.limit,
        };
        Ok(Session { config, rules, narrowing, clock, now: clock.now(), stop: Arc::clone(stop) })
    }

    fn plan(&self) -> Result<(Plan, Option<LogsDir>)> {
        let mut store = fastflow::open(&self.config.host.database.value, Access::Read)?;
        plan::build(store.as_mut(), &self.rules, &self.narrowing, self.now, || self.open_logs(), || self.stop.check())
    }

    /// `plan`: what is due, and nothing else.
    fn show(&self, report: &mut Report) -> Result<()> {
        self.config.archive.why_nothing_follows().iter().for_each(|warning| report.warning(warning));
        let (plan, logs) = self.plan()?;
        report.begin(&plan, logs.as_ref());
        match self.known_ledger().and_then(|ledger| ledger.map(|ledger| ledger.head()).transpose()) {
            Ok(head) => head.into_iter().for_each(|head| report.sealed(head.hash)),
            Err(error) => report.warning(&Warning::new(error.kind.name(), error.message())),
        }
        Ok(())
    }

    fn spend_or_show(&self, cli: &Cli, report: &mut Report, dry_run: bool, spending: &Spending) -> Result<()> {
        if dry_run { self.dry_run(report, spending) } else { self.spend(cli, report, spending) }
    }

    /// `--dry-run`: the plan, as far as `backup` and `cleanup` would go with it.
    fn dry_run(&self, report: &mut Report, spending: &Spending) -> Result<()> {
        self.config.archive.target()?;
        let (plan, logs) = self.plan()?;
        report.begin(&plan, logs.as_ref());
        let ledger = self.known_ledger()?;
        if let Some(ledger) = &ledger {
            report.sealed(ledger.head()?.hash);
        }
        logs.map_or(Ok(()), |logs| check_guards(&plan, &logs, spending, ledger.as_ref()))
    }

    /// The ledger, for reading, where there is one.
    fn known_ledger(&self) -> Result<Option<Ledger>> {
        Ledger::open_existing(&self.config.host.state_dir.value)
    }

    fn open_logs(&self) -> Result<LogsDir> {
        LogsDir::open(&self.config.host.logs_dir.value, &self.config.host.path_map.value)
    }

    /// `backup` and `cleanup`: spends the plan.
    fn spend(&self, cli: &Cli, report: &mut Report, spending: &Spending) -> Result<()> {
        let target = self.config.archive.target()?;
        let Host { database, state_dir, .. } = &self.config.host;
        let access = if spending.delete { Access::Write } else { Access::Read };
        let mut store = fastflow::open(&database.value, access)?;
        let command = cli.command.name();
        let _lock =
            Lock::acquire(&state_dir.value, cli.global.lock_wait, command, self.clock.now(), || self.stop.check())?;
        let host = host_name();
        let mut ledger = Ledger::open(&state_dir.value, &host, self.clock.now())?;
        let (plan, logs) = self.plan()?;
        report.begin(&plan, logs.as_ref());
        report.sealed(ledger.head()?.hash);
        if let Some(logs) = &logs {
            check_guards(&plan, logs, spending, Some(&ledger))?;
        }
        let open_deletions = ledger.open_deletions()?;
        if plan.due.is_empty() && open_deletions.is_empty() {
            return Ok(());
        }
        let logs = Arc::new(logs.map_or_else(|| self.open_logs(), Ok)?);
        let volume = LogsVolume { path: logs.path().to_string_lossy().into_owned(), volume: logs.volume()? };
        ledger.begin(Invocation { command, host: host.clone(), user: user_name(), logs: Some(volume) }, self.now)?;
        fail_point::reached("begun");
        let left = finish_open_deletions(&mut ledger, store.as_mut(), &logs, &open_deletions, self.clock.now())?;
        left.iter().for_each(|warning| report.warning(warning));
        if plan.due.is_empty() {
            return self.end(report, &mut ledger);
        }
        let runtime = runtime()?;
        let origin = Origin { host: host.clone(), database: database.value.kind() };
        let remover = Remover::new(store, Arc::clone(&logs));
        let truncator = Truncator::new(Arc::clone(&logs));
        let committer =
            Committer { ledger, remover, truncator, deletes: spending.delete, is_recorded: true, clock: self.clock };
        let sending = Sending { plan, logs, origin, allow_missing_logs: spending.allow_missing_logs };
        let (mut committer, archiver) = runtime.block_on(self.send_all(target, sending, committer, report))?;
        fail_point::reached("work-done");
        self.audit(report, &mut committer);
        if !committer.is_recorded {
            return Ok(());
        }
        fail_point::reached("before-end-recorded");
        self.end(report, &mut committer.ledger)?;
        fail_point::reached("end-recorded");
        if report.has_changed() {
            runtime.block_on(self.anchor(&archiver, &mut committer.ledger, host, report))?;
        }
        Ok(())
    }

    /// Puts the head of the ledger into the bucket.
    async fn anchor(&self, archiver: &Archiver, ledger: &mut Ledger, host: String, report: &mut Report) -> Result<()> {
        let anchor = Anchor::new(ledger.id().to_owned(), ledger.head()?, host, self.clock.now());
        if let Err(error) = archiver.send_beside(&anchor.name(), anchor.to_bytes()).await {
            ledger.anchor_failed(&error, self.clock.now())?;
            report.sealed(ledger.head()?.hash);
            report.problem(&error);
        }
        fail_point::reached("anchored");
        Ok(())
    }

    /// Sends the plan's runs and hands each outcome to the report.
    async fn send_all(
        &self,
        target: &Target,
        sending: Sending,
        committer: Committer,
        report: &mut Report,
    ) -> Result<(Committer, Arc<Archiver>)> {
        let Sending { plan, logs, origin, allow_missing_logs } = sending;
        let stop = Arc::clone(&self.stop);
        let bucket = Bucket::connect(target).await?;
        let sent = bucket.sent();
        let archiver = Arc::new(Archiver::new(bucket, target, Arc::clone(&logs), origin, self.clock));
        let mut progress = Progress::new(report.shows_progress(), plan.due.len(), plan.bytes());
        let feeder = Feeder {
            due: plan.due,
            store: fastflow::open(&self.config.host.database.value, Access::Read)?,
            ledger: committer.ledger.reader()?,
            archiver: Arc::clone(&archiver),
            spool_dir: self.config.host.state_dir.value.clone(),
            allow_missing_logs,
        };
        let (sender, mut outcomes) = mpsc::unbounded_channel::<RunOutcome>();
        let in_flight = usize::from(target.concurrency.value);
        let work =
            tokio::spawn(flow::run(feeder, Arc::clone(&archiver), committer, in_flight, Arc::clone(&stop), sender));
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
        if archiver.has_accepted_opaque() {
            let message = "the store's ETags prove nothing and it accepts wrong digests: its answers were taken for receipts \
                           because S3_ACCEPT_OPAQUE_ETAG is true; --proof readback proves them";
            report.warning(&Warning::new("opaque_etag_accepted", message));
        }
        report.stopped(stop.signal(), stop.cause());
        Ok((committer, archiver))
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
                    "ledger_head": committer.ledger.head().ok().map(|head| head.hash),
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
    fn end(&self, report: &mut Report, ledger: &mut Ledger) -> Result<()> {
        let exit = report.exit();
        ledger.end(exit.code(), report.summary_json(exit), self.clock.now())?;
        report.sealed(ledger.head()?.hash);
        Ok(())
    }
}

/// What goes into [`Session::send_all`].
struct Sending {
    plan: Plan,
    logs: Arc<LogsDir>,
    origin: Origin,
    allow_missing_logs: bool,
}

/// What must stop us, with what the ledger knows.
fn check_guards(plan: &Plan, logs: &LogsDir, spending: &Spending, ledger: Option<&Ledger>) -> Result<()> {
    let last = ledger.filter(|_| !spending.accept_moved_logs).map(Ledger::last_logs).transpose()?.flatten();
    // Another path is another directory, and the operator's decision.
    let last_volume = last.filter(|last| last.path == logs.path().to_string_lossy()).map(|last| last.volume);
    let guard = Guard { max_delete: spending.max_delete, last_volume };
    plan::check_guards(plan, logs, guard, |planned| {
        let Some(ledger) = ledger else { return Ok(false) };
        let recorded = ledger.recorded(&planned.run.id)?;
        let is_proven = recorded.is_some_and(|recorded| recorded.receipts.iter().any(Receipt::is_log));
        Ok(is_proven || ledger.is_log_removed(&planned.run.id)?)
    })
}

/// From now on, on a thread of its own: the first signal lets what is in flight finish; the second ends the process at once.
fn watch_signals(stop: Arc<Stop>) -> Result<()> {
    let failed = |error| Error::caused(Kind::Internal, "listen for signals", error);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let (mut interrupt, mut terminate) = {
        let _inside = runtime.enter();
        (signal(SignalKind::interrupt()).map_err(failed)?, signal(SignalKind::terminate()).map_err(failed)?)
    };
    let listen = async move {
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
    };
    let thread = std::thread::Builder::new().name("signals".to_owned());
    thread.spawn(move || runtime.block_on(listen)).map(drop).map_err(failed)
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    let built = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    built.map_err(|error| Error::caused(Kind::Internal, "start the runtime", error))
}

fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

fn user_name() -> String {
    let id = rustix::process::geteuid().as_raw();
    let name = ["USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok()).unwrap_or_default();
    if name.is_empty() { id.to_string() } else { format!("{name} ({id})") }
}
