//! `manifest.json`: what a run was and what of it is in the archive (cli.md section 5). Written last: its presence says
//! that the run is complete.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::payload::Digests;
use super::receipt::Receipt;
use crate::bytes::to_hex;
use crate::fastflow::Record;
use crate::plan::PlannedRun;
use crate::time::Timestamp;

/// The version of the format.
const SCHEMA: u32 = 1;

/// Where the archive comes from.
#[derive(Debug, Clone, Serialize)]
pub struct Origin {
    /// Host name of this machine.
    pub host: String,
    /// Kind of the database, such as `sqlite`.
    pub database: &'static str,
}

#[derive(Serialize)]
struct Manifest<'a> {
    schema: u32,
    tool: Tool,
    run: &'a Map<String, Value>,
    files: Vec<File<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing: Vec<&'static str>,
    /// Files that go on in the live instance: only their heads are here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    live: Vec<&'static str>,
    archived_at: String,
    rule: &'static str,
    reason: String,
    source: &'a Origin,
}

#[derive(Serialize)]
struct Tool {
    name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct File<'a> {
    name: &'a str,
    key: &'a str,
    bytes: u64,
    sha256: String,
    md5: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    modified_at: Option<String>,
}

/// The bytes of the manifest.
pub(super) fn manifest(
    planned: &PlannedRun,
    record: &Record,
    receipts: &[&Receipt],
    origin: &Origin,
    archived_at: Timestamp,
) -> Vec<u8> {
    let files = receipts.iter().map(|receipt| File {
        name: &receipt.name,
        key: &receipt.key,
        bytes: receipt.bytes.0,
        sha256: to_hex(&receipt.digests.sha256),
        md5: to_hex(&receipt.digests.md5),
        path: receipt.source.as_ref().map(|source| source.path.as_str()),
        modified_at: receipt.source.as_ref().map(|source| modified_at(source.identity.modified_ns)),
    });
    let manifest = Manifest {
        schema: SCHEMA,
        tool: Tool { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") },
        run: &record.columns,
        files: files.collect(),
        missing: planned.missing_log.iter().map(|_| "run.log").collect(),
        live: if planned.is_cut() { vec!["run.log"] } else { Vec::new() },
        archived_at: archived_at.to_string(),
        rule: planned.reason.rule().name(),
        reason: planned.reason.to_string(),
        source: origin,
    };
    let mut bytes = serde_json::to_vec_pretty(&manifest).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

fn modified_at(nanoseconds: i128) -> String {
    Timestamp::from_micros(i64::try_from(nanoseconds / 1000).unwrap_or(0)).to_string()
}

/// A manifest as it is read back: what a run was, and what of it is in the archive.
#[derive(Debug, Clone, Deserialize)]
pub struct ReadManifest {
    /// The version of the format.
    pub schema: u32,
    /// Every column of the row, as archived.
    pub run: Map<String, Value>,
    /// The objects beside it, in the order in which heads and log make up the log.
    pub files: Vec<ReadFile>,
    /// Files that were missing when it was archived.
    #[serde(default)]
    pub missing: Vec<String>,
    /// Files that went on in the live instance.
    #[serde(default)]
    pub live: Vec<String>,
    /// When, RFC 3339.
    pub archived_at: String,
    /// The rule that the run was archived by.
    pub rule: String,
    /// Digests of the manifest itself.
    #[serde(skip)]
    pub digests: Option<Digests>,
}

/// An object that a manifest names.
#[derive(Debug, Clone, Deserialize)]
pub struct ReadFile {
    /// Name in the run's folder.
    pub name: String,
    /// Key.
    pub key: String,
    /// Length.
    pub bytes: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
    /// MD5, hexadecimal.
    pub md5: String,
    /// Where the file was, relative to the log directory.
    #[serde(default)]
    pub path: Option<String>,
    /// When it was last written, RFC 3339.
    #[serde(default)]
    pub modified_at: Option<String>,
}

impl ReadManifest {
    /// Reads the bytes of a manifest; `None` where they are none, or one of a newer format.
    pub fn from_bytes(bytes: &[u8]) -> Option<ReadManifest> {
        let manifest: ReadManifest = serde_json::from_slice(bytes).ok()?;
        (manifest.schema <= SCHEMA).then(|| ReadManifest { digests: Some(Digests::of(bytes)), ..manifest })
    }
}
