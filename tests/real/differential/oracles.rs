//! Asks a real zot for one permission each, with requests that store nothing, and reads its answer.

use std::time::Duration;

use regproof::zot::expect::Oracle;
use reqwest::{Client, Method, RequestBuilder};

use super::zot;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Allowed,
    Denied,
    Strange(u16),
}

pub struct Asker {
    client: Client,
    url: String,
    login: Option<(String, String)>,
    /// The status that refuses this identity.
    pub denial: u16,
}

impl Asker {
    pub fn new(url: &str, login: Option<(String, String)>, denial: u16) -> Self {
        assert!(url.starts_with("http://127.0.0.1:"), "only loopback is ever asked");
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(20))
            .build()
            .unwrap();
        Self { client, url: url.to_owned(), login, denial }
    }

    pub async fn get(&self, path: &str, agent: &str) -> u16 {
        let request = self.request(Method::GET, path).header("User-Agent", agent);
        request.send().await.unwrap().status().as_u16()
    }

    pub async fn ask(&self, oracle: Oracle, repository: &str) -> Answer {
        let (request, allowed) = self.oracle(oracle, repository);
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        if allowed.contains(&status) {
            return Answer::Allowed;
        }
        let body = answer.text().await.unwrap();
        let own = body.contains("UNAUTHORIZED") || body.contains("DENIED");
        if status == self.denial && own { Answer::Denied } else { Answer::Strange(status) }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.url));
        match &self.login {
            Some((user, password)) => request.basic_auth(user, Some(password)),
            None => request,
        }
    }

    fn oracle(&self, oracle: Oracle, repository: &str) -> (RequestBuilder, &'static [u16]) {
        let absent = format!("sha256:{}", "5".repeat(64));
        let upload = "blobs/uploads/6f2a7d0e-8c55-4f0c-9d34-0a5bb2f7c1de";
        let layer = zot::digest(zot::LAYER);
        let at = |method, path: &str| self.request(method, &format!("/v2/{repository}/{path}"));
        let put = |path: &str| at(Method::PUT, path).header("Content-Type", "application/x-regproof").body("{}");
        match oracle {
            Oracle::ReadManifest => {
                let accept = "application/vnd.oci.image.manifest.v1+json";
                (at(Method::GET, "manifests/v1").header("Accept", accept), &[200])
            }
            Oracle::ReadBlob => (at(Method::GET, &format!("blobs/{layer}")), &[200]),
            Oracle::ListTags => (at(Method::GET, "tags/list"), &[200]),
            Oracle::CreateTag => (put("manifests/regproof-unused"), &[415]),
            Oracle::UpdateTag => (put("manifests/v1"), &[415]),
            Oracle::UpdateLatest => (put("manifests/latest"), &[415]),
            Oracle::MoveTagByQuery => (put(&format!("manifests/{absent}?tag=v1")), &[415]),
            Oracle::StartUpload => (at(Method::POST, "blobs/uploads/?from=x"), &[405]),
            Oracle::ContinueUpload => (at(Method::PATCH, upload).header("Content-Range", "5-1").body("x"), &[416]),
            Oracle::FinishUpload => (at(Method::PUT, upload), &[400]),
            Oracle::MountBlob => (at(Method::POST, &format!("blobs/uploads/?mount={layer}&from=a")), &[201, 202]),
            Oracle::DeleteManifest => (at(Method::DELETE, &format!("manifests/{absent}")), &[404]),
            Oracle::DeleteBlob => (at(Method::DELETE, "blobs/notadigest"), &[404]),
            Oracle::DeleteUpload => (at(Method::DELETE, upload), &[404]),
        }
    }
}
