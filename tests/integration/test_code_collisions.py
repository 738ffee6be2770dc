"""Stored codes that fall among the codes that a layout will compute later: each is one code, of one campaign."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio
from support.control_plane import ControlPlane
from support.shop import CART, ending

from promo.client import PromoClient, exceptions, publish_request
from promo_server.domain.campaign import Campaign, CodeMode
from promo_server.domain.layout import CodeLayout, RegisteredLayout
from promo_server.domain.requests import Repeat
from promo_server.embedded import EmbeddedStore
from promo_server.runtime import Runtime
from promo_server.services.changes import Changes
from promo_server.services.code_issue import CodeIssue
from promo_server.services.create_campaign import CreateCampaign
from promo_server.services.export_codes import ExportRequest
from promo_server.services.grow_campaign import GrowCampaign
from promo_server.services.kernel_codes import KernelCodes
from promo_server.services.kernel_definitions import KernelDefinitions

pytestmark = pytest.mark.asyncio

MASTER = b"\x07" * 32
"""What the control plane of the tests wraps keys with."""

DIGITS = CodeLayout(charset="0123456789", length=6)
"""Spells a million codes: up to ten are computed, more are stored."""

UPPER = CodeLayout(charset="ABCDEFGHJK", length=6)
"""Reads small letters as well."""

BOTH = CodeLayout(charset="abcdefghjkABCDEFGHJK", length=6)
"""Spells codes that differ in case only."""


class SteeredKernel(KernelCodes):
    """Uses a key that the test knows where a new one is asked for."""

    def __init__(self, key: bytes) -> None:
        super().__init__(MASTER)
        self._key = key

    def new_key(self) -> bytes:
        return self._key


class SteeredEntropy:
    """Draws the indices that the test wants, then any."""

    def __init__(self, indices: Sequence[int], width: int) -> None:
        self._indices = list(indices)
        self._width = width

    def __call__(self, count: int, /) -> bytes:
        if count % self._width:
            return secrets.token_bytes(count)  # an id
        here = count // self._width
        wanted, self._indices = self._indices[:here], self._indices[here:]
        drawn = b"".join(index.to_bytes(self._width, "big") for index in wanted)
        return drawn + secrets.token_bytes(count - len(drawn))


@pytest_asyncio.fixture
async def client(embedded_store: EmbeddedStore) -> AsyncIterator[PromoClient]:
    """Yield a client of a data plane on the same store."""
    runtime = Runtime(
        {
            "worker_threads": 1,
            "engine": {"store_url": embedded_store.url, "master_secret": MASTER.hex()},
            "edge": {"listen": "127.0.0.1:0"},
        }
    )
    async with PromoClient.connect(await runtime.serve(), key="admin:secret", timeout=30.0) as connected:
        yield connected
    await runtime.drain(0)


async def draw(plane: ControlPlane, campaign: Campaign, key: bytes, indices: Sequence[int], count: int) -> None:
    """Draw `count` more stored codes: the first ones tried are those that `key` spells at `indices`."""
    domain = KernelCodes(MASTER).check_layout(campaign.layout, 1).domain
    entropy = SteeredEntropy(indices, (domain.bit_length() + 64 + 7) // 8)
    grow = GrowCampaign(CodeIssue(SteeredKernel(key), entropy))
    async with plane.database.write() as unit:
        project = await unit.projects.lock(plane.project)
        current = await unit.campaigns.find(plane.project, campaign.id)
        assert current is not None
        assert current.code_mode is CodeMode.STORED
        await grow(unit, project, current, count, plane.clock())
    await plane.use_cases.publisher.publish(plane.project)


async def layout_of(plane: ControlPlane, campaign: Campaign) -> RegisteredLayout:
    async with plane.database.read() as unit:
        layouts = await unit.layouts.all_of(plane.project)
    return next(layout for layout in layouts if layout.number == campaign.layout_number)


async def codes_of(plane: ControlPlane, campaign: Campaign) -> list[str]:
    """Return what an export has."""
    pieces = plane.use_cases.export_codes(plane.caller, ExportRequest(campaign.id))
    return b"".join([piece.chunk async for piece in pieces]).decode().splitlines()


def spelled(layout: CodeLayout, key: bytes, count: int) -> list[str]:
    """Return the first codes of a layout under a key."""
    kernel = KernelCodes(MASTER)
    codec = kernel.codec(kernel.check_layout(layout, 1).specification, key)
    return codec.export(0, count).decode().splitlines()


async def published(client: PromoClient, campaign: Campaign) -> set[str]:
    """Publish every code of a campaign, one by one and in a batch, and return them."""
    codes = set((await client.publish(campaign=campaign.name, customer="a", count=2)).codes)
    requests = [publish_request(campaign=campaign.name, customer=f"c{n}") for n in range(campaign.code_count)]
    for result in await client.batch_publish(requests):
        if isinstance(result, exceptions.PromoError):
            assert result.reason_name == "CODES_EXHAUSTED"
        else:
            codes.update(result.codes)
    return codes


async def owner(client: PromoClient, code: str) -> str:
    """Use a code, and return the id of the campaign that it was a code of."""
    redemption = await client.redeem(codes=[code], order=CART)
    assert (await client.vouchers.get(code)).campaign_id == redemption.results[0].campaign_id
    return redemption.results[0].campaign_id


async def test_stored_codes_drawn_before_a_layout_reaches_them_are_skipped(
    plane: ControlPlane, client: PromoClient
) -> None:
    computed = await plane.campaign(layout=DIGITS, code_count=5)
    stored = await plane.campaign(layout=DIGITS, code_count=20)
    assert (computed.code_mode, stored.code_mode) == (CodeMode.ARITHMETIC, CodeMode.STORED)
    key = (await layout_of(plane, computed)).wrapped_key
    texts = spelled(DIGITS, key, 13)
    # What is issued is drawn in vain; what is not, and so would be the next codes, is taken.
    await draw(plane, stored, key, [0, 4, 5, 6, 8], 3)
    assert (await codes_of(plane, stored))[20:] == [texts[5], texts[6], texts[8]]
    assert await owner(client, texts[5]) == stored.id
    await plane.use_cases.code_batches.create(plane.caller, computed.id, 4, Repeat("t"))
    own = [texts[index] for index in (0, 1, 2, 3, 4, 7, 9, 10, 11)]
    assert await codes_of(plane, computed) == own
    counts = await client.publications.count_codes(computed.name)
    assert counts.issued_count == 9
    grown = await plane.use_cases.read_campaigns.get(plane.caller, computed.id)
    assert await published(client, grown) == set(own)
    assert [await owner(client, code) for code in (texts[6], texts[8])] == [stored.id] * 2
    assert [await owner(client, code) for code in own] == [computed.id] * 9
    assert await ending(client.redeem(codes=[texts[12]], order=CART)) == "CODE_NOT_FOUND"


async def test_a_new_layout_skips_stored_codes_that_were_there_before(plane: ControlPlane, client: PromoClient) -> None:
    stored = await plane.campaign(layout=DIGITS, code_count=20)
    key = KernelCodes(MASTER).new_key()
    texts = spelled(DIGITS, key, 8)
    await draw(plane, stored, key, [0, 2, 3], 3)
    create = CreateCampaign(
        Changes(plane.database, plane.use_cases.publisher, plane.clock),
        CodeIssue(SteeredKernel(key), secrets.token_bytes),
        KernelDefinitions(),
        secrets.token_bytes,
    )
    new = plane.new(layout=DIGITS, code_count=5)
    computed = await create(plane.caller, new, Repeat("t"), validate_only=False)
    assert computed.code_mode is CodeMode.ARITHMETIC
    own = [texts[index] for index in (1, 4, 5, 6, 7)]
    assert await codes_of(plane, computed) == own
    assert await published(client, computed) == set(own)
    assert [await owner(client, texts[index]) for index in (0, 2, 3)] == [stored.id] * 3
    assert [await owner(client, code) for code in own] == [computed.id] * 5


async def test_stored_codes_that_differ_in_case_only_skip_one_computed_code(
    plane: ControlPlane, client: PromoClient
) -> None:
    computed = await plane.campaign(layout=UPPER, code_count=5)
    stored = await plane.campaign(layout=BOTH, code_count=2)
    assert stored.code_mode is CodeMode.STORED
    texts = spelled(UPPER, (await layout_of(plane, computed)).wrapped_key, 8)
    kernel = KernelCodes(MASTER)
    key = kernel.new_key()
    codec = kernel.codec(kernel.check_layout(BOTH, 1).specification, key)
    for text in (texts[5], texts[5].lower()):
        index = codec.decode(text)
        assert index is not None
        await draw(plane, stored, key, [index], 1)
    assert (await codes_of(plane, stored))[2:] == [texts[5], texts[5].lower()]
    await plane.use_cases.code_batches.create(plane.caller, computed.id, 2, Repeat("t"))
    assert (await codes_of(plane, computed))[5:] == [texts[6], texts[7]]
    assert [await owner(client, code) for code in (texts[5], texts[5].lower())] == [stored.id] * 2
    assert await owner(client, texts[6].lower()) == computed.id
