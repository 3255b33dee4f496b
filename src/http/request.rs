//! A request being put together: headers, body, and how its answer is read.
//!
//! Sends nothing.

use std::time::Duration;

use bytes::Bytes;

use super::{Algorithm, Request};

impl Request<'_> {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn body(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.header("Content-Type", content_type)
    }

    /// A body of so many dots, made while it is sent, so that its size costs no memory.
    pub(crate) fn dots(mut self, content_type: &str, size: u64) -> Self {
        self.dots = size;
        self.header("Content-Type", content_type).header("Content-Length", &size.to_string())
    }

    /// A body whose type is among the headers, or none.
    pub(crate) fn content(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// The most that the answer's body may have.
    pub(crate) fn limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// Hashes the answer's body while it comes in and keeps its start alone, so that its size costs no memory.
    pub(crate) fn hashed(self) -> Self {
        self.hashed_by(Algorithm::Sha256)
    }

    /// The same by another algorithm.
    pub(crate) fn hashed_by(mut self, algorithm: Algorithm) -> Self {
        self.hashed = Some(algorithm);
        self
    }

    /// If Content-Length exceeds this, the body stays unread and the connection ends. The answer's size is then Content-Length.
    pub(crate) fn opened(mut self, bytes: u64) -> Self {
        self.opened = Some(bytes);
        self
    }

    /// Sends the body byte by byte, evenly over this time.
    pub(crate) fn trickle(mut self, over: Duration) -> Self {
        self.trickle = over;
        self.patience(over)
    }

    /// How much longer than other requests this one may take.
    pub(crate) fn patience(mut self, more: Duration) -> Self {
        self.patience += more;
        self
    }

    /// Leaves the credential out, for a request that must be seen without.
    pub(crate) fn without_credential(mut self) -> Self {
        self.anonymous = true;
        self
    }
}
