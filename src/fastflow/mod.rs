//! The host: runs in, deletions out; a run's files in the log directory.
//!
//! In: [`crate::config::Host`]. Out: a [`Store`] (the database) and [`LogsDir`] (the files). Never writes to the database
//! outside [`Store::remove`], [`Store::restore`] and [`Store::audit`], and never touches a file outside the log directory.

mod file;
mod listed;
mod logs;
mod names;
pub(crate) mod postgres;
mod record;
mod sqlite;
mod store;
mod tail;
mod volume;

pub use file::{FileName, Identity, LogPath, OpenedFile, PlannedFile, RunFiles};
pub use listed::Listed;
pub use logs::{HeldBlocks, LogsDir};
pub use record::{Fingerprint, Record};
pub(crate) use sqlite::connect as connect_sqlite;
pub use store::{Access, AuditEntry, Condition, LastAudit, Paths, Removal, RowError, Store};
pub use volume::Volume;

use crate::config::Database;
use crate::error::Result;

/// Opens the database of the instance.
pub fn open(database: &Database, access: Access) -> Result<Box<dyn Store>> {
    match database {
        Database::Sqlite(path) => Ok(Box::new(sqlite::SqliteStore::open(path, access)?)),
        Database::Postgres(address) => Ok(Box::new(postgres::PostgresStore::open(address, access)?)),
    }
}
