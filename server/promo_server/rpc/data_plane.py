"""What the data plane asks of the control plane for itself.

None of it is part of the contract: the edge forwards nothing that is not in promo.v1, so only the edge itself can call.
Requests and answers are plain bytes.

`promo.internal.Archive/GetEntry` takes the id of a redemption or rollback, or the id of a publication's entry, as text
and answers with a serialized promo.v1.LedgerEntry, empty when there is none: what the store has forgotten.

`promo.internal.Codes/Grow` takes `<campaign id> <codes it had> <codes needed>` as text and answers with the number of
codes that the campaign has now: more, when it grows by itself.
"""

from __future__ import annotations

from typing import Any

import grpc

from promo_server.domain.errors import FieldsInvalidError, Violation
from promo_server.rpc import identity
from promo_server.services.archive import ReadArchive
from promo_server.services.auto_grow import AutoGrow

_PARTS = 3
_MOST_NEEDED = 1_000

Context = grpc.aio.ServicerContext[Any, Any]


class DataPlaneRequests:
    """Answers the data plane."""

    def __init__(self, archive: ReadArchive, grow: AutoGrow) -> None:
        """Keep the use cases."""
        self._archive = archive
        self._grow = grow

    def handlers(self) -> tuple[grpc.GenericRpcHandler, ...]:
        """Return what the server adds."""
        get_entry: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(self._get_entry)
        grow: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(self._grow_campaign)
        return (
            grpc.method_handlers_generic_handler("promo.internal.Archive", {"GetEntry": get_entry}),
            grpc.method_handlers_generic_handler("promo.internal.Codes", {"Grow": grow}),
        )

    async def _get_entry(self, request: bytes, _context: Context) -> bytes:
        name = request.decode("ascii", errors="replace")
        return await self._archive.entry(identity.current(), name) or b""

    async def _grow_campaign(self, request: bytes, _context: Context) -> bytes:
        parts = request.decode("ascii", errors="replace").split(" ")
        if len(parts) != _PARTS or not all(part.isdecimal() for part in parts[1:]):
            raise FieldsInvalidError((Violation("request", "is not `<campaign id> <codes> <needed>`"),))
        seen, needed = int(parts[1]), min(int(parts[2]), _MOST_NEEDED)
        return str(await self._grow(identity.current(), parts[0], seen, needed)).encode()
