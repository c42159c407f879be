//! The ledger's schema in PostgreSQL: made once and whole; opened only if it is one of this version, and not emptied.
//!
//! In: the address of the database. Out: a connection. What the role may not do is said with the SQL that lets it.

use std::path::Path;

use super::FILE_NAME;
use super::entry::What;
use super::postgres::insert;
use super::storage::chained;
use crate::config::{LEDGER_SCHEMA as NAME, PostgresAddress};
use crate::error::{Error, Kind, Result};
use crate::fail_point;
use crate::fastflow::Access;
use crate::fastflow::postgres::{Connection, LOCK_CLASS, SqlError, cause, hint_of, session_note};
use crate::time::Timestamp;

/// The tables; an administrator can run the same file.
const TABLES: &str = include_str!("../../packaging/postgresql/ledger.sql");
/// The version of the tables, in `meta`.
const VERSION: &str = "1";
/// "ledg", the second half of the number of the advisory lock that writers take for one transaction.
const LOCK: i32 = 0x6c65_6467;
/// What the README grants.
const RIGHTS: &str = "('entries', 'SELECT', true), ('entries', 'INSERT', false), ('meta', 'SELECT', true), \
                      ('meta', 'INSERT', false), ('checks', 'SELECT', true), ('checks', 'INSERT', false), \
                      ('checks', 'UPDATE', false), ('notification_state', 'SELECT', false), \
                      ('notification_state', 'INSERT', false), ('notification_state', 'UPDATE', false), \
                      ('notification_state', 'DELETE', false)";

/// Opens the schema, for writing; makes it where there is none, and `data_dir` holds none from before.
pub(super) fn open(address: &PostgresAddress, data_dir: &Path, host: &str, now: Timestamp) -> Result<Connection> {
    let connection = Connection::open(address, Access::Write, &session_note())?;
    let found = Found::look(&connection, Access::Write)?;
    found.check_rights(&connection, Access::Write)?;
    if found.has_tables {
        check_version(&connection)?;
    }
    if !found.is_begun {
        check_no_other(&connection, data_dir)?;
        make(&connection, host, now)?;
    }
    check_beginning(&connection)?;
    Ok(connection)
}

/// Opens the schema for reading, which changes nothing; `None` where no ledger was begun in it.
pub(super) fn open_existing(address: &PostgresAddress, data_dir: &Path) -> Result<Option<Connection>> {
    let connection = Connection::open(address, Access::Read, &session_note())?;
    let found = Found::look(&connection, Access::Read)?;
    if found.has_tables {
        found.check_rights(&connection, Access::Read)?;
    }
    if !found.is_begun {
        return check_no_other(&connection, data_dir).map(|()| None);
    }
    check_version(&connection)?;
    check_beginning(&connection)?;
    Ok(Some(connection))
}

/// Whether a ledger could be opened for writing, and made where there is none; changes nothing.
pub(super) fn check_writable(address: &PostgresAddress, data_dir: &Path) -> Result<()> {
    let connection = Connection::open(address, Access::Read, &session_note())?;
    let found = Found::look(&connection, Access::Write)?;
    found.check_rights(&connection, Access::Write)?;
    if found.has_tables {
        check_version(&connection)?;
    }
    if found.is_begun { Ok(()) } else { check_no_other(&connection, data_dir) }
}

/// What a ledger in the data directory knows, such as deletions that are to be finished, a new one would not.
fn check_no_other(connection: &Connection, data_dir: &Path) -> Result<()> {
    let file = data_dir.join(FILE_NAME);
    if !file.exists() {
        return Ok(());
    }
    let shown = shown(connection.shown());
    let message = format!("begin a ledger in `{shown}`: there is one in `{}`", file.display());
    Err(Error::new(Kind::LedgerFailed, message).hint(format!(
        "--state-dir {} goes on with it; to begin a new one in the database, move the file away",
        data_dir.display()
    )))
}

/// What is there, and what the role may do.
#[derive(Default)]
struct Found {
    role: String,
    has_schema: bool,
    has_tables: bool,
    may_make_schema: bool,
    may_enter: bool,
    may_make_tables: bool,
    /// Rights on tables that it lacks, as SQL that grants them.
    lacking: Vec<String>,
    /// Whether there is a first entry, or was.
    is_begun: bool,
}

impl Found {
    fn look(connection: &Connection, access: Access) -> Result<Found> {
        let read = || -> Result<Found, SqlError> {
            let sql = "SELECT current_user::text, n.oid IS NOT NULL, c.oid IS NOT NULL, \
                       has_database_privilege(current_database(), 'CREATE'), \
                       coalesce(has_schema_privilege(n.oid, 'USAGE'), false), \
                       coalesce(has_schema_privilege(n.oid, 'CREATE'), false) \
                       FROM (SELECT $1::text AS name) AS ours LEFT JOIN pg_namespace n ON n.nspname = ours.name \
                       LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = 'entries'";
            let mut found = Found::default();
            if let Some(row) = connection.first(sql, &[&NAME])? {
                found.role = row.try_get(0)?;
                (found.has_schema, found.has_tables) = (row.try_get(1)?, row.try_get(2)?);
                (found.may_make_schema, found.may_enter) = (row.try_get(3)?, row.try_get(4)?);
                found.may_make_tables = row.try_get(5)?;
            }
            if !found.has_tables {
                return Ok(found);
            }
            let sql = format!(
                "SELECT format('GRANT %s ON %I.%I TO %I', string_agg(needed.right, ', '), $1::text, c.relname, current_user) \
                 FROM (VALUES {RIGHTS}) AS needed (name, \"right\", reads) \
                 JOIN pg_namespace n ON n.nspname = $1::text JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = needed.name \
                 WHERE (reads OR $2) AND NOT has_table_privilege(c.oid, needed.right) GROUP BY c.relname ORDER BY c.relname"
            );
            for row in connection.query(&sql, &[&NAME, &(access == Access::Write)])? {
                found.lacking.push(row.try_get(0)?);
            }
            if found.may_enter && found.lacking.is_empty() {
                let sql = "SELECT EXISTS (SELECT FROM fastflow_archive.entries) \
                           OR EXISTS (SELECT FROM fastflow_archive.meta WHERE name = 'ledger')";
                let begun = connection.first(sql, &[])?;
                found.is_begun = begun.map_or(Ok(false), |row| row.try_get(0))?;
            }
            Ok(found)
        };
        read().map_err(|error| failed(connection, "look for", &error))
    }

    /// What stands in the way, and the SQL that clears it.
    fn check_rights(&self, connection: &Connection, access: Access) -> Result<()> {
        let role = format!("\"{}\"", self.role.replace('"', "\"\""));
        let grants = |rights: &str| format!("GRANT {rights} ON SCHEMA {NAME} TO {role}");
        let writes = access == Access::Write;
        let (what, sql) = match (self.has_schema, self.has_tables) {
            (false, _) if writes && !self.may_make_schema => {
                ("create the schema in that database", vec![format!("CREATE SCHEMA {NAME} AUTHORIZATION {role}")])
            }
            (true, false) if writes && !(self.may_enter && self.may_make_tables) => {
                ("create tables in the schema", vec![grants("USAGE, CREATE")])
            }
            (true, true) if !(self.may_enter && self.lacking.is_empty()) => {
                let enter = (!self.may_enter).then(|| grants("USAGE"));
                let sql = enter.into_iter().chain(self.lacking.iter().cloned()).collect();
                (if writes { "write it" } else { "read it" }, sql)
            }
            _ => return Ok(()),
        };
        let sql = sql.join("; ");
        let context = format!("use the ledger `{}`", shown(connection.shown()));
        let message = format!("{context}: the role `{}` may not {what}", self.role);
        Err(Error::new(Kind::LedgerFailed, message).hint(format!(
            "an administrator of that database runs: {sql}; -- the README has a role of fewest rights under \"PostgreSQL\", and \
             --state-dir DIR keeps the ledger in a folder instead"
        )))
    }
}

/// Makes what is missing, with the first entry, in one transaction: no moment leaves half of it, and where another session was
/// faster, its ledger stays.
fn make(connection: &Connection, host: &str, now: Timestamp) -> Result<()> {
    let failed = |error: &SqlError| failed(connection, "make", error);
    alone(connection, &failed, || {
        let found = Found::look(connection, Access::Write)?;
        if !found.has_schema {
            connection.batch(&format!("CREATE SCHEMA {NAME}")).map_err(|error| failed(&error))?;
        }
        if !found.has_tables {
            connection.batch(TABLES).map_err(|error| failed(&error))?;
        }
        if found.is_begun {
            return Ok(());
        }
        let begin = || -> Result<Option<String>, SqlError> {
            let sql = "INSERT INTO fastflow_archive.meta (name, value) \
                       VALUES ('ledger', replace(gen_random_uuid()::text, '-', '')) RETURNING value";
            connection.first(sql, &[])?.map(|row| row.try_get(0)).transpose()
        };
        let ledger = begin().map_err(|error| failed(&error))?.unwrap_or_default();
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let first = chained(None, vec![What::Created { ledger, version, host: host.to_owned() }], now)?;
        insert(connection, first).map_err(|error| failed(&error))?;
        fail_point::reached("ledger-made-aside");
        Ok(())
    })?;
    fail_point::reached("ledger-made");
    Ok(())
}

/// Whether it is of this version.
fn check_version(connection: &Connection) -> Result<()> {
    let sql = "SELECT value FROM fastflow_archive.meta WHERE name = 'version'";
    let version: Result<Option<String>, SqlError> =
        connection.first(sql, &[]).and_then(|row| row.map(|row| row.try_get(0)).transpose());
    let version = version.map_err(|error| failed(connection, "open", &error))?.unwrap_or_default();
    if version == VERSION {
        return Ok(());
    }
    let shown = shown(connection.shown());
    let message = format!("use the ledger `{shown}`: its version is `{version}`, this program knows {VERSION}");
    Err(Error::new(Kind::LedgerFailed, message).hint("use the fastflow-archive that made it, or a newer one"))
}

/// Whether it has the entry that it was begun with.
fn check_beginning(connection: &Connection) -> Result<()> {
    let read = || -> Result<(bool, bool), SqlError> {
        let sql = "SELECT EXISTS (SELECT FROM fastflow_archive.entries), \
                   EXISTS (SELECT FROM fastflow_archive.meta m JOIN fastflow_archive.entries e ON e.seq = 1 \
                   WHERE m.name = 'ledger' AND position('\"ledger\":\"' || m.value || '\"' IN e.body) > 0)";
        connection.first(sql, &[])?.map_or(Ok((false, false)), |row| Ok((row.try_get(0)?, row.try_get(1)?)))
    };
    match read().map_err(|error| failed(connection, "open", &error))? {
        (true, true) => Ok(()),
        (false, _) => Err(damaged(connection.shown(), "it was begun, but its entries are gone")),
        (true, false) => Err(damaged(connection.shown(), "its first entry is not the one it was begun with")),
    }
}

/// Runs `work` in a transaction of its own, while no other session writes to the ledger.
pub(super) fn alone<T>(
    connection: &Connection,
    failed: &dyn Fn(&SqlError) -> Error,
    work: impl FnOnce() -> Result<T>,
) -> Result<T> {
    // Each statement sees what was committed before it: the head is read when nobody else can add to it any more.
    let begin = format!("BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock({LOCK_CLASS}, {LOCK})");
    let begun = connection.batch(&begin).map_err(|error| failed(&error));
    let done = begun.and_then(|()| work()).and_then(|done| {
        connection.batch("COMMIT").map_err(|error| failed(&error))?;
        Ok(done)
    });
    if done.is_err() {
        // Where this fails too, the session is over, and with it the transaction.
        drop(connection.batch("ROLLBACK"));
    }
    done
}

/// The ledger in a database, for messages.
pub(super) fn shown(database: &str) -> String {
    format!("{database}, schema {NAME}")
}

pub(super) fn damaged(database: &str, why: &str) -> Error {
    let message = format!("open the ledger `{}`: {why}", shown(database));
    Error::new(Kind::LedgerFailed, message).hint(
        "keep the schema as evidence (ALTER SCHEMA ... RENAME TO ...), bring back a copy from before, or start with a new one",
    )
}

pub(super) fn failed(connection: &Connection, what: &str, error: &SqlError) -> Error {
    Error::caused(Kind::LedgerFailed, format!("{what} the ledger `{}`", shown(connection.shown())), cause(error))
        .hint(format!("without a record nothing is deleted; {}", hint_of(error)))
}
