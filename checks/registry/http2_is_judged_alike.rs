//! Pushes, reads and refusals are the same over HTTP/2 as over HTTP/1.1.
//!
//! ## Why it matters
//!
//! docker, containerd and skopeo speak HTTP/2 wherever a server offers it, and `curl` in a script often does not. A proxy handles
//! the two in different code. So uploads may break, or a rule about credentials may be missing, over only one of them.
//!
//! ## How it is proven
//!
//! Only where the registry's address is https. All other checks speak HTTP/1.1; this one offers HTTP/2 by ALPN. If the server
//! declines, every client speaks HTTP/1.1, and the verdict says so. Else, over HTTP/2:
//!
//! 1. A public image is read: the same digest as over HTTP/1.1.
//! 2. The identity that pushes pushes a new tag to the scratch repository; it is read over HTTP/1.1.
//! 3. If anonymous clients may not create, they start an upload and put a manifest. The registry itself refuses, and the tag is
//!    not there. Step 2 is the control.
//! 4. A wrong key is refused at `/v2/`, and anonymous clients get no list of tags of a private repository.
//!
//! A request that fails over HTTP/2 is sent again over HTTP/1.1. If it works there, the difference is the finding.
//!
//! ## When it fails
//!
//! Look at what the proxy does by protocol: rules only for HTTP/1.1, limits on streams, buffering of bodies.
//!
//! ## References
//!
//! RFC 9113. RFC 7301 (ALPN). OCI distribution spec, section Endpoints.

use std::time::Duration;

use crate::kit::prelude::*;

pub(crate) const META: Meta = Meta {
    needs: &[Need::Https, Need::Scratch, Need::Writer],
    effect: Effect::Writes,
    usual: Duration::from_millis(200),
};

pub(crate) const SENDS: &[Rows] = &[rows::PUSH, rows::READ_BACK, rows::REFUSED_PUSH, rows::HTTP2, rows::CLEAN_UP];

const WHY: Why<'static> = Why {
    claim: "pushes, reads and refusals are the same over HTTP/2",
    cause: "the proxy has rules for only one of the two protocols, or its HTTP/2 breaks uploads",
    remedy: "look at the proxy's rules that depend on the protocol, and at its log for this request; switch HTTP/2 off until it works",
};

pub(crate) async fn run(cx: &Cx) -> Proof {
    if !offered(cx).await? {
        cx.proven("HTTP/2 is not offered: every client speaks HTTP/1.1, as all other checks do");
        return Ok(());
    }
    reads(cx).await?;
    let first = pushes(cx, "first", true).await;
    if let Err(over_http2) = first {
        // A registry that takes nothing at all is not for this check to judge.
        pushes(cx, "beside", false).await.map_err(Failure::into_control)?;
        let Err(again) = pushes(cx, "again", true).await else { return Err(over_http2) };
        let finding = again.finding();
        let actual = format!("over HTTP/2: {}; over HTTP/1.1 the same works", finding.actual);
        return Err(WHY.fail("a push over either", actual, finding.exchange));
    }
    refuses(cx).await?;
    cx.proven("a read, a push and refusals over HTTP/2");
    Ok(())
}

/// Whether the server takes HTTP/2 where it is offered.
async fn offered(cx: &Cx) -> anyhow::Result<bool> {
    Ok(cx.anonymous()?.over_http2()?.get("/v2/").send().await?.http2)
}

async fn reads(cx: &Cx) -> Proof {
    let Some(repository) = cx.scenario().repositories.public.first() else { return Ok(()) };
    let client = cx.reader(repository)?;
    let tag = transfer::some_tag(&client, repository, &WHY).await.map_err(Failure::into_control)?;
    let one = transfer::manifest(&client, repository, &tag, &WHY).await.map_err(Failure::into_control)?;
    let two = transfer::manifest(&client.over_http2()?, repository, &one.digest, &WHY).await?;
    if one.digest != two.digest {
        return Err(WHY.fail(one.digest, two.digest, two.index));
    }
    Ok(())
}

async fn pushes(cx: &Cx, word: &str, http2: bool) -> Proof {
    let (writer, scratch, tag) = (cx.writer()?, cx.scratch()?, cx.tag(word));
    let client = if http2 { writer.over_http2()? } else { writer };
    let image = Image::tiny(&format!("http2-{word}"));
    transfer::push_image(cx, &client, scratch, &tag, &image, &WHY).await?;
    let reader = cx.reads_back(cx.scenario().writer(), scratch)?;
    let there = transfer::manifest(&reader, scratch, &tag, &WHY).await?;
    if there.digest != image.digest() {
        return Err(WHY.fail(image.digest(), there.digest, there.index));
    }
    Ok(())
}

async fn refuses(cx: &Cx) -> Proof {
    let (scenario, scratch) = (cx.scenario(), cx.scratch()?);
    let anonymous = cx.anonymous()?.over_http2()?;
    if scenario.promise(None, scratch, Action::Create) == Some(false) {
        let (tag, image) = (cx.tag("refused"), Image::tiny("http2-first"));
        let start = anonymous.post(format!("/v2/{scratch}/blobs/uploads/")).send().await?;
        if let Some(location) = start.header("location").filter(|_| start.status == 202) {
            cx.leaves_upload(location);
        }
        start.expect_unauthorized(&WHY)?;
        cx.leaves(scratch, &tag);
        let put = transfer::put_manifest(&anonymous, scratch, &tag, &image).await?;
        let reader = cx.reads_back(scenario.writer(), scratch)?;
        if transfer::left_behind(&reader, scratch, &tag, &WHY).await?.is_some() {
            return Err(WHY.fail("no tag pushed by anonymous clients", "it is there", put.index));
        }
        put.expect_unauthorized(&WHY)?;
    }
    if let Some(name) = scenario.writer() {
        let Some(credential) = cx.identity(name)?.credential().cloned() else { return Ok(()) };
        let secret = Secret::new("regproof-wrong-key".to_owned());
        let wrong = cx.pretender("an unknown key", Credential { secret, ..credential })?;
        wrong.over_http2()?.get("/v2/").send().await?.expect_unauthorized(&WHY)?;
    }
    if let Some(private) = scenario.repositories.private.first() {
        let list = anonymous.get(format!("/v2/{private}/tags/list")).send().await?;
        list.expect_denied(&WHY)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::model::outcome::{Outcome, Verdict};
    use crate::trial::Weakness;
    use crate::trial::tls::{Front, run};

    const ID: &str = "registry::http2_is_judged_alike";

    async fn over(front: Front) -> Outcome {
        run(ID, Front { http2: true, ..front }).await
    }

    async fn proven(front: Front, note: &str) {
        let outcome = run(ID, front).await;
        assert_eq!(outcome.verdict, Verdict::Pass, "{:#?}", outcome.finding);
        let proven = outcome.proven.unwrap_or_default();
        assert!(proven.contains(note), "{proven}");
    }

    async fn fails(weakness: Weakness, words: &str) {
        let outcome = over(Front { weakness: Some(weakness), ..Front::default() }).await;
        assert_eq!(outcome.verdict, Verdict::Fail, "{weakness}: {:#?}", outcome.finding);
        let finding = outcome.finding.unwrap();
        assert!(finding.actual.contains(words), "{weakness}: {finding:?}");
    }

    async fn error_when_down(front: Front) {
        assert_eq!(over(front).await.verdict, Verdict::Error);
    }

    #[tokio::test]
    async fn proven_where_it_is_offered_and_where_it_is_not() {
        proven(Front { http2: true, ..Front::default() }, "a read, a push and refusals").await;
        proven(Front::default(), "not offered").await;
    }

    #[tokio::test]
    async fn fails_where_the_proxy_treats_it_otherwise() {
        fails(Weakness::Http2RefusesUploads, "over HTTP/1.1 the same works").await;
        fails(Weakness::Http2LendsCredentials, "202").await;
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down_or_nothing_can_be_pushed() {
        error_when_down(Front { down: true, ..Front::default() }).await;
        error_when_down(Front { weakness: Some(Weakness::CiCannotCreate), ..Front::default() }).await;
    }
}
