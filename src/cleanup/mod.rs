//! Spends proofs: a run whose archive is proven loses its row, its cells and its files.
//!
//! In: [`crate::archive::Proof`], by value. Out: an outcome for each. Nothing else in this crate deletes.

mod remove;

pub use remove::Remover;
