"""What a handler works with: the request, read and authenticated."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterable
from typing import TypeVar
from urllib.parse import unquote

from starlette.requests import Request

from promo.client import Campaign, PromoClient, PromoError
from promo.v1.voucher_pb2 import Voucher
from promo_adapters.base.bodies import read_body
from promo_adapters.base.campaigns import CampaignCache
from promo_adapters.base.credentials import api_key
from promo_adapters.base.documents import Document, convert, decode_body, decode_query
from promo_adapters.base.engine import ANSWER_SECONDS, DETAIL_SECONDS, Engine
from promo_adapters.base.gate import REQUEST_ID
from promo_adapters.base.peers import peer
from promo_adapters.base.problems import Problem

Model = TypeVar("Model")

_IDEMPOTENCY_KEY = "idempotency-key"


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """What one request may take up."""

    body_bytes: int = 1024 * 1024
    """Largest body."""
    read_seconds: float = 10.0
    """Time for the head to arrive, and as much again for the body."""


@dataclasses.dataclass(frozen=True, slots=True)
class Shared:
    """What all requests share."""

    engine: Engine
    campaigns: CampaignCache
    limits: Limits


class Call:
    """One request of an authenticated caller."""

    def __init__(self, shared: Shared, request: Request) -> None:
        """Read who calls. Raises Problem with 401 when nobody says so."""
        key = api_key(request.headers)
        self._shared = shared
        self._request = request
        self.key_id = key.partition(":")[0]
        self.client: PromoClient = shared.engine.client(key, peer(request))

    @property
    def request_id(self) -> str:
        """Id of the request, as errors quote it."""
        return str(self._request.scope[REQUEST_ID])

    @property
    def idempotency_key(self) -> str:
        """The caller's own id of the request; empty when there is none."""
        return self._request.headers.get(_IDEMPOTENCY_KEY, "")

    def path(self, name: str) -> str:
        """Return a part of the path, decoded. Raises Problem with 400 when it is not UTF-8."""
        try:
            return unquote(self._request.path_params[name], errors="strict")
        except UnicodeDecodeError:
            raise Problem(400, "invalid_payload", f"the {name} in the path is not UTF-8") from None

    def query(self) -> Document:
        """Return what the query says; names that nobody knows are in it too."""
        return decode_query(self._request.scope["query_string"])

    async def body(self) -> Document:
        """Return what the body says."""
        limits = self._shared.limits
        body = await read_body(self._request, limits.body_bytes, limits.read_seconds)
        return decode_body(body, self._request.headers.get("content-type", ""))

    async def model(self, model: type[Model]) -> Model:
        """Return the body as a model."""
        return convert(await self.body(), model, "invalid_payload")

    async def campaign(self, campaign_id: str) -> Campaign:
        """Return a campaign without which there is no answer."""
        return await self._shared.campaigns.get(self.client, self.key_id, campaign_id, ANSWER_SECONDS)

    async def campaign_detail(self, campaign_id: str) -> Campaign | None:
        """Return a campaign that an answer can do without."""
        return await self._shared.campaigns.find(self.client, self.key_id, campaign_id, DETAIL_SECONDS)

    async def campaign_details(self, campaign_ids: Iterable[str]) -> dict[str, Campaign]:
        """Return the campaigns, by id, that can be had."""
        ids = sorted(set(campaign_ids))
        found = await asyncio.gather(*map(self.campaign_detail, ids))
        return {campaign.id: campaign for campaign in found if campaign is not None}

    async def voucher_details(self, codes: Iterable[str]) -> list[Voucher]:
        """Return the vouchers that can be had of codes that exist."""
        found = await asyncio.gather(*map(self._voucher_detail, codes))
        return [voucher for voucher in found if voucher is not None]

    async def _voucher_detail(self, code: str) -> Voucher | None:
        try:
            return await self.client.vouchers.get(code, timeout=DETAIL_SECONDS)
        except PromoError:
            return None
