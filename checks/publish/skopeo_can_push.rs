//! The real skopeo can push as CI, with its login in a file.
//!
//! ## Why it matters
//!
//! Clients differ in how they log in, in the media types they send, and in what they take for success. CI's Nix path pushes
//! with skopeo, and only skopeo can show that it works.
//!
//! ## How it is proven
//!
//! 1. A tiny image and a tiny index for two architectures are written as OCI layouts into a private folder. The image is also
//!    written as a Docker archive, as Nix builds it. The identity's login is in a file there that only this user may read; no
//!    secret is on the command line or in the environment.
//! 2. `skopeo copy` pushes each to the scratch repository under a new tag, image and index at once.
//! 3. The exit status does not count. The check reads tag, manifests and blobs over HTTP and hashes them.
//!    An image from a layout has the layout's digest. An image from the archive has the digest that skopeo reports.
//! 4. The same push again is refused or changes nothing: the tag keeps its digest.
//!
//! ## When it fails
//!
//! `unauthorized` although the API-key push works: `/v2/` answers 200 without a challenge, so clients send no login. Let the
//! proxy pass WWW-Authenticate on. Only the archive fails: the registry refuses Docker's media type, and also the manifest to
//! which skopeo converts it. Otherwise see `publish::api_key_can_push`.
//!
//! ## References
//!
//! skopeo-copy(1), containers-auth.json(5). OCI image spec, section Image Layout.

use std::time::Duration;

use crate::kit::prelude::*;

pub(crate) const META: Meta = Meta {
    needs: &[Need::Scratch, Need::Writer, Need::Program("skopeo")],
    effect: Effect::Writes,
    usual: Duration::from_millis(900),
};

pub(crate) const SENDS: &[Rows] = &[rows::program!("skopeo"), rows::READ_BACK, rows::CLEAN_UP];

pub(crate) async fn run(cx: &Cx) -> Proof {
    let shop = Shop::open(cx, "skopeo", "--version", clients::why("skopeo can push a new tag as CI")).await?;
    shop.push_layouts(|layout| {
        let source = format!("oci:{}:{}", layout.path, clients::NAME);
        copy(&shop, &["--preserve-digests", "--all"], &source, &layout.reference)
    })
    .await?;
    // Not at the same time: skopeo compresses a layer or not, by what it remembers of the destination, and the second push of
    // the archive would be of another digest than the first.
    let (archive, told) = (shop.path("archive.tar"), shop.path("archive.digest"));
    std::fs::write(&archive, Image::tiny(&cx.flavour("skopeo")).docker_archive("regproof:archive"))?;
    let (tag, reference) = shop.destination("archive");
    let arguments = copy(&shop, &["--digestfile", &told], &format!("docker-archive:{archive}"), &reference);
    shop.push(&tag, &clients::refs(&arguments), &Pushed::Told(told.into())).await
}

fn copy(shop: &Shop<'_>, own: &[&str], source: &str, reference: &str) -> Vec<String> {
    let verify = format!("--dest-tls-verify={}", !shop.plain());
    let mut arguments = vec!["--insecure-policy", "copy", "--quiet", &verify, "--dest-authfile", &shop.login];
    if let Some(folder) = &shop.certificates {
        arguments.extend(["--dest-cert-dir", folder]);
    }
    let destination = format!("docker://{reference}");
    arguments.extend([own, &[source, &destination]].concat());
    clients::words(&arguments)
}

#[cfg(test)]
mod tests {
    use crate::trial::{client_fails, client_proven, error_when_down};

    const ID: &str = "publish::skopeo_can_push";

    #[tokio::test]
    async fn proven_on_the_healthy_lab() {
        client_proven(ID, "skopeo version ").await;
    }

    #[tokio::test]
    async fn fails_when_ci_cannot_create_and_when_the_push_is_lost() {
        client_fails(ID).await;
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down() {
        error_when_down(ID).await;
    }
}
