//! The rooms of the house: a folder imports from those above it only. Reads the `use crate::` lines.

use std::collections::BTreeMap;
use std::path::Path;

/// Top to bottom, as in `src/lib.rs`; rooms of one line may not import from each other, but for the ground floor.
const ROOMS: [&[&str]; 14] = [
    &["run", "time", "bytes", "error", "printable", "folder", "mount", "lock", "fail_point"],
    &["cli"],
    &["config"],
    &["fastflow"],
    &["plan"],
    &["archive"],
    &["ledger"],
    &["cleanup"],
    &["flow"],
    &["check"],
    &["doctor"],
    &["exit"],
    &["report"],
    &["notify"],
];
/// At the bottom: may use everything.
const BOTTOM: [&str; 4] = ["app", "main", "lib", "fuzzing"];
/// Crates that one room uses alone; `tests` modules aside.
const ALONE: [(&str, &[&str]); 9] = [
    ("aws_sdk_s3", &["archive"]),
    ("aws_config", &["archive"]),
    ("cap_std", &["fastflow"]),
    ("rusqlite", &["fastflow", "ledger", "check"]),
    ("tokio_postgres", &["fastflow"]),
    ("lettre", &["notify"]),
    ("ureq", &["notify"]),
    ("indicatif", &["report"]),
    ("fernet", &["config"]),
];

fn floor(room: &str) -> usize {
    let found = ROOMS.iter().position(|rooms| rooms.contains(&room));
    found.unwrap_or_else(
        || if BOTTOM.contains(&room) { ROOMS.len() } else { panic!("room `{room}` is not in the table") },
    )
}

fn sources(folder: &Path, found: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else {
            found.insert(path.to_string_lossy().into_owned(), std::fs::read_to_string(&path).unwrap());
        }
    }
}

/// The source without its `#[cfg(test)]` part, which ends each file.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod").next().unwrap_or(text)
}

#[test]
fn imports_point_upwards_only() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = BTreeMap::new();
    sources(&src, &mut files);
    assert!(files.len() > 30);
    let mut wrong = Vec::new();
    for (path, text) in &files {
        let relative = path.strip_prefix(&format!("{}/", src.display())).unwrap();
        let room = relative.split('/').next().unwrap().trim_end_matches(".rs");
        for line in without_tests(text).lines() {
            for used in line.split("crate::").skip(1) {
                let used = used.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap();
                let same_floor_is_fine = floor(room) == 0;
                let fine =
                    used == room || floor(used) < floor(room) || (floor(used) == floor(room) && same_floor_is_fine);
                if !fine && !BOTTOM.contains(&room) {
                    wrong.push(format!("{relative}: {}", line.trim()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn crates_stay_in_their_rooms() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = BTreeMap::new();
    sources(&src, &mut files);
    for (path, text) in &files {
        let relative = path.strip_prefix(&format!("{}/", src.display())).unwrap();
        let room = relative.split('/').next().unwrap().trim_end_matches(".rs");
        for (name, rooms) in ALONE {
            let uses = without_tests(text).contains(&format!("{name}::"));
            assert!(!uses || rooms.contains(&room), "{relative} uses {name}");
        }
    }
}
