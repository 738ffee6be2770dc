from __future__ import annotations

import pytest

from promo.client import PromoError, Reason, Violation, exceptions
from promo_adapters.base.problems import Problem, from_error, problem_body


def error(reason: Reason, **fields: object) -> PromoError:
    detail = reason.detail
    metadata = {key: f"<{key}>" for key in detail.metadata_keys}
    return exceptions.BY_REASON[reason](
        detail.message.format(**metadata),
        status=detail.grpc_code,
        reason_name=reason.name,
        metadata=metadata,
        **fields,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_the_status_and_key_of_the_catalogue(reason: Reason) -> None:
    problem = from_error(error(reason))
    assert problem.status == reason.detail.http_status
    assert problem.key == reason.detail.rest_key
    body = problem_body(problem, "v-1")
    assert body["code"] == problem.status
    assert body["message"]
    assert body["request_id"] == "v-1"
    assert ("details" in body) == (reason is not Reason.INTERNAL)
    if problem.status in {429, 503, 504}:
        assert problem.headers()["retry-after"] == "1"


@pytest.mark.parametrize(
    ("reason", "resource"),
    [
        (Reason.CODE_NOT_FOUND, ("<code>", "voucher")),
        (Reason.CAMPAIGN_NOT_FOUND, ("<campaign>", "campaign")),
        (Reason.REDEMPTION_NOT_FOUND, ("<redemption>", "redemption")),
        (Reason.CODE_USES_EXHAUSTED, ("<code>", "voucher")),
        (Reason.FIELD_INVALID, None),
    ],
)
def test_a_problem_names_what_it_is_with(reason: Reason, resource: tuple[str, str] | None) -> None:
    assert from_error(error(reason)).resource == resource


def test_a_delay_is_rounded_up_to_whole_seconds() -> None:
    assert from_error(error(Reason.RATE_LIMITED, retry_after=2.1)).headers() == {"retry-after": "3"}


def test_every_refused_field_is_told() -> None:
    violations = (Violation("order.amount", "is negative"), Violation("channel", "is too long"))
    problem = from_error(error(Reason.FIELD_INVALID, violations=violations))
    assert problem.details == "order.amount: is negative; channel: is too long"


@pytest.mark.parametrize(
    ("grpc", "status", "key"),
    [(14, 503, "service_unavailable"), (4, 504, "timeout"), (2, 500, "internal_error"), (13, 500, "internal_error")],
)
def test_a_failure_of_the_network_is_told_without_its_words(grpc: int, status: int, key: str) -> None:
    failure = exceptions.BY_STATUS[grpc]("failed to connect to ipv4:10.0.0.7:50600", status=grpc)
    problem = from_error(failure)
    assert (problem.status, problem.key, problem.details) == (status, key, "")


def test_a_reason_of_a_newer_engine_is_told_by_its_name() -> None:
    problem = from_error(exceptions.BY_STATUS[9]("no", status=9, reason_name="MOON_TOO_FULL"))
    assert (problem.status, problem.key) == (400, "moon_too_full")


def test_a_problem_without_details_has_none() -> None:
    assert problem_body(Problem(404, "not_found"), "v-1") == {
        "code": 404,
        "key": "not_found",
        "message": "Resource not found",
        "request_id": "v-1",
    }
