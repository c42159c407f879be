//! `completions/`, `man/` and the table of options in `docs/configuration.md` are what clap makes of the definitions in
//! `cli.rs`; with `FASTFLOW_ARCHIVE_BLESS=1` they are written anew: `FASTFLOW_ARCHIVE_BLESS=1 cargo test --test it
//! generated::`. The variables that `config` reads are held against the same page.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::CommandFactory;
use clap_complete::{Shell, generate_to};
use fastflow_archive::cli::Cli;

/// Rewrites the committed files instead of comparing them.
const BLESS: &str = "FASTFLOW_ARCHIVE_BLESS";
/// Names mandoc, and makes it obligatory.
const MANDOC: &str = "FASTFLOW_ARCHIVE_TEST_MANDOC";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The date on the man pages: that of the last change of the options that was worth a release.
const MAN_DATE: &str = "2026-11-25";

/// Makes the man pages: clap's, with a whole title line (clap leaves the date out) and without breaks that `man` skips.
fn make_man_pages(folder: &Path) {
    clap_mangen::generate_to(Cli::command().disable_help_subcommand(true), folder).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    for (file, bytes) in files(folder) {
        let name = file.strip_suffix(".1").unwrap();
        let text = String::from_utf8(bytes).unwrap().replace("\n.br\n\n.br\n", "\n.sp\n");
        let lines = text.lines().map(|line| match line.strip_prefix(".TH ") {
            Some(_) => format!(".TH {name} 1 {MAN_DATE} \"fastflow-archive {version}\"\n"),
            None => format!("{}\n", line.trim_end()),
        });
        std::fs::write(folder.join(&file), lines.collect::<String>()).unwrap();
    }
}

/// The files of a folder, name to bytes.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let Ok(entries) = std::fs::read_dir(folder) else { return BTreeMap::new() };
    entries
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(path).unwrap()))
        .collect()
}

/// Compares a committed folder with what was made just now, or writes it.
#[track_caller]
fn hold_in_step(name: &str, made: &Path) {
    let committed = root().join(name);
    let made = files(made);
    assert!(!made.is_empty());
    if std::env::var_os(BLESS).is_some_and(|value| value == "1") {
        let _ = std::fs::remove_dir_all(&committed);
        std::fs::create_dir_all(&committed).unwrap();
        for (file, bytes) in &made {
            std::fs::write(committed.join(file), bytes).unwrap();
        }
        return;
    }
    let there = files(&committed);
    let differing: Vec<&String> =
        made.keys().chain(there.keys()).filter(|file| made.get(*file) != there.get(*file)).collect();
    assert!(
        differing.is_empty(),
        "{name}/ is not what the command line says ({differing:?}): `{BLESS}=1 cargo test --test it generated::`"
    );
}

#[test]
fn completions_are_what_the_command_line_says() {
    let folder = tempfile::tempdir().unwrap();
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::Elvish, Shell::PowerShell] {
        generate_to(shell, &mut Cli::command(), "fastflow-archive", folder.path()).unwrap();
    }
    // clap_complete 4.6 sets `fastflow__archive` and then asks for `fastflow__subcmd__archive`: the hyphen is taken for a
    // step to a subcommand, and bash offers nothing behind the first word (clap-rs/clap issue 6421, open).
    let bash = folder.path().join("fastflow-archive.bash");
    let text = std::fs::read_to_string(&bash).unwrap();
    std::fs::write(&bash, text.replace("fastflow__subcmd__archive", "fastflow__archive")).unwrap();
    hold_in_step("completions", folder.path());
}

#[test]
fn man_pages_are_what_the_command_line_says() {
    let folder = tempfile::tempdir().unwrap();
    make_man_pages(folder.path());
    hold_in_step("man", folder.path());
}

#[test]
fn man_pages_are_well_formed() {
    let named = std::env::var_os(MANDOC);
    let program = named.clone().unwrap_or_else(|| "mandoc".into());
    if named.is_none() && Command::new(&program).arg("-T").arg("ascii").arg("/dev/null").output().is_err() {
        println!("no mandoc here: the man pages were not linted (name it in {MANDOC})");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    make_man_pages(folder.path());
    let pages: Vec<PathBuf> = files(folder.path()).into_keys().map(|file| folder.path().join(file)).collect();
    assert!(pages.len() > 10, "{pages:?}");
    let output = Command::new(&program).args(["-T", "lint", "-W", "warning"]).args(&pages).output().unwrap();
    let complaints = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && complaints.is_empty(), "{complaints}");
}

/// Where the table of options begins and ends in the page.
const TABLE: (&str, &str) = ("<!-- options, made of src/cli.rs -->\n", "<!-- end of options -->\n");

/// An option as the table shows it, apart from where it can be given.
#[derive(PartialEq, Eq)]
struct Row {
    option: String,
    help: String,
    default: String,
}

/// Goes through a command and all below it, and notes each option with the commands that have it.
fn collect(command: &clap::Command, path: &str, rows: &mut Vec<(Row, Vec<String>)>) {
    let options = command.get_arguments().filter(|arg| !arg.is_positional() && !arg.is_hide_set());
    for arg in options.filter(|arg| !matches!(arg.get_id().as_str(), "help" | "version")) {
        let value = arg.get_action().takes_values().then(|| arg.get_value_names().unwrap_or_default()[0].as_str());
        let mut option = format!("`--{}", arg.get_long().unwrap());
        option += &value.map_or_else(|| "`".to_owned(), |value| format!(" {value}`"));
        if let Some(short) = arg.get_short() {
            option += &format!(", `-{short}`");
        }
        let mut help = arg.get_help().unwrap().to_string();
        let choices: Vec<String> = arg.get_possible_values().iter().map(|it| format!("`{}`", it.get_name())).collect();
        if value.is_some() && !choices.is_empty() {
            help += &format!(": {}", choices.join(", "));
        }
        let default = arg.get_default_values().iter().map(|it| it.to_str().unwrap()).next().filter(|_| value.is_some());
        let default = default.map_or_else(String::new, |default| format!("`{default}`"));
        let row = Row { option, help: help.replace('<', "&lt;").replace('|', "\\|"), default };
        let place = if path.is_empty() { "all".to_owned() } else { format!("`{path}`") };
        match rows.iter_mut().find(|(there, _)| *there == row) {
            Some((_, places)) => places.push(place),
            None => rows.push((row, vec![place])),
        }
    }
    for subcommand in command.get_subcommands() {
        collect(subcommand, format!("{path} {}", subcommand.get_name()).trim(), rows);
    }
}

#[test]
fn the_table_of_options_is_what_the_command_line_says() {
    let mut rows = Vec::new();
    collect(&Cli::command(), "", &mut rows);
    let mut table = String::from("| option | default | for | meaning |\n|---|---|---|---|\n");
    for (row, places) in rows {
        table += &format!("| {} | {} | {} | {} |\n", row.option, row.default, places.join(", "), row.help);
    }
    let page = root().join("docs/configuration.md");
    let text = std::fs::read_to_string(&page).unwrap();
    let (before, rest) = text.split_once(TABLE.0).unwrap();
    let (there, after) = rest.split_once(TABLE.1).unwrap();
    if std::env::var_os(BLESS).is_some_and(|value| value == "1") {
        std::fs::write(&page, [before, TABLE.0, &table, TABLE.1, after].concat()).unwrap();
        return;
    }
    assert!(
        there == table,
        "docs/configuration.md: `{BLESS}=1 cargo test --test it generated::`; it should say\n{table}"
    );
}

/// What stands in quotes after one of these in the sources of `config` is a variable of Fast-Flow's or of ours.
const READ_BY: [&str; 5] = ["Key::variable(", "Key::on_page(", " key(", "Key { variable: ", "folder("];

#[test]
fn every_variable_that_is_read_is_in_the_documents_and_no_other() {
    let mut read = BTreeSet::new();
    for text in sources_of_config() {
        for opening in READ_BY {
            for piece in text.split(opening).skip(1) {
                let Some(name) = piece.strip_prefix('"').and_then(|piece| piece.split('"').next()) else { continue };
                read.insert(name.to_owned());
            }
        }
    }
    // libpq's: each behind a parameter of the address.
    let is_libpq =
        |text: &&str| text.starts_with("PG") && text.bytes().all(|byte| byte == b'_' || byte.is_ascii_uppercase());
    read.extend(source_of_config("postgres").split('"').filter(is_libpq).map(str::to_owned));
    assert!(
        read.len() > 45 && read.contains("PGSSLROOTCERT") && read.contains("S3_SSE") && read.contains("DATABASE_URL"),
        "{read:?}"
    );
    let page = std::fs::read_to_string(root().join("docs/configuration.md")).unwrap();
    let variables = page.split("## Variables").nth(1).unwrap().split("\n## ").next().unwrap();
    let named: BTreeSet<String> = variables
        .lines()
        .filter(|line| line.starts_with("| `"))
        .flat_map(|line| line.split('|').nth(1).unwrap().split('`').skip(1).step_by(2))
        .map(|name| name.split('=').next().unwrap().to_owned())
        .filter(|name| !name.starts_with('*') && !name.ends_with("_FILE"))
        .collect();
    let missing: Vec<_> = read.difference(&named).collect();
    let invented: Vec<_> = named.difference(&read).filter(|name| !ELSEWHERE.contains(&name.as_str())).collect();
    assert!(missing.is_empty() && invented.is_empty(), "missing: {missing:?}, read by nobody: {invented:?}");
}

/// All of it, but for its tests.
fn sources_of_config() -> Vec<String> {
    let files = std::fs::read_dir(root().join("src/config")).unwrap().map(|entry| entry.unwrap().path());
    let names = files.map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned());
    names.filter(|name| !matches!(name.as_str(), "tests" | "fuzzing")).map(|name| source_of_config(&name)).collect()
}

/// What is not its tests.
fn source_of_config(file: &str) -> String {
    let text = std::fs::read_to_string(root().join(format!("src/config/{file}.rs"))).unwrap();
    text.split("#[cfg(test)]\nmod tests {").next().unwrap().to_owned()
}

/// Variables that are read by others than `config`: the terminal's conventions, and the libraries'.
const ELSEWHERE: [&str; 4] = ["NO_COLOR", "CLICOLOR_FORCE", "HTTPS_PROXY", "TERM"];
