//! Bytes of logs and metrics: deterministic, cheap at any length, and their digests.

use std::io::{Read, Write};

use anyhow::Result;
use sha2::{Digest as _, Sha256};

const BLOCK: usize = 64 * 1024;

/// A small generator (splitmix64): the same seed gives the same instance everywhere.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Starts a sequence.
    pub fn new(seed: u64) -> Self {
        Random(seed)
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `from..to`.
    pub fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.next_u64() % (to - from)
    }
}

/// What a file holds.
#[derive(Debug, Clone)]
pub enum Content {
    /// Lines of text made from a seed, exactly that many bytes; no two blocks of 64 KiB are equal.
    Lines {
        /// Where the sequence starts.
        seed: u64,
        /// The length.
        bytes: u64,
    },
    /// Just these bytes.
    Bytes(Vec<u8>),
}

impl Content {
    /// Writes all of it and says what was written.
    pub fn write_to(&self, mut out: impl Write) -> Result<Digest> {
        let mut hash = Sha256::new();
        let bytes = match self {
            Content::Bytes(bytes) => {
                out.write_all(bytes)?;
                hash.update(bytes);
                bytes.len() as u64
            }
            Content::Lines { seed, bytes } => {
                let mut block = lines(*seed, BLOCK.min(*bytes as usize));
                let mut left = *bytes;
                let mut number = 0_u64;
                while left > 0 {
                    let label = format!("block {number:012} ");
                    let label = &label.as_bytes()[..label.len().min(block.len())];
                    block[..label.len()].copy_from_slice(label);
                    let part = &block[..(left as usize).min(block.len())];
                    out.write_all(part)?;
                    hash.update(part);
                    left -= part.len() as u64;
                    number += 1;
                }
                *bytes
            }
        };
        out.flush()?;
        Ok(Digest { bytes, sha256: hex(&hash.finalize()) })
    }
}

/// Length and SHA-256 of a file or an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Digest {
    /// Length in bytes.
    pub bytes: u64,
    /// SHA-256, 64 lower-case hex digits.
    pub sha256: String,
}

/// Reads to the end in pieces, so that length does not matter.
pub fn digest_of(mut source: impl Read) -> Result<Digest> {
    let mut hash = Sha256::new();
    let mut bytes = 0;
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let read = source.read(&mut buffer)?;
        if read == 0 {
            return Ok(Digest { bytes, sha256: hex(&hash.finalize()) });
        }
        hash.update(&buffer[..read]);
        bytes += read as u64;
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Log-like lines of uneven length, some with characters of two and three bytes.
fn lines(seed: u64, bytes: usize) -> Vec<u8> {
    let mut random = Random::new(seed);
    let mut text = String::with_capacity(bytes + 256);
    let mut step = 0;
    while text.len() < bytes {
        step += 1;
        let level = ["INFO ", "DEBUG", "WARN "][(random.next_u64() % 3) as usize];
        text.push_str(&format!("{level} step {step:06} "));
        for _ in 0..random.between(1, 9) {
            text.push_str(&format!("{:016x}", random.next_u64()));
        }
        text.push_str(if random.next_u64().is_multiple_of(8) { " Größe 12 €\n" } else { "\n" });
    }
    let mut block = text.into_bytes();
    block.truncate(bytes);
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_has_the_length_and_the_digest_it_says() {
        for bytes in [0, 1, 17, BLOCK as u64, 3 * BLOCK as u64 + 5] {
            let mut written = Vec::new();
            let digest = Content::Lines { seed: 7, bytes }.write_to(&mut written).unwrap();
            assert_eq!(written.len() as u64, bytes);
            assert_eq!(digest, digest_of(written.as_slice()).unwrap());
        }
    }
}
