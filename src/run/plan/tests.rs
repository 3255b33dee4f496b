//! Which checks run: each need, each program, each part. Scenarios by hand, no network.

use std::os::unix::fs::PermissionsExt;

use std::ffi::OsStr;
use std::path::Path;

use super::*;
use crate::check::machine::has_engine;
use crate::model::effect::Meta;
use crate::zot::config::Config;

#[test]
fn parts_are_disjoint_and_whole() {
    let ids = ["access::a", "access::b", "publish::c", "oidc::d", "cache::e", "metrics::f"];
    for id in ids {
        let holders = (1..=4).filter(|index| Part { index: *index, of: 4 }.holds(id)).count();
        assert_eq!(holders, 1, "{id}");
    }
    assert_eq!("hash:2/4".parse(), Ok(Part { index: 2, of: 4 }));
    let job = |index: &'static str, of: Option<&'static str>| {
        Part::of_job(|name| if name == "JOB_COMPLETION_INDEX" { Some(index.into()) } else { of.map(str::to_owned) })
    };
    assert_eq!(job("0", Some("4")), Ok(Part { index: 1, of: 4 }));
    assert_eq!(job("3", Some("4")), Ok(Part { index: 4, of: 4 }));
    for wrong in [job("4", Some("4")), job("0", None), job("x", Some("4")), job("0", Some("0"))] {
        assert!(wrong.is_err(), "{wrong:?}");
    }
    for wrong in ["hash:0/4", "hash:5/4", "1/4", "hash:1", "hash:a/b", "hash:1/0"] {
        assert!(wrong.parse::<Part>().is_err(), "{wrong}");
    }
}

#[test]
fn parts_are_the_same_on_every_machine() {
    // FNV-1a of the id: a report of last year's regproof must fit one of today's.
    let ids = ["access::anonymous_can_pull", "publish::api_key_can_push", "oidc::b", "a", ""];
    let parts = ids.map(|id| (1..=7).find(|index| Part { index: *index, of: 7 }.holds(id)).unwrap());
    assert_eq!(parts, [1, 3, 5, 6, 3]);
    assert_eq!(Part { index: 2, of: 4 }.to_string(), "hash:2/4");
    assert_eq!("hash:4/4".parse(), Ok(Part { index: 4, of: 4 }));
    assert_eq!("hash:1/1".parse(), Ok(Part { index: 1, of: 1 }));
}

const SCENARIO: &str = "schema = 1\nname = \"n\"\n[registry]\nurl = \"http://r.example.test\"\n";

fn scenario(more: &str) -> Scenario {
    toml::from_str(&format!("{SCENARIO}{more}")).unwrap()
}

fn nothing() -> Machine {
    Machine::with_path(OsStr::new("/nowhere/at/all"), false)
}

#[test]
fn each_need_says_what_to_add_and_is_met_by_it() {
    let ci = "[identities.ci]\nusername = \"ci\"\ngroups = [\"ci\"]\npassword = { env = \"X\" }\n";
    let (all, some) = ("\"read\", \"create\", \"update\", \"delete\"", "\"read\", \"create\"");
    let rights = |anonymous: &str, group: &str| format!("[access]\nanonymous = [{anonymous}]\ngroups.ci = [{group}]\n");
    let public = "[repositories]\npublic = [\"team/app\"]\n";
    let both = "[repositories]\nscratch = \"team/scratch\"\nprivate = [\"team/secret\"]\n";
    let oidc = "[oidc]\nclient_id = \"zot\"\n";
    let cache = "[[cache]]\nimage = \"docker.io/library/alpine:3\"\n";
    let slow = |deadline: &str| format!("[probes]\nslow_upload = \"30s\"\n[limits]\ndeadline = \"{deadline}\"\n");
    let none = String::new;
    let scratch = "[repositories]\nscratch = \"a\"\n";
    for (need, without, told, with) in [
        (Need::Scratch, public.to_owned(), "scratch", "[repositories]\nscratch = \"a\"\n".to_owned()),
        (Need::PublicRepository, none(), "public is empty", public.to_owned()),
        (
            Need::PrivateRepository,
            public.to_owned(),
            "private is empty",
            "[repositories]\nprivate = [\"a\"]\n".to_owned(),
        ),
        (
            Need::PrivateScratch,
            format!("{scratch}{ci}{}", rights("\"read\"", all)),
            "private_scratch is not set",
            format!("{scratch}private_scratch = \"b\"\n{ci}{}", rights("\"read\"", all)),
        ),
        (
            Need::PrivateScratch,
            format!("{scratch}private_scratch = \"b\"\n{ci}{}", rights("\"read\"", "\"read\"")),
            "create in b",
            format!("{scratch}private_scratch = \"b\"\n{ci}{}", rights("\"read\"", all)),
        ),
        (
            Need::PrivateScratch,
            format!("{scratch}private_scratch = \"b\"\n{ci}{}", rights("", all)),
            "no client that may read a and not b",
            format!("{scratch}private_scratch = \"b\"\n{ci}{}", rights("\"read\"", all)),
        ),
        (Need::Policy, none(), "neither [access] nor", rights("", "")),
        (
            Need::AnonymousReads,
            format!("{public}{}", rights("", "")),
            "read team/app",
            format!("{public}{}", rights("\"read\"", "")),
        ),
        (Need::AnonymousReads, rights("", ""), "clients read", rights("\"read\"", "")),
        (Need::AnonymousCannotCreate, rights(some, ""), "the right to create", rights("\"read\"", "")),
        (Need::AnonymousCannotCreate, none(), "the right to create", rights("", "")),
        (Need::AnyIdentity, none(), "no [identities", ci.to_owned()),
        (Need::KeyLifecycle, none(), "lifecycle", "[keys]\nlifecycle = true\n".to_owned()),
        (
            Need::Writer,
            format!("{ci}{}", rights("", "\"read\"")),
            "no identity may create",
            format!("{ci}{}", rights("", all)),
        ),
        (
            Need::PublicWriter,
            format!("{public}{ci}{}", rights("", "\"read\"")),
            "lets no identity create in team/app",
            format!("{public}{ci}{}", rights("", all)),
        ),
        (
            Need::ForeignReader,
            format!("{both}{ci}{}", rights("", all)),
            "no client that may read",
            format!("{both}{ci}{}", rights("\"read\"", all)),
        ),
        (
            Need::Mover,
            format!("{scratch}{ci}{}", rights("", some)),
            "cannot move a tag",
            format!("{scratch}{ci}{}", rights("", all)),
        ),
        (Need::Creator, format!("{ci}{}", rights("", all)), "without update", format!("{ci}{}", rights("", some))),
        (Need::OpenMetrics, none(), "anonymous = true", "[metrics]\nanonymous = true\n".to_owned()),
        (
            Need::OpenMetrics,
            "[metrics]\nanonymous = false\n".to_owned(),
            "anonymous = true",
            "[metrics]\nanonymous = true\n".to_owned(),
        ),
        (
            Need::ClosedMetrics,
            "[metrics]\nanonymous = true\n".to_owned(),
            "anonymous = false",
            "[metrics]\nanonymous = false\n".to_owned(),
        ),
        (Need::Oidc, none(), "no [oidc]", oidc.to_owned()),
        (
            Need::Login,
            oidc.to_owned(),
            "no login",
            format!("{oidc}login = {{ username = {{ env = \"U\" }}, password = {{ env = \"P\" }} }}\n"),
        ),
        (Need::CachedImage, none(), "no [[cache]]", cache.to_owned()),
        (Need::ColdImage, cache.to_owned(), "`cold`", format!("{cache}cold = \"docker.io/library/busybox:1\"\n")),
        (Need::DockerMediaTypePromise, none(), "not set", "[content]\ndocker_media_type = \"refused\"\n".to_owned()),
        (
            Need::DockerMediaType,
            "[content]\ndocker_media_type = \"refused\"\n".to_owned(),
            "accepted",
            "[content]\ndocker_media_type = \"accepted\"\n".to_owned(),
        ),
        (Need::LargeBody, "[probes]\nlarge_body = false\n".to_owned(), "large_body", none()),
        (Need::SlowUpload, none(), "slow_upload", slow("60s")),
        (Need::SlowUpload, slow("44s"), "15 seconds longer", slow("45s")),
        (Need::Dagger, none(), "dagger", "[probes]\ndagger = true\n".to_owned()),
    ] {
        let reason = missing(need, &scenario(&without), &nothing());
        assert!(reason.as_deref().is_some_and(|reason| reason.contains(told)), "{need:?}: {reason:?}");
        assert_eq!(missing(need, &scenario(&with), &nothing()), None, "{need:?} with {with}");
    }
    let mut keyed = scenario(ci);
    assert!(missing(Need::ApiKey, &keyed, &nothing()).is_some());
    keyed.identities.values_mut().for_each(|identity| identity.api_key = true);
    assert_eq!(missing(Need::ApiKey, &keyed, &nothing()), None);
    assert!(missing(Need::Https, &scenario(""), &nothing()).is_some());
    let https: Scenario = toml::from_str(&SCENARIO.replace("http://", "https://")).unwrap();
    assert_eq!(missing(Need::Https, &https, &nothing()), None);
    let backed = |url: &str| scenario(&format!("backend = \"{url}\"\n"));
    assert!(missing(Need::Backend, &scenario(""), &nothing()).is_some());
    assert_eq!(missing(Need::Backend, &backed("https://b.test"), &nothing()), None);
    assert_eq!(missing(Need::Https, &backed("https://b.test"), &nothing()), None);
    assert!(missing(Need::Https, &backed("http://b.test"), &nothing()).is_some());
    assert!(missing(Need::Engine, &scenario(""), &nothing()).is_some());
    assert_eq!(missing(Need::Engine, &scenario(""), &nothing().with_engine()), None);
}

#[test]
fn a_program_is_a_file_that_may_be_run() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, mode: u32| {
        let path = folder.path().join(name);
        std::fs::write(&path, "").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    };
    let (run, text) = (file("run", 0o755), file("text", 0o644));
    std::fs::create_dir(folder.path().join("inside")).unwrap();
    let machine = Machine::with_path(folder.path().as_os_str(), false);
    assert_eq!(machine.find("run"), Some(run.clone()));
    assert_eq!(machine.find(run.to_str().unwrap()), Some(run));
    for none in ["text", "inside", "other", text.to_str().unwrap()] {
        assert_eq!(machine.find(none), None, "{none}");
    }
    assert!(has_engine(None, folder.path()));
    assert!(has_engine(Some(OsStr::new("tcp://d")), Path::new("/nowhere/at/all")));
    assert!(!has_engine(None, Path::new("/nowhere/at/all")));
}

#[test]
fn a_client_program_must_be_there_and_reach_the_registry_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["crane", "chromedriver", "chromium"] {
        let path = folder.path().join(name);
        std::fs::write(&path, "").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let machine = Machine::with_path(folder.path().as_os_str(), false);
    let led = "resolve = { \"r.example.test:80\" = \"127.0.0.1:80\" }\n";
    assert_eq!(missing(Need::Program("crane"), &scenario(""), &machine), None);
    assert!(missing(Need::Program("crane"), &scenario(led), &machine).unwrap().contains("resolve"));
    for (name, hint) in [
        ("crane", "go-containerregistry"),
        ("oras", "oras-project"),
        ("dagger", "docs.dagger.io"),
        ("skopeo", "apt-get"),
    ] {
        let reason = missing(Need::Program(name), &scenario(""), &nothing()).unwrap();
        assert!(reason.starts_with(name) && reason.contains(hint), "{reason}");
    }
    assert_eq!(no_browser(&scenario(""), &machine), None);
    assert_eq!(missing(Need::Browser, &scenario(""), &machine), None);
    let refused = Machine::with_path(folder.path().as_os_str(), true);
    assert_eq!(no_browser(&scenario(""), &refused).as_deref(), Some("--no-browser"));
    assert!(no_browser(&scenario(""), &nothing()).unwrap().contains("chromedriver is not on PATH"));
    for url in ["http://127.0.0.1:4444", "https://driver.test"] {
        let elsewhere = scenario(&format!("[browser]\nwebdriver = \"{url}\"\n"));
        assert_eq!(no_browser(&elsewhere, &nothing()), None);
    }
    // The browser that regproof starts is given the addresses; no browser is given an authority.
    assert_eq!(no_browser(&scenario(led), &machine), None);
    let authority = no_browser(&scenario("ca_file = \"ca.pem\"\n"), &machine).unwrap();
    assert!(authority.contains("does not trust [registry] ca_file"), "{authority}");
    let remote = scenario(&format!("{led}[browser]\nwebdriver = \"http://127.0.0.1:4444\"\n"));
    assert!(no_browser(&remote, &machine).unwrap().contains("does not know [registry] resolve"));
    std::fs::remove_file(folder.path().join("chromium")).unwrap();
    assert!(no_browser(&scenario(""), &machine).unwrap().contains("no browser"));
    let another = scenario("[browser]\nwebdriver = \"crane\"\n");
    assert_eq!(no_browser(&another, &machine), None);
}

#[test]
fn a_plan_tells_what_it_skips_and_a_part_how_much_the_whole_has() {
    static CHECKS: [Check; 3] = [
        check("a::one", &[], Effect::ReadOnly),
        check("a::two", &[Need::Scratch], Effect::ReadOnly),
        check("b::three", &[], Effect::Writes),
    ];
    const fn check(id: &'static str, needs: &'static [Need], effect: Effect) -> Check {
        Check::new(id, "", "", Meta { needs, effect, usual: Duration::ZERO }, |_| Box::pin(async { Ok(()) }))
    }
    let plan = |effects, only: &[&str]| {
        let only: Vec<String> = only.iter().map(|&prefix| prefix.to_owned()).collect();
        Plan::new(&CHECKS, &scenario(""), &nothing(), effects, &only)
    };
    let ids = |plan: &Plan| plan.steps.iter().map(|step| step.check.id).collect::<Vec<_>>();
    let all = plan(Effect::Writes, &[]).unwrap();
    assert_eq!((ids(&all), all.runs(), all.share), (vec!["a::one", "a::two", "b::three"], 2, None));
    assert!(all.steps[1].skip.as_deref().unwrap().contains("scratch"));
    let reads = plan(Effect::Oracle, &["b::"]).unwrap();
    assert_eq!((ids(&reads), reads.runs()), (vec!["b::three"], 0));
    assert!(reads.steps[0].skip.as_deref().unwrap().contains("--effects writes"));
    assert_eq!(plan(Effect::Writes, &["a", "c"]).unwrap_err(), PlanError::Nothing("c".to_owned()));
    let parts = [1, 2].map(|index| all.clone().part(Part { index, of: 2 }, Effect::Oracle));
    assert_eq!(parts[0].steps.len() + parts[1].steps.len(), 3);
    assert_eq!(parts[0].share, Some(Share { part: Part { index: 1, of: 2 }, planned: 3, effects: Effect::Oracle }));
}

#[test]
fn anonymous_clients_read_what_is_public_whatever_becomes_of_the_scratch_repository() {
    let reason = |rules: &str, repositories: &str| {
        let mut scenario = scenario(&format!("[repositories]\n{repositories}\n"));
        let access = format!(r#"{{"repositories":{rules}}}"#);
        let text = format!(r#"{{"http":{{"auth":{{"htpasswd":{{"path":"/x"}}}},"accessControl":{access}}}}}"#);
        scenario.config = Some(Config::parse("config.json", &text).unwrap().into());
        missing(Need::AnonymousReads, &scenario, &nothing()).unwrap_or_default()
    };
    let scratch_closed = r#"{"**":{"anonymousPolicy":["read"]},
        "ci/**":{"policies":[{"groups":["ci"],"actions":["read","create"]}]}}"#;
    let cache_closed = r#"{"**":{"anonymousPolicy":["read"]},"docker.io/**":{"defaultPolicy":["read"]}}"#;
    assert_eq!(reason(scratch_closed, "public = [\"team/app\"]\nscratch = \"ci/scratch\""), "");
    assert_eq!(reason(cache_closed, "public = [\"team/app\"]\nscratch = \"ci/scratch\""), "");
    let closed = reason(scratch_closed, "public = [\"team/app\", \"ci/app\"]");
    assert!(closed.contains("read ci/app"), "{closed}");
    let none = reason(scratch_closed, "scratch = \"ci/scratch\"");
    assert!(none.contains("does not let anonymous clients read"), "{none}");
}

#[test]
fn that_nobody_may_push_is_told_with_what_it_depends_on() {
    let openid =
        r#""openid":{"providers":{"oidc":{"issuer":"https://idp.test","clientid":"zot","scopes":["openid"]}}}"#;
    let reason = |more: &str| {
        let ci = format!("[identities.ci]\nusername = \"zot-ci\"\n{more}password = {{ env = \"X\" }}\n");
        let mut scenario = scenario(&format!("{ci}[repositories]\nscratch = \"ci/scratch\"\n"));
        let access = r#"{"groups":{"ci":{"users":["zot-ci"]}},
            "repositories":{"**":{"policies":[{"groups":["ci"],"actions":["read","create"]}]}}}"#;
        let auth = format!(r#"{{"htpasswd":{{"path":"/x"}},{openid}}}"#);
        let text = format!(r#"{{"http":{{"auth":{auth},"accessControl":{access}}}}}"#);
        scenario.config = Some(Config::parse("config.json", &text).unwrap().into());
        scenario.identities.values_mut().for_each(|identity| identity.api_key = true);
        [Need::Writer, Need::Creator].map(|need| missing(need, &scenario, &nothing()))
    };
    for reason in reason("") {
        let reason = reason.unwrap();
        assert!(reason.contains("of `ci` it depends on whether the key's owner"), "{reason}");
    }
    assert_eq!(reason("groups = [\"ci\"]\n"), [None, None], "groups that the provider gives count either way");
}
