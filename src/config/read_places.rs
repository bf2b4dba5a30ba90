//! Places of the config as written → what they mean.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::file::{AzureTable, EndpointTable, GcsTable, S3Table, SftpTable, WebhookTable};
use super::places::{BucketAt, BucketLogin, BucketTarget, Endpoint, EndpointLogin, SftpHost, WebhookTarget};
use super::read::{Reading, is_loopback};

const MINUTE: SignedDuration = SignedDuration::from_secs(60);

impl Reading<'_> {
    pub(super) fn endpoints(
        &mut self,
        kind: &str,
        tables: BTreeMap<String, EndpointTable>,
    ) -> BTreeMap<String, Endpoint> {
        let each = tables.into_iter();
        each.filter_map(|(name, table)| {
            Some((name.clone(), self.endpoint(&format!("{kind}.{name}"), table)?))
        })
        .collect()
    }

    fn endpoint(&mut self, path: &str, table: EndpointTable) -> Option<Endpoint> {
        let url = table.url?;
        let url = self.url(&format!("{path}.url"), &url)?;
        let token = self.secret(&format!("{path}.token"), table.token);
        let password = self.secret(&format!("{path}.password"), table.password);
        let login = match (token, table.user, password) {
            (None, None, None) => EndpointLogin::None,
            (Some(token), None, None) => EndpointLogin::Bearer(token),
            (None, Some(user), Some(password)) => EndpointLogin::Basic(user, password),
            _ => {
                let help = "keep one of the ways";
                self.wrong(path, "an endpoint has `token`, or `user` and `password`, or none", help);
                return None;
            }
        };
        Some(Endpoint {
            url,
            login,
            ca_file: table.ca_file,
            timeout: self.duration(&format!("{path}.timeout"), table.timeout.as_ref(), MINUTE),
            private_network: table.private_network.unwrap_or(false),
        })
    }

    /// A base URL without anything that could be a secret; in the clear to loopback hosts only.
    pub(super) fn url(&mut self, path: &str, url: &str) -> Option<String> {
        let base = url.trim_end_matches('/');
        let host = base.split("://").nth(1).unwrap_or("").split(['/', ':']).next().unwrap_or("");
        let secure = base.starts_with("https://") || (base.starts_with("http://") && is_loopback(host));
        if !secure || host.is_empty() || base.contains(['?', '#', '@']) {
            let help =
                "write https://host/path without login, query or fragment; http:// only to loopback hosts";
            // The text is not repeated: a login may stand in it.
            self.wrong(path, "this cannot be an endpoint", help);
            return None;
        }
        Some(base.to_owned())
    }

    pub(super) fn webhook(&mut self, name: String, table: WebhookTable) -> Option<(String, WebhookTarget)> {
        let path = format!("webhook.{name}");
        let secret = self.secret(&format!("{path}.secret"), table.secret);
        let endpoint = EndpointTable {
            url: table.url,
            token: table.token,
            ca_file: table.ca_file,
            timeout: table.timeout,
            private_network: table.private_network,
            ..EndpointTable::default()
        };
        Some((name, WebhookTarget { endpoint: self.endpoint(&path, endpoint)?, secret }))
    }

    pub(super) fn buckets(
        &mut self,
        s3: BTreeMap<String, S3Table>,
        gcs: BTreeMap<String, GcsTable>,
        azure: BTreeMap<String, AzureTable>,
    ) -> BTreeMap<(String, String), BucketTarget> {
        let mut buckets = BTreeMap::new();
        for (name, table) in s3 {
            buckets.extend(self.s3(&name, table).map(|bucket| (("s3".to_owned(), name), bucket)));
        }
        for (name, table) in gcs {
            buckets.extend(self.gcs(&name, table).map(|bucket| (("gcs".to_owned(), name), bucket)));
        }
        for (name, table) in azure {
            buckets.extend(self.azure(&name, table).map(|bucket| (("azure".to_owned(), name), bucket)));
        }
        buckets
    }

    fn service(&mut self, path: &str, endpoint: Option<&String>) -> Result<Option<String>, ()> {
        match endpoint {
            None => Ok(None),
            Some(url) => self.url(&format!("{path}.endpoint"), url).map(Some).ok_or(()),
        }
    }

    fn s3(&mut self, name: &str, table: S3Table) -> Option<BucketTarget> {
        let path = format!("s3.{name}");
        let endpoint = self.service(&path, table.endpoint.as_ref()).ok()?;
        let secret = self.secret(&format!("{path}.secret_access_key"), table.secret_access_key);
        let session_token = self.secret(&format!("{path}.session_token"), table.session_token);
        let (Some(id), Some(secret)) = (table.access_key_id, secret) else {
            let help = "add the other one; the secret by name, as { credential = \"lake\" }";
            self.wrong(&path, "a bucket needs `access_key_id` and `secret_access_key`", help);
            return None;
        };
        let login = BucketLogin::Key { id, secret, session_token };
        Some(BucketTarget {
            at: BucketAt::S3 {
                bucket: table.bucket?,
                region: table.region.unwrap_or_else(|| "us-east-1".to_owned()),
                path_style: table.path_style.unwrap_or(endpoint.is_some()),
                endpoint,
            },
            login,
            ca_file: table.ca_file,
            timeout: self.duration(&format!("{path}.timeout"), table.timeout.as_ref(), MINUTE),
            private_network: table.private_network.unwrap_or(false),
        })
    }

    fn gcs(&mut self, name: &str, table: GcsTable) -> Option<BucketTarget> {
        let path = format!("gcs.{name}");
        let endpoint = self.service(&path, table.endpoint.as_ref()).ok()?;
        let login = match self.secret(&format!("{path}.service_account"), table.service_account) {
            Some(secret) => BucketLogin::Account(secret),
            None => BucketLogin::None,
        };
        if login == BucketLogin::None && endpoint.is_none() {
            let help = "name the service account's key file, as { credential = \"lake\" }";
            self.wrong(&path, "a bucket of Google needs `service_account`", help);
        }
        Some(BucketTarget {
            at: BucketAt::Gcs { bucket: table.bucket?, endpoint },
            login,
            ca_file: table.ca_file,
            timeout: self.duration(&format!("{path}.timeout"), table.timeout.as_ref(), MINUTE),
            private_network: table.private_network.unwrap_or(false),
        })
    }

    fn azure(&mut self, name: &str, table: AzureTable) -> Option<BucketTarget> {
        let path = format!("azure.{name}");
        let endpoint = self.service(&path, table.endpoint.as_ref()).ok()?;
        let key = self.secret(&format!("{path}.key"), table.key);
        let sas = self.secret(&format!("{path}.sas"), table.sas);
        let login = match (key, sas) {
            (Some(secret), None) => BucketLogin::Key { id: String::new(), secret, session_token: None },
            (None, Some(sas)) => BucketLogin::Sas(sas),
            _ => {
                let help = "name one of them, as { credential = \"lake\" }";
                self.wrong(&path, "a container has exactly one of `key` and `sas`", help);
                return None;
            }
        };
        Some(BucketTarget {
            at: BucketAt::Azure { account: table.account?, container: table.container?, endpoint },
            login,
            ca_file: table.ca_file,
            timeout: self.duration(&format!("{path}.timeout"), table.timeout.as_ref(), MINUTE),
            private_network: table.private_network.unwrap_or(false),
        })
    }

    pub(super) fn sftp(&mut self, name: String, table: SftpTable) -> Option<(String, SftpHost)> {
        let path = format!("sftp.{name}");
        let key = self.secret(&format!("{path}.key"), table.key)?;
        if key.env.is_some() {
            let help = "write { credential = \"…\" } or { file = \"…\" }: ssh reads keys from files only";
            self.wrong(&format!("{path}.key"), "a private key cannot come from the environment", help);
        }
        let (host, user) = (table.host?, table.user?);
        for (key, value) in [("host", &host), ("user", &user)] {
            // They stand on a command line.
            if value.starts_with('-')
                || value.contains(|c: char| c.is_whitespace() || c.is_control() || c == '@')
            {
                self.wrong(&format!("{path}.{key}"), format!("this is no {key}"), "write its name only");
            }
        }
        let target = SftpHost {
            host,
            port: table.port.unwrap_or(22),
            user,
            key,
            known_hosts: table.known_hosts?,
            folder: table.folder,
            timeout: self.duration(&format!("{path}.timeout"), table.timeout.as_ref(), MINUTE),
            private_network: table.private_network.unwrap_or(false),
        };
        Some((name, target))
    }
}
