//! What operators were told last, beside the ledger: no evidence, and it may change.
//!
//! In: where the ledger is. Out: [`Told`], by command and channel. What cannot be remembered or recalled is an error that the
//! asker may pass over: operators are rather told twice than never.

use std::path::Path;
use std::time::Duration;

use super::postgres::PostgresAside;
use super::sqlite::SqliteAside;
use super::storage::Aside;
use super::{FILE_NAME, Ledger};
use crate::config::LedgerPlace;
use crate::error::{Error, Kind, Result};
use crate::time::Timestamp;

/// The ledger may be written by another invocation; telling people does not wait for it long.
const BUSY: Duration = Duration::from_secs(1);

/// What was told of a trouble, as it is stored: times are texts of RFC 3339.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// What tells it from others.
    pub cause: String,
    /// When it was seen first.
    pub since: String,
    /// When the channel was told last; `None` where that never worked.
    pub sent_at: Option<String>,
}

/// The memory of it.
pub struct ToldBefore(Box<dyn Aside>);

impl ToldBefore {
    /// The memory beside the ledger of that place, made with it where there is none; never in a damaged one, which stays as
    /// it is, and never where that would leave a file of a user whom the folder does not belong to.
    pub fn open(place: &LedgerPlace, host: &str, now: Timestamp) -> Result<ToldBefore> {
        let folder = match place {
            LedgerPlace::Folder(folder) => folder,
            LedgerPlace::Postgres { address, data_dir } => {
                return Ok(ToldBefore(Box::new(PostgresAside::open(address, data_dir, host, now)?)));
            }
        };
        let path = folder.join(FILE_NAME);
        if !path.exists() && !is_ours(folder) {
            let message = format!("remember what was told in `{}`: it belongs to another user", folder.display());
            return Err(Error::new(Kind::WrongUser, message).hint("run it as the user that runs cleanup"));
        }
        let aside = SqliteAside::open(path, BUSY)?;
        drop(Ledger::open(place, host, now)?);
        Ok(ToldBefore(Box::new(aside)))
    }

    /// What was told last of a command on a channel.
    pub fn recall(&mut self, command: &str, channel: &str) -> Result<Option<Told>> {
        self.0.told(command, channel)
    }

    /// Replaces what was told last.
    pub fn remember(&mut self, command: &str, channel: &str, told: &Told) -> Result<()> {
        self.0.remember_told(command, channel, told)
    }

    /// It is over.
    pub fn forget(&mut self, command: &str, channel: &str) -> Result<()> {
        self.0.forget_told(command, channel)
    }
}

fn is_ours(folder: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(folder).is_ok_and(|folder| folder.uid() == rustix::process::geteuid().as_raw())
}
