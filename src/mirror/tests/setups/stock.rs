//! containerd through ctr and through the CRI, and BuildKit.

use super::{HUB, Setup, ZOT, host, hosts, image, right};
use crate::mirror::model::Version;
use crate::mirror::source::Files;
use crate::mirror::{buildkitd, containerd};

fn folder(case: &str) -> &'static str {
    let has = |word: &str| case.contains(word);
    match () {
        () if has("_default") && !has("specific") => "_default",
        () if has("dir-index") => "index.docker.io",
        () if has("dir-registry-1") => "registry-1.docker.io",
        () if has("ghcr") => "ghcr.io",
        () if has("quay") => "quay.io",
        () if has("k8s") => "registry.k8s.io",
        () => "docker.io",
    }
}

fn text(case: &str) -> Option<String> {
    let plain = |server: &str| hosts(server, ZOT, "");
    let table = |url: &str, more: &str| hosts(HUB, url, more);
    let bare = |capabilities: &str| format!("server = \"{HUB}\"\n[host.\"{ZOT}\"]\n{capabilities}\n");
    let header = "[host.\"http://zot.test:5050\".header]\nAuthorization = \"Basic x\"\n";
    let mapped = "http://zot.test:5050/v2/docker.io";
    Some(match case {
        "plain/ghcr-nested-tag" => plain("https://ghcr.io"),
        "plain/quay-tag-404" => plain("https://quay.io"),
        "plain/k8s-tag" => plain("https://registry.k8s.io"),
        "override/no-v2" => table("http://zot.test:5050/docker.io", "override_path = true"),
        "override/no-path" => table(ZOT, "override_path = true"),
        "override/ghcr" => hosts("https://ghcr.io", "http://zot.test:5050/v2/ghcr.io", "override_path = true"),
        "nooverride/path-docker.io" => table("http://zot.test:5050/docker.io", ""),
        "nooverride/path-v2-docker.io" => table(mapped, ""),
        "nooverride/path-docker.io-v2" => table("http://zot.test:5050/docker.io/v2", ""),
        "default/_default-404" | "default/_default-quay-404" | "server/omitted-404" => host(ZOT, ""),
        "server/docker.io-404" => plain("https://docker.io"),
        "server/is-mirror-404" => plain(ZOT),
        "server/empty-file" => String::new(),
        "server/broken-toml" => format!("server = \"{HUB}\n[host"),
        "server/unknown-capability" => bare("capabilities = [\"pull\", \"reslove\"]"),
        "server/uppercase-host-key" => format!("[Host.\"{ZOT}\"]\ncapabilities = [\"pull\"]\n"),
        "caps/pull-only-tag" | "caps/pull-only-digest" => bare("capabilities = [\"pull\"]"),
        "caps/resolve-only-tag" => bare("capabilities = [\"resolve\"]"),
        "caps/push-only-tag" => bare("capabilities = [\"push\"]"),
        "caps/omitted" => bare(""),
        "hdr/x-test-header" => format!("{}{header}X-Test = [\"y\"]\n", table(ZOT, "")),
        "scheme/no-scheme-in-host" => table("zot.test:5050", ""),
        "scheme/https-to-http-port" => table("https://zot.test:5050", ""),
        "scheme/http-to-https-port" => table("http://zot.test:5443", ""),
        "scheme/http+skip_verify-to-https-port" => table("http://zot.test:5443", "skip_verify = true"),
        "scheme/https-ok" => table("https://zot.test:5443", ""),
        "scheme/https-bad-name" => table("https://mirror2.test:5443", ""),
        "scheme/https-bad-name-skip_verify" => table("https://mirror2.test:5443", "skip_verify = true"),
        "status/refused" => table("http://zot.test:1/v2/docker.io", "override_path = true"),
        "status/unresolvable" => table("http://nosuch.test:5050/v2/docker.io", "override_path = true"),
        "status/nodigest+get500-upstream-ok" | "status/hang" => plain(HUB),
        "push/push-capable-mirror" => plain(HUB).replace("\"resolve\"", "\"resolve\", \"push\""),
        "push/caps-omitted" => bare(""),
        _ if case.starts_with("server/only-server") => format!("server = \"{mapped}\"\noverride_path = true\n"),
        _ if case.starts_with("cred/header") => format!("{}{header}", table(ZOT, "")),
        _ if case.starts_with("order/two-hosts") => {
            right() + &host("http://mirror2.test:5051/v2/docker.io", "override_path = true")
        }
        _ if case.starts_with("status/") || case.starts_with("override/") => right(),
        _ if ["plain/", "name/", "default/", "cred/", "push/"].iter().any(|start| case.starts_with(start)) => {
            plain(HUB)
        }
        _ => return None,
    })
}

/// `ctr --hosts-dir /certs`.
pub(super) fn ctr(version: &str, case: &str) -> Option<Setup> {
    let path = format!("/certs/{}/hosts.toml", folder(case));
    let text = text(case)?;
    let mut files = vec![(path.as_str(), text.as_str())];
    if case.contains("specific") {
        files.push(("/certs/_default/hosts.toml", "server = \"https://nobody.test\"\n"));
    }
    let config = containerd::read_ctr(&Files::from_texts(files), Version::read(version), "/certs");
    let mut setup = Setup::new(config, image(case));
    setup.logins.pull = case.contains("user-flag");
    setup.unverified = case.contains("skip_verify");
    Some(setup)
}

/// The containerd configuration of a case of the CRI.
fn config_toml(new: bool, case: &str) -> String {
    let name = if new { "io.containerd.cri.v1.images" } else { "io.containerd.grpc.v1.cri" };
    let local = new && (case.contains("use_local_image_pull") || case.contains("local-pull"));
    let local = if local { "use_local_image_pull = true\n" } else { "" };
    let path = match case {
        _ if case.starts_with("colon list") => "config_path = \"/etc/containerd/certs.d:/etc/docker/certs.d\"\n",
        _ if case.starts_with("no registry option") || case.starts_with("mirrors/") => "",
        _ => "config_path = \"/etc/containerd/certs.d\"\n",
    };
    let registry = if path.is_empty() { String::new() } else { format!("[plugins.\"{name}\".registry]\n{path}") };
    let mirror = |upstream: &str, url: &str| {
        format!("[plugins.\"{name}\".registry.mirrors.\"{upstream}\"]\nendpoint = [\"{url}\"]\n")
    };
    let auth = |host: &str| {
        format!("[plugins.\"{name}\".registry.configs.\"{host}\".auth]\nusername = \"u\"\npassword = \"p\"\n")
    };
    let more = match case {
        "mirrors/plain" | "mirrors/plain-404" => mirror("docker.io", ZOT),
        "mirrors/path-v2-docker.io" => mirror("docker.io", "http://zot.test:5050/v2/docker.io"),
        "mirrors/path-docker.io" => mirror("docker.io", "http://zot.test:5050/docker.io"),
        "mirrors/wildcard" | "mirrors/wildcard-quay-404" => mirror("*", ZOT),
        "mirrors/auth" => mirror("docker.io", ZOT) + &auth("zot.test:5050"),
        "config_path/configs.auth-for-mirror-host" => auth("zot.test:5050"),
        "config_path/configs.auth-for-hub-only" => auth("registry-1.docker.io"),
        _ => String::new(),
    };
    format!("version = {}\n[plugins.\"{name}\"]\n{local}{registry}{more}", if new { 3 } else { 2 })
}

/// The kubelet's pulls.
pub(super) fn cri(stem: &str, case: &str) -> Option<Setup> {
    let new = !stem.contains("1.6");
    let toml = config_toml(new, case);
    let hosts = match case {
        "config_path/pull-only-tag" => right().replace(", \"resolve\"", ""),
        "config_path/_default-quay-404" => host(ZOT, ""),
        "config_path/plain"
        | "config_path/plain-404"
        | "config_path/short-ref"
        | "config_path/digest"
        | "config_path/ref-index.docker.io" => hosts(HUB, ZOT, ""),
        _ if case.starts_with("no registry option") => right().replace("/v2/docker.io", "/v2/containerd"),
        _ => right(),
    };
    let folder = format!("/etc/containerd/certs.d/{}/hosts.toml", folder(&case.replace("quay", "")));
    let mut files = vec![(containerd::CONFIG, toml.as_str())];
    if !case.starts_with("mirrors/") {
        files.push((folder.as_str(), hosts.as_str()));
    }
    let version = if new { "2.4.2" } else { "1.6.20" };
    let mut setup = Setup::new(containerd::read(&Files::from_texts(files), Version::read(version)), image(case));
    setup.logins.pull = case.contains("pull-secret");
    Some(setup)
}

pub(super) fn buildkit(case: &str) -> Option<Setup> {
    let mirror = |upstream: &str, mirror: &str| format!("[registry.\"{upstream}\"]\nmirrors = [\"{mirror}\"]\n");
    let (zot, plain) = ("zot.test:5050/docker.io", "[registry.\"zot.test:5050\"]\nhttp = true\n");
    let text = match case {
        "buildkit/mirror host only (BROKEN)" => mirror("docker.io", "zot.test:5050") + plain,
        "buildkit/mirror host/v2/docker.io (BROKEN)" => mirror("docker.io", "zot.test:5050/v2/docker.io") + plain,
        "mirror with scheme" => mirror("docker.io", "http://zot.test:5050/docker.io") + plain,
        "no http=true for the mirror host" => mirror("docker.io", zot),
        "http=true in the docker.io table" => mirror("docker.io", zot) + "http = true\n",
        "http+insecure" | "buildkit/http + insecure on plain-http zot" => {
            mirror("docker.io", zot) + plain + "insecure = true\n"
        }
        "key index.docker.io" => mirror("index.docker.io", zot) + plain,
        "key registry-1.docker.io" => mirror("registry-1.docker.io", zot) + plain,
        _ => mirror("docker.io", zot) + plain,
    };
    let config = buildkitd::read(&Files::from_texts([(buildkitd::CONFIG, text.as_str())]), None);
    Some(Setup::new(config, image(case)))
}
