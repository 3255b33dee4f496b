//! What leaves the scratch repository, by what was cleared.

use super::*;

#[test]
fn an_oracle_that_was_not_cleared_stays_in_the_scratch_repository() {
    let digest = "/manifests/sha256:0000000000000000000000000000000000000000000000000000000000000000";
    let (session, query) = ("/blobs/uploads/9f3a9e0c-4b0e-4f6b-9d53-0d2f4a5f7c11", format!("{digest}?tag=v1"));
    let oracles: [(OracleShape, &str, &str, &str, Option<&str>); 13] = [
        (OracleShape::PutManifest, "PUT", "/manifests/v1", "{}", None),
        (OracleShape::PutManifestByQuery, "PUT", &query, "{}", None),
        (OracleShape::StartUpload, "POST", "/blobs/uploads/?from=x", "", None),
        (OracleShape::MountBlob, "POST", "/blobs/uploads/?mount=x&mount=y", "", None),
        (OracleShape::ContinueUpload, "PATCH", session, "x", None),
        (OracleShape::FinishUpload, "PUT", session, "", None),
        (OracleShape::DeleteManifest, "DELETE", digest, "", None),
        (OracleShape::DeleteBlob, "DELETE", "/blobs/notadigest", "", None),
        (OracleShape::DeleteUpload, "DELETE", session, "", None),
        (OracleShape::NoEndpoint, "POST", "/tags/list", "", None),
        (OracleShape::Options, "OPTIONS", "/manifests/v1", "", None),
        (OracleShape::MethodOverride, "PUT", "/manifests/v1", "{}", Some("GET")),
        (OracleShape::MintKey, "POST", api::PATH, "{", None),
    ];
    for (shape, method, place, body, override_method) in oracles {
        let sent = |guard: &Guard, repository: &str| {
            let keys = place == api::PATH;
            let target = if keys { place.to_owned() } else { format!("/v2/{repository}{place}") };
            let body = body.as_bytes();
            let (content_type, content_range) = (Some(ORACLE_TYPE), Some("5-1"));
            let bare = intent(method, &target);
            guard.permit(&Intent { content_type, content_range, override_method, body, ..bare }).is_ok()
        };
        let with = |effect, reasons: &[(OracleShape, Result<(), &'static str>)]| {
            let cleared = Cleared::default();
            cleared.decide(reasons.iter().copied().collect());
            Guard { cleared, ..guard(effect) }
        };
        let all = OracleShape::ALL.map(|shape| (shape, Ok(())));
        let but_this = all.map(|(one, _)| (one, if one == shape { Err("no") } else { Ok(()) }));
        for effect in [Effect::Oracle, Effect::Writes] {
            let undecided = Guard { cleared: Cleared::default(), ..guard(effect) };
            assert!(!sent(&undecided, "team/app"), "{effect}: {shape:?} before anything was tried");
            assert!(!sent(&with(effect, &but_this), "team/app"), "{effect}: {shape:?} that was not cleared");
            assert!(sent(&with(effect, &all), "team/app"), "{effect}: {shape:?} that was cleared");
        }
        let within = Guard { cleared: Cleared::default(), ..guard(Effect::Writes) };
        assert_eq!(sent(&within, "team/scratch"), shape != OracleShape::MintKey, "{shape:?} in the scratch repository");
        let unwritten = Guard { cleared: Cleared::default(), ..guard(Effect::Oracle) };
        assert!(!sent(&unwritten, "team/scratch"), "{shape:?} where nothing may be written");
        let by_a_reader = sent(&with(Effect::ReadOnly, &all), "team/app");
        assert_eq!(by_a_reader, shape == OracleShape::Options, "{shape:?} by one who reads only");
        assert!(!sent(&with(Effect::ReadOnly, &but_this), "team/app"), "{shape:?} by one who reads only");
    }
}
