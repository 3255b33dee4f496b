//! Random zot configurations, reproducible by their seed; each one is valid for the release that reads it.

use std::path::Path;

use regproof::zot::release::Release;
use serde_json::{Map, Value, json};

/// xorshift64*: small, and the same everywhere.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(high).unwrap() % bound
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn some(&mut self, of: &[&str], percent: usize) -> Vec<String> {
        of.iter().filter(|_| self.chance(percent)).map(|word| (*word).to_owned()).collect()
    }
}

const ACTIONS: [&str; 4] = ["read", "create", "update", "delete"];
const PATTERNS: [&str; 18] = [
    "**",
    "*",
    "a",
    "a/*",
    "a/**",
    "*/b",
    "**/b",
    "a/b/**",
    "{a,team}/**",
    "team/a?p",
    "[a-m]/**",
    "[^t]*/*",
    "docker.io/**",
    "docker.io/*",
    "A/B",
    "a/**/c",
    "team**",
    "",
];
const USERS: [&str; 5] = ["guest", "zot-ci", "erich", "", "*"];
const GROUPS: [&str; 4] = ["workers", "admins", "Workers", "nobody"];

pub fn config(random: &mut Random, folder: &Path, port: u16, release: Release) -> String {
    let access = random.chance(92).then(|| access(random, release));
    let login = random.chance(94);
    // Without a login zot takes anonymous policies only.
    let access = if login {
        access
    } else {
        Some(
            json!({"repositories": {"a/**": {"anonymousPolicy": random.some(&ACTIONS, 60)}, "**": {"anonymousPolicy": ["read"]}}}),
        )
    };
    document(folder, port, access, login.then_some("htpasswd"), json!({"metrics": {"enable": true}}))
}

pub fn document(folder: &Path, port: u16, access: Option<Value>, htpasswd: Option<&str>, extensions: Value) -> String {
    let mut http = json!({"address": "127.0.0.1", "port": port.to_string()});
    if let Some(file) = htpasswd {
        http["auth"] = json!({"htpasswd": {"path": folder.join(file)}});
    }
    if let Some(access) = access {
        http["accessControl"] = access;
    }
    let document = json!({
        "storage": {"rootDirectory": folder.join("storage"), "gc": false, "dedupe": false},
        "http": http,
        "log": {"level": "error"},
        "extensions": extensions,
    });
    serde_json::to_string_pretty(&document).unwrap()
}

/// The same configuration in block style, as operators write YAML.
pub fn as_yaml(json: &str) -> String {
    let document: Value = serde_json::from_str(json).unwrap();
    serde_yaml_ng::to_string(&document).unwrap()
}

fn access(random: &mut Random, release: Release) -> Value {
    let mut repositories = Map::new();
    for _ in 0..1 + random.below(4) {
        let pattern = PATTERNS[random.below(PATTERNS.len())];
        repositories.insert(pattern.to_owned(), rule(random, release));
    }
    // Mostly an open door for anonymous clients, since without one they are refused everywhere.
    if random.chance(60) {
        repositories.insert("docker.io/library/*".to_owned(), json!({"anonymousPolicy": ["read"]}));
    }
    let mut access = json!({"repositories": repositories});
    if random.chance(80) {
        let name = if random.chance(25) { "Workers" } else { "workers" };
        access["groups"] = json!({name: {"users": ["zot-ci"]}, "admins": {"users": ["erich"]}});
    }
    if random.chance(50) {
        access["adminPolicy"] = policy(random, release);
    }
    if random.chance(60) {
        access["metrics"] = json!({"users": random.some(&USERS, 30)});
        if release >= Release::new(2, 1, 18) && random.chance(50) {
            access["metrics"]["anonymousPolicy"] = json!(["read"]);
        }
    }
    access
}

fn rule(random: &mut Random, release: Release) -> Value {
    if random.chance(8) {
        return json!({});
    }
    let mut rule = json!({});
    if random.chance(75) {
        rule["policies"] = (0..random.below(3)).map(|_| policy(random, release)).collect();
    }
    if random.chance(60) {
        rule["defaultPolicy"] = json!(random.some(&ACTIONS, 45));
    }
    if random.chance(60) {
        rule["anonymousPolicy"] = json!(random.some(&ACTIONS, 40));
    }
    rule
}

fn policy(random: &mut Random, release: Release) -> Value {
    let mut policy = json!({"actions": random.some(&ACTIONS, 55)});
    if random.chance(60) {
        policy["users"] = json!(random.some(&USERS, 25));
    }
    if random.chance(70) {
        policy["groups"] = json!(random.some(&GROUPS, 35));
    }
    if release >= Release::new(2, 1, 17) && random.chance(15) {
        let expression = ["true", "false", "req.user.username != 'guest'"][random.below(3)];
        policy["conditions"] = json!([{"expression": expression, "message": "regproof"}]);
    }
    policy
}
