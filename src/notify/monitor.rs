//! Monitoring that notices silence: a textfile for Prometheus's node exporter, pings after healthchecks.io's protocol.
//!
//! In: the [`Report`] at its end. Out: a file, written aside and renamed; requests that never change how the command ends.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;

use super::http;
use crate::config::Webhook;
use crate::error::{Error, Kind, Result, Warning};
use crate::exit::Exit;
use crate::report::Report;
use crate::time::Timestamp;

const PREFIX: &str = "fastflow_archive_";
/// One ping.
const PER_PING: Duration = Duration::from_secs(10);

/// Name, help, and whether the value of the last file stays where there is no new one.
const LAST_SUCCESS: (&str, &str) = ("last_success_timestamp_seconds", "When a call last ended with exit code 0.");
const BACKLOG: [(&str, &str); 3] = [
    ("backlog_runs", "Runs that are due and still on the disk."),
    ("backlog_bytes", "What the files of those runs weigh."),
    ("oldest_unarchived_timestamp_seconds", "When the oldest of those runs ended; absent where nothing is left."),
];

/// Writes the figures of this call; what it does not know (the last success, the backlog where no plan was made) is taken
/// from the file as it is.
pub fn write_metrics(path: &Path, report: &Report, now: Timestamp) -> Result<()> {
    let before = std::fs::read_to_string(path).unwrap_or_default();
    let text = metrics(report, &before, now);
    write_aside(path, text.as_bytes()).map_err(|error| {
        Error::caused(Kind::NotificationFailed, format!("write the metrics file `{}`", path.display()), error)
            .hint("check --metrics-file: its folder must be there and writable for this user")
    })
}

fn write_aside(path: &Path, text: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".fastflow-archive").suffix(".tmp").tempfile_in(folder)?;
    file.write_all(text)?;
    // The node exporter reads it as another user.
    file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

/// The value of a metric in a file of ours.
fn value_in<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let line = text.lines().find_map(|line| line.strip_prefix(PREFIX)?.strip_prefix(name)?.strip_prefix(' '))?;
    line.parse::<f64>().ok().map(|_| line)
}

fn metrics(report: &Report, before: &str, now: Timestamp) -> String {
    let exit = report.exit();
    let seconds = |at: Timestamp| format!("{:.3}", at.micros() as f64 / 1e6);
    let kept = |name: &str| value_in(before, name).map(str::to_owned);
    let summary = report.summary();
    let success = if exit == Exit::Done { Some(seconds(now)) } else { kept(LAST_SUCCESS.0) };
    let backlog = match report.backlog() {
        Some(left) => [Some(left.runs.to_string()), Some(left.bytes.0.to_string()), left.oldest.map(seconds)],
        None => BACKLOG.map(|(name, _)| kept(name)),
    };
    let duration = format!("{:.3}", report.duration().as_secs_f64());
    let mut gauges = vec![
        (("last_run_timestamp_seconds", "When the last call ended."), Some(seconds(now))),
        (LAST_SUCCESS, success),
        (("last_run_duration_seconds", "How long the last call took."), Some(duration)),
        (("last_run_exit_code", "The exit code of the last call."), Some(exit.code().to_string())),
        (("runs_archived", "Runs that the last call archived."), Some(summary.runs_archived.to_string())),
        (("runs_deleted", "Runs that the last call deleted."), Some(summary.runs_deleted.to_string())),
        (("runs_failed", "Runs that failed in the last call and were kept."), Some(summary.runs_failed.to_string())),
        (("bytes_uploaded", "Bytes that the last call sent."), Some(summary.bytes_uploaded.0.to_string())),
    ];
    gauges.extend(BACKLOG.into_iter().zip(backlog));
    let mut text = String::new();
    for ((name, help), value) in gauges {
        if let Some(value) = value {
            let _ = writeln!(text, "# HELP {PREFIX}{name} {help}\n# TYPE {PREFIX}{name} gauge\n{PREFIX}{name} {value}");
        }
    }
    let version = env!("CARGO_PKG_VERSION");
    let _ = writeln!(
        text,
        "# HELP {PREFIX}build_info The version of the program.\n# TYPE {PREFIX}build_info gauge\n\
         {PREFIX}build_info{{version=\"{version}\"}} 1"
    );
    text
}

/// A check that is pinged: `/start` now, the end later.
pub struct Ping {
    webhook: Webhook,
    starting: Option<JoinHandle<Option<Warning>>>,
}

impl Ping {
    /// Sends `/start`, without waiting for the answer.
    pub fn start(webhook: Webhook) -> Ping {
        let copy = webhook.clone();
        let starting = std::thread::Builder::new().spawn(move || ping(&copy, "/start", b"")).ok();
        Ping { webhook, starting }
    }

    /// Sends how it ended, with `body` as the check's log. What does not arrive is a warning.
    pub fn end(self, exit: Exit, body: &str) -> Vec<Warning> {
        // Never the start after the end; it has its own time limit.
        let start = self.starting.and_then(|thread| thread.join().ok().flatten());
        let path = if exit == Exit::Done { String::new() } else { format!("/{}", exit.code()) };
        start.into_iter().chain(ping(&self.webhook, &path, body.as_bytes())).collect()
    }
}

fn ping(webhook: &Webhook, path: &str, body: &[u8]) -> Option<Warning> {
    let why = match http::post(webhook, path, "application/json", body, PER_PING) {
        Ok(answer) if (200..300).contains(&answer.status) => return None,
        Ok(answer) => format!("HTTP {}", answer.status),
        Err(why) => why,
    };
    let when = if path == "/start" { "the start" } else { "the end" };
    Some(Warning::new("ping_failed", format!("could not ping {} at {when}: {why}", webhook.host)))
}
