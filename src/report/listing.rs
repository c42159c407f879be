//! The plan for people and scripts, while it is made: a line for each run, or a table of pipelines and rules.
//!
//! In: due runs as they are found. Out: JSON Lines, or text. Holds a line of the table for each pipeline and rule, and no run.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, BufWriter, Stdout, Write};
use std::path::PathBuf;
use std::sync::Arc;

use super::style::bold;
use super::text::padded;
use super::{Form, json};
use crate::bytes::ByteSize;
use crate::fastflow::LogsDir;
use crate::flow::Outcome;
use crate::plan::{Found, PlannedRun, Rule};
use crate::printable::{printable, shortened};
use crate::run::RunId;
use crate::time::Timestamp;

/// So many missing logs are named.
const NAMED_LOGS: usize = 20;

/// A run as it was found, with the line of `--json` where it is due and that is asked for.
pub struct Told {
    pub(super) found: Found,
    pub(super) line: Option<String>,
}

impl Told {
    pub(super) fn new(found: Found, logs: &LogsDir, is_json: bool) -> Told {
        let line = match &found {
            Found::Due(planned) if is_json => Some(json::due_line(planned, Some(logs))),
            _ => None,
        };
        Told { found, line }
    }
}

/// What is shown of a plan.
pub(super) struct Listing {
    form: Form,
    out: BufWriter<Stdout>,
    lines: BTreeMap<(Arc<str>, Rule), Line>,
    total: Line,
    missing: Vec<(RunId, PathBuf)>,
}

impl Listing {
    pub(super) fn new(form: Form) -> Listing {
        Listing {
            form,
            out: BufWriter::with_capacity(64 << 10, io::stdout()),
            lines: BTreeMap::new(),
            total: Line::default(),
            missing: Vec::new(),
        }
    }

    /// A due run, as it is found; with its line of `--json`, where there is one already.
    pub(super) fn add(&mut self, planned: &PlannedRun, logs: Option<&LogsDir>, line: Option<&str>) {
        let Form { json, quiet, verbose } = self.form;
        if json {
            let line = line.map_or_else(|| json::due_line(planned, logs).into(), Cow::Borrowed);
            drop(self.out.write_all(line.as_bytes()));
            return;
        }
        if quiet {
            return;
        }
        if verbose > 0 {
            drop(run(&mut self.out, planned, Outcome::Due));
        }
        let key = (Arc::clone(&planned.run.pipeline), planned.reason.rule());
        self.lines.entry(key).or_default().add(planned);
        self.total.add(planned);
        if let Some(path) = planned.missing_log.as_ref().filter(|_| self.missing.len() < NAMED_LOGS) {
            self.missing.push((planned.run.id, path.clone()));
        }
    }

    /// The table, once all are found.
    pub(super) fn end(mut self, colored: bool) -> io::Result<()> {
        if self.lines.is_empty() {
            return self.out.flush();
        }
        let out = &mut self.out;
        if self.form.verbose > 0 {
            writeln!(out)?;
        }
        let header =
            format!("{}  {:<14}  {:>6}  {:>10}  {:<16}", padded("PIPELINE"), "RULE", "RUNS", "SIZE", "OLDEST END");
        writeln!(out, "{}", bold(colored, header.trim_end()))?;
        let mut row = |name: &str, rule: &str, line: &Line| {
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
        writeln!(out)?;
        out.flush()
    }
}

/// One line of the table.
#[derive(Default)]
struct Line {
    runs: usize,
    bytes: ByteSize,
    oldest: Option<Timestamp>,
}

impl Line {
    fn add(&mut self, planned: &PlannedRun) {
        self.runs += 1;
        self.bytes += planned.bytes();
        let aged_from = planned.run.aged_from();
        self.oldest = Some(self.oldest.map_or(aged_from, |oldest| oldest.min(aged_from)));
    }
}

/// A run in one line.
pub(super) fn run(out: &mut dyn Write, planned: &PlannedRun, outcome: Outcome) -> io::Result<()> {
    let run = &planned.run;
    let name = shortened(&run.pipeline);
    writeln!(
        out,
        "{}  {:>10}  {:<16}  {}: {}",
        run.id,
        planned.bytes(),
        outcome.name(),
        printable(&name),
        planned.reason
    )
}
