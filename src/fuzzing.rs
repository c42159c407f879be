//! What fuzzing holds against the readers of what others wrote: one function of bytes for each, which panics where a
//! property does not hold. `fuzz/` feeds them from a fuzzer, a test from the committed corpus.
//!
//! In: bytes. Out: nothing, or a panic. Compiled for tests and fuzzing only.

pub use crate::archive::fuzzing::{etags, keys};
pub use crate::config::fuzzing::{dotenv, fernet};
use crate::time::Timestamp;

/// The last microsecond that four digits of a year can say.
const LAST: i64 = 253_402_300_799_999_999;

/// The bytes are a time as text, and the first eight of them one as a number.
pub fn times(data: &[u8]) {
    if let Some(micros) = data.first_chunk() {
        instant(Timestamp::from_micros(i64::from_le_bytes(*micros)));
    }
    let Ok(text) = str::from_utf8(data) else { return };
    if let Some(at) = Timestamp::from_sqlite(text) {
        assert_eq!(at.to_sqlite(), six_digits(text), "{text:?}");
        instant(at);
    }
    if let Some(at) = Timestamp::from_rfc3339(text) {
        assert_eq!(at.to_sqlite(), six_digits(text), "{text:?}");
        instant(at);
    }
}

/// Every instant can be shown, and one that exists reads back.
fn instant(at: Timestamp) {
    let (sqlite, rfc3339) = (at.to_sqlite(), at.to_string());
    assert_eq!((sqlite.len(), at.to_minute().len()), (26, 16), "{sqlite}");
    assert!(rfc3339.ends_with('Z'), "{rfc3339}");
    let existing = Timestamp::from_micros(at.micros().clamp(0, LAST));
    assert_eq!(Timestamp::from_sqlite(&sqlite), Some(existing));
    assert_eq!(Timestamp::from_rfc3339(&existing.to_string()), Some(existing));
    let day = std::time::Duration::from_secs(86_400);
    assert!(at.minus(day) <= at && at.since(at.minus(day)) <= day);
}

/// The text with a space in the middle, a fraction of six digits and no `Z`.
fn six_digits(text: &str) -> String {
    let text = text.strip_suffix('Z').unwrap_or(text).replace('T', " ");
    let (seconds, fraction) = text.split_once('.').unwrap_or((&text, ""));
    format!("{seconds}.{:0<6.6}", fraction)
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use proptest::prelude::*;

    use super::*;

    type Property = fn(&[u8]);

    const TARGETS: [(&str, Property); 5] =
        [("dotenv", dotenv), ("fernet", fernet), ("times", times), ("keys", keys), ("etags", etags)];

    #[test]
    fn the_committed_corpus_holds_every_property() {
        for (name, property) in TARGETS {
            let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
            let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
            assert!(files.len() >= 10, "{} files of {name}", files.len());
            for file in files {
                let held = catch_unwind(|| property(&std::fs::read(&file).unwrap()));
                assert!(held.is_ok(), "{}", file.display());
            }
        }
    }

    /// What means something in a `.env`.
    fn fragments() -> impl Strategy<Value = String> {
        let fragment = proptest::sample::select(vec![
            "A", "B", "=", "'", "\"", "\\", "\n", "\r", " ", "#", "$", "${", "}", ":", "-", "export ", "ä", "\u{feff}",
            "\x1c", "n",
        ]);
        proptest::collection::vec(fragment, 0..60).prop_map(|fragments| fragments.concat())
    }

    fn pipelines() -> impl Strategy<Value = String> {
        prop_oneof![
            "\\PC{0,40}",
            "(?s).{0,400}",
            "[./\\\\a]{0,20}",
            "([.a]{0,254}/){0,9}",
            "(\\PC{0,300}/){0,5}",
            "(?s).{0,10000}",
            "[%0-9a-fA-F/.]{0,12}",
        ]
    }

    proptest! {
        #[test]
        fn any_bytes_hold_every_property(data: Vec<u8>) {
            TARGETS.iter().for_each(|(_, property)| property(&data));
        }

        #[test]
        fn any_env_file_holds_its_properties(text in prop_oneof![fragments(), "(?s)[^$]*", "[\\\\\"'\n\r\t #=n{}]*"]) {
            dotenv(text.as_bytes());
        }

        #[test]
        fn any_time_holds_its_properties(
            text in "[0-9]{4}-[01][0-9]-[0-3][0-9][ T][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{0,10})?Z?",
            micros in 0..=LAST,
        ) {
            times(text.as_bytes());
            times(&micros.to_le_bytes());
        }

        #[test]
        fn any_names_hold_the_properties_of_keys(prefix in "\\PC{0,100}|[a-z0-9/]{0,300}", one in pipelines(), two in pipelines()) {
            keys([prefix.as_bytes(), one.as_bytes(), two.as_bytes()].join(&0xff).as_slice());
        }

        #[test]
        fn any_etag_holds_its_properties(flags: u8, etag in "\\PC{0,40}|\"?[0-9a-fA-F]{31,33}\"?(-[0-9]{1,3})?") {
            etags(&[&[flags], etag.as_bytes(), b"\xffx"].concat());
        }
    }
}
