"""A database that is locked, full or gone in the middle of an import and of archiving.

Checkout goes on, what needs the database says that it is away, and nothing is lost or doubled when it is back.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from pathlib import Path

import pytest
from support.databases import locked
from support.postgresql import PostgresServer, why_not
from support.server_process import KEY, ServerProcess
from support.shop import CART, OK, codes_of, ending, new_campaign, race
from support.trimming import until_archived
from support.truth import account_of

from promo.client import Campaign, Limits, PromoClient, RetryPolicy
from promo_server.state import StateDir

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(180)]

DEADLINE = 10.0
"""Seconds that a call has: more than it waits for the database."""
CHUNK = 10_000
AWAY = {"DATABASE_UNAVAILABLE"}


class Shop:
    """Imports and shops on one server, and remembers what was acknowledged."""

    def __init__(self, server: ServerProcess, client: PromoClient, used: Campaign, filled: Campaign) -> None:
        self.server, self.client, self.used, self.filled = server, client, used, filled
        self.import_id = ""
        self.rows = 0
        self.redeemed: set[str] = set()
        self.published: set[str] = set()

    async def append(self) -> None:
        """Take the next rows of the import in."""
        codes = [f"OLD-{number:07}" for number in range(self.rows, self.rows + CHUNK)]
        await self.client.imports.append(self.import_id, self.rows, codes)
        self.rows += CHUNK

    async def shop(self, codes: list[str]) -> None:
        """Publish, redeem and roll back: all of it must be done."""
        for number, code in enumerate(codes):
            self.published.add((await self.client.publish(campaign=self.used.name, customer=f"c-{code}")).id)
            redemption = await self.client.redeem(codes=[code], order=CART, customer=f"c-{code}")
            self.redeemed.add(redemption.id)
            if number % 3 == 0:
                await self.client.rollback(redemption.id)

    async def refusals(self) -> set[str]:
        """Make calls that write to the database, and return how they ended."""
        calls = (
            self.append(),
            self.client.imports.finish(self.import_id),
            self.client.campaigns.disable(self.used.id),
            new_campaign(self.client),
            self.client.access.create_key(["viewer"]),
            self.client.campaigns.delete(self.filled.id),
        )
        return set(await race(calls))


@asynccontextmanager
async def at_work(server: ServerProcess) -> AsyncIterator[Shop]:
    """Yield a shop in the middle of an import; check in the end that all is there, once."""
    connected = PromoClient.connect(server.target, key=KEY, timeout=DEADLINE, retry=RetryPolicy(attempts=1))
    async with connected as client:
        used = await new_campaign(client, Limits(per_code=1, per_campaign=200))
        filled = await new_campaign(client, Limits(per_code=1), code_count=0)
        shop = Shop(server, client, used, filled)
        shop.import_id = (await client.imports.start(filled.name, source="old.csv")).id
        await shop.append()
        await shop.shop((await codes_of(client, used, 90))[60:])
        yield shop
        async with asyncio.timeout(60):
            while await ending(shop.append()) != OK:
                await asyncio.sleep(0.1)
            await client.imports.finish(shop.import_id)
        assert await codes_of(client, filled, shop.rows) == [f"OLD-{number:07}" for number in range(shop.rows)]
        some = [f"OLD-{number:07}" for number in range(0, shop.rows, CHUNK // 2)]
        assert await race(client.redeem(codes=[code], order=CART) for code in some) == {OK: len(some)}
        await until_archived(server)
        listed = [one.id async for one in client.redemptions.list(f"campaign = {used.name}", require_fresh=True)]
        assert len(listed) == len(set(listed))
        assert set(listed) == shop.redeemed
        published = [one.id async for one in client.publications.list(f"campaign = {used.name}")]
        assert len(published) == len(set(published))
        assert set(published) == shop.published
        account = account_of(server, used)
        rolled_back = client.redemptions.list(f"campaign = {used.name} AND state = rolled_back")
        assert account.uses == len(listed) - len([one async for one in rolled_back])
    log = server.log.read_text()
    assert "Traceback" not in log
    assert "slot_conflict" not in log
    assert "entries_missing" not in log


@pytest.mark.extended
async def test_a_locked_database_holds_up_no_checkout_and_loses_nothing(
    new_server: Callable[..., ServerProcess], database_url: str
) -> None:
    server = new_server(PROMO_SQL__URL=database_url)
    async with at_work(server) as shop:
        codes = await codes_of(shop.client, shop.used, 60)
        async with locked(database_url):
            await shop.shop(codes[:30])
            assert await shop.refusals() == AWAY
            # Readers do not wait for a writer.
            assert (await shop.client.campaigns.get(shop.used.id)).enabled
            await shop.shop(codes[30:])


@pytest.fixture
def own_postgresql() -> Iterator[PostgresServer]:
    """Yield a PostgreSQL server that the test may stop."""
    if why_not():
        pytest.skip(why_not())
    with closing(PostgresServer()) as server:
        server.start()
        yield server


@pytest.mark.parametrize("fault", ["stopped", "killed", pytest.param("hanging", marks=pytest.mark.slow)])
async def test_a_database_server_that_is_away_holds_up_no_checkout_and_loses_nothing(
    new_server: Callable[..., ServerProcess], own_postgresql: PostgresServer, fault: str
) -> None:
    with own_postgresql.database() as url:
        server = new_server(PROMO_SQL__URL=url)
        async with at_work(server) as shop:
            codes = await codes_of(shop.client, shop.used, 60)
            with away(own_postgresql, fault):
                await shop.shop(codes[:30])
                assert await shop.refusals() == AWAY
                assert await ending(shop.client.campaigns.get(shop.used.id)) in AWAY
                assert await race([_first(shop.client)]) == {"DATABASE_UNAVAILABLE": 1}
                await shop.shop(codes[30:])
        assert server.stop() == 0


async def _first(client: PromoClient) -> None:
    async for _ in client.redemptions.list():
        return


@contextmanager
def away(server: PostgresServer, fault: str) -> Iterator[None]:
    """Let a server be away for a while."""
    if fault == "hanging":
        with server.hanging():
            yield
        return
    (server.kill if fault == "killed" else server.stop)()
    yield
    server.start()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Yield a file system of few megabytes."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    if mount is None or unmount is None:
        pytest.skip("there is no mount here, for a small file system")
    command = [mount, "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"a small file system cannot be mounted: {done.stderr.strip()}")
    yield folder
    # The server still has files open on it.
    subprocess.run([unmount, "--lazy", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Return the file that has taken all the room of a file system."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(1 << 12)):
            pass
    assert shutil.disk_usage(folder).free < 1 << 12
    return ballast


async def test_a_full_disk_holds_up_no_checkout_and_loses_nothing(
    new_server: Callable[..., ServerProcess], small_disk: Path
) -> None:
    server = new_server(PROMO_SQL__URL=f"sqlite:///{small_disk}/promo.sqlite")
    assert not StateDir(server.state_dir).database.exists()
    async with at_work(server) as shop:
        codes = await codes_of(shop.client, shop.used, 60)
        ballast = fill(small_disk)
        await shop.shop(codes[:30])
        # Where there is room left in the file itself, small writes may still be done.
        async with asyncio.timeout(60):
            while (found := await ending(shop.append())) == OK:
                pass
        assert found in AWAY
        assert (await shop.refusals()) <= AWAY | {OK, "IMPORT_ENDED"}
        await shop.shop(codes[30:])
        ballast.unlink()
