//! `list`: what is in the archive, from the ledger or from the bucket.
//!
//! In: what is asked for. Out: a line for each run, as it is found; memory does not grow. Changes nothing.

use tokio::sync::mpsc;

use crate::archive::Bucket;
use crate::check::{Asked, Finder, InArchive, explained, pipeline_in_manifest};
use crate::cli::ListArgs;
use crate::config::{Archive, Host, Layers};
use crate::error::{Error, Kind, Result};
use crate::ledger::Ledger;
use crate::report::Report;

/// Runs that are found ahead of the printing.
const AHEAD: usize = 1024;

/// Runs the subcommand.
pub(super) fn run(args: &ListArgs, layers: &Layers, host: &Host, report: &mut Report) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| Error::caused(Kind::Internal, "start the runtime", error))?;
    let asked = Asked {
        pipelines: args.pipeline.clone(),
        since: args.archived.since,
        until: args.archived.until,
        ..Asked::default()
    };
    let finder = if args.remote {
        let archive = Archive::resolve_for_reading(layers, &args.archive)?;
        let target = archive.target()?;
        let bucket = runtime.block_on(Bucket::connect_for_reading(target))?;
        Finder { asked, ledger: None, bucket: Some((bucket, target.prefix.value.clone())) }
    } else {
        let place = &host.ledger.value;
        let ledger = Ledger::open_existing(place)?.ok_or_else(|| {
            Error::new(Kind::LedgerFailed, format!("find a ledger in `{place}`"))
                .hint("--remote lists what is in the bucket; check --state-dir")
        })?;
        report.sealed(ledger.head()?.hash);
        Finder { asked, ledger: Some(ledger), bucket: None }
    };
    let bucket = finder.bucket.as_ref().map(|(bucket, _)| bucket.clone());
    let (sender, mut found) = mpsc::channel::<InArchive>(AHEAD);
    let search = runtime.spawn(finder.find(sender));
    report.listing(|line| {
        while let Some(mut run) = found.blocking_recv() {
            if let (None, Some(bucket)) = (&run.pipeline, &bucket) {
                run.pipeline = Some(runtime.block_on(pipeline_in_manifest(bucket, &run)).map_err(explained)?);
            }
            line(&run);
        }
        let ended = runtime.block_on(search).map_err(|error| Error::caused(Kind::Internal, "find runs", error))?;
        ended.map(drop).map_err(explained)
    })
}
