//! Units of one product or variant given for nothing.

use std::sync::Arc;

use super::Apply;
use crate::bundle::UnitEffect;
use crate::pricing::{Cart, Given, Unpriceable};

#[derive(Debug)]
pub(crate) struct Unit {
    units: i64,
    /// Whether units that are in the order are made free first.
    frees_present: bool,
    /// Price of one unit where the order has no line of it.
    price: i64,
    given: Arc<Given>,
}

impl Unit {
    pub(super) fn compile(
        units: i64,
        effect: UnitEffect,
        product_id: &str,
        sku_id: &str,
        price: i64,
    ) -> Option<Self> {
        let frees_present = match effect {
            UnitEffect::AddMissingItems => true,
            UnitEffect::AddNewItems => false,
            UnitEffect::Unspecified => return None,
        };
        let given = Given {
            product_id: product_id.to_owned(),
            sku_id: sku_id.to_owned(),
        };
        Some(Self {
            units,
            frees_present,
            price,
            given: Arc::new(given),
        })
    }

    /// Adds units to the cheapest line of them, or as a line of their own.
    fn add(
        &self,
        cart: &mut Cart<'_>,
        line: Option<usize>,
        units: i64,
    ) -> Result<i64, Unpriceable> {
        match line {
            Some(line) => cart.add_free_units(line, units),
            None => cart.add_free_line(&self.given, self.price, units),
        }
    }
}

impl Apply for Unit {
    fn apply(&self, cart: &mut Cart<'_>) -> Result<i64, Unpriceable> {
        if !cart.has_lines() {
            return Err(Unpriceable::NothingSelected);
        }
        let lines = cart.lines_of(&self.given);
        let present: i64 = if self.frees_present {
            lines.iter().map(|line| cart.paid_units(*line)).sum()
        } else {
            0
        };
        let mut missing = self.units;
        let mut value = 0;
        // What can fail comes first, so that a failure leaves the cart as it was.
        if present < missing {
            value += self.add(cart, lines.first().copied(), missing - present)?;
            missing = present;
        }
        for line in lines {
            if missing == 0 {
                break;
            }
            let (freed, freed_value) = cart.free_units(line, missing);
            missing -= freed;
            value += freed_value;
        }
        Ok(value)
    }

    fn is_eligible(&self, cart: &Cart<'_>) -> bool {
        cart.has_lines()
    }
}
