//! What is told of runs: settings, the plan, how each run ended, and why nothing new was started.
//!
//! In: the plan, outcomes as they come. Out: lines and counts.

use std::io::{self, Write as _};

use super::trouble::{NamedRun, Remaining};
use super::{Report, json, text};
use crate::config::Source;
use crate::error::Error;
use crate::fastflow::LogsDir;
use crate::flow::{Outcome, RunOutcome, Signal};
use crate::plan::Plan;

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

    /// Takes what the plan already says: runs that are refused, rows that are unreadable, runs that were named in vain.
    pub fn begin(&mut self, plan: &Plan, logs: Option<&LogsDir>) {
        self.summary.runs_due = plan.due_count() as u64;
        self.summary.bytes_due = plan.bytes();
        self.summary.runs_failed += (plan.refused.len() + plan.unreadable.len()) as u64;
        self.remaining = Some(Remaining::new(plan));
        for refused in &plan.refused {
            self.troubles.add(&refused.error, Some(&refused.run));
            if self.form.json {
                self.json_line(&json::refused(refused));
            } else {
                self.failures.push(text::Failure::of_run(&refused.run, &refused.error));
            }
        }
        for row in &plan.unreadable {
            let named = row.id.map(|id| NamedRun { id, pipeline: row.pipeline.clone().unwrap_or_default().into() });
            self.troubles.add_row(&row.error, named);
            if self.form.json {
                self.json_line(&json::error_line(&row.error, row.id.as_ref()));
            } else {
                self.failures.push(text::Failure::of_row(&row.error));
            }
        }
        for not_due in &plan.not_due {
            self.summary.runs_kept += 1;
            if self.form.json {
                self.json_line(&json::not_due(not_due));
            } else if !self.form.quiet {
                drop(text::not_due(&mut io::stdout().lock(), not_due));
            }
        }
        plan.warnings.iter().for_each(|warning| self.warning(warning));
        for error in &plan.unknown {
            self.problem(error);
        }
        let shows_plan = self.command == "plan" || self.dry_run;
        if shows_plan && self.form.json {
            let mut out = io::BufWriter::new(io::stdout().lock());
            for planned in &plan.due {
                drop(json::write(&mut out, &json::planned(planned, Outcome::Due, None, logs)));
            }
            drop(out.flush());
        } else if shows_plan && !self.form.quiet {
            let mut out = io::BufWriter::new(io::stdout().lock());
            drop(text::plan(&mut out, self.style.stdout, plan, self.form.verbose));
            drop(out.flush());
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
            let line = json::planned(&ended.planned, ended.outcome, ended.error.as_ref(), logs);
            self.json_line(&line);
            return;
        }
        match (&ended.error, ended.outcome) {
            (Some(error), Outcome::Kept) => self.kept.push(text::Failure::of_run(&ended.planned.run, error)),
            (Some(error), _) => self.failures.push(text::Failure::of_run(&ended.planned.run, error)),
            (None, outcome) if self.form.verbose > 0 && !self.form.quiet => {
                drop(text::run(&mut io::stdout().lock(), &ended.planned, outcome));
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
