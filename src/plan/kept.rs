//! The due runs of a plan, kept until their turn comes: packed, in memory while they are few, then in a file without a name.
//!
//! In: due runs, the oldest first. Out: the same, unchanged, and what they are together. A hundred thousand take as little
//! memory as a thousand.

use std::io::{self, BufReader, Read, Seek, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use tempfile::SpooledTempFile;

use super::{Backlog, PlannedRun};
use crate::error::{Error, Kind, Result};
use crate::run::RunId;

/// Packed runs up to here wait in memory: some two thousand.
const IN_MEMORY: usize = 256 << 10;

/// What there is to know of due runs together.
#[derive(Debug, Default)]
pub struct Totals {
    /// How much it is.
    pub backlog: Backlog,
    /// Of how many only the log is cut.
    pub cuts: usize,
    /// Those whose logs are not there.
    pub without_log: Vec<RunId>,
}

impl Totals {
    fn add(&mut self, more: Totals) {
        self.backlog += more.backlog;
        self.cuts += more.cuts;
        self.without_log.extend(more.without_log);
    }
}

/// Some due runs, packed by whoever found them.
#[derive(Debug, Default)]
pub(super) struct Packed {
    bytes: Vec<u8>,
    totals: Totals,
}

impl Packed {
    /// Adds a run.
    pub(super) fn push(&mut self, planned: &PlannedRun) -> Result<()> {
        let packed = postcard::to_stdvec(planned)
            .map_err(|error| Error::caused(Kind::Internal, format!("pack run {}", planned.run.id), error))?;
        self.bytes.extend_from_slice(&(packed.len() as u64).to_le_bytes());
        self.bytes.extend_from_slice(&packed);
        self.totals.add(Totals {
            backlog: Backlog::of(&planned.run, planned.bytes()),
            cuts: usize::from(planned.is_cut()),
            without_log: planned.missing_log.iter().map(|_| planned.run.id).collect(),
        });
        Ok(())
    }
}

/// The due runs of a plan.
#[derive(Debug)]
pub struct KeptRuns {
    packed: SpooledTempFile,
    folder: PathBuf,
    totals: Totals,
}

/// Without a folder, all of them stay in memory.
impl Default for KeptRuns {
    fn default() -> Self {
        KeptRuns { packed: SpooledTempFile::new(usize::MAX), folder: PathBuf::new(), totals: Totals::default() }
    }
}

impl KeptRuns {
    /// None yet; many will wait in a file in `folder`.
    pub(super) fn in_folder(folder: &Path) -> KeptRuns {
        KeptRuns {
            packed: SpooledTempFile::new_in(IN_MEMORY, folder),
            folder: folder.to_owned(),
            totals: Totals::default(),
        }
    }

    /// Adds runs after those that are there.
    pub(super) fn add(&mut self, more: Packed) -> Result<()> {
        let written = self.packed.seek(SeekFrom::End(0)).and_then(|_| self.packed.write_all(&more.bytes));
        written.map_err(|error| failed("keep", &self.folder, error))?;
        self.totals.add(more.totals);
        Ok(())
    }

    /// What they are together.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// All of them, the oldest first; an error is the last.
    pub fn iter(&mut self) -> impl Iterator<Item = Result<PlannedRun>> {
        unpack(&mut self.packed, &self.folder, self.totals.backlog.runs)
    }
}

impl IntoIterator for KeptRuns {
    type Item = Result<PlannedRun>;
    type IntoIter = Box<dyn Iterator<Item = Result<PlannedRun>> + Send>;

    fn into_iter(self) -> Self::IntoIter {
        Box::new(unpack(self.packed, self.folder, self.totals.backlog.runs))
    }
}

/// Reads so many runs from the beginning on.
fn unpack(
    packed: impl Read + Seek,
    folder: impl AsRef<Path>,
    mut left: usize,
) -> impl Iterator<Item = Result<PlannedRun>> {
    let mut file = BufReader::new(packed);
    let mut begun = file.rewind();
    std::iter::from_fn(move || {
        left = left.checked_sub(1)?;
        let read = std::mem::replace(&mut begun, Ok(())).and_then(|()| unpack_one(&mut file));
        if read.is_err() {
            left = 0;
        }
        Some(read.map_err(|error| failed("read", folder.as_ref(), error)))
    })
}

fn unpack_one(file: &mut impl Read) -> io::Result<PlannedRun> {
    let mut length = [0; 8];
    file.read_exact(&mut length)?;
    let mut packed = Vec::new();
    file.take(u64::from_le_bytes(length)).read_to_end(&mut packed)?;
    postcard::from_bytes(&packed).map_err(io::Error::other)
}

fn failed(what: &str, folder: &Path, error: io::Error) -> Error {
    let context = format!("{what} the plan in a file without a name in `{}`", folder.display());
    Error::caused(Kind::LedgerFailed, context, error)
        .hint("it takes some hundred bytes a run there until it is spent; is the disk full?")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::ByteSize;
    use crate::fastflow::LogsDir;
    use crate::plan::Reason;
    use crate::run::{Run, Status};
    use crate::time::Timestamp;

    fn planned(number: u16, logs: &LogsDir) -> PlannedRun {
        let mut id = [0; 16];
        id[..2].copy_from_slice(&number.to_be_bytes());
        let at = Timestamp::from_micros(i64::from(number) - 300);
        let run = Run {
            id: id.into(),
            pipeline: "Täglicher-Import".into(),
            status: Status::Warning,
            started_at: at,
            finished_at: number.is_multiple_of(2).then_some(at),
            position: i64::MIN + i64::from(number),
        };
        let reason = Reason { over_age: Some((31, 30)), ..Reason::default() };
        let paths = crate::fastflow::Paths {
            log: logs.path().join(if number == 0 { "there" } else { "gone" }).to_string_lossy().into_owned(),
            metrics: Some(logs.path().join("there").to_string_lossy().into_owned()),
        };
        let found = logs.find(&run.id, &paths, None).unwrap();
        PlannedRun { run, reason, files: found.files, missing_log: found.missing_log }
    }

    #[test]
    fn what_is_kept_is_read_again_unchanged_from_memory_and_from_a_file() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("there"), "x").unwrap();
        let logs = LogsDir::open(folder.path(), &[]).unwrap();
        let in_file = KeptRuns { packed: SpooledTempFile::new_in(1000, folder.path()), ..KeptRuns::default() };
        for mut kept in [KeptRuns::default(), KeptRuns::in_folder(folder.path()), in_file] {
            let all: Vec<_> = (0..300).map(|number| planned(number, &logs)).collect();
            for some in all.chunks(7) {
                let mut packed = Packed::default();
                some.iter().for_each(|planned| packed.push(planned).unwrap());
                kept.add(packed).unwrap();
            }
            let totals = kept.totals();
            assert_eq!((totals.backlog.runs, totals.backlog.bytes, totals.cuts), (300, ByteSize(301), 0));
            assert_eq!((totals.backlog.oldest, totals.without_log.len()), (Some(Timestamp::from_micros(-300)), 299));
            // Some, all, all again.
            assert_eq!(kept.iter().take(2).collect::<Result<Vec<_>>>().unwrap(), all[..2]);
            for _ in 0..2 {
                assert_eq!(kept.iter().collect::<Result<Vec<_>>>().unwrap(), all);
            }
            assert_eq!(kept.into_iter().collect::<Result<Vec<_>>>().unwrap(), all);
        }
    }

    #[test]
    fn a_file_that_lost_its_end_is_an_error_once() {
        let mut kept = KeptRuns::default();
        let folder = tempfile::tempdir().unwrap();
        let logs = LogsDir::open(folder.path(), &[]).unwrap();
        let mut packed = Packed::default();
        (1..4).for_each(|number| packed.push(&planned(number, &logs)).unwrap());
        packed.bytes.truncate(packed.bytes.len() - 1);
        kept.add(packed).unwrap();
        let read: Vec<_> = kept.into_iter().map(|planned| planned.map_err(|error| error.kind)).collect();
        assert_eq!(read.len(), 3);
        assert_eq!(read[2].as_ref().err(), Some(&Kind::LedgerFailed));
    }
}
