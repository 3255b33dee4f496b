//! Who may do what, as the operator promises it: by the deployed configuration where the scenario names one, else by
//! `[access]`.
//!
//! Decides about promises only; what the registry really does is for a check to ask.

use std::collections::BTreeSet;

use super::{Action, Identity, Scenario};
use crate::zot::config::Config;
use crate::zot::lint::Beside;
use crate::zot::policy::{Decision, Login, Who, decide};
use crate::zot::policy::{METRICS_ANONYMOUS_POLICY, metrics_decision};
use crate::zot::release::Release;

/// The last release before the metrics had a policy.
pub(super) const OLD: Release = Release { patch: METRICS_ANONYMOUS_POLICY.patch - 1, ..METRICS_ANONYMOUS_POLICY };

/// What is promised about one client, one repository and one action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Promise {
    /// Yes or no; nothing where it is not said, or cannot be known beforehand.
    pub(crate) allowed: Option<bool>,
    /// Which words say so, with their place.
    pub(crate) grounds: String,
    /// Whether the configuration leaves the answer to chance.
    pub(crate) random: bool,
}

impl Scenario {
    /// What the operator promises that a client may do where checks write, or read: nobody's rights for `None`, an
    /// identity's otherwise.
    #[must_use]
    pub fn promised(&self, identity: Option<&str>) -> BTreeSet<Action> {
        self.rights(identity, self.anywhere())
    }

    /// What the operator promises that a client may do in one repository.
    #[must_use]
    pub fn rights(&self, identity: Option<&str>, repository: &str) -> BTreeSet<Action> {
        Action::ALL.into_iter().filter(|action| self.promise(identity, repository, *action) == Some(true)).collect()
    }

    /// Whether the operator promises that a client may do this there; nothing where it is not said, or depends on what
    /// cannot be known beforehand.
    #[must_use]
    pub fn promise(&self, identity: Option<&str>, repository: &str, action: Action) -> Option<bool> {
        self.promise_with_grounds(identity, repository, action).allowed
    }

    /// The same, with the words that say so.
    pub(crate) fn promise_with_grounds(&self, identity: Option<&str>, repository: &str, action: Action) -> Promise {
        let known = identity.and_then(|name| self.identities.get(name));
        let promise = |allowed, grounds| Promise { allowed, grounds, random: false };
        if let Some(config) = &self.config {
            let file = &config.file;
            return match decide(config, &who(known), repository, action.into()) {
                Decision::Allowed(rule) => promise(Some(true), format!("{} ({file}:{})", rule.what, rule.place)),
                Decision::Denied(why) => promise(Some(false), format!("{why} ({file})")),
                Decision::Condition(on) => promise(None, format!("it depends on {on} ({file})")),
                Decision::Random(patterns) => {
                    let grounds = format!(
                        "the patterns {} have equal length, and zot takes one by chance ({file})",
                        list(&patterns)
                    );
                    Promise { random: true, ..promise(None, grounds) }
                }
            };
        }
        match &self.access {
            Some(access) => {
                let said = access.promise(self, known, repository, action);
                // What is said in short is said of the repositories that the scenario names: no other is promised to be open.
                let covered = access.pattern_of(repository).is_some();
                let said = said.filter(|may| !may || covered || self.is_named(repository));
                promise(said, access.grounds(repository))
            }
            None => promise(None, "nothing is promised".to_owned()),
        }
    }

    /// What a user who logs in with these groups is promised, where checks write.
    pub(crate) fn promised_by_groups(&self, name: &str, groups: &BTreeSet<String>) -> BTreeSet<Action> {
        let may = |action: &Action| self.promise_by_groups(name, groups, self.anywhere(), *action) == Some(true);
        Action::ALL.into_iter().filter(may).collect()
    }

    /// Whether a user who logs in with these groups is promised to do this there; nothing where it is not said.
    pub(crate) fn promise_by_groups(
        &self,
        name: &str,
        groups: &BTreeSet<String>,
        repository: &str,
        action: Action,
    ) -> Option<bool> {
        if let Some(config) = &self.config {
            let who = Who { name: name.to_owned(), groups: groups.iter().cloned().collect(), login: Login::OpenId };
            return match decide(config, &who, repository, action.into()) {
                Decision::Allowed(_) => Some(true),
                Decision::Denied(_) => Some(false),
                Decision::Condition(_) | Decision::Random(_) => None,
            };
        }
        let access = self.access.as_ref()?;
        let grants = access.pattern_of(repository).map_or(&access.short, |(_, grants)| grants);
        Some(grants.allow(Some((name, groups)), action))
    }

    /// Whether the scenario says that anonymous clients must not read it.
    pub(super) fn is_private(&self, repository: &str) -> bool {
        self.repositories.private.iter().chain(&self.repositories.private_scratch).any(|name| name == repository)
    }

    fn is_named(&self, repository: &str) -> bool {
        self.repositories.public.iter().any(|name| name == repository)
            || self.is_private(repository)
            || repository == self.anywhere()
            || self.is_cached(repository)
    }

    /// Whether a repository is filled from an upstream.
    pub(crate) fn is_cached(&self, repository: &str) -> bool {
        let named = |image: &str| image.rsplit_once(':').is_some_and(|(name, _)| name == repository);
        self.cache.iter().any(|cache| named(&cache.image) || cache.cold.as_deref().is_some_and(named))
            || self.config.as_ref().is_some_and(|config| {
                let namespaces = config.extensions.cache_namespaces();
                namespaces.iter().any(|namespace| crate::zot::glob::matches(&namespace.pattern, repository))
            })
    }

    /// What lints of the zot configuration compare with it.
    #[must_use]
    pub fn beside(&self) -> Beside {
        let declared = &self.repositories;
        let scratch = declared.scratch.iter().chain(&declared.private_scratch);
        let own = scratch.chain(&declared.public).chain(&declared.private);
        // An image that is meant to come from an upstream is not the operator's own.
        let cached = |name: &String| {
            self.cache.iter().any(|cache| cache.image.rsplit_once(':').is_some_and(|(image, _)| image == name))
        };
        let said = |(name, identity): (&String, &Identity)| {
            identity.groups.iter().map(|group| (name.clone(), group.clone())).collect::<Vec<_>>()
        };
        Beside {
            repositories: own.filter(|name| !cached(name)).cloned().collect(),
            groups: self.identities.iter().flat_map(said).collect(),
            tags: self.promised_tags(),
        }
    }

    /// Repositories whose tags somebody relies upon: images of caches by their tag, public and private ones by all that they have.
    fn promised_tags(&self) -> Vec<(String, Option<String>)> {
        let cached = self.cache.iter().filter_map(|cache| cache.image.rsplit_once(':'));
        let cached = cached.map(|(name, tag)| (name.to_owned(), Some(tag.to_owned())));
        let declared = self.repositories.public.iter().chain(&self.repositories.private);
        cached.chain(declared.map(|name| (name.clone(), None))).collect()
    }

    /// Whether the registry takes the scenario's certificate for a user (zot `http.tls.cacert`), so that it is a credential.
    pub(crate) fn certificate_is_a_user(&self) -> bool {
        self.registry.client_cert.is_some() && self.config.as_ref().is_some_and(|config| config.mutual_tls())
    }

    /// Why a client program cannot get through, if it is not given the certificate. Those of containers/image read a folder of
    /// certificates (containers-certs.d(5)).
    pub(crate) fn without_certificate(&self, program: &str) -> Option<String> {
        let given = !self.needs_certificate() || matches!(program, "skopeo" | "buildah" | "podman");
        (!given).then(|| format!("{program} is not given the certificate of [registry] client_cert"))
    }

    /// Whether every client needs the certificate to get through.
    pub(crate) fn needs_certificate(&self) -> bool {
        self.registry.client_cert.is_some() && !self.certificate_is_a_user()
    }

    /// Whether anything is promised about who may do what.
    #[must_use]
    pub fn has_policy(&self) -> bool {
        self.access.is_some() || self.config.is_some()
    }

    /// All identities, the one with the fewest rights first: over the repository where checks write, then over all that the
    /// scenario names, then by name. Who may do more proves less about those who may do less.
    #[must_use]
    pub fn by_rights(&self) -> Vec<&str> {
        // A right that depends on a condition is not one that is missing.
        let may = |name: &str, repository: &str| {
            let open = |action: &&Action| self.promise(Some(name), repository, **action) != Some(false);
            Action::ALL.iter().filter(open).count()
        };
        let declared = &self.repositories;
        let named = || declared.public.iter().chain(&declared.private);
        let mut names: Vec<&str> = self.identities.keys().map(String::as_str).collect();
        // Stable, and the map is sorted by name.
        names.sort_by_cached_key(|name| {
            (may(name, self.anywhere()), named().map(|repository| may(name, repository)).sum::<usize>())
        });
        names
    }

    /// The identity with the fewest rights whose promised rights satisfy `wanted`.
    #[must_use]
    pub fn identity_with(&self, wanted: impl Fn(&BTreeSet<Action>) -> bool) -> Option<&str> {
        self.identities_with(wanted).into_iter().next()
    }

    fn identities_with(&self, wanted: impl Fn(&BTreeSet<Action>) -> bool) -> Vec<&str> {
        if !self.has_policy() {
            return vec![];
        }
        self.by_rights().into_iter().filter(|name| wanted(&self.promised(Some(name)))).collect()
    }

    /// The identity that pushes where one is enough: of those that may create, the one with the fewest rights.
    #[must_use]
    pub fn writer(&self) -> Option<&str> {
        self.creator().or_else(|| self.writers().into_iter().next())
    }

    /// All identities that are promised to create where checks write, the one with the fewest rights first.
    #[must_use]
    pub fn writers(&self) -> Vec<&str> {
        self.identities_with(|rights| rights.contains(&Action::Create))
    }

    /// The identity that may create, but neither move nor delete a tag; of several, the one with the fewest rights.
    #[must_use]
    pub fn creator(&self) -> Option<&str> {
        self.creators().into_iter().next()
    }

    /// All identities that may create, but neither move nor delete a tag.
    #[must_use]
    pub fn creators(&self) -> Vec<&str> {
        self.creators_in(self.anywhere())
    }

    fn creators_in(&self, repository: &str) -> Vec<&str> {
        // A right that depends on a condition is not one that is missing.
        let says = |name: &str, action, expected| self.promise(Some(name), repository, action) == Some(expected);
        let creates = |name: &&str| {
            says(name, Action::Create, true) && says(name, Action::Update, false) && says(name, Action::Delete, false)
        };
        self.by_rights().into_iter().filter(creates).collect()
    }

    /// What it depends on, of the first identity of which it is not certain, whether it may create where checks write.
    pub(crate) fn uncertain_writer(&self) -> Option<String> {
        self.config.as_ref()?;
        self.identities.keys().find_map(|name| {
            let promise = self.promise_with_grounds(Some(name), self.anywhere(), Action::Create);
            promise.allowed.is_none().then(|| format!("of `{name}` {}", promise.grounds))
        })
    }

    /// The creator of the public repository, where probes ask; else of the scratch repository.
    pub(crate) fn probing_creator(&self) -> Option<&str> {
        self.creators_in(self.seen_by_all()).into_iter().next().or_else(|| self.creator())
    }

    /// An identity that may not create in the public repository, where probes ask.
    pub(crate) fn probing_reader(&self) -> Option<&str> {
        self.kept_from_creating(self.seen_by_all())
    }

    /// An identity that may not create in this repository.
    pub(crate) fn kept_from_creating(&self, repository: &str) -> Option<&str> {
        let kept = |name: &&str| self.promise(Some(name), repository, Action::Create) == Some(false);
        self.by_rights().into_iter().find(kept)
    }

    /// The identity that may delete; of several, the one with the fewest rights.
    #[must_use]
    pub fn remover(&self) -> Option<&str> {
        self.identity_with(|rights| rights.contains(&Action::Delete))
    }

    /// Whether an identity may scrape where not everyone may; nothing where it is not said.
    pub(crate) fn may_scrape(&self, name: &str) -> Option<bool> {
        if self.metrics.as_ref()?.reader.as_deref() == Some(name) {
            return Some(true);
        }
        scrapes(self.config.as_ref()?, self.identities.get(name)?)
    }

    /// Whether the configuration lets nobody scrape at all.
    pub(crate) fn nobody_scrapes(&self) -> bool {
        let closed = self.metrics.as_ref().is_some_and(|metrics| !metrics.anonymous);
        closed
            && self
                .config
                .as_ref()
                .and_then(|config| config.access.as_ref())
                .is_some_and(|access| access.metrics.users.is_empty())
    }

    /// How long the registry holds back a refusal (zot `http.auth.failDelay`).
    pub(crate) fn fail_delay(&self) -> std::time::Duration {
        let seconds = self.config.as_ref().map_or(0, |config| config.auth.fail_delay_seconds());
        std::time::Duration::from_secs(seconds.into())
    }

    /// Who reads a repository: nobody in particular where anonymous clients may, else the identity with the fewest rights
    /// that may. Where no promise says who may, the identity with the fewest rights.
    pub(crate) fn reader(&self, repository: &str) -> Option<&str> {
        let may = |who: Option<&str>| self.promise(who, repository, Action::Read) == Some(true);
        let names = self.by_rights();
        if may(None) { None } else { names.iter().find(|name| may(Some(name))).or(names.first()).copied() }
    }

    /// A repository that anonymous clients may not read, and the identity with the fewest rights that may: there, and only
    /// there, a login shows that it works.
    pub(crate) fn behind_a_login(&self) -> Option<(&str, &str)> {
        let declared = &self.repositories;
        let closed = |name: &&String| self.promise(None, name, Action::Read) == Some(false);
        let reader = |repository: &str| {
            self.by_rights().into_iter().find(|who| self.promise(Some(who), repository, Action::Read) == Some(true))
        };
        let mut names = declared.private.iter().chain(&declared.public).filter(closed);
        names.find_map(|repository| Some((repository.as_str(), reader(repository)?)))
    }

    /// An identity that may do this in a repository; the one that does it in the scratch repository, if that one may.
    pub(crate) fn one_who_may(&self, action: Action, repository: &str) -> Option<&str> {
        let usual = if action == Action::Delete { self.remover() } else { self.writer() };
        let mut names = usual.into_iter().chain(self.by_rights());
        names.find(|name| self.promise(Some(name), repository, action) == Some(true))
    }

    /// Whose login is tried: the identity that pushes, else the one with the fewest rights.
    pub(crate) fn anybody(&self) -> Option<&str> {
        self.writer().or_else(|| self.by_rights().into_iter().next())
    }

    /// Who logs in to pull what is public: an identity that may read it, else anybody.
    pub(crate) fn puller(&self) -> Option<&str> {
        let public = self.repositories.public.first();
        public.and_then(|name| self.one_who_may(Action::Read, name)).or_else(|| self.anybody())
    }

    /// The repository that most may read.
    pub(crate) fn seen_by_all(&self) -> &str {
        self.repositories.public.first().map_or_else(|| self.anywhere(), String::as_str)
    }

    /// The repository that is meant where none is named.
    fn anywhere(&self) -> &str {
        let named = self.repositories.scratch.as_ref().or(self.repositories.public.first());
        named.map_or("regproof", String::as_str)
    }
}

/// An identity as zot knows it.
pub(crate) fn who(identity: Option<&Identity>) -> Who {
    identity.map_or_else(Who::anonymous, |identity| Who {
        name: identity.username.clone(),
        groups: identity.groups.iter().cloned().collect(),
        login: if identity.api_key { Login::Key } else { Login::Own },
    })
}

fn list(patterns: &[String]) -> String {
    patterns.iter().map(|pattern| format!("`{pattern}`")).collect::<Vec<_>>().join(" and ")
}

/// Whether the configuration lets an identity scrape; nothing where that depends on the release.
pub(super) fn scrapes(config: &Config, identity: &Identity) -> Option<bool> {
    let who = who(Some(identity));
    let may = |release| matches!(metrics_decision(config, release, &who), Decision::Allowed(_));
    (may(None) == may(Some(OLD))).then(|| may(None))
}

#[cfg(test)]
mod tests;
