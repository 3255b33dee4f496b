//! The cases in front of a real zot.

use super::{HUB, Setup, ZOT, docker, host, hosts, image as reference, right, stock};
use crate::mirror::containerd::read_ctr;
use crate::mirror::k3s;
use crate::mirror::model::{Kind, Version};
use crate::mirror::source::Files;

const MAPPED: &str = "http://zot.test:5050/v2/docker.io";

pub(super) fn setup(stem: &str, case: &str) -> Option<Setup> {
    match () {
        () if stem.contains("dockerd") || case.contains("dockerd") => docker::setup(stem, case),
        () if stem == "zot-bk" || case.starts_with("buildkit") => stock::buildkit(case),
        () if stem.contains("cimg") || stem.contains("skopeo") || case.starts_with("skopeo") => {
            super::image::setup(stem, case)
        }
        () if case.starts_with("k3s/") => k3s(case),
        () => ctr(case),
    }
}

fn k3s(case: &str) -> Option<Setup> {
    let url = if case.contains("/v2/docker.io") { MAPPED } else { ZOT };
    let rewrite = match () {
        () if case.contains("^library") => "    rewrite:\n      \"^library/(.*)\": \"docker.io/library/$1\"\n",
        () if case.contains("(.*)") => "    rewrite:\n      \"(.*)\": \"docker.io/$1\"\n",
        () => "",
    };
    let text = format!("mirrors:\n  docker.io:\n    endpoint:\n      - \"{url}\"\n{rewrite}");
    let files = Files::from_texts([(k3s::K3S, text.as_str())]);
    Some(Setup::new(k3s::read(&files, Kind::K3s, None, false), reference(case)))
}

fn text(case: &str) -> Option<String> {
    let has = |word: &str| case.contains(word);
    let own = "override_path = true";
    Some(match () {
        () if has("_default with path") => host(MAPPED, own),
        () if has("ghcr.io dir") => hosts("https://ghcr.io", "http://zot.test:5050/v2/ghcr.io", own),
        () if has("quay ref") => hosts("https://quay.io", ZOT, ""),
        () if has("WITHOUT override_path") || has("without override_path") => hosts(HUB, MAPPED, ""),
        () if has("path-no-override") => hosts(HUB, "http://zot.test:5050/docker.io", ""),
        () if has("override-without-v2") => hosts(HUB, "http://zot.test:5050/docker.io", own),
        () if has("no scheme, localhost") => hosts(HUB, "localhost:5050/v2/docker.io", own),
        () if has("no scheme") => hosts(HUB, "zot.test:5050/v2/docker.io", own),
        () if has("https:// + skip_verify") => right().replace("http://zot", "https://zot") + "skip_verify = true\n",
        () if has("https://") => right().replace("http://zot", "https://zot"),
        () if has("http:// + skip_verify") => right() + "skip_verify = true\n",
        () if has("trailing slash") => right().replace("/v2/docker.io", "/v2/docker.io/"),
        () if has("server = zot + override_path") => format!("server = \"{MAPPED}\"\n{own}\n"),
        () if has("host + server = zot") => format!("server = \"{MAPPED}\"\n{own}\n{}", host(MAPPED, own)),
        () if has("pull-only") => right().replace(", \"resolve\"", ""),
        () if has("k3s-toml") => {
            hosts(HUB, ZOT, "[host.\"http://zot.test:5050\".rewrite]\n\"^(.*)$\" = \"docker.io/$1\"")
        }
        () if has("without capabilities") => right().replace("capabilities = [\"pull\", \"resolve\"]", ""),
        () if has("push/host with") => right(),
        () if has("plain") => hosts(HUB, ZOT, ""),
        () if has("tag unknown") || has("override") || has("pull first") => right(),
        () => return None,
    })
}

fn ctr(case: &str) -> Option<Setup> {
    let has = |word: &str| case.contains(word);
    let text = text(case)?;
    let (folder, image) = match () {
        () if has("_default with path") => ("_default", "ghcr.io/grafana/grafana:3.20"),
        () if has("ghcr.io dir") => ("ghcr.io", "ghcr.io/grafana/grafana:3.20"),
        () if has("quay ref") => ("quay.io", "quay.io/grafana/grafana:3.20"),
        () if has("unknown") => ("docker.io", "docker.io/library/alpine:nosuch"),
        () => ("docker.io", reference(case)),
    };
    let path = format!("/certs/{folder}/hosts.toml");
    let version = if has("1.6.20") { "1.6.20" } else { "2.4.2" };
    let config = read_ctr(&Files::from_texts([(path.as_str(), text.as_str())]), Version::read(version), "/certs");
    let mut setup = Setup::new(config, image);
    setup.unverified = has("skip_verify");
    Some(setup)
}
