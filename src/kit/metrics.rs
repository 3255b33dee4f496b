//! A strict reader of the Prometheus text format, so that a login page is not taken for metrics.
//!
//! Pure. Format: Prometheus documentation, "Exposition formats", text format 0.0.4.

use std::collections::BTreeMap;

use crate::http::Answer;

/// The most that an answer with metrics may have.
pub(crate) const LIMIT: usize = 32 << 20;

/// What scrapers send, as their releases do: User-Agent and Accept.
pub(crate) const SCRAPERS: [(&str, &str); 2] = [
    (
        "Prometheus/3.5.0",
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
         application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
         text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
    ),
    ("Alloy/v1.10.0 (linux; docker)", "text/plain;version=0.0.4;q=1,*/*;q=0.1"),
];

/// One sample.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
}

impl Sample {
    pub(crate) fn label(&self, name: &str) -> Option<&str> {
        self.labels.get(name).map(String::as_str)
    }
}

/// The samples that an answer shows, whatever its status; none where it has another content. A line that is no sample hides
/// none of the others.
pub(crate) fn of(answer: &Answer) -> Vec<Sample> {
    if answer.is_html() {
        return vec![];
    }
    let text = String::from_utf8_lossy(&answer.body);
    parse(&text).unwrap_or_else(|_| {
        let samples = text.lines().filter_map(|line| sample(line).ok());
        samples.filter(|sample| sample.name.contains('_')).take(MOST).collect()
    })
}

/// The sum of all samples of that name whose labels hold that value, if there is any.
pub(crate) fn sum(samples: &[Sample], name: &str, label: Option<(&str, &str)>) -> Option<f64> {
    let holds = |sample: &&Sample| label.is_none_or(|(key, value)| sample.label(key) == Some(value));
    let found: Vec<f64> =
        samples.iter().filter(|sample| sample.name == name).filter(holds).map(|sample| sample.value).collect();
    (!found.is_empty()).then(|| found.iter().sum())
}

/// Why a text is not in the Prometheus format.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("line {line} is not in the Prometheus text format: {what}")]
pub(crate) struct NotMetrics {
    pub(crate) line: usize,
    pub(crate) what: &'static str,
}

/// More samples than any registry has series; each costs many times the bytes of its line.
const MOST: usize = 100_000;

/// All samples of a text; one wrong line makes the whole text wrong.
pub(crate) fn parse(text: &str) -> Result<Vec<Sample>, NotMetrics> {
    let mut samples = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let wrong = |what| NotMetrics { line: index + 1, what };
        if line.starts_with('#') || line.trim().is_empty() {
            let mut words = line.split_ascii_whitespace();
            if words.next() == Some("#") && words.next() == Some("TYPE") {
                let kind = (words.next(), words.next(), words.next());
                let known = ["counter", "gauge", "histogram", "summary", "untyped"];
                if !matches!(kind, (Some(_), Some(kind), None) if known.contains(&kind)) {
                    return Err(wrong("a TYPE line without a known type"));
                }
            }
            continue;
        }
        if samples.len() == MOST {
            return Err(wrong("more samples than a registry has"));
        }
        samples.push(sample(line).map_err(wrong)?);
    }
    Ok(samples)
}

fn sample(line: &str) -> Result<Sample, &'static str> {
    let end = line.find(|c: char| !is_name(c, true)).ok_or("a name without a value")?;
    let (name, mut rest) = line.split_at(end);
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err("no metric name");
    }
    let mut labels = BTreeMap::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = label_set(inner, &mut labels)?;
    }
    let mut words = rest.split_ascii_whitespace();
    let value = words.next().and_then(number).ok_or("no value")?;
    if words.next().is_some_and(|time| time.parse::<i64>().is_err()) || words.next().is_some() {
        return Err("something after the value that is no timestamp");
    }
    Ok(Sample { name: name.to_owned(), labels, value })
}

fn is_name(c: char, colon: bool) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || (colon && c == ':')
}

fn number(text: &str) -> Option<f64> {
    match text {
        "Inf" => Some(f64::INFINITY),
        "NaN" => Some(f64::NAN),
        // Also `+Inf` and `-Inf`.
        _ if text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) => text.parse().ok(),
        _ => None,
    }
}

/// Reads up to the closing brace and tells what follows.
fn label_set<'a>(mut rest: &'a str, labels: &mut BTreeMap<String, String>) -> Result<&'a str, &'static str> {
    loop {
        rest = rest.trim_start_matches([' ', '\t']);
        if let Some(after) = rest.strip_prefix('}') {
            return Ok(after);
        }
        let end = rest.find(|c: char| !is_name(c, false)).ok_or("a label set that does not end")?;
        let (name, after) = rest.split_at(end);
        let after = after.strip_prefix("=\"").filter(|_| !name.is_empty()).ok_or("a label without a quoted value")?;
        let mut value = String::new();
        let mut characters = after.char_indices();
        let close = loop {
            match characters.next() {
                Some((at, '"')) => break at,
                Some((_, '\\')) => value.push(match characters.next() {
                    Some((_, 'n')) => '\n',
                    Some((_, c @ ('\\' | '"'))) => c,
                    _ => return Err("an unknown escape in a label"),
                }),
                Some((_, c)) => value.push(c),
                None => return Err("a label value that does not end"),
            }
        };
        if labels.insert(name.to_owned(), value).is_some() {
            return Err("a label twice");
        }
        rest = after[close + 1..].trim_start_matches([' ', '\t']);
        match rest.strip_prefix(',') {
            Some(after) => rest = after,
            None if rest.starts_with('}') => {}
            None => return Err("no comma between labels"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_have_names_labels_and_values() {
        let text = "# HELP a b\n# TYPE a counter\na 1\nb{c=\"d}\\\"\\n\",e=\"\",} -2.5e3 1700000000\n\nc:d +Inf\n";
        let samples = parse(text).unwrap();
        assert_eq!(samples.len(), 3);
        assert_eq!(samples[1].label("c"), Some("d}\"\n"));
        assert_eq!(samples[1].value, -2500.0);
    }

    #[test]
    fn a_value_may_be_no_finite_number() {
        let values = |text| parse(text).unwrap().into_iter().map(|sample| sample.value).collect::<Vec<_>>();
        assert_eq!(values("a Inf\na +Inf\na -Inf\na .5"), [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, 0.5]);
        assert!(values("a NaN")[0].is_nan());
    }

    #[test]
    fn a_sum_is_of_the_samples_with_that_name_and_label() {
        let samples = parse("a{b=\"c\"} 1\na{b=\"d\"} 2\na{b=\"c\",e=\"f\"} 4\na 8\ng{b=\"c\"} 16\n").unwrap();
        assert_eq!(sum(&samples, "a", None), Some(15.0));
        assert_eq!(sum(&samples, "a", Some(("b", "c"))), Some(5.0));
        assert_eq!(sum(&samples, "a", Some(("b", "x"))), None);
        assert_eq!(sum(&samples, "x", None), None);
    }

    #[test]
    fn what_is_not_metrics_is_refused() {
        for text in [
            "<!DOCTYPE html><title>Log in</title>",
            "{\"errors\":[]}",
            "a",
            "a b",
            "a{b=\"c\" 1",
            "a{b=c} 1",
            "a{b=\"c\"d=\"e\"} 1",
            "1a 1",
            "a 1 2 3",
            "# TYPE a nonsense",
            "a{b=\"c\",b=\"d\"} 1",
            "a inf",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
