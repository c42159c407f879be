//! `verify` and `ledger rebuild`: the archive against what is known of it, and back into a lost ledger.
//!
//! In: configuration, ledger, bucket. Out: objects to the report; rebuilt receipts to the ledger. Only the memory of what was
//! read when changes, and with `ledger rebuild` the ledger.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::Arc;

use tokio::sync::mpsc;

use super::process::{host_name, keep_others_out, runtime, user_name, watch_signals};
use crate::archive::{Bucket, Level, Listed, Method, ReadFile, ReadManifest, Receipt, service_key};
use crate::archive::{Digests, MANIFEST};
use crate::bytes::{ByteSize, from_hex};
use crate::check::{Event, Inventory, Local, LocalState, Reach, State, Verifier, put_only};
use crate::cli::{ArchiveArgs, GlobalArgs, LedgerRebuildArgs, VerifyArgs};
use crate::config::{Archive, Host, Layers, LedgerPlace, Retention, Target};
use crate::error::{Error, Kind, Result, Warning};
use crate::exit::Exit;
use crate::fastflow::{self, Access, LogsDir};
use crate::flow::Stop;
use crate::ledger::{ArchivedRun, Checks, Invocation, Ledger, Order, Selected};
use crate::lock::Lock;
use crate::report::{Progress, Report};
use crate::run::RunId;
use crate::time::{Clock, Timestamp};

/// Runs that are remembered, or get their receipts back, with one commit.
const BATCH: usize = 100;

/// Objects of a run, on average; only a bar rests on it.
const OBJECTS_OF_A_RUN: u64 = 3;

fn resolve(layers: &Layers, args: &ArchiveArgs, report: &mut Report) -> Result<Archive> {
    let archive = Archive::resolve_for_reading(layers, args)?;
    archive.plain_http_warning().iter().for_each(|warning| report.warning(warning));
    archive.target()?;
    Ok(archive)
}

/// `verify`.
pub(super) fn run(args: &VerifyArgs, layers: &Layers, host: &Host, clock: Clock, report: &mut Report) -> Result<()> {
    let archive = resolve(layers, &args.archive, report)?;
    let target = archive.target()?;
    let given = &args.retention;
    if [&given.log_retention_runs, &given.log_retention_days, &given.log_max_size_mb].iter().any(|it| it.is_some()) {
        Retention::resolve(layers, given)?;
    }
    let place = &host.ledger.value;
    let ledger = Ledger::open_existing(place)?;
    let selected = Selected {
        pipelines: args.pipeline.clone(),
        runs: args.run.iter().filter_map(|id| id.parse().ok()).collect(),
        archived_before: args.older_than.map(|age| clock.now().minus(age)),
        limit: args.limit,
    };
    match &ledger {
        Some(ledger) => {
            report.sealed(ledger.head()?.hash);
            unknown_runs(ledger, &selected)?.iter().for_each(|error| report.problem(error));
        }
        None => {
            let message = format!("there is no ledger in `{place}`: the archive is checked by its manifests");
            report.warning(&Warning::new("no_ledger", message));
        }
    }
    let seed = (RandomState::new().build_hasher().finish() % u64::from(u32::MAX)) as u32;
    let reads = args.deep || args.sample.is_some();
    let checks = match (reads, &ledger) {
        (true, Some(_)) => Checks::open(place),
        _ => Err(Error::new(Kind::Internal, "remember what was read")),
    };
    if let (true, Some(_), Err(error)) = (reads, &ledger, &checks) {
        report.warning(&Warning::new("checks_not_kept", format!("what is read is not remembered: {error}")));
    }
    let local = if ledger.is_some() { local(host, report) } else { None };
    let asked = Asked { selected, local, all: args.all, deep: args.deep, sample: args.sample, seed };
    runtime()?.block_on(verify(target, ledger, asked, checks.ok(), clock, report))?;
    report.archive_checked();
    Ok(())
}

/// The instance, where there is one: on another machine there is none, and nothing is said.
fn local(host: &Host, report: &Report) -> Option<Local> {
    if !host.database.value.is_there() || host.logs_dir.value.symlink_metadata().is_err() {
        return None;
    }
    let logs = LogsDir::open(&host.logs_dir.value, &host.path_map.value);
    let opened = logs.and_then(|logs| Ok(Local { logs, store: fastflow::open(&host.database.value, Access::Read)? }));
    match opened {
        Ok(local) => Some(local),
        Err(error) => {
            let message = format!("files that are still here are not compared: {error}");
            report.warning(&Warning::new("local_files_not_checked", message));
            None
        }
    }
}

/// Runs that were named and never archived.
fn unknown_runs(ledger: &Ledger, selected: &Selected) -> Result<Vec<Error>> {
    let mut unknown = Vec::new();
    for run in &selected.runs {
        if ledger.recorded(run)?.is_none() {
            let message = format!("find run {run} in the ledger: it was never archived");
            unknown.push(
                Error::new(Kind::UnknownRun, message).hint("check --run; `--all` also finds what has no receipt"),
            );
        }
    }
    Ok(unknown)
}

struct Asked {
    selected: Selected,
    local: Option<Local>,
    all: bool,
    deep: bool,
    sample: Option<f64>,
    seed: u32,
}

async fn verify(
    target: &Target,
    ledger: Option<Ledger>,
    asked: Asked,
    mut checks: Option<Checks>,
    clock: Clock,
    report: &mut Report,
) -> Result<()> {
    let bucket = Bucket::connect_for_reading(target).await?;
    let needs_listing = asked.all || ledger.is_none();
    let is_cheaper = !asked.deep && !asked.selected.is_narrowed();
    let inventory = list(&bucket, target, needs_listing, is_cheaper).await?;
    let runs = match (&ledger, &inventory) {
        (Some(ledger), _) => ledger.count_archived(&asked.selected)?,
        (None, Some(inventory)) => inventory.count()? / OBJECTS_OF_A_RUN,
        (None, None) => 0,
    };
    let read = match asked.sample {
        Some(percent) => (runs as f64 * percent / 100.0).ceil() as u64,
        None if asked.deep => u64::MAX,
        None => 0,
    };
    if asked.sample.is_some() {
        report.sample(read, runs, asked.seed);
    }
    let order = if read > 0 { Order::LeastRecentlyRead(asked.seed) } else { Order::Id };
    let total = match &inventory {
        Some(inventory) if !asked.selected.is_narrowed() => inventory.count()?,
        _ => runs * OBJECTS_OF_A_RUN,
    };
    let has_ledger = ledger.is_some();
    let share = asked.sample.map_or(f64::from(u8::from(asked.deep)), |percent| percent / 100.0);
    let reach = Reach { selected: asked.selected, order, read, share, seed: asked.seed, all: needs_listing };
    let mut read_runs: Vec<RunId> = Vec::new();
    let (mut unrecorded, mut elsewhere, mut shorter) = (0u64, 0u64, (0u64, None));
    check(target, bucket, ledger, asked.local, inventory, reach, total, report, |event, report| {
        match event {
            Event::Read(run) => read_runs.push(run),
            Event::Unrecorded(..) => unrecorded += 1,
            Event::Elsewhere(_) => elsewhere += 1,
            Event::Local(finding) if finding.state == LocalState::Shorter => {
                shorter = (shorter.0 + 1, shorter.1.or(Some(finding.run)));
            }
            Event::Local(finding) => report.local_file(&finding),
            Event::Object(_) => {}
        }
        if read_runs.len() >= BATCH
            && let Some(checks) = &mut checks
        {
            checks.remember(&std::mem::take(&mut read_runs), clock.now())?;
        }
        Ok(())
    })
    .await?;
    if let Some(checks) = &mut checks {
        checks.remember(&read_runs, clock.now())?;
    }
    if has_ledger && unrecorded > 0 {
        let message = format!("{unrecorded} runs have a manifest and no receipt; `ledger rebuild` records them");
        report.warning(&Warning::new("unrecorded_runs", message));
    }
    if let (count, Some(first)) = shorter {
        let message = format!(
            "{count} logs are shorter here than in the archive (such as that of run {first}): they were cut after they were \
             archived; the archive has what is missing here"
        );
        report.warning(&Warning::new("local_logs_shorter", message));
    }
    if elsewhere > 0 {
        let message = format!("{elsewhere} runs were archived to another bucket or store, and are not checked");
        report.warning(&Warning::new("archived_elsewhere", message));
    }
    Ok(())
}

/// The listing, where it is needed, or cheaper and allowed.
async fn list(bucket: &Bucket, target: &Target, is_needed: bool, is_cheaper: bool) -> Result<Option<Inventory>> {
    let prefix = service_key(&target.prefix.value, "");
    // Also tells a missing bucket from missing objects.
    match bucket.may_list(&prefix).await? {
        true if is_needed || is_cheaper => Ok(Some(Inventory::list(bucket, &prefix).await?)),
        false if is_needed => {
            Err(put_only(&Error::new(Kind::AccessDenied, format!("list `{prefix}`: it has no s3:ListBucket"))))
        }
        _ => Ok(None),
    }
}

/// Runs the verifier, and hands its events to the report and to `each`.
#[expect(clippy::too_many_arguments, reason = "each is a thing of its own")]
async fn check(
    target: &Target,
    bucket: Bucket,
    ledger: Option<Ledger>,
    local: Option<Local>,
    inventory: Option<Inventory>,
    reach: Reach,
    total: u64,
    report: &mut Report,
    mut each: impl FnMut(Event, &mut Report) -> Result<()>,
) -> Result<()> {
    let stop = Arc::new(Stop::default());
    watch_signals(Arc::clone(&stop))?;
    let in_flight = usize::from(target.concurrency.value);
    let verifier = Verifier { bucket, prefix: target.prefix.value.clone(), ledger, local, inventory, reach, in_flight };
    let (sender, mut events) = mpsc::channel(1024);
    let work = tokio::spawn(verifier.verify(Arc::clone(&stop), sender));
    let progress = Progress::counting(report.shows_progress(), total, "objects");
    let mut result = Ok(());
    while let Some(event) = events.recv().await {
        if matches!(event, Event::Object(_)) {
            progress.one_more();
        }
        let prints = !matches!(&event, Event::Object(object) if object.state == State::Ok);
        let take = || {
            if let Event::Object(object) = &event {
                report.object(object);
            }
            if result.is_ok() {
                result = each(event, report);
            }
        };
        if prints { progress.beside(take) } else { take() }
    }
    progress.finish();
    let ended = work.await.map_err(|error| Error::caused(Kind::Internal, "finish the work", error))?;
    report.stopped(stop.signal(), stop.cause());
    ended.and(result)
}

/// `ledger rebuild`: a receipt for each object of each run that has a manifest and none in the ledger.
pub(super) fn rebuild(
    args: &LedgerRebuildArgs,
    global: &GlobalArgs,
    layers: &Layers,
    host: &Host,
    clock: Clock,
    report: &mut Report,
) -> Result<()> {
    let archive = resolve(layers, &args.archive, report)?;
    let (target, place, command) = (archive.target()?, &host.ledger.value, "ledger rebuild");
    let _alone = match place {
        // Needs no instance.
        LedgerPlace::Folder(folder) => {
            (Some(Lock::acquire(folder, global.lock_wait, command, clock.now(), || Ok(()))?), None)
        }
        LedgerPlace::Postgres { .. } => {
            let mut store = fastflow::open(&host.database.value, Access::Read)?;
            keep_others_out(store.as_mut(), global.lock_wait, || Ok(()))?;
            (None, Some(store))
        }
    };
    let runtime = runtime()?;
    // Where the bucket cannot be read, no ledger is made.
    let (bucket, inventory) = runtime.block_on(async {
        let bucket = Bucket::connect_for_reading(target).await?;
        let inventory = list(&bucket, target, true, true).await?;
        Ok((bucket, inventory))
    })?;
    let mut ledger = Ledger::open(place, &host_name(), clock.now())?;
    ledger.begin(Invocation { command, host: host_name(), user: user_name(), logs: None }, clock.now())?;
    let rebuilt = runtime.block_on(async {
        let total = inventory.as_ref().map_or(Ok(0), Inventory::count)?;
        let place = (bucket.endpoint().to_owned(), bucket.name().to_owned());
        let reach = Reach { selected: Selected::default(), order: Order::Id, read: 0, share: 0.0, seed: 0, all: true };
        let (mut count, mut batch) = (0u64, Vec::new());
        let reader = ledger.reader()?;
        check(target, bucket, Some(reader), None, inventory, reach, total, report, |event, _| {
            if let Event::Unrecorded(run, manifest, listed) = event
                && let Some(archived) = receipts(run, &manifest, &listed, &place, clock.now())
            {
                count += 1;
                batch.push(archived);
            }
            if batch.len() >= BATCH {
                ledger.record_rebuilt(&std::mem::take(&mut batch), clock.now())?;
            }
            Ok(())
        })
        .await?;
        ledger.record_rebuilt(&batch, clock.now())?;
        Ok(count)
    });
    if let Ok(count) = &rebuilt {
        report.rebuilt(*count);
        report.archive_checked();
    }
    let exit = rebuilt.as_ref().map_or_else(|error: &Error| Exit::of(error.kind), |_| report.exit());
    ledger.end(exit.code(), report.summary_json(exit), clock.now())?;
    report.sealed(ledger.head()?.hash);
    rebuilt.map(drop)
}

/// Receipts of a run whose objects are all as its manifest says; the manifest last.
fn receipts(
    run: RunId,
    manifest: &ReadManifest,
    listed: &[Listed],
    place: &(String, String),
    now: Timestamp,
) -> Option<ArchivedRun> {
    let at = Timestamp::from_rfc3339(&manifest.archived_at).unwrap_or(now);
    let receipt = |name: &str, key: &str, bytes, digests| Receipt {
        name: name.to_owned(),
        endpoint: place.0.clone(),
        bucket: place.1.clone(),
        key: key.to_owned(),
        version_id: None,
        etag: listed.iter().find(|object| object.key == key).and_then(|object| object.etag.clone()),
        bytes: ByteSize(bytes),
        digests,
        level: Level::Head,
        method: Method::Etag,
        at,
        source: None,
    };
    let of_file = |file: &ReadFile| {
        let digests = Digests { md5: from_hex(&file.md5)?, sha256: from_hex(&file.sha256)? };
        Some(receipt(&file.name, &file.key, file.bytes, digests))
    };
    let mut receipts = manifest.files.iter().map(of_file).collect::<Option<Vec<_>>>()?;
    let own = listed.iter().find(|object| object.key.ends_with(&format!("/{MANIFEST}")))?;
    receipts.push(receipt(MANIFEST, &own.key, own.bytes.0, manifest.digests?));
    let pipeline = manifest.run.get("pipeline_name").and_then(|name| name.as_str()).unwrap_or_default();
    Some(ArchivedRun { run, pipeline: pipeline.to_owned(), rule: manifest.rule.clone(), receipts })
}
