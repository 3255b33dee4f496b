//! The report of the operator's files.

use super::*;
use crate::mirror::folder::read_folder;
use crate::mirror::model::Scheme;
use crate::zot::config::Config;

fn report(name: &str) -> Report {
    let configs = std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/configs"));
    let text = std::fs::read_to_string(configs.join("seed.json")).unwrap();
    let config = Config::parse("seed.json", &text).unwrap();
    let addresses = vec![(Scheme::Https, "registry.example.test".to_owned())];
    let registry = Registry { addresses, config: Some(&config), release: None };
    Report::of(read_folder(&configs.join("mirrors").join(name)).unwrap(), &registry, "seed.json", &[])
}

#[test]
fn todays_files_fail_and_corrected_ones_do_not() {
    assert!(report("today").failures() >= 4);
    assert_eq!(report("right").failures(), 0);
}

#[test]
fn text_tells_the_finding_and_the_lines_to_change() {
    let text = report("today").text();
    for wanted in [
        "FAIL docker.io/library/alpine goes to the internet in silence",
        "    +  override_path = true\n",
        "mirror::no_override at ",
        "4 different clients on 4 nodes",
    ] {
        assert!(text.contains(wanted), "{wanted}\n{text}");
    }
    let wide = text.lines().find(|line| line.chars().count() > 100);
    assert_eq!(wide, None);
}

#[test]
fn json_has_clients_rows_and_findings() {
    let json = serde_json::to_value(report("today")).unwrap();
    assert_eq!(json["schema"], 1);
    assert_eq!(json["clients"][0]["kind"], "cri");
    assert_eq!(json["clients"][0]["findings"][0]["place"], "3:7");
    assert!(json["rows"].as_array().unwrap().len() >= 12);
    let fix = &json["clients"][0]["fixes"][0];
    assert!(fix["diff"].as_str().unwrap().contains("+  override_path = true"));
    assert!(fix.get("text").is_none(), "a whole file has its secrets");
}
