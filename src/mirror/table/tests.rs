//! The table of the operator's clients.

use super::*;
use crate::mirror::folder::read_folder;
use crate::zot::config::Config;

fn table(name: &str) -> Table {
    let configs = std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/configs"));
    let text = std::fs::read_to_string(configs.join("seed.json")).unwrap();
    let config = Config::parse("seed.json", &text).unwrap();
    let addresses = vec![(Scheme::Https, "registry.example.test".to_owned())];
    let registry = Registry { addresses, config: Some(&config), release: None };
    let folder = read_folder(&configs.join("mirrors").join(name)).unwrap();
    let clients: Vec<ClientConfig> = folder.clients.into_iter().map(|found| found.config).collect();
    Table::of(&clients, &registry, &["docker.io/library/debian:12".to_owned()])
}

#[test]
fn todays_clients_have_no_image_from_the_registry() {
    let table = table("today");
    assert!(table.rows.iter().all(|row| !row.expected.is_good()), "{}", table.text());
    let containerd = table.rows.iter().find(|row| row.client == "containerd").unwrap();
    assert_eq!(containerd.source.as_ref().unwrap().repository, "v2/library/alpine");
    assert_eq!(containerd.way_out.as_deref(), Some("registry-1.docker.io"));
}

#[test]
fn corrected_clients_have_all_they_name_from_the_registry() {
    let table = table("right");
    let mirrored = table.rows.iter().filter(|row| row.expected != Expected::NoMirror);
    assert!(mirrored.clone().all(|row| row.expected.is_good()), "{}", table.text());
    assert!(mirrored.count() >= 12);
    assert!(table.rows.iter().any(|row| row.image == "docker.io/library/debian" && row.expected.is_good()));
}

#[test]
fn text_is_at_most_100_columns_wide() {
    let mut table = table("today");
    table.rows[0].image = format!("docker.io/{}", "very-long-name/".repeat(20));
    table.rows[0].nodes = vec!["n".repeat(300), "second".to_owned()];
    let text = table.text();
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    assert!(text.contains("and 1 more"));
}

#[test]
fn a_row_reads_as_a_paragraph() {
    let text = table("today").text();
    let start = text.find("k3s on k3s").unwrap();
    let wanted = "k3s on k3s\n  docker.io/library/alpine\n    \
        asks      HEAD https://registry.example.test/v2/library/alpine/manifests/latest?ns=docker.io\n    \
        zot       library/alpine: no rule\n    \
        expected  goes to the internet in silence\n    \
        way out   registry-1.docker.io\n";
    assert!(text[start..].starts_with(wanted), "{}", &text[start..]);
}

#[test]
fn rows_are_json_without_secrets() {
    let json = serde_json::to_value(table("right")).unwrap();
    let row = &json["rows"][0];
    assert_eq!(row["expected"], "served");
    assert_eq!(row["requests"][0]["method"], "HEAD");
}
