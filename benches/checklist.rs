//! How long the checklist takes beside what it is made of, as ratios within one run: `make bench`.
//!
//! Everything is on loopback and bounded in count. Prints; judges nothing.
#![expect(clippy::print_stdout, reason = "a bench prints its table")]

#[path = "../tests/support/mod.rs"]
#[expect(dead_code, reason = "what a program of tests needs of it is a part")]
mod support;

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::faults::{Fault, FaultProxy};
use support::image::{Image, digest};

const ROUNDS: usize = 7;
const REGPROOF: &str = env!("CARGO_BIN_EXE_regproof");

/// The checks whose steps benches/checklist.sh takes too.
const STEPS: [&str; 10] = [
    "registry::answers_as_a_registry",
    "access::anonymous_can_pull",
    "access::anonymous_cannot_push",
    "access::wrong_credentials_are_refused",
    "publish::api_key_can_push",
    "publish::existing_tag_cannot_be_moved",
    "publish::existing_tag_cannot_be_deleted",
    "metrics::anonymous_can_scrape",
    "cache::pull_through_serves_upstream",
    "publish::skopeo_can_push",
];
/// The checks that use the browser.
const BROWSER: [&str; 5] = [
    "oidc::login_redirects_to_the_provider",
    "oidc::login_returns_with_a_session",
    "oidc::login_returns_only_home",
    "oidc::session_cookie_is_protected",
    "keys::lifecycle",
];

/// The checks whose steps benches/checklist.hurl takes too.
const HURL: [&str; 7] = [
    "registry::answers_as_a_registry",
    "access::anonymous_can_pull",
    "access::wrong_credentials_are_refused",
    "publish::api_key_can_push",
    "publish::existing_tag_cannot_be_moved",
    "metrics::anonymous_can_scrape",
    "cache::pull_through_serves_upstream",
];
/// The checks that ask what the conformance program asks too: blobs by every way of upload, manifests, tags, and their reading.
/// It tries far more of each, and nothing that is forbidden.
const CONFORMANCE: [&str; 5] = [
    "registry::answers_as_a_registry",
    "access::anonymous_can_pull",
    "publish::api_key_can_push",
    "publish::uploads_survive",
    "publish::buildkit_sequence_can_push",
];

struct Lab {
    child: Child,
    folder: tempfile::TempDir,
}

impl Drop for Lab {
    fn drop(&mut self) {
        // The lab may have ended on its own; there is nothing more to do then.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Lab {
    fn start() -> Lab {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let mut child = Command::new(REGPROOF)
            .args(["lab", "--listen", "127.0.0.1:0", "--scenario-out"])
            .arg(folder.path().join("regproof.toml"))
            .stdout(Stdio::piped())
            .spawn()
            .expect("the lab starts");
        let stdout = child.stdout.take().expect("stdout is piped");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).expect("the lab says that it is ready");
        Lab { child, folder }
    }

    fn scenario(&self) -> PathBuf {
        self.folder.path().join("regproof.toml")
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.scenario()).expect("the lab wrote its scenario")
    }

    fn url(&self) -> String {
        let table: toml::Table = self.text().parse().expect("the lab's scenario is TOML");
        table["registry"]["url"].as_str().expect("it has a URL").trim_end_matches('/').to_owned()
    }

    /// The same scenario at another address, without the login: its addresses are bound to the registry's own.
    fn moved_to(&self, url: &str) -> PathBuf {
        let mut table: toml::Table = self.text().parse().expect("the lab's scenario is TOML");
        table.remove("oidc");
        table["registry"]["url"] = url.into();
        let file = self.folder.path().join("moved.toml");
        std::fs::write(&file, table.to_string()).expect("the scenario can be written");
        file
    }

    fn key(&self, identity: &str) -> String {
        let table: toml::Table = self.text().parse().expect("the lab's scenario is TOML");
        let file = table["identities"][identity]["password"]["file"].as_str().expect("the key is in a file");
        std::fs::read_to_string(self.folder.path().join(file)).expect("the key can be read").trim().to_owned()
    }
}

/// One run of the program: how long it took, and its JSON.
fn regproof(scenario: &Path, arguments: &[&str]) -> (Duration, Value) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let json = folder.path().join("run.json");
    let began = Instant::now();
    let output = Command::new(REGPROOF)
        .arg("run")
        .arg(scenario)
        .args(arguments)
        .arg("--json")
        .arg(&json)
        .output()
        .expect("regproof runs");
    let taken = began.elapsed();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let text = std::fs::read_to_string(json).expect("the report was written");
    (taken, serde_json::from_str(&text).expect("the report is JSON"))
}

fn script(lab: &Lab, url: &str) -> Duration {
    let file = |name: &str, text: &str| {
        let path = lab.folder.path().join(name);
        std::fs::write(&path, text).expect("a file can be written");
        path
    };
    let host = url.trim_start_matches("http://");
    let (ci, admin) = (lab.key("ci"), lab.key("admin"));
    let auth = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("zot-ci:{ci}"));
    let began = Instant::now();
    let output = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/checklist.sh"))
        .env("URL", url)
        .env("CI_KEY_FILE", file("ci.curl", &format!("user = \"zot-ci:{ci}\"\n")))
        .env("ADMIN_KEY_FILE", file("admin.curl", &format!("user = \"erich:{admin}\"\n")))
        .env("AUTH_FILE", file("auth.json", &format!("{{\"auths\":{{\"{host}\":{{\"auth\":\"{auth}\"}}}}}}")))
        .output()
        .expect("the script runs");
    let taken = began.elapsed();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    taken
}

/// Writes the image files that the steps of hurl send, and returns its variables.
fn images(lab: &Lab, folder: &Path) -> Vec<String> {
    let mut variables = vec![
        format!("url={}", lab.url()),
        format!("key={}", lab.key("ci")),
        format!("admin_key={}", lab.key("admin")),
        "scratch=blumeops/regproof".to_owned(),
        "public=blumeops/navidrome".to_owned(),
        "ci=zot-ci".to_owned(),
        "admin=erich".to_owned(),
    ];
    for name in ["key", "first", "second"] {
        let image = Image::with_content(name);
        let [config, layer] = &image.blobs;
        for (part, bytes) in [("config", config), ("layer", layer), ("manifest", &image.manifest)] {
            std::fs::write(folder.join(format!("{name}.{part}")), bytes).expect("a file can be written");
            variables.push(format!("{name}_{part}={}", digest(bytes)));
        }
    }
    variables
}

/// The steps of hurl; nothing where this machine does not have it.
fn hurl(lab: &Lab, rounds: usize) -> Option<Duration> {
    let program = support::on_path("hurl")?;
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let variables = images(lab, folder.path());
    let run = |round: usize| {
        let began = Instant::now();
        let output = Command::new(&program)
            .args(["--no-output", "--file-root", "."])
            .args(variables.iter().flat_map(|variable| ["--variable", variable]))
            .args(["--variable", &format!("run=bench-{}-{round}", std::process::id())])
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/checklist.hurl"))
            .current_dir(folder.path())
            .output()
            .expect("hurl starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        began.elapsed()
    };
    Some(median((0..rounds).map(run).collect()))
}

/// The conformance program once, and how many of its cases passed; nothing where this machine does not have it.
fn conformance(lab: &Lab) -> Option<(Duration, usize)> {
    let program = support::tool("conformance")?;
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let began = Instant::now();
    // Its exit status tells of failed cases, which tests/real/oci_conformance.rs judges.
    Command::new(program)
        .env_clear()
        .envs([("OCI_VERSION", "dev"), ("OCI_TLS", "disabled"), ("OCI_USERNAME", "erich")])
        .env("OCI_PASSWORD", lab.key("admin"))
        .env("OCI_REGISTRY", lab.url().trim_start_matches("http://"))
        .env("OCI_RESULTS_DIR", folder.path())
        .current_dir(folder.path())
        .output()
        .expect("the conformance program starts");
    let taken = began.elapsed();
    let text = std::fs::read_to_string(folder.path().join("junit.xml")).expect("it wrote its report");
    let report = roxmltree::Document::parse(&text).expect("its report is XML");
    let cases = report.descendants().filter(|node| node.has_tag_name("testcase"));
    Some((taken, cases.filter(|case| case.attribute("status") == Some("passed")).count()))
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn seconds(run: &Value, only: impl Fn(&str) -> bool) -> Duration {
    let outcomes = run["outcomes"].as_array().expect("a run has outcomes");
    let times = outcomes.iter().filter(|outcome| only(outcome["id"].as_str().unwrap_or_default()));
    Duration::from_secs_f64(times.filter_map(|outcome| outcome["seconds"].as_f64()).fold(0.0, f64::max))
}

fn ratio(a: Duration, b: Duration) -> f64 {
    a.as_secs_f64() / b.as_secs_f64()
}

fn main() {
    // `cargo test --benches` and listings must stay quick.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let lab = Lab::start();
    let url = lab.url();
    println!("median of {ROUNDS} runs, release build, loopback\n");

    let plain: Vec<&str> = STEPS.iter().flat_map(|id| ["--only", id]).collect();
    let same_steps = |scenario: &Path| -> (Duration, Duration) {
        let runs: Vec<(Duration, Value)> = (0..ROUNDS).map(|_| regproof(scenario, &plain)).collect();
        let slowest = median(runs.iter().map(|(_, run)| seconds(run, |_| true)).collect());
        (median(runs.into_iter().map(|(taken, _)| taken).collect()), slowest)
    };
    let here = lab.moved_to(&url);
    let (whole, slowest) = same_steps(&here);
    println!(
        "the operator's checklist       {whole:>9.1?}   slowest check {slowest:.1?}   ratio {:.2}",
        ratio(whole, slowest)
    );
    let shell = median((0..ROUNDS).map(|_| script(&lab, &url)).collect());
    println!("the same steps, curl + skopeo  {shell:>9.1?}   regproof is {:.1} times as fast", ratio(shell, whole));

    let of = |ids: &[&str]| -> Duration {
        let only: Vec<&str> = ids.iter().flat_map(|id| ["--only", id]).collect();
        median((0..ROUNDS).map(|_| regproof(&here, &only).0).collect())
    };
    match hurl(&lab, ROUNDS) {
        Some(hurl) => {
            let own = of(&HURL);
            println!("\nseven of its checks            {own:>9.1?}");
            println!("the same steps, hurl           {hurl:>9.1?}   regproof is {:.1} times as fast", ratio(hurl, own));
        }
        None => println!("\nhurl is not on this machine"),
    }
    match conformance(&lab) {
        Some((taken, passed)) => {
            let own = of(&CONFORMANCE);
            println!("\npushes and pulls, five checks  {own:>9.1?}");
            println!("OCI conformance program        {taken:>9.1?}   {passed} cases passed, many more than overlap");
        }
        None => println!("\nthe conformance program is not on this machine: make tools"),
    }

    let target: SocketAddr = url.trim_start_matches("http://").parse().expect("the lab is on an address");
    let proxy = FaultProxy::start(target, Fault::Latency(Duration::from_millis(20)));
    let far = lab.moved_to(&proxy.url());
    let (whole, slowest) = same_steps(&far);
    println!("\nwith 20 ms of round-trip time");
    println!(
        "the operator's checklist       {whole:>9.1?}   slowest check {slowest:.1?}   ratio {:.2}",
        ratio(whole, slowest)
    );
    let shell = median((0..3).map(|_| script(&lab, &proxy.url())).collect());
    println!("the same steps, curl + skopeo  {shell:>9.1?}   regproof is {:.1} times as fast", ratio(shell, whole));

    let browser: Vec<(Duration, Duration)> = (0..3)
        .map(|_| {
            let (taken, _) = regproof(&lab.scenario(), &[]);
            let only: Vec<&str> = BROWSER.iter().flat_map(|id| ["--only", id]).collect();
            let (alone, _) = regproof(&lab.scenario(), &only);
            (taken, alone)
        })
        .collect();
    let whole = median(browser.iter().map(|(taken, _)| *taken).collect());
    let alone = median(browser.iter().map(|(_, alone)| *alone).collect());
    println!(
        "\nchecklist with browser         {whole:>9.1?}   browser checks alone {alone:.1?}   ratio {:.2}",
        ratio(whole, alone)
    );

    let list = median(
        (0..ROUNDS)
            .map(|_| {
                let began = Instant::now();
                let output = Command::new(REGPROOF).arg("list").output().expect("regproof runs");
                assert!(output.status.success());
                began.elapsed()
            })
            .collect(),
    );
    println!("regproof list                  {list:>9.1?}");
}
