from __future__ import annotations

import pytest

from promo_adapters.base.documents import convert, decode_body, decode_query
from promo_adapters.base.problems import Problem
from promo_adapters.rest import models

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


@pytest.mark.parametrize(
    ("body", "kind", "expected"),
    [
        (b"", JSON, {}),
        (b"  \n", "", {}),
        (b'{"a": 1}', JSON, {"a": 1}),
        (b'{"a": 1}', "", {"a": 1}),
        (b'{"a": 1}', "text/plain; charset=utf-8", {"a": 1}),
        (b'{"a": 1}', FORM, {"a": 1}),
        (b"a=1&b=", FORM, {"a": "1", "b": ""}),
        (b"a=1+2&b=%2B", f"{FORM}; charset=utf-8", {"a": "1 2", "b": "+"}),
        (b"a=1&a=2", FORM, {"a": "2"}),
        (b"a[b]=1&a[c]=2", FORM, {"a": {"b": "1", "c": "2"}}),
        (b"a[b][c]=1", FORM, {"a": {"b": {"c": "1"}}}),
        (b'{"a[b]": "1", "c": 2}', JSON, {"a": {"b": "1"}, "c": 2}),
        ('{"a": "ü"}'.encode(), JSON, {"a": "ü"}),
    ],
)
def test_bodies_become_documents(body: bytes, kind: str, expected: dict[str, object]) -> None:
    assert decode_body(body, kind) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (b"", {}),
        (b"campaign=a%20b&customer=u", {"campaign": "a b", "customer": "u"}),
        (b"customer[source_id]=u&campaign[name]=n", {"customer": {"source_id": "u"}, "campaign": {"name": "n"}}),
        (b"customer%5Bsource_id%5D=u", {"customer": {"source_id": "u"}}),
        (b"[a]=1", {"[a]": "1"}),
    ],
)
def test_queries_become_documents(query: bytes, expected: dict[str, object]) -> None:
    assert decode_query(query) == expected


@pytest.mark.parametrize("query", [b"a[b=1", b"a=1&a[b]=1", b"a[b]=1&a=1", b"a=%FF"])
def test_a_query_that_contradicts_itself_is_refused(query: bytes) -> None:
    with pytest.raises(Problem) as refused:
        decode_query(query)
    assert (refused.value.status, refused.value.key) == (400, "invalid_query_params")


def test_text_stands_for_numbers_and_flags_as_platforms_send_them() -> None:
    given = convert(
        {"campaign": {"name": "c", "count": "2"}, "customer": "u", "join_once": "true"},
        models.Publication,
        "invalid_payload",
    )
    assert isinstance(given.campaign, models.PublicationCampaign)
    assert (given.campaign.count, given.join_once) == (2, True)


def test_a_wrong_property_is_named_with_its_place() -> None:
    with pytest.raises(Problem) as refused:
        convert(
            {"redeemables": [{"object": "voucher", "id": "A"}, {"object": "voucher"}]}, models.Use, "invalid_payload"
        )
    assert refused.value.details.startswith("Property .redeemables[1]: ")
    assert "`id`" in refused.value.details


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"order": {"amount": "x"}}, ".order.amount: Expected whole number or null, got string"),
        ({"order": {"amount": 12.5}}, ".order.amount: Expected whole number or null, got number"),
        ({"order": {"amount": 2**70}}, ".order.amount: Expected whole number <= 9223372036854775807"),
        ({"redeemables": {}}, ".redeemables: Expected array, got object"),
        ({"redeemables": [1]}, ".redeemables[0]: Expected object, got number"),
        ({"redeemables": [{"object": None}]}, ".redeemables[0].object: Expected string, got null"),
        ({"customer": True}, ".customer: Expected string or object or null, got boolean"),
        ({"session": {"ttl": "x"}}, ".session.ttl: Expected number or null, got string"),
        ({"tracking_id": "x" * 70_000}, ".tracking_id: Expected string of length <= 65536"),
    ],
)
def test_a_wrong_type_is_told_in_the_words_of_json(document: dict[str, object], said: str) -> None:
    with pytest.raises(Problem) as refused:
        convert({"redeemables": [], **document}, models.Use, "invalid_payload")
    assert refused.value.details == f"Property {said}"


def test_a_wrong_flag_is_told_in_the_words_of_json() -> None:
    with pytest.raises(Problem) as refused:
        convert({"join_once": "perhaps"}, models.Publication, "invalid_payload")
    assert refused.value.details == "Property .join_once: Expected boolean or null, got string"
