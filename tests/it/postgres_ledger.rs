//! The ledger in PostgreSQL, beside Fast-Flow's own tables: a pod without a disk keeps its evidence. The tool's role is the one
//! of the README. These tests are there with the feature `test-postgres` only, and fail without a server.

use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

use fastflow_archive_testkit::{PostgresDatabase, Session};
use serde_json::Value;

use crate::harness::{On, Ran, Sandbox, old};
use crate::invariants::assert_nothing_is_lost;
use crate::ledger::chain_head;

fn database(sandbox: &Sandbox) -> &PostgresDatabase {
    let database = sandbox.instance.postgres();
    database.unwrap_or_else(|| panic!("FASTFLOW_ARCHIVE_TEST_POSTGRES names the programs of a PostgreSQL server"))
}

fn administrator(sandbox: &Sandbox) -> Session {
    database(sandbox).ledger().unwrap()
}

/// As the tool's role.
fn role(sandbox: &Sandbox) -> postgres::Client {
    postgres::Client::connect(&database(sandbox).url(), postgres::NoTls).unwrap()
}

fn has_schema(sandbox: &Sandbox) -> bool {
    administrator(sandbox).exists("SELECT 1 FROM pg_namespace WHERE nspname = 'fastflow_archive'").unwrap()
}

/// Whatever of the tool lies in the instance's folder.
fn files_of_ours(sandbox: &Sandbox) -> Vec<String> {
    let tree = fastflow_archive_testkit::tree_files(sandbox.instance.root(), &[]).unwrap();
    tree.into_keys().filter(|name| name.contains("fastflow-archive")).collect()
}

/// The ledger's schema made by the administrator, none of the tool's files, and a key that may read the bucket.
fn sandbox(due: usize) -> Sandbox {
    let mut sandbox = Sandbox::new(On::Embedded).settle(due).without_state_dir();
    sandbox.as_admin();
    sandbox
}

#[test]
fn a_cleanup_leaves_its_evidence_in_the_database_and_no_file_anywhere() {
    let mut sandbox = sandbox(6);
    let notebook = sandbox.add(old(700, "notebook").notebook(900));
    sandbox.run(&["backup", "-q"]).expect(0, "", "");
    sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
    let objects = sandbox.objects();
    sandbox.runs(fastflow_archive_testkit::Fate::Archived).iter().for_each(|run| sandbox.assert_moved(run, &objects));
    assert_eq!(files_of_ours(&sandbox), [""; 0]);
    assert_eq!(sandbox.in_ledger("SELECT count(*) FROM deletions WHERE phase = 'deleted'"), ["7"]);
    let mut receipts = sandbox.in_ledger("SELECT key FROM receipts ORDER BY key");
    receipts.dedup();
    assert_eq!(receipts, objects.into_keys().collect::<Vec<_>>());
    let whole = "[..] entries, the chain is whole; 2 anchors in the bucket match.\nHead [..]";
    sandbox.run(&["ledger", "verify"]).expect(0, whole, "");
    let exported = sandbox.run(&["ledger", "export", "--json"]);
    assert_eq!(exported.summary()["ledger_head"], chain_head(&exported.stdout).unwrap());
    let listed = sandbox.run(&["list", "--json"]);
    assert_eq!((listed.code, listed.lines().len()), (Some(0), 8), "{listed:?}");
    for args in
        [&["verify", "-q"][..], &["verify", "-q", "--deep"], &["verify", "-q", "--sample", "50", "--limit", "3"]]
    {
        sandbox.run(args).expect(0, "", "");
    }
    let asked = ["verify", "--json", "-v", "--pipeline", "notebook", "--older-than", "30m"];
    assert_eq!(sandbox.run(&asked).summary()["objects_checked"], 0, "it was archived just now");
    let pipeline = sandbox.later(1).run(&asked);
    assert!(pipeline.code == Some(0) && pipeline.stdout.contains(&notebook.id), "{pipeline:?}");
    assert_eq!(sandbox.in_ledger("SELECT count(*) FROM checks"), ["7"]);
    sandbox.run(&["restore", &notebook.id, "--to-instance", "-q"]).expect(0, "", "");
    assert_eq!(sandbox.instance.row_count("run_cell_logs").unwrap(), 900);
    assert!(sandbox.instance.run_exists(&notebook.id).unwrap());
    // It goes again, and is not sent twice.
    sandbox.embedded().forget_requests();
    sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
    sandbox.assert_moved(&notebook, &sandbox.objects());
    assert_eq!(sandbox.run(&["ledger", "verify", "-q"]).code, Some(0));
    assert_eq!(files_of_ours(&sandbox), [""; 0]);
}

#[test]
fn a_ledger_that_was_lost_is_rebuilt_from_the_bucket() {
    let sandbox = sandbox(5);
    sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
    administrator(&sandbox).batch("DROP SCHEMA fastflow_archive CASCADE").unwrap();
    let lost = sandbox.run(&["list"]);
    assert!(lost.code == Some(1) && lost.stderr.contains("schema fastflow_archive"), "{lost:?}");
    assert!(!has_schema(&sandbox));
    database(&sandbox).make_ledger().unwrap();
    sandbox.run(&["ledger", "rebuild", "-q"]).expect(0, "", "");
    assert_eq!(sandbox.in_ledger("SELECT count(*) FROM entries WHERE entry = 'archived'"), ["5"]);
    sandbox.run(&["verify", "-q"]).expect(0, "", "");
    assert_eq!(sandbox.run(&["list", "--json"]).lines().len(), 6);
    assert_eq!(files_of_ours(&sandbox), [""; 0]);
}

#[test]
fn what_only_reads_makes_no_schema() {
    let sandbox = sandbox(3);
    let mut session = administrator(&sandbox);
    session.batch("DROP SCHEMA fastflow_archive CASCADE").unwrap();
    let database = &database(&sandbox).name;
    session.batch(&format!("GRANT CREATE ON DATABASE {database} TO fastflow_archive")).unwrap();
    let before = sandbox.tree();
    for (args, code) in [
        (&["plan"][..], 0),
        (&["cleanup", "--dry-run"], 0),
        (&["backup", "-n", "--all"], 0),
        (&["ledger", "verify"], 1),
        (&["ledger", "export"], 1),
        (&["list"], 1),
        (&["verify"], 0),
        (&["doctor"], 0),
    ] {
        let ran = sandbox.run(args);
        assert_eq!(ran.code, Some(code), "{args:?}: {ran:?}");
        assert!(!has_schema(&sandbox), "{args:?}");
        assert_eq!(sandbox.tree(), before, "{args:?}");
    }
    // The same call that may now make it does.
    sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
    assert!(has_schema(&sandbox));
    assert_eq!(sandbox.run(&["ledger", "verify", "-q"]).code, Some(0));
    assert!(role(&sandbox).batch_execute("DELETE FROM fastflow_archive.entries").is_err());
}

/// The statement of a hint.
fn statement(ran: &Ran) -> String {
    let hint = ran.stderr.split("an administrator of that database runs: ").nth(1).unwrap_or_else(|| panic!("{ran:?}"));
    hint.split("; --").next().unwrap().to_owned()
}

#[test]
fn without_the_right_to_make_it_the_error_names_the_sql_and_the_sql_helps() {
    let sandbox = sandbox(3);
    administrator(&sandbox).batch("DROP SCHEMA fastflow_archive CASCADE").unwrap();
    let before = sandbox.tree();
    let ran = sandbox.run(&["cleanup", "-q"]);
    let stderr = "error: failed to use the ledger `[..], schema fastflow_archive`: the role `fastflow_archive` may not create the schema in that database\n  \
                  hint: an administrator of that database runs: CREATE SCHEMA fastflow_archive AUTHORIZATION \"fastflow_archive\"; -- [..]";
    let ran = ran.expect(1, "", stderr);
    assert_eq!(sandbox.tree(), before);
    assert!(sandbox.embedded().requests().is_empty());
    let doctor = sandbox.run(&["doctor"]);
    assert!(
        doctor.code == Some(1) && doctor.stdout.contains("CREATE SCHEMA fastflow_archive AUTHORIZATION"),
        "{doctor:?}"
    );
    administrator(&sandbox).batch(&statement(&ran)).unwrap();
    sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
    assert_eq!(sandbox.run(&["doctor", "-q"]).code, Some(0));
    // It is the owner's now, who has taken from itself what nobody should have.
    for sql in ["UPDATE fastflow_archive.entries SET body = ''", "TRUNCATE fastflow_archive.entries"] {
        let error = role(&sandbox).batch_execute(sql).unwrap_err();
        assert_eq!(error.code(), Some(&postgres::error::SqlState::INSUFFICIENT_PRIVILEGE), "{sql}: {error}");
    }
    // And who grants it anew meets the triggers.
    let grant = "GRANT ALL ON fastflow_archive.entries TO fastflow_archive; DELETE FROM fastflow_archive.entries";
    let error = role(&sandbox).batch_execute(grant).unwrap_err();
    assert!(error.as_db_error().unwrap().message().contains("append-only"), "{error}");
}

#[test]
fn each_right_that_is_lacking_is_named_and_nothing_is_sent_first() {
    for (revoked, named) in [
        ("USAGE ON SCHEMA fastflow_archive", "GRANT USAGE ON SCHEMA fastflow_archive TO \"fastflow_archive\""),
        ("INSERT ON fastflow_archive.entries", "GRANT INSERT ON fastflow_archive.entries TO fastflow_archive"),
        ("SELECT ON fastflow_archive.meta", "GRANT SELECT ON fastflow_archive.meta TO fastflow_archive"),
        ("ALL ON fastflow_archive.checks", "ON fastflow_archive.checks TO fastflow_archive"),
        ("ALL ON ALL TABLES IN SCHEMA fastflow_archive", "ON fastflow_archive.notification_state TO fastflow_archive"),
    ] {
        let sandbox = sandbox(2);
        administrator(&sandbox).batch(&format!("REVOKE {revoked} FROM fastflow_archive")).unwrap();
        let ran = sandbox.run(&["cleanup", "-q"]);
        assert_eq!((ran.code, ran.errors()), (Some(1), 1), "{revoked}: {ran:?}");
        assert!(statement(&ran).contains(named), "{revoked}: {ran:?}");
        assert!(sandbox.embedded().requests().is_empty());
        administrator(&sandbox).batch(&statement(&ran)).unwrap();
        sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
    }
}

#[test]
fn the_role_can_neither_change_nor_delete_nor_fork_and_who_lifts_the_triggers_is_found_out() {
    let sandbox = sandbox(4);
    sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
    let last: i64 = sandbox.in_ledger("SELECT max(seq) FROM entries")[0].parse().unwrap();
    for sql in [
        "UPDATE fastflow_archive.entries SET hash = ''",
        "DELETE FROM fastflow_archive.entries",
        "TRUNCATE fastflow_archive.entries",
        "DROP TABLE fastflow_archive.entries",
        "ALTER TABLE fastflow_archive.entries DISABLE TRIGGER ALL",
        "DELETE FROM fastflow_archive.meta",
        "INSERT INTO fastflow_archive.entries SELECT seq, body, hash FROM fastflow_archive.entries WHERE seq = 2 \
         ON CONFLICT (seq) DO UPDATE SET body = ''",
    ] {
        let error = role(&sandbox).batch_execute(sql).unwrap_err();
        assert_eq!(error.code(), Some(&postgres::error::SqlState::INSUFFICIENT_PRIVILEGE), "{sql}: {error}");
    }
    let next = last + 1;
    for (seq, body) in [
        (next, "{}".to_owned()),
        (next + 1, format!("{{\"type\":\"ledger\",\"seq\":{},\"previous\":\"{}\",", next + 1, "0".repeat(64))),
        (2, "{}".to_owned()),
    ] {
        let sql = "INSERT INTO fastflow_archive.entries VALUES ($1, $2, encode(sha256($2::text::bytea), 'hex'))";
        let error = role(&sandbox).execute(sql, &[&seq, &body]).unwrap_err();
        assert!(error.as_db_error().unwrap().message().contains("append-only"), "{seq}: {error}");
    }
    for sql in ["UPDATE entries SET body = body WHERE seq = 3", "DELETE FROM entries", "TRUNCATE entries"] {
        let error = administrator(&sandbox).batch(sql).unwrap_err();
        assert!(format!("{error:?}").contains("append-only"), "{sql}: {error:?}");
    }
    assert_eq!(sandbox.run(&["ledger", "verify", "-q"]).code, Some(0));
    let lifted = |sql: &str| {
        let sql = format!("ALTER TABLE entries DISABLE TRIGGER ALL; {sql}; ALTER TABLE entries ENABLE TRIGGER ALL");
        administrator(&sandbox).batch(&sql).unwrap();
    };
    lifted("UPDATE entries SET body = replace(body, 'retention_days', 'retention_runs') WHERE seq = 5");
    lifted("DELETE FROM entries WHERE seq = 3");
    let ran = sandbox.run(&["ledger", "verify"]);
    assert_eq!(ran.code, Some(4), "{ran:?}");
    for part in ["entry 5 was changed", "entry 3 is missing", "schema fastflow_archive"] {
        assert!(ran.stderr.contains(part), "{part}: {ran:?}");
    }
    lifted(&format!("DELETE FROM entries WHERE seq > {}", last - 2));
    let ran = sandbox.run(&["ledger", "verify"]);
    assert!(ran.code == Some(4) && ran.stderr.contains("cut off or rewritten"), "{ran:?}");
}

#[test]
fn an_emptied_a_foreign_and_a_newer_ledger_are_no_new_one() {
    let lift = |sql: &str| {
        let on = |what: &str| format!("ALTER TABLE entries {what} TRIGGER ALL; ALTER TABLE meta {what} TRIGGER ALL");
        format!("{}; {sql}; {}", on("DISABLE"), on("ENABLE"))
    };
    for (sql, message) in [
        (lift("TRUNCATE entries"), "it was begun, but its entries are gone"),
        (lift("DELETE FROM meta WHERE name = 'ledger'"), "its first entry is not the one it was begun with"),
        (lift("DELETE FROM entries WHERE seq = 1"), "its first entry is not the one it was begun with"),
        (
            lift("UPDATE entries SET body = body || ' ' WHERE seq = (SELECT max(seq) FROM entries)"),
            "its first or last entry",
        ),
        (lift("UPDATE meta SET value = '2' WHERE name = 'version'"), "its version is `2`, this program knows 1"),
    ] {
        let sandbox = sandbox(2);
        sandbox.run(&["backup", "-q"]).expect(0, "", "");
        administrator(&sandbox).batch(&sql).unwrap();
        let before = sandbox.in_ledger("SELECT count(*) FROM entries");
        for args in [&["cleanup", "-q"][..], &["ledger", "verify"], &["list"]] {
            let ran = sandbox.run(args);
            assert!(ran.code == Some(1) && ran.stderr.contains(message), "{message}: {ran:?}");
        }
        assert_eq!(sandbox.in_ledger("SELECT count(*) FROM entries"), before, "{message}");
    }
}

#[test]
fn a_newer_schema_that_was_not_begun_is_left_as_it_is() {
    let sandbox = sandbox(2);
    let lift = "ALTER TABLE meta DISABLE TRIGGER ALL; UPDATE meta SET value = '2'; ALTER TABLE meta ENABLE TRIGGER ALL";
    administrator(&sandbox).batch(lift).unwrap();
    for (args, code) in [(&["cleanup", "-q"][..], 1), (&["doctor"], 1), (&["plan", "-q"], 0)] {
        assert_eq!(sandbox.run(args).code, Some(code), "{args:?}");
    }
    assert!(
        sandbox.in_ledger("SELECT 1 FROM entries").is_empty()
            && sandbox.sent().iter().all(|key| key.contains("_probe"))
    );
}

#[test]
fn a_second_invocation_is_kept_out_without_a_lock_file_and_may_wait() {
    let sandbox = sandbox(3);
    let (entered, entering) = mpsc::channel();
    let (go_on, going_on) = mpsc::channel::<()>();
    let going_on = std::sync::Mutex::new(going_on);
    sandbox.embedded().set_fault(move |_| {
        let _ = entered.send(());
        let _ = going_on.lock().unwrap().recv_timeout(Duration::from_secs(60));
        None
    });
    let first = sandbox.command(&["cleanup", "-q"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    entering.recv_timeout(Duration::from_secs(60)).unwrap();
    for command in [&["cleanup", "-q"][..], &["backup", "-q"], &["ledger", "rebuild", "-q"]] {
        let second = sandbox.run(command);
        assert_eq!(second.code, Some(11), "{command:?}: {second:?}");
        assert!(second.stderr.contains(&format!("pid {} holds it", first.id())), "{second:?}");
    }
    let doctor = sandbox.run(&["doctor", "--s3-endpoint-url", "http://127.0.0.1:9"]);
    assert!(doctor.stdout.contains("another instance is at work: fastflow-archive on"), "{doctor:?}");
    sandbox.run(&["plan", "-q"]).expect(0, "", "");
    let waiting = sandbox.command(&["cleanup", "-q", "--lock-wait", "60s"]);
    let waiting = { waiting }.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(go_on);
    sandbox.embedded().clear_fault();
    for call in [first, waiting] {
        let output = call.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
    }
    assert_eq!(files_of_ours(&sandbox), [""; 0]);
    assert_eq!(sandbox.run(&["ledger", "verify", "-q"]).code, Some(0));
}

#[test]
fn calls_that_make_the_schema_at_the_same_time_make_one() {
    let sandbox = sandbox(2);
    let mut session = administrator(&sandbox);
    session.batch("DROP SCHEMA fastflow_archive CASCADE").unwrap();
    session.batch("CREATE SCHEMA fastflow_archive AUTHORIZATION fastflow_archive").unwrap();
    let start = |_| {
        let mut command = sandbox.command(&["cleanup", "-q", "--lock-wait", "60s"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let calls: Vec<_> = (0..4).map(start).collect();
    for call in calls {
        let output = call.wait_with_output().unwrap();
        assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
    }
    assert_eq!(sandbox.in_ledger("SELECT count(*) FROM entries WHERE entry = 'created'"), ["1"]);
    assert_eq!(sandbox.run(&["ledger", "verify", "-q"]).code, Some(0));
}

#[test]
fn a_kill_between_intention_and_end_is_finished_by_the_next_call() {
    // Every step is in `crashes`; here the ledger is the role's own, and is made in the call that is killed.
    for step in ["ledger-made-aside", "ledger-made", "receipts-recorded", "file-removed", "rows-committed"] {
        let mut sandbox = sandbox(4);
        let mut session = administrator(&sandbox);
        session.batch("DROP SCHEMA fastflow_archive CASCADE").unwrap();
        session.batch("CREATE SCHEMA fastflow_archive AUTHORIZATION fastflow_archive").unwrap();
        sandbox.variable("FASTFLOW_ARCHIVE_TEST_KILL", &format!("{step}:1"));
        assert_eq!(sandbox.run(&["cleanup", "-q"]).code, None, "{step}");
        sandbox.variable("FASTFLOW_ARCHIVE_TEST_KILL", "");
        let tables = session.texts("SELECT tablename FROM pg_tables WHERE schemaname = 'fastflow_archive'").unwrap();
        assert_eq!(tables.is_empty(), step == "ledger-made-aside", "{step}: {tables:?}");
        if !tables.is_empty() {
            assert_nothing_is_lost(&sandbox, step);
        }
        sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
        let objects = sandbox.objects();
        let due = sandbox.runs(fastflow_archive_testkit::Fate::Archived);
        due.iter().for_each(|run| sandbox.assert_moved(run, &objects));
        assert_eq!(sandbox.in_ledger("SELECT count(DISTINCT run_id) FROM deletions WHERE phase = 'deleted'"), ["4"]);
        assert_eq!(sandbox.run(&["ledger", "verify", "-q"]).code, Some(0), "{step}");
    }
}

#[test]
fn a_state_directory_that_is_given_holds_the_ledger_as_before() {
    let sandbox = Sandbox::new(On::Embedded).settle(2);
    sandbox.run(&["cleanup", "-q", "--state-dir", "./state"]).expect(0, "", "");
    assert!(!has_schema(&sandbox));
    let mut files = files_of_ours(&sandbox);
    files.retain(|name| !name.ends_with("-wal") && !name.ends_with("-shm"));
    assert_eq!(files, ["state/fastflow-archive.db", "state/fastflow-archive.lock"]);
}

#[test]
fn a_ledger_in_the_data_directory_is_not_passed_over() {
    let mut sandbox = Sandbox::new(On::Embedded).settle(2);
    sandbox.run(&["backup", "-q"]).expect(0, "", "");
    sandbox = sandbox.without_state_dir();
    for args in [&["cleanup", "-q"][..], &["cleanup", "-q", "--dry-run"], &["list"]] {
        let ran = sandbox.run(args);
        assert!(ran.code == Some(1) && ran.stderr.contains("there is one in `./data/fastflow-archive.db`"), "{ran:?}");
        assert!(ran.stderr.contains("--state-dir ./data goes on with it"), "{ran:?}");
    }
    assert_eq!(sandbox.in_ledger("SELECT count(*) FROM entries"), ["0"]);
    sandbox.run(&["cleanup", "-q", "--state-dir", "./data"]).expect(0, "", "");
    std::fs::rename(sandbox.instance.data_dir().join("fastflow-archive.db"), sandbox.instance.root().join("old"))
        .unwrap();
    sandbox.add(old(900, "etl"));
    sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
}

#[test]
fn what_was_told_is_remembered_there_too() {
    let mut sandbox = sandbox(2);
    let teams = crate::webhook_server::WebhookServer::start(&[]);
    sandbox.post_to(&teams).variable("S3_ENDPOINT_URL", "http://127.0.0.1:9");
    for hours in [0, 1] {
        assert_eq!(sandbox.later(hours).run(&["cleanup", "-q"]).code, Some(12));
        assert_eq!(teams.posted().len(), 1, "after {hours} hours");
    }
    assert_eq!(sandbox.in_ledger("SELECT cause FROM notification_state").len(), 1);
    let endpoint = sandbox.store.endpoint();
    sandbox.later(2).variable("S3_ENDPOINT_URL", &endpoint);
    sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
    assert_eq!((teams.posted().len(), sandbox.in_ledger("SELECT cause FROM notification_state").len()), (2, 0));
    assert_eq!(files_of_ours(&sandbox), [""; 0]);
}

#[test]
fn a_name_with_a_nul_goes_into_the_ledger_and_out_again() {
    let sandbox = sandbox(1);
    sandbox.run(&["backup", "-q"]).expect(0, "", "");
    let lines = sandbox.run(&["ledger", "export", "--json"]).stdout;
    let last: Value = serde_json::from_str(lines.lines().rev().nth(1).unwrap()).unwrap();
    // JSON has the sign, PostgreSQL's texts do not: in a line it is written as an escape.
    let body = format!(
        r#"{{"type":"ledger","seq":{},"previous":"{}","at":"2026-06-15T02:00:00Z","entry":"archived","invocation":2,"run_id":"{}","pipeline":"a\u0000b","receipts":[]}}"#,
        last["seq"].as_i64().unwrap() + 1,
        chain_head(&lines).unwrap(),
        "00000000-0000-4000-8000-000000000001",
    );
    let sql = "INSERT INTO fastflow_archive.entries VALUES ($1, $2, encode(sha256(convert_to($2, 'UTF8')), 'hex'))";
    role(&sandbox).execute(sql, &[&(last["seq"].as_i64().unwrap() + 1), &body]).unwrap();
    assert_eq!(sandbox.run(&["ledger", "verify", "-q"]).code, Some(0));
    let count =
        "SELECT count(*) FROM entries WHERE entry = 'archived' AND run_id = '00000000-0000-4000-8000-000000000001'";
    assert_eq!(sandbox.in_ledger(count), ["1"]);
    assert!(!sandbox.in_ledger("SELECT key FROM receipts").is_empty());
}
