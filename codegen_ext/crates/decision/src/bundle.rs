//! The JSON documents in which campaigns reach the engine.
//!
//! SQL is the truth for definitions; these are its compiled copies in the store.
//! A field that is absent, null or, unless it is a time or a price, 0 sets nothing. Unknown fields of a definition
//! are an error: an older engine must not ignore a condition that it cannot check.

use serde::{Deserialize, Deserializer, Serialize};

use crate::definition::DefinitionError;

/// A campaign as it is stored: identity, codes and definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct CampaignBundle {
    /// The engine's id, `camp_…`.
    pub id: String,
    /// Number within the project, from 1, never reused; part of the store's keys.
    pub number: u32,
    /// Rises with every change; the commit compares it.
    pub version: u64,
    /// Unique in the project.
    pub name: String,
    /// Whether codes can be used.
    pub enabled: bool,
    /// Whether the campaign is gone, so that its codes are unknown.
    #[serde(default)]
    pub deleted: bool,
    /// What a code gives, when and how often.
    pub definition: CampaignDefinition,
    /// Half-open ranges of raw indices in its code layout, in order of position.
    #[serde(default)]
    pub ranges: Vec<(u64, u64)>,
    /// How many codes they are, without what a blocklist leaves out.
    #[serde(default)]
    pub code_count: Option<u64>,
    /// Whether a customer who holds a code gets that one again.
    #[serde(default)]
    pub join_once: bool,
    /// Whether publications add codes when they run out.
    #[serde(default)]
    pub auto_grow: bool,
    /// Where the codes live.
    pub codes: CodeMode,
}

impl CampaignBundle {
    /// Reads a stored document. The definition inside is not checked before
    /// [`Campaign::compile`](crate::Campaign::compile).
    pub fn parse(json: &[u8]) -> Result<Self, DefinitionError> {
        Ok(serde_json::from_slice(json)?)
    }
}

/// Where the codes of a campaign live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeMode {
    /// Computed from a counter.
    Arithmetic,
    /// Kept one by one.
    Stored,
}

/// What a code gives, when and how often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CampaignDefinition {
    /// ISO 4217 code of every amount in the definition.
    #[serde(default, deserialize_with = "or_default")]
    pub currency: String,
    /// What a code gives; required, and its absence is a violation like others.
    #[serde(default)]
    pub discount: Option<Discount>,
    /// When codes may be used.
    #[serde(
        default,
        deserialize_with = "or_default",
        skip_serializing_if = "is_default"
    )]
    pub validity: Validity,
    /// How often and for how much.
    #[serde(
        default,
        deserialize_with = "or_default",
        skip_serializing_if = "is_default"
    )]
    pub limits: Limits,
}

/// What a voucher gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Discount {
    /// A sum off.
    Amount {
        /// Minor units.
        #[serde(default, deserialize_with = "or_default")]
        amount_off: i64,
        /// Where it falls.
        #[serde(default, deserialize_with = "or_default")]
        effect: DiscountEffect,
        /// Lines of an effect on items; empty means all.
        #[serde(
            default,
            deserialize_with = "or_default",
            skip_serializing_if = "is_default"
        )]
        applies_to: ItemSelector,
    },
    /// A share off what is left after the discounts before it.
    Percent {
        /// 10000 is everything.
        #[serde(default, deserialize_with = "or_default")]
        basis_points: i64,
        /// Where it falls.
        #[serde(default, deserialize_with = "or_default")]
        effect: DiscountEffect,
        /// The most that one application takes off, minor units; 0 is no cap.
        #[serde(
            default,
            deserialize_with = "or_default",
            skip_serializing_if = "is_default"
        )]
        amount_limit: i64,
        /// Lines of an effect on items; empty means all.
        #[serde(
            default,
            deserialize_with = "or_default",
            skip_serializing_if = "is_default"
        )]
        applies_to: ItemSelector,
    },
    /// A price set, of the order or of each unit.
    Fixed {
        /// Minor units.
        #[serde(default, deserialize_with = "or_default")]
        fixed_amount: i64,
        /// Where it falls.
        #[serde(default, deserialize_with = "or_default")]
        effect: DiscountEffect,
        /// Lines of an effect on items; empty means all.
        #[serde(
            default,
            deserialize_with = "or_default",
            skip_serializing_if = "is_default"
        )]
        applies_to: ItemSelector,
    },
    /// Units given for nothing.
    Unit {
        /// Units given.
        #[serde(default, deserialize_with = "or_default")]
        unit_off: i64,
        /// What happens to units that the order lacks.
        #[serde(default, deserialize_with = "or_default")]
        effect: UnitEffect,
        /// The product given.
        #[serde(
            default,
            deserialize_with = "or_default",
            skip_serializing_if = "is_default"
        )]
        product_id: String,
        /// The variant given.
        #[serde(
            default,
            deserialize_with = "or_default",
            skip_serializing_if = "is_default"
        )]
        sku_id: String,
        /// Price of one unit where the order has no line of it, minor units.
        #[serde(default, deserialize_with = "or_default")]
        price: i64,
        /// Must be empty: the unit names its own product.
        #[serde(
            default,
            deserialize_with = "or_default",
            skip_serializing_if = "is_default"
        )]
        applies_to: ItemSelector,
    },
}

impl Discount {
    /// The lines that the discount names.
    pub fn applies_to(&self) -> &ItemSelector {
        match self {
            Self::Amount { applies_to, .. }
            | Self::Percent { applies_to, .. }
            | Self::Fixed { applies_to, .. }
            | Self::Unit { applies_to, .. } => applies_to,
        }
    }
}

/// Where a discount falls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiscountEffect {
    /// Not said; a violation.
    #[default]
    #[serde(alias = "")]
    Unspecified,
    /// On the order as a whole; each line carries its share.
    ApplyToOrder,
    /// On each selected line, once a line.
    ApplyToItems,
    /// One sum over the selected lines.
    ApplyToItemsProportionally,
    /// On each unit of each selected line.
    ApplyToItemsByQuantity,
}

/// What a unit discount does with units that the order lacks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnitEffect {
    /// Not said; a violation.
    #[default]
    #[serde(alias = "")]
    Unspecified,
    /// Makes units free that are in the order and adds those that are missing.
    AddMissingItems,
    /// Always adds units beside those in the order.
    AddNewItems,
}

/// Lines of an order, named by product or by variant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemSelector {
    /// A line matches when its product is among them.
    #[serde(
        default,
        deserialize_with = "or_default",
        skip_serializing_if = "is_default"
    )]
    pub product_ids: Vec<String>,
    /// A line matches when its variant is among them.
    #[serde(
        default,
        deserialize_with = "or_default",
        skip_serializing_if = "is_default"
    )]
    pub sku_ids: Vec<String>,
}

impl ItemSelector {
    /// Whether no line is named, which selects all.
    pub fn is_empty(&self) -> bool {
        self.product_ids.is_empty() && self.sku_ids.is_empty()
    }
}

/// When vouchers may be used. Every part that is set must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validity {
    /// First instant of use, Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_ms: Option<i64>,
    /// First instant at which use has ended, Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expire_ms: Option<i64>,
    /// A window that recurs from the start.
    #[serde(default, skip_serializing_if = "is_default")]
    pub timeframe: Option<Timeframe>,
    /// ISO days of use, Monday is 1; empty means every day.
    #[serde(
        default,
        deserialize_with = "or_default",
        skip_serializing_if = "is_default"
    )]
    pub days_of_week: Vec<i64>,
    /// Hours of use, of which any suffices; empty means the whole day.
    #[serde(
        default,
        deserialize_with = "or_default",
        skip_serializing_if = "is_default"
    )]
    pub hours: Vec<Hours>,
    /// How long a code may be used after it was published.
    #[serde(
        default,
        deserialize_with = "or_default",
        skip_serializing_if = "is_default"
    )]
    pub activity_after_publishing_ms: i64,
}

/// A window of `duration_ms` that opens every `interval_ms`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timeframe {
    /// Distance between openings.
    #[serde(default, deserialize_with = "or_default")]
    pub interval_ms: i64,
    /// How long each opening lasts.
    #[serde(default, deserialize_with = "or_default")]
    pub duration_ms: i64,
}

/// Hours of a day in the project's time zone, half-open.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// Minute of the day at which use begins.
    #[serde(default, deserialize_with = "or_default")]
    pub start_minute: i64,
    /// Minute of the day at which use has ended.
    #[serde(default, deserialize_with = "or_default")]
    pub end_minute: i64,
    /// ISO days on which these hours hold; empty means every day.
    #[serde(
        default,
        deserialize_with = "or_default",
        skip_serializing_if = "is_default"
    )]
    pub days_of_week: Vec<i64>,
}

/// How often and for how much; 0 means no limit. Fields as in `promo.v1.Limits`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(
    missing_docs,
    reason = "the fields are those of promo.v1.Limits and described there"
)]
pub struct Limits {
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub per_code: i64,
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub per_customer_per_code: i64,
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub per_customer: i64,
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub per_campaign: i64,
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub per_day: i64,
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub per_week: i64,
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub per_month: i64,
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub discount_budget: i64,
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub order_value_budget: i64,
}

/// Reads null as the default, since the writer may send either for "not set".
fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
