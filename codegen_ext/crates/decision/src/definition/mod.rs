//! What a campaign definition may say: every range of the contract, checked when
//! a campaign is saved and again when a bundle is loaded.

mod discount;
mod limits;
mod validity;

use crate::bundle::{CampaignDefinition, Discount};
use crate::currency::Currency;
use crate::refusal::Violation;

/// Most of any amount of money in an order or of any limit. With 2^53 as the next
/// bound above, twice this is still exact in the store's number type.
pub const MAX_AMOUNT: i64 = 1_000_000_000_000_000;
/// Most of a price or a sum off.
pub const MAX_PRICE: i64 = 1_000_000_000_000;
/// Most units of one line or gift.
pub const MAX_QUANTITY: i64 = 1_000_000;
/// Most bytes of an id that callers choose.
pub const MAX_ID_BYTES: usize = 256;

/// Why a document cannot be used as a definition.
#[derive(Debug, thiserror::Error)]
pub enum DefinitionError {
    /// It is not JSON of the expected shape.
    #[error("not a definition: {0}")]
    Malformed(#[from] serde_json::Error),
    /// Fields are missing or out of range.
    #[error("{}", list(.0))]
    Invalid(Vec<Violation>),
    /// The time zone database has no zone of this name.
    #[error("there is no time zone {0:?}")]
    UnknownZone(String),
}

impl DefinitionError {
    /// The fields at fault; a malformed document is at fault as a whole.
    pub fn violations(self) -> Vec<Violation> {
        match self {
            Self::Malformed(error) => vec![Violation::new("definition", error.to_string())],
            Self::Invalid(violations) => violations,
            Self::UnknownZone(_) => vec![Violation::new("time_zone", self.to_string())],
        }
    }
}

fn list(violations: &[Violation]) -> String {
    let parts: Vec<_> = violations
        .iter()
        .map(|one| format!("{}: {}", one.field, one.description))
        .collect();
    parts.join("; ")
}

/// The definition in canonical form: fields in one order, what is not set left
/// out. Two definitions that mean the same fields have the same bytes.
///
/// Every violation is listed, with its path in the protocol's field names.
pub fn check_definition(json: &str) -> Result<String, DefinitionError> {
    let mut definition: CampaignDefinition = serde_json::from_str(json)?;
    let violations = violations(&definition);
    if !violations.is_empty() {
        return Err(DefinitionError::Invalid(violations));
    }
    sort_days(&mut definition);
    Ok(serde_json::to_string(&definition)?)
}

/// Everything that is wrong with a discount.
pub(crate) fn check_discount(discount: &Discount) -> Vec<Violation> {
    let mut found = Findings::default();
    discount::check(discount, &mut found);
    found.0
}

/// Everything that is wrong with a definition.
pub(crate) fn violations(definition: &CampaignDefinition) -> Vec<Violation> {
    let mut found = Findings::default();
    if Currency::from_code(&definition.currency).is_none() {
        found.add(
            "currency_code",
            "must be an ISO 4217 code of a currency with minor units",
        );
    }
    match &definition.discount {
        Some(discount) => discount::check(discount, &mut found),
        None => found.add("discount", "is required, with exactly one kind"),
    }
    validity::check(&definition.validity, &mut found);
    limits::check(&definition.limits, &mut found);
    found.0
}

fn sort_days(definition: &mut CampaignDefinition) {
    let validity = &mut definition.validity;
    let lists = validity
        .hours
        .iter_mut()
        .map(|hours| &mut hours.days_of_week);
    for days in lists.chain([&mut validity.days_of_week]) {
        days.sort_unstable();
        days.dedup();
    }
}

/// Collects violations.
#[derive(Default)]
struct Findings(Vec<Violation>);

impl Findings {
    fn add(&mut self, field: impl Into<String>, description: impl Into<String>) {
        self.0.push(Violation::new(field, description));
    }

    /// Notes a number outside of `low..=high`.
    fn range(&mut self, field: &str, value: i64, low: i64, high: i64) {
        if !(low..=high).contains(&value) {
            self.add(field, format!("must be {low} to {high}, not {value}"));
        }
    }
}

#[cfg(test)]
mod tests;
