"""`promo codes`: the codes of a campaign as a file."""

from __future__ import annotations

import sys
import time
from contextlib import aclosing, closing
from pathlib import Path
from typing import Annotated

import uvloop
from cyclopts import Parameter
from cyclopts.validators import Number

from promo_server.cli.code_file import HEADER, CodeFile, Export, Format, rows
from promo_server.cli.command_error import CommandError
from promo_server.cli.field_options import Sets
from promo_server.cli.local_export import export_locally
from promo_server.cli.options import ServerOptions, SettingsOptions, connect
from promo_server.cli.output import Json, print_hint, print_json, print_line
from promo_server.cli.progress import Progress

_FORMATS: dict[str, Format] = {".csv": "csv", ".txt": "txt"}


def export(  # noqa: PLR0913 - one parameter for each option
    campaign: str | None = None,
    /,
    *,
    key: Path | None = None,
    output: Annotated[Path | None, Parameter(name=("--output", "-o"))] = None,
    format: Format | None = None,  # noqa: A002 - the name of the option
    first: Annotated[int, Sets("first_position"), Parameter(validator=Number(gte=0, lte=2**62))] = 0,
    count: Annotated[int, Sets("code_count"), Parameter(validator=Number(gte=0, lte=2**62))] = 0,
    resume: Annotated[bool, Parameter(negative=())] = False,
    server: ServerOptions = ServerOptions(),  # noqa: B008 - frozen, and the form that cyclopts reads
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008
    json: Json = False,
) -> int:
    """Write the codes of a campaign.

    Parameters
    ----------
    campaign
        Id or name; not needed with --key.
    key
        File of the campaign's verification key: codes are computed here, without a server. Only with --output.
    output
        File to write; standard output when absent.
    format
        `csv` begins with a line that names the column, `txt` does not. As the file's name ends, else txt.
    first
        Position of the first code.
    count
        How many codes; all that follow when 0.
    resume
        Go on where an interrupted export to the same file was.

    """
    if key is not None:
        return _with_key(key, output, format, first, count, resume=resume, json=json)
    if campaign is None:
        raise CommandError("say which campaign, by id or name, or give its --key")
    if output is None:
        if json or resume:
            raise CommandError(f"{'--json' if json else '--resume'} needs a file; add --output codes.csv")
        return _print(Export(campaign, first, count, format or "txt"), server, settings)
    if resume and output.exists():
        if json:
            print_json({"campaign": campaign, "file": str(output), "resumed": False})
        else:
            print_line(f"{output} is whole; there is nothing to go on with.")
        return 0
    wanted = Export(campaign, first, count, format or _FORMATS.get(output.suffix, "txt"))
    begun = time.monotonic()
    codes, size = uvloop.run(_to_file(wanted, CodeFile(output, wanted), server, settings, resume=resume))
    if codes < count:
        print_hint(f"The campaign has no more than {codes:,} codes from position {first:,} on.")
    return _tell(campaign, output, codes, size, time.monotonic() - begun, json=json)


def _with_key(
    key: Path,
    output: Path | None,
    format_: Format | None,
    first: int,
    count: int,
    *,
    resume: bool,
    json: bool,
) -> int:
    if output is None or format_ == "csv" or (format_ is None and output.suffix == ".csv"):
        raise CommandError("--key writes a file with a code on each line; add --output codes.txt")
    begun = time.monotonic()
    codes, size = export_locally(key, output, first, count, resume=resume)
    return _tell(str(key), output, codes, size, time.monotonic() - begun, json=json)


def _tell(source: str, output: Path, codes: int, size: int, took: float, *, json: bool) -> int:
    seconds = round(took, 3)
    if json:
        print_json({"campaign": source, "file": str(output), "codes": codes, "bytes": size, "seconds": seconds})
    else:
        print_line(f"{codes:,} codes in {output} ({size:,} bytes, {seconds} s).")
    return 0


def _print(wanted: Export, server: ServerOptions, settings: SettingsOptions) -> int:
    uvloop.run(_to_output(wanted, server, settings))
    sys.stdout.flush()
    return 0


async def _to_output(wanted: Export, server: ServerOptions, settings: SettingsOptions) -> None:
    async with connect(settings, server) as client:
        pieces = client.codes.export(wanted.campaign, first_position=wanted.first, code_count=wanted.count)
        async with aclosing(pieces):
            if wanted.format == "csv":
                sys.stdout.buffer.write(HEADER)
            async for piece in pieces:
                sys.stdout.buffer.write(rows(piece.chunk, wanted.format))


async def _to_file(
    wanted: Export,
    file: CodeFile,
    server: ServerOptions,
    settings: SettingsOptions,
    *,
    resume: bool,
) -> tuple[int, int]:
    """Return how many codes the file has, and its size in bytes."""
    codes = 0
    with closing(file):
        token = file.open(resume=resume)
        async with connect(settings, server) as client:
            pieces = client.codes.export(
                wanted.campaign, first_position=wanted.first, code_count=wanted.count, resume_token=token
            )
            try:
                with Progress(f"exporting {wanted.campaign}", wanted.count or None) as progress:
                    async with aclosing(pieces):
                        async for piece in pieces:
                            file.write(piece.chunk, piece.resume_token)
                            codes, token = piece.done_count, piece.resume_token
                            progress.update(codes, total=piece.total_count)
            except BaseException:
                if token:
                    file.note(token)
                    print_hint("What is written stays. The same command with --resume goes on from there.")
                else:
                    file.discard()
                raise
        return codes, file.finish()
