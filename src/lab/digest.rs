//! Digests of content, as distribution-spec writes them.

use sha2::{Digest as _, Sha256, Sha512};

/// The digest of some bytes.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(bytes)))
}

/// The same by SHA-512.
pub(crate) fn sha512(bytes: &[u8]) -> String {
    format!("sha512:{}", hex(&Sha512::digest(bytes)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether a reference is a well-formed digest.
pub(crate) fn is_digest(reference: &str) -> bool {
    let lower_hex = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    match reference.split_once(':') {
        Some(("sha256", rest)) => rest.len() == 64 && lower_hex(rest),
        Some(("sha512", rest)) => rest.len() == 128 && lower_hex(rest),
        _ => false,
    }
}

/// Whether some bytes have a digest.
pub(crate) fn has_digest(bytes: &[u8], digest: &str) -> bool {
    match digest.split_once(':') {
        Some(("sha512", _)) => sha512(bytes) == digest,
        _ => sha256(bytes) == digest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_well_formed_digests_are_digests() {
        assert!(is_digest(&sha256(b"x")) && has_digest(b"x", &sha256(b"x")));
        for other in ["sha256:abc", "notadigest", "md5:0123", &sha256(b"x").to_uppercase()] {
            assert!(!is_digest(other), "{other}");
        }
    }
}
