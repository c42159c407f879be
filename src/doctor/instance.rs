//! Fast-Flow's side: its database, and the log directory that its rows point into.
//!
//! In: an open database, the plan, the log directory. Out: checks.

use std::path::Path;
use std::time::Duration;

use super::check::{Check, Verdict};
use crate::config::Database;
use crate::error::{Error, Kind, Result};
use crate::fastflow::{Condition, LogsDir};
use crate::ledger::LogsVolume;
use crate::mount::{Mount, check_writable};
use crate::plan::Plan;
use crate::printable::shortened;
use crate::time::{Timestamp, days_and_less};

/// Clocks of one machine do not differ, those of two may by this.
const AHEAD: Duration = Duration::from_secs(300);

/// The database that was opened.
pub fn opened(database: &Database, condition: &Condition, runs: usize) -> Check {
    Check::ok("database", format!("{database} ({}), {runs} runs", condition.engine))
}

/// Its columns, tables and times.
pub fn condition(condition: &Condition, newest: Option<Timestamp>, now: Timestamp) -> Vec<Check> {
    vec![schema(condition), times(condition, newest, now)]
}

fn schema(condition: &Condition) -> Check {
    const NAME: &str = "schema";
    let Condition { missing_columns, unknown_columns, unknown_children, .. } = condition;
    if !unknown_children.is_empty() {
        let message = format!(
            "this version does not know the tables whose rows refer to runs: {}; cleanup does not archive them",
            unknown_children.join(", ")
        );
        return Check::warning(NAME, message, "look for a newer fastflow-archive, and use `backup` until then");
    }
    let mut parts = Vec::new();
    if !missing_columns.is_empty() {
        parts.push(format!("an older Fast-Flow: {} are not there yet", missing_columns.join(", ")));
    }
    if !unknown_columns.is_empty() {
        parts.push(format!("a newer Fast-Flow: {} are archived like the others", unknown_columns.join(", ")));
    }
    if parts.is_empty() {
        parts.push("all columns are those of Fast-Flow 1.1.3".to_owned());
    }
    Check::ok(NAME, parts.join("; "))
}

fn times(condition: &Condition, newest: Option<Timestamp>, now: Timestamp) -> Check {
    const NAME: &str = "times";
    let zone = &condition.time_zone;
    match newest {
        Some(newest) if newest.since(now) > AHEAD => {
            let ahead = days_and_less(Duration::from_secs(newest.since(now).as_secs()));
            let message = format!("{zone}, but the newest run starts {ahead} from now ({newest})");
            Check::warning(
                NAME,
                message,
                "compare the clocks of this machine and of Fast-Flow's; runs count as younger",
            )
        }
        Some(newest) => Check::ok(NAME, format!("{zone}; the newest run started {newest}")),
        None => Check::ok(NAME, zone.clone()),
    }
}

/// What the log directory lies on, and whether files can be removed there.
pub fn volume(folder: &Path, is_empty: Result<bool>, last: Option<&LogsVolume>) -> Check {
    const NAME: &str = "logs";
    let shown = folder.display();
    let mount = match Mount::of(folder) {
        Ok(mount) => mount,
        Err(error) => {
            let message = format!("failed to look at the log directory `{shown}`: {error}");
            return Check::problem(NAME, message, "check --logs-dir; is the volume mounted?");
        }
    };
    if let Err(error) = check_writable(folder) {
        let message = format!("`{shown}` ({mount}): this user may not remove files there: {error}");
        let hint = "run as the user that Fast-Flow writes logs as, or as root; `backup` only reads";
        return Check::problem(NAME, message, hint);
    }
    match is_empty {
        Err(error) => return Check::failed(NAME, &error),
        Ok(true) => {
            let message = format!("`{shown}` is empty ({mount})");
            return Check::warning(NAME, message, "a new instance, or the volume is not mounted");
        }
        Ok(false) => {}
    }
    let known = if last.is_some() { ", the same as last time" } else { "" };
    Check::ok(NAME, format!("`{shown}`: {mount}{known}"))
}

/// Whether the paths of the rows lead to files: of due runs, or, where none is due, of the oldest that ended.
///
/// `guards` is what would stop `cleanup` before anything changed.
pub fn files(plan: &mut Plan, logs: &LogsDir, is_due: bool, guards: Result<()>) -> Result<Check> {
    const NAME: &str = "path_map";
    let (all, refused) = (plan.due_count(), &plan.refused);
    let which = if is_due { "due runs" } else { "runs that ended (none is due)" };
    if all == 0 {
        return Ok(Check::ok(NAME, "no run has ended yet"));
    }
    if let Err(error) = guards {
        return Ok(Check::failed(NAME, &error));
    }
    let found = plan.due.totals().backlog.runs - plan.due.totals().without_log.len();
    let missing = plan.due.iter().find_map(|planned| planned.map(|planned| planned.missing_log).transpose());
    let missing = missing.transpose()?.map(|path| logs.path_of(&path));
    let message = format!("the logs of {found} of {all} {which} are there");
    let outside: Vec<&Error> =
        refused.iter().map(|run| &run.error).filter(|error| error.kind == Kind::OutsideLogsDir).collect();
    let Some(example) = outside
        .first()
        .map(|error| error.message())
        .or_else(|| missing.map(|path| format!("`{}` is not there", shortened(&path.to_string_lossy()))))
    else {
        let rest = refused.first().map(|run| run.error.message());
        return Ok(match rest {
            Some(rest) => Check::warning(NAME, format!("{message}; {rest}"), "such runs stay; look at what lies there"),
            None => Check::ok(NAME, message),
        });
    };
    let verdict = if found * 2 < all { Verdict::Problem } else { Verdict::Warning };
    let hint = "check --logs-dir, and --path-map FROM=TO: FROM is the folder as Fast-Flow sees it, TO the same here";
    Ok(Check { name: NAME, verdict, message: format!("{message}; {example}"), hint: Some(hint.to_owned()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fastflow::LastAudit;

    fn bare() -> Condition {
        Condition {
            engine: "SQLite".into(),
            time_zone: "UTC text".into(),
            missing_columns: Vec::new(),
            unknown_columns: Vec::new(),
            unknown_children: Vec::new(),
            last_audit: LastAudit::Nothing,
        }
    }

    #[test]
    fn tables_that_would_be_orphaned_are_a_warning() {
        assert_eq!(schema(&bare()).verdict, Verdict::Ok);
        let older = Condition { missing_columns: vec!["git_sha".into()], ..bare() };
        assert_eq!(schema(&older).message, "an older Fast-Flow: git_sha are not there yet");
        let newer = Condition { unknown_children: vec!["run_notes".into()], ..bare() };
        assert_eq!(schema(&newer).verdict, Verdict::Warning);
    }

    #[test]
    fn an_empty_log_directory_is_a_warning_and_a_known_volume_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let last = LogsVolume {
            path: folder.path().display().to_string(),
            volume: LogsDir::open(folder.path(), &[]).unwrap().volume().unwrap(),
        };
        assert_eq!(volume(folder.path(), Ok(true), Some(&last)).verdict, Verdict::Warning);
        let [new, known] = [None, Some(&last)].map(|last| volume(folder.path(), Ok(false), last));
        assert_eq!((new.verdict, known.verdict), (Verdict::Ok, Verdict::Ok));
        assert_eq!(known.message, format!("{}, the same as last time", new.message));
    }

    #[test]
    fn runs_from_the_future_are_a_warning() {
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        let verdict = |newest| times(&bare(), newest, at(1000)).verdict;
        assert_eq!(
            (verdict(None), verdict(Some(at(1300))), verdict(Some(at(1301)))),
            (Verdict::Ok, Verdict::Ok, Verdict::Warning)
        );
    }
}
