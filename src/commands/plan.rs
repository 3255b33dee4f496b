//! `plan`: what `run` would do with the same arguments, and what it would skip and why.
//!
//! Reads what `run` would read, secrets included, so that a scenario it accepts is one that runs. Sends nothing.

use super::{Terminal, Trouble, prepare, show};
use crate::cli;
use crate::outcome::ExitStatus;
use crate::plan::Plan;
use crate::target::Target;

/// `plan`.
pub(crate) fn plan(args: &cli::Plan, terminal: &Terminal) -> Result<ExitStatus, Trouble> {
    let scenario = args.scenario.clone().unwrap_or_else(prepare::usual);
    let (target, plan) = prepare::one(&scenario, &args.selection)?;
    show(terminal, &target.redactor().text(&table(&scenario.display().to_string(), &target, &plan)))?;
    Ok(if plan.runs() == 0 { ExitStatus::Nothing } else { ExitStatus::Proven })
}

fn table(file: &str, target: &Target, plan: &Plan) -> String {
    let scenario = target.scenario();
    let writes =
        plan.steps.iter().any(|step| step.skip.is_none() && step.check.meta.effect == crate::check::Effect::Writes);
    let writes = match &scenario.repositories.scratch {
        Some(scratch) if writes => {
            let removed = match scenario.remover() {
                Some(name) => format!("removed by identity `{name}`"),
                None => "left there, since no identity may delete".to_owned(),
            };
            format!("tags regproof-… in {scratch}, {removed}")
        }
        _ => "nothing".to_owned(),
    };
    let identities: Vec<&str> = scenario.identities.keys().map(String::as_str).collect();
    let mut lines = vec![
        format!("scenario    {} ({file})", scenario.name),
        format!("registry    {}", target.origin()),
        format!("effects     {}", target.effects()),
        format!("writes      {writes}"),
        format!("identities  {}", if identities.is_empty() { "none".to_owned() } else { identities.join(", ") }),
        String::new(),
    ];
    let width = plan.steps.iter().map(|step| step.check.id.len()).max().unwrap_or(0);
    for step in &plan.steps {
        let (word, about) = match (&step.skip, &step.waived) {
            (Some(reason), _) => ("SKIP", reason.clone()),
            (None, Some(waiver)) => ("RUN", format!("waived until {}: {}", waiver.until.0, waiver.reason)),
            (None, None) => ("RUN", String::new()),
        };
        let line = format!("{word:<4}  {:<width$}  {:<9}  {about}", step.check.id, step.check.meta.effect.to_string());
        lines.push(line.trim_end().to_owned());
    }
    lines.push(String::new());
    lines.push(format!("{} to run, {} skipped", plan.runs(), plan.steps.len() - plan.runs()));
    lines.join("\n") + "\n"
}
