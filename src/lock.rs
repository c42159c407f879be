//! One instance at a time: a kernel lock on a file in the state directory, released whatever happens to us.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::error::{Error, Kind, Result};
use crate::printable::printable;
use crate::time::Timestamp;

/// The file in the state directory; it stays, only its lock comes and goes.
pub const FILE_NAME: &str = "fastflow-archive.lock";

const RETRY: Duration = Duration::from_millis(100);

/// Held until it is dropped.
#[must_use]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock, waiting up to `wait`; the error names who holds it.
    /// An error of `go_on` ends the waiting.
    pub fn acquire(
        state_dir: &Path,
        wait: Duration,
        command: &str,
        now: Timestamp,
        go_on: impl Fn() -> Result<()>,
    ) -> Result<Lock> {
        let path = state_dir.join(FILE_NAME);
        let failed = |error: std::io::Error| {
            let hint = if error.kind() == std::io::ErrorKind::StorageFull {
                "free space on this disk: without a record nothing is archived or deleted"
            } else {
                "check --state-dir: it must be there and writable for this user"
            };
            Error::caused(Kind::LedgerFailed, format!("lock `{}`", path.display()), error).hint(hint)
        };
        std::fs::create_dir_all(state_dir).map_err(failed)?;
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).clone();
        let mut file = options.open(&path).map_err(failed)?;
        let deadline = Instant::now() + wait;
        loop {
            go_on()?;
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => return Err(failed(error)),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    std::thread::sleep(RETRY.min(deadline.saturating_duration_since(Instant::now())));
                }
                Err(TryLockError::WouldBlock) => {
                    let mut holder = String::new();
                    drop(file.read_to_string(&mut holder));
                    let holder = if holder.trim().is_empty() { "an unknown process" } else { holder.trim() };
                    let message = format!("lock `{}`: {} holds it", path.display(), printable(holder));
                    return Err(Error::new(Kind::Locked, message)
                        .hint("wait until it has finished, or use --lock-wait; the lock ends with its process"));
                }
            }
        }
        let mut note = || {
            file.set_len(0)?;
            file.rewind()?;
            write!(file, "{command}, pid {}, since {now}", std::process::id())
        };
        note().map_err(failed)?;
        Ok(Lock { _file: file })
    }
}

/// Who holds the lock now; `None` where it is free, or was never taken. Makes no file.
pub fn holder(state_dir: &Path) -> Result<Option<String>> {
    let path = state_dir.join(FILE_NAME);
    let failed = |error| {
        Error::caused(Kind::LedgerFailed, format!("look at the lock `{}`", path.display()), error)
            .hint("check --state-dir and its rights")
    };
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    match file.try_lock() {
        Ok(()) => file.unlock().map(|()| None).map_err(failed),
        Err(TryLockError::Error(error)) => Err(failed(error)),
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            drop(file.read_to_string(&mut holder));
            let holder = if holder.trim().is_empty() { "an unknown process" } else { holder.trim() };
            Ok(Some(printable(holder).into_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_holds_it_and_gets_it_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let now = Timestamp::from_micros(0);
        let first = Lock::acquire(folder.path(), Duration::ZERO, "cleanup", now, || Ok(())).unwrap();
        let error = Lock::acquire(folder.path(), Duration::from_millis(1), "backup", now, || Ok(())).err().unwrap();
        assert_eq!(error.kind, Kind::Locked);
        assert!(error.message().contains(&format!("cleanup, pid {}", std::process::id())), "{error}");
        drop(first);
        assert!(Lock::acquire(folder.path(), Duration::ZERO, "backup", now, || Ok(())).is_ok());
    }
}
