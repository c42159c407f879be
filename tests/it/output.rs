//! What operators and scripts read.

use fastflow_archive_testkit::Fate;
use fastflow_archive_testkit::clock::{days, fixed_now};
use unicode_width::UnicodeWidthStr as _;

use crate::harness::{On, Sandbox, old};

/// Three due runs of two pipelines.
fn three() -> Sandbox {
    let mut sandbox = Sandbox::new(On::Embedded);
    let small = |number, pipeline| old(number, pipeline).log_bytes(1000).metrics_bytes(24);
    sandbox.add(small(1, "etl"));
    sandbox.add(small(2, "etl"));
    sandbox.add(small(3, "Täglicher-Import mit einem sehr langen Namen"));
    sandbox
}

#[test]
fn plan_is_a_table_that_fits_80_columns() {
    let sandbox = three();
    let ran = sandbox.run(&["plan"]);
    let expected = "\
PIPELINE                    RULE              RUNS        SIZE  OLDEST END
Täglicher-Import mit eine…  retention_days       1     1.0 KiB  [..]
etl                         retention_days       2     2.0 KiB  [..]
Total                                            3     3.0 KiB  [..]

3 runs due, 3.0 KiB. Nothing was changed.";
    let ran = ran.expect(0, expected, "");
    assert!(ran.stdout.lines().all(|line| line.width() <= 80), "{}", ran.stdout);
}

#[test]
fn plan_v_prints_settings_with_their_sources_and_every_run_with_its_reason() {
    let mut sandbox = three();
    sandbox.variable("S3_VERIFY_ACCESS_KEY", "reader").variable("S3_VERIFY_SECRET_ACCESS_KEY", "reader-secret-1");
    let ran = sandbox.run(&["plan", "-v", "--pipeline", "etl"]);
    assert_eq!(ran.code, Some(0));
    let settings = [
        ("log-retention-days", "30", "(.env:"),
        ("s3-secret-access-key", "set", "(.env:"),
        ("s3-verify-secret-access-key", "set", "(environment"),
    ];
    for (name, value, source) in settings {
        let fits = |line: &str| {
            let mut words = line.split_whitespace();
            (words.next(), words.next()) == (Some(name), Some(value)) && line.contains(source)
        };
        assert!(ran.stdout.lines().any(fits), "{name}\n{}", ran.stdout);
    }
    assert!(!ran.stdout.contains("reader"), "{}", ran.stdout);
    let without = three().run(&["plan", "-v"]);
    assert!(without.stdout.lines().any(|line| line.starts_with("s3-verify-access-key") && line.contains("not set")));
    assert!(ran.stdout.contains("etl: ended 60 days ago, 30 days are kept"), "{}", ran.stdout);
}

#[test]
fn cleanup_says_what_it_did() {
    three().run(&["cleanup"]).expect(0, "3 runs archived, 3 deleted: 9 objects, [..] in [..] s.", "");
}

#[test]
fn json_lines_are_those_of_the_contract() {
    let sandbox = three();
    let plan = sandbox.run(&["plan", "--json"]);
    let plan = plan.lines();
    assert_eq!(plan.len(), 4);
    assert!(plan[..3].iter().all(|line| line["outcome"] == "due"));
    let ran = sandbox.run(&["cleanup", "--json"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let lines = ran.lines();
    for line in &lines[..3] {
        assert_eq!((&line["type"], &line["outcome"]), (&"run".into(), &"deleted".into()));
        assert_eq!((&line["rule"], &line["status"]), (&"retention_days".into(), &"SUCCESS".into()));
        assert_eq!((&line["bytes"], &line["files"][0]["name"]), (&1024.into(), &"run.log".into()));
        assert!(line["files"][0]["path"].as_str().unwrap().starts_with('/'));
        assert!(line.get("error").is_none());
    }
    let summary = ran.summary();
    let expected = [
        ("runs_due", 3),
        ("runs_archived", 3),
        ("runs_deleted", 3),
        ("runs_failed", 0),
        ("runs_kept", 0),
        ("runs_not_attempted", 0),
        ("logs_truncated", 0),
        ("bytes_due", 3072),
        ("objects_uploaded", 9),
        ("objects_checked", 0),
        ("differences", 0),
        ("exit_code", 0),
    ];
    for (name, value) in expected {
        assert_eq!(summary[name], value, "{name}");
    }
    let uploaded: u64 = sandbox.sizes().values().sum();
    assert_eq!(summary["bytes_uploaded"], uploaded);
    assert_eq!(summary["command"], "cleanup");
    assert_eq!(summary["started_at"], fastflow_archive_testkit::clock::rfc3339(fixed_now()));
}

#[test]
fn in_json_an_error_is_a_line_and_the_summary_still_comes_last() {
    let mut sandbox = three();
    sandbox.variable("LOG_RETENTION_DAYS", "-1");
    let ran = sandbox.run(&["cleanup", "--json"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(10), ""));
    let lines = ran.lines();
    assert_eq!((&lines[0]["type"], &lines[0]["kind"]), (&"error".into(), &"invalid_setting".into()));
    assert_eq!(ran.summary()["exit_code"], 10);
}

#[test]
fn a_run_that_is_not_due_or_unknown_is_reported() {
    let sandbox = Sandbox::new(On::Embedded).settle(2);
    let (due, young) = (sandbox.runs(Fate::Archived)[0], sandbox.runs(Fate::Young)[0]);
    let stdout = format!(
        "run {} of `{}` is not due: no retention rule asks for it\n1 run archived, 1 deleted, 1 kept: [..] objects, [..] in [..] s.",
        young.id, young.pipeline
    );
    sandbox.run(&["cleanup", "--run", &due.id, "--run", &young.id]).expect(0, &stdout, "");
    sandbox.assert_untouched(young);
    let unknown = "00000000-0000-4000-8000-000000000000";
    let stderr = format!(
        "error: failed to find run {unknown}: the database does not have it\n  hint: check the id; a run that was archived and deleted is in the archive under this id"
    );
    sandbox.run(&["cleanup", "--run", unknown]).expect(1, "Nothing is due.", &stderr);
}

#[test]
fn names_cannot_act_on_a_terminal() {
    let mut sandbox = Sandbox::new(On::Embedded);
    sandbox.add(old(1, "evil\u{1b}[2J\u{202e}\nname").log_file("/etc/\u{1b}]0;x"));
    for args in [&["plan", "-v"][..], &["cleanup", "-v"]] {
        let ran = sandbox.run(args);
        let said = ran.stdout + &ran.stderr;
        assert!(!said.contains('\u{1b}') && !said.contains('\u{202e}') && said.contains("\\u{1b}"), "{said}");
    }
}

#[test]
fn limit_pipeline_and_older_than_narrow() {
    let sandbox = Sandbox::new(On::Embedded).settle(30);
    let due = |args: &[&str]| {
        let ran = sandbox.run(&[&["plan", "--json"], args].concat());
        ran.summary()["runs_due"].as_u64().unwrap()
    };
    assert_eq!(due(&[]), 30);
    assert_eq!(due(&["--limit", "7"]), 7);
    let imports = sandbox.runs(Fate::Archived).iter().filter(|run| run.pipeline == "Täglicher-Import").count() as u64;
    assert!(imports > 0);
    assert_eq!(due(&["--pipeline", "Täglicher-Import"]), imports);
    let limit = fixed_now() - days(100);
    let older = sandbox.runs(Fate::Archived).iter().filter(|run| run.finished_at.unwrap() < limit).count() as u64;
    assert_eq!(due(&["--older-than", "100d"]), older);
}

#[test]
fn in_systemds_journal_every_line_of_stderr_has_its_priority_and_nowhere_else() {
    use std::os::unix::fs::MetadataExt as _;
    let mut sandbox = three();
    sandbox.add(old(4, "etl").without_log());
    let path = sandbox.instance.root().join("journal");
    let journal = std::fs::File::create(&path).unwrap();
    let stream = format!("{}:{}", journal.metadata().unwrap().dev(), journal.metadata().unwrap().ino());
    sandbox.variable("JOURNAL_STREAM", &stream).variable("INVOCATION_ID", "0123456789abcdef0123456789abcdef");
    let said = |args: &[&str]| {
        std::fs::write(&path, "").unwrap();
        let file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        sandbox.command(args).stderr(file).status().unwrap();
        std::fs::read_to_string(&path).unwrap()
    };
    let text =
        said(&["cleanup", "-q", "--s3-endpoint-url", "http://store.invalid", "--limit", "1", "--color", "always"]);
    let starts: Vec<_> = text.lines().map(|line| line.chars().take(11).collect::<String>()).collect();
    assert_eq!(starts, ["<4>warning:", "<3>error: f", "<3>  hint: "], "{text}");
    assert!(said(&["cleanup", "--all"]).starts_with("<3>error: "), "usage errors too");
    assert!(!sandbox.run(&["cleanup", "-q"]).stderr.contains('<'), "a pipe is not the journal");
}
