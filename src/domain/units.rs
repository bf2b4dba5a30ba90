//! Durations and sizes as people write them in TOML: `90s`, `35d`, `25MiB`.

use jiff::SignedDuration;

/// Reads a duration: a whole number and `s`, `m`, `h` or `d` (24 hours), for example `90s`, `2h`, `35d`.
pub fn duration(text: &str) -> Result<SignedDuration, String> {
    let (number, unit) = split(text);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => {
            return Err(format!(
                "`{text}` is not a duration; write a whole number and s, m, h or d, as `90s` or `35d`"
            ));
        }
    };
    number
        .and_then(|number| number.checked_mul(seconds))
        .filter(|seconds| *seconds <= 100 * 366 * 86_400)
        .map(SignedDuration::from_secs)
        .ok_or_else(|| {
            format!("`{text}` is not a duration; write a whole number and s, m, h or d, as `90s` or `35d`")
        })
}

/// Reads a size in bytes: a whole number and `B`, `kB`, `MB`, `GB`, `KiB`, `MiB` or `GiB`.
pub fn size(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is not a size; write a whole number and a unit, as `25MiB` or `20GB`");
    let (number, unit) = split(text);
    let factor: i64 = match unit {
        "B" => 1,
        "kB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(wrong()),
    };
    number.and_then(|n| n.checked_mul(factor)).and_then(|bytes| u64::try_from(bytes).ok()).ok_or_else(wrong)
}

/// A duration in the form that [`duration`] reads, in the largest unit that divides it.
pub fn duration_text(duration: SignedDuration) -> String {
    let seconds = duration.as_secs();
    for (unit, name) in [(86_400, "d"), (3_600, "h"), (60, "m")] {
        if seconds != 0 && seconds % unit == 0 {
            return format!("{}{name}", seconds / unit);
        }
    }
    format!("{seconds}s")
}

/// The time from one to the next at a rate, as `100/m` or `5/s`.
pub fn pace(text: &str) -> Result<SignedDuration, String> {
    let wrong = || format!("`{text}` is not a rate; write a whole number and /s, /m or /h, as `100/m`");
    let (count, unit) = text.split_once('/').ok_or_else(wrong)?;
    let span = match unit {
        "s" => 1_000_000,
        "m" => 60_000_000,
        "h" => 3_600_000_000,
        _ => return Err(wrong()),
    };
    let count: i64 = count.trim().parse().ok().filter(|count| 0 < *count).ok_or_else(wrong)?;
    Ok(SignedDuration::from_micros(span / count))
}

/// A number with a comma between groups of three digits.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if 0 < at && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn split(text: &str) -> (Option<i64>, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number.parse().ok(), unit.trim_start())
}

/// A duration as people say it: `45 s`, `12 min`, `5 h 30 min`, `3 days 2 h`.
pub fn spoken(duration: SignedDuration) -> String {
    let seconds = duration.as_secs().abs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    let joined = |large: String, small: i64, unit: &str| {
        if small == 0 { large } else { format!("{large} {small} {unit}") }
    };
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{minutes} min"),
        3_600..86_400 => joined(format!("{hours} h"), minutes, "min"),
        _ => joined(format!("{days} days"), hours, "h"),
    }
}

#[cfg(test)]
mod tests {
    use super::{duration, duration_text, grouped, size};

    #[test]
    fn a_unit_is_required_and_must_be_known() {
        assert_eq!(duration("35d").unwrap().as_hours(), 840);
        assert_eq!(size("25MiB"), Ok(26_214_400));
        for text in ["35", "35 days", "d", "-1d", "1.5h", "99999999999999d"] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert!(size("25").is_err() && size("25mb").is_err());
    }

    #[test]
    fn texts_read_back() {
        for text in ["35d", "2h", "90s", "5m"] {
            assert_eq!(duration_text(duration(text).unwrap()), text);
        }
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(grouped(12), "12");
    }
}
