//! Broken deployments: for each the first ten lines of the console say what is wrong and what to do.
//!
//! The pages of the book that show these lines are written here with `REGPROOF_UPDATE` set, and compared else.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test by panicking")]

mod front;
mod repeat;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use assert_cmd::Command;
use regex::Regex;
use regproof::lab::{Lab, Vacancy, Weakness};
use regproof::model::outcome::Run;
use regproof::report::{Format, Look, console};
use serde_json::{Value, json};

use self::front::{Front, with_tls};

/// One deployment that is broken, and what the first lines must say of it.
struct Broken {
    /// What is wrong with it.
    what: &'static str,
    /// The code of the first finding.
    code: &'static str,
    /// The exit status.
    status: i32,
    /// What is wrong, in the words of the console.
    wrong: &'static str,
    /// What to do, in the words of the console.
    remedy: &'static str,
}

/// What keeps a deployment as broken as it is.
#[derive(Default)]
struct World {
    lab: Option<Lab>,
    _vacancy: Option<Vacancy>,
    front: Option<Front>,
    folder: Option<tempfile::TempDir>,
}

impl World {
    fn folder(&self) -> &Path {
        self.folder.as_ref().unwrap().path()
    }

    fn scenario(&self) -> PathBuf {
        self.folder().join("regproof.toml")
    }

    fn lab(&self) -> &Lab {
        self.lab.as_ref().unwrap()
    }

    /// Changes the scenario.
    fn change(&self, change: impl FnOnce(&mut toml::Table)) {
        let text = std::fs::read_to_string(self.scenario()).unwrap();
        let mut table: toml::Table = text.parse().unwrap();
        change(&mut table);
        std::fs::write(self.scenario(), table.to_string()).unwrap();
    }

    /// Leads the scenario to another address. The login is bound to the lab's own, so it is left out.
    fn lead_to(&self, url: &str) {
        self.change(|table| {
            table.remove("oidc");
            table.remove("keys");
            table["registry"].as_table_mut().unwrap().insert("url".to_owned(), url.into());
        });
    }

    /// Puts something in front of the lab that passes requests on as this function changes them.
    async fn behind(mut self, pass: fn(&str) -> front::Pass) -> World {
        let front = Front::start(self.lab().url(), pass).await;
        self.lead_to(&front.url);
        self.front = Some(front);
        self
    }

    /// What the console shows, and the report.
    fn run(&self) -> (String, i32, Value) {
        let report = self.folder().join("report.json");
        let mut command = Command::new(env!("CARGO_BIN_EXE_regproof"));
        for name in ["REGPROOF_SCENARIO", "RUST_LOG", "NO_COLOR"] {
            command.env_remove(name);
        }
        // No client program: which of them are there differs by machine.
        command.args(["run", "--no-browser", "regproof.toml", "--json"]).arg(&report).current_dir(self.folder());
        command.env("PATH", "/nonexistent");
        let done = command.timeout(Duration::from_secs(300)).output().unwrap();
        let text = String::from_utf8(done.stdout).unwrap();
        let report = std::fs::read_to_string(report).unwrap_or_else(|_| panic!("no report: {text}"));
        (text, done.status.code().unwrap_or(-1), serde_json::from_str(&report).unwrap())
    }
}

async fn world(weakness: Option<Weakness>) -> World {
    let lab = match weakness {
        Some(weakness) => Lab::with(weakness).await.unwrap(),
        None => Lab::healthy().await.unwrap(),
    };
    let folder = tempfile::tempdir().unwrap();
    lab.write_scenario(folder.path()).unwrap();
    World { lab: Some(lab), folder: Some(folder), ..World::default() }
}

/// Asks the lab as ci.
async fn as_ci(lab: &Lab, method: reqwest::Method, target: &str, body: Option<Value>) -> Value {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request =
        client.request(method, format!("{}{target}", lab.url())).basic_auth("zot-ci", Some(lab.api_key("zot-ci")));
    let request = match body {
        Some(body) => request.header("Content-Type", "application/json").body(body.to_string()),
        None => request,
    };
    let text = request.send().await.unwrap().error_for_status().unwrap().text().await.unwrap();
    serde_json::from_str(&text).unwrap_or_default()
}

/// The scenario has a key of ci that has ended by now.
async fn expired() -> World {
    let world = world(None).await;
    let ends = (time::OffsetDateTime::now_utc() + time::Duration::seconds(2))
        .format(&time::format_description::well_known::Rfc3339)
        .unwrap();
    let minted = json!({ "label": "short", "scopes": [], "expirationDate": ends });
    let key = as_ci(world.lab(), reqwest::Method::POST, "/zot/auth/apikey", Some(minted)).await;
    let key = key["apiKey"].as_str().unwrap().to_owned();
    std::fs::write(world.folder().join("secrets/ci.key"), &key).unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let (url, patience) = (format!("{}/v2/", world.lab().url()), Instant::now() + Duration::from_secs(60));
    loop {
        let answer = client.get(&url).basic_auth("zot-ci", Some(&key)).send().await.unwrap();
        if answer.status() == 401 {
            return world;
        }
        assert!(Instant::now() < patience, "the key does not end");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The key of ci is revoked.
async fn revoked() -> World {
    let world = world(None).await;
    let keys = as_ci(world.lab(), reqwest::Method::GET, "/zot/auth/apikey", None).await;
    for key in keys["apiKeys"].as_array().unwrap() {
        let target = format!("/zot/auth/apikey?id={}", key["uuid"].as_str().unwrap());
        as_ci(world.lab(), reqwest::Method::DELETE, &target, None).await;
    }
    world
}

/// The user of ci is in no group.
async fn group_lost() -> World {
    let world = world(None).await;
    world.change(|table| {
        let identities = table["identities"].as_table_mut().unwrap();
        let groups = identities["ci"]["groups"].clone();
        let mut guest = identities.remove("guest").unwrap();
        guest.as_table_mut().unwrap().insert("groups".to_owned(), groups);
        identities.insert("ci".to_owned(), guest);
        // Of another user.
        table.remove("oidc");
        table.remove("keys");
    });
    world
}

async fn down() -> World {
    let mut world = world(None).await;
    let lab = world.lab.take().unwrap();
    world._vacancy = Some(lab.vacate().await.unwrap());
    world
}

async fn name_wrong() -> World {
    let world = world(None).await;
    world.lead_to("https://registry.invalid");
    world
}

async fn repository_wrong() -> World {
    let world = world(None).await;
    world.change(|table| {
        let repositories = table["repositories"].as_table_mut().unwrap();
        repositories.insert("public".to_owned(), vec!["blumeops/navidrone"].into());
    });
    world
}

async fn own_ca() -> World {
    let mut world = world(None).await;
    let front = with_tls(world.lab().url(), world.folder()).await;
    world.lead_to(&front.url);
    world.front = Some(front);
    world
}

/// The first lines, without what differs from run to run.
fn shown(text: &str) -> String {
    // The header, an empty line, and what is told first.
    let lines: Vec<&str> =
        text.lines().take(2).chain(text.lines().skip(2).take(8).take_while(|line| !line.is_empty())).collect();
    let text = same_each_time(&lines.join("\n"));
    let text = Regex::new(r" *\d+\.\d\ds").unwrap().replace_all(&text, "  0.00s").into_owned();
    Regex::new(r"(?m)^(.{150}).*$").unwrap().replace_all(&text, "$1…").into_owned()
}

/// A text without what differs from run to run.
fn same_each_time(text: &str) -> String {
    let mut text = text.to_owned();
    for (what, by) in [
        (r"127\.0\.0\.1:\d+", "127.0.0.1:5000"),
        (r"localhost:\d+", "localhost:5000"),
        (r"%3A\d{2,}", "%3A5000"),
        // How many of them depends on what was asked before the run gave up.
        (r"\d+ checks depend on this: .*", "… checks depend on this: …; -v shows them"),
        (r"regproof \d+\.\d+\.\d+\S*", "regproof 0.0.0"),
        (r"sha256:[0-9a-f]{64}", "sha256:…"),
        (r"regproof-[0-9a-f]{12}", "regproof-…"),
        (r"/[^' ]*/secrets/", "secrets/"),
        (r"failed to lookup address information: [A-Za-z ]+", "failed to lookup address information"),
        (r"(?m) +$", ""),
    ] {
        text = Regex::new(what).unwrap().replace_all(&text, by).into_owned();
    }
    text
}

/// The lines of the console in a terminal of this width.
fn lines_at(width: usize, report: &Value) -> Vec<String> {
    let run: Run = serde_json::from_value(report.clone()).unwrap();
    let text = console(&[&run], Format::Pretty, Look { width: Some(width), ..Look::default() });
    text.lines().map(str::to_owned).collect()
}

/// The console at 80 and at 120 columns: its first lines, and its last.
fn captured(what: &str, report: &Value) -> String {
    let mut run: Run = serde_json::from_value(report.clone()).unwrap();
    run.duration = Duration::ZERO;
    // How many cells have a tag depends on what other checks of the run had pushed by then.
    let cells = Regex::new(r"^\d+ of (\d+) proven, .*").unwrap();
    for outcome in &mut run.outcomes {
        outcome.duration = Duration::ZERO;
        outcome.proven = outcome.proven.take().map(|proven| cells.replace(&proven, "… of $1 proven, …").into_owned());
    }
    let mut page = format!("\n## {what}\n");
    for width in [80, 120] {
        let text = console(&[&run], Format::Pretty, Look { width: Some(width), ..Look::default() });
        let lines: Vec<&str> = text.lines().collect();
        let last = lines.iter().rfind(|line| line.contains("   exit ")).unwrap();
        let text = same_each_time(&[&lines[..lines.len().min(24)], &["…", last]].concat().join("\n"));
        write!(page, "\n{width} columns:\n\n```text\n{text}\n```\n").unwrap();
    }
    page
}

/// Runs a deployment, looks at its first lines, and tells them, with the report.
fn proven(broken: &Broken, world: &World) -> (String, Value) {
    let (text, status, report) = world.run();
    let first = text.lines().take(10).collect::<Vec<_>>().join("\n");
    for words in [broken.wrong, broken.remedy] {
        assert!(first.contains(words), "{}: `{words}` is not in the first ten lines:\n{text}", broken.what);
    }
    let narrow = lines_at(80, &report);
    for label in ["likely cause", "fix "] {
        let seen = narrow.iter().take(10).any(|line| line.contains(&format!("│ {label}")));
        assert!(seen, "{}: `{label}` is not in the first ten lines of 80 columns:\n{}", broken.what, narrow.join("\n"));
    }
    assert_eq!(report["root"]["code"], broken.code, "{}:\n{text}", broken.what);
    assert_eq!(status, broken.status, "{}:\n{text}", broken.what);
    // Told once: a check that hangs on the root has no separate line.
    for id in report["root"]["hangs"].as_array().unwrap() {
        let id = id.as_str().unwrap();
        let alone = report["root"]["hangs"].as_array().unwrap().len() == 1;
        let own = |line: &str| line.split_whitespace().nth(1) == Some(id) && !line.contains('│');
        assert!(alone || !text.lines().any(own), "{}: {id} has a separate line:\n{text}", broken.what);
    }
    (shown(&text), report)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_ten_lines_say_what_is_wrong_and_what_to_do() {
    let case = |what, code, status, wrong, remedy| Broken { what, code, status, wrong, remedy };
    let stripped = |head: &str| front::Pass::On(front::without(head, "authorization"));
    let bad_gateway = |_: &str| front::Pass::Answer("502 Bad Gateway", "<html><body>502 Bad Gateway</body></html>");
    let all = [
        (
            case(
                "The key of CI has expired",
                "credentials-refused",
                1,
                "the key of ci (zot-ci) is refused",
                "mint a new key as zot-ci",
            ),
            expired().await,
        ),
        (
            case(
                "The key of CI was revoked",
                "credentials-refused",
                1,
                "the key of ci (zot-ci) is refused",
                "mint a new key as zot-ci",
            ),
            revoked().await,
        ),
        (
            case("CI has lost its group", "right-missing", 1, "is refused a promised right", "log in once as"),
            group_lost().await,
        ),
        (
            case(
                "The group of CI has `update`",
                "publish::existing_tag_cannot_be_moved",
                1,
                "existing_tag_cannot_be_moved",
                "update",
            ),
            world(Some(Weakness::CiCanUpdate)).await,
        ),
        (
            case(
                "The scheme of `externalUrl` is wrong",
                "oidc::login_redirects_to_the_provider",
                1,
                "redirect_uri",
                "externalUrl",
            ),
            world(Some(Weakness::ExternalUrlHttps)).await,
        ),
        (
            case(
                "The metrics are opened in the old form",
                "metrics::anonymous_can_scrape",
                1,
                "401 to GET /metrics",
                "anonymousPolicy",
            ),
            world(Some(Weakness::MetricsPre2118Form)).await,
        ),
        (
            case(
                "The proxy drops the header Authorization",
                "credentials-stripped",
                1,
                "the registry has not seen them",
                "let the proxy pass the Authorization header on",
            ),
            world(None).await.behind(stripped).await,
        ),
        (
            case("A login page answers", "login-page", 1, "a web page answers", "leave /v2/ out of the proxy's login"),
            world(Some(Weakness::LoginPageWith200)).await,
        ),
        (case("The registry is down", "connection-refused", 2, "the connection is refused", "start it"), down().await),
        (
            case("The proxy answers 502", "gateway-error", 2, "the proxy answers 502", "start the registry"),
            world(None).await.behind(bad_gateway).await,
        ),
        (
            case("The proxy adds gzip", "content-encoding", 2, "answers are compressed", "switch compression off"),
            world(None).await.behind(|head| front::Pass::Compressed(head.to_owned())).await,
        ),
        (
            case("The host name is wrong", "name-does-not-resolve", 2, "does not resolve", "correct registry.url"),
            name_wrong().await,
        ),
        (
            case(
                "The name of a repository is wrong",
                "no-such-repository",
                1,
                "there is no repository `blumeops/navidrone`",
                "correct `blumeops/navidrone`",
            ),
            repository_wrong().await,
        ),
        (
            case(
                "The authority of the certificate is not named",
                "certificate-not-trusted",
                1,
                "not trusted here",
                "[registry] ca_file",
            ),
            own_ca().await,
        ),
    ];
    let mut page = String::from(
        "# Broken deployments\n\n<!-- Generated: `make book` writes this page again. -->\n\nThe first lines of the console, for mistakes \
         that operators make. Each was run against the lab.\nWhat differs from run to run is left out.\n",
    );
    let mut captures = String::from(
        "# The console\n\n<!-- Generated: `make book` writes this page again. -->\n\nThe first lines of a run, and the line that ends \
         it, in terminals of 80 and of 120 columns.\nEach run was made on the lab. What differs from run to run is left out.\n",
    );
    captures += &captured("A clean run", &world(None).await.run().2);
    for (broken, world) in &all {
        let (text, report) = proven(broken, world);
        if ["metrics::anonymous_can_scrape", "connection-refused"].contains(&broken.code) {
            captures += &captured(broken.what, &report);
        }
        write!(
            page,
            "\n## {}\n\nExit status {}, code `{}`.\n\n```text\n{text}\n```\n",
            broken.what, broken.status, broken.code
        )
        .unwrap();
    }
    crate::book::hold("broken-deployments.md", &page);
    crate::book::hold("console.md", &captures);
}
