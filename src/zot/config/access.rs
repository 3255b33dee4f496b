//! `http.accessControl`: who may do what. Reads it; [`crate::zot::policy`] decides by it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use super::super::tree::{At, Complaint, Entry, Node, Place, Value};
use super::{optional, texts};

/// Who may do what.
#[derive(Debug, Clone, PartialEq)]
pub struct AccessControl {
    /// Where it stands.
    pub place: Place,
    /// The rules by repository pattern, in the file's order.
    pub repositories: Vec<Repository>,
    /// What administrators may do in every repository.
    pub admin: Option<Policy>,
    /// Groups that the file itself defines; their names are lower-cased, as zot's reader does.
    pub groups: Vec<Group>,
    /// Who may scrape the metrics.
    pub metrics: Metrics,
    /// Which patterns win for a name, once it was asked: the same few names are asked thousands of times.
    pub(crate) winners: Winners,
}

/// A memory of answers; it is no part of what a configuration says.
#[derive(Default)]
pub struct Winners(Mutex<HashMap<String, Vec<usize>>>);

impl Winners {
    /// More names than this are not kept.
    const MOST: usize = 4096;

    /// The answer for a name, worked out at most once.
    pub(crate) fn of(&self, name: &str, find: impl FnOnce() -> Vec<usize>) -> Vec<usize> {
        // A memory that another thread left in the middle of a panic holds whole answers all the same.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(name) {
            return found.clone();
        }
        let found = find();
        if known.len() < Self::MOST {
            known.insert(name.to_owned(), found.clone());
        }
        found
    }
}

impl Clone for Winners {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for Winners {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl fmt::Debug for Winners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}

impl AccessControl {
    /// Whether any repository rule grants anonymous clients something (zot: `AnonymousPolicyExists`). Without one,
    /// zot refuses every request that has no credentials before it looks at a policy.
    #[must_use]
    pub fn lets_anonymous_in(&self) -> bool {
        self.repositories.iter().any(|rule| !rule.anonymous.is_empty())
    }

    /// Whether anonymous and other policies stand side by side (zot: `HasMixedAnonymousAndAuthenticatedPolicies`).
    #[must_use]
    pub fn is_mixed(&self) -> bool {
        let admin = self.admin.as_ref().is_some_and(|admin| admin.actions.len() + admin.users.len() > 0);
        let other = self.repositories.iter().any(|rule| {
            !rule.default.is_empty() || rule.policies.iter().any(|policy| policy.actions.len() + policy.users.len() > 0)
        });
        self.lets_anonymous_in() && (admin || other)
    }
}

/// The rules of one repository pattern.
#[derive(Debug, Clone, PartialEq)]
pub struct Repository {
    /// The pattern, lower-cased as zot's reader does.
    pub pattern: At<String>,
    /// Grants by user and by group.
    pub policies: Vec<Policy>,
    /// What every authenticated user may do.
    pub default: Vec<At<String>>,
    /// Where `defaultPolicy` stands.
    pub default_place: Option<Place>,
    /// What a client without credentials may do.
    pub anonymous: Vec<At<String>>,
    /// Where `anonymousPolicy` stands.
    pub anonymous_place: Option<Place>,
}

/// One grant.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Where it stands.
    pub place: Place,
    /// To these users; `""` is the anonymous one.
    pub users: Vec<At<String>>,
    /// And to the members of these groups.
    pub groups: Vec<At<String>>,
    /// These actions.
    pub actions: Vec<At<String>>,
    /// When all of these hold (CEL, from v2.1.17).
    pub conditions: Vec<Condition>,
}

/// A CEL expression that narrows a grant.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// The expression.
    pub expression: At<String>,
}

/// A group that the file itself defines.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Its name as zot knows it.
    pub name: String,
    /// Its name as the file writes it.
    pub written: At<String>,
    /// Its members.
    pub users: Vec<At<String>>,
}

/// Who may scrape the metrics.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Metrics {
    /// Where `users` stands.
    pub place: Option<Place>,
    /// These users.
    pub users: Vec<At<String>>,
    /// And anonymous clients, where this has `read` (from v2.1.18).
    pub anonymous: Vec<At<String>>,
}

pub(super) fn read(entry: &Entry) -> Result<AccessControl, Complaint> {
    let node = &entry.node;
    Ok(AccessControl {
        place: entry.place,
        repositories: each(node, "repositories", repository)?,
        admin: optional(node, "adminPolicy", |node, _| policy(node, node.place))?,
        groups: each(node, "groups", group)?,
        metrics: optional(node, "metrics", metrics)?.unwrap_or_default(),
        winners: Winners::default(),
    })
}

fn each<T>(node: &Node, key: &str, read: fn(&Entry) -> Result<T, Complaint>) -> Result<Vec<T>, Complaint> {
    let Some(listed) = node.present(key) else {
        return Ok(Vec::new());
    };
    let list = matches!(listed.node.value, Value::List(_));
    let seen = listed.node.named(key)?.into_iter().filter(|entry| list || entry.node.survives());
    seen.map(read).collect()
}

fn repository(entry: &Entry) -> Result<Repository, Complaint> {
    let node = &entry.node;
    let policies = node.present("policies").map_or(Vec::new(), |policies| policies.node.items());
    Ok(Repository {
        pattern: At { value: entry.key.to_lowercase(), place: entry.place },
        policies: policies.into_iter().map(|item| policy(item, item.place)).collect::<Result<_, _>>()?,
        default: texts(node, "defaultPolicy")?,
        default_place: node.present("defaultPolicy").map(|entry| entry.place),
        anonymous: texts(node, "anonymousPolicy")?,
        anonymous_place: node.present("anonymousPolicy").map(|entry| entry.place),
    })
}

fn policy(node: &Node, place: Place) -> Result<Policy, Complaint> {
    let conditions = node.present("conditions").map_or(Vec::new(), |conditions| conditions.node.items());
    Ok(Policy {
        place,
        users: texts(node, "users")?,
        groups: texts(node, "groups")?,
        actions: texts(node, "actions")?,
        conditions: conditions.into_iter().map(condition).collect::<Result<_, _>>()?,
    })
}

fn condition(node: &Node) -> Result<Condition, Complaint> {
    let expression = optional(node, "expression", Node::text)?;
    let expression = expression.ok_or_else(|| Complaint::new(node.place, "a condition needs an `expression`"))?;
    Ok(Condition { expression })
}

fn group(entry: &Entry) -> Result<Group, Complaint> {
    Ok(Group {
        name: entry.key.to_lowercase(),
        written: At { value: entry.key.clone(), place: entry.place },
        users: texts(&entry.node, "users")?,
    })
}

fn metrics(node: &Node, _: &str) -> Result<Metrics, Complaint> {
    Ok(Metrics {
        place: node.present("users").map(|entry| entry.place),
        users: texts(node, "users")?,
        anonymous: texts(node, "anonymousPolicy")?,
    })
}
