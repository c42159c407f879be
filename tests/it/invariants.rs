//! What must be true at every moment, also between two steps of a call that was killed there.

use std::collections::BTreeSet;

use fastflow_archive_testkit::{Fate, WrittenRun};

use crate::harness::{PREFIX, Sandbox};

/// A row keeps its files, or its receipts prove them; a run without a row is in the archive and has no file.
pub(crate) fn assert_nothing_is_lost(sandbox: &Sandbox, when: &str) {
    let objects = sandbox.objects();
    let there = rows(sandbox);
    for run in sandbox.runs(Fate::Archived) {
        let is_archived = || run.differences(PREFIX, &objects).is_empty();
        let left = run.remaining_files().len();
        if there.contains(&run.id.replace('-', "")) {
            let files = [&run.log_path, &run.metrics_path, &run.route_path].into_iter().flatten().count();
            assert!(left == files || (is_archived() && has_receipts(sandbox, run)), "{when}: {} lost a file", run.id);
        } else {
            assert!(is_archived(), "{when}: {} is gone and not archived", run.id);
            assert_eq!(left, 0, "{when}: {} is gone and left files", run.id);
        }
    }
    for fate in [Fate::Active, Fate::Young] {
        sandbox.runs(fate).into_iter().for_each(|run| sandbox.assert_untouched(run));
    }
}

/// What was cut off a run's log is in the archive, and with what is left it is the log.
pub(crate) fn assert_log_is_whole(sandbox: &Sandbox, run: &WrittenRun, log: &[u8], when: &str) {
    let left = std::fs::read(run.log_path.as_ref().unwrap()).unwrap();
    if left != log {
        let head = sandbox.store.object(&run.key(PREFIX, "run.log.head-001")).unwrap();
        assert!([head, left].concat() == log, "{when}: the log of {} lost something", run.id);
    }
}

fn rows(sandbox: &Sandbox) -> BTreeSet<String> {
    let ids = sandbox.instance.session().unwrap().texts("SELECT id FROM pipeline_runs").unwrap();
    ids.into_iter().map(|id| id.replace('-', "")).collect()
}

/// Keys of all objects that have a receipt.
pub(crate) fn receipts(sandbox: &Sandbox) -> BTreeSet<String> {
    sandbox.in_ledger("SELECT key FROM receipts").into_iter().collect()
}

fn has_receipts(sandbox: &Sandbox, run: &WrittenRun) -> bool {
    let receipts = receipts(sandbox);
    run.expected_objects(PREFIX).keys().all(|key| receipts.contains(key))
}
