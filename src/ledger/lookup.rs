//! What earlier invocations recorded: of a run, of all, of the whole chain.
//!
//! In: the ledger. Out: receipts, heads, runs, lines. Reads only.

use rusqlite::params;

use super::chain::{Fault, Walk};
use super::entry::{ArchivedLine, Line, LogsVolume, What};
use super::file::damaged;
use super::{ArchivedRun, Ledger, Recorded, RecordedHead, failed};
use crate::archive::Receipt;
use crate::error::Result;
use crate::run::RunId;
use crate::time::Timestamp;

impl Ledger {
    /// The log directory of the last invocation that used it.
    pub fn last_logs(&self) -> Result<Option<LogsVolume>> {
        let read = || -> rusqlite::Result<Option<String>> {
            let sql = "SELECT body FROM entries WHERE entry = 'began' ORDER BY seq DESC LIMIT 100";
            let mut statement = self.connection.prepare(sql)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let body: String = row.get(0)?;
                if body.contains("\"logs\":") {
                    return Ok(Some(body));
                }
            }
            Ok(None)
        };
        let body = read().map_err(|error| failed(&self.path, error))?;
        match body.map(|body| self.parse(&body)).transpose()? {
            Some(What::Began { logs, .. }) => Ok(logs),
            _ => Ok(None),
        }
    }

    /// The newest receipts of a run; `None` where it was never archived completely.
    pub fn recorded(&self, run: &RunId) -> Result<Option<Recorded>> {
        let Some((_, line)) = self.archived(run, "DESC LIMIT 1")?.pop() else { return Ok(None) };
        Ok(Some(Recorded {
            fingerprint: self.readable(line.fingerprint())?,
            receipts: self.readable(line.receipts())?,
        }))
    }

    /// Hands over every run that was archived, the newest record of each, in the order of run ids; memory does not grow.
    pub fn each_recorded(&self, mut each: impl FnMut(ArchivedRun) -> Result<()>) -> Result<()> {
        let sql = "SELECT body FROM entries WHERE seq IN \
                   (SELECT max(seq) FROM entries WHERE run_id IS NOT NULL AND entry = 'archived' GROUP BY run_id) ORDER BY run_id";
        let failed = |error| failed(&self.path, error);
        let mut statement = self.connection.prepare(sql).map_err(failed)?;
        let mut rows = statement.query([]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            let body: String = row.get(0).map_err(failed)?;
            let What::Archived(line) = self.parse(&body)? else { return self.readable(None) };
            let receipts = self.readable(line.receipts())?;
            let run = self.readable(line.run_id.parse().ok())?;
            each(ArchivedRun { run, pipeline: line.pipeline, rule: line.rule, receipts })?;
        }
        Ok(())
    }

    /// Everything that was to be cut off a run's log, in order, since it was last brought back.
    pub fn heads(&self, run: &RunId) -> Result<Vec<RecordedHead>> {
        let mut heads = Vec::new();
        for (seq, line) in self.archived(run, "")? {
            for receipt in self.readable(line.receipts())?.into_iter().filter(Receipt::is_head) {
                heads.push((seq, receipt));
            }
        }
        if heads.is_empty() {
            return Ok(Vec::new());
        }
        let restored = self.last_restored(run)?;
        heads.retain(|(seq, _)| *seq > restored);
        let sql = "SELECT max(seq) FROM entries WHERE run_id = ? AND entry IN ('truncated', 'log_removed')";
        let last_cut: Option<i64> = self
            .connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row([run.to_string()], |row| row.get(0)))
            .map_err(|error| failed(&self.path, error))?;
        let is_cut_off = |seq| last_cut.is_some_and(|cut| cut > seq);
        Ok(heads.into_iter().map(|(seq, receipt)| RecordedHead { receipt, is_cut_off: is_cut_off(seq) }).collect())
    }

    /// Entries of what was archived of a run, with their numbers.
    pub(super) fn archived(&self, run: &RunId, order: &str) -> Result<Vec<(i64, ArchivedLine)>> {
        let read = || -> rusqlite::Result<Vec<(i64, String)>> {
            let sql =
                format!("SELECT seq, body FROM entries WHERE run_id = ? AND entry = 'archived' ORDER BY seq {order}");
            let mut statement = self.connection.prepare_cached(&sql)?;
            statement.query_map([run.to_string()], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        };
        let bodies = read().map_err(|error| failed(&self.path, error))?;
        let parse = |(seq, body): (i64, String)| match self.parse(&body)? {
            What::Archived(line) => Ok((seq, line)),
            _ => self.readable(None),
        };
        bodies.into_iter().map(parse).collect()
    }

    pub(super) fn parse(&self, body: &str) -> Result<What> {
        self.readable(serde_json::from_str::<Line>(body).ok().map(|line| line.what))
    }

    pub(super) fn readable<T>(&self, value: Option<T>) -> Result<T> {
        value.ok_or_else(|| damaged(&self.path, anyhow::Error::msg("an entry is not readable")))
    }

    /// Whether a run's log was archived as a whole and removed, because it could not be cut.
    pub fn is_log_removed(&self, run: &RunId) -> Result<bool> {
        let restored = self.last_restored(run)?;
        let read = || -> rusqlite::Result<bool> {
            let sql = "SELECT 1 FROM entries WHERE run_id = ? AND entry = 'log_removed' AND seq > ?";
            self.connection.prepare_cached(sql)?.exists(params![run.to_string(), restored])
        };
        read().map_err(|error| failed(&self.path, error))
    }

    /// The last entry that says that the run was brought back: what was cut off its log before is in it again.
    fn last_restored(&self, run: &RunId) -> Result<i64> {
        let sql = "SELECT coalesce(max(seq), 0) FROM entries WHERE run_id = ? AND entry = 'restored'";
        let read = self.connection.prepare_cached(sql);
        let read = read.and_then(|mut statement| statement.query_row([run.to_string()], |row| row.get(0)));
        read.map_err(|error| failed(&self.path, error))
    }

    /// Runs whose deletion was intended and never recorded as ended: an invocation was cut off in between. Each `backup` and
    /// `cleanup` that comes to its end has closed those of the ones before.
    pub fn open_deletions(&self) -> Result<Vec<RunId>> {
        let read = || -> rusqlite::Result<Vec<String>> {
            let sql = "SELECT run_id FROM entries \
                       WHERE seq > (SELECT coalesce(max(seq), 0) FROM entries WHERE entry = 'ended' \
                       AND json_extract(body, '$.summary.command') IN ('backup', 'cleanup')) \
                       AND entry IN ('intended', 'deleted', 'kept') \
                       GROUP BY run_id HAVING max(seq) = max(CASE entry WHEN 'intended' THEN seq END)";
            let mut statement = self.connection.prepare(sql)?;
            statement.query_map([], |row| row.get(0))?.collect()
        };
        let ids = read().map_err(|error| failed(&self.path, error))?;
        Ok(ids.iter().filter_map(|id| id.parse().ok()).collect())
    }

    /// Walks the whole chain and hands over each fault and each hash; says how many entries there are.
    pub fn verify(&self, mut found: impl FnMut(Fault), mut seen: impl FnMut(&str)) -> Result<u64> {
        let mut walk = Walk::new();
        let mut count = 0;
        self.each(|seq, body, hash| {
            walk.step(seq, body, hash).into_iter().for_each(&mut found);
            seen(hash);
            count += 1;
        })?;
        Ok(count)
    }

    /// Hands over each entry: number, line, hash.
    fn each(&self, mut each: impl FnMut(i64, &str, &str)) -> Result<()> {
        let mut read = || -> rusqlite::Result<()> {
            let mut statement = self.connection.prepare("SELECT seq, body, hash FROM entries ORDER BY seq")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                each(row.get(0)?, row.get_ref(1)?.as_str()?, row.get_ref(2)?.as_str()?);
            }
            Ok(())
        };
        read().map_err(|error| failed(&self.path, error))
    }

    /// Hands over the lines of all entries written at or after `since`.
    pub fn export(&self, since: Option<Timestamp>, mut line: impl FnMut(&str)) -> Result<()> {
        // Entries are in the order of time, but a clock can be set back: each is looked at.
        let is_asked = |body: &str| {
            let at = |body| serde_json::from_str::<Line>(body).ok().and_then(|line| Timestamp::from_rfc3339(&line.at));
            since.is_none_or(|since| at(body).is_none_or(|at| at >= since))
        };
        self.each(|_, body, _| {
            if is_asked(body) {
                line(body);
            }
        })
    }
}
