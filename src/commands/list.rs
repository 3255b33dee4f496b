//! `list` and `explain`: the checks as they describe themselves.
//!
//! Reads no file and no scenario.

use std::fmt::Write;

use super::Trouble;
use crate::check::Check;
use crate::checks::{self, CHECKS};
use crate::cli::ListFormat;

/// All checks.
pub(crate) fn list(format: ListFormat) -> String {
    match format {
        ListFormat::Plain => {
            let width = CHECKS.iter().map(|check| check.id.len()).max().unwrap_or(0);
            CHECKS.iter().map(|check| format!("{:<width$}  {}\n", check.id, check.title())).collect()
        }
        ListFormat::Json => {
            let one = |check: &Check| {
                serde_json::json!({
                    "id": check.id,
                    "title": check.title(),
                    "effect": check.meta.effect.to_string(),
                    "file": check.file,
                })
            };
            let checks: Vec<_> = CHECKS.iter().map(one).collect();
            format!("{:#}\n", serde_json::json!({ "schema": 1, "checks": checks }))
        }
    }
}

/// One check's text.
pub(crate) fn explain(id: &str) -> Result<String, Trouble> {
    let Some(check) = checks::find(id) else { return Err(unknown(id)) };
    let mut text = format!("{}  (effect: {})\n\n{}\n", check.id, check.meta.effect, check.doc().trim_end());
    // Writing to a String cannot fail.
    let _ = writeln!(text, "\nSource: {}", check.file);
    Ok(text)
}

fn unknown(id: &str) -> Trouble {
    let near = nearest(id, CHECKS.iter().map(|check| check.id));
    let near: Vec<String> = near.iter().map(|id| format!("`{id}`")).collect();
    let hint = if near.is_empty() { String::new() } else { format!(" Did you mean {}?", near.join(" or ")) };
    Trouble::usage(format_args!("there is no check `{id}`.{hint} `regproof list` names all"))
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
