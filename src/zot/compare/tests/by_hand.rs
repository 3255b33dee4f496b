//! Hand-made pairs: what is said of each, in which words and of which lines.

use std::fmt::Write;
use std::time::{Duration, Instant};

use crate::zot::compare::{Allowed, Comparison, Kind, Name, Undecided, any_user, ask, compare, entries, is_name};
use crate::zot::config::Config;
use crate::zot::policy::{Action, Who};

/// A configuration with these patterns, one a line from line 2 on, and with htpasswd.
fn file(name: &str, patterns: &[&str]) -> Config {
    with(name, r#""htpasswd":{"path":"h"}"#, &format!("\"repositories\":{{\n{}\n}}", patterns.join(",\n")))
}

fn with(name: &str, auth: &str, access: &str) -> Config {
    let text = format!(r#"{{"http":{{"auth":{{{auth}}},"accessControl":{{{access}}}}}}}"#);
    Config::parse(name, &text).unwrap()
}

/// One line for each entry, door and setting.
pub fn told(comparison: &Comparison<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    for entry in entries(comparison) {
        let mut places: Vec<String> = Vec::new();
        for region in entry.regions.iter().map(|number| &comparison.regions[*number]) {
            let patterns = |config: &Config, numbers: &[usize]| -> String {
                let rules = config.access.iter().flat_map(|access| &access.repositories).collect::<Vec<_>>();
                let patterns = numbers.iter().map(|number| rules[*number].pattern.value.as_str());
                let patterns = patterns.collect::<Vec<_>>().join(" and ");
                if patterns.is_empty() { "nothing".to_owned() } else { patterns }
            };
            let (old, new) = (patterns(comparison.old, &region.old), patterns(comparison.new, &region.new));
            places.push(if old == new { old } else { format!("{old} -> {new}") });
        }
        let actions: Vec<&str> = entry.actions.iter().map(|action| action.word()).collect();
        let mut line = format!("{} {} {}", comparison.people[entry.person], verb(entry.kind), actions.join(","));
        write!(line, " in {}", places.join(", ")).unwrap();
        if entry.allowed {
            line.push_str(" (allowed)");
        }
        if !entry.also.is_empty() {
            let also: Vec<String> = entry.also.iter().map(|number| comparison.people[*number].to_string()).collect();
            write!(line, "; also {}", also.join(", ")).unwrap();
        }
        lines.push(line);
    }
    lines.extend(comparison.doors.iter().map(|door| {
        format!(
            "{} {} {} {}{}",
            door.name,
            verb(door.kind),
            door.action,
            door.door,
            if door.allowed { " (allowed)" } else { "" }
        )
    }));
    lines.extend(
        comparison
            .settings
            .iter()
            .map(|setting| format!("{}: {} -> {}", setting.what, setting.before.0, setting.after.0)),
    );
    lines
}

fn verb(kind: Kind) -> &'static str {
    match kind {
        Kind::Gain => "gains",
        Kind::PossibleGain => "may gain",
        Kind::Loss => "loses",
        Kind::PossibleLoss => "may lose",
    }
}

fn lines(old: &Config, new: &Config) -> Vec<String> {
    told(&compare(old, new, None, &[]).unwrap())
}

const OPEN: &str = r#""**":{"anonymousPolicy":["read"],"defaultPolicy":["read"]}"#;

#[test]
fn a_new_right_of_a_group_is_told_with_both_lines() {
    let old = file("old.json", &[OPEN, r#""team/**":{"policies":[{"groups":["ci"],"actions":["read","create"]}]}"#]);
    let new = r#""team/**":{"policies":[{"groups":["ci"],"actions":["read","create","update"]}]}"#;
    let new = file("new.json", &[OPEN, new]);
    let comparison = compare(&old, &new, None, &[]).unwrap();
    assert_eq!(told(&comparison), ["group ci gains update in team/**"]);
    let entry = &entries(&comparison)[0];
    assert_eq!((entry.before.words.as_str(), entry.before.place.line), ("no grant in `team/**`", 3));
    assert_eq!(entry.after.words, "policies of `team/**` for group `ci`");
    assert_eq!((entry.before.word(), entry.after.word(), entry.after.place.line), ("no", "yes", 3));
    let witness = &comparison.regions[entry.regions[0]].witness;
    assert!(is_name(witness) && witness.starts_with("team"), "{witness}");
    assert!(comparison.gains());
}

#[test]
fn a_narrower_pattern_takes_rights_and_gives_others() {
    let old =
        file("old.json", &[r#""**":{"policies":[{"groups":["ci"],"actions":["create"]}],"anonymousPolicy":["read"]}"#]);
    let rule = r#""**":{"policies":[{"groups":["ci"],"actions":["create"]}],"anonymousPolicy":["read"]}"#;
    let new = file("new.json", &[rule, r#""team/**":{"defaultPolicy":["delete"]}"#]);
    let expected = [
        "any user gains delete in ** -> team/**; also group ci",
        "anonymous loses read in ** -> team/**",
        "group ci loses create in ** -> team/**",
    ];
    assert_eq!(lines(&old, &new), expected);
}

#[test]
fn a_pattern_that_is_never_the_longest_changes_nothing() {
    let one = r#""[a-z0-9]":{"defaultPolicy":["read"]}"#;
    let old = file("old.json", &[OPEN, one]);
    let new = file("new.json", &[OPEN, one, r#""{?,?}":{"defaultPolicy":["delete"]}"#]);
    assert_eq!(lines(&old, &new), [""; 0]);
    // Without `9` there is one name left for it.
    let fewer = one.replace("0-9", "0-8");
    let old = file("old.json", &[OPEN, &fewer]);
    let new =
        file("new.json", &[OPEN, &fewer, r#""{?,?}":{"anonymousPolicy":["read"],"defaultPolicy":["read","delete"]}"#]);
    let comparison = compare(&old, &new, None, &[]).unwrap();
    assert_eq!(told(&comparison), ["any user gains delete in ** -> {?,?}"]);
    assert_eq!(comparison.regions[comparison.changes[0].region].witness, "9");
}

#[test]
fn names_that_no_registry_takes_do_not_count() {
    let old = file("old.json", &[OPEN]);
    for pattern in ["a//b", "A-/x", "/a", "a/", "-*", "a..b/*", "***-", "[A-Z]/**", "ä", "*[.]/**"] {
        let new = file("new.json", &[OPEN, &format!(r#""{pattern}":{{"defaultPolicy":["delete"]}}"#)]);
        let told = lines(&old, &new);
        // Keys are lower-cased, as zot's reader does.
        assert!(told.is_empty() || pattern == "[A-Z]/**", "{pattern}: {told:?}");
    }
}

#[test]
fn an_allowed_gain_is_one_gain_and_no_other() {
    let old = file("old.json", &[OPEN]);
    let new = file("new.json", &[r#""**":{"anonymousPolicy":["read"],"defaultPolicy":["read","create"]}"#]);
    let told = |allowed: &[&str]| {
        let allowed: Vec<Allowed> = allowed.iter().map(|text| text.parse().unwrap()).collect();
        let comparison = compare(&old, &new, None, &allowed).unwrap();
        (comparison.gains(), told(&comparison))
    };
    assert_eq!(told(&[]), (true, vec!["any user gains create in **".to_owned()]));
    assert_eq!(told(&["any-user:create:**"]), (false, vec!["any user gains create in ** (allowed)".to_owned()]));
    assert!(!told(&["*:*:**"]).0);
    for other in ["anonymous:create:**", "any-user:read:**", "group:ci:create:**", "any-user:create:*"] {
        assert!(told(&[other]).0, "{other}");
    }
    let part = told(&["any-user:create:team/**"]);
    let expected = ["any user gains create in **", "any user gains create in ** (allowed)"];
    assert_eq!((part.0, part.1), (true, expected.map(str::to_owned).to_vec()));
    assert!(!told(&["any-user:create:*", "any-user:create:*/**"]).0);
}

#[test]
fn a_member_of_a_group_that_gains_is_allowed_with_the_group() {
    let access = |actions: &str, users: &str| {
        let rules = format!(r#""repositories":{{"**":{{"policies":[{{"groups":["ci"],"actions":[{actions}]}}]}}}}"#);
        with("f.json", r#""htpasswd":{"path":"h"}"#, &format!(r#"{rules},"groups":{{"ci":{{"users":[{users}]}}}}"#))
    };
    let old = access(r#""read""#, r#""bob""#);
    let grown = access(r#""read","create""#, r#""bob""#);
    assert_eq!(lines(&old, &grown), ["group ci gains create in **; also user bob"]);
    let allowed: Allowed = "group:ci:create:**".parse().unwrap();
    assert!(!compare(&old, &grown, None, &[allowed]).unwrap().gains());
    // A new member gains by itself: what the group may do is as before.
    let joined = access(r#""read""#, r#""bob","eve""#);
    assert_eq!(lines(&old, &joined), ["user eve gains read in **"]);
    let allowed: Allowed = "group:ci:read:**".parse().unwrap();
    assert!(compare(&old, &joined, None, &[allowed]).unwrap().gains());
}

#[test]
fn a_condition_is_no_yes_and_another_condition_is_a_change() {
    let rule = |expression: &str| {
        let policy =
            format!(r#"{{"users":["bob"],"actions":["read"],"conditions":[{{"expression":"{expression}"}}]}}"#);
        file("f.json", &[&format!(r#""**":{{"policies":[{policy}]}}"#)])
    };
    let (yes, no, one, other) = (rule("true"), rule("false"), rule("req.a"), rule("req.b"));
    assert_eq!(lines(&no, &one), ["user bob may gain read in **"]);
    assert_eq!(lines(&one, &other), ["user bob may gain read in **"]);
    assert_eq!(lines(&one, &yes), ["user bob gains read in **"]);
    assert_eq!(lines(&yes, &one), ["user bob may lose read in **"]);
    assert_eq!(lines(&one, &no), ["user bob loses read in **"]);
    assert_eq!(lines(&one, &one), [""; 0]);
    let comparison = compare(&no, &one, None, &[]).unwrap();
    assert_eq!(entries(&comparison)[0].after.words, "when req.a");
}

#[test]
fn patterns_of_equal_length_are_by_chance() {
    let old = file("old.json", &[r#""a/*":{"defaultPolicy":["read"]}"#, r#""*/b":{"defaultPolicy":["read"]}"#]);
    let new =
        file("new.json", &[r#""a/*":{"defaultPolicy":["read"]}"#, r#""*/b":{"defaultPolicy":["read","create"]}"#]);
    let expected = ["any user gains create in */b", "any user may gain create in a/* and */b"];
    assert_eq!(lines(&old, &new), expected);
    let comparison = compare(&old, &new, None, &[]).unwrap();
    let entry = &entries(&comparison)[1];
    assert_eq!(comparison.regions[entry.regions[0]].witness, "a/b");
    assert_eq!(entry.after.words, "`a/*` and `*/b` have equal length: `*/b` says yes, `a/*` says no");
}

#[test]
fn a_login_decides_where_groups_of_the_file_do() {
    let openid = r#""openid":{"providers":{"oidc":{"issuer":"https://idp.test","clientid":"z","scopes":["openid"]}}}"#;
    let auth = format!(r#""htpasswd":{{"path":"h"}},{openid}"#);
    let access = |users: &str| {
        let rules = r#""repositories":{"**":{"policies":[{"groups":["ci"],"actions":["create"]}]}}"#;
        with("f.json", &auth, &format!(r#"{rules},"groups":{{"ci":{{"users":[{users}]}}}}"#))
    };
    let told = lines(&access(r#""bob""#), &access(r#""bob","eve""#));
    assert_eq!(told, ["user eve (by password) gains create in **", "user eve (by API key) may gain create in **"]);
}

#[test]
fn doors_that_open_are_gains_and_can_be_allowed() {
    let access = format!(r#""repositories":{{{OPEN}}}"#);
    let openid = |issuer: &str| {
        let provider = format!(r#"{{"issuer":"{issuer}","clientid":"z","scopes":["openid"]}}"#);
        format!(r#""openid":{{"providers":{{"oidc":{provider}}}}}"#)
    };
    let password = with("f.json", r#""htpasswd":{"path":"h"}"#, &access);
    let both = with("f.json", &format!(r#""htpasswd":{{"path":"h"}},{}"#, openid("https://idp.test")), &access);
    let other = with("f.json", &format!(r#""htpasswd":{{"path":"i"}},{}"#, openid("https://evil.test")), &access);
    assert_eq!(lines(&password, &both), ["any user gains log-in api-key", "any user gains log-in openid/oidc"]);
    assert_eq!(lines(&both, &password), ["any user loses log-in api-key", "any user loses log-in openid/oidc"]);
    assert_eq!(lines(&both, &other), ["any user may gain log-in htpasswd", "any user may gain log-in openid/oidc"]);
    let allowed: Vec<Allowed> =
        ["any-user:log-in:api-key", "any-user:log-in:openid/*"].iter().map(|text| text.parse().unwrap()).collect();
    assert!(!compare(&password, &both, None, &allowed).unwrap().gains());
    assert!(compare(&password, &both, None, &allowed[..1]).unwrap().gains());
}

/// The line of each answer, and its words.
#[test]
fn each_answer_is_told_with_the_line_that_decides() {
    let text = r#"{"http":{"auth":{"htpasswd":{"path":"h"}},
        "accessControl":{"repositories":{
        "team/**":{
            "policies":[
                {"users":["bob"],"actions":["create"]},
                {"groups":["ci"],"actions":["update"],"conditions":[{"expression":"req.a"}]}],
            "defaultPolicy":["read"],
            "anonymousPolicy":["read"]},
        "*/apps":{"defaultPolicy":["delete"]}},
        "adminPolicy":{"users":["root"],"actions":["delete"]}}}}"#;
    let config = Config::parse("config.json", text).unwrap();
    let told = |name: &str, groups: &[&str], action: Action, repository: &str| {
        let groups = groups.iter().map(|group| (*group).to_owned()).collect();
        let said = ask(&config, &Who { name: name.to_owned(), groups, ..Who::default() }, repository, action);
        (said.word(), said.words, said.place.line)
    };
    for (name, groups, action, repository, word, words, line) in [
        ("bob", &[][..], Action::Create, "team/a", "yes", "policies of `team/**` for user `bob`", 5),
        ("eve", &[], Action::Read, "team/a", "yes", "defaultPolicy of `team/**`", 7),
        ("", &[], Action::Read, "team/a", "yes", "anonymousPolicy of `team/**`", 8),
        ("", &[], Action::Create, "team/a", "no", "no grant in `team/**`", 8),
        ("", &[], Action::Create, "x/apps", "no", "no grant in `*/apps`", 9),
        ("eve", &[], Action::Create, "team/a", "no", "no grant in `team/**`", 3),
        ("eve", &["ci"], Action::Update, "team/a", "it depends", "when req.a", 6),
        ("eve", &[], Action::Create, "elsewhere", "no", "no pattern matches", 2),
        ("root", &[], Action::Delete, "elsewhere", "yes", "adminPolicy for user `root`", 10),
    ] {
        assert_eq!(
            told(name, groups, action, repository),
            (word, words.to_owned(), line),
            "{name} {action} {repository}"
        );
    }
    let closed = with("c.json", r#""htpasswd":{"path":"h"}"#, r#""repositories":{"**":{"defaultPolicy":["read"]}}"#);
    let said = ask(&closed, &Who::anonymous(), "a", Action::Read);
    assert!(said.words.starts_with("no `anonymousPolicy` anywhere"), "{}", said.words);
    assert!(!ask(&config, &any_user(&config), "team/a", Action::Create).words.contains("any user"));
}

#[test]
fn a_principal_is_read_as_it_is_written() {
    for (text, name) in [
        ("anonymous", Name::Anonymous),
        ("any-user", Name::AnyUser),
        ("group:ci", Name::Group("ci".to_owned())),
        ("bob", Name::User("bob".to_owned())),
        ("user:anonymous", Name::User("anonymous".to_owned())),
        ("user:group:x", Name::User("group:x".to_owned())),
    ] {
        assert_eq!((Name::read(text), name.written().as_str()), (name.clone(), text));
    }
    for (text, says) in [
        ("ci:create", "PRINCIPAL:ACTION:PATTERN"),
        ("ci:push:**", "the action is read"),
        (":read:**", "empty"),
        ("ci:read:[", "malformed"),
    ] {
        let error = text.parse::<Allowed>().unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}

/// 200 patterns, as a large organisation has them.
fn large(changed: usize) -> Config {
    let mut rules = vec![OPEN.to_owned()];
    for number in 0..200 {
        let actions = if number < changed { r#""read","create","delete""# } else { r#""read","create""# };
        let pattern = match number % 10 {
            0 => format!("team-{number}/*"),
            1 => format!("{{old,new}}-{number}/**"),
            2 => format!("*-{number}/cache"),
            3 => format!("org/team-{number}/**"),
            4 => format!("**/shared-{number}"),
            _ => format!("team-{number}/**"),
        };
        let policy = format!(r#"{{"groups":["g{number}"],"users":["u{number}"],"actions":[{actions}]}}"#);
        rules.push(format!(r#""{pattern}":{{"policies":[{policy}]}}"#));
    }
    file("large.json", &rules.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn files_of_200_patterns_are_compared_at_once() {
    let (old, few, all) = (large(0), large(3), large(200));
    let began = Instant::now();
    assert_eq!(entries(&compare(&old, &few, None, &[]).unwrap()).len(), 6);
    let comparison = compare(&old, &all, None, &[]).unwrap();
    let gained = entries(&comparison).iter().filter(|entry| entry.kind == Kind::Gain).count();
    assert!(gained >= 400, "{gained}");
    // A second is what it may take where it is compiled for speed, on a machine that does nothing else.
    assert!(began.elapsed() < Duration::from_secs(300), "{:?}", began.elapsed());
}

#[test]
fn too_many_clients_for_so_many_patterns_are_undecided() {
    let file = |action: &str| {
        let users: Vec<String> = (0..10_000).map(|number| format!("\"u{number}\"")).collect();
        let policy = format!(r#"{{"users":[{}],"actions":["{action}"]}}"#, users.join(","));
        let first = format!(r#""p/**":{{"policies":[{policy}]}}"#);
        let others = (1..1000).map(|number| format!(r#""p{number}/**":{{"defaultPolicy":["{action}"]}}"#));
        let rules: Vec<String> = std::iter::once(first).chain(others).collect();
        file("f.json", &rules.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let error = compare(&file("read"), &file("create"), None, &[]).unwrap_err();
    assert_eq!(error, Undecided::TooLarge { regions: 1000, people: 10_002 });
}
