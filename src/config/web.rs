//! `[web]`: where the page and the API are served, and to whom.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use schemars::JsonSchema;
use serde::Deserialize;

use super::read::Reading;
use crate::domain::address::Address;

/// Where the page and the API are served.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebTable {
    /// Address and port, as "127.0.0.1:8480"; nothing is served when absent. Another address than loopback needs users:
    /// `legwork user add`.
    pub listen: Option<String>,
    /// The URL under which people reach it, as "<https://reports.example.com>": for links in mails.
    pub public_url: Option<String>,
    /// Further host names that requests may name; loopback names, `listen` and that of `public_url` are always among
    /// them.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Connections at the same time.
    pub connections: Option<u32>,
    /// Who is trusted to say who somebody is.
    pub proxy: Option<ProxyTable>,
    /// Addresses and names of address lists that get the reports which a vendor's client schedules over its endpoint;
    /// none can be scheduled when absent.
    #[serde(default)]
    pub repeat_to: Vec<String>,
}

/// A proxy that logs people in.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProxyTable {
    /// The header that holds a user's name, as "X-Remote-User".
    #[schemars(required)]
    pub user_header: Option<String>,
    /// Addresses from which that header is believed.
    #[schemars(required)]
    pub from: Option<Vec<String>>,
}

/// Where the page and the API are served, and to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Web {
    /// Address and port; nothing is served when absent.
    pub listen: Option<SocketAddr>,
    /// Without a slash at its end.
    pub public_url: Option<String>,
    /// Host names that requests may name, besides loopback names and `listen`.
    pub hosts: BTreeSet<String>,
    /// Connections at the same time.
    pub connections: usize,
    /// Who is trusted to say who somebody is.
    pub proxy: Option<Proxy>,
    /// Who gets reports that a vendor's client schedules.
    pub repeat_to: Vec<Address>,
}

impl Default for Web {
    fn default() -> Self {
        Self {
            listen: None,
            public_url: None,
            hosts: BTreeSet::new(),
            connections: 1_024,
            proxy: None,
            repeat_to: Vec::new(),
        }
    }
}

/// A proxy that logs people in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// The header, in lower case.
    pub user_header: String,
    /// Addresses from which it is believed.
    pub from: Vec<IpAddr>,
}

impl Reading<'_> {
    pub(super) fn web(
        &mut self,
        table: WebTable,
        lists: &std::collections::BTreeMap<String, Vec<Address>>,
    ) -> Web {
        let listen = table.listen.as_ref().and_then(|text| {
            let parsed = text.parse::<SocketAddr>();
            let help = |_| format!("`{text}` is no address with a port; write listen = \"127.0.0.1:8480\"");
            self.take("web.listen", parsed.map_err(help))
        });
        let public_url = table.public_url.as_ref().and_then(|text| self.public_url(text));
        let of_url =
            public_url.as_ref().and_then(|url| Some(reqwest::Url::parse(url).ok()?.host_str()?.to_owned()));
        let hosts = table.hosts.iter().map(|host| host.to_ascii_lowercase()).chain(of_url).collect();
        let proxy = table.proxy.and_then(|proxy| self.proxy(proxy));
        let mut repeat_to = Vec::new();
        for (at, text) in table.repeat_to.iter().enumerate() {
            match lists.get(text) {
                Some(list) => repeat_to.extend(list.iter().cloned()),
                None => repeat_to.extend(self.take(&format!("web.repeat_to[{at}]"), text.parse())),
            }
        }
        let connections =
            table.connections.and_then(|most| usize::try_from(most.max(8)).ok()).unwrap_or(1_024);
        Web { listen, public_url, hosts, connections, proxy, repeat_to }
    }

    fn public_url(&mut self, text: &str) -> Option<String> {
        let url = reqwest::Url::parse(text).ok();
        let plain = |url: &reqwest::Url| {
            matches!(url.scheme(), "http" | "https")
                && url.host_str().is_some()
                && url.query().is_none()
                && url.fragment().is_none()
        };
        if !url.as_ref().is_some_and(plain) {
            let help = "write public_url = \"https://reports.example.com\"";
            self.wrong("web.public_url", format!("`{text}` is no URL of a site"), help);
            return None;
        }
        Some(text.trim_end_matches('/').to_owned())
    }

    fn proxy(&mut self, table: ProxyTable) -> Option<Proxy> {
        let header = table.user_header.unwrap_or_default().to_ascii_lowercase();
        if header.is_empty() || !header.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            let help = "write user_header = \"X-Remote-User\"";
            self.wrong("web.proxy.user_header", "the proxy's header has no name", help);
            return None;
        }
        let mut from = Vec::new();
        for (at, text) in table.from.unwrap_or_default().iter().enumerate() {
            let help = |_| format!("`{text}` is no IP address; write from = [\"127.0.0.1\"]");
            from.extend(self.take(&format!("web.proxy.from[{at}]"), text.parse::<IpAddr>().map_err(help)));
        }
        Some(Proxy { user_header: header, from })
    }
}
