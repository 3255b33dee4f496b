//! What each client asks for each image, what zot makes of it, and where the client goes then: as values, JSON and text.

use serde::Serialize;

use super::judge::{From, Outcome, asked_hosts, fate_of, has_mirror, references};
use super::model::{ClientConfig, Scheme, WayOut};
use super::names::{Fate, Registry, Source, name_in};
use super::pull::{Image, Logins, Request, Role, requests};
use super::reference::Reference;

/// No line of the text is wider, in characters.
const WIDEST: usize = 100;

/// One client and one image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Row {
    /// The client.
    pub(crate) client: String,
    /// Its nodes.
    pub(crate) nodes: Vec<String>,
    /// The upstream.
    pub(crate) upstream: String,
    /// The image.
    pub(crate) image: String,
    /// What is sent when every answer is good, in order.
    pub(crate) requests: Vec<Request>,
    /// The repository that the first endpoint is asked for.
    pub(crate) name: Option<String>,
    /// Where zot fills it from.
    pub(crate) source: Option<Source>,
    /// What becomes of the pull.
    pub(crate) expected: Expected,
    /// Where the client goes when its endpoints fail; nothing where it goes nowhere.
    pub(crate) way_out: Option<String>,
}

/// What becomes of a pull.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Expected {
    /// All of it comes from the registry.
    Served,
    /// It is the image of another upstream.
    WrongUpstream,
    /// The tag comes from the internet.
    TagFromInternet,
    /// All of it comes from the internet.
    Internet,
    /// The client has no mirror for it.
    NoMirror,
    /// The pull fails.
    Fails,
}

impl Expected {
    fn words(self) -> &'static str {
        match self {
            Self::Served => "served by the registry",
            Self::WrongUpstream => "served with another upstream's image",
            Self::TagFromInternet => "the tag from the internet, the rest from the registry",
            Self::Internet => "goes to the internet in silence",
            Self::NoMirror => "no mirror: goes to the internet",
            Self::Fails => "the pull fails",
        }
    }

    #[cfg(test)]
    /// Whether the cache serves it.
    pub(crate) fn is_good(self) -> bool {
        self == Self::Served
    }
}

/// The rows of some clients. `images` are asked about besides the usual ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub(crate) struct Table {
    /// The rows, client by client.
    pub(crate) rows: Vec<Row>,
}

impl Table {
    /// Works the rows out.
    pub(crate) fn of(clients: &[ClientConfig], registry: &Registry<'_>, images: &[String]) -> Self {
        let rows = clients.iter().flat_map(|config| {
            let usual = asked_hosts(config, registry).into_iter().flat_map(|host| references(&host));
            let more = images.iter().filter_map(|image| Reference::read(config.client, image).ok());
            let mut all: Vec<Reference> = usual.collect();
            all.extend(more);
            all.dedup();
            all.iter().map(|reference| row(config, registry, reference)).collect::<Vec<_>>()
        });
        Self { rows: rows.collect() }
    }

    /// The table as text.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let mut client = None;
        for row in &self.rows {
            if client != Some((&row.client, &row.nodes)) {
                client = Some((&row.client, &row.nodes));
                push(&mut text, "", &format!("{}{}", row.client, on(&row.nodes)));
            }
            push(&mut text, "  ", &row.image);
            for (word, value) in row.lines() {
                push(&mut text, &format!("    {word:<10}"), &value);
            }
        }
        text
    }
}

/// Nodes in a few words.
pub(crate) fn on(nodes: &[String]) -> String {
    match nodes {
        [] => String::new(),
        [one] => format!(" on {one}"),
        [one, more @ ..] => format!(" on {one} and {} more", more.len()),
    }
}

/// A line, and as many more as its text needs; those begin below the text.
pub(crate) fn push(text: &mut String, start: &str, value: &str) {
    let width = WIDEST - start.chars().count();
    let indent = " ".repeat(start.chars().count());
    let mut rest: Vec<char> = value.chars().filter(|next| !next.is_control()).collect();
    let mut start = start;
    loop {
        let cut = if rest.len() <= width {
            rest.len()
        } else {
            // At the last blank or slash, where there is one.
            rest.iter().take(width).rposition(|next| matches!(next, ' ' | '/')).map_or(width, |at| at + 1)
        };
        let line: String = rest.drain(..cut).collect();
        text.push_str(&format!("{start}{}\n", line.trim()));
        start = &indent;
        if rest.is_empty() {
            return;
        }
    }
}

impl Row {
    fn lines(&self) -> Vec<(&'static str, String)> {
        let mut lines = Vec::new();
        if let Some(first) = self.requests.first() {
            let query = first.query.as_ref().map_or(String::new(), |query| format!("?{query}"));
            let scheme = if first.scheme == Scheme::Https { "https" } else { "http" };
            lines.push(("asks", format!("{} {scheme}://{}{}{query}", first.method, first.host, first.path)));
        }
        let name = self.name.clone().unwrap_or_else(|| "no repository's path".to_owned());
        match &self.source {
            Some(source) => {
                let from = format!("{}/{}", source.host, source.repository);
                lines.push(("zot", format!("{name}: rule {}, which asks {from}", source.rule)));
            }
            None if self.expected != Expected::NoMirror => lines.push(("zot", format!("{name}: no rule"))),
            None => {}
        }
        lines.push(("expected", self.expected.words().to_owned()));
        lines.push(("way out", self.way_out.clone().unwrap_or_else(|| "none".to_owned())));
        lines
    }
}

fn row(config: &ClientConfig, registry: &Registry<'_>, reference: &Reference) -> Row {
    let route = config.route(&reference.host, &reference.repository);
    let outcome = Outcome::of(config, registry, reference);
    let mirrored = route.is_some_and(|route| has_mirror(registry, route));
    let expected = match outcome.from(registry) {
        From::Nowhere => Expected::Fails,
        From::Registry => Expected::Served,
        From::WrongUpstream => Expected::WrongUpstream,
        From::TagFromInternet => Expected::TagFromInternet,
        From::Internet if mirrored => Expected::Internet,
        From::Internet => Expected::NoMirror,
    };
    let requests = requests(config, reference, &Image::unknown(), &Logins::default());
    let asked = requests.iter().find(|request| mirrored && name_in(&request.path).is_some());
    let role = asked.map_or(Role::Mirror(0), |request| request.role);
    let source = match fate_of(&outcome, registry, role).filter(|_| mirrored) {
        Some(Fate::Served(source) | Fate::Elsewhere(source)) => Some(source),
        _ => None,
    };
    let way_out = match route.map(|route| &route.way_out) {
        Some(WayOut::Nowhere) => None,
        Some(WayOut::To(endpoint)) if registry.is_at(&endpoint.host) && !registry.addresses.is_empty() => None,
        Some(WayOut::To(endpoint)) => Some(endpoint.host.clone()),
        Some(WayOut::Upstream) | None => Some(super::model::registry_of(&reference.host).to_owned()),
    };
    Row {
        client: config.client.to_string(),
        nodes: config.nodes.clone(),
        upstream: reference.host.clone(),
        image: reference.name(),
        name: asked.and_then(|request| name_in(&request.path)).map(str::to_owned),
        requests,
        source,
        expected,
        way_out,
    }
}

#[cfg(test)]
mod tests;
