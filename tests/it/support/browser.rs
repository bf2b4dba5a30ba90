//! A real browser, Chromium, told what to do by W3C `WebDriver`.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::web::call;
use super::{free_port, wait_for};

/// What an element is called over `WebDriver`.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser with a folder of its own.
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
    folder: tempfile::TempDir,
}

impl Browser {
    /// A window of this size in CSS pixels, with scripts or without.
    pub fn start(width: u32, height: u32, scripts: bool) -> Self {
        let folder = tempfile::Builder::new().prefix("legwork-it-").tempdir().unwrap();
        let port = free_port();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .env("HOME", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("run the tests by tests/run: it installs chromium-driver");
        let mut browser = Self { driver, port, session: String::new(), folder };
        wait_for("chromedriver", || {
            std::net::TcpStream::connect(("127.0.0.1", port)).map_err(|error| error.to_string())
        });
        let profile = format!("--user-data-dir={}", browser.folder.path().join("profile").display());
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            "--disable-dev-shm-usage",
            &profile,
        ];
        let mut preferences = json!({ "download.default_directory": browser.downloads() });
        if !scripts {
            preferences["profile.managed_default_content_settings.javascript"] = json!(2);
        }
        let options = json!({ "args": arguments, "prefs": preferences });
        let wanted = json!({ "browserName": "chrome", "goog:chromeOptions": options });
        let made = browser.ask("POST", "/session", &json!({ "capabilities": { "alwaysMatch": wanted } }));
        browser.session = format!("/session/{}", made["sessionId"].as_str().unwrap());
        browser.size(width, height);
        browser
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        self.try_ask(method, path, body).unwrap_or_else(|told| panic!("{method} {path}: {told}"))
    }

    /// The same where a page that is just being left may refuse.
    fn try_ask(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let path = format!("{}{path}", self.session);
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let headers = [("Content-Type", "application/json")];
        let answer = call(self.port, method, &path, &headers, text.as_bytes());
        let value = answer.json()["value"].clone();
        if answer.status == 200 { Ok(value) } else { Err(value.to_string()) }
    }

    /// Emulates a screen, so that it may be narrower than a window can be.
    pub fn size(&self, width: u32, height: u32) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        let command = json!({ "cmd": "Emulation.setDeviceMetricsOverride", "params": metrics });
        self.ask("POST", "/goog/cdp/execute", &command);
    }

    pub fn downloads(&self) -> PathBuf {
        self.folder.path().join("downloads")
    }

    pub fn open(&self, url: &str) {
        self.ask("POST", "/url", &json!({ "url": url }));
    }

    pub fn url(&self) -> String {
        self.ask("GET", "/url", &Value::Null).as_str().unwrap().to_owned()
    }

    fn element(&self, css: &str) -> String {
        let found = self.ask("POST", "/element", &json!({ "using": "css selector", "value": css }));
        found[ELEMENT].as_str().unwrap().to_owned()
    }

    pub fn has(&self, css: &str) -> bool {
        let found = self.ask("POST", "/elements", &json!({ "using": "css selector", "value": css }));
        !found.as_array().unwrap().is_empty()
    }

    /// Clicks once the page has come to rest: what moves under the pointer is missed.
    pub fn click(&self, css: &str) {
        wait_for("the page", || {
            let state = self.look("return document.readyState");
            if state == "complete" { Ok(()) } else { Err(state.to_string()) }
        });
        self.ask("POST", &format!("/element/{}/click", self.element(css)), &json!({}));
    }

    /// Clicks on what leads to another page, and waits until that page is there and whole: until then every look would
    /// still find the one that is left.
    pub fn follow(&self, css: &str) {
        let page = json!({ "script": "return [performance.timeOrigin, document.readyState]", "args": [] });
        let left = self.ask("POST", "/execute/sync", &page)[0].clone();
        self.click(css);
        wait_for("the next page", || match self.try_ask("POST", "/execute/sync", &page) {
            Ok(here) if here[0] != left && here[1] == "complete" => Ok(()),
            here => Err(format!("{here:?}")),
        });
    }

    /// Types into a field, as a person does; a choice is made by its first letters.
    pub fn fill(&self, css: &str, text: &str) {
        self.ask("POST", &format!("/element/{}/value", self.element(css)), &json!({ "text": text }));
    }

    pub fn choose(&self, css: &str, value: &str) {
        self.click(&format!("{css} option[value=\"{value}\"]"));
    }

    pub fn text(&self, css: &str) -> String {
        // One step: between finding an element and reading it, the page's own script may replace it.
        let script = format!("return document.querySelector({})?.innerText ?? ''", json!(css));
        self.look(&script).as_str().unwrap().to_owned()
    }

    pub fn attribute(&self, css: &str, name: &str) -> String {
        let path = format!("/element/{}/attribute/{name}", self.element(css));
        self.ask("GET", &path, &Value::Null).as_str().unwrap_or_default().to_owned()
    }

    /// What a script of the test's own finds in the page.
    pub fn look(&self, script: &str) -> Value {
        self.ask("POST", "/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// The same for one that answers later, by calling its last argument.
    pub fn look_later(&self, script: &str) -> Value {
        self.ask("POST", "/execute/async", &json!({ "script": script, "args": [] }))
    }

    /// A file that was downloaded, once it is whole.
    pub fn downloaded(&self, name: &str) -> Vec<u8> {
        let file: &Path = &self.downloads().join(name);
        wait_for("the download", || std::fs::read(file).map_err(|error| error.to_string()))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() && !std::thread::panicking() {
            self.ask("DELETE", "", &Value::Null);
        }
        drop(self.driver.kill());
        drop(self.driver.wait());
    }
}
