//! `verify`: every object of the selected runs, as many at a time as uploads have, and at the end what nobody claimed.
//!
//! In: the ledger, the listing. Out: [`Event`]s as they come. Ends early on a signal, and where the store refuses everything;
//! what was begun is finished.

use std::sync::Arc;

use tokio::sync::mpsc::{self, Sender};
use tokio::task::JoinSet;

use super::folder::{Checked, MANIFEST_BYTES, RunFolder, run_of, unreadable};
use super::local::{Found, Local, LocalFile, LocalFinding, LocalState};
use super::object::{CheckedObject, Expected, State, described};
use super::{Inventory, explained};
use crate::archive::{Bucket, Digests, Listed, MANIFEST, ReadManifest, Receipt, service_key};
use crate::bytes::to_hex;
use crate::error::{Error, Kind, Result};
use crate::flow::Stop;
use crate::ledger::{ANCHOR_FOLDER, Ledger, Order, Selected};
use crate::run::RunId;
use crate::time::Timestamp;

/// After so many refusals or failures in a row the store, and not an object, is the matter.
const FAILURES_IN_A_ROW: usize = 5;
/// A run has a few files and at most 999 heads; what is more in its folder is looked at in portions.
const FOLDER_OBJECTS: usize = 10_000;

/// How far `verify` looks.
#[derive(Debug, Clone)]
pub struct Reach {
    /// Which runs.
    pub selected: Selected,
    /// In which order.
    pub order: Order,
    /// How many of them are read and hashed, from the first on; the rest is looked at.
    pub read: u64,
    /// Of runs without receipts, the share that is read: 0 to 1; chosen by the seed.
    pub share: f64,
    /// Any number.
    pub seed: u32,
    /// Also what no receipt names.
    pub all: bool,
}

/// What is checked at a time.
enum Job {
    /// A run by its receipts.
    Receipts(RunId, Vec<Expected>, bool, Vec<LocalFile>),
    /// A run's folder, or what of it no receipt names.
    Folder(RunFolder, bool),
    /// An object outside the folders of runs.
    Foreign(Listed),
}

/// What became of something.
pub enum Event {
    /// An object was looked at.
    Object(CheckedObject),
    /// A file of the instance is not what is in the archive.
    Local(LocalFinding),
    /// All bytes of a run were read.
    Read(RunId),
    /// A run is in the archive and has no receipt; its manifest, and what was listed of its folder.
    Unrecorded(RunId, Box<ReadManifest>, Vec<Listed>),
    /// Receipts of this run name another bucket or store.
    Elsewhere(RunId),
}

/// Looks at the archive.
pub struct Verifier {
    /// Where to look.
    pub bucket: Bucket,
    /// First part of every key.
    pub prefix: String,
    /// What was archived; `None`: the manifests say.
    pub ledger: Option<Ledger>,
    /// The instance, where it is still there; only what has a receipt is held against it.
    pub local: Option<Local>,
    /// What a listing showed; `None`: each object is asked for.
    pub inventory: Option<Inventory>,
    /// How far.
    pub reach: Reach,
    /// Runs at a time.
    pub in_flight: usize,
}

/// What a job gave.
struct Done {
    checked: Vec<Checked>,
    local: Vec<LocalFinding>,
    last: Option<Event>,
}

impl Verifier {
    /// Checks everything within reach; returns when the last event was handed over.
    pub async fn verify(self, stop: Arc<Stop>, events: Sender<Event>) -> Result<()> {
        let Verifier { bucket, prefix, ledger, local, inventory, reach, in_flight } = self;
        let before = reach.selected.archived_before;
        let (job_sender, mut jobs) = mpsc::channel(in_flight);
        let feeder = Feeder {
            place: (bucket.endpoint().to_owned(), bucket.name().to_owned()),
            prefix,
            ledger,
            local,
            inventory,
            reach,
            jobs: job_sender,
            events: events.clone(),
            stop: Arc::clone(&stop),
        };
        let feeding = tokio::task::spawn_blocking(move || feeder.feed());
        let mut working = JoinSet::new();
        let mut faults = Faults::default();
        let mut is_fed = false;
        while !(is_fed && working.is_empty()) {
            tokio::select! {
                Some(joined) = working.join_next(), if !working.is_empty() => {
                    let done: Done = joined.map_err(|error| Error::caused(Kind::Internal, "check an object", error))?;
                    for checked in done.checked {
                        for object in faults.judge(checked, &stop) {
                            drop(events.send(Event::Object(object)).await);
                        }
                    }
                    for finding in done.local {
                        drop(events.send(Event::Local(finding)).await);
                    }
                    if let Some(last) = done.last {
                        drop(events.send(last).await);
                    }
                }
                next = jobs.recv(), if !is_fed && working.len() < in_flight => match next {
                    None => is_fed = true,
                    Some(_) if stop.is_set() => jobs.close(),
                    Some(job) => {
                        let bucket = bucket.clone();
                        working.spawn(async move { job.run(&bucket, before).await });
                    }
                },
            }
        }
        for object in faults.rest(&stop) {
            drop(events.send(Event::Object(object)).await);
        }
        feeding.await.map_err(|error| Error::caused(Kind::Internal, "read what was archived", error))?
    }
}

/// Reads what is to be checked, on a thread of its own.
struct Feeder {
    place: (String, String),
    prefix: String,
    ledger: Option<Ledger>,
    local: Option<Local>,
    inventory: Option<Inventory>,
    reach: Reach,
    jobs: Sender<Job>,
    events: Sender<Event>,
    stop: Arc<Stop>,
}

impl Feeder {
    fn feed(mut self) -> Result<()> {
        let mut local = self.local.take();
        if let Some(ledger) = &self.ledger {
            let mut number = 0;
            ledger.each_archived(&self.reach.selected, self.reach.order, |archived| {
                number += 1;
                let deep = number <= self.reach.read;
                let (mut expected, mut files) = (Vec::new(), Vec::new());
                let is_cut = archived.receipts.iter().any(Receipt::is_head);
                for receipt in archived.receipts {
                    if (&receipt.endpoint, &receipt.bucket) != (&self.place.0, &self.place.1) {
                        continue;
                    }
                    let found = local.as_mut().map(|local| local.look(archived.run, &receipt, deep));
                    match found.transpose()?.flatten() {
                        Some(Found::ToRead(file)) => files.push(file),
                        // What we cut off it ourselves is in the archive by name.
                        Some(Found::Said(finding)) if is_cut && finding.state == LocalState::Shorter => {}
                        Some(Found::Said(finding)) => drop(self.events.blocking_send(Event::Local(finding))),
                        None => {}
                    }
                    let listed = match &self.inventory {
                        Some(inventory) => inventory.claim(&receipt.key)?,
                        None => None,
                    };
                    expected.push(Expected { listed, ..Expected::of_receipt(archived.run, receipt) });
                }
                if expected.is_empty() {
                    return Ok(self.events.blocking_send(Event::Elsewhere(archived.run)).is_ok());
                }
                self.feed_one(Job::Receipts(archived.run, expected, deep, files))
            })?;
        }
        match &self.inventory {
            Some(inventory) if self.reach.all && !self.stop.is_set() => self.feed_unclaimed(inventory),
            _ => Ok(()),
        }
    }

    fn feed_one(&self, job: Job) -> Result<bool> {
        Ok(self.jobs.blocking_send(job).is_ok() && !self.stop.is_set())
    }

    fn feed_unclaimed(&self, inventory: &Inventory) -> Result<()> {
        let services = [ANCHOR_FOLDER, "_probe/"].map(|name| service_key(&self.prefix, name));
        let selected = &self.reach.selected;
        let mut folder: Option<RunFolder> = None;
        let mut left = selected.limit.unwrap_or(u64::MAX);
        let mut feed_folder = |folder: RunFolder| {
            if !folder.is_selected(&self.prefix, selected) {
                return Ok(true);
            }
            if left == 0 {
                return Ok(false);
            }
            left -= 1;
            let deep = folder.is_chosen(self.reach.share, self.reach.seed);
            self.feed_one(Job::Folder(folder, deep))
        };
        inventory.each_unclaimed(|listed| {
            if services.iter().any(|service| listed.key.starts_with(service)) {
                return Ok(true);
            }
            let path = listed.key.get(..=listed.key.rfind('/').unwrap_or_default()).unwrap_or_default().to_owned();
            match (&mut folder, run_of(&path)) {
                (Some(open), _) if open.path == path && open.objects.len() < FOLDER_OBJECTS => {
                    open.objects.push(listed)
                }
                (open, Some(run)) => {
                    if let Some(whole) = open.replace(RunFolder { path, run, objects: vec![listed] }) {
                        return feed_folder(whole);
                    }
                }
                (_, None) if selected.is_narrowed() => {}
                (_, None) => return self.feed_one(Job::Foreign(listed)),
            }
            Ok(true)
        })?;
        folder.map_or(Ok(true), feed_folder).map(drop)
    }
}

impl Job {
    async fn run(self, bucket: &Bucket, before: Option<Timestamp>) -> Done {
        match self {
            Job::Receipts(run, objects, deep, files) => {
                let mut checked = Vec::with_capacity(objects.len());
                for expected in &objects {
                    let result = match deep {
                        false => expected.check(bucket).await,
                        true if expected.name == MANIFEST => read_manifest(expected, &objects, bucket).await,
                        true => expected.read(bucket).await,
                    };
                    checked.push(result.map_err(|error| unreadable(expected.is(State::Unreadable, None), error)));
                }
                let is_read = deep && checked.iter().all(Result::is_ok);
                let mut local = Vec::new();
                for file in files {
                    local.extend(file.check().await);
                }
                Done { checked, local, last: is_read.then_some(Event::Read(run)) }
            }
            Job::Folder(folder, deep) => {
                let (run, listed) = (folder.run, folder.objects.clone());
                let Some((checked, manifest)) = folder.check(bucket, deep, before).await else {
                    return Done { checked: Vec::new(), local: Vec::new(), last: None };
                };
                let is_ok = |checked: &Checked| checked.as_ref().is_ok_and(|object| object.state == State::Ok);
                let manifest = manifest.filter(|_| checked.iter().all(is_ok));
                let last = manifest.map(|manifest| Event::Unrecorded(run, Box::new(manifest), listed));
                Done { checked, local: Vec::new(), last }
            }
            Job::Foreign(listed) => {
                let found = Some(format!("{} bytes", listed.bytes.0));
                let (key, state) = (listed.key, State::Unexpected);
                let object = CheckedObject { key, run: None, state, expected: None, found, is_by_listing: true };
                Done { checked: vec![Ok(object)], local: Vec::new(), last: None }
            }
        }
    }
}

/// The manifest by its bytes, and what it says against the receipts.
async fn read_manifest(expected: &Expected, objects: &[Expected], bucket: &Bucket) -> Result<CheckedObject> {
    let bytes = match bucket.read_small(&expected.key, MANIFEST_BYTES).await {
        Ok(bytes) => bytes,
        Err(error) if error.kind == Kind::ObjectMissing => return Ok(expected.is(State::Missing, None)),
        Err(error) => return Err(error),
    };
    let digests = Digests::of(&bytes);
    let found = described(bytes.len() as u64, &digests.sha256);
    if digests.sha256 != expected.sha256 {
        return Ok(expected.is(State::Differs, Some(found)));
    }
    let Some(manifest) = ReadManifest::from_bytes(&bytes) else {
        return Ok(expected.is(State::Unreadable, Some(format!("{found}: no manifest that this version can read"))));
    };
    let has_receipt =
        |key: &str, sha256: &str| objects.iter().any(|object| object.key == key && to_hex(&object.sha256) == sha256);
    let alone = manifest.files.iter().find(|file| !has_receipt(&file.key, &file.sha256));
    Ok(match alone {
        Some(file) => {
            let what = format!("{found}: it names `{}` with a SHA-256 that no receipt has", file.key);
            expected.is(State::Differs, Some(what))
        }
        None => expected.is(State::Ok, Some(found)),
    })
}

/// Tells objects that cannot be read from a store that cannot.
#[derive(Default)]
struct Faults {
    pending: Vec<(CheckedObject, Error)>,
    has_succeeded: bool,
}

impl Faults {
    /// What can be said now.
    fn judge(&mut self, checked: Checked, stop: &Stop) -> Vec<CheckedObject> {
        match checked {
            Ok(object) if object.is_by_listing => vec![object],
            Ok(object) => {
                self.has_succeeded = true;
                let before = self.pending.drain(..).map(|(object, _)| object);
                before.chain([object]).collect()
            }
            Err((object, error)) if !error.kind.is_storage() => vec![object],
            Err((object, error)) => {
                let is_denied = error.kind == Kind::AccessDenied;
                if is_denied && self.has_succeeded {
                    return vec![object];
                }
                let ends = error.kind.ends_invocation() && !is_denied;
                if ends || self.pending.len() + 1 >= FAILURES_IN_A_ROW {
                    stop.because(cause(&error));
                }
                self.pending.push((object, error));
                Vec::new()
            }
        }
    }

    /// At the end.
    fn rest(self, stop: &Stop) -> Vec<CheckedObject> {
        match self.pending.first() {
            Some((_, error)) if !self.has_succeeded => stop.because(cause(error)),
            _ => {}
        }
        if stop.cause().is_some() { Vec::new() } else { self.pending.into_iter().map(|(object, _)| object).collect() }
    }
}

/// What a refusal means here.
fn cause(error: &Error) -> Error {
    if error.kind == Kind::AccessDenied { put_only(error) } else { error.repeated() }
}

/// The key may only put.
pub fn put_only(error: &Error) -> Error {
    let message = format!("read the archive: the key may only put, not read: {error}");
    explained(Error::new(Kind::AccessDenied, message))
}
