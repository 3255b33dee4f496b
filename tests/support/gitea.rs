//! Gitea on loopback, with SQLite in a separate folder: an administrator, one more user, and a closed organisation.
//!
//! Knows how Gitea is set up; as a registry it is started, filled and looked into by `registries`.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use super::http::Request;
use super::process::{NotStarted, PING, Server, run};
use super::registries::{PUBLIC, USERS};
use super::tools;

/// Sets it up in this folder, and starts it.
pub fn launch(program: &Path, folder: &Path, port: u16) -> Result<Server, NotStarted> {
    let config = folder.join("app.ini");
    fs::write(&config, settings(folder, port)).expect("the configuration can be written");
    let config = config.to_str().expect("the path is text");
    if !folder.join("gitea.db").exists() {
        command(program, folder, config, &["migrate"]);
        for (number, (name, password)) in USERS.into_iter().enumerate() {
            let email = format!("{name}@example.test");
            let user = ["admin", "user", "create", "--username", name, "--password", password, "--email", &email];
            let more: &[&str] = if number == 0 { &["--admin"] } else { &[] };
            command(program, folder, config, &[&user[..], &["--must-change-password=false"], more].concat());
        }
    }
    let arguments = ["-c", config, "web"];
    let mut server = Server::spawn(program, &arguments, &folder.join("gitea.log"));
    let ping = format!("http://127.0.0.1:{port}/v2/");
    server.wait_until(Duration::from_secs(120), |_| {
        Request::new("GET", &ping).within(PING).try_send().ok().filter(|answer| answer.status == 401)
    })?;
    Ok(server)
}

/// Makes the organisation that owns all repositories of the tests: closed to strangers, and open to all users.
pub fn found_organisation(url: &str) {
    let name = PUBLIC.split('/').next().expect("a name has a first part");
    let api = |method: &str, path: &str, body: serde_json::Value| {
        let request = Request::new(method, &format!("{url}/api/v1/{path}")).credentials(Some(USERS[0]));
        request.body("application/json", body.to_string().into_bytes()).send()
    };
    api("POST", "orgs", json!({ "username": name, "visibility": "private" })).must_be(201);
    let teams = api("GET", &format!("orgs/{name}/teams"), json!({})).must_be(200).json();
    let owners = teams[0]["id"].as_i64().expect("the owners are a team");
    api("PUT", &format!("teams/{owners}/members/{}", USERS[1].0), json!({})).must_be(204);
}

/// The uploads that are open.
pub fn uploads(folder: &Path) -> Vec<String> {
    let open = fs::read_dir(folder.join("data/tmp/package-upload"));
    let names = open.into_iter().flatten().flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.collect()
}

fn command(program: &Path, folder: &Path, config: &str, arguments: &[&str]) {
    let mut command = Command::new(program);
    let done = run(command.args(["-c", config]).args(arguments).env("HOME", folder));
    assert!(done.status.success(), "gitea {arguments:?}: {}", String::from_utf8_lossy(&done.stdout));
}

/// Nothing that it would fetch, send or do by itself.
fn settings(folder: &Path, port: u16) -> String {
    let (folder, own) = (folder.display(), tools().join("gitea"));
    format!(
        "RUN_MODE = prod\nI_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true\nWORK_PATH = {folder}\n\
         [server]\nHTTP_ADDR = 127.0.0.1\nHTTP_PORT = {port}\nROOT_URL = http://127.0.0.1:{port}/\nDISABLE_SSH = true\n\
         OFFLINE_MODE = true\nSTATIC_ROOT_PATH = {own}\n\
         [database]\nDB_TYPE = sqlite3\nPATH = {folder}/gitea.db\n\
         [security]\nINSTALL_LOCK = true\nSECRET_KEY = of the tests\nPASSWORD_HASH_ALGO = pbkdf2$1$10\n\
         [service]\nDISABLE_REGISTRATION = true\n[cron]\nENABLED = false\n[indexer]\nISSUE_INDEXER_TYPE = db\n\
         [log]\nMODE = console\nLEVEL = warn\n",
        own = own.display(),
    )
}
