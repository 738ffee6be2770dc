"""RedemptionService, as far as the archive answers it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc

from promo.v1 import redemption_pb2, redemption_service_pb2, redemption_service_pb2_grpc
from promo_server.domain import lists
from promo_server.rpc import identity
from promo_server.rpc.mapping import history
from promo_server.rpc.mapping import lists as pages
from promo_server.rpc.mapping import redemptions as mapping
from promo_server.services.archive import ReadArchive
from promo_server.services.read_history import ReadHistory

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]


class ArchivedRedemptionServicer(redemption_service_pb2_grpc.RedemptionServiceServicer):
    """Lists redemptions and rollbacks, and returns redemptions whose ledger entry was trimmed."""

    def __init__(self, archive: ReadArchive, history: ReadHistory) -> None:
        """Keep the use cases."""
        self._archive = archive
        self._history = history

    async def GetRedemption(
        self,
        request: redemption_service_pb2.GetRedemptionRequest,
        _context: Context,
    ) -> redemption_pb2.Redemption:
        caller = identity.current()
        return mapping.redemption(await self._archive.redemption(caller, history.engine_id(request.id)))

    async def ListRedemptions(
        self,
        request: redemption_service_pb2.ListRedemptionsRequest,
        _context: Context,
    ) -> redemption_service_pb2.ListRedemptionsResponse:
        caller = identity.current()
        asked = pages.query(lists.REDEMPTIONS, caller, request)
        found = await self._history.redemptions(caller, asked)
        answer = redemption_service_pb2.ListRedemptionsResponse(redemptions=map(mapping.redemption, found.rows))
        return pages.answer(lists.REDEMPTIONS, caller, asked, found, answer)

    async def GetRollback(
        self,
        request: redemption_service_pb2.GetRollbackRequest,
        _context: Context,
    ) -> redemption_pb2.Rollback:
        name = history.engine_id(request.id)
        return history.rollback(await self._history.rollback(identity.current(), name), name)

    async def ListRollbacks(
        self,
        request: redemption_service_pb2.ListRollbacksRequest,
        _context: Context,
    ) -> redemption_service_pb2.ListRollbacksResponse:
        caller = identity.current()
        asked = pages.query(lists.ROLLBACKS, caller, request)
        found = await self._history.rollbacks(caller, asked)
        rollbacks = [history.rollback(row.entry, row.id) for row in found.rows]
        answer = redemption_service_pb2.ListRollbacksResponse(rollbacks=rollbacks)
        return pages.answer(lists.ROLLBACKS, caller, asked, found, answer)
