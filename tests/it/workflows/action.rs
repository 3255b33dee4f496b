//! `action.yml`: its own step by bash, as a runner calls it, and the whole action by act.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_yaml_ng::Value;
use tempfile::TempDir;

use super::{Deployment, Lab, finish, path_with_regproof, said, tool};

/// What one call of the step left behind.
struct Called {
    status: Option<i32>,
    said: String,
    summary: String,
    outputs: String,
    folder: TempDir,
}

fn action() -> Value {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("action.yml"));
    serde_yaml_ng::from_str(&text.expect("the action is there")).expect("the action is YAML")
}

/// Runs the step as a runner does: the inputs through its environment, bash with `-e` and `pipefail`.
fn call(inputs: &[(&str, &str)]) -> Called {
    let (action, folder) = (action(), tempfile::tempdir().expect("a temporary folder can be made"));
    let step = &action["runs"]["steps"][0];
    let (script, summary, outputs) =
        (folder.path().join("step.sh"), folder.path().join("summary"), folder.path().join("outputs"));
    fs::write(&script, step["run"].as_str().expect("a step has a script")).expect("a file can be written");
    let mut command = Command::new("bash");
    command.args(["--noprofile", "--norc", "-eo", "pipefail"]).arg(&script).current_dir(folder.path());
    for (name, value) in step["env"].as_mapping().expect("a step has an environment") {
        let input = value.as_str().and_then(|text| text.strip_prefix("${{ inputs.")?.strip_suffix(" }}"));
        let input = input.expect("a variable of the step is an input, and nothing else");
        let given = inputs.iter().find(|(name, _)| *name == input).map(|(_, value)| *value);
        let default = action["inputs"][input]["default"].as_str().expect("every input has a default");
        command.env(name.as_str().expect("a name is text"), given.unwrap_or(default));
    }
    command.env("GITHUB_STEP_SUMMARY", &summary).env("GITHUB_OUTPUT", &outputs).env("PATH", path_with_regproof());
    let done = finish(command, folder.path());
    let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
    Called { status: done.status.code(), said: said(&done), summary: read(&summary), outputs: read(&outputs), folder }
}

#[test]
fn the_action_proves_a_healthy_registry_and_summarises_it() {
    let lab = Lab::start();
    let scenario = lab.scenario().display().to_string();
    let version = env!("CARGO_PKG_VERSION");
    let args = "--only metrics::\n  --only access::anonymous_can_pull";
    let called = call(&[("scenario", &scenario), ("version", version), ("args", args), ("junit", "a folder/out.xml")]);
    assert_eq!(called.status, Some(0), "{}", called.said);
    assert!(called.summary.contains("access::anonymous_can_pull"), "{}", called.summary);
    assert_eq!(called.outputs, "junit=a folder/out.xml\nstatus=0\n");
    let report = fs::read_to_string(called.folder.path().join("a folder/out.xml")).expect("the report is there");
    assert!(report.contains("<testcase"), "{report}");
}

#[test]
fn the_action_ends_as_regproof_does_and_keeps_its_reports() {
    let mut lab = Lab::start();
    let scenario = lab.scenario().display().to_string();
    lab.end();
    let called = call(&[("scenario", &scenario), ("args", "--only metrics::")]);
    assert_eq!(called.status, Some(2), "{}", called.said);
    assert!(called.summary.contains("metrics::anonymous_can_scrape"), "{}", called.summary);
    assert!(called.outputs.ends_with("status=2\n"), "{}", called.outputs);
    assert!(called.folder.path().join("reports/regproof.xml").is_file(), "{}", called.said);
}

#[test]
fn the_action_sends_nothing_without_the_program_the_version_and_the_scenario() {
    for (inputs, message) in [
        (("binary", "no-such-program"), "no no-such-program on this runner"),
        (("version", "99.0.0"), "not regproof 99.0.0"),
        (("scenario", "no-such-file.toml"), "no-such-file.toml"),
        // Neither is looked at by a shell.
        (("args", "$(touch made) ;touch made"), "error"),
        (("scenario", "--help"), "--help"),
    ] {
        let called = call(&[inputs]);
        assert_eq!(called.status, Some(3), "{inputs:?}: {}", called.said);
        assert!(called.said.contains(message), "{inputs:?}: {}", called.said);
        assert!(!called.folder.path().join("made").exists(), "{inputs:?}");
    }
}

#[test]
fn a_workflow_uses_the_action_and_its_outputs() {
    let test = "a_workflow_uses_the_action_and_its_outputs";
    let Some(act) = tool(test, "act") else { return };
    let lab = Lab::start();
    let deployment = Deployment::new();
    let shipped = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("action.yml"));
    deployment.add(".forgejo/actions/regproof/action.yml", &shipped.expect("the action is there"));
    let scenario = lab.scenario().display().to_string();
    let workflow = format!(
        "on: push
jobs:
  verify:
    runs-on: self-hosted
    steps:
      - uses: actions/checkout@v4
      - id: regproof
        uses: ./.forgejo/actions/regproof
        with:
          scenario: {scenario}
          args: '--only metrics::anonymous --no-skips'
      - uses: actions/upload-artifact@v3
        with:
          name: regproof
          path: ${{{{ steps.regproof.outputs.junit }}}}
"
    );
    deployment.add(".forgejo/workflows/deploy.yaml", &workflow);
    let done = deployment.run(&act, &lab, ".forgejo/workflows/deploy.yaml");
    assert!(done.status.success(), "{}", said(&done));
    let report = deployment.artifact().unwrap_or_else(|| panic!("no report was kept: {}", said(&done)));
    assert!(report.contains("anonymous_can_scrape"), "{report}");
}
