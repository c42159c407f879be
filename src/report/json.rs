//! JSON Lines as cli.md section 4 fixes them.

use std::io::{self, Write};
use std::time::Duration;

use serde_json::{Value, json};

use super::Summary;
use crate::check::{CheckedObject, InArchive, LocalFinding, Restored, RestoredFile};
use crate::config::Source;
use crate::doctor::Check;
use crate::error::{Error, Warning};
use crate::exit::Exit;
use crate::printable::printable_json;
use crate::run::RunId;
use crate::time::Timestamp;

/// Writes one line. It may be read on a terminal, too.
pub(super) fn write(out: &mut dyn Write, line: &Value) -> io::Result<()> {
    writeln!(out, "{}", printable_json(&line.to_string()))
}

/// What went wrong, within a line.
pub(super) fn error(error: &Error) -> Value {
    json!({ "kind": error.kind.name(), "message": error.message(), "hint": error.hint_text() })
}

/// An error that belongs to no run, or to a row that is not readable as one.
pub(super) fn error_line(of: &Error, run: Option<&RunId>) -> Value {
    let mut line = error(of);
    line["type"] = "error".into();
    if let Some(run) = run {
        line["run_id"] = run.to_string().into();
    }
    line
}

pub(super) fn warning(warning: &Warning) -> Value {
    json!({ "type": "warning", "kind": warning.kind, "message": warning.message })
}

pub(super) fn channel(channel: &str, to: Option<&str>) -> Value {
    let state = if to.is_some() { "sent" } else { "not_configured" };
    json!({ "type": "channel", "channel": channel, "state": state, "to": to })
}

pub(super) fn setting(name: &str, value: &str, source: &Source) -> Value {
    json!({ "type": "setting", "name": name, "value": value, "source": source.to_string() })
}

pub(super) fn ledger_check(entries: u64, anchors: Option<u64>, head: &str) -> Value {
    json!({ "type": "ledger_check", "entries": entries, "anchors": anchors, "head": head })
}

pub(super) fn object(object: &CheckedObject) -> Value {
    json!({
        "type": "object",
        "key": object.key,
        "run_id": object.run.map(|run| run.to_string()),
        "state": object.state.name(),
        "expected": object.expected,
        "found": object.found,
    })
}

/// A line of `doctor`.
pub(super) fn check(check: &Check) -> Value {
    json!({
        "type": "check",
        "name": check.name,
        "verdict": check.verdict.name(),
        "message": check.message,
        "hint": check.hint,
    })
}

/// A file of the instance that is not what is in the archive.
pub(super) fn local_file(finding: &LocalFinding) -> Value {
    json!({
        "type": "local_file",
        "run_id": finding.run.to_string(),
        "key": finding.key,
        "path": finding.path,
        "state": finding.state.name(),
        "expected": finding.expected,
        "found": finding.found,
    })
}

pub(super) fn sample(read: u64, runs: u64, seed: u32) -> Value {
    json!({ "type": "sample", "runs_read": read, "runs": runs, "seed": seed })
}

pub(super) fn rebuilt(runs: u64) -> Value {
    json!({ "type": "rebuilt", "runs": runs })
}

/// A line of `list`.
pub(super) fn archived_run(run: &InArchive) -> Value {
    json!({
        "type": "archived_run",
        "run_id": run.run.to_string(),
        "pipeline": run.pipeline,
        "archived_at": run.archived_at.to_string(),
        "objects": run.objects,
        "bytes": run.bytes.0,
        "folder": run.folder,
    })
}

/// A run that is back.
pub(super) fn restored(restored: &Restored) -> Value {
    let file = |file: &RestoredFile| json!({ "name": file.name, "bytes": file.bytes.0, "was_there": file.was_there });
    json!({
        "type": "restored_run",
        "run_id": restored.run.to_string(),
        "pipeline": restored.pipeline,
        "folder": restored.folder.to_string_lossy(),
        "files": restored.files.iter().map(file).collect::<Vec<_>>(),
    })
}

pub(super) fn summary(counts: &Summary, command: &str, started_at: Timestamp, duration: Duration, exit: Exit) -> Value {
    json!({
        "type": "summary",
        "command": command,
        "version": env!("CARGO_PKG_VERSION"),
        "started_at": started_at.to_string(),
        "duration_seconds": (duration.as_secs_f64() * 1000.0).round() / 1000.0,
        "runs_due": counts.runs_due,
        "runs_archived": counts.runs_archived,
        "runs_already_archived": counts.runs_already_archived,
        "runs_deleted": counts.runs_deleted,
        "runs_failed": counts.runs_failed,
        "runs_kept": counts.runs_kept,
        "runs_not_attempted": counts.runs_not_attempted,
        "logs_truncated": counts.logs_truncated,
        "bytes_due": counts.bytes_due.0,
        "bytes_uploaded": counts.bytes_uploaded.0,
        "objects_uploaded": counts.objects_uploaded,
        "objects_checked": counts.objects_checked,
        "runs_restored": counts.runs_restored,
        "files_restored": counts.files_restored,
        "bytes_restored": counts.bytes_restored.0,
        "differences": counts.differences,
        "exit_code": exit.code(),
    })
}
