//! The lines that put a file right, in the form that each client reads.

mod docker;

use std::collections::BTreeMap;

use crate::mirror::finding::Edit;
use crate::mirror::model::{ClientConfig, Endpoint, Kind, Names, Route, Scheme, Upstream, registry_of};
use crate::mirror::names::Registry;
use crate::mirror::reference::Reference;
use crate::mirror::source::{below, entry};
use crate::zot::format::{Format, parse_as};
use crate::zot::tree::Node;

/// What a change is made with.
pub(super) struct Change<'a> {
    pub(super) config: &'a ClientConfig,
    pub(super) registry: &'a Registry<'a>,
    pub(super) texts: &'a BTreeMap<String, String>,
}

/// The form of a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    HostsToml,
    ConfigToml,
    RegistriesYaml,
    DaemonJson,
    RegistriesConf,
    BuildkitdToml,
    Talos,
}

fn edit(file: &str, line: usize, gone: usize, new: Vec<String>) -> Edit {
    Edit { file: file.to_owned(), line, gone, new }
}

/// The route of another name of Docker Hub, under `docker.io`.
pub(super) fn renamed(texts: &BTreeMap<String, String>, route: &Route, name: &str) -> Vec<Edit> {
    let Some(text) = texts.get(&route.file) else { return Vec::new() };
    if let Some(folder) = route.file.strip_suffix(&format!("/{name}/hosts.toml")) {
        let new = text.lines().map(str::to_owned).collect();
        return vec![edit(&format!("{folder}/docker.io/hosts.toml"), 1, 0, new)];
    }
    let lines = text.lines().enumerate().filter(|(_, line)| line.contains(name) && !line.trim_start().starts_with('#'));
    lines.map(|(at, line)| edit(&route.file, at + 1, 1, vec![line.replace(name, "docker.io")])).collect()
}

impl Change<'_> {
    fn form(&self, file: &str) -> Form {
        match self.config.client.kind {
            _ if file.ends_with("hosts.toml") => Form::HostsToml,
            Kind::K3s | Kind::Rke2 => Form::RegistriesYaml,
            Kind::Talos => Form::Talos,
            Kind::DockerdClassic | Kind::DockerdContainerd => Form::DaemonJson,
            Kind::BuildKit => Form::BuildkitdToml,
            Kind::Skopeo | Kind::Podman | Kind::Buildah | Kind::CriO => Form::RegistriesConf,
            Kind::Ctr | Kind::Cri => Form::ConfigToml,
        }
    }

    fn lines(&self, file: &str) -> Vec<&str> {
        self.texts.get(file).map_or(Vec::new(), |text| text.lines().collect())
    }

    /// The scheme and host to write: those of the registry, where they are known.
    fn address(&self, endpoint: Option<&Endpoint>) -> (Scheme, String) {
        let own = endpoint.and_then(|endpoint| self.registry.address(&endpoint.host));
        let own = own.or(self.registry.addresses.first()).cloned();
        own.or_else(|| endpoint.map(|endpoint| (endpoint.scheme, endpoint.host.clone())))
            .unwrap_or((Scheme::Https, "REGISTRY".to_owned()))
    }

    fn url(&self, endpoint: Option<&Endpoint>, prefix: &str) -> String {
        let (scheme, host) = self.address(endpoint);
        let scheme = if scheme == Scheme::Https { "https" } else { "http" };
        if prefix.is_empty() { format!("{scheme}://{host}") } else { format!("{scheme}://{host}/v2/{prefix}") }
    }

    /// A location without a scheme. For a prefix that is a part of the upstream the same part comes behind it.
    fn location(&self, reference: &Reference, endpoint: &Endpoint, prefix: &str) -> String {
        let part = match &endpoint.names {
            Names::Replace { prefix, .. } => {
                prefix.strip_prefix(&reference.host).unwrap_or_default().trim_start_matches('/')
            }
            _ => "",
        };
        let parts = [self.address(Some(endpoint)).1.as_str(), prefix, part].map(str::to_owned);
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
    }

    /// What must be written, in one line.
    pub(super) fn written(&self, reference: &Reference, endpoint: &Endpoint, prefix: &str) -> String {
        let url = self.url(Some(endpoint), prefix);
        match self.form(&endpoint.file) {
            Form::HostsToml if prefix.is_empty() => format!("write [host.\"{url}\"]"),
            Form::HostsToml => format!("write [host.\"{url}\"] with override_path = true"),
            Form::RegistriesYaml | Form::ConfigToml => format!("write the endpoint {url}"),
            Form::Talos if prefix.is_empty() => format!("write the endpoint {url}"),
            Form::Talos => format!("write the endpoint {url} with overridePath: true"),
            Form::DaemonJson if self.config.client.kind == Kind::DockerdContainerd => {
                format!(
                    "write [host.\"{url}\"] with override_path = true into /etc/docker/certs.d/{}/hosts.toml",
                    reference.host
                )
            }
            Form::DaemonJson => format!("write the mirror {url}"),
            Form::RegistriesConf => format!("write location = \"{}\"", self.location(reference, endpoint, prefix)),
            Form::BuildkitdToml => format!("write mirrors = [\"{}\"]", self.location(reference, endpoint, prefix)),
        }
    }

    /// The lines that put an endpoint right.
    pub(super) fn endpoint(&self, reference: &Reference, endpoint: &Endpoint, prefix: &str) -> Vec<Edit> {
        let url = self.url(Some(endpoint), prefix);
        match self.form(&endpoint.file) {
            Form::HostsToml => self.host_table(endpoint, &url, !prefix.is_empty()),
            Form::RegistriesYaml => self.k3s(endpoint, &url, prefix),
            Form::ConfigToml => self.replaced(endpoint, &url),
            Form::Talos => self.talos(endpoint, &url, !prefix.is_empty()),
            Form::DaemonJson if self.config.client.kind == Kind::DockerdContainerd && !prefix.is_empty() => {
                self.docker_store(endpoint, &reference.host, prefix)
            }
            Form::DaemonJson => self.replaced(endpoint, &url),
            Form::RegistriesConf => self.conf(endpoint, &self.location(reference, endpoint, prefix)),
            Form::BuildkitdToml => self.buildkitd(endpoint, &self.location(reference, endpoint, prefix)),
        }
    }

    /// The line of the endpoint with another text for it; with none where the line has it not.
    fn replaced(&self, endpoint: &Endpoint, new: &str) -> Vec<Edit> {
        if endpoint.written == new {
            return Vec::new();
        }
        let lines = self.lines(&endpoint.file);
        let has = |at: usize| lines.get(at).is_some_and(|line| line.contains(&endpoint.written));
        let at = endpoint.place.line.saturating_sub(1);
        let at = if has(at) { Some(at) } else { (0..lines.len()).find(|at| has(*at)) };
        let line = at.and_then(|at| Some((at, lines.get(at)?)));
        line.map_or_else(Vec::new, |(at, line)| {
            vec![edit(&endpoint.file, at + 1, 1, vec![line.replacen(&endpoint.written, new, 1)])]
        })
    }

    fn tree(&self, file: &str, format: Format) -> Option<Node> {
        parse_as(format, self.texts.get(file)?).ok()
    }

    /// A `[host]` table, or `server` at the top: its URL, `override_path` and `capabilities`.
    fn host_table(&self, endpoint: &Endpoint, url: &str, own_path: bool) -> Vec<Edit> {
        let lines = self.lines(&endpoint.file);
        let Some(root) = self.tree(&endpoint.file, Format::Toml) else { return Vec::new() };
        let quoted = |text: &str| format!("\"{text}\"");
        let header = format!("[host.{}", quoted(&endpoint.written));
        let mut edits: Vec<Edit> = Vec::new();
        for (at, line) in lines.iter().enumerate() {
            let at_place = at + 1 == endpoint.place.line;
            if (line.contains(&header) || at_place)
                && line.contains(&quoted(&endpoint.written))
                && endpoint.written != url
            {
                edits.push(edit(
                    &endpoint.file,
                    at + 1,
                    1,
                    vec![line.replacen(&quoted(&endpoint.written), &quoted(url), 1)],
                ));
            }
        }
        let table = below(&root, &["host", &endpoint.written]).unwrap_or(&root);
        let after = endpoint.place.line + 1;
        match entry(table, "override_path") {
            Some(found) if own_path != endpoint.override_path => {
                edits.push(edit(&endpoint.file, found.place.line, 1, vec![format!("  override_path = {own_path}")]));
            }
            None if own_path => edits.push(edit(&endpoint.file, after, 0, vec!["  override_path = true".to_owned()])),
            _ => {}
        }
        if !endpoint.capabilities.pull || !endpoint.capabilities.resolve || endpoint.capabilities.push {
            edits.extend(self.capabilities(endpoint));
        }
        edits
    }

    /// The line of `capabilities`, as a mirror needs them.
    pub(super) fn capabilities(&self, endpoint: &Endpoint) -> Vec<Edit> {
        let new = vec!["  capabilities = [\"pull\", \"resolve\"]".to_owned()];
        let lines = self.lines(&endpoint.file);
        match endpoint.capabilities.place {
            Some(place) if lines.get(place.line - 1).is_some_and(|line| line.contains(']')) => {
                vec![edit(&endpoint.file, place.line, 1, new)]
            }
            Some(_) => Vec::new(),
            None => vec![edit(&endpoint.file, endpoint.place.line + 1, 0, new)],
        }
    }

    /// The endpoint's path. A rewrite that is there becomes one for all names, and the path stays as it is.
    fn k3s(&self, endpoint: &Endpoint, url: &str, prefix: &str) -> Vec<Edit> {
        let Names::Rewrites(rewrites) = &endpoint.names else { return self.replaced(endpoint, url) };
        let mut edits = self.replaced(endpoint, &self.url(Some(endpoint), ""));
        let lines = self.lines(&endpoint.file);
        for (at, rewrite) in rewrites.iter().enumerate() {
            let line = lines.get(rewrite.place.line - 1).copied().unwrap_or_default();
            let indent = &line[..line.len() - line.trim_start().len()];
            let all = format!("{indent}\"^(.*)$\": \"{prefix}/$1\"");
            edits.push(edit(&endpoint.file, rewrite.place.line, 1, if at == 0 { vec![all] } else { vec![] }));
        }
        edits
    }

    fn talos(&self, endpoint: &Endpoint, url: &str, own_path: bool) -> Vec<Edit> {
        let mut edits = self.replaced(endpoint, url);
        let lines = self.lines(&endpoint.file);
        let line = lines.get(endpoint.place.line - 1).copied().unwrap_or_default();
        if own_path && !endpoint.override_path && line.trim_start().starts_with('-') {
            let indent = line.len() - line.trim_start().len();
            // In the older form the key is one of the mirror, in the newer one of the endpoint.
            let old = !line.contains("url:");
            let above = (0..endpoint.place.line - 1)
                .rev()
                .find(|at| lines.get(*at).is_some_and(|line| line.trim() == "endpoints:"));
            let own = above
                .and_then(|at| Some((at, lines.get(at)?)))
                .map(|(at, line)| (at, line.len() - line.trim_start().len()));
            match own {
                Some((at, width)) if old => {
                    edits.push(edit(
                        &endpoint.file,
                        at + 1,
                        0,
                        vec![format!("{}overridePath: true", " ".repeat(width))],
                    ));
                }
                _ => edits.push(edit(
                    &endpoint.file,
                    endpoint.place.line + 1,
                    0,
                    vec![format!("{}overridePath: true", " ".repeat(indent + 2))],
                )),
            }
        }
        edits
    }

    fn conf(&self, endpoint: &Endpoint, location: &str) -> Vec<Edit> {
        let mut edits = self.replaced(endpoint, location);
        let lines = self.lines(&endpoint.file);
        let plain = self.address(Some(endpoint)).0 == Scheme::Http;
        if plain && endpoint.scheme == Scheme::Https {
            edits.push(edit(&endpoint.file, endpoint.place.line + 1, 0, vec!["insecure = true".to_owned()]));
        }
        if endpoint.when == crate::mirror::model::When::Digests {
            let only = |line: &str| line.contains("mirror-by-digest-only") || line.contains("pull-from-mirror");
            let found = lines.iter().enumerate().filter(|(_, line)| only(line));
            edits.extend(found.map(|(at, _)| edit(&endpoint.file, at + 1, 1, vec![])));
        }
        edits
    }

    fn buildkitd(&self, endpoint: &Endpoint, location: &str) -> Vec<Edit> {
        let mut edits = self.replaced(endpoint, location);
        if self.address(Some(endpoint)).0 == Scheme::Http && endpoint.scheme == Scheme::Https {
            let lines = self.lines(&endpoint.file);
            let header = format!("[registry.\"{}\"]", endpoint.host);
            match lines.iter().position(|line| line.trim() == header) {
                Some(at) => edits.push(edit(&endpoint.file, at + 2, 0, vec!["  http = true".to_owned()])),
                None => {
                    let new = vec![String::new(), header, "  http = true".to_owned()];
                    edits.push(edit(&endpoint.file, lines.len() + 1, 0, new));
                }
            }
        }
        edits
    }

    fn hosts_toml(&self, endpoint: Option<&Endpoint>, host: &str, prefix: &str) -> Vec<String> {
        let mut lines = vec![format!("server = \"https://{}\"", registry_of(host)), String::new()];
        lines.push(format!("[host.\"{}\"]", self.url(endpoint, prefix)));
        lines.push("  capabilities = [\"pull\", \"resolve\"]".to_owned());
        if !prefix.is_empty() {
            lines.push("  override_path = true".to_owned());
        }
        lines
    }

    /// A mirror for an upstream that has none.
    pub(super) fn block(&self, host: &str, prefix: &str) -> Vec<Edit> {
        let Some(file) = self.config.files.first() else { return Vec::new() };
        let count = self.lines(file).len();
        let (scheme, address) = self.address(None);
        let place =
            [address.as_str(), prefix].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/");
        let url = self.url(None, prefix);
        let new = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        match self.form(file) {
            Form::RegistriesConf => {
                let mut lines = new(&["", "[[registry]]"]);
                lines.extend([format!("prefix = \"{host}\""), format!("location = \"{host}\"")]);
                lines.extend([String::new(), "[[registry.mirror]]".to_owned(), format!("location = \"{place}\"")]);
                lines.extend((scheme == Scheme::Http).then(|| "insecure = true".to_owned()));
                vec![edit(file, count + 1, 0, lines)]
            }
            Form::BuildkitdToml => {
                let lines = vec![String::new(), format!("[registry.\"{host}\"]"), format!("  mirrors = [\"{place}\"]")];
                vec![edit(file, count + 1, 0, lines)]
            }
            Form::RegistriesYaml => self.yaml_block(file, host, &url),
            Form::DaemonJson | Form::HostsToml | Form::ConfigToml => self.folder(file, host, prefix),
            Form::Talos => Vec::new(),
        }
    }

    /// A route for all upstreams becomes one for each that zot has.
    pub(super) fn one_by_one(&self, endpoint: &Endpoint) -> Vec<Edit> {
        let upstreams = self.registry.upstreams();
        let with = upstreams.iter().filter_map(|host| Some((host, self.registry.prefix(host, "")?)));
        let with: Vec<_> = with.filter(|(_, prefix)| !prefix.is_empty()).collect();
        let route = self.config.routes.iter().find(|route| route.upstream == Upstream::Every);
        let Some(route) = route.filter(|route| route.file == endpoint.file && !with.is_empty()) else {
            return Vec::new();
        };
        let own = with.iter().find(|(_, prefix)| endpoint.base.ends_with(&format!("/{prefix}")));
        let (count, line) = (self.lines(&route.file).len(), route.place.line);
        let key = self.lines(&route.file).get(line - 1).map_or("", |line| line.trim_end()).to_owned();
        let mut edits = match (self.form(&route.file), own) {
            (Form::HostsToml, _) => vec![edit(&route.file, 1, count, vec![])],
            (Form::RegistriesYaml | Form::Talos, Some((host, _)))
                if key.trim().trim_matches(['"', '\'', ':']) == "*" =>
            {
                let indent = key.len() - key.trim_start().len();
                vec![edit(&route.file, line, 1, vec![format!("{}\"{host}\":", " ".repeat(indent))])]
            }
            _ => return Vec::new(),
        };
        let named =
            |host: &str| self.config.routes.iter().any(|route| route.upstream == Upstream::Host(host.to_owned()));
        let keeps = |host: &str| self.form(&route.file) != Form::HostsToml && own.is_some_and(|(own, _)| *own == host);
        let missing = with.iter().filter(|(host, _)| !named(host) && !keeps(host));
        edits.extend(missing.flat_map(|(host, prefix)| self.block(host, prefix)));
        edits
    }

    fn yaml_block(&self, file: &str, host: &str, url: &str) -> Vec<Edit> {
        let lines = self.lines(file);
        let mirrors = lines.iter().position(|line| line.trim_end() == "mirrors:");
        // As deep as the mirrors that are there.
        let next = mirrors.and_then(|at| lines.get(at + 1)).filter(|line| line.starts_with(' '));
        let width = next.map_or(2, |line| line.len() - line.trim_start().len());
        let line = |depth: usize, text: String| format!("{}{text}", " ".repeat(width * depth));
        let block =
            vec![line(1, format!("\"{host}\":")), line(2, "endpoint:".to_owned()), line(3, format!("- \"{url}\""))];
        match mirrors {
            Some(at) => vec![edit(file, at + 2, 0, block)],
            // `mirrors` with something in its own line is left to the operator.
            None if lines.iter().any(|line| line.starts_with("mirrors:")) => Vec::new(),
            None => {
                let first = self.registry.upstreams().first().is_some_and(|first| first == host);
                let top = first.then(|| "mirrors:".to_owned());
                vec![edit(file, lines.len() + 1, 0, top.into_iter().chain(block).collect())]
            }
        }
    }

    /// A hosts.toml in a separate folder for the upstream.
    fn folder(&self, file: &str, host: &str, prefix: &str) -> Vec<Edit> {
        let (root, certs) = match self.form(file) {
            Form::DaemonJson => (file.strip_suffix(crate::mirror::dockerd::DAEMON), crate::mirror::dockerd::CERTS),
            Form::ConfigToml => {
                (file.strip_suffix(crate::mirror::containerd::CONFIG), crate::mirror::containerd::CERTS)
            }
            _ => (file.rsplitn(3, '/').nth(2), ""),
        };
        let Some(root) = root else { return Vec::new() };
        let mut edits = match self.form(file) {
            Form::DaemonJson => self.daemon(file),
            Form::ConfigToml => self.config_path(file),
            _ => Vec::new(),
        };
        edits.push(edit(&format!("{root}{certs}/{host}/hosts.toml"), 1, 0, self.hosts_toml(None, host, prefix)));
        edits
    }

    /// containerd reads no folder without `config_path`.
    fn config_path(&self, file: &str) -> Vec<Edit> {
        let lines = self.lines(file);
        if lines.iter().any(|line| line.contains("config_path")) {
            return Vec::new();
        }
        let line = format!("  config_path = \"{}\"", crate::mirror::containerd::CERTS);
        if let Some(at) = lines.iter().position(|line| line.trim_end().ends_with(".registry]")) {
            return vec![edit(file, at + 2, 0, vec![line])];
        }
        let old = lines.iter().any(|line| line.contains("io.containerd.grpc.v1.cri") || line.trim() == "version = 2");
        let plugin = if old { "io.containerd.grpc.v1.cri" } else { "io.containerd.cri.v1.images" };
        let new = vec![String::new(), format!("[plugins.\"{plugin}\".registry]"), line];
        vec![edit(file, lines.len() + 1, 0, new)]
    }
}
