//! What must stop us before anything changes: exit 13. And another instance: exit 11.

use fastflow_archive_testkit::Fate;

use crate::harness::{On, Sandbox, old};

#[test]
fn an_empty_log_directory_while_runs_are_due_stops_everything() {
    let sandbox = Sandbox::new(On::Embedded).settle(3);
    let (logs, aside) = (sandbox.instance.logs_dir(), sandbox.instance.root().join("aside"));
    std::fs::rename(&logs, &aside).unwrap();
    std::fs::create_dir(&logs).unwrap();
    let rows = sandbox.instance.row_count("pipeline_runs").unwrap();
    let stderr = "error: failed to begin: the log directory `[..]/logs` is empty, but 3 due runs point into it\n  hint: is the volume mounted? check --logs-dir and --path-map";
    sandbox.run(&["cleanup", "-q"]).expect(13, "", stderr);
    sandbox.run(&["cleanup", "-q", "--allow-missing-logs"]).expect(13, "", stderr);
    std::fs::remove_dir(&logs).unwrap();
    let stderr = "error: failed to open the log directory `./logs`: No such file or directory (os error 2)\n  hint: is the volume mounted, and may this user read it? check --logs-dir; relative paths count from the current directory, `[..]/fast-flow`";
    sandbox.run(&["cleanup", "-q"]).expect(13, "", stderr);
    assert_eq!(sandbox.instance.row_count("pipeline_runs").unwrap(), rows);
    assert!(sandbox.embedded().requests().is_empty());
    std::fs::rename(&aside, &logs).unwrap();
    sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
}

#[test]
fn more_than_half_of_the_logs_missing_stops_everything() {
    let mut sandbox = Sandbox::new(On::Embedded).settle(4);
    for number in 100..106 {
        sandbox.add(old(number, "etl").without_log());
    }
    let stderr = "error: failed to begin: 6 of 10 due runs have no log in `[..]/logs`\n  hint: is the volume mounted? check --logs-dir and --path-map";
    sandbox.run(&["cleanup", "-q", "--allow-missing-logs"]).expect(13, "", stderr);
    sandbox.instance.runs().iter().for_each(|run| sandbox.assert_untouched(run));
}

#[test]
fn more_due_runs_than_allowed_stop_everything() {
    let sandbox = Sandbox::new(On::Embedded).settle(5);
    let stderr = "error: failed to begin: 5 runs are due, --max-delete allows 4\n  hint: look at `fastflow-archive plan`; raise --max-delete, or take a part with --limit";
    sandbox.run(&["cleanup", "-q", "--max-delete", "4"]).expect(13, "", stderr);
    sandbox.run(&["cleanup", "-q", "-n", "--max-delete", "4"]).expect(13, "", stderr);
    sandbox.runs(Fate::Archived).into_iter().for_each(|run| sandbox.assert_untouched(run));
    sandbox.run(&["cleanup", "-q", "--max-delete", "5"]).expect(0, "", "");
}

#[test]
fn a_second_instance_is_told_the_pid_of_the_first() {
    let sandbox = Sandbox::new(On::Embedded).settle(3);
    let path = sandbox.instance.data_dir().join("fastflow-archive.lock");
    let holder = std::fs::File::create(&path).unwrap();
    holder.lock().unwrap();
    std::fs::write(&path, "cleanup, pid 4242, since 2026-08-04T02:00:00Z").unwrap();
    let stderr = "error: failed to lock `./data/fastflow-archive.lock`: cleanup, pid 4242, since 2026-08-04T02:00:00Z holds it\n  hint: wait until it has finished, or use --lock-wait; the lock ends with its process";
    sandbox.run(&["cleanup", "-q"]).expect(11, "", stderr);
    sandbox.run(&["plan", "-q"]).expect(0, "", "");
    // Not by dropping it: a child of another test, between fork and exec, may hold the same handle.
    holder.unlock().unwrap();
    sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
}

#[test]
fn a_log_directory_on_another_volume_than_last_time_stops_everything_until_that_is_accepted() {
    let mut sandbox = Sandbox::new(On::Embedded).settle(3);
    sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
    let run = sandbox.add(old(500, "etl"));
    // The same path, but memory instead of disk; every Linux has it.
    let elsewhere = tempfile::tempdir_in("/dev/shm").unwrap();
    let logs = sandbox.instance.logs_dir();
    for entry in std::fs::read_dir(&logs).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file()) {
        std::fs::copy(entry.path(), elsewhere.path().join(entry.file_name())).unwrap();
    }
    std::fs::rename(&logs, sandbox.instance.root().join("aside")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), &logs).unwrap();
    let stderr = "error: failed to begin: the log directory `[..]/logs` lies on another volume than last time\n  hint: is the right volume mounted? if it was moved on purpose, say --accept-moved-logs once";
    for args in [&["cleanup", "-q"][..], &["cleanup", "-q", "--dry-run"], &["backup", "-q"]] {
        sandbox.run(args).expect(13, "", stderr);
    }
    sandbox.assert_untouched(&run);
    sandbox.run(&["cleanup", "-q", "--accept-moved-logs"]).expect(0, "", "");
    sandbox.assert_moved(&run, &sandbox.objects());
    // What was accepted is what is expected from now on.
    let run = sandbox.add(old(501, "etl"));
    sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
    sandbox.assert_moved(&run, &sandbox.objects());
}
