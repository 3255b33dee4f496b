//! The audit beside bare requests for the same manifests at the same concurrency, and its memory as the number of tags grows.
//!
//! On loopback, in one run on one machine, so that ratios mean something. Prints; judges nothing.
#![expect(clippy::print_stdout, reason = "a bench prints its table")]

#[path = "../tests/support/mod.rs"]
#[expect(dead_code, reason = "what a program of tests needs of it is a part")]
mod support;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use futures::StreamExt;
use support::bulk::{Bulk, Content, digest};
use support::image::Image;
use support::zot::{RealZot, Zot};

const REGPROOF: &str = env!("CARGO_BIN_EXE_regproof");
const REPOSITORY: &str = "team/app";
const ROUNDS: usize = 5;
const AT_ONCE: usize = 16;
/// An empty tar, compressed: `crane validate` takes no other layer.
const EMPTY: [u8; 29] =
    [31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 99, 96, 24, 5, 163, 96, 20, 140, 84, 0, 0, 46, 175, 181, 239, 0, 4, 0, 0];
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// A few images under many tags: what is measured is the way through the list, not the storage of the registry.
fn content(tags: usize) -> Content {
    let mut content = Content::default();
    let unpacked = digest(&[0; 1024]);
    let image = |number: u8| content.built(&EMPTY, LAYER, &unpacked, &number.to_string());
    let images: Vec<usize> = (0..8).map(image).collect();
    for number in 0..tags {
        content.tag(REPOSITORY, tag(number), images[number % images.len()]);
    }
    content
}

fn tag(number: usize) -> String {
    format!("v{number:06}")
}

/// How long one audit takes, and the most memory that it had at once, in KiB.
fn audit(url: &str, tags: usize, more: &[&str]) -> (Duration, u64) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let scenario = folder.path().join("regproof.toml");
    let text = format!("schema = 1\nname = \"bench\"\n[registry]\nurl = \"{url}\"\n[access]\nanonymous = [\"read\"]\n");
    std::fs::write(&scenario, text).expect("a file can be written");
    let json = folder.path().join("audit.json");
    let began = Instant::now();
    let mut child = Command::new(REGPROOF)
        .args(["audit", "--concurrency", &AT_ONCE.to_string(), "--json"])
        .arg(&json)
        .arg(&scenario)
        .args(more)
        .stdout(Stdio::null())
        .spawn()
        .expect("regproof starts");
    let mut most = 0;
    let status = loop {
        most = most.max(high_water(child.id()));
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            break status;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let taken = began.elapsed();
    assert!(status.success(), "the audit ended with {status}");
    let report: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(json).expect("the report was written")).expect("it is JSON");
    assert_eq!(report["counts"]["tags"], tags);
    (taken, most)
}

/// The kernel's own mark of the most memory that a process had (proc(5), `VmHWM`); nothing once it has ended.
fn high_water(process: u32) -> u64 {
    let status = std::fs::read_to_string(Path::new("/proc").join(process.to_string()).join("status"));
    let status = status.unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

/// The same manifests by nothing but reqwest, each body read and dropped.
fn bare(url: &str, tags: usize) -> Duration {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime can be started");
    let began = Instant::now();
    runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client can be built");
        futures::stream::iter(0..tags)
            .for_each_concurrent(AT_ONCE, |number| {
                let request = client.get(format!("{url}/v2/{REPOSITORY}/manifests/{}", tag(number)));
                async move {
                    // As the audit does it, so that both may use every core.
                    let one = tokio::spawn(async move { request.send().await?.error_for_status()?.bytes().await });
                    one.await.expect("the task does not panic").expect("the registry answers");
                }
            })
            .await;
    });
    began.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn a_second(number: usize, taken: Duration) -> f64 {
    number as f64 / taken.as_secs_f64()
}

fn beside(name: &str, url: &str, tags: usize) {
    let pairs: Vec<(Duration, Duration)> = (0..ROUNDS).map(|_| (bare(url, tags), audit(url, tags, &[]).0)).collect();
    let ratio = median(pairs.iter().map(|(bare, audit)| bare.div_f64(audit.as_secs_f64())).collect()).as_secs_f64();
    let (bare, audit): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
    let (bare, audit) = (median(bare), median(audit));
    println!("{name}, {tags} tags, {AT_ONCE} at once, median of {ROUNDS}");
    println!("  bare reqwest   {bare:>9.1?}   {:>8.0} manifests a second", a_second(tags, bare));
    println!("  regproof audit {audit:>9.1?}   {:>8.0} manifests a second   ratio {ratio:.2}", a_second(tags, audit));
}

/// One tag after the other by a program that looks at one image, where this machine has it.
fn one_by_one(program: &str, arguments: impl Fn(&str) -> Vec<String>, url: &str) {
    const FEW: usize = 20;
    let Some(path) = support::tool(program).or_else(|| support::on_path(program)) else {
        println!("  {program} is not on this machine");
        return;
    };
    let host = url.trim_start_matches("http://");
    let began = Instant::now();
    for number in 0..FEW {
        let image = format!("{host}/{REPOSITORY}:{}", tag(number));
        let output = Command::new(&path).args(arguments(&image)).output().expect("the program starts");
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    }
    println!(
        "  {program:<14} {:>9} images a second, {FEW} one by one",
        format!("{:.0}", a_second(FEW, began.elapsed()))
    );
}

/// zot as it comes: a storage, an address and nothing else.
fn real(tags: usize) {
    let Some(zot) = Zot::find("bench audit") else { return };
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let plain = serde_json::json!({ "storage": {}, "http": {}, "log": { "level": "error" } });
    let zot = RealZot::start(&zot, folder.path(), |_| plain.clone());
    let image = Image::with_content("bench");
    for number in 0..tags {
        image.push(&zot.url, REPOSITORY, &tag(number), None);
    }
    beside("\nreal zot", &zot.url, tags);
}

fn main() {
    // `cargo test --benches` and listings must stay quick.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let bulk = Bulk::start(content(10_000), false);
    beside("generated registry", &bulk.url(), 10_000);
    let remote =
        |image: &str| vec!["validate".to_owned(), "--insecure".to_owned(), "--remote".to_owned(), image.to_owned()];
    one_by_one("crane", remote, &bulk.url());
    let inspect =
        |image: &str| vec!["inspect".to_owned(), "--tls-verify=false".to_owned(), format!("docker://{image}")];
    one_by_one("skopeo", inspect, &bulk.url());
    drop(bulk);
    println!("\nmost memory of one audit, from /proc/PID/status while it runs");
    for tags in [1_000, 10_000, 100_000] {
        let bulk = Bulk::start(content(tags), false);
        let (taken, most) = audit(&bulk.url(), tags, &[]);
        println!("  {tags:>7} tags   {:>6.1} MiB   {taken:.1?}", most as f64 / 1024.0);
    }
    real(500);
}
