//! What a promotion gives and whether it may be used, as pure functions.
//!
//! Nothing here reads a clock, draws a random number, waits or knows protobuf:
//! an order, compiled campaigns and the time go in, a [`Decision`] comes out.
//! Counters live in the store, so a decision ends in a list of [`Take`]s that
//! the store must grant together.
#![forbid(unsafe_code)]

pub mod bundle;
pub mod calendar;
pub mod campaign;
pub mod currency;
mod decide;
pub mod definition;
mod effects;
pub mod explain;
pub mod limits;
pub mod order;
mod pricing;
pub mod reason;
pub mod refusal;
mod selector;
mod validity;
mod voucher;

pub use bundle::{CampaignBundle, CampaignDefinition, CodeMode};
pub use calendar::{Period, PeriodName, Zone};
pub use campaign::Campaign;
pub use currency::Currency;
pub use decide::{Candidate, Decision, Facts, Mode, Outcome, decide};
pub use definition::{DefinitionError, check_definition};
pub use limits::{LimitKind, Take};
pub use order::{Item, LineInput, Order};
pub use pricing::{Breakdown, Given, ItemBreakdown};
pub use reason::Reason;
pub use refusal::{Refusal, Violation};
pub use validity::instant;
pub use voucher::{OwnDiscount, VoucherTerms};
