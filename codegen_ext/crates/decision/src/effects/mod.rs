//! What vouchers give: one effect per file, all behind one trait.

mod amount;
mod fixed;
mod percent;
mod unit;

use crate::bundle::Discount;
use crate::pricing::{Cart, Unpriceable};

/// Something that takes money off a cart.
trait Apply {
    /// Applies it and returns what it took off, minor units. On an error the
    /// cart is as it was.
    fn apply(&self, cart: &mut Cart<'_>) -> Result<i64, Unpriceable>;

    /// Whether the cart has what it applies to. True does not promise that it
    /// can be priced.
    fn is_eligible(&self, cart: &Cart<'_>) -> bool;
}

/// A compiled effect.
#[derive(Debug)]
pub(crate) enum Effect {
    Amount(amount::Amount),
    Percent(percent::Percent),
    Fixed(fixed::Fixed),
    Unit(unit::Unit),
}

impl Effect {
    /// None for a combination that [`check_definition`](crate::check_definition)
    /// refuses.
    pub(crate) fn compile(discount: &Discount) -> Option<Self> {
        match discount {
            Discount::Amount {
                amount_off,
                effect,
                applies_to,
            } => amount::Amount::compile(*amount_off, *effect, applies_to).map(Self::Amount),
            Discount::Percent {
                basis_points,
                effect,
                amount_limit,
                applies_to,
            } => percent::Percent::compile(*basis_points, *effect, *amount_limit, applies_to)
                .map(Self::Percent),
            Discount::Fixed {
                fixed_amount,
                effect,
                applies_to,
            } => fixed::Fixed::compile(*fixed_amount, *effect, applies_to).map(Self::Fixed),
            Discount::Unit {
                unit_off,
                effect,
                product_id,
                sku_id,
                price,
                applies_to: _,
            } => {
                unit::Unit::compile(*unit_off, *effect, product_id, sku_id, *price).map(Self::Unit)
            }
        }
    }

    pub(crate) fn apply(&self, cart: &mut Cart<'_>) -> Result<i64, Unpriceable> {
        self.inner().apply(cart)
    }

    pub(crate) fn is_eligible(&self, cart: &Cart<'_>) -> bool {
        self.inner().is_eligible(cart)
    }

    /// Whether it can add lines, which later effects may select.
    pub(crate) fn adds_lines(&self) -> bool {
        matches!(self, Self::Unit(_))
    }

    fn inner(&self) -> &dyn Apply {
        match self {
            Self::Amount(effect) => effect,
            Self::Percent(effect) => effect,
            Self::Fixed(effect) => effect,
            Self::Unit(effect) => effect,
        }
    }
}
