//! A folder in which files are put, and nowhere else: each step goes by one plain name relative to an open folder, and
//! follows no symlink, so that neither names nor somebody who swaps a folder meanwhile lead out of it.
//!
//! In: a folder, then plain names. Out: [`Aside`] files, which take their places once they are whole and synced. Removes
//! nothing but what it left aside itself.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use crate::error::{Error, Kind, Result};
use crate::printable::shortened;

/// An open folder.
#[derive(Clone)]
pub struct Folder {
    handle: Arc<OwnedFd>,
    path: PathBuf,
}

/// A file that is written beside its place.
pub struct Aside {
    folder: Folder,
    aside: String,
    name: String,
    file: File,
}

/// What a file is called while it is written beside `name`: hidden, and short enough for every file system.
pub fn aside_name(name: &str) -> String {
    // Names have at most 255 bytes, and the file's own may have nearly as many.
    format!(".{}.fastflow-archive", name.get(..name.floor_char_boundary(200)).unwrap_or_default())
}

impl Folder {
    /// Opens a folder, which is made where it is missing. It may be a symlink: whoever names it means where it leads.
    pub fn create(path: &Path) -> Result<Folder> {
        let open = || std::fs::create_dir_all(path).and_then(|()| std::path::absolute(path));
        let opened = open().and_then(|path| Ok((File::open(&path)?, path)));
        let (file, path) = opened.map_err(|error| {
            Error::caused(Kind::WriteFailed, format!("open the folder `{}`", path.display()), error)
                .hint("is it a folder, and may this user write to it?")
        })?;
        Ok(Folder::at(file.into(), path))
    }

    /// An open folder, whose `path` is used in messages only.
    pub fn at(handle: OwnedFd, path: PathBuf) -> Folder {
        Folder { handle: Arc::new(handle), path }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps others that do the same out of it, until the last copy of this is dropped; `false` where one of them is in it.
    /// File systems without locks know of nobody.
    pub fn lock(&self) -> bool {
        let operation = rustix::fs::FlockOperation::NonBlockingLockExclusive;
        rustix::fs::flock(&self.handle, operation) != Err(Errno::WOULDBLOCK)
    }

    /// The folder at the end of a relative path; what is missing on the way is made.
    pub fn below(&self, relative: &Path) -> Result<Folder> {
        let step = |folder: Folder, component| match component {
            Component::Normal(name) => folder.enter(name),
            _ => Err(folder.outside(relative)),
        };
        relative.components().try_fold(self.clone(), step)
    }

    fn enter(&self, name: &OsStr) -> Result<Folder> {
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = || rustix::fs::openat(&self.handle, name, flags, Mode::empty());
        let opened = match open() {
            Err(Errno::NOENT) => match rustix::fs::mkdirat(&self.handle, name, Mode::from_raw_mode(0o777)) {
                Ok(()) | Err(Errno::EXIST) => self.sync().and_then(|()| open()),
                Err(error) => Err(error),
            },
            opened => opened,
        };
        let path = self.path.join(name);
        match opened {
            Ok(handle) => Ok(Folder { handle: Arc::new(handle), path }),
            Err(Errno::NOTDIR | Errno::LOOP) => {
                Err(Error::new(Kind::OutsideFolder, format!("enter `{}`: it is a symlink, or no folder", shown(&path)))
                    .hint("nothing is written through it; look at what lies there"))
            }
            Err(error) => Err(self.failed("enter", name, error.into())),
        }
    }

    /// A regular file for reading; `None` where there is nothing.
    pub fn file(&self, name: &str) -> Result<Option<File>> {
        self.check(name)?;
        // A pipe that lies there is not waited for.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(&self.handle, name, flags, Mode::empty()) {
            Ok(handle) => Some(File::from(handle)),
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP | Errno::NXIO) => None,
            Err(error) => return Err(self.failed("open", OsStr::new(name), error.into())),
        };
        match file {
            Some(file) if file.metadata().is_ok_and(|metadata| metadata.is_file()) => Ok(Some(file)),
            _ => Err(Error::new(
                Kind::NotARegularFile,
                format!("write `{}`: what lies there is no regular file", shown(&self.path.join(name))),
            )
            .hint("it is left alone; look at what lies there")),
        }
    }

    /// Begins a file beside its place; what a call that was cut off left there is replaced.
    pub fn aside(&self, name: &str) -> Result<Aside> {
        self.check(name)?;
        let aside = aside_name(name);
        let _ = rustix::fs::unlinkat(&self.handle, &*aside, AtFlags::empty());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match rustix::fs::openat(&self.handle, &*aside, flags, Mode::from_raw_mode(0o666)) {
            Ok(handle) => Ok(Aside { folder: self.clone(), aside, name: name.to_owned(), file: handle.into() }),
            Err(error) => Err(self.failed("write", OsStr::new(&aside), error.into())),
        }
    }

    /// Removes a file that was put here a moment ago.
    pub fn take_back(&self, name: &str) -> Result<()> {
        self.check(name)?;
        let removed = rustix::fs::unlinkat(&self.handle, name, AtFlags::empty());
        removed.map_err(|error| self.failed("remove", OsStr::new(name), error.into()))
    }

    fn check(&self, name: &str) -> Result<()> {
        let mut components = Path::new(name).components();
        match (components.next(), components.next()) {
            (Some(Component::Normal(only)), None) if only == name => Ok(()),
            _ => Err(self.outside(Path::new(name))),
        }
    }

    fn outside(&self, relative: &Path) -> Error {
        let message = format!("write `{}` into `{}`: it is no plain name", shown(relative), self.path.display());
        Error::new(Kind::OutsideFolder, message).hint("nothing is written outside the folder")
    }

    fn sync(&self) -> Result<(), Errno> {
        match rustix::fs::fsync(&self.handle) {
            // Some network file systems cannot sync a folder, and keep it in step by themselves.
            Err(Errno::INVAL | Errno::NOTSUP) => Ok(()),
            synced => synced,
        }
    }

    fn failed(&self, what: &str, name: &OsStr, error: io::Error) -> Error {
        Error::caused(Kind::WriteFailed, format!("{what} `{}`", shown(&self.path.join(name))), error)
            .hint("is there room on the disk, and may this user write there?")
    }
}

impl AsFd for Folder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }
}

impl Aside {
    /// The file, for writing.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// An error of writing to it.
    pub fn failed(&self, error: io::Error) -> Error {
        self.folder.failed("write", OsStr::new(&self.name), error)
    }

    /// Puts the file, synced, into its place, where nothing may lie unless it is replaced. Blocks.
    pub fn settle(self, modified: Option<SystemTime>, replace: bool) -> Result<()> {
        let dated = modified.map_or(Ok(()), |modified| self.file.set_modified(modified));
        dated.and_then(|()| self.file.sync_all()).map_err(|error| self.failed(error))?;
        let handle = &self.folder.handle;
        let (from, to) = (&*self.aside, &*self.name);
        let flags = if replace { RenameFlags::empty() } else { RenameFlags::NOREPLACE };
        let renamed = match rustix::fs::renameat_with(handle, from, handle, to, flags) {
            // A file system that cannot do both in one step.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                match rustix::fs::statat(handle, to, AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(_) if !replace => Err(Errno::EXIST),
                    _ => rustix::fs::renameat(handle, from, handle, to),
                }
            }
            renamed => renamed,
        };
        match renamed.and_then(|()| self.folder.sync()) {
            Ok(()) => Ok(()),
            Err(Errno::EXIST) => Err(self.folder.exists(to)),
            Err(error) => Err(self.failed(error.into())),
        }
    }
}

impl Folder {
    /// Another file has this name.
    pub fn exists(&self, name: &str) -> Error {
        Error::new(Kind::FileExists, format!("write `{}`: another file is there", shown(&self.path.join(name))))
    }
}

impl Drop for Aside {
    /// What did not get into its place is nothing.
    fn drop(&mut self) {
        let _ = rustix::fs::unlinkat(&self.folder.handle, &*self.aside, AtFlags::empty());
    }
}

fn shown(path: &Path) -> String {
    shortened(&path.to_string_lossy()).escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn write(folder: &Folder, name: &str, bytes: &[u8], replace: bool) -> Result<()> {
        let aside = folder.aside(name)?;
        aside.file().write_all(bytes).unwrap();
        aside.settle(None, replace)
    }

    #[test]
    fn nothing_is_written_outside_and_no_symlink_is_followed() {
        let parent = tempfile::tempdir().unwrap();
        let folder = Folder::create(&parent.path().join("to")).unwrap();
        std::os::unix::fs::symlink("..", folder.path().join("up")).unwrap();
        std::os::unix::fs::symlink("../file", folder.path().join("link")).unwrap();
        for path in ["..", "a/../..", "/etc", "up", "up/x", "./../x"] {
            assert_eq!(
                folder.below(Path::new(path)).err().map(|error| error.kind),
                Some(Kind::OutsideFolder),
                "{path}"
            );
        }
        for name in ["", ".", "..", "a/b", "/a", "a/", "../a"] {
            assert_eq!(write(&folder, name, b"x", true).unwrap_err().kind, Kind::OutsideFolder, "{name}");
            assert_eq!(folder.file(name).unwrap_err().kind, Kind::OutsideFolder, "{name}");
        }
        assert_eq!(folder.file("link").unwrap_err().kind, Kind::NotARegularFile);
        write(&folder, "link", b"x", true).unwrap();
        let names: Vec<_> = std::fs::read_dir(parent.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["to"], "a link is replaced and not written through");
    }

    #[test]
    fn a_file_is_there_whole_or_not_at_all_and_replaced_only_on_demand() {
        let parent = tempfile::tempdir().unwrap();
        let folder = Folder::create(parent.path()).unwrap().below(Path::new("a/b")).unwrap();
        let names = || std::fs::read_dir(parent.path().join("a/b")).unwrap().count();
        drop(folder.aside("log").unwrap());
        assert_eq!(names(), 0);
        write(&folder, "log", b"one", false).unwrap();
        assert_eq!(write(&folder, "log", b"two", false).unwrap_err().kind, Kind::FileExists);
        assert_eq!(std::fs::read(parent.path().join("a/b/log")).unwrap(), b"one");
        write(&folder, "log", b"two", true).unwrap();
        assert_eq!((std::fs::read(parent.path().join("a/b/log")).unwrap().as_slice(), names()), (&b"two"[..], 1));
    }
}
