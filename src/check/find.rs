//! Which runs are in the archive, and where: by the ledger, or by what lies in the bucket.
//!
//! In: what is asked for. Out: [`InArchive`] runs one by one, however many there are: memory does not grow.

use std::collections::BTreeSet;

use tokio::sync::mpsc::Sender;

use crate::archive::{Bucket, Listed, MANIFEST, Receipt, RunKey, pipeline_folder, service_key};
use crate::bytes::ByteSize;
use crate::error::{Error, Kind, Result};
use crate::ledger::Ledger;
use crate::run::RunId;
use crate::time::Timestamp;

/// What is asked for; empty lists ask for everything.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// These runs.
    pub runs: BTreeSet<RunId>,
    /// Runs of these pipelines.
    pub pipelines: Vec<String>,
    /// Archived at or after this.
    pub since: Option<Timestamp>,
    /// Archived before this.
    pub until: Option<Timestamp>,
}

impl Asked {
    fn covers(&self, at: Timestamp) -> bool {
        self.since.is_none_or(|since| at >= since) && self.until.is_none_or(|until| at < until)
    }
}

/// A run that is completely in the archive.
#[derive(Debug, Clone)]
pub struct InArchive {
    /// Its id.
    pub run: RunId,
    /// Its pipeline; `None` where only the manifest says it.
    pub pipeline: Option<String>,
    /// When: by the ledger, or by the clock of the store.
    pub archived_at: Timestamp,
    /// How many objects it has.
    pub objects: u64,
    /// What they weigh.
    pub bytes: ByteSize,
    /// The folder in the bucket.
    pub folder: String,
    /// The receipt of its manifest, where the ledger has one.
    pub receipt: Option<Receipt>,
}

impl InArchive {
    fn of_ledger(run: RunId, pipeline: Option<String>, heads: &[Receipt], receipts: &[Receipt]) -> Option<InArchive> {
        let manifest = receipts.iter().rfind(|receipt| receipt.name == MANIFEST)?;
        let older = heads.iter().filter(|head| receipts.iter().all(|receipt| receipt.key != head.key));
        let all = || receipts.iter().chain(older.clone());
        Some(InArchive {
            run,
            pipeline,
            archived_at: manifest.at,
            objects: all().count() as u64,
            bytes: all().map(|receipt| receipt.bytes).sum(),
            folder: manifest.key.strip_suffix(MANIFEST)?.trim_end_matches('/').to_owned(),
            receipt: Some(manifest.clone()),
        })
    }
}

/// Finds runs in the ledger, and in the bucket what the ledger does not know.
pub struct Finder {
    /// What is asked for.
    pub asked: Asked,
    /// The ledger, where it counts.
    pub ledger: Option<Ledger>,
    /// The bucket and the prefix in it, where it counts.
    pub bucket: Option<(Bucket, String)>,
}

impl Finder {
    /// Sends every run; gives back those that were asked for by their ids and are nowhere. Ends early where nobody listens.
    pub async fn find(self, found: Sender<InArchive>) -> Result<BTreeSet<RunId>> {
        let Finder { mut asked, ledger, bucket } = self;
        let knows = match ledger {
            None => false,
            Some(ledger) => {
                let (sender, given) = (found.clone(), asked.clone());
                let work = tokio::task::spawn_blocking(move || in_ledger(&ledger, &given, &sender));
                let failed = |error| Error::caused(Kind::Internal, "read the ledger", error);
                let runs = work.await.map_err(failed)??;
                asked.runs.retain(|run| !runs.named.contains(run));
                if runs.named.is_empty() { runs.any } else { asked.runs.is_empty() }
            }
        };
        match bucket {
            Some((bucket, prefix)) if !knows => in_bucket(&bucket, &prefix, &mut asked, &found).await?,
            _ => {}
        }
        Ok(asked.runs)
    }
}

/// What the ledger knew.
struct Known {
    any: bool,
    named: BTreeSet<RunId>,
}

fn in_ledger(ledger: &Ledger, asked: &Asked, found: &Sender<InArchive>) -> Result<Known> {
    let mut known = Known { any: false, named: BTreeSet::new() };
    let heads =
        |run: &RunId| -> Result<Vec<Receipt>> { Ok(ledger.heads(run)?.into_iter().map(|head| head.receipt).collect()) };
    if !asked.runs.is_empty() {
        for run in &asked.runs {
            let Some(recorded) = ledger.recorded(run)? else { continue };
            if let Some(run) = InArchive::of_ledger(*run, None, &heads(run)?, &recorded.receipts) {
                known.named.insert(run.run);
                drop(found.blocking_send(run));
            }
        }
        return Ok(known);
    }
    ledger.each_recorded(|recorded| {
        if found.is_closed() || !(asked.pipelines.is_empty() || asked.pipelines.contains(&recorded.pipeline)) {
            return Ok(());
        }
        let heads = heads(&recorded.run)?;
        let run = InArchive::of_ledger(recorded.run, Some(recorded.pipeline), &heads, &recorded.receipts);
        if let Some(run) = run {
            known.any = true;
            if asked.covers(run.archived_at) {
                drop(found.blocking_send(run));
            }
        }
        Ok(())
    })?;
    Ok(known)
}

/// Lists the bucket; runs that were asked for by their ids and are found are taken off `asked`.
async fn in_bucket(bucket: &Bucket, prefix: &str, asked: &mut Asked, found: &Sender<InArchive>) -> Result<()> {
    let by_id = !asked.runs.is_empty();
    let folders: Vec<(String, Option<String>)> = match asked.pipelines.as_slice() {
        [] => vec![(service_key(prefix, ""), None)],
        names => names.iter().map(|name| (pipeline_folder(prefix, name), Some(name.clone()))).collect(),
    };
    for (folder, pipeline) in folders {
        let mut runs = Grouping { prefix, pipeline: pipeline.map(|name| (folder.clone(), name)), run: None };
        let mut next = None;
        loop {
            let (page, after) = bucket.list_page(&folder, next).await?;
            let mut complete: Vec<InArchive> = page.iter().filter_map(|object| runs.add(object)).collect();
            complete.extend(if after.is_none() { runs.take() } else { None });
            for run in complete {
                let is_asked = if by_id { asked.runs.remove(&run.run) } else { asked.covers(run.archived_at) };
                if is_asked && found.send(run).await.is_err() {
                    return Ok(());
                }
            }
            match after {
                Some(after) if !by_id || !asked.runs.is_empty() => next = Some(after),
                _ => break,
            }
        }
    }
    Ok(())
}

/// Puts the objects of a listing together to runs: those of one folder follow each other.
struct Grouping<'a> {
    prefix: &'a str,
    /// The folder of the pipeline that is asked for, and its name.
    pipeline: Option<(String, String)>,
    run: Option<(InArchive, bool)>,
}

impl Grouping<'_> {
    /// Takes the next object; gives the run that ends before it, if it is complete.
    fn add(&mut self, object: &Listed) -> Option<InArchive> {
        let key = RunKey::read(self.prefix, &object.key)?;
        if self.pipeline.as_ref().is_some_and(|(folder, _)| key.folder != format!("{folder}{}", key.run)) {
            return None;
        }
        let ended = if self.run.as_ref().is_some_and(|(run, _)| run.folder == key.folder) { None } else { self.take() };
        // A store that does not say when it got an object.
        let stored_at = object.stored_at.unwrap_or(Timestamp::from_micros(0));
        let pipeline = || self.pipeline.as_ref().map_or_else(|| key.pipeline(), |(_, name)| Some(name.clone()));
        let (run, is_complete) = self.run.get_or_insert_with(|| {
            let run = InArchive {
                run: key.run,
                pipeline: pipeline(),
                archived_at: stored_at,
                objects: 0,
                bytes: ByteSize(0),
                folder: key.folder.to_owned(),
                receipt: None,
            };
            (run, false)
        });
        run.objects += 1;
        run.bytes += object.bytes;
        if key.name == MANIFEST {
            (run.archived_at, *is_complete) = (stored_at, true);
        }
        ended
    }

    /// The run that ends here, if it is complete.
    fn take(&mut self) -> Option<InArchive> {
        self.run.take().filter(|(_, is_complete)| *is_complete).map(|(run, _)| run)
    }
}
