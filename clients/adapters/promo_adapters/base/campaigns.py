"""Definitions of campaigns, remembered for a moment: answers describe them, and hot calls do not carry them."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from typing import Final

from promo.client import Campaign, PromoClient, PromoError
from promo.client.reasons import Retry

_FRESH_SECONDS: Final = 5.0
_MOST_REMEMBERED: Final = 4_096

_Key = tuple[str, str]


class CampaignCache:
    """Remembers campaigns per API key; nobody sees what a key of theirs did not fetch.

    A definition is up to five seconds old, and older while the control plane is
    away. Whoever asks has been told the campaign's id by a call with the same key.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self._kept: OrderedDict[_Key, tuple[float, Campaign]] = OrderedDict()
        self._loading: dict[_Key, asyncio.Task[Campaign]] = {}

    async def get(self, client: PromoClient, key_id: str, campaign_id: str, seconds: float) -> Campaign:
        """Return a campaign, within a time. Raises PromoError when it was never seen and cannot be fetched."""
        key = (key_id, campaign_id)
        kept = self._kept.get(key)
        if kept is not None and time.monotonic() - kept[0] < _FRESH_SECONDS:
            return kept[1]
        task = self._loading.get(key)
        if task is None:
            task = self._loading[key] = asyncio.create_task(self._load(client, key, seconds))
            task.add_done_callback(lambda done: self._loaded(key, done))
        elif kept is not None:
            # One caller fetches; the others need not wait for what has most likely not changed.
            return kept[1]
        try:
            # Whoever goes away does not take the answer from the others.
            return await asyncio.shield(task)
        except PromoError as error:
            if kept is not None and error.retry is not Retry.NEVER:
                return kept[1]
            raise

    async def find(self, client: PromoClient, key_id: str, campaign_id: str, seconds: float) -> Campaign | None:
        """Return a campaign, None when it cannot be fetched: an answer can do with less."""
        try:
            return await self.get(client, key_id, campaign_id, seconds)
        except PromoError:
            return None

    async def _load(self, client: PromoClient, key: _Key, seconds: float) -> Campaign:
        campaign = await client.campaigns.get(key[1], timeout=seconds)
        self._kept[key] = (time.monotonic(), campaign)
        self._kept.move_to_end(key)
        while len(self._kept) > _MOST_REMEMBERED:
            self._kept.popitem(last=False)
        return campaign

    def _loaded(self, key: _Key, task: asyncio.Task[Campaign]) -> None:
        del self._loading[key]
        if not task.cancelled():
            # Nobody may be left to hear of a failure.
            task.exception()
