//! Which runs are due, why, with which files, and what must stop us: a value, computed once and spent unchanged.
//!
//! In: the store, the log directory, rules, the instant. Out: [`Plan`]. `plan` prints it; `backup` and `cleanup` spend the same.

mod guard;
mod in_use;
mod select;

use std::path::PathBuf;

pub use guard::{Guard, check as check_guards};
use in_use::InUse;
pub use select::{Due, Narrowing, NotDue, Reason, Rule, Rules, Selection, select};

use crate::bytes::ByteSize;
use crate::error::{Error, Kind, Result, Warning};
use crate::fastflow::{LogsDir, PlannedFile, RowError, Store};
use crate::run::{Run, RunId, Status};
use crate::time::Timestamp;

/// Runs whose paths are asked for together.
const AHEAD: usize = 1000;

/// A due run and its files as they were found.
#[derive(Debug)]
pub struct PlannedRun {
    /// The run.
    pub run: Run,
    /// Why it is due.
    pub reason: Reason,
    /// Its files, the log first.
    pub files: Vec<PlannedFile>,
    /// Where its log should be, if it is not there.
    pub missing_log: Option<PathBuf>,
}

impl PlannedRun {
    /// Whether only its log is cut, and the run stays.
    pub fn is_cut(&self) -> bool {
        self.reason.rule() == Rule::LogMaxSize
    }

    /// What its files weigh.
    pub fn bytes(&self) -> ByteSize {
        self.files.iter().map(|file| file.identity.size).sum()
    }
}

/// A due run that cannot be archived: its files are not where they may be.
#[derive(Debug)]
pub struct RefusedRun {
    /// The run.
    pub run: Run,
    /// Why it is due.
    pub reason: Reason,
    /// Why it is refused.
    pub error: Error,
}

/// What is to be done.
#[derive(Debug, Default)]
pub struct Plan {
    /// Due, the oldest first.
    pub due: Vec<PlannedRun>,
    /// Due, but refused.
    pub refused: Vec<RefusedRun>,
    /// Rows that cannot be understood.
    pub unreadable: Vec<RowError>,
    /// Runs that `--run` names and that are not due.
    pub not_due: Vec<NotDue>,
    /// Runs that `--run` names and that the database does not have.
    pub unknown: Vec<Error>,
    /// What an operator should know.
    pub warnings: Vec<Warning>,
}

impl Plan {
    /// What all due files weigh.
    pub fn bytes(&self) -> ByteSize {
        self.due.iter().map(PlannedRun::bytes).sum()
    }

    /// How many runs a rule names, whether or not they can be archived.
    pub fn due_count(&self) -> usize {
        self.due.len() + self.refused.len()
    }
}

/// Reads all runs, selects, and finds the files of what is due.
///
/// `open_logs` is called only where something is due: an unmounted log directory does not matter otherwise. An error of
/// `go_on`, which is asked again and again, ends it.
pub fn build(
    store: &mut dyn Store,
    rules: &Rules,
    narrowing: &Narrowing,
    now: Timestamp,
    open_logs: impl FnOnce() -> Result<LogsDir>,
    go_on: impl Fn() -> Result<()>,
) -> Result<(Plan, Option<LogsDir>)> {
    let mut plan = Plan::default();
    let mut runs = Vec::new();
    let mut unknown_status = 0usize;
    let mut active = Vec::new();
    store.scan(&mut |row| match row {
        Ok(run) => {
            unknown_status += usize::from(run.status == Status::Unknown);
            active.extend((!run.status.is_finished()).then_some(run.id));
            runs.push(run);
        }
        // Nobody knows whether it is active.
        Err(row) => {
            active.extend(row.id);
            if narrowing.may_concern(row.id.as_ref(), row.pipeline.as_deref()) {
                plan.unreadable.push(row);
            }
        }
    })?;
    if unknown_status > 0 {
        let message = format!("{unknown_status} runs have a status this version does not know; they are left alone");
        plan.warnings.push(Warning::new("unknown_status", message));
    }
    go_on()?;
    let selection = select(runs, rules, narrowing, now);
    plan.not_due = selection.not_due;
    let unreadable_ids: Vec<_> = plan.unreadable.iter().filter_map(|row| row.id).collect();
    let unknown = selection.unknown_runs.into_iter().filter(|id| !unreadable_ids.contains(id));
    plan.unknown = unknown
        .map(|id| {
            Error::new(Kind::UnknownRun, format!("find run {id}: the database does not have it"))
                .hint("check the id; a run that was archived and deleted is in the archive under this id")
        })
        .collect();
    plan.warnings.extend(selection.unknown_pipelines.iter().map(|name| {
        Warning::new("unknown_pipeline", format!("no run belongs to a pipeline `{}`", name.escape_debug()))
    }));
    let logs = match open_logs {
        _ if selection.due.is_empty() && selection.unruled.is_empty() => return Ok((plan, None)),
        open_logs if selection.due.is_empty() => match open_logs() {
            Ok(logs) => logs,
            // Nothing points into it that must leave.
            Err(_) => return Ok((plan, None)),
        },
        open_logs => open_logs()?,
    };
    let in_use = InUse::by(&active, store, &logs)?;
    let ids: Vec<RunId> = selection.due.iter().map(|due| due.run.id).collect();
    for (index, due) in selection.due.into_iter().enumerate() {
        go_on()?;
        look_ahead(store, &ids, index)?;
        let Some(paths) = store.paths(&due.run.id).transpose() else { continue };
        match paths.and_then(|paths| logs.find(&due.run.id, &paths)).and_then(|found| in_use.judge(found)) {
            Ok(found) => plan.due.push(PlannedRun {
                run: due.run,
                reason: due.reason,
                files: found.files,
                missing_log: found.missing_log,
            }),
            Err(error) if error.kind == Kind::DatabaseUnreadable || error.kind == Kind::DatabaseBusy => {
                return Err(error);
            }
            Err(error) => plan.refused.push(RefusedRun { run: due.run, reason: due.reason, error }),
        }
    }
    add_long_logs(&mut plan, store, &logs, &in_use, selection.unruled, rules, narrowing)?;
    Ok((plan, Some(logs)))
}

/// Tells the store, where a stretch of `ids` begins, whose paths that is.
fn look_ahead(store: &mut dyn Store, ids: &[RunId], index: usize) -> Result<()> {
    match ids.get(index..(index + AHEAD).min(ids.len())) {
        Some(stretch) if index.is_multiple_of(AHEAD) => store.look_ahead(stretch),
        _ => Ok(()),
    }
}

/// Adds runs that no other rule names and whose logs are too long.
fn add_long_logs(
    plan: &mut Plan,
    store: &mut dyn Store,
    logs: &LogsDir,
    in_use: &InUse,
    runs: Vec<Run>,
    rules: &Rules,
    narrowing: &Narrowing,
) -> Result<()> {
    let Some(kept) = rules.max_log else { return Ok(()) };
    let room = narrowing.limit.map_or(usize::MAX, |limit| limit.saturating_sub(plan.due_count()));
    let mut added = 0;
    let ids: Vec<RunId> = runs.iter().map(|run| run.id).collect();
    for (index, run) in runs.into_iter().enumerate() {
        look_ahead(store, &ids, index)?;
        let Some(paths) = store.paths(&run.id).transpose() else { continue };
        // A run that stays and whose log may not be touched is nobody's concern yet.
        let found = paths.and_then(|paths| logs.find_log(&paths)).ok().flatten();
        match found.filter(|log| log.identity.size > kept && added < room && !in_use.holds(log)) {
            Some(log) => {
                let reason = Reason { over_size: Some((log.identity.size, kept)), ..Reason::default() };
                plan.due.push(PlannedRun { run, reason, files: vec![log], missing_log: None });
                added += 1;
            }
            None if narrowing.runs.contains(&run.id) => {
                plan.not_due.push(NotDue { run, why: select::NO_RULE.to_owned() });
            }
            None => {}
        }
    }
    Ok(())
}
