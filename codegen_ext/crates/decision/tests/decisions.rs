//! What a decision answers: reasons, their metadata and the limit plan.

mod common;

use common::{NOON, PENNY_OFF, bare_order, campaign, candidate, compile, decide_all, names};
use promo_decision::{
    Candidate, Facts, LimitKind, Mode, Outcome, OwnDiscount, Reason, Refusal, VoucherTerms, Zone,
    bundle::Discount, decide,
};

fn refusal_of(definition_rest: &str, now_ms: i64) -> Refusal {
    let campaign = campaign(PENNY_OFF, definition_rest);
    let facts = Facts {
        now_ms,
        zone: &Zone::UTC,
        customer: None,
    };
    let mut decision = decide(
        &bare_order(100),
        &[Ok(candidate(&campaign))],
        Mode::All,
        &facts,
    );
    match decision.outcomes.remove(0) {
        Outcome::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

#[test]
fn refusals_have_every_key_of_their_catalogue_entry() {
    let rests = [
        r#""validity":{"start_ms":1795348800001}"#,
        r#""validity":{"expire_ms":1795348800000}"#,
        r#""validity":{"days_of_week":[1]}"#,
        r#""validity":{"activity_after_publishing_ms":1}"#,
        r#""limits":{"per_customer":1}"#,
    ];
    for rest in rests {
        let refusal = refusal_of(rest, NOON);
        let keys: Vec<_> = refusal.metadata.iter().map(|(key, _)| *key).collect();
        assert_eq!(keys, refusal.reason.detail().metadata_keys, "{refusal:?}");
        assert!(!refusal.message().contains('{'), "{}", refusal.message());
    }
}

#[test]
fn times_in_refusals_are_rfc_3339() {
    let refusal = refusal_of(r#""validity":{"start_ms":1795348800001}"#, NOON);
    assert_eq!(
        refusal.message(),
        "the code can be used from 2026-11-22T12:00:00.001Z on"
    );
    let refusal = refusal_of(r#""validity":{"expire_ms":1795348800000}"#, NOON);
    assert_eq!(refusal.message(), "the code ended at 2026-11-22T12:00:00Z");
}

#[test]
fn takes_that_are_not_granted_have_every_key_of_their_reason() {
    let campaign = campaign(
        PENNY_OFF,
        r#""limits":{"per_code":1,"per_customer_per_code":2,"per_customer":3,"per_campaign":4,"per_day":5,
        "per_week":6,"per_month":7,"discount_budget":8,"order_value_budget":900}"#,
    );
    let decision = decide_all(&bare_order(100), &[&campaign]);
    let kinds: Vec<_> = decision.takes.iter().map(|take| take.kind).collect();
    assert_eq!(kinds, LimitKind::ALL);
    for take in &decision.takes {
        let refusal = take.refusal(&campaign, "CODE-1");
        let keys: Vec<_> = refusal.metadata.iter().map(|(key, _)| *key).collect();
        assert_eq!(keys, refusal.reason.detail().metadata_keys, "{refusal:?}");
    }
    let amounts: Vec<_> = decision.takes.iter().map(|take| take.amount).collect();
    assert_eq!(amounts, [1, 1, 1, 1, 1, 1, 1, 1, 100]);
}

#[test]
fn refusals_name_a_voucher_that_stands_alone_by_its_code() {
    let mut alone = compile(
        r#"{"id":"camp_1","number":1,"version":1,"name":"camp_1","enabled":false,"codes":"stored",
        "definition":{"currency":"GBP","discount":{"kind":"amount","amount_off":1,"effect":"apply_to_order"},
        "limits":{"per_campaign":4}}}"#,
    );
    let decision = decide_all(&bare_order(100), &[&alone]);
    assert!(
        matches!(&decision.outcomes[..], [Outcome::Refused(refusal)] if refusal.message() == "campaign CODE-1 is disabled"),
        "{:?}",
        decision.outcomes
    );
    alone.enabled = true;
    let decision = decide_all(&bare_order(100), &[&alone]);
    assert_eq!(
        decision.takes[0].refusal(&alone, "CODE-1").message(),
        "campaign CODE-1 is used up: its limit is 4"
    );
}

#[test]
fn one_campaign_twice_takes_twice() {
    let campaign = campaign(PENNY_OFF, r#""limits":{"per_campaign":1}"#);
    let decision = decide_all(&bare_order(100), &[&campaign, &campaign]);
    let takers: Vec<_> = decision.takes.iter().map(|take| take.candidate).collect();
    assert_eq!(takers, [0, 1]);
}

#[test]
fn a_code_that_ends_some_time_after_its_publication_must_be_published() {
    let campaign = campaign(
        PENNY_OFF,
        r#""validity":{"activity_after_publishing_ms":1000}"#,
    );
    assert!(campaign.needs_publication());
    let facts = Facts {
        now_ms: NOON,
        zone: &Zone::UTC,
        customer: None,
    };
    let unpublished = candidate(&campaign);
    let published = Candidate {
        published_ms: Some(NOON),
        ..unpublished
    };
    let order = bare_order(100);
    assert_eq!(
        names(&decide(&order, &[Ok(published)], Mode::All, &facts)),
        ["1"]
    );
    assert_eq!(
        names(&decide(&order, &[Ok(unpublished)], Mode::All, &facts)),
        ["CODE_NOT_PUBLISHED"]
    );
}

#[test]
fn a_published_code_ends_at_the_earlier_time() {
    let campaign = campaign(
        PENNY_OFF,
        r#""validity":{"expire_ms":1000,"activity_after_publishing_ms":100}"#,
    );
    assert_eq!(campaign.expire_ms(None), Some(1000));
    assert_eq!(campaign.expire_ms(Some(0)), Some(100));
    assert_eq!(campaign.expire_ms(Some(950)), Some(1000));
    assert_eq!(campaign.expire_ms(Some(i64::MAX)), Some(1000));
}

#[test]
fn what_the_store_refused_takes_its_place_in_the_outcomes() {
    let campaign = campaign(PENNY_OFF, r#""limits":{"per_code":1}"#);
    let order = bare_order(100);
    let facts = Facts {
        now_ms: NOON,
        zone: &Zone::UTC,
        customer: None,
    };
    let take = decide_all(&order, &[&campaign]).takes[0];
    let candidates = [
        Err(take.refusal(&campaign, "CODE-1")),
        Ok(candidate(&campaign)),
    ];
    let decision = decide(&order, &candidates, Mode::Partial, &facts);
    assert_eq!(names(&decision), ["CODE_USES_EXHAUSTED", "1"]);
    assert!(decision.valid);
    let decision = decide(&order, &candidates, Mode::All, &facts);
    assert_eq!(names(&decision), ["CODE_USES_EXHAUSTED", "skipped"]);
    assert!(!decision.valid);
}

#[test]
fn codes_of_a_deleted_campaign_are_unknown() {
    let campaign = compile(
        r#"{"id":"camp_1","number":1,"project":"p","version":1,"name":"gone","enabled":true,"deleted":true,
        "codes":"stored","definition":{"currency":"GBP",
        "discount":{"kind":"amount","amount_off":1,"effect":"apply_to_order"}}}"#,
    );
    let decision = decide_all(&bare_order(100), &[&campaign]);
    assert_eq!(names(&decision), ["CODE_NOT_FOUND"]);
}

#[test]
fn limit_kinds_have_the_numbers_of_the_protocol() {
    for (index, kind) in (1..).zip(LimitKind::ALL) {
        assert_eq!(kind.number(), index);
        assert_eq!(LimitKind::from_number(index), Some(kind));
    }
    assert_eq!(LimitKind::from_number(0), None);
    assert_eq!(LimitKind::from_number(10), None);
}

#[test]
fn every_message_of_the_catalogue_speaks_only_of_its_metadata() {
    for reason in Reason::ALL {
        let detail = reason.detail();
        let filled = detail
            .metadata_keys
            .iter()
            .fold(Refusal::new(*reason), |refusal, key| refusal.with(key, "x"));
        assert!(!filled.message().contains(['{', '}']), "{}", detail.name);
    }
}

fn decide_with(voucher: &VoucherTerms, definition_rest: &str) -> promo_decision::Decision {
    let campaign = campaign(PENNY_OFF, definition_rest);
    let candidate = Candidate {
        published_ms: Some(NOON - 10),
        voucher: Some(voucher),
        ..candidate(&campaign)
    };
    let facts = Facts {
        now_ms: NOON,
        zone: &Zone::UTC,
        customer: Some("17850"),
    };
    decide(&bare_order(100), &[Ok(candidate)], Mode::All, &facts)
}

#[test]
fn what_a_voucher_has_of_its_own_replaces_what_its_campaign_says() {
    let over = r#""validity":{"expire_ms":1}"#;
    let ended = r#""validity":{"activity_after_publishing_ms":5}"#;
    let later = r#""validity":{"start_ms":1795348800001}"#;
    let extended = VoucherTerms {
        expire_ms: Some(NOON + 1),
        ..VoucherTerms::default()
    };
    let early = VoucherTerms {
        start_ms: Some(NOON),
        ..VoucherTerms::default()
    };
    let none = VoucherTerms::default();
    assert_eq!(names(&decide_with(&none, over)), ["PROMOTION_EXPIRED"]);
    assert_eq!(names(&decide_with(&none, ended)), ["PROMOTION_EXPIRED"]);
    assert_eq!(names(&decide_with(&none, later)), ["PROMOTION_NOT_STARTED"]);
    assert_eq!(names(&decide_with(&extended, over)), ["1"]);
    assert_eq!(names(&decide_with(&extended, ended)), ["1"]);
    assert_eq!(names(&decide_with(&early, later)), ["1"]);
    let disabled = VoucherTerms {
        disabled: true,
        ..VoucherTerms::default()
    };
    let deleted = VoucherTerms {
        deleted: true,
        ..VoucherTerms::default()
    };
    assert_eq!(names(&decide_with(&disabled, "")), ["VOUCHER_DISABLED"]);
    assert_eq!(names(&decide_with(&deleted, "")), ["CODE_NOT_FOUND"]);
}

#[test]
fn a_vouchers_own_limit_replaces_its_campaigns_and_no_other() {
    let limits = r#""limits":{"per_code":1,"per_campaign":9}"#;
    let taken = |per_code, rest| {
        let voucher = VoucherTerms {
            per_code,
            ..VoucherTerms::default()
        };
        let takes = decide_with(&voucher, rest).takes;
        takes
            .into_iter()
            .map(|take| (take.kind, take.limit))
            .collect::<Vec<_>>()
    };
    let campaign = (LimitKind::PerCampaign, 9);
    assert_eq!(taken(None, limits), [(LimitKind::PerCode, 1), campaign]);
    assert_eq!(taken(Some(3), limits), [(LimitKind::PerCode, 3), campaign]);
    assert_eq!(taken(Some(0), limits), [campaign]);
    assert_eq!(taken(Some(2), ""), [(LimitKind::PerCode, 2)]);
}

#[test]
fn a_vouchers_own_discount_is_checked_and_applied() {
    let discount = |json: &str| serde_json::from_str::<Discount>(json).expect("it is a discount");
    let half = discount(r#"{"kind":"percent","basis_points":5000,"effect":"apply_to_order"}"#);
    let voucher = VoucherTerms {
        discount: Some(OwnDiscount::compile(&half).expect("it is valid")),
        ..VoucherTerms::default()
    };
    assert_eq!(names(&decide_with(&voucher, "")), ["50"]);
    let nothing = discount(r#"{"kind":"amount","amount_off":0,"effect":"apply_to_order"}"#);
    let found = OwnDiscount::compile(&nothing).expect_err("nothing off is no discount");
    assert_eq!(found[0].field, "discount.amount.amount_off");
}
