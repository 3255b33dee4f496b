//! What a plan says that it may send: who, where, and how a write outside of the scratch repository is named.

use std::path::Path;

use super::*;
use crate::check::machine::Machine;
use crate::checks::CHECKS;
use crate::kit::rows::sends;

const SCENARIO: &str = r#"schema = 1
name = "n"
[registry]
url = "http://r.example.test:8080"
[repositories]
scratch = "team/scratch"
public = ["team/app", "team/tool"]
private = ["team/secret"]
[access]
anonymous = ["read"]
groups.ci = ["read", "create"]
groups.admins = ["read", "create", "update", "delete"]
[identities.admin]
username = "root"
groups = ["admins"]
password = { env = "X" }
[identities.ci]
username = "zot-ci"
groups = ["ci"]
password = { env = "X" }
[identities.guest]
username = "eve"
password = { env = "X" }
"#;

fn scenario(more: &str) -> Scenario {
    toml::from_str(&format!("{SCENARIO}{more}")).unwrap()
}

fn lines(effect: Effect, methods: &str, target: &str) -> Vec<(Effect, String)> {
    let mut lines = Vec::new();
    add("a::check", effect, methods, "ci", target, &scenario(""), &mut lines);
    lines.into_iter().map(|line| (line.effect, line.target)).collect()
}

#[test]
fn a_write_outside_of_the_scratch_repository_can_only_be_an_oracle() {
    use Effect::{Oracle, ReadOnly, Writes};
    for (effect, methods, target, shown) in [
        (Writes, "GET, HEAD", "/v2/{scratch}/manifests/x", Some(ReadOnly)),
        (Writes, "OPTIONS", "/v2/", Some(Oracle)),
        (ReadOnly, "OPTIONS", "/v2/", None),
        (Writes, "PUT", "/v2/{scratch}/manifests/x", Some(Writes)),
        (Writes, "GET, PUT", "/v2/team/app/manifests/x", Some(Oracle)),
        (Writes, "PUT", "/v2/team/scratch2/manifests/x", Some(Oracle)),
        (Writes, "POST", "/zot/auth/apikey", Some(Writes)),
        (Oracle, "PUT", "/v2/{scratch}/manifests/x", Some(Oracle)),
        (ReadOnly, "GET", "/v2/", Some(ReadOnly)),
        (ReadOnly, "PUT", "/v2/{scratch}/manifests/x", None),
        (ReadOnly, "POST", "/zot/auth/apikey", None),
        (ReadOnly, "POST", "/zot/auth/logout", Some(ReadOnly)),
    ] {
        let found: Vec<Effect> = lines(effect, methods, target).into_iter().map(|(effect, _)| effect).collect();
        assert_eq!(found, shown.into_iter().collect::<Vec<_>>(), "{effect} {methods} {target}");
    }
    let mut none = Vec::new();
    add("a::check", Writes, "GET", "", "/v2/", &scenario(""), &mut none);
    assert!(none.is_empty());
    fill("a::check", Writes, &sends(Who::Anonymous, "GET", "/v2/"), &scenario(""), &mut none);
    assert_eq!(none.len(), 1);
}

#[test]
fn a_template_is_filled_with_each_value_and_left_out_without() {
    let more = "[[cache]]\nimage = \"mirror/a:1\"\ncold = \"mirror/b:1\"\n[metrics]\npath = \"/m\"\nanonymous = true\n\
        [oidc]\nprovider = \"idp\"\nissuer = \"https://idp.test/\"\nclient_id = \"zot\"\n";
    let rich = scenario(more);
    for (template, targets) in [
        ("/v2/{public}/x", &["/v2/team/app/x", "/v2/team/tool/x"][..]),
        ("/v2/{readable}/x", &["/v2/team/app/x", "/v2/team/tool/x", "/v2/team/secret/x"]),
        ("/v2/{scratch}/{private}", &["/v2/team/scratch/team/secret"]),
        ("{cache} {cold}", &["mirror/a mirror/b"]),
        ("{metrics}", &["/m"]),
        ("{issuer}/x/{provider}", &["https://idp.test/x/idp"]),
        ("{origin} {host}", &["http://r.example.test:8080 r.example.test:8080"]),
        ("/v2/", &["/v2/"]),
    ] {
        assert_eq!(filled(template, &rich), targets, "{template}");
    }
    assert_eq!(filled("{issuer}", &scenario("")), [""; 0]);
    assert_eq!(filled("{metrics}", &scenario("")), ["/metrics"]);
    let shown = placeholders("/v2/{public}/manifests/sha256:{random}?tag={tag}&d={private_digest}&r={random}&u={user}");
    assert_eq!(shown, "/v2/{public}/manifests/<digest>?tag=<reference>&d=<digest>&r=<random>&u=<user>");
}

#[test]
fn who_sends_it_is_told_by_the_names_of_the_scenario() {
    let known = scenario("");
    for (one, names) in [
        (Who::Anonymous, "anonymous"),
        (Who::Reader, "anonymous"),
        (Who::Writer, "ci"),
        (Who::Creator, "ci"),
        (Who::Remover, "admin"),
        (Who::Identities, "admin, ci, guest"),
        (Who::Everyone, "anonymous, admin, ci, guest"),
        (Who::Impostor, "wrong credentials"),
        (Who::Browser, "the browser"),
        (Who::OwnKey, "a key of this run"),
        (Who::Program("crane"), "crane"),
    ] {
        assert_eq!(who(one, Some("team/scratch"), &known), names, "{one:?}");
    }
    let closed: Scenario = toml::from_str(&SCENARIO.replace("anonymous = [\"read\"]", "")).unwrap();
    assert_eq!(who(Who::Reader, Some("team/app"), &closed), "ci");
    assert_eq!(who(Who::Writers, Some("team/scratch"), &known), "ci, admin");
    assert_eq!(who(Who::Creators, Some("team/scratch"), &known), "ci");
    for (principal, names) in [
        (Principal::Anonymous, "anonymous"),
        (Principal::Creator, "ci"),
        (Principal::Reader, "guest"),
        (Principal::Outsider, "admin, ci, guest"),
    ] {
        assert_eq!(names_of(principal, &known), names, "{principal:?}");
    }
}

#[test]
fn a_probe_is_asked_where_its_effect_is_allowed_and_its_litter_wanted() {
    use Effect::{Oracle, ReadOnly, Writes};
    let (usual, litters, strains) =
        (scenario(""), scenario("[probes]\nlitter = true\n"), scenario("[probes]\nstrain = true\n"));
    for (impact, scenario, effect, asked) in [
        (Impact::ReadOnly, &usual, ReadOnly, true),
        (Impact::Oracle, &usual, ReadOnly, false),
        (Impact::Oracle, &usual, Oracle, true),
        (Impact::Scratch, &usual, Oracle, false),
        (Impact::Scratch, &usual, Writes, true),
        (Impact::Litters, &usual, Writes, false),
        (Impact::Litters, &litters, Oracle, false),
        (Impact::Litters, &litters, Writes, true),
        (Impact::Strains, &usual, Writes, false),
        (Impact::Strains, &strains, ReadOnly, true),
    ] {
        let probe = Probe { impact, ..Probe::ANONYMOUS };
        assert_eq!(is_asked(&probe, scenario, effect), asked, "{impact} {effect}");
    }
}

/// The rows of one check, without the head, each in its words.
fn rows(id: &str, scenario: &str, no_browser: bool) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("regproof.toml");
    std::fs::write(&file, scenario).unwrap();
    let machine = Machine::with_path(std::ffi::OsStr::new("/nowhere/at/all"), no_browser);
    let target = Target::open(Path::new(&file), None, machine).unwrap();
    let plan = target.plan(CHECKS, &[id]).unwrap();
    let text = table(&plan, &target);
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    text.lines().skip_while(|line| !line.starts_with("effect")).skip(1).map(words).collect()
}

#[test]
fn a_plan_shows_the_rows_of_its_checks_once_each_and_of_no_other() {
    const OPEN: &str = "schema = 1\nname = \"n\"\n[registry]\nurl = \"http://127.0.0.1:8080\"\n\
        [repositories]\npublic = [\"team/app\"]\n[access]\nanonymous = [\"read\"]\n";
    let by_the_run = [
        "read-only GET anonymous (the run) /v2/",
        "read-only GET anonymous (the run) /v2/_zot/ext/mgmt",
        "read-only GET anonymous (the run) /v2/_oci/ext/discover",
        "read-only GET anonymous (the run) /metrics",
        "read-only GET anonymous (the run) /v2/team/app/blobs/<digest>",
    ];
    let pull = [
        "read-only GET anonymous access::anonymous_can_pull /v2/team/app/tags/list<query>",
        "read-only GET anonymous access::anonymous_can_pull /v2/team/app/manifests/<reference>",
        "read-only GET anonymous access::anonymous_can_pull /v2/team/app/blobs/<digest>",
        "read-only GET anonymous access::anonymous_can_pull <where a redirect of a blob leads>",
    ];
    assert_eq!(rows("access::anonymous_can_pull", OPEN, true), [&by_the_run[..], &pull].concat());
    // Skipped, so nothing of it is sent.
    assert_eq!(rows("access::anonymous_cannot_push", OPEN, true), by_the_run);
    let pages = rows("bypass::internal_pages_are_closed", OPEN, true);
    assert!(pages.iter().any(|row| row.contains("pprof")), "{pages:#?}");
    let note = |row: &String| row.is_empty() || row.starts_with("* sent only if");
    let known = |row: &String| row.contains("(the run)") || row.contains("internal_pages") || note(row);
    assert!(pages.iter().all(known), "{pages:#?}");
    assert!(pages.iter().any(|row| row.starts_with("no-store* OPTIONS")), "{pages:#?}");
    let mut once = pages.clone();
    once.dedup();
    assert_eq!(once, pages);
    let oidc = format!(
        "{OPEN}[oidc]\nclient_id = \"zot\"\nissuer = \"http://127.0.0.1:2\"\n[browser]\nwebdriver = \"http://127.0.0.1:1\"\n"
    );
    let browsed = |no_browser| {
        let rows = rows("oidc::login_redirects_to_the_provider", &oidc, no_browser);
        (rows.iter().any(|row| row.contains("the browser")), rows.iter().any(|row| row.contains("/zot/auth/login")))
    };
    assert_eq!((browsed(true), browsed(false)), ((false, true), (true, true)));
}

#[test]
fn who_sends_it_is_who_may_in_the_repository_that_it_is_about() {
    let repositories = serde_json::json!({
        "team/scratch": { "policies": [{ "users": ["zot-ci"], "actions": ["read", "create"] }, { "users": ["root"], "actions": ["delete"] }] },
        "team/app": { "anonymousPolicy": ["read"], "policies": [{ "users": ["eve"], "actions": ["create", "delete"] }] },
        "team/secret": { "policies": [{ "users": ["eve"], "actions": ["read"] }] },
    });
    let config = serde_json::json!({ "http": {
        "auth": { "htpasswd": { "path": "/etc/zot/htpasswd" } }, "accessControl": { "repositories": repositories },
    } });
    let mut scenario = scenario("");
    scenario.config = Some(crate::zot::config::Config::parse("config.json", &config.to_string()).unwrap().into());
    for (of, target, name) in [
        (Who::Reader, "/v2/team/app/manifests/x", "anonymous"),
        (Who::Reader, "/v2/team/app/tags/list?n=1", "anonymous"),
        (Who::Reader, "/v2/team/secret/blobs/x", "guest"),
        (Who::Reader, "/v2/team/scratch/manifests/x", "ci"),
        (Who::Writer, "/v2/team/scratch/blobs/uploads/", "ci"),
        (Who::Writer, "/v2/team/app/blobs/uploads/", "guest"),
        (Who::Remover, "/v2/team/app/manifests/x", "guest"),
        (Who::Remover, "/v2/team/scratch/manifests/x", "admin"),
        (Who::Reader, "/v2/", "anonymous"),
        (Who::Writer, "/v2/", "ci"),
    ] {
        assert_eq!(who(of, repository_of(target), &scenario), name, "{of:?} {target}");
    }
}
