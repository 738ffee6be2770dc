"""What promo.client exports, and that it reaches every method of the contract."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import types

import pytest
from google.longrunning import operations_proto_pb2 as operations
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

import promo.client
import promo.v1
from promo.client import PromoClient, methods

EXPORTED = {
    "Campaign",
    "ChannelTransport",
    "CodeLayout",
    "Customer",
    "ExportPiece",
    "Hook",
    "InProcessTransport",
    "Limits",
    "Listing",
    "Observation",
    "Order",
    "OrderItem",
    "Page",
    "PromoClient",
    "PromoError",
    "Reason",
    "ReasonDetail",
    "Retry",
    "RetryPolicy",
    "Runtime",
    "StandaloneTerms",
    "SyncPromoClient",
    "Timeouts",
    "Tls",
    "Transport",
    "Violation",
    "Voucher",
    "VoucherFilter",
    "amount_off",
    "exceptions",
    "fixed_price",
    "free_units",
    "item",
    "order",
    "percent_off",
    "publish_request",
    "redeem_request",
    "validate_request",
    "validity",
}


def test_exported_names_are_those_that_are_promised() -> None:
    assert set(promo.client.__all__) == EXPORTED
    stray = {
        name
        for name, value in vars(promo.client).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }
    assert stray <= EXPORTED


def test_every_exported_name_is_documented() -> None:
    # Messages have their comments in the stubs and the reference.
    exported = {name: getattr(promo.client, name) for name in EXPORTED}
    bare = [name for name, value in exported.items() if not value.__doc__ and not hasattr(value, "DESCRIPTOR")]
    assert bare == []


def services() -> list[ServiceDescriptor]:
    found = []
    for module in pkgutil.iter_modules(promo.v1.__path__):
        if module.name.endswith("_pb2"):
            file = importlib.import_module(f"promo.v1.{module.name}").DESCRIPTOR
            found += file.services_by_name.values()
    return found


def contract() -> dict[str, MethodDescriptor]:
    return {f"/{service.full_name}/{method.name}": method for service in services() for method in service.methods}


def table() -> dict[str, methods.Method]:
    return {value.path: value for value in vars(methods).values() if isinstance(value, methods.Method)}


def test_the_client_has_every_method_of_the_contract() -> None:
    ours = {path for path in table() if path.startswith("/promo.v1.")}
    assert ours == set(contract())


def test_the_client_sends_and_expects_the_messages_of_the_contract() -> None:
    described = contract()
    longrunning = operations.DESCRIPTOR.services_by_name["Operations"]
    described |= {f"/{longrunning.full_name}/{method.name}": method for method in longrunning.methods}
    for path, method in table().items():
        assert method.request.DESCRIPTOR.full_name == described[path].input_type.full_name, path
        assert method.answer.DESCRIPTOR.full_name == described[path].output_type.full_name, path


def test_every_request_with_a_request_id_gets_one() -> None:
    for path, method in table().items():
        if method is methods.VALIDATE:  # only with a session; see the unit tests
            continue
        request = method.request()
        identified = method.identify(request)
        if "request_id" in method.request.DESCRIPTOR.fields_by_name:
            assert identified, path
            assert request.request_id == identified, path
        else:
            assert identified is None, path


def test_every_mutation_can_be_repeated_and_tried_dry() -> None:
    reads = ("Get", "List", "Count", "Export", "Batch")
    for path, method in table().items():
        service, name = path.removeprefix("/").split("/")
        # Validate changes nothing but by a session; Operations is not ours.
        if name.startswith(reads) or method is methods.VALIDATE or service == "google.longrunning.Operations":
            continue
        assert {"request_id", "validate_only"} <= set(method.request.DESCRIPTOR.fields_by_name), path


@pytest.mark.asyncio
async def test_every_call_of_the_client_that_can_be_repeated_can_be_tried_dry() -> None:
    client = PromoClient.connect("127.0.0.1:1")
    parts = [client, *(getattr(client, name) for name in vars(type(client)) | vars(client) if not name.startswith("_"))]
    calls = {call for part in parts for _, call in inspect.getmembers(part, inspect.iscoroutinefunction)}
    parameters = {call.__qualname__: inspect.signature(call).parameters for call in calls}
    repeatable = {name for name, named in parameters.items() if "request_id" in named}
    assert len(repeatable) > 20
    # Validate changes nothing but by a session.
    assert {name for name, named in parameters.items() if "validate_only" in named} == repeatable - {
        "PromoClient.validate"
    }


def test_only_the_creation_of_a_key_cannot_be_repeated() -> None:
    assert [path for path, method in table().items() if not method.repeatable] == [methods.CREATE_API_KEY.path]
