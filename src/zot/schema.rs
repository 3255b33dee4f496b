//! Every key that zot decodes, with the first release that has it: the structs of zot's configuration as a table. Data only.
//!
//! Written from `pkg/api/config/config.go` and `pkg/extensions/config` of v2.1.0 to v2.1.20. Keys of `main` after v2.1.20 are
//! listed too, under [`NEXT`].

use super::release::Release;

/// The newest release whose keys are all known here.
pub const NEWEST: Release = Release::new(2, 1, 20);
/// The oldest release whose keys are known here.
pub(crate) const FIRST: Release = Release::new(2, 1, 0);
/// The release that is expected to bring the keys that are on zot's main branch now.
pub(crate) const NEXT: Release = Release::new(2, 1, 21);

/// What zot makes of a value.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// A string; numbers and booleans become one.
    Text,
    /// A list of strings; a lone one is a list too.
    Texts,
    /// True or false.
    Flag,
    /// A whole number.
    Count,
    /// Any number.
    Ratio,
    /// A length of time.
    Duration,
    /// A window of the day, as `01:00-08:00`.
    Window,
    /// Bytes.
    Bytes,
    /// An object with these keys.
    Keys(&'static [Field]),
    /// A list of objects with these keys.
    Each(&'static [Field]),
    /// Objects with these keys, by names that the operator gives.
    Named(&'static [Field]),
    /// Any object.
    Free,
    /// A list of event sinks: objects in which zot overlooks keys that it does not know.
    Loose(&'static [Field]),
}

/// One key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) since: Release,
    pub(crate) kind: Kind,
}

const fn key(name: &'static str, kind: Kind) -> Field {
    Field { name, since: FIRST, kind }
}

const fn since(patch: u32, name: &'static str, kind: Kind) -> Field {
    Field { name, since: Release::new(2, 1, patch), kind }
}

use Kind::{Bytes, Count, Duration, Each, Flag, Free, Keys, Loose, Named, Ratio, Text, Texts, Window};

/// The whole configuration.
pub(crate) const TOP: &[Field] = &[
    key("distSpecVersion", Text),
    key("goVersion", Text),
    key("commit", Text),
    key("releaseTag", Text),
    key("binaryType", Text),
    key("storage", Keys(STORAGE)),
    key("http", Keys(HTTP)),
    key("log", Keys(&[key("level", Text), key("output", Text), key("audit", Text)])),
    key("extensions", Keys(EXTENSIONS)),
    key("scheduler", Keys(&[key("numWorkers", Count)])),
    key("cluster", Keys(&[key("members", Texts), key("hashKey", Text), key("tls", Keys(TLS))])),
];

const STORAGE: &[Field] = &[
    key("rootDirectory", Text),
    since(16, "maxRepos", Count),
    key("dedupe", Flag),
    key("remoteCache", Flag),
    since(18, "redirectBlobURL", Flag),
    key("gc", Flag),
    key("commit", Flag),
    key("gcDelay", Duration),
    key("gcInterval", Duration),
    since(19, "gcTimeWindow", Window),
    key("retention", Keys(RETENTION)),
    key("storageDriver", Free),
    key("cacheDriver", Free),
    since(11, "gcMaxSchedulerDelay", Duration),
    key("subPaths", Named(SUBPATH)),
    since(18, "fastRestart", Flag),
];

const SUBPATH: &[Field] = &[
    key("rootDirectory", Text),
    since(16, "maxRepos", Count),
    key("dedupe", Flag),
    key("remoteCache", Flag),
    since(18, "redirectBlobURL", Flag),
    key("gc", Flag),
    key("commit", Flag),
    key("gcDelay", Duration),
    key("gcInterval", Duration),
    since(19, "gcTimeWindow", Window),
    key("retention", Keys(RETENTION)),
    key("storageDriver", Free),
    key("cacheDriver", Free),
    since(11, "gcMaxSchedulerDelay", Duration),
];

const RETENTION: &[Field] = &[
    key("dryRun", Flag),
    key("delay", Duration),
    key(
        "policies",
        Each(&[
            key("repositories", Texts),
            key("deleteReferrers", Flag),
            key("deleteUntagged", Flag),
            key(
                "keepTags",
                Each(&[
                    key("patterns", Texts),
                    key("pulledWithin", Duration),
                    key("pushedWithin", Duration),
                    key("mostRecentlyPushedCount", Count),
                    key("mostRecentlyPulledCount", Count),
                ]),
            ),
            since(
                19,
                "keepUntagged",
                Keys(&[
                    key("pulledWithin", Duration),
                    key("pushedWithin", Duration),
                    key("mostRecentlyPushedCount", Count),
                    key("mostRecentlyPulledCount", Count),
                ]),
            ),
        ]),
    ),
];

const TLS: &[Field] = &[key("cert", Text), key("key", Text), key("cacert", Text)];

const HTTP: &[Field] = &[
    key("address", Text),
    key("externalUrl", Text),
    key("port", Text),
    key("allowOrigin", Text),
    since(17, "readTimeout", Duration),
    since(17, "writeTimeout", Duration),
    key("tls", Keys(TLS)),
    key("auth", Keys(AUTH)),
    key("accessControl", Keys(ACCESS)),
    key("realm", Text),
    key("ratelimit", Keys(&[key("rate", Count), key("methods", Each(&[key("method", Text), key("rate", Count)]))])),
    since(2, "compat", Texts),
];

const AUTH: &[Field] = &[
    key("failDelay", Count),
    key("htpasswd", Keys(&[key("path", Text)])),
    key("ldap", Keys(LDAP)),
    key("bearer", Keys(BEARER)),
    key("openid", Keys(&[key("providers", Named(PROVIDER)), since(15, "callbackAllowOrigins", Texts)])),
    key("apikey", Flag),
    since(2, "sessionKeysFile", Text),
    since(2, "sessionHashKey", Bytes),
    since(2, "sessionEncryptKey", Bytes),
    since(9, "sessionDriver", Free),
    since(11, "secureSession", Flag),
    since(
        12,
        "mtls",
        Keys(&[
            key("identityAttributes", Texts),
            key("uriSanPattern", Text),
            key("uriSanIndex", Count),
            key("dnsSanIndex", Count),
            key("emailSanIndex", Count),
        ]),
    ),
];

const LDAP: &[Field] = &[
    key("credentialsFile", Text),
    key("port", Count),
    key("insecure", Flag),
    key("startTLS", Flag),
    key("skipVerify", Flag),
    key("subtreeSearch", Flag),
    key("address", Text),
    key("userGroupAttribute", Text),
    key("baseDN", Text),
    key("userAttribute", Text),
    since(3, "userFilter", Text),
    key("cacert", Text),
];

const BEARER: &[Field] = &[
    key("realm", Text),
    key("service", Text),
    key("cert", Text),
    since(14, "oidc", Each(BEARER_OIDC)),
    since(
        15,
        "awsSecretsManager",
        Keys(&[key("region", Text), key("secretName", Text), key("refreshInterval", Duration)]),
    ),
    since(
        19,
        "upstreamTokenEndpoint",
        Keys(&[key("realm", Text), key("service", Text), key("allowInsecureHttp", Flag)]),
    ),
];

const BEARER_OIDC: &[Field] = &[
    key("issuer", Text),
    key("audiences", Texts),
    key(
        "claimMapping",
        Keys(&[
            key("variables", Each(&[key("name", Text), key("expression", Text)])),
            key("validations", Each(&[key("expression", Text), key("message", Text)])),
            key("username", Text),
            key("groups", Text),
        ]),
    ),
    since(15, "certificateAuthority", Text),
    since(15, "certificateAuthorityFile", Text),
    key("skipIssuerVerification", Flag),
];

const PROVIDER: &[Field] = &[
    since(6, "credentialsFile", Text),
    key("name", Text),
    key("clientid", Text),
    key("clientsecret", Text),
    key("keypath", Text),
    key("issuer", Text),
    since(11, "authurl", Text),
    since(11, "tokenurl", Text),
    key("scopes", Texts),
    since(11, "claimMapping", Keys(&[key("username", Text), since(17, "groups", Text)])),
];

const ACCESS: &[Field] = &[
    key(
        "repositories",
        Named(&[key("policies", Each(POLICY)), key("defaultPolicy", Texts), key("anonymousPolicy", Texts)]),
    ),
    key("adminPolicy", Keys(POLICY)),
    key("groups", Named(&[key("users", Texts)])),
    key("metrics", Keys(&[key("users", Texts), since(18, "anonymousPolicy", Texts)])),
];

const POLICY: &[Field] = &[
    key("users", Texts),
    key("groups", Texts),
    key("actions", Texts),
    since(17, "conditions", Each(&[key("expression", Text), key("message", Text)])),
];

const ENABLE: Field = key("enable", Flag);

const EXTENSIONS: &[Field] = &[
    key("search", Keys(&[ENABLE, key("cve", Keys(CVE))])),
    key(
        "sync",
        Keys(&[ENABLE, key("credentialsFile", Text), key("downloadDir", Text), key("registries", Each(REGISTRY))]),
    ),
    key("metrics", Keys(&[ENABLE, key("prometheus", Keys(&[key("path", Text)]))])),
    key("scrub", Keys(&[ENABLE, key("interval", Duration)])),
    key("lint", Keys(&[ENABLE, key("mandatoryAnnotations", Texts)])),
    key("ui", Keys(&[ENABLE])),
    key("mgmt", Keys(&[ENABLE])),
    key("apikey", Keys(&[ENABLE])),
    key("trust", Keys(&[ENABLE, key("cosign", Flag), key("notation", Flag)])),
    since(3, "events", Keys(&[ENABLE, key("sinks", Loose(SINK))])),
];

const CVE: &[Field] = &[
    key("updateInterval", Duration),
    key(
        "trivy",
        Keys(&[
            key("dbRepository", Text),
            key("javaDBRepository", Text),
            since(16, "vulnSeveritySources", Texts),
            since(18, "sbom", Keys(&[key("enable", Flag), key("format", Text)])),
        ]),
    ),
];

const REGISTRY: &[Field] = &[
    key("urls", Texts),
    key("pollInterval", Duration),
    key("content", Each(CONTENT)),
    key("tlsVerify", Flag),
    key("onDemand", Flag),
    key("certDir", Text),
    key("maxRetries", Count),
    key("retryDelay", Duration),
    since(19, "maxRetryDelay", Duration),
    key("onlySigned", Flag),
    since(15, "syncLegacyCosignTags", Flag),
    since(3, "credentialHelper", Text),
    since(19, "oauth2CredentialHelper", Free),
    since(3, "preserveDigest", Flag),
    since(11, "syncTimeout", Duration),
    since(12, "responseHeaderTimeout", Duration),
    since(NEXT.patch, "manifestCheckInterval", Duration),
    since(NEXT.patch, "reqConcurrent", Count),
    since(NEXT.patch, "reqPerSec", Ratio),
    since(NEXT.patch, "disableHTTP2", Flag),
    since(NEXT.patch, "maxIdleConnsPerHost", Count),
];

const CONTENT: &[Field] = &[
    key("prefix", Text),
    key("tags", Keys(&[key("regex", Text), since(3, "excludeRegex", Text), key("semver", Flag)])),
    key("destination", Text),
    key("stripPrefix", Flag),
];

const SINK: &[Field] = &[
    key("type", Text),
    key("address", Text),
    key("channel", Text),
    key("timeout", Duration),
    key("proxy", Text),
    key("headers", Free),
    key("credentials", Keys(&[key("username", Text), key("password", Text), key("file", Text), key("token", Text)])),
    key("tlsconfig", Keys(&[key("cacertFile", Text), key("certFile", Text), key("keyFile", Text)])),
];

/// The paths of all keys that hold a value, with `PATTERN` and `NAME` for what the operator names.
#[cfg(test)]
pub(crate) fn paths() -> Vec<String> {
    fn walk(fields: &[Field], above: &str, paths: &mut Vec<String>) {
        for field in fields {
            let path = if above.is_empty() { field.name.to_owned() } else { format!("{above}.{}", field.name) };
            match field.kind {
                Keys(inner) | Each(inner) | Loose(inner) => walk(inner, &path, paths),
                Named(inner) => {
                    let name = if path.ends_with(".repositories") { "PATTERN" } else { "NAME" };
                    walk(inner, &format!("{path}.{name}"), paths);
                }
                _ => paths.push(path),
            }
        }
    }
    let mut paths = Vec::new();
    walk(TOP, "", &mut paths);
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    fn each(fields: &[Field], check: &mut impl FnMut(&[Field])) {
        check(fields);
        for field in fields {
            match field.kind {
                Keys(inner) | Each(inner) | Named(inner) | Loose(inner) => each(inner, check),
                _ => {}
            }
        }
    }

    #[test]
    fn no_section_has_a_key_twice_and_no_key_is_newer_than_the_next_release() {
        each(TOP, &mut |fields| {
            let mut names: Vec<String> = fields.iter().map(|field| field.name.to_lowercase()).collect();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), fields.len());
            assert!(fields.iter().all(|field| field.since <= NEXT), "{fields:?}");
        });
        assert!(paths().len() > 150, "{}", paths().len());
    }
}
