//! How many requests a second a run may send.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};

/// Requests in a second, as `10` or `0.5`.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Rate(pub f64);

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Rate, D::Error> {
        struct Number;
        impl Visitor<'_> for Number {
            type Value = f64;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of requests in a second, as 10 or 0.5")
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<f64, E> {
                Ok(number)
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<f64, E> {
                i32::try_from(number).map(f64::from).map_err(|_| E::custom("the rate is out of range"))
            }
        }
        let rate = deserializer.deserialize_any(Number)?;
        // Slower than one request in ten seconds, a run does not end.
        if (0.1..=100_000.0).contains(&rate) {
            Ok(Rate(rate))
        } else {
            Err(D::Error::custom(format!("`{rate}` must be between 0.1 and 100000 requests in a second")))
        }
    }
}

impl JsonSchema for Rate {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Rate".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "minimum": 0.1, "maximum": 100_000, "examples": [10] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_that_a_run_can_keep() {
        let read = |text: &str| toml::from_str::<std::collections::BTreeMap<String, Rate>>(&format!("rate = {text}"));
        assert_eq!(read("10").unwrap()["rate"], Rate(10.0));
        assert_eq!(read("0.5").unwrap()["rate"], Rate(0.5));
        for wrong in ["0", "-1", "0.01", "nan", "inf", "1000000", "\"10\"", "9223372036854775807"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
