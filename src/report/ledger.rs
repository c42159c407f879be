//! What is told of the ledger: its chain, its head, its entries, and receipts that were written back.
//!
//! In: counts, lines, differences. Out: the same, printed.

use std::io::{self, Write as _};

use super::{Report, json, text};
use crate::error::{Error, Result};

impl Report {
    /// The archive, or the record of it, is not what it should be.
    pub fn difference(&mut self, error: &Error) {
        self.summary.differences += 1;
        self.print_error(error);
    }

    /// How many runs got receipts back.
    pub fn rebuilt(&self, runs: u64) {
        if self.form.json {
            self.json_line(&json::rebuilt(runs));
        } else if !self.form.quiet {
            let runs = if runs == 1 { "1 run".to_owned() } else { format!("{runs} runs") };
            drop(writeln!(io::stdout().lock(), "{runs} got receipts back, marked as rebuilt."));
        }
    }

    /// How many entries the ledger has, and how many anchors in the bucket are entries of it; `None`: not looked at.
    pub fn ledger_checked(&mut self, entries: u64, anchors: Option<u64>) {
        self.summary.objects_checked = anchors.unwrap_or_default();
        let head = self.ledger_head.as_deref().unwrap_or_default();
        if self.form.json {
            self.json_line(&json::ledger_check(entries, anchors, head));
        } else if !self.form.quiet {
            let is_whole = self.summary.differences == 0;
            drop(text::ledger_check(&mut io::stdout().lock(), entries, anchors, head, is_whole));
        }
    }

    /// Prints the lines of the ledger that `each` hands over: as they are, or for people.
    pub fn export(&self, each: impl FnOnce(&mut dyn FnMut(&str)) -> Result<()>) -> Result<()> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        each(&mut |line| {
            drop(if self.form.json { writeln!(out, "{line}") } else { text::ledger_entry(&mut out, line) });
        })?;
        drop(out.flush());
        Ok(())
    }

    /// Takes the head of the ledger's chain, once the last entry is written.
    pub fn sealed(&mut self, ledger_head: String) {
        self.ledger_head = Some(ledger_head);
    }

    /// The head of the ledger's chain, where one is known.
    pub fn ledger_head(&self) -> Option<&str> {
        self.ledger_head.as_deref()
    }
}
