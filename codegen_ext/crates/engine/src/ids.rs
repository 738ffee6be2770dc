//! Ids of what happens. They tell where a thing is kept, so a get by id is one
//! look-up and no directory is needed.

use sha2::{Digest, Sha256};

use crate::keys::{Partition, base36};

/// Where an entry of the ledger is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerId {
    /// The partition whose ledger it is in.
    pub partition: Partition,
    /// Milliseconds of the stream id.
    pub milliseconds: u64,
    /// Sequence of the stream id.
    pub sequence: u64,
}

impl LedgerId {
    /// Reads the store's own spelling of a stream id.
    pub fn from_stream(partition: Partition, stream_id: &str) -> Option<Self> {
        let (milliseconds, sequence) = stream_id.split_once('-')?;
        Some(Self {
            partition,
            milliseconds: milliseconds.parse().ok()?,
            sequence: sequence.parse().ok()?,
        })
    }

    /// The store's own spelling.
    pub fn stream_id(self) -> String {
        format!("{}-{}", self.milliseconds, self.sequence)
    }

    /// Id of the redemption that this entry records.
    pub fn redemption(self) -> String {
        format!("r_{}", self.digits())
    }

    /// Id of one redeemable's share of the redemption.
    pub fn redeemable(self, place: usize) -> String {
        format!("r_{}.{place}", self.digits())
    }

    /// Id of the rollback that this entry records.
    pub fn rollback(self) -> String {
        format!("rr_{}", self.digits())
    }

    /// Id as consumers of the ledger see it.
    pub fn entry(self) -> String {
        format!("{:02x}:{}", self.partition.0, self.stream_id())
    }

    /// Reads the id of a redemption.
    pub fn parse_redemption(id: &str) -> Option<Self> {
        Self::parse_digits(id.strip_prefix("r_")?)
    }

    /// Reads the id of one redeemable's share: the redemption and its place.
    pub fn parse_redeemable(id: &str) -> Option<(Self, usize)> {
        let (redemption, place) = id.rsplit_once('.')?;
        Some((Self::parse_redemption(redemption)?, place.parse().ok()?))
    }

    fn digits(self) -> String {
        format!(
            "{:02x}{:011x}{:03x}",
            self.partition.0, self.milliseconds, self.sequence
        )
    }

    fn parse_digits(digits: &str) -> Option<Self> {
        let plain = digits
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if !plain || !(16..=32).contains(&digits.len()) {
            return None;
        }
        let id = Self {
            partition: Partition(u8::from_str_radix(&digits[..2], 16).ok()?),
            milliseconds: u64::from_str_radix(&digits[2..13], 16).ok()?,
            sequence: u64::from_str_radix(&digits[13..], 16).ok()?,
        };
        // One id has one spelling.
        (id.digits() == digits).then_some(id)
    }
}

/// Where a publication is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicationId {
    /// Number of the campaign.
    pub campaign: u32,
    /// First position handed out.
    pub position: u64,
}

impl PublicationId {
    /// Reads the id of a publication.
    pub fn parse(id: &str) -> Option<Self> {
        let (campaign, position) = id.strip_prefix("pub_")?.split_once('_')?;
        let parsed = Self {
            campaign: u32::from_str_radix(campaign, 36).ok()?,
            position: u64::from_str_radix(position, 36).ok()?,
        };
        (parsed.to_string() == id).then_some(parsed)
    }
}

impl std::fmt::Display for PublicationId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (campaign, position) = (base36(self.campaign.into()), base36(self.position));
        write!(formatter, "pub_{campaign}_{position}")
    }
}

/// Id of the voucher at a position of a campaign.
pub fn voucher(campaign: u32, position: u64) -> String {
    format!("v_{}_{}", base36(campaign.into()), base36(position))
}

/// Campaign and position of the voucher with this id.
pub fn parse_voucher(id: &str) -> Option<(u32, u64)> {
    let (campaign, position) = id.strip_prefix("v_")?.split_once('_')?;
    let campaign = u32::from_str_radix(campaign, 36).ok()?;
    let position = u64::from_str_radix(position, 36).ok()?;
    // One id has one spelling.
    (voucher(campaign, position) == id).then_some((campaign, position))
}

/// Id of the customer whom a project calls `source_id`.
pub fn customer(project: &str, source_id: &str) -> String {
    let mut hasher = Sha256::new();
    hasher.update(project.as_bytes());
    hasher.update([0]);
    hasher.update(source_id.as_bytes());
    let digest = hasher.finalize();
    let (high, low) = (
        base32_of_40_bits(&digest[..5]),
        base32_of_40_bits(&digest[5..10]),
    );
    format!("cust_{high}{low}")
}

fn base32_of_40_bits(bytes: &[u8]) -> String {
    let value = bytes
        .iter()
        .fold(0, |all, byte| all << 8 | u64::from(*byte));
    format!("{:0>8}", base32(value))
}

fn base32(mut value: u64) -> String {
    const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let mut digits = Vec::new();
    while value > 0 {
        digits.push(char::from(DIGITS[usize::try_from(value % 32).unwrap_or(0)]));
        value /= 32;
    }
    digits.iter().rev().collect()
}

/// A session key that nobody can guess.
pub fn new_session_key() -> Result<String, getrandom::Error> {
    let mut bytes = [0_u8; 20];
    getrandom::fill(&mut bytes)?;
    let mut key = String::from("ssn_");
    for chunk in bytes.chunks(5) {
        key.push_str(&base32_of_40_bits(chunk));
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: LedgerId = LedgerId {
        partition: Partition(0x11),
        milliseconds: 1_732_250_000_000,
        sequence: 5_000,
    };

    #[test]
    fn ids_of_redemptions_are_read_back() {
        assert_eq!(LedgerId::parse_redemption(&ID.redemption()), Some(ID));
        assert_eq!(
            LedgerId::parse_redeemable(&ID.redeemable(29)),
            Some((ID, 29))
        );
        assert_eq!(
            LedgerId::from_stream(Partition(0x11), &ID.stream_id()),
            Some(ID)
        );
    }

    #[test]
    fn other_spellings_of_an_id_are_no_ids() {
        for wrong in [
            "",
            "r_",
            "r_zz",
            "r_110193",
            "x_11019353d9d4000000",
            "r_+1019353d9d4000000",
        ] {
            assert_eq!(LedgerId::parse_redemption(wrong), None, "{wrong}");
        }
        assert_eq!(PublicationId::parse("pub_05_1"), None);
        assert!(PublicationId::parse("pub_5_1").is_some());
    }

    #[test]
    fn ids_of_vouchers_are_read_back() {
        assert_eq!(parse_voucher(&voucher(7, 1 << 40)), Some((7, 1 << 40)));
        for wrong in ["v_", "v_7", "v_07_1", "v_7_1_1", "V_7_1"] {
            assert_eq!(parse_voucher(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn customers_of_two_projects_have_two_ids() {
        assert_ne!(customer("a", "17850"), customer("b", "17850"));
        assert_eq!(customer("a", "17850").len(), "cust_".len() + 16);
    }
}
