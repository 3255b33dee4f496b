//! Bad scenarios, each with its place and remedy.

use super::*;

const MINIMAL: &str = "schema = 1\nname = \"n\"\n[registry]\nurl = \"https://r.example.test\"\n";

fn load(text: &str) -> Result<Loaded, ScenarioError> {
    let today = time::macros::date!(2026 - 01 - 01);
    parse(Path::new("r.toml"), text.to_owned(), |id| id == "access::anonymous_can_pull", today)
}

fn error(text: &str) -> String {
    load(text).expect_err("this scenario is wrong").to_string()
}

#[test]
fn the_smallest_scenario_is_accepted() {
    let loaded = load(MINIMAL).unwrap();
    assert_eq!(loaded.scenario.limits.deadline.0.as_secs(), 60);
}

#[test]
fn every_mistake_names_its_place_and_what_to_do() {
    let identity = "[identities.ci]\nusername = \"ci\"\n";
    for (text, place, words) in [
        (format!("{MINIMAL}nope = 1\n"), "r.toml:5:1: ", "unknown field `nope`"),
        ("schema = \n".to_owned(), "r.toml:1:10: ", ""),
        (MINIMAL.replace("schema = 1", "schema = 2"), "r.toml:1:10: ", "schema 2"),
        (
            format!("{MINIMAL}[levels]\n\"lint::nope\" = \"warn\"\n"),
            "r.toml:6:16: ",
            "no check and no lint `lint::nope`",
        ),
        (format!("{MINIMAL}[levels]\n\"lint::empty_user\" = \"off\"\n"), "r.toml:6:22: ", "needs a reason"),
        (MINIMAL.replace("https://r.example.test", "ftp://r"), "r.toml:4:7: ", "https://"),
        (MINIMAL.replace("https://r.example.test", "https://u:pw@r"), "r.toml:4:7: ", "credentials"),
        (MINIMAL.replace("https://r.example.test", "https://r/v2"), "r.toml:4:7: ", "no path"),
        (
            format!("{}{identity}password = {{ env = \"X\" }}\n", MINIMAL.replace("https", "http")),
            "r.toml:4:7: ",
            "plain http",
        ),
        (format!("{MINIMAL}{identity}password = \"hunter22\"\n"), "r.toml:7:12: ", "this file contains a secret"),
        (format!("{MINIMAL}{identity}password = {{ env = \"A\", file = \"b\" }}\n"), "r.toml:7:12: ", "one source"),
        (format!("{MINIMAL}{identity}password = {{ command = [] }}\n"), "r.toml:7:12: ", "empty"),
        (format!("{MINIMAL}[repositories]\nscratch = \"Upper/Case\"\n"), "r.toml:6:11: ", "repository name"),
        (format!("{MINIMAL}[repositories]\nscratch = \"a\"\npublic = [\"a\"]\n"), "r.toml:6:11: ", "written to"),
        (format!("{MINIMAL}[tags]\npattern = \"(\"\n"), "r.toml:6:11: ", "regular expression"),
        (format!("{MINIMAL}[limits]\nconcurrency = 0\n"), "r.toml:6:15: ", "between 1 and 64"),
        (format!("{MINIMAL}[limits]\ndeadline = \"10\"\n"), "r.toml:6:12: ", "period"),
        (format!("{MINIMAL}[[cache]]\nimage = \"alpine\"\n"), "r.toml:6:9: ", "repository and a tag"),
        (
            format!("{MINIMAL}[[waive]]\ncheck = \"a::b\"\nreason = \"r\"\nuntil = 2027-01-01\n"),
            "r.toml:6:9: ",
            "no check `a::b`",
        ),
        (
            format!("{MINIMAL}[[waive]]\ncheck = \"access::anonymous_can_pull\"\nreason = \"r\"\nuntil = 2025-12-31\n"),
            "r.toml:8:9: ",
            "expired on 2025-12-31",
        ),
        (
            format!("{MINIMAL}[[waive]]\ncheck = \"access::anonymous_can_pull\"\nreason = \" \"\nuntil = 2027-01-01\n"),
            "r.toml:7:10: ",
            "needs a reason",
        ),
        (
            format!(
                "{MINIMAL}[[waive]]\ncheck = \"access::anonymous_can_pull\"\nreason = \"r\"\nuntil = 2027-01-01\ncells = []\n"
            ),
            "r.toml:9:9: ",
            "no cell is named",
        ),
        (
            format!(
                "{MINIMAL}[[waive]]\ncheck = \"access::anonymous_can_pull\"\nreason = \"r\"\nuntil = 2027-01-01\ncells = [\" \"]\n"
            ),
            "r.toml:9:9: ",
            "write the name of a cell",
        ),
        (format!("{MINIMAL}client_cert = \"c.pem\"\n"), "r.toml:5:15: ", "the key of this certificate is missing"),
        (format!("{MINIMAL}client_key = \"c.key\"\n"), "r.toml:5:14: ", "the certificate of this key is missing"),
        (format!("{MINIMAL}client_key = \"-----BEGIN hunter22\"\n"), "r.toml:5:14: ", "this file contains a secret"),
        (
            format!(
                "{}client_cert = \"c.pem\"\nclient_key = \"c.key\"\n",
                MINIMAL.replace("https://r.example.test", "http://127.0.0.1:1")
            ),
            "r.toml:5:15: ",
            "a client certificate needs https",
        ),
        (
            format!("{MINIMAL}[access]\nanonymous = []\n{identity}password = {{ env = \"X\" }}\ngroups = [\"g\"]\n"),
            "r.toml:10:10: ",
            "group `g`",
        ),
    ] {
        let message = error(&text);
        assert!(message.starts_with(place) && message.contains(words), "{message}\nfor\n{text}");
        assert!(!message.contains("hunter22"), "{message}");
    }
}

#[test]
fn plain_http_is_accepted_on_loopback_and_without_secrets() {
    for url in ["http://127.0.0.1:5050", "http://localhost", "http://[::1]:80"] {
        let text = MINIMAL.replace("https://r.example.test", url);
        load(&format!("{text}[identities.ci]\nusername = \"ci\"\npassword = {{ env = \"X\" }}\n")).unwrap();
    }
    load(&MINIMAL.replace("https", "http")).unwrap();
}

#[test]
fn no_secret_crosses_the_network_in_clear() {
    let secret = "[identities.ci]\nusername = \"ci\"\npassword = { env = \"X\" }\n";
    let login = "[oidc]\nissuer = \"https://id.example.test/\"\nclient_id = \"zot\"\n\
                 login = { username = { env = \"U\" }, password = { env = \"P\" } }\n";
    let to = |url: &str| MINIMAL.replace("https://r.example.test", url);
    let resolved = |url: &str, name: &str, address: &str| {
        to(url).replace("[registry]", &format!("[registry]\nresolve = {{ \"{name}\" = \"{address}\" }}"))
    };
    let driver = |url: &str| format!("{MINIMAL}{login}[browser]\nwebdriver = \"{url}\"\n");
    for (text, refused) in [
        (to("http://10.0.0.5:5000") + secret, true),
        (to("http://x.localhost:5000") + secret, true),
        (resolved("http://localhost:5000", "localhost:5000", "10.0.0.5:5000") + secret, true),
        (resolved("http://localhost:5000", "localhost:5000", "127.0.0.1:5000") + secret, false),
        (resolved("http://localhost:5000", "other:5000", "10.0.0.5:5000") + secret, false),
        (resolved("http://localhost:5000", "localhost:5000", "10.0.0.5:5000"), false),
        (resolved("https://r.example.test", "r.example.test:443", "10.0.0.5:443") + secret, false),
        (driver("http://grid.example.test:4444"), true),
        (driver("https://grid.example.test"), true),
        (driver("http://127.0.0.1:4444"), false),
        (driver("chromedriver"), false),
        (driver("http://grid.example.test:4444").replace(login, ""), false),
    ] {
        let result = load(&text);
        let said = result.as_ref().err().map(ToString::to_string);
        assert_eq!(result.is_err(), refused, "{text}: {said:?}");
        assert!(said.as_ref().is_none_or(|said| said.contains("in clear")), "{text}: {said:?}");
    }
}

#[test]
fn a_missing_file_says_where_scenarios_are_looked_for() {
    let today = time::macros::date!(2026 - 01 - 01);
    let message = read(Path::new("/nonexistent/r.toml"), |_| true, today).unwrap_err().to_string();
    assert!(message.contains("$REGPROOF_SCENARIO") && message.contains("regproof init"), "{message}");
}
