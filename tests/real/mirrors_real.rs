//! Clients by their own files against a real zot that pulls through: those of the field leave the cache, corrected ones are served.

use regproof::check::machine::Machine;
use regproof::model::outcome::Verdict;
use serde_json::json;

use crate::support::judge;
use crate::support::world::{CACHED, World};

const SERVED: &str = "mirrors::every_client_is_served_by_the_cache";

/// The kinds of clients, with a file that makes the registry a plain mirror, and one with the names of the cache.
const FILES: [(&str, &str, &str); 4] = [
    (
        "k3s",
        "mirrors:\n  docker.io:\n    endpoint:\n      - \"URL\"\n",
        "mirrors:\n  docker.io:\n    endpoint:\n      - \"URL\"\n    rewrite:\n      \"^(.*)$\": \"docker.io/$1\"\n",
    ),
    (
        "containerd",
        "server = \"https://registry-1.docker.io\"\n[host.\"URL\"]\n  capabilities = [\"pull\", \"resolve\"]\n",
        "server = \"https://registry-1.docker.io\"\n[host.\"URL/v2/docker.io\"]\n  capabilities = [\"pull\", \"resolve\"]\n  \
         override_path = true\n",
    ),
    (
        "containers",
        "[[registry]]\nlocation = \"docker.io\"\n[[registry.mirror]]\nlocation = \"HOST\"\ninsecure = true\n",
        "[[registry]]\nlocation = \"docker.io\"\n[[registry.mirror]]\nlocation = \"HOST/docker.io\"\ninsecure = true\n",
    ),
    (
        "buildkit",
        "[registry.\"docker.io\"]\n  mirrors = [\"HOST\"]\n[registry.\"HOST\"]\n  http = true\n",
        "[registry.\"docker.io\"]\n  mirrors = [\"HOST/docker.io\"]\n[registry.\"HOST\"]\n  http = true\n",
    ),
];

/// How the check ends for a client with this file.
fn ends(world: &World, kind: &str, text: &str) -> (Verdict, String) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let url = world.zot.url.trim_end_matches('/');
    let host = url.split_once("//").map_or(url, |(_, host)| host);
    let text = text.replace("URL", url).replace("HOST", host);
    let file = if kind == "containerd" { "certs.d/docker.io/hosts.toml" } else { "client" };
    let path = folder.path().join(file);
    std::fs::create_dir_all(path.parent().expect("it is in a folder")).expect("a folder can be made");
    std::fs::write(&path, text).expect("the client's file can be written");
    let files = if kind == "containerd" { folder.path().join("certs.d") } else { path };
    let scenario = world.scenario_with(folder.path(), |scenario| {
        scenario["cache"] = json!([{ "image": CACHED }]);
        scenario["mirror"] = json!([{ "name": "nodes", "kind": kind, "files": files }]);
    });
    let run = judge::run(&scenario, &[SERVED], &Machine::here(true));
    let outcome = judge::outcome(&run, SERVED);
    (outcome.verdict, format!("{:#?}", outcome.finding))
}

#[test]
fn a_plain_mirror_leaves_the_cache_and_a_corrected_one_is_served() {
    let Some(world) = World::start("a_plain_mirror_leaves_the_cache_and_a_corrected_one_is_served") else { return };
    for (kind, plain, corrected) in FILES {
        let (verdict, finding) = ends(&world, kind, plain);
        assert_eq!(verdict, Verdict::Fail, "{kind}, plain: {finding}");
        assert!(finding.contains("404 to ") && finding.contains("registry-1.docker.io"), "{kind}: {finding}");
        let (verdict, finding) = ends(&world, kind, corrected);
        assert_eq!(verdict, Verdict::Pass, "{kind}, corrected: {finding}");
    }
}

#[test]
fn a_client_that_gets_another_image_fails() {
    let Some(world) = World::start("a_client_that_gets_another_image_fails") else { return };
    // The names of Docker Hub lead to an image that was pushed here.
    let text = "mirrors:\n  docker.io:\n    endpoint:\n      - \"URL\"\n    rewrite:\n      \"^library/alpine$\": \"PUBLIC\"\n";
    let text = text.replace("PUBLIC", crate::support::world::PUBLIC);
    let (verdict, finding) = ends(&world, "k3s", &text);
    assert_eq!(verdict, Verdict::Fail, "{finding}");
}
