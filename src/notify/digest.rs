//! What operators are told, as a value: made from the report once, the same for every channel.
//!
//! In: the [`Report`] at its end. Out: [`Digest`]. Knows no language, no markup and no channel.

use std::time::Duration;

use crate::exit::Exit;
use crate::plan::Backlog;
use crate::report::{Report, Summary, Trouble};
use crate::time::Timestamp;

/// Why a message is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// Something went wrong.
    Trouble,
    /// What went wrong before is well again.
    Recovered,
    /// All is well, and every call is to be told of.
    Done,
    /// Somebody wants to see whether messages arrive.
    Test,
}

/// One invocation, for people who were not there.
#[derive(Debug, Clone)]
pub struct Digest {
    /// Why it is sent.
    pub occasion: Occasion,
    /// The subcommand.
    pub command: &'static str,
    /// The machine.
    pub host: String,
    /// When it started.
    pub started_at: Timestamp,
    /// How long it took.
    pub duration: Duration,
    /// How it ended.
    pub exit: Exit,
    /// What went wrong, one for each cause.
    pub causes: Vec<Trouble>,
    /// The counts.
    pub summary: Summary,
    /// What is due and still there; `None` where no plan was made.
    pub backlog: Option<Backlog>,
    /// Since when the trouble lasts, or lasted.
    pub since: Option<Timestamp>,
    /// The head of the ledger's chain.
    pub ledger_head: Option<String>,
    /// Where Fast-Flow's web interface is, without a slash at the end.
    pub frontend: Option<String>,
}

impl Digest {
    /// The report as it stands: trouble where its exit code says so.
    pub fn of(report: &Report, host: String, frontend: Option<String>) -> Digest {
        let exit = report.exit();
        Digest {
            occasion: if exit == Exit::Done { Occasion::Done } else { Occasion::Trouble },
            command: report.command(),
            host,
            started_at: report.started_at(),
            duration: report.duration(),
            exit,
            causes: report.troubles(),
            summary: report.summary().clone(),
            backlog: report.backlog(),
            since: None,
            ledger_head: report.ledger_head().map(str::to_owned),
            frontend,
        }
    }

    /// The same for another occasion.
    #[must_use]
    pub(super) fn on(&self, occasion: Occasion, since: Option<Timestamp>) -> Digest {
        Digest { occasion, since, ..self.clone() }
    }

    /// What tells one trouble from another: its causes, not whom they concern.
    pub(super) fn signature(&self) -> String {
        let mut kinds: Vec<_> = self.causes.iter().map(|cause| cause.kind.name()).collect();
        kinds.sort_unstable();
        if kinds.is_empty() { format!("exit {}", self.exit.code()) } else { kinds.join(" ") }
    }

    /// Runs that were to go and stayed.
    pub(super) fn runs_left(&self) -> u64 {
        self.summary.runs_failed + self.summary.runs_not_attempted
    }
}
