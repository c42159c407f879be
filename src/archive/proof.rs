//! The value that only proven uploads make.
//!
//! In: receipts. Out: [`Proof`] for a run, [`HeadProof`] for what was cut off its log. A deletion costs a proof: it cannot be
//! cloned, and nothing outside this folder can make one.

use crate::fastflow::{Fingerprint, Identity, LogPath, PlannedFile};
use crate::run::RunId;

use super::object::MANIFEST;
use super::receipt::{Level, Receipt};

/// A file that may be removed once its run is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvenFile {
    /// Where it is.
    pub path: LogPath,
    /// How it was when it was archived.
    pub identity: Identity,
}

/// Proof that everything a run has is in the archive, at least at the configured level.
#[must_use = "a proof is there to be spent or recorded"]
pub struct Proof {
    run: RunId,
    fingerprint: Fingerprint,
    receipts: Vec<Receipt>,
    files: Vec<ProvenFile>,
    resumed: bool,
}

impl Proof {
    /// Made where the last object of the run was proven.
    pub(super) fn of_upload(
        run: RunId,
        fingerprint: Fingerprint,
        receipts: Vec<Receipt>,
        files: Vec<ProvenFile>,
    ) -> Self {
        Proof { run, fingerprint, receipts, files, resumed: false }
    }

    /// Made from receipts that an earlier invocation recorded, if they prove the run as it is now: same place, level at
    /// least `level`, row and cells as they were, a receipt for each file that is there with the file as it was, and the
    /// manifest, which comes last. `files` are those that are there now; one that is gone needs nothing but its receipt.
    pub fn from_receipts(
        run: RunId,
        now: Fingerprint,
        recorded: Fingerprint,
        receipts: Vec<Receipt>,
        files: &[PlannedFile],
        place: &Place<'_>,
        level: Level,
    ) -> Option<Self> {
        let complete = receipts.iter().any(|receipt| receipt.name == MANIFEST);
        let files_hold = files.iter().all(|file| {
            receipts.iter().any(|receipt| {
                receipt.name == file.name.as_str()
                    && receipt.source.as_ref().is_some_and(|source| source.identity == file.identity)
            })
        });
        if now != recorded || !complete || !files_hold || !receipts.iter().all(|receipt| place.holds(receipt, level)) {
            return None;
        }
        let files = files.iter().map(|file| ProvenFile { path: file.path.clone(), identity: file.identity }).collect();
        Some(Proof { run, fingerprint: now, receipts, files, resumed: true })
    }

    /// Whose.
    pub fn run(&self) -> RunId {
        self.run
    }

    /// What row and cells were.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The evidence, the manifest last.
    pub fn receipts(&self) -> &[Receipt] {
        &self.receipts
    }

    /// What may be removed with the row.
    pub fn files(&self) -> &[ProvenFile] {
        &self.files
    }

    /// Whether the receipts were in the ledger before.
    pub fn is_resumed(&self) -> bool {
        self.resumed
    }

    /// Whether the log is among what is proven.
    pub fn has_log(&self) -> bool {
        self.receipts.iter().any(Receipt::is_log)
    }
}

/// What may be cut off a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Everything before this byte, where a line begins.
    Before(u64),
    /// The whole log: no line begins where it could be cut.
    Whole,
}

/// Proof that the head of a log is in the archive, and so may be cut off.
#[must_use = "a proof is there to be spent or recorded"]
pub struct HeadProof {
    run: RunId,
    fingerprint: Fingerprint,
    receipts: Vec<Receipt>,
    log: ProvenFile,
    cut: Cut,
    resumed: bool,
}

impl HeadProof {
    /// Made where the head and the manifest that names it were proven.
    pub(super) fn of_upload(
        run: RunId,
        fingerprint: Fingerprint,
        receipts: Vec<Receipt>,
        log: ProvenFile,
        cut: Cut,
    ) -> Self {
        HeadProof { run, fingerprint, receipts, log, cut, resumed: false }
    }

    /// Made from receipts that an earlier invocation recorded, if the newest head was made from the log as it is now.
    pub fn from_receipts(
        run: RunId,
        now: Fingerprint,
        recorded: Fingerprint,
        receipts: Vec<Receipt>,
        log: &PlannedFile,
        place: &Place<'_>,
        level: Level,
    ) -> Option<Self> {
        let complete = receipts.iter().any(|receipt| receipt.name == MANIFEST);
        let head = receipts.iter().rfind(|receipt| receipt.is_head())?;
        let is_same = head.source.as_ref().is_some_and(|source| source.identity == log.identity);
        if now != recorded || !complete || !is_same || !receipts.iter().all(|receipt| place.holds(receipt, level)) {
            return None;
        }
        let cut = if head.bytes == log.identity.size { Cut::Whole } else { Cut::Before(head.bytes.0) };
        let log = ProvenFile { path: log.path.clone(), identity: log.identity };
        Some(HeadProof { run, fingerprint: now, receipts, log, cut, resumed: true })
    }

    /// Whose.
    pub fn run(&self) -> RunId {
        self.run
    }

    /// What row and cells were.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The evidence, the manifest last.
    pub fn receipts(&self) -> &[Receipt] {
        &self.receipts
    }

    /// The log.
    pub fn log(&self) -> &ProvenFile {
        &self.log
    }

    /// What of it is proven.
    pub fn cut(&self) -> Cut {
        self.cut
    }

    /// Whether the receipts were in the ledger before.
    pub fn is_resumed(&self) -> bool {
        self.resumed
    }
}

/// Where a run's objects have to be.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Address of the store.
    pub endpoint: &'a str,
    /// Bucket.
    pub bucket: &'a str,
    /// The run's folder.
    pub folder: &'a str,
}

impl Place<'_> {
    /// Whether a receipt is of an object here, and proves enough.
    fn holds(&self, receipt: &Receipt, level: Level) -> bool {
        receipt.level >= level
            && receipt.endpoint == self.endpoint
            && receipt.bucket == self.bucket
            && receipt.key == format!("{}/{}", self.folder, receipt.name)
    }
}
