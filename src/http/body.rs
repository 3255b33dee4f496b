//! Bodies on their way: read, hashed and bounded; sent byte by byte; and network errors in the words of an operator.
//!
//! Knows no client and no guard.

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use sha2::{Digest, Sha256, Sha512};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Up to here, every body is read as it comes.
const SHORT: usize = 32 << 10;
/// What all long bodies may come to together.
const LONG: usize = 4 << 20;
/// Shares of [`LONG`], each as large as [`SHORT`]. Many requests run at once, and each may meet an endless answer: so a
/// long body takes all that it may come to, or waits, on its request's time.
static SHARES: Semaphore = Semaphore::const_new(LONG / SHORT);

/// The algorithm of a digest (OCI image spec, section Registered Algorithms).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Sha256,
    Sha512,
}

impl Algorithm {
    /// The algorithm that a digest names; SHA-256 for one that names none of the two.
    pub(crate) fn of(digest: &str) -> Algorithm {
        if digest.starts_with("sha512:") { Algorithm::Sha512 } else { Algorithm::Sha256 }
    }
}

enum Hasher {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hasher {
    fn new(algorithm: Algorithm) -> Hasher {
        match algorithm {
            Algorithm::Sha256 => Hasher::Sha256(Sha256::new()),
            Algorithm::Sha512 => Hasher::Sha512(Sha512::new()),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Hasher::Sha256(hash) => hash.update(bytes),
            Hasher::Sha512(hash) => hash.update(bytes),
        }
    }

    fn digest(&self) -> String {
        match self {
            Hasher::Sha256(hash) => format!("sha256:{:x}", hash.clone().finalize()),
            Hasher::Sha512(hash) => format!("sha512:{:x}", hash.clone().finalize()),
        }
    }
}

/// The body of an answer while it comes in.
pub(super) struct Body {
    /// All of it, or as much as is kept.
    pub(super) start: BytesMut,
    pub(super) size: u64,
    hash: Option<Hasher>,
    kept: usize,
    most: usize,
    pause: Option<Duration>,
    shares: Option<SemaphorePermit<'static>>,
}

impl Body {
    /// Keeps `kept` bytes of at most `most`; hashes them all where `hashed` says how, and how long each further piece may
    /// take.
    pub(super) fn new(kept: usize, most: usize, hashed: Option<(Algorithm, Duration)>) -> Body {
        let hash = hashed.map(|(algorithm, _)| Hasher::new(algorithm));
        let pause = hashed.map(|(_, pause)| pause);
        Body { start: BytesMut::new(), size: 0, hash, kept, most, pause, shares: None }
    }

    pub(super) async fn fill(
        &mut self,
        response: &mut reqwest::Response,
        what: &str,
        began: Instant,
    ) -> anyhow::Result<()> {
        loop {
            // A long body has much time, but not to stand still in.
            let piece = match self.pause {
                None => response.chunk().await,
                Some(pause) => tokio::time::timeout(pause, response.chunk())
                    .await
                    .map_err(|_| anyhow::anyhow!("{what}: the answer stood still for {pause:?}"))?,
            };
            let Some(piece) = piece.map_err(|error| explain(what, error, began.elapsed()))? else { return Ok(()) };
            self.size += piece.len() as u64;
            let most = self.most;
            anyhow::ensure!(self.size <= most as u64, "{what}: the answer is longer than {most} bytes");
            if let Some(hash) = &mut self.hash {
                hash.update(&piece);
            }
            self.settle(response.content_length()).await;
            let room = self.kept.saturating_sub(self.start.len()).min(piece.len());
            self.start.extend_from_slice(&piece[..room]);
        }
    }

    /// Waits for shares, if the body is long; `left` is what is to come, where the answer says it.
    async fn settle(&mut self, left: Option<u64>) {
        if self.shares.is_some() || self.size <= SHORT as u64 {
            return;
        }
        let said = left.map_or(u64::MAX, |left| self.size.saturating_add(left));
        let most = usize::try_from(said).unwrap_or(usize::MAX).min(self.most).min(self.kept);
        let shares = u32::try_from(most.min(LONG).div_ceil(SHORT)).expect("there are not so many");
        self.shares = Some(SHARES.acquire_many(shares).await.expect("nobody closes it"));
        self.start.reserve(most.saturating_sub(self.start.len()));
    }

    /// The digest of the whole body, where it was hashed.
    pub(super) fn digest(&self) -> Option<String> {
        self.hash.as_ref().map(Hasher::digest)
    }
}

/// A piece of a large body.
pub(crate) static DOTS: [u8; 64 << 10] = [b'.'; 64 << 10];

/// A body of so many dots.
pub(super) fn dotted(size: u64) -> reqwest::Body {
    let pieces = futures::stream::unfold(size, |left| async move {
        let piece = usize::try_from(left.min(DOTS.len() as u64)).unwrap_or(DOTS.len());
        let next = (Ok::<Bytes, std::io::Error>(Bytes::from_static(&DOTS[..piece])), left - piece as u64);
        (piece > 0).then_some(next)
    });
    reqwest::Body::wrap_stream(pieces)
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

/// No connection came to be, so that nothing was sent.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NotConnected(pub(crate) String);

/// A time that passed, as people say it.
pub(super) fn passed(took: Duration) -> String {
    format!("{:.1}s", took.as_secs_f64())
}

/// A network error in the words of an operator.
pub(super) fn explain(what: &str, error: reqwest::Error, took: Duration) -> anyhow::Error {
    if error.is_timeout() && !error.is_connect() {
        return anyhow::anyhow!("{what}: no complete answer in {}", passed(took));
    }
    let mut cause = error.to_string();
    let mut source: Option<&dyn std::error::Error> = std::error::Error::source(&error);
    while let Some(inner) = source {
        cause = inner.to_string();
        source = inner.source();
    }
    if error.is_connect() {
        return NotConnected(format!("{what}: cannot connect: {cause}")).into();
    }
    anyhow::anyhow!("{what}: the exchange broke off: {cause}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(size: usize, most: usize) -> Body {
        Body { size: size as u64, ..Body::new(most, most, None) }
    }

    #[tokio::test]
    async fn a_long_body_takes_all_that_it_may_come_to_and_a_short_one_never_waits() {
        let mut endless = body(SHORT + 1, LONG);
        endless.settle(None).await;
        assert_eq!(SHARES.available_permits(), 0);
        body(SHORT, LONG).settle(None).await;
        let mut second = body(SHORT + 1, 2 * SHORT);
        let waits = tokio::time::timeout(Duration::from_millis(50), second.settle(None)).await;
        assert!(waits.is_err());
        drop(endless);
        second.settle(None).await;
        assert_eq!(second.shares.as_ref().map(SemaphorePermit::num_permits), Some(2));
    }

    #[tokio::test]
    async fn a_body_that_says_its_length_takes_no_more_than_that() {
        for (left, shares) in [(Some(1), 2), (Some(SHORT as u64), 3), (Some(u64::MAX), LONG / SHORT)] {
            let mut body = body(SHORT + 1, 2 * LONG);
            body.settle(left).await;
            assert_eq!(body.shares.as_ref().map(SemaphorePermit::num_permits), Some(shares));
        }
    }
}
