//! Reads JSON (RFC 8259) into a tree with places. Strict: no comments, no trailing comma, nothing after the value.

use crate::zot::tree::{Complaint, Entry, Node, Place, Value};

/// Deeper than any configuration, shallow enough that hostile nesting cannot end the process.
const DEEPEST: usize = 128;

pub(crate) fn parse(text: &str) -> Result<Node, Complaint> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader { rest: text.chars().peekable(), place: Place::START };
    reader.blank();
    let node = reader.value(0)?;
    reader.blank();
    match reader.rest.peek() {
        None => Ok(node),
        Some(extra) => Err(Complaint::new(reader.place, format!("unexpected `{extra}` after the end of the object"))),
    }
}

struct Reader<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    place: Place,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<char> {
        let next = self.rest.next()?;
        if next == '\n' {
            self.place = Place { line: self.place.line + 1, column: 1 };
        } else {
            self.place.column += 1;
        }
        Some(next)
    }

    fn blank(&mut self) {
        while self.rest.next_if(|next| matches!(next, ' ' | '\t' | '\r' | '\n')).map(|next| self.step(next)).is_some() {
        }
    }

    fn step(&mut self, taken: char) {
        if taken == '\n' {
            self.place = Place { line: self.place.line + 1, column: 1 };
        } else {
            self.place.column += 1;
        }
    }

    fn expect(&mut self, wanted: char, what: &str) -> Result<(), Complaint> {
        let place = self.place;
        match self.next() {
            Some(found) if found == wanted => Ok(()),
            Some(found) => Err(Complaint::new(place, format!("expected {what}, found `{found}`"))),
            None => Err(Complaint::new(place, format!("expected {what}, found the end of the file"))),
        }
    }

    fn value(&mut self, depth: usize) -> Result<Node, Complaint> {
        let place = self.place;
        if depth > DEEPEST {
            return Err(Complaint::new(place, format!("more than {DEEPEST} levels deep")));
        }
        let value = match self.rest.peek() {
            Some('{') => self.map(depth)?,
            Some('[') => self.list(depth)?,
            Some('"') => Value::Text(self.string()?),
            Some(_) => self.word()?,
            None => {
                return Err(Complaint::new(place, "expected a value, found the end of the file"));
            }
        };
        Ok(Node { place, value })
    }

    fn map(&mut self, depth: usize) -> Result<Value, Complaint> {
        self.next();
        let mut entries = Vec::new();
        self.blank();
        if self.rest.peek() == Some(&'}') {
            self.next();
            return Ok(Value::Map(entries));
        }
        loop {
            self.blank();
            let place = self.place;
            if self.rest.peek() != Some(&'"') {
                return Err(Complaint::new(place, "expected a key in double quotes"));
            }
            let key = self.string()?;
            self.blank();
            self.expect(':', "`:` after the key")?;
            self.blank();
            let node = self.value(depth + 1)?;
            entries.push(Entry { key, place, node });
            self.blank();
            let place = self.place;
            match self.next() {
                Some(',') => {}
                Some('}') => return Ok(Value::Map(entries)),
                Some(found) => {
                    return Err(Complaint::new(place, format!("expected `,` or `}}`, found `{found}`")));
                }
                None => return Err(Complaint::new(place, "an object is not closed")),
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value, Complaint> {
        self.next();
        let mut items = Vec::new();
        self.blank();
        if self.rest.peek() == Some(&']') {
            self.next();
            return Ok(Value::List(items));
        }
        loop {
            self.blank();
            items.push(self.value(depth + 1)?);
            self.blank();
            let place = self.place;
            match self.next() {
                Some(',') => {}
                Some(']') => return Ok(Value::List(items)),
                Some(found) => {
                    return Err(Complaint::new(place, format!("expected `,` or `]`, found `{found}`")));
                }
                None => return Err(Complaint::new(place, "a list is not closed")),
            }
        }
    }

    fn string(&mut self) -> Result<String, Complaint> {
        let opened = self.place;
        self.next();
        let mut text = String::new();
        loop {
            let place = self.place;
            match self.next() {
                Some('"') => return Ok(text),
                Some('\\') => text.push(self.escape(place)?),
                Some(control) if control < ' ' => {
                    return Err(Complaint::new(place, "a line break or control character inside a string"));
                }
                Some(plain) => text.push(plain),
                None => return Err(Complaint::new(opened, "a string is not closed")),
            }
        }
    }

    fn escape(&mut self, place: Place) -> Result<char, Complaint> {
        Ok(match self.next() {
            Some(same @ ('"' | '\\' | '/')) => same,
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => self.unicode(place)?,
            _ => return Err(Complaint::new(place, "unknown escape in a string")),
        })
    }

    /// A lone surrogate becomes U+FFFD, as Go's decoder has it.
    fn unicode(&mut self, place: Place) -> Result<char, Complaint> {
        let first = self.hex(place)?;
        if !(0xd800..0xdc00).contains(&first) {
            return Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let mut ahead = self.rest.clone();
        if ahead.next() != Some('\\') || ahead.next() != Some('u') {
            return Ok(char::REPLACEMENT_CHARACTER);
        }
        self.next();
        self.next();
        let second = self.hex(place)?;
        let code = 0x10000 + ((first - 0xd800) << 10) + second.wrapping_sub(0xdc00);
        let paired = (0xdc00..0xe000).contains(&second);
        Ok(if paired { char::from_u32(code) } else { None }.unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn hex(&mut self, place: Place) -> Result<u32, Complaint> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.next().and_then(|next| next.to_digit(16));
            code = code * 16 + digit.ok_or_else(|| Complaint::new(place, "`\\u` needs four hexadecimal digits"))?;
        }
        Ok(code)
    }

    fn word(&mut self) -> Result<Value, Complaint> {
        let place = self.place;
        let mut word = String::new();
        while let Some(next) =
            self.rest.next_if(|next| !next.is_whitespace() && !matches!(next, ',' | ':' | '{' | '}' | '[' | ']' | '"'))
        {
            self.step(next);
            word.push(next);
        }
        match word.as_str() {
            "null" => Ok(Value::Null),
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ if serde_json::from_str::<serde_json::Number>(&word).is_ok() => Ok(Value::Number(word)),
            "" => {
                let found = self.rest.peek().copied().unwrap_or(' ');
                Err(Complaint::new(place, format!("expected a value, found `{found}`")))
            }
            // The word is not shown: it may be a secret whose quotes were forgotten.
            _ => Err(Complaint::new(place, "expected a value, found a word without quotes")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(node: &Node) -> serde_json::Value {
        match &node.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Number(text) => serde_json::from_str(text).unwrap(),
            Value::Text(text) => text.clone().into(),
            Value::List(items) => items.iter().map(plain).collect(),
            Value::Map(entries) => entries
                .iter()
                .map(|entry| (entry.key.clone(), plain(&entry.node)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }

    #[test]
    fn every_value_knows_its_line_and_column() {
        let tree = parse("{\n  \"http\": {\"port\": \"5050\"}\n}").unwrap();
        let http = tree.get("HTTP").unwrap();
        assert_eq!(http.place, Place { line: 2, column: 3 });
        assert_eq!(http.node.get("port").unwrap().node.place, Place { line: 2, column: 20 });
    }

    #[test]
    fn errors_point_at_the_character() {
        let complaint = parse("{\n  \"a\": 1,\n}").unwrap_err();
        assert_eq!(complaint.place, Place { line: 3, column: 1 });
        for bad in ["", "{", "[1,]", "{\"a\" 1}", "nul", "01", "\"\\x\"", "{} {}", "\"a\nb\"", "[1", "\"\\u12\""] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(parse(&"[".repeat(100_000)).is_err());
    }

    proptest! {
        #[test]
        fn it_reads_what_serde_json_reads(text in r#"[\[\]{},:"a-c\\u0-9dDtruefalsn ]{0,24}"#) {
            let ours = parse(&text).ok().map(|node| plain(&node));
            let theirs = serde_json::from_str::<serde_json::Value>(&text).ok();
            // serde_json refuses lone surrogates; Go and we replace them.
            if !text.contains("\\u") {
                prop_assert_eq!(ours, theirs);
            }
        }

        #[test]
        fn it_reads_back_any_document(keys in proptest::collection::vec(".{0,6}", 0..5), texts in proptest::collection::vec(".{0,9}", 0..5)) {
            let map: serde_json::Map<_, _> = keys.into_iter().map(|key| (key, texts.clone().into())).collect();
            let document = serde_json::Value::from(map);
            let pretty = serde_json::to_string_pretty(&document).unwrap();
            prop_assert_eq!(plain(&parse(&pretty).unwrap()), document);
        }
    }
}
