//! The archive against receipts and manifests: damage done by another client is found, each piece once, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};

use fastflow_archive_testkit::clock::{days, fixed_now};
use fastflow_archive_testkit::{Fate, RunSpec, TestStore, WrittenRun};
use serde_json::Value;

use crate::harness::{On, PREFIX, Ran, Sandbox, old, population};

/// Archived runs, and a key that may read.
fn archived(on: On, due: usize) -> Sandbox {
    let mut sandbox = Sandbox::new(on).settle(due);
    sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
    let keys = sandbox.store.admin();
    sandbox.variable("S3_VERIFY_ACCESS_KEY", &keys.access_key);
    sandbox.variable("S3_VERIFY_SECRET_ACCESS_KEY", &keys.secret_key);
    sandbox
}

/// Another client's hand on the bucket.
fn put(sandbox: &Sandbox, key: &str, bytes: &[u8]) {
    sandbox.store.put(key, bytes).unwrap();
}

fn remove(sandbox: &Sandbox, key: &str) {
    sandbox.store.remove(key).unwrap();
}

/// Key and state of everything that is not ok.
fn found(ran: &Ran) -> BTreeMap<String, String> {
    let lines = ran.lines().into_iter().filter(|line| line["type"] == "object" && line["state"] != "ok");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let found: Vec<_> = lines.map(|line| (text(&line["key"]), text(&line["state"]))).collect();
    let unique: BTreeMap<_, _> = found.iter().cloned().collect();
    assert_eq!(unique.len(), found.len(), "each once: {found:?}");
    unique
}

/// One object deleted, one overwritten by as many other bytes, one cut short, one manifest removed, one object added.
fn damage(sandbox: &Sandbox) -> BTreeMap<String, String> {
    let keys: Vec<_> = sandbox.runs(Fate::Archived).iter().map(|run| run.key(PREFIX, "")).collect();
    let key = |number: usize, name: &str| format!("{}{name}", keys[number]);
    let object = |key: &str| sandbox.store.object(key).unwrap();
    remove(sandbox, &key(3, "run.log"));
    let mut other = object(&key(5, "run.log"));
    other[7] ^= 1;
    put(sandbox, &key(5, "run.log"), &other);
    let whole = object(&key(7, "metrics.jsonl"));
    put(sandbox, &key(7, "metrics.jsonl"), &whole[..whole.len() / 2]);
    remove(sandbox, &key(9, "manifest.json"));
    put(sandbox, &key(11, "foreign.txt"), b"nobody knows me");
    let state = |key: String, state: &str| (key, state.to_owned());
    BTreeMap::from([
        state(key(3, "run.log"), "missing"),
        state(key(5, "run.log"), "differs"),
        state(key(7, "metrics.jsonl"), "differs"),
        state(key(9, "manifest.json"), "missing"),
        state(key(11, "foreign.txt"), "unexpected"),
    ])
}

#[test]
fn damage_is_found_quick_and_deep_and_nothing_else_is_reported() {
    for on in [On::Server, On::MinioSseKms] {
        let sandbox = archived(on, population(40));
        let objects = sandbox.objects().len();
        for args in
            [&["verify", "--json"][..], &["verify", "--all", "--json"], &["verify", "--all", "--deep", "--json"]]
        {
            let ran = sandbox.run(args);
            assert_eq!(
                (ran.code, ran.summary()["objects_checked"].as_u64()),
                (Some(0), Some(objects as u64)),
                "{args:?}"
            );
        }
        let mut expected = damage(&sandbox);
        for args in [&["verify", "--all", "--json"][..], &["verify", "--all", "--deep", "--json"]] {
            let ran = sandbox.run(args);
            assert_eq!(found(&ran), expected, "{args:?}");
            assert_eq!((ran.code, ran.summary()["differences"].as_u64()), (Some(4), Some(5)));
        }
        let text = sandbox.run(&["verify", "--all"]);
        assert!(text.stdout.contains(": 2 missing, 2 differs, 1 unexpected."), "{text:?}");
        assert_eq!((text.code, text.errors()), (Some(4), 5), "a line for each: {text:?}");
        expected.retain(|_, state| state != "unexpected");
        assert_eq!(found(&sandbox.run(&["verify", "--json"])), expected, "what has a receipt");
        assert_eq!(found(&sandbox.run(&["verify", "--deep", "--json"])), expected, "what has a receipt");
    }
}

#[test]
fn a_selection_is_asked_for_object_by_object() {
    let sandbox = archived(On::Server, 12);
    let differs = damage(&sandbox);
    let runs = sandbox.runs(Fate::Archived);
    let ran = sandbox.run(&["verify", "--json", "--run", &runs[3].id, "--run", &runs[4].id]);
    assert_eq!(found(&ran), BTreeMap::from([(runs[3].key(PREFIX, "run.log"), "missing".to_owned())]));
    let ids: BTreeSet<_> = ran.lines().iter().filter_map(|line| Some(line["run_id"].as_str()?.to_owned())).collect();
    assert_eq!(ids, BTreeSet::from([runs[3].id.clone(), runs[4].id.clone()]));
    let pipeline = &runs[5].pipeline;
    let of_pipeline: BTreeMap<_, _> = differs
        .into_iter()
        .filter(|(key, state)| key.starts_with(&format!("{PREFIX}/{pipeline}/")) && state != "unexpected")
        .collect();
    assert_eq!(found(&sandbox.run(&["verify", "--json", "--pipeline", pipeline])), of_pipeline);
    let unknown = sandbox.run(&["verify", "--run", "00000000-0000-0000-0000-000000000001"]);
    assert!(unknown.code == Some(1) && unknown.stderr.contains("it was never archived"), "{unknown:?}");
    let none = sandbox.run(&["verify", "--older-than", "1d", "--json"]);
    assert_eq!((none.code, none.summary()["objects_checked"].as_u64()), (Some(0), Some(0)), "archived just now");
}

#[test]
fn a_key_that_may_only_put_is_told_so() {
    let mut sandbox = Sandbox::new(On::Server).settle(8);
    sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
    let id = sandbox.runs(Fate::Archived)[0].id.clone();
    for args in [&["verify"][..], &["verify", "--all"], &["verify", "--deep"], &["verify", "--run", &id]] {
        let ran = sandbox.run(args);
        assert_eq!((ran.code, ran.errors()), (Some(12), 1), "{args:?}: {ran:?}");
        assert!(ran.stderr.contains("the key may only put, not read"), "{args:?}: {ran:?}");
        assert!(ran.stderr.contains("S3_VERIFY_ACCESS_KEY and S3_VERIFY_SECRET_ACCESS_KEY"), "{args:?}: {ran:?}");
    }
    sandbox.as_admin().variable("S3_BUCKET", "another-bucket");
    let ran = sandbox.run(&["verify", "--run", &id]);
    assert_eq!((ran.code, ran.errors()), (Some(12), 1), "a missing bucket is no missing object: {ran:?}");
}

/// The ledger is lost with its machine.
fn lose_ledger(sandbox: &Sandbox) {
    for suffix in ["", "-wal", "-shm"] {
        let path = sandbox.instance.data_dir().join(format!("fastflow-archive.db{suffix}"));
        std::fs::remove_file(path).or_else(|error| if suffix.is_empty() { Err(error) } else { Ok(()) }).unwrap();
    }
}

#[test]
fn without_a_ledger_the_manifests_say_what_should_be_there() {
    let sandbox = archived(On::Server, 20);
    lose_ledger(&sandbox);
    let objects = sandbox.objects().len() as u64;
    for args in [&["verify", "--json"][..], &["verify", "--deep", "--json"]] {
        let ran = sandbox.run(args);
        assert_eq!((found(&ran), ran.code), (BTreeMap::new(), Some(0)), "{args:?}");
        assert_eq!(ran.summary()["objects_checked"], objects);
        assert_eq!(ran.lines()[0]["kind"], "no_ledger");
    }
    let mut expected = damage(&sandbox);
    let runs = sandbox.runs(Fate::Archived);
    expected.remove(&runs[9].key(PREFIX, "manifest.json"));
    // Of a run without its manifest, only that can be said of its files.
    let alone = runs[9].expected_objects(PREFIX).into_keys().filter(|key| !key.ends_with("/manifest.json"));
    expected.extend(alone.map(|key| (key, "unexpected".to_owned())));
    for args in [&["verify", "--json"][..], &["verify", "--deep", "--json"]] {
        let ran = sandbox.run(args);
        assert_eq!((found(&ran), ran.code), (expected.clone(), Some(4)), "{args:?}");
    }
    let one = sandbox.run(&["verify", "--json", "--pipeline", &runs[3].pipeline, "--run", &runs[3].id]);
    assert_eq!(found(&one), BTreeMap::from([(runs[3].key(PREFIX, "run.log"), "missing".to_owned())]));
}

#[test]
fn a_rebuilt_ledger_serves_verify_and_no_deletion() {
    let mut sandbox = archived(On::Server, 12);
    let kept = sandbox.add(old(7_000, "etl"));
    sandbox.run(&["backup", "-q"]).expect(0, "", "");
    let before = sandbox.run(&["verify", "--json"]).summary()["objects_checked"].clone();
    lose_ledger(&sandbox);
    for name in ["S3_VERIFY_ACCESS_KEY", "S3_VERIFY_SECRET_ACCESS_KEY"] {
        sandbox.variable(name, "");
    }
    let denied = sandbox.run(&["ledger", "rebuild"]);
    assert!(denied.code == Some(12) && denied.stderr.contains("the key may only put, not read"), "{denied:?}");
    let keys = sandbox.store.admin();
    sandbox.variable("S3_VERIFY_ACCESS_KEY", &keys.access_key);
    sandbox.variable("S3_VERIFY_SECRET_ACCESS_KEY", &keys.secret_key);
    let broken = sandbox.runs(Fate::Archived)[2].key(PREFIX, "run.log");
    let whole = sandbox.store.object(&broken).unwrap();
    put(&sandbox, &broken, b"short");
    let ran = sandbox.run(&["ledger", "rebuild", "--json"]);
    assert_eq!((found(&ran), ran.code), (BTreeMap::from([(broken.clone(), "differs".to_owned())]), Some(4)), "{ran:?}");
    let due = sandbox.runs(Fate::Archived).len() as u64;
    let rebuilt = ran.lines().into_iter().find(|line| line["type"] == "rebuilt").unwrap();
    assert_eq!(rebuilt["runs"], due - 1, "a damaged run gets no receipt");
    put(&sandbox, &broken, &whole);
    let again = sandbox.run(&["ledger", "rebuild"]);
    assert!(again.stdout.starts_with("1 run got receipts back"), "the rest had them: {again:?}");
    sandbox.run(&["ledger", "verify"]).expect(0, "[..] the chain is whole[..]\nHead [..]", "");
    let marked: i64 = sandbox
        .ledger()
        .query_row("SELECT count(*) FROM entries WHERE json_extract(body, '$.rebuilt')", [], |row| row.get(0))
        .unwrap();
    assert_eq!(marked as u64, due);
    for args in [&["verify", "--json"][..], &["verify", "--deep", "--json"]] {
        let ran = sandbox.run(args);
        assert_eq!((ran.code, &ran.summary()["objects_checked"]), (Some(0), &before), "{args:?}");
    }
    // What is still in the instance is sent again before it goes.
    let cleaned = sandbox.run(&["cleanup", "--json"]);
    let counts = ["runs_archived", "runs_deleted"].map(|name| cleaned.summary()[name].as_u64());
    assert_eq!((cleaned.code, counts), (Some(0), [Some(1), Some(1)]), "{cleaned:?}");
    sandbox.assert_moved(&kept, &sandbox.objects());
}

#[test]
fn what_fast_flow_archived_itself_counts_as_its_own_and_what_has_no_manifest_is_named() {
    let sandbox = archived(On::Server, 3);
    let Some(mc) = sandbox.store.mc() else { return a_folder_without_manifest_is_named(&sandbox) };
    let file = sandbox.instance.root().join("run.log");
    std::fs::write(&file, "a log\n").unwrap();
    let folder = format!("{PREFIX}/etl/11111111-2222-4333-8444-555555555555");
    let target = format!("kit/{}/{folder}/run.log", sandbox.store.bucket());
    let attributes = "pipeline_name=etl;run_id=11111111-2222-4333-8444-555555555555;status=RunStatus.SUCCESS";
    mc.run(&["cp", "--attr", attributes, file.to_str().unwrap(), &target]).unwrap();
    let ran = sandbox.run(&["verify", "--all", "--json"]);
    assert_eq!((found(&ran), ran.code), (BTreeMap::new(), Some(0)), "{ran:?}");
    assert!(ran.stdout.contains("a file that Fast-Flow archived"));
    a_folder_without_manifest_is_named(&sandbox);
}

fn a_folder_without_manifest_is_named(sandbox: &Sandbox) {
    let unfinished = format!("{PREFIX}/etl/21111111-2222-4333-8444-555555555555/run.log");
    let elsewhere = format!("{PREFIX}/note.txt");
    put(sandbox, &unfinished, b"half");
    put(sandbox, &elsewhere, b"x");
    let ran = sandbox.run(&["verify", "--all", "--json"]);
    let keys: Vec<_> = found(&ran).into_keys().collect();
    assert_eq!((keys, ran.code), (vec![unfinished, elsewhere], Some(4)), "{ran:?}");
}

/// The runs whose bytes were read, in the order of reading.
fn read_runs(sandbox: &Sandbox) -> BTreeMap<String, String> {
    let ledger = sandbox.ledger();
    let mut statement = ledger.prepare("SELECT run_id, read_at FROM checks").unwrap();
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
}

#[test]
fn samples_go_through_all_runs_before_any_is_read_again() {
    let mut sandbox = archived(On::Embedded, 10);
    let due = sandbox.runs(Fate::Archived).len();
    let share = due.div_ceil(5);
    let mut all = 0;
    for night in 1..=5 {
        sandbox.later(24 * night);
        let ran = sandbox.run(&["verify", "--sample", "20%", "--json"]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let sample = ran.lines().into_iter().find(|line| line["type"] == "sample").unwrap();
        assert_eq!((sample["runs_read"].as_u64(), sample["seed"].is_u64()), (Some(share as u64), true));
        let read = read_runs(&sandbox);
        all = (all + share).min(due);
        assert_eq!(read.len(), all, "night {night}");
    }
    sandbox.run(&["ledger", "verify", "-q"]).expect(0, "", "");
    let bad = sandbox.run(&["verify", "--sample", "0"]);
    assert_eq!(bad.code, Some(2));
}

#[test]
fn a_signal_keeps_what_was_read_and_the_next_call_goes_on() {
    let sandbox = archived(On::Embedded, 60);
    let due = sandbox.runs(Fate::Archived).len();
    let pid = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    let (target, count) = (std::sync::Arc::clone(&pid), std::sync::atomic::AtomicU32::new(0));
    sandbox.embedded().set_fault(move |request| {
        let is_read = request.operation == "GetObject";
        if is_read && count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 40 {
            let pid = target.load(std::sync::atomic::Ordering::SeqCst).to_string();
            Command::new("kill").args(["-INT", &pid]).status().unwrap();
        }
        None
    });
    let args = ["verify", "--deep", "--json", "--concurrency", "2"];
    let child = sandbox.command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    pid.store(child.id(), std::sync::atomic::Ordering::SeqCst);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    sandbox.embedded().clear_fault();
    let read = read_runs(&sandbox);
    assert!(!read.is_empty() && read.len() < due, "{} of {due}", read.len());
    sandbox.embedded().forget_requests();
    sandbox.run(&["verify", "--deep", "-q", "--concurrency", "1"]).expect(0, "", "");
    let requests = sandbox.embedded().requests();
    let order: Vec<&str> =
        requests.iter().filter(|asked| asked.operation == "GetObject").map(|asked| &*asked.key).collect();
    let is_read = |key: &&str| read.keys().any(|run| key.contains(run.as_str()));
    let first_again = order.iter().position(is_read).unwrap();
    assert!(order[first_again..].iter().all(is_read), "what was not read comes first");
}

#[test]
fn a_store_that_fails_for_a_while_is_no_difference_and_one_object_that_fails_is() {
    let sandbox = archived(On::Embedded, 12);
    sandbox.embedded().set_fault(|request| (request.operation == "HeadObject").then_some("AccessDenied"));
    let id = sandbox.runs(Fate::Archived)[0].id.clone();
    let ran = sandbox.run(&["verify", "--run", &id]);
    assert_eq!((ran.code, ran.errors()), (Some(12), 1), "{ran:?}");
    let bad = sandbox.runs(Fate::Archived)[1].key(PREFIX, "run.log");
    let key = bad.clone();
    sandbox.embedded().set_fault(move |request| (request.key == key).then_some("AccessDenied"));
    let ran = sandbox.run(&["verify", "--deep", "--json"]);
    assert_eq!((found(&ran), ran.code), (BTreeMap::from([(bad, "unreadable".to_owned())]), Some(4)), "{ran:?}");
}

#[test]
fn a_key_that_may_list_and_not_read_is_told_so_where_reading_is_asked_for() {
    let mut sandbox = archived(On::Minio, 12);
    match &sandbox.store {
        TestStore::Garage(_) => unreachable!("it has no policies"),
        TestStore::Embedded(server) => {
            let reads = |operation: &str| matches!(operation, "GetObject" | "HeadObject");
            server.set_fault(move |request| reads(&request.operation).then_some("AccessDenied"));
        }
        TestStore::Minio(server) => {
            let policy = sandbox.instance.root().join("policy.json");
            let allowed = r#"{"Effect":"Allow","Action":["s3:ListBucket"],"Resource":["arn:aws:s3:::*"]}"#;
            std::fs::write(&policy, format!(r#"{{"Version":"2012-10-17","Statement":[{allowed}]}}"#)).unwrap();
            let mc = |args: &[&str]| server.mc().run(args).map(drop).unwrap();
            mc(&["admin", "user", "add", "kit", "lister", "lister-secret"]);
            mc(&["admin", "policy", "create", "kit", "list-only", policy.to_str().unwrap()]);
            mc(&["admin", "policy", "attach", "kit", "list-only", "--user", "lister"]);
            sandbox.variable("S3_VERIFY_ACCESS_KEY", "lister");
            sandbox.variable("S3_VERIFY_SECRET_ACCESS_KEY", "lister-secret");
            sandbox.run(&["verify", "-q"]).expect(0, "", "");
        }
    }
    for args in [&["verify", "--sample", "50"][..], &["verify", "--deep"]] {
        let ran = sandbox.run(args);
        assert_eq!((ran.code, ran.errors()), (Some(12), 1), "{args:?}: {ran:?}");
        assert!(ran.stderr.contains("the key may only put, not read"), "{args:?}: {ran:?}");
    }
}

#[test]
fn a_log_that_was_cut_and_archived_again_is_whole_by_its_newest_receipts() {
    let mut sandbox = Sandbox::new(On::Embedded);
    sandbox.as_admin().variable("LOG_MAX_SIZE_MB", "1");
    let ended = fixed_now() - days(2);
    let run = sandbox.add(RunSpec::finished(1, "daemon", ended).log_bytes(3 << 20));
    sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
    sandbox.run(&["backup", "--all", "-q"]).expect(0, "", "");
    for args in [&["verify", "--all", "--json"][..], &["verify", "--all", "--deep", "--json"]] {
        let ran = sandbox.run(args);
        assert_eq!((found(&ran), ran.code), (BTreeMap::new(), Some(0)), "{ran:?}");
        assert_eq!(ran.summary()["objects_checked"], 4, "head, tail, metrics, manifest");
    }
    let head = run.key(PREFIX, "run.log.head-001");
    remove(&sandbox, &head);
    let ran = sandbox.run(&["verify", "--json"]);
    assert_eq!((found(&ran), ran.code), (BTreeMap::from([(head, "missing".to_owned())]), Some(4)), "{ran:?}");
}

/// The local findings: path's last part and state.
fn local(ran: &Ran) -> Vec<(String, String)> {
    let lines = ran.lines().into_iter().filter(|line| line["type"] == "local_file");
    let name = |line: &Value| line["path"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    lines.map(|line| (name(&line), line["state"].as_str().unwrap().to_owned())).collect()
}

#[test]
fn local_files_that_are_still_there_are_held_against_their_receipts() {
    let mut sandbox = Sandbox::new(On::Embedded);
    sandbox.as_admin();
    let ran: Vec<_> = (1..=5).map(|number| sandbox.add(old(number, "etl"))).collect();
    sandbox.run(&["backup", "-q"]).expect(0, "", "");
    sandbox.run(&["verify", "-q"]).expect(0, "", "");
    let log = |run: &WrittenRun| run.log_path.clone().unwrap();
    let bytes = std::fs::read(log(&ran[0])).unwrap();
    let rewrite = |run: &WrittenRun, bytes: &[u8]| std::fs::write(log(run), bytes).unwrap();
    // Touched and the same; longer; as long and other; shorter; other bytes that only reading shows.
    rewrite(&ran[0], &bytes);
    let longer = [std::fs::read(log(&ran[1])).unwrap(), b"more\n".to_vec()].concat();
    rewrite(&ran[1], &longer);
    let mut other = std::fs::read(log(&ran[2])).unwrap();
    other[3] ^= 1;
    rewrite(&ran[2], &other);
    let whole = std::fs::read(log(&ran[3])).unwrap();
    rewrite(&ran[3], &whole[whole.len() / 2..]);
    let silent = log(&ran[4]);
    let modified = std::fs::metadata(&silent).unwrap().modified().unwrap();
    let mut rotten = std::fs::read(&silent).unwrap();
    rotten[5] ^= 1;
    std::fs::write(&silent, &rotten).unwrap();
    std::fs::File::options().write(true).open(&silent).unwrap().set_modified(modified).unwrap();
    let quick = sandbox.run(&["verify", "--json"]);
    let name = |run: &WrittenRun| log(run).file_name().unwrap().to_string_lossy().into_owned();
    let mut expected = vec![(name(&ran[1]), "differs".to_owned()), (name(&ran[2]), "differs".to_owned())];
    let sorted = |mut found: Vec<(String, String)>| {
        found.sort();
        found
    };
    assert_eq!((sorted(local(&quick)), quick.code), (sorted(expected.clone()), Some(4)), "{quick:?}");
    assert_eq!(found(&quick), BTreeMap::new(), "the archive itself is whole");
    assert!(quick.lines().iter().any(|line| line["kind"] == "local_logs_shorter"), "{quick:?}");
    expected.push((name(&ran[4]), "differs".to_owned()));
    let deep = sandbox.run(&["verify", "--deep", "--json"]);
    assert_eq!((sorted(local(&deep)), deep.code), (sorted(expected), Some(4)), "{deep:?}");
    let text = sandbox.run(&["verify"]);
    assert_eq!((text.code, text.errors()), (Some(4), 2), "{text:?}");
    assert!(text.stderr.contains("is not what is in the archive"), "{text:?}");
}

#[test]
fn verify_takes_the_shared_selection() {
    let sandbox = archived(On::Embedded, 12);
    let runs_of = |args: &[&str]| {
        let ran = sandbox.run(args);
        assert_eq!(ran.code, Some(0), "{args:?}: {ran:?}");
        let lines = ran.lines();
        lines.iter().filter_map(|line| Some(line["run_id"].as_str()?.to_owned())).collect::<BTreeSet<_>>().len()
    };
    let all = runs_of(&["verify", "--json"]);
    assert_eq!(runs_of(&["verify", "--json", "--limit", "3"]), 3);
    assert_eq!(runs_of(&["verify", "--json", "--deep", "--limit", "2"]), 2);
    assert_eq!(read_runs(&sandbox).len(), 2);
    runs_of(&["verify", "--json", "--deep", "--limit", "2"]);
    assert_eq!(read_runs(&sandbox).len(), 4, "the least recently read come first");
    let due = ["--log-retention-days", "1", "--log-retention-runs", "1", "--log-max-size-mb", "1", "--min-age", "1d"];
    assert_eq!(runs_of(&[&["verify", "--json"][..], &due].concat()), all, "what is archived, whatever is due");
    assert_eq!(sandbox.run(&["verify", "--log-retention-days", "many"]).code, Some(10));
    let pipeline = sandbox.runs(Fate::Archived)[0].pipeline.clone();
    let stray = format!("{PREFIX}/{pipeline}/21111111-2222-4333-8444-555555555555/run.log");
    put(&sandbox, &stray, b"half");
    put(&sandbox, &format!("{PREFIX}/note.txt"), b"x");
    let narrowed = sandbox.run(&["verify", "--all", "--pipeline", &pipeline, "--json"]);
    assert_eq!(found(&narrowed), BTreeMap::from([(stray.clone(), "unexpected".to_owned())]), "{narrowed:?}");
    remove(&sandbox, &stray);
    lose_ledger(&sandbox);
    assert_eq!(runs_of(&["verify", "--json", "--limit", "3"]), 3, "also by manifests");
}

#[test]
fn a_lost_machine_and_an_archive_that_is_switched_off_can_be_read() {
    let mut sandbox = archived(On::Embedded, 4);
    let run = sandbox.runs(Fate::Archived)[0].id.clone();
    sandbox.variable("S3_BACKUP_ENABLED", "false");
    for args in [
        &["verify", "-q"][..],
        &["list", "--remote", "-q"],
        &["ledger", "verify", "-q"],
        &["ledger", "rebuild", "-q"],
        &["restore", &run, "--to", "back", "-q"],
    ] {
        assert_eq!(sandbox.run(args).code, Some(0), "{args:?}");
    }
    assert_eq!(sandbox.run(&["backup", "-q"]).code, Some(10), "only writing is switched off");
    std::fs::remove_dir_all(sandbox.instance.data_dir()).unwrap();
    std::fs::create_dir(sandbox.instance.data_dir()).unwrap();
    let lost = sandbox.run(&["verify", "--json"]);
    assert_eq!((found(&lost), lost.code), (BTreeMap::new(), Some(0)), "{lost:?}");
    assert!(lost.summary()["objects_checked"].as_u64().unwrap() > 0);
}

#[test]
fn each_kind_of_find_is_told_from_the_others() {
    let sandbox = archived(On::Server, 8);
    let runs = sandbox.runs(Fate::Archived);
    let state = |key: String, state: &str| (key, state.to_owned());
    put(&sandbox, &runs[0].key(PREFIX, "run.log"), b"");
    put(&sandbox, &runs[1].key(PREFIX, "manifest.json"), b"{ no manifest");
    let files = |number: usize| -> Vec<String> {
        let keys = runs[number].expected_objects(PREFIX).into_keys();
        keys.filter(|key| !key.ends_with("/manifest.json")).collect()
    };
    files(2).iter().for_each(|key| remove(&sandbox, key));
    remove(&sandbox, &runs[3].key(PREFIX, "manifest.json"));
    let other = sandbox.store.object(&runs[5].key(PREFIX, "manifest.json")).unwrap();
    put(&sandbox, &runs[4].key(PREFIX, "manifest.json"), &other);
    let mut expected = BTreeMap::from([
        state(runs[0].key(PREFIX, "run.log"), "differs"),
        state(runs[1].key(PREFIX, "manifest.json"), "differs"),
        state(runs[3].key(PREFIX, "manifest.json"), "missing"),
        state(runs[4].key(PREFIX, "manifest.json"), "differs"),
    ]);
    expected.extend(files(2).into_iter().map(|key| state(key, "missing")));
    let ran = sandbox.run(&["verify", "--all", "--json"]);
    assert_eq!((found(&ran), ran.code), (expected.clone(), Some(4)), "{ran:?}");
    // By the manifests alone.
    lose_ledger(&sandbox);
    expected.insert(runs[1].key(PREFIX, "manifest.json"), "unreadable".to_owned());
    expected.remove(&runs[3].key(PREFIX, "manifest.json"));
    expected.extend(files(3).into_iter().map(|key| state(key, "unexpected")));
    let ran = sandbox.run(&["verify", "--json"]);
    assert_eq!((found(&ran), ran.code), (expected, Some(4)), "{ran:?}");
}
