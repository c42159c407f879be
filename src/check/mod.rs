//! The archive against receipts and manifests: what is missing, changed, unreadable, or known to nobody.
//!
//! In: the ledger, where there is one, and the bucket. Out: a [`CheckedObject`] for each object, as they come. Changes
//! nothing in the bucket.

mod folder;
mod inventory;
mod object;
mod verify;

pub use inventory::Inventory;
pub use object::{CheckedObject, State};
pub use verify::{Event, Reach, Verifier, put_only};
