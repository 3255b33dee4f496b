//! The recordings as text; their form is told in `tests/recordings/mirrors/README.md`.

use std::collections::HashMap;
use std::path::PathBuf;

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) role: String,
    pub(super) host: String,
    pub(super) method: String,
    pub(super) target: String,
    pub(super) status: String,
    /// Nothing where zot's own log was kept, which has no `Accept`.
    pub(super) accept: Option<Vec<String>>,
    pub(super) agent: String,
    pub(super) auth: String,
    pub(super) used: bool,
    /// Whether it is from a file with one side only, so that the order against the other side is not known.
    one_side: bool,
}

impl Entry {
    pub(super) fn line(&self) -> String {
        format!("{} {} {} {} {}", self.role, self.method, self.target, self.status, self.auth)
    }

    /// zot logs what its `/v2/` routes answer, and no other path.
    pub(super) fn is_of_the_log(&self) -> bool {
        self.one_side
    }

    /// Whether a request to `role` has its order against this one recorded.
    pub(super) fn queue(&self, role: &str) -> bool {
        !self.one_side || self.role == role
    }
}

pub(super) struct Recording {
    pub(super) cases: Vec<(String, Vec<Entry>)>,
}

pub(super) fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordings/mirrors"))
}

impl Recording {
    /// The file, together with zot's own log of the same cases where there is one.
    pub(super) fn read(stem: &str) -> Self {
        let log = std::fs::read_to_string(folder().join(format!("{stem}-zotlog.txt"))).ok();
        let own = std::fs::read_to_string(folder().join(format!("{stem}.txt"))).ok();
        assert!(log.is_some() || own.is_some(), "there is no recording {stem}");
        let mut cases: Vec<(String, Vec<Entry>)> = Vec::new();
        for (case, entries) in [&log, &own].into_iter().flatten().flat_map(|text| parse(text, log.is_some())) {
            match cases.iter_mut().find(|(name, _)| *name == case) {
                Some((_, all)) => all.extend(entries),
                None => cases.push((case, entries)),
            }
        }
        Self { cases }
    }
}

fn parse(text: &str, one_side: bool) -> Vec<(String, Vec<Entry>)> {
    let (mut accepts, mut agents) = (HashMap::new(), HashMap::new());
    let mut cases: Vec<(String, Vec<Entry>)> = Vec::new();
    for line in text.lines() {
        if let Some(case) = line.strip_prefix("== ") {
            cases.push((case.to_owned(), Vec::new()));
            continue;
        }
        let mut words = line.splitn(3, ' ');
        match (words.next().unwrap(), words.next().unwrap(), words.next()) {
            ("accept", id, Some(types)) => {
                drop(accepts.insert(id, types.split(' ').map(str::to_owned).collect::<Vec<_>>()))
            }
            ("agent", id, Some(agent)) => drop(agents.insert(id, agent.to_owned())),
            (_, "tls-error" | "tls-error\n", _) => {}
            _ => {
                let fields: Vec<&str> = line.split(' ').collect();
                let count = fields.get(8).map_or(1, |times| times[1..].parse().unwrap());
                let entry = Entry {
                    role: fields[0].to_owned(),
                    host: fields[1].to_owned(),
                    method: fields[2].to_owned(),
                    target: fields[3].to_owned(),
                    status: fields[4].to_owned(),
                    accept: if fields[1] == "zot" {
                        None
                    } else {
                        Some(accepts.get(fields[5]).cloned().unwrap_or_default())
                    },
                    agent: agents[fields[6]].clone(),
                    auth: fields[7].to_owned(),
                    used: false,
                    one_side,
                };
                cases.last_mut().unwrap().1.extend(std::iter::repeat_n(entry, count));
            }
        }
    }
    cases
}
