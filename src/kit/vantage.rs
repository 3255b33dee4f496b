//! One request that is sent to both addresses of a registry, and what of its answers must be equal.
//!
//! Decides no verdict.

use crate::http::{Answer, Client, MANIFEST_LIMIT};
use crate::kit::oracle;
use crate::kit::transfer;

/// One request, and what anonymous clients are promised for it.
pub(crate) struct Question {
    pub(crate) method: &'static str,
    pub(crate) target: String,
    /// Statuses that keep the promise to anonymous clients.
    pub(crate) promised: &'static [u16],
    /// Whether it is asked with credentials too.
    pub(crate) by_identity: bool,
    /// Why the proxy is not asked: it did not refuse the request in the scratch repository as zot does.
    pub(crate) odd: Option<&'static str>,
}

/// Sends it.
pub(crate) async fn ask(client: &Client, question: &Question) -> anyhow::Result<Answer> {
    match question.method {
        "PUT" => oracle::put_unstorable(client, &question.target).await,
        "POST" => client.post(&question.target).send().await,
        "DELETE" => client.delete(&question.target).send().await,
        _ => client.get(&question.target).header("Accept", transfer::ACCEPT).limit(MANIFEST_LIMIT).send().await,
    }
}

/// What must be equal; metrics and dates change by themselves.
pub(crate) fn view(answer: &Answer) -> String {
    let mut text = answer.status.to_string();
    for part in [answer.error_code().as_deref(), answer.header("docker-content-digest")].into_iter().flatten() {
        text.push(' ');
        text.push_str(part);
    }
    if answer.header("www-authenticate").is_some() {
        text.push_str(" with a challenge");
    }
    if answer.is_html() {
        text.push_str(" with an HTML page");
    }
    text
}
