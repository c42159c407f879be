//! A folder as a value: proof that nothing in it changed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use sha2::{Digest as _, Sha256};

use crate::content::{Digest, digest_of, hex};

/// Every file below a folder by its path relative to it (`/` between names), with length and SHA-256.
///
/// A symbolic link counts as a file that holds its target's path; an empty folder counts as a name ending in `/`.
/// Files whose name ends in one of `ignored` are left out (`-shm`, say, which every reader of a WAL database changes).
pub fn tree_files(folder: &Path, ignored: &[&str]) -> Result<BTreeMap<String, Digest>> {
    let mut files = BTreeMap::new();
    if folder.exists() {
        walk(folder, "", ignored, &mut files)?;
    }
    Ok(files)
}

/// One SHA-256 over all relative paths and contents; equal hashes mean that nothing changed.
pub fn tree_hash(folder: &Path, ignored: &[&str]) -> Result<String> {
    let mut hash = Sha256::new();
    for (path, digest) in tree_files(folder, ignored)? {
        hash.update(format!("{path}\0{}\0{}\n", digest.bytes, digest.sha256));
    }
    Ok(hex(&hash.finalize()))
}

fn walk(folder: &Path, prefix: &str, ignored: &[&str], files: &mut BTreeMap<String, Digest>) -> Result<()> {
    let mut empty = true;
    for entry in fs::read_dir(folder).with_context(|| format!("read folder {}", folder.display()))? {
        let entry = entry?;
        empty = false;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        let kind = entry.file_type()?;
        if kind.is_dir() {
            walk(&entry.path(), &format!("{path}/"), ignored, files)?;
        } else if kind.is_symlink() {
            let target = fs::read_link(entry.path())?;
            files.insert(path, digest_of(target.to_string_lossy().as_bytes())?);
        } else if kind.is_file() && !ignored.iter().any(|suffix| name.ends_with(suffix)) {
            files.insert(path, digest_of(fs::File::open(entry.path())?)?);
        }
    }
    if empty && !prefix.is_empty() {
        files.insert(prefix.to_owned(), digest_of(std::io::empty())?);
    }
    Ok(())
}
