"""The process that fills the archive: it is the server's, and nothing is lost or doubled when it dies."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable

import pytest
from support.archive import archive_process
from support.server_process import KEY, ServerProcess
from support.shop import CART, new_campaign

from promo.client import PromoClient, exceptions

pytestmark = pytest.mark.asyncio


def metric(server: ServerProcess, name: str) -> float:
    connection = http.client.HTTPConnection(server.http, timeout=10)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name))


async def all_redemptions(client: PromoClient) -> list[str]:
    """Return the ids of all redemptions once the archive knows them; the machine may be slow."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return [one.id async for one in client.redemptions.list(require_fresh=True, timeout=30.0)]
        except exceptions.ArchiveBehind:
            assert time.monotonic() < deadline, "the archive did not take in all redemptions"


@pytest.mark.extended
async def test_a_killed_archive_process_is_replaced_and_loses_nothing(
    new_server: Callable[..., ServerProcess], database_url: str
) -> None:
    server = new_server(PROMO_SQL__URL=database_url)
    async with PromoClient.connect(server.target, key=KEY, timeout=30.0) as client:
        campaign = await new_campaign(client)
        for customer in range(60):
            published = await client.publish(campaign=campaign.name, customer=f"c{customer}")
            await client.redeem(codes=published.codes, customer=f"c{customer}", order=CART)
            if customer % 20 == 10:
                archive_process(server).kill()
        listed = await all_redemptions(client)
    assert len(listed) == len(set(listed)) == 60
    deadline = time.monotonic() + 30
    while metric(server, "promo_projection_lag_seconds") or not metric(server, "promo_projection_entries_total"):
        assert time.monotonic() < deadline, "the metrics of the archive process did not arrive"
        time.sleep(0.1)
    process = archive_process(server)
    assert server.stop() == 0
    assert not process.is_running()
