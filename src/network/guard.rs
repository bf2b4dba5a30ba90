//! Outbound addresses: looked up once, checked, and connected to as checked (CWE-918).
//!
//! A name that leads into a private network would let whoever answers for it aim Legwork at machines behind the
//! firewall. What the config writes down itself, an address or `localhost`, no answer can change.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Whether names of a destination may lead into private networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guard {
    /// Whether they may.
    pub private_network: bool,
}

/// Why a name was not connected to.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// Nobody answers for the name.
    #[error("look up `{host}`")]
    Lookup {
        /// The name.
        host: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The answer is empty.
    #[error("look up `{0}`: it has no address")]
    Nothing(String),
    /// The name leads where it must not.
    #[error(
        "`{host}` leads to {address}, which is inside a private network; if that is right, set private_network = true \
         where the config names it"
    )]
    Private {
        /// The name.
        host: String,
        /// Where it leads.
        address: IpAddr,
    },
}

impl Guard {
    /// The addresses of a host, all of them checked.
    pub async fn addresses(self, host: &str, port: u16) -> Result<Vec<SocketAddr>, GuardError> {
        let found = tokio::net::lookup_host((host.trim_matches(['[', ']']), port)).await;
        let found = found.map_err(|source| GuardError::Lookup { host: host.to_owned(), source })?;
        self.checked(host, found.collect())
    }

    fn checked(self, host: &str, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, GuardError> {
        if found.is_empty() {
            return Err(GuardError::Nothing(host.to_owned()));
        }
        if self.private_network || written_down(host) {
            return Ok(found);
        }
        match found.iter().find(|address| !is_public(address.ip())) {
            None => Ok(found),
            Some(address) => Err(GuardError::Private { host: host.to_owned(), address: address.ip() }),
        }
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = *self;
        Box::pin(async move {
            let addresses = guard.addresses(name.as_str(), 0).await?;
            let addresses: Addrs = Box::new(addresses.into_iter());
            Ok(addresses)
        })
    }
}

impl Guard {
    /// For the HTTP client.
    pub(super) fn resolver(self) -> Arc<Self> {
        Arc::new(self)
    }
}

fn written_down(host: &str) -> bool {
    host == "localhost" || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
}

/// Whether an address is one of the Internet's at large.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
            Some(ip) => is_public_v4(ip),
            None => is_public_v6(ip),
        },
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [first, second, ..] = ip.octets();
    // 100.64.0.0/10 is shared address space (RFC 6598), 198.18.0.0/15 for benchmarks (RFC 2544).
    let shared = first == 100 && (64..128).contains(&second);
    let benchmark = first == 198 && (18..20).contains(&second);
    let special = ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_broadcast();
    !(special
        || ip.is_documentation()
        || ip.is_multicast()
        || first == 0
        || 240 <= first
        || shared
        || benchmark)
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [first, second, ..] = ip.segments();
    // Global unicast is 2000::/3 (RFC 4291); 2001:db8::/32 is documentation, 2002::/16 and 64:ff9b:: lead to IPv4.
    first & 0xe000 == 0x2000 && !(first == 0x2001 && second == 0x0db8) && first != 0x2002
}

#[cfg(test)]
mod tests {
    use super::{Guard, is_public};

    #[test]
    fn addresses_of_private_networks_are_told_apart() {
        for private in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "198.18.0.1",
            "240.0.0.1",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002::1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
        for public in ["1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:1.1.1.1"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn a_name_into_a_private_network_needs_leave_and_an_address_that_is_written_down_does_not() {
        let inside = vec!["10.0.0.7:25".parse().unwrap()];
        let strict = Guard { private_network: false };
        let said = strict.checked("mail.example", inside.clone()).unwrap_err().to_string();
        assert!(said.contains("10.0.0.7") && said.contains("private_network = true"), "{said}");
        assert!(strict.checked("10.0.0.7", inside.clone()).is_ok());
        assert!(Guard { private_network: true }.checked("mail.example", inside).is_ok());
        let mixed = vec!["1.1.1.1:25".parse().unwrap(), "127.0.0.1:25".parse().unwrap()];
        assert!(strict.checked("rebind.example", mixed).is_err());
    }
}
