//! Where ledger and lock are: in a folder, or in the database itself.
//!
//! In: what was given, the database. Out: a [`LedgerPlace`]. Opens nothing.

use std::fmt;
use std::path::{Path, PathBuf};

use super::database::Database;
use super::layers::Setting;
use super::postgres::PostgresAddress;

/// The schema of the ledger in PostgreSQL.
pub const LEDGER_SCHEMA: &str = "fastflow_archive";

/// Where the record of what was done is kept, and what keeps a second instance out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LedgerPlace {
    /// A file and a lock in this folder.
    Folder(PathBuf),
    /// A schema beside Fast-Flow's own tables, and a lock of the session.
    Postgres {
        /// The database.
        address: Box<PostgresAddress>,
        /// The data directory: a ledger that is there from before is not passed over.
        data_dir: PathBuf,
    },
}

impl LedgerPlace {
    /// The folder that was given; else the database, where it is one of PostgreSQL, else the data directory.
    pub(super) fn resolve(
        given: Option<Setting<PathBuf>>,
        database: &Database,
        data_dir: &Path,
    ) -> Setting<LedgerPlace> {
        match (given, database) {
            (Some(folder), _) => folder.map(LedgerPlace::Folder),
            (None, Database::Sqlite(_)) => Setting::default(LedgerPlace::Folder(data_dir.to_owned())),
            (None, Database::Postgres(address)) => {
                Setting::default(LedgerPlace::Postgres { address: address.clone(), data_dir: data_dir.to_owned() })
            }
        }
    }

    /// Where something too long for memory may wait, in a file without a name.
    pub fn spool_dir(&self) -> PathBuf {
        match self {
            LedgerPlace::Folder(folder) => folder.clone(),
            LedgerPlace::Postgres { .. } => std::env::temp_dir(),
        }
    }
}

impl fmt::Display for LedgerPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LedgerPlace::Folder(folder) => write!(f, "{}", folder.display()),
            LedgerPlace::Postgres { address, .. } => write!(f, "{address}, schema {LEDGER_SCHEMA}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::layers::Source;

    #[test]
    fn only_postgresql_without_a_folder_that_was_given_keeps_the_ledger_itself() {
        let address = PostgresAddress::parse("ff@db/x", &|_| None).unwrap();
        let postgres = Database::Postgres(Box::new(address));
        let given = || Some(Setting { value: PathBuf::from("state"), source: Source::Flag("--state-dir".into()) });
        let resolve = |given, database| LedgerPlace::resolve(given, database, Path::new("data")).value.to_string();
        assert_eq!(resolve(None, &postgres), "db:5432/x, schema fastflow_archive");
        assert_eq!(resolve(given(), &postgres), "state");
        let sqlite = Database::Sqlite("x.db".into());
        assert_eq!(resolve(None, &sqlite), "data");
        assert_eq!(resolve(given(), &sqlite), "state");
    }
}
