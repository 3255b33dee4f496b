//! Every request that a run may send, before it is sent: the rows of each check, filled in from the scenario.
//!
//! Pure. It fills in a row, and knows which requests write outside of the scratch repository. Each check
//! names its rows as `SENDS`. The guard decides what is sent at all.

use crate::check::facts::TRIED;
use crate::check::machine::no_browser;
use crate::check::target::Target;
use crate::checks::PROBES;
use crate::checks::REQUESTS;
use crate::kit::fingerprint::Asked;
use crate::kit::probe::{Impact, Principal, Probe};
use crate::kit::rows::FINGERPRINT;
use crate::kit::rows::{Sends, Who};
use crate::model::effect::Effect;
use crate::run::plan::Plan;
use crate::scenario::{Action, Cache, Scenario};

/// A row of one check with names and addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    check: &'static str,
    effect: Effect,
    methods: String,
    who: String,
    target: String,
}

/// The rows of a plan's checks, as text.
pub(crate) fn table(plan: &Plan, target: &Target) -> String {
    let (scenario, effects) = (target.scenario(), target.effects());
    let browser = no_browser(scenario, &target.machine).is_none();
    let mut lines = Vec::new();
    for row in FINGERPRINT {
        fill("(the run)", Effect::ReadOnly, row, scenario, &mut lines);
    }
    for step in plan.steps.iter().filter(|step| step.skip.is_none()) {
        let effect = step.check.meta.effect.min(effects);
        let rows = REQUESTS.iter().find(|(id, _)| *id == step.check.id).map_or(&[][..], |(_, rows)| *rows);
        for row in rows.iter().copied().flatten().filter(|row| browser || row.who != Who::Browser) {
            match row.trial {
                true if effects < Effect::Writes => {}
                true => fill(step.check.id, Effect::Writes, row, scenario, &mut lines),
                false => fill(step.check.id, effect, row, scenario, &mut lines),
            }
        }
        let probes = PROBES.iter().find(|(id, _)| *id == step.check.id).map_or(&[][..], |(_, probes)| *probes);
        for probe in probes.iter().filter(|probe| is_asked(probe, scenario, effect)) {
            for target in [Some(probe.shape.target), probe.shape.plain].into_iter().flatten() {
                let who = names_of(probe.who, scenario);
                // Cleared by the run, whatever else the check may send.
                let effect = if probe.shape.method == "OPTIONS" { effects } else { effect };
                add(step.check.id, effect, probe.shape.method, &who, &placeholders(target), scenario, &mut lines);
            }
        }
    }
    let mut seen: Vec<&Line> = Vec::new();
    for line in &lines {
        if !seen.contains(&line) {
            seen.push(line);
        }
    }
    let width = |of: fn(&Line) -> usize| seen.iter().map(|line| of(line)).max().unwrap_or(0);
    let (check, methods, who) = (width(|l| l.check.len()), width(|l| l.methods.len()), width(|l| l.who.len()));
    let mut text = format!(
        "\nwhat may be sent; <…> is known only while a check runs\n\n{:<9}  {:<methods$}  {:<who$}  {:<check$}  target\n",
        "effect", "method", "who", "check"
    );
    for line in &seen {
        let mark = if is_conditional(line) { "*" } else { "" };
        text.push_str(&format!(
            "{:<9}  {:<methods$}  {:<who$}  {:<check$}  {}\n",
            format!("{}{mark}", line.effect),
            line.methods,
            line.who,
            line.check,
            line.target
        ));
    }
    if seen.into_iter().any(is_conditional) {
        text.push_str(&format!("\n* {}\n", condition(target)));
    }
    text
}

/// Whether it is sent only where it was cleared: a permission oracle, or a method that is none of a read.
fn is_conditional(line: &Line) -> bool {
    line.effect == Effect::Oracle
}

/// Under which condition oracles are sent.
fn condition(target: &Target) -> String {
    let releases = TRIED.map(|release| release.to_string()).join(", ");
    let tried = match &target.scenario().repositories.scratch {
        Some(scratch) if target.effects() >= Effect::Writes => {
            format!("was refused in {scratch} before, or could not be tried there and the release is one of {releases}")
        }
        _ => format!("was tried by us on its release, which is one of {releases}"),
    };
    format!(
        "sent only if the registry is recognised as zot by two independent signs, and the same kind of request {tried}"
    )
}

/// Whether a run of this plan tries oracles in the scratch repository.
pub(crate) fn tries_oracles(plan: &Plan, target: &Target) -> bool {
    let rows = |id: &str| REQUESTS.iter().find(|(known, _)| *known == id).map_or(&[][..], |(_, rows)| *rows);
    let running = plan.steps.iter().filter(|step| step.skip.is_none());
    target.effects() >= Effect::Writes
        && running.into_iter().any(|step| rows(step.check.id).iter().copied().flatten().any(|row| row.trial))
}

fn is_asked(probe: &Probe, scenario: &Scenario, effect: Effect) -> bool {
    match probe.impact {
        Impact::Litters => scenario.probes.litter && effect >= Effect::Writes,
        Impact::Strains => scenario.probes.strain,
        Impact::Scratch => effect >= Effect::Writes,
        Impact::Oracle => effect >= Effect::Oracle,
        Impact::ReadOnly => true,
    }
}

fn fill(check: &'static str, effect: Effect, row: &Sends, scenario: &Scenario, lines: &mut Vec<Line>) {
    for target in filled(row.target, scenario) {
        let who = who(row.who, repository_of(&target), scenario);
        add(check, effect, row.methods, &who, &target, scenario, lines);
    }
}

/// The repository that a target is about.
fn repository_of(target: &str) -> Option<&str> {
    let rest = target.strip_prefix("/v2/")?;
    ["/manifests/", "/blobs/", "/tags/"].iter().find_map(|part| Some(rest.split_once(part)?.0))
}

fn add(
    check: &'static str,
    effect: Effect,
    methods: &str,
    who: &str,
    template: &str,
    scenario: &Scenario,
    lines: &mut Vec<Line>,
) {
    if who.is_empty() {
        return;
    }
    for target in filled(template, scenario) {
        // A write outside of the scratch repository can only be an oracle: the guard sends no other.
        let reads = methods.split(", ").all(|method| matches!(method, "GET" | "HEAD"));
        let scratch = scenario.repositories.scratch.as_ref();
        let own = target.starts_with("/zot/auth/")
            || [scratch, scenario.repositories.private_scratch.as_ref()]
                .into_iter()
                .flatten()
                .any(|scratch| target.starts_with(&format!("/v2/{scratch}/")));
        // What only reads sends no control of a write; it may end the session that it began.
        if effect == Effect::ReadOnly && !reads && target != "/zot/auth/logout" {
            continue;
        }
        let effect = match effect {
            _ if reads => Effect::ReadOnly,
            Effect::Writes if !own || methods == "OPTIONS" => Effect::Oracle,
            effect => effect,
        };
        lines.push(Line { check, effect, methods: methods.to_owned(), who: who.to_owned(), target });
    }
}

/// The names of those who send it; empty where the scenario has nobody for it.
fn who(who: Who, repository: Option<&str>, scenario: &Scenario) -> String {
    let identities: Vec<&str> = scenario.identities.keys().map(String::as_str).collect();
    let name = |name: Option<&str>| name.unwrap_or_default().to_owned();
    // Outside of the scratch repository: an identity that may do it there.
    let elsewhere = repository.filter(|name| scenario.repositories.scratch.as_deref() != Some(*name));
    let one = |action, usual| elsewhere.map_or(usual, |repository| scenario.one_who_may(action, repository));
    match who {
        Who::Anonymous => "anonymous".to_owned(),
        Who::Reader => name(repository.and_then(|repository| scenario.reader(repository)).or(Some("anonymous"))),
        Who::Writer => name(one(Action::Create, scenario.writer())),
        Who::Writers => scenario.writers().join(", "),
        Who::Mover => name(repository.and_then(|repository| scenario.one_who_may(Action::Update, repository))),
        Who::Creator => name(scenario.creator()),
        Who::Creators => scenario.creators().join(", "),
        Who::Login => name(scenario.anybody()),
        Who::Janitor => name(scenario.remover().or(scenario.writer()).or(Some("anonymous"))),
        Who::Remover => name(one(Action::Delete, scenario.remover())),
        Who::Identities => identities.join(", "),
        Who::Everyone => ["anonymous"].into_iter().chain(identities).collect::<Vec<_>>().join(", "),
        Who::Impostor => "wrong credentials".to_owned(),
        Who::Browser => "the browser".to_owned(),
        Who::OwnKey => "a key of this run".to_owned(),
        Who::Program(program) => program.to_owned(),
    }
}

fn names_of(principal: Principal, scenario: &Scenario) -> String {
    match principal {
        Principal::Anonymous => who(Who::Anonymous, None, scenario),
        Principal::Creator => scenario.probing_creator().unwrap_or_default().to_owned(),
        Principal::Reader => scenario.probing_reader().unwrap_or_default().to_owned(),
        // Who that is shows only in what the registry answers.
        Principal::Outsider => who(Who::Identities, None, scenario),
    }
}

/// A probe's template with what only a run knows written as in every other row.
fn placeholders(target: &str) -> String {
    let mut text = target.replace("sha256:{random}", "<digest>");
    for (from, to) in [
        ("{digest}", "<digest>"),
        ("{private_digest}", "<digest>"),
        ("{private_blob}", "<digest>"),
        ("{canary_digest}", "<digest>"),
        ("{canary_blob}", "<digest>"),
        ("{tag}", "<reference>"),
        ("{private_tag}", "<reference>"),
        ("{tag_encoded}", "<the same, encoded>"),
        ("{private_encoded}", "<the same, encoded>"),
        ("{private_slash}", "<the same, encoded>"),
        ("{private_part}", "<the same, in part>"),
        ("{uuid}", "<session>"),
        ("{random}", "<random>"),
        ("{long}", "<8 KiB>"),
        ("{user}", "<user>"),
        ("{other_user}", "<user>"),
    ] {
        text = text.replace(from, to);
    }
    text
}

/// The address of a cached image's repository at its upstream.
fn upstream_of(cache: &Cache) -> Option<String> {
    let url = cache.upstream.as_ref()?;
    let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
    Some(format!("{}://{host}/v2/{}", url.scheme(), cache.upstream_repository()?))
}

/// A template for each value of its placeholder; none where the scenario has no value.
fn filled(template: &str, scenario: &Scenario) -> Vec<String> {
    let declared = &scenario.repositories;
    let image_of = |image: &str| image.rsplit_once(':').map(|(name, _)| name.to_owned());
    let oidc = |value: fn(&crate::scenario::Oidc) -> &str| {
        scenario.oidc.iter().map(|oidc| value(oidc).trim_end_matches('/').to_owned()).collect::<Vec<_>>()
    };
    let host = scenario.registry.url[url::Position::BeforeHost..url::Position::AfterPort].to_owned();
    let metrics = scenario.metrics.as_ref().map_or("/metrics", |metrics| metrics.path.as_str()).to_owned();
    let readable: Vec<String> = declared.public.iter().chain(&declared.private).cloned().collect();
    let (mut bases, mirrored): (Vec<String>, Vec<String>) = scenario.mirrored_paths().into_iter().unzip();
    bases.dedup();
    let values: [(&str, Vec<String>); 17] = [
        ("{mirrored_name}", scenario.mirrored_names()),
        ("{mirror_base}", bases),
        ("{mirrored}", mirrored),
        ("{unknown}", vec![Asked::of(scenario).repository]),
        ("{scratch}", declared.scratch.iter().cloned().collect()),
        ("{canary}", declared.private_scratch.iter().cloned().collect()),
        ("{public}", declared.public.clone()),
        ("{private}", declared.private.clone()),
        ("{readable}", readable),
        ("{cache}", scenario.cache.iter().filter_map(|cache| image_of(&cache.image)).collect()),
        ("{cold}", scenario.cache.iter().filter_map(|cache| image_of(cache.cold.as_deref()?)).collect()),
        ("{upstream}", scenario.cache.iter().filter_map(upstream_of).collect()),
        ("{metrics}", vec![metrics]),
        ("{issuer}", oidc(|oidc| &oidc.issuer)),
        ("{provider}", oidc(|oidc| &oidc.provider)),
        ("{origin}", vec![format!("{}://{host}", scenario.registry.url.scheme())]),
        ("{host}", vec![host]),
    ];
    let mut all = vec![template.to_owned()];
    for (name, values) in &values {
        if template.contains(name) {
            all = all.iter().flat_map(|text| values.iter().map(|value| text.replace(name, value))).collect();
        }
    }
    all
}

#[cfg(test)]
mod tests;
