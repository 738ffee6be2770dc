use super::{DefinitionError, check_definition};

fn fields(json: &str) -> Vec<String> {
    let error = check_definition(json).expect_err("the definition is wrong");
    error
        .violations()
        .into_iter()
        .map(|one| one.field)
        .collect()
}

#[test]
fn a_canonical_definition_leaves_out_what_is_not_set() {
    let json = r#"{"limits":{"per_day":0,"per_code":1},"validity":{"hours":[],"days_of_week":[7,1,7],
        "start_ms":null,"timeframe":null},"discount":{"effect":"apply_to_order","kind":"percent",
        "basis_points":2000,"amount_limit":0,"applies_to":{"product_ids":[],"sku_ids":[]}},"currency":"GBP"}"#;
    let canonical = r#"{"currency":"GBP","discount":{"kind":"percent","basis_points":2000,"effect":"apply_to_order"},"validity":{"days_of_week":[1,7]},"limits":{"per_code":1}}"#;
    assert_eq!(check_definition(json).expect("it is valid"), canonical);
    assert_eq!(check_definition(canonical).expect("it is valid"), canonical);
}

#[test]
fn every_violation_is_listed_with_its_field() {
    let json = r#"{"currency":"XXX","discount":{"kind":"percent","basis_points":10001,
        "effect":"apply_to_items_by_quantity","amount_limit":-1,"applies_to":{"sku_ids":["a",""]}},
        "validity":{"start_ms":5,"expire_ms":5,"days_of_week":[0],"timeframe":{"interval_ms":999},
        "hours":[{"start_minute":60,"end_minute":60}],"activity_after_publishing_ms":-1},
        "limits":{"per_code":-1,"discount_budget":1000000000000001}}"#;
    let expected = [
        "currency_code",
        "discount.percent.basis_points",
        "discount.percent.amount_limit",
        "discount.percent.effect",
        "discount.applies_to.sku_ids[1]",
        "validity.expire_time",
        "validity.timeframe.interval",
        "validity.timeframe.duration",
        "validity.days_of_week[0]",
        "validity.hours[0].end_minute",
        "validity.activity_after_publishing",
        "limits.per_code",
        "limits.discount_budget",
    ];
    assert_eq!(fields(json), expected);
}

#[test]
fn a_definition_without_discount_says_so() {
    assert_eq!(fields(r#"{"currency":"EUR"}"#), ["discount"]);
    assert_eq!(
        fields(r#"{"currency":"EUR","discount":null}"#),
        ["discount"]
    );
}

#[test]
fn an_effect_that_is_not_said_is_a_violation() {
    let json = r#"{"currency":"EUR","discount":{"kind":"amount","amount_off":1,"effect":""}}"#;
    assert_eq!(fields(json), ["discount.amount.effect"]);
    let json = r#"{"currency":"EUR","discount":{"kind":"fixed","fixed_amount":0}}"#;
    assert_eq!(fields(json), ["discount.fixed.effect"]);
}

#[test]
fn lines_cannot_be_selected_for_an_effect_on_the_order() {
    let json = r#"{"currency":"EUR","discount":{"kind":"amount","amount_off":1,
        "effect":"apply_to_order","applies_to":{"product_ids":["a"]}}}"#;
    assert_eq!(fields(json), ["discount.applies_to"]);
}

#[test]
fn a_unit_discount_names_what_it_gives_and_has_a_value_that_fits() {
    let json = r#"{"currency":"EUR","discount":{"kind":"unit","unit_off":1000000,"price":1000000001,
        "effect":"add_new_items"}}"#;
    assert_eq!(
        fields(json),
        ["discount.unit.price", "discount.unit.product_id"]
    );
}

#[test]
fn a_timeframe_needs_a_start() {
    let json = r#"{"currency":"EUR","discount":{"kind":"amount","amount_off":1,"effect":"apply_to_order"},
        "validity":{"timeframe":{"interval_ms":86400000,"duration_ms":3600000}}}"#;
    assert_eq!(fields(json), ["validity.start_time"]);
}

#[test]
fn unknown_fields_are_malformed() {
    for json in [
        "",
        "1",
        r#"{"currency":"EUR","surprise":1}"#,
        r#"{"currency":"EUR","discount":{"kind":"magic"}}"#,
        r#"{"currency":"EUR","discount":{"kind":"amount","percent":5}}"#,
        r#"{"currency":"EUR","limits":{"per_code":1.5}}"#,
        r#"{"currency":"EUR","limits":{"per_year":1}}"#,
    ] {
        let error = check_definition(json).expect_err("it is malformed");
        assert!(
            matches!(error, DefinitionError::Malformed(_)),
            "{json}: {error}"
        );
    }
}
