"""grpc.health.v1.Health of the control plane, which the edge asks to tell a slow control plane from a hanging one."""

from __future__ import annotations

from typing import Any

import grpc

SERVICE = "grpc.health.v1.Health"

# A HealthCheckResponse is one enum field; its two values are written out, so that no further package is needed.
_SERVING = b"\x08\x01"
_NOT_SERVING = b"\x08\x02"


class Health:
    """Answers SERVING until it is told to stop."""

    def __init__(self) -> None:
        """Begin with SERVING."""
        self._answer = _SERVING

    def stop(self) -> None:
        """Answer NOT_SERVING from now on."""
        self._answer = _NOT_SERVING

    def handler(self) -> grpc.GenericRpcHandler:
        """Return what the server adds."""
        check: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(self._check)
        return grpc.method_handlers_generic_handler(SERVICE, {"Check": check})

    async def _check(self, _request: bytes, _context: grpc.aio.ServicerContext[Any, Any]) -> bytes:
        return self._answer
