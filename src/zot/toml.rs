//! Reads TOML into the same tree as JSON, each key and value with its place.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::tree::{Complaint, Entry, Node, Place, Value};

pub(crate) fn parse(text: &str) -> Result<Node, Complaint> {
    let lines = Lines::new(text);
    let document = DeTable::parse(text).map_err(|error| {
        let place = error.span().map_or(Place::START, |span| lines.place(span.start));
        Complaint::new(place, error.message().to_owned())
    })?;
    Ok(Node { place: Place::START, value: table(document.get_ref(), &lines)? })
}

/// Where each line starts, so that a place is found without counting from the first one.
struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { text, starts }
    }

    fn place(&self, at: usize) -> Place {
        let at = self.text.floor_char_boundary(at.min(self.text.len()));
        let line = self.starts.partition_point(|start| *start <= at);
        let start = self.starts[line - 1];
        Place { line, column: self.text[start..at].chars().count() + 1 }
    }
}

fn table(table: &DeTable<'_>, lines: &Lines<'_>) -> Result<Value, Complaint> {
    let mut entries = Vec::new();
    for (key, value) in table {
        let place = lines.place(key.span().start);
        let node = Node { place: lines.place(value.span().start), value: self::value(value, lines)? };
        entries.push(Entry { key: key.get_ref().to_string(), place, node });
    }
    entries.sort_by_key(|entry| entry.place);
    Ok(Value::Map(entries))
}

fn value(value: &Spanned<DeValue<'_>>, lines: &Lines<'_>) -> Result<Value, Complaint> {
    Ok(match value.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => Value::Number(
            i64::from_str_radix(number.as_str(), number.radix())
                .map_or_else(|_| number.as_str().to_owned(), |number| number.to_string()),
        ),
        DeValue::Float(number) => Value::Number(number.as_str().to_owned()),
        DeValue::Boolean(value) => Value::Bool(*value),
        DeValue::Datetime(_) => {
            return Err(Complaint::new(lines.place(value.span().start), "no key of zot takes a date"));
        }
        DeValue::Array(items) => {
            let node = |item: &Spanned<DeValue<'_>>| {
                Ok(Node { place: lines.place(item.span().start), value: self::value(item, lines)? })
            };
            Value::List(items.iter().map(node).collect::<Result<_, _>>()?)
        }
        DeValue::Table(inner) => table(inner, lines)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_knows_its_line_and_column() {
        let tree = parse("[http]\nport = \"5050\"\n[http.auth.htpasswd]\npath = \"/x\"\n").unwrap();
        let http = &tree.get("HTTP").unwrap().node;
        assert_eq!(http.get("port").unwrap().node.place, Place { line: 2, column: 8 });
        let auth = &http.get("auth").unwrap().node;
        assert_eq!(auth.get("htpasswd").unwrap().node.get("path").unwrap().place, Place { line: 4, column: 1 });
    }

    #[test]
    fn errors_have_their_place() {
        assert_eq!(parse("a = 1\nb = [1\nc =\n").unwrap_err().place.line, 3);
        assert_eq!(parse("a = 1\na = 2\n").unwrap_err().place.line, 2);
        assert!(parse("a = 1979-05-27\n").unwrap_err().message.contains("date"));
    }
}
