//! The bytes of one object and their digests: in memory up to 1 MiB, otherwise read from the open file again and again.
//!
//! In: an open file or bytes. Out: [`Payload`], [`Digests`], request bodies. Reading never goes through a path, and memory
//! does not grow with the file.

use std::fs::File;
use std::future::Future as _;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use md5::Md5;
use sha2::{Digest, Sha256};
use tokio::task::JoinHandle;
use tokio::time::Sleep;

use super::lanes::hash_parts;
use super::throttle::Throttle;

/// Files up to here are read once, hashed and sent from the same memory.
pub(super) const IN_MEMORY: u64 = 1 << 20;
/// Bytes per read of a streamed body.
pub(super) const CHUNK: u64 = 256 << 10;
/// MD5 and SHA-256 take so many bytes at a time (RFC 1321, FIPS 180-4).
const DIGEST_BLOCK: usize = 64;

/// Both digests of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digests {
    /// MD5, which stores give back as ETag.
    pub md5: [u8; 16],
    /// SHA-256.
    pub sha256: [u8; 32],
}

/// Computes both digests in one pass.
#[derive(Clone, Default)]
pub struct Hasher {
    md5: Md5,
    sha256: Sha256,
}

impl Hasher {
    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        update_both(&mut self.md5, &mut self.sha256, bytes);
    }

    /// The digests of all that was taken.
    pub fn finish(self) -> Digests {
        Digests { md5: self.md5.finalize().into(), sha256: self.sha256.finalize().into() }
    }
}

/// Block by block: each digest waits for its own last step, and a core does the steps of both meanwhile. A fifth less time
/// than one after the other.
pub(super) fn update_both(first: &mut impl Digest, second: &mut impl Digest, bytes: &[u8]) {
    for block in bytes.chunks(DIGEST_BLOCK) {
        first.update(block);
        second.update(block);
    }
}

impl Digests {
    /// The digests of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = Hasher::default();
        hasher.update(bytes);
        hasher.finish()
    }
}

/// The bytes of a request: they can be sent any number of times.
#[derive(Clone)]
pub(super) enum Payload {
    /// In memory.
    Memory(Bytes),
    /// A section of an open file.
    Section { file: Arc<File>, offset: u64, length: u64 },
}

impl Payload {
    pub(super) fn len(&self) -> u64 {
        match self {
            Payload::Memory(bytes) => bytes.len() as u64,
            Payload::Section { length, .. } => *length,
        }
    }

    /// A fresh body from the first byte on, no faster than `throttle` lets it go.
    pub(super) fn body(&self, throttle: Option<&Arc<Throttle>>) -> SdkBody {
        match (self, throttle) {
            (Payload::Memory(bytes), None) => SdkBody::from(bytes.clone()),
            (payload, throttle) => {
                let (payload, throttle) = (payload.clone(), throttle.cloned());
                SdkBody::retryable(move || {
                    SdkBody::from_body_1_x(PieceBody {
                        payload: payload.clone(),
                        next: 0,
                        throttle: throttle.clone(),
                        reading: None,
                        waiting: None,
                    })
                })
            }
        }
    }

    /// The part of it that begins at `offset`.
    pub(super) fn section(&self, offset: u64, length: u64) -> Payload {
        match self {
            Payload::Memory(bytes) => Payload::Memory(bytes.slice(offset as usize..(offset + length) as usize)),
            Payload::Section { file, offset: start, .. } => {
                Payload::Section { file: Arc::clone(file), offset: start + offset, length }
            }
        }
    }

    /// Hashes everything once: the digests of the whole, and of each part of `part_bytes`. Blocks.
    pub(super) fn hash(&self, part_bytes: u64) -> io::Result<(Digests, Vec<Digests>)> {
        match self {
            Payload::Memory(bytes) => {
                let digests = Digests::of(bytes);
                Ok((digests, vec![digests]))
            }
            Payload::Section { file, offset, length } if *length <= part_bytes => {
                let mut hasher = Hasher::default();
                read_section(file, *offset, *length, &mut |bytes| hasher.update(bytes))?;
                let digests = hasher.finish();
                Ok((digests, vec![digests]))
            }
            Payload::Section { file, offset, length } => hash_parts(file, *offset, *length, part_bytes),
        }
    }
}

fn read_section(file: &File, mut offset: u64, mut length: u64, each: &mut dyn FnMut(&[u8])) -> io::Result<()> {
    let mut buffer = vec![0; length.min(CHUNK) as usize];
    while length > 0 {
        let size = length.min(CHUNK) as usize;
        let Some(chunk) = buffer.get_mut(..size) else { break };
        file.read_exact_at(chunk, offset)?;
        each(chunk);
        offset += size as u64;
        length -= size as u64;
    }
    Ok(())
}

/// A request body in pieces: a file is read on the blocking pool, and each piece waits for its turn.
struct PieceBody {
    payload: Payload,
    /// Where the next piece begins.
    next: u64,
    throttle: Option<Arc<Throttle>>,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl PieceBody {
    fn left(&self) -> u64 {
        self.payload.len() - self.next
    }

    /// The length of the next piece.
    fn piece_bytes(&self) -> u64 {
        self.throttle.as_ref().map_or(CHUNK, |throttle| throttle.piece_bytes()).min(self.left())
    }
}

impl Body for PieceBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        let size = this.piece_bytes();
        if size == 0 {
            return Poll::Ready(None);
        }
        if let Some(throttle) = &this.throttle {
            let waiting = this.waiting.get_or_insert_with(|| {
                let at = throttle.reserve(size, Instant::now());
                Box::pin(tokio::time::sleep_until(at.into()))
            });
            ready!(waiting.as_mut().poll(context));
        }
        let result = match &this.payload {
            Payload::Memory(bytes) => Ok(bytes.slice(this.next as usize..(this.next + size) as usize)),
            Payload::Section { file, offset, .. } => {
                let reading = this.reading.get_or_insert_with(|| {
                    let (file, offset) = (Arc::clone(file), offset + this.next);
                    tokio::task::spawn_blocking(move || {
                        let mut buffer = vec![0; size as usize];
                        file.read_exact_at(&mut buffer, offset)?;
                        Ok(Bytes::from(buffer))
                    })
                });
                ready!(Pin::new(reading).poll(context)).unwrap_or_else(|error| Err(io::Error::other(error)))
            }
        };
        (this.reading, this.waiting) = (None, None);
        if let Ok(bytes) = &result {
            this.next += bytes.len() as u64;
        }
        Poll::Ready(Some(result.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.left() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::to_hex;

    #[test]
    fn digests_of_whole_and_parts_are_those_of_the_bytes() {
        let bytes: Vec<u8> = (0..1_000_000u32).map(|number| (number % 251) as u8).collect();
        let mut file = tempfile::tempfile().unwrap();
        io::Write::write_all(&mut file, &bytes).unwrap();
        let payload = Payload::Section { file: Arc::new(file), offset: 0, length: bytes.len() as u64 };
        let (whole, parts) = payload.hash(300_000).unwrap();
        assert_eq!(whole, Digests::of(&bytes));
        let expected: Vec<_> = bytes.chunks(300_000).map(Digests::of).collect();
        assert_eq!(parts, expected);
        assert_eq!(payload.section(300_000, 300_000).hash(1 << 30).unwrap().0, expected[1]);
        assert_eq!(to_hex(&Digests::of(b"").md5), "d41d8cd98f00b204e9800998ecf8427e");
    }

    #[test]
    fn a_file_that_got_shorter_is_an_error_and_not_a_short_body() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(10).unwrap();
        let payload = Payload::Section { file: Arc::new(file), offset: 0, length: 11 };
        assert!(payload.hash(1 << 30).is_err());
    }
}
