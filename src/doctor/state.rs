//! Our own side: state directory, lock, ledger, and when it last went well.
//!
//! In: the state directory or the database, the ledger. Out: checks. Reads only.

use std::path::Path;
use std::time::Duration;

use super::check::Check;
use crate::bytes::ByteSize;
use crate::config::LedgerPlace;
use crate::error::Result;
use crate::fastflow::{LastAudit, Store};
use crate::ledger::{FILE_NAME, LastEnded, Ledger};
use crate::lock;
use crate::mount::{Mount, check_writable, check_writable_file};
use crate::time::{Timestamp, days_and_less};

/// Less than this, and the ledger may not be written to its end.
const TOO_LITTLE: ByteSize = ByteSize::mib(8);
const LITTLE: ByteSize = ByteSize::mib(128);
/// A night and some patience, as in the alerts of `packaging/prometheus`.
const LATE: Duration = Duration::from_secs(26 * 3600);
/// Also those who run it once a week should have heard of it by now.
const VERY_LATE: Duration = Duration::from_secs(8 * 86_400);

/// Whether ledger and lock can be written.
pub fn state_dir(folder: &Path) -> Check {
    const NAME: &str = "state_dir";
    let shown = folder.display();
    let hint = "check --state-dir: it must be writable for the user that runs backup and cleanup";
    let existing = folder.ancestors().find(|path| path.exists() || path.as_os_str().is_empty());
    let existing = existing.filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let ledger = folder.join(FILE_NAME);
    let writable = check_writable(existing).map_err(|error| (existing, error)).and_then(|()| {
        if ledger.exists() { check_writable_file(&ledger).map_err(|error| (ledger.as_path(), error)) } else { Ok(()) }
    });
    if let Err((what, error)) = writable {
        return Check::problem(NAME, format!("this user may not write `{}`: {error}", what.display()), hint);
    }
    match Mount::of(existing) {
        Err(error) => Check::problem(NAME, format!("failed to look at `{shown}`: {error}"), hint),
        Ok(mount) => space(folder, &mount, existing == folder),
    }
}

/// Whether the ledger can grow there.
fn space(folder: &Path, mount: &Mount, is_there: bool) -> Check {
    const NAME: &str = "state_dir";
    let shown = folder.display();
    if mount.free < TOO_LITTLE {
        let message = format!("`{shown}`: the disk is full ({mount})");
        Check::problem(NAME, message, "free space: without a record nothing is archived or deleted")
    } else if mount.free < LITTLE {
        Check::warning(NAME, format!("`{shown}`: the disk is nearly full ({mount})"), "free space")
    } else if is_there {
        Check::ok(NAME, format!("`{shown}`: {mount}"))
    } else {
        Check::ok(NAME, format!("`{shown}` is made by the first call"))
    }
}

/// Whether the ledger can be written where it is in the database.
pub fn state_in_database(place: &LedgerPlace) -> Check {
    const NAME: &str = "state_dir";
    match Ledger::check_rights(place) {
        Ok(()) => Check::ok(NAME, format!("none is needed: ledger and lock are in the database (`{place}`)")),
        Err(error) => Check::failed(NAME, &error),
    }
}

/// Whether another instance is at work.
pub fn lock(state_dir: &Path) -> Check {
    held(lock::holder(state_dir))
}

/// The same where the lock is one of the database.
pub fn lock_in_database(store: &mut dyn Store) -> Check {
    held(store.kept_out_by())
}

fn held(holder: Result<Option<String>>) -> Check {
    const NAME: &str = "lock";
    match holder {
        Ok(None) => Check::ok(NAME, "free"),
        Ok(Some(holder)) => {
            let hint = "wait until it has finished; the lock ends with its process";
            Check::warning(NAME, format!("another instance is at work: {holder}"), hint)
        }
        Err(error) => Check::failed(NAME, &error),
    }
}

/// The ledger's chain: how many entries, and where it ends.
pub fn ledger(ledger: &Ledger) -> Check {
    const NAME: &str = "ledger";
    match ledger.head() {
        Ok(head) => {
            let short = head.hash.get(..12).unwrap_or_default();
            Check::ok(NAME, format!("entries: {}, head {short}...; `ledger verify` walks the chain", head.seq))
        }
        Err(error) => Check::failed(NAME, &error),
    }
}

/// When `backup` or `cleanup` last went well.
pub fn last_success(ledger: &Ledger, now: Timestamp) -> Check {
    const NAME: &str = "last_success";
    let (last, success) = match (ledger.last_ended(false), ledger.last_ended(true)) {
        (Ok(last), Ok(success)) => (last, success),
        (Err(error), _) | (_, Err(error)) => return Check::failed(NAME, &error),
    };
    judge_success(last.as_ref(), success.as_ref(), now)
}

fn judge_success(last: Option<&LastEnded>, success: Option<&LastEnded>, now: Timestamp) -> Check {
    const NAME: &str = "last_success";
    let ago = |at: Timestamp| days_and_less(Duration::from_secs(now.since(at).as_secs() / 60 * 60));
    let Some(last) = last else { return Check::ok(NAME, "neither backup nor cleanup has run yet") };
    let failed = format!("the last call, {}, ended with {}, {} ago", last.command, last.exit_code, ago(last.at));
    let again = "run it by hand and read what it says; --json for machines";
    let Some(success) = success else {
        return Check::problem(NAME, format!("no call ever ended with 0; {failed}"), again);
    };
    let since = now.since(success.at);
    let message = format!("{} ended with 0, {} ago ({})", success.command, ago(success.at), success.at);
    let hint = "does cron or the systemd timer still start it? run it by hand and read what it says";
    match (last.exit_code, since) {
        (0, since) if since <= LATE => Check::ok(NAME, message),
        (0, since) if since <= VERY_LATE => Check::warning(NAME, message, hint),
        (_, since) if since <= VERY_LATE => Check::warning(NAME, format!("{message}; {failed}"), again),
        _ => Check::problem(NAME, message, hint),
    }
}

/// Whether the last summary on Fast-Flow's audit page is of this ledger.
pub fn other_archiver(ledger: Option<&Ledger>, last_audit: &LastAudit) -> Check {
    const NAME: &str = "other_archiver";
    let (at, head) = match last_audit {
        LastAudit::Hidden => return Check::skipped(NAME, "the role may add to the audit page, and not read it"),
        LastAudit::Nothing => return Check::ok(NAME, "none has left a summary on the audit page"),
        LastAudit::At(at, head) => (at, head),
    };
    match ledger.map_or(Ok(false), |ledger| ledger.knows(head)) {
        Ok(true) => Check::ok(NAME, format!("the last summary on the audit page ({at}) is of this ledger")),
        Ok(false) => {
            let message = format!("the last summary on the audit page ({at}) is of another ledger than this one");
            let hint = "another fastflow-archive works on this instance, or the ledger was lost: give all the same \
                        --state-dir, or see `ledger rebuild`";
            Check::warning(NAME, message, hint)
        }
        Err(error) => Check::failed(NAME, &error),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn a_disk_that_fills_up_is_a_warning_and_a_full_one_a_problem() {
        let verdict = |free| space(Path::new("/srv"), &Mount { point: "/".into(), kind: None, free }, true).verdict;
        let just_below = |size: ByteSize| ByteSize(size.0 - 1);
        assert_eq!(
            [just_below(TOO_LITTLE), TOO_LITTLE, just_below(LITTLE), LITTLE].map(verdict),
            [Verdict::Problem, Verdict::Warning, Verdict::Warning, Verdict::Ok]
        );
    }

    #[test]
    fn a_success_grows_old_and_a_failure_after_it_is_told() {
        let now = Timestamp::from_micros(100 * 86_400_000_000);
        let ended = |hours: u64, exit_code| LastEnded {
            at: now.minus(Duration::from_secs(hours * 3600)),
            command: "cleanup".into(),
            exit_code,
        };
        let verdict = |last: Option<LastEnded>, success: Option<LastEnded>| {
            judge_success(last.as_ref(), success.as_ref(), now).verdict
        };
        assert_eq!(verdict(None, None), Verdict::Ok);
        assert_eq!(verdict(Some(ended(1, 3)), None), Verdict::Problem);
        let of_age = [(26, Verdict::Ok), (27, Verdict::Warning), (192, Verdict::Warning), (193, Verdict::Problem)];
        for (hours, expected) in of_age {
            assert_eq!(verdict(Some(ended(hours, 0)), Some(ended(hours, 0))), expected, "{hours} h");
        }
        assert_eq!(verdict(Some(ended(1, 12)), Some(ended(25, 0))), Verdict::Warning);
    }
}
