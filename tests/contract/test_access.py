"""The data plane's table of scopes is what the contract's comments promise."""

from __future__ import annotations

import re
from pathlib import Path

from google.longrunning import operations_proto_pb2 as operations

REPOSITORY = Path(__file__).resolve().parents[2]
RPC = re.compile(r"((?:^ *//.*\n)+) *rpc (\w+)\((\w+)\)", re.MULTILINE)
SCOPE = re.compile(r"Scope:\s+(\w+\.\w+|as \w+)")
HOT_SERVICES = {"ValidationService", "RedemptionService", "PublicationService", "SessionService", "VoucherService"}


ANSWERED_BY_SQL = {"/promo.v1.VoucherService/CreateVoucher", "/promo.v1.VoucherService/ListVouchers"}
"""Methods of those services that the control plane answers."""


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


def test_hot_methods_are_those_of_the_checkout() -> None:
    hot = {path for path, (_, is_hot) in table().items() if is_hot}
    checkout = {path for path in promised() if path.split("/")[1].rpartition(".")[2] in HOT_SERVICES}
    assert hot == checkout - ANSWERED_BY_SQL
