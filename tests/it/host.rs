//! Fast-Flow's database as it is in the field: old, beside a live writer, with rows nobody expects.

use fastflow_archive_testkit::clock::fixed_now;
use fastflow_archive_testkit::{Fate, Instance, RunSpec};

use crate::harness::{On, Sandbox, old};

#[test]
fn plan_and_dry_run_change_no_byte_anywhere() {
    for journal_mode in ["WAL", "DELETE"] {
        let create = |folder: &std::path::Path| Instance::builder(folder).journal_mode(journal_mode).build().unwrap();
        let sandbox = Sandbox::with(On::Embedded, create).settle(10).settle_refused();
        let before = sandbox.tree();
        for args in [
            &["plan"][..],
            &["plan", "--json"],
            &["plan", "--all", "-v"],
            &["cleanup", "--dry-run"],
            &["backup", "-n", "--all"],
        ] {
            let ran = sandbox.run(args);
            assert_eq!(ran.code, Some(3), "the refused are reported: {ran:?}");
            assert_eq!(sandbox.tree(), before, "{args:?} in {journal_mode} mode");
        }
        assert!(sandbox.embedded().requests().is_empty());
    }
}

#[test]
fn old_databases_with_fewer_columns_and_tables_work() {
    let create =
        |folder: &std::path::Path| Instance::builder(folder).old_schema().journal_mode("DELETE").build().unwrap();
    let sandbox = Sandbox::with(On::Embedded, create).settle(10);
    sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
    let objects = sandbox.objects();
    sandbox.runs(Fate::Archived).into_iter().for_each(|run| sandbox.assert_moved(run, &objects));
}

#[test]
fn foreign_keys_that_cascade_and_those_that_do_not_are_both_fine() {
    let create = |folder: &std::path::Path| Instance::builder(folder).cascade().build().unwrap();
    let mut sandbox = Sandbox::with(On::Embedded, create);
    sandbox.add(old(1, "notebook").notebook(4));
    sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
    assert_eq!(sandbox.instance.row_count("run_cell_logs").unwrap(), 0);
}

#[test]
fn a_live_writer_goes_on_and_its_new_run_stays() {
    let mut sandbox = Sandbox::new(On::Embedded).settle(20);
    let mut writer = sandbox.instance.session().unwrap();
    let count = "SELECT count(*) FROM pipeline_runs";
    // A reader that holds a snapshot: the write-ahead log stays in use all the while.
    let begin = if sandbox.instance.postgres().is_some() { "BEGIN ISOLATION LEVEL REPEATABLE READ" } else { "BEGIN" };
    writer.batch(begin).unwrap();
    let before: i64 = writer.text(count).unwrap().parse().unwrap();
    sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
    assert_eq!(before.to_string(), writer.text(count).unwrap(), "the snapshot is its own");
    writer.batch("COMMIT").unwrap();
    let active = sandbox.add(RunSpec::new(5000, "etl", fixed_now()).status("RUNNING"));
    sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
    sandbox.assert_untouched(&active);
    assert_eq!(writer.text(count).unwrap(), (before - 20 + 1).to_string());
}

#[test]
fn a_run_that_turns_active_while_it_is_archived_is_kept() {
    let mut sandbox = Sandbox::new(On::Embedded);
    let run = sandbox.add(old(1, "etl"));
    let writer = std::sync::Mutex::new(sandbox.instance.session().unwrap());
    sandbox.embedded().set_fault(move |request| {
        if request.key.ends_with("manifest.json") {
            writer.lock().unwrap().execute("UPDATE pipeline_runs SET status = 'RUNNING'").unwrap();
        }
        None
    });
    let ran = sandbox.run(&["cleanup"]);
    let stdout = "1 run archived, 0 deleted, 1 kept: 3 objects, [..] in [..] s.";
    ran.expect(0, stdout, &format!("warning: kept: delete run {}: it is RUNNING again", run.id));
    sandbox.assert_untouched(&run);
}

#[test]
fn a_log_that_grows_while_it_is_archived_is_kept() {
    let mut sandbox = Sandbox::new(On::Embedded);
    let run = sandbox.add(old(1, "etl"));
    let path = run.log_path.clone().unwrap();
    sandbox.embedded().set_fault(move |request| {
        if request.key.ends_with("manifest.json") {
            let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
            std::io::Write::write_all(&mut file, b"late\n").unwrap();
        }
        None
    });
    let ran = sandbox.run(&["cleanup", "-q"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("it changed since it was archived"), "{ran:?}");
    sandbox.assert_untouched(&run);
}

#[test]
fn unreadable_rows_are_errors_of_those_rows() {
    let mut sandbox = Sandbox::on_sqlite(On::Embedded).settle(5);
    let mut bad = old(300, "etl");
    bad.finished_at_text = Some("yesterday".into());
    let bad = sandbox.add(bad);
    let mut offset = old(301, "etl");
    offset.started_at_text = Some("2026-01-01 00:00:00+02:00".into());
    let offset = sandbox.add(offset);
    let ran = sandbox.run(&["cleanup", "-q"]);
    assert_eq!((ran.code, ran.errors()), (Some(3), 2), "{ran:?}");
    assert!(ran.stderr.contains("`finished_at` is `yesterday`"), "{ran:?}");
    sandbox.assert_untouched(&bad);
    sandbox.assert_untouched(&offset);
    let objects = sandbox.objects();
    let due = sandbox.runs(Fate::Archived);
    due.into_iter()
        .filter(|run| run.id != bad.id && run.id != offset.id)
        .for_each(|run| sandbox.assert_moved(run, &objects));
}

#[test]
fn an_unknown_status_is_left_alone_with_a_warning() {
    let mut sandbox = Sandbox::new(On::Embedded);
    let run = sandbox.add(old(1, "etl").status("PAUSED"));
    let warning = "warning: 1 runs have a status this version does not know; they are left alone";
    sandbox.run(&["cleanup", "-q"]).expect(0, "", warning);
    sandbox.assert_untouched(&run);
}

#[test]
fn cleanup_leaves_a_row_on_the_audit_page() {
    let sandbox = Sandbox::new(On::Embedded).settle(4);
    sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
    let mut session = sandbox.instance.session().unwrap();
    let row = session.text("SELECT username || ' ' || action FROM audit_log").unwrap();
    assert_eq!(row, "system log_archive_cleanup");
    let details: serde_json::Value =
        serde_json::from_str(&session.text("SELECT details FROM audit_log").unwrap()).unwrap();
    assert_eq!(details["runs_deleted"], 4);
    assert_eq!(session.text("SELECT id FROM audit_log").unwrap().replace('-', "").len(), 32);
}

#[test]
fn what_is_no_fast_flow_database_is_refused() {
    let sandbox = Sandbox::new(On::Embedded);
    let path = sandbox.instance.root().join("other.db");
    let url = format!("sqlite:///{}", path.display());
    let missing = sandbox.run(&["plan", "--database", &url]);
    assert_eq!((missing.code, path.exists()), (Some(1), false), "{missing:?}");
    std::fs::write(&path, "this is a text file, and long enough to be looked at as if it were a database\n".repeat(20))
        .unwrap();
    let text = sandbox.run(&["plan", "--database", &url]);
    assert!(text.code == Some(1) && text.stderr.contains("file is not a database"), "{text:?}");
    std::fs::remove_file(&path).unwrap();
    rusqlite::Connection::open(&path).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    let other = sandbox.run(&["plan", "--database", &url]);
    assert!(other.code == Some(1) && other.stderr.contains("there is no table `pipeline_runs`"), "{other:?}");
}

#[test]
fn another_user_than_the_owner_of_the_database_is_refused() {
    let sandbox = Sandbox::on_sqlite(On::Embedded).settle(3);
    let owner = if rustix::process::geteuid().is_root() { 1001 } else { rustix::process::geteuid().as_raw() };
    let before = sandbox.tree();
    let ran = if rustix::process::geteuid().is_root() {
        sandbox.give_data_to(owner);
        sandbox.run_as(1002, &["cleanup", "-q"])
    } else {
        // Without root nobody can become somebody else; a database of root's serves as well.
        sandbox.run(&["plan", "--no-ui-settings", "--database", "sqlite:////etc/passwd"])
    };
    assert_eq!((ran.code, ran.errors()), (Some(1), 1), "{ran:?}");
    assert!(ran.stderr.contains("it belongs to user") && ran.stderr.contains("hint: run as user"), "{ran:?}");
    assert_eq!(sandbox.tree(), before);
}

#[test]
fn ids_with_dashes_or_capitals_are_found_too() {
    let mut sandbox = Sandbox::on_sqlite(On::Embedded);
    let forms: [fn(&str) -> String; 3] = [str::to_uppercase, dashed, |id| dashed(id).to_uppercase()];
    for (number, form) in (1u64..).zip(forms) {
        let mut spec = old(number, "etl").notebook(2);
        spec.id = form(&spec.id);
        sandbox.add(spec);
    }
    sandbox.run(&["cleanup"]).expect(0, "3 runs archived, 3 deleted: 12 objects, [..] in [..] s.", "");
    for table in ["pipeline_runs", "run_cell_logs"] {
        assert_eq!(sandbox.instance.row_count(table).unwrap(), 0, "{table}");
    }
}

fn dashed(id: &str) -> String {
    [&id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..]].join("-")
}

#[test]
fn a_row_or_a_cell_that_changes_while_it_is_archived_is_kept() {
    for change in ["UPDATE pipeline_runs SET exit_code = 9", "UPDATE run_cell_logs SET stdout = stdout || 'late'"] {
        let mut sandbox = Sandbox::new(On::Embedded);
        let run = sandbox.add(old(1, "notebook").notebook(3));
        let writer = std::sync::Mutex::new(sandbox.instance.session().unwrap());
        sandbox.embedded().set_fault(move |request| {
            if request.key.ends_with("manifest.json") {
                writer.lock().unwrap().execute(change).unwrap();
            }
            None
        });
        let ran = sandbox.run(&["cleanup", "-q"]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(ran.stderr.contains("the row or its cells changed while it was archived"), "{ran:?}");
        sandbox.assert_untouched(&run);
        sandbox.embedded().clear_fault();
        sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
        sandbox.assert_moved(&run, &sandbox.objects());
    }
}
