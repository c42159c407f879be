//! What must stop us before anything changes: signs that the instance is not what it should be.
//!
//! In: the plan, the log directory, which runs the ledger proves. Out: nothing, or the [`Error`] of the guard.

use super::Plan;
use crate::error::{Error, Kind, Result};
use crate::fastflow::{LogsDir, Volume};
use crate::run::RunId;

/// From this many due runs on, more than half without a log stop the invocation (design.md section 1, 6).
const ENOUGH_TO_JUDGE: usize = 10;

/// The limits of one invocation.
#[derive(Debug, Clone, Copy, Default)]
pub struct Guard {
    /// More due runs than this stop it.
    pub max_delete: Option<usize>,
    /// What the log directory lay on last time; `None` where that is not known, or was accepted to change.
    pub last_volume: Option<Volume>,
}

/// Checks every guard. `is_archived` tells whether the ledger proves a run: then a missing log is no sign of trouble, but
/// of an earlier call that was cut off.
pub fn check(
    plan: &Plan,
    logs: &LogsDir,
    guard: Guard,
    mut is_archived: impl FnMut(&RunId) -> Result<bool>,
) -> Result<()> {
    let totals = plan.due.totals();
    let deletions = plan.refused.len() + totals.backlog.runs - totals.cuts;
    if let Some(limit) = guard.max_delete.filter(|limit| deletions > *limit) {
        let message = format!("begin: {deletions} runs are due, --max-delete allows {limit}");
        return Err(Error::new(Kind::TooManyDue, message)
            .hint("look at `fastflow-archive plan`; raise --max-delete, or take a part with --limit"));
    }
    let shown = logs.path().display();
    if let Some(last) = guard.last_volume
        && plan.due_count() > 0
        && !logs.volume()?.is_same(&last)
    {
        let message = format!("begin: the log directory `{shown}` lies on another volume than last time");
        return Err(Error::new(Kind::LogsMoved, message)
            .hint("is the right volume mounted? if it was moved on purpose, say --accept-moved-logs once"));
    }
    let mut without_log = 0;
    for run in &totals.without_log {
        without_log += usize::from(!is_archived(run)?);
    }
    let hint = "is the volume mounted? check --logs-dir and --path-map";
    if without_log > 0 && logs.is_empty()? {
        let message = format!("begin: the log directory `{shown}` is empty, but {without_log} due runs point into it");
        return Err(Error::new(Kind::LogsNotMounted, message).hint(hint));
    }
    let due = totals.backlog.runs;
    if due >= ENOUGH_TO_JUDGE && without_log * 2 > due {
        let message = format!("begin: {without_log} of {due} due runs have no log in `{shown}`");
        return Err(Error::new(Kind::LogsMostlyMissing, message).hint(hint));
    }
    Ok(())
}
