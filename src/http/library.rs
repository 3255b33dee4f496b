//! reqwest, as it is used here: no redirect, no proxy, no retry, and the certificate where it is shown.

use std::time::Duration;

use anyhow::Context as _;

use super::{ClientCertificate, Origin, Route};

/// The library's client for one origin: no redirect, no proxy, no retry. With `http2` it speaks HTTP/2 where the server offers that
/// by ALPN (RFC 7301), else HTTP/1.1.
pub(super) fn http(
    route: &Route,
    origin: &Origin,
    certificate: Option<&ClientCertificate>,
    http2: bool,
) -> anyhow::Result<reqwest::Client> {
    let mut builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .retry(reqwest::retry::never())
        .connect_timeout(route.timeout.min(Duration::from_secs(5)))
        .timeout(route.timeout)
        .user_agent(concat!("regproof/", env!("CARGO_PKG_VERSION")));
    // Reading the system's certificates takes longer than the rest of a client, and plain http has no use for them.
    builder = if origin.url().scheme() == "https" {
        builder.tls_certs_merge(route.ca.iter().cloned()).tls_info(true)
    } else {
        builder.tls_certs_only(std::iter::empty())
    };
    if !http2 {
        builder = builder.http1_only();
    }
    for (host, port, address) in &route.resolve {
        if origin.is(host, *port) {
            builder = builder.resolve(host, *address);
        }
    }
    if let Some(certificate) = certificate {
        builder = builder.identity(certificate.identity());
    }
    builder.build().context("cannot prepare the HTTP client")
}
