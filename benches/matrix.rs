//! The permission matrix in requests a second, beside the same requests sent by nothing but reqwest, and by wrk where it is.
//!
//! On loopback, in one run on one machine, so that ratios mean something. Prints; judges nothing.
#![expect(clippy::print_stdout, reason = "a bench prints its table")]

#[path = "../tests/support/mod.rs"]
#[expect(dead_code, reason = "what a program of tests needs of it is a part")]
mod support;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::StreamExt;
use regproof::lab::Lab;
use reqwest::Method;
use serde_json::Value;
use support::http::block_on;
use support::world::World;

const REGPROOF: &str = env!("CARGO_BIN_EXE_regproof");
const MATRIX: &str = "access::permission_matrix";
const ROUNDS: usize = 7;
/// As many as the matrix has at once on a registry that does not delay refusals.
const AT_ONCE: usize = 8;

/// One request of the matrix, as its transcript has it.
#[derive(Clone)]
struct Sent {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: String,
}

/// The matrix alone: how long its check took, and what it sent.
fn matrix(scenario: &Path, passwords: &BTreeMap<String, String>) -> (Duration, Vec<Sent>) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let json = folder.path().join("run.json");
    let output = Command::new(REGPROOF)
        .args(["run", "--no-browser", "--effects", "oracle", "--only", MATRIX, "--json"])
        .arg(&json)
        .arg(scenario)
        .output()
        .expect("regproof runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let text = std::fs::read_to_string(json).expect("the report was written");
    let run: Value = serde_json::from_str(&text).expect("the report is JSON");
    let outcome = run["outcomes"].as_array().and_then(|all| all.first()).expect("one check ran");
    let taken = Duration::from_secs_f64(outcome["seconds"].as_f64().expect("an outcome has a duration"));
    let transcript = outcome["transcript"].as_array().expect("an outcome has a transcript");
    (taken, transcript.iter().map(|exchange| sent(exchange, passwords)).collect())
}

fn sent(exchange: &Value, passwords: &BTreeMap<String, String>) -> Sent {
    let text = |value: &Value| value.as_str().expect("an exchange is text").to_owned();
    let login = exchange["username"].as_str().map(|name| {
        let pair = STANDARD.encode(format!("{name}:{}", passwords[name]));
        ("Authorization".to_owned(), format!("Basic {pair}"))
    });
    let pairs = exchange["request_headers"].as_array().expect("an exchange has headers").iter();
    let headers = pairs.map(|pair| (text(&pair[0]), text(&pair[1]))).filter(|(name, _)| name != "Authorization");
    Sent {
        method: text(&exchange["method"]),
        url: text(&exchange["url"]),
        headers: headers.chain(login).collect(),
        body: text(&exchange["request_body"]),
    }
}

/// User names and passwords, from the files that a scenario names.
fn passwords(scenario: &Path) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(scenario).expect("the scenario can be read");
    let table: toml::Table = text.parse().expect("the scenario is TOML");
    let identities = table["identities"].as_table().expect("a scenario has identities");
    let folder = scenario.parent().expect("a file is in a folder");
    let pair = |identity: &toml::Value| {
        let file = folder.join(identity["password"]["file"].as_str().expect("the password is in a file"));
        let password = std::fs::read_to_string(file).expect("the password can be read").trim().to_owned();
        (identity["username"].as_str().expect("an identity has a name").to_owned(), password)
    };
    identities.values().map(pair).collect()
}

/// The same requests by nothing but reqwest, each body read and dropped.
fn bare(all: &[Sent]) -> Duration {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime can be started");
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    let client = client.build().expect("a client can be built");
    let began = Instant::now();
    runtime.block_on(futures::stream::iter(all).for_each_concurrent(AT_ONCE, |one| {
        let method = Method::from_bytes(one.method.as_bytes()).expect("a method was sent before");
        let mut request = client.request(method, &one.url).body(one.body.clone());
        for (name, value) in &one.headers {
            request = request.header(name, value);
        }
        async move {
            let answer = request.send().await.expect("the registry answers");
            answer.bytes().await.expect("the answer ends");
        }
    }));
    began.elapsed()
}

/// Requests a second of wrk, which sends the same ones over and over.
fn wrk(all: &[Sent]) -> Option<f64> {
    let wrk = support::on_path("wrk")?;
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = folder.path().join("matrix.lua");
    let mut script = String::from("local all = {}\n");
    for one in all {
        let url = url::Url::parse(&one.url).expect("a URL was sent before");
        let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
        let headers = one.headers.iter().map(|(name, value)| format!("[{name:?}] = {value:?}"));
        let headers = headers.collect::<Vec<_>>().join(", ");
        let line = format!("wrk.format({:?}, {target:?}, {{ {headers} }}, {:?})", one.method, one.body);
        writeln!(script, "all[#all + 1] = function() return {line} end").expect("a String takes everything");
    }
    script.push_str("local next = 0\nrequest = function() next = next % #all + 1; return all[next]() end\n");
    std::fs::write(&file, script).expect("a file can be written");
    let origin = url::Url::parse(&all[0].url).expect("a URL was sent before").origin().ascii_serialization();
    let output = Command::new(wrk)
        .args(["--threads", "1", "--duration", "2s", "--connections", &AT_ONCE.to_string(), "--script"])
        .arg(&file)
        .arg(origin)
        .output()
        .expect("wrk starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let rate = text.lines().find_map(|line| line.strip_prefix("Requests/sec:")).map(str::trim);
    Some(rate.and_then(|rate| rate.parse().ok()).unwrap_or_else(|| panic!("wrk did not measure: {text}")))
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn beside(name: &str, scenario: &Path) {
    let passwords = passwords(scenario);
    let (mut own, mut plain, mut all) = (vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        let (taken, sent) = matrix(scenario, &passwords);
        own.push(taken);
        plain.push(bare(&sent));
        all = sent;
    }
    let rate = |taken: Duration| all.len() as f64 / taken.as_secs_f64();
    let (own, plain) = (median(own), median(plain));
    println!("\n{name}: {} requests, {AT_ONCE} at once, median of {ROUNDS}", all.len());
    println!("  bare reqwest       {plain:>9.1?}   {:>7.0} requests a second", rate(plain));
    let ratio = rate(own) / rate(plain);
    println!("  {MATRIX} {own:>9.1?} {:>7.0} requests a second   ratio {ratio:.2}", rate(own));
    match wrk(&all) {
        Some(rate) => println!("  wrk, one thread                {rate:>7.0} requests a second"),
        None => println!("  wrk is not on this machine"),
    }
}

fn main() {
    // `cargo test --benches` and listings must stay quick.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let lab = block_on(Lab::healthy()).expect("the lab starts");
    beside("lab", &lab.write_scenario(folder.path()).expect("the scenario can be written"));
    drop(lab);
    let Some(world) = World::start("bench matrix") else { return };
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    beside("real zot", &world.scenario(folder.path()));
}
