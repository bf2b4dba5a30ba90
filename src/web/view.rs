//! Pages out of templates. Every value is escaped unless a template says otherwise, and none does.

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use minijinja::value::Serde;
use minijinja::{Environment, Value, context};

use super::Site;
use super::access::{By, Who};
use super::refused::Refused;
use crate::domain::access::Role;

/// Values of a template: `name => value`, or a variable's own name.
macro_rules! values {
    (@ $key:ident) => { serde_json::to_value(&$key).unwrap_or_default() };
    (@ $key:ident => $value:expr) => { serde_json::to_value(&$value).unwrap_or_default() };
    ($($key:ident $(=> $value:expr)?),* $(,)?) => {{
        let mut values = serde_json::Map::new();
        $(values.insert(stringify!($key).to_owned(), $crate::web::view::values!(@ $key $(=> $value)?));)*
        serde_json::Value::Object(values)
    }};
}
pub(super) use values;

/// What a form of ours is signed for.
pub(super) const FORM: &str = "form";

macro_rules! templates {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("templates/", $name)))),*]
    };
}

const TEMPLATES: &[(&str, &str)] = &templates!(
    "base.html",
    "refused.html",
    "login.html",
    "reports.html",
    "report_row.html",
    "form.html",
    "coming.html",
    "report.html",
    "run.html",
    "upcoming.html",
    "sources.html",
    "deliveries.html",
    "lists.html",
    "access.html",
);

/// The templates, parsed.
#[derive(Debug)]
pub(super) struct Views(Environment<'static>);

impl Views {
    pub(super) fn new() -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(minijinja::UndefinedBehavior::SemiStrict);
        environment.add_filter("grouped", |number: u64| crate::domain::units::grouped(number));
        for (name, text) in TEMPLATES {
            if let Err(error) = environment.add_template(name, text) {
                // A test renders each of them.
                tracing::error!(%error, name, "a template is wrong");
            }
        }
        Self(environment)
    }
}

impl Site {
    /// A page for somebody. `values` are the template's own.
    pub(super) fn page(
        &self,
        who: Option<&Who>,
        template: &str,
        values: serde_json::Value,
    ) -> Result<Response, Refused> {
        Ok(Html(self.html(who, template, values)?).into_response())
    }

    pub(super) fn html(
        &self,
        who: Option<&Who>,
        template: &str,
        values: serde_json::Value,
    ) -> Result<String, Refused> {
        let broken = |error: minijinja::Error| Refused::broken(format!("{template}: {error:#}"));
        let may = |role: Role| who.is_some_and(|who| who.may(role));
        let all = context! {
            who => who.map(|who| who.name.clone()),
            logs_out => who.is_some_and(|who| matches!(who.by, By::Session(_))),
            may => context! { run => may(Role::Run), edit => may(Role::Edit), admin => may(Role::Admin) },
            form => who.map(|who| self.key.sign(FORM, &who.form_text())),
            version => env!("CARGO_PKG_VERSION"),
            ..Value::from(Serde(values))
        };
        self.views.0.get_template(template).and_then(|template| template.render(all)).map_err(broken)
    }

    /// A refusal as a page; whoever is nobody is shown the login instead.
    pub(super) fn refusal(&self, who: Option<&Who>, refused: &Refused, path: &str) -> Response {
        if refused.status == StatusCode::UNAUTHORIZED && who.is_none() && path != "/login" {
            let to = form_urlencoded::byte_serialize(path.as_bytes()).collect::<String>();
            return axum::response::Redirect::to(&format!("/login?to={to}")).into_response();
        }
        let reason = refused.status.canonical_reason().unwrap_or_default();
        let values = values! { title => reason, status => refused.status.as_u16(), detail => refused.detail };
        match self.page(who, "refused.html", values) {
            Ok(page) => (refused.status, page).into_response(),
            Err(plain) => plain.into_response(),
        }
    }
}
