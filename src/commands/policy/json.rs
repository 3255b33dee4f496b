//! The difference of two configurations for programs. Its keys are described in the book, in `policy.md`.

use serde_json::{Value, json};

use crate::zot::compare::{Comparison, Door, Entry, Kind, Said, Setting, entries};
use crate::zot::config::Config;
use crate::zot::policy::{Action, Login};
use crate::zot::tree::Place;

/// The version of this format.
const SCHEMA: u32 = 1;

pub(super) fn json(comparison: &Comparison<'_>) -> String {
    let value = json!({
        "schema": SCHEMA,
        "old": comparison.old.file,
        "new": comparison.new.file,
        "gains": comparison.gains(),
        "changes": entries(comparison).iter().map(|entry| change(comparison, entry)).collect::<Vec<_>>(),
        "doors": comparison.doors.iter().map(|one| door(comparison, one)).collect::<Vec<_>>(),
        "settings": comparison.settings.iter().map(|one| setting(comparison, one)).collect::<Vec<_>>(),
        "not_compared": comparison.notes,
    });
    format!("{value:#}\n")
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Gain => "gain",
        Kind::PossibleGain => "possible-gain",
        Kind::Loss => "loss",
        Kind::PossibleLoss => "possible-loss",
    }
}

fn change(comparison: &Comparison<'_>, entry: &Entry) -> Value {
    let person = |number: usize| comparison.people.get(number);
    let login = person(entry.person).and_then(|person| person.login).map(|login| match login {
        Login::Own => "password",
        Login::OpenId => "openid",
        Login::Key => "api-key",
    });
    let mut also: Vec<String> =
        entry.also.iter().filter_map(|number| person(*number)).map(|person| person.name.written()).collect();
    also.dedup();
    let regions = entry.regions.iter().filter_map(|number| comparison.regions.get(*number));
    let places: Vec<Value> = regions
        .map(|region| {
            let (old, new) = comparison.patterns(region);
            json!({ "old": old, "new": new, "example": region.witness })
        })
        .collect();
    json!({
        "who": person(entry.person).map(|person| person.name.written()),
        "login": login,
        "kind": word(entry.kind),
        "allowed": entry.allowed,
        "actions": entry.actions.iter().map(|action: &Action| action.word()).collect::<Vec<_>>(),
        "places": places,
        "before": said(comparison.old, &entry.before),
        "after": said(comparison.new, &entry.after),
        "also": also,
    })
}

fn at(config: &Config, place: Option<Place>) -> Option<String> {
    place.map(|place| format!("{}:{place}", config.file))
}

fn said(config: &Config, said: &Said) -> Value {
    json!({ "answer": said.word(), "because": said.words, "line": at(config, Some(said.place)) })
}

fn says(config: &Config, (says, place): &(String, Option<Place>)) -> Value {
    json!({ "says": says, "line": at(config, *place) })
}

fn door(comparison: &Comparison<'_>, door: &Door) -> Value {
    json!({
        "who": door.name.written(),
        "action": door.action,
        "door": door.door,
        "kind": word(door.kind),
        "allowed": door.allowed,
        "before": says(comparison.old, &door.before),
        "after": says(comparison.new, &door.after),
    })
}

fn setting(comparison: &Comparison<'_>, setting: &Setting) -> Value {
    json!({
        "what": setting.what,
        "before": says(comparison.old, &setting.before),
        "after": says(comparison.new, &setting.after),
    })
}
