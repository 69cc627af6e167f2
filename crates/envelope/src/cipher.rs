//! AES-256-GCM with a random nonce, which precedes the ciphertext.
//!
//! A key may seal 2³² payloads with random nonces (NIST SP 800-38D, 8.3).

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::error::Unspecified;

/// The length of a key in bytes.
pub(crate) const KEY_BYTES: usize = 32;

/// A key. `Debug` does not show it.
pub(crate) struct Cipher(RandomizedNonceKey);

impl Cipher {
    pub(crate) fn new(key: &[u8; KEY_BYTES]) -> Result<Self, Unspecified> {
        RandomizedNonceKey::new(&AES_256_GCM, key).map(Self)
    }

    /// Returns nonce, ciphertext and tag.
    pub(crate) fn seal(&self, associated: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let mut sealed = plaintext.to_vec();
        let nonce = self.0.seal_in_place_append_tag(Aad::from(associated), &mut sealed)?;
        let mut framed = nonce.as_ref().to_vec();
        framed.append(&mut sealed);
        Ok(framed)
    }

    pub(crate) fn open(&self, associated: &[u8], framed: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let (nonce, sealed) = framed.split_at_checked(NONCE_LEN).ok_or(Unspecified)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce)?;
        let mut sealed = sealed.to_vec();
        let length = self.0.open_in_place(nonce, Aad::from(associated), &mut sealed)?.len();
        sealed.truncate(length);
        Ok(sealed)
    }
}

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cipher(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_payload_or_place_does_not_open() {
        let cipher = Cipher::new(&[7; KEY_BYTES]).unwrap();
        for plaintext in [&b""[..], b"a", &[0; 10_000]] {
            let sealed = cipher.seal(b"here", plaintext).unwrap();
            assert_eq!(sealed.len(), plaintext.len() + 28);
            assert_eq!(cipher.open(b"here", &sealed).unwrap(), plaintext);
            assert!(cipher.open(b"there", &sealed).is_err());
            for at in [0, 12, sealed.len() - 1] {
                let mut changed = sealed.clone();
                changed[at] ^= 1;
                assert!(cipher.open(b"here", &changed).is_err(), "{at}");
            }
            assert!(cipher.open(b"here", &sealed[..sealed.len() - 1]).is_err());
            assert_ne!(cipher.seal(b"here", plaintext).unwrap(), sealed, "the nonce is random");
        }
        assert!(cipher.open(b"", b"").is_err());
        assert!(Cipher::new(&[8; KEY_BYTES]).unwrap().open(b"", &cipher.seal(b"", b"x").unwrap()).is_err());
    }
}
