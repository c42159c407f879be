//! One listing of the log directory, for who looks for the files of many runs: a name that it lacks needs no look.
//!
//! In: the names in the folder. Out: [`Listed`], which says "not there" or "perhaps". Looks into no subfolder.

use std::collections::HashSet;
use std::hash::BuildHasher as _;
use std::path::Path;

use foldhash::fast::RandomState;

use super::file::METRICS_SUFFIX;
use crate::run::RunId;

/// No name is longer; what is, is looked for like any other.
const MOST_BYTES: usize = 255;

/// What a listing had, by eight bytes a name: two names may share theirs, and then both are perhaps there.
#[derive(Debug, Default)]
pub struct Listed {
    hashes: HashSet<u64, RandomState>,
    of_names: RandomState,
    /// Runs that have metrics under their ids.
    metrics: HashSet<RunId, RandomState>,
}

impl Listed {
    /// Adds a name. Capitals count as small letters: on some file systems they are the same. Of names beyond ASCII even more
    /// can be the same; they are never known not to be there.
    pub(super) fn add(&mut self, name: &str) {
        self.hashes.extend(self.hash(name));
        let before_suffix = name.len().checked_sub(METRICS_SUFFIX.len()).and_then(|at| name.split_at_checked(at));
        if let Some((id, suffix)) = before_suffix
            && suffix.eq_ignore_ascii_case(METRICS_SUFFIX)
        {
            self.metrics.extend(id.parse::<RunId>());
        }
    }

    /// Whether no metrics are there under the id of a run.
    pub(super) fn lacks_metrics_of(&self, id: &RunId) -> bool {
        !self.metrics.contains(id)
    }

    /// Whether nothing was there under this path, which is relative to the folder that was listed.
    pub(super) fn lacks(&self, path: &Path) -> bool {
        let name = path.to_str().filter(|name| !name.contains('/'));
        name.and_then(|name| self.hash(name)).is_some_and(|hash| !self.hashes.contains(&hash))
    }

    fn hash(&self, name: &str) -> Option<u64> {
        let mut small = [0; MOST_BYTES];
        let small = small.get_mut(..name.len()).filter(|_| name.is_ascii())?;
        small.copy_from_slice(name.as_bytes());
        small.make_ascii_lowercase();
        Some(self.of_names.hash_one(small))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_cannot_be_there_is_lacking() {
        let mut listed = Listed::default();
        for name in ["Etl_2026-08-04T12:00:00+00:00.log", "täglich.log"] {
            listed.add(name);
        }
        let lacking: Vec<_> =
            ["etl_2026-08-04t12:00:00+00:00.log", "other.log", "sub/other.log", "TÄGLICH.log", "ä.log"]
                .map(|name| listed.lacks(Path::new(name)))
                .into();
        assert_eq!(lacking, [false, true, false, false, false]);
    }

    #[test]
    fn metrics_under_an_id_are_known_in_every_form() {
        let mut listed = Listed::default();
        let names =
            ["01020304050607080910111213141516_METRICS.jsonl", "FFFFFFFF-0607-0809-1011-121314151617_metrics.jsonl"];
        names.iter().for_each(|name| listed.add(name));
        for (id, lacks) in [
            ("01020304-0506-0708-0910-111213141516", false),
            ("ffffffff-0607-0809-1011-121314151617", false),
            ("01020304-0506-0708-0910-111213141517", true),
        ] {
            assert_eq!(listed.lacks_metrics_of(&id.parse().unwrap()), lacks, "{id}");
        }
    }
}
