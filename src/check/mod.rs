//! The archive found again: which runs are in it, and their files brought back.
//!
//! In: the ledger, or the bucket alone. Out: runs, files, rows, differences. Changes nothing in the archive.

mod contents;
mod find;
mod instance;
mod restore;

pub use find::{Asked, Finder, InArchive};
pub use instance::Instance;
pub use restore::{Restored, RestoredFile, Restorer};

pub use contents::pipeline_in_manifest;

use crate::error::{Error, Kind};

/// Whether the archive is not what its manifests and the ledger say, rather than out of reach.
pub fn is_difference(kind: Kind) -> bool {
    matches!(kind, Kind::DigestMismatch | Kind::ObjectRefused | Kind::ManifestRefused)
}

/// Says what a key lacks that may only put.
pub fn explained(error: Error) -> Error {
    match error.kind {
        Kind::AccessDenied => error.hint(
            "the nightly key may only put; set S3_VERIFY_ACCESS_KEY and S3_VERIFY_SECRET_ACCESS_KEY to one that has \
             s3:GetObject and s3:ListBucket",
        ),
        _ => error,
    }
}
