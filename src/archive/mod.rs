//! A planned run -> keys, metadata, digests -> objects -> [`Proof`].
//!
//! In: a planned run with its record and cells. Out: a proof, or an error and nothing proven. Deletes nothing, anywhere.

mod client;
mod direct;
mod etag;
mod fault;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod head;
mod inspect;
mod item;
mod lanes;
mod manifest;
mod object;
mod payload;
mod proof;
mod read;
mod receipt;
mod s3;
mod sign;
mod throttle;
mod upload;
mod window;

pub(crate) use fault::tls_hint;
pub use inspect::{Evidence, Lifecycle, Marks, ObjectLock, Versioning};
pub use manifest::{Origin, ReadFile, ReadManifest};
pub use object::{CELLS, MANIFEST, RunKey, pipeline_folder, run_folder, service_key};
pub use payload::{Digests, Hasher};
pub use proof::{Cut, HeadProof, Place, Proof, ProvenFile};
pub use read::{Listed, NextPage, Seen, Sink};
pub use receipt::{Level, Method, Receipt, SourceFile, is_head};
pub use s3::Bucket;
pub use upload::{Archived, ArchivedHead, Archiver, Prepared};
