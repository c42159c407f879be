//! Archived runs come back: byte for byte into a folder, or whole into the instance; and nothing is ever written elsewhere.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use fastflow_archive_testkit::clock::{days, fixed_now};
use fastflow_archive_testkit::{Digest, Fate, RunSpec, WrittenRun, digest_of, tree_files};
use serde_json::Value;

use crate::harness::{On, PREFIX, Ran, Sandbox, old, population};

/// Everything archived and gone, in a bucket that may be read.
fn archived(mut sandbox: Sandbox) -> Sandbox {
    sandbox.as_admin();
    let ran = sandbox.run(&["cleanup", "-q"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
    sandbox
}

fn to(sandbox: &Sandbox) -> PathBuf {
    sandbox.instance.root().join("back")
}

fn restored(sandbox: &Sandbox) -> BTreeMap<String, Digest> {
    tree_files(&to(sandbox), &[]).unwrap()
}

/// The objects of these runs, by their names below the prefix.
fn objects_of(sandbox: &Sandbox, runs: &[&WrittenRun]) -> BTreeMap<String, Digest> {
    let ours = |key: &String| runs.iter().any(|run| key.contains(&run.id));
    let objects = sandbox.objects().into_iter().filter(|(key, _)| ours(key));
    objects.map(|(key, digest)| (key.strip_prefix(PREFIX).unwrap()[1..].to_owned(), digest)).collect()
}

/// Takes the ledger away, as with the machine.
fn lose_ledger(sandbox: &Sandbox) {
    for name in ["fastflow-archive.db", "fastflow-archive.db-wal", "fastflow-archive.db-shm"] {
        drop(std::fs::remove_file(sandbox.instance.data_dir().join(name)));
    }
}

#[track_caller]
fn done(ran: &Ran) {
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
}

#[test]
fn runs_of_all_kinds_come_back_byte_for_byte_with_and_without_the_ledger() {
    for on in [On::Server, On::Embedded] {
        let mut sandbox = Sandbox::new(on).settle(population(40));
        sandbox.add(old(900_000, "Täglicher Import/..").stem("umlaut"));
        let sandbox = archived(sandbox);
        let gone = sandbox.runs(Fate::Archived);
        let ids: Vec<&str> = gone.iter().map(|run| run.id.as_str()).collect();
        for without_ledger in [false, true] {
            if without_ledger {
                lose_ledger(&sandbox);
                std::fs::remove_dir_all(to(&sandbox)).unwrap();
            }
            let ran = sandbox.run(&[&["restore", "--to", "back", "--json"], ids.as_slice()].concat());
            done(&ran);
            assert_eq!(restored(&sandbox), objects_of(&sandbox, &gone));
            assert_eq!(ran.summary()["runs_restored"], ids.len());
        }
        for run in &gone {
            let folder = to(&sandbox).join(run.pipeline.replace("..", "%2E%2E")).join(&run.id);
            for (name, digest) in &run.files {
                let file = std::fs::File::open(folder.join(name)).unwrap();
                assert_eq!(file.metadata().unwrap().modified().unwrap(), run.finished_at.unwrap(), "{name}");
                assert_eq!(digest_of(file).unwrap(), *digest, "{name} of {}", run.id);
            }
        }
        assert!(gone.iter().any(|run| !run.cells.is_empty()) && gone.iter().any(|run| run.status == "INTERRUPTED"));
    }
}

#[test]
fn a_pipeline_comes_back_alone_with_and_without_the_ledger() {
    let mut sandbox = Sandbox::new(On::Server);
    let mine = [sandbox.add(old(1, "etl")), sandbox.add(old(2, "etl"))];
    sandbox.add(old(3, "etl/daily").stem("nested"));
    sandbox.add(old(4, "etl2"));
    let sandbox = archived(sandbox);
    let expected = objects_of(&sandbox, &mine.iter().collect::<Vec<_>>());
    let args = ["restore", "--pipeline", "etl", "--to", "back"];
    sandbox.run(&args).expect(0, "2 runs restored: 6 files written, [..] in [..] s.\n", "");
    assert_eq!(restored(&sandbox), expected);
    sandbox.run(&args).expect(0, "2 runs restored: 0 files written, 0 B in [..] s.\n", "");
    lose_ledger(&sandbox);
    std::fs::remove_dir_all(to(&sandbox)).unwrap();
    // Also without the instance: the machine is lost.
    std::fs::rename(sandbox.instance.data_dir(), sandbox.instance.root().join("lost")).unwrap();
    sandbox.run(&args).expect(0, "2 runs restored: 6 files written, [..] in [..] s.\n", "");
    assert_eq!(restored(&sandbox), expected);
    let none = sandbox.run(&["restore", "--pipeline", "etl", "--to", "none", "--until", "2020-01-01"]);
    none.expect(0, "0 runs restored: 0 files written, 0 B in [..] s.\n", "");
}

/// A run whose log was cut twice and that is gone since, and its log.
fn cut_twice(on: On) -> (Sandbox, WrittenRun, Vec<u8>) {
    let mut sandbox = Sandbox::new(on);
    sandbox.variable("LOG_MAX_SIZE_MB", "1").as_admin();
    let run = sandbox.add(RunSpec::finished(1, "daemon", fixed_now() - days(2)).log_bytes((3 << 20) + 7));
    let path = run.log_path.clone().unwrap();
    let mut log = std::fs::read(&path).unwrap();
    done(&sandbox.run(&["cleanup", "-q"]));
    let more = b"one more line\n".repeat(200_000);
    log.extend_from_slice(&more);
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    std::io::Write::write_all(&mut file, &more).unwrap();
    done(&sandbox.run(&["cleanup", "-q"]));
    (sandbox, run, log)
}

#[test]
fn a_log_that_was_cut_is_joined_or_stays_in_pieces_on_demand() {
    let (mut sandbox, run, log) = cut_twice(On::Server);
    let live = sandbox.run(&["restore", &run.id, "--to", "live"]);
    assert_eq!(live.code, Some(0));
    assert!(live.stderr.starts_with("warning: run ") && live.stderr.contains("only what was cut off"), "{live:?}");
    let folder = sandbox.instance.root().join("live/daemon").join(&run.id);
    assert!(folder.join("run.log.head-002").exists() && !folder.join("run.log").exists());
    sandbox.variable("LOG_RETENTION_DAYS", "1");
    done(&sandbox.run(&["cleanup", "-q"]));
    done(&sandbox.run(&["restore", &run.id, "--to", "back"]));
    let folder = to(&sandbox).join("daemon").join(&run.id);
    assert!(std::fs::read(folder.join("run.log")).unwrap() == log, "heads and tail are the log");
    assert!(!folder.join("run.log.head-001").exists());
    done(&sandbox.run(&["restore", &run.id, "--to", "raw", "--raw"]));
    let raw = tree_files(&sandbox.instance.root().join("raw"), &[]).unwrap();
    assert_eq!(raw, objects_of(&sandbox, &[&run]));
}

#[test]
fn a_cut_log_that_goes_back_into_the_instance_is_whole_and_is_archived_whole_again() {
    let (mut sandbox, run, log) = cut_twice(On::Embedded);
    sandbox.variable("LOG_RETENTION_DAYS", "1").variable("LOG_MAX_SIZE_MB", "");
    done(&sandbox.run(&["cleanup", "-q"]));
    done(&sandbox.run(&["restore", &run.id, "--to-instance", "-q"]));
    assert!(std::fs::read(run.log_path.as_ref().unwrap()).unwrap() == log);
    done(&sandbox.run(&["cleanup", "-q"]));
    done(&sandbox.run(&["restore", &run.id, "--to", "back"]));
    let back = std::fs::read(to(&sandbox).join("daemon").join(&run.id).join("run.log")).unwrap();
    assert!(back == log, "no head is in it twice: {} and {} bytes", back.len(), log.len());
}

#[test]
fn an_object_that_changed_leaves_no_file_and_is_one_line() {
    for ledger_is_lost in [false, true] {
        let mut sandbox = Sandbox::new(On::Embedded);
        let runs: Vec<_> = (1..=4).map(|number| sandbox.add(old(number, "etl"))).collect();
        let sandbox = archived(sandbox);
        if ledger_is_lost {
            lose_ledger(&sandbox);
        }
        let put = |run: &WrittenRun, name: &str, change: &dyn Fn(Vec<u8>) -> Vec<u8>| {
            let key = run.key(PREFIX, name);
            let bytes = change(sandbox.store.object(&key).unwrap());
            std::fs::write(sandbox.embedded().path(&key), bytes).unwrap();
        };
        put(&runs[0], "run.log", &|mut bytes| {
            bytes[7] ^= 1;
            bytes
        });
        put(&runs[1], "metrics.jsonl", &|bytes| bytes[..bytes.len() - 1].to_vec());
        put(&runs[2], "run.log", &|bytes| [bytes, b"more".to_vec()].concat());
        std::fs::remove_file(sandbox.embedded().path(&runs[3].key(PREFIX, "run.log"))).unwrap();
        let ran = sandbox.run(&["restore", "--pipeline", "etl", "--to", "back"]);
        assert_eq!((ran.code, ran.errors()), (Some(4), 4), "{ran:?}");
        for (run, name) in runs.iter().zip(["run.log", "metrics.jsonl", "run.log", "run.log"]) {
            assert!(ran.stderr.contains(&run.key(PREFIX, name)), "{ran:?}");
            let folder = to(&sandbox).join("etl").join(&run.id);
            let names: Vec<_> = std::fs::read_dir(folder)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            let other = if name == "run.log" { "metrics.jsonl" } else { "run.log" };
            assert_eq!(names, [other], "the other file is there, nothing else");
        }
    }
}

#[test]
fn another_file_is_overwritten_on_demand_only() {
    let mut sandbox = Sandbox::new(On::Embedded);
    let run = sandbox.add(old(1, "etl"));
    let sandbox = archived(sandbox);
    let folder = to(&sandbox).join("etl").join(&run.id);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("run.log"), "mine").unwrap();
    let ran = sandbox.run(&["restore", &run.id, "--to", "back", "-q"]);
    let expected = "error: failed to write `[..]/back/etl/[..]/run.log`: another file is there\n  \
                    hint: it is left alone; --overwrite replaces it, another --to leaves both\n";
    ran.expect(3, "", expected);
    assert_eq!(std::fs::read(folder.join("run.log")).unwrap(), b"mine");
    assert!(!folder.join("manifest.json").exists(), "the folder is not complete");
    done(&sandbox.run(&["restore", &run.id, "--to", "back", "-q", "--overwrite"]));
    assert_eq!(restored(&sandbox), objects_of(&sandbox, &[&run]));
}

#[test]
fn a_hostile_manifest_writes_nothing_outside_its_folder() {
    let mut sandbox = Sandbox::new(On::Embedded);
    let run = sandbox.add(old(1, "etl"));
    let sandbox = archived(sandbox);
    lose_ledger(&sandbox);
    let key = run.key(PREFIX, "manifest.json");
    let honest: Value = serde_json::from_slice(&sandbox.store.object(&key).unwrap()).unwrap();
    type Change = fn(&mut Value);
    let changes: [Change; 10] = [
        |manifest| manifest["files"][0]["name"] = "../../../evil".into(),
        |manifest| manifest["files"][0]["name"] = "/tmp/evil-of-a-manifest".into(),
        |manifest| manifest["files"][0]["name"] = "..".into(),
        |manifest| manifest["files"][0]["name"] = "manifest.json".into(),
        |manifest| manifest["files"][0]["name"] = ".bashrc".into(),
        |manifest| manifest["files"][0]["name"] = manifest["files"][1]["name"].clone(),
        |manifest| manifest["files"][0]["sha256"] = "00".into(),
        |manifest| manifest["run"]["pipeline_name"] = "../../..".into(),
        |manifest| manifest["run"]["id"] = "00000000-0000-0000-0000-000000000000".into(),
        |manifest| manifest["schema"] = 99.into(),
    ];
    let before = sandbox.tree();
    for change in changes {
        let mut manifest = honest.clone();
        change(&mut manifest);
        std::fs::write(sandbox.embedded().path(&key), manifest.to_string().into_bytes()).unwrap();
        for args in
            [&["restore", &run.id, "--to", "back", "-q"][..], &["restore", "--pipeline", "etl", "--to", "back", "-q"]]
        {
            let ran = sandbox.run(args);
            assert_eq!((ran.code, ran.errors()), (Some(4), 1), "{manifest}\n{ran:?}");
        }
        assert!(!Path::new("/tmp/evil-of-a-manifest").exists());
        std::fs::remove_dir_all(to(&sandbox)).unwrap();
        assert_eq!(sandbox.tree(), before, "{manifest}");
    }
}

#[test]
fn no_symlink_in_the_folder_is_followed() {
    let mut sandbox = Sandbox::new(On::Embedded);
    let run = sandbox.add(old(1, "etl"));
    let sandbox = archived(sandbox);
    let outside = sandbox.instance.outside_dir();
    std::fs::create_dir_all(to(&sandbox)).unwrap();
    std::os::unix::fs::symlink(&outside, to(&sandbox).join("etl")).unwrap();
    let ran = sandbox.run(&["restore", &run.id, "--to", "back", "-q", "--overwrite"]);
    assert_eq!((ran.code, ran.errors()), (Some(3), 1), "{ran:?}");
    assert!(ran.stderr.contains("it is a symlink, or no folder"), "{ran:?}");
    assert_eq!(std::fs::read_dir(outside).unwrap().count(), 0);
}

#[test]
fn a_key_that_may_only_put_is_told_what_to_set() {
    for on in [On::Server, On::Embedded] {
        let mut sandbox = Sandbox::new(on);
        let run = sandbox.add(old(1, "etl"));
        done(&sandbox.run(&["cleanup", "-q"]));
        for args in [
            &["restore", &run.id, "--to", "back", "-q"][..],
            &["restore", "--pipeline", "etl", "--to", "back", "-q", "--remote"],
            &["list", "--remote"],
        ] {
            let ran = sandbox.run(args);
            assert_eq!((ran.code, ran.errors(), ran.stdout.as_str()), (Some(12), 1, ""), "{ran:?}");
            assert!(ran.stderr.contains("set S3_VERIFY_ACCESS_KEY and S3_VERIFY_SECRET_ACCESS_KEY"), "{ran:?}");
        }
        let keys = sandbox.store.admin();
        sandbox.variable("S3_VERIFY_ACCESS_KEY", &keys.access_key);
        sandbox.variable("S3_VERIFY_SECRET_ACCESS_KEY", &keys.secret_key);
        done(&sandbox.run(&["restore", &run.id, "--to", "back", "-q"]));
        assert_eq!(restored(&sandbox), {
            sandbox.as_admin();
            objects_of(&sandbox, &[&run])
        });
    }
}

#[test]
fn a_run_that_is_not_archived_is_named() {
    let sandbox = archived(Sandbox::new(On::Embedded).settle(2));
    let id = "00000000-0000-0000-0000-000000000000";
    let ran = sandbox.run(&["restore", id, "--to", "back", "-q"]);
    assert_eq!((ran.code, ran.errors()), (Some(3), 1), "{ran:?}");
    assert!(ran.stderr.contains(&format!("restore run {id}: it is not in the archive")), "{ran:?}");
    for usage in [&["restore", "--to", "x"][..], &["restore", id], &["restore", id, "--to", "x", "--to-instance"]] {
        assert_eq!(sandbox.run(usage).code, Some(2), "{usage:?}");
    }
    for more in ["--to-instance --overwrite", "--to x --since 2026-01-01"] {
        let args: Vec<&str> = ["restore", id].into_iter().chain(more.split(' ')).collect();
        assert_eq!(sandbox.run(&args).code, Some(2), "{more}");
    }
}

/// Row and cells of a run as texts.
fn rows(sandbox: &Sandbox, run: &WrittenRun) -> Vec<String> {
    if sandbox.instance.postgres().is_some() {
        let mut session = sandbox.instance.session().unwrap();
        let row = format!("SELECT to_jsonb(r) - 'env_vars' FROM pipeline_runs r WHERE id = '{}'", run.id);
        let cells = format!("SELECT c::text FROM run_cell_logs c WHERE run_id = '{}' ORDER BY 1", run.id);
        return [session.texts(&row).unwrap(), session.texts(&cells).unwrap()].concat();
    }
    let connection = sandbox.instance.connect().unwrap();
    let columns = |table: &str| -> String {
        let sql = format!(
            "SELECT group_concat('quote(\"' || name || '\")', ' || char(10) || ') FROM pragma_table_info('{table}') WHERE name <> 'env_vars'"
        );
        connection.query_row(&sql, [], |row| row.get(0)).unwrap()
    };
    let mut found = Vec::new();
    for (table, id) in [("pipeline_runs", "id"), ("run_cell_logs", "run_id")] {
        let sql = format!("SELECT {} FROM {table} WHERE {id} = ?1 ORDER BY 1", columns(table));
        let mut statement = connection.prepare(&sql).unwrap();
        let read = statement.query_map([run.id.replace('-', "")], |row| row.get::<_, String>(0)).unwrap();
        found.extend(read.map(Result::unwrap));
    }
    found
}

#[test]
fn a_run_deleted_by_mistake_is_back_in_the_instance_and_planned_again() {
    for on in [On::Server, On::Embedded] {
        let mut sandbox = Sandbox::new(on);
        let runs = [
            sandbox.add(old(1, "notebook").notebook(4)),
            sandbox.add(old(2, "Täglich").status("INTERRUPTED").metrics_by_name(500).with_route()),
        ];
        let before: Vec<_> = runs.iter().map(|run| rows(&sandbox, run)).collect();
        assert_eq!(before[0].len(), 5);
        let sandbox = archived(sandbox);
        let other = rows(&sandbox, &runs[0]);
        assert_eq!(other, [""; 0]);
        let ran = sandbox.run(&["restore", &runs[0].id, &runs[1].id, "--to-instance", "--json"]);
        done(&ran);
        for (run, before) in runs.iter().zip(before) {
            assert_eq!(rows(&sandbox, run), before);
            for (path, name) in [(&run.log_path, "run.log"), (&run.metrics_path, "metrics.jsonl")] {
                let file = std::fs::File::open(path.as_ref().unwrap()).unwrap();
                assert_eq!(file.metadata().unwrap().modified().unwrap(), run.finished_at.unwrap());
                assert_eq!(digest_of(file).unwrap(), run.files[name]);
            }
        }
        let env = sandbox.instance.session().unwrap().texts("SELECT env_vars FROM pipeline_runs").unwrap();
        assert_eq!(env, ["{}", "{}"]);
        let due: Vec<_> =
            sandbox.run(&["plan", "--json"]).lines().into_iter().filter(|line| line["type"] == "run").collect();
        assert_eq!(due.len(), 2, "{due:?}");
        done(&sandbox.run(&["ledger", "verify", "-q"]));
        let entries = sandbox.run(&["ledger", "export", "--json"]).lines();
        assert_eq!(entries.iter().filter(|entry| entry["entry"] == "restored").count(), 2);
        let again = sandbox.run(&["restore", &runs[0].id, "--to-instance", "-q"]);
        assert_eq!((again.code, again.errors()), (Some(3), 1), "{again:?}");
        assert!(again.stderr.contains("the database has it"), "{again:?}");
        done(&sandbox.run(&["cleanup", "-q"]));
        runs.iter().for_each(|run| sandbox.assert_moved(run, &sandbox.objects()));
    }
}

#[test]
fn a_deletion_that_was_cut_off_is_ended_before_its_run_comes_back() {
    let mut sandbox = Sandbox::new(On::Embedded);
    let run = sandbox.add(old(1, "etl"));
    sandbox.as_admin().variable("FASTFLOW_ARCHIVE_TEST_KILL", "folders-synced:1");
    assert_eq!(sandbox.run(&["cleanup", "-q"]).code, None, "it was killed");
    sandbox.variable("FASTFLOW_ARCHIVE_TEST_KILL", "");
    assert!(!sandbox.instance.run_exists(&run.id).unwrap());
    done(&sandbox.run(&["restore", &run.id, "--to-instance", "-q"]));
    sandbox.assert_untouched(&run);
    let entries = sandbox.run(&["ledger", "export", "--json"]).lines();
    let of_run: Vec<_> =
        entries.iter().filter(|entry| entry["run_id"] == run.id.as_str()).map(|entry| &entry["entry"]).collect();
    assert_eq!(of_run, ["archived", "intended", "deleted", "restored"]);
    done(&sandbox.run(&["cleanup", "-q"]));
    sandbox.assert_moved(&run, &sandbox.objects());
}

#[test]
fn nothing_is_left_of_a_run_that_cannot_go_back_as_a_whole() {
    let mut sandbox = Sandbox::new(On::Embedded);
    let runs = [sandbox.add(old(1, "notebook").notebook(3)), sandbox.add(old(2, "etl"))];
    let sandbox = archived(sandbox);
    let key = runs[0].key(PREFIX, "cells.jsonl");
    let mut cells = sandbox.store.object(&key).unwrap();
    cells[5] ^= 1;
    std::fs::write(sandbox.embedded().path(&key), cells).unwrap();
    let ran = sandbox.run(&["restore", &runs[0].id, "--to-instance", "-q"]);
    assert_eq!((ran.code, ran.errors()), (Some(4), 1), "{ran:?}");
    let metrics = runs[1].metrics_path.as_ref().unwrap();
    std::fs::write(metrics, "mine").unwrap();
    let ran = sandbox.run(&["restore", &runs[1].id, "--to-instance", "-q"]);
    assert_eq!((ran.code, ran.errors()), (Some(3), 1), "{ran:?}");
    assert_eq!(std::fs::read(metrics).unwrap(), b"mine");
    for run in &runs {
        assert!(!run.log_path.as_ref().unwrap().exists() && rows(&sandbox, run).is_empty());
    }
}

#[test]
fn list_shows_the_same_from_ledger_and_bucket() {
    let mut sandbox = Sandbox::new(On::Server).settle(12);
    let long = "n".repeat(700);
    sandbox.add(old(900, "a%0A/..//x").stem("odd"));
    sandbox.add(old(901, &long).stem("long"));
    let sandbox = archived(sandbox);
    let list = |args: &[&str]| -> Vec<Value> {
        let ran = sandbox.run(&[&["list", "--json"], args].concat());
        done(&ran);
        let mut lines: Vec<_> = ran.lines().into_iter().filter(|line| line["type"] == "archived_run").collect();
        lines.iter_mut().for_each(|line| line["archived_at"] = Value::Null);
        lines.sort_by_key(|line| line["run_id"].to_string());
        lines
    };
    let (ledger, remote) = (list(&[]), list(&["--remote"]));
    ledger.iter().zip(&remote).for_each(|(ledger, remote)| assert_eq!(ledger, remote));
    assert_eq!(ledger.len(), remote.len());
    let gone = sandbox.runs(Fate::Archived);
    assert_eq!(ledger.len(), gone.len());
    let (objects, sizes) = (sandbox.objects(), sandbox.sizes());
    assert_eq!(ledger.iter().map(|line| line["objects"].as_u64().unwrap()).sum::<u64>(), objects.len() as u64);
    assert_eq!(ledger.iter().map(|line| line["bytes"].as_u64().unwrap()).sum::<u64>(), sizes.values().sum::<u64>());
    for run in gone {
        let line = ledger.iter().find(|line| line["run_id"] == run.id.as_str()).unwrap();
        assert_eq!(line["pipeline"], run.pipeline.as_str());
        assert!(objects.contains_key(&format!("{}/run.log", line["folder"].as_str().unwrap())));
    }
    for name in ["a%0A/..//x", &long] {
        assert_eq!(list(&["--pipeline", name]).len(), 1);
        assert_eq!(list(&["--pipeline", name, "--remote"]).len(), 1);
    }
    assert!(list(&["--since", "2100-01-01"]).is_empty() && list(&["--remote", "--until", "2020-01-01"]).is_empty());
    let table = sandbox.run(&["list", "--pipeline", &long]);
    table.expect(0, "RUN [..] PIPELINE\n[..]  3 [..] nnnn[..]\n1 run archived: 3 objects, [..].\n", "");
    lose_ledger(&sandbox);
    let none = sandbox.run(&["list"]);
    assert_eq!((none.code, none.errors()), (Some(1), 1));
    assert!(none.stderr.contains("--remote lists what is in the bucket"), "{none:?}");
}
