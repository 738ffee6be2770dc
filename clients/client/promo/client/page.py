"""One page of a list."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")


@dataclasses.dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """One page of a list, and where the next one begins."""

    items: Sequence[Item]
    """What the page has, in the order of the list."""
    next_page_token: str
    """`page_token` of the next page; empty on the last one."""
