//! Time-based one-time passwords (RFC 6238): SHA-1, 30 seconds, six digits, as authenticator apps have them.
//!
//! Each code is given out once: a provider that keeps to RFC 6238, section 5.2, takes none twice, and the checks of one
//! run may log in at the same time.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::hmac;
use sha2::{Digest as _, Sha256};

const STEP: u64 = 30;

/// The last step of which this process gave out a code, by the digest of the secret.
static GIVEN: Mutex<BTreeMap<[u8; 32], u64>> = Mutex::new(BTreeMap::new());

/// A code that nobody else gets, and how long to wait until it is valid; nothing if the secret is not base32.
pub(super) fn own_code(secret: &str, seconds: u64) -> Option<(String, Duration)> {
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let last = given.entry(Sha256::digest(secret).into()).or_default();
    let step = (seconds / STEP).max(*last + 1);
    let code = code(secret, step * STEP)?;
    *last = step;
    Some((code, Duration::from_secs((step * STEP).saturating_sub(seconds))))
}

/// The code of a moment, in seconds since 1970; nothing if the secret is not base32.
fn code(secret: &str, seconds: u64) -> Option<String> {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &base32(secret)?);
    let tag = hmac::sign(&key, &(seconds / STEP).to_be_bytes());
    let bytes = tag.as_ref();
    let offset = usize::from(bytes.last()? & 0x0f);
    let four: [u8; 4] = bytes.get(offset..offset + 4)?.try_into().ok()?;
    Some(format!("{:06}", (u32::from_be_bytes(four) & 0x7fff_ffff) % 1_000_000))
}

/// RFC 4648, section 6; spaces, dashes and padding are ignored, as apps do.
fn base32(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut buffer, mut bits) = (Vec::new(), 0_u32, 0);
    for c in text.chars().filter(|c| !matches!(c, ' ' | '-' | '=')) {
        let value = match c.to_ascii_uppercase() {
            c @ 'A'..='Z' => c as u32 - 'A' as u32,
            c @ '2'..='7' => c as u32 - '2' as u32 + 26,
            _ => return None,
        };
        buffer = (buffer << 5) | value;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push((buffer >> bits) as u8);
            buffer &= (1 << bits) - 1;
        }
    }
    (!bytes.is_empty()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_are_those_of_rfc_6238_appendix_b() {
        let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
        for (seconds, expected) in [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")] {
            assert_eq!(code(secret, seconds).as_deref(), Some(expected));
        }
        assert_eq!(code("not base32!", 0), None);
        assert_eq!(code("", 0), None);
    }

    #[test]
    fn no_code_is_given_out_twice() {
        let secret = "MNXWIZLTEBXWMIDBEBUGK3DQMVZA";
        let own = |seconds| own_code(secret, seconds).expect("it is base32");
        let (one, two, three) = (own(600), own(601), own(675));
        assert_eq!([one.1, two.1, three.1].map(|wait| wait.as_secs()), [0, 29, 0]);
        assert_eq!([&one.0, &two.0, &three.0], [600, 630, 660].map(|at| code(secret, at).unwrap()).each_ref());
        assert!(own_code("not base32!", 600).is_none());
    }
}
