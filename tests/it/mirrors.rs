//! Files of container clients as operators have them: what `mirrors` says of each, and that the corrected ones are sound.

use std::path::Path;

use crate::cli::regproof;
use crate::tidy::{project, read};

/// The folder on the node, and the name there, of each client's file.
const CLIENTS: [(&str, &str); 4] = [
    ("certs.d/docker.io/hosts.toml", "etc/containerd/certs.d/docker.io/hosts.toml"),
    ("daemon.json", "etc/docker/daemon.json"),
    ("k3s-registries.yaml", "etc/rancher/k3s/registries.yaml"),
    ("registries.conf", "etc/containers/registries.conf"),
];

/// zot with these rules for Docker Hub, the first that matches counts.
fn zot(destinations: &[&str]) -> String {
    let content = destinations.iter().map(|to| serde_json::json!({ "prefix": "**", "destination": to }));
    let hub = serde_json::json!({
        "urls": ["https://registry-1.docker.io"],
        "onDemand": true,
        "content": content.collect::<Vec<_>>(),
    });
    let ghcr = serde_json::json!({
        "urls": ["https://ghcr.io"],
        "onDemand": true,
        "content": [{ "prefix": "**", "destination": "/ghcr.io" }],
    });
    serde_json::json!({
        "distSpecVersion": "1.1.1",
        "storage": { "rootDirectory": "/var/lib/registry" },
        "http": { "address": "0.0.0.0", "port": "5000" },
        "extensions": { "sync": { "enable": true, "registries": [hub, ghcr] } },
    })
    .to_string()
}

/// What `mirrors` exits with and says of one client's file.
fn judged(kind: &str, (file, on_node): (&str, &str), zot: &str) -> (i32, String) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let target = folder.path().join("nodes/one").join(on_node);
    std::fs::create_dir_all(target.parent().unwrap_or(Path::new("."))).expect("a folder can be made");
    std::fs::copy(project().join("tests/configs/clients").join(kind).join(file), &target)
        .expect("a file can be copied");
    std::fs::write(folder.path().join("zot.json"), zot).expect("a file can be written");
    let done = regproof(&["mirrors"])
        .arg(folder.path().join("nodes"))
        .args(["--url", "https://registry.example.test", "--url", "http://registry.example.test:5050"])
        .arg("--zot-config")
        .arg(folder.path().join("zot.json"))
        .output()
        .expect("it runs");
    let said = [done.stdout, done.stderr].concat();
    (done.status.code().unwrap_or(-1), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn files_as_operators_have_them_go_to_the_internet() {
    for client in CLIENTS {
        let (status, said) = judged("broken", client, &zot(&["/docker.io"]));
        assert_eq!(status, 1, "{}: {said}", client.0);
        assert!(said.contains("goes to the internet in silence"), "{}: {said}", client.0);
        assert!(said.contains("registry-1.docker.io"), "{}: {said}", client.0);
        // The lines to change are shown, and nothing but lines of the file is wider than 100 columns.
        assert!(said.lines().any(|line| line.trim_start().starts_with('+')), "{}: {said}", client.0);
    }
}

#[test]
fn corrected_files_are_served() {
    for client in CLIENTS {
        let destinations: &[&str] =
            if client.0 == "daemon.json" { &["/docker.io/v2", "/docker.io"] } else { &["/docker.io"] };
        let (status, said) = judged("fixed", client, &zot(destinations));
        let only_hub = !said.contains("goes to the internet in silence");
        // The file of dockerd and those of one upstream have no mirror for the other one; that is told apart.
        assert!(said.contains("served by the registry") && only_hub, "{} ({status}): {said}", client.0);
    }
}

#[test]
fn a_corrected_daemon_needs_the_second_rule() {
    let (status, said) = judged("fixed", CLIENTS[1], &zot(&["/docker.io"]));
    assert_eq!(status, 1, "{said}");
    assert!(said.contains("mirror::docker_path"), "{said}");
}

#[test]
fn the_files_are_those_of_the_field() {
    for (file, _) in CLIENTS {
        let (broken, fixed) = ("tests/configs/clients/broken", "tests/configs/clients/fixed");
        assert_ne!(read(format!("{broken}/{file}")), read(format!("{fixed}/{file}")), "{file}");
    }
}

#[test]
fn no_secret_of_a_clients_file_is_shown() {
    const SECRET: &str = "hunter22secret";
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let sound = [
        (
            "etc/rancher/k3s/registries.yaml",
            "mirrors:\n  docker.io:\n    endpoint:\n      - \"https://u:SECRET@registry.example.test\"\nconfigs:\n  \
             registry.example.test:\n    auth:\n      username: ci\n      password: SECRET\n",
        ),
        (
            "etc/containerd/certs.d/docker.io/hosts.toml",
            "server = \"https://u:SECRET@registry-1.docker.io\"\n[host.\"https://u:SECRET@registry.example.test/v2/docker.io\"]\n\
             [host.\"https://u:SECRET@registry.example.test/v2/docker.io\".header]\nAuthorization = \"Basic SECRET\"\n",
        ),
        ("etc/docker/daemon.json", "{ \"registry-mirrors\": [\"https://u:SECRET@registry.example.test\"] }"),
        (
            "etc/containers/registries.conf",
            "[[registry]]\nlocation = \"docker.io\"\n[[registry.mirror]]\nlocation = \"u:SECRET@registry.example.test\"\n",
        ),
        ("etc/buildkit/buildkitd.toml", "[registry.\"docker.io\"]\nmirrors = [\"u:SECRET@registry.example.test\"]\n"),
        (
            "talos/machine.yaml",
            "machine:\n  registries:\n    mirrors:\n      docker.io:\n        endpoints: [\"https://u:SECRET@registry.example.test\"]\n    \
             config:\n      registry.example.test:\n        auth:\n          password: SECRET\n",
        ),
    ];
    for broken in ["", "\n[[[ : \"SECRET\n"] {
        for (file, text) in sound {
            let path = folder.path().join("nodes").join(file);
            std::fs::create_dir_all(path.parent().expect("it is in a folder")).expect("a folder can be made");
            std::fs::write(path, format!("{text}{broken}").replace("SECRET", SECRET)).expect("a file can be written");
        }
        std::fs::write(folder.path().join("zot.json"), zot(&["/docker.io"])).expect("a file can be written");
        for (format, zot) in [("text", true), ("json", true), ("text", false), ("json", false)] {
            let mut command = regproof(&["mirrors", "--format", format, "--url", "https://registry.example.test"]);
            command.arg(folder.path().join("nodes"));
            if zot {
                command.arg("--zot-config").arg(folder.path().join("zot.json"));
            }
            let done = command.output().expect("it runs");
            let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
            assert!(said.len() > 500, "{said}");
            assert!(!said.contains(SECRET), "{format}: {said}");
        }
    }
}

#[test]
fn a_folder_without_files_and_wrong_usage_are_told() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let done = regproof(&["mirrors"]).arg(folder.path()).output().expect("it runs");
    assert_eq!(done.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&done.stderr).contains("copy them there, one folder for each node"));
    let done = regproof(&["mirrors"]).arg(folder.path().join("nowhere")).output().expect("it runs");
    assert_eq!(done.status.code(), Some(3));
}

#[test]
fn a_mirror_of_the_scenario_is_read_with_its_place() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let plan = |mirror: &str| {
        let file = folder.path().join("r.toml");
        let text = format!(
            "schema = 1\nname = \"n\"\n[registry]\nurl = \"https://registry.example.test\"\n[[mirror]]\nname = \"nodes\"\n{mirror}\n"
        );
        std::fs::write(&file, text).expect("a file can be written");
        let done = regproof(&["plan"]).arg(&file).output().expect("it runs");
        let said = [done.stdout, done.stderr].concat();
        (done.status.code().unwrap_or(-1), String::from_utf8_lossy(&said).into_owned())
    };
    std::fs::write(folder.path().join("daemon.json"), "{}").expect("a file can be written");
    for (mirror, says) in [
        ("kind = \"dockerd\"\nfiles = \"none.json\"\nimages = [\"alpine\"]", ":8:9: cannot read none.json"),
        ("kind = \"docker\"\nfiles = \"daemon.json\"", ":7:8: unknown variant `docker`"),
        ("kind = \"dockerd\"\nfiles = \"daemon.json\"", "there is no image to ask for"),
        (
            "kind = \"dockerd\"\nfiles = \"daemon.json\"\nversion = \"new\"\nimages = [\"alpine\"]",
            ":9:11: `new` is no version",
        ),
        ("kind = \"dockerd\"\nfiles = \"daemon.json\"\nimages = [\"docker.io/:1\"]", "is not an image"),
    ] {
        let (status, said) = plan(mirror);
        assert_eq!(status, 3, "{mirror}: {said}");
        assert!(said.contains(says), "{mirror}: {said}");
    }
    let (status, said) =
        plan("kind = \"dockerd\"\nfiles = \"daemon.json\"\nimages = [\"docker.io/library/alpine:3.20\"]");
    assert_eq!(status, 0, "{said}");
    assert!(said.contains("mirrors::every_client_is_served_by_the_cache"), "{said}");
}
