//! The table is whole, and what it says of checks is so.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::*;
use crate::checks;
use crate::lab::Weakness;
use crate::zot::config::Config;
use crate::zot::schema;

/// Every key of the schema that has no keys below it, with `NAME` for what an operator names.
fn schema_keys() -> BTreeSet<String> {
    let schema = Scenario::json_schema();
    let mut keys = BTreeSet::new();
    walk(&schema, &schema, "", &mut keys);
    keys
}

fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let some = schema["anyOf"].as_array().and_then(|choices| choices.iter().find(|choice| choice["type"] != "null"));
    let schema = some.unwrap_or(schema);
    let target = schema["$ref"].as_str().and_then(|reference| root.pointer(reference.trim_start_matches('#')));
    target.unwrap_or(schema)
}

fn walk(root: &Value, schema: &Value, path: &str, keys: &mut BTreeSet<String>) {
    for (key, value) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        let value = resolve(root, value);
        let (inner, named) = (resolve(root, &value["items"]), resolve(root, &value["additionalProperties"]));
        if value["properties"].is_object() {
            walk(root, value, &path, keys);
            if named["properties"].is_object() {
                // The same keys for a pattern.
                keys.insert(format!("{path}.PATTERN"));
            }
        } else if inner["properties"].is_object() {
            walk(root, inner, &path, keys);
        } else if named["properties"].is_object() {
            walk(root, named, &format!("{path}.NAME"), keys);
        } else {
            keys.insert(path);
        }
    }
}

fn difference(rows: &[Row], keys: &BTreeSet<String>) -> (Vec<String>, Vec<String>) {
    let listed: BTreeSet<String> = rows.iter().map(|row| row.key.to_owned()).collect();
    assert_eq!(listed.len(), rows.len(), "a key has two rows");
    (keys.difference(&listed).cloned().collect(), listed.difference(keys).cloned().collect())
}

#[test]
fn every_key_of_a_scenario_has_a_row() {
    let (missing, unknown) = difference(SCENARIO, &schema_keys());
    assert!(missing.is_empty() && unknown.is_empty(), "no row: {missing:?}; no key: {unknown:?}");
}

#[test]
fn every_key_of_zots_configuration_has_a_row() {
    let listed: BTreeSet<&str> = ZOT.iter().map(|row| row.key).collect();
    let keys = schema::paths();
    // A section whose keys nobody notices has one row for all of them.
    let above = |key: &str| listed.iter().any(|row| key.strip_prefix(row).is_some_and(|rest| rest.starts_with('.')));
    let missing: Vec<&String> = keys.iter().filter(|key| !listed.contains(key.as_str()) && !above(key)).collect();
    assert!(missing.is_empty(), "no row: {missing:?}");
    let known = |row: &str| {
        keys.iter().any(|key| key.strip_prefix(row).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
    };
    let gone: Vec<&&str> = listed.iter().filter(|row| !known(row)).collect();
    assert!(gone.is_empty(), "no key of zot's: {gone:?}");
}

#[test]
fn a_row_names_checks_that_exist_and_what_they_notice() {
    let mutants = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mutants");
    for row in SCENARIO.iter().chain(ZOT) {
        let By::Checks(by, shown) = row.by else { continue };
        assert!(!by.is_empty(), "{}", row.key);
        for id in by {
            assert!(checks::find(id).is_some(), "{}: there is no check {id}", row.key);
        }
        for name in shown {
            let weakness = Weakness::all().find(|weakness| weakness.name() == *name);
            let mut seen: Vec<String> =
                weakness.iter().flat_map(|weakness| weakness.breaks()).map(|id| (*id).to_owned()).collect();
            if let Ok(text) = std::fs::read_to_string(mutants.join(format!("{name}.toml"))) {
                let mutant: BTreeMap<String, toml::Value> = toml::from_str(&text).expect("a mutant is TOML");
                let lists = ["fails", "undecided"].map(|list| mutant.get(list).and_then(toml::Value::as_array));
                let ids = lists.into_iter().flatten().flatten().filter_map(toml::Value::as_str);
                seen.extend(ids.map(str::to_owned));
            }
            assert!(by.iter().any(|id| seen.iter().any(|seen| seen == id)), "{}: {name} shows {seen:?}", row.key);
        }
    }
}

#[test]
fn a_key_that_no_check_proves_is_told_where_a_configuration_has_it() {
    let text = r#"{"storage": {"rootDirectory": "/x"}, "http": {"REALM": "r", "auth": {"failDelay": 3}, "port": "1"},
        "extensions": {"sync": {"registries": [{"urls": ["https://u.test"], "maxRetries": 3,
        "retryDelay": "5s"}]}}}"#;
    let mut scenario: Scenario =
        toml::from_str("schema = 1\nname = \"n\"\n[registry]\nurl = \"https://r.test\"\n").unwrap();
    assert_eq!(told(&scenario), "");
    scenario.config = Some(Config::parse("config.json", text).unwrap().into());
    let keys: Vec<&str> = unproven(&scenario).into_iter().map(|(key, _)| key).collect();
    let retries = ["extensions.sync.registries.maxRetries", "extensions.sync.registries.retryDelay"];
    assert_eq!(keys, [&["storage", "http.realm", "http.auth.failDelay"][..], &retries[..]].concat());
    assert!(told(&scenario).contains("not proven by any check, though config.json says it"));
}

#[test]
fn the_page_is_the_table() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/coverage.md");
    if std::env::var_os("REGPROOF_UPDATE").is_some() {
        return std::fs::write(file, page()).expect("the page can be written");
    }
    let found = std::fs::read_to_string(file).unwrap_or_default();
    assert!(found == page(), "docs/coverage.md is not the table: run `REGPROOF_UPDATE=1 cargo test --lib coverage`");
}
