//! What a folder lies on, for people: mount point, file system, free space; and whether this user may write there.
//!
//! In: a folder. Out: [`Mount`]. Looks only: writes nothing, also not to find out whether it could.

use std::fmt;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD};

use crate::bytes::ByteSize;

/// The file system under a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Where it is mounted.
    pub point: PathBuf,
    /// Its type and what it was made from, such as `ext4, /dev/sdb1`; `None` where the kernel does not say (no Linux).
    pub kind: Option<String>,
    /// What a user who is not root may still write.
    pub free: ByteSize,
}

impl Mount {
    /// What `folder` lies on.
    pub fn of(folder: &Path) -> std::io::Result<Mount> {
        let folder = folder.canonicalize()?;
        let device = folder.metadata()?.dev();
        let is_same = |path: &Path| path.metadata().is_ok_and(|metadata| metadata.dev() == device);
        let point = folder.ancestors().take_while(|path| is_same(path)).last().unwrap_or(&folder).to_owned();
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let space = rustix::fs::statvfs(&folder)?;
        let free = ByteSize(space.f_bavail.saturating_mul(space.f_frsize));
        Ok(Mount { kind: kind_of(&mounts, &point), point, free })
    }
}

impl fmt::Display for Mount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind.as_ref().map(|kind| format!(" ({kind})")).unwrap_or_default();
        write!(f, "mount point {}{kind}, {} free", self.point.display(), self.free)
    }
}

/// Type and source of what is mounted at `point`, last; the lines are those of proc(5), `mountinfo`.
fn kind_of(mounts: &str, point: &Path) -> Option<String> {
    let mounted_here = |line: &&str| line.split(' ').nth(4).is_some_and(|at| Path::new(&unescaped(at)) == point);
    let (_, mounted) = mounts.lines().rfind(mounted_here)?.split_once(" - ")?;
    let mut fields = mounted.split(' ');
    Some(format!("{}, {}", fields.next()?, unescaped(fields.next()?)))
}

/// White space and backslashes stand there as `\040` and the like.
fn unescaped(text: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(text.to_owned(), |text, (escape, plain)| text.replace(escape, plain))
}

/// Whether this user may make and remove files in the folder; fails with what speaks against it.
pub fn check_writable(folder: &Path) -> std::io::Result<()> {
    let asked = Access::WRITE_OK | Access::EXEC_OK;
    Ok(rustix::fs::accessat(CWD, folder, asked, AtFlags::EACCESS)?)
}

/// Whether this user may write the file.
pub fn check_writable_file(file: &Path) -> std::io::Result<()> {
    Ok(rustix::fs::accessat(CWD, file, Access::WRITE_OK, AtFlags::EACCESS)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_mount_of_a_point_counts_and_escapes_are_read() {
        let mounts = "1 0 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n\
                      2 1 8:2 / /srv/my\\040logs rw - xfs /dev/sdb1 rw\n\
                      3 1 0:9 / /srv/my\\040logs rw - nfs4 host:/export rw\n";
        assert_eq!(kind_of(mounts, Path::new("/srv/my logs")).as_deref(), Some("nfs4, host:/export"));
        assert_eq!(kind_of(mounts, Path::new("/")).as_deref(), Some("ext4, /dev/sda1"));
        assert_eq!(kind_of(mounts, Path::new("/srv")), None);
        assert_eq!(kind_of("", Path::new("/")), None);
    }

    #[test]
    fn a_folder_lies_where_the_folder_above_it_does() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        std::fs::create_dir(&inner).unwrap();
        assert_eq!(Mount::of(&inner).unwrap().point, Mount::of(folder.path()).unwrap().point);
        assert!(check_writable(&inner).is_ok() && check_writable(Path::new("/nowhere/at/all")).is_err());
    }
}
