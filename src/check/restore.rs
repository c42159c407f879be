//! Brings the files of a run back into a folder.
//!
//! In: a run of the archive. Out: `{folder}/{pipeline}/{run id}/` with its files, the manifest last. A file has its name only
//! once it is whole, synced, and what manifest and receipt say; nothing is written anywhere else.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::contents::{Contents, off_thread};
use super::{InArchive, explained};
use crate::archive::{Bucket, MANIFEST, run_folder};
use crate::bytes::ByteSize;
use crate::error::{Error, Kind, Result, Warning};
use crate::folder::Folder;
use crate::run::RunId;

/// What is to be done with existing files, and with logs that were cut.
#[derive(Clone)]
pub struct Restorer {
    /// The archive.
    pub bucket: Bucket,
    /// Where the files go.
    pub folder: Folder,
    /// Whether what was cut off logs stays in pieces.
    pub raw: bool,
    /// Whether other files are overwritten.
    pub overwrite: bool,
}

/// A file that is back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoredFile {
    /// Its name.
    pub name: String,
    /// Its length.
    pub bytes: ByteSize,
    /// Whether it was there before, byte for byte.
    pub was_there: bool,
}

/// A run that is back.
#[derive(Debug)]
pub struct Restored {
    /// Its id.
    pub run: RunId,
    /// Its pipeline.
    pub pipeline: String,
    /// Where its files are.
    pub folder: PathBuf,
    /// Its files.
    pub files: Vec<RestoredFile>,
    /// What an operator should know.
    pub warnings: Vec<Warning>,
}

impl Restorer {
    /// Brings every file back that is whole; says what went wrong with the others.
    pub async fn restore(&self, found: &InArchive) -> Result<Restored, Vec<Error>> {
        let one = |error| vec![explained(error)];
        let contents = Contents::read(&self.bucket, found).await.map_err(one)?;
        let folder = self.folder.below(Path::new(&run_folder("", &contents.pipeline, &contents.run))).map_err(one)?;
        let mut warnings = Vec::new();
        if contents.is_live() {
            warnings.push(heads_only(&contents.run));
        }
        let (mut files, mut errors) = (Vec::new(), Vec::new());
        for part in contents.parts(!self.raw && !contents.is_live()) {
            match part.fetch(&self.bucket, &folder, &part.name, self.overwrite).await {
                Ok(was_there) => files.push(RestoredFile { bytes: part.bytes(), name: part.name, was_there }),
                Err(error) => errors.push(with_hint(explained(error))),
            }
        }
        if errors.is_empty() {
            match self.put_manifest(&folder, &contents).await {
                Ok(file) => files.push(file),
                Err(error) => errors.push(with_hint(error)),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let Contents { run, pipeline, .. } = contents;
        Ok(Restored { run, pipeline, folder: folder.path().to_owned(), files, warnings })
    }

    /// The manifest comes last: its presence says that the folder is complete.
    async fn put_manifest(&self, folder: &Folder, contents: &Contents) -> Result<RestoredFile> {
        let (folder, bytes, overwrite) = (folder.clone(), contents.bytes.clone(), self.overwrite);
        let modified = contents.archived_at();
        let length = ByteSize(bytes.len() as u64);
        let write = move || {
            if let Some(file) = folder.file(MANIFEST)? {
                let mut there = Vec::new();
                // One more byte than it should have, so that a longer one is another one.
                let is_read = file.take(length.0 + 1).read_to_end(&mut there).is_ok();
                if is_read && there == bytes {
                    return Ok(true);
                }
                if !overwrite {
                    return Err(folder.exists(MANIFEST));
                }
            }
            let aside = folder.aside(MANIFEST)?;
            aside.file().write_all(&bytes).map_err(|error| aside.failed(error))?;
            aside.settle(modified, overwrite)?;
            Ok(false)
        };
        let was_there = off_thread(write).await?;
        Ok(RestoredFile { name: MANIFEST.to_owned(), bytes: length, was_there })
    }
}

/// Only heads of the log are there.
pub(super) fn heads_only(run: &RunId) -> Warning {
    let message = format!(
        "run {run}: its log went on in the live instance when it was archived; only what was cut off it until then is in \
         the archive"
    );
    Warning::new("heads_only", message)
}

fn with_hint(error: Error) -> Error {
    match error.kind {
        Kind::FileExists => error.hint("it is left alone; --overwrite replaces it, another --to leaves both"),
        _ => error,
    }
}
