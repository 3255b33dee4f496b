//! Every client that has the registry as a mirror is served by its cache.
//!
//! ## Why it matters
//!
//! Each client asks a mirror in its own way. containerd and dockerd ask for `/v2/library/alpine/…`, and a cache that keeps
//! Docker Hub's images below `docker.io/` answers 404. The client then pulls from the internet and tells nobody.
//!
//! ## How it is proven
//!
//! 1. As control, the image is read under the name in which the cache keeps it, and hashed.
//! 2. The files of `[[mirror]]` are read as the client reads them.
//! 3. The pull is made as that client makes it: path, query, `Accept` and `User-Agent`. Each answer decides the next request.
//! 4. The tag, the index, the manifest and one blob must come from this registry, with the bytes of the control.
//!
//! Requests go to this registry alone, also behind its proxy (`backend`), and to where it redirects a blob. The client's credentials
//! are not used. Where the registry asks for them, the pull is undecided. It is undecided too where regproof needs `ca_file` or
//! `client_cert`, and the client's file names none.
//!
//! ## When it fails
//!
//! Change the client's file as the finding says, or the rule in `extensions.sync`. `regproof mirrors` prints the lines
//! to change.
//!
//! ## References
//!
//! containerd `docs/hosts.md`; k3s documentation, section Private Registry Configuration; moby `daemon/config`;
//! containers-registries.conf(5); OCI distribution spec, section Registry Proxying.

use std::time::Duration;

use anyhow::Context as _;

use crate::kit::prelude::*;

pub(crate) const META: Meta =
    Meta { needs: &[Need::Mirror], effect: Effect::ReadOnly, usual: Duration::from_millis(300) };

pub(crate) const SENDS: &[Rows] = &[rows::MIRRORED];

const CLAIM: &str = "every client is served by the cache";

const NOTHING: Why<'static> = Why {
    claim: CLAIM,
    cause: "neither `images` of this [[mirror]] nor a [[cache]] names an image",
    remedy: "name the images in `images`, as \"docker.io/library/alpine:3.20\"",
};

const TRUST: Why<'static> = Why {
    claim: CLAIM,
    cause: "regproof reached the registry with certificates that the client's file does not name",
    remedy: "name `ca` and the client's certificate in its file; what the node itself trusts is not in it",
};

pub(crate) async fn run(cx: &Cx) -> Proof {
    let (mut proof, mut served, mut all): (Proof, usize, usize) = (Ok(()), 0, 0);
    for mirror in &cx.scenario().mirror {
        let found = mirror.client().with_context(|| format!("the files of {} were not read", mirror.name))?;
        let images = cx.scenario().mirrored_images(mirror);
        if images.is_empty() {
            return Err(NOTHING.undecided("an image to pull", format_args!("{} has none", mirror.name), None));
        }
        for reference in images {
            let image = format!("{}:{}", reference.name(), reference.digest.as_ref().unwrap_or(&reference.tag));
            let one = match mirrors::follow(cx, found, &reference).await {
                Ok(followed) => judge(cx, found, &followed),
                Err(failure) => Err(failure),
            };
            all += 1;
            served += usize::from(one.is_ok());
            cx.case(format!("{}: {image}", mirror.name), &one);
            proof = graver(proof, one);
        }
    }
    cx.proven(format!("{served} of {} by clients served", count(all, "pull")));
    proof
}

fn judge(cx: &Cx, found: &mirrors::Found, followed: &mirrors::Followed) -> Proof {
    if followed.from == mirrors::From::Registry {
        let Some(unknown) = followed.unknown else { return Ok(()) };
        return Err(TRUST.undecided("a pull that the client's files make possible", unknown, None));
    }
    let advice = mirrors::advice(cx.scenario(), found);
    let why = Why { claim: CLAIM, cause: &advice.cause, remedy: &advice.remedy };
    let actual = format!("{}; {}", followed.refusal_words(), followed.then());
    Err(why.fail(format_args!("{} from the cache", followed.digest), actual, followed.refusal_index()))
}

#[cfg(test)]
mod tests {
    use crate::model::outcome::{Finding, Verdict};
    use crate::trial::mirrors::{K3S, K3S_PLAIN, OTHER_UPSTREAM};
    use crate::trial::{Setting, Weakness};

    const ID: &str = "mirrors::every_client_is_served_by_the_cache";
    const RIGHT: Setting = Setting { id: ID, weaknesses: &[], change: |text| K3S.add(text) };
    const PLAIN: Setting = Setting { id: ID, weaknesses: &[], change: |text| K3S_PLAIN.add(text) };

    async fn fails(setting: &Setting) -> Finding {
        let outcome = setting.run(None, false).await;
        assert_eq!(outcome.verdict, Verdict::Fail, "{:#?}", outcome.finding);
        outcome.finding.expect("a Fail has a finding")
    }

    #[tokio::test]
    async fn proven_where_the_file_leads_to_the_name_of_the_cache() {
        let outcome = RIGHT.proven().await;
        assert_eq!(outcome.proven.as_deref(), Some("1 of 1 pull by clients served"));
        let asked = outcome.transcript.iter().map(|exchange| exchange.url.as_str());
        assert!(asked.clone().any(|url| url.contains("/v2/docker.io/library/alpine/manifests/3.20?ns=docker.io")));
    }

    #[tokio::test]
    async fn fails_where_the_file_is_a_plain_mirror() {
        let finding = fails(&PLAIN).await;
        assert!(finding.summary.starts_with("404 to "), "{}", finding.summary);
        assert!(finding.actual.contains("registry-1.docker.io"), "{}", finding.actual);
    }

    #[tokio::test]
    async fn fails_where_the_cache_serves_another_image_or_refuses() {
        fails(&Setting { id: ID, weaknesses: &[], change: |text| OTHER_UPSTREAM.add(text) }).await;
    }

    #[tokio::test]
    async fn undecided_where_the_cache_itself_has_no_such_image() {
        let outcome = RIGHT.run(Some(Weakness::SyncOff), false).await;
        assert_eq!(outcome.verdict, Verdict::Error, "{:#?}", outcome.finding);
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down() {
        RIGHT.error_when_down().await;
    }
}
