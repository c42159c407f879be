//! Properties of keys and of ETags that hold for any bytes; they panic where one does not.
//!
//! In: bytes of a fuzzer, of the committed corpus or of a property test. Out: nothing, or a panic. Not in any release.

use percent_encoding::percent_decode_str;

use super::etag::{Answer, EtagVerdict, judge_etag, multipart_etag, plain_etag};
use super::object::{CELLS, MANIFEST, METADATA_BYTES, SEGMENT_BYTES, metadata, run_folder, service_key};
use super::payload::Digests;
use super::receipt::HEAD_PREFIX;
use crate::config::{breaks_stores, prefix_problem};
use crate::error::Kind;
use crate::run::RunId;

/// The longest key that S3 takes.
const KEY_BYTES: usize = 1024;

/// The bytes are a prefix and the names of two pipelines, with 0xff, which no text has, in between.
pub fn keys(data: &[u8]) {
    let mut texts = data.split(|byte| *byte == 0xff).map(String::from_utf8_lossy);
    let [prefix, first, second] = std::array::from_fn(|_| texts.next().unwrap_or_default());
    // What the configuration refuses does not get here.
    let prefix = if prefix_problem(&prefix).is_some() { "pipeline-logs".into() } else { prefix };
    let id = RunId::from([0xab; 16]);
    let ending = format!("/{id}");
    let root = service_key(&prefix, "");
    let folders = [&first, &second].map(|pipeline| {
        let folder = run_folder(&prefix, pipeline, &id);
        for name in [MANIFEST, CELLS, &format!("{HEAD_PREFIX}001")] {
            judge_key(&format!("{folder}/{name}"));
        }
        let name = folder.strip_prefix(&root).and_then(|rest| rest.strip_suffix(&ending));
        let Some(name) = name else { panic!("{folder:?} is not below {root:?}") };
        // Too short to be shortened, whatever is escaped in it.
        if pipeline.len() * 3 <= SEGMENT_BYTES {
            let decoded: Vec<_> = name.split('/').map(decoded_segment).collect();
            assert!(decoded.join("/") == **pipeline, "{name:?} does not say {pipeline:?}");
        }
        folder
    });
    // One that looks as if it had been shortened has a `~`.
    if first != second && !first.contains('~') && !second.contains('~') {
        assert!(folders[0] != folders[1], "{first:?} and {second:?} are in one folder");
    }
    let pairs =
        metadata([("x-amz-meta-pipeline-name", first.into_owned()), ("x-amz-meta-triggered-by", second.into_owned())]);
    let size: usize = pairs.iter().map(|(name, value)| name.len() + value.len()).sum();
    assert!(size <= METADATA_BYTES);
    for (_, value) in pairs {
        assert!(value.bytes().all(|byte| byte.is_ascii_graphic()), "{value:?}");
        let escapes = value.split('%').skip(1);
        assert!(escapes.into_iter().all(|rest| rest.len() >= 2), "half an escape ends {value:?}");
    }
}

fn judge_key(key: &str) {
    assert!(key.len() <= KEY_BYTES, "{} bytes", key.len());
    assert!(!key.contains(breaks_stores), "{key:?}");
    for segment in key.split('/') {
        assert!(!matches!(segment, "" | "." | "..") && segment.len() <= SEGMENT_BYTES, "{segment:?} of {key:?}");
    }
}

fn decoded_segment(segment: &str) -> String {
    match segment {
        "%5F" => String::new(),
        _ => percent_decode_str(segment).decode_utf8_lossy().into_owned(),
    }
}

/// The bytes are what the store answers, and, after 0xff, the bytes that were sent to it.
pub fn etags(data: &[u8]) {
    let Some((flags, rest)) = data.split_first() else { return };
    let mut pieces = rest.splitn(2, |byte| *byte == 0xff);
    let said = String::from_utf8_lossy(pieces.next().unwrap_or_default()).into_owned();
    let digests = Digests::of(pieces.next().unwrap_or_default());
    let (encrypted, in_parts) = (flags & 1 != 0, flags & 2 != 0);
    let parts = vec![digests; usize::from(flags >> 4) + 1];
    let (expected, other_kind) = if in_parts {
        (multipart_etag(&parts), plain_etag(&digests))
    } else {
        (plain_etag(&digests), multipart_etag(&parts))
    };
    let judge = |etag: &str, encrypted: bool| {
        let answer = Answer { etag: Some(etag.to_owned()), is_opaque_by_encryption: encrypted, ..Answer::default() };
        judge_etag(&answer, &expected, "k")
    };
    match judge(&said, encrypted) {
        Ok(EtagVerdict::Equal) => {
            assert!(said.len() >= expected.len() && said.to_ascii_lowercase().contains(&expected), "{said:?}");
            assert!(said.len() == expected.len() || said.replace('"', "").len() == expected.len(), "{said:?}");
        }
        Ok(EtagVerdict::Opaque) => {
            assert!(encrypted || !is_md5(&said) || in_parts, "the digest {said:?} of other bytes says nothing");
        }
        Err(error) => assert!(error.kind == Kind::DigestMismatch && !encrypted && said != expected),
    }
    for spelling in [expected.clone(), format!("\"{expected}\""), expected.to_uppercase()] {
        assert!(judge(&spelling, encrypted).is_ok_and(|verdict| verdict == EtagVerdict::Equal), "{spelling:?}");
    }
    assert!(judge(&other_kind, false).is_ok_and(|verdict| verdict == EtagVerdict::Opaque), "{other_kind:?}");
    // One digit of 32 is another.
    let at = said.len() % 32;
    let digit = if expected.as_bytes()[at] == b'0' { "1" } else { "0" };
    let mut wrong = expected.clone();
    wrong.replace_range(at..=at, digit);
    assert!(judge(&wrong, false).is_err_and(|error| error.kind == Kind::DigestMismatch), "{wrong:?}");
    assert!(judge(&wrong, true).is_ok_and(|verdict| verdict == EtagVerdict::Opaque), "{wrong:?}");
}

fn is_md5(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
