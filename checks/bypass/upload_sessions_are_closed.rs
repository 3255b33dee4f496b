//! Only identities that may push can start, continue, finish or end an upload.
//!
//! ## Why it matters
//!
//! A push is several requests, each with its own route. A registry may check the rights only at the start. Everyone who has or
//! guesses a session can then finish it (CVE-2026-32589 in Quay).
//!
//! ## How it is proven
//!
//! Each step of an upload is sent without credentials, and by an identity without the right. The session does not exist, and no
//! handler accepts the form, so nothing is stored. Each must be refused with the registry's own error. The control: an identity
//! that may push gets through to the handler. In a private repository the status of an upload must be refused too.
//!
//! ## When it fails
//!
//! 404, 405 or 416: the handler was reached. Look at the policy of this repository, and at rules of the proxy by method.
//!
//! ## References
//!
//! OCI distribution spec, section Push. zot `pkg/api/authz.go`, `pkg/storage/imagestore`.

use std::time::Duration;

use crate::kit::prelude::*;

pub(crate) const META: Meta = Meta {
    needs: &[Need::PublicRepository, Need::AnonymousCannotCreate, Need::PublicWriter],
    effect: Effect::Oracle,
    usual: Duration::from_millis(60),
};

pub(crate) const SENDS: &[Rows] = &[rows::FINGERPRINT, rows::TRIAL, rows::FACTS, rows::GROUND];

const WHY: Why<'static> = Why {
    claim: "each step of an upload asks for the right to push",
    cause: "the rights are checked only at the start of an upload, or by method",
    remedy: "look at the policy of this repository, and upgrade the registry",
};

/// What most of them have in common.
const BASE: Probe = Probe {
    severity: Severity::Critical,
    impact: Impact::Oracle,
    expect: Expect::Denied,
    bad: Bad::status(405),
    reference: "OCI distribution spec, section Pushing a blob in chunks; zot pkg/api/authz.go",
    ..Probe::ANONYMOUS
};

pub(crate) const PROBES: &[Probe] = &[
    Probe {
        id: "upload-start",
        shape: Shape::new("POST", "/v2/{public}/blobs/uploads/?from=x"),
        reason: "Starting an upload is the first step of a push",
        ..BASE
    },
    Probe {
        id: "upload-continue",
        shape: Shape::new("PATCH", "/v2/{public}/blobs/uploads/{uuid}"),
        bad: Bad::status(416),
        reason: "The bytes of a push come by another request than its start",
        ..BASE
    },
    Probe {
        id: "upload-finish",
        shape: Shape::new("PUT", "/v2/{public}/blobs/uploads/{uuid}"),
        bad: Bad::status(400),
        reason: "The end of a push comes by another request than its start",
        ..BASE
    },
    Probe {
        id: "upload-cancel",
        severity: Severity::High,
        shape: Shape::new("DELETE", "/v2/{public}/blobs/uploads/{uuid}"),
        bad: Bad::status(404),
        reason: "Ending other people's uploads breaks their pushes",
        ..BASE
    },
    Probe {
        id: "upload-start-by-a-reader",
        who: Principal::Reader,
        shape: Shape::new("POST", "/v2/{public}/blobs/uploads/?from=x"),
        reason: "A login alone gives no right to push",
        ..BASE
    },
    Probe {
        id: "upload-continue-by-a-reader",
        who: Principal::Reader,
        shape: Shape::new("PATCH", "/v2/{public}/blobs/uploads/{uuid}"),
        bad: Bad::status(416),
        reason: "A login alone gives no right to push",
        ..BASE
    },
    Probe {
        id: "upload-finish-by-a-reader",
        who: Principal::Reader,
        shape: Shape::new("PUT", "/v2/{public}/blobs/uploads/{uuid}"),
        bad: Bad::status(400),
        reason: "A login alone gives no right to push",
        ..BASE
    },
    Probe {
        id: "upload-cancel-by-a-creator",
        severity: Severity::High,
        who: Principal::Creator,
        shape: Shape::new("DELETE", "/v2/{public}/blobs/uploads/{uuid}"),
        bad: Bad::status(404),
        reason: "In zot, ending an upload needs the right to delete",
        ..BASE
    },
    Probe {
        id: "upload-status-private",
        severity: Severity::High,
        impact: Impact::ReadOnly,
        shape: Shape::get("/v2/{private}/blobs/uploads/{uuid}"),
        expect: Expect::Unauthorized,
        bad: Bad::status(204),
        reason: "An upload into a private repository is private too",
        ..BASE
    },
    Probe {
        id: "upload-status-private-by-an-outsider",
        severity: Severity::High,
        impact: Impact::ReadOnly,
        who: Principal::Outsider,
        shape: Shape::get("/v2/{private}/blobs/uploads/{uuid}"),
        bad: Bad::status(204),
        reason: "An upload into a private repository is private too",
        ..BASE
    },
];

pub(crate) async fn run(cx: &Cx) -> Proof {
    probe::prove(cx, PROBES, &WHY).await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::trial::{Weakness, config, error_when_down, fails, proven};

    const ID: &str = "bypass::upload_sessions_are_closed";

    #[tokio::test]
    async fn proven_on_the_healthy_lab() {
        assert!(!proven(ID).await.cases.is_empty());
    }

    #[tokio::test]
    async fn fails_when_sessions_are_enough() {
        let finding = fails(ID, Weakness::UploadSessionsOpen).await;
        assert!(finding.promise.ends_with(": upload-continue"), "{finding:?}");
    }

    #[tokio::test]
    async fn who_may_end_uploads_here_is_not_asked_to() {
        let outcome = config::run(ID, None, |config| {
            let rights = ["read", "create", "delete"];
            let policies = [json!({ "groups": ["artifact-workloads", "admins"], "actions": rights })];
            let rule = json!({ "anonymousPolicy": ["read"], "policies": policies });
            config["http"]["accessControl"]["repositories"]["blumeops/navidrome"] = rule;
        });
        let outcome = outcome.await;
        assert_eq!(outcome.verdict.word(), "pass", "{:?}", outcome.finding);
        assert!(outcome.notes.iter().any(|note| note.contains("not asked, ci may do that")), "{:?}", outcome.notes);
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down() {
        error_when_down(ID).await;
    }
}
