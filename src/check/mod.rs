//! The archive found again: held against receipts and manifests, and brought back.
//!
//! In: the ledger, where there is one, and the bucket. Out: a [`CheckedObject`] for each object, as they come; runs, files and
//! rows. Changes nothing in the archive.

mod contents;
mod find;
mod folder;
mod instance;
mod inventory;
mod local;
mod object;
mod restore;
mod verify;

pub use contents::pipeline_in_manifest;
pub use find::{Asked, Finder, InArchive};
pub use instance::Instance;
pub use inventory::Inventory;
pub use local::{Local, LocalFinding, LocalState};
pub use object::{CheckedObject, State};
pub use restore::{Restored, RestoredFile, Restorer};
pub use verify::{Event, Reach, Verifier, put_only};

use crate::error::{Error, Kind};

/// Whether the archive is not what its manifests and the ledger say, rather than out of reach.
pub fn is_difference(kind: Kind) -> bool {
    matches!(kind, Kind::DigestMismatch | Kind::ObjectRefused | Kind::ManifestRefused)
}

/// Says what a key lacks that may only put; the only place that does.
pub fn explained(error: Error) -> Error {
    match error.kind {
        Kind::AccessDenied => error.hint(
            "the nightly key may only put, and stays as it is; set S3_VERIFY_ACCESS_KEY and S3_VERIFY_SECRET_ACCESS_KEY to \
             a key that has s3:GetObject and s3:ListBucket",
        ),
        _ => error,
    }
}
