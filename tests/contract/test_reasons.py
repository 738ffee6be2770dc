"""The tables of reasons in every language hold the catalogue of the contract."""

from __future__ import annotations

import re
from pathlib import Path

import promo_server.domain.reasons as server_reasons
from promo.client import exceptions
from promo.client import reasons as client_reasons
from promo.v1 import reason_pb2

REPOSITORY = Path(__file__).resolve().parents[2]
PREFIX = "REASON_"

# name -> (number, message, metadata keys, gRPC code, HTTP status, REST key, retry)
Row = tuple[int, str, tuple[str, ...], int, int, str, str]


def catalogue() -> dict[str, Row]:
    rows: dict[str, Row] = {}
    for value in reason_pb2.Reason.DESCRIPTOR.values:
        detail = value.GetOptions().Extensions[reason_pb2.detail]
        rows[value.name.removeprefix(PREFIX)] = (
            value.number,
            detail.message,
            tuple(detail.metadata_keys),
            detail.grpc_code,
            detail.http_status,
            detail.rest_key,
            reason_pb2.RetryAdvice.Name(detail.retry).removeprefix("RETRY_ADVICE_"),
        )
    del rows["UNSPECIFIED"]
    return rows


def test_the_client_has_every_reason_as_the_contract_does() -> None:
    rows = {
        reason.name: (
            reason.value,
            reason.detail.message,
            reason.detail.metadata_keys,
            reason.detail.grpc_code,
            reason.detail.http_status,
            reason.detail.rest_key,
            reason.detail.retry.name,
        )
        for reason in client_reasons.Reason
    }
    assert rows == catalogue()


def test_the_server_has_every_reason_as_the_contract_does() -> None:
    rows = {
        reason.name: (
            reason.value,
            reason.detail.message,
            reason.detail.metadata_keys,
            reason.detail.grpc_code,
            reason.detail.http_status,
            reason.detail.rest_key,
            reason.detail.retry.name,
        )
        for reason in server_reasons.Reason
    }
    assert rows == catalogue()


RUST_DETAIL = re.compile(
    r"""ReasonDetail\ \{\s+
    name:\ "(?P<name>\w+)",\s+
    message:\ "(?P<message>[^"]*)",\s+
    metadata_keys:\ &\[(?P<keys>[^\]]*)\],\s+
    grpc_code:\ (?P<grpc>\d+),\s+
    http_status:\ (?P<http>\d+),\s+
    rest_key:\ "(?P<rest>\w+)",\s+
    retry:\ Retry::(?P<retry>\w+),""",
    re.VERBOSE,
)


def test_the_data_plane_has_every_reason_as_the_contract_does() -> None:
    source = (REPOSITORY / "codegen_ext/crates/decision/src/reason.rs").read_text()
    numbers = {name: int(number) for name, number in re.findall(r"^    (\w+) = (\d+),$", source, re.MULTILINE)}
    rows = {
        found["name"]: (
            numbers["".join(word.capitalize() for word in found["name"].split("_"))],
            found["message"],
            tuple(re.findall(r'"(\w+)"', found["keys"])),
            int(found["grpc"]),
            int(found["http"]),
            found["rest"],
            re.sub(r"(?<!^)(?=[A-Z])", "_", found["retry"]).upper(),
        )
        for found in RUST_DETAIL.finditer(source)
    }
    assert rows == catalogue()


def test_every_reason_has_one_exception() -> None:
    assert {reason.name for reason in exceptions.BY_REASON} == set(catalogue())
    assert len(set(exceptions.BY_REASON.values())) == len(catalogue())


def test_an_exhausted_business_limit_is_not_an_exhausted_quota() -> None:
    # RESOURCE_EXHAUSTED makes retrying clients and meshes try again.
    quota = {name for name, row in catalogue().items() if row[3] == 8}
    assert quota == {"MESSAGE_TOO_LARGE", "RATE_LIMITED", "OVERLOADED", "CODE_GUESSING", "KEY_GUESSING"}


def test_every_comment_of_an_rpc_names_reasons_of_the_catalogue() -> None:
    known = set(catalogue())
    unknown: dict[str, set[str]] = {}
    for path in sorted((REPOSITORY / "proto/promo/v1").glob("*_service.proto")):
        for block in re.findall(r"((?:^ *//.*\n)+) *(?:rpc|service) ", path.read_text(), re.MULTILINE):
            words = set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", block))
            if words - known:
                unknown[path.name] = unknown.get(path.name, set()) | (words - known)
    assert unknown == {}
