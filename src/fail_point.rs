//! Named steps at which a test can kill the process, as if the power went. Nothing of it is in a build that is not for tests.
//!
//! In: with the feature `fail-points`, `FASTFLOW_ARCHIVE_TEST_KILL=NAME:N`: SIGKILL when the step is reached the Nth time.

/// Says that the work has come to the step `name`.
#[cfg(not(feature = "fail-points"))]
#[inline(always)]
pub fn reached(_name: &'static str) {}

/// Says that the work has come to the step `name`; may not return.
#[cfg(feature = "fail-points")]
pub fn reached(name: &'static str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicI64, Ordering};

    static ASKED: OnceLock<Option<(String, AtomicI64)>> = OnceLock::new();
    let asked = ASKED.get_or_init(|| {
        let text = std::env::var("FASTFLOW_ARCHIVE_TEST_KILL").ok()?;
        let (name, times) = text.split_once(':')?;
        Some((name.to_owned(), AtomicI64::new(times.parse().ok()?)))
    });
    if let Some((asked, left)) = asked
        && asked == name
        && left.fetch_sub(1, Ordering::SeqCst) == 1
    {
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        loop {
            std::thread::park();
        }
    }
}
