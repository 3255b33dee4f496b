//! Bodies on their way: read, hashed and bounded; sent byte by byte; and network errors in the words of an operator.
//!
//! Knows no client and no guard.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use sha2::{Digest, Sha256};

/// The body of an answer while it comes in.
pub(super) struct Body {
    /// All of it, or as much as is kept.
    pub(super) start: BytesMut,
    pub(super) size: u64,
    hash: Sha256,
    kept: usize,
    most: usize,
    pause: Option<Duration>,
}

impl Body {
    /// Keeps `kept` bytes of at most `most`; hashes them all where `pause` says how long each further piece may take.
    pub(super) fn new(kept: usize, most: usize, pause: Option<Duration>) -> Body {
        Body { start: BytesMut::new(), size: 0, hash: Sha256::new(), kept, most, pause }
    }

    pub(super) async fn fill(
        &mut self,
        response: &mut reqwest::Response,
        what: &str,
        limit: Duration,
    ) -> anyhow::Result<()> {
        loop {
            // A long body has much time, but not to stand still in.
            let piece = match self.pause {
                None => response.chunk().await,
                Some(pause) => tokio::time::timeout(pause, response.chunk())
                    .await
                    .map_err(|_| anyhow::anyhow!("{what}: the answer stood still for {pause:?}"))?,
            };
            let Some(piece) = piece.map_err(|error| explain(what, error, limit))? else { return Ok(()) };
            self.size += piece.len() as u64;
            let most = self.most;
            anyhow::ensure!(self.size <= most as u64, "{what}: the answer is longer than {most} bytes");
            if self.pause.is_some() {
                self.hash.update(&piece);
            }
            let room = self.kept.saturating_sub(self.start.len()).min(piece.len());
            self.start.extend_from_slice(&piece[..room]);
        }
    }

    /// The digest of the whole body, where it was hashed.
    pub(super) fn sha256(&self) -> Option<String> {
        self.pause.map(|_| format!("sha256:{:x}", self.hash.clone().finalize()))
    }
}

/// A body that comes byte by byte.
pub(super) fn trickled(bytes: &Bytes, over: Duration) -> reqwest::Body {
    let pause = over / u32::try_from(bytes.len()).unwrap_or(u32::MAX).max(1);
    let pieces = futures::stream::unfold(bytes.clone(), move |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(pause).await;
        Some((Ok::<Bytes, std::io::Error>(rest.split_to(1)), rest))
    });
    reqwest::Body::wrap_stream(pieces)
}

/// A network error in the words of an operator.
pub(super) fn explain(what: &str, error: reqwest::Error, limit: Duration) -> anyhow::Error {
    if error.is_timeout() {
        return anyhow::anyhow!("{what}: no complete answer within {limit:?}");
    }
    let mut cause = error.to_string();
    let mut source: Option<&dyn std::error::Error> = std::error::Error::source(&error);
    while let Some(inner) = source {
        cause = inner.to_string();
        source = inner.source();
    }
    let step = if error.is_connect() { "cannot connect" } else { "the exchange broke off" };
    anyhow::anyhow!("{what}: {step}: {cause}")
}
