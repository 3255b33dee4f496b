//! The HTML report: one file for a browser, a phone and paper, in light and dark.
//!
//! No script, no link that leaves the page, nothing loaded: the page forbids it to itself by its content security policy.

mod markup;
mod sections;

use time::macros::format_description;

use self::markup::Page;
use crate::model::outcome::{Run, Summary};
use crate::report::text::{count, seconds};
use crate::report::{exit_status, registry_name, with_warnings};

const HEAD: &str = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
    <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:; \
    base-uri 'none'; form-action 'none'\">\n\
    <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
    <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n<title>";

/// The runs as one HTML page.
#[must_use]
pub fn html(runs: &[&Run]) -> String {
    let mut page = Page::default();
    let name = match runs {
        [run] => format!("{}: {}", run.scenario, headline(run)),
        runs => count(runs.len(), "run"),
    };
    page.raw(HEAD).text(&name).raw(" · regproof</title>\n<style>\n").raw(include_str!("html/style.css"));
    page.raw("</style>\n</head>\n<body>\n");
    if runs.len() != 1 {
        page.raw("<header class=\"all\"><h1>").text(&name).raw("</h1>\n<nav aria-label=\"Runs\"><ul>");
        for (at, run) in runs.iter().enumerate() {
            page.raw("<li><a href=\"#run-").text(&at.to_string()).raw("\">").text(&run.scenario).raw("</a> ");
            page.text(&headline(run)).raw("</li>");
        }
        page.raw("</ul></nav></header>\n");
    }
    page.raw("<main>\n");
    for (at, run) in runs.iter().enumerate() {
        whole_run(&mut page, at, run);
    }
    page.raw("</main>\n<footer><p>Made by regproof ").text(runs.first().map_or("", |run| run.version.as_str()));
    page.raw(
        ". Text from the registry is shown as it came, with invisible characters as escapes and secrets replaced.",
    );
    page.raw("</p></footer>\n</body>\n</html>\n");
    page.finish()
}

fn whole_run(page: &mut Page, at: usize, run: &Run) {
    let id = at.to_string();
    page.raw("<article class=\"run\" id=\"run-").text(&id).raw("\" aria-labelledby=\"run-").text(&id);
    page.raw("-name\">\n");
    banner(page, at, run);
    sections::first(page, at, run);
    sections::readable(page, run);
    sections::broken(page, at, run);
    sections::checklist(page, at, run);
    sections::tables(page, run);
    sections::timeline(page, run);
    sections::pictures(page, run);
    sections::leftovers(page, run);
    sections::notes(page, run);
    page.raw("</article>\n");
}

/// The result in one sentence, as the exit status has it.
fn headline(run: &Run) -> String {
    let total = run.summary();
    match run.exit_status(false).code() {
        0 => format!("{} proven{}", count(total.pass, "promise"), with_warnings(run)),
        1 => format!("{} broken", count(total.fail, "promise")),
        2 if run.interrupted.is_some() => "Stopped before everything was proven".to_owned(),
        2 => format!("{} not proven", count(total.error, "promise")),
        _ => "Nothing was checked".to_owned(),
    }
}

fn banner(page: &mut Page, at: usize, run: &Run) {
    page.raw(match run.exit_status(false).code() {
        0 => "<header class=\"banner pass\">",
        1 => "<header class=\"banner fail\">",
        2 => "<header class=\"banner error\">",
        _ => "<header class=\"banner skip\">",
    });
    page.raw("<p class=\"scenario\">").text(&run.scenario).raw("</p>\n<h1 id=\"run-").text(&at.to_string());
    page.raw("-name\">").text(&headline(run)).raw("</h1>\n");
    if let Some(why) = &run.interrupted {
        page.raw("<p class=\"stopped\">Stopped early: ").text(why).raw("</p>\n");
    }
    let began = run.started.format(format_description!(
        "[year]-[month]-[day] [hour]:[minute]:[second] [offset_hour sign:mandatory]:[offset_minute]"
    ));
    page.raw("<dl class=\"facts\">");
    for (label, text) in [
        ("Registry", run.target.as_str()),
        ("Says it is", &registry_name(&run.registry)),
        ("Began", &began.unwrap_or_default().replace("+00:00", "UTC")),
        ("Took", &seconds(run.duration)),
        ("Exit status", &exit_status(run)),
        ("regproof", &run.version),
    ] {
        page.raw("<div><dt>").text(label).raw("</dt><dd>").text(text).raw("</dd></div>");
    }
    page.raw("</dl>\n");
    counts(page, run.summary());
    page.raw("</header>\n");
}

fn counts(page: &mut Page, total: Summary) {
    page.raw("<ul class=\"counts\" aria-label=\"Verdicts\">");
    for (open, number, word) in [
        ("<li class=\"pass\">", total.pass, "passed"),
        ("<li class=\"fail\">", total.fail, "failed"),
        ("<li class=\"error\">", total.error, if total.error == 1 { "error" } else { "errors" }),
        ("<li class=\"warn\">", total.warn, if total.warn == 1 { "warning" } else { "warnings" }),
        ("<li class=\"skip\">", total.skip, "skipped"),
    ] {
        page.raw(if number == 0 { "<li class=\"none\">" } else { open })
            .raw("<strong>")
            .text(&number.to_string())
            .raw("</strong> ")
            .raw(word)
            .raw("</li>");
    }
    page.raw("</ul>\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::outcome::{Screenshot, Verdict};
    use crate::report::sample;
    use proptest::prelude::*;
    use regex::Regex;

    fn body(text: &str) -> &str {
        &text[text.find("<main>").unwrap()..]
    }

    #[test]
    fn the_page_looks_as_it_did() {
        sample::snapshot("html", body(&html(&[&sample::run()])));
    }

    #[test]
    fn the_page_loads_nothing_and_links_nowhere() {
        let run = sample::run();
        let text = html(&[&run, &run]);
        assert!(text.contains("default-src 'none'") && !text.contains("<script"));
        for attribute in Regex::new(r#"<[^>]*?\s(?:href|src)="([^"]*)""#).unwrap().captures_iter(&text) {
            assert!(
                attribute[1].starts_with('#') || attribute[1].starts_with("data:image/png;base64,"),
                "{attribute:?}"
            );
        }
        assert!(!Regex::new(r"url\(|@import|\son[a-z]+=").unwrap().is_match(&text[..text.find("<main>").unwrap()]));
    }

    #[test]
    fn every_anchor_is_there_once() {
        let run = sample::run();
        let text = html(&[&run, &run]);
        let ids: Vec<String> =
            Regex::new(r#" id="([^"]*)""#).unwrap().captures_iter(&text).map(|found| found[1].to_owned()).collect();
        let mut unique = ids.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(ids.len(), unique.len());
        for link in Regex::new(r##"(?:href="#|labelledby=")([^"]*)""##).unwrap().captures_iter(&text) {
            assert!(ids.contains(&link[1].to_owned()), "{link:?}");
        }
    }

    #[test]
    fn a_run_says_in_words_what_its_exit_status_says() {
        let mut run = sample::small();
        assert_eq!(headline(&run), "1 promise proven");
        run.outcomes[0].verdict = Verdict::Error;
        assert_eq!(headline(&run), "1 promise not proven");
        run.outcomes.clear();
        assert_eq!(headline(&run), "Nothing was checked");
        assert!(html(&[&run]).contains("Nothing was checked") && html(&[]).contains("0 runs"));
    }

    #[test]
    fn text_without_end_is_cut_and_a_picture_is_not() {
        let mut run = sample::run();
        let broken = run.outcomes.iter_mut().find(|outcome| outcome.finding.is_some()).unwrap();
        broken.finding.as_mut().unwrap().actual = "x".repeat(1 << 20);
        broken.screenshots = vec![Screenshot { name: "step".to_owned(), png: vec![0; 30_000] }];
        let text = html(&[&run]);
        assert!(text.contains("x [cut]") && text.contains(&format!("base64,{}\"", "A".repeat(40_000))));
        assert!(text.len() < 300_000, "{}", text.len());
    }

    proptest! {
        #[test]
        fn any_text_leaves_the_elements_as_they_are(text in "(<|>|&|\"|'|</script>|<!--|\\PC){1,40}") {
            let elements = |run: &Run| body(&html(&[run])).matches('<').count();
            let mut run = sample::run();
            let expected = elements(&run);
            run.outcomes[1].title = text.clone();
            run.outcomes[2].tables[0].rows[0][0].text = text.clone();
            run.target = text;
            prop_assert_eq!(elements(&run), expected);
        }
    }
}
