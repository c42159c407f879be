//! One entry of the ledger as it is written: a line of JSON that carries the hash of the line before it.
//!
//! In: what was done. Out: the line, and back again. The line as it stands is the canonical form: its SHA-256 is the entry's
//! hash, so that whoever checks the chain needs no rules of serialisation (README, "The ledger as evidence").

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::archive::{Digests, Level, Method, Receipt, SourceFile};
use crate::bytes::{ByteSize, from_hex, to_hex};
use crate::fastflow::{Fingerprint, Identity, Volume};
use crate::time::Timestamp;

/// The hash that stands before the first entry.
pub(super) const BEFORE_THE_FIRST: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The hash of an entry: SHA-256 of its line, in hexadecimal.
pub(super) fn hash_of(line: &str) -> String {
    to_hex(&Sha256::digest(line.as_bytes()))
}

/// A whole line; the fields stand in this order.
#[derive(Serialize, Deserialize)]
pub(super) struct Line {
    /// Always `ledger`: tells it from other JSON Lines.
    r#type: String,
    /// The number of the entry, from 1 on without gaps.
    pub(super) seq: i64,
    /// The hash of the entry before it.
    pub(super) previous: String,
    /// When it was written.
    pub(super) at: String,
    #[serde(flatten)]
    pub(super) what: What,
}

impl Line {
    pub(super) fn new(seq: i64, previous: String, at: Timestamp, what: What) -> Line {
        Line { r#type: "ledger".to_owned(), seq, previous, at: at.to_string(), what }
    }
}

/// What an entry says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub enum What {
    /// The first entry: a ledger begins.
    Created {
        /// Random, so that anchors of different ledgers in one bucket are told apart.
        ledger: String,
        /// The program's.
        version: String,
        /// Name of the machine.
        host: String,
    },
    /// An invocation begins; its number is that of this entry.
    Began {
        /// The subcommand.
        command: String,
        /// The program's.
        version: String,
        /// Name of the machine.
        host: String,
        /// Name and number of the user.
        user: String,
        /// Process id.
        pid: u32,
        /// The log directory, and what it lay on.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        logs: Option<LogsVolume>,
    },
    /// A run is in the archive.
    Archived(ArchivedLine),
    /// A run is about to be deleted.
    Intended(DeletionLine),
    /// Its row and files are gone.
    Deleted(DeletionLine),
    /// It was kept after all.
    Kept(DeletionLine),
    /// Its log was cut; the run stays.
    Truncated(DeletionLine),
    /// Its log could not be cut and is gone; the run stays.
    LogRemoved(DeletionLine),
    /// Its row and files were brought back from the archive.
    Restored(DeletionLine),
    /// An invocation ended.
    Ended {
        /// Which.
        invocation: i64,
        /// How.
        exit_code: u8,
        /// Its counts.
        summary: Value,
    },
    /// The anchor of an invocation could not be put into the bucket.
    AnchorFailed {
        /// Which.
        invocation: i64,
        /// Why.
        error: String,
    },
}

/// A log directory and what it lay on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LogsVolume {
    /// Absolute path.
    pub path: String,
    /// Device and file system.
    #[serde(flatten)]
    pub volume: Volume,
}

/// What was sent of a run, and on what the proof rests.
#[derive(Debug, Serialize, Deserialize)]
pub struct ArchivedLine {
    pub(super) invocation: i64,
    pub(super) run_id: String,
    pub(super) pipeline: String,
    pub(super) rule: String,
    pub(super) reason: String,
    /// SHA-256 over row and cells.
    pub(super) fingerprint: String,
    pub(super) endpoint: String,
    pub(super) bucket: String,
    /// Not what was sent, but what was found in the bucket after the ledger was lost: good for `verify`, for no deletion.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub(super) rebuilt: bool,
    pub(super) receipts: Vec<ReceiptLine>,
}

/// The receipt of one object; endpoint and bucket stand above it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ReceiptLine {
    name: String,
    key: String,
    bytes: u64,
    sha256: String,
    md5: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    etag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    version_id: Option<String>,
    level: String,
    method: String,
    at: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    source: Option<SourceLine>,
}

#[derive(Debug, Serialize, Deserialize)]
struct SourceLine {
    path: String,
    device: u64,
    inode: u64,
    bytes: u64,
    modified_ns: i64,
}

/// A deletion: intended, done, not done, or taken back.
#[derive(Debug, Serialize, Deserialize)]
pub struct DeletionLine {
    pub(super) invocation: i64,
    pub(super) run_id: String,
    pub(super) pipeline: String,
    pub(super) rule: String,
    /// The files concerned, relative to the log directory.
    pub(super) files: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) note: Option<String>,
}

impl ArchivedLine {
    /// The receipts; `None` where one is not readable.
    pub(super) fn receipts(&self) -> Option<Vec<Receipt>> {
        self.receipts.iter().map(|line| line.receipt(&self.endpoint, &self.bucket)).collect()
    }

    pub(super) fn fingerprint(&self) -> Option<Fingerprint> {
        from_hex(&self.fingerprint).map(Fingerprint)
    }
}

impl ReceiptLine {
    pub(super) fn of(receipt: &Receipt) -> ReceiptLine {
        ReceiptLine {
            name: receipt.name.clone(),
            key: receipt.key.clone(),
            bytes: receipt.bytes.0,
            sha256: to_hex(&receipt.digests.sha256),
            md5: to_hex(&receipt.digests.md5),
            etag: receipt.etag.clone(),
            version_id: receipt.version_id.clone(),
            level: receipt.level.name().to_owned(),
            method: receipt.method.name().to_owned(),
            at: receipt.at.to_string(),
            source: receipt.source.as_ref().map(|source| SourceLine {
                path: source.path.clone(),
                device: source.identity.device,
                inode: source.identity.inode,
                bytes: source.identity.size.0,
                modified_ns: i64::try_from(source.identity.modified_ns).unwrap_or_default(),
            }),
        }
    }

    fn receipt(&self, endpoint: &str, bucket: &str) -> Option<Receipt> {
        Some(Receipt {
            name: self.name.clone(),
            endpoint: endpoint.to_owned(),
            bucket: bucket.to_owned(),
            key: self.key.clone(),
            version_id: self.version_id.clone(),
            etag: self.etag.clone(),
            bytes: ByteSize(self.bytes),
            digests: Digests { md5: from_hex(&self.md5)?, sha256: from_hex(&self.sha256)? },
            level: Level::from_name(&self.level)?,
            method: Method::from_name(&self.method)?,
            at: Timestamp::from_rfc3339(&self.at)?,
            source: self.source.as_ref().map(|source| SourceFile {
                path: source.path.clone(),
                identity: Identity {
                    device: source.device,
                    inode: source.inode,
                    size: ByteSize(source.bytes),
                    modified_ns: i128::from(source.modified_ns),
                },
            }),
        })
    }
}
