//! Lines for systemd's journal: each begins with its priority (`<3>` error, `<4>` warning), where stderr is the journal.
//!
//! In: lines as every other reader gets them. Out: the same with a prefix. systemd names the journal's socket in
//! `JOURNAL_STREAM`; only where that is our stderr is the prefix understood, elsewhere it would be noise.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::os::fd::AsFd;

/// Whether `stream` is the one that systemd connected to the journal: `JOURNAL_STREAM` holds its device and inode.
pub(super) fn is_journal(environment: &BTreeMap<String, String>, stream: impl AsFd) -> bool {
    let Some(named) = environment.get("JOURNAL_STREAM") else { return false };
    rustix::fs::fstat(stream).is_ok_and(|stat| *named == format!("{}:{}", stat.st_dev, stat.st_ino))
}

/// Writes whole lines, each with the priority of the message it belongs to.
pub(super) struct Journal<W: Write> {
    inner: W,
    line: Vec<u8>,
    priority: u8,
}

impl<W: Write> Journal<W> {
    pub(super) fn new(inner: W) -> Self {
        Journal { inner, line: Vec::new(), priority: 6 }
    }

    fn end_line(&mut self) -> io::Result<()> {
        // A line that begins with neither, such as a hint, belongs to the message before it.
        if self.line.starts_with(b"error:") {
            self.priority = 3;
        } else if self.line.starts_with(b"warning:") {
            self.priority = 4;
        }
        write!(self.inner, "<{}>", self.priority)?;
        self.inner.write_all(&self.line)?;
        self.line.clear();
        self.inner.flush()
    }
}

impl<W: Write> Write for Journal<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(line);
            if line.ends_with(b"\n") {
                self.end_line()?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.line.is_empty() { Ok(()) } else { self.end_line() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_has_the_priority_of_its_message() {
        let mut written = Vec::new();
        let mut journal = Journal::new(&mut written);
        write!(journal, "error: failed to ").unwrap();
        write!(journal, "find it\n  hint: look\nwarning: care").unwrap();
        writeln!(journal, "ful\n  hint: on").unwrap();
        journal.flush().unwrap();
        let expected = "<3>error: failed to find it\n<3>  hint: look\n<4>warning: careful\n<4>  hint: on\n";
        assert_eq!(String::from_utf8(written).unwrap(), expected);
    }

    #[test]
    fn only_the_very_stream_is_the_journal() {
        use std::os::unix::fs::MetadataExt as _;
        let file = tempfile::tempfile().unwrap();
        let stat = file.metadata().unwrap();
        let says = |text: String| is_journal(&BTreeMap::from([("JOURNAL_STREAM".to_owned(), text)]), &file);
        assert!(says(format!("{}:{}", stat.dev(), stat.ino())));
        assert!(!says(format!("{}:{}", stat.dev(), stat.ino() + 1)));
        assert!(!says("x".to_owned()) && !is_journal(&BTreeMap::new(), &file));
    }
}
