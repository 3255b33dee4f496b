//! Profiles, debug pages, trust settings and files are not served.
//!
//! ## Why it matters
//!
//! Debug pages show memory and configuration, and let everyone load the registry. They come with a build or a proxy rule, not
//! by a decision.
//!
//! ## How it is proven
//!
//! The control: the registry answers at `/v2/`. Then each page is requested without credentials, the profiles also by an
//! identity that may push: 4xx. zot's management page may be open, but no key in it may name a secret. OPTIONS is answered
//! before authentication, and must be empty. Only the list of profiles is requested, never a profile.
//!
//! ## When it fails
//!
//! 200: a debug build, a debug server on a public address, or a file server at the proxy. Close the path at the proxy, and use
//! the release build.
//!
//! ## References
//!
//! zot `pkg/debug`, `pkg/extensions`. Go `net/http/pprof`.

use std::time::Duration;

use crate::kit::prelude::*;

pub(crate) const META: Meta = Meta { needs: &[], effect: Effect::ReadOnly, usual: Duration::from_millis(60) };

pub(crate) const SENDS: &[Rows] = &[rows::FINGERPRINT, rows::TRIAL, rows::FACTS];

const WHY: Why<'static> = Why {
    claim: "pages for operators are not served to others",
    cause: "something in front of the registry, or the registry itself, serves this path to everyone",
    remedy: "close the path at the proxy, and find out which program serves it",
};

/// What most of them have in common.
const BASE: Probe = Probe { bad: Bad::body("profiles"), reference: "zot pkg/debug/pprof", ..Probe::ANONYMOUS };

/// Every build has these pages, for administrators. Where nothing is closed, everyone is one.
const ADMINISTRATORS: Probe = because(
    "every zot has this page for administrators; without http.accessControl every client is one",
    "set http.auth and http.accessControl in zot's configuration, with an adminPolicy for few users",
);
const DEBUG_SERVER: Probe = because(
    "a debug server listens on a public address, or the proxy leads to it",
    "bind the debug server to loopback, and remove its route from the proxy",
);
const DEBUG_BUILD: Probe = because("a debug build: the releases do not have this page", "use the release build");
const FILE_SERVER: Probe =
    because("a file server next to the registry serves its folder", "remove the route to this folder from the proxy");

const fn because(cause: &'static str, remedy: &'static str) -> Probe {
    Probe { because: Some((cause, remedy)), ..BASE }
}

const PROFILES: Probe =
    Probe { shape: Shape::get("/v2/_zot/pprof/"), reason: "Profiles are for administrators", ..ADMINISTRATORS };

pub(crate) const PROBES: &[Probe] = &[
    Probe {
        id: "pprof-go",
        shape: Shape::get("/debug/pprof/"),
        reason: "Profiles show memory, and load the registry",
        reference: "Go net/http/pprof",
        ..DEBUG_SERVER
    },
    Probe { id: "pprof-zot", ..PROFILES },
    Probe { id: "pprof-zot-by-a-creator", who: Principal::Creator, ..PROFILES },
    Probe {
        id: "expvar",
        severity: Severity::Medium,
        shape: Shape::get("/debug/vars"),
        bad: Bad::body("{\"cmdline\":[]}"),
        reason: "The command line and memory statistics",
        reference: "Go expvar",
        ..DEBUG_SERVER
    },
    Probe {
        id: "graphql-playground",
        severity: Severity::Medium,
        shape: Shape::get("/v2/_zot/debug/graphql-playground"),
        bad: Bad::body("playground"),
        reason: "Only debug builds have this page",
        reference: "zot pkg/debug/gqlplayground",
        ..DEBUG_BUILD
    },
    Probe {
        id: "swagger",
        severity: Severity::Low,
        shape: Shape::get("/swagger/v2/index.html"),
        bad: Bad::body("swagger"),
        reason: "Only debug builds have this page",
        reference: "zot pkg/debug/swagger",
        ..DEBUG_BUILD
    },
    Probe {
        id: "cosign-trust",
        shape: Shape::get("/v2/_zot/ext/cosign"),
        bad: Bad::status(200),
        reason: "Trusted keys are set by administrators",
        reference: "zot pkg/extensions/extension_image_trust.go",
        ..ADMINISTRATORS
    },
    Probe {
        id: "notation-trust",
        shape: Shape::get("/v2/_zot/ext/notation"),
        bad: Bad::status(200),
        reason: "Trusted certificates are set by administrators",
        reference: "zot pkg/extensions/extension_image_trust.go",
        ..ADMINISTRATORS
    },
    Probe {
        id: "user-preferences",
        severity: Severity::Low,
        shape: Shape::get("/v2/_zot/ext/userprefs"),
        bad: Bad::status(200),
        reason: "Preferences belong to a user",
        reference: "zot pkg/extensions/extension_userprefs.go",
        ..BASE
    },
    Probe {
        id: "distribution-debug-health",
        severity: Severity::Low,
        shape: Shape::get("/debug/health"),
        bad: Bad::body("{}"),
        reason: "The debug server of distribution belongs on loopback",
        reference: "distribution configuration, http.debug",
        ..DEBUG_SERVER
    },
    Probe {
        id: "configuration-file",
        shape: Shape::get("/config.json"),
        bad: Bad::body("{\"http\":{}}"),
        reason: "A file server next to the registry may serve its folder",
        reference: "zot configuration",
        ..FILE_SERVER
    },
    Probe {
        id: "storage-index",
        shape: Shape::get("/index.json"),
        bad: Bad::body("{\"manifests\":[]}"),
        reason: "A file server next to the registry may serve its storage",
        reference: "OCI image layout",
        ..FILE_SERVER
    },
    Probe {
        id: "management",
        shape: Shape::get("/v2/_zot/ext/mgmt"),
        expect: Expect::NoSecret,
        bad: Bad::body("{\"http\":{\"auth\":{\"ldap\":{\"bindPassword\":\"x\"}}}}"),
        reason: "This page says how to log in, and must show no secret",
        reference: "zot pkg/extensions/extension_mgmt.go",
        ..BASE
    },
    Probe {
        id: "options-on-keys",
        shape: Shape::new("OPTIONS", "/zot/auth/apikey"),
        expect: Expect::Silent,
        bad: Bad::body("{\"apiKeys\":[]}"),
        reason: "OPTIONS is answered before authentication",
        reference: "zot pkg/api/authn.go",
        ..BASE
    },
    Probe {
        id: "options-on-private-manifest",
        shape: Shape::new("OPTIONS", "/v2/{private}/manifests/{private_tag}"),
        expect: Expect::Silent,
        bad: Bad::body("{\"digest\":\"{private_digest}\"}"),
        reason: "OPTIONS is answered before authentication",
        reference: "zot pkg/api/authz.go",
        ..BASE
    },
];

pub(crate) async fn run(cx: &Cx) -> Proof {
    probe::prove(cx, PROBES, &WHY).await
}

#[cfg(test)]
mod tests {
    use crate::trial::{Weakness, error_when_down, fails, proven};

    const ID: &str = "bypass::internal_pages_are_closed";

    #[tokio::test]
    async fn proven_on_the_healthy_lab() {
        assert!(!proven(ID).await.cases.is_empty());
    }

    #[tokio::test]
    async fn fails_when_profiling_is_open() {
        let finding = fails(ID, Weakness::ProfilingOpen).await;
        assert!(finding.promise.ends_with(": pprof-zot"), "{finding:?}");
        assert!(finding.cause.contains("every zot has this page"), "{finding:?}");
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down() {
        error_when_down(ID).await;
    }
}
