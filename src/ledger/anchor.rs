//! The head of the ledger as an object in the bucket: what lies there cannot be cut off here unnoticed.
//!
//! In: the head after an invocation. Out: the object's name below the prefix and its bytes, and back again. One object for
//! each invocation that changed something; a key that may only put suffices to write it.

use serde::{Deserialize, Serialize};

use super::Head;
use crate::time::Timestamp;

/// The folder below the prefix.
pub const FOLDER: &str = "_ledger/";

/// What the object says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// The version of the format.
    pub schema: u32,
    /// The id of the ledger, from its first entry.
    pub ledger: String,
    /// The number of its last entry.
    pub seq: i64,
    /// The hash of its last entry.
    pub head: String,
    /// When.
    pub at: String,
    /// Name of the machine.
    pub host: String,
    /// The program and its version.
    pub tool: String,
}

impl Anchor {
    /// The anchor of a ledger at its head.
    pub fn new(ledger: String, head: Head, host: String, at: Timestamp) -> Anchor {
        let tool = concat!("fastflow-archive ", env!("CARGO_PKG_VERSION")).to_owned();
        Anchor { schema: 1, ledger, seq: head.seq, head: head.hash, at: at.to_string(), host, tool }
    }

    /// The name below the prefix: `_ledger/{time}-{head}.json`, in the order of time.
    pub fn name(&self) -> String {
        let time: String = self.at.chars().filter(|character| !matches!(character, '-' | ':')).collect();
        let seconds = time.split('.').next().unwrap_or_default().trim_end_matches('Z');
        format!("{FOLDER}{seconds}Z-{}.json", self.head)
    }

    /// The head that a name says.
    pub fn head_of_name(name: &str) -> Option<&str> {
        let head = name.strip_suffix(".json")?.rsplit_once('-')?.1;
        (head.len() == 64 && head.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(head)
    }

    /// The bytes of the object.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// Reads the object.
    pub fn from_bytes(bytes: &[u8]) -> Option<Anchor> {
        serde_json::from_slice(bytes).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_by_time_and_tell_the_head() {
        let head = Head { seq: 7, hash: "ab".repeat(32) };
        let at = Timestamp::from_rfc3339("2026-08-04T02:00:07.123456Z").unwrap();
        let anchor = Anchor::new("id".into(), head.clone(), "host".into(), at);
        assert_eq!(anchor.name(), format!("_ledger/20260804T020007Z-{}.json", head.hash));
        assert_eq!(Anchor::head_of_name(&format!("pipeline-logs/{}", anchor.name())), Some(head.hash.as_str()));
        assert_eq!(Anchor::from_bytes(&anchor.to_bytes()), Some(anchor));
        for name in ["", "_ledger/x.json", "_ledger/20260804T020007Z-abc.json"] {
            assert_eq!(Anchor::head_of_name(name), None, "{name}");
        }
    }
}
