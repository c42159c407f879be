//! Objects that no receipt names: runs by their manifests, unfinished uploads, Fast-Flow's own, and what nobody knows.
//!
//! In: the objects of one folder. Out: a [`CheckedObject`] for each, and the manifest, where it is good. A manifest counts
//! only in its own folder, for the run that the folder is named after.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::object::{CheckedObject, Expected, State, described};
use crate::archive::{Bucket, Digests, Listed, MANIFEST, ReadManifest, run_folder};
use crate::bytes::{ByteSize, to_hex};
use crate::error::{Error, Kind, Result};
use crate::ledger::Selected;
use crate::run::RunId;
use crate::time::Timestamp;

/// Columns, parameters and names of files; far above any real one.
pub(super) const MANIFEST_BYTES: ByteSize = ByteSize::mib(64);

/// What became of one object, or why nothing can be said of it.
pub(super) type Checked = Result<CheckedObject, (CheckedObject, Error)>;

/// An object that was not readable, with the reason.
pub(super) fn unreadable(object: CheckedObject, error: Error) -> (CheckedObject, Error) {
    (CheckedObject { state: State::Unreadable, found: Some(error.message()), ..object }, error)
}

/// The run that a folder (with its slash) is named after.
pub(super) fn run_of(folder: &str) -> Option<RunId> {
    let id = folder.trim_end_matches('/').rsplit('/').next()?;
    id.parse().ok().filter(|run: &RunId| run.to_string() == id)
}

/// The folder of a run.
#[derive(Debug)]
pub(super) struct RunFolder {
    /// With its slash.
    pub(super) path: String,
    pub(super) run: RunId,
    pub(super) objects: Vec<Listed>,
}

impl RunFolder {
    /// Whether it is among the share of folders that this seed chooses.
    pub(super) fn is_chosen(&self, share: f64, seed: u32) -> bool {
        let mut hasher = DefaultHasher::new();
        (seed, self.run).hash(&mut hasher);
        (hasher.finish() as f64) < share * u64::MAX as f64
    }

    /// Whether it may be one of those that are selected, as far as its name says.
    pub(super) fn is_selected(&self, prefix: &str, selected: &Selected) -> bool {
        let is_of = |pipeline: &String| format!("{}/", run_folder(prefix, pipeline, &self.run)) == self.path;
        (selected.runs.is_empty() || selected.runs.contains(&self.run))
            && (selected.pipelines.is_empty() || selected.pipelines.iter().any(is_of))
    }

    fn object(&self, listed: &Listed, state: State, expected: Option<String>, found: String) -> CheckedObject {
        let (key, run) = (listed.key.clone(), Some(self.run));
        CheckedObject { key, run, state, expected, found: Some(found), is_by_listing: false }
    }

    /// Checks what is there against the manifest, or says what it is without one; `None` where the run is younger than
    /// asked for.
    pub(super) async fn check(
        mut self,
        bucket: &Bucket,
        deep: bool,
        before: Option<Timestamp>,
    ) -> Option<(Vec<Checked>, Option<ReadManifest>)> {
        let at = self.objects.iter().position(|object| object.key == format!("{}{MANIFEST}", self.path));
        let Some(at) = at else {
            let mut checked = Vec::new();
            for listed in &self.objects {
                checked.push(self.without_manifest(bucket, listed).await);
            }
            return Some((checked, None));
        };
        let listed = self.objects.remove(at);
        let (manifest, own) = match self.manifest(bucket, &listed).await {
            Ok((manifest, own)) => (manifest, own),
            // What its files should be, nobody knows then.
            Err(refused) => return Some((vec![*refused], None)),
        };
        let archived_at = Timestamp::from_rfc3339(&manifest.archived_at);
        if before.is_some_and(|before| archived_at.is_some_and(|at| at >= before)) {
            return None;
        }
        let mut checked = vec![Ok(own)];
        for file in &manifest.files {
            let own_key = format!("{}{}", self.path, file.name);
            let at = self.objects.iter().position(|object| object.key == own_key);
            let beside = at.map(|at| self.objects.remove(at));
            let Some(mut expected) = Expected::of_file(self.run, file).filter(|expected| expected.key == own_key)
            else {
                let what = format!("names `{}`, which is not beside it, or without digests", file.key);
                checked.push(Ok(self.object(&listed, State::Differs, None, what)));
                continue;
            };
            expected.listed = beside;
            let result = if deep { expected.read(bucket).await } else { expected.check(bucket).await };
            checked.push(result.map_err(|error| unreadable(expected.is(State::Unreadable, None), error)));
        }
        for stray in &self.objects {
            checked.push(self.without_manifest(bucket, stray).await);
        }
        Some((checked, Some(manifest)))
    }

    /// The manifest, if it is one, of this run, and as it was sent.
    async fn manifest(&self, bucket: &Bucket, listed: &Listed) -> Result<(ReadManifest, CheckedObject), Box<Checked>> {
        let object = |state, expected, found| self.object(listed, state, expected, found);
        let failed = |error: Error| match error.kind {
            Kind::ObjectRefused => Box::new(Ok(object(State::Unreadable, None, error.message()))),
            _ => Box::new(Err(unreadable(object(State::Unreadable, None, String::new()), error))),
        };
        let bytes = bucket.read_small(&listed.key, MANIFEST_BYTES).await.map_err(failed)?;
        let seen = bucket.look(&listed.key).await.map_err(failed)?;
        let digests = Digests::of(&bytes);
        let found = described(bytes.len() as u64, &digests.sha256);
        let stored = seen.as_ref().and_then(|seen| seen.sha256()).map(str::to_owned);
        if let Some(stored) = stored.filter(|stored| *stored != to_hex(&digests.sha256)) {
            return Err(Box::new(Ok(object(State::Differs, Some(format!("SHA-256 {stored}")), found))));
        }
        let Some(manifest) = ReadManifest::from_bytes(&bytes) else {
            let found = format!("{found}: no manifest that this version can read");
            return Err(Box::new(Ok(object(State::Unreadable, None, found))));
        };
        let id = manifest.run.get("id").and_then(|id| id.as_str()).and_then(|id| id.parse().ok());
        if id != Some(self.run) {
            let found = format!("{found}: the manifest of another run");
            return Err(Box::new(Ok(object(State::Differs, None, found))));
        }
        let own = object(State::Ok, None, found);
        Ok((manifest, own))
    }

    /// Fast-Flow writes no manifest; its metadata have underscores, and say nothing about the bytes.
    async fn without_manifest(&self, bucket: &Bucket, listed: &Listed) -> Checked {
        let bytes = listed.bytes.0;
        let seen = match bucket.look(&listed.key).await {
            Ok(seen) => seen,
            Err(error) => {
                return Err(unreadable(self.object(listed, State::Unreadable, None, String::new()), error));
            }
        };
        let has = |seen: &crate::archive::Seen, name: &str| seen.metadata.contains_key(name);
        Ok(match seen {
            Some(seen) if has(&seen, "pipeline_name") && has(&seen, "run_id") => {
                let state = if bytes > 0 { State::Ok } else { State::Differs };
                self.object(listed, state, Some("a file that Fast-Flow archived".to_owned()), format!("{bytes} bytes"))
            }
            _ => {
                let found = format!("{bytes} bytes in no manifest and no receipt: an unfinished upload, or foreign");
                self.object(listed, State::Unexpected, None, found)
            }
        })
    }
}
