//! Sources of the config: vendors, how each is logged in to, and what of it is collected.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};

use super::file::{CollectTable, KoreaiTable, LivepersonTable, RingcentralTable, SourceTable, WindowWord};
use super::read::Reading;
use crate::domain::budget::Rate;
use crate::domain::instant::parse_instant;
use crate::domain::name::DefinitionName;
use crate::domain::nearest::nearest;
use crate::domain::source::{Feed, STORE, SourceKind};
use crate::domain::units;
use crate::secret::SecretName;

/// A source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Which one.
    pub at: SourceAt,
    /// Runs over it at the same time.
    pub runs: Option<usize>,
    /// How long after its end a period of it is complete.
    pub lag: SignedDuration,
    /// How often it may be asked.
    pub rates: Vec<Rate>,
    /// How long the far end may be silent.
    pub timeout: SignedDuration,
    /// The longest first wait after a failure.
    pub retry_after: SignedDuration,
    /// How long one run may wait for it in all.
    pub patience: SignedDuration,
    /// Certificates to trust besides the host's.
    pub ca_file: Option<PathBuf>,
    /// Whether its name may lead into a private network.
    pub private_network: bool,
    /// What is collected of it.
    pub collect: Option<Collect>,
}

/// Which source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceAt {
    /// The segment store.
    Store,
    /// RingCentral.
    Ringcentral(Ringcentral),
    /// `LivePerson`.
    Liveperson(Liveperson),
    /// Kore.ai.
    Koreai(Koreai),
}

/// RingCentral.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ringcentral {
    /// The sub-account, where the config says it.
    pub account: Option<String>,
    /// The RingCentral account, where the config says it.
    pub rc_account: Option<String>,
    /// Host and what stands before `/v1`.
    pub api: String,
    /// Where tokens are exchanged and refreshed.
    pub auth: String,
    /// RingCentral's own platform.
    pub platform: String,
    /// How it is logged in to.
    pub login: RingcentralLogin,
    /// Whether `segmentEndTime` names the window's end.
    pub window_by_end: bool,
}

/// How RingCentral is logged in to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RingcentralLogin {
    /// By a JWT of the developer console.
    Jwt {
        /// The JWT.
        jwt: SecretName,
        /// The app.
        client_id: String,
        /// Its secret.
        client_secret: SecretName,
    },
    /// By a code that is used once.
    Code {
        /// The code.
        code: SecretName,
        /// What it was made for.
        redirect_uri: String,
        /// The app.
        client_id: String,
        /// Its secret.
        client_secret: SecretName,
    },
    /// By a permanent token.
    Token(SecretName),
    /// By name and password; with a platform's id on the host of today, without on a legacy one.
    Password {
        /// The login name.
        user: String,
        /// The password.
        password: SecretName,
        /// The platform's id.
        platform_id: Option<String>,
    },
}

/// `LivePerson`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Liveperson {
    /// The account.
    pub account: String,
    /// How it is logged in to.
    pub login: LivepersonLogin,
    /// Where hosts are looked up.
    pub domain_url: String,
    /// Hosts that are not looked up, by service.
    pub hosts: BTreeMap<String, String>,
    /// What requests call themselves.
    pub caller: String,
    /// Segments a page.
    pub page: u32,
}

/// How `LivePerson` is logged in to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LivepersonLogin {
    /// OAuth 2 client credentials.
    Client {
        /// The application.
        id: String,
        /// Its secret.
        secret: SecretName,
        /// The scope to ask for.
        scope: Option<String>,
    },
    /// OAuth 1: requests are signed.
    Signed {
        /// The app key.
        key: String,
        /// Its secret.
        secret: SecretName,
        /// The access token.
        token: String,
        /// Its secret.
        token_secret: SecretName,
    },
}

/// Kore.ai.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Koreai {
    /// The host.
    pub url: String,
    /// The account.
    pub account: String,
    /// The app.
    pub app: String,
    /// The JWT app.
    pub client_id: String,
    /// Its secret.
    pub client_secret: SecretName,
    /// Whether each conversation is asked for once more.
    pub transfers: bool,
}

/// What is collected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collect {
    /// Which rows.
    pub feed: Feed,
    /// How often, on the clock.
    pub every: SignedDuration,
    /// How far behind what is whole each pass begins again.
    pub trail: SignedDuration,
    /// Where the first pass begins.
    pub from: Option<Timestamp>,
}

impl Source {
    /// The segment store, with nothing to heed.
    pub fn store() -> Self {
        Self {
            at: SourceAt::Store,
            runs: None,
            lag: SignedDuration::ZERO,
            rates: Vec::new(),
            timeout: SignedDuration::from_secs(60),
            retry_after: SignedDuration::from_secs(2),
            patience: SignedDuration::from_mins(20),
            ca_file: None,
            private_network: false,
            collect: None,
        }
    }

    /// What kind of source it is.
    pub fn kind(&self) -> SourceKind {
        match self.at {
            SourceAt::Store => SourceKind::Store,
            SourceAt::Ringcentral(_) => SourceKind::Ringcentral,
            SourceAt::Liveperson(_) => SourceKind::Liveperson,
            SourceAt::Koreai(_) => SourceKind::Koreai,
        }
    }

    /// The account within the vendor, where the config says it.
    pub fn account(&self) -> Option<&str> {
        match &self.at {
            SourceAt::Store => None,
            SourceAt::Ringcentral(ringcentral) => ringcentral.account.as_deref(),
            SourceAt::Liveperson(liveperson) => Some(&liveperson.account),
            SourceAt::Koreai(koreai) => Some(&koreai.account),
        }
    }

    /// Its secrets, with their keys.
    pub(super) fn secrets(&self) -> Vec<(String, &SecretName)> {
        let kind = self.kind().name();
        let each: Vec<(&str, &SecretName)> = match &self.at {
            SourceAt::Store => Vec::new(),
            SourceAt::Ringcentral(ringcentral) => match &ringcentral.login {
                RingcentralLogin::Jwt { jwt, client_secret, .. } => {
                    vec![("jwt", jwt), ("client_secret", client_secret)]
                }
                RingcentralLogin::Code { code, client_secret, .. } => {
                    vec![("code", code), ("client_secret", client_secret)]
                }
                RingcentralLogin::Token(token) => vec![("token", token)],
                RingcentralLogin::Password { password, .. } => vec![("password", password)],
            },
            SourceAt::Liveperson(liveperson) => match &liveperson.login {
                LivepersonLogin::Client { secret, .. } => vec![("client_secret", secret)],
                LivepersonLogin::Signed { secret, token_secret, .. } => {
                    vec![("app_secret", secret), ("access_token_secret", token_secret)]
                }
            },
            SourceAt::Koreai(koreai) => vec![("client_secret", &koreai.client_secret)],
        };
        each.into_iter().map(|(key, secret)| (format!("{kind}.{key}"), secret)).collect()
    }
}

impl SourceAt {
    /// The secrets, to be placed.
    pub(super) fn secrets_mut(&mut self) -> Vec<&mut SecretName> {
        match self {
            Self::Store => Vec::new(),
            Self::Ringcentral(ringcentral) => match &mut ringcentral.login {
                RingcentralLogin::Jwt { jwt: first, client_secret, .. }
                | RingcentralLogin::Code { code: first, client_secret, .. } => vec![first, client_secret],
                RingcentralLogin::Token(token) => vec![token],
                RingcentralLogin::Password { password, .. } => vec![password],
            },
            Self::Liveperson(liveperson) => match &mut liveperson.login {
                LivepersonLogin::Client { secret, .. } => vec![secret],
                LivepersonLogin::Signed { secret, token_secret, .. } => vec![secret, token_secret],
            },
            Self::Koreai(koreai) => vec![&mut koreai.client_secret],
        }
    }
}

/// How often each kind may be asked unless the config says otherwise.
fn usual_rates(kind: SourceKind) -> &'static [&'static str] {
    match kind {
        SourceKind::Store => &[],
        // Documented for its newer reports since July 2026; for the older ones nothing is.
        SourceKind::Ringcentral => &["3 per 60s", "9 per 15m"],
        // No figure is published; bursts are to be avoided.
        SourceKind::Liveperson => &["5 per 1s", "120 per 60s"],
        // 60 per minute for everything of the account; others ask, too.
        SourceKind::Koreai => &["50 per 60s"],
    }
}

impl Reading<'_> {
    pub(super) fn source(&mut self, name: String, table: SourceTable) -> Option<(String, Source)> {
        let path = format!("source.{name}");
        // Tokens are kept in a file of that name.
        self.take(
            &path,
            name.parse::<DefinitionName>().map_err(|error| format!("`{name}` is no name; {error}")),
        )?;
        let default = Source::store();
        let kinds = [table.ringcentral.is_some(), table.liveperson.is_some(), table.koreai.is_some()];
        let vendors = kinds.into_iter().filter(|set| *set).count();
        if (name == STORE) != (vendors == 0) || 1 < vendors {
            let (message, help) = if name == STORE {
                ("the segment store is no vendor's".to_owned(), "give the vendor's table another name")
            } else {
                (
                    format!("the source `{name}` is not one vendor's"),
                    "add exactly one of the tables ringcentral, liveperson and koreai",
                )
            };
            self.wrong(&path, message, help);
            return None;
        }
        let at = match (table.ringcentral, table.liveperson, table.koreai) {
            (Some(table), ..) => {
                SourceAt::Ringcentral(self.ringcentral(&format!("{path}.ringcentral"), table)?)
            }
            (_, Some(table), _) => {
                SourceAt::Liveperson(self.liveperson(&format!("{path}.liveperson"), table)?)
            }
            (_, _, Some(table)) => SourceAt::Koreai(self.koreai(&format!("{path}.koreai"), table)?),
            (None, None, None) => SourceAt::Store,
        };
        let mut source = Source { at, ..default.clone() };
        let kind = source.kind();
        source.runs = table.runs.map(|runs| usize::try_from(runs.max(1)).unwrap_or(1));
        source.rates = match &table.rates {
            None => usual_rates(kind).iter().filter_map(|text| Rate::parse(text).ok()).collect(),
            Some(texts) => {
                let each = texts.iter().enumerate();
                each.filter_map(|(at, text)| self.take(&format!("{path}.rates[{at}]"), Rate::parse(text)))
                    .collect()
            }
        };
        source.lag = self.duration(&format!("{path}.lag"), table.lag.as_ref(), default.lag);
        if table
            .timeout
            .as_deref()
            .is_some_and(|text| text.trim_start_matches('0').starts_with(char::is_alphabetic))
        {
            self.wrong(&format!("{path}.timeout"), "no time at all", "leave it out, or write \"60s\"");
        }
        source.timeout = self.duration(&format!("{path}.timeout"), table.timeout.as_ref(), default.timeout);
        let first = table.retry_after.as_ref();
        source.retry_after = self.duration(&format!("{path}.retry_after"), first, default.retry_after);
        let patience = table.patience.as_ref();
        source.patience = self.duration(&format!("{path}.patience"), patience, default.patience);
        source.ca_file = table.ca_file;
        source.private_network = table.private_network.unwrap_or(false);
        source.collect = match table.collect {
            None => None,
            Some(table) => Some(self.collect(&format!("{path}.collect"), kind, &table)?),
        };
        self.affordable(&path, &source);
        Some((name, source))
    }

    /// Whether collecting leaves the account's budget anything: a pass that asks more than comes back meanwhile never
    /// keeps up, and takes the place of every report.
    fn affordable(&mut self, path: &str, source: &Source) {
        let Some(Collect { feed, every, trail, .. }) = source.collect else { return };
        // Metrics count back from now: nothing of them is asked for again.
        let trail = if feed == Feed::MessagingOperations { SignedDuration::ZERO } else { trail };
        let least = |every: SignedDuration| feed.requests_of(every.saturating_add(trail));
        let keeps_up = |rate: &Rate, every: SignedDuration| {
            let allowed = i64::try_from(rate.count).unwrap_or(i64::MAX).saturating_mul(every.as_secs());
            least(every).saturating_mul(rate.span.as_secs()) <= allowed
        };
        let Some(rate) = source.rates.iter().find(|rate| !keeps_up(rate, every)) else { return };
        let all = |every: &SignedDuration| source.rates.iter().all(|rate| keeps_up(rate, *every));
        let clock = (1..=1_440).filter(|minutes| 1_440 % minutes == 0).map(SignedDuration::from_mins);
        let slower = clock.filter(|slower| every < *slower).find(all);
        let help = slower.map_or_else(
            || "choose a shorter `trail`, or correct `rates`".to_owned(),
            |every| format!("use \"{}\", or correct `rates`", units::duration_text(every)),
        );
        let message = format!("each pass takes {} requests or more, and {rate} allows fewer", least(every));
        self.wrong(&format!("{path}.collect.every"), message, help);
    }

    fn ringcentral(&mut self, path: &str, table: RingcentralTable) -> Option<Ringcentral> {
        let mut base = |key: &str, said: Option<String>, default: &str| {
            said.map_or(Some(default.to_owned()), |url| self.url(&format!("{path}.{key}"), &url))
        };
        let url = base("url", table.url, "https://ringcx.ringcentral.com")?;
        let auth = base("auth_url", table.auth_url, &format!("{url}/api/auth"))?;
        let platform = base("platform_url", table.platform_url, "https://platform.ringcentral.com")?;
        let prefix = table.path.unwrap_or_else(|| "/voice/api".to_owned());
        let mut secret = |key: &str, name| self.secret(&format!("{path}.{key}"), name);
        let jwt = secret("jwt", table.jwt);
        let code = secret("code", table.code);
        let token = secret("token", table.token);
        let password = secret("password", table.password);
        let client_secret = secret("client_secret", table.client_secret);
        let app = table.client_id.zip(client_secret);
        let login = match (jwt, code, token, table.user.zip(password), app) {
            (Some(jwt), None, None, None, Some((client_id, client_secret))) => {
                RingcentralLogin::Jwt { jwt, client_id, client_secret }
            }
            (None, Some(code), None, None, Some((client_id, client_secret))) => RingcentralLogin::Code {
                code,
                redirect_uri: table.redirect_uri.unwrap_or_default(),
                client_id,
                client_secret,
            },
            (None, None, Some(token), None, None) => RingcentralLogin::Token(token),
            (None, None, None, Some((user, password)), None) => {
                RingcentralLogin::Password { user, password, platform_id: table.platform_id }
            }
            // What is wrong with a secret has been told.
            _ if self.has_problems() => return None,
            _ => {
                let help = "write `jwt` or `code` with `client_id` and `client_secret`, or `token`, or `user` and \
                            `password`";
                self.wrong(path, "there is not exactly one way to log in", help);
                return None;
            }
        };
        Some(Ringcentral {
            account: table.account,
            rc_account: table.rc_account,
            api: format!("{url}/{}", prefix.trim_matches('/')),
            auth,
            platform,
            login,
            window_by_end: table.window == Some(WindowWord::End),
        })
    }

    fn liveperson(&mut self, path: &str, table: LivepersonTable) -> Option<Liveperson> {
        let mut secret = |key: &str, name| self.secret(&format!("{path}.{key}"), name);
        let client = table.client_id.zip(secret("client_secret", table.client_secret));
        let key = table.app_key.zip(secret("app_secret", table.app_secret));
        let token = table.access_token.zip(secret("access_token_secret", table.access_token_secret));
        let login = match (client, key.zip(token)) {
            (Some((id, secret)), None) => LivepersonLogin::Client { id, secret, scope: table.scope },
            (None, Some(((key, secret), (token, token_secret)))) => {
                LivepersonLogin::Signed { key, secret, token, token_secret }
            }
            _ if self.has_problems() => return None,
            _ => {
                let help = "write `client_id` and `client_secret`; a legacy account has app_key, app_secret, \
                            access_token and access_token_secret";
                self.wrong(path, "there is not exactly one way to log in", help);
                return None;
            }
        };
        let domain_url = match table.domain_url {
            None => "https://api.liveperson.net".to_owned(),
            Some(url) => self.url(&format!("{path}.domain_url"), &url)?,
        };
        let mut hosts = BTreeMap::new();
        for (service, url) in table.hosts {
            hosts.extend(self.url(&format!("{path}.hosts.{service}"), &url).map(|url| (service, url)));
        }
        let caller = table.caller.unwrap_or_else(|| "legwork".to_owned());
        if caller.is_empty()
            || 20 < caller.len()
            || caller.contains(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        {
            let help = "use up to 20 of a-z, A-Z, 0-9 and _";
            self.wrong(
                &format!("{path}.caller"),
                format!("`{caller}` is no name that requests can carry"),
                help,
            );
        }
        let page = table.page.unwrap_or(100);
        if !(1..=500).contains(&page) {
            self.wrong(&format!("{path}.page"), format!("a page of {page} segments"), "use 1 to 500");
        }
        Some(Liveperson { account: table.account?, login, domain_url, hosts, caller, page })
    }

    fn koreai(&mut self, path: &str, table: KoreaiTable) -> Option<Koreai> {
        let url = table.url.unwrap_or_else(|| "https://platform.kore.ai".to_owned());
        Some(Koreai {
            url: self.url(&format!("{path}.url"), &url)?,
            account: table.account?,
            app: table.app?,
            client_id: table.client_id?,
            client_secret: self.secret(&format!("{path}.client_secret"), table.client_secret)?,
            transfers: table.transfers.unwrap_or(false),
        })
    }

    fn collect(&mut self, path: &str, kind: SourceKind, table: &CollectTable) -> Option<Collect> {
        let known: Vec<&str> = kind.feeds().iter().map(|feed| feed.name()).collect();
        let Some(first) = kind.feeds().first() else {
            self.wrong(path, "the store collects nothing: it is what others are collected into", "remove it");
            return None;
        };
        let said = table.feed.as_deref().unwrap_or(first.name());
        let Some(feed) = Feed::by_name(said).filter(|feed| kind.feeds().contains(feed)) else {
            let help = match nearest(said, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are {}", known.join(", ")),
            };
            self.wrong(&format!("{path}.feed"), format!("there is no feed `{said}`"), help);
            return None;
        };
        let every = self.take(&format!("{path}.every"), units::duration(table.every.as_ref()?))?;
        let day = 86_400;
        if every.as_secs() < 60 || day % every.as_secs() != 0 {
            let help = "use whole minutes that divide a day, as \"15m\" or \"1h\"";
            self.wrong(&format!("{path}.every"), "this names no instants of the clock", help);
            return None;
        }
        let usual = SignedDuration::from_millis(feed.trail_ms());
        let from = match &table.from {
            None => None,
            Some(text) => {
                let ms = self.take(&format!("{path}.from"), parse_instant(text))?;
                Timestamp::from_millisecond(ms).ok()
            }
        };
        let trail = self.duration(&format!("{path}.trail"), table.trail.as_ref(), usual);
        Some(Collect { feed, every, trail, from })
    }
}
