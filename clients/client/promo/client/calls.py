"""Makes calls: deadline, key, request id, retries."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from types import MappingProxyType

from promo.client import status
from promo.client.errors import PromoError
from promo.client.hooks import Hook, Observation
from promo.client.methods import Answer, Method, Request
from promo.client.retry import RetryPolicy
from promo.client.timeouts import Timeouts
from promo.client.transport import Transport
from promo.client.waiting import paced, sleep


class Caller:
    """Makes the calls of one client."""

    def __init__(
        self,
        transport: Transport,
        key: str | None,
        timeouts: Timeouts,
        retry: RetryPolicy,
        hook: Hook,
    ) -> None:
        """Call through `transport` with `key`, "id:token"; raises ValueError for one that is written otherwise."""
        if key and not all(key.partition(":")):
            raise ValueError("a key is written id:token")
        self.transport = transport
        self.timeouts = timeouts
        self.retry = retry
        self.hook = hook
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
        observation = self.hook.begin(method)
        failure: BaseException | None = None
        try:
            answer = await self._attempts(method, sent.SerializeToString(), request_id, deadline, observation)
        except BaseException as error:
            failure = error
            raise
        finally:
            observation.end(failure)
        return method.answer.FromString(answer)

    async def _attempts(
        self,
        method: Method[Request, Answer],
        body: bytes,
        request_id: str | None,
        deadline: float,
        observation: Observation,
    ) -> bytes:
        metadata = self._metadata(observation)
        attempt = 0
        previous: PromoError | None = None
        while True:
            attempt += 1
            try:
                return await self._attempt(method.path, metadata, body, deadline)
            except PromoError as error:
                error.request_id = request_id
                if previous is not None:
                    # A deadline that ends a retry must not hide what was wrong.
                    error.add_note(f"attempt {attempt}; the one before: {previous}")
                previous = error
                delay = self.retry.delay(attempt, error, repeatable=method.repeatable)
                if delay is None or time.monotonic() + delay >= deadline:
                    raise
            observation.retry(previous, delay)
            await sleep(delay)

    async def _attempt(self, path: str, metadata: Mapping[str, str], body: bytes, deadline: float) -> bytes:
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            message = "the deadline passed before the call was made"
            raise status.deadline_exceeded(message)
        return await self.transport.unary(path, metadata, body, remaining)

    def _metadata(self, observation: Observation) -> Mapping[str, str]:
        """Return what an attempt carries; a hook cannot take the key's place."""
        return {**observation.metadata, **self.metadata} if observation.metadata else self.metadata

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
        observation = self.hook.begin(method)
        failure: BaseException | None = None
        try:
            metadata = self._metadata(observation)
            stream = self.transport.stream(method.path, metadata, request.SerializeToString(), None)
            async with aclosing(paced(aiter(stream), idle)) as answers:
                async for answer in answers:
                    yield method.answer.FromString(answer)
        except GeneratorExit:
            # The consumer has what it wanted.
            raise
        except TimeoutError:
            failure = status.deadline_exceeded(f"the stream stood still for {idle:.1f} s")
            raise failure from None
        except BaseException as error:
            failure = error
            raise
        finally:
            observation.end(failure)
