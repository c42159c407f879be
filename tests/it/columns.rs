//! Columns that no orchestrator fills like this: text that is none, JSON that is none, times that are none, one id twice.

use fastflow_archive_testkit::{Content, LogSource, RunSpec, WrittenRun};
use serde_json::{Value, json};

use crate::harness::{On, PREFIX, Sandbox, old};
use crate::hostile::{assert_harmless, fates};

/// Stores bytes as text in a column of a run, whatever they are.
fn set_text(sandbox: &Sandbox, run: &WrittenRun, column: &str, bytes: &[u8]) {
    let sql = format!("UPDATE pipeline_runs SET {column} = CAST(? AS TEXT) WHERE id = ?");
    let connection = sandbox.instance.connect().unwrap();
    assert_eq!(connection.execute(&sql, (bytes, run.id.replace('-', ""))).unwrap(), 1);
}

fn manifest(sandbox: &Sandbox, run: &WrittenRun) -> Value {
    serde_json::from_slice(&sandbox.store.object(&run.key(PREFIX, "manifest.json")).unwrap()).unwrap()
}

#[test]
fn text_that_is_not_utf_8_keeps_the_run_where_it_decides_and_is_archived_as_base64_elsewhere() {
    let mut sandbox = Sandbox::on_sqlite(On::Embedded);
    let deciding = ["pipeline_name", "status", "log_file", "metrics_file", "started_at", "finished_at", "id"];
    let kept: Vec<_> = (1u64..).zip(deciding).map(|(number, _)| sandbox.add(old(number, "etl"))).collect();
    let moved = sandbox.add(old(50, "notebook").notebook(2));
    for (run, column) in kept.iter().zip(deciding) {
        set_text(&sandbox, run, column, b"\xff\x1b[2J\xc3");
    }
    for column in ["triggered_by", "uv_version", "parameters", "git_branch", "git_commit_message"] {
        set_text(&sandbox, &moved, column, b"\xff\x1b[2J");
    }
    sandbox.instance.connect().unwrap().execute("UPDATE run_cell_logs SET stderr = CAST(x'ff0a' AS TEXT)", []).unwrap();
    let ran = sandbox.run(&["cleanup", "--json"]);
    assert_harmless(&ran);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let fates = fates(&ran);
    assert_eq!(fates.iter().filter(|(.., kind)| kind == "unreadable_row").count(), deciding.len(), "{fates:?}");
    let files = kept.iter().flat_map(WrittenRun::remaining_files).count();
    assert_eq!(files, 2 * deciding.len(), "their files stay");
    assert_eq!(sandbox.instance.row_count("pipeline_runs").unwrap(), deciding.len() as i64);
    sandbox.assert_moved(&moved, &sandbox.objects());
    let row = &manifest(&sandbox, &moved)["run"];
    for column in ["triggered_by", "uv_version", "parameters", "git_branch", "git_commit_message"] {
        assert_eq!(row[column], json!({ "base64": "/xtbMko=" }), "{column}");
    }
    let cells = sandbox.store.object(&moved.key(PREFIX, "cells.jsonl")).unwrap();
    let cells = String::from_utf8(cells).unwrap();
    assert!(cells.lines().count() == 2 && cells.lines().all(|line| line.contains(r#""stderr":{"base64":"/wo="}"#)));
    assert_harmless(&sandbox.run(&["cleanup", "-vvv"]));
}

#[test]
fn json_that_is_not_json_goes_as_text_and_no_value_of_env_vars_with_it() {
    let nested = "[".repeat(100_000);
    let texts = [
        "hunter2",
        "\"hunter2\"",
        "[\"hunter2\"]",
        "{\"A\": \"hunter2\"",
        "{'A': 'hunter2'}",
        "{\"A\": \"hunter2\"} {\"B\": 1}",
        "A=hunter2",
        "",
        "NaN",
        "1e999",
        &nested,
        "\u{feff}{\"A\": \"hunter2\"}",
    ];
    let mut sandbox = Sandbox::on_sqlite(On::Embedded);
    let runs: Vec<_> = (1u64..)
        .zip(texts)
        .map(|(number, text)| {
            let mut spec = old(number, "notebook").notebook(2);
            spec.env_vars = Some(text.to_owned());
            spec.parameters = Some(text.replace("hunter2", "value"));
            spec.cells[1].outputs = spec.parameters.clone();
            sandbox.add(spec)
        })
        .collect();
    let ran = sandbox.run(&["cleanup", "-vvv"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
    let objects = sandbox.objects();
    for (run, text) in runs.iter().zip(texts) {
        sandbox.assert_moved(run, &objects);
        let row = &manifest(&sandbox, run)["run"];
        assert_eq!(row["env_var_names"], Value::Null, "{text:.40}");
        let given = text.replace("hunter2", "value");
        let expected = match given.as_str() {
            // The column's affinity makes a number of it, and no JSON has that one.
            "1e999" => "inf".into(),
            given => serde_json::from_str(given).unwrap_or_else(|_| Value::from(given)),
        };
        assert_eq!(row["parameters"], expected, "{text:.40}");
        let cells = sandbox.store.object(&run.key(PREFIX, "cells.jsonl")).unwrap();
        let second: Value = serde_json::from_str(String::from_utf8(cells).unwrap().lines().nth(1).unwrap()).unwrap();
        assert_eq!(second["outputs"], expected, "{text:.40}");
    }
    for key in objects.keys() {
        let bytes = sandbox.store.object(key).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("hunter2"), "{key}");
    }
}

#[test]
fn times_that_are_none_keep_their_runs_and_far_ones_do_not_confuse() {
    let digits = "9".repeat(10_000);
    let none = [
        "0000-01-01 00:00:00",
        "0001-01-01 00:00:00",
        "1969-12-31 23:59:59",
        "-0001-01-01 00:00:00",
        "10000-01-01 00:00:00",
        "2026-02-30 00:00:00",
        "2026-01-01 24:00:00",
        "2026-01-01 00:00:00+02:00",
        "2026-01-01",
        "20260101",
        "1786363200.5",
        "",
        "now",
        "2026-01-01 00:00:0\u{661}",
        "\u{1b}[2J",
        &digits,
    ];
    let mut sandbox = Sandbox::on_sqlite(On::Embedded);
    let mut unreadable = Vec::new();
    for (number, text) in (1u64..).zip(none) {
        let (mut started, mut finished) = (old(number, "etl"), old(1000 + number, "etl"));
        started.started_at_text = Some(text.to_owned());
        finished.finished_at_text = Some(text.to_owned());
        unreadable.extend([sandbox.add(started), sandbox.add(finished)]);
    }
    let with = |number, started: &str, finished: &str| {
        let mut spec: RunSpec = old(number, "far");
        (spec.started_at_text, spec.finished_at_text) = (Some(started.to_owned()), Some(finished.to_owned()));
        spec
    };
    let first = sandbox.add(with(5001, "1970-01-01 00:00:00", "1970-01-01 00:00:00.000001"));
    let backwards = sandbox.add(with(5002, "9999-12-31 23:59:59.999999", "2020-01-01 00:00:00"));
    let never = sandbox.add(with(5003, "2020-01-01 00:00:00", "9999-12-31 23:59:59.999999"));
    sandbox.variable("LOG_RETENTION_DAYS", "1");
    let ran = sandbox.run(&["cleanup", "--json"]);
    assert_harmless(&ran);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let fates = fates(&ran);
    for run in &unreadable {
        let expected = (run.id.clone(), "error".to_owned(), "unreadable_row".to_owned());
        assert!(fates.contains(&expected), "{fates:?}");
        sandbox.assert_untouched(run);
    }
    let objects = sandbox.objects();
    [&first, &backwards].into_iter().for_each(|run| sandbox.assert_moved(run, &objects));
    assert_eq!(manifest(&sandbox, &backwards)["run"]["started_at"], "9999-12-31T23:59:59.999999Z");
    sandbox.assert_untouched(&never);
    for days in ["4294967295", "106751992", "1"] {
        sandbox.variable("LOG_RETENTION_DAYS", days).variable("LOG_RETENTION_RUNS", "1");
        assert_harmless(&sandbox.run(&["plan", "-vvv"]));
        sandbox.assert_untouched(&never);
    }
}

#[test]
fn two_rows_of_one_id_are_kept_both() {
    let mut sandbox = Sandbox::on_sqlite(On::Embedded);
    let (mut one, mut two) = (old(1, "etl"), old(2, "etl").log_text("another log\n"));
    two.id = one.id.to_uppercase();
    one.log = LogSource::File(Content::Bytes(b"a log\n".to_vec()));
    let (one, two) = (sandbox.add(one), sandbox.add(two));
    let ran = sandbox.run(&["cleanup", "--json"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert_eq!(sandbox.instance.row_count("pipeline_runs").unwrap(), 2, "{ran:?}");
    assert_eq!((one.remaining_files().len(), two.remaining_files().len()), (2, 2), "{ran:?}");
}
