from __future__ import annotations

from pathlib import Path

import pytest

from promo.client import Campaign, Limits, Order, amount_off, item, order
from promo.v1.redeemable_pb2 import RedeemableResult
from promo.v1.redemption_pb2 import Redemption, RedemptionState
from promo.v1.validity_pb2 import Validity
from promo_server.cli.command_error import CommandError
from promo_server.cli.documents import from_document, to_document
from promo_server.cli.message_file import fill


def campaign() -> Campaign:
    made = Campaign(
        name="SPRING",
        currency_code="GBP",
        discount=amount_off(500, effect="items_by_quantity", sku_ids=["mug"]),
        limits=Limits(per_code=1, discount_budget=2**53 + 1),
        validity=Validity(days_of_week=[1, 7]),
        code_count=10,
        metadata={"code_count": "kept as it is"},
    )
    made.validity.expire_time.FromJsonString("2027-01-01T00:00:00Z")
    made.validity.activity_after_publishing.FromSeconds(3600)
    return made


def test_document_has_plain_numbers_and_short_words() -> None:
    document = to_document(campaign())
    assert document["limits"]["discount_budget"] == 2**53 + 1
    assert document["discount"]["amount"]["effect"] == "apply_to_items_by_quantity"
    assert document["validity"]["days_of_week"] == ["monday", "sunday"]
    assert document["validity"]["activity_after_publishing"] == "3600s"
    assert document["metadata"] == {"code_count": "kept as it is"}
    assert document["description"] == ""


def test_reasons_are_spelled_as_errors_spell_them() -> None:
    result = RedeemableResult(code="X")
    result.refusal.reason = 10
    redemption = Redemption(results=[result], state=RedemptionState.REDEMPTION_STATE_ROLLED_BACK)
    document = to_document(redemption)
    assert document["state"] == "rolled_back"
    assert document["results"][0]["refusal"]["reason"].isupper()
    assert not document["results"][0]["refusal"]["reason"].startswith("REASON_")


def test_document_is_read_back_as_the_same_message() -> None:
    for message in (campaign(), order("GBP", [item("mug", price=1250, quantity=2)])):
        again = type(message)()
        from_document(to_document(message), again, "test")
        assert again == message


def test_toml_file_is_read_like_json(tmp_path: Path) -> None:
    file = tmp_path / "spring.toml"
    file.write_text(
        """
        name = "SPRING"
        currency_code = "GBP"
        code_count = 10
        metadata = { code_count = "kept as it is" }
        [discount]
        amount = { amount_off = 500, effect = "apply_to_items_by_quantity" }
        applies_to = { sku_ids = ["mug"] }
        [limits]
        per_code = 1
        discount_budget = 9007199254740993
        [validity]
        expire_time = 2027-01-01T01:00:00+01:00
        activity_after_publishing = "3600s"
        days_of_week = ["monday", "SUNDAY"]
        """
    )
    made = Campaign()
    fill(made, file)
    assert made == campaign()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", b"{", "is not JSON"),
        ("a.toml", b"a = ", "is not TOML"),
        ("a.json", b"\xff", "is not UTF-8"),
        ("a.json", b"[]", "has no object"),
        ("a.json", b"[" * 100_000, "nested too deeply|is not JSON"),
        ("a.json", b'{"colour": 1}', "Order has no field 'colour'.*docs/reference/proto.md"),
        ("a.json", b'{"items": [{"price": 12.5}]}', "price"),
        ("a.json", b'{"items": {"price": 1}}', "items"),
        ("a.json", b'{"currency_code": 5}', "currency"),
    ],
)
def test_file_that_cannot_be_read_is_refused_by_name(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(CommandError, match=message) as refusal:
        fill(Order(), file)
    assert name in str(refusal.value)


def test_time_without_a_zone_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text("[validity]\nexpire_time = 2027-01-01T00:00:00\n")
    with pytest.raises(CommandError, match="write 2027-01-01T00:00:00Z"):
        fill(Campaign(), file)
    with pytest.raises(CommandError, match="does not exist"):
        fill(Campaign(), tmp_path / "none.json")


@pytest.mark.parametrize("text", ['{"auto_grow": false, "code_count": 0}', '{"autoGrow": false, "codeCount": 0}'])
def test_fields_of_a_file_are_named_however_they_are_spelled(tmp_path: Path, text: str) -> None:
    file = tmp_path / "campaign.json"
    file.write_text(text)
    assert fill(Campaign(), file) == {"auto_grow", "code_count"}
