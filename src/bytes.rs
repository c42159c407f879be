//! Sizes in bytes, shown in binary units with one decimal; bytes in a second; bytes from and to hexadecimal.

use std::fmt;
use std::iter::Sum;
use std::num::NonZeroU64;
use std::ops::{Add, AddAssign};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A number of bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ByteSize(pub u64);

impl ByteSize {
    /// `count` MiB.
    pub const fn mib(count: u64) -> Self {
        ByteSize(count.saturating_mul(1 << 20))
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
        let mut value = self.0 as f64;
        let mut unit = 0;
        while value >= 1023.95 && unit + 1 < UNITS.len() {
            value /= 1024.0;
            unit += 1;
        }
        let text = if unit == 0 { format!("{} B", self.0) } else { format!("{value:.1} {}", UNITS[unit]) };
        f.pad(&text)
    }
}

impl Add for ByteSize {
    type Output = ByteSize;
    fn add(self, other: ByteSize) -> ByteSize {
        ByteSize(self.0.saturating_add(other.0))
    }
}

impl AddAssign for ByteSize {
    fn add_assign(&mut self, other: ByteSize) {
        *self = *self + other;
    }
}

impl Sum for ByteSize {
    fn sum<I: Iterator<Item = ByteSize>>(sizes: I) -> ByteSize {
        sizes.fold(ByteSize::default(), Add::add)
    }
}

/// At most so many bytes in a second, as rclone writes it: `10M` is 10 MiB/s, a bare number counts KiB/s, `off` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteRate(pub Option<NonZeroU64>);

const AS_IT_IS_WRITTEN: &str = "write it as 10M, 512K or 1.5G (binary units in a second, above 0), or off";

impl FromStr for ByteRate {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let trimmed = text.trim();
        if trimmed.eq_ignore_ascii_case("off") {
            return Ok(ByteRate(None));
        }
        let end = trimmed.find(|character: char| character.is_ascii_alphabetic()).unwrap_or(trimmed.len());
        let (number, unit) = trimmed.split_at(end);
        let shift = match unit.to_ascii_uppercase().trim_end_matches("IB") {
            "B" => 0,
            "" | "K" => 10,
            "M" => 20,
            "G" => 30,
            _ => return Err(AS_IT_IS_WRITTEN),
        };
        let rate = number.parse::<f64>().ok().map(|number| number * f64::from(1 << shift)).filter(|rate| *rate < 1e15);
        let rate = rate.and_then(|rate| NonZeroU64::new(rate as u64));
        rate.map(|rate| ByteRate(Some(rate))).ok_or(AS_IT_IS_WRITTEN)
    }
}

/// What each byte is worth as a hex digit; 16 where it is none.
const DIGITS: [u8; 256] = {
    let mut worth = [16; 256];
    let mut value = 0;
    while value < 16 {
        worth[b"0123456789abcdef"[value] as usize] = value as u8;
        worth[b"0123456789ABCDEF"[value] as usize] = value as u8;
        value += 1;
    }
    worth
};

/// Reads hexadecimal of exactly `N` bytes, in either case. By a table: a scan reads a million ids.
pub fn from_hex<const N: usize>(digits: impl AsRef<[u8]>) -> Option<[u8; N]> {
    let digits = digits.as_ref();
    let (mut bytes, mut worst) = ([0; N], 0);
    for (byte, pair) in bytes.iter_mut().zip(digits.as_chunks::<2>().0) {
        let [high, low] = pair.map(|digit| DIGITS[usize::from(digit)]);
        worst |= high | low;
        *byte = high << 4 | low;
    }
    (digits.len() == 2 * N && worst < 16).then_some(bytes)
}

/// Lower-case hexadecimal.
pub fn to_hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| hex_of(*byte)).collect();
    String::from_utf8(digits).unwrap_or_default()
}

/// The two digits of a byte.
pub fn hex_of(byte: u8) -> [u8; 2] {
    [byte >> 4, byte & 15].map(|nibble| b"0123456789abcdef"[usize::from(nibble)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_read_as_rclone_reads_them() {
        let read = |text: &str| text.parse::<ByteRate>().map(|rate| rate.0.map(NonZeroU64::get));
        let read: Vec<_> = ["10M", "512k", "1.5GiB", "100", "64B", "off"].map(|text| read(text).unwrap()).into();
        assert_eq!(read, [Some(10 << 20), Some(512 << 10), Some(3 << 29), Some(100 << 10), Some(64), None]);
        for bad in ["", "0", "-1M", "M", "10X", "1e99G", "nan", "10 M B", "0.1B"] {
            assert!(bad.parse::<ByteRate>().is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_read_in_the_largest_unit_that_fits() {
        let shown: Vec<_> =
            [0, 1023, 1024, 1536, 1024 * 1024 - 1, 1 << 30, u64::MAX].map(|size| ByteSize(size).to_string()).into();
        assert_eq!(shown, ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "1.0 MiB", "1.0 GiB", "16384.0 PiB"]);
    }
}
