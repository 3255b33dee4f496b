//! What is not proven by a request of ours, although it was served.

use super::*;
use crate::mirror::model::Tls;
use crate::zot::tree::Place;

fn scenario(registry: &str) -> Scenario {
    let text = format!("schema = 1\nname = \"n\"\n[registry]\nurl = \"https://registry.example.test\"\n{registry}\n");
    toml::from_str(&text).unwrap()
}

fn endpoint(scheme: Scheme, tls: Tls) -> Endpoint {
    let url = "https://registry.example.test";
    Endpoint { tls, ..Endpoint::new(url, "hosts.toml", Place::START, scheme, "registry.example.test", "/v2") }
}

#[test]
fn trust_that_only_regproof_was_given_is_not_the_clients() {
    let own = scenario("ca_file = \"ca.pem\"");
    let with = |tls: Tls| unknown(&own, &endpoint(Scheme::Https, tls)).is_none();
    assert!(!with(Tls::default()));
    assert!(with(Tls { ca: vec!["/etc/ca.pem".to_owned()], ..Tls::default() }));
    assert!(with(Tls { skip_verify: true, ..Tls::default() }));
    assert_eq!(unknown(&own, &endpoint(Scheme::Http, Tls::default())), None);
    assert_eq!(unknown(&scenario(""), &endpoint(Scheme::Https, Tls::default())), None);
    let shown = scenario("client_cert = \"c.pem\"\nclient_key = \"k.pem\"");
    assert!(unknown(&shown, &endpoint(Scheme::Https, Tls::default())).is_some());
    assert_eq!(unknown(&shown, &endpoint(Scheme::Https, Tls { client: true, ..Tls::default() })), None);
}

#[test]
fn the_address_behind_the_proxy_is_the_registry_too() {
    let behind = scenario("backend = \"http://registry.example.test:5050\"");
    let mut one = endpoint(Scheme::Http, Tls::default());
    assert!(!behind.is_behind(&one));
    one.host = "registry.example.test:5050".to_owned();
    assert!(behind.is_behind(&one) && behind.mirrored_registry().is_at(&one.host));
    assert!(!scenario("").is_behind(&one) && !scenario("").mirrored_registry().is_at(&one.host));
}
