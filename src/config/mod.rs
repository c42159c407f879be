//! Flags, Settings page, environment and `.env` become one resolved value, once; the core sees only that.
//!
//! In: [`crate::cli::Cli`] and the [`Layers`]. Out: [`Host`] (where the instance is), then [`Config`] (everything), each value
//! with its source. Opens nothing but `.env`, secret files and the CA bundle; never prints and never sets a variable.

mod archive;
mod ca_bundle;
mod channels;
mod database;
mod dotenv;
mod endpoint;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod layers;
mod place;
mod postgres;
mod secret;
mod settings;
mod smtp;
mod webhook;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) use archive::breaks_stores;
#[cfg(any(test, fuzzing))]
pub(crate) use archive::prefix_problem;
pub use archive::{Archive, Credentials, Encryption, Target};
pub use channels::{Channels, Language};
pub use database::Database;
pub use dotenv::Dotenv;
pub use layers::{Key, Layers, Setting, Source};
pub use place::{LEDGER_SCHEMA, LedgerPlace};
pub use postgres::{PostgresAddress, TlsMode};
pub use secret::Secret;
pub use settings::SettingsPage;
pub use smtp::{Smtp, SmtpTls};
pub use webhook::Webhook;

use crate::bytes::ByteSize;
use crate::cli::{GlobalArgs, RetentionArgs, Selecting, Typed};
use crate::error::{Error, Kind, Result, Warning};

const LOG_RETENTION_RUNS: Key =
    Key { variable: "LOG_RETENTION_RUNS", option: Some("log_retention_runs"), column: Some("log_retention_runs") };
const LOG_RETENTION_DAYS: Key =
    Key { variable: "LOG_RETENTION_DAYS", option: Some("log_retention_days"), column: Some("log_retention_days") };
const LOG_MAX_SIZE_MB: Key =
    Key { variable: "LOG_MAX_SIZE_MB", option: Some("log_max_size_mb"), column: Some("log_max_size_mb") };

/// Lines of `.env` that are named one by one; what is not a `.env` at all may have a million.
const LINES_NAMED: usize = 20;

/// The lookup of a process environment: names and values that are valid Unicode.
pub fn process_environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// Reads `.env` (or the named file) and stacks the layers, the Settings page still missing.
///
/// A named file that cannot be read is an error; lines that cannot be parsed are warnings, as Fast-Flow goes on too.
pub fn read_layers(
    global: &GlobalArgs,
    typed: Typed,
    environment: BTreeMap<String, String>,
) -> Result<(Layers, Vec<Warning>)> {
    let path = global.env_file.clone().unwrap_or_else(|| PathBuf::from(".env"));
    let dotenv = match std::fs::read(&path) {
        Ok(bytes) => Dotenv::parse(&bytes, &|name| environment.get(name).cloned()),
        Err(error) if global.env_file.is_none() && error.kind() == std::io::ErrorKind::NotFound => Dotenv::default(),
        Err(error) => {
            let named = if global.env_file.is_some() { "--env-file" } else { "default" };
            let context = format!("read `{}` ({named})", path.display());
            let hint = if error.kind() == std::io::ErrorKind::PermissionDenied {
                let user = rustix::process::geteuid().as_raw();
                format!("make it readable for user {user}, or run as the user it belongs to")
            } else {
                "name the .env file of Fast-Flow with --env-file, readable for this user".to_owned()
            };
            return Err(Error::caused(Kind::MissingFile, context, error).hint(hint));
        }
    };
    let problems = dotenv.problems();
    let warning = |message| Warning::new("env_file_line", message);
    let named = problems.iter().take(LINES_NAMED);
    let mut warnings: Vec<_> =
        named.map(|line| warning(format!("{}:{line}: cannot be parsed and is left out", path.display()))).collect();
    let more = problems.len() - warnings.len();
    if more > 0 {
        warnings.push(warning(format!("{}: {more} more lines cannot be parsed and are left out", path.display())));
    }
    Ok((Layers::new(typed, environment, dotenv, &path), warnings))
}

/// One translation of paths as the orchestrator sees them to paths here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathMapping {
    /// Leading folders in the database, such as `/app/logs`.
    pub from: PathBuf,
    /// The same folder here.
    pub to: PathBuf,
}

/// Where the instance is.
#[derive(Debug, Clone)]
pub struct Host {
    /// The database.
    pub database: Setting<Database>,
    /// Fast-Flow's data directory.
    pub data_dir: Setting<PathBuf>,
    /// The log directory.
    pub logs_dir: Setting<PathBuf>,
    /// Where ledger and lock are.
    pub ledger: Setting<LedgerPlace>,
    /// Translations, the more specific first.
    pub path_map: Setting<Vec<PathMapping>>,
    /// Whether the Settings page counts.
    pub ui_settings: Setting<bool>,
}

impl Host {
    /// Finds the instance; needs no database yet.
    pub fn resolve(layers: &Layers, global: &GlobalArgs) -> Result<Host> {
        let folder = |variable, option, typed: &Option<String>, default: &str| {
            let key = Key { variable, option: Some(option), column: None };
            let text = layers.text(key, typed.as_deref());
            text.map_or_else(|| Setting::default(PathBuf::from(default)), |text| text.map(PathBuf::from))
        };
        let data_dir = folder("DATA_DIR", "data_dir", &global.data_dir, "./data");
        let logs_dir = folder("LOGS_DIR", "logs_dir", &global.logs_dir, "./logs");
        let url = Key { variable: "DATABASE_URL", option: Some("database"), column: None };
        let zone = global.database_timezone.as_deref().filter(|zone| !zone.trim().is_empty());
        let variable = |name: &str| layers.variable(name).map(|setting| setting.value);
        let url = layers.text(url, global.database.as_deref());
        let database = Database::resolve(url, &data_dir.value, zone, &variable)?;
        let state_dir = global.state_dir.as_deref().filter(|dir| !dir.is_empty());
        let state_dir =
            state_dir.map(|dir| Setting { value: PathBuf::from(dir), source: layers.option_source("state_dir") });
        let ledger = LedgerPlace::resolve(state_dir, &database.value, &data_dir.value);
        let path_map = path_map(layers, &global.path_map, &logs_dir.value)?;
        let ui_settings = if global.no_ui_settings {
            Setting { value: false, source: layers.option_source("no_ui_settings") }
        } else {
            Setting::default(true)
        };
        Ok(Host { database, data_dir, logs_dir, ledger, path_map, ui_settings })
    }
}

fn path_map(layers: &Layers, given: &[String], logs_dir: &Path) -> Result<Setting<Vec<PathMapping>>> {
    let default = PathMapping { from: PathBuf::from("/app/logs"), to: logs_dir.to_owned() };
    if given.is_empty() {
        return Ok(Setting::default(vec![default]));
    }
    let mut maps = Vec::new();
    for pair in given {
        match pair.split_once('=') {
            Some((from, to)) if from.starts_with('/') && !to.is_empty() => {
                maps.push(PathMapping { from: from.into(), to: to.into() });
            }
            _ => {
                let source = layers.option_source("path_map");
                let message = format!("use `--path-map {}` ({source})", pair.escape_debug());
                return Err(Error::new(Kind::InvalidSetting, message)
                    .hint("write FROM=TO with an absolute FROM, such as /app/logs=/srv/fastflow/logs"));
            }
        }
    }
    if !maps.iter().any(|map| map.from == default.from) {
        maps.push(default);
    }
    maps.sort_by_key(|map| std::cmp::Reverse(map.from.components().count()));
    Ok(Setting { value: maps, source: layers.option_source("path_map") })
}

/// The retention rules.
#[derive(Debug, Clone)]
pub struct Retention {
    /// Runs kept per pipeline; `None`: unlimited.
    pub runs: Setting<Option<u64>>,
    /// Days that a run is kept after its end; `None`: unlimited.
    pub days: Setting<Option<u64>>,
    /// The longest log; `None`: unlimited.
    pub log_max_size: Setting<Option<ByteSize>>,
    /// What ended less than this ago is left alone.
    pub min_age: Setting<Duration>,
}

impl Retention {
    /// Resolves and judges the rules.
    pub fn resolve(layers: &Layers, args: &RetentionArgs) -> Result<Retention> {
        let megabytes = layers.limit(LOG_MAX_SIZE_MB, args.log_max_size_mb.as_deref())?;
        let min_age_source = layers.given("min_age");
        Ok(Retention {
            runs: layers.limit(LOG_RETENTION_RUNS, args.log_retention_runs.as_deref())?,
            days: layers.limit(LOG_RETENTION_DAYS, args.log_retention_days.as_deref())?,
            log_max_size: megabytes.map(|limit| limit.map(ByteSize::mib)),
            min_age: Setting { value: args.min_age, source: min_age_source },
        })
    }

    /// Whether any rule is set.
    pub fn is_any_set(&self) -> bool {
        self.runs.value.is_some() || self.days.value.is_some() || self.log_max_size.value.is_some()
    }
}

/// What Fast-Flow's own cleanup goes by: its Settings page, then its variables, never our options. `None`: unlimited.
#[derive(Debug, Clone)]
pub struct OwnCleanup {
    /// Runs kept per pipeline.
    pub runs: Option<Setting<u64>>,
    /// Days that a run is kept.
    pub days: Option<Setting<u64>>,
    /// The longest log, in MiB.
    pub log_max_size_mb: Option<Setting<u64>>,
    /// Whether it sends runs to S3 before it deletes them.
    pub backs_up: bool,
}

impl OwnCleanup {
    /// Reads what Fast-Flow reads; `page` also counts where `--no-ui-settings` leaves it out for us.
    pub fn of(layers: &Layers, page: &SettingsPage) -> OwnCleanup {
        let text = |key: Key| {
            let column = key.column.and_then(|column| Some((column, page.get(column)?)));
            let of_page =
                column.map(|(column, value)| Setting { value: value.to_owned(), source: Source::SettingsPage(column) });
            of_page.or_else(|| layers.variable(key.variable))
        };
        let limit = |key| -> Option<Setting<u64>> {
            let text: Setting<String> = text(key)?;
            let number = text.value.trim().parse().ok().filter(|number: &u64| *number > 0)?;
            Some(text.map(|_| number))
        };
        let enabled = Key { variable: "S3_BACKUP_ENABLED", option: None, column: Some("s3_backup_enabled") };
        let is_true = |text: Setting<String>| text.value.trim().eq_ignore_ascii_case("true") || text.value == "1";
        OwnCleanup {
            runs: limit(LOG_RETENTION_RUNS),
            days: limit(LOG_RETENTION_DAYS),
            log_max_size_mb: limit(LOG_MAX_SIZE_MB),
            backs_up: text(enabled).is_some_and(is_true),
        }
    }
}

/// Everything an invocation is told, resolved.
pub struct Config {
    /// Where the instance is.
    pub host: Host,
    /// What is due.
    pub retention: Retention,
    /// Where the archive is, or why there is none.
    pub archive: Archive,
    /// How operators are told.
    pub channels: Channels,
}

impl Config {
    /// Resolves and judges every setting; the Settings page must be among the layers by now.
    pub fn resolve(layers: &Layers, given: &Selecting<'_>, host: Host) -> Result<Config> {
        let retention = Retention::resolve(layers, &given.selection.retention)?;
        let archive = Archive::resolve(layers, given.archive)?;
        Ok(Config { host, retention, archive, channels: Channels::resolve(layers) })
    }

    /// Name, shown value and source of every setting, secrets as `set`.
    pub fn listing(&self) -> Vec<(&'static str, String, Source)> {
        let unlimited = |limit: Option<u64>| limit.map_or_else(|| "unlimited".to_owned(), |limit| limit.to_string());
        let path = |path: &PathBuf| path.display().to_string();
        let maps = self.host.path_map.value.iter();
        let maps: Vec<_> = maps.map(|map| format!("{}={}", map.from.display(), map.to.display())).collect();
        let size = self.retention.log_max_size.value;
        let mut list = vec![
            ("database", self.host.database.value.to_string(), self.host.database.source.clone()),
            ("data-dir", path(&self.host.data_dir.value), self.host.data_dir.source.clone()),
            ("logs-dir", path(&self.host.logs_dir.value), self.host.logs_dir.source.clone()),
            ("state-dir", self.host.ledger.value.to_string(), self.host.ledger.source.clone()),
            ("path-map", maps.join(", "), self.host.path_map.source.clone()),
            ("ui-settings", self.host.ui_settings.value.to_string(), self.host.ui_settings.source.clone()),
            ("log-retention-runs", unlimited(self.retention.runs.value), self.retention.runs.source.clone()),
            ("log-retention-days", unlimited(self.retention.days.value), self.retention.days.source.clone()),
            (
                "log-max-size-mb",
                size.map_or_else(|| "unlimited".to_owned(), |size| size.to_string()),
                self.retention.log_max_size.source.clone(),
            ),
            (
                "min-age",
                crate::time::days_and_less(self.retention.min_age.value),
                self.retention.min_age.source.clone(),
            ),
        ];
        list.extend(self.archive.listing());
        list.extend(self.channels.listing());
        list
    }
}

#[cfg(test)]
mod tests;
