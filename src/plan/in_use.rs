//! The files of runs that are active: no other run takes them along, whatever its row says.
//!
//! In: the active runs. Out: [`InUse`], which refuses files by what they are, not by what they are called: a hard
//! link is the same file.

use std::collections::HashMap;

use super::STRETCH;
use crate::error::{Error, Kind, Result};
use crate::fastflow::{LogsDir, PlannedFile, RunFiles, Store};
use crate::run::{Run, RunId};

/// Device and inode of each file, and whose it is.
pub(super) struct InUse(HashMap<(u64, u64), RunId>);

impl InUse {
    /// Looks at the files of these runs. One that has none yet, or none that may be touched, uses none.
    pub(super) fn by(active: &[Run], store: &mut dyn Store, logs: &LogsDir) -> Result<InUse> {
        let mut files = HashMap::new();
        for stretch in active.chunks(STRETCH) {
            let all = store.paths(&stretch.iter().collect::<Vec<_>>())?;
            for (run, paths) in stretch.iter().zip(all) {
                let found = paths.and_then(|paths| paths.map(|paths| logs.find(&run.id, &paths, None)).transpose());
                let of_run = found.ok().flatten().unwrap_or_default().files;
                files.extend(of_run.iter().map(|file| (number(file), run.id)));
            }
        }
        Ok(InUse(files))
    }

    /// The files, if none of them is in use.
    pub(super) fn judge(&self, found: RunFiles) -> Result<RunFiles> {
        match found.files.iter().find_map(|file| Some((file, self.0.get(&number(file))?))) {
            None => Ok(found),
            Some((file, user)) => {
                let message = format!("use `{}`: it is also a file of run {user}, which is active", file.path);
                Err(Error::new(Kind::FileInUse, message).hint("the run is left alone; correct the row in the database"))
            }
        }
    }

    /// Whether a file is in use.
    pub(super) fn holds(&self, file: &PlannedFile) -> bool {
        self.0.contains_key(&number(file))
    }
}

fn number(file: &PlannedFile) -> (u64, u64) {
    (file.identity.device, file.identity.inode)
}
