//! A registry of generated content, as many tags as a test wants, that answers one request or another wrongly on request.
//!
//! Read-only, without rights. Knows no check and no audit.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Response;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// One answer in place of the right one.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What is stored.
#[derive(Default)]
pub struct Content {
    /// Tags of each repository, sorted, with the digest of each.
    repositories: BTreeMap<String, Vec<(String, usize)>>,
    /// Manifests, with their type and digest.
    manifests: Vec<(&'static str, String, Vec<u8>)>,
    blobs: BTreeMap<String, Vec<u8>>,
    /// Answers in place of the right ones, by path and query.
    replies: BTreeMap<String, Reply>,
    /// The same, from the second request on.
    later: BTreeMap<String, Reply>,
    /// Which request, counted from 0, is answered only when another one has been seen.
    held: BTreeMap<(String, usize), String>,
}

/// The digest of bytes.
pub fn digest(bytes: &[u8]) -> String {
    format!("sha256:{:x}", Sha256::digest(bytes))
}

/// An error as registries write it.
pub fn error(status: u16, code: &str) -> Reply {
    let body = json!({ "errors": [{ "code": code, "message": "no" }] }).to_string().into_bytes();
    Reply { status, headers: vec![("content-type", "application/json".to_owned())], body }
}

impl Content {
    /// An image whose layer has these bytes; answers its number.
    pub fn image(&mut self, layer: &[u8]) -> usize {
        self.built(layer, LAYER, &digest(layer), "")
    }

    /// An image of a layer that may be compressed: `unpacked` is the digest of what is in it, `flavour` makes the image another.
    pub fn built(&mut self, layer: &[u8], kind: &str, unpacked: &str, flavour: &str) -> usize {
        let rootfs = json!({ "type": "layers", "diff_ids": [unpacked] });
        let config = json!({ "architecture": "amd64", "os": "linux", "author": flavour, "rootfs": rootfs });
        let config = config.to_string().into_bytes();
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(&config), "size": config.len() },
            "layers": [{ "mediaType": kind, "digest": digest(layer), "size": layer.len() }],
        });
        self.blobs.insert(digest(&config), config);
        self.blobs.insert(digest(layer), layer.to_vec());
        self.manifest(MANIFEST, manifest.to_string().into_bytes())
    }

    /// An index of manifests that were made before.
    pub fn index(&mut self, of: &[usize]) -> usize {
        let entry = |number: &usize| {
            let (kind, digest, bytes) = &self.manifests[*number];
            json!({ "mediaType": kind, "digest": digest, "size": bytes.len() })
        };
        let entries: Vec<_> = of.iter().map(entry).collect();
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": entries });
        self.manifest(INDEX, index.to_string().into_bytes())
    }

    /// Any bytes as a manifest.
    pub fn manifest(&mut self, kind: &'static str, bytes: Vec<u8>) -> usize {
        self.manifests.push((kind, digest(&bytes), bytes));
        self.manifests.len() - 1
    }

    /// The digest of a manifest.
    pub fn digest(&self, manifest: usize) -> String {
        self.manifests[manifest].1.clone()
    }

    /// Puts a manifest under a tag; tags come in order.
    pub fn tag(&mut self, repository: &str, tag: impl Into<String>, manifest: usize) {
        self.repositories.entry(repository.to_owned()).or_default().push((tag.into(), manifest));
    }

    /// Answers this path and query so from now on.
    pub fn answer(&mut self, target: impl Into<String>, reply: Reply) {
        self.replies.insert(target.into(), reply);
    }

    /// Answers this path and query so from the second request on.
    pub fn answer_later(&mut self, target: impl Into<String>, reply: Reply) {
        self.later.insert(target.into(), reply);
    }

    /// Holds an answer back until another path has been asked for.
    pub fn hold(&mut self, target: impl Into<String>, nth: usize, until: impl Into<String>) {
        self.held.insert((target.into(), nth), until.into());
    }

    /// What a manifest is answered with.
    pub fn reply(&self, manifest: usize) -> Reply {
        let (kind, digest, bytes) = &self.manifests[manifest];
        let headers = vec![("content-type", (*kind).to_owned()), ("docker-content-digest", digest.clone())];
        Reply { status: 200, headers, body: bytes.clone() }
    }
}

/// A running registry. It ends when it is dropped.
pub struct Bulk {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<(String, String)>>>,
    runtime: Option<Runtime>,
}

type Shared = (Arc<Content>, Option<Arc<Mutex<Vec<(String, String)>>>>);

impl Bulk {
    /// Serves content on a free port of loopback, and remembers every request if `remembers`.
    pub fn start(content: Content, remembers: bool) -> Bulk {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime can be started");
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0))).expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let seen: Arc<Mutex<Vec<(String, String)>>> = Arc::default();
        let shared: Shared = (Arc::new(content), remembers.then(|| Arc::clone(&seen)));
        let router = Router::new().fallback(serve).with_state(shared);
        runtime.spawn(async move { axum::serve(listener, router).await });
        Bulk { address, seen, runtime: Some(runtime) }
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Method and target of every request.
    pub fn seen(&self) -> Vec<(String, String)> {
        self.seen.lock().expect("no test panics with it").clone()
    }
}

impl Drop for Bulk {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn serve(State((content, seen)): State<Shared>, request: Request) -> Response<Body> {
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str()).to_owned();
    let mut nth = 0;
    if let Some(seen) = seen {
        let count = |wanted: &str| {
            let seen = seen.lock().expect("no test panics with it");
            seen.iter().filter(|(_, target)| target == wanted).count()
        };
        nth = count(&target);
        seen.lock().expect("no test panics with it").push((request.method().to_string(), target.clone()));
        if let Some(until) = content.held.get(&(target.clone(), nth)) {
            // Bounded: what never comes fails the test by the answer.
            for _ in 0..5000 {
                if count(until) > 0 {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        }
    }
    let later = content.later.get(&target).filter(|_| nth > 0);
    let reply = later.or_else(|| content.replies.get(&target)).cloned().unwrap_or_else(|| right(&content, &target));
    let mut response = Response::builder().status(reply.status);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(reply.body)).expect("a reply is well-formed")
}

fn right(content: &Content, target: &str) -> Reply {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if path == "/v2/" {
        return Reply { status: 200, headers: vec![], body: vec![] };
    }
    if path == "/v2/_catalog" {
        let names = content.repositories.keys().map(String::as_str).collect::<Vec<_>>();
        return page(path, query, "repositories", &names);
    }
    let rest = path.strip_prefix("/v2/").unwrap_or_default();
    if let Some(tags) = rest.strip_suffix("/tags/list").and_then(|name| content.repositories.get(name)) {
        let names: Vec<&str> = tags.iter().map(|(tag, _)| tag.as_str()).collect();
        return page(path, query, "tags", &names);
    }
    if let Some((name, reference)) = rest.rsplit_once("/manifests/") {
        let tagged = content.repositories.get(name).and_then(|tags| {
            let at = tags.binary_search_by(|(tag, _)| tag.as_str().cmp(reference)).ok()?;
            Some(tags[at].1)
        });
        let found = tagged.or_else(|| content.manifests.iter().position(|(_, digest, _)| digest == reference));
        return found.map_or_else(|| error(404, "MANIFEST_UNKNOWN"), |manifest| content.reply(manifest));
    }
    let blob = rest.rsplit_once("/blobs/").and_then(|(_, digest)| content.blobs.get(digest));
    blob.map_or_else(
        || error(404, "BLOB_UNKNOWN"),
        |bytes| Reply {
            status: 200,
            headers: vec![("content-type", "application/octet-stream".to_owned())],
            body: bytes.clone(),
        },
    )
}

fn page(path: &str, query: &str, key: &str, names: &[&str]) -> Reply {
    let value = |wanted: &str| query.split('&').find_map(|pair| pair.strip_prefix(wanted)?.strip_prefix('='));
    let most: usize = value("n").and_then(|n| n.parse().ok()).unwrap_or(names.len());
    let from = value("last").map_or(0, |last| names.partition_point(|name| *name <= last));
    let page = &names[from..names.len().min(from + most)];
    let mut headers = vec![("content-type", "application/json".to_owned())];
    if from + page.len() < names.len()
        && let Some(last) = page.last()
    {
        headers.push(("link", format!("<{path}?n={most}&last={last}>; rel=\"next\"")));
    }
    Reply { status: 200, headers, body: json!({ key: page }).to_string().into_bytes() }
}
