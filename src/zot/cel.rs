//! Conditions as zot compiles them when it starts (cel-go, `pkg/api/authz.go`): their syntax, and the names that they may use.
//!
//! Types are not computed, nor whether an expression holds. What the parser here does not know is taken for right.

use cel::{ParseErrors, Program};

/// Longer or deeper ones are not read: the parser calls itself for each level.
const LONGEST: usize = 1000;
const DEEPEST: usize = 40;

/// What zot declares, and the names with which functions of cel-go and its extensions begin.
const NAMES: &[&str] = &[
    "req",
    "optional",
    "sets",
    "base64",
    "strings",
    "google",
    "int",
    "uint",
    "double",
    "bool",
    "string",
    "bytes",
    "list",
    "map",
    "null_type",
    "type",
    "dyn",
    "duration",
    "timestamp",
];

/// The functions of cel-go's standard library and of its extensions for strings, sets, encoders and optional values.
const FUNCTIONS: &[&str] = &[
    "size",
    "startsWith",
    "endsWith",
    "contains",
    "matches",
    "int",
    "uint",
    "double",
    "string",
    "bytes",
    "bool",
    "duration",
    "timestamp",
    "type",
    "dyn",
    "getFullYear",
    "getMonth",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getHours",
    "getMinutes",
    "getSeconds",
    "getMilliseconds",
    "charAt",
    "indexOf",
    "lastIndexOf",
    "join",
    "lowerAscii",
    "upperAscii",
    "replace",
    "split",
    "substring",
    "trim",
    "format",
    "quote",
    "reverse",
    "equivalent",
    "intersects",
    "encode",
    "decode",
    "of",
    "none",
    "ofNonZeroValue",
    "or",
    "orValue",
    "value",
    "hasValue",
    "optMap",
    "optFlatMap",
];

/// Macros that bring names with them.
const BINDING: &[&str] = &[".all(", ".exists(", ".exists_one(", ".map(", ".filter(", ".optMap(", ".optFlatMap("];

/// Why zot does not take this expression, if that is certain.
pub(crate) fn fault(expression: &str) -> Option<String> {
    if !balanced(expression) {
        return Some("a bracket or a quote of this condition is not closed".to_owned());
    }
    if expression.len() > LONGEST || depth(expression) > DEEPEST {
        return None;
    }
    let program = match Program::compile(expression) {
        Ok(program) => program,
        Err(errors) => return syntax(&errors),
    };
    let used = program.references();
    let binds = BINDING.iter().any(|word| expression.contains(word));
    if let Some(name) = used.variables().into_iter().find(|name| !binds && !NAMES.contains(name)) {
        return Some(format!("zot has no `{name}` in conditions, only `req`, as in `req.reference == \"latest\"`"));
    }
    // Operators have names with signs.
    let named = |name: &&str| name.starts_with(char::is_alphabetic);
    let unknown = used.functions().into_iter().filter(named).find(|name| !FUNCTIONS.contains(name))?;
    Some(format!("conditions have no function `{unknown}`"))
}

/// The first error that is one of syntax. The parser does not know all of cel-go's language, and says so in other words.
fn syntax(errors: &ParseErrors) -> Option<String> {
    let error = errors.errors.first()?;
    let reason = error.msg.strip_prefix("Syntax error: ")?;
    let reason = reason.split(" expecting").next().unwrap_or(reason);
    let (line, column) = error.pos;
    let at = if line > 1 { format!("line {line}, character {column}") } else { format!("character {column}") };
    Some(format!("this condition is no CEL expression: {reason}, at its {at}"))
}

fn depth(expression: &str) -> usize {
    let (mut now, mut most) = (0_usize, 0);
    for next in expression.chars() {
        match next {
            '(' | '[' | '{' | '?' => now += 1,
            ')' | ']' | '}' => now = now.saturating_sub(1),
            _ => {}
        }
        most = most.max(now);
    }
    most
}

fn balanced(expression: &str) -> bool {
    let mut open = Vec::new();
    let mut rest = expression.chars();
    while let Some(next) = rest.next() {
        match next {
            '"' | '\'' => loop {
                match rest.next() {
                    Some('\\') => drop(rest.next()),
                    Some(end) if end == next => break,
                    Some(_) => {}
                    None => return false,
                }
            },
            '(' => open.push(')'),
            '[' => open.push(']'),
            '{' => open.push('}'),
            ')' | ']' | '}' if open.pop() != Some(next) => return false,
            _ => {}
        }
    }
    open.is_empty()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_zot_takes_is_taken_and_what_it_refuses_is_told() {
        for taken in [
            "req.reference == 'latest'",
            "req.repository.startsWith(\"team/\") && !(req.reference in ['latest', \"stable\"])",
            "req.tls.enabled ? req.userAgent.contains('docker') : false",
            "timestamp('2026-01-01T00:00:00Z') < req.time",
            "req.groups.exists(group, group == 'ci')",
            "sets.contains(req.groups, ['ci'])",
            "req.?claims.orValue('') == r'a\\d'",
            "size(req.groups) > 1u // more than one",
            "has(req.claims) && {'a': 1}['a'] == 1",
            "true",
        ] {
            assert_eq!(fault(taken), None, "{taken}");
        }
        for (refused, says) in [
            ("(true", "not closed"),
            ("req.reference ==", "no CEL expression: mismatched input '<EOF>', at its character 17"),
            ("req.reference = 'a'", "no CEL expression"),
            ("true and false", "no CEL expression"),
            ("true &&\n|| false", "at its line 2, character 1"),
            ("request.reference == 'a'", "no `request` in conditions, only `req`"),
            ("startsWith(reference, 'v')", "no `reference`"),
            ("req.reference.beginsWith('v')", "no function `beginsWith`"),
        ] {
            let why = fault(refused).unwrap_or_default();
            assert!(why.contains(says), "{refused}: {why}");
        }
    }

    #[test]
    fn what_is_too_long_or_too_deep_is_not_read() {
        for deep in ["(".repeat(5000) + "1" + &")".repeat(5000), "a?b:".repeat(5000) + "c", "!".repeat(5000) + "a"] {
            assert_eq!(fault(&deep), None);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn no_expression_panics(text in "[ -~]{0,60}|[a-z.()'\"\\[\\]{}?:=!&|<>0-9 ,+-]{0,80}|\\PC{0,20}") {
            fault(&text);
        }
    }
}
