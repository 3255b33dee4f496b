//! `http` and `http.auth`: the address, TLS, and the ways to log in. Keeps no credential.

use super::super::tree::{At, Complaint, Node, Place};
use super::super::{duration, number};
use super::{Limit, optional, texts};

/// Where and how zot listens.
#[derive(Debug, Clone, PartialEq)]
pub struct Http {
    /// The address; zot's default is `127.0.0.1`, and an empty one is every interface.
    pub address: Option<At<String>>,
    /// The port; zot's default is 8080.
    pub port: Option<At<u16>>,
    /// The URL that clients use; OpenID redirects are built from it.
    pub external_url: Option<At<String>>,
    /// zot's own TLS.
    pub tls: Option<At<Tls>>,
    /// The origin that may call zot from a browser.
    pub allow_origin: Option<At<String>>,
    /// The realm of the challenge.
    pub realm: Option<At<String>>,
    /// How long a whole request may take.
    pub read_timeout: Option<Limit>,
    /// How long a whole answer may take.
    pub write_timeout: Option<Limit>,
    /// How many requests a second zot lets through, where it counts them: all, or those of one method.
    pub rate_limits: Vec<RateLimit>,
    /// Whether Docker's media types are taken as they are.
    pub compat: bool,
    /// Where `http` stands.
    pub place: Place,
}

/// A limit on requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimit {
    /// The method whose requests it counts; nothing for all of them.
    pub method: Option<String>,
    /// Requests a second.
    pub rate: At<i64>,
}

impl Http {
    /// The address that zot binds.
    #[must_use]
    pub fn listen_address(&self) -> &str {
        self.address.as_ref().map_or("127.0.0.1", |at| &at.value)
    }

    /// The port that zot binds.
    #[must_use]
    pub fn listen_port(&self) -> u16 {
        self.port.as_ref().map_or(8080, |at| at.value)
    }
}

/// zot's own TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tls {
    /// Whether zot serves TLS: a certificate and a key are set. With an empty one it serves plain HTTP.
    pub served: bool,
    /// Whether a CA for client certificates is set, which makes a certificate an identity.
    pub client_ca: bool,
}

/// The ways to log in.
#[derive(Debug, Clone, PartialEq)]
pub struct Auth {
    /// The htpasswd file's name.
    pub htpasswd: Option<At<String>>,
    /// Where LDAP is configured.
    pub ldap: Option<Place>,
    /// Where bearer tokens are configured; what they grant cannot be told from the file.
    pub bearer: Option<Place>,
    /// Where `bearer` stands without all that it needs: zot then asks for no token at all. With what is missing.
    pub partial_bearer: Option<At<&'static str>>,
    /// Where `openid` is configured.
    pub openid: Option<Place>,
    /// The OpenID and OAuth2 providers.
    pub providers: Vec<Provider>,
    /// What the file says about API keys; see [`Auth::api_keys`].
    pub api_key: Option<At<bool>>,
    /// What the file says about `Secure` cookies.
    pub secure_session: Option<At<bool>>,
    /// Seconds that zot waits before it refuses.
    pub fail_delay: Option<At<u32>>,
    /// The file that keeps sessions valid over a restart; never opened.
    pub session_keys_file: Option<At<String>>,
    /// The driver of the sessions, where one is named.
    pub session_driver: Option<At<String>>,
    /// Origins to which a login may return.
    pub callback_allow_origins: Vec<At<String>>,
}

impl Auth {
    /// Whether API keys work: `openid` forces them on (pkg/cli/server/root.go `applyDefaultValues`).
    #[must_use]
    pub fn api_keys(&self) -> bool {
        self.openid.is_some() || self.api_key.as_ref().is_some_and(|at| at.value)
    }

    /// Whether zot has users at all, beyond certificates and bearer tokens (`IsBasicAuthnEnabled`).
    #[must_use]
    pub fn accepts_basic(&self) -> bool {
        self.htpasswd.is_some() || self.ldap.is_some() || self.api_keys()
    }

    /// Seconds that zot waits before it refuses.
    #[must_use]
    pub fn fail_delay_seconds(&self) -> u32 {
        self.fail_delay.as_ref().map_or(0, |at| at.value)
    }
}

/// One OpenID or OAuth2 provider.
#[derive(Debug, Clone, PartialEq)]
pub struct Provider {
    /// Its key, which is part of the callback's path: `oidc`, `google`, `gitlab` or `github`.
    pub id: At<String>,
    /// The name on the login page.
    pub name: Option<At<String>>,
    /// The client's id, where the file itself has it and not its `credentialsFile`.
    pub client_id: Option<At<String>>,
    /// The issuer.
    pub issuer: Option<At<String>>,
    /// The scopes that are asked for.
    pub scopes: Vec<At<String>>,
    /// The claim that becomes the username; zot's default is `email`.
    pub username_claim: Option<At<String>>,
    /// The claim that becomes the groups; zot's default is `groups`.
    pub groups_claim: Option<At<String>>,
}

pub(super) fn read(http: &Node) -> Result<Http, Complaint> {
    Ok(Http {
        address: optional(http, "address", Node::text)?,
        port: optional(http, "port", port)?.flatten(),
        external_url: optional(http, "externalUrl", Node::text)?.filter(|url| !url.value.is_empty()),
        tls: optional(http, "tls", tls)?,
        allow_origin: optional(http, "allowOrigin", Node::text)?,
        realm: optional(http, "realm", Node::text)?,
        read_timeout: optional(http, "readTimeout", limit)?,
        write_timeout: optional(http, "writeTimeout", limit)?,
        rate_limits: rates(http)?,
        compat: !texts(http, "compat")?.is_empty(),
        place: http.place,
    })
}

/// The limit on all requests, and those on single methods: zot holds a request to each that counts it (`MethodRateLimiter`).
fn rates(http: &Node) -> Result<Vec<RateLimit>, Complaint> {
    let Some(limits) = http.present("ratelimit") else { return Ok(Vec::new()) };
    let methods = limits.node.present("methods").map_or(Vec::new(), |methods| methods.node.items());
    let read = |node: &Node, method: Option<String>| -> Result<Option<RateLimit>, Complaint> {
        let rate = optional(node, "rate", number::whole)?;
        let rate = rate.filter(|rate| *rate > 0).map(|value| At { value, place: node.place });
        Ok(rate.map(|rate| RateLimit { method, rate }))
    };
    let all = std::iter::once(read(&limits.node, None));
    let of_one = methods.into_iter().map(|node| {
        let method = optional(node, "method", Node::text)?;
        read(node, Some(method.map_or_else(String::new, |at| at.value)))
    });
    all.chain(of_one).filter_map(Result::transpose).collect()
}

/// An empty port is allowed and leaves the choice to the system, as zot has it.
fn port(node: &Node, what: &str) -> Result<Option<At<u16>>, Complaint> {
    let text = node.text(what)?;
    if text.value.is_empty() {
        return Ok(None);
    }
    let port = text.value.trim_start_matches('+').parse::<u16>();
    let port = port.map_err(|_| Complaint::new(text.place, format!("`{}` is not a port", text.value)))?;
    Ok(Some(At { value: port, place: text.place }))
}

fn tls(node: &Node, _: &str) -> Result<At<Tls>, Complaint> {
    let set = |key| optional(node, key, Node::text).map(|file| file.is_some_and(|file| !file.value.is_empty()));
    let served = set("cert")? && set("key")?;
    Ok(At { value: Tls { served, client_ca: set("cacert")? && served }, place: node.place })
}

fn limit(node: &Node, what: &str) -> Result<Limit, Complaint> {
    Ok(At { value: duration::limit(duration::of(node, what)?), place: node.place })
}

pub(super) fn read_auth(auth: &Node) -> Result<Auth, Complaint> {
    let openid = auth.present("openid");
    let mut providers = Vec::new();
    let mut callback_allow_origins = Vec::new();
    if let Some(openid) = openid {
        callback_allow_origins = texts(&openid.node, "callbackAllowOrigins")?;
        if let Some(listed) = openid.node.present("providers") {
            for entry in listed.node.named("providers")?.into_iter().filter(|entry| entry.node.survives()) {
                let id = At { value: entry.key.to_lowercase(), place: entry.place };
                providers.push(provider(id, &entry.node)?);
            }
        }
    }
    let htpasswd = optional(auth, "htpasswd", |node, _| optional(node, "path", Node::text))?;
    let bearer = match auth.present("bearer") {
        Some(entry) => Some(At { value: missing_for_tokens(&entry.node)?, place: entry.place }),
        None => None,
    };
    let driver = optional(auth, "sessionDriver", |node, _| optional(node, "name", Node::text))?;
    Ok(Auth {
        htpasswd: htpasswd.flatten().filter(|path| !path.value.is_empty()),
        ldap: auth.present("ldap").map(|entry| entry.place),
        bearer: bearer.as_ref().filter(|at| at.value.is_none()).map(|at| at.place),
        partial_bearer: bearer.and_then(|at| Some(At { value: at.value?, place: at.place })),
        openid: openid.map(|entry| entry.place),
        providers,
        api_key: optional(auth, "apikey", Node::flag)?,
        secure_session: optional(auth, "secureSession", Node::flag)?,
        fail_delay: optional(auth, "failDelay", seconds)?,
        session_keys_file: optional(auth, "sessionKeysFile", Node::text)?.filter(|file| !file.value.is_empty()),
        session_driver: driver.flatten(),
        callback_allow_origins,
    })
}

/// What bearer tokens need and do not have; without it zot asks for none (`IsBearerAuthEnabled`).
fn missing_for_tokens(bearer: &Node) -> Result<Option<&'static str>, Complaint> {
    let text = |node: &Node, key| Ok(optional(node, key, Node::text)?.is_some_and(|text| !text.value.is_empty()));
    for issuer in bearer.present("oidc").map_or(Vec::new(), |oidc| oidc.node.items()) {
        if text(issuer, "issuer")? && !texts(issuer, "audiences")?.is_empty() {
            return Ok(None);
        }
    }
    let keys = text(bearer, "cert")? || bearer.present("awsSecretsManager").is_some();
    Ok(match (keys, text(bearer, "realm")?, text(bearer, "service")?) {
        (true, true, true) => None,
        (false, ..) => Some("cert"),
        (_, false, _) => Some("realm"),
        _ => Some("service"),
    })
}

fn seconds(node: &Node, what: &str) -> Result<At<u32>, Complaint> {
    let seconds = number::whole(node, what)?.clamp(0, u32::MAX.into());
    Ok(At { value: u32::try_from(seconds).unwrap_or(u32::MAX), place: node.place })
}

fn provider(id: At<String>, node: &Node) -> Result<Provider, Complaint> {
    let claims = node.present("claimMapping");
    let claim = |key| claims.map_or(Ok(None), |claims| optional(&claims.node, key, Node::text));
    Ok(Provider {
        name: optional(node, "name", Node::text)?,
        client_id: optional(node, "clientid", Node::text)?,
        issuer: optional(node, "issuer", Node::text)?,
        scopes: texts(node, "scopes")?,
        username_claim: claim("username")?,
        groups_claim: claim("groups")?,
        id,
    })
}
