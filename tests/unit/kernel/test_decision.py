import pytest

from promo_server.kernel import decision

NOON = 1_795_348_800_000
FACTS: decision.FactsDocument = {"now_ms": NOON, "time_zone": "Europe/London", "mode": "all", "customer": "17850"}
TWENTY_OFF = {"kind": "percent", "basis_points": 2000, "effect": "apply_to_order", "amount_limit": 10_000}


def bundle(**definition: object) -> dict[str, object]:
    return {
        "id": "camp_1",
        "number": 1,
        "project": "p",
        "version": 1,
        "name": "summer",
        "enabled": True,
        "codes": "stored",
        "definition": {"currency": "GBP", "discount": TWENTY_OFF, **definition},
    }


def test_a_checked_definition_says_nothing_twice_and_nothing_unset() -> None:
    document = {
        "currency": "GBP",
        "discount": TWENTY_OFF | {"applies_to": {"product_ids": (), "sku_ids": ()}},
        "validity": {"days_of_week": [5, 1, 5], "hours": []},
        "limits": {"per_code": 1, "per_day": 0},
    }
    assert decision.check_definition(document) == {
        "currency": "GBP",
        "discount": TWENTY_OFF,
        "validity": {"days_of_week": [1, 5]},
        "limits": {"per_code": 1},
    }


def test_a_wrong_definition_is_refused_with_every_violation() -> None:
    document = {
        "currency": "gbp",
        "discount": {"kind": "amount", "amount_off": 0, "effect": "apply_to_items"},
        "limits": {"per_code": -1},
    }
    with pytest.raises(decision.InvalidDocumentError) as caught:
        decision.check_definition(document)
    assert [one.field for one in caught.value.violations] == [
        "currency_code",
        "discount.amount.amount_off",
        "limits.per_code",
    ]


def test_a_definition_of_unknown_shape_is_refused_as_a_whole() -> None:
    with pytest.raises(decision.InvalidDocumentError) as caught:
        decision.check_definition({"currency": "GBP", "discount": {"kind": "magic"}})
    assert [one.field for one in caught.value.violations] == ["definition"]


def test_a_decision_prices_the_order_and_lists_what_it_takes() -> None:
    order: decision.OrderDocument = {
        "currency_code": "GBP",
        "items": [{"product_id": "bread", "quantity": 3, "price": 255}, {"quantity": 1, "price": 1000}],
    }
    campaign = bundle(limits={"per_day": 100, "discount_budget": 50_000})
    answer = decision.decide(order, [{"code": "A", "campaign": campaign}], FACTS)
    assert answer["valid"]
    assert answer["outcomes"] == [{"status": "applicable", "amount": 353}]
    assert answer["order"]["total_amount"] == 1765 - 353
    assert answer["takes"] == [
        {
            "candidate": 0,
            "kind": "per_day",
            "limit": 100,
            "amount": 1,
            "period": "d20261122",
            "period_end_ms": 1_795_392_000_000,
        },
        {
            "candidate": 0,
            "kind": "discount_budget",
            "limit": 50_000,
            "amount": 353,
            "period": None,
            "period_end_ms": None,
        },
    ]


def test_a_code_that_no_campaign_has_is_an_answer() -> None:
    order: decision.OrderDocument = {"currency_code": "GBP", "amount": 100}
    answer = decision.decide(order, [{"code": "NOPE", "campaign": None}], FACTS)
    assert not answer["valid"]
    assert answer["outcomes"] == [
        {
            "status": "inapplicable",
            "reason": "CODE_NOT_FOUND",
            "message": "there is no code NOPE",
            "metadata": {"code": "NOPE"},
        },
    ]


def test_an_order_out_of_range_is_refused_with_every_violation() -> None:
    order: decision.OrderDocument = {
        "currency_code": "XAU",
        "amount": -1,
        "items": [{"quantity": 0, "price": -1, "product_id": "x" * 257}],
    }
    with pytest.raises(decision.InvalidDocumentError) as caught:
        decision.decide(order, [], FACTS)
    assert [one.field for one in caught.value.violations] == [
        "order.currency_code",
        "order.items[0].product_id",
        "order.items[0].quantity",
        "order.items[0].price",
        "order.amount",
    ]


def test_currencies_have_the_digits_of_the_standard() -> None:
    digits = {currency.code: currency.exponent for currency in decision.currencies()}
    assert (digits["GBP"], digits["JPY"], digits["KWD"], digits["CLF"]) == (2, 0, 3, 4)
    assert "XAU" not in digits
    assert len(digits) > 160


def test_time_zones_are_those_of_the_iana_database() -> None:
    assert decision.has_time_zone("America/Sao_Paulo")
    assert decision.has_time_zone("UTC")
    assert not decision.has_time_zone("")
    assert not decision.has_time_zone("Mars/Olympus")
