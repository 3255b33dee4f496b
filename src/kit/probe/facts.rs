//! What the placeholders of probes stand for on this registry, found by the reads that any client makes, and the clients.
//!
//! Decides no verdict. A fact that is not there carries its reason.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Expect, Principal, Probe};
use crate::check::context::Cx;
use crate::http::Client;
use crate::kit::transfer;
use crate::kit::transfer::Descriptor;
use crate::model::effect::Effect;
use crate::model::failure::{Failure, Why};
use crate::model::image::{Image, digest_of};
use crate::scenario::Action;

const WHY: Why<'static> = Why {
    claim: "identities that may read the scenario's repositories can read them",
    cause: "the repository has no tag, or the identity lost its rights",
    remedy: "first make `access::anonymous_can_pull` pass, and look at [repositories] and [identities]",
};

const OPEN: Why<'static> = Why {
    claim: "a private repository is closed to identities that may not read it",
    cause: "the running policy grants `read` there to more users than promised, by `defaultPolicy`, a group or a \
            shorter pattern; or a cache in front of the registry serves what it stored for another user",
    remedy: "compare accessControl for this repository with the promise; restart zot if the file is right; look at the \
             proxy's caches",
};

const LOGIN: Why<'static> = Why {
    claim: "the credentials that are tried without the right are valid",
    cause: "the API key has expired or was revoked, or the user has another name",
    remedy: "renew the key, and look at `keys::expires_in_time` and `publish::api_key_can_push`",
};

/// Placeholders and what they stand for, or why they stand for nothing here.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    known: BTreeMap<&'static str, Result<String, String>>,
    outsider: Option<String>,
    /// Where the registry asks for tokens of, if it does.
    pub(crate) tokens: Option<String>,
    /// Where `{public}` is the scratch repository, that one: clients may write there.
    scratch: Option<String>,
    clients: Mutex<BTreeMap<Principal, Client>>,
}

impl Clone for Facts {
    /// The clients of one place are not those of another.
    fn clone(&self) -> Facts {
        let (known, outsider, tokens) = (self.known.clone(), self.outsider.clone(), self.tokens.clone());
        Facts { known, outsider, tokens, scratch: self.scratch.clone(), clients: Mutex::default() }
    }
}

impl Facts {
    /// Looks at the registry, for what these probes name.
    pub(crate) async fn of(cx: &Cx, probes: &[Probe]) -> Result<Facts, Failure> {
        let texts = |probe: &Probe| {
            let headers = probe.shape.headers.iter().map(|(_, value)| *value);
            headers.chain([probe.shape.target]).collect::<String>()
        };
        let named = |names: &[&str]| probes.iter().any(|probe| names.iter().any(|name| texts(probe).contains(name)));
        let outsider = probes.iter().any(|probe| probe.who == Principal::Outsider || probe.expect == Expect::Unnamed);
        let mut facts = Facts::default();
        facts.fixed(cx);
        facts.identity(cx);
        if named(&["{public}", "{tag}", "{digest}"]) {
            facts.public(cx).await?;
        }
        // Only a family with a probe of somebody who is kept out says anything about that one.
        let keeps_out = probes.iter().any(|probe| probe.who == Principal::Outsider);
        let canary = named(&["{canary"]);
        if canary {
            facts.canary(cx, keeps_out).await?;
        }
        if outsider && !canary || named(&["{private"]) {
            facts.private(cx, keeps_out).await?;
        }
        Ok(facts)
    }

    fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.known.insert(name, Ok(value.into()));
    }

    fn lack(&mut self, names: &[&'static str], reason: &str) {
        for name in names {
            self.known.insert(name, Err(reason.to_owned()));
        }
    }

    /// The same, where the scratch repository stands for the public one: with an upload that is open, and a manifest that is
    /// there. Which tag is meant depends on the request.
    pub(crate) fn in_scratch(&mut self, scratch: &str, session: Option<&str>, digest: &str) {
        self.scratch = Some(scratch.to_owned());
        self.set("public", scratch);
        self.known.remove("tag");
        self.set("random", digest.trim_start_matches("sha256:"));
        if let Some(session) = session {
            self.set("uuid", session);
        }
    }

    fn fixed(&mut self, cx: &Cx) {
        let scenario = cx.scenario();
        let url = &scenario.registry.url;
        let host = url.host_str().unwrap_or_default();
        self.set("host", url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")));
        self.set("origin", cx.target().origin().to_string());
        self.set("uuid", uuid::Uuid::new_v4().to_string());
        let random = format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
        self.set("random", random);
        self.set("long", "a".repeat(8 << 10));
        self.set("metrics", scenario.metrics.as_ref().map_or("/metrics", |metrics| metrics.path.as_str()));
        match &scenario.oidc {
            Some(oidc) => self.set("provider", &oidc.provider),
            None => self.lack(&["provider"], "there is no [oidc]"),
        }
        match &scenario.repositories.scratch {
            Some(scratch) => self.set("scratch", scratch),
            None => self.lack(&["scratch"], "no scratch repository is declared"),
        }
    }

    /// An identity whose credentials probes bend; where there is another, its name is what they pretend to be.
    fn identity(&mut self, cx: &Cx) {
        let scenario = cx.scenario();
        let name = scenario.anybody();
        let credential = name.and_then(|name| cx.identity(name).ok()?.credential().cloned());
        let Some(credential) = credential else {
            self.lack(&["user", "key", "basic", "basic_no_colon", "other_user"], "the scenario has no identity");
            return;
        };
        let encode = |text: String| STANDARD.encode(text);
        self.set("basic", encode(format!("{}:{}", credential.username, credential.secret.expose())));
        self.set("basic_no_colon", encode(credential.username.clone()));
        self.set("key", credential.secret.expose());
        let remover = scenario.remover().and_then(|name| scenario.identities.get(name));
        let other = remover.filter(|other| other.username != credential.username);
        self.set("other_user", other.map_or("admin", |other| other.username.as_str()));
        self.set("user", credential.username);
    }

    async fn public(&mut self, cx: &Cx) -> Result<(), Failure> {
        let Some(repository) = cx.scenario().repositories.public.first() else {
            self.lack(&["public", "tag", "digest", "tag_encoded"], "no public repository is declared");
            return Ok(());
        };
        let client = cx.reader(repository)?;
        let tag = transfer::some_tag(&client, repository, &WHY).await.map_err(Failure::into_control)?;
        let manifest = transfer::manifest(&client, repository, &tag, &WHY).await.map_err(Failure::into_control)?;
        self.set("public", repository);
        self.set("digest", manifest.digest);
        self.set("tag_encoded", encoded(&tag));
        self.set("tag", tag);
        Ok(())
    }

    /// The private canary, read by an identity that may: without that, a refusal of others proves nothing.
    async fn private(&mut self, cx: &Cx, keeps_out: bool) -> Result<(), Failure> {
        const NAMES: [&str; 7] = [
            "private",
            "private_tag",
            "private_digest",
            "private_blob",
            "private_encoded",
            "private_slash",
            "private_part",
        ];
        let scenario = cx.scenario();
        let Some(repository) = scenario.repositories.private.first() else {
            self.lack(&NAMES, "no private repository is declared");
            return Ok(());
        };
        let readers = self.readers(cx, repository, keeps_out).await?;
        let Some(name) = readers.first() else {
            self.lack(&NAMES, "no identity of the scenario can read the private repository");
            return Ok(());
        };
        let client = cx.identity(name)?;
        let tag = transfer::some_tag(&client, repository, &WHY).await.map_err(Failure::into_control)?;
        let manifest = transfer::manifest(&client, repository, &tag, &WHY).await.map_err(Failure::into_control)?;
        // An image of several platforms is an index: its layers are those of an image below it.
        let image =
            transfer::image_of(&client, repository, manifest.clone(), &WHY).await.map_err(Failure::into_control)?;
        match image.content.layers.last().or(image.content.config.as_ref()) {
            Some(blob) => self.set("private_blob", &blob.digest),
            None => self.lack(&["private_blob"], "the private repository's tag leads to no image with a layer"),
        }
        self.set("private", repository);
        self.set("private_encoded", encoded(repository));
        self.set("private_slash", repository.replace('/', "%2F"));
        self.set("private_part", repository.rsplit('/').next().unwrap_or(repository));
        self.set("private_tag", tag);
        self.set("private_digest", manifest.digest);
        Ok(())
    }

    /// Who can read a private repository; the first who cannot is the outsider.
    async fn readers(&mut self, cx: &Cx, repository: &str, keeps_out: bool) -> Result<Vec<String>, Failure> {
        let (scenario, mut readers) = (cx.scenario(), Vec::new());
        for name in scenario.identities.keys() {
            let client = cx.identity(name)?;
            let answer = client.get(format!("/v2/{repository}/tags/list")).send().await?;
            match answer.status {
                // Taken for somebody who may, it would leave nobody to be kept out.
                200 if keeps_out && scenario.promise(Some(name), repository, Action::Read) == Some(false) => {
                    let expected = format!("a refusal of {name}, who may not read {repository}");
                    return Err(OPEN.fail(expected, answer.brief(), answer.index));
                }
                200 => readers.push(name.clone()),
                401 | 403 => {
                    let refused = keeps_out && answer.status == 401;
                    if refused && client.get("/v2/").send().await?.status != 200 {
                        let what = format!("{}: these credentials do not work", answer.brief());
                        return Err(WHY.undecided(format_args!("a login of {name}"), what, answer.index));
                    }
                    let creates = scenario.promised(Some(name)).contains(&Action::Create);
                    if self.outsider.is_none() || creates {
                        self.outsider = Some(name.clone());
                    }
                }
                _ => return Err(WHY.undecided("200, 401 or 403", answer.brief(), answer.index)),
            }
        }
        Ok(readers)
    }

    /// A canary of our own: an image that nobody has, in the private scratch repository.
    async fn canary(&mut self, cx: &Cx, keeps_out: bool) -> Result<(), Failure> {
        const NAMES: [&str; 3] = ["canary", "canary_digest", "canary_blob"];
        let scenario = cx.scenario();
        let Some(repository) = &scenario.repositories.private_scratch else {
            self.lack(&NAMES, "no private scratch repository is declared");
            return Ok(());
        };
        let Some(name) = scenario.one_who_may(Action::Create, repository) else {
            self.lack(&NAMES, "no identity may create in the private scratch repository");
            return Ok(());
        };
        if cx.effect() < Effect::Writes {
            self.lack(&NAMES, &format!("this run is allowed `{}`", cx.effect()));
            return Ok(());
        }
        // New in each run: what an earlier run found open may be open still.
        let (keeper, image) = (cx.keeper(name)?, Image::tiny(&format!("canary {}", cx.tag("layer"))));
        let pushed = transfer::push_image(cx, &keeper, repository, &cx.tag("canary"), &image, &WHY).await;
        pushed.map_err(Failure::into_control)?;
        let layer = Descriptor::of(digest_of(&image.layer), image.layer.len() as u64);
        let reader = cx.reads_back(Some(name), repository)?;
        transfer::blob(cx, &reader, repository, &layer, &WHY).await.map_err(Failure::into_control)?;
        let answer = cx.anonymous()?.get(format!("/v2/{repository}/blobs/{}", layer.digest)).send().await?;
        if answer.status == 200 {
            let expected = format!("a refusal of anonymous clients, who may not read {repository}");
            return Err(OPEN.fail(expected, answer.brief(), answer.index));
        }
        self.readers(cx, repository, keeps_out).await?;
        self.set("canary", repository);
        self.set("canary_digest", image.digest());
        self.set("canary_blob", layer.digest);
        Ok(())
    }

    /// Fills placeholders in; the error is the reason why one has no value.
    pub(crate) fn fill(&self, template: &str) -> Result<String, String> {
        let mut text = template.to_owned();
        for (name, value) in &self.known {
            let placeholder = format!("{{{name}}}");
            if text.contains(&placeholder) {
                text = text.replace(&placeholder, value.as_ref().map_err(Clone::clone)?);
            }
        }
        Ok(text)
    }

    /// Names that nobody without rights may see.
    pub(crate) fn secret_names<'a>(&self, cx: &'a Cx) -> &'a [String] {
        &cx.scenario().repositories.private
    }

    /// The client that asks, or why there is none.
    pub(crate) fn client(&self, cx: &Cx, who: Principal) -> Result<Client, String> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&who) {
            return Ok(client.clone());
        }
        let client = self.connect(cx, who)?;
        clients.insert(who, client.clone());
        Ok(client)
    }

    fn connect(&self, cx: &Cx, who: Principal) -> Result<Client, String> {
        let client = match self.name(cx, who)? {
            None => cx.anonymous(),
            Some(name) => cx.identity(name),
        };
        let client = client.map_err(|error| format!("{error:#}"))?;
        Ok(if self.scratch.is_some() { cx.trier(&client) } else { client })
    }

    /// The identity that asks, or nobody; the error says why there is none.
    pub(crate) fn name<'a>(&'a self, cx: &'a Cx, who: Principal) -> Result<Option<&'a str>, String> {
        let name = match who {
            Principal::Anonymous => return Ok(None),
            Principal::Creator if self.scratch.is_some() => cx.scenario().creator(),
            Principal::Creator => cx.scenario().probing_creator(),
            Principal::Reader => match &self.scratch {
                Some(scratch) => cx.scenario().kept_from_creating(scratch),
                None => cx.scenario().probing_reader(),
            },
            Principal::Outsider => self.outsider.as_deref(),
        };
        name.map(Some).ok_or_else(|| format!("the scenario does not have {who}"))
    }

    /// That the credentials which probes use, or bend, are good: those of a dead key are refused everywhere.
    pub(crate) async fn logins(&self, cx: &Cx, probes: &[Probe]) -> Result<(), Failure> {
        let bends = |probe: &Probe| {
            let headers = probe.shape.headers.iter().map(|(_, value)| *value);
            headers
                .chain([probe.shape.target])
                .any(|text| ["{basic", "{key}", "{user}"].iter().any(|it| text.contains(it)))
        };
        let bent = cx.scenario().anybody().filter(|_| probes.iter().any(bends));
        let who = probes.iter().filter_map(|probe| self.name(cx, probe.who).ok().flatten());
        for name in who.chain(bent).collect::<BTreeSet<_>>() {
            let answer = cx.identity(name)?.get("/v2/").send().await?;
            if answer.status != 200 {
                return Err(LOGIN.undecided(format_args!("a login of {name}"), answer.brief(), answer.index));
            }
        }
        Ok(())
    }
}

/// The same text with its first character percent-encoded.
fn encoded(text: &str) -> String {
    let first = text.bytes().next().map(|byte| format!("%{byte:02X}")).unwrap_or_default();
    format!("{first}{}", text.get(1..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::{Setting, Weakness, config};

    const LISTINGS: &str = "bypass::listings_hide_private_repositories";

    #[test]
    fn placeholders_are_filled_and_a_missing_one_says_why() {
        let mut facts = Facts::default();
        facts.set("public", "team/app");
        facts.lack(&["private"], "no private repository is declared");
        assert_eq!(facts.fill("/v2/{public}/tags/list?{other}").unwrap(), "/v2/team/app/tags/list?{other}");
        assert_eq!(facts.fill("/v2/{private}/x").unwrap_err(), "no private repository is declared");
        assert_eq!(encoded("latest"), "%6Catest");
    }

    #[tokio::test]
    async fn fails_where_who_is_to_be_kept_out_is_let_in() {
        let open = Some(Weakness::PrivatePatternMistyped);
        let outcome = config::run(LISTINGS, open, |_| {}).await;
        let finding = outcome.finding.expect("it is no proof");
        assert_eq!(outcome.verdict.word(), "fail", "{finding:?}");
        assert!(finding.expected.contains("who may not read"), "{finding:?}");
    }

    #[tokio::test]
    async fn undecided_where_the_credentials_that_are_bent_are_dead() {
        let id = "bypass::malformed_authorization_is_refused";
        let change = |text: String| text.replace("username = \"zot-ci\"", "username = \"nobody-any-more\"");
        let outcome = Setting { id, weaknesses: &[], change }.run(None, false).await;
        let finding = outcome.finding.expect("it is no proof");
        assert_eq!((outcome.verdict.word(), finding.expected.as_str()), ("error", "a login of ci"), "{finding:?}");
    }

    #[tokio::test]
    async fn undecided_with_credentials_that_no_longer_work() {
        let change = |text: String| text.replace("username = \"guest\"", "username = \"nobody-any-more\"");
        let outcome = Setting { id: LISTINGS, weaknesses: &[], change }.run(None, false).await;
        let finding = outcome.finding.expect("it is no proof");
        assert_eq!(outcome.verdict.word(), "error", "{finding:?}");
        assert!(finding.expected.contains("a login of"), "{finding:?}");
    }
}
