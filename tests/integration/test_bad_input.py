"""Wrong, hostile and meaningless input: a reasoned refusal, and nothing is written."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import grpc
import grpc.aio
import pytest
import pytest_asyncio
from google.protobuf.duration_pb2 import Duration
from support.server_process import KEY, ServerProcess
from support.shop import CART, OK, codes_of, ending, new_campaign
from support.truth import account_of, store_of

from promo.client import (
    Campaign,
    CodeLayout,
    Limits,
    PromoClient,
    amount_off,
    exceptions,
    fixed_price,
    free_units,
    item,
    order,
    percent_off,
    redeem_request,
    validity,
)
from promo.v1.discount_pb2 import AmountDiscount, Discount, PercentDiscount
from promo.v1.order_pb2 import Order
from promo.v1.publication_service_pb2 import PublishRequest
from promo.v1.redeemable_pb2 import Redeemable
from promo.v1.redemption_service_pb2 import RedeemRequest
from promo.v1.session_pb2 import SessionRequest
from promo.v1.validation_service_pb2 import ValidateRequest
from promo.v1.validity_pb2 import Validity, ValidityHours, ValidityTimeframe

pytestmark = pytest.mark.asyncio

INT64 = 2**63 - 1
LONG = "x" * 257
REDEEM = "/promo.v1.RedemptionService/Redeem"
CREATE = "/promo.v1.CampaignService/CreateCampaign"


def changed(**fields: Any) -> Callable[[RedeemRequest], None]:
    return lambda request: request.MergeFrom(RedeemRequest(**fields))


def of_item(**fields: Any) -> Callable[[RedeemRequest], None]:
    def change(request: RedeemRequest) -> None:
        request.order.amount = 0
        for name, value in fields.items():
            setattr(request.order.items[0], name, value)

    return change


def of_order(**fields: Any) -> Callable[[RedeemRequest], None]:
    def change(request: RedeemRequest) -> None:
        for name, value in fields.items():
            setattr(request.order, name, value)

    return change


def without_order(request: RedeemRequest) -> None:
    request.ClearField("order")


def with_lines(count: int, **fields: Any) -> Callable[[RedeemRequest], None]:
    def change(request: RedeemRequest) -> None:
        lines = [item(**{"product_id": f"p{n}", "price": 1, **fields}) for n in range(count)]
        request.order.CopyFrom(Order(currency_code="GBP", items=lines))

    return change


def codes(*values: str) -> Callable[[RedeemRequest], None]:
    def change(request: RedeemRequest) -> None:
        del request.redeemables[:]
        request.redeemables.extend(Redeemable(code=value) for value in values)

    return change


WRONG_REDEMPTIONS: dict[str, tuple[Callable[[RedeemRequest], None], str]] = {
    "no code": (codes(), "redeemables"),
    "31 codes": (codes(*(f"C{n}" for n in range(31))), "redeemables"),
    "an empty code": (codes(""), "redeemables[0].code"),
    "a code of spaces": (codes("   "), "redeemables[0].code"),
    "a code that is too long": (codes("A" * 129), "redeemables[0].code"),
    "a code with a line feed": (codes("AB\nCD"), "redeemables[0].code"),
    "a code with a NUL": (codes("AB\0CD"), "redeemables[0].code"),
    "a redeemable of no kind": (lambda request: request.redeemables[0].Clear(), "redeemables[0]"),
    "no order": (without_order, "order"),
    "no currency": (of_order(currency_code=""), "order.currency_code"),
    "an unknown currency": (of_order(currency_code="GBX"), "order.currency_code"),
    "a currency in small letters": (of_order(currency_code="gbp"), "order.currency_code"),
    "a currency of gold": (of_order(currency_code="XAU"), "order.currency_code"),
    "an amount that is not the sum": (of_order(amount=29_99), "order.amount"),
    "a negative amount": (of_order(amount=-1), "order.amount"),
    "an amount out of range": (of_order(amount=INT64), "order.amount"),
    "an order id that is too long": (of_order(source_id=LONG), "order.source_id"),
    "10,000 lines": (with_lines(10_000), "order.items"),
    "501 lines": (with_lines(501), "order.items"),
    "lines whose sum is out of range": (with_lines(500, price=10**12, quantity=10**6), "order.items"),
    "a quantity of 0": (of_item(quantity=0), "order.items[0].quantity"),
    "a negative quantity": (of_item(quantity=-1), "order.items[0].quantity"),
    "the largest quantity": (of_item(quantity=INT64), "order.items[0].quantity"),
    "the smallest quantity": (of_item(quantity=-INT64 - 1), "order.items[0].quantity"),
    "a negative price": (of_item(price=-1), "order.items[0].price"),
    "the largest price": (of_item(price=INT64), "order.items[0].price"),
    "a product id that is too long": (of_item(product_id=LONG), "order.items[0].product_id"),
    "a variant id that is too long": (of_item(sku_id=LONG), "order.items[0].sku_id"),
    "a line id that is too long": (of_item(source_id=LONG), "order.items[0].source_id"),
    "a customer without an id": (
        lambda request: request.customer.Clear() or request.customer.SetInParent(),
        "customer.source_id",
    ),
    "a customer id that is too long": (changed(customer={"source_id": LONG}), "customer.source_id"),
    "a customer id with a control character": (changed(customer={"source_id": "a\x07"}), "customer.source_id"),
    "a name that is too long": (changed(customer={"source_id": "a", "name": LONG}), "customer.name"),
    "an unknown mode": (changed(mode=99), "mode"),
    "a negative mode": (changed(mode=-1), "mode"),
    "a request id that is too long": (changed(request_id="x" * 129), "request_id"),
    "a session key that is too long": (changed(session_key="x" * 129), "session_key"),
    "65 entries of metadata": (changed(metadata={f"k{n}": "v" for n in range(65)}), "metadata"),
    "a metadata key that is empty": (changed(metadata={"": "v"}), "metadata key"),
    "a metadata value that is too long": (changed(metadata={"k": "v" * 1_025}), "metadata[k]"),
}


@pytest_asyncio.fixture
async def campaign(server: ServerProcess, client: PromoClient) -> AsyncIterator[Campaign]:
    """Yield a campaign of which nothing may be used while a test runs."""
    made = await new_campaign(client, Limits(per_campaign=10, per_customer=10, discount_budget=50_00))
    yield made
    assert account_of(server, made).uses == 0


@pytest.fixture
def untouched(server: ServerProcess, campaign: Campaign) -> Iterator[None]:
    """Fail when the test left a key or a ledger entry in the store, beside those of its campaign."""
    del campaign
    before = written(server)
    yield
    assert written(server) == before


def written(server: ServerProcess) -> dict[bytes, int]:
    with store_of(server) as store:
        # Guesses are counted, and the outbox is emptied by others.
        names = [name for name in store.keys("*") if b"}g:" not in name and not name.endswith(b"outbox")]
        return {name: store.xlen(name) if name.endswith(b"ledger") else 0 for name in names}


def raw(server: ServerProcess) -> grpc.aio.Channel:
    """Return a channel that sends the bytes it is given."""
    return grpc.aio.insecure_channel(server.target)


async def send(server: ServerProcess, path: str, body: bytes, key: str | None = KEY, **headers: str) -> grpc.StatusCode:
    """Return the status of a call with any bytes."""
    metadata = {**({"authorization": f"Bearer {key}"} if key else {}), **headers}
    async with raw(server) as channel:
        try:
            await channel.unary_unary(path)(body, timeout=20, metadata=tuple(metadata.items()))
        except grpc.aio.AioRpcError as error:
            return error.code()
    return grpc.StatusCode.OK


async def test_every_wrong_field_of_a_redemption_is_named_and_nothing_is_written(
    server: ServerProcess, client: PromoClient, campaign: Campaign
) -> None:
    [code] = await codes_of(client, campaign)
    before = written(server)
    for name, (change, field) in WRONG_REDEMPTIONS.items():
        request = redeem_request(codes=[code], order=CART, customer="a")
        change(request)
        calls = [client.redeem(request)]
        if field.partition("[")[0] not in {"session_key", "metadata", "metadata key"}:
            calls.append(client.validate(validation_of(request)))
        for call in calls:
            with pytest.raises(exceptions.FieldInvalid) as caught:
                await call
            assert field in {one.field for one in caught.value.violations}, (name, caught.value.violations)
    assert written(server) == before


def validation_of(request: RedeemRequest) -> ValidateRequest:
    return ValidateRequest(
        redeemables=request.redeemables,
        customer=request.customer if request.HasField("customer") else None,
        order=request.order if request.HasField("order") else None,
        mode=request.mode,
        request_id=request.request_id,
    )


@pytest.mark.usefixtures("untouched")
async def test_all_that_is_wrong_fits_into_the_answer(client: PromoClient, campaign: Campaign) -> None:
    [code] = await codes_of(client, campaign)
    request = redeem_request(codes=[code], customer="a")
    with_lines(500, quantity=0, product_id="ß" * 2_000)(request)
    request.metadata.update({"ä" * 5_000: "v", "k": "v" * 100_000})
    with pytest.raises(exceptions.FieldInvalid) as caught:
        await client.redeem(request)
    assert 2 <= len(caught.value.violations) <= 20
    for call in (
        client.redemptions.get("r_" + "é" * 100_000),
        client.publications.get("pub_" + "x" * 100_000),
        client.publications.count_codes("é" * 100_000),
        client.publish(campaign="é" * 100_000, customer="a"),
        client.campaigns.get("é" * 100_000),
        client.sessions.get("x" * 100_000),
        client.vouchers.get("x" * 100_000),
        client.rollback("x" * 100_000),
        client.access.revoke_key("x" * 100_000),
    ):
        assert await ending(call) in {
            "FIELD_INVALID",
            "REDEMPTION_NOT_FOUND",
            "PUBLICATION_NOT_FOUND",
            "CAMPAIGN_NOT_FOUND",
            "API_KEY_NOT_FOUND",
        }


@pytest.mark.usefixtures("untouched")
async def test_a_stack_of_thirty_refusals_fits_into_the_answer(client: PromoClient) -> None:
    stack = [f"{'€' * 20}-{n}" for n in range(30)]
    with pytest.raises(exceptions.CodeNotFound) as caught:
        await client.redeem(codes=stack, order=CART)
    assert len(caught.value.metadata["redeemables"].split(",")) == 30


@pytest.mark.parametrize("currency", ["EUR", "USD", "JPY", "KWD"])
@pytest.mark.usefixtures("untouched")
async def test_an_order_in_another_currency_is_refused(client: PromoClient, campaign: Campaign, currency: str) -> None:
    [code] = await codes_of(client, campaign)
    with pytest.raises(exceptions.CurrencyMismatch) as caught:
        await client.redeem(codes=[code], order=order(currency, amount=30_00), customer="a")
    assert (caught.value.metadata["expected"], caught.value.metadata["actual"]) == ("GBP", currency)


HOSTILE = [
    "' OR 1=1 --",
    "*",
    "K7X*",
    "../../etc/passwd",
    "{k3v9q2aa:00}ledger",
    "promo:auth",
    "${jndi:ldap://x}",
    "<script>alert(1)</script>",
    "%s%s%n",
    "\u202eABC",
    "\u200b",
    "\uff2b\uff22\uff23\uff24",
    "K\u0301",
    "🎁🎁🎁",
    "0",
    "-1",
    "null",
    "A" * 128,
    "\ufeffCODE",
    "codes\u00a0CODE",
    "\udbff\udfff".encode("utf-16", "surrogatepass").decode("utf-16"),
]


async def test_hostile_codes_are_only_unknown(client: PromoClient, campaign: Campaign) -> None:
    del campaign
    for number, code in enumerate(HOSTILE):
        customer = f"hostile-{number}"
        assert await ending(client.redeem(codes=[code], order=CART, customer=customer)) == "CODE_NOT_FOUND", code
        answer = await client.validate(codes=[code], order=CART, customer=customer)
        assert not answer.valid
        assert answer.results[0].code == code.strip()
        assert await ending(client.vouchers.get(code)) == "CODE_NOT_FOUND"


async def test_random_codes_of_the_right_shape_are_unknown(client: PromoClient, campaign: Campaign) -> None:
    [code] = await codes_of(client, campaign)
    alphabet = "".join(sorted(set("".join(await codes_of(client, campaign, 1_000)))))
    guesses = ["".join(random.choices(alphabet, k=len(code))) for _ in range(50)]
    for number, guess in enumerate(guesses):
        assert await ending(client.redeem(codes=[guess], order=CART, customer=f"random-{number}")) == "CODE_NOT_FOUND"


@pytest.mark.usefixtures("untouched")
async def test_ids_that_were_made_up_are_unknown(client: PromoClient, campaign: Campaign) -> None:
    del campaign
    ids = [
        "",
        "r_",
        "r_zz",
        "r_ffffffffffffffff",
        "r_00" + "f" * 30,
        "r_" + "0" * 16,
        "rr_0000000000000000",
        "é",
        "r_0\0",
    ]
    for made_up in ids:
        assert await ending(client.redemptions.get(made_up)) in {"REDEMPTION_NOT_FOUND", "FIELD_INVALID"}
        assert await ending(client.rollback(made_up)) in {"REDEMPTION_NOT_FOUND", "FIELD_INVALID"}
    for made_up in ["", "pub_", "pub_1_zzzzzzzzzzzzzz", "pub_zzzzzzz_1", "pub_1_1_1", "pub_-1_1"]:
        assert await ending(client.publications.get(made_up)) in {"PUBLICATION_NOT_FOUND", "FIELD_INVALID"}
    assert await ending(client.sessions.get("no-such-session")) == "SESSION_NOT_FOUND"
    assert await ending(client.sessions.release("no-such-session")) == "SESSION_NOT_FOUND"


async def test_redeemables_of_another_redemption_cannot_be_rolled_back(
    server: ServerProcess, client: PromoClient
) -> None:
    own = await new_campaign(client, Limits(per_campaign=5))
    first, second = await codes_of(client, own, 2)
    one, other = [await client.redeem(codes=[code], order=CART) for code in (first, second)]
    wrong = [[other.results[0].redemption_id], [f"{one.id}.1"], [f"{one.id}.99999999999999999999"], ["x"], [""]]
    for ids in [*wrong, [one.results[0].redemption_id] * 2]:
        assert await ending(client.rollback(one.id, redeemable_redemption_ids=ids)) == "FIELD_INVALID"
    assert account_of(server, own).uses == 2


@pytest.mark.parametrize(
    ("field", "value"),
    [("reason", "é" * 513), ("reason", "a\0b"), ("request_id", "x" * 129), ("request_id", "a b\n")],
    ids=["a long reason", "a NUL in the reason", "a long request id", "a line break in the request id"],
)
async def test_a_rollback_with_a_wrong_field_is_refused_and_undoes_nothing(
    server: ServerProcess, client: PromoClient, field: str, value: str
) -> None:
    own = await new_campaign(client, Limits(per_campaign=5))
    done = await client.redeem(codes=await codes_of(client, own, 1), order=CART)
    with pytest.raises(exceptions.FieldInvalid) as refused:
        await client.rollback(done.id, **{field: value})
    assert [violation.field for violation in refused.value.violations] == [field]
    assert account_of(server, own).uses == 1
    assert await ending(client.rollback(done.id, reason="é" * 512)) == OK


WRONG_PUBLICATIONS: list[dict[str, Any]] = [
    {"campaign": ""},
    {"campaign": "c", "customer": None},
    {"campaign": "c", "count": 51},
    {"campaign": "c", "count": -1},
    {"campaign": "c", "count": 2**31 - 1},
    {"campaign": "c", "source_id": LONG},
    {"campaign": "c", "channel": "x" * 65},
    {"campaign": "c", "request_id": "x" * 129},
    {"campaign": "c", "metadata": {"": ""}},
]


@pytest.mark.usefixtures("untouched")
async def test_wrong_publications_are_refused(client: PromoClient) -> None:
    for fields in WRONG_PUBLICATIONS:
        request = {"customer": "a", **fields}
        assert await ending(client.publish(**request)) == "FIELD_INVALID", fields
    assert await ending(client.publish(campaign="no-such-campaign", customer="a")) == "CAMPAIGN_NOT_FOUND"


@pytest.mark.usefixtures("untouched")
async def test_batches_of_no_or_too_many_requests_are_refused(client: PromoClient, campaign: Campaign) -> None:
    [code] = await codes_of(client, campaign)
    one = redeem_request(codes=[code], order=CART, customer="a", request_id="same")
    for requests in ([], [one] * 1_001):
        assert await ending(client.batch_redeem(requests)) == "FIELD_INVALID"
        assert await ending(client.batch_validate([validation_of(one)] * len(requests))) == "FIELD_INVALID"
        assert await ending(client.batch_publish([PublishRequest()] * len(requests))) == "FIELD_INVALID"


@pytest.mark.usefixtures("untouched")
async def test_sessions_with_wrong_keys_are_refused(client: PromoClient, campaign: Campaign) -> None:
    [code] = await codes_of(client, campaign)
    for key in ("short", "x" * 129, "control\nkey"):
        session = SessionRequest(key=key, ttl=Duration(seconds=60))
        assert await ending(client.validate(codes=[code], order=CART, customer="a", session=session)) == "FIELD_INVALID"


BROKEN: dict[str, bytes] = {
    "no protobuf": b"\xff\xff\xff\xff",
    "a field that ends early": b"\x0a\x7f",
    "a code that is no UTF-8": b"\x0a\x04\x0a\x02\xc3\x28",
    "a code of lone surrogates": b"\x0a\x05\x0a\x03\xed\xa0\x80",
    "a customer of the wrong wire type": b"\x10\x01",
    "an order that is a number": b"\x18\x05",
    "a quantity as text": b"\x1a\x07\x1a\x05\x22\x03abc",
    "a group that never ends": b"\x0b" * 200,
    "a varint that never ends": b"\x20" + b"\xff" * 20,
    "messages in messages": b"\x0a\x02\x0a\x00" * 1_000,
    "zeros": bytes(10_000),
}


@pytest.mark.usefixtures("untouched")
async def test_bytes_that_are_no_request_are_refused(server: ServerProcess) -> None:
    for name, body in BROKEN.items():
        assert await send(server, REDEEM, body) == grpc.StatusCode.INVALID_ARGUMENT, name
        assert await send(server, CREATE, body) == grpc.StatusCode.INVALID_ARGUMENT, name


@pytest.mark.usefixtures("untouched")
async def test_random_bytes_never_break_the_server(server: ServerProcess, client: PromoClient) -> None:
    paths = ["RedemptionService/Redeem", "ValidationService/BatchValidate", "PublicationService/Publish"]
    valid = redeem_request(codes=["A"], order=CART, customer="a").SerializeToString()
    for number in range(60):
        body = bytearray(valid if number % 2 else random.randbytes(random.randrange(200)))
        for _ in range(3):
            if body:
                body[random.randrange(len(body))] = random.randrange(256)
        status = await send(
            server, f"/promo.v1.{paths[number % 3]}", bytes(body) if number % 2 == 0 else bytes(body[:-1])
        )
        assert status not in {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.UNAVAILABLE}, bytes(
            body
        )
    assert await ending(anext(aiter(client.campaigns.list(page_size=1)))) == OK


@pytest.mark.usefixtures("untouched")
async def test_a_message_that_is_too_large_is_refused_before_it_is_read(server: ServerProcess) -> None:
    body = redeem_request(codes=["A"], order=CART, metadata={"k": "v" * (5 * 1024 * 1024)}).SerializeToString()
    assert await send(server, REDEEM, body) == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert await send(server, CREATE, body) == grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize("path", ["/promo.v1.RedemptionService/Steal", "/promo.v1.NoService/Redeem", "/", "/a/b/c"])
async def test_methods_that_do_not_exist_are_unimplemented(server: ServerProcess, path: str) -> None:
    assert await send(server, path, b"") == grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer ", "Bearer :", "Basic dGVzdDp0ZXN0", "Bearer test", "Bearer test:", f"Bearer {KEY}x",
     f"Bearer {KEY[:-1]}", f"Bearer :{KEY.partition(':')[2]}", f"{KEY}", "Bearer " + "x" * 5_000],
)  # fmt: skip
@pytest.mark.usefixtures("untouched")
async def test_credentials_that_are_wrong_open_nothing(server: ServerProcess, authorization: str) -> None:
    for path in (REDEEM, CREATE):
        status = await send(server, path, b"", key=None, authorization=authorization)
        assert status in {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.RESOURCE_EXHAUSTED}


async def test_nobody_can_say_who_he_is_in_metadata(server: ServerProcess, client: PromoClient) -> None:
    key = await client.access.create_key(["viewer"])
    forged = {
        "promo-key-id": "test",
        "promo-project": str(server.ready["project_id"]),
        "promo-scopes": "campaigns.write,keys.write",
        "promo-admin": "true",
        "promo-call-id": "x",
    }
    status = await send(server, CREATE, b"", key=f"{key.id}:{key.token}", **forged)
    assert status == grpc.StatusCode.PERMISSION_DENIED
    assert await send(server, CREATE, b"", key=None, **forged) == grpc.StatusCode.UNAUTHENTICATED


def campaign_with(**fields: Any) -> Campaign:
    values: dict[str, Any] = {
        "name": f"bad-{uuid.uuid4().hex}",
        "currency_code": "GBP",
        "discount": amount_off(1),
        "code_count": 10,
    }
    return Campaign(**{**values, **fields})


EVERY_MINUTE = ValidityTimeframe(interval=Duration(seconds=60), duration=Duration(seconds=1))

WRONG_CAMPAIGNS: dict[str, dict[str, Any]] = {
    "no name": {"name": ""},
    "a name that is too long": {"name": "x" * 129},
    "a description that is too long": {"description": "x" * 1_025},
    "no currency": {"currency_code": ""},
    "an unknown currency": {"currency_code": "ZZZ"},
    "no discount": {"discount": None},
    "a discount of no kind": {"discount": Discount()},
    "nothing off": {"discount": amount_off(0)},
    "less than nothing off": {"discount": amount_off(-1)},
    "too much off": {"discount": amount_off(10**12 + 1)},
    "an unknown effect": {"discount": Discount(amount=AmountDiscount(amount_off=1, effect=99))},  # type: ignore[arg-type]
    "no effect": {"discount": Discount(amount=AmountDiscount(amount_off=1))},
    "no percent": {"discount": percent_off(0)},
    "more than all": {"discount": Discount(percent=PercentDiscount(basis_points=10_001, effect=1))},  # type: ignore[arg-type]
    "a negative cap": {"discount": percent_off(10, limit=-1)},
    "a percentage of each unit": {"discount": Discount(percent=PercentDiscount(basis_points=1, effect=4))},  # type: ignore[arg-type]
    "a negative price": {"discount": fixed_price(-1)},
    "units of nothing": {"discount": free_units(1, price=1)},
    "no units": {"discount": free_units(0, price=1, product_id="p")},
    "too many products": {"discount": amount_off(1, effect="items", product_ids=[f"p{n}" for n in range(1_001)])},
    "fewer codes than none": {"code_count": -1},
    "a negative number of codes": {"code_count": -1},
    "too many codes": {"code_count": 1_000_000_001},
    "a negative limit": {"limits": Limits(per_code=-1)},
    "a negative budget": {"limits": Limits(discount_budget=-1)},
    "a limit out of range": {"limits": Limits(order_value_budget=INT64)},
    "a timeframe without a start": {"validity": Validity(timeframe=EVERY_MINUTE)},
    "hours that end before they begin": {"validity": Validity(hours=[ValidityHours(start_minute=60, end_minute=60)])},
    "hours of no day": {"validity": Validity(hours=[ValidityHours(start_minute=0, end_minute=1_441)])},
    "an eighth day": {"validity": validity(weekdays=[8])},
    "a negative activity": {"validity": Validity(activity_after_publishing=Duration(seconds=-1))},
    "too much metadata": {"metadata": {f"k{n}": "v" for n in range(65)}},
}  # fmt: skip

WRONG_LAYOUTS: dict[str, CodeLayout] = {
    "too short": CodeLayout(length=3),
    "too long": CodeLayout(length=33),
    "negative": CodeLayout(length=-1),
    "one symbol": CodeLayout(charset="A"),
    "a symbol twice": CodeLayout(charset="ABCA"),
    "a symbol that is not ASCII": CodeLayout(charset="ABÄ"),
    "a space": CodeLayout(charset="AB C"),
    "a long prefix": CodeLayout(prefix="X" * 33),
    "a prefix of control characters": CodeLayout(prefix="A\n"),
    "a pattern without symbols": CodeLayout(pattern="ABC"),
    "a pattern and a length": CodeLayout(pattern="####", length=4),
    "an endless blocklist": CodeLayout(blocklist=[f"W{n}" for n in range(1_001)]),
    "a blocked letter": CodeLayout(blocklist=["A"]),
}


@pytest.mark.usefixtures("untouched")
async def test_wrong_campaigns_are_refused(client: PromoClient) -> None:
    for name, fields in WRONG_CAMPAIGNS.items():
        how = await ending(client.campaigns.create(campaign_with(**fields)))
        assert how == "FIELD_INVALID", (name, how)
    for name, layout in WRONG_LAYOUTS.items():
        how = await ending(client.campaigns.create(campaign_with(code_layout=layout)))
        assert how in {"CODE_LAYOUT_INVALID", "FIELD_INVALID"}, (name, how)
    small = campaign_with(code_layout=CodeLayout(length=4, charset="0123456789"), code_count=1_000_000)
    assert await ending(client.campaigns.create(small)) == "CODE_SPACE_TOO_SMALL"


@pytest.mark.usefixtures("untouched")
async def test_a_campaign_that_is_only_checked_is_not_made(client: PromoClient) -> None:
    wanted = campaign_with()
    await client.campaigns.create(wanted, validate_only=True)
    assert await ending(client.campaigns.get(wanted.name)) == "CAMPAIGN_NOT_FOUND"


async def test_largest_values_are_answered_as_exactly_as_small_ones(server: ServerProcess, client: PromoClient) -> None:
    limits = Limits(order_value_budget=10**15, discount_budget=10**15)
    huge = await new_campaign(client, limits, discount=amount_off(10**12))
    [code] = await codes_of(client, huge)
    for amount in (10**15 - 2, 1, 1):
        answer = await client.redeem(codes=[code], order=order("GBP", amount=amount))
        assert answer.order.total_amount == max(amount - 10**12, 0)
    assert await ending(client.redeem(codes=[code], order=order("GBP", amount=1))) == "BUDGET_EXHAUSTED"
    assert account_of(server, huge).uses == 3


async def test_many_bad_calls_leave_good_ones_alone(server: ServerProcess, client: PromoClient) -> None:
    own = await new_campaign(client, Limits(per_campaign=20))
    [code] = await codes_of(client, own)
    bad = [send(server, REDEEM, body) for body in BROKEN.values()]
    good = [client.redeem(codes=[code], order=CART) for _ in range(20)]
    await asyncio.gather(*bad, *good)
    assert account_of(server, own).uses == 20
