//! What an instance remembers of a run it wrote, so that a test can say where every byte must be.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::SystemTime;

use crate::content::Digest;
use crate::run_spec::{Cell, Fate};

/// A run as it was written.
#[derive(Debug, Clone)]
pub struct WrittenRun {
    /// Id with dashes.
    pub id: String,
    /// Pipeline.
    pub pipeline: String,
    /// Label as stored.
    pub status: String,
    /// Start.
    pub started_at: SystemTime,
    /// End.
    pub finished_at: Option<SystemTime>,
    /// What a cleanup by age should make of it.
    pub fate: Fate,
    /// The value of `env_vars` that must never be seen again.
    pub secret: String,
    /// Text of the column `log_file`.
    pub log_file: String,
    /// The log, the link to it, or the file outside; `None` where there is no file.
    pub log_path: Option<PathBuf>,
    /// The metrics file.
    pub metrics_path: Option<PathBuf>,
    /// The `.route` file.
    pub route_path: Option<PathBuf>,
    /// Cells, ordered by index.
    pub cells: Vec<Cell>,
    /// Digests of its files by their names in the archive (`run.log`, `metrics.jsonl`).
    pub files: BTreeMap<&'static str, Digest>,
}

impl WrittenRun {
    /// Key of one of its objects; an empty prefix gives no leading slash.
    pub fn key(&self, prefix: &str, name: &str) -> String {
        let key = format!("{prefix}/{}/{}/{name}", self.pipeline, self.id);
        key.trim_start_matches('/').to_owned()
    }

    /// Keys the archive must hold for it; digests where the bytes are known beforehand.
    pub fn expected_objects(&self, prefix: &str) -> BTreeMap<String, Option<Digest>> {
        let mut objects: BTreeMap<_, _> =
            self.files.iter().map(|(name, digest)| (self.key(prefix, name), Some(digest.clone()))).collect();
        if !self.cells.is_empty() {
            objects.insert(self.key(prefix, "cells.jsonl"), None);
        }
        objects.insert(self.key(prefix, "manifest.json"), None);
        objects
    }

    /// What the archive lacks of this run, or holds with other bytes; empty when all is well.
    pub fn differences(&self, prefix: &str, objects: &BTreeMap<String, Digest>) -> Vec<String> {
        let mut differences = Vec::new();
        for (key, expected) in self.expected_objects(prefix) {
            match (objects.get(&key), expected) {
                (None, _) => differences.push(format!("{key}: missing")),
                (Some(found), Some(expected)) if *found != expected => {
                    differences.push(format!("{key}: expected {expected:?}, found {found:?}"));
                }
                _ => {}
            }
        }
        differences
    }

    /// Files of it that are still on disk.
    pub fn remaining_files(&self) -> Vec<PathBuf> {
        [&self.log_path, &self.metrics_path, &self.route_path]
            .into_iter()
            .flatten()
            .filter(|path| path.symlink_metadata().is_ok())
            .cloned()
            .collect()
    }
}
