//! The field, side by side: `cleanup` and `plan` against the tools that people use instead, on a MinIO of its own.
//!
//! `cargo bench --bench field -- [CASE ...] [--rounds N] [--dir DIR] [--markdown FILE]`. In: cases by name (all without one).
//! Out: a table for each, medians of alternating rounds and their ratios to ours. Every round begins with a fresh copy of the
//! sample instance and an empty bucket, and counts only if all bytes arrived. Peers that are not installed are named as
//! missing. `FASTFLOW_ARCHIVE_BENCH_ROUNDS` is as `--rounds`; `FASTFLOW_ARCHIVE_BENCH_SCALE=100` makes everything a hundredth as
//! large, which measures nothing and shows that it works. `--other BINARY` adds another build of ours, `--alone` leaves the
//! peers out. Needs MinIO, `mc`, and Linux (`/proc`).
//!
//! MinIO's data lie in `TMPDIR`. An ext4 without a journal, as many virtual machines have, is no place to measure: it takes
//! care not to use the inodes of what was removed within the last minutes, and after some rounds MinIO spends most of its
//! time there. A file with an ext4 of its own, mounted by loop, will do.

#![allow(clippy::print_stdout, clippy::print_stderr, clippy::expect_used, reason = "a program for developers")]

mod bare;
mod cases;
mod measure;
mod relay;
mod sign;
mod stage;
mod table;
mod throttling;

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

/// What command line and environment ask for.
#[derive(Default)]
pub(crate) struct Asked {
    cases: Vec<String>,
    pub(crate) rounds: usize,
    /// Sizes are divided by it.
    pub(crate) scale: u64,
    pub(crate) dir: PathBuf,
    markdown: Option<PathBuf>,
    /// Another build of ours.
    pub(crate) other: Option<PathBuf>,
    /// Ours only.
    pub(crate) alone: bool,
}

impl Asked {
    /// So many, or a part of it.
    pub(crate) fn scaled(&self, number: u64) -> u64 {
        (number / self.scale).max(1)
    }
}

fn main() -> Result<()> {
    let asked = asked()?;
    let known = cases::all();
    if let Some(unknown) = asked.cases.iter().find(|name| !known.iter().any(|case| case.name == **name)) {
        let names: Vec<_> = known.iter().map(|case| format!("  {:<12} {}", case.name, case.about)).collect();
        bail!("no case is called `{unknown}`; there are\n{}", names.join("\n"));
    }
    let mut text = String::new();
    for case in known.iter().filter(|case| asked.cases.is_empty() || asked.cases.iter().any(|name| name == case.name)) {
        eprintln!("{}: {}", case.name, case.about);
        let table = (case.run)(&asked).with_context(|| format!("case `{}`", case.name))?;
        let section = format!("### {}\n\n{}\n\n{}\n", case.name, case.about, table.markdown());
        println!("{section}");
        text += &section;
    }
    if let Some(file) = &asked.markdown {
        std::fs::write(file, text).with_context(|| format!("write {}", file.display()))?;
    }
    Ok(())
}

fn asked() -> Result<Asked> {
    let number = |variable: &str, default| match std::env::var(variable) {
        Ok(text) => text.parse().with_context(|| format!("{variable} takes a number")),
        Err(_) => Ok(default),
    };
    let rounds = usize::try_from(number("FASTFLOW_ARCHIVE_BENCH_ROUNDS", 5)?)?;
    let scale = number("FASTFLOW_ARCHIVE_BENCH_SCALE", 1)?.max(1);
    let mut asked = Asked { rounds, scale, dir: std::env::temp_dir(), ..Asked::default() };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().with_context(|| format!("{argument} needs a value"));
        match argument.as_str() {
            // Added by cargo.
            "--bench" => {}
            "--rounds" => asked.rounds = value()?.parse().context("--rounds takes a number")?,
            "--dir" => asked.dir = value()?.into(),
            "--other" => asked.other = Some(value()?.into()),
            "--alone" => asked.alone = true,
            "--markdown" => asked.markdown = Some(value()?.into()),
            option if option.starts_with('-') => bail!("unknown option {option}"),
            name => asked.cases.push(name.to_owned()),
        }
    }
    Ok(asked)
}
