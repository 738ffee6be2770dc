"""What the archive answers when the store has forgotten."""

from __future__ import annotations

import re

from promo_server.domain.access import Caller
from promo_server.domain.errors import DomainError
from promo_server.domain.reasons import Reason
from promo_server.services.archive_ports import ArchivedRedemption
from promo_server.services.ports import Database

_NAME = re.compile(r"rr?_[0-9a-f]{16,32}|[0-9a-f]{2}:[0-9]{1,20}-[0-9]{1,20}")


class ReadArchive:
    """Reads what happened in the caller's project."""

    def __init__(self, database: Database) -> None:
        """Keep what reading needs."""
        self._database = database

    async def entry(self, caller: Caller, name: str) -> bytes | None:
        """Return a whole ledger entry, serialized; None when the archive has none of that name.

        `name` is the id of a redemption or of a rollback, or the entry's own id of a publication.
        """
        if not _NAME.fullmatch(name):
            return None
        async with self._database.read() as unit:
            return await unit.archive.entry(caller.project, name)

    async def redemption(self, caller: Caller, redemption_id: str) -> ArchivedRedemption:
        """Return a redemption; refuse with REDEMPTION_NOT_FOUND."""
        async with self._database.read() as unit:
            found = await unit.archive.redemption(caller.project, redemption_id)
        if found is None:
            raise DomainError(Reason.REDEMPTION_NOT_FOUND, redemption=redemption_id)
        return found
