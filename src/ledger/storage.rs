//! What a ledger lies in: the few things that a database must do for it, whichever it is.
//!
//! In: entries and their hashes. Out: the same again, in their order, and by run. Knows of an entry its kind, its run and
//! what a question names; everything else of it is text, kept as it was hashed.

use super::checks::{Order, Selected};
use super::entry::{BEFORE_THE_FIRST, Line, What, hash_of};
use super::{Head, Told};
use crate::error::{Error, Kind, Result};
use crate::run::RunId;
use crate::time::Timestamp;

/// An entry as it is stored.
pub(super) struct Link {
    /// Its number.
    pub(super) seq: i64,
    /// Its line, which is what was hashed.
    pub(super) body: String,
    /// The hash of the line.
    pub(super) hash: String,
}

/// Both ends of the chain.
pub(super) struct Ends {
    /// The line of entry 1, if it is there.
    pub(super) first: Option<String>,
    /// The line of the last entry.
    pub(super) last: String,
    /// The hash that is stored with it.
    pub(super) hash: String,
}

/// The chain, in a database.
pub(super) trait Storage: Send {
    /// Where it is, for messages.
    fn shown(&self) -> &str;

    /// The same for reading, by a connection of its own.
    fn reader(&self) -> Result<Box<dyn Storage>>;

    /// The error of a ledger that is not whole, because of this.
    fn damaged(&self, why: &str) -> Error;

    /// Both ends; `None` where there is no entry.
    fn ends(&self) -> Result<Option<Ends>>;

    /// The last entry; `None` where there is none.
    fn head(&self) -> Result<Option<Head>>;

    /// Adds entries behind the last one, in one synced commit; another writer can neither come between nor fork the chain.
    fn append(&mut self, whats: Vec<What>, at: Timestamp) -> Result<()>;

    /// Numbers and lines of a run's entries of one kind, in their order; `newest`: of the last of them alone.
    fn of_run(&self, run: &RunId, entry: &str, newest: bool) -> Result<Vec<(i64, String)>>;

    /// The number of the last entry of a run that is of one of these kinds.
    fn last_of_run(&self, run: &RunId, entries: [&str; 2]) -> Result<Option<i64>>;

    /// The lines of the last invocations that began, the newest first.
    fn began(&self, count: i64) -> Result<Vec<String>>;

    /// The line of the last `backup` or `cleanup` that ended; with `succeeded` of the last that ended with 0.
    fn ended(&self, succeeded: bool) -> Result<Option<String>>;

    /// Runs whose deletion was intended and is not recorded as ended, since a `backup` or `cleanup` last came to its end.
    fn open_deletions(&self) -> Result<Vec<String>>;

    /// Whether an entry has this hash.
    fn knows(&self, hash: &str) -> Result<bool>;

    /// Hands over every entry: number, line, hash.
    fn each(&self, each: &mut dyn FnMut(i64, &str, &str)) -> Result<()>;

    /// Hands over the newest line of what was archived of each run, in the order of run ids.
    fn each_newest(&self, each: &mut dyn FnMut(&str) -> Result<()>) -> Result<()>;

    /// Hands over the ids of the selected runs that were archived, until `each` says `false`.
    fn each_id(&self, selected: &Selected, order: Order, each: &mut dyn FnMut(&str) -> Result<bool>) -> Result<()>;
}

/// What lies beside the chain, is no evidence, and may change.
pub(super) trait Aside: Send {
    /// Whether it can be remembered what was read: fails early.
    fn make_ready(&mut self) -> Result<()>;

    /// Remembers that these runs were read and hashed.
    fn remember_read(&mut self, runs: &[RunId], at: Timestamp) -> Result<()>;

    /// What was told last of a command on a channel.
    fn told(&mut self, command: &str, channel: &str) -> Result<Option<Told>>;

    /// Replaces what was told last.
    fn remember_told(&mut self, command: &str, channel: &str, told: &Told) -> Result<()>;

    /// Nothing is to be told any more.
    fn forget_told(&mut self, command: &str, channel: &str) -> Result<()>;
}

/// Makes entries of what happened: each carries the hash of the one before it.
pub(super) fn chained(head: Option<Head>, whats: Vec<What>, at: Timestamp) -> Result<Vec<Link>> {
    let Head { mut seq, mut hash } = head.unwrap_or_else(|| Head { seq: 0, hash: BEFORE_THE_FIRST.to_owned() });
    let link = |what| {
        seq += 1;
        let body = serde_json::to_string(&Line::new(seq, std::mem::take(&mut hash), at, what))
            .map_err(|error| Error::caused(Kind::LedgerFailed, "write an entry of the ledger", error))?;
        hash = hash_of(&body);
        Ok(Link { seq, body, hash: hash.clone() })
    };
    whats.into_iter().map(link).collect()
}
