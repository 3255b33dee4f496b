//! Looks at a live registry and writes a first scenario for it. What was seen is marked as seen, and is no promise until the
//! operator confirms it.
//!
//! GET only, without credentials, and nothing that a guard for reading would refuse. Knows no check.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use url::Url;

use crate::base::redact::Redactor;
use crate::http::guard::Guard;
use crate::http::recorder::Recorder;
use crate::http::{Client, Origin, Route};
use crate::kit::fingerprint;
use crate::kit::fingerprint::{Asked, ONE_SIGN};
use crate::kit::metrics;
use crate::model::outcome::Fingerprint;

/// As many repositories as a first scenario names.
const NAMED: usize = 3;

/// What anyone can see of a registry.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// What it says it is.
    pub registry: Fingerprint,
    /// Whether `/v2/` answered as a registry.
    pub answers: bool,
    /// Repositories of the catalog whose tags anyone may list, with one tag.
    pub readable: Vec<(String, String)>,
    /// How many repositories the catalog's first page names, where it is open.
    pub listed: Option<usize>,
    /// The status of `/metrics`, and whether it is Prometheus text.
    pub metrics: Option<(u16, bool)>,
    /// The login's redirect, where there is one.
    pub login: Option<LoginSeen>,
    /// Whether the registry asks nobody for a login.
    pub open: bool,
    /// Whether the registry asks for tokens, which are not fetched.
    pub asks_for_tokens: bool,
    /// What could not be looked at, and why.
    pub troubles: Vec<String>,
}

/// What the redirect of a login shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoginSeen {
    /// zot's name for the provider.
    pub provider: String,
    /// The issuer, where its discovery document confirmed it; else the origin that the redirect leads to.
    pub issuer: String,
    /// Whether the discovery document confirmed it.
    pub confirmed: bool,
    /// The client id.
    pub client_id: String,
    /// The scopes.
    pub scopes: Vec<String>,
}

/// Looks at a registry: GET only, without credentials. What does not answer is a trouble of what was seen, never an error.
///
/// # Errors
///
/// Where no client can be made at all.
pub async fn look(url: &Url) -> anyhow::Result<Seen> {
    let client = reader(url)?;
    let mut seen = Seen::default();
    match client.get("/v2/").send().await {
        Ok(answer) => {
            let named = answer.header("docker-distribution-api-version").is_some();
            let challenged = answer.header("www-authenticate").is_some();
            seen.answers = matches!(answer.status, 200 | 401) && (named || challenged) && !answer.is_html();
            // zot with a login challenges here also where it lets anonymous clients in.
            seen.open = seen.answers && answer.status == 200 && !challenged;
            if !seen.answers {
                seen.troubles.push(format!("{}: this is not how a registry answers", answer.brief()));
            }
            if let Some(realm) = answer.asks_for_token() {
                seen.asks_for_tokens = true;
                seen.troubles.push(format!(
                    "the registry asks for tokens of {realm}, which this version does not fetch: what a client with an \
                     anonymous token may do is not seen, and most checks will be undecided"
                ));
            }
        }
        Err(error) => seen.troubles.push(format!("{error:#}")),
    }
    if !seen.answers {
        return Ok(seen);
    }
    seen.registry = fingerprint::of(&client, None, &Asked::default()).await.unwrap_or_default();
    repositories(&client, &mut seen).await;
    if let Ok(answer) = client.get("/metrics").limit(32 << 20).send().await {
        let text = String::from_utf8_lossy(&answer.body);
        let prometheus = answer.status == 200 && metrics::parse(&text).is_ok_and(|samples| !samples.is_empty());
        // A 401 that asks for a token says nothing about those who have one.
        seen.metrics = Some((answer.status, prometheus)).filter(|_| answer.asks_for_token().is_none());
    }
    seen.login = login(&client, &mut seen.troubles).await;
    Ok(seen)
}

fn reader(url: &Url) -> anyhow::Result<Client> {
    let guard = Arc::new(Guard::read_only());
    let recorder = Recorder::new(Arc::new(Redactor::default()));
    let route = Route { timeout: Duration::from_secs(10), ..Route::default() };
    Client::new(&route, Origin::of(url), "anonymous", None, guard, recorder)
}

async fn repositories(client: &Client, seen: &mut Seen) {
    let Ok(answer) = client.get("/v2/_catalog?n=100").send().await else { return };
    let names: Vec<String> = answer
        .json()
        .ok()
        .filter(|_| answer.status == 200)
        .and_then(|body| serde_json::from_value(body.get("repositories")?.clone()).ok())
        .unwrap_or_default();
    if answer.status != 200 {
        // That tokens are asked for was said, and a refusal without one closes nothing.
        if answer.asks_for_token().is_none() {
            seen.troubles.push(format!("the catalog is closed to anonymous clients: {}", answer.brief()));
        }
        return;
    }
    seen.listed = Some(names.len());
    for name in names.iter().filter(|name| is_name(name)) {
        let Ok(answer) = client.get(format!("/v2/{name}/tags/list")).send().await else { continue };
        let tag = answer.json().ok().filter(|_| answer.status == 200);
        let tag = tag.and_then(|body| Some(body.get("tags")?.get(0)?.as_str()?.to_owned()));
        if let Some(tag) = tag {
            seen.readable.push((name.clone(), tag));
        }
        if seen.readable.len() == NAMED {
            break;
        }
    }
}

/// A repository name of the OCI distribution spec; what a registry lists besides is not written into a file.
fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-/".contains(c);
    !name.is_empty() && name.len() <= 255 && name.chars().all(allowed) && !name.contains("//") && !name.starts_with('/')
}

/// The provider names that zot knows by itself, and the usual one for the rest.
const PROVIDERS: [&str; 5] = ["oidc", "github", "google", "gitlab", "dex"];

async fn login(client: &Client, troubles: &mut Vec<String>) -> Option<LoginSeen> {
    let mut names = providers(client).await;
    if names.is_empty() {
        names = PROVIDERS.map(str::to_owned).to_vec();
    }
    for provider in names {
        let answer = client.get(format!("/zot/auth/login?provider={provider}")).send().await.ok()?;
        let location = answer.header("location").filter(|_| matches!(answer.status, 302 | 303 | 307));
        let Some(url) = location.and_then(|location| Url::parse(location).ok()) else { continue };
        let query: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
        let part = |name: &str| query.get(name).cloned().unwrap_or_default();
        let scopes = part("scope").split(' ').filter(|scope| !scope.is_empty()).map(str::to_owned).collect();
        let (issuer, confirmed) = issuer(&url).await;
        if !confirmed {
            troubles.push(format!("no discovery document below {issuer} names the issuer: write it as zot has it"));
        }
        return Some(LoginSeen { provider, issuer, confirmed, client_id: part("client_id"), scopes });
    }
    None
}

/// The providers that zot's login page offers (zot `pkg/extensions/extension_mgmt.go`).
async fn providers(client: &Client) -> Vec<String> {
    let Ok(answer) = client.get("/v2/_zot/ext/mgmt").send().await else { return vec![] };
    let Ok(body) = answer.json() else { return vec![] };
    let known = body.pointer("/http/auth/openid/providers").and_then(Value::as_object);
    let plain = |name: &&String| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    known.map(|known| known.keys().filter(plain).cloned().collect()).unwrap_or_default()
}

/// The issuer of an authorization endpoint: the longest part of its path with a discovery document that names itself
/// (OpenID Connect Discovery 1.0, section 4), at most five deep.
async fn issuer(endpoint: &Url) -> (String, bool) {
    let origin = Origin::of(endpoint);
    let fallback = origin.to_string();
    let plain = endpoint.scheme() == "https" || crate::scenario::loaded::is_loopback(endpoint);
    let (Ok(client), true) = (reader(endpoint), plain) else { return (fallback, false) };
    let parts: Vec<&str> = endpoint.path().split('/').filter(|part| !part.is_empty()).take(5).collect();
    let mut folders: Vec<String> = Vec::new();
    for depth in (0..=parts.len()).rev() {
        folders.push(parts[..depth].iter().map(|part| format!("/{part}")).collect());
    }
    // authentik shares one endpoint among applications, so that no issuer can be read off its path.
    for folder in folders {
        let Ok(answer) = client.get(format!("{folder}/.well-known/openid-configuration")).send().await else {
            continue;
        };
        let issuer = answer.json().ok().filter(|_| answer.status == 200);
        if let Some(issuer) = issuer.as_ref().and_then(|body| body.get("issuer")?.as_str()) {
            return (issuer.to_owned(), true);
        }
    }
    (fallback, false)
}

/// A commented scenario with what was seen. Nothing in it is a promise that nobody confirmed: each such line is marked.
#[must_use]
pub fn scenario(url: &Url, seen: &Seen) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let mut say = |line: &str| _ = writeln!(text, "{line}");
    say(
        "# A draft scenario, from anonymous requests to this registry. A line marked `seen, confirm:` is what the registry",
    );
    say("# does today, not what you promise: confirm it or correct it. Commented lines could not be seen.");
    let perhaps = seen.registry.evidence.iter().any(|line| line == ONE_SIGN);
    let unknown = if perhaps { "perhaps zot, by only one sign" } else { "not recognised" };
    let product = seen.registry.product.as_deref().filter(|_| !perhaps).unwrap_or(unknown);
    let release = seen.registry.release.as_deref().unwrap_or("release not shown");
    say(&comment(&format!("The registry: {product}, {release}.")));
    for trouble in &seen.troubles {
        say(&comment(&format!("Not seen: {trouble}")));
    }
    say("schema = 1");
    say(&format!("name = {}", quoted(url.host_str().unwrap_or("registry"))));
    say(&format!("\n[registry]\nurl = {}", quoted(&Origin::of(url).to_string())));
    say("# zot_config = \"config.json\"   # the deployed configuration: the promises are then derived from it");
    say("# backend = \"http://127.0.0.1:5000\"   # a second vantage point, behind the proxy");
    say("\n[repositories]");
    say("# scratch = \"regproof/scratch\"   # all writing happens here; without it nothing is written");
    let names: Vec<String> =
        seen.readable.iter().filter(|(name, _)| is_name(name)).map(|(name, _)| quoted(name)).collect();
    if names.is_empty() {
        let how = if seen.asks_for_tokens { "a token" } else { "credentials" };
        say(&format!("# public = [\"team/app\"]   # no repository could be read without {how}"));
    } else {
        say(&format!("# seen, confirm: anyone can read these ({} are listed).", seen.listed.unwrap_or_default()));
        say(&format!("public = [{}]", names.join(", ")));
    }
    say("# private = [\"team/secret\"]   # existing repositories that anonymous clients must not read");
    say("\n# Rights. Only reads were seen; say here which groups and users may push.");
    if seen.open {
        say(
            "# lint::no_access_control (high): this registry asks nobody for a login. Unless a rule says less, anyone may push,",
        );
        say("# overwrite and delete here. Set http.auth and http.accessControl in zot's configuration.");
    }
    if names.is_empty() {
        say("# [access]\n# anonymous = []");
    } else {
        say("[access]\n# seen, confirm: anonymous clients can read.\nanonymous = [\"read\"]");
    }
    say(
        "# authenticated = [\"read\"]\n# groups.ci = [\"read\", \"create\"]\n# groups.admins = [\"read\", \"create\", \"update\", \"delete\"]",
    );
    say(
        "# Other rights in some repositories; the longest pattern that matches counts, and replaces all of the above there:",
    );
    say("# [access.\"team/**\"]\n# authenticated = [\"read\"]\n# groups.team = [\"read\", \"create\"]");
    say("\n# [identities.ci]\n# username = \"ci\"\n# password = { env = \"REGPROOF_CI_KEY\" }\n# groups = [\"ci\"]");
    match seen.metrics {
        Some((200, true)) => {
            say("\n[metrics]\n# seen, confirm: anyone can scrape.\npath = \"/metrics\"\nanonymous = true");
        }
        Some((status @ (401 | 403), _)) => say(&format!(
            "\n[metrics]\n# seen, confirm: {status} without credentials.\npath = \"/metrics\"\nanonymous = false\n\
             # reader = \"prometheus\" # the identity that may scrape: the control of the refusal"
        )),
        _ => say("\n# [metrics]\n# path = \"/metrics\"\n# anonymous = true"),
    }
    match &seen.login {
        Some(login) => {
            say("\n[oidc]\n# seen, confirm: where the login leads to.");
            say(&format!("provider = {}", quoted(&login.provider)));
            let doubt =
                if login.confirmed { "" } else { "   # only the origin was seen: write the issuer as zot has it" };
            say(&format!("issuer = {}{doubt}", quoted(&login.issuer)));
            say(&format!("client_id = {}", quoted(&login.client_id)));
            let scopes: Vec<String> = login.scopes.iter().map(|scope| quoted(scope)).collect();
            say(&format!("scopes = [{}]", scopes.join(", ")));
            say(
                "# login = { username = { env = \"REGPROOF_LOGIN_USER\" }, password = { env = \"REGPROOF_LOGIN_PASSWORD\" } }",
            );
        }
        None => say("\n# [oidc]\n# provider = \"oidc\"\n# issuer = \"https://…\"\n# client_id = \"zot\""),
    }
    let cached = seen.readable.iter().find(|(name, _)| name.split('/').next().is_some_and(|first| first.contains('.')));
    match cached {
        Some((name, tag)) => {
            say("\n# seen, confirm: a repository named as another registry's is often a cache.");
            say(&format!("# [[cache]]\n# image = {}", quoted(&format!("{name}:{tag}"))));
        }
        None => say("\n# [[cache]]\n# image = \"docker.io/library/alpine:3.20\""),
    }
    text
}

/// A TOML string, also of hostile text.
fn quoted(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    toml::Value::String(plain).to_string()
}

/// One line of comment, also of hostile text.
fn comment(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("# {plain}")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::lab::{Lab, Weakness};
    use crate::scenario::load;

    fn parsed(text: &str) -> crate::scenario::Scenario {
        let today = time::macros::date!(2026 - 01 - 01);
        let loaded = load::parse(Path::new("regproof.toml"), text.to_owned(), |_| true, today);
        loaded.unwrap_or_else(|error| panic!("{error}\n{text}")).scenario
    }

    #[tokio::test]
    async fn what_is_seen_of_the_lab_becomes_a_scenario_with_marks() {
        let lab = Lab::healthy().await.unwrap();
        let url = Url::parse(lab.url()).unwrap();
        let seen = look(&url).await.unwrap();
        let text = scenario(&url, &seen);
        let scenario = parsed(&text);
        assert_eq!(scenario.repositories.public, ["blumeops/navidrome"]);
        assert!(scenario.repositories.private.is_empty() && scenario.repositories.scratch.is_none());
        assert!(scenario.metrics.is_some_and(|metrics| metrics.anonymous));
        let oidc = scenario.oidc.unwrap();
        assert_eq!(
            (oidc.issuer.as_str(), oidc.client_id.as_str(), oidc.provider.as_str()),
            (lab.issuer(), "zot", "oidc")
        );
        assert!(text.contains("v2.1.20"), "{text}");
        assert_eq!(text.matches("# seen, confirm:").count(), 4, "{text}");
        assert!(!text.contains("private/ledger"));
        let reads = lab.requests().iter().all(|request| request.method == "GET");
        assert!(reads && lab.requests().iter().all(|request| request.header("authorization").is_none()));
    }

    #[tokio::test]
    async fn a_closed_or_missing_registry_makes_no_promise() {
        let lab = Lab::with(Weakness::LoginPageWith200).await.unwrap();
        let url = Url::parse(lab.url()).unwrap();
        let seen = look(&url).await.unwrap();
        assert!(!seen.answers && seen.troubles[0].contains("HTML"), "{seen:?}");
        let scenario = parsed(&scenario(&url, &seen));
        assert!(scenario.access.is_none() && scenario.metrics.is_none() && scenario.oidc.is_none());
        let _vacancy = lab.vacate().await.unwrap();
        assert!(!look(&url).await.unwrap().answers);
    }

    #[test]
    fn a_registry_that_asks_nobody_for_a_login_is_said_to_be_open() {
        let url = Url::parse("https://r.example.test").unwrap();
        let open = Seen { answers: true, open: true, ..Seen::default() };
        let text = scenario(&url, &open);
        assert!(text.contains("lint::no_access_control (high)") && text.contains("anyone may push"), "{text}");
        parsed(&text);
        assert!(!scenario(&url, &Seen { open: false, ..open }).contains("no_access_control"));
    }

    #[test]
    fn hostile_names_stay_inside_their_line() {
        let url = Url::parse("https://r.example.test").unwrap();
        let seen = Seen {
            troubles: vec!["x\nurl = \"https://evil.example.test\"".to_owned()],
            readable: vec![("a\"]\n[registry".to_owned(), "t".to_owned())],
            login: Some(LoginSeen {
                client_id: "a\"\n[x]".to_owned(),
                issuer: "https://i.example.test".to_owned(),
                ..LoginSeen::default()
            }),
            ..Seen::default()
        };
        let scenario = parsed(&scenario(&url, &seen));
        assert!(scenario.repositories.public.is_empty());
        assert_eq!(scenario.registry.url.as_str(), "https://r.example.test/");
    }
}
