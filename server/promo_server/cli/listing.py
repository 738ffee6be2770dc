"""Lists: a table for people, one JSON document on each line for scripts."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

import uvloop
from cyclopts import Group, Parameter
from cyclopts.validators import Number
from google.protobuf.message import Message

from promo.client import Listing, PromoClient, exceptions
from promo_server.cli.documents import to_document
from promo_server.cli.options import ServerOptions, SettingsOptions, connect
from promo_server.cli.output import print_hint, print_json, print_table
from promo_server.cli.progress import Progress

Item = TypeVar("Item", bound=Message)

_LONGEST_PAGE = 1_000
_QUIET_SECONDS = 1.0

_CAMPAIGN = re.compile(r'\bcampaign\s*=\s*"([^"\\]+)"')
"""What a filter on a campaign looks like."""

_LIST = Group("List", sort_key=0)


@Parameter(name="*", group=_LIST)
@dataclass(frozen=True, slots=True)
class ListOptions:
    """How much of a list."""

    limit: Annotated[int, Parameter(validator=Number(gte=0), help="At most so many; all when 0.")] = 100

    @property
    def page_size(self) -> int:
        """How many to ask for at a time: one more than wanted, to know whether there are more."""
        return min(self.limit + 1, _LONGEST_PAGE) if self.limit else _LONGEST_PAGE


@Parameter(name="*", group=_LIST)
@dataclass(frozen=True, slots=True)
class FilterOptions(ListOptions):
    """Which part of a list that comes from the archive, and in which order."""

    filter: Annotated[str, Parameter(help="Conditions joined by AND; fields are in docs/reference/lists.md.")] = ""
    order_by: Annotated[str, Parameter(help="A field, with or without desc after it.")] = ""
    fresh: Annotated[
        bool,
        Parameter(negative=(), help="Fail when what has just happened may be missing."),
    ] = False


@dataclass(frozen=True, slots=True)
class Table(Generic[Item]):
    """How a list is shown to people."""

    columns: Sequence[str]
    row: Callable[[Item], Sequence[str]]


def show(
    settings: SettingsOptions,
    server: ServerOptions,
    read: Callable[[PromoClient], Listing[Item]],
    table: Table[Item],
    options: ListOptions,
    *,
    campaign: str = "",
    json: bool,
) -> None:
    """Print a list, of a campaign where one is named. JSON comes line by line as it is read."""
    uvloop.run(_show(settings, server, read, table, options, campaign=campaign, json=json))


async def _hint_unknown_campaigns(settings: SettingsOptions, server: ServerOptions, wanted: Sequence[str]) -> None:
    """Say which campaign a list was asked for that is not there, which is why nothing was found."""
    async with connect(settings, server) as client:
        for name in wanted:
            try:
                await client.campaigns.get(name)
            except exceptions.CampaignNotFound as error:
                print_hint(f"Note: {error.message}")


async def _show(
    settings: SettingsOptions,
    server: ServerOptions,
    read: Callable[[PromoClient], Listing[Item]],
    table: Table[Item],
    options: ListOptions,
    *,
    campaign: str,
    json: bool,
) -> None:
    rows: list[Sequence[str]] = []
    count = 0
    more = False
    begun = time.monotonic()
    progress: Progress | None = None
    async with connect(settings, server) as client:
        with ExitStack() as stack:
            async for item in read(client):
                if options.limit and count == options.limit:
                    more = True
                    break
                count += 1
                if json:
                    print_json(to_document(item))
                else:
                    rows.append(table.row(item))
                if progress is None and not json and time.monotonic() - begun > _QUIET_SECONDS:
                    progress = stack.enter_context(Progress("reading", options.limit or None))
                if progress is not None:
                    progress.update(count)
    if not json:
        print_table(table.columns, rows)
    named = _CAMPAIGN.findall(options.filter) if isinstance(options, FilterOptions) else []
    if campaign:
        named.append(campaign)
    if named and not count:
        await _hint_unknown_campaigns(settings, server, named)
    if more:
        print_hint(f"There are more than {options.limit:,}; --limit 0 shows all.")
