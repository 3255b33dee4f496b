//! What `plan --requests` printed, read as an operator could read it, and whether an exchange of a report is in it.

use regex::Regex;
use serde_json::Value;

/// A line that was printed.
pub struct Line {
    pub methods: Vec<String>,
    pub who: Vec<String>,
    pub check: String,
    pub target: Regex,
}

/// What stands for a value that only a run knows, as what it may stand for.
fn pattern(target: &str) -> Regex {
    // The report hides whatever looks like a code of a login.
    let code = Regex::new(r"\bcode=[^&<]+").expect("the pattern is valid");
    let target = code.replace(target, "code=<code>");
    let mut pattern = String::from("^");
    let mut rest = &*target;
    while let Some((before, (name, after))) =
        rest.split_once('<').and_then(|(before, rest)| Some((before, rest.split_once('>')?)))
    {
        pattern.push_str(&regex::escape(before));
        pattern.push_str(match name {
            "digest" => "sha(256|512):[0-9a-f]{64,128}",
            "reference" => "[A-Za-z0-9_][A-Za-z0-9_.:-]{0,134}",
            "own tag or digest" => "(regproof-[A-Za-z0-9_.-]+|sha256:[0-9a-f]{64})",
            "session" => "[A-Za-z0-9_-]{8,64}",
            "query" => r"(\?\S*)?",
            "repository" => "[a-z0-9._/-]+",
            "random" | "user" | "8 KiB" => "[^/?]+",
            "code" => "[^&]+",
            "the same, encoded" => "[A-Za-z0-9._/%-]+",
            "the same, in part" => "[A-Za-z0-9._/-]+",
            // Wherever the registry or the provider leads.
            "pages of the registry that a login leads to"
            | "pages of the provider's login"
            | "where the issuer's discovery document points for its keys" => ".+",
            // What stays at the registry has a row of its own.
            "where a redirect of a blob leads" => "https?://.+",
            upstream if upstream.starts_with("where the upstream ") => ".+",
            other => panic!("this test does not know what <{other}> stands for"),
        });
        rest = after;
    }
    Regex::new(&format!("{pattern}{}$", regex::escape(rest))).expect("the pattern is valid")
}

/// The lines of the table.
pub fn printed(plan: &str) -> Vec<Line> {
    let columns = Regex::new(r"\s{2,}").expect("the pattern is valid");
    let table = plan.split("what may be sent").nth(1).expect("the table is printed");
    let rows = table
        .lines()
        .skip(3)
        .take_while(|line| !line.is_empty())
        .map(|line| columns.splitn(line, 5).collect::<Vec<_>>());
    let words = |text: &str| text.split(", ").map(str::to_owned).collect();
    rows.map(|row| Line {
        methods: words(row[1]),
        who: words(row[2]),
        check: row[3].to_owned(),
        target: pattern(row[4]),
    })
    .collect()
}

/// Whether one of a check's lines is this exchange.
pub fn is_printed(lines: &[Line], check: &str, exchange: &Value, origins: &[String]) -> bool {
    let text = |name: &str| exchange[name].as_str().unwrap_or_default();
    let url = origins.iter().find_map(|origin| text("url").strip_prefix(origin.as_str())).unwrap_or(text("url"));
    // The browser's steps and a client's command line are not requests; they have separate lines.
    let (method, url) = match text("method") {
        "RUN" => return lines.iter().any(|line| line.check == check && line.who == [text("who")]),
        "OPEN" => ("GET", url),
        "LOG IN" | "ARRIVE" => return lines.iter().any(|line| line.check == check && line.who == ["the browser"]),
        method => (method, url),
    };
    let who = text("who").trim_end_matches(", behind the proxy").trim_end_matches(", over HTTP/2");
    let who = match who {
        "an unknown key" | "another user's name with this key" | "an empty password" => "wrong credentials",
        who if who.contains(" with the key of ") => "wrong credentials",
        who if who.ends_with(" without credentials") => "anonymous",
        who => who,
    };
    lines.iter().any(|line| {
        line.check == check
            && line.methods.iter().any(|known| known == method)
            && line.who.iter().any(|known| known == who)
            && line.target.is_match(url)
    })
}
