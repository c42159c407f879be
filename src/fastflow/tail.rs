//! A log that is too long, cut: its tail takes its place.
//!
//! In: a planned log, and from where on it is kept. Out: the same name with the tail in it, or the old log, whole.

use std::io;
use std::os::unix::fs::{MetadataExt as _, fchown};

use cap_std::fs::OpenOptions;

use super::file::{FileName, Identity, LogPath, OpenedFile, PlannedFile};
use super::logs::LogsDir;
use crate::error::{Error, Kind, Result};
use crate::fail_point;
use crate::folder::aside_name;

impl LogsDir {
    /// Replaces a file by its bytes from `from` on, if it still is the same: written aside, synced, renamed; owner, mode and
    /// modification time stay. Should anything fail, the old file is there.
    pub fn keep_tail(&self, path: &LogPath, identity: &Identity, from: u64) -> Result<()> {
        let planned = PlannedFile { name: FileName::Log, path: path.clone(), identity: *identity };
        let opened = self.open_planned(&planned)?;
        let aside = aside(path);
        let written = self.write_tail(&opened, &aside, from);
        fail_point::reached("tail-written-aside");
        let renamed = written.map_err(|error| self.uncut(path, error)).and_then(|()| {
            self.check_unchanged(path, identity)?;
            self.root.rename(aside.as_path(), &self.root, path.as_path()).map_err(|error| self.uncut(path, error))
        });
        match renamed {
            Ok(()) => {
                fail_point::reached("tail-renamed");
                self.sync_folders([path])
            }
            Err(error) => {
                drop(self.root.remove_file(aside.as_path()));
                Err(error)
            }
        }
    }

    fn uncut(&self, path: &LogPath, error: io::Error) -> Error {
        Error::caused(Kind::CutFailed, format!("cut `{}`", self.shown(path)), error)
            .hint("the old log is still there, whole; is the disk full?")
    }

    fn write_tail(&self, opened: &OpenedFile, aside: &LogPath, from: u64) -> io::Result<()> {
        // What a call left behind that was cut off; and nothing that somebody put there is written through.
        drop(self.root.remove_file(aside.as_path()));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        let target = self.root.open_with(aside.as_path(), &options)?.into_std();
        let metadata = opened.file.metadata()?;
        let mut source = &opened.file;
        io::Seek::seek(&mut source, io::SeekFrom::Start(from))?;
        let copied = io::copy(&mut io::Read::take(source, opened.identity.size.0.saturating_sub(from)), &mut &target)?;
        if copied != opened.identity.size.0.saturating_sub(from) {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the log got shorter"));
        }
        target.set_permissions(metadata.permissions())?;
        fchown(&target, Some(metadata.uid()), Some(metadata.gid()))?;
        target.set_modified(metadata.modified()?)?;
        target.sync_all()
    }
}

/// Where the tail of a log is written before it takes the log's place: beside it, so that a rename suffices.
pub(super) fn aside(path: &LogPath) -> LogPath {
    let name = path.as_path().file_name().unwrap_or_default().to_string_lossy();
    LogPath(path.as_path().with_file_name(aside_name(&name)).into())
}
