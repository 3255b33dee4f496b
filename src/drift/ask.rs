//! What a snapshot asks besides the checks: the registry's pages, per client, and where its tags point.
//!
//! Read-only, judges nothing. What a registry that has trouble answers is not an answer.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::StreamExt as _;
use serde_json::Value;
use url::Url;

use crate::check::Check;
use crate::check::context::Cx;
use crate::http::{Answer, Client, Origin, is_registry_error};
use crate::kit::listing;
use crate::kit::matrix;
use crate::kit::persona::PERSONAS;
use crate::kit::transfer;
use crate::kit::transfer::ACCEPT;
use crate::model::effect::{Effect, Meta};
use crate::model::failure::TokensOnly;
use crate::model::failure::{Proof, Why};
use crate::scenario::loaded::is_repository_name;

/// How many requests are on their way at once.
const AT_ONCE: usize = 8;
/// More than a person looks after; what is beyond is left out, and said.
const MOST_TAGS: usize = 4000;
const MOST_REPOSITORIES: usize = 500;
/// No manifest has it.
const NOWHERE: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

/// The check whose answers are lists of tags.
pub(crate) const TAGS: &str = "snapshot::tags";

const META: Meta = Meta { needs: &[], effect: Effect::ReadOnly, usual: Duration::from_millis(500) };

/// The pages, and the tags of the declared repositories.
pub(crate) static DECLARED: [Check; 2] = [
    Check::new("snapshot::pages", "src/drift/ask.rs", "//! What each page answers to whom.", META, |cx| {
        Box::pin(pages(cx))
    }),
    Check::new(TAGS, "src/drift/ask.rs", "//! Where tags point.", META, |cx| Box::pin(tags(cx, false))),
];

/// The pages, and the tags of everything that the catalog lists.
pub(crate) static CATALOG: [Check; 2] =
    [DECLARED[0], Check::new(TAGS, "src/drift/ask.rs", "//! Where tags point.", META, |cx| Box::pin(tags(cx, true)))];

const WHY: Why<'static> = Why {
    claim: "the tags of the repository can be listed",
    cause: "the repository is not there, or none of the identities may read it",
    remedy: "look at access::anonymous_can_pull",
};

async fn pages(cx: &Cx) -> Proof {
    let mut targets: Vec<String> = [
        "/v2/",
        "/v2/_catalog",
        "/v2/_oci/ext/discover",
        "/v2/_zot/ext/mgmt",
        "/v2/_zot/ext/search?query=%7B__typename%7D",
        "/zot/auth/apikey",
        "/",
        "/login",
        "/home",
        "/livez",
        "/readyz",
        "/startupz",
    ]
    .map(str::to_owned)
    .to_vec();
    let scenario = cx.scenario();
    targets.push(scenario.metrics.as_ref().map_or("/metrics", |metrics| metrics.path.as_str()).to_owned());
    targets.extend(scenario.repositories.public.first().map(|name| format!("/v2/{name}/referrers/{NOWHERE}")));
    let mut asked = Vec::new();
    for asker in matrix::askers(cx)? {
        for target in &targets {
            asked.push((asker.name.clone(), asker.client().clone(), target.clone(), false));
        }
        asked.push((asker.name.clone(), asker.client().clone(), "/v2/".to_owned(), true));
    }
    if let Some(oidc) = &scenario.oidc {
        let login = format!("/zot/auth/login?provider={}", oidc.provider);
        asked.push(("anonymous".to_owned(), cx.anonymous()?, login, false));
    }
    let total = asked.len();
    let told: Vec<Told> = futures::stream::iter(asked)
        .map(|(who, client, target, docker)| async move { page(cx, &who, &client, &target, docker).await })
        .buffered(AT_ONCE)
        .collect()
        .await;
    let missing = told.iter().filter(|told| !matches!(told, Told::Answer)).count();
    if missing == total {
        return Err(anyhow::anyhow!("the registry answers none of {total} questions").into());
    }
    let realm = told.iter().find_map(|told| if let Told::Token(realm) = told { Some(realm) } else { None });
    if let Some(realm) = realm {
        let what = format!("{missing} of {total} pages were not answered to a client without a token");
        let why = format!("the registry asks for tokens of {realm}, which this version does not fetch");
        return Err(anyhow::anyhow!("{what}: {why}").into());
    }
    if missing > 0 {
        cx.note(format!("{missing} of {total} pages were not answered"));
    }
    Ok(())
}

/// What became of a question.
enum Told {
    Answer,
    Nothing,
    /// The registry wants a token of this server first.
    Token(String),
}

async fn page(cx: &Cx, who: &str, client: &Client, target: &str, docker: bool) -> Told {
    let request = client.get(target);
    // The registry may take docker for somebody else: zot does so from v2.1.16.
    let request = if docker { request.header("User-Agent", PERSONAS[0].agent) } else { request };
    let answer = match request.send().await {
        Ok(answer) => answer,
        Err(error) => {
            return error.downcast_ref().map_or(Told::Nothing, |TokensOnly(realm)| Told::Token(realm.clone()));
        }
    };
    if matches!(answer.status, 429 | 502..=504) {
        return Told::Nothing;
    }
    let docker = if docker { " as docker" } else { "" };
    let question = format!("{who} GET {target}{docker}");
    if target.ends_with("/mgmt")
        && answer.status == 200
        && let Ok(body) = answer.json()
    {
        let mut keys = BTreeSet::new();
        shape("", &body, &mut keys);
        cx.tell(format!("{question}, what it names"), keys.into_iter().collect::<Vec<_>>().join(" "));
    }
    let token = answer.asks_for_token();
    // At `/v2/` a request for a token is the answer; elsewhere it hides the answer.
    if token.is_none() || target == "/v2/" {
        cx.tell(question, words(cx, &answer));
    }
    token.map_or(Told::Answer, Told::Token)
}

/// Status, kind of body, challenge, and where it leads: what stays the same from day to day.
fn words(cx: &Cx, answer: &Answer) -> String {
    let mut text = answer.status.to_string();
    if !answer.body.is_empty() && !answer.media_type().is_empty() {
        text.push_str(&format!(" {}", answer.media_type()));
    }
    if let Some(scheme) = answer.header("www-authenticate").and_then(|challenge| challenge.split(' ').next()) {
        text.push_str(&format!(", asks for {}", scheme.to_ascii_lowercase()));
    }
    if let Some(location) = answer.header("location").and_then(|location| answer.url.join(location).ok()) {
        text.push_str(&format!(", leads to {}", place(cx, &location)));
    }
    text
}

/// An address without what is new each time, and without the addresses of this registry and its provider, so that snapshots
/// of two places can be compared.
fn place(cx: &Cx, url: &Url) -> String {
    const STEADY: [&str; 6] =
        ["client_id", "redirect_uri", "scope", "response_type", "response_mode", "code_challenge_method"];
    let own = cx.origin();
    let issuer = cx.scenario().oidc.as_ref().and_then(|oidc| Url::parse(&oidc.issuer).ok());
    let (from, path) = (Origin::of(url), url.path());
    let mut text = if own.owns(url) {
        path.to_owned()
    } else if issuer.is_some_and(|issuer| Origin::of(&issuer).owns(url)) {
        format!("the provider's {path}")
    } else {
        format!("{from}{path}")
    };
    let own = own.to_string();
    let steady = url.query_pairs().filter(|(name, _)| STEADY.contains(&name.as_ref()));
    let steady: BTreeSet<String> = steady.map(|(name, value)| format!(" {name}={}", value.replace(&own, ""))).collect();
    text.extend(steady);
    text
}

/// The names in a JSON object, without the values.
fn shape(path: &str, value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (name, value) in members {
                let inner = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                shape(&inner, value, into);
            }
        }
        _ => into.extend(Some(path.to_owned()).filter(|path| !path.is_empty())),
    }
}

async fn tags(cx: &Cx, whole_catalog: bool) -> Proof {
    let askers = matrix::askers(cx)?;
    let scenario = cx.scenario();
    // The scratch repository is regproof's own: runs come and go there.
    let scratch = scenario.repositories.scratch.as_deref();
    let declared = scenario.repositories.public.iter().chain(&scenario.repositories.private);
    let mut repositories: BTreeSet<String> = declared.cloned().collect();
    if whole_catalog {
        for asker in &askers {
            repositories.extend(catalog(cx, asker).await?);
        }
    }
    repositories.retain(|name| Some(name.as_str()) != scratch && !scenario.is_cached(name));
    let mut left = MOST_TAGS;
    for repository in &repositories {
        let mut last = None;
        for asker in &askers {
            let answer = list(asker.client(), repository).await;
            // A registry may hide from one what another one sees.
            let seen = answer.as_ref().is_ok_and(|names| !names.is_empty());
            last = Some((asker, answer));
            if seen {
                break;
            }
        }
        match last {
            Some((asker, Ok(names))) => heads(cx, asker.client(), repository, names, &mut left).await,
            Some((_, Err(reason))) => cx.note(format!("the tags of {repository} cannot be listed: {reason}")),
            None => {}
        }
    }
    Ok(())
}

/// The tags; none where the registry itself says that there is no such repository.
async fn list(client: &Client, repository: &str) -> Result<Vec<String>, String> {
    let probe = client.get(format!("/v2/{repository}/tags/list?n=1")).send().await;
    let probe = probe.map_err(|error| format!("{error:#}"))?;
    if probe.status == 404 && is_registry_error(&probe) {
        return Ok(vec![]);
    }
    listing::tags(client, repository, &WHY).await.map_err(|failure| failure.finding().actual)
}

/// HEAD, not GET: zot counts a GET of a manifest as a pull.
async fn heads(cx: &Cx, client: &Client, repository: &str, names: Vec<String>, left: &mut usize) {
    let whole = names.len() <= *left;
    let (count, most) = (names.len(), *left);
    let names: Vec<String> = names.into_iter().take(*left).collect();
    *left -= names.len();
    let digests: Vec<(String, Option<String>)> = futures::stream::iter(names)
        .map(|tag| async move {
            let target = format!("/v2/{repository}/manifests/{tag}");
            let answer = client.head(target).header("Accept", ACCEPT).send().await.ok();
            let digest = answer.filter(|answer| answer.status == 200);
            let digest = digest.and_then(|answer| answer.header("docker-content-digest").map(str::to_owned));
            (tag, digest.filter(|digest| transfer::is_digest(digest)))
        })
        .buffered(AT_ONCE)
        .collect()
        .await;
    // Only now, when nothing is waited for any more: what a deadline cuts off must not look whole. A name without a colon is the
    // list, one with a colon a tag.
    cx.tell(repository, if whole { super::WHOLE } else { "listed in part" });
    if !whole {
        cx.note(format!(
            "{repository} has {count} tags, of which {most} were read: a snapshot has at most {MOST_TAGS}"
        ));
    }
    for (tag, digest) in digests {
        cx.tell(format!("{repository}:{tag}"), digest.unwrap_or_default());
    }
}

async fn catalog(cx: &Cx, asker: &matrix::Asker) -> anyhow::Result<BTreeSet<String>> {
    let target = format!("/v2/_catalog?n={MOST_REPOSITORIES}");
    let answer = asker.client().get(target).limit(1 << 20).send().await?;
    let listed = answer.json().ok().and_then(|body| body.get("repositories")?.as_array().cloned());
    let Some(listed) = listed.filter(|_| answer.status == 200) else {
        cx.note(format!("the catalog is not shown to {}: {}", asker.name, answer.brief()));
        return Ok(BTreeSet::new());
    };
    if listed.len() > MOST_REPOSITORIES || answer.header("link").is_some() {
        cx.note(format!("the catalog has more than the {MOST_REPOSITORIES} repositories that were read"));
    }
    let names = listed.iter().filter_map(Value::as_str).filter(|name| is_repository_name(name));
    Ok(names.take(MOST_REPOSITORIES).map(str::to_owned).collect())
}
