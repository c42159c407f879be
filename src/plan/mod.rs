//! Which runs are due, why, with which files, and what must stop us: a value, computed once and spent unchanged.
//!
//! In: the store, the log directory, rules, the instant. Out: [`Plan`], which `backup` and `cleanup` spend; or, run by run, a
//! [`Search`], which `plan` prints as it goes, however many are due.

mod backlog;
mod excess;
mod guard;
mod in_use;
mod kept;
mod lookers;
mod order;
mod reason;
mod search;
mod select;

use std::path::Path;

use serde::{Deserialize, Serialize};

pub use backlog::Backlog;
pub use guard::{Guard, check as check_guards};
use kept::Packed;
pub use kept::{KeptRuns, Totals};
pub use reason::{Reason, Rule};
pub use search::{Found, NotPlanned, Search};
pub use select::{Narrowing, NotDue, Rules, Selection, select};

use crate::bytes::ByteSize;
use crate::error::{Error, Result, Warning};
use crate::fastflow::{LogPath, LogsDir, PlannedFile, RowError, Store};
use crate::run::Run;
use crate::time::Timestamp;

/// Runs whose paths are asked for together.
const STRETCH: usize = 2000;

/// A due run and its files as they were found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedRun {
    /// The run.
    pub run: Run,
    /// Why it is due.
    pub reason: Reason,
    /// Its files, the log first.
    pub files: Vec<PlannedFile>,
    /// Where its log should be, if it is not there.
    pub missing_log: Option<LogPath>,
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
    pub due: KeptRuns,
    /// Due, but refused.
    pub refused: Vec<RefusedRun>,
    /// What else there is to say.
    pub remarks: Remarks,
}

impl Plan {
    /// How many runs a rule names, whether or not they can be archived.
    pub fn due_count(&self) -> usize {
        self.due.totals().backlog.runs + self.refused.len()
    }
}

/// A whole [`Search`], kept, where it is long in a file in `folder`; with the log directory, where it was needed.
pub fn build(
    store: &mut dyn Store,
    rules: &Rules,
    narrowing: &Narrowing,
    now: Timestamp,
    folder: Option<&Path>,
    open_logs: impl FnOnce() -> Result<LogsDir>,
    go_on: impl Fn() -> Result<()>,
) -> Result<(Plan, Option<LogsDir>)> {
    let mut plan = Plan { due: folder.map(KeptRuns::in_folder).unwrap_or_default(), ..Plan::default() };
    let mut search = Search::begin(store, rules, narrowing, now, &go_on)?;
    plan.remarks = std::mem::take(&mut search.remarks);
    let pack = |found: &mut dyn Iterator<Item = Found>, _: &LogsDir| {
        let (mut packed, mut others) = (Packed::default(), Vec::new());
        for found in found {
            match found {
                Found::Due(planned) => packed.push(&planned)?,
                Found::Not(other) => others.push(other),
            }
        }
        Ok((packed, others))
    };
    let logs = search.run(open_logs, pack, |found: Result<(Packed, Vec<NotPlanned>)>| {
        let (packed, others) = found?;
        for other in others {
            match other {
                NotPlanned::Refused(refused) => plan.refused.push(refused),
                NotPlanned::NotDue(not_due) => plan.remarks.not_due.push(not_due),
            }
        }
        plan.due.add(packed)
    })?;
    Ok((plan, logs))
}
