//! Files of clients that have the lab as a mirror, written beside its scenario.

use std::path::Path;

/// A client's file, in which `URL` stands for the lab.
pub(crate) struct File {
    kind: &'static str,
    name: &'static str,
    text: &'static str,
    images: &'static str,
}

/// k3s, with the names of the cache.
pub(crate) const K3S: File = File {
    kind: "k3s",
    name: "registries.yaml",
    text: "mirrors:\n  docker.io:\n    endpoint:\n      - \"URL\"\n    rewrite:\n      \"^(.*)$\": \"docker.io/$1\"\n",
    images: "[]",
};

/// k3s, as if the cache kept Docker Hub's images under their own names.
pub(crate) const K3S_PLAIN: File = File { text: "mirrors:\n  docker.io:\n    endpoint:\n      - \"URL\"\n", ..K3S };

/// k3s, led to another image of the cache.
pub(crate) const OTHER_UPSTREAM: File = File {
    text: "mirrors:\n  docker.io:\n    endpoint:\n      - \"URL\"\n    rewrite:\n      \"^library/(.*)$\": \"ghcr.io/$1\"\n",
    ..K3S
};

impl File {
    /// Adds the client to a scenario of the lab, and writes its file.
    pub(crate) fn add(&self, scenario: String) -> String {
        let after = |start: &str| {
            let rest = scenario.split_once(start).expect("the lab's scenario has it").1;
            rest.split_once('"').expect("a text ends").0.to_owned()
        };
        let (url, key) = (after("url = \""), after("password = { file = \""));
        let file = Path::new(&key).with_file_name(self.name);
        std::fs::write(&file, self.text.replace("URL", &url)).expect("the client's file can be written");
        format!(
            "{scenario}\n[[mirror]]\nname = \"nodes\"\nkind = \"{}\"\nfiles = \"{}\"\nimages = {}\n",
            self.kind,
            file.display(),
            self.images
        )
    }
}
