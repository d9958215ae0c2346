//! Signatures as the convention of Standard Webhooks has them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::chance::Chance;
use crate::digest::hmac_sha256;

/// What every secret begins with, so that a leaked one can be recognised.
const PREFIX: &str = "whsec_";

/// A secret as it is shown, once.
pub(crate) fn new_secret(chance: &Chance) -> String {
    format!("{PREFIX}{}", STANDARD.encode(chance.bytes::<32>()))
}

/// The signature of a message by each of these secrets, the present one first: a
/// receiver who still has the one before finds its own among them.
pub(super) fn signatures(secrets: &[String], id: &str, timestamp: i64, body: &str) -> String {
    let signed = secrets.iter().filter_map(|secret| {
        let key = STANDARD.decode(secret.strip_prefix(PREFIX)?).ok()?;
        let signature = hmac_sha256(&key, &[id.as_bytes(), b".", timestamp.to_string().as_bytes(), b".", body.as_bytes()]);
        Some(format!("v1,{}", STANDARD.encode(signature)))
    });
    signed.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the convention's own libraries.
    #[test]
    fn a_signature_is_that_of_the_convention() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned();
        let (id, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", r#"{"test": 2432232314}"#);
        let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(signatures(std::slice::from_ref(&secret), id, 1_614_265_330, body), signature);
        let other = new_secret(&Chance::seeded(1));
        let both = signatures(&[other, secret], id, 1_614_265_330, body);
        assert!(both.ends_with(&format!(" {signature}")) && both.starts_with("v1,") && both.split(' ').count() == 2, "{both}");
    }
}
