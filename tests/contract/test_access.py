"""The data plane's table of scopes is what the contract's comments promise."""

from __future__ import annotations

import re
from pathlib import Path

from google.longrunning import operations_proto_pb2 as operations

REPOSITORY = Path(__file__).resolve().parents[2]
RPC = re.compile(r"((?:^ *//.*\n)+) *rpc (\w+)\((\w+)\)", re.MULTILINE)
SCOPE = re.compile(r"Scope:\s+(\w+\.\w+|as \w+)")
HOT_SERVICES = {"ValidationService", "RedemptionService", "PublicationService", "SessionService", "VoucherService"}
FROM_THE_ARCHIVE = {
    "RedemptionService/ListRedemptions",
    "RedemptionService/GetRollback",
    "RedemptionService/ListRollbacks",
    "PublicationService/ListPublications",
    "VoucherService/ListVouchers",
}
WRITTEN_BY_SQL = {"VoucherService/CreateVoucher"}
WRITTEN_BY_THE_STORE = {"CustomerService/UpsertCustomer", "CustomerService/EraseCustomer"}


def table() -> dict[str, tuple[str, bool]]:
    source = (REPOSITORY / "codegen_ext/crates/engine/src/access.rs").read_text()
    rows = re.findall(r'^\s+(hot|managed)\(\s*"(/[\w./]+)",\s*"([\w.]+)",?\s*\),$', source, re.MULTILINE)
    return {path: (scope, kind == "hot") for kind, path, scope in rows}


def promised() -> dict[str, str]:
    """The scope in the comment of each RPC, by path."""
    scopes: dict[str, str] = {}
    for path in sorted((REPOSITORY / "proto/promo/v1").glob("*_service.proto")):
        source = path.read_text()
        [service] = re.findall(r"^service (\w+)", source, re.MULTILINE)
        for comment, name, _ in RPC.findall(source):
            found = SCOPE.search(" ".join(comment.replace("//", " ").split()))
            assert found is not None, f"{service}.{name} says no scope"
            scope = found[1]
            prefix = f"/promo.v1.{service}/"
            scopes[prefix + name] = scopes[prefix + scope.removeprefix("as ")] if scope.startswith("as ") else scope
    return scopes


def test_every_method_needs_the_scope_that_its_comment_names() -> None:
    ours = {path: scope for path, (scope, _) in table().items() if path.startswith("/promo.v1.")}
    assert ours == promised()


def test_every_method_of_operations_needs_a_scope() -> None:
    service = operations.DESCRIPTOR.services_by_name["Operations"]
    expected = {f"/{service.full_name}/{method.name}" for method in service.methods}
    assert {path for path in table() if path.startswith("/google.longrunning.")} == expected


def test_hot_methods_are_those_that_need_the_store_only() -> None:
    hot = {path.removeprefix("/promo.v1.") for path, (_, is_hot) in table().items() if is_hot}
    names = {path.removeprefix("/promo.v1.") for path in promised()}
    checkout = {name for name in names if name.partition("/")[0] in HOT_SERVICES}
    assert hot == (checkout - FROM_THE_ARCHIVE - WRITTEN_BY_SQL) | WRITTEN_BY_THE_STORE
    assert names >= FROM_THE_ARCHIVE | WRITTEN_BY_SQL
