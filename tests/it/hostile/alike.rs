//! What answers everything alike in the registry's place. No check passes on it, whatever the check asks for.

use std::path::Path;

use regproof::check::machine::Machine;
use regproof::check::target::Target;
use regproof::checks::CHECKS;
use regproof::model::outcome::Run;
use regproof::run::runner;
use regproof::run::runner::Board;

use super::front::{Answer, Say};
use super::lies::{JSON, Lie, PAGE, error, every, lie};

const NGINX_404: &str = "<html>\r\n<head><title>404 Not Found</title></head>\r\n<body>\r\n<center><h1>404 Not Found</h1></center>\r\n\
                         <hr><center>nginx</center>\r\n</body>\r\n</html>\r\n";

/// Answers that are not the registry's, and one that is another registry's.
pub const ALIKE: &[Lie] = &[
    lie("a_proxy_that_reaches_nothing", &[], |_| every("502 Bad Gateway", "text/html", PAGE)),
    lie("a_page_with_200", &[], |_| every("200 OK", "text/html", PAGE)),
    lie("nothing_with_200", &[], |_| every("200 OK", "text/plain", "")),
    lie("an_object_with_200", &[], |_| every("200 OK", JSON, "{}")),
    lie("a_page_with_404", &[], |_| every("404 Not Found", "text/html", NGINX_404)),
    lie("a_401_without_a_body", &[], |_| every("401 Unauthorized", "text/plain", "")),
    lie("a_password_in_front", &[], |_| {
        Say::This(
            Answer::new("401 Unauthorized", "text/plain", "").with("WWW-Authenticate", "Basic realm=\"restricted\""),
        )
    }),
    lie("a_page_with_403", &[], |_| every("403 Forbidden", "text/html", PAGE)),
    lie("a_way_to_a_login_page", &[], |around| {
        every("302 Found", "text/html", PAGE).located(&format!("/login?from={}", around.ask.target))
    }),
    lie("an_empty_registry", &[], |around| {
        if around.ask.target == "/v2/" {
            return Say::This(named(Answer::new("200 OK", JSON, "{}")));
        }
        Say::This(named(
            error("404 Not Found", "NAME_UNKNOWN", "repository name not known to registry").without("WWW-Authenticate"),
        ))
    }),
    lie("a_registry_that_asks_for_tokens", &[], |around| {
        let realm = format!("Bearer realm=\"http://{}/token\",service=\"registry\"", around.own);
        Say::This(named(error("401 Unauthorized", "UNAUTHORIZED", "no")).with("WWW-Authenticate", realm))
    }),
];

fn named(answer: Answer) -> Answer {
    answer.with("Docker-Distribution-Api-Version", "registry/2.0")
}

/// Every check there is, but for the browser's, with all that a scenario can ask for.
pub async fn run(scenario: &Path) -> Run {
    let text = std::fs::read_to_string(scenario).expect("the scenario can be read");
    let text = text.replace("digest = ", "cold = \"docker.io/library/alpine:3.19\"\ndigest = ");
    let more = "\n[probes]\nlitter = true\nstrain = true\nlarge_body = true\n\n[clients]\nanonymous_docker = true\n";
    std::fs::write(scenario, text + more).expect("the scenario can be written");
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let here = std::env::var_os("PATH").unwrap_or_default();
    let folders =
        [project.join("tests/stand-ins"), project.join(".tools/bin")].into_iter().chain(std::env::split_paths(&here));
    let path = std::env::join_paths(folders).expect("no folder has a colon in its name");
    let target = Target::open(scenario, None, Machine::with_path(&path, true)).expect("the scenario is sound");
    let plan = target.plan(CHECKS, &[]).expect("all checks are selected");
    let board = Board::new(std::sync::Arc::new(target), plan);
    runner::execute(&board, runner::no_stop(), |_| ()).await
}
