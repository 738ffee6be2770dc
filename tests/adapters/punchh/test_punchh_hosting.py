"""The webhook beside the server, as `promo serve` runs it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from support.punchh_adapter import BRAZE_KEY, SECRET, SECRETS, states, until, write_config
from support.server_process import KEY, ServerProcess
from support.shop import new_campaign

from promo.client import PromoClient
from promo_adapters.base.database import Database
from promo_adapters.punchh.store import SCHEMA
from promo_simulators.braze.faults import Fault
from promo_simulators.punchh.webhooks import WebhooksManager, event

pytestmark = pytest.mark.asyncio
Punchh = Callable[..., WebhooksManager]
HOST = "promo_server.adapters.punchh"
CAMPAIGN = "birthday"
RULE = f'[[publish]]\nevent = "rewards"\ncampaign_name = "Birthday"\ncampaign = "{CAMPAIGN}"\n'


@dataclass(frozen=True)
class Hosted:
    """A server with the webhook beside it."""

    server: ServerProcess
    folder: Path

    @property
    def url(self) -> str:
        """Where Punchh sends to."""
        return f"http://{self.server.punchh}/v1/connectors/punchh/webhook"

    def processes(self) -> list[psutil.Process]:
        """Return those of the webhook."""
        return [child for child in psutil.Process(self.server.process.pid).children() if HOST in child.cmdline()]

    def counts(self) -> dict[str, dict[str, int]]:
        """Return how many entries of each queue are in each state."""
        return states(self.folder / "punchh.db")


NewHosted = Callable[..., Hosted]


@pytest.fixture
def new_hosted(tmp_path: Path, new_server: Callable[..., ServerProcess]) -> NewHosted:
    """Return a maker of servers with the webhook, started."""

    def make(braze: str | None, lines: str = "") -> Hosted:
        folder = tmp_path / "punchh"
        environment = {
            **SECRETS,
            "PROMO_PUNCHH__CONFIG": str(write_config(folder, None, braze, lines)),
            "PROMO_PUNCHH__LISTEN": "127.0.0.1:0",
        }
        if braze is None:
            del environment["PROMO_PUNCHH_BRAZE__KEY"]
        return Hosted(new_server(**environment), folder)

    return make


def rewards(first: int, count: int) -> list[dict[str, Any]]:
    return [
        event(
            "rewards",
            {
                "reward_id": number,
                "campaign_name": "Birthday",
                "user": {"user_id": number, "external_source_id": f"u-{number}"},
            },
        )
        for number in range(first, first + count)
    ]


async def make_campaign(server: ServerProcess) -> None:
    async with PromoClient.connect(server.target, key=KEY, timeout=30.0) as client:
        await new_campaign(client, name=CAMPAIGN)


async def published_count(server: ServerProcess) -> int:
    async with PromoClient.connect(server.target, key=KEY, timeout=30.0) as client:
        return (await client.publications.count_codes(CAMPAIGN)).published_count


async def test_a_reward_at_punchh_becomes_a_code_at_braze(new_hosted: NewHosted, punchh: Punchh, braze: Any) -> None:
    hosted = new_hosted(braze.address, RULE)
    await make_campaign(hosted.server)
    manager = punchh(hosted)
    assert await manager.activate()
    manager.send(rewards(1, 3))
    await manager.settled()
    await until(lambda: len(braze.simulator.events_of("rewards")) == 3, "all events at Braze")
    assert all(one["properties"]["promo_code"] for one in braze.simulator.events_of("rewards"))
    assert await published_count(hosted.server) == 3


@pytest.mark.extended
async def test_kills_of_the_webhook_refuse_no_event_lose_none_and_hand_out_no_second_code(
    new_hosted: NewHosted, punchh: Punchh, braze: Any
) -> None:
    hosted = new_hosted(braze.address, RULE)
    await make_campaign(hosted.server)
    manager = punchh(hosted)
    assert await manager.activate()
    for kills in range(3):
        manager.send(rewards(kills * 50 + 1, 50), copies=2, shuffle=True)
        await asyncio.sleep(0.05 + 0.07 * kills)
        await until(lambda: len(hosted.processes()) == 1, "the process is there")
        hosted.processes()[0].kill()
        # The socket is the server's: who connects meanwhile waits, and is answered by the next process.
        manager.send([event("redeemables", {"redeemable_id": kills})])
    await manager.settled()
    assert all(delivery.accepted for delivery in manager.deliveries)
    await until(lambda: hosted.counts()["outbox"]["done"] == 150, "everything was worked off")
    assert hosted.counts()["inbox"] == {"done": 153, "pending": 0, "waiting": 0, "dead": 0}
    assert await published_count(hosted.server) == 150
    codes = {(one["external_id"], one["properties"]["promo_code"]) for one in braze.simulator.events_of("rewards")}
    assert Counter(guest for guest, _ in codes) == Counter(f"u-{number}" for number in range(1, 151))


@pytest.mark.extended
async def test_the_webhook_goes_with_a_killed_server_and_the_next_one_takes_up_its_work(
    new_hosted: NewHosted, punchh: Punchh, braze: Any
) -> None:
    hosted = new_hosted(braze.address, RULE)
    await make_campaign(hosted.server)
    manager = punchh(hosted)
    assert await manager.activate()
    manager.send(rewards(1, 60))
    await asyncio.sleep(0.1)
    [orphan] = hosted.processes()
    await asyncio.to_thread(hosted.server.kill)
    await asyncio.to_thread(hosted.server.start)
    await manager.settled()
    await until(lambda: not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE, "the orphan is gone")
    await until(lambda: hosted.counts()["outbox"]["done"] == 60, "everything was worked off")
    assert await published_count(hosted.server) == 60


@pytest.mark.extended
async def test_the_server_starts_without_the_webhook_while_its_file_is_in_use(
    new_hosted: NewHosted, punchh: Punchh, braze: Any
) -> None:
    hosted = new_hosted(braze.address, RULE)
    await make_campaign(hosted.server)
    manager = punchh(hosted)
    assert await manager.activate()
    await asyncio.to_thread(hosted.server.stop)
    async with Database(hosted.folder / "punchh.db", SCHEMA):
        await asyncio.to_thread(hosted.server.start)
        assert await published_count(hosted.server) == 0
        assert "punchh.db is in use by another adapter" in hosted.server.log.read_text()
        manager.send(rewards(1, 3))
    await manager.settled()
    await until(lambda: hosted.counts()["outbox"]["done"] == 3, "the webhook works without a restart of the server")
    assert await published_count(hosted.server) == 3


@pytest.mark.extended
async def test_a_stop_of_the_server_waits_for_the_answer_of_braze(
    new_hosted: NewHosted, punchh: Punchh, braze: Any
) -> None:
    hosted = new_hosted(braze.address)
    braze.simulator.inject(Fault("silence", seconds=0.6, takes=False), Fault("queued"))
    manager = punchh(hosted)
    assert await manager.activate()
    manager.send(rewards(1, 5))
    await manager.settled()
    await until(lambda: hosted.counts()["outbox"]["pending"] == 5, "the outbox is filled")
    assert await asyncio.to_thread(hosted.server.stop) == 0
    await asyncio.to_thread(hosted.server.start)
    await until(lambda: hosted.counts()["outbox"]["done"] == 5, "all acknowledged")
    assert len(braze.simulator.events_of("rewards")) == 5


async def test_the_webhook_is_off_by_default(server: ServerProcess) -> None:
    assert server.punchh == ""
    running = psutil.Process(server.process.pid).children()
    assert not [child for child in running if HOST in child.cmdline()]


@pytest.mark.extended
async def test_what_keeps_the_webhook_from_starting_is_said_in_one_line(
    tmp_path: Path, new_server: Callable[..., ServerProcess]
) -> None:
    server = new_server()
    server.stop()
    for lines, words in (
        ("[processing]\nspeed = 9\n", "processing.speed: there is no setting of this name"),
        ('[engine]\nkey = "test:wrong"\n', "webhook.secret is missing"),
    ):
        config = tmp_path / "punchh.toml"
        config.write_text(f'database = "{tmp_path / "punchh.db"}"\n[webhook]\nclient = "C"\n{lines}')
        server.environment["PROMO_PUNCHH__CONFIG"] = str(config)
        with pytest.raises(AssertionError, match=f"promo: punchh: {words}"):
            server.start()
    assert "Traceback" not in server.log.read_text()


@pytest.mark.extended
async def test_no_secret_is_in_the_list_of_processes_or_in_the_log(new_hosted: NewHosted, punchh: Punchh) -> None:
    hosted = new_hosted("http://127.0.0.1:9")
    manager = punchh(hosted)
    assert await manager.activate()
    manager.send(rewards(1, 1))
    await until(lambda: "braze.failed" in hosted.server.log.read_text(), "a failure is logged")
    [process] = hosted.processes()
    master = (hosted.server.state_dir / "master.key").read_text().strip()
    for text in (" ".join(process.cmdline()), hosted.server.log.read_text()):
        assert not [secret for secret in (KEY.partition(":")[2], SECRET, BRAZE_KEY, master) if secret in text]
