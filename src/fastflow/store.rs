//! What we ask of Fast-Flow's database, whichever it is.
//!
//! The trait is synchronous: each store belongs to one thread, and a PostgreSQL store drives its own connection there.

use std::io::{BufRead, Write};

use serde_json::{Map, Value};

use super::record::{Fingerprint, Record};
use crate::config::SettingsPage;
use crate::error::{Error, Kind, Result};
use crate::run::{Run, RunId, Standing, Status};
use crate::time::Timestamp;

/// The columns of `pipeline_runs` without which a database is not one of Fast-Flow.
pub(super) const NEEDED_COLUMNS: [&str; 6] = ["id", "pipeline_name", "status", "log_file", "started_at", "finished_at"];

/// What the connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reading only: changes nothing, also not on disk.
    Read,
    /// Reading and, in [`Store::remove`], [`Store::restore`] and [`Store::audit`], writing.
    Write,
}

/// A row that cannot be understood; it is never due.
#[derive(Debug)]
pub struct RowError {
    /// The id, where at least that is readable.
    pub id: Option<RunId>,
    /// The pipeline, where readable.
    pub pipeline: Option<String>,
    /// Why.
    pub error: Error,
}

/// The paths of a run as stored: as the orchestrator sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// `log_file`.
    pub log: String,
    /// `metrics_file`; NULL for cancelled runs, whose metrics lie in a file named after the run.
    pub metrics: Option<String>,
}

/// One run that may be removed, if it still is what was archived.
pub struct Removal {
    /// Which.
    pub id: RunId,
    /// What row and cells were when they were archived.
    pub fingerprint: Fingerprint,
}

impl Removal {
    /// Whether the run, as it was read in the transaction that is to delete it, is there, finished and as archived.
    pub(super) fn check(&self, found: Option<(Record, Status)>) -> Result<()> {
        let id = self.id;
        match found {
            None => Err(Error::new(Kind::RunChanged, format!("delete run {id}: the row is gone already"))),
            Some((_, status)) if !status.is_finished() => {
                Err(Error::new(Kind::RunActive, format!("delete run {id}: it is {status} again")))
            }
            Some((record, _)) if record.fingerprint != self.fingerprint => {
                let message = format!("delete run {id}: the row or its cells changed while it was archived");
                Err(Error::new(Kind::RunChanged, message).hint("nothing is lost; the next call archives it anew"))
            }
            Some(_) => Ok(()),
        }
    }
}

/// The summary row for Fast-Flow's own audit page.
#[derive(Debug)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// What, such as `log_archive_cleanup`.
    pub action: &'static str,
    /// Counts and the ledger's invocation, as JSON.
    pub details: serde_json::Value,
}

/// The columns of `pipeline_runs` that Fast-Flow 1.1.3 has.
pub(super) const KNOWN_COLUMNS: [&str; 17] = [
    "id",
    "pipeline_name",
    "status",
    "log_file",
    "metrics_file",
    "env_vars",
    "parameters",
    "uv_version",
    "setup_duration",
    "started_at",
    "finished_at",
    "exit_code",
    "triggered_by",
    "run_config_id",
    "git_sha",
    "git_branch",
    "git_commit_message",
];

/// How it stands with a database, for `doctor`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// What answers, such as `SQLite 3.50.4, journal mode wal`.
    pub engine: String,
    /// How times of runs are stored, such as `UTC text`.
    pub time_zone: String,
    /// Columns of `pipeline_runs` that newer databases have and this one lacks.
    pub missing_columns: Vec<String>,
    /// Columns of `pipeline_runs` that this version does not know; they are archived like the others.
    pub unknown_columns: Vec<String>,
    /// Tables besides `run_cell_logs` whose rows refer to runs: they would refer to nothing once a run is deleted.
    pub unknown_children: Vec<String>,
    /// The last summary of this tool on the audit page.
    pub last_audit: LastAudit,
}

/// What the audit page says of the last call of this tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LastAudit {
    /// It may not be read.
    Hidden,
    /// Nothing, or there is no such page.
    Nothing,
    /// When it was, and the head of the ledger it was written with.
    At(Timestamp, String),
}

impl From<Option<(Timestamp, String)>> for LastAudit {
    fn from(found: Option<(Timestamp, String)>) -> Self {
        found.map_or(LastAudit::Nothing, |(at, head)| LastAudit::At(at, head))
    }
}

/// Fast-Flow's database.
pub trait Store: Send {
    /// The row of the Settings page; empty where the database has none. An unreadable one is an error.
    fn settings_page(&mut self) -> Result<SettingsPage>;

    /// Reads every row of `pipeline_runs`, in no particular order, page by page, without holding a transaction; `each` takes those
    /// that are `wanted` and those that cannot be read. Out: how many rows there are.
    fn scan(
        &mut self,
        wanted: &(dyn Fn(&Standing) -> bool + Sync),
        each: &mut dyn FnMut(Result<Run, RowError>),
    ) -> Result<usize>;

    /// The paths of these runs, in their order; `None` where a run is gone, an error where its row holds none.
    fn paths(&mut self, runs: &[&Run]) -> Result<Vec<Result<Option<Paths>>>>;

    /// Whether there is such a run.
    fn has(&mut self, id: &RunId) -> Result<bool>;

    /// The whole row, and its notebook cells as JSON Lines into `cells` (nothing where there are none), of one moment.
    /// `None` where the run is gone.
    fn record(&mut self, id: &RunId, cells: &mut dyn Write) -> Result<Option<Record>>;

    /// Removes rows and children, as many as fit into one short write transaction, at least one; the outcomes are those of
    /// the first runs, in their order.
    ///
    /// For each run, within the transaction: the row must be there, finished and as archived; children and row are deleted;
    /// `unlink` removes its files; if that fails, this run's row stays. An `Err` of the whole means that nothing was committed
    /// (files that `unlink` removed are gone).
    fn remove(&mut self, runs: &[Removal], unlink: &mut dyn FnMut(usize) -> Result<()>) -> Result<Vec<Result<()>>>;

    /// Puts an archived row and its cells back, in one write transaction, where no row has the id. In: the columns and lines
    /// that [`Store::record`] gave; columns that the tables lack are left out, `env_vars` are empty.
    ///
    /// `before_commit` comes last; if it fails, or the row does not read back as it was archived, nothing has changed.
    fn restore(
        &mut self,
        id: &RunId,
        columns: &Map<String, Value>,
        cells: &mut dyn BufRead,
        before_commit: &mut dyn FnMut() -> Result<()>,
    ) -> Result<()>;

    /// How it stands with the database; changes nothing.
    fn condition(&mut self) -> Result<Condition>;

    /// Begins to write and takes it back at once: whether rows could be removed now. Needs [`Access::Write`].
    fn try_write(&mut self) -> Result<()>;

    /// Keeps out other hosts for as long as this store is open: `Some` names who was faster. Where the database lies on one
    /// machine, the lock in the state directory does it alone.
    fn keep_others_out(&mut self) -> Result<Option<String>>;

    /// Who keeps others out now; takes nothing.
    fn kept_out_by(&mut self) -> Result<Option<String>>;

    /// Writes the row for the audit page; `false` where the database has no such table.
    fn audit(&mut self, entry: &AuditEntry) -> Result<bool>;
}
