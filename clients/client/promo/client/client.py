"""The client: what a checkout service calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from types import TracebackType
from typing import Self

from promo.client import build, methods, status
from promo.client.access import Access
from promo.client.build import Mode
from promo.client.calls import Caller
from promo.client.campaigns import Campaigns
from promo.client.channel import ChannelTransport
from promo.client.codes import Codes
from promo.client.customers import Customers, Orders
from promo.client.errors import PromoError
from promo.client.hooks import Hook, Unobserved
from promo.client.imports import Imports
from promo.client.in_process import InProcessTransport, Runtime
from promo.client.lookups import Publications, Redemptions, Sessions
from promo.client.methods import Request
from promo.client.retry import RetryPolicy
from promo.client.timeouts import Timeouts
from promo.client.tls import Tls
from promo.client.transport import Transport
from promo.client.vouchers import Vouchers
from promo.v1.customer_pb2 import Customer
from promo.v1.order_pb2 import Order
from promo.v1.publication_pb2 import Publication
from promo.v1.publication_service_pb2 import BatchPublishRequest, PublishRequest
from promo.v1.redemption_pb2 import Redemption, Rollback
from promo.v1.redemption_service_pb2 import BatchRedeemRequest, RedeemRequest, RollbackRequest
from promo.v1.session_pb2 import SessionRequest
from promo.v1.validation_service_pb2 import BatchValidateRequest, ValidateRequest, Validation


class PromoClient:
    """Calls the engine; safe to share between tasks of one event loop.

    Every call has a deadline, which its retries share. Every mutation has a
    `request_id`: one is made when the caller gives none, and a retry sends the
    same one, so that nothing happens twice. A call that fails raises the
    exception of its reason, see promo.client.exceptions.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        key: str | None = None,
        timeouts: Timeouts | None = None,
        retry: RetryPolicy | None = None,
        hook: Hook | None = None,
    ) -> None:
        """Call through `transport` with the API key `key`, "id:token"; `hook` watches every call."""
        self._caller = Caller(
            transport,
            key,
            timeouts or Timeouts(),
            retry or RetryPolicy(),
            hook or Unobserved(),
        )
        self.access = Access(self._caller)
        self.campaigns = Campaigns(self._caller)
        self.codes = Codes(self._caller)
        self.customers = Customers(self._caller)
        self.orders = Orders(self._caller)
        self.imports = Imports(self._caller)
        self.publications = Publications(self._caller)
        self.redemptions = Redemptions(self._caller)
        self.sessions = Sessions(self._caller)
        self.vouchers = Vouchers(self._caller)

    @classmethod
    def connect(
        cls,
        target: str,
        *,
        key: str | None = None,
        tls: Tls | bool = False,
        timeout: float | Timeouts | None = None,
        retry: RetryPolicy | None = None,
        hook: Hook | None = None,
    ) -> Self:
        """Return a client of the server at `target`, "127.0.0.1:50600"; raises ValueError for what is no address.

        It connects with the first call; call this inside the event loop.
        `tls=True` trusts the system's authorities. `timeout` is the deadline of
        hot calls in seconds, or those of every kind.
        """
        options = Tls() if tls is True else (tls or None)
        timeouts = Timeouts(hot=timeout) if isinstance(timeout, (int, float)) else timeout
        return cls(ChannelTransport(target, options), key=key, timeouts=timeouts, retry=retry, hook=hook)

    @classmethod
    def in_process(
        cls,
        runtime: Runtime,
        *,
        key: str | None = None,
        timeouts: Timeouts | None = None,
        retry: RetryPolicy | None = None,
        hook: Hook | None = None,
    ) -> Self:
        """Return a client of an engine that runs in this process."""
        return cls(InProcessTransport(runtime), key=key, timeouts=timeouts, retry=retry, hook=hook)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the transport; calls in flight fail."""
        await self._caller.transport.close()

    async def validate(
        self,
        request: ValidateRequest | None = None,
        /,
        *,
        codes: Iterable[str] = (),
        order: Order | None = None,
        customer: Customer | str | None = None,
        mode: Mode | None = None,
        session: SessionRequest | timedelta | None = None,
        request_id: str = "",
        timeout: float | None = None,
    ) -> Validation:
        """Return what the codes would do to the order, and use none of them.

        A code that does not work is an answer, not an exception. `session`
        holds what applies for that long. Keywords are set on top of `request`.
        """
        fields = build.validate_request(
            codes=codes,
            order=order,
            customer=customer,
            mode=mode,
            session=session,
            request_id=request_id,
        )
        return await self._caller.unary(methods.VALIDATE, _merged(request, fields), timeout)

    async def redeem(  # noqa: PLR0913  one keyword per field of the request
        self,
        request: RedeemRequest | None = None,
        /,
        *,
        codes: Iterable[str] = (),
        order: Order | None = None,
        customer: Customer | str | None = None,
        mode: Mode | None = None,
        session_key: str = "",
        request_id: str = "",
        metadata: Mapping[str, str] | None = None,
        validate_only: bool = False,
        timeout: float | None = None,
    ) -> Redemption:
        """Use the codes on the order, once, within every limit.

        Raises the reason of the first code that does not apply, in "partial"
        mode only when none does. Keywords are set on top of `request`.
        """
        fields = build.redeem_request(
            codes=codes,
            order=order,
            customer=customer,
            mode=mode,
            session_key=session_key,
            request_id=request_id,
            metadata=metadata,
            validate_only=validate_only,
        )
        return await self._caller.unary(methods.REDEEM, _merged(request, fields), timeout)

    async def rollback(
        self,
        redemption_id: str,
        *,
        redeemable_redemption_ids: Iterable[str] = (),
        reason: str = "",
        request_id: str = "",
        validate_only: bool = False,
        timeout: float | None = None,
    ) -> Rollback:
        """Undo a redemption, or the named redeemables of it, once.

        Raises RedemptionNotFound, AlreadyRolledBack, RollbackTooLate.
        """
        request = RollbackRequest(
            redemption_id=redemption_id,
            redeemable_redemption_ids=redeemable_redemption_ids,
            reason=reason,
            request_id=request_id,
            validate_only=validate_only,
        )
        return await self._caller.unary(methods.ROLLBACK, request, timeout)

    async def publish(  # noqa: PLR0913  one keyword per field of the request
        self,
        request: PublishRequest | None = None,
        /,
        *,
        campaign: str = "",
        customer: Customer | str | None = None,
        count: int = 0,
        source_id: str = "",
        channel: str = "",
        join_once: bool = False,
        request_id: str = "",
        metadata: Mapping[str, str] | None = None,
        validate_only: bool = False,
        timeout: float | None = None,
    ) -> Publication:
        """Hand the next codes of a campaign to a customer, one unless `count` says more.

        A repeated `source_id` returns the first publication with it. Raises
        CampaignNotFound, CodesExhausted, PublicationMismatch. Keywords are set
        on top of `request`.
        """
        fields = build.publish_request(
            campaign=campaign,
            customer=customer,
            count=count,
            source_id=source_id,
            channel=channel,
            join_once=join_once,
            request_id=request_id,
            metadata=metadata,
            validate_only=validate_only,
        )
        return await self._caller.unary(methods.PUBLISH, _merged(request, fields), timeout)

    async def batch_validate(
        self,
        requests: Iterable[ValidateRequest],
        *,
        timeout: float | None = None,
    ) -> list[Validation | PromoError]:
        """Return what became of each of up to 1,000 requests, in their order."""
        request = BatchValidateRequest(requests=requests)
        answer = await self._caller.unary(methods.BATCH_VALIDATE, request, timeout)
        return [
            status.to_error(result.error) if result.HasField("error") else result.validation
            for result in answer.results
        ]

    async def batch_redeem(
        self,
        requests: Iterable[RedeemRequest],
        *,
        timeout: float | None = None,
    ) -> list[Redemption | PromoError]:
        """Return what became of each of up to 1,000 requests, in their order.

        One that is refused does not touch the others. To repeat some of them
        later, give them a `request_id` of your own.
        """
        request = BatchRedeemRequest(requests=requests)
        answer = await self._caller.unary(methods.BATCH_REDEEM, request, timeout)
        return [
            status.to_error(result.error) if result.HasField("error") else result.redemption
            for result in answer.results
        ]

    async def batch_publish(
        self,
        requests: Iterable[PublishRequest],
        *,
        timeout: float | None = None,
    ) -> list[Publication | PromoError]:
        """Return what became of each of up to 1,000 requests, in their order."""
        request = BatchPublishRequest(requests=requests)
        answer = await self._caller.unary(methods.BATCH_PUBLISH, request, timeout)
        return [
            status.to_error(result.error) if result.HasField("error") else result.publication
            for result in answer.results
        ]


def _merged(request: Request | None, fields: Request) -> Request:
    """Return the fields, on top of a copy of the request where there is one."""
    if request is None:
        return fields
    merged = type(request)()
    merged.CopyFrom(request)
    merged.MergeFrom(fields)
    return merged
