//! The transcripts as a HAR 1.2 file, which the network panel of any browser opens.
//!
//! One page per check, so that the panel groups its requests. HTTP versions are not recorded, and are not claimed.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::model::exchange::Exchange;
use crate::model::outcome::{Outcome, Run};

/// The run's exchanges as HAR. Programs that were run and steps in a browser are no
/// requests: they are in the comments of their pages.
#[must_use]
pub fn har(run: &Run) -> String {
    let with_traffic = || run.outcomes.iter().filter(|outcome| !outcome.transcript.is_empty());
    let pages: Vec<Value> = with_traffic().map(page).collect();
    let mut entries: Vec<(OffsetDateTime, Value)> = with_traffic()
        .flat_map(|outcome| outcome.transcript.iter().map(move |exchange| (outcome, exchange)))
        .filter(|(_, exchange)| exchange.is_request())
        .map(|(outcome, exchange)| entry(outcome, exchange))
        .collect();
    entries.sort_by_key(|(at, _)| *at);
    let entries: Vec<Value> = entries.into_iter().map(|(_, entry)| entry).collect();
    let log = json!({ "log": {
        "version": "1.2",
        "creator": { "name": "regproof", "version": run.version },
        "comment": format!("{} {}", run.scenario, run.target),
        "pages": pages,
        "entries": entries,
    }});
    format!("{log:#}\n")
}

fn page(outcome: &Outcome) -> Value {
    let mut page = json!({
        "id": outcome.id,
        "title": format!("{}: {}", outcome.verdict.word(), outcome.id),
        "startedDateTime": moment(outcome.started),
        "pageTimings": {},
    });
    let others = outcome.transcript.iter().filter(|exchange| !exchange.is_request());
    let others = others.map(Exchange::repeat).collect::<Vec<_>>().join("\n");
    if !others.is_empty() {
        page["comment"] = json!(others);
    }
    page
}

fn entry(outcome: &Outcome, exchange: &Exchange) -> (OffsetDateTime, Value) {
    let at = outcome.started.saturating_add(time::Duration::milliseconds(exchange.at_ms.try_into().unwrap_or(0)));
    let wait = exchange.first_byte_ms.min(exchange.total_ms);
    let mut entry = json!({
        "pageref": outcome.id,
        "startedDateTime": moment(at),
        "time": exchange.total_ms,
        "request": request(exchange),
        "response": response(exchange),
        "cache": {},
        "timings": { "send": 0, "wait": wait, "receive": exchange.total_ms - wait },
        "comment": format!("as {}", exchange.who),
    });
    if let Some(error) = &exchange.error {
        entry["_error"] = json!(error);
    }
    (at, entry)
}

fn request(exchange: &Exchange) -> Value {
    let query: Vec<Value> = url::Url::parse(&exchange.url)
        .map(|url| url.query_pairs().map(|(name, value)| json!({ "name": name, "value": value })).collect())
        .unwrap_or_default();
    let mut request = json!({
        "method": exchange.method,
        "url": exchange.url,
        "httpVersion": "",
        "cookies": [],
        "headers": headers(&exchange.request_headers),
        "queryString": query,
        "headersSize": -1,
        "bodySize": exchange.request_body.len(),
    });
    if !exchange.request_body.is_empty() {
        let kind = header(&exchange.request_headers, "content-type");
        request["postData"] = json!({ "mimeType": kind, "params": [], "text": exchange.request_body });
    }
    request
}

fn response(exchange: &Exchange) -> Value {
    let status = exchange.status.unwrap_or(0);
    let reason = reqwest::StatusCode::from_u16(status).ok().and_then(|code| code.canonical_reason()).unwrap_or("");
    json!({
        "status": status,
        "statusText": reason,
        "httpVersion": "",
        "cookies": [],
        "headers": headers(&exchange.response_headers),
        "content": {
            "size": exchange.response_body.len(),
            "mimeType": header(&exchange.response_headers, "content-type"),
            "text": exchange.response_body,
        },
        "redirectURL": header(&exchange.response_headers, "location"),
        "headersSize": -1,
        "bodySize": -1,
    })
}

fn headers(list: &[(String, String)]) -> Vec<Value> {
    list.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect()
}

fn header<'a>(list: &'a [(String, String)], wanted: &str) -> &'a str {
    list.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map_or("", |(_, value)| value)
}

fn moment(at: OffsetDateTime) -> String {
    at.format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::exchange::PROGRAM;
    use crate::report::sample;

    #[test]
    fn every_exchange_is_an_entry_with_what_har_1_2_requires() {
        let run = sample::run();
        let text = har(&run);
        let log: Value = serde_json::from_str(&text).unwrap();
        let entries = log["log"]["entries"].as_array().unwrap();
        assert_eq!(entries.len(), run.outcomes.iter().map(|outcome| outcome.transcript.len()).sum::<usize>());
        for entry in entries {
            for path in [
                "/startedDateTime",
                "/time",
                "/cache",
                "/timings/send",
                "/timings/wait",
                "/timings/receive",
                "/request/method",
                "/request/url",
                "/request/httpVersion",
                "/request/cookies",
                "/request/headers",
                "/request/queryString",
                "/request/headersSize",
                "/request/bodySize",
                "/response/status",
                "/response/statusText",
                "/response/httpVersion",
                "/response/cookies",
                "/response/headers",
                "/response/content/size",
                "/response/content/mimeType",
                "/response/redirectURL",
                "/response/headersSize",
                "/response/bodySize",
            ] {
                assert!(entry.pointer(path).is_some(), "{path}");
            }
            let total = entry["timings"]["wait"].as_u64().unwrap() + entry["timings"]["receive"].as_u64().unwrap();
            assert_eq!(entry["time"].as_u64(), Some(total));
            assert!(log["log"]["pages"].as_array().unwrap().iter().any(|page| page["id"] == entry["pageref"]));
        }
        assert_eq!(entries[0]["startedDateTime"], "2026-03-01T12:00:00.154Z");
        assert_eq!(entries[2]["_error"], "connection reset by peer");
        assert_eq!(entries[2]["request"]["queryString"][0]["value"], "b");
        let mut small = sample::small();
        small.outcomes[0].transcript = vec![run.outcomes[1].transcript[1].clone()];
        sample::snapshot("har", &har(&small));
    }

    #[test]
    fn browser_tools_find_the_type_of_a_body_and_where_a_redirect_leads() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let response_headers = vec![pair("Content-Type", "text/html"), pair("location", "/there")];
        let exchange = Exchange { response_headers, ..Exchange::default() };
        let entry = response(&exchange);
        assert_eq!((&entry["content"]["mimeType"], &entry["redirectURL"]), (&json!("text/html"), &json!("/there")));
        let without = response(&Exchange::default());
        assert_eq!((&without["content"]["mimeType"], &without["redirectURL"]), (&json!(""), &json!("")));
    }

    #[test]
    fn a_program_that_was_run_is_a_comment_and_no_request() {
        let mut run = sample::small();
        let program = Exchange { method: PROGRAM.to_owned(), url: "crane push x".to_owned(), ..Exchange::default() };
        run.outcomes[0].transcript = vec![program];
        let log: Value = serde_json::from_str(&har(&run)).unwrap();
        assert_eq!(log["log"]["pages"][0]["comment"], "crane push x");
        assert_eq!(log["log"]["entries"], json!([]));
    }
}
