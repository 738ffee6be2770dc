"""The demonstration: a server of its own, a campaign, codes for customers, their orders, and the accounts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from promo.client import Campaign, PromoClient, Timeouts, percent_off
from promo_server.app import Server
from promo_server.cli.books import Books, open_books
from promo_server.cli.command_error import CommandError
from promo_server.cli.demo import scenario, show
from promo_server.cli.demo.baskets import baskets
from promo_server.cli.demo.reconcile import reconcile
from promo_server.cli.money import spell
from promo_server.cli.options import DEMO, SettingsOptions
from promo_server.cli.output import print_json, print_line
from promo_server.cli.progress import Progress
from promo_server.cli.replay import report
from promo_server.cli.replay.events import Event
from promo_server.cli.replay.invoices import read_invoices
from promo_server.cli.replay.player import Player
from promo_server.cli.replay.survey import Survey, survey
from promo_server.cli.replay.tally import Tally
from promo_server.cli.replay.wallet import Wallet, hand_out
from promo_server.settings import LoadedSettings, Settings

_CHECKOUTS = 24
"""Orders in progress at a time."""

_TIMEOUTS = Timeouts(hot=20.0, batch=60.0)
"""Patient: on a small machine the shoppers, the server and its store share the cores."""


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What the person at the terminal asked for."""

    orders: Path | None = None
    once: bool = False
    json: bool = False


def load_settings(options: SettingsOptions, overrides: dict[str, Any]) -> LoadedSettings:
    """Return settings for a server that touches no store and no database but its own, in a folder of its own."""
    usual = options.load(overrides)
    own: dict[str, Any] = {
        "state_dir": usual.settings.state_dir / DEMO,
        "store": {"url": "embedded:"},
        "sql": {"url": None},
        "grpc": {"tls_certificate": None, "tls_private_key": None, "tls_client_ca": None},
    }
    for group, values in overrides.items():
        own[group] = {**own.get(group, {}), **values}
    if "telemetry.log_level" not in usual.origins:
        # What a server logs when all goes well would stand between the tables.
        own["telemetry"] = {**own.get("telemetry", {}), "log_level": "warning"}
    return SettingsOptions(config=options.config).load(own)


async def run(server: Server, settings: Settings, options: DemoOptions) -> int:
    """Run the demonstration on a server that answers; return 1 when the accounts differ."""
    admin = settings.auth.parsed_keys()[0] if settings.auth.bootstrap_keys else server.state.make_admin_key()
    async with (
        PromoClient.connect(server.grpc_address, key=admin.pair, timeout=_TIMEOUTS) as manager,
        open_books(settings) as books,
    ):
        demo = _Demo(server, manager, books, options)
        agrees = await demo.play()
        if not options.once:
            await demo.explain()
    if not options.once:
        await asyncio.Event().wait()
    return 0 if agrees else 1


class _Demo:
    """One run; campaigns of earlier runs in the same folder are left as they are."""

    def __init__(self, server: Server, manager: PromoClient, books: Books, options: DemoOptions) -> None:
        self._server = server
        self._manager = manager
        self._books = books
        self._options = options
        self._now = datetime.now(UTC)
        self._name = f"reactivation-{self._now:%Y%m%d-%H%M%S}"
        self._key = ""
        self._campaign = Campaign()

    async def play(self) -> bool:
        found = survey(self._events())
        if not found.steps:
            raise CommandError(f"{self._options.orders}: has no order that can be replayed")
        await self._prepare(found)
        before = await self._store_bytes()
        tally = Tally()
        async with PromoClient.connect(self._server.grpc_address, key=self._key, timeout=_TIMEOUTS) as shops:
            wallet = await self._publish(shops, found, tally)
            published = await self._store_bytes()
            await self._replay(shops, wallet, found, tally)
        after = await self._store_bytes()
        reconciliation = await reconcile(self._books, self._server.project_id, self._campaign, tally)
        if self._options.json:
            memory = {
                "store_bytes": after,
                "codes_published_bytes": published - before,
                "replay_bytes": after - published,
            }
            figures = report.document(tally, scenario.CURRENCY)
            print_json({**figures, "memory": memory, "reconciliation": show.document(reconciliation)})
        else:
            print_line("")
            report.show(tally, scenario.CURRENCY)
            print_line("")
            print_line(
                f"Store memory {_mib(after)}: {_mib(published - before)} for the codes handed out, "
                f"{_mib(after - published)} for what was redeemed, with its ledger and answers kept for repeats."
            )
            show.show_reconciliation(reconciliation, self._campaign)
        return reconciliation.agrees

    async def explain(self) -> None:
        """Make a code that anybody can try, and say how."""
        campaign = await self._manager.campaigns.create(
            Campaign(
                name=f"try-{self._name}", currency_code=scenario.CURRENCY, discount=percent_off(10), code_count=1_000
            )
        )
        publication = await self._manager.publish(campaign=campaign.id, customer="you")
        if not self._options.json:
            target, code = self._server.grpc_address, publication.codes[0]
            show.show_examples(target, self._key, code, self._campaign, self._server.state)

    def _events(self) -> Iterable[Event]:
        return read_invoices(self._options.orders) if self._options.orders else baskets()

    def _tell(self, text: str) -> None:
        if not self._options.json:
            print_line(text)

    async def _prepare(self, found: Survey) -> None:
        """Make a key for the shops, and the campaign."""
        key = await self._manager.access.create_key(["checkout", "publisher"], name=self._name)
        self._key = f"{key.id}:{key.token}"
        self._tell(f"Server at {self._server.grpc_address}, data in {self._server.state.path}")
        if rest := self._server.adapter_addresses.get("rest"):
            self._tell(f"REST at http://{rest}, with the same keys as X-App-Id and X-App-Token")
        self._tell(f"Key of the shops: PROMO_KEY={self._key}")
        begun = time.perf_counter()
        campaign = scenario.campaign(self._name, found.first_amounts.values(), self._now)
        self._campaign = await self._manager.campaigns.create(campaign)
        milliseconds = 1000 * (time.perf_counter() - begun)
        budget = spell(self._campaign.limits.discount_budget, scenario.CURRENCY)
        self._tell(
            f"Campaign {self._name}: {scenario.PERCENT} % off, at most {spell(scenario.CAP, scenario.CURRENCY)}, "
            f"one code per customer, {self._campaign.limits.per_campaign:,} redemptions, budget {budget}, "
            f"raised at half of the orders; {self._campaign.code_count:,} codes usable after {milliseconds:.0f} ms"
        )

    async def _publish(self, shops: PromoClient, found: Survey, tally: Tally) -> Wallet:
        customers = found.customers
        with Progress("codes for customers", len(customers) + scenario.FRIENDS) as progress:
            return await hand_out(shops, self._campaign.id, customers, scenario.FRIENDS, tally, progress.update)

    async def _replay(self, shops: PromoClient, wallet: Wallet, found: Survey, tally: Tally) -> None:
        player = Player(shops, scenario.CURRENCY, wallet, scenario.SHOPPERS, tally, self._name)
        half = asyncio.Event()
        raising = asyncio.create_task(self._raise_budget(half, scenario.raised_budget(found.first_amounts.values())))
        with Progress("orders", found.steps) as progress:
            show_step = report.stepper(progress, tally, scenario.CURRENCY)

            def step() -> None:
                show_step()
                if progress.done >= found.steps // 2:
                    half.set()

            try:
                await player.play(self._events(), _CHECKOUTS, step)
                await raising
            finally:
                raising.cancel()
        tally.finish()

    async def _raise_budget(self, half: asyncio.Event, budget: int) -> None:
        """Give the campaign more money when half of the orders have come, while the others go on."""
        await half.wait()
        changed = Campaign(id=self._campaign.id, limits=self._campaign.limits)
        changed.limits.discount_budget = budget
        self._campaign = await self._manager.campaigns.update(changed, ["limits"])

    async def _store_bytes(self) -> int:
        return int((await self._books.store.info("memory"))["used_memory"])


def _mib(size: int) -> str:
    return f"{size / 1_048_576:.2f} MiB"
