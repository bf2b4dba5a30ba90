//! Who is told of what goes wrong.

use jiff::SignedDuration;
use jiff::civil::Time;

use super::Config;
use super::file::{AlertsTable, PingTable};
use super::read::Reading;
use crate::domain::address::Address;
use crate::domain::zone::Zone;
use crate::secret::SecretName;
use crate::zones::Zones;

/// Who is told of what goes wrong, besides each job's owner.
#[derive(Debug, Clone)]
pub struct Alerts {
    /// The daily mail.
    pub summary: Option<Summary>,
    /// How long after its due instant a run without a file is late.
    pub late_after: SignedDuration,
    /// How long after the last word an owner is reminded.
    pub remind_after: SignedDuration,
    /// The relay that notices go by.
    pub relay: Option<String>,
    /// A webhook that gets each alert as an event.
    pub webhook: Option<String>,
}

impl Default for Alerts {
    fn default() -> Self {
        Self {
            summary: None,
            late_after: SignedDuration::from_mins(15),
            remind_after: SignedDuration::from_hours(24),
            relay: None,
            webhook: None,
        }
    }
}

/// The daily mail.
#[derive(Debug, Clone)]
pub struct Summary {
    /// Who gets it.
    pub to: Vec<Address>,
    /// At this local time.
    pub at: Time,
    /// Of this zone.
    pub zone: Zone,
}

/// A URL that watches over runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ping {
    /// The URL.
    pub url: SecretName,
    /// Certificates to trust besides the host's.
    pub ca_file: Option<std::path::PathBuf>,
    /// Whether its name may lead into a private network.
    pub private_network: bool,
}

impl Reading<'_> {
    /// Reads the table over a config whose lists, relays and webhooks are read already.
    pub(super) fn alerts(&mut self, table: &AlertsTable, config: &Config) -> Alerts {
        let default = Alerts::default();
        let mut to = Vec::new();
        for (at, text) in table.summary_to.iter().enumerate() {
            let path = format!("alerts.summary_to[{at}]");
            if text.contains('@') {
                to.extend(self.take(&path, text.parse::<Address>()));
            } else if let Some(list) = config.lists.get(text) {
                to.extend(list.iter().cloned());
            } else {
                self.wrong(
                    &path,
                    format!("there is no list `{text}`"),
                    "write an address, or add the list to [list]",
                );
            }
        }
        let zone = match &table.time_zone {
            None => Some(Zone::utc()),
            Some(name) => self.take("alerts.time_zone", Zones::default().find(name)),
        };
        let at = table.summary_at.as_deref().unwrap_or("07:00");
        let time = Time::strptime("%H:%M", at).map_err(|_| format!("`{at}` is no time; write \"07:00\""));
        let time = self.take("alerts.summary_at", time);
        for (key, name, known) in [
            ("relay", &table.relay, config.relays.keys().collect::<Vec<_>>()),
            ("webhook", &table.webhook, config.webhooks.keys().collect()),
        ] {
            if let Some(name) = name.as_ref().filter(|name| !known.contains(name)) {
                let help = format!("add [{key}.{name}] to the config");
                self.wrong(&format!("alerts.{key}"), format!("there is no {key} `{name}`"), help);
            }
        }
        Alerts {
            summary: time.zip(zone).filter(|_| !to.is_empty()).map(|(at, zone)| Summary { to, at, zone }),
            late_after: self.duration("alerts.late_after", table.late_after.as_ref(), default.late_after),
            remind_after: self.duration(
                "alerts.remind_after",
                table.remind_after.as_ref(),
                default.remind_after,
            ),
            relay: table.relay.clone(),
            webhook: table.webhook.clone(),
        }
    }

    pub(super) fn ping(&mut self, name: String, table: PingTable) -> Option<(String, Ping)> {
        let url = self.secret(&format!("ping.{name}.url"), table.url)?;
        Some((
            name,
            Ping { url, ca_file: table.ca_file, private_network: table.private_network.unwrap_or(false) },
        ))
    }
}
