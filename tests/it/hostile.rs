//! Names and paths that no orchestrator writes. A run is archived under a sane key, byte for byte, or left alone with a
//! reason; and nobody's terminal acts on it.

use std::path::PathBuf;

use fastflow_archive_testkit::quoted;
use serde_json::Value;

use crate::harness::{On, PREFIX, Ran, Sandbox, make_pipe, old};

/// What a terminal acts on, or shows in another order; `\n` ends lines.
pub(crate) fn acts(character: char) -> bool {
    (character.is_control() && character != '\n')
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

#[track_caller]
pub(crate) fn assert_harmless(ran: &Ran) {
    for stream in [&ran.stdout, &ran.stderr] {
        assert!(!stream.contains(acts), "{:?}", stream.lines().find(|line| line.contains(acts)));
    }
}

/// What became of each run, and of what kind its error is, from `--json`.
pub(crate) fn fates(ran: &Ran) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let lines = ran.lines().into_iter().filter(|line| line["type"] != "summary");
    let fate = |line: Value| match line["type"].as_str() {
        Some("run") => (text(&line["run_id"]), text(&line["outcome"]), text(&line["error"]["kind"])),
        _ => (text(&line["run_id"]), text(&line["type"]), text(&line["kind"])),
    };
    lines.map(fate).collect()
}

#[test]
fn runs_of_any_name_move_into_folders_of_their_own() {
    let long = "n".repeat(10_000);
    let kanji = "日本/".repeat(400);
    let names: &[(&str, &str)] = &[
        ("..", "%2E%2E"),
        ("../../../etc/cron.d", "%2E%2E/%2E%2E/%2E%2E/etc/cron.d"),
        (".", "%2E"),
        ("", "%5F"),
        ("_", "_"),
        ("/", "%5F/%5F"),
        ("/etc/passwd", "%5F/etc/passwd"),
        ("a//b/", "a/%5F/b/%5F"),
        ("C:\\temp\\..", "C:%5Ctemp%5C.."),
        ("new\nline\r\tand more", "new%0Aline%0D%09and more"),
        ("nul\0byte", "nul%00byte"),
        ("\u{1b}[2J\u{1b}]0;title\u{7}\u{7f}\u{9b}31m", "%1B[2J%1B]0;title%07%7F%C2%9B31m"),
        ("\u{202e}gol.lte\u{200f}\u{2066}\u{61c}", "\u{202e}gol.lte\u{200f}\u{2066}\u{61c}"),
        ("in no listing \u{ffff}", "in no listing %EF%BF%BF"),
        ("a%0Ab%2e%2E 100%", "a%250Ab%252e%252E 100%"),
        (" spaces ", " spaces "),
        ("'; DROP TABLE pipeline_runs; --", "'; DROP TABLE pipeline_runs; --"),
        ("$(reboot)`reboot`${HOME}{{7*7}}", "$(reboot)`reboot`${HOME}{{7*7}}"),
        ("_probe", "_probe"),
        (&long, &format!("{}~f2ac4367", "n".repeat(246))),
        (&kanji, ""),
    ];
    let mut sandbox = Sandbox::new(On::Server);
    // PostgreSQL stores no NUL.
    let takes_nul = sandbox.instance.postgres().is_none();
    let runs: Vec<_> = (1u64..)
        .zip(names.iter().filter(|(name, _)| takes_nul || !name.contains('\0')))
        .map(|(number, (name, folder))| (sandbox.add(old(number, name).stem(&format!("run-{number}"))), *folder))
        .collect();
    let plan = sandbox.run(&["plan", "--json", "-vvv"]);
    assert_harmless(&plan);
    let told: Vec<_> = plan.lines().into_iter().filter(|line| line["type"] == "run").collect();
    for (run, _) in &runs {
        let line = told.iter().find(|line| line["run_id"] == run.id.as_str()).unwrap();
        assert_eq!(line["pipeline"], run.pipeline.as_str(), "JSON says the very name");
    }
    for args in [&["plan"][..], &["plan", "-vvv"], &["cleanup", "-n"], &["cleanup", "-vvv"]] {
        let ran = sandbox.run(args);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
        assert_harmless(&ran);
    }
    let objects = sandbox.objects();
    assert_eq!(objects.len(), 3 * runs.len(), "no object took the place of another");
    for (run, folder) in &runs {
        let of_run = |name: &str| {
            let ending = format!("/{}/{name}", run.id);
            let key = objects.keys().find(|key| key.ends_with(&ending)).unwrap();
            assert!(key.starts_with("pipeline-logs/") && key.len() <= 1024, "{key}");
            assert!(folder.is_empty() || *key == format!("{PREFIX}/{folder}{ending}"), "{key}");
            (key, &objects[key])
        };
        assert_eq!(of_run("run.log").1, &run.files["run.log"]);
        assert_eq!(of_run("metrics.jsonl").1, &run.files["metrics.jsonl"]);
        let manifest: Value =
            serde_json::from_slice(&sandbox.store.object(of_run("manifest.json").0).unwrap()).unwrap();
        assert_eq!(manifest["run"]["pipeline_name"], run.pipeline.as_str(), "the manifest says the very name");
        assert!(run.remaining_files().is_empty() && !sandbox.instance.run_exists(&run.id).unwrap());
    }
}

#[test]
fn logs_of_any_name_and_bytes_move() {
    let longest = "x".repeat(240);
    let stems = ["new\nline", "\u{1b}]0;x\u{7}", "\u{202e}gol", "-rf", " ", "*?[a]", "%2e%2e", "…", &longest];
    let mut sandbox = Sandbox::new(On::Embedded);
    let bytes: Vec<u8> = [b"\xff\xfe\0 not UTF-8 \xc3\r\n".as_slice(), &[0u8; 4096], b"\x1b[2J no end"].concat();
    let runs: Vec<_> = (1u64..)
        .zip(stems)
        .map(|(number, stem)| sandbox.add(old(number, "etl").stem(stem).log_text(bytes.clone()).without_metrics()))
        .collect();
    let plan = sandbox.run(&["plan", "--json"]);
    assert_harmless(&plan);
    let paths: Vec<PathBuf> =
        plan.lines().iter().filter_map(|line| line["files"][0]["path"].as_str().map(Into::into)).collect();
    assert!(runs.iter().all(|run| paths.contains(run.log_path.as_ref().unwrap())), "JSON says the very paths");
    let ran = sandbox.run(&["cleanup", "-vvv"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
    assert_harmless(&ran);
    let objects = sandbox.objects();
    for run in &runs {
        sandbox.assert_moved(run, &objects);
        assert_eq!(sandbox.store.object(&run.key(PREFIX, "run.log")).unwrap(), bytes);
    }
}

#[test]
fn paths_that_lead_elsewhere_keep_their_runs() {
    let deep = format!("/app/logs/{}x.log", "a/".repeat(3000));
    let long = format!("/app/logs/{}.log", "x".repeat(10_000));
    let paths: &[(&str, &str)] = &[
        ("", "outside_logs_dir"),
        (" ", "outside_logs_dir"),
        ("/app/logs", "outside_logs_dir"),
        ("/app/logs/.", "outside_logs_dir"),
        ("/app/logs/a\0.log", "outside_logs_dir"),
        ("/app/logs/../outside/victim", "outside_logs_dir"),
        ("/app/logs/x/../../outside/victim", "outside_logs_dir"),
        ("../outside/victim", "outside_logs_dir"),
        ("outside/victim", "outside_logs_dir"),
        ("/app/logsx/victim", "outside_logs_dir"),
        ("/etc/passwd", "outside_logs_dir"),
        ("/dev/zero", "outside_logs_dir"),
        ("/proc/self/environ", "outside_logs_dir"),
        ("file:///app/logs/x.log", "outside_logs_dir"),
        ("\u{1b}[2J\n\u{202e}/app/logs/x.log", "outside_logs_dir"),
        ("/app/logs/routes", "not_a_regular_file"),
        ("/app/logs/pipe", "not_a_regular_file"),
        ("/app/logs/link", "not_a_regular_file"),
        ("/app/logs/folder-link/victim", "outside_logs_dir"),
        ("/app/logs/log/x", "file_unreadable"),
        (&deep, "file_unreadable"),
        (&long, "file_unreadable"),
    ];
    for column in ["log_file", "metrics_file"] {
        let mut sandbox = Sandbox::new(On::Embedded);
        let logs = sandbox.instance.logs_dir();
        let victim = sandbox.instance.outside_dir().join("victim");
        std::fs::write(&victim, "not a log").unwrap();
        std::fs::write(logs.join("log"), "a file, not a folder").unwrap();
        std::os::unix::fs::symlink(&victim, logs.join("link")).unwrap();
        std::os::unix::fs::symlink(sandbox.instance.outside_dir(), logs.join("folder-link")).unwrap();
        make_pipe(&logs.join("pipe"));
        let runs: Vec<_> = (1u64..).zip(paths).map(|(number, _)| sandbox.add(old(number, "etl"))).collect();
        let mut session = sandbox.instance.session().unwrap();
        for (run, (path, _)) in runs.iter().zip(paths) {
            // An empty metrics path means none.
            let path = if column == "metrics_file" && path.is_empty() { &"/" } else { path };
            let sql = format!(
                "UPDATE pipeline_runs SET {column} = {} WHERE id = '{}'",
                quoted(path),
                run.id.replace('-', "")
            );
            assert_eq!(session.execute(&sql).unwrap(), 1);
        }
        drop(session);
        let ran = sandbox.run(&["cleanup", "--json"]);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(3), ""), "{ran:?}");
        assert_harmless(&ran);
        let fates = fates(&ran);
        for (run, (path, kind)) in runs.iter().zip(paths) {
            let (_, outcome, found) = fates.iter().find(|(id, ..)| *id == run.id).unwrap();
            assert_eq!((outcome.as_str(), found.as_str()), ("failed", *kind), "{column} = {path:?}");
            sandbox.assert_untouched(run);
        }
        assert_eq!(std::fs::read(&victim).unwrap(), b"not a log");
        assert!(sandbox.embedded().requests().is_empty(), "nothing is sent of any of them");
        let text = sandbox.run(&["cleanup", "-vvv"]);
        assert_harmless(&text);
        assert_eq!((text.code, text.errors()), (Some(3), runs.len()), "{text:?}");
        let widest = text.stderr.lines().map(str::len).max().unwrap();
        assert!(widest < 1000, "a line of {widest} bytes");
    }
}

#[test]
fn a_row_that_names_the_files_of_an_active_run_is_refused() {
    let size = 3 << 20;
    for (column, max_log) in [("log_file", "0"), ("metrics_file", "0"), ("log_file", "1")] {
        let mut sandbox = Sandbox::new(On::Embedded);
        let mut active = old(1, "etl").status("RUNNING").log_bytes(size);
        active.finished_at = Some(active.started_at);
        let active = sandbox.add(active);
        let log = active.log_path.clone().unwrap();
        let link = sandbox.instance.logs_dir().join("link.log");
        std::fs::hard_link(&log, &link).unwrap();
        let runs = [sandbox.add(old(2, "etl")), sandbox.add(old(3, "etl"))];
        let mut session = sandbox.instance.session().unwrap();
        for (run, path) in runs.iter().zip([active.log_file.as_str(), "/app/logs//./link.log"]) {
            let sql = format!(
                "UPDATE pipeline_runs SET {column} = {} WHERE id = '{}'",
                quoted(path),
                run.id.replace('-', "")
            );
            assert_eq!(session.execute(&sql).unwrap(), 1);
        }
        let due_by_size = max_log != "0";
        if due_by_size {
            sandbox.variable("LOG_RETENTION_DAYS", "0");
        }
        sandbox.variable("LOG_MAX_SIZE_MB", max_log);
        let ran = sandbox.run(&["cleanup", "--json"]);
        assert_eq!(ran.code, Some(if due_by_size { 0 } else { 3 }), "{ran:?}");
        let kinds: Vec<_> = fates(&ran).into_iter().map(|(_, _, kind)| kind).collect();
        assert_eq!(kinds, if due_by_size { vec![] } else { vec!["file_in_use"; 2] }, "{ran:?}");
        assert!(std::fs::metadata(&log).unwrap().len() == size && link.exists());
        assert!(sandbox.embedded().requests().is_empty());
        runs.iter().chain([&active]).for_each(|run| sandbox.assert_untouched(run));
    }
}
