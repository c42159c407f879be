//! A file of a run: what it is called, where it is, and how it was when it was looked at.
//!
//! In: metadata. Out: values that `logs` finds, opens and removes by. Looks at nothing itself.

use std::fmt;
use std::path::Path;

use cap_std::fs::{Metadata, MetadataExt as _};
use serde::{Deserialize, Serialize};

use crate::bytes::ByteSize;

/// Which file at which moment: a file that was replaced, grew or was touched has another identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Device number.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
    /// Length.
    pub size: ByteSize,
    /// Last modification, nanoseconds since 1970.
    pub modified_ns: i128,
}

impl Identity {
    /// Whether both are of one file, which may have changed.
    pub fn is_same_file(&self, other: &Identity) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }

    pub(super) fn of(metadata: &Metadata) -> Self {
        Identity {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: ByteSize(metadata.len()),
            modified_ns: i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec()),
        }
    }
}

/// A path relative to the log directory, without `..`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LogPath(pub(super) Box<Path>);

impl LogPath {
    /// The relative path.
    pub fn as_path(&self) -> &Path {
        &self.0
    }
}

impl fmt::Display for LogPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.display().fmt(f)
    }
}

/// What a file of a run is called in the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum FileName {
    /// `run.log`.
    Log,
    /// `metrics.jsonl`.
    Metrics,
}

impl FileName {
    /// The name in the archive.
    pub fn as_str(self) -> &'static str {
        match self {
            FileName::Log => "run.log",
            FileName::Metrics => "metrics.jsonl",
        }
    }
}

/// A file that a run has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedFile {
    /// What it is.
    pub name: FileName,
    /// Where it is.
    pub path: LogPath,
    /// How it was when it was found.
    pub identity: Identity,
}

/// The files of one run, as found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RunFiles {
    /// What is there, the log first.
    pub files: Vec<PlannedFile>,
    /// Where the log should be, if it is not there.
    pub missing_log: Option<LogPath>,
}

/// What metrics are called after the run's id, where the row names none.
pub(super) const METRICS_SUFFIX: &str = "_metrics.jsonl";

/// A file of a run, open for reading.
pub struct OpenedFile {
    /// The handle; reads do not depend on the path any more.
    pub file: std::fs::File,
    /// How it was when it was opened.
    pub identity: Identity,
}
