//! Names of pipelines, each held once: a million rows have a few hundred.
//!
//! In: names as rows have them. Out: one shared text for each.

use std::collections::HashSet;
use std::sync::Arc;

use foldhash::fast::RandomState;

/// The names seen so far.
#[derive(Debug, Default)]
pub(super) struct Names(HashSet<Arc<str>, RandomState>);

impl Names {
    /// The shared text of a name.
    pub(super) fn shared(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.0.get(name) {
            return Arc::clone(known);
        }
        let new: Arc<str> = name.into();
        self.0.insert(Arc::clone(&new));
        new
    }
}
