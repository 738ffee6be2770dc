"""What may watch the calls of a client: metrics, traces, logs."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Protocol

from promo.client.errors import PromoError
from promo.client.methods import Method

_NO_METADATA: Final[Mapping[str, str]] = MappingProxyType({})


class Observation(Protocol):
    """One call, from before its first attempt to its end."""

    @property
    def metadata(self) -> Mapping[str, str]:
        """Sent with every attempt, a trace context for example; keys in lower case."""
        ...

    def retry(self, error: PromoError, delay: float) -> None:
        """Learn that an attempt failed and another one follows after `delay` seconds."""
        ...

    def end(self, error: BaseException | None) -> None:
        """Learn how the call ended: with None for an answer. Called exactly once."""
        ...


class Hook(Protocol):
    """Watches the calls of a client.

    It is called in the task or thread that makes the call and must not block.
    What it raises ends the call.
    """

    def begin(self, method: Method[Any, Any]) -> Observation:
        """Return what watches one call of `method`."""
        ...


class Unobserved:
    """Watches nothing: a client without a hook."""

    @property
    def metadata(self) -> Mapping[str, str]:
        """Return nothing to send."""
        return _NO_METADATA

    def begin(self, method: Method[Any, Any]) -> Observation:
        """Return itself, since it remembers nothing."""
        del method
        return self

    def retry(self, error: PromoError, delay: float) -> None:
        """Do nothing."""

    def end(self, error: BaseException | None) -> None:
        """Do nothing."""
