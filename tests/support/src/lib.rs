//! What tests and the demo share: sample Fast-Flow instances, an embedded S3 server, a real MinIO, a real Garage.
//!
//! [`Instance`] makes a Fast-Flow installation in a folder and remembers what it wrote ([`WrittenRun`]); [`Fleet`] fills
//! one with the standard populations; where `FASTFLOW_ARCHIVE_TEST_POSTGRES` names a server's programs, its database is one of
//! PostgreSQL ([`PostgresServer`]); [`TestStore`] is an S3 server with a user that may only put: the embedded one
//! ([`EmbeddedS3`]), MinIO ([`Minio`]) or Garage ([`Garage`]). Nothing here skips: what cannot be had is an error, or, where
//! a test takes the embedded server instead ([`TestStore::real_or_embedded`]), a line on stderr.

pub mod clock;
mod content;
mod embedded;
mod fleet;
mod garage;
mod instance;
mod mc;
mod minio;
mod postgres;
mod rows;
mod run_spec;
mod schema;
mod session;
mod store;
mod strict;
mod tls;
mod tree;
mod written;

pub use content::{Content, Digest, Random, digest_of};
pub use embedded::{EmbeddedS3, Request};
pub use fleet::Fleet;
pub use garage::Garage;
pub use instance::{ENCRYPTION_KEY, Instance, InstanceBuilder};
pub use mc::Mc;
pub use minio::{Minio, minio_binary};
pub use postgres::{
    PASSWORD as POSTGRES_PASSWORD, POSTGRES_VARIABLE, PostgresDatabase, PostgresServer, ROLE as POSTGRES_ROLE,
};
pub use run_spec::{Cell, Fate, LogSource, MetricsSource, RunSpec};
pub use session::{Session, quoted};
pub use store::{Encryption, Keys, MinioOptions, StoreOptions, TestStore};
pub use tls::PrivateCa;
pub use tree::{tree_files, tree_hash};
pub use written::WrittenRun;
