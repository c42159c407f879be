//! Files of archived runs that are still in the log directory, against their receipts.
//!
//! In: receipts that know their file. Out: a [`LocalFinding`] for each file that is not what is in the archive. A file that
//! is as it was when it was archived is read only where reading is asked for; one that was touched since always is. Only
//! files of runs that the database still has count: a path may belong to another run by now. Changes nothing.

use std::fs::File;
use std::io::Read as _;

use super::contents::off_thread;
use super::object::described;
use crate::archive::{Digests, Hasher, Receipt};
use crate::error::{Error, Kind, Result};
use crate::fastflow::{FileName, LogsDir, PlannedFile, Store};
use crate::run::RunId;

const CHUNK: usize = 256 << 10;

/// How a local file stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalState {
    /// A log that is shorter than in the archive: it was cut afterwards, the archive has more. No difference.
    Shorter,
    /// Other bytes than in the archive.
    Differs,
    /// It could not be read.
    Unreadable,
}

impl LocalState {
    /// The name in `--json`.
    pub fn name(self) -> &'static str {
        match self {
            LocalState::Shorter => "shorter",
            LocalState::Differs => "differs",
            LocalState::Unreadable => "unreadable",
        }
    }
}

/// A local file that is not what is in the archive.
#[derive(Debug, Clone)]
pub struct LocalFinding {
    /// Whose.
    pub run: RunId,
    /// The object that was made of it.
    pub key: String,
    /// The file, absolute.
    pub path: String,
    /// How it stands.
    pub state: LocalState,
    /// What the receipt says.
    pub expected: String,
    /// What is there.
    pub found: String,
}

/// The instance, as far as it is there.
pub struct Local {
    /// Its log directory.
    pub logs: LogsDir,
    /// Its database.
    pub store: Box<dyn Store>,
}

/// A file to be read and held against its receipt.
pub(super) struct LocalFile {
    file: File,
    run: RunId,
    key: String,
    path: String,
    bytes: u64,
    digests: Digests,
}

/// What a look at a file gave.
pub(super) enum Found {
    /// It is to be read.
    ToRead(LocalFile),
    /// Its length says enough.
    Said(LocalFinding),
}

impl Local {
    /// Looks at the file of a receipt; `None` where it is gone, is no longer the run's, or is as it was and `deep` is not
    /// asked for.
    pub(super) fn look(&mut self, run: RunId, receipt: &Receipt, deep: bool) -> Result<Option<Found>> {
        let Some(source) = receipt.source.as_ref().filter(|_| !receipt.is_head()) else { return Ok(None) };
        let Some(path) = self.logs.relative(&source.path) else { return Ok(None) };
        let said = |state, found| LocalFinding {
            run,
            key: receipt.key.clone(),
            path: self.logs.path().join(path.as_path()).to_string_lossy().into_owned(),
            state,
            expected: described(receipt.bytes.0, &receipt.digests.sha256),
            found,
        };
        let unreadable = |error: &Error| Found::Said(said(LocalState::Unreadable, error.message()));
        let (identity, finding) = match self.logs.look(&path) {
            Ok(None) => return Ok(None),
            Ok(Some(identity)) if identity == source.identity && !deep => return Ok(None),
            Ok(Some(identity)) => (Some(identity), None),
            Err(error) => (None, Some(unreadable(&error))),
        };
        let finding = match identity {
            None => finding,
            Some(identity) if identity.size.0 < receipt.bytes.0 && receipt.is_log() => {
                Some(Found::Said(said(LocalState::Shorter, format!("{} bytes", identity.size.0))))
            }
            Some(identity) if identity.size != receipt.bytes => {
                Some(Found::Said(said(LocalState::Differs, format!("{} bytes", identity.size.0))))
            }
            Some(identity) => {
                let name = if receipt.is_log() { FileName::Log } else { FileName::Metrics };
                Some(match self.logs.open_planned(&PlannedFile { name, path: path.clone(), identity }) {
                    // Removed or replaced just now: the next call looks again.
                    Err(error) if error.kind == Kind::FileChanged => return Ok(None),
                    Err(error) => unreadable(&error),
                    Ok(opened) => Found::ToRead(LocalFile {
                        file: opened.file,
                        run,
                        key: receipt.key.clone(),
                        path: self.logs.path().join(path.as_path()).to_string_lossy().into_owned(),
                        bytes: receipt.bytes.0,
                        digests: receipt.digests,
                    }),
                })
            }
        };
        Ok(if self.store.has(&run)? { finding } else { None })
    }
}

impl LocalFile {
    /// Reads it; `None` where its bytes are those in the archive.
    pub(super) async fn check(self) -> Option<LocalFinding> {
        let LocalFile { mut file, run, key, path, bytes, digests } = self;
        let read = off_thread(move || {
            let (mut hasher, mut buffer, mut length) = (Hasher::default(), vec![0; CHUNK], 0u64);
            loop {
                let read = file.read(&mut buffer);
                match read.map_err(|error| Error::caused(Kind::FileUnreadable, "read it", error))? {
                    0 => return Ok((length, hasher.finish())),
                    read => {
                        length += read as u64;
                        hasher.update(buffer.get(..read).unwrap_or_default());
                    }
                }
            }
        });
        let (state, found) = match read.await {
            Ok(found) if found == (bytes, digests) => return None,
            Ok((length, digests)) => (LocalState::Differs, described(length, &digests.sha256)),
            Err(error) => (LocalState::Unreadable, error.message()),
        };
        Some(LocalFinding { run, key, path, state, expected: described(bytes, &digests.sha256), found })
    }
}
