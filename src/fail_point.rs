//! Named steps at which a test can kill the process, as if the power went, or do something in between. Nothing of it is in a
//! build that is not for tests.
//!
//! In: with the feature `fail-points`, `FASTFLOW_ARCHIVE_TEST_KILL=NAME:N`: SIGKILL when the step is reached the Nth time;
//! `FASTFLOW_ARCHIVE_TEST_RUN=NAME:COMMAND`: runs a shell command whenever the step is reached.

/// Says that the work has come to the step `name`.
#[cfg(not(feature = "fail-points"))]
#[inline(always)]
pub fn reached(_name: &'static str) {}

/// Says that the work has come to the step `name`; may not return.
#[cfg(feature = "fail-points")]
pub fn reached(name: &'static str) {
    use std::sync::atomic::{AtomicI64, Ordering};

    static REACHED: AtomicI64 = AtomicI64::new(0);
    let asked = |variable| {
        let text = std::env::var(variable).ok()?;
        let (step, what) = text.split_once(':')?;
        (step == name).then(|| what.to_owned())
    };
    if let Some(command) = asked("FASTFLOW_ARCHIVE_TEST_RUN") {
        let _ = std::process::Command::new("sh").args(["-c", &command]).status();
    }
    let times = asked("FASTFLOW_ARCHIVE_TEST_KILL").and_then(|times| times.parse::<i64>().ok());
    if times.is_some_and(|times| REACHED.fetch_add(1, Ordering::SeqCst) + 1 == times) {
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        loop {
            std::thread::park();
        }
    }
}
