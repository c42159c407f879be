//! Kills at random moments: whatever the moment, nothing is lost, nothing is sent twice that has a receipt, and the next
//! call goes on from there.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use fastflow_archive_testkit::clock::{days, fixed_now};
use fastflow_archive_testkit::{Fate, Random, RunSpec, WrittenRun};

use crate::harness::{On, Sandbox};
use crate::invariants::{assert_log_is_whole, assert_nothing_is_lost, receipts};

/// Kills and runs; `FASTFLOW_ARCHIVE_TEST_SOAK=200x2000` asks for more.
fn size() -> (usize, usize) {
    let asked = std::env::var("FASTFLOW_ARCHIVE_TEST_SOAK").ok();
    let asked = asked.as_deref().and_then(|text| text.split_once('x'));
    asked.map_or((30, 200), |(kills, runs)| (kills.parse().unwrap(), runs.parse().unwrap()))
}

#[test]
fn a_kill_at_any_moment_loses_nothing() {
    let (kills, runs) = size();
    let mut sandbox = Sandbox::new(On::Embedded).settle(runs).without_state_dir();
    // Among them young runs whose logs are to be cut.
    sandbox.variable("LOG_MAX_SIZE_MB", "1");
    let long = (0..runs as u64 / 20).map(|number| {
        let ended = fixed_now() - days(2) - Duration::from_secs(number);
        let spec = RunSpec::finished(700_000 + number, "daemon", ended).log_bytes(1_200_000).fate(Fate::Young);
        let run = sandbox.add(spec);
        let log = std::fs::read(run.log_path.as_ref().unwrap()).unwrap();
        (run, log)
    });
    let long: Vec<(WrittenRun, Vec<u8>)> = long.collect();
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
        let when = format!("round {round}");
        assert_nothing_is_lost(&sandbox, &when);
        long.iter().for_each(|(run, log)| assert_log_is_whole(&sandbox, run, log, &when));
        let twice: Vec<_> = sandbox.sent().into_iter().filter(|key| before.contains(key)).collect();
        assert!(twice.is_empty(), "round {round}: sent again in spite of a receipt: {twice:?}");
    }
    assert!(killed * 2 > kills, "{killed} of {kills} calls were killed");
    println!("{killed} kills over {runs} runs");
    sandbox.embedded().clear_fault();
    sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
    let objects = sandbox.objects();
    sandbox.runs(Fate::Archived).into_iter().for_each(|run| sandbox.assert_moved(run, &objects));
    for (run, log) in &long {
        assert_log_is_whole(&sandbox, run, log, "at the end");
        assert!(std::fs::metadata(run.log_path.as_ref().unwrap()).unwrap().len() <= 1 << 20, "{} is not cut", run.id);
    }
    let open =
        "SELECT run_id FROM deletions GROUP BY run_id HAVING max(seq) = max(CASE phase WHEN 'intended' THEN seq END)";
    assert_eq!(sandbox.in_ledger(open), [""; 0], "the ledger knows how each deletion ended");
    assert_eq!(sandbox.run(&["ledger", "verify", "-q"]).code, Some(0));
}
