//! A request as the guard sees it, made of what goes on the wire.

use crate::http::guard::Intent;

/// The intent of a request with these headers; `written` is its target as it was written, where a query may name a method.
pub(super) fn intent<'a>(
    method: &'a str,
    target: &'a str,
    written: &'a str,
    headers: &'a [(String, String)],
    body: &'a [u8],
) -> Intent<'a> {
    let find = |wanted: &str| {
        let found = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.map(|(_, value)| value.as_str())
    };
    Intent {
        method,
        target,
        content_type: find("content-type"),
        content_range: find("content-range"),
        range: find("range").is_some(),
        override_method: override_method(headers, written),
        body,
    }
}

/// The method that a request asks to be taken for, by one of the ways that frameworks and proxies know.
fn override_method<'a>(headers: &'a [(String, String)], target: &'a str) -> Option<&'a str> {
    const NAMES: [&str; 3] = ["x-http-method-override", "x-method-override", "x-http-method"];
    let named = |name: &str| NAMES.iter().any(|known| name.eq_ignore_ascii_case(known));
    let query = target.split_once('?').map(|(_, query)| query).unwrap_or_default();
    let asked = query.split('&').find_map(|pair| pair.strip_prefix("_method="));
    headers.iter().find(|(name, _)| named(name)).map(|(_, value)| value.as_str()).or(asked)
}
