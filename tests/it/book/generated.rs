//! The reference: scenario, commands and checks, from the schema, the command line and the checks themselves.

use std::collections::BTreeMap;
use std::fmt::Write;

use clap::CommandFactory;
use regproof::checks::CHECKS;
use regproof::cli::Cli;
use regproof::scenario::Scenario;
use serde_json::Value;

const NOTE: &str = "<!-- Generated: `make book` writes this page again. -->\n\n";

/// Compares a page with what it should be, or writes it.
pub fn hold(name: &str, text: &str) {
    let file = super::book().join("src").join(name);
    if crate::support::updates() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        return std::fs::write(file, text).unwrap();
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(found == text, "docs/book/src/{name} is not what the program says: run `make book`");
}

#[test]
fn the_commands_are_the_command_line() {
    let mut program = Cli::command().disable_help_subcommand(true).term_width(80);
    program.build();
    let mut text = format!("# Commands\n\n{NOTE}");
    text.push_str("| command | what it does |\n|---|---|\n");
    let commands = || program.get_subcommands().filter(|command| !command.is_hide_set());
    for command in commands() {
        let about = command.get_about().unwrap().to_string();
        writeln!(text, "| [`{0}`](#{0}) | {about} |", command.get_name()).unwrap();
    }
    for command in commands() {
        let help = command.clone().render_long_help().to_string();
        let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
        write!(text, "\n## {}\n\n```text\n{}\n```\n", command.get_name(), lines.join("\n").trim_end()).unwrap();
    }
    write!(text, "\n## Exit status\n\n```text\n{}\n```\n", program.get_after_help().unwrap()).unwrap();
    hold("commands.md", &text);
}

#[test]
fn the_checks_explain_themselves() {
    let mut areas: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for check in CHECKS {
        areas.entry(check.id.split("::").next().unwrap()).or_default().push(check);
    }
    let mut index =
        format!("# Checks\n\n{NOTE}{} checks, by area. `regproof explain ID` prints the same.\n", CHECKS.len());
    for (area, checks) in &areas {
        write!(index, "\n## {area}\n\n| check | promise | may send |\n|---|---|---|\n").unwrap();
        let mut page = format!("# {area}\n\n{NOTE}");
        for check in checks {
            let (title, effect) = (check.title(), check.meta.effect);
            writeln!(index, "| [`{}`](checks/{area}.md#{}) | {title} | {effect} |", check.id, anchor(check.id))
                .unwrap();
            let doc = check.doc().replace("\n## ", "\n### ").replace('<', "&lt;");
            write!(page, "## {}\n\n{}\n\nMay send: {effect}. Source: `{}`.\n\n", check.id, doc.trim(), check.file)
                .unwrap();
        }
        hold(&format!("checks/{area}.md"), &format!("{}\n", page.trim_end()));
    }
    hold("checks.md", &index);
    hold("SUMMARY.md", &summary(areas.keys().copied()));
}

/// The table of contents as it is, with the areas of checks as they are now.
fn summary<'a>(areas: impl Iterator<Item = &'a str>) -> String {
    let text = std::fs::read_to_string(super::book().join("src/SUMMARY.md")).unwrap();
    let kept = text.lines().filter(|line| !line.contains("](checks/"));
    let mut lines: Vec<String> = kept.map(str::to_owned).collect();
    let at = lines.iter().position(|line| line.contains("](checks.md)")).expect("the checks are in the contents") + 1;
    lines.splice(at..at, areas.map(|area| format!("  - [{area}](checks/{area}.md)")));
    lines.join("\n") + "\n"
}

/// The anchor of a heading, as mdbook makes it.
fn anchor(heading: &str) -> String {
    heading.chars().filter(|letter| letter.is_alphanumeric() || "_-".contains(*letter)).collect()
}

#[test]
fn the_scenario_is_its_schema() {
    let schema = Scenario::json_schema();
    let mut text = format!(
        "# Scenario\n\n{NOTE}A TOML file: where a registry is, and what its operator promises about it. A promise that is absent is \
         not tested;\nits checks are skipped and listed. An unknown key is an error with its line and column. `regproof schema` prints \
         the same as JSON\nSchema, for editors.\n\n| key | value | default | meaning |\n|---|---|---|---|\n"
    );
    let mut tables = Vec::new();
    rows(&schema, &schema, "", &mut text, &mut tables);
    let mut at = 0;
    while at < tables.len() {
        let (title, table): (String, Value) = tables[at].clone();
        write!(text, "\n## `{title}`\n\n{}\n\n", line(&table["description"])).unwrap();
        text.push_str("| key | value | default | meaning |\n|---|---|---|---|\n");
        let path = title.trim_matches(['[', ']']).to_owned();
        rows(&schema, &table, &format!("{path}."), &mut text, &mut tables);
        if let Some(named) = self::table(&schema, &table["additionalProperties"]) {
            writeln!(text, "\n`[{path}.\"PATTERN\"]` has the same keys for the repositories that match.").unwrap();
            assert_eq!(named["properties"].as_object().unwrap().len(), table["properties"].as_object().unwrap().len());
        }
        at += 1;
    }
    text.push_str(
        "\n## Secrets\n\nA secret is never in the file: `{ env = \"VARIABLE\" }`, `{ file = \"path\" }` or \
         `{ command = [\"program\", \"argument\"] }`.\nA path is relative to the scenario's folder.\n",
    );
    hold("scenario.md", &text);
}

#[test]
fn defaults_of_the_schema_are_those_of_the_program() {
    let schema = Scenario::json_schema();
    let base = "schema = 1\nname = \"n\"\nregistry.url = \"https://registry.example.test\"\n";
    let mut explicit = base.to_owned();
    for (table, name) in [("limits", "Limits"), ("keys", "Keys"), ("browser", "Browser")] {
        writeln!(explicit, "[{table}]").unwrap();
        for (key, value) in schema["$defs"][name]["properties"].as_object().unwrap() {
            // What may be left out, and is not set then, has no default.
            if value["default"].is_null() && value.to_string().contains("\"null\"") {
                continue;
            }
            assert!(!value["default"].is_null(), "{table}.{key} has no default in the schema");
            writeln!(explicit, "{key} = {}", value["default"]).unwrap();
        }
    }
    let read = |text: &str| format!("{:?}", toml::from_str::<Scenario>(text).unwrap());
    assert_eq!(read(base), read(&explicit));
}

fn line(description: &Value) -> String {
    description.as_str().unwrap_or_default().replace('\n', " ").replace('|', "\\|")
}

/// One row for each key with a plain value; each table is left for a separate section.
fn rows(root: &Value, schema: &Value, path: &str, text: &mut String, tables: &mut Vec<(String, Value)>) {
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (key, value) in schema["properties"].as_object().unwrap() {
        let meaning = line(&value["description"]);
        let full = format!("{path}{key}");
        let (inner, many) = (&value["items"], &value["additionalProperties"]);
        for (part, title) in
            [(value, format!("[{full}]")), (inner, format!("[[{full}]]")), (many, format!("[{full}.NAME]"))]
        {
            if let Some(table) = table(root, part) {
                writeln!(text, "| `{key}` | [table](#{}) | | {meaning} |", anchor(&title).to_lowercase()).unwrap();
                let mut table = table.clone();
                table["description"] = value["description"].clone();
                tables.push((title, table));
            }
        }
        if tables.last().is_some_and(|(title, _)| title.trim_matches(['[', ']']).trim_end_matches(".NAME") == full) {
            continue;
        }
        let default = match &value["default"] {
            _ if required.contains(&key.as_str()) => "required".to_owned(),
            Value::Null => String::new(),
            default => format!("`{default}`"),
        };
        writeln!(text, "| `{key}` | {} | {default} | {meaning} |", kind(root, value)).unwrap();
    }
}

fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let target = schema["$ref"].as_str().and_then(|reference| root.pointer(reference.trim_start_matches('#')));
    target.unwrap_or(schema)
}

/// The table behind a schema, if it has keys.
fn table<'a>(root: &'a Value, schema: &'a Value) -> Option<&'a Value> {
    let some = schema["anyOf"].as_array().and_then(|choices| choices.iter().find(|choice| choice["type"] != "null"));
    let target = resolve(root, some.unwrap_or(schema));
    target["properties"].is_object().then_some(target)
}

/// What a value is, in a word or two.
fn kind(root: &Value, schema: &Value) -> String {
    if schema["$ref"].as_str().is_some_and(|reference| reference.ends_with("/SecretSource")) {
        return "[secret](#secrets)".to_owned();
    }
    let schema = resolve(root, schema);
    let words = |choices: &Vec<Value>| {
        let known: Vec<String> =
            choices.iter().filter(|choice| choice["type"] != "null").map(|choice| kind(root, choice)).collect();
        known.join(", ")
    };
    if let Some(constant) = schema["const"].as_str() {
        return format!("`\"{constant}\"`");
    }
    if let Some(example) = schema["examples"][0].as_str() {
        return format!("as `\"{example}\"`");
    }
    if let Some(choices) = schema["anyOf"].as_array().or(schema["oneOf"].as_array()) {
        return words(choices);
    }
    if let Some(keys) = schema["properties"].as_object() {
        let keys: Vec<&str> = keys.keys().map(String::as_str).collect();
        return format!("`{{ {} }}`", keys.join(", "));
    }
    let name = match &schema["type"] {
        Value::Array(names) => names.iter().find(|name| *name != "null").and_then(Value::as_str),
        name => name.as_str(),
    };
    match (name.unwrap_or_default(), schema["format"].as_str()) {
        ("string", Some("uri")) => "URL".to_owned(),
        ("string", Some("date")) => "day, as `2027-03-01`".to_owned(),
        ("string", _) => "text".to_owned(),
        ("integer" | "number", _) => "number".to_owned(),
        ("boolean", _) => "`true` or `false`".to_owned(),
        ("array", _) => format!("list of {}", kind(root, &schema["items"])),
        ("object", _) => format!("table of {} by name", kind(root, &schema["additionalProperties"])),
        (other, _) => panic!("the reference does not know the type `{other}`: {schema}"),
    }
}
