//! Whose rights are promised, by each of the ways to promise them. Scenarios by hand.

use super::*;
use crate::zot::config::Config;

const SCENARIO: &str = r#"schema = 1
name = "n"
[registry]
url = "http://r.example.test"
[repositories]
public = ["team/app"]
private = ["team/secret"]
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
[[cache]]
image = "mirror/alpine:3"
[[cache]]
image = "mirror/busybox:1"
cold = "mirror/cold:1"
"#;
const ACCESS: &str = r#"[access]
anonymous = ["read"]
authenticated = ["read"]
groups.ci = ["create"]
groups.admins = ["create", "update", "delete"]
"#;

fn scenario(more: &str) -> Scenario {
    toml::from_str(&format!("{SCENARIO}{more}")).unwrap()
}

fn with_config(access: &str, more: &str) -> Scenario {
    let auth = r#"{"htpasswd":{"path":"/x"},"failDelay":7}"#;
    let text = format!(r#"{{"http":{{"auth":{auth},"accessControl":{access}}}{more}}}"#);
    let mut scenario = scenario("");
    scenario.config = Some(Config::parse("config.json", &text).unwrap().into());
    scenario
}

fn set(actions: &[Action]) -> BTreeSet<Action> {
    actions.iter().copied().collect()
}

use Action::{Create, Read, Update};

#[test]
fn readers_and_writers_are_chosen_by_repository() {
    // Anonymous clients read what `**` covers, and zot's `anonymousPolicy` is for nobody else; CI alone is in the scratch
    // repository; the cache is for those who log in.
    let access = r#"{"groups":{"ci":{"users":["zot-ci"]}},"repositories":{
        "**":{"anonymousPolicy":["read"]},
        "mirror/**":{"defaultPolicy":["read"]},
        "ci/**":{"policies":[{"groups":["ci"],"actions":["read","create"]}]},
        "team/**":{"anonymousPolicy":["read"],"policies":[{"users":["root"],"actions":["create","delete"]}]}}}"#;
    let mut scenario = with_config(access, "");
    scenario.repositories.scratch = Some("ci/scratch".to_owned());
    assert_eq!(scenario.reader("team/app"), None);
    assert_eq!(scenario.reader("ci/scratch"), Some("ci"));
    assert_eq!(scenario.reader("mirror/alpine"), Some("guest"));
    assert_eq!(scenario.one_who_may(Create, "ci/scratch"), Some("ci"));
    assert_eq!(scenario.one_who_may(Create, "team/app"), Some("admin"));
    assert_eq!(scenario.one_who_may(Action::Delete, "team/app"), Some("admin"));
    assert_eq!(scenario.one_who_may(Action::Delete, "ci/scratch"), None);
    assert_eq!(scenario.seen_by_all(), "team/app");
    scenario.repositories.public.clear();
    assert_eq!(scenario.seen_by_all(), "ci/scratch");
    let silent = self::scenario("");
    assert_eq!(silent.reader("team/app"), Some("admin"), "nothing is known, so any identity with credentials");
}

#[test]
fn who_does_it_in_the_scratch_repository_does_it_elsewhere_if_possible() {
    let access = r#"{"groups":{"ci":{"users":["zot-ci"]}},"repositories":{
        "ci/**":{"policies":[{"users":["root"],"actions":["create"]},{"groups":["ci"],"actions":["delete"]}]},
        "team/**":{"policies":[{"users":["root"],"groups":["ci"],"actions":["create","delete"]}]}}}"#;
    let mut scenario = with_config(access, "");
    scenario.repositories.scratch = Some("ci/scratch".to_owned());
    assert_eq!((scenario.writer(), scenario.remover()), (Some("admin"), Some("ci")));
    assert_eq!(scenario.one_who_may(Create, "team/app"), Some("admin"));
    assert_eq!(scenario.one_who_may(Action::Delete, "team/app"), Some("ci"));
}

#[test]
fn who_probes_is_chosen_where_probes_ask() {
    let access = r#"{"groups":{"ci":{"users":["zot-ci"]}},"repositories":{
        "tools/**":{"policies":[{"users":["root"],"actions":["read","create"]}]},
        "apps/**":{"policies":[{"groups":["ci"],"actions":["read","create"]}]}}}"#;
    let mut scenario = with_config(access, "");
    scenario.repositories.scratch = Some("tools/regproof".to_owned());
    scenario.repositories.public = vec!["apps/web".to_owned()];
    assert_eq!((scenario.probing_creator(), scenario.probing_reader()), (Some("ci"), Some("guest")));
    scenario.repositories.public = vec!["else/where".to_owned()];
    assert_eq!((scenario.probing_creator(), scenario.probing_reader()), (Some("admin"), Some("ci")));
}

#[test]
fn rights_in_short_are_those_of_login_and_groups() {
    let scenario = scenario(ACCESS);
    assert!(scenario.has_policy());
    assert_eq!(scenario.promised(None), set(&[Read]));
    assert_eq!(scenario.promised(Some("guest")), set(&[Read]));
    assert_eq!(scenario.promised(Some("ci")), set(&[Read, Create]));
    assert_eq!(scenario.promised(Some("admin")), set(&Action::ALL));
    assert_eq!(scenario.rights(None, "team/app"), set(&[Read]));
    assert_eq!(scenario.promise(None, "team/app", Create), Some(false));
    let groups = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(scenario.promised_by_groups("x", &groups(&["ci", "other"])), set(&[Read, Create]));
    assert_eq!(scenario.promised_by_groups("x", &groups(&[])), set(&[Read]));
    assert_eq!(scenario.promise_with_grounds(None, "a", Read).grounds, "[access] of the scenario");
}

#[test]
fn a_private_repository_is_closed_to_nobody_in_particular_but_the_anonymous() {
    let scenario = scenario(ACCESS);
    assert_eq!(scenario.promise(None, "team/secret", Read), Some(false));
    assert_eq!(scenario.promise(Some("guest"), "team/secret", Read), None);
    assert_eq!(scenario.promise(Some("guest"), "team/secret", Create), Some(false));
    assert_eq!(scenario.promise(Some("guest"), "team/app", Read), Some(true));
    assert_eq!(scenario.promise(Some("ci"), "team/secret", Create), Some(true));
}

#[test]
fn who_may_write_in_a_cache_is_not_said_in_short() {
    let mut scenario = scenario(ACCESS);
    for (repository, cached) in
        [("mirror/alpine", true), ("mirror/busybox", true), ("mirror/cold", true), ("mirror/other", false)]
    {
        assert_eq!(scenario.is_cached(repository), cached, "{repository}");
        let create = scenario.promise(Some("ci"), repository, Create);
        // What nobody names is not promised to be open either.
        assert_eq!(create, None, "{repository}");
        assert_eq!(scenario.promise(Some("ci"), repository, Read), cached.then_some(true), "{repository}");
        assert_eq!(scenario.promise(None, repository, Create), Some(false), "{repository}");
    }
    scenario.access.as_mut().unwrap().short.groups.insert("ci".to_owned(), set(&[Read]));
    assert_eq!(scenario.promise(Some("ci"), "mirror/alpine", Read), Some(true));
    let sync = r#","extensions":{"sync":{"enable":true,"registries":[{"urls":["https://u.test"],"onDemand":true,
        "content":[{"prefix":"docker/**"}]}]}}"#;
    let synced = with_config("{}", sync);
    assert!(synced.is_cached("docker/library/alpine") && !synced.is_cached("team/app"));
    assert!(synced.is_cached("mirror/cold"));
}

#[test]
fn nothing_is_promised_where_nothing_is_said() {
    let scenario = scenario("");
    assert!(!scenario.has_policy());
    assert_eq!(scenario.promise_with_grounds(None, "a", Read).grounds, "nothing is promised");
    assert_eq!(scenario.promise(None, "a", Read), None);
    assert_eq!((scenario.writer(), scenario.creator(), scenario.remover()), (None, None, None));
    assert_eq!(scenario.identity_with(BTreeSet::is_empty), None);
    assert_eq!(scenario.promised_by_groups("x", &BTreeSet::new()), set(&[]));
    assert_eq!(scenario.fail_delay(), std::time::Duration::ZERO);
}

#[test]
fn the_writer_is_preferably_one_who_may_do_nothing_more() {
    let own = scenario(ACCESS);
    assert_eq!((own.writer(), own.creator(), own.remover()), (Some("ci"), Some("ci"), Some("admin")));
    assert_eq!(own.identity_with(|rights| !rights.contains(&Create)), Some("guest"));
    let admin_only = scenario(&ACCESS.replace("groups.ci = [\"create\"]", ""));
    assert_eq!((admin_only.writer(), admin_only.creator()), (Some("admin"), None));
    for more in ["update", "delete"] {
        let more = scenario(&ACCESS.replace("[\"create\"]", &format!("[\"create\", \"{more}\"]")));
        assert_eq!(more.creator(), None);
    }
}

#[test]
fn a_configuration_promises_what_zot_decides_with_its_place() {
    let scenario = with_config(
        r#"{"repositories":{"team/**":{"anonymousPolicy":["read"],"defaultPolicy":["read"],
        "policies":[{"groups":["ci"],"actions":["create"]},
        {"users":["eve"],"actions":["update"],"conditions":[{"expression":"req.x == 1"}]}]},
        "a/*":{"defaultPolicy":["read"]},"*/b":{"defaultPolicy":["create"]}}}"#,
        "",
    );
    assert!(scenario.has_policy());
    let promise = |who, repository, action| scenario.promise_with_grounds(who, repository, action);
    let yes = promise(Some("ci"), "team/app", Create);
    assert_eq!((yes.allowed, yes.random), (Some(true), false));
    assert!(yes.grounds.contains("group `ci` (config.json:"), "{}", yes.grounds);
    let no = promise(None, "team/app", Create);
    assert_eq!((no.allowed, no.random), (Some(false), false));
    let depends = promise(Some("guest"), "team/app", Update);
    assert_eq!((depends.allowed, depends.random), (None, false));
    assert!(depends.grounds.contains("it depends on"), "{}", depends.grounds);
    let chance = promise(Some("ci"), "a/b", Read);
    assert_eq!((chance.allowed, chance.random), (None, true));
    assert!(
        chance.grounds.contains("`a/*` and `*/b`") || chance.grounds.contains("`*/b` and `a/*`"),
        "{}",
        chance.grounds
    );
    assert_eq!(scenario.promised(Some("ci")), set(&[Read, Create]));
    let groups = BTreeSet::from(["ci".to_owned()]);
    assert_eq!(scenario.promised_by_groups("somebody", &groups), set(&[Read, Create]));
    assert_eq!(scenario.fail_delay(), std::time::Duration::from_secs(7));
}

#[test]
fn rights_are_asked_where_checks_write_or_else_read() {
    let mut scenario = scenario(ACCESS);
    assert_eq!(scenario.anywhere(), "team/app");
    scenario.repositories.scratch = Some("team/scratch".to_owned());
    assert_eq!(scenario.anywhere(), "team/scratch");
    scenario.repositories.scratch = None;
    scenario.repositories.public.clear();
    assert_eq!(scenario.anywhere(), "regproof");
    assert_eq!(
        who(scenario.identities.get("ci")),
        Who { name: "zot-ci".to_owned(), groups: vec!["ci".to_owned()], login: Login::Own }
    );
    assert_eq!(who(None), Who::anonymous());
    assert_eq!(list(&["a".to_owned(), "b".to_owned()]), "`a` and `b`");
}
