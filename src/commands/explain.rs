//! `explain`: what stands behind an id that a report, a lint or the lab names.
//!
//! Reads no file and no scenario.

use std::fmt::Write;

use super::Trouble;
use crate::check::Check;
use crate::checks::{self, CHECKS};
use crate::drift;
use crate::lab::Weakness;
use crate::run::symptom::CODES;
use crate::zot::advisory::{self, Advisory};
use crate::zot::lint::{self, LINTS, LintInfo};

/// The text of a check, a lint, an advisory, a cause or a weakness.
pub(crate) fn explain(id: &str) -> Result<String, Trouble> {
    let advisory = || advisory::all().iter().find(|advisory| advisory.id.eq_ignore_ascii_case(id));
    if let Some(check) = checks::find(id).or((id == drift::CHECK.id).then_some(&drift::CHECK)) {
        Ok(of_check(check))
    } else if let Some((check, probe)) = checks::probe(id) {
        Ok(format!("{}Asked by: {check}\n", probe.text()))
    } else if let Some(lint) = lint::info(id) {
        Ok(of_lint(lint))
    } else if let Some(advisory) = advisory() {
        Ok(of_advisory(advisory))
    } else if let Some((code, text)) = CODES.iter().find(|(code, _)| *code == id) {
        Ok(format!("{code}  (a cause that findings name)\n\n{text}\n"))
    } else if let Ok(weakness) = id.parse::<Weakness>() {
        Ok(of_weakness(weakness))
    } else {
        Err(unknown(id))
    }
}

fn of_check(check: &Check) -> String {
    let (id, effect) = (check.id, check.meta.effect);
    format!("{id}  (a check, effect: {effect})\n\n{}\n\nSource: {}\n", check.doc().trim_end(), check.file)
}

fn of_lint(lint: &LintInfo) -> String {
    let severity = format!("{:?}", lint.severity).to_lowercase();
    format!("{}  (a lint of zot's configuration, usually {severity})\n\n{}\n\n{}\n", lint.id, lint.title, lint.explain)
}

fn of_advisory(advisory: &Advisory) -> String {
    let releases = match (advisory.from, advisory.before) {
        (None, None) => "every release".to_owned(),
        (Some(from), None) => format!("{from} and later"),
        (None, Some(before)) => format!("before {before}"),
        (Some(from), Some(before)) => format!("from {from}, before {before}"),
    };
    let mut text = format!("{}  (an advisory on zot: {releases})\n\n{}\n", advisory.id, advisory.title);
    let mut section = |heading: &str, body: &str| {
        // Writing to a String cannot fail.
        let _ = write!(text, "\n## {heading}\n\n{}\n", body.trim_end());
    };
    section("Symptom", &advisory.symptom);
    section("Remedy", &advisory.remedy);
    section("How a live registry shows it", &advisory.proof);
    if let Some(check) = &advisory.check {
        section("Check", check);
    }
    section("Source", &advisory.source);
    text
}

fn of_weakness(weakness: Weakness) -> String {
    let caught = if weakness.breaks().is_empty() {
        "Breaks no promise of the lab's scenario.".to_owned()
    } else {
        format!("Caught by:\n- {}", weakness.breaks().join("\n- "))
    };
    format!("{weakness}  (a weakness of the lab)\n\n{}\n\n{caught}\n", weakness.summary())
}

fn unknown(id: &str) -> Trouble {
    let lints = LINTS.iter().map(|lint| lint.id);
    let advisories = advisory::all().iter().map(|advisory| advisory.id.as_str());
    let all =
        CHECKS.iter().map(|check| check.id).chain(lints).chain(advisories).chain(Weakness::all().map(Weakness::name));
    let all = all.chain(CODES.iter().map(|(code, _)| *code));
    let near = nearest(id, all);
    let near: Vec<String> = near.iter().map(|id| format!("`{id}`")).collect();
    let hint = if near.is_empty() { String::new() } else { format!(" Did you mean {}?", near.join(" or ")) };
    Trouble::usage(format_args!(
        "there is no check, lint, advisory, cause or weakness `{id}`.{hint} `regproof list` names all checks"
    ))
}

/// At most three names that are meant, perhaps; the nearest first.
fn nearest<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let last = |name: &'a str| name.rsplit("::").next().unwrap_or(name);
    let distance = |name: &'a str| {
        let part = wrong.len() >= 3 && name.contains(wrong);
        let typed = strsim::damerau_levenshtein(wrong, name).min(strsim::damerau_levenshtein(wrong, last(name)));
        if part { 0 } else { typed }
    };
    let mut near: Vec<(usize, &str)> =
        names.map(|name| (distance(name), name)).filter(|(far, _)| *far <= wrong.len() / 3).collect();
    near.sort_unstable();
    let best = near.first().map_or(0, |(far, _)| *far);
    // What is clearly further away was not meant.
    near.retain(|(far, _)| *far <= best + 1);
    near.into_iter().take(3).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_with_an_id_can_be_explained() {
        let lints = LINTS.iter().map(|lint| lint.id);
        let advisories = advisory::all().iter().map(|advisory| advisory.id.as_str());
        let causes = CODES.iter().map(|(code, _)| *code);
        for id in lints.chain(advisories).chain(Weakness::all().map(Weakness::name)).chain(causes) {
            let text = explain(id).unwrap();
            assert!(text.starts_with(id) && text.lines().count() > 2, "{text}");
        }
    }

    #[test]
    fn a_name_that_is_nearly_right_is_understood() {
        let names =
            ["access::anonymous_can_pull", "access::anonymous_cannot_push", "oidc::login_returns_with_a_session"];
        for (wrong, right) in [
            ("access::anonymus_can_pull", names[0]),
            ("anonymous_cannot_push", names[1]),
            ("login_returns", names[2]),
            ("access/anonymous_cannot_push", names[1]),
        ] {
            assert_eq!(nearest(wrong, names.into_iter()).first(), Some(&right), "{wrong}");
        }
        assert!(nearest("xyzzy", names.into_iter()).is_empty());
        assert!(nearest("", names.into_iter()).is_empty());
    }
}
