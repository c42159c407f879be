//! Gathers what one stage hands to the next, so that the next is woken once for many runs: waking a thread costs as much as
//! signing a request.
//!
//! In: runs, one by one. Out: lists of them, to be handed over when they are full or, where nobody may wait, when it is time.

use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// Runs that wait for others, for a limited time.
pub(super) struct Batch<T> {
    waiting: Vec<T>,
    most: usize,
    patience: Duration,
    until: Pin<Box<Sleep>>,
}

impl<T> Batch<T> {
    /// A batch of at most so many, the first of which waits at most so long.
    pub(super) fn new(most: usize, patience: Duration) -> Batch<T> {
        Batch { waiting: Vec::new(), most, patience, until: Box::pin(tokio::time::sleep(patience)) }
    }

    /// Takes one more; `true` where there is no place for another.
    pub(super) fn push(&mut self, run: T) -> bool {
        if self.waiting.is_empty() {
            self.until.as_mut().reset(Instant::now() + self.patience);
        }
        self.waiting.push(run);
        self.waiting.len() >= self.most
    }

    /// Ends when the first has waited long enough; never while there is none.
    pub(super) async fn is_due(&mut self) {
        if self.waiting.is_empty() { std::future::pending().await } else { self.until.as_mut().await }
    }

    /// All that wait, in their order.
    pub(super) fn take(&mut self) -> Vec<T> {
        std::mem::take(&mut self.waiting)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn runs_are_handed_over_when_they_are_enough_or_waited_long_enough() {
        let mut batch = Batch::new(3, Duration::from_secs(3600));
        assert!(batch.is_due().now_or_never().is_none(), "nobody waits");
        assert_eq!([1, 2, 3].map(|run| batch.push(run)), [false, false, true]);
        assert!(batch.is_due().now_or_never().is_none(), "nobody waited long");
        assert_eq!(batch.take(), [1, 2, 3]);
        assert!(batch.take().is_empty());

        let mut batch = Batch::new(3, Duration::from_millis(1));
        batch.push(1);
        batch.is_due().await;
        assert_eq!(batch.take(), [1]);
        assert!(batch.is_due().now_or_never().is_none(), "nobody waits any more");
    }
}
