//! A named time zone: offsets, changes, and the instants of civil times.
//!
//! Pure: the rules come in as a value (read from the host elsewhere), so a test can hold any zone it likes.

use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

/// Where a zone's rules were taken from; `legwork check` prints it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ZoneOrigin {
    /// The host's zoneinfo folder, which its administrator keeps up to date.
    Host,
    /// The tables compiled in, used only where the host lacks the name (`US/Arizona` on some systems).
    BuiltIn,
}

/// An IANA time zone with its rules.
#[derive(Debug, Clone)]
pub struct Zone {
    name: String,
    rules: TimeZone,
    origin: ZoneOrigin,
}

/// A change of a zone's offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// The first instant at which the new offset holds.
    pub at: Timestamp,
    /// The offset until then, seconds east of UTC.
    pub before: Offset,
    /// The offset from then on.
    pub after: Offset,
}

impl Change {
    /// What a clock on the wall would have shown at the change, had nothing changed.
    pub fn civil_before(&self) -> DateTime {
        self.before.to_datetime(self.at)
    }

    /// What a clock on the wall shows at the change.
    pub fn civil_after(&self) -> DateTime {
        self.after.to_datetime(self.at)
    }

    /// Seconds by which the wall clock jumps: positive for a gap, negative for a fold.
    pub fn seconds(&self) -> i32 {
        self.after.seconds() - self.before.seconds()
    }
}

impl PartialEq for Zone {
    /// Two zones are equal when they bear one name: there is one set of rules a name at a time.
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Zone {}

impl Zone {
    /// A zone of this name with these rules.
    pub fn new(name: impl Into<String>, rules: TimeZone, origin: ZoneOrigin) -> Self {
        Self { name: name.into(), rules, origin }
    }

    /// UTC, which needs no rules.
    pub fn utc() -> Self {
        Self::new("UTC", TimeZone::UTC, ZoneOrigin::BuiltIn)
    }

    /// The IANA name as the user wrote it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the rules came from.
    pub fn origin(&self) -> ZoneOrigin {
        self.origin
    }

    /// The offset in force at an instant.
    pub fn offset_at(&self, at: Timestamp) -> Offset {
        self.rules.to_offset(at)
    }

    /// What a clock on the wall shows at an instant.
    pub fn civil(&self, at: Timestamp) -> DateTime {
        self.rules.to_datetime(at)
    }

    /// The instant with its zone, for printing.
    pub fn zoned(&self, at: Timestamp) -> jiff::Zoned {
        at.to_zoned(self.rules.clone())
    }

    /// The next change of the offset strictly after an instant; changes that keep the offset are passed over.
    pub fn next_change(&self, after: Timestamp) -> Option<Change> {
        let mut before = self.offset_at(after);
        for transition in self.rules.following(after) {
            let offset = transition.offset();
            if offset != before {
                return Some(Change { at: transition.timestamp(), before, after: offset });
            }
            before = offset;
        }
        None
    }

    /// The change that began the stretch of equal offset in which an instant lies (a change at the instant counts).
    pub fn change_before(&self, at: Timestamp) -> Option<Change> {
        let after = self.offset_at(at);
        let until = at.checked_add(SignedDuration::from_nanos(1)).ok()?;
        for transition in self.rules.preceding(until) {
            let just_before = transition.timestamp().checked_sub(SignedDuration::from_secs(1)).ok()?;
            let before = self.offset_at(just_before);
            if before != after {
                return Some(Change { at: transition.timestamp(), before, after });
            }
        }
        None
    }

    /// The first instant at which a clock on the wall shows this civil time or a later one.
    ///
    /// Of two readings it is the first; for a reading that a gap swallows it is the instant the gap ends. Period
    /// bounds are made with this, so that neighbouring periods meet. `None` outside the years that jiff covers.
    pub fn first_instant(&self, civil: DateTime) -> Option<Timestamp> {
        match self.rules.to_ambiguous_timestamp(civil).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(civil).ok(),
            AmbiguousOffset::Fold { before, .. } => before.to_timestamp(civil).ok(),
            // The larger offset puts the reading before the change, so the next change is the gap's own.
            AmbiguousOffset::Gap { after, .. } => {
                let earlier = after.to_timestamp(civil).ok()?;
                self.next_change(earlier).map(|change| change.at)
            }
        }
    }

    /// Whether a clock on the wall ever shows this civil time.
    pub fn exists(&self, civil: DateTime) -> bool {
        !matches!(self.rules.to_ambiguous_timestamp(civil).offset(), AmbiguousOffset::Gap { .. })
    }

    /// Which reading an instant is of a civil time that the clock shows twice; `None` for one that it shows once.
    pub fn reading(&self, at: Timestamp) -> Option<&'static str> {
        match self.rules.to_ambiguous_timestamp(self.civil(at)).offset() {
            AmbiguousOffset::Fold { before, .. } => {
                Some(if self.offset_at(at) == before { "first" } else { "second" })
            }
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Gap { .. } => None,
        }
    }

    /// The first instant of a civil day.
    pub fn day_start(&self, date: Date) -> Option<Timestamp> {
        self.first_instant(date.at(0, 0, 0, 0))
    }
}

/// A cursor that answers offset questions for nearly sorted instants without a look-up each time.
///
/// A report's instants fall into one stretch of equal offset for months on end, so it keeps the last stretch.
#[derive(Debug)]
pub struct OffsetCursor<'a> {
    zone: &'a Zone,
    from_ms: i64,
    until_ms: i64,
    offset_ms: i64,
}

impl<'a> OffsetCursor<'a> {
    /// A cursor over this zone that has seen nothing yet.
    pub fn new(zone: &'a Zone) -> Self {
        Self { zone, from_ms: 0, until_ms: 0, offset_ms: 0 }
    }

    /// Milliseconds east of UTC at a UTC instant in milliseconds. Instants outside jiff's years count as UTC.
    #[inline]
    pub fn offset_ms(&mut self, at_ms: i64) -> i64 {
        if at_ms < self.from_ms || self.until_ms <= at_ms {
            self.look_up(at_ms);
        }
        self.offset_ms
    }

    #[cold]
    fn look_up(&mut self, at_ms: i64) {
        let Ok(at) = Timestamp::from_millisecond(at_ms) else {
            (self.from_ms, self.until_ms, self.offset_ms) = (at_ms, at_ms, 0);
            return;
        };
        let ms = |change: Option<Change>, default| change.map_or(default, |c| c.at.as_millisecond());
        self.from_ms = ms(self.zone.change_before(at), i64::MIN);
        self.until_ms = ms(self.zone.next_change(at), i64::MAX);
        self.offset_ms = i64::from(self.zone.offset_at(at).seconds()) * 1_000;
    }
}
