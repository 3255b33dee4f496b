//! The one root that makes many checks undecided or failed, from their outcomes and transcripts.
//!
//! Pure. Changes no verdict and no exit status.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::exchange::Exchange;
use crate::model::outcome::{Outcome, Root, Run, Verdict};
use crate::run::symptom;
use crate::run::symptom::{Facts, Symptom};

/// What the first finding of a run without a symptom is looked for among, the deepest first; with the checks that cannot be
/// proven before it is mended.
const LEADS: &[(&str, &[&str])] = &[
    ("registry::answers_as_a_registry", &[]),
    ("registry::certificate_is_valid_for_days", &[]),
    ("access::wrong_credentials_are_refused", &[]),
    ("access::anonymous_cannot_push", &[]),
    ("oidc::provider_is_discoverable", LOGIN),
    ("oidc::login_redirects_to_the_provider", LOGIN),
    ("oidc::login_returns_with_a_session", LOGIN),
    ("publish::existing_tag_cannot_be_moved", &[]),
    ("publish::existing_tag_cannot_be_deleted", &[]),
    ("access::anonymous_can_pull", &[]),
    ("publish::api_key_can_push", &["publish::"]),
    (
        "metrics::anonymous_can_scrape",
        &["cache::warm_hit_is_served_from_the_registry", "bypass::metrics_name_no_private_repository"],
    ),
    (
        "cache::pull_through_serves_upstream",
        &["cache::warm_hit_is_served_from_the_registry", "cache::cold_fetch_works"],
    ),
];

/// What needs a whole login.
const LOGIN: &[&str] = &[
    "oidc::login_redirects_to_the_provider",
    "oidc::login_returns_with_a_session",
    "oidc::login_returns_only_home",
    "oidc::login_grants_what_is_promised",
    "oidc::session_cookie_is_protected",
    "keys::lifecycle",
];

/// The root of what is not proven in this run, if anything is broken or undecided.
pub(crate) fn of(run: &Run, facts: &Facts, zot: bool) -> Option<Root> {
    let let_in = let_in(run, facts);
    let stripped = |symptom: Symptom| match symptom {
        // A refused key is refused everywhere. Who is let in here and asked for a login there was not seen there.
        Symptom::KeyRefused(name) if let_in.contains(&name) => Symptom::Stripped,
        other => other,
    };
    let mut hangs: BTreeMap<Symptom, Vec<&Outcome>> = BTreeMap::new();
    for outcome in run.outcomes.iter().filter(|outcome| counts(outcome)) {
        let shown: BTreeSet<Symptom> = symptom::shown(outcome, facts).into_iter().map(stripped).collect();
        for symptom in shown.into_iter().filter(Symptom::is_root) {
            hangs.entry(symptom).or_default().push(outcome);
        }
    }
    // 500 here and 503 there are one registry that fails; many hosts fail so when they are overloaded.
    let told = hangs
        .into_iter()
        .filter(|(symptom, on)| on.len() >= least(symptom))
        // Of two that explain as much, the deeper one: it comes first.
        .min_by_key(|(symptom, on)| (std::cmp::Reverse(on.len()), symptom.clone()));
    match told {
        Some((symptom, mut on)) => {
            if symptom == Symptom::LoginPage {
                let more = elsewhere(run, &on, facts);
                on.extend(more);
            }
            let more = waiting(run, &on);
            on.extend(more);
            Some(of_symptom(&symptom, &on, facts, zot, &stripped))
        }
        None => lead(run),
    }
}

/// The checks that met the same page outside of the API.
fn elsewhere<'a>(run: &'a Run, on: &[&Outcome], facts: &Facts) -> Vec<&'a Outcome> {
    let exchanges = on.iter().flat_map(|outcome| &outcome.transcript);
    let mut pages = exchanges.filter(|exchange| symptom::of(exchange, facts, true) == Some(Symptom::LoginPage));
    let Some(page) = pages.find(|exchange| exchange.status == Some(200)) else { return Vec::new() };
    let same = |outcome: &&Outcome| {
        counts(outcome)
            && on.iter().all(|other| other.id != outcome.id)
            && symptom::shows_page(outcome, facts, &page.response_body)
    };
    run.outcomes.iter().filter(same).collect()
}

/// What has to wait for one of these by its own remedy, and has no evidence of another cause.
fn waiting<'a>(run: &'a Run, on: &[&Outcome]) -> Vec<&'a Outcome> {
    let by_program = |outcome: &Outcome| outcome.transcript.iter().any(|exchange| !exchange.is_request());
    let waits = |outcome: &&Outcome| {
        let remedy = outcome.finding.as_ref().map_or("", |finding| finding.remedy.as_str());
        counts(outcome)
            && (outcome.verdict == Verdict::Error || by_program(outcome))
            && !on.iter().any(|other| other.id == outcome.id)
            && on.iter().any(|other| remedy.contains(&other.id))
    };
    run.outcomes.iter().filter(waits).collect()
}

/// From how many checks on a symptom is told as the root of them.
fn least(symptom: &Symptom) -> usize {
    match symptom {
        Symptom::RightMissing(_) | Symptom::Broken(_) | Symptom::Gateway(_) | Symptom::Silent => 2,
        _ => 1,
    }
}

/// What somebody has to look at because a promise is broken or not proven; advice does not count.
fn counts(outcome: &Outcome) -> bool {
    matches!(outcome.verdict, Verdict::Fail | Verdict::Error) && !outcome.warns()
}

/// The identities whose credentials got through at least once.
fn let_in(run: &Run, facts: &Facts) -> BTreeSet<String> {
    let exchanges = run.outcomes.iter().flat_map(|outcome| &outcome.transcript);
    // OPTIONS is answered before anybody is authenticated.
    let through = |exchange: &&Exchange| {
        let answered = exchange.status.is_some_and(|status| status < 400 || status == 403);
        answered && exchange.method != "OPTIONS" && exchange.url.contains("/v2/")
    };
    exchanges.filter(through).filter_map(|exchange| Some(facts.person(exchange)?.name.clone())).collect()
}

fn of_symptom(
    symptom: &Symptom,
    on: &[&Outcome],
    facts: &Facts,
    zot: bool,
    stripped: &dyn Fn(Symptom) -> Symptom,
) -> Root {
    let told = symptom.told(facts, zot);
    let seen = on.iter().find_map(|outcome| {
        let shows = |exchange: &Exchange| {
            symptom::of(exchange, facts, true).map(stripped).as_ref() == Some(symptom) && exchange.is_request()
        };
        Some((*outcome, outcome.transcript.iter().position(shows)?))
    });
    let actual = seen.map(|(outcome, at)| brief(&outcome.transcript[at]));
    let words = || on.iter().find_map(|outcome| outcome.finding.as_ref()).map(|finding| finding.actual.clone());
    Root {
        code: told.code.to_owned(),
        summary: told.summary,
        actual: actual.or_else(words).unwrap_or_default(),
        cause: told.cause,
        remedy: told.remedy,
        check: seen.map_or(on[0], |(outcome, _)| outcome).id.clone(),
        exchange: seen.map(|(_, at)| at),
        hangs: on.iter().map(|outcome| outcome.id.clone()).collect(),
    }
}

/// A request and what came back, in a few words.
fn brief(exchange: &Exchange) -> String {
    let path = url::Url::parse(&exchange.url).map_or_else(|_| exchange.url.clone(), |url| url.path().to_owned());
    match (&exchange.error, exchange.status) {
        (Some(error), _) => error.clone(),
        (None, Some(status)) => format!("{status} to {} {path} as {}", exchange.method, exchange.who),
        (None, None) => format!("no answer to {} {path}", exchange.method),
    }
}

/// Where no symptom explains more than one check: the finding to begin with, and what cannot be proven before it is mended.
fn lead(run: &Run) -> Option<Root> {
    let place = |outcome: &Outcome| LEADS.iter().position(|(id, _)| outcome.id == *id).unwrap_or(LEADS.len());
    // A broken promise before one that is undecided.
    let first = run.outcomes.iter().filter(|outcome| counts(outcome));
    let first = first.min_by_key(|outcome| (std::cmp::Reverse(outcome.verdict), place(outcome)))?;
    let finding = first.finding.clone().unwrap_or_default();
    let waits = LEADS.iter().find(|(id, _)| first.id == *id).map_or(&[][..], |(_, waits)| waits);
    let hangs = |outcome: &&Outcome| {
        let named = |finding: &crate::model::outcome::Finding| finding.remedy.contains(&first.id);
        let waits = waits.iter().any(|start| outcome.id.starts_with(start));
        outcome.id != first.id
            && counts(outcome)
            && (outcome.finding.as_ref().is_some_and(named)
                || waits && (outcome.verdict == Verdict::Error || outcome.id == "oidc::login_returns_with_a_session"))
    };
    let hangs = run.outcomes.iter().filter(hangs).map(|outcome| outcome.id.clone()).collect();
    Some(Root {
        code: if finding.code.is_empty() { first.id.clone() } else { finding.code },
        summary: finding.summary,
        actual: finding.actual,
        cause: finding.cause,
        remedy: finding.remedy,
        check: first.id.clone(),
        exchange: finding.exchange,
        hangs,
    })
}

/// The root of a run whose parts were told apart: that on which most hangs.
pub(crate) fn joined(roots: impl Iterator<Item = Root>) -> Option<Root> {
    let mut all: Vec<Root> = Vec::new();
    for root in roots {
        match all.iter_mut().find(|other| other.code == root.code && other.summary == root.summary) {
            Some(other) => other.hangs.extend(root.hangs),
            None => all.push(root),
        }
    }
    for root in &mut all {
        root.hangs.sort();
    }
    // The first of those that are alike.
    all.into_iter().rev().max_by_key(|root| root.hangs.len())
}

#[cfg(test)]
mod tests;
