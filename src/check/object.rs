//! One object against what is known of it.
//!
//! In: what a receipt or a manifest says. Out: a [`CheckedObject`]. A listing that agrees suffices; one that does not is
//! never the last word, because it may be older than the object.

use crate::archive::{Bucket, Listed, ReadFile, Receipt, Seen};
use crate::bytes::{from_hex, to_hex};
use crate::error::{Kind, Result};
use crate::run::RunId;

/// How an object stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// As it should be.
    Ok,
    /// Not there.
    Missing,
    /// Other bytes, or another length.
    Differs,
    /// It could not be looked at, or its content makes no sense.
    Unreadable,
    /// There, and known to no receipt and no manifest.
    Unexpected,
}

impl State {
    /// The name in `--json`.
    pub fn name(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Missing => "missing",
            State::Differs => "differs",
            State::Unreadable => "unreadable",
            State::Unexpected => "unexpected",
        }
    }
}

/// An object that was looked at.
#[derive(Debug, Clone)]
pub struct CheckedObject {
    /// Key.
    pub key: String,
    /// Whose.
    pub run: Option<RunId>,
    /// How it stands.
    pub state: State,
    /// What should be there.
    pub expected: Option<String>,
    /// What is there.
    pub found: Option<String>,
    /// Only the listing was asked, which says nothing about the right to read.
    pub is_by_listing: bool,
}

/// What should be there.
#[derive(Debug, Clone)]
pub(super) struct Expected {
    pub(super) key: String,
    pub(super) run: RunId,
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) sha256: [u8; 32],
    pub(super) md5: [u8; 16],
    /// The ETag of the upload's answer, where it is known and not empty.
    pub(super) etag: Option<String>,
    pub(super) listed: Option<Listed>,
}

impl Expected {
    pub(super) fn of_receipt(run: RunId, receipt: Receipt) -> Expected {
        let etag = receipt.etag.as_deref().map(|etag| etag.trim_matches('"').to_ascii_lowercase());
        Expected {
            run,
            bytes: receipt.bytes.0,
            sha256: receipt.digests.sha256,
            md5: receipt.digests.md5,
            etag: etag.filter(|etag| !etag.is_empty()),
            key: receipt.key,
            name: receipt.name,
            listed: None,
        }
    }

    /// `None` where its digests are none.
    pub(super) fn of_file(run: RunId, file: &ReadFile) -> Option<Expected> {
        let (sha256, md5) = (from_hex(&file.sha256)?, from_hex(&file.md5)?);
        let (key, name) = (file.key.clone(), file.name.clone());
        Some(Expected { key, run, name, bytes: file.bytes, sha256, md5, etag: None, listed: None })
    }

    fn text(&self) -> String {
        described(self.bytes, &self.sha256)
    }

    pub(super) fn is(&self, state: State, found: Option<String>) -> CheckedObject {
        let (key, run) = (self.key.clone(), Some(self.run));
        CheckedObject { key, run, state, expected: Some(self.text()), found, is_by_listing: false }
    }

    /// By listing where that suffices, else by HEAD.
    pub(super) async fn check(&self, bucket: &Bucket) -> Result<CheckedObject> {
        let known = self.etag.clone().unwrap_or_else(|| to_hex(&self.md5));
        if let Some(listed) = &self.listed
            && listed.bytes.0 == self.bytes
            && listed.etag.as_deref() == Some(&known)
        {
            return Ok(CheckedObject { is_by_listing: true, ..self.is(State::Ok, Some(self.text())) });
        }
        Ok(match bucket.look(&self.key).await? {
            None => self.is(State::Missing, None),
            Some(seen) => match self.difference(&seen) {
                Some(difference) => self.is(State::Differs, Some(difference)),
                None => self.is(State::Ok, Some(self.text())),
            },
        })
    }

    /// What a HEAD shows to be other than it should be.
    fn difference(&self, seen: &Seen) -> Option<String> {
        let (bytes, sha256) = (seen.bytes.0, to_hex(&self.sha256));
        if bytes != self.bytes {
            return Some(format!("{bytes} bytes"));
        }
        if let Some(other) = seen.sha256().filter(|other| **other != sha256) {
            return Some(format!("{bytes} bytes, with the SHA-256 {other} stored beside them"));
        }
        let etag = seen.etag.as_deref().unwrap_or_default();
        let is_same = match &self.etag {
            Some(known) => known == etag,
            // Of an upload in parts, or encrypted, the ETag is no digest that could be known.
            None if seen.is_opaque || etag.len() != 32 => seen.sha256().is_some(),
            None => to_hex(&self.md5) == etag,
        };
        let other = if etag.is_empty() { "no SHA-256".to_owned() } else { format!("the ETag {etag}") };
        (!is_same).then(|| format!("{bytes} bytes with {other}"))
    }

    /// By its bytes.
    pub(super) async fn read(&self, bucket: &Bucket) -> Result<CheckedObject> {
        match bucket.read_back(&self.key).await {
            Ok((bytes, digests)) => {
                let is_same = bytes == self.bytes && digests.sha256 == self.sha256;
                let state = if is_same { State::Ok } else { State::Differs };
                Ok(self.is(state, Some(described(bytes, &digests.sha256))))
            }
            Err(error) if error.kind == Kind::ObjectMissing => Ok(self.is(State::Missing, None)),
            Err(error) => Err(error),
        }
    }
}

pub(super) fn described(bytes: u64, sha256: &[u8; 32]) -> String {
    format!("{bytes} bytes, SHA-256 {}", to_hex(sha256))
}
