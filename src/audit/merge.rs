//! Audits of the parts of a registry, joined to the one audit that they are. Pure.
//!
//! Refuses what the merge of runs refuses: a part that is missing or there twice, and parts of different audits.

use std::collections::BTreeSet;

use time::Duration;

use super::{Audit, MOST_KEPT};
use crate::run::merge::{MOST_APART, MergeError};

/// Reads the JSON report of one part; nothing if it is no report of an audit.
///
/// # Errors
/// If it is one, and not of a shape that this version reads.
pub(crate) fn read(file: &str, text: &str) -> Result<Option<Audit>, MergeError> {
    let unreadable = |reason: String| MergeError::Unreadable { file: file.to_owned(), reason };
    let value: serde_json::Value = serde_json::from_str(text).map_err(|error| unreadable(error.to_string()))?;
    if value.get("counts").is_none() || value.get("findings").is_none() {
        return Ok(None);
    }
    let audit: Audit = serde_json::from_value(value).map_err(|error| unreadable(error.to_string()))?;
    if audit.schema != 1 {
        return Err(unreadable(format!("its schema is {}, and this version reads 1", audit.schema)));
    }
    Ok(Some(audit))
}

/// Joins all parts of one audit.
///
/// # Errors
/// If the parts are not exactly all parts of the same audit.
pub(crate) fn merge(parts: Vec<(String, Audit)>) -> Result<Audit, MergeError> {
    let mut parts = parts.into_iter();
    let (file, mut whole) = parts.next().expect("a merge has a part");
    let share = whole.part.take().ok_or_else(|| MergeError::Whole(file.clone()))?;
    belong(&file, share, &whole)?;
    let mut seen = BTreeSet::from([share.index]);
    let end = |audit: &Audit| audit.started + Duration::seconds_f64(audit.seconds);
    let mut ended = end(&whole);
    for (file, audit) in parts {
        let part = audit.part.ok_or_else(|| MergeError::Whole(file.clone()))?;
        for (what, theirs, ours) in [
            ("version of regproof", audit.version.clone(), whole.version.clone()),
            ("scenario", audit.scenario.clone(), whole.scenario.clone()),
            ("registry", audit.target.clone(), whole.target.clone()),
            ("identity", audit.who.clone(), whole.who.clone()),
            ("selection of repositories", audit.patterns.join(", "), whole.patterns.join(", ")),
            ("depth", audit.deep.to_string(), whole.deep.to_string()),
            ("number of parts", part.of.to_string(), share.of.to_string()),
        ] {
            if theirs != ours {
                return Err(MergeError::Different { file, what, theirs, ours });
            }
        }
        if (audit.started - whole.started).abs() > MOST_APART {
            let (theirs, ours) = (audit.started.to_string(), whole.started.to_string());
            return Err(MergeError::Different { file, what: "time of the audit", theirs, ours });
        }
        if !seen.insert(part.index) {
            return Err(MergeError::Doubled { file, part: part.index, scenario: audit.scenario });
        }
        belong(&file, part, &audit)?;
        ended = ended.max(end(&audit));
        whole.started = whole.started.min(audit.started);
        whole.resumed += audit.resumed;
        whole.resumed_since = [whole.resumed_since, audit.resumed_since].into_iter().flatten().min();
        whole.interrupted = match (whole.interrupted.take(), audit.interrupted) {
            (Some(one), Some(two)) if one != two => Some(format!("{one}; {two}")),
            (one, two) => one.or(two),
        };
        whole.counts.add(&audit.counts);
        whole.findings.extend(audit.findings);
    }
    let missing: Vec<u64> = (1..=share.of).filter(|index| !seen.contains(index)).take(100).collect();
    if !missing.is_empty() {
        let missing = missing.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
        return Err(MergeError::Missing { scenario: whole.scenario, of: share.of, missing });
    }
    whole.findings.sort_by(|a, b| (&a.repository, &a.tag, &a.digest).cmp(&(&b.repository, &b.tag, &b.digest)));
    // What every part says about the whole registry is said once.
    whole.findings.dedup();
    whole.findings.truncate(MOST_KEPT);
    whole.seconds = (ended - whole.started).as_seconds_f64();
    Ok(whole)
}

/// Every repository has exactly one part that it can be in; what is in brackets is none.
fn belong(file: &str, part: crate::model::partition::Part, audit: &Audit) -> Result<(), MergeError> {
    let stray =
        audit.findings.iter().find(|found| !found.repository.starts_with('(') && !part.holds(&found.repository));
    match stray {
        None => Ok(()),
        Some(found) => Err(MergeError::Stray { file: file.to_owned(), id: found.repository.clone(), part: part.index }),
    }
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::super::{Counts, Found, json};
    use super::*;
    use crate::model::outcome::{ExitStatus, Verdict};
    use crate::model::partition::Part;

    fn part(index: u64) -> (String, Audit) {
        let part = Part { index, of: 2 };
        let repository = (0..).map(|n| format!("team/app{n}")).find(|name| part.holds(name)).unwrap();
        let found = Found {
            verdict: Verdict::Fail,
            repository,
            tag: "latest".to_owned(),
            digest: String::new(),
            expected: "a".to_owned(),
            actual: "b".to_owned(),
            cause: "c".to_owned(),
            remedy: "d".to_owned(),
        };
        let audit = Audit {
            schema: 1,
            version: "1.0.0".to_owned(),
            scenario: "s".to_owned(),
            target: "https://r.example.test/".to_owned(),
            who: "anonymous".to_owned(),
            deep: false,
            patterns: vec![],
            part: Some(part),
            started: OffsetDateTime::UNIX_EPOCH + Duration::seconds(index.try_into().unwrap()),
            seconds: 2.0,
            resumed: 0,
            resumed_since: None,
            interrupted: None,
            counts: Counts { repositories: 1, tags: index, broken: 1, ..Counts::default() },
            findings: vec![found],
        };
        (format!("part{index}"), audit)
    }

    #[test]
    fn two_parts_through_their_files_are_the_whole() {
        let parts = [2, 1].map(part).map(|(file, audit)| {
            let audit = read(&file, &json(&audit)).unwrap().unwrap();
            (file, audit)
        });
        let whole = merge(parts.into()).unwrap();
        assert_eq!((whole.counts.repositories, whole.counts.tags, whole.counts.broken), (2, 3, 2));
        assert_eq!((whole.findings.len(), whole.part, whole.exit_status()), (2, None, ExitStatus::Broken));
        assert!((whole.seconds - 3.0).abs() < 1e-9 && whole.started == part(1).1.started);
    }

    #[test]
    fn bad_parts_are_refused() {
        type Change = fn(&mut Vec<(String, Audit)>);
        let changes: [(&str, Change); 10] = [
            ("not there: 2", |parts| drop(parts.remove(1))),
            ("is there already", |parts| parts.push(parts[1].clone())),
            ("version of regproof", |parts| parts[1].1.version = "0.0.0".to_owned()),
            ("the registry is", |parts| parts[1].1.target = "http://another".to_owned()),
            ("the identity is", |parts| parts[1].1.who = "ci".to_owned()),
            ("the time of the audit is", |parts| parts[1].1.started += Duration::hours(7)),
            ("the depth is", |parts| parts[1].1.deep = true),
            ("the selection of repositories is", |parts| parts[1].1.patterns.push("a/*".to_owned())),
            ("not one of several", |parts| parts[0].1.part = None),
            ("does not belong", |parts| parts[0].1.findings[0].repository = parts[1].1.findings[0].repository.clone()),
        ];
        for (expected, change) in changes {
            let mut parts = vec![part(1), part(2)];
            change(&mut parts);
            let error = merge(parts).unwrap_err().to_string();
            assert!(error.contains(expected), "{expected}: {error}");
        }
        assert_eq!(read("part", "{\"schema\":1,\"outcomes\":[]}").unwrap().map(|_| ()), None);
        for text in ["", "{\"counts\":{},\"findings\":[]}", &json(&Audit { schema: 2, ..part(1).1 })] {
            assert!(matches!(read("part", text), Err(MergeError::Unreadable { .. })), "{text}");
        }
    }
}
