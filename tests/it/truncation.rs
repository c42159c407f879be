//! Oversized logs of runs that stay: the head goes to the archive, proven, and only then is cut off.

use std::os::unix::fs::MetadataExt as _;

use fastflow_archive_testkit::clock::{days, fixed_now};
use fastflow_archive_testkit::{RunSpec, WrittenRun};
use serde_json::Value;

use crate::harness::{On, PREFIX, Sandbox};

const MIB: usize = 1 << 20;

/// A young run with a log of about `mib` MiB, in lines, and the log's bytes.
fn young(sandbox: &mut Sandbox, number: u64, mib: usize) -> (WrittenRun, Vec<u8>) {
    let spec = RunSpec::finished(number, "daemon", fixed_now() - days(2)).log_bytes((mib * MIB) as u64 + 7);
    let run = sandbox.add(spec);
    let bytes = std::fs::read(run.log_path.as_ref().unwrap()).unwrap();
    (run, bytes)
}

fn sandbox() -> Sandbox {
    let mut sandbox = Sandbox::new(On::Embedded);
    sandbox.variable("LOG_MAX_SIZE_MB", "2");
    sandbox
}

fn outcomes(sandbox: &Sandbox) -> Vec<String> {
    let ran = sandbox.run(&["cleanup", "--json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let lines = ran.lines().into_iter().filter(|line| line["type"] == "run");
    lines.map(|line| line["outcome"].as_str().unwrap().to_owned()).collect()
}

fn object(sandbox: &Sandbox, run: &WrittenRun, name: &str) -> Vec<u8> {
    sandbox.store.object(&run.key(PREFIX, name)).unwrap()
}

fn manifest(sandbox: &Sandbox, run: &WrittenRun) -> Value {
    serde_json::from_slice(&object(sandbox, run, "manifest.json")).unwrap()
}

#[test]
fn the_head_is_archived_the_tail_stays_and_both_are_the_log() {
    let mut sandbox = sandbox();
    let (run, log) = young(&mut sandbox, 1, 5);
    let path = run.log_path.clone().unwrap();
    let before = std::fs::metadata(&path).unwrap();
    let line = sandbox.run(&["plan", "--json"]).lines().remove(0);
    assert_eq!((&line["rule"], &line["outcome"]), (&"log_max_size".into(), &"due".into()));
    assert_eq!(line["reason"], "log has 5.0 MiB, the last 2.0 MiB are kept");
    assert_eq!(outcomes(&sandbox), ["truncated"]);
    let head = object(&sandbox, &run, "run.log.head-001");
    let tail = std::fs::read(&path).unwrap();
    assert!(head.ends_with(b"\n") && !tail.is_empty() && tail.len() <= 2 * MIB && tail.len() > 2 * MIB - 4096);
    assert!([head, tail].concat() == log, "head and tail are the log");
    let after = std::fs::metadata(&path).unwrap();
    let kept = |metadata: &std::fs::Metadata| {
        (metadata.uid(), metadata.gid(), metadata.mode(), metadata.mtime(), metadata.mtime_nsec())
    };
    assert_eq!(kept(&before), kept(&after));
    assert!(sandbox.instance.run_exists(&run.id).unwrap());
    assert_eq!(manifest(&sandbox, &run)["live"], serde_json::json!(["run.log"]));
    assert_eq!(outcomes(&sandbox), [""; 0], "nothing is left to cut");
}

#[test]
fn a_log_that_grew_again_gets_a_second_head_and_the_run_takes_all_with_it() {
    let mut sandbox = sandbox();
    let (run, mut log) = young(&mut sandbox, 1, 5);
    let path = run.log_path.clone().unwrap();
    assert_eq!(outcomes(&sandbox), ["truncated"]);
    let more = b"one more line\n".repeat(200_000);
    log.extend_from_slice(&more);
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    std::io::Write::write_all(&mut file, &more).unwrap();
    assert_eq!(outcomes(&sandbox), ["truncated"]);
    sandbox.variable("LOG_RETENTION_DAYS", "1");
    assert_eq!(outcomes(&sandbox), ["deleted"]);
    let names: Vec<_> = manifest(&sandbox, &run)["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| file["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["run.log.head-001", "run.log.head-002", "run.log", "metrics.jsonl"]);
    let pieces = names[..3].iter().map(|name| object(&sandbox, &run, name));
    assert!(pieces.flatten().eq(log), "heads and tail are the log");
    assert!(!sandbox.instance.run_exists(&run.id).unwrap() && run.remaining_files().is_empty());
}

#[test]
fn a_log_without_a_line_start_in_time_is_archived_as_a_whole_and_removed() {
    let mut sandbox = sandbox();
    let text = [b"first line\n".to_vec(), vec![b'x'; 3 * MIB]].concat();
    let run = sandbox.add(RunSpec::finished(1, "daemon", fixed_now() - days(2)).log_text(text.clone()));
    assert_eq!(outcomes(&sandbox), ["log_removed"]);
    assert!(object(&sandbox, &run, "run.log.head-001") == text);
    assert!(!run.log_path.as_ref().unwrap().exists() && sandbox.instance.run_exists(&run.id).unwrap());
    assert_eq!(outcomes(&sandbox), [""; 0]);
    sandbox.variable("LOG_RETENTION_DAYS", "1");
    assert_eq!(outcomes(&sandbox), ["deleted"], "its log is not missing, it is in the archive");
    assert_eq!(manifest(&sandbox, &run)["files"][0]["name"], "run.log.head-001");
}

#[test]
fn logs_of_active_runs_are_never_cut() {
    let mut sandbox = sandbox();
    let spec = RunSpec::new(1, "daemon", fixed_now() - days(9)).status("RUNNING").log_bytes(5 << 20);
    let run = sandbox.add(spec);
    assert_eq!(outcomes(&sandbox), [""; 0]);
    assert_eq!(std::fs::metadata(run.log_path.unwrap()).unwrap().len(), 5 << 20);
}

#[test]
fn a_head_that_does_not_arrive_leaves_the_log_whole() {
    let mut sandbox = sandbox();
    let (run, log) = young(&mut sandbox, 1, 5);
    sandbox.embedded().set_fault(|request| request.key.contains("head-001").then_some("InvalidRequest"));
    let ran = sandbox.run(&["cleanup", "-q"]);
    assert_eq!((ran.code, ran.errors()), (Some(3), 1), "{ran:?}");
    assert!(std::fs::read(run.log_path.as_ref().unwrap()).unwrap() == log);
}

#[test]
fn a_log_that_grows_while_its_head_is_sent_is_kept_whole() {
    let mut sandbox = sandbox();
    let (run, log) = young(&mut sandbox, 1, 5);
    let path = run.log_path.clone().unwrap();
    sandbox.embedded().set_fault(move |request| {
        if request.key.ends_with("manifest.json") {
            let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
            std::io::Write::write_all(&mut file, b"late\n").unwrap();
        }
        None
    });
    assert_eq!(outcomes(&sandbox), ["kept"]);
    let now = std::fs::read(run.log_path.as_ref().unwrap()).unwrap();
    assert!(now == [log, b"late\n".to_vec()].concat());
    let names = std::fs::read_dir(sandbox.instance.logs_dir()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(names.into_iter().all(|name| !name.to_string_lossy().starts_with('.')), "nothing is left aside");
}

#[test]
fn a_run_that_turns_active_while_its_head_is_sent_keeps_its_log_whole() {
    let mut sandbox = sandbox();
    let (run, log) = young(&mut sandbox, 1, 5);
    let writer = std::sync::Mutex::new(sandbox.instance.session().unwrap());
    sandbox.embedded().set_fault(move |request| {
        if request.key.ends_with("manifest.json") {
            writer.lock().unwrap().execute("UPDATE pipeline_runs SET status = 'RUNNING'").unwrap();
        }
        None
    });
    assert_eq!(outcomes(&sandbox), ["kept"]);
    assert!(std::fs::read(run.log_path.as_ref().unwrap()).unwrap() == log);
}

#[test]
fn a_head_in_the_bucket_is_never_overwritten_also_where_the_ledger_is_lost() {
    // Garage has no conditional uploads.
    for (on, mib) in [(On::Embedded, 5), (On::Minio, 5), (On::Minio, 40)] {
        let mut sandbox = Sandbox::new(on);
        sandbox.variable("LOG_MAX_SIZE_MB", "2");
        let (run, mut log) = young(&mut sandbox, 1, mib);
        let path = run.log_path.clone().unwrap();
        assert_eq!(outcomes(&sandbox), ["truncated"]);
        let first = object(&sandbox, &run, "run.log.head-001");
        let more = b"one more line\n".repeat(mib * 70_000);
        log.extend_from_slice(&more);
        let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        std::io::Write::write_all(&mut file, &more).unwrap();
        sandbox.variable("FASTFLOW_ARCHIVE_STATE_DIR", "./new-state");
        assert_eq!(outcomes(&sandbox), ["truncated"]);
        assert!(object(&sandbox, &run, "run.log.head-001") == first, "the first head is what it was");
        let second = object(&sandbox, &run, "run.log.head-002");
        assert!([first, second, std::fs::read(&path).unwrap()].concat() == log, "heads and tail are the log");
    }
}

#[test]
fn a_log_that_grows_while_its_tail_is_written_aside_is_kept_whole() {
    let mut sandbox = sandbox();
    let (run, log) = young(&mut sandbox, 1, 5);
    let path = run.log_path.clone().unwrap();
    let append = format!("tail-written-aside:echo late >> '{}'", path.display());
    sandbox.variable("FASTFLOW_ARCHIVE_TEST_RUN", &append);
    sandbox.variable("PATH", "/usr/bin:/bin");
    assert_eq!(outcomes(&sandbox), ["kept"]);
    assert!(std::fs::read(&path).unwrap() == [log, b"late\n".to_vec()].concat());
}

#[test]
fn a_disk_that_is_full_leaves_the_old_log_whole() {
    let mut sandbox = sandbox();
    let (run, log) = young(&mut sandbox, 1, 5);
    // Files may not grow beyond 1.5 MB, and the tail has nearly 2 MiB: its writing ends as on a full disk, with an error.
    let ran = sandbox.run_with_files_up_to(3000 * 512, &["cleanup", "-q"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(
        ran.stderr.contains("failed to cut") && ran.stderr.contains("the old log is still there, whole"),
        "{ran:?}"
    );
    assert!(std::fs::read(run.log_path.as_ref().unwrap()).unwrap() == log);
    let names = std::fs::read_dir(sandbox.instance.logs_dir()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(names.into_iter().all(|name| !name.to_string_lossy().starts_with('.')), "nothing is left aside");
    assert_eq!(outcomes(&sandbox), ["truncated"], "with room again it is cut");
}
