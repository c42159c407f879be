//! Outcomes -> counts, text or JSON Lines, bar, exit code. The only place that writes to stdout and stderr.
//!
//! In: the plan, outcomes as they come, errors, warnings. Out: what an operator or a script reads, and the [`Exit`].

mod journal;
mod json;
mod progress;
mod style;
mod summary;
mod text;
mod trouble;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::{Duration, Instant};

pub use progress::Progress;
pub use style::Style;
pub use summary::Summary;
pub use trouble::{Backlog, NAMED_RUNS, NamedRun, Trouble};

use crate::bytes::ByteSize;
use crate::check::{CheckedObject, InArchive, Restored, State};
use crate::config::Source;
use crate::doctor::{Check, Verdict};
use crate::error::{Error, Kind, Result, Warning};
use crate::exit::Exit;
use crate::fastflow::LogsDir;
use crate::flow::{Outcome, RunOutcome, Signal};
use crate::plan::Plan;
use crate::run::RunId;
use crate::time::Timestamp;
use trouble::{Remaining, Troubles};

/// How much to print, and in which form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// JSON Lines on stdout instead of text.
    pub json: bool,
    /// Errors and warnings only.
    pub quiet: bool,
    /// How often `-v` was given.
    pub verbose: u8,
}

/// What an invocation tells about itself.
pub struct Report {
    form: Form,
    style: Style,
    command: &'static str,
    dry_run: bool,
    started_at: Timestamp,
    started: Instant,
    summary: Summary,
    failures: Vec<text::Failure>,
    kept: Vec<text::Failure>,
    fatal: Option<Kind>,
    problems: usize,
    signal: Option<Signal>,
    cause: Option<Error>,
    succeeded: bool,
    troubles: Troubles,
    remaining: Option<Remaining>,
    ledger_head: Option<String>,
    found: BTreeMap<State, u64>,
    checks: BTreeMap<Verdict, u64>,
}

impl Report {
    /// A report of `command`.
    pub fn new(form: Form, style: Style, command: &'static str, dry_run: bool, started_at: Timestamp) -> Report {
        Report {
            form,
            style,
            command,
            dry_run,
            started_at,
            started: Instant::now(),
            summary: Summary::default(),
            failures: Vec::new(),
            kept: Vec::new(),
            fatal: None,
            problems: 0,
            signal: None,
            cause: None,
            succeeded: false,
            troubles: Troubles::default(),
            remaining: None,
            ledger_head: None,
            found: BTreeMap::new(),
            checks: BTreeMap::new(),
        }
    }

    /// Whether a bar may be shown.
    pub fn shows_progress(&self) -> bool {
        self.style.can_animate && !self.form.quiet && !self.form.json
    }

    /// The counts so far.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// The counts as they stand in the last JSON line; `exit` is how it ends.
    pub fn summary_json(&self, exit: Exit) -> serde_json::Value {
        let mut line = json::summary(&self.summary, self.command, self.started_at, self.started.elapsed(), exit);
        line["ledger_head"] = self.ledger_head.clone().into();
        line
    }

    /// Whether archive or instance are not what they were.
    pub fn has_changed(&self) -> bool {
        self.summary.objects_uploaded + self.summary.runs_deleted + self.summary.logs_truncated > 0
    }

    /// Something an operator should know that stops nothing.
    pub fn warning(&self, warning: &Warning) {
        if self.form.json {
            self.json_line(&json::warning(warning));
        } else {
            drop(text::warning(&mut *self.stderr(), self.style.stderr, warning));
        }
    }

    /// An error that ends the command.
    pub fn fatal(&mut self, error: &Error) {
        self.fatal.get_or_insert(error.kind);
        self.troubles.add(error, None);
        self.print_error(error);
    }

    /// An error beside the runs, such as a record that could not be written: makes 0 a 1.
    pub fn problem(&mut self, error: &Error) {
        self.problems += 1;
        self.troubles.add(error, None);
        self.print_error(error);
    }

    fn print_error(&self, error: &Error) {
        if self.form.json {
            self.json_line(&json::error_line(error, None));
        } else {
            drop(text::error(&mut *self.stderr(), self.style.stderr, error));
        }
    }

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

    /// The archive, or the record of it, is not what it should be.
    pub fn difference(&mut self, error: &Error) {
        self.summary.differences += 1;
        self.print_error(error);
    }

    /// An object of the archive that was looked at.
    pub fn object(&mut self, object: &CheckedObject) {
        let is_ok = object.state == State::Ok;
        self.summary.objects_checked += 1;
        self.summary.differences += u64::from(!is_ok);
        self.succeeded |= is_ok && !object.is_by_listing;
        *self.found.entry(object.state).or_default() += 1;
        if self.form.json {
            self.json_line(&json::object(object));
        } else if !is_ok {
            drop(text::object(&mut *self.stderr(), self.style.stderr, object));
        }
    }

    /// One thing that `doctor` looked at; a problem makes 0 a 1.
    pub fn check(&mut self, check: &Check) {
        *self.checks.entry(check.verdict).or_default() += 1;
        self.problems += usize::from(check.verdict == Verdict::Problem);
        if self.form.json {
            self.json_line(&json::check(check));
        } else if !self.form.quiet || matches!(check.verdict, Verdict::Warning | Verdict::Problem) {
            drop(text::check(&mut io::stdout().lock(), self.style.stdout, check));
        }
    }

    /// Which part of the runs is read, and the seed that chose it.
    pub fn sample(&self, read: u64, runs: u64, seed: u32) {
        if self.form.json {
            self.json_line(&json::sample(read, runs, seed));
        } else if !self.form.quiet {
            drop(writeln!(io::stdout().lock(), "Reading {read} of {runs} runs, chosen with seed {seed}."));
        }
    }

    /// How it stands with the archive, in one line.
    pub fn archive_checked(&self) {
        if !self.form.json && !self.form.quiet {
            let duration = self.started.elapsed();
            drop(text::archive_check(&mut io::stdout().lock(), self.style.stdout, &self.found, duration));
        }
    }

    /// How many runs got receipts back.
    pub fn rebuilt(&self, runs: u64) {
        if self.form.json {
            self.json_line(&json::rebuilt(runs));
        } else if !self.form.quiet {
            let runs = if runs == 1 { "1 run".to_owned() } else { format!("{runs} runs") };
            drop(writeln!(io::stdout().lock(), "{runs} got receipts back, marked as rebuilt."));
        }
    }

    /// How many entries the ledger has, and how many anchors in the bucket are entries of it; `None`: not looked at.
    pub fn ledger_checked(&mut self, entries: u64, anchors: Option<u64>) {
        self.summary.objects_checked = anchors.unwrap_or_default();
        let head = self.ledger_head.as_deref().unwrap_or_default();
        if self.form.json {
            self.json_line(&json::ledger_check(entries, anchors, head));
        } else if !self.form.quiet {
            let is_whole = self.summary.differences == 0;
            drop(text::ledger_check(&mut io::stdout().lock(), entries, anchors, head, is_whole));
        }
    }

    /// Prints the lines of the ledger that `each` hands over: as they are, or for people.
    pub fn export(&self, each: impl FnOnce(&mut dyn FnMut(&str)) -> Result<()>) -> Result<()> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        each(&mut |line| {
            drop(if self.form.json { writeln!(out, "{line}") } else { text::ledger_entry(&mut out, line) });
        })?;
        drop(out.flush());
        Ok(())
    }

    /// Prints the archived runs that `each` hands over.
    pub fn listing(&self, each: impl FnOnce(&mut dyn FnMut(&InArchive)) -> Result<()>) -> Result<()> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        let (mut count, mut objects, mut bytes) = (0, 0, ByteSize(0));
        let is_text = !self.form.json && !self.form.quiet;
        each(&mut |run| {
            count += 1;
            objects += run.objects;
            bytes += run.bytes;
            if self.form.json {
                drop(json::write(&mut out, &json::archived_run(run)));
            } else if is_text {
                if count == 1 {
                    drop(text::listing_header(&mut out, self.style.stdout));
                }
                drop(text::archived_run(&mut out, run));
            }
        })?;
        if is_text {
            drop(text::listed(&mut out, self.style.stdout, count, objects, bytes));
        }
        drop(out.flush());
        Ok(())
    }

    /// A run that is back.
    pub fn restored(&mut self, restored: &Restored) {
        restored.warnings.iter().for_each(|warning| self.warning(warning));
        self.succeeded = true;
        self.summary.runs_restored += 1;
        for file in restored.files.iter().filter(|file| !file.was_there) {
            self.summary.files_restored += 1;
            self.summary.bytes_restored += file.bytes;
        }
        if self.form.json {
            self.json_line(&json::restored(restored));
        } else if self.form.verbose > 0 && !self.form.quiet {
            drop(text::restored(&mut io::stdout().lock(), restored));
        }
    }

    /// A run that is not back, as a whole or in part, because of these beside differences.
    pub fn restore_failed(&mut self, run: RunId, errors: &[Error]) {
        self.summary.runs_failed += 1;
        self.summary.runs_failed_by_storage += u64::from(errors.iter().any(|error| error.kind.is_storage()));
        for error in errors {
            if self.form.json {
                self.json_line(&json::error_line(error, Some(&run)));
            } else {
                self.failures.push(text::Failure::of_row(error));
            }
        }
    }

    /// Takes the head of the ledger's chain, once the last entry is written.
    pub fn sealed(&mut self, ledger_head: String) {
        self.ledger_head = Some(ledger_head);
    }

    /// The head of the ledger's chain, where one is known.
    pub fn ledger_head(&self) -> Option<&str> {
        self.ledger_head.as_deref()
    }

    /// When the invocation started.
    pub fn started_at(&self) -> Timestamp {
        self.started_at
    }

    /// How long it has taken so far.
    pub fn duration(&self) -> Duration {
        self.started.elapsed()
    }

    /// The subcommand.
    pub fn command(&self) -> &'static str {
        self.command
    }

    /// What went wrong, one for each cause; empty where all is well.
    pub fn troubles(&self) -> Vec<Trouble> {
        self.troubles.causes(self.fatal, self.cause.as_ref(), self.signal)
    }

    /// What is due and still there; `None` where no plan was made.
    pub fn backlog(&self) -> Option<Backlog> {
        self.remaining.as_ref().map(Remaining::backlog)
    }

    /// The exit code as it stands.
    pub fn exit(&self) -> Exit {
        if let Some(kind) = self.fatal {
            return Exit::of(kind);
        }
        if let Some(signal) = self.signal {
            return Exit::Stopped(signal);
        }
        if self.summary.differences > 0 {
            return Exit::Differences;
        }
        let incomplete = self.summary.runs_failed > 0 || self.summary.runs_not_attempted > 0;
        match &self.cause {
            Some(cause) if !self.succeeded && cause.kind.is_storage() => Exit::Storage,
            Some(cause) if !self.succeeded && !incomplete => Exit::of(cause.kind),
            _ if !self.succeeded && self.summary.runs_failed_by_storage > 0 => Exit::Storage,
            _ if incomplete => Exit::SomeKept,
            _ if self.problems > 0 || self.cause.is_some() => Exit::Failed,
            _ => Exit::Done,
        }
    }

    /// What became of the test message of a channel: whom it was sent to; `None`: the channel is not configured.
    pub fn channel(&self, channel: &str, to: Option<&str>) {
        if self.form.json {
            self.json_line(&json::channel(channel, to));
        } else if !self.form.quiet {
            drop(text::channel(&mut io::stdout().lock(), channel, to));
        }
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

    /// Prints the totals, and says how it ends.
    pub fn finish(self) -> Exit {
        let exit = self.exit();
        if self.form.json {
            self.json_line(&self.summary_json(exit));
        } else if !self.form.quiet && self.fatal.is_none() && self.remaining.is_some() {
            let ended = text::Ended { command: self.command, dry_run: self.dry_run, duration: self.started.elapsed() };
            drop(text::totals(&mut io::stdout().lock(), self.style.stdout, &self.summary, &ended));
        } else if !self.form.quiet && self.fatal.is_none() && self.command == "restore" {
            let mut out = io::stdout().lock();
            drop(text::restored_totals(&mut out, self.style.stdout, &self.summary, self.started.elapsed()));
        } else if !self.form.quiet && !self.checks.is_empty() {
            drop(text::checks(&mut io::stdout().lock(), self.style.stdout, &self.checks));
        }
        exit
    }

    fn stderr(&self) -> Box<dyn Write> {
        self.style.error_stream()
    }

    fn json_line(&self, value: &serde_json::Value) {
        drop(json::write(&mut io::stdout().lock(), value));
    }
}
