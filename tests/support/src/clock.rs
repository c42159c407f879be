//! Instants of the sample instances, and their text as Fast-Flow writes it.

use std::time::{Duration, SystemTime};

/// The frozen clock of tests, for `FASTFLOW_ARCHIVE_NOW`.
pub const NOW: &str = "2026-06-15T02:00:00Z";

/// [`NOW`] as a value.
pub fn fixed_now() -> SystemTime {
    parse(NOW)
}

/// Reads RFC 3339; anything else is a mistake in the test.
pub fn parse(text: &str) -> SystemTime {
    humantime::parse_rfc3339(text).expect("an instant of a test must be RFC 3339")
}

/// `count` days.
pub fn days(count: u64) -> Duration {
    Duration::from_secs(count * 86_400)
}

/// As a DATETIME column of SQLite holds it: `2026-08-04 12:00:00.123456`, without the fraction when it is zero.
pub fn sql_text(time: SystemTime) -> String {
    with_fraction(time).replace('T', " ")
}

/// As Python's `isoformat` writes it, which is how log files are named: `2026-08-04T12:00:00.123456+00:00`.
pub fn iso_text(time: SystemTime) -> String {
    with_fraction(time) + "+00:00"
}

/// RFC 3339 in UTC, to the second.
pub fn rfc3339(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string()
}

fn with_fraction(time: SystemTime) -> String {
    let text = humantime::format_rfc3339_micros(time).to_string();
    let text = text.trim_end_matches('Z');
    text.strip_suffix(".000000").unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_written_as_fast_flow_writes_them() {
        let time = parse("2026-08-04T12:00:00.123456Z");
        assert_eq!(sql_text(time), "2026-08-04 12:00:00.123456");
        assert_eq!(iso_text(time), "2026-08-04T12:00:00.123456+00:00");
        assert_eq!(sql_text(parse("2026-08-04T12:00:00Z")), "2026-08-04 12:00:00");
    }
}
