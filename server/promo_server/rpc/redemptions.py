"""RedemptionService, as far as the archive answers it: the data plane forwards what its store has forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc

from promo.v1 import redemption_pb2, redemption_service_pb2, redemption_service_pb2_grpc
from promo_server.rpc import identity
from promo_server.rpc.mapping import redemptions as mapping
from promo_server.services.archive import ReadArchive

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]


class ArchivedRedemptionServicer(redemption_service_pb2_grpc.RedemptionServiceServicer):
    """Returns redemptions whose ledger entry was trimmed."""

    def __init__(self, archive: ReadArchive) -> None:
        """Keep the use case."""
        self._archive = archive

    async def GetRedemption(
        self,
        request: redemption_service_pb2.GetRedemptionRequest,
        _context: Context,
    ) -> redemption_pb2.Redemption:
        caller = identity.current()
        return mapping.redemption(await self._archive.redemption(caller, mapping.redemption_id(request)))
