//! Files that are swapped while a run travels: between plan and upload, between upload and unlink, between upload and cut.
//! What is swapped in is never read, never sent, never removed. The server holds the request at which it happens.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use fastflow_archive_testkit::clock::{days, fixed_now};
use fastflow_archive_testkit::{Instance, RunSpec, WrittenRun};

use crate::harness::{On, PREFIX, Ran, Sandbox, make_pipe, old};

const SECRET: &[u8] = b"what must not leave this machine\n";

/// Puts something else in the place of a log in `logs/sub`, whose bytes stay beside it.
struct Swap {
    name: &'static str,
    /// Gets the log and a folder outside the log directory that holds `victim` and a file of the log's name.
    put: fn(&Path, &Path),
    /// The error of the run.
    kind: &'static str,
    /// Whether it counts as changed, and not as failed.
    changed: bool,
}

fn set_aside(log: &Path) {
    std::fs::rename(log, log.with_extension("aside")).unwrap();
}

const SWAPS: [Swap; 8] = [
    Swap {
        name: "a symlink to a file outside",
        put: |log, outside| {
            set_aside(log);
            symlink(outside.join("victim"), log).unwrap();
        },
        kind: "not_a_regular_file",
        changed: false,
    },
    Swap {
        name: "a symlink to the very log",
        put: |log, _| {
            set_aside(log);
            symlink(log.with_extension("aside"), log).unwrap();
        },
        kind: "not_a_regular_file",
        changed: false,
    },
    Swap {
        name: "a symlink to nothing",
        put: |log, _| {
            set_aside(log);
            symlink("nowhere", log).unwrap();
        },
        kind: "not_a_regular_file",
        changed: false,
    },
    Swap {
        name: "a folder",
        put: |log, _| {
            set_aside(log);
            std::fs::create_dir(log).unwrap();
        },
        kind: "not_a_regular_file",
        changed: false,
    },
    Swap {
        name: "a pipe",
        put: |log, _| {
            set_aside(log);
            make_pipe(log);
        },
        kind: "not_a_regular_file",
        changed: false,
    },
    Swap {
        name: "a copy of the same time and length",
        put: |log, outside| {
            set_aside(log);
            std::fs::rename(outside.join(log.file_name().unwrap()), log).unwrap();
        },
        kind: "file_changed",
        changed: true,
    },
    Swap {
        name: "a folder above that leads outside",
        put: |log, outside| {
            let folder = log.parent().unwrap();
            std::fs::rename(folder, folder.with_extension("aside")).unwrap();
            symlink(outside, folder).unwrap();
        },
        kind: "outside_logs_dir",
        changed: false,
    },
    Swap {
        name: "a folder above that leads to another folder inside",
        put: |log, outside| {
            let folder = log.parent().unwrap();
            let other = folder.with_extension("other");
            std::fs::create_dir(&other).unwrap();
            std::fs::rename(outside.join(log.file_name().unwrap()), other.join(log.file_name().unwrap())).unwrap();
            std::fs::rename(folder, folder.with_extension("aside")).unwrap();
            symlink("sub.other", folder).unwrap();
        },
        kind: "file_changed",
        changed: true,
    },
];

/// An instance with a folder `logs/sub`.
fn sandbox() -> Sandbox {
    Sandbox::with(On::Embedded, |folder| {
        let instance = Instance::create(folder).unwrap();
        std::fs::create_dir(instance.logs_dir().join("sub")).unwrap();
        std::fs::write(instance.outside_dir().join("victim"), SECRET).unwrap();
        instance
    })
}

/// Adds a run whose log is in `logs/sub`, and puts a file of the same name, length and time outside.
fn add(sandbox: &mut Sandbox, number: u64) -> WrittenRun {
    let text = SECRET.to_ascii_uppercase();
    let run = sandbox.add(old(number, "etl").stem(&format!("sub/{number}")).log_text(text).without_metrics());
    let log = run.log_path.as_ref().unwrap();
    let twin = sandbox.instance.outside_dir().join(log.file_name().unwrap());
    std::fs::write(&twin, SECRET).unwrap();
    let modified = std::fs::metadata(log).unwrap().modified().unwrap();
    std::fs::File::options().write(true).open(&twin).unwrap().set_modified(modified).unwrap();
    run
}

/// Swaps the log of `victim` when `key` is about to be stored.
fn swap_at(sandbox: &Sandbox, key: String, victim: &WrittenRun, swap: &Swap) {
    let (put, log, outside) = (swap.put, victim.log_path.clone().unwrap(), sandbox.instance.outside_dir());
    let done = std::sync::Once::new();
    sandbox.embedded().set_fault(move |request| {
        if request.key == key {
            done.call_once(|| put(&log, &outside));
        }
        None
    });
}

/// Asserts that the run failed or was kept as the swap says, that its row is there, and that nothing of what was swapped in
/// was sent or removed.
#[track_caller]
fn assert_not_followed(sandbox: &Sandbox, ran: &Ran, run: &WrittenRun, swap: &Swap) {
    let name = swap.name;
    let lines = ran.lines();
    let line = lines.iter().find(|line| line["run_id"] == run.id.as_str()).unwrap();
    let outcome = if swap.changed { "kept" } else { "failed" };
    assert_eq!((&line["outcome"], &line["error"]["kind"]), (&outcome.into(), &swap.kind.into()), "{name}: {ran:?}");
    assert_eq!(ran.code, Some(if swap.changed { 0 } else { 3 }), "{name}: {ran:?}");
    assert!(sandbox.instance.run_exists(&run.id).unwrap(), "{name}");
    for key in sandbox.objects().keys() {
        assert!(!sandbox.store.object(key).unwrap().windows(20).any(|window| window == &SECRET[..20]), "{name}: {key}");
    }
    let log = run.log_path.as_ref().unwrap();
    assert!(log.symlink_metadata().is_ok(), "{name}: it lies where it was put");
    let outside = sandbox.instance.outside_dir();
    assert_eq!(std::fs::read(outside.join("victim")).unwrap(), SECRET, "{name}");
    let aside = [log.with_extension("aside"), moved_with_folder(log), log.to_owned()];
    let mut bytes = aside.iter().filter_map(|path| std::fs::read(path).ok());
    assert!(bytes.any(|bytes| bytes == SECRET.to_ascii_uppercase()), "{name}: the log itself is there");
}

/// Where the log is after its folder was set aside.
fn moved_with_folder(log: &Path) -> PathBuf {
    log.parent().unwrap().with_extension("aside").join(log.file_name().unwrap())
}

#[test]
fn what_is_swapped_in_between_plan_and_upload_is_neither_read_nor_sent() {
    for swap in &SWAPS {
        let mut sandbox = sandbox();
        // The older one goes first, and alone.
        let (first, victim) = (add(&mut sandbox, 2), add(&mut sandbox, 1));
        swap_at(&sandbox, first.key(PREFIX, "run.log"), &victim, swap);
        let ran = sandbox.run(&["cleanup", "--json", "--concurrency", "1"]);
        assert_not_followed(&sandbox, &ran, &victim, swap);
        let keys = sandbox.objects();
        assert!(keys.keys().all(|key| !key.contains(&victim.id)), "{}: {keys:?}", swap.name);
    }
}

#[test]
fn what_is_swapped_in_between_upload_and_unlink_is_not_removed() {
    for swap in &SWAPS {
        let mut sandbox = sandbox();
        let victim = add(&mut sandbox, 1);
        swap_at(&sandbox, victim.key(PREFIX, "manifest.json"), &victim, swap);
        let ran = sandbox.run(&["cleanup", "--json"]);
        assert_not_followed(&sandbox, &ran, &victim, swap);
        assert_eq!(victim.differences(PREFIX, &sandbox.objects()), [""; 0], "{}: the archive has the log", swap.name);
    }
}

#[test]
fn what_is_swapped_in_between_upload_and_cut_is_not_cut() {
    for swap in &SWAPS {
        let mut sandbox = sandbox();
        sandbox.variable("LOG_MAX_SIZE_MB", "1");
        let spec = RunSpec::finished(1, "daemon", fixed_now() - days(2)).log_bytes(3 << 20).stem("sub/1");
        let run = sandbox.add(spec.without_metrics());
        let log = run.log_path.clone().unwrap();
        let (bytes, twin) = (std::fs::read(&log).unwrap(), sandbox.instance.outside_dir().join("1.log"));
        std::fs::write(&twin, vec![b'x'; bytes.len()]).unwrap();
        let modified = std::fs::metadata(&log).unwrap().modified().unwrap();
        std::fs::File::options().write(true).open(&twin).unwrap().set_modified(modified).unwrap();
        swap_at(&sandbox, run.key(PREFIX, "manifest.json"), &run, swap);
        let ran = sandbox.run(&["cleanup", "--json"]);
        assert_eq!(ran.code, Some(if swap.changed { 0 } else { 3 }), "{}: {ran:?}", swap.name);
        assert_eq!(ran.lines()[0]["error"]["kind"], swap.kind, "{}: {ran:?}", swap.name);
        let aside = [log.with_extension("aside"), moved_with_folder(&log)];
        let whole = aside.iter().filter_map(|path| std::fs::read(path).ok()).any(|found| found == bytes);
        assert!(whole && log.symlink_metadata().is_ok(), "{}: the log is whole, aside", swap.name);
        assert_eq!(std::fs::read(sandbox.instance.outside_dir().join("victim")).unwrap(), SECRET, "{}", swap.name);
    }
}

#[test]
fn the_tail_of_a_log_is_not_written_through_a_symlink() {
    let mut sandbox = sandbox();
    sandbox.variable("LOG_MAX_SIZE_MB", "1");
    let run = sandbox.add(RunSpec::finished(1, "daemon", fixed_now() - days(2)).log_bytes(3 << 20).stem("sub/1"));
    let victim = sandbox.instance.outside_dir().join("victim");
    symlink(&victim, sandbox.instance.logs_dir().join("sub/.1.log.fastflow-archive")).unwrap();
    let ran = sandbox.run(&["cleanup", "--json"]);
    assert_eq!((ran.code, &ran.lines()[0]["outcome"]), (Some(0), &"truncated".into()), "{ran:?}");
    assert_eq!(std::fs::read(&victim).unwrap(), SECRET);
    assert!(run.log_path.unwrap().symlink_metadata().unwrap().is_file());
}
