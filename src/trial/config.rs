//! Labs whose scenario promises by zot's own configuration, as an operator's does, and not by `[access]`.
//!
//! Only for tests.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::lab::{Lab, Options};
use crate::model::outcome::Outcome;
use crate::trial::{Weakness, run_scenario};

/// The scenario of a lab that promises by this configuration alone.
pub(crate) fn promised(mut config: Value, lab: &Lab, folder: &Path) -> PathBuf {
    let file = lab.write_scenario(folder).expect("the scenario can be written");
    let text = std::fs::read_to_string(&file).expect("the scenario can be read");
    let (before, rest) = text.split_once("[access]").expect("the lab's scenario has rights in short");
    let (_, after) = rest.split_once("\n\n").expect("and more after them");
    let before = before.replacen("[registry]", "[registry]\nzot_config = \"zot.json\"", 1);
    std::fs::write(&file, format!("{before}{after}")).expect("the scenario can be written");
    // Each lab has other addresses.
    config["http"]["externalUrl"] = lab.url().into();
    config["http"]["auth"]["openid"]["providers"]["oidc"]["issuer"] = lab.issuer().into();
    std::fs::write(folder.join("zot.json"), config.to_string()).expect("the configuration can be written");
    file
}

/// A weak lab whose scenario promises what the healthy one does, with this difference.
pub(crate) async fn world(weakness: Option<Weakness>, change: fn(&mut Value)) -> (Lab, tempfile::TempDir, PathBuf) {
    let mut config = Lab::healthy().await.expect("the lab starts").zot_config();
    change(&mut config);
    let options = Options { weaknesses: weakness.into_iter().collect(), ..Options::default() };
    let lab = Lab::start(options).await.expect("the lab starts");
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = promised(config, &lab, folder.path());
    (lab, folder, file)
}

/// How a check ends there.
pub(crate) async fn run(id: &str, weakness: Option<Weakness>, change: fn(&mut Value)) -> Outcome {
    let (_lab, _folder, file) = world(weakness, change).await;
    run_scenario(id, &file).await
}

/// The promise that the group of CI may create and not read; anonymous clients still may.
pub(crate) fn ci_may_only_create(config: &mut Value) {
    let rule = &mut config["http"]["accessControl"]["repositories"]["**"];
    rule["defaultPolicy"] = serde_json::json!([]);
    rule["policies"][0]["actions"] = serde_json::json!(["create"]);
}
