//! How RingCentral is logged in to.
//!
//! A RingCentral token (an hour, by JWT or code) is exchanged for a RingCX one, which lives five minutes, says nothing of
//! that, and is refreshed by a token that is replaced each time. Exchanges are limited to five a minute.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use reqwest::RequestBuilder;
use reqwest::header::{AUTHORIZATION, HeaderName};
use serde::Deserialize;

use crate::config::{self, RingcentralLogin as Way};
use crate::domain::budget::{Budget, Rate};
use crate::secret::Secret;
use crate::sources::SourceError;
use crate::sources::link::{Ask, LOGIN, Link, Login, Nobody, SharedBudget, form, secret, sensitive};
use crate::sources::tokens::{Token, Tokens};

/// A RingCX token's life; its answer does not say it.
const LIFE: SignedDuration = SignedDuration::from_mins(5);
/// A legacy login's life, prolonged by each use.
const LEGACY_LIFE: SignedDuration = SignedDuration::from_mins(55);
/// Exchanges, whoever asks.
const EXCHANGES: Rate = Rate { count: 5, span: SignedDuration::from_secs(60) };

#[derive(Debug)]
pub(super) struct RingcentralLogin {
    at: config::Ringcentral,
    /// Where the refresh token of a code is kept.
    kept: PathBuf,
    /// RingCX's token, or the permanent one.
    tokens: Tokens,
    /// RingCentral's own.
    platform: Tokens,
    budget: SharedBudget,
}

#[derive(Deserialize)]
struct PlatformAnswer {
    access_token: String,
    #[serde(default)]
    expires_in: Option<i64>,
    #[serde(default)]
    refresh_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExchangeAnswer {
    access_token: String,
    #[serde(default)]
    refresh_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LegacyAnswer {
    auth_token: String,
}

impl Login for RingcentralLogin {
    async fn sign(
        &self,
        link: &Link,
        request: RequestBuilder,
    ) -> Result<(RequestBuilder, Option<u64>), SourceError> {
        let (token, number) = self
            .tokens
            .get(link.errand.now(), async |before: Option<Token>| self.fetch(link, before).await)
            .await?;
        // A bearer on the host of today; the permanent and the legacy tokens have a header of their own.
        let bearer = match &self.at.login {
            Way::Jwt { .. } | Way::Code { .. } | Way::Password { platform_id: Some(_), .. } => true,
            Way::Token(_) | Way::Password { platform_id: None, .. } => false,
        };
        let (name, value) = if bearer {
            (AUTHORIZATION, format!("Bearer {}", token.expose()))
        } else {
            (HeaderName::from_static("x-auth-token"), token.expose().to_owned())
        };
        Ok((request.header(name, sensitive(&value)?), Some(number)))
    }

    async fn refused(&self, number: u64) {
        self.tokens.refused(number).await;
    }
}

fn lasting(access: String, refresh: Option<String>, now: Timestamp, life: SignedDuration) -> Token {
    let ends = now.checked_add(life).ok();
    Token { access: access.into(), refresh: refresh.map(Secret::from), ends }
}

impl RingcentralLogin {
    pub(super) fn new(at: config::Ringcentral, kept: PathBuf) -> Self {
        let budget = Arc::new(Mutex::new(Budget::new(vec![EXCHANGES])));
        Self { at, kept, tokens: Tokens::default(), platform: Tokens::default(), budget }
    }

    pub(super) fn ends(&self) -> Option<Timestamp> {
        self.tokens.ends()
    }

    fn asking(&self) -> Ask<'_> {
        Ask { what: LOGIN, budget: &self.budget, permission: "the login has no right to RingCX" }
    }

    async fn fetch(&self, link: &Link, before: Option<Token>) -> Result<Token, SourceError> {
        match &self.at.login {
            Way::Token(name) => Ok(Token { access: secret(name)?, refresh: None, ends: None }),
            Way::Password { user, password, platform_id: None } => {
                let url = format!("{}/v1/auth/login", self.at.api);
                let fields = form(&[("username", user.as_str()), ("password", secret(password)?.expose())]);
                let answer: LegacyAnswer =
                    link.json(self.asking(), &Nobody, &|| link.post_form(&url, &fields)).await?;
                Ok(lasting(answer.auth_token, None, link.errand.now(), LEGACY_LIFE))
            }
            Way::Password { .. } | Way::Jwt { .. } | Way::Code { .. } => {
                if let Some(refresh) = before.and_then(|token| token.refresh) {
                    match self.refresh(link, &refresh).await {
                        // The refresh token's life is not known: one that has ended is no failure yet.
                        Err(SourceError::Login(_) | SourceError::Lasting(_)) => {}
                        answer => return answer,
                    }
                }
                self.exchange(link).await
            }
        }
    }

    async fn refresh(&self, link: &Link, token: &Secret) -> Result<Token, SourceError> {
        let url = format!("{}/token/refresh", self.at.auth);
        let fields = form(&[("refresh_token", token.expose()), ("rcTokenType", "Bearer")]);
        let answer: ExchangeAnswer =
            link.json(self.asking(), &Nobody, &|| link.post_form(&url, &fields)).await?;
        Ok(lasting(answer.access_token, answer.refresh_token, link.errand.now(), LIFE))
    }

    /// RingCentral's token for one of RingCX; or name and password for one.
    async fn exchange(&self, link: &Link) -> Result<Token, SourceError> {
        if let Way::Password { user, password, platform_id: Some(platform_id) } = &self.at.login {
            // The vendor wants them in the query; it stands in no log of ours.
            let password = secret(password)?;
            let query = form(&[
                ("username", user.as_str()),
                ("password", password.expose()),
                ("platformId", platform_id),
            ]);
            let url = format!("{}/login/admin?{query}", self.at.auth);
            let answer: ExchangeAnswer = link.json(self.asking(), &Nobody, &|| link.http.post(&url)).await?;
            return Ok(lasting(answer.access_token, answer.refresh_token, link.errand.now(), LIFE));
        }
        let url = format!("{}/login/rc/accesstoken?includeRefresh=true", self.at.auth);
        let mut renewed = false;
        loop {
            let (token, number) = self.platform_token(link).await?;
            let fields = form(&[("rcAccessToken", token.expose()), ("rcTokenType", "Bearer")]);
            let answer: Result<ExchangeAnswer, _> =
                link.json(self.asking(), &Nobody, &|| link.post_form(&url, &fields)).await;
            match answer {
                Err(SourceError::Login(_)) if !renewed => {
                    renewed = true;
                    self.platform.refused(number).await;
                }
                answer => {
                    let answer = answer?;
                    return Ok(lasting(answer.access_token, answer.refresh_token, link.errand.now(), LIFE));
                }
            }
        }
    }

    /// RingCentral's own token.
    pub(super) async fn platform_token(&self, link: &Link) -> Result<(Secret, u64), SourceError> {
        let get = async |before: Option<Token>| {
            let (Way::Jwt { client_id, client_secret, .. } | Way::Code { client_id, client_secret, .. }) =
                &self.at.login
            else {
                return Err(SourceError::Lasting(
                    "the RingCentral account is only found with a login by jwt or code; name it as `rc_account`"
                        .to_owned(),
                ));
            };
            let url = format!("{}/restapi/oauth/token", self.at.platform);
            let app = secret(client_secret)?;
            let ask = async |fields: &[(&str, &str)]| -> Result<PlatformAnswer, SourceError> {
                let fields = form(fields);
                let make = || link.post_form(&url, &fields).basic_auth(client_id, Some(app.expose()));
                link.json(self.asking(), &Nobody, &make).await
            };
            // What is kept may be newer: another process of ours may have renewed it.
            let kept = self.kept().or_else(|| before.and_then(|token| token.refresh));
            let mut answer = None;
            if let Some(refresh) = kept {
                let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh.expose())];
                match ask(&fields).await {
                    // It is good for one use and for a week: the login itself says more.
                    Err(SourceError::Login(_) | SourceError::Lasting(_)) => {}
                    told => answer = Some(told?),
                }
            }
            let answer = match (answer, &self.at.login) {
                (Some(answer), _) => answer,
                (None, Way::Jwt { jwt, .. }) => {
                    let jwt = secret(jwt)?;
                    let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
                    ask(&[("grant_type", grant), ("assertion", jwt.expose())]).await?
                }
                (None, Way::Code { code, redirect_uri, .. }) => {
                    let code = secret(code)?;
                    let fields = [
                        ("grant_type", "authorization_code"),
                        ("code", code.expose()),
                        ("redirect_uri", redirect_uri),
                    ];
                    ask(&fields).await.map_err(used_up)?
                }
                (None, Way::Token(_) | Way::Password { .. }) => return Err(SourceError::Stopped),
            };
            if matches!(self.at.login, Way::Code { .. })
                && let Some(refresh) = &answer.refresh_token
            {
                self.keep(refresh)?;
            }
            let life = SignedDuration::from_secs(answer.expires_in.unwrap_or(3_600).max(0));
            Ok(lasting(answer.access_token, answer.refresh_token, link.errand.now(), life))
        };
        self.platform.get(link.errand.now(), get).await
    }

    /// The refresh token that a code gave, as the last process left it.
    fn kept(&self) -> Option<Secret> {
        fs::read_to_string(&self.kept).ok().filter(|text| !text.is_empty()).map(Secret::from)
    }

    /// A code is good for one use: what it gave must outlive the process. Replaced in one step, readable by us only.
    fn keep(&self, refresh: &str) -> Result<(), SourceError> {
        let write = || -> std::io::Result<()> {
            if let Some(folder) = self.kept.parent() {
                fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            }
            let mut part = self.kept.clone().into_os_string();
            part.push(".part");
            let mut file =
                fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
            std::io::Write::write_all(&mut file, refresh.as_bytes())?;
            file.sync_all()?;
            fs::rename(part, &self.kept)?;
            self.kept.parent().map_or(Ok(()), |folder| fs::File::open(folder)?.sync_all())
        };
        write().map_err(|error| {
            SourceError::Here(format!("keep the login in `{}`: {error}", self.kept.display()))
        })
    }
}

/// What a refusal of a code means.
fn used_up(error: SourceError) -> SourceError {
    if let SourceError::Login(words) | SourceError::Lasting(words) = &error {
        return SourceError::Login(format!(
            "{words}; the code is good for one use: authorize the app again and put the new code in its place"
        ));
    }
    error
}
