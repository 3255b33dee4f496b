//! Bodies just over the common limits of proxies reach the registry.
//!
//! ## Why it matters
//!
//! Proxies refuse large bodies by default (nginx over 1 MiB). Every push then works until the first real layer.
//!
//! ## How it is proven
//!
//! The identity that pushes uploads one blob of 1 MiB and 1 KiB to the scratch repository, in one `PUT`. The answer is
//! 201 with its digest. `[probes] large_body = true` also sends bodies just over 10 and 32 MiB; a size, as `"128MiB"`, one just
//! over that. The bytes are the same in each run. The blobs are removed where an identity may delete; else the registry's garbage
//! collection removes them. `large_body = false` leaves the check out.
//!
//! ## When it fails
//!
//! 413, or a connection that ends: raise the proxy's limit (nginx `client_max_body_size 0`, Traefik buffering, Cloudflare's
//! limit by plan). The finding names the size.
//!
//! ## References
//!
//! RFC 9110, section 15.5.14 (413). nginx documentation, client_max_body_size.

use std::time::Duration;

use crate::kit::prelude::*;

pub(crate) const META: Meta = Meta {
    needs: &[Need::LargeBody, Need::Scratch, Need::Writer],
    effect: Effect::Writes,
    usual: Duration::from_millis(200),
};

pub(crate) const SENDS: &[Rows] = &[rows::PUSH, rows::READ_BACK, rows::CLEAN_UP];

const WHY: Why<'static> = Why {
    claim: "large bodies pass the proxy",
    cause: "something in front of the registry limits the size of a request",
    remedy: "raise its limit for this host: nginx client_max_body_size, Traefik's buffering middleware, the plan's limit of a \
             content delivery network",
};

pub(crate) async fn run(cx: &Cx) -> Proof {
    let (writer, scratch) = (cx.writer()?, cx.scratch()?);
    for size in cx.scenario().probes.large_body.sizes() {
        let digest = transfer::dots_digest(size);
        let start = writer.post(format!("/v2/{scratch}/blobs/uploads/")).send().await?;
        refused_by_the_registry(&start)?;
        let location = start.expect_status(&[202], &WHY)?.expect_upload_location(scratch, &WHY)?;
        cx.leaves_upload(&location);
        cx.leaves_blob(scratch, &digest);
        let joint = if location.contains('?') { '&' } else { '?' };
        let request = writer.put(format!("{location}{joint}digest={digest}")).dots(BLOB_TYPE, size);
        let answer = request.patience(cx.time_left() / 3).send().await?;
        if answer.status == 413 {
            let expected = format!("201 for a body of {}", in_words(size));
            return Err(WHY.fail(expected, answer.brief(), answer.index));
        }
        refused_by_the_registry(&answer)?;
        answer.expect_status(&[201], &WHY)?;
        cx.upload_ended(&location);
        cx.note(format!("{} came through", in_words(size)));
    }
    cx.pushed_by_the_writer();
    Ok(())
}

/// The registry's own refusal says nothing about the size that passes.
fn refused_by_the_registry(answer: &Answer) -> Proof {
    if matches!(answer.status, 401 | 403) && is_registry_error(answer) {
        let why = Why {
            claim: WHY.claim,
            cause: "the registry refuses the push itself: the writer's credentials, or its right to create",
            remedy: "mend the writer's key or its right; `publish::api_key_can_push` says more",
        };
        return Err(why.undecided("a push that the registry takes", answer.brief(), answer.index));
    }
    Ok(())
}

fn in_words(size: u64) -> String {
    let (mebibytes, rest) = (size >> 20, size & ((1 << 20) - 1));
    if rest == 1024 { format!("{mebibytes} MiB and 1 KiB") } else { format!("{size} bytes") }
}

#[cfg(test)]
mod tests {
    use crate::trial::{Setting, Weakness, errs};

    const DEFAULT: Setting =
        Setting { id: "publish::large_body_passes_the_proxy", weaknesses: &[], change: |text| text };

    const LARGER: Setting = Setting { change: |text| format!("{text}\n[probes]\nlarge_body = \"12MiB\"\n"), ..DEFAULT };

    #[tokio::test]
    async fn proven_on_the_healthy_lab_by_default_and_up_to_the_size_that_was_asked_for() {
        assert_eq!(DEFAULT.proven().await.notes, ["1 MiB and 1 KiB came through"]);
        assert_eq!(LARGER.proven().await.notes.len(), 3);
    }

    #[tokio::test]
    async fn fails_above_a_limit_that_lies_between_two_usual_ones() {
        // The lab takes bodies of up to 64 MiB.
        let asked = Setting { change: |text| format!("{text}\n[probes]\nlarge_body = \"100MB\"\n"), ..DEFAULT };
        let outcome = asked.run(None, false).await;
        let finding = outcome.finding.expect("a Fail has a finding");
        assert!(finding.expected.contains("100001024 bytes") && finding.actual.contains("413"), "{finding:?}");
        assert_eq!(outcome.notes.len(), 3, "what is smaller came through: {:?}", outcome.notes);
    }

    #[tokio::test]
    async fn fails_behind_a_proxy_with_a_limit() {
        let finding = DEFAULT.fails(Weakness::ProxyBodyLimit).await;
        assert!(finding.expected.contains("1 MiB") && finding.actual.contains("413"), "{finding:?}");
        // The body is streamed: its length is said all the same.
        let finding = LARGER.fails(Weakness::ProxyBodyLimit).await;
        assert!(finding.expected.contains("1 MiB") && finding.actual.contains("413"), "{finding:?}");
    }

    #[tokio::test]
    async fn undecided_when_the_registry_itself_refuses_the_push() {
        let outcome = errs(DEFAULT.id, Weakness::CiCannotCreate).await;
        let finding = outcome.finding.expect("an Error has a finding");
        assert!(finding.actual.contains("403") && finding.code == "right-missing", "{finding:?}");
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down() {
        DEFAULT.error_when_down().await;
    }
}
