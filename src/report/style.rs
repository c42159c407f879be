//! Colour or not: `NO_COLOR` beats `CLICOLOR_FORCE` beats `--color` (conventions.md section 1).

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _, Write};

use clap::ColorChoice;

use super::journal::{Journal, is_journal};

/// Whether the two streams are coloured, and whether a bar may move.
#[derive(Debug, Clone, Copy, Default)]
pub struct Style {
    /// Colour on stdout.
    pub stdout: bool,
    /// Colour on stderr.
    pub stderr: bool,
    /// stderr is a terminal that can redraw a line.
    pub can_animate: bool,
    /// stderr is systemd's journal.
    pub journal: bool,
}

impl Style {
    /// Decides from environment, option and terminals.
    pub fn detect(environment: &BTreeMap<String, String>, choice: ColorChoice) -> Style {
        let is_set = |name: &str| environment.get(name).is_some_and(|value| !value.is_empty());
        let is_dumb = environment.get("TERM").is_some_and(|term| term == "dumb");
        let colored = |is_terminal: bool| match choice {
            _ if is_set("NO_COLOR") => false,
            _ if environment.get("CLICOLOR_FORCE").is_some_and(|value| !value.is_empty() && value != "0") => true,
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => is_terminal && !is_dumb,
        };
        let [stdout, stderr] = [std::io::stdout().is_terminal(), std::io::stderr().is_terminal()];
        let journal = is_journal(environment, io::stderr());
        Style {
            stdout: colored(stdout),
            // The journal shows priorities in colours of its own.
            stderr: colored(stderr) && !journal,
            can_animate: stderr && !is_dumb,
            journal,
        }
    }

    /// stderr; where it is the journal, each line gets its priority.
    pub fn error_stream(&self) -> Box<dyn Write> {
        if self.journal { Box::new(Journal::new(io::stderr().lock())) } else { Box::new(io::stderr().lock()) }
    }
}

/// `text` in bold red, where coloured.
pub(super) fn red(colored: bool, text: &str) -> String {
    paint(colored, "1;31", text)
}

/// `text` in green, where coloured.
pub(super) fn green(colored: bool, text: &str) -> String {
    paint(colored, "32", text)
}

/// `text` in bold yellow, where coloured.
pub(super) fn yellow(colored: bool, text: &str) -> String {
    paint(colored, "1;33", text)
}

/// `text` in bold, where coloured.
pub(super) fn bold(colored: bool, text: &str) -> String {
    paint(colored, "1", text)
}

/// `text` in cyan, where coloured.
pub(super) fn cyan(colored: bool, text: &str) -> String {
    paint(colored, "36", text)
}

fn paint(colored: bool, code: &str, text: &str) -> String {
    if colored { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}
