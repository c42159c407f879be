//! What is told of the archive: objects that were looked at, local files beside them, what is in it, what came back.
//!
//! In: findings as they come. Out: lines and counts.

use std::io::{self, Write as _};

use super::{Report, json, text};
use crate::bytes::ByteSize;
use crate::check::{CheckedObject, InArchive, LocalFinding, Restored, State};
use crate::error::{Error, Result};
use crate::run::RunId;

impl Report {
    /// An object of the archive that was looked at.
    pub fn object(&mut self, object: &CheckedObject) {
        let is_ok = object.state == State::Ok;
        self.summary.objects_checked += 1;
        self.summary.differences += u64::from(!is_ok);
        self.succeeded |= is_ok && !object.is_by_listing;
        *self.found.entry(object.state).or_default() += 1;
        if self.form.json {
            self.json_line(&json::object(object));
        } else if !is_ok {
            drop(text::object(&mut *self.stderr(), self.style.stderr, object));
        }
    }

    /// A file of the instance that is not what is in the archive.
    pub fn local_file(&mut self, finding: &LocalFinding) {
        self.summary.differences += 1;
        if self.form.json {
            self.json_line(&json::local_file(finding));
        } else {
            drop(text::local_file(&mut *self.stderr(), self.style.stderr, finding));
        }
    }

    /// Which part of the runs is read, and the seed that chose it.
    pub fn sample(&self, read: u64, runs: u64, seed: u32) {
        if self.form.json {
            self.json_line(&json::sample(read, runs, seed));
        } else if !self.form.quiet {
            drop(writeln!(io::stdout().lock(), "Reading {read} of {runs} runs, chosen with seed {seed}."));
        }
    }

    /// How it stands with the archive, in one line.
    pub fn archive_checked(&self) {
        if !self.form.json && !self.form.quiet {
            let duration = self.started.elapsed();
            drop(text::archive_check(&mut io::stdout().lock(), self.style.stdout, &self.found, duration));
        }
    }

    /// Prints the archived runs that `each` hands over.
    pub fn listing(&self, each: impl FnOnce(&mut dyn FnMut(&InArchive)) -> Result<()>) -> Result<()> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        let (mut count, mut objects, mut bytes) = (0, 0, ByteSize(0));
        let is_text = !self.form.json && !self.form.quiet;
        each(&mut |run| {
            count += 1;
            objects += run.objects;
            bytes += run.bytes;
            if self.form.json {
                drop(json::write(&mut out, &json::archived_run(run)));
            } else if is_text {
                if count == 1 {
                    drop(text::listing_header(&mut out, self.style.stdout));
                }
                drop(text::archived_run(&mut out, run));
            }
        })?;
        if is_text {
            drop(text::listed(&mut out, self.style.stdout, count, objects, bytes));
        }
        drop(out.flush());
        Ok(())
    }

    /// A run that is back.
    pub fn restored(&mut self, restored: &Restored) {
        restored.warnings.iter().for_each(|warning| self.warning(warning));
        self.succeeded = true;
        self.summary.runs_restored += 1;
        for file in restored.files.iter().filter(|file| !file.was_there) {
            self.summary.files_restored += 1;
            self.summary.bytes_restored += file.bytes;
        }
        if self.form.json {
            self.json_line(&json::restored(restored));
        } else if self.form.verbose > 0 && !self.form.quiet {
            drop(text::restored(&mut io::stdout().lock(), restored));
        }
    }

    /// A run that is not back, as a whole or in part, because of these beside differences.
    pub fn restore_failed(&mut self, run: RunId, errors: &[Error]) {
        self.summary.runs_failed += 1;
        self.summary.runs_failed_by_storage += u64::from(errors.iter().any(|error| error.kind.is_storage()));
        for error in errors {
            if self.form.json {
                self.json_line(&json::error_line(error, Some(&run)));
            } else {
                self.failures.push(text::Failure::of_row(error));
            }
        }
    }
}
