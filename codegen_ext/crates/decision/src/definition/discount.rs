//! What the discount of a campaign may say.

use super::{Findings, MAX_AMOUNT, MAX_ID_BYTES, MAX_PRICE, MAX_QUANTITY};
use crate::bundle::{Discount, DiscountEffect, ItemSelector, UnitEffect};

/// Most ids of one list of a selector.
const MAX_SELECTED_IDS: usize = 1_000;

pub(super) fn check(discount: &Discount, found: &mut Findings) {
    match discount {
        Discount::Amount {
            amount_off,
            effect,
            applies_to,
        } => {
            found.range("discount.amount.amount_off", *amount_off, 1, MAX_PRICE);
            if *effect == DiscountEffect::Unspecified {
                found.add("discount.amount.effect", "is required");
            }
            check_selector(applies_to, *effect, found);
        }
        Discount::Percent {
            basis_points,
            effect,
            amount_limit,
            applies_to,
        } => {
            found.range("discount.percent.basis_points", *basis_points, 1, 10_000);
            found.range(
                "discount.percent.amount_limit",
                *amount_limit,
                0,
                MAX_AMOUNT,
            );
            check_whole_or_each("discount.percent.effect", *effect, found);
            check_selector(applies_to, *effect, found);
        }
        Discount::Fixed {
            fixed_amount,
            effect,
            applies_to,
        } => {
            found.range("discount.fixed.fixed_amount", *fixed_amount, 0, MAX_PRICE);
            check_whole_or_each("discount.fixed.effect", *effect, found);
            check_selector(applies_to, *effect, found);
        }
        Discount::Unit {
            unit_off,
            effect,
            product_id,
            sku_id,
            price,
            applies_to,
        } => {
            found.range("discount.unit.unit_off", *unit_off, 1, MAX_QUANTITY);
            found.range("discount.unit.price", *price, 0, MAX_PRICE);
            if unit_off
                .checked_mul(*price)
                .is_none_or(|value| value > MAX_AMOUNT)
            {
                let most = format!("times unit_off must be at most {MAX_AMOUNT}");
                found.add("discount.unit.price", most);
            }
            if *effect == UnitEffect::Unspecified {
                found.add("discount.unit.effect", "is required");
            }
            if product_id.is_empty() && sku_id.is_empty() {
                found.add("discount.unit.product_id", "or sku_id is required");
            }
            for (field, id) in [
                ("discount.unit.product_id", product_id),
                ("discount.unit.sku_id", sku_id),
            ] {
                check_id(field, id, found);
            }
            if !applies_to.is_empty() {
                found.add(
                    "discount.applies_to",
                    "excludes unit, which names its own product",
                );
            }
        }
    }
}

fn check_whole_or_each(field: &str, effect: DiscountEffect, found: &mut Findings) {
    match effect {
        DiscountEffect::ApplyToOrder | DiscountEffect::ApplyToItems => {}
        DiscountEffect::Unspecified => found.add(field, "is required"),
        DiscountEffect::ApplyToItemsProportionally | DiscountEffect::ApplyToItemsByQuantity => {
            found.add(field, "must be APPLY_TO_ORDER or APPLY_TO_ITEMS");
        }
    }
}

fn check_selector(selector: &ItemSelector, effect: DiscountEffect, found: &mut Findings) {
    if effect == DiscountEffect::ApplyToOrder && !selector.is_empty() {
        // Kept silently, it would look as if it restricted the discount.
        found.add(
            "discount.applies_to",
            "has no meaning for an effect on the whole order",
        );
    }
    check_ids(
        "discount.applies_to.product_ids",
        &selector.product_ids,
        found,
    );
    check_ids("discount.applies_to.sku_ids", &selector.sku_ids, found);
}

fn check_ids(field: &str, ids: &[String], found: &mut Findings) {
    if ids.len() > MAX_SELECTED_IDS {
        found.add(
            field,
            format!("must be at most {MAX_SELECTED_IDS}, not {}", ids.len()),
        );
        return;
    }
    for (index, id) in ids.iter().enumerate() {
        let field = format!("{field}[{index}]");
        if id.is_empty() {
            found.add(field, "must not be empty");
        } else {
            check_id(&field, id, found);
        }
    }
}

fn check_id(field: &str, id: &str, found: &mut Findings) {
    if id.len() > MAX_ID_BYTES {
        found.add(field, too_long());
    } else if id.chars().any(char::is_control) {
        found.add(field, "has a control character");
    }
}

fn too_long() -> String {
    format!("must have at most {MAX_ID_BYTES} bytes")
}
