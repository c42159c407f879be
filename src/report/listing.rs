//! The plan for people and scripts, while it is made: a line for each run, or a table of pipelines and rules.
//!
//! In: due runs as they are found, in any thread. Out: JSON Lines, or text. Holds a line of the table for each pipeline and
//! rule, and the lines of runs until they are written.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use super::Form;
use super::run_line::RunLine;
use super::style::bold;
use super::text::padded;
use crate::fastflow::LogsDir;
use crate::flow::Outcome;
use crate::plan::{Backlog, Found, NotPlanned, PlannedRun, Reason, Rule};
use crate::printable::{printable, shortened};
use crate::run::RunId;
use crate::time::Timestamp;

/// So many missing logs are named.
const NAMED_LOGS: usize = 20;
/// A line of JSON has so many bytes, as a rule.
const LINE: usize = 400;
/// So many bytes of lines are written rather than kept.
const LONG: usize = 64 << 10;

/// What there is to tell of some runs that were found.
pub struct Told {
    /// What is due, and what is shown of it.
    pub(super) listing: Listing,
    /// The others.
    pub(super) others: Vec<NotPlanned>,
}

impl Told {
    pub(super) fn of(found: &mut dyn Iterator<Item = Found>, form: Form, logs: &LogsDir) -> Told {
        let mut told = Told { listing: Listing::new(form), others: Vec::new() };
        if form.json {
            told.listing.text.reserve(found.size_hint().1.unwrap_or(0) * LINE);
        }
        for found in found {
            match found {
                Found::Due(planned) => told.listing.add(&planned, Some(logs)),
                Found::Not(other) => told.others.push(other),
            }
        }
        told
    }
}

/// What is shown of a plan, or of a part of it.
pub(super) struct Listing {
    form: Form,
    /// A line for each run, where that is asked for.
    text: String,
    lines: BTreeMap<(Arc<str>, Rule), Backlog>,
    /// All that was added.
    pub(super) total: Backlog,
    missing: Vec<(RunId, PathBuf)>,
    /// The last reason and its sentence: neighbours have the same, more often than not.
    sentence: Option<(Reason, String)>,
}

impl Listing {
    pub(super) fn new(form: Form) -> Listing {
        Listing {
            form,
            text: String::new(),
            lines: BTreeMap::new(),
            total: Backlog::default(),
            missing: Vec::new(),
            sentence: None,
        }
    }

    /// A due run.
    pub(super) fn add(&mut self, planned: &PlannedRun, logs: Option<&LogsDir>) {
        let Form { json, quiet, verbose } = self.form;
        let one = Backlog::of(&planned.run, planned.bytes());
        self.total += one;
        if json {
            let last = self.sentence.take().filter(|(reason, _)| *reason == planned.reason);
            let (_, sentence) =
                self.sentence.insert(last.unwrap_or_else(|| (planned.reason, planned.reason.to_string())));
            RunLine::due(planned, sentence.as_str(), logs).write(&mut self.text);
            return;
        }
        if quiet {
            return;
        }
        if verbose > 0 {
            self.text.push_str(&run(planned, Outcome::Due));
        }
        *self.lines.entry((Arc::clone(&planned.run.pipeline), planned.reason.rule())).or_default() += one;
        if let Some(path) = planned.missing_log.as_ref().filter(|_| self.missing.len() < NAMED_LOGS) {
            let path = logs.map_or_else(|| path.as_path().to_owned(), |logs| logs.path_of(path));
            self.missing.push((planned.run.id, path));
        }
    }

    /// What comes after this part; the lines of both are written.
    pub(super) fn go_on(&mut self, next: Listing, out: &mut dyn Write) -> io::Result<()> {
        for (key, line) in next.lines {
            *self.lines.entry(key).or_default() += line;
        }
        self.total += next.total;
        self.missing.extend(next.missing);
        self.missing.truncate(NAMED_LOGS);
        self.write_lines(out)?;
        out.write_all(next.text.as_bytes())
    }

    /// Whether lines should be written before there are more.
    pub(super) fn is_long(&self) -> bool {
        self.text.len() > LONG
    }

    /// Writes the lines of runs so far.
    pub(super) fn write_lines(&mut self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(std::mem::take(&mut self.text).as_bytes())
    }

    /// The table, once all are found and their lines are written.
    pub(super) fn end(self, colored: bool, out: &mut dyn Write) -> io::Result<()> {
        if self.lines.is_empty() {
            return Ok(());
        }
        if self.form.verbose > 0 {
            writeln!(out)?;
        }
        let header =
            format!("{}  {:<14}  {:>6}  {:>10}  {:<16}", padded("PIPELINE"), "RULE", "RUNS", "SIZE", "OLDEST END");
        writeln!(out, "{}", bold(colored, header.trim_end()))?;
        let mut row = |name: &str, rule: &str, line: &Backlog| {
            let oldest = line.oldest.map(Timestamp::to_minute).unwrap_or_default();
            writeln!(out, "{}  {rule:<14}  {:>6}  {:>10}  {oldest}", padded(name), line.runs, line.bytes)
        };
        for ((pipeline, rule), line) in &self.lines {
            row(pipeline, rule.name(), line)?;
        }
        if self.lines.len() > 1 {
            row("Total", "", &self.total)?;
        }
        for (run, path) in &self.missing {
            let path = path.display().to_string();
            writeln!(out, "run {run}: its log is not there: {}", printable(&shortened(&path)))?;
        }
        writeln!(out)
    }
}

/// A run in one line, with its end.
pub(super) fn run(planned: &PlannedRun, outcome: Outcome) -> String {
    let run = &planned.run;
    let name = shortened(&run.pipeline);
    let (outcome, name) = (outcome.name(), printable(&name));
    format!("{}  {:>10}  {outcome:<16}  {name}: {}\n", run.id, planned.bytes(), planned.reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Run, Status};

    #[test]
    fn each_line_has_its_own_reason() {
        let mut listing = Listing::new(Form { json: true, quiet: false, verbose: 0 });
        for days in [60, 60, 61, 60] {
            let (started_at, reason) =
                (Timestamp::from_micros(0), Reason { over_age: Some((days, 30)), ..Reason::default() });
            let (id, pipeline, status) = ([7; 16].into(), "etl".into(), Status::Success);
            let run = Run { id, pipeline, status, started_at, finished_at: None, position: 0 };
            listing.add(&PlannedRun { run, reason, files: Vec::new(), missing_log: None }, None);
        }
        let mut out = Vec::new();
        listing.write_lines(&mut out).unwrap();
        let lines = serde_json::Deserializer::from_slice(&out).into_iter::<serde_json::Value>();
        let reasons: Vec<_> = lines.map(|line| line.unwrap()["reason"].as_str().unwrap().to_owned()).collect();
        let expected = [60, 60, 61, 60].map(|days| format!("ended {days} days ago, 30 days are kept"));
        assert_eq!(reasons, expected);
    }
}
