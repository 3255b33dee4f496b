//! The string literals of a Rust source, as the compiler reads them, each with its line. Pure.
//!
//! Knows comments, characters, raw strings and strings of several lines; no other grammar.

/// A string literal.
#[derive(Debug, PartialEq, Eq)]
pub struct Literal {
    /// The line on which it begins, from 1.
    pub line: usize,
    pub text: String,
}

/// All string literals, in order.
pub fn literals(source: &str) -> Vec<Literal> {
    let mut scan = Scan { rest: source, line: 1 };
    let mut found = Vec::new();
    while let Some(first) = scan.rest.chars().next() {
        let line = scan.line;
        if scan.rest.starts_with("//") {
            scan.past("\n");
        } else if scan.rest.starts_with("/*") {
            scan.comment();
        } else if first == '"' {
            let text = scan.string();
            found.push(Literal { line, text });
        } else if first == '\'' {
            scan.character();
        } else if first.is_alphabetic() || first == '_' {
            let word = scan.word();
            found.extend(scan.raw(word).map(|text| Literal { line, text }));
        } else {
            scan.take(first.len_utf8());
        }
    }
    found
}

/// What is left of a source, and the line on which it begins.
struct Scan<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Scan<'a> {
    /// Takes the first bytes, and counts their lines.
    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken
    }

    /// Takes one character, if there is one.
    fn one(&mut self) -> Option<char> {
        let next = self.rest.chars().next()?;
        self.take(next.len_utf8());
        Some(next)
    }

    /// Takes everything up to an end, and the end too.
    fn past(&mut self, end: &str) -> &'a str {
        let bytes = self.rest.find(end).map_or(self.rest.len(), |at| at + end.len());
        self.take(bytes)
    }

    /// Takes an identifier, a keyword or the prefix of a literal.
    fn word(&mut self) -> &'a str {
        let end = self.rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
        self.take(end.unwrap_or(self.rest.len()))
    }

    /// Takes a comment between marks. Such comments may be nested.
    fn comment(&mut self) {
        let mut depth = 0_usize;
        while !self.rest.is_empty() {
            if self.rest.starts_with("/*") {
                depth += 1;
                self.take(2);
            } else if self.rest.starts_with("*/") {
                depth -= 1;
                self.take(2);
                if depth == 0 {
                    return;
                }
            } else {
                self.one();
            }
        }
    }

    /// Takes a character, or only the mark of a lifetime.
    fn character(&mut self) {
        self.take(1);
        if self.rest.starts_with('\\') {
            self.take(1);
            // What is escaped may be a quote.
            self.one();
            self.past("'");
            return;
        }
        let mut letters = self.rest.chars();
        if let (Some(letter), Some('\'')) = (letters.next(), letters.next()) {
            self.take(letter.len_utf8() + 1);
        }
    }

    /// Takes a string in double quotes.
    fn string(&mut self) -> String {
        let mut text = String::new();
        self.take(1);
        while let Some(next) = self.one() {
            match next {
                '"' => break,
                '\\' => self.escape(&mut text),
                other => text.push(other),
            }
        }
        text
    }

    /// Takes what follows a backslash. The end of a line and the blanks of the next stand for nothing.
    fn escape(&mut self, text: &mut String) {
        match self.one() {
            Some('\n') => {
                let blanks = self.rest.len() - self.rest.trim_start().len();
                self.take(blanks);
            }
            Some('n') => text.push('\n'),
            Some('t') => text.push('\t'),
            Some('u') => {
                self.past("}");
                text.push('?');
            }
            Some(other) => text.push(other),
            None => {}
        }
    }

    /// Takes a raw string, if the word before is its prefix.
    fn raw(&mut self, prefix: &str) -> Option<String> {
        if !["r", "br", "cr"].contains(&prefix) {
            return None;
        }
        let marks = self.rest.len() - self.rest.trim_start_matches('#').len();
        if !self.rest[marks..].starts_with('"') {
            return None;
        }
        let end = format!("\"{}", "#".repeat(marks));
        self.take(marks + 1);
        let text = self.past(&end);
        Some(text.strip_suffix(end.as_str()).unwrap_or(text).to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> Vec<(usize, String)> {
        literals(source).into_iter().map(|literal| (literal.line, literal.text)).collect()
    }

    #[test]
    fn a_string_of_several_lines_is_one_text() {
        let source = "const A: &str = \"one \\\n        two\";\nlet b = \"three\nfour\";\nlet c = \"five\";\n";
        let wanted = [(1, "one two"), (3, "three\nfour"), (5, "five")];
        assert_eq!(texts(source), wanted.map(|(line, text)| (line, text.to_owned())));
    }

    #[test]
    fn comments_characters_and_lifetimes_are_no_strings() {
        let source = "// \"a\"\n/* \"b\" /* \"c\" */ \"d\" */ let q: &'static str = \"e\"; ['\"', '\\'', '\"', '\\u{22}']; \"f\"";
        assert_eq!(texts(source), [(2, "e".to_owned()), (2, "f".to_owned())]);
    }

    #[test]
    fn raw_strings_and_escapes_are_read() {
        let source = "r#\"a \"b\" \\n\"#; r\"c\"; br\"d\"; r#type; bar; \"e\\\"f\\n\\t\\\\\\u{2026}\"";
        let wanted = ["a \"b\" \\n", "c", "d", "e\"f\n\t\\?"];
        assert_eq!(texts(source), wanted.map(|text| (1, text.to_owned())));
    }
}
