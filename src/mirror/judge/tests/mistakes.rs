//! Each mistake that was seen with real clients has its finding. Where a file can be corrected, the corrected file is clean.

use super::*;

/// The files of one node, the code that is wanted, and whether the corrected files are clean.
struct Mistake {
    code: &'static str,
    files: Vec<(&'static str, String)>,
    mended: bool,
}

fn mistake(code: &'static str, path: &'static str, text: &str) -> Mistake {
    Mistake { code, files: vec![(path, text.to_owned())], mended: true }
}

const HOSTS: &str = "etc/containerd/certs.d/docker.io/hosts.toml";
const CONFIG: &str = "etc/containerd/config.toml";
const K3S: &str = "etc/rancher/k3s/registries.yaml";
const DAEMON: &str = "etc/docker/daemon.json";
const CONF: &str = "etc/containers/registries.conf";
const BUILDKIT: &str = "etc/buildkit/buildkitd.toml";
const TALOS: &str = "controlplane.yaml";

fn table(url: &str, more: &str) -> String {
    format!(
        "server = \"https://registry-1.docker.io\"\n\n[host.\"{url}\"]\n  capabilities = [\"pull\", \"resolve\"]\n{more}"
    )
}

fn right() -> String {
    table("https://registry.example.test/v2/docker.io", "  override_path = true\n")
}

fn k3s(url: &str, more: &str) -> String {
    format!("mirrors:\n  docker.io:\n    endpoint:\n      - \"{url}\"\n{more}")
}

fn conf(location: &str, more: &str) -> String {
    format!(
        "[[registry]]\nprefix = \"docker.io\"\nlocation = \"docker.io\"\n\n[[registry.mirror]]\nlocation = \"{location}\"\n{more}"
    )
}

fn containerd() -> Vec<Mistake> {
    let own = "  override_path = true\n";
    let images = "[plugins.\"io.containerd.cri.v1.images\".registry]\n";
    let hosts = |code, text: &str| mistake(code, HOSTS, text);
    vec![
        hosts("mirror::no_path", &table("https://registry.example.test", "")),
        hosts("mirror::no_override", &table("https://registry.example.test/v2/docker.io", "")),
        hosts("mirror::no_v2", &table("https://registry.example.test/docker.io", own)),
        hosts("mirror::no_v2", &table("https://registry.example.test", own)),
        hosts("mirror::path_before_v2", &table("https://registry.example.test/docker.io", "")),
        hosts(
            "mirror::scheme",
            &right().replace("https://registry.e", "http://registry.e").replace(".test/", ".test:443/"),
        ),
        hosts("mirror::tags_elsewhere", &right().replace(", \"resolve\"", "")),
        Mistake {
            mended: false,
            ..hosts(
                "mirror::rewrite_unknown",
                &(table("https://registry.example.test", "")
                    + "  [host.\"https://registry.example.test\".rewrite]\n    \"^(.*)$\" = \"docker.io/$1\"\n"),
            )
        },
        Mistake { mended: false, ..hosts("mirror::bad_file", &right().replace("resolve", "reslove")) },
        Mistake { mended: false, ..hosts("mirror::bad_file", "server = \"https://registry-1.docker.io\n") },
        Mistake { mended: false, ..hosts("mirror::bad_file", &right().replace("[host", "[Host")) },
        Mistake { mended: false, ..hosts("mirror::missing_ca", &(right() + "  ca = \"ca.pem\"\n")) },
        mistake("mirror::wrong_key", "etc/containerd/certs.d/index.docker.io/hosts.toml", &right()),
        mistake("mirror::wrong_key", "etc/containerd/certs.d/registry-1.docker.io/hosts.toml", &right()),
        mistake(
            "mirror::wrong_upstream",
            "etc/containerd/certs.d/_default/hosts.toml",
            "[host.\"https://registry.example.test/v2/docker.io\"]\n  capabilities = [\"pull\", \"resolve\"]\n  override_path = true\n",
        ),
        Mistake {
            code: "mirror::colon_list",
            files: vec![
                (
                    CONFIG,
                    format!("version = 3\n{images}  config_path = \"/etc/containerd/certs.d:/etc/docker/certs.d\"\n"),
                ),
                (HOSTS, right()),
            ],
            mended: true,
        },
        Mistake {
            code: "mirror::colon_list",
            files: vec![(CONFIG, "version = 3\n".to_owned()), (HOSTS, right())],
            mended: true,
        },
        mistake(
            "mirror::no_path",
            CONFIG,
            &format!(
                "version = 3\n{}endpoint = [\"https://registry.example.test\"]\n",
                images.replace("registry]", "registry.mirrors.\"docker.io\"]")
            ),
        ),
        Mistake {
            mended: false,
            ..mistake(
                "mirror::two_ways",
                CONFIG,
                &format!(
                    "version = 3\n{images}config_path = \"/etc/containerd/certs.d\"\n{}endpoint = []\n",
                    images.replace("registry]", "registry.mirrors.\"docker.io\"]")
                ),
            )
        },
    ]
}

fn others() -> Vec<Mistake> {
    let zot = "registry.example.test";
    let talos = |endpoint: &str, more: &str| {
        format!(
            "machine:\n  registries:\n    mirrors:\n      docker.io:\n        endpoints:\n          - {endpoint}\n{more}"
        )
    };
    vec![
        mistake("mirror::no_path", K3S, &k3s("https://registry.example.test", "")),
        mistake("mirror::no_v2", K3S, &k3s("https://registry.example.test/docker.io", "")),
        mistake(
            "mirror::partial_rewrite",
            K3S,
            &k3s("https://registry.example.test", "    rewrite:\n      \"^library/(.*)\": \"docker.io/library/$1\"\n"),
        ),
        mistake(
            "mirror::wrong_key",
            K3S,
            &k3s("https://registry.example.test/v2/docker.io", "").replace("docker.io:", "index.docker.io:"),
        ),
        mistake(
            "mirror::wrong_upstream",
            K3S,
            &k3s("https://registry.example.test/v2/docker.io", "").replace("docker.io:", "\"*\":"),
        ),
        Mistake {
            mended: false,
            ..mistake(
                "mirror::bad_rewrite",
                K3S,
                &k3s("https://registry.example.test", "    rewrite:\n      \"(.*\": \"docker.io/$1\"\n"),
            )
        },
        Mistake { mended: false, ..mistake("mirror::bad_file", K3S, "mirrors:\n  docker.io: [\n") },
        mistake("mirror::docker_ping", DAEMON, "{\"registry-mirrors\": [\"https://registry.example.test\"]}"),
        mistake("mirror::docker_ping", DAEMON, "{\"registry-mirrors\": [\"https://registry.example.test/\"]}"),
        mistake(
            "mirror::docker_path",
            DAEMON,
            "{\"registry-mirrors\": [\"https://registry.example.test/v2/docker.io\"]}",
        ),
        mistake(
            "mirror::no_path",
            DAEMON,
            "{\"features\": {\"containerd-snapshotter\": true}, \"registry-mirrors\": [\"https://registry.example.test\"]}",
        ),
        Mistake {
            mended: false,
            ..mistake("mirror::bad_file", DAEMON, "{\n  // mirrors\n  \"registry-mirrors\": []\n}")
        },
        Mistake { mended: false, ..mistake("mirror::bad_file", DAEMON, "{\"registry_mirrors\": []}") },
        mistake("mirror::no_path", CONF, &conf(zot, "")),
        mistake(
            "mirror::tags_elsewhere",
            CONF,
            &conf("registry.example.test/docker.io", "pull-from-mirror = \"digest-only\"\n"),
        ),
        mistake(
            "mirror::wrong_key",
            CONF,
            &conf("registry.example.test/docker.io", "").replace("= \"docker.io\"", "= \"index.docker.io\""),
        ),
        Mistake {
            mended: false,
            ..mistake("mirror::bad_file", CONF, &conf("https://registry.example.test/docker.io", ""))
        },
        mistake("mirror::no_path", BUILDKIT, "[registry.\"docker.io\"]\n  mirrors = [\"registry.example.test\"]\n"),
        mistake(
            "mirror::double_v2",
            BUILDKIT,
            "[registry.\"docker.io\"]\n  mirrors = [\"registry.example.test/v2/docker.io\"]\n",
        ),
        mistake(
            "mirror::wrong_key",
            BUILDKIT,
            "[registry.\"index.docker.io\"]\n  mirrors = [\"registry.example.test/docker.io\"]\n",
        ),
        Mistake {
            mended: false,
            ..mistake("mirror::bad_file", BUILDKIT, "[registry.\"docker.io\"]\n  mirrors = \"x\"\n")
        },
        mistake("mirror::no_path", TALOS, &talos("https://registry.example.test", "")),
        mistake("mirror::no_override", TALOS, &talos("https://registry.example.test/v2/docker.io", "")),
    ]
}

/// Files that name no mirror at all.
fn without() -> Vec<Mistake> {
    [
        (CONFIG, "version = 3\n"),
        (CONFIG, "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".registry]\n"),
        (K3S, "# nothing\n"),
        (K3S, "mirrors:\n"),
        (DAEMON, "{}"),
        (DAEMON, ""),
        (CONF, ""),
        (BUILDKIT, ""),
    ]
    .into_iter()
    .map(|(path, text)| mistake("mirror::no_mirror", path, text))
    .collect()
}

fn write(root: &Path, files: &[(&str, String)]) {
    for (path, text) in files {
        let path = root.join("node").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

fn check(mistake: &Mistake, config: &Config, trouble: &mut Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &mistake.files);
    let before = judged(folder.path(), config);
    let (_, judgement) = &before[0];
    let found = judgement.findings.iter().find(|one| one.code == mistake.code && one.level == Level::Failure);
    let Some(found) = found else {
        trouble.push(format!("{:?}: {} is not told: {:#?}", mistake.files, mistake.code, judgement.findings));
        return;
    };
    assert!(!found.what.is_empty() && !found.why.is_empty() && !found.remedy.is_empty(), "{found:?}");
    put(&judgement.fixes);
    let after = judged(folder.path(), config);
    let clean = after.iter().all(|(_, judgement)| !judgement.fails());
    if clean != mistake.mended {
        let left: Vec<_> = after.iter().map(|(_, judgement)| &judgement.findings).collect();
        trouble.push(format!("{}: {:#?}\nleft {left:#?}", mistake.code, judgement.fixes));
    }
}

#[test]
fn every_mistake_is_told_and_its_fix_is_clean() {
    let (config, mut trouble) = (seed(), Vec::new());
    for mistake in containerd().iter().chain(&others()).chain(&without()) {
        check(mistake, &config, &mut trouble);
    }
    assert!(trouble.is_empty(), "{} of them\n{}", trouble.len(), trouble.join("\n"));
}
