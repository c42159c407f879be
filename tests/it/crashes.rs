//! A kill at each named step (`src/fail_point.rs`): whatever the step, nothing is lost, and the next call finishes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use fastflow_archive_testkit::clock::{days, fixed_now};
use fastflow_archive_testkit::{Fate, RunSpec, WrittenRun};

use crate::harness::{On, PREFIX, Sandbox, old};
use crate::invariants::{assert_log_is_whole, assert_nothing_is_lost, receipts};

/// Every step, in the order in which a call comes to them.
const STEPS: [&str; 21] = [
    "ledger-made-aside",
    "ledger-made",
    "begun",
    "file-sent",
    "head-sent",
    "manifest-sent",
    "run-proven",
    "receipts-recorded",
    "tail-written-aside",
    "tail-renamed",
    "children-deleted",
    "row-deleted",
    "file-removed",
    "before-rows-commit",
    "rows-committed",
    "folders-synced",
    "endings-recorded",
    "work-done",
    "before-end-recorded",
    "end-recorded",
    "anchored",
];
/// A step is reached several times in a call; the kill comes at each of the first ones.
const TIMES: usize = 4;

/// Runs of all kinds: notebook, cancelled, plain, one whose log is to be cut, one that is active.
struct Scene {
    sandbox: Sandbox,
    long: (WrittenRun, Vec<u8>),
    /// Hard links to all files, as if the power cut had undone an unlink.
    links: BTreeMap<PathBuf, PathBuf>,
}

impl Scene {
    fn new() -> Scene {
        // The one on SQLite and the one in PostgreSQL are both tried: the suite runs on both.
        let mut sandbox = Sandbox::new(On::Embedded).without_state_dir();
        sandbox.variable("LOG_MAX_SIZE_MB", "1");
        sandbox.as_admin();
        sandbox.add(old(1, "notebook").notebook(3).with_route());
        sandbox.add(old(2, "cancelled").metrics_by_name(900));
        sandbox.add(old(3, "etl"));
        let long =
            sandbox.add(RunSpec::finished(4, "daemon", fixed_now() - days(2)).log_bytes(1_400_000).fate(Fate::Young));
        let log = std::fs::read(long.log_path.as_ref().unwrap()).unwrap();
        sandbox.add(RunSpec::new(5, "etl", fixed_now()).status("RUNNING"));
        let aside = sandbox.instance.root().join("links");
        std::fs::create_dir(&aside).unwrap();
        let files = sandbox.runs(Fate::Archived).into_iter().flat_map(WrittenRun::remaining_files);
        let link = |(number, path): (usize, PathBuf)| {
            let link = aside.join(number.to_string());
            std::fs::hard_link(&path, &link).unwrap();
            (path, link)
        };
        let links = files.enumerate().map(link).collect();
        Scene { sandbox, long: (long, log), links }
    }

    /// Kills a call at the step; whether it came to it.
    fn kill_at(&mut self, step: &str, time: usize) -> bool {
        self.sandbox.variable("FASTFLOW_ARCHIVE_TEST_KILL", &format!("{step}:{time}"));
        let ran = self.sandbox.run(&["cleanup", "-q"]);
        self.sandbox.variable("FASTFLOW_ARCHIVE_TEST_KILL", "");
        assert!(ran.code.is_none() || ran.code == Some(0), "{step}:{time}: {ran:?}");
        ran.code.is_none()
    }

    fn assert_the_long_log_is_whole(&self, when: &str) {
        assert_log_is_whole(&self.sandbox, &self.long.0, &self.long.1, when);
    }

    fn assert_nothing_is_left_aside(&self, when: &str) {
        let logs = std::fs::read_dir(self.sandbox.instance.logs_dir()).unwrap();
        let names = logs.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
        let left: Vec<_> = names.filter(|name| name.contains("fastflow-archive")).collect();
        assert_eq!(left, [""; 0], "{when}: left aside");
    }

    /// Brings back files whose removal was not yet recorded as durable.
    fn undo_unlinks(&self) {
        let recorded = self.sandbox.in_ledger("SELECT run_id FROM deletions WHERE phase = 'deleted'");
        for run in self.sandbox.runs(Fate::Archived).into_iter().filter(|run| !recorded.contains(&run.id)) {
            for path in [&run.log_path, &run.metrics_path, &run.route_path].into_iter().flatten() {
                if !path.exists() {
                    std::fs::hard_link(&self.links[path], path).unwrap();
                }
            }
        }
    }

    /// The next call finishes, and sends nothing that has a receipt.
    fn assert_the_next_call_finishes(&self, when: &str) {
        let before = receipts(&self.sandbox);
        self.sandbox.embedded().forget_requests();
        let ran = self.sandbox.run(&["cleanup", "-q"]);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{when}: {ran:?}");
        let twice: Vec<_> = self.sandbox.sent().into_iter().filter(|key| before.contains(key)).collect();
        assert_eq!(twice, [""; 0], "{when}: sent again in spite of a receipt");
        let objects = self.sandbox.objects();
        self.sandbox.runs(Fate::Archived).into_iter().for_each(|run| self.sandbox.assert_moved(run, &objects));
        self.assert_the_long_log_is_whole(when);
        let heads: Vec<_> = objects.keys().filter(|key| key.contains("run.log.head-")).collect();
        assert_eq!(heads.len(), 1, "{when}: {heads:?}");
        let log = self.long.0.log_path.as_ref().unwrap();
        assert!(std::fs::metadata(log).unwrap().len() <= 1 << 20, "{when}: it is not cut");
        self.assert_nothing_is_left_aside(when);
        let open = "SELECT run_id FROM deletions GROUP BY run_id \
                    HAVING max(seq) = max(CASE phase WHEN 'intended' THEN seq END)";
        let open = self.sandbox.in_ledger(open);
        assert_eq!(open, [""; 0], "{when}: the ledger does not know how deletions ended");
        let checked = self.sandbox.run(&["ledger", "verify"]);
        assert_eq!((checked.code, checked.stderr.as_str()), (Some(0), ""), "{when}: {checked:?}");
        self.sandbox.run(&["cleanup"]).expect(0, "Nothing is due.", "");
    }
}

#[test]
fn a_kill_at_every_step_loses_nothing_and_the_next_call_finishes() {
    let mut kills = 0;
    for step in STEPS {
        for time in 1..=TIMES {
            let mut scene = Scene::new();
            let when = format!("killed at {step}:{time}");
            if !scene.kill_at(step, time) {
                assert!(time > 1, "no call comes to the step {step}");
                break;
            }
            kills += 1;
            assert_nothing_is_lost(&scene.sandbox, &when);
            scene.assert_the_long_log_is_whole(&when);
            scene.assert_the_next_call_finishes(&when);
        }
    }
    println!("{kills} kills at {} steps", STEPS.len());
}

#[test]
fn a_power_cut_that_brings_removed_files_back_leaves_none_behind() {
    for step in ["file-removed", "before-rows-commit", "rows-committed", "folders-synced"] {
        let mut scene = Scene::new();
        let when = format!("power cut at {step}");
        assert!(scene.kill_at(step, 1), "{when}");
        scene.undo_unlinks();
        scene.assert_the_next_call_finishes(&when);
    }
}

#[test]
fn a_second_kill_while_the_first_is_being_made_good_loses_nothing() {
    let late = ["receipts-recorded", "tail-renamed", "file-removed", "rows-committed", "end-recorded"];
    for first in late {
        for second in late {
            let mut scene = Scene::new();
            let when = format!("killed at {first}, then at {second}");
            assert!(scene.kill_at(first, 1), "{when}");
            scene.kill_at(second, 1);
            assert_nothing_is_lost(&scene.sandbox, &when);
            scene.assert_the_next_call_finishes(&when);
        }
    }
}

#[test]
fn a_disk_that_has_no_more_room_loses_nothing_and_with_room_the_next_call_finishes() {
    // From where not even the first receipts can be written to where all is.
    let mut room = 56u64 << 10;
    let mut deleted = Vec::new();
    loop {
        let mut sandbox = Sandbox::on_sqlite(On::Embedded).settle(150);
        sandbox.as_admin();
        let when = format!("no file grows beyond {room} bytes");
        let ran = sandbox.run_with_files_up_to(room, &["cleanup"]);
        if ran.code == Some(0) {
            break;
        }
        assert!(
            ran.code.is_some() && ran.stderr.contains("disk") && ran.stderr.contains("\n  hint: "),
            "{when}: {ran:?}"
        );
        assert_nothing_is_lost(&sandbox, &when);
        let runs = sandbox.runs(Fate::Archived);
        deleted.push(runs.iter().filter(|run| !sandbox.instance.run_exists(&run.id).unwrap()).count());
        sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
        let objects = sandbox.objects();
        runs.into_iter().for_each(|run| sandbox.assert_moved(run, &objects));
        sandbox.run(&["verify", "-q"]).expect(0, "", "");
        assert_eq!(sandbox.run(&["ledger", "verify", "-q"]).code, Some(0), "{when}");
        room += room / 3;
    }
    println!("runs deleted before the disk was full: {deleted:?}");
    assert!(deleted.contains(&0) && deleted.iter().any(|runs| (1..150).contains(runs)), "{deleted:?}");
}

#[test]
fn a_plan_that_finds_no_room_to_wait_is_not_begun() {
    let mut sandbox = Sandbox::on_sqlite(On::Embedded).settle(2000);
    sandbox.as_admin();
    let before = sandbox.tree();
    // The ledger fits, and no more.
    let ran = sandbox.run_with_files_up_to(100 << 10, &["cleanup", "-q"]);
    assert!(
        ran.code == Some(1)
            && ran.stderr.starts_with("error: failed to keep the plan in a file without a name in `")
            && ran.stderr.contains("\n  hint: ")
            && ran.stderr.contains("disk"),
        "{ran:?}"
    );
    assert_eq!((sandbox.sent(), sandbox.in_ledger("SELECT entry FROM entries")), (vec![], vec!["created".to_owned()]));
    let mut after = sandbox.tree();
    after.retain(|path, _| before.contains_key(path));
    assert!(after == before, "rows and files are as they were");
    sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
    let objects = sandbox.objects();
    sandbox.runs(Fate::Archived).into_iter().for_each(|run| sandbox.assert_moved(run, &objects));
}

#[test]
fn other_commands_in_between_do_not_hide_what_is_to_be_finished() {
    let mut scene = Scene::new();
    assert!(scene.kill_at("rows-committed", 1));
    scene.undo_unlinks();
    scene.sandbox.run(&["ledger", "rebuild", "-q"]).expect(0, "", "");
    scene.assert_the_next_call_finishes("a rebuild in between");
}

#[test]
fn a_head_that_was_archived_and_never_cut_off_is_not_told_twice() {
    for step in ["receipts-recorded", "tail-written-aside"] {
        let mut scene = Scene::new();
        assert!(scene.kill_at(step, 1), "{step}");
        // Retention now takes the whole run, whose head is in the archive, and in the log.
        scene.sandbox.variable("LOG_RETENTION_DAYS", "1");
        scene.sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
        let (run, log) = &scene.long;
        let manifest = scene.sandbox.store.object(&run.key(PREFIX, "manifest.json")).unwrap();
        let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
        let names = manifest["files"].as_array().unwrap().iter().map(|file| file["name"].as_str().unwrap());
        let pieces: Vec<u8> = names
            .filter(|name| name.starts_with("run.log"))
            .flat_map(|name| scene.sandbox.store.object(&run.key(PREFIX, name)).unwrap())
            .collect();
        assert!(pieces == *log, "killed at {step}: heads and log, as the manifest orders them, are the log");
        scene.assert_nothing_is_left_aside(step);
    }
}
