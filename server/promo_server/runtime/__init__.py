"""The typed face of the data plane: engine and edge, which run on threads of their own."""

from promo_server.runtime.runtime import CallFailedError, Runtime

__all__ = ["CallFailedError", "Runtime"]
