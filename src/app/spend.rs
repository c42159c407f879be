//! `backup` and `cleanup`: the plan, spent, and the record of it.
//!
//! In: a [`Session`]. Out: objects, receipts, deletions; outcomes go to the report. A dry run ends before any of it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc;

use super::process::{be_alone, host_name, runtime, user_name};
use super::session::Session;
use crate::archive::{Archiver, Bucket, Origin, Receipt};
use crate::bytes::{ByteRate, ByteSize};
use crate::cleanup::{Remover, Truncator, finish_open_deletions};
use crate::cli::Cli;
use crate::config::{Host, Setting, Target};
use crate::error::{Error, Kind, Result, Warning};
use crate::fail_point;
use crate::fastflow::{self, Access, AuditEntry, LogsDir};
use crate::flow::{self, Committer, Feeder, RunOutcome};
use crate::ledger::{Anchor, Invocation, Ledger, LogsVolume};
use crate::plan::{self, Guard, Plan};
use crate::report::{Progress, Report};

/// How often the bar learns what was sent.
const REDRAW: Duration = Duration::from_millis(125);

/// What `backup` (the default) and `cleanup` differ in.
#[derive(Default)]
pub(super) struct Spending {
    pub(super) max_delete: Option<usize>,
    pub(super) accept_moved_logs: bool,
    pub(super) allow_missing_logs: bool,
    pub(super) delete: bool,
    pub(super) bwlimit: Option<ByteRate>,
}

impl Session {
    pub(super) fn spend_or_show(
        &self,
        cli: &Cli,
        report: &mut Report,
        dry_run: bool,
        spending: &Spending,
    ) -> Result<()> {
        if dry_run { self.dry_run(report, spending) } else { self.spend(cli, report, spending) }
    }

    /// `--dry-run`: the plan, as far as `backup` and `cleanup` would go with it.
    fn dry_run(&self, report: &mut Report, spending: &Spending) -> Result<()> {
        self.config.archive.target()?;
        let (mut plan, logs) = self.plan(None)?;
        report.begin(&mut plan, logs.as_ref())?;
        let ledger = self.known_ledger()?;
        if let Some(ledger) = &ledger {
            report.sealed(ledger.head()?.hash);
        }
        logs.map_or(Ok(()), |logs| check_guards(&plan, &logs, spending, ledger.as_ref()))
    }

    /// `backup` and `cleanup`: spends the plan.
    fn spend(&self, cli: &Cli, report: &mut Report, spending: &Spending) -> Result<()> {
        let target = self.config.archive.target()?;
        let Host { database, ledger: Setting { value: place, .. }, .. } = &self.config.host;
        let access = if spending.delete { Access::Write } else { Access::Read };
        let mut store = fastflow::open(&database.value, access)?;
        let command = cli.command.name();
        let (wait, now) = (cli.global.lock_wait, self.clock.now());
        let _lock = be_alone(place, store.as_mut(), wait, command, now, || self.stop.check())?;
        let host = host_name();
        let mut ledger = Ledger::open(place, &host, self.clock.now())?;
        let (mut plan, logs) = self.plan(Some(&place.spool_dir()))?;
        report.begin(&mut plan, logs.as_ref())?;
        report.sealed(ledger.head()?.hash);
        if let Some(logs) = &logs {
            check_guards(&plan, logs, spending, Some(&ledger))?;
        }
        let open_deletions = ledger.open_deletions()?;
        let is_empty = plan.due.totals().backlog.runs == 0;
        if is_empty && open_deletions.is_empty() {
            return Ok(());
        }
        let logs = Arc::new(logs.map_or_else(|| self.open_logs(), Ok)?);
        let volume = LogsVolume { path: logs.path().to_string_lossy().into_owned(), volume: logs.volume()? };
        ledger.begin(Invocation { command, host: host.clone(), user: user_name(), logs: Some(volume) }, self.now)?;
        fail_point::reached("begun");
        let left = finish_open_deletions(&mut ledger, store.as_mut(), &logs, &open_deletions, self.clock.now())?;
        left.iter().for_each(|warning| report.warning(warning));
        if is_empty {
            return self.end(report, &mut ledger);
        }
        let runtime = runtime()?;
        let origin = Origin { host: host.clone(), database: database.value.kind() };
        let remover = Remover::new(store, Arc::clone(&logs));
        let truncator = Truncator::new(Arc::clone(&logs));
        let committer =
            Committer { ledger, remover, truncator, deletes: spending.delete, is_recorded: true, clock: self.clock };
        let Spending { allow_missing_logs, bwlimit, .. } = *spending;
        let sending = Sending { plan, logs, origin, allow_missing_logs, bwlimit };
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
        let Sending { plan, logs, origin, allow_missing_logs, bwlimit } = sending;
        let stop = Arc::clone(&self.stop);
        let bucket = Bucket::connect(target).await?.limited_to(bwlimit.unwrap_or(ByteRate(None)));
        let sent = bucket.sent();
        let archiver = Arc::new(Archiver::new(bucket, target, Arc::clone(&logs), origin, self.clock));
        let due = plan.due.totals().backlog;
        let mut progress = Progress::new(report.shows_progress(), due.runs, due.bytes);
        let feeder = Feeder {
            due: plan.due,
            logs: Arc::clone(&logs),
            store: fastflow::open(&self.config.host.database.value, Access::Read)?,
            ledger: committer.ledger.reader()?,
            archiver: Arc::clone(&archiver),
            spool_dir: self.config.host.ledger.value.spool_dir(),
            allow_missing_logs,
        };
        let (sender, mut outcomes) = mpsc::unbounded_channel::<Vec<RunOutcome>>();
        let in_flight = usize::from(target.concurrency.value);
        let work =
            tokio::spawn(flow::run(feeder, Arc::clone(&archiver), committer, in_flight, Arc::clone(&stop), sender));
        let mut tick = tokio::time::interval(REDRAW);
        loop {
            tokio::select! {
                batch = outcomes.recv() => match batch {
                    Some(batch) => for outcome in batch {
                        progress.run_ended();
                        if report.shows_runs() || outcome.error.is_some() {
                            progress.beside(|| report.run(outcome, Some(&logs)));
                        } else {
                            report.run(outcome, Some(&logs));
                        }
                    },
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
    bwlimit: Option<ByteRate>,
}

/// Checks, with what the ledger knows, what would stop `cleanup` before anything changes.
pub(super) fn check_guards(plan: &Plan, logs: &LogsDir, spending: &Spending, ledger: Option<&Ledger>) -> Result<()> {
    let last = ledger.filter(|_| !spending.accept_moved_logs).map(Ledger::last_logs).transpose()?.flatten();
    // Another path is another directory, and the operator's decision.
    let last_volume = last.filter(|last| last.path == logs.path().to_string_lossy()).map(|last| last.volume);
    let guard = Guard { max_delete: spending.max_delete, last_volume };
    plan::check_guards(plan, logs, guard, |run| {
        let Some(ledger) = ledger else { return Ok(false) };
        let recorded = ledger.recorded(run)?;
        let is_proven = recorded.is_some_and(|recorded| recorded.receipts.iter().any(Receipt::is_log));
        Ok(is_proven || ledger.is_log_removed(run)?)
    })
}
