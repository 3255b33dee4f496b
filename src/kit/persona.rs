//! Clients as a registry sees them: user agent, what they ask first, when they send credentials, what they accept. Data, and
//! a pull in their manner.
//!
//! Decides nothing but whether the pull went through; the checks decide what was promised.

use crate::check::context::Cx;
use crate::http::{Answer, Client, MANIFEST_LIMIT, Request};
use crate::kit::transfer;
use crate::kit::transfer::Manifest;
use crate::model::failure::{Failure, Why};

/// When a client sends the credentials that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Auth {
    /// Pings `/v2/`, and sends credentials only if that was 401; without credentials it gives up there (moby
    /// `distribution/registry.go`, with the classic image store).
    RefusedPing,
    /// Pings `/v2/`, and believes any `WWW-Authenticate` there, also beside 200 (containers/image `docker/docker_client.go`).
    AnyPing,
    /// Does not ping, and answers the challenge of the first refused request (containerd `core/remotes/docker`).
    Challenge,
}

/// One client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Persona {
    pub(crate) name: &'static str,
    pub(crate) agent: &'static str,
    pub(crate) auth: Auth,
    pub(crate) accept: &'static str,
}

const DOCKER_ACCEPT: &str = "application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.v1+prettyjws, application/json, \
    application/vnd.oci.image.manifest.v1+json";
const CONTAINERD_ACCEPT: &str = "application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.oci.image.manifest.v1+json, \
    application/vnd.oci.image.index.v1+json, */*";
const CONTAINERS_ACCEPT: &str = "application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.v1+prettyjws, \
    application/vnd.docker.distribution.manifest.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.oci.image.index.v1+json";

/// The clients that operators have.
pub(crate) const PERSONAS: [Persona; 7] = [
    Persona {
        name: "docker, classic image store",
        agent: "docker/28.3.2 go/go1.24.5 git-commit/e77ff99 kernel/6.1.0 os/linux arch/amd64 \
                UpstreamClient(Docker-Client/28.3.2 \\(linux\\))",
        auth: Auth::RefusedPing,
        accept: DOCKER_ACCEPT,
    },
    Persona {
        name: "docker, containerd image store",
        agent: "docker/29.4.0 go/go1.25.5 git-commit/deadbee kernel/6.1.0 os/linux arch/amd64 \
                containerd-client/2.2.0+unknown storage-driver/overlayfs UpstreamClient(Docker-Client/29.4.0 \\(linux\\))",
        auth: Auth::Challenge,
        accept: CONTAINERD_ACCEPT,
    },
    Persona {
        name: "docker compose",
        agent: "docker/28.3.2 go/go1.24.5 git-commit/e77ff99 kernel/6.1.0 os/linux arch/amd64 \
                UpstreamClient(compose/v2.38.2)",
        auth: Auth::RefusedPing,
        accept: DOCKER_ACCEPT,
    },
    Persona { name: "containerd", agent: "containerd/2.1.3", auth: Auth::Challenge, accept: CONTAINERD_ACCEPT },
    Persona {
        name: "podman",
        agent: "containers/5.34.2 (github.com/containers/image)",
        auth: Auth::AnyPing,
        accept: CONTAINERS_ACCEPT,
    },
    Persona { name: "skopeo", agent: "skopeo/1.18.0", auth: Auth::AnyPing, accept: CONTAINERS_ACCEPT },
    Persona { name: "buildkit", agent: "buildkit/v0.23", auth: Auth::Challenge, accept: CONTAINERD_ACCEPT },
];

/// Clients that push, and the User-Agent by which a proxy or a condition of a policy may know them.
pub(crate) const PUSHERS: [(&str, &str); 6] = [
    ("docker", PERSONAS[0].agent),
    ("containerd", PERSONAS[3].agent),
    ("containers/image", PERSONAS[4].agent),
    ("oras", "oras/1.2.3"),
    ("Helm", "Helm/3.18.4"),
    ("Go", "Go-http-client/1.1"),
];

/// How a pull ended.
#[derive(Debug)]
pub(crate) enum Pull {
    /// Manifest and config came, with their digests.
    Done,
    /// The client gave up at the ping, where others go on.
    StoppedAtPing(Box<Answer>),
}

/// Writes down how a client fared, where that was decided.
pub(crate) fn tell(cx: &Cx, persona: &Persona, what: &str, pulled: &Result<Pull, Failure>) {
    let answer = match pulled {
        Ok(Pull::Done) => "works",
        Ok(Pull::StoppedAtPing(_)) => "gives up at /v2/",
        Err(Failure::Fail(_)) => "does not work",
        Err(Failure::Error(..)) => return,
    };
    cx.tell(format!("{}, {what}", persona.name), answer);
}

impl Persona {
    /// Pulls the manifest of a tag and its smallest blob, as this client does. `client` has credentials or none; they are sent
    /// when this client would send them.
    pub(crate) async fn pull(
        &self,
        cx: &Cx,
        client: &Client,
        repository: &str,
        tag: &str,
        why: &Why<'_>,
    ) -> Result<Pull, Failure> {
        let has = client.credential().is_some();
        let mut sends = false;
        if self.auth != Auth::Challenge {
            let ping = self.dressed(client.get("/v2/"), false).send().await?;
            ping.expect_status(&[200, 401], why)?;
            // Each of these clients fetches a token then, also without credentials.
            ping.needs_no_token(why, "200, or 401 with a Basic challenge")?;
            let challenged = ping.header("www-authenticate").is_some();
            if self.auth == Auth::RefusedPing && ping.status == 401 && !has {
                return Ok(Pull::StoppedAtPing(Box::new(ping)));
            }
            sends = has && challenged && (ping.status == 401 || self.auth == Auth::AnyPing);
        }
        let target = format!("/v2/{repository}/manifests/{tag}");
        let mut head = self.accepting(client.head(&target), sends).send().await?;
        if head.status == 401 && has && !sends && self.auth == Auth::Challenge {
            sends = true;
            head = self.accepting(client.head(&target), sends).send().await?;
        }
        head.expect_status(&[200], why)?;
        let Some(digest) = head.header("docker-content-digest").map(str::to_owned) else {
            return Err(why.fail("Docker-Content-Digest on a HEAD", "none", head.index));
        };
        let mut manifest = self.manifest(client, repository, &digest, sends, why).await?;
        for _ in 0..transfer::DEEPEST {
            let Some(entry) = manifest.preferred().map(|entry| entry.digest.clone()) else { break };
            manifest = self.manifest(client, repository, &entry, sends, why).await?;
        }
        if let Some(blob) = manifest.blobs().min_by_key(|blob| blob.size) {
            let reader = if sends { client.clone() } else { cx.anonymous()? };
            transfer::blob(cx, &reader, repository, blob, why).await?;
        }
        Ok(Pull::Done)
    }

    async fn manifest(
        &self,
        client: &Client,
        repository: &str,
        digest: &str,
        sends: bool,
        why: &Why<'_>,
    ) -> Result<Manifest, Failure> {
        let request = self.accepting(client.get(format!("/v2/{repository}/manifests/{digest}")), sends);
        let answer = request.limit(MANIFEST_LIMIT).send().await?;
        answer.expect_status(&[200], why)?;
        transfer::whole_manifest(&answer, digest, why)
    }

    /// What `docker login` and its like ask: `/v2/` with the credentials.
    pub(crate) async fn log_in(&self, client: &Client, why: &Why<'_>) -> Result<(), Failure> {
        self.dressed(client.get("/v2/"), true).send().await?.expect_status(&[200], why)?;
        Ok(())
    }

    fn dressed<'a>(&self, request: Request<'a>, sends: bool) -> Request<'a> {
        let request = request.header("User-Agent", self.agent);
        if sends { request } else { request.without_credential() }
    }

    fn accepting<'a>(&self, request: Request<'a>, sends: bool) -> Request<'a> {
        self.dressed(request, sends).header("Accept", self.accept)
    }
}
