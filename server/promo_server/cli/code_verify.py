"""`promo codes key` and `promo codes verify`: tell without any connection whether a code was issued."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import uvloop
from cyclopts import Parameter

from promo_server.cli.command_error import CommandError
from promo_server.cli.local_export import read_key
from promo_server.cli.options import ServerOptions, SettingsOptions, connect
from promo_server.cli.output import Json, print_json, print_line
from promo_server.kernel.verification import IssuedCodes


def key(
    campaign: str,
    /,
    *,
    output: Annotated[Path, Parameter(name=("--output", "-o"))],
    server: ServerOptions = ServerOptions(),  # noqa: B008 - frozen, and the form that cyclopts reads
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008
    json: Json = False,
) -> int:
    """Write the verification key of a campaign.

    Parameters
    ----------
    campaign
        Id or name; its codes must be computed ones.
    output
        File to write, which only its owner can read.

    """
    document = uvloop.run(_key(campaign, server, settings))
    try:
        with os.fdopen(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(document)
    except FileExistsError:
        raise CommandError(f"{output} exists; choose another name, or remove it first") from None
    count = IssuedCodes(document).issued_count
    if json:
        print_json({"campaign": campaign, "file": str(output), "codes": count})
    else:
        print_line(f"The key of {count:,} codes is in {output}. Whoever has it can make every one of them.")
    return 0


async def _key(campaign: str, server: ServerOptions, settings: SettingsOptions) -> bytes:
    async with connect(settings, server) as client:
        return await client.codes.verification_key(campaign)


def verify(
    *codes: str,
    key: Path,
    json: Json = False,
) -> int:
    """Tell whether codes were issued.

    Parameters
    ----------
    codes
        The codes; standard input, one on each line, when there is none.
    key
        File of the campaign's verification key.

    """
    issued = read_key(key)
    asked = list(codes) or [line.rstrip("\n") for line in sys.stdin]
    positions = issued.positions_of(asked)
    if json:
        found = [{"code": code, "position": position} for code, position in zip(asked, positions, strict=True)]
        print_json({"campaign": issued.campaign, "forgery_odds": issued.forgery_odds, "codes": found})
    else:
        for code, position in zip(asked, positions, strict=True):
            print_line(f"{code}  {'not issued' if position is None else f'issued, position {position}'}")
    return 1 if None in positions else 0
