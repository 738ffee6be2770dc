//! Layout keys: made, wrapped and unwrapped here, so that no other part of the
//! system ever sees one in the clear.
//!
//! Wrapping is AES-256 key wrap (RFC 3394). It authenticates: a wrapped key that
//! was altered, or that another master wrapped, does not unwrap. The master can
//! be replaced by wrapping every key again; no code changes.

use std::fmt;

use aes_kw::{KeyInit, KwAes256};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::error::CodesError;

/// Bytes of a layout key.
pub const KEY_BYTES: usize = 16;
/// Bytes of a master key.
pub const MASTER_BYTES: usize = 32;
/// Bytes of a wrapped layout key.
pub const WRAPPED_BYTES: usize = KEY_BYTES + 8;

/// The AES-128 key of one layout. Whoever has it knows all codes to come.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct LayoutKey([u8; KEY_BYTES]);

/// The AES-256 key that wraps layout keys.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct MasterKey([u8; MASTER_BYTES]);

impl LayoutKey {
    /// A new key from the system's random source.
    pub fn random() -> Result<Self, CodesError> {
        let mut key = Self([0; KEY_BYTES]);
        getrandom::fill(&mut key.0).map_err(CodesError::RandomSource)?;
        Ok(key)
    }

    /// A key from its bytes, for tests and for keys that another system made.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CodesError> {
        sized("key", bytes).map(Self)
    }

    /// The key as it may be stored.
    pub fn wrap(&self, master: &MasterKey) -> [u8; WRAPPED_BYTES] {
        let mut wrapped = [0; WRAPPED_BYTES];
        KwAes256::new(&master.0.into())
            .wrap_key(&self.0, &mut wrapped)
            .expect("the lengths are constants of the standard");
        wrapped
    }

    /// The key that [`LayoutKey::wrap`] wrapped under the same master.
    pub fn unwrap(wrapped: &[u8], master: &MasterKey) -> Result<Self, CodesError> {
        let wrapped: [u8; WRAPPED_BYTES] = sized("wrapped_key", wrapped)?;
        let mut key = Self([0; KEY_BYTES]);
        KwAes256::new(&master.0.into())
            .unwrap_key(&wrapped, &mut key.0)
            .map_err(|_| CodesError::KeyNotOfMaster)?;
        Ok(key)
    }

    pub(crate) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

impl MasterKey {
    /// A master from its bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CodesError> {
        sized("master", bytes).map(Self)
    }
}

impl fmt::Debug for LayoutKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("LayoutKey(secret)")
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("MasterKey(secret)")
    }
}

/// Wraps a key again, for another master.
pub fn rewrap(
    wrapped: &[u8],
    old: &MasterKey,
    new: &MasterKey,
) -> Result<[u8; WRAPPED_BYTES], CodesError> {
    LayoutKey::unwrap(wrapped, old).map(|key| key.wrap(new))
}

fn sized<const N: usize>(field: &'static str, bytes: &[u8]) -> Result<[u8; N], CodesError> {
    bytes.try_into().map_err(|_| CodesError::KeyLength {
        field,
        length: bytes.len(),
        expected: N,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn master(byte: u8) -> MasterKey {
        MasterKey([byte; MASTER_BYTES])
    }

    #[test]
    fn wrapping_agrees_with_rfc_3394_section_4_3() {
        let kek: Vec<u8> = (0..32).collect();
        let key = LayoutKey(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff_u128.to_be_bytes());
        let wrapped = key.wrap(&MasterKey::from_bytes(&kek).unwrap());
        let wanted = "64E8C3F9CE0F5BA263E9777905818A2A93C8191E7D6E8AE7";
        for (byte, digits) in wrapped.iter().zip(wanted.as_bytes().chunks_exact(2)) {
            assert_eq!(format!("{byte:02X}").as_bytes(), digits);
        }
    }

    #[test]
    fn an_altered_key_and_another_master_are_refused() {
        let key = LayoutKey::random().unwrap();
        let mut wrapped = key.wrap(&master(1));
        assert_eq!(LayoutKey::unwrap(&wrapped, &master(1)).unwrap().0, key.0);
        let other = LayoutKey::unwrap(&wrapped, &master(2));
        assert!(matches!(other, Err(CodesError::KeyNotOfMaster)));
        wrapped[3] ^= 1;
        let altered = LayoutKey::unwrap(&wrapped, &master(1));
        assert!(matches!(altered, Err(CodesError::KeyNotOfMaster)));
        let short = LayoutKey::unwrap(&wrapped[1..], &master(1));
        assert!(matches!(
            short,
            Err(CodesError::KeyLength { length: 23, .. })
        ));
    }

    #[test]
    fn a_rewrapped_key_is_the_same_key_under_the_new_master_only() {
        let key = LayoutKey::random().unwrap();
        let rewrapped = rewrap(&key.wrap(&master(1)), &master(1), &master(2)).unwrap();
        assert_eq!(LayoutKey::unwrap(&rewrapped, &master(2)).unwrap().0, key.0);
        assert!(LayoutKey::unwrap(&rewrapped, &master(1)).is_err());
    }

    #[test]
    fn keys_do_not_show_in_debug_output() {
        let shown = format!("{:?} {:?}", LayoutKey([0xab; KEY_BYTES]), master(0xab));
        assert_eq!(shown, "LayoutKey(secret) MasterKey(secret)");
    }
}
