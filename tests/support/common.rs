//! What the library's own tests share with those of this folder: skips that are counted, and programs that are written.
//!
//! A test that skips in any other way would be counted as passed in silence.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Says that a test does not run, past the capture of the test harness, for want of something that only some machines have.
///
/// With `REGPROOF_TEST_NO_SKIPS=all` it panics instead.
pub fn skip(test: &str, reason: &str) {
    note(test, reason, &["all"]);
}

/// The same for want of a program that `make tools` installs.
///
/// With `REGPROOF_TEST_NO_SKIPS=tools` it panics too: a machine that ran `make tools` has each of them.
pub fn lacks(test: &str, program: &str) {
    note(test, &format!("no {program}: run `make tools`"), &["all", "tools"]);
}

fn note(test: &str, reason: &str, refused_by: &[&str]) {
    let strict = std::env::var("REGPROOF_TEST_NO_SKIPS").unwrap_or_default();
    assert!(["", "all", "tools"].contains(&strict.as_str()), "REGPROOF_TEST_NO_SKIPS is all or tools, not `{strict}`");
    assert!(!refused_by.contains(&strict.as_str()), "{test} may not be skipped: {reason}");
    writeln!(std::io::stderr(), "SKIPPED {test}: {reason}").expect("stderr takes one line");
    let Some(file) = std::env::var_os("REGPROOF_TEST_SKIPS") else { return };
    let mut file =
        std::fs::File::options().append(true).create(true).open(file).expect("the list of skips can be opened");
    // One write: other test programs add to the same file.
    file.write_all(format!("{test}\t{reason}\n").as_bytes()).expect("the list of skips can be written");
}

/// Writes a program that can be started at once. A write handle that another thread's child has inherited makes
/// a program busy (`ETXTBSY`), so a child of ours writes it: no thread here ever has it open.
pub fn write_program(file: &Path, text: &str, mode: u32) {
    let mut writer = Command::new("sh");
    let writer = writer.args(["-c", "cat >\"$0\" && chmod \"$1\" \"$0\""]).arg(file).arg(format!("{mode:o}"));
    let mut writer = writer.stdin(Stdio::piped()).spawn().expect("sh starts");
    writer.stdin.take().expect("it has an input").write_all(text.as_bytes()).expect("sh reads");
    assert!(writer.wait().expect("a child can be waited for").success(), "{} cannot be written", file.display());
}
