//! The real docker can push as CI, with its login in a file.
//!
//! ## Why it matters
//!
//! `docker push` sends Docker's own media types, which a registry may refuse. zot refuses them unless `compat` allows them. Only
//! docker and its daemon can show that the whole chain works, with the daemon's view of the network.
//!
//! ## How it is proven
//!
//! Only where the scenario promises Docker's media types, and this machine has docker and its daemon.
//!
//! 1. A tiny image is loaded into the daemon from an archive, under a name that only this run uses.
//! 2. `docker push` sends it to the scratch repository under a new tag. The login is in a file that only this user may read.
//! 3. The exit status does not count. The check reads tag, manifest and blobs over HTTP and hashes them.
//!    The config is the image's.
//! 4. The same push again is refused or changes nothing. The image is removed from the daemon.
//!
//! ## When it fails
//!
//! `manifest invalid`: the registry refuses Docker's media types; set `http.compat: ["docker2s2"]`. `unauthorized` although
//! the API-key push works: `/v2/` answers 200 to docker without a challenge (zot from v2.1.16 answers 401).
//!
//! ## References
//!
//! docker-push(1), docker-load(1). zot `pkg/compat`.

use std::time::Duration;

use crate::kit::prelude::*;

pub(crate) const META: Meta = Meta {
    needs: &[Need::Scratch, Need::Writer, Need::DockerMediaType, Need::Program("docker"), Need::Engine],
    effect: Effect::Writes,
    usual: Duration::from_millis(2000),
};

pub(crate) const SENDS: &[Rows] = &[rows::program!("docker"), rows::READ_BACK, rows::CLEAN_UP];

const WHY: Why<'static> = Why {
    claim: "docker can push a new tag as CI",
    cause: clients::CAUSE,
    remedy: "first make publish::api_key_can_push pass; then look at http.compat of zot, and at insecure-registries of the \
             daemon",
};

pub(crate) async fn run(cx: &Cx) -> Proof {
    let shop = Shop::open(cx, "docker", "--version", WHY).await?;
    let image = Image::tiny(&cx.flavour("docker"));
    let ((tag, reference), archive) = (shop.destination("image"), shop.path("image.tar"));
    std::fs::write(&archive, image.docker_archive(&reference))?;
    shop.prepare(&["load", "--quiet", "--input", &archive]).await?;
    let pushed = Pushed::Around(digest_of(&image.config));
    let proof = shop.push(&tag, &["push", "--quiet", &reference], &pushed).await;
    let tidied = shop.prepare(&["image", "rm", &reference]).await;
    // What was found about the registry is graver than an image that stays behind here.
    proof?;
    tidied?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::trial::{Setting, Weakness};

    const DOCKER: Setting = Setting {
        id: "publish::docker_can_push",
        weaknesses: &[Weakness::DockerCompatOn],
        change: |text| text.replace("docker_media_type = \"refused\"", "docker_media_type = \"accepted\""),
    };

    #[tokio::test]
    async fn proven_on_a_lab_that_takes_dockers_media_types() {
        let outcome = DOCKER.proven().await;
        assert!(outcome.notes.iter().any(|note| note.contains("the same push again")), "{:?}", outcome.notes);
    }

    #[tokio::test]
    async fn fails_when_ci_cannot_create_and_when_dockers_media_types_are_refused() {
        let finding = DOCKER.fails(Weakness::CiCannotCreate).await;
        assert!(finding.actual.to_lowercase().contains("denied"), "{finding:?}");
        let strict = Setting { weaknesses: &[], ..DOCKER };
        let finding = strict.fails(Weakness::ApikeyOff).await;
        assert!(finding.actual.contains("manifest"), "{finding:?}");
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down() {
        DOCKER.error_when_down().await;
    }
}
