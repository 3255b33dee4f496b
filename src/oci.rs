//! oci-client as one more real client: a whole push and a whole pull, with its own code on both ends.
//!
//! Never used for an assertion on a status or header, and never on a registry that names another host for its tokens:
//! it sends the credentials to whatever realm the registry names.

use std::time::Duration;

use anyhow::Context as _;
use oci_client::client::{ClientConfig, ClientProtocol, Config, ImageLayer};
use oci_client::manifest::{IMAGE_LAYER_MEDIA_TYPE, OciImageManifest};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client as OciClient, Reference};

use crate::context::Cx;
use crate::image::{Image, digest_of};
use crate::wire::Client;

/// How a round trip ended.
#[derive(Debug)]
pub(crate) enum Trip {
    /// The digest that was pushed under the tag, and pulled again.
    Done(String),
    /// Why this client was not used.
    LeftOut(String),
}

/// Pushes a tiny image under a new tag and pulls it with a fresh client.
pub(crate) async fn round_trip(cx: &Cx, writer: &Client, repository: &str, tag: &str) -> anyhow::Result<Trip> {
    if let Some(reason) = unsafe_here(cx, writer).await? {
        return Ok(Trip::LeftOut(reason));
    }
    let credential = writer.credential().context("the client that pushes has no credential")?;
    let auth = RegistryAuth::Basic(credential.username.clone(), credential.secret.expose().to_owned());
    let url = writer.origin().url();
    let host = url.host_str().context("the registry's URL has no host")?;
    let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let reference = Reference::with_tag(host, repository.to_owned(), tag.to_owned());
    let (http, timeout) = (url.scheme() == "http", cx.target().route.timeout);
    cx.leaves(repository, tag);
    // Its own task: on hostile answers this library panics, and a panic there must stay a failed step here.
    let trip = tokio::spawn(async move {
        let image = Image::tiny("oci-client");
        let layer = ImageLayer::new(image.layer.to_vec(), IMAGE_LAYER_MEDIA_TYPE.to_owned(), None);
        let config = Config::oci_v1(image.config.to_vec(), None);
        let manifest = OciImageManifest::build(std::slice::from_ref(&layer), &config, None);
        fresh(http, timeout)?
            .push(&reference, &[layer], config, &auth, Some(manifest))
            .await
            .context("oci-client cannot push")?;
        let (bytes, digest) = fresh(http, timeout)?
            .pull_manifest_raw(&reference, &auth, &[oci_client::manifest::OCI_IMAGE_MEDIA_TYPE])
            .await
            .context("oci-client cannot pull what it pushed")?;
        anyhow::ensure!(digest_of(&bytes) == digest, "oci-client pulled other bytes than it pushed");
        Ok(digest)
    });
    let left = cx.time_left();
    match tokio::time::timeout(left, trip).await {
        Ok(Ok(result)) => result.map(Trip::Done),
        Ok(Err(error)) if error.is_panic() => anyhow::bail!("oci-client panicked on an answer of this registry"),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => anyhow::bail!("oci-client did not end within {left:?}"),
    }
}

/// A client of one identity: the first identity that a client was used with wins for all its later requests.
fn fresh(http: bool, timeout: Duration) -> anyhow::Result<OciClient> {
    let config = ClientConfig {
        protocol: if http { ClientProtocol::Http } else { ClientProtocol::Https },
        connect_timeout: Some(timeout),
        read_timeout: Some(timeout),
        ..ClientConfig::default()
    };
    // `Client::new` would fall back to a default configuration without a word.
    OciClient::try_from(config).context("cannot prepare oci-client")
}

/// Why this client may not be used here, if it may not.
async fn unsafe_here(cx: &Cx, writer: &Client) -> anyhow::Result<Option<String>> {
    let target = cx.target();
    if !target.route.resolve.is_empty() {
        return Ok(Some("it cannot connect to another address than DNS names".to_owned()));
    }
    if !target.route.ca.is_empty() {
        return Ok(Some("the registry's certificate comes from ca_file".to_owned()));
    }
    let answer = writer.get("/v2/").without_credential().send().await?;
    let Some(challenge) = answer.header("www-authenticate") else {
        return Ok(Some("the registry names no way to log in at /v2/".to_owned()));
    };
    if !challenge.to_ascii_lowercase().trim_start().starts_with("basic") {
        return Ok(Some(format!("it would send the key to the realm that the registry names: {challenge}")));
    }
    Ok(None)
}
