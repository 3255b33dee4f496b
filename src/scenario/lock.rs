//! `regproof.lock`: the promises of a scenario as they were agreed, kept beside it, so that a promise that changes is told.
//!
//! Where promises are derived from a configuration that is deployed with the registry, a bad change of it changes the promise
//! too. Pure but for reading the one file. It knows only promises, not the registry.

mod compare;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;

pub(crate) use compare::{Difference, Kind, compare};

use crate::scenario::loaded::{Loaded, ScenarioError, place};
use crate::scenario::{Action, Scenario};

/// Version of the file's format.
pub(crate) const VERSION: u32 = 1;
/// The file's name, unless the scenario's `lock` says another.
pub(crate) const FILE: &str = "regproof.lock";
/// As much as a lock may have.
const LIMIT: u64 = 16 << 20;

/// What each subject may do, by subject, as `group admins`. An entry is an action, or an action and what it depends on.
pub(crate) type Rights = BTreeMap<String, BTreeSet<String>>;

/// Agreed promises.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lock {
    pub(crate) version: u32,
    /// The scenario's name.
    pub(crate) scenario: String,
    /// Rights in each repository that the scenario names.
    #[serde(default)]
    pub(crate) repositories: BTreeMap<String, Rights>,
    /// Rights in all that a pattern of the configuration, or of `[access]`, decides about.
    #[serde(default)]
    pub(crate) patterns: BTreeMap<String, Rights>,
    /// Other promises by their key.
    #[serde(default)]
    pub(crate) promises: BTreeMap<String, String>,
    /// Each check: `runs`, or why it does not.
    #[serde(default)]
    pub(crate) checks: BTreeMap<String, String>,
}

/// A check that runs.
pub(crate) const RUNS: &str = "runs";

impl Lock {
    /// The file's text; the same for the same promises, one promise a line.
    pub(crate) fn text(&self) -> String {
        let mut text = format!(
            "# What the scenario {} promises, as it was agreed. `regproof plan --lock` writes this file: read its changes as you\n\
             # read those of a policy, then commit it. A run whose promises differ fails.\n\
             version = {VERSION}\nscenario = {}\n",
            quoted(&self.scenario),
            quoted(&self.scenario)
        );
        for (table, places) in [("repositories", &self.repositories), ("patterns", &self.patterns)] {
            for (name, rights) in places {
                // Writing to a String cannot fail.
                let _ = write!(text, "\n[{table}.{}]\n", quoted(name));
                for (subject, entries) in rights.iter().filter(|(_, entries)| !entries.is_empty()) {
                    let entries: Vec<String> = entries.iter().map(|entry| quoted(entry)).collect();
                    let _ = writeln!(text, "{} = [{}]", quoted(subject), entries.join(", "));
                }
            }
        }
        for (table, lines) in [("promises", &self.promises), ("checks", &self.checks)] {
            if !lines.is_empty() {
                let _ = write!(text, "\n[{table}]\n");
            }
            for (name, value) in lines {
                let _ = writeln!(text, "{} = {}", quoted(name), quoted(value));
            }
        }
        text
    }
}

/// A TOML string on one line, also of hostile text, and always between the same quotes.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            letter if letter.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(letter));
            }
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

/// What a scenario promises, and by which words.
#[derive(Clone, Debug, Default)]
pub(crate) struct Promises {
    pub(crate) lock: Lock,
    /// By repository or pattern, subject and action.
    pub(crate) grounds: BTreeMap<(String, String, &'static str), String>,
}

impl Promises {
    /// The words that give or refuse this, with their line.
    pub(crate) fn grounds(&self, place: &str, subject: &str, action: &str) -> Option<&str> {
        let action = Action::ALL.map(Action::word).into_iter().find(|word| *word == action)?;
        self.grounds.get(&(place.to_owned(), subject.to_owned(), action)).map(String::as_str)
    }

    pub(crate) fn add(
        &mut self,
        table: Table,
        place: &str,
        subject: &str,
        action: Action,
        said: (Option<String>, String),
    ) {
        let (entry, grounds) = said;
        let places = match table {
            Table::Repositories => &mut self.lock.repositories,
            Table::Patterns => &mut self.lock.patterns,
        };
        let rights: &mut Rights = places.entry(place.to_owned()).or_default();
        rights.entry(subject.to_owned()).or_default().extend(entry);
        self.grounds.insert((place.to_owned(), subject.to_owned(), action.word()), grounds);
    }
}

#[derive(Clone, Copy)]
pub(crate) enum Table {
    Repositories,
    Patterns,
}

/// Why there is nothing to compare, where there is neither a lock nor a configuration that should have one.
pub(crate) fn not_needed(scenario: &Scenario) -> Option<String> {
    (scenario.agreed.is_none() && scenario.config.is_none()).then(|| missing(scenario))
}

/// What follows where the promises have no lock.
pub(crate) fn missing(scenario: &Scenario) -> String {
    let file = scenario.lock.as_deref().unwrap_or(Path::new(FILE)).display();
    match &scenario.config {
        Some(config) => format!(
            "there is no {file}: a change of {} changes the promises too, in silence; `regproof plan --lock` keeps them",
            config.file
        ),
        None => format!("not promised: there is no {file}; `regproof plan --lock` writes it"),
    }
}

/// Where the lock of a scenario is.
pub(crate) fn path(loaded: &Loaded) -> PathBuf {
    loaded.folder().join(loaded.scenario.lock.as_deref().unwrap_or(Path::new(FILE)))
}

/// The lock of a scenario, if there is one.
///
/// # Errors
/// If it cannot be read, is broken, or is of another format or scenario: with its place.
pub(crate) fn read(loaded: &Loaded) -> Result<Option<Lock>, ScenarioError> {
    let file = path(loaded);
    let failed = |place, message: String| Err(ScenarioError { file: file.clone(), place, message });
    let text = match std::fs::metadata(&file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Ok(data) if data.len() > LIMIT => {
            return failed(None, format!("it has more than {LIMIT} bytes: that is no lock"));
        }
        _ => match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) => return failed(None, format!("cannot read the lock: {error}")),
        },
    };
    // The version first: a later format may have keys that this one does not know.
    let head = toml::from_str::<Head>(&text).ok().filter(|head| head.version.get_ref() != &i64::from(VERSION));
    if let Some(head) = head {
        let message = format!(
            "this lock has the format {}, and this regproof knows {VERSION}; use the regproof that wrote it, or remove it and \
             run `regproof plan --lock` after a review",
            head.version.get_ref()
        );
        return failed(Some(place(&text, head.version.span().start)), message);
    }
    match toml::from_str::<Lock>(&text) {
        Ok(lock) if lock.scenario != loaded.scenario.name => {
            let at = text.find("\nscenario").map(|at| place(&text, at + 1));
            let message = format!(
                "this is the lock of the scenario `{}`, not of `{}`, and is left as it is; give this scenario another lock, as \
                 `lock = \"{}.lock\"` at its top, or remove this one",
                lock.scenario,
                loaded.scenario.name,
                loaded.file.file_stem().unwrap_or_default().to_string_lossy()
            );
            failed(at, message)
        }
        Ok(lock) => Ok(Some(lock)),
        Err(error) => {
            let message = format!(
                "this is no lock that regproof can read, and it is left as it is: {}; take back what was changed by hand, or \
                 remove it and run `regproof plan --lock` after a review",
                error.message()
            );
            failed(error.span().map(|span| place(&text, span.start)), message)
        }
    }
}

#[derive(Deserialize)]
struct Head {
    version: toml::Spanned<i64>,
}

#[cfg(test)]
mod tests;
