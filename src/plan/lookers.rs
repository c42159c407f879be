//! Threads that look for the files of due runs, and hand on what they found in the order of the runs.
//!
//! In: runs with their paths, and what is to be done with a share of them. Out: what came of each share. Knows nothing of rules.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::Scope;

use crate::error::Result;
use crate::fastflow::Paths;
use crate::run::Run;

/// As many threads look at the same time,
const LOOKERS: usize = 8;
/// each at so many runs at least: a thread has its price,
const LEAST: usize = 100;
/// and at so many at most: what waits to be handed on takes memory.
const MOST: usize = 500;

/// Due runs for one thread, with their paths.
pub(super) type Share = Vec<(Run, Result<Option<Paths>>)>;

/// Threads that look for files, each at a share of runs: on a network file system, most of it is waiting.
pub(super) struct Lookers<T> {
    lookers: Vec<Looker<T>>,
    /// So many runs are a share.
    share: usize,
    /// Shares that were given out, to each in turn.
    given: usize,
    /// Shares of which it is known what became of them.
    taken: usize,
}

/// The two ends of a thread.
struct Looker<T> {
    shares: SyncSender<Share>,
    done: Receiver<T>,
}

impl<T: Send> Lookers<T> {
    /// Starts as many as so many runs are worth.
    pub(super) fn begin<'scope>(
        scope: &'scope Scope<'scope, '_>,
        runs: usize,
        judge: &'scope (impl Fn(Share) -> T + Sync),
    ) -> Lookers<T>
    where
        T: 'scope,
    {
        let begin = |_| {
            // Nobody waits at these: a looker has two shares at most.
            let ((shares, given), (sender, done)) = (sync_channel::<Share>(2), sync_channel(2));
            scope.spawn(move || given.into_iter().map(judge).try_for_each(|judged| sender.send(judged)));
            Looker { shares, done }
        };
        let share = runs.div_ceil(LOOKERS).clamp(LEAST, MOST);
        Lookers { lookers: (0..runs.div_ceil(share).min(LOOKERS)).map(begin).collect(), share, given: 0, taken: 0 }
    }

    /// Gives out a stretch, and hands on what became of what was given out before, in order.
    pub(super) fn look(
        &mut self,
        stretch: Vec<Run>,
        paths: Vec<Result<Option<Paths>>>,
        each: &mut impl FnMut(T) -> Result<()>,
    ) -> Result<()> {
        let mut rest = stretch.into_iter().zip(paths).peekable();
        while rest.peek().is_some() {
            let share = rest.by_ref().take(self.share).collect();
            // One that has ended panicked, and so will whoever waits for all of them.
            drop(self.turn(self.given).map(|looker| looker.shares.send(share)));
            self.given += 1;
            while self.given - self.taken > self.lookers.len() {
                self.take(each)?;
            }
        }
        Ok(())
    }

    /// Hands on the rest.
    pub(super) fn end(mut self, each: &mut impl FnMut(T) -> Result<()>) -> Result<()> {
        while self.taken < self.given {
            self.take(each)?;
        }
        Ok(())
    }

    fn turn(&self, share: usize) -> Option<&Looker<T>> {
        self.lookers.get(share.checked_rem(self.lookers.len())?)
    }

    fn take(&mut self, each: &mut impl FnMut(T) -> Result<()>) -> Result<()> {
        let done = self.turn(self.taken).and_then(|looker| looker.done.recv().ok());
        self.taken += 1;
        done.map_or(Ok(()), each)
    }
}
