"""Takes the ledger of a server's store away, as its worker does once the archive has it."""

from __future__ import annotations

import asyncio

from support.server_process import ServerProcess
from support.truth import PARTITIONS, store_of

from promo_server.store import keys


async def until_archived(server: ServerProcess) -> None:
    """Return once the archive has everything: an entry leaves the outbox when it is there."""
    project = str(server.ready["project_id"])
    with store_of(server) as store:
        async with asyncio.timeout(30):
            while any(store.xlen(keys.outbox(project, partition)) for partition in range(PARTITIONS)):
                await asyncio.sleep(0.02)


async def forget_ledger(server: ServerProcess) -> int:
    """Trim every ledger to nothing once the archive has it; return how many entries went."""
    await until_archived(server)
    project = str(server.ready["project_id"])
    with store_of(server) as store:
        ledgers = [keys.ledger(project, partition) for partition in range(PARTITIONS)]
        return sum(int(store.xtrim(ledger, maxlen=0, approximate=False)) for ledger in ledgers)
