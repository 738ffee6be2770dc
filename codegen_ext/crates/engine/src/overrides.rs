//! Vouchers that were edited on their own, each with a record of what it has in
//! place of its campaign's terms.
//!
//! Nearly no voucher is edited, so a redemption does not look: its commit makes
//! sure that there is no record, and only when there is one the call reads it
//! and decides again.

use promo_decision::{OwnDiscount, Refusal, Violation, VoucherTerms};
use prost::Message as _;
use redis::Value;

use crate::{
    call::Call, convert, definitions::IssuedCampaign, plan::Plan, protocol::promo::v1 as pb,
    reading::Reading, resolve::Located, store::StoreError,
};

/// What a voucher that was edited has of its own.
#[derive(Debug)]
pub struct Edited {
    /// The bytes read, which a commit compares.
    pub bytes: Vec<u8>,
    /// The record.
    pub record: pb::VoucherOverride,
    /// The record as the decision needs it.
    pub terms: VoucherTerms,
}

impl Edited {
    /// Reads a record; none where there is none.
    pub fn parse(value: Value) -> Result<Option<Self>, StoreError> {
        let malformed = || StoreError::Unexpected("malformed voucher record".into());
        let bytes = match value {
            Value::Nil => return Ok(None),
            Value::BulkString(bytes) => bytes,
            _ => return Err(malformed()),
        };
        let record = pb::VoucherOverride::decode(&*bytes).map_err(|_| malformed())?;
        let terms = terms(&record).map_err(|_| malformed())?;
        Ok(Some(Self {
            bytes,
            record,
            terms,
        }))
    }
}

/// A record as the decision needs it; violations where its discount is none.
pub fn terms(record: &pb::VoucherOverride) -> Result<VoucherTerms, Vec<Violation>> {
    let discount = match &record.discount {
        None => None,
        Some(discount) => Some(OwnDiscount::compile(&convert::discount_definition(
            discount,
        )?)?),
    };
    Ok(VoucherTerms {
        disabled: record.disabled,
        deleted: record.deleted,
        start_ms: record.start_time.as_ref().map(convert::milliseconds),
        expire_ms: record.expire_time.as_ref().map(convert::milliseconds),
        per_code: record.redemption_limit,
        discount,
    })
}

/// Whether a call knows what the vouchers of a request have of their own.
#[derive(Debug)]
pub enum Overrides {
    /// Nobody looked: the commit makes sure that no voucher was edited.
    Unread,
    /// One per voucher, none where it was not edited.
    Read(Vec<Option<Edited>>),
}

impl Overrides {
    /// Reads those of codes that were found.
    pub async fn read(
        call: &Call<'_>,
        located: &[Result<Located, Refusal>],
    ) -> Result<Self, StoreError> {
        let mut reading = Reading::default();
        look(&mut reading, located);
        let values = reading.run(&call.engine.store).await?;
        Self::parse(located, values)
    }

    /// From the values that `look` asked for.
    pub fn parse(
        located: &[Result<Located, Refusal>],
        values: Vec<Value>,
    ) -> Result<Self, StoreError> {
        let mut values = values.into_iter();
        let edited = located.iter().map(|one| match one {
            Ok(_) => Edited::parse(values.next().unwrap_or(Value::Nil)),
            Err(_) => Ok(None),
        });
        Ok(Self::Read(edited.collect::<Result<_, _>>()?))
    }

    /// Whether somebody looked.
    pub fn is_read(&self) -> bool {
        matches!(self, Self::Read(_))
    }

    /// What the voucher at a place of the request has of its own.
    pub fn of(&self, place: usize) -> Option<&Edited> {
        match self {
            Self::Unread => None,
            Self::Read(edited) => edited.get(place)?.as_ref(),
        }
    }

    /// Whether both tell the same of every voucher.
    pub fn agrees(&self, other: &Self, count: usize) -> bool {
        let bytes = |one: &Self, place| one.of(place).map(|edited| edited.bytes.clone());
        (0..count).all(|place| bytes(self, place) == bytes(other, place))
    }

    /// Adds to a plan that the vouchers are still as they are known here.
    pub fn expect(&self, plan: &mut Plan, located: &[Result<Located, Refusal>]) {
        for (place, one) in located.iter().enumerate() {
            if let Ok(one) = one {
                let key = key(&one.campaign, one.position);
                match self.of(place) {
                    None => plan.absent(key),
                    Some(edited) => plan.unchanged(key, edited.bytes.clone()),
                }
            }
        }
    }
}

/// Asks for the record of every code that was found, in order.
pub fn look(reading: &mut Reading, located: &[Result<Located, Refusal>]) {
    for one in located.iter().flatten() {
        reading.string(key(&one.campaign, one.position));
    }
}

/// Key of the record of a voucher.
pub fn key(campaign: &IssuedCampaign, position: u64) -> String {
    campaign
        .keys
        .voucher_override(campaign.campaign.number, position)
}
