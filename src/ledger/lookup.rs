//! What earlier invocations recorded: of a run, of all, of the whole chain.
//!
//! In: the ledger. Out: receipts, heads, runs, lines. Reads only.

use super::chain::{Fault, Walk};
use super::entry::{ArchivedLine, Line, LogsVolume, What};
use super::{ArchivedRun, Ledger, Recorded, RecordedHead};
use crate::archive::Receipt;
use crate::error::Result;
use crate::run::RunId;
use crate::time::Timestamp;

/// So many invocations in a row that used no log directory, and it is not known.
const LAST_BEGAN: i64 = 100;

impl Ledger {
    /// The log directory of the last invocation that used it.
    pub fn last_logs(&self) -> Result<Option<LogsVolume>> {
        let body = self.storage.began(LAST_BEGAN)?.into_iter().find(|body| body.contains("\"logs\":"));
        match body.map(|body| self.parse(&body)).transpose()? {
            Some(What::Began { logs, .. }) => Ok(logs),
            _ => Ok(None),
        }
    }

    /// The newest receipts of a run; `None` where it was never archived completely.
    pub fn recorded(&self, run: &RunId) -> Result<Option<Recorded>> {
        self.recorded_in(self.archived(run, true)?.last())
    }

    /// What [`Ledger::recorded`] and [`Ledger::heads`] know of a run, asked once.
    pub fn history(&self, run: &RunId) -> Result<(Option<Recorded>, Vec<RecordedHead>)> {
        let archived = self.archived(run, false)?;
        Ok((self.recorded_in(archived.last())?, self.heads_in(run, &archived)?))
    }

    fn recorded_in(&self, newest: Option<&(i64, ArchivedLine)>) -> Result<Option<Recorded>> {
        let Some((_, line)) = newest else { return Ok(None) };
        Ok(Some(Recorded {
            fingerprint: self.readable(line.fingerprint())?,
            receipts: self.readable(line.receipts())?,
        }))
    }

    /// Hands over every run that was archived, the newest record of each, in the order of run ids; memory does not grow.
    pub fn each_recorded(&self, mut each: impl FnMut(ArchivedRun) -> Result<()>) -> Result<()> {
        self.storage.each_newest(&mut |body| {
            let What::Archived(line) = self.parse(body)? else { return self.readable(None) };
            let receipts = self.readable(line.receipts())?;
            let run = self.readable(line.run_id.parse().ok())?;
            each(ArchivedRun { run, pipeline: line.pipeline, rule: line.rule, receipts })
        })
    }

    /// Everything that was to be cut off a run's log, in order, since it was last brought back.
    pub fn heads(&self, run: &RunId) -> Result<Vec<RecordedHead>> {
        self.heads_in(run, &self.archived(run, false)?)
    }

    fn heads_in(&self, run: &RunId, archived: &[(i64, ArchivedLine)]) -> Result<Vec<RecordedHead>> {
        let mut heads = Vec::new();
        for (seq, line) in archived {
            for receipt in self.readable(line.receipts())?.into_iter().filter(Receipt::is_head) {
                heads.push((*seq, receipt));
            }
        }
        if heads.is_empty() {
            return Ok(Vec::new());
        }
        let restored = self.last_restored(run)?;
        heads.retain(|(seq, _)| *seq > restored);
        let last_cut = self.storage.last_of_run(run, ["truncated", "log_removed"])?;
        let is_cut_off = |seq| last_cut.is_some_and(|cut| cut > seq);
        Ok(heads.into_iter().map(|(seq, receipt)| RecordedHead { receipt, is_cut_off: is_cut_off(seq) }).collect())
    }

    /// Entries of what was archived of a run, with their numbers; `newest`: the last of them alone.
    pub(super) fn archived(&self, run: &RunId, newest: bool) -> Result<Vec<(i64, ArchivedLine)>> {
        let parse = |(seq, body): (i64, String)| match self.parse(&body)? {
            What::Archived(line) => Ok((seq, line)),
            _ => self.readable(None),
        };
        self.storage.of_run(run, "archived", newest)?.into_iter().map(parse).collect()
    }

    pub(super) fn parse(&self, body: &str) -> Result<What> {
        self.readable(serde_json::from_str::<Line>(body).ok().map(|line| line.what))
    }

    pub(super) fn readable<T>(&self, value: Option<T>) -> Result<T> {
        value.ok_or_else(|| self.storage.damaged("an entry is not readable"))
    }

    /// Whether a run's log was archived as a whole and removed, because it could not be cut.
    pub fn is_log_removed(&self, run: &RunId) -> Result<bool> {
        let removed = self.storage.last_of_run(run, ["log_removed"; 2])?;
        Ok(removed.unwrap_or_default() > self.last_restored(run)?)
    }

    /// The last entry that says that the run was brought back: what was cut off its log before is in it again.
    fn last_restored(&self, run: &RunId) -> Result<i64> {
        Ok(self.storage.last_of_run(run, ["restored"; 2])?.unwrap_or_default())
    }

    /// Runs whose deletion was intended and never recorded as ended: an invocation was cut off in between. Each `backup` and
    /// `cleanup` that comes to its end has closed those of the ones before.
    pub fn open_deletions(&self) -> Result<Vec<RunId>> {
        let ids = self.storage.open_deletions()?;
        Ok(ids.iter().filter_map(|id| id.parse().ok()).collect())
    }

    /// Walks the whole chain and hands over each fault and each hash; says how many entries there are.
    pub fn verify(&self, mut found: impl FnMut(Fault), mut seen: impl FnMut(&str)) -> Result<u64> {
        let mut walk = Walk::new();
        let mut count = 0;
        self.storage.each(&mut |seq, body, hash| {
            walk.step(seq, body, hash).into_iter().for_each(&mut found);
            seen(hash);
            count += 1;
        })?;
        Ok(count)
    }

    /// Hands over the lines of all entries written at or after `since`.
    pub fn export(&self, since: Option<Timestamp>, mut line: impl FnMut(&str)) -> Result<()> {
        // Entries are in the order of time, but a clock can be set back: each is looked at.
        let is_asked = |body: &str| {
            let at = |body| serde_json::from_str::<Line>(body).ok().and_then(|line| Timestamp::from_rfc3339(&line.at));
            since.is_none_or(|since| at(body).is_none_or(|at| at >= since))
        };
        self.storage.each(&mut |_, body, _| {
            if is_asked(body) {
                line(body);
            }
        })
    }
}
