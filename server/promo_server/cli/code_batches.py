"""`promo codes generate`, `batches`, `count`: how many codes a campaign has."""

from __future__ import annotations

from typing import Annotated
from uuid import uuid4

import uvloop
from cyclopts import Parameter
from cyclopts.validators import Number

from promo.client.exceptions import DeadlineExceededError
from promo.v1.code_batch_pb2 import CodeBatch
from promo_server.cli.command_error import CommandError
from promo_server.cli.documents import to_document
from promo_server.cli.field_options import Sets
from promo_server.cli.listing import ListOptions, Table, show
from promo_server.cli.options import RequestId, ServerOptions, SettingsOptions, ValidateOnly, call, connect
from promo_server.cli.output import Json, print_json, print_line, spell_time
from promo_server.cli.progress import Progress


def generate(
    campaign: str,
    count: Annotated[int, Sets("code_count"), Parameter(validator=Number(gte=1, lte=1_000_000_000))],
    /,
    *,
    wait: Annotated[float, Parameter(validator=Number(gt=0))] = 600.0,
    request_id: RequestId = "",
    validate_only: ValidateOnly = False,
    server: ServerOptions = ServerOptions(),  # noqa: B008 - frozen, and the form that cyclopts reads
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008
    json: Json = False,
) -> None:
    """Add codes to a campaign.

    Parameters
    ----------
    campaign
        Id or name.
    count
        How many.
    wait
        Seconds to wait for them.

    """
    if validate_only:
        batch = call(
            settings,
            server,
            lambda client: client.codes.create_batch(campaign, count, request_id=request_id, validate_only=True),
        )
    else:
        batch = uvloop.run(_generate(server, settings, campaign, count, request_id or str(uuid4()), wait))
    if json:
        print_json(to_document(batch))
    elif validate_only:
        print_line(f"{campaign} can get {count:,} more codes. Nothing was changed.")
    else:
        print_line(f"Added {batch.code_count:,} codes to {campaign}, from position {batch.first_position:,} on.")


def batches(
    campaign: str,
    /,
    *,
    options: ListOptions = ListOptions(),  # noqa: B008
    server: ServerOptions = ServerOptions(),  # noqa: B008
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008
    json: Json = False,
) -> None:
    """List the batches of codes of a campaign, oldest first.

    Parameters
    ----------
    campaign
        Id or name.

    """
    table: Table[CodeBatch] = Table(
        ("id", "codes", "first position", "created"),
        lambda one: (one.id, f"{one.code_count:,}", f"{one.first_position:,}", spell_time(one.create_time)),
    )
    show(
        settings,
        server,
        lambda client: client.codes.list_batches(campaign, page_size=options.page_size),
        table,
        options,
        json=json,
    )


def count(
    campaign: str,
    /,
    *,
    server: ServerOptions = ServerOptions(),  # noqa: B008
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008
    json: Json = False,
) -> None:
    """Tell how many codes a campaign has, and how many can still be handed out.

    Parameters
    ----------
    campaign
        Id or name.

    """
    counts = call(settings, server, lambda client: client.publications.count_codes(campaign))
    if json:
        print_json(to_document(counts))
    else:
        print_line(
            f"{campaign} has {counts.issued_count:,} codes: {counts.published_count:,} are handed out, "
            f"{counts.unpublished_count:,} are left."
        )


async def _generate(
    server: ServerOptions,
    settings: SettingsOptions,
    campaign: str,
    count: int,
    request_id: str,
    wait: float,
) -> CodeBatch:
    async with connect(settings, server) as client:
        with Progress(f"codes for {campaign}", count) as progress:
            try:
                batch = await client.codes.create_batch(
                    campaign,
                    count,
                    request_id=request_id,
                    on_progress=lambda seen: progress.update(seen.done_count, total=seen.total_count),
                    timeout=wait,
                )
            except DeadlineExceededError:
                raise CommandError(
                    f"not done after {wait:g} s, and the server goes on; wait for the same codes again with "
                    f"--request-id {request_id}"
                ) from None
            progress.update(batch.code_count)
        return batch
