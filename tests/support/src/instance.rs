//! A Fast-Flow installation in a folder: `data/fastflow.db`, `logs/`, `.env`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use rusqlite::Connection;

use crate::clock::iso_text;
use crate::content::{Content, Digest};
use crate::postgres::{PostgresDatabase, PostgresServer};
use crate::rows;
use crate::run_spec::{LogSource, MetricsSource, RunSpec};
use crate::schema::{self, PostgresTypes};
use crate::session::{Session, Waiting, quoted};
use crate::store::TestStore;
use crate::written::WrittenRun;

/// The Fernet key in every sample `.env`.
pub const ENCRYPTION_KEY: &str = "c2FtcGxlLWtleS1mb3ItdGVzdHMtb25seS0wMTIzNDU=";

/// What the tool's role may do is what the README says.
const README: &str = include_str!("../../../README.md");

/// Adds the rows of a run: the run, `log_file`, `metrics_file`.
type Insert<'a> = dyn FnMut(&RunSpec, &str, Option<&str>) -> Result<()> + 'a;

/// A value of the Settings page, as text; `None` is NULL.
pub struct Setting(Option<String>);

impl From<&str> for Setting {
    fn from(text: &str) -> Setting {
        Setting(Some(text.to_owned()))
    }
}

impl From<&String> for Setting {
    fn from(text: &String) -> Setting {
        Setting(Some(text.clone()))
    }
}

impl From<String> for Setting {
    fn from(text: String) -> Setting {
        Setting(Some(text))
    }
}

impl From<i64> for Setting {
    fn from(number: i64) -> Setting {
        Setting(Some(number.to_string()))
    }
}

impl From<bool> for Setting {
    fn from(flag: bool) -> Setting {
        Setting(Some(i32::from(flag).to_string()))
    }
}

impl From<Option<String>> for Setting {
    fn from(text: Option<String>) -> Setting {
        Setting(text)
    }
}

/// How an [`Instance`] is made.
#[derive(Debug, Clone)]
pub struct InstanceBuilder {
    root: PathBuf,
    old_schema: bool,
    cascade: bool,
    journal_mode: String,
    sqlite: bool,
    types: PostgresTypes,
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

    /// On SQLite, whatever the tests run on: for what is about its file.
    pub fn sqlite(mut self) -> Self {
        self.sqlite = true;
        self
    }

    /// On PostgreSQL the status is text instead of an enum.
    pub fn text_status(mut self) -> Self {
        self.types.text_status = true;
        self
    }

    /// Which times on PostgreSQL are naive: start, end.
    pub fn naive_times(mut self, start: bool, end: bool) -> Self {
        (self.types.naive_start, self.types.naive_end) = (start, end);
        self
    }

    /// Makes folders, database and `.env`; the folder must be empty or absent.
    pub fn build(self) -> Result<Instance> {
        let server = if self.sqlite { None } else { PostgresServer::shared()? };
        let text_status = self.types.text_status;
        let postgres = server.map(PostgresServer::create_database).transpose()?;
        let instance =
            Instance { root: self.root, old_schema: self.old_schema, text_status, runs: Vec::new(), postgres };
        fs::create_dir_all(&instance.root)?;
        if fs::read_dir(&instance.root)?.next().is_some() {
            bail!("folder {} is not empty", instance.root.display());
        }
        for folder in [instance.data_dir(), instance.logs_dir().join("routes"), instance.outside_dir()] {
            fs::create_dir_all(folder)?;
        }
        let tables = if self.old_schema { schema::OLD } else { schema::CURRENT };
        let cells = schema::CELLS.replace("{on_delete}", if self.cascade { "ON DELETE CASCADE" } else { "" });
        match &instance.postgres {
            Some(database) => {
                let tables = [schema::RUN_STATUS, tables, &cells].concat();
                database.connect()?.batch_execute(&schema::on_postgres(&tables, &self.types))?;
                database.grant(README, 0..2)?;
                instance.env(&[("DATABASE_URL", &database.url())])?;
            }
            None => {
                let connection = Connection::open(instance.database())?;
                connection.pragma_update(None, "journal_mode", &self.journal_mode)?;
                connection.execute_batch(&[tables, &cells].concat())?;
            }
        }
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
    text_status: bool,
    runs: Vec<WrittenRun>,
    postgres: Option<PostgresDatabase>,
}

impl Instance {
    /// An installation of today in that folder.
    pub fn create(root: impl Into<PathBuf>) -> Result<Self> {
        Self::builder(root).build()
    }

    /// An installation with choices.
    pub fn builder(root: impl Into<PathBuf>) -> InstanceBuilder {
        InstanceBuilder {
            root: root.into(),
            old_schema: false,
            cascade: false,
            journal_mode: "WAL".to_owned(),
            sqlite: false,
            types: PostgresTypes { text_status: false, naive_start: true, naive_end: false },
        }
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
    pub fn setting(&self, column: &str, value: impl Into<Setting>) -> Result<()> {
        let mut session = self.session()?;
        let Setting(value) = value.into();
        session.execute("INSERT INTO orchestrator_settings (id) VALUES (1) ON CONFLICT DO NOTHING")?;
        let value = value.map_or_else(|| "NULL".to_owned(), |text| quoted(&text));
        session
            .execute(&format!("UPDATE orchestrator_settings SET {column} = {value} WHERE id = 1"))
            .with_context(|| format!("set the Settings page's {column}"))?;
        Ok(())
    }

    /// The database of the instance, where it is one of PostgreSQL.
    pub fn postgres(&self) -> Option<&PostgresDatabase> {
        self.postgres.as_ref()
    }

    /// A session of Fast-Flow's own, on whichever database; kept open it is the live writer beside the tool.
    pub fn session(&self) -> Result<Session> {
        match &self.postgres {
            Some(database) => Ok(Session::Postgres(Box::new(Waiting::new(database.connect()?)))),
            None => Ok(Session::Sqlite(self.connect()?)),
        }
    }

    /// A connection to the SQLite database as Fast-Flow's own: foreign keys off.
    pub fn connect(&self) -> Result<Connection> {
        ensure!(self.postgres.is_none(), "the database of this instance is one of PostgreSQL");
        let connection = Connection::open(self.database())?;
        connection.pragma_update(None, "foreign_keys", false)?;
        connection.busy_timeout(std::time::Duration::from_secs(30))?;
        Ok(connection)
    }

    /// Leaves the instance without its database.
    pub fn take_database_away(&self) -> Result<()> {
        match &self.postgres {
            Some(database) => database.rename(&format!("{}_aside", database.name)),
            None => Ok(fs::rename(self.database(), self.root.join("aside"))?),
        }
    }

    /// Adds a run with all its files.
    pub fn add(&mut self, spec: RunSpec) -> Result<WrittenRun> {
        self.add_all([spec])?;
        Ok(self.runs.last().expect("a run was added just now").clone())
    }

    /// Adds many runs in one transaction.
    pub fn add_all(&mut self, specs: impl IntoIterator<Item = RunSpec>) -> Result<()> {
        let old_schema = self.old_schema;
        let mut session = self.session()?;
        let specs: Vec<RunSpec> = specs.into_iter().collect();
        if let (Session::Postgres(client), false) = (&mut session, self.text_status) {
            // A label of a version to come is one of the enum there, too.
            for status in specs.iter().map(|spec| &spec.status).collect::<BTreeSet<_>>() {
                let sql = format!("ALTER TYPE runstatus ADD VALUE IF NOT EXISTS {}", quoted(status));
                client.ask(|client| Ok(client.batch_execute(&sql)?))?;
            }
        }
        let add = |insert: &mut Insert<'_>| -> Result<()> {
            for spec in specs {
                let id = spec.dashed_id();
                let written = self.write(insert, spec).with_context(|| format!("add run {id}"))?;
                self.runs.push(written);
            }
            Ok(())
        };
        match &mut session {
            Session::Sqlite(connection) => {
                let transaction = connection.transaction()?;
                add(&mut |run, log, metrics| rows::insert(&transaction, run, log, metrics, old_schema))?;
                Ok(transaction.commit()?)
            }
            Session::Postgres(client) => client.ask(|client| {
                let mut transaction = client.transaction()?;
                add(&mut |run, log, metrics| {
                    rows::insert_into_postgres(&mut transaction, run, log, metrics, old_schema)
                })?;
                Ok(transaction.commit()?)
            }),
        }
    }

    /// Every run that was ever added, also those that are gone by now.
    pub fn runs(&self) -> &[WrittenRun] {
        &self.runs
    }

    /// Rows of a table.
    pub fn row_count(&self, table: &str) -> Result<i64> {
        Ok(self.session()?.text(&format!("SELECT COUNT(*) FROM {table}"))?.parse()?)
    }

    /// Whether the run still has its row; the id with or without dashes.
    pub fn run_exists(&self, id: &str) -> Result<bool> {
        self.session()?.exists(&format!("SELECT 1 FROM pipeline_runs WHERE id = '{}'", id.replace('-', "")))
    }

    fn write(&self, insert: &mut Insert<'_>, spec: RunSpec) -> Result<WrittenRun> {
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
        insert(&spec, &log_file, metrics_file.as_deref())?;
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
