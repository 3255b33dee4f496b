//! Causes and remedies for registries that are not zot. The checks know zot's settings; its words help nobody elsewhere.
//!
//! Pure. Changes no verdict, and nothing of what was found.

use crate::model::outcome::{Finding, Fingerprint, Outcome};

/// Words that only zot's configuration, programs or releases have.
const ZOT: [&str; 8] =
    ["zot", "accessControl", "anonymousPolicy", "defaultPolicy", "adminPolicy", "scrub", "http.compat", "externalUrl"];

/// By the start of a check's id: a cause and a remedy. The first that fits is taken.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    (
        "access::anonymous_can_pull",
        "anonymous clients may not read this repository, or its content is damaged",
        "look at the registry's rule for reading without a login; for a wrong digest, look at storage and proxy",
    ),
    (
        "access::anonymous_cannot_push",
        "clients without credentials may write",
        "ask for a login for every POST, PUT, PATCH and DELETE below /v2/",
    ),
    (
        "access::wrong_credentials",
        "credentials are not checked: a proxy drops them, or the registry falls back to anonymous access",
        "look at the registry's authentication, and at what the proxy does with the Authorization header",
    ),
    (
        "publish::existing_tag_cannot_be_moved",
        "users who may push here may also move tags: many registries do not separate the two",
        "use tag immutability where the registry has it, or let a proxy refuse to overwrite; else do not promise it",
    ),
    (
        "publish::existing_tag_cannot_be_deleted",
        "users who may push here may also delete: many registries do not separate the two",
        "switch deletes off, or give them to other users than those who push; else do not promise it",
    ),
    (
        "publish::",
        "the user is not known or may not push here, or something in front of the registry changes the request",
        "compare the user's rights in the registry with the promise, and the transcript with the registry's own log",
    ),
    (
        "content::",
        "the storage lost or changed bytes, or garbage collection took what a manifest still names",
        "push the image again; look at the storage, at the last garbage collection and at the last restore",
    ),
    (
        "clients::",
        "the registry or its proxy treats this client differently",
        "look for rules by User-Agent, and compare the transcript with that of a client that works",
    ),
    ("keys::", "this registry does not have the keys of the product that this check is about", "leave the check out"),
    (
        "metrics::",
        "the metrics are closed, or something else answers at this path",
        "look at the registry's metrics setting and at the proxy's routes",
    ),
    (
        "cache::warm_pulls_ask_no_upstream",
        "the registry asks its upstream for each pull by tag, also for an image that it has",
        "pull by digest; or set how long the registry may serve a tag without asking, where it has such a setting",
    ),
    (
        "cache::",
        "the registry does not pull this image through, or does not keep it",
        "look at the registry's proxy cache setting and at the upstream",
    ),
    (
        "",
        "the registry's rules, or something in front of it, differ from the promise",
        "compare the registry's own configuration with the promise, and restart it if the file is right",
    ),
];

/// Replaces advice about zot in what was found at a registry that is known to be another one.
pub(crate) fn fit(registry: &Fingerprint, outcome: &mut Outcome) {
    if registry.product.as_deref().is_none_or(|product| product == "zot") {
        return;
    }
    let id = outcome.id.clone();
    let cases = outcome.cases.iter_mut().filter_map(|case| case.finding.as_mut());
    for finding in outcome.finding.iter_mut().chain(cases) {
        reword(&id, finding);
    }
}

fn reword(id: &str, finding: &mut Finding) {
    // A cause that was chosen by what came back is no check's own advice.
    if !finding.code.is_empty() && !finding.code.contains("::") {
        return;
    }
    let Some((_, cause, remedy)) = ELSEWHERE.iter().find(|(start, ..)| id.starts_with(start)) else { return };
    for (text, other) in [(&mut finding.cause, cause), (&mut finding.remedy, remedy)] {
        if ZOT.iter().any(|word| text.contains(word)) {
            *text = (*other).to_owned();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(cause: &str, remedy: &str) -> Finding {
        Finding { cause: cause.to_owned(), remedy: remedy.to_owned(), ..Finding::default() }
    }

    #[test]
    fn no_advice_here_speaks_of_zot_and_every_check_has_some() {
        for (start, cause, remedy) in ELSEWHERE {
            assert!(!ZOT.iter().any(|word| cause.contains(word) || remedy.contains(word)), "{start}");
        }
        assert!(ELSEWHERE.last().is_some_and(|(start, ..)| start.is_empty()));
    }

    #[test]
    fn advice_about_zot_is_replaced_and_other_advice_stays() {
        let mut finding = found("a policy of accessControl", "raise the proxy's limit");
        reword("publish::existing_tag_cannot_be_moved", &mut finding);
        assert!(finding.cause.contains("may also move tags"), "{finding:?}");
        assert_eq!(finding.remedy, "raise the proxy's limit");
        let mut finding = found("a cause", "run zot's scrub");
        reword("unknown::check", &mut finding);
        assert_eq!(finding.cause, "a cause");
        assert!(finding.remedy.contains("own configuration"), "{finding:?}");
    }
}
