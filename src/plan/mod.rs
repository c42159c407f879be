//! Which runs are due, why, with which files, and what must stop us: a value, computed once and spent unchanged.
//!
//! In: the store, the log directory, rules, the instant. Out: [`Plan`], which `backup` and `cleanup` spend; or, run by run, a
//! [`Search`], which `plan` prints as it goes, however many are due.

mod guard;
mod in_use;
mod reason;
mod search;
mod select;

use std::path::PathBuf;

pub use guard::{Guard, check as check_guards};
pub use reason::{Reason, Rule};
pub use search::{Found, Search};
pub use select::{Narrowing, NotDue, Rules, Selection, select};

use crate::bytes::ByteSize;
use crate::error::{Error, Result, Warning};
use crate::fastflow::{LogsDir, PlannedFile, RowError, Store};
use crate::run::Run;
use crate::time::Timestamp;

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

/// What there is to say of rows beside those that are due.
#[derive(Debug, Default)]
pub struct Remarks {
    /// Rows that cannot be understood.
    pub unreadable: Vec<RowError>,
    /// Runs that `--run` names and that are not due.
    pub not_due: Vec<NotDue>,
    /// Runs that `--run` names and that the database does not have.
    pub unknown: Vec<Error>,
    /// What an operator should know.
    pub warnings: Vec<Warning>,
}

/// What is to be done.
#[derive(Debug, Default)]
pub struct Plan {
    /// Due, the oldest first.
    pub due: Vec<PlannedRun>,
    /// Due, but refused.
    pub refused: Vec<RefusedRun>,
    /// What else there is to say.
    pub remarks: Remarks,
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

/// A whole [`Search`], kept; with the log directory, where it was needed.
pub fn build(
    store: &mut dyn Store,
    rules: &Rules,
    narrowing: &Narrowing,
    now: Timestamp,
    open_logs: impl FnOnce() -> Result<LogsDir>,
    go_on: impl Fn() -> Result<()>,
) -> Result<(Plan, Option<LogsDir>)> {
    let mut plan = Plan::default();
    let mut search = Search::begin(store, rules, narrowing, now, &go_on)?;
    plan.remarks = std::mem::take(&mut search.remarks);
    plan.due.reserve_exact(search.due_count());
    let as_found = |found: &mut dyn Iterator<Item = Found>, _: &LogsDir| found.collect::<Vec<_>>();
    let mut keep = |found| match found {
        Found::Due(planned) => plan.due.push(planned),
        Found::Refused(refused) => plan.refused.push(refused),
        Found::NotDue(not_due) => plan.remarks.not_due.push(not_due),
    };
    let logs = search.run(open_logs, as_found, |found| found.into_iter().for_each(&mut keep))?;
    Ok((plan, logs))
}
