//! Every flag and its help: what the user typed, nothing computed.
//!
//! In: arguments and `FASTFLOW_ARCHIVE_*` variables. Out: [`Cli`] and, for each value, whether it was typed or came from a
//! variable ([`Typed`]). Values that Fast-Flow also has (retention, S3) stay text here: `config` judges them, so that a bad
//! one is named the same way wherever it came from.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, ColorChoice, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::bytes::ByteRate;
use crate::run::RunId;
use crate::time::Timestamp;

/// Moves finished Fast-Flow runs into an S3 archive, proves that they arrived, and only then deletes them
#[derive(Parser)]
#[command(name = "fastflow-archive", version, propagate_version = true, max_term_width = 100, after_help = AFTER_HELP)]
pub struct Cli {
    #[command(flatten)]
    /// Options of every subcommand.
    pub global: GlobalArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const AFTER_HELP: &str = "\
Exit codes: 0 done or nothing due; 1 could not do the job; 2 usage; 3 some runs failed and were kept; 4 differences were found; 10 configuration; \
11 locked by another instance; 12 storage unreachable or refusing before any run succeeded; 13 a guard stopped it before \
anything changed; 130/143 after SIGINT/SIGTERM.

Durations are written with units: 10m, 36h, 30d, 1w; M is a month of 30.44 days; a bare number is refused.";

/// The subcommands.
#[derive(Subcommand)]
pub enum Command {
    /// Show what is due, why, and how much; changes nothing and needs no S3 access
    Plan(PlanArgs),
    /// Archive the due runs, delete nothing
    Backup(BackupArgs),
    /// Archive the due runs, then delete them, run by run
    Cleanup(CleanupArgs),
    /// Compare the archive with receipts and manifests, change nothing
    Verify(VerifyArgs),
    /// Bring archived files of runs back into a folder, or whole runs into the instance
    Restore(RestoreArgs),
    /// Show what is archived, from the ledger or from the bucket
    List(ListArgs),
    /// Check, print or rebuild the record of what was done
    #[command(subcommand)]
    Ledger(LedgerCommand),
    /// Tell operators by e-mail and Microsoft Teams
    #[command(subcommand)]
    Notify(NotifyCommand),
    /// Say line by line what is well and what is not, and what to do; leaves one small object in the bucket
    Doctor(DoctorArgs),
}

/// What `notify` does.
#[derive(Subcommand)]
pub enum NotifyCommand {
    /// Send a marked message on each configured channel, and say for each what happened
    Test,
}

/// What to do with the ledger.
#[derive(Subcommand)]
pub enum LedgerCommand {
    /// Check the chain of entries, and the anchors in the bucket where they can be read
    Verify(LedgerVerifyArgs),
    /// Print the entries; with --json each line as it was hashed
    Export(LedgerExportArgs),
    /// Write receipts back from the manifests in the bucket, after the ledger was lost
    Rebuild(LedgerRebuildArgs),
}

/// Options of `ledger verify`.
#[derive(Args)]
pub struct LedgerVerifyArgs {
    #[command(flatten)]
    /// Where the archive is.
    pub archive: ArchiveArgs,
}

/// Options of `ledger rebuild`.
#[derive(Args)]
pub struct LedgerRebuildArgs {
    #[command(flatten)]
    /// Where the archive is.
    pub archive: ArchiveArgs,
}

/// Options of `verify`.
#[derive(Args)]
pub struct VerifyArgs {
    /// Only runs of this pipeline; repeatable
    #[arg(
        long,
        value_name = "NAME",
        env = "FASTFLOW_ARCHIVE_PIPELINE",
        hide_env_values = true,
        help_heading = "Selection"
    )]
    pub pipeline: Vec<String>,
    /// Only this run; repeatable
    #[arg(long, value_name = "ID", env = "FASTFLOW_ARCHIVE_RUN", hide_env_values = true, help_heading = "Selection")]
    pub run: Vec<String>,
    /// Only runs that were archived longer ago than this
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration, env = "FASTFLOW_ARCHIVE_OLDER_THAN", hide_env_values = true, help_heading = "Selection")]
    pub older_than: Option<Duration>,
    /// At most this many runs: with --deep or --sample the least recently read, else those archived first
    #[arg(long, value_name = "N", env = "FASTFLOW_ARCHIVE_LIMIT", hide_env_values = true, help_heading = "Selection")]
    pub limit: Option<u64>,
    #[command(flatten)]
    /// Taken as everywhere, and judged; what is archived is checked whatever is due.
    pub retention: RetentionArgs,
    /// Also look at what is in the bucket without a receipt
    #[arg(long, conflicts_with_all = ["older_than", "limit"], env = "FASTFLOW_ARCHIVE_ALL", hide_env_values = true, value_parser = FalseyValueParser::new(), help_heading = "Selection")]
    pub all: bool,
    /// Download and hash every object
    #[arg(long, env = "FASTFLOW_ARCHIVE_DEEP", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub deep: bool,
    /// Look at every object, and download and hash those of this share of the runs: the least recently read, then by chance
    #[arg(long, value_name = "PERCENT", value_parser = percent, conflicts_with = "deep", env = "FASTFLOW_ARCHIVE_SAMPLE", hide_env_values = true)]
    pub sample: Option<f64>,
    #[command(flatten)]
    /// Where the archive is.
    pub archive: ArchiveArgs,
    #[command(flatten)]
    /// What monitoring is told.
    pub monitor: MonitorArgs,
}

/// Options of `doctor`: those of `cleanup` that decide what is due and where it goes.
#[derive(Args)]
pub struct DoctorArgs {
    #[command(flatten)]
    /// Which runs.
    pub selection: SelectionArgs,
    #[command(flatten)]
    /// Where the archive is.
    pub archive: ArchiveArgs,
}

/// Options of `ledger export`.
#[derive(Args)]
pub struct LedgerExportArgs {
    /// Only entries written at or after this, as 2026-08-04 or 2026-08-04T02:00:00Z
    #[arg(long, value_name = "TIME", value_parser = point_in_time, env = "FASTFLOW_ARCHIVE_SINCE", hide_env_values = true)]
    pub since: Option<Timestamp>,
}

/// The options that `plan`, `backup` and `cleanup` share.
pub struct Selecting<'a> {
    /// Which runs.
    pub selection: &'a SelectionArgs,
    /// Where the archive is.
    pub archive: &'a ArchiveArgs,
    /// Whether `--all` was given; never for `cleanup`.
    pub all: bool,
    /// Whether `--dry-run` was given.
    pub dry_run: bool,
}

impl Command {
    /// The name as typed.
    pub fn name(&self) -> &'static str {
        match self {
            Command::Plan(_) => "plan",
            Command::Backup(_) => "backup",
            Command::Cleanup(_) => "cleanup",
            Command::Restore(_) => "restore",
            Command::List(_) => "list",
            Command::Ledger(LedgerCommand::Verify(_)) => "ledger verify",
            Command::Ledger(LedgerCommand::Export(_)) => "ledger export",
            Command::Ledger(LedgerCommand::Rebuild(_)) => "ledger rebuild",
            Command::Verify(_) => "verify",
            Command::Notify(NotifyCommand::Test) => "notify test",
            Command::Doctor(_) => "doctor",
        }
    }

    /// What the commands over the shared selection have in common; `None` for the others.
    pub fn selecting(&self) -> Option<Selecting<'_>> {
        let (selection, archive, all, dry_run) = match self {
            Command::Plan(args) => (&args.selection, &args.archive, args.all.all, false),
            Command::Backup(args) => (&args.selection, &args.archive, args.all.all, args.dry_run),
            Command::Cleanup(args) => (&args.selection, &args.archive, false, args.dry_run),
            Command::Doctor(args) => (&args.selection, &args.archive, false, false),
            Command::Verify(_) | Command::Restore(_) | Command::List(_) | Command::Ledger(_) | Command::Notify(_) => {
                return None;
            }
        };
        Some(Selecting { selection, archive, all, dry_run })
    }

    /// Whether it changes archive or instance.
    pub fn spends(&self) -> bool {
        match self {
            Command::Backup(args) => !args.dry_run,
            Command::Cleanup(args) => !args.dry_run,
            _ => false,
        }
    }

    /// When operators are told; never where nothing is changed.
    pub fn notify(&self) -> NotifyWhen {
        match self {
            Command::Backup(args) if !args.dry_run => args.notify.notify,
            Command::Cleanup(args) if !args.dry_run => args.notify.notify,
            _ => NotifyWhen::Never,
        }
    }

    /// What monitoring is told; a rehearsal tells it nothing.
    pub fn monitor(&self) -> Option<&MonitorArgs> {
        match self {
            Command::Backup(args) if !args.dry_run => Some(&args.monitor),
            Command::Cleanup(args) if !args.dry_run => Some(&args.monitor),
            Command::Verify(args) => Some(&args.monitor),
            _ => None,
        }
    }

    /// The pipelines and the runs that are named.
    fn named_mut(&mut self) -> Option<(&mut Vec<String>, &mut Vec<String>)> {
        let selection = match self {
            Command::Plan(args) => &mut args.selection,
            Command::Backup(args) => &mut args.selection,
            Command::Cleanup(args) => &mut args.selection,
            Command::Doctor(args) => &mut args.selection,
            Command::Verify(args) => return Some((&mut args.pipeline, &mut args.run)),
            Command::Restore(_) | Command::List(_) | Command::Ledger(_) | Command::Notify(_) => return None,
        };
        Some((&mut selection.pipeline, &mut selection.run))
    }

    /// Pipelines of the commands that read the archive.
    fn archived_pipelines_mut(&mut self) -> Option<&mut Vec<String>> {
        match self {
            Command::Restore(args) => Some(&mut args.pipeline),
            Command::List(args) => Some(&mut args.pipeline),
            _ => None,
        }
    }
}

/// Options of every subcommand.
#[derive(Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalArgs {
    /// File with Fast-Flow's settings, read as Fast-Flow reads it [default: ./.env where it exists]
    #[arg(long, global = true, value_name = "FILE", env = "FASTFLOW_ARCHIVE_ENV_FILE", hide_env_values = true)]
    pub env_file: Option<PathBuf>,
    /// Fast-Flow's data directory [Fast-Flow: DATA_DIR] [default: ./data]
    #[arg(long, global = true, value_name = "DIR", env = "FASTFLOW_ARCHIVE_DATA_DIR", hide_env_values = true)]
    pub data_dir: Option<String>,
    /// Fast-Flow's log directory [Fast-Flow: LOGS_DIR] [default: ./logs]
    #[arg(long, global = true, value_name = "DIR", env = "FASTFLOW_ARCHIVE_LOGS_DIR", hide_env_values = true)]
    pub logs_dir: Option<String>,
    /// Fast-Flow's database [Fast-Flow: DATABASE_URL] [default: SQLite, fastflow.db in the data directory]
    #[arg(long, global = true, value_name = "URL", env = "FASTFLOW_ARCHIVE_DATABASE", hide_env_values = true)]
    pub database: Option<String>,
    /// Zone of naive time columns of PostgreSQL, such as Europe/Berlin [default: the session's, as for Fast-Flow]
    #[arg(
        long,
        global = true,
        value_name = "ZONE",
        env = "FASTFLOW_ARCHIVE_DATABASE_TIMEZONE",
        hide_env_values = true
    )]
    pub database_timezone: Option<String>,
    /// Folder of ledger and lock [default: the data directory; with PostgreSQL none, but a schema in the database]
    #[arg(long, global = true, value_name = "DIR", env = "FASTFLOW_ARCHIVE_STATE_DIR", hide_env_values = true)]
    pub state_dir: Option<String>,
    /// How paths in the database translate to paths here; repeatable [default: /app/logs=<logs-dir>]
    #[arg(long, global = true, value_name = "FROM=TO", env = "FASTFLOW_ARCHIVE_PATH_MAP", hide_env_values = true)]
    pub path_map: Vec<String>,
    /// Leave the Settings page of Fast-Flow out of account
    #[arg(long, global = true, env = "FASTFLOW_ARCHIVE_NO_UI_SETTINGS", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub no_ui_settings: bool,
    /// How long to wait for another instance to finish
    #[arg(long, global = true, value_name = "DURATION", default_value = "0s", value_parser = humantime::parse_duration, env = "FASTFLOW_ARCHIVE_LOCK_WAIT", hide_env_values = true)]
    pub lock_wait: Duration,
    /// Print JSON Lines on stdout instead of text
    #[arg(long, global = true, env = "FASTFLOW_ARCHIVE_JSON", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub json: bool,
    /// Print nothing but errors and warnings
    #[arg(short, long, global = true, env = "FASTFLOW_ARCHIVE_QUIET", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub quiet: bool,
    /// Print more: settings with their sources, every run
    #[arg(short, long, global = true, action = clap::ArgAction::Count, env = "FASTFLOW_ARCHIVE_VERBOSE", hide_env_values = true)]
    pub verbose: u8,
    /// When to colour: NO_COLOR beats CLICOLOR_FORCE beats this
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        env = "FASTFLOW_ARCHIVE_COLOR",
        hide_env_values = true
    )]
    pub color: ColorChoice,
}

/// Which runs.
#[derive(Args)]
#[command(next_help_heading = "Selection")]
pub struct SelectionArgs {
    /// Only runs of this pipeline; repeatable
    #[arg(long, value_name = "NAME", env = "FASTFLOW_ARCHIVE_PIPELINE", hide_env_values = true)]
    pub pipeline: Vec<String>,
    /// Only this run; repeatable. A run that is not due is reported, not archived
    #[arg(long, value_name = "ID", env = "FASTFLOW_ARCHIVE_RUN", hide_env_values = true)]
    pub run: Vec<String>,
    /// Only runs that ended longer ago than this
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration, env = "FASTFLOW_ARCHIVE_OLDER_THAN", hide_env_values = true)]
    pub older_than: Option<Duration>,
    /// At most this many runs, the oldest first
    #[arg(long, value_name = "N", env = "FASTFLOW_ARCHIVE_LIMIT", hide_env_values = true)]
    pub limit: Option<usize>,
    #[command(flatten)]
    /// What is due.
    pub retention: RetentionArgs,
}

/// What makes runs due.
#[derive(Args)]
#[command(next_help_heading = "Selection")]
pub struct RetentionArgs {
    /// Runs kept per pipeline; 0 or empty: unlimited [Fast-Flow: LOG_RETENTION_RUNS]
    #[arg(
        long,
        value_name = "N",
        allow_hyphen_values = true,
        env = "FASTFLOW_ARCHIVE_LOG_RETENTION_RUNS",
        hide_env_values = true
    )]
    pub log_retention_runs: Option<String>,
    /// Days that a run is kept after its end; 0 or empty: unlimited [Fast-Flow: LOG_RETENTION_DAYS]
    #[arg(
        long,
        value_name = "N",
        allow_hyphen_values = true,
        env = "FASTFLOW_ARCHIVE_LOG_RETENTION_DAYS",
        hide_env_values = true
    )]
    pub log_retention_days: Option<String>,
    /// Longest log in MiB; 0 or empty: unlimited [Fast-Flow: LOG_MAX_SIZE_MB]
    #[arg(
        long,
        value_name = "N",
        allow_hyphen_values = true,
        env = "FASTFLOW_ARCHIVE_LOG_MAX_SIZE_MB",
        hide_env_values = true
    )]
    pub log_max_size_mb: Option<String>,
    /// Leave alone what ended less than this ago
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = humantime::parse_duration, env = "FASTFLOW_ARCHIVE_MIN_AGE", hide_env_values = true)]
    pub min_age: Duration,
}

/// `--all`, where nothing is deleted.
#[derive(Args)]
#[command(next_help_heading = "Selection")]
pub struct AllArgs {
    /// Every finished run, due or not
    #[arg(long, env = "FASTFLOW_ARCHIVE_ALL", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub all: bool,
}

/// How much an answer of the store must prove before anything may be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum ProofLevel {
    /// The store confirmed the digests it was sent; works with a key that may only put
    Receipt,
    /// Also a HEAD request that shows size and digest
    Head,
    /// Also read back and hashed
    Readback,
}

/// Where the archive is.
#[derive(Args)]
#[command(next_help_heading = "Archive")]
pub struct ArchiveArgs {
    /// Address of the store [Fast-Flow: S3_ENDPOINT_URL]
    #[arg(long, value_name = "URL", env = "FASTFLOW_ARCHIVE_S3_ENDPOINT_URL", hide_env_values = true)]
    pub s3_endpoint_url: Option<String>,
    /// Bucket [Fast-Flow: S3_BUCKET]
    #[arg(long, value_name = "NAME", env = "FASTFLOW_ARCHIVE_S3_BUCKET", hide_env_values = true)]
    pub s3_bucket: Option<String>,
    /// Region [Fast-Flow: S3_REGION] [default: us-east-1]
    #[arg(long, value_name = "NAME", env = "FASTFLOW_ARCHIVE_S3_REGION", hide_env_values = true)]
    pub s3_region: Option<String>,
    /// First part of every key [Fast-Flow: S3_PREFIX] [default: pipeline-logs]
    #[arg(long, value_name = "PREFIX", env = "FASTFLOW_ARCHIVE_S3_PREFIX", hide_env_values = true)]
    pub s3_prefix: Option<String>,
    /// Bucket in the path instead of the host name [Fast-Flow: S3_USE_PATH_STYLE] [default: true]
    #[arg(long, value_name = "BOOL", env = "FASTFLOW_ARCHIVE_S3_USE_PATH_STYLE", hide_env_values = true)]
    pub s3_use_path_style: Option<String>,
    /// Whether there is an archive [Fast-Flow: S3_BACKUP_ENABLED] [default: true where S3 is configured]
    #[arg(long, value_name = "BOOL", env = "FASTFLOW_ARCHIVE_S3_BACKUP_ENABLED", hide_env_values = true)]
    pub s3_backup_enabled: Option<String>,
    /// What must be proven before anything may be deleted
    #[arg(
        long,
        value_name = "LEVEL",
        default_value = "receipt",
        env = "FASTFLOW_ARCHIVE_PROOF",
        hide_env_values = true
    )]
    pub proof: ProofLevel,
    /// Runs, and objects, on their way at the same time; fewer while the store asks for less
    #[arg(long, value_name = "N", default_value = "16", value_parser = clap::value_parser!(u16).range(1..=1024), env = "FASTFLOW_ARCHIVE_CONCURRENCY", hide_env_values = true)]
    pub concurrency: u16,
}

/// How fast it may send.
#[derive(Args)]
#[command(next_help_heading = "Archive")]
pub struct TransferArgs {
    /// Send at most this much in a second: 10M, 512K, 1.5G (binary units; a bare number counts KiB), or off
    #[arg(long, value_name = "RATE", env = "FASTFLOW_ARCHIVE_BWLIMIT", hide_env_values = true)]
    pub bwlimit: Option<ByteRate>,
}

/// When operators are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum NotifyWhen {
    /// After every call
    Always,
    /// When something went wrong, and once when all is well again
    Failure,
    /// Never
    Never,
}

/// Whether operators are told.
#[derive(Args)]
#[command(next_help_heading = "Telling operators")]
pub struct NotifyArgs {
    /// When to send a message by e-mail and Microsoft Teams; the same trouble at most once a day
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "failure",
        env = "FASTFLOW_ARCHIVE_NOTIFY",
        hide_env_values = true
    )]
    pub notify: NotifyWhen,
}

/// What monitoring is told.
#[derive(Args, Default)]
#[command(next_help_heading = "Telling operators")]
pub struct MonitorArgs {
    /// File for the textfile collector of Prometheus's node exporter, such as /var/lib/node_exporter/fastflow.prom
    #[arg(long, value_name = "FILE", env = "FASTFLOW_ARCHIVE_METRICS_FILE", hide_env_values = true)]
    pub metrics_file: Option<PathBuf>,
    /// Address of a check at healthchecks.io or the like, pinged at start and end
    #[arg(long, value_name = "URL", env = "FASTFLOW_ARCHIVE_PING_URL", hide_env_values = true)]
    pub ping_url: Option<String>,
}

/// Options of `plan`.
#[derive(Args)]
pub struct PlanArgs {
    #[command(flatten)]
    /// Which runs.
    pub selection: SelectionArgs,
    #[command(flatten)]
    /// `--all`.
    pub all: AllArgs,
    #[command(flatten)]
    /// Where the archive is.
    pub archive: ArchiveArgs,
}

/// Options of `backup`.
#[derive(Args)]
pub struct BackupArgs {
    #[command(flatten)]
    /// Which runs.
    pub selection: SelectionArgs,
    #[command(flatten)]
    /// `--all`.
    pub all: AllArgs,
    #[command(flatten)]
    /// Where the archive is.
    pub archive: ArchiveArgs,
    #[command(flatten)]
    /// How fast it may send.
    pub transfer: TransferArgs,
    #[command(flatten)]
    /// Whether operators are told.
    pub notify: NotifyArgs,
    #[command(flatten)]
    /// What monitoring is told.
    pub monitor: MonitorArgs,
    /// Show what would be done, change nothing
    #[arg(short = 'n', long, env = "FASTFLOW_ARCHIVE_DRY_RUN", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub dry_run: bool,
    #[command(flatten)]
    /// `--accept-moved-logs`.
    pub moved: MovedArgs,
}

/// `--accept-moved-logs`, where a guard would stop.
#[derive(Args)]
pub struct MovedArgs {
    /// Go on although the log directory lies on another volume than last time
    #[arg(long, env = "FASTFLOW_ARCHIVE_ACCEPT_MOVED_LOGS", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub accept_moved_logs: bool,
}

/// Options of `cleanup`.
#[derive(Args)]
pub struct CleanupArgs {
    #[command(flatten)]
    /// Which runs.
    pub selection: SelectionArgs,
    #[command(flatten)]
    /// Where the archive is.
    pub archive: ArchiveArgs,
    #[command(flatten)]
    /// How fast it may send.
    pub transfer: TransferArgs,
    #[command(flatten)]
    /// Whether operators are told.
    pub notify: NotifyArgs,
    #[command(flatten)]
    /// What monitoring is told.
    pub monitor: MonitorArgs,
    /// Show what would be done, change nothing
    #[arg(short = 'n', long, env = "FASTFLOW_ARCHIVE_DRY_RUN", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub dry_run: bool,
    /// Stop before anything is changed when more runs than this are due
    #[arg(long, value_name = "N", env = "FASTFLOW_ARCHIVE_MAX_DELETE", hide_env_values = true)]
    pub max_delete: Option<usize>,
    #[command(flatten)]
    /// `--accept-moved-logs`.
    pub moved: MovedArgs,
    /// Archive and delete runs whose log is missing, with what there is
    #[arg(long, env = "FASTFLOW_ARCHIVE_ALLOW_MISSING_LOGS", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub allow_missing_logs: bool,
}

/// Options of `restore`.
#[derive(Args)]
#[command(group = clap::ArgGroup::new("which").required(true).args(["runs", "pipeline"]))]
#[command(group = clap::ArgGroup::new("whither").required(true).args(["to", "to_instance"]))]
pub struct RestoreArgs {
    /// These runs
    #[arg(value_name = "RUN_ID", value_parser = run_id, conflicts_with_all = ["since", "until"])]
    pub runs: Vec<RunId>,
    /// All archived runs of this pipeline; repeatable
    #[arg(long, value_name = "NAME", env = "FASTFLOW_ARCHIVE_PIPELINE", hide_env_values = true)]
    pub pipeline: Vec<String>,
    #[command(flatten)]
    /// Of when.
    pub archived: ArchivedArgs,
    /// Folder that gets PIPELINE/RUN_ID/ with the files of each run; made where it is missing
    #[arg(long, value_name = "DIR", env = "FASTFLOW_ARCHIVE_TO", hide_env_values = true)]
    pub to: Option<PathBuf>,
    /// Bring log and metrics back to their places, and row and cells into the database, where no row has the id
    #[arg(long, env = "FASTFLOW_ARCHIVE_TO_INSTANCE", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub to_instance: bool,
    /// Leave what was cut off logs in pieces, instead of joining it with the rest
    #[arg(long, conflicts_with = "to_instance", env = "FASTFLOW_ARCHIVE_RAW", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub raw: bool,
    /// Replace files that are there and differ
    #[arg(long, conflicts_with = "to_instance", env = "FASTFLOW_ARCHIVE_OVERWRITE", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub overwrite: bool,
    /// Look for the runs in the bucket, also where there is a ledger
    #[arg(long, env = "FASTFLOW_ARCHIVE_REMOTE", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub remote: bool,
    #[command(flatten)]
    /// Where the archive is.
    pub archive: ArchiveArgs,
}

/// Options of `list`.
#[derive(Args)]
pub struct ListArgs {
    /// Only runs of this pipeline; repeatable
    #[arg(long, value_name = "NAME", env = "FASTFLOW_ARCHIVE_PIPELINE", hide_env_values = true)]
    pub pipeline: Vec<String>,
    #[command(flatten)]
    /// Of when.
    pub archived: ArchivedArgs,
    /// What is in the bucket, instead of what the ledger says
    #[arg(long, env = "FASTFLOW_ARCHIVE_REMOTE", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub remote: bool,
    #[command(flatten)]
    /// Where the archive is.
    pub archive: ArchiveArgs,
}

/// When runs were archived.
#[derive(Args)]
pub struct ArchivedArgs {
    /// Only runs that were archived at or after this, as 2026-08-04 or 2026-08-04T02:00:00Z
    #[arg(long, value_name = "TIME", value_parser = point_in_time, env = "FASTFLOW_ARCHIVE_SINCE", hide_env_values = true)]
    pub since: Option<Timestamp>,
    /// Only runs that were archived before this
    #[arg(long, value_name = "TIME", value_parser = point_in_time, env = "FASTFLOW_ARCHIVE_UNTIL", hide_env_values = true)]
    pub until: Option<Timestamp>,
}

fn run_id(text: &str) -> Result<RunId, String> {
    text.parse().map_err(|error: crate::run::InvalidRunId| error.to_string())
}

/// Where each given value came from: typed as a flag, or from its `FASTFLOW_ARCHIVE_*` variable.
#[derive(Default)]
pub struct Typed {
    from_variable: HashMap<String, bool>,
}

impl Typed {
    /// Whether the option with this clap id came from its variable and not from the command line.
    pub fn from_variable(&self, id: &str) -> bool {
        self.from_variable.get(id).copied().unwrap_or(false)
    }

    /// Whether the option was given at all.
    pub fn contains(&self, id: &str) -> bool {
        self.from_variable.contains_key(id)
    }

    fn collect(&mut self, matches: &ArgMatches) {
        for id in matches.ids() {
            let source = matches.value_source(id.as_str());
            if matches!(source, Some(ValueSource::EnvVariable | ValueSource::CommandLine)) {
                self.from_variable.insert(id.to_string(), source == Some(ValueSource::EnvVariable));
            }
        }
        if let Some((_, subcommand)) = matches.subcommand() {
            self.collect(subcommand);
        }
    }
}

impl Cli {
    /// Parses the arguments; the first is the program's name. An `Err` is help, version or a usage error of clap.
    pub fn parse_typed(args: impl IntoIterator<Item = OsString>) -> Result<(Cli, Typed), clap::Error> {
        let matches = Cli::command().try_get_matches_from(args)?;
        let mut cli = Cli::from_arg_matches(&matches)?;
        let mut typed = Typed::default();
        typed.collect(&matches);
        if typed.from_variable("path_map") {
            cli.global.path_map = comma_separated(&cli.global.path_map);
        }
        if let Some(pipelines) = cli.command.archived_pipelines_mut().filter(|_| typed.from_variable("pipeline")) {
            *pipelines = comma_separated(pipelines);
        }
        let Some((pipelines, runs)) = cli.command.named_mut() else { return Ok((cli, typed)) };
        if typed.from_variable("pipeline") {
            *pipelines = comma_separated(pipelines);
        }
        if typed.from_variable("run") {
            *runs = comma_separated(runs);
        }
        if let Some(bad) = runs.iter().find(|id| id.parse::<RunId>().is_err()) {
            let message = format!(
                "invalid value '{}' for '--run <ID>': 32 hex digits, with or without dashes",
                bad.escape_debug()
            );
            return Err(Cli::command().error(clap::error::ErrorKind::ValueValidation, message));
        }
        Ok((cli, typed))
    }
}

/// A date, or an instant in UTC.
fn point_in_time(text: &str) -> Result<Timestamp, String> {
    let whole = Timestamp::from_rfc3339(text).or_else(|| Timestamp::from_sqlite(text));
    let found = whole.or_else(|| Timestamp::from_sqlite(format!("{text} 00:00:00")));
    found.ok_or_else(|| "write it as 2026-08-04 or 2026-08-04T02:00:00Z (UTC)".to_owned())
}

/// `5` or `5%`: above 0, at most 100.
fn percent(text: &str) -> Result<f64, String> {
    let share = text.trim_end_matches('%').parse::<f64>().ok().filter(|share| *share > 0.0 && *share <= 100.0);
    share.ok_or_else(|| "write it as 5 or 5%, above 0 and at most 100".to_owned())
}

fn comma_separated(values: &[String]) -> Vec<String> {
    values
        .iter()
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definitions_hold_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn cleanup_refuses_all() {
        let error = Cli::parse_typed(["fastflow-archive", "cleanup", "--all"].map(OsString::from)).err().unwrap();
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn every_option_has_its_variable() {
        fn check(command: &clap::Command) {
            let options = command.get_arguments().filter(|arg| !arg.is_positional());
            for arg in options.filter(|arg| !matches!(arg.get_id().as_str(), "help" | "version")) {
                let long = arg.get_long().unwrap_or_default();
                let expected = format!("FASTFLOW_ARCHIVE_{}", long.to_uppercase().replace('-', "_"));
                assert_eq!(arg.get_env().and_then(|name| name.to_str()), Some(expected.as_str()), "--{long}");
            }
            command.get_subcommands().for_each(check);
        }
        check(&Cli::command());
    }
}
