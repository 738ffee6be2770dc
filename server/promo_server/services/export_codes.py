"""Streams the codes of a campaign, in the same order and bytes whenever it is asked for."""

from __future__ import annotations

import asyncio
import hashlib
import struct
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

from promo_server.domain import tokens
from promo_server.domain.access import Caller
from promo_server.domain.campaign import Campaign
from promo_server.domain.errors import DomainError
from promo_server.domain.layout import TakenRange
from promo_server.domain.reasons import Reason
from promo_server.services.ports import Codec, CodeKernel, Database
from promo_server.services.read_campaigns import find_campaign

_CHUNK_BYTES = 256 * 1024
_STORED_AT_ONCE = 8_192
_DIGEST_BYTES = 8
_LARGEST = 2**63 - 1
_TOKEN = struct.Struct(f">{_DIGEST_BYTES}sQQQ")


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """Which codes: those from a position on, at most `count` of them unless that is 0."""

    campaign: str
    first_position: int = 0
    count: int = 0
    resume_token: str = ""


@dataclass(frozen=True, slots=True)
class Piece:
    """Whole lines, and how far the export is after them."""

    chunk: bytes
    done_count: int
    total_count: int
    resume_token: str


@dataclass(frozen=True, slots=True)
class _Progress:
    """Where the next code comes from. Positions count blocked indices too; `done` and `total` count codes."""

    position: int
    done: int
    total: int


class ExportCodes:
    """Exports codes: computed ones at the kernel's speed off the event loop, stored ones from SQL."""

    def __init__(self, database: Database, kernel: CodeKernel) -> None:
        """Keep what exporting needs."""
        self._database = database
        self._kernel = kernel

    async def __call__(self, caller: Caller, request: ExportRequest) -> AsyncIterator[Piece]:
        """Yield the pieces of an export; there is at least one, so that an empty one tells its size too.

        What the campaign has when the export starts is what is exported, also after a resumption.
        """
        async with self._database.read() as unit:
            campaign = await find_campaign(unit, caller.project, request.campaign)
            computed = await unit.layouts.of_campaign(campaign.id)
        codec, ranges = None, list[TakenRange]()
        if computed is not None:
            layout, ranges = computed
            codec = self._kernel.codec(layout.specification, layout.wrapped_key)
        binding = _binding(campaign, request)
        if request.resume_token:
            progress = _decode(binding, request.resume_token)
        else:
            total = await asyncio.to_thread(_total, campaign, codec, ranges, request)
            progress = _Progress(request.first_position, 0, total)
        while True:
            chunk, progress = await self._piece(campaign, codec, ranges, progress)
            yield Piece(chunk, progress.done, progress.total, _encode(binding, progress))
            if progress.done >= progress.total:
                return

    async def _piece(
        self,
        campaign: Campaign,
        codec: Codec | None,
        ranges: Sequence[TakenRange],
        progress: _Progress,
    ) -> tuple[bytes, _Progress]:
        left = progress.total - progress.done
        if left == 0:
            return b"", progress
        if codec is not None:
            return await asyncio.to_thread(_computed, codec, ranges, progress)
        async with self._database.read() as unit:
            codes = await unit.stored_codes.slice(campaign.id, progress.position, min(left, _STORED_AT_ONCE))
        if not codes:
            # Nobody but a forged token says that there are more than there are.
            raise DomainError(Reason.RESUME_TOKEN_INVALID)
        chunk = "".join(f"{code}\n" for code in codes).encode()
        return chunk, replace(progress, position=progress.position + len(codes), done=progress.done + len(codes))


def _total(campaign: Campaign, codec: Codec | None, ranges: Sequence[TakenRange], request: ExportRequest) -> int:
    """Return how many codes the request asks for."""
    before = min(request.first_position, campaign.code_count)
    if codec is not None and campaign.layout.blocklist:
        before = sum(
            size - codec.count_blocked(part.range.start, part.range.start + size)
            for part in ranges
            if (size := min(part.range.size, request.first_position - part.first_position)) > 0
        )
    available = campaign.code_count - before
    return min(request.count, available) if request.count else available


def _computed(codec: Codec, ranges: Sequence[TakenRange], progress: _Progress) -> tuple[bytes, _Progress]:
    """Return about 256 KiB of lines from the range that the position lies in."""
    for part in ranges:
        offset = progress.position - part.first_position
        if 0 <= offset < part.range.size:
            break
    else:
        raise DomainError(Reason.RESUME_TOKEN_INVALID)
    start = part.range.start + offset
    end = min(start + _CHUNK_BYTES // codec.line_bytes, part.range.end)
    left = progress.total - progress.done
    if end - start > left:
        # With a blocklist the last codes may need a few indices more: the next piece has them.
        end = start + left
    chunk = codec.export(start, end)
    count = len(chunk) // codec.line_bytes
    return chunk, replace(progress, position=progress.position + end - start, done=progress.done + count)


def _binding(campaign: Campaign, request: ExportRequest) -> bytes:
    text = f"{campaign.id}\x00{request.first_position}\x00{request.count}"
    return hashlib.sha256(text.encode()).digest()[:_DIGEST_BYTES]


def _encode(binding: bytes, progress: _Progress) -> str:
    raw = _TOKEN.pack(binding, progress.position, progress.done, progress.total)
    return tokens.spell(raw)


def _decode(binding: bytes, token: str) -> _Progress:
    try:
        found, position, done, total = _TOKEN.unpack(tokens.read(token))
    except struct.error:
        raise DomainError(Reason.RESUME_TOKEN_INVALID) from None
    if found != binding or done > total or max(position, total) > _LARGEST:
        raise DomainError(Reason.RESUME_TOKEN_INVALID)
    return _Progress(position, done, total)
