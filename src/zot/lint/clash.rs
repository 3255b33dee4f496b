//! Lints of two repository patterns that meet: one takes the other's grants away, or chance decides.

use super::subject::Subject;
use super::{Findings, Severity};
use crate::zot::config::{AccessControl, CacheNamespace, Policy, Repository};
use crate::zot::glob;
use crate::zot::policy::{Action, Decision, by_pattern, winning};

pub(super) fn lint(
    access: &AccessControl,
    one: &Repository,
    other: &Repository,
    subjects: &[Subject],
    caches: &[CacheNamespace],
    findings: &mut Findings,
) {
    if !glob::may_meet(&one.pattern.value, &other.pattern.value) {
        return;
    }
    let (one_length, other_length) = (one.pattern.value.len(), other.pattern.value.len());
    let (long, short) = if one_length >= other_length { (one, other) } else { (other, one) };
    let Some(witness) = glob::common_name(&long.pattern.value, &short.pattern.value) else {
        return;
    };
    // A third pattern may be longer than both, and then this pair decides nothing.
    if !winning(access, &witness).contains(&long) {
        return;
    }
    let pair = Pair { access, long, short, witness };
    if one_length == other_length {
        pair.tie(subjects, findings);
    } else {
        pair.shadow(subjects, caches, findings);
    }
}

struct Pair<'a> {
    access: &'a AccessControl,
    long: &'a Repository,
    short: &'a Repository,
    /// A repository that both match.
    witness: String,
}

impl Pair<'_> {
    fn answer(&self, rule: &Repository, subject: &Subject, action: Action) -> Decision {
        by_pattern(self.access, Some(rule), &subject.who, &subject.groups, action)
    }

    /// Whether one of the two rules speaks of the subject: the others have the answers of everybody.
    fn concerns(&self, subject: &Subject) -> bool {
        let names = |policy: &Policy| {
            policy.users.iter().any(|at| at.value == subject.who.name)
                || policy.groups.iter().any(|at| subject.groups.contains(&at.value))
        };
        !subject.named || self.long.policies.iter().chain(&self.short.policies).any(names)
    }

    fn tie(&self, subjects: &[Subject], findings: &mut Findings) {
        let subjects = subjects.iter().filter(|subject| self.concerns(subject));
        let asked = subjects.flat_map(|subject| Action::ALL.map(|action| (subject, action)));
        let split = { asked }.find(|(subject, action)| {
            let answer = |rule| self.answer(rule, subject, *action).is_allowed();
            answer(self.long) != answer(self.short)
        });
        let Some((subject, action)) = split else {
            return;
        };
        let (long, short, witness) = (&self.long.pattern, &self.short.pattern, &self.witness);
        let consequence = format!(
            "`{}` and `{}` are equally long and both match `{witness}`: whether {} may {action} there changes from \
             request to request",
            short.value, long.value, subject.label
        );
        let remedy = "make one pattern longer, or their grants equal";
        findings.add("lint::equal_length_patterns", long.place.max(short.place), consequence, remedy);
    }

    /// Whether the longer pattern keeps writers out of a cache, as the lint of the cache advises.
    fn guards_a_cache(&self, caches: &[CacheNamespace]) -> bool {
        caches.iter().any(|cache| cache.pattern != "**" && glob::covers(&cache.pattern, &self.long.pattern.value))
    }

    fn shadow(&self, subjects: &[Subject], caches: &[CacheNamespace], findings: &mut Findings) {
        let guards = self.guards_a_cache(caches);
        let lost = |subject: &Subject, action| {
            if guards && action != Action::Read {
                return false;
            }
            let answer = |rule| self.answer(rule, subject, action);
            answer(self.long).is_denied() && answer(self.short).is_allowed()
        };
        let everybody = subjects.iter().find(|subject| !subject.named && !subject.who.is_anonymous());
        let mut losses: Vec<(Vec<&str>, Vec<&str>)> = Vec::new();
        let mut named = false;
        for subject in subjects.iter().filter(|subject| self.concerns(subject)) {
            // What every user loses is said once.
            let own = |action: &Action| !subject.named || !everybody.is_some_and(|everybody| lost(everybody, *action));
            let words = Action::ALL.into_iter().filter(|action| lost(subject, *action)).filter(own);
            let words: Vec<_> = words.map(Action::word).collect();
            if words.is_empty() {
                continue;
            }
            named |= subject.named;
            match losses.iter_mut().find(|known| known.0 == words) {
                Some(known) => known.1.push(&subject.label),
                None => losses.push((words, vec![&subject.label])),
            }
        }
        if losses.is_empty() {
            return;
        }
        let severity = if named { Severity::Medium } else { Severity::Low };
        let losses: Vec<_> =
            losses.iter().map(|(words, who)| format!("{} for {}", words.join(", "), who.join(", "))).collect();
        let (long, short, witness) = (&self.long.pattern, &self.short.pattern.value, &self.witness);
        let consequence =
            format!("`{}` replaces `{short}` and drops {} (for example in `{witness}`)", long.value, losses.join("; "));
        let remedy = format!("repeat the grants of `{short}`, unless the loss is meant");
        findings.add_with("lint::shadowed_grants", severity, long.place, consequence, &remedy);
    }
}
