//! The real dagger can publish as CI, with its login in a file.
//!
//! ## Why it matters
//!
//! CI's container path publishes with Dagger. Its engine pushes from a separate container, with the login that the
//! command line hands over. DNS, certificates and proxies are those of the engine, not of this machine.
//!
//! ## How it is proven
//!
//! Only on request (`[probes] dagger = true`): dagger starts an engine on this machine's Docker daemon, and may download it.
//!
//! 1. `dagger core container … publish` makes a tiny image and publishes it to the scratch repository under a new tag. The login
//!    is in a file that only this user may read; no secret is on the command line.
//! 2. The exit status does not count. The check reads tag, manifest and blobs over HTTP and hashes them.
//!    The digest that dagger printed is the tag's.
//!
//! `publish::buildkit_sequence_can_push` proves the engine's requests without the engine.
//!
//! ## When it fails
//!
//! `unauthorized` although the API-key push works: a 401 comes without a challenge. The engine's container cannot reach a
//! registry on this machine's loopback: there the check is undecided.
//!
//! ## References
//!
//! Dagger documentation, `dagger core container publish`, and Container.publish of its API.

use std::time::Duration;

use crate::kit::prelude::*;

pub(crate) const META: Meta = Meta {
    needs: &[Need::Scratch, Need::Writer, Need::Dagger, Need::Program("dagger"), Need::Engine],
    effect: Effect::Writes,
    usual: Duration::from_secs(20),
};

pub(crate) const SENDS: &[Rows] = &[rows::program!("dagger"), rows::READ_BACK, rows::CLEAN_UP];

pub(crate) async fn run(cx: &Cx) -> Proof {
    let shop = Shop::open(cx, "dagger", "version", clients::why("dagger can publish a new tag as CI")).await?;
    let (tag, reference) = shop.destination("image");
    let address = format!("--address={reference}");
    let file = ["with-new-file", "--path=/regproof", "--contents=regproof"];
    let arguments = ["--progress=plain", "core", "container", file[0], file[1], file[2], "publish", &address];
    shop.push(&tag, &arguments, &Pushed::Printed).await
}

#[cfg(test)]
mod tests {
    use crate::trial::{Setting, Weakness};

    const DAGGER: Setting = Setting {
        id: "publish::dagger_can_push",
        weaknesses: &[],
        change: |text| format!("{text}\n[probes]\ndagger = true\n"),
    };

    #[tokio::test]
    async fn proven_on_the_healthy_lab() {
        let outcome = DAGGER.proven().await;
        assert!(outcome.notes.iter().any(|note| note.starts_with("dagger v")), "{:?}", outcome.notes);
    }

    #[tokio::test]
    async fn fails_when_ci_cannot_create_and_when_the_push_is_lost() {
        let finding = DAGGER.fails(Weakness::CiCannotCreate).await;
        assert!(finding.actual.to_lowercase().contains("denied"), "{finding:?}");
        DAGGER.fails(Weakness::PushAcceptedButLost).await;
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down() {
        DAGGER.error_when_down().await;
    }
}
