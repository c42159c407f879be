//! What objects are called and what is written on them: keys, metadata, content types.
//!
//! In: prefix, pipeline, run id, values of the row. Out: keys and metadata that every store takes (s3.md section 6). For
//! ordinary names the keys are Fast-Flow's own. Pure: talks to nobody.

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::{Digest, Sha256};

use crate::bytes::to_hex;
use crate::config::breaks_stores;
use crate::fastflow::Record;
use crate::run::{Run, RunId};

/// The manifest's name; its presence says that the run is complete.
pub const MANIFEST: &str = "manifest.json";
/// The name of the notebook cells.
pub const CELLS: &str = "cells.jsonl";

pub(super) const SEGMENT_BYTES: usize = 255;
const PIPELINE_BYTES: usize = 600;
/// Sum of names and values that stores take at least.
pub(super) const METADATA_BYTES: usize = 2048;
/// The header with the SHA-256 of an object, hexadecimal: what of its metadata is its own, and not its run's.
pub(super) const SHA256: &str = "x-amz-meta-sha256";
const SHA256_DIGITS: usize = 64;
/// Begins the name of each header with metadata.
pub(super) const METADATA_PREFIX: &str = "x-amz-meta-";

/// Metadata by the names of their headers.
pub(super) type Metadata = Vec<(&'static str, String)>;

const IN_METADATA: &AsciiSet = &CONTROLS.add(b' ').add(b'%').add(b'"').add(b'\\');

/// The folder of a run: `{prefix}/{pipeline}/{run id}`; an empty prefix gives no leading slash.
pub fn run_folder(prefix: &str, pipeline: &str, id: &RunId) -> String {
    let id = id.to_string();
    let parts = [sanitized(prefix), sanitized_pipeline(pipeline), id];
    parts.iter().filter(|part| !part.is_empty()).map(String::as_str).collect::<Vec<_>>().join("/")
}

/// The folder of a pipeline, which ends in a slash.
pub fn pipeline_folder(prefix: &str, pipeline: &str) -> String {
    service_key(prefix, &format!("{}/", sanitized_pipeline(pipeline)))
}

/// The key of an object of a run, read: `{prefix}/{pipeline}/{run id}/{name}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunKey<'a> {
    /// Everything before the name, without the slash.
    pub folder: &'a str,
    /// The run.
    pub run: RunId,
    /// The object's name in the folder.
    pub name: &'a str,
    pipeline: &'a str,
}

impl<'a> RunKey<'a> {
    /// Reads a key; `None` for what is no run's.
    pub fn read(prefix: &str, key: &'a str) -> Option<RunKey<'a>> {
        let (folder, name) = key.rsplit_once('/')?;
        let (pipeline, id) = folder.strip_prefix(&service_key(prefix, ""))?.rsplit_once('/')?;
        let run = id.parse().ok().filter(|run: &RunId| run.to_string() == id)?;
        Some(RunKey { folder, run, name, pipeline })
    }

    /// The pipeline; `None` where its name was, or may have been, too long for a key.
    pub fn pipeline(&self) -> Option<String> {
        let is_cut = |segment: &str| {
            let digest = segment.rsplit_once('~').map_or("", |(_, digest)| digest);
            digest.len() == 8 && digest.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        if self.pipeline.split('/').any(is_cut) {
            return None;
        }
        let decoded = |segment| match segment {
            "%5F" => Some(String::new()),
            _ => Some(percent_decode_str(segment).decode_utf8().ok()?.into_owned()),
        };
        let name = self.pipeline.split('/').map(decoded).collect::<Option<Vec<_>>>()?.join("/");
        (sanitized_pipeline(&name) == self.pipeline).then_some(name)
    }
}

/// A key directly below the prefix, such as `_probe/digest`.
pub fn service_key(prefix: &str, name: &str) -> String {
    let prefix = sanitized(prefix);
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") }
}

fn sanitized_pipeline(name: &str) -> String {
    let segments = name.split('/').map(|segment| sanitized_segment(&unambiguous(segment)));
    let whole = segments.collect::<Vec<_>>().join("/");
    if whole.len() <= PIPELINE_BYTES {
        return whole;
    }
    // The digest is a segment of its own: the one that is cut may be as long as a segment can be.
    let kept = whole.get(..whole.floor_char_boundary(PIPELINE_BYTES)).unwrap_or_default();
    format!("{}/~{}", kept.trim_end_matches(['/', '.']), short_digest(name))
}

fn sanitized(path: &str) -> String {
    path.split('/').filter(|segment| !segment.is_empty()).map(sanitized_segment).collect::<Vec<_>>().join("/")
}

/// A `%` that would read as an escape becomes one itself: no two names share a folder, and the folder says the name.
fn unambiguous(segment: &str) -> String {
    let mut pieces = segment.split('%');
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |out, piece| {
        let reads = piece.len() >= 2 && piece.bytes().take(2).all(|byte| byte.is_ascii_hexdigit());
        out + if reads { "%25" } else { "%" } + piece
    })
}

/// Escapes what breaks stores, and nothing else.
fn sanitized_segment(segment: &str) -> String {
    let escaped = match segment {
        "" => "%5F".to_owned(),
        "." | ".." => segment.replace('.', "%2E"),
        _ => segment.chars().fold(String::with_capacity(segment.len()), |mut out, character| {
            if breaks_stores(character) {
                out.extend(utf8_percent_encode(character.encode_utf8(&mut [0; 4]), NON_ALPHANUMERIC));
            } else {
                out.push(character);
            }
            out
        }),
    };
    if escaped.len() <= SEGMENT_BYTES {
        return escaped;
    }
    let kept = escaped.get(..escaped.floor_char_boundary(SEGMENT_BYTES - 9)).unwrap_or_default();
    format!("{kept}~{}", short_digest(segment))
}

/// Eight hex digits of the SHA-256, in place of what was cut off.
fn short_digest(original: &str) -> String {
    to_hex(&Sha256::digest(original.as_bytes())).chars().take(8).collect()
}

/// What each object of a run says of the run, by the names of their headers.
pub(super) fn run_metadata(run: &Run, record: &Record) -> Metadata {
    let column = |name: &str| match record.columns.get(name) {
        None | Some(serde_json::Value::Null) => None,
        Some(serde_json::Value::String(text)) => Some(text.clone()),
        Some(other) => Some(other.to_string()),
    };
    let all = [
        ("x-amz-meta-pipeline-name", Some(run.pipeline.to_string())),
        ("x-amz-meta-run-id", Some(run.id.to_string())),
        ("x-amz-meta-started-at", Some(run.started_at.to_string())),
        ("x-amz-meta-finished-at", run.finished_at.map(|at| at.to_string())),
        ("x-amz-meta-status", Some(run.status.to_string())),
        ("x-amz-meta-exit-code", column("exit_code")),
        ("x-amz-meta-triggered-by", column("triggered_by")),
    ];
    metadata(all.into_iter().filter_map(|(name, value)| Some((name, value?))))
}

/// User metadata, percent-encoded; with a [`SHA256`] never more than stores take.
pub(super) fn metadata(pairs: impl IntoIterator<Item = (&'static str, String)>) -> Metadata {
    let mut encoded: Metadata = pairs
        .into_iter()
        .map(|(name, value)| (name, utf8_percent_encode(value.trim(), IN_METADATA).to_string()))
        .collect();
    let size = |pairs: &[(&str, String)]| -> usize { pairs.iter().map(|(name, value)| name.len() + value.len()).sum() };
    loop {
        let over = size(&encoded).saturating_sub(METADATA_BYTES - SHA256.len() - SHA256_DIGITS);
        let Some((_, longest)) = encoded.iter_mut().max_by_key(|(_, value)| value.len()).filter(|_| over > 0) else {
            return encoded;
        };
        let mut keep = longest.len().saturating_sub(over);
        // Do not leave half an escape behind.
        while keep > 0 && longest.get(..keep).and_then(|kept| kept.rfind('%')).is_some_and(|at| at + 3 > keep) {
            keep -= 1;
        }
        longest.truncate(keep);
    }
}

/// The media type of an object by its name.
pub(super) fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.') {
        Some((_, "jsonl")) => "application/x-ndjson",
        Some((_, "json")) => "application/json",
        _ => "text/plain; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123abcd-4567-89ab-cdef-0123456789ab";

    fn folder(prefix: &str, pipeline: &str) -> String {
        let folder = run_folder(prefix, pipeline, &ID.parse().unwrap());
        folder.strip_suffix(ID).unwrap().trim_end_matches('/').to_owned()
    }

    #[test]
    fn ordinary_names_give_the_keys_of_fast_flow() {
        assert_eq!(folder("pipeline-logs", "Täglicher-Import"), "pipeline-logs/Täglicher-Import");
        assert_eq!(folder("", "etl 100% [a]+b"), "etl 100% [a]+b");
    }

    #[test]
    fn what_breaks_stores_is_escaped() {
        assert_eq!(folder("p", ".."), "p/%2E%2E");
        assert_eq!(folder("/p//q/", "a/../b"), "p/q/a/%2E%2E/b");
        assert_eq!(folder("p", "a\nb\\c\0"), "p/a%0Ab%5Cc%00");
        assert_eq!(folder("p", ""), "p/%5F");
        assert_eq!(folder("p", "/a/"), "p/%5F/a/%5F");
        assert_eq!(folder("p", "a\u{9b}\u{ffff}"), "p/a%C2%9B%EF%BF%BF");
    }

    #[test]
    fn no_name_takes_the_folder_of_another() {
        assert_eq!(folder("p", "%2e%2E"), "p/%252e%252E");
        assert_eq!(folder("p", "a%0Ab"), "p/a%250Ab");
        assert_eq!(folder("p", "_"), "p/_");
        assert_eq!(folder("100%25", "x"), "100%25/x", "the prefix is the operator's own");
    }

    #[test]
    fn a_key_says_the_run_and_its_pipeline() {
        let names = ["Täglicher-Import", "..", "a\nb\\c\0", "", "/a/", "%2e%2E", "a%0Ab 100%", "_", "日本/x"];
        for (prefix, name) in
            ["pipeline-logs", "", "/p//q/"].into_iter().flat_map(|prefix| names.map(|name| (prefix, name)))
        {
            let key = format!("{}/run.log", run_folder(prefix, name, &ID.parse().unwrap()));
            let read = RunKey::read(prefix, &key).unwrap();
            assert_eq!(
                (read.pipeline().as_deref(), read.run.to_string().as_str(), read.name),
                (Some(name), ID, "run.log")
            );
            assert!(key.starts_with(&pipeline_folder(prefix, name)));
        }
        for key in [format!("p/{ID}/run.log"), format!("q/x/{ID}/run.log"), "p/x/y/run.log".into(), "p".into()] {
            assert_eq!(RunKey::read("p", &key), None, "{key}");
        }
        let long = run_folder("p", &"n".repeat(700), &ID.parse().unwrap()) + "/run.log";
        assert_eq!(RunKey::read("p", &long).unwrap().pipeline(), None);
    }

    #[test]
    fn long_values_are_shortened_and_never_fail() {
        let pairs = metadata([("x-amz-meta-pipeline-name", "ä".repeat(2000)), ("x-amz-meta-status", "SUCCESS".into())]);
        assert_eq!(pairs[1].1, "SUCCESS");
        let bytes: usize = pairs.iter().map(|(name, value)| name.len() + value.len()).sum();
        assert!(bytes + SHA256.len() + SHA256_DIGITS <= METADATA_BYTES, "{bytes}");
        assert!(
            pairs[0].1.len() > 1900
                && pairs[0].1.len().is_multiple_of(3)
                && pairs[0].1.ends_with("%A4") | pairs[0].1.ends_with("%C3")
        );
        assert_eq!(
            metadata([("x-amz-meta-pipeline-name", " Täglicher Import\n".into())])[0].1,
            "T%C3%A4glicher%20Import"
        );
    }
}
