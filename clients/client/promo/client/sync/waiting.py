"""How the client for threads waits. promo.client.waiting is the same for asyncio."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator
from types import TracebackType
from typing import Self

from promo.client.errors import PromoError


def sleep(seconds: float) -> None:
    """Return after `seconds`."""
    time.sleep(seconds)


def paced(answers: Iterator[bytes], idle: float) -> Generator[bytes, None]:
    """Yield the answers of a stream, and close it at the end.

    Raises TimeoutError when none comes for `idle` seconds. The time that the
    consumer takes between answers does not count. A stream without a method
    `cancel` cannot be interrupted, and is not watched.
    """
    cancel = getattr(answers, "cancel", None)
    try:
        if cancel is None:
            yield from answers
            return
        with _Watch(cancel, idle) as watch:
            while True:
                watch.begin()
                try:
                    answer = next(answers)
                except StopIteration:
                    return
                except PromoError:
                    if watch.expired:
                        raise TimeoutError from None
                    raise
                finally:
                    watch.end()
                yield answer
    finally:
        close = getattr(answers, "close", None)
        if close is not None:
            close()


class _Watch:
    """Cancels a stream whose next answer takes too long.

    One thread per stream: a timer per answer would be a thread per answer.
    """

    def __init__(self, cancel: Callable[[], object], idle: float) -> None:
        self.expired = False
        self._cancel = cancel
        self._idle = idle
        self._due: float | None = None
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="promo-stream-watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def begin(self) -> None:
        """Count from now."""
        with self._changed:
            self._due = time.monotonic() + self._idle

    def end(self) -> None:
        """Count no longer."""
        with self._changed:
            self._due = None

    def _run(self) -> None:
        # Nobody wakes this thread for an answer: a moment to come is never
        # earlier than the one that it sleeps for.
        with self._changed:
            while not self._closed:
                remaining = self._idle if self._due is None else self._due - time.monotonic()
                if remaining <= 0:
                    self.expired = True
                    self._cancel()
                    return
                self._changed.wait(remaining)
