//! A writer beside us, as Fast-Flow is one: it inserts, updates and deletes runs and appends to logs while `cleanup` works.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fastflow_archive_testkit::clock::{fixed_now, sql_text};
use fastflow_archive_testkit::{Fate, Instance, Random, Session, WrittenRun};

use crate::harness::{On, PREFIX, Sandbox};

/// What the writer did, and how long it had to wait.
#[derive(Default)]
struct Written {
    /// Runs it made, which are young: id and log.
    made: Vec<(String, PathBuf)>,
    /// Due runs that it made active again.
    restarted: BTreeSet<String>,
    /// Due runs to whose log it appended, and how many lines.
    appended: BTreeMap<String, usize>,
    steps: usize,
    longest: Duration,
}

fn simple(id: &str) -> String {
    id.replace('-', "")
}

/// Writes until it is told to stop.
fn write(instance: &Instance, due: &[WrittenRun], foreign_keys: bool, stop: &AtomicBool) -> Written {
    let mut session = instance.session().unwrap();
    if let Session::Sqlite(connection) = &session {
        connection.pragma_update(None, "foreign_keys", foreign_keys).unwrap();
        connection.busy_timeout(Duration::from_secs(30)).unwrap();
    }
    let mut random = Random::new(7);
    let mut written = Written::default();
    while !stop.load(Ordering::SeqCst) {
        let began = Instant::now();
        let run = &due[random.between(0, due.len() as u64) as usize];
        match written.steps % 20 {
            3 => restart(&mut session, run, &mut written),
            13 => append(&mut session, run, &mut written),
            0..10 => make(&mut session, instance, &mut written),
            _ => finish_and_forget(&mut session, &mut written),
        }
        written.longest = written.longest.max(began.elapsed());
        written.steps += 1;
        // As busy as Fast-Flow can be, not as busy as a disk can be.
        std::thread::sleep(Duration::from_millis(2));
    }
    written
}

/// A new run, RUNNING, with a log.
fn make(session: &mut Session, instance: &Instance, written: &mut Written) {
    let number = written.steps;
    let id = format!("{number:032x}");
    let name = format!("live-{number}.log");
    let path = instance.logs_dir().join(&name);
    std::fs::write(&path, format!("line of {id}\n")).unwrap();
    let sql = format!(
        "INSERT INTO pipeline_runs (id, pipeline_name, status, log_file, started_at, env_vars, parameters, triggered_by) \
         VALUES ('{id}', 'live', 'RUNNING', '/app/logs/{name}', '{}', '{{}}', '{{}}', 'manual')",
        sql_text(fixed_now())
    );
    session.execute(&sql).unwrap();
    written.made.push((id, path));
}

/// The oldest of its own runs ends; every third one is deleted with its log, as by a person in the interface.
fn finish_and_forget(session: &mut Session, written: &mut Written) {
    let Some((id, path)) = written.made.first().cloned() else { return };
    let now = sql_text(fixed_now());
    let sql = format!("UPDATE pipeline_runs SET status = 'SUCCESS', finished_at = '{now}' WHERE id = '{id}'");
    assert_eq!(session.execute(&sql).unwrap(), 1, "its own run is gone");
    if written.steps.is_multiple_of(3) {
        assert_eq!(session.execute(&format!("DELETE FROM pipeline_runs WHERE id = '{id}'")).unwrap(), 1);
        std::fs::remove_file(path).unwrap();
        written.made.remove(0);
    }
}

/// A due run becomes active again, if it is still there.
fn restart(session: &mut Session, run: &WrittenRun, written: &mut Written) {
    let sql = format!("UPDATE pipeline_runs SET status = 'RUNNING' WHERE id = '{}'", simple(&run.id));
    if session.execute(&sql).unwrap() == 1 {
        written.restarted.insert(run.id.clone());
    }
}

/// A due run's log grows, if the run is still there; the lock makes both one moment.
fn append(session: &mut Session, run: &WrittenRun, written: &mut Written) {
    let (begin, lock) = match session {
        Session::Sqlite(_) => ("BEGIN IMMEDIATE", ""),
        Session::Postgres(_) => ("BEGIN", "FOR UPDATE"),
    };
    session.batch(begin).unwrap();
    if session.exists(&format!("SELECT 1 FROM pipeline_runs WHERE id = '{}' {lock}", simple(&run.id))).unwrap() {
        let log = run.log_path.as_ref().unwrap();
        std::fs::OpenOptions::new().append(true).open(log).unwrap().write_all(b"late\n").unwrap();
        *written.appended.entry(run.id.clone()).or_default() += 1;
    }
    session.batch("COMMIT").unwrap();
}

/// One cleanup beside the writer; says what the writer did.
fn clean_up_beside_a_writer(parent: &Path, journal_mode: &str, foreign_keys: bool) -> Written {
    let create = |folder: &Path| {
        let builder = Instance::builder(folder).journal_mode(journal_mode);
        if journal_mode == "DELETE" { builder.sqlite() } else { builder }.build().unwrap()
    };
    let sandbox = Sandbox::inside(parent, On::Embedded, create).settle(150);
    let due: Vec<WrittenRun> = sandbox.runs(Fate::Archived).into_iter().cloned().collect();
    let stop = AtomicBool::new(false);
    let written = std::thread::scope(|scope| {
        let writer = scope.spawn(|| write(&sandbox.instance, &due, foreign_keys, &stop));
        let mut command = sandbox.command(&["cleanup", "-q"]);
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        stop.store(true, Ordering::SeqCst);
        assert!(matches!(status.code(), Some(0 | 3)), "{status:?}");
        writer.join().unwrap()
    });
    let objects = sandbox.objects();
    let mut moved = 0;
    for run in &due {
        let is_there = sandbox.instance.run_exists(&run.id).unwrap();
        let lines = written.appended.get(&run.id).copied().unwrap_or_default();
        assert!(is_there || !written.restarted.contains(&run.id), "{} was active again and is gone", run.id);
        if is_there {
            assert!(written.restarted.contains(&run.id) || lines > 0, "{} was left for no reason", run.id);
            assert!(run.log_path.as_ref().unwrap().exists(), "{} lost its log", run.id);
        } else if lines > 0 {
            // It grew before it was planned, and never after: every line of it is there.
            let object = sandbox.store.object(&run.key(PREFIX, "run.log")).unwrap();
            let whole = [&object[..object.len() - 5 * lines], "late\n".repeat(lines).as_bytes()].concat();
            let first = fastflow_archive_testkit::digest_of(&object[..object.len() - 5 * lines]).unwrap();
            assert!(whole == object && first == run.files["run.log"], "{} grew and is not whole", run.id);
        } else {
            sandbox.assert_moved(run, &objects);
            moved += 1;
        }
    }
    for (id, path) in &written.made {
        assert!(sandbox.instance.run_exists(id).unwrap() && path.exists(), "the live run {id} is gone");
    }
    let did = [moved, written.made.len(), written.restarted.len(), written.appended.len()];
    assert!(did.iter().all(|count| *count > 0), "moved, made, restarted, grew: {did:?}");
    println!(
        "{journal_mode}, foreign keys {foreign_keys}: {} steps, {} restarted, {} grew, {moved} moved, longest wait {:?}",
        written.steps,
        written.restarted.len(),
        written.appended.len(),
        written.longest,
    );
    written
}

#[test]
fn a_writer_hardly_waits_for_the_lock_and_loses_no_run() {
    for foreign_keys in [false, true] {
        // In memory: what counts is how long we hold the lock, not how busy the disk is. 100 ms is what is asked for; the
        // rest is for a machine that has more to do than cores.
        let written = clean_up_beside_a_writer(Path::new("/dev/shm"), "WAL", foreign_keys);
        assert!(written.longest < Duration::from_millis(250), "a step of the writer took {:?}", written.longest);
    }
}

#[test]
fn a_writer_on_an_old_rollback_journal_loses_no_run() {
    // Without a write-ahead log readers and writers keep each other out for as long as the disk syncs.
    clean_up_beside_a_writer(&std::env::temp_dir(), "DELETE", false);
}
