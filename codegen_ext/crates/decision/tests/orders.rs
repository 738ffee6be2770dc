//! What an order may say.

mod common;

use common::line;
use promo_decision::{LineInput, Order};

fn fields(currency: &str, amount: i64, lines: &[LineInput<'_>]) -> Vec<String> {
    Order::check("", currency, amount, lines.iter().copied())
        .expect_err("the order is wrong")
        .into_iter()
        .map(|one| one.field)
        .collect()
}

#[test]
fn lines_sum_to_the_amount() {
    let lines = [line("bread", 3, 250), line("", 1, 0)];
    for amount in [0, 750] {
        let order = Order::check("", "GBP", amount, lines.iter().copied()).expect("it is valid");
        assert_eq!(order.amount, 750);
    }
    assert_eq!(fields("GBP", 751, &lines), ["order.amount"]);
}

#[test]
fn an_order_without_lines_needs_an_amount() {
    assert_eq!(fields("GBP", 0, &[]), ["order.amount"]);
    let order = Order::check("", "GBP", 1, std::iter::empty()).expect("it is valid");
    assert_eq!(order.amount, 1);
}

#[test]
fn every_field_out_of_range_is_listed() {
    let long = "x".repeat(257);
    let lines = [
        LineInput {
            source_id: &long,
            product_id: &long,
            sku_id: &long,
            quantity: 1,
            price: 0,
        },
        line("", 0, 1),
        line("", -1, 1),
        line("", 1_000_001, 1),
        line("", i64::MIN, i64::MIN),
        line("", 1, 1_000_000_000_001),
    ];
    let found = Order::check(&long, "gbp", -1, lines.into_iter()).expect_err("it is wrong");
    let fields: Vec<_> = found.iter().map(|one| one.field.as_str()).collect();
    let expected = [
        "order.source_id",
        "order.currency_code",
        "order.items[0].source_id",
        "order.items[0].product_id",
        "order.items[0].sku_id",
        "order.items[1].quantity",
        "order.items[2].quantity",
        "order.items[3].quantity",
        "order.items[4].quantity",
        "order.items[4].price",
        "order.items[5].price",
        "order.amount",
    ];
    assert_eq!(fields, expected);
}

#[test]
fn an_order_has_at_most_500_lines() {
    let lines = vec![line("", 1, 1); 500];
    let order = Order::check("", "GBP", 0, lines.iter().copied()).expect("it is valid");
    assert_eq!(order.amount, 500);
    assert_eq!(
        fields("GBP", 0, &vec![line("", 1, 1); 501]),
        ["order.items"]
    );
    assert_eq!(
        fields("GBP", 0, &vec![line("", 0, 1); 10_000]),
        ["order.items"]
    );
}

#[test]
fn a_sum_beyond_the_largest_order_is_refused_and_does_not_overflow() {
    let lines = vec![line("", 1_000_000, 1_000_000_000_000); 500];
    assert_eq!(fields("GBP", 0, &lines), ["order.items"]);
    assert_eq!(fields("GBP", 1_000_000_000_000_001, &[]), ["order.amount"]);
    let largest = [line("", 1_000, 1_000_000_000_000)];
    assert!(Order::check("", "GBP", 0, largest.into_iter()).is_ok());
}
