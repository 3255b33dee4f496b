//! The one redactor: every byte of evidence passes it before it is kept, and every report passes it again before it is written.
//!
//! It knows each secret raw and in the encodings that registries, forms and reports use. It must never print a secret itself.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError, RwLock};

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// What stands in a secret's place.
pub(crate) const REDACTED: &str = "<redacted>";

/// Secrets shorter than this would shred ordinary text; scenarios refuse them.
pub(crate) const SHORTEST: usize = 6;

/// A key that is cut off is known by its start as long as this.
const KEY: usize = 64;
/// As many secrets are remembered that came up in a run; a watch of months mints many, and each is short-lived.
const MOST_LEARNT: usize = 16;

/// What came up in a run.
type Learnt = Arc<RwLock<VecDeque<Forms>>>;

/// Forms of secrets, longest first, with a search for all of them at once: nearly every text has none.
struct Forms {
    list: Vec<String>,
    search: AhoCorasick,
}

impl Forms {
    fn new(list: Vec<String>) -> Forms {
        // Smaller than a table of states, and made faster.
        let builder = AhoCorasick::builder().kind(Some(AhoCorasickKind::ContiguousNFA)).build(&list);
        Forms { search: builder.expect("a scenario's secrets are far from four billion states"), list }
    }
}

/// Every form of every secret of one scenario.
pub struct Redactor {
    forms: Forms,
    learnt: Vec<Learnt>,
}

impl Default for Redactor {
    /// A redactor without secrets.
    fn default() -> Redactor {
        Redactor { forms: Forms::new(Vec::new()), learnt: Vec::new() }
    }
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redactor({} forms)", self.forms.list.len())
    }
}

impl Redactor {
    /// Knows pairs of user name and secret; an empty user name for a secret that has none.
    pub fn new<'a>(secrets: impl IntoIterator<Item = (&'a str, &'a str)>) -> Redactor {
        Redactor { forms: Forms::new(forms(secrets)), learnt: vec![Learnt::default()] }
    }

    /// From now on knows this secret too, and so does every redactor that was made of this one.
    pub(crate) fn learn(&self, user: &str, secret: &str) {
        let Some(learnt) = self.learnt.first() else { return };
        let mut learnt = learnt.write().unwrap_or_else(PoisonError::into_inner);
        if learnt.len() == MOST_LEARNT {
            learnt.pop_front();
        }
        learnt.push_back(Forms::new(forms([(user, secret)])));
    }

    /// One redactor that knows what all of these know and will learn.
    pub fn all<'a>(redactors: impl IntoIterator<Item = &'a Redactor>) -> Redactor {
        let (mut forms, mut learnt) = (Vec::new(), Vec::new());
        for redactor in redactors {
            forms.extend(redactor.forms.list.iter().cloned());
            learnt.extend(redactor.learnt.iter().map(Arc::clone));
        }
        Redactor { forms: Forms::new(in_order(forms)), learnt }
    }

    /// Calls with the forms of what came up, then with those of the scenario, until one call says that it is enough.
    fn any(&self, mut each: impl FnMut(&Forms) -> bool) -> bool {
        let learnt = self.learnt.iter().map(|learnt| learnt.read().unwrap_or_else(PoisonError::into_inner));
        let mut learnt = learnt.collect::<Vec<_>>();
        learnt.retain(|learnt| !learnt.is_empty());
        learnt.iter().flat_map(|learnt| learnt.iter()).chain([&self.forms]).any(&mut each)
    }

    fn longest(&self) -> usize {
        let mut longest = KEY;
        self.any(|forms| {
            longest = longest.max(forms.list.first().map_or(0, String::len));
            false
        });
        longest
    }

    /// The text without secrets.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        let mut clean = api_keys(text);
        self.any(|forms| {
            if forms.search.is_match(&clean) {
                for form in &forms.list {
                    if clean.contains(form) {
                        clean = clean.replace(form, REDACTED);
                    }
                }
            }
            false
        });
        clean
    }

    /// The start of the text without secrets. A secret that the end would cut in two is replaced before it is cut.
    pub(crate) fn start(&self, text: &str, limit: usize) -> String {
        self.start_of(text, limit, true)
    }

    /// The same of a text that may have been cut off itself, if it is not the whole one.
    pub(crate) fn start_of(&self, text: &str, limit: usize, whole: bool) -> String {
        // What is replaced makes the text shorter, and brings what the window's own end cut in two below the limit.
        let edge = 2 * self.longest();
        let window = &text[..text.floor_char_boundary(limit.saturating_add(edge))];
        let clean = self.text(window);
        let whole = whole && window.len() == text.len();
        let most = if whole { limit } else { limit.min(clean.len().saturating_sub(edge)) };
        clean[..clean.floor_char_boundary(most)].to_owned()
    }

    /// As many bytes of a longer text are enough to show so many of them.
    pub(crate) fn window(&self, limit: usize) -> usize {
        limit + 2 * self.longest()
    }

    /// Whether the text holds a secret in any form.
    #[must_use]
    pub fn leaks(&self, text: &str) -> bool {
        self.any(|forms| forms.search.is_match(text)) || api_keys(text) != text
    }

    /// A header without secrets, cookies and one-time codes.
    pub(crate) fn header(&self, name: &str, value: &str) -> (String, String) {
        // First: what a header is taken apart by may stand within a secret.
        let value = self.text(value);
        let clean = match name.to_ascii_lowercase().as_str() {
            "authorization" | "proxy-authorization" | "cookie" => REDACTED.to_owned(),
            "set-cookie" => cookie(&value),
            "location" => one_time(&value),
            _ => value,
        };
        (self.text(name), self.text(&clean))
    }

    /// A URL without secrets and one-time codes.
    pub(crate) fn url(&self, url: &str) -> String {
        self.text(&one_time(url))
    }
}

/// Every form of these secrets.
fn forms<'a>(secrets: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<String> {
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
    in_order(forms)
}

fn in_order(mut forms: Vec<String>) -> Vec<String> {
    forms.retain(|form| form.len() >= SHORTEST);
    forms.sort_by(|a, b| b.len().cmp(&a.len()).then(a.cmp(b)));
    forms.dedup();
    forms
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
mod tests;
