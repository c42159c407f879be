//! One process from start to end: wall time, processor time, peak memory, as the kernel accounts for them.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

/// What one run took.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Figures {
    pub(crate) wall: Duration,
    /// User and system time of the process; zero where it is not counted.
    pub(crate) cpu: Duration,
    /// The same of the store meanwhile; zero where it is not counted.
    pub(crate) store_cpu: Duration,
    /// Largest resident set in bytes.
    pub(crate) peak_bytes: u64,
    /// Objects or rows that were dealt with.
    pub(crate) items: u64,
}

/// How often peak memory is read; the kernel's mark only rises, so that only the last moments can be missed.
const LOOK: Duration = Duration::from_millis(5);

/// Runs the command to its end; anything but exit code 0 is an error with what it printed.
pub(crate) fn measure(command: &mut Command) -> Result<Figures> {
    let stderr = tempfile::tempfile()?;
    match measure_with(command, &stderr)? {
        (figures, status) if status.success() => Ok(figures),
        (_, status) => {
            let (mut stderr, mut text) = (stderr, String::new());
            stderr.rewind()?;
            stderr.read_to_string(&mut text)?;
            bail!("{command:?} ended with {status}: {}", text.trim());
        }
    }
}

/// Runs the command to its end, and says whether it succeeded.
pub(crate) fn measure_any(command: &mut Command) -> Result<(Figures, bool)> {
    measure_with(command, &tempfile::tempfile()?).map(|(figures, status)| (figures, status.success()))
}

fn measure_with(command: &mut Command, stderr: &File) -> Result<(Figures, ExitStatus)> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr.try_clone()?);
    let began = Instant::now();
    let mut child = command.spawn().with_context(|| format!("start {command:?}"))?;
    let pid = child.id();
    // The waiting thread is not asked to do anything else, so that the end is seen at once.
    let watcher = std::thread::spawn(move || watch(pid));
    let ended = wait_without_reaping(&child);
    let wall = began.elapsed();
    let cpu = cpu_time(pid);
    let status = child.wait()?;
    let peak_bytes = watcher.join().unwrap_or_default();
    ended?;
    Ok((Figures { wall, cpu: cpu?, peak_bytes, ..Figures::default() }, status))
}

/// The largest resident set until the process ends.
fn watch(pid: u32) -> u64 {
    let mut peak = 0;
    while let Some(bytes) = high_water_mark(pid) {
        peak = bytes;
        std::thread::sleep(LOOK);
    }
    peak
}

fn high_water_mark(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
}

/// Waits for the end and leaves the process as a zombie, whose accounts can still be read.
fn wait_without_reaping(child: &Child) -> Result<()> {
    let pid = Pid::from_child(child);
    waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)?;
    Ok(())
}

/// User and system time of all its threads, in hundredths of a second (proc(5), `/proc/pid/stat`, fields 14 and 15).
pub(crate) fn cpu_time(pid: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let after_name = stat.rsplit_once(')').context("a stat line names the program")?.1;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks: u64 =
        fields.get(11..13).context("a stat line has times")?.iter().flat_map(|field| field.parse::<u64>()).sum();
    Ok(Duration::from_millis(ticks * 10))
}
