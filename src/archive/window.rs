//! How many requests are on their way: as many as `--concurrency` allows, and fewer while the store asks for less.
//!
//! In: the end of each request. Out: places. As TCP finds its window (RFC 5681): half of it where the store says "slow down",
//! one more after some good answers; a store that can serve four at a time is asked by four, and not refused sixteen times.

use std::sync::{Mutex, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

/// Windows of good answers before there is one place more.
const PATIENCE: usize = 4;

/// The places of one bucket.
#[derive(Debug)]
pub(super) struct Window {
    places: Semaphore,
    most: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// How many requests may be on their way.
    size: usize,
    /// Places that are not in `places`: taken away, and to be given back.
    withheld: usize,
    /// Answers still to come to what was sent before the size was halved; they say nothing new.
    stale: usize,
    /// Good answers since the size changed.
    good: usize,
}

/// The right to send one request.
#[derive(Debug)]
pub(super) struct Place<'a> {
    window: &'a Window,
    permit: Option<SemaphorePermit<'a>>,
}

impl Window {
    /// `most` places, all of them open.
    pub(super) fn new(most: usize) -> Window {
        let state = State { size: most, withheld: 0, stale: 0, good: 0 };
        Window { places: Semaphore::new(most), most, state: Mutex::new(state) }
    }

    /// Waits for a place.
    pub(super) async fn place(&self) -> Place<'_> {
        Place { window: self, permit: self.places.acquire().await.ok() }
    }

    /// A request ended without the store asking for less.
    pub(super) fn went_well(&self) {
        let mut state = self.state();
        if state.is_stale() || state.size == self.most {
            return;
        }
        state.good += 1;
        if state.good >= PATIENCE * state.size {
            state.size += 1;
            state.good = 0;
            if state.withheld + state.size > self.most {
                state.withheld -= 1;
                self.places.add_permits(1);
            }
        }
    }

    /// The store asked for less.
    pub(super) fn asked_for_less(&self) {
        let mut state = self.state();
        if !state.is_stale() {
            state.stale = state.size - 1;
            state.size = (state.size / 2).max(1);
            state.good = 0;
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_stale(&mut self) -> bool {
        let is_stale = self.stale > 0;
        self.stale = self.stale.saturating_sub(1);
        is_stale
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.window.state();
        if let Some(permit) = self.permit.take_if(|_| state.withheld + state.size < self.window.most) {
            state.withheld += 1;
            permit.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes all places that there are, and gives them back.
    fn open_places(window: &Window) -> usize {
        let mut places = Vec::new();
        while let Ok(permit) = window.places.try_acquire() {
            places.push(Place { window, permit: Some(permit) });
        }
        places.len()
    }

    #[test]
    fn a_refused_round_halves_the_window_once_and_good_answers_open_it_again() {
        let window = Window::new(16);
        let all: Vec<_> =
            (0..16).map(|_| Place { window: &window, permit: window.places.try_acquire().ok() }).collect();
        for place in all {
            window.asked_for_less();
            drop(place);
        }
        assert_eq!(open_places(&window), 8);
        let mut answers = 0;
        while open_places(&window) < 16 {
            window.went_well();
            answers += 1;
        }
        assert_eq!(answers, (8..16).map(|size| PATIENCE * size).sum::<usize>());
        window.went_well();
        assert_eq!(open_places(&window), 16);
    }

    #[test]
    fn one_place_stays_however_often_the_store_refuses() {
        let window = Window::new(2);
        for _ in 0..100 {
            window.asked_for_less();
            assert!(open_places(&window) >= 1);
        }
        assert_eq!(open_places(&window), 1);
    }

    #[test]
    fn places_are_given_back_only_when_they_were_taken_away() {
        let window = Window::new(4);
        let held: Vec<_> =
            (0..4).map(|_| Place { window: &window, permit: window.places.try_acquire().ok() }).collect();
        window.asked_for_less();
        for _ in 0..3 + PATIENCE * 2 {
            window.went_well();
        }
        // Three may be on their way, and four still are.
        drop(held);
        assert_eq!(open_places(&window), 3);
    }
}
