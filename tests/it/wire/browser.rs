//! What a browser does at a login: keeps cookies, and fills in the provider's form.

use std::collections::BTreeMap;

use regproof::lab::Lab;

use super::{Reply, send};

/// A browser's cookies, as far as the registry's matter.
#[derive(Default)]
pub struct Jar(BTreeMap<String, String>);

impl Jar {
    pub fn keep(&mut self, reply: &Reply) {
        for line in reply.headers("set-cookie") {
            let (name, rest) = line.split_once('=').unwrap();
            match rest.split(';').next().unwrap() {
                "" => self.0.remove(name),
                value => self.0.insert(name.to_owned(), value.to_owned()),
            };
        }
    }

    pub fn header(&self) -> Option<(String, String)> {
        let pairs: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        (!pairs.is_empty()).then(|| ("Cookie".to_owned(), pairs.join("; ")))
    }
}

pub fn target_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or_else(|| "/".to_owned(), |start| rest[start..].to_owned())
}

/// Logs in on the provider's page, as a person would; answers the URL of the callback.
pub async fn log_in(lab: &Lab, user: &str, authorization: &str) -> String {
    let started = send(lab.issuer(), "GET", &target_of(authorization), &[], None).await;
    assert_eq!(started.status, 303, "{}", started.body);
    let page = target_of(started.header("location").unwrap());
    let form = format!("username={user}&password={}", lab.password(user));
    let wrong = send(lab.issuer(), "POST", &page, &[], Some("username=guest&password=wrong")).await;
    assert!(wrong.status == 401 && wrong.body.contains("role=\"alert\""), "{}", wrong.body);
    let done = send(lab.issuer(), "POST", &page, &[], Some(&form)).await;
    done.header("location").unwrap().to_owned()
}
