//! A mutant as its file has it: one mistake of an operator, and the checks that must notice.
//!
//! Reads files strictly: an unknown key, an unknown check, or a mutant that nothing notices is a mistake in the file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::support::caddy::Rules;
use crate::support::patch::Patch;

/// A sound world that mutants start from.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Base {
    /// What it stands for.
    pub why: String,
    /// Whether Caddy stands before the registry.
    #[serde(default)]
    pub proxy: bool,
    /// Whether checks may use a browser.
    #[serde(default)]
    pub browser: bool,
    /// Whether the operator keeps a snapshot from before the mistake.
    #[serde(default)]
    pub snapshot: bool,
    /// Checks that fail on this zot whatever its operator does, with the reason.
    #[serde(default)]
    pub fails: BTreeMap<String, String>,
    /// The configuration, as a change of the hardened one.
    #[serde(default)]
    pub config: Patch,
    /// The scenario, as a change of the world's own.
    #[serde(default)]
    pub scenario: Patch,
}

/// One mistake, and who must notice it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mutant {
    /// The file's name without its end.
    #[serde(skip)]
    pub name: String,
    /// What an operator would have done wrong, or what broke.
    pub why: String,
    /// The base it starts from.
    pub base: String,
    /// Whether it stands for its kind in the short run.
    #[serde(default)]
    pub sample: bool,
    /// What is different.
    pub change: Change,
    /// Words of zot's log, where zot does not start with this.
    pub refused: Option<String>,
    /// Checks that must fail.
    #[serde(default)]
    pub fails: BTreeSet<String>,
    /// Checks that must be undecided; `*` is every check that is not named otherwise.
    #[serde(default)]
    pub undecided: BTreeSet<String>,
    /// Checks that pass here: those that fail on the base, and those that `*` would name.
    #[serde(default)]
    pub passes: BTreeSet<String>,
    /// Checks that are undecided, or as on the base, by chance; `*` is every check that is not named otherwise.
    #[serde(default)]
    pub by_chance: BTreeSet<String>,
    /// Why nothing can be seen of it: every promise holds nevertheless.
    pub equivalent: Option<String>,
}

/// What is different from the base. Everything else is the same.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Change {
    /// Of zot's configuration.
    pub config: Option<Patch>,
    /// Of the identity provider.
    pub provider: Option<Provider>,
    /// Of the reverse proxy.
    pub proxy: Option<Rules>,
    /// Of the network.
    pub network: Option<Network>,
    /// Of stored files.
    pub data: Vec<Edit>,
    /// The release of zot, as `2.1.15`.
    pub zot: Option<String>,
}

/// A change of the identity provider.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Provider {
    /// Other groups, by user, each of whom logs in once afterwards.
    pub groups: BTreeMap<String, Vec<String>>,
}

/// A change of the network.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Who no longer listens.
    pub stopped: Part,
}

/// A part of the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// zot.
    Registry,
    /// The identity provider.
    Provider,
    /// The registry behind the cache.
    Upstream,
}

/// A change of one stored file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// Whose file it is.
    pub of: Part,
    /// The file, below the folder of that part's data; `{layer}`, `{config}` and `{manifest}` are digests in hex.
    pub file: String,
    /// What happens to it.
    pub r#do: Deed,
}

/// What happens to a file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Deed {
    /// One byte is another.
    Corrupt,
    /// So many bytes are left.
    Truncate(u64),
    /// It goes.
    Delete,
    /// A text is another, everywhere in it.
    Replace([String; 2]),
}

impl Change {
    /// What kind of change it is, by its first part.
    pub fn kind(&self) -> &'static str {
        match self {
            Self { zot: Some(_), .. } => "release",
            Self { proxy: Some(_), .. } => "proxy",
            Self { provider: Some(_), .. } => "provider",
            Self { network: Some(_), .. } => "network",
            Self { data, .. } if !data.is_empty() => "data",
            Self { config: Some(_), .. } => "config",
            _ => "nothing",
        }
    }
}

/// Every kind of change.
pub const KINDS: [&str; 6] = ["config", "data", "network", "provider", "proxy", "release"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mutants")
}

fn read<T: DeserializeOwned>(folder: &Path) -> BTreeMap<String, T> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let files = entries.map(|entry| entry.expect("the folder can be read").path());
    files
        .filter(|file| file.extension().is_some_and(|end| end == "toml"))
        .map(|file| {
            let text = std::fs::read_to_string(&file).expect("the file can be read");
            let read = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            (file.file_stem().expect("it has a name").to_string_lossy().into_owned(), read)
        })
        .collect()
}

/// Every base, by name.
pub fn bases() -> BTreeMap<String, Base> {
    let bases: BTreeMap<String, Base> = read(&folder().join("base"));
    for (name, base) in &bases {
        assert!(base.why.len() > 20, "{name} does not say what it stands for");
        for (id, reason) in &base.fails {
            assert!(regproof::checks::find(id).is_some() && reason.len() > 20, "{name}: {id}");
        }
    }
    bases
}

/// Every mutant, by name.
pub fn mutants() -> Vec<Mutant> {
    let bases = bases();
    let all = read::<Mutant>(&folder()).into_iter().map(|(name, mutant)| Mutant { name, ..mutant });
    all.inspect(|mutant| sound(mutant, &bases)).collect()
}

/// The check that there is only where a snapshot is kept.
pub const DRIFT: &str = "drift::nothing_changed";

fn sound(mutant: &Mutant, bases: &BTreeMap<String, Base>) {
    let Mutant { name, why, base, change, fails, undecided, passes, by_chance, .. } = mutant;
    let base = bases.get(base).unwrap_or_else(|| panic!("{name}: there is no base {base}"));
    assert!(why.len() > 20 && why.ends_with('.'), "{name} does not say what went wrong");
    assert!(KINDS.contains(&change.kind()), "{name} changes nothing");
    assert!(change.proxy.is_none() || base.proxy, "{name}: this base has no proxy");
    let named: Vec<&String> = fails.iter().chain(undecided).chain(passes).chain(by_chance).collect();
    for id in named.iter().filter(|id| id.as_str() != "*") {
        let there = regproof::checks::find(id).is_some() || (base.snapshot && id.as_str() == DRIFT);
        assert!(there, "{name}: there is no check {id}");
        assert_eq!(named.iter().filter(|other| **other == *id).count(), 1, "{name} names {id} twice");
    }
    assert_eq!(
        fails.is_empty() && undecided.is_empty(),
        mutant.equivalent.is_some(),
        "{name}: either something notices it, or `equivalent` says why nothing does"
    );
}
