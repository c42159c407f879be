//! The metrics file and the pings, also on failure, on guards, on signals and on configuration errors.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use fastflow_archive_testkit::Fate;
use fastflow_archive_testkit::clock::fixed_now;

use crate::harness::{On, Sandbox, old};
use crate::webhook_server::{Reply, WebhookServer};

/// Name and value of each metric.
fn metrics(sandbox: &Sandbox) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(sandbox.instance.root().join("fastflow.prom")).unwrap();
    check_with_promtool(&text);
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.trim_start_matches("fastflow_archive_").split_once(' ').unwrap())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// Asks `promtool check metrics`, where FASTFLOW_ARCHIVE_TEST_PROMTOOL names it.
fn check_with_promtool(text: &str) {
    let Some(promtool) = std::env::var_os("FASTFLOW_ARCHIVE_TEST_PROMTOOL") else {
        println!("the metrics are not held against promtool: FASTFLOW_ARCHIVE_TEST_PROMTOOL is not set");
        return;
    };
    let mut command = Command::new(promtool);
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
}

fn seconds(at: std::time::SystemTime) -> String {
    format!("{}.000", at.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs())
}

#[test]
fn the_metrics_file_is_written_on_success_and_on_failure_and_keeps_the_last_success() {
    let mut sandbox = Sandbox::new(On::Embedded).settle(5);
    sandbox.variable("FASTFLOW_ARCHIVE_METRICS_FILE", "fastflow.prom");
    sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
    let well = metrics(&sandbox);
    let now = seconds(fixed_now());
    let expected = [
        ("last_run_timestamp_seconds", now.as_str()),
        ("last_success_timestamp_seconds", &now),
        ("last_run_exit_code", "0"),
        ("runs_archived", "5"),
        ("runs_deleted", "5"),
        ("runs_failed", "0"),
        ("backlog_runs", "0"),
        ("backlog_bytes", "0"),
        (concat!("build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"}"), "1"),
    ];
    for (name, value) in expected {
        assert_eq!(well.get(name).map(String::as_str), Some(value), "{name}: {well:?}");
    }
    let sent: u64 = sandbox.sizes().values().sum();
    assert_eq!(well["bytes_uploaded"], sent.to_string());
    assert!(
        !well.contains_key("oldest_unarchived_timestamp_seconds") && well.contains_key("last_run_duration_seconds")
    );
    let mode = std::fs::metadata(sandbox.instance.root().join("fastflow.prom")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644, "the node exporter may read it");

    let (first, second) = (sandbox.add(old(100, "etl").log_bytes(5000)), sandbox.add(old(7, "etl").log_bytes(3000)));
    assert_eq!(sandbox.later(24).run(&["cleanup", "-q", "--max-delete", "1"]).code, Some(13));
    let guarded = metrics(&sandbox);
    assert_eq!((&guarded["last_success_timestamp_seconds"], &guarded["last_run_exit_code"]), (&now, &"13".to_owned()));
    let bytes: u64 = [&first, &second].into_iter().flat_map(|run| run.files.values()).map(|file| file.bytes).sum();
    assert_eq!((guarded["backlog_runs"].as_str(), guarded["backlog_bytes"].clone()), ("2", bytes.to_string()));
    assert_eq!(guarded["oldest_unarchived_timestamp_seconds"], seconds(first.finished_at.unwrap()));

    sandbox.variable("LOG_RETENTION_DAYS", "-1");
    assert_eq!(sandbox.later(48).run(&["cleanup", "-q"]).code, Some(10));
    let broken = metrics(&sandbox);
    assert_eq!((&broken["last_run_exit_code"], &broken["runs_archived"]), (&"10".to_owned(), &"0".to_owned()));
    for name in
        ["last_success_timestamp_seconds", "backlog_runs", "backlog_bytes", "oldest_unarchived_timestamp_seconds"]
    {
        assert_eq!(broken[name], guarded[name], "{name} is what was known last");
    }
    let left: Vec<_> =
        std::fs::read_dir(sandbox.instance.root()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("tmp")), "{left:?}");
}

#[test]
fn runs_that_failed_are_the_backlog() {
    let mut sandbox = Sandbox::new(On::Embedded).settle(6);
    let young = sandbox.add(old(80_000, "etl"));
    let oldest = sandbox.add(old(90_000, "etl"));
    let ids = [young.id.clone(), oldest.id.clone()];
    sandbox
        .embedded()
        .set_fault(move |request| ids.iter().any(|id| request.key.contains(id)).then_some("InvalidRequest"));
    sandbox.variable("FASTFLOW_ARCHIVE_METRICS_FILE", "fastflow.prom");
    assert_eq!(sandbox.run(&["cleanup", "-q"]).code, Some(3));
    let metrics = metrics(&sandbox);
    assert_eq!((metrics["backlog_runs"].as_str(), metrics["runs_failed"].as_str()), ("2", "2"));
    assert_eq!(metrics["oldest_unarchived_timestamp_seconds"], seconds(oldest.finished_at.unwrap()));
}

#[test]
fn a_metrics_file_that_cannot_be_written_is_an_error_and_makes_0_a_1() {
    let sandbox = Sandbox::new(On::Embedded).settle(1);
    let stderr = "error: failed to write the metrics file `nowhere/x.prom`: No such file or directory[..]\n  hint: check --metrics-file: its folder must be there and writable for this user";
    sandbox.run(&["cleanup", "-q", "--metrics-file", "nowhere/x.prom"]).expect(1, "", stderr);
    assert!(sandbox.runs(Fate::Archived).iter().all(|run| !sandbox.instance.run_exists(&run.id).unwrap()));
}

#[test]
fn pings_say_start_and_how_it_ended_with_the_summary() {
    let server = WebhookServer::start(&[]);
    let mut sandbox = Sandbox::new(On::Embedded).settle(2);
    let url = server.url();
    sandbox.allow_loopback().variable("FASTFLOW_ARCHIVE_PING_URL", &format!("{url}?rid=7"));
    sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
    assert_eq!(server.paths(), ["/start?rid=7", "?rid=7"]);
    assert_eq!(
        (&server.posted()[1].json()["type"], &server.posted()[1].json()["runs_deleted"]),
        (&"summary".into(), &2.into())
    );
    sandbox.add(old(9, "etl"));
    assert_eq!(sandbox.run(&["cleanup", "-q", "--max-delete", "0"]).code, Some(13));
    sandbox.variable("LOG_RETENTION_DAYS", "x");
    assert_eq!(sandbox.run(&["backup", "-q"]).code, Some(10));
    assert_eq!(server.paths()[2..], ["/start?rid=7", "/13?rid=7", "/start?rid=7", "/10?rid=7"]);
    assert_eq!(server.posted()[5].json()["exit_code"], 10);
    sandbox.run(&["plan", "-q"]);
    assert_eq!(server.posted().len(), 6, "plan is no news");
}

#[test]
fn a_ping_that_is_lost_is_a_warning_and_changes_nothing() {
    let server = WebhookServer::start(&[Reply::Say(500, None, ""), Reply::Drop]);
    let mut sandbox = Sandbox::new(On::Embedded).settle(1);
    let stderr =
        "warning: could not ping 127.0.0.1 at the start: HTTP 500\nwarning: could not ping 127.0.0.1 at the end: [..]";
    sandbox.allow_loopback().run(&["cleanup", "-q", "--ping-url", &server.url()]).expect(0, "", stderr);
    let stderr =
        "error: failed to use `--ping-url` (--ping-url): it is not https\n  hint: write it as https://host/path";
    sandbox
        .variable("FASTFLOW_ARCHIVE_ALLOW_LOOPBACK_WEBHOOK", "")
        .run(&["cleanup", "-q", "--ping-url", &server.url()])
        .expect(10, "", stderr);
}

#[test]
fn a_signal_is_told_to_everybody() {
    let server = WebhookServer::start(&[]);
    let (teams, mut sandbox) = (WebhookServer::start(&[]), Sandbox::new(On::Embedded).settle(60));
    sandbox.post_to(&teams).variable("FASTFLOW_ARCHIVE_METRICS_FILE", "fastflow.prom").variable("NOTIFY_LANG", "en");
    sandbox.variable("FASTFLOW_ARCHIVE_PING_URL", &server.url());
    let (reached, wait) = std::sync::mpsc::channel();
    let reached = std::sync::Mutex::new(reached);
    let (go, gate) = std::sync::mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(gate);
    sandbox.embedded().set_fault(move |_| {
        let _ = reached.lock().unwrap().send(());
        let _ = gate.lock().unwrap().recv();
        None
    });
    let child = sandbox.command(&["cleanup", "-q", "--concurrency", "1"]).stderr(Stdio::piped()).spawn().unwrap();
    wait.recv().unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::TERM).unwrap();
    // The signal is taken before the store answers: its handler runs on another thread of the runtime.
    while !is_stopping(child.id()) {
        std::thread::yield_now();
    }
    drop(go);
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(143), "{stderr}");
    let card = teams.only_post().card().to_string();
    assert!(card.contains("The call was stopped") && card.contains("SIGTERM"), "{card}");
    assert_eq!(metrics(&sandbox)["last_run_exit_code"], "143");
    assert_eq!(server.paths(), ["/start", "/143"]);
}

#[test]
fn a_signal_while_it_waits_for_the_lock_is_told_to_everybody_too() {
    let (pings, teams) = (WebhookServer::start(&[]), WebhookServer::start(&[]));
    let mut sandbox = Sandbox::new(On::Embedded).settle(2);
    sandbox.post_to(&teams).variable("FASTFLOW_ARCHIVE_METRICS_FILE", "fastflow.prom").variable("NOTIFY_LANG", "en");
    sandbox.variable("FASTFLOW_ARCHIVE_PING_URL", &pings.url());
    let lock = std::fs::File::create(sandbox.instance.data_dir().join("fastflow-archive.lock")).unwrap();
    lock.lock().unwrap();
    let mut command = sandbox.command(&["cleanup", "-q", "--lock-wait", "10m"]);
    let child = command.stderr(Stdio::piped()).spawn().unwrap();
    // It listens for signals before it pings.
    while pings.paths().is_empty() {
        std::thread::yield_now();
    }
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::TERM).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(143), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(teams.only_post().card().to_string().contains("SIGTERM"));
    assert_eq!(metrics(&sandbox)["last_run_exit_code"], "143");
    assert_eq!(pings.paths(), ["/start", "/143"]);
    sandbox.instance.runs().iter().for_each(|run| sandbox.assert_untouched(run));
}

/// Whether a process has no SIGTERM pending any more.
fn is_stopping(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let pending = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        u64::from_str_radix(line.trim_start_matches(':').trim(), 16).unwrap() & (1 << 14) != 0
    };
    !pending("ShdPnd") && !pending("SigPnd")
}
