//! `restore`: files of archived runs into a folder, or whole runs back into the instance.
//!
//! In: run ids, or a pipeline. Out: files, rows, differences. Changes nothing in the archive.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};

use super::process::{be_alone, host_name, runtime, user_name, watch_signals};
use crate::archive::Bucket;
use crate::bytes::ByteSize;
use crate::check::{Asked, Finder, InArchive, Instance, Restored, Restorer, explained, is_difference};
use crate::cleanup::finish_open_deletions;
use crate::cli::{Cli, RestoreArgs};
use crate::config::{Archive, Host, Layers, Target};
use crate::error::{Error, Kind, Result};
use crate::fastflow::{self, Access, LogsDir};
use crate::flow::Stop;
use crate::folder::Folder;
use crate::ledger::{Invocation, Ledger};
use crate::report::{Progress, Report};
use crate::run::RunId;
use crate::time::Clock;

/// Runs that are found ahead of the work.
const AHEAD: usize = 64;

/// What is at work: the archive, and what is asked of it.
struct Work<'a> {
    target: &'a Target,
    bucket: Bucket,
    asked: Asked,
    ledger: Option<Ledger>,
    stop: Arc<Stop>,
}

/// Runs the subcommand.
pub(super) fn run(
    args: &RestoreArgs,
    cli: &Cli,
    layers: &Layers,
    host: &Host,
    clock: Clock,
    report: &mut Report,
) -> Result<()> {
    let archive = Archive::resolve_for_reading(layers, &args.archive)?;
    let target = archive.target()?;
    let asked = Asked {
        runs: args.runs.iter().copied().collect(),
        pipelines: args.pipeline.clone(),
        since: args.archived.since,
        until: args.archived.until,
    };
    let runtime = runtime()?;
    runtime.block_on(async {
        let stop = Arc::new(Stop::default());
        watch_signals(Arc::clone(&stop))?;
        let bucket = Bucket::connect_for_reading(target).await?;
        let ledger = if args.remote { None } else { Ledger::open_existing(&host.ledger.value)? };
        let work = Work { target, bucket, asked, ledger, stop };
        match &args.to {
            Some(to) => work.into_folder(to, args, report).await,
            None => work.into_instance(cli, host, clock, report).await,
        }
    })
}

/// The search as a task, and what it finds.
type Search = (mpsc::Receiver<InArchive>, JoinHandle<Result<BTreeSet<RunId>>>);

impl Work<'_> {
    fn search(&mut self) -> Search {
        let (sender, found) = mpsc::channel(AHEAD);
        let bucket = Some((self.bucket.clone(), self.target.prefix.value.clone()));
        let finder = Finder { asked: self.asked.clone(), ledger: self.ledger.take(), bucket };
        (found, tokio::spawn(finder.find(sender)))
    }

    async fn into_folder(mut self, to: &Path, args: &RestoreArgs, report: &mut Report) -> Result<()> {
        let folder = Folder::create(to)?;
        if !folder.lock() {
            let message = format!("restore into `{}`: another restore is at work there", to.display());
            return Err(Error::new(Kind::Locked, message).hint("wait until it has finished, or name another folder"));
        }
        let bucket = self.bucket.clone();
        let restorer = Arc::new(Restorer { bucket, folder, raw: args.raw, overwrite: args.overwrite });
        let (mut found, search) = self.search();
        let mut working = JoinSet::new();
        let in_flight = usize::from(self.target.concurrency.value);
        let mut is_open = true;
        let mut progress = Progress::new(report.shows_progress(), 0, ByteSize(0));
        while is_open || !working.is_empty() {
            tokio::select! {
                run = found.recv(), if is_open && working.len() < in_flight => match run {
                    Some(run) if !self.stop.is_set() => {
                        let restorer = Arc::clone(&restorer);
                        progress.found(run.bytes);
                        working.spawn(async move { (run.run, run.bytes, restorer.restore(&run).await) });
                    }
                    // Once nobody listens, the search ends.
                    _ => {
                        found.close();
                        is_open = false;
                    }
                },
                Some(ended) = working.join_next() => {
                    let (run, bytes, restored) = ended.map_err(|error| Error::caused(Kind::Internal, "restore a run", error))?;
                    progress.ended(bytes);
                    progress.beside(|| tell(report, &self.stop, run, restored));
                }
            }
        }
        progress.finish();
        self.end(search, report).await
    }

    async fn into_instance(mut self, cli: &Cli, host: &Host, clock: Clock, report: &mut Report) -> Result<()> {
        let (place, command) = (&host.ledger.value, cli.command.name());
        let mut store = fastflow::open(&host.database.value, Access::Write)?;
        let logs = LogsDir::open(&host.logs_dir.value, &host.path_map.value)?;
        let wait = cli.global.lock_wait;
        let _lock = be_alone(place, store.as_mut(), wait, command, clock.now(), || self.stop.check())?;
        let mut ledger = Ledger::open(place, &host_name(), clock.now())?;
        ledger.begin(Invocation { command, host: host_name(), user: user_name(), logs: None }, clock.now())?;
        // What an invocation began to delete that was cut off: afterwards, this one's end says that nothing is open.
        let open = ledger.open_deletions()?;
        let left = finish_open_deletions(&mut ledger, store.as_mut(), &logs, &open, clock.now())?;
        left.iter().for_each(|warning| report.warning(warning));
        let mut instance = Instance { store, logs, ledger, spool_dir: place.spool_dir(), clock };
        let (mut found, search) = self.search();
        let mut progress = Progress::new(report.shows_progress(), 0, ByteSize(0));
        while let Some(run) = found.recv().await {
            if self.stop.is_set() {
                break;
            }
            progress.found(run.bytes);
            let restored = instance.restore(&self.bucket, &run).await;
            progress.ended(run.bytes);
            progress.beside(|| tell(report, &self.stop, run.run, restored));
        }
        drop(found);
        progress.finish();
        self.end(search, report).await?;
        let exit = report.exit();
        instance.ledger.end(exit.code(), report.summary_json(exit), clock.now())?;
        report.sealed(instance.ledger.head()?.hash);
        Ok(())
    }

    /// What was asked for and is nowhere.
    async fn end(self, search: JoinHandle<Result<BTreeSet<RunId>>>, report: &mut Report) -> Result<()> {
        let ended = search.await.map_err(|error| Error::caused(Kind::Internal, "find runs", error))?;
        report.stopped(self.stop.signal(), self.stop.cause());
        if self.stop.is_set() {
            return Ok(());
        }
        let missing = ended.map_err(explained)?;
        for run in missing {
            let error = Error::new(Kind::UnknownRun, format!("restore run {run}: it is not in the archive"))
                .hint("`fastflow-archive list --remote` shows what is; check S3_BUCKET and S3_PREFIX");
            report.restore_failed(run, &[error]);
        }
        Ok(())
    }
}

fn tell(report: &mut Report, stop: &Stop, run: RunId, restored: Result<Restored, Vec<Error>>) {
    match restored {
        Ok(restored) => {
            stop.count_success();
            report.restored(&restored);
        }
        Err(errors) => {
            errors.iter().for_each(|error| stop.count_failure(error));
            let (differences, failures): (Vec<_>, Vec<_>) =
                errors.into_iter().partition(|error| is_difference(error.kind));
            differences.iter().for_each(|error| report.difference(error));
            report.restore_failed(run, &failures);
        }
    }
}
