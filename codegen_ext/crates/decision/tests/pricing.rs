//! Invariants of pricing, over random carts and stacks.

mod common;

use common::{NOON, bare_order, campaign, decide_all, decide_at, line, order};
use promo_decision::{Campaign, Decision, LineInput, Mode, Order, Outcome};
use proptest::prelude::*;

const PRODUCTS: [&str; 4] = ["bread", "milk", "wine", ""];

#[derive(Clone, Debug)]
struct Line(usize, i64, i64);

fn lines() -> impl Strategy<Value = Vec<Line>> {
    let price = prop_oneof![0..50_i64, 0..20_000_i64, 0..1_000_000_000_000_i64];
    let line =
        (0..PRODUCTS.len(), 1..50_i64, price).prop_map(|(id, units, price)| Line(id, units, price));
    prop::collection::vec(line, 1..12)
}

fn input(lines: &[Line]) -> Vec<LineInput<'static>> {
    lines
        .iter()
        .map(|Line(id, quantity, price)| line(PRODUCTS[*id], *quantity, *price))
        .collect()
}

fn selector() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just(r#","applies_to":{"product_ids":["bread"]}"#.to_owned()),
        Just(r#","applies_to":{"product_ids":["milk","wine"]}"#.to_owned()),
    ]
}

fn discount() -> impl Strategy<Value = String> {
    let amount = || prop_oneof![1..100_i64, 1..1_000_000_i64];
    let on_items = prop::sample::select(vec![
        "apply_to_items",
        "apply_to_items_proportionally",
        "apply_to_items_by_quantity",
    ]);
    prop_oneof![
        amount().prop_map(|off| format!(r#"{{"kind":"amount","amount_off":{off},"effect":"apply_to_order"}}"#)),
        (amount(), on_items, selector()).prop_map(|(off, effect, lines)| format!(
            r#"{{"kind":"amount","amount_off":{off},"effect":"{effect}"{lines}}}"#
        )),
        (1..=10_000_i64, 0..2_000_i64).prop_map(|(points, cap)| format!(
            r#"{{"kind":"percent","basis_points":{points},"amount_limit":{cap},"effect":"apply_to_order"}}"#
        )),
        (1..=10_000_i64, 0..2_000_i64, selector()).prop_map(|(points, cap, lines)| format!(
            r#"{{"kind":"percent","basis_points":{points},"amount_limit":{cap},"effect":"apply_to_items"{lines}}}"#
        )),
        amount().prop_map(|price| format!(r#"{{"kind":"fixed","fixed_amount":{price},"effect":"apply_to_order"}}"#)),
        (amount(), selector()).prop_map(|(price, lines)| format!(
            r#"{{"kind":"fixed","fixed_amount":{price},"effect":"apply_to_items"{lines}}}"#
        )),
        (1..20_i64, any::<bool>(), 0..3_usize, 0..5_000_i64).prop_map(|(units, missing, id, price)| {
            let effect = if missing { "add_missing_items" } else { "add_new_items" };
            let product = PRODUCTS[id];
            format!(
                r#"{{"kind":"unit","unit_off":{units},"effect":"{effect}","product_id":"{product}","price":{price}}}"#
            )
        }),
    ]
}

fn stack() -> impl Strategy<Value = Vec<Campaign>> {
    prop::collection::vec(
        discount().prop_map(|discount| campaign(&discount, "")),
        1..7,
    )
}

fn partial(order: &Order<'_>, stack: &[Campaign]) -> Decision {
    decide_at(
        order,
        &stack.iter().collect::<Vec<_>>(),
        Mode::Partial,
        NOON,
    )
}

fn applied(decision: &Decision) -> i64 {
    decision
        .outcomes
        .iter()
        .map(|outcome| match outcome {
            Outcome::Applied { amount } => *amount,
            Outcome::Refused(_) | Outcome::Skipped => 0,
        })
        .sum()
}

proptest! {
    #[test]
    fn nothing_is_negative_and_parts_sum_to_the_whole(lines in lines(), stack in stack()) {
        let order = order(&input(&lines));
        let decision = partial(&order, &stack);
        let whole = &decision.breakdown;
        for item in &whole.items {
            prop_assert!(item.discount >= 0 && item.order_share >= 0 && item.left() >= 0);
            prop_assert!((0..=item.quantity).contains(&item.free_quantity));
            prop_assert_eq!(item.amount, item.quantity * item.price);
        }
        let sum = |part: fn(&promo_decision::ItemBreakdown) -> i64| whole.items.iter().map(part).sum::<i64>();
        prop_assert_eq!(sum(|item| item.amount), whole.amount);
        prop_assert_eq!(sum(|item| item.discount), whole.items_discount);
        prop_assert_eq!(sum(|item| item.order_share), whole.order_discount);
        prop_assert_eq!(sum(promo_decision::ItemBreakdown::left), whole.total);
        prop_assert_eq!(whole.items_discount + whole.order_discount, whole.total_discount);
        prop_assert_eq!(whole.amount - whole.total_discount, whole.total);
        prop_assert!(whole.total >= 0);
        prop_assert_eq!(applied(&decision), whole.total_discount);
    }

    #[test]
    fn the_order_of_the_lines_changes_no_total(lines in lines(), stack in stack(), seed in any::<u64>()) {
        let mut shuffled = lines.clone();
        shuffled.sort_by_key(|Line(id, units, price)| {
            (*id as u64 ^ seed).wrapping_mul(0x9E37_79B9) ^ (units * price).unsigned_abs().wrapping_mul(seed | 1)
        });
        let (before, after) = (order(&input(&lines)), order(&input(&shuffled)));
        let (one, other) = (partial(&before, &stack), partial(&after, &stack));
        prop_assert_eq!(one.outcomes, other.outcomes);
        prop_assert_eq!(one.breakdown.total, other.breakdown.total);
        prop_assert_eq!(one.breakdown.items_discount, other.breakdown.items_discount);
        prop_assert_eq!(one.breakdown.order_discount, other.breakdown.order_discount);
    }

    #[test]
    fn a_further_code_never_makes_an_order_dearer(lines in lines(), stack in stack()) {
        let order = order(&input(&lines));
        let all = partial(&order, &stack);
        let fewer = partial(&order, &stack[..stack.len() - 1]);
        prop_assert!(all.breakdown.total <= fewer.breakdown.total);
        prop_assert_eq!(&all.outcomes[..stack.len() - 1], &fewer.outcomes[..]);
    }

    #[test]
    fn both_modes_agree_where_every_code_applies(lines in lines(), stack in stack()) {
        let order = order(&input(&lines));
        let one = partial(&order, &stack);
        let other = decide_all(&order, &stack.iter().collect::<Vec<_>>());
        let complete = one.outcomes.iter().all(|outcome| matches!(outcome, Outcome::Applied { .. }));
        prop_assert_eq!(other.valid, complete);
        if complete {
            prop_assert_eq!(one, other);
        } else {
            prop_assert_eq!(other.breakdown.total, order.amount);
            prop_assert!(other.takes.is_empty());
        }
    }

    #[test]
    fn a_bare_sum_costs_what_one_line_of_it_would(amount in 1..1_000_000_000_000_i64, stack in stack()) {
        let whole_only: Vec<_> = stack.into_iter().filter(|campaign| {
            let json = serde_json::to_string(&campaign.definition).expect("it can be written");
            json.contains("apply_to_order")
        }).collect();
        prop_assume!(!whole_only.is_empty());
        let bare = partial(&bare_order(amount), &whole_only);
        let lined = partial(&order(&[line("", 1, amount)]), &whole_only);
        prop_assert_eq!(bare.outcomes, lined.outcomes);
        prop_assert_eq!(bare.breakdown.total, lined.breakdown.total);
    }
}

#[test]
fn applying_nothing_changes_nothing() {
    let order = order(&[line("bread", 3, 250), line("", 1, 0)]);
    let decision = decide_all(&order, &[]);
    assert!(!decision.valid);
    assert_eq!(
        decision.breakdown,
        promo_decision::Breakdown::undiscounted(&order)
    );
    assert!(decision.takes.is_empty());
}

#[test]
fn a_gift_that_would_make_the_order_too_large_is_refused_and_changes_nothing() {
    let gift = campaign(
        r#"{"kind":"unit","unit_off":2,"effect":"add_new_items","product_id":"ship","price":1}"#,
        "",
    );
    let full = order(&[line("ship", 999, 1_000_000_000_000)]);
    let decision = decide_at(&full, &[&gift], Mode::Partial, NOON);
    assert_eq!(common::names(&decision), ["FIELD_INVALID"]);
    assert_eq!(decision.breakdown.total, full.amount);

    let nearly_full = order(&[line("ship", 998, 1_000_000_000_000)]);
    let decision = decide_at(&nearly_full, &[&gift], Mode::Partial, NOON);
    assert_eq!(common::names(&decision), ["2000000000000"]);
    assert_eq!(decision.breakdown.amount, 1_000_000_000_000_000);
}
