//! Spends proofs: a run whose archive is proven loses its row, its cells and its files; an oversized log its head.
//!
//! In: [`crate::archive::Proof`] or [`crate::archive::HeadProof`], by value. Out: an outcome for each. Nothing else in this
//! crate deletes.

mod recover;
mod remove;
mod truncate;

pub use recover::finish_open_deletions;
pub use remove::Remover;
pub use truncate::Truncator;
