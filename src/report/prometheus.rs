//! Metrics for the textfile collector of node_exporter.
//!
//! Text format 0.0.4: every metric's samples stand together under one `# HELP` and `# TYPE`, and no series appears twice.

use std::collections::{BTreeMap, HashSet};

use crate::outcome::{Run, Verdict};

const VERDICTS: [Verdict; 4] = [Verdict::Pass, Verdict::Fail, Verdict::Error, Verdict::Skip];

/// The runs as Prometheus text.
#[must_use]
pub fn prometheus(runs: &[&Run]) -> String {
    let mut page = Page::default();
    for run in runs {
        let scenario = ("scenario", run.scenario.as_str());
        for outcome in &run.outcomes {
            let check = ("check", outcome.id.as_str());
            for verdict in VERDICTS {
                let value = f64::from(u8::from(outcome.verdict == verdict));
                let labels = [scenario, check, ("verdict", verdict.word())];
                page.add("check_verdict", "1 for the verdict of a check, 0 for the other three.", &labels, value);
            }
            let took = outcome.duration.as_secs_f64();
            page.add("check_duration_seconds", "How long a check took.", &[scenario, check], took);
            for measure in &outcome.measures {
                let labels = [scenario, check, ("of", measure.of.as_str())];
                page.add(&measure.name, "A number that a check read.", &labels, measure.value);
            }
            let left = u32::try_from(outcome.leftovers.len()).unwrap_or(u32::MAX);
            page.add("check_leftovers", "What a check left behind in the registry.", &[scenario, check], left.into());
        }
        let started = run.started.unix_timestamp_nanos() / 1_000_000;
        let started = std::time::Duration::from_millis(u64::try_from(started).unwrap_or(0)).as_secs_f64();
        page.add("run_timestamp_seconds", "When the run began, in seconds since 1970.", &[scenario], started);
        page.add("run_duration_seconds", "How long the run took.", &[scenario], run.duration.as_secs_f64());
        let status = f64::from(run.exit_status(false).code());
        page.add("run_exit_status", "0 proven, 1 broken, 2 not proven, 4 nothing to run.", &[scenario], status);
        let release = run.registry.release.as_deref().unwrap_or_default();
        let labels = [scenario, ("version", run.version.as_str()), ("release", release)];
        page.add("run_info", "The version of regproof, and the release that the registry claims.", &labels, 1.0);
    }
    page.text()
}

#[derive(Default)]
struct Page {
    metrics: BTreeMap<String, (&'static str, Vec<String>)>,
    series: HashSet<String>,
}

impl Page {
    fn add(&mut self, name: &str, help: &'static str, labels: &[(&str, &str)], value: f64) {
        let name = metric_name(name);
        let labels: Vec<String> = labels.iter().map(|(label, text)| format!("{label}=\"{}\"", escaped(text))).collect();
        let series = format!("{name}{{{}}}", labels.join(","));
        // The collector refuses a whole file for one series that is there twice; the first one stays.
        if self.series.insert(series.clone()) {
            let (_, samples) = self.metrics.entry(name).or_insert((help, Vec::new()));
            samples.push(format!("{series} {}", number(value)));
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (name, (help, samples)) in &self.metrics {
            text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} gauge\n{}\n", samples.join("\n")));
        }
        text
    }
}

fn metric_name(name: &str) -> String {
    let safe: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect();
    format!("regproof_{safe}")
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn number(value: f64) -> String {
    if value.is_infinite() {
        if value > 0.0 { "+Inf".to_owned() } else { "-Inf".to_owned() }
    } else {
        value.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use proptest::prelude::*;
    use regex::Regex;

    fn assert_text_format(text: &str) {
        let sample =
            Regex::new(r#"^[a-z_]+\{([a-z]+="([^"\\\n]|\\["\\n])*",?)+\} (NaN|[+-]Inf|-?[0-9]+(\.[0-9]+)?)$"#).unwrap();
        for line in text.strip_suffix('\n').unwrap().split('\n') {
            assert!(line.starts_with("# HELP ") || line.starts_with("# TYPE ") || sample.is_match(line), "{line:?}");
        }
    }

    #[test]
    fn every_check_has_one_verdict() {
        let run = sample::run();
        let text = prometheus(&[&run, &run]);
        assert_text_format(&text);
        let ones = text.lines().filter(|l| l.starts_with("regproof_check_verdict{") && l.ends_with(" 1")).count();
        assert_eq!(ones, run.outcomes.len());
        assert!(text.contains(r#"check="keys::expire_later",of="ci\"\\\n"} 41.5"#));
        sample::snapshot("prometheus", &prometheus(&[&sample::small()]));
    }

    #[test]
    fn infinite_numbers_have_prometheus_names() {
        let numbers = [f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 1.5].map(number);
        assert_eq!(numbers, ["+Inf", "-Inf", "NaN", "1.5"]);
    }

    proptest! {
        #[test]
        fn any_label_stays_in_its_quotes(text in "(.|\n|\"|\\\\|\\}){0,30}") {
            let mut run = sample::small();
            run.scenario = text.clone();
            run.outcomes[0].id = text;
            assert_text_format(&prometheus(&[&run]));
        }
    }
}
