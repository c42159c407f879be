//! The archive against receipts and manifests: damage done by another client is found, each piece once, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use fastflow_archive_testkit::{Fate, TestStore};
use serde_json::Value;

use crate::harness::{On, PREFIX, Ran, Sandbox};

/// How many runs; `FASTFLOW_ARCHIVE_TEST_VERIFY=2000` asks for more.
fn runs() -> usize {
    std::env::var("FASTFLOW_ARCHIVE_TEST_VERIFY").ok().map_or(40, |runs| runs.parse().unwrap())
}

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
    match &sandbox.store {
        TestStore::Minio(server) => {
            let file = sandbox.instance.root().join("foreign");
            std::fs::write(&file, bytes).unwrap();
            let target = format!("kit/{}/{key}", server.bucket());
            server.mc().run(&["cp", file.to_str().unwrap(), &target]).unwrap();
            std::fs::remove_file(file).unwrap();
        }
        TestStore::Embedded(server) => {
            let path = server.path(key);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
    }
}

fn remove(sandbox: &Sandbox, key: &str) {
    match &sandbox.store {
        TestStore::Minio(server) => drop(server.mc().run(&["rm", &format!("kit/{}/{key}", server.bucket())]).unwrap()),
        TestStore::Embedded(server) => std::fs::remove_file(server.path(key)).unwrap(),
    }
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
    for on in [On::Minio, On::MinioSseKms] {
        let sandbox = archived(on, runs());
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
    let sandbox = archived(On::Minio, 12);
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
    let mut sandbox = Sandbox::new(On::Minio).settle(8);
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
