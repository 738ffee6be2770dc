"""Lists, page by page or item by item."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Generic

from promo.client.calls import Caller
from promo.client.methods import Answer, Method, Request
from promo.client.page import Item, Page


class Listing(Generic[Item]):
    """What a list call finds; nothing is asked for before it is iterated.

    Iterate it for the items, all pages through. `pages()` gives them page by
    page, each with the token from which a later program can go on.
    """

    def __init__(self, read: Callable[[], AsyncIterator[Page[Item]]]) -> None:
        """Read pages with `read`, from the first one each time."""
        self._read = read

    def pages(self) -> AsyncIterator[Page[Item]]:
        """Yield the pages; a list without items is one empty page."""
        return self._read()

    async def __aiter__(self) -> AsyncIterator[Item]:
        """Yield the items of all pages."""
        async for page in self._read():
            for item in page.items:
                yield item


def listing(
    caller: Caller,
    method: Method[Request, Answer],
    request: Callable[[str], Request],
    page: Callable[[Answer], Page[Item]],
    *,
    page_token: str = "",
    timeout: float | None = None,
) -> Listing[Item]:
    """Return the list that `method` reads.

    `request` makes the request of a page from its token, `page` reads the
    answer; `timeout` is that of each page.
    """

    async def read() -> AsyncIterator[Page[Item]]:
        token = page_token
        while True:
            found = page(await caller.unary(method, request(token), timeout))
            yield found
            token = found.next_page_token
            if not token:
                return

    return Listing(read)
