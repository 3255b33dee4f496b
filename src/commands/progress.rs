//! The line on stderr that shows a run or an audit going on, for people only.
//!
//! One line that is drawn over and over, and gone at the end. The results are on stdout.

use std::io;
use std::sync::{Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle, TermLike};

use crate::report::visible;
use crate::run::runner::Event;

/// Fits the narrowest usual terminal: a longer line would wrap and could not be drawn over.
const WIDTH: u16 = 79;
/// To the start of the line, and erase it.
const CLEAR: &str = "\r\x1b[2K";
const CHECKS: &str = "[{pos}/{len}] {wide_msg}";

/// Stderr, as far as one line needs it.
#[derive(Debug)]
struct Line(fn(&str));

impl TermLike for Line {
    fn width(&self) -> u16 {
        WIDTH
    }

    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write_str(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        if !text.is_empty() {
            (self.0)(text);
        }
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.write_str(CLEAR)
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

/// A line of this shape, drawn with `tell`, or not at all.
pub(crate) fn line(tell: Option<fn(&str)>, total: Option<u64>, shape: &str) -> ProgressBar {
    let target = match tell {
        Some(tell) => ProgressDrawTarget::term_like(Box::new(Line(tell))),
        None => ProgressDrawTarget::hidden(),
    };
    let style = ProgressStyle::with_template(shape).expect("the shapes of our own lines are well-formed");
    ProgressBar::with_draw_target(total, target).with_style(style).with_finish(ProgressFinish::AndClear)
}

/// The line of a run.
#[derive(Debug)]
pub(crate) struct Progress {
    line: ProgressBar,
    running: Mutex<Vec<String>>,
}

impl Progress {
    /// A line that is drawn with `tell`, or not at all.
    pub(crate) fn new(tell: Option<fn(&str)>, total: usize) -> Progress {
        Progress { line: line(tell, Some(total as u64), CHECKS), running: Mutex::default() }
    }

    /// Draws the line anew.
    pub(crate) fn event(&self, event: Event<'_>) {
        if self.line.is_hidden() {
            return;
        }
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Started(id) => running.push(id.to_owned()),
            Event::Finished(outcome) => {
                self.line.inc(1);
                if let Some(at) = running.iter().position(|id| *id == outcome.id) {
                    running.remove(at);
                }
            }
        }
        self.line.set_message(visible(&running.join(" "), WIDTH.into()));
    }

    /// Takes the line away.
    pub(crate) fn end(&self) {
        self.line.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static TOLD: Mutex<String> = Mutex::new(String::new());

    fn tell(text: &str) {
        TOLD.lock().unwrap().push_str(text);
    }

    #[test]
    fn the_line_counts_fits_and_is_gone_at_the_end() {
        let progress = Progress::new(Some(tell), 13);
        for _ in 0..5 {
            progress.event(Event::Started("access::anonymous_can_pull"));
        }
        progress.line.tick();
        progress.end();
        let told = TOLD.lock().unwrap().clone();
        assert!(told.contains("[0/13] access::anonymous_can_pull"), "{told:?}");
        assert!(told.split(CLEAR).all(|drawn| drawn.chars().count() <= WIDTH.into()), "{told:?}");
        assert!(told.ends_with(CLEAR) && !told.contains('\n'), "{told:?}");
    }
}
