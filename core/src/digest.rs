//! Hashes and their spelling.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// SHA-256 in lower-case hexadecimal.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(digest(&SHA256, bytes).as_ref())
}

/// A short name for a text, safe in keys and paths: the first 128 bits of its
/// SHA-256 in hexadecimal.
pub fn short_name(text: &str) -> String {
    hex(&digest(&SHA256, text.as_bytes()).as_ref()[..16])
}

/// A name of a secret that only whoever has the key can make: the first 128 bits of
/// an HMAC with SHA-256, in hexadecimal.
pub fn fingerprint(key: &str, text: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    hex(&hmac::sign(&key, text.as_bytes()).as_ref()[..16])
}

/// Bytes in lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]).map(char::from).collect()
}

/// The bytes that hexadecimal digits spell, if that is what `text` is.
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| if let [high, low] = pair { Some(digit(*high)? << 4 | digit(*low)?) } else { None }).collect()
}

/// The HMAC with SHA-256 of these parts, one after the other.
pub fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    for part in parts {
        context.update(part);
    }
    context.sign().as_ref().to_vec()
}

/// Whether two secrets are the same. How long it takes to find out tells neither
/// where they differ nor how long they are.
pub fn is_same_secret(one: &[u8], other: &[u8]) -> bool {
    let [one, other] = [one, other].map(|secret| digest(&SHA256, secret));
    verify_slices_are_equal(one.as_ref(), other.as_ref()).is_ok()
}

/// Bytes as text that can stand in a URL.
pub fn url_text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The bytes of [`url_text`], if that is what `text` is.
pub fn from_url_text(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_goes_both_ways() {
        assert_eq!(from_hex(&hex(&[0, 9, 160, 255])), Some(vec![0, 9, 160, 255]));
        assert_eq!(from_hex("0aFF"), Some(vec![10, 255]));
        for wrong in ["0", "0g", "+f", "é"] {
            assert_eq!(from_hex(wrong), None, "{wrong}");
        }
    }

    /// The second case of RFC 4231.
    #[test]
    fn a_signature_is_that_of_the_standard() {
        let signature = hmac_sha256(b"Jefe", &[b"what do ya want ", b"for nothing?"]);
        assert_eq!(hex(&signature), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    #[test]
    fn secrets_are_compared_whole() {
        assert!(is_same_secret(b"one", b"one"));
        assert!(!is_same_secret(b"one", b"ones") && !is_same_secret(b"", b"one") && !is_same_secret(b"One", b"one"));
    }
}
