//! The counts of an invocation.

use crate::bytes::ByteSize;
use crate::flow::{Outcome, RunOutcome};

/// As in the last line of `--json` (cli.md section 4).
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Runs that a rule names.
    pub runs_due: u64,
    /// Runs that were sent and proven now.
    pub runs_archived: u64,
    /// Runs that the archive had already.
    pub runs_already_archived: u64,
    /// Runs that are gone from the instance.
    pub runs_deleted: u64,
    /// Runs that stay and whose logs were cut, or removed where they could not be cut.
    pub logs_truncated: u64,
    /// Runs that failed and were kept.
    pub runs_failed: u64,
    /// Of these, those that failed because of the store.
    pub runs_failed_by_storage: u64,
    /// Runs that were left alone.
    pub runs_kept: u64,
    /// Runs whose turn did not come.
    pub runs_not_attempted: u64,
    /// What the files of all due runs weigh.
    pub bytes_due: ByteSize,
    /// What was sent.
    pub bytes_uploaded: ByteSize,
    /// Objects that were sent.
    pub objects_uploaded: u64,
    /// Objects of the archive that were looked at.
    pub objects_checked: u64,
    /// Runs that were brought back.
    pub runs_restored: u64,
    /// Files that were written for them.
    pub files_restored: u64,
    /// What these files weigh.
    pub bytes_restored: ByteSize,
    /// What was found to be other than it should be.
    pub differences: u64,
}

impl Summary {
    /// Counts one run.
    pub fn count(&mut self, ended: &RunOutcome) {
        self.bytes_uploaded += ended.bytes;
        self.objects_uploaded += ended.objects;
        let is_cut = matches!(ended.outcome, Outcome::Truncated | Outcome::LogRemoved);
        self.runs_archived += u64::from(ended.objects > 0 && !is_cut);
        self.runs_deleted += u64::from(ended.deleted);
        let sent_nothing = ended.objects == 0;
        match ended.outcome {
            Outcome::AlreadyArchived | Outcome::Deleted if sent_nothing => self.runs_already_archived += 1,
            Outcome::Truncated | Outcome::LogRemoved => self.logs_truncated += 1,
            Outcome::Kept => self.runs_kept += 1,
            Outcome::NotAttempted => self.runs_not_attempted += 1,
            Outcome::Failed => {
                self.runs_failed += 1;
                self.runs_failed_by_storage +=
                    u64::from(ended.error.as_ref().is_some_and(|error| error.kind.is_storage()));
            }
            Outcome::Due | Outcome::Archived | Outcome::AlreadyArchived | Outcome::Deleted => {}
        }
    }
}
