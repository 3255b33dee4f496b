//! The book: its generated pages are what the program says, its examples work, its links lead somewhere.
//!
//! With `REGPROOF_UPDATE` set the generated pages are written instead of compared.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test by panicking")]

mod examples;
mod generated;

pub use generated::hold;

use std::path::{Path, PathBuf};

fn book() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/book")
}

/// Every page below `src`, by its path there, with its text; sorted.
fn pages() -> Vec<(String, String)> {
    let (root, mut found) = (book().join("src"), Vec::new());
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                found.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// A fenced block of a page.
struct Block {
    page: String,
    line: usize,
    /// What stands after the fence.
    info: String,
    text: String,
}

fn blocks() -> Vec<Block> {
    let mut all = Vec::new();
    for (page, text) in pages() {
        let mut open: Option<Block> = None;
        for (at, line) in text.lines().enumerate() {
            match (&mut open, line.strip_prefix("```")) {
                (None, Some(info)) => {
                    open = Some(Block { page: page.clone(), line: at + 1, info: info.to_owned(), text: String::new() });
                }
                (Some(_), Some(_)) => all.extend(open.take()),
                (Some(block), None) => {
                    block.text.push_str(line);
                    block.text.push('\n');
                }
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{page}: a block is not closed");
    }
    all
}
