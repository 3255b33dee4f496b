//! What the lab counts for its metrics.

use std::collections::BTreeMap;

/// A label is made of what a client sends; without a bound a client could fill the memory.
const MOST_SERIES: usize = 2_000;

/// What has been counted since the lab started.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) requests: BTreeMap<(u16, String), u64>,
    pub(crate) repositories: BTreeMap<String, u64>,
    pub(crate) downloads: BTreeMap<String, u64>,
    pub(crate) uploads: BTreeMap<String, u64>,
}

impl Counters {
    pub(crate) fn request(&mut self, method: &str, path: &str, status: u16) {
        bump(&mut self.requests, (status, method.to_owned()));
        // zot takes the label from the path, also for requests that were refused.
        let repository = path.strip_prefix("/v2/").and_then(|rest| {
            let ends = ["/blobs/", "/tags/", "/manifests/"].iter().filter_map(|kind| rest.find(kind));
            ends.min().map(|end| &rest[..end])
        });
        bump(&mut self.repositories, repository.unwrap_or(NO_REPOSITORY).to_owned());
    }

    pub(crate) fn download(&mut self, repository: &str) {
        bump(&mut self.downloads, repository.to_owned());
    }

    pub(crate) fn upload(&mut self, repository: &str) {
        bump(&mut self.uploads, repository.to_owned());
    }
}

fn bump<K: Ord>(map: &mut BTreeMap<K, u64>, key: K) {
    if map.len() < MOST_SERIES || map.contains_key(&key) {
        *map.entry(key).or_default() += 1;
    }
}

/// The label of requests that name no repository (zot `pkg/extensions/monitoring`).
pub(crate) const NO_REPOSITORY: &str = "N/A";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_label_comes_from_the_path_of_any_request() {
        let mut counters = Counters::default();
        counters.request("PUT", "/v2/a/b/manifests/x", 401);
        counters.request("GET", "/v2/", 200);
        assert_eq!(counters.repositories.keys().collect::<Vec<_>>(), ["N/A", "a/b"]);
        assert_eq!(counters.requests[&(401, "PUT".to_owned())], 1);
    }
}
