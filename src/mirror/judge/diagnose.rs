//! Why an image does not come from the registry, one cause for each mistake that was seen.

use std::collections::BTreeMap;

use super::{From, Outcome, edits, is_ours};
use crate::mirror::finding::{Finding, Level};
use crate::mirror::model::{ClientConfig, Endpoint, Family, Kind, Names, Route, Scheme, Upstream, Version, WayOut};
use crate::mirror::names::{Fate, Registry, name_in};
use crate::mirror::pull::{Answer, Role, Stage, Step};

/// What is asked about one image.
struct Case<'a> {
    config: &'a ClientConfig,
    registry: &'a Registry<'a>,
    texts: &'a BTreeMap<String, String>,
    outcome: &'a Outcome,
    /// The first endpoint that is the registry.
    endpoint: &'a Endpoint,
    /// Its first request of the tag, or else of anything.
    step: Option<&'a Step>,
    /// Another image of the same upstream is served.
    others: bool,
}

/// Why this image does not come from the registry.
pub(super) fn diagnose(
    config: &ClientConfig,
    registry: &Registry<'_>,
    texts: &BTreeMap<String, String>,
    outcome: &Outcome,
    others: bool,
) -> Option<Finding> {
    let route = config.route(&outcome.reference.host, &outcome.reference.repository)?;
    let server = match &route.way_out {
        WayOut::To(server) => Some(&**server),
        _ => None,
    };
    let endpoint = route.endpoints.iter().chain(server).find(|endpoint| registry.is_at(&endpoint.host))?;
    let ours = |step: &&Step| is_ours(registry, &outcome.hosts, step.request.role);
    let steps = || outcome.pull.steps.iter().filter(ours);
    let step = steps().find(|step| step.request.stage == Stage::Tag).or_else(|| steps().next());
    let case = Case { config, registry, texts, outcome, endpoint, step, others };
    Some(case.finding())
}

impl Case<'_> {
    fn finding(&self) -> Finding {
        if self.outcome.wrong.is_some() && self.outcome.from(self.registry) == From::WrongUpstream {
            return self.wrong_upstream();
        }
        if !self.registry.speaks(self.endpoint.scheme, &self.endpoint.host) {
            return self.scheme();
        }
        if self.outcome.from(self.registry) == From::TagFromInternet || self.step.is_none() {
            return self.tags_elsewhere();
        }
        let answer = self.step.map(|step| &step.answer);
        if answer == Some(&Answer::Basic) {
            let docker = self.step.is_some_and(|step| step.request.stage == Stage::Ping);
            return if docker && self.config.client.kind == Kind::DockerdClassic {
                self.docker_ping()
            } else {
                self.needs_credentials()
            };
        }
        self.name()
    }

    fn failure(&self, code: &'static str) -> Finding {
        Finding::new(code, Level::Failure, &self.endpoint.file, self.endpoint.place).what(self.what())
    }

    /// What happens, in one line.
    fn what(&self) -> String {
        let name = self.outcome.reference.name();
        let client = self.config.client.kind.word();
        match self.outcome.from(self.registry) {
            From::Nowhere => format!("{client} fails every pull of {name}"),
            From::TagFromInternet => {
                format!("the tag of {name} goes to the internet in silence, the rest to the mirror")
            }
            _ => format!("{name} goes to the internet in silence: {client} asks {}", self.outcome.last_host()),
        }
    }

    /// What was asked, shown.
    fn asked(&self) -> String {
        self.step.map_or_else(
            || "nothing".to_owned(),
            |step| {
                let path = step.request.path.split("/manifests/").next().unwrap_or_default();
                format!("{} {path}", step.request.method)
            },
        )
    }

    /// The prefix that this client must write.
    fn prefix(&self) -> Option<String> {
        let after = if self.config.client.kind.family() == Family::Docker { "v2" } else { "" };
        let host = &self.outcome.reference.host;
        let plain = self.registry.prefix(host, "").filter(|prefix| prefix.is_empty());
        plain.or_else(|| self.registry.prefix(host, after))
    }

    fn fixed(&self, finding: Finding) -> Finding {
        let Some(prefix) = self.prefix() else {
            let docker = self.config.client.kind == Kind::DockerdClassic;
            return if docker { self.without_path(finding) } else { finding };
        };
        self.with(finding, &prefix)
    }

    fn with(&self, finding: Finding, prefix: &str) -> Finding {
        let change = edits::Change { config: self.config, registry: self.registry, texts: self.texts };
        let edits = change.endpoint(&self.outcome.reference, self.endpoint, prefix);
        let right = change.written(&self.outcome.reference, self.endpoint, prefix);
        finding.remedy(right).edits(edits)
    }

    /// dockerd's classic store puts `/v2/` behind the path: zot needs a rule for that, or dockerd the other store.
    fn without_path(&self, finding: Finding) -> Finding {
        let host = &self.outcome.reference.host;
        let own = self.registry.prefix(host, "").unwrap_or_else(|| host.clone());
        let destination = if own.is_empty() { host.clone() } else { own.clone() };
        let change = edits::Change { config: self.config, registry: self.registry, texts: self.texts };
        let remedy = format!(
            "use the containerd store with /etc/docker/certs.d/{host}/hosts.toml, or (dockerd 25 or newer) give zot the content rule \
             {{\"prefix\": \"**\", \"destination\": \"/{destination}/v2\"}} before the other and write URL/v2/{destination}"
        );
        // Only newer versions have that store.
        let old = self.config.client.version.is_some_and(|version| version < Version(29, 0, 0));
        let edits = if old { vec![] } else { change.docker_store(self.endpoint, host, &own) };
        finding.remedy(remedy).edits(edits)
    }

    /// The name is none that zot has.
    fn name(&self) -> Finding {
        let path = self.step.map_or("", |step| step.request.path.as_str());
        let (host, repository) = (&self.outcome.reference.host, &self.outcome.reference.repository);
        let asked = self.asked();
        if self.registry.config.is_some() && self.registry.local_name(host, repository).is_none() {
            return self.no_rule();
        }
        if name_in(path).is_none() && self.endpoint.override_path {
            return self.fixed(
                self.failure("mirror::no_v2")
                    .why(format!("it asks {asked}: with override_path the path takes the place of /v2")),
            );
        }
        if name_in(path).is_none() {
            return self.fixed(
                self.failure("mirror::path_before_v2")
                    .why(format!("it asks {asked}: the path comes before /v2, where zot has nothing")),
            );
        }
        if path.starts_with("/v2/v2/") {
            return self.fixed(
                self.failure("mirror::double_v2").why(format!("it asks {asked}: the path comes behind /v2 here")),
            );
        }
        let before = path.split(repository.as_str()).next().unwrap_or_default();
        if before.len() > 4 && before.ends_with("/v2/") {
            let (code, why) = match self.config.client.kind {
                Kind::DockerdClassic | Kind::DockerdContainerd => {
                    ("mirror::docker_path", "dockerd appends /v2 to the mirror's path")
                }
                _ => ("mirror::no_override", "without override_path containerd appends /v2 again"),
            };
            return self.fixed(self.failure(code).why(format!("it asks {asked}: {why}")));
        }
        self.plain(&asked)
    }

    fn plain(&self, asked: &str) -> Finding {
        if self.others && matches!(self.endpoint.names, Names::Rewrites(_)) {
            let why = format!("it asks {asked}: the rewrite changes some names only");
            return self.fixed(self.failure("mirror::partial_rewrite").why(why));
        }
        let host = &self.outcome.reference.host;
        let why = match self.registry.prefix(host, "") {
            Some(prefix) if !prefix.is_empty() => format!("it asks {asked}, and zot keeps {host} below {prefix}/"),
            _ => format!("it asks {asked}, and zot has no such name"),
        };
        self.fixed(self.failure("mirror::no_path").why(why))
    }

    /// zot itself has no rule for this image under any name.
    fn no_rule(&self) -> Finding {
        let (host, repository) = (&self.outcome.reference.host, &self.outcome.reference.repository);
        let finding =
            self.failure("mirror::no_rule").why(format!("zot has no content rule for {repository} of {host}"));
        let finding = finding.remedy(format!(
            "add the registry of {host} with {{\"prefix\": \"**\", \"destination\": \"/{host}\"}} to zot's sync, or remove the mirror"
        ));
        let route = self.config.route(host, repository);
        let for_all = route.is_some_and(|route| matches!(route.upstream, Upstream::Every | Upstream::Domain(_)));
        if self.others || for_all { Finding { level: Level::Advice, ..finding } } else { finding }
    }

    fn wrong_upstream(&self) -> Finding {
        let (name, host) = (self.outcome.reference.name(), &self.outcome.reference.host);
        let wrong = self.outcome.wrong.clone().unwrap_or_default();
        let finding = self
            .failure("mirror::wrong_upstream")
            .what(format!("{name} is served with the image of {wrong} that has the same name"))
            .why(format!(
                "it asks {}, and zot does not read `ns`, by which clients tell {host} from {wrong}",
                self.asked()
            ));
        let change = edits::Change { config: self.config, registry: self.registry, texts: self.texts };
        let remedy = match self.registry.prefix(host, "") {
            Some(prefix) => {
                let right = change.written(&self.outcome.reference, self.endpoint, &prefix);
                format!("give each upstream a place: for {host} {right}")
            }
            None => format!("name upstreams one by one, so that {host} is not asked of this registry"),
        };
        finding.remedy(remedy).edits(change.one_by_one(self.endpoint))
    }

    fn scheme(&self) -> Finding {
        let (own, word) = match self.registry.address(&self.endpoint.host) {
            Some((Scheme::Http, _)) => ("plain HTTP", "http://"),
            _ => ("TLS", "https://"),
        };
        let remedy = match self.config.client.kind {
            Kind::BuildKit => "write `http = true` into the table of the mirror's host".to_owned(),
            kind if kind.family() == Family::Image => "write `insecure = true` beside the location".to_owned(),
            _ => format!("write {word}{}", self.endpoint.host),
        };
        let why = format!("the registry speaks {own}, and the file says otherwise");
        let finding = self.failure("mirror::scheme").why(why).remedy(remedy);
        let change = edits::Change { config: self.config, registry: self.registry, texts: self.texts };
        let prefix = self.prefix().unwrap_or_default();
        let edits = change.endpoint(&self.outcome.reference, self.endpoint, &prefix);
        finding.edits(edits)
    }

    fn tags_elsewhere(&self) -> Finding {
        let (code, why, remedy) = if self.config.client.kind.family() == Family::Image {
            let why = "the mirror is for digests only";
            ("mirror::tags_elsewhere", why, "remove mirror-by-digest-only and pull-from-mirror = \"digest-only\"")
        } else {
            let why = "tags are asked of hosts with the capabilities pull and resolve";
            ("mirror::tags_elsewhere", why, "write capabilities = [\"pull\", \"resolve\"]")
        };
        self.fixed(self.failure(code).why(why)).remedy(remedy)
    }

    fn docker_ping(&self) -> Finding {
        let finding = self.failure("mirror::docker_ping").why(
            "zot asks docker for credentials at /v2/, since anonymous and other policies are mixed: dockerd leaves it at once, \
             and sends it the password of Docker Hub when logged in there",
        );
        // With a path the ping goes along, to a place where zot asks for nothing.
        match self.registry.prefix(&self.outcome.reference.host, "v2") {
            Some(prefix) if self.config.client.since(Version(25, 0, 0)) => self.with(finding, &prefix),
            _ => self.without_path(finding),
        }
    }

    fn needs_credentials(&self) -> Finding {
        let prefix = self.prefix().unwrap_or_default();
        let host = &self.endpoint.host;
        let remedy = match self.config.client.kind {
            Kind::K3s | Kind::Rke2 => {
                format!("let anonymous clients read {prefix}/**, or write configs.\"{host}\".auth")
            }
            Kind::Skopeo | Kind::Podman | Kind::Buildah | Kind::CriO => {
                format!("let anonymous clients read {prefix}/**, or log in to {host}")
            }
            _ => format!("let anonymous clients read {prefix}/**, or give the host a `header` with credentials"),
        };
        self.failure("mirror::needs_credentials")
            .why("the registry answers 401, and this client sends no credentials to a mirror")
            .remedy(remedy)
    }
}

/// Advice about an endpoint.
pub(super) fn settings(
    config: &ClientConfig,
    texts: &BTreeMap<String, String>,
    registry: &Registry<'_>,
    route: &Route,
    endpoint: &Endpoint,
) -> Vec<Finding> {
    let new = |code| Finding::new(code, Level::Advice, &endpoint.file, endpoint.place);
    let mut findings = Vec::new();
    if endpoint.capabilities.push && route.file.ends_with("hosts.toml") {
        let change = edits::Change { config, registry, texts };
        findings.push(
            new("mirror::takes_pushes")
                .what(format!("a push to {} goes to the mirror", route.upstream))
                .why("a host without `capabilities` has all of them, push too")
                .remedy("write capabilities = [\"pull\", \"resolve\"]")
                .edits(change.capabilities(endpoint)),
        );
    }
    if registry.config.is_none() && endpoint.base.starts_with("/v2/") && endpoint.base.ends_with("/v2") {
        findings.push(
            new("mirror::no_override")
                .what(format!("the mirror is asked for {}/...", endpoint.base))
                .why("/v2 is appended to the path, which has it already")
                .remedy("write override_path = true where the registry has no names with v2 in them"),
        );
    }
    if endpoint.sends_authorization() {
        findings.push(
            new("mirror::header_key")
                .what("every request to the mirror has the credentials of this file")
                .why("zot answers 401 to a key that ended, also where anonymous clients may read: the mirror is off then")
                .remedy("let anonymous clients read the cache and remove the header, or renew the key in time"),
        );
    }
    if let Names::Rewrites(rewrites) = &endpoint.names
        && rewrites.len() > 1
    {
        findings.push(
            new("mirror::random_rewrite")
                .what("which rewrite counts is chance where two patterns match one name")
                .why("the first one that changes the name counts, and the order is random")
                .remedy("write one pattern, ^(.*)$"),
        );
    }
    findings
}

/// Advice about the way out.
pub(super) fn way_out(config: &ClientConfig, registry: &Registry<'_>, route: &Route) -> Option<Finding> {
    let hosts_toml = route.file.ends_with("hosts.toml") && !route.endpoints.is_empty();
    let new = |code| Finding::new(code, Level::Advice, &route.file, route.place);
    match &route.way_out {
        WayOut::Upstream if hosts_toml => Some(
            new("mirror::server_left_out")
                .what(format!("containerd still asks the upstream of {} when the mirror fails", route.upstream))
                .why("without `server` the upstream itself comes last")
                .remedy(
                    "to forbid it, name the mirror as `server` too, with override_path = true above the first table",
                ),
        ),
        WayOut::To(server) if hosts_toml && route.upstream == Upstream::Every && !registry.is_at(&server.host) => Some(
            Finding { level: Level::Failure, ..new("mirror::server_for_all") }
                .what(format!("images of every upstream are asked of {} when the mirror fails", server.host))
                .why("a `server` in _default is for all upstreams")
                .remedy("remove `server` here: each upstream then is its own"),
        ),
        WayOut::To(server) if server.host == "docker.io" && config.client.kind.family() == Family::Containerd => Some(
            new("mirror::server_no_registry")
                .what("when the mirror fails, containerd asks docker.io, which is no registry")
                .why("Docker Hub's registry is registry-1.docker.io")
                .remedy("write server = \"https://registry-1.docker.io\""),
        ),
        _ => None,
    }
}

/// What zot makes of the first request of a role, for the table.
pub(crate) fn fate_of(outcome: &Outcome, registry: &Registry<'_>, role: Role) -> Option<Fate> {
    let step = outcome.pull.steps.iter().find(|step| step.request.role == role && step.request.stage == Stage::Tag)?;
    Some(registry.fate(&step.request.path, step.request.sent, &outcome.reference))
}
