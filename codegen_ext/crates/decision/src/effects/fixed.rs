//! A price set. A price that is already lower stays.

use super::Apply;
use crate::bundle::{DiscountEffect, ItemSelector};
use crate::pricing::{Cart, Unpriceable};
use crate::selector::Selector;

#[derive(Debug)]
pub(crate) struct Fixed {
    price: i64,
    /// None: the order as a whole.
    lines: Option<Selector>,
}

impl Fixed {
    pub(super) fn compile(
        price: i64,
        effect: DiscountEffect,
        applies_to: &ItemSelector,
    ) -> Option<Self> {
        let lines = match effect {
            DiscountEffect::ApplyToOrder => None,
            DiscountEffect::ApplyToItems => Some(Selector::compile(applies_to)),
            DiscountEffect::Unspecified
            | DiscountEffect::ApplyToItemsProportionally
            | DiscountEffect::ApplyToItemsByQuantity => return None,
        };
        Some(Self { price, lines })
    }
}

impl Apply for Fixed {
    fn apply(&self, cart: &mut Cart<'_>) -> Result<i64, Unpriceable> {
        match &self.lines {
            None => Ok(cart.discount_order((cart.left() - self.price).max(0))),
            // Units that are free stay free, so the price is that of the others.
            Some(selector) => cart.discount_lines(selector, None, |line| {
                let target = self.price.saturating_mul(line.paid_units());
                line.left().saturating_sub(target).max(0)
            }),
        }
    }

    fn is_eligible(&self, cart: &Cart<'_>) -> bool {
        self.lines
            .as_ref()
            .is_none_or(|selector| cart.selects_any(selector))
    }
}
