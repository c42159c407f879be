//! Text for people: tables that fit 80 columns, one line a failure, hints below, totals last.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::Summary;
use super::style::{bold, cyan, green, red, yellow};
use crate::bytes::ByteSize;
use crate::check::{CheckedObject, InArchive, LocalFinding, LocalState, Restored, State};
use crate::config::Source;
use crate::doctor::{Check, Verdict};
use crate::error::{Error, Kind, Warning};
use crate::flow::Signal;
use crate::plan::NotDue;
use crate::printable::{printable, shortened};
use crate::run::Run;
use crate::time::Timestamp;

/// Columns for a pipeline's name in tables.
const NAME_COLUMNS: usize = 26;

/// A failure as one line.
pub(super) struct Failure {
    kind: Kind,
    line: String,
    hint: Option<String>,
}

impl Failure {
    pub(super) fn of_run(run: &Run, error: &Error) -> Failure {
        let id = run.id.to_string();
        let message = error.message();
        // The message may name the run already.
        let line = if message.contains(&id) {
            message
        } else {
            format!("{message} (run {id} of `{}`)", shortened(&run.pipeline))
        };
        Failure { kind: error.kind, line, hint: error.hint_text().map(str::to_owned) }
    }

    pub(super) fn of_row(error: &Error) -> Failure {
        Failure { kind: error.kind, line: error.message(), hint: error.hint_text().map(str::to_owned) }
    }
}

/// Why the rest was not attempted.
pub(super) struct Causes<'a> {
    pub(super) cause: Option<&'a Error>,
    pub(super) signal: Option<Signal>,
}

/// How an invocation ended.
pub(super) struct Ended {
    pub(super) command: &'static str,
    pub(super) dry_run: bool,
    pub(super) duration: Duration,
}

pub(super) fn error(out: &mut dyn Write, colored: bool, error: &Error) -> io::Result<()> {
    writeln!(out, "{} failed to {}", red(colored, "error:"), printable(&error.message()))?;
    hint(out, colored, error.hint_text())
}

fn hint(out: &mut dyn Write, colored: bool, text: Option<&str>) -> io::Result<()> {
    match text {
        Some(text) => writeln!(out, "  {} {}", cyan(colored, "hint:"), printable(text)),
        None => Ok(()),
    }
}

pub(super) fn warning(out: &mut dyn Write, colored: bool, warning: &Warning) -> io::Result<()> {
    writeln!(out, "{} {}", yellow(colored, "warning:"), printable(&warning.message))
}

pub(super) fn settings(out: &mut dyn Write, list: &[(&'static str, String, Source)]) -> io::Result<()> {
    let widest = |column: fn(&(&'static str, String, Source)) -> usize| list.iter().map(column).max().unwrap_or(0);
    let names = widest(|(name, ..)| name.len());
    let values = widest(|(_, value, _)| value.width()).min(36);
    for (name, value, source) in list {
        let value = printable(value);
        let padding = " ".repeat(values.saturating_sub(value.width()));
        writeln!(out, "{name:names$}  {value}{padding}  ({})", printable(&source.to_string()))?;
    }
    writeln!(out)
}

pub(super) fn channel(out: &mut dyn Write, channel: &str, to: Option<&str>) -> io::Result<()> {
    match to {
        Some(to) => writeln!(out, "{channel}: sent to {}", printable(to)),
        None => writeln!(out, "{channel}: not configured"),
    }
}

pub(super) fn not_due(out: &mut dyn Write, not_due: &NotDue) -> io::Result<()> {
    writeln!(
        out,
        "run {} of `{}` is not due: {}",
        not_due.run.id,
        printable(&shortened(&not_due.run.pipeline)),
        not_due.why
    )
}

pub(super) fn ledger_check(
    out: &mut dyn Write,
    entries: u64,
    anchors: Option<u64>,
    head: &str,
    is_whole: bool,
) -> io::Result<()> {
    let chain = if is_whole { "the chain is whole" } else { "the chain is broken" };
    let anchors = match anchors {
        Some(1) => "1 anchor in the bucket matches".to_owned(),
        Some(count) => format!("{count} anchors in the bucket match"),
        None => "anchors not checked".to_owned(),
    };
    writeln!(out, "{entries} entries, {chain}; {anchors}.\nHead {head}")
}

/// An object that is not as it should be, in one line.
pub(super) fn object(out: &mut dyn Write, colored: bool, object: &CheckedObject) -> io::Result<()> {
    let state = match object.state {
        State::Missing => "is missing",
        State::Differs => "differs",
        State::Unexpected => "is unexpected",
        State::Unreadable | State::Ok => "cannot be checked",
    };
    let run = object.run.map(|run| format!(" (run {run})")).unwrap_or_default();
    let is_unreadable = object.state == State::Unreadable;
    let expected = object.expected.as_ref().filter(|_| !is_unreadable).map(|expected| format!("expected {expected}"));
    let found = object.found.as_ref().map(|found| if is_unreadable { found.clone() } else { format!("found {found}") });
    let details = expected.into_iter().chain(found).collect::<Vec<_>>().join(", ");
    let key = printable(&object.key);
    writeln!(out, "{} `{key}` {state}{run}: {}", red(colored, "error:"), printable(&details))
}

/// A local file that is not what is in the archive, in one line.
pub(super) fn local_file(out: &mut dyn Write, colored: bool, finding: &LocalFinding) -> io::Result<()> {
    let LocalFinding { run, path, expected, found, .. } = finding;
    let (path, found) = (printable(path), printable(found));
    let what = match finding.state {
        LocalState::Unreadable => format!("cannot be compared with the archive (run {run}): {found}"),
        _ => format!(
            "is not what is in the archive (run {run}): the archive has {expected}, here are {found}; it was changed after it \
             was archived, or damaged since"
        ),
    };
    writeln!(out, "{} `{path}` {what}", red(colored, "error:"))
}

/// `12 objects checked in 0.1 s: 1 missing, 1 differs.`
pub(super) fn archive_check(
    out: &mut dyn Write,
    colored: bool,
    found: &BTreeMap<State, u64>,
    duration: Duration,
) -> io::Result<()> {
    let objects: u64 = found.values().sum();
    let not_ok = found.iter().filter(|(state, _)| **state != State::Ok);
    let mut kinds: Vec<String> = not_ok.map(|(state, count)| format!("{count} {}", state.name())).collect();
    if kinds.is_empty() {
        kinds.push("no differences".to_owned());
    }
    let objects = if objects == 1 { "1 object".to_owned() } else { format!("{objects} objects") };
    let kinds = bold(colored, &kinds.join(", "));
    writeln!(out, "{objects} checked in {:.1} s: {kinds}.", duration.as_secs_f64())
}

/// A line of `doctor`: how it stands, what, and what was found.
pub(super) fn check(out: &mut dyn Write, colored: bool, check: &Check) -> io::Result<()> {
    let verdict = format!("{:<7}", check.verdict.name());
    let verdict = match check.verdict {
        Verdict::Ok => green(colored, &verdict),
        Verdict::Warning => yellow(colored, &verdict),
        Verdict::Problem => red(colored, &verdict),
        Verdict::Skipped => verdict,
    };
    writeln!(out, "{verdict}  {:<17}  {}", check.name.replace('_', " "), printable(&check.message))?;
    hint(out, colored, check.hint.as_deref())
}

/// `2 problems, 1 warning, 17 ok.`
pub(super) fn checks(out: &mut dyn Write, colored: bool, found: &BTreeMap<Verdict, u64>) -> io::Result<()> {
    let counted = |verdict: Verdict, one: &str, many: &str| match found.get(&verdict) {
        None => None,
        Some(1) => Some(format!("1 {one}")),
        Some(count) => Some(format!("{count} {many}")),
    };
    let parts = [
        counted(Verdict::Problem, "problem", "problems"),
        counted(Verdict::Warning, "warning", "warnings"),
        counted(Verdict::Ok, "ok", "ok"),
        counted(Verdict::Skipped, "not checked", "not checked"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    writeln!(out, "{}.", bold(colored, &parts.join(", ")))
}

/// The columns of `list`.
pub(super) fn listing_header(out: &mut dyn Write, colored: bool) -> io::Result<()> {
    let header = format!("{:<36}  {:<16}  {:>7}  {:>10}  PIPELINE", "RUN", "ARCHIVED", "OBJECTS", "SIZE");
    writeln!(out, "{}", bold(colored, &header))
}

pub(super) fn archived_run(out: &mut dyn Write, run: &InArchive) -> io::Result<()> {
    let InArchive { run: id, objects, bytes, .. } = run;
    let pipeline = shortened(run.pipeline.as_deref().unwrap_or_default());
    let at = run.archived_at.to_minute();
    writeln!(out, "{id}  {at:<16}  {objects:>7}  {bytes:>10}  {}", printable(&pipeline))
}

pub(super) fn listed(out: &mut dyn Write, colored: bool, count: u64, objects: u64, bytes: ByteSize) -> io::Result<()> {
    match count {
        0 => writeln!(out, "Nothing that was asked for is archived."),
        _ => writeln!(out, "{}: {objects} objects, {bytes}.", bold(colored, &runs(count, "archived"))),
    }
}

pub(super) fn restored(out: &mut dyn Write, restored: &Restored) -> io::Result<()> {
    let bytes: ByteSize = restored.files.iter().map(|file| file.bytes).sum();
    let folder = restored.folder.to_string_lossy();
    writeln!(out, "{}  {bytes:>10}  {}", restored.run, printable(&folder))
}

pub(super) fn restored_totals(
    out: &mut dyn Write,
    colored: bool,
    summary: &Summary,
    duration: Duration,
) -> io::Result<()> {
    let mut parts = vec![runs(summary.runs_restored, "restored")];
    parts.extend((summary.runs_failed > 0).then(|| format!("{} failed", summary.runs_failed)));
    let (counts, seconds) = (bold(colored, &parts.join(", ")), duration.as_secs_f64());
    writeln!(out, "{counts}: {} files written, {} in {seconds:.1} s.", summary.files_restored, summary.bytes_restored)
}

/// An entry of the ledger in one line: number, time, what, of which run.
pub(super) fn ledger_entry(out: &mut dyn Write, line: &str) -> io::Result<()> {
    let entry: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
    let text = |name: &str| entry.get(name).and_then(serde_json::Value::as_str).unwrap_or_default();
    let at = Timestamp::from_rfc3339(text("at")).map(Timestamp::to_minute).unwrap_or_default();
    let seq = entry.get("seq").and_then(serde_json::Value::as_i64).unwrap_or_default();
    let files = entry.get("receipts").or(entry.get("files")).and_then(serde_json::Value::as_array);
    let mut details: Vec<String> = ["run_id", "pipeline", "rule", "command", "user", "host", "note", "error"]
        .into_iter()
        .map(|name| printable(text(name)).into_owned())
        .filter(|value| !value.is_empty())
        .collect();
    details.extend(files.map(|files| format!("{} files", files.len())));
    details.extend(entry.get("exit_code").map(|code| format!("exit code {code}")));
    writeln!(out, "{seq:>8}  {at}  {:<11}  {}", text("entry"), details.join("  "))
}

/// A name in exactly [`NAME_COLUMNS`] columns.
pub(super) fn padded(name: &str) -> String {
    let name = printable(name);
    if name.width() <= NAME_COLUMNS {
        return format!("{name}{}", " ".repeat(NAME_COLUMNS - name.width()));
    }
    let mut shown = String::new();
    let mut columns = 0;
    for character in name.chars() {
        columns += character.width().unwrap_or(0);
        if columns > NAME_COLUMNS - 1 {
            break;
        }
        shown.push(character);
    }
    let rest = NAME_COLUMNS - 1 - shown.width();
    format!("{shown}\u{2026}{}", " ".repeat(rest))
}

/// Failures by kind, each with one hint; what the store failed with once, whatever the number of runs.
pub(super) fn failures(
    out: &mut dyn Write,
    colored: bool,
    failures: &[Failure],
    kept: &[Failure],
    causes: &Causes<'_>,
    summary: &Summary,
) -> io::Result<()> {
    let mut by_kind: BTreeMap<Kind, Vec<&Failure>> = BTreeMap::new();
    for failure in failures {
        by_kind.entry(failure.kind).or_default().push(failure);
    }
    let stopping = causes.cause.map(|cause| cause.kind);
    for (kind, group) in &by_kind {
        if kind.is_storage() || Some(*kind) == stopping {
            continue;
        }
        for failure in group {
            writeln!(out, "{} failed to {}", red(colored, "error:"), printable(&failure.line))?;
        }
        hint(out, colored, group.first().and_then(|failure| failure.hint.as_deref()))?;
    }
    let stored: Vec<&&Failure> = by_kind
        .iter()
        .filter(|(kind, _)| kind.is_storage() || Some(**kind) == stopping)
        .flat_map(|(_, group)| group)
        .collect();
    let not_attempted = summary.runs_not_attempted;
    if let Some(first) = stored.first() {
        let (line, text) = match causes.cause {
            Some(cause) => (cause.message(), cause.hint_text().map(str::to_owned)),
            None => (first.line.clone(), first.hint.clone()),
        };
        let rest = if not_attempted > 0 { format!(", {not_attempted} not attempted") } else { String::new() };
        writeln!(out, "{} failed to {}", red(colored, "error:"), printable(&line))?;
        writeln!(out, "  {} because of this{rest}; they are untouched", runs(stored.len() as u64, "failed"))?;
        hint(out, colored, text.as_deref())?;
    } else if let Some(cause) = causes.cause {
        error(out, colored, cause)?;
        if not_attempted > 0 {
            writeln!(out, "  {} and untouched", runs(not_attempted, "not attempted"))?;
        }
    }
    for failure in kept {
        writeln!(out, "{} kept: {}", yellow(colored, "warning:"), printable(&failure.line))?;
    }
    if let Some(signal) = causes.signal {
        let name = match signal {
            Signal::Interrupt => "SIGINT",
            Signal::Terminate => "SIGTERM",
        };
        let warned = yellow(colored, "warning:");
        writeln!(
            out,
            "{warned} stopped by {name}; what was in flight is finished, {}",
            runs(not_attempted, "not attempted")
        )?;
    }
    Ok(())
}

fn runs(count: u64, what: &str) -> String {
    if count == 1 { format!("1 run {what}") } else { format!("{count} runs {what}") }
}

pub(super) fn totals(out: &mut dyn Write, colored: bool, summary: &Summary, ended: &Ended) -> io::Result<()> {
    let changes_nothing = ended.command == "plan" || ended.dry_run;
    if changes_nothing {
        let due = if summary.runs_due == 0 { "Nothing is due".to_owned() } else { runs(summary.runs_due, "due") };
        let due = bold(colored, &due);
        let size = if summary.runs_due == 0 { String::new() } else { format!(", {}", summary.bytes_due) };
        let refused = if summary.runs_failed > 0 {
            format!("; {} be archived", runs(summary.runs_failed, "cannot"))
        } else {
            String::new()
        };
        return writeln!(out, "{due}{size}{refused}. Nothing was changed.");
    }
    if summary.runs_due == 0 && summary.runs_failed == 0 {
        return writeln!(out, "Nothing is due.");
    }
    let mut parts = vec![runs(summary.runs_archived, "archived")];
    if summary.runs_already_archived > 0 {
        parts.push(format!("{} archived before", summary.runs_already_archived));
    }
    if ended.command == "cleanup" {
        parts.push(format!("{} deleted", summary.runs_deleted));
    }
    if summary.logs_truncated > 0 {
        parts.push(format!("{} logs cut", summary.logs_truncated));
    }
    let more =
        [(summary.runs_failed, "failed"), (summary.runs_kept, "kept"), (summary.runs_not_attempted, "not attempted")];
    parts.extend(more.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")));
    let seconds = ended.duration.as_secs_f64();
    let counts = bold(colored, &parts.join(", "));
    writeln!(out, "{counts}: {} objects, {} in {seconds:.1} s.", summary.objects_uploaded, summary.bytes_uploaded)
}
