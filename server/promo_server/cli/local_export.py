"""An export that computes the codes itself, with the campaign's verification key: no server, at the disk's own rate."""

from __future__ import annotations

import os
from pathlib import Path

from promo_server.cli.code_file import require_folder
from promo_server.cli.command_error import CommandError
from promo_server.cli.progress import Progress
from promo_server.kernel.codes import NO_CODE, ResumeMismatchError
from promo_server.kernel.verification import InvalidKeyError, IssuedCodes


def read_key(path: Path) -> IssuedCodes:
    """Return the codes that a file's verification key knows."""
    try:
        return IssuedCodes(path.read_bytes())
    except InvalidKeyError as error:
        raise CommandError(f"{path}: {error}") from None


def export_locally(key: Path, output: Path, first: int, count: int, *, resume: bool) -> tuple[int, int]:
    """Write codes by position to a file; return how many it has, and its size in bytes.

    The file has its name only once it is whole; until then `.part` has what is there.
    """
    issued = read_key(key)
    require_folder(output)
    part = output.with_name(output.name + ".part")
    if output.exists():
        raise CommandError(f"{output} exists; choose another name, or remove it first")
    if part.exists() and not resume:
        raise CommandError(f"{part} is an unfinished export; go on with --resume, or remove it first")
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT, 0o600))
    total = max(0, min(issued.issued_count - first, count or issued.issued_count))
    with Progress(f"exporting {issued.campaign}", total) as progress:
        try:
            codes = issued.write_file(
                part,
                first=first,
                end=first + count if count else NO_CODE,
                resume=resume,
                threads=os.cpu_count() or 1,
                progress=lambda codes, _position: progress.update(codes),
            )
        except ResumeMismatchError:
            raise CommandError(f"{part} is no beginning of this export; remove it, and begin again") from None
        progress.update(codes)
    descriptor = os.open(part, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        size = os.fstat(descriptor).st_size
    finally:
        os.close(descriptor)
    part.rename(output)
    return codes, size
