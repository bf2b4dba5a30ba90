//! Finds time zones: the host's zoneinfo first, the compiled-in tables for names that the host lacks.
//!
//! The host's rules win because its administrator updates them; the compiled-in ones are years old for some regions.
//! They are kept for names, suggestions and old links that a slim system does not install.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use chrono::{Offset as _, TimeZone as _};
use chrono_tz::Tz;
use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::domain::nearest::nearest;
use crate::domain::zone::{Zone, ZoneOrigin};
use crate::secret::environment;

/// Where hosts keep their zone data, unless $TZDIR says otherwise.
const HOST_FOLDERS: [&str; 3] = ["/usr/share/zoneinfo", "/usr/share/lib/zoneinfo", "/etc/zoneinfo"];

/// The zones of this host, looked up once each.
#[derive(Debug)]
pub struct Zones {
    folder: PathBuf,
    known: Mutex<BTreeMap<String, Zone>>,
}

impl Default for Zones {
    fn default() -> Self {
        let said = environment("TZDIR").map(PathBuf::from);
        let mut folders = said.into_iter().chain(HOST_FOLDERS.map(PathBuf::from));
        let folder = folders.find(|folder| folder.is_dir()).unwrap_or_else(|| HOST_FOLDERS[0].into());
        Self::from_folder(&folder)
    }
}

/// First and last instant for which the compiled-in tables are read: 1970 to 2100, where they end.
const TABLES_S: (i64, i64) = (0, 4_102_444_800);

impl Zones {
    /// Zones from a zoneinfo folder other than the host's.
    pub fn from_folder(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), known: Mutex::new(BTreeMap::new()) }
    }

    /// The version of the zone data, as its own file says, and the instant at which its folder changed.
    pub fn version(&self) -> String {
        let said = std::fs::read_to_string(self.folder.join("tzdata.zi")).ok().and_then(|text| {
            text.lines().next().and_then(|line| line.strip_prefix("# version ")).map(ToOwned::to_owned)
        });
        let changed = std::fs::metadata(&self.folder).and_then(|metadata| metadata.modified()).ok();
        let changed = changed.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        format!("{} ({})", said.unwrap_or_else(|| "unnamed".to_owned()), changed.map_or(0, |at| at.as_secs()))
    }

    /// A zone by its IANA name.
    pub fn find(&self, name: &str) -> Result<Zone, String> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(zone) = known.get(name) {
            return Ok(zone.clone());
        }
        let zone = self.look_up(name)?;
        known.insert(name.to_owned(), zone.clone());
        Ok(zone)
    }

    /// Names of zones, for whoever chooses one.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        chrono_tz::TZ_VARIANTS.iter().map(|tz| tz.name())
    }

    /// Forgets what was looked up, so that changed zone data is read again.
    pub fn refresh(&self) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn look_up(&self, name: &str) -> Result<Zone, String> {
        let built_in = Tz::from_str(name).ok();
        if name == "UTC" {
            return Ok(Zone::utc());
        }
        if let Some(rules) = self.of_host(name, built_in.is_some()) {
            return Ok(Zone::new(name, rules, ZoneOrigin::Host));
        }
        let Some(tz) = built_in else {
            let help = match suggestion(name) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => "write an IANA name, as \"America/New_York\"".to_owned(),
            };
            return Err(format!("there is no time zone `{name}`; {help}"));
        };
        let rules = TimeZone::tzif(name, &tzif(tz)).map_err(|error| format!("zone `{name}`: {error}"))?;
        Ok(Zone::new(name, rules, ZoneOrigin::BuiltIn))
    }

    /// The host's rules, out of the one file that has them: jiff's own database walks through the whole folder first, which
    /// a short command would feel.
    fn of_host(&self, name: &str, known: bool) -> Option<TimeZone> {
        if known {
            return TimeZone::tzif(name, &std::fs::read(self.folder.join(name)).ok()?).ok();
        }
        // A zone that is newer than the tables; or no zone, for the folder also holds files like `posixrules`.
        let rules = TimeZoneDatabase::from_dir(&self.folder).ok()?.get(name).ok()?;
        (rules.iana_name() == Some(name)).then_some(rules)
    }

    /// The first instant of the coming two years at which host and compiled-in rules differ, if any.
    pub fn disagreement(&self, zone: &Zone, now: Timestamp) -> Option<Timestamp> {
        let tz = Tz::from_str(zone.name()).ok()?;
        if zone.origin() == ZoneOrigin::BuiltIn {
            return None;
        }
        let from = now.as_second();
        (0..2 * 366 * 24)
            .filter_map(|hour| Timestamp::from_second(from + hour * 3_600).ok())
            .find(|at| i64::from(zone.offset_at(*at).seconds()) != built_in_offset(tz, at.as_second()))
    }
}

fn suggestion(name: &str) -> Option<&'static str> {
    if let Some(near) = nearest(name, chrono_tz::TZ_VARIANTS.iter().map(|tz| tz.name())) {
        return Some(near);
    }
    // A city alone, or with blanks: `new york`.
    let wanted = name.trim().replace(' ', "_").to_lowercase();
    let city = |tz: &&Tz| tz.name().rsplit('/').next().is_some_and(|city| city.to_lowercase() == wanted);
    chrono_tz::TZ_VARIANTS.iter().find(city).map(|tz| tz.name())
}

fn built_in_offset(tz: Tz, at_s: i64) -> i64 {
    let utc = chrono::DateTime::from_timestamp(at_s, 0).map(|at| at.naive_utc()).unwrap_or_default();
    i64::from(tz.offset_from_utc_datetime(&utc).fix().local_minus_utc())
}

/// The compiled-in rules as a `TZif` file (RFC 9636, version 2), so that one zone type serves both origins.
fn tzif(tz: Tz) -> Vec<u8> {
    let (first, last) = TABLES_S;
    let mut changes: Vec<(i64, i64)> = Vec::new();
    let mut offset = built_in_offset(tz, first);
    let initial = offset;
    let mut from = first;
    while from < last {
        // No zone has changed twice within a week and gone back to the same offset.
        let to = (from + 7 * 86_400).min(last);
        let after = built_in_offset(tz, to);
        if after == offset {
            from = to;
        } else {
            let (mut low, mut high) = (from, to);
            while 1 < high - low {
                let middle = low + (high - low) / 2;
                if built_in_offset(tz, middle) == offset { low = middle } else { high = middle }
            }
            offset = built_in_offset(tz, high);
            changes.push((high, offset));
            from = high;
        }
    }
    write_tzif(initial, &changes)
}

fn write_tzif(initial: i64, changes: &[(i64, i64)]) -> Vec<u8> {
    let mut offsets = vec![initial];
    for (_, offset) in changes {
        if !offsets.contains(offset) {
            offsets.push(*offset);
        }
    }
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).to_be_bytes();
    let header = |changes: usize, types: usize, letters: usize| {
        let mut out = b"TZif2".to_vec();
        out.extend([0; 15]);
        for n in [0, 0, 0, changes, types, letters] {
            out.extend(count(n));
        }
        out
    };
    // The version 1 block is for readers of 32-bit times; one type and one letter are the least that is valid.
    let mut out = header(0, 1, 1);
    out.extend([0; 7]);
    out.extend(header(changes.len(), offsets.len(), 4));
    for (at, _) in changes {
        out.extend(at.to_be_bytes());
    }
    for (_, offset) in changes {
        let index =
            offsets.iter().position(|known| known == offset).and_then(|index| u8::try_from(index).ok());
        out.push(index.unwrap_or(0));
    }
    for offset in &offsets {
        out.extend(i32::try_from(*offset).unwrap_or(0).to_be_bytes());
        out.extend([0, 0]);
    }
    out.extend(b"LMT\0\n\n");
    out
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::Zones;
    use crate::domain::zone::ZoneOrigin;

    #[test]
    fn a_name_that_the_host_lacks_comes_from_the_tables_with_its_clock_changes() {
        let empty = tempfile::tempdir().unwrap();
        std::fs::copy("/usr/share/zoneinfo/Europe/Berlin", empty.path().join("Anywhere")).unwrap();
        let zones = Zones::from_folder(empty.path());
        let arizona = zones.find("US/Arizona").unwrap();
        assert_eq!(arizona.origin(), ZoneOrigin::BuiltIn);
        let london = zones.find("Europe/London").unwrap();
        let at: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
        assert_eq!(london.next_change(at).unwrap().at.to_string(), "2026-03-29T01:00:00Z");
        assert_eq!(arizona.offset_at(at).seconds(), -7 * 3_600);
    }

    #[test]
    fn an_unknown_name_gets_a_suggestion() {
        let zones = Zones::default();
        for (name, near) in [
            ("America/New_Yrok", "America/New_York"),
            ("new york", "America/New_York"),
            ("Berlin", "Europe/Berlin"),
        ] {
            let error = zones.find(name).unwrap_err();
            assert!(error.contains(near), "{error}");
        }
        assert!(zones.find("Mars/Olympus").is_err() && zones.find("../etc/passwd").is_err());
    }
}
