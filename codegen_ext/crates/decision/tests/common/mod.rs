//! Short ways to write campaigns, orders and facts.
#![allow(dead_code, reason = "each test file uses its share of these")]

use promo_decision::{
    Campaign, CampaignBundle, Candidate, Decision, Facts, LineInput, Mode, Order, Outcome, Refusal,
    Zone, decide,
};

/// 2026-11-22T12:00:00Z, a Sunday.
pub const NOON: i64 = 1_795_348_800_000;

pub const PENNY_OFF: &str = r#"{"kind":"amount","amount_off":1,"effect":"apply_to_order"}"#;

pub fn campaign(discount: &str, rest: &str) -> Campaign {
    let separator = if rest.is_empty() { "" } else { "," };
    let json = format!(
        r#"{{"id":"camp_1","number":1,"project":"p","version":1,"name":"summer","enabled":true,
        "codes":"arithmetic","definition":{{"currency":"GBP","discount":{discount}{separator}{rest}}}}}"#
    );
    compile(&json)
}

pub fn compile(json: &str) -> Campaign {
    let bundle = CampaignBundle::parse(json.as_bytes()).expect("the bundle is well formed");
    Campaign::compile(bundle).expect("the definition is valid")
}

pub fn line(product_id: &str, quantity: i64, price: i64) -> LineInput<'_> {
    LineInput {
        product_id,
        quantity,
        price,
        ..LineInput::default()
    }
}

pub fn order<'a>(lines: &[LineInput<'a>]) -> Order<'a> {
    Order::check("", "GBP", 0, lines.iter().copied()).expect("the order is valid")
}

pub fn bare_order(amount: i64) -> Order<'static> {
    Order::check("", "GBP", amount, std::iter::empty()).expect("the order is valid")
}

pub fn candidate(campaign: &Campaign) -> Candidate<'_> {
    Candidate {
        campaign,
        code: "CODE-1",
        position: 0,
        published_ms: None,
        voucher: None,
    }
}

pub fn decide_at(order: &Order<'_>, campaigns: &[&Campaign], mode: Mode, now_ms: i64) -> Decision {
    let candidates: Vec<Result<_, Refusal>> = campaigns
        .iter()
        .map(|campaign| Ok(candidate(campaign)))
        .collect();
    let facts = Facts {
        now_ms,
        zone: &Zone::UTC,
        customer: Some("17850"),
    };
    decide(order, &candidates, mode, &facts)
}

pub fn decide_all(order: &Order<'_>, campaigns: &[&Campaign]) -> Decision {
    decide_at(order, campaigns, Mode::All, NOON)
}

/// Names of the outcomes: the amount, the reason or `skipped`.
pub fn names(decision: &Decision) -> Vec<String> {
    decision
        .outcomes
        .iter()
        .map(|outcome| match outcome {
            Outcome::Applied { amount } => amount.to_string(),
            Outcome::Refused(refusal) => refusal.reason.detail().name.to_owned(),
            Outcome::Skipped => "skipped".to_owned(),
        })
        .collect()
}
