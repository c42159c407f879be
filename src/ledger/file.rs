//! The ledger's file: its tables, made once and whole; opened only if nothing of it is torn.
//!
//! In: a path. Out: a connection. A file that was there and is damaged, empty or torn is an error: never a new one.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, TransactionBehavior};

use super::entry::What;
use super::sqlite::insert;
use super::storage::chained;
use crate::error::{Error, Kind, Result};
use crate::fail_point;
use crate::fastflow::{Access, connect_sqlite};
use crate::time::Timestamp;

/// The version of the tables, in `user_version`; 1 was never released.
const SCHEMA: i64 = 2;
/// "FFAr": tells the file from other SQLite files.
const APPLICATION_ID: i64 = 0x4646_4172;

/// One table of lines; what is looked up by is computed from them, so that it cannot say anything else. What operators were
/// told last (`notification_state`, for `notify`) is no evidence and may change. The views are for people with a SQLite shell.
const TABLES: &str = "
CREATE TABLE entries (
    seq INTEGER PRIMARY KEY,
    body TEXT NOT NULL,
    hash TEXT NOT NULL,
    entry TEXT GENERATED ALWAYS AS (json_extract(body, '$.entry')) VIRTUAL,
    run_id TEXT GENERATED ALWAYS AS (json_extract(body, '$.run_id')) VIRTUAL
) STRICT;
CREATE INDEX entries_of_runs ON entries(run_id, entry) WHERE run_id IS NOT NULL;
CREATE INDEX entries_began ON entries(seq) WHERE entry = 'began';
CREATE INDEX entries_ended ON entries(seq) WHERE entry = 'ended';
CREATE TRIGGER entries_are_never_changed BEFORE UPDATE ON entries
    BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER entries_are_never_deleted BEFORE DELETE ON entries
    BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER entries_come_last BEFORE INSERT ON entries
    WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM entries)
    BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;
CREATE TABLE notification_state (
    command TEXT NOT NULL, channel TEXT NOT NULL, cause TEXT NOT NULL, since TEXT NOT NULL, sent_at TEXT,
    PRIMARY KEY (command, channel)
) STRICT;
CREATE VIEW receipts AS SELECT
    seq, run_id, json_extract(body, '$.pipeline') AS pipeline, json_extract(body, '$.bucket') AS bucket,
    json_extract(value, '$.name') AS name, json_extract(value, '$.key') AS key, json_extract(value, '$.bytes') AS bytes,
    json_extract(value, '$.sha256') AS sha256, json_extract(value, '$.md5') AS md5,
    json_extract(value, '$.version_id') AS version_id, json_extract(value, '$.level') AS level,
    json_extract(value, '$.method') AS method, json_extract(value, '$.at') AS at
    FROM entries, json_each(body, '$.receipts') WHERE entry = 'archived';
CREATE VIEW deletions AS SELECT
    seq, json_extract(body, '$.at') AS at, run_id, json_extract(body, '$.pipeline') AS pipeline, entry AS phase,
    json_extract(body, '$.rule') AS rule, json_extract(body, '$.files') AS files, json_extract(body, '$.note') AS note
    FROM entries WHERE entry IN ('intended', 'deleted', 'kept', 'truncated', 'log_removed');
";

/// Opens the file, if it is a whole ledger of this version.
pub(super) fn open(path: &Path, access: Access) -> Result<Connection> {
    let was_closed = is_whole(path).map_err(|error| damaged(path, error))?;
    let open = || -> rusqlite::Result<(Connection, i64, i64)> {
        let connection = connect_sqlite(path, access)?;
        if access == Access::Write {
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            if !was_closed {
                quick_check(&connection)?;
            }
        }
        let number = |name| connection.pragma_query_value(None, name, |row| row.get(0));
        let (application, schema) = (number("application_id")?, number("user_version")?);
        Ok((connection, application, schema))
    };
    let (connection, application, schema) = open().map_err(|error| damaged(path, error))?;
    if application != APPLICATION_ID {
        return Err(damaged(path, anyhow::Error::msg("it is the database of another program")));
    }
    if schema != SCHEMA {
        let message =
            format!("use the ledger `{}`: its version is {schema}, this program knows {SCHEMA}", path.display());
        return Err(
            Error::new(Kind::LedgerFailed, message).hint("use the fastflow-archive that wrote it, or a newer one")
        );
    }
    Ok(connection)
}

/// Makes a ledger with its first entry, aside, and puts it into its place when it is whole: no moment leaves half of one, and
/// where another process was faster, its ledger stays.
pub(super) fn create(path: &Path, host: &str, now: Timestamp) -> Result<()> {
    if with_suffix(path, "-wal").exists() {
        return Err(damaged(path, anyhow::Error::msg("it is gone, but its journal (-wal) is there")));
    }
    let make = || -> anyhow::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        let aside = tempfile::Builder::new().prefix(".fastflow-archive-").permissions(mode).tempfile_in(folder)?;
        let mut connection = Connection::open(aside.path())?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(TABLES)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", SCHEMA)?;
        let ledger = transaction.query_row("SELECT lower(hex(randomblob(16)))", [], |row| row.get(0))?;
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let first = chained(None, vec![What::Created { ledger, version, host: host.to_owned() }], now)?;
        insert(&transaction, &first)?;
        transaction.commit()?;
        connection.close().map_err(|(_, error)| error)?;
        fail_point::reached("ledger-made-aside");
        match aside.persist_noclobber(path) {
            Err(failed) if failed.error.kind() != std::io::ErrorKind::AlreadyExists => Err(failed.error)?,
            _ => std::fs::File::open(folder)?.sync_all()?,
        }
        Ok(())
    };
    make().map_err(|error| {
        Error::caused(Kind::LedgerFailed, format!("make the ledger `{}`", path.display()), error)
            .hint("check --state-dir: it must be there and writable for this user")
    })?;
    fail_point::reached("ledger-made");
    Ok(())
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Whether the file was closed in order, or has a journal that will make it whole. Without a journal it must be as long as
/// its header says (SQLite file format, section 1.3): SQLite itself reads a torn page as zeros.
fn is_whole(path: &Path) -> anyhow::Result<bool> {
    let mut file = std::fs::File::open(path)?;
    let length = file.metadata()?.len();
    anyhow::ensure!(length > 0, "it is there, but empty");
    if std::fs::metadata(with_suffix(path, "-wal")).is_ok_and(|journal| journal.len() > 0) {
        return Ok(false);
    }
    let mut header = [0; 32];
    file.read_exact(&mut header).map_err(|_| anyhow::Error::msg("it is torn: its header is not whole"))?;
    let [.., s0, s1, _, _, _, _, _, _, _, _, _, _, p0, p1, p2, p3] = header;
    let page_bytes = match u16::from_be_bytes([s0, s1]) {
        1 => 65_536,
        bytes => u64::from(bytes),
    };
    let expected = page_bytes * u64::from(u32::from_be_bytes([p0, p1, p2, p3]));
    anyhow::ensure!(length == expected, "it is torn: it has {length} bytes, its header says {expected}");
    Ok(true)
}

/// After a crash: whether the pages hold together.
fn quick_check(connection: &Connection) -> rusqlite::Result<()> {
    match connection.pragma_query_value(None, "quick_check", |row| row.get::<_, String>(0))?.as_str() {
        "ok" => Ok(()),
        found => Err(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(11), Some(found.to_owned()))),
    }
}

pub(super) fn damaged(path: &Path, error: impl Into<anyhow::Error>) -> Error {
    Error::caused(Kind::LedgerFailed, format!("open the ledger `{}`", path.display()), error).hint(
        "check --state-dir, its rights and the space on its disk; if the file is damaged, keep it as evidence, bring back a copy, or start with a \
         new state directory",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::LedgerPlace;
    use crate::ledger::{FILE_NAME, Ledger};

    const NOW: Timestamp = Timestamp::from_micros(1_786_000_000_000_000);

    fn at(folder: &Path) -> LedgerPlace {
        LedgerPlace::Folder(folder.to_owned())
    }

    /// A ledger with some entries, each commit of a size that needs pages of its own.
    fn ledger(folder: &Path) -> Ledger {
        let mut ledger = Ledger::open(&at(folder), "host", NOW).unwrap();
        for number in 0..20u8 {
            let summary = serde_json::json!({ "text": "x".repeat(900), "number": number });
            ledger.end(number, summary, NOW).unwrap();
        }
        ledger
    }

    fn entries(ledger: &Ledger) -> u64 {
        let mut faults = Vec::new();
        let entries = ledger.verify(|fault| faults.push(fault), |_| {}).unwrap();
        assert_eq!(faults, []);
        entries
    }

    #[test]
    fn a_file_that_was_cut_at_any_byte_of_its_last_page_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        drop(ledger(folder.path()));
        let path = folder.path().join(FILE_NAME);
        let whole = std::fs::read(&path).unwrap();
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        for cut in (1..=4096).chain([whole.len() - 31, whole.len() - 1, whole.len()]) {
            file.set_len((whole.len() - cut) as u64).unwrap();
            for opened in
                [Ledger::open(&at(folder.path()), "host", NOW).map(Some), Ledger::open_existing(&at(folder.path()))]
            {
                assert_eq!(opened.err().map(|error| error.kind), Some(Kind::LedgerFailed), "{cut} bytes fewer");
            }
        }
        std::fs::write(&path, &whole).unwrap();
        assert_eq!(entries(&Ledger::open(&at(folder.path()), "host", NOW).unwrap()), 21);
    }

    #[test]
    fn a_journal_that_was_cut_at_any_byte_of_its_end_loses_the_last_commits_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let open = ledger(folder.path());
        let names = [FILE_NAME.to_owned(), format!("{FILE_NAME}-wal")];
        let [file, journal] = names.each_ref().map(|name| std::fs::read(folder.path().join(name)).unwrap());
        drop(open);
        assert!(journal.len() > 20_000, "the entries are in the journal");
        for cut in (0..64).chain((64..9000).step_by(37)) {
            let copy = tempfile::tempdir().unwrap();
            std::fs::write(copy.path().join(FILE_NAME), &file).unwrap();
            std::fs::write(copy.path().join(&names[1]), &journal[..journal.len() - cut]).unwrap();
            let found = entries(&Ledger::open(&at(copy.path()), "host", NOW).unwrap());
            assert!((17..=21).contains(&found), "{cut} bytes fewer: {found} entries");
            assert_eq!(found == 21, cut == 0, "{cut} bytes fewer: {found} entries");
        }
    }

    #[test]
    fn another_database_is_not_taken_for_a_ledger() {
        let folder = tempfile::tempdir().unwrap();
        Connection::open(folder.path().join(FILE_NAME)).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
        let error = Ledger::open(&at(folder.path()), "host", NOW).err().unwrap();
        assert!(error.message().contains("the database of another program"), "{error}");
    }
}
