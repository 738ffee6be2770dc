"""The routes. Each handler reads, asks the engine, and writes; what things mean stands in `mapping`."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from promo.client import Customer, PromoClient, Reason, exceptions
from promo.client import order as build_order
from promo.v1.redemption_pb2 import Redemption, Rollback
from promo.v1.session_pb2 import SessionRequest
from promo.v1.validation_service_pb2 import ValidateRequest, Validation
from promo_adapters.base import metadata
from promo_adapters.base.answers import json_answer
from promo_adapters.base.documents import Document, convert
from promo_adapters.rest import models
from promo_adapters.rest.call import Call, Shared
from promo_adapters.rest.mapping.customers import to_customer
from promo_adapters.rest.mapping.orders import to_order
from promo_adapters.rest.mapping.publications import publication_object, to_publish_request
from promo_adapters.rest.mapping.redemptions import (
    check_rollback,
    parent_id,
    redemption_answer,
    rollback_answer,
    rollbacks_answer,
)
from promo_adapters.rest.mapping.sessions import to_session_request
from promo_adapters.rest.mapping.uses import codes_of
from promo_adapters.rest.mapping.validations import unknown_code, validation_object
from promo_adapters.rest.mapping.vouchers import voucher_object

Handler = Callable[[Call], Awaitable[dict[str, object]]]

_MOST_CODES = 50


def routes(shared: Shared) -> list[BaseRoute]:
    """Return what is served."""
    served = (
        ("POST", "/v1/publications", publish),
        ("GET", "/v1/publications/create", publish_by_query),
        ("POST", "/v1/validations", validate),
        ("POST", "/v1/redemptions", redeem),
        ("POST", "/v1/redemptions/{id}/rollback", roll_back_single),
        ("POST", "/v1/redemptions/{id}/rollbacks", roll_back_stack),
        ("GET", "/v1/vouchers/{code}", get_voucher),
    )
    return [Route(path, _endpoint(shared, handler), methods=[method]) for method, path, handler in served]


def _endpoint(shared: Shared, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    @functools.wraps(handler)
    async def endpoint(request: Request) -> Response:
        return json_answer(await handler(Call(shared, request)))

    return endpoint


async def publish(call: Call) -> dict[str, object]:
    """POST /v1/publications."""
    document = await call.body()
    query = call.query()
    if "join_once" in query:
        document = {**document, "join_once": query["join_once"]}
    return await _publish(call, document, "invalid_payload", _MOST_CODES)


async def publish_by_query(call: Call) -> dict[str, object]:
    """GET /v1/publications/create."""
    return await _publish(call, call.query(), "invalid_query_params", 1)


async def _publish(call: Call, document: Document, key: str, most_codes: int) -> dict[str, object]:
    given = convert(document, models.Publication, key)
    request = to_publish_request(given, missing_key=key, most_codes=most_codes)
    publication = await call.client.publish(request, request_id=call.idempotency_key)
    # The customer has the codes now: whatever else is told must not fail the call.
    vouchers, campaign = await asyncio.gather(
        call.voucher_details(publication.codes),
        call.campaign_detail(publication.campaign_id),
    )
    return publication_object(publication, request.customer, vouchers, campaign)


async def validate(call: Call) -> dict[str, object]:
    """POST /v1/validations."""
    given = await call.model(models.Use)
    codes = codes_of(given.redeemables)
    session = to_session_request(given.session)
    customer = to_customer(given.customer)
    customer_id = customer.source_id if customer is not None else ""
    order = to_order(given.order)
    try:
        order.currency_code = order.currency_code or await _currency(call, codes, customer)
    except exceptions.CodeNotFound as error:
        validation = unknown_code(codes, error)
    else:
        validation = await _hold_anew(
            call.client,
            session,
            lambda: call.client.validate(
                ValidateRequest(session=session),
                codes=codes,
                order=order,
                customer=customer,
                request_id=call.idempotency_key,
            ),
        )
    return validation_object(validation, given, customer_id, call.request_id)


async def _hold_anew(
    client: PromoClient,
    session: SessionRequest | None,
    hold: Callable[[], Awaitable[Validation]],
) -> Validation:
    """Hold, in place of what is held under the same key.

    The engine has no such step: what the caller itself holds stands in its way,
    so it is given back and taken anew. In between others can take it.
    """
    found: Validation | None = None
    with contextlib.suppress(exceptions.SessionKeyInUse):
        found = await hold()
    if found is not None and (found.valid or session is None or not session.key):
        return found
    try:
        await client.sessions.release(session.key if session is not None else "")
    except exceptions.SessionNotFound:
        # Nothing was held, or not any more.
        return found if found is not None else await hold()
    return await hold()


async def redeem(call: Call) -> dict[str, object]:
    """POST /v1/redemptions."""
    given = await call.model(models.Use)
    codes = codes_of(given.redeemables)
    customer = to_customer(given.customer)
    order = to_order(given.order)
    order.currency_code = order.currency_code or await _currency(call, codes, customer)
    redemption = await call.client.redeem(
        codes=codes,
        order=order,
        customer=customer,
        session_key=(given.session.key or "") if given.session is not None else "",
        request_id=call.idempotency_key,
        metadata=metadata.pack(given.metadata),
    )
    campaigns = await call.campaign_details(result.campaign_id for result in redemption.results)
    return redemption_answer(redemption, customer, given.tracking_id, call.key_id, campaigns)


async def _currency(call: Call, codes: list[str], customer: Customer | None) -> str:
    """Return the currency of an order that does not say its own: that of the first code's campaign.

    Raises CodeNotFound for a first code that does not exist, CodeGuessing for one too many; all codes fail together.
    """
    if customer is not None:
        # The engine counts what a customer guesses where it is told of the customer. A code of none has no currency.
        found = await call.client.validate(codes=codes[:1], order=build_order("EUR", amount=1), customer=customer)
        refusal = found.results[0].refusal
        if refusal.reason == Reason.CODE_NOT_FOUND.value:
            status = Reason.CODE_NOT_FOUND.detail.grpc_code
            raise exceptions.CodeNotFound(refusal.message, status=status, metadata=refusal.metadata)
    voucher = await call.client.vouchers.get(codes[0])
    campaign = await call.campaign(voucher.campaign_id)
    return campaign.currency_code


async def roll_back_single(call: Call) -> dict[str, object]:
    """POST /v1/redemptions/{id}/rollback."""
    given, redemption, rollback = await _roll_back(call, stack=False)
    campaigns = await call.campaign_details(result.campaign_id for result in redemption.results)
    return rollback_answer(redemption, rollback, given, call.key_id, campaigns)


async def roll_back_stack(call: Call) -> dict[str, object]:
    """POST /v1/redemptions/{id}/rollbacks."""
    given, redemption, rollback = await _roll_back(call, stack=True)
    campaigns = await call.campaign_details(result.campaign_id for result in redemption.results)
    return rollbacks_answer(redemption, rollback, given, call.key_id, campaigns)


async def _roll_back(call: Call, *, stack: bool) -> tuple[models.Rollback, Redemption, Rollback]:
    # The query may say what the body does not.
    given = convert({**call.query(), **await call.body()}, models.Rollback, "invalid_payload")
    asked_id = call.path("id")
    redemption = await call.client.redemptions.get(parent_id(asked_id))
    check_rollback(redemption, asked_id, given, stack=stack)
    rollback = await call.client.rollback(
        redemption.id,
        reason=given.reason or "",
        request_id=call.idempotency_key,
    )
    return given, redemption, rollback


async def get_voucher(call: Call) -> dict[str, object]:
    """GET /v1/vouchers/{code}."""
    voucher = await call.client.vouchers.get(call.path("code"))
    return voucher_object(voucher, await call.campaign(voucher.campaign_id))
