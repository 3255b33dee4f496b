//! The one redactor: every byte of evidence passes it before it is kept, and every report passes it again before it is written.
//!
//! It knows each secret raw and in the encodings that registries, forms and reports use. It must never print a secret itself.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::transcript::Exchange;

/// What stands in a secret's place.
pub(crate) const REDACTED: &str = "<redacted>";

/// Secrets shorter than this would shred ordinary text; scenarios refuse them.
pub(crate) const SHORTEST: usize = 6;

/// Every form of every secret of one scenario, longest first.
#[derive(Default)]
pub struct Redactor {
    forms: Vec<String>,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redactor({} forms)", self.forms.len())
    }
}

impl Redactor {
    /// Learns pairs of user name and secret; an empty user name for a secret that has none.
    pub fn new<'a>(secrets: impl IntoIterator<Item = (&'a str, &'a str)>) -> Redactor {
        let mut forms = Vec::new();
        for (user, secret) in secrets {
            if secret.len() < SHORTEST {
                continue;
            }
            let pair = format!("{user}:{secret}");
            let json = serde_json::to_string(secret).unwrap_or_default();
            forms.push(secret.to_owned());
            forms.push(STANDARD.encode(&pair));
            forms.push(STANDARD.encode(&pair).trim_end_matches('=').to_owned());
            forms.push(URL_SAFE_NO_PAD.encode(&pair));
            forms.push(percent(&STANDARD.encode(&pair), false));
            forms.extend((0..3).map(|before| within_base64(secret, before)));
            forms.extend((0..3).map(|before| within_base64(secret, before).replace('+', "-").replace('/', "_")));
            let header = STANDARD.encode(&pair);
            forms.extend((0..3).map(|before| within_base64(header.trim_end_matches('='), before)));
            forms.push(percent(secret, false));
            forms.push(percent(secret, true));
            forms.push(percent(secret, false).replace("%20", "+"));
            forms.push(json.trim_matches('"').to_owned());
            forms.push(xml(secret));
            let bytes = |each: fn(u8) -> String| secret.bytes().map(each).collect::<String>();
            forms.push(bytes(|b| format!("{b:02x}")));
            forms.push(bytes(|b| format!("{b:02X}")));
            forms.push(bytes(|b| format!("%{b:02x}")));
            forms.push(bytes(|b| format!("%{b:02X}")));
            let characters = |each: fn(u32) -> String| secret.chars().map(u32::from).map(each).collect::<String>();
            forms.push(characters(|c| format!("\\u{c:04x}")));
            forms.push(characters(|c| format!("\\u{c:04X}")));
            forms.push(characters(|c| format!("&#{c};")));
            forms.push(characters(|c| format!("&#x{c:x};")));
            forms.push(characters(|c| format!("&#x{c:X};")));
            // As Rust's own formatting shows text and bytes, which is how libraries log what they send.
            forms.push(secret.escape_debug().to_string());
            forms.push(secret.as_bytes().escape_ascii().to_string());
            let list = format!("{:?}", secret.as_bytes());
            forms.push(list.trim_matches(['[', ']']).to_owned());
        }
        Redactor::of(forms)
    }

    /// One redactor that knows what all of these know.
    pub fn all<'a>(redactors: impl IntoIterator<Item = &'a Redactor>) -> Redactor {
        Redactor::of(redactors.into_iter().flat_map(|redactor| redactor.forms.iter().cloned()).collect())
    }

    fn of(mut forms: Vec<String>) -> Redactor {
        forms.retain(|form| form.len() >= SHORTEST);
        forms.sort_by(|a, b| b.len().cmp(&a.len()).then(a.cmp(b)));
        forms.dedup();
        Redactor { forms }
    }

    /// The text without secrets.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        let mut clean = api_keys(text);
        for form in &self.forms {
            if clean.contains(form.as_str()) {
                clean = clean.replace(form.as_str(), REDACTED);
            }
        }
        clean
    }

    /// The start of the text without secrets. A secret that the end would cut in two is replaced before it is cut.
    pub(crate) fn start(&self, text: &str, limit: usize) -> String {
        let longest = self.forms.first().map_or(0, String::len);
        let clean = self.text(&text[..text.floor_char_boundary(limit.saturating_add(longest))]);
        clean[..clean.floor_char_boundary(limit)].to_owned()
    }

    /// Whether the text holds a secret in any form.
    #[must_use]
    pub fn leaks(&self, text: &str) -> bool {
        self.forms.iter().any(|form| text.contains(form.as_str()))
    }

    /// The exchange without secrets, cookies and one-time codes.
    pub(crate) fn exchange(&self, mut exchange: Exchange) -> Exchange {
        let headers = |list: Vec<(String, String)>| {
            list.into_iter().map(|(name, value)| {
                // First: what a header is taken apart by may stand within a secret.
                let value = self.text(&value);
                let clean = match name.to_ascii_lowercase().as_str() {
                    "authorization" | "proxy-authorization" | "cookie" => REDACTED.to_owned(),
                    "set-cookie" => cookie(&value),
                    "location" => one_time(&value),
                    _ => value,
                };
                (self.text(&name), self.text(&clean))
            })
        };
        exchange.request_headers = headers(exchange.request_headers).collect();
        exchange.response_headers = headers(exchange.response_headers).collect();
        exchange.url = self.text(&one_time(&exchange.url));
        exchange.who = self.text(&exchange.who);
        exchange.username = exchange.username.map(|username| self.text(&username));
        exchange.request_body = self.text(&exchange.request_body);
        exchange.response_body = self.text(&exchange.response_body);
        exchange.error = exchange.error.map(|error| self.text(&error));
        exchange
    }
}

/// A cookie's name and flags, without its value.
fn cookie(value: &str) -> String {
    let (pair, flags) = value.split_once(';').map_or((value, String::new()), |(p, f)| (p, format!(";{f}")));
    let name = pair.split_once('=').map_or("", |(name, _)| name);
    format!("{name}={REDACTED}{flags}")
}

/// A URL without the authorization code that a login puts in its query (RFC 6749, section 4.1.2).
fn one_time(url: &str) -> String {
    let Some((path, query)) = url.split_once('?') else { return url.to_owned() };
    let query: Vec<String> = query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((name @ ("code" | "id_token" | "access_token" | "id_token_hint"), _)) => format!("{name}={REDACTED}"),
            _ => pair.to_owned(),
        })
        .collect();
    format!("{path}?{}", query.join("&"))
}

/// Text without zot's API keys, `zak_` and 32 hexadecimal digits: a key that a run mints is a secret no scenario lists.
fn api_keys(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("zak_") {
        let (before, key) = rest.split_at(at);
        clean.push_str(before);
        let digits = key[4..].bytes().take_while(u8::is_ascii_hexdigit).count();
        if digits >= 16 {
            clean.push_str(REDACTED);
        } else {
            clean.push_str(&key[..4 + digits]);
        }
        rest = &key[4 + digits..];
    }
    clean.push_str(rest);
    clean
}

/// What base64 makes of a secret after `before` other bytes: the characters that no neighbour has a part in.
fn within_base64(secret: &str, before: usize) -> String {
    let bytes = [&[0; 2][..before], secret.as_bytes()].concat();
    let encoded = STANDARD.encode(&bytes);
    let encoded = encoded.trim_end_matches('=');
    let end = if bytes.len() % 3 == 0 { encoded.len() } else { encoded.len() - 1 };
    encoded[(before * 8).div_ceil(6)..end].to_owned()
}

fn percent(secret: &str, lower: bool) -> String {
    secret
        .bytes()
        .map(|b| match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(b).to_string(),
            _ if lower => format!("%{b:02x}"),
            _ => format!("%{b:02X}"),
        })
        .collect()
}

fn xml(secret: &str) -> String {
    secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn redactor() -> Redactor {
        Redactor::new([("zot-ci", "zak_p\"a s&s/word"), ("", "totp-seed")])
    }

    #[test]
    fn every_encoding_of_a_secret_is_replaced() {
        let redactor = redactor();
        for text in [
            "zak_p\"a s&s/word".to_owned(),
            STANDARD.encode("zot-ci:zak_p\"a s&s/word"),
            "zak_p%22a%20s%26s%2Fword".to_owned(),
            "zak_p%22a%20s%26s%2fword".to_owned(),
            "zak_p%22a+s%26s%2Fword".to_owned(),
            r#"zak_p\"a s&s/word"#.to_owned(),
            "zak_p&quot;a s&amp;s/word".to_owned(),
            "totp-seed".to_owned(),
        ] {
            assert!(redactor.leaks(&text), "{text}");
            let clean = redactor.text(&format!("a {text} b"));
            assert_eq!(clean, format!("a {REDACTED} b"));
        }
    }

    #[test]
    fn a_minted_key_is_in_no_text_at_all() {
        let text = "the key zak_0123456789abcdef0123456789abcdef, and zak_…";
        assert_eq!(redactor().text(text), format!("the key {REDACTED}, and zak_…"));
    }

    #[test]
    fn a_secret_within_any_longer_base64_is_replaced() {
        let secret = "zak_0123456789abcdef";
        let redactor = Redactor::new([("zot-ci", secret)]);
        for before in ["", "B", "Ba", "Bas", "Authorization: Basic "] {
            for after in ["", "x", "xy", "xyz"] {
                for encoded in [
                    STANDARD.encode(format!("{before}{secret}{after}")),
                    URL_SAFE_NO_PAD.encode(format!("{before}zot-ci:{secret}{after}")),
                ] {
                    assert!(redactor.leaks(&encoded), "{before} {after}");
                    assert!(!redactor.leaks(&redactor.text(&encoded)));
                }
            }
        }
    }

    #[test]
    fn a_secret_that_the_limit_would_cut_in_two_leaves_no_part() {
        let redactor = Redactor::new([("zot-ci", "zak_0123456789abcdef")]);
        for limit in 0..60 {
            let start = redactor.start("some text é before zak_0123456789abcdef and after", limit);
            assert!(!start.contains("zak_0") && start.len() <= limit, "{limit}: {start}");
        }
    }

    #[test]
    fn cookies_codes_and_minted_keys_never_stay() {
        let exchange = Exchange {
            url: "http://r/zot/auth/callback/oidc?code=abc&state=x".into(),
            request_headers: vec![("Cookie".into(), "session=abc".into())],
            response_headers: vec![("Set-Cookie".into(), "session=abc; Path=/; HttpOnly".into())],
            response_body: r#"{"apiKey":"zak_0123456789abcdef0123456789abcdef"}"#.into(),
            ..Exchange::default()
        };
        let clean = redactor().exchange(exchange);
        assert_eq!(clean.url, "http://r/zot/auth/callback/oidc?code=<redacted>&state=x");
        assert_eq!(clean.request_headers[0].1, REDACTED);
        assert_eq!(clean.response_headers[0].1, "session=<redacted>; Path=/; HttpOnly");
        assert_eq!(clean.response_body, r#"{"apiKey":"<redacted>"}"#);
    }

    #[test]
    fn one_redactor_of_several_knows_what_each_knows_and_tells_none_of_it() {
        let other = Redactor::new([("", "another-secret")]);
        let all = Redactor::all([&redactor(), &other]);
        assert!(all.leaks("totp-seed") && all.leaks("another-secret"));
        assert!(!other.leaks("totp-seed"));
        let shown = format!("{all:?}");
        assert!(shown.contains("forms") && !all.leaks(&shown), "{shown}");
    }

    #[test]
    fn what_comes_before_a_limit_is_kept() {
        let redactor = Redactor::new([("zot-ci", "zak_0123456789abcdef")]);
        assert_eq!(redactor.start("some text é", 4), "some");
        assert_eq!(redactor.start("some text é", 11), "some text ");
        assert_eq!(redactor.start("some", 400), "some");
        assert_eq!(redactor.start("some zak_0123456789abcdef", 15), format!("some {REDACTED}")[..15]);
    }

    #[test]
    fn a_code_in_a_redirect_does_not_stay() {
        let location = "https://r/cb?state=x&code=abc&id_token=b&access_token=c&id_token_hint=d&flag";
        let exchange = Exchange {
            response_headers: vec![("Location".into(), location.into()), ("Server".into(), "a?code=kept".into())],
            request_headers: vec![
                ("AUTHORIZATION".into(), "Basic eA==".into()),
                ("Proxy-Authorization".into(), "x".into()),
            ],
            ..Exchange::default()
        };
        let clean = redactor().exchange(exchange);
        let gone = "state=x&code=<redacted>&id_token=<redacted>&access_token=<redacted>&id_token_hint=<redacted>&flag";
        assert_eq!(clean.response_headers[0].1, format!("https://r/cb?{gone}"));
        assert_eq!(clean.response_headers[1].1, "a?code=kept");
        assert!(clean.request_headers.iter().all(|(_, value)| value == REDACTED));
    }

    #[test]
    fn a_key_is_one_from_sixteen_digits_on_and_what_follows_it_stays() {
        for (text, clean) in [
            ("zak_0123456789abcdeg", "zak_0123456789abcdeg".to_owned()),
            ("zak_0123456789abcdef, zak_0", format!("{REDACTED}, zak_0")),
            ("zak_zak_0123456789abcdefzak_", format!("zak_{REDACTED}zak_")),
            ("12zak_ab 34", "12zak_ab 34".to_owned()),
        ] {
            assert_eq!(api_keys(text), clean);
        }
    }

    #[test]
    fn what_base64_makes_of_a_secret_alone_goes_as_a_whole() {
        for secret in ["zak_0123456789abcd", "zak_0123456789abcde", "zak_0123456789abcdef"] {
            let encoded = STANDARD.encode(secret);
            let kept = Redactor::new([("", secret)]).text(&encoded);
            let aligned = secret.len().is_multiple_of(3);
            assert_eq!(kept == REDACTED, aligned, "{kept}");
            assert!(kept.len() <= REDACTED.len() + 3, "{kept}");
        }
    }

    #[test]
    fn a_secret_too_short_to_be_told_from_text_is_no_secret() {
        assert!(!Redactor::new([("", "12345")]).leaks("12345"));
        assert!(Redactor::new([("", "123456")]).leaks("123456"));
    }

    proptest! {
        #[test]
        fn no_text_around_a_secret_hides_it(before in ".{0,20}", secret in "[ -~]{8,24}", after in ".{0,20}") {
            let redactor = Redactor::new([("u", secret.as_str())]);
            let text = [before, secret, after].concat();
            prop_assert!(!redactor.leaks(&redactor.text(&text)));
        }
    }
}
