//! One request and its response, one run of a program, or one step in the browser, as evidence.

use crate::base::redact::Redactor;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One request and its answer, or what came instead of one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    /// Who asked: an identity's name, or `anonymous`.
    pub who: String,
    /// The user name that was sent, if any.
    pub username: Option<String>,
    /// The request's method.
    pub method: String,
    /// The whole URL.
    pub url: String,
    /// Request headers, credentials replaced.
    pub request_headers: Vec<(String, String)>,
    /// The request body as text, shortened.
    pub request_body: String,
    /// What curl needs besides, to reach the registry as it was reached: authorities, addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// The words of a shell for the password that was sent: a variable or a file, never the password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// The status, if there was an answer.
    pub status: Option<u16>,
    /// Response headers.
    pub response_headers: Vec<(String, String)>,
    /// The response body as text, shortened.
    pub response_body: String,
    /// What went wrong instead of an answer.
    pub error: Option<String>,
    /// Milliseconds since the check began.
    pub at_ms: u64,
    /// Milliseconds to the first byte of the answer.
    pub first_byte_ms: u64,
    /// Milliseconds to the end of the answer.
    pub total_ms: u64,
}

/// The method of what is no request, but the run of a program.
pub(crate) const PROGRAM: &str = "RUN";

/// The methods of what is no request, but a step in the browser: a page is opened, it is where the browser came to, a person's
/// login is typed.
pub(crate) const OPEN: &str = "OPEN";

pub(crate) const ARRIVE: &str = "ARRIVE";

pub(crate) const LOG_IN: &str = "LOG IN";

impl Exchange {
    /// The same evidence without secrets, cookies and one-time codes.
    pub(crate) fn redacted(mut self, redactor: &Redactor) -> Exchange {
        let headers = |list: Vec<(String, String)>| {
            list.into_iter().map(|(name, value)| redactor.header(&name, &value)).collect()
        };
        let text = |text: String| redactor.text(&text);
        self.request_headers = headers(self.request_headers);
        self.response_headers = headers(self.response_headers);
        self.url = redactor.url(&self.url);
        self.who = text(self.who);
        self.username = self.username.map(text);
        self.request_body = text(self.request_body);
        self.response_body = text(self.response_body);
        self.options = self.options.into_iter().map(text).collect();
        self.password = self.password.map(text);
        self.error = self.error.map(text);
        self
    }

    /// Whether it is one request and its answer.
    pub(crate) fn is_request(&self) -> bool {
        ![PROGRAM, OPEN, ARRIVE, LOG_IN].contains(&self.method.as_str())
    }

    /// A line for a shell that repeats the request, the line with which a program was run, or what to do in a browser; secrets
    /// are named, never shown.
    #[must_use]
    pub fn repeat(&self) -> String {
        match self.method.as_str() {
            PROGRAM => return one_line(&self.url),
            OPEN | ARRIVE => return format!("in a browser: {}", one_line(&self.url)),
            LOG_IN => return format!("in a browser: log in at {}", one_line(&self.url)),
            _ => {}
        }
        let mut line = String::from("curl -sS -i");
        if self.url.contains("/.") {
            line.push_str(" --path-as-is");
        }
        if self.url.contains(['[', ']', '{', '}']) {
            line.push_str(" --globoff");
        }
        if !self.options.is_empty() {
            let options: Vec<&str> = self.options.iter().map(String::as_str).collect();
            line.push_str(&format!(" {}", command_line(options[0], &options[1..])));
        }
        if self.method == "HEAD" {
            line.push_str(" --head");
        } else if self.method != "GET" {
            line.push_str(" -X ");
            line.push_str(&quoted(&self.method));
        }
        for (name, value) in &self.request_headers {
            if name.eq_ignore_ascii_case("authorization") {
                let username = self.username.as_deref().unwrap_or(&self.who);
                let password = self.password.as_deref().unwrap_or("\"$PASSWORD\"");
                line.push_str(&format!(" -u {}:{password}", quoted(username)));
            } else if !name.eq_ignore_ascii_case("cookie") {
                line.push_str(&format!(" -H {}", quoted(&format!("{name}: {value}"))));
            }
        }
        if !self.request_body.is_empty() {
            line.push_str(&format!(" --data-binary {}", quoted(&self.request_body)));
        }
        line.push(' ');
        line.push_str(&quoted(&self.url));
        line
    }
}

/// Quotes for a POSIX shell; control characters become `?`, so that a line stays one line.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", one_line(text).replace('\'', "'\\''"))
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// A program and its arguments as a shell takes them.
pub(crate) fn command_line(program: &str, arguments: &[&str]) -> String {
    let plain =
        |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "_-./:=@,+%".contains(c));
    let word = |word: &&str| if plain(word) { (*word).to_owned() } else { quoted(word) };
    [&[program], arguments].concat().iter().map(word).collect::<Vec<_>>().join(" ")
}

/// Whole milliseconds.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_repeated_by_its_own_line() {
        let url = command_line("crane", &["push", "images/a b", "registry.example.test/x:it's", ""]);
        let exchange = Exchange { method: PROGRAM.into(), url, ..Exchange::default() };
        assert_eq!(exchange.repeat(), r"crane push 'images/a b' 'registry.example.test/x:it'\''s' ''");
    }

    #[test]
    fn a_step_in_the_browser_is_repeated_in_a_browser() {
        let step =
            |method: &str| Exchange { method: method.into(), url: "http://a.test/x y".into(), ..Exchange::default() };
        assert_eq!(step(OPEN).repeat(), "in a browser: http://a.test/x y");
        assert_eq!(step(LOG_IN).repeat(), "in a browser: log in at http://a.test/x y");
        assert!([OPEN, ARRIVE, LOG_IN, PROGRAM].iter().all(|method| !step(method).is_request()));
        assert!(step("GET").is_request() && step("POST").repeat().starts_with("curl "));
    }

    #[test]
    fn a_curl_line_names_the_password_and_stays_one_line() {
        let exchange = Exchange {
            who: "ci".into(),
            username: Some("zot-ci".into()),
            method: "PUT".into(),
            url: "http://r/v2/it's/x\n".into(),
            request_headers: vec![("Authorization".into(), "<redacted>".into()), ("Accept".into(), "a".into())],
            ..Exchange::default()
        };
        assert_eq!(
            exchange.repeat(),
            r#"curl -sS -i -X 'PUT' -u 'zot-ci':"$PASSWORD" -H 'Accept: a' 'http://r/v2/it'\''s/x?'"#
        );
    }
}
