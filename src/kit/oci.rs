//! oci-client as one more real client: a whole push and a whole pull, with its own code on both ends.
//!
//! It sends credentials to whatever realm a registry names, obeys proxies of the environment, follows redirects and reads
//! answers of any length. So it never sees the real credential and never speaks to the network: it talks to a gateway on
//! loopback, which passes each of its requests on through `wire`, with its guard, its limits and its transcript.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_RANGE, CONTENT_TYPE, HOST, LOCATION, RANGE, USER_AGENT};
use axum::http::{Response, StatusCode};
use oci_client::client::{ClientConfig, ClientProtocol, Config, ImageLayer};
use oci_client::manifest::{IMAGE_LAYER_MEDIA_TYPE, OciImageManifest};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client as OciClient, Reference};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::check::context::Cx;
use crate::http::{Answer, Client, MANIFEST_LIMIT};
use crate::model::image::{Image, digest_of};

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
    if let Some(reason) = unsuited(writer).await? {
        return Ok(Trip::LeftOut(reason));
    }
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("cannot open the gateway for oci-client")?;
    let host = listener.local_addr()?.to_string();
    let reference = Reference::with_tag(host.clone(), repository.to_owned(), tag.to_owned());
    let timeout = cx.target().route.timeout;
    cx.leaves(repository, tag);
    let gateway = Arc::new(Gateway { writer: writer.clone(), host });
    let service = axum::Router::new().fallback(pass_on).with_state(gateway);
    let mut serving = JoinSet::new();
    serving.spawn(async move { axum::serve(listener, service).await });
    // A task: on hostile answers this library panics, and a panic there must stay a failed step here. In a set: it ends
    // with this function, whatever ends that.
    let mut trip = JoinSet::new();
    trip.spawn(there_and_back(reference, timeout, cx.flavour("oci-client")));
    let left = cx.time_left();
    match tokio::time::timeout(left, trip.join_next()).await {
        Ok(Some(Ok(result))) => result.map(Trip::Done),
        Ok(Some(Err(error))) if error.is_panic() => anyhow::bail!("oci-client panicked on an answer of this registry"),
        Ok(Some(Err(error))) => Err(error.into()),
        Ok(None) => anyhow::bail!("oci-client was not started"),
        Err(_) => anyhow::bail!("oci-client did not end within {left:?}"),
    }
}

async fn there_and_back(reference: Reference, timeout: Duration, flavour: String) -> anyhow::Result<String> {
    // Not the identity's: the gateway takes any credential for a wish to be the identity.
    let auth = RegistryAuth::Basic("regproof".to_owned(), "gateway".to_owned());
    let image = Image::tiny(&flavour);
    let layer = ImageLayer::new(image.layer.to_vec(), IMAGE_LAYER_MEDIA_TYPE.to_owned(), None);
    let config = Config::oci_v1(image.config.to_vec(), None);
    let manifest = OciImageManifest::build(std::slice::from_ref(&layer), &config, None);
    fresh(timeout)?
        .push(&reference, &[layer], config, &auth, Some(manifest))
        .await
        .context("oci-client cannot push")?;
    let (bytes, digest) = fresh(timeout)?
        .pull_manifest_raw(&reference, &auth, &[oci_client::manifest::OCI_IMAGE_MEDIA_TYPE])
        .await
        .context("oci-client cannot pull what it pushed")?;
    anyhow::ensure!(digest_of(&bytes) == digest, "oci-client pulled other bytes than it pushed");
    Ok(digest)
}

/// A client of one identity: the first identity that a client was used with wins for all its later requests.
fn fresh(timeout: Duration) -> anyhow::Result<OciClient> {
    // A proxy that is set and is not for the gateway keeps it from obeying HTTP_PROXY and its kin.
    let nowhere = Some("http://127.0.0.1:9".to_owned());
    let config = ClientConfig {
        protocol: ClientProtocol::Http,
        connect_timeout: Some(timeout),
        read_timeout: Some(timeout),
        http_proxy: nowhere.clone(),
        https_proxy: nowhere,
        no_proxy: Some("127.0.0.1".to_owned()),
        ..ClientConfig::default()
    };
    // `Client::new` would fall back to a default configuration without a word.
    OciClient::try_from(config).context("cannot prepare oci-client")
}

/// Why this client is not used here, if it is not.
async fn unsuited(writer: &Client) -> anyhow::Result<Option<String>> {
    let answer = writer.get("/v2/").without_credential().send().await?;
    Ok(match answer.header("www-authenticate") {
        None => Some("the registry names no way to log in at /v2/".to_owned()),
        Some(_) if !answer.token_realms().is_empty() => {
            Some(format!("the registry asks for tokens of {}", answer.token_realms().join(" and ")))
        }
        Some(_) => None,
    })
}

/// Stands between oci-client and the registry.
struct Gateway {
    writer: Client,
    /// Where oci-client finds it.
    host: String,
}

async fn pass_on(State(gateway): State<Arc<Gateway>>, request: Request) -> Response<Body> {
    let result = match gateway.ask(request).await {
        Ok(answer) => gateway.answer(&answer),
        Err(error) => Err(error),
    };
    result.unwrap_or_else(|error| {
        let mut response = Response::new(Body::from(format!("{error:#}")));
        *response.status_mut() = StatusCode::BAD_GATEWAY;
        response
    })
}

impl Gateway {
    async fn ask(&self, request: Request) -> anyhow::Result<Answer> {
        let (parts, body) = request.into_parts();
        // Any page of this machine could be made to send a request here; oci-client alone knows the address.
        let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok());
        anyhow::ensure!(host == Some(self.host.as_str()), "the gateway is not for {host:?}");
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
        let mut onward = self.writer.request(parts.method, target).limit(MANIFEST_LIMIT);
        for name in [ACCEPT, CONTENT_RANGE, RANGE, USER_AGENT] {
            if let Some(value) = parts.headers.get(&name).and_then(|value| value.to_str().ok()) {
                onward = onward.header(name.as_str(), value);
            }
        }
        let body = to_bytes(body, MANIFEST_LIMIT).await.context("cannot read what oci-client sends")?;
        if let Some(kind) = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) {
            onward = onward.body(kind, body);
        } else if !body.is_empty() {
            onward = onward.body("application/octet-stream", body);
        }
        if !parts.headers.contains_key(AUTHORIZATION) {
            onward = onward.without_credential();
        }
        onward.send().await
    }

    /// The answer as oci-client may see it: nothing in it leads away from the registry's own origin.
    fn answer(&self, answer: &Answer) -> anyhow::Result<Response<Body>> {
        let mut response = Response::builder().status(answer.status);
        for (name, value) in &answer.headers {
            let name = name.as_str();
            let passes = matches!(name, "content-type" | "range" | "content-range") || name.starts_with("docker-");
            if passes {
                response = response.header(name, value);
            }
        }
        if let Some(challenge) = answer.header("www-authenticate") {
            anyhow::ensure!(answer.token_realms().is_empty(), "the registry asks for tokens: {challenge}");
            response = response.header("www-authenticate", challenge);
        }
        if let Some(location) = answer.header("location") {
            let url = answer.url.join(location).with_context(|| format!("Location: {location}"))?;
            anyhow::ensure!(self.writer.origin().owns(&url), "the registry leads away from itself, to {location}");
            let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
            response = response.header(LOCATION, format!("http://{}{target}", self.host));
        }
        Ok(response.body(Body::from(answer.body.clone()))?)
    }
}
