//! The HTML report as a reader has it: a clean, a failed and a hostile run in a real Chromium, on a phone and on a wide
//! screen, in light and dark, on paper. axe finds nothing, nothing is loaded, no text is executed.
//!
//! The pictures of every look stay in the folder that Cargo gives to tests, for a developer who changes the page's look.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test by panicking")]

mod browser;
mod hostile;
mod judge;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use self::browser::{Browser, Look};
use crate::support;
use crate::support::http::block_on;
use regproof::lab::{Lab, Options, Weakness};

const WIDTHS: [u32; 2] = [390, 1280];

/// What is left of a sheet of A4 between its margins.
const PAPER: u32 = 717;

/// A script that opens those folded parts of the page for which this holds.
fn unfold(condition: &str) -> String {
    format!("for (const folded of document.querySelectorAll('details')) folded.open = {condition}")
}

/// What `regproof run --html` writes about a lab with these weaknesses, with a browser, so that it has pictures.
fn report_on(weaknesses: &[Weakness], status: i32, folder: &Path) -> PathBuf {
    let options = Options { weaknesses: weaknesses.iter().copied().collect::<BTreeSet<_>>(), ..Options::default() };
    let lab = block_on(Lab::start(options)).unwrap();
    let (scenario, file) = (lab.write_scenario(folder).unwrap(), folder.join("report.html"));
    // Several browsers at once take long to start on a small machine.
    let text = fs::read_to_string(&scenario).unwrap().replace("deadline = \"60s\"", "deadline = \"600s\"");
    fs::write(&scenario, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_regproof"));
    // Client programs show nothing in the page that other checks do not, and take their time.
    let shown = ["access", "registry", "oidc", "metrics", "publish::existing", "publish::api", "keys", "bypass"];
    command.arg("run").args(shown.map(|prefix| format!("--only={prefix}"))).arg("--html");
    let ended = support::process::run_within(command.arg(&file).arg(&scenario), std::time::Duration::from_secs(1200));
    assert_eq!(ended.status.code(), Some(status), "{ended:?}");
    file
}

fn written(folder: &Path, text: &str) -> PathBuf {
    let file = folder.join("page.html");
    fs::write(&file, text).unwrap();
    file
}

/// Looks at a page in every way; nothing may be wrong in any.
fn is_good(browser: &Browser, axe: &str, name: &str, file: &Path) {
    let pictures = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report_page");
    fs::create_dir_all(&pictures).unwrap();
    browser.look(Look { width: WIDTHS[1], dark: false, print: false });
    browser.open(file);
    assert_eq!(judge::alive(browser), [""; 0], "{name}");
    let mut wrong = vec![];
    let screens = WIDTHS.into_iter().flat_map(|width| [false, true].map(|dark| Look { width, dark, print: false }));
    for look in screens.chain([false, true].map(|dark| Look { width: PAPER, dark, print: true })) {
        browser.look(look);
        fs::write(pictures.join(format!("{name}-{}.png", look.name())), browser.picture(look.width)).unwrap();
        let mut say = |found: Vec<String>| wrong.extend(found.into_iter().map(|one| format!("{}: {one}", look.name())));
        // What is folded is read too.
        browser.script(&unfold("true"));
        say(judge::too_wide(browser, look.width));
        if !look.print {
            // A transcript of hundreds shows axe nothing that a short one does not, and takes it a minute.
            browser.script(&unfold("folded.querySelectorAll('li').length < 30"));
            say(judge::inaccessible(browser, axe));
        }
        browser.script(&unfold("false"));
    }
    let paper = browser.paper();
    assert!(paper.starts_with(b"%PDF"));
    fs::write(pictures.join(format!("{name}.pdf")), paper).unwrap();
    assert!(wrong.is_empty(), "{name}: {} findings:\n{}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
    assert_eq!(judge::alive(browser), [""; 0], "{name}");
    assert_eq!(browser.requests(), [browser::address(file)], "{name}");
}

/// What the issue of a report asks to be in it.
fn has(browser: &Browser, selectors: &[&str]) {
    for selector in selectors {
        let found =
            browser.script(&format!("return document.querySelectorAll({}).length", serde_json::json!(selector)));
        assert!(found.as_u64().unwrap() > 0, "nothing is {selector}");
    }
}

#[test]
fn the_report_of_a_clean_run_is_for_everyone() {
    let test = "the_report_of_a_clean_run_is_for_everyone";
    let (Some(browser), Some(axe)) = (Browser::start(test), judge::axe(test)) else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = report_on(&[], 0, folder.path());
    is_good(&browser, &axe, "clean", &file);
    has(&browser, &[".banner.pass", ".checklist", ".matrix td.pass", ".timeline .bar", ".pictures img", ".notes li"]);
}

#[test]
fn the_report_of_a_failed_run_is_for_everyone() {
    let test = "the_report_of_a_failed_run_is_for_everyone";
    let (Some(browser), Some(axe)) = (Browser::start(test), judge::axe(test)) else { return };
    let folder = tempfile::tempdir().unwrap();
    let weaknesses =
        [Weakness::AnonymousCanCreate, Weakness::CiCanUpdate, Weakness::MetricsClosed, Weakness::ClientSecretWrong];
    let file = report_on(&weaknesses, 1, folder.path());
    is_good(&browser, &axe, "failed", &file);
    has(
        &browser,
        &[".banner.fail", ".card.fail .finding", ".card pre code", ".card .transcript pre", ".matrix td.fail"],
    );
    has(&browser, &[".checklist a[href^='#']", ".timeline .fail .bar", ".pictures img"]);
}

#[test]
fn the_report_of_a_hostile_run_is_only_text() {
    let test = "the_report_of_a_hostile_run_is_only_text";
    let (Some(browser), Some(axe)) = (Browser::start(test), judge::axe(test)) else { return };
    let folder = tempfile::tempdir().unwrap();
    let run = hostile::run();
    let file = written(folder.path(), &regproof::report::html(&[&run, &run]));
    is_good(&browser, &axe, "hostile", &file);
    // The page forbids what its text asks for, even where that text were markup.
    let elsewhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let address = elsewhere.local_addr().unwrap();
    let refused = browser.waiting_script(&format!(
        "const done = arguments[0], refused = [];
         document.addEventListener('securitypolicyviolation', (event) => {{
           refused.push(event.effectiveDirective);
           if (refused.length === 3) done(refused.sort());
         }});
         const picture = document.createElement('img');
         picture.src = 'http://{address}/x.png';
         const script = document.createElement('script');
         script.textContent = 'window.regproofWasHere = 1';
         const style = document.createElement('link');
         style.rel = 'stylesheet';
         style.href = 'http://{address}/x.css';
         document.body.append(picture, script, style);"
    ));
    assert_eq!(refused, serde_json::json!(["img-src", "script-src-elem", "style-src-elem"]));
    assert_eq!(browser.script(&format!("return {} === undefined", judge::SENTINEL)), true);
    assert_eq!(elsewhere.accept().map_err(|error| error.kind()).unwrap_err(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn a_bad_page_is_noticed() {
    let test = "a_bad_page_is_noticed";
    let (Some(browser), Some(axe)) = (Browser::start(test), judge::axe(test)) else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = written(
        folder.path(),
        "<!doctype html><html lang=en><title>t</title><body style='color:#ccc;background:#fff'><p>pale</p>
         <img src='http://127.0.0.1:9/x.png'><pre>wide wide wide wide wide wide wide wide wide wide wide wide wide</pre>
         <script>window.regproofWasHere = 1; setTimeout(() => alert(1))</script>",
    );
    browser.look(Look { width: 390, dark: false, print: false });
    browser.open(&file);
    assert_eq!(browser.requests(), [browser::address(&file), "http://127.0.0.1:9/x.png".to_owned()]);
    assert!(support::poll(std::time::Duration::from_secs(60), || browser.has_a_dialog().then_some(())).is_some());
    browser.dismiss();
    let found = judge::inaccessible(&browser, &axe).join("\n");
    assert!(found.contains("image-alt") && found.contains("color-contrast"), "{found}");
    let found = judge::too_wide(&browser, 390).join("\n");
    assert!(found.contains("the page is") && found.contains("PRE"), "{found}");
    let found = judge::alive(&browser);
    for wanted in ["text was executed", "script", "img src http://127.0.0.1:9/x.png"] {
        assert!(found.iter().any(|one| one == wanted), "{wanted} is not in {found:?}");
    }
}
