//! The difference of two configurations in words: for people, and for a review comment. Pure.
//!
//! Every text may come from a file of another author, so none may steer a terminal or a page.

use crate::report::{code, visible};
use crate::zot::compare::{Comparison, Door, Entry, Kind, LOG_IN, Region, Said, entries};
use crate::zot::config::Config;
use crate::zot::tree::Place;

/// The columns of the text.
const WIDTH: usize = 80;
/// More places of one change are only counted.
const PLACES: usize = 5;
/// More clients for which it follows are only counted.
const ALSO: usize = 8;

/// A change of rights as both texts show it.
struct Item {
    kind: Kind,
    allowed: bool,
    who: String,
    /// As `update, delete`, or `log-in by`.
    what: String,
    /// By which door, or of what.
    door: String,
    wheres: Vec<String>,
    /// The same with its examples apart, for Markdown.
    marked: Vec<String>,
    before: (String, String),
    after: (String, String),
    also: String,
}

/// For people, in at most 80 columns where words allow it.
pub(super) fn text(comparison: &Comparison<'_>) -> String {
    let items = items(comparison);
    let mut text =
        wrapped(&format!("{}, from {} to {}", summary(&items), comparison.old.file, comparison.new.file), "", "  ");
    for item in &items {
        let allowed = if item.allowed { " (allowed)" } else { "" };
        text.push('\n');
        let door = if item.door.is_empty() { String::new() } else { format!(" {}", item.door) };
        text.push_str(&wrapped(&format!("{} {} {}{door}{allowed}", item.who, verb(item.kind), item.what), "", "  "));
        for (index, place) in item.wheres.iter().enumerate() {
            text.push_str(&labelled(if index == 0 { "where" } else { "" }, place));
        }
        for (label, (says, line)) in [("before", &item.before), ("after", &item.after)] {
            text.push_str(&labelled(label, says));
            if !line.is_empty() {
                text.push_str(&labelled("", line));
            }
        }
        if !item.also.is_empty() {
            text.push_str(&labelled("also", &item.also));
        }
    }
    for setting in &comparison.settings {
        text.push_str(&format!("\nsetting: {}\n", setting.what));
        text.push_str(&labelled("before", &setting_says(comparison.old, &setting.before)));
        text.push_str(&labelled("after", &setting_says(comparison.new, &setting.after)));
    }
    if !comparison.notes.is_empty() {
        text.push('\n');
    }
    comparison.notes.iter().for_each(|note| text.push_str(&wrapped(&format!("note: {note}"), "", "  ")));
    text
}

fn labelled(label: &str, text: &str) -> String {
    wrapped(text, &format!("  {label:<8}"), "          ")
}

/// A text over as many lines as it needs, and safe for a terminal. A word that is longer than a line stays whole.
pub(crate) fn wrapped(text: &str, first: &str, others: &str) -> String {
    let text = visible(text, 4000);
    let options = textwrap::Options::new(WIDTH).break_words(false).initial_indent(first).subsequent_indent(others);
    let options = options.word_splitter(textwrap::WordSplitter::NoHyphenation);
    textwrap::wrap(&text, options).iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// For a review comment.
pub(super) fn markdown(comparison: &Comparison<'_>) -> String {
    let items = items(comparison);
    let mut text = format!("### Access: {}\n", summary(&items));
    text.push_str(&format!("\nFrom {} to {}.\n", code(&comparison.old.file), code(&comparison.new.file)));
    for (title, gains, allowed) in
        [("Gained", true, false), ("Gained, and allowed", true, true), ("Lost", false, false)]
    {
        let belongs = |item: &&Item| item.kind.is_gain() == gains && item.allowed == allowed;
        let items: Vec<&Item> = items.iter().filter(belongs).collect();
        if !items.is_empty() {
            text.push_str(&format!("\n**{title}**\n\n"));
        }
        items.iter().for_each(|item| text.push_str(&marked(item)));
    }
    if !comparison.settings.is_empty() || !comparison.notes.is_empty() {
        text.push_str("\n**Besides**\n\n");
    }
    for setting in &comparison.settings {
        let before = code(&setting_says(comparison.old, &setting.before));
        text.push_str(&format!(
            "- {}: {before}, now {}\n",
            setting.what,
            code(&setting_says(comparison.new, &setting.after))
        ));
    }
    comparison.notes.iter().for_each(|note| text.push_str(&format!("- not compared: {}\n", code(note))));
    text
}

fn marked(item: &Item) -> String {
    let place = if item.marked.is_empty() { String::new() } else { format!(" in {}", item.marked.join("; ")) };
    let door = if item.door.is_empty() { String::new() } else { format!(" {}", code(&item.door)) };
    let mut text = format!("- {} {} **{}**{door}{place}\n", code(&item.who), verb(item.kind), item.what);
    for (label, (says, line)) in [("before", &item.before), ("after", &item.after)] {
        let line = if line.is_empty() { String::new() } else { format!(", {}", code(line)) };
        text.push_str(&format!("  - {label}: {}{line}\n", code(says)));
    }
    if !item.also.is_empty() {
        text.push_str(&format!("  - also: {}\n", code(&item.also)));
    }
    text
}

fn verb(kind: Kind) -> &'static str {
    match kind {
        Kind::Gain => "gains",
        Kind::PossibleGain => "may gain",
        Kind::Loss => "loses",
        Kind::PossibleLoss => "may lose",
    }
}

/// As `2 gains, 1 of them allowed, and 1 loss`.
fn summary(items: &[Item]) -> String {
    let count = |count: usize, word: &str, words: &str| match count {
        0 => format!("no {word}"),
        1 => format!("1 {word}"),
        count => format!("{count} {words}"),
    };
    let gains = items.iter().filter(|item| item.kind.is_gain()).count();
    let allowed = items.iter().filter(|item| item.kind.is_gain() && item.allowed).count();
    let allowed = if allowed == 0 { String::new() } else { format!(" ({allowed} allowed)") };
    format!("{}{allowed}, {}", count(gains, "gain", "gains"), count(items.len() - gains, "loss", "losses"))
}

fn items(comparison: &Comparison<'_>) -> Vec<Item> {
    let mut items: Vec<Item> = entries(comparison).iter().map(|entry| of_entry(comparison, entry)).collect();
    items.extend(comparison.doors.iter().map(|door| of_door(comparison, door)));
    items.sort_by_key(|item| (item.allowed, item.kind));
    items
}

fn line(config: &Config, place: Option<Place>) -> String {
    place.map_or_else(String::new, |place| format!("{}:{place}", config.file))
}

fn of_entry(comparison: &Comparison<'_>, entry: &Entry) -> Item {
    let person = |number: &usize| comparison.people.get(*number).map(ToString::to_string);
    let actions: Vec<&str> = entry.actions.iter().map(|action| action.word()).collect();
    let regions: Vec<&Region> = entry.regions.iter().filter_map(|number| comparison.regions.get(*number)).collect();
    let shown = regions.iter().take(PLACES);
    let mut wheres: Vec<String> = shown.clone().map(|region| place(comparison, region, ToOwned::to_owned)).collect();
    let mut marked: Vec<String> = shown.map(|region| place(comparison, region, code)).collect();
    let left = regions.len().saturating_sub(PLACES);
    if left > 0 {
        let more = format!("{left} more places; `--format json` lists them");
        wheres.push(more.clone());
        marked.push(more);
    }
    let mut also: Vec<String> = entry.also.iter().filter_map(person).take(ALSO).collect();
    if entry.also.len() > ALSO {
        also.push(format!("{} more", entry.also.len() - ALSO));
    }
    let said = |said: &Said| format!("{}: {}", said.word(), said.words);
    Item {
        kind: entry.kind,
        allowed: entry.allowed,
        who: person(&entry.person).unwrap_or_default(),
        what: actions.join(", "),
        door: String::new(),
        wheres,
        marked,
        before: (said(&entry.before), line(comparison.old, Some(entry.before.place))),
        after: (said(&entry.after), line(comparison.new, Some(entry.after.place))),
        also: also.join(", "),
    }
}

/// Which patterns decide about these names, and one of the names.
fn place(comparison: &Comparison<'_>, region: &Region, quoted: fn(&str) -> String) -> String {
    let (old, new) = comparison.patterns(region);
    let words = |patterns: &[&str]| match patterns {
        [] => "no pattern".to_owned(),
        patterns => patterns.iter().map(|pattern| quoted(pattern)).collect::<Vec<_>>().join(" and "),
    };
    let before = if old == new { String::new() } else { format!(" (before: {})", words(&old)) };
    format!("{}{before}, for example {}", words(&new), quoted(&region.witness))
}

fn of_door(comparison: &Comparison<'_>, door: &Door) -> Item {
    let says = |config: &Config, (says, place): &(String, Option<Place>)| (says.clone(), line(config, *place));
    Item {
        kind: door.kind,
        allowed: door.allowed,
        who: door.name.to_string(),
        what: format!("{} {}", door.action, if door.action == LOG_IN { "by" } else { "of" }),
        door: door.door.clone(),
        wheres: vec![],
        marked: vec![],
        before: says(comparison.old, &door.before),
        after: says(comparison.new, &door.after),
        also: String::new(),
    }
}

fn setting_says(config: &Config, (says, place): &(String, Option<Place>)) -> String {
    place.map_or_else(|| says.clone(), |place| format!("{says} ({}:{place})", config.file))
}
