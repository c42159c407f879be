//! Checks the chain: each entry's hash, and that each carries the hash of the one before it.
//!
//! In: the entries in their order. Out: [`Fault`]s, each naming its entry. Reads only.

use std::fmt;

use serde::Deserialize;

use super::entry::{BEFORE_THE_FIRST, hash_of};

/// What is wrong with one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Its number.
    pub seq: i64,
    /// What is wrong.
    pub what: Broken,
}

/// The ways in which a chain breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// Its text is not the one that was hashed.
    Changed,
    /// Entries before it are not there; this many.
    Missing(i64),
    /// It does not carry the hash of the entry before it: that one was replaced, or the order is another.
    Unlinked,
    /// Its number in the table and in its text differ.
    Renumbered,
    /// It is no JSON, or lacks what each entry has.
    Unreadable,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seq = self.seq;
        match self.what {
            Broken::Changed => write!(f, "entry {seq} was changed: its hash is not that of its text"),
            Broken::Missing(1) => write!(f, "entry {} is missing", seq - 1),
            Broken::Missing(count) => write!(f, "entries {} to {} are missing", seq - count, seq - 1),
            Broken::Unlinked => {
                write!(f, "entry {seq} does not follow entry {}: one of them was replaced or moved", seq - 1)
            }
            Broken::Renumbered => write!(f, "entry {seq} bears another number in its text"),
            Broken::Unreadable => write!(f, "entry {seq} is not readable"),
        }
    }
}

#[derive(Deserialize)]
struct Links {
    seq: i64,
    previous: String,
}

/// Walks along the entries.
pub(super) struct Walk {
    seq: i64,
    hash: String,
}

impl Walk {
    pub(super) fn new() -> Walk {
        Walk { seq: 0, hash: BEFORE_THE_FIRST.to_owned() }
    }

    /// Checks the next entry; goes on behind a fault, so that each is named once.
    pub(super) fn step(&mut self, seq: i64, body: &str, hash: &str) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut found = |what| faults.push(Fault { seq, what });
        let is_next = seq == self.seq + 1;
        if !is_next {
            found(Broken::Missing(seq - self.seq - 1));
        }
        if hash_of(body) != hash {
            found(Broken::Changed);
        }
        match serde_json::from_str::<Links>(body) {
            Err(_) => found(Broken::Unreadable),
            Ok(links) if links.seq != seq => found(Broken::Renumbered),
            Ok(links) if is_next && links.previous != self.hash => found(Broken::Unlinked),
            Ok(_) => {}
        }
        (self.seq, self.hash) = (seq, hash.to_owned());
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(length: i64) -> Vec<(i64, String, String)> {
        let mut previous = BEFORE_THE_FIRST.to_owned();
        let link = |seq| {
            let body = format!("{{\"seq\":{seq},\"previous\":\"{previous}\"}}");
            previous = hash_of(&body);
            (seq, body, previous.clone())
        };
        (1..=length).map(link).collect()
    }

    fn faults(chain: &[(i64, String, String)]) -> Vec<(i64, Broken)> {
        let mut walk = Walk::new();
        let found = chain.iter().flat_map(|(seq, body, hash)| walk.step(*seq, body, hash));
        found.map(|fault| (fault.seq, fault.what)).collect()
    }

    #[test]
    fn whatever_is_done_to_an_entry_names_that_entry() {
        let whole = chain(9);
        assert_eq!(faults(&whole), []);
        let mut changed = whole.clone();
        changed[3].1.push(' ');
        assert_eq!(faults(&changed), [(4, Broken::Changed)]);
        let mut replaced = changed.clone();
        replaced[3].2 = hash_of(&replaced[3].1);
        assert_eq!(faults(&replaced), [(5, Broken::Unlinked)]);
        let mut missing = whole.clone();
        missing.drain(2..4);
        assert_eq!(faults(&missing), [(5, Broken::Missing(2))]);
        let mut first = whole.clone();
        first.remove(0);
        assert_eq!(faults(&first), [(2, Broken::Missing(1))]);
        let mut swapped = whole.clone();
        (swapped[4].0, swapped[5].0) = (6, 5);
        swapped.swap(4, 5);
        assert_eq!(faults(&swapped), [(5, Broken::Renumbered), (6, Broken::Renumbered), (7, Broken::Unlinked)]);
        let mut garbled = whole;
        garbled[8].1 = "{".into();
        assert_eq!(faults(&garbled), [(9, Broken::Changed), (9, Broken::Unreadable)]);
    }
}
