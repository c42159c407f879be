//! On what a folder lies: enough to notice that another volume was mounted in its place, or none.

use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt as _;

use serde::{Deserialize, Serialize};

/// Device and file system under a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// Device number; may change when the machine starts again.
    pub device: u64,
    /// The file system's id (`f_fsid`), which lasts as long as it does; 0 where it has none.
    pub filesystem: u64,
}

impl Volume {
    /// The volume of an open folder.
    pub(super) fn of(folder: impl AsFd) -> std::io::Result<Volume> {
        let filesystem = rustix::fs::fstatvfs(&folder)?.f_fsid;
        let device = std::fs::File::from(folder.as_fd().try_clone_to_owned()?).metadata()?.dev();
        Ok(Volume { device, filesystem })
    }

    /// Whether it is the same: by either number, since the device's changes with a restart, and some file systems' ids do.
    pub fn is_same(&self, other: &Volume) -> bool {
        self.device == other.device || (self.filesystem != 0 && self.filesystem == other.filesystem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_volume_differs_in_both_numbers() {
        let one = Volume { device: 1, filesystem: 7 };
        assert!(one.is_same(&Volume { device: 2, ..one }) && one.is_same(&Volume { filesystem: 8, ..one }));
        assert!(!one.is_same(&Volume { device: 2, filesystem: 8 }));
        let nameless = Volume { filesystem: 0, ..one };
        assert!(!nameless.is_same(&Volume { device: 2, filesystem: 0 }));
    }

    #[test]
    fn a_folder_lies_on_the_volume_of_the_folder_above() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        std::fs::create_dir(&inner).unwrap();
        let of = |path| Volume::of(std::fs::File::open(path).unwrap()).unwrap();
        assert_eq!(of(folder.path()), of(&inner));
    }
}
