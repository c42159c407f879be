//! What `doctor` found, as it is found.

use std::io;

use super::{Report, json, text};
use crate::doctor::{Check, Verdict};

impl Report {
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
}
