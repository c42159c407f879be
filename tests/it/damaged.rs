//! Files that are not what they should be: the database, the `.env`. What cannot be read stops everything before anything
//! changes, and the message says what to do.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use fastflow_archive_testkit::{Fate, Random};

use crate::harness::{On, PREFIX, Sandbox};

/// Makes a database of another kind, in place of the one that is there.
type Damage = fn(&Path);

#[test]
fn what_is_no_whole_database_stops_every_command_before_anything_changes() {
    let table: [(&str, Damage, &str, &str); 7] = [
        ("absent", |path| std::fs::remove_file(path).unwrap(), "database_unreadable", "No such file or directory"),
        (
            "a folder",
            |path| {
                std::fs::remove_file(path).unwrap();
                std::fs::create_dir(path).unwrap();
            },
            "database_unreadable",
            "it is not a file",
        ),
        ("empty", |path| std::fs::write(path, "").unwrap(), "unknown_schema", "there is no table `pipeline_runs`"),
        (
            "text",
            |path| std::fs::write(path, "-- a dump of the database\n".repeat(400)).unwrap(),
            "database_unreadable",
            "file is not a database",
        ),
        (
            "encrypted",
            |path| {
                let mut random = Random::new(1);
                let bytes: Vec<u8> = (0..8192).flat_map(|_| random.next_u64().to_le_bytes()).collect();
                std::fs::write(path, bytes).unwrap();
            },
            "database_unreadable",
            "file is not a database",
        ),
        (
            "encrypted from the second page on",
            |path| {
                let mut random = Random::new(1);
                let mut bytes = std::fs::read(path).unwrap();
                bytes[4096..].fill_with(|| random.next_u64() as u8);
                std::fs::write(path, bytes).unwrap();
            },
            "database_unreadable",
            "database disk image is malformed",
        ),
        (
            "half-copied",
            |path| {
                let file = std::fs::File::options().write(true).open(path).unwrap();
                file.set_len(file.metadata().unwrap().len() / 2).unwrap();
            },
            "database_unreadable",
            "database disk image is malformed",
        ),
    ];
    for (name, damage, kind, message) in table {
        let sandbox = Sandbox::on_sqlite(On::Embedded).settle(20);
        damage(&sandbox.instance.database());
        let before = sandbox.tree();
        for args in [&["plan"][..], &["cleanup", "-n"], &["backup"], &["cleanup"], &["cleanup", "--no-ui-settings"]] {
            let text = sandbox.run(&[args, &["-vvv"]].concat());
            assert_eq!((text.code, text.errors()), (Some(1), 1), "{name}, {args:?}: {text:?}");
            assert!(text.stderr.contains(message), "{name}, {args:?}: {text:?}");
            assert!(text.stderr.lines().nth(1).unwrap().starts_with("  hint: "), "{name}, {args:?}: {text:?}");
            let json = sandbox.run(&[args, &["--json"]].concat());
            assert_eq!((json.code, json.stderr.as_str()), (Some(1), ""), "{name}, {args:?}: {json:?}");
            assert_eq!(json.lines()[0]["kind"], kind, "{name}, {args:?}: {json:?}");
            assert_eq!(json.summary()["exit_code"], 1);
        }
        // A ledger may have been made where the trouble shows late; nothing else.
        let after = sandbox.tree();
        for (path, digest) in &before {
            assert_eq!(after.get(path), Some(digest), "{name}: {path}");
        }
        assert!(sandbox.embedded().requests().is_empty(), "{name}");
    }
}

#[test]
fn wherever_a_copied_database_ends_nothing_goes_that_is_not_in_the_archive() {
    let sandbox = Sandbox::on_sqlite(On::Embedded).settle(40);
    let path = sandbox.instance.database();
    let whole = std::fs::read(&path).unwrap();
    let pages = whole.len() / 4096;
    assert!(pages > 20, "{pages} pages");
    let mut stopped = 0;
    // From the end, where the least is missing; at and within pages.
    for cut in (1..pages).rev().step_by(2).flat_map(|page| [page * 4096 + 1000, page * 4096]) {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let ran = sandbox.run(&["cleanup", "--json"]);
        assert!(matches!(ran.code, Some(0 | 1 | 3)), "cut at {cut}: {ran:?}");
        assert_eq!(ran.summary()["exit_code"], ran.code.unwrap(), "cut at {cut}");
        stopped += usize::from(ran.code == Some(1));
        let objects = sandbox.objects();
        for run in sandbox.instance.runs() {
            let files = [&run.log_path, &run.metrics_path, &run.route_path].into_iter().flatten().count();
            let is_whole = run.remaining_files().len() == files;
            let is_archived = run.fate == Fate::Archived && run.differences(PREFIX, &objects).is_empty();
            assert!(is_whole || is_archived, "cut at {cut}: run {} lost {ran:?}", run.id);
        }
        for name in ["fastflow.db-wal", "fastflow.db-shm", "fastflow.db-journal"] {
            drop(std::fs::remove_file(path.with_file_name(name)));
        }
    }
    assert!(stopped > pages / 2, "only {stopped} of about {pages} were found out");
    std::fs::write(&path, &whole).unwrap();
    let last = sandbox.run(&["cleanup", "-q"]);
    assert_eq!(last.code, Some(0), "with the whole one the work is finished: {last:?}");
}

#[test]
fn a_read_only_database_is_planned_and_backed_up_but_not_cleaned_up() {
    let sandbox = Sandbox::on_sqlite(On::Embedded).settle(5);
    let user = rustix::process::geteuid();
    // Root may write to anything.
    let owner = if user.is_root() { 1001 } else { user.as_raw() };
    if user.is_root() {
        sandbox.give_data_to(owner);
    }
    std::fs::set_permissions(sandbox.instance.database(), std::fs::Permissions::from_mode(0o444)).unwrap();
    let run = |args: &[&str]| if user.is_root() { sandbox.run_as(owner, args) } else { sandbox.run(args) };
    let message = "error: failed to open the database `./data/fastflow.db` for writing: it is read-only\n  \
                   hint: rows are to be deleted: are the file or its file system read-only? `backup` only reads";
    run(&["cleanup", "-q"]).expect(1, "", message);
    assert!(sandbox.embedded().requests().is_empty(), "nothing is sent that could not be removed");
    assert_eq!(run(&["plan", "--json"]).summary()["runs_due"], 5);
    run(&["backup", "-q"]).expect(0, "", "");
    sandbox.instance.runs().iter().for_each(|run| sandbox.assert_untouched(run));
    let objects = sandbox.objects();
    for run in sandbox.runs(Fate::Archived) {
        assert_eq!(run.differences(PREFIX, &objects), [""; 0]);
    }
}

#[test]
fn a_million_lines_of_env_are_read_and_a_million_bad_ones_are_not_printed() {
    let count = 1_000_000;
    let comments = "# a comment, and nothing else\n".repeat(count);
    let bindings: String = (0..count).map(|number| format!("NAME_{number}=${{NAME_0}}value\n")).collect();
    let junk = "this is no binding\n".repeat(count);
    for (text, warnings) in [(comments, 0), (bindings, 0), (junk, 21)] {
        let sandbox = Sandbox::new(On::Embedded).settle(3);
        sandbox.instance.env_text(&text).unwrap();
        sandbox.instance.env(&[("S3_PREFIX", "after-all-that")]).unwrap();
        let ran = sandbox.run(&["cleanup"]);
        assert_eq!((ran.code, ran.stderr.lines().count()), (Some(0), warnings), "{:.1000}", ran.stderr);
        if let Some(last) = ran.stderr.lines().last() {
            assert_eq!(last, "warning: .env: 999980 more lines cannot be parsed and are left out");
        }
        assert!(sandbox.objects().keys().all(|key| key.starts_with("after-all-that/")));
    }
}

#[test]
fn an_env_file_that_is_none_is_an_error_or_warnings_and_never_a_crash() {
    let mut random = Random::new(7);
    let noise: Vec<u8> = (0..4096).flat_map(|_| random.next_u64().to_le_bytes()).collect();
    for bytes in [noise, b"\0".repeat(100_000), b"A='".repeat(50_000), b"\x1b[2J\xe2\x80\xae = \x9b\n".to_vec()] {
        let sandbox = Sandbox::on_sqlite(On::Embedded).settle(1);
        std::fs::write(sandbox.instance.env_file(), bytes).unwrap();
        let ran = sandbox.run(&["cleanup"]);
        assert!(ran.code == Some(10) && ran.stderr.contains("error: failed to "), "{ran:?}");
        assert!(!(ran.stdout + &ran.stderr).contains(crate::hostile::acts));
        sandbox.instance.runs().iter().for_each(|run| sandbox.assert_untouched(run));
    }
    let sandbox = Sandbox::new(On::Embedded);
    std::fs::remove_file(sandbox.instance.env_file()).unwrap();
    std::fs::create_dir(sandbox.instance.env_file()).unwrap();
    let message = "error: failed to read `.env` (default): Is a directory (os error 21)\n  \
                   hint: name the .env file of Fast-Flow with --env-file, readable for this user";
    sandbox.run(&["cleanup"]).expect(10, "", message);
}
