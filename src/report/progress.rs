//! A bar on a terminal: runs, bytes, rate, time left.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::bytes::ByteSize;

const REDRAWS_PER_SECOND: u8 = 8;

/// The bar, or nothing where none may be shown.
pub struct Progress {
    bar: ProgressBar,
    runs: u64,
    total: usize,
}

impl Progress {
    /// A bar over `bytes` of `runs` runs; hidden unless `visible`.
    pub fn new(visible: bool, runs: usize, bytes: ByteSize) -> Progress {
        let template = "{prefix} {wide_bar} {binary_bytes}/{binary_total_bytes}  {binary_bytes_per_sec}  {eta} left";
        let progress = Progress { bar: bar(visible, bytes.0, template), runs: 0, total: runs };
        progress.show_runs();
        progress
    }

    /// A bar over things that are looked at; hidden unless `visible`.
    pub fn counting(visible: bool, total: u64, what: &str) -> Progress {
        let template = format!("{{pos}}/{{len}} {what} {{wide_bar}} {{per_sec}}  {{eta}} left");
        Progress { bar: bar(visible, total, &template), runs: 0, total: 0 }
    }

    /// One more was looked at; where more turn up than were known, the bar grows.
    pub fn one_more(&self) {
        self.bar.inc(1);
        if self.bar.position() > self.bar.length().unwrap_or_default() {
            self.bar.inc_length(1);
        }
    }

    /// One more run of `bytes` was found: the bar grows, and with it what is left.
    pub fn found(&mut self, bytes: ByteSize) {
        self.total += 1;
        let known = if self.total == 1 { 0 } else { self.bar.length().unwrap_or_default() };
        self.bar.set_length((known + bytes.0).max(1));
        self.show_runs();
    }

    /// A run of `bytes` ended, well or not.
    pub fn ended(&mut self, bytes: ByteSize) {
        self.bar.inc(bytes.0);
        self.run_ended();
    }

    /// A run ended.
    pub fn run_ended(&mut self) {
        self.runs += 1;
        self.show_runs();
    }

    /// So many bytes were sent in all.
    pub fn sent(&self, bytes: ByteSize) {
        self.bar.set_position(bytes.0.min(self.bar.length().unwrap_or(u64::MAX)));
    }

    /// Prints while the bar is away: no line of it stays between others.
    pub fn beside<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }

    /// Takes the bar away.
    pub fn finish(self) {
        self.bar.finish_and_clear();
    }

    fn show_runs(&self) {
        self.bar.set_prefix(format!("{}/{} runs", self.runs, self.total));
    }
}

fn bar(visible: bool, length: u64, template: &str) -> ProgressBar {
    let target =
        if visible { ProgressDrawTarget::stderr_with_hz(REDRAWS_PER_SECOND) } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(length.max(1)), target);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    if visible {
        bar.enable_steady_tick(Duration::from_millis(250));
    }
    bar
}
