//! The arithmetic of discounts: what is left of each line, and who carries what.
//!
//! The invariants live here and nowhere else: [`Cart::book_line`] and
//! [`Cart::discount_order`] are the only places that take money off, and neither
//! takes more than is left.

mod breakdown;
mod share;

pub use breakdown::{Breakdown, Given, ItemBreakdown};

use std::cmp::Ordering;
use std::sync::Arc;

use crate::definition::MAX_AMOUNT;
use crate::order::Order;
use crate::selector::Selector;
use share::Part;

/// Why an effect cannot be applied to a cart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unpriceable {
    /// No line is among those that it discounts.
    NothingSelected,
    /// The units given would make the order larger than an order may be.
    OrderTooLarge,
}

/// An order in the course of being discounted.
pub(crate) struct Cart<'a> {
    order: &'a Order<'a>,
    lines: Vec<ItemBreakdown>,
    /// Discount on the order as a whole so far.
    order_discount: i64,
    /// What is left to pay.
    left: i64,
    /// Sum of the lines, units given included.
    amount: i64,
    /// Kept between effects, so that a stack allocates it once.
    parts: Vec<Part>,
}

impl<'a> Cart<'a> {
    pub(crate) fn new(order: &'a Order<'a>) -> Self {
        let lines: Vec<_> = order
            .items
            .iter()
            .map(ItemBreakdown::undiscounted)
            .collect();
        let parts = Vec::with_capacity(lines.len());
        Self {
            order,
            lines,
            order_discount: 0,
            left: order.amount,
            amount: order.amount,
            parts,
        }
    }

    /// What is left to pay after the discounts so far.
    pub(crate) fn left(&self) -> i64 {
        self.left
    }

    pub(crate) fn selects_any(&self, selector: &Selector) -> bool {
        (0..self.lines.len()).any(|index| self.is_selected(index, selector))
    }

    /// Takes up to `amount` off the order; each line carries its share of it by
    /// what is left of it. Returns what was taken.
    pub(crate) fn discount_order(&mut self, amount: i64) -> i64 {
        let amount = amount.min(self.left);
        self.order_discount += amount;
        self.left -= amount;
        if self.lines.is_empty() {
            return amount;
        }
        self.parts.clear();
        let weights = self.lines.iter().map(ItemBreakdown::left).enumerate();
        self.parts
            .extend(weights.map(|(line, weight)| Part::new(line, weight)));
        self.split(amount);
        for part in &self.parts {
            self.lines[part.line].order_share += part.share;
        }
        amount
    }

    /// Takes off each selected line what `discount_of` says, up to what is left
    /// of it. Where the sum passes `cap`, the cap is split by these discounts.
    /// Returns what was taken in sum.
    pub(crate) fn discount_lines(
        &mut self,
        selector: &Selector,
        cap: Option<i64>,
        discount_of: impl Fn(&ItemBreakdown) -> i64,
    ) -> Result<i64, Unpriceable> {
        self.select(selector, |line| discount_of(line).min(line.left()))?;
        let wanted = self.parts.iter().map(|part| part.weight).sum();
        let granted = cap.map_or(wanted, |cap| cap.min(wanted));
        self.split(granted);
        self.book_parts();
        Ok(granted)
    }

    /// Takes up to `amount` off the selected lines together, split by what is
    /// left of them. Returns what was taken.
    pub(crate) fn discount_lines_together(
        &mut self,
        selector: &Selector,
        amount: i64,
    ) -> Result<i64, Unpriceable> {
        self.select(selector, ItemBreakdown::left)?;
        let left: i64 = self.parts.iter().map(|part| part.weight).sum();
        let granted = amount.min(left);
        self.split(granted);
        self.book_parts();
        Ok(granted)
    }

    /// Lines of the given product or variant, cheapest units first. The order
    /// depends on the lines alone, not on where they stand in the request.
    pub(crate) fn lines_of(&self, given: &Given) -> Vec<usize> {
        let mut found: Vec<_> = (0..self.lines.len())
            .filter(|index| given.names(self.ids(*index)))
            .collect();
        found.sort_unstable_by(|one, other| {
            let price = |index: usize| self.lines[index].price;
            price(*one)
                .cmp(&price(*other))
                .then_with(|| self.compare(*one, *other))
        });
        found
    }

    /// Makes up to `units` units of a line free that are still paid for. Returns
    /// how many it made free, and what was left to pay for them.
    pub(crate) fn free_units(&mut self, line: usize, units: i64) -> (i64, i64) {
        let state = &mut self.lines[line];
        let paid = state.paid_units();
        let freed = units.min(paid);
        if freed == 0 {
            return (0, 0);
        }
        let value = share::proportion(state.left(), freed, paid);
        state.free_quantity += freed;
        self.book_line(line, value);
        (freed, value)
    }

    /// Adds `units` free units to a line. Returns their price.
    pub(crate) fn add_free_units(&mut self, line: usize, units: i64) -> Result<i64, Unpriceable> {
        let value = self.grow(self.lines[line].price, units)?;
        let state = &mut self.lines[line];
        state.quantity += units;
        state.free_quantity += units;
        state.amount += value;
        state.discount += value;
        Ok(value)
    }

    /// Adds a line of `units` free units. Returns their price.
    pub(crate) fn add_free_line(
        &mut self,
        given: &Arc<Given>,
        price: i64,
        units: i64,
    ) -> Result<i64, Unpriceable> {
        let value = self.grow(price, units)?;
        self.lines.push(ItemBreakdown {
            quantity: units,
            price,
            amount: value,
            discount: value,
            order_share: 0,
            free_quantity: units,
            added: Some(Arc::clone(given)),
        });
        Ok(value)
    }

    /// Units of a line that are not given for nothing.
    pub(crate) fn paid_units(&self, line: usize) -> i64 {
        self.lines[line].paid_units()
    }

    /// Whether the order has lines: a bare sum cannot be given units.
    pub(crate) fn has_lines(&self) -> bool {
        !self.lines.is_empty()
    }

    pub(crate) fn into_breakdown(self) -> Breakdown {
        let total_discount = self.amount - self.left;
        Breakdown {
            items: self.lines,
            amount: self.amount,
            items_discount: total_discount - self.order_discount,
            order_discount: self.order_discount,
            total_discount,
            total: self.left,
        }
    }

    /// Makes one part of each selected line, with the weight that `weigh` gives.
    fn select(
        &mut self,
        selector: &Selector,
        weigh: impl Fn(&ItemBreakdown) -> i64,
    ) -> Result<(), Unpriceable> {
        self.parts.clear();
        for index in 0..self.lines.len() {
            if self.is_selected(index, selector) {
                self.parts.push(Part::new(index, weigh(&self.lines[index])));
            }
        }
        if self.parts.is_empty() {
            Err(Unpriceable::NothingSelected)
        } else {
            Ok(())
        }
    }

    fn split(&mut self, total: i64) {
        let mut parts = std::mem::take(&mut self.parts);
        share::split(total, &mut parts, |one, other| self.compare(one, other));
        self.parts = parts;
    }

    fn book_parts(&mut self) {
        let parts = std::mem::take(&mut self.parts);
        for part in &parts {
            self.book_line(part.line, part.share);
        }
        self.parts = parts;
    }

    fn book_line(&mut self, line: usize, discount: i64) {
        let state = &mut self.lines[line];
        debug_assert!(
            (0..=state.left()).contains(&discount),
            "a line stays at zero or above"
        );
        state.discount += discount;
        self.left -= discount;
    }

    fn grow(&mut self, price: i64, units: i64) -> Result<i64, Unpriceable> {
        let value = price
            .checked_mul(units)
            .filter(|value| *value <= MAX_AMOUNT - self.amount);
        let value = value.ok_or(Unpriceable::OrderTooLarge)?;
        self.amount += value;
        Ok(value)
    }

    fn is_selected(&self, index: usize, selector: &Selector) -> bool {
        let (product_id, sku_id) = self.ids(index);
        selector.matches(product_id, sku_id)
    }

    fn ids(&self, index: usize) -> (&str, &str) {
        match (self.order.items.get(index), &self.lines[index].added) {
            (Some(item), _) => (item.product_id, item.sku_id),
            (None, Some(given)) => (&given.product_id, &given.sku_id),
            (None, None) => ("", ""),
        }
    }

    /// Which of two lines comes first where nothing else decides: the one with
    /// more left to pay, then by everything else that pricing can see. Lines that
    /// are equal in all of it are interchangeable, so that permuting the lines of
    /// an order cannot change its total.
    fn compare(&self, one: usize, other: usize) -> Ordering {
        let (first, second) = (&self.lines[one], &self.lines[other]);
        second
            .left()
            .cmp(&first.left())
            .then_with(|| self.ids(one).cmp(&self.ids(other)))
            .then_with(|| first.state().cmp(&second.state()))
            .then_with(|| one.cmp(&other))
    }
}
