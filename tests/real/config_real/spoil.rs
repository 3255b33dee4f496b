//! Valid configurations, each spoilt at one place: the same ones for the same seed.

use serde_json::{Value, json};

/// One that was spoilt.
pub struct Spoilt {
    /// Its file's name.
    pub name: String,
    /// What was done to it.
    pub about: String,
    pub text: String,
}

/// xorshift64*: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(high).expect("31 bits fit") % bound.max(1)
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

/// A step into an object or a list.
#[derive(Clone, Debug)]
enum Step {
    Key(String),
    Item(usize),
}

fn paths(value: &Value, above: &[Step], all: &mut Vec<Vec<Step>>) {
    let mut below = |step: Step, inner: &Value| {
        let path = [above, &[step]].concat();
        paths(inner, &path, all);
        all.push(path);
    };
    match value {
        Value::Object(map) => map.iter().for_each(|(key, inner)| below(Step::Key(key.clone()), inner)),
        Value::Array(items) => items.iter().enumerate().for_each(|(index, inner)| below(Step::Item(index), inner)),
        _ => {}
    }
}

fn at<'a>(value: &'a mut Value, path: &[Step]) -> &'a mut Value {
    path.iter().fold(value, |value, step| match step {
        Step::Key(key) => &mut value[key.as_str()],
        Step::Item(index) => &mut value[index],
    })
}

fn shown(path: &[Step]) -> String {
    let step = |step: &Step| match step {
        Step::Key(key) => key.clone(),
        Step::Item(index) => index.to_string(),
    };
    path.iter().map(step).collect::<Vec<_>>().join(" > ")
}

/// Words that stand somewhere in a configuration, for a key that got into the wrong place.
const WORDS: &[&str] =
    &["enable", "address", "accessControl", "http", "storage", "path", "name", "users", "gc", "rate", "tls", "key"];

fn misspelt(key: &str, random: &mut Random) -> String {
    let mut letters: Vec<char> = key.chars().collect();
    let index = random.below(letters.len());
    match random.below(5) {
        0 if letters.len() > 1 => drop(letters.remove(index)),
        1 => letters.insert(index, letters.get(index).copied().unwrap_or('x')),
        2 if index + 1 < letters.len() => letters.swap(index, index + 1),
        3 => return key.to_uppercase(),
        _ => letters.insert(index, 'x'),
    }
    letters.into_iter().collect()
}

fn retyped(old: &Value, random: &mut Random) -> Value {
    let all = [
        json!(null),
        json!(true),
        json!(false),
        json!(0),
        json!(1),
        json!(-1),
        json!(2.5),
        json!(70000),
        json!(""),
        json!("x"),
        json!("true"),
        json!("T"),
        json!("7"),
        json!("0x10"),
        json!("10s"),
        json!("-10s"),
        json!("60"),
        json!("["),
        json!("("),
        json!("a{x}"),
        json!("22:00-06:00"),
        json!([]),
        json!([null]),
        json!(["x"]),
        json!([1, true]),
        json!([{}]),
        json!({}),
        json!({ "x": 1 }),
        json!([old]),
        json!({ "x": old }),
    ];
    random.pick(&all).clone()
}

/// Spoils one place; nothing where it would stay as it was.
fn spoil(value: &mut Value, path: &[Step], random: &mut Random) -> Option<String> {
    let (last, above) = path.split_last()?;
    let shown = shown(path);
    let Step::Key(key) = last else {
        let item = at(value, path);
        let new = retyped(item, random);
        let about = format!("{shown} becomes {new}");
        *item = new;
        return Some(about);
    };
    let parent = at(value, above).as_object_mut()?;
    match random.below(6) {
        0 => {
            parent.remove(key);
            Some(format!("{shown} dropped"))
        }
        1 | 2 => {
            let new = if random.below(3) == 0 { (*random.pick(WORDS)).to_owned() } else { misspelt(key, random) };
            // Two keys that differ in their case alone are one to zot, by chance either.
            if parent.keys().any(|other| other.eq_ignore_ascii_case(&new) && other != key) || new == *key {
                return None;
            }
            let old = parent.remove(key)?;
            parent.insert(new.clone(), old);
            Some(format!("{shown} renamed to {new}"))
        }
        _ => {
            let old = parent.get_mut(key)?;
            let new = retyped(old, random);
            let about = format!("{shown} becomes {new}");
            *old = new;
            Some(about)
        }
    }
}

pub fn spoilt(valid: &[(String, Value)], count: usize) -> Vec<Spoilt> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut all = Vec::new();
    while all.len() < count {
        let (base, config) = random.pick(valid);
        let mut config = config.clone();
        let mut places = Vec::new();
        paths(&config, &[], &mut places);
        let place = random.pick(&places).clone();
        let Some(about) = spoil(&mut config, &place, &mut random) else { continue };
        let (extension, text) = match random.below(4) {
            0 => ("yaml", serde_yaml_ng::to_string(&config).expect("JSON is YAML")),
            1 => match toml::to_string(&config) {
                Ok(text) => ("toml", text),
                Err(_) => ("json", config.to_string()),
            },
            _ => ("json", format!("{config:#}")),
        };
        all.push(Spoilt { name: format!("{base}.{extension}"), about, text });
    }
    all
}
