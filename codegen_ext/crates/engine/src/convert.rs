//! Between the protocol's messages and the decision's values.

use promo_decision::{
    Breakdown, Campaign, ItemBreakdown, LineInput, Order, Refusal, Violation,
    bundle::{Discount, DiscountEffect, ItemSelector, UnitEffect},
    order::MAX_ITEMS,
};

use crate::{protocol::promo::v1 as pb, request::Violations};

/// A time of the protocol.
pub fn timestamp(milliseconds: i64) -> prost_types::Timestamp {
    let nanos = milliseconds.rem_euclid(1_000) * 1_000_000;
    prost_types::Timestamp {
        seconds: milliseconds.div_euclid(1_000),
        nanos: i32::try_from(nanos).unwrap_or_default(),
    }
}

/// Milliseconds since 1970 of a time of the protocol.
pub fn milliseconds(time: &prost_types::Timestamp) -> i64 {
    time.seconds
        .saturating_mul(1_000)
        .saturating_add(i64::from(time.nanos) / 1_000_000)
}

/// A time as people and machines read it: RFC 3339, UTC.
pub fn instant(milliseconds: i64) -> String {
    promo_decision::instant(milliseconds)
}

/// Checks an order. What is wrong is noted in `violations`.
pub fn order<'a>(order: Option<&'a pb::Order>, violations: &mut Violations) -> Option<Order<'a>> {
    let Some(order) = order else {
        violations.add("order", "is required");
        return None;
    };
    violations.metadata("order.metadata", &order.metadata);
    // Of too many lines only that is said.
    for (at, item) in order.items.iter().enumerate().take(MAX_ITEMS) {
        if !item.metadata.is_empty() {
            violations.metadata(&format!("order.items[{at}].metadata"), &item.metadata);
        }
    }
    let lines = order.items.iter().map(|item| LineInput {
        source_id: &item.source_id,
        product_id: &item.product_id,
        sku_id: &item.sku_id,
        quantity: item.quantity,
        price: item.price,
    });
    match Order::check(&order.source_id, &order.currency_code, order.amount, lines) {
        Ok(order) => Some(order),
        Err(found) => {
            violations.extend(found);
            None
        }
    }
}

/// The order as it came, with what it costs.
pub fn priced(order: &pb::Order, breakdown: &Breakdown) -> pb::Order {
    let sent = order.items.iter().map(Some).chain(std::iter::repeat(None));
    let items = breakdown
        .items
        .iter()
        .zip(sent)
        .map(|(line, sent)| item(sent, line))
        .collect();
    pb::Order {
        source_id: order.source_id.clone(),
        currency_code: order.currency_code.clone(),
        items,
        amount: breakdown.amount,
        items_discount_amount: breakdown.items_discount,
        discount_amount: breakdown.order_discount,
        total_discount_amount: breakdown.total_discount,
        total_amount: breakdown.total,
        metadata: order.metadata.clone(),
    }
}

fn item(sent: Option<&pb::OrderItem>, line: &ItemBreakdown) -> pb::OrderItem {
    let mut item = match (sent, &line.added) {
        (Some(sent), None) => pb::OrderItem {
            source_id: sent.source_id.clone(),
            product_id: sent.product_id.clone(),
            sku_id: sent.sku_id.clone(),
            metadata: sent.metadata.clone(),
            ..pb::OrderItem::default()
        },
        (_, Some(given)) => pb::OrderItem {
            product_id: given.product_id.clone(),
            sku_id: given.sku_id.clone(),
            ..pb::OrderItem::default()
        },
        (None, None) => pb::OrderItem::default(),
    };
    item.quantity = line.quantity;
    item.price = line.price;
    item.amount = line.amount;
    item.discount_amount = line.discount;
    item.order_discount_share = line.order_share;
    item.total_amount = line.left();
    item.free_quantity = line.free_quantity;
    item
}

/// Why something was not done.
pub fn refusal(refusal: &Refusal) -> pb::Refusal {
    let metadata = refusal.metadata.iter();
    pb::Refusal {
        reason: refusal.reason.number(),
        message: refusal.message(),
        metadata: metadata
            .map(|(key, value)| ((*key).to_owned(), value.clone()))
            .collect(),
    }
}

/// What a campaign's codes give.
pub fn discount(campaign: &Campaign) -> Option<pb::Discount> {
    use pb::discount::Kind;

    let discount = campaign.definition.discount.as_ref()?;
    let kind = match discount {
        Discount::Amount {
            amount_off, effect, ..
        } => Kind::Amount(pb::AmountDiscount {
            amount_off: *amount_off,
            effect: discount_effect(*effect) as i32,
        }),
        Discount::Percent {
            basis_points,
            effect,
            amount_limit,
            ..
        } => Kind::Percent(pb::PercentDiscount {
            basis_points: i32::try_from(*basis_points).unwrap_or(i32::MAX),
            effect: discount_effect(*effect) as i32,
            amount_limit: *amount_limit,
        }),
        Discount::Fixed {
            fixed_amount,
            effect,
            ..
        } => Kind::Fixed(pb::FixedDiscount {
            fixed_amount: *fixed_amount,
            effect: discount_effect(*effect) as i32,
        }),
        Discount::Unit {
            unit_off,
            effect,
            product_id,
            sku_id,
            price,
            ..
        } => Kind::Unit(pb::UnitDiscount {
            unit_off: *unit_off,
            effect: unit_effect(*effect) as i32,
            product_id: product_id.clone(),
            sku_id: sku_id.clone(),
            price: *price,
        }),
    };
    Some(pb::Discount {
        kind: Some(kind),
        applies_to: selector(discount.applies_to()),
    })
}

/// A discount of the protocol as a definition has it. Ranges are not checked.
pub fn discount_definition(discount: &pb::Discount) -> Result<Discount, Vec<Violation>> {
    use pb::discount::Kind;

    let applies_to = discount.applies_to.as_ref();
    let applies_to = applies_to.map_or_else(ItemSelector::default, |selector| ItemSelector {
        product_ids: selector.product_ids.clone(),
        sku_ids: selector.sku_ids.clone(),
    });
    let kind = discount.kind.as_ref().ok_or_else(|| {
        let problem = "has no kind; set one of amount, percent, fixed, unit";
        vec![Violation::new("discount", problem)]
    })?;
    Ok(match kind {
        Kind::Amount(amount) => Discount::Amount {
            amount_off: amount.amount_off,
            effect: effect_definition(amount.effect),
            applies_to,
        },
        Kind::Percent(percent) => Discount::Percent {
            basis_points: percent.basis_points.into(),
            effect: effect_definition(percent.effect),
            amount_limit: percent.amount_limit,
            applies_to,
        },
        Kind::Fixed(fixed) => Discount::Fixed {
            fixed_amount: fixed.fixed_amount,
            effect: effect_definition(fixed.effect),
            applies_to,
        },
        Kind::Unit(unit) => Discount::Unit {
            unit_off: unit.unit_off,
            effect: match pb::UnitEffect::try_from(unit.effect) {
                Ok(pb::UnitEffect::AddMissingItems) => UnitEffect::AddMissingItems,
                Ok(pb::UnitEffect::AddNewItems) => UnitEffect::AddNewItems,
                Ok(pb::UnitEffect::Unspecified) | Err(_) => UnitEffect::Unspecified,
            },
            product_id: unit.product_id.clone(),
            sku_id: unit.sku_id.clone(),
            price: unit.price,
            applies_to,
        },
    })
}

/// An effect that the protocol does not know counts as not said.
fn effect_definition(effect: i32) -> DiscountEffect {
    match pb::DiscountEffect::try_from(effect) {
        Ok(pb::DiscountEffect::ApplyToOrder) => DiscountEffect::ApplyToOrder,
        Ok(pb::DiscountEffect::ApplyToItems) => DiscountEffect::ApplyToItems,
        Ok(pb::DiscountEffect::ApplyToItemsProportionally) => {
            DiscountEffect::ApplyToItemsProportionally
        }
        Ok(pb::DiscountEffect::ApplyToItemsByQuantity) => DiscountEffect::ApplyToItemsByQuantity,
        Ok(pb::DiscountEffect::Unspecified) | Err(_) => DiscountEffect::Unspecified,
    }
}

fn discount_effect(effect: DiscountEffect) -> pb::DiscountEffect {
    match effect {
        DiscountEffect::Unspecified => pb::DiscountEffect::Unspecified,
        DiscountEffect::ApplyToOrder => pb::DiscountEffect::ApplyToOrder,
        DiscountEffect::ApplyToItems => pb::DiscountEffect::ApplyToItems,
        DiscountEffect::ApplyToItemsProportionally => {
            pb::DiscountEffect::ApplyToItemsProportionally
        }
        DiscountEffect::ApplyToItemsByQuantity => pb::DiscountEffect::ApplyToItemsByQuantity,
    }
}

fn unit_effect(effect: UnitEffect) -> pb::UnitEffect {
    match effect {
        UnitEffect::Unspecified => pb::UnitEffect::Unspecified,
        UnitEffect::AddMissingItems => pb::UnitEffect::AddMissingItems,
        UnitEffect::AddNewItems => pb::UnitEffect::AddNewItems,
    }
}

fn selector(selector: &ItemSelector) -> Option<pb::ItemSelector> {
    if selector.product_ids.is_empty() && selector.sku_ids.is_empty() {
        return None;
    }
    Some(pb::ItemSelector {
        product_ids: selector.product_ids.clone(),
        sku_ids: selector.sku_ids.clone(),
    })
}

/// A violation of one field as a refusal of the whole request.
pub fn invalid(field: &str, description: &str) -> Refusal {
    Refusal::invalid(vec![Violation::new(field, description)])
}
