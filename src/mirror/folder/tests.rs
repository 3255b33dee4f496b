//! Folders of nodes.

use std::time::{Duration, Instant};

use super::*;

fn write(root: &Path, path: &str, text: impl AsRef<[u8]>) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

const K3S: &str = "mirrors:\n  docker.io:\n    endpoint:\n      - \"https://registry.example.test\"\n";

#[test]
fn a_thousand_nodes_are_read_fast_and_equal_ones_joined() {
    let root = tempfile::tempdir().unwrap();
    for node in 0..1000 {
        let text = if node % 100 == 0 { format!("# {node}\n{K3S}") } else { K3S.to_owned() };
        write(root.path(), &format!("node-{node:04}/registries.yaml"), text);
    }
    let began = Instant::now();
    let folder = read_folder(root.path()).unwrap();
    let took = began.elapsed();
    assert_eq!(folder.clients.len(), 11);
    let most = folder.clients.iter().map(|found| found.config.nodes.len()).max().unwrap();
    assert_eq!(most, 990);
    assert_eq!(folder.clients.iter().map(|found| found.config.nodes.len()).sum::<usize>(), 1000);
    // What compares each node with each takes longer by far, also on a machine that does other things.
    assert!(took < Duration::from_secs(300), "{took:?}");
}

#[test]
fn files_are_found_where_nodes_have_them_and_flat() {
    let root = tempfile::tempdir().unwrap();
    let hosts = "[host.\"https://registry.example.test\"]\n";
    write(root.path(), "a/etc/containerd/certs.d/docker.io/hosts.toml", hosts);
    write(root.path(), "b/certs.d/docker.io/hosts.toml", hosts);
    write(root.path(), "c/registries.yaml", K3S);
    write(root.path(), "d/etc/rancher/rke2/registries.yaml", K3S);
    write(root.path(), "e/etc/docker/daemon.json", "{}");
    write(root.path(), "f/etc/containers/registries.conf.d/10-zot.conf", "[[registry]]\nlocation = \"docker.io\"\n");
    write(root.path(), "g/buildkitd.toml", "");
    write(root.path(), "h/worker.yaml", "machine: {}\n");
    write(root.path(), "h/unrelated.yaml", "a: 1\n");
    let folder = read_folder(root.path()).unwrap();
    let seen: Vec<(&str, Vec<&str>)> = folder
        .clients
        .iter()
        .map(|found| (found.config.client.kind.word(), found.config.nodes.iter().map(String::as_str).collect()))
        .collect();
    let wanted = [
        ("containerd", vec!["a", "b"]),
        ("k3s", vec!["c"]),
        ("rke2", vec!["d"]),
        ("talos", vec!["h"]),
        ("dockerd", vec!["e"]),
        ("buildkitd", vec!["g"]),
        ("podman", vec!["f"]),
    ];
    assert_eq!(seen, wanted);
}

#[test]
fn a_large_file_is_not_read_and_told() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "a/registries.yaml", vec![b'#'; 10 << 20]);
    let folder = read_folder(root.path()).unwrap();
    let finding = &folder.clients[0].config.findings[0];
    assert!(finding.why.contains("larger than 1024 KiB"), "{finding:?}");
    assert!(finding.what.contains("not judged"), "{finding:?}");
}

#[test]
fn bytes_that_are_no_text_have_their_place() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "a/registries.yaml", b"mirrors:\n  \xff");
    let folder = read_folder(root.path()).unwrap();
    let finding = &folder.clients[0].config.findings[0];
    assert_eq!(finding.place.to_string(), "2:3");
    assert!(finding.what.contains("does not start"), "{finding:?}");
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_round_is_not_followed() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "a/registries.yaml", K3S);
    std::os::unix::fs::symlink(root.path(), root.path().join("a/again")).unwrap();
    assert_eq!(read_folder(root.path()).unwrap().clients[0].config.nodes, ["a"]);
}

#[test]
fn a_folder_that_is_not_there_is_an_error() {
    assert!(read_folder(Path::new("/nonexistent/regproof")).is_err());
}
