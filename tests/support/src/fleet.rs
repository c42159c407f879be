//! Standard populations: two thousand due runs for the tests, a colourful few hundred for the demo.

use std::time::{Duration, SystemTime};

use anyhow::Result;

use crate::clock::days;
use crate::content::Random;
use crate::instance::Instance;
use crate::run_spec::{Fate, RunSpec};

const PIPELINES: [&str; 8] = [
    "etl-orders",
    "Täglicher-Import",
    "billing_export",
    "customer-sync",
    "sales.forecast",
    "image-resize",
    "inventory-snapshot",
    "mail-digest",
];
const TRIGGERS: [&str; 5] = ["scheduler", "manual", "webhook", "downstream", "daemon_restart"];

/// A population for an instance; with `LOG_RETENTION_DAYS=30` its old runs are due.
#[derive(Debug, Clone)]
pub struct Fleet {
    /// The instant from which ages are counted.
    pub now: SystemTime,
    /// Runs that finished 40 to 200 days ago, with nothing against them.
    pub due: usize,
    /// How many of those are notebook runs.
    pub notebooks: usize,
    /// Runs that finished 1 to 25 days ago.
    pub young: usize,
    /// PENDING and RUNNING runs, old ones too.
    pub active: usize,
    /// Old runs whose log is a symbolic link out of the log directory.
    pub symlinked: usize,
    /// Old runs whose `log_file` leads out of the log directory.
    pub escaping: usize,
    /// Shortest and longest log in bytes.
    pub log_bytes: (u64, u64),
}

impl Fleet {
    /// 2,000 due runs with logs of 4 to 160 KB (about 174 MB in all), 60 of them notebooks, and 5 active ones.
    pub fn two_thousand(now: SystemTime) -> Self {
        Fleet {
            now,
            due: 2000,
            notebooks: 60,
            young: 20,
            active: 5,
            symlinked: 0,
            escaping: 0,
            log_bytes: (4_000, 160_000),
        }
    }

    /// The same mixture with another number of due runs (3 % notebooks, at least one) and small logs.
    pub fn small(now: SystemTime, due: usize) -> Self {
        let notebooks = (due * 3 / 100).max(1).min(due);
        Fleet { due, notebooks, young: 5, active: 3, log_bytes: (400, 9_000), ..Self::two_thousand(now) }
    }

    /// Adds the runs that must be refused: 5 symlinked, 5 escaping.
    pub fn with_refused(self) -> Self {
        Fleet { symlinked: 5, escaping: 5, ..self }
    }

    /// Adds the population to an instance.
    pub fn settle(&self, instance: &mut Instance) -> Result<()> {
        let mut random = Random::new(0x00fa_57f1_0300_0000);
        let mut specs: Vec<_> = (0..self.due).map(|index| self.old(&mut random, index)).collect();
        specs.extend((0..self.young).map(|index| {
            let finished = self.now - days(1) - Duration::from_micros(random.between(0, 24 * 86_400_000_000));
            let pipeline = PIPELINES[index % PIPELINES.len()];
            RunSpec::finished(10_000_000 + index as u64, pipeline, finished).fate(Fate::Young)
        }));
        specs.extend((0..self.active).map(|index| {
            let status = if index % 2 == 0 { "RUNNING" } else { "PENDING" };
            let age = days(if index < 2 { 90 } else { 0 }) + Duration::from_secs(60 + index as u64);
            let pipeline = PIPELINES[index % PIPELINES.len()];
            let spec = RunSpec::new(20_000_000 + index as u64, pipeline, self.now - age).status(status);
            if status == "PENDING" { spec.without_log().without_metrics() } else { spec.with_route() }
        }));
        specs.extend((0..self.symlinked).map(|index| self.refused(30_000_000, index).log_symlink()));
        specs.extend((0..self.escaping).map(|index| {
            let spec = self.refused(40_000_000, index);
            match index % 3 {
                0 => spec.log_file("/app/logs/../../etc/passwd").fate(Fate::Refused),
                1 => spec.log_file("/etc/hostname").fate(Fate::Refused),
                _ => spec.log_outside(),
            }
        }));
        instance.add_all(specs)
    }

    fn old(&self, random: &mut Random, index: usize) -> RunSpec {
        let mut finished = self.now - days(40) - Duration::from_micros(random.between(0, 160 * 86_400_000_000));
        if index.is_multiple_of(10) {
            finished -= fraction(finished);
        }
        let is_notebook = index < self.notebooks;
        let pipeline = if is_notebook { "notebook-analysis" } else { PIPELINES[index % PIPELINES.len()] };
        let started = finished - Duration::from_secs(random.between(10, 7_200));
        let mut spec = RunSpec::new(index as u64 + 1, pipeline, started)
            .log_bytes(random.between(self.log_bytes.0, self.log_bytes.1))
            .metrics_bytes(random.between(200, 9_800));
        spec.finished_at = Some(finished);
        spec.triggered_by = TRIGGERS[index % TRIGGERS.len()].to_owned();
        if is_notebook {
            spec = spec.notebook(random.between(2, 9) as i64);
        }
        match random.between(0, 20) {
            0..14 => spec,
            14..16 => spec.status("FAILED"),
            16 => spec.status("FAILED").without_metrics(),
            17 => spec.status("WARNING"),
            18 => spec.status("INTERRUPTED").with_route(),
            _ => spec.status("INTERRUPTED").metrics_by_name(random.between(200, 9_800)),
        }
    }

    fn refused(&self, base: u64, index: usize) -> RunSpec {
        let finished = self.now - days(50) - Duration::from_secs(base / 10_000 + 61 * index as u64);
        RunSpec::finished(base + index as u64, PIPELINES[index % PIPELINES.len()], finished)
    }

    /// About 300 runs of all kinds for people to look at, one of them with a log of 40 MiB.
    pub fn sample(now: SystemTime) -> Self {
        Fleet { due: 240, notebooks: 12, young: 50, active: 4, log_bytes: (2_000, 60_000), ..Self::two_thousand(now) }
    }

    /// The run with a log of that many bytes, old like the rest.
    pub fn big_run(&self, log_bytes: u64) -> RunSpec {
        let finished = self.now - days(64) - Duration::from_micros(250_000);
        RunSpec::finished(50_000_000, "ml-training", finished).log_bytes(log_bytes).metrics_bytes(120_000)
    }
}

/// What goes beyond a whole second.
fn fraction(time: SystemTime) -> Duration {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Duration::from_nanos(since.subsec_nanos().into())
}
