//! How often the registry may ask an upstream about an image that it has.

use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::Period;
use crate::zot::config::CacheNamespace;
use crate::zot::glob;
use crate::zot::tree::Place;

/// How often pulls of a cached image may ask its upstream, as `never` or `1h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamAsked {
    /// No pull asks it.
    Never,
    /// One pull in this time may ask it.
    OnceIn(Period),
}

impl UpstreamAsked {
    /// What zot's configuration says of this repository that breaks the promise, and where.
    pub(super) fn contradicted(self, namespaces: &[CacheNamespace], repository: &str) -> Option<(Place, String)> {
        let asks = |namespace: &&CacheNamespace| {
            namespace.on_demand
                && glob::matches(&namespace.pattern, repository)
                && !self.is_kept_by(namespace.check_interval)
        };
        let namespace = namespaces.iter().find(asks)?;
        let there = match namespace.check_interval {
            Some(interval) => {
                format!("`onDemand`: a pull by tag asks the upstream once in {} s", interval.as_secs_f64())
            }
            None => "`onDemand`: a pull by tag asks the upstream each time".to_owned(),
        };
        Some((namespace.place, there))
    }

    /// Whether a registry that asks at most once in this time, or for each pull, keeps the promise.
    fn is_kept_by(self, interval: Option<Duration>) -> bool {
        match self {
            UpstreamAsked::Never => false,
            UpstreamAsked::OnceIn(period) => interval.is_some_and(|interval| interval >= period.0),
        }
    }
}

impl<'de> Deserialize<'de> for UpstreamAsked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<UpstreamAsked, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "never" {
            return Ok(UpstreamAsked::Never);
        }
        let period = text.parse().map(UpstreamAsked::OnceIn);
        period.map_err(|_| D::Error::custom(format!("`{text}` is neither `never` nor a period, as `30m` or `1h`")))
    }
}

impl JsonSchema for UpstreamAsked {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "UpstreamAsked".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^(never|[0-9]+(ms|s|m|h))$", "examples": ["never", "1h"] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_and_a_period_are_read_and_a_longer_interval_keeps_it() {
        let read = |text: &str| toml::from_str::<std::collections::BTreeMap<String, UpstreamAsked>>(text);
        let one = |text: &str| read(&format!("a = \"{text}\"")).map(|read| read["a"]);
        let (minute, hour) = (Some(Duration::from_secs(60)), Some(Duration::from_secs(3600)));
        assert_eq!(one("never").unwrap(), UpstreamAsked::Never);
        let hourly = one("1h").unwrap();
        assert_eq!(hourly, UpstreamAsked::OnceIn(Period::seconds(3600)));
        assert_eq!([hour, minute, None].map(|interval| hourly.is_kept_by(interval)), [true, false, false]);
        assert!(!UpstreamAsked::Never.is_kept_by(hour));
        for wrong in ["always", "0s", "1 h", "hourly", ""] {
            let error = one(wrong).unwrap_err().to_string();
            assert!(error.contains("neither `never` nor a period"), "{wrong}: {error}");
        }
    }
}
