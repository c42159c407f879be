//! The evidence for one object: what was sent, where it is, and on what it rests that it is there.
//!
//! In: names of the ledger. Out: [`Receipt`], [`Level`], [`Method`]. Proves nothing by itself; `proof` does, with all of a run's.

use super::payload::Digests;
use crate::bytes::ByteSize;
use crate::fastflow::{FileName, Identity};
use crate::time::Timestamp;

/// How much is proven; higher includes lower (s3.md section 2).
pub use crate::cli::ProofLevel as Level;

/// What a receipt rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// The ETag is the MD5 of our bytes, computed by the store.
    Etag,
    /// The ETag says nothing, but this store refuses wrong digests: it was put to the test a moment ago.
    EnforcedDigest,
    /// The ETag says nothing; the bytes were read back and are ours.
    Readback,
    /// The ETag says nothing, and the operator accepts that (`S3_ACCEPT_OPAQUE_ETAG=true`).
    AcceptedOpaque,
}

impl Method {
    /// The name in the ledger.
    pub fn name(self) -> &'static str {
        match self {
            Method::Etag => "etag",
            Method::EnforcedDigest => "enforced-digest",
            Method::Readback => "readback",
            Method::AcceptedOpaque => "accepted-opaque",
        }
    }

    /// Reads the name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Method::Etag, Method::EnforcedDigest, Method::Readback, Method::AcceptedOpaque]
            .into_iter()
            .find(|method| method.name() == name)
    }
}

impl Level {
    /// The name in the ledger and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Level::Receipt => "receipt",
            Level::Head => "head",
            Level::Readback => "readback",
        }
    }

    /// Reads the name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Level::Receipt, Level::Head, Level::Readback].into_iter().find(|level| level.name() == name)
    }
}

/// The file an object was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Relative to the log directory.
    pub path: String,
    /// How it was.
    pub identity: Identity,
}

/// The evidence for one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Its name in the run's folder.
    pub name: String,
    /// Address of the store; `aws` where none is set.
    pub endpoint: String,
    /// Bucket.
    pub bucket: String,
    /// Key.
    pub key: String,
    /// Version, where the bucket keeps versions.
    pub version_id: Option<String>,
    /// The ETag of the answer.
    pub etag: Option<String>,
    /// Length.
    pub bytes: ByteSize,
    /// Digests of what was sent.
    pub digests: Digests,
    /// What is proven.
    pub level: Level,
    /// On what it rests.
    pub method: Method,
    /// When.
    pub at: Timestamp,
    /// The file it was made from; `None` for cells and manifest.
    pub source: Option<SourceFile>,
}

/// What heads of cut logs are called, before their number.
pub(super) const HEAD_PREFIX: &str = "run.log.head-";

/// Whether an object is what was cut off a log.
pub fn is_head(name: &str) -> bool {
    name.starts_with(HEAD_PREFIX)
}

impl Receipt {
    /// Whether it is the receipt of what was cut off a log.
    pub fn is_head(&self) -> bool {
        is_head(&self.name)
    }

    /// Whether it is the receipt of a run's log.
    pub fn is_log(&self) -> bool {
        self.name == FileName::Log.as_str()
    }
}
