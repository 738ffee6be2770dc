//! A sum off.

use super::Apply;
use crate::bundle::{DiscountEffect, ItemSelector};
use crate::pricing::{Cart, Unpriceable};
use crate::selector::Selector;

#[derive(Debug)]
pub(crate) struct Amount {
    off: i64,
    target: Target,
}

#[derive(Debug)]
enum Target {
    Order,
    EachLine(Selector),
    LinesTogether(Selector),
    EachUnit(Selector),
}

impl Amount {
    pub(super) fn compile(
        off: i64,
        effect: DiscountEffect,
        applies_to: &ItemSelector,
    ) -> Option<Self> {
        let selector = || Selector::compile(applies_to);
        let target = match effect {
            DiscountEffect::ApplyToOrder => Target::Order,
            DiscountEffect::ApplyToItems => Target::EachLine(selector()),
            DiscountEffect::ApplyToItemsProportionally => Target::LinesTogether(selector()),
            DiscountEffect::ApplyToItemsByQuantity => Target::EachUnit(selector()),
            DiscountEffect::Unspecified => return None,
        };
        Some(Self { off, target })
    }
}

impl Apply for Amount {
    fn apply(&self, cart: &mut Cart<'_>) -> Result<i64, Unpriceable> {
        match &self.target {
            Target::Order => Ok(cart.discount_order(self.off)),
            Target::EachLine(selector) => cart.discount_lines(selector, None, |_| self.off),
            Target::LinesTogether(selector) => cart.discount_lines_together(selector, self.off),
            // A unit that is free already has nothing left to take off.
            Target::EachUnit(selector) => cart.discount_lines(selector, None, |line| {
                self.off.saturating_mul(line.paid_units())
            }),
        }
    }

    fn is_eligible(&self, cart: &Cart<'_>) -> bool {
        match &self.target {
            Target::Order => true,
            Target::EachLine(selector)
            | Target::LinesTogether(selector)
            | Target::EachUnit(selector) => cart.selects_any(selector),
        }
    }
}
