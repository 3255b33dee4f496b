//! What is wrong with an open page: for axe, for a narrow screen, for the network, and by what it executed.
//!
//! It only looks: each finding is a sentence, and no findings is a good page.

use std::fs;

use serde_json::Value;

use super::browser::Browser;
use crate::support;

/// The rules of WCAG 2.2 at level AA, as axe names them.
const RULES: &str = r#"["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]"#;

/// What hostile text sets when it is executed.
pub const SENTINEL: &str = "window.regproofWasHere";

/// axe, as `make tools` installed it; `None`, said loudly, where it is not.
pub fn axe(test: &str) -> Option<String> {
    let text = fs::read_to_string(support::tools().join("npm/node_modules/axe-core/axe.min.js")).ok();
    if text.is_none() {
        support::lacks(test, "axe-core");
    }
    text
}

/// What axe finds. What it cannot decide, as the contrast of a lone sign, is not among it.
pub fn inaccessible(browser: &Browser, axe: &str) -> Vec<String> {
    browser.script(axe);
    let script = format!(
        "const done = arguments[0];
         axe.run(document, {{ runOnly: {{ type: 'tag', values: {RULES} }}, resultTypes: ['violations'] }})
           .then((found) => done(found.violations.flatMap((rule) => rule.nodes.map((node) =>
             `${{rule.id}}: ${{node.target.join(' ')}}: ${{node.failureSummary || rule.help}}`))))
           .catch((error) => done(['axe itself: ' + error]));"
    );
    texts(&browser.waiting_script(&script))
}

/// What a reader cannot reach: the page moves sideways, or an element hangs out of it that nothing scrolls.
pub fn too_wide(browser: &Browser, width: u32) -> Vec<String> {
    texts(&browser.script(&format!(
        "const wide = document.documentElement.scrollWidth;
         const scrolled = (element) => element.closest('.scroll') !== null;
         const out = [...document.querySelectorAll('body *')].filter((element) =>
           element.getBoundingClientRect().right > {width} + 1 && !scrolled(element));
         const page = wide > {width} ? ['the page is ' + wide + ' wide'] : [];
         return page.concat(out.map((element) =>
           `${{element.tagName}}.${{element.className}} hangs out: ${{element.textContent.slice(0, 40)}}`));"
    )))
}

/// Whether anything in the page can execute, load or lead elsewhere, or has.
pub fn alive(browser: &Browser) -> Vec<String> {
    let mut found = texts(&browser.script(&format!(
        "const found = [];
         if ({SENTINEL} !== undefined) found.push('text was executed');
         for (const element of document.querySelectorAll('*')) {{
           const name = element.tagName.toLowerCase();
           if (['script', 'iframe', 'object', 'embed', 'form', 'base', 'link', 'svg', 'math'].includes(name)) found.push(name);
           for (const attribute of element.attributes) {{
             const {{ name: key, value }} = attribute;
             if (key.startsWith('on')) found.push(name + ' ' + key);
             const inside = value.startsWith('#') || (name === 'img' && value.startsWith('data:image/png;base64,'));
             if (['href', 'src', 'srcset', 'action'].includes(key) && !inside) found.push(`${{name}} ${{key}} ${{value}}`);
           }}
         }}
         return found;"
    )));
    if browser.has_a_dialog() {
        found.push("a dialog is open".to_owned());
    }
    found
}

fn texts(list: &Value) -> Vec<String> {
    let list = list.as_array().unwrap_or_else(|| panic!("the page answers {list}"));
    list.iter().map(|text| text.as_str().unwrap_or_default().to_owned()).collect()
}
