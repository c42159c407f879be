//! Where an oversized log is cut: at the first line that begins within the last bytes that are kept.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use super::proof::Cut;
use crate::bytes::ByteSize;

const CHUNK: usize = 64 << 10;

/// Finds the cut such that at most `kept` bytes stay. Blocks.
pub(super) fn find_cut(file: &File, size: ByteSize, kept: ByteSize) -> io::Result<Cut> {
    // The byte before the first one that may stay: if it ends a line, the next begins one.
    let mut at = size.0.saturating_sub(kept.0).saturating_sub(1);
    let mut buffer = vec![0; CHUNK];
    while at < size.0 {
        let read = file.read_at(&mut buffer, at)?;
        if read == 0 {
            break;
        }
        if let Some(end) = buffer.iter().take(read).position(|byte| *byte == b'\n') {
            let begin = at + end as u64 + 1;
            return Ok(if begin < size.0 { Cut::Before(begin) } else { Cut::Whole });
        }
        at += read as u64;
    }
    Ok(Cut::Whole)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn cut(text: &[u8], kept: u64) -> Cut {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text).unwrap();
        find_cut(&file, ByteSize(text.len() as u64), ByteSize(kept)).unwrap()
    }

    #[test]
    fn the_cut_is_where_a_line_begins_and_no_more_stays_than_allowed() {
        assert_eq!(cut(b"aa\nbb\ncc\n", 3), Cut::Before(6));
        assert_eq!(cut(b"aa\nbb\ncc\n", 4), Cut::Before(6));
        assert_eq!(cut(b"aa\nbb\ncc\n", 6), Cut::Before(3));
        assert_eq!(cut(b"aa\nbb\ncc", 2), Cut::Before(6));
    }

    #[test]
    fn a_log_in_which_no_line_begins_in_time_goes_as_a_whole() {
        assert_eq!(cut(b"aa\nbb\ncccc\n", 4), Cut::Whole);
        assert_eq!(cut(&vec![b'x'; 200_000], 100_000), Cut::Whole);
    }

    proptest::proptest! {
        #[test]
        fn heads_and_tail_are_the_log(text in "[ab\n]{1,60}", kept in 1u64..60) {
            let text = text.as_bytes();
            if let Cut::Before(at) = cut(text, kept) {
                let (head, tail) = text.split_at(at as usize);
                proptest::prop_assert!(head.ends_with(b"\n") && !tail.is_empty() && tail.len() as u64 <= kept);
            }
        }
    }
}
