//! Instants as feeders write them: RFC 3339 with an offset, or whole UTC milliseconds.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserializer;

use super::record::Millis;

/// How an instant is written: RFC 3339 with an offset, or UTC milliseconds.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes the text form for the JSON Schema only")]
pub(super) enum InstantText {
    /// RFC 3339.
    Text(text::Rfc3339),
    /// UTC milliseconds.
    Millis(i64),
}

mod text {
    use schemars::JsonSchema;

    #[derive(JsonSchema)]
    #[schemars(extend("format" = "date-time"))]
    #[expect(dead_code, reason = "describes the text form for the JSON Schema only")]
    pub(in crate::domain) struct Rfc3339(String);
}

/// Reads an instant: RFC 3339 with an offset, or whole UTC milliseconds, within the years 1970 to 2199.
pub fn parse_instant(text: &str) -> Result<Millis, String> {
    let plain = !text.is_empty() && text.len() < 16 && text.bytes().all(|b| b.is_ascii_digit());
    let ms = if plain {
        text.parse().map_err(|_| format!("`{text}` is not an instant"))?
    } else {
        let at: Timestamp = text.parse().map_err(|_| {
            format!("`{text}` is not an instant; write RFC 3339 with an offset, as 2026-11-01T06:00:00Z, or UTC milliseconds")
        })?;
        at.as_millisecond()
    };
    in_range(ms)
}

/// An instant, if it lies within the years 1970 to 2199.
pub fn in_range(ms: Millis) -> Result<Millis, String> {
    if (0..7_258_118_400_000).contains(&ms) {
        Ok(ms)
    } else {
        Err(format!("instant {ms} lies outside the years 1970 to 2199; numbers are UTC milliseconds"))
    }
}

struct InstantVisitor;

impl serde::de::Visitor<'_> for InstantVisitor {
    type Value = Millis;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an instant: RFC 3339 with an offset, or UTC milliseconds")
    }

    fn visit_i64<E: serde::de::Error>(self, ms: i64) -> Result<Millis, E> {
        in_range(ms).map_err(E::custom)
    }

    fn visit_u64<E: serde::de::Error>(self, ms: u64) -> Result<Millis, E> {
        i64::try_from(ms).map_err(E::custom).and_then(|ms| self.visit_i64(ms))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Millis, E> {
        parse_instant(text).map_err(E::custom)
    }
}

pub(super) fn instant_required<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Millis, D::Error> {
    deserializer.deserialize_any(InstantVisitor)
}

pub(super) fn instant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Millis>, D::Error> {
    struct Optional;
    impl<'de> serde::de::Visitor<'de> for Optional {
        type Value = Option<Millis>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            InstantVisitor.expecting(f)
        }

        fn visit_none<E: serde::de::Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
            instant_required(deserializer).map(Some)
        }
    }
    deserializer.deserialize_option(Optional)
}
