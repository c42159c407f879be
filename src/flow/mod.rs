//! The one loop that `backup` and `cleanup` share: planned runs -> in flight -> proven -> recorded -> removed -> outcomes.
//!
//! In: the due runs of a plan, spent here. Out: a [`RunOutcome`] for each, as they come. Three stages, each in its own
//! place: a thread that reads rows and receipts ahead ([`feed`]), tasks that send ([`run`]), and a thread that records and
//! removes in batches ([`commit`]), so that one sync serves many runs and no upload waits for the disk.

mod batch;
mod commit;
mod feed;
mod stop;

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

pub use commit::Committer;
pub use feed::Feeder;
pub use stop::{Signal, Stop};

use crate::archive::{Archived, ArchivedHead, Archiver};
use crate::bytes::ByteSize;
use crate::error::{Error, Kind, Result};
use crate::plan::PlannedRun;
use batch::Batch;
use commit::{BATCH_RUNS, BATCH_WAIT, Proven};
use feed::{Fed, MOST_TOGETHER};

/// What became of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Due; nothing was done (plan and dry run).
    Due,
    /// In the archive now.
    Archived,
    /// In the archive since an earlier call.
    AlreadyArchived,
    /// In the archive, and gone from the instance.
    Deleted,
    /// The head of its log is in the archive and cut off; the run stays.
    Truncated,
    /// Its log could not be cut: the whole of it is in the archive and removed; the run stays.
    LogRemoved,
    /// Left alone: it changed meanwhile, or is not due.
    Kept,
    /// Something went wrong; it is still there.
    Failed,
    /// Its turn did not come.
    NotAttempted,
}

impl Outcome {
    /// The name in `--json`.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Due => "due",
            Outcome::Archived => "archived",
            Outcome::AlreadyArchived => "already_archived",
            Outcome::Deleted => "deleted",
            Outcome::Truncated => "truncated",
            Outcome::LogRemoved => "log_removed",
            Outcome::Kept => "kept",
            Outcome::Failed => "failed",
            Outcome::NotAttempted => "not_attempted",
        }
    }
}

/// One run at its end.
#[derive(Debug)]
pub struct RunOutcome {
    /// The run, as planned.
    pub planned: PlannedRun,
    /// What became of it.
    pub outcome: Outcome,
    /// Whether its row is gone.
    pub deleted: bool,
    /// Why it was kept or failed.
    pub error: Option<Error>,
    /// Bytes that were sent for it.
    pub bytes: ByteSize,
    /// Objects that were sent for it.
    pub objects: u64,
}

impl RunOutcome {
    /// A run for which nothing was sent.
    pub fn unsent(planned: PlannedRun, outcome: Outcome, error: Option<Error>) -> Self {
        RunOutcome { planned, outcome, deleted: false, error, bytes: ByteSize::default(), objects: 0 }
    }

    /// A run that could not be archived or removed: kept where it merely changed, failed otherwise.
    pub fn refused(planned: PlannedRun, error: Error) -> Self {
        let changed = matches!(error.kind, Kind::FileChanged | Kind::RunChanged | Kind::RunActive);
        RunOutcome::unsent(planned, if changed { Outcome::Kept } else { Outcome::Failed }, Some(error))
    }
}

/// Takes outcomes as they come, from any stage, those of a batch together.
pub type Outcomes = mpsc::UnboundedSender<Vec<RunOutcome>>;

/// Sends everything that `feeder` reads, `in_flight` runs at a time; returns when the last outcome was handed over, with
/// the committer, whose ledger and store can take the closing records.
pub async fn run(
    feeder: Feeder,
    archiver: Arc<Archiver>,
    committer: Committer,
    in_flight: usize,
    stop: Arc<Stop>,
    outcomes: Outcomes,
) -> Result<Committer> {
    let together = (in_flight / 2).clamp(1, MOST_TOGETHER);
    let (fed_sender, mut fed) = mpsc::channel(in_flight.div_ceil(together));
    let feeding = {
        let (stop, outcomes) = (Arc::clone(&stop), outcomes.clone());
        tokio::task::spawn_blocking(move || feeder.feed(&stop, together, &fed_sender, &outcomes))
    };
    let (proven_sender, proven) = std::sync::mpsc::channel();
    let committing = {
        let (stop, outcomes) = (Arc::clone(&stop), outcomes.clone());
        tokio::task::spawn_blocking(move || committer.commit_all(&proven, &stop, &outcomes))
    };
    let hand_over = |batch: &mut Batch<Proven>| {
        let runs = batch.take();
        if !runs.is_empty() {
            drop(proven_sender.send(runs));
        }
    };
    let (mut sending, mut batch) = (Sending::new(), Batch::new(BATCH_RUNS, BATCH_WAIT));
    let (mut ready, mut is_fed) = (VecDeque::new(), false);
    loop {
        while sending.len() < in_flight
            && let Some(fed) = ready.pop_front()
        {
            if stop.is_set() {
                drop(outcomes.send(vec![RunOutcome::unsent(Fed::into_planned(fed), Outcome::NotAttempted, None)]));
            } else if let Some(proven) = begin(fed, &archiver, &mut sending)
                && batch.push(proven)
            {
                hand_over(&mut batch);
            }
        }
        if is_fed && ready.is_empty() && sending.is_empty() {
            break;
        }
        tokio::select! {
            Some(joined) = sending.join_next(), if !sending.is_empty() => match joined {
                Ok(Ok(proven)) => {
                    stop.count_success();
                    if batch.push(proven) {
                        hand_over(&mut batch);
                    }
                }
                Ok(Err((planned, error))) => {
                    stop.count_failure(&error);
                    drop(outcomes.send(vec![RunOutcome::refused(planned, error)]));
                }
                Err(panicked) => stop.because(Error::caused(Kind::Internal, "send a run", panicked)),
            },
            next = fed.recv(), if !is_fed && ready.is_empty() => match next {
                None => is_fed = true,
                Some(runs) => ready.extend(runs),
            },
            () = batch.is_due() => hand_over(&mut batch),
        }
    }
    hand_over(&mut batch);
    drop(proven_sender);
    let panicked = |error| Error::caused(Kind::Internal, "finish the work", error);
    feeding.await.map_err(panicked)?;
    committing.await.map_err(panicked)
}

type Sending = JoinSet<Result<Proven, (PlannedRun, Error)>>;

/// Begins to send a run; gives back one that is proven already.
fn begin(fed: Fed, archiver: &Arc<Archiver>, sending: &mut Sending) -> Option<Proven> {
    let archiver = Arc::clone(archiver);
    match fed {
        Fed::ToSend(prepared) => {
            sending.spawn(async move {
                archiver.archive(*prepared).await.map(|(planned, archived)| Proven::run(planned, archived))
            });
            None
        }
        Fed::ToCut(prepared) => {
            sending.spawn(async move {
                archiver.archive_head(*prepared).await.map(|(planned, archived)| Proven::head(planned, archived))
            });
            None
        }
        Fed::ProvenHead(proven) => {
            let (planned, proof) = *proven;
            Some(Proven::head(planned, ArchivedHead { proof, bytes: ByteSize::default(), objects: 0 }))
        }
        Fed::Proven(proven) => {
            let (planned, proof) = *proven;
            Some(Proven::run(planned, Archived { proof, bytes: ByteSize::default(), objects: 0 }))
        }
    }
}
