//! What an answer of the store proves, and the value that only proven uploads make.
//!
//! In: answers and digests. Out: [`Receipt`] for each object, [`Proof`] for a run. A deletion costs a proof: it cannot be
//! cloned, and nothing outside this folder can make one.

use crate::bytes::ByteSize;
use crate::error::{Error, Kind, Result};
use crate::fastflow::{FileName, Fingerprint, Identity, LogPath, PlannedFile};
use crate::run::RunId;
use crate::time::Timestamp;

use super::object::MANIFEST;
use super::payload::{Digests, to_hex};

/// How much is proven; higher includes lower (s3.md section 2).
pub use crate::cli::ProofLevel as Level;

/// What a receipt rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// The ETag is the MD5 of our bytes, computed by the store.
    Etag,
    /// The ETag says nothing, but this store refuses wrong digests: it was put to the test a moment ago.
    EnforcedDigest,
    /// The ETag says nothing; the bytes were read back and are ours.
    Readback,
    /// The ETag says nothing, and the operator accepts that (`S3_ACCEPT_OPAQUE_ETAG=true`).
    AcceptedOpaque,
}

impl Method {
    /// The name in the ledger.
    pub fn name(self) -> &'static str {
        match self {
            Method::Etag => "etag",
            Method::EnforcedDigest => "enforced-digest",
            Method::Readback => "readback",
            Method::AcceptedOpaque => "accepted-opaque",
        }
    }

    /// Reads the name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Method::Etag, Method::EnforcedDigest, Method::Readback, Method::AcceptedOpaque]
            .into_iter()
            .find(|method| method.name() == name)
    }
}

impl Level {
    /// The name in the ledger and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Level::Receipt => "receipt",
            Level::Head => "head",
            Level::Readback => "readback",
        }
    }

    /// Reads the name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Level::Receipt, Level::Head, Level::Readback].into_iter().find(|level| level.name() == name)
    }
}

/// The file an object was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Relative to the log directory.
    pub path: String,
    /// How it was.
    pub identity: Identity,
}

/// The evidence for one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Its name in the run's folder.
    pub name: String,
    /// Address of the store; `aws` where none is set.
    pub endpoint: String,
    /// Bucket.
    pub bucket: String,
    /// Key.
    pub key: String,
    /// Version, where the bucket keeps versions.
    pub version_id: Option<String>,
    /// The ETag of the answer.
    pub etag: Option<String>,
    /// Length.
    pub bytes: ByteSize,
    /// Digests of what was sent.
    pub digests: Digests,
    /// What is proven.
    pub level: Level,
    /// On what it rests.
    pub method: Method,
    /// When.
    pub at: Timestamp,
    /// The file it was made from; `None` for cells and manifest.
    pub source: Option<SourceFile>,
}

/// What heads of cut logs are called, before their number.
pub(super) const HEAD_PREFIX: &str = "run.log.head-";

/// Whether an object is what was cut off a log.
pub fn is_head(name: &str) -> bool {
    name.starts_with(HEAD_PREFIX)
}

impl Receipt {
    /// Whether it is the receipt of what was cut off a log.
    pub fn is_head(&self) -> bool {
        is_head(&self.name)
    }

    /// Whether it is the receipt of a run's log.
    pub fn is_log(&self) -> bool {
        self.name == FileName::Log.as_str()
    }
}

/// A file that may be removed once its run is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvenFile {
    /// Where it is.
    pub path: LogPath,
    /// How it was when it was archived.
    pub identity: Identity,
}

/// Proof that everything a run has is in the archive, at least at the configured level.
#[must_use = "a proof is there to be spent or recorded"]
pub struct Proof {
    run: RunId,
    fingerprint: Fingerprint,
    receipts: Vec<Receipt>,
    files: Vec<ProvenFile>,
    resumed: bool,
}

impl Proof {
    /// Made where the last object of the run was proven.
    pub(super) fn of_upload(
        run: RunId,
        fingerprint: Fingerprint,
        receipts: Vec<Receipt>,
        files: Vec<ProvenFile>,
    ) -> Self {
        Proof { run, fingerprint, receipts, files, resumed: false }
    }

    /// Made from receipts that an earlier invocation recorded, if they prove the run as it is now: same place, level at
    /// least `level`, row and cells as they were, a receipt for each file that is there with the file as it was, and the
    /// manifest, which comes last. `files` are those that are there now; one that is gone needs nothing but its receipt.
    pub fn from_receipts(
        run: RunId,
        now: Fingerprint,
        recorded: Fingerprint,
        receipts: Vec<Receipt>,
        files: &[PlannedFile],
        place: &Place<'_>,
        level: Level,
    ) -> Option<Self> {
        let complete = receipts.iter().any(|receipt| receipt.name == MANIFEST);
        let files_hold = files.iter().all(|file| {
            receipts.iter().any(|receipt| {
                receipt.name == file.name.as_str()
                    && receipt.source.as_ref().is_some_and(|source| source.identity == file.identity)
            })
        });
        if now != recorded || !complete || !files_hold || !receipts.iter().all(|receipt| place.holds(receipt, level)) {
            return None;
        }
        let files = files.iter().map(|file| ProvenFile { path: file.path.clone(), identity: file.identity }).collect();
        Some(Proof { run, fingerprint: now, receipts, files, resumed: true })
    }

    /// Whose.
    pub fn run(&self) -> RunId {
        self.run
    }

    /// What row and cells were.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The evidence, the manifest last.
    pub fn receipts(&self) -> &[Receipt] {
        &self.receipts
    }

    /// What may be removed with the row.
    pub fn files(&self) -> &[ProvenFile] {
        &self.files
    }

    /// Whether the receipts were in the ledger before.
    pub fn is_resumed(&self) -> bool {
        self.resumed
    }

    /// Whether the log is among what is proven.
    pub fn has_log(&self) -> bool {
        self.receipts.iter().any(Receipt::is_log)
    }
}

/// What may be cut off a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Everything before this byte, where a line begins.
    Before(u64),
    /// The whole log: no line begins where it could be cut.
    Whole,
}

/// Proof that the head of a log is in the archive, and so may be cut off.
#[must_use = "a proof is there to be spent or recorded"]
pub struct HeadProof {
    run: RunId,
    fingerprint: Fingerprint,
    receipts: Vec<Receipt>,
    log: ProvenFile,
    cut: Cut,
    resumed: bool,
}

impl HeadProof {
    /// Made where the head and the manifest that names it were proven.
    pub(super) fn of_upload(
        run: RunId,
        fingerprint: Fingerprint,
        receipts: Vec<Receipt>,
        log: ProvenFile,
        cut: Cut,
    ) -> Self {
        HeadProof { run, fingerprint, receipts, log, cut, resumed: false }
    }

    /// Made from receipts that an earlier invocation recorded, if the newest head was made from the log as it is now.
    pub fn from_receipts(
        run: RunId,
        now: Fingerprint,
        recorded: Fingerprint,
        receipts: Vec<Receipt>,
        log: &PlannedFile,
        place: &Place<'_>,
        level: Level,
    ) -> Option<Self> {
        let complete = receipts.iter().any(|receipt| receipt.name == MANIFEST);
        let head = receipts.iter().rfind(|receipt| receipt.is_head())?;
        let is_same = head.source.as_ref().is_some_and(|source| source.identity == log.identity);
        if now != recorded || !complete || !is_same || !receipts.iter().all(|receipt| place.holds(receipt, level)) {
            return None;
        }
        let cut = if head.bytes == log.identity.size { Cut::Whole } else { Cut::Before(head.bytes.0) };
        let log = ProvenFile { path: log.path.clone(), identity: log.identity };
        Some(HeadProof { run, fingerprint: now, receipts, log, cut, resumed: true })
    }

    /// Whose.
    pub fn run(&self) -> RunId {
        self.run
    }

    /// What row and cells were.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The evidence, the manifest last.
    pub fn receipts(&self) -> &[Receipt] {
        &self.receipts
    }

    /// The log.
    pub fn log(&self) -> &ProvenFile {
        &self.log
    }

    /// What of it is proven.
    pub fn cut(&self) -> Cut {
        self.cut
    }

    /// Whether the receipts were in the ledger before.
    pub fn is_resumed(&self) -> bool {
        self.resumed
    }
}

/// Where a run's objects have to be.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Address of the store.
    pub endpoint: &'a str,
    /// Bucket.
    pub bucket: &'a str,
    /// The run's folder.
    pub folder: &'a str,
}

impl Place<'_> {
    /// Whether a receipt is of an object here, and proves enough.
    fn holds(&self, receipt: &Receipt, level: Level) -> bool {
        receipt.level >= level
            && receipt.endpoint == self.endpoint
            && receipt.bucket == self.bucket
            && receipt.key == format!("{}/{}", self.folder, receipt.name)
    }
}

/// The parts of an answer that say something about the bytes.
#[derive(Debug, Clone, Default)]
pub(super) struct Answer {
    pub(super) etag: Option<String>,
    pub(super) version_id: Option<String>,
    /// How the store says that it encrypted the object.
    pub(super) encryption: Option<String>,
    /// The ETag is no digest: encrypted with a key of KMS or the customer.
    pub(super) is_opaque_by_encryption: bool,
}

/// What an ETag says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EtagVerdict {
    /// The store computed our MD5.
    Equal,
    /// Nothing, by design.
    Opaque,
}

/// The ETag of a single upload.
pub(super) fn plain_etag(digests: &Digests) -> String {
    to_hex(&digests.md5)
}

/// The ETag of a multipart upload: MD5 of the parts' MD5s, dash, number of parts.
pub(super) fn multipart_etag(parts: &[Digests]) -> String {
    let all: Vec<u8> = parts.iter().flat_map(|part| part.md5).collect();
    format!("{}-{}", to_hex(&Digests::of(&all).md5), parts.len())
}

/// Holds the answer's ETag against the expected one. An ETag of the expected shape that differs is a hard failure, unless
/// the object is encrypted such that ETags never are digests.
pub(super) fn judge_etag(answer: &Answer, expected: &str, key: &str) -> Result<EtagVerdict> {
    let etag = answer.etag.as_deref().unwrap_or_default().trim_matches('"').to_ascii_lowercase();
    if etag == expected {
        return Ok(EtagVerdict::Equal);
    }
    // Of two parts where one was sent, or three: another object altogether.
    let both_in_parts = matches!((shape(&etag), shape(expected)), (Some(Some(_)), Some(Some(_))));
    if answer.is_opaque_by_encryption || (shape(&etag) != shape(expected) && !both_in_parts) {
        return Ok(EtagVerdict::Opaque);
    }
    let message = format!("prove `{key}`: the store has ETag {etag} for bytes whose digest is {expected}");
    Err(Error::new(Kind::DigestMismatch, message)
        .hint("the store received other bytes than were sent, or a proxy answers in its place; the run stays"))
}

/// Whether it looks like an MD5, and of how many parts; `None`: like neither.
fn shape(etag: &str) -> Option<Option<u32>> {
    let (digest, parts) = match etag.split_once('-') {
        Some((digest, parts)) => (digest, Some(parts.parse().ok()?)),
        None => (etag, None),
    };
    (digest.len() == 32 && digest.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(etag: &str, is_opaque_by_encryption: bool) -> Answer {
        Answer { etag: Some(etag.into()), is_opaque_by_encryption, ..Answer::default() }
    }

    #[test]
    fn only_the_md5_of_our_bytes_is_a_receipt() {
        let expected = plain_etag(&Digests::of(b"x"));
        assert_eq!(judge_etag(&answer(&format!("\"{expected}\""), false), &expected, "k").unwrap(), EtagVerdict::Equal);
        assert_eq!(judge_etag(&answer(&expected.to_uppercase(), true), &expected, "k").unwrap(), EtagVerdict::Equal);
        let other = plain_etag(&Digests::of(b"y"));
        assert_eq!(judge_etag(&answer(&other, false), &expected, "k").unwrap_err().kind, Kind::DigestMismatch);
        assert_eq!(judge_etag(&answer(&other, true), &expected, "k").unwrap(), EtagVerdict::Opaque);
        for opaque in ["", "abc", &format!("{other}-2"), &"g".repeat(32)] {
            assert_eq!(judge_etag(&answer(opaque, false), &expected, "k").unwrap(), EtagVerdict::Opaque, "{opaque}");
        }
        assert_eq!(judge_etag(&Answer::default(), &expected, "k").unwrap(), EtagVerdict::Opaque);
    }

    #[test]
    fn multipart_etags_are_those_of_s3() {
        let parts = [Digests::of(&[0; 16]), Digests::of(&[0; 16])];
        let expected = multipart_etag(&parts);
        // md5 of the two md5s, as `md5sum` over their 32 raw bytes prints it
        assert!(expected.ends_with("-2") && expected.len() == 34);
        let single = plain_etag(&parts[0]);
        assert_eq!(judge_etag(&answer(&single, false), &expected, "k").unwrap(), EtagVerdict::Opaque);
        let other = expected.replace(&expected[..1], if expected.starts_with('0') { "1" } else { "0" });
        assert_eq!(judge_etag(&answer(&other, false), &expected, "k").unwrap_err().kind, Kind::DigestMismatch);
    }
}
