//! Why nothing new is started any more: a signal, a cause that concerns the whole store, or too many failures in a row.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::error::{Error, Kind, Result};

/// After this many runs in a row that fail because of the store, the rest is not attempted (s3.md section 3).
const FAILURES_IN_A_ROW: u32 = 5;

/// A signal that asks us to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// As sent by `kill` and systemd.
    Terminate,
}

/// Set once, never cleared.
#[derive(Default)]
pub struct Stop {
    is_set: AtomicBool,
    failures: AtomicU32,
    signal: Mutex<Option<Signal>>,
    cause: Mutex<Option<Error>>,
}

impl Stop {
    /// Whether to start nothing new.
    pub fn is_set(&self) -> bool {
        self.is_set.load(Ordering::SeqCst)
    }

    /// Stops because of a signal; `true` the first time.
    pub fn on_signal(&self, signal: Signal) -> bool {
        let mut slot = self.signal.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let is_first = slot.is_none();
        slot.get_or_insert(signal);
        self.is_set.store(true, Ordering::SeqCst);
        is_first
    }

    /// An error once a signal came, for work that has not begun to send.
    pub fn check(&self) -> Result<()> {
        match self.signal() {
            None => Ok(()),
            Some(_) => Err(Error::new(Kind::Interrupted, "go on: a signal asked it to end")),
        }
    }

    /// Stops because of `cause`; the first one is kept.
    pub fn because(&self, cause: Error) {
        self.cause.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).get_or_insert(cause);
        self.is_set.store(true, Ordering::SeqCst);
    }

    /// A run arrived: the store works.
    pub fn count_success(&self) {
        self.failures.store(0, Ordering::SeqCst);
    }

    /// A run failed: stops at once where the whole store is concerned, and after several in a row where it may be.
    pub fn count_failure(&self, error: &Error) {
        let is_row =
            || error.kind.is_storage() && self.failures.fetch_add(1, Ordering::SeqCst) + 1 >= FAILURES_IN_A_ROW;
        if error.kind.ends_invocation() || is_row() {
            self.because(error.repeated());
        }
    }

    /// The signal, if one came.
    pub fn signal(&self) -> Option<Signal> {
        *self.signal.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The cause, if there is one.
    pub fn cause(&self) -> Option<Error> {
        self.cause.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).as_ref().map(Error::repeated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_storage_failures_in_a_row_stop_and_a_success_in_between_does_not_let_them() {
        let stop = Stop::default();
        let failure = Error::new(Kind::StorageUnreachable, "reach it");
        (0..4).for_each(|_| stop.count_failure(&failure));
        stop.count_success();
        (0..4).for_each(|_| stop.count_failure(&failure));
        stop.count_failure(&Error::new(Kind::LogMissing, "find it"));
        assert!(!stop.is_set());
        stop.count_failure(&failure);
        assert!(stop.is_set());
    }

    #[test]
    fn a_cause_that_concerns_the_store_stops_at_once() {
        let stop = Stop::default();
        stop.count_failure(&Error::new(Kind::AccessDenied, "put"));
        assert_eq!(stop.cause().map(|cause| cause.kind), Some(Kind::AccessDenied));
    }
}
