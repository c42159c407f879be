//! In what order runs are old, and many of them put in it.
//!
//! In: runs in any order. Out: the same, the oldest start first.

use crate::run::{Run, RunId};
use crate::time::Timestamp;

/// So many runs are worth a thread of their own to be put in order.
const WORTH_A_THREAD: usize = 50_000;

/// So many runs say about where the middle of all is.
const SAMPLE: usize = 1000;

/// In what order runs are old.
pub(super) fn by_start(run: &Run) -> (Timestamp, RunId) {
    (run.started_at, run.id)
}

/// Puts runs in the order of their starts, both halves at a time where there are many.
pub(super) fn sort(runs: &mut [Run]) {
    if runs.len() < 2 * WORTH_A_THREAD {
        runs.sort_unstable_by_key(by_start);
        return;
    }
    let mut sample: Vec<_> = runs.iter().step_by(runs.len() / SAMPLE).map(by_start).collect();
    let middle = sample.len() / 2;
    let (_, middle, _) = sample.select_nth_unstable(middle);
    let (older, newer) = part(runs, *middle);
    std::thread::scope(|scope| {
        scope.spawn(|| older.sort_unstable_by_key(by_start));
        newer.sort_unstable_by_key(by_start);
    });
}

/// Puts the runs that started before `middle` before the others.
fn part(runs: &mut [Run], middle: (Timestamp, RunId)) -> (&mut [Run], &mut [Run]) {
    let is_older = |run: &Run| by_start(run) < middle;
    let mut older = 0;
    for at in 0..runs.len() {
        if runs.get(at).is_some_and(is_older) {
            runs.swap(older, at);
            older += 1;
        }
    }
    runs.split_at_mut(older)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_runs_come_out_in_order_each_once() {
        let many = 2 * WORTH_A_THREAD as u64 + 7;
        // Scattered, with runs of one instant, and all of one instant.
        for instants in [1 << 20, 1000, 1] {
            let mut runs: Vec<Run> = (0..many).map(|_| Run::of_unknown_state([0; 16].into())).collect();
            for (number, run) in (0..).zip(&mut runs) {
                let scattered = (number * 0x9e37_79b9_7f4a_7c15_u128) as u64;
                run.id = RunId::from((number << 64 | u128::from(scattered)).to_le_bytes());
                run.started_at = Timestamp::from_micros((scattered % instants) as i64);
            }
            let mut expected = runs.clone();
            expected.sort_by_key(by_start);
            sort(&mut runs);
            assert!(runs == expected, "{instants} instants");
        }
    }
}
