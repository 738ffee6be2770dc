//! A share off what is left, exact in basis points and rounded half up.

use super::Apply;
use crate::bundle::{DiscountEffect, ItemSelector};
use crate::pricing::{Cart, Unpriceable};
use crate::selector::Selector;

/// Basis points of everything.
const WHOLE: u64 = 10_000;

#[derive(Debug)]
pub(crate) struct Percent {
    basis_points: u64,
    cap: Option<i64>,
    /// None: the order as a whole.
    lines: Option<Selector>,
}

impl Percent {
    pub(super) fn compile(
        basis_points: i64,
        effect: DiscountEffect,
        amount_limit: i64,
        applies_to: &ItemSelector,
    ) -> Option<Self> {
        let lines = match effect {
            DiscountEffect::ApplyToOrder => None,
            DiscountEffect::ApplyToItems => Some(Selector::compile(applies_to)),
            DiscountEffect::Unspecified
            | DiscountEffect::ApplyToItemsProportionally
            | DiscountEffect::ApplyToItemsByQuantity => return None,
        };
        let basis_points = basis_points.unsigned_abs().min(WHOLE);
        Some(Self {
            basis_points,
            cap: (amount_limit > 0).then_some(amount_limit),
            lines,
        })
    }

    /// The share of an amount between 0 and 10^15, whose product with the basis
    /// points is below 2^64.
    fn of(&self, amount: i64) -> i64 {
        let product = amount.unsigned_abs() * self.basis_points;
        ((product + WHOLE / 2) / WHOLE).cast_signed()
    }
}

impl Apply for Percent {
    fn apply(&self, cart: &mut Cart<'_>) -> Result<i64, Unpriceable> {
        match &self.lines {
            None => {
                let off = self.of(cart.left());
                Ok(cart.discount_order(self.cap.map_or(off, |cap| cap.min(off))))
            }
            Some(selector) => cart.discount_lines(selector, self.cap, |line| self.of(line.left())),
        }
    }

    fn is_eligible(&self, cart: &Cart<'_>) -> bool {
        self.lines
            .as_ref()
            .is_none_or(|selector| cart.selects_any(selector))
    }
}
