//! A real Chromium by WebDriver, as a reader's: a width, light or dark, paper. It tells what a page asked for and did.
//!
//! It judges nothing: what is wrong with a page, `judge` says.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support;
use crate::support::http::{Answer, Request};
use crate::support::process::Server;

const LIMIT: Duration = Duration::from_secs(90);

/// How a page is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Pixels of CSS.
    pub width: u32,
    /// What the reader's system prefers.
    pub dark: bool,
    /// Whether it is on paper.
    pub print: bool,
}

impl Look {
    /// A name for a file.
    pub fn name(self) -> String {
        let colours = if self.dark { "dark" } else { "light" };
        format!("{}-{colours}{}", self.width, if self.print { "-print" } else { "" })
    }
}

/// One browser, which ends with its driver.
pub struct Browser {
    session: String,
    _driver: Server,
    _folder: TempDir,
}

impl Browser {
    /// A browser with an empty profile; `None`, said loudly, where this machine has none.
    pub fn start(test: &str) -> Option<Self> {
        let Some(program) = support::on_path("chromedriver") else {
            support::lacks(test, "chromedriver");
            return None;
        };
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let start = || {
            let mut driver = Server::spawn(&program, &["--port=0"], &folder.path().join("driver.log"));
            let port = driver.wait_until(Duration::from_secs(120), |log| {
                let line = log.lines().find_map(|line| line.split_once("started successfully on port "))?;
                line.1.trim_end_matches('.').parse::<u16>().ok()
            });
            port.map(|port| (driver, port))
        };
        // It takes a free port of IPv6 and gives up where the same one of IPv4 is taken; the next may be free.
        let (driver, port) = start().or_else(|_| start()).or_else(|_| start()).expect("chromedriver starts");
        let url = format!("http://127.0.0.1:{port}/session");
        let arguments = [
            "--headless".to_owned(),
            "--disable-gpu".to_owned(),
            "--no-first-run".to_owned(),
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--hide-scrollbars".to_owned(),
            // Chromium does not start its sandbox as root, and the pages are ours.
            "--no-sandbox".to_owned(),
            // A browser that is led over a pipe ends when its driver does, in whatever way that is.
            "--remote-debugging-pipe".to_owned(),
            format!("--user-data-dir={}", folder.path().join("profile").display()),
        ];
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            // A dialog has to stay open to be seen.
            "unhandledPromptBehavior": "ignore",
            "timeouts": { "pageLoad": 110_000, "script": 110_000, "implicit": 0 },
            "goog:loggingPrefs": { "performance": "ALL" },
            "goog:chromeOptions": { "args": arguments },
        }}});
        let answer = post(&url, &wanted).must_be(200).json();
        let id = answer["value"]["sessionId"].as_str().unwrap_or_else(|| panic!("no session: {answer}"));
        Some(Self { session: format!("{url}/{id}"), _driver: driver, _folder: folder })
    }

    /// Opens a file as a reader does.
    pub fn open(&self, file: &Path) {
        self.requests();
        self.ask("url", &json!({ "url": address(file) }));
    }

    /// Looks at the page in another way.
    pub fn look(&self, look: Look) {
        let size = json!({ "width": look.width, "height": 844, "deviceScaleFactor": 1, "mobile": look.width < 500 });
        self.devtools("Emulation.setDeviceMetricsOverride", &size);
        let scheme = if look.dark { "dark" } else { "light" };
        let media = json!({
            "media": if look.print { "print" } else { "screen" },
            "features": [{ "name": "prefers-color-scheme", "value": scheme }],
        });
        self.devtools("Emulation.setEmulatedMedia", &media);
    }

    /// Runs a script in the page, which its policy does not hinder, and answers what it returns.
    pub fn script(&self, script: &str) -> Value {
        self.ask("execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// Runs a script that ends when it calls its last argument.
    pub fn waiting_script(&self, script: &str) -> Value {
        self.ask("execute/async", &json!({ "script": script, "args": [] }))
    }

    /// The page as PNG, as much of it as one picture holds.
    pub fn picture(&self, width: u32) -> Vec<u8> {
        let height = self.script("return Math.min(document.documentElement.scrollHeight, 12000)");
        let clip = json!({ "x": 0, "y": 0, "width": width, "height": height, "scale": 1 });
        let whole = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
        decoded(&self.devtools("Page.captureScreenshot", &whole))
    }

    /// The page as it is printed, as PDF.
    pub fn paper(&self) -> Vec<u8> {
        decoded(&self.devtools("Page.printToPDF", &json!({ "printBackground": false })))
    }

    /// Every URL asked for since this was last called, but for what is inside the page itself.
    pub fn requests(&self) -> Vec<String> {
        let log = self.ask("se/log", &json!({ "type": "performance" }));
        let entries = log.as_array().expect("the log is a list").iter();
        let events = entries.map(|entry| {
            let text = entry["message"].as_str().expect("an entry has a message");
            serde_json::from_str::<Value>(text).expect("a message is JSON")["message"].take()
        });
        let sent = events.filter(|event| event["method"] == "Network.requestWillBeSent");
        let urls = sent.map(|event| event["params"]["request"]["url"].as_str().unwrap_or("?").to_owned());
        urls.filter(|url| !url.starts_with("data:")).collect()
    }

    /// Whether a dialog is open, as `alert` opens one.
    pub fn has_a_dialog(&self) -> bool {
        Request::new("GET", &format!("{}/alert/text", self.session)).send().status != 404
    }

    /// Closes the open dialog.
    pub fn dismiss(&self) {
        self.ask("alert/dismiss", &json!({}));
    }

    fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.ask("goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    fn ask(&self, what: &str, body: &Value) -> Value {
        post(&format!("{}/{what}", self.session), body).must_be(200).json()["value"].take()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = Request::new("DELETE", &self.session).try_send();
    }
}

/// A file's URL.
pub fn address(file: &Path) -> String {
    url::Url::from_file_path(file).expect("the path is absolute").into()
}

fn post(url: &str, body: &Value) -> Answer {
    Request::new("POST", url).within(LIMIT).body("application/json", body.to_string()).send()
}

fn decoded(answer: &Value) -> Vec<u8> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    STANDARD.decode(answer["data"].as_str().expect("the browser answers with data")).expect("it is base64")
}
