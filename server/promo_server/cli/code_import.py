"""`promo codes import`: codes that exist already, from a file into a campaign."""

from __future__ import annotations

import asyncio
import csv
import os
import re
import time
from array import array
from collections.abc import AsyncIterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Annotated, TextIO

import uvloop
from cyclopts import Parameter

from promo.client import PromoClient, exceptions
from promo.v1.code_service_pb2 import CodeImport, RefusedRow
from promo_server.cli.command_error import CommandError
from promo_server.cli.import_rows import RowFormat, fingerprint, format_of, rows
from promo_server.cli.options import ServerOptions, SettingsOptions, connect
from promo_server.cli.output import Json, print_json, print_line
from promo_server.cli.progress import Progress

_ROWS_AT_ONCE = 50_000
"""In one transaction of the server. Codes come in no order, so each writes most pages of the index again: the more rows
share that, the better; other changes wait for the better part of a second."""

_SOME_REFUSED = 3
"""Exit status of an import that is finished, without the lines that were refused."""
_ROW = re.compile(r"\brow (\d+)\b")
_BYTES_AT_ONCE = 1 << 20
"""Of codes that are sent together: well below what a server takes in one message unless it is told otherwise."""


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Rows that are sent together."""

    first_row: int
    codes: Sequence[str]

    @property
    def end(self) -> int:
        """The row after the last."""
        return self.first_row + len(self.codes)


def import_codes(  # noqa: PLR0913 - one parameter for each option
    file: Path,
    /,
    *,
    campaign: str,
    format: RowFormat | None = None,  # noqa: A002 - the name of the option
    refused: Path | None = None,
    resume: Annotated[bool, Parameter(negative=())] = False,
    abort: Annotated[bool, Parameter(negative=())] = False,
    server: ServerOptions = ServerOptions(),  # noqa: B008 - frozen, and the form that cyclopts reads
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008
    json: Json = False,
) -> int:
    """Import the codes of a file into a campaign with stored codes.

    Parameters
    ----------
    file
        CSV with a column named code, JSON, or text with a code on each line.
    campaign
        Id or name.
    format
        As the file's name ends, else txt.
    refused
        New file for the lines that were refused, in CSV; the file's name with .refused.csv (.refused-1.csv and so on
        where there is one) when absent.
    resume
        Go on with an import of the same file that was interrupted.
    abort
        Give up an import that was interrupted; none of its codes is kept.

    """
    if resume and abort:
        raise CommandError("--resume goes on and --abort gives up; choose one")
    begun = time.monotonic()
    if abort:
        ended = uvloop.run(_abort(campaign, server, settings))
        document = {"import": ended.id, "state": "aborted", "rows": ended.next_row}
        print_json(document) if json else print_line(f"{ended.id} was aborted; none of its codes is kept.")
        return 0
    if refused is not None and refused.exists():
        raise CommandError(f"{refused} exists; choose another name, or remove it first")
    wanted = refused or file.with_name(f"{file.name}.refused.csv")
    done, report = uvloop.run(
        _import(file, campaign, format or format_of(file), wanted, server, settings, resume=resume)
    )
    seconds = round(time.monotonic() - begun, 3)
    if json:
        document = {
            "import": done.id,
            "state": "finished",
            "rows": done.next_row,
            "accepted": done.accepted_count,
            "refused": done.refused_count,
            "refused_file": str(report) if report else None,
            "seconds": seconds,
        }
        print_json(document)
    else:
        usable = "; they can be used now" if done.accepted_count else ""
        print_line(f"{done.accepted_count:,} codes imported into {campaign} ({seconds} s){usable}.")
        if report:
            print_line(f"{done.refused_count:,} lines were refused: {report} says which and why.")
    return _SOME_REFUSED if done.refused_count else 0


async def _import(
    file: Path,
    campaign: str,
    format_: RowFormat,
    report: Path,
    server: ServerOptions,
    settings: SettingsOptions,
    *,
    resume: bool,
) -> tuple[CodeImport, Path | None]:
    """Return the finished import and the file with what was refused, None when nothing was."""
    source = fingerprint(file)
    if next(rows(file, format_), None) is None:
        # Before anything is begun, as is what the first line has wrong.
        raise CommandError(f"{file} has no codes; nothing was imported")
    async with connect(settings, server) as client:
        current = await _begin(client, campaign, source, resume=resume)
        lines: array[int] = array("Q")
        with Progress(f"importing {file.name}", None) as progress:
            chunks = _chunks(file, format_, lines)
            # A chunk that was taken in halfway cannot be: chunks are the same in every run.
            chunk = next((chunk for chunk in chunks if chunk.end > current.next_row), None)
            while chunk:
                # The next rows are read while the server works.
                answer, chunk = await asyncio.gather(
                    client.imports.append(current.id, chunk.first_row, chunk.codes),
                    asyncio.to_thread(next, chunks, None),
                )
                current = answer.code_import
                progress.update(current.next_row, f"{current.refused_count:,} refused" if current.refused_count else "")
        done = await client.imports.finish(current.id, timeout=600)
        if not done.refused_count:
            return done, None
        return done, await _write_refused(report, lines, client.imports.refused_rows(done.id))


async def _begin(client: PromoClient, campaign: str, source: str, *, resume: bool) -> CodeImport:
    """Return a new import, or the one that was interrupted."""
    try:
        begun = await client.imports.start(campaign, source=source, validate_only=resume)
    except exceptions.ImportInProgress as error:
        current = await client.imports.get(error.metadata["import"])
        if not current.next_row:
            # Nothing is lost with it, whichever file it was begun with.
            await client.imports.abort(current.id, timeout=600)
            return await client.imports.start(campaign, source=source)
        if not resume:
            raise CommandError(
                f"{current.id} has taken {current.next_row:,} rows in; go on with --resume, or give it up with --abort"
            ) from None
        if current.source != source:
            raise CommandError(
                f"{current.id} was begun with another file; give the same, or give it up with --abort"
            ) from None
        return current
    if resume:
        raise CommandError(f"campaign {campaign} has no import to go on with; leave --resume out")
    return begun


async def _abort(campaign: str, server: ServerOptions, settings: SettingsOptions) -> CodeImport:
    async with connect(settings, server) as client:
        try:
            await client.imports.start(campaign, validate_only=True)
        except exceptions.ImportInProgress as error:
            return await client.imports.abort(error.metadata["import"], timeout=600)
        raise CommandError(f"campaign {campaign} has no import to give up")


def _chunks(file: Path, format_: RowFormat, lines: array[int]) -> Iterator[_Chunk]:
    """Yield the rows of a file, the same together in every run; the line of each is added to `lines`."""
    codes: list[str] = []
    size = 0
    for line, code in rows(file, format_):
        spelled = len(code.encode())
        if codes and (len(codes) == _ROWS_AT_ONCE or size + spelled > _BYTES_AT_ONCE):
            yield _Chunk(len(lines) - len(codes), codes)
            codes, size = [], 0
        lines.append(line)
        codes.append(code)
        size += spelled
    if codes:
        yield _Chunk(len(lines) - len(codes), codes)


async def _write_refused(wanted: Path, lines: Sequence[int], refused: AsyncIterable[RefusedRow]) -> Path:
    """Write a new file and return its path: the one wanted, or the next that is free."""
    file, path = _new_file(wanted)
    with file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("line", "code", "reason", "problem"))
        async for row in refused:
            # The server counts rows from 0; people look at lines.
            problem = _ROW.sub(lambda found: f"line {lines[int(found[1])]}", row.problem)
            writer.writerow((lines[row.row], row.code, row.reason, problem))
    return path


def _new_file(wanted: Path) -> tuple[TextIO, Path]:
    """Open a file that nobody has made before, not even while the import went on."""
    names = (wanted.with_stem(f"{wanted.stem}{f'-{n}' if n else ''}") for n in count())
    while True:
        path = next(names)
        with suppress(FileExistsError):
            # A code that was refused may be one of a voucher that the project has: only their owner can read the file.
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            return os.fdopen(descriptor, "w", encoding="utf-8", newline=""), path
