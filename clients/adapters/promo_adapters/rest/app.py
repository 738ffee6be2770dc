"""The REST API as an ASGI application."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp

from promo.client import PromoError
from promo_adapters.base.answers import json_answer
from promo_adapters.base.campaigns import CampaignCache
from promo_adapters.base.engine import Engine, Health, Transports
from promo_adapters.base.gate import Gate
from promo_adapters.base.metrics import RequestMetrics
from promo_adapters.rest.call import Limits, Shared
from promo_adapters.rest.routes import routes


def create_app(
    transports: Transports,
    health: Health,
    metrics: RequestMetrics,
    limits: Limits | None = None,
) -> ASGIApp:
    """Return the application. `health` tells whether the engine can answer."""
    shared = Shared(Engine(transports), CampaignCache(), limits or Limits())

    async def healthz(_request: Request) -> Response:
        try:
            serving = await health()
        except PromoError:
            serving = False
        if serving:
            return json_answer({"status": "ok"})
        return json_answer({"status": "unavailable"}, 503, {"retry-after": "1"})

    return Gate(Router([*routes(shared), Route("/healthz", healthz)], redirect_slashes=False), metrics)
