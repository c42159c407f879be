//! The main way: due runs travel into the archive, and only then leave. On every kind of server.

use fastflow_archive_testkit::{Fate, WrittenRun};
use serde_json::Value;

use crate::harness::{On, PREFIX, Sandbox, old};

/// The same tests on each server.
macro_rules! on_each_store {
    ($($name:ident => $on:expr,)+) => {$(
        mod $name {
            use super::*;

            #[test]
            fn every_due_run_moves_and_nothing_else() {
                super::every_due_run_moves_and_nothing_else($on);
            }

            #[test]
            fn a_log_in_parts_arrives_byte_for_byte() {
                super::a_log_in_parts_arrives_byte_for_byte($on);
            }
        }
    )+};
}

on_each_store! {
    embedded => On::Embedded,
    minio => On::Server,
    minio_sse_s3 => On::MinioSseS3,
    minio_sse_kms => On::MinioSseKms,
    minio_tls => On::MinioTls,
}

fn every_due_run_moves_and_nothing_else(on: On) {
    let sandbox = Sandbox::new(on).settle(40);
    sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
    let objects = sandbox.objects();
    let due = sandbox.runs(Fate::Archived);
    assert_eq!(due.len(), 40);
    due.iter().for_each(|run| sandbox.assert_moved(run, &objects));
    sandbox.runs(Fate::Active).into_iter().for_each(|run| sandbox.assert_untouched(run));
    sandbox.runs(Fate::Young).into_iter().for_each(|run| sandbox.assert_untouched(run));
    let expected: usize = due.iter().map(|run| run.expected_objects(PREFIX).len()).sum();
    let data = objects.keys().filter(|key| !key.contains("/_probe/")).count();
    assert_eq!(data, expected, "no object that nobody expects");
    sandbox.run(&["cleanup"]).expect(0, "Nothing is due.", "");
    assert_eq!(sandbox.objects(), objects);
}

fn a_log_in_parts_arrives_byte_for_byte(on: On) {
    let mut sandbox = Sandbox::new(on);
    let sizes = [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 16 << 20, (16 << 20) + 1, 40_000_000];
    let runs: Vec<_> =
        (1u64..).zip(sizes).map(|(number, size)| sandbox.add(old(number, "big").log_bytes(size))).collect();
    sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
    let objects = sandbox.objects();
    for (run, size) in runs.iter().zip(sizes) {
        sandbox.assert_moved(run, &objects);
        assert_eq!(objects[&run.key(PREFIX, "run.log")].bytes, size);
    }
}

fn manifest_of(sandbox: &Sandbox, run: &WrittenRun) -> Value {
    serde_json::from_slice(&sandbox.store.object(&run.key(PREFIX, "manifest.json")).unwrap()).unwrap()
}

#[test]
fn the_manifest_says_what_the_run_was_and_what_of_it_is_there() {
    let mut sandbox = Sandbox::new(On::Embedded);
    let spec = old(7, "Täglicher-Import").status("FAILED").notebook(3);
    let run = sandbox.add(spec);
    sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
    let manifest = manifest_of(&sandbox, &run);
    assert_eq!(manifest["schema"], 1);
    assert_eq!(manifest["tool"]["name"], "fastflow-archive");
    assert_eq!(manifest["rule"], "retention_days");
    let database = sandbox.instance.postgres().map_or("sqlite", |_| "postgresql");
    assert_eq!(manifest["source"]["database"], database);
    let row = &manifest["run"];
    assert_eq!(row["id"], run.id.as_str());
    assert_eq!(row["pipeline_name"], "Täglicher-Import");
    assert_eq!(row["status"], "FAILED");
    assert_eq!(row["exit_code"], 1);
    assert_eq!(row["parameters"]["batch"], 7);
    assert_eq!(row["git_sha"].as_str().unwrap().len(), 40);
    assert_eq!(row["env_var_names"], serde_json::json!(["DB_PASSWORD"]));
    assert!(row.get("env_vars").is_none());
    let objects = sandbox.objects();
    let files = manifest["files"].as_array().unwrap();
    assert_eq!(
        files.iter().map(|file| file["name"].as_str().unwrap()).collect::<Vec<_>>(),
        ["run.log", "metrics.jsonl", "cells.jsonl"]
    );
    for file in files {
        let digest = &objects[file["key"].as_str().unwrap()];
        assert_eq!((&file["sha256"], &file["bytes"]), (&digest.sha256.as_str().into(), &digest.bytes.into()));
    }
}

#[test]
fn notebook_cells_are_lines_in_the_order_of_their_index() {
    let mut sandbox = Sandbox::new(On::Embedded);
    let run = sandbox.add(old(7, "notebook").notebook(12));
    sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
    let lines = sandbox.store.object(&run.key(PREFIX, "cells.jsonl")).unwrap();
    let lines: Vec<Value> =
        String::from_utf8(lines).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), run.cells.len());
    for (line, cell) in lines.iter().zip(&run.cells) {
        assert_eq!(line["cell_index"], cell.index);
        assert_eq!(line["stdout"], Value::from(cell.stdout.clone()));
        let outputs = cell.outputs.as_deref().map(|json| serde_json::from_str::<Value>(json).unwrap());
        assert_eq!(line["outputs"], outputs.unwrap_or_default());
    }
    assert_eq!(sandbox.instance.row_count("run_cell_logs").unwrap(), 0);
}

#[test]
fn metadata_names_have_no_underscore_and_values_are_percent_encoded() {
    for on in [On::Embedded, On::Server] {
        let mut sandbox = Sandbox::new(on);
        let run = sandbox.add(old(7, "Täglicher-Import"));
        sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
        let key = run.key(PREFIX, "run.log");
        let metadata = sandbox.store.metadata(&key).unwrap();
        assert_eq!(metadata["pipeline-name"], "T%C3%A4glicher-Import");
        assert_eq!(metadata["run-id"], run.id);
        assert_eq!(metadata["status"], "SUCCESS");
        assert_eq!(metadata["exit-code"], "0");
        assert_eq!(metadata["triggered-by"], "scheduler");
        assert_eq!(metadata["sha256"], sandbox.objects()[&key].sha256);
        assert!(metadata["started-at"].ends_with('Z') && metadata["finished-at"].ends_with('Z'));
        assert!(metadata.keys().all(|name| !name.contains('_')), "{metadata:?}");
    }
}

#[test]
fn backup_deletes_nothing_and_cleanup_then_sends_nothing_twice() {
    let sandbox = Sandbox::new(On::Embedded).settle(20);
    sandbox.run(&["backup", "-q"]).expect(0, "", "");
    sandbox.instance.runs().iter().for_each(|run| sandbox.assert_untouched(run));
    let objects = sandbox.objects();
    for run in sandbox.runs(Fate::Archived) {
        assert_eq!(run.differences(PREFIX, &objects), [""; 0]);
    }
    sandbox.embedded().forget_requests();
    sandbox.run(&["backup"]).expect(0, "0 runs archived, 20 archived before: 0 objects, 0 B in [..] s.", "");
    sandbox.run(&["cleanup"]).expect(
        0,
        "0 runs archived, 20 archived before, 20 deleted: 0 objects, 0 B in [..] s.",
        "",
    );
    assert_eq!(sandbox.sent(), [""; 0]);
    sandbox.runs(Fate::Archived).into_iter().for_each(|run| sandbox.assert_moved(run, &objects));
}

#[test]
fn backup_all_takes_every_finished_run() {
    let sandbox = Sandbox::new(On::Embedded).settle(5);
    sandbox.run(&["backup", "--all", "-q"]).expect(0, "", "");
    let objects = sandbox.objects();
    for run in sandbox.runs(Fate::Archived).into_iter().chain(sandbox.runs(Fate::Young)) {
        assert_eq!(run.differences(PREFIX, &objects), [""; 0]);
    }
    for run in sandbox.runs(Fate::Active) {
        assert!(objects.keys().all(|key| !key.contains(&run.id)));
    }
}

#[test]
fn a_log_that_changed_after_its_backup_is_sent_again_before_it_goes() {
    let mut sandbox = Sandbox::new(On::Embedded);
    let run = sandbox.add(old(7, "etl"));
    sandbox.run(&["backup", "-q"]).expect(0, "", "");
    let path = run.log_path.as_ref().unwrap();
    let mut bytes = std::fs::read(path).unwrap();
    bytes.extend_from_slice(b"one more line\n");
    std::fs::write(path, &bytes).unwrap();
    sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
    assert!(!path.exists());
    assert_eq!(sandbox.store.object(&run.key(PREFIX, "run.log")).unwrap(), bytes);
}

#[test]
fn head_and_readback_prove_with_a_key_that_may_read() {
    for level in ["head", "readback"] {
        let mut sandbox = Sandbox::new(On::Server).settle(5);
        let big = sandbox.add(old(900, "big").log_bytes(40_000_000));
        sandbox.as_admin();
        sandbox.run(&["cleanup", "-q", "--proof", level]).expect(0, "", "");
        let objects = sandbox.objects();
        sandbox.assert_moved(&big, &objects);
        sandbox.runs(Fate::Archived).into_iter().for_each(|run| sandbox.assert_moved(run, &objects));
        let ledger = sandbox.ledger();
        let levels: String =
            ledger.query_row("SELECT group_concat(DISTINCT level) FROM receipts", [], |row| row.get(0)).unwrap();
        assert_eq!(levels, level);
    }
}

#[test]
fn receipts_of_a_kms_bucket_rest_on_a_store_that_refused_wrong_digests() {
    let sandbox = Sandbox::new(On::MinioSseKms).settle(3);
    sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
    let ledger = sandbox.ledger();
    let method: String =
        ledger.query_row("SELECT group_concat(DISTINCT method) FROM receipts", [], |row| row.get(0)).unwrap();
    assert_eq!(method, "enforced-digest");
    assert!(sandbox.objects().keys().all(|key| !key.contains("_probe")), "the store kept none of the wrong ones");
}

#[test]
fn the_ledger_holds_a_receipt_for_each_object_and_each_deletion() {
    let sandbox = Sandbox::new(On::Embedded).settle(10);
    sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
    let ledger = sandbox.ledger();
    let mut statement = ledger.prepare("SELECT key, sha256, bytes, level, method FROM receipts").unwrap();
    let mut rows = statement.query([]).unwrap();
    let objects = sandbox.objects();
    let mut count = 0;
    while let Some(row) = rows.next().unwrap() {
        let digest = &objects[&row.get::<_, String>(0).unwrap()];
        assert_eq!(
            (row.get::<_, String>(1).unwrap(), row.get::<_, i64>(2).unwrap() as u64),
            (digest.sha256.clone(), digest.bytes)
        );
        assert_eq!(
            (row.get::<_, String>(3).unwrap(), row.get::<_, String>(4).unwrap()),
            ("receipt".into(), "etag".into())
        );
        count += 1;
    }
    assert_eq!(count, objects.len());
    let done = "SELECT count(DISTINCT run_id) FROM deletions WHERE phase = 'deleted'";
    assert_eq!(ledger.query_row(done, [], |row| row.get::<_, i64>(0)).unwrap(), 10);
    let ends = "SELECT json_extract(body, '$.exit_code') FROM entries WHERE entry = 'ended'";
    assert_eq!(ledger.query_row(ends, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
}

#[test]
fn a_limit_on_the_rate_is_kept_and_every_byte_arrives_in_pieces() {
    let mut sandbox = Sandbox::new(On::Server);
    // One in memory, one as a stream, one in parts.
    for (number, bytes) in (1..).zip([700_000, 3 << 20, 18 << 20]) {
        sandbox.add(old(number, "etl").log_bytes(bytes));
    }
    let ran = sandbox.run(&["cleanup", "--json", "--bwlimit", "20M"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let summary = ran.summary();
    let seconds = summary["duration_seconds"].as_f64().unwrap();
    let least = summary["bytes_uploaded"].as_f64().unwrap() / f64::from(20 << 20);
    assert!(least > 1.0 && seconds > least * 0.9, "{least} s at that rate, it took {seconds} s");
    let objects = sandbox.objects();
    sandbox.runs(Fate::Archived).into_iter().for_each(|run| sandbox.assert_moved(run, &objects));
    let ran = sandbox.run(&["cleanup", "--bwlimit", "fast"]);
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.stderr.contains("write it as 10M, 512K or 1.5G (binary units in a second, above 0), or off"),
        "{}",
        ran.stderr
    );
}
