//! Kills at random moments: whatever the moment, nothing is lost, nothing is sent twice that has a receipt, and the next
//! call goes on from there.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use fastflow_archive_testkit::{Fate, Random, WrittenRun};
use rusqlite::{Connection, OpenFlags};

use crate::harness::{On, PREFIX, Sandbox};

/// Kills and runs; `FASTFLOW_ARCHIVE_TEST_SOAK=200x2000` asks for more.
fn size() -> (usize, usize) {
    let asked = std::env::var("FASTFLOW_ARCHIVE_TEST_SOAK").ok();
    let asked = asked.as_deref().and_then(|text| text.split_once('x'));
    asked.map_or((30, 200), |(kills, runs)| (kills.parse().unwrap(), runs.parse().unwrap()))
}

#[test]
fn a_kill_at_any_moment_loses_nothing() {
    let (kills, runs) = size();
    let sandbox = Sandbox::new(On::Embedded).settle(runs);
    let mut random = Random::new(20_261_123);
    let mut killed = 0;
    // Enough requests for each call that the work is not done before the last kill.
    let most = (runs as u64 * 3 / kills as u64 / 2).max(6);
    for round in 0..kills {
        let countdown = Arc::new(AtomicI64::new(random.between(1, most) as i64));
        let pause = Duration::from_micros(random.between(0, 60_000));
        sandbox.embedded().forget_requests();
        let seen = Arc::clone(&countdown);
        sandbox.embedded().set_fault(move |_| {
            seen.fetch_sub(1, Ordering::SeqCst);
            None
        });
        let before = receipts(&sandbox);
        let mut command = sandbox.command(&["cleanup", "-q"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        while countdown.load(Ordering::SeqCst) > 0 && child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "round {round} hangs");
            std::thread::yield_now();
        }
        // From the request on, a random while: the kill lands in any of the steps that follow it.
        let until = Instant::now() + pause;
        while Instant::now() < until {
            std::hint::spin_loop();
        }
        killed += usize::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        assert_nothing_is_lost(&sandbox, round);
        let sent: BTreeSet<String> = sandbox.embedded().uploads().into_keys().collect();
        let twice: Vec<_> = sent.intersection(&before).collect();
        assert!(twice.is_empty(), "round {round}: sent again in spite of a receipt: {twice:?}");
    }
    assert!(killed * 2 > kills, "{killed} of {kills} calls were killed");
    println!("{killed} kills over {runs} runs");
    sandbox.embedded().clear_fault();
    sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
    let objects = sandbox.objects();
    sandbox.runs(Fate::Archived).into_iter().for_each(|run| sandbox.assert_moved(run, &objects));
    let ledger = ledger(&sandbox).unwrap();
    let open = "SELECT count(*) FROM (SELECT run_id FROM deletions GROUP BY run_id HAVING sum(phase = 'done') <> 1)";
    let open: i64 = ledger.query_row(open, [], |row| row.get(0)).unwrap();
    assert_eq!(open, 0, "each deletion is recorded as done exactly once");
}

/// A row keeps its files, or its receipts prove them; a run without a row is in the archive and has no file.
fn assert_nothing_is_lost(sandbox: &Sandbox, round: usize) {
    let objects = sandbox.objects();
    let there = rows(sandbox);
    for run in sandbox.runs(Fate::Archived) {
        let is_archived = || run.differences(PREFIX, &objects).is_empty();
        let left = run.remaining_files().len();
        if there.contains(&run.id.replace('-', "")) {
            let files = [&run.log_path, &run.metrics_path, &run.route_path].into_iter().flatten().count();
            assert!(
                left == files || (is_archived() && has_receipts(sandbox, run)),
                "round {round}: {} lost a file",
                run.id
            );
        } else {
            assert!(is_archived(), "round {round}: {} is gone and not archived", run.id);
            assert_eq!(left, 0, "round {round}: {} is gone and left files", run.id);
        }
    }
    for fate in [Fate::Active, Fate::Young] {
        sandbox.runs(fate).into_iter().for_each(|run| sandbox.assert_untouched(run));
    }
}

fn rows(sandbox: &Sandbox) -> BTreeSet<String> {
    let connection = sandbox.instance.connect().unwrap();
    let mut statement = connection.prepare("SELECT id FROM pipeline_runs").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn ledger(sandbox: &Sandbox) -> Option<Connection> {
    let path = sandbox.instance.data_dir().join("fastflow-archive.db");
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).ok()?;
    connection.prepare("SELECT 1 FROM receipts").ok()?;
    Some(connection)
}

fn receipts(sandbox: &Sandbox) -> BTreeSet<String> {
    let Some(ledger) = ledger(sandbox) else { return BTreeSet::new() };
    let mut statement = ledger.prepare("SELECT key FROM receipts").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn has_receipts(sandbox: &Sandbox, run: &WrittenRun) -> bool {
    let receipts = receipts(sandbox);
    run.expected_objects(PREFIX).keys().all(|key| receipts.contains(key))
}
