//! Logs on stderr, by RUST_LOG: every line passes the redactors of all scenarios that were loaded.
//!
//! The libraries below log what they send, header bytes included. Nothing here decides what is worth a log line.

use std::io::{self, Write};
use std::sync::{Arc, PoisonError, RwLock};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::base::redact::Redactor;

static REDACTORS: RwLock<Vec<Arc<Redactor>>> = RwLock::new(Vec::new());

/// From now on, the secrets of this redactor appear in no log line.
pub fn hide(redactor: &Arc<Redactor>) {
    REDACTORS.write().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(redactor));
}

/// This redactor's secrets are in use no more. Without it, a process that reads its secrets anew would keep every one of them.
pub(crate) fn forget(redactor: &Arc<Redactor>) {
    REDACTORS.write().unwrap_or_else(PoisonError::into_inner).retain(|held| !Arc::ptr_eq(held, redactor));
}

/// The text without the secrets of any scenario that was loaded.
#[must_use]
pub fn clean(text: &str) -> String {
    let redactors = REDACTORS.read().unwrap_or_else(PoisonError::into_inner);
    redactors.iter().fold(text.to_owned(), |text, redactor| redactor.text(&text))
}

/// Starts logging, and takes panics into the log instead of raw to stderr. To be called once, by `main`.
pub fn start() {
    let wanted = std::env::var(EnvFilter::DEFAULT_ENV).ok().filter(|text| !text.trim().is_empty());
    let parsed = wanted.as_deref().map(EnvFilter::try_new);
    let (filter, wrong) = match parsed {
        None => (EnvFilter::new("warn"), None),
        Some(Ok(filter)) => (filter, None),
        Some(Err(error)) => (EnvFilter::new("warn"), Some(error)),
    };
    let ansi = io::IsTerminal::is_terminal(&io::stderr()) && std::env::var_os("NO_COLOR").is_none();
    let subscriber =
        tracing_subscriber::fmt().with_env_filter(filter).with_ansi(ansi).with_writer(Clean(io::stderr)).finish();
    // Only a second call could fail, and the first subscriber then stays.
    let _ = tracing::subscriber::set_global_default(subscriber);
    if let Some(error) = wrong {
        tracing::warn!("RUST_LOG is not understood, so it is taken as `warn`: {error}");
    }
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(String::new, ToString::to_string);
        let payload = panic.payload();
        let owned = payload.downcast_ref::<String>().map(String::as_str);
        let text = owned.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("no message");
        tracing::error!("panicked at {place}: {text}");
    }));
}

/// Makes writers that hold a line back until it is whole: a secret may come in two pieces.
struct Clean<F>(F);

/// One event's text on its way through the redactors.
struct Line<W: Write> {
    text: Vec<u8>,
    to: W,
}

impl<'a, W: Write, F: Fn() -> W> MakeWriter<'a> for Clean<F> {
    type Writer = Line<W>;

    fn make_writer(&'a self) -> Line<W> {
        Line { text: Vec::new(), to: (self.0)() }
    }
}

impl<W: Write> Write for Line<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<W: Write> Drop for Line<W> {
    fn drop(&mut self) {
        let text = clean(&String::from_utf8_lossy(&self.text));
        // Where logs cannot be written, nothing is left to tell it with; the run goes on.
        let _ = self.to.write_all(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_redactor_that_is_forgotten_is_held_no_longer() {
        let redactor = Arc::new(Redactor::new([("ci", "zak_forgotten-canary")]));
        hide(&redactor);
        assert!(!clean("zak_forgotten-canary").contains("canary"));
        forget(&redactor);
        assert_eq!(Arc::strong_count(&redactor), 1);
    }

    #[test]
    fn no_secret_reaches_the_log_in_any_form_or_in_pieces() {
        let secret = "zak_log\"canary\\ü";
        hide(&Arc::new(Redactor::new([("zot-ci", secret)])));
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(Clean(move || writer.clone()))
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            tracing::trace!(secret, "as a field");
            tracing::trace!("as text {secret}, as bytes {:?}", bytes::Bytes::copy_from_slice(secret.as_bytes()));
            tracing::trace!("as a list {:?}", secret.as_bytes());
            let basic = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, format!("zot-ci:{secret}"));
            tracing::trace!("as a header {:?}", bytes::Bytes::from(format!("authorization: Basic {basic}\r\n")));
            tracing::trace!("as a header {}", format!("Basic {basic}").as_bytes().escape_ascii());
        });
        let mut line = Clean(|| kept.clone()).make_writer();
        line.write_all(&secret.as_bytes()[..7]).unwrap();
        line.write_all(&secret.as_bytes()[7..]).unwrap();
        drop(line);
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.matches("<redacted>").count(), 7, "{text}");
        assert!(!text.contains("canary"), "{text}");
    }
}
