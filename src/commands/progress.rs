//! The line on stderr that shows a run going on, for people only.
//!
//! One line that is drawn over and over, and gone at the end. The results are on stdout.

use std::sync::{Mutex, PoisonError};

use crate::report::visible;
use crate::runner::Event;

/// Fits the narrowest usual terminal: a longer line would wrap and could not be drawn over.
const WIDTH: usize = 79;
/// To the start of the line, and erase it.
const CLEAR: &str = "\r\x1b[2K";

/// The line.
#[derive(Debug)]
pub(crate) struct Progress {
    tell: Option<fn(&str)>,
    total: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    done: usize,
    running: Vec<String>,
}

impl Progress {
    /// A line that is drawn with `tell`, or not at all.
    pub(crate) fn new(tell: Option<fn(&str)>, total: usize) -> Progress {
        Progress { tell, total, state: Mutex::default() }
    }

    /// Draws the line anew.
    pub(crate) fn event(&self, event: Event<'_>) {
        let Some(tell) = self.tell else { return };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Started(id) => state.running.push(id.to_owned()),
            Event::Finished(outcome) => {
                state.done += 1;
                if let Some(at) = state.running.iter().position(|id| *id == outcome.id) {
                    state.running.remove(at);
                }
            }
        }
        tell(&format!("{CLEAR}{}", state.line(self.total)));
    }

    /// Takes the line away.
    pub(crate) fn end(&self) {
        if let Some(tell) = self.tell {
            tell(CLEAR);
        }
    }
}

impl State {
    fn line(&self, total: usize) -> String {
        visible(&format!("[{}/{total}] {}", self.done, self.running.join(" ")), WIDTH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_counts_and_fits() {
        let running = vec!["access::anonymous_can_pull".to_owned(); 5];
        let line = State { done: 3, running }.line(13);
        assert!(line.starts_with("[3/13] access::anonymous_can_pull "), "{line}");
        assert!(line.len() <= WIDTH, "{line}");
    }
}
