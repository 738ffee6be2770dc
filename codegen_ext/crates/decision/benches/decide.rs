//! What one decision costs: an order with one coupon, and a stack of 30.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use promo_decision::{
    Campaign, CampaignBundle, Candidate, Facts, LineInput, Mode, Order, Refusal, Zone, decide,
};

const LIMITS: &str =
    r#"{"per_code":1,"per_customer":1,"per_campaign":1000000,"discount_budget":100000000}"#;
const CALENDAR_LIMITS: &str = r#"{"per_code":1,"per_day":1000,"per_week":5000,"per_month":20000}"#;
const TWENTY_OFF: &str =
    r#"{"kind":"percent","basis_points":2000,"amount_limit":10000,"effect":"apply_to_order"}"#;

fn campaign(number: usize, discount: &str, limits: &str) -> Campaign {
    let json = format!(
        r#"{{"id":"camp_{number}","number":{number},"project":"p","version":1,"name":"campaign {number}",
        "enabled":true,"codes":"arithmetic","definition":{{"currency":"GBP","discount":{discount},
        "validity":{{"start_ms":1,"expire_ms":4102444800000}},
        "limits":{limits}}}}}"#
    );
    let bundle = CampaignBundle::parse(json.as_bytes()).expect("the bundle is well formed");
    Campaign::compile(bundle).expect("the definition is valid")
}

fn order(lines: usize) -> Order<'static> {
    const PRODUCTS: [&str; 5] = ["bread", "butter", "cheese", "milk", "wine"];
    let lines: Vec<_> = (0..lines)
        .map(|index| LineInput {
            product_id: PRODUCTS[index % PRODUCTS.len()],
            quantity: 1 + i64::try_from(index % 3).unwrap_or(0),
            price: 995 + 37 * i64::try_from(index).unwrap_or(0),
            ..LineInput::default()
        })
        .collect();
    Order::check("", "GBP", 0, lines.into_iter()).expect("the order is valid")
}

fn candidates(campaigns: &[Campaign]) -> Vec<Result<Candidate<'_>, Refusal>> {
    let candidate = |campaign| Candidate {
        campaign,
        code: "SUMMER-2345",
        position: 7,
        published_ms: None,
        voucher: None,
    };
    campaigns.iter().map(candidate).map(Ok).collect()
}

fn bench(criterion: &mut Criterion) {
    let zone = Zone::named("Europe/London").expect("the zone exists");
    let facts = Facts {
        now_ms: 1_795_000_000_000,
        zone: &zone,
        customer: Some("17850"),
    };

    let one = [campaign(1, TWENTY_OFF, LIMITS)];
    let small = order(4);
    let single = candidates(&one);
    criterion.bench_function("1 coupon, 4 lines", |bencher| {
        bencher.iter(|| decide(black_box(&small), black_box(&single), Mode::All, &facts));
    });

    let periodic = [campaign(1, TWENTY_OFF, CALENDAR_LIMITS)];
    let counted = candidates(&periodic);
    criterion.bench_function("1 coupon, 4 lines, calendar limits", |bencher| {
        bencher.iter(|| decide(black_box(&small), black_box(&counted), Mode::All, &facts));
    });

    let kinds = [
        r#"{"kind":"percent","basis_points":150,"effect":"apply_to_order"}"#,
        r#"{"kind":"amount","amount_off":25,"effect":"apply_to_items"}"#,
        r#"{"kind":"percent","basis_points":300,"effect":"apply_to_items","amount_limit":500,
            "applies_to":{"product_ids":["milk","wine"]}}"#,
        r#"{"kind":"amount","amount_off":333,"effect":"apply_to_items_proportionally"}"#,
        r#"{"kind":"unit","unit_off":1,"effect":"add_missing_items","product_id":"bread","price":90}"#,
    ];
    let stack: Vec<_> = (0..30)
        .map(|number| campaign(number + 1, kinds[number % kinds.len()], LIMITS))
        .collect();
    let large = order(20);
    let stacked = candidates(&stack);
    criterion.bench_function("30 coupons, 20 lines", |bencher| {
        bencher.iter(|| decide(black_box(&large), black_box(&stacked), Mode::All, &facts));
    });
}

criterion_group!(benches, bench);
criterion_main!(benches);
