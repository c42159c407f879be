//! Due runs, one after the other, each with its files: what a plan is made of.
//!
//! In: the store, the rules, the log directory. Out: [`Found`] runs as they are found. Between them it holds what a row says of
//! each run, and no file: a million due runs fit into little memory.

use super::in_use::InUse;
use super::lookers::{Lookers, Share};
use super::reason::Reason;
use super::select::{self, Narrowing, NotDue, Rules, Selection, select};
use super::{PlannedRun, RefusedRun, Remarks, STRETCH};
use crate::error::{Error, Kind, Result, Warning};
use crate::fastflow::{LogsDir, Paths, RunFiles, Store};
use crate::run::{Run, Standing, Status};
use crate::time::Timestamp;

/// One run in so many is many.
const MANY: usize = 8;

/// What became of a run that was looked at.
#[derive(Debug)]
pub enum Found {
    /// It is due.
    Due(PlannedRun),
    /// Nothing is to be done with it.
    Not(NotPlanned),
}

/// A run with which nothing is to be done.
#[derive(Debug)]
pub enum NotPlanned {
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
    /// How many rows there are.
    rows: usize,
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
        // What is named has to be told of, whether or not it is due.
        let is_named = !narrowing.runs.is_empty() || !narrowing.pipelines.is_empty();
        let concerns = |run: &Standing| is_named || rules.concern(run, now);
        let wanted = |run: &Standing| !run.status.is_finished() || concerns(run);
        let rows = store.scan(&wanted, &mut |row| match row {
            Ok(run) => {
                unknown_status += usize::from(run.status == Status::Unknown);
                active.extend((!run.status.is_finished()).then(|| run.clone()));
                // Of those that have ended, no others were wanted.
                if run.status.is_finished() || concerns(&run.standing()) {
                    runs.push(run);
                }
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
        Ok(Search { remarks, store, rules, narrowing, go_on, now, selection, active, rows })
    }

    /// Looks for the files of what is due, the oldest first, and hands the runs to `each`, in order, some at a time, as what
    /// `gather` made of them in one of several threads. An error of `each` ends it.
    ///
    /// `open_logs` is called only where something is due: an unmounted log directory does not matter otherwise. Out: the log
    /// directory, where it was opened.
    pub fn run<T: Send>(
        mut self,
        open_logs: impl FnOnce() -> Result<LogsDir>,
        gather: impl Fn(&mut dyn Iterator<Item = Found>, &LogsDir) -> T + Sync,
        mut each: impl FnMut(T) -> Result<()>,
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
        let count = due.len();
        let (rules, now) = (self.rules, self.now);
        // Where many are due, one listing says more, and sooner, than a look for each.
        let listed = if count >= STRETCH && count * MANY >= self.rows { logs.list().ok() } else { None };
        let selection = std::mem::take(&mut self.selection);
        let judge = |(run, paths): (Run, Result<Option<Paths>>)| {
            let reason = selection.reason(&run, rules, now);
            let found = paths.transpose()?.and_then(|paths| logs.find(&run.id, &paths, listed.as_ref()));
            Some(match found.and_then(|found| in_use.judge(found)) {
                Ok(RunFiles { files, missing_log }) => Found::Due(PlannedRun { run, reason, files, missing_log }),
                Err(error) => Found::Not(NotPlanned::Refused(RefusedRun { run, reason, error })),
            })
        };
        let judge = |share: Share| gather(&mut share.into_iter().filter_map(judge), &logs);
        std::thread::scope(|scope| -> Result<()> {
            let mut lookers = Lookers::begin(scope, count, &judge);
            for stretch in stretches(due) {
                (self.go_on)()?;
                let paths = self.paths(stretch.iter())?;
                // While the files of one stretch are looked for, what became of the one before is handed on.
                lookers.look(stretch, paths, &mut each)?;
            }
            lookers.end(&mut each)
        })?;
        self.find_long_logs(&unruled, count, &logs, &in_use, &mut |found| each(gather(&mut found.into_iter(), &logs)))?;
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
        each: &mut impl FnMut(Vec<Found>) -> Result<()>,
    ) -> Result<()> {
        let Some(kept) = self.rules.max_log else { return Ok(()) };
        let mut room = self.narrowing.limit.map_or(usize::MAX, |limit| limit.saturating_sub(due));
        for stretch in runs.chunks(STRETCH) {
            (self.go_on)()?;
            let mut all = Vec::new();
            for (run, paths) in stretch.iter().zip(self.paths(stretch.iter())?) {
                let Some(paths) = paths.transpose() else { continue };
                // A run that stays and whose log may not be touched is nobody's concern yet.
                let found = paths.and_then(|paths| logs.find_log(&paths)).ok().flatten();
                match found.filter(|log| log.identity.size > kept && room > 0 && !in_use.holds(log)) {
                    Some(log) => {
                        let reason = Reason { over_size: Some((log.identity.size, kept)), ..Reason::default() };
                        room -= 1;
                        let planned = PlannedRun { run: run.clone(), reason, files: vec![log], missing_log: None };
                        all.push(Found::Due(planned));
                    }
                    None if self.narrowing.runs.contains(&run.id) => {
                        let not_due = NotDue { run: run.clone(), why: select::NO_RULE.to_owned() };
                        all.push(Found::Not(NotPlanned::NotDue(not_due)));
                    }
                    None => {}
                }
            }
            each(all)?;
        }
        Ok(())
    }
}

/// Stretches of due runs from the first on; the memory of what has been handed out is given back by and by.
fn stretches(mut due: Vec<Run>) -> impl Iterator<Item = Vec<Run>> {
    due.reverse();
    std::iter::from_fn(move || {
        let mut stretch = due.split_off(due.len().saturating_sub(STRETCH));
        if due.len() < due.capacity() / 2 {
            due.shrink_to_fit();
        }
        stretch.reverse();
        (!stretch.is_empty()).then_some(stretch)
    })
}
