"""Prepared bodies are what the contract's own encoder would have made."""

from pathlib import Path

import pytest

from benchmarks import bodies
from benchmarks.bodies import Template
from benchmarks.contestants import MARKS, identifiers
from benchmarks.ours import in_batches, varint
from benchmarks.scenario import Scenario
from promo.v1.redemption_service_pb2 import BatchRedeemRequest, RedeemRequest


def redeem_request(number: int) -> RedeemRequest:
    names = identifiers(number)
    return Scenario.load("coupon").redeem_request("C00000001", names["customer"], names["order"], names["request"])


def test_a_filled_template_is_the_serialised_request() -> None:
    marked = Scenario.load("coupon").redeem_request(MARKS["code"], MARKS["customer"], MARKS["order"], MARKS["request"])
    template = Template.cut(marked.SerializeToString(), MARKS)
    filled = template.fill(identifiers(42) | {"code": "C00000001"})
    assert RedeemRequest.FromString(filled) == redeem_request(42)


def test_a_value_of_another_width_is_refused() -> None:
    template = Template.cut(b"a~~b", {"x": "~~"})
    assert template.fill({"x": "12"}) == b"a12b"
    with pytest.raises(ValueError, match="2 bytes wide"):
        template.fill({"x": "123"})


def test_a_mark_that_is_not_in_the_body_is_refused() -> None:
    with pytest.raises(ValueError, match="mark"):
        Template.cut(b"ab", {"x": "~~"})


def test_batches_put_together_from_bytes_are_batch_requests() -> None:
    requests = [redeem_request(number) for number in range(4)]
    joined = list(in_batches((request.SerializeToString() for request in requests), 2))
    assert [list(BatchRedeemRequest.FromString(batch).requests) for batch in joined] == [requests[:2], requests[2:]]


@pytest.mark.parametrize(("value", "expected"), [(0, b"\x00"), (127, b"\x7f"), (128, b"\x80\x01"), (300, b"\xac\x02")])
def test_lengths_are_protobuf_integers(value: int, expected: bytes) -> None:
    assert varint(value) == expected


def test_bodies_come_back_from_their_file(tmp_path: Path) -> None:
    written = [b"first", b"", b"third"]
    assert bodies.read(bodies.write(tmp_path / "bodies", written)) == written
