//! Which repository a path names, as routers read it.

use super::*;

#[test]
fn a_repository_below_the_scratch_repository_is_another_one() {
    for (method, target, expected) in [
        ("PUT", "/v2/team/scratch/manifests/x", true),
        ("PUT", "/v2/team/scratch/manifests/x/manifests/y", false),
        ("POST", "/v2/team/scratch/blobs/uploads/", true),
        ("POST", "/v2/team/scratch/blobs/uploads/?digest=sha256:a/b", true),
        ("POST", "/v2/team/scratch/blobs/blobs/uploads/", false),
        ("PUT", "/v2/team/scratch/blobs/uploads/x/blobs/uploads/y", false),
        ("PUT", "/v2/team/scratch/blobs/uploads/y", true),
        ("DELETE", "/v2/team/scratch/blobs/x/blobs/sha256:a", false),
        ("POST", "/v2/production/manifests/blobs/uploads/", false),
        ("POST", "/v2/production/manifests/blobs/uploads/?mount=sha256:a&from=b", false),
        ("POST", "/v2/production/manifests/v1", true),
        ("POST", "/v2/manifests/v1", false),
    ] {
        assert_eq!(permitted(Effect::Writes, method, target, None, b""), expected, "{method} {target}");
    }
}

#[test]
fn what_ends_at_a_fragment_is_no_upload() {
    let guard = Guard { scratch: None, ..guard(Effect::Writes) };
    for (target, expected) in [
        ("/v2/a/blobs/uploads/9f3a9e0c-4b0e-4f6b-9d53-0d2f4a5f7c11", true),
        ("/v2/a/blobs/sha256:b", false),
        ("/v2/a/blobs/x#/blobs/uploads/y", false),
        ("/v2/a/blobs/x%23/blobs/uploads/y", false),
        ("/v2/a/blobs/uploads/#/../x", false),
        ("/v2/a/blobs/x/blobs/uploads/y", false),
    ] {
        let intent = intent("HEAD", target);
        assert_eq!(guard.permit(&intent).is_ok(), expected, "{target}");
    }
}
