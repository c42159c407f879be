//! Outcomes -> counts, text or JSON Lines, bar, exit code. The only place that writes to stdout and stderr.
//!
//! In: the plan, outcomes as they come, errors, warnings. Out: what an operator or a script reads, and the [`Exit`].

mod archive;
mod doctor;
mod journal;
mod json;
mod ledger;
mod listing;
mod progress;
mod run_line;
mod runs;
mod style;
mod summary;
mod text;
mod trouble;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::{Duration, Instant};

pub use listing::Told;
pub use progress::Progress;
pub use style::Style;
pub use summary::Summary;
pub use trouble::{NAMED_RUNS, NamedRun, Trouble};

use crate::check::State;
use crate::doctor::Verdict;
use crate::error::{Error, Kind, Warning};
use crate::exit::Exit;
use crate::flow::Signal;
use crate::plan::Backlog;
use crate::time::Timestamp;
use listing::Listing;
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
    listing: Option<Listing>,
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
            listing: None,
            ledger_head: None,
            found: BTreeMap::new(),
            checks: BTreeMap::new(),
        }
    }

    /// Whether a bar may be shown.
    pub fn shows_progress(&self) -> bool {
        self.style.can_animate && !self.form.quiet && !self.form.json
    }

    /// Whether each run gets a line.
    pub fn shows_runs(&self) -> bool {
        self.form.verbose > 0
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
