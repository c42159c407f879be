//! The hot inner parts, each for itself: `cargo bench --bench inner`.

use std::time::Duration;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use fastflow_archive::archive::{Digests, run_folder};
use fastflow_archive::plan::{Narrowing, Rules, select};
use fastflow_archive::run::{Run, RunId, Status};
use fastflow_archive::time::Timestamp;

const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);
const DAY: Duration = Duration::from_secs(86_400);

fn main() {
    divan::main();
}

/// Both digests of an object in one pass.
#[divan::bench(args = [4 << 10, 64 << 10, 1 << 20])]
fn digests(bencher: Bencher<'_, '_>, length: usize) {
    let bytes: Vec<u8> = (0..length).map(|number| (number % 251) as u8).collect();
    bencher.counter(BytesCount::new(length)).bench(|| Digests::of(black_box(&bytes)));
}

/// The selection over runs of 50 pipelines, a tenth of them due.
#[divan::bench(args = [10_000, 1_000_000])]
fn selection(bencher: Bencher<'_, '_>, count: u32) {
    let pipelines: Vec<std::sync::Arc<str>> = (0..50).map(|number| format!("pipeline-{number}").into()).collect();
    let run = |number: u32| {
        let mut id = [0; 16];
        id[..4].copy_from_slice(&number.wrapping_mul(2_654_435_761).to_be_bytes());
        let started_at = NOW.minus(DAY * (number % 100));
        Run {
            id: RunId::from(id),
            pipeline: pipelines[number as usize % pipelines.len()].clone(),
            status: Status::Success,
            started_at,
            finished_at: Some(started_at),
            position: 0,
        }
    };
    let runs: Vec<Run> = (0..count).map(run).collect();
    let rules = Rules { keep_days: Some(90), ..Rules::default() };
    bencher
        .counter(ItemsCount::new(count))
        .with_inputs(|| runs.clone())
        .bench_values(|runs| select(runs, &rules, &Narrowing::default(), NOW));
}

/// The folder of a run, with a name that has to be looked at closely.
#[divan::bench(args = ["etl-orders", "Täglicher-Import", "100%25/..", "a\nb"])]
fn folder(pipeline: &str) -> String {
    run_folder("pipeline-logs", black_box(pipeline), &RunId::from([7; 16]))
}
