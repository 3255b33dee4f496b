//! One hostile registry, one run of the whole checklist against it, and what may be said and sent in the course of it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use regproof::check::machine::Machine;
use regproof::check::target::Target;
use regproof::checks::CHECKS;
use regproof::lab::Lab;
use regproof::model::outcome::{Run, Verdict};
use regproof::report::output;
use regproof::report::{self, Format};
use regproof::run::runner;
use regproof::run::runner::Board;
use tempfile::TempDir;

use super::front::{Ask, Front, Tell};
use super::lies::EVERY;

/// Both places where checks may write.
const SCRATCH: [&str; 2] = ["/v2/blumeops/regproof/", "/v2/private/regproof/"];
/// How long a check and a request may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    deadline: Duration,
    request: Duration,
}

/// For whatever is answered at once: that a machine is slow must not be what keeps a check from passing.
pub const PATIENT: Limits = Limits { deadline: Duration::from_secs(60), request: Duration::from_secs(20) };
/// For what is never answered, which can only end at a limit.
pub const SHORT: Limits = Limits { deadline: Duration::from_secs(3), request: Duration::from_secs(1) };

/// The promise is the deadline and two seconds. A busy machine adds to that; what hangs takes longer than this.
const SLACK: Duration = Duration::from_secs(120);
/// A bound on what a run may ask for in all, far above what an honest registry is asked.
const MOST_REQUESTS: usize = 8_000;

/// A hostile registry with the scenario that leads to it.
pub struct Stage {
    pub front: Front,
    pub lab: Lab,
    pub scenario: PathBuf,
    limits: Limits,
    _folder: TempDir,
}

impl Stage {
    pub async fn set(tell: Tell, resets: bool, limits: Limits) -> Stage {
        let lab = Lab::healthy().await.expect("the lab starts");
        let address = lab.url().trim_start_matches("http://").parse().expect("the lab has an address");
        let front = Front::start(address, tell, resets);
        let folder = tempfile::tempdir().expect("a folder can be made");
        let scenario = lab.write_scenario(folder.path()).expect("the scenario can be written");
        let text = std::fs::read_to_string(&scenario).expect("the scenario can be read");
        let text = text.replace(lab.url(), &format!("http://{}", front.address));
        let mut text = text;
        for (old, new) in [
            ("deadline = \"60s\"", format!("deadline = \"{}s\"", limits.deadline.as_secs())),
            ("request_timeout = \"10s\"", format!("request_timeout = \"{}s\"", limits.request.as_secs())),
            ("concurrency = 8", "concurrency = 32".to_owned()),
        ] {
            assert!(text.contains(old), "no {old} in {text}");
            text = text.replace(old, &new);
        }
        std::fs::write(&scenario, text).expect("the scenario can be written");
        Stage { front, lab, scenario, limits, _folder: folder }
    }

    fn secrets(&self) -> Vec<(&'static str, String)> {
        let keys = ["zot-ci", "guest", "erich"].map(|name| (name, self.lab.api_key(name).to_owned()));
        let mut secrets = keys.to_vec();
        secrets.push(("", self.lab.login().1.to_owned()));
        secrets
    }
}

/// The operator's checklist: one check for each way in which a registry is spoken to.
pub fn is_listed(id: &str) -> bool {
    let others =
        ["access::permission_matrix", "cache::cold", "cache::warm", "cache::ci", "registry::both", "registry::c"];
    let areas = ["access::", "cache::", "content::", "metrics::", "oidc::", "registry::", "tags::"];
    let publish = ["publish::api_key", "publish::existing_tag", "publish::skopeo"];
    let listed = areas.iter().chain(&publish).any(|start| id.starts_with(start));
    listed && !others.iter().any(|other| id.starts_with(other))
}

/// Which checks a lie is told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Whom {
    /// All that need neither a browser nor a client program.
    All,
    /// The operator's checklist of them.
    Listed,
    /// All, and skopeo.
    AllAndSkopeo,
}

/// The checks that need neither a browser nor a client program, on this target.
pub fn alone(target: &Target) -> Vec<&'static str> {
    let plan = target.plan(CHECKS, &[]).expect("everything is a selection");
    plan.steps.iter().filter(|step| step.skip.is_none()).map(|step| step.check.id).collect()
}

/// Whether every check gets every lie, as in `make prove`. In `make test` each check gets an eighth of them.
pub fn is_whole() -> bool {
    std::env::var_os("REGPROOF_TEST_WHOLE").is_some()
}

/// Runs these checks.
pub async fn run(scenario: &std::path::Path, whom: Whom) -> (Run, Arc<Target>) {
    run_share(scenario, whom, |_| true).await
}

/// Runs those of these checks that are wanted.
async fn run_share(scenario: &std::path::Path, whom: Whom, is_wanted: impl Fn(&str) -> bool) -> (Run, Arc<Target>) {
    let open = |machine| Arc::new(Target::open(scenario, None, machine).expect("the scenario is sound"));
    let (nothing, here) = (open(Machine::with_path("".as_ref(), true)), open(Machine::here(true)));
    let mut only = alone(&nothing);
    only.retain(|id| is_wanted(id) && (whom != Whom::Listed || is_listed(id)));
    let target = if whom == Whom::AllAndSkopeo { here } else { nothing };
    if whom == Whom::AllAndSkopeo {
        only.push("publish::skopeo_can_push");
    }
    let plan = target.plan(CHECKS, &only).expect("all these checks exist");
    let board = Board::new(Arc::clone(&target), plan);
    (runner::execute(&board, runner::no_stop(), |_| ()).await, target)
}

/// What is wrong with how a run went, as lines; nothing if all is well. `turn` chooses the eighth of the checks that hear a lie
/// about everything.
pub async fn complaints(stage: &Stage, concerns: &[&str], whom: Whom, turn: usize) -> Vec<String> {
    let heard = |id: &str| {
        let at = CHECKS.iter().position(|check| check.id == id).unwrap_or(0);
        let named = concerns != EVERY && concerns.iter().any(|start| id.starts_with(start));
        // A lie that concerns no check by name may concern any.
        let share = if concerns.is_empty() { 2 } else { 8 };
        is_whole() || named || (at + turn).is_multiple_of(share)
    };
    let (run, target) = run_share(&stage.scenario, whom, heard).await;
    let most = stage.limits.deadline + SLACK;
    let mut wrong = vec![];
    if stage.front.told() == 0 {
        wrong.push("the lie was not told".to_owned());
    }
    for outcome in &run.outcomes {
        let concerned = concerns.iter().any(|id| outcome.id.starts_with(id));
        if concerned && outcome.verdict == Verdict::Pass {
            wrong.push(format!("{} passed: {:?}", outcome.id, outcome.notes));
        }
        let panicked = outcome.finding.as_ref().is_some_and(|finding| finding.actual.contains("panicked"));
        if panicked {
            wrong.push(format!("{} panicked: {:?}", outcome.id, outcome.finding));
        }
        if outcome.duration > most {
            wrong.push(format!("{} took {:?}: {:?}", outcome.id, outcome.duration, outcome.finding));
        }
    }
    wrong.extend(beyond_the_rule(&stage.front));
    wrong.extend(bad_reports(&run, &target, &stage.secrets()));
    wrong
}

fn beyond_the_rule(front: &Front) -> Vec<String> {
    let mut wrong = vec![];
    let asked = front.asked();
    if asked.len() > MOST_REQUESTS {
        wrong.push(format!("{} requests were sent", asked.len()));
    }
    wrong.extend(asked.iter().filter(|ask| ask.writes() && !may_be_sent(ask)).map(|ask| format!("sent: {ask:?}")));
    // A blob may be fetched from a store elsewhere, with nothing that tells who asks.
    for request in front.sunk() {
        let lower = request.to_ascii_lowercase();
        if ["authorization", "cookie", "\"put\"", "\"post\"", "\"patch\""].iter().any(|word| lower.contains(word))
            || !lower.contains("target: \"/blob\"")
        {
            wrong.push(format!("sent elsewhere: {request}"));
        }
    }
    wrong
}

/// Writing in the scratch repository, keys of the user that asks, and what no handler accepts.
fn may_be_sent(ask: &Ask) -> bool {
    let dotted = ask.target.contains("..") || ask.target.contains('%');
    let scratch = SCRATCH.iter().any(|place| ask.target.starts_with(place)) && !dotted;
    let impossible =
        ask.header("content-type") == Some("application/x-regproof") || ask.target.ends_with("/notadigest");
    let session = ask.target.contains("/blobs/uploads/") && ask.body.len() <= 1;
    let unknown = ask.method == "DELETE" && ask.target.contains("/manifests/sha256:");
    let key = ask.target.starts_with("/zot/auth/apikey") && !ask.is_anonymous();
    // No registry has a handler for it: what it says it overrides would be a read.
    let overridden = ask.method == "POST"
        && ask.target.contains("/manifests/")
        && ask.header("x-http-method-override") == Some("GET")
        && ask.body.is_empty();
    scratch || impossible || session || unknown || key || overridden
}

/// What is wrong with the reports of a run.
pub fn bad_reports(run: &Run, target: &Target, secrets: &[(&str, String)]) -> Vec<String> {
    let mut wrong = vec![];
    let clean = output::redacted(run, target.redactor());
    let junit = report::junit(&[&clean]).unwrap_or_else(|error| {
        wrong.push(format!("no JUnit: {error}"));
        String::new()
    });
    if let Err(error) = roxmltree::Document::parse(&junit) {
        wrong.push(format!("JUnit is no XML: {error}"));
    }
    let (json, har) = (report::json(&[&clean]), report::har(&clean));
    for (name, text) in [("json", &json), ("har", &har)] {
        if let Err(error) = serde_json::from_str::<serde_json::Value>(text) {
            wrong.push(format!("{name} is no JSON: {error}"));
        }
    }
    let html = report::html(&[&clean]);
    if html.contains("<script") {
        wrong.push("the HTML has a script".to_owned());
    }
    let prometheus = report::prometheus(&[&clean]);
    wrong.extend(prometheus.lines().filter(|line| !is_metric(line)).map(|line| format!("no metric: {line}")));
    let (pretty, services) =
        (report::console(&[&clean], Format::Pretty, false), report::console(&[&clean], Format::Services, false));
    let github = report::console(&[&clean], Format::Github, false);
    for text in [&pretty, &services] {
        wrong.extend(text.lines().filter(|line| is_command(line)).map(|line| format!("a command: {line}")));
    }
    for text in [&pretty, &services, &github] {
        let unprintable = |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c);
        wrong.extend(text.chars().find(|c| unprintable(*c)).map(|c| format!("the console gets {c:?}")));
    }
    let texts = [
        ("the run itself", format!("{run:?}")),
        ("junit", junit),
        ("json", json),
        ("har", har),
        ("html", html),
        ("markdown", report::markdown(&clean)),
        ("prometheus", prometheus),
        ("pretty", pretty),
        ("services", services),
        ("github", github),
    ];
    for (name, text) in &texts {
        wrong.extend(
            secrets
                .iter()
                .filter_map(|(user, secret)| leak(text, user, secret))
                .map(|part| format!("{name} leaks {part}")),
        );
    }
    wrong
}

fn is_command(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("::") || line.starts_with("##[")
}

fn is_metric(line: &str) -> bool {
    line.starts_with("# ")
        || (line.starts_with("regproof_") && line.rsplit(' ').next().is_some_and(|v| v.parse::<f64>().is_ok()))
}

/// A part of a secret in a text, in any dress that could be undone.
pub fn leak(text: &str, user: &str, secret: &str) -> Option<String> {
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{secret}"));
    let padded = base64::engine::general_purpose::STANDARD.encode(format!("you sent Basic {pair}"));
    let hex: String = secret.bytes().map(|b| format!("{b:02X}")).collect();
    let escaped: String = secret.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect();
    let entities: String = secret.chars().map(|c| format!("&#{};", u32::from(c))).collect();
    // What stands before a secret in a longer text is none: it starts where the user name ends.
    let own = (user.len() + 1).div_ceil(3) * 4;
    let parts = [secret, &pair[own.min(pair.len())..], &hex, &escaped, &entities, &padded[padded.len() / 2..]];
    parts.iter().find_map(|form| {
        // Half of it: less could be what all keys have in common.
        let half = form.as_bytes().windows((form.len() / 2).max(12)).step_by(4);
        let mut pieces =
            half.map(|piece| String::from_utf8_lossy(piece).into_owned()).filter(|piece| !piece.contains('='));
        pieces.find(|piece| text.contains(piece.as_str()))
    })
}
