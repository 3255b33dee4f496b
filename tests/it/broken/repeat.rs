//! A `repeat` line of the console, run by a shell as it stands.

use std::path::Path;

use assert_cmd::Command;
use regproof::lab::Weakness;

use super::front::with_tls;
use super::world;

/// Behind TLS of a private authority, at a name that no DNS knows, with the key in a variable.
#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_line_repeats_as_it_stands() {
    const VARIABLE: &str = "KEY_OF_CI_IN_THIS_TEST";
    if !Path::new("/usr/bin/curl").exists() {
        return crate::support::skip("a_repeat_line_repeats_as_it_stands", "there is no curl");
    }
    let world = world(Some(Weakness::CiCannotCreate)).await;
    let front = with_tls(world.lab().url(), world.folder()).await;
    let port = front.url.rsplit(':').next().unwrap().to_owned();
    world.lead_to(&format!("https://registry.test:{port}"));
    world.change(|table| {
        let registry = table["registry"].as_table_mut().unwrap();
        registry.insert("ca_file".to_owned(), "ca.pem".into());
        let address = format!("127.0.0.1:{port}");
        registry.insert(
            "resolve".to_owned(),
            toml::Table::from_iter([(format!("registry.test:{port}"), address.into())]).into(),
        );
        let password = toml::Table::from_iter([("env".to_owned(), VARIABLE.into())]);
        table["identities"]["ci"].as_table_mut().unwrap().insert("password".to_owned(), password.into());
    });
    let key = world.lab().api_key("zot-ci").to_owned();
    let mut command = Command::new(env!("CARGO_BIN_EXE_regproof"));
    command.args(["run", "--no-browser", "--only", "publish::api_key_can_push", "regproof.toml"]);
    let done = command.current_dir(world.folder()).env(VARIABLE, &key).output().unwrap();
    let text = String::from_utf8(done.stdout).unwrap();
    let line = text.lines().find_map(|line| line.split_once("reproduce     ")).unwrap_or_else(|| panic!("{text}")).1;
    for part in ["--cacert", "--connect-to", &format!("\"${VARIABLE}\"")] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
    assert!(!text.contains(&key) && !line.contains("$PASSWORD"), "{line}");
    let mut shell = Command::new("sh");
    let done = shell.args(["-c", line]).current_dir(world.folder()).env(VARIABLE, &key).output().unwrap();
    let answer = String::from_utf8(done.stdout).unwrap();
    assert!(answer.starts_with("HTTP/1.1 403"), "{line}\n{answer}{}", String::from_utf8_lossy(&done.stderr));
}
