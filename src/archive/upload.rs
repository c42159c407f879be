//! Sends everything a run has, the manifest last, and makes the proof.
//!
//! In: [`Prepared`]: the planned run, its record and cells. Out: [`Archived`], with the proof in it. A run is proven only
//! when each of its objects is, at the configured level, and its files are still what they were.

use std::io::{Seek as _, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::try_join_all;
use tempfile::SpooledTempFile;
use tokio::sync::OnceCell;

use super::etag::{Answer, EtagVerdict, judge_etag};
use super::head::find_cut;
use super::item::{Item, MULTIPART, identity_of, item_of_cells, item_of_section, part_bytes, unreadable};
use super::manifest::{Origin, manifest};
use super::object::{MANIFEST, Metadata, content_type, run_folder, run_metadata, service_key};
use super::payload::Digests;
use super::proof::{Cut, HeadProof, Place, Proof, ProvenFile};
use super::receipt::{HEAD_PREFIX, Level, Method, Receipt};
use super::s3::{Bucket, Condition, Put};
use crate::bytes::{ByteSize, to_hex};
use crate::error::{Error, Kind, Result};
use crate::fail_point;
use crate::fastflow::{LogsDir, PlannedFile, Record};
use crate::plan::PlannedRun;
use crate::run::Run;
use crate::time::Clock;

/// The numbers of heads have three digits.
const MOST_HEADS: usize = 999;

/// A run that is ready to be sent.
pub struct Prepared {
    /// The planned run.
    pub planned: PlannedRun,
    /// Its row.
    pub record: Record,
    /// Its cells as JSON Lines, from the first byte on; empty where it has none.
    pub cells: SpooledTempFile,
    /// Receipts of what was cut off its log before, in order.
    pub heads: Vec<Receipt>,
}

/// A run that is in the archive.
pub struct Archived {
    /// Proof of it.
    pub proof: Proof,
    /// Bytes that were sent.
    pub bytes: ByteSize,
    /// Objects that were sent.
    pub objects: u64,
}

/// A log whose head is in the archive.
pub struct ArchivedHead {
    /// Proof of it.
    pub proof: HeadProof,
    /// Bytes that were sent.
    pub bytes: ByteSize,
    /// Objects that were sent.
    pub objects: u64,
}

/// Sends runs into a bucket.
pub struct Archiver {
    bucket: Bucket,
    prefix: String,
    level: Level,
    accept_opaque_etag: bool,
    logs: Arc<LogsDir>,
    origin: Origin,
    clock: Clock,
    enforced: OnceCell<bool>,
    has_accepted_opaque: AtomicBool,
}

impl Archiver {
    /// An archiver for `bucket`, everything below `prefix`.
    pub fn new(
        bucket: Bucket,
        target: &crate::config::Target,
        logs: Arc<LogsDir>,
        origin: Origin,
        clock: Clock,
    ) -> Archiver {
        Archiver {
            bucket,
            prefix: target.prefix.value.clone(),
            level: target.proof.value,
            accept_opaque_etag: target.accept_opaque_etag.value,
            logs,
            origin,
            clock,
            enforced: OnceCell::new(),
            has_accepted_opaque: AtomicBool::new(false),
        }
    }

    /// Whether any object rests on nothing but the operator's word (`S3_ACCEPT_OPAQUE_ETAG`).
    pub fn has_accepted_opaque(&self) -> bool {
        self.has_accepted_opaque.load(Ordering::Relaxed)
    }

    /// What must be proven.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Calls `with` with the place where the objects of a run have to be.
    pub fn with_place<T>(&self, run: &Run, with: impl FnOnce(Place<'_>) -> T) -> T {
        let folder = run_folder(&self.prefix, &run.pipeline, &run.id);
        with(Place { endpoint: self.bucket.endpoint(), bucket: self.bucket.name(), folder: &folder })
    }

    /// Sends a run and proves that it arrived.
    pub async fn archive(self: &Arc<Self>, prepared: Prepared) -> Result<(PlannedRun, Archived), (PlannedRun, Error)> {
        let Prepared { planned, record, cells, heads } = prepared;
        match self.send(&planned, &record, cells, heads).await {
            Ok(archived) => Ok((planned, archived)),
            Err(error) => Err((planned, error)),
        }
    }

    /// Sends what is to be cut off a log, and proves that it arrived.
    pub async fn archive_head(
        self: &Arc<Self>,
        prepared: Prepared,
    ) -> Result<(PlannedRun, ArchivedHead), (PlannedRun, Error)> {
        let Prepared { planned, record, heads, .. } = prepared;
        match self.send_head(&planned, &record, heads).await {
            Ok(archived) => Ok((planned, archived)),
            Err(error) => Err((planned, error)),
        }
    }

    async fn send_head(
        self: &Arc<Self>,
        planned: &PlannedRun,
        record: &Record,
        heads: Vec<Receipt>,
    ) -> Result<ArchivedHead> {
        let missing = || Error::new(Kind::Internal, format!("cut the log of run {}: it has none", planned.run.id));
        let (log, kept) = match (planned.files.first(), planned.reason.over_size) {
            (Some(log), Some((_, kept))) => (log.clone(), kept),
            _ => return Err(missing()),
        };
        let archiver = Arc::clone(self);
        let path = log.clone();
        let work = tokio::task::spawn_blocking(move || archiver.item_of_head(&path, kept)).await;
        let (item, cut) = work.unwrap_or_else(|error| Err(Error::caused(Kind::Internal, "read a log", error)))?;
        let folder = run_folder(&self.prefix, &planned.run.pipeline, &planned.run.id);
        let metadata = Arc::new(run_metadata(&planned.run, record));
        let head = self.send_as_new_head(item, heads.len() + 1, &folder, &metadata).await?;
        fail_point::reached("head-sent");
        let all: Vec<&Receipt> = heads.iter().chain([&head]).collect();
        let manifest = self.send_manifest(planned, record, &all, &folder, &metadata).await?;
        let bytes = head.bytes + manifest.bytes;
        let log = ProvenFile { path: log.path, identity: log.identity };
        let proof = HeadProof::of_upload(planned.run.id, record.fingerprint, vec![head, manifest], log, cut);
        Ok(ArchivedHead { proof, bytes, objects: 2 })
    }

    /// Sends what is to be cut off under the first number from `number` on that is free: a head is never overwritten, also
    /// not where no ledger knows of it.
    async fn send_as_new_head(
        &self,
        item: Item,
        number: usize,
        folder: &str,
        metadata: &Arc<Metadata>,
    ) -> Result<Receipt> {
        for number in number..=MOST_HEADS {
            let item = Item { name: format!("{HEAD_PREFIX}{number:03}").into(), ..item.clone() };
            let key = format!("{folder}/{}", item.name);
            match self.send_item_if(Condition::New, item.clone(), key.clone(), metadata).await {
                Err(error) if error.kind == Kind::ObjectExists => {}
                sent => return sent,
            }
            // A call that was cut off, or an answer that got lost, may have put these very bytes there. A store that does
            // not tell takes them once more under the next number.
            let same = Condition::Same(item.etag());
            if let Ok(receipt) = self.send_item_if(same, item, key, metadata).await {
                return Ok(receipt);
            }
        }
        Err(Error::new(Kind::ObjectExists, format!("archive what is cut off a log: `{folder}` has {MOST_HEADS} heads"))
            .hint("raise LOG_MAX_SIZE_MB: the log is cut too often"))
    }

    /// Stores a few bytes that belong to no run, below the prefix.
    pub async fn send_beside(&self, name: &str, bytes: Vec<u8>) -> Result<Receipt> {
        let item = Item::of_bytes(name.to_owned(), bytes);
        self.send_item(item, service_key(&self.prefix, name), &Arc::default()).await
    }

    async fn send_manifest(
        &self,
        planned: &PlannedRun,
        record: &Record,
        receipts: &[&Receipt],
        folder: &str,
        metadata: &Arc<Metadata>,
    ) -> Result<Receipt> {
        let bytes = manifest(planned, record, receipts, &self.origin, self.clock.now());
        let last = Item::of_bytes(MANIFEST, bytes);
        let receipt = self.send_item(last, format!("{folder}/{MANIFEST}"), metadata).await?;
        fail_point::reached("manifest-sent");
        Ok(receipt)
    }

    async fn send(
        self: &Arc<Self>,
        planned: &PlannedRun,
        record: &Record,
        cells: SpooledTempFile,
        heads: Vec<Receipt>,
    ) -> Result<Archived> {
        let folder = run_folder(&self.prefix, &planned.run.pipeline, &planned.run.id);
        let items = self.items(planned.files.clone(), cells).await?;
        let metadata = Arc::new(run_metadata(&planned.run, record));
        let sending = items.into_iter().map(async |item| {
            let key = format!("{folder}/{}", item.name);
            let receipt = self.send_item(item, key, &metadata).await?;
            fail_point::reached("file-sent");
            Ok::<Receipt, Error>(receipt)
        });
        let mut receipts = try_join_all(sending).await?;
        let listed: Vec<&Receipt> = heads.iter().chain(&receipts).collect();
        let manifest = self.send_manifest(planned, record, &listed, &folder, &metadata).await?;
        receipts.push(manifest);
        let files = planned.files.iter();
        let files = files.map(|file| ProvenFile { path: file.path.clone(), identity: file.identity }).collect();
        let bytes = receipts.iter().map(|receipt| receipt.bytes).sum();
        let objects = receipts.len() as u64;
        Ok(Archived { proof: Proof::of_upload(planned.run.id, record.fingerprint, receipts, files), bytes, objects })
    }

    /// Opens and hashes what is to be sent, off the async threads.
    async fn items(self: &Arc<Self>, files: Vec<PlannedFile>, mut cells: SpooledTempFile) -> Result<Vec<Item>> {
        let archiver = Arc::clone(self);
        let work = move || {
            let mut items = Vec::new();
            for planned in &files {
                items.push(archiver.item_of_file(planned)?);
            }
            let failed = |error| Error::caused(Kind::Internal, "read the notebook cells again", error);
            let length = cells.seek(SeekFrom::End(0)).map_err(failed)?;
            if length > 0 {
                cells.rewind().map_err(failed)?;
                items.push(item_of_cells(cells, length).map_err(failed)?);
            }
            Ok(items)
        };
        let joined = tokio::task::spawn_blocking(work).await;
        joined.unwrap_or_else(|error| Err(Error::caused(Kind::Internal, "read the files of a run", error)))
    }

    fn item_of_file(&self, planned: &PlannedFile) -> Result<Item> {
        let opened = self.logs.open_planned(planned)?;
        let length = opened.identity.size.0;
        item_of_section(planned, opened, length, planned.name.as_str().into())
    }

    /// What is cut off a log: everything before the line that stays.
    fn item_of_head(&self, planned: &PlannedFile, kept: ByteSize) -> Result<(Item, Cut)> {
        let opened = self.logs.open_planned(planned)?;
        let size = opened.identity.size;
        let cut = find_cut(&opened.file, size, kept).map_err(|error| unreadable(planned, error))?;
        let length = match cut {
            Cut::Before(byte) => byte,
            Cut::Whole => size.0,
        };
        Ok((item_of_section(planned, opened, length, HEAD_PREFIX.into())?, cut))
    }

    /// Sends one object and proves it.
    async fn send_item(&self, item: Item, key: String, metadata: &Arc<Metadata>) -> Result<Receipt> {
        self.send_item_if(Condition::Always, item, key, metadata).await
    }

    async fn send_item_if(
        &self,
        condition: Condition,
        item: Item,
        key: String,
        metadata: &Arc<Metadata>,
    ) -> Result<Receipt> {
        let expected = item.etag();
        let put = Put {
            key: key.as_str().into(),
            payload: item.payload,
            digests: item.digests,
            metadata: Arc::clone(metadata),
            content_type: content_type(&item.name),
            condition,
        };
        let length = put.payload.len();
        // On the heap, here and below: what few uploads do is not part of the state of each.
        let answer = if length > MULTIPART {
            Box::pin(self.bucket.put_parts(&put, &item.parts, part_bytes(length))).await?
        } else {
            self.bucket.put(&put).await?
        };
        let method = self.judge(&answer, &expected, &key).await?;
        if self.level >= Level::Head {
            Box::pin(self.prove_by_head(&key, length, &answer, method, &expected, &item.digests)).await?;
        }
        if self.level >= Level::Readback {
            let found = Box::pin(self.bucket.read_back(&key)).await?;
            if found != (length, item.digests) {
                return Err(differs(&key, "reading it back gave other bytes"));
            }
        }
        if let Some((source, file)) = &item.source
            && identity_of(file)? != (source.identity.size, source.identity.modified_ns)
        {
            return Err(Error::new(
                Kind::FileChanged,
                format!("archive `{}`: it changed while it was sent", source.path),
            )
            .hint("is something still writing to it? the next call archives it anew"));
        }
        Ok(Receipt {
            name: item.name.into_owned(),
            endpoint: self.bucket.endpoint().to_owned(),
            bucket: self.bucket.name().to_owned(),
            key,
            version_id: answer.version_id,
            etag: answer.etag,
            bytes: ByteSize(length),
            digests: item.digests,
            level: self.level,
            method,
            at: self.clock.now(),
            source: item.source.map(|(source, _)| source),
        })
    }

    /// What the answer rests on; an opaque ETag needs a store that refused wrong digests a moment ago, a higher level, or
    /// the operator's word.
    async fn judge(&self, answer: &Answer, expected: &str, key: &str) -> Result<Method> {
        if !self.bucket.is_encrypted_as_asked(answer) {
            let said = answer.encryption.as_deref().unwrap_or("nothing");
            let message = format!("prove `{key}`: encryption was asked for (S3_SSE), the store confirms {said}");
            return Err(Error::new(Kind::Unproven, message)
                .hint("let the store encrypt (its key server?), or leave S3_SSE to the bucket's default"));
        }
        if judge_etag(answer, expected, key)? == EtagVerdict::Equal {
            return Ok(Method::Etag);
        }
        let probe = service_key(&self.prefix, "_probe/digest");
        let enforced = self.enforced.get_or_try_init(|| Box::pin(self.bucket.enforces_digests(&probe)));
        let enforced = *enforced.await?;
        match (enforced, self.accept_opaque_etag) {
            (true, _) => Ok(Method::EnforcedDigest),
            (false, true) => {
                self.has_accepted_opaque.store(true, Ordering::Relaxed);
                Ok(Method::AcceptedOpaque)
            }
            // A HEAD of such a store shows the length and repeats what we told it: only the bytes themselves prove.
            (false, false) if self.level == Level::Readback => Ok(Method::Readback),
            (false, false) => Err(Error::new(
                Kind::Unproven,
                format!("prove `{key}`: its ETag is no digest, and the store accepts wrong digests"),
            )
            .hint("use --proof readback (the key then needs s3:GetObject), or set S3_ACCEPT_OPAQUE_ETAG=true")),
        }
    }

    async fn prove_by_head(
        &self,
        key: &str,
        length: u64,
        answer: &Answer,
        method: Method,
        expected: &str,
        digests: &Digests,
    ) -> Result<()> {
        let (found_length, found_etag, found_sha256) = self.bucket.head(key).await?;
        if found_length != length {
            return Err(differs(key, &format!("it has {found_length} bytes there, {length} were sent")));
        }
        let found_etag = found_etag.unwrap_or_default().trim_matches('"').to_ascii_lowercase();
        let answered = answer.etag.as_deref().unwrap_or_default().trim_matches('"').to_ascii_lowercase();
        let etag_holds =
            found_etag == expected || (method != Method::Etag && (answered.is_empty() || found_etag == answered));
        if !etag_holds {
            return Err(differs(key, &format!("it has the ETag {found_etag} there")));
        }
        if found_sha256.is_some_and(|found| found != to_hex(&digests.sha256)) {
            return Err(differs(key, "another SHA-256 is stored with it"));
        }
        Ok(())
    }
}

fn differs(key: &str, how: &str) -> Error {
    Error::new(Kind::DigestMismatch, format!("prove `{key}`: {how}"))
        .hint("somebody overwrote it, or the store damaged it; the run stays")
}
