//! Reports of a run: as files, and as text for the console. The exit status was decided before.
//!
//! Every text passes the redactor before it is made, and once more before it leaves.

use std::path::Path;

use serde_json::Value;

use crate::base::redact::Redactor;
use crate::cli::Files;
use crate::model::outcome::Run;
use crate::report::output::{firewall, redacted, write_atomically};
use crate::report::{self, Format, Look, ReportError};

/// Writes every file that was asked for; answers what went wrong. One file that fails keeps no other from being written.
pub(crate) fn write(files: &Files, runs: &[Run], redactor: &Redactor) -> Vec<ReportError> {
    let clean: Vec<Run> = runs.iter().map(|run| redacted(run, redactor)).collect();
    let clean: Vec<&Run> = clean.iter().collect();
    let mut errors = Vec::new();
    let mut put = |file: Option<&Path>, text: &dyn Fn() -> Result<String, ReportError>| {
        if let Some(file) = file {
            errors.extend(text().and_then(|text| write_atomically(file, &text, redactor)).err());
        }
    };
    put(files.junit.as_deref(), &|| report::junit(&clean));
    put(files.json.as_deref(), &|| Ok(report::json(&clean)));
    put(files.html.as_deref(), &|| Ok(report::html(&clean)));
    put(files.markdown.as_deref(), &|| {
        Ok(clean.iter().map(|run| report::markdown(run)).collect::<Vec<_>>().join("\n"))
    });
    put(files.prometheus.as_deref(), &|| Ok(report::prometheus(&clean)));
    put(files.har.as_deref(), &|| Ok(har(&clean)));
    errors
}

/// The text for the console, and whether a secret had to be kept out of it at the last moment.
pub(crate) fn console(runs: &[Run], format: Format, look: impl Into<Look>, redactor: &Redactor) -> (String, bool) {
    let clean: Vec<Run> = runs.iter().map(|run| redacted(run, redactor)).collect();
    firewall(&report::console(&clean.iter().collect::<Vec<_>>(), format, look), redactor)
}

/// One HAR of several runs: a page is named by its scenario too, since two scenarios run the same checks.
fn har(runs: &[&Run]) -> String {
    let [first, rest @ ..] = runs else { return String::new() };
    if rest.is_empty() {
        return report::har(first);
    }
    let mut whole: Option<Value> = None;
    for run in runs {
        let mut one: Value = serde_json::from_str(&report::har(run)).expect("our own HAR is JSON");
        for (list, key) in [("pages", "id"), ("entries", "pageref")] {
            for item in one["log"][list].as_array_mut().into_iter().flatten() {
                item[key] = format!("{}: {}", run.scenario, item[key].as_str().unwrap_or_default()).into();
            }
        }
        match &mut whole {
            None => whole = Some(one),
            Some(whole) => {
                for list in ["pages", "entries"] {
                    if let (Some(all), Value::Array(more)) =
                        (whole["log"][list].as_array_mut(), one["log"][list].take())
                    {
                        all.extend(more);
                    }
                }
            }
        }
    }
    format!("{:#}\n", whole.unwrap_or_default())
}
