//! Due runs, one after the other, each with its files: what a plan is made of.
//!
//! In: the store, the rules, the log directory. Out: [`Found`] runs as they are found. Between them it holds what a row says of
//! each run, and no file: a million due runs fit into little memory.

use super::in_use::InUse;
use super::select::{self, Due, Narrowing, NotDue, Reason, Rules, Selection, select};
use super::{PlannedRun, RefusedRun, Remarks};
use crate::error::{Error, Kind, Result, Warning};
use crate::fastflow::{LogsDir, Paths, Store};
use crate::run::{Run, Status};
use crate::time::Timestamp;

/// Runs whose paths are asked for together.
pub(super) const STRETCH: usize = 1000;
/// Threads that look at files at the same time,
const LOOKERS: usize = 8;
/// where there are at least so many runs to look for.
const FEW: usize = 100;

/// What became of a run that was looked at.
#[derive(Debug)]
pub enum Found {
    /// It is due.
    Due(PlannedRun),
    /// It is due and cannot be archived.
    Refused(RefusedRun),
    /// It was named, and not even its log is too long.
    NotDue(NotDue),
}

/// The rows are read and judged; the files of what is due have not been looked for.
pub struct Search<'a> {
    /// What there is to say of the other rows.
    pub remarks: Remarks,
    store: &'a mut dyn Store,
    rules: &'a Rules,
    narrowing: &'a Narrowing,
    go_on: &'a dyn Fn() -> Result<()>,
    now: Timestamp,
    selection: Selection,
    active: Vec<Run>,
}

impl<'a> Search<'a> {
    /// Reads all rows and selects. An error of `go_on`, which is asked again and again, ends it, here and later.
    pub fn begin(
        store: &'a mut dyn Store,
        rules: &'a Rules,
        narrowing: &'a Narrowing,
        now: Timestamp,
        go_on: &'a dyn Fn() -> Result<()>,
    ) -> Result<Self> {
        let mut remarks = Remarks::default();
        let mut runs = Vec::new();
        let mut unknown_status = 0usize;
        let mut active = Vec::new();
        store.scan(&mut |row| match row {
            Ok(run) => {
                unknown_status += usize::from(run.status == Status::Unknown);
                active.extend((!run.status.is_finished()).then(|| run.clone()));
                runs.push(run);
            }
            Err(row) => {
                // Nobody knows whether it is active.
                active.extend(row.id.map(Run::of_unknown_state));
                if narrowing.may_concern(row.id.as_ref(), row.pipeline.as_deref()) {
                    remarks.unreadable.push(row);
                }
            }
        })?;
        if unknown_status > 0 {
            let message =
                format!("{unknown_status} runs have a status this version does not know; they are left alone");
            remarks.warnings.push(Warning::new("unknown_status", message));
        }
        go_on()?;
        let mut selection = select(runs, rules, narrowing, now);
        remarks.not_due = std::mem::take(&mut selection.not_due);
        let unreadable_ids: Vec<_> = remarks.unreadable.iter().filter_map(|row| row.id).collect();
        let unknown = selection.unknown_runs.iter().filter(|id| !unreadable_ids.contains(id));
        remarks.unknown = unknown
            .map(|id| {
                Error::new(Kind::UnknownRun, format!("find run {id}: the database does not have it"))
                    .hint("check the id; a run that was archived and deleted is in the archive under this id")
            })
            .collect();
        remarks.warnings.extend(selection.unknown_pipelines.iter().map(|name| {
            Warning::new("unknown_pipeline", format!("no run belongs to a pipeline `{}`", name.escape_debug()))
        }));
        Ok(Search { remarks, store, rules, narrowing, go_on, now, selection, active })
    }

    /// How many runs are due by their rows.
    pub fn due_count(&self) -> usize {
        self.selection.due.len()
    }

    /// Looks for the files of what is due, the oldest first, and hands each run to `each`.
    ///
    /// `open_logs` is called only where something is due: an unmounted log directory does not matter otherwise. Out: the log
    /// directory, where it was opened.
    pub fn run(
        mut self,
        open_logs: impl FnOnce() -> Result<LogsDir>,
        mut each: impl FnMut(Found, &LogsDir),
    ) -> Result<Option<LogsDir>> {
        let (due, unruled) = (std::mem::take(&mut self.selection.due), std::mem::take(&mut self.selection.unruled));
        let logs = match open_logs {
            _ if due.is_empty() && unruled.is_empty() => return Ok(None),
            open_logs if due.is_empty() => match open_logs() {
                Ok(logs) => logs,
                // Nothing points into it that must leave.
                Err(_) => return Ok(None),
            },
            open_logs => open_logs()?,
        };
        let in_use = InUse::by(&self.active, self.store, &logs)?;
        let mut count = 0;
        for stretch in due.chunks(STRETCH) {
            (self.go_on)()?;
            let paths = self.paths(stretch.iter().map(|due| &due.run))?;
            let judge = |due: &Due, paths| judge(due, due.reason(self.rules, self.now), paths, &logs, &in_use);
            for found in at_once(stretch, paths, &judge).into_iter().flatten() {
                count += 1;
                each(found, &logs);
            }
        }
        self.find_long_logs(&unruled, count, &logs, &in_use, &mut each)?;
        Ok(Some(logs))
    }

    fn paths<'r>(&mut self, runs: impl Iterator<Item = &'r Run>) -> Result<Vec<Result<Option<Paths>>>> {
        self.store.paths(&runs.collect::<Vec<_>>())
    }

    /// Finds runs that no other rule names and whose logs are too long.
    fn find_long_logs(
        &mut self,
        runs: &[Run],
        due: usize,
        logs: &LogsDir,
        in_use: &InUse,
        each: &mut impl FnMut(Found, &LogsDir),
    ) -> Result<()> {
        let Some(kept) = self.rules.max_log else { return Ok(()) };
        let mut room = self.narrowing.limit.map_or(usize::MAX, |limit| limit.saturating_sub(due));
        for stretch in runs.chunks(STRETCH) {
            (self.go_on)()?;
            for (run, paths) in stretch.iter().zip(self.paths(stretch.iter())?) {
                let Some(paths) = paths.transpose() else { continue };
                // A run that stays and whose log may not be touched is nobody's concern yet.
                let found = paths.and_then(|paths| logs.find_log(&paths)).ok().flatten();
                match found.filter(|log| log.identity.size > kept && room > 0 && !in_use.holds(log)) {
                    Some(log) => {
                        let reason = Reason { over_size: Some((log.identity.size, kept)), ..Reason::default() };
                        room -= 1;
                        let planned = PlannedRun { run: run.clone(), reason, files: vec![log], missing_log: None };
                        each(Found::Due(planned), logs);
                    }
                    None if self.narrowing.runs.contains(&run.id) => {
                        each(Found::NotDue(NotDue { run: run.clone(), why: select::NO_RULE.to_owned() }), logs);
                    }
                    None => {}
                }
            }
        }
        Ok(())
    }
}

/// A due run with its files; `None` where it is gone since its row was read.
fn judge(due: &Due, reason: Reason, paths: Result<Option<Paths>>, logs: &LogsDir, in_use: &InUse) -> Option<Found> {
    let run = due.run.clone();
    let found = paths.transpose()?.and_then(|paths| logs.find(&run.id, &paths));
    Some(match found.and_then(|found| in_use.judge(found)) {
        Ok(found) => Found::Due(PlannedRun { run, reason, files: found.files, missing_log: found.missing_log }),
        Err(error) => Found::Refused(RefusedRun { run, reason, error }),
    })
}

/// Judges several at a time, in their order: on a network file system, most of it is waiting.
fn at_once<T: Send>(
    stretch: &[Due],
    paths: Vec<Result<Option<Paths>>>,
    judge: &(impl Fn(&Due, Result<Option<Paths>>) -> T + Sync),
) -> Vec<T> {
    if stretch.len() < FEW {
        return stretch.iter().zip(paths).map(|(due, paths)| judge(due, paths)).collect();
    }
    let mut paths = paths.into_iter();
    std::thread::scope(|scope| {
        let share = stretch.len().div_ceil(LOOKERS);
        let lookers: Vec<_> = stretch
            .chunks(share)
            .map(|part| {
                let paths: Vec<_> = paths.by_ref().take(part.len()).collect();
                scope.spawn(move || part.iter().zip(paths).map(|(due, paths)| judge(due, paths)).collect::<Vec<_>>())
            })
            .collect();
        lookers
            .into_iter()
            .flat_map(|looker| looker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}
