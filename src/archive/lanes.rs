//! Four digests of one long file in one reading: MD5 and SHA-256, of the whole and of each part, on two threads.
//!
//! In: a section of an open file. Out: [`Digests`]. Memory does not grow with the file.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use md5::Md5;
use sha2::digest::Output;
use sha2::{Digest, Sha256};

use super::payload::{CHUNK, Digests, update_both};

/// Chunks that wait for a slower thread.
const AHEAD: usize = 8;

/// Some bytes, and whether a part ends with them.
type Chunk = (Arc<Vec<u8>>, bool);

/// Hashes `length` bytes from `offset` on: the digests of the whole, and of each part of `part_bytes`. Blocks.
pub(super) fn hash_parts(
    file: &File,
    offset: u64,
    length: u64,
    part_bytes: u64,
) -> io::Result<(Digests, Vec<Digests>)> {
    std::thread::scope(|scope| {
        // Each thread has one digest that is slow (MD5) and one that is fast.
        let (first, chunks) = sync_channel(AHEAD);
        let md5_of_whole = scope.spawn(move || lane::<Md5, Sha256>(&chunks));
        let (second, chunks) = sync_channel(AHEAD);
        let sha256_of_whole = scope.spawn(move || lane::<Sha256, Md5>(&chunks));
        let mut done = 0;
        while done < length {
            let part_end = (done / part_bytes + 1).saturating_mul(part_bytes).min(length);
            let mut bytes = vec![0; CHUNK.min(part_end - done) as usize];
            file.read_exact_at(&mut bytes, offset + done)?;
            done += bytes.len() as u64;
            let bytes = Arc::new(bytes);
            for lane in [&first, &second] {
                lane.send((Arc::clone(&bytes), done == part_end)).map_err(io::Error::other)?;
            }
        }
        drop((first, second));
        let panicked = |_| io::Error::other("a thread that hashes panicked");
        let (md5, sha256_of_parts) = md5_of_whole.join().map_err(panicked)?;
        let (sha256, md5_of_parts) = sha256_of_whole.join().map_err(panicked)?;
        let parts = md5_of_parts.into_iter().zip(sha256_of_parts);
        let parts = parts.map(|(md5, sha256)| Digests { md5: md5.into(), sha256: sha256.into() }).collect();
        Ok((Digests { md5: md5.into(), sha256: sha256.into() }, parts))
    })
}

/// One digest of everything and one of each part.
fn lane<Whole: Digest, Part: Digest>(chunks: &Receiver<Chunk>) -> (Output<Whole>, Vec<Output<Part>>) {
    let (mut whole, mut part, mut parts) = (Whole::new(), Part::new(), Vec::new());
    for (bytes, ends_part) in chunks {
        update_both(&mut whole, &mut part, &bytes);
        if ends_part {
            parts.push(std::mem::replace(&mut part, Part::new()).finalize());
        }
    }
    (whole.finalize(), parts)
}
