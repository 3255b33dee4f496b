//! dockerd: the containerd store instead of `registry-mirrors`.

use super::{Change, Endpoint, edit};
use crate::mirror::dockerd::{CERTS, DAEMON};
use crate::mirror::finding::Edit;

impl Change<'_> {
    /// dockerd with the containerd store, and its hosts.toml. `registry-mirrors` goes.
    pub(in crate::mirror::judge) fn docker_store(&self, endpoint: &Endpoint, host: &str, prefix: &str) -> Vec<Edit> {
        let mut edits = self.daemon(&endpoint.file);
        let root = endpoint.file.strip_suffix(DAEMON).unwrap_or_default();
        let file = format!("{root}{CERTS}/{host}/hosts.toml");
        edits.push(edit(&file, 1, 0, self.hosts_toml(Some(endpoint), host, prefix)));
        edits
    }

    /// daemon.json with the store and without mirrors: in the line of the mirrors where it can be, else all of it anew.
    pub(super) fn daemon(&self, file: &str) -> Vec<Edit> {
        let text = self.texts.get(file).map_or("", String::as_str);
        let text = if text.trim().is_empty() { "{}" } else { text };
        let Ok(serde_json::Value::Object(mut root)) = serde_json::from_str(text) else { return Vec::new() };
        let lines = self.lines(file);
        let whole = |line: &str| line.trim().trim_end_matches(',').ends_with(']');
        let mirrors = lines.iter().position(|line| line.trim().starts_with("\"registry-mirrors\"") && whole(line));
        if let Some((at, line)) =
            mirrors.and_then(|at| Some((at, lines.get(at)?))).filter(|_| !root.contains_key("features"))
        {
            let indent = " ".repeat(line.len() - line.trim_start().len());
            let comma = if line.trim_end().ends_with(',') { "," } else { "" };
            let new = format!("{indent}\"features\": {{\"containerd-snapshotter\": true}}{comma}");
            return vec![edit(file, at + 1, 1, vec![new])];
        }
        root.remove("registry-mirrors");
        let features = root.entry("features").or_insert_with(|| serde_json::json!({}));
        if let serde_json::Value::Object(features) = features {
            features.insert("containerd-snapshotter".to_owned(), serde_json::Value::Bool(true));
        }
        let new = serde_json::to_string_pretty(&root).unwrap_or_default();
        vec![edit(file, 1, self.lines(file).len(), new.lines().map(str::to_owned).collect())]
    }
}
