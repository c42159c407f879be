//! What the archive holds of one run, by its manifest: checked before anything is done with it.
//!
//! In: a manifest from a bucket, which anybody may have written. Out: [`Contents`] with plain names, whole digests, and the
//! pieces in the order in which they make up each file; or an error.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::time::SystemTime;

use super::InArchive;
use crate::archive::{Bucket, Digests, Hasher, MANIFEST, ReadFile, ReadManifest, Sink, is_head, run_folder};
use crate::bytes::{ByteSize, from_hex};
use crate::error::{Error, Kind, Result};
use crate::fastflow::FileName;
use crate::folder::Folder;
use crate::run::RunId;
use crate::time::Timestamp;

/// Parameters in rows have any length, but not that one.
const MANIFEST_BYTES: ByteSize = ByteSize::mib(64);
const CHUNK: usize = 256 << 10;

/// A run in the archive.
pub(super) struct Contents {
    pub(super) run: RunId,
    pub(super) pipeline: String,
    pub(super) manifest: ReadManifest,
    /// The manifest as it lies in the bucket.
    pub(super) bytes: Vec<u8>,
}

/// A file, and the objects that make it up.
#[derive(Clone)]
pub(super) struct Part {
    pub(super) name: String,
    pub(super) pieces: Vec<Piece>,
    /// When the file was last written, where the manifest says it.
    pub(super) modified: Option<SystemTime>,
    /// Where it was, relative to the log directory.
    pub(super) path: Option<String>,
}

/// One object as the manifest has it.
#[derive(Clone)]
pub(super) struct Piece {
    key: String,
    bytes: u64,
    digests: Digests,
}

/// The pipeline that the manifest of a run names.
pub async fn pipeline_in_manifest(bucket: &Bucket, found: &InArchive) -> Result<String> {
    Ok(Contents::read(bucket, found).await?.pipeline)
}

impl Contents {
    /// Reads the manifest, and holds it against receipt and place.
    pub(super) async fn read(bucket: &Bucket, found: &InArchive) -> Result<Contents> {
        let key = format!("{}/{MANIFEST}", found.folder);
        let bytes = bucket.read_small(&key, MANIFEST_BYTES).await?;
        if let Some(receipt) = &found.receipt
            && Digests::of(&bytes) != receipt.digests
        {
            let message = format!("read `{key}`: it is not the manifest that the ledger has a receipt for");
            return Err(Error::new(Kind::DigestMismatch, message)
                .hint("keep ledger and bucket as they are, and look who changed what"));
        }
        let refused = |why: &str| Error::new(Kind::ManifestRefused, format!("read `{key}`: {why}"));
        let manifest = ReadManifest::from_bytes(&bytes).ok_or_else(|| refused("it is no manifest of this program"))?;
        let column = |name: &str| manifest.run.get(name).and_then(serde_json::Value::as_str).map(str::to_owned);
        let pipeline = column("pipeline_name").ok_or_else(|| refused("it names no pipeline"))?;
        let run = column("id").and_then(|id| id.parse::<RunId>().ok());
        let own = run_folder("", &pipeline, &found.run);
        let is_own = found.folder.strip_suffix(&own).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'));
        if run != Some(found.run) || !is_own {
            return Err(refused("it is the manifest of another run"));
        }
        let mut names = BTreeSet::from([MANIFEST]);
        for file in &manifest.files {
            if !is_plain(&file.name) || !names.insert(&file.name) {
                return Err(refused(&format!("no file of a run is called `{}`", file.name.escape_debug())));
            }
            if Piece::of(file).is_none() {
                return Err(refused(&format!("the digests of `{}` are not readable", file.name)));
            }
        }
        Ok(Contents { run: found.run, pipeline, manifest, bytes })
    }

    /// Whether the log went on in the live instance: only what was cut off it is here.
    pub(super) fn is_live(&self) -> bool {
        self.manifest.live.iter().any(|name| name == FileName::Log.as_str())
    }

    /// When it was archived: the date of what was no file before.
    pub(super) fn archived_at(&self) -> Option<SystemTime> {
        Timestamp::from_rfc3339(&self.manifest.archived_at).map(SystemTime::from)
    }

    /// The files; where they are joined, what was cut off the log and what was left of it are one.
    pub(super) fn parts(&self, joined: bool) -> Vec<Part> {
        let mut parts: Vec<Part> = Vec::new();
        for file in &self.manifest.files {
            let is_log = is_head(&file.name) || file.name == FileName::Log.as_str();
            let name = if joined && is_log { FileName::Log.as_str() } else { &file.name };
            let modified = file.modified_at.as_deref().and_then(Timestamp::from_rfc3339).map(SystemTime::from);
            let modified = modified.or_else(|| self.archived_at());
            let (piece, path) = (Piece::of(file), file.path.clone());
            match parts.iter_mut().find(|part| part.name == name) {
                Some(part) => {
                    part.pieces.extend(piece);
                    (part.modified, part.path) = (modified, path);
                }
                None => parts.push(Part { name: name.to_owned(), pieces: piece.into_iter().collect(), modified, path }),
            }
        }
        parts
    }
}

/// A name that is one everywhere, and hides nothing.
fn is_plain(name: &str) -> bool {
    let is_fine = |character: char| character.is_ascii_alphanumeric() || matches!(character, '.' | '-' | '_');
    (1..=200).contains(&name.len()) && !name.starts_with(['.', '-']) && name.chars().all(is_fine)
}

impl Piece {
    fn of(file: &ReadFile) -> Option<Piece> {
        let digests = Digests { md5: from_hex(&file.md5)?, sha256: from_hex(&file.sha256)? };
        Some(Piece { key: file.key.clone(), bytes: file.bytes, digests })
    }

    fn differs(&self, why: &str) -> Error {
        Error::new(Kind::DigestMismatch, format!("restore `{}`: {why}", self.key))
            .hint("the object is not what was archived; keep the bucket as it is, look for an older version of it")
    }
}

impl Part {
    /// What the file weighs.
    pub(super) fn bytes(&self) -> ByteSize {
        self.pieces.iter().map(|piece| ByteSize(piece.bytes)).sum()
    }

    /// Brings the file into `folder` as `name`; `true` where it is there already, byte for byte. Another file with this name
    /// is overwritten only on demand, and one that differs from the manifest never gets this name.
    pub(super) async fn fetch(&self, bucket: &Bucket, folder: &Folder, name: &str, overwrite: bool) -> Result<bool> {
        let (part, there) = (self.clone(), folder.file(name)?);
        if let Some(file) = there {
            if off_thread(move || Ok(part.is_in(&file))).await? {
                return Ok(true);
            }
            if !overwrite {
                return Err(folder.exists(name));
            }
        }
        let aside = folder.aside(name)?;
        let mut file = aside.file();
        self.stream(bucket, &mut file, &|error| aside.failed(error)).await?;
        let modified = self.modified;
        off_thread(move || aside.settle(modified, overwrite)).await?;
        Ok(false)
    }

    /// Streams all pieces into an empty file, each held against the manifest.
    pub(super) async fn stream(
        &self,
        bucket: &Bucket,
        file: &mut &File,
        failed: &(dyn Fn(io::Error) -> Error + Sync),
    ) -> Result<()> {
        let mut start = 0;
        for piece in &self.pieces {
            let mut sink = Writing { file, piece, start, written: 0, failed };
            let found = bucket.read(&piece.key, &mut sink).await?;
            if found != (piece.bytes, piece.digests) {
                return Err(piece.differs("its bytes are not those that the manifest has digests of"));
            }
            start += piece.bytes;
        }
        Ok(())
    }

    /// Whether a file is this one. Blocks.
    fn is_in(&self, mut file: &File) -> bool {
        let is_long = file.metadata().is_ok_and(|metadata| metadata.len() == self.bytes().0);
        let mut buffer = vec![0; CHUNK];
        is_long
            && self.pieces.iter().all(|piece| {
                let mut hasher = Hasher::default();
                let mut section = (&mut file).take(piece.bytes);
                loop {
                    match section.read(&mut buffer) {
                        Ok(0) => return hasher.finish() == piece.digests,
                        Ok(read) => hasher.update(buffer.get(..read).unwrap_or_default()),
                        Err(_) => return false,
                    }
                }
            })
    }
}

/// Runs what blocks where it may.
pub(super) async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let joined = tokio::task::spawn_blocking(work).await;
    joined.unwrap_or_else(|error| Err(Error::caused(Kind::Internal, "write a file", error)))
}

/// Writes an object behind those before it, and no more than it should have.
struct Writing<'a, 'f> {
    file: &'a mut &'f File,
    piece: &'a Piece,
    start: u64,
    written: u64,
    failed: &'a (dyn Fn(io::Error) -> Error + Sync),
}

impl Sink for Writing<'_, '_> {
    fn begin(&mut self) -> Result<()> {
        self.written = 0;
        let begun = self.file.set_len(self.start).and_then(|()| self.file.seek(io::SeekFrom::Start(self.start)));
        begun.map(drop).map_err(self.failed)
    }

    fn take(&mut self, bytes: &[u8]) -> Result<()> {
        self.written += bytes.len() as u64;
        if self.written > self.piece.bytes {
            return Err(self.piece.differs("it is longer than the manifest says"));
        }
        self.file.write_all(bytes).map_err(self.failed)
    }
}
