//! Where reports become files: whole or not at all, and never with a secret in them.
//!
//! Knows nothing of what a report says.

use std::fs::Metadata;
use std::io::Write;
use std::path::Path;

use crate::base::redact::{REDACTED, Redactor};
use crate::model::outcome::{Finding, Run};
use crate::report::ReportError;

/// What replaces a secret here: unlike the redactor's own word it may stand in XML, HTML and JSON.
const REPLACED: &str = "[redacted]";

/// The run without secrets in any of its texts. To be done before a report is made of it.
///
/// A report shortens text and writes it with escapes, and what is left of a secret then, the redactor no longer knows.
#[must_use]
pub fn redacted(run: &Run, redactor: &Redactor) -> Run {
    let mut run = run.clone();
    let clean = |text: &mut String| *text = redactor.text(text);
    let clean_finding = |finding: &mut Option<Finding>| {
        let Some(Finding { summary, promise, expected, actual, cause, remedy, exchange: _, code: _ }) = finding else {
            return;
        };
        [summary, promise, expected, actual, cause, remedy].into_iter().for_each(clean);
    };
    [&mut run.scenario, &mut run.target].into_iter().for_each(clean);
    run.registry.evidence.iter_mut().for_each(clean);
    [&mut run.registry.product, &mut run.registry.release, &mut run.interrupted].into_iter().flatten().for_each(clean);
    if let Some(root) = &mut run.root {
        let texts = [&mut root.summary, &mut root.actual, &mut root.cause, &mut root.remedy, &mut root.check];
        texts.into_iter().chain(&mut root.hangs).for_each(clean);
    }
    for outcome in &mut run.outcomes {
        [&mut outcome.id, &mut outcome.title]
            .into_iter()
            .chain(&mut outcome.waived)
            .chain(&mut outcome.proven)
            .for_each(clean);
        outcome.notes.iter_mut().for_each(clean);
        clean_finding(&mut outcome.finding);
        for case in &mut outcome.cases {
            clean(&mut case.name);
            clean_finding(&mut case.finding);
        }
        for table in &mut outcome.tables {
            clean(&mut table.title);
            table.columns.iter_mut().for_each(clean);
            table.rows.iter_mut().flatten().for_each(|cell| clean(&mut cell.text));
        }
        for left in &mut outcome.leftovers {
            let texts = [&mut left.check, &mut left.repository, &mut left.reference, &mut left.reason];
            texts.into_iter().chain(&mut left.readable_by).for_each(clean);
        }
        outcome.screenshots.iter_mut().for_each(|picture| clean(&mut picture.name));
        outcome.measures.iter_mut().for_each(|measure| clean(&mut measure.of));
        for told in &mut outcome.told {
            [&mut told.question, &mut told.answer].into_iter().for_each(clean);
        }
        outcome.transcript = outcome.transcript.drain(..).map(|exchange| exchange.redacted(redactor)).collect();
    }
    run
}

/// The text without secrets, and whether there were any. The last gate for everything that leaves the program.
#[must_use]
pub fn firewall(text: &str, redactor: &Redactor) -> (String, bool) {
    if !redactor.leaks(text) {
        return (text.to_owned(), false);
    }
    // Evidence that was redacted in time keeps its word; only what is replaced now must fit the markup around it.
    let parts: Vec<String> = text.split(REDACTED).map(|part| redactor.text(part).replace(REDACTED, REPLACED)).collect();
    (parts.join(REDACTED), true)
}

/// Writes a report: a reader sees the former file or the whole new one, never a part.
///
/// # Errors
/// [`ReportError::Write`] if the file cannot be written, and the former file is untouched; [`ReportError::Leaked`] if the text
/// held a secret: the file is then written without it, and the error tells.
pub fn write_atomically(path: &Path, text: &str, redactor: &Redactor) -> Result<(), ReportError> {
    let (clean, leaked) = firewall(text, redactor);
    replace(path, clean.as_bytes()).map_err(|source| ReportError::Write { path: path.to_owned(), source })?;
    if leaked { Err(ReportError::Leaked { path: path.to_owned() }) } else { Ok(()) }
}

fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if path.starts_with("/dev") || path.starts_with("/proc") {
        // Standard output may lead to a file that others write too.
        return std::fs::OpenOptions::new().append(true).open(path)?.write_all(bytes);
    }
    let former = std::fs::metadata(path).ok();
    if former.as_ref().is_some_and(|former| !former.is_file() && !former.is_dir()) {
        // A pipe or a device, as /dev/stdout: it cannot be renamed over, and must not be.
        return std::fs::OpenOptions::new().write(true).open(path)?.write_all(bytes);
    }
    // Behind a symbolic link the file is replaced, not the link.
    let path = if former.is_some() { path.canonicalize()? } else { path.to_owned() };
    let folder = folder_of(&path);
    let mut builder = tempfile::Builder::new();
    builder.prefix(".regproof-");
    // A temporary file is private by default; a report is read by a web server or a metrics collector as another user.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    let mut file = builder.tempfile_in(folder)?;
    if let Some(former) = former.filter(Metadata::is_file) {
        file.as_file().set_permissions(former.permissions())?;
    }
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(&path).map_err(|error| error.error)?;
    // Without this the new name may be lost with the power, although the bytes are there.
    #[cfg(unix)]
    std::fs::File::open(folder)?.sync_all()?;
    Ok(())
}

/// Where the new file is made, so that it can be renamed: beside the former one.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redactor() -> Redactor {
        Redactor::new([("ci", "hunter22-hunter22")])
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_report_replaces_the_former_one_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.txt");
        write_atomically(&path, "one", &redactor()).unwrap();
        write_atomically(&path, "two", &redactor()).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(names(folder.path()), ["report.txt"]);
    }

    #[test]
    fn the_new_file_is_made_beside_the_former_one() {
        for (path, folder) in [("report.xml", "."), ("out/report.xml", "out"), ("/out/report.xml", "/out")] {
            assert_eq!(folder_of(Path::new(path)), Path::new(folder));
        }
    }

    #[test]
    fn a_secret_is_replaced_and_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.xml");
        let result = write_atomically(&path, "<a b=\"hunter22-hunter22\">&lt;redacted></a>", &redactor());
        assert!(matches!(result, Err(ReportError::Leaked { .. })));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "<a b=\"[redacted]\">&lt;redacted></a>");
    }

    #[test]
    fn a_report_that_cannot_be_written_leaves_no_part() {
        let folder = tempfile::tempdir().unwrap();
        let taken = folder.path().join("taken");
        std::fs::create_dir_all(taken.join("inside")).unwrap();
        let error = write_atomically(&taken, "text", &redactor()).unwrap_err();
        assert!(matches!(error, ReportError::Write { .. }), "{error}");
        assert_eq!(names(folder.path()), ["taken"]);
        let error = write_atomically(&folder.path().join("no/such/folder"), "text", &redactor()).unwrap_err();
        assert!(error.to_string().starts_with("write "), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_and_the_rights_of_a_former_report_stay() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("report"), folder.path().join("link"));
        std::fs::write(&path, "former").unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        std::os::unix::fs::symlink("report", &link).unwrap();
        write_atomically(&link, "new", &redactor()).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_gets_the_report_and_stays_a_pipe() {
        use std::os::unix::fs::FileTypeExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        if !made.is_ok_and(|status| status.success()) {
            return crate::trial::common::skip("a_pipe_gets_the_report_and_stays_a_pipe", "no mkfifo");
        }
        let reader = std::thread::spawn({
            let path = path.clone();
            move || std::fs::read_to_string(path).unwrap()
        });
        write_atomically(&path, "text", &redactor()).unwrap();
        assert_eq!(reader.join().unwrap(), "text");
        assert!(std::fs::metadata(&path).unwrap().file_type().is_fifo());
    }

    #[test]
    fn a_report_on_a_standard_output_that_leads_to_a_file_leaves_what_is_there() {
        use std::os::fd::AsRawFd;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("all.log");
        std::fs::write(&file, "before\n").unwrap();
        let open = std::fs::OpenOptions::new().append(true).open(&file).unwrap();
        let path = format!("/proc/self/fd/{}", open.as_raw_fd());
        replace(path.as_ref(), b"report\n").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "before\nreport\n");
    }
}
