//! The completions, loaded and asked in the real shells: a subcommand, an option, a value.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What is typed, and what must be offered.
const ASKED: [(&str, &str); 4] = [
    ("fastflow-archive clean", "cleanup"),
    ("fastflow-archive cleanup --max-d", "--max-delete"),
    ("fastflow-archive cleanup --proof rea", "readback"),
    ("fastflow-archive ledger ver", "verify"),
];

fn completions() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("completions")
}

/// The shell, or nothing and a line that says so; one that `FASTFLOW_ARCHIVE_TEST_<NAME>` names must be there.
fn shell(name: &str) -> Option<PathBuf> {
    let variable = format!("FASTFLOW_ARCHIVE_TEST_{}", name.to_uppercase());
    let named = std::env::var_os(&variable).map(PathBuf::from);
    let program = named.clone().unwrap_or_else(|| name.into());
    let ran = Command::new(&program).args(["-c", "true"]).stdin(Stdio::null()).output();
    match (ran, named) {
        (Ok(output), _) if output.status.success() => Some(program),
        (_, Some(named)) => panic!("{variable} names {}, which does not run", named.display()),
        (_, None) => {
            println!("no {name} here: its completions were not tried (name it in {variable})");
            None
        }
    }
}

/// Runs a script of the shell with a home of its own, what is typed as `$1`, and the binary in `PATH`.
fn run(program: &Path, flags: &[&str], script: &str, typed: &str) -> String {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("script");
    fs::write(&file, script.replace("COMPLETIONS", completions().to_str().unwrap())).unwrap();
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let folder = Path::new(env!("CARGO_BIN_EXE_fastflow-archive")).parent().unwrap().to_str().unwrap();
    let output = Command::new(program)
        .args(flags)
        .arg(&file)
        .arg(typed)
        .env_clear()
        .env("HOME", home.path())
        .env("TERM", "xterm")
        .env("PATH", format!("{folder}:/usr/local/bin:/usr/bin:/bin"))
        .current_dir(home.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let seen = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{seen}");
    seen.into_owned()
}

#[track_caller]
fn offers(name: &str, flags: &[&str], script: &str) {
    let Some(program) = shell(name) else { return };
    for (typed, expected) in ASKED {
        let seen = run(&program, flags, script, typed);
        let offered = |word: &str| word.trim_end_matches('=') == expected;
        assert!(seen.split_whitespace().any(offered), "{name}: `{typed}` offers no {expected}:\n{seen}");
    }
}

#[test]
fn bash_completes_subcommands_options_and_values() {
    offers(
        "bash",
        &["--norc", "--noprofile"],
        r#"
source COMPLETIONS/fastflow-archive.bash
COMP_LINE=$1 COMP_POINT=${#1}
read -ra COMP_WORDS <<<"$1"
if [[ $1 == *' ' ]]; then COMP_WORDS+=(''); fi
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
COMPREPLY=()
[[ $(complete -p fastflow-archive) =~ -F\ ([^ ]+) ]] || exit 1
"${BASH_REMATCH[1]}" fastflow-archive "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
((${#COMPREPLY[@]} == 0)) || printf '%s\n' "${COMPREPLY[@]}"
"#,
    );
}

#[test]
fn zsh_completes_subcommands_options_and_values() {
    // A line is typed into a terminal of zsh's own, completed, and the line that comes of it read.
    offers(
        "zsh",
        &["-f"],
        r#"
zmodload zsh/zpty
zpty shell zsh -f -i
send() { zpty -w shell "$1" }
send "PS1=; PS2=; unsetopt prompt_sp zle_bracketed_paste; stty -echo cols 200"
send "fpath=(COMPLETIONS \$fpath); autoload -Uz compinit; compinit -u -D"
send "finish() { zle expand-or-complete; print -r -- \"buffer \$BUFFER end\"; print -r -- answered-\$((40 + 2)) }"
send "zle -N finish; bindkey '^T' finish; print ready-\$((40 + 1))"
zpty -r shell answer '*ready-41*' || exit 1
zpty -w -n shell "$1"$'\C-T'
zpty -r shell answer '*answered-42*' || exit 1
print -r -- "$answer" | sed $'s/\x1b\\[[0-9;?]*[a-zA-Z]//g; s/\r//g'
zpty -d shell
"#,
    );
}

#[test]
fn fish_completes_subcommands_options_and_values() {
    offers(
        "fish",
        &["--no-config"],
        r#"
source COMPLETIONS/fastflow-archive.fish
complete --do-complete $argv[1]
"#,
    );
}
