//! Brings a whole run back into the instance: log and metrics to their places, row and cells into the database.
//!
//! In: a run of the archive. Out: the run as Fast-Flow knew it, without the values of `env_vars`, which were never archived.
//! Overwrites no file and no row; what fails leaves nothing behind.

use std::io::{BufReader, Seek as _};
use std::path::{Path, PathBuf};

use super::contents::{Contents, Part};
use super::restore::heads_only;
use super::{InArchive, Restored, RestoredFile, explained};
use crate::archive::{Bucket, CELLS};
use crate::error::{Error, Kind, Result, Warning};
use crate::fastflow::{FileName, LogsDir, Store};
use crate::folder::Folder;
use crate::ledger::Ledger;
use crate::time::Clock;

/// The instance that a run goes back to.
pub struct Instance {
    /// Its database, for writing.
    pub store: Box<dyn Store>,
    /// Its log directory.
    pub logs: LogsDir,
    /// The record of it.
    pub ledger: Ledger,
    /// Where cells wait for the database, without a name.
    pub spool_dir: PathBuf,
    /// What time it is.
    pub clock: Clock,
}

/// A file that was put into the log directory by this call.
struct Placed {
    folder: Folder,
    name: String,
}

impl Instance {
    /// Brings the run back.
    pub async fn restore(&mut self, bucket: &Bucket, found: &InArchive) -> Result<Restored, Vec<Error>> {
        let mut placed = Vec::new();
        let restored = self.try_restore(bucket, found, &mut placed).await;
        restored.map_err(|error| {
            let back = placed.iter().filter_map(|placed: &Placed| placed.folder.take_back(&placed.name).err());
            std::iter::once(explained(error)).chain(back).collect()
        })
    }

    async fn try_restore(&mut self, bucket: &Bucket, found: &InArchive, placed: &mut Vec<Placed>) -> Result<Restored> {
        let contents = Contents::read(bucket, found).await?;
        let run = contents.run;
        if self.store.has(&run)? {
            return Err(Error::new(Kind::RunExists, format!("restore run {run}: the database has it"))
                .hint("--to-instance brings back runs that are gone; --to DIR brings the files of any"));
        }
        let mut warnings = Vec::new();
        if contents.is_live() {
            warnings.push(heads_only(&run));
        }
        let (mut files, mut cells) = (Vec::new(), None);
        for part in contents.parts(true) {
            if part.name == CELLS {
                cells = Some(self.spool(bucket, &part).await?);
                continue;
            }
            let (folder, name) = self.place(&contents, &part, &mut warnings)?;
            let was_there = part.fetch(bucket, &folder, &name, false).await.map_err(with_hint)?;
            if !was_there {
                placed.push(Placed { folder, name });
            }
            files.push((part.path.clone(), RestoredFile { bytes: part.bytes(), name: part.name, was_there }));
        }
        let paths: Vec<String> = files.iter().filter_map(|(path, _)| path.clone()).collect();
        let Instance { store, ledger, clock, .. } = self;
        let mut record = || {
            let rule = &contents.manifest.rule;
            ledger.record_restored(&run, &contents.pipeline, rule, paths.clone(), clock.now())
        };
        let columns = &contents.manifest.run;
        match cells {
            Some(cells) => store.restore(&run, columns, &mut BufReader::new(cells), &mut record)?,
            None => store.restore(&run, columns, &mut std::io::empty(), &mut record)?,
        }
        let files = files.into_iter().map(|(_, file)| file).collect();
        let folder = self.logs.path().to_owned();
        Ok(Restored { run, pipeline: contents.pipeline.clone(), folder, files, warnings })
    }

    /// Where a file was, below the log directory.
    fn place(&self, contents: &Contents, part: &Part, warnings: &mut Vec<Warning>) -> Result<(Folder, String)> {
        let run = contents.run;
        let path = part.path.as_deref().and_then(|path| self.logs.relative(path)).ok_or_else(|| {
            Error::new(
                Kind::OutsideLogsDir,
                format!("restore `{}` of run {run}: its manifest has no path below the log directory", part.name),
            )
            .hint("--to DIR brings its files into a folder")
        })?;
        if part.name == FileName::Log.as_str() {
            let stored = contents.manifest.run.get("log_file").and_then(serde_json::Value::as_str).unwrap_or_default();
            if self.logs.locate(stored).ok().as_ref() != Some(&path) {
                let message =
                    format!("run {run}: its row leads to another place than its log was at; check --path-map");
                warnings.push(Warning::new("log_elsewhere", message));
            }
        }
        let name = path.as_path().file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let folder = self.logs.folder()?.below(path.as_path().parent().unwrap_or(Path::new("")))?;
        Ok((folder, name))
    }

    /// The cells, from their first byte on.
    async fn spool(&self, bucket: &Bucket, part: &Part) -> Result<std::fs::File> {
        let failed = |error| Error::caused(Kind::WriteFailed, "keep the notebook cells for a moment", error);
        let mut file = tempfile::tempfile_in(&self.spool_dir).map_err(failed)?;
        part.stream(bucket, &mut &file, &failed).await?;
        file.rewind().map_err(failed)?;
        Ok(file)
    }
}

fn with_hint(error: Error) -> Error {
    match error.kind {
        Kind::FileExists => error.hint("it is left alone; move it away first, or use --to DIR"),
        _ => error,
    }
}
