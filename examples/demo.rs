//! What `fastflow-archive` does, to look at: `cargo run --example demo`.
//!
//! Makes a sample Fast-Flow instance of about 300 runs in a temporary folder and an S3 server on loopback, then runs the
//! real commands (this very program, started again as `fastflow-archive`) and shows what an operator would look at. Every
//! number it shows is also checked: it ends with 1 if anything is not as it should be. It leaves nothing behind.

#![allow(clippy::print_stdout, clippy::print_stderr)] // Printing is what a demo is for.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::process::{Command, ExitCode, Stdio};
use std::time::SystemTime;

use anyhow::{Context, Result, ensure};
use fastflow_archive_testkit::{Digest, EmbeddedS3, Fate, Fleet, Instance, TestStore, WrittenRun, tree_hash};

/// First argument of a child that shall be `fastflow-archive`.
const AS_COMMAND: &str = "__cli";
const PREFIX: &str = "pipeline-logs";
const ANCHORS: &str = "pipeline-logs/_ledger/";
const BIG_LOG: u64 = 40 * 1024 * 1024;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == AS_COMMAND) {
        return fastflow_archive::main_with([OsString::from("fastflow-archive")].into_iter().chain(arguments));
    }
    match demo() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn demo() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let store = TestStore::embedded()?;
    let mut instance = Instance::create(folder.path().join("fast-flow"))?;
    let fleet = Fleet::sample(SystemTime::now());
    fleet.settle(&mut instance)?;
    instance.add(fleet.big_run(BIG_LOG))?;
    instance.env(&[("LOG_RETENTION_DAYS", "30")])?;
    instance.point_at(&store)?;
    let reader = store.admin();
    instance
        .env(&[("S3_VERIFY_ACCESS_KEY", &reader.access_key), ("S3_VERIFY_SECRET_ACCESS_KEY", &reader.secret_key)])?;
    let due: Vec<WrittenRun> = instance.runs().iter().filter(|run| run.fate == Fate::Archived).cloned().collect();

    title("A Fast-Flow instance: its .env (secrets hidden here), its runs, its log directory");
    show_env(&instance)?;
    show_instance(&instance)?;

    title("What is due, why, and how much");
    let before = tree_hash(instance.root(), &[])?;
    run(&instance, &["plan"], Some((14, 14)))?;

    title("A rehearsal: nothing changes");
    run(&instance, &["cleanup", "--dry-run"], Some((6, 8)))?;
    ensure!(tree_hash(instance.root(), &[])? == before, "`plan` or `--dry-run` changed a file of the instance");
    ensure!(store.objects()?.is_empty(), "`plan` or `--dry-run` put something into the bucket");
    println!("(no byte of database, log directory or bucket has changed)");

    title("The cleanup: archive, prove, and only then delete, with a key that may only put");
    run(&instance, &["cleanup"], Some((14, 14)))?;

    title("The bucket");
    let mut objects = store.objects()?;
    let anchors = objects.extract_if(.., |key, _| key.starts_with(ANCHORS)).count();
    ensure!(anchors == 1, "the bucket holds {anchors} anchors of the ledger, not 1");
    show_bucket(&objects, &due)?;
    show_run(&store, &due)?;

    title("The instance afterwards");
    show_instance(&instance)?;
    show_audit_log(&instance)?;
    check(&instance, &due, &objects)?;

    title("The record of it: a chain of hashes, whose head is in the bucket, too");
    run(&instance, &["ledger", "export"], Some((6, 6)))?;
    run(&instance, &["ledger", "verify"], None)?;

    title("The archive, checked from end to end and brought back");
    run(&instance, &["verify", "--deep"], None)?;
    run(&instance, &["list", "--pipeline", "sales.forecast"], Some((6, 2)))?;
    run(&instance, &["restore", "--pipeline", "sales.forecast", "--to", "restored"], Some((4, 2)))?;

    title("Once more: there is nothing left to do");
    let uploads = server(&store)?.requests().len();
    run(&instance, &["cleanup"], None)?;
    ensure!(server(&store)?.requests().len() == uploads, "the second cleanup talked to the store");
    let mut again = store.objects()?;
    again.retain(|key, _| !key.starts_with(ANCHORS));
    ensure!(again == objects, "the second cleanup changed the bucket");

    let bytes: u64 = objects.values().map(|digest| digest.bytes).sum();
    println!(
        "\nAll as it should be: {} runs are in the archive byte for byte ({} objects, {}), {} stayed.",
        due.len(),
        objects.len(),
        size(bytes),
        instance.runs().len() - due.len()
    );
    Ok(())
}

/// Starts this program as `fastflow-archive` in the instance's folder, shows what it prints, expects exit code 0.
fn run(instance: &Instance, arguments: &[&str], shortened: Option<(usize, usize)>) -> Result<()> {
    println!("$ fastflow-archive {}", arguments.join(" "));
    let output = Command::new(std::env::current_exe()?)
        .arg(AS_COMMAND)
        .args(arguments)
        .env_clear()
        .current_dir(instance.root())
        .stdin(Stdio::null())
        .output()?;
    let stdout = String::from_utf8(output.stdout)?;
    match shortened {
        Some((head, tail)) => print_short(&stdout, head, tail),
        None => print!("{stdout}"),
    }
    let stderr = String::from_utf8(output.stderr)?;
    print!("{stderr}");
    ensure!(output.status.success(), "`fastflow-archive {}` ended with {}", arguments.join(" "), output.status);
    Ok(())
}

/// Every object and row is where it must be: due runs in the archive and nowhere else, all others untouched.
fn check(instance: &Instance, due: &[WrittenRun], objects: &BTreeMap<String, Digest>) -> Result<()> {
    let differences: Vec<String> = due.iter().flat_map(|run| run.differences(PREFIX, objects)).collect();
    ensure!(differences.is_empty(), "the archive differs from what the runs held: {}", differences.join("; "));
    let expected: usize = due.iter().map(|run| run.expected_objects(PREFIX).len()).sum();
    ensure!(objects.len() == expected, "the bucket holds {} objects, not {expected}", objects.len());
    for run in instance.runs() {
        let stays = run.fate != Fate::Archived;
        ensure!(instance.run_exists(&run.id)? == stays, "run {} should {} its row", run.id, verb(stays));
        let had_files = run.log_path.is_some() || run.metrics_path.is_some();
        let has_files = !run.remaining_files().is_empty();
        ensure!(has_files == (stays && had_files), "run {} should {} its files", run.id, verb(stays));
    }
    let kept = instance.runs().iter().filter(|run| run.fate != Fate::Archived);
    let kept_cells: usize = kept.map(|run| run.cells.len()).sum();
    ensure!(instance.row_count("run_cell_logs")? == kept_cells as i64, "cells of deleted runs are still there");
    Ok(())
}

fn verb(keeps: bool) -> &'static str {
    if keeps { "keep" } else { "have lost" }
}

fn show_env(instance: &Instance) -> Result<()> {
    println!("$ cat .env");
    for line in std::fs::read_to_string(instance.env_file())?.lines() {
        match line.split_once('=') {
            Some((name, _)) if name.contains("KEY") => println!("{name}=********"),
            _ => println!("{line}"),
        }
    }
    println!();
    Ok(())
}

fn show_instance(instance: &Instance) -> Result<()> {
    println!("{:<22}{:>6}  {:<12}last", "pipeline", "runs", "first");
    let connection = instance.connect()?;
    let sql = "SELECT pipeline_name, COUNT(*), MIN(substr(started_at, 1, 10)), MAX(substr(started_at, 1, 10)) \
               FROM pipeline_runs GROUP BY 1 ORDER BY 1";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (pipeline, count): (String, i64) = (row.get(0)?, row.get(1)?);
        let (first, last): (String, String) = (row.get(2)?, row.get(3)?);
        println!("{pipeline:<22}{count:>6}  {first:<12}{last}");
    }
    let active: i64 = connection.query_row(
        "SELECT COUNT(*) FROM pipeline_runs WHERE status IN ('PENDING', 'RUNNING')",
        [],
        |row| row.get(0),
    )?;
    println!("{} runs in all, {active} of them active", instance.row_count("pipeline_runs")?);
    println!("{} cells of notebook runs", instance.row_count("run_cell_logs")?);
    let files = fastflow_archive_testkit::tree_files(&instance.logs_dir(), &[])?;
    let bytes = files.values().map(|digest| digest.bytes).sum();
    println!(
        "{} files in the log directory, {}",
        files.keys().filter(|name| !name.ends_with('/')).count(),
        size(bytes)
    );
    Ok(())
}

fn show_audit_log(instance: &Instance) -> Result<()> {
    println!("\nFast-Flow's own audit page:");
    let connection = instance.connect()?;
    let mut statement = connection.prepare("SELECT username, action, details FROM audit_log ORDER BY created_at")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (username, action): (String, String) = (row.get(0)?, row.get(1)?);
        let details: Option<String> = row.get(2)?;
        println!("{username}  {action}  {}", details.unwrap_or_default());
    }
    Ok(())
}

fn show_bucket(objects: &BTreeMap<String, Digest>, due: &[WrittenRun]) -> Result<()> {
    let mut pipelines: BTreeMap<&str, (usize, u64)> = BTreeMap::new();
    for (key, digest) in objects {
        let pipeline = key.split('/').nth(1).context("a key below the prefix")?;
        let entry = pipelines.entry(pipeline).or_default();
        entry.0 += 1;
        entry.1 += digest.bytes;
    }
    println!("{:<38}{:>10}{:>12}", "folder", "objects", "bytes");
    for (pipeline, (count, bytes)) in pipelines {
        println!("{:<38}{count:>10}{:>12}", format!("{PREFIX}/{pipeline}/"), size(bytes));
    }
    for run in examples(due) {
        println!();
        for (key, digest) in objects.range(run.key(PREFIX, "")..).take_while(|(key, _)| key.contains(&run.id)) {
            println!("{key}  {}", size(digest.bytes));
        }
    }
    Ok(())
}

/// A notebook run, one of the pipeline with an umlaut, and the one with the big log.
fn examples(due: &[WrittenRun]) -> Vec<&WrittenRun> {
    let kinds: [fn(&&WrittenRun) -> bool; 3] = [
        |run| !run.cells.is_empty(),
        |run| run.pipeline == "Täglicher-Import",
        |run| run.files.get("run.log").is_some_and(|digest| digest.bytes == BIG_LOG),
    ];
    kinds.into_iter().filter_map(|kind| due.iter().find(kind)).collect()
}

/// Metadata and manifest of one run: what remains to be known of it.
fn show_run(store: &TestStore, due: &[WrittenRun]) -> Result<()> {
    let run = due.iter().find(|run| run.pipeline == "Täglicher-Import").context("a run of Täglicher-Import")?;
    println!("\nMetadata of {}/run.log", run.id);
    for (name, value) in store.metadata(&run.key(PREFIX, "run.log"))? {
        println!("  {name}: {value}");
    }
    let key = run.key(PREFIX, "manifest.json");
    println!("\n{key}");
    let text = store.object(&key)?;
    let manifest: serde_json::Value = serde_json::from_slice(&text)?;
    let text = String::from_utf8(text)?;
    ensure!(!text.contains(&run.secret), "the manifest gives a secret of the run away");
    ensure!(text.contains("DB_PASSWORD"), "the manifest lacks the names of env_vars");
    ensure!(manifest["run"]["id"] == run.id.as_str(), "the manifest does not name its run");
    let pretty = if text.lines().count() > 1 { text } else { format!("{manifest:#}") };
    print_short(&pretty, 22, 30);
    Ok(())
}

fn server(store: &TestStore) -> Result<&EmbeddedS3> {
    match store {
        TestStore::Embedded(server) => Ok(server),
        _ => anyhow::bail!("the demo runs on the embedded server"),
    }
}

fn title(text: &str) {
    println!("\n== {text}\n");
}

/// The first and the last lines, and how many there were between them.
fn print_short(text: &str, head: usize, tail: usize) {
    let lines: Vec<&str> = text.lines().collect();
    if lines.len() <= head + tail + 1 {
        return lines.iter().for_each(|line| println!("{line}"));
    }
    lines[..head].iter().for_each(|line| println!("{line}"));
    println!("    ... {} lines not shown here ...", lines.len() - head - tail);
    lines[lines.len() - tail..].iter().for_each(|line| println!("{line}"));
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}
