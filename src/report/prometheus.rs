//! Metrics for the textfile collector of node_exporter, and for `watch`, which is scraped.
//!
//! Text format 0.0.4: every metric's samples stand together under one `# HELP` and `# TYPE`, and no series appears twice.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use crate::model::outcome::Run;
use crate::model::shown::Shown;

const VERDICTS: [Shown; 5] = [Shown::Pass, Shown::Fail, Shown::Error, Shown::Warn, Shown::Skip];

/// The runs as Prometheus text.
#[must_use]
pub fn prometheus(runs: &[&Run]) -> String {
    let mut page = Page::default();
    for run in runs {
        let scenario = ("scenario", run.scenario.as_str());
        for outcome in &run.outcomes {
            let check = ("check", outcome.id.as_str());
            for verdict in VERDICTS {
                let value = f64::from(u8::from(outcome.shown() == verdict));
                let labels = [scenario, check, ("verdict", verdict.word())];
                page.add("check_verdict", "1 for the verdict of a check, 0 for the other four.", &labels, value);
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
        page.started(run);
        page.add("run_duration_seconds", "How long the run took.", &[scenario], run.duration.as_secs_f64());
        let status = f64::from(run.exit_status(false).code());
        page.add("run_exit_status", "0 proven, 1 broken, 2 not proven, 4 nothing to run.", &[scenario], status);
        let release = run.registry.release.as_deref().unwrap_or_default();
        let labels = [scenario, ("version", run.version.as_str()), ("release", release)];
        page.add("run_info", "The version of regproof, and the release that the registry claims.", &labels, 1.0);
    }
    page.text()
}

/// What `watch` knows of itself.
#[derive(Clone, Debug)]
pub(crate) struct Watched {
    /// The scenario's name.
    pub(crate) scenario: String,
    /// From start to start.
    pub(crate) interval: Duration,
    /// How many runs have ended.
    pub(crate) runs: u64,
    /// How many starts were skipped, as the run before had not ended.
    pub(crate) missed: u64,
    /// How often the scenario or its secrets could not be read anew.
    pub(crate) reload_errors: u64,
    /// Whether the last attempt to read them worked.
    pub(crate) reloaded: bool,
}

/// The metrics of `watch` itself, and of its last run: all of them while they are fresh. Of a stale run nothing is told but
/// when it began: a series that ends is seen by every query, a value that no longer holds by none.
pub(crate) fn watched(watched: &Watched, last: Option<&Run>, fresh: bool) -> String {
    let mut page = Page::default();
    let labels = [("scenario", watched.scenario.as_str())];
    let flag = |is: bool| f64::from(u8::from(is));
    let seconds = watched.interval.as_secs_f64();
    page.add("watch_interval_seconds", "Time from the start of one run to the start of the next.", &labels, seconds);
    page.add("watch_fresh", "1 while the last run is recent, 0 otherwise.", &labels, flag(fresh));
    let help = "1 if the last run read scenario and secrets anew, 0 if it used the former ones.";
    page.add("watch_last_reload_successful", help, &labels, flag(watched.reloaded));
    page.count("watch_runs_total", "How many runs have ended.", &labels, watched.runs);
    let help = "How many starts were skipped because a run was still going on.";
    page.count("watch_missed_intervals_total", help, &labels, watched.missed);
    let help = "How often the scenario or its secrets could not be read anew.";
    page.count("watch_reload_errors_total", help, &labels, watched.reload_errors);
    if let Some(run) = last.filter(|_| !fresh) {
        page.started(run);
    }
    let last: Vec<&Run> = last.filter(|_| fresh).into_iter().collect();
    page.text() + &prometheus(&last)
}

#[derive(Clone, Copy)]
enum Kind {
    Gauge,
    Counter,
}

#[derive(Default)]
struct Page {
    metrics: BTreeMap<String, (&'static str, Kind, Vec<String>)>,
    series: HashSet<String>,
}

impl Page {
    fn started(&mut self, run: &Run) {
        let labels = [("scenario", run.scenario.as_str())];
        let started = run.started.unix_timestamp_nanos() / 1_000_000;
        let started = Duration::from_millis(u64::try_from(started).unwrap_or(0)).as_secs_f64();
        self.add("run_timestamp_seconds", "When the run began, in seconds since 1970.", &labels, started);
    }

    fn add(&mut self, name: &str, help: &'static str, labels: &[(&str, &str)], value: f64) {
        self.sample(name, help, Kind::Gauge, labels, &number(value));
    }

    fn count(&mut self, name: &str, help: &'static str, labels: &[(&str, &str)], value: u64) {
        self.sample(name, help, Kind::Counter, labels, &value.to_string());
    }

    fn sample(&mut self, name: &str, help: &'static str, kind: Kind, labels: &[(&str, &str)], value: &str) {
        let name = metric_name(name);
        let labels: Vec<String> = labels.iter().map(|(label, text)| format!("{label}=\"{}\"", escaped(text))).collect();
        let series = format!("{name}{{{}}}", labels.join(","));
        // The collector refuses a whole file for one series that is there twice; the first one stays.
        if self.series.insert(series.clone()) {
            let (_, _, samples) = self.metrics.entry(name).or_insert((help, kind, Vec::new()));
            samples.push(format!("{series} {value}"));
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (name, (help, kind, samples)) in &self.metrics {
            let kind = match kind {
                Kind::Gauge => "gauge",
                Kind::Counter => "counter",
            };
            text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n{}\n", samples.join("\n")));
        }
        text
    }
}

fn metric_name(name: &str) -> String {
    let safe: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    format!("regproof_{safe}")
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn number(value: f64) -> String {
    match value {
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        _ => value.to_string(),
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
    fn of_a_stale_run_only_its_time_is_told() {
        let run = sample::run();
        let about = Watched {
            scenario: run.scenario.clone(),
            interval: Duration::from_millis(1500),
            runs: 7,
            missed: 2,
            reload_errors: 1,
            reloaded: false,
        };
        let (fresh, stale, none) =
            (watched(&about, Some(&run), true), watched(&about, Some(&run), false), watched(&about, None, false));
        for text in [&fresh, &stale, &none] {
            assert_text_format(text);
            assert!(text.contains("# TYPE regproof_watch_missed_intervals_total counter\n"), "{text}");
        }
        assert!(
            fresh.contains("\nregproof_check_verdict{") && fresh.contains("regproof_watch_fresh{") && !none.is_empty()
        );
        for of_the_run in ["regproof_check_", "regproof_key_", "regproof_run_exit_status"] {
            assert!(!stale.contains(of_the_run), "{stale}");
        }
        assert_eq!(fresh.matches("\nregproof_run_timestamp_seconds{").count(), 1);
        assert_eq!(stale.matches("\nregproof_run_timestamp_seconds{").count(), 1);
    }

    #[test]
    fn any_name_becomes_one_of_a_metric() {
        assert_eq!(metric_name("key_days-left.2é"), "regproof_key_days_left_2_");
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
