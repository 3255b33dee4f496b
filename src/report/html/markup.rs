//! A page under construction: markup is written by us, text is always escaped.
//!
//! `raw` takes only text that is part of the program, so that remote text has one way in.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::model::shown::Shown;
use crate::report::text::capped;

#[derive(Default)]
pub(super) struct Page(String);

impl Page {
    /// Markup of ours.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Page {
        self.0.push_str(markup);
        self
    }

    /// Any text, in an element or between double quotes; not more than anybody reads.
    pub(super) fn text(&mut self, text: &str) -> &mut Page {
        for c in capped(text).chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                _ => self.0.push(c),
            }
        }
        self
    }

    /// A picture as the value of `src`, whole.
    pub(super) fn png(&mut self, png: &[u8]) -> &mut Page {
        self.0.push_str("data:image/png;base64,");
        STANDARD.encode_string(png, &mut self.0);
        self
    }

    /// A name in a URL's or an element's `id`, which must be unique in the page.
    pub(super) fn anchor(&mut self, run: usize, check: usize) -> &mut Page {
        self.text(&format!("run-{run}-check-{check}"))
    }

    /// An id, which may be broken where its words end: it is long, and a narrow screen is not.
    pub(super) fn id(&mut self, id: &str) -> &mut Page {
        for word in id.split_inclusive(['_', ':']) {
            self.text(word).raw(if word == ":" || word.ends_with('_') { "<wbr>" } else { "" });
        }
        self
    }

    /// A verdict in words, with a sign and a colour.
    pub(super) fn verdict(&mut self, shown: Shown) -> &mut Page {
        self.raw(match shown {
            Shown::Warn => "<span class=\"verdict warn\"><span aria-hidden=\"true\">?</span> warn</span>",
            Shown::Pass => "<span class=\"verdict pass\"><span aria-hidden=\"true\">✓</span> pass</span>",
            Shown::Fail => "<span class=\"verdict fail\"><span aria-hidden=\"true\">✗</span> fail</span>",
            Shown::Error => "<span class=\"verdict error\"><span aria-hidden=\"true\">!</span> error</span>",
            Shown::Skip => "<span class=\"verdict skip\"><span aria-hidden=\"true\">–</span> skip</span>",
        })
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}
