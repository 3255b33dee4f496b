//! `can`: whether a client may do something in a repository, by the zot configuration alone. Sends nothing.

use std::path::Path;
use std::sync::Arc;

use super::policy::{config, wrapped};
use super::{Terminal, Trouble, prepare, show};
use crate::checks;
use crate::cli;
use crate::model::outcome::ExitStatus;
use crate::report::visible;
use crate::scenario::{self, Scenario, load};
use crate::zot::compare::{self, Answer, Name, Said};
use crate::zot::config::Config;
use crate::zot::policy::{Login, Who};

/// `can`.
pub(crate) fn can(args: &cli::Can, terminal: &Terminal) -> Result<ExitStatus, Trouble> {
    if !compare::is_name(&args.repository) {
        return Err(Trouble::usage(format_args!(
            "`{}` is no repository name: write lower-case letters, digits and `._-`, with `/` between parts",
            visible(&args.repository, 200)
        )));
    }
    let name = Name::read(&args.who);
    let (config, scenario) = read(args)?;
    let who = who(args, &name, &config, scenario.as_ref())?;
    let said = compare::ask(&config, &who, &args.repository, args.action);
    show(terminal, &text(args, &name, &config, &said))?;
    Ok(match said.answer {
        Answer::Yes => ExitStatus::Proven,
        Answer::No => ExitStatus::Broken,
        Answer::Depends(_) => ExitStatus::NotProven,
    })
}

/// The configuration that is named, or that of the scenario.
fn read(args: &cli::Can) -> Result<(Arc<Config>, Option<Scenario>), Trouble> {
    if let Some(file) = &args.zot_config {
        return Ok((Arc::new(config(file, &args.reading)?), None));
    }
    let file = args.scenario.clone().unwrap_or_else(prepare::usual);
    if args.reading.key.is_some() || args.reading.release.is_some() {
        let message = "--key and --release are for --zot-config; the scenario says both in [registry]";
        return Err(Trouble::usage(message));
    }
    let today = time::OffsetDateTime::now_utc().date();
    let loaded = load::read(&file, |id| checks::find(id).is_some(), today)?;
    match &loaded.scenario.config {
        Some(config) => Ok((Arc::clone(config), Some(loaded.scenario))),
        None => Err(without(&file)),
    }
}

fn without(file: &Path) -> Trouble {
    Trouble::usage(format_args!(
        "{} names no zot configuration; write `zot_config = \"config.json\"` in [registry], or use --zot-config FILE",
        file.display()
    ))
}

/// The client as the evaluator takes it.
fn who(args: &cli::Can, name: &Name, config: &Config, scenario: Option<&Scenario>) -> Result<Who, Trouble> {
    let mut groups = args.group.clone();
    let user = match name {
        Name::Anonymous if !groups.is_empty() => {
            return Err(Trouble::usage("--group is for a user; an anonymous client is in no group"));
        }
        Name::Anonymous => return Ok(Who::anonymous()),
        Name::User(user) | Name::Group(user) if user.is_empty() => {
            return Err(Trouble::usage("the name is empty; an anonymous client is written `anonymous`"));
        }
        Name::User(user) => user.as_str(),
        Name::Group(group) => {
            groups.push(group.clone());
            ""
        }
        Name::AnyUser => "",
    };
    let mut identities = scenario.iter().flat_map(|scenario| scenario.identities.values());
    let known = identities.find(|identity| identity.username == user && !user.is_empty());
    let known = scenario::who(known);
    groups.extend(known.groups);
    let login = args.login.map_or(known.login, Login::from);
    Ok(match user {
        "" => Who { groups, login, ..compare::any_user(config) },
        user => Who { name: user.to_owned(), groups, login },
    })
}

fn text(args: &cli::Can, name: &Name, config: &Config, said: &Said) -> String {
    let (who, action, repository) = (name.to_string(), args.action, &args.repository);
    let verb = match said.answer {
        Answer::Yes => "can",
        Answer::No => "cannot",
        Answer::Depends(_) => "can perhaps",
    };
    let place = if action.word() == "read" { String::new() } else { "in ".to_owned() };
    let mut text = format!("{}: {who} {verb} {action} {place}{repository}\n", said.word());
    let lines = [format!("because  {}", said.words), format!("line     {}:{}", config.file, said.place)];
    lines.iter().for_each(|line| text.push_str(&wrapped(line, "  ", "           ")));
    visible_lines(&text)
}

/// Each line with nothing that steers a terminal.
fn visible_lines(text: &str) -> String {
    text.lines().map(|line| format!("{}\n", visible(line, 4000))).collect()
}
