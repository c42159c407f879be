//! One thing that was looked at, as a value.
//!
//! In: what was found. Out: name, verdict, message, what to do. Never holds a secret.

use crate::error::Error;

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// It works, but somebody should look.
    Warning,
    /// It does not work, or what is archived is in danger.
    Problem,
    /// Not looked at, and the message says why.
    Skipped,
}

impl Verdict {
    /// The name in `--json`.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Warning => "warning",
            Verdict::Problem => "problem",
            Verdict::Skipped => "skipped",
        }
    }
}

/// What was looked at, and how it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Stable snake_case name, as in `--json`.
    pub name: &'static str,
    /// How it stands.
    pub verdict: Verdict,
    /// What was found.
    pub message: String,
    /// What to do, where something can be done.
    pub hint: Option<String>,
}

impl Check {
    /// As it should be.
    pub fn ok(name: &'static str, message: impl Into<String>) -> Check {
        Check { name, verdict: Verdict::Ok, message: message.into(), hint: None }
    }

    /// It works, but somebody should look.
    pub fn warning(name: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Check {
        Check { name, verdict: Verdict::Warning, message: message.into(), hint: Some(hint.into()) }
    }

    /// It does not work.
    pub fn problem(name: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Check {
        Check { name, verdict: Verdict::Problem, message: message.into(), hint: Some(hint.into()) }
    }

    /// Not looked at, because of this.
    pub fn skipped(name: &'static str, why: impl Into<String>) -> Check {
        Check { name, verdict: Verdict::Skipped, message: format!("not checked: {}", why.into()), hint: None }
    }

    /// It does not work, as the error says.
    pub fn failed(name: &'static str, error: &Error) -> Check {
        let hint = error.hint_text().map(str::to_owned);
        Check { name, verdict: Verdict::Problem, message: format!("failed to {error}"), hint }
    }
}
