//! What operators were told last, so that the same trouble is told at most once a day and its end once.
//!
//! In: command, channel, cause. Out: what is remembered of them, beside the ledger, in a table that holds no evidence.
//! Each call opens and closes it; where there is no memory, operators are rather told twice than never.

use std::cell::Cell;

use crate::config::LedgerPlace;
use crate::ledger::{Told, ToldBefore};
use crate::time::Timestamp;

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

/// What lies beside the ledger, where one is known.
pub(super) struct Memory<'a> {
    place: Option<&'a LedgerPlace>,
    host: &'a str,
    now: Timestamp,
    /// What could not be opened once is not waited for again.
    is_lost: Cell<bool>,
}

impl Memory<'_> {
    /// The memory beside the ledger; `host` and `now` are for one that must be made for it.
    pub(super) fn at<'a>(place: Option<&'a LedgerPlace>, host: &'a str, now: Timestamp) -> Memory<'a> {
        Memory { place, host, now, is_lost: Cell::new(false) }
    }

    pub(super) fn recall(&self, command: &str, channel: &str) -> Option<Lasting> {
        let Told { cause, since, sent_at } = self.open()?.recall(command, channel).ok()??;
        let sent_at = sent_at.and_then(|sent_at| Timestamp::from_rfc3339(&sent_at));
        Some(Lasting { cause, since: Timestamp::from_rfc3339(&since)?, sent_at })
    }

    /// Remembers the trouble; what cannot be remembered is told again.
    pub(super) fn remember(&self, command: &str, channel: &str, lasting: &Lasting) {
        let Lasting { cause, since, sent_at } = lasting.clone();
        let told = Told { cause, since: since.to_string(), sent_at: sent_at.map(|at| at.to_string()) };
        if let Some(mut memory) = self.open() {
            drop(memory.remember(command, channel, &told));
        }
    }

    pub(super) fn forget(&self, command: &str, channel: &str) {
        if let Some(mut memory) = self.open() {
            drop(memory.forget(command, channel));
        }
    }

    fn open(&self) -> Option<ToldBefore> {
        let place = self.place.filter(|_| !self.is_lost.get())?;
        let opened = ToldBefore::open(place, self.host, self.now).ok();
        self.is_lost.set(opened.is_none());
        opened
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::ledger;

    #[test]
    fn what_is_remembered_is_recalled_by_command_and_channel() {
        let folder = tempfile::tempdir().unwrap();
        let place = LedgerPlace::Folder(folder.path().to_owned());
        let memory = Memory::at(Some(&place), "host", Timestamp::from_micros(0));
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
            let place = LedgerPlace::Folder(folder.path().to_owned());
            let memory = Memory::at(Some(&place), "host", Timestamp::from_micros(0));
            let at = Timestamp::from_micros(0);
            memory.remember("cleanup", "email", &Lasting { cause: "x".into(), since: at, sent_at: Some(at) });
            assert_eq!(memory.recall("cleanup", "email"), None);
            assert_eq!(fs::read(&path).unwrap(), bytes);
        }
    }

    #[test]
    fn without_a_place_there_is_no_memory_and_no_failure() {
        let nowhere = LedgerPlace::Folder("/nowhere/at/all".into());
        for memory in [None, Some(&nowhere)].map(|place| Memory::at(place, "host", Timestamp::from_micros(0))) {
            memory.remember(
                "cleanup",
                "email",
                &Lasting { cause: "x".into(), since: Timestamp::from_micros(0), sent_at: None },
            );
            assert_eq!(memory.recall("cleanup", "email"), None);
        }
    }
}
