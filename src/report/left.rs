//! What a run left behind, in the words of a report. Pure.

use crate::model::outcome::{Leftover, Run};

/// What a run left in the registry; what others can read comes first.
pub(super) fn behind(run: &Run) -> Vec<&Leftover> {
    let mut left: Vec<&Leftover> = run.outcomes.iter().flat_map(|outcome| &outcome.leftovers).collect();
    left.sort_by_key(|one| one.readable_by.is_none());
    left
}

/// What of it others can read now: reports say it before anything else.
pub(super) fn readable(run: &Run) -> Vec<&Leftover> {
    behind(run).into_iter().filter(|one| one.readable_by.is_some()).collect()
}

/// One thing in a line: what, where, by whom, why, and who can read it.
pub(super) fn line(left: &Leftover) -> String {
    let Leftover { check, repository, reference, reason, readable_by } = left;
    let readers = readable_by.as_ref().map_or_else(String::new, |who| format!("; readable by {who}"));
    format!("{repository} {reference} by {check}: {reason}{readers}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{self, sample};

    #[test]
    fn what_others_can_read_comes_first_and_says_by_whom() {
        let mut run = sample::small();
        let left = |reference: &str, readable_by: Option<&str>| Leftover {
            check: "a::b".to_owned(),
            repository: "team/scratch".to_owned(),
            reference: reference.to_owned(),
            reason: "nobody may delete".to_owned(),
            readable_by: readable_by.map(str::to_owned),
        };
        run.outcomes.truncate(1);
        run.outcomes[0].leftovers = vec![left("hidden", None), left("shown", Some("anyone"))];
        let lines: Vec<String> = behind(&run).into_iter().map(line).collect();
        let expected = [
            "team/scratch shown by a::b: nobody may delete; readable by anyone",
            "team/scratch hidden by a::b: nobody may delete",
        ];
        assert_eq!(lines, expected);
        assert_eq!(readable(&run).len(), 1);
        let junit = report::junit(&[&run]).unwrap();
        let pretty = report::console(&[&run], report::Format::Pretty, false);
        for text in [pretty, report::markdown(&run), report::html(&[&run]), junit] {
            let shown = text.find("team/scratch shown");
            let hidden =
                ["hidden by", "hidden</td>", "scratch hidden"].into_iter().filter_map(|words| text.find(words)).min();
            assert!(shown.is_some() && shown < hidden, "{text}");
        }
    }
}
