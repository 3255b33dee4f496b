//! Helpers of the tests of two vantage points: the lab as the backend, and a small proxy in front of it.

use crate::lab::{Lab, Options};
use crate::model::outcome::{Outcome, Verdict};
use crate::trial::{Weakness, config, proxy, run_scenario};

async fn behind(id: &str, lab: &Lab, fault: proxy::Fault) -> Outcome {
    let front = format!("http://{}", proxy::start(lab.url(), fault).await);
    with(id, lab, &format!("url = \"{front}\"\nbackend = \"{}\"", lab.url())).await
}

async fn with(id: &str, lab: &Lab, registry: &str) -> Outcome {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = lab.write_scenario(folder.path()).expect("the scenario can be written");
    let text = std::fs::read_to_string(&file).expect("the scenario is there");
    let text = text.replace(&format!("url = \"{}\"", lab.url()), registry);
    std::fs::write(&file, text).expect("the scenario can be written");
    run_scenario(id, &file).await
}

/// How a check ends at a faulty proxy in front of the healthy lab.
pub(crate) async fn at_the_proxy(id: &str, fault: proxy::Fault) -> Outcome {
    let lab = Lab::healthy().await.expect("the lab starts");
    let front = format!("http://{}", proxy::start(lab.url(), fault).await);
    with(id, &lab, &format!("url = \"{front}\"")).await
}

/// Pass behind a faithful proxy.
pub(crate) async fn proven(id: &str) -> Outcome {
    let outcome = behind(id, &Lab::healthy().await.expect("the lab starts"), |_| None).await;
    assert_eq!(outcome.verdict, Verdict::Pass, "{:#?}", outcome.finding);
    outcome
}

/// How it ends behind a faulty proxy.
pub(crate) async fn ends(id: &str, weakness: Option<Weakness>, fault: proxy::Fault) -> Outcome {
    let options = Options { weaknesses: weakness.into_iter().collect(), ..Options::default() };
    behind(id, &Lab::start(options).await.expect("the lab starts"), fault).await
}

/// Fail behind a faulty proxy, with the cause that it names.
pub(crate) async fn fails(id: &str, weakness: Option<Weakness>, fault: proxy::Fault) -> String {
    let outcome = ends(id, weakness, fault).await;
    assert_eq!(outcome.verdict, Verdict::Fail, "{:#?}", outcome.finding);
    outcome.finding.expect("a Fail has a finding").cause
}

/// The same where zot's configuration promises, and not the scenario itself.
async fn by_config(id: &str, weakness: Weakness, fault: proxy::Fault) -> String {
    let (lab, folder, file) = config::world(Some(weakness), |_| {}).await;
    let front = format!("http://{}", proxy::start(lab.url(), fault).await);
    let both = format!("url = \"{front}\"\nbackend = \"{}\"", lab.url());
    let config = folder.path().join("zot.json");
    for (file, from, to) in
        [(&file, &format!("url = \"{}\"", lab.url()), &both), (&config, &lab.url().to_owned(), &front)]
    {
        let text = std::fs::read_to_string(file).expect("it is there");
        std::fs::write(file, text.replace(from, to)).expect("it can be written");
    }
    let outcome = run_scenario(id, &file).await;
    assert_eq!(outcome.verdict, Verdict::Fail, "{:#?}", outcome.finding);
    outcome.finding.expect("a Fail has a finding").cause
}

/// How it ends with a backend that answers in plain text under a name of another host.
pub(crate) async fn in_plain_text(id: &str) -> Outcome {
    let lab = Lab::healthy().await.expect("the lab starts");
    let port = lab.url().rsplit(':').next().expect("the lab has a port");
    let name = format!("backend.example.test:{port}");
    let resolve = format!("resolve = {{ \"{name}\" = \"127.0.0.1:{port}\" }}");
    with(id, &lab, &format!("url = \"{}\"\nbackend = \"http://{name}\"\n{resolve}", lab.url())).await
}

/// Error where the backend fails, and where nothing listens.
pub(crate) async fn error_when_down(id: &str) {
    let lab = Lab::healthy().await.expect("the lab starts");
    let outcome = behind(id, &lab, |line| line.starts_with("GET /metrics").then_some("502 Bad Gateway")).await;
    assert_eq!(outcome.verdict, Verdict::Error);
    let outcome = with(id, &lab, &format!("url = \"{}\"\nbackend = \"http://127.0.0.1:1\"", lab.url())).await;
    assert_eq!(outcome.verdict, Verdict::Error);
}

#[tokio::test]
async fn what_the_configuration_forbids_and_the_proxy_hides_is_found() {
    const ID: &str = "registry::both_vantage_points_agree";
    let cause =
        by_config(ID, Weakness::AnonymousCanCreate, |line| line.starts_with("POST ").then_some("403 Forbidden")).await;
    assert!(cause.contains("the registry breaks"), "{cause}");
}
