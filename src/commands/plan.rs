//! `plan`: what `run` would do with the same arguments, and what it would skip and why.
//!
//! Reads what `run` would read, secrets included, so that a scenario it accepts is one that runs. Sends nothing.

use super::{Terminal, Trouble, prepare, show};
use crate::check::target::Target;
use crate::checks::CHECKS;
use crate::cli;
use crate::model::effect::{Effect, Need};
use crate::model::level::Setting;
use crate::model::outcome::ExitStatus;
use crate::report::output;
use crate::report::text::count;
use crate::run::plan::{Plan, Step};
use crate::run::promises;
use crate::run::requests;
use crate::scenario::coverage;
use crate::scenario::lock;
use crate::scenario::traps;
use crate::scenario::{Action, Scenario};
use crate::zot::lint;

/// `plan`.
pub(crate) fn plan(args: &cli::Plan, terminal: &Terminal) -> Result<ExitStatus, Trouble> {
    let scenario = args.scenario.clone().unwrap_or_else(prepare::usual);
    let (target, plan) = prepare::one(&scenario, &args.selection)?;
    let mut text = vec![
        table(&scenario.display().to_string(), &target, &plan),
        rights(target.scenario()),
        advice(target.scenario()),
        coverage::told(target.scenario()),
    ];
    text.push(agreed(&target, args.lock)?);
    if args.requests {
        text.push(requests::table(&plan, &target));
    }
    show(terminal, &target.redactor().text(&text.concat()))?;
    Ok(if plan.runs() == 0 { ExitStatus::Nothing } else { ExitStatus::Proven })
}

/// What differs from the promises that were agreed; with `write`, these are agreed from now on.
fn agreed(target: &Target, write: bool) -> Result<String, Trouble> {
    let scenario = target.scenario();
    let file = lock::path(&target.loaded);
    let shown = file.display();
    if scenario.agreed.is_none() && !write {
        return Ok(format!("\nthe promises have no lock: {}\n", lock::missing(scenario)));
    }
    let now = promises::now(scenario, CHECKS);
    let differences = scenario.agreed.as_ref().map(|agreed| lock::compare(agreed, &now));
    let mut text = match &differences {
        None => format!("\n{shown} is new\n"),
        Some(differences) if differences.is_empty() => format!("\nthe promises are those of {shown}\n"),
        Some(differences) => format!("\nnot as in {shown}: {}\n", count(differences.len(), "promise")),
    };
    for difference in differences.iter().flatten() {
        text.push_str(&format!(
            "\n{}\n    agreed: {}\n    now:    {}\n",
            difference.name, difference.agreed, difference.now
        ));
        if !difference.grounds.is_empty() {
            text.push_str(&format!("    by:     {}\n", difference.grounds));
        }
    }
    if write {
        output::write_atomically(&file, &now.lock.text(), target.redactor())
            .map_err(|error| Trouble::failed(format_args!("failed to {error}")))?;
        text.push_str(&format!("\nwritten: {shown}; commit it together with the scenario\n"));
    } else if differences.is_some_and(|differences| !differences.is_empty()) {
        text.push_str("\n`regproof plan --lock` agrees to them, after a review\n");
    }
    Ok(text)
}

fn table(file: &str, target: &Target, plan: &Plan) -> String {
    let scenario = target.scenario();
    // A login makes a session and no more, but zot takes the groups of a user from the last login.
    let logs_in = plan.steps.iter().any(|step| step.skip.is_none() && step.check.meta.needs.contains(&Need::Login));
    let identities: Vec<&str> = scenario.identities.keys().map(String::as_str).collect();
    let mut lines = vec![
        format!("scenario    {} ({file})", scenario.name),
        format!("registry    {}", target.origin()),
        format!("effects     {}", target.effects()),
        format!("writes      {}", writes(target, plan).join("; ")),
        format!("identities  {}", if identities.is_empty() { "none".to_owned() } else { identities.join(", ") }),
    ];
    if logs_in {
        let text = "as the user of [oidc] login; the registry keeps this login's groups for the user's API keys too";
        lines.push(format!("logs in     {text}"));
    }
    lines.push(String::new());
    let width = plan.steps.iter().map(|step| step.check.id.len()).max().unwrap_or(0);
    for step in &plan.steps {
        let (word, about) = match (&step.skip, &step.waived) {
            (Some(reason), _) => ("SKIP", reason.clone()),
            (None, Some(waiver)) => ("RUN", {
                let cells = waiver.cells.as_ref().map(|cells| format!(" ({})", cells.join(", ")));
                format!("waived until {}{}: {}", waiver.until.0, cells.unwrap_or_default(), waiver.reason)
            }),
            (None, None) => ("RUN", String::new()),
        };
        let line = format!("{word:<4}  {:<width$}  {:<9}  {about}", step.check.id, step.check.meta.effect.to_string());
        lines.push(line.trim_end().to_owned());
    }
    lines.push(String::new());
    lines.push(format!("{} to run, {} skipped", plan.runs(), plan.steps.len() - plan.runs()));
    lines.join("\n") + "\n"
}

/// What the run may make in the registry, each in a few words.
fn writes(target: &Target, plan: &Plan) -> Vec<String> {
    let scenario = target.scenario();
    let runs = |wanted: &dyn Fn(&Step) -> bool| plan.steps.iter().any(|step| step.skip.is_none() && wanted(step));
    let removed = match scenario.remover() {
        Some(name) => format!("removed by identity `{name}`"),
        None => "left there, since no identity may delete".to_owned(),
    };
    let mut all = Vec::new();
    if let Some(scratch) = &scenario.repositories.scratch {
        if runs(&|step| step.check.meta.effect == Effect::Writes) {
            let private = scenario.repositories.private_scratch.as_ref().map(|private| format!(" and {private}"));
            all.push(format!("tags regproof-… in {scratch}{}, {removed}", private.unwrap_or_default()));
        } else if requests::tries_oracles(plan, target) {
            all.push(format!(
                "nothing on zot; on another registry tags regproof-… and uploads in {scratch}, {removed}"
            ));
        }
    }
    if runs(&|step| step.check.id == "keys::lifecycle") {
        all.push("an API key, revoked at the end".to_owned());
    }
    // The registry keeps what it was asked for and fetched.
    if runs(&|step| step.check.id.starts_with("cache::")) {
        let images = scenario.cache.iter().flat_map(|cache| std::iter::once(&cache.image).chain(&cache.cold));
        let images: Vec<&str> = images.map(String::as_str).collect();
        all.push(format!("what the cache fetches for {}, kept by the registry", images.join(", ")));
    }
    if scenario.probes.litter
        && target.effects() == Effect::Writes
        && runs(&|step| step.check.id.starts_with("bypass::"))
    {
        all.push("empty repositories, as [probes] litter allows".to_owned());
    }
    if all.is_empty() {
        all.push("nothing".to_owned());
    }
    all
}

/// Who may do what by the promise, before anything is sent: what `access::permission_matrix` will ask.
fn rights(scenario: &Scenario) -> String {
    if !scenario.has_policy() {
        return String::new();
    }
    let declared = &scenario.repositories;
    let caches =
        scenario.cache.iter().filter_map(|cache| cache.image.rsplit_once(':')).map(|(name, _)| name.to_owned());
    let names = declared.scratch.iter().chain(&declared.public).chain(&declared.private).cloned();
    let mut repositories: Vec<String> = Vec::new();
    for name in names.chain(caches) {
        if !repositories.contains(&name) {
            repositories.push(name);
        }
    }
    let clients: Vec<Option<&str>> =
        std::iter::once(None).chain(scenario.identities.keys().map(|name| Some(name.as_str()))).collect();
    let width = repositories.iter().map(String::len).max().unwrap_or(0).max(10);
    let wide = clients.iter().flatten().map(|name| name.len()).max().unwrap_or(0).max(9);
    let by = scenario.config.as_ref().map_or("[access]", |config| config.file.as_str());
    let mut lines = vec![
        String::new(),
        format!("who may do what, by {by}; `access::permission_matrix` asks the live registry"),
        String::new(),
    ];
    lines.push(format!("{:<wide$}  {:<width$}  read  create  update  delete", "who", "repository"));
    for client in clients {
        for repository in &repositories {
            let word = |action| match scenario.promise(client, repository, action) {
                Some(true) => "yes",
                Some(false) => "-",
                None => "?",
            };
            lines.push(format!(
                "{:<wide$}  {repository:<width$}  {:<4}  {:<6}  {:<6}  {:<6}",
                client.unwrap_or("anonymous"),
                word(Action::Read),
                word(Action::Create),
                word(Action::Update),
                word(Action::Delete),
            ));
        }
    }
    lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// What an operator would not expect of the configuration, each with its line, what follows, and what to do.
fn advice(scenario: &Scenario) -> String {
    let Some(config) = &scenario.config else { return advice_on_access(scenario) };
    let release = scenario.registry.release.map(|release| release.0);
    let mut findings = lint::lint_beside(config, release, &scenario.beside());
    findings.retain(|finding| !matches!(scenario.levels.get(finding.id), Some(Setting::Off { .. })));
    findings.sort_by_key(|finding| (std::cmp::Reverse(finding.severity), finding.place));
    let dated = dated(scenario);
    if findings.is_empty() {
        return format!("\nnothing unexpected in the configuration\n{dated}");
    }
    let mut text =
        format!("\n{} in the configuration that an operator may not expect\n", count(findings.len(), "thing"));
    for finding in findings {
        let severity = finding.severity.word();
        text.push_str(&format!(
            "\n{}:{}  {}  ({severity})\n    {}\n    remedy: {}\n",
            config.file, finding.place, finding.id, finding.consequence, finding.remedy
        ));
        finding.fix.iter().for_each(|line| text.push_str(&format!("        {line}\n")));
    }
    text.push_str("\n`regproof explain lint::...` tells more of each\n");
    text + &dated
}

/// Lints that need to know the release, and are silent without it.
fn dated(scenario: &Scenario) -> String {
    let config = scenario.config.as_ref().filter(|_| scenario.registry.release.is_none());
    let Some(config) = config else { return String::new() };
    let on = |id: &str| !matches!(scenario.levels.get(id), Some(Setting::Off { .. }));
    let held = lint::held_back(config).into_iter().filter(|(id, _)| on(id));
    let held: Vec<String> = held.map(|(id, since)| format!("{id} (from {since} on)")).collect();
    if held.is_empty() {
        return String::new();
    }
    format!("\nwhere zot is that new: {}; `release` in [registry] says which it is\n", held.join(", "))
}

/// The same of `[access]`, where there is no configuration.
fn advice_on_access(scenario: &Scenario) -> String {
    let told = traps::of(scenario, None);
    told.iter()
        .map(|trap| format!("\n{}  {}\n    {}\n    remedy: {}\n", trap.place, trap.id, trap.consequence, trap.remedy))
        .collect()
}
