//! Spoilt content: manifests as checks and the audit read them, and metrics. Otherwise as `fuzz_tests`.

use bytes::Bytes;
use proptest::prelude::*;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use url::Url;

use crate::audit;
use crate::http::Answer;
use crate::kit::metrics;
use crate::kit::metrics::Sample;
use crate::kit::transfer;
use crate::kit::transfer::ACCEPT;
use crate::model::failure::Why;
use crate::model::image::digest_of;
use crate::trial::fuzz::{fuzz, spoilt};

const WHY: Why<'static> = Why { claim: "c", cause: "c", remedy: "r" };
const SHA256: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

const MANIFESTS: &[&str] = &[
    r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":2},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":9}]}"#,
    r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":2,"platform":{"os":"linux","architecture":"amd64"}}]}"#,
];
const PARTS: &[&str] = &[
    "null",
    "{}",
    "[]",
    "-1",
    "1e999",
    "\"digest\":",
    "sha256:..",
    "sha512:",
    "../../v2/",
    "%2e%2e",
    "\"urls\":[\"https://evil.test/\"]",
    "\"size\":18446744073709551616",
    "\\u0000",
    "\"mediaType\":\"application/vnd.oci.image.index.v1+json\"",
    ",",
    "[[[[[[[[[[",
];

fn manifest(text: &str, media_type: &str) -> Answer {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_str(media_type).unwrap());
    Answer {
        method: "GET".to_owned(),
        url: Url::parse("https://registry.example.test/v2/team/app/manifests/latest").unwrap(),
        status: 200,
        headers,
        body: Bytes::copy_from_slice(text.as_bytes()),
        size: text.len() as u64,
        digest: None,
        certificate: None,
        http2: false,
        index: 0,
    }
}

#[test]
fn a_manifest_is_what_its_digest_says_and_names_nothing_but_digests() {
    let types: Vec<&str> = ACCEPT.split(", ").chain(["text/html", "application/json"]).collect();
    let strategy = (spoilt(MANIFESTS, PARTS), prop::sample::select(types), any::<bool>());
    fuzz(&strategy, |(text, media_type, by_digest)| {
        let reference = if by_digest { SHA256 } else { "latest" };
        let Ok(read) = transfer::whole_manifest(&manifest(&text, media_type), reference, &WHY) else { return Ok(()) };
        prop_assert!(!by_digest, "no text here has the digest {SHA256}");
        prop_assert_eq!(&read.digest, &digest_of(text.as_bytes()));
        prop_assert!(ACCEPT.split(", ").any(|accepted| accepted == media_type), "{}", media_type);
        for part in read.blobs().chain(read.entries()) {
            let hex = part.digest.strip_prefix("sha256:").unwrap_or_default();
            prop_assert!(hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()), "{}", part.digest);
        }
        Ok(())
    });
}

#[test]
fn the_audit_asks_for_nothing_that_would_not_stay_a_path() {
    let types: Vec<&str> = ACCEPT.split(", ").chain(["application/vnd.docker.distribution.manifest.v1+json"]).collect();
    fuzz(&(spoilt(MANIFESTS, PARTS), prop::sample::select(types)), |(text, media_type)| {
        for digest in audit::asked_for(&manifest(&text, media_type)) {
            let path = format!("/v2/team/app/blobs/{digest}");
            let url = Url::parse(&format!("https://registry.example.test{path}")).unwrap();
            prop_assert_eq!(url.path(), path);
            prop_assert!(url.query().is_none() && url.fragment().is_none());
        }
        Ok(())
    });
}

#[test]
fn metrics_are_read_as_they_are_written_or_refused_at_a_line_that_there_is() {
    const SEEDS: &[&str] = &[
        "# HELP zot_info Zot information\n# TYPE zot_info gauge\nzot_info{binaryType=\"sync\",commit=\"v2.1.20\"} 0\n",
        "zot_repo_downloads_total{repo=\"team/app\"} 3\nzot_http_requests_total{code=\"200\",method=\"GET\"} 1e3 1700000000\n",
        "a_bucket{le=\"+Inf\"} NaN\n",
    ];
    const TOKENS: &[&str] = &[
        "{",
        "}",
        "=\"",
        "\"",
        ",",
        "\\n",
        "\\",
        "# TYPE a counter\n",
        "+Inf",
        "-Inf",
        "NaN",
        "inf",
        "1e400",
        " ",
        "<html>",
    ];
    fuzz(&spoilt(SEEDS, TOKENS), |text| {
        match metrics::parse(&text) {
            Err(error) => prop_assert!((1..=text.lines().count()).contains(&error.line), "{}", error),
            Ok(samples) => {
                let written: String = samples.iter().map(line).collect();
                let again =
                    metrics::parse(&written).map_err(|error| TestCaseError::fail(format!("{error}: {written}")))?;
                // NaN is not itself.
                prop_assert_eq!(format!("{samples:?}"), format!("{again:?}"));
            }
        }
        Ok(())
    });
}

fn line(sample: &Sample) -> String {
    let escaped = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let labels = sample.labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value)));
    let value = match sample.value {
        value if value.is_nan() => "NaN".to_owned(),
        value if value.is_infinite() => if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned(),
        value => value.to_string(),
    };
    format!("{}{{{}}} {value}\n", sample.name, labels.collect::<Vec<_>>().join(","))
}
