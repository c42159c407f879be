//! What is told of runs: settings, the plan, how each run ended, and why nothing new was started.
//!
//! In: the plan, outcomes as they come. Out: lines and counts.

use std::io::{self, Write as _};

use super::listing::{self, Listing, Told};
use super::run_line::RunLine;
use super::trouble::NamedRun;
use super::{Report, json, text};
use crate::config::Source;
use crate::error::{Error, Result};
use crate::fastflow::LogsDir;
use crate::flow::{Outcome, RunOutcome, Signal};
use crate::plan::{Backlog, Found, NotDue, NotPlanned, Plan, RefusedRun, Remarks};

impl Report {
    /// The settings with their sources, for `-v`.
    pub fn settings(&self, list: &[(&'static str, String, Source)]) {
        if self.form.verbose == 0 {
            return;
        }
        if self.form.json {
            for (name, value, source) in list {
                self.json_line(&json::setting(name, value, source));
            }
        } else {
            drop(text::settings(&mut io::stdout().lock(), list));
        }
    }

    /// What there is to say of rows beside those that are due.
    pub fn remarks(&mut self, remarks: &Remarks) {
        self.summary.runs_failed += remarks.unreadable.len() as u64;
        for row in &remarks.unreadable {
            let named = row.id.map(|id| NamedRun { id, pipeline: row.pipeline.clone().unwrap_or_default().into() });
            self.troubles.add_row(&row.error, named);
            if self.form.json {
                self.json_line(&json::error_line(&row.error, row.id.as_ref()));
            } else {
                self.failures.push(text::Failure::of_row(&row.error));
            }
        }
        remarks.not_due.iter().for_each(|not_due| self.not_due(not_due));
        remarks.warnings.iter().for_each(|warning| self.warning(warning));
        for error in &remarks.unknown {
            self.problem(error);
        }
    }

    /// Makes what [`Report::found`] takes, in any thread.
    pub fn teller(&self) -> impl Fn(&mut dyn Iterator<Item = Found>, &LogsDir) -> Told + Sync + use<> {
        let form = self.form;
        move |found, logs| Told::of(found, form, logs)
    }

    /// Some runs of the plan, as they are found.
    pub fn found(&mut self, told: Told) {
        self.due(told.listing.total);
        let listing = self.listing.get_or_insert_with(|| Listing::new(self.form));
        drop(listing.go_on(told.listing, &mut io::stdout().lock()));
        for other in &told.others {
            match other {
                NotPlanned::Refused(refused) => self.refused(refused),
                NotPlanned::NotDue(not_due) => self.not_due(not_due),
            }
        }
    }

    /// Takes a whole plan, and shows it where that is all that is done.
    pub fn begin(&mut self, plan: &mut Plan, logs: Option<&LogsDir>) -> Result<()> {
        plan.refused.iter().for_each(|refused| self.refused(refused));
        self.remarks(&plan.remarks);
        self.due(plan.due.totals().backlog);
        if self.dry_run {
            for planned in plan.due.iter() {
                let listing = self.listing.get_or_insert_with(|| Listing::new(self.form));
                listing.add(&planned?, logs);
                if listing.is_long() {
                    drop(listing.write_lines(&mut io::stdout().lock()));
                }
            }
        }
        self.planned();
        Ok(())
    }

    /// All runs of the plan are found.
    pub fn planned(&mut self) {
        self.remaining.get_or_insert_default();
        if let Some(mut listing) = self.listing.take() {
            let mut out = io::BufWriter::new(io::stdout());
            drop(listing.write_lines(&mut out).and_then(|()| listing.end(self.style.stdout, &mut out)));
            drop(out.flush());
        }
    }

    fn run_line(&self, line: &RunLine<'_>) {
        let mut text = String::new();
        line.write(&mut text);
        drop(io::stdout().lock().write_all(text.as_bytes()));
    }

    fn due(&mut self, due: Backlog) {
        self.summary.runs_due += due.runs as u64;
        self.summary.bytes_due += due.bytes;
        self.remaining.get_or_insert_default().add_due(due);
    }

    fn refused(&mut self, refused: &RefusedRun) {
        self.summary.runs_due += 1;
        self.summary.runs_failed += 1;
        self.remaining.get_or_insert_default().add_refused(refused);
        self.troubles.add(&refused.error, Some(&refused.run));
        if self.form.json {
            self.run_line(&RunLine::refused(refused));
        } else {
            self.failures.push(text::Failure::of_run(&refused.run, &refused.error));
        }
    }

    fn not_due(&mut self, not_due: &NotDue) {
        self.summary.runs_kept += 1;
        if self.form.json {
            self.run_line(&RunLine::not_due(not_due));
        } else if !self.form.quiet {
            drop(text::not_due(&mut io::stdout().lock(), not_due));
        }
    }

    /// One run at its end.
    pub fn run(&mut self, ended: RunOutcome, logs: Option<&LogsDir>) {
        self.summary.count(&ended);
        if let Some(remaining) = &mut self.remaining {
            remaining.count(&ended);
        }
        match (ended.outcome, &ended.error) {
            (Outcome::Failed, Some(error)) => self.troubles.add(error, Some(&ended.planned.run)),
            (Outcome::NotAttempted, _) => self.troubles.not_attempted(&ended.planned.run),
            _ => {}
        }
        self.succeeded |= matches!(
            ended.outcome,
            Outcome::Archived | Outcome::AlreadyArchived | Outcome::Deleted | Outcome::Truncated | Outcome::LogRemoved
        );
        if self.form.json {
            self.run_line(&RunLine::ended(&ended, logs));
            return;
        }
        match (&ended.error, ended.outcome) {
            (Some(error), Outcome::Kept) => self.kept.push(text::Failure::of_run(&ended.planned.run, error)),
            (Some(error), _) => self.failures.push(text::Failure::of_run(&ended.planned.run, error)),
            (None, outcome) if self.form.verbose > 0 && !self.form.quiet => {
                drop(io::stdout().lock().write_all(listing::run(&ended.planned, outcome).as_bytes()));
            }
            (None, _) => {}
        }
    }

    /// Why nothing new was started any more.
    pub fn stopped(&mut self, signal: Option<Signal>, cause: Option<Error>) {
        self.signal = signal;
        self.cause = cause;
    }

    /// Prints the failures, once the work has ended; what follows are messages to others.
    pub fn conclude(&self) {
        if !self.form.json {
            let mut err = io::BufWriter::new(self.stderr());
            let causes = text::Causes { cause: self.cause.as_ref(), signal: self.signal };
            drop(text::failures(&mut err, self.style.stderr, &self.failures, &self.kept, &causes, &self.summary));
            drop(err.flush());
        }
    }
}
