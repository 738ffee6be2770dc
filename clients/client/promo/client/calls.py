"""Makes calls: deadline, key, request id, retries."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import AsyncGenerator, Mapping
from types import MappingProxyType

from promo.client import status
from promo.client.errors import PromoError
from promo.client.methods import Answer, Method, Pace, Request
from promo.client.retry import RetryPolicy
from promo.client.transport import Transport


@dataclasses.dataclass(frozen=True, slots=True)
class Timeouts:
    """Default deadlines of calls, retries included, in seconds."""

    hot: float = 2.0
    """What a shopper waits for: validate, redeem, roll back, publish, look up."""
    batch: float = 10.0
    """Their batch forms."""
    managed: float = 30.0
    """Everything else. An export may take longer, but not without a piece."""

    def of(self, pace: Pace) -> float:
        """Return the default deadline of a method."""
        return {Pace.HOT: self.hot, Pace.BATCH: self.batch, Pace.MANAGED: self.managed}[pace]


class Caller:
    """Makes the calls of one client."""

    def __init__(
        self,
        transport: Transport,
        key: str | None,
        timeouts: Timeouts,
        retry: RetryPolicy,
    ) -> None:
        """Call through `transport` with `key`, "id:token"."""
        self.transport = transport
        self.timeouts = timeouts
        self.retry = retry
        self.metadata: Mapping[str, str] = MappingProxyType(
            {"authorization": f"Bearer {key}"} if key else {},
        )

    async def unary(
        self,
        method: Method[Request, Answer],
        request: Request,
        timeout: float | None = None,
    ) -> Answer:
        """Return the answer, trying again where that is safe and in time.

        The request is copied, so the caller's own never gets an id that the
        caller did not give. All attempts send the same bytes.
        """
        deadline = time.monotonic() + (self.timeouts.of(method.pace) if timeout is None else timeout)
        sent = method.request()
        sent.CopyFrom(request)
        request_id = method.identify(sent)
        body = sent.SerializeToString()
        attempt = 0
        previous: PromoError | None = None
        while True:
            attempt += 1
            try:
                answer = await self._attempt(method.path, body, deadline)
            except PromoError as error:
                error.request_id = request_id
                if previous is not None:
                    # A deadline that ends a retry must not hide what was wrong.
                    error.add_note(f"attempt {attempt}; the one before: {previous}")
                previous = error
                delay = self.retry.delay(attempt, error, repeatable=method.repeatable)
                if delay is None or time.monotonic() + delay >= deadline:
                    raise
                await asyncio.sleep(delay)
            else:
                return method.answer.FromString(answer)

    async def _attempt(self, path: str, body: bytes, deadline: float) -> bytes:
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            message = "the deadline passed before the call was made"
            raise status.deadline_exceeded(message)
        return await self.transport.unary(path, self.metadata, body, remaining)

    async def stream(
        self,
        method: Method[Request, Answer],
        request: Request,
        *,
        idle_timeout: float | None = None,
    ) -> AsyncGenerator[Answer, None]:
        """Yield the answers of one attempt at a server-streaming method.

        Raises DeadlineExceededError when none comes for `idle_timeout` seconds.
        The time that the consumer takes between answers does not count.
        """
        idle = self.timeouts.of(method.pace) if idle_timeout is None else idle_timeout
        answers = aiter(
            self.transport.stream(method.path, self.metadata, request.SerializeToString(), None),
        )
        try:
            while True:
                try:
                    async with asyncio.timeout(idle):
                        answer = await anext(answers)
                except StopAsyncIteration:
                    return
                except TimeoutError:
                    message = f"the stream stood still for {idle:.1f} s"
                    raise status.deadline_exceeded(message) from None
                yield method.answer.FromString(answer)
        finally:
            close = getattr(answers, "aclose", None)
            if close is not None:
                await close()
