//! What an ETag says of the bytes that were sent.
//!
//! In: an answer of the store, digests. Out: [`EtagVerdict`], or an error where the store has other bytes (s3.md section 2).

use super::payload::Digests;
use crate::bytes::to_hex;
use crate::error::{Error, Kind, Result};

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
