//! Signals, stores that die half-way, and calls that were cut off: the next call finishes the work.

use std::process::Stdio;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use fastflow_archive_testkit::Fate;

use crate::harness::{On, Sandbox};

fn signal_stops(signal: rustix::process::Signal, code: i32) {
    let sandbox = Sandbox::new(On::Embedded).settle(150);
    let (entered_sender, entered) = mpsc::channel();
    sandbox.embedded().set_fault(move |_| {
        let _ = entered_sender.send(());
        None
    });
    let mut command = sandbox.command(&["cleanup", "--json", "--concurrency", "1"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    entered.recv_timeout(Duration::from_secs(60)).unwrap();
    let pid = rustix::process::Pid::from_raw(child.id() as i32).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
    let last = String::from_utf8(output.stdout).unwrap().lines().last().unwrap().to_owned();
    let summary: serde_json::Value = serde_json::from_str(&last).unwrap();
    let deleted = summary["runs_deleted"].as_u64().unwrap();
    assert_eq!(summary["exit_code"], code);
    assert!(deleted < 150, "{summary}");
    assert_eq!(summary["runs_not_attempted"], 150 - deleted, "{summary}");
    assert_eq!(summary["runs_failed"], 0);
    let objects = sandbox.objects();
    let (gone, there): (Vec<_>, Vec<_>) =
        sandbox.runs(Fate::Archived).into_iter().partition(|run| !sandbox.instance.run_exists(&run.id).unwrap());
    assert_eq!(gone.len() as u64, deleted);
    gone.into_iter().for_each(|run| sandbox.assert_moved(run, &objects));
    there.into_iter().for_each(|run| sandbox.assert_untouched(run));
}

#[test]
fn sigint_finishes_what_is_in_flight_and_starts_nothing_new() {
    signal_stops(rustix::process::Signal::INT, 130);
}

#[test]
fn sigterm_finishes_what_is_in_flight_and_starts_nothing_new() {
    signal_stops(rustix::process::Signal::TERM, 143);
}

#[test]
fn a_store_that_dies_half_way_loses_nothing_and_the_next_call_finishes() {
    let mut sandbox = Sandbox::new(On::Server).settle(400);
    let mut command = sandbox.command(&["cleanup", "--json", "--concurrency", "4"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let all = sandbox.instance.row_count("pipeline_runs").unwrap();
    let deadline = Instant::now() + Duration::from_secs(120);
    while sandbox.instance.row_count("pipeline_runs").unwrap() > all - 100 {
        assert!(Instant::now() < deadline, "no run was deleted");
    }
    sandbox.store.kill();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stdout));
    sandbox.store.restart().unwrap();
    let objects = sandbox.objects();
    let (gone, there): (Vec<_>, Vec<_>) =
        sandbox.runs(Fate::Archived).into_iter().partition(|run| !sandbox.instance.run_exists(&run.id).unwrap());
    assert!(gone.len() >= 100 && !there.is_empty(), "{} gone", gone.len());
    gone.into_iter().for_each(|run| sandbox.assert_moved(run, &objects));
    there.into_iter().for_each(|run| sandbox.assert_untouched(run));
    sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
    let objects = sandbox.objects();
    sandbox.runs(Fate::Archived).into_iter().for_each(|run| sandbox.assert_moved(run, &objects));
}

#[test]
fn a_call_that_was_cut_off_after_removing_the_files_is_finished_by_the_next() {
    let sandbox = Sandbox::new(On::Embedded).settle(3);
    sandbox.run(&["backup", "-q"]).expect(0, "", "");
    let objects = sandbox.objects();
    for run in sandbox.runs(Fate::Archived) {
        run.remaining_files().iter().for_each(|path| std::fs::remove_file(path).unwrap());
    }
    sandbox.embedded().forget_requests();
    let ran = sandbox.run(&["cleanup", "--json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.lines().iter().filter(|line| line["type"] == "run").all(|line| line["outcome"] == "already_archived"));
    assert_eq!(sandbox.sent(), [""; 0]);
    sandbox.runs(Fate::Archived).into_iter().for_each(|run| sandbox.assert_moved(run, &objects));
}

#[test]
fn an_unlink_that_fails_keeps_the_row() {
    use std::os::unix::fs::PermissionsExt as _;
    const USER: u32 = 1001;
    let sandbox = Sandbox::new(On::Embedded).settle(3);
    let logs = sandbox.instance.logs_dir();
    let is_root = rustix::process::geteuid().is_root();
    // Nobody can unlink in a folder without write permission; root can, so root becomes somebody else.
    let mode = |mode| std::fs::set_permissions(&logs, std::fs::Permissions::from_mode(mode)).unwrap();
    mode(0o555);
    let ran = if is_root {
        sandbox.give_data_to(USER);
        sandbox.run_as(USER, &["cleanup", "-q"])
    } else {
        sandbox.run(&["cleanup", "-q"])
    };
    mode(0o755);
    assert_eq!((ran.code, ran.errors()), (Some(3), 3), "{ran:?}");
    assert!(
        ran.stderr.contains("Permission denied") && ran.stderr.contains("may this user write to the log directory?")
    );
    sandbox.runs(Fate::Archived).into_iter().for_each(|run| sandbox.assert_untouched(run));
    sandbox.embedded().forget_requests();
    sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
    assert_eq!(sandbox.sent(), [""; 0], "nothing is sent twice");
    let objects = sandbox.objects();
    sandbox.runs(Fate::Archived).into_iter().for_each(|run| sandbox.assert_moved(run, &objects));
}

#[test]
fn rows_that_came_back_with_an_old_database_are_removed_again_and_nothing_is_sent() {
    let sandbox = Sandbox::new(On::Embedded).settle(14);
    let mut session = sandbox.instance.session().unwrap();
    for table in ["pipeline_runs", "run_cell_logs"] {
        session.batch(&format!("CREATE TABLE copy_of_{table} AS SELECT * FROM {table}")).unwrap();
    }
    sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
    let rows = sandbox.instance.row_count("pipeline_runs").unwrap();
    // Somebody brings back last night's rows; the files are gone, and the guard for missing logs knows why.
    for (table, id) in [("pipeline_runs", "id"), ("run_cell_logs", "run_id")] {
        let missing = format!("{id} NOT IN (SELECT {id} FROM {table})");
        session.batch(&format!("INSERT INTO {table} SELECT * FROM copy_of_{table} WHERE {missing}")).unwrap();
    }
    assert_eq!(sandbox.instance.row_count("pipeline_runs").unwrap(), rows + 14);
    sandbox.embedded().forget_requests();
    let ran = sandbox.run(&["cleanup", "--json"]);
    assert_eq!((ran.code, ran.summary()["runs_deleted"].as_u64()), (Some(0), Some(14)), "{ran:?}");
    let lines = ran.lines();
    let outcomes: Vec<_> = lines.iter().filter(|line| line["type"] == "run").map(|line| &line["outcome"]).collect();
    assert_eq!(outcomes, ["already_archived"; 14]);
    assert_eq!(sandbox.sent(), [""; 0]);
    assert_eq!(sandbox.instance.row_count("pipeline_runs").unwrap(), rows);
}
