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
    ] {
        assert_eq!(permitted(Effect::Writes, method, target, None, b""), expected, "{method} {target}");
    }
}
