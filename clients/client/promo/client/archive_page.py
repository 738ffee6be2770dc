"""Pages of lists that are read from the archive of what happened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from google.protobuf.timestamp_pb2 import Timestamp

from promo.client.errors import UNAVAILABLE
from promo.client.exceptions import ArchiveBehind
from promo.client.page import Item, Page


class ArchiveAnswer(Protocol):
    """What the answers have in common."""

    next_page_token: str

    @property
    def stale_since(self) -> Timestamp:
        """Since when something may be missing."""

    def HasField(self, field_name: Literal["stale_since"]) -> bool:  # noqa: N802  protobuf's name
        """Return whether something may be missing."""


def archive_page(answer: ArchiveAnswer, items: Sequence[Item], *, require_fresh: bool) -> Page[Item]:
    """Return a page. Raises ArchiveBehind when it may lack something and `require_fresh` asks for all."""
    if require_fresh and answer.HasField("stale_since"):
        since = answer.stale_since.ToDatetime().isoformat(timespec="milliseconds")
        message = f"what happened since {since}Z may be missing"
        raise ArchiveBehind(message, status=UNAVAILABLE, reason_name="ARCHIVE_BEHIND")
    return Page(items, answer.next_page_token)
