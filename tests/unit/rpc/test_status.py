from __future__ import annotations

import pytest
from google.rpc import error_details_pb2

from promo.v1.campaign_service_pb2 import UpdateCampaignRequest
from promo_server.domain.errors import DomainError, FieldsInvalidError, Violation
from promo_server.domain.reasons import Reason
from promo_server.rpc.mapping import campaigns
from promo_server.rpc.status import status_of

LONG = "é" * 100_000


def violations_of(error: DomainError) -> list[error_details_pb2.BadRequest.FieldViolation]:
    bad_request = error_details_pb2.BadRequest()
    assert status_of(error).details[1].Unpack(bad_request)
    return list(bad_request.field_violations)


def test_what_a_caller_sent_does_not_swell_the_trailers() -> None:
    invalid = FieldsInvalidError((Violation(LONG, LONG),) * 10_000)
    unknown = DomainError(Reason.CAMPAIGN_NOT_FOUND, campaign=LONG)
    for error in (invalid, unknown):
        assert status_of(error).ByteSize() < 6_000


def test_of_many_violations_the_first_are_told_and_the_rest_is_counted() -> None:
    told = violations_of(FieldsInvalidError(tuple(Violation(f"f{n}", "is bad") for n in range(40))))
    assert [one.field for one in told] == [*(f"f{n}" for n in range(16)), "request"]
    assert told[-1].description == "has 24 more problems"
    assert len(violations_of(FieldsInvalidError((Violation("f", "is bad"),) * 16))) == 16


def test_a_mask_of_junk_is_refused_in_few_bytes() -> None:
    request = UpdateCampaignRequest()
    request.update_mask.paths.extend(f"{LONG}{n}" for n in range(40))
    with pytest.raises(FieldsInvalidError) as refused:
        campaigns.update(request)
    assert status_of(refused.value).ByteSize() < 6_000
    assert len(violations_of(refused.value)) == 17
