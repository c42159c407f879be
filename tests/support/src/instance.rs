//! A Fast-Flow installation in a folder: `data/fastflow.db`, `logs/`, `.env`.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rusqlite::{Connection, ToSql};

use crate::clock::iso_text;
use crate::content::{Content, Digest};
use crate::rows;
use crate::run_spec::{LogSource, MetricsSource, RunSpec};
use crate::schema;
use crate::store::TestStore;
use crate::written::WrittenRun;

/// The Fernet key in every sample `.env`.
pub const ENCRYPTION_KEY: &str = "c2FtcGxlLWtleS1mb3ItdGVzdHMtb25seS0wMTIzNDU=";

/// How an [`Instance`] is made.
#[derive(Debug, Clone)]
pub struct InstanceBuilder {
    root: PathBuf,
    old_schema: bool,
    cascade: bool,
    journal_mode: String,
}

impl InstanceBuilder {
    /// A database from before `git_*`, `run_config_id`, the Settings page and the audit log.
    pub fn old_schema(mut self) -> Self {
        self.old_schema = true;
        self
    }

    /// The foreign key of the cells says ON DELETE CASCADE, as in a migrated database.
    pub fn cascade(mut self) -> Self {
        self.cascade = true;
        self
    }

    /// Another journal mode than Fast-Flow's `WAL`.
    pub fn journal_mode(mut self, mode: &str) -> Self {
        self.journal_mode = mode.to_owned();
        self
    }

    /// Makes folders, database and `.env`; the folder must be empty or absent.
    pub fn build(self) -> Result<Instance> {
        let instance = Instance { root: self.root, old_schema: self.old_schema, runs: Vec::new() };
        fs::create_dir_all(&instance.root)?;
        if fs::read_dir(&instance.root)?.next().is_some() {
            bail!("folder {} is not empty", instance.root.display());
        }
        for folder in [instance.data_dir(), instance.logs_dir().join("routes"), instance.outside_dir()] {
            fs::create_dir_all(folder)?;
        }
        let connection = Connection::open(instance.database())?;
        connection.pragma_update(None, "journal_mode", &self.journal_mode)?;
        connection.execute_batch(if self.old_schema { schema::OLD } else { schema::CURRENT })?;
        let on_delete = if self.cascade { "ON DELETE CASCADE" } else { "" };
        connection.execute_batch(&schema::CELLS.replace("{on_delete}", on_delete))?;
        instance.env(&[
            ("ENCRYPTION_KEY", ENCRYPTION_KEY),
            ("DATA_DIR", "./data"),
            ("LOGS_DIR", "./logs"),
            ("FRONTEND_URL", "http://fastflow.example.com"),
        ])?;
        Ok(instance)
    }
}

/// A sample Fast-Flow installation that remembers every run it was given.
#[derive(Debug)]
pub struct Instance {
    root: PathBuf,
    old_schema: bool,
    runs: Vec<WrittenRun>,
}

impl Instance {
    /// An installation of today in that folder.
    pub fn create(root: impl Into<PathBuf>) -> Result<Self> {
        Self::builder(root).build()
    }

    /// An installation with choices.
    pub fn builder(root: impl Into<PathBuf>) -> InstanceBuilder {
        InstanceBuilder { root: root.into(), old_schema: false, cascade: false, journal_mode: "WAL".to_owned() }
    }

    /// The folder that holds it all, from which the tool is started.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// `data/`.
    pub fn data_dir(&self) -> PathBuf {
        self.root.join("data")
    }

    /// `logs/`.
    pub fn logs_dir(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// `outside/`, beside the log directory: targets of links and of paths that lead out.
    pub fn outside_dir(&self) -> PathBuf {
        self.root.join("outside")
    }

    /// `data/fastflow.db`.
    pub fn database(&self) -> PathBuf {
        self.data_dir().join("fastflow.db")
    }

    /// `.env`.
    pub fn env_file(&self) -> PathBuf {
        self.root.join(".env")
    }

    /// Appends `NAME=value` lines to `.env`; a value with anything but plain characters is put into double quotes.
    pub fn env(&self, lines: &[(&str, &str)]) -> Result<()> {
        let plain = |value: &str| value.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:=+,@%".contains(c));
        let mut text = String::new();
        for (name, value) in lines {
            let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
            text += &if plain(value) { format!("{name}={value}\n") } else { format!("{name}=\"{escaped}\"\n") };
        }
        self.env_text(&text)
    }

    /// Appends text to `.env` as it is.
    pub fn env_text(&self, text: &str) -> Result<()> {
        let mut file = OpenOptions::new().create(true).append(true).open(self.env_file())?;
        Ok(file.write_all(text.as_bytes())?)
    }

    /// Appends the S3 settings that lead to a store, with the keys of its user who may only put.
    pub fn point_at(&self, store: &TestStore) -> Result<()> {
        let keys = store.writer();
        self.env(&[
            ("S3_BACKUP_ENABLED", "true"),
            ("S3_ENDPOINT_URL", &store.endpoint()),
            ("S3_BUCKET", store.bucket()),
            ("S3_ACCESS_KEY", &keys.access_key),
            ("S3_SECRET_ACCESS_KEY", &keys.secret_key),
        ])?;
        match store.ca_file() {
            Some(file) => self.env(&[("S3_CA_BUNDLE", &file.to_string_lossy())]),
            None => Ok(()),
        }
    }

    /// Sets one column of the Settings page's row.
    pub fn setting(&self, column: &str, value: impl ToSql) -> Result<()> {
        let connection = self.connect()?;
        connection.execute("INSERT OR IGNORE INTO orchestrator_settings (id) VALUES (1)", [])?;
        connection
            .execute(&format!("UPDATE orchestrator_settings SET {column} = ?1 WHERE id = 1"), [value])
            .with_context(|| format!("set the Settings page's {column}"))?;
        Ok(())
    }

    /// A connection as Fast-Flow's own: foreign keys off. Kept open it is the live writer beside the tool.
    pub fn connect(&self) -> Result<Connection> {
        let connection = Connection::open(self.database())?;
        connection.pragma_update(None, "foreign_keys", false)?;
        connection.busy_timeout(std::time::Duration::from_secs(30))?;
        Ok(connection)
    }

    /// Adds a run with all its files.
    pub fn add(&mut self, spec: RunSpec) -> Result<WrittenRun> {
        self.add_all([spec])?;
        Ok(self.runs.last().expect("a run was added just now").clone())
    }

    /// Adds many runs in one transaction.
    pub fn add_all(&mut self, specs: impl IntoIterator<Item = RunSpec>) -> Result<()> {
        let mut connection = self.connect()?;
        let transaction = connection.transaction()?;
        for spec in specs {
            let id = spec.dashed_id();
            let written = self.write(&transaction, spec).with_context(|| format!("add run {id}"))?;
            self.runs.push(written);
        }
        Ok(transaction.commit()?)
    }

    /// Every run that was ever added, also those that are gone by now.
    pub fn runs(&self) -> &[WrittenRun] {
        &self.runs
    }

    /// Rows of a table.
    pub fn row_count(&self, table: &str) -> Result<i64> {
        Ok(self.connect()?.query_row(&format!("SELECT COUNT(*) FROM {table}"), [], |row| row.get(0))?)
    }

    /// Whether the run still has its row; the id with or without dashes.
    pub fn run_exists(&self, id: &str) -> Result<bool> {
        let sql = "SELECT COUNT(*) FROM pipeline_runs WHERE id = ?1";
        let count: i64 = self.connect()?.query_row(sql, [id.replace('-', "")], |row| row.get(0))?;
        Ok(count == 1)
    }

    fn write(&self, connection: &Connection, spec: RunSpec) -> Result<WrittenRun> {
        let stem = spec.stem.clone();
        let stem = stem.unwrap_or_else(|| format!("{}_{}", spec.pipeline, iso_text(spec.started_at)));
        let mut files = BTreeMap::new();
        let (log_name, dashed) = (format!("{stem}.log"), spec.dashed_id());
        let mut log_file = format!("/app/logs/{log_name}");
        let log_path = match &spec.log {
            LogSource::Missing => None,
            LogSource::File(content) => {
                let path = self.logs_dir().join(&log_name);
                files.insert("run.log", self.write_file(&path, content, &spec)?);
                Some(path)
            }
            LogSource::Symlink(content) => {
                let (path, target) = (self.logs_dir().join(&log_name), self.outside_dir().join(&log_name));
                self.write_file(&target, content, &spec)?;
                std::os::unix::fs::symlink(&target, &path)?;
                Some(path)
            }
            LogSource::Outside(content) => {
                log_file = format!("/app/logs/../outside/{log_name}");
                let path = self.outside_dir().join(&log_name);
                self.write_file(&path, content, &spec)?;
                Some(path)
            }
        };
        let log_file = spec.log_file.clone().unwrap_or(log_file);
        let (metrics_name, metrics) = match &spec.metrics {
            MetricsSource::None => (None, None),
            MetricsSource::Named(content) => (Some(format!("{stem}_metrics.jsonl")), Some(content)),
            MetricsSource::ByName(content) => (Some(format!("{dashed}_metrics.jsonl")), Some(content)),
        };
        let metrics_path = metrics_name.as_ref().map(|name| self.logs_dir().join(name));
        if let (Some(path), Some(content)) = (&metrics_path, metrics) {
            files.insert("metrics.jsonl", self.write_file(path, content, &spec)?);
        }
        let metrics_file = match spec.metrics {
            MetricsSource::Named(_) => metrics_name.map(|name| format!("/app/logs/{name}")),
            _ => None,
        };
        let route_path = spec.route.then(|| self.logs_dir().join("routes").join(format!("{dashed}.route")));
        if let Some(path) = &route_path {
            fs::write(path, "route\n")?;
        }
        rows::insert(connection, &spec, &log_file, metrics_file.as_deref(), self.old_schema)?;
        let mut cells = spec.cells;
        cells.sort_by_key(|cell| cell.index);
        Ok(WrittenRun {
            id: dashed,
            pipeline: spec.pipeline,
            status: spec.status,
            started_at: spec.started_at,
            finished_at: spec.finished_at,
            fate: spec.fate,
            secret: spec.secret,
            log_file,
            log_path,
            metrics_path,
            route_path,
            cells,
            files,
        })
    }

    /// A file whose modification time is the run's end, as it is when the run wrote it.
    fn write_file(&self, path: &Path, content: &Content, spec: &RunSpec) -> Result<Digest> {
        let file = File::create_new(path).with_context(|| format!("create {}", path.display()))?;
        let digest = content.write_to(&file)?;
        file.set_modified(spec.finished_at.unwrap_or(spec.started_at))?;
        Ok(digest)
    }
}
