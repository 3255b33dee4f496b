//! Configurations as operators have them: what `plan` says of each, before anything is sent.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::cli::regproof;

/// What `plan` exits with and says of a file of `tests/configs/field`.
struct Case {
    file: &'static str,
    status: i32,
    says: &'static [&'static str],
}

const fn refused(file: &'static str, says: &'static [&'static str]) -> Case {
    Case { file, status: 3, says }
}

const fn read(file: &'static str, says: &'static [&'static str]) -> Case {
    Case { file, status: 0, says }
}

const CASES: &[Case] = &[
    refused(
        "not-zot-helm-values.yaml",
        &["not-zot-helm-values.yaml:8:3: ", "Helm chart", "key = 'configFiles.\"config.json\"'"],
    ),
    refused("not-zot-configmap.yaml", &["not-zot-configmap.yaml:6:3: ", "ConfigMap", "key = 'data.\"config.json\"'"]),
    refused("not-zot-misspelt-http.json", &["json:5:3: unknown key `htttp`", "nearest that it knows is `http`"]),
    refused("not-zot-policy-at-the-top.json", &["json:14:3: unknown key `accessControl`", "it belongs into `http`"]),
    refused("not-zot-unknown-storage-key.json", &["json:4:5: unknown key `deduplicate`", "`dedupe`"]),
    refused("not-zot-unknown-search-key.json", &["json:17:7: unknown key `fulltext`", "known are enable, cve"]),
    refused("refused-policy-without-auth.json", &["json:8:5: zot does not start with this", "needs a way to log in"]),
    refused("refused-openid-without-scopes.json", &["json:11:11: zot does not start with this", "needs `scopes`"]),
    refused(
        "refused-preserve-digest-without-compat.json",
        &["json:23:11: zot does not start with this", "`preserveDigest` needs `http.compat`"],
    ),
    read("newer-than-the-newest-known.json", &["lint::key_newer_than_known", "reqConcurrent", "may be newer"]),
    read("open-to-everyone.json", &["lint::no_access_control  (high)", "in a container this address is needed"]),
    read("every-user-may-delete.json", &["lint::every_user_may_delete  (high)", "+ \"accessControl\""]),
    read("metrics-open-without-auth.json", &["lint::no_access_control  (high)", "/metrics is open to everyone too"]),
    read("bearer-without-a-certificate.json", &["lint::partial_bearer  (high)", "`bearer` has no `cert`"]),
    read("empty-tls.json", &["lint::plain_listener", "no certificate and key"]),
    read("closed-with-a-realm.json", &["nothing unexpected in the configuration"]),
    read("rate-limited.json", &["lint::rate_limit", "more than 10 requests a second"]),
    read("retention-deletes.json", &["lint::retention_deletes  (high)", "releases/app", "the 3 pushed last"]),
    read("mirrors-into-the-root.json", &["lint::sync_fills_the_root", "dependency confusion", "+ \"destination\""]),
    read("cache-pattern-as-advised.json", &["nothing unexpected in the configuration"]),
    read("client-secret-in-the-file.json", &["lint::secret_in_the_file  (medium)", "credentialsFile"]),
    read("star-is-a-name.json", &["lint::star_is_a_name  (high)"]),
];

fn plan(folder: &Path, registry: &str, more: &str) -> (i32, String) {
    let file = folder.join("regproof.toml");
    let text =
        format!("schema = 1\nname = \"n\"\n[registry]\nurl = \"https://registry.example.test\"\n{registry}\n{more}\n");
    std::fs::write(&file, text).expect("a file can be written");
    let done = regproof(&["plan"]).arg(&file).output().expect("it runs");
    let said = [done.stdout, done.stderr].concat();
    (done.status.code().expect("it ends by itself"), String::from_utf8(said).expect("its output is text"))
}

fn field(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/configs/field").join(name)
}

#[test]
fn plan_says_of_each_file_of_the_field_what_it_is() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let mut files: Vec<String> = std::fs::read_dir(field(""))
        .expect("the folder can be read")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name is text"))
        .collect();
    files.sort();
    let mut listed: Vec<&str> = CASES.iter().map(|case| case.file).collect();
    listed.sort_unstable();
    assert_eq!(files, listed, "each file has its case");
    for Case { file, status, says } in CASES {
        let registry = format!("zot_config = '{}'", field(file).display());
        // A repository whose rights the retention's tags hang on.
        let public = if file.starts_with("retention") { "[repositories]\npublic = [\"releases/app\"]" } else { "" };
        let (exit, said) = plan(folder.path(), &registry, public);
        assert_eq!(exit, *status, "{file}: {said}");
        for words in *says {
            assert!(said.contains(words), "{file}: no `{words}` in\n{said}");
        }
    }
}

#[test]
fn a_bearer_without_its_certificate_leaves_every_right_to_everyone() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let registry = format!("zot_config = '{}'", field("bearer-without-a-certificate.json").display());
    let (exit, said) = plan(folder.path(), &registry, "[repositories]\nscratch = \"a/b\"");
    let row = said.lines().find(|line| line.starts_with("anonymous") && line.contains("a/b")).expect("a row");
    assert_eq!((exit, row.matches("yes").count()), (0, 4), "{said}");
}

#[test]
fn a_part_of_a_file_is_read_where_the_scenario_says_so() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = field("not-zot-helm-values.yaml");
    let registry = format!("zot_config = {{ file = '{}', key = 'configFiles.\"config.json\"' }}", file.display());
    let (exit, said) = plan(folder.path(), &registry, "");
    assert_eq!(exit, 0, "{said}");
    assert!(said.contains("not-zot-helm-values.yaml:12:20  lint::plain_listener"), "{said}");
    for (wrong, says) in [
        (r#"zot_config = { file = "values.yaml" }"#, "a file, or { file"),
        (r#"zot_config = { file = "values.yaml", key = "a", more = 1 }"#, "a file, or { file"),
        (r#"release = "newest""#, "is not a zot release"),
    ] {
        let (exit, said) = plan(folder.path(), wrong, "");
        assert!(exit == 3 && said.contains(says), "{wrong}: {said}");
    }
}

#[test]
fn a_release_decides_which_keys_and_rules_there_are() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let with = |file: &str, release: &str| {
        let registry = format!("zot_config = '{}'\nrelease = \"{release}\"", field(file).display());
        plan(folder.path(), &registry, "")
    };
    let (exit, said) = with("newer-than-the-newest-known.json", "v2.1.20");
    assert!(
        exit == 3 && said.contains("zot v2.1.20 does not know `extensions.sync.registries.reqConcurrent`"),
        "{said}"
    );
    let (exit, said) = with("newer-than-the-newest-known.json", "v2.1.21");
    assert!(exit == 0 && said.contains("lint::key_newer_than_known"), "{said}");
    let (exit, said) = with("not-zot-unknown-search-key.json", "v2.2.0");
    assert!(exit == 0 && said.contains("extensions.search.fulltext"), "{said}");
    let (_, said) = with("cache-pattern-as-advised.json", "v2.1.20");
    assert!(said.contains("lint::default_timeouts") && said.contains("from v2.1.17 on"), "{said}");
    let (_, said) = with("cache-pattern-as-advised.json", "v2.1.15");
    assert!(said.contains("nothing unexpected"), "{said}");
    let registry = format!("zot_config = '{}'", field("cache-pattern-as-advised.json").display());
    let (_, said) = plan(folder.path(), &registry, "");
    assert!(said.contains("where zot is that new: lint::default_timeouts (from v2.1.17 on)"), "{said}");
}

/// Longer than any of these takes, on a slow machine and in a build for tests; a pipe that is waited for would take for ever.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn hostile_files_end_with_3_and_a_place_and_are_not_waited_for() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let write = |name: &str, content: &[u8]| {
        std::fs::write(folder.path().join(name), content).expect("a file can be written");
    };
    std::fs::create_dir(folder.path().join("folder")).expect("a folder can be made");
    let made = std::process::Command::new("mkfifo").arg(folder.path().join("pipe")).status().expect("mkfifo runs");
    assert!(made.success());
    write("large.json", format!("{{\"http\": {{\"realm\": \"{}\"}}}}", "x".repeat(10 << 20)).as_bytes());
    write("bytes.json", b"{\"http\": {\"realm\":\n \"\xff\"}}");
    write("cycle.yaml", b"http: &h\n  auth: *h\n");
    write("empty.json", b"");
    write("nothing.json", b"{}");
    let rules: Vec<String> = (0..100_000).map(|index| format!("\"t{index}\":{{\"defaultPolicy\":[]}}")).collect();
    let many = format!("{{\"http\":{{\"accessControl\":{{\"repositories\":{{\n{}}}}}}}}}", rules.join(",\n"));
    write("many.json", many.as_bytes());
    for (file, says) in [
        ("folder", "is a folder"),
        ("pipe", "is not a plain file"),
        ("large.json", "that is no configuration"),
        ("bytes.json", "bytes.json:2:3: this byte is not UTF-8"),
        ("cycle.yaml", "cycle.yaml:"),
        ("empty.json", "empty.json:1:1: "),
        ("nothing.json", "nothing.json:1:1: nothing is configured"),
        ("many.json", "many.json:10002:1: 100000 patterns"),
        ("gone.json", "cannot read"),
    ] {
        let started = Instant::now();
        let (exit, said) = plan(folder.path(), &format!("zot_config = \"{file}\""), "");
        assert_eq!(exit, 3, "{file}: {said}");
        assert!(said.contains("regproof.toml:5:14: ") && said.contains(says), "{file}: {said}");
        assert!(started.elapsed() < PATIENCE, "{file}: {:?}", started.elapsed());
    }
}

#[test]
fn two_thousand_patterns_and_fifty_identities_are_planned_in_time() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let rule = |index: usize| {
        let (user, group) = (format!("u{}", index % 50), format!("g{}", index % 40));
        let policies = serde_json::json!([
            { "users": [user], "actions": ["read", "create"] },
            { "groups": [group], "actions": ["read", "create", "update", "delete"] },
        ]);
        (format!("team-{index}/**"), serde_json::json!({ "policies": policies, "defaultPolicy": ["read"] }))
    };
    let mut rules: serde_json::Map<String, serde_json::Value> = (0..1999).map(rule).collect();
    rules.insert("**".to_owned(), serde_json::json!({ "defaultPolicy": ["read"], "anonymousPolicy": ["read"] }));
    let config = serde_json::json!({ "storage": { "rootDirectory": "/x" }, "http": {
        "auth": { "htpasswd": { "path": "/x" } }, "accessControl": { "repositories": rules } } });
    std::fs::write(folder.path().join("zot.json"), format!("{config:#}")).expect("a file can be written");
    let mut identities = String::new();
    for index in 0..50 {
        std::fs::write(folder.path().join(format!("key{index}")), format!("a-made-up-password-{index}\n"))
            .expect("a file can be written");
        identities.push_str(&format!(
            "[identities.u{index}]\nusername = \"u{index}\"\ngroups = [\"g{}\"]\npassword = {{ file = \"key{index}\" }}\n",
            index % 40
        ));
    }
    let more = format!("[repositories]\nscratch = \"team-7/scratch\"\npublic = [\"other/public\"]\n{identities}");
    let started = Instant::now();
    let (exit, said) = plan(folder.path(), "zot_config = \"zot.json\"", &more);
    let elapsed = started.elapsed();
    assert_eq!(exit, 0, "{said}");
    assert!(said.contains("u49"), "{said}");
    // A build for tests takes many times as long as a release build, and the machine may do other things. What compares each pattern
    // with each, or asks for one name again and again, takes longer than this by far.
    assert!(elapsed < 5 * PATIENCE, "{elapsed:?}");
}
