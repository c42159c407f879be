//! The ledger as evidence: a chain that a stranger can check, and that says so when it was bent, cut or torn.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use fastflow_archive_testkit::Fate;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::harness::{On, Ran, Sandbox, old};

fn hash(line: &str) -> String {
    Sha256::digest(line.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the script in the README does: the head of a chain that holds.
pub(crate) fn chain_head(lines: &str) -> Option<String> {
    let (mut head, mut count) = ("0".repeat(64), 0);
    for line in lines.lines() {
        let entry: Value = serde_json::from_str(line).unwrap();
        if entry["type"] == "ledger" {
            count += 1;
            if entry["seq"] != count || entry["previous"] != head {
                return None;
            }
            head = hash(line);
        }
    }
    Some(head)
}

/// A sandbox whose ledger has entries of two invocations, and whose bucket may be read.
fn used() -> Sandbox {
    let mut sandbox = Sandbox::new(On::Embedded).settle(6);
    sandbox.as_admin();
    sandbox.run(&["backup", "-q"]).expect(0, "", "");
    sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
    sandbox
}

/// The ledger's file, once its journal is folded in.
fn file(sandbox: &Sandbox) -> PathBuf {
    sandbox.ledger().query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    sandbox.instance.data_dir().join("fastflow-archive.db")
}

fn verify(sandbox: &Sandbox) -> Ran {
    sandbox.run(&["ledger", "verify"])
}

/// Runs SQL against the ledger, without its triggers, as somebody with the file in hand can.
fn bend(sandbox: &Sandbox, sql: &str) {
    let ledger = sandbox.ledger();
    let names = "SELECT group_concat('DROP TRIGGER ' || name || ';', ' ') FROM sqlite_master WHERE type = 'trigger'";
    let drops: String = ledger.query_row(names, [], |row| row.get(0)).unwrap();
    ledger.execute_batch(&format!("{drops} {sql}")).unwrap();
}

#[test]
fn the_export_is_a_chain_that_anybody_can_check() {
    let sandbox = used();
    let ran = sandbox.run(&["ledger", "export", "--json"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let lines: Vec<&str> = ran.stdout.lines().collect();
    let (summary, entries) = lines.split_last().unwrap();
    let summary: Value = serde_json::from_str(summary).unwrap();
    assert_eq!(summary["ledger_head"], chain_head(&ran.stdout).unwrap(), "the summary names the head");
    let of = |kind: &str| -> Vec<Value> {
        let all = entries.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
        all.filter(|entry| entry["entry"] == kind).collect()
    };
    assert_eq!((of("created").len(), of("began").len(), of("ended").len()), (1, 2, 2));
    let began = &of("began")[1];
    assert!(began["host"].as_str().is_some_and(|host| !host.is_empty()) && began["user"].is_string());
    assert_eq!((&began["command"], of("intended").len(), of("deleted").len()), (&"cleanup".into(), 6, 6));
    let archived = of("archived");
    assert_eq!(archived.len(), 6);
    let objects = sandbox.objects();
    let mut receipts = archived.iter().flat_map(|entry| entry["receipts"].as_array().unwrap());
    assert!(receipts.all(|receipt| objects[receipt["key"].as_str().unwrap()].sha256 == receipt["sha256"]));
    let run = sandbox.runs(Fate::Archived)[0];
    let deleted = of("deleted").into_iter().find(|entry| entry["run_id"] == run.id).unwrap();
    assert_eq!((&deleted["rule"], &deleted["pipeline"]), (&"retention_days".into(), &run.pipeline.as_str().into()));
    assert!(deleted["files"].as_array().is_some_and(|files| !files.is_empty()), "what was deleted is named");
}

#[test]
fn the_script_in_the_readme_checks_the_chain() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let script = readme.split("```python\n").nth(1).unwrap().split("```").next().unwrap();
    assert!(script.lines().count() <= 20, "it is short");
    let sandbox = used();
    let run = |lines: &str| {
        let path = sandbox.instance.root().join("ledger.jsonl");
        std::fs::write(&path, lines).unwrap();
        let stdin = std::fs::File::open(path).unwrap();
        match Command::new("python3").args(["-c", script]).stdin(stdin).output() {
            Ok(output) => (output.status.success(), String::from_utf8(output.stdout).unwrap()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                println!("there is no python3: the same steps in Rust instead of the script itself");
                let head = chain_head(lines);
                (head.is_some(), head.unwrap_or_default())
            }
            Err(error) => panic!("{error}"),
        }
    };
    let ran = sandbox.run(&["ledger", "export", "--json"]);
    let (is_fine, said) = run(&ran.stdout);
    assert!(is_fine && said.contains(ran.summary()["ledger_head"].as_str().unwrap()), "{said}");
    let (is_fine, _) = run(&ran.stdout.replace("retention_days", "retention_runs"));
    assert!(!is_fine, "a changed entry passes");
    let without_third: Vec<&str> =
        ran.stdout.lines().enumerate().filter(|(at, _)| *at != 2).map(|(_, it)| it).collect();
    assert!(!run(&without_third.join("\n")).0, "a missing entry passes");
}

#[test]
fn nothing_can_be_changed_or_deleted_by_sql() {
    let sandbox = used();
    let ledger = sandbox.ledger();
    for sql in [
        "UPDATE entries SET body = '{}' WHERE seq = 2",
        "DELETE FROM entries WHERE seq = 2",
        "INSERT OR REPLACE INTO entries (seq, body, hash) VALUES (2, '{}', '')",
        "INSERT INTO entries (seq, body, hash) VALUES (999, '{}', '')",
    ] {
        let error = ledger.execute_batch(sql).unwrap_err().to_string();
        assert!(error.contains("append-only"), "{sql}: {error}");
    }
    assert_eq!(verify(&sandbox).code, Some(0));
}

#[test]
fn a_changed_missing_or_reordered_entry_is_found_and_named() {
    let cases = [
        (
            "UPDATE entries SET body = replace(body, 'retention_days', 'retention_runs') WHERE seq = 5",
            "entry 5 was changed",
        ),
        ("DELETE FROM entries WHERE seq IN (4, 5)", "entries 4 to 5 are missing"),
        (
            "UPDATE entries SET seq = -1 WHERE seq = 4; UPDATE entries SET seq = 4 WHERE seq = 5; \
             UPDATE entries SET seq = 5 WHERE seq = -1",
            "entry 4 bears another number in its text",
        ),
    ];
    for (sql, what) in cases {
        let sandbox = used();
        bend(&sandbox, sql);
        let ran = verify(&sandbox);
        assert_eq!(ran.code, Some(4), "{sql}: {ran:?}");
        assert!(ran.stderr.contains(what), "{sql}: {ran:?}");
        assert!(ran.stdout.contains("the chain is broken"), "{ran:?}");
        let json = sandbox.run(&["ledger", "verify", "--json"]);
        let first = &json.lines()[0];
        assert_eq!((&first["type"], &first["kind"]), (&"error".into(), &"ledger_broken".into()));
        assert_eq!(json.summary()["exit_code"], 4);
    }
}

#[test]
fn the_last_entry_cannot_be_changed_unnoticed_even_by_the_next_call() {
    let sandbox = used();
    bend(&sandbox, "UPDATE entries SET body = body || ' ' WHERE seq = (SELECT max(seq) FROM entries)");
    for args in [&["cleanup", "-q"][..], &["ledger", "verify"]] {
        let ran = sandbox.run(args);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.stderr.contains("its first or last entry is missing or was changed"), "{ran:?}");
    }
}

#[test]
fn a_cut_tail_is_found_against_the_anchor_in_the_bucket() {
    let mut sandbox = used();
    assert_eq!(sandbox.anchors().len(), 2, "one for each call that changed something");
    let fine = verify(&sandbox);
    fine.expect(0, "[..] entries, the chain is whole; 2 anchors in the bucket match.\nHead [..]", "");
    let last: i64 = sandbox.ledger().query_row("SELECT max(seq) FROM entries", [], |row| row.get(0)).unwrap();
    bend(&sandbox, &format!("DELETE FROM entries WHERE seq > {}", last - 3));
    let ran = verify(&sandbox);
    assert_eq!(ran.code, Some(4), "{ran:?}");
    let what = format!("in the bucket says that entry {last} has the hash");
    assert!(ran.stderr.contains(&what) && ran.stderr.contains("cut off or rewritten"), "{ran:?}");
    // Another ledger in the same bucket is none of its business.
    let state = sandbox.instance.root().join("other-state");
    sandbox.add(old(900, "etl"));
    let state = state.to_str().unwrap();
    sandbox.run(&["cleanup", "-q", "--state-dir", state]).expect(0, "", "");
    let other = sandbox.run(&["ledger", "verify", "--state-dir", state]);
    other.expect(0, "[..] entries, the chain is whole; 1 anchor in the bucket matches.\nHead [..]", "");
}

#[test]
fn a_key_that_may_only_put_writes_anchors_and_says_that_it_cannot_check_them() {
    let mut sandbox = Sandbox::new(On::Server).settle(3);
    sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
    assert_eq!(sandbox.anchors().len(), 1);
    let ran = verify(&sandbox);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("warning: the anchors in the bucket are not checked"), "{ran:?}");
    assert!(ran.stderr.contains("S3_VERIFY_ACCESS_KEY") && ran.stdout.contains("anchors not checked"), "{ran:?}");
    let keys = sandbox.store.admin();
    sandbox.variable("S3_VERIFY_ACCESS_KEY", &keys.access_key);
    let half = verify(&sandbox);
    assert!(half.code == Some(10) && half.stderr.contains("`S3_VERIFY_SECRET_ACCESS_KEY` is not set"), "{half:?}");
    sandbox.variable("S3_VERIFY_SECRET_ACCESS_KEY", &keys.secret_key);
    let all = "[..] entries, the chain is whole; 1 anchor in the bucket matches.\nHead [..]";
    verify(&sandbox).expect(0, all, "");
}

#[test]
fn the_head_is_in_summary_audit_page_and_anchor() {
    let mut sandbox = Sandbox::new(On::Embedded).settle(3);
    sandbox.as_admin();
    let ran = sandbox.run(&["cleanup", "--json"]);
    let head = ran.summary()["ledger_head"].as_str().unwrap().to_owned();
    let anchors = sandbox.anchors();
    assert!(anchors.len() == 1 && anchors[0].ends_with(&format!("-{head}.json")), "{anchors:?}");
    let anchor: Value = serde_json::from_slice(&sandbox.store.object(&anchors[0]).unwrap()).unwrap();
    let heads: BTreeMap<i64, String> = {
        let ledger = sandbox.ledger();
        let mut statement = ledger.prepare("SELECT seq, hash FROM entries").unwrap();
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
    };
    assert_eq!((&anchor["head"], heads[&anchor["seq"].as_i64().unwrap()].as_str()), (&Value::from(&*head), &*head));
    let audited = sandbox.instance.session().unwrap().text("SELECT details FROM audit_log").unwrap();
    let audited: Value = serde_json::from_str(&audited).unwrap();
    assert!(heads.values().any(|hash| audited["ledger_head"] == **hash), "the audit page names an entry");
    assert_eq!(sandbox.run(&["plan", "--json"]).summary()["ledger_head"], head);
}

#[test]
fn an_anchor_that_cannot_be_stored_is_an_error_and_an_entry() {
    let sandbox = Sandbox::new(On::Embedded).settle(3);
    sandbox.embedded().set_fault(|request| request.key.contains("/_ledger/").then_some("InvalidRequest"));
    let ran = sandbox.run(&["cleanup", "--json"]);
    assert_eq!((ran.code, ran.summary()["runs_deleted"].as_u64()), (Some(1), Some(3)), "{ran:?}");
    let sql = "SELECT hash FROM entries WHERE entry = 'anchor_failed'";
    let hash: String = sandbox.ledger().query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(ran.summary()["ledger_head"], hash);
}

#[test]
fn a_torn_ledger_says_so_and_never_reads_as_empty() {
    let sandbox = used();
    let path = file(&sandbox);
    let whole = std::fs::read(&path).unwrap();
    let page = 4096;
    // A unit test tries every byte of the last page; here some of them go through the binary.
    for cut in [1, 2, 17, 512, 1024, 4095, page, page + 1, whole.len() - 1, whole.len()] {
        std::fs::write(&path, &whole[..whole.len() - cut]).unwrap();
        let ran = sandbox.run(&["cleanup", "-q"]);
        assert_eq!(ran.code, Some(1), "{cut} bytes fewer: {ran:?}");
        assert!(ran.stderr.contains("failed to open the ledger"), "{cut} bytes fewer: {ran:?}");
        assert_eq!(std::fs::metadata(&path).unwrap().len() as usize, whole.len() - cut, "it was not touched");
    }
    std::fs::write(&path, &whole).unwrap();
    assert_eq!(verify(&sandbox).code, Some(0));
    std::fs::write(path.with_extension("db-wal"), b"the journal of a ledger that is gone").unwrap();
    std::fs::remove_file(&path).unwrap();
    let ran = sandbox.run(&["cleanup", "-q"]);
    assert!(ran.code == Some(1) && ran.stderr.contains("it is gone, but its journal (-wal) is there"), "{ran:?}");
}
