//! The evidence of a check: every exchange with its times, redacted at the moment of writing.
//!
//! Holds text only. It must never see a secret that the redactor does not know.

use std::sync::{Arc, Mutex, PoisonError};

use crate::base::redact::Redactor;
use crate::model::exchange::Exchange;

/// As much of a body as evidence needs.
pub(crate) const SHOWN: usize = 2048;

/// Where a check's exchanges go. Cheap to clone; all clones write to the same list.
#[derive(Clone, Debug)]
pub(crate) struct Recorder {
    redactor: Arc<Redactor>,
    /// Nothing where no evidence is kept.
    exchanges: Option<Arc<Mutex<Vec<Exchange>>>>,
    began: std::time::Instant,
}

impl Recorder {
    pub(crate) fn new(redactor: Arc<Redactor>) -> Recorder {
        Recorder { redactor, exchanges: Some(Arc::default()), began: std::time::Instant::now() }
    }

    /// One that keeps nothing, for more exchanges than memory holds. The indices of its answers lead nowhere.
    pub(crate) fn blind(redactor: Arc<Redactor>) -> Recorder {
        Recorder { redactor, exchanges: None, began: std::time::Instant::now() }
    }

    /// Whether evidence is kept at all.
    pub(crate) fn keeps(&self) -> bool {
        self.exchanges.is_some()
    }

    /// Milliseconds since the check began.
    pub(crate) fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Adds an exchange, redacted, and tells its index.
    pub(crate) fn add(&self, exchange: Exchange) -> usize {
        let Some(exchanges) = &self.exchanges else { return 0 };
        let clean = exchange.redacted(&self.redactor);
        let mut list = exchanges.lock().unwrap_or_else(PoisonError::into_inner);
        list.push(clean);
        list.len() - 1
    }

    /// The start of a body as text without secrets, and how much was left out.
    pub(crate) fn shown(&self, body: &[u8]) -> String {
        self.shown_of(body, body.len() as u64)
    }

    /// The same, where only the start of a longer body was kept.
    pub(crate) fn shown_of(&self, start: &[u8], size: u64) -> String {
        if !self.keeps() {
            return String::new();
        }
        let window = &start[..start.len().min(self.redactor.window(SHOWN))];
        let whole = window.len() as u64 == size;
        let mut text = self.redactor.start_of(&String::from_utf8_lossy(window), SHOWN, whole);
        if size > SHOWN as u64 {
            text.push_str(&format!(" ... ({size} bytes in all)"));
        }
        text
    }

    /// All exchanges so far.
    pub(crate) fn exchanges(&self) -> Vec<Exchange> {
        let kept = self.exchanges.iter().map(|list| list.lock().unwrap_or_else(PoisonError::into_inner).clone());
        kept.flatten().collect()
    }

    pub(crate) fn redactor(&self) -> &Arc<Redactor> {
        &self.redactor
    }
}
