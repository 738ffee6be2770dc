//! Every key name of the store. Nothing else spells one, in Rust or in Python.
//!
//! Keys of one partition share the hash tag `{project:NN}`, so that a redemption
//! of one campaign touches one slot of a cluster. Names are short because each
//! costs memory: a published code is little more than its key.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// Codes whose single-use bits share one page: so many that its key costs next to
/// nothing beside them, and few enough that its first use, which clears it, takes
/// the store a fraction of a millisecond. That is also what one scattered use can
/// cost. 64 bytes of 512 KiB are left for what the store puts around a value:
/// allocators round what is longer up, jemalloc by a quarter.
pub const PAGE_SIZE: u64 = (1 << 22) - 512;

/// Positions whose holders share one hash: few enough to stay in the compact
/// encoding of every server's defaults.
pub const HOLDERS_PER_BUCKET: u64 = 64;

/// Positions of codes that callers named in a campaign with computed codes begin
/// here, behind all that its ranges can ever have, with a page of their own.
pub const NAMED_FROM: u64 = (1u64 << 40).div_ceil(PAGE_SIZE) * PAGE_SIZE;

/// Field name to API key document, for all projects.
pub const AUTH: &str = "promo:auth";

/// Counts changes of definitions and keys, for all projects.
pub const EPOCH: &str = "promo:epoch";

/// A partition of a project: the unit that one commit is atomic in on a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Partition(pub u8);

impl Partition {
    /// The partition of a campaign.
    #[allow(clippy::cast_possible_truncation)] // the remainder is below `partitions`
    pub fn of_campaign(number: u32, partitions: u8) -> Self {
        Self((number % u32::from(partitions.max(1))) as u8)
    }
}

/// Builds the keys of one partition of a project.
#[derive(Clone, Debug)]
pub struct Keys {
    tag: String,
}

impl Keys {
    /// Keys of `partition` of `project`.
    pub fn new(project: &str, partition: Partition) -> Self {
        Self {
            tag: format!("{{{project}:{:02x}}}", partition.0),
        }
    }

    /// A key of the partition: `name` is what limits are called in the ledger.
    pub fn named(&self, name: &str) -> String {
        let mut key = String::with_capacity(self.tag.len() + name.len());
        key.push_str(&self.tag);
        key.push_str(name);
        key
    }

    /// The bundle of a campaign.
    pub fn bundle(&self, campaign: u32) -> String {
        self.named(&format!("b:{}", base36(campaign.into())))
    }

    /// The version of the bundle, which commits compare.
    pub fn bundle_version(&self, campaign: u32) -> String {
        self.named(&format!("v:{}", base36(campaign.into())))
    }

    /// This partition's copy of the project's version, which commits compare.
    pub fn project_version(&self) -> String {
        self.named("v")
    }

    /// The ledger.
    pub fn ledger(&self) -> String {
        self.named("ledger")
    }

    /// What consumers of the ledger have not seen yet.
    pub fn outbox(&self) -> String {
        self.named("outbox")
    }

    /// Holds by expiry.
    pub fn holds(&self) -> String {
        self.named("holds")
    }

    /// The record of a hold.
    pub fn hold(&self, session: &str) -> String {
        self.named(&format!("ss:{session}"))
    }

    /// The kept answer of a request id.
    pub fn request(&self, method: char, request_id: &str) -> String {
        self.named(&format!("i:{method}:{request_id}"))
    }

    /// Which redeemables of a redemption were rolled back, a bit each.
    pub fn rolled_back(&self, stream_id: &str) -> String {
        self.named(&format!("rb:{stream_id}"))
    }

    /// The slots given back to a limit. The mark stands first: names of limits end
    /// in what callers chose, so a mark at the end could spell another limit.
    pub fn free_slots(&self, limit: &str) -> String {
        self.named(&format!("f:{limit}"))
    }

    /// How far the publication of a campaign's codes is.
    pub fn cursor(&self, campaign: u32) -> String {
        self.named(&format!("x:{}", base36(campaign.into())))
    }

    /// Holders of 64 neighbouring positions.
    pub fn holders(&self, campaign: u32, bucket: u64) -> String {
        self.named(&format!("h:{}:{}", base36(campaign.into()), base36(bucket)))
    }

    /// Stored codes of 64 neighbouring positions.
    pub fn stored_codes(&self, campaign: u32, bucket: u64) -> String {
        self.named(&format!("l:{}:{}", base36(campaign.into()), base36(bucket)))
    }

    /// First position of the first publication to a customer.
    pub fn customer_publication(&self, campaign: u32, customer: &str) -> String {
        self.named(&format!("c:{}:{customer}", base36(campaign.into())))
    }

    /// First positions of the further publications to a customer, a list.
    pub fn further_publications(&self, campaign: u32, customer: &str) -> String {
        self.named(&format!("cf:{}:{customer}", base36(campaign.into())))
    }

    /// What a voucher that was edited has in place of its campaign's terms.
    pub fn voucher_override(&self, campaign: u32, position: u64) -> String {
        self.named(&format!(
            "e:{}:{}",
            base36(campaign.into()),
            base36(position)
        ))
    }

    /// First position of the publication with a caller's own id.
    pub fn source(&self, campaign: u32, source_id: &str) -> String {
        self.named(&format!(
            "s:{}:{}",
            base36(campaign.into()),
            short_hash(source_id)
        ))
    }
}

/// Name of the limit on uses of a campaign, per period if one is given.
pub fn campaign_uses(campaign: u32, period: Option<&str>) -> String {
    match period {
        None => format!("n:{}", base36(campaign.into())),
        Some(period) => format!("n:{}:{period}", base36(campaign.into())),
    }
}

/// Name of the limit on uses of a campaign by one customer.
pub fn customer_uses(campaign: u32, customer: &str) -> String {
    format!("u:{}:{customer}", base36(campaign.into()))
}

/// Name of the limit on uses of one code.
pub fn code_uses(campaign: u32, position: u64) -> String {
    format!("k:{}:{}", base36(campaign.into()), base36(position))
}

/// Name of the limit on uses of one code by one customer.
pub fn customer_code_uses(campaign: u32, position: u64, customer: &str) -> String {
    format!(
        "q:{}:{}:{customer}",
        base36(campaign.into()),
        base36(position)
    )
}

/// Name of the sum of discounts given by a campaign.
pub fn discount_budget(campaign: u32) -> String {
    format!("m:{}", base36(campaign.into()))
}

/// Name of the sum of order values of a campaign.
pub fn order_value_budget(campaign: u32) -> String {
    format!("o:{}", base36(campaign.into()))
}

/// Name of the page of single-use bits that holds a position.
pub fn page(campaign: u32, page: u64) -> String {
    format!("p:{}:{}", base36(campaign.into()), base36(page))
}

/// The campaign that a limit's name speaks of.
pub fn campaign_of_limit(limit: &str) -> Option<u32> {
    u32::from_str_radix(limit.split(':').nth(1)?, 36).ok()
}

/// The position that the name of a limit on uses of one code speaks of.
pub fn position_of_limit(limit: &str) -> Option<u64> {
    u64::from_str_radix(limit.split(':').nth(2)?, 36).ok()
}

/// A partition that follows from a text alone, evenly spread.
pub fn partition_of_text(text: &str, partitions: u8) -> Partition {
    Partition(Sha256::digest(text.as_bytes())[0] % partitions.max(1))
}

/// Where a stored code of a project is found, spread over partitions by code.
pub fn stored_code(project: &str, code: &str, partitions: u8) -> String {
    Keys::new(project, partition_of_text(code, partitions)).named(&format!("sc:{code}"))
}

/// Bundle of a project.
pub fn project_bundle(project: &str) -> String {
    format!("{{{project}}}project")
}

/// Failed guesses of a caller or customer in a window.
pub fn guesses(project: &str, who: &str, window: i64) -> String {
    format!("{{{project}}}g:{}:{window}", short_hash(who))
}

/// Calls granted to servers for a key in one second.
pub fn rate(key_id: &str, second: i64) -> String {
    format!("promo:rate:{{{key_id}}}:{second}")
}

/// What a key of the store keeps, in words for people; `None` for a key that is not ours.
pub fn kind(key: &str) -> Option<&'static str> {
    if key == AUTH {
        return Some("API keys");
    }
    if key == EPOCH {
        return Some("version of definitions");
    }
    if key.starts_with("promo:rate:") {
        return Some("rate limits");
    }
    let (_, name) = key.strip_prefix('{')?.split_once('}')?;
    let (mark, of_something) = match name.split_once(':') {
        Some((mark, _)) => (mark, true),
        None => (name, false),
    };
    Some(match (mark, of_something) {
        ("project" | "v", false) | ("b" | "v", true) => "definitions",
        ("ledger", false) => "ledger",
        ("outbox", false) => "outbox",
        ("holds", false) | ("ss", true) => "holds",
        ("i", true) => "answers kept for request ids",
        ("rb", true) => "marks of rollbacks",
        ("f", true) => "free slots of limits",
        ("x", true) => "cursors of publications",
        ("h", true) => "holders of codes",
        ("c" | "cf", true) => "publications by customer",
        ("s", true) => "publications by source id",
        ("l" | "sc", true) => "stored codes",
        ("n", true) => "uses per campaign",
        ("u", true) => "uses per customer",
        ("k", true) => "uses per code",
        ("q", true) => "uses per customer and code",
        ("m" | "o", true) => "budgets",
        ("p", true) => "bits of single-use codes",
        ("e", true) => "vouchers that were edited",
        ("g", true) => "guesses of codes",
        _ => return None,
    })
}

/// The partition that a key belongs to, as its hash tag spells it: `project:NN`.
pub fn partition_tag(key: &str) -> Option<&str> {
    let (tag, _) = key.strip_prefix('{')?.split_once('}')?;
    tag.contains(':').then_some(tag)
}

/// 96 bits of SHA-256, in hex: text of any length and content as a short,
/// safe part of a key.
pub fn short_hash(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest[..12]
        .iter()
        .fold(String::with_capacity(24), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

/// Digits and small letters: the shortest spelling of numbers in keys and ids.
pub fn base36(mut value: u64) -> String {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut digits = [0_u8; 13];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = DIGITS[usize::try_from(value % 36).unwrap_or(0)];
        value /= 36;
        if value == 0 {
            return String::from_utf8_lossy(&digits[at..]).into_owned();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_whole_bytes_and_whole_buckets_and_named_codes_begin_one() {
        assert_eq!((PAGE_SIZE % 8, PAGE_SIZE % HOLDERS_PER_BUCKET), (0, 0));
        assert_eq!(
            (NAMED_FROM % PAGE_SIZE, NAMED_FROM % HOLDERS_PER_BUCKET),
            (0, 0)
        );
    }

    #[test]
    fn keys_of_a_partition_share_one_hash_tag() {
        let keys = Keys::new("k3v9q2aa", Partition::of_campaign(106, 64));
        assert_eq!(keys.ledger(), "{k3v9q2aa:2a}ledger");
        assert_eq!(keys.bundle(106), "{k3v9q2aa:2a}b:2y");
    }

    #[test]
    fn every_key_tells_what_it_keeps() {
        let keys = Keys::new("k3v9q2aa", Partition(1));
        let of_partition = [
            (keys.bundle(1), "definitions"),
            (keys.bundle_version(1), "definitions"),
            (keys.project_version(), "definitions"),
            (keys.ledger(), "ledger"),
            (keys.outbox(), "outbox"),
            (keys.holds(), "holds"),
            (keys.hold("a:b"), "holds"),
            (keys.request('r', "x"), "answers kept for request ids"),
            (keys.rolled_back("1-0"), "marks of rollbacks"),
            (
                keys.free_slots(&customer_uses(1, "a")),
                "free slots of limits",
            ),
            (keys.cursor(1), "cursors of publications"),
            (keys.holders(1, 2), "holders of codes"),
            (
                keys.customer_publication(1, "}x"),
                "publications by customer",
            ),
            (
                keys.further_publications(1, "}x"),
                "publications by customer",
            ),
            (keys.source(1, "s"), "publications by source id"),
            (keys.stored_codes(1, 2), "stored codes"),
            (stored_code("k3v9q2aa", "X:Y", 64), "stored codes"),
            (keys.named(&campaign_uses(1, None)), "uses per campaign"),
            (keys.named(&customer_uses(1, "a")), "uses per customer"),
            (keys.named(&code_uses(1, 2)), "uses per code"),
            (
                keys.named(&customer_code_uses(1, 2, "a")),
                "uses per customer and code",
            ),
            (keys.named(&discount_budget(1)), "budgets"),
            (keys.named(&order_value_budget(1)), "budgets"),
            (keys.named(&page(1, 2)), "bits of single-use codes"),
            (keys.voucher_override(1, 2), "vouchers that were edited"),
        ];
        for (key, what) in of_partition {
            assert_eq!(kind(&key), Some(what), "{key}");
            assert!(partition_tag(&key).is_some(), "{key}");
        }
        let others = [
            (AUTH.to_owned(), Some("API keys")),
            (EPOCH.to_owned(), Some("version of definitions")),
            (project_bundle("k3v9q2aa"), Some("definitions")),
            (guesses("k3v9q2aa", "c", 1), Some("guesses of codes")),
            (rate("key", 1), Some("rate limits")),
            ("session:17".to_owned(), None),
            ("{k3v9q2aa:01}other".to_owned(), None),
        ];
        for (key, what) in others {
            assert_eq!(kind(&key), what, "{key}");
        }
        assert_eq!(partition_tag(&rate("key", 1)), None);
        assert_eq!(partition_tag(&project_bundle("k3v9q2aa")), None);
    }

    #[test]
    fn no_customer_can_spell_the_free_slots_of_another() {
        let keys = Keys::new("k3v9q2aa", Partition(1));
        let free = keys.free_slots(&customer_uses(106, "a"));
        for customer in ["a:f", "f:a", "f", ":f"] {
            assert_ne!(keys.named(&customer_uses(106, customer)), free);
            assert_ne!(keys.named(&customer_code_uses(106, 1, customer)), free);
        }
    }

    #[test]
    fn names_of_limits_tell_campaign_and_position() {
        let name = customer_code_uses(106, 1_234_567, "a:b");
        assert_eq!(campaign_of_limit(&name), Some(106));
        assert_eq!(position_of_limit(&name), Some(1_234_567));
    }

    #[test]
    fn base36_spells_zero_and_large_numbers() {
        assert_eq!(base36(0), "0");
        assert_eq!(base36(35), "z");
        assert_eq!(base36(36), "10");
        assert_eq!(base36(u64::MAX), "3w5e11264sgsf");
    }
}
