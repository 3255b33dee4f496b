//! Holds a configuration to what zot's decoder takes: keys that it knows, in any case, with values that it can convert.
//!
//! zot reads its file with viper, which flattens it to its leaves, and decodes it with mapstructure, weakly typed and exact. What these
//! two refuse is refused here, with its place. Nothing is kept but the keys that not every release has.

use super::duration;
use super::number;
use super::release::Release;
use super::schema::{FIRST, Field, Kind, NEWEST, TOP};
use super::tree::{Complaint, Entry, Node, Value};

/// A key that not every release of zot has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// Its path.
    pub path: String,
    /// Where it stands.
    pub place: super::tree::Place,
    /// The first release that has it; nothing where no release is known to.
    pub since: Option<Release>,
}

/// Reads the whole tree as the named release does, or the newest one that is known. Gives the keys that not every release has.
pub(super) fn check(tree: &Node, release: Option<Release>) -> Result<Vec<NewKey>, Complaint> {
    let mut decoder = Decoder { release, dated: Vec::new() };
    decoder.keys(tree, TOP, "", false, true)?;
    if !tree.survives() {
        return Err(Complaint::new(tree.place, "nothing is configured, and zot does not start with that"));
    }
    Ok(decoder.dated)
}

struct Decoder {
    release: Option<Release>,
    dated: Vec<NewKey>,
}

/// How alike two keys must be to be a slip of one another, from 0 to 1.
const ALIKE: f64 = 0.6;

impl Decoder {
    /// An object. `within` a list nothing is dropped; where it is not `exact`, unknown keys are overlooked.
    fn keys(
        &mut self,
        node: &Node,
        fields: &'static [Field],
        path: &str,
        within: bool,
        exact: bool,
    ) -> Result<(), Complaint> {
        let what = if path.is_empty() { "the configuration" } else { path };
        for entry in node.entries(what)? {
            if !within && !entry.node.survives() {
                continue;
            }
            if entry.key.contains("::") && !within {
                let message =
                    format!("zot takes `::` for a step into an object: it cannot read the key `{}`", entry.key);
                return Err(Complaint::new(entry.place, message));
            }
            let field = fields.iter().find(|field| same(field.name, &entry.key));
            let path = join(path, field.map_or(&entry.key, |field| field.name));
            match field {
                Some(field) => {
                    self.known(entry, field, &path)?;
                    self.value(&entry.node, field.kind, &path, within)?;
                }
                None if exact => self.unknown(entry, fields, what, &path)?,
                None => {}
            }
        }
        Ok(())
    }

    /// A key that some release has: is it in the one that is asked about?
    fn known(&mut self, entry: &Entry, field: &Field, path: &str) -> Result<(), Complaint> {
        if let Some(release) = self.release.filter(|release| field.since > *release) {
            let since = if field.since > NEWEST { format!("after {NEWEST}") } else { format!("with {}", field.since) };
            let message = format!("zot {release} does not know `{path}` and does not start; the key came {since}");
            return Err(Complaint::new(entry.place, message));
        }
        if field.since > FIRST {
            self.dated.push(NewKey { path: path.to_owned(), place: entry.place, since: Some(field.since) });
        }
        Ok(())
    }

    fn unknown(&mut self, entry: &Entry, fields: &[Field], what: &str, path: &str) -> Result<(), Complaint> {
        let newer = self.release.is_some_and(|release| release > NEWEST);
        let nearest = nearest(&entry.key, fields);
        if newer && nearest.is_none() && !decides_rights(path) {
            self.dated.push(NewKey { path: path.to_owned(), place: entry.place, since: None });
            return Ok(());
        }
        let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
        let near = match (nearest, home(&entry.key, what)) {
            (Some(name), _) => format!("; the nearest that it knows is `{name}`"),
            (None, Some(home)) => format!("; it belongs into {home}"),
            (None, None) => String::new(),
        };
        let hint = match self.release {
            None if !decides_rights(path) => {
                format!(". If your zot is newer than {NEWEST}, say so: `release` in [registry]")
            }
            _ => String::new(),
        };
        let message = format!(
            "unknown key `{}` in `{what}`: zot does not start with it{near}; known are {}{hint}",
            entry.key,
            names.join(", ")
        );
        Err(Complaint::new(entry.place, message))
    }

    fn value(&mut self, node: &Node, kind: Kind, path: &str, within: bool) -> Result<(), Complaint> {
        if matches!(node.value, Value::Null) {
            return Ok(());
        }
        match kind {
            Kind::Text => node.text(path).map(drop),
            Kind::Texts => node.texts(path).map(drop),
            Kind::Flag => node.flag(path).map(drop),
            Kind::Count => number::whole(node, path).map(drop),
            Kind::Ratio => number::any(node, path).map(drop),
            Kind::Duration => duration::of(node, path).map(drop),
            Kind::Window => window(node, path),
            Kind::Bytes => match &node.value {
                Value::Map(_) => Err(node.expected(path, "text")),
                _ => Ok(()),
            },
            Kind::Keys(fields) => self.keys(node, fields, path, within, true),
            Kind::Each(fields) => {
                let list = matches!(node.value, Value::List(_));
                let inside = |item: &&Node| !matches!(item.value, Value::Null);
                node.items()
                    .into_iter()
                    .filter(inside)
                    .try_for_each(|item| self.keys(item, fields, path, within || list, true))
            }
            Kind::Loose(fields) => {
                let inside = |item: &&Node| !matches!(item.value, Value::Null);
                node.items().into_iter().filter(inside).try_for_each(|item| self.keys(item, fields, path, true, false))
            }
            Kind::Named(fields) => {
                let within = within || matches!(node.value, Value::List(_));
                for entry in node.named(path)? {
                    if !within && !entry.node.survives() || matches!(entry.node.value, Value::Null) {
                        continue;
                    }
                    if entry.key.contains("::") && !within {
                        let message = format!("zot cannot read `::` in the name `{}`", entry.key);
                        return Err(Complaint::new(entry.place, message));
                    }
                    self.keys(&entry.node, fields, &join(path, &entry.key), within, true)?;
                }
                Ok(())
            }
            Kind::Free => node.named(path).map(drop),
        }
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn same(name: &str, key: &str) -> bool {
    name.eq_ignore_ascii_case(key)
}

/// Whether an unknown key there could change who may do what.
fn decides_rights(path: &str) -> bool {
    !path.contains('.') || path.starts_with("http.")
}

fn nearest(key: &str, fields: &[Field]) -> Option<&'static str> {
    let key = key.to_lowercase();
    let alike = |field: &Field| (strsim::normalized_damerau_levenshtein(&key, &field.name.to_lowercase()), field.name);
    let best = fields.iter().map(alike).max_by(|one, other| one.0.total_cmp(&other.0));
    best.filter(|(alike, name)| *alike >= ALIKE || starts_alike(&key, name)).map(|(_, name)| name)
}

/// Whether one is written out where the other is cut short, as `deduplicate` for `dedupe`.
fn starts_alike(key: &str, name: &str) -> bool {
    let name = name.to_lowercase();
    let common = key.chars().zip(name.chars()).take_while(|(one, other)| one == other).count();
    common >= 4 && common + 1 >= key.len().min(name.len())
}

/// The section that has a key of that name, where it is another one.
fn home(key: &str, what: &str) -> Option<String> {
    let sections: [(&str, &[&str]); 3] =
        [("`http`", &["http"]), ("`http.auth`", &["http", "auth"]), ("`storage`", &["storage"])];
    let fields = |path: &[&str]| {
        path.iter().try_fold(TOP, |fields, step| {
            fields.iter().find(|field| field.name == *step).and_then(|field| match field.kind {
                Kind::Keys(inner) => Some(inner),
                _ => None,
            })
        })
    };
    if TOP.iter().any(|field| same(field.name, key)) && !what.starts_with("the ") {
        return Some("the outermost object".to_owned());
    }
    let found = sections.iter().find(|(name, path)| {
        name.trim_matches('`') != what
            && fields(path).is_some_and(|fields| fields.iter().any(|field| same(field.name, key)))
    });
    found.map(|(name, _)| (*name).to_owned())
}

/// `HH:MM-HH:MM`, or nothing.
fn window(node: &Node, path: &str) -> Result<(), Complaint> {
    let Value::Text(text) = &node.value else {
        return Err(node.expected(path, "a window of the day such as 01:00-08:00"));
    };
    if text.is_empty() {
        return Ok(());
    }
    let minute = |text: &str| {
        let (hours, minutes) = text.trim().split_once(':')?;
        // Go takes one digit of the hour, and two of the minute.
        let digits = |text: &str, least: usize| {
            let fits = (least..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
            fits.then(|| text.parse::<u32>().ok()).flatten()
        };
        let (hour, minute) = (digits(hours, 1)?, digits(minutes, 2)?);
        (hour < 24 && minute < 60).then_some(hour * 60 + minute)
    };
    let ends = text.split_once('-').and_then(|(start, end)| Some((minute(start)?, minute(end)?)));
    match ends {
        Some((start, end)) if start != end => Ok(()),
        _ => Err(Complaint::new(node.place, format!("`{text}` is not a window of the day such as 01:00-08:00"))),
    }
}

#[cfg(test)]
mod tests;
