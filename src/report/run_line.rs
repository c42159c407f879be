//! The line of a run in `--json`, as cli.md section 4 has it.
//!
//! In: a run, and what became of it. Out: one line of JSON. Written by hand: a plan may have a million of them.

use std::borrow::Cow;
use std::fmt::{Display, Write as _};

use super::json;
use crate::error::Error;
use crate::fastflow::{LogsDir, PlannedFile};
use crate::flow::{Outcome, RunOutcome};
use crate::plan::{NotDue, PlannedRun, RefusedRun, Rule};
use crate::printable::printable_json;
use crate::run::Run;

/// What there is to say of a run.
pub(super) struct RunLine<'a> {
    run: &'a Run,
    rule: Option<Rule>,
    reason: Cow<'a, str>,
    files: &'a [PlannedFile],
    logs: Option<&'a LogsDir>,
    outcome: Outcome,
    error: Option<&'a Error>,
}

impl<'a> RunLine<'a> {
    /// A due run, with its reason as the sentence that it is; the paths of its files are absolute where `logs` is known.
    pub(super) fn due(
        planned: &'a PlannedRun,
        reason: impl Into<Cow<'a, str>>,
        logs: Option<&'a LogsDir>,
    ) -> RunLine<'a> {
        let PlannedRun { run, files, .. } = planned;
        let (rule, reason) = (Some(planned.reason.rule()), reason.into());
        RunLine { run, rule, reason, files, logs, outcome: Outcome::Due, error: None }
    }

    /// A run at its end.
    pub(super) fn ended(ended: &'a RunOutcome, logs: Option<&'a LogsDir>) -> RunLine<'a> {
        let due = RunLine::due(&ended.planned, ended.planned.reason.to_string(), logs);
        RunLine { outcome: ended.outcome, error: ended.error.as_ref(), ..due }
    }

    /// A due run that cannot be archived.
    pub(super) fn refused(refused: &'a RefusedRun) -> RunLine<'a> {
        let RefusedRun { run, reason, error } = refused;
        let (rule, reason) = (Some(reason.rule()), reason.to_string().into());
        RunLine { run, rule, reason, files: &[], logs: None, outcome: Outcome::Failed, error: Some(error) }
    }

    /// A run that was named and is not due.
    pub(super) fn not_due(not_due: &'a NotDue) -> RunLine<'a> {
        let reason = format!("not due: {}", not_due.why).into();
        RunLine { run: &not_due.run, rule: None, reason, files: &[], logs: None, outcome: Outcome::Kept, error: None }
    }

    /// Writes the line, with its end, after what is in `out`.
    pub(super) fn write(&self, out: &mut String) {
        let Run { id, pipeline, status, started_at, finished_at, .. } = self.run;
        known(out, "{\"type\":\"run\",\"run_id\":", id);
        text(out, ",\"pipeline\":", pipeline);
        label(out, ",\"status\":", status.label());
        known(out, ",\"started_at\":", started_at);
        match finished_at {
            Some(finished_at) => known(out, ",\"finished_at\":", finished_at),
            None => out.push_str(",\"finished_at\":null"),
        }
        match self.rule {
            Some(rule) => label(out, ",\"rule\":", rule.name()),
            None => out.push_str(",\"rule\":null"),
        }
        text(out, ",\"reason\":", &self.reason);
        out.push_str(",\"files\":[");
        for (index, file) in self.files.iter().enumerate() {
            label(out, if index == 0 { "{\"name\":" } else { ",{\"name\":" }, file.name.as_str());
            match self.logs {
                Some(logs) => text(out, ",\"path\":", &logs.path_of(&file.path).to_string_lossy()),
                None => text(out, ",\"path\":", &file.path.as_path().to_string_lossy()),
            }
            number(out, ",\"bytes\":", file.identity.size.0);
            out.push('}');
        }
        number(out, "],\"bytes\":", self.files.iter().map(|file| file.identity.size.0).sum());
        label(out, ",\"outcome\":", self.outcome.name());
        if let Some(error) = self.error {
            out.push_str(",\"error\":");
            out.push_str(&printable_json(&json::error(error).to_string()));
        }
        out.push_str("}\n");
    }
}

fn number(out: &mut String, key: &str, number: u64) {
    out.push_str(key);
    out.push_str(itoa::Buffer::new().format(number));
}

/// A string in which there is nothing to escape, after its key.
fn label(out: &mut String, key: &str, label: &str) {
    [key, "\"", label, "\""].into_iter().for_each(|part| out.push_str(part));
}

/// What shows as such a string.
fn known(out: &mut String, key: &str, value: impl Display) {
    out.push_str(key);
    // Memory takes everything, here and below.
    let _ = write!(out, "\"{value}\"");
}

/// Any string, after its key.
fn text(out: &mut String, key: &str, text: &str) {
    let is_plain = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    // Without a way out, this is done for many bytes at a time.
    if text.bytes().fold(true, |so_far, byte| so_far & is_plain(byte)) {
        label(out, key, text);
    } else {
        out.push_str(key);
        out.push_str(&printable_json(&serde_json::Value::from(text).to_string()));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::error::Kind;
    use crate::plan::Reason;
    use crate::run::Status;
    use crate::time::Timestamp;

    fn run(pipeline: &str) -> Run {
        let started_at = Timestamp::from_rfc3339("2026-08-04T12:00:00.5Z").unwrap();
        let status = Status::Failed;
        Run { id: [7; 16].into(), pipeline: pipeline.into(), status, started_at, finished_at: None, position: 0 }
    }

    fn read(line: &RunLine<'_>) -> Value {
        let mut out = "before\n".to_owned();
        line.write(&mut out);
        let line = out.strip_prefix("before\n").unwrap().strip_suffix('\n').unwrap();
        assert!(!line.contains(|character: char| character.is_control()), "{line}");
        serde_json::from_str(line).unwrap()
    }

    #[test]
    fn a_line_is_json_whatever_a_run_is_called() {
        for name in ["etl", "", "T\u{e4}glich \"x\" \\ \u{65e5}\u{672c}", "a\nb\u{1b}[2J\u{202e}\0\u{7f}"] {
            let run = run(name);
            let error = Error::new(Kind::LogMissing, "find `\u{1b}`").hint("look");
            let refused = RefusedRun { run, reason: Reason::default(), error };
            let expected = json!({
                "type": "run",
                "run_id": "07070707-0707-0707-0707-070707070707",
                "pipeline": name,
                "status": "FAILED",
                "started_at": "2026-08-04T12:00:00.500000Z",
                "finished_at": null,
                "rule": "all",
                "reason": "every finished run was asked for",
                "files": [],
                "bytes": 0,
                "outcome": "failed",
                "error": { "kind": "log_missing", "message": "find `\u{1b}`", "hint": "look" },
            });
            assert_eq!(read(&RunLine::refused(&refused)), expected);
        }
    }
}
