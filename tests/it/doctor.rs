//! `doctor`: 0 where nothing is broken, 1 where something is, a line for each, and nothing changed but one small object.

use std::collections::BTreeMap;

use fastflow_archive_testkit::{StoreOptions, TestStore};
use serde_json::Value;

use crate::fault_server::{Behaviour, FaultServer, Tls};
use crate::faults::GOOD;
use crate::harness::{On, Ran, Sandbox, old};

/// An instance with nothing against it: Fast-Flow's own cleanup is off, this tool keeps 30 days, a key may read.
fn good(on: On) -> Sandbox {
    made_good(Sandbox::new(on))
}

/// The same on SQLite, whatever the tests run on: for what is about its file.
fn good_on_sqlite(on: On) -> Sandbox {
    made_good(Sandbox::on_sqlite(on))
}

fn made_good(sandbox: Sandbox) -> Sandbox {
    let mut sandbox = sandbox.settle(3);
    let admin = sandbox.store.admin();
    sandbox
        .variable("LOG_RETENTION_DAYS", "")
        .variable("FASTFLOW_ARCHIVE_LOG_RETENTION_DAYS", "30")
        .variable("S3_VERIFY_ACCESS_KEY", &admin.access_key)
        .variable("S3_VERIFY_SECRET_ACCESS_KEY", &admin.secret_key)
        .variable("EMAIL_ENABLED", "true")
        .variable("SMTP_HOST", "mail.example.org")
        .variable("SMTP_FROM", "a@example.org")
        .variable("EMAIL_RECIPIENTS", "ops@example.org");
    sandbox
}

/// Calls it with `--json`; the checks by name.
fn checks(ran: &Ran) -> BTreeMap<String, Value> {
    let lines = ran.lines().into_iter().filter(|line| line["type"] == "check");
    lines.map(|line| (line["name"].as_str().unwrap().to_owned(), line)).collect()
}

fn named(checks: &BTreeMap<String, Value>, verdict: &str) -> Vec<String> {
    checks.iter().filter(|(_, check)| check["verdict"] == verdict).map(|(name, _)| name.clone()).collect()
}

#[track_caller]
fn assert_verdict(sandbox: &Sandbox, name: &str, verdict: &str, message: &str) {
    let ran = sandbox.run(&["doctor", "--json"]);
    let check = checks(&ran).remove(name).unwrap_or_else(|| panic!("no check {name}: {ran:?}"));
    assert_eq!(check["verdict"], verdict, "{check}");
    assert!(check["message"].as_str().unwrap().contains(message), "{check}");
    assert_eq!(ran.code, Some(i32::from(verdict == "problem")), "{ran:?}");
}

/// What `mc` does to the bucket, where the test runs on MinIO.
fn mc(sandbox: &Sandbox, arguments: &[&str]) -> bool {
    let mc = sandbox.store.mc();
    mc.into_iter().for_each(|mc| drop(mc.run(arguments).unwrap()));
    mc.is_some()
}

#[test]
fn on_a_good_instance_all_is_well_and_one_small_object_is_left() {
    let sandbox = good(On::Minio);
    let is_minio = mc(&sandbox, &["version", "enable", "kit/fastflow-logs"]);
    let before = sandbox.tree();
    let ran = sandbox.run(&["doctor", "--json"]);
    let found = checks(&ran);
    assert_eq!((ran.code, named(&found, "problem")), (Some(0), vec![]), "{ran:?}");
    let expected: &[&str] = if is_minio { &["s3_object_lock"] } else { &["s3_lifecycle"] };
    assert!(named(&found, "warning").iter().all(|name| expected.contains(&name.as_str())), "{ran:?}");
    for name in [
        "database_write",
        "path_map",
        "s3_clock",
        "s3_put",
        "s3_overwriting",
        "s3_key",
        "s3_reading_key",
        "email",
        "lock",
    ] {
        assert_eq!(found[name]["verdict"], "ok", "{name}");
    }
    let mail = "to ops@example.org through mail.example.org:587 (STARTTLS); `notify test` tries it";
    assert_eq!(found["email"]["message"], mail);
    assert_eq!(found["s3_versioning"]["verdict"], if is_minio { "ok" } else { "skipped" });
    let summary = ran.summary();
    assert_eq!((&summary["command"], &summary["exit_code"]), (&"doctor".into(), &0.into()));
    assert_eq!(sandbox.objects().into_keys().collect::<Vec<_>>(), ["pipeline-logs/_probe/doctor"]);
    assert_eq!(sandbox.tree(), before, "database, logs and state are what they were");
    for secret in [sandbox.store.writer().secret_key, sandbox.store.admin().secret_key] {
        assert!(!ran.stdout.contains(&secret) && !ran.stderr.contains(&secret));
    }
}

#[test]
fn each_line_says_how_it_stands_and_quiet_leaves_out_what_is_well() {
    let mut sandbox = good(On::Embedded);
    sandbox.variable("EMAIL_ENABLED", "");
    let quiet = "warning  notifications      no channel is configured: nobody is told when something goes wrong\n  \
                 hint: set EMAIL_ENABLED=true and SMTP_*, or TEAMS_ENABLED=true and TEAMS_WEBHOOK_URL";
    let ran = sandbox.run(&["doctor", "-q"]);
    assert!(ran.stdout.ends_with(&format!("{quiet}\n")) && !ran.stdout.contains("ok  "), "{ran:?}");
    let ran = sandbox.run(&["doctor"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
    let path_map = "ok       path map           the logs of 3 of 3 due runs are there";
    assert!(ran.stdout.lines().any(|line| line == path_map), "{}", ran.stdout);
    let last = ran.stdout.lines().last().unwrap();
    assert!(last.contains(" ok, ") && last.ends_with("not checked."), "{last}");
}

/// What is broken: how, and exactly the checks that must say so.
type Broken = (&'static str, fn(&mut Sandbox), &'static [&'static str]);

#[rustfmt::skip]
const BROKEN: [Broken; 15] = [
    ("no database", |it| { it.variable("DATA_DIR", "./nowhere").variable("FASTFLOW_ARCHIVE_STATE_DIR", "./data"); },
        &["database"]),
    ("no log directory", |it| std::fs::remove_dir_all(it.instance.logs_dir()).unwrap(), &["logs"]),
    ("empty log directory", |it| {
        std::fs::remove_dir_all(it.instance.logs_dir()).unwrap();
        std::fs::create_dir(it.instance.logs_dir()).unwrap();
    }, &["path_map"]),
    ("paths that lead elsewhere", |it| { it.variable("FASTFLOW_ARCHIVE_PATH_MAP", "/app/logs=/srv"); }, &["path_map"]),
    ("store down", |it| it.store.kill(), &["s3_reach"]),
    ("wrong secret", |it| { it.variable("S3_SECRET_ACCESS_KEY", "wrong-wrong"); }, &["s3_put"]),
    ("wrong key for reading", |it| { it.variable("S3_VERIFY_ACCESS_KEY", "nobody"); }, &["s3_reading_key"]),
    ("bucket missing", |it| { it.variable("S3_BUCKET", "nowhere"); }, &["s3_put"]),
    ("proof that the key does not allow", |it| { it.variable("FASTFLOW_ARCHIVE_PROOF", "head"); }, &["s3_key"]),
    ("switched off", |it| { it.variable("S3_BACKUP_ENABLED", "false"); }, &["s3"]),
    ("Fast-Flow deletes first", |it| { it.variable("S3_BACKUP_ENABLED", "").variable("LOG_RETENTION_DAYS", "30"); },
        &["fast_flow_cleanup"]),
    ("negative retention", |it| { it.variable("FASTFLOW_ARCHIVE_LOG_RETENTION_DAYS", "-1"); }, &["retention"]),
    ("half an e-mail configuration", |it| { it.variable("SMTP_HOST", ""); }, &["email"]),
    ("no ledger, but something else", |it| {
        std::fs::write(it.instance.data_dir().join("fastflow-archive.db"), "something else").unwrap();
    }, &["ledger"]),
    ("no .env", |it| { it.variable("FASTFLOW_ARCHIVE_ENV_FILE", "nowhere.env"); }, &["configuration"]),
];

#[test]
fn what_is_broken_is_a_problem_with_a_hint_and_the_rest_is_still_looked_at() {
    for (what, break_it, expected) in BROKEN {
        let mut sandbox = good_on_sqlite(On::Embedded);
        break_it(&mut sandbox);
        let ran = sandbox.run(&["doctor", "--json"]);
        let found = checks(&ran);
        assert_eq!(
            (ran.code, named(&found, "problem")),
            (Some(1), expected.iter().map(|name| (*name).to_owned()).collect()),
            "{what}: {ran:?}"
        );
        for name in expected {
            assert!(found[*name]["hint"].is_string(), "{what}: {}", found[*name]);
        }
        for name in named(&found, "skipped") {
            assert!(found[&name]["message"].as_str().unwrap().starts_with("not checked: "), "{what}");
        }
        assert_eq!(ran.summary()["exit_code"], 1);
    }
}

#[test]
fn what_depends_on_something_broken_is_not_looked_at_and_says_so() {
    let mut sandbox = good_on_sqlite(On::Embedded);
    sandbox.store.kill();
    sandbox.variable("DATA_DIR", "./nowhere").variable("FASTFLOW_ARCHIVE_STATE_DIR", "./data");
    let ran = sandbox.run(&["doctor"]);
    let lines = |text: &str| ran.stdout.lines().filter(|line| line.ends_with(text)).count();
    assert_eq!(lines("not checked: the database cannot be read"), 5, "{}", ran.stdout);
    assert_eq!(lines("not checked: the store cannot be reached"), 3, "{}", ran.stdout);
    assert!(ran.stdout.ends_with(" 9 not checked.\n") || ran.stdout.ends_with(" 10 not checked.\n"), "{}", ran.stdout);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(1), ""));
}

#[test]
fn who_may_not_remove_logs_is_told_before_a_night() {
    use std::os::unix::fs::PermissionsExt as _;
    let sandbox = good_on_sqlite(On::Embedded);
    let ran = if rustix::process::geteuid().is_root() {
        sandbox.give_data_to(1002);
        sandbox.run_as(1002, &["doctor", "-q"])
    } else {
        let read_only = std::fs::Permissions::from_mode(0o555);
        std::fs::set_permissions(sandbox.instance.logs_dir(), read_only).unwrap();
        sandbox.run(&["doctor", "-q"])
    };
    let message = "this user may not remove files there: Permission denied (os error 13)\n  \
                   hint: run as the user that Fast-Flow writes logs as, or as root; `backup` only reads\n";
    assert!(ran.stdout.starts_with("problem  logs ") && ran.stdout.contains(message), "{ran:?}");
    assert_eq!(ran.code, Some(1));
}

#[test]
fn a_database_that_somebody_holds_locked_is_a_problem() {
    let sandbox = good_on_sqlite(On::Embedded);
    let writer = sandbox.instance.connect().unwrap();
    writer.execute_batch("BEGIN IMMEDIATE").unwrap();
    let ran = sandbox.run(&["doctor", "-q"]);
    let expected = "problem  database write     failed to begin to write in `./data/fastflow.db`: database is locked: Error code 5: database is locked\n  \
                    hint: another process holds the database for long: an open SQLite shell, a copy of the file? run again when it has ended\n";
    assert!(ran.stdout.starts_with(expected), "{ran:?}");
    assert_eq!(ran.code, Some(1));
}

#[test]
fn versioning_object_lock_and_lifecycle_are_read_with_the_key_for_reading() {
    let mut sandbox = good(On::Minio);
    if !mc(&sandbox, &["mb", "--with-lock", "kit/locked"]) {
        // The embedded server knows none of them, and that is no fault of the bucket's.
        let found = checks(&sandbox.run(&["doctor", "--json"]));
        assert_eq!(
            (&found["s3_versioning"]["verdict"], &found["s3_object_lock"]["verdict"]),
            (&"skipped".into(), &"skipped".into())
        );
        return;
    }
    assert_verdict(&sandbox, "s3_versioning", "warning", "off: who has the key can overwrite what is archived");
    assert_verdict(&sandbox, "s3_object_lock", "warning", "off: who administers the bucket");
    assert_verdict(&sandbox, "s3_lifecycle", "ok", "archived runs stay");
    mc(&sandbox, &["ilm", "rule", "add", "--expire-days", "90", "kit/fastflow-logs"]);
    assert_verdict(&sandbox, "s3_lifecycle", "warning", "a rule removes archived runs after 90 days");
    sandbox.as_admin().variable("S3_BUCKET", "locked");
    assert_verdict(&sandbox, "s3_versioning", "ok", "on");
    assert_verdict(&sandbox, "s3_object_lock", "warning", "no default retention is set");
    mc(&sandbox, &["retention", "set", "--default", "GOVERNANCE", "30d", "kit/locked"]);
    assert_verdict(&sandbox, "s3_object_lock", "ok", "GOVERNANCE, 30 days");
    assert_verdict(&sandbox, "s3_key", "warning", "the key may also read and list");
    sandbox.variable("S3_VERIFY_ACCESS_KEY", "").variable("S3_VERIFY_SECRET_ACCESS_KEY", "");
    let writer = sandbox.store.writer();
    sandbox.variable("S3_ACCESS_KEY", &writer.access_key).variable("S3_SECRET_ACCESS_KEY", &writer.secret_key);
    sandbox.variable("S3_BUCKET", "fastflow-logs");
    assert_verdict(&sandbox, "s3_versioning", "skipped", "not checked: the key may not see it");
}

#[test]
fn the_certificate_is_judged_before_anything_is_sent() {
    let sandbox = good(On::MinioTls);
    assert_verdict(&sandbox, "s3_tls", "ok", "the certificate is trusted and ends in ");
    let rows = [
        (Tls::Expired, true, "certificate expired", "renew the store's certificate"),
        (Tls::OtherHost, true, "certificate not valid for name", "the certificate is for another host"),
        (Tls::Good, false, "UnknownIssuer", "name the CA's PEM file with S3_CA_BUNDLE"),
    ];
    for (tls, ca_is_known, why, hint) in rows {
        let server = FaultServer::start(Behaviour { tls, ..GOOD });
        let folder = tempfile::tempdir().unwrap();
        let ca = folder.path().join("ca.pem");
        std::fs::write(&ca, server.ca_pem().unwrap()).unwrap();
        let mut sandbox = good(On::Embedded);
        sandbox.variable("S3_ENDPOINT_URL", &server.endpoint());
        if ca_is_known {
            sandbox.variable("S3_CA_BUNDLE", ca.to_str().unwrap());
        }
        let ran = sandbox.run(&["doctor", "--json"]);
        let tls = &checks(&ran)["s3_tls"];
        assert_eq!((ran.code, &tls["verdict"]), (Some(1), &"problem".into()), "{tls}");
        assert!(tls["message"].as_str().unwrap().contains(why), "{tls}");
        assert!(tls["hint"].as_str().unwrap().contains(hint), "{tls}");
        assert_eq!(server.tries("pipeline-logs/_probe/doctor"), 0);
    }
}

#[test]
fn the_last_success_and_another_archiver_are_told() {
    let mut sandbox = good_on_sqlite(On::Embedded);
    sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
    assert_verdict(&sandbox, "last_success", "ok", "cleanup ended with 0, 0s ago");
    assert_verdict(&sandbox, "other_archiver", "ok", "is of this ledger");
    sandbox.later(30);
    assert_verdict(&sandbox, "last_success", "warning", "cleanup ended with 0, 1 day 6h ago");
    sandbox.add(old(77, "etl"));
    sandbox.variable("S3_SECRET_ACCESS_KEY", "wrong-wrong");
    assert_eq!(sandbox.run(&["cleanup", "-q"]).code, Some(12));
    let keys = sandbox.store.writer();
    sandbox.variable("S3_SECRET_ACCESS_KEY", &keys.secret_key);
    assert_verdict(&sandbox, "last_success", "warning", "the last call, cleanup, ended with 12, 0s ago");
    sandbox.later(24 * 9);
    assert_verdict(&sandbox, "last_success", "problem", "cleanup ended with 0, 9 days ago");
    sandbox.later(0).variable("FASTFLOW_ARCHIVE_STATE_DIR", "./elsewhere");
    assert_verdict(&sandbox, "other_archiver", "warning", "is of another ledger than this one");
}

#[test]
fn an_instance_at_work_is_named() {
    let sandbox = good(On::Embedded);
    let path = sandbox.instance.data_dir().join("fastflow-archive.lock");
    let holder = std::fs::File::create(&path).unwrap();
    holder.lock().unwrap();
    std::fs::write(&path, "cleanup, pid 4242, since 2026-08-04T02:00:00Z").unwrap();
    assert_verdict(&sandbox, "lock", "warning", "another instance is at work: cleanup, pid 4242");
    holder.unlock().unwrap();
    assert_verdict(&sandbox, "lock", "ok", "free");
}

#[test]
fn a_column_and_a_table_of_tomorrow_are_told() {
    let sandbox = good_on_sqlite(On::Embedded);
    let database = sandbox.instance.connect().unwrap();
    database.execute_batch("ALTER TABLE pipeline_runs ADD COLUMN cost FLOAT").unwrap();
    assert_verdict(&sandbox, "schema", "ok", "a newer Fast-Flow: cost are archived like the others");
    let table = "CREATE TABLE run_notes (run_id CHAR(32) REFERENCES pipeline_runs (id), note VARCHAR)";
    database.execute_batch(table).unwrap();
    assert_verdict(&sandbox, "schema", "warning", "rows refer to runs: run_notes; cleanup does not archive them");
}

#[test]
fn the_options_of_a_store_are_its_own() {
    // A store without a bucket is one that answers, and refuses.
    let store = TestStore::embedded_with(StoreOptions { bucket: None, ..StoreOptions::default() }).unwrap();
    let mut sandbox = good(On::Embedded);
    sandbox.variable("S3_ENDPOINT_URL", &store.endpoint());
    assert_verdict(&sandbox, "s3_put", "problem", "NoSuchBucket");
}
