//! What an order costs, line by line.

use std::sync::Arc;

use crate::order::{Item, Order};

/// What a unit discount gives.
#[derive(Debug, PartialEq, Eq)]
pub struct Given {
    /// Product, or empty.
    pub product_id: String,
    /// Variant, or empty.
    pub sku_id: String,
}

impl Given {
    /// Whether a line with these ids is of it: every id that is given is equal.
    pub(crate) fn names(&self, (product_id, sku_id): (&str, &str)) -> bool {
        (self.product_id.is_empty() || self.product_id == product_id)
            && (self.sku_id.is_empty() || self.sku_id == sku_id)
    }
}

/// One line with its discounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemBreakdown {
    /// Units, those given included.
    pub quantity: i64,
    /// Price of one unit, minor units.
    pub price: i64,
    /// `quantity * price`, minor units.
    pub amount: i64,
    /// The line's own discount, minor units.
    pub discount: i64,
    /// The line's share of the discounts on the whole order, minor units.
    pub order_share: i64,
    /// Units given for nothing.
    pub free_quantity: i64,
    /// What the line is of, when the order did not have it. Lines that were added
    /// follow those of the order.
    pub added: Option<Arc<Given>>,
}

impl ItemBreakdown {
    pub(crate) fn undiscounted(item: &Item<'_>) -> Self {
        Self {
            quantity: item.quantity,
            price: item.price,
            amount: item.amount,
            discount: 0,
            order_share: 0,
            free_quantity: 0,
            added: None,
        }
    }

    /// What is left to pay, minor units.
    pub fn left(&self) -> i64 {
        self.amount - self.discount - self.order_share
    }

    /// Units that are not given for nothing.
    pub fn paid_units(&self) -> i64 {
        self.quantity - self.free_quantity
    }

    /// Everything about the line that pricing can see, beside its ids.
    pub(super) fn state(&self) -> (i64, i64, i64, i64, i64) {
        (
            self.price,
            self.quantity,
            self.free_quantity,
            self.discount,
            self.order_share,
        )
    }
}

/// What an order costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breakdown {
    /// The order's lines in their order, then lines that were added.
    pub items: Vec<ItemBreakdown>,
    /// Sum of the lines, or the bare order's sum, minor units.
    pub amount: i64,
    /// Sum of the discounts on lines, minor units.
    pub items_discount: i64,
    /// Discount on the order as a whole, minor units.
    pub order_discount: i64,
    /// Both together, minor units.
    pub total_discount: i64,
    /// What is left to pay, minor units.
    pub total: i64,
}

impl Breakdown {
    /// The order without any discount.
    pub fn undiscounted(order: &Order<'_>) -> Self {
        Self {
            items: order
                .items
                .iter()
                .map(ItemBreakdown::undiscounted)
                .collect(),
            amount: order.amount,
            items_discount: 0,
            order_discount: 0,
            total_discount: 0,
            total: order.amount,
        }
    }
}
