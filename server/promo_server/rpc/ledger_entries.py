"""The archive's side of the data plane: whole ledger entries that its store has forgotten.

`promo.internal.Archive/GetEntry` takes the id of a redemption or rollback, or the id of a publication's entry, as text
and answers with a serialized promo.v1.LedgerEntry, empty when there is none. It is no part of the contract: the edge
forwards nothing that is not in promo.v1, so only the edge itself can call it.
"""

from __future__ import annotations

from typing import Any

import grpc

from promo_server.rpc import identity
from promo_server.services.archive import ReadArchive

SERVICE = "promo.internal.Archive"


class LedgerEntries:
    """Answers the data plane."""

    def __init__(self, archive: ReadArchive) -> None:
        """Keep the use case."""
        self._archive = archive

    def handler(self) -> grpc.GenericRpcHandler:
        """Return what the server adds."""
        get_entry: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(self._get_entry)
        return grpc.method_handlers_generic_handler(SERVICE, {"GetEntry": get_entry})

    async def _get_entry(self, request: bytes, _context: grpc.aio.ServicerContext[Any, Any]) -> bytes:
        name = request.decode("ascii", errors="replace")
        return await self._archive.entry(identity.current(), name) or b""
