//! Instants as Fast-Flow stores them and as we show them: microseconds since 1970, UTC.
//!
//! In: SQLite time texts, RFC 3339, the system clock. Out: [`Timestamp`]. Reads the clock only in [`Clock::now`].

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(i64);

const MICROS_PER_SECOND: i64 = 1_000_000;

impl Timestamp {
    /// `micros` microseconds after 1970-01-01T00:00:00Z.
    pub const fn from_micros(micros: i64) -> Self {
        Timestamp(micros)
    }

    /// Microseconds after 1970-01-01T00:00:00Z.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// This instant less `duration`; saturates.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Timestamp(self.0.saturating_sub(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    /// How long ago `earlier` was; zero where it lies in the future.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Reads what Fast-Flow writes on SQLite: `YYYY-MM-DD HH:MM:SS[.f...]`, UTC, without a zone. A `T` between date and time
    /// and a final `Z` are accepted; anything else, such as an offset or a leap second, is not a time.
    pub fn from_sqlite(text: &str) -> Option<Self> {
        Timestamp::without_zone(text.strip_suffix('Z').unwrap_or(text))
    }

    /// Reads RFC 3339 in UTC (`2026-08-04T12:00:00Z`, fraction optional).
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        let text = text.strip_suffix('Z').filter(|text| text.as_bytes().get(10) == Some(&b'T'))?;
        Timestamp::without_zone(text)
    }

    /// Judges the shape first: humantime overlooks what follows a `Z`, and offsets.
    fn without_zone(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let shape = bytes.iter().enumerate().all(|(index, byte)| match index {
            4 | 7 => *byte == b'-',
            10 => matches!(*byte, b' ' | b'T'),
            13 | 16 => *byte == b':',
            19 => *byte == b'.',
            // Second 60 would read as 59.
            17 => matches!(byte, b'0'..=b'5'),
            _ => byte.is_ascii_digit(),
        });
        if !shape || !(bytes.len() == 19 || (21..=29).contains(&bytes.len())) {
            return None;
        }
        humantime::parse_rfc3339_weak(text).ok().map(Timestamp::from)
    }

    /// The form of Fast-Flow's SQLite columns, fraction always six digits.
    pub fn to_sqlite(self) -> String {
        humantime::format_rfc3339_micros(self.into()).to_string().replace('T', " ").replace('Z', "")
    }

    /// To the second and short, for people: `2026-08-04 12:00`.
    pub fn to_minute(self) -> String {
        self.to_sqlite().chars().take(16).collect()
    }
}

/// What time it is: the system's, or frozen for tests (`FASTFLOW_ARCHIVE_NOW`).
#[derive(Debug, Clone, Copy)]
pub enum Clock {
    /// The system's.
    System,
    /// Always this instant.
    Frozen(Timestamp),
}

impl Clock {
    /// The instant.
    pub fn now(self) -> Timestamp {
        match self {
            Clock::System => Timestamp::from(SystemTime::now()),
            Clock::Frozen(at) => at,
        }
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Timestamp(i64::try_from(after.as_micros()).unwrap_or(i64::MAX)),
            Err(before) => Timestamp(i64::try_from(before.duration().as_micros()).map_or(i64::MIN, |micros| -micros)),
        }
    }
}

/// Instants before 1970 and after 9999 are clamped: they only occur where a clock is wrong.
impl From<Timestamp> for SystemTime {
    fn from(timestamp: Timestamp) -> Self {
        const END_OF_9999: u64 = 253_402_300_800 * MICROS_PER_SECOND as u64 - 1;
        UNIX_EPOCH + Duration::from_micros(u64::try_from(timestamp.0).unwrap_or(0).min(END_OF_9999))
    }
}

/// RFC 3339 in UTC with `Z`; the fraction is absent when zero.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 % MICROS_PER_SECOND == 0 {
            humantime::format_rfc3339_seconds((*self).into()).fmt(f)
        } else {
            humantime::format_rfc3339_micros((*self).into()).fmt(f)
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A duration for people, in the largest whole units: `30 days`, `10m`, `1h 30m`. Months and years are spelled as days.
pub fn days_and_less(duration: Duration) -> String {
    const DAY: u64 = 86_400;
    let (days, rest) = (duration.as_secs() / DAY, duration.as_secs() % DAY);
    let unit = if days == 1 { "day" } else { "days" };
    match (days, rest) {
        (0, _) => humantime::format_duration(Duration::from_secs(rest)).to_string(),
        (_, 0) => format!("{days} {unit}"),
        (_, _) => format!("{days} {unit} {}", humantime::format_duration(Duration::from_secs(rest))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlite_times_read_with_and_without_fraction() {
        let whole = Timestamp::from_sqlite("2026-08-04 12:00:00").unwrap();
        let fraction = Timestamp::from_sqlite("2026-08-04 12:00:00.123456").unwrap();
        assert_eq!(fraction.micros() - whole.micros(), 123_456);
        assert_eq!(whole.to_string(), "2026-08-04T12:00:00Z");
        assert_eq!(fraction.to_string(), "2026-08-04T12:00:00.123456Z");
        assert_eq!(fraction.to_sqlite(), "2026-08-04 12:00:00.123456");
    }

    #[test]
    fn other_shapes_are_not_times() {
        for text in [
            "",
            "2026-08-04",
            "2026-08-04 12:00",
            "2026-08-04 12:00:00+02:00",
            "2026-08-04 12:00:00.",
            "1786363200",
            "2026-13-04 12:00:00",
            "2026-06-30 23:59:60",
            "0000-01-01 00:00:00",
            "2026-08-04 12:00:00.1234567890",
        ] {
            assert_eq!(Timestamp::from_sqlite(text), None, "{text}");
        }
        for text in ["2026-08-04T12:00:00Z056Z", "2026-08-04T12:00:00ZZ", "2026-08-04 12:00:00Z", "2026-08-04T12:00:00"]
        {
            assert_eq!(Timestamp::from_rfc3339(text), None, "{text}");
        }
    }

    #[test]
    fn durations_are_shown_in_days() {
        assert_eq!(days_and_less(Duration::from_secs(30 * 86_400)), "30 days");
        assert_eq!(days_and_less(Duration::from_secs(600)), "10m");
        assert_eq!(days_and_less(Duration::from_secs(86_400 + 3600)), "1 day 1h");
    }
}
