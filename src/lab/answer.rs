//! What the lab's servers answer: a status, headers and a body, and zot's error bodies word for word.
//!
//! Nothing here decides; it only writes down.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use bytes::Bytes;
use serde::Serialize;

/// The header by which zot's UI asks for its session to be used (zot `pkg/api/constants`).
pub(crate) const SESSION_CLIENT: &str = "x-zot-api-client";
const REALM: &str = "Basic realm=\"Authorization Required\"";

/// One answer, before it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new() }
    }

    pub(crate) fn bytes(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self { status, headers: vec![("content-type", content_type.to_owned())], body: body.into() }
    }

    /// JSON as Go's encoder writes it: `&`, `<` and `>` escaped, because zot does and clients may compare bytes.
    pub(crate) fn json(status: u16, value: &impl Serialize) -> Self {
        let text = serde_json::to_string(value).expect("the lab's own types serialise");
        let text = text.replace('&', "\\u0026").replace('<', "\\u003c").replace('>', "\\u003e");
        Self::bytes(status, "application/json", text)
    }

    /// Go's `http.NotFound`, which is also what zot's router answers to every path that it does not know.
    pub(crate) fn not_found() -> Self {
        Self::bytes(404, "text/plain; charset=utf-8", "404 page not found\n")
            .header("x-content-type-options", "nosniff")
    }

    /// Go's `http.Error`.
    pub(crate) fn plain(status: u16, message: &str) -> Self {
        Self::bytes(status, "text/plain; charset=utf-8", format!("{message}\n"))
            .header("x-content-type-options", "nosniff")
    }

    /// Go's `http.Redirect` for a GET.
    pub(crate) fn found(location: &str) -> Self {
        let escaped = location.replace('&', "&amp;").replace('"', "&#34;").replace('<', "&lt;").replace('>', "&gt;");
        Self::bytes(302, "text/html; charset=utf-8", format!("<a href=\"{escaped}\">Found</a>.\n\n"))
            .header("location", location)
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self
    }

    pub(crate) fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in self.headers {
            // A value with a control character cannot be sent; leaving it out is what Go's server does too.
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().append(HeaderName::from_static(name), value);
            }
        }
        response
    }
}

/// The error codes of distribution-spec that zot sends (zot `pkg/api/errors/errors.go`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    BlobUnknown,
    BlobUploadInvalid,
    BlobUploadUnknown,
    DigestInvalid,
    ManifestInvalid,
    ManifestUnknown,
    NameUnknown,
    Unauthorized,
    Denied,
}

impl Code {
    const fn texts(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::BlobUnknown => (
                "BLOB_UNKNOWN",
                "blob unknown to registry",
                "blob unknown to registry \tThis error MAY be returned when a blob is unknown  to the registry in a \
                 specified repository. This can be returned with a standard get or if a manifest references an unknown \
                 layer during upload.",
            ),
            Self::BlobUploadInvalid => (
                "BLOB_UPLOAD_INVALID",
                "blob upload invalid",
                "The blob upload encountered an error and can no longer proceed.",
            ),
            Self::BlobUploadUnknown => (
                "BLOB_UPLOAD_UNKNOWN",
                "blob upload unknown to registry",
                "If a blob upload has been cancelled or was never started, this error code MAY be returned.",
            ),
            Self::DigestInvalid => (
                "DIGEST_INVALID",
                "provided digest did not match uploaded content",
                "When a blob is uploaded, the registry will check that the content matches the digest provided by the \
                 client. The error MAY include a detail structure with the key \"digest\", including the invalid digest \
                 string. This error MAY also be returned when a manifest includes an invalid layer digest.",
            ),
            Self::ManifestInvalid => (
                "MANIFEST_INVALID",
                "manifest invalid",
                "During upload, manifests undergo several checks ensuring validity. If those checks fail, this error \
                 MAY be returned, unless a more specific error is included. The detail will contain information the \
                 failed validation.",
            ),
            Self::ManifestUnknown => (
                "MANIFEST_UNKNOWN",
                "manifest unknown",
                "This error is returned when the manifest, identified by name and tag is unknown to the repository.",
            ),
            Self::NameUnknown => (
                "NAME_UNKNOWN",
                "repository name not known to registry",
                "This is returned if the name used during an operation is unknown to the registry.",
            ),
            Self::Unauthorized => (
                "UNAUTHORIZED",
                "authentication required",
                "The access controller was unable to authenticate the client. Often this will be accompanied by a \
                 WWW-Authenticate HTTP response header indicating how to authenticate.",
            ),
            Self::Denied => (
                "DENIED",
                "requested access to the resource is denied",
                "The access controller denied access for the operation on a resource.",
            ),
        }
    }
}

#[derive(Serialize)]
struct Problem {
    code: &'static str,
    message: &'static str,
    detail: BTreeMap<String, String>,
}

#[derive(Serialize)]
struct Problems {
    errors: [Problem; 1],
}

fn problem(code: Code, detail: &[(&str, &str)]) -> Problem {
    let (code, message, description) = code.texts();
    let mut map: BTreeMap<String, String> =
        detail.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    map.insert("description".to_owned(), description.to_owned());
    Problem { code, message, detail: map }
}

/// A handler's error: the list form.
pub(crate) fn error(status: u16, code: Code, detail: &[(&str, &str)]) -> Answer {
    Answer::json(status, &Problems { errors: [problem(code, detail)] })
}

/// Authentication failed: a bare object, without `errors`. The difference tells at which stage zot refused.
pub(crate) fn unauthenticated(ui: bool) -> Answer {
    challenge(Answer::json(401, &problem(Code::Unauthorized, &[])), ui)
}

/// Authorization failed: 401 for anonymous, 403 for everyone else, both with a challenge.
pub(crate) fn refused(anonymous: bool, ui: bool) -> Answer {
    let answer = if anonymous { error(401, Code::Unauthorized, &[]) } else { error(403, Code::Denied, &[]) };
    challenge(answer, ui)
}

fn challenge(answer: Answer, ui: bool) -> Answer {
    if ui { answer } else { answer.header("www-authenticate", REALM) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_refusals_have_the_lengths_that_were_recorded() {
        assert_eq!(unauthenticated(false).body.len(), 253);
        assert_eq!(refused(true, false).body.len(), 266);
        assert_eq!(refused(false, false).body.len(), 181);
    }

    #[test]
    fn json_escapes_ampersands_as_go_does() {
        assert_eq!(&Answer::json(200, &"a&b").body[..], br#""a\u0026b""#);
    }
}
