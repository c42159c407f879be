//! What operators were told last, so that the same trouble is told at most once a day and its end once.
//!
//! In: command, channel, cause. Out: what is remembered of them, in a table of the ledger's database that holds no evidence.
//! Each call opens and closes the file; where there is no memory, operators are rather told twice than never.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};

use crate::ledger;
use crate::time::Timestamp;

/// The ledger may be written by another invocation; telling people does not wait for it long.
const BUSY: Duration = Duration::from_secs(1);

const TABLE: &str = "
CREATE TABLE IF NOT EXISTS notification_state (
    command TEXT NOT NULL, channel TEXT NOT NULL, cause TEXT NOT NULL, since TEXT NOT NULL, sent_at TEXT,
    PRIMARY KEY (command, channel)
) STRICT;
";

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

/// The table; `None` where no state directory is known.
pub(super) struct Memory {
    path: Option<PathBuf>,
}

impl Memory {
    pub(super) fn at(state_dir: Option<&Path>) -> Memory {
        Memory { path: state_dir.map(|dir| dir.join(ledger::FILE_NAME)) }
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

    /// The database, made where it is missing; never where that would leave a file of a user whom it does not belong to.
    fn open(&self) -> Option<Connection> {
        let path = self.path.as_ref()?;
        let us = rustix::process::geteuid();
        let may_open = match fs::metadata(path) {
            Ok(file) => us.is_root() || file.uid() == us.as_raw(),
            Err(_) => fs::metadata(path.parent()?).is_ok_and(|folder| folder.uid() == us.as_raw()),
        };
        let connection = Connection::open_with_flags(path, OpenFlags::default()).ok().filter(|_| may_open)?;
        connection.busy_timeout(BUSY).ok()?;
        connection.execute_batch(TABLE).ok()?;
        Some(connection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_recalled_by_command_and_channel() {
        let folder = tempfile::tempdir().unwrap();
        let memory = Memory::at(Some(folder.path()));
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
    fn a_ledger_can_be_made_in_the_same_file_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let at = Timestamp::from_micros(0);
        let memory = Memory::at(Some(folder.path()));
        memory.remember("cleanup", "email", &Lasting { cause: "x".into(), since: at, sent_at: Some(at) });
        assert!(crate::ledger::Ledger::open(folder.path()).is_ok());
        assert!(memory.recall("cleanup", "email").is_some());
    }

    #[test]
    fn without_a_place_there_is_no_memory_and_no_failure() {
        for memory in [Memory::at(None), Memory::at(Some(Path::new("/nowhere/at/all")))] {
            memory.remember(
                "cleanup",
                "email",
                &Lasting { cause: "x".into(), since: Timestamp::from_micros(0), sent_at: None },
            );
            assert_eq!(memory.recall("cleanup", "email"), None);
        }
    }
}
