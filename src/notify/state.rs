//! What operators were told last, so that the same trouble is told at most once a day and its end once.
//!
//! In: command, channel, cause. Out: what is remembered of them, in a table of the ledger's database that holds no evidence.
//! Each call opens and closes the file; where there is no memory, operators are rather told twice than never.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};

use crate::ledger::{self, Ledger};
use crate::time::Timestamp;

/// The ledger may be written by another invocation; telling people does not wait for it long.
const BUSY: Duration = Duration::from_secs(1);

/// A trouble that lasts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lasting {
    /// What tells it from others.
    pub(super) cause: String,
    /// When it was seen first.
    pub(super) since: Timestamp,
    /// When the channel was told last; `None` where that never worked.
    pub(super) sent_at: Option<Timestamp>,
}

/// The table, in the ledger of a state directory, where one is known.
pub(super) struct Memory<'a> {
    state_dir: Option<&'a Path>,
    host: &'a str,
    now: Timestamp,
}

impl Memory<'_> {
    /// The memory in `state_dir`; `host` and `now` are for a ledger that must be made for it.
    pub(super) fn at<'a>(state_dir: Option<&'a Path>, host: &'a str, now: Timestamp) -> Memory<'a> {
        Memory { state_dir, host, now }
    }

    pub(super) fn recall(&self, command: &str, channel: &str) -> Option<Lasting> {
        let sql = "SELECT cause, since, sent_at FROM notification_state WHERE command = ? AND channel = ?";
        let connection = self.open()?;
        let found = connection.query_row(sql, [command, channel], |row| {
            Ok((row.get(0)?, row.get::<_, String>(1)?, row.get::<_, Option<String>>(2)?))
        });
        let (cause, since, sent_at) = found.optional().ok()??;
        let sent_at = sent_at.and_then(|sent_at| Timestamp::from_rfc3339(&sent_at));
        Some(Lasting { cause, since: Timestamp::from_rfc3339(&since)?, sent_at })
    }

    /// Remembers the trouble; what cannot be remembered is told again.
    pub(super) fn remember(&self, command: &str, channel: &str, lasting: &Lasting) {
        let sql = "INSERT OR REPLACE INTO notification_state (command, channel, cause, since, sent_at) VALUES (?, ?, ?, ?, ?)";
        let Lasting { cause, since, sent_at } = lasting;
        if let Some(connection) = self.open() {
            let sent_at = sent_at.map(|at| at.to_string());
            drop(connection.execute(sql, params![command, channel, cause, since.to_string(), sent_at]));
        }
    }

    pub(super) fn forget(&self, command: &str, channel: &str) {
        if let Some(connection) = self.open() {
            let sql = "DELETE FROM notification_state WHERE command = ? AND channel = ?";
            drop(connection.execute(sql, [command, channel]));
        }
    }

    /// The ledger's file, made where it is missing; never a damaged one, which stays as it is, and never where that would
    /// leave a file of a user whom the folder does not belong to.
    fn open(&self) -> Option<Connection> {
        let path = self.state_dir?.join(ledger::FILE_NAME);
        let us = rustix::process::geteuid();
        let may_open = match fs::metadata(&path) {
            Ok(file) => us.is_root() || file.uid() == us.as_raw(),
            Err(_) => fs::metadata(path.parent()?).is_ok_and(|folder| folder.uid() == us.as_raw()),
        };
        if !may_open {
            return None;
        }
        drop(Ledger::open(self.state_dir?, self.host, self.now).ok()?);
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).ok()?;
        connection.busy_timeout(BUSY).ok()?;
        Some(connection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_recalled_by_command_and_channel() {
        let folder = tempfile::tempdir().unwrap();
        let memory = Memory::at(Some(folder.path()), "host", Timestamp::from_micros(0));
        let at = Timestamp::from_rfc3339("2026-06-15T02:00:00Z").unwrap();
        let lasting = Lasting { cause: "storage_unreachable".into(), since: at, sent_at: None };
        assert_eq!(memory.recall("cleanup", "email"), None);
        memory.remember("cleanup", "email", &lasting);
        assert_eq!(memory.recall("cleanup", "email"), Some(lasting.clone()));
        assert_eq!((memory.recall("backup", "email"), memory.recall("cleanup", "teams")), (None, None));
        let told = Lasting { sent_at: Some(at), ..lasting };
        memory.remember("cleanup", "email", &told);
        assert_eq!(memory.recall("cleanup", "email"), Some(told));
        memory.forget("cleanup", "email");
        assert_eq!(memory.recall("cleanup", "email"), None);
    }

    #[test]
    fn a_damaged_ledger_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(ledger::FILE_NAME);
        for bytes in [&b""[..], b"something else"] {
            fs::write(&path, bytes).unwrap();
            let memory = Memory::at(Some(folder.path()), "host", Timestamp::from_micros(0));
            let at = Timestamp::from_micros(0);
            memory.remember("cleanup", "email", &Lasting { cause: "x".into(), since: at, sent_at: Some(at) });
            assert_eq!(memory.recall("cleanup", "email"), None);
            assert_eq!(fs::read(&path).unwrap(), bytes);
        }
    }

    #[test]
    fn without_a_place_there_is_no_memory_and_no_failure() {
        for memory in
            [None, Some(Path::new("/nowhere/at/all"))].map(|dir| Memory::at(dir, "host", Timestamp::from_micros(0)))
        {
            memory.remember(
                "cleanup",
                "email",
                &Lasting { cause: "x".into(), since: Timestamp::from_micros(0), sent_at: None },
            );
            assert_eq!(memory.recall("cleanup", "email"), None);
        }
    }
}
