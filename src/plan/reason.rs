//! Why a run is due: the rules by name, and the sentence that people read.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::bytes::ByteSize;
use crate::time::unit_of_days as unit;

/// The rules by name, in the order in which they give a run its name when several hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rule {
    /// More runs than are kept.
    RetentionRuns,
    /// Older than is kept.
    RetentionDays,
    /// The log is longer than is kept: it is cut, the run stays.
    LogMaxSize,
    /// `--all`.
    All,
}

impl Rule {
    /// The name in `--json`.
    pub fn name(self) -> &'static str {
        match self {
            Rule::RetentionRuns => "retention_runs",
            Rule::RetentionDays => "retention_days",
            Rule::LogMaxSize => "log_max_size",
            Rule::All => "all",
        }
    }
}

/// Why a run is due; shows as one sentence.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// Runs the pipeline has, and runs that are kept, where that rule holds.
    pub over_count: Option<(u64, u64)>,
    /// Whole days since it ended, and days that are kept, where that rule holds.
    pub over_age: Option<(u64, u64)>,
    /// Length of the log, and what is kept of it, where only that rule holds.
    pub over_size: Option<(ByteSize, ByteSize)>,
}

impl Reason {
    /// The first rule that holds.
    pub fn rule(&self) -> Rule {
        match self {
            Reason { over_count: Some(_), .. } => Rule::RetentionRuns,
            Reason { over_age: Some(_), .. } => Rule::RetentionDays,
            Reason { over_size: Some(_), .. } => Rule::LogMaxSize,
            Reason { .. } => Rule::All,
        }
    }
}

/// The verb that goes with so many.
fn are(count: u64) -> &'static str {
    if count == 1 { "is" } else { "are" }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((runs, kept)) = self.over_count {
            write!(f, "pipeline has {runs} runs, the newest {kept} {} kept", are(kept))?;
        }
        if let Some((age, kept)) = self.over_age {
            let separator = if self.over_count.is_some() { "; " } else { "" };
            write!(f, "{separator}ended {age} {} ago, {kept} {} {} kept", unit(age), unit(kept), are(kept))?;
        }
        if let Some((size, kept)) = self.over_size {
            write!(f, "log has {size}, the last {kept} are kept")?;
        }
        if self.rule() == Rule::All {
            f.write_str("every finished run was asked for")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_count_one_and_many() {
        let of = |over_count, over_age| Reason { over_count, over_age, over_size: None }.to_string();
        assert_eq!(of(None, Some((60, 30))), "ended 60 days ago, 30 days are kept");
        assert_eq!(of(None, Some((1, 1))), "ended 1 day ago, 1 day is kept");
        let both = "pipeline has 2 runs, the newest 1 is kept; ended 2 days ago, 1 day is kept";
        assert_eq!(of(Some((2, 1)), Some((2, 1))), both);
    }
}
