//! How uses are kept: where the store has them, and how many there are.
//!
//! A single-use code is one bit. When such a code was edited, it may have been
//! given further uses: those are in a counter whose slot 1 stands for the bit.

use promo_decision::{LimitKind, Take};
use redis::{FromRedisValue, Value};

use crate::{
    definitions::IssuedCampaign,
    keys::{self, PAGE_SIZE},
    movements::{Subject, limit_name},
    reading::Reading,
    store::StoreError,
};

/// The form in which uses of a limit are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One bit of a page.
    Bit,
    /// One bit, and a counter of the uses beyond it.
    BitAndCounter,
    /// A counter or a sum.
    Counter,
}

/// The form of a limit of a redeemable.
pub fn form(subject: Subject<'_>, kind: LimitKind) -> Form {
    match (kind, has_bits(subject.campaign), subject.edited) {
        (LimitKind::PerCode, true, false) => Form::Bit,
        (LimitKind::PerCode, true, true) => Form::BitAndCounter,
        _ => Form::Counter,
    }
}

/// Whether the codes of a campaign are single-use, which takes a bit each.
pub fn has_bits(campaign: &IssuedCampaign) -> bool {
    campaign.campaign.definition.limits.per_code == 1
}

/// Key of the page of bits that has a position, and the bit's place in it.
pub fn bit(campaign: &IssuedCampaign, position: u64) -> (String, u64) {
    let page = keys::page(campaign.campaign.number, position / PAGE_SIZE);
    (campaign.keys.named(&page), position % PAGE_SIZE)
}

/// The last bit that the page of a position needs.
pub fn last_bit(campaign: &IssuedCampaign, position: u64) -> u64 {
    let page = position / PAGE_SIZE;
    // Named codes lie beyond what was issued, where a page grows as it must.
    let issued = campaign.positions().saturating_sub(page * PAGE_SIZE);
    let last = issued.min(PAGE_SIZE).saturating_sub(1);
    last.max(position % PAGE_SIZE)
}

/// Where a reading has the uses of a limit.
#[derive(Debug)]
pub struct Place {
    first: usize,
    counter: Option<usize>,
}

/// Asks for the uses of a limit.
pub fn look(reading: &mut Reading, subject: Subject<'_>, take: &Take) -> Place {
    let key = subject.campaign.keys.named(&limit_name(subject, take));
    look_at(reading, subject, form(subject, take.kind), key)
}

/// Asks for the uses of a code.
pub fn look_at_code(reading: &mut Reading, subject: Subject<'_>) -> Place {
    let name = keys::code_uses(subject.campaign.campaign.number, subject.position);
    let form = form(subject, LimitKind::PerCode);
    look_at(reading, subject, form, subject.campaign.keys.named(&name))
}

fn look_at(reading: &mut Reading, subject: Subject<'_>, form: Form, key: String) -> Place {
    let (page, offset) = bit(subject.campaign, subject.position);
    match form {
        Form::Bit => Place {
            first: reading.bit(page, offset),
            counter: None,
        },
        Form::BitAndCounter => Place {
            first: reading.bit(page, offset),
            counter: Some(reading.string(key)),
        },
        Form::Counter => Place {
            first: reading.string(key),
            counter: None,
        },
    }
}

/// Uses or minor units so far.
pub fn used(values: &[Value], place: &Place) -> Result<i64, StoreError> {
    let value = |at: usize| values.get(at).map_or(Ok(0), stored_use);
    let further = match place.counter {
        None => 0,
        // Its slot 1 stands for the bit.
        Some(counter) => (value(counter)? - 1).max(0),
    };
    Ok(value(place.first)? + further)
}

/// A bit, or what stands before the first colon of a counter or sum.
fn stored_use(value: &Value) -> Result<i64, StoreError> {
    let malformed = || StoreError::Unexpected("malformed counter".into());
    match value {
        Value::Nil => Ok(0),
        Value::Int(bit) => Ok(*bit),
        other => {
            let text = String::from_redis_value_ref(other).map_err(|_| malformed())?;
            let used = text.split(':').next().ok_or_else(malformed)?;
            // A store that lost writes may have less than nothing, which is nothing.
            used.parse::<i64>()
                .map(|used| used.max(0))
                .map_err(|_| malformed())
        }
    }
}
