//! A run of Fast-Flow as retention sees it: who it is, how it stands, when it was.
//!
//! In: ids and labels as the database stores them. Out: [`Run`], [`RunId`], [`Status`]. Never holds `env_vars`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::bytes::{from_hex, hex_of, to_hex};
use crate::time::Timestamp;

/// The id of a run: 128 bits, shown with dashes, stored by SQLite as 32 hex digits without.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RunId([u8; 16]);

impl RunId {
    /// The 16 bytes, as `uuid` columns hold them.
    pub fn bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Reads `0123abcd-...` (8-4-4-4-12) or 32 hex digits, in either case.
    pub fn from_ascii(text: &[u8]) -> Option<RunId> {
        if text.len() != 36 {
            return from_hex(text).map(RunId);
        }
        let digits = PAIRS.map(|at| [text[at], text[at + 1]]);
        from_hex(digits.as_flattened()).map(RunId).filter(|_| DASHES.iter().all(|at| text[*at] == b'-'))
    }

    /// The form of the SQLite column and of metrics files found by name: 32 lower-case hex digits.
    pub fn simple(&self) -> String {
        to_hex(&self.0)
    }
}

impl From<[u8; 16]> for RunId {
    fn from(bytes: [u8; 16]) -> Self {
        RunId(bytes)
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [b'-'; 36];
        for (at, byte) in PAIRS.into_iter().zip(self.0) {
            [text[at], text[at + 1]] = hex_of(byte);
        }
        f.write_str(str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Where each byte's two digits stand in the form with dashes (8-4-4-4-12),
const PAIRS: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
/// and where the dashes.
const DASHES: [usize; 4] = [8, 13, 18, 23];

/// A text that is not a run id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidRunId;

impl fmt::Display for InvalidRunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a run id has 32 hex digits, with or without dashes")
    }
}

impl std::error::Error for InvalidRunId {}

impl FromStr for RunId {
    type Err = InvalidRunId;

    fn from_str(text: &str) -> Result<Self, InvalidRunId> {
        RunId::from_ascii(text.as_bytes()).ok_or(InvalidRunId)
    }
}

/// How a run stands. Anything Fast-Flow did not define is [`Status::Unknown`]: never due, always reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Status {
    /// Waiting for its start.
    Pending,
    /// At work.
    Running,
    /// Ended well.
    Success,
    /// Ended with an error.
    Failed,
    /// Cancelled or cut off.
    Interrupted,
    /// Ended well with reservations.
    Warning,
    /// A label this version does not know.
    Unknown,
}

impl Status {
    /// Those that Fast-Flow defined, the frequent ones first.
    const KNOWN: [Status; 6] =
        [Status::Success, Status::Failed, Status::Interrupted, Status::Warning, Status::Running, Status::Pending];

    /// Reads the label as stored (capitals on both databases); also tolerates `RunStatus.SUCCESS` and lower case.
    pub fn from_label(label: &str) -> Self {
        let label = label.strip_prefix("RunStatus.").unwrap_or(label);
        let known = Status::KNOWN.into_iter().find(|status| status.label().eq_ignore_ascii_case(label));
        known.unwrap_or(Status::Unknown)
    }

    /// The label, in capitals.
    pub fn label(self) -> &'static str {
        match self {
            Status::Pending => "PENDING",
            Status::Running => "RUNNING",
            Status::Success => "SUCCESS",
            Status::Failed => "FAILED",
            Status::Interrupted => "INTERRUPTED",
            Status::Warning => "WARNING",
            Status::Unknown => "UNKNOWN",
        }
    }

    /// Whether the run has ended; only such runs can ever be due.
    pub fn is_finished(self) -> bool {
        matches!(self, Status::Success | Status::Failed | Status::Interrupted | Status::Warning)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.label())
    }
}

/// How a run stands, and since when: what the rules judge of it by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// How it stands.
    pub status: Status,
    /// When it was started.
    pub started_at: Timestamp,
    /// When it ended; `None` while active and for rows that never got one.
    pub finished_at: Option<Timestamp>,
}

impl Standing {
    /// The instant from which the run's age counts: its end, or its start where no end was recorded.
    pub fn aged_from(&self) -> Timestamp {
        self.finished_at.unwrap_or(self.started_at)
    }
}

/// One row of `pipeline_runs`, as far as retention needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Primary key.
    pub id: RunId,
    /// The pipeline's name, shared between the runs of a pipeline.
    pub pipeline: Arc<str>,
    /// How it stands.
    pub status: Status,
    /// When it was started.
    pub started_at: Timestamp,
    /// When it ended; `None` while active and for rows that never got one.
    pub finished_at: Option<Timestamp>,
    /// Where the database had the row, if it can find it there faster than by its id; says nothing else, and not for long.
    pub position: i64,
}

impl Run {
    /// A run of which only the id is known.
    pub fn of_unknown_state(id: RunId) -> Self {
        let epoch = Timestamp::from_micros(0);
        Run { id, pipeline: "".into(), status: Status::Unknown, started_at: epoch, finished_at: None, position: 0 }
    }

    /// How it stands.
    pub fn standing(&self) -> Standing {
        Standing { status: self.status, started_at: self.started_at, finished_at: self.finished_at }
    }

    /// [`Standing::aged_from`].
    pub fn aged_from(&self) -> Timestamp {
        self.standing().aged_from()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_in_both_forms_and_shows_with_dashes() {
        let dashed = "0123ABCD-4567-89ab-cdef-0123456789ab";
        let id: RunId = dashed.parse().unwrap();
        assert_eq!(id.to_string(), dashed.to_lowercase());
        assert_eq!(id.simple().parse(), Ok(id));
        for bad in [
            "",
            "0123abcd",
            "0123abcd+4567-89ab-cdef-0123456789ab",
            "g123abcd456789abcdef0123456789ab",
            "0123abcd456789abcdef0123456789ä",
        ] {
            assert_eq!(bad.parse::<RunId>(), Err(InvalidRunId), "{bad}");
        }
    }

    #[test]
    fn only_the_four_ended_labels_are_finished() {
        let finished: Vec<_> = ["PENDING", "RUNNING", "SUCCESS", "FAILED", "INTERRUPTED", "WARNING", "QUEUED", ""]
            .into_iter()
            .filter(|label| Status::from_label(label).is_finished())
            .collect();
        assert_eq!(finished, ["SUCCESS", "FAILED", "INTERRUPTED", "WARNING"]);
    }
}
