//! A run to be added to an instance: every column and every file of it, with defaults that make an ordinary run.

use std::time::{Duration, SystemTime};

use crate::content::{Content, Random};

/// What a cleanup by age should make of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fate {
    /// Due, and nothing stands against it.
    Archived,
    /// Finished, and young enough to stay.
    Young,
    /// PENDING or RUNNING.
    Active,
    /// Due, but its log is none that may be read or removed.
    Refused,
}

/// Where the log of a run is.
#[derive(Debug, Clone)]
pub enum LogSource {
    /// In the log directory.
    File(Content),
    /// A symbolic link in the log directory to a file outside.
    Symlink(Content),
    /// Outside the log directory, named by `/app/logs/../outside/...`.
    Outside(Content),
    /// Nowhere.
    Missing,
}

/// Where the metrics of a run are.
#[derive(Debug, Clone)]
pub enum MetricsSource {
    /// Named by the row.
    Named(Content),
    /// `{run_id}_metrics.jsonl`, while the row's `metrics_file` is NULL (cancelled runs).
    ByName(Content),
    /// There are none.
    None,
}

/// One row of `run_cell_logs`.
#[derive(Debug, Clone)]
pub struct Cell {
    /// Second half of the primary key.
    pub index: i64,
    /// `SUCCESS` or `FAILED`.
    pub status: String,
    /// Text, NULL where the cell printed nothing.
    pub stdout: Option<String>,
    /// Text, NULL where the cell printed nothing.
    pub stderr: Option<String>,
    /// JSON text, often with a base64 image.
    pub outputs: Option<String>,
}

/// A run to be added; made by [`RunSpec::new`] and changed by its setters or fields.
#[derive(Debug, Clone)]
pub struct RunSpec {
    /// Primary key: 32 hex digits.
    pub id: String,
    /// Pipeline.
    pub pipeline: String,
    /// Label as stored.
    pub status: String,
    /// Start; also part of the file names.
    pub started_at: SystemTime,
    /// End, NULL for active runs.
    pub finished_at: Option<SystemTime>,
    /// Text of the `started_at` column instead of the instant's.
    pub started_at_text: Option<String>,
    /// Text of the `finished_at` column instead of the instant's.
    pub finished_at_text: Option<String>,
    /// What names of files begin with, instead of `{pipeline}_{started_at}`.
    pub stem: Option<String>,
    /// Text of the `log_file` column instead of `/app/logs/{pipeline}_{started_at}.log`.
    pub log_file: Option<String>,
    /// The log.
    pub log: LogSource,
    /// The metrics.
    pub metrics: MetricsSource,
    /// Cells of a notebook run, in any order.
    pub cells: Vec<Cell>,
    /// Whether `logs/routes/{run_id}.route` exists.
    pub route: bool,
    /// A value in `env_vars` that must never be seen again.
    pub secret: String,
    /// JSON text of `env_vars` instead of `{"DB_PASSWORD": secret}`.
    pub env_vars: Option<String>,
    /// JSON text of `parameters`.
    pub parameters: Option<String>,
    /// Exit code.
    pub exit_code: Option<i64>,
    /// `manual`, `webhook`, `scheduler`, `daemon_restart` or `downstream`.
    pub triggered_by: String,
    /// Git commit of the pipeline's code.
    pub git_sha: Option<String>,
    /// Whether the pipeline has a row in `pipelines`.
    pub known_pipeline: bool,
    /// What a cleanup by age should make of it.
    pub fate: Fate,
}

impl RunSpec {
    /// An ordinary run: SUCCESS, a log of 2 KiB, metrics of 300 bytes, ended 90 s after its start. `number` makes the id.
    pub fn new(number: u64, pipeline: &str, started_at: SystemTime) -> Self {
        let mut random = Random::new(number);
        let (high, low) = (random.next_u64(), random.next_u64());
        let high = (high & !0xf000) | 0x4000;
        let low = (low & !(0b11 << 62)) | (0b10 << 62);
        RunSpec {
            id: format!("{high:016x}{low:016x}"),
            pipeline: pipeline.to_owned(),
            status: "SUCCESS".to_owned(),
            started_at,
            finished_at: Some(started_at + Duration::from_secs(90)),
            started_at_text: None,
            finished_at_text: None,
            stem: None,
            log_file: None,
            log: LogSource::File(Content::Lines { seed: number, bytes: 2048 }),
            metrics: MetricsSource::Named(Content::Lines { seed: !number, bytes: 300 }),
            cells: Vec::new(),
            route: false,
            secret: format!("env-secret-{number}"),
            env_vars: None,
            parameters: Some(format!(r#"{{"batch":{number},"region":"eu-central-1"}}"#)),
            exit_code: Some(0),
            triggered_by: "scheduler".to_owned(),
            git_sha: Some(format!(
                "{:016x}{:016x}{:08x}",
                random.next_u64(),
                random.next_u64(),
                random.next_u64() as u32
            )),
            known_pipeline: true,
            fate: Fate::Archived,
        }
    }

    /// A run that ended at `finished_at` after a minute and a half.
    pub fn finished(number: u64, pipeline: &str, finished_at: SystemTime) -> Self {
        RunSpec::new(number, pipeline, finished_at - Duration::from_secs(90))
    }

    /// Sets the status; PENDING and RUNNING also drop the end, FAILED the exit code 0.
    pub fn status(mut self, status: &str) -> Self {
        self.status = status.to_owned();
        match status {
            "PENDING" | "RUNNING" => {
                self.finished_at = None;
                self.exit_code = None;
                self.fate = Fate::Active;
            }
            "FAILED" => self.exit_code = Some(1),
            "INTERRUPTED" => self.exit_code = None,
            _ => {}
        }
        self
    }

    /// Sets what a cleanup by age should make of it.
    pub fn fate(mut self, fate: Fate) -> Self {
        self.fate = fate;
        self
    }

    /// A log of that many bytes.
    pub fn log_bytes(mut self, bytes: u64) -> Self {
        self.log = LogSource::File(Content::Lines { seed: self.seed(), bytes });
        self
    }

    /// A log with these bytes.
    pub fn log_text(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.log = LogSource::File(Content::Bytes(text.into()));
        self
    }

    /// The row names a log that does not exist.
    pub fn without_log(mut self) -> Self {
        self.log = LogSource::Missing;
        self
    }

    /// The log is a symbolic link to a file outside the log directory.
    pub fn log_symlink(mut self) -> Self {
        self.log = LogSource::Symlink(Content::Lines { seed: self.seed(), bytes: 999 });
        self.fate(Fate::Refused)
    }

    /// The log lies outside the log directory, and the row leads there by `..`.
    pub fn log_outside(mut self) -> Self {
        self.log = LogSource::Outside(Content::Lines { seed: self.seed(), bytes: 999 });
        self.fate(Fate::Refused)
    }

    /// What names of files begin with, where the pipeline's name cannot be a part of one.
    pub fn stem(mut self, stem: &str) -> Self {
        self.stem = Some(stem.to_owned());
        self
    }

    /// Text of the `log_file` column; no file is made for it.
    pub fn log_file(mut self, text: &str) -> Self {
        self.log_file = Some(text.to_owned());
        self.without_log()
    }

    /// Metrics of that many bytes, named by the row.
    pub fn metrics_bytes(mut self, bytes: u64) -> Self {
        self.metrics = MetricsSource::Named(Content::Lines { seed: !self.seed(), bytes });
        self
    }

    /// Metrics of that many bytes that only their name connects with the run.
    pub fn metrics_by_name(mut self, bytes: u64) -> Self {
        self.metrics = MetricsSource::ByName(Content::Lines { seed: !self.seed(), bytes });
        self
    }

    /// No metrics.
    pub fn without_metrics(mut self) -> Self {
        self.metrics = MetricsSource::None;
        self
    }

    /// Makes it a notebook run with that many cells; the second one holds an image.
    pub fn notebook(mut self, count: i64) -> Self {
        let mut random = Random::new(self.seed());
        self.cells = (0..count)
            .map(|index| Cell {
                index,
                status: "SUCCESS".to_owned(),
                stdout: Some(format!("cell {index}: Größe {}\nfertig\n", random.next_u64())),
                stderr: (index % 3 == 0).then(|| "FutureWarning: \"quoted\"\n".to_owned()),
                outputs: (index == 1).then(|| {
                    let image: String = (0..64).map(|_| format!("{:016x}", random.next_u64())).collect();
                    format!(r#"[{{"output_type":"display_data","data":{{"image/png":"{image}"}}}}]"#)
                }),
            })
            .collect();
        self
    }

    /// Adds `logs/routes/{run_id}.route`.
    pub fn with_route(mut self) -> Self {
        self.route = true;
        self
    }

    /// The pipeline gets no row in `pipelines`.
    pub fn unknown_pipeline(mut self) -> Self {
        self.known_pipeline = false;
        self
    }

    /// The id as people write it, with dashes.
    pub fn dashed_id(&self) -> String {
        let id = &self.id;
        format!("{}-{}-{}-{}-{}", &id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..])
    }

    fn seed(&self) -> u64 {
        u64::from_str_radix(&self.id[..16], 16).expect("an id is 32 hex digits")
    }
}
