//! What a listing of the bucket showed, kept beside the memory: a million keys cost disk.
//!
//! In: pages of a listing, in any order. Out: an object by its key, and those that nobody asked for. Its file has no name and
//! ends with it.

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::archive::{Bucket, Listed};
use crate::bytes::ByteSize;
use crate::error::{Error, Kind, Result};

const TABLE: &str = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
CREATE TABLE objects (folder TEXT, name TEXT, bytes INTEGER, etag TEXT, claimed INTEGER DEFAULT 0,
    PRIMARY KEY (folder, name)) STRICT, WITHOUT ROWID;";

/// Objects of a listing.
pub struct Inventory {
    connection: Connection,
}

/// Folder, with its slash, and name.
fn parts(key: &str) -> (&str, &str) {
    key.split_at(key.rfind('/').map_or(0, |slash| slash + 1))
}

fn unsigned(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(|number| u64::try_from(number).unwrap_or_default())
}

fn failed(error: rusqlite::Error) -> Error {
    Error::caused(Kind::Internal, "keep the listing of the bucket", error).hint("is there room for temporary files?")
}

impl Inventory {
    /// Lists everything below `prefix`.
    pub async fn list(bucket: &Bucket, prefix: &str) -> Result<Inventory> {
        let connection = Connection::open("").map_err(failed)?;
        connection.execute_batch(TABLE).map_err(failed)?;
        let mut inventory = Inventory { connection };
        let mut result = Ok(());
        let take = |page: Vec<Listed>| {
            if result.is_ok() {
                result = inventory.add(&page).map_err(failed);
            }
        };
        bucket.list(prefix, take).await?;
        result.map(|()| inventory)
    }

    fn add(&mut self, page: &[Listed]) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        for object in page {
            let (folder, name) = parts(&object.key);
            let bytes = i64::try_from(object.bytes.0).unwrap_or(i64::MAX);
            let sql = "INSERT OR REPLACE INTO objects (folder, name, bytes, etag) VALUES (?, ?, ?, ?)";
            transaction.prepare_cached(sql)?.execute(params![folder, name, bytes, object.etag])?;
        }
        transaction.commit()
    }

    /// How many objects there are.
    pub fn count(&self) -> Result<u64> {
        self.connection.query_row("SELECT count(*) FROM objects", [], |row| unsigned(row, 0)).map_err(failed)
    }

    /// The object with this key, which somebody knows.
    pub(super) fn claim(&self, key: &str) -> Result<Option<Listed>> {
        let (folder, name) = parts(key);
        let sql = "UPDATE objects SET claimed = 1 WHERE folder = ? AND name = ? RETURNING bytes, etag";
        let mut statement = self.connection.prepare_cached(sql).map_err(failed)?;
        let found = statement.query_row([folder, name], |row| {
            Ok(Listed { key: key.to_owned(), bytes: ByteSize(unsigned(row, 0)?), etag: row.get(1)?, stored_at: None })
        });
        found.optional().map_err(failed)
    }

    /// Hands over those that nobody claimed, folder by folder, until `each` says `false`.
    pub(super) fn each_unclaimed(&self, mut each: impl FnMut(Listed) -> Result<bool>) -> Result<()> {
        let sql = "SELECT folder || name, bytes, etag FROM objects WHERE claimed = 0 ORDER BY folder, name";
        let mut statement = self.connection.prepare(sql).map_err(failed)?;
        let mut rows = statement.query([]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            let read = || {
                Ok(Listed { key: row.get(0)?, bytes: ByteSize(unsigned(row, 1)?), etag: row.get(2)?, stored_at: None })
            };
            if !each(read().map_err(failed)?)? {
                break;
            }
        }
        Ok(())
    }
}
