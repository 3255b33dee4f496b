//! The registry gives the same answers through its proxy and behind it.
//!
//! ## Why it matters
//!
//! Where the proxy alone refuses, a client that reaches the registry's own port gets everything. Where the proxy answers in
//! the registry's place, every other check judges the proxy.
//!
//! ## How it is proven
//!
//! The same reads are sent to `registry.url` and to `registry.backend`, without credentials and by an identity. The permission
//! oracles that both refused in the scratch repository before are sent too. Status, error code, digest and challenge must be
//! equal. The scenario's promises show which of the two is wrong. Credentials go to a backend in plain text only if it is on this
//! machine.
//!
//! ## When it fails
//!
//! A difference: the finding names the proxy or the registry. A backend that other hosts reach in plain text: bind it to loopback
//! or a private network, or give it TLS. Clients can send their keys there past the proxy.
//!
//! ## References
//!
//! OCI distribution spec, section Endpoints. zot configuration, `http.address`.

use std::time::Duration;

use crate::kit::prelude::*;

pub(crate) const META: Meta =
    Meta { needs: &[Need::Backend], effect: Effect::Oracle, usual: Duration::from_millis(80) };

pub(crate) const SENDS: &[Rows] = &[rows::FINGERPRINT, rows::TRIAL, rows::BEHIND, rows::VANTAGE];

const WHY: Why<'static> = Why {
    claim: "the proxy and the registry behind it give the same answer",
    cause: "both keep the promise, but they differ: one of them is another registry, or a cache answers",
    remedy: "compare registry.url and registry.backend with the deployment, and look for caches",
};

const PROXY: Why<'static> = Why {
    cause: "the proxy breaks the promise: the registry behind it answers as promised",
    remedy: "look at the proxy's rules for this path and method",
    ..WHY
};

const REGISTRY: Why<'static> = Why {
    cause: "the registry breaks the promise, and the proxy hides it: a client that reaches the backend is not refused",
    remedy: "mend the registry's own access control, and bind the backend to loopback",
    ..WHY
};

const BOTH: Why<'static> = Why { cause: "both break the promise, each in its own way", ..WHY };

const PLAIN: Why<'static> = Why {
    claim: "the backend can't be reached in plain text from other hosts",
    cause: "the registry listens without TLS on an address that other hosts reach (zot: http.address 0.0.0.0)",
    remedy: "bind it to 127.0.0.1 or to a separate network, or give it TLS",
};

pub(crate) async fn run(cx: &Cx) -> Proof {
    if cx.backend_in_plain_text()? {
        let answer = cx.at_backend(None)?.get("/v2/").send().await?;
        return Err(PLAIN.fail("no connection, or TLS", answer.brief(), answer.index));
    }
    let identity = cx.scenario().anybody();
    let mut worst = Ok(());
    for question in questions(cx).await? {
        for who in [None].into_iter().chain(identity.map(Some)) {
            if who.is_some() && !question.by_identity {
                continue;
            }
            let proof = match question.odd {
                None => compare(cx, &question, who).await,
                Some(reason) => behind_alone(cx, &question, reason).await,
            };
            cx.case(format!("{}: {} {}", who.unwrap_or("anonymous"), question.method, question.target), &proof);
            worst = graver(worst, proof);
        }
    }
    worst
}

async fn questions(cx: &Cx) -> Result<Vec<vantage::Question>, Failure> {
    const REFUSED: &[u16] = &[401, 403];
    const OPEN: &[u16] = &[200];
    const CLOSED: &[u16] = &[401, 403, 404];
    let scenario = cx.scenario();
    let mut all = Vec::new();
    let mut add = |method, target, promised, by_identity| {
        all.push(vantage::Question { method, target, promised, by_identity, odd: None });
    };
    add("GET", "/v2/".to_owned(), &[200, 401][..], true);
    if let Some(metrics) = &scenario.metrics {
        add("GET", metrics.path.clone(), if metrics.anonymous { OPEN } else { REFUSED }, false);
    }
    add("GET", "/v2/_zot/pprof/".to_owned(), CLOSED, false);
    if let Some(repository) = scenario.repositories.private.first() {
        add("GET", format!("/v2/{repository}/tags/list"), CLOSED, true);
    }
    let may = |name: &str, action| scenario.promise(None, name, action);
    if let Some(repository) = scenario.repositories.public.iter().find(|name| may(name, Action::Read) == Some(true)) {
        let tag = transfer::some_tag(&cx.anonymous()?, repository, &WHY).await.map_err(Failure::into_control)?;
        add("GET", format!("/v2/{repository}/tags/list"), OPEN, true);
        add("GET", format!("/v2/{repository}/manifests/{tag}"), OPEN, true);
        let (front, behind) = (cx.clear_oracles().await?, cx.clear_oracles_behind().await?);
        for (action, shape, method, what) in [
            (Action::Create, OracleShape::StartUpload, "POST", "blobs/uploads/?from=x"),
            (Action::Update, OracleShape::PutManifest, "PUT", &format!("manifests/{tag}")),
            (Action::Delete, OracleShape::DeleteBlob, "DELETE", "blobs/notadigest"),
        ] {
            if may(repository, action) != Some(false) {
                continue;
            }
            let odd = match (front.sends(shape), behind.sends(shape)) {
                (Ok(()), Ok(())) => None,
                (Err(Unasked::Odd(reason)), Ok(())) => Some(reason),
                (Err(Unasked::Unknown(reason)), _) | (_, Err(Unasked::Unknown(reason))) => {
                    cx.note(format!("not asked, {method} {what}: {reason}"));
                    continue;
                }
                (_, Err(Unasked::Odd(reason))) => {
                    return Err(WHY.undecided(format!("{method} {what} refused as zot does"), reason, None));
                }
            };
            let target = format!("/v2/{repository}/{what}");
            all.push(vantage::Question { method, target, promised: REFUSED, by_identity: odd.is_none(), odd });
        }
    }
    Ok(all)
}

async fn compare(cx: &Cx, question: &vantage::Question, who: Option<&str>) -> Proof {
    let front = who.map_or_else(|| cx.anonymous(), |name| cx.identity(name))?;
    let back = cx.at_backend(who)?;
    // Others push and delete meanwhile: a tag that moved between the two requests is asked for again.
    let moves = question.method == "GET" && question.target.starts_with("/v2/") && question.target.len() > "/v2/".len();
    let mut tries = if moves { 3 } else { 1 };
    let (front, behind) = loop {
        let (front, behind) = (vantage::ask(&front, question).await?, vantage::ask(&back, question).await?);
        front.undecided(&WHY, "two answers to compare")?;
        behind.undecided(&WHY, "two answers to compare")?;
        if vantage::view(&front) == vantage::view(&behind) {
            return Ok(());
        }
        tries -= 1;
        if tries == 0 || [&front, &behind].iter().any(|answer| !matches!(answer.status, 200 | 404)) {
            break (front, behind);
        }
    };
    let keeps = |answer: &Answer| who.is_some() || question.promised.contains(&answer.status);
    let why = match (keeps(&front), keeps(&behind)) {
        (true, true) => WHY,
        (false, true) => PROXY,
        (true, false) => REGISTRY,
        (false, false) => BOTH,
    };
    let actual = format!("{} through the proxy, {} behind it", vantage::view(&front), vantage::view(&behind));
    Err(why.fail("the same answer at both", actual, behind.index))
}

/// What the proxy hides: a breach behind it needs no comparison. A refusal proves nothing about the proxy.
async fn behind_alone(cx: &Cx, question: &vantage::Question, reason: &str) -> Proof {
    let answer = vantage::ask(&cx.at_backend(None)?, question).await?;
    let expected = format!("{} {} refused as zot does, at both", question.method, question.target);
    answer.undecided(&WHY, &expected)?;
    // A page is not the registry's answer: another program answers at that address.
    if answer.is_html() {
        return Err(WHY.undecided(expected, answer.brief(), answer.index));
    }
    if question.promised.contains(&answer.status) {
        return Err(WHY.undecided(expected, reason, answer.index));
    }
    Err(REGISTRY.fail("401 or 403 behind the proxy", vantage::view(&answer), answer.index))
}

#[cfg(test)]
mod tests {
    use crate::trial::Weakness;
    use crate::trial::vantage::{error_when_down, fails, in_plain_text, proven};

    const ID: &str = "registry::both_vantage_points_agree";

    #[tokio::test]
    async fn proven_behind_a_faithful_proxy() {
        assert!(proven(ID).await.cases.len() >= 10);
    }

    #[tokio::test]
    async fn fails_and_tells_who_is_to_blame() {
        let refuses = fails(ID, None, |line| line.starts_with("GET /metrics").then_some("403 Forbidden")).await;
        let opens = fails(ID, None, |line| line.starts_with("PUT ").then_some("415 Unsupported Media Type")).await;
        assert!(refuses.contains("the proxy breaks") && opens.contains("the proxy breaks"), "{refuses} {opens}");
        let hide = |line: &str| line.contains("/pprof/").then_some("404 Not Found");
        let hidden = fails(ID, Some(Weakness::ProfilingOpen), hide).await;
        assert!(hidden.contains("the registry breaks"), "{hidden}");
    }

    #[tokio::test]
    async fn fails_on_a_backend_in_plain_text_that_other_hosts_reach() {
        assert!(in_plain_text(ID).await.finding.is_some_and(|finding| finding.cause.contains("0.0.0.0")));
    }

    #[tokio::test]
    async fn undecided_when_the_backend_fails_or_is_down() {
        error_when_down(ID).await;
    }
}
