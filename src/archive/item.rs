//! One object of a run before it is sent: its bytes, hashed, and the file they come from.
//!
//! In: opened files, notebook cells. Out: [`Item`]. Blocks while it reads; sends nothing.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read as _;
use std::sync::Arc;

use bytes::Bytes;
use tempfile::SpooledTempFile;

use super::etag::{multipart_etag, plain_etag};
use super::object::CELLS;
use super::payload::{Digests, IN_MEMORY, Payload};
use super::receipt::SourceFile;
use crate::bytes::ByteSize;
use crate::error::{Error, Kind, Result};
use crate::fastflow::{OpenedFile, PlannedFile};

/// From this size on, objects are sent in parts.
pub(super) const MULTIPART: u64 = 16 << 20;
/// S3 takes at most this many.
const MOST_PARTS: u64 = 10_000;
/// One object of a run before it is sent.
#[derive(Clone)]
pub(super) struct Item {
    pub(super) name: Cow<'static, str>,
    pub(super) payload: Payload,
    pub(super) digests: Digests,
    pub(super) parts: Vec<Digests>,
    pub(super) source: Option<(SourceFile, Arc<File>)>,
}

impl Item {
    /// A few bytes that come from no file.
    pub(super) fn of_bytes(name: impl Into<Cow<'static, str>>, bytes: Vec<u8>) -> Item {
        let digests = Digests::of(&bytes);
        let payload = Payload::Memory(bytes.into());
        Item { name: name.into(), payload, digests, parts: vec![digests], source: None }
    }

    /// The ETag that a store gives it that computes digests.
    pub(super) fn etag(&self) -> String {
        if self.payload.len() > MULTIPART { multipart_etag(&self.parts) } else { plain_etag(&self.digests) }
    }
}

fn changed(planned: &PlannedFile) -> Error {
    Error::new(Kind::FileChanged, format!("archive `{}`: it changed while it was read", planned.path))
        .hint("is something still writing to it? the next call archives it anew")
}

/// The first `length` bytes of a file, in memory where they are few, and their digests.
pub(super) fn item_of_section(
    planned: &PlannedFile,
    opened: OpenedFile,
    length: u64,
    name: Cow<'static, str>,
) -> Result<Item> {
    let file = Arc::new(opened.file);
    let mut payload = Payload::Section { file: Arc::clone(&file), offset: 0, length };
    if length <= IN_MEMORY {
        let bytes = read_beginning(&file, length as usize).map_err(|error| unreadable(planned, error))?;
        payload = Payload::Memory(Bytes::from(bytes.ok_or_else(|| changed(planned))?));
    }
    let (digests, parts) = payload.hash(part_bytes(length)).map_err(|error| unreadable(planned, error))?;
    let source = SourceFile { path: planned.path.to_string(), identity: opened.identity };
    Ok(Item { name, payload, digests, parts, source: Some((source, file)) })
}

/// The first `length` bytes of a file; `None` where it has less.
fn read_beginning(file: &File, length: usize) -> std::io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::with_capacity(length);
    while bytes.len() < length {
        let offset = bytes.len() as u64;
        match rustix::io::pread(file, rustix::buffer::spare_capacity(&mut bytes), offset) {
            Ok(0) => return Ok(None),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    // There may be more room than was asked for.
    bytes.truncate(length);
    Ok(Some(bytes))
}

pub(super) fn unreadable(planned: &PlannedFile, error: std::io::Error) -> Error {
    Error::caused(Kind::FileUnreadable, format!("read `{}`", planned.path), error).hint("the run is left alone")
}

pub(super) fn identity_of(file: &File) -> Result<(ByteSize, i128)> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata =
        file.metadata().map_err(|error| Error::caused(Kind::FileUnreadable, "look at a file again", error))?;
    let modified = i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec());
    Ok((ByteSize(metadata.len()), modified))
}

pub(super) fn item_of_cells(mut cells: SpooledTempFile, length: u64) -> std::io::Result<Item> {
    let payload = if length <= IN_MEMORY {
        let mut bytes = Vec::with_capacity(length as usize);
        cells.read_to_end(&mut bytes)?;
        Payload::Memory(bytes.into())
    } else {
        cells.roll()?;
        match cells.into_inner() {
            tempfile::SpooledData::OnDisk(file) => Payload::Section { file: Arc::new(file), offset: 0, length },
            tempfile::SpooledData::InMemory(bytes) => Payload::Memory(bytes.into_inner().into()),
        }
    };
    let (digests, parts) = payload.hash(part_bytes(length))?;
    Ok(Item { name: CELLS.into(), payload, digests, parts, source: None })
}

/// 16 MiB, or as much as keeps the number of parts within what S3 takes.
pub(super) fn part_bytes(length: u64) -> u64 {
    length.div_ceil(MOST_PARTS).next_multiple_of(1 << 20).max(MULTIPART)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_a_file_is_read_and_a_shorter_one_told() {
        let file = tempfile::tempfile().unwrap();
        std::io::Write::write_all(&mut &file, b"a log\nthat grew\n").unwrap();
        assert_eq!(read_beginning(&file, 6).unwrap().unwrap(), b"a log\n");
        assert_eq!(read_beginning(&file, 16).unwrap().unwrap(), b"a log\nthat grew\n");
        assert_eq!(read_beginning(&file, 0).unwrap().unwrap(), b"");
        assert_eq!(read_beginning(&file, 17).unwrap(), None);
    }

    #[test]
    fn parts_are_16_mib_and_never_more_than_10000() {
        assert_eq!(part_bytes(0), 16 << 20);
        assert_eq!(part_bytes(3 << 30), 16 << 20);
        for length in [160u64 << 30, 5 << 40, (5 << 40) - 1] {
            assert!(length.div_ceil(part_bytes(length)) <= MOST_PARTS);
        }
    }
}
