//! Instants as Fast-Flow stores them and as we show them: microseconds since 1970, UTC.
//!
//! In: SQLite time texts, RFC 3339, the system clock. Out: [`Timestamp`]. Reads the clock only in [`Clock::now`].

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
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
    pub fn from_sqlite(text: impl AsRef<[u8]>) -> Option<Self> {
        let text = text.as_ref();
        Timestamp::without_zone(text.strip_suffix(b"Z").unwrap_or(text))
    }

    /// Reads RFC 3339 in UTC (`2026-08-04T12:00:00Z`, fraction optional).
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        let text = text.as_bytes().strip_suffix(b"Z").filter(|text| text.get(10) == Some(&b'T'))?;
        Timestamp::without_zone(text)
    }

    /// `YYYY-MM-DD HH:MM:SS`, or with a `T`, and up to nine digits of a fraction, from 1970 on. Read by hand: humantime
    /// overlooks what follows a `Z`, and a scan reads two million of them.
    fn without_zone(text: &[u8]) -> Option<Self> {
        let (whole, fraction) = text.split_first_chunk::<19>()?;
        let &[y, yy, yyy, yyyy, b'-', m, mm, b'-', d, dd, b' ' | b'T', h, hh, b':', n, nn, b':', s, ss] = whole else {
            return None;
        };
        let (year, month, day) = (number_of(&[y, yy, yyy, yyyy])?, number_of(&[m, mm])?, number_of(&[d, dd])?);
        let (hour, minute, second) = (number_of(&[h, hh])?, number_of(&[n, nn])?, number_of(&[s, ss])?);
        let is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        let days = match month {
            4 | 6 | 9 | 11 => 30,
            2 => 28 + i64::from(is_leap),
            1..=12 => 31,
            _ => return None,
        };
        // Second 60 would be the one that follows.
        if year < 1970 || !(1..=days).contains(&day) || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let micros = match fraction {
            [] => 0,
            [b'.', digits @ ..] if (1..=9).contains(&digits.len()) => {
                let nanos = number_of(digits)? * 10_i64.pow(9 - digits.len() as u32);
                nanos / 1000
            }
            _ => return None,
        };
        let seconds = ((days_since_1970(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
        Some(Timestamp(seconds * MICROS_PER_SECOND + micros))
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

/// Decimal digits, some nine at most, and nothing else.
fn number_of(digits: &[u8]) -> Option<i64> {
    let (mut number, mut worst) = (0, 0);
    for digit in digits {
        let worth = digit.wrapping_sub(b'0');
        number = number * 10 + i64::from(worth);
        worst = worst.max(worth);
    }
    (worst < 10).then_some(number)
}

/// Days from 1970-01-01 to a date of the Gregorian calendar, from 1970 on.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March, so that the day that leap years have more is the last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year / 4 - year / 100 + year / 400;
    // 719,468 days lie between the first of March of the year 0 and 1970.
    year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1 - 719_468
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

/// So many days, or as many as a retention can mean.
pub fn days(days: u64) -> Duration {
    Duration::from_secs(86_400) * u32::try_from(days).unwrap_or(u32::MAX)
}

/// The word that goes with so many days: `1 day`, `30 days`.
pub fn unit_of_days(days: u64) -> &'static str {
    if days == 1 { "day" } else { "days" }
}

/// A duration for people, in the largest whole units: `30 days`, `10m`, `1h 30m`. Months and years are spelled as days.
pub fn days_and_less(duration: Duration) -> String {
    const DAY: u64 = 86_400;
    let (days, rest) = (duration.as_secs() / DAY, Duration::from_secs(duration.as_secs() % DAY));
    let in_days = format!("{days} {}", unit_of_days(days));
    match (days, rest) {
        (0, _) => humantime::format_duration(rest).to_string(),
        (_, Duration::ZERO) => in_days,
        (_, _) => format!("{in_days} {}", humantime::format_duration(rest)),
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
    fn every_day_of_400_years_is_read_as_humantime_reads_it() {
        for day in 0..146_097u64 {
            let at = Timestamp::from(UNIX_EPOCH + Duration::from_secs(day * 86_400 + day % 86_400));
            let text = at.to_string();
            assert_eq!(Timestamp::from_rfc3339(&text), Some(at), "{text}");
            assert_eq!(humantime::parse_rfc3339(&text).map(Timestamp::from), Ok(at), "{text}");
        }
        for text in ["2026-02-29 00:00:00", "2100-02-29 00:00:00", "2026-04-31 00:00:00", "1969-12-31 23:59:59"] {
            assert_eq!(Timestamp::from_sqlite(text), None, "{text}");
        }
        assert!(Timestamp::from_sqlite("2028-02-29 00:00:00").is_some());
    }

    #[test]
    fn durations_are_shown_in_days() {
        assert_eq!(days_and_less(Duration::from_secs(30 * 86_400)), "30 days");
        assert_eq!(days_and_less(Duration::from_secs(600)), "10m");
        assert_eq!(days_and_less(Duration::from_secs(86_400 + 3600)), "1 day 1h");
    }
}
